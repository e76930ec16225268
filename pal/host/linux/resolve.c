/*
 * Paths below a directory handle: never out of it, never through a symlink.
 *
 * openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS does it in one host call. Where the
 * kernel (before 5.6) or a seccomp profile lacks it, the walk below opens one component at a time.
 * A path of one component needs neither: the *at calls with "do not follow" are as safe.
 */
#include <linux/openat2.h>

#include "stream.h"

/* 0 unknown, 1 there, 2 missing. Written by any thread, always with the same answer. */
static int g_openat2;

static bool is_dot_dot(PAL_STR name) {
    return name[0] == '.' && name[1] == '.' && (name[2] == '\0' || name[2] == '/');
}

/* What the host means by these while it resolves below a directory. */
static int resolve_error(long result) {
    if (result == -ELOOP)
        return PAL_ERROR_SYMLINK;
    return host_error(result);
}

/* openat2 forbidden by seccomp answers EPERM or ENOSYS; so may a file, with EPERM. An impossible
 * size tells them apart: the kernel refuses it before it looks at anything else. */
static bool openat2_missing(long result) {
    if (result != -ENOSYS && result != -EPERM)
        return false;
    int state = __atomic_load_n(&g_openat2, __ATOMIC_RELAXED);
    if (!state) {
        state = host_syscall(__NR_openat2, AT_FDCWD, "", NULL, 0) == -EINVAL ? 1 : 2;
        __atomic_store_n(&g_openat2, state, __ATOMIC_RELAXED);
    }
    return state == 2;
}

/* Opens one component as a directory to go on from, or says why it can't be. */
static int walk_step(int dirfd, const char* name) {
    long fd = host_syscall(__NR_openat, dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd != -ENOTDIR)
        return fd < 0 ? resolve_error(fd) : fd;
    struct stat st;
    long ret = host_syscall(__NR_newfstatat, dirfd, name, &st, AT_SYMLINK_NOFOLLOW);
    if (ret < 0)
        return host_error(ret);
    return (st.st_mode & S_IFMT) == S_IFLNK ? PAL_ERROR_SYMLINK : PAL_ERROR_NOTDIR;
}

/* Walks all components of `path` (NUL bytes are set in it) from dirfd; the last one is a directory
 * too. Returns a descriptor that the caller owns. */
static int walk_directories(int dirfd, const char* path, size_t length, char* name) {
    int fd = -1;
    for (size_t pos = 0; pos < length;) {
        size_t end = pos;
        while (end < length && path[end] != '/')
            end++;
        memcpy(name, path + pos, end - pos);
        name[end - pos] = '\0';
        int next = walk_step(fd >= 0 ? fd : dirfd, name);
        if (fd >= 0)
            host_close(fd);
        if (next < 0)
            return next;
        fd = next;
        pos = end + 1;
    }
    return fd;
}

/* Copies `path` without empty and "." components and with "x/.." taken out once x has been seen to
 * be a directory. Returns the length or an error; *slash: it must be a directory. */
static int normalise(int dirfd, PAL_STR path, char* out, char* name, bool* slash) {
    size_t length = 0;
    *slash = false;
    if (*path == '/')
        return PAL_ERROR_CROSSED;
    while (*path) {
        const char* end = path;
        while (*end && *end != '/')
            end++;
        size_t n = end - path;
        *slash = *end == '/' || (n == 1 && *path == '.') || is_dot_dot(path);
        if (n > 255)
            return PAL_ERROR_TOOLONG;
        if (is_dot_dot(path)) {
            if (!length)
                return PAL_ERROR_CROSSED;
            int fd = walk_directories(dirfd, out, length, name);
            if (fd < 0)
                return fd;
            host_close(fd);
            while (length && out[length - 1] != '/')
                length--;
            if (length)
                length--;
        } else if (n && !(n == 1 && *path == '.')) {
            if (length + n + 2 > HOST_PATH_MAX)
                return PAL_ERROR_TOOLONG;
            if (length)
                out[length++] = '/';
            memcpy(out + length, path, n);
            length += n;
        }
        path = *end ? end + 1 : end;
    }
    out[length] = '\0';
    return length;
}

/* Opening waits for the other side of a FIFO, or for a modem: `wait` lets a kick end that. */
static long open_host(int dirfd, PAL_STR name, long flags, PAL_FLG mode, bool wait) {
    if (wait)
        return host_syscall_block(__NR_openat, dirfd, name, flags, mode);
    return host_syscall(__NR_openat, dirfd, name, flags, mode);
}

/* The last component; a symlink there answers PAL_ERROR_SYMLINK unless O_PATH names it. */
static int open_last(int dirfd, PAL_STR name, long flags, PAL_FLG mode, bool wait) {
    long fd = open_host(dirfd, name, flags | O_NOFOLLOW, mode, wait);
    if (fd >= 0)
        return fd;
    if (fd == -ENOTDIR && (flags & O_DIRECTORY)) {
        int step = walk_step(dirfd, name); /* a symlink or a file? */
        if (step >= 0)
            host_close(step);
        return step == PAL_ERROR_SYMLINK ? step : PAL_ERROR_NOTDIR;
    }
    return resolve_error(fd);
}

