/*
 * signalfd and signalfd4. signalfd(2).
 */
#include <linux/signalfd.h>

#include "../event/libos_eventfd.h"
#include "libos_table.h"

long libos_syscall_signalfd4(int fd, const void* user_mask, size_t size, int flags) {
    libos_sigset_t mask;
    if (size != sizeof(mask))
        return -EINVAL;
    if (user_get(mask, user_mask) < 0)
        return -EFAULT;
    if (flags & ~(SFD_CLOEXEC | SFD_NONBLOCK))
        return -EINVAL;
    if (fd == -1)
        return libos_signalfd_create(mask, flags & SFD_NONBLOCK, flags & SFD_CLOEXEC);
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    bool ok = libos_is_signalfd(f);
    if (ok)
        libos_signalfd_set_mask(f, mask);
    libos_file_put(f);
    return ok ? fd : -EINVAL;
}

long libos_syscall_signalfd(int fd, const void* user_mask, size_t size) {
    return libos_syscall_signalfd4(fd, user_mask, size, 0);
}
