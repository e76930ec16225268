/*
 * Start of the PAL: command line, control block, manifest, LibOS.
 *
 *   culm-pal [--manifest-fd N | --manifest FILE] [--libos FILE | --bare FILE] [--parent-fd N]
 *            [--entrypoint URI] [--log-level L] [--trap auto|sud|seccomp] -- ARGV...
 *
 * Exit status when the start fails, whatever the reason: 125, as the culm command documents it.
 */
#include "host_internal.h"
#include "loader.h"
#include "manifest.h"
#include "toml.h"

#include <linux/auxvec.h>

#define O_RDONLY_CLOEXEC 02000000

PAL_CONTROL g_control;
int g_pid;
const char* g_manifest_text;
const char *g_image_option = "--libos", *g_image_path;

static struct options {
    const char *manifest, *log_level, *entrypoint, *trap;
    long manifest_fd, parent_fd;
} g_options = {.manifest_fd = -1, .parent_fd = -1};

static PAL_NUM g_auxv[64]; /* by AT_* number */
static char g_cwd[4096];
static struct {
    char sysname[65], nodename[65], release[65], version[65], machine[65], domain[65];
} g_uname;

PAL_CONTROL* PalGetPalControl(void) {
    return &g_control;
}

PAL_CONTROL* pal_control_addr(void) {
    return &g_control;
}

/* ---- Command line
 * ---------------------------------------------------------------------------------- */

static long parse_fd(const char* option, const char* text) {
    const char* at = text;
    PAL_NUM n = host_parse_number(&at);
    if (!*text || *at || n > INT32_MAX)
        host_die(HOST_START_FAILED, "option %s wants a descriptor number, not '%s'", option, text);
    return n;
}

static void set_option(const char* name, const char* value) {
    if (!strcmp(name, "--manifest"))
        g_options.manifest = value;
    else if (!strcmp(name, "--manifest-fd"))
        g_options.manifest_fd = parse_fd(name, value);
    else if (!strcmp(name, "--parent-fd"))
        g_options.parent_fd = parse_fd(name, value);
    else if (!strcmp(name, "--libos") || !strcmp(name, "--bare")) {
        g_image_option = name;
        g_image_path = value;
    } else if (!strcmp(name, "--log-level"))
        g_options.log_level = value;
    else if (!strcmp(name, "--entrypoint"))
        g_options.entrypoint = value;
    else if (!strcmp(name, "--trap"))
        g_options.trap = value;
    else
        host_die(HOST_START_FAILED,
                 "unknown option %s; usage: culm-pal [--manifest FILE] [--libos FILE] -- ARGV...",
                 name);
}

/* Returns the guest's argv: what follows "--". */
static char** parse_options(char** argv) {
    static char* none[] = {NULL};
    for (argv++; *argv; argv += 2) {
        if (!strcmp(*argv, "--"))
            return argv + 1;
        if (strncmp(*argv, "--", 2) != 0)
            host_die(HOST_START_FAILED,
                     "unexpected argument '%s': the program's arguments go behind --", *argv);
        if (!argv[1])
            host_die(HOST_START_FAILED, "option %s wants a value", *argv);
        set_option(argv[0], argv[1]);
    }
    return none;
}

static const char* const g_log_names[] = {"none", "error", "warning", "debug", "trace", "all"};

static void apply_log_level(void) {
    const char* text = g_options.log_level;
    g_control.log_level = PAL_LOG_ERROR;
    if (!text)
        return;
    for (int i = 0; i <= PAL_LOG_ALL; i++) {
        if (!strcmp(text, g_log_names[i]) || (text[0] == '0' + i && !text[1])) {
            g_control.log_level = i;
            return;
        }
    }
    host_die(HOST_START_FAILED, "unknown log level '%s': none, error, warning, debug, trace or all",
             text);
}

static void apply_trap(const char* text) {
    if (!text)
        return;
    if (!strcmp(text, "seccomp"))
        g_trap_kind = TRAP_SECCOMP;
    else if (strcmp(text, "sud") != 0 && strcmp(text, "auto") != 0)
        host_die(HOST_START_FAILED, "unknown trap '%s': auto, sud or seccomp", text);
}

/* ---- Control block
 * --------------------------------------------------------------------------------- */

static PAL_NUM mmap_min_addr(void) {
    char text[32];
    const char* at = text;
    /* 64 KiB is the default of the kernel and of every distribution; more is set by hand. */
    return host_read_file("/proc/sys/vm/mmap_min_addr", text, sizeof(text)) > 0
               ? host_parse_number(&at)
               : 65536;
}

