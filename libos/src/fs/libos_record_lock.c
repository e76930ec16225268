/*
 * Record locks (fcntl's POSIX and OFD locks) and flock(2).
 *
 * The table in the arena knows the locks of all processes of the instance, and decides between
 * them. What is behind a host handle is locked on the host too, so that other programs see it: OFD
 * and flock locks on the file's own host description, which fork shares as it does the lock; POSIX
 * locks of a process on one host description of its own per inode, its `hold`.
 */
#include <linux/fcntl.h>

#include "libos_coord_process.h"
#include "libos_fs_internal.h"
#include "libos_lock_table.h"
#include "libos_process.h"

/* ---- what this process holds as a process -----------------------------------------------------
 */

struct hold { /* POSIX locks on one inode */
    struct list_node node;
    refcount_t ref; /* the list's, and threads that work on it */
    int32_t pid;
    uint64_t dev, ino;
    PAL_HANDLE host; /* NULL: not a file of the host, or it cannot be opened again */
    bool writable;
};

static libos_lock_t g_lock;
static struct list_node g_holds = LIST_INIT(g_holds); /* guarded by g_lock */
static uint32_t g_hold_count;                         /* atomic: 0 is asked without the lock */

static void hold_put(struct hold* h) {
    if (!ref_put(&h->ref))
        return;
    if (h->host)
        PalObjectClose(h->host);
    libos_free(h);
}

/* Under g_lock. */
static struct hold* hold_find(uint64_t dev, uint64_t ino) {
    list_for_each(h, &g_holds, struct hold, node) {
        if (h->dev == dev && h->ino == ino && h->pid == cur_process()->pid)
            return h;
    }
    return NULL;
}

/* Referenced; NULL: none. */
static struct hold* hold_get(uint64_t dev, uint64_t ino) {
    if (!__atomic_load_n(&g_hold_count, __ATOMIC_SEQ_CST))
        return NULL;
    lock(&g_lock);
    struct hold* h = hold_find(dev, ino);
    if (h)
        ref_get(&h->ref);
    unlock(&g_lock);
    return h;
}

/* Off the list; the list's reference is the caller's then. */
static struct hold* hold_take(uint64_t dev, uint64_t ino) {
    lock(&g_lock);
    struct hold* h = hold_find(dev, ino);
    if (h) {
        list_del(&h->node);
        __atomic_sub_fetch(&g_hold_count, 1, __ATOMIC_SEQ_CST);
    }
    unlock(&g_lock);
    return h;
}

static struct hold* hold_create(struct libos_file* f, uint64_t dev, uint64_t ino) {
    struct hold* fresh = libos_calloc(1, sizeof(*fresh));
    if (!fresh)
        return NULL;
    ref_set(&fresh->ref, 2);
    fresh->pid = cur_process()->pid;
    fresh->dev = dev;
    fresh->ino = ino;
    if (f->host) {
        PAL_FLG access = (PAL_FLG)(f->flags & O_ACCMODE);
        if (PalStreamReopen(f->host, PAL_ACCESS_RDWR, PAL_OPTION_NONBLOCK, &fresh->host) == 0)
            fresh->writable = true;
        else if (PalStreamReopen(f->host, access, PAL_OPTION_NONBLOCK, &fresh->host) < 0)
            fresh->host = NULL;
        fresh->writable = fresh->writable || access == PAL_ACCESS_WRONLY;
    }
    lock(&g_lock);
    struct hold* h = hold_find(dev, ino);
    if (h) {
        ref_get(&h->ref);
    } else {
        list_add(&g_holds, &fresh->node);
        __atomic_add_fetch(&g_hold_count, 1, __ATOMIC_SEQ_CST);
    }
    unlock(&g_lock);
    if (!h)
        return fresh;
    ref_set(&fresh->ref, 1);
    hold_put(fresh);
    return h;
}

/* The locks stay: another host process stands for them. */
static void forget(int32_t pid, bool only_this) {
    struct list_node gone = LIST_INIT(gone);
    if (!__atomic_load_n(&g_hold_count, __ATOMIC_SEQ_CST))
        return;
    lock(&g_lock);
    list_for_each_safe(h, &g_holds, struct hold, node) {
        if ((h->pid == pid) != only_this)
            continue;
        list_del(&h->node);
        list_add(&gone, &h->node);
        __atomic_sub_fetch(&g_hold_count, 1, __ATOMIC_SEQ_CST);
    }
    unlock(&g_lock);
    list_for_each_safe(h, &gone, struct hold, node) {
        list_del(&h->node);
        hold_put(h);
    }
}

