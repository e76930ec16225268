/*
 * Record locks (fcntl's POSIX and OFD locks) and flock(2).
 *
 * A table by inode holds the locks of this process. What is behind a host handle is locked on the
 * host too, so that other programs see it: OFD and flock locks on the file's own host description,
 * POSIX locks of the process all on one description, that of the file that locked first (`holder`).
 * Conflicts between processes are then the host's to find. POSIX locks of one process never
 * conflict with each other, and Linux looks for no deadlock among OFD locks, so none can arise
 * here.
 */
#include <linux/fcntl.h>

#include "libos_fs_internal.h"
#include "libos_locks.h"
#include "libos_process.h"

#define BUCKETS 64

struct lock_entry {
    struct list_node node; /* sorted by start within one owner is not needed: lists are short */
    const void* owner;     /* the file (OFD, flock) or &g_process */
    int64_t start, end;    /* inclusive */
    bool exclusive;
};

struct lock_inode {
    struct list_node node;
    uint64_t dev, ino;
    bool whole; /* flock's own space */
    struct list_node locks;
    struct list_node waiters;
    uint32_t users; /* threads working on it */
    bool posix;     /* counted in g_posix_inodes */
    struct libos_file* holder;
};

static struct lock_bucket {
    libos_lock_t lock;
    struct list_node inodes; /* guarded by lock, with all in them */
} g_buckets[BUCKETS];
static uint32_t g_posix_inodes; /* that POSIX locks were set on and not yet dropped; atomic */

static struct lock_bucket* bucket_of(uint64_t dev, uint64_t ino) {
    struct lock_bucket* b = &g_buckets[(ino ^ ino >> 6 ^ dev) % BUCKETS];
    return b;
}

/* ---- inodes of the table; all under the bucket's lock ------------------------------------------
 */

static struct lock_inode* find_inode(struct lock_bucket* b, uint64_t dev, uint64_t ino,
                                     bool whole) {
    if (!b->inodes.next)
        list_init(&b->inodes);
    list_for_each(i, &b->inodes, struct lock_inode, node) {
        if (i->dev == dev && i->ino == ino && i->whole == whole)
            return i;
    }
    return NULL;
}

static struct lock_inode* get_inode(struct lock_bucket* b, uint64_t dev, uint64_t ino, bool whole) {
    struct lock_inode* i = find_inode(b, dev, ino, whole);
    if (!i) {
        i = libos_calloc(1, sizeof(*i));
        if (!i)
            return NULL;
        i->dev = dev;
        i->ino = ino;
        i->whole = whole;
        list_init(&i->locks);
        list_init(&i->waiters);
        list_add(&b->inodes, &i->node);
    }
    i->users++;
    return i;
}

static void put_inode(struct lock_inode* i) {
    if (--i->users || !list_empty(&i->locks) || i->posix)
        return;
    list_del(&i->node);
    libos_free(i);
}

static void wake_waiters(struct lock_inode* i) {
    list_for_each_safe(w, &i->waiters, struct libos_waiter, node) {
        libos_wake(w);
    }
}

static struct lock_entry* conflict(struct lock_inode* i, const struct libos_lock_request* r) {
    list_for_each(e, &i->locks, struct lock_entry, node) {
        if (e->owner != r->owner && e->start <= r->end && r->start <= e->end &&
            (e->exclusive || r->type == LIBOS_LOCK_EXCLUSIVE))
            return e;
    }
    return NULL;
}

static struct lock_entry* new_entry(const void* owner, int64_t start, int64_t end, bool exclusive) {
    struct lock_entry* e = libos_malloc(sizeof(*e));
    if (e)
        *e =
            (struct lock_entry){.owner = owner, .start = start, .end = end, .exclusive = exclusive};
    return e;
}

/* Takes [start, end] out of the owner's locks, splitting them. spare: for the one split. */
static void cut(struct lock_inode* i, const struct libos_lock_request* r,
                struct lock_entry** spare) {
    list_for_each_safe(e, &i->locks, struct lock_entry, node) {
        if (e->owner != r->owner || e->end < r->start || r->end < e->start)
            continue;
        if (e->start < r->start && e->end > r->end) {
            struct lock_entry* tail = *spare;
            *spare = NULL;
            *tail = *e;
            tail->start = r->end + 1;
            list_add(&i->locks, &tail->node);
            e->end = r->start - 1;
        } else if (e->start < r->start) {
            e->end = r->start - 1;
        } else if (e->end > r->end) {
            e->start = r->end + 1;
        } else {
            list_del(&e->node);
            libos_free(e);
        }
    }
}

