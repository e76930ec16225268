/*
 * The thread's mask, and what is deliverable under it.
 */
#include "libos_signal.h"

static libos_sigset_t pending_sets(const struct libos_thread* t) {
    return __atomic_load_n(&t->signals.pending, __ATOMIC_SEQ_CST) |
           __atomic_load_n(&cur_process()->signals.pending, __ATOMIC_SEQ_CST);
}

void libos_signal_recalc(struct libos_thread* t) {
    if (pending_sets(t) & ~t->blocked)
        __atomic_or_fetch(&libos_get_tcb()->work, LIBOS_WORK_SIGNAL, __ATOMIC_SEQ_CST);
}

/* Without the lock, as threads change their masks all the time. A sender makes the signal pending
 * and then looks at the masks; here the mask changes and then pending signals are looked at: one of
 * the two sees the other. */
void libos_signal_set_mask(libos_sigset_t mask) {
    struct libos_thread* t = get_cur_thread();
    mask &= ~SIG_UNBLOCKABLE;
    libos_sigset_t newly_blocked = mask & ~t->blocked;
    if (mask == t->blocked)
        return;
    __atomic_store_n(&t->blocked, mask, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&cur_process()->signals.pending, __ATOMIC_SEQ_CST) & newly_blocked) {
        lock(&cur_process()->signal_lock);
        libos_signal_retarget(t, newly_blocked);
        unlock(&cur_process()->signal_lock);
    }
    libos_signal_recalc(t);
}

static bool is_deliverable(const struct libos_thread* t) {
    return pending_sets(t) & ~(t->blocked & ~t->sigwait_set);
}

bool libos_signal_pending(struct libos_thread* t) {
    /* A thread on its way out is no longer known by its TCB. */
    struct libos_tcb* tcb = t == get_cur_thread() ? libos_get_tcb() : t->tcb;
    uint32_t work = tcb ? __atomic_load_n(&tcb->work, __ATOMIC_SEQ_CST) : LIBOS_WORK_EXIT;
    if (work & (LIBOS_WORK_EXIT | LIBOS_WORK_STOP))
        return true;
    if (!(work & LIBOS_WORK_SIGNAL))
        return false;
    if (t != get_cur_thread())
        return is_deliverable(t);
    libos_signal_drain_host();
    if (is_deliverable(t))
        return true;
    /* The flag stands for something that a temporary mask blocks now (the way out will look again).
     * It must not stand while the thread sleeps: senders kick only whoever has it not set. */
    __atomic_and_fetch(&tcb->work, ~(uint32_t)LIBOS_WORK_SIGNAL, __ATOMIC_SEQ_CST);
    if (!is_deliverable(t) && !libos_signal_host_noted())
        return false;
    __atomic_or_fetch(&tcb->work, LIBOS_WORK_SIGNAL, __ATOMIC_SEQ_CST);
    return libos_signal_pending(t);
}

int libos_set_temporary_mask(const void* user_mask, size_t size) {
    if (!user_mask)
        return 0;
    if (size != sizeof(libos_sigset_t))
        return -EINVAL;
    libos_sigset_t mask;
    if (user_get(mask, user_mask) < 0)
        return -EFAULT;
    struct libos_thread* t = get_cur_thread();
    t->saved_mask = t->blocked;
    __atomic_or_fetch(&libos_get_tcb()->work, LIBOS_WORK_RESTORE_MASK, __ATOMIC_SEQ_CST);
    libos_signal_set_mask(mask);
    return 0;
}
