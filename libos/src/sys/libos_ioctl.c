/*
 * ioctl: the commands that every kind of file knows; the rest go to the file. ioctl(2).
 */
#include <asm/ioctls.h>
#include <linux/fs.h>
#include <linux/fiemap.h>
#include <linux/stat.h>

#include "libos_event.h"
#include "libos_fs.h"
#include "libos_table.h"

static bool is_regular(struct libos_file* f) {
    return libos_file_type(f) == S_IFREG;
}

/* O_NONBLOCK as F_SETFL would set it. */
static long set_nonblock(struct libos_file* f, unsigned long arg) {
    int on;
    if (user_get(on, (int*)arg) < 0)
        return -EFAULT;
    uint32_t old_flags = __atomic_load_n(&f->flags, __ATOMIC_RELAXED);
    uint32_t new_flags = on ? old_flags | O_NONBLOCK : old_flags & ~(uint32_t)O_NONBLOCK;
    if (f->ops->set_flags) {
        int ret = f->ops->set_flags(f, (int)new_flags);
        if (ret < 0)
            return ret;
    }
    if (on)
        __atomic_or_fetch(&f->flags, O_NONBLOCK, __ATOMIC_RELAXED);
    else
        __atomic_and_fetch(&f->flags, ~(uint32_t)O_NONBLOCK, __ATOMIC_RELAXED);
    return 0;
}

static long set_async(struct libos_file* f, int fd, unsigned long arg) {
    int on;
    if (user_get(on, (int*)arg) < 0)
        return -EFAULT;
    if (!!on == !!(f->flags & FASYNC))
        return 0;
    return libos_sigio_possible(f) ? libos_sigio_set(f, fd, on) : -ENOTTY;
}

static long get_disk_size(struct libos_file* f, unsigned long arg) {
    uint32_t type = libos_file_type(f);
    if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK)
        return -ENOTTY;
    struct libos_stat st;
    int ret = libos_file_stat(f, &st);
    if (ret < 0)
        return ret;
    int64_t bytes = (int64_t)st.blocks * 512;
    return user_put(bytes, (int64_t*)arg);
}

/* FIONREAD of a regular file: what lies between the position and the end. */
static long get_bytes_left(struct libos_file* f, unsigned long arg) {
    struct libos_stat st;
    int ret = libos_file_stat(f, &st);
    if (ret < 0)
        return ret;
    long pos = f->ops->seek ? f->ops->seek(f, 0, SEEK_CUR) : 0;
    if (pos < 0)
        return pos;
    int left = (int)((int64_t)st.size - pos);
    return user_put(left, (int*)arg);
}

static long get_block_size(struct libos_file* f, unsigned long arg) {
    struct libos_stat st;
    int ret = libos_file_stat(f, &st);
    if (ret < 0)
        return ret;
    int size = (int)st.blksize;
    return size ? user_put(size, (int*)arg) : -EINVAL;
}

static long extended_flags(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    struct fsxattr attr = {0};
    if (cmd == FS_IOC_FSGETXATTR) {
        int ret = PalStreamControl(f->host, PAL_OP_FILE_XATTR_GET, &attr, sizeof(attr));
        return ret < 0 ? pal_to_errno(ret) : user_put(attr, (struct fsxattr*)arg);
    }
    if (user_get(attr, (struct fsxattr*)arg) < 0)
        return -EFAULT;
    if (f->path && f->path->mount && f->path->mount->readonly)
        return -EROFS;
    return pal_to_errno(PalStreamControl(f->host, PAL_OP_FILE_XATTR_SET, &attr, sizeof(attr)));
}

