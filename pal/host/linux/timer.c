/*
 * Pollable timers: timerfd of the host.
 */
#include <linux/timerfd.h>

#include "stream.h"

static struct host_handle* timer_of(PAL_HANDLE handle) {
    return host_handle_is(handle, PAL_TYPE_TIMER) ? host_handle(handle) : NULL;
}

static PAL_NUM to_ns(const struct __kernel_timespec* t) {
    return t->tv_sec * NSEC_PER_SEC + t->tv_nsec;
}

int PalTimerCreate(PAL_FLG clock, PAL_FLG options, PAL_HANDLE* handle) {
    if (options & ~(PAL_OPTION_CLOEXEC | PAL_OPTION_NONBLOCK))
        return PAL_ERROR_INVAL;
    bool nonblock = options & PAL_OPTION_NONBLOCK;
    long fd = host_syscall(__NR_timerfd_create, clock, TFD_CLOEXEC | (nonblock ? TFD_NONBLOCK : 0));
    if (fd < 0)
        return host_error(fd);
    return host_handle_wrap(PAL_TYPE_TIMER, fd, HANDLE_READABLE | (nonblock ? HANDLE_NONBLOCK : 0),
                            handle);
}

int PalTimerSet(PAL_HANDLE timer, bool absolute, bool cancel_on_set, PAL_NUM value_ns,
                PAL_NUM interval_ns, PAL_NUM* old_value_ns, PAL_NUM* old_interval_ns) {
    struct host_handle* h = timer_of(timer);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    struct __kernel_itimerspec next = {.it_interval = host_timespec(interval_ns),
                                       .it_value = host_timespec(value_ns)};
    struct __kernel_itimerspec old;
    long flags = (absolute ? TFD_TIMER_ABSTIME : 0) | (cancel_on_set ? TFD_TIMER_CANCEL_ON_SET : 0);
    long ret = host_syscall(__NR_timerfd_settime, h->fd, flags, &next, &old);
    /* ECANCELED: set all the same, but the clock has jumped since. The reader is told. */
    if (ret < 0 && ret != -ECANCELED)
        return host_error(ret);
    if (old_value_ns)
        *old_value_ns = to_ns(&old.it_value);
    if (old_interval_ns)
        *old_interval_ns = to_ns(&old.it_interval);
    return host_error(ret);
}

int PalTimerGet(PAL_HANDLE timer, PAL_NUM* value_ns, PAL_NUM* interval_ns) {
    struct host_handle* h = timer_of(timer);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    struct __kernel_itimerspec now;
    long ret = host_syscall(__NR_timerfd_gettime, h->fd, &now);
    if (ret < 0)
        return host_error(ret);
    if (value_ns)
        *value_ns = to_ns(&now.it_value);
    if (interval_ns)
        *interval_ns = to_ns(&now.it_interval);
    return 0;
}
