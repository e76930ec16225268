/*
 * Attributes of streams: one statx for files (measured: it costs what fstat costs and knows more).
 */
#include <asm/ioctls.h>
#include <asm/poll.h>

#include "stream.h"
#include "uri.h"

#define STATX_WANTED (STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID)

static int64_t time_ns(const struct statx_timestamp* t) {
    return t->tv_sec * (int64_t)NSEC_PER_SEC + t->tv_nsec;
}

/* The host's makedev(), which is also Linux's for user programs. */
static PAL_NUM device_number(uint32_t major, uint32_t minor) {
    return (PAL_NUM)(major & 0xfffff000) << 32 | (PAL_NUM)(major & 0xfff) << 8 |
           (PAL_NUM)(minor & 0xffffff00) << 12 | (minor & 0xff);
}

static PAL_IDX type_of_mode(uint32_t mode) {
    switch (mode & S_IFMT) {
        case S_IFDIR:
            return PAL_TYPE_DIR;
        case S_IFCHR:
        case S_IFBLK:
            return PAL_TYPE_DEV;
        case S_IFIFO:
            return PAL_TYPE_PIPE;
        default:
            return PAL_TYPE_FILE;
    }
}

/* Field by field: that is faster than to clear them all before. */
static void fill(PAL_STREAM_ATTR* attr, const struct statx* st) {
    attr->handle_type = type_of_mode(st->stx_mode);
    attr->nonblocking = attr->disconnected = false;
    attr->readable = st->stx_mode & 0444;
    attr->writable = st->stx_mode & 0222;
    attr->share_flags = st->stx_mode & PAL_SHARE_MASK;
    attr->pending_size = st->stx_size;
    attr->file_mode = st->stx_mode;
    attr->dev = device_number(st->stx_dev_major, st->stx_dev_minor);
    attr->ino = st->stx_ino;
    attr->nlink = st->stx_nlink;
    attr->uid = st->stx_uid;
    attr->gid = st->stx_gid;
    attr->rdev = device_number(st->stx_rdev_major, st->stx_rdev_minor);
    attr->blksize = st->stx_blksize;
    attr->blocks = st->stx_blocks;
    attr->atime_ns = time_ns(&st->stx_atime);
    attr->mtime_ns = time_ns(&st->stx_mtime);
    attr->ctime_ns = time_ns(&st->stx_ctime);
    attr->btime_ns = st->stx_mask & STATX_BTIME ? time_ns(&st->stx_btime) : -1;
    attr->mount_id = st->stx_mask & STATX_MNT_ID ? st->stx_mnt_id : 0;
    attr->attributes = st->stx_attributes;
    attr->attributes_mask = st->stx_attributes_mask;
}

static int query(int fd, PAL_STR path, int flags, PAL_STREAM_ATTR* attr) {
    struct statx st;
    long ret = host_syscall(__NR_statx, fd, path, flags | AT_NO_AUTOMOUNT, STATX_WANTED, &st);
    if (ret < 0)
        return host_error(ret);
    fill(attr, &st);
    return 0;
}

/* From Linux 6.11 on "no path" may be NULL, which saves the host looking at an empty string. */
static int query_fd(int fd, PAL_STREAM_ATTR* attr) {
    static bool no_null; /* any thread may find out, with the same answer */
    if (!__atomic_load_n(&no_null, __ATOMIC_RELAXED)) {
        int ret = query(fd, NULL, AT_EMPTY_PATH, attr);
        if (ret != PAL_ERROR_BADADDR)
            return ret;
        __atomic_store_n(&no_null, true, __ATOMIC_RELAXED);
    }
    return query(fd, "", AT_EMPTY_PATH, attr);
}

static short poll_one(int fd, short events) {
    struct {
        int fd;
        short events, revents;
    } entry = {fd, events, 0};
    return host_syscall(__NR_poll, &entry, 1, 0) == 1 ? entry.revents : 0;
}

/* What a stream can do right now. Types that have no count of waiting bytes show 0. */
static void fill_stream_state(struct host_handle* h, PAL_STREAM_ATTR* attr) {
    int pending = 0;
    attr->pending_size = 0;
    if (host_syscall(__NR_ioctl, h->fd, FIONREAD, &pending) == 0 && pending > 0)
        attr->pending_size = pending;
    short events = poll_one(h->fd, POLLIN);
    attr->readable = events & POLLIN;
    attr->disconnected = events & (POLLHUP | POLLERR | POLLNVAL);
    attr->writable = poll_one(stream_write_fd(h), POLLOUT) & POLLOUT;
    attr->nonblocking = h->flags & HANDLE_NONBLOCK;
}

