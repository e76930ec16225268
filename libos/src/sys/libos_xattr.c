/*
 * Extended attributes: xattr(7), and the *xattrat calls of Linux 6.13.
 */
#include <linux/xattr.h>

#include "libos_event.h"
#include "libos_fs_calls.h"
#include "libos_table.h"

/* The object by path, or by descriptor when path is NULL. Referenced. */
static long get_object(int dfd, const char* path, unsigned int flags, struct libos_file** f) {
    if (!path) {
        *f = libos_fd_get_open(dfd);
        return *f ? 0 : -EBADF;
    }
    struct libos_lookup l;
    unsigned int how = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
                       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
    long ret = libos_lookup_start_user(&l, dfd, path, how);
    if (!ret)
        ret = libos_lookup_path(&l, 0, f);
    libos_lookup_end(&l);
    return ret;
}

static const struct libos_fs_ops* ops_of(const struct libos_file* f) {
    return f->path && f->path->mount ? f->path->mount->ops : NULL;
}

/* An attribute's name: 1 to 255 characters, else ERANGE. */
static long get_name(char name[XATTR_NAME_MAX + 1], const char* user) {
    long len = user_copy_string(name, user, XATTR_NAME_MAX + 1);
    if (len < 0)
        return len;
    return len == 0 || len > XATTR_NAME_MAX ? -ERANGE : 0;
}

static long do_set(int dfd, const char* path, unsigned int at_flags, const char* uname,
                   const void* uvalue, size_t size, int flags) {
    char name[XATTR_NAME_MAX + 1];
    if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    long ret = get_name(name, uname);
    if (ret)
        return ret;
    if (size > XATTR_SIZE_MAX)
        return -E2BIG;
    char* value = libos_malloc(size + 1);
    if (!value)
        return -ENOMEM;
    struct libos_file* f = NULL;
    ret = user_copy_from(value, uvalue, size);
    if (!ret)
        ret = get_object(dfd, path, at_flags, &f);
    if (!ret) {
        const struct libos_fs_ops* ops = ops_of(f);
        ret = libos_file_readonly(f) ? -EROFS
              : ops && ops->setxattr ? ops->setxattr(f, name, value, size, flags)
                                     : -EOPNOTSUPP;
        libos_file_put(f);
    }
    libos_free(value);
    return ret;
}

static long do_get(int dfd, const char* path, unsigned int at_flags, const char* uname,
                   void* uvalue, size_t size) {
    char name[XATTR_NAME_MAX + 1];
    long ret = get_name(name, uname);
    if (ret)
        return ret;
    size = MIN(size, (size_t)XATTR_SIZE_MAX);
    struct libos_file* f;
    ret = get_object(dfd, path, at_flags, &f);
    if (ret)
        return ret;
    const struct libos_fs_ops* ops = ops_of(f);
    char* value = NULL;
    if (!ops || !ops->getxattr)
        ret = -EOPNOTSUPP;
    else if (size && !(value = libos_malloc(size)))
        ret = -ENOMEM;
    else
        ret = ops->getxattr(f, name, value, size);
    if (ret > 0 && size && user_copy_to(uvalue, value, ret))
        ret = -EFAULT;
    libos_free(value);
    libos_file_put(f);
    return ret;
}

static long do_list(int dfd, const char* path, unsigned int at_flags, char* ulist, size_t size) {
    struct libos_file* f;
    long ret = get_object(dfd, path, at_flags, &f);
    if (ret)
        return ret;
    size = MIN(size, (size_t)XATTR_LIST_MAX);
    const struct libos_fs_ops* ops = ops_of(f);
    char* list = NULL;
    if (!ops || !ops->listxattr)
        ret = 0; /* a file system without attributes has an empty list */
    else if (size && !(list = libos_malloc(size)))
        ret = -ENOMEM;
    else
        ret = ops->listxattr(f, list, size);
    if (ret > 0 && size && user_copy_to(ulist, list, ret))
        ret = -EFAULT;
    libos_free(list);
    libos_file_put(f);
    return ret;
}

static long do_remove(int dfd, const char* path, unsigned int at_flags, const char* uname) {
    char name[XATTR_NAME_MAX + 1];
    long ret = get_name(name, uname);
    if (ret)
        return ret;
    struct libos_file* f;
    ret = get_object(dfd, path, at_flags, &f);
    if (ret)
        return ret;
    const struct libos_fs_ops* ops = ops_of(f);
    ret = libos_file_readonly(f)    ? -EROFS
          : ops && ops->removexattr ? ops->removexattr(f, name)
                                    : -EOPNOTSUPP;
    libos_file_put(f);
    return ret;
}

