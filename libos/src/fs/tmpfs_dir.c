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

/* ---- the table of names -----------------------------------------------------------------------
 * A slot is empty, removed, or an entry. A directory with few names has none: they are compared one
 * by one. */
#define FEW     8
#define REMOVED ((struct tmpfs_entry*)1)

static struct tmpfs_entry** slot_of(const struct tmpfs_dir* d, const struct tmpfs_entry* e) {
    uint32_t i = e->hash & (d->table_size - 1);
    while (d->table[i] != e)
        i = (i + 1) & (d->table_size - 1);
    return &d->table[i];
}

static void put_into(struct tmpfs_entry** table, uint32_t size, struct tmpfs_entry* e) {
    uint32_t i = e->hash & (size - 1);
    while (table[i])
        i = (i + 1) & (size - 1);
    table[i] = e;
}

/* A new table without removed ones, at most half full. */
static int rebuild(struct tmpfs_dir* d) {
    uint32_t size = 4 * FEW;
    while (size < 4 * d->count)
        size *= 2;
    struct tmpfs_entry **old = d->table, **table = coord_alloc(size * sizeof(*table));
    if (!table)
        return -ENOSPC;
    list_for_each(e, &d->entries, struct tmpfs_entry, node) {
        put_into(table, size, e);
    }
    COORD_SET(d->table, table);
    COORD_SET(d->table_size, size);
    COORD_SET(d->table_used, d->count);
    coord_free(old);
    return 0;
}

/* Room for one more name. */
static int table_reserve(struct tmpfs_dir* d) {
    if (d->table ? d->table_used < d->table_size - d->table_size / 4 : d->count < FEW)
        return 0;
    return rebuild(d);
}

static bool is_named(const struct tmpfs_entry* e, uint32_t hash, const char* name, size_t len) {
    return e->hash == hash && e->len == len && memcmp(e->name, name, len) == 0;
}

struct tmpfs_entry* tmpfs_find(struct tmpfs_node* dir, const char* name, size_t len) {
    const struct tmpfs_dir* d = dir->dir;
    uint32_t hash = hash_name(name, len);
    if (!d->table) {
        list_for_each(e, &d->entries, struct tmpfs_entry, node) {
            if (is_named(e, hash, name, len))
                return e;
        }
        return NULL;
    }
    for (uint32_t i = hash & (d->table_size - 1);; i = (i + 1) & (d->table_size - 1)) {
        struct tmpfs_entry* e = d->table[i];
        if (!e || (e != REMOVED && is_named(e, hash, name, len)))
            return e;
    }
}

int tmpfs_add(struct tmpfs_node* dir, const char* name, size_t len, struct tmpfs_node* child) {
    struct tmpfs_dir* d = dir->dir;
    int ret = table_reserve(d);
    struct tmpfs_entry* e = ret ? NULL : coord_alloc(sizeof(*e) + len + 1);
    if (!e)
        return -ENOSPC;
    e->refs = 1;
    e->dir = dir;
    e->child = child;
    e->cookie = d->next_cookie;
    e->hash = hash_name(name, len);
    e->len = len;
    memcpy(e->name, name, len);
    COORD_SET(d->next_cookie, d->next_cookie + 1);
    coord_list_add_tail(&d->entries, &e->node);
    COORD_SET(d->count, d->count + 1);
    if (d->table) {
        uint32_t i = e->hash & (d->table_size - 1);
        while (d->table[i])
            i = (i + 1) & (d->table_size - 1);
        COORD_SET(d->table[i], e);
        COORD_SET(d->table_used, d->table_used + 1);
    }
    if (child->dir) {
        COORD_SET(child->dir->parent, dir);
        COORD_SET(child->dir->self, e);
        COORD_SET(dir->nlink, dir->nlink + 1);
    }
    tmpfs_touch(dir);
    return 0;
}

