/*
 * inotify instances. Watches on host objects are the host's, and their events go straight from it
 * to the guest. Watches on our own objects (tmpfs) have descriptors from OWN_WD on, and a queue
 * here.
 */
#include "libos_inotify.h"

#include "libos_event.h"
#include "libos_fs_internal.h"
#include "libos_process.h"

#define OWN_WD    (1 << 24)
#define QUEUE_MAX 16384 /* events, as fs.inotify.max_queued_events */

struct own_event {
    struct list_node node;
    size_t size; /* of the record */
    struct inotify_event record;
};

struct own_watch {
    struct list_node all;  /* in g_own */
    struct list_node mine; /* in inotify->watches */
    struct inotify* owner;
    const void* key;
    int wd;
    uint32_t mask;
};

struct inotify {             /* file->data; guarded by g_lock */
    struct libos_file* file; /* not counted */
    struct list_node watches, queue, waiters;
    uint32_t queued, host_watches;
    int last_wd;
};

static libos_lock_t g_lock = LIBOS_LOCK_INIT;
static struct list_node g_own = LIST_INIT(g_own); /* guarded by g_lock */
uint32_t g_inotify_watches;
static uint32_t g_cookie;

/* ---- events of our own; under g_lock -----------------------------------------------------------
 */

static void enqueue(struct inotify* in, int wd, uint32_t mask, uint32_t cookie, const char* name) {
    size_t len = name ? ALIGN_UP(strlen(name) + 1, 16UL) : 0;
    if (in->queued == QUEUE_MAX) {
        wd = -1;
        mask = IN_Q_OVERFLOW;
        cookie = len = 0;
    } else if (in->queued > QUEUE_MAX) {
        return;
    }
    if (!list_empty(&in->queue)) { /* the same thing twice running is one event */
        struct own_event* last = list_entry(in->queue.prev, struct own_event, node);
        if (last->record.wd == wd && last->record.mask == mask && last->record.cookie == cookie &&
            last->record.len == len && (!len || strcmp(last->record.name, name) == 0))
            return;
    }
    struct own_event* e = libos_calloc(1, sizeof(*e) + len);
    if (!e)
        return;
    e->size = sizeof(e->record) + len;
    e->record = (struct inotify_event){.wd = wd, .mask = mask, .cookie = cookie, .len = len};
    if (len)
        strlcpy(e->record.name, name, len);
    list_add_tail(&in->queue, &e->node);
    in->queued++;
    list_for_each_safe(w, &in->waiters, struct libos_waiter, node) {
        libos_wake(w);
    }
}

static void drop_watch(struct own_watch* w) {
    list_del(&w->all);
    list_del(&w->mine);
    __atomic_sub_fetch(&g_inotify_watches, 1, __ATOMIC_RELAXED);
    libos_free(w);
}

/* Files to tell once the lock is free. */
#define TELL_MAX 16
struct tell {
    struct libos_file* files[TELL_MAX];
    int count;
};

static void note(struct tell* t, struct inotify* in) {
    if (t->count < TELL_MAX && ref_get_unless_zero(&in->file->ref))
        t->files[t->count++] = in->file;
}

static void tell_all(struct tell* t) {
    for (int i = 0; i < t->count; i++) {
        libos_file_notify(t->files[i], 1 /* POLLIN */);
        libos_file_put(t->files[i]);
    }
}

void libos_inotify_event(const void* key, uint32_t mask, uint32_t cookie, const char* name) {
    struct tell t = {.count = 0};
    lock(&g_lock);
    list_for_each_safe(w, &g_own, struct own_watch, all) {
        if (w->key != key || !(w->mask & mask & IN_ALL_EVENTS))
            continue;
        enqueue(w->owner, w->wd, mask, cookie, name);
        note(&t, w->owner);
        if (w->mask & IN_ONESHOT) {
            enqueue(w->owner, w->wd, IN_IGNORED, 0, NULL);
            drop_watch(w);
        }
    }
    unlock(&g_lock);
    tell_all(&t);
}

