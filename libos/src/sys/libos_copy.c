/*
 * Moving data between files: sendfile(2), copy_file_range(2), splice(2), tee(2), vmsplice(2). Where
 * both files are the host's it does the work; else the data goes through a buffer of ours.
 */
#include <linux/fs.h>

#include "libos_event.h"
#include "libos_fs_calls.h"
#include "libos_process.h"
#include "libos_table.h"

#define MAX_RW_COUNT 0x7ffff000UL
#define BOUNCE       65536UL

struct end {
    struct libos_file* f;
    int64_t pos;
    bool at_pos; /* positioned: pos counts, not the file's own */
};

static bool readable(const struct libos_file* f) {
    uint32_t mode = f->flags & O_ACCMODE;
    return mode == O_RDONLY || mode == O_RDWR;
}
static bool writable(const struct libos_file* f) {
    uint32_t mode = f->flags & O_ACCMODE;
    return mode == O_WRONLY || mode == O_RDWR;
}

/* May the host copy from or to it? Its own position must then be the file's. */
static bool is_host(const struct libos_file* f) {
    return f->host && f->ops->read && (f->ops == &libos_host_file_ops || !f->ops->seek);
}

/* ---- through a buffer --------------------------------------------------------------------------
 */

static long write_all(struct end* out, char* buf, size_t size) {
    size_t done = 0;
    while (done < size) {
        struct iovec iov = {buf + done, size - done};
        long n = out->f->ops->write(out->f, &iov, 1, out->at_pos ? &out->pos : NULL, 0);
        if (n <= 0)
            return done ? (long)done : n;
        done += n;
        out->pos += n;
    }
    return done;
}

/* What was read but could not be written must be there for the next read: only a position can be
 * turned back. */
static void unread(struct end* in, size_t size) {
    if (in->at_pos)
        in->pos -= size;
    else if (in->f->ops->seek)
        in->f->ops->seek(in->f, -(int64_t)size, 1 /* SEEK_CUR */);
}

static long copy_bounce(struct end* in, struct end* out, size_t size) {
    char* buf = libos_malloc(MIN(size, BOUNCE));
    if (!buf)
        return -ENOMEM;
    size_t done = 0;
    long ret = 0;
    while (done < size) {
        struct iovec iov = {buf, MIN(size - done, BOUNCE)};
        ret = in->f->ops->read(in->f, &iov, 1, in->at_pos ? &in->pos : NULL, 0);
        if (ret <= 0)
            break;
        in->pos += ret;
        long got = ret;
        ret = write_all(out, buf, got);
        if (ret > 0)
            done += ret;
        if (ret < got) {
            unread(in, got - MAX(ret, 0));
            break;
        }
        if ((size_t)got < MIN(size, BOUNCE))
            break; /* a stream gave what it had */
    }
    libos_free(buf);
    return done ? (long)done : ret;
}

/* Can the host copy this way itself? Of a tmpfs file the position is ours, the contents its. */
static bool host_can(const struct libos_file* in, const struct libos_file* out) {
    struct libos_host_range r;
    return (is_host(in) || libos_tmpfs_host_range(in, &r)) &&
           (is_host(out) || libos_tmpfs_host_range(out, &r));
}

static long copy_host(struct end* in, struct end* out, size_t size, PAL_FLG how, PAL_FLG flags) {
    struct libos_host_range source, target;
    bool in_range = libos_tmpfs_host_range(in->f, &source);
    bool out_range = libos_tmpfs_host_range(out->f, &target);
    bool in_own = in_range && !in->at_pos, out_own = out_range && !out->at_pos;
    if (in_own)
        in->pos = libos_file_get_pos(in->f);
    if (out_own)
        out->pos = libos_file_get_pos(out->f);
    PAL_NUM in_pos = in->pos, out_pos = out->pos;
    if (in_range) {
        size = in_pos < source.size ? MIN(size, source.size - in_pos) : 0;
        in_pos += source.start;
    }
    if (out_range) {
        if (out_pos > target.max || size > target.max - out_pos)
            return -EFBIG;
        out_pos += target.start;
    }
    if (!size)
        return 0;
    int64_t ret = PalStreamCopy(in_range ? source.handle : in->f->host,
                                in->at_pos || in_range ? &in_pos : NULL,
                                out_range ? target.handle : out->f->host,
                                out->at_pos || out_range ? &out_pos : NULL, size, how, flags);
    if (ret > (int64_t)size)
        return -EIO;
    if (ret > 0) {
        in->pos += ret;
        out->pos += ret;
        if (in_own)
            libos_file_set_pos(in->f, in->pos);
        if (out_own)
            libos_file_set_pos(out->f, out->pos);
        if (out_range)
            libos_tmpfs_written(out->f, out->pos - ret, out->pos);
    }
    long error = pal_to_errno(ret);
    if (error == -EPIPE)
        libos_signal_self(SIGPIPE, SI_USER);
    return error;
}

