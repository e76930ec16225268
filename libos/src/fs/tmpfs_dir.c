/*
 * tmpfs directories: names, walking, listing.
 */
#include "libos_process.h"
#include "tmpfs.h"

static uint32_t hash_name(const char* name, size_t len) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)name[i]) * 16777619u;
    return h ^ h >> 15;
}

struct tmpfs_entry* tmpfs_find(struct tmpfs_node* dir, const char* name, size_t len) {
    uint32_t hash = hash_name(name, len);
    struct tmpfs_entry* e = dir->dir->buckets[hash & (dir->dir->bucket_count - 1)];
    while (e && (e->hash != hash || e->len != len || memcmp(e->name, name, len) != 0))
        e = e->hash_next;
    return e;
}

/* Twice the buckets; without memory it only gets slower. */
static void grow(struct tmpfs_dir* d) {
    uint32_t count = d->bucket_count * 2;
    struct tmpfs_entry** buckets = libos_calloc(count, sizeof(*buckets));
    if (!buckets)
        return;
    list_for_each(e, &d->entries, struct tmpfs_entry, node) {
        e->hash_next = buckets[e->hash & (count - 1)];
        buckets[e->hash & (count - 1)] = e;
    }
    libos_free(d->buckets);
    d->buckets = buckets;
    d->bucket_count = count;
}

int tmpfs_add(struct tmpfs_node* dir, const char* name, size_t len, struct tmpfs_node* child) {
    struct tmpfs_dir* d = dir->dir;
    struct tmpfs_entry* e = libos_malloc(sizeof(*e) + len + 1);
    if (!e)
        return -ENOMEM;
    ref_set(&e->ref, 1);
    e->dir = dir;
    e->moved = NULL;
    e->child = child;
    e->cookie = d->next_cookie++;
    e->hash = hash_name(name, len);
    e->len = len;
    memcpy(e->name, name, len);
    e->name[len] = '\0';
    list_add_tail(&d->entries, &e->node);
    struct tmpfs_entry** bucket = &d->buckets[e->hash & (d->bucket_count - 1)];
    e->hash_next = *bucket;
    *bucket = e;
    if (++d->count > d->bucket_count)
        grow(d);
    if (child->dir) {
        child->dir->parent = dir;
        child->dir->self = e;
        dir->nlink++;
    }
    tmpfs_touch(dir);
    return 0;
}

void tmpfs_remove(struct tmpfs_entry* e) {
    struct tmpfs_node* dir = e->dir;
    struct tmpfs_dir* d = dir->dir;
    struct tmpfs_entry** at = &d->buckets[e->hash & (d->bucket_count - 1)];
    while (*at != e)
        at = &(*at)->hash_next;
    *at = e->hash_next;
    list_del(&e->node);
    d->count--;
    if (e->child->dir)
        dir->nlink--;
    tmpfs_touch(dir);
    e->dir = NULL;
    tmpfs_entry_put(e);
}

void tmpfs_entry_put(struct tmpfs_entry* e) {
    while (e && ref_put(&e->ref)) {
        struct tmpfs_entry* moved = e->moved;
        libos_free(e);
        e = moved;
    }
}

/* ---- walking ----------------------------------------------------------------------------------
 */

