/*
 * Directories: mkdir(2), rmdir(2), getdents(2), getcwd(2), chdir(2), chroot(2), umask(2).
 */
#include "libos_event.h"
#include "libos_fs_calls.h"
#include "libos_process.h"
#include "libos_table.h"

long libos_syscall_mkdirat(int dfd, const char* pathname, mode_t mode) {
    struct libos_lookup l;
    long ret = libos_lookup_start_user(&l, dfd, pathname, LOOKUP_NAME);
    if (!ret)
        ret = libos_lookup_mkdir(&l, mode);
    libos_lookup_end(&l);
    return ret;
}

long libos_syscall_mkdir(const char* pathname, mode_t mode) {
    return libos_syscall_mkdirat(AT_FDCWD, pathname, mode);
}

long libos_syscall_rmdir(const char* pathname) {
    return libos_syscall_unlinkat(AT_FDCWD, pathname, AT_REMOVEDIR);
}

/* ---- getdents ---------------------------------------------------------------------------------
 */

struct fill {
    char* at; /* user address of the next record */
    size_t left;
    long error;
    bool old; /* struct linux_dirent: the type is the record's last byte */
};

struct record { /* the common head of both kinds */
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    char name[NAME_MAX + 1 + 14]; /* linux_dirent64: the type before the name */
} __attribute__((packed));

static bool add(void* arg, const char* name, size_t len, uint64_t ino, uint8_t type, int64_t next) {
    struct fill* f = arg;
    const size_t head = offsetof(struct record, name);
    if (len > NAME_MAX)
        return true;                             /* nothing that could be opened */
    size_t size = ALIGN_UP(head + len + 2, 8UL); /* type and NUL */
    if (size > f->left) {
        f->error = -EINVAL; /* matters if it is the first one */
        return false;
    }
    struct record r = {.ino = ino, .off = next, .reclen = size};
    memset(r.name, 0, size - head);
    if (f->old) {
        memcpy(r.name, name, len);
        ((char*)&r)[size - 1] = type;
    } else {
        r.name[0] = type;
        memcpy(r.name + 1, name, len);
    }
    if (user_copy_to(f->at, &r, size)) {
        f->error = -EFAULT;
        return false;
    }
    f->at += size;
    f->left -= size;
    return true;
}

static long do_getdents(unsigned int fd, void* buf, unsigned int count, bool old) {
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    long ret = -ENOTDIR;
    if (f->ops->getdents) {
        struct fill fill = {buf, count, 0, old};
        lock(&f->lock);
        ret = f->ops->getdents(f, add, &fill);
        unlock(&f->lock);
        if (fill.left < count)
            ret = count - fill.left;
        else if (!ret)
            ret = fill.error;
    }
    libos_file_put(f);
    return ret;
}

long libos_syscall_getdents64(unsigned int fd, struct linux_dirent64* dirent, unsigned int count) {
    return do_getdents(fd, dirent, count, false);
}

long libos_syscall_getdents(unsigned int fd, struct linux_dirent* dirent, unsigned int count) {
    return do_getdents(fd, dirent, count, true);
}

/* ---- working directory, root, umask -----------------------------------------------------------
 */

long libos_syscall_getcwd(char* buf, unsigned long size) {
    char name[PATH_MAX];
    long len = libos_fs_cwd_name(name, sizeof(name));
    if (len < 0)
        return len == -ERANGE ? -ENAMETOOLONG : len;
    if ((unsigned long)len + 1 > size)
        return -ERANGE;
    return user_copy_to(buf, name, len + 1) ? -EFAULT : len + 1;
}

/* A directory that the caller may search. */
static long may_enter(struct libos_file* dir) {
    struct libos_stat st;
    long ret = libos_file_stat(dir, &st);
    if (ret)
        return ret;
    if ((st.mode & S_IFMT) != S_IFDIR)
        return -ENOTDIR;
    return libos_permission(&st, 1);
}

static long open_directory(const char* filename, struct libos_file** dir) {
    struct libos_lookup l;
    long ret = libos_lookup_start_user(&l, AT_FDCWD, filename, LOOKUP_FOLLOW);
    if (!ret)
        ret = libos_lookup_path(&l, O_DIRECTORY, dir);
    libos_lookup_end(&l);
    if (ret)
        return ret;
    ret = may_enter(*dir);
    if (ret)
        libos_file_put(*dir);
    return ret;
}

long libos_syscall_chdir(const char* filename) {
    struct libos_file* dir;
    long ret = open_directory(filename, &dir);
    if (ret)
        return ret;
    libos_fs_set_cwd(dir);
    libos_file_put(dir);
    return 0;
}

long libos_syscall_fchdir(unsigned int fd) {
    struct libos_file* dir = libos_fd_get(fd);
    if (!dir)
        return -EBADF;
    long ret = may_enter(dir);
    if (!ret)
        libos_fs_set_cwd(dir);
    libos_file_put(dir);
    return ret;
}

long libos_syscall_chroot(const char* filename) {
    struct libos_file* dir;
    long ret = open_directory(filename, &dir);
    if (ret)
        return ret;
    if (libos_capable(CAP_SYS_CHROOT))
        libos_fs_set_root(dir);
    else
        ret = -EPERM;
    libos_file_put(dir);
    return ret;
}

long libos_syscall_umask(int mask) {
    return __atomic_exchange_n(&get_cur_thread()->fs->umask, mask & 0777, __ATOMIC_RELAXED);
}