/* ---- descriptors and positions -----------------------------------------------------------------
 */

static long get_pos(struct end* e, const loff_t* user) {
    if (!user)
        return 0;
    if (user_copy_from(&e->pos, user, sizeof(e->pos)))
        return -EFAULT;
    e->at_pos = true;
    return 0;
}

static long put_pos(const struct end* e, loff_t* user) {
    return user && user_copy_to(user, &e->pos, sizeof(e->pos)) ? -EFAULT : 0;
}

static long get_ends(int fd_in, int fd_out, struct end* in, struct end* out) {
    *in = *out = (struct end){0};
    in->f = libos_fd_get_open(fd_in);
    out->f = libos_fd_get_open(fd_out);
    if (!in->f || !out->f)
        return -EBADF;
    return readable(in->f) && writable(out->f) ? 0 : -EBADF;
}

static void put_ends(struct end* in, struct end* out) {
    if (in->f)
        libos_file_put(in->f);
    if (out->f)
        libos_file_put(out->f);
}

/* ---- sendfile ---------------------------------------------------------------------------------
 */

static long do_sendfile(struct end* in, struct end* out, size_t count) {
    if (in->at_pos && in->pos < 0)
        return -EINVAL;
    if (in->at_pos && !in->f->ops->seek)
        return -ESPIPE;
    if ((int64_t)count < 0 || !in->f->ops->read || !out->f->ops->write)
        return -EINVAL;
    if (out->f->flags & O_APPEND)
        return -EINVAL;
    if (!in->f->ops->seek && libos_file_type(in->f) != S_IFREG &&
        libos_file_type(out->f) != S_IFIFO)
        return -EINVAL; /* the source must be something like a file */
    count = MIN(count, MAX_RW_COUNT);
    if (!count)
        return 0;
    if (host_can(in->f, out->f) && is_host(out->f)) /* sendfile writes at the host's position */
        return copy_host(in, out, count, PAL_COPY_SENDFILE, 0);
    return copy_bounce(in, out, count);
}

long libos_syscall_sendfile(int out_fd, int in_fd, loff_t* offset, size_t count) {
    struct end in, out;
    long pos_ret = 0;
    long ret = 0;
    struct end position = {0};
    if (offset)
        ret = get_pos(&position, offset);
    if (ret)
        return ret;
    ret = get_ends(in_fd, out_fd, &in, &out);
    in.pos = position.pos;
    in.at_pos = position.at_pos;
    if (!ret)
        ret = do_sendfile(&in, &out, count);
    if (ret >= 0)
        pos_ret = put_pos(&in, offset);
    put_ends(&in, &out);
    return pos_ret ? pos_ret : ret;
}

/* ---- copy_file_range --------------------------------------------------------------------------
 */

static long range_check(struct end* in, struct end* out, size_t len) {
    uint32_t in_type = libos_file_type(in->f), out_type = libos_file_type(out->f);
    if (in_type == S_IFDIR || out_type == S_IFDIR)
        return -EISDIR;
    if (in_type != S_IFREG || out_type != S_IFREG)
        return -EINVAL;
    if (out->f->flags & O_APPEND)
        return -EBADF;
    if ((in->at_pos && in->pos < 0) || (out->at_pos && out->pos < 0))
        return -EINVAL;
    struct libos_stat a, b;
    long ret = libos_file_stat(in->f, &a);
    if (!ret)
        ret = libos_file_stat(out->f, &b);
    if (ret)
        return ret;
    if (a.dev == b.dev && a.ino == b.ino) {
        int64_t from = in->at_pos ? in->pos : in->f->ops->seek(in->f, 0, 1);
        int64_t to = out->at_pos ? out->pos : out->f->ops->seek(out->f, 0, 1);
        if (from < to + (int64_t)len && to < from + (int64_t)len && len)
            return -EINVAL;
    }
    return 0;
}

