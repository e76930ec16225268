/*
 * tmpfs: the operations of the file system.
 */
#include "libos_inotify.h"
#include "libos_process.h"
#include "tmpfs.h"

static struct tmpfs* fs_of(const struct libos_at* at) {
    return at->mount->data;
}

/* ---- open -------------------------------------------------------------------------------------
 */

int tmpfs_open_node(struct libos_mount* m, struct tmpfs_node* n, struct tmpfs_entry* e, int flags,
                    bool check, struct libos_file** out) {
    uint32_t type = n->mode & S_IFMT;
    if (!(flags & O_PATH)) {
        int acc = flags & O_ACCMODE;
        int want = acc == O_RDONLY ? 4 : acc == O_WRONLY ? 2 : 6;
        if (flags & O_TRUNC)
            want |= 2;
        if (type == S_IFDIR && ((want & 2) || (flags & O_CREAT)))
            return -EISDIR;
        int ret = check ? tmpfs_may(n, want) : 0;
        if (ret)
            return ret;
        if ((flags & O_NOATIME) && n->uid != get_cur_thread()->fsuid && !libos_capable(CAP_FOWNER))
            return -EPERM;
        if (type != S_IFREG && type != S_IFDIR)
            return type == S_IFLNK ? -ELOOP : -ENXIO;
    }
    *out = tmpfs_file_create(m, n, e, libos_file_flags(flags));
    return *out ? 0 : -ENOMEM;
}

int tmpfs_opened(struct libos_file** out, int flags) {
    if (!(flags & O_TRUNC) || (flags & O_PATH) || (*out)->ops != &tmpfs_file_ops)
        return 0;
    int ret = tmpfs_truncate(tmpfs_node_of(*out), 0);
    if (ret)
        libos_file_put(*out);
    return ret;
}

/* Makes a node at a place where there is none, under the tree's write lock. */
static int make(struct tmpfs* fs, struct tmpfs_place* p, uint32_t mode, uint64_t rdev,
                const char* target, struct tmpfs_node** out) {
    if (!p->dir->nlink)
        return -ENOENT;
    if (p->slash && (mode & S_IFMT) != S_IFDIR)
        return -ENOENT;
    int ret = tmpfs_may(p->dir, 3);
    if (ret)
        return ret;
    struct tmpfs_node* n = tmpfs_node_create(fs, mode, p->dir);
    if (!n)
        return -ENOMEM;
    n->rdev = rdev;
    if (target) {
        n->size = strlen(target);
        n->target = coord_alloc(n->size + 1);
        if (n->target)
            memcpy(n->target, target, n->size);
    }
    ret = target && !n->target ? -ENOMEM : tmpfs_add(p->dir, p->name, p->len, n);
    if (ret) {
        n->nlink = 0;
        tmpfs_node_check(n);
        return ret;
    }
    tmpfs_notify_name(p->dir, n, IN_CREATE, 0, tmpfs_find(p->dir, p->name, p->len)->name);
    if (out)
        *out = n;
    return 0;
}

static int open_tmpfile(const struct libos_at* at, int flags, uint32_t mode,
                        struct libos_file** out) {
    struct tmpfs_place p;
    int ret = tmpfs_walk_existing(at, &p);
    if (ret)
        return ret;
    if (!p.node->dir)
        return (p.node->mode & S_IFMT) == S_IFLNK ? -EWALK : -ENOTDIR;
    ret = tmpfs_may(p.node, 3);
    if (ret)
        return ret;
    struct tmpfs_node* n = tmpfs_node_create(fs_of(at), S_IFREG | mode, p.node);
    if (!n)
        return -ENOMEM;
    n->nlink = 0;
    n->linkable = !(flags & O_EXCL);
    *out = tmpfs_file_create(at->mount, n, NULL, libos_file_flags(flags));
    tmpfs_node_check(n);
    return *out ? 0 : -ENOMEM;
}

