/*
 * Reading and writing of every stream, and what only files can do.
 *
 * Positioned calls end by themselves and are not interruptible; those that use the host's position
 * may be on a pipe or terminal and are. A call for one buffer takes the host call for one buffer.
 */
#include "stream.h"

static inline bool is_udp(const struct host_handle* h) {
    return h->pal.hdr.type == PAL_TYPE_UDP || h->pal.hdr.type == PAL_TYPE_UDPSRV;
}
/* Handles whose peer may go away must not raise SIGPIPE. Host pipes do as well: the signal is
 * ignored in this process. */
static inline bool is_positioned(const struct host_handle* h, PAL_NUM offset) {
    return offset != PAL_OFFSET_CURRENT && (stream_is_file(h) || h->pal.hdr.type == PAL_TYPE_DEV);
}

/* A device such as a terminal or a pipe on standard input has no positions: offsets are ignored. */
static long device_fallback(struct host_handle* h, long result, long nr, int fd, const void* buffer,
                            PAL_NUM count) {
    if (result == -ESPIPE && h->pal.hdr.type == PAL_TYPE_DEV)
        return host_syscall_block(nr, fd, buffer, count);
    return result;
}

/* The most frequent calls of all: a plain file, one buffer. */
static inline bool is_plain(const struct host_handle* h) {
    return h && h->pal.hdr.type == PAL_TYPE_FILE && h->fd >= 0;
}
static inline int plain_result(long ret, PAL_NUM* count) {
    if (ret < 0)
        return host_error(ret);
    *count = ret;
    return 0;
}

static inline long read_one(struct host_handle* h, PAL_NUM offset, PAL_PTR buffer, PAL_NUM count) {
    if (!is_positioned(h, offset))
        return host_syscall_block(__NR_read, h->fd, buffer, count);
    long ret = host_syscall(__NR_pread64, h->fd, buffer, count, offset);
    return ret >= 0 ? ret : device_fallback(h, ret, __NR_read, h->fd, buffer, count);
}

static inline long write_one(struct host_handle* h, PAL_NUM offset, const void* buffer,
                             PAL_NUM count) {
    int fd = stream_write_fd(h);
    if (!is_positioned(h, offset))
        return host_syscall_block(__NR_write, fd, buffer, count);
    long ret = host_syscall(__NR_pwrite64, fd, buffer, count, offset);
    return ret >= 0 ? ret : device_fallback(h, ret, __NR_write, fd, buffer, count);
}

static __attribute__((noinline)) int read_any(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM* count,
                                              PAL_PTR buffer, PAL_PTR source, PAL_NUM size) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    int64_t ret;
    if (h->pal.hdr.type == PAL_TYPE_DIR)
        ret = dir_read_names(h, buffer, *count);
    else if (source && size && is_udp(h))
        ret = inet_receive_from(h, buffer, *count, source, size);
    else
        ret = host_result(read_one(h, offset, buffer, *count));
    if (ret < 0)
        return ret;
    *count = ret;
    return 0;
}

int PalStreamRead(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM* count, PAL_PTR buffer, PAL_PTR source,
                  PAL_NUM size) {
    struct host_handle* h = host_handle(handle);
    if (!is_plain(h))
        return read_any(handle, offset, count, buffer, source, size);
    long ret = offset != PAL_OFFSET_CURRENT
                   ? pal_syscall4(h->fd, (long)buffer, *count, offset, __NR_pread64)
                   : pal_syscall4_interruptible(h->fd, (long)buffer, *count, 0, __NR_read);
    return plain_result(ret, count);
}

static __attribute__((noinline)) int write_any(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM* count,
                                               const void* buffer, PAL_STR dest) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    int64_t ret;
    if (dest && is_udp(h))
        ret = inet_send_to(h, buffer, *count, dest);
    else
        ret = host_result(write_one(h, offset, buffer, *count));
    if (ret < 0)
        return ret;
    *count = ret;
    return 0;
}

int PalStreamWrite(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM* count, const void* buffer,
                   PAL_STR dest) {
    struct host_handle* h = host_handle(handle);
    if (!is_plain(h) || (h->flags & HANDLE_DUPLEX))
        return write_any(handle, offset, count, buffer, dest);
    long ret = offset != PAL_OFFSET_CURRENT
                   ? pal_syscall4(h->fd, (long)buffer, *count, offset, __NR_pwrite64)
                   : pal_syscall4_interruptible(h->fd, (long)buffer, *count, 0, __NR_write);
    return plain_result(ret, count);
}

