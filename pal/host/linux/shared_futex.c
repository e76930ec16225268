/*
 * Futexes of the guest in shared memory, and waits for several words: straight to the host, which
 * knows a shared word by the object and the offset behind it.
 */
#include "host_internal.h"

#define WAIT_MAX 128 /* FUTEX_WAITV_MAX */

static int clamp(PAL_NUM count) {
    return count > INT32_MAX ? INT32_MAX : (int)count;
}

int PalSharedFutexWait(uint32_t* word, uint32_t expected, uint32_t bitset, PAL_FLG clock,
                       PAL_NUM deadline_ns) {
    int op = FUTEX_WAIT_BITSET;
    if (clock == PAL_CLOCK_REALTIME)
        op |= FUTEX_CLOCK_REALTIME;
    else if (clock != PAL_CLOCK_MONOTONIC)
        return PAL_ERROR_INVAL;
    struct __kernel_timespec ts;
    if (deadline_ns != NO_TIMEOUT)
        ts = host_timespec(deadline_ns);
    return host_error(host_syscall_block(__NR_futex, word, op, expected,
                                         deadline_ns == NO_TIMEOUT ? NULL : &ts, NULL, bitset));
}

int PalSharedFutexWake(uint32_t* word, PAL_NUM count, uint32_t bitset) {
    return host_result(
        host_syscall(__NR_futex, word, FUTEX_WAKE_BITSET, clamp(count), NULL, NULL, bitset));
}

int PalSharedFutexRequeue(uint32_t* word, uint32_t* other, PAL_NUM wake, PAL_NUM move,
                          const uint32_t* expected) {
    int op = expected ? FUTEX_CMP_REQUEUE : FUTEX_REQUEUE;
    return host_result(host_syscall(__NR_futex, word, op, clamp(wake), clamp(move), other,
                                    expected ? *expected : 0));
}

int PalSharedFutexWakeOp(uint32_t* word, uint32_t* other, PAL_NUM wake, PAL_NUM wake_other,
                         uint32_t op) {
    return host_result(
        host_syscall(__NR_futex, word, FUTEX_WAKE_OP, clamp(wake), clamp(wake_other), other, op));
}

int PalFutexWaitAny(PAL_FUTEX_WAITER* waiters, PAL_NUM count, PAL_FLG clock, PAL_NUM deadline_ns) {
    if (count == 0 || count > WAIT_MAX ||
        (clock != PAL_CLOCK_REALTIME && clock != PAL_CLOCK_MONOTONIC))
        return PAL_ERROR_INVAL;
    for (PAL_NUM i = 0; i < count; i++) {
        if (waiters[i].flags != PAL_FUTEX_SHARED && waiters[i].flags != PAL_FUTEX_PRIVATE)
            return PAL_ERROR_INVAL;
    }
    struct __kernel_timespec ts;
    if (deadline_ns != NO_TIMEOUT)
        ts = host_timespec(deadline_ns);
    return host_result(host_syscall_block(__NR_futex_waitv, waiters, count, 0,
                                          deadline_ns == NO_TIMEOUT ? NULL : &ts, clock));
}
