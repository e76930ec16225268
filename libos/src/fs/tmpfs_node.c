/*
 * tmpfs nodes: life, attributes.
 */
#include "libos_inotify.h"
#include "libos_process.h"
#include "tmpfs.h"

int64_t tmpfs_now(void) {
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_REALTIME, &now);
    return now;
}

static struct tmpfs_dir* dir_create(void) {
    struct tmpfs_dir* d = libos_calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->bucket_count = 8;
    d->buckets = libos_calloc(d->bucket_count, sizeof(*d->buckets));
    if (!d->buckets) {
        libos_free(d);
        return NULL;
    }
    list_init(&d->entries);
    d->next_cookie = 2; /* 0 and 1 are "." and ".." */
    return d;
}

struct tmpfs_node* tmpfs_node_create(struct tmpfs* fs, uint32_t mode,
                                     const struct tmpfs_node* dir) {
    struct tmpfs_node* n = libos_calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    bool directory = (mode & S_IFMT) == S_IFDIR;
    if (directory && !(n->dir = dir_create())) {
        libos_free(n);
        return NULL;
    }
    struct libos_thread* t = get_cur_thread();
    ref_set(&n->ref, 1);
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

void tmpfs_node_put(struct tmpfs_node* n) {
    if (!ref_put(&n->ref))
        return;
    if (__atomic_load_n(&g_inotify_watches, __ATOMIC_RELAXED))
        libos_inotify_gone(n);
    if (n->mem)
        PalObjectClose(n->mem);
    list_for_each_safe(x, &n->xattrs, struct tmpfs_xattr, node) {
        libos_free(x);
    }
    libos_free(n->data);
    if (n->dir)
        libos_free(n->dir->buckets);
    if (n->fifo)
        tmpfs_fifo_free(n->fifo);
    libos_free(n->dir);
    libos_free(n->target);
    libos_free(n);
}

void tmpfs_node_stat(struct tmpfs_node* n, struct libos_stat* st) {
    lock(&n->lock);
    *st = (struct libos_stat){
        .dev = n->fs->mount->dev,
        .ino = n->ino,
        .nlink = n->nlink,
        .rdev = n->rdev,
        .mode = n->mode,
        .uid = n->uid,
        .gid = n->gid,
        .size = n->dir ? n->dir->count * 20UL + 40 : n->size,
        .blksize = PAGE_SIZE,
        .atime_ns = n->atime_ns,
        .mtime_ns = n->mtime_ns,
        .ctime_ns = n->ctime_ns,
        .btime_ns = n->btime_ns,
        .mount_id = n->fs->mount->id,
    };
    PAL_STREAM_ATTR attr;
    if (!n->mem && n->data)
        st->blocks = PAGE_UP(n->size) / 512;
    if (n->mem && PalStreamAttributesQueryByHandle(n->mem, &attr) == 0)
        st->blocks = attr.blocks;
    unlock(&n->lock);
}

int tmpfs_may(struct tmpfs_node* n, int want) {
    struct libos_stat st = {.mode = n->mode, .uid = n->uid, .gid = n->gid};
    return libos_permission(&st, want);
}

void tmpfs_touch(struct tmpfs_node* n) {
    n->mtime_ns = n->ctime_ns = tmpfs_now();
}
