/*
 * SIGIO: O_ASYNC, F_SETOWN, F_SETSIG. fcntl(2).
 *
 * Each such file has two wait sets of its own, emptied once, so that only what happens from then on
 * counts; all of them are in one outer set, on which a helper thread of the LibOS sleeps. As on
 * Linux, room to write is news only for whoever found none.
 */
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "../proc/libos_proc_internal.h"
#include "libos_coord_process.h"
#include "libos_event.h"
#include "libos_fs.h"
#include "libos_signal.h"

struct async_file {
    struct list_node node;
    struct libos_file* file; /* no reference */
    int fd;                  /* told in si_fd */
    uint64_t number;
    bool no_room;   /* a write found no room: when there is some, that is news */
    PAL_HANDLE in;  /* wait sets of its own, which tell one edge each: something to read, an end */
    PAL_HANDLE out; /* ... room to write */
};
#define OUT_NUMBER (1ull << 63) /* in g_outer: of the set `out` */

static libos_lock_t g_lock; /* guards all below; then signal_lock may be taken */
static struct list_node g_files = LIST_INIT(g_files);
static PAL_HANDLE g_outer;
static uint64_t g_last_number;

static void send_to_owner(const struct libos_file* f, const siginfo_t* info) {
    int32_t pid = f->owner_pid;
    if (f->owner_type == F_OWNER_TID) {
        struct libos_thread* t = libos_thread_find(pid);
        if (t) {
            libos_signal_send(t, info);
            libos_thread_put(t);
        } else {
            coord_kill_thread(0, pid, info);
        }
    } else if (f->owner_type == F_OWNER_PGRP) {
        coord_signal_group(pid, info);
    } else if (pid == g_process.pid) {
        libos_signal_send(NULL, info);
    } else {
        coord_signal_process(pid, info);
    }
}

static void send_one(struct libos_file* f, int fd, int code, unsigned band) {
    if (f->shared)
        libos_file_refresh(f); /* another process may have changed the owner */
    siginfo_t info = {.si_signo = f->owner_sig ? f->owner_sig : SIGIO, .si_code = SI_KERNEL};
    if (f->owner_sig) {
        info.si_code = code;
        info.si_band = band;
        info.si_fd = fd;
    }
    if (f->owner_pid)
        send_to_owner(f, &info);
}

/* Under g_lock. */
static void tell_room(struct async_file* a) {
    if (a->no_room)
        send_one(a->file, a->fd, POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND);
    a->no_room = false;
}

/* Under g_lock. */
static void tell(struct async_file* a, bool out) {
    PAL_WAITSET_EVENT event;
    if (PalWaitSetWait(out ? a->out : a->in, &event, 1, 0) != 1)
        return;
    if (out) {
        if (event.events & EPOLLOUT)
            tell_room(a);
        return;
    }
    if (event.events & EPOLLIN)
        send_one(a->file, a->fd, POLL_IN, POLLIN | POLLRDNORM);
    if (event.events & EPOLLPRI)
        send_one(a->file, a->fd, POLL_PRI, POLLPRI | POLLRDBAND);
    if (event.events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR))
        send_one(a->file, a->fd, POLL_HUP, POLLHUP | POLLERR);
}

static int helper_main(void* arg) {
    (void)arg;
    libos_barrier_join();
    for (;;) {
        PAL_WAITSET_EVENT event;
        int64_t n = PalWaitSetWait(g_outer, &event, 1, NO_TIMEOUT);
        libos_signal_drain_host(); /* a signal from outside may have come to this thread */
        if (n != 1)
            continue;
        lock(&g_lock);
        list_for_each(a, &g_files, struct async_file, node) {
            if (a->number == (event.data & ~OUT_NUMBER)) {
                tell(a, event.data & OUT_NUMBER);
                break;
            }
        }
        unlock(&g_lock);
    }
    return 0;
}

/* Under g_lock. */
static int start_helper(void) {
    PAL_HANDLE thread;
    if (g_outer)
        return 0;
    int ret = PalWaitSetCreate(&g_outer);
    if (ret == 0 && (ret = PalThreadCreate(helper_main, NULL, &thread)) < 0) {
        PalObjectClose(g_outer);
        g_outer = NULL;
    }
    return (int)pal_to_errno(ret);
}

