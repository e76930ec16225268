/*
 * epoll: an instance is a host wait set. epoll(7), epoll_ctl(2).
 *
 * The host is given a number for each registration, never a pointer: the index of the item and a
 * generation, checked when it comes back. A file without a host handle (signalfd, ...) is stood for
 * by an eventfd of its own, the doorbell, which the file's waiter rings. A file that is in the set
 * already under another descriptor is stood for by an inner wait set, as the host knows one
 * registration per handle only.
 *
 * Order of locks: epoll->lock, then file->wait_lock. libos_epoll_file_gone() comes from the file,
 * so it takes only the item's number under wait_lock and looks it up again under epoll->lock.
 */
#include <asm/fcntl.h>
#include <linux/eventpoll.h>
#include <linux/stat.h>

#include "libos_epoll_internal.h"

#ifndef EPOLLINOUT_BITS
#define EPOLLINOUT_BITS (EPOLLIN | EPOLLOUT)
#endif
#define EPOLLEXCLUSIVE_OK_BITS                                                                     \
    (EPOLLINOUT_BITS | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
/* How many events one host call may bring: more are left for the next. */
#define BATCH 128

/* ---- items ----------------------------------------------------------------------------------- */

static size_t hash_of(const struct libos_epoll* ep, const struct libos_file* f, int fd) {
    uint64_t h = ((uint64_t)f >> 6) * 0x9e3779b97f4a7c15ULL + (uint64_t)(uint32_t)fd;
    return (h ^ h >> 29) & (ep->bucket_count - 1);
}

static struct epoll_item* item_find(struct libos_epoll* ep, const struct libos_file* f, int fd) {
    if (!ep->bucket_count)
        return NULL;
    struct epoll_item* item = ep->buckets[hash_of(ep, f, fd)];
    while (item && !(item->file == f && item->fd == fd))
        item = item->next;
    return item;
}

static uint64_t item_number(const struct epoll_item* item) {
    return (uint64_t)item->generation << 32 | item->index;
}

/* The item of a number that came from outside the lock; NULL if it is gone. */
static struct epoll_item* item_lookup(struct libos_epoll* ep, uint64_t number) {
    uint32_t index = (uint32_t)number;
    if (index >= ep->slot_count)
        return NULL;
    struct epoll_item* item = ep->slots[index].item;
    return item && item->generation == number >> 32 ? item : NULL;
}

static int grow_slots(struct libos_epoll* ep, uint32_t wanted) {
    uint32_t count = ep->slot_count ? ep->slot_count * 2 : 16;
    while (count < wanted)
        count *= 2;
    struct epoll_slot* slots = libos_realloc(ep->slots, count * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    for (uint32_t i = ep->slot_count; i < count; i++)
        slots[i] = (struct epoll_slot){.next_free = i + 1 < count ? i + 1 : NO_SLOT};
    ep->slots = slots;
    ep->free_slot = ep->slot_count;
    ep->slot_count = count;
    return 0;
}

static int grow_buckets(struct libos_epoll* ep) {
    size_t count = ep->bucket_count ? ep->bucket_count * 2 : 16;
    struct epoll_item** buckets = libos_calloc(count, sizeof(*buckets));
    if (!buckets)
        return -ENOMEM;
    libos_free(ep->buckets);
    ep->buckets = buckets;
    ep->bucket_count = count;
    for (uint32_t i = 0; i < ep->slot_count; i++) {
        struct epoll_item* item = ep->slots[i].item;
        if (item) {
            size_t h = hash_of(ep, item->file, item->fd);
            item->next = buckets[h];
            buckets[h] = item;
        }
    }
    return 0;
}

static int take_number(struct libos_epoll* ep, struct epoll_item* item) {
    if (ep->shared) {
        int ret = libos_epoll_shared_number(ep->shared, item);
        if (ret == 0 && item->index >= ep->slot_count && grow_slots(ep, item->index + 1) < 0) {
            libos_epoll_shared_drop(ep->shared, item);
            ret = -ENOMEM;
        }
        return ret;
    }
    if (ep->free_slot == NO_SLOT && grow_slots(ep, 0) < 0)
        return -ENOMEM;
    item->index = ep->free_slot;
    item->generation = ++ep->slots[item->index].generation;
    ep->free_slot = ep->slots[item->index].next_free;
    return 0;
}

/* Gives the item a number and makes it findable. */
static int item_link(struct libos_epoll* ep, struct epoll_item* item) {
    if (ep->item_count >= ep->bucket_count && grow_buckets(ep) < 0)
        return -ENOMEM;
    if (take_number(ep, item) < 0)
        return -ENOMEM;
    ep->slots[item->index].item = item;
    size_t h = hash_of(ep, item->file, item->fd);
    item->next = ep->buckets[h];
    ep->buckets[h] = item;
    ep->item_count++;
    return 0;
}

static void item_unlink(struct libos_epoll* ep, struct epoll_item* item) {
    struct epoll_item** p = &ep->buckets[hash_of(ep, item->file, item->fd)];
    while (*p != item)
        p = &(*p)->next;
    *p = item->next;
    if (ep->slots[item->index].item == item)
        ep->slots[item->index].item = NULL;
    if (!ep->shared) {
        ep->slots[item->index].next_free = ep->free_slot;
        ep->free_slot = item->index;
    }
    ep->item_count--;
}

/* ---- registration with the host -------------------------------------------------------------- */

static void ring(struct libos_file_waiter* base, unsigned events) {
    (void)events;
    struct epoll_item* item = container_of(base, struct epoll_item, waiter);
    uint64_t one = 1;
    PAL_NUM size;
    int ret;
    do { /* a kick that is under way to this thread must not swallow it; a full counter rings as
            well */
        size = sizeof(one);
        ret = PalStreamWrite(item->stand_in, 0, &size, &one, NULL);
    } while (ret == PAL_ERROR_INTERRUPTED);
}

static void silence(struct epoll_item* item) {
    uint64_t count;
    PAL_NUM size;
    int ret;
    do {
        size = sizeof(count);
        ret = PalStreamRead(item->stand_in, 0, &size, &count, NULL, 0);
    } while (ret == PAL_ERROR_INTERRUPTED);
}

static int host_add(struct libos_epoll* ep, struct epoll_item* item) {
    PAL_HANDLE h = libos_file_poll_handle(item->file);
    if (!h || item->file->ops->poll) {
        item->kind = ITEM_DOORBELL;
        int ret = PalEventfdCreate(0, PAL_OPTION_NONBLOCK, &item->stand_in);
        if (ret < 0)
            return (int)pal_to_errno(ret);
        return (int)pal_to_errno(PalWaitSetAdd(ep->file->host, item->stand_in,
                                               EPOLLIN | (item->events & EPOLL_HOW_BITS),
                                               item_number(item)));
    }
    int ret = PalWaitSetAdd(ep->file->host, h, item->events, item_number(item));
    if (ret != PAL_ERROR_STREAMEXIST) {
        item->kind = ITEM_DIRECT;
        return (int)pal_to_errno(ret);
    }
    item->kind = ITEM_INNER;
    ret = PalWaitSetCreate(&item->stand_in);
    if (ret == 0)
        ret = PalWaitSetAdd(item->stand_in, h, item->events, 0);
    if (ret == 0)
        ret = PalWaitSetAdd(ep->file->host, item->stand_in, EPOLLIN, item_number(item));
    return (int)pal_to_errno(ret);
}

static int host_modify(struct libos_epoll* ep, struct epoll_item* item) {
    PAL_HANDLE set = ep->file->host;
    switch (item->kind) {
        case ITEM_DIRECT:
            return (int)pal_to_errno(PalWaitSetModify(set, libos_file_poll_handle(item->file),
                                                      item->events, item_number(item)));
        case ITEM_INNER:
            return (int)pal_to_errno(PalWaitSetModify(
                item->stand_in, libos_file_poll_handle(item->file), item->events, 0));
        default:
            return (int)pal_to_errno(PalWaitSetModify(
                set, item->stand_in, EPOLLIN | (item->events & EPOLL_HOW_BITS), item_number(item)));
    }
}

/* Frees the item and, unless others go on with the registration, takes that out of the host's set.
 * epoll->lock held. */
static void item_leave(struct libos_epoll* ep, struct epoll_item* item, bool for_all) {
    libos_file_remove_waiter(item->file, &item->waiter);
    __atomic_sub_fetch(&item->file->epoll_count, 1, __ATOMIC_RELAXED);
    if (for_all && item->kind == ITEM_DIRECT)
        PalWaitSetRemove(ep->file->host, libos_file_poll_handle(item->file));
    if (for_all && item->stand_in)
        PalWaitSetRemove(ep->file->host, item->stand_in);
    if (item->stand_in)
        PalObjectClose(item->stand_in);
    if (for_all && ep->shared)
        libos_epoll_shared_drop(ep->shared, item);
    item_unlink(ep, item);
    libos_free(item);
}

static void item_destroy(struct libos_epoll* ep, struct epoll_item* item) {
    item_leave(ep, item, true);
}

/* Its readiness inside the LibOS. A file that has neither a handle nor an answer of its own (the
 * pidfd of a process that has ended) stays ready. */
static uint32_t inner_events(const struct epoll_item* item) {
    unsigned (*poll)(struct libos_file*) = item->file->ops->poll;
    return (poll ? poll(item->file) : EPOLLIN | EPOLLRDNORM) & item->events;
}

/* ---- epoll_ctl ------------------------------------------------------------------------------- */

static int ctl_add(struct libos_epoll* ep, struct libos_file* f, int fd,
                   const struct epoll_event* event) {
    struct epoll_item* item = libos_calloc(1, sizeof(*item));
    if (!item)
        return -ENOMEM;
    item->epoll = ep;
    item->file = f;
    item->fd = fd;
    item->events = event->events;
    item->data = event->data;
    int ret = item_link(ep, item);
    if (ret < 0) {
        libos_free(item);
        return ret;
    }
    ret = host_add(ep, item);
    if (ret == 0 && ep->shared && item->kind != ITEM_DIRECT)
        libos_epoll_shared_changed(ep->shared, item);
    item->waiter.wake = item->kind == ITEM_DOORBELL && ret == 0 ? ring : NULL;
    item->waiter.lasting = true;
    list_init(&item->waiter.node);
    if (ret < 0) {
        if (item->stand_in)
            PalObjectClose(item->stand_in);
        if (ep->shared)
            libos_epoll_shared_drop(ep->shared, item);
        item_unlink(ep, item);
        libos_free(item);
        return ret;
    }
    __atomic_add_fetch(&f->epoll_count, 1, __ATOMIC_RELAXED);
    libos_file_add_waiter(f, &item->waiter);
    if (item->kind == ITEM_DOORBELL && inner_events(item))
        ring(&item->waiter, 0);
    return 0;
}

static int ctl_modify(struct libos_epoll* ep, struct epoll_item* item,
                      const struct epoll_event* event) {
    if (item->events & EPOLLEXCLUSIVE)
        return -EINVAL;
    uint32_t old_events = item->events;
    uint64_t old_data = item->data;
    item->events = event->events;
    item->data = event->data;
    int ret = host_modify(ep, item);
    if (ret < 0) {
        item->events = old_events;
        item->data = old_data;
        return ret;
    }
    if (ep->shared)
        libos_epoll_shared_changed(ep->shared, item);
    if (item->kind == ITEM_DOORBELL && inner_events(item))
        ring(&item->waiter, 0);
    return 0;
}

/* A registration that another process has made, or changed hands: what can be done by the host's
 * handle alone. */
static int ctl_foreign(struct libos_epoll* ep, int op, struct libos_file* f, int fd,
                       const struct epoll_event* event) {
    PAL_HANDLE h = ep->shared && f->shared ? libos_file_poll_handle(f) : NULL;
    if (!h || f->ops->poll || PalWaitSetRemove(ep->file->host, h) < 0)
        return -ENOENT;
    return op == EPOLL_CTL_MOD ? ctl_add(ep, f, fd, event) : 0;
}

int libos_epoll_ctl(struct libos_file* epoll_file, int op, struct libos_file* f, int fd,
                    struct epoll_event* event) {
    struct libos_epoll* ep = epoll_file->data;
    bool exclusive = op != EPOLL_CTL_DEL && (event->events & EPOLLEXCLUSIVE);
    if (exclusive) {
        if (op == EPOLL_CTL_MOD)
            return -EINVAL;
        if (op == EPOLL_CTL_ADD &&
            (f->ops == &g_libos_epoll_ops || (event->events & ~(uint32_t)EPOLLEXCLUSIVE_OK_BITS)))
            return -EINVAL;
    }
    if (op != EPOLL_CTL_DEL)
        event->events = (event->events & ~(uint32_t)EPOLLWAKEUP) | EPOLLERR | EPOLLHUP;
    lock(&ep->lock);
    struct epoll_item* item = item_find(ep, f, fd);
    if (item && ep->shared && !libos_epoll_shared_holds(ep->shared, item)) {
        item_leave(ep, item, false); /* another process has removed it */
        item = NULL;
    }
    int ret = -EINVAL;
    switch (op) {
        case EPOLL_CTL_ADD:
            ret = item ? -EEXIST : ctl_add(ep, f, fd, event);
            break;
        case EPOLL_CTL_MOD:
            ret = item ? ctl_modify(ep, item, event) : ctl_foreign(ep, op, f, fd, event);
            break;
        case EPOLL_CTL_DEL:
            ret = item ? 0 : ctl_foreign(ep, op, f, fd, event);
            if (item)
                item_destroy(ep, item);
            break;
    }
    unlock(&ep->lock);
    return ret;
}

/* ---- epoll_wait ------------------------------------------------------------------------------ */

/* The event of an item that the host called ready; 0 if it is not ready after all. */
static uint32_t item_events(struct epoll_item* item, uint32_t host_events) {
    uint32_t wanted = item->events | EPOLLERR | EPOLLHUP;
    if (item->kind == ITEM_DIRECT)
        return host_events & wanted;
    if (item->kind == ITEM_INNER) {
        PAL_WAITSET_EVENT inner;
        if (PalWaitSetWait(item->stand_in, &inner, 1, 0) != 1)
            return 0;
        return inner.events & wanted;
    }
    if (item->parents)
        return 0;
    uint32_t events = inner_events(item);
    if (!events || (item->events & EPOLLET)) {
        /* Quiet first, then look: what comes in between rings again. */
        silence(item);
        events = inner_events(item);
        if (events && !(item->events & EPOLLET))
            ring(&item->waiter, 0);
    }
    return events;
}

/* The guest's event for one of the host's; no events: there is nothing to tell. *item: NULL if it
 * is another process's. */
static struct epoll_event event_of(struct libos_epoll* ep, const PAL_WAITSET_EVENT* host,
                                   const struct epoll_meaning* shared, struct epoll_item** item) {
    struct epoll_item* found = *item = item_lookup(ep, host->data);
    if (shared && found && shared->kind != ITEM_GONE) {
        found->events = shared->events;
        found->data = shared->data;
    }
    if (shared && shared->kind == ITEM_DIRECT)
        return (struct epoll_event){.events = host->events & (shared->events | EPOLLERR | EPOLLHUP),
                                    .data = shared->data};
    if (!found || (shared && shared->kind == ITEM_GONE)) {
        if (shared)
            PalThreadYieldExecution(); /* it is for the process whose it is to look at it */
        return (struct epoll_event){.events = 0};
    }
    return (struct epoll_event){.events = item_events(found, host->events), .data = found->data};
}

/* Turns what the host said into guest events. Returns how many, or -EFAULT for the first. */
static long translate_some(struct libos_epoll* ep, const PAL_WAITSET_EVENT* host, long count,
                           const struct epoll_meaning* shared, struct epoll_event* user_events) {
    long filled = 0, ret = 0;
    for (long i = 0; i < count; i++) {
        struct epoll_item* item;
        struct epoll_event event = event_of(ep, &host[i], shared ? &shared[i] : NULL, &item);
        if (!event.events) {
            if (item && (item->events & EPOLLONESHOT))
                host_modify(ep, item); /* this shot did not count */
        } else if (ret == 0 && user_put(event, &user_events[filled]) == 0) {
            filled++;
        } else {
            ret = -EFAULT;
            if (item && (item->events & (EPOLLONESHOT | EPOLLET)))
                host_modify(ep, item); /* armed again: it comes with the next call */
        }
    }
    return filled ? filled : ret;
}

static long translate(struct libos_epoll* ep, const PAL_WAITSET_EVENT* host, long count,
                      struct epoll_event* user_events) {
    struct epoll_meaning shared[BATCH];
    long ret = 0, filled = 0;
    lock(&ep->lock);
    if (!ep->shared)
        filled = translate_some(ep, host, count, NULL, user_events);
    for (long done = 0; ep->shared && done < count && ret >= 0; done += BATCH) {
        long n = MIN(count - done, (long)BATCH);
        libos_epoll_shared_look(ep->shared, host + done, n, shared);
        ret = translate_some(ep, host + done, n, shared, user_events + filled);
        filled += MAX(ret, 0);
    }
    unlock(&ep->lock);
    return filled ? filled : ret;
}

static long wait_for_events(struct libos_file* epoll_file, struct epoll_event* user_events,
                            PAL_WAITSET_EVENT* host, PAL_NUM batch, uint64_t deadline_ns) {
    struct libos_epoll* ep = epoll_file->data;
    for (;;) {
        uint64_t timeout_ns = deadline_ns;
        if (deadline_ns != 0 && deadline_ns != NO_TIMEOUT) {
            uint64_t now = libos_monotonic_ns();
            timeout_ns = now < deadline_ns ? deadline_ns - now : 0;
        }
        /* Linux looks for events before it looks at signals. */
        bool pending = timeout_ns && libos_signal_pending(get_cur_thread());
        int64_t n = PalWaitSetWait(epoll_file->host, host, batch, pending ? 0 : timeout_ns);
        if (n > (int64_t)batch)
            return -EIO;
        if (n > 0) {
            long ret = translate(ep, host, (long)n, user_events);
            if (ret)
                return ret;
            continue; /* all stale */
        }
        if (pending)
            return -EINTR;
        if (n < 0 && n != PAL_ERROR_INTERRUPTED)
            return pal_to_errno(n);
        if (n == 0 && timeout_ns != NO_TIMEOUT)
            return 0;
    }
}

long libos_epoll_wait(struct libos_file* epoll_file, struct epoll_event* user_events, int max,
                      uint64_t deadline_ns) {
    struct libos_epoll* ep = epoll_file->data;
    uint32_t items = ep->shared ? libos_epoll_shared_size(ep->shared)
                                : __atomic_load_n(&ep->slot_count, __ATOMIC_RELAXED);
    /* No more can be ready. */
    PAL_NUM batch = MIN((PAL_NUM)max, (PAL_NUM)MAX(items, (uint32_t)BATCH));
    if (batch <= BATCH) {
        PAL_WAITSET_EVENT host[BATCH];
        return wait_for_events(epoll_file, user_events, host, batch, deadline_ns);
    }
    PAL_WAITSET_EVENT* host = libos_malloc(batch * sizeof(*host));
    if (!host)
        return -ENOMEM;
    long ret = wait_for_events(epoll_file, user_events, host, batch, deadline_ns);
    libos_free(host);
    return ret;
}

/* ---- life of an instance --------------------------------------------------------------------- */

long libos_epoll_create(bool cloexec) {
    struct libos_epoll* ep = libos_calloc(1, sizeof(*ep));
    if (!ep)
        return -ENOMEM;
    PAL_HANDLE set;
    int ret = PalWaitSetCreate(&set);
    if (ret < 0) {
        libos_free(ep);
        return pal_to_errno(ret);
    }
    ep->free_slot = NO_SLOT;
    ref_set(&ep->ref, 1);
    ep->file = libos_file_alloc(&g_libos_epoll_ops, O_RDWR, set, NULL);
    if (!ep->file) {
        libos_free(ep);
        return -ENOMEM;
    }
    ep->file->data = ep;
    return libos_fd_publish(ep->file, cloexec);
}

static void epoll_put(struct libos_epoll* ep) {
    if (ref_put(&ep->ref))
        libos_free(ep);
}

static void epoll_close(struct libos_file* file) {
    struct libos_epoll* ep = file->data;
    lock(&ep->lock);
    for (uint32_t i = 0; i < ep->slot_count; i++) {
        if (ep->slots[i].item)
            item_leave(ep, ep->slots[i].item, file->last);
    }
    if (ep->shared && file->last)
        libos_epoll_shared_free(ep->shared);
    ep->shared = NULL;
    libos_free(ep->slots);
    libos_free(ep->buckets);
    ep->slots = NULL;
    ep->slot_count = 0;
    ep->bucket_count = 0;
    unlock(&ep->lock);
    epoll_put(ep);
}

void libos_epoll_file_gone(struct libos_file* f) {
    for (;;) {
        struct libos_epoll* ep = NULL;
        uint64_t number = 0;
        lock(&f->wait_lock);
        if (!list_empty(&f->waiters)) {
            struct epoll_item* item = container_of(
                list_first(&f->waiters, struct libos_file_waiter, node), struct epoll_item, waiter);
            ep = item->epoll;
            number = item_number(item);
            ref_get(&ep->ref);
        }
        unlock(&f->wait_lock);
        if (!ep)
            return;
        lock(&ep->lock);
        struct epoll_item* item = item_lookup(ep, number);
        if (item)
            item_leave(ep, item, f->last);
        unlock(&ep->lock);
        epoll_put(ep);
    }
}

long libos_epoll_target(struct libos_file* epoll_file, int fd, uint32_t which, const void** file) {
    if (epoll_file->ops != &g_libos_epoll_ops)
        return -EINVAL;
    struct libos_epoll* ep = epoll_file->data;
    long ret = -ENOENT;
    lock(&ep->lock);
    for (uint32_t i = 0; i < ep->slot_count && ret < 0; i++) {
        const struct epoll_item* item = ep->slots[i].item;
        if (item && item->fd == fd && which-- == 0) {
            *file = item->file;
            ret = 0;
        }
    }
    unlock(&ep->lock);
    return ret;
}

static size_t epoll_fdinfo(struct libos_file* file, char* buf, size_t size) {
    struct libos_epoll* ep = file->data;
    size_t len = 0;
    lock(&ep->lock);
    for (uint32_t i = 0; i < ep->slot_count && len < size; i++) {
        struct epoll_item* item = ep->slots[i].item;
        if (!item)
            continue;
        int n = snprintf(buf + len, size - len,
                         "tfd: %8d events: %8x data: %16llx  pos:%lli ino:%x sdev:%x\n", item->fd,
                         item->events, (unsigned long long)item->data, (long long)item->file->pos,
                         0, 0);
        len += (size_t)n;
    }
    unlock(&ep->lock);
    return MIN(len, size);
}

const struct libos_file_ops g_libos_epoll_ops = {
    .kind = "eventpoll",
    .fdinfo = epoll_fdinfo,
    .close = epoll_close,
    .forking = libos_epoll_forking,
    .forked = libos_epoll_forked,
};
