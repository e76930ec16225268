/*
 * Host signals: faults and traps become upcalls with the CPU context; signals from outside and
 * kicks become upcalls that also end a blocking call (the interrupt window: stubs.S).
 *
 * Handlers run on the thread's signal stack. All asynchronous signals are blocked meanwhile; faults
 * are not, so that an upcall may touch memory that faults and be corrected by a nested upcall.
 */
#include <asm/sigcontext.h>
#include <asm-generic/siginfo.h>

#include "host_internal.h"

struct host_ucontext {
    unsigned long flags;
    uint64_t gs_base; /* uc_link, of no use to the kernel: the GS to go on with */
    struct {
        void* sp;
        int flags;
        size_t size;
    } stack;
    struct sigcontext_64 regs;
    uint64_t sigmask;
};

struct host_sigaction {
    void (*handler)(int, siginfo_t*, struct host_ucontext*);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

#define SA_SIGINFO_  0x00000004UL
#define SA_ONSTACK_  0x08000000UL
#define SA_RESTART_  0x10000000UL
#define SA_RESTORER_ 0x04000000UL

#define SYNC_SIGNALS                                                                               \
    (SIG_BIT(SIGILL_) | SIG_BIT(SIGTRAP_) | SIG_BIT(SIGBUS_) | SIG_BIT(SIGFPE_) |                  \
     SIG_BIT(SIGSEGV_) | SIG_BIT(SIGSYS_))
#define STOP_SIGNALS (SIG_BIT(SIGTSTP_) | SIG_BIT(SIGTTIN_) | SIG_BIT(SIGTTOU_))
#define QUIET_SIGNALS                                                                              \
    (SIG_BIT(SIGCONT_) | SIG_BIT(SIGURG_) | SIG_BIT(SIGWINCH_) | SIG_BIT(SIGCHLD_) | STOP_SIGNALS)

/* The general registers lie in sigcontext_64 in the order of PAL_CONTEXT, up to the flags. */
#define GREGS_SIZE offsetof(PAL_CONTEXT, err)
_Static_assert(GREGS_SIZE == offsetof(struct sigcontext_64, cs), "18 registers");

#define CODE_SELECTOR 0x33 /* of 64-bit programs */

static PAL_EVENT_HANDLER g_handlers[PAL_EVENT_NUM_BOUND];

void PalSetExceptionHandler(PAL_EVENT_HANDLER handler, PAL_NUM event) {
    if (event >= PAL_EVENT_NUM_BOUND)
        return;
    __atomic_store_n(&g_handlers[event], handler, __ATOMIC_RELEASE);
    if (event == PAL_EVENT_CHILD)
        host_exceptions_restore(SIGCHLD_);
}

static bool in_pal(uint64_t rip) {
    return rip >= PAL_BASE && rip < (uint64_t)host_image_end;
}

static bool in_guest(uint64_t rip) {
    return rip < (uint64_t)g_control.user_address.end;
}

static void fpu_words(const struct host_ucontext* uc, PAL_CONTEXT* context) {
    const struct _fpstate_64* fp = (const void*)uc->regs.fpstate;
    context->fpregs = (void*)fp;
    if (fp) {
        context->mxcsr = fp->mxcsr;
        context->fpucw = fp->cwd;
    }
}

/* False: nobody handles this event. */
static bool upcall(PAL_NUM event, PAL_NUM addr, int signo, const siginfo_t* info, bool is_syscall,
                   struct host_ucontext* uc) {
    PAL_EVENT_HANDLER handler = __atomic_load_n(&g_handlers[event], __ATOMIC_ACQUIRE);
    if (!handler)
        return false;
    PAL_CONTEXT context;
    memcpy(&context, &uc->regs, GREGS_SIZE);
    context.err = uc->regs.err;
    context.trapno = uc->regs.trapno;
    context.cr2 = uc->regs.cr2;
    context.mxcsr = context.fpucw = 0;
    fpu_words(uc, &context);
    context.host_signo = signo;
    context.host_code = info->si_code;
    context.is_syscall = is_syscall;
    context.ret_addr = 0;
    context.gs_base = uc->gs_base;
    handler(in_pal(context.rip), addr, &context);
    if (context.rip != uc->regs.ip)
        uc->regs.cs = CODE_SELECTOR; /* sysenter or a far jump may have left a 32-bit one */
    memcpy(&uc->regs, &context, GREGS_SIZE);
    uc->gs_base = context.gs_base;
    return true;
}

static const char* signal_name(int signo) {
    switch (signo) {
        case SIGSEGV_:
            return "segmentation fault";
        case SIGBUS_:
            return "bus error";
        case SIGILL_:
            return "illegal instruction";
        case SIGFPE_:
            return "arithmetic error";
        case SIGTRAP_:
            return "trap";
        case SIGSYS_:
            return "system call outside of the stub page";
        default:
            return "signal";
    }
}

static _Noreturn void fatal(int signo, const siginfo_t* info, const struct host_ucontext* uc) {
    uint64_t rip = uc->regs.ip;
    const char* where = in_pal(rip)     ? "in the PAL"
                        : in_guest(rip) ? "in the guest"
                                        : "in the LibOS";
    host_die(128 + signo, "%s %s at 0x%lx, address 0x%lx (code %d): no handler", signal_name(signo),
             where, (unsigned long)rip, (unsigned long)info->si_addr, info->si_code);
}

/* The vDSO falls back to a system call for clocks it does not know; it may make just these. */
static bool vdso_call(struct host_ucontext* uc) {
    struct sigcontext_64* r = &uc->regs;
    if (r->ip < g_vdso_start || r->ip > g_vdso_end)
        return false;
    switch (r->ax) {
        case __NR_clock_gettime:
        case __NR_clock_getres:
        case __NR_gettimeofday:
        case __NR_time:
        case __NR_getcpu:
        case 318: /* getrandom */
            r->ax = host_syscall(r->ax, r->di, r->si, r->dx);
            return true;
        default:
            return false;
    }
}

static void trapped_call(int signo, siginfo_t* info, struct host_ucontext* uc) {
    if (vdso_call(uc))
        return;
    if (info->si_arch != 0xc000003e /* AUDIT_ARCH_X86_64 */) {
        /* int 0x80: as on a kernel without 32-bit system calls */
        uc->regs.ip -= 2;
        uc->regs.trapno = 13;
        uc->regs.err = 0x402;
        info->si_code = SI_KERNEL;
        info->si_addr = NULL;
        if (!upcall(PAL_EVENT_MEMFAULT, 0, SIGSEGV_, info, false, uc))
            fatal(SIGSEGV_, info, uc);
        return;
    }
    if (!upcall(PAL_EVENT_ILLEGAL, uc->regs.ip, signo, info, true, uc))
        fatal(signo, info, uc);
}

static void async_event(int signo, siginfo_t* info, struct host_ucontext* uc);

static void sync_handler(int signo, siginfo_t* info, struct host_ucontext* uc) {
    static const uint8_t events[] = {
        [SIGILL_] = PAL_EVENT_ILLEGAL,   [SIGTRAP_] = PAL_EVENT_TRAP,
        [SIGBUS_] = PAL_EVENT_MEMFAULT,  [SIGFPE_] = PAL_EVENT_ARITHMETIC_ERROR,
        [SIGSEGV_] = PAL_EVENT_MEMFAULT, [SIGSYS_] = PAL_EVENT_ILLEGAL,
    };
    if (info->si_code <= 0) { /* someone sent it */
        async_event(signo, info, uc);
        return;
    }
    if (signo == SIGSYS_) {
        trapped_call(signo, info, uc);
        return;
    }
    if (in_pal(uc->regs.ip)) {
        if (uc->regs.ip == (uint64_t)host_copy_start) {
            uc->regs.ip = (uint64_t)host_copy_fixup;
            return;
        }
        fatal(signo, info, uc);
    }
    if (!upcall(events[signo], (PAL_NUM)info->si_addr, signo, info, false, uc))
        fatal(signo, info, uc);
}

/* What the signal would do to a program that does not handle it. */
static void default_action(int signo) {
    if (SIG_BIT(signo) & (g_control.host_signals_ignored | (QUIET_SIGNALS & ~STOP_SIGNALS)))
        return;
    if (SIG_BIT(signo) & STOP_SIGNALS)
        PalProcessStopSelf(signo);
    else
        PalProcessKillSelf(signo);
}

#define SAME_SIGNAL_NS NSEC_PER_SEC

/* A signal for the whole process group comes to us, and then once more through the monitor. True:
 * that was the second time. The first time is always handled before: the monitor is signalled
 * later than we are, or its copy is merged into ours while that is pending. */
static bool is_second(int signo, siginfo_t* info) {
    static struct {
        int pid;
        PAL_NUM when;
    } direct[65];
    bool passed_on = info->si_code == PASSED_ON_CODE, second = false;
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &now);
    if (passed_on) {
        info->si_code = info->si_errno;
        second = direct[signo].pid == info->si_pid && now - direct[signo].when < SAME_SIGNAL_NS;
    }
    direct[signo].pid = passed_on ? 0 : info->si_pid;
    direct[signo].when = now;
    return second;
}

