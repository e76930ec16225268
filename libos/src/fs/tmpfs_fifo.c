/*
 * FIFOs on tmpfs: a pipe of the host that exists while somebody has the FIFO open. fifo(7): an open
 * for reading waits for a writer and the other way round. Whoever opens it gets the pipe from one
 * that has it, maybe in another process, by the host's name for it.
 */
#include "libos_event.h"
#include "libos_process.h"
#include "tmpfs.h"

#define WAIT_FOR_CHILD_NS 1000000000UL

struct tmpfs_fifo {        /* in the arena; guarded by node->lock */
    struct list_node ends; /* struct fifo_end */
    struct coord_queue changed;
    uint32_t readers, writers;           /* open descriptions */
    uint64_t reader_opens, writer_opens; /* ever */
};

struct fifo_end { /* in the arena: one process's handle */
    struct list_node node;
    PAL_HANDLE_NAME name;
};

struct fifo_open {          /* file->data */
    struct tmpfs_open open; /* first: tmpfs_node_of() */
    struct fifo_end* end;
};

/* The fifo's own memory: nobody has it open. */
void tmpfs_fifo_free(struct tmpfs_fifo* fifo) {
    while (!list_empty(&fifo->ends)) { /* of processes that were killed */
        struct fifo_end* end = list_first(&fifo->ends, struct fifo_end, node);
        coord_list_del(&end->node);
        coord_free(end);
    }
    coord_free(fifo);
}

static bool reads(int flags) {
    return (flags & O_ACCMODE) != O_WRONLY;
}
static bool writes(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY;
}

/* The pipe that is there. Without blocking: the waiting is ours. -ENOENT: there is none. */
static int get_pipe(struct tmpfs_fifo* fifo, PAL_FLG access, PAL_HANDLE* out) {
    list_for_each_safe(end, &fifo->ends, struct fifo_end, node) {
        int ret = PalStreamOpenNamed(&end->name, access, PAL_OPTION_NONBLOCK, out);
        if (ret != PAL_ERROR_STREAMNOTEXIST)
            return pal_to_errno(ret);
        coord_list_del(&end->node); /* its process was killed */
        coord_free(end);
    }
    return -ENOENT;
}

/* Under n->lock. Somebody has it open, but no end is known: a child just forked, of a parent that
 * has closed its own already. It tells soon, unless it was killed. */
static void wait_for_end(struct tmpfs_node* n) {
    struct tmpfs_fifo* fifo = n->fifo;
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &now);
    long ret = 0;
    while (!ret && list_empty(&fifo->ends) && fifo->readers + fifo->writers) {
        uint32_t number = coord_queue_number(&fifo->changed);
        coord_unlock(&n->lock);
        ret = coord_wait(&fifo->changed, number, PAL_CLOCK_MONOTONIC, now + WAIT_FOR_CHILD_NS);
        coord_lock(&n->lock);
    }
}