int PalStreamAttributesQuery(PAL_STR uri, PAL_STREAM_ATTR* attr) {
    PAL_STR rest;
    enum uri_scheme scheme = pal_uri_parse(uri, &rest);
    if (!attr)
        return PAL_ERROR_INVAL;
    if (scheme == URI_DEV && rest[0] != '/') {
        PAL_HANDLE handle;
        PAL_FLG access = strcmp(rest, "stdout") == 0 || strcmp(rest, "stderr") == 0
                             ? PAL_ACCESS_WRONLY
                             : PAL_ACCESS_RDONLY;
        int ret = PalStreamOpen(uri, access, 0, 0, 0, &handle);
        if (ret < 0)
            return ret;
        ret = PalStreamAttributesQueryByHandle(handle, attr);
        PalObjectClose(handle);
        return ret;
    }
    if (scheme != URI_FILE && scheme != URI_DIR && scheme != URI_DEV)
        return scheme == URI_BAD ? PAL_ERROR_INVAL : PAL_ERROR_NOTSUPPORT;
    if (!*rest)
        return PAL_ERROR_INVAL;
    int ret = query(AT_FDCWD, rest, 0, attr);
    if (ret == 0 && scheme == URI_DIR && attr->handle_type != PAL_TYPE_DIR)
        return PAL_ERROR_NOTDIR;
    return ret;
}

int PalStreamAttributesQueryByHandle(PAL_HANDLE handle, PAL_STREAM_ATTR* attr) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    int ret = query_fd(h->fd, attr);
    if (ret < 0)
        return ret;
    if (!stream_is_file(h)) {
        attr->handle_type = h->pal.hdr.type;
        fill_stream_state(h, attr);
        return 0;
    }
    if (h->pal.hdr.type == PAL_TYPE_MEMORY)
        attr->handle_type = PAL_TYPE_MEMORY;
    attr->readable = h->flags & HANDLE_READABLE;
    attr->writable = h->flags & HANDLE_WRITABLE;
    attr->nonblocking = h->flags & HANDLE_NONBLOCK;
    return 0;
}

int PalStreamAttributesQueryAt(PAL_HANDLE dir, PAL_STR path, PAL_STREAM_ATTR* attr) {
    struct host_handle* d = stream_of(dir);
    if (!d)
        return PAL_ERROR_BADHANDLE;
    if (!*path || (path[0] == '.' && !path[1]))
        return query_fd(d->fd, attr);
    if (!strchr(path, '/') && !(path[0] == '.' && path[1] == '.' && !path[2]))
        return query(d->fd, path, AT_SYMLINK_NOFOLLOW, attr);
    struct parent p;
    int ret;
    if (parent_enter(&p, d, path)) {
        ret = query(p.fd, p.name, AT_SYMLINK_NOFOLLOW, attr);
        if (parent_leave(&p, ret))
            return ret;
    }
    int fd = resolve_open(d, path, O_PATH | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    ret = query_fd(fd, attr);
    host_close(fd);
    return ret;
}

/* ---- Changing
 * ----------------------------------------------------------------------------------*/

static int set_nonblocking(struct host_handle* h, bool on) {
    int value = on;
    long ret = host_syscall(__NR_ioctl, h->fd, FIONBIO, &value);
    if (ret == 0 && (h->flags & HANDLE_DUPLEX))
        ret = host_syscall(__NR_ioctl, h->fd2, FIONBIO, &value);
    if (ret < 0)
        return host_error(ret);
    if (on)
        __atomic_or_fetch(&h->flags, HANDLE_NONBLOCK, __ATOMIC_RELAXED);
    else
        __atomic_and_fetch(&h->flags, ~HANDLE_NONBLOCK, __ATOMIC_RELAXED);
    return 0;
}

static int set_mode(struct host_handle* h, PAL_FLG mode) {
    if (!(h->flags & HANDLE_PATH))
        return host_error(host_syscall(__NR_fchmod, h->fd, mode));
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
    static bool missing; /* before Linux 6.6; any thread may find out, with the same answer */
    if (!__atomic_load_n(&missing, __ATOMIC_RELAXED)) {
        long ret = host_syscall(__NR_fchmodat2, h->fd, "", mode, AT_EMPTY_PATH);
        if (ret != -ENOSYS && ret != -EPERM)
            return host_error(ret);
        /* EPERM: not the owner, or a seccomp profile that does not know the call */
        if (ret == -ENOSYS)
            __atomic_store_n(&missing, true, __ATOMIC_RELAXED);
    }
    char path[FD_PATH_SIZE];
    stream_fd_path(h->fd, path);
    return host_error(host_syscall(__NR_chmod, path, mode));
}

int PalStreamAttributesSetByHandle(PAL_HANDLE handle, PAL_STREAM_ATTR* attr) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!attr || (attr->share_flags & ~PAL_SHARE_MASK))
        return PAL_ERROR_INVAL;
    if (!!(h->flags & HANDLE_NONBLOCK) != attr->nonblocking) {
        if (h->flags & HANDLE_PATH)
            return PAL_ERROR_BADHANDLE;
        int ret = set_nonblocking(h, attr->nonblocking);
        if (ret < 0)
            return ret;
    }
    return stream_is_file(h) ? set_mode(h, attr->share_flags) : 0;
}