static void async_event(int signo, siginfo_t* info, struct host_ucontext* uc) {
    struct host_tcb* tcb = host_tcb();
    bool kicked = info->si_code == KICK_CODE || (signo == KICK_SIGNAL && info->si_code == SI_TKILL);
    bool child = signo == SIGCHLD_ && info->si_code > 0;
    if (info->si_code <= 0 && !kicked && is_second(signo, info))
        return;
    uint64_t rip = uc->regs.ip;
    if (rip >= (uint64_t)pal_window_start && rip <= (uint64_t)pal_window_syscall)
        uc->regs.ip = (uint64_t)pal_window_eintr;
    else
        tcb->kick = !in_guest(rip); /* the guest learns of it right here */
    bool quiet = kicked || (QUIET_SIGNALS & SIG_BIT(signo));
    PAL_NUM event = child ? PAL_EVENT_CHILD : quiet ? PAL_EVENT_INTERRUPTED : PAL_EVENT_QUIT;
    bool done = upcall(event, 0, kicked ? 0 : signo, info, false, uc);
    if (!done && !kicked)
        default_action(signo);
}

/* The interrupted code may have given GS another base: ours is found by the signal stack. */
static void on_signal(int signo, siginfo_t* info, struct host_ucontext* uc) {
    struct host_tcb* tcb = host_own_gs(uc->stack.sp, &uc->gs_base);
    if (SIG_BIT(signo) & SYNC_SIGNALS)
        sync_handler(signo, info, uc);
    else
        async_event(signo, info, uc);
    if (uc->gs_base != (uint64_t)tcb)
        host_set_gs(uc->gs_base); /* no use of the TCB from here on */
}

