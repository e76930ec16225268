/*
 * inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2).
 */
#include "libos_event.h"
#include "libos_fs_calls.h"
#include "libos_inotify.h"
#include "libos_table.h"

long libos_syscall_inotify_init1(int flags) {
    if (flags & ~(IN_CLOEXEC | IN_NONBLOCK))
        return -EINVAL;
    struct libos_file* f;
    int ret = libos_inotify_create(flags & IN_NONBLOCK, &f);
    return ret ? ret : libos_fd_publish(f, flags & IN_CLOEXEC);
}

long libos_syscall_inotify_init(void) {
    return libos_syscall_inotify_init1(0);
}

#define KNOWN                                                                                      \
    (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW |       \
     IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)

static long add_watch(struct libos_file* f, const char* pathname, uint32_t mask) {
    if (!libos_is_inotify(f))
        return -EINVAL;
    struct libos_lookup l;
    struct libos_file* object;
    long ret =
        libos_lookup_start_user(&l, AT_FDCWD, pathname, mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW);
    if (!ret)
        ret = libos_lookup_path(&l, mask & IN_ONLYDIR ? O_DIRECTORY : 0, &object);
    libos_lookup_end(&l);
    if (ret)
        return ret;
    struct libos_stat st;
    ret = libos_file_stat(object, &st);
    if (!ret)
        ret = libos_permission(&st, 4);
    if (!ret)
        ret = libos_inotify_add(f, object, mask);
    libos_file_put(object);
    return ret;
}

long libos_syscall_inotify_add_watch(int fd, const char* pathname, uint32_t mask) {
    if (!(mask & KNOWN))
        return -EINVAL;
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    long ret =
        (mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE) ? -EINVAL : add_watch(f, pathname, mask);
    libos_file_put(f);
    return ret;
}

long libos_syscall_inotify_rm_watch(int fd, int wd) {
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    long ret = libos_is_inotify(f) ? libos_inotify_remove(f, wd) : -EINVAL;
    libos_file_put(f);
    return ret;
}
