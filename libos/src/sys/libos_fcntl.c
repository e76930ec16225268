/*
 * fcntl(2).
 */
#include <linux/fs.h>

#include "libos_event.h"
#include "libos_fcntl.h"
#include "libos_fs_calls.h"
#include "libos_process.h"
#include "libos_table.h"

#define F_DUPFD_QUERY_ 1027 /* F_LINUX_SPECIFIC_BASE + 3, Linux 6.10 */
#define SETFL_MASK     (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME | FASYNC)

static long get_flags(struct libos_file* f) {
    return __atomic_load_n(&f->flags, __ATOMIC_RELAXED);
}

static long set_flags(struct libos_file* f, int fd, unsigned long arg) {
    uint32_t old = get_flags(f);
    uint32_t want = (old & ~SETFL_MASK) | (arg & SETFL_MASK);
    if ((want ^ old) & O_NOATIME & want) {
        struct libos_stat st;
        long ret = libos_file_stat(f, &st);
        if (ret)
            return ret;
        if (st.uid != get_cur_thread()->fsuid && !libos_capable(CAP_FOWNER))
            return -EPERM;
    }
    /* On a file that cannot tell by SIGIO the flag does not take. */
    bool async = want & FASYNC;
    if (((want ^ old) & FASYNC) && libos_sigio_possible(f)) {
        long ret = libos_sigio_set(f, fd, async);
        if (ret)
            return ret;
        old = (old & ~FASYNC) | (async ? FASYNC : 0);
    }
    want = (want & ~FASYNC) | (old & FASYNC);
    if (want != old && f->ops->set_flags) {
        long ret = f->ops->set_flags(f, want);
        if (ret)
            return ret;
    }
    __atomic_store_n(&f->flags, want, __ATOMIC_RELAXED);
    libos_file_changed(f);
    return 0;
}

/* ---- owner and signal of SIGIO -------------------------------------------------
 */

/* By a process, a thread or a group. */
static bool id_is_used(int32_t id) {
    siginfo_t none = {.si_signo = 0};
    bool self;
    return id > 0 && (coord_id_owner(id) || coord_kill(-id, &none, &self) != -ESRCH);
}

static long set_owner(struct libos_file* f, long arg) {
    if (arg == INT32_MIN)
        return -EINVAL;
    int32_t pid = arg;
    if (pid && !id_is_used(pid < 0 ? -pid : pid))
        return -ESRCH;
    f->owner_type = pid < 0 ? F_OWNER_PGRP : F_OWNER_PID;
    f->owner_pid = pid < 0 ? -pid : pid;
    libos_file_changed(f);
    return 0;
}

static long get_owner(struct libos_file* f) {
    return f->owner_type == F_OWNER_PGRP ? -f->owner_pid : f->owner_pid;
}

static long set_owner_ex(struct libos_file* f, unsigned long arg) {
    struct f_owner_ex ex;
    if (user_get(ex, (void*)arg))
        return -EFAULT;
    if (ex.type != F_OWNER_TID && ex.type != F_OWNER_PID && ex.type != F_OWNER_PGRP)
        return -EINVAL;
    if (ex.pid && !id_is_used(ex.pid))
        return -ESRCH;
    f->owner_type = ex.type;
    f->owner_pid = ex.pid;
    libos_file_changed(f);
    return 0;
}

static long get_owner_ex(struct libos_file* f, unsigned long arg) {
    struct f_owner_ex ex = {.type = f->owner_pid ? (int)f->owner_type : F_OWNER_PID,
                            .pid = f->owner_pid};
    return user_put(ex, (void*)arg);
}

static long set_signal(struct libos_file* f, unsigned long arg) {
    if (arg > LIBOS_NSIG)
        return -EINVAL;
    f->owner_sig = arg;
    libos_file_changed(f);
    return 0;
}

/* ---- seals, hints -----------------------------------------------------------------------------
 */

/* tmpfs files have seals too: the one that forbids any more. */
static bool on_tmpfs(struct libos_file* f) {
    struct libos_mount* m = f->path ? f->path->mount : NULL;
    return m && strcmp(m->ops->name, "tmpfs") == 0 && libos_file_type(f) == S_IFREG;
}