static int open_place(const struct libos_at* at, struct tmpfs_place* p, int flags, uint32_t mode,
                      struct libos_file** out) {
    if (p->slash && (flags & O_CREAT))
        return -EISDIR;
    if (!p->node) {
        if (!(flags & O_CREAT))
            return -ENOENT;
        int ret = make(fs_of(at), p, S_IFREG | mode, 0, NULL, &p->node);
        if (ret)
            return ret;
        p->entry = tmpfs_find(p->dir, p->name, p->len);
        return tmpfs_open_node(at->mount, p->node, p->entry, flags & ~O_TRUNC, false, out);
    }
    uint32_t type = p->node->mode & S_IFMT;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    if (type == S_IFLNK && (flags & (O_PATH | O_NOFOLLOW)) != (O_PATH | O_NOFOLLOW))
        return -EWALK;
    if (type == S_IFDIR && (flags & O_CREAT))
        return -EISDIR;
    if (type != S_IFDIR && (p->slash || (flags & O_DIRECTORY)))
        return -ENOTDIR;
    return tmpfs_open_node(at->mount, p->node, p->entry, flags, true, out);
}

static int tmpfs_open(const struct libos_at* at, int flags, uint32_t mode,
                      struct libos_file** out) {
    struct tmpfs* fs = fs_of(at);
    struct tmpfs_place p;
    struct tmpfs_node* fifo = NULL;
    coord_lock(&fs->tree);
    int ret;
    if ((flags & O_TMPFILE) == O_TMPFILE) {
        ret = open_tmpfile(at, flags, mode, out);
    } else {
        ret = tmpfs_walk(at, &p);
        if (!ret)
            ret = open_place(at, &p, flags, mode, out);
        if (ret == -ENXIO && p.node && (p.node->mode & S_IFMT) == S_IFIFO) {
            fifo = p.node;
            tmpfs_use(fifo, p.entry);
        }
    }
    coord_unlock(&fs->tree);
    if (fifo) { /* may block, so not under the lock */
        ret = tmpfs_fifo_open(at->mount, fifo, p.entry, flags, out);
        tmpfs_unuse(fifo, p.entry);
    }
    if (!ret)
        ret = tmpfs_opened(out, flags);
    if (!ret)
        tmpfs_notify(*out, IN_OPEN);
    return ret;
}

/* ---- looking ----------------------------------------------------------------------------------
 */

static int tmpfs_stat(const struct libos_at* at, struct libos_stat* st) {
    struct tmpfs* fs = fs_of(at);
    struct tmpfs_place p;
    coord_lock(&fs->tree);
    int ret = tmpfs_walk_existing(at, &p);
    if (!ret)
        tmpfs_node_stat(p.node, st);
    coord_unlock(&fs->tree);
    return ret;
}

static long tmpfs_readlink(const struct libos_at* at, char* buf, size_t size) {
    struct tmpfs* fs = fs_of(at);
    struct tmpfs_place p;
    coord_lock(&fs->tree);
    long ret = tmpfs_walk_existing(at, &p);
    if (!ret && !p.node->target)
        ret = -EINVAL;
    if (!ret) {
        ret = MIN(p.node->size, size);
        memcpy(buf, p.node->target, ret);
    }
    coord_unlock(&fs->tree);
    return ret;
}

/* ---- making -----------------------------------------------------------------------------------
 */

static int make_at(const struct libos_at* at, uint32_t mode, uint64_t rdev, const char* target) {
    struct tmpfs* fs = fs_of(at);
    struct tmpfs_place p;
    coord_lock(&fs->tree);
    int ret = tmpfs_walk(at, &p);
    if (!ret)
        ret = p.node ? -EEXIST : make(fs, &p, mode, rdev, target, NULL);
    coord_unlock(&fs->tree);
    return ret == -EWALK && p.entry ? -EEXIST : ret;
}

static int tmpfs_mkdir(const struct libos_at* at, uint32_t mode) {
    return make_at(at, S_IFDIR | mode, 0, NULL);
}

