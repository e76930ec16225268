/*
 * Names: unlink(2), link(2), symlink(2), rename(2), mknod(2).
 */
#include <linux/fs.h>

#include "libos_event.h"
#include "libos_fs_calls.h"
#include "libos_process.h"
#include "libos_table.h"

long libos_syscall_unlinkat(int dfd, const char* pathname, int flag) {
    if (flag & ~AT_REMOVEDIR)
        return -EINVAL;
    struct libos_lookup l;
    long ret = libos_lookup_start_user(&l, dfd, pathname, LOOKUP_NAME);
    if (!ret)
        ret = libos_lookup_unlink(&l, flag & AT_REMOVEDIR);
    libos_lookup_end(&l);
    return ret;
}

long libos_syscall_unlink(const char* pathname) {
    return libos_syscall_unlinkat(AT_FDCWD, pathname, 0);
}

/* ---- link -------------------------------------------------------------------------------------
 */

long libos_syscall_linkat(int olddfd, const char* oldname, int newdfd, const char* newname,
                          int flags) {
    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    unsigned int how = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : LOOKUP_NAME;
    if (flags & AT_EMPTY_PATH)
        how |= LOOKUP_EMPTY;
    struct libos_lookup from, to;
    long ret = libos_lookup_start_user(&from, olddfd, oldname, how);
    to.base = to.root = NULL;
    if (!ret)
        ret = libos_lookup_start_user(&to, newdfd, newname, LOOKUP_NAME);
    if (!ret)
        ret = libos_lookup_link(&from, &to);
    libos_lookup_end(&from);
    libos_lookup_end(&to);
    return ret;
}

long libos_syscall_link(const char* oldname, const char* newname) {
    return libos_syscall_linkat(AT_FDCWD, oldname, AT_FDCWD, newname, 0);
}

long libos_syscall_symlinkat(const char* oldname, int newdfd, const char* newname) {
    char target[PATH_MAX];
    long len = user_copy_string(target, oldname, sizeof(target));
    if (len < 0)
        return len;
    if ((size_t)len >= sizeof(target))
        return -ENAMETOOLONG;
    if (!len)
        return -ENOENT;
    struct libos_lookup l;
    long ret = libos_lookup_start_user(&l, newdfd, newname, LOOKUP_NAME);
    if (!ret)
        ret = libos_lookup_symlink(&l, target);
    libos_lookup_end(&l);
    return ret;
}

long libos_syscall_symlink(const char* oldname, const char* newname) {
    return libos_syscall_symlinkat(oldname, AT_FDCWD, newname);
}

/* ---- rename -----------------------------------------------------------------------------------
 */

long libos_syscall_renameat2(int olddfd, const char* oldname, int newdfd, const char* newname,
                             unsigned int flags) {
    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
        return -EINVAL;
    if ((flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) && (flags & RENAME_EXCHANGE))
        return -EINVAL;
    struct libos_lookup from, to;
    long ret = libos_lookup_start_user(&from, olddfd, oldname, LOOKUP_NAME);
    to.base = to.root = NULL;
    if (!ret)
        ret = libos_lookup_start_user(&to, newdfd, newname, LOOKUP_NAME);
    if (!ret)
        ret = libos_lookup_rename(&from, &to, flags);
    libos_lookup_end(&from);
    libos_lookup_end(&to);
    return ret;
}

long libos_syscall_renameat(int olddfd, const char* oldname, int newdfd, const char* newname) {
    return libos_syscall_renameat2(olddfd, oldname, newdfd, newname, 0);
}

long libos_syscall_rename(const char* oldname, const char* newname) {
    return libos_syscall_renameat2(AT_FDCWD, oldname, AT_FDCWD, newname, 0);
}

/* ---- mknod ------------------------------------------------------------------------------------
 */

static long may_make(uint32_t mode) {
    switch (mode & S_IFMT) {
        case 0:
        case S_IFREG:
        case S_IFIFO:
        case S_IFSOCK:
            return 0;
        case S_IFCHR:
        case S_IFBLK:
            return libos_capable(CAP_MKNOD) ? 0 : -EPERM;
        case S_IFDIR:
            return -EPERM;
        default:
            return -EINVAL;
    }
}

long libos_syscall_mknodat(int dfd, const char* filename, mode_t mode, unsigned int dev) {
    uint32_t full = mode & 0xffff;
    long ret = may_make(full);
    if (ret)
        return ret;
    if (!(full & S_IFMT))
        full |= S_IFREG;
    struct libos_lookup l;
    ret = libos_lookup_start_user(&l, dfd, filename, LOOKUP_NAME);
    if (!ret)
        ret = libos_lookup_mknod(&l, full, dev);
    libos_lookup_end(&l);
    return ret;
}

long libos_syscall_mknod(const char* filename, mode_t mode, unsigned int dev) {
    return libos_syscall_mknodat(AT_FDCWD, filename, mode, dev);
}