/* An end of the pipe under the access wanted: of the pipe that is there, or of a new one. */
static int get_end(struct tmpfs_fifo* fifo, int flags, PAL_HANDLE* out) {
    PAL_FLG access = flags & O_ACCMODE;
    /* Writing needs a reader, which we may have to be. */
    bool lonely = access == PAL_ACCESS_WRONLY && !fifo->readers;
    int ret = get_pipe(fifo, lonely ? PAL_ACCESS_RDWR : access, out);
    if (ret != -ENOENT)
        return ret;
    PAL_HANDLE ends[2];
    ret = PalPipeCreate(PAL_OPTION_NONBLOCK, ends);
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

/* Under n->lock: waits until the other side has come (also if it has gone again since). */
static int wait_for_peer(struct tmpfs_node* n, int flags) {
    struct tmpfs_fifo* fifo = n->fifo;
    uint64_t* count = reads(flags) ? &fifo->writer_opens : &fifo->reader_opens;
    uint64_t before = *count;
    int ret = 0;
    while (!ret && *count == before) {
        uint32_t number = coord_queue_number(&fifo->changed);
        coord_unlock(&n->lock);
        ret = coord_wait(&fifo->changed, number, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
        coord_lock(&n->lock);
    }
    return ret == -EINTR ? -ERESTARTSYS : ret;
}

static void fifo_close(struct libos_file* f) {
    struct fifo_open* o = f->data;
    struct tmpfs_node* n = o->open.node;
    struct tmpfs_fifo* fifo = n->fifo;
    coord_lock(&n->lock);
    if (o->end) {
        coord_list_del(&o->end->node);
        coord_free(o->end);
    }
    if (f->last) {
        COORD_SET(fifo->readers, fifo->readers - reads(f->flags));
        COORD_SET(fifo->writers, fifo->writers - writes(f->flags));
    }
    coord_unlock(&n->lock);
    if (f->last)
        tmpfs_unuse(n, o->open.entry);
    libos_free(o);
}

/* Under n->lock. NULL: then others cannot find this end. */
static struct fifo_end* add_end(struct tmpfs_fifo* fifo, PAL_HANDLE handle) {
    struct fifo_end* end = coord_alloc(sizeof(*end));
    if (end && PalHandleName(handle, &end->name) < 0) {
        coord_free(end);
        end = NULL;
    }
    if (end)
        coord_list_add(&fifo->ends, &end->node);
    return end;
}

static void fifo_forked(struct libos_file* f) {
    struct fifo_open* o = f->data;
    struct tmpfs_node* n = o->open.node;
    coord_lock(&n->lock);
    o->end = add_end(n->fifo, f->host);
    coord_wake(&n->fifo->changed);
    coord_unlock(&n->lock);
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
    .close_at_end = true,
    .forked = fifo_forked,
    .reopen = fifo_reopen,
};

/* Under n->lock. */
static int make_fifo(struct tmpfs_node* n) {
    if (n->fifo)
        return 0;
    struct tmpfs_fifo* fifo = coord_alloc(sizeof(*fifo));
    if (!fifo)
        return -ENOMEM;
    list_init(&fifo->ends);
    COORD_SET(n->fifo, fifo);
    return 0;
}

/* Under n->lock. f has no handle yet. */
static int open_locked(struct tmpfs_node* n, int flags, struct libos_file* f, struct fifo_open* o) {
    int ret = make_fifo(n);
    if (ret)
        return ret;
    struct tmpfs_fifo* fifo = n->fifo;
    wait_for_end(n);
    if ((flags & O_ACCMODE) == O_WRONLY && (flags & O_NONBLOCK) && !fifo->readers)
        return -ENXIO;
    ret = get_end(fifo, flags, &f->host);
    if (ret)
        return ret;
    o->end = add_end(fifo, f->host);
    if (!o->end) {
        PalObjectClose(f->host);
        f->host = NULL;
        return -ENOMEM;
    }
    COORD_SET(fifo->readers, fifo->readers + reads(flags));
    COORD_SET(fifo->writers, fifo->writers + writes(flags));
    COORD_SET(fifo->reader_opens, fifo->reader_opens + reads(flags));
    COORD_SET(fifo->writer_opens, fifo->writer_opens + writes(flags));
    coord_wake(&fifo->changed);
    return 0;
}

/* A file of the FIFO that has no handle yet; node and entry are used by it. */
static struct libos_file* new_file(struct libos_mount* m, struct tmpfs_node* n,
                                   struct tmpfs_entry* e, int flags) {
    struct fifo_open* o = libos_calloc(1, sizeof(*o));
    struct libos_file* f =
        o ? libos_file_alloc(&tmpfs_node_ops, libos_file_flags(flags), NULL, &m->plain) : NULL;
    if (!f) {
        libos_free(o);
        return NULL;
    }
    o->open = (struct tmpfs_open){n, e};
    f->data = o;
    f->mode_type = S_IFIFO;
    coord_lock(&n->fs->tree);
    tmpfs_use(n, e);
    coord_unlock(&n->fs->tree);
    return f;
}

int tmpfs_fifo_open(struct libos_mount* m, struct tmpfs_node* n, struct tmpfs_entry* e, int flags,
                    struct libos_file** out) {
    int ret = tmpfs_may(n, (flags & O_ACCMODE) == O_RDONLY   ? 4
                           : (flags & O_ACCMODE) == O_WRONLY ? 2
                                                             : 6);
    if (ret)
        return ret;
    struct libos_file* f = new_file(m, n, e, flags);
    if (!f)
        return -ENOMEM;
    coord_lock(&n->lock);
    ret = open_locked(n, flags, f, f->data);
    if (!ret) {
        f->ops = &fifo_ops; /* until here it was closed as one that has no end of the pipe */
        bool alone = !(reads(flags) ? n->fifo->writers : n->fifo->readers);
        if (alone && !(flags & O_NONBLOCK))
            ret = wait_for_peer(n, flags);
    }
    coord_unlock(&n->lock);
    if (ret) {
        libos_file_put(f);
        return ret;
    }
    if (!(flags & O_NONBLOCK)) {
        PAL_STREAM_ATTR attr = {0};
        PalStreamAttributesSetByHandle(f->host, &attr);
    }
    *out = f;
    return 0;
}
