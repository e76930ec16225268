/* The /proc and /sys files that libraries and runtimes read. */
#include "oracle_mem.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char text[1 << 20];
static const char* slurp(const char* path) {
    memset(text, 0, 65536);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return errno_name(errno);
    size_t have = 0;
    long n;
    while (have < sizeof(text) - 1 && (n = read(fd, text + have, sizeof(text) - 1 - have)) > 0)
        have += n;
    text[have] = 0;
    close(fd);
    return text;
}
static long field(const char* key) {
    const char* at = strstr(text, key);
    return at ? atol(at + strlen(key)) : -1;
}

TEST(links) {
    char link[4200], want[4200];
    memset(link, 0, sizeof(link));
    CHECK(readlink("/proc/self", link, 4096) > 0);
    CHECK_EQ(atoi(link), getpid());
    memset(link, 0, sizeof(link));
    CHECK(readlink("/proc/self/cwd", link, 4096) > 0);
    CHECK_STR(link, getcwd(want, 4096));
    memset(link, 0, sizeof(link));
    CHECK(readlink("/proc/self/root", link, 4096) > 0);
    CHECK_STR(link, "/");
    memset(link, 0, sizeof(link));
    CHECK(readlink("/proc/self/exe", link, 4096) > 0);
    CHECK(strstr(link, "/proc_files") != NULL);
    CHECK_EQ(access(link, X_OK), 0);
    int fd = CHECK_OK(open("/proc/self/exe", O_RDONLY));
    CHECK_EQ(read(fd, link, 4), 4);
    CHECK_MEM(link, "\177ELF", 4);
    close(fd);
    CHECK_ERRNO(open("/proc/self/exe", O_RDWR), ETXTBSY == errno ? ETXTBSY : errno);
    struct stat st;
    CHECK_OK(lstat("/proc/self/exe", &st));
    CHECK(S_ISLNK(st.st_mode));
    CHECK_OK(stat("/proc/self", &st));
    CHECK(S_ISDIR(st.st_mode));
    memset(link, 0, sizeof(link));
    CHECK(readlink("/proc/thread-self", link, 4096) > 0);
    sprintf(want, "%d/task/%d", getpid(), gettid());
    CHECK_STR(link, want);
}

TEST(stat_line) {
    prctl(PR_SET_NAME, "a (strange) one");
    slurp("/proc/self/stat");
    char want[64];
    sprintf(want, "%d (a (strange) one) R %d %d %d ", getpid(), getppid(), getpgrp(), getsid(0));
    CHECK_MEM(text, want, strlen(want));
    int fields = 0;
    for (char* p = strrchr(text, ')'); p && *p; p++)
        fields += *p == ' ';
    CHECK_EQ(fields, 50);
    long v[52] = {0};
    char* at = strrchr(text, ')') + 4;
    for (int i = 4; i < 52; i++)
        v[i] = strtoul(at, &at, 10);
    CHECK_EQ(v[20], 1);                       /* threads */
    CHECK(v[23] > 1 << 20);                   /* virtual size */
    CHECK(v[24] > 100);                       /* resident pages */
    CHECK((uintptr_t)v[28] > (uintptr_t)&at); /* start of the stack */
    CHECK(v[26] < v[27]);                     /* code */
    slurp("/proc/self/statm");
    long m[7];
    CHECK_EQ(
        sscanf(text, "%ld %ld %ld %ld %ld %ld %ld", m, m + 1, m + 2, m + 3, m + 4, m + 5, m + 6),
        7);
    CHECK(m[0] > m[1] && m[1] > m[2] && m[5] > 0);
    CHECK_EQ(m[4] + m[6], 0);
}

TEST(status_file) {
    slurp("/proc/self/status");
    CHECK_MEM(text, "Name:\ta (strange) one\n", 22);
    CHECK_EQ(field("\nPid:\t"), getpid());
    CHECK_EQ(field("\nTgid:\t"), getpid());
    CHECK_EQ(field("\nPPid:\t"), getppid());
    CHECK_EQ(field("\nUid:\t"), getuid());
    CHECK_EQ(field("\nThreads:\t"), 1);
    CHECK_EQ(field("\nTracerPid:\t"), 0);
    CHECK(field("\nVmSize:\t") > 1000);
    CHECK(field("\nVmRSS:\t") > 100);
    CHECK(field("\nVmPeak:\t") >= field("\nVmSize:\t"));
    CHECK(strstr(text, "\nState:\tR (running)\n") != NULL);
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    sigprocmask(SIG_BLOCK, &s, NULL);
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR1);
    slurp("/proc/self/status");
    CHECK(strstr(text, "\nSigBlk:\t0000000000000200\n") != NULL);
    CHECK(strstr(text, "\nSigIgn:\t") &&
          strtoul(strstr(text, "\nSigIgn:\t") + 9, NULL, 16) & 0x800);
    CHECK(strstr(text, "\nSigPnd:\t0000000000000200\n") != NULL);
    int signo;
    sigwait(&s, &signo);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    signal(SIGUSR2, SIG_DFL);
    mode_t old = umask(027);
    slurp("/proc/self/status");
    CHECK(strstr(text, "\nUmask:\t0027\n") != NULL);
    umask(old);
    CHECK(strstr(text, "\nCpus_allowed_list:\t") != NULL);
    CHECK(strstr(text, "\nvoluntary_ctxt_switches:\t") != NULL);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static volatile pid_t worker;
