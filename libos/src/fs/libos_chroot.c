/*
 * Host passthrough ("chroot" mounts): a host directory or file, seen in the guest. Every operation
 * is one host call below the directory handle, which the host resolves without following a link.
 */
#include "libos_fs_internal.h"
#include "libos_process.h"

static long chroot_error(long ret) {
    return ret == PAL_ERROR_SYMLINK ? -EWALK : pal_to_errno(ret);
}

PAL_FLG libos_pal_access(int flags) {
    if (flags & O_PATH)
        return PAL_ACCESS_PATH;
    PAL_FLG access = flags & O_ACCMODE;
    if (access == O_ACCMODE)
        access = PAL_ACCESS_RDWR; /* Linux asks for both rights; the descriptor gives neither */
    return access | (flags & O_APPEND ? PAL_ACCESS_APPEND : 0);
}

PAL_FLG libos_pal_options(int flags) {
    PAL_FLG o = PAL_OPTION_CLOEXEC;
    if (flags & O_DIRECTORY)
        o |= PAL_OPTION_DIRECTORY;
    if (flags & O_PATH)
        return o;
    if (flags & O_NONBLOCK)
        o |= PAL_OPTION_NONBLOCK;
    if (flags & O_TRUNC)
        o |= PAL_OPTION_TRUNC;
    if (flags & O_DIRECT)
        o |= PAL_OPTION_DIRECT;
    if (flags & O_DSYNC)
        o |= (flags & O_SYNC) == O_SYNC ? PAL_OPTION_SYNC : PAL_OPTION_DSYNC;
    if (flags & O_NOATIME)
        o |= PAL_OPTION_NOATIME;
    if (flags & O_NOCTTY)
        o |= PAL_OPTION_NOCTTY;
    if ((flags & O_TMPFILE) == O_TMPFILE) {
        o = (o & ~PAL_OPTION_DIRECTORY) | PAL_OPTION_TMPFILE;
        if (flags & O_EXCL)
            o |= PAL_OPTION_EXCL;
    }
    return o;
}

int libos_file_flags(int flags) {
    return flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
}

/* O_PATH without O_NOFOLLOW: the host names a link itself, so look what we got. */
static int path_is_link(PAL_HANDLE handle, uint32_t* type) {
    PAL_STREAM_ATTR attr;
    int ret = PalStreamAttributesQueryByHandle(handle, &attr);
    if (ret < 0)
        return pal_to_errno(ret);
    *type = attr.file_mode & S_IFMT;
    return *type == S_IFLNK ? -EWALK : 0;
}

static int chroot_open(const struct libos_at* at, int flags, uint32_t mode,
                       struct libos_file** out) {
    PAL_FLG create = 0;
    if (flags & O_CREAT)
        create = flags & O_EXCL ? PAL_CREATE_ALWAYS : PAL_CREATE_TRY;
    bool tmpfile = (flags & O_TMPFILE) == O_TMPFILE;
    PAL_HANDLE handle;
    int ret =
        PalStreamOpenAt(at->base->host, at->rel, libos_pal_access(flags),
                        create || tmpfile ? mode : 0, create, libos_pal_options(flags), &handle);
    if (ret < 0)
        return chroot_error(ret);
    uint32_t type = 0;
    if (tmpfile)
        type = S_IFREG;
    else if (flags & O_DIRECTORY)
        type = S_IFDIR;
    else if ((flags & (O_PATH | O_NOFOLLOW)) == O_PATH && (ret = path_is_link(handle, &type)) < 0) {
        PalObjectClose(handle);
        return ret;
    }
    const struct libos_file_ops* ops = type == S_IFDIR ? &libos_host_dir_ops : &libos_host_file_ops;
    *out = libos_file_alloc(ops, libos_file_flags(flags), handle, &at->mount->plain);
    if (!*out)
        return -ENOMEM;
    (*out)->mode_type = type;
    return 0;
}

static int chroot_stat(const struct libos_at* at, struct libos_stat* st) {
    PAL_STREAM_ATTR attr;
    int ret = PalStreamAttributesQueryAt(at->base->host, at->rel, &attr);
    if (ret < 0)
        return chroot_error(ret);
    libos_stat_from_pal(st, &attr);
    return 0;
}

static long chroot_readlink(const struct libos_at* at, char* buf, size_t size) {
    int64_t ret = PalDirectoryReadLinkAt(at->base->host, at->rel, buf, size);
    if (ret > (int64_t)size)
        return -EIO;
    return chroot_error(ret);
}

static int chroot_mkdir(const struct libos_at* at, uint32_t mode) {
    return chroot_error(PalDirectoryCreateAt(at->base->host, at->rel, mode));
}

static int chroot_mknod(const struct libos_at* at, uint32_t mode, uint64_t rdev) {
    return chroot_error(PalDirectoryMakeNodeAt(at->base->host, at->rel, mode, rdev));
}

static int chroot_symlink(const struct libos_at* at, const char* target) {
    return chroot_error(PalDirectorySymlinkAt(target, at->base->host, at->rel));
}

static int chroot_unlink(const struct libos_at* at, bool is_directory) {
    return chroot_error(PalDirectoryRemoveNameAt(at->base->host, at->rel, is_directory));
}

static int chroot_link(const struct libos_at* from, const struct libos_at* to) {
    return chroot_error(PalDirectoryLinkAt(from->base->host, from->rel, to->base->host, to->rel));
}

