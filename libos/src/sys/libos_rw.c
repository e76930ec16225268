/*
 * read(2), write(2) and their vectored and positioned kin, lseek(2).
 */
#include <linux/fs.h>
#include <linux/uio.h>

#include "libos_event.h"
#include "libos_fd_table.h"
#include "libos_fs.h"
#include "libos_table.h"

#define MAX_RW_COUNT 0x7ffff000UL
#define IOV_MAX_     1024
#define IOV_FAST     8
#define RWF_KNOWN    (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)

static bool readable(const struct libos_file* f) {
    uint32_t mode = f->flags & O_ACCMODE;
    return mode == O_RDONLY || mode == O_RDWR;
}
static bool writable(const struct libos_file* f) {
    uint32_t mode = f->flags & O_ACCMODE;
    return mode == O_WRONLY || mode == O_RDWR;
}

static long transfer_check(const struct libos_file* f, bool write) {
    if (write ? !writable(f) : !readable(f))
        return -EBADF;
    if (write ? !f->ops->write : !f->ops->read)
        return -EINVAL;
    return 0;
}

static long transfer(struct libos_file* f, bool write, const struct iovec* iov, int count,
                     const int64_t* pos, int rwf) {
    struct libos_io_count* io = &get_cur_thread()->io;
    long ret;
    if (write) {
        ret = f->ops->write(f, iov, count, pos, rwf);
        io->writes++;
        io->write_bytes += ret > 0 ? (uint64_t)ret : 0;
    } else {
        ret = f->ops->read(f, iov, count, pos, rwf);
        io->reads++;
        io->read_bytes += ret > 0 ? (uint64_t)ret : 0;
    }
    return ret;
}

static __attribute__((noinline)) long rw_any(struct libos_file* f, void* buf, size_t count,
                                             PAL_NUM offset, bool write) {
    long ret = f->flags & O_PATH ? -EBADF : transfer_check(f, write);
    if (ret)
        return ret;
    if (!access_ok(buf, count))
        return -EFAULT;
    if ((int64_t)count < 0)
        return -EINVAL;
    struct iovec iov = {buf, MIN(count, MAX_RW_COUNT)};
    int64_t pos = offset;
    return transfer(f, write, &iov, 1, offset == PAL_OFFSET_CURRENT ? NULL : &pos, 0);
}

/* A host file, as most are: what libos_host_file_ops does, without a call by pointer. */
static inline long rw_host(struct libos_file* f, void* buf, size_t size, PAL_NUM offset,
                           bool write) {
    struct libos_thread* t = get_cur_thread();
    PAL_NUM count = size;
    int ret = write ? PalStreamWrite(f->host, offset, &count, buf, NULL)
                    : PalStreamRead(f->host, offset, &count, buf, NULL, 0);
    uint64_t moved = ret < 0 || count > size ? 0 : count;
    if (write) {
        t->io.writes++;
        t->io.write_bytes += moved;
    } else {
        t->io.reads++;
        t->io.read_bytes += moved;
    }
    if (__builtin_expect(ret >= 0, 1))
        return count <= size ? (long)count : -EIO;
    if (ret == PAL_ERROR_CONNFAILED_PIPE)
        libos_signal_self(SIGPIPE, SI_USER);
    return pal_to_errno(ret);
}

static inline bool size_limited(void) {
    return __atomic_load_n(&get_cur_thread()->process->limits[RLIMIT_FSIZE].rlim_cur,
                           __ATOMIC_RELAXED) != RLIM64_INFINITY;
}

/* One buffer. */
static inline long do_rw(unsigned int fd, void* buf, size_t count, PAL_NUM offset, bool write) {
    struct libos_file* f = libos_fd_use(fd);
    if (!f)
        return -EBADF;
    /* O_RDONLY and O_RDWR have bit 0 clear; O_WRONLY and O_RDWR plus one have bit 1 set. */
    uint32_t flags = f->flags;
    bool allowed = !(flags & O_PATH) && (write ? (flags + 1) & 2 : !(flags & 1));
    long ret;
    if (f->ops == &libos_host_file_ops && allowed && count <= MAX_RW_COUNT &&
        access_ok(buf, count) && !(write && size_limited()))
        ret = rw_host(f, buf, count, offset, write);
    else
        ret = rw_any(f, buf, count, offset, write);
    libos_fd_done(f);
    return ret;
}

long libos_syscall_read(unsigned int fd, char* buf, size_t count) {
    return do_rw(fd, buf, count, PAL_OFFSET_CURRENT, false);
}

long libos_syscall_write(unsigned int fd, const char* buf, size_t count) {
    return do_rw(fd, (char*)buf, count, PAL_OFFSET_CURRENT, true);
}

long libos_syscall_pread64(unsigned int fd, char* buf, size_t count, loff_t pos) {
    return pos < 0 ? -EINVAL : do_rw(fd, buf, count, pos, false);
}