static void* work(void* p) {
    (void)p;
    prctl(PR_SET_NAME, "the worker");
    worker = gettid();
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return NULL;
}

TEST(tasks) {
    pthread_t t;
    char path[128];
    pthread_mutex_lock(&gate);
    pthread_create(&t, NULL, work, NULL);
    while (!worker)
        usleep(200);
    usleep(5000);
    sprintf(path, "/proc/self/task/%d/comm", worker);
    CHECK_STR(slurp(path), "the worker\n");
    CHECK_STR(slurp("/proc/self/comm"), "a (strange) one\n");
    sprintf(path, "/proc/self/task/%d/stat", worker);
    slurp(path);
    CHECK_EQ(atoi(text), worker);
    CHECK(strstr(text, "(the worker) S ") != NULL);
    slurp("/proc/self/status");
    CHECK_EQ(field("\nThreads:\t"), 2);
    sprintf(path, "/proc/%d/task/%d/status", getpid(), worker);
    slurp(path);
    CHECK_EQ(field("\nPid:\t"), worker);
    CHECK_EQ(field("\nTgid:\t"), getpid());
    pthread_mutex_unlock(&gate);
    pthread_join(t, NULL);
    sprintf(path, "/proc/self/task/%d/comm", worker);
    CHECK_STR(slurp(path), "ENOENT");
    CHECK_STR(slurp("/proc/4194303/stat"), "ENOENT");
}

TEST(memory_maps) {
    char* p = map_alone(10, PROT_READ | PROT_WRITE);
    memset(p, 1, 5 * PAGE);
    slurp("/proc/self/smaps");
    char want[64];
    sprintf(want, "%lx-%lx rw-p", (long)p, (long)p + 10 * PAGE);
    char* at = strstr(text, want);
    if (CHECK(at != NULL)) {
        char* size = strstr(at, "\nSize:");
        char* rss = strstr(at, "\nRss:");
        CHECK(size && atol(size + 6) == 40);
        CHECK(rss && atol(rss + 5) >= 20);
        CHECK(strstr(at, "\nVmFlags: rd wr mr mw me") != NULL);
    }
    munmap(p, 10 * PAGE);
    CHECK(!strstr(slurp("/proc/self/maps"), want));
    /* the kernel's format, byte for byte: the name starts in column 73 */
    char* stack = strstr(text, "[stack]");
    CHECK(stack != NULL);
    char* line = stack;
    while (line > text && line[-1] != '\n')
        line--;
    CHECK_EQ(stack - line, 73);
    /* small reads see the same file */
    int fd = open("/proc/self/maps", O_RDONLY);
    static char piece[1 << 16];
    size_t have = 0;
    long n;
    while ((n = read(fd, piece + have, 100)) > 0)
        have += n;
    piece[have] = 0;
    CHECK(strstr(piece, "[stack]") != NULL);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(read(fd, piece, 10), 10);
    close(fd);
}

TEST(memory_file) {
    int fd = open("/proc/self/mem", O_RDWR);
    if (fd < 0)
        SKIP("no /proc/self/mem: %s", errno_name(errno));
    char secret[] = "in memory", got[sizeof(secret)];
    CHECK_EQ(pread(fd, got, sizeof(got), (off_t)(uintptr_t)secret), sizeof(got));
    CHECK_STR(got, secret);
    CHECK_EQ(pwrite(fd, "IN", 2, (off_t)(uintptr_t)secret), 2);
    CHECK_STR(secret, "IN memory");
    CHECK_ERRNO(pread(fd, got, 5, 0x1000), EIO);
    close(fd);
}

