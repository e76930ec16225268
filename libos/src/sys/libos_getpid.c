/*
 * Process and thread numbers, process groups and sessions.
 */
#include "libos_coord_process.h"
#include "libos_process.h"
#include "libos_table.h"

long libos_syscall_getpid(void) {
    return cur_process()->pid;
}

long libos_syscall_gettid(void) {
    return get_cur_thread()->tid;
}

long libos_syscall_getppid(void) {
    return __atomic_load_n(&coord_process_current()->ppid, __ATOMIC_RELAXED);
}

long libos_syscall_getpgrp(void) {
    return __atomic_load_n(&coord_process_current()->pgid, __ATOMIC_RELAXED);
}

long libos_syscall_getpgid(int pid) {
    return coord_getpgid(pid);
}

long libos_syscall_getsid(int pid) {
    return coord_getsid(pid);
}

long libos_syscall_setpgid(int pid, int pgid) {
    return coord_setpgid(pid, pgid);
}

long libos_syscall_setsid(void) {
    return coord_setsid();
}
