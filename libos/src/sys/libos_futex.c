/*
 * futex, futex_waitv, set_robust_list, get_robust_list: decoding only. See proc/libos_futex.h.
 */
#include "../proc/libos_futex.h"
#include "libos_table.h"
#include "libos_time.h"

static bool has_timeout(int cmd) {
    return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI ||
           cmd == FUTEX_LOCK_PI2 || cmd == FUTEX_WAIT_REQUEUE_PI;
}

static int read_deadline(int cmd, int op, const void* utime, struct futex_deadline* deadline) {
    deadline->clock = PAL_CLOCK_MONOTONIC;
    deadline->ns = NO_TIMEOUT;
    if (!utime || !has_timeout(cmd))
        return 0;
    int ret = user_get_timespec(&deadline->ns, utime);
    if (ret < 0)
        return ret;
    if (cmd == FUTEX_WAIT)
        deadline->ns = libos_deadline(PAL_CLOCK_MONOTONIC, deadline->ns);
    else if (cmd == FUTEX_LOCK_PI || (op & FUTEX_CLOCK_REALTIME))
        deadline->clock = PAL_CLOCK_REALTIME;
    return 0;
}

long libos_syscall_futex(uint32_t* uaddr, int op, uint32_t val,
                         const struct __kernel_timespec* utime, uint32_t* uaddr2, uint32_t val3) {
    int cmd = op & FUTEX_CMD_MASK;
    bool shared = !(op & FUTEX_PRIVATE_FLAG);
    uint32_t val2 = (uint32_t)(uint64_t)utime; /* some operations carry a number there */
    struct futex_deadline deadline;
    int ret = read_deadline(cmd, op, utime, &deadline);
    if (ret < 0)
        return ret;
    if ((op & FUTEX_CLOCK_REALTIME) && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_WAIT_REQUEUE_PI &&
        cmd != FUTEX_LOCK_PI2)
        return -ENOSYS;
    switch (cmd) {
        case FUTEX_WAIT:
            return futex_wait(uaddr, shared, val, deadline, FUTEX_BITSET_MATCH_ANY);
        case FUTEX_WAIT_BITSET:
            return futex_wait(uaddr, shared, val, deadline, val3);
        case FUTEX_WAKE:
            return futex_wake(uaddr, shared, val, FUTEX_BITSET_MATCH_ANY);
        case FUTEX_WAKE_BITSET:
            return futex_wake(uaddr, shared, val, val3);
        case FUTEX_REQUEUE:
            return futex_requeue(uaddr, shared, uaddr2, val, val2, NULL);
        case FUTEX_CMP_REQUEUE:
            return futex_requeue(uaddr, shared, uaddr2, val, val2, &val3);
        case FUTEX_WAKE_OP:
            return futex_wake_op(uaddr, shared, uaddr2, val, val2, val3);
        case FUTEX_LOCK_PI:
        case FUTEX_LOCK_PI2:
            return futex_lock_pi(uaddr, shared, deadline, false);
        case FUTEX_TRYLOCK_PI:
            return futex_lock_pi(uaddr, shared, deadline, true);
        case FUTEX_UNLOCK_PI:
            return futex_unlock_pi(uaddr, shared);
        case FUTEX_WAIT_REQUEUE_PI:
            return futex_wait_requeue_pi(uaddr, shared, val, deadline, FUTEX_BITSET_MATCH_ANY,
                                         uaddr2);
        case FUTEX_CMP_REQUEUE_PI:
            return futex_cmp_requeue_pi(uaddr, shared, uaddr2, val, val2, val3);
        default: /* FUTEX_FD too: gone since Linux 2.6.26 */
            return -ENOSYS;
    }
}

long libos_syscall_futex_waitv(struct futex_waitv* user_waiters, unsigned int count,
                               unsigned int flags, struct __kernel_timespec* timeout, int clockid) {
    if (flags || count == 0 || count > FUTEX_WAITV_MAX || !user_waiters)
        return -EINVAL;
    struct futex_deadline deadline = {.clock = PAL_CLOCK_MONOTONIC, .ns = NO_TIMEOUT};
    if (timeout) {
        if (clockid != CLOCK_REALTIME && clockid != CLOCK_MONOTONIC)
            return -EINVAL;
        int ret = user_get_timespec(&deadline.ns, timeout);
        if (ret < 0)
            return ret;
        deadline.clock = clockid;
    }
    struct futex_waitv* waiters = libos_malloc(count * sizeof(*waiters));
    if (!waiters)
        return -ENOMEM;
    long ret = 0;
    for (unsigned i = 0; i < count && ret == 0; i++) {
        struct futex_waitv* w = &waiters[i];
        if (user_copy_from(w, user_waiters + i, sizeof(*w)) < 0)
            ret = -EFAULT;
        else if ((w->flags & ~(FUTEX_32 | FUTEX_PRIVATE_FLAG)) || w->__reserved ||
                 !(w->flags & FUTEX_32) || w->val > UINT32_MAX)
            ret = -EINVAL;
    }
    if (ret == 0)
        ret = futex_wait_several(waiters, count, deadline);
    libos_free(waiters);
    return ret;
}

long libos_syscall_set_robust_list(struct robust_list_head* head, size_t len) {
    if (len != sizeof(*head))
        return -EINVAL;
    get_cur_thread()->robust_list = head;
    return 0;
}

long libos_syscall_get_robust_list(int pid, struct robust_list_head** head_ptr, size_t* len_ptr) {
    struct libos_thread* t = get_cur_thread();
    if (pid)
        t = libos_thread_find(pid);
    else
        libos_thread_get(t);
    if (!t)
        return -ESRCH;
    void* head = t->robust_list;
    libos_thread_put(t);
    size_t len = sizeof(struct robust_list_head);
    if (user_put(len, len_ptr) < 0 || user_put(head, head_ptr) < 0)
        return -EFAULT;
    return 0;
}
