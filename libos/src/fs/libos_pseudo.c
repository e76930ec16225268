/*
 * Pseudo file systems: places, stat and directories of a tree of nodes. Their files:
 * libos_pseudo_file.c.
 */
#include "libos_fs_internal.h"
#include "libos_process.h"
#include "libos_pseudo.h"

/* ---- walking ----------------------------------------------------------------------------------
 */

static bool push(struct libos_pseudo_at* p, const struct libos_pseudo_node* node) {
    if (p->depth >= ARRAY_SIZE(p->parents))
        return false;
    p->parents[p->depth++] = p->node;
    p->node = node;
    return true;
}

static void pop(struct libos_pseudo_at* p) {
    if (!p->node->name && p->node->match)
        p->id_count--;
    p->node = p->parents[--p->depth];
}

/* Goes to the entry `name` of the directory *p. */
static int enter(struct libos_pseudo_at* p, const char* name, size_t len) {
    for (const struct libos_pseudo_node* c = p->node->children; c && c->mode; c++) {
        if (c->name) {
            if (strlen(c->name) != len || memcmp(c->name, name, len) != 0)
                continue;
            if (c->exists && !c->exists(p))
                continue;
            return push(p, c) ? 0 : -ENAMETOOLONG;
        }
        uint64_t id;
        if (p->id_count < LIBOS_PSEUDO_DEPTH && c->match &&
            libos_pseudo_match(p, c, name, len, &id)) {
            p->ids[p->id_count++] = id;
            return push(p, c) ? 0 : -ENAMETOOLONG;
        }
    }
    return -ENOENT;
}

static int node_permission(const struct libos_pseudo_at* p, int want) {
    struct libos_stat st;
    int ret = libos_pseudo_stat_at(p, &st);
    return ret ? ret : libos_permission(&st, want);
}

/* -EWALK for a link on the way; the last component itself may be one. */
int libos_pseudo_walk(const struct libos_at* at, struct libos_pseudo_at* p) {
    *p = *(const struct libos_pseudo_at*)libos_pseudo_of(at->base);
    const char* s = at->rel;
    for (size_t n; s = libos_component(s, &n), n; s += n) {
        if (n > NAME_MAX)
            return -ENAMETOOLONG;
        uint32_t type = p->node->mode & S_IFMT;
        if (type == S_IFLNK)
            return s == at->rel ? -ENOTDIR : -EWALK; /* base itself: opened with O_PATH */
        if (type != S_IFDIR)
            return -ENOTDIR;
        int ret = node_permission(p, 1);
        if (ret)
            return ret;
        if (libos_is_dot(s, n))
            continue;
        if (libos_is_dotdot(s, n)) {
            if (!p->depth)
                return -EXDEV;
            pop(p);
            continue;
        }
        ret = enter(p, s, n);
        if (ret)
            return ret;
    }
    if (s > at->rel && s[-1] == '/') { /* a trailing slash */
        uint32_t type = p->node->mode & S_IFMT;
        if (type != S_IFDIR)
            return type == S_IFLNK ? -EWALK : -ENOTDIR;
    }
    return 0;
}

/* ---- stat -------------------------------------------------------------------------------------
 */

/* Stable over the life of the process: from the nodes and numbers of the way. */
static uint64_t inode_number(const struct libos_pseudo_at* p) {
    uint64_t h = (uint64_t)p->node * 0x9e3779b97f4a7c15ULL;
    for (unsigned int i = 0; i < p->id_count; i++)
        h = (h ^ p->ids[i] ^ (h >> 29)) * 0x9e3779b97f4a7c15ULL;
    return p->depth ? (h >> 32) | 0x100000000ULL : 1;
}

int libos_pseudo_stat_at(const struct libos_pseudo_at* p, struct libos_stat* st) {
    uint32_t type = p->node->mode & S_IFMT;
    *st = (struct libos_stat){
        .dev = p->mount->dev,
        .ino = inode_number(p),
        .nlink = type == S_IFDIR ? 2 : 1,
        .rdev = p->node->rdev,
        .mode = p->node->mode,
        .blksize = type == S_IFDIR || type == S_IFREG ? 1024 : PAGE_SIZE,
        .atime_ns = libos_fs_start_ns(),
        .mtime_ns = libos_fs_start_ns(),
        .ctime_ns = libos_fs_start_ns(),
        .btime_ns = -1,
        .mount_id = p->mount->id,
    };
    return p->node->stat ? libos_pseudo_node_stat(p, st) : 0;
}

