/*
 * pipe and pipe2. pipe(2).
 */
#include "libos_event.h"
#include "libos_fs.h"
#include "libos_table.h"

#ifndef O_NOTIFICATION_PIPE
#define O_NOTIFICATION_PIPE O_EXCL
#endif

long libos_syscall_pipe2(int* user_fds, int flags) {
    if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT | O_NOTIFICATION_PIPE))
        return -EINVAL;
    if (flags & O_NOTIFICATION_PIPE)
        return -ENOPKG; /* as a kernel without watch queues */
    struct libos_file* files[2];
    int ret = libos_pipe_create(flags, files);
    if (ret < 0)
        return ret;
    int fds[2] = {-1, -1};
    fds[0] = libos_fd_install(files[0], flags & O_CLOEXEC, 0);
    fds[1] = fds[0] < 0 ? fds[0] : libos_fd_install(files[1], flags & O_CLOEXEC, 0);
    libos_file_put(files[0]);
    libos_file_put(files[1]);
    if (fds[1] >= 0 && user_put(fds, user_fds) == 0)
        return 0;
    ret = fds[1] < 0 ? fds[1] : -EFAULT;
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            libos_fd_close(fds[i]);
    }
    return ret;
}

long libos_syscall_pipe(int* user_fds) {
    return libos_syscall_pipe2(user_fds, 0);
}