void tmpfs_remove(struct tmpfs_entry* e) {
    struct tmpfs_node* dir = e->dir;
    struct tmpfs_dir* d = dir->dir;
    if (d->table)
        COORD_SET(*slot_of(d, e), REMOVED);
    if (d->listed == e)
        d->listed =
            e->node.prev == &d->entries ? NULL : list_entry(e->node.prev, struct tmpfs_entry, node);
    coord_list_del(&e->node);
    COORD_SET(d->count, d->count - 1);
    if (e->child->dir)
        COORD_SET(dir->nlink, dir->nlink - 1);
    tmpfs_touch(dir);
    COORD_SET(e->dir, NULL);
    tmpfs_entry_put(e);
}

void tmpfs_entry_put(struct tmpfs_entry* e) {
    while (e) {
        struct tmpfs_entry* moved = e->moved;
        COORD_SET(e->refs, e->refs - 1);
        if (e->refs)
            return;
        coord_free(e);
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

struct listed { /* one entry, copied out of the arena */
    uint64_t ino;
    int64_t next;
    uint16_t len;
    uint8_t type;
    char name[];
};

struct listing {
    size_t used;
    bool more; /* there was no room for all */
    uint64_t bytes[4096 / sizeof(uint64_t)];
};

/* false: it is full. */
static bool list_entry_copy(struct listing* l, const char* name, size_t len,
                            const struct tmpfs_node* n, int64_t next) {
    size_t size = ALIGN_UP(sizeof(struct listed) + len, sizeof(uint64_t));
    if (l->used + size > sizeof(l->bytes)) {
        l->more = true;
        return false;
    }
    struct listed* to = (struct listed*)((char*)l->bytes + l->used);
    *to =
        (struct listed){.ino = n->ino, .next = next, .len = len, .type = (n->mode & S_IFMT) >> 12};
    memcpy(to->name, name, len);
    l->used += size;
    return true;
}

/* What comes at `pos` and after, as much as there is room for. */
static int list_from(struct tmpfs_node* n, int64_t pos, struct listing* l) {
    struct tmpfs_dir* d = n->dir;
    l->used = 0;
    l->more = false;
    coord_lock(&n->fs->tree);
    int ret = n != n->fs->root && !d->parent ? -ENOENT : 0; /* removed */
    if (!ret && pos == 0)
        list_entry_copy(l, ".", 1, n, 1);
    if (!ret && pos <= 1)
        list_entry_copy(l, "..", 2, d->parent ? d->parent : n, 2);
    if (!ret && (uint64_t)pos < d->next_cookie) {
        bool known = d->listed && d->listed->cookie < (uint64_t)pos;
        struct list_node* at = known ? d->listed->node.next : d->entries.next;
        for (; at != &d->entries; at = at->next) {
            struct tmpfs_entry* e = list_entry(at, struct tmpfs_entry, node);
            if (e->cookie < (uint64_t)pos)
                continue;
            if (!list_entry_copy(l, e->name, e->len, e->child, e->cookie + 1))
                break;
            d->listed = e;
        }
    }
    coord_unlock(&n->fs->tree);
    return ret;
}

static int dir_getdents(struct libos_file* f, libos_dirent_fn emit, void* arg) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    struct listing l;
    bool taken = true;
    do {
        int64_t pos = libos_file_get_pos(f);
        int ret = list_from(n, pos, &l);
        if (ret)
            return ret;
        for (size_t at = 0; at < l.used && taken;) {
            const struct listed* e = (struct listed*)((char*)l.bytes + at);
            at += ALIGN_UP(sizeof(*e) + e->len, sizeof(uint64_t));
            taken = emit(arg, e->name, e->len, e->ino, e->type, e->next);
            if (taken)
                pos = e->next;
        }
        libos_file_set_pos(f, pos);
    } while (taken && l.more);
    if (!(f->flags & O_NOATIME))
        n->atime_ns = tmpfs_now();
    return 0;
}

static long dir_seek(struct libos_file* f, int64_t offset, int whence) {
    int64_t* pos = libos_file_lock_pos(f);
    if (whence == PAL_SEEK_CUR)
        offset += *pos;
    else if (whence == PAL_SEEK_END)
        offset += tmpfs_node_of(f)->dir->next_cookie;
    long ret = -EINVAL;
    if (whence <= PAL_SEEK_END && offset >= 0)
        ret = *pos = offset;
    libos_file_unlock_pos(f);
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
    .close_at_end = true,
    .reopen = dir_reopen,
};
