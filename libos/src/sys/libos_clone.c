/*
 * clone, clone3, fork, vfork, exit, exit_group, set_tid_address: decoding.
 */
#include "../proc/libos_clone.h"
#include "../proc/libos_proc_internal.h"
#include "libos_table.h"

long libos_syscall_clone(unsigned long flags, unsigned long stack, int* parent_tid, int* child_tid,
                         unsigned long tls) {
    struct libos_clone_args a = {
        .flags = (uint32_t)flags & ~CSIGNAL,
        .exit_signal = flags & CSIGNAL,
        .stack = stack,
        .parent_tid = (uint32_t*)parent_tid,
        .child_tid = (uint32_t*)child_tid,
        .pidfd = parent_tid,
        .tls = tls,
    };
    if ((flags & CLONE_PIDFD) && (flags & (CLONE_PARENT_SETTID | CLONE_DETACHED)))
        return -EINVAL;
    return libos_clone(&a);
}

#define CLONE3_FLAGS_KNOWN                                                                         \
    ((uint64_t)(0xffffffffULL & ~(CSIGNAL | CLONE_DETACHED)) | CLONE_CLEAR_SIGHAND |               \
     CLONE_INTO_CGROUP)

/* As copy_clone_args_from_user() and clone3_args_valid() check them. */
static int read_clone_args(struct clone_args* ca, const void* uargs, size_t size) {
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (size < CLONE_ARGS_SIZE_VER0)
        return -EINVAL;
    memset(ca, 0, sizeof(*ca));
    if (user_copy_from(ca, uargs, MIN(size, sizeof(*ca))) < 0)
        return -EFAULT;
    for (size_t i = sizeof(*ca); i < size; i++) {
        uint8_t extra;
        if (user_copy_from(&extra, (const char*)uargs + i, 1) < 0)
            return -EFAULT;
        if (extra)
            return -E2BIG;
    }
    if (ca->set_tid_size > 32 || (!ca->set_tid && ca->set_tid_size) ||
        (ca->set_tid && !ca->set_tid_size))
        return -EINVAL;
    if ((ca->exit_signal & ~(uint64_t)CSIGNAL) || ca->exit_signal > LIBOS_NSIG)
        return -EINVAL;
    if ((ca->flags & ~CLONE3_FLAGS_KNOWN))
        return -EINVAL;
    if ((ca->flags & CLONE_SIGHAND) && (ca->flags & CLONE_CLEAR_SIGHAND))
        return -EINVAL;
    if ((ca->flags & (CLONE_THREAD | CLONE_PARENT)) && ca->exit_signal)
        return -EINVAL;
    if (ca->stack ? !ca->stack_size || !access_ok((void*)ca->stack, ca->stack_size)
                  : ca->stack_size != 0)
        return -EINVAL;
    return 0;
}

long libos_syscall_clone3(struct clone_args* uargs, size_t size) {
    struct clone_args ca;
    int ret = read_clone_args(&ca, uargs, size);
    if (ret < 0)
        return ret;
    if (ca.set_tid_size)
        return -EPERM; /* choosing a tid takes CAP_CHECKPOINT_RESTORE of the pid namespace */
    if (ca.flags & CLONE_INTO_CGROUP)
        return -EBADF; /* there is no cgroup directory to name */
    struct libos_clone_args a = {
        .flags = ca.flags,
        .exit_signal = ca.exit_signal,
        .stack = ca.stack ? ca.stack + ca.stack_size : 0,
        .parent_tid = (uint32_t*)ca.parent_tid,
        .child_tid = (uint32_t*)ca.child_tid,
        .pidfd = (int*)ca.pidfd,
        .tls = ca.tls,
    };
    return libos_clone(&a);
}

long libos_syscall_fork(void) {
    struct libos_clone_args a = {.exit_signal = SIGCHLD};
    return libos_clone(&a);
}

long libos_syscall_vfork(void) {
    struct libos_clone_args a = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};
    return libos_clone(&a);
}

long libos_syscall_exit(int status) {
    libos_thread_exit((status & 0xff) << 8);
}

long libos_syscall_exit_group(int status) {
    libos_process_exit((status & 0xff) << 8);
}

long libos_syscall_set_tid_address(int* tidptr) {
    get_cur_thread()->clear_child_tid = (uint32_t*)tidptr;
    return get_cur_thread()->tid;
}
