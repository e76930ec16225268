/*
 * Actions and alternate stacks: rt_sigaction(2), sigaltstack(2).
 */
#include "libos_signal.h"
#include "libos_table.h"

#define SA_EXPOSE_TAGBITS_ 0x00000800
/* Flags that Linux keeps; it drops others silently, so that programs can ask which it knows. */
#define KNOWN_FLAGS                                                                                \
    (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_EXPOSE_TAGBITS_ | SA_ONSTACK | SA_RESTART |     \
     SA_NODEFER | SA_RESETHAND | SA_RESTORER)

static void drop_pending(int sig) {
    libos_sigqueue_discard(&cur_process()->signals, sig_bit(sig));
    lock(&cur_process()->threads_lock);
    list_for_each(t, &cur_process()->threads, struct libos_thread, node)
        libos_sigqueue_discard(&t->signals, sig_bit(sig));
    unlock(&cur_process()->threads_lock);
}

static bool discards(const struct libos_sigaction* act, int sig) {
    return act->handler == SIG_IGN ||
           (act->handler == SIG_DFL && libos_default_action(sig) == DEFAULT_IGNORE);
}

long libos_syscall_rt_sigaction(int sig, const struct libos_sigaction* act,
                                struct libos_sigaction* oldact, size_t sigsetsize) {
    struct libos_sigaction new_act, old_act;
    if (sigsetsize != sizeof(libos_sigset_t))
        return -EINVAL;
    if (act && user_get(new_act, act) < 0)
        return -EFAULT;
    if (sig < 1 || sig > LIBOS_NSIG || (act && (SIG_UNBLOCKABLE & sig_bit(sig))))
        return -EINVAL;
    lock(&cur_process()->signal_lock);
    old_act = cur_process()->actions[sig - 1];
    if (act) {
        new_act.flags &= KNOWN_FLAGS;
        new_act.mask &= ~SIG_UNBLOCKABLE;
        cur_process()->actions[sig - 1] = new_act;
        if (discards(&new_act, sig))
            drop_pending(sig);
        if (sig == SIGCHLD)
            libos_signal_publish_child_action();
    }
    unlock(&cur_process()->signal_lock);
    return oldact && user_put(old_act, oldact) < 0 ? -EFAULT : 0;
}

long libos_syscall_sigaltstack(const stack_t* uss, stack_t* uoss) {
    stack_t new_stack, old_stack;
    if (uss && user_get(new_stack, uss) < 0)
        return -EFAULT;
    memset(&old_stack, 0, sizeof(old_stack));
    int ret = libos_sigaltstack(uss ? &new_stack : NULL, &old_stack, get_cur_thread()->regs->rsp,
                                MINSIGSTKSZ);
    if (ret < 0)
        return ret;
    return uoss && user_put(old_stack, uoss) < 0 ? -EFAULT : 0;
}
