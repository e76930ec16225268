/*
 * Change notifications: inotify of the host. It takes names only, so the object's handle is named
 * through /proc/self/fd; without /proc the answer is PAL_ERROR_NOTSUPPORT.
 */
#include <linux/inotify.h>

#include "stream.h"

static struct host_handle* watch_of(PAL_HANDLE handle) {
    return host_handle_is(handle, PAL_TYPE_WATCH) ? host_handle(handle) : NULL;
}

int PalWatchCreate(PAL_FLG options, PAL_HANDLE* handle) {
    if (options & ~(PAL_OPTION_CLOEXEC | PAL_OPTION_NONBLOCK))
        return PAL_ERROR_INVAL;
    bool nonblock = options & PAL_OPTION_NONBLOCK;
    long fd = host_syscall(__NR_inotify_init1, IN_CLOEXEC | (nonblock ? IN_NONBLOCK : 0));
    if (fd < 0)
        return host_error(fd);
    return host_handle_wrap(PAL_TYPE_WATCH, fd, HANDLE_READABLE | (nonblock ? HANDLE_NONBLOCK : 0),
                            handle);
}

int PalWatchAdd(PAL_HANDLE watch, PAL_HANDLE object, PAL_FLG mask, PAL_IDX* id) {
    struct host_handle* w = watch_of(watch);
    struct host_handle* o = stream_of(object);
    if (!w || !o)
        return PAL_ERROR_BADHANDLE;
    if (!stream_is_file(o) && o->pal.hdr.type != PAL_TYPE_DEV)
        return PAL_ERROR_NOTSUPPORT;
    char path[FD_PATH_SIZE];
    stream_fd_path(o->fd, path);
    /* The name must be followed to the object, which itself was found by the caller's rules. */
    long ret = host_syscall(__NR_inotify_add_watch, w->fd, path, mask & ~IN_DONT_FOLLOW);
    if (ret == -ENOENT)
        return PAL_ERROR_NOTSUPPORT;
    if (ret < 0)
        return host_error(ret);
    *id = ret;
    return 0;
}

int PalWatchRemove(PAL_HANDLE watch, PAL_IDX id) {
    struct host_handle* w = watch_of(watch);
    if (!w)
        return PAL_ERROR_BADHANDLE;
    return host_error(host_syscall(__NR_inotify_rm_watch, w->fd, id));
}
