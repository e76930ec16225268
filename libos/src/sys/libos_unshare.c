/*
 * unshare(2), setns(2): descriptors, directories and semaphore adjustments apart from the other
 * threads. Namespaces: none may be made, as where all of /proc/sys/user/max_*_namespaces are 0.
 */
#include <linux/capability.h>
#include <linux/sched.h>

#include "libos_fs_calls.h"
#include "libos_ipc.h"
#include "libos_namespace.h"
#include "libos_pidfd.h"
#include "libos_process.h"
#include "libos_table.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define NAMESPACES                                                                                 \
    (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP |   \
     CLONE_NEWTIME)
#define KNOWN                                                                                      \
    (CLONE_THREAD | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES | CLONE_SYSVSEM |            \
     CLONE_NEWUSER | NAMESPACES)

static bool has_other_threads(void) {
    return __atomic_load_n(&cur_process()->thread_count, __ATOMIC_ACQUIRE) > 1;
}

/* A table of its own; a lone thread has it already. */
static long unshare_files(struct libos_thread* t) {
    struct libos_fd_table* mine = has_other_threads() ? libos_fd_table_clone(t->files) : NULL;
    if (!mine)
        return has_other_threads() ? -ENOMEM : 0;
    struct libos_fd_table* old = t->files;
    t->files = mine;
    libos_fd_table_put(old);
    return 0;
}

static long unshare_fs(struct libos_thread* t) {
    if (__atomic_load_n(&t->fs->ref.count, __ATOMIC_ACQUIRE) == 1)
        return 0;
    struct libos_fs_info* mine = libos_fs_info_clone(t->fs);
    if (!mine)
        return -ENOMEM;
    struct libos_fs_info* old = t->fs;
    t->fs = mine;
    libos_fs_info_put(old);
    return 0;
}

long libos_syscall_unshare(unsigned long flags) {
    struct libos_thread* t = get_cur_thread();
    if (flags & CLONE_NEWUSER)
        flags |= CLONE_THREAD | CLONE_FS;
    if (flags & CLONE_VM)
        flags |= CLONE_SIGHAND;
    if (flags & CLONE_SIGHAND)
        flags |= CLONE_THREAD;
    if (flags & CLONE_NEWNS)
        flags |= CLONE_FS;
    if (flags & ~(unsigned long)KNOWN)
        return -EINVAL;
    if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) && has_other_threads())
        return -EINVAL;
    if (flags & CLONE_NEWUSER)
        return -ENOSPC;
    if (flags & NAMESPACES)
        return libos_capable(CAP_SYS_ADMIN) ? -ENOSPC : -EPERM;
    long ret = flags & CLONE_FILES ? unshare_files(t) : 0;
    if (ret == 0 && (flags & CLONE_FS))
        ret = unshare_fs(t);
    if (ret == 0 && (flags & CLONE_SYSVSEM))
        libos_ipc_thread_exit(t);
    return ret;
}

/* ---- setns ----------------------------------------------------------------------------------- */

/* Into a namespace of one's own kind, and there is only one of each: rights are checked, and
 * nothing changes. */
static long join(uint32_t kind) {
    struct libos_thread* t = get_cur_thread();
    switch (kind) {
        case CLONE_NEWUSER:
            return -EINVAL; /* it is in it */
        case CLONE_NEWTIME:
            if (has_other_threads())
                return -EUSERS;
            break;
        case CLONE_NEWNS:
            if (!libos_capable(CAP_SYS_CHROOT))
                return -EPERM;
            if (libos_capable(CAP_SYS_ADMIN) &&
                __atomic_load_n(&t->fs->ref.count, __ATOMIC_ACQUIRE) != 1)
                return -EINVAL;
            break;
    }
    return libos_capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

/* By a process descriptor: all kinds in flags, of a process that shares them all. */
static long join_all(int flags) {
    if (!flags || (flags & ~(NAMESPACES | CLONE_NEWUSER)))
        return -EINVAL;
    for (uint32_t kind = 1; kind; kind <<= 1) {
        long ret = (uint32_t)flags & kind ? join(kind) : 0;
        if (ret < 0)
            return ret;
    }
    if (flags & CLONE_NEWNS) { /* the thread then starts over at the root */
        struct libos_file* root = libos_fs_get_root();
        libos_fs_set_cwd(root);
        libos_file_put(root);
    }
    return 0;
}

long libos_syscall_setns(int fd, int flags) {
    struct libos_file* f = libos_fd_get(fd);
    if (!f)
        return -EBADF;
    long ret = -EINVAL;
    uint32_t kind = libos_namespace_kind(f);
    if (kind)
        ret = flags && (uint32_t)flags != kind ? -EINVAL : join_all((int)kind);
    else if (libos_is_pidfd(f))
        ret = join_all(flags);
    libos_file_put(f);
    return ret;
}
