/*
 * Clocks and sleeps: clock_gettime(2), clock_getres(2), clock_nanosleep(2), nanosleep(2), time(2),
 * gettimeofday(2). Setting a clock takes CAP_SYS_TIME over the host's clock, which no guest has.
 */
#include "libos_process.h"
#include "libos_table.h"
#include "libos_time.h"

#define CPUCLOCK_PERTHREAD 4
#define CPUCLOCK_WHICH     3 /* mask: 0 PROF, 1 VIRT, 2 SCHED */
#define CLOCKFD            3

/* A clock that the host counts itself. */
static bool is_plain_clock(int clock) {
    return (clock >= PAL_CLOCK_REALTIME && clock <= PAL_CLOCK_BOOTTIME_ALARM) ||
           clock == PAL_CLOCK_TAI;
}

/* CPU-time clocks of processes and threads by number: ~pid << 3 | kind. */
static int read_cpu_clock(int clock, uint64_t* now) {
    if ((clock & 7) == CLOCKFD)
        return -EINVAL; /* no dynamic POSIX clocks */
    int which = clock & CPUCLOCK_WHICH, id = ~(clock >> 3);
    if (which == 3)
        return -EINVAL;
    PAL_NUM user = 0, system = 0;
    struct libos_thread* t = NULL;
    int ret = 0;
    if (clock & CPUCLOCK_PERTHREAD) {
        t = libos_thread_find(id ? id : get_cur_thread()->tid);
        if (!t)
            return -EINVAL;
        ret = pal_to_errno(PalThreadCpuTime(t->host, &user, &system));
        libos_thread_put(t);
    } else {
        if (id != 0 && id != cur_process()->pid)
            return -EINVAL;
        ret = pal_to_errno(PalThreadCpuTime(NULL, &user, &system));
    }
    *now = which == 1 ? user : user + system;
    return ret;
}

static int read_clock(int clock, uint64_t* now) {
    if (clock < 0)
        return read_cpu_clock(clock, now);
    if (!is_plain_clock(clock))
        return -EINVAL;
    return pal_to_errno(PalClockGet(clock, now));
}

long libos_syscall_clock_gettime(int clock, struct __kernel_timespec* user_ts) {
    uint64_t now;
    int ret = read_clock(clock, &now);
    return ret < 0 ? ret : user_put_timespec(user_ts, now);
}

long libos_syscall_clock_getres(int clock, struct __kernel_timespec* user_ts) {
    uint64_t resolution = 1;
    int ret = 0;
    if (clock < 0)
        ret = read_cpu_clock(clock, &resolution), resolution = 1;
    else if (!is_plain_clock(clock))
        ret = -EINVAL;
    else
        ret = pal_to_errno(PalClockResolution(clock, &resolution));
    if (ret < 0 || !user_ts)
        return ret;
    return user_put_timespec(user_ts, resolution);
}

#define SET_SECONDS_MAX (INT64_MAX / 1000000000 - 30LL * 365 * 24 * 3600) /* Linux's */

/* What Linux says to one without CAP_SYS_TIME. */
static long refuse_to_set(int64_t seconds, uint64_t nsec) {
    return seconds < 0 || seconds >= SET_SECONDS_MAX || nsec >= NSEC_PER_SEC ? -EINVAL : -EPERM;
}

long libos_syscall_clock_settime(int clock, const struct __kernel_timespec* user_ts) {
    struct __kernel_timespec ts;
    if (clock != CLOCK_REALTIME && (clock >= 0 || (clock & 7) == CLOCKFD))
        return -EINVAL;
    if (user_get(ts, user_ts) < 0)
        return -EFAULT;
    if (clock == CLOCK_REALTIME)
        return refuse_to_set(ts.tv_sec, (uint64_t)ts.tv_nsec);
    uint64_t now;
    int ret = read_cpu_clock(clock, &now);
    return ret < 0 ? ret : -EPERM; /* nobody may */
}

long libos_syscall_gettimeofday(struct __kernel_old_timeval* user_tv, struct timezone* user_tz) {
    if (user_tv) {
        uint64_t now = libos_clock(PAL_CLOCK_REALTIME);
        struct __kernel_old_timeval tv = {.tv_sec = now / NSEC_PER_SEC,
                                          .tv_usec = now % NSEC_PER_SEC / NSEC_PER_USEC};
        if (user_put(tv, user_tv) < 0)
            return -EFAULT;
    }
    struct timezone tz = {0, 0};
    if (user_tz && user_put(tz, user_tz) < 0)
        return -EFAULT;
    return 0;
}

