/*
 * Extended attributes by handle. A PAL_ACCESS_PATH handle has no open file to ask, and the host's
 * calls by directory (getxattrat(2), 6.13) refuse it too, so it is named through /proc/self/fd; the
 * name leads to the object itself, also to a symlink. PAL_ERROR_NOTSUPPORT without /proc.
 */
#include "stream.h"

static int by_path_error(long result) {
    return result == -ENOENT ? PAL_ERROR_NOTSUPPORT : host_error(result);
}

int64_t PalStreamXattrGet(PAL_HANDLE handle, PAL_STR name, PAL_PTR value, PAL_NUM size) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!(h->flags & HANDLE_PATH))
        return host_result(host_syscall(__NR_fgetxattr, h->fd, name, value, size));
    char path[FD_PATH_SIZE];
    stream_fd_path(h->fd, path);
    long ret = host_syscall(__NR_getxattr, path, name, value, size);
    return ret >= 0 ? ret : by_path_error(ret);
}

int PalStreamXattrSet(PAL_HANDLE handle, PAL_STR name, const void* value, PAL_NUM size,
                      PAL_FLG flags) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!(h->flags & HANDLE_PATH))
        return host_error(host_syscall(__NR_fsetxattr, h->fd, name, value, size, flags));
    char path[FD_PATH_SIZE];
    stream_fd_path(h->fd, path);
    return by_path_error(host_syscall(__NR_setxattr, path, name, value, size, flags));
}

int64_t PalStreamXattrList(PAL_HANDLE handle, char* list, PAL_NUM size) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!(h->flags & HANDLE_PATH))
        return host_result(host_syscall(__NR_flistxattr, h->fd, list, size));
    char path[FD_PATH_SIZE];
    stream_fd_path(h->fd, path);
    long ret = host_syscall(__NR_listxattr, path, list, size);
    return ret >= 0 ? ret : by_path_error(ret);
}

int PalStreamXattrRemove(PAL_HANDLE handle, PAL_STR name) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!(h->flags & HANDLE_PATH))
        return host_error(host_syscall(__NR_fremovexattr, h->fd, name));
    char path[FD_PATH_SIZE];
    stream_fd_path(h->fd, path);
    return by_path_error(host_syscall(__NR_removexattr, path, name));
}
