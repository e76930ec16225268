/*
 * Names in directories. The last component is never followed; the way to it is resolve.c's.
 */
#include "stream.h"

struct dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};

static int parent_of(struct resolved* r, PAL_HANDLE dir, PAL_STR path) {
    struct host_handle* d = stream_of(dir);
    return d ? resolve_parent(r, d, path) : PAL_ERROR_BADHANDLE;
}

int PalDirectoryCreateAt(PAL_HANDLE dir, PAL_STR path, PAL_FLG share_flags) {
    struct resolved r = {0};
    int ret;
    do {
        ret = parent_of(&r, dir, path);
        if (ret == 0)
            ret = share_flags & ~PAL_SHARE_MASK
                      ? PAL_ERROR_INVAL
                      : host_error(host_syscall(__NR_mkdirat, r.fd, r.name, share_flags));
    } while (resolve_again(&r, ret));
    return ret;
}

int PalDirectoryRemoveNameAt(PAL_HANDLE dir, PAL_STR path, bool is_directory) {
    struct resolved r = {0};
    int ret;
    do {
        ret = parent_of(&r, dir, path);
        if (ret == 0)
            ret = host_error(
                host_syscall(__NR_unlinkat, r.fd, r.name, is_directory ? AT_REMOVEDIR : 0));
    } while (resolve_again(&r, ret));
    return ret;
}

int PalDirectoryRenameAt(PAL_HANDLE old_dir, PAL_STR old_path, PAL_HANDLE new_dir, PAL_STR new_path,
                         PAL_FLG flags) {
    _Static_assert(PAL_RENAME_NOREPLACE == 1 && PAL_RENAME_EXCHANGE == 2 &&
                       PAL_RENAME_WHITEOUT == 4,
                   "as RENAME_* of renameat2(2)");
    if (flags & ~(PAL_RENAME_NOREPLACE | PAL_RENAME_EXCHANGE | PAL_RENAME_WHITEOUT))
        return PAL_ERROR_INVAL;
    struct resolved from = {0}, to = {0};
    int ret;
    do {
        ret = parent_of(&from, old_dir, old_path);
        if (ret == 0)
            ret = parent_of(&to, new_dir, new_path);
        if (ret == 0)
            ret =
                host_error(host_syscall(__NR_renameat2, from.fd, from.name, to.fd, to.name, flags));
    } while (resolve_again(&from, ret) | resolve_again(&to, ret));
    return ret;
}

/* A trailing slash would make linkat follow a symlink: refuse it as Linux does for a file. */
static int check_no_slash(PAL_STR name) {
    return strchr(name, '/') ? PAL_ERROR_NOTDIR : 0;
}

int PalDirectoryLinkAt(PAL_HANDLE old_dir, PAL_STR old_path, PAL_HANDLE new_dir, PAL_STR new_path) {
    struct resolved from = {0}, to = {0};
    int ret;
    do {
        ret = parent_of(&from, old_dir, old_path);
        if (ret == 0)
            ret = check_no_slash(from.name);
        if (ret == 0)
            ret = parent_of(&to, new_dir, new_path);
        if (ret == 0)
            ret = host_error(host_syscall(__NR_linkat, from.fd, from.name, to.fd, to.name, 0));
    } while (resolve_again(&from, ret) | resolve_again(&to, ret));
    return ret;
}

int PalDirectoryLinkHandle(PAL_HANDLE file, PAL_HANDLE new_dir, PAL_STR new_path) {
    struct host_handle* h = stream_of(file);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    struct resolved to = {0};
    int ret;
    char path[FD_PATH_SIZE];
    stream_fd_path(h->fd, path);
    do {
        ret = parent_of(&to, new_dir, new_path);
        if (ret < 0)
            return ret;
        long linked = host_syscall(__NR_linkat, AT_FDCWD, path, to.fd, to.name, AT_SYMLINK_FOLLOW);
        if (linked ==
            -ENOENT) /* no /proc: a way that hosts before 6.10 give to privileged users only */
            linked = host_syscall(__NR_linkat, h->fd, "", to.fd, to.name, AT_EMPTY_PATH);
        ret = host_error(linked);
    } while (resolve_again(&to, ret));
    return ret;
}