static int tmpfs_mknod(const struct libos_at* at, uint32_t mode, uint64_t rdev) {
    uint32_t type = mode & S_IFMT;
    return make_at(at, mode, type == S_IFCHR || type == S_IFBLK ? rdev : 0, NULL);
}

static int tmpfs_symlink(const struct libos_at* at, const char* target) {
    return make_at(at, S_IFLNK | 0777, 0, target);
}

static int link_node(struct tmpfs* fs, struct tmpfs_node* n, const struct libos_at* to) {
    struct tmpfs_place p;
    int ret = tmpfs_walk(to, &p);
    if (ret)
        return ret;
    if (p.node)
        return -EEXIST;
    if (n->dir)
        return -EPERM;
    if (!n->nlink && !n->linkable)
        return -ENOENT;
    if (p.slash || !p.dir->nlink)
        return -ENOENT;
    ret = tmpfs_may(p.dir, 3);
    if (!ret)
        ret = tmpfs_add(p.dir, p.name, p.len, n);
    if (ret)
        return ret;
    COORD_SET(n->nlink, n->nlink + 1);
    COORD_SET(n->linkable, false);
    n->ctime_ns = tmpfs_now();
    tmpfs_notify_name(p.dir, n, IN_CREATE, 0, tmpfs_find(p.dir, p.name, p.len)->name);
    (void)fs;
    return 0;
}

static int tmpfs_link(const struct libos_at* from, const struct libos_at* to) {
    struct tmpfs* fs = fs_of(from);
    struct tmpfs_place p;
    coord_lock(&fs->tree);
    int ret = tmpfs_walk_existing(from, &p);
    if (!ret)
        ret = link_node(fs, p.node, to);
    coord_unlock(&fs->tree);
    return ret;
}

static int tmpfs_link_file(struct libos_file* f, const struct libos_at* to) {
    struct tmpfs* fs = fs_of(to);
    coord_lock(&fs->tree);
    int ret = link_node(fs, tmpfs_node_of(f), to);
    coord_unlock(&fs->tree);
    return ret;
}

/* ---- removing ---------------------------------------------------------------------------------
 */

/* May the caller take this name out of its directory? */
static int may_remove(const struct tmpfs_place* p) {
    int ret = tmpfs_may(p->dir, 3);
    if (ret)
        return ret;
    uint32_t uid = get_cur_thread()->fsuid;
    if ((p->dir->mode & S_ISVTX) && uid != p->node->uid && uid != p->dir->uid &&
        !libos_capable(CAP_FOWNER))
        return -EPERM;
    return 0;
}

/* The name goes, and with the last one the node (once nobody has it open). For libos_store_free().
 */
static struct libos_store_range* drop_name(struct tmpfs_entry* e) {
    struct tmpfs_node* n = e->child;
    if (n->dir)
        COORD_SET(n->dir->parent, NULL);
    COORD_SET(n->nlink, n->dir ? 0 : n->nlink - 1);
    n->ctime_ns = tmpfs_now();
    tmpfs_notify_name(e->dir, n, IN_DELETE, 0, e->name);
    tmpfs_remove(e);
    return tmpfs_node_check(n);
}

static int tmpfs_unlink(const struct libos_at* at, bool is_directory) {
    struct tmpfs* fs = fs_of(at);
    struct tmpfs_place p;
    struct libos_store_range* unused = NULL;
    coord_lock(&fs->tree);
    int ret = tmpfs_walk(at, &p);
    if (ret == -EWALK && p.entry && p.slash)
        ret = -ENOTDIR;
    if (!ret && !p.node)
        ret = -ENOENT;
    if (!ret && !p.entry)
        ret = -EBUSY;
    if (!ret)
        ret = may_remove(&p);
    if (!ret && is_directory)
        ret = !p.node->dir ? -ENOTDIR : p.node->dir->count ? -ENOTEMPTY : 0;
    else if (!ret)
        ret = p.node->dir ? -EISDIR : p.slash ? -ENOTDIR : 0;
    if (!ret)
        unused = drop_name(p.entry);
    coord_unlock(&fs->tree);
    libos_store_free(unused);
    return ret;
}

