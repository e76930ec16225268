/*
 * Processes by descriptor: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).
 */
#include <asm/fcntl.h>
#include <linux/signal.h>

#include "libos_coord_process.h"
#include "libos_pidfd.h"
#include "libos_proc_answer.h"
#include "libos_process.h"
#include "libos_signal.h"
#include "libos_table.h"

/* PIDFD_THREAD is refused, as before Linux 6.9. */
long libos_syscall_pidfd_open(pid_t pid, unsigned int flags) {
    struct coord_process copy;
    if ((flags & ~(unsigned)O_NONBLOCK) || pid <= 0)
        return -EINVAL;
    if (coord_process_next(pid, &copy) == pid)
        return libos_pidfd_create(pid, copy.start_time_ns, flags & O_NONBLOCK);
    return coord_id_owner(pid) ? -ENOENT : -ESRCH; /* of a process, but not its leader */
}

/* Whose descriptor it is; -EBADF, -ESRCH. */
static int pid_of(int fd) {
    struct libos_file* f = libos_fd_get(fd);
    if (!f)
        return -EBADF;
    int ret = libos_is_pidfd(f) ? libos_pidfd_pid(f) : -EBADF;
    libos_file_put(f);
    return ret;
}

/* The same; an open directory /proc/PID will do, too. */
static int pid_or_directory(int fd) {
    struct libos_file* f = libos_fd_get(fd);
    int32_t pid = f ? libos_proc_directory_pid(f) : 0;
    if (f)
        libos_file_put(f);
    return pid ? pid : pid_of(fd);
}

static int read_info(siginfo_t* info, const siginfo_t* uinfo, int sig, int pid) {
    if (!uinfo) {
        memset(info, 0, sizeof(*info));
        info->si_signo = sig;
        info->si_code = SI_USER;
        info->si_pid = cur_process()->pid;
        info->si_uid = get_cur_thread()->uid;
        return 0;
    }
    if (user_get(*info, uinfo) < 0)
        return -EFAULT;
    if (info->si_signo != sig)
        return -EINVAL;
    bool kernels = info->si_code >= 0 || info->si_code == SI_TKILL;
    return kernels && pid != cur_process()->pid ? -EPERM : 0;
}

long libos_syscall_pidfd_send_signal(int pidfd, int sig, siginfo_t* uinfo, unsigned int flags) {
    siginfo_t info;
    if (flags)
        return -EINVAL;
    int pid = pid_or_directory(pidfd);
    if (pid == -EBADF)
        return pid;
    int ret = read_info(&info, uinfo, sig, pid);
    if (ret < 0)
        return ret;
    if (sig < 0 || sig > LIBOS_NSIG)
        return -EINVAL;
    if (pid < 0)
        return pid;
    if (pid == cur_process()->pid)
        return sig ? libos_signal_send(NULL, &info) : 0;
    bool self;
    return coord_kill(pid, &info, &self);
}

/* Another process's descriptors are out of reach, as without the right to trace it. */
long libos_syscall_pidfd_getfd(int pidfd, int fd, unsigned int flags) {
    if (flags)
        return -EINVAL;
    int pid = pid_of(pidfd);
    if (pid < 0)
        return pid;
    if (pid != cur_process()->pid)
        return -EPERM;
    struct libos_file* f = libos_fd_get(fd);
    if (!f)
        return -EBADF;
    long ret = libos_fd_install(f, true, 0);
    libos_file_put(f);
    return ret;
}
