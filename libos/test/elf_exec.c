/* execve and execveat: the program runs itself again in many ways; what the new image finds is
 * compared natively and under Culm. Each argument is one run; files go to the current directory. */
#define ORACLE_NO_MAIN
#include "oracle.h"
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

extern char** environ;
static char* self = "./elf_exec_self";
static char* const bad_pointer = (char*)8;

static void make_file(const char* name, const void* data, size_t size, mode_t mode) {
    unlink(name);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || fchmod(fd, mode) != 0)
        say("cannot make %s\n", name);
    close(fd);
}

static char* read_file(const char* name, size_t* size) {
    static char buf[2 << 20];
    int fd = open(name, O_RDONLY);
    ssize_t n, all = 0;
    while ((n = read(fd, buf + all, sizeof(buf) - 1 - all)) > 0)
        all += n;
    close(fd);
    buf[all] = 0;
    if (size)
        *size = all;
    return buf;
}

/* ---- what the new program reports ------------------------------------------------------------ */

static void report(int argc, char** argv) {
    say("argc %d\n", argc);
    for (int i = 0; i < argc && i < 12; i++)
        say("argv[%d] %s\n", i, argv[i]);
    int n = 0;
    for (char** e = environ; *e; e++)
        n++;
    say("environment %d, last %s\n", n, n ? environ[n - 1] : "-");
    say("execfn %s\n", (char*)getauxval(AT_EXECFN));
    char comm[17] = {0};
    prctl(PR_GET_NAME, comm);
    say("comm %s\n", comm);
    size_t size;
    read_file("/proc/self/cmdline", &size);
    size_t want = 0;
    for (int i = 0; i < argc; i++)
        want += strlen(argv[i]) + 1;
    say("cmdline %s\n", size == want ? "as argv" : "differs");
    struct stat st;
    say("descriptors 20: %s, 21: %s\n", fstat(20, &st) ? "closed" : "open",
        fstat(21, &st) ? "closed" : "open");
    struct sigaction sa;
    sigset_t mask;
    stack_t ss;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigaltstack(NULL, &ss);
    say("signals: blocked USR2 %d, pending USR2 %d", sigismember(&mask, SIGUSR2), 0);
    sigaction(SIGUSR1, NULL, &sa);
    say(", USR1 %s", sa.sa_handler == SIG_DFL ? "default" : "other");
    sigaction(SIGHUP, NULL, &sa);
    say(", HUP %s, altstack %s\n", sa.sa_handler == SIG_IGN ? "ignored" : "other",
        ss.ss_flags & SS_DISABLE ? "off" : "on");
    say("tid %s pid\n", gettid() == getpid() ? "==" : "!=");
}

static void long_report(int argc, char** argv) {
    size_t bytes = 0;
    unsigned long sum = 0;
    for (int i = 0; i < argc; i++) {
        bytes += strlen(argv[i]) + 1;
        for (char* p = argv[i]; *p; p++)
            sum = sum * 31 + (unsigned char)*p;
    }
    say("argc %d, %zu bytes, sum %lx\n", argc, bytes, sum);
}

/* ---- the ways
 * ------------------------------------------------------------------------------------ */

static void go(char** argv) {
    execv(self, argv);
    say("execv failed: %s\n", errno_name(errno));
}

static void handler(int signo) {
    (void)signo;
}