static long file_flags(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    uint32_t type = libos_file_type(f);
    if (!f->host || (type != S_IFREG && type != S_IFDIR))
        return -ENOTTY;
    if (cmd == FS_IOC_FSGETXATTR || cmd == FS_IOC_FSSETXATTR)
        return extended_flags(f, cmd, arg);
    int flags = 0;
    if (cmd == FS_IOC_GETFLAGS) {
        int ret = PalStreamControl(f->host, PAL_OP_FILE_FLAGS_GET, &flags, sizeof(flags));
        return ret < 0 ? pal_to_errno(ret) : user_put(flags, (int*)arg);
    }
    if (user_get(flags, (int*)arg) < 0)
        return -EFAULT;
    if (f->path && f->path->mount && f->path->mount->readonly)
        return -EROFS;
    return pal_to_errno(PalStreamControl(f->host, PAL_OP_FILE_FLAGS_SET, &flags, sizeof(flags)));
}

static long block_device_size(struct libos_file* f, unsigned long arg) {
    if (!f->host || libos_file_type(f) != S_IFBLK)
        return -ENOTTY;
    uint64_t size = 0;
    int ret = PalStreamControl(f->host, PAL_OP_BLOCK_SIZE_GET, &size, sizeof(size));
    return ret < 0 ? pal_to_errno(ret) : user_put(size, (uint64_t*)arg);
}

/* As a file system that cannot share extents. */
static long clone_range(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    struct file_clone_range range = {.src_fd = (int64_t)arg};
    if (cmd == FICLONERANGE && user_get(range, (void*)arg) < 0)
        return -EFAULT;
    struct libos_file* src = libos_fd_get_open((int)range.src_fd);
    if (!src)
        return -EBADF;
    long ret = -EOPNOTSUPP;
    if (libos_file_type(src) == S_IFDIR || libos_file_type(f) == S_IFDIR)
        ret = -EISDIR;
    else if (!is_regular(src) || !is_regular(f))
        ret = -EINVAL;
    else if ((src->flags & O_ACCMODE) == O_WRONLY || (f->flags & O_ACCMODE) == O_RDONLY)
        ret = -EBADF;
    libos_file_put(src);
    return ret;
}

/* What only the kind of file knows. */
static long file_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    long ret = f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
    /* The standard streams may be terminals behind the ops of host files. */
    if (ret == -ENOTTY && f->host && f->ops->ioctl != libos_tty_ioctl &&
        libos_file_type(f) == S_IFCHR)
        ret = libos_tty_ioctl(f, cmd, arg);
    return ret;
}

static long do_ioctl(struct libos_file* f, int fd, unsigned int cmd, unsigned long arg) {
    switch (cmd) {
        case FIONBIO:
            return set_nonblock(f, arg);
        case FIOASYNC:
            return set_async(f, fd, arg);
        case FIOQSIZE:
            return get_disk_size(f, arg);
        case FIONREAD:
            return is_regular(f) ? get_bytes_left(f, arg) : file_ioctl(f, cmd, arg);
        case FIGETBSZ:
            return get_block_size(f, arg);
        case FICLONE:
        case FICLONERANGE:
            return clone_range(f, cmd, arg);
        case FS_IOC_GETFLAGS:
        case FS_IOC_SETFLAGS:
        case FS_IOC_FSGETXATTR:
        case FS_IOC_FSSETXATTR:
            return file_flags(f, cmd, arg);
        case FS_IOC_FIEMAP:
            return is_regular(f) ? -EOPNOTSUPP : file_ioctl(f, cmd, arg);
        case FIFREEZE:
        case FITHAW:
            return -EPERM;
        case BLKGETSIZE64:
            return block_device_size(f, arg);
        default:
            return file_ioctl(f, cmd, arg);
    }
}

long libos_syscall_ioctl(unsigned int fd, unsigned int cmd, unsigned long arg) {
    struct libos_file* f = libos_fd_get_open((int)fd);
    if (!f)
        return -EBADF;
    long ret;
    if (cmd == FIOCLEX || cmd == FIONCLEX)
        ret = libos_fd_set_cloexec((int)fd, cmd == FIOCLEX);
    else
        ret = do_ioctl(f, (int)fd, cmd, arg);
    libos_file_put(f);
    return ret;
}
