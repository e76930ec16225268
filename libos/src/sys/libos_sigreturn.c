/*
 * Back from a handler and on with an interrupted call: rt_sigreturn(2), restart_syscall(2).
 */
#include "libos_signal.h"
#include "libos_table.h"

long libos_syscall_rt_sigreturn(void) {
    struct libos_thread* t = get_cur_thread();
    if (libos_sigframe_pop(t->regs) < 0) {
        siginfo_t info;
        memset(&info, 0, sizeof(info));
        info.si_signo = SIGSEGV;
        info.si_code = SI_KERNEL;
        libos_signal_force(t, &info);
    }
    t->restart.fn = NULL; /* the handler is over, and what it interrupted goes on by itself */
    /* All registers come from the frame now: by the way out that restores all of them. */
    __atomic_or_fetch(&t->tcb->work, LIBOS_WORK_FULL_RESTORE, __ATOMIC_SEQ_CST);
    return t->regs->rax;
}

long libos_syscall_restart_syscall(void) {
    struct libos_thread* t = get_cur_thread();
    return t->restart.fn ? t->restart.fn(t) : -EINTR;
}
