/*
 * dup(2), dup2(2), dup3(2).
 */
#include "libos_event.h"
#include "libos_fs.h"
#include "libos_table.h"

long libos_syscall_dup(unsigned int fildes) {
    struct libos_file* f = libos_fd_get(fildes);
    if (!f)
        return -EBADF;
    long ret = libos_fd_install(f, false, 0);
    libos_file_put(f);
    return ret;
}

static long dup_at(unsigned int oldfd, unsigned int newfd, bool cloexec) {
    struct libos_file* f = libos_fd_get(oldfd);
    if (!f)
        return -EBADF;
    long ret = libos_fd_install_at(f, cloexec, newfd);
    libos_file_put(f);
    return ret;
}

long libos_syscall_dup2(unsigned int oldfd, unsigned int newfd) {
    if (oldfd == newfd)
        return libos_fd_get_cloexec(oldfd) < 0 ? -EBADF : (long)oldfd;
    return dup_at(oldfd, newfd, false);
}

long libos_syscall_dup3(unsigned int oldfd, unsigned int newfd, int flags) {
    if ((flags & ~O_CLOEXEC) || oldfd == newfd)
        return -EINVAL;
    return dup_at(oldfd, newfd, flags & O_CLOEXEC);
}