static int chroot_rename(const struct libos_at* from, const struct libos_at* to,
                         unsigned int flags) {
    return chroot_error(
        PalDirectoryRenameAt(from->base->host, from->rel, to->base->host, to->rel, flags));
}

static int chroot_link_file(struct libos_file* f, const struct libos_at* to) {
    return chroot_error(PalDirectoryLinkHandle(f->host, to->base->host, to->rel));
}

int libos_chroot_setattr(struct libos_file* f, const struct libos_attr* a) {
    PAL_STREAM_ATTR attr = {
        .share_flags = a->mode,
        .file_mode = a->mode,
        .uid = a->uid == (uint32_t)-1 ? (PAL_NUM)-1 : a->uid,
        .gid = a->gid == (uint32_t)-1 ? (PAL_NUM)-1 : a->gid,
        .atime_ns = a->atime_ns,
        .mtime_ns = a->mtime_ns,
    };
    return pal_to_errno(PalStreamAttributesChange(f->host, &attr, a->which));
}

static int chroot_statfs(struct libos_file* f, struct libos_statfs* st) {
    return libos_host_file_ops.statfs(f, st);
}

static long checked_size(int64_t ret, size_t size) {
    return size && ret > (int64_t)size ? -EIO : pal_to_errno(ret);
}

static long chroot_getxattr(struct libos_file* f, const char* name, void* value, size_t size) {
    return checked_size(PalStreamXattrGet(f->host, name, value, size), size);
}

static int chroot_setxattr(struct libos_file* f, const char* name, const void* value, size_t size,
                           int flags) {
    return pal_to_errno(PalStreamXattrSet(f->host, name, value, size, flags));
}

static long chroot_listxattr(struct libos_file* f, char* list, size_t size) {
    return checked_size(PalStreamXattrList(f->host, list, size), size);
}

static int chroot_removexattr(struct libos_file* f, const char* name) {
    return pal_to_errno(PalStreamXattrRemove(f->host, name));
}

/* The host's path of a handle, without the scheme. Length or -errno. */
static long host_name(PAL_HANDLE handle, char* buf, size_t size) {
    buf[0] = '\0';
    int ret = PalStreamGetName(handle, buf, size);
    if (ret < 0 && ret != PAL_ERROR_STREAMNOTEXIST)
        return pal_to_errno(ret);
    buf[size - 1] = '\0';
    char* path = strchr(buf, ':');
    if (!path)
        return ret < 0 ? -ENOENT : -EIO;
    path++;
    size_t len = strlen(path);
    memmove(buf, path, len + 1);
    return len;
}

static long chroot_get_name(struct libos_file* f, char* buf, size_t size) {
    struct libos_mount* m = f->path->mount;
    if (f == m->root)
        return snprintf(buf, size, "%s", m->path_len ? m->path : "/");
    char name[PATH_MAX + 32];
    long len = host_name(f->host, name, sizeof(name));
    if (len < 0)
        return len;
    size_t root_len = strlen(m->host_path);
    if (root_len == 1) /* "/" */
        root_len = 0;
    if (strncmp(name, m->host_path, root_len) != 0 || (name[root_len] && name[root_len] != '/'))
        return -ENOENT; /* moved out of the mount behind our back */
    len = snprintf(buf, size, "%s%s", m->path, name + root_len);
    if (!len || (len == 1 && size > 1 && !buf[0]))
        len = snprintf(buf, size, "/");
    return MIN((size_t)len, size);
}

const struct libos_fs_ops libos_chroot_ops = {
    .name = "chroot",
    .open = chroot_open,
    .stat = chroot_stat,
    .readlink = chroot_readlink,
    .mkdir = chroot_mkdir,
    .mknod = chroot_mknod,
    .symlink = chroot_symlink,
    .unlink = chroot_unlink,
    .link = chroot_link,
    .rename = chroot_rename,
    .link_file = chroot_link_file,
    .setattr = libos_chroot_setattr,
    .statfs = chroot_statfs,
    .getxattr = chroot_getxattr,
    .setxattr = chroot_setxattr,
    .listxattr = chroot_listxattr,
    .removexattr = chroot_removexattr,
    .get_name = chroot_get_name,
};

/* m->source is a URI: file:PATH or dev:PATH. */
int libos_chroot_mount(struct libos_mount* m) {
    m->ops = &libos_chroot_ops;
    PAL_HANDLE handle;
    int ret = PalStreamOpen(m->source, PAL_ACCESS_PATH, 0, 0, 0, &handle);
    if (ret < 0)
        return pal_to_errno(ret);
    PAL_STREAM_ATTR attr;
    char name[PATH_MAX + 32];
    long len = host_name(handle, name, sizeof(name));
    ret = PalStreamAttributesQueryByHandle(handle, &attr);
    if (ret < 0 || len < 0) {
        PalObjectClose(handle);
        return ret < 0 ? pal_to_errno(ret) : len;
    }
    uint32_t type = attr.file_mode & S_IFMT;
    m->is_file = type != S_IFDIR;
    m->host_path = libos_strdup(name);
    m->root = libos_file_alloc(m->is_file ? &libos_host_file_ops : &libos_host_dir_ops, O_PATH,
                               handle, &m->plain);
    if (!m->root || !m->host_path)
        return -ENOMEM;
    m->root->mode_type = type;
    return 0;
}
