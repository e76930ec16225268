/* Stacks that grow down: the main one and those of MAP_GROWSDOWN, by the program's faults and by
 * system calls whose buffer lies below; what is shown of them, limits, and what else may lie there.
 */
#include "oracle_mem.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define RW (PROT_READ | PROT_WRITE)
#define PA (MAP_PRIVATE | MAP_ANONYMOUS)
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static struct map main_stack(void) {
    struct map m = {0};
    int local;
    CHECK(map_of(&local, &m));
    return m;
}

static int filled_pipe(const char* text) {
    int fds[2];
    if (pipe(fds) < 0 || write(fds[1], text, strlen(text)) < 0)
        return -1;
    close(fds[1]);
    return fds[0];
}

static sigjmp_buf back;
static volatile int fault_signal, fault_code;
static void on_fault(int signo, siginfo_t* info, void* context) {
    (void)context;
    fault_signal = signo;
    fault_code = info->si_code;
    siglongjmp(back, 1);
}

static void catch_faults(void) {
    static char alt[65536];
    stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)};
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_ONSTACK | SA_SIGINFO};
    sigaltstack(&ss, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
}

/* 0, or the si_code of the fault. */
static int touch(volatile char* p) {
    fault_signal = fault_code = 0;
    if (sigsetjmp(back, 1) == 0)
        *p = 1;
    return fault_signal ? fault_code : 0;
}

TEST(shown_as_it_grows) {
    struct map m = main_stack(), n;
    CHECK_STR(m.name, "[stack]");
    CHECK(m.end - m.start < 1 << 20);
    volatile char* deep = (char*)m.start - 1000 * PAGE;
    CHECK_ERRNO(mincore((void*)((uintptr_t)deep & -PAGE), PAGE, (unsigned char*)&n), ENOMEM);
    CHECK_ERRNO(mprotect((void*)((uintptr_t)deep & -PAGE), PAGE, RW), ENOMEM);
    CHECK_ERRNO(madvise((void*)((uintptr_t)deep & -PAGE), PAGE, MADV_NORMAL), ENOMEM);
    *deep = 7;
    n = main_stack();
    CHECK_EQ(n.start, (uintptr_t)deep & -PAGE);
    CHECK_EQ(n.end, m.end);
    CHECK_OK(mprotect((void*)n.start, PAGE, RW));
    CHECK_EQ(*deep, 7);
}

TEST(calls_grow_it) {
    struct map m = main_stack();
    char* p = (char*)m.start - 50 * PAGE + 100;
    int fd = filled_pipe("hello stack");
    CHECK_EQ(read(fd, p, 5), 5);
    CHECK_MEM(p, "hello", 5);
    CHECK_EQ(main_stack().start, (uintptr_t)p & -PAGE);
    p -= 20 * PAGE;
    struct iovec v[2] = {{p, 3}, {p - 10 * PAGE, 3}};
    CHECK_EQ(readv(fd, v, 2), 6);
    CHECK_MEM(p, " st", 3);
    CHECK_MEM(p - 10 * PAGE, "ack", 3);
    close(fd);
    p -= 30 * PAGE;
    CHECK_EQ(fstat(0, (struct stat*)p), 0);
    p -= 30 * PAGE;
    CHECK_EQ(sc(SYS_clock_gettime, 0, p), 0);
    CHECK(*(long*)p > 0);
    p -= 30 * PAGE;
    NEED(pipe((int*)p) == 0);
    int* ends = (int*)p;
    p -= 30 * PAGE;
    CHECK_EQ(write(ends[1], p, 8), 8); /* the zeros of a page that was not there */
    CHECK_EQ(read(ends[0], p - 9 * PAGE, 8), 8);
    CHECK_EQ(*(long*)(p - 9 * PAGE), 0);
    close(ends[0]);
    close(ends[1]);
}