static __attribute__((noinline)) int walk_open(int dirfd, PAL_STR path, long flags, PAL_FLG mode,
                                               bool wait) {
    char whole[HOST_PATH_MAX];
    char name[256];
    bool slash;
    int length = normalise(dirfd, path, whole, name, &slash);
    if (length < 0)
        return length;
    if (slash && !(flags & __O_TMPFILE))
        flags |= O_DIRECTORY;
    if (slash && (flags & O_CREAT))
        return PAL_ERROR_STREAMISDIR;
    if (!length) {
        long fd = host_syscall(__NR_openat, dirfd, ".", flags, mode);
        return fd < 0 ? host_error(fd) : fd;
    }
    char* last = strrchr(whole, '/');
    if (!last)
        return open_last(dirfd, whole, flags, mode, wait);
    int parent = walk_directories(dirfd, whole, last - whole, name);
    if (parent < 0)
        return parent;
    int fd = open_last(parent, last + 1, flags, mode, wait);
    host_close(parent);
    return fd;
}

static int openat2_open(int dirfd, PAL_STR path, long flags, PAL_FLG mode, bool wait) {
    struct open_how how = {
        .flags = flags,
        .mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    if ((flags & O_PATH) && !(flags & O_DIRECTORY))
        how.flags |= O_NOFOLLOW; /* so that the link itself is opened */
    long fd;
    /* EAGAIN: a rename elsewhere made the check of ".." undecidable. That can go on for long only
     * on a very busy host; the walk needs no such check. */
    int tries = 0;
    do
        fd = wait ? host_syscall_block(__NR_openat2, dirfd, path, &how, sizeof(how))
                  : host_syscall(__NR_openat2, dirfd, path, &how, sizeof(how));
    while (fd == -EAGAIN && ++tries < 64);
    if (fd >= 0)
        return fd;
    if (openat2_missing(fd) || (tries == 64 && strstr(path, "..")))
        return walk_open(dirfd, path, flags, mode, wait);
    return resolve_error(fd);
}

static int open_below(struct host_handle* dir, PAL_STR path, long flags, PAL_FLG mode, bool wait) {
    int dirfd = dir->fd;
    if (!*path || (path[0] == '.' && !path[1])) {
        long fd = host_syscall(__NR_openat, dirfd, ".", flags, mode);
        return fd < 0 ? host_error(fd) : fd;
    }
    if (!(flags & O_DIRECTORY) && !strchr(path, '/') && !is_dot_dot(path)) {
        long fd = open_host(dirfd, path, flags | O_NOFOLLOW, mode, wait);
        return fd < 0 ? resolve_error(fd) : fd;
    }
    if (__atomic_load_n(&g_openat2, __ATOMIC_RELAXED) == 2)
        return walk_open(dirfd, path, flags, mode, wait);
    /* Not by way of remembered directories: openat2 costs what the question after them costs. */
    return openat2_open(dirfd, path, flags, mode, wait);
}

/* Whether opening this may last: a FIFO, or a device. */
static bool may_wait(struct host_handle* dir, PAL_STR path) {
    struct stat st;
    int fd = open_below(dir, path, O_PATH | O_CLOEXEC, 0, false);
    if (fd < 0)
        return false;
    long ret = host_syscall(__NR_fstat, fd, &st);
    host_close(fd);
    return ret == 0 && ((st.st_mode & S_IFMT) == S_IFIFO || (st.st_mode & S_IFMT) == S_IFCHR);
}

int resolve_open(struct host_handle* dir, PAL_STR path, long flags, PAL_FLG mode) {
    if (flags & (O_PATH | O_DIRECTORY | O_NONBLOCK))
        return open_below(dir, path, flags, mode, false);
    int fd = open_below(dir, path, flags, mode, true);
    if (fd != PAL_ERROR_INTERRUPTED || may_wait(dir, path))
        return fd;
    /* Linux opens a file no matter which signals are pending. The kick is kept for the next call
     * that blocks. */
    fd = open_below(dir, path, flags, mode, false);
    __atomic_store_n(&host_tcb()->kick, 1, __ATOMIC_SEQ_CST);
    return fd;
}

/* Apart from resolve_parent so that its buffer is on the stack only for paths that need it. */
static __attribute__((noinline)) int open_parent(struct host_handle* dir, PAL_STR path,
                                                 size_t length) {
    char parent[HOST_PATH_MAX];
    if (length >= sizeof(parent))
        return PAL_ERROR_TOOLONG;
    memcpy(parent, path, length);
    parent[length] = '\0';
    return resolve_open(dir, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
}

int resolve_parent(struct resolved* r, struct host_handle* dir, PAL_STR path) {
    r->owned = r->remembered = false;
    if (!r->walk && parent_enter(&r->parent, dir, path)) {
        r->remembered = true;
        r->fd = r->parent.fd;
        r->name = r->parent.name;
        return 0;
    }
    size_t end = strlen(path);
    while (end && path[end - 1] == '/')
        end--;
    if (!end)
        return *path ? PAL_ERROR_CROSSED : PAL_ERROR_INVAL;
    size_t start = end;
    while (start && path[start - 1] != '/')
        start--;
    r->name = path + start;
    r->fd = dir->fd;
    if (end - start == 1 && path[start] == '.')
        return PAL_ERROR_INVAL;
    if (is_dot_dot(r->name))
        return PAL_ERROR_CROSSED;
    if (!start)
        return 0;
    int fd = open_parent(dir, path, start);
    if (fd < 0)
        return fd;
    r->fd = fd;
    r->owned = true;
    return 0;
}

bool resolve_again(struct resolved* r, int64_t ret) {
    if (r->owned)
        host_close(r->fd);
    if (r->remembered)
        r->walk = !parent_leave(&r->parent, ret);
    bool again = r->remembered && r->walk;
    r->owned = r->remembered = false;
    return again;
}
