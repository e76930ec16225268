/*
 * Futexes in memory that processes share: waits and wakes are the host's, which knows such a word
 * by the object and the offset behind it and so meets waiters of every process. Only a host without
 * shared memory leaves them to the process's own buckets. futex(2).
 *
 * A shared operation on two words of which one lies in private memory has one side here and one in
 * the host. Waiters cannot move between the two: those to be moved are woken instead, and look at
 * their word again as after any wake.
 */
#include "libos_futex.h"
#include "libos_proc_internal.h"

bool futex_is_host(const struct futex_key* key) {
    return key->object && (g_pal_control->capabilities & PAL_CAP_SHARED_MEM);
}

long futex_host_wait(uint32_t* uaddr, uint32_t val, struct futex_deadline deadline,
                     uint32_t bitset) {
    if (libos_signal_pending(get_cur_thread()))
        return -EINTR;
    int ret = PalSharedFutexWait(uaddr, val, bitset, deadline.clock, deadline.ns);
    return ret == PAL_ERROR_INTERRUPTED ? -EINTR : MIN(pal_to_errno(ret), 0L);
}

/* Counts that are no count a host may give: none. */
static long checked(int ret, long most) {
    return ret < 0 ? pal_to_errno(ret) : ret > most ? -EIO : ret;
}

long futex_host_wake(uint32_t* uaddr, int count, uint32_t bitset) {
    return checked(PalSharedFutexWake(uaddr, MAX(count, 1), bitset), INT32_MAX);
}

long futex_host_requeue(uint32_t* uaddr, uint32_t* uaddr2, int count, int count2,
                        const uint32_t* cmp) {
    return checked(PalSharedFutexRequeue(uaddr, uaddr2, count, count2, cmp), INT32_MAX);
}

/* One word is in the host, the other is not. */
long futex_mixed_requeue(uint32_t* uaddr, int count, int count2, const uint32_t* cmp) {
    uint32_t seen;
    if (cmp) {
        int ret = user_load_u32(uaddr, &seen);
        if (ret < 0 || seen != *cmp)
            return ret < 0 ? ret : -EAGAIN;
    }
    int most = count > INT32_MAX - count2 ? INT32_MAX : count + count2;
    return most ? futex_wake(uaddr, true, most, FUTEX_BITSET_MATCH_ANY) : 0;
}

long futex_host_wake_op(uint32_t* uaddr, uint32_t* uaddr2, int count, int count2, uint32_t op) {
    return checked(PalSharedFutexWakeOp(uaddr, uaddr2, MAX(count, 1), MAX(count2, 1), op),
                   INT32_MAX);
}

/* ---- futex_waitv -------------------------------------------------------------------------------
 * The host waits for the shared words and for one word of our own, which wakers of the private ones
 * set.
 */

long futex_host_wait_several(const struct futex_waitv* waiters, unsigned count,
                             const struct futex_waiter* fws, struct libos_waiter* waiter,
                             struct futex_deadline deadline) {
    PAL_FUTEX_WAITER* host = libos_malloc((count + 1) * sizeof(*host));
    unsigned used = 0;
    if (!host)
        return -ENOMEM;
    bool any_private = false;
    for (unsigned i = 0; i < count; i++) {
        if (futex_is_host(&fws[i].key))
            host[used++] =
                (PAL_FUTEX_WAITER){waiters[i].val, waiters[i].uaddr, PAL_FUTEX_SHARED, 0};
        else
            any_private = true;
    }
    unsigned shared = used;
    if (any_private)
        host[used++] = (PAL_FUTEX_WAITER){0, (uint64_t)&waiter->woken, PAL_FUTEX_PRIVATE, 0};
    int ret = PAL_ERROR_INTERRUPTED;
    if (!libos_signal_pending(get_cur_thread()))
        ret = PalFutexWaitAny(host, used, deadline.clock, deadline.ns);
    libos_free(host);
    if (ret == PAL_ERROR_INTERRUPTED)
        return -EINTR;
    if (ret == PAL_ERROR_TRYAGAIN && __atomic_load_n(&waiter->woken, __ATOMIC_ACQUIRE))
        return count; /* a private one */
    if (ret < 0)
        return pal_to_errno(ret);
    if ((unsigned)ret >= used)
        return -EIO;
    if ((unsigned)ret == shared)
        return count;
    for (unsigned i = 0, nth = 0; i < count; i++) {
        if (futex_is_host(&fws[i].key) && nth++ == (unsigned)ret)
            return i;
    }
    return -EIO;
}
