/* Every SA_ flag, alternate stacks, nesting, masks in handlers, the shape of the frame. */
#include "oracle_mem.h"
#include <cpuid.h>
#include <immintrin.h>
#include <time.h>
#include <ucontext.h>

static volatile int count, depth, deepest;
static volatile int extra;

static void nested(int signo) {
    depth++;
    if (depth > deepest)
        deepest = depth;
    if (count++ < 3)
        raise(signo);
    depth--;
}

TEST(mask_of_handler) {
    struct sigaction sa = {.sa_handler = nested};
    sigaction(SIGUSR1, &sa, NULL);
    count = depth = deepest = 0;
    raise(SIGUSR1);
    CHECK_EQ(count, 4);
    CHECK_EQ(deepest, 1);
    sa.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &sa, NULL);
    count = depth = deepest = 0;
    raise(SIGUSR1);
    CHECK_EQ(count, 4);
    CHECK_EQ(deepest, 4);
}

static sigset_t mask_seen;
static void look_at_mask(int signo) {
    (void)signo;
    sigprocmask(SIG_SETMASK, NULL, &mask_seen);
}

TEST(masks_add_up) {
    struct sigaction sa = {.sa_handler = look_at_mask}, got;
    sigaddset(&sa.sa_mask, SIGUSR2);
    sigaddset(&sa.sa_mask, SIGKILL);
    sigaction(SIGUSR1, &sa, NULL);
    sigaction(SIGUSR1, NULL, &got);
    CHECK_EQ(sigismember(&got.sa_mask, SIGKILL), 0);
    CHECK_EQ(sigismember(&got.sa_mask, SIGUSR2), 1);
    sigset_t s, after;
    sigemptyset(&s);
    sigaddset(&s, SIGHUP);
    sigprocmask(SIG_BLOCK, &s, NULL);
    raise(SIGUSR1);
    CHECK_EQ(sigismember(&mask_seen, SIGUSR1), 1);
    CHECK_EQ(sigismember(&mask_seen, SIGUSR2), 1);
    CHECK_EQ(sigismember(&mask_seen, SIGHUP), 1);
    CHECK_EQ(sigismember(&mask_seen, SIGTERM), 0);
    sigprocmask(SIG_UNBLOCK, &s, &after);
    CHECK_EQ(sigismember(&after, SIGUSR1), 0);
    CHECK_EQ(sigismember(&after, SIGHUP), 1);
    sa.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    CHECK_EQ(sigismember(&mask_seen, SIGUSR1), 0);
    CHECK_EQ(sigismember(&mask_seen, SIGUSR2), 1);
}

static void change_mask(int signo, siginfo_t* info, void* context) {
    (void)signo;
    (void)info;
    sigaddset(&((ucontext_t*)context)->uc_sigmask, SIGWINCH);
}

TEST(mask_from_frame) {
    struct sigaction sa = {.sa_sigaction = change_mask, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    CHECK_EQ(sigismember(&now, SIGWINCH), 1);
    sigemptyset(&now);
    sigprocmask(SIG_SETMASK, &now, NULL);
}

TEST(reset_hand) {
    struct sigaction sa = {.sa_handler = look_at_mask, .sa_flags = SA_RESETHAND}, got;
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &got);
    CHECK(got.sa_handler == SIG_DFL);
    CHECK_EQ(sigismember(&mask_seen, SIGUSR1), 1);
}

TEST(flags_kept) {
    struct sigaction sa = {.sa_handler = look_at_mask}, got;
    sa.sa_flags = SA_RESTART | SA_ONSTACK | SA_NODEFER | SA_NOCLDSTOP | SA_NOCLDWAIT;
    sigaction(SIGUSR1, &sa, NULL);
    sigaction(SIGUSR1, NULL, &got);
    CHECK_EQ(got.sa_flags & ~0x04000000, sa.sa_flags);
    /* the kernel clears what it doesn't know, SA_UNSUPPORTED tells so */
    struct {
        void* handler;
        unsigned long flags;
        void* restorer;
        unsigned long mask;
    } k, old;
    sc(SYS_rt_sigaction, SIGUSR1, 0, &k, 8);
    k.flags |= 0x400 | 0x100000 | 0x800;
    CHECK_EQ(sc(SYS_rt_sigaction, SIGUSR1, &k, 0, 8), 0);
    CHECK_EQ(sc(SYS_rt_sigaction, SIGUSR1, 0, &old, 8), 0);
    CHECK_EQ(old.flags & 0x100000, 0);
    CHECK_EQ(old.flags & 0x400, 0);
    CHECK_EQ(old.flags & 0x800, 0x800); /* SA_EXPOSE_TAGBITS is known */
    CHECK_EQ(old.restorer, k.restorer);
    signal(SIGUSR1, SIG_DFL);
}

