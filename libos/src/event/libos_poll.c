/*
 * Readiness of files: who waits for it, and waiting for many at once (poll, select).
 */
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <linux/stat.h>

#include "libos_event.h"

#define STACK_ENTRIES 32

/* What poll(2) says of a file that has no readiness of its own (Linux: DEFAULT_POLLMASK). */
#define ALWAYS_READY (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)

/* ---- waiters on a file ----------------------------------------------------------------------- */

void libos_file_add_waiter(struct libos_file* f, struct libos_file_waiter* w) {
    lock(&f->wait_lock);
    list_add_tail(&f->waiters, &w->node);
    unlock(&f->wait_lock);
}

void libos_file_remove_waiter(struct libos_file* f, struct libos_file_waiter* w) {
    lock(&f->wait_lock);
    list_del(&w->node);
    unlock(&f->wait_lock);
}

void libos_file_waiters_after_fork(struct libos_file* f) {
    list_for_each_safe(w, &f->waiters, struct libos_file_waiter, node) {
        if (!w->lasting)
            list_del(&w->node);
    }
}

void libos_file_notify(struct libos_file* f, unsigned events) {
    lock(&f->wait_lock);
    list_for_each(w, &f->waiters, struct libos_file_waiter, node) {
        if (w->wake)
            w->wake(w, events);
    }
    unlock(&f->wait_lock);
}

bool libos_file_can_poll(const struct libos_file* f) {
    if (f->mode_type == S_IFREG || f->mode_type == S_IFDIR)
        return f->ops->poll || f->ops->poll_handle;
    return f->host || f->ops->poll || f->ops->poll_handle;
}

PAL_HANDLE libos_file_poll_handle(struct libos_file* f) {
    if (f->ops->poll_handle)
        return f->ops->poll_handle(f);
    return libos_file_can_poll(f) ? f->host : NULL;
}

/* ---- time ------------------------------------------------------------------------------------ */

uint64_t libos_monotonic_ns(void) {
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &now);
    return now;
}

uint64_t libos_deadline_after(uint64_t ns) {
    if (ns == NO_TIMEOUT)
        return NO_TIMEOUT;
    uint64_t now = libos_monotonic_ns();
    return ns > INT64_MAX - now ? NO_TIMEOUT : now + ns;
}

static uint64_t remaining_us(uint64_t deadline_ns) {
    if (deadline_ns == 0 || deadline_ns == NO_TIMEOUT)
        return deadline_ns;
    uint64_t now = libos_monotonic_ns();
    return now >= deadline_ns ? 0 : (deadline_ns - now + 999) / 1000;
}

/* ---- poll ------------------------------------------------------------------------------------ */

struct poll_set;
struct poll_waiter { /* for a file whose readiness is the LibOS's own */
    struct libos_file_waiter base;
    struct libos_file* file;
    struct poll_set* set;
};

struct poll_set {
    size_t count;
    struct pollfd* fds;
    struct libos_file** files;
    bool counted; /* a reference is held on each file; else a lone thread borrows them */
    PAL_HANDLE* handles;
    PAL_FLG *want, *got;
    size_t host_count;     /* handles that are not NULL */
    size_t internal_count; /* files with ops->poll */
    struct poll_waiter* waiters;
    uint32_t woken; /* by a waiter; atomic */
    PAL_HANDLE thread;
};

/* Each file of the host answers with its own mixture of POLLIN, POLLRDNORM and the like: bits of
 * the guest and of the host are the same (pal.h). */
#define HOST_EVENTS 0x27ffu

static PAL_FLG to_host_events(unsigned events) {
    return events & HOST_EVENTS;
}

/* Only what was asked for, and what is always reported. */
static unsigned from_host_events(PAL_FLG host, unsigned want) {
    return host & (want | POLLERR | POLLHUP) & HOST_EVENTS;
}

static void poll_wake(struct libos_file_waiter* base, unsigned events) {
    (void)events;
    struct poll_set* set = container_of(base, struct poll_waiter, base)->set;
    if (!__atomic_exchange_n(&set->woken, 1, __ATOMIC_SEQ_CST))
        PalThreadResume(set->thread);
}

/* The file of a descriptor; NULL: closed, or O_PATH. */
static struct libos_file* poll_get(struct poll_set* set, int fd) {
    bool counted = true;
    struct libos_file* f = set->counted ? libos_fd_get(fd) : libos_fd_borrow(fd, &counted);
    if (f && (__atomic_load_n(&f->flags, __ATOMIC_RELAXED) & O_PATH)) {
        if (counted)
            libos_file_put(f);
        return NULL;
    }
    return f;
}

/* Takes a reference on each file and looks at what can be told without the host. Returns how many
 * descriptors are ready already, or -EBADF. */
static long poll_prepare(struct poll_set* set, bool bad_fd) {
    long ready = 0, ret = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct pollfd* p = &set->fds[i];
        p->revents = 0;
        set->files[i] = NULL;
        set->handles[i] = NULL;
        set->want[i] = 0;
        if (p->fd < 0 || ret < 0)
            continue;
        struct libos_file* f = poll_get(set, p->fd);
        set->files[i] = f;
        if (!f) {
            p->revents = POLLNVAL;
            ready++;
            ret = bad_fd ? -EBADF : 0;
            continue;
        }
        PAL_HANDLE h = libos_file_poll_handle(f);
        unsigned want = (unsigned short)p->events | POLLERR | POLLHUP;
        unsigned (*poll)(struct libos_file*) = f->ops->poll;
        if (poll) {
            set->internal_count++;
            p->revents = (short)(poll(f) & want);
        } else if (!h) {
            p->revents = (short)(ALWAYS_READY & want);
        }
        set->handles[i] = h;
        set->want[i] = to_host_events(want);
        set->host_count += h != NULL;
        ready += p->revents != 0;
    }
    return ret < 0 ? ret : ready;
}

