/*
 * tmpfs nodes: life, attributes.
 */
#include "libos_inotify.h"
#include "libos_process.h"
#include "tmpfs.h"

#define COMMIT_EVERY 64 /* blocks: the undo log holds only so much */

int64_t tmpfs_now(void) {
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_REALTIME, &now);
    return now;
}

static struct tmpfs_dir* dir_create(void) {
    struct tmpfs_dir* d = coord_alloc(sizeof(*d));
    if (!d)
        return NULL;
    list_init(&d->entries);
    d->next_cookie = 2; /* 0 and 1 are "." and ".." */
    return d;
}

struct tmpfs_node* tmpfs_node_create(struct tmpfs* fs, uint32_t mode,
                                     const struct tmpfs_node* dir) {
    struct tmpfs_node* n = coord_alloc(sizeof(*n));
    if (!n)
        return NULL;
    bool directory = (mode & S_IFMT) == S_IFDIR;
    if (directory && !(n->dir = dir_create())) {
        coord_free(n);
        return NULL;
    }
    struct libos_thread* t = get_cur_thread();
    n->fs = fs;
    n->ino = __atomic_add_fetch(&fs->last_ino, 1, __ATOMIC_RELAXED);
    n->mode = mode;
    n->uid = t->fsuid;
    n->gid = t->fsgid;
    if (dir && (dir->mode & S_ISGID)) {
        n->gid = dir->gid;
        if (directory)
            n->mode |= S_ISGID;
    }
    n->nlink = directory ? 2 : 1;
    n->atime_ns = n->mtime_ns = n->ctime_ns = n->btime_ns = tmpfs_now();
    list_init(&n->xattrs);
    return n;
}

struct libos_store_range* tmpfs_node_check(struct tmpfs_node* n) {
    if (n->nlink || n->opens)
        return NULL;
    if (libos_inotify_active())
        libos_inotify_gone(n);
    unsigned int count = 0;
    while (!list_empty(&n->xattrs)) { /* nobody can find it any more */
        struct tmpfs_xattr* x = list_first(&n->xattrs, struct tmpfs_xattr, node);
        coord_list_del(&x->node);
        coord_free(x);
        if (++count % COMMIT_EVERY == 0)
            coord_commit();
    }
    struct libos_store_range* r = n->range;
    coord_free(n->data);
    if (n->dir)
        coord_free(n->dir->table);
    if (n->fifo)
        tmpfs_fifo_free(n->fifo);
    coord_free(n->dir);
    coord_free(n->target);
    coord_free(n);
    return r;
}

void tmpfs_use(struct tmpfs_node* n, struct tmpfs_entry* e) {
    COORD_SET(n->opens, n->opens + 1);
    if (e)
        COORD_SET(e->refs, e->refs + 1);
}

void tmpfs_unuse(struct tmpfs_node* n, struct tmpfs_entry* e) {
    struct tmpfs* fs = n->fs;
    coord_lock(&fs->tree);
    tmpfs_entry_put(e);
    COORD_SET(n->opens, n->opens - 1);
    struct libos_store_range* unused = tmpfs_node_check(n);
    coord_unlock(&fs->tree);
    libos_store_free(unused);
}

/* In units of 512 bytes. */
static uint64_t blocks_of(const struct tmpfs_node* n) {
    if (n->range && n->sparse)
        return libos_store_used(n->range) / 512;
    return n->range || n->data ? PAGE_UP(n->size) / 512 : 0;
}

void tmpfs_node_stat(struct tmpfs_node* n, struct libos_stat* st) {
    *st = (struct libos_stat){
        .dev = n->fs->dev,
        .ino = n->ino,
        .nlink = n->nlink,
        .rdev = n->rdev,
        .mode = n->mode,
        .uid = n->uid,
        .gid = n->gid,
        .blksize = PAGE_SIZE,
        .mount_id = n->fs->mount_id,
    };
    bool file = (n->mode & S_IFMT) == S_IFREG;
    if (file)
        coord_lock(&n->lock);
    st->size = n->dir ? n->dir->count * 20UL + 40 : n->size;
    st->atime_ns = n->atime_ns;
    st->mtime_ns = n->mtime_ns;
    st->ctime_ns = n->ctime_ns;
    st->btime_ns = n->btime_ns;
    if (file) {
        st->blocks = blocks_of(n);
        coord_unlock(&n->lock);
    }
}

int tmpfs_may(struct tmpfs_node* n, int want) {
    struct libos_stat st = {.mode = n->mode, .uid = n->uid, .gid = n->gid};
    return libos_permission(&st, want);
}

void tmpfs_touch(struct tmpfs_node* n) {
    n->mtime_ns = n->ctime_ns = tmpfs_now();
}