int PalDirectorySymlinkAt(PAL_STR target, PAL_HANDLE dir, PAL_STR path) {
    struct resolved r = {0};
    int ret;
    do {
        ret = parent_of(&r, dir, path);
        if (ret == 0)
            ret = host_error(host_syscall(__NR_symlinkat, target, r.fd, r.name));
    } while (resolve_again(&r, ret));
    return ret;
}

int PalDirectoryMakeNodeAt(PAL_HANDLE dir, PAL_STR path, PAL_FLG mode, PAL_NUM rdev) {
    struct resolved r = {0};
    int ret;
    do {
        ret = parent_of(&r, dir, path);
        if (ret == 0)
            ret = host_error(host_syscall(__NR_mknodat, r.fd, r.name, mode, rdev));
    } while (resolve_again(&r, ret));
    return ret;
}

int64_t PalDirectoryReadLinkAt(PAL_HANDLE dir, PAL_STR path, char* buffer, PAL_NUM size) {
    struct host_handle* d = stream_of(dir);
    if (!d)
        return PAL_ERROR_BADHANDLE;
    if (size > INT32_MAX)
        size = INT32_MAX;
    if (!strchr(path, '/')) { /* "": the handle itself, if it is a link's */
        if (path[0] == '.' && path[1] == '.' && !path[2])
            return PAL_ERROR_CROSSED;
        return host_result(host_syscall(__NR_readlinkat, d->fd, path, buffer, size));
    }
    struct parent p;
    if (parent_enter(&p, d, path)) {
        int64_t got = host_result(host_syscall(__NR_readlinkat, p.fd, p.name, buffer, size));
        if (parent_leave(&p, got))
            return got;
    }
    int fd = resolve_open(d, path, O_PATH | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    long ret = host_syscall(__NR_readlinkat, fd, "", buffer, size);
    host_close(fd);
    /* By handle the host calls "not a link" ENOENT. */
    return ret == -ENOENT ? PAL_ERROR_INVAL : host_result(ret);
}

int64_t PalDirectoryRead(PAL_HANDLE dir, PAL_PTR buffer, PAL_NUM size) {
    struct host_handle* d = stream_of(dir);
    if (!d)
        return PAL_ERROR_BADHANDLE;
    if (size > INT32_MAX)
        size = INT32_MAX;
    return host_result(host_syscall(__NR_getdents64, d->fd, buffer, size));
}

/* ---- Names only, for PalStreamRead
 * -------------------------------------------------------------*/

#define NAMES_CHUNK 2048

int64_t dir_read_names(struct host_handle* dir, PAL_PTR buffer, PAL_NUM size) {
    char raw[NAMES_CHUNK] __attribute__((aligned(8)));
    char names[NAMES_CHUNK];
    long start = host_syscall(__NR_lseek, dir->fd, 0, PAL_SEEK_CUR);
    if (start < 0)
        return host_error(start);
    if (size > sizeof(names))
        size = sizeof(names);
    long got = host_syscall(__NR_getdents64, dir->fd, raw, sizeof(raw));
    if (got <= 0)
        return host_result(got);
    size_t filled = 0;
    int64_t next = start;
    for (long pos = 0; pos < got;) {
        const struct dirent64* entry = (const void*)(raw + pos);
        size_t length = strlen(entry->d_name) + 1;
        if (filled + length > size)
            break;
        memcpy(names + filled, entry->d_name, length);
        filled += length;
        next = entry->d_off;
        pos += entry->d_reclen;
    }
    int64_t ret = filled ? (int64_t)filled : PAL_ERROR_RANGE;
    if (filled && host_copy(buffer, names, filled))
        ret = PAL_ERROR_BADADDR;
    if (ret < 0)
        next = start;
    host_syscall(__NR_lseek, dir->fd, next, PAL_SEEK_SET); /* the next call goes on from here */
    return ret;
}