/* ---- rename -----------------------------------------------------------------------------------
 */

static bool is_below(const struct tmpfs_node* n, const struct tmpfs_node* top) {
    for (; n; n = n->dir->parent)
        if (n == top)
            return true;
    return false;
}

/* Moves a name; the target name is free. */
static int move(struct tmpfs_entry* e, struct tmpfs_place* to) {
    struct tmpfs_node* n = e->child;
    int ret = tmpfs_add(to->dir, to->name, to->len, n);
    if (ret)
        return ret;
    /* For files open under the old name. */
    COORD_SET(e->moved, tmpfs_find(to->dir, to->name, to->len));
    COORD_SET(e->moved->refs, e->moved->refs + 1);
    uint32_t cookie = libos_inotify_cookie();
    tmpfs_notify_name(e->dir, n, IN_MOVED_FROM, cookie, e->name);
    tmpfs_notify_name(to->dir, n, IN_MOVED_TO, cookie, e->moved->name);
    tmpfs_remove(e);
    n->ctime_ns = tmpfs_now();
    if (libos_inotify_active())
        libos_inotify_event(n, IN_MOVE_SELF, 0, NULL);
    return 0;
}

static int exchange(struct tmpfs_place* a, struct tmpfs_place* b) {
    struct tmpfs_node *x = a->node, *y = b->node;
    if ((x->dir && is_below(b->dir, x)) || (y->dir && is_below(a->dir, y)))
        return -EINVAL;
    if (x->dir && !y->dir) {
        COORD_SET(a->dir->nlink, a->dir->nlink - 1);
        COORD_SET(b->dir->nlink, b->dir->nlink + 1);
    } else if (y->dir && !x->dir) {
        COORD_SET(b->dir->nlink, b->dir->nlink - 1);
        COORD_SET(a->dir->nlink, a->dir->nlink + 1);
    }
    COORD_SET(a->entry->child, y);
    COORD_SET(b->entry->child, x);
    if (x->dir) {
        COORD_SET(x->dir->parent, b->dir);
        COORD_SET(x->dir->self, b->entry);
    }
    if (y->dir) {
        COORD_SET(y->dir->parent, a->dir);
        COORD_SET(y->dir->self, a->entry);
    }
    tmpfs_touch(a->dir);
    tmpfs_touch(b->dir);
    x->ctime_ns = y->ctime_ns = tmpfs_now();
    return 0;
}

static int replace_check(struct tmpfs_place* from, struct tmpfs_place* to) {
    int ret = may_remove(to);
    if (ret)
        return ret;
    if (from->node->dir && !to->node->dir)
        return -ENOTDIR;
    if (!from->node->dir && to->node->dir)
        return -EISDIR;
    return to->node->dir && to->node->dir->count ? -ENOTEMPTY : 0;
}

static int rename_locked(struct tmpfs_place* from, struct tmpfs_place* to, unsigned int flags,
                         struct libos_store_range** unused) {
    if (!from->node)
        return -ENOENT;
    if (!from->entry || (to->node && !to->entry))
        return -EBUSY;
    if ((flags & PAL_RENAME_EXCHANGE) && !to->node)
        return -ENOENT;
    if ((flags & PAL_RENAME_NOREPLACE) && to->node)
        return -EEXIST;
    if ((from->slash || (to->slash && !(flags & PAL_RENAME_EXCHANGE))) && !from->node->dir)
        return -ENOTDIR;
    if (from->node->dir && is_below(to->dir, from->node))
        return -EINVAL;
    if (to->node == from->node)
        return 0;
    if (!to->dir->nlink)
        return -ENOENT;
    if (to->node && to->node->dir && is_below(from->dir, to->node))
        return flags & PAL_RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    int ret = may_remove(from);
    if (!ret)
        ret = tmpfs_may(to->dir, 3);
    if (!ret && from->node->dir && from->dir != to->dir)
        ret = tmpfs_may(from->node, 2);
    if (ret)
        return ret;
    if (flags & PAL_RENAME_EXCHANGE)
        return may_remove(to) ?: exchange(from, to);
    if (to->node) {
        ret = replace_check(from, to);
        if (ret)
            return ret;
        *unused = drop_name(to->entry);
    }
    return move(from->entry, to);
}

