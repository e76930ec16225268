/*
 * epoll_create, epoll_ctl, epoll_wait and their kin: decode and check. epoll_ctl(2), epoll_wait(2).
 */
#include <asm/fcntl.h>
#include <linux/time_types.h>

#include "../event/libos_epoll_internal.h"
#include "libos_table.h"

#define MAX_EVENTS ((int)(INT32_MAX / sizeof(struct epoll_event)))
#define NS_PER_SEC 1000000000ULL

long libos_syscall_epoll_create(int size) {
    return size <= 0 ? -EINVAL : libos_epoll_create(false);
}

long libos_syscall_epoll_create1(int flags) {
    return flags & ~EPOLL_CLOEXEC ? -EINVAL : libos_epoll_create(flags & EPOLL_CLOEXEC);
}

long libos_syscall_epoll_ctl(int epfd, int op, int fd, struct epoll_event* user_event) {
    struct epoll_event event = {0};
    if (op != EPOLL_CTL_DEL && user_get(event, user_event) < 0)
        return -EFAULT;
    struct libos_file* epoll_file = libos_fd_get_open(epfd);
    if (!epoll_file)
        return -EBADF;
    struct libos_file* f = libos_fd_get_open(fd);
    long ret;
    if (!f)
        ret = -EBADF;
    else if (!libos_file_can_poll(f))
        ret = -EPERM;
    else if (f == epoll_file || epoll_file->ops != &g_libos_epoll_ops)
        ret = -EINVAL;
    else
        ret = libos_epoll_ctl(epoll_file, op, f, fd, &event);
    if (f)
        libos_file_put(f);
    libos_file_put(epoll_file);
    return ret;
}

static long wait_on(int epfd, struct epoll_event* events, int max, uint64_t deadline_ns) {
    bool counted;
    struct libos_file* f = libos_fd_borrow(epfd, &counted);
    if (!f)
        return -EBADF;
    long ret;
    if (f->flags & O_PATH)
        ret = -EBADF;
    else if (max <= 0 || max > MAX_EVENTS)
        ret = -EINVAL;
    else if (!access_ok(events, (size_t)max * sizeof(*events)))
        ret = -EFAULT;
    else if (f->ops != &g_libos_epoll_ops)
        ret = -EINVAL;
    else
        ret = libos_epoll_wait(f, events, max, deadline_ns);
    if (counted)
        libos_file_put(f);
    return ret;
}

static uint64_t deadline_from_ms(int timeout_ms) {
    if (timeout_ms < 0)
        return NO_TIMEOUT;
    return timeout_ms ? libos_deadline_after((uint64_t)timeout_ms * 1000000) : 0;
}

long libos_syscall_epoll_wait(int epfd, struct epoll_event* events, int max, int timeout_ms) {
    return wait_on(epfd, events, max, deadline_from_ms(timeout_ms));
}

long libos_syscall_epoll_pwait(int epfd, struct epoll_event* events, int max, int timeout_ms,
                               const void* sigmask, size_t sigset_size) {
    long ret = libos_set_temporary_mask(sigmask, sigset_size);
    return ret < 0 ? ret : wait_on(epfd, events, max, deadline_from_ms(timeout_ms));
}

long libos_syscall_epoll_pwait2(int epfd, struct epoll_event* events, int max,
                                const struct __kernel_timespec* timeout, const void* sigmask,
                                size_t sigset_size) {
    uint64_t deadline_ns = NO_TIMEOUT;
    if (timeout) {
        struct __kernel_timespec ts;
        if (user_get(ts, timeout) < 0)
            return -EFAULT;
        if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= (long long)NS_PER_SEC)
            return -EINVAL;
        if (ts.tv_sec == 0 && ts.tv_nsec == 0)
            deadline_ns = 0;
        else if ((uint64_t)ts.tv_sec < INT64_MAX / NS_PER_SEC - 1)
            deadline_ns =
                libos_deadline_after((uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec);
    }
    long ret = libos_set_temporary_mask(sigmask, sigset_size);
    return ret < 0 ? ret : wait_on(epfd, events, max, deadline_ns);
}
