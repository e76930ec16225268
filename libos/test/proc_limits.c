/* Limits that act: prlimit64, getrlimit and what the limits do. */
#include "oracle_mem.h"
#include <sys/resource.h>
#include <sys/stat.h>

static volatile int got_signal;
static void note(int signo) {
    got_signal = signo;
}

TEST(calls) {
    struct rlimit r, old;
    for (int i = 0; i < 16; i++) {
        CHECK_OK(getrlimit(i, &r));
        CHECK(r.rlim_cur <= r.rlim_max);
    }
    CHECK_ERRNO(getrlimit(16, &r), EINVAL);
    CHECK_ERRNO(getrlimit(-1, &r), EINVAL);
    getrlimit(RLIMIT_CORE, &old);
    r = (struct rlimit){5, 4};
    CHECK_ERRNO(setrlimit(RLIMIT_CORE, &r), EINVAL);
    CHECK_EQ(sc(SYS_prlimit64, 0, RLIMIT_CORE, 8, 0), -EFAULT);
    CHECK_EQ(sc(SYS_prlimit64, 0, RLIMIT_CORE, 0, 8), -EFAULT);
    CHECK_EQ(sc(SYS_prlimit64, 0x3ffffff, RLIMIT_CORE, 0, &r), -ESRCH);
    CHECK_EQ(sc(SYS_prlimit64, 0, 99, 0, &r), -EINVAL);
    r = old;
    r.rlim_cur = 0;
    CHECK_EQ(sc(SYS_prlimit64, getpid(), RLIMIT_CORE, &r, &old), 0);
    CHECK_OK(getrlimit(RLIMIT_CORE, &r));
    CHECK_EQ(r.rlim_cur, 0);
    getrlimit(RLIMIT_NOFILE, &r);
    if (geteuid()) {
        r.rlim_max++;
        CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &r), EPERM);
    }
    r.rlim_cur = r.rlim_max = 1UL << 40;
    CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &r), EPERM);
    /* what /proc says is what is set */
    CHECK_OK(getrlimit(RLIMIT_NOFILE, &r));
    char line[256], want[256];
    snprintf(want, sizeof(want), "Max open files            %-20lu %-20lu files", r.rlim_cur,
             r.rlim_max);
    FILE* f = fopen("/proc/self/limits", "r");
    bool found = false;
    while (f && fgets(line, sizeof(line), f))
        found |= !strncmp(line, want, strlen(want));
    CHECK(found);
    if (f)
        fclose(f);
}

TEST(file_size) {
    signal(SIGXFSZ, note);
    struct rlimit old, r;
    getrlimit(RLIMIT_FSIZE, &old);
    r = old;
    r.rlim_cur = 10;
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &r));
    int fd = open("sized", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK_EQ(write(fd, "0123456789abcdef", 16), 10);
    CHECK_EQ(got_signal, 0);
    CHECK_ERRNO(write(fd, "x", 1), EFBIG);
    CHECK_EQ(got_signal, SIGXFSZ);
    got_signal = 0;
    CHECK_ERRNO(ftruncate(fd, 11), EFBIG);
    CHECK_EQ(got_signal, SIGXFSZ);
    got_signal = 0;
    CHECK_ERRNO(pwrite(fd, "x", 1, 100), EFBIG);
    CHECK_ERRNO(fallocate(fd, 0, 0, 100), EFBIG);
    CHECK_OK(ftruncate(fd, 5));
    signal(SIGXFSZ, SIG_IGN);
    CHECK_ERRNO(pwrite(fd, "x", 1, 10), EFBIG);
    setrlimit(RLIMIT_FSIZE, &old);
    CHECK_EQ(pwrite(fd, "x", 1, 10), 1);
    int p[2];
    pipe(p);
    CHECK_EQ(write(p[1], "0123456789abcdef", 16), 16); /* not for pipes */
    close(p[0]);
    close(p[1]);
    close(fd);
    signal(SIGXFSZ, SIG_DFL);
}

TEST(address_space) {
    struct rlimit old, r;
    getrlimit(RLIMIT_AS, &old);
    r = old;
    r.rlim_cur = 1UL << 30;
    CHECK_OK(setrlimit(RLIMIT_AS, &r));
    CHECK_ERRNO(
        mmap(NULL, 2UL << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
        ENOMEM);
    char* p = map_anon(16, PROT_READ | PROT_WRITE);
    CHECK(p != NULL);
    CHECK_ERRNO(mremap(p, 16 * PAGE, 2UL << 30, MREMAP_MAYMOVE), ENOMEM);
    char* brk_now = (char*)sc(SYS_brk, 0);
    CHECK_EQ(sc(SYS_brk, brk_now + (2UL << 30)), brk_now);
    munmap(p, 16 * PAGE);
    setrlimit(RLIMIT_AS, &old);
    p = mmap(NULL, 2UL << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED);
    munmap(p, 2UL << 30);
}

TEST(data) {
    struct rlimit old, r;
    getrlimit(RLIMIT_DATA, &old);
    r = old;
    r.rlim_cur = 64 << 20;
    CHECK_OK(setrlimit(RLIMIT_DATA, &r));
    CHECK_ERRNO(mmap(NULL, 128 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                ENOMEM);
    void* p = mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED); /* only writable private memory counts */
    munmap(p, 128 << 20);
    char* now = (char*)sc(SYS_brk, 0);
    CHECK_EQ(sc(SYS_brk, now + (128 << 20)), now);
    setrlimit(RLIMIT_DATA, &old);
}

static volatile unsigned depth;
static sigjmp_buf out;
static void deep(int signo) {
    got_signal = signo;
    siglongjmp(out, 1);
}
static int recurse(int n) {
    volatile char pad[4096];
    pad[5] = n;
    depth = n;
    return recurse(n + 1) + pad[5];
}

TEST(stack) {
    struct rlimit old, r;
    getrlimit(RLIMIT_STACK, &old);
    r = old;
    r.rlim_cur = 4 << 20;
    CHECK_OK(setrlimit(RLIMIT_STACK, &r));
    static char alt[65536];
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};
    sigaltstack(&ss, NULL);
    struct sigaction sa = {.sa_handler = deep, .sa_flags = SA_ONSTACK};
    sigaction(SIGSEGV, &sa, NULL);
    if (!sigsetjmp(out, 1))
        recurse(0);
    CHECK_EQ(got_signal, SIGSEGV);
    CHECK(depth > 700 && depth < 1100);
    setrlimit(RLIMIT_STACK, &old);
    if (!sigsetjmp(out, 1))
        recurse(0);
    CHECK(depth > 1500 || old.rlim_cur < (8 << 20));
    signal(SIGSEGV, SIG_DFL);
    ss.ss_flags = SS_DISABLE;
    sigaltstack(&ss, NULL);
}