long libos_syscall_pwrite64(unsigned int fd, const char* buf, size_t count, loff_t pos) {
    return pos < 0 ? -EINVAL : do_rw(fd, (char*)buf, count, pos, true);
}

/* ---- vectors ----------------------------------------------------------------------------------
 */

/* The guest's vector, checked; lengths cut so that all together are at most MAX_RW_COUNT. fast has
 * IOV_FAST elements; *out is it or allocated. Returns 0 or -errno. */
long libos_import_iovec(const struct iovec* uvec, unsigned long count, struct iovec* fast,
                        struct iovec** out) {
    *out = fast;
    if (count > IOV_MAX_)
        return -EINVAL;
    if (count > IOV_FAST && !(*out = libos_malloc(count * sizeof(**out)))) {
        *out = fast;
        return -ENOMEM;
    }
    if (user_copy_from(*out, uvec, count * sizeof(**out)))
        return -EFAULT;
    size_t total = 0;
    for (unsigned long i = 0; i < count; i++) {
        struct iovec* v = &(*out)[i];
        if ((int64_t)v->iov_len < 0)
            return -EINVAL;
        if (!access_ok(v->iov_base, v->iov_len))
            return -EFAULT;
        v->iov_len = MIN(v->iov_len, MAX_RW_COUNT - total);
        total += v->iov_len;
    }
    return 0;
}

static long flags_check(const struct libos_file* f, int rwf, bool write) {
    if (rwf & ~RWF_KNOWN)
        return -EOPNOTSUPP;
    if ((rwf & RWF_APPEND) && !write)
        return -EOPNOTSUPP;
    if ((rwf & RWF_NOWAIT) && !f->host)
        return -EOPNOTSUPP;
    return 0;
}

static long do_rwv(unsigned long fd, const struct iovec* uvec, unsigned long count,
                   const int64_t* pos, int rwf, bool write) {
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    struct iovec fast[IOV_FAST];
    struct iovec* iov = fast;
    long ret = transfer_check(f, write);
    if (!ret)
        ret = libos_import_iovec(uvec, count, fast, &iov);
    if (!ret && rwf)
        ret = flags_check(f, rwf, write);
    if (!ret && count)
        ret = transfer(f, write, iov, count, pos, rwf);
    if (iov != fast)
        libos_free(iov);
    libos_file_put(f);
    return ret;
}

long libos_syscall_readv(unsigned long fd, const struct iovec* vec, unsigned long vlen) {
    return do_rwv(fd, vec, vlen, NULL, 0, false);
}

long libos_syscall_writev(unsigned long fd, const struct iovec* vec, unsigned long vlen) {
    return do_rwv(fd, vec, vlen, NULL, 0, true);
}

/* On a 64-bit kernel pos_h adds nothing: pos_l is the whole position. */
long libos_syscall_preadv(unsigned long fd, const struct iovec* vec, unsigned long vlen,
                          unsigned long pos_l, unsigned long pos_h) {
    (void)pos_h;
    int64_t pos = pos_l;
    return pos < 0 ? -EINVAL : do_rwv(fd, vec, vlen, &pos, 0, false);
}

long libos_syscall_pwritev(unsigned long fd, const struct iovec* vec, unsigned long vlen,
                           unsigned long pos_l, unsigned long pos_h) {
    (void)pos_h;
    int64_t pos = pos_l;
    return pos < 0 ? -EINVAL : do_rwv(fd, vec, vlen, &pos, 0, true);
}

static long do_rwv2(unsigned long fd, const struct iovec* vec, unsigned long vlen, int64_t pos,
                    int flags, bool write) {
    if (pos == -1)
        return do_rwv(fd, vec, vlen, NULL, flags, write);
    return pos < 0 ? -EINVAL : do_rwv(fd, vec, vlen, &pos, flags, write);
}

long libos_syscall_preadv2(unsigned long fd, const struct iovec* vec, unsigned long vlen,
                           unsigned long pos_l, unsigned long pos_h, int flags) {
    (void)pos_h;
    return do_rwv2(fd, vec, vlen, pos_l, flags, false);
}

long libos_syscall_pwritev2(unsigned long fd, const struct iovec* vec, unsigned long vlen,
                            unsigned long pos_l, unsigned long pos_h, int flags) {
    (void)pos_h;
    return do_rwv2(fd, vec, vlen, pos_l, flags, true);
}

/* ---- lseek ------------------------------------------------------------------------------------
 */

long libos_syscall_lseek(unsigned int fd, off_t offset, unsigned int whence) {
    struct libos_file* f = libos_fd_use(fd);
    if (!f)
        return -EBADF;
    long ret = -EINVAL;
    if (f->flags & O_PATH)
        ret = -EBADF;
    else if (whence <= SEEK_HOLE)
        ret = f->ops->seek ? f->ops->seek(f, offset, whence) : -ESPIPE;
    libos_fd_done(f);
    return ret;
}
