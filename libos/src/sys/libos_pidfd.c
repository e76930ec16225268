/*
 * Processes by descriptor: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). There is one
 * process yet, so they stand for the caller's own.
 */
#include <asm/fcntl.h>
#include <linux/signal.h>

#include "libos_pidfd.h"
#include "libos_process.h"
#include "libos_table.h"

/* PIDFD_THREAD is refused, as before Linux 6.9. */
long libos_syscall_pidfd_open(pid_t pid, unsigned int flags) {
    if ((flags & ~(unsigned)O_NONBLOCK) || pid <= 0)
        return -EINVAL;
    if (pid == cur_process()->pid)
        return libos_pidfd_create(pid, flags & O_NONBLOCK);
    struct libos_thread* t = libos_thread_find(pid);
    if (!t)
        return -ESRCH;
    libos_thread_put(t);
    return -ENOENT; /* of a process, but not its leader */
}

/* 0 if fd is a process descriptor. */
static int check_pidfd(int fd) {
    struct libos_file* f = libos_fd_get(fd);
    if (!f)
        return -EBADF;
    int ret = libos_is_pidfd(f) ? 0 : -EBADF;
    libos_file_put(f);
    return ret;
}

long libos_syscall_pidfd_send_signal(int pidfd, int sig, siginfo_t* uinfo, unsigned int flags) {
    siginfo_t info;
    if (flags)
        return -EINVAL;
    int ret = check_pidfd(pidfd);
    if (ret < 0)
        return ret;
    if (uinfo) {
        if (user_get(info, uinfo) < 0)
            return -EFAULT;
        if (info.si_signo != sig)
            return -EINVAL;
    } else {
        memset(&info, 0, sizeof(info));
        info.si_signo = sig;
        info.si_code = SI_USER;
        info.si_pid = cur_process()->pid;
        info.si_uid = get_cur_thread()->uid;
    }
    if (sig < 0 || sig > LIBOS_NSIG)
        return -EINVAL;
    return sig ? libos_signal_send(NULL, &info) : 0;
}

long libos_syscall_pidfd_getfd(int pidfd, int fd, unsigned int flags) {
    if (flags)
        return -EINVAL;
    int ret = check_pidfd(pidfd);
    if (ret < 0)
        return ret;
    struct libos_file* f = libos_fd_get(fd);
    if (!f)
        return -EBADF;
    ret = libos_fd_install(f, true, 0);
    libos_file_put(f);
    return ret;
}
