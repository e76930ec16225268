/*
 * Waiting for children: wait4(2), waitid(2).
 */
#include <asm/fcntl.h>
#include <linux/wait.h>

#include "libos_coord_process.h"
#include "libos_pidfd.h"
#include "libos_process.h"
#include "libos_signal.h"
#include "libos_table.h"
#include "libos_usage.h"

/* 1: *w tells of a child; 0: none has news and the caller will not wait; or -errno. */
static long wait_loop(struct coord_wait* w, bool nohang) {
    struct coord_process* self = coord_process_current();
    for (;;) {
        uint32_t number = coord_queue_number(&self->wait);
        libos_signal_reap();
        long ret = coord_process_wait(w);
        if (ret == 0 && libos_signal_reap_now()) /* the host may know, but not have said yet */
            ret = coord_process_wait(w);
        if (ret != 0 || nohang)
            return ret;
        if (coord_wait(&self->wait, number, PAL_CLOCK_MONOTONIC, NO_TIMEOUT) == 0)
            continue;
        /* The signal may be the SIGCHLD of the child waited for: as Linux, it counts first. */
        libos_signal_reap();
        ret = coord_process_wait(w);
        return ret != 0 ? ret : -ERESTARTSYS;
    }
}

static int put_usage(const struct coord_usage* usage, struct rusage* user_usage) {
    struct rusage ru;
    if (!user_usage)
        return 0;
    libos_rusage_fill(&ru, usage);
    return user_put(ru, user_usage);
}

long libos_syscall_wait4(pid_t upid, int* stat_addr, int options, struct rusage* ru) {
    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
        return -EINVAL;
    if (upid == INT32_MIN)
        return -ESRCH;
    struct coord_wait w = {.options = (options & ~WNOHANG) | WEXITED};
    if (upid > 0) {
        w.which = P_PID;
        w.id = upid;
    } else if (upid == -1) {
        w.which = P_ALL;
    } else {
        w.which = P_PGID;
        w.id = -upid;
    }
    long ret = wait_loop(&w, options & WNOHANG);
    if (ret <= 0)
        return ret;
    if (stat_addr && user_put(w.status, stat_addr) < 0)
        return -EFAULT;
    return put_usage(&w.usage, ru) < 0 ? -EFAULT : w.pid;
}

static int choose(struct coord_wait* w, int which, pid_t upid, bool* nohang, bool* nonblock) {
    w->which = which;
    w->id = upid;
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
    if (ret == 0) {
        w->which = P_PID;
        w->id = libos_pidfd_pid(f);
        ret = w->id < 0 ? -ECHILD : 0;
        *nonblock = !*nohang && (f->flags & O_NONBLOCK);
        *nohang |= *nonblock;
    }
    if (f)
        libos_file_put(f);
    return ret;
}

/* Linux writes these fields alone. */
static int put_info(siginfo_t* user_info, const struct coord_wait* w) {
    const int head[] = {w ? SIGCHLD : 0, 0, w ? w->cause : 0};
    const int child[] = {w ? w->pid : 0, w ? (int)w->uid : 0, w ? w->value : 0};
    char* at = (char*)user_info;
    if (!user_info)
        return 0;
    if (user_copy_to(at, head, sizeof(head)) < 0)
        return -EFAULT;
    return user_copy_to(at + offsetof(siginfo_t, si_pid), child, sizeof(child));
}

long libos_syscall_waitid(int which, pid_t upid, siginfo_t* infop, int options, struct rusage* ru) {
    if ((options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | __WCLONE |
                     __WALL)) ||
        !(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    struct coord_wait w = {.options = options & ~WNOHANG};
    bool nohang = options & WNOHANG, nonblock = false;
    int error = choose(&w, which, upid, &nohang, &nonblock);
    if (error < 0)
        return error;
    long ret = wait_loop(&w, nohang);
    if (ret < 0)
        return ret;
    if (ret == 0 && nonblock)
        return -EAGAIN;
    if (ret && put_usage(&w.usage, ru) < 0)
        return -EFAULT;
    return put_info(infop, ret ? &w : NULL);
}