/* A NULL path would name the descriptor: for the calls by path it is a bad pointer. */
#define NEED_PATH(path)                                                                            \
    do {                                                                                           \
        if (!(path))                                                                               \
            return -EFAULT;                                                                        \
    } while (0)

long libos_syscall_setxattr(const char* path, const char* name, const void* value, size_t size,
                            int flags) {
    NEED_PATH(path);
    return do_set(AT_FDCWD, path, 0, name, value, size, flags);
}

long libos_syscall_lsetxattr(const char* path, const char* name, const void* value, size_t size,
                             int flags) {
    NEED_PATH(path);
    return do_set(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, name, value, size, flags);
}

long libos_syscall_fsetxattr(int fd, const char* name, const void* value, size_t size, int flags) {
    return do_set(fd, NULL, 0, name, value, size, flags);
}

long libos_syscall_getxattr(const char* path, const char* name, void* value, size_t size) {
    NEED_PATH(path);
    return do_get(AT_FDCWD, path, 0, name, value, size);
}

long libos_syscall_lgetxattr(const char* path, const char* name, void* value, size_t size) {
    NEED_PATH(path);
    return do_get(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, name, value, size);
}

long libos_syscall_fgetxattr(int fd, const char* name, void* value, size_t size) {
    return do_get(fd, NULL, 0, name, value, size);
}

long libos_syscall_listxattr(const char* path, char* list, size_t size) {
    NEED_PATH(path);
    return do_list(AT_FDCWD, path, 0, list, size);
}

long libos_syscall_llistxattr(const char* path, char* list, size_t size) {
    NEED_PATH(path);
    return do_list(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, list, size);
}

long libos_syscall_flistxattr(int fd, char* list, size_t size) {
    return do_list(fd, NULL, 0, list, size);
}

long libos_syscall_removexattr(const char* path, const char* name) {
    NEED_PATH(path);
    return do_remove(AT_FDCWD, path, 0, name);
}

long libos_syscall_lremovexattr(const char* path, const char* name) {
    NEED_PATH(path);
    return do_remove(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, name);
}

long libos_syscall_fremovexattr(int fd, const char* name) {
    return do_remove(fd, NULL, 0, name);
}

/* ---- by directory and path (Linux 6.13) --------------------------------------------------------
 */

struct xattr_args { /* the kernel's: extensible */
    uint64_t value; /* user address */
    uint32_t size, flags;
};

static long get_args(struct xattr_args* args, const void* user, size_t size) {
    if (size < sizeof(*args))
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (user_copy_from(args, user, sizeof(*args)))
        return -EFAULT;
    for (size_t i = sizeof(*args); i < size; i++) {
        char byte;
        if (user_copy_from(&byte, (const char*)user + i, 1))
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    return 0;
}

/* "" with AT_EMPTY_PATH and a descriptor stands for it, as in the f*xattr calls: path becomes NULL.
 */
static long check_at(int dfd, const char** path, unsigned int at_flags) {
    if (at_flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    char first;
    if ((at_flags & AT_EMPTY_PATH) && dfd >= 0 &&
        (!*path || (!user_copy_from(&first, *path, 1) && !first)))
        *path = NULL;
    else if (!*path)
        return -EFAULT;
    return 0;
}

long libos_syscall_setxattrat(int dfd, const char* path, unsigned int at_flags, const char* name,
                              const struct xattr_args* uargs, size_t size) {
    struct xattr_args args;
    long ret = get_args(&args, uargs, size);
    if (!ret)
        ret = check_at(dfd, &path, at_flags);
    return ret ? ret
               : do_set(dfd, path, at_flags, name, (const void*)args.value, args.size, args.flags);
}

long libos_syscall_getxattrat(int dfd, const char* path, unsigned int at_flags, const char* name,
                              struct xattr_args* uargs, size_t size) {
    struct xattr_args args;
    long ret = get_args(&args, uargs, size);
    if (!ret && args.flags)
        ret = -EINVAL;
    if (!ret)
        ret = check_at(dfd, &path, at_flags);
    return ret ? ret : do_get(dfd, path, at_flags, name, (void*)args.value, args.size);
}

long libos_syscall_listxattrat(int dfd, const char* path, unsigned int at_flags, char* list,
                               size_t size) {
    long ret = check_at(dfd, &path, at_flags);
    return ret ? ret : do_list(dfd, path, at_flags, list, size);
}

long libos_syscall_removexattrat(int dfd, const char* path, unsigned int at_flags,
                                 const char* name) {
    long ret = check_at(dfd, &path, at_flags);
    return ret ? ret : do_remove(dfd, path, at_flags, name);
}
