/*
 * Operations on places in the tree that are common to all file systems: opening and stat.
 */
#include "libos_event.h"
#include "libos_fs_internal.h"
#include "libos_process.h"

int libos_at_stat(const struct libos_at* at, struct libos_stat* st) {
    if (!*at->rel)
        return libos_file_stat(at->base, st);
    int ret = at->mount->ops->stat(at, st);
    if (!ret)
        st->mount_id = at->mount->id;
    return ret;
}

int libos_file_stat(struct libos_file* f, struct libos_stat* st) {
    if (f->ops->stat) {
        int ret = f->ops->stat(f, st);
        if (!ret && f->path && f->path->mount)
            st->mount_id = f->path->mount->id;
        return ret;
    }
    /* An anonymous inode, as Linux shows all of them. */
    *st = (struct libos_stat){
        .dev = 15, .ino = 1, .nlink = 1, .mode = 0600, .blksize = PAGE_SIZE, .btime_ns = -1};
    return 0;
}

int libos_file_identity(struct libos_file* f, struct libos_stat* st) {
    if (__atomic_load_n(&f->identified, __ATOMIC_ACQUIRE)) {
        st->dev = f->dev;
        st->ino = f->ino;
        return 0;
    }
    int ret = libos_file_stat(f, st);
    if (ret)
        return ret;
    /* Threads that come here at once write the same. */
    __atomic_store_n(&f->mode_type, st->mode & S_IFMT, __ATOMIC_RELAXED);
    __atomic_store_n(&f->dev, st->dev, __ATOMIC_RELAXED);
    __atomic_store_n(&f->ino, st->ino, __ATOMIC_RELAXED);
    __atomic_store_n(&f->identified, true, __ATOMIC_RELEASE);
    return 0;
}

uint32_t libos_file_type(struct libos_file* f) {
    uint32_t type = __atomic_load_n(&f->mode_type, __ATOMIC_RELAXED);
    struct libos_stat st;
    if (!type && f->ops->stat && f->ops->stat(f, &st) == 0) {
        type = st.mode & S_IFMT;
        __atomic_store_n(&f->mode_type, type, __ATOMIC_RELAXED);
    }
    return type & S_IFMT;
}

/* Another end of a pipe, as if it were a FIFO. */
static int reopen_pipe(struct libos_file* f, int flags, struct libos_file** out) {
    PAL_HANDLE handle;
    int ret = PalStreamReopen(f->host, libos_pal_access(flags), libos_pal_options(flags), &handle);
    if (ret < 0)
        return pal_to_errno(ret);
    struct libos_path* p = f->path;
    if (p && !p->shared)
        p = libos_path_alloc(p->mount, p->name);
    *out = libos_file_alloc(f->ops, libos_file_flags(flags), handle, p);
    if (!*out)
        return -ENOMEM;
    struct libos_anon_inode* inode = f->data;
    ref_get(&inode->ref);
    (*out)->data = inode;
    (*out)->mode_type = S_IFIFO;
    return 0;
}

int libos_file_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    if (f->ops->reopen)
        return f->ops->reopen(f, flags, out);
    if (f->ops == &g_libos_pipe_ops && f->host)
        return reopen_pipe(f, flags, out);
    return -ENXIO;
}

/* On a read-only mount: what may not be. 0: go on, with flags that cannot create. */
static int read_only_check(const struct libos_at* at, int* flags) {
    bool write = (*flags & O_ACCMODE) != O_RDONLY || (*flags & O_TRUNC);
    if (!write && !(*flags & O_CREAT))
        return 0;
    if ((*flags & O_TMPFILE) == O_TMPFILE)
        return -EROFS;
    struct libos_stat st;
    int ret = libos_at_stat(at, &st);
    if (ret == -ENOENT && (*flags & O_CREAT))
        return libos_at_parent_check(at) ?: -EROFS;
    if (ret)
        return ret;
    uint32_t type = st.mode & S_IFMT;
    if (type == S_IFLNK)
        return *flags & O_EXCL && *flags & O_CREAT ? -EEXIST : -EWALK;
    if ((*flags & O_CREAT) && (*flags & O_EXCL))
        return -EEXIST;
    if (type == S_IFDIR)
        return -EISDIR;
    if (write && type == S_IFREG)
        return -EROFS;
    *flags &= ~O_CREAT;
    return 0;
}

