/*
 * file_getattr(2), file_setattr(2): what FS_IOC_FSGETXATTR and FS_IOC_FSSETXATTR do, by path.
 */
#include <linux/fs.h>

#include "libos_event.h"
#include "libos_fs_calls.h"
#include "libos_table.h"
#include "libos_uapi.h"

#define KNOWN_FLAGS (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)
#define XFLAGS_KNOWN                                                                               \
    (FS_XFLAG_REALTIME | FS_XFLAG_PREALLOC | FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND |                \
     FS_XFLAG_SYNC | FS_XFLAG_NOATIME | FS_XFLAG_NODUMP | FS_XFLAG_RTINHERIT |                     \
     FS_XFLAG_PROJINHERIT | FS_XFLAG_NOSYMLINKS | FS_XFLAG_EXTSIZE | FS_XFLAG_EXTSZINHERIT |       \
     FS_XFLAG_NODEFRAG | FS_XFLAG_FILESTREAM | FS_XFLAG_DAX | FS_XFLAG_COWEXTSIZE |                \
     FS_XFLAG_HASATTR)

static long check_sizes(size_t size, unsigned int flags) {
    if (flags & ~(unsigned)KNOWN_FLAGS)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    return size < FILE_ATTR_SIZE_VER0 ? -EINVAL : 0;
}

/* The file that is named, open for the host to be asked. Referenced. */
static long open_named(int dfd, const char* path, unsigned int flags, struct libos_file** out) {
    struct libos_lookup l;
    struct libos_file* named = NULL;
    unsigned int how = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
                       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
    long ret = libos_lookup_start_user(&l, dfd, path, how);
    if (!ret)
        ret = libos_lookup_path(&l, 0, &named);
    libos_lookup_end(&l);
    if (ret)
        return ret;
    uint32_t type = libos_file_type(named);
    if (!named->host || (type != S_IFREG && type != S_IFDIR))
        ret = -EOPNOTSUPP;
    else
        ret = libos_file_reopen(named, O_RDONLY | O_NONBLOCK, out);
    libos_file_put(named);
    return ret;
}

static long unsupported(long ret) {
    return ret == -ENOTTY ? -EOPNOTSUPP : ret;
}

long libos_syscall_file_getattr(int dfd, const char* path, struct file_attr* user_attr, size_t size,
                                unsigned int flags) {
    struct libos_file* f;
    struct fsxattr x;
    long ret = check_sizes(size, flags);
    if (!ret)
        ret = open_named(dfd, path, flags, &f);
    if (ret)
        return ret;
    ret =
        unsupported(pal_to_errno(PalStreamControl(f->host, PAL_OP_FILE_XATTR_GET, &x, sizeof(x))));
    libos_file_put(f);
    if (ret)
        return ret;
    struct file_attr attr = {x.fsx_xflags, x.fsx_extsize, x.fsx_nextents, x.fsx_projid,
                             x.fsx_cowextsize};
    if (user_put(attr, user_attr) < 0)
        return -EFAULT;
    /* A longer structure of a later kernel: what this one does not know is 0. */
    return user_clear_partial((char*)user_attr + sizeof(attr), size - sizeof(attr)) ? -EFAULT : 0;
}

/* 0, -EFAULT, or -E2BIG: more is set than this kernel knows. */
static long get_attr(struct file_attr* attr, const struct file_attr* user_attr, size_t size) {
    if (user_get(*attr, user_attr) < 0)
        return -EFAULT;
    for (size_t i = sizeof(*attr); i < size; i++) {
        char c;
        if (user_copy_from(&c, (const char*)user_attr + i, 1) < 0)
            return -EFAULT;
        if (c)
            return -E2BIG;
    }
    return attr->fa_xflags & ~(uint64_t)XFLAGS_KNOWN ? -EINVAL : 0;
}

long libos_syscall_file_setattr(int dfd, const char* path, struct file_attr* user_attr, size_t size,
                                unsigned int flags) {
    struct libos_file* f;
    struct file_attr attr;
    long ret = check_sizes(size, flags);
    if (!ret)
        ret = get_attr(&attr, user_attr, size);
    if (!ret)
        ret = open_named(dfd, path, flags, &f);
    if (ret)
        return ret;
    struct fsxattr x = {.fsx_xflags = (uint32_t)attr.fa_xflags,
                        .fsx_extsize = attr.fa_extsize,
                        .fsx_projid = attr.fa_projid,
                        .fsx_cowextsize = attr.fa_cowextsize};
    if (libos_file_readonly(f))
        ret = -EROFS;
    else
        ret = unsupported(
            pal_to_errno(PalStreamControl(f->host, PAL_OP_FILE_XATTR_SET, &x, sizeof(x))));
    libos_file_put(f);
    return ret;
}
