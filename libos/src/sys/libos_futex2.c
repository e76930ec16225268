/*
 * futex_wake, futex_wait, futex_requeue: one operation each, sizes and sharing in flags. Decoding
 * only; see proc/libos_futex.h. Words of 32 bits, as in Linux 6.7.
 */
#include "../proc/libos_futex.h"
#include "libos_table.h"
#include "libos_time.h"

static bool flags_valid(unsigned int flags) {
    return (flags & ~FUTEX_PRIVATE_FLAG) == FUTEX_32;
}

long libos_syscall_futex_wake(void* uaddr, unsigned long mask, int nr, unsigned int flags) {
    if (!flags_valid(flags) || mask > UINT32_MAX || mask == 0)
        return -EINVAL;
    bool shared = !(flags & FUTEX_PRIVATE_FLAG);
    if (nr == 0) { /* the older call wakes one */
        struct futex_key key;
        return futex_get_key(uaddr, shared, &key);
    }
    return futex_wake(uaddr, shared, nr, (uint32_t)mask);
}

long libos_syscall_futex_wait(void* uaddr, unsigned long val, unsigned long mask,
                              unsigned int flags, struct __kernel_timespec* timeout,
                              clockid_t clockid) {
    struct futex_deadline deadline = {.clock = PAL_CLOCK_MONOTONIC, .ns = NO_TIMEOUT};
    if (!flags_valid(flags) || val > UINT32_MAX || mask > UINT32_MAX)
        return -EINVAL;
    if (timeout) {
        if (clockid != CLOCK_REALTIME && clockid != CLOCK_MONOTONIC)
            return -EINVAL;
        int ret = user_get_timespec(&deadline.ns, timeout);
        if (ret < 0)
            return ret;
        deadline.clock = (uint32_t)clockid;
    }
    long ret =
        futex_wait(uaddr, !(flags & FUTEX_PRIVATE_FLAG), (uint32_t)val, deadline, (uint32_t)mask);
    return ret == -ERESTART_RESTARTBLOCK ? -ERESTARTSYS : ret; /* the timeout is absolute */
}

long libos_syscall_futex_requeue(struct futex_waitv* waiters, unsigned int flags, int nr_wake,
                                 int nr_requeue) {
    struct futex_waitv w[2];
    if (flags || !waiters)
        return -EINVAL;
    for (int i = 0; i < 2; i++) {
        if (user_get(w[i], waiters + i) < 0)
            return -EFAULT;
        if (!flags_valid(w[i].flags) || w[i].__reserved || w[i].val > UINT32_MAX)
            return -EINVAL;
    }
    if (w[0].flags != w[1].flags)
        return -EINVAL;
    uint32_t expected = (uint32_t)w[0].val;
    return futex_requeue((uint32_t*)w[0].uaddr, !(w[0].flags & FUTEX_PRIVATE_FLAG),
                         (uint32_t*)w[1].uaddr, nr_wake, nr_requeue, &expected);
}
