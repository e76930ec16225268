/*
 * Do two threads share a resource? kcmp(2).
 */
#include <linux/kcmp.h>

#include "../event/libos_epoll_internal.h"
#include "libos_file.h"
#include "libos_process.h"
#include "libos_table.h"

/* 0 equal, 1 less, 2 greater: an order that does not give addresses away. */
static long compare(const void* a, const void* b) {
    static uint64_t secret;
    if (!secret)
        PalRandomBitsRead(&secret, sizeof(secret));
    uint64_t x = ((uint64_t)a ^ secret) * (secret | 1), y = ((uint64_t)b ^ secret) * (secret | 1);
    return x == y ? 0 : x < y ? 1 : 2;
}

/* The descriptors are looked up in the caller's table: with CLONE_THREAD, CLONE_FILES is the rule.
 */
static long compare_files(unsigned long fd1, unsigned long fd2) {
    struct libos_file* f1 = libos_fd_get(fd1);
    struct libos_file* f2 = libos_fd_get(fd2);
    long ret = f1 && f2 ? compare(f1, f2) : -EBADF;
    if (f1)
        libos_file_put(f1);
    if (f2)
        libos_file_put(f2);
    return ret;
}

/* Is fd1 what the epoll instance knows under that descriptor? */
static long compare_target(unsigned long fd1, unsigned long user_slot) {
    struct kcmp_epoll_slot slot;
    if (user_get(slot, (void*)user_slot) < 0)
        return -EFAULT;
    struct libos_file* f = libos_fd_get((int)fd1);
    struct libos_file* epoll = f ? libos_fd_get((int)slot.efd) : NULL;
    const void* target = NULL;
    long ret = epoll ? libos_epoll_target(epoll, (int)slot.tfd, slot.toff, &target) : -EBADF;
    if (ret == 0)
        ret = compare(f, target);
    if (epoll)
        libos_file_put(epoll);
    if (f)
        libos_file_put(f);
    return ret;
}

static long compare_threads(const struct libos_thread* t1, const struct libos_thread* t2, int type,
                            unsigned long idx1, unsigned long idx2) {
    switch (type) {
        case KCMP_FILE:
            if (t1->files != t2->files || t1->files != get_cur_thread()->files)
                return -EOPNOTSUPP;
            return compare_files(idx1, idx2);
        case KCMP_EPOLL_TFD:
            if (t1->files != t2->files || t1->files != get_cur_thread()->files)
                return -EOPNOTSUPP;
            return compare_target(idx1, idx2);
        case KCMP_FILES:
            return compare(t1->files, t2->files);
        case KCMP_FS:
            return compare(t1->fs, t2->fs);
        case KCMP_VM:
        case KCMP_SIGHAND:
        case KCMP_IO:
        case KCMP_SYSVSEM:
            return 0; /* threads of one process share them */
        default:
            return -EINVAL;
    }
}

long libos_syscall_kcmp(pid_t pid1, pid_t pid2, int type, unsigned long idx1, unsigned long idx2) {
    struct libos_thread* t1 = libos_thread_find(pid1);
    struct libos_thread* t2 = libos_thread_find(pid2);
    long ret = t1 && t2 ? compare_threads(t1, t2, type, idx1, idx2) : -ESRCH;
    if (t1)
        libos_thread_put(t1);
    if (t2)
        libos_thread_put(t2);
    return ret;
}