static char* volatile frame_at;
static stack_t stack_seen;
static void where(int signo, siginfo_t* info, void* context) {
    (void)signo;
    (void)info;
    char local;
    frame_at = &local;
    sigaltstack(NULL, &stack_seen);
    extra = ((ucontext_t*)context)->uc_stack.ss_flags;
}

TEST(alternate_stack) {
    char* stack = map_alone(16, PROT_READ | PROT_WRITE);
    stack_t ss = {.ss_sp = stack, .ss_size = 16 * PAGE}, old;
    CHECK_OK(sigaltstack(NULL, &old));
    CHECK_EQ(old.ss_flags, SS_DISABLE);
    CHECK_OK(sigaltstack(&ss, NULL));
    struct sigaction sa = {.sa_sigaction = where, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    CHECK(frame_at > stack && frame_at < stack + 16 * PAGE);
    CHECK_EQ(stack_seen.ss_flags, SS_ONSTACK);
    CHECK_EQ(stack_seen.ss_sp, stack);
    CHECK_OK(sigaltstack(NULL, &old));
    CHECK_EQ(old.ss_flags, 0);
    CHECK_EQ(old.ss_size, 16 * PAGE);
    sa.sa_flags = SA_SIGINFO;
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    CHECK(!(frame_at > stack && frame_at < stack + 16 * PAGE));
    ss.ss_size = 100;
    CHECK_ERRNO(sigaltstack(&ss, NULL), ENOMEM);
    ss.ss_size = 16 * PAGE;
    ss.ss_flags = 77;
    CHECK_ERRNO(sigaltstack(&ss, NULL), EINVAL);
    CHECK_EQ(sc(SYS_sigaltstack, 8, 0), -EFAULT);
    CHECK_EQ(sc(SYS_sigaltstack, 0, 8), -EFAULT);
    ss.ss_flags = SS_DISABLE;
    CHECK_OK(sigaltstack(&ss, NULL));
    munmap(stack, 16 * PAGE);
}

static void try_change(int signo) {
    (void)signo;
    stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};
    extra = sigaltstack(&ss, NULL) == -1 ? errno : 0;
}

