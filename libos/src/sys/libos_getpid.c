/*
 * Process and thread numbers, process groups and sessions of a single process.
 */
#include "libos_process.h"
#include "libos_table.h"

long libos_syscall_getpid(void) {
    return cur_process()->pid;
}

long libos_syscall_gettid(void) {
    return get_cur_thread()->tid;
}

long libos_syscall_getppid(void) {
    return cur_process()->ppid;
}

long libos_syscall_getpgrp(void) {
    return cur_process()->pgid;
}

/* 0, the process, or one of its threads name it; nobody else exists. */
static bool names_self(int pid) {
    if (pid == 0 || pid == cur_process()->pid)
        return true;
    struct libos_thread* t = libos_thread_find(pid);
    if (t)
        libos_thread_put(t);
    return t != NULL;
}

long libos_syscall_getpgid(int pid) {
    return names_self(pid) ? cur_process()->pgid : -ESRCH;
}

long libos_syscall_getsid(int pid) {
    return names_self(pid) ? cur_process()->sid : -ESRCH;
}

long libos_syscall_setpgid(int pid, int pgid) {
    if (pgid < 0)
        return -EINVAL;
    if (pid != 0 && pid != cur_process()->pid)
        return -ESRCH;
    if (cur_process()->sid == cur_process()->pid)
        return -EPERM; /* a session leader stays in its group */
    if (pgid != 0 && pgid != cur_process()->pid && pgid != cur_process()->pgid)
        return -EPERM; /* no such group in the session */
    if (pgid == 0)
        pgid = cur_process()->pid;
    cur_process()->pgid = pgid;
    return 0;
}

long libos_syscall_setsid(void) {
    if (cur_process()->pgid == cur_process()->pid)
        return -EPERM; /* already leads a group */
    cur_process()->sid = cur_process()->pgid = cur_process()->pid;
    return cur_process()->sid;
}
