/*
 * Moving data between two handles without passing it through this process.
 */
#include "stream.h"

#define SPLICE_FLAGS (PAL_SPLICE_MOVE | PAL_SPLICE_NONBLOCK | PAL_SPLICE_MORE | PAL_SPLICE_GIFT)

int64_t PalStreamCopy(PAL_HANDLE in, PAL_NUM* in_offset, PAL_HANDLE out, PAL_NUM* out_offset,
                      PAL_NUM size, PAL_FLG how, PAL_FLG splice_flags) {
    struct host_handle* from = stream_of(in);
    struct host_handle* to = stream_of(out);
    if (!from || !to)
        return PAL_ERROR_BADHANDLE;
    if (splice_flags & ~SPLICE_FLAGS)
        return PAL_ERROR_INVAL;
    int in_fd = from->fd;
    int out_fd = stream_write_fd(to);
    switch (how) {
        case PAL_COPY_RANGE:
            if (splice_flags)
                return PAL_ERROR_INVAL;
            return host_result(
                host_syscall(__NR_copy_file_range, in_fd, in_offset, out_fd, out_offset, size, 0));
        case PAL_COPY_SENDFILE:
            if (splice_flags || out_offset)
                return PAL_ERROR_INVAL;
            return host_result(host_syscall_block(__NR_sendfile, out_fd, in_fd, in_offset, size));
        case PAL_COPY_SPLICE:
            return host_result(host_syscall_block(__NR_splice, in_fd, in_offset, out_fd, out_offset,
                                                  size, splice_flags));
        case PAL_COPY_TEE:
            if (in_offset || out_offset)
                return PAL_ERROR_SEEK;
            return host_result(host_syscall_block(__NR_tee, in_fd, out_fd, size, splice_flags));
        default:
            return PAL_ERROR_INVAL;
    }
}

int64_t PalStreamVmsplice(PAL_HANDLE pipe, const struct iovec* iov, PAL_NUM iov_count,
                          PAL_FLG splice_flags) {
    struct host_handle* h = stream_of(pipe);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (splice_flags & ~SPLICE_FLAGS)
        return PAL_ERROR_INVAL;
    /* The host takes the direction from the end of the pipe: a handle with both writes. */
    return host_result(
        host_syscall_block(__NR_vmsplice, stream_write_fd(h), iov, iov_count, splice_flags));
}