TEST(stack_in_use) {
    char* stack = map_alone(16, PROT_READ | PROT_WRITE);
    stack_t ss = {.ss_sp = stack, .ss_size = 16 * PAGE}, old;
    CHECK_OK(sigaltstack(&ss, NULL));
    struct sigaction sa = {.sa_handler = try_change, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    CHECK_EQ(extra, EPERM);
    /* SS_AUTODISARM: off while the handler runs, back after */
    ss.ss_flags = 1U << 31;
    CHECK_OK(sigaltstack(&ss, NULL));
    struct sigaction wa = {.sa_sigaction = where, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGUSR1, &wa, NULL);
    raise(SIGUSR1);
    CHECK(frame_at > stack && frame_at < stack + 16 * PAGE);
    CHECK_EQ(stack_seen.ss_flags & 3, SS_DISABLE);
    CHECK_OK(sigaltstack(NULL, &old));
    CHECK_EQ(old.ss_flags & 3, 0);
    CHECK_EQ(old.ss_flags, (int)(1U << 31));
    CHECK_EQ(old.ss_sp, stack);
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    CHECK_EQ(extra, 0); /* may be changed there */
    ss.ss_flags = SS_DISABLE;
    sigaltstack(&ss, NULL);
}

static sigjmp_buf over;
static volatile int overflows;
static void overflowed(int signo, siginfo_t* info, void* context) {
    (void)context;
    (void)info;
    overflows += signo == SIGSEGV;
    siglongjmp(over, 1);
}
static int recurse(int n) {
    volatile char pad[4096];
    pad[0] = n;
    return recurse(n + 1) + pad[0];
}

TEST(stack_overflow_handled) {
    char* stack = map_alone(16, PROT_READ | PROT_WRITE);
    stack_t ss = {.ss_sp = stack, .ss_size = 16 * PAGE};
    CHECK_OK(sigaltstack(&ss, NULL));
    struct sigaction sa = {.sa_sigaction = overflowed, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGSEGV, &sa, NULL);
    for (int i = 0; i < 3; i++)
        if (!sigsetjmp(over, 1))
            recurse(0);
    CHECK_EQ(overflows, 3);
    signal(SIGSEGV, SIG_DFL);
    ss.ss_flags = SS_DISABLE;
    sigaltstack(&ss, NULL);
}

/* The frame: red zone skipped, aligned, floating point state with the magic words. */
static unsigned frame_magic1, frame_magic2, frame_size, frame_ext;
static unsigned long frame_features, frame_rsp, frame_fp, frame_flags;
static void look_at_frame(int signo, siginfo_t* info, void* context) {
    (void)signo;
    ucontext_t* u = context;
    frame_flags = u->uc_flags;
    frame_rsp = u->uc_mcontext.gregs[REG_RSP];
    char* fp = (char*)u->uc_mcontext.fpregs;
    frame_fp = (unsigned long)fp;
    memcpy(&frame_magic1, fp + 464, 4);
    memcpy(&frame_ext, fp + 468, 4);
    memcpy(&frame_features, fp + 472, 8);
    memcpy(&frame_size, fp + 480, 4);
    memcpy(&frame_magic2, fp + frame_size, 4);
    frame_at = (char*)info;
}

TEST(frame_layout) {
    struct sigaction sa = {.sa_sigaction = look_at_frame, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    CHECK_EQ(frame_magic1, 0x46505853);
    CHECK_EQ(frame_magic2, 0x46505845);
    CHECK_EQ(frame_ext, frame_size + 4);
    CHECK_EQ(frame_fp % 64, 0);
    CHECK_EQ(frame_features & 3, 3);
    CHECK(frame_flags & 1); /* UC_FP_XSTATE */
    CHECK(frame_flags & 2); /* UC_SIGCONTEXT_SS */
    unsigned a, b, c, d;
    __cpuid_count(0xd, 0, a, b, c, d);
    CHECK(frame_size >= 576 && frame_size <= c);
    CHECK(frame_rsp - frame_fp >= 128); /* the red zone is left alone */
    CHECK(frame_at < (char*)frame_rsp - 128);
}

static void clobber_vectors(int signo, siginfo_t* info, void* context) {
    (void)signo;
    (void)info;
    (void)context;
    __asm__ volatile("pxor %%xmm0, %%xmm0\npxor %%xmm7, %%xmm7\npxor %%xmm15, %%xmm15\n"
                     "fninit\nfldz\n" ::
                         : "xmm0", "xmm7", "xmm15");
    if (__builtin_cpu_supports("avx"))
        __asm__ volatile("vzeroall" ::: "memory");
}

TEST(vectors_kept_over_handlers) {
    struct sigaction sa = {.sa_sigaction = clobber_vectors, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &sa, NULL);
    static unsigned char in[64], out[64];
    for (int i = 0; i < 64; i++)
        in[i] = 3 * i + 1;
    long nr = SYS_tgkill, pid = getpid(), tid = gettid();
    __asm__ volatile("movdqu (%[in]), %%xmm0\nmovdqu 16(%[in]), %%xmm7\nmovdqu 32(%[in]), %%xmm15\n"
                     "fninit\nfld1\nsyscall\nmovdqu %%xmm0, (%[out])\nmovdqu %%xmm7, 16(%[out])\n"
                     "movdqu %%xmm15, 32(%[out])\nfstpl 48(%[out])\n"
                     : "+a"(nr)
                     : "D"(pid), "S"(tid), "d"((long)SIGUSR1), [in] "r"(in), [out] "r"(out)
                     : "rcx", "r11", "memory", "xmm0", "xmm7", "xmm15");
    CHECK_EQ(nr, 0);
    CHECK_MEM(out, in, 48);
    double one = 1.0;
    CHECK_MEM(out + 48, &one, 8);
    if (__builtin_cpu_supports("avx512f")) {
        static unsigned char zin[64], zout[64];
        memcpy(zin, in, 64);
        nr = SYS_tgkill;
        __asm__ volatile("vmovdqu64 (%[in]), %%zmm17\nmovl $0x5a5a, %%ecx\nkmovw %%ecx, %%k3\n"
                         "vmovdqu (%[in]), %%ymm5\nsyscall\nvmovdqu64 %%zmm17, (%[out])\n"
                         "kmovw %%k3, %%ecx\nmovl %%ecx, 60(%[out])\nvzeroupper\n"
                         : "+a"(nr)
                         : "D"(pid), "S"(tid), "d"((long)SIGUSR1), [in] "r"(zin), [out] "r"(zout)
                         : "rcx", "r11", "memory", "xmm5");
        CHECK_MEM(zout, zin, 60);
        unsigned k;
        memcpy(&k, zout + 60, 4);
        CHECK_EQ(k, 0x5a5a);
    }
}

/* A handler may change vector registers through the frame. */
static void edit_vectors(int signo, siginfo_t* info, void* context) {
    (void)signo;
    (void)info;
    ucontext_t* u = context;
    memset(&u->uc_mcontext.fpregs->_xmm[3], 0x77, 16);
    /* the header of the XSAVE area: say that SSE state is there */
    unsigned magic;
    memcpy(&magic, (char*)u->uc_mcontext.fpregs + 464, 4);
    if (magic == 0x46505853)
        *(unsigned long*)((char*)u->uc_mcontext.fpregs + 512) |= 3;
}

TEST(vectors_from_frame) {
    struct sigaction sa = {.sa_sigaction = edit_vectors, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &sa, NULL);
    unsigned char out[16], want[16];
    memset(want, 0x77, 16);
    long nr = SYS_tgkill;
    __asm__ volatile("pxor %%xmm3, %%xmm3\nsyscall\nmovdqu %%xmm3, (%[out])"
                     : "+a"(nr)
                     : "D"((long)getpid()), "S"((long)gettid()), "d"((long)SIGUSR1), [out] "r"(out)
                     : "rcx", "r11", "memory", "xmm3");
    CHECK_MEM(out, want, 16);
}

static ucontext_t main_context, other_context;
static volatile int steps;
static void other(void) {
    steps++;
    swapcontext(&other_context, &main_context);
    steps++;
}

TEST(contexts) {
    static char stack[65536];
    getcontext(&other_context);
    other_context.uc_stack = (stack_t){.ss_sp = stack, .ss_size = sizeof(stack)};
    other_context.uc_link = &main_context;
    makecontext(&other_context, other, 0);
    swapcontext(&main_context, &other_context);
    CHECK_EQ(steps, 1);
    swapcontext(&main_context, &other_context);
    CHECK_EQ(steps, 2);
}

/* ---- segments in the frame --------------------------------------------------------------------
 */

static struct {
    unsigned short cs, ss;
    bool strict;
} selectors;
static sigjmp_buf segment_fault;
static volatile long fault_code, fault_trap, fault_error;

static void edit_segments(int signo, siginfo_t* info, void* context) {
    (void)signo;
    (void)info;
    ucontext_t* u = context;
    unsigned short* s = (unsigned short*)&u->uc_mcontext.gregs[REG_CSGSFS];
    s[0] = selectors.cs;
    s[3] = selectors.ss;
    if (!selectors.strict)
        u->uc_flags &= ~4UL; /* UC_STRICT_RESTORE_SS */
}

static void on_segment_fault(int signo, siginfo_t* info, void* context) {
    (void)signo;
    const ucontext_t* u = context;
    fault_code = info->si_code;
    fault_trap = u->uc_mcontext.gregs[REG_TRAPNO];
    fault_error = u->uc_mcontext.gregs[REG_ERR];
    siglongjmp(segment_fault, 1);
}

/* error: of the fault that comes, or -1: none. */
static void return_with(unsigned short cs, unsigned short ss, bool strict, long error) {
    selectors.cs = cs;
    selectors.ss = ss;
    selectors.strict = strict;
    fault_error = -1;
    if (sigsetjmp(segment_fault, 1) == 0)
        raise(SIGUSR1);
    if (!CHECK_EQ(fault_error, error))
        say("  cs %x ss %x\n", cs, ss);
    if (error >= 0) {
        CHECK_EQ(fault_code, SI_KERNEL);
        CHECK_EQ(fault_trap, 13);
    }
}

TEST(segments_from_frame) {
    struct sigaction edit = {.sa_sigaction = edit_segments, .sa_flags = SA_SIGINFO};
    struct sigaction caught = {.sa_sigaction = on_segment_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &edit, NULL);
    sigaction(SIGSEGV, &caught, NULL);
    return_with(0x33, 0x2b, true, -1);
    return_with(0x30, 0x28, true, -1);
    return_with(0, 0x2b, true, 0);
    return_with(0x10, 0x2b, true, 0x10);
    return_with(0x2b, 0x2b, true, 0x28);
    return_with(0x1230, 0x2b, true, 0x1230);
    return_with(0x33, 0, true, 0);
    return_with(0x33, 0x33, true, 0x30);
    return_with(0x33, 0x53, true, 0x50);
    return_with(0x33, 0x18, false, -1);
    return_with(0x33, 0x1230, false, -1);
    return_with(0x33, 0, false, -1);
}