int libos_at_open(const struct libos_at* at, int flags, uint32_t mode, struct libos_file** out) {
    if (at->mount && at->mount->readonly && !(flags & O_PATH)) {
        int ret = read_only_check(at, &flags);
        if (ret)
            return ret;
    }
    if (*at->rel || (flags & O_TMPFILE) == O_TMPFILE)
        return at->mount ? at->mount->ops->open(at, flags, mode, out) : -ENOTDIR;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        return -EEXIST;
    uint32_t type = libos_file_type(at->base);
    if (type == S_IFDIR && ((flags & O_CREAT) || (!(flags & O_PATH) && flags & O_ACCMODE)))
        return -EISDIR;
    if ((flags & O_DIRECTORY) && type != S_IFDIR)
        return -ENOTDIR;
    return libos_file_reopen(at->base, flags & ~(O_CREAT | O_EXCL), out);
}

int libos_lookup_open(struct libos_lookup* l, int flags, uint32_t mode, struct libos_file** out) {
    uint32_t umask = __atomic_load_n(&get_cur_thread()->fs->umask, __ATOMIC_RELAXED);
    int ret;
    if ((flags & O_CREAT) && (flags & O_EXCL))
        l->flags &= ~LOOKUP_FOLLOW;
    do {
        ret = libos_lookup_step(l);
        if (!ret)
            ret = libos_at_open(&l->at, flags, mode & ~umask & 07777, out);
    } while (libos_lookup_again(l, &ret));
    if (ret == -ELOOP && l->last_is_link && (flags & O_DIRECTORY) && !(flags & O_CREAT))
        ret = -ENOTDIR;
    return ret;
}

int libos_lookup_stat(struct libos_lookup* l, struct libos_stat* st) {
    int ret;
    do {
        ret = libos_lookup_step(l);
        if (!ret)
            ret = libos_at_stat(&l->at, st);
        if (!ret && *l->at.rel && (st->mode & S_IFMT) == S_IFLNK && (l->flags & LOOKUP_FOLLOW))
            ret = -EWALK;
        /* A magic link is one only by name: the file behind it is what counts. */
    } while (libos_lookup_again(l, &ret));
    return ret;
}

/* The file itself, opened with O_PATH: for calls by path that work on open files. */
int libos_lookup_path(struct libos_lookup* l, int more_flags, struct libos_file** out) {
    int flags = O_PATH | more_flags | (l->flags & LOOKUP_FOLLOW ? 0 : O_NOFOLLOW);
    int ret;
    do {
        ret = libos_lookup_step(l);
        if (!ret && !*l->at.rel && !(more_flags & O_DIRECTORY)) {
            libos_file_get(l->at.base);
            *out = l->at.base;
            return 0;
        }
        if (!ret)
            ret = libos_at_open(&l->at, flags, 0, out);
    } while (libos_lookup_again(l, &ret));
    return ret;
}

long libos_lookup_readlink(struct libos_lookup* l, char* buf, size_t size) {
    int again;
    long ret;
    do {
        ret = libos_lookup_step(l);
        if (!ret && !*l->at.rel) /* readlinkat(fd, "") of a link opened with O_PATH */
            ret =
                libos_file_type(l->at.base) == S_IFLNK && l->at.mount && l->at.mount->ops->readlink
                    ? l->at.mount->ops->readlink(&l->at, buf, size)
                    : (l->flags & LOOKUP_EMPTY && !*l->buf ? -ENOENT : -EINVAL);
        else if (!ret)
            ret = l->at.mount->ops->readlink ? l->at.mount->ops->readlink(&l->at, buf, size)
                                             : -EINVAL;
        if (ret == -EINVAL && *l->at.rel && l->at.rel[strlen(l->at.rel) - 1] == '/') {
            /* "link/" names what the link leads to; of anything else it says whether it exists. */
            struct libos_stat st;
            int stat = libos_at_stat(&l->at, &st);
            ret = stat ? stat : -EINVAL;
        }
        again = ret == -EWALK ? -EWALK : 0;
        if (again && libos_lookup_again(l, &again))
            continue;
        return again ? again : ret;
    } while (true);
}

int libos_open_path(int dirfd, const char* path, int flags, unsigned int mode,
                    struct libos_file** out) {
    struct libos_lookup l;
    int ret = libos_lookup_start(&l, dirfd, path, flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW);
    if (!ret)
        ret = libos_lookup_open(&l, flags | O_LARGEFILE, mode, out);
    libos_lookup_end(&l);
    return ret;
}

int libos_stat_path(int dirfd, const char* path, int flags, struct libos_stat* st) {
    struct libos_lookup l;
    unsigned int how = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
    if (flags & AT_EMPTY_PATH)
        how |= LOOKUP_EMPTY;
    int ret = libos_lookup_start(&l, dirfd, path, how);
    if (!ret)
        ret = libos_lookup_stat(&l, st);
    libos_lookup_end(&l);
    return ret;
}
