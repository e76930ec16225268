/* Registers across a system call: rcx and r11 as the instruction leaves them, everything else, the
 * flags, the red zone, vector, mask and x87 state kept, over every kind of call. */
#include "oracle_mem.h"
#include <cpuid.h>
#include <immintrin.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>

struct regs {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, flags;
};

extern char sys_regs_return[];

/* Loads all registers from in, executes syscall, stores all to out. Leaf in assembly, with a red
 * zone pattern below rsp. */
__asm__(".text\n"
        ".globl sys_regs_return\n"
        "run_syscall:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rsi\n"
        "mov %rdi, %rax\n"
        "movabs $0x1122334455667788, %rcx\n"
        "mov %rcx, -8(%rsp); mov %rcx, -64(%rsp); mov %rcx, -128(%rsp)\n"
        "mov 8(%rax), %rbx; mov 24(%rax), %rdx; mov 32(%rax), %rsi; mov 40(%rax), %rdi\n"
        "mov 48(%rax), %rbp; mov 56(%rax), %r8; mov 64(%rax), %r9; mov 72(%rax), %r10\n"
        "mov 88(%rax), %r12; mov 96(%rax), %r13; mov 104(%rax), %r14; mov 112(%rax), %r15\n"
        "mov 120(%rax), %r11\n"
        "mov (%rax), %rax\n"
        "lea -128(%rsp), %rsp; push %r11; popf; lea 128(%rsp), %rsp\n"
        "syscall\n"
        "sys_regs_return:\n"
        "xchg %rsp, sys_regs_sp(%rip)\n"
        "pushf\n"
        "xchg %rsp, sys_regs_sp(%rip)\n"
        "mov %rax, sys_regs_out(%rip)\n"
        "lea sys_regs_out(%rip), %rax\n"
        "mov %rbx, 8(%rax); mov %rcx, 16(%rax); mov %rdx, 24(%rax); mov %rsi, 32(%rax)\n"
        "mov %rdi, 40(%rax); mov %rbp, 48(%rax); mov %r8, 56(%rax); mov %r9, 64(%rax)\n"
        "mov %r10, 72(%rax); mov %r11, 80(%rax); mov %r12, 88(%rax); mov %r13, 96(%rax)\n"
        "mov %r14, 104(%rax); mov %r15, 112(%rax)\n"
        "movabs $0x1122334455667788, %rcx\n"
        "mov $1, %edx\n"
        "cmp %rcx, -8(%rsp); jne 1f; cmp %rcx, -64(%rsp); jne 1f; cmp %rcx, -128(%rsp); jne 1f\n"
        "xor %edx, %edx\n"
        "1: mov sys_regs_sp(%rip), %rcx; mov (%rcx), %rcx; mov %rcx, 120(%rax)\n"
        "push $0x202; popf\n"
        "mov %edx, %eax\n"
        "pop %rsi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n");
int run_syscall(const struct regs* in, struct regs* out);
struct regs sys_regs_out;
static char flags_stack[256];
void* sys_regs_sp = flags_stack + 128;

static void check_call(const char* name, long nr, long a, long b, long c, long d, long e, long f) {
    struct regs in = {nr, 0xb0b0, 0, c, b, a, 0xbebebebe, e, f, d, 0, 12, 13, 14, 15, 0};
    in.flags = 0x202 | 1 | 4 | 0x10 | 0x40 | 0x80 | 0x800;
    in.rbx = 0xb1b1b1b1b1b1b1b1;
    in.r12 = 0x1212121212121212;
    in.r15 = 0xf5f5f5f5f5f5f5f5;
    sys_regs_sp = flags_stack + 128;
    int red = run_syscall(&in, NULL);
    struct regs* o = &sys_regs_out;
    int before = oracle_failures;
    CHECK_EQ(red, 0);
    CHECK_EQ(o->rcx, sys_regs_return);
    CHECK_EQ(o->r11, in.flags);
    CHECK_EQ(o->flags & 0xcd5, in.flags & 0xcd5);
    CHECK_EQ(o->rbx, in.rbx);
    CHECK_EQ(o->rdx, in.rdx);
    CHECK_EQ(o->rsi, in.rsi);
    CHECK_EQ(o->rdi, in.rdi);
    CHECK_EQ(o->rbp, in.rbp);
    CHECK_EQ(o->r8, in.r8);
    CHECK_EQ(o->r9, in.r9);
    CHECK_EQ(o->r10, in.r10);
    CHECK_EQ(o->r12, in.r12);
    CHECK_EQ(o->r13, in.r13);
    CHECK_EQ(o->r14, in.r14);
    CHECK_EQ(o->r15, in.r15);
    if (oracle_failures != before)
        say("  in %s\n", name);
}

static int pipes[2], zero_fd, epoll_fd;
static char buffer[8192];
static struct timespec little = {0, 1000};
static int word;

