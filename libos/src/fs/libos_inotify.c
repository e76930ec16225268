/*
 * inotify instances. Watches on host objects are the host's. Watches on our own objects (tmpfs)
 * have descriptors from OWN_WD on, and a queue here, in the arena: any process may do what is
 * watched. To wake whoever waits for the host's instance, that watches a memory object too, the
 * bell: whoever adds to the queue changes the bell's mode. What the host tells of the bell, the
 * guest never sees.
 */
#include "libos_inotify.h"

#include "libos_coord.h"
#include "libos_event.h"
#include "libos_fs_internal.h"
#include "libos_process.h"

#define OWN_WD     (1 << 24)
#define QUEUE_MAX  16384 /* events, as fs.inotify.max_queued_events */
#define BELL_NAMES 4
#define CHUNK      4096

struct own_event {
    struct list_node node;
    size_t size; /* of the record */
    struct inotify_event record;
};

struct own_watch {
    struct list_node all;  /* in table()->watches */
    struct list_node mine; /* in inotify->watches */
    struct inotify* owner;
    const void* key;
    int wd;
    uint32_t mask;
};

struct inotify { /* an instance, in the arena; guarded by table()->lock */
    struct list_node watches, queue;
    uint32_t queued;
    int last_wd;
    PAL_IDX bell_wd;                   /* 0: there is no bell yet */
    bool rang;                         /* since the queue was last looked at */
    PAL_HANDLE_NAME bells[BELL_NAMES]; /* the bell, in processes that have it; process 0: free */
};

struct inotify_open { /* file->data */
    struct inotify* in;
    PAL_HANDLE bell; /* NULL: this process has none. Guarded by g_lock while it is made */
};

static struct inotify_table { /* in the arena */
    struct coord_lock lock;
    struct list_node watches;
    uint32_t count, last_cookie; /* atomic */
} * table(void) {
    return coord_root(COORD_ROOT_TMPFS, sizeof(struct inotify_table));
}

static libos_lock_t g_lock;

static struct inotify_table* lock_table(void) {
    struct inotify_table* t = table();
    if (!t)
        return NULL;
    coord_lock(&t->lock);
    if (!t->watches.next)
        coord_list_init(&t->watches);
    return t;
}

bool libos_inotify_active(void) {
    static struct inotify_table* known;
    if (!known)
        known = table();
    return known && __atomic_load_n(&known->count, __ATOMIC_RELAXED);
}

/* ---- events of our own; under the lock ---------------------------------------------------------
 */

static bool same_as_last(const struct inotify* in, const struct inotify_event* r,
                         const char* name) {
    if (list_empty(&in->queue))
        return false;
    const struct own_event* last = list_entry(in->queue.prev, struct own_event, node);
    return last->record.wd == r->wd && last->record.mask == r->mask &&
           last->record.cookie == r->cookie && last->record.len == r->len &&
           (!r->len || strcmp(last->record.name, name) == 0);
}

static void enqueue(struct inotify* in, int wd, uint32_t mask, uint32_t cookie, const char* name) {
    size_t len = name ? ALIGN_UP(strlen(name) + 1, 16UL) : 0;
    struct inotify_event r = {.wd = wd, .mask = mask, .cookie = cookie, .len = len};
    if (in->queued == QUEUE_MAX)
        r = (struct inotify_event){.wd = -1, .mask = IN_Q_OVERFLOW};
    else if (in->queued > QUEUE_MAX)
        return;
    if (same_as_last(in, &r, name)) /* the same thing twice running is one event */
        return;
    struct own_event* e = coord_alloc(sizeof(*e) + r.len);
    if (!e)
        return;
    e->size = sizeof(e->record) + r.len;
    e->record = r;
    if (r.len)
        strlcpy(e->record.name, name, r.len);
    coord_list_add_tail(&in->queue, &e->node);
    COORD_SET(in->queued, in->queued + 1);
}

static void drop_watch(struct inotify_table* t, struct own_watch* w) {
    coord_list_del(&w->all);
    coord_list_del(&w->mine);
    __atomic_sub_fetch(&t->count, 1, __ATOMIC_RELAXED);
    coord_free(w);
}