static int pseudo_stat(const struct libos_at* at, struct libos_stat* st) {
    struct libos_pseudo_at p;
    int ret = libos_pseudo_walk(at, &p);
    return ret ? ret : libos_pseudo_stat_at(&p, st);
}

static long pseudo_readlink(const struct libos_at* at, char* buf, size_t size) {
    struct libos_pseudo_at p;
    int ret = libos_pseudo_walk(at, &p);
    if (ret)
        return ret;
    return p.node->readlink ? libos_pseudo_readlink(&p, buf, size) : -EINVAL;
}

static int pseudo_follow(const struct libos_at* at, struct libos_file** out) {
    struct libos_pseudo_at p;
    int ret = libos_pseudo_walk(at, &p);
    if (ret)
        return ret;
    return p.node->follow ? libos_pseudo_follow(&p, out) : -EINVAL;
}

/* ---- open -------------------------------------------------------------------------------------
 */

static struct libos_file* new_file(const struct libos_pseudo_at* p,
                                   const struct libos_file_ops* ops, int flags) {
    struct libos_pseudo_at* copy = libos_malloc(sizeof(*copy));
    if (!copy)
        return NULL;
    *copy = *p;
    return libos_pseudo_file_create(copy, ops, flags);
}

static int check_access(const struct libos_pseudo_at* p, int flags) {
    uint32_t type = p->node->mode & S_IFMT;
    int mode = flags & O_ACCMODE;
    if (type == S_IFDIR && (mode != O_RDONLY || (flags & O_CREAT)))
        return -EISDIR;
    int want = mode == O_WRONLY ? 2 : mode == O_RDONLY ? 4 : 6;
    if (flags & O_TRUNC)
        want |= 2;
    int ret = node_permission(p, want);
    if (ret)
        return ret;
    /* In /proc whoever may ignore permissions may open, and learns at the write. */
    if (type == S_IFREG && (want & 2) && !p->node->store && strcmp(p->mount->source, "proc") != 0)
        return -EACCES;
    return 0;
}

/* Linux's /proc knows no names but its own; elsewhere making one is what is refused. */
static bool is_proc(const struct libos_at* at) {
    return at->mount->magic == 0x9fa0;
}

static int refuse_new(const struct libos_at* at) {
    struct libos_stat st;
    int ret = pseudo_stat(at, &st);
    if (ret == -ENOENT)
        ret = libos_at_parent_check(at) ?: is_proc(at) ? -ENOENT : -EPERM;
    return ret ? ret : -EEXIST;
}
static int pseudo_mkdir(const struct libos_at* at, uint32_t mode) {
    (void)mode;
    return refuse_new(at);
}
static int pseudo_mknod(const struct libos_at* at, uint32_t mode, uint64_t rdev) {
    (void)mode, (void)rdev;
    return refuse_new(at);
}
static int pseudo_symlink(const struct libos_at* at, const char* target) {
    (void)target;
    return refuse_new(at);
}
static int pseudo_unlink(const struct libos_at* at, bool is_directory) {
    struct libos_stat st;
    int ret = pseudo_stat(at, &st);
    if (!ret && is_directory && (st.mode & S_IFMT) != S_IFDIR)
        ret = -ENOTDIR;
    return ret ? ret : -EPERM;
}

static int pseudo_open(const struct libos_at* at, int flags, uint32_t mode,
                       struct libos_file** out) {
    (void)mode;
    struct libos_pseudo_at p;
    int ret = libos_pseudo_walk(at, &p);
    if (ret == -ENOENT && (flags & O_CREAT))
        return libos_at_parent_check(at) ?: is_proc(at) ? -ENOENT : -EACCES;
    if (ret)
        return ret;
    if ((flags & O_TMPFILE) == O_TMPFILE)
        return -EOPNOTSUPP;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    uint32_t type = p.node->mode & S_IFMT;
    if (type == S_IFLNK && (flags & (O_PATH | O_NOFOLLOW)) != (O_PATH | O_NOFOLLOW))
        return -EWALK;
    if ((flags & O_DIRECTORY) && type != S_IFDIR)
        return -ENOTDIR;
    return libos_pseudo_open_node(&p, flags, out);
}