/* Files whose readiness is the LibOS's own: look again. */
static void poll_internal(struct poll_set* set) {
    for (size_t i = 0; i < set->count; i++) {
        struct libos_file* f = set->files[i];
        unsigned (*poll)(struct libos_file*) = f ? f->ops->poll : NULL;
        if (poll) {
            unsigned want = (unsigned short)set->fds[i].events | POLLERR | POLLHUP;
            set->fds[i].revents = (short)(poll(f) & want);
        }
    }
}

static int poll_add_waiters(struct poll_set* set) {
    set->waiters = libos_malloc(set->internal_count * sizeof(*set->waiters));
    if (!set->waiters)
        return -ENOMEM;
    set->thread = get_cur_thread()->host;
    size_t n = 0;
    for (size_t i = 0; i < set->count && n < set->internal_count; i++) {
        struct libos_file* f = set->files[i];
        if (!f || !f->ops->poll)
            continue;
        struct poll_waiter* w = &set->waiters[n++];
        *w = (struct poll_waiter){.base.wake = poll_wake, .file = f, .set = set};
        libos_file_add_waiter(f, &w->base);
    }
    set->internal_count = n;
    return 0;
}

static void poll_finish(struct poll_set* set) {
    if (set->waiters) {
        for (size_t i = 0; i < set->internal_count; i++)
            libos_file_remove_waiter(set->waiters[i].file, &set->waiters[i].base);
        libos_free(set->waiters);
    }
    for (size_t i = 0; set->counted && i < set->count; i++) {
        if (set->files[i])
            libos_file_put(set->files[i]);
    }
}

/* One host call; adds its answer to revents. 0, or what the host said. */
static int poll_host(struct poll_set* set, uint64_t timeout_us) {
    memset(set->got, 0, set->count * sizeof(*set->got));
    int ret = PalStreamsWaitEvents(set->count, set->handles, set->want, set->got, timeout_us);
    if (ret < 0)
        return ret;
    for (size_t i = 0; i < set->count; i++) {
        if (set->handles[i] && set->got[i])
            set->fds[i].revents |=
                (short)from_host_events(set->got[i], (unsigned short)set->fds[i].events);
    }
    return 0;
}

static long count_ready(const struct poll_set* set) {
    long n = 0;
    for (size_t i = 0; i < set->count; i++)
        n += set->fds[i].revents != 0;
    return n;
}

static long poll_loop(struct poll_set* set, long ready, uint64_t deadline_ns) {
    struct libos_thread* t = get_cur_thread();
    if (ready && !set->host_count)
        return ready;
    if (!ready && set->internal_count && deadline_ns != 0) {
        int ret = poll_add_waiters(set);
        if (ret < 0)
            return ret;
    }
    for (;;) {
        if (set->waiters) {
            __atomic_store_n(&set->woken, 0, __ATOMIC_SEQ_CST);
            poll_internal(set);
            ready = count_ready(set);
        }
        uint64_t timeout_us = ready ? 0 : remaining_us(deadline_ns);
        /* Linux looks at the files before it looks at signals. */
        bool pending = timeout_us && libos_signal_pending(t);
        int ret = 0;
        if (set->host_count || (timeout_us && !pending))
            ret = poll_host(set, pending ? 0 : timeout_us);
        ready = count_ready(set);
        if (ready)
            return ready;
        if (pending)
            return -EINTR;
        if (ret == PAL_ERROR_INTERRUPTED) {
            if (timeout_us == 0)
                return 0;
        } else if (ret < 0 && ret != PAL_ERROR_TRYAGAIN) {
            return pal_to_errno(ret);
        } else if (timeout_us == 0 || (timeout_us != NO_TIMEOUT && !remaining_us(deadline_ns))) {
            return 0;
        }
    }
}

long libos_poll(struct pollfd* fds, size_t count, uint64_t deadline_ns, bool bad_fd) {
    struct libos_file* files[STACK_ENTRIES];
    PAL_HANDLE handles[STACK_ENTRIES];
    PAL_FLG masks[2 * STACK_ENTRIES];
    struct poll_set set = {.count = count, .fds = fds};
    void* heap = NULL;
    if (count <= STACK_ENTRIES) {
        set.files = files;
        set.handles = handles;
        set.want = masks;
    } else {
        heap = libos_malloc(count * (sizeof(*files) + sizeof(*handles) + 2 * sizeof(*masks)));
        if (!heap)
            return -ENOMEM;
        set.files = heap;
        set.handles = (PAL_HANDLE*)(set.files + count);
        set.want = (PAL_FLG*)(set.handles + count);
    }
    set.got = set.want + count;
    set.counted = __atomic_load_n(&cur_process()->thread_count, __ATOMIC_RELAXED) != 1;
    long ret = poll_prepare(&set, bad_fd);
    if (ret >= 0)
        ret = poll_loop(&set, ret, deadline_ns);
    poll_finish(&set);
    libos_free(heap);
    return ret;
}