static const struct kind {
    const char* name;
    long nr, a, b, c, d, e, f;
} kinds[] = {
    {"getppid", SYS_getppid, 0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666},
    {"gettid", SYS_gettid, 1, 2, 3, 4, 5, 6},
    {"sched_yield", SYS_sched_yield, 1, 2, 3, 4, 5, 6},
    {"invalid", 99999, 1, 2, 3, 4, 5, 6},
    {"negative", -1, 1, 2, 3, 4, 5, 6},
    {"badfd", SYS_read, -1, (long)buffer, 10, 4, 5, 6},
    {"efault", SYS_uname, 8, 2, 10, 4, 5, 6},
    {"stat", SYS_stat, (long)".", (long)buffer, 3, 4, 5, 6},
    {"enoent", SYS_open, (long)"no/such/file", 0, 3, 4, 5, 6},
    {"brk", SYS_brk, 0, 2, 3, 4, 5, 6},
    {"mmap", SYS_mmap, 0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
    {"futex wake", SYS_futex, (long)&word, 1, 1, 0, 0, 0},
    {"futex wait", SYS_futex, (long)&word, 0, 0, (long)&little, 0, 0},
    {"nanosleep", SYS_nanosleep, (long)&little, 0, 3, 4, 5, 6},
    {"clock_gettime", SYS_clock_gettime, 1, (long)buffer, 3, 4, 5, 6},
    {"sigprocmask", SYS_rt_sigprocmask, 0, 0, (long)buffer, 8, 5, 6},
    {"getdents", SYS_getcwd, (long)buffer, 4096, 3, 4, 5, 6},
    {"poll", SYS_poll, 0, 0, 1, 4, 5, 6},
    {"uname", SYS_uname, (long)buffer, 2, 3, 4, 5, 6},
};

TEST(general_registers) {
    NEED_OK(pipe(pipes));
    zero_fd = open("/dev/zero", O_RDONLY);
    epoll_fd = epoll_create1(0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct kind* k = &kinds[i];
        for (int round = 0; round < 3; round++) /* a first call may take another way in */
            check_call(k->name, k->nr, k->a, k->b, k->c, k->d, k->e, k->f);
    }
    for (int round = 0; round < 3; round++) {
        check_call("pipe write", SYS_write, pipes[1], (long)"abc", 3, 4, 5, 6);
        check_call("pipe read", SYS_read, pipes[0], (long)buffer, 3, 4, 5, 6);
        check_call("zero read", SYS_read, zero_fd, (long)buffer, 8000, 4, 5, 6);
        check_call("epoll_wait", SYS_epoll_wait, epoll_fd, (long)buffer, 3, 1, 5, 6);
    }
}

TEST(segment_bases) {
    unsigned long fs = 0, gs = 1;
    CHECK_EQ(sc(SYS_arch_prctl, 0x1003, &fs), 0);
    CHECK_EQ(*(unsigned long*)fs, fs); /* the glibc thread block points to itself */
    CHECK_EQ(sc(SYS_arch_prctl, 0x1004, &gs), 0);
    CHECK_EQ(gs, 0);
    CHECK_EQ(sc(SYS_arch_prctl, 0x1002, 0x800000000000), -EPERM);
    CHECK_EQ(sc(SYS_arch_prctl, 0x1003, 8), -EFAULT);
    CHECK_EQ(sc(SYS_arch_prctl, 0x9999, 0), -EINVAL);
}

#define EACH16(X)                                                                                  \
    X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define EACH32(X)                                                                                  \
    EACH16(X)                                                                                      \
    X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31)

static unsigned char want[32][64] __attribute__((aligned(64)));
static unsigned char got[32][64] __attribute__((aligned(64)));
static uint64_t kwant[8], kgot[8];
static uint32_t mxcsr_want = 0x5f80, mxcsr_got; /* round up, all masked */
static uint16_t fcw_want = 0x0b7f, fcw_got;     /* round up */

static bool has_avx, has_avx512;

static void probe(void) {
    __builtin_cpu_init();
    has_avx = __builtin_cpu_supports("avx");
    has_avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512f");
    for (int i = 0; i < 32; i++)
        for (int j = 0; j < 64; j++)
            want[i][j] = i * 67 + j * 13 + 1;
    for (int i = 0; i < 8; i++)
        kwant[i] = 0x0123456789abcdefUL * (i + 1);
}

