/*
 * stat(2) and kin, statx(2), access(2), readlink(2).
 */
#include <asm/stat.h>
#include <linux/fs.h>

#include "libos_event.h"
#include "libos_fd_table.h"
#include "libos_fs_calls.h"
#include "libos_table.h"

#define NS_PER_S 1000000000LL

static int64_t seconds(int64_t ns) {
    return ns >= 0 ? ns / NS_PER_S : -((-ns + NS_PER_S - 1) / NS_PER_S);
}
static int64_t nanoseconds(int64_t ns) {
    return ns - seconds(ns) * NS_PER_S;
}

/* Rounded down; almost never negative. */
static inline void put_time(int64_t ns, unsigned long* s, unsigned long* rest) {
    if (__builtin_expect(ns >= 0, 1)) {
        *s = (uint64_t)ns / NS_PER_S;
        *rest = (uint64_t)ns % NS_PER_S;
    } else {
        *s = seconds(ns);
        *rest = nanoseconds(ns);
    }
}

static long put_stat(const struct libos_stat* st, struct stat* user) {
    struct stat out;
    INIT_STRUCT_STAT_PADDING(out);
    out.st_dev = st->dev;
    out.st_ino = st->ino;
    out.st_nlink = st->nlink;
    out.st_mode = st->mode;
    out.st_uid = st->uid;
    out.st_gid = st->gid;
    out.st_rdev = st->rdev;
    out.st_size = st->size;
    out.st_blksize = st->blksize;
    out.st_blocks = st->blocks;
    put_time(st->atime_ns, &out.st_atime, &out.st_atime_nsec);
    put_time(st->mtime_ns, &out.st_mtime, &out.st_mtime_nsec);
    put_time(st->ctime_ns, &out.st_ctime, &out.st_ctime_nsec);
    return user_put(out, user);
}

static long stat_path(int dirfd, const char* upath, unsigned int flags, struct libos_stat* st) {
    struct libos_lookup l;
    long ret = libos_lookup_start_user(&l, dirfd, upath, flags);
    if (!ret)
        ret = libos_lookup_stat(&l, st);
    libos_lookup_end(&l);
    return ret;
}

