/*
 * Interval timers: getitimer(2), setitimer(2), alarm(2).
 */
#include "libos_process.h"
#include "libos_table.h"
#include "libos_time.h"
#include "libos_timer.h"

static void itimer_fired(struct libos_timer* timer, uint64_t expirations);

static struct itimer {
    int sig;
    uint32_t clock;
    bool user_only, ready;
    struct libos_timer timer;
} g_itimers[] = {
    [ITIMER_REAL] = {.sig = SIGALRM, .clock = PAL_CLOCK_MONOTONIC},
    [ITIMER_VIRTUAL] = {.sig = SIGVTALRM, .clock = PAL_CLOCK_PROCESS_CPU, .user_only = true},
    [ITIMER_PROF] = {.sig = SIGPROF, .clock = PAL_CLOCK_PROCESS_CPU},
};
static libos_lock_t g_itimers_lock = LIBOS_LOCK_INIT; /* guards the first use of each */

static void itimer_fired(struct libos_timer* timer, uint64_t expirations) {
    (void)expirations; /* several are one signal */
    struct itimer* it = container_of(timer, struct itimer, timer);
    siginfo_t info = {.si_signo = it->sig, .si_code = SI_KERNEL};
    libos_signal_send(NULL, &info);
}

static struct itimer* get_itimer(int which) {
    if (which < 0 || which > ITIMER_PROF)
        return NULL;
    struct itimer* it = &g_itimers[which];
    lock(&g_itimers_lock);
    if (!it->ready) {
        libos_timer_init(&it->timer, itimer_fired, it->clock);
        it->timer.cpu_user_only = it->user_only;
        it->ready = true;
    }
    unlock(&g_itimers_lock);
    return it;
}

static struct __kernel_old_timeval to_timeval(uint64_t ns) {
    ns += NSEC_PER_USEC - 1; /* a running timer never shows zero */
    return (struct __kernel_old_timeval){.tv_sec = ns / NSEC_PER_SEC,
                                         .tv_usec = ns % NSEC_PER_SEC / NSEC_PER_USEC};
}

static bool to_ns(const struct __kernel_old_timeval* tv, uint64_t* ns) {
    if (tv->tv_sec < 0 || (uint64_t)tv->tv_usec >= 1000000)
        return false;
    struct __kernel_timespec ts = {.tv_sec = tv->tv_sec, .tv_nsec = tv->tv_usec * NSEC_PER_USEC};
    *ns = timespec_to_ns(&ts);
    return true;
}

long libos_syscall_getitimer(int which, struct __kernel_old_itimerval* user_value) {
    struct itimer* it = get_itimer(which);
    if (!it)
        return -EINVAL;
    uint64_t left, interval;
    libos_timer_get(&it->timer, &left, &interval);
    struct __kernel_old_itimerval value = {.it_interval = to_timeval(interval),
                                           .it_value = to_timeval(left)};
    return user_put(value, user_value);
}

long libos_syscall_setitimer(int which, struct __kernel_old_itimerval* user_value,
                             struct __kernel_old_itimerval* user_old) {
    struct __kernel_old_itimerval value = {0}; /* NULL: disarm, a historical allowance of Linux */
    uint64_t ns = 0, interval = 0;
    if (user_value) {
        if (user_get(value, user_value) < 0)
            return -EFAULT;
        if (!to_ns(&value.it_value, &ns) || !to_ns(&value.it_interval, &interval))
            return -EINVAL;
    }
    struct itimer* it = get_itimer(which);
    if (!it)
        return -EINVAL;
    uint64_t old_left, old_interval, expiry = 0;
    if (ns) {
        uint64_t now = libos_timer_now(&it->timer);
        expiry = ns > TIME_MAX_NS - now ? TIME_MAX_NS : now + ns;
    }
    int ret = libos_timer_set(&it->timer, expiry, interval, &old_left, &old_interval);
    if (ret < 0)
        return ret;
    struct __kernel_old_itimerval old = {.it_interval = to_timeval(old_interval),
                                         .it_value = to_timeval(old_left)};
    if (user_old && user_put(old, user_old) < 0)
        return -EFAULT;
    return 0;
}

long libos_syscall_alarm(unsigned int seconds) {
    struct itimer* it = get_itimer(ITIMER_REAL);
    uint64_t left, expiry = 0;
    if (seconds)
        expiry = libos_deadline(PAL_CLOCK_MONOTONIC, seconds * NSEC_PER_SEC);
    int ret = libos_timer_set(&it->timer, expiry, 0, &left, NULL);
    if (ret < 0)
        return ret;
    if (left && left < NSEC_PER_SEC)
        return 1; /* never 0 while one was pending */
    return (left + NSEC_PER_SEC / 2) / NSEC_PER_SEC;
}