static int tmpfs_rename(const struct libos_at* from, const struct libos_at* to,
                        unsigned int flags) {
    if (flags & PAL_RENAME_WHITEOUT)
        return -EINVAL;
    struct tmpfs* fs = fs_of(from);
    struct tmpfs_place a, b;
    struct libos_store_range* unused = NULL;
    coord_lock(&fs->tree);
    int ret = tmpfs_walk(from, &a);
    if (!ret)
        ret = tmpfs_walk(to, &b);
    if (!ret)
        ret = rename_locked(&a, &b, flags, &unused);
    coord_unlock(&fs->tree);
    libos_store_free(unused);
    return ret;
}

/* ---- attributes, names -------------------------------------------------------------------------
 */

static int set_owner(struct tmpfs_node* n, const struct libos_attr* a) {
    bool owner = get_cur_thread()->fsuid == n->uid;
    if (a->uid != (uint32_t)-1 && !libos_capable(CAP_CHOWN) && !(owner && a->uid == n->uid))
        return -EPERM;
    if (a->gid != (uint32_t)-1 && !libos_capable(CAP_CHOWN) &&
        !(owner && (a->gid == n->gid || libos_in_group(a->gid))))
        return -EPERM;
    if (a->uid != (uint32_t)-1)
        n->uid = a->uid;
    if (a->gid != (uint32_t)-1)
        n->gid = a->gid;
    if (!n->dir)
        n->mode &= ~(S_ISUID | (n->mode & 010 ? S_ISGID : 0));
    return 0;
}

static int set_mode(struct tmpfs_node* n, uint32_t mode) {
    if (n->target)
        return -EOPNOTSUPP;
    if (get_cur_thread()->fsuid != n->uid && !libos_capable(CAP_FOWNER))
        return -EPERM;
    if (!libos_in_group(n->gid) && !libos_capable(CAP_FSETID))
        mode &= ~S_ISGID;
    n->mode = (n->mode & S_IFMT) | (mode & 07777);
    return 0;
}

static int may_set_times(struct tmpfs_node* n, uint32_t which) {
    if (get_cur_thread()->fsuid == n->uid || libos_capable(CAP_FOWNER))
        return 0;
    if (which & (PAL_SETATTR_ATIME | PAL_SETATTR_MTIME))
        return -EPERM;
    return (which & PAL_SETATTR_ATIME_NOW) && (which & PAL_SETATTR_MTIME_NOW) ? tmpfs_may(n, 2)
                                                                              : -EPERM;
}

/* Also for files opened with O_PATH, which is how chmod by name comes here. */
static void notify_attrib(const struct libos_file* f) {
    struct libos_file open = *f;
    open.flags &= ~O_PATH;
    tmpfs_notify(&open, IN_ATTRIB);
}

static void* tmpfs_watch_key(struct libos_file* f) {
    return tmpfs_node_of(f);
}

static int tmpfs_setattr(struct libos_file* f, const struct libos_attr* a) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    const uint32_t times =
        PAL_SETATTR_ATIME | PAL_SETATTR_MTIME | PAL_SETATTR_ATIME_NOW | PAL_SETATTR_MTIME_NOW;
    int ret = 0;
    coord_lock(&n->lock);
    int64_t now = tmpfs_now();
    if (a->which & PAL_SETATTR_OWNER)
        ret = set_owner(n, a);
    if (!ret && (a->which & PAL_SETATTR_MODE))
        ret = set_mode(n, a->mode);
    if (!ret && (a->which & times) && !(ret = may_set_times(n, a->which))) {
        if (a->which & PAL_SETATTR_ATIME)
            n->atime_ns = a->atime_ns;
        if (a->which & PAL_SETATTR_MTIME)
            n->mtime_ns = a->mtime_ns;
        if (a->which & PAL_SETATTR_ATIME_NOW)
            n->atime_ns = now;
        if (a->which & PAL_SETATTR_MTIME_NOW)
            n->mtime_ns = now;
    }
    if (!ret)
        n->ctime_ns = now;
    coord_unlock(&n->lock);
    if (!ret)
        notify_attrib(f);
    return ret;
}

