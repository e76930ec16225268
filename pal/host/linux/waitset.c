/*
 * Wait sets: epoll instances of the host. Cost follows what is ready.
 *
 * A duplex handle is two members with the same data; the second one stands for writing. Its events
 * may then be reported in two records.
 */
#include <linux/eventpoll.h>

#include "stream.h"

/* linux/eventpoll.h says EPOLLOUT as a __poll_t */
#define OUT_EVENTS  0x304u /* EPOLLOUT, EPOLLWRNORM, EPOLLWRBAND */
#define KIND_EVENTS 0x7ffu

_Static_assert(sizeof(PAL_WAITSET_EVENT) == 12, "struct epoll_event of x86-64");

int PalWaitSetCreate(PAL_HANDLE* set) {
    if (!(g_control.capabilities & PAL_CAP_WAITSET))
        return PAL_ERROR_NOTIMPLEMENTED;
    long fd = host_syscall(__NR_epoll_create1, EPOLL_CLOEXEC);
    if (fd < 0)
        return host_error(fd);
    return host_handle_wrap(PAL_TYPE_WAITSET, fd, HANDLE_READABLE, set);
}

static long control(struct host_handle* set, int op, int fd, PAL_FLG events, PAL_NUM data) {
    PAL_WAITSET_EVENT event = {.events = events, .data = data};
    return host_syscall(__NR_epoll_ctl, set->fd, op, fd, &event);
}

static int check(PAL_HANDLE set, PAL_HANDLE object, struct host_handle** s,
                 struct host_handle** o) {
    *s = stream_of(set);
    *o = stream_of(object);
    if (!*s || !*o)
        return PAL_ERROR_BADHANDLE;
    return set->hdr.type == PAL_TYPE_WAITSET ? 0 : PAL_ERROR_INVAL;
}

/* Reading is what a member asks for that names neither: hang-ups are reported there. */
static PAL_FLG read_side(PAL_FLG events) {
    return events & ~OUT_EVENTS;
}
static PAL_FLG write_side(PAL_FLG events) {
    return events & (OUT_EVENTS | ~KIND_EVENTS);
}

int PalWaitSetAdd(PAL_HANDLE set, PAL_HANDLE object, PAL_FLG events, PAL_NUM data) {
    struct host_handle *s, *o;
    int ret = check(set, object, &s, &o);
    if (ret < 0)
        return ret;
    if (!(o->flags & HANDLE_DUPLEX))
        return host_error(control(s, EPOLL_CTL_ADD, o->fd, events, data));
    long done = control(s, EPOLL_CTL_ADD, o->fd, read_side(events), data);
    if (done == 0 && (events & OUT_EVENTS)) {
        done = control(s, EPOLL_CTL_ADD, o->fd2, write_side(events), data);
        if (done < 0)
            control(s, EPOLL_CTL_DEL, o->fd, 0, 0);
    }
    return host_error(done);
}

int PalWaitSetModify(PAL_HANDLE set, PAL_HANDLE object, PAL_FLG events, PAL_NUM data) {
    struct host_handle *s, *o;
    int ret = check(set, object, &s, &o);
    if (ret < 0)
        return ret;
    if (!(o->flags & HANDLE_DUPLEX))
        return host_error(control(s, EPOLL_CTL_MOD, o->fd, events, data));
    long done = control(s, EPOLL_CTL_MOD, o->fd, read_side(events), data);
    if (done < 0)
        return host_error(done);
    if (!(events & OUT_EVENTS)) {
        done = control(s, EPOLL_CTL_DEL, o->fd2, 0, 0);
        return done == -ENOENT ? 0 : host_error(done);
    }
    done = control(s, EPOLL_CTL_MOD, o->fd2, write_side(events), data);
    if (done == -ENOENT)
        done = control(s, EPOLL_CTL_ADD, o->fd2, write_side(events), data);
    return host_error(done);
}

int PalWaitSetRemove(PAL_HANDLE set, PAL_HANDLE object) {
    struct host_handle *s, *o;
    int ret = check(set, object, &s, &o);
    if (ret < 0)
        return ret;
    if (o->flags & HANDLE_DUPLEX)
        control(s, EPOLL_CTL_DEL, o->fd2, 0, 0); /* may not be a member */
    return host_error(control(s, EPOLL_CTL_DEL, o->fd, 0, 0));
}

int64_t PalWaitSetWait(PAL_HANDLE set, PAL_WAITSET_EVENT* events, PAL_NUM max, PAL_NUM timeout_ns) {
    struct host_handle* s = stream_of(set);
    if (!s)
        return PAL_ERROR_BADHANDLE;
    if (set->hdr.type != PAL_TYPE_WAITSET || max > INT32_MAX)
        return PAL_ERROR_INVAL;
    if (timeout_ns == 0)
        return host_result(host_syscall(__NR_epoll_wait, s->fd, events, max, 0));
    if (timeout_ns == NO_TIMEOUT)
        return host_result(host_syscall_block(__NR_epoll_wait, s->fd, events, max, -1));
#ifndef __NR_epoll_pwait2
#define __NR_epoll_pwait2 441
#endif
    static bool missing; /* before Linux 5.11; any thread may find out, with the same answer */
    if (!__atomic_load_n(&missing, __ATOMIC_RELAXED)) {
        struct __kernel_timespec timeout = host_timespec(timeout_ns);
        long ret = host_syscall_block(__NR_epoll_pwait2, s->fd, events, max, &timeout, NULL, 8);
        if (ret != -ENOSYS && ret != -EPERM)
            return host_result(ret);
        __atomic_store_n(&missing, true, __ATOMIC_RELAXED);
    }
    PAL_NUM ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
    return host_result(
        host_syscall_block(__NR_epoll_wait, s->fd, events, max, ms > INT32_MAX ? INT32_MAX : ms));
}