int tmpfs_walk(const struct libos_at* at, struct tmpfs_place* p) {
    struct tmpfs_node* n = tmpfs_node_of(at->base);
    *p = (struct tmpfs_place){.node = n};
    const char* s = at->rel;
    for (size_t len; s = libos_component(s, &len), len; s += len) {
        if (!p->node)
            return -ENOENT;
        uint32_t type = p->node->mode & S_IFMT;
        if (type == S_IFLNK)
            return p->dir ? -EWALK : -ENOTDIR; /* a link opened with O_PATH leads nowhere */
        if (type != S_IFDIR)
            return -ENOTDIR;
        n = p->node;
        int ret = tmpfs_may(n, 1);
        if (ret)
            return ret;
        p->entry = NULL;
        p->dir = NULL;
        if (libos_is_dot(s, len))
            continue;
        if (libos_is_dotdot(s, len)) {
            if (n == n->fs->root)
                return -EXDEV;
            p->node = n->dir->parent;
            if (!p->node)
                return -ENOENT;
            continue;
        }
        if (len > NAME_MAX)
            return -ENAMETOOLONG;
        p->dir = n;
        p->name = s;
        p->len = len;
        p->entry = tmpfs_find(n, s, len);
        p->node = p->entry ? p->entry->child : NULL;
    }
    p->slash = s > at->rel && s[-1] == '/';
    if (p->slash && p->node && (p->node->mode & S_IFMT) == S_IFLNK)
        return -EWALK;
    return 0;
}

int tmpfs_walk_existing(const struct libos_at* at, struct tmpfs_place* p) {
    int ret = tmpfs_walk(at, p);
    if (ret)
        return ret;
    if (!p->node)
        return -ENOENT;
    return p->slash && !p->node->dir ? -ENOTDIR : 0;
}

/* ---- listing ----------------------------------------------------------------------------------
 */

static int dir_getdents(struct libos_file* f, libos_dirent_fn emit, void* arg) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    struct tmpfs_dir* d = n->dir;
    int ret = 0;
    read_lock(&n->fs->tree);
    if (n != n->fs->root && !d->parent) {
        ret = -ENOENT; /* removed */
        goto out;
    }
    uint64_t up = d->parent ? d->parent->ino : n->ino;
    if (f->pos == 0 && emit(arg, ".", 1, n->ino, 4, 1))
        f->pos = 1;
    if (f->pos == 1 && emit(arg, "..", 2, up, 4, 2))
        f->pos = 2;
    if (f->pos < 2)
        goto out;
    list_for_each(e, &d->entries, struct tmpfs_entry, node) {
        if (e->cookie < (uint64_t)f->pos)
            continue;
        if (!emit(arg, e->name, e->len, e->child->ino, (e->child->mode & S_IFMT) >> 12,
                  e->cookie + 1))
            break;
        f->pos = e->cookie + 1;
    }
    n->atime_ns = f->flags & O_NOATIME ? n->atime_ns : tmpfs_now();
out:
    read_unlock(&n->fs->tree);
    return ret;
}

static long dir_seek(struct libos_file* f, int64_t offset, int whence) {
    lock(&f->lock);
    if (whence == PAL_SEEK_CUR)
        offset += f->pos;
    else if (whence == PAL_SEEK_END)
        offset += tmpfs_node_of(f)->dir->next_cookie;
    long ret = -EINVAL;
    if (whence <= PAL_SEEK_END && offset >= 0)
        ret = f->pos = offset;
    unlock(&f->lock);
    return ret;
}

static long dir_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                     const int64_t* pos, int rwf) {
    (void)f, (void)iov, (void)iov_count, (void)pos, (void)rwf;
    return -EISDIR;
}

static int dir_fsync(struct libos_file* f, bool data_only) {
    (void)f, (void)data_only;
    return 0; /* there is nothing more durable than the memory it is in */
}

static void dir_close(struct libos_file* f) {
    tmpfs_file_ops.close(f);
}
static int dir_stat(struct libos_file* f, struct libos_stat* st) {
    return tmpfs_file_ops.stat(f, st);
}
static int dir_statfs(struct libos_file* f, struct libos_statfs* st) {
    return tmpfs_file_ops.statfs(f, st);
}
static int dir_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    return tmpfs_file_ops.reopen(f, flags, out);
}

const struct libos_file_ops tmpfs_dir_ops = {
    .kind = "directory",
    .read = dir_read,
    .seek = dir_seek,
    .stat = dir_stat,
    .fsync = dir_fsync,
    .getdents = dir_getdents,
    .statfs = dir_statfs,
    .close = dir_close,
    .reopen = dir_reopen,
};