/* Wakes whoever waits for the host's instance, in whichever process. */
static void ring(struct inotify* in) {
    PAL_STREAM_ATTR attr = {.share_flags = 0600, .file_mode = 0600};
    for (int i = 0; i < BELL_NAMES && !in->rang; i++) {
        PAL_HANDLE bell;
        if (!in->bells[i].process ||
            PalStreamOpenNamed(&in->bells[i], PAL_ACCESS_RDONLY, 0, &bell) < 0)
            continue;
        if (PalStreamAttributesChange(bell, &attr, PAL_SETATTR_MODE) == 0)
            in->rang = true;
        PalObjectClose(bell);
    }
}

void libos_inotify_event(const void* key, uint32_t mask, uint32_t cookie, const char* name) {
    struct inotify_table* t = lock_table();
    if (!t)
        return;
    list_for_each_safe(w, &t->watches, struct own_watch, all) {
        if (w->key != key || !(w->mask & mask & IN_ALL_EVENTS))
            continue;
        struct inotify* in = w->owner;
        enqueue(in, w->wd, mask, cookie, name);
        if (w->mask & IN_ONESHOT) {
            enqueue(in, w->wd, IN_IGNORED, 0, NULL);
            drop_watch(t, w);
        }
        coord_commit();
        ring(in);
    }
    coord_unlock(&t->lock);
}

void libos_inotify_gone(const void* key) {
    struct inotify_table* t = lock_table();
    if (!t)
        return;
    list_for_each_safe(w, &t->watches, struct own_watch, all) {
        if (w->key != key)
            continue;
        struct inotify* in = w->owner;
        if (w->mask & IN_DELETE_SELF)
            enqueue(in, w->wd, IN_DELETE_SELF, 0, NULL);
        enqueue(in, w->wd, IN_IGNORED, 0, NULL);
        drop_watch(t, w);
        coord_commit();
        ring(in);
    }
    coord_unlock(&t->lock);
}

uint32_t libos_inotify_cookie(void) {
    struct inotify_table* t = table();
    return t ? __atomic_add_fetch(&t->last_cookie, 1, __ATOMIC_RELAXED) | 0x40000000 : 0;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Whole events of ours into buf, as many as fit. -EINVAL: not even the first one does. */
static long take_own(struct inotify* in, char* buf, size_t size) {
    size_t done = 0;
    struct inotify_table* t = lock_table();
    in->rang = false;
    bool too_small = false;
    while (!list_empty(&in->queue) && !too_small) {
        struct own_event* e = list_first(&in->queue, struct own_event, node);
        too_small = e->size > size - done;
        if (too_small)
            break;
        memcpy(buf + done, &e->record, e->size);
        done += e->size;
        coord_list_del(&e->node);
        coord_free(e);
        COORD_SET(in->queued, in->queued - 1);
        coord_commit();
    }
    if (too_small)
        ring(in); /* as there is more */
    coord_unlock(&t->lock);
    return done ? (long)done : too_small ? -EINVAL : 0;
}

/* Takes what is told of the bell out of the host's records; bytes left. */
static size_t without_bell(const struct inotify_open* o, char* buf, size_t size) {
    size_t left = 0;
    for (size_t at = 0; at + sizeof(struct inotify_event) <= size;) {
        const struct inotify_event* e = (struct inotify_event*)(buf + at);
        size_t len = sizeof(*e) + e->len;
        if (len > size - at)
            break;
        bool bell = e->wd == (int)o->in->bell_wd;
        if (!bell)
            memmove(buf + left, e, len);
        left += bell ? 0 : len;
        at += len;
    }
    return left;
}

/* From both sides, without waiting. 0: nothing is there. */
static long read_both(struct libos_file* f, const struct iovec* iov) {
    const struct inotify_open* o = f->data;
    char buf[CHUNK];
    size_t room = MIN(iov->iov_len, sizeof(buf));
    struct iovec mine = {buf, room};
    long got =
        libos_checked_count(PalStreamReadV(f->host, PAL_OFFSET_CURRENT, &mine, 1, 0), &mine, 1);
    if (got == -EAGAIN)
        got = 0;
    size_t size = got > 0 ? without_bell(o, buf, got) : 0;
    long own = take_own(o->in, buf + size, room - size);
    size += MAX(own, 0);
    if (size)
        return user_copy_to(iov->iov_base, buf, size) ? -EFAULT : (long)size;
    return got < 0 ? got : own;
}

static long wait_any(struct libos_file* f) {
    PAL_FLG events = PAL_WAIT_READ, got = 0;
    return pal_to_errno(PalStreamsWaitEvents(1, &f->host, &events, &got, NO_TIMEOUT));
}

static long inotify_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                         const int64_t* pos, int rwf) {
    const struct inotify_open* o = f->data;
    (void)rwf;
    if (pos)
        return -ESPIPE;
    for (;;) {
        long ret;
        if (__atomic_load_n(&o->in->last_wd, __ATOMIC_RELAXED)) {
            ret = read_both(f, iov);
            if (!ret)
                ret = -EAGAIN;
        } else {
            ret = libos_checked_count(
                PalStreamReadV(f->host, PAL_OFFSET_CURRENT, iov, iov_count, 0), iov, iov_count);
        }
        if (ret != -EAGAIN || (f->flags & O_NONBLOCK))
            return ret;
        ret = wait_any(f);
        if (ret)
            return ret;
    }
}

