/*
 * open(2), openat2(2), creat(2), close(2), close_range(2).
 */
#include <linux/close_range.h>
#include <linux/openat2.h>

#include "libos_event.h"
#include "libos_fs_calls.h"
#include "libos_process.h"
#include "libos_table.h"

#define VALID_FLAGS                                                                                \
    (O_RDONLY | O_WRONLY | O_RDWR | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |             \
     O_NONBLOCK | O_SYNC | O_DSYNC | FASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW |  \
     O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE)
#define PATH_FLAGS (O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)

/* The combinations that every way of opening refuses. */
static long check_flags(uint64_t flags) {
    if ((flags & __O_TMPFILE) &&
        ((flags & O_TMPFILE) != O_TMPFILE || (flags & O_CREAT) || !(flags & O_ACCMODE)))
        return -EINVAL;
    if ((flags & (O_DIRECTORY | O_CREAT)) == (O_DIRECTORY | O_CREAT))
        return -EINVAL;
    return 0;
}

static long open_lookup(struct libos_lookup* l, int flags, uint32_t mode) {
    struct libos_file* f;
    int ret = libos_fd_room();
    if (!ret)
        ret = libos_lookup_open(l, flags, mode, &f);
    if (ret)
        return ret;
    return libos_fd_give(f, flags & O_CLOEXEC);
}

static long do_open(int dirfd, const char* upath, int flags, uint32_t mode) {
    flags &= VALID_FLAGS;
    if (flags & O_PATH)
        flags &= PATH_FLAGS;
    long ret = check_flags(flags);
    if (ret)
        return ret;
    struct libos_lookup l;
    ret = libos_lookup_start_user(&l, dirfd, upath, flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW);
    if (!ret)
        ret = open_lookup(&l, flags, mode & 07777);
    libos_lookup_end(&l);
    return ret;
}

long libos_syscall_open(const char* filename, int flags, mode_t mode) {
    return do_open(AT_FDCWD, filename, flags | O_LARGEFILE, mode);
}

long libos_syscall_openat(int dfd, const char* filename, int flags, mode_t mode) {
    return do_open(dfd, filename, flags | O_LARGEFILE, mode);
}

long libos_syscall_creat(const char* pathname, mode_t mode) {
    return do_open(AT_FDCWD, pathname, O_CREAT | O_WRONLY | O_TRUNC | O_LARGEFILE, mode);
}

/* Extensible struct: unknown bytes at the end must be zero. */
static long get_how(struct open_how* how, const void* user, size_t size) {
    if (size < sizeof(*how))
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (user_copy_from(how, user, sizeof(*how)))
        return -EFAULT;
    for (size_t i = sizeof(*how); i < size; i++) {
        char byte;
        if (user_copy_from(&byte, (const char*)user + i, 1))
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    return 0;
}

#define RESOLVE_KNOWN                                                                              \
    (RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH |             \
     RESOLVE_IN_ROOT | RESOLVE_CACHED)

long libos_syscall_openat2(int dfd, const char* filename, struct open_how* uhow, size_t usize) {
    struct open_how how;
    long ret = get_how(&how, uhow, usize);
    if (ret)
        return ret;
    uint64_t flags = how.flags;
    if (flags & ~(uint64_t)VALID_FLAGS)
        return -EINVAL;
    if (how.resolve & ~(uint64_t)RESOLVE_KNOWN)
        return -EINVAL;
    if ((how.resolve & RESOLVE_BENEATH) && (how.resolve & RESOLVE_IN_ROOT))
        return -EINVAL;
    bool creates = (flags & O_CREAT) || (flags & __O_TMPFILE);
    if (creates ? (how.mode & ~07777ULL) != 0 : how.mode != 0)
        return -EINVAL;
    if ((flags & O_PATH) && (flags & ~(uint64_t)PATH_FLAGS))
        return -EINVAL;
    ret = check_flags(flags);
    if (ret)
        return ret;
    if (how.resolve & RESOLVE_CACHED)
        return flags & (O_TRUNC | O_CREAT | __O_TMPFILE) ? -EINVAL
                                                         : -EAGAIN; /* nothing is cached */
    struct libos_lookup l;
    ret = libos_lookup_start_user(&l, dfd, filename, flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW);
    if (!ret)
        ret = libos_lookup_restrict(&l, how.resolve);
    if (!ret)
        ret = open_lookup(&l, flags | O_LARGEFILE, how.mode);
    libos_lookup_end(&l);
    return ret;
}

/* ---- close ------------------------------------------------------------------------------------
 */

long libos_syscall_close(unsigned int fd) {
    long ret = libos_fd_close(fd);
    /* The descriptor is gone whatever its flush said, so the call is never restarted. */
    if (ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND ||
        ret == -ERESTART_RESTARTBLOCK)
        return -EINTR;
    return ret;
}

struct range {
    unsigned int first, last;
    bool cloexec;
};

static bool close_in_range(void* arg, int fd, struct libos_file* f, bool cloexec) {
    struct range* r = arg;
    (void)f, (void)cloexec;
    if ((unsigned int)fd > r->last)
        return false;
    if ((unsigned int)fd < r->first)
        return true;
    if (r->cloexec)
        libos_fd_set_cloexec(fd, true);
    else
        libos_fd_close(fd);
    return true;
}

/* CLOSE_RANGE_UNSHARE: a table of our own first. */
static long unshare_table(void) {
    struct libos_thread* t = get_cur_thread();
    struct libos_fd_table* mine = libos_fd_table_clone(t->files);
    if (!mine)
        return -ENOMEM;
    struct libos_fd_table* old = t->files;
    t->files = mine;
    libos_fd_table_put(old);
    return 0;
}

long libos_syscall_close_range(unsigned int fd, unsigned int max_fd, unsigned int flags) {
    if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
        return -EINVAL;
    if (fd > max_fd)
        return -EINVAL;
    if (flags & CLOSE_RANGE_UNSHARE) {
        long ret = unshare_table();
        if (ret)
            return ret;
    }
    struct range r = {fd, max_fd, flags & CLOSE_RANGE_CLOEXEC};
    libos_fd_for_each(get_cur_thread()->files, close_in_range, &r);
    return 0;
}