int libos_pseudo_open_node(const struct libos_pseudo_at* p, int flags, struct libos_file** out) {
    uint32_t type = p->node->mode & S_IFMT;
    if (!(flags & O_PATH)) {
        int ret = check_access(p, flags);
        if (ret)
            return ret;
        if (p->node->open) {
            ret = p->node->open(p, flags & ~(O_CREAT | O_EXCL | O_TRUNC), out);
            if (!ret && !(*out)->path)
                (*out)->path = libos_pseudo_path(p);
            if (!ret && !(*out)->mode_type)
                (*out)->mode_type = type;
            return ret;
        }
        if (type != S_IFREG && type != S_IFDIR)
            return -ENXIO;
    }
    const struct libos_file_ops* ops =
        type == S_IFDIR ? &libos_pseudo_dir_ops : &libos_pseudo_file_ops;
    *out = new_file(p, ops, libos_file_flags(flags));
    return *out ? 0 : -ENOMEM;
}

/* ---- names ------------------------------------------------------------------------------------
 */

struct name_of_id {
    uint64_t id;
    char* buf;
    size_t size, len;
};

static bool take_name(void* arg, const char* name, uint64_t id) {
    struct name_of_id* n = arg;
    if (id != n->id)
        return true;
    n->len = snprintf(n->buf, n->size, "/%s", name);
    return false;
}

long libos_pseudo_name(const struct libos_pseudo_at* p, char* buf, size_t size) {
    size_t len = strlcpy(buf, p->mount->path, size);
    struct libos_pseudo_at dir = *p;
    dir.id_count = 0;
    for (unsigned int i = 1; i <= p->depth && len < size; i++) {
        const struct libos_pseudo_node* node = i < p->depth ? p->parents[i] : p->node;
        if (node->name) {
            len += snprintf(buf + len, size - len, "/%s", node->name);
            continue;
        }
        dir.node = p->parents[i - 1];
        dir.depth = i - 1;
        struct name_of_id n = {p->ids[dir.id_count], buf + len, size - len, 0};
        libos_pseudo_list(&dir, node, take_name, &n);
        if (!n.len)
            n.len = snprintf(buf + len, size - len, "/%lu (deleted)", (unsigned long)n.id);
        len += n.len;
        dir.id_count++;
    }
    return MIN(len, size);
}

static long pseudo_get_name(struct libos_file* f, char* buf, size_t size) {
    return libos_pseudo_name(libos_pseudo_of(f), buf, size);
}

static int pseudo_statfs(struct libos_file* f, struct libos_statfs* st) {
    *st = (struct libos_statfs){
        .type = f->path->mount->magic, .bsize = PAGE_SIZE, .namelen = 255, .frsize = PAGE_SIZE};
    return 0;
}

static int pseudo_setattr(struct libos_file* f, const struct libos_attr* attr) {
    (void)f, (void)attr;
    return -EPERM;
}

const struct libos_fs_ops libos_pseudo_ops = {
    .name = "pseudo",
    .open = pseudo_open,
    .stat = pseudo_stat,
    .readlink = pseudo_readlink,
    .follow = pseudo_follow,
    .mkdir = pseudo_mkdir,
    .mknod = pseudo_mknod,
    .symlink = pseudo_symlink,
    .unlink = pseudo_unlink,
    .setattr = pseudo_setattr,
    .statfs = pseudo_statfs,
    .get_name = pseudo_get_name,
};

int libos_pseudo_mount(struct libos_mount* m, const struct libos_pseudo_node* root) {
    m->ops = &libos_pseudo_ops;
    struct libos_pseudo_at p = {.node = root, .mount = m};
    m->root = new_file(&p, &libos_pseudo_dir_ops, O_PATH);
    return m->root ? 0 : -ENOMEM;
}
