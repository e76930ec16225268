/*
 * Time in the LibOS is int64_t or uint64_t nanoseconds; these read and write what calls carry.
 */
#ifndef LIBOS_TIME_H
#define LIBOS_TIME_H

#include <linux/time.h>
#include <linux/time_types.h>
#include "libos_internal.h"

#define NSEC_PER_SEC  1000000000ULL
#define NSEC_PER_USEC 1000ULL
#define TIME_MAX_NS   ((uint64_t)INT64_MAX) /* KTIME_MAX: farther deadlines never come */

/* Saturating. */
static inline uint64_t timespec_to_ns(const struct __kernel_timespec* ts) {
    if ((uint64_t)ts->tv_sec >= TIME_MAX_NS / NSEC_PER_SEC)
        return TIME_MAX_NS;
    return ts->tv_sec * NSEC_PER_SEC + ts->tv_nsec;
}
static inline struct __kernel_timespec ns_to_timespec(uint64_t ns) {
    return (struct __kernel_timespec){.tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC};
}
static inline bool timespec_valid(const struct __kernel_timespec* ts) {
    return ts->tv_sec >= 0 && (uint64_t)ts->tv_nsec < NSEC_PER_SEC;
}
/* Reads a user timespec as a duration. 0, -EFAULT, -EINVAL (negative, or tv_nsec out of range). */
static inline int user_get_timespec(uint64_t* ns, const void* user_ts) {
    struct __kernel_timespec ts;
    if (user_get(ts, user_ts) < 0)
        return -EFAULT;
    if (!timespec_valid(&ts))
        return -EINVAL;
    *ns = timespec_to_ns(&ts);
    return 0;
}
static inline int user_put_timespec(void* user_ts, uint64_t ns) {
    struct __kernel_timespec ts = ns_to_timespec(ns);
    return user_put(ts, user_ts);
}
static inline uint64_t libos_clock(uint32_t clock) {
    PAL_NUM now = 0;
    PalClockGet(clock, &now);
    return now;
}
/* now + duration on a clock, never past TIME_MAX_NS. */
static inline uint64_t libos_deadline(uint32_t clock, uint64_t duration_ns) {
    uint64_t now = libos_clock(clock);
    return duration_ns > TIME_MAX_NS - now ? TIME_MAX_NS : now + duration_ns;
}

#endif /* LIBOS_TIME_H */
