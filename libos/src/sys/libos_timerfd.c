/*
 * timerfd_create, timerfd_settime, timerfd_gettime. timerfd_create(2).
 */
#include <linux/capability.h>
#include <linux/time.h>
#include <linux/timerfd.h>

#include "../event/libos_eventfd.h"
#include "libos_fs.h"
#include "libos_table.h"
#include "libos_time.h"

#define SETTIME_FLAGS (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)

long libos_syscall_timerfd_create(int clock, int flags) {
    if (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK))
        return -EINVAL;
    switch (clock) {
        case CLOCK_REALTIME:
        case CLOCK_MONOTONIC:
        case CLOCK_BOOTTIME:
            break;
        case CLOCK_REALTIME_ALARM:
        case CLOCK_BOOTTIME_ALARM:
            if (!libos_capable(CAP_WAKE_ALARM))
                return -EPERM;
            break;
        default:
            return -EINVAL;
    }
    return libos_timerfd_create(clock, flags & TFD_NONBLOCK, flags & TFD_CLOEXEC);
}

/* The file behind a timerfd's descriptor: -EBADF, or -EINVAL if it is something else. */
static int get_timerfd(int fd, struct libos_file** out) {
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    if (!libos_is_timerfd(f)) {
        libos_file_put(f);
        return -EINVAL;
    }
    *out = f;
    return 0;
}

long libos_syscall_timerfd_settime(int fd, int flags, const struct __kernel_itimerspec* user_new,
                                   struct __kernel_itimerspec* user_old) {
    struct __kernel_itimerspec value, old;
    if (user_get(value, user_new) < 0)
        return -EFAULT;
    if (flags & ~SETTIME_FLAGS)
        return -EINVAL;
    if (!timespec_valid(&value.it_value) || !timespec_valid(&value.it_interval))
        return -EINVAL;
    struct libos_file* f;
    int ret = get_timerfd(fd, &f);
    if (ret < 0)
        return ret;
    ret = libos_timerfd_set(f, flags, &value, &old);
    libos_file_put(f);
    if (ret == 0 && user_old)
        ret = user_put(old, user_old);
    return ret;
}

long libos_syscall_timerfd_gettime(int fd, struct __kernel_itimerspec* user_value) {
    struct __kernel_itimerspec value;
    struct libos_file* f;
    int ret = get_timerfd(fd, &f);
    if (ret < 0)
        return ret;
    ret = libos_timerfd_get(f, &value);
    libos_file_put(f);
    return ret ? ret : user_put(value, user_value);
}