/* RWF_* of preadv2(2) carry other numbers than ours only for NOWAIT and APPEND: none at all. */
_Static_assert(PAL_RW_HIPRI == 1 && PAL_RW_APPEND == 16, "as RWF_HIPRI .. RWF_APPEND");
#define RW_FLAGS (PAL_RW_HIPRI | PAL_RW_DSYNC | PAL_RW_SYNC | PAL_RW_NOWAIT | PAL_RW_APPEND)

static int64_t vector(struct host_handle* h, bool write, PAL_NUM offset, const struct iovec* iov,
                      PAL_NUM iov_count, PAL_FLG flags) {
    if (flags & ~RW_FLAGS)
        return PAL_ERROR_INVAL;
    int fd = write ? stream_write_fd(h) : h->fd;
    if (!flags && !is_positioned(h, offset))
        return host_result(
            host_syscall_block(write ? __NR_writev : __NR_readv, fd, iov, iov_count));
    if (!is_positioned(h, offset))
        return host_result(host_syscall_block(write ? __NR_pwritev2 : __NR_preadv2, fd, iov,
                                              iov_count, -1, -1, flags));
    long ret;
    /* The offset goes as two halves; on 64 bits the first holds it all. */
    if (flags)
        ret = host_syscall(write ? __NR_pwritev2 : __NR_preadv2, fd, iov, iov_count, offset, 0,
                           flags);
    else
        ret = host_syscall(write ? __NR_pwritev : __NR_preadv, fd, iov, iov_count, offset, 0);
    if (ret == -ESPIPE && h->pal.hdr.type == PAL_TYPE_DEV)
        return vector(h, write, PAL_OFFSET_CURRENT, iov, iov_count, flags);
    return host_result(ret);
}

int64_t PalStreamReadV(PAL_HANDLE handle, PAL_NUM offset, const struct iovec* iov,
                       PAL_NUM iov_count, PAL_FLG flags) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (iov_count == 1 && !flags)
        return host_result(read_one(h, offset, iov->iov_base, iov->iov_len));
    return vector(h, false, offset, iov, iov_count, flags);
}

int64_t PalStreamWriteV(PAL_HANDLE handle, PAL_NUM offset, const struct iovec* iov,
                        PAL_NUM iov_count, PAL_FLG flags) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (iov_count == 1 && !flags)
        return host_result(write_one(h, offset, iov->iov_base, iov->iov_len));
    return vector(h, true, offset, iov, iov_count, flags);
}

int64_t PalStreamSeek(PAL_HANDLE handle, int64_t offset, PAL_FLG whence) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (whence > PAL_SEEK_HOLE)
        return PAL_ERROR_INVAL;
    return host_result(host_syscall(__NR_lseek, h->fd, offset, whence));
}

/* ---- Size and storage
 * --------------------------------------------------------------------------*/

int PalStreamSetLength(PAL_HANDLE handle, PAL_NUM length) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    return host_error(host_syscall(__NR_ftruncate, stream_write_fd(h), length));
}

int PalStreamFlushMode(PAL_HANDLE handle, PAL_FLG mode) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    switch (mode) {
        case PAL_FLUSH_ALL:
            return host_error(host_syscall(__NR_fsync, stream_write_fd(h)));
        case PAL_FLUSH_DATA:
            return host_error(host_syscall(__NR_fdatasync, stream_write_fd(h)));
        case PAL_FLUSH_FILESYSTEM:
            return host_error(host_syscall(__NR_syncfs, stream_write_fd(h)));
        default:
            return PAL_ERROR_INVAL;
    }
}

int PalStreamFlush(PAL_HANDLE handle) {
    return PalStreamFlushMode(handle, PAL_FLUSH_ALL);
}

int PalStreamAllocate(PAL_HANDLE handle, PAL_FLG mode, PAL_NUM offset, PAL_NUM size) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    return host_error(host_syscall(__NR_fallocate, stream_write_fd(h), mode, offset, size));
}

int PalStreamAdvise(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM size, PAL_FLG advice) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    return host_error(host_syscall(__NR_fadvise64, h->fd, offset, size, advice));
}

int PalStreamSyncRange(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM size, PAL_FLG flags) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    return host_error(host_syscall(__NR_sync_file_range, stream_write_fd(h), offset, size, flags));
}
