/*
 * SIGIO: O_ASYNC, F_SETOWN, F_SETSIG. fcntl(2).
 *
 * Each such file has a wait set of its own, emptied once, so that only what happens from then on
 * counts; all of them are in one outer set, on which a helper thread of the LibOS sleeps.
 */
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "../proc/libos_proc_internal.h"
#include "libos_event.h"
#include "libos_fs.h"
#include "libos_signal.h"

struct async_file {
    struct list_node node;
    struct libos_file* file; /* no reference */
    int fd;                  /* told in si_fd */
    uint64_t number;
    PAL_HANDLE set;
};

static libos_lock_t g_lock; /* guards all below; then signal_lock may be taken */
static struct list_node g_files = LIST_INIT(g_files);
static PAL_HANDLE g_outer;
static uint64_t g_last_number;

static void send_one(const struct libos_file* f, int fd, int code, unsigned band) {
    siginfo_t info = {.si_signo = f->owner_sig ? f->owner_sig : SIGIO, .si_code = SI_KERNEL};
    if (f->owner_sig) {
        info.si_code = code;
        info.si_band = band;
        info.si_fd = fd;
    }
    if (!f->owner_pid)
        return;
    struct libos_thread* t = f->owner_type == F_OWNER_TID ? libos_thread_find(f->owner_pid) : NULL;
    if (f->owner_type != F_OWNER_TID || t)
        libos_signal_send(t, &info);
    if (t)
        libos_thread_put(t);
}

/* Under g_lock. */
static void tell(const struct async_file* a) {
    PAL_WAITSET_EVENT event;
    if (PalWaitSetWait(a->set, &event, 1, 0) != 1)
        return;
    /* An edge tells all that is ready, not what changed: room to write may be old news. */
    if (event.events & EPOLLOUT)
        send_one(a->file, a->fd, POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND);
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
            if (a->number == event.data) {
                tell(a);
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
    if (a->set) {
        PalWaitSetRemove(g_outer, a->set);
        PalObjectClose(a->set);
    }
    libos_free(a);
}

/* Under g_lock. */
static int add(struct libos_file* f, PAL_HANDLE handle, int fd) {
    PAL_WAITSET_EVENT event;
    struct async_file* a = libos_calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->file = f;
    a->fd = fd;
    a->number = ++g_last_number;
    int ret = PalWaitSetCreate(&a->set);
    if (ret == 0)
        ret =
            PalWaitSetAdd(a->set, handle, EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP | EPOLLET, 0);
    if (ret == 0) {
        PalWaitSetWait(a->set, &event, 1, 0); /* how things are now is no news */
        ret = PalWaitSetAdd(g_outer, a->set, EPOLLIN | EPOLLET, a->number);
    }
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
        PalObjectClose(a->set);
        libos_free(a);
    }
    if (g_outer) {
        PalObjectClose(g_outer);
        g_outer = NULL;
    }
}