long libos_syscall_copy_file_range(int fd_in, loff_t* off_in, int fd_out, loff_t* off_out,
                                   size_t len, unsigned int flags) {
    struct end in, out;
    long ret = get_ends(fd_in, fd_out, &in, &out);
    if (!ret)
        ret = get_pos(&in, off_in);
    if (!ret)
        ret = get_pos(&out, off_out);
    if (!ret && flags)
        ret = -EINVAL;
    len = MIN(len, MAX_RW_COUNT);
    if (!ret)
        ret = range_check(&in, &out, len);
    if (!ret && len) {
        if (host_can(in.f, out.f))
            ret = copy_host(&in, &out, len, PAL_COPY_RANGE, 0);
        else
            ret = copy_bounce(&in, &out, len);
    }
    if (ret > 0 && (put_pos(&in, off_in) || put_pos(&out, off_out)))
        ret = -EFAULT;
    put_ends(&in, &out);
    return ret;
}

/* ---- splice and kin ----------------------------------------------------------------------------
 */

#define SPLICE_FLAGS 0xfu

static bool is_pipe(struct libos_file* f) {
    return f->host && libos_file_type(f) == S_IFIFO;
}

static long do_splice(struct end* in, struct end* out, const loff_t* off_in, const loff_t* off_out,
                      size_t len, unsigned int flags) {
    bool from_pipe = is_pipe(in->f), to_pipe = is_pipe(out->f);
    if ((from_pipe && off_in) || (to_pipe && off_out))
        return -ESPIPE;
    if (!from_pipe && !to_pipe)
        return -EINVAL;
    if (from_pipe && to_pipe && in->f->data && in->f->data == out->f->data)
        return -EINVAL; /* both ends of one pipe */
    long ret = get_pos(in, off_in);
    if (!ret)
        ret = get_pos(out, off_out);
    if (ret)
        return ret;
    if ((in->at_pos && !in->f->ops->seek) || (out->at_pos && !out->f->ops->seek))
        return -EINVAL;
    if ((in->at_pos && in->pos < 0) || (out->at_pos && out->pos < 0))
        return -EINVAL;
    if (from_pipe && (out->f->flags & O_APPEND))
        return -EINVAL;
    if (!in->f->ops->read || !out->f->ops->write)
        return -EINVAL;
    if (host_can(in->f, out->f))
        return copy_host(in, out, len, PAL_COPY_SPLICE, flags);
    return copy_bounce(in, out, MIN(len, BOUNCE));
}

long libos_syscall_splice(int fd_in, loff_t* off_in, int fd_out, loff_t* off_out, size_t len,
                          unsigned int flags) {
    if (!len)
        return 0;
    if (flags & ~SPLICE_FLAGS)
        return -EINVAL;
    struct end in, out;
    long ret = get_ends(fd_in, fd_out, &in, &out);
    if (!ret)
        ret = do_splice(&in, &out, off_in, off_out, MIN(len, MAX_RW_COUNT), flags);
    if (ret > 0 && (put_pos(&in, off_in) || put_pos(&out, off_out)))
        ret = -EFAULT;
    put_ends(&in, &out);
    return ret;
}

long libos_syscall_tee(int fdin, int fdout, size_t len, unsigned int flags) {
    if (flags & ~SPLICE_FLAGS)
        return -EINVAL;
    if (!len)
        return 0;
    struct end in, out;
    long ret = get_ends(fdin, fdout, &in, &out);
    if (!ret && (!is_pipe(in.f) || !is_pipe(out.f) || (in.f->data && in.f->data == out.f->data)))
        ret = -EINVAL;
    if (!ret)
        ret = copy_host(&in, &out, MIN(len, MAX_RW_COUNT), PAL_COPY_TEE, flags);
    put_ends(&in, &out);
    return ret;
}

long libos_syscall_vmsplice(int fd, const struct iovec* uiov, unsigned long nr_segs,
                            unsigned int flags) {
    if (flags & ~SPLICE_FLAGS)
        return -EINVAL;
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    struct iovec fast[8];
    struct iovec* iov = fast;
    long ret = is_pipe(f) ? libos_import_iovec(uiov, nr_segs, fast, &iov) : -EBADF;
    if (!ret && nr_segs) {
        ret = pal_to_errno(PalStreamVmsplice(f->host, iov, nr_segs, flags));
        if (ret == -EPIPE)
            libos_signal_self(SIGPIPE, SI_USER);
    }
    if (iov != fast)
        libos_free(iov);
    libos_file_put(f);
    return ret;
}