/* Built from the end of buf backwards; under the tree lock. */
static long name_of(const struct libos_mount* m, const struct tmpfs_entry* e, char* buf,
                    size_t size) {
    const struct tmpfs* fs = m->data;
    size_t at = size;
    for (; e; e = e->dir->dir->self) {
        if (at < e->len + 1UL)
            return -ENAMETOOLONG;
        at -= e->len;
        memcpy(buf + at, e->name, e->len);
        buf[--at] = '/';
        if (!e->dir || e->dir == fs->root) /* removed: where it was is not remembered */
            break;
        if (!e->dir->dir->parent)
            break; /* below a removed directory */
    }
    size_t head = m->path_len, len = size - at;
    if (head + len > size)
        return -ENAMETOOLONG;
    memmove(buf + head, buf + at, len);
    memcpy(buf, m->path, head);
    return head + len;
}

static long tmpfs_get_name(struct libos_file* f, char* buf, size_t size) {
    struct tmpfs_open* o = f->data;
    struct tmpfs* fs = o->node->fs;
    const struct libos_mount* m = f->path->mount;
    coord_lock(&fs->tree);
    const struct tmpfs_entry* e = o->node->dir ? o->node->dir->self : o->entry;
    while (e && !e->dir && e->moved)
        e = e->moved;
    bool gone = o->node != fs->root && (!e || !e->dir);
    long len = 0;
    if (!e && o->node != fs->root)
        len = snprintf(buf, size, "%s/#%lu", m->path, (unsigned long)o->node->ino);
    else
        len = name_of(m, e, buf, size);
    coord_unlock(&fs->tree);
    if (len >= 0 && gone)
        len += strlcpy(buf + len, " (deleted)", size - len);
    if (!len)
        len = strlcpy(buf, "/", size);
    return len;
}

static int tmpfs_statfs(struct libos_file* f, struct libos_statfs* st) {
    return tmpfs_file_ops.statfs(f, st);
}

const struct libos_fs_ops libos_tmpfs_ops = {
    .name = "tmpfs",
    .open = tmpfs_open,
    .stat = tmpfs_stat,
    .readlink = tmpfs_readlink,
    .mkdir = tmpfs_mkdir,
    .mknod = tmpfs_mknod,
    .symlink = tmpfs_symlink,
    .unlink = tmpfs_unlink,
    .link = tmpfs_link,
    .rename = tmpfs_rename,
    .link_file = tmpfs_link_file,
    .setattr = tmpfs_setattr,
    .statfs = tmpfs_statfs,
    .getxattr = tmpfs_getxattr,
    .setxattr = tmpfs_setxattr,
    .listxattr = tmpfs_listxattr,
    .removexattr = tmpfs_removexattr,
    .get_name = tmpfs_get_name,
    .watch_key = tmpfs_watch_key,
};

int libos_tmpfs_mount(struct libos_mount* m, uint32_t root_mode) {
    struct tmpfs* fs = coord_alloc(sizeof(*fs));
    if (!fs)
        return -ENOMEM;
    fs->dev = m->dev;
    fs->mount_id = m->id;
    m->ops = &libos_tmpfs_ops;
    m->data = fs;
    coord_lock(&fs->tree);
    fs->root = tmpfs_node_create(fs, S_IFDIR | root_mode, NULL);
    if (fs->root)
        m->root = tmpfs_file_create(m, fs->root, NULL, O_PATH);
    coord_unlock(&fs->tree);
    return m->root ? 0 : -ENOMEM;
}
