/*
 * Extended attributes by handle. A PAL_ACCESS_PATH handle has no file to ask, only a place: the
 * *xattrat calls of Linux 6.13 take it, before that the way is /proc/self/fd.
 */
#include "stream.h"

/* asm-generic/unistd.h of 6.13; older headers lack them. */
#ifndef __NR_setxattrat
#define __NR_setxattrat    463
#define __NR_getxattrat    464
#define __NR_listxattrat   465
#define __NR_removexattrat 466
#endif

struct xattr_args_at { /* struct xattr_args of linux/xattr.h, 6.13 */
    uint64_t value __attribute__((aligned(8)));
    uint32_t size;
    uint32_t flags;
};

/* Any thread may find out, with the same answer. EPERM comes from seccomp profiles. */
static bool g_at_missing;

static bool at_missing(void) {
    return __atomic_load_n(&g_at_missing, __ATOMIC_RELAXED);
}
/* Whether to go on by path; remembers that the host lacks the calls for good. */
static bool by_path(long result) {
    if (result == -ENOSYS)
        __atomic_store_n(&g_at_missing, true, __ATOMIC_RELAXED);
    return result == -ENOSYS || result == -EPERM;
}

int64_t PalStreamXattrGet(PAL_HANDLE handle, PAL_STR name, PAL_PTR value, PAL_NUM size) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (size > UINT32_MAX)
        size = UINT32_MAX;
    if (!(h->flags & HANDLE_PATH))
        return host_result(host_syscall(__NR_fgetxattr, h->fd, name, value, size));
    if (!at_missing()) {
        struct xattr_args_at args = {.value = (uint64_t)value, .size = size};
        long ret = host_syscall(__NR_getxattrat, h->fd, "", AT_EMPTY_PATH, name, &args,
                                sizeof(args));
        if (!by_path(ret))
            return host_result(ret);
    }
    char path[FD_PATH_SIZE];
    stream_fd_path(h->fd, path);
    return host_result(host_syscall(__NR_getxattr, path, name, value, size));
}

int PalStreamXattrSet(PAL_HANDLE handle, PAL_STR name, const void* value, PAL_NUM size,
                      PAL_FLG flags) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (size > UINT32_MAX)
        return PAL_ERROR_TOOBIG;
    if (!(h->flags & HANDLE_PATH))
        return host_error(host_syscall(__NR_fsetxattr, h->fd, name, value, size, flags));
    if (!at_missing()) {
        struct xattr_args_at args = {.value = (uint64_t)value, .size = size, .flags = flags};
        long ret = host_syscall(__NR_setxattrat, h->fd, "", AT_EMPTY_PATH, name, &args,
                                sizeof(args));
        if (!by_path(ret))
            return host_error(ret);
    }
    char path[FD_PATH_SIZE];
    stream_fd_path(h->fd, path);
    return host_error(host_syscall(__NR_setxattr, path, name, value, size, flags));
}

int64_t PalStreamXattrList(PAL_HANDLE handle, char* list, PAL_NUM size) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!(h->flags & HANDLE_PATH))
        return host_result(host_syscall(__NR_flistxattr, h->fd, list, size));
    if (!at_missing()) {
        long ret = host_syscall(__NR_listxattrat, h->fd, "", AT_EMPTY_PATH, list, size);
        if (!by_path(ret))
            return host_result(ret);
    }
    char path[FD_PATH_SIZE];
    stream_fd_path(h->fd, path);
    return host_result(host_syscall(__NR_listxattr, path, list, size));
}

int PalStreamXattrRemove(PAL_HANDLE handle, PAL_STR name) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!(h->flags & HANDLE_PATH))
        return host_error(host_syscall(__NR_fremovexattr, h->fd, name));
    if (!at_missing()) {
        long ret = host_syscall(__NR_removexattrat, h->fd, "", AT_EMPTY_PATH, name);
        if (!by_path(ret))
            return host_error(ret);
    }
    char path[FD_PATH_SIZE];
    stream_fd_path(h->fd, path);
    return host_error(host_syscall(__NR_removexattr, path, name));
}
