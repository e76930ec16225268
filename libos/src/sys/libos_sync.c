/*
 * fsync(2), sync(2), syncfs(2), sync_file_range(2), readahead(2), posix_fadvise(2).
 */
#include <linux/fs.h>

#include "libos_event.h"
#include "libos_fs.h"
#include "libos_table.h"

static long do_fsync(unsigned int fd, bool data_only) {
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    long ret = f->ops->fsync ? f->ops->fsync(f, data_only) : -EINVAL;
    libos_file_put(f);
    return ret;
}

long libos_syscall_fsync(unsigned int fd) {
    return do_fsync(fd, false);
}

long libos_syscall_fdatasync(unsigned int fd) {
    return do_fsync(fd, true);
}

/* Every writable host file system that is mounted. */
static bool sync_mount(void* arg, struct libos_mount* m) {
    (void)arg;
    struct libos_file* f;
    if (m->readonly || m->is_file || !m->root->host)
        return true;
    if (libos_open_path(AT_FDCWD, m->path_len ? m->path : "/", O_RDONLY | O_DIRECTORY, 0, &f) ==
        0) {
        if (f->host)
            PalStreamFlushMode(f->host, PAL_FLUSH_FILESYSTEM);
        libos_file_put(f);
    }
    return true;
}

long libos_syscall_sync(void) {
    libos_mount_for_each(sync_mount, NULL);
    return 0;
}

long libos_syscall_syncfs(int fd) {
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    long ret = 0; /* what has no host handle has nothing to write back */
    if (f->host && f->path && f->path->mount)
        ret = pal_to_errno(PalStreamFlushMode(f->host, PAL_FLUSH_FILESYSTEM));
    libos_file_put(f);
    return ret;
}

#define RANGE_FLAGS                                                                                \
    (SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER)

long libos_syscall_sync_file_range(int fd, loff_t offset, loff_t nbytes, unsigned int flags) {
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    long ret = 0;
    uint32_t type = libos_file_type(f);
    if ((flags & ~RANGE_FLAGS) || offset < 0 || nbytes < 0 || offset + (uint64_t)nbytes > INT64_MAX)
        ret = -EINVAL;
    else if (type != S_IFREG && type != S_IFBLK && type != S_IFDIR && type != S_IFLNK)
        ret = -ESPIPE;
    else if (f->host)
        ret = pal_to_errno(PalStreamSyncRange(f->host, offset, nbytes, flags));
    libos_file_put(f);
    return ret;
}

long libos_syscall_readahead(int fd, loff_t offset, size_t count) {
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    long ret = 0;
    uint32_t type = libos_file_type(f);
    if ((f->flags & O_ACCMODE) != O_RDONLY && (f->flags & O_ACCMODE) != O_RDWR)
        ret = -EBADF;
    else if (type != S_IFREG && type != S_IFBLK)
        ret = -EINVAL;
    else if (f->host)
        PalStreamAdvise(f->host, offset, count, 3 /* POSIX_FADV_WILLNEED */);
    libos_file_put(f);
    return ret;
}

long libos_syscall_fadvise64(int fd, loff_t offset, size_t len, int advice) {
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    long ret = 0;
    if (libos_file_type(f) == S_IFIFO)
        ret = -ESPIPE;
    else if ((int64_t)len < 0 || advice < 0 || advice > 5)
        ret = -EINVAL;
    else if (f->host && libos_file_type(f) == S_IFREG)
        ret = pal_to_errno(PalStreamAdvise(f->host, offset, len, advice));
    libos_file_put(f);
    return ret;
}