long libos_syscall_settimeofday(struct __kernel_old_timeval* user_tv, struct timezone* user_tz) {
    struct __kernel_old_timeval tv;
    struct timezone tz;
    if (user_tv) {
        if (user_get(tv, user_tv) < 0)
            return -EFAULT;
        if ((uint64_t)tv.tv_usec > 1000000)
            return -EINVAL;
    }
    if (user_tz && user_get(tz, user_tz) < 0)
        return -EFAULT;
    return user_tv ? refuse_to_set(tv.tv_sec, (uint64_t)tv.tv_usec * NSEC_PER_USEC) : -EPERM;
}

long libos_syscall_time(__kernel_old_time_t* user_time) {
    __kernel_old_time_t now = libos_clock(PAL_CLOCK_REALTIME_COARSE) / NSEC_PER_SEC;
    if (user_time && user_put(now, user_time) < 0)
        return -EFAULT;
    return now;
}

/* ---- sleeps -----------------------------------------------------------------------------------
 */

/* user_left: where the rest goes if a signal ends the sleep; NULL: nowhere. */
static long sleep_until(uint32_t clock, uint64_t deadline, struct __kernel_timespec* user_left);

static long restart_sleep(struct libos_thread* t) {
    return sleep_until(t->restart.args[0], t->restart.args[1],
                       (struct __kernel_timespec*)t->restart.args[2]);
}

static long sleep_until(uint32_t clock, uint64_t deadline, struct __kernel_timespec* user_left) {
    struct libos_thread* t = get_cur_thread();
    for (;;) {
        if (libos_signal_pending(t))
            break;
        int ret = PalClockSleep(clock, deadline);
        if (ret == 0)
            return 0;
        if (ret != PAL_ERROR_INTERRUPTED)
            return pal_to_errno(ret);
    }
    uint64_t now = libos_clock(clock);
    if (now >= deadline)
        return 0;
    if (user_left && user_put_timespec(user_left, deadline - now) < 0)
        return -EFAULT;
    t->restart.fn = restart_sleep;
    t->restart.args[0] = clock;
    t->restart.args[1] = deadline;
    t->restart.args[2] = (uint64_t)user_left;
    return -ERESTART_RESTARTBLOCK;
}

long libos_syscall_nanosleep(struct __kernel_timespec* user_duration,
                             struct __kernel_timespec* user_left) {
    uint64_t duration;
    int ret = user_get_timespec(&duration, user_duration);
    if (ret < 0)
        return ret;
    return sleep_until(PAL_CLOCK_MONOTONIC, libos_deadline(PAL_CLOCK_MONOTONIC, duration),
                       user_left);
}

static int check_sleep_clock(int clock) {
    switch (clock) {
        case CLOCK_REALTIME:
        case CLOCK_MONOTONIC:
        case CLOCK_BOOTTIME:
        case CLOCK_TAI:
        case CLOCK_PROCESS_CPUTIME_ID:
            return 0;
        case CLOCK_REALTIME_ALARM:
        case CLOCK_BOOTTIME_ALARM:
            return -EPERM; /* CAP_WAKE_ALARM of the host */
        case CLOCK_THREAD_CPUTIME_ID:
            return -EINVAL;
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_REALTIME_COARSE:
        case CLOCK_MONOTONIC_COARSE:
            return -EOPNOTSUPP;
        default:
            return -EINVAL;
    }
}

long libos_syscall_clock_nanosleep(int clock, int flags, const struct __kernel_timespec* user_time,
                                   struct __kernel_timespec* user_left) {
    int ret = check_sleep_clock(clock);
    if (ret < 0)
        return ret;
    uint64_t ns;
    ret = user_get_timespec(&ns, user_time);
    if (ret < 0)
        return ret;
    if (!(flags & TIMER_ABSTIME))
        return sleep_until(clock, libos_deadline(clock, ns), user_left);
    long slept = sleep_until(clock, ns, NULL);
    return slept == -ERESTART_RESTARTBLOCK ? -ERESTARTNOHAND : slept;
}