static int inotify_bytes(struct inotify* in) {
    struct inotify_table* t = lock_table();
    int bytes = 0;
    list_for_each(e, &in->queue, struct own_event, node) {
        bytes += e->size;
    }
    coord_unlock(&t->lock);
    return bytes;
}

static long inotify_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    const struct inotify_open* o = f->data;
    if (cmd != 0x541b) /* FIONREAD */
        return -ENOTTY;
    int bytes = 0;
    PalStreamControl(f->host, PAL_OP_BYTES_READABLE, &bytes, sizeof(bytes));
    bytes += inotify_bytes(o->in);
    return user_put(bytes, (int*)arg);
}

/* ---- instances --------------------------------------------------------------------------------
 */

/* This process has the bell under that name, or no longer. Under the lock. */
static void set_bell(struct inotify* in, const PAL_HANDLE_NAME* from, const PAL_HANDLE_NAME* to) {
    for (int i = 0; i < BELL_NAMES; i++) {
        if (in->bells[i].process == from->process && in->bells[i].number == from->number) {
            in->bells[i] = *to; /* a name that is wrong is not found, no more */
            return;
        }
    }
}

static void inotify_close(struct libos_file* f) {
    struct inotify_open* o = f->data;
    struct inotify* in = o->in;
    PAL_HANDLE_NAME name, none = {0};
    struct inotify_table* t = lock_table();
    if (o->bell && PalHandleName(o->bell, &name) == 0)
        set_bell(in, &name, &none);
    if (f->last) {
        while (!list_empty(&in->watches)) {
            drop_watch(t, list_first(&in->watches, struct own_watch, mine));
            coord_commit();
        }
        while (!list_empty(&in->queue)) {
            struct own_event* e = list_first(&in->queue, struct own_event, node);
            coord_list_del(&e->node);
            coord_free(e);
            coord_commit();
        }
        coord_free(in);
    }
    coord_unlock(&t->lock);
    if (o->bell)
        PalObjectClose(o->bell);
    libos_free(o);
}

static void inotify_forked(struct libos_file* f) {
    struct inotify_open* o = f->data;
    PAL_HANDLE_NAME name, none = {0};
    if (!o->bell || PalHandleName(o->bell, &name) < 0)
        return;
    struct inotify_table* t = lock_table();
    set_bell(o->in, &none, &name);
    coord_unlock(&t->lock);
}

static const struct libos_file_ops inotify_ops = {
    .kind = "inotify",
    .read = inotify_read,
    .ioctl = inotify_ioctl,
    .close = inotify_close,
    .close_at_end = true,
    .forked = inotify_forked,
};

int libos_inotify_create(int flags, struct libos_file** out) {
    struct inotify_open* o = libos_calloc(1, sizeof(*o));
    struct inotify* in = o ? coord_alloc(sizeof(*in)) : NULL;
    PAL_HANDLE handle; /* never blocks: the waiting is ours */
    int ret = in && table() ? PalWatchCreate(PAL_OPTION_NONBLOCK, &handle) : PAL_ERROR_NOMEM;
    struct libos_file* f = NULL;
    if (ret == 0)
        f = libos_file_alloc(&inotify_ops, flags, handle,
                             libos_path_alloc(NULL, "anon_inode:inotify"));
    if (!f) {
        coord_free(in);
        libos_free(o);
        return ret < 0 ? pal_to_errno(ret) : -ENOMEM;
    }
    list_init(&in->watches);
    list_init(&in->queue);
    o->in = in;
    f->data = o;
    *out = f;
    return 0;
}

