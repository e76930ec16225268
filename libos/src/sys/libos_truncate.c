/*
 * truncate(2), ftruncate(2), fallocate(2).
 */
#include <linux/falloc.h>

#include "libos_event.h"
#include "libos_fs_calls.h"
#include "libos_process.h"
#include "libos_table.h"

static long set_length(struct libos_file* f, int64_t length) {
    if (!f->ops->truncate)
        return -EINVAL;
    if ((uint64_t)length > libos_rlimit(RLIMIT_FSIZE)) {
        struct libos_stat st;
        if (libos_file_stat(f, &st) == 0 && (uint64_t)length > st.size) {
            libos_signal_self(SIGXFSZ, SI_USER);
            return -EFBIG;
        }
    }
    return f->ops->truncate(f, length);
}

long libos_syscall_ftruncate(unsigned int fd, off_t length) {
    if (length < 0)
        return -EINVAL;
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    uint32_t mode = f->flags & O_ACCMODE;
    long ret = mode == O_WRONLY || mode == O_RDWR ? set_length(f, length) : -EINVAL;
    libos_file_put(f);
    return ret;
}

/* By path: what open for writing would say, but a file that is no regular one is EINVAL. */
long libos_syscall_truncate(const char* path, long length) {
    if (length < 0)
        return -EINVAL;
    struct libos_lookup l;
    struct libos_file* f;
    struct libos_stat st;
    long ret = libos_lookup_start_user(&l, AT_FDCWD, path, LOOKUP_FOLLOW);
    if (!ret)
        ret = libos_lookup_stat(&l, &st);
    if (!ret && (st.mode & S_IFMT) == S_IFDIR)
        ret = -EISDIR;
    if (!ret && (st.mode & S_IFMT) != S_IFREG)
        ret = -EINVAL;
    if (!ret)
        ret = libos_lookup_open(&l, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0, &f);
    libos_lookup_end(&l);
    if (ret)
        return ret;
    ret = set_length(f, length);
    libos_file_put(f);
    return ret;
}

/* ---- fallocate --------------------------------------------------------------------------------
 */

#define MODES                                                                                      \
    (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE |                       \
     FALLOC_FL_ZERO_RANGE | FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE)

static long check_mode(int mode) {
    if (mode & ~MODES)
        return -EOPNOTSUPP;
    if ((mode & FALLOC_FL_PUNCH_HOLE) && (mode & FALLOC_FL_ZERO_RANGE))
        return -EOPNOTSUPP;
    if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
        return -EOPNOTSUPP;
    if ((mode & FALLOC_FL_COLLAPSE_RANGE) && (mode & ~FALLOC_FL_COLLAPSE_RANGE))
        return -EINVAL;
    if ((mode & FALLOC_FL_INSERT_RANGE) && (mode & ~FALLOC_FL_INSERT_RANGE))
        return -EINVAL;
    if ((mode & FALLOC_FL_UNSHARE_RANGE) &&
        (mode & ~(FALLOC_FL_UNSHARE_RANGE | FALLOC_FL_KEEP_SIZE)))
        return -EINVAL;
    return 0;
}

static long do_fallocate(struct libos_file* f, int mode, int64_t offset, int64_t len) {
    if (offset < 0 || len <= 0)
        return -EINVAL;
    long ret = check_mode(mode);
    if (ret)
        return ret;
    uint32_t access = f->flags & O_ACCMODE;
    if (access != O_WRONLY && access != O_RDWR)
        return -EBADF;
    if ((f->flags & O_APPEND) && (mode & ~FALLOC_FL_KEEP_SIZE))
        return -EPERM;
    uint32_t type = libos_file_type(f);
    if (type == S_IFIFO)
        return -ESPIPE;
    if (type == S_IFDIR)
        return -EISDIR;
    if (type != S_IFREG && type != S_IFBLK)
        return -ENODEV;
    if (len > INT64_MAX - offset)
        return -EFBIG;
    if (!f->ops->fallocate)
        return -EOPNOTSUPP;
    if (!(mode & FALLOC_FL_KEEP_SIZE) && (uint64_t)(offset + len) > libos_rlimit(RLIMIT_FSIZE)) {
        libos_signal_self(SIGXFSZ, SI_USER);
        return -EFBIG;
    }
    return f->ops->fallocate(f, mode, offset, len);
}

long libos_syscall_fallocate(int fd, int mode, loff_t offset, loff_t len) {
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    long ret = do_fallocate(f, mode, offset, len);
    libos_file_put(f);
    return ret;
}