void libos_inotify_gone(const void* key) {
    struct tell t = {.count = 0};
    lock(&g_lock);
    list_for_each_safe(w, &g_own, struct own_watch, all) {
        if (w->key != key)
            continue;
        if (w->mask & IN_DELETE_SELF)
            enqueue(w->owner, w->wd, IN_DELETE_SELF, 0, NULL);
        enqueue(w->owner, w->wd, IN_IGNORED, 0, NULL);
        note(&t, w->owner);
        drop_watch(w);
    }
    unlock(&g_lock);
    tell_all(&t);
}

uint32_t libos_inotify_cookie(void) {
    return __atomic_add_fetch(&g_cookie, 1, __ATOMIC_RELAXED) | 0x40000000;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* As many whole events of ours as fit. -EINVAL: not even one does; 0: there are none. */
static long take_own(struct inotify* in, const struct iovec* iov) {
    size_t done = 0;
    long ret = 0;
    lock(&g_lock);
    while (!list_empty(&in->queue)) {
        struct own_event* e = list_first(&in->queue, struct own_event, node);
        if (e->size > iov->iov_len - done) {
            ret = -EINVAL;
            break;
        }
        if (user_copy_to((char*)iov->iov_base + done, &e->record, e->size)) {
            ret = -EFAULT;
            break;
        }
        done += e->size;
        list_del(&e->node);
        libos_free(e);
        in->queued--;
    }
    unlock(&g_lock);
    return done ? (long)done : ret;
}

static long wait_own(struct inotify* in) {
    struct libos_waiter w;
    libos_waiter_init(&w);
    long ret = 0;
    lock(&g_lock);
    if (list_empty(&in->queue)) {
        list_add_tail(&in->waiters, &w.node);
        unlock(&g_lock);
        ret = libos_wait(&w, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
        lock(&g_lock);
        list_del(&w.node);
    }
    unlock(&g_lock);
    return ret == -EINTR ? -ERESTARTSYS : ret;
}

/* For an event of either side. With watches on both sides we look at ours from time to time. */
static long wait_any(struct libos_file* f) {
    struct inotify* in = f->data;
    lock(&g_lock);
    bool own = !list_empty(&in->watches), host = in->host_watches;
    unlock(&g_lock);
    if (own && !host)
        return wait_own(in);
    PAL_FLG events = PAL_WAIT_READ, got = 0;
    int ret = PalStreamsWaitEvents(1, &f->host, &events, &got, own ? 20000 : NO_TIMEOUT);
    return ret == PAL_ERROR_TRYAGAIN || ret == PAL_ERROR_TIMEDOUT ? 0 : pal_to_errno(ret);
}

static long inotify_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                         const int64_t* pos, int rwf) {
    struct inotify* in = f->data;
    (void)rwf;
    if (pos)
        return -ESPIPE;
    for (;;) {
        long ret = in->last_wd ? take_own(in, iov) : 0;
        if (ret)
            return ret;
        ret = libos_checked_count(PalStreamReadV(f->host, PAL_OFFSET_CURRENT, iov, iov_count, 0),
                                  iov, iov_count);
        if (ret != -EAGAIN || (f->flags & O_NONBLOCK))
            return ret;
        ret = wait_any(f);
        if (ret)
            return ret;
    }
}

static unsigned inotify_poll(struct libos_file* f) {
    struct inotify* in = f->data;
    lock(&g_lock);
    bool ready = !list_empty(&in->queue);
    unlock(&g_lock);
    return ready ? 1 /* POLLIN */ : 0;
}

static long inotify_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    struct inotify* in = f->data;
    if (cmd != 0x541b) /* FIONREAD */
        return -ENOTTY;
    int bytes = 0;
    PalStreamControl(f->host, PAL_OP_BYTES_READABLE, &bytes, sizeof(bytes));
    lock(&g_lock);
    list_for_each(e, &in->queue, struct own_event, node) {
        bytes += e->size;
    }
    unlock(&g_lock);
    return user_put(bytes, (int*)arg);
}