/* Joins e with the owner's neighbours of the same kind. */
static void merge(struct lock_inode* i, struct lock_entry* e) {
    list_for_each_safe(o, &i->locks, struct lock_entry, node) {
        if (o == e || o->owner != e->owner || o->exclusive != e->exclusive)
            continue;
        if (o->end != INT64_MAX && o->end + 1 == e->start)
            e->start = o->start;
        else if (e->end != INT64_MAX && e->end + 1 == o->start)
            e->end = o->end;
        else
            continue;
        list_del(&o->node);
        libos_free(o);
    }
}

static int apply(struct lock_inode* i, const struct libos_lock_request* r) {
    struct lock_entry* spare = new_entry(r->owner, 0, 0, false);
    struct lock_entry* e = NULL;
    if (r->type != LIBOS_LOCK_NONE)
        e = new_entry(r->owner, r->start, r->end, r->type == LIBOS_LOCK_EXCLUSIVE);
    if (!spare || (r->type != LIBOS_LOCK_NONE && !e)) {
        libos_free(spare);
        libos_free(e);
        return -ENOLCK;
    }
    cut(i, r, &spare);
    libos_free(spare);
    if (e) {
        list_add_tail(&i->locks, &e->node);
        merge(i, e);
    }
    wake_waiters(i);
    return 0;
}

/* ---- the host ---------------------------------------------------------------------------------
 */

static int host_lock(struct libos_file* f, const struct libos_lock_request* r) {
    PAL_NUM length = r->end == INT64_MAX ? 0 : r->end - r->start + 1;
    return pal_to_errno(PalStreamLock(f->host, r->whole, r->type, r->start, length, r->wait));
}

/* All POSIX locks of the process on this inode move to another description. */
static void move_holder(struct lock_inode* i, struct libos_file* f) {
    PalStreamLock(i->holder->host, false, 0, 0, 0, false);
    list_for_each(e, &i->locks, struct lock_entry, node) {
        if (e->owner == &g_process)
            PalStreamLock(f->host, false, e->exclusive ? 2 : 1, e->start,
                          e->end == INT64_MAX ? 0 : e->end - e->start + 1, false);
    }
    libos_file_get(f);
    libos_file_put(i->holder);
    i->holder = f;
}

/* The description that carries this request on the host, referenced. */
static struct libos_file* host_carrier(struct lock_inode* i, struct libos_file* f,
                                       const struct libos_lock_request* r) {
    if (r->owner == &g_process) {
        if (!i->holder) {
            libos_file_get(f);
            i->holder = f;
        } else if (r->type == LIBOS_LOCK_EXCLUSIVE && !(i->holder->flags & O_ACCMODE)) {
            move_holder(i, f);
        }
        f = i->holder;
    }
    libos_file_get(f);
    return f;
}

/* ---- set --------------------------------------------------------------------------------------
 */

