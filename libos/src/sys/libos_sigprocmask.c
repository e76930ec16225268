/*
 * Masks and waiting for signals: rt_sigprocmask(2), rt_sigpending(2), rt_sigsuspend(2), pause(2),
 * rt_sigtimedwait(2).
 */
#include <linux/time_types.h>

#include "libos_signal.h"
#include "libos_table.h"

#define NSEC_PER_SEC 1000000000UL

long libos_syscall_rt_sigprocmask(int how, const void* set, void* oldset, size_t sigsetsize) {
    struct libos_thread* t = get_cur_thread();
    if (sigsetsize != sizeof(libos_sigset_t))
        return -EINVAL;
    libos_sigset_t old = t->blocked;
    if (set) {
        libos_sigset_t mask;
        if (user_get(mask, set) < 0)
            return -EFAULT;
        mask &= ~SIG_UNBLOCKABLE;
        switch (how) {
            case SIG_BLOCK:
                libos_signal_set_mask(old | mask);
                break;
            case SIG_UNBLOCK:
                libos_signal_set_mask(old & ~mask);
                break;
            case SIG_SETMASK:
                libos_signal_set_mask(mask);
                break;
            default:
                return -EINVAL;
        }
    }
    return oldset && user_put(old, oldset) < 0 ? -EFAULT : 0;
}

long libos_syscall_rt_sigpending(void* set, size_t sigsetsize) {
    struct libos_thread* t = get_cur_thread();
    if (sigsetsize > sizeof(libos_sigset_t))
        return -EINVAL;
    libos_signal_drain_host();
    lock(&cur_process()->signal_lock);
    libos_sigset_t pending = (t->signals.pending | cur_process()->signals.pending) & t->blocked;
    unlock(&cur_process()->signal_lock);
    return user_copy_to(set, &pending, sigsetsize);
}

/* Until a handler runs or the thread ends. */
static long wait_for_signal(void) {
    struct libos_waiter never;
    libos_waiter_init(&never);
    libos_wait(&never, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
    return -ERESTARTNOHAND;
}

long libos_syscall_rt_sigsuspend(const void* unewset, size_t sigsetsize) {
    if (sigsetsize != sizeof(libos_sigset_t))
        return -EINVAL;
    if (!unewset)
        return -EFAULT;
    int ret = libos_set_temporary_mask(unewset, sigsetsize);
    return ret < 0 ? ret : wait_for_signal();
}

long libos_syscall_pause(void) {
    return wait_for_signal();
}

/* A deadline on the monotonic clock; NO_TIMEOUT if there is none. */
static long read_deadline(const struct __kernel_timespec* ts, PAL_NUM* deadline) {
    struct __kernel_timespec kts;
    if (user_get(kts, ts) < 0)
        return -EFAULT;
    if (kts.tv_sec < 0 || (unsigned long)kts.tv_nsec >= NSEC_PER_SEC)
        return -EINVAL;
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &now);
    if ((PAL_NUM)kts.tv_sec > (INT64_MAX - now) / NSEC_PER_SEC - 1)
        *deadline = NO_TIMEOUT;
    else
        *deadline = now + kts.tv_sec * NSEC_PER_SEC + kts.tv_nsec;
    return kts.tv_sec || kts.tv_nsec;
}

/* While sigwait_set stands, signals of the process may be given to this thread: what it leaves in
 * the queue when it goes must be told to another one. */
static void end_sigwait(struct libos_thread* t) {
    lock(&cur_process()->signal_lock);
    libos_sigset_t set = t->sigwait_set;
    t->sigwait_set = 0;
    libos_signal_retarget(t, set & t->blocked);
    unlock(&cur_process()->signal_lock);
}

static long wait_for_one_of(struct libos_thread* t, libos_sigset_t set, siginfo_t* info,
                            PAL_NUM deadline) {
    struct libos_waiter never;
    libos_waiter_init(&never);
    lock(&cur_process()->signal_lock);
    t->sigwait_set = set & t->blocked;
    unlock(&cur_process()->signal_lock);
    long ret = 0, sig = libos_signal_dequeue(t, set, info);
    if (!sig) {
        ret = libos_wait(&never, PAL_CLOCK_MONOTONIC, deadline);
        sig = libos_signal_dequeue(t, set, info);
    }
    end_sigwait(t);
    return sig ? sig : ret == -ETIMEDOUT ? -EAGAIN : -EINTR;
}

long libos_syscall_rt_sigtimedwait(const void* these, siginfo_t* info,
                                   const struct __kernel_timespec* ts, size_t sigsetsize) {
    struct libos_thread* t = get_cur_thread();
    if (sigsetsize != sizeof(libos_sigset_t))
        return -EINVAL;
    libos_sigset_t set;
    if (user_get(set, these) < 0)
        return -EFAULT;
    set &= ~SIG_UNBLOCKABLE;
    PAL_NUM deadline = NO_TIMEOUT;
    long may_wait = 1;
    if (ts && (may_wait = read_deadline(ts, &deadline)) < 0)
        return may_wait;
    siginfo_t kinfo;
    long sig = libos_signal_dequeue(t, set, &kinfo);
    if (!sig) {
        if (!may_wait)
            return -EAGAIN;
        sig = wait_for_one_of(t, set, &kinfo, deadline);
    }
    if (sig > 0 && info && user_put(kinfo, info) < 0)
        return -EFAULT;
    return sig;
}