static void fill_control(char** guest_argv, char** envp) {
    PAL_NUM low = PAGE_UP(mmap_min_addr());
    g_control.process_id = g_pid;
    g_control.user_address.start = (PAL_PTR)(low > 0x10000 ? low : 0x10000);
    g_control.user_address.end = (PAL_PTR)LIBOS_START;
    g_control.libos_address = (PAL_PTR_RANGE){(PAL_PTR)LIBOS_START, (PAL_PTR)LIBOS_END};
    g_control.alloc_align = PAGE_SIZE;
    g_control.capabilities = PAL_CAP_FORK | PAL_CAP_SHARED_MEM | PAL_CAP_WAITSET | PAL_CAP_REMAP;
    g_control.cpu_info.hwcap = g_auxv[AT_HWCAP];
    g_control.cpu_info.hwcap2 = g_auxv[AT_HWCAP2];
    g_control.host_minsigstksz = g_auxv[51 /* AT_MINSIGSTKSZ */];
    g_control.host_argv = (PAL_STR*)guest_argv;
    g_control.host_envp = (PAL_STR*)envp;
    g_control.host_uid = g_auxv[AT_UID];
    g_control.host_gid = g_auxv[AT_GID];
    g_control.host_euid = g_auxv[AT_EUID];
    g_control.host_egid = g_auxv[AT_EGID];
}

static void fill_host_names(void) {
    long mask = host_syscall(__NR_umask, 0);
    host_syscall(__NR_umask, mask);
    g_control.host_umask = mask;
    g_control.host_cwd = host_syscall(__NR_getcwd, g_cwd, sizeof(g_cwd)) > 0 ? g_cwd : "/";
    host_syscall(__NR_uname, &g_uname);
    g_control.host_release = g_uname.release;
    g_control.host_name = g_uname.nodename;
}

/* ---- Files at start
 * -------------------------------------------------------------------------------- */

static long open_or_die(const char* path, const char* what) {
    long fd = host_syscall(__NR_open, path, O_RDONLY_CLOEXEC);
    if (fd < 0)
        host_die(HOST_START_FAILED, "cannot open %s %s: %s", what, path,
                 pal_strerror(host_error(fd)));
    return fd;
}

/* libculm.so beside this program. */
static void default_image_path(void) {
    static char path[4096];
    static const char name[] = "libculm.so";
    long n = host_syscall(__NR_readlink, "/proc/self/exe", path, sizeof(path) - sizeof(name));
    if (n < 0)
        host_die(HOST_START_FAILED, "cannot find the LibOS: give --libos FILE");
    path[n > 0 ? n : 0] = '\0';
    strlcpy(strrchr(path, '/') + 1, name, sizeof(name));
    g_image_path = path;
}

#define MANIFEST_MAX (16UL << 20)

static void read_manifest(void) {
    const char* name = g_options.manifest ? g_options.manifest : "manifest";
    long fd = g_options.manifest_fd;
    if (g_options.manifest)
        fd = open_or_die(name, "manifest");
    if (fd < 0)
        return;
    long size = host_syscall(__NR_lseek, fd, 0, 2);
    if (size < 0 || size > (long)MANIFEST_MAX)
        host_die(HOST_START_FAILED, "cannot read %s: not a file of at most 16 MiB", name);
    char* text = host_map_internal(size + 1);
    long at = 0;
    while (text && at < size) {
        long n = host_syscall(__NR_pread64, fd, text + at, size - at, at);
        if (n < 0)
            host_die(HOST_START_FAILED, "cannot read %s: %s", name, pal_strerror(host_error(n)));
        if (n == 0)
            break;
        at += n;
    }
    if (!text)
        host_die(HOST_START_FAILED, "out of memory for %s", name);
    host_syscall(__NR_close, fd);
    g_manifest_text = text;
    g_control.manifest_preload = (PAL_PTR_RANGE){text, text + at};
}

static void* manifest_alloc(void* arg, size_t size) {
    (void)arg;
    return host_map_internal(size);
}

/* The log is the user's own file, opened with the user's rights: nothing of the guest's. */
static void open_log(const char* path) {
    long fd = host_syscall(__NR_openat, -100 /* AT_FDCWD */, path,
                           02001 | 0100 | O_RDONLY_CLOEXEC /* WRONLY APPEND CREAT */, 0644);
    if (fd < 0)
        host_die(HOST_START_FAILED, "cannot open the log file %s: %s", path,
                 pal_strerror(host_error(fd)));
    if (host_handle_wrap(PAL_TYPE_FILE, fd, HANDLE_WRITABLE, &g_control.log_handle))
        host_die(HOST_START_FAILED, "out of memory");
}

static void disable_capabilities(const toml_table_t* root) {
    static const struct {
        const char* name;
        PAL_NUM bit;
    } names[] = {{"fork", PAL_CAP_FORK},
                 {"shared_mem", PAL_CAP_SHARED_MEM},
                 {"waitset", PAL_CAP_WAITSET},
                 {"remap", PAL_CAP_REMAP},
                 {"vdso", PAL_CAP_VDSO}};
    const toml_value_t* list = toml_get_path(root, "sys.debug__disable_capabilities");
    for (size_t i = 0; list && list->type == TOML_ARRAY && i < toml_array_count(list->array); i++) {
        const toml_value_t* item = toml_array_item(list->array, i);
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
            if (item->type == TOML_STRING && !strcmp(item->string.text, names[k].name))
                g_control.capabilities &= ~names[k].bit;
    }
}