static long get_seals(struct libos_file* f) {
    uint32_t seals = 0;
    if (on_tmpfs(f))
        return 1; /* F_SEAL_SEAL */
    if (!f->host || libos_file_type(f) != S_IFREG)
        return -EINVAL;
    int ret = PalStreamControl(f->host, PAL_OP_SEALS_GET, &seals, sizeof(seals));
    return ret < 0 ? pal_to_errno(ret) : (long)seals;
}

static long add_seals(struct libos_file* f, unsigned long arg) {
    uint32_t seals = arg;
    if (on_tmpfs(f))
        return seals & ~0x3fu ? -EINVAL : -EPERM;
    if (!f->host || libos_file_type(f) != S_IFREG)
        return -EINVAL;
    if (!((f->flags & O_ACCMODE) & (O_WRONLY | O_RDWR)))
        return -EPERM;
    return pal_to_errno(PalStreamControl(f->host, PAL_OP_SEALS_ADD, &seals, sizeof(seals)));
}

/* ------------------------------------------------------------------------------------------------
 */

static long dup_fd(struct libos_file* f, unsigned long min, bool cloexec) {
    if (min >= libos_rlimit(RLIMIT_NOFILE))
        return -EINVAL;
    return libos_fd_install(f, cloexec, min);
}

/* What may be asked of an O_PATH descriptor too. -ENOSYS: none of these. */
static long fcntl_any(int fd, struct libos_file* f, unsigned int cmd, unsigned long arg) {
    switch (cmd) {
        case F_DUPFD:
            return dup_fd(f, arg, false);
        case F_DUPFD_CLOEXEC:
            return dup_fd(f, arg, true);
        case F_GETFD:
            return libos_fd_get_cloexec(fd);
        case F_SETFD:
            return libos_fd_set_cloexec(fd, arg & FD_CLOEXEC);
        case F_GETFL:
            return get_flags(f);
        case F_DUPFD_QUERY_: {
            struct libos_file* other = libos_fd_get(arg);
            if (!other)
                return -EBADF;
            libos_file_put(other);
            return other == f;
        }
        default:
            return -ENOSYS;
    }
}

static long fcntl_open(struct libos_file* f, int fd, unsigned int cmd, unsigned long arg) {
    switch (cmd) {
        case F_SETFL:
            return set_flags(f, fd, arg);
        case F_GETLK:
            return libos_fcntl_getlk(f, arg, false);
        case F_SETLK:
        case F_SETLKW:
            return libos_fcntl_setlk(f, arg, false, cmd == F_SETLKW);
        case F_OFD_GETLK:
            return libos_fcntl_getlk(f, arg, true);
        case F_OFD_SETLK:
        case F_OFD_SETLKW:
            return libos_fcntl_setlk(f, arg, true, cmd == F_OFD_SETLKW);
        case F_SETOWN:
            return set_owner(f, (int)arg);
        case F_GETOWN:
            return get_owner(f);
        case F_SETOWN_EX:
            return set_owner_ex(f, arg);
        case F_GETOWN_EX:
            return get_owner_ex(f, arg);
        case F_SETSIG:
            return set_signal(f, arg);
        case F_GETSIG:
            return f->owner_sig;
        case F_GETLEASE:
            return F_UNLCK;
        case F_SETPIPE_SZ:
        case F_GETPIPE_SZ:
            return libos_pipe_fcntl(f, cmd, arg);
        case F_NOTIFY: /* taking a watch off that can't be there; else as without CONFIG_DNOTIFY */
            return arg & ~(unsigned long)DN_MULTISHOT ? -EINVAL : 0;
        case F_GET_SEALS:
            return get_seals(f);
        case F_ADD_SEALS:
            return add_seals(f, arg);
        default:
            return -EINVAL; /* leases, directory notification, hints: as a kernel without them */
    }
}

long libos_syscall_fcntl(unsigned int fd, unsigned int cmd, unsigned long arg) {
    struct libos_file* f = libos_fd_get(fd);
    if (!f)
        return -EBADF;
    long ret = fcntl_any(fd, f, cmd, arg);
    if (ret == -ENOSYS)
        ret = f->flags & O_PATH ? -EBADF : fcntl_open(f, fd, cmd, arg);
    libos_file_put(f);
    return ret;
}