void libos_locks_after_fork(int32_t pid) {
    forget(pid, false);
}

void libos_files_process_moved(int32_t pid) {
    forget(pid, true);
}

/* ---- the host ---------------------------------------------------------------------------------
 */

static PAL_NUM length_of(const struct libos_lock_request* r) {
    return r->end == INT64_MAX ? 0 : r->end - r->start + 1;
}

static int host_lock(PAL_HANDLE host, const struct libos_lock_request* r) {
    bool whole = r->kind == LIBOS_LOCK_FLOCK;
    return pal_to_errno(PalStreamLock(host, whole, r->type, r->start, length_of(r), r->wait));
}

/* The description that carries this request on the host; NULL: none does. */
static PAL_HANDLE carrier(const struct libos_file* f, const struct hold* h,
                          const struct libos_lock_request* r) {
    if (r->kind != LIBOS_LOCK_POSIX)
        return f->host;
    if (!h || (r->type == LIBOS_LOCK_EXCLUSIVE && !h->writable))
        return NULL; /* seen by our own processes only */
    return h->host;
}

/* ---- set --------------------------------------------------------------------------------------
 */

static struct lock_wish wish_of(struct libos_file* f, const struct libos_lock_request* r) {
    bool process = r->kind == LIBOS_LOCK_POSIX;
    return (struct lock_wish){
        .owner = process ? (uint64_t)cur_process()->pid : libos_file_lock_number(f),
        .start = r->start,
        .end = r->end,
        .type = r->type,
        .alone = process || f->shared ? 0 : g_process.pid,
    };
}

static int set(struct libos_file* f, const struct libos_stat* st, const struct hold* h,
               const struct libos_lock_request* r) {
    struct lock_wish w = wish_of(f, r);
    struct lock_bucket* b = lock_bucket_lock(st->dev, st->ino);
    if (!b)
        return -ENOLCK;
    int ret = 0;
    struct lock_inode* i = lock_inode_get(b, st->dev, st->ino, r->kind == LIBOS_LOCK_FLOCK);
    if (!i)
        ret = -ENOLCK;
    else if (r->type != LIBOS_LOCK_NONE && r->wait)
        ret = lock_wait(b, i, &w);
    else if (r->type != LIBOS_LOCK_NONE && lock_conflict(i, &w))
        ret = -EAGAIN;
    PAL_HANDLE host = carrier(f, h, r);
    if (!ret && host) { /* between processes that come here at once, the host decides */
        coord_unlock(&b->lock);
        ret = host_lock(host, r);
        coord_lock(&b->lock);
    }
    if (!ret)
        ret = lock_apply(i, &w);
    if (i)
        lock_inode_put(i);
    coord_unlock(&b->lock);
    return ret;
}

int libos_lock_set(struct libos_file* f, const struct libos_lock_request* r) {
    struct libos_stat st;
    int ret = libos_file_identity(f, &st);
    if (ret)
        return ret;
    struct hold* h = NULL;
    if (r->kind == LIBOS_LOCK_POSIX) {
        h = hold_get(st.dev, st.ino);
        if (!h && r->type == LIBOS_LOCK_NONE)
            return 0;
        if (!h)
            h = hold_create(f, st.dev, st.ino);
        if (!h)
            return -ENOLCK;
    } else {
        libos_file_set_locked(f, r->kind == LIBOS_LOCK_FLOCK ? LIBOS_FILE_LOCKED_FLOCK
                                                             : LIBOS_FILE_LOCKED_OFD);
    }
    ret = set(f, &st, h, r);
    if (h)
        hold_put(h);
    return ret;
}

/* ---- get --------------------------------------------------------------------------------------
 */

