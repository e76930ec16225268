/*
 * Sending signals: kill(2), tkill(2), tgkill(2), rt_sigqueueinfo(2), rt_tgsigqueueinfo(2).
 */
#include "libos_signal.h"
#include "libos_table.h"

static siginfo_t from_me(int sig, int code) {
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = sig;
    info.si_code = code;
    info.si_pid = cur_process()->pid;
    info.si_uid = get_cur_thread()->uid;
    return info;
}

/* Also by the id of one of its threads, as in Linux. */
static bool is_this_process(pid_t pid) {
    if (pid == cur_process()->pid)
        return true;
    struct libos_thread* t = pid > 0 ? libos_thread_find(pid) : NULL;
    if (t)
        libos_thread_put(t);
    return t != NULL;
}

static long send_to_process(const siginfo_t* info) {
    if (info->si_signo < 0 || info->si_signo > LIBOS_NSIG)
        return -EINVAL;
    return info->si_signo ? libos_signal_send(NULL, info) : 0;
}

static long send_by_pid(pid_t pid, const siginfo_t* info) {
    if (is_this_process(pid))
        return send_to_process(info);
    bool self;
    long ret = coord_kill(pid, info, &self);
    if (!self)
        return ret;
    long own = send_to_process(info);
    return ret ? ret : own;
}

long libos_syscall_kill(pid_t pid, int sig) {
    siginfo_t info = from_me(sig, SI_USER);
    return pid == INT32_MIN ? -ESRCH : send_by_pid(pid, &info);
}

static long send_to_thread(pid_t tgid, pid_t tid, const siginfo_t* info) {
    struct libos_thread* t = libos_thread_find(tid);
    if (!t)
        return coord_kill_thread(tgid, tid, info);
    long ret = 0;
    if (tgid > 0 && tgid != cur_process()->pid)
        ret = -ESRCH;
    else if (info->si_signo < 0 || info->si_signo > LIBOS_NSIG)
        ret = -EINVAL;
    else if (info->si_signo)
        ret = libos_signal_send(t, info);
    libos_thread_put(t);
    return ret;
}

long libos_syscall_tgkill(pid_t tgid, pid_t pid, int sig) {
    if (pid <= 0 || tgid <= 0)
        return -EINVAL;
    siginfo_t info = from_me(sig, SI_TKILL);
    return send_to_thread(tgid, pid, &info);
}

long libos_syscall_tkill(pid_t pid, int sig) {
    if (pid <= 0)
        return -EINVAL;
    siginfo_t info = from_me(sig, SI_TKILL);
    return send_to_thread(0, pid, &info);
}

/* Nobody may pretend to be the kernel towards others. */
static bool may_send_code(const siginfo_t* info, pid_t to) {
    return (info->si_code < 0 && info->si_code != SI_TKILL) || to == get_cur_thread()->tid;
}

long libos_syscall_rt_sigqueueinfo(pid_t pid, int sig, siginfo_t* uinfo) {
    siginfo_t info;
    if (user_get(info, uinfo) < 0)
        return -EFAULT;
    info.si_signo = sig;
    if (!may_send_code(&info, pid))
        return -EPERM;
    return pid <= 0 ? -ESRCH : send_by_pid(pid, &info);
}

long libos_syscall_rt_tgsigqueueinfo(pid_t tgid, pid_t pid, int sig, siginfo_t* uinfo) {
    siginfo_t info;
    if (user_get(info, uinfo) < 0)
        return -EFAULT;
    info.si_signo = sig;
    if (pid <= 0 || tgid <= 0)
        return -EINVAL;
    if (!may_send_code(&info, pid))
        return -EPERM;
    return send_to_thread(tgid, pid, &info);
}