/* For a manifest that the culm command has not checked already. */
static void report(void* arg, bool is_error, uint32_t line, const char* text) {
    host_log(is_error ? PAL_LOG_ERROR : PAL_LOG_WARNING, "%s:%u: %s", (const char*)arg, line, text);
}

/* The keys the PAL itself obeys; the LibOS reads the rest from the same tree. */
static void apply_manifest(void) {
    static const toml_memory_t memory = {.alloc = manifest_alloc};
    toml_error_t error;
    if (!g_manifest_text)
        return;
    size_t size = (char*)g_control.manifest_preload.end - g_manifest_text;
    toml_table_t* root = toml_parse(g_manifest_text, size, &memory, &error);
    if (!root)
        host_die(HOST_START_FAILED, "%s:%u:%u: %s",
                 g_options.manifest ? g_options.manifest : "manifest", error.line, error.column,
                 error.message);
    g_control.manifest_root = root;
    if (g_options.manifest && manifest_check(root, false, report, (void*)g_options.manifest))
        PalProcessExit(HOST_START_FAILED);
    const toml_value_t* value = toml_get_path(root, "libos.entrypoint");
    if (value && value->type == TOML_STRING)
        g_control.executable = value->string.text;
    value = toml_get_path(root, "loader.log_level");
    if (value && value->type == TOML_STRING && !g_options.log_level)
        g_options.log_level = value->string.text;
    value = toml_get_path(root, "loader.insecure__disable_aslr");
    g_control.disable_aslr = value && value->type == TOML_BOOL && value->boolean;
    value = toml_get_path(root, "sys.debug__host_trap");
    if (value && value->type == TOML_STRING && !g_options.trap)
        g_options.trap = value->string.text;
    disable_capabilities(root);
    value = toml_get_path(root, "loader.log_file");
    if (value && value->type == TOML_STRING)
        open_log(value->string.text);
}

static void open_parent(void) {
    PAL_HANDLE handle;
    uint64_t salt[2];
    if (g_options.parent_fd < 0) {
        if (g_auxv[AT_RANDOM])
            host_instance_salt_set((const uint64_t*)g_auxv[AT_RANDOM]);
        return;
    }
    if (host_syscall(__NR_read, g_options.parent_fd, salt, sizeof(salt)) != sizeof(salt))
        host_die(HOST_START_FAILED, "descriptor %ld is no stream to the parent process",
                 g_options.parent_fd);
    host_instance_salt_set(salt);
    host_syscall(__NR_fcntl, g_options.parent_fd, 2 /* F_SETFD */, 1 /* FD_CLOEXEC */);
    if (host_handle_wrap(PAL_TYPE_PROCESS, g_options.parent_fd, HANDLE_READABLE | HANDLE_WRITABLE,
                         &handle))
        host_die(HOST_START_FAILED, "out of memory");
    g_control.parent_process = handle;
}

/* ---- Start
 * ----------------------------------------------------------------------------------------- */

static void enter_image(void* arg) {
    struct pal_image* image = arg;
    pal_entry_t entry = image->entry;
    host_thread_arm_first();
    entry(&g_control);
    host_die(HOST_START_FAILED, "%s: the entry point returned; it must end with PalProcessExit",
             g_image_path);
}

static void load_image(struct pal_image* image) {
    if (!g_image_path)
        default_image_path();
    long fd = open_or_die(g_image_path, g_image_option[2] == 'b' ? "program" : "LibOS");
    pal_load_image(g_image_path, fd, image);
    host_syscall(__NR_close, fd);
    host_protect_image(image->base, image->end);
}

static void read_auxv(char** envp) {
    while (*envp)
        envp++;
    for (PAL_NUM* aux = (PAL_NUM*)(envp + 1); aux[0] != AT_NULL; aux += 2) {
        if (aux[0] < sizeof(g_auxv) / sizeof(g_auxv[0]))
            g_auxv[aux[0]] = aux[1];
    }
}

_Noreturn void host_main(PAL_NUM* sp) {
    static struct pal_image image;
    char** argv = (char**)(sp + 1);
    char** envp = argv + *sp + 1;
    read_auxv(envp);
    g_pid = host_syscall(__NR_getpid);
    char** guest_argv = parse_options(argv);
    fill_control(guest_argv, envp);
    fill_host_names();
    host_clock_init(g_auxv[AT_SYSINFO_EHDR]);
    host_system_init();
    host_thread_init_first();
    host_exceptions_init();
    read_manifest();
    apply_manifest();
    apply_log_level();
    apply_trap(g_options.trap);
    if (g_options.entrypoint)
        g_control.executable = g_options.entrypoint;
    open_parent();
    load_image(&image);
    host_call_on_stack(host_tcb()->stack_top, enter_image, &image);
}