/* Under the bucket's lock, which is dropped while waiting. */
static int wait_for_others(struct lock_bucket* b, struct lock_inode* i,
                           const struct libos_lock_request* r) {
    int ret = 0;
    struct libos_waiter w;
    libos_waiter_init(&w);
    while (!ret && conflict(i, r)) {
        if (!r->wait)
            return -EAGAIN;
        list_add_tail(&i->waiters, &w.node);
        unlock(&b->lock);
        ret = libos_wait(&w, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
        lock(&b->lock);
        list_del(&w.node);
    }
    return ret == -EINTR ? -ERESTARTSYS : ret;
}

int libos_lock_set(struct libos_file* f, const struct libos_lock_request* r) {
    struct libos_stat st;
    int ret = libos_file_stat(f, &st);
    if (ret)
        return ret;
    struct lock_bucket* b = bucket_of(st.dev, st.ino);
    lock(&b->lock);
    struct lock_inode* i = get_inode(b, st.dev, st.ino, r->whole);
    if (!i) {
        unlock(&b->lock);
        return -ENOLCK;
    }
    if (r->owner == &g_process && !i->posix) {
        i->posix = true;
        __atomic_add_fetch(&g_posix_inodes, 1, __ATOMIC_SEQ_CST);
    }
    ret = r->type == LIBOS_LOCK_NONE ? 0 : wait_for_others(b, i, r);
    if (!ret && f->host) {
        struct libos_file* carrier = host_carrier(i, f, r);
        unlock(&b->lock);
        ret = host_lock(carrier, r);
        libos_file_put(carrier);
        lock(&b->lock);
    }
    if (!ret)
        ret = apply(i, r);
    if (!ret && r->owner != &g_process)
        __atomic_or_fetch(&f->lock_flags,
                          r->whole ? LIBOS_FILE_LOCKED_FLOCK : LIBOS_FILE_LOCKED_OFD,
                          __ATOMIC_RELAXED);
    put_inode(i);
    unlock(&b->lock);
    return ret;
}

/* ---- get --------------------------------------------------------------------------------------
 */

/* Would the host let us have it? Tried out, where we have no lock of our own to lose. */
static bool host_conflict(struct libos_file* f, const struct libos_lock_request* r) {
    struct libos_lock_request probe = *r;
    probe.wait = false;
    int ret = host_lock(f, &probe);
    if (ret == 0) {
        probe.type = LIBOS_LOCK_NONE;
        host_lock(f, &probe);
    }
    return ret == -EAGAIN || ret == -EACCES;
}

int libos_lock_test(struct libos_file* f, struct libos_lock_request* r, bool* is_process) {
    struct libos_stat st;
    int ret = libos_file_stat(f, &st);
    if (ret)
        return ret;
    struct lock_bucket* b = bucket_of(st.dev, st.ino);
    lock(&b->lock);
    struct lock_inode* i = find_inode(b, st.dev, st.ino, false);
    struct lock_entry* e = i ? conflict(i, r) : NULL;
    bool own = false;
    if (e) {
        r->start = e->start;
        r->end = e->end;
        r->type = e->exclusive ? LIBOS_LOCK_EXCLUSIVE : LIBOS_LOCK_SHARED;
        *is_process = e->owner == &g_process;
    } else if (i) {
        list_for_each(o, &i->locks, struct lock_entry, node) {
            own = own || (o->owner == r->owner && o->start <= r->end && r->start <= o->end);
        }
        own = own || i->holder; /* our own host lock would look like another's */
    }
    unlock(&b->lock);
    if (e)
        return 0;
    *is_process = false;
    if (own || !f->host || !host_conflict(f, r))
        r->type = LIBOS_LOCK_NONE;
    else
        r->type = LIBOS_LOCK_EXCLUSIVE;
    return 0;
}

/* ---- the end of files and descriptors ----------------------------------------------------------
 */

static void drop_owner(struct libos_file* f, const void* owner, bool whole) {
    struct libos_stat st;
    if (libos_file_stat(f, &st))
        return;
    struct lock_bucket* b = bucket_of(st.dev, st.ino);
    struct libos_file* holder = NULL;
    lock(&b->lock);
    struct lock_inode* i = find_inode(b, st.dev, st.ino, whole);
    if (i) {
        i->users++;
        list_for_each_safe(e, &i->locks, struct lock_entry, node) {
            if (e->owner == owner) {
                list_del(&e->node);
                libos_free(e);
            }
        }
        if (owner == &g_process) {
            holder = i->holder;
            i->holder = NULL;
            if (i->posix)
                __atomic_sub_fetch(&g_posix_inodes, 1, __ATOMIC_SEQ_CST);
            i->posix = false;
        }
        wake_waiters(i);
        put_inode(i);
    }
    unlock(&b->lock);
    if (holder) {
        PalStreamLock(holder->host, false, 0, 0, 0, false);
        libos_file_put(holder);
    }
}

void libos_locks_file_gone(struct libos_file* f) {
    /* On the host the locks go with its description. */
    if (f->lock_flags & LIBOS_FILE_LOCKED_OFD)
        drop_owner(f, f, false);
    if (f->lock_flags & LIBOS_FILE_LOCKED_FLOCK)
        drop_owner(f, f, true);
}

void libos_locks_fd_closed(struct libos_file* f) {
    if (__atomic_load_n(&g_posix_inodes, __ATOMIC_SEQ_CST) && libos_file_type(f) == S_IFREG)
        drop_owner(f, &g_process, false);
}