static unsigned int lookup_flags(unsigned int at_flags) {
    return (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
           (at_flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}

long libos_syscall_stat(const char* filename, struct stat* statbuf) {
    struct libos_stat st;
    long ret = stat_path(AT_FDCWD, filename, LOOKUP_FOLLOW, &st);
    return ret ? ret : put_stat(&st, statbuf);
}

long libos_syscall_lstat(const char* filename, struct stat* statbuf) {
    struct libos_stat st;
    long ret = stat_path(AT_FDCWD, filename, 0, &st);
    return ret ? ret : put_stat(&st, statbuf);
}

static long stat_fd(int fd, struct libos_stat* st) {
    struct libos_file* f = libos_fd_use(fd);
    if (!f)
        return -EBADF;
    long ret = libos_file_stat(f, st);
    libos_fd_done(f);
    return ret;
}

long libos_syscall_fstat(unsigned int fd, struct stat* statbuf) {
    struct libos_stat st;
    long ret = stat_fd(fd, &st);
    return ret ? ret : put_stat(&st, statbuf);
}

/* AT_EMPTY_PATH with an empty (or, since Linux 6.11, NULL) path and a descriptor: fstat. */
static bool names_fd(int dfd, const char* filename, unsigned int flags) {
    char first;
    return (flags & AT_EMPTY_PATH) && dfd >= 0 &&
           (!filename || (!user_copy_from(&first, filename, 1) && !first));
}

static long stat_at(int dfd, const char* filename, unsigned int flags, struct libos_stat* st) {
    if (names_fd(dfd, filename, flags))
        return stat_fd(dfd, st);
    if (!filename && (flags & AT_EMPTY_PATH) && dfd == AT_FDCWD)
        return libos_stat_path(AT_FDCWD, "", flags, st);
    return stat_path(dfd, filename, lookup_flags(flags), st);
}

long libos_syscall_newfstatat(int dfd, const char* filename, struct stat* statbuf, int flag) {
    if (flag & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
        return -EINVAL;
    struct libos_stat st;
    long ret = stat_at(dfd, filename, flag, &st);
    return ret ? ret : put_stat(&st, statbuf);
}

/* ---- statx ------------------------------------------------------------------------------------
 */

static struct statx_timestamp timestamp(int64_t ns) {
    return (struct statx_timestamp){.tv_sec = seconds(ns), .tv_nsec = nanoseconds(ns)};
}

static uint32_t dev_major(uint64_t dev) {
    return (dev >> 8) & 0xfff;
}
static uint32_t dev_minor(uint64_t dev) {
    return (dev & 0xff) | ((dev >> 12) & 0xfff00);
}

long libos_syscall_statx(int dfd, const char* filename, unsigned int flags, unsigned int mask,
                         struct statx* buffer) {
    if (mask & STATX__RESERVED)
        return -EINVAL;
    if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
        return -EINVAL;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
        return -EINVAL;
    struct libos_stat st;
    long ret = stat_at(dfd, filename, flags, &st);
    if (ret)
        return ret;
    struct statx out = {
        .stx_mask = STATX_BASIC_STATS | STATX_MNT_ID,
        .stx_blksize = st.blksize,
        .stx_attributes = st.attributes,
        .stx_attributes_mask = st.attributes_mask,
        .stx_nlink = st.nlink,
        .stx_uid = st.uid,
        .stx_gid = st.gid,
        .stx_mode = st.mode,
        .stx_ino = st.ino,
        .stx_size = st.size,
        .stx_blocks = st.blocks,
        .stx_atime = timestamp(st.atime_ns),
        .stx_mtime = timestamp(st.mtime_ns),
        .stx_ctime = timestamp(st.ctime_ns),
        .stx_rdev_major = dev_major(st.rdev),
        .stx_rdev_minor = dev_minor(st.rdev),
        .stx_dev_major = dev_major(st.dev),
        .stx_dev_minor = dev_minor(st.dev),
        .stx_mnt_id = st.mount_id,
    };
    if (st.btime_ns != -1) {
        out.stx_mask |= STATX_BTIME;
        out.stx_btime = timestamp(st.btime_ns);
    }
    return user_put(out, buffer);
}

/* ---- access -----------------------------------------------------------------------------------
 */

static long do_access(int dfd, const char* filename, int mode, int flags) {
    if (mode & ~7)
        return -EINVAL;
    if (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    struct libos_stat st;
    struct libos_lookup l;
    long ret = libos_lookup_start_user(&l, dfd, filename, lookup_flags(flags));
    if (!ret)
        ret = libos_lookup_stat(&l, &st);
    bool readonly = !ret && l.at.mount && l.at.mount->readonly;
    libos_lookup_end(&l);
    if (ret || !mode)
        return ret;
    ret = libos_access(&st, mode, flags & AT_EACCESS);
    uint32_t type = st.mode & S_IFMT;
    if (!ret && readonly && (mode & 2) && (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
        ret = -EROFS;
    return ret;
}

long libos_syscall_access(const char* filename, int mode) {
    return do_access(AT_FDCWD, filename, mode, 0);
}

long libos_syscall_faccessat(int dfd, const char* filename, int mode) {
    return do_access(dfd, filename, mode, 0);
}

long libos_syscall_faccessat2(int dfd, const char* filename, int mode, int flags) {
    return do_access(dfd, filename, mode, flags);
}

/* ---- readlink ---------------------------------------------------------------------------------
 */

long libos_syscall_readlinkat(int dfd, const char* path, char* buf, int bufsiz) {
    if (bufsiz <= 0)
        return -EINVAL;
    char target[PATH_MAX];
    struct libos_lookup l;
    long ret = libos_lookup_start_user(&l, dfd, path, LOOKUP_EMPTY);
    if (!ret)
        ret = libos_lookup_readlink(&l, target, MIN((size_t)bufsiz, sizeof(target)));
    libos_lookup_end(&l);
    if (ret > 0 && user_copy_to(buf, target, ret))
        ret = -EFAULT;
    return ret;
}

long libos_syscall_readlink(const char* path, char* buf, int bufsiz) {
    return libos_syscall_readlinkat(AT_FDCWD, path, buf, bufsiz);
}