static void way_plain(void) {
    struct sigaction sa = {.sa_handler = handler};
    static char stack[65536];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
    sigset_t set;
    sigaction(SIGUSR1, &sa, NULL);
    signal(SIGHUP, SIG_IGN);
    sigaltstack(&ss, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = open("/dev/null", O_RDONLY);
    dup3(fd, 20, O_CLOEXEC);
    dup2(fd, 21);
    close(fd);
    mmap((void*)0x10000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
         0);
    go((char*[]){"other name", "report", "two words", "", "\xc3\xa4", NULL});
}

static void* exec_thread(void* arg) {
    (void)arg;
    go((char*[]){self, "report", "from a thread", NULL});
    return NULL;
}
static void* spin_thread(void* arg) {
    (void)arg;
    for (volatile unsigned long i = 0;; i++)
        ;
    return NULL;
}
static void* sleep_thread(void* arg) {
    (void)arg;
    for (;;)
        pause();
    return NULL;
}
static void way_thread(void) {
    pthread_t t;
    for (int i = 0; i < 6; i++)
        pthread_create(&t, NULL, i & 1 ? spin_thread : sleep_thread, NULL);
    pthread_create(&t, NULL, exec_thread, NULL);
    pause();
}

static void way_empty(void) {
    char* env[] = {NULL};
    execve(self, (char*[]){self, "report", NULL}, env);
}

static void way_no_argv(void) {
    char* env[] = {"A=1", NULL};
    /* argc 0: Linux makes it one empty string, so the new program lists its ways */
    execve(self, (char*[]){NULL}, env);
}

static void way_fexecve(void) {
    int fd = open(self, O_RDONLY | O_CLOEXEC);
    dup3(fd, 30, O_CLOEXEC);
    fexecve(30, (char*[]){"by descriptor", "report", NULL}, environ);
    say("fexecve failed: %s\n", errno_name(errno));
}

static void way_path_fd(void) {
    int fd = open(self, O_PATH);
    dup2(fd, 30);
    syscall(SYS_execveat, 30, "", (char*[]){"O_PATH", "report", NULL}, environ, AT_EMPTY_PATH);
    say("execveat failed: %s\n", errno_name(errno));
}

static void way_at(void) {
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    dup2(fd, 30);
    syscall(SYS_execveat, 30, "elf_exec_self", (char*[]){"at", "report", NULL}, environ, 0);
    say("execveat failed: %s\n", errno_name(errno));
}

static void run_script(const char* line, char* arg) {
    make_file("elf_exec_script", line, strlen(line), 0700);
    execv("./elf_exec_script", (char*[]){"argv0 is lost", arg, NULL});
    say("script failed: %s\n", errno_name(errno));
}
static void way_script(void) {
    run_script("#!./elf_exec_self report\nrest\n", "more");
}
static void way_script_args(void) {
    run_script("#! \t ./elf_exec_self   report all one argument \t \nrest", "more");
}
static void way_script_of_script(void) {
    make_file("elf_exec_inner", "#!./elf_exec_self report\n", 25, 0700);
    run_script("#!./elf_exec_inner inner\n", "more");
}

static void way_deep(void) {
    char name[32], line[64];
    make_file("elf_exec_s0", "#!./elf_exec_self report\n", 25, 0700);
    for (int i = 1; i < 8; i++) {
        snprintf(name, sizeof(name), "elf_exec_s%d", i);
        snprintf(line, sizeof(line), "#!./elf_exec_s%d\n", i - 1);
        make_file(name, line, strlen(line), 0700);
    }
    for (int i = 7; i >= 0; i--) {
        snprintf(name, sizeof(name), "./elf_exec_s%d", i);
        execv(name, (char*[]){name, NULL});
        say("depth %d: %s\n", i, errno_name(errno));
    }
}

static void way_big(void) {
    static char big[131072];
    static char* argv[3000];
    memset(big, 'b', sizeof(big));
    struct rlimit r;
    getrlimit(RLIMIT_STACK, &r);
    r.rlim_cur = 8 << 20;
    setrlimit(RLIMIT_STACK, &r);
    char* env[] = {NULL};
    argv[0] = self;
    argv[1] = "long";
    argv[2] = big; /* no NUL within 131072 bytes: one too long */
    char save = big[131071];
    big[131071] = 0;
    big[131070] = 'x';
    (void)save;
    for (int i = 3; i < 20; i++)
        argv[i] = big; /* 17 * 128 KiB > 2 MiB */
    argv[20] = NULL;
    execve(self, argv, env);
    say("too many bytes: %s\n", errno_name(errno));
    argv[3] = NULL;
    static char longer[131073];
    memset(longer, 'l', 131072);
    argv[2] = longer;
    execve(self, argv, env);
    say("too long: %s\n", errno_name(errno));
    argv[2] = big;
    for (int i = 3; i < 15; i++)
        argv[i] = big;
    for (int i = 15; i < 2999; i++)
        argv[i] = "x";
    argv[2999] = NULL;
    execve(self, argv, env);
    say("big: %s\n", errno_name(errno));
}

/* ---- errors
 * ------------------------------------------------------------------------------------------ */

static void try_file(const char* what, const void* data, size_t size, mode_t mode) {
    make_file("elf_exec_bad", data, size, mode);
    execve("./elf_exec_bad", (char*[]){"bad", NULL}, environ);
    say("%s: %s\n", what, errno_name(errno));
}
#define TRY(what, text) try_file(what, text, sizeof(text) - 1, 0700)

static void way_errors(void) {
    char* argv[] = {"x", NULL};
#define FAILS(path)                                                                                \
    do {                                                                                           \
        execve(path, argv, environ);                                                               \
        say("%s: %s\n", #path, errno_name(errno));                                                 \
    } while (0)
    FAILS("./elf_exec_missing");
    FAILS("");
    FAILS(".");
    FAILS("/dev/null");
    FAILS("./elf_exec_self/");
    FAILS("./elf_exec_self/below");
    FAILS(bad_pointer);
    symlink("elf_exec_loop", "elf_exec_loop");
    FAILS("./elf_exec_loop");
    unlink("elf_exec_fifo");
    mkfifo("elf_exec_fifo", 0777);
    FAILS("./elf_exec_fifo");
    char longest[5000];
    memset(longest, 'a', sizeof(longest));
    longest[4999] = 0;
    FAILS(longest);
    execve(self, (char**)bad_pointer, environ);
    say("argv: %s\n", errno_name(errno));
    execve(self, argv, (char**)bad_pointer);
    say("envp: %s\n", errno_name(errno));
    char* bad[] = {"x", (char*)16, NULL};
    execve(self, bad, environ);
    say("argv[1]: %s\n", errno_name(errno));
    syscall(SYS_execveat, AT_FDCWD, self, argv, environ, 0x10);
    say("flags: %s\n", errno_name(errno));
    syscall(SYS_execveat, 77, "", argv, environ, AT_EMPTY_PATH);
    say("descriptor: %s\n", errno_name(errno));
    unlink("elf_exec_link");
    symlink("elf_exec_self", "elf_exec_link");
    syscall(SYS_execveat, AT_FDCWD, "elf_exec_link", argv, environ, AT_SYMLINK_NOFOLLOW);
    say("link: %s\n", errno_name(errno));
    /* AT_EXECVE_CHECK, Linux 6.14 */
    say("check of itself: %s\n",
        errno_name(-sc(SYS_execveat, AT_FDCWD, self, argv, environ, 0x10000)));
    say("check of nothing: %s\n",
        errno_name(-sc(SYS_execveat, AT_FDCWD, "./elf_exec_missing", argv, environ, 0x10000)));
    make_file("elf_exec_bad", "text", 4, 0700);
    say("check of a text: %s\n",
        errno_name(-sc(SYS_execveat, AT_FDCWD, "./elf_exec_bad", argv, environ, 0x10000)));
    TRY("empty", "");
    TRY("text", "just text\n");
    TRY("magic only", "\177ELF");
    TRY("no interpreter named", "#!\n");
    TRY("spaces only", "#!   \n");
    TRY("interpreter missing", "#!/no/such/interpreter\n");
    TRY("interpreter is a directory", "#!/\n");
    TRY("hash only", "#");
    try_file("not executable", "#!/bin/true\n", 12, 0600);
    char line[400] = "#!/";
    memset(line + 3, 'i', 300);
    try_file("line too long", line, 303, 0700);
}

static size_t elf_size;
static char* elf_copy;

static void fresh_copy(void) {
    const char* data = read_file(self, &elf_size);
    if (!elf_copy)
        elf_copy = malloc(4 << 20);
    memcpy(elf_copy, data, elf_size);
}

static void try_elf(const char* what) {
    try_file(what, elf_copy, elf_size, 0700);
    fresh_copy();
}

static Elf64_Phdr* find_phdr(uint32_t type) {
    Elf64_Ehdr* h = (Elf64_Ehdr*)elf_copy;
    Elf64_Phdr* ph = (Elf64_Phdr*)(elf_copy + h->e_phoff);
    for (int i = 0; i < h->e_phnum; i++) {
        if (ph[i].p_type == type)
            return &ph[i];
    }
    abort();
}

static void way_elf(void) {
    fresh_copy();
    Elf64_Ehdr* h = (Elf64_Ehdr*)elf_copy;
    h->e_machine = EM_AARCH64;
    try_elf("machine");
    h->e_type = ET_REL;
    try_elf("relocatable");
    h->e_type = ET_CORE;
    try_elf("core");
    h->e_phnum = 0;
    try_elf("no headers");
    h->e_phentsize = 55;
    try_elf("header size");
    h->e_phoff = 1UL << 40;
    try_elf("headers beyond the file");
    h->e_phoff = ~0UL - 4095;
    try_elf("headers nowhere");
    h->e_phnum = 0xfff0;
    try_elf("many headers");
    find_phdr(PT_INTERP)->p_filesz = 1;
    try_elf("interpreter of no length");
    find_phdr(PT_INTERP)->p_filesz = 5000;
    try_elf("interpreter of any length");
    find_phdr(PT_INTERP)->p_filesz--;
    try_elf("interpreter without end");
    find_phdr(PT_INTERP)->p_offset = 1UL << 40;
    try_elf("interpreter beyond the file");
    strcpy(elf_copy + find_phdr(PT_INTERP)->p_offset, "/no/such/file");
    try_elf("interpreter missing");
    strcpy(elf_copy + find_phdr(PT_INTERP)->p_offset, "/etc/passwd");
    try_elf("interpreter not executable");
    strcpy(elf_copy + find_phdr(PT_INTERP)->p_offset, "./elf_exec_script");
    make_file("elf_exec_script", "#!/bin/sh\n#padding to make it longer than a header........", 60,
              0700);
    try_elf("interpreter is a script");
    strcpy(elf_copy + find_phdr(PT_INTERP)->p_offset, "./elf_exec_script");
    make_file("elf_exec_script", "short", 5, 0700);
    try_elf("interpreter is short");
}

/* Past the point of no return: SIGSEGV is all that is left. */
static void way_elf_segv(void) {
    fresh_copy();
    find_phdr(PT_LOAD)->p_vaddr = 0x7ffffffff000;
    try_elf("segment out of range");
}
static void way_elf_truncated(void) {
    fresh_copy();
    try_file("truncated", elf_copy, 3000, 0700);
}

static const struct {
    const char* name;
    void (*run)(void);
} ways[] = {
    {"plain", way_plain},
    {"thread", way_thread},
    {"empty", way_empty},
    {"no-argv", way_no_argv},
    {"fexecve", way_fexecve},
    {"path-fd", way_path_fd},
    {"at", way_at},
    {"script", way_script},
    {"script-args", way_script_args},
    {"script-of-script", way_script_of_script},
    {"deep", way_deep},
    {"big", way_big},
    {"errors", way_errors},
    {"elf", way_elf},
    {"elf-segv", way_elf_segv},
    {"elf-truncated", way_elf_truncated},
};

int main(int argc, char** argv) {
    const char* how = argc > 1 ? argv[1] : "";
    if (!strncmp(how, "report", 6)) {
        report(argc, argv);
        return 7;
    }
    if (!strcmp(how, "long")) {
        long_report(argc, argv);
        return 8;
    }
    size_t size;
    char* image = read_file("/proc/self/exe", &size);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (!strcmp(how, ways[i].name)) {
            make_file(self, image, size, 0700);
            ways[i].run();
            return 0;
        }
    }
    say("argc %d, argv[0] \"%s\": no way\n", argc, argv[0]);
    return 99;
}
