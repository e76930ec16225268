/*
 * adjtimex(2), clock_adjtime(2). The guest's clock is the host's, which no guest may steer: changes
 * are refused as to anyone without CAP_SYS_TIME, and a reading tells of a clock that nothing known
 * to the guest keeps synchronised.
 */
#include <linux/timex.h>
#include "libos_table.h"
#include "libos_time.h"

#define TICK_USEC_100HZ 10000
#define MAX_ERROR_USEC  16000000 /* where Linux stops counting the error up */
#define TOLERANCE       32768000 /* 500 ppm, scaled */

static long read_state(uint32_t clock, struct __kernel_timex* user_timex) {
    struct __kernel_timex tx;
    if (user_get(tx, user_timex) < 0)
        return -EFAULT;
    if (tx.modes)
        return -EPERM;
    memset(&tx, 0, sizeof(tx));
    uint64_t now = libos_clock(clock);
    tx.status = STA_UNSYNC;
    tx.maxerror = tx.esterror = MAX_ERROR_USEC;
    tx.constant = 2;
    tx.precision = 1;
    tx.tolerance = TOLERANCE;
    tx.tick = TICK_USEC_100HZ;
    tx.time.tv_sec = now / NSEC_PER_SEC;
    tx.time.tv_usec = now % NSEC_PER_SEC / NSEC_PER_USEC;
    return user_put(tx, user_timex) < 0 ? -EFAULT : TIME_ERROR;
}

long libos_syscall_adjtimex(struct __kernel_timex* user_timex) {
    return read_state(PAL_CLOCK_REALTIME, user_timex);
}

long libos_syscall_clock_adjtime(int clock, struct __kernel_timex* user_timex) {
    if (clock == CLOCK_REALTIME)
        return read_state(PAL_CLOCK_REALTIME, user_timex);
    struct __kernel_timex tx;
    if (user_get(tx, user_timex) < 0)
        return -EFAULT;
    bool known = clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI ||
                 clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
    return known ? -EOPNOTSUPP : -EINVAL;
}