bool libos_is_inotify(const struct libos_file* f) {
    return f->ops == &inotify_ops;
}

/* The bell of another process that has the instance. */
static PAL_HANDLE find_bell(const struct inotify* in) {
    PAL_HANDLE bell = NULL;
    for (int i = 0; i < BELL_NAMES && !bell; i++)
        if (in->bells[i].process &&
            PalStreamOpenNamed(&in->bells[i], PAL_ACCESS_RDONLY, 0, &bell) < 0)
            bell = NULL;
    return bell;
}

/* Under g_lock and the table's. */
static int make_bell(struct libos_file* f) {
    struct inotify_open* o = f->data;
    PAL_HANDLE_NAME name, none = {0};
    PAL_HANDLE bell = find_bell(o->in);
    PAL_IDX wd = o->in->bell_wd;
    int ret = 0;
    if (!bell) {
        ret = PalMemoryObjectCreate("inotify", 0, &bell);
        if (ret)
            return ret;
        ret = PalWatchAdd(f->host, bell, IN_ATTRIB, &wd);
    }
    if (!ret)
        ret = PalHandleName(bell, &name);
    if (ret) {
        PalObjectClose(bell);
        return ret;
    }
    o->bell = bell;
    COORD_SET(o->in->bell_wd, wd);
    set_bell(o->in, &none, &name);
    return 0;
}

/* Before the first watch of ours in this process. */
static int need_bell(struct libos_file* f) {
    const struct inotify_open* o = f->data;
    int ret = 0;
    lock(&g_lock);
    if (!o->bell) {
        struct inotify_table* t = lock_table();
        ret = make_bell(f);
        coord_unlock(&t->lock);
    }
    unlock(&g_lock);
    return pal_to_errno(ret);
}

static long add_own(struct libos_file* f, const void* key, uint32_t mask) {
    struct inotify* in = ((struct inotify_open*)f->data)->in;
    long ret = need_bell(f);
    if (ret)
        return ret;
    struct inotify_table* t = lock_table();
    list_for_each(w, &in->watches, struct own_watch, mine) {
        if (w->key != key)
            continue;
        long wd = w->wd;
        if (mask & IN_MASK_CREATE)
            wd = -EEXIST;
        else
            COORD_SET(w->mask, mask & IN_MASK_ADD ? w->mask | mask : mask);
        coord_unlock(&t->lock);
        return wd;
    }
    struct own_watch* w = coord_alloc(sizeof(*w));
    ret = -ENOMEM;
    if (w) {
        COORD_SET(in->last_wd, in->last_wd + 1);
        w->owner = in;
        w->key = key;
        w->mask = mask;
        ret = w->wd = OWN_WD + in->last_wd;
        coord_list_add_tail(&t->watches, &w->all);
        coord_list_add_tail(&in->watches, &w->mine);
        __atomic_add_fetch(&t->count, 1, __ATOMIC_SEQ_CST);
    }
    coord_unlock(&t->lock);
    return ret;
}

long libos_inotify_add(struct libos_file* f, struct libos_file* object, uint32_t mask) {
    struct libos_mount* m = object->path ? object->path->mount : NULL;
    if (m && m->ops->watch_key)
        return add_own(f, m->ops->watch_key(object), mask);
    if (!object->host)
        return -EACCES; /* a pseudo file never tells of changes */
    PAL_IDX id;
    int ret = PalWatchAdd(f->host, object->host, mask, &id);
    if (ret < 0)
        return pal_to_errno(ret);
    return id < OWN_WD ? (long)id : -ENOSPC;
}

long libos_inotify_remove(struct libos_file* f, int wd) {
    const struct inotify_open* o = f->data;
    if (wd < OWN_WD)
        return wd < 0 || (wd && wd == (int)o->in->bell_wd)
                   ? -EINVAL
                   : pal_to_errno(PalWatchRemove(f->host, wd));
    long ret = -EINVAL;
    struct inotify_table* t = lock_table();
    list_for_each_safe(w, &o->in->watches, struct own_watch, mine) {
        if (w->wd != wd)
            continue;
        enqueue(o->in, wd, IN_IGNORED, 0, NULL);
        drop_watch(t, w);
        ret = 0;
    }
    if (!ret) {
        coord_commit();
        ring(o->in);
    }
    coord_unlock(&t->lock);
    return ret;
}
