/* System calls made from code of all shapes: made at run time, at the ends of pages, rewritten,
 * from many threads at once, jumped into: each site must act as the instruction that stands there.
 */
#include "oracle_mem.h"
#include <pthread.h>

typedef long (*site)(long nr, long a, long b, long c);

/* Takes (nr, a, b, c) as a function, then the bytes given, then returns. */
static const unsigned char head[] = {0x48, 0x89, 0xf8,  /* mov %rdi, %rax */
                                     0x48, 0x89, 0xf7,  /* mov %rsi, %rdi */
                                     0x48, 0x89, 0xd6,  /* mov %rdx, %rsi */
                                     0x48, 0x89, 0xca}; /* mov %rcx, %rdx */

static char* code;
static size_t used;

static site make(const void* tail, size_t n) {
    if (!code)
        code = map_anon(64, PROT_READ | PROT_WRITE | PROT_EXEC);
    char* at = code + used;
    memcpy(at, head, sizeof(head));
    memcpy(at + sizeof(head), tail, n);
    used += (sizeof(head) + n + 63) & ~63UL;
    return (site)(void*)at;
}
#define SITE(bytes) make(bytes, sizeof(bytes) - 1)

TEST(shapes) {
    static const struct {
        const char* name;
        const char* bytes;
        size_t n;
    } shapes[] = {
#define S(name, bytes) {name, bytes, sizeof(bytes) - 1}
        S("ret", "\x0f\x05\xc3"),
        S("cmp", "\x0f\x05\x48\x3d\x01\xf0\xff\xff\xc3"),
        S("nops", "\x0f\x05\x90\x90\x90\x90\x90\x90\xc3"),
        S("mov before", "\x90\x90\x90\x90\x90\x0f\x05\xc3"),
        S("two", "\x50\x0f\x05\x58\x0f\x05\xc3"),
        S("three in a row", "\x50\x0f\x05\x8b\x04\x24\x0f\x05\x58\x0f\x05\xc3"),
        S("test after", "\x0f\x05\x48\x85\xc0\x75\x00\xc3"),
        S("short jump after", "\x0f\x05\xeb\x00\xc3"),
        S("rip-relative after", "\x0f\x05\x48\x8d\x0d\x00\x00\x00\x00\xc3"),
        S("rex prefix", "\x48\x0f\x05\xc3"),
        S("push pop", "\x53\x0f\x05\x5b\xc3"),
        S("int3 after ret", "\x0f\x05\xc3\xcc\xcc\xcc\xcc\xcc"),
        S("xor edx after", "\x0f\x05\x31\xd2\x31\xc9\xc3"),
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        site f = make(shapes[i].bytes, shapes[i].n);
        for (int round = 0; round < 5; round++) {
            long want = !strncmp(shapes[i].name, "t", 1) && shapes[i].bytes[0] == 0x50 ? getpid()
                                                                                       : getpid();
            if (!CHECK_EQ(f(SYS_getpid, 0, 0, 0), want))
                say("  %s\n", shapes[i].name);
        }
        CHECK_EQ(f(99999, 0, 0, 0), -ENOSYS);
        CHECK_EQ(f(SYS_getppid, 0, 0, 0), getppid());
    }
}

/* mov $nr, %eax; syscall: seven bytes that a rewriter may take whole. Jumping to the second
 * instruction with another number must make that other call. */
TEST(jump_into_the_middle) {
    unsigned char bytes[] = {0xb8, SYS_getppid, 0, 0, 0, 0x0f, 0x05, 0xc3};
    char* page = map_anon(1, PROT_READ | PROT_WRITE | PROT_EXEC);
    memcpy(page, bytes, sizeof(bytes));
    long (*whole)(void) = (void*)page;
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(whole(), getppid());
        long r = SYS_getpid;
        __asm__ volatile("call *%1" : "+a"(r) : "r"(page + 5) : "rcx", "r11", "memory");
        CHECK_EQ(r, getpid());
    }
    munmap(page, PAGE);
}

TEST(ends_of_pages) {
    char* p = map_alone(2, PROT_READ | PROT_WRITE);
    /* the instruction is the last of the mapping: the return address is unmapped */
    memcpy(p + 2 * PAGE - 8, "\xb8\x27\0\0\0\xc3\x0f\x05", 8);
    /* and across two pages */
    memcpy(p + PAGE - 6, "\xb8\x27\0\0\0\x0f", 6);
    memcpy(p + PAGE, "\x05\xc3", 2);
    /* and just before the edge, with a return on the next page */
    memcpy(p + PAGE - 20, "\xb8\x6e\0\0\0\x0f\x05\xc3", 8);
    CHECK_OK(mprotect(p, 2 * PAGE, PROT_READ | PROT_EXEC));
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(((long (*)(void))(p + PAGE - 6))(), getpid());
        CHECK_EQ(((long (*)(void))(p + PAGE - 20))(), getppid());
    }
    struct fault f = fault_of((void (*)(void*))(p + 2 * PAGE - 2), NULL);
    CHECK_EQ(f.signo, SIGSEGV);
    CHECK_EQ(f.addr, p + 2 * PAGE);
    munmap(p, 2 * PAGE);
}