static void inotify_close(struct libos_file* f) {
    struct inotify* in = f->data;
    lock(&g_lock);
    list_for_each_safe(w, &in->watches, struct own_watch, mine) {
        drop_watch(w);
    }
    list_for_each_safe(e, &in->queue, struct own_event, node) {
        libos_free(e);
    }
    unlock(&g_lock);
    libos_free(in);
}

static const struct libos_file_ops inotify_ops = {
    .kind = "inotify",
    .read = inotify_read,
    .ioctl = inotify_ioctl,
    .poll = inotify_poll,
    .close = inotify_close,
};

/* ---- instances and watches ---------------------------------------------------------------------
 */

int libos_inotify_create(int flags, struct libos_file** out) {
    struct inotify* in = libos_calloc(1, sizeof(*in));
    if (!in)
        return -ENOMEM;
    list_init(&in->watches);
    list_init(&in->queue);
    list_init(&in->waiters);
    PAL_HANDLE handle; /* never blocks: the waiting is ours */
    int ret = PalWatchCreate(PAL_OPTION_NONBLOCK, &handle);
    if (ret < 0) {
        libos_free(in);
        return pal_to_errno(ret);
    }
    struct libos_file* f =
        libos_file_alloc(&inotify_ops, flags, handle, libos_path_alloc(NULL, "anon_inode:inotify"));
    if (!f) {
        libos_free(in);
        return -ENOMEM;
    }
    in->file = f;
    f->data = in;
    *out = f;
    return 0;
}

bool libos_is_inotify(const struct libos_file* f) {
    return f->ops == &inotify_ops;
}

static long add_own(struct inotify* in, const void* key, uint32_t mask) {
    lock(&g_lock);
    list_for_each(w, &in->watches, struct own_watch, mine) {
        if (w->key != key)
            continue;
        long wd = w->wd;
        if (mask & IN_MASK_CREATE)
            wd = -EEXIST;
        else
            w->mask = mask & IN_MASK_ADD ? w->mask | mask : mask;
        unlock(&g_lock);
        return wd;
    }
    struct own_watch* w = libos_malloc(sizeof(*w));
    if (!w) {
        unlock(&g_lock);
        return -ENOMEM;
    }
    *w = (struct own_watch){.owner = in, .key = key, .mask = mask};
    long wd = w->wd = OWN_WD + ++in->last_wd;
    list_add_tail(&g_own, &w->all);
    list_add_tail(&in->watches, &w->mine);
    __atomic_add_fetch(&g_inotify_watches, 1, __ATOMIC_SEQ_CST);
    unlock(&g_lock);
    return wd;
}

long libos_inotify_add(struct libos_file* f, struct libos_file* object, uint32_t mask) {
    struct inotify* in = f->data;
    struct libos_mount* m = object->path ? object->path->mount : NULL;
    if (m && m->ops->watch_key)
        return add_own(in, m->ops->watch_key(object), mask);
    if (!object->host)
        return -EACCES; /* a pseudo file never tells of changes */
    PAL_IDX id;
    int ret = PalWatchAdd(f->host, object->host, mask, &id);
    if (ret < 0)
        return pal_to_errno(ret);
    if (id >= OWN_WD)
        return -ENOSPC;
    __atomic_add_fetch(&in->host_watches, 1, __ATOMIC_RELAXED);
    return id;
}

long libos_inotify_remove(struct libos_file* f, int wd) {
    struct inotify* in = f->data;
    if (wd < OWN_WD)
        return wd < 0 ? -EINVAL : pal_to_errno(PalWatchRemove(f->host, wd));
    long ret = -EINVAL;
    lock(&g_lock);
    list_for_each_safe(w, &in->watches, struct own_watch, mine) {
        if (w->wd != wd)
            continue;
        enqueue(in, wd, IN_IGNORED, 0, NULL);
        drop_watch(w);
        ret = 0;
    }
    unlock(&g_lock);
    if (!ret)
        libos_file_notify(f, 1 /* POLLIN */);
    return ret;
}