/* A program outside that is in the way. */
static void test_host(PAL_HANDLE host, struct libos_lock_request* r, int32_t* pid) {
    PAL_LOCK_TEST_REQUEST test = {
        .type = (PAL_NUM)r->type, .start = (PAL_NUM)r->start, .length = length_of(r)};
    r->type = LIBOS_LOCK_NONE;
    if (PalStreamControl(host, PAL_OP_LOCK_TEST, &test, sizeof(test)) < 0 || !test.type)
        return;
    r->type = test.type == LIBOS_LOCK_SHARED ? LIBOS_LOCK_SHARED : LIBOS_LOCK_EXCLUSIVE;
    r->start = (int64_t)MIN(test.start, (PAL_NUM)INT64_MAX);
    r->end = test.length ? r->start + (int64_t)MIN(test.length - 1, (PAL_NUM)INT64_MAX - r->start)
                         : INT64_MAX;
    *pid = test.by_process ? 0 : -1;
}

int libos_lock_test(struct libos_file* f, struct libos_lock_request* r, int32_t* pid) {
    struct libos_stat st;
    int ret = libos_file_identity(f, &st);
    if (ret)
        return ret;
    struct lock_wish w = wish_of(f, r);
    struct lock_bucket* b = lock_bucket_lock(st.dev, st.ino);
    if (!b)
        return -ENOLCK;
    struct lock_inode* i = lock_inode_find(b, st.dev, st.ino, false);
    const struct lock_entry* e = i ? lock_conflict(i, &w) : NULL;
    if (e) {
        r->start = e->start;
        r->end = e->end;
        r->type = e->exclusive ? LIBOS_LOCK_EXCLUSIVE : LIBOS_LOCK_SHARED;
        *pid = e->owner & LOCK_OWNER_FILE ? -1 : (int32_t)e->owner;
    }
    coord_unlock(&b->lock);
    if (e)
        return 0;
    struct hold* h = r->kind == LIBOS_LOCK_POSIX ? hold_get(st.dev, st.ino) : NULL;
    PAL_HANDLE host = h && h->host ? h->host : f->host;
    if (host)
        test_host(host, r, pid);
    else
        r->type = LIBOS_LOCK_NONE;
    if (h)
        hold_put(h);
    return 0;
}

/* ---- the end of files, descriptors, processes --------------------------------------------------
 */

static void drop(uint64_t dev, uint64_t ino, bool whole, uint64_t owner) {
    struct lock_bucket* b = lock_bucket_lock(dev, ino);
    struct lock_inode* i = b ? lock_inode_find(b, dev, ino, whole) : NULL;
    if (i) {
        COORD_SET(i->users, i->users + 1);
        lock_drop_owner(i, owner);
        lock_inode_put(i);
    }
    if (b)
        coord_unlock(&b->lock);
}

void libos_locks_file_gone(struct libos_file* f) {
    struct libos_stat st;
    if (libos_file_identity(f, &st))
        return;
    /* On the host the locks go with its description. */
    if (f->lock_flags & LIBOS_FILE_LOCKED_OFD)
        drop(st.dev, st.ino, false, libos_file_lock_number(f));
    if (f->lock_flags & LIBOS_FILE_LOCKED_FLOCK)
        drop(st.dev, st.ino, true, libos_file_lock_number(f));
}

void libos_locks_fd_closed(struct libos_file* f) {
    struct libos_stat st;
    if (!__atomic_load_n(&g_hold_count, __ATOMIC_SEQ_CST) || libos_file_identity(f, &st) ||
        libos_file_type(f) != S_IFREG)
        return;
    struct hold* h = hold_take(st.dev, st.ino);
    if (!h)
        return;
    if (h->host)
        PalStreamLock(h->host, false, 0, 0, 0, false);
    drop(st.dev, st.ino, false, (uint64_t)h->pid);
    hold_put(h);
}

void libos_locks_process_ends(void) {
    if (!__atomic_load_n(&g_hold_count, __ATOMIC_SEQ_CST))
        return;
    list_for_each(h, &g_holds, struct hold, node) {
        if (h->host)
            PalStreamLock(h->host, false, 0, 0, 0, false);
    }
    lock_drop_everywhere((uint64_t)cur_process()->pid);
}

static void process_died(int32_t pid) {
    lock_drop_everywhere((uint64_t)pid);
    libos_files_died(pid);
}

void libos_locks_init(void) {
    coord_at_death(process_died);
}
