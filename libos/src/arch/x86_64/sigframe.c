/*
 * Signal frames on the user stack, laid out as Linux lays them out on x86-64: programs look into
 * them, and unwinders know them.
 */
#include "libos_signal.h"
#include <asm/sigcontext.h>
#include <asm/ucontext.h>

#include "entry.h"
#include "fpu.h"

#define RED_ZONE      128
#define UC_FP_XSTATE_ 1
#define UC_SS_FLAGS   (UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS)
#define USER_CS       0x33
#define USER_SS       0x2b
/* The flags a program may set: arithmetic, DF, TF, RF, AC. */
#define EFL_USER (0x8d5UL | EFL_DF | EFL_TF | EFL_RF | EFL_AC)

struct rt_sigframe {
    void* pretcode;
    struct ucontext uc;
    siginfo_t info;
};

/* ---- alternate stack --------------------------------------------------------------------------
 */

#define SS_AUTODISARM_ (1U << 31)

bool libos_on_altstack(const struct libos_thread* t, uint64_t sp) {
    uint64_t base = (uint64_t)t->altstack.ss_sp;
    if (t->altstack.ss_flags & SS_AUTODISARM_)
        return false; /* it is disarmed while in use */
    return sp > base && sp - base <= t->altstack.ss_size;
}

static int flags_now(const struct libos_thread* t, uint64_t sp) {
    if (!t->altstack.ss_size)
        return SS_DISABLE;
    return libos_on_altstack(t, sp) ? SS_ONSTACK : 0;
}

int libos_sigaltstack(const stack_t* new_stack, stack_t* old_stack, uint64_t sp, size_t min_size) {
    struct libos_thread* t = get_cur_thread();
    if (old_stack) {
        old_stack->ss_sp = t->altstack.ss_sp;
        old_stack->ss_size = t->altstack.ss_size;
        old_stack->ss_flags = flags_now(t, sp) | (t->altstack.ss_flags & (int)SS_AUTODISARM_);
    }
    if (!new_stack)
        return 0;
    if (libos_on_altstack(t, sp))
        return -EPERM;
    int mode = new_stack->ss_flags & ~(int)SS_AUTODISARM_;
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
        return -EINVAL;
    stack_t stack = *new_stack;
    if (mode == SS_DISABLE) {
        stack.ss_size = 0;
        stack.ss_sp = NULL;
    } else if (stack.ss_size < min_size) {
        return -ENOMEM;
    }
    t->altstack = stack;
    return 0;
}

/* ---- building ---------------------------------------------------------------------------------
 */

/* Where the frame goes; *fp: the vector state. 0: it would leave the alternate stack. */
static uint64_t place_frame(const struct libos_regs* regs, const struct libos_sigaction* act,
                            uint64_t* fp) {
    struct libos_thread* t = get_cur_thread();
    uint64_t sp = regs->rsp - RED_ZONE;
    bool nested = libos_on_altstack(t, regs->rsp);
    bool entering = (act->flags & SA_ONSTACK) && flags_now(t, regs->rsp) == 0;
    if (entering)
        sp = (uint64_t)t->altstack.ss_sp + t->altstack.ss_size;
    *fp = ALIGN_DOWN(sp - libos_fpu_frame_size(), 64UL);
    sp = ALIGN_DOWN(*fp - sizeof(struct rt_sigframe), 16UL) - 8;
    uint64_t base = (uint64_t)t->altstack.ss_sp;
    if ((nested || entering) && (sp <= base || sp - base > t->altstack.ss_size))
        return 0;
    return sp;
}

static void fill_context(struct sigcontext* sc, const struct libos_regs* regs,
                         libos_sigset_t mask) {
    const struct libos_fault* fault = &get_cur_thread()->fault;
    sc->r8 = regs->r8;
    sc->r9 = regs->r9;
    sc->r10 = regs->r10;
    sc->r11 = regs->r11;
    sc->r12 = regs->r12;
    sc->r13 = regs->r13;
    sc->r14 = regs->r14;
    sc->r15 = regs->r15;
    sc->rdi = regs->rdi;
    sc->rsi = regs->rsi;
    sc->rbp = regs->rbp;
    sc->rbx = regs->rbx;
    sc->rdx = regs->rdx;
    sc->rax = regs->rax;
    sc->rcx = regs->rcx;
    sc->rsp = regs->rsp;
    sc->rip = regs->rip;
    sc->eflags = regs->rflags;
    sc->cs = USER_CS;
    sc->ss = USER_SS;
    sc->err = fault->error_code;
    sc->trapno = fault->trapno;
    sc->cr2 = fault->cr2;
    sc->oldmask = mask;
}

