/*
 * Waiting for children: wait4(2), waitid(2). No process can be made yet, so there are none: the
 * arguments are checked as Linux checks them, and the answer is ECHILD.
 */
#include <linux/wait.h>

#include "libos_pidfd.h"
#include "libos_process.h"
#include "libos_table.h"

long libos_syscall_wait4(pid_t upid, int* stat_addr, int options, struct rusage* ru) {
    (void)stat_addr;
    (void)ru;
    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
        return -EINVAL;
    return upid == INT32_MIN ? -ESRCH : -ECHILD;
}

static int check_which(int which, pid_t upid) {
    if (which == P_PID)
        return upid <= 0 ? -EINVAL : 0;
    if (which == P_PGID)
        return upid < 0 ? -EINVAL : 0;
    if (which != P_PIDFD)
        return which == P_ALL ? 0 : -EINVAL;
    if (upid < 0)
        return -EINVAL;
    struct libos_file* f = libos_fd_get(upid);
    int ret = f && libos_is_pidfd(f) ? 0 : -EBADF;
    if (f)
        libos_file_put(f);
    return ret;
}

long libos_syscall_waitid(int which, pid_t upid, siginfo_t* infop, int options, struct rusage* ru) {
    (void)infop;
    (void)ru;
    if ((options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE |
                     __WALL)) ||
        !(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    int ret = check_which(which, upid);
    return ret < 0 ? ret : -ECHILD;
}
