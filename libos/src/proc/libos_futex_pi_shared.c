/*
 * Priority-inheritance futexes in memory that processes share: FUTEX_LOCK_PI and the like. The word
 * follows Linux; the waiting is done on the host's shared futex behind it, and ownership is not
 * handed over: who is woken takes the futex, or waits again if another was faster.
 *
 * A waiter looks now and then whether the owner still lives: then nothing is lost if the one that
 * was woken leaves (a signal, its death) without taking it.
 */
#include "libos_coord.h"
#include "libos_futex.h"
#include "libos_proc_internal.h"
#include "libos_time.h"

#define LOOK_NS (50 * 1000000UL)

/* cmpxchg: 0 done, 1 the word has changed, -EFAULT. */
static int change(uint32_t* uaddr, uint32_t from, uint32_t to) {
    uint32_t seen = from;
    int ret = user_cmpxchg_u32(uaddr, &seen, to);
    return ret < 0 ? ret : seen != from;
}

static long sleep_on(uint32_t* uaddr, uint32_t value, struct futex_deadline deadline) {
    uint64_t look = libos_deadline(deadline.clock, LOOK_NS);
    bool last = deadline.ns <= look;
    if (libos_signal_pending(get_cur_thread()))
        return -ERESTARTNOINTR;
    int ret = PalSharedFutexWait(uaddr, value, FUTEX_BITSET_MATCH_ANY, deadline.clock,
                                 last ? deadline.ns : look);
    if (ret == PAL_ERROR_TIMEDOUT)
        return last ? -ETIMEDOUT : 0;
    return ret == PAL_ERROR_INTERRUPTED || ret == PAL_ERROR_TRYAGAIN ? 0 : pal_to_errno(ret);
}

/* One attempt at a word with this value. 0: taken; 1: look again; 2: wait; -errno. */
static int attempt(uint32_t* uaddr, uint32_t value, uint32_t waiters, bool try) {
    uint32_t tid = (uint32_t)get_cur_thread()->tid, owner = value & FUTEX_TID_MASK;
    if (owner == tid)
        return -EDEADLK;
    if (!owner)
        return change(uaddr, value, tid | (value & (FUTEX_OWNER_DIED | FUTEX_WAITERS)) | waiters);
    if (!coord_id_owner((int32_t)owner)) {
        uint32_t now;
        int ret = user_load_u32(uaddr, &now);
        if (ret < 0 || now != value)
            return ret < 0 ? ret : 1;
        /* As Linux: those who wait inherit it, others are told. */
        return waiters ? change(uaddr, value, tid | FUTEX_WAITERS | FUTEX_OWNER_DIED) : -ESRCH;
    }
    if (try)
        return -EAGAIN;
    int ret = value & FUTEX_WAITERS ? 0 : change(uaddr, value, value | FUTEX_WAITERS);
    return ret ? ret : 2;
}

long futex_host_lock_pi(uint32_t* uaddr, struct futex_deadline deadline, bool try) {
    uint32_t value, waiters = 0;
    for (;;) {
        int ret = user_load_u32(uaddr, &value);
        if (ret == 0)
            ret = attempt(uaddr, value, waiters, try);
        if (ret <= 0)
            return ret;
        if (ret == 1)
            continue;
        long slept = sleep_on(uaddr, value | FUTEX_WAITERS, deadline);
        if (slept < 0)
            return slept;
        waiters = FUTEX_WAITERS; /* there may be more than us */
    }
}

long futex_host_unlock_pi(uint32_t* uaddr) {
    uint32_t value;
    int ret;
    do {
        ret = user_load_u32(uaddr, &value);
        if (ret == 0 && (value & FUTEX_TID_MASK) != (uint32_t)get_cur_thread()->tid)
            return -EPERM;
        if (ret == 0)
            ret = change(uaddr, value, 0);
    } while (ret > 0);
    if (ret == 0 && (value & FUTEX_WAITERS))
        futex_host_wake(uaddr, 1, FUTEX_BITSET_MATCH_ANY);
    return ret;
}

long futex_host_wait_requeue_pi(uint32_t* uaddr, uint32_t val, struct futex_deadline deadline,
                                uint32_t bitset, uint32_t* uaddr2) {
    long ret = futex_wait(uaddr, true, val, deadline, bitset);
    if (ret == -ERESTARTSYS || ret == -ERESTART_RESTARTBLOCK)
        return -ERESTARTNOINTR;
    if (ret)
        return ret;
    ret = futex_lock_pi(uaddr2, true, deadline, false);
    return ret == -ERESTARTNOINTR ? -EAGAIN : ret; /* once woken, the call cannot begin anew */
}