/* Code changed after it ran: what stands there now counts. */
TEST(rewritten_code) {
    char* p = map_anon(1, PROT_READ | PROT_WRITE | PROT_EXEC);
    for (int i = 0; i < 20; i++) {
        memcpy(p, "\xb8\x27\0\0\0\x0f\x05\xc3", 8);
        for (int j = 0; j < 3; j++)
            CHECK_EQ(((long (*)(void))p)(), getpid());
        memcpy(p, "\xb8\x6e\0\0\0\x0f\x05\xc3", 8);
        CHECK_EQ(((long (*)(void))p)(), getppid());
        memcpy(p, "\xb8\x2a\0\0\0\x90\x90\xc3", 8); /* no system call any more */
        CHECK_EQ(((long (*)(void))p)(), 42);
        memcpy(p, "\x90\xb8\x27\0\0\0\x0f\x05\xc3", 9); /* one byte further on */
        CHECK_EQ(((long (*)(void))p)(), getpid());
    }
    munmap(p, PAGE);
    /* other code mapped at the same address */
    for (int i = 0; i < 20; i++) {
        char* q =
            mmap(p, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        NEED(q == p);
        if (i % 2)
            memcpy(q, "\xb8\x27\0\0\0\x0f\x05\xc3", 8);
        else
            memcpy(q, "\xb8\x07\0\0\0\xc3\x0f\x05\xc3", 9);
        mprotect(q, PAGE, PROT_READ | PROT_EXEC);
        for (int j = 0; j < 3; j++)
            CHECK_EQ(((long (*)(void))q)(), i % 2 ? getpid() : 7);
        munmap(q, PAGE);
    }
}

TEST(code_in_a_file) {
    int fd = temp_file("code", PAGE);
    pwrite(fd, "\xb8\x27\0\0\0\x0f\x05\x48\x3d\x01\xf0\xff\xff\xc3", 14, 0);
    char* p = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    char* s = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    NEED(p != MAP_FAILED && s != MAP_FAILED);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(((long (*)(void))p)(), getpid());
        CHECK_EQ(((long (*)(void))s)(), getpid());
    }
    /* the file itself never changes by running it */
    char now[14];
    pread(fd, now, 14, 0);
    CHECK_MEM(now, "\xb8\x27\0\0\0\x0f\x05\x48\x3d\x01\xf0\xff\xff\xc3", 14);
    munmap(p, PAGE);
    munmap(s, PAGE);
    close(fd);
}

/* Many threads run sites for the first time at once. */
enum { THREADS = 8, SITES = 400 };
static char* fresh;
static pthread_barrier_t start;
static volatile long wrong;
static void* run_fresh(void* arg) {
    pid_t pid = getpid();
    long me = (long)arg;
    pthread_barrier_wait(&start);
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < SITES; i++) {
            int n = me % 2 ? SITES - 1 - i : i;
            long r = ((long (*)(void))(fresh + n * 32))();
            if (r != pid)
                __atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
        }
    return NULL;
}
TEST(many_threads_fresh_sites) {
    fresh = map_anon(4, PROT_READ | PROT_WRITE);
    for (int i = 0; i < SITES; i++) {
        char* at = fresh + i * 32 + i % 7;
        memset(fresh + i * 32, 0x90, 32);
        if (i % 3 == 0)
            memcpy(at, "\xb8\x27\0\0\0\x0f\x05\xc3", 8);
        else if (i % 3 == 1)
            memcpy(at, "\xb8\x27\0\0\0\x90\x0f\x05\x48\x3d\x01\xf0\xff\xff\xc3", 15);
        else
            memcpy(at, "\x6a\x27\x58\x0f\x05\xc3", 6);
    }
    mprotect(fresh, 4 * PAGE, PROT_READ | PROT_EXEC);
    pthread_t t[THREADS];
    pthread_barrier_init(&start, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, run_fresh, (void*)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(wrong, 0);
    munmap(fresh, 4 * PAGE);
}

/* int $0x80 and sysenter are not ours to make: as on a kernel without 32-bit calls, or with. */
TEST(no_red_zone_damage) {
    long a = 0, b = 0;
    __asm__ volatile("movq $0x1234, -8(%%rsp)\nmovq $0x5678, -128(%%rsp)\nmov $39, %%eax\nsyscall\n"
                     "mov -8(%%rsp), %0\nmov -128(%%rsp), %1\n"
                     : "=&r"(a), "=&r"(b)
                     :
                     : "rax", "rcx", "r11", "memory");
    CHECK_EQ(a, 0x1234);
    CHECK_EQ(b, 0x5678);
}

/* A system call with a stack pointer that points nowhere. */
TEST(without_a_stack) {
    long r = SYS_getpid, saved;
    for (int i = 0; i < 5; i++) {
        r = SYS_getpid;
        __asm__ volatile("mov %%rsp, %1\nmov $8, %%esp\nsyscall\nmov %1, %%rsp\n"
                         : "+a"(r), "=&r"(saved)
                         :
                         : "rcx", "r11", "memory");
        CHECK_EQ(r, getpid());
    }
}