TEST(system_files) {
    slurp("/proc/meminfo");
    CHECK(field("MemTotal:") > 65536);
    CHECK(field("MemFree:") > 0);
    CHECK(field("MemAvailable:") > 0);
    slurp("/proc/cpuinfo");
    CHECK(strstr(text, "processor\t: 0\n") != NULL);
    CHECK(strstr(text, "\nflags\t\t: ") && strstr(text, " sse2 "));
    CHECK(strstr(text, "model name\t: ") != NULL);
    slurp("/proc/stat");
    CHECK_MEM(text, "cpu  ", 5);
    CHECK(strstr(text, "\ncpu0 ") && strstr(text, "\nbtime "));
    double up = 0, idle = 0;
    CHECK_EQ(sscanf(slurp("/proc/uptime"), "%lf %lf", &up, &idle), 2);
    CHECK(up > 0);
    CHECK_EQ(sscanf(slurp("/proc/loadavg"), "%lf %lf", &up, &idle), 2);
    CHECK(!strncmp(slurp("/proc/version"), "Linux version ", 14));
    CHECK(strstr(slurp("/proc/filesystems"), "nodev\tproc\n") != NULL);
    CHECK(strstr(slurp("/proc/mounts"), " / ") != NULL);
    CHECK(strstr(slurp("/proc/self/mountinfo"), " / ") != NULL);
    CHECK(strstr(slurp("/proc/self/cgroup"), ":") != NULL);
    static const char* const numbers[] = {
        "/proc/sys/kernel/pid_max",           "/proc/sys/vm/overcommit_memory",
        "/proc/sys/vm/mmap_min_addr",         "/proc/sys/vm/max_map_count",
        "/proc/sys/kernel/threads-max",       "/proc/sys/fs/file-max",
        "/proc/sys/fs/pipe-max-size",         "/proc/sys/net/core/somaxconn",
        "/proc/sys/kernel/ngroups_max",       "/proc/sys/kernel/cap_last_cap",
        "/proc/sys/kernel/randomize_va_space"};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        slurp(numbers[i]);
        if (!CHECK(text[0] >= '0' && text[0] <= '9'))
            say("  %s\n", numbers[i]);
    }
    CHECK_STR(slurp("/proc/sys/kernel/ostype"), "Linux\n");
    CHECK(strlen(slurp("/proc/sys/kernel/osrelease")) > 3);
    CHECK(strlen(slurp("/proc/sys/kernel/hostname")) > 1);
    CHECK_EQ(strlen(slurp("/proc/sys/kernel/random/uuid")), 37);
    CHECK_EQ(strlen(slurp("/proc/sys/kernel/random/boot_id")), 37);
    CHECK(text[8] == '-' && text[23] == '-');
    CHECK(strchr(slurp("/sys/devices/system/cpu/online"), '0') != NULL);
    CHECK(strchr(slurp("/sys/devices/system/cpu/possible"), '0') != NULL);
    CHECK(strchr(slurp("/sys/devices/system/node/online"), '0') || !strcmp(text, "ENOENT"));
    CHECK_STR(slurp("/proc/nonesuch"), "ENOENT");
    CHECK_STR(slurp("/proc/self/nonesuch"), "ENOENT");
    CHECK_ERRNO(mkdir("/proc/x", 0755), ENOENT);
    CHECK_ERRNO(unlink("/proc/version"), geteuid() ? errno : EPERM);
}

TEST(own_files) {
    CHECK_STR(slurp("/proc/self/wchan"), text); /* whatever it says, it can be read */
    CHECK(atoi(slurp("/proc/self/oom_score")) >= 0);
    CHECK(strstr(slurp("/proc/self/oom_score_adj"), "\n") != NULL);
    slurp("/proc/self/io");
    CHECK(strstr(text, "rchar:") || !strcmp(text, "EACCES") || !strcmp(text, "ENOENT"));
    int fd = open("fdinfo-file", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    write(fd, "12345", 5);
    char path[64];
    sprintf(path, "/proc/self/fdinfo/%d", fd);
    slurp(path);
    CHECK_EQ(field("pos:\t"), 5);
    CHECK(strstr(text, "flags:\t02102002\n") != NULL);
    close(fd);
    CHECK_STR(slurp(path), "ENOENT");
    DIR* d = opendir("/proc/self");
    struct dirent* e;
    int known = 0;
    while (d && (e = readdir(d)))
        known += !strcmp(e->d_name, "maps") || !strcmp(e->d_name, "fd") ||
                 !strcmp(e->d_name, "status") || !strcmp(e->d_name, "exe");
    CHECK_EQ(known, 4);
    closedir(d);
    d = opendir("/proc");
    int self = 0;
    while (d && (e = readdir(d)))
        self += atoi(e->d_name) == getpid();
    CHECK_EQ(self, 1);
    closedir(d);
}