#define UTIME_NOW  ((1l << 30) - 1)
#define UTIME_OMIT ((1l << 30) - 2)

/* Floor division: times before 1970 have a positive part below the second. */
static struct __kernel_timespec time_of(int64_t ns, PAL_FLG which, PAL_FLG set, PAL_FLG now) {
    if (which & now)
        return (struct __kernel_timespec){.tv_nsec = UTIME_NOW};
    if (!(which & set))
        return (struct __kernel_timespec){.tv_nsec = UTIME_OMIT};
    int64_t seconds = ns / (int64_t)NSEC_PER_SEC;
    int64_t rest = ns % (int64_t)NSEC_PER_SEC;
    if (rest < 0) {
        rest += NSEC_PER_SEC;
        seconds--;
    }
    return (struct __kernel_timespec){.tv_sec = seconds, .tv_nsec = rest};
}

static int set_times(struct host_handle* h, const PAL_STREAM_ATTR* attr, PAL_FLG which) {
    struct __kernel_timespec times[2] = {
        time_of(attr->atime_ns, which, PAL_SETATTR_ATIME, PAL_SETATTR_ATIME_NOW),
        time_of(attr->mtime_ns, which, PAL_SETATTR_MTIME, PAL_SETATTR_MTIME_NOW),
    };
    if (!(h->flags & HANDLE_PATH))
        return host_error(host_syscall(__NR_utimensat, h->fd, NULL, times, 0));
    long ret = host_syscall(__NR_utimensat, h->fd, "", times, AT_EMPTY_PATH);
    if (ret != -EINVAL) /* before Linux 5.8 */
        return host_error(ret);
    char path[FD_PATH_SIZE];
    stream_fd_path(h->fd, path);
    return host_error(host_syscall(__NR_utimensat, AT_FDCWD, path, times, 0));
}

int PalStreamAttributesChange(PAL_HANDLE handle, const PAL_STREAM_ATTR* attr, PAL_FLG which) {
    struct host_handle* h = stream_of(handle);
    PAL_FLG times =
        PAL_SETATTR_ATIME | PAL_SETATTR_MTIME | PAL_SETATTR_ATIME_NOW | PAL_SETATTR_MTIME_NOW;
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (which & ~(times | PAL_SETATTR_MODE | PAL_SETATTR_OWNER))
        return PAL_ERROR_INVAL;
    if ((which & PAL_SETATTR_MODE) && (attr->share_flags & ~PAL_SHARE_MASK))
        return PAL_ERROR_INVAL;
    int ret = 0;
    /* The owner first: the host takes set-id bits away with it. */
    if (which & PAL_SETATTR_OWNER)
        ret = host_error(host_syscall(__NR_fchownat, h->fd, "", (uint32_t)attr->uid,
                                      (uint32_t)attr->gid, AT_EMPTY_PATH));
    if (ret == 0 && (which & PAL_SETATTR_MODE))
        ret = set_mode(h, attr->share_flags);
    if (ret == 0 && (which & times))
        ret = set_times(h, attr, which);
    return ret;
}