static void enter_handler(struct libos_regs* regs, int sig, const struct libos_sigaction* act,
                          uint64_t sp) {
    const struct rt_sigframe* frame = (const void*)sp;
    regs->rdi = sig;
    regs->rsi = (uint64_t)&frame->info;
    regs->rdx = (uint64_t)&frame->uc;
    regs->rax = 0;
    regs->rip = (uint64_t)act->handler;
    regs->resume = libos_patch_resume(regs->rip);
    if (regs->resume == regs->rip)
        regs->resume = 0;
    regs->rsp = sp;
    regs->rflags &= ~(uint64_t)(EFL_DF | EFL_RF | EFL_TF);
}

int libos_sigframe_push(struct libos_regs* regs, const siginfo_t* info,
                        const struct libos_sigaction* act, libos_sigset_t mask) {
    struct libos_thread* t = get_cur_thread();
    uint64_t fp, sp = place_frame(regs, act, &fp);
    struct rt_sigframe* uframe = (struct rt_sigframe*)sp;
    /* x86-64 has no return code of the kernel's own: the restorer is mandatory. */
    if (!sp || !access_ok(uframe, sizeof(*uframe)) || !(act->flags & SA_RESTORER))
        return -EFAULT;
    struct rt_sigframe frame;
    memset(&frame, 0, sizeof(frame));
    frame.pretcode = act->restorer;
    frame.uc.uc_flags = UC_FP_XSTATE_ | UC_SS_FLAGS;
    frame.uc.uc_stack = t->altstack;
    if (!t->altstack.ss_size)
        frame.uc.uc_stack.ss_flags |= SS_DISABLE;
    fill_context(&frame.uc.uc_mcontext, regs, mask);
    frame.uc.uc_mcontext.fpstate = (void*)fp;
    memcpy(&frame.uc.uc_sigmask, &mask, sizeof(mask));
    size_t size = sizeof(frame);
    if (act->flags & SA_SIGINFO)
        frame.info = *info;
    else
        size = offsetof(struct rt_sigframe, info);
    if (libos_fpu_save((void*)fp) < 0 || user_copy_to(uframe, &frame, size) < 0)
        return -EFAULT;
    libos_rseq_signal(t);
    enter_handler(regs, info->si_signo, act, sp);
    if (t->altstack.ss_flags & (int)SS_AUTODISARM_)
        t->altstack = (stack_t){.ss_flags = SS_DISABLE};
    return 0;
}

/* ---- returning --------------------------------------------------------------------------------
 */

static void take_context(struct libos_regs* regs, const struct sigcontext* sc) {
    regs->r8 = sc->r8;
    regs->r9 = sc->r9;
    regs->r10 = sc->r10;
    regs->r11 = sc->r11;
    regs->r12 = sc->r12;
    regs->r13 = sc->r13;
    regs->r14 = sc->r14;
    regs->r15 = sc->r15;
    regs->rdi = sc->rdi;
    regs->rsi = sc->rsi;
    regs->rbp = sc->rbp;
    regs->rbx = sc->rbx;
    regs->rdx = sc->rdx;
    regs->rax = sc->rax;
    regs->rcx = sc->rcx;
    regs->rsp = sc->rsp;
    regs->rip = sc->rip;
    regs->rflags = (regs->rflags & ~EFL_USER) | (sc->eflags & EFL_USER);
    regs->orig_rax = -1UL;
    /* In the middle of a patched site execution goes on in the copy of its instructions. */
    uint64_t resume = libos_patch_resume(regs->rip);
    regs->resume = resume == regs->rip ? 0 : resume;
}

/* Only the usual segments are there to return to: with others Linux's `iret` faults, if not at once
 * (32-bit code) then here. False: a fault was recorded. */
static bool good_segments(const struct ucontext* uc) {
    uint16_t cs = uc->uc_mcontext.cs | 3, ss = uc->uc_mcontext.ss | 3;
    if (cs == USER_CS && (ss == USER_SS || !(uc->uc_flags & UC_STRICT_RESTORE_SS)))
        return true;
    get_cur_thread()->fault = (struct libos_fault){.signo = SIGSEGV,
                                                   .code = SI_KERNEL,
                                                   .error_code = (cs == USER_CS ? ss : cs) & 0xfffc,
                                                   .trapno = 13};
    return false;
}

int libos_sigframe_pop(struct libos_regs* regs) {
    struct rt_sigframe* uframe = (struct rt_sigframe*)(regs->rsp - sizeof(void*));
    struct ucontext uc;
    libos_sigset_t mask;
    if (user_copy_from(&uc, &uframe->uc, sizeof(uc)) < 0)
        return -EFAULT;
    memcpy(&mask, &uc.uc_sigmask, sizeof(mask));
    libos_signal_set_mask(mask);
    if (libos_fpu_restore((const void*)uc.uc_mcontext.fpstate) < 0)
        return -EFAULT;
    take_context(regs, &uc.uc_mcontext);
    /* As Linux: a stack that it would not take is not a reason to fail. */
    libos_sigaltstack(&uc.uc_stack, NULL, regs->rsp, 0);
    if (!good_segments(&uc))
        libos_fault_work(regs);
    return 0;
}