#define VLOAD512(i) "vmovdqu64 " #i "*64(%[w]), %%zmm" #i "\n"
#define VSAVE512(i) "vmovdqu64 %%zmm" #i ", " #i "*64(%[g])\n"
#define VLOAD256(i) "vmovdqu " #i "*64(%[w]), %%ymm" #i "\n"
#define VSAVE256(i) "vmovdqu %%ymm" #i ", " #i "*64(%[g])\n"
#define VLOAD128(i) "movdqu " #i "*64(%[w]), %%xmm" #i "\n"
#define VSAVE128(i) "movdqu %%xmm" #i ", " #i "*64(%[g])\n"
#define KEACH(X)    X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define KLOAD(i)    "kmovq " #i "*8(%[k]), %%k" #i "\n"
#define KSAVE(i)    "kmovq %%k" #i ", " #i "*8(%[h])\n"

#define SYSCALL_WITH(load, save, kload, ksave)                                                     \
    __asm__ volatile(                                                                              \
        load kload "ldmxcsr %[mx]\nfninit\nfldpi\nfld1\nfldcw %[cw]\n"                             \
                   "movq %[d], %%r10\nmovq %[e], %%r8\nmovq %[f], %%r9\nsyscall\n"                 \
                   "fnstcw %[cwo]\nstmxcsr %[mxo]\n" save ksave                                    \
                   "fstpl %[st0]\nfstpl %[st1]\nfninit\nldmxcsr %[mxd]\n"                          \
        : "+a"(nr), [cwo] "=m"(fcw_got), [mxo] "=m"(mxcsr_got), [st0] "=m"(st0), [st1] "=m"(st1)   \
        : "D"(k->a), "S"(k->b), "d"(k->c), [d] "m"(k->d), [e] "m"(k->e), [f] "m"(k->f),            \
          [w] "r"(want), [g] "r"(got), [k] "r"(kwant), [h] "r"(kgot), [mx] "m"(mxcsr_want),        \
          [cw] "m"(fcw_want), [mxd] "m"(mxcsr_default)                                             \
        : "rcx", "r8", "r9", "r10", "r11", "memory")

static void vector_call(const struct kind* k) {
    long nr = k->nr;
    double st0, st1;
    uint32_t mxcsr_default = 0x1f80;
    memset(got, 0, sizeof(got));
    size_t width, count = 16;
    if (has_avx512) {
        SYSCALL_WITH(EACH32(VLOAD512), EACH32(VSAVE512), KEACH(KLOAD), KEACH(KSAVE));
        width = 64;
        count = 32;
        CHECK_MEM(kgot + 1, kwant + 1, 56);
    } else if (has_avx) {
        SYSCALL_WITH(EACH16(VLOAD256), EACH16(VSAVE256), "", "");
        width = 32;
    } else {
        SYSCALL_WITH(EACH16(VLOAD128), EACH16(VSAVE128), "", "");
        width = 16;
    }
    int before = oracle_failures;
    for (size_t i = 0; i < count; i++)
        if (memcmp(got[i], want[i], width))
            CHECK_EQ(i, -1); /* this register changed */
    CHECK_EQ(mxcsr_got, mxcsr_want);
    CHECK_EQ(fcw_got, fcw_want);
    CHECK(st0 == 1.0 && st1 > 3.1415926 && st1 < 3.1415927);
    if (oracle_failures != before)
        say("  in %s\n", k->name);
}

TEST(vector_registers) {
    probe();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (int round = 0; round < 2; round++)
            vector_call(&kinds[i]);
    const struct kind more[] = {
        {"pipe write", SYS_write, pipes[1], (long)"abc", 3, 0, 0, 0},
        {"pipe read", SYS_read, pipes[0], (long)buffer, 3, 0, 0, 0},
        {"zero read", SYS_read, zero_fd, (long)buffer, 8000, 0, 0, 0},
        {"random", SYS_getrandom, (long)buffer, 100, 0, 0, 0, 0},
        {"create", SYS_open, (long)"vector.tmp", O_CREAT | O_RDWR, 0600, 0, 0, 0},
        {"unlink", SYS_unlink, (long)"vector.tmp", 0, 0, 0, 0, 0},
        {"tgkill 0", SYS_tgkill, getpid(), sc(SYS_gettid), 0, 0, 0, 0},
        {"epoll_wait", SYS_epoll_wait, epoll_fd, (long)buffer, 3, 1, 0, 0},
        {"mprotect", SYS_mprotect, (long)map_anon(1, PROT_READ), 4096, PROT_NONE, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        vector_call(&more[i]);
}

/* rdtsc and cpuid may be trapped and emulated: the same rules hold. */
TEST(cpuid_and_tsc) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    CHECK(__get_cpuid(0, &a, &b, &c, &d));
    CHECK(a >= 7);
    CHECK(__get_cpuid(1, &a, &b, &c, &d));
    CHECK(d & bit_SSE2);
    uint64_t t1 = __rdtsc(), t2 = __rdtsc();
    CHECK(t2 >= t1);
    unsigned xl, xh;
    __asm__ volatile("xgetbv" : "=a"(xl), "=d"(xh) : "c"(0));
    CHECK_EQ(xl & 3, 3);
}
