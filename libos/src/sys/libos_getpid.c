/*
 * Process and thread numbers, process groups and sessions of a single process.
 */
#include "libos_process.h"
#include "libos_table.h"

long libos_syscall_getpid(void) {
    return g_process.pid;
}

long libos_syscall_gettid(void) {
    return get_cur_thread()->tid;
}

long libos_syscall_getppid(void) {
    return g_process.ppid;
}

long libos_syscall_getpgrp(void) {
    return g_process.pgid;
}

/* 0, the process, or one of its threads name it; nobody else exists. */
static bool names_self(int pid) {
    if (pid == 0 || pid == g_process.pid)
        return true;
    struct libos_thread* t = libos_thread_find(pid);
    if (t)
        libos_thread_put(t);
    return t != NULL;
}

long libos_syscall_getpgid(int pid) {
    return names_self(pid) ? g_process.pgid : -ESRCH;
}

long libos_syscall_getsid(int pid) {
    return names_self(pid) ? g_process.sid : -ESRCH;
}

long libos_syscall_setpgid(int pid, int pgid) {
    if (pgid < 0)
        return -EINVAL;
    if (pid != 0 && pid != g_process.pid)
        return -ESRCH;
    if (g_process.sid == g_process.pid)
        return -EPERM; /* a session leader stays in its group */
    if (pgid != 0 && pgid != g_process.pid && pgid != g_process.pgid)
        return -EPERM; /* no such group in the session */
    if (pgid == 0)
        pgid = g_process.pid;
    g_process.pgid = pgid;
    return 0;
}

long libos_syscall_setsid(void) {
    if (g_process.pgid == g_process.pid)
        return -EPERM; /* already leads a group */
    g_process.sid = g_process.pgid = g_process.pid;
    return g_process.sid;
}
