/*
 * FIFOs on tmpfs: a pipe of the host that exists while somebody has the FIFO open. fifo(7): an open
 * for reading waits for a writer and the other way round.
 */
#include "libos_event.h"
#include "libos_process.h"
#include "tmpfs.h"

struct tmpfs_fifo {           /* guarded by node->lock */
    struct list_node users;   /* struct fifo_open */
    struct list_node waiters; /* in open */
    uint32_t readers, writers;
    uint64_t reader_opens, writer_opens; /* ever */
};

struct fifo_open {          /* file->data */
    struct tmpfs_open open; /* first: tmpfs_node_of() */
    struct list_node node;
    PAL_HANDLE handle;
};

void tmpfs_fifo_free(struct tmpfs_fifo* fifo) {
    libos_free(fifo);
}

static bool reads(int flags) {
    return (flags & O_ACCMODE) != O_WRONLY;
}
static bool writes(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY;
}

/* An end of the pipe under the access wanted: of the pipe that is there, or of a new one. */
static int get_end(struct tmpfs_fifo* fifo, int flags, PAL_HANDLE* out) {
    PAL_FLG access = flags & O_ACCMODE;
    if (!list_empty(&fifo->users)) {
        struct fifo_open* other = list_first(&fifo->users, struct fifo_open, node);
        /* Without blocking: the waiting is ours. Writing needs a reader, which we may have to be.
         */
        bool lonely = access == PAL_ACCESS_WRONLY && !fifo->readers;
        int ret = PalStreamReopen(other->handle, lonely ? PAL_ACCESS_RDWR : access,
                                  PAL_OPTION_NONBLOCK, out);
        return pal_to_errno(ret);
    }
    PAL_HANDLE ends[2];
    int ret = PalPipeCreate(PAL_OPTION_NONBLOCK, ends);
    if (ret < 0)
        return pal_to_errno(ret);
    if (access == PAL_ACCESS_RDWR) {
        ret = PalStreamReopen(ends[0], access, PAL_OPTION_NONBLOCK, out);
        PalObjectClose(ends[0]);
        PalObjectClose(ends[1]);
        return pal_to_errno(ret);
    }
    *out = ends[access == PAL_ACCESS_WRONLY];
    PalObjectClose(ends[access != PAL_ACCESS_WRONLY]);
    return 0;
}

static void wake_all(struct tmpfs_fifo* fifo) {
    list_for_each_safe(w, &fifo->waiters, struct libos_waiter, node) {
        libos_wake(w);
    }
}

/* Under n->lock: waits until the other side has come (also if it has gone again since). */
static int wait_for_peer(struct tmpfs_node* n, int flags) {
    struct tmpfs_fifo* fifo = n->fifo;
    uint64_t* count = reads(flags) ? &fifo->writer_opens : &fifo->reader_opens;
    uint64_t before = *count;
    struct libos_waiter w;
    libos_waiter_init(&w);
    int ret = 0;
    while (!ret && *count == before) {
        list_add_tail(&fifo->waiters, &w.node);
        unlock(&n->lock);
        ret = libos_wait(&w, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
        lock(&n->lock);
        list_del(&w.node);
    }
    return ret == -EINTR ? -ERESTARTSYS : ret;
}

static void fifo_close(struct libos_file* f) {
    struct fifo_open* o = f->data;
    struct tmpfs_node* n = o->open.node;
    lock(&n->lock);
    list_del(&o->node);
    n->fifo->readers -= reads(f->flags);
    n->fifo->writers -= writes(f->flags);
    unlock(&n->lock);
    tmpfs_entry_put(o->open.entry);
    tmpfs_node_put(n);
    libos_free(o);
}

static int fifo_stat(struct libos_file* f, struct libos_stat* st) {
    tmpfs_node_stat(tmpfs_node_of(f), st);
    return 0;
}

static int fifo_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    struct tmpfs_open* o = f->data;
    return tmpfs_fifo_open(f->path->mount, o->node, o->entry, flags, out);
}

static const struct libos_file_ops fifo_ops = {
    .kind = "fifo",
    .read = libos_stream_read,
    .write = libos_stream_write,
    .ioctl = libos_tty_ioctl,
    .stat = fifo_stat,
    .set_flags = libos_stream_set_flags,
    .close = fifo_close,
    .reopen = fifo_reopen,
};

/* Under n->lock. */
static int open_locked(struct libos_mount* m, struct tmpfs_node* n, struct tmpfs_entry* e,
                       int flags, struct libos_file** out) {
    if (!n->fifo) {
        n->fifo = libos_calloc(1, sizeof(*n->fifo));
        if (!n->fifo)
            return -ENOMEM;
        list_init(&n->fifo->users);
        list_init(&n->fifo->waiters);
    }
    struct tmpfs_fifo* fifo = n->fifo;
    if ((flags & O_ACCMODE) == O_WRONLY && (flags & O_NONBLOCK) && !fifo->readers)
        return -ENXIO;
    struct fifo_open* o = libos_calloc(1, sizeof(*o));
    PAL_HANDLE handle;
    int ret = o ? get_end(fifo, flags, &handle) : -ENOMEM;
    if (ret) {
        libos_free(o);
        return ret;
    }
    struct libos_file* f = libos_file_alloc(&fifo_ops, libos_file_flags(flags), handle, &m->plain);
    if (!f) {
        libos_free(o);
        return -ENOMEM;
    }
    ref_get(&n->ref);
    if (e)
        ref_get(&e->ref);
    o->open = (struct tmpfs_open){n, e};
    o->handle = handle;
    f->data = o;
    f->mode_type = S_IFIFO;
    list_add(&fifo->users, &o->node);
    fifo->readers += reads(flags);
    fifo->writers += writes(flags);
    fifo->reader_opens += reads(flags);
    fifo->writer_opens += writes(flags);
    wake_all(fifo);
    *out = f;
    return 0;
}

int tmpfs_fifo_open(struct libos_mount* m, struct tmpfs_node* n, struct tmpfs_entry* e, int flags,
                    struct libos_file** out) {
    int ret = tmpfs_may(n, (flags & O_ACCMODE) == O_RDONLY   ? 4
                           : (flags & O_ACCMODE) == O_WRONLY ? 2
                                                             : 6);
    if (ret)
        return ret;
    lock(&n->lock);
    ret = open_locked(m, n, e, flags, out);
    bool alone = !ret && !(reads(flags) ? n->fifo->writers : n->fifo->readers);
    if (alone && !(flags & O_NONBLOCK))
        ret = wait_for_peer(n, flags);
    unlock(&n->lock);
    if (ret && ret != -ENXIO && alone) {
        libos_file_put(*out);
        return ret;
    }
    if (!ret && !(flags & O_NONBLOCK)) {
        PAL_STREAM_ATTR attr = {0};
        PalStreamAttributesSetByHandle((*out)->host, &attr);
    }
    return ret;
}
