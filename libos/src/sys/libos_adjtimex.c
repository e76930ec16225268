/*
 * adjtimex(2), clock_adjtime(2). The guest's clock is the host's, which no guest may steer: changes
 * are refused as to anyone without CAP_SYS_TIME, and a reading tells of a clock that nothing known
 * to the guest keeps synchronised.
 */
#include <linux/timex.h>
#include "libos_table.h"
#include "libos_time.h"

#ifndef ADJ_ADJTIME /* bits of ADJ_OFFSET_SINGLESHOT and ADJ_OFFSET_SS_READ */
#define ADJ_ADJTIME         0x8000
#define ADJ_OFFSET_READONLY 0x2000
#define ADJ_ADJTIME_ALWAYS  0x0001
#endif
#define TICK_USEC_100HZ 10000
#define MAX_ERROR_USEC  16000000 /* where Linux stops counting the error up */
#define TOLERANCE       32768000 /* 500 ppm, scaled */

static long read_state(struct __kernel_timex* user_timex) {
    struct __kernel_timex tx;
    if (user_get(tx, user_timex) < 0)
        return -EFAULT;
    uint32_t modes = tx.modes;
    if ((modes & ADJ_ADJTIME) && !(modes & ADJ_ADJTIME_ALWAYS))
        return -EINVAL;
    if (modes & ADJ_ADJTIME ? !(modes & ADJ_OFFSET_READONLY) : modes)
        return -EPERM;
    memset(&tx, 0, sizeof(tx));
    tx.modes = modes;
    uint64_t now = libos_clock(PAL_CLOCK_REALTIME), tai = libos_clock(PAL_CLOCK_TAI);
    tx.status = STA_UNSYNC;
    tx.maxerror = tx.esterror = MAX_ERROR_USEC;
    tx.constant = 2;
    tx.precision = 1;
    tx.tolerance = TOLERANCE;
    tx.tick = TICK_USEC_100HZ;
    tx.tai = tai > now ? (int)((tai - now + NSEC_PER_SEC / 2) / NSEC_PER_SEC) : 0;
    tx.time.tv_sec = now / NSEC_PER_SEC;
    tx.time.tv_usec = now % NSEC_PER_SEC / NSEC_PER_USEC;
    return user_put(tx, user_timex) < 0 ? -EFAULT : TIME_ERROR;
}

long libos_syscall_adjtimex(struct __kernel_timex* user_timex) {
    return read_state(user_timex);
}

long libos_syscall_clock_adjtime(int clock, struct __kernel_timex* user_timex) {
    if (clock == CLOCK_REALTIME)
        return read_state(user_timex);
    struct __kernel_timex tx;
    if (user_get(tx, user_timex) < 0)
        return -EFAULT;
    if (clock < 0) /* ~id << 3 | kind: kind 3 is a descriptor, the others are CPU clocks */
        return (clock & 7) == 3 ? -EINVAL : -EOPNOTSUPP;
    return clock <= CLOCK_TAI && clock != CLOCK_SGI_CYCLE ? -EOPNOTSUPP : -EINVAL;
}