static char* reserve(size_t pages) {
    char* p = mmap(NULL, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(p, pages * PAGE);
    return p;
}

TEST(of_ones_own) {
    catch_faults();
    char* base = reserve(1024);
    char* top = base + 1000 * PAGE;
    NEED(mmap(top, PAGE, RW, PA | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == top);
    int fd = filled_pipe("0123456789abcdef");
    CHECK_EQ(read(fd, top - 8, 16), 16);
    CHECK_MEM(top - 8, "0123456789abcdef", 16);
    close(fd);
    for (int i = 2; i <= 200; i += 3)
        CHECK_EQ(touch(top - i * (long)PAGE), 0);
    struct map m;
    CHECK(map_of(top, &m));
    CHECK_EQ(m.start, (uintptr_t)top - 200 * PAGE);
    /* a change in the middle of what grew */
    CHECK_OK(mprotect(top - 100 * PAGE, 10 * PAGE, PROT_READ));
    CHECK_EQ(touch(top - 95 * PAGE), SEGV_ACCERR);
    CHECK_EQ(touch(top - 89 * PAGE), 0);
    CHECK_EQ(touch(top - 101 * PAGE), 0);
    CHECK_OK(munmap(top - 300 * PAGE, 250 * PAGE));
    CHECK(map_of(top, &m));
    CHECK_EQ(m.start, (uintptr_t)top - 50 * PAGE);
    CHECK_EQ(touch(top - 60 * PAGE), 0); /* and it grows again */
    CHECK_OK(munmap(top - 300 * PAGE, 301 * PAGE));
    CHECK_EQ(touch(top), SEGV_MAPERR);
    CHECK_EQ(touch(top - 55 * PAGE), SEGV_MAPERR);
}

TEST(replaced_where_it_grew) {
    char* base = reserve(1024);
    char* top = base + 1000 * PAGE;
    NEED(mmap(top, PAGE, RW, PA | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == top);
    top[-20 * (long)PAGE] = 4;
    top[-1] = 5;
    char* in = top - 10 * PAGE;
    CHECK_ERRNO(mmap(in, PAGE, RW, PA | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    CHECK(mmap(in, PAGE, RW, PA | MAP_FIXED, -1, 0) == in);
    CHECK_EQ(in[0], 0);
    CHECK_EQ(top[-20 * (long)PAGE], 4);
    CHECK_EQ(top[-1], 5);
    struct map m;
    CHECK(map_of(top - 15 * PAGE, &m));
    CHECK_EQ(m.end - m.start, 10 * PAGE);
    munmap(top - 20 * PAGE, 21 * PAGE);
}

TEST(guard_gap) {
    catch_faults();
    char* base = reserve(1024);
    char* top = base + 1000 * PAGE;
    char* below = top - 400 * PAGE;
    NEED(mmap(top, PAGE, RW, PA | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == top);
    NEED(mmap(below, PAGE, RW, PA | MAP_FIXED_NOREPLACE, -1, 0) == below);
    CHECK_EQ(touch(below + PAGE + 255 * PAGE), SEGV_MAPERR);
    CHECK_EQ(touch(below + PAGE + 256 * PAGE), 0);
    int fd = filled_pipe("x");
    CHECK_ERRNO(read(fd, below + 100 * PAGE, 1), EFAULT);
    close(fd);
    struct map m;
    CHECK(map_of(top, &m));
    CHECK_EQ(m.start, (uintptr_t)below + 257 * PAGE);
    /* a mapping that must go somewhere does not come near */
    char* p = mmap(top - 30 * PAGE, PAGE, RW, PA, -1, 0);
    CHECK(p < below || p > top);
    munmap(p, PAGE);
    munmap(below, 401 * PAGE);
}

TEST(limits) {
    catch_faults();
    struct rlimit old, r;
    getrlimit(RLIMIT_STACK, &old);
    struct map m = main_stack();
    size_t now = m.end - m.start;
    r = old;
    r.rlim_cur = now + 16 * PAGE;
    NEED_OK(setrlimit(RLIMIT_STACK, &r));
    CHECK_EQ(touch((char*)m.end - r.rlim_cur - 1), SEGV_MAPERR);
    CHECK_EQ(touch((char*)m.end - r.rlim_cur), 0);
    int fd = filled_pipe("xy");
    CHECK_ERRNO(read(fd, (char*)m.end - r.rlim_cur - 5, 1), EFAULT);
    r.rlim_cur += 64 * PAGE;
    NEED_OK(setrlimit(RLIMIT_STACK, &r));
    CHECK_EQ(read(fd, (char*)m.end - r.rlim_cur, 1), 1);
    CHECK_EQ(touch((char*)m.end - r.rlim_cur - 1), SEGV_MAPERR);
    close(fd);
    CHECK_EQ(main_stack().start, m.end - r.rlim_cur);
    r.rlim_cur = 4 * PAGE; /* below what is there: nothing goes away */
    NEED_OK(setrlimit(RLIMIT_STACK, &r));
    CHECK_EQ(main_stack().end - main_stack().start, now + 80 * PAGE);
    CHECK_EQ(touch((char*)m.end - now - 80 * PAGE), 0);
    CHECK_EQ(touch((char*)m.end - now - 81 * PAGE), SEGV_MAPERR);
    setrlimit(RLIMIT_STACK, &old);
    CHECK_EQ(touch((char*)m.end - now - 90 * PAGE), 0);
}
