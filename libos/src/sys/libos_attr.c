/*
 * Attributes: chmod(2), chown(2), utimensat(2) and kin.
 */
#include <linux/time.h>
#include <linux/utime.h>

#include "libos_event.h"
#include "libos_fs_calls.h"
#include "libos_table.h"

static long set_attr(struct libos_file* f, const struct libos_attr* attr) {
    if (libos_file_readonly(f))
        return -EROFS;
    struct libos_mount* m = f->path ? f->path->mount : NULL;
    if (!m || !m->ops->setattr)
        return f->host ? libos_chroot_setattr(f, attr) : -EPERM;
    return m->ops->setattr(f, attr);
}

static long set_attr_fd(int fd, const struct libos_attr* attr, bool path_too) {
    struct libos_file* f = path_too ? libos_fd_get(fd) : libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    long ret = set_attr(f, attr);
    libos_file_put(f);
    return ret;
}

static long set_attr_at(int dfd, const char* filename, int flags, const struct libos_attr* attr) {
    struct libos_lookup l;
    struct libos_file* f;
    unsigned int how = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
                       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
    long ret = libos_lookup_start_user(&l, dfd, filename, how);
    if (!ret)
        ret = libos_lookup_path(&l, 0, &f);
    libos_lookup_end(&l);
    if (ret)
        return ret;
    ret = set_attr(f, attr);
    libos_file_put(f);
    return ret;
}

/* ---- mode -------------------------------------------------------------------------------------
 */

static struct libos_attr mode_attr(mode_t mode) {
    return (struct libos_attr){.which = PAL_SETATTR_MODE, .mode = mode & 07777};
}

long libos_syscall_chmod(const char* filename, mode_t mode) {
    struct libos_attr attr = mode_attr(mode);
    return set_attr_at(AT_FDCWD, filename, 0, &attr);
}

long libos_syscall_fchmod(unsigned int fd, mode_t mode) {
    struct libos_attr attr = mode_attr(mode);
    return set_attr_fd(fd, &attr, false);
}

long libos_syscall_fchmodat(int dfd, const char* filename, mode_t mode) {
    struct libos_attr attr = mode_attr(mode);
    return set_attr_at(dfd, filename, 0, &attr);
}

long libos_syscall_fchmodat2(int dfd, const char* filename, mode_t mode, unsigned int flags) {
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    struct libos_attr attr = mode_attr(mode);
    return set_attr_at(dfd, filename, flags, &attr);
}

/* ---- owner ------------------------------------------------------------------------------------
 */

static struct libos_attr owner_attr(uid_t user, gid_t group) {
    return (struct libos_attr){.which = PAL_SETATTR_OWNER, .uid = user, .gid = group};
}

long libos_syscall_fchownat(int dfd, const char* filename, uid_t user, gid_t group, int flag) {
    if (flag & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    struct libos_attr attr = owner_attr(user, group);
    return set_attr_at(dfd, filename, flag, &attr);
}

long libos_syscall_chown(const char* filename, uid_t user, gid_t group) {
    return libos_syscall_fchownat(AT_FDCWD, filename, user, group, 0);
}

long libos_syscall_lchown(const char* filename, uid_t user, gid_t group) {
    return libos_syscall_fchownat(AT_FDCWD, filename, user, group, AT_SYMLINK_NOFOLLOW);
}

long libos_syscall_fchown(unsigned int fd, uid_t user, gid_t group) {
    struct libos_attr attr = owner_attr(user, group);
    return set_attr_fd(fd, &attr, false);
}

/* ---- times ------------------------------------------------------------------------------------
 */

#define NOW_  ((1L << 30) - 1L) /* UTIME_NOW */
#define OMIT_ ((1L << 30) - 2L) /* UTIME_OMIT */

static const struct libos_attr g_both_now = {.which =
                                                 PAL_SETATTR_ATIME_NOW | PAL_SETATTR_MTIME_NOW};

static long time_ns(int64_t sec, int64_t nsec, uint32_t set, uint32_t now, uint32_t* which,
                    int64_t* ns) {
    if (nsec == OMIT_)
        return 0;
    if (nsec == NOW_) {
        *which |= now;
        return 0;
    }
    if (nsec < 0 || nsec > 999999999)
        return -EINVAL;
    *which |= set;
    /* What does not fit in nanoseconds is the nearest that does, as file systems clamp. */
    if (sec > INT64_MAX / 1000000000 - 1)
        *ns = INT64_MAX;
    else if (sec < INT64_MIN / 1000000000 + 1)
        *ns = INT64_MIN;
    else
        *ns = sec * 1000000000 + nsec;
    return 0;
}

static long times_attr(const struct __kernel_timespec t[2], struct libos_attr* attr) {
    *attr = (struct libos_attr){0};
    long ret = time_ns(t[0].tv_sec, t[0].tv_nsec, PAL_SETATTR_ATIME, PAL_SETATTR_ATIME_NOW,
                       &attr->which, &attr->atime_ns);
    return ret ? ret
               : time_ns(t[1].tv_sec, t[1].tv_nsec, PAL_SETATTR_MTIME, PAL_SETATTR_MTIME_NOW,
                         &attr->which, &attr->mtime_ns);
}

static long set_times(int dfd, const char* filename, int flags, const struct libos_attr* attr) {
    if (!filename && dfd != AT_FDCWD) {
        if (flags)
            return -EINVAL;
        return set_attr_fd(dfd, attr, false);
    }
    return set_attr_at(dfd, filename, flags, attr);
}

long libos_syscall_utimensat(int dfd, const char* filename, struct __kernel_timespec* utimes,
                             int flags) {
    struct libos_attr attr = g_both_now;
    if (utimes) {
        struct __kernel_timespec t[2];
        if (user_copy_from(t, utimes, sizeof(t)))
            return -EFAULT;
        if (t[0].tv_nsec == OMIT_ && t[1].tv_nsec == OMIT_)
            return 0; /* not even the path is looked at */
        long ret = times_attr(t, &attr);
        if (ret)
            return ret;
    }
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return set_times(dfd, filename, flags, &attr);
}

long libos_syscall_futimesat(int dfd, const char* filename, struct __kernel_old_timeval* utimes) {
    struct libos_attr attr = g_both_now;
    if (utimes) {
        struct __kernel_old_timeval tv[2];
        if (user_copy_from(tv, utimes, sizeof(tv)))
            return -EFAULT;
        struct __kernel_timespec t[2];
        for (int i = 0; i < 2; i++) {
            if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
                return -EINVAL;
            t[i].tv_sec = tv[i].tv_sec;
            t[i].tv_nsec = tv[i].tv_usec * 1000;
        }
        times_attr(t, &attr);
    }
    return set_times(dfd, filename, 0, &attr);
}

long libos_syscall_utimes(char* filename, struct __kernel_old_timeval* utimes) {
    return libos_syscall_futimesat(AT_FDCWD, filename, utimes);
}

long libos_syscall_utime(const char* filename, struct utimbuf* times) {
    struct libos_attr attr = g_both_now;
    if (times) {
        struct utimbuf u;
        if (user_copy_from(&u, times, sizeof(u)))
            return -EFAULT;
        struct __kernel_timespec t[2] = {{.tv_sec = u.actime}, {.tv_sec = u.modtime}};
        times_attr(t, &attr);
    }
    return set_attr_at(AT_FDCWD, filename, 0, &attr);
}