/* True if the signal was ignored before. */
bool host_set_signal(int signo, void* handler) {
    struct host_sigaction old = {0},
                          act = {
                              .handler = handler,
                              .flags = SA_SIGINFO_ | SA_ONSTACK_ | SA_RESTART_ | SA_RESTORER_,
                              .restorer = pal_sigreturn,
                              .mask = ~SYNC_SIGNALS,
                          };
    if ((long)handler <= 1) /* SIG_DFL, SIG_IGN */
        act.flags = SA_RESTORER_;
    if (SIG_BIT(signo) & SYNC_SIGNALS)
        act.flags |= 0x40000000UL; /* SA_NODEFER */
    if (signo == SIGCHLD_)
        act.flags |= 1; /* SA_NOCLDSTOP */
    host_syscall(__NR_rt_sigaction, signo, &act, &old, 8);
    return old.handler == (void*)1;
}

bool host_exceptions_restore(int signo) {
    if (signo == SIGCHLD_ && !g_handlers[PAL_EVENT_CHILD]) /* children stay until waited for */
        return host_set_signal(signo, NULL);
    if (signo == SIGPIPE_ || signo == SIGXFSZ_) /* the call's error tells it */
        return host_set_signal(signo, (void*)1);
    return host_set_signal(signo, on_signal);
}

void host_exceptions_init(void) {
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, NULL, &g_control.host_signals_blocked, 8);
    for (int signo = 1; signo <= 64; signo++) {
        if (signo == SIGKILL_ || signo == SIGSTOP_)
            continue;
        if (host_exceptions_restore(signo))
            g_control.host_signals_ignored |= SIG_BIT(signo);
    }
}