static void destroy(struct async_file* a) {
    PAL_HANDLE sets[] = {a->in, a->out};
    for (int i = 0; i < 2; i++) {
        if (sets[i]) {
            PalWaitSetRemove(g_outer, sets[i]);
            PalObjectClose(sets[i]);
        }
    }
    libos_free(a);
}

/* Under g_lock. *now: whether it is ready at once, which is no news. */
static int add_set(PAL_HANDLE* set, PAL_HANDLE handle, uint32_t events, uint64_t number,
                   bool* now) {
    PAL_WAITSET_EVENT event;
    int ret = PalWaitSetCreate(set);
    if (ret == 0)
        ret = PalWaitSetAdd(*set, handle, events | EPOLLET, 0);
    *now = ret == 0 && PalWaitSetWait(*set, &event, 1, 0) == 1 && (event.events & events);
    if (ret == 0)
        ret = PalWaitSetAdd(g_outer, *set, EPOLLIN | EPOLLET, number);
    return ret;
}

/* Under g_lock. */
static int add(struct libos_file* f, PAL_HANDLE handle, int fd) {
    struct async_file* a = libos_calloc(1, sizeof(*a));
    bool now;
    if (!a)
        return -ENOMEM;
    a->file = f;
    a->fd = fd;
    a->number = ++g_last_number;
    int ret = add_set(&a->in, handle, EPOLLIN | EPOLLPRI | EPOLLRDHUP, a->number, &now);
    if (ret == 0)
        ret = add_set(&a->out, handle, EPOLLOUT, a->number | OUT_NUMBER, &now);
    a->no_room = !now; /* a pipe that is full, a socket that connects */
    if (ret < 0) {
        destroy(a);
        return (int)pal_to_errno(ret);
    }
    list_add_tail(&g_files, &a->node);
    return 0;
}

static void remove_locked(struct libos_file* f) {
    list_for_each_safe(a, &g_files, struct async_file, node) {
        if (a->file == f) {
            list_del(&a->node);
            destroy(a);
        }
    }
}

bool libos_sigio_possible(struct libos_file* f) {
    uint32_t type = libos_file_type(f);
    return !f->ops->poll && libos_file_poll_handle(f) &&
           (type == S_IFIFO || type == S_IFSOCK || type == S_IFCHR);
}

int libos_sigio_set(struct libos_file* f, int fd, bool on) {
    int ret = 0;
    lock(&g_lock);
    remove_locked(f);
    if (on && (ret = start_helper()) == 0)
        ret = add(f, libos_file_poll_handle(f), fd);
    if (ret == 0 && on)
        __atomic_or_fetch(&f->flags, FASYNC, __ATOMIC_RELAXED);
    else
        __atomic_and_fetch(&f->flags, ~(uint32_t)FASYNC, __ATOMIC_RELAXED);
    unlock(&g_lock);
    return ret;
}

void libos_sigio_file_gone(struct libos_file* f) {
    lock(&g_lock);
    remove_locked(f);
    unlock(&g_lock);
}

/* A forked child gets no SIGIO: that goes to the owner, by the parent's helper thread. The sets are
 * the parent's too and stay as they are. */
void libos_sigio_after_fork(void) {
    list_for_each_safe(a, &g_files, struct async_file, node) {
        list_del(&a->node);
        PalObjectClose(a->in);
        PalObjectClose(a->out);
        libos_free(a);
    }
    if (g_outer) {
        PalObjectClose(g_outer);
        g_outer = NULL;
    }
}

void libos_sigio_wrote(struct libos_file* f, bool short_of_room) {
    PAL_FLG want = PAL_WAIT_WRITE, got = 0;
    PAL_HANDLE handle = libos_file_poll_handle(f);
    lock(&g_lock);
    list_for_each(a, &g_files, struct async_file, node) {
        if (a->file != f)
            continue;
        bool room = PalStreamsWaitEvents(1, &handle, &want, &got, 0) == 0 && (got & PAL_WAIT_WRITE);
        a->no_room |= !room || short_of_room;
        if (room) /* again: its edge has gone by */
            tell_room(a);
    }
    unlock(&g_lock);
}
