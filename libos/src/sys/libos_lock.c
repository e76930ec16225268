/*
 * flock(2), and the record locks of fcntl(2).
 */
#include "libos_event.h"
#include "libos_fs.h"
#include "libos_locks.h"
#include "libos_fcntl.h"
#include "libos_table.h"

#define LOCK_SH_ 1
#define LOCK_EX_ 2
#define LOCK_NB_ 4
#define LOCK_UN_ 8

long libos_syscall_flock(unsigned int fd, unsigned int cmd) {
    unsigned int op = cmd & ~LOCK_NB_;
    if (op != LOCK_SH_ && op != LOCK_EX_ && op != LOCK_UN_)
        return -EINVAL;
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    struct libos_lock_request r = {
        .kind = LIBOS_LOCK_FLOCK,
        .end = INT64_MAX,
        .type = op == LOCK_UN_   ? LIBOS_LOCK_NONE
                : op == LOCK_SH_ ? LIBOS_LOCK_SHARED
                                 : LIBOS_LOCK_EXCLUSIVE,
        .wait = !(cmd & LOCK_NB_),
    };
    long ret =
        op != LOCK_UN_ && (f->flags & O_ACCMODE) == O_ACCMODE ? -EBADF : libos_lock_set(f, &r);
    libos_file_put(f);
    return ret;
}

/* ---- record locks -----------------------------------------------------------------------------
 */

static long range_base(struct libos_file* f, int whence, int64_t* base) {
    struct libos_stat st;
    long ret;
    switch (whence) {
        case 0: /* SEEK_SET */
            *base = 0;
            return 0;
        case 1: /* SEEK_CUR */
            ret = f->ops->seek ? f->ops->seek(f, 0, 1) : 0;
            *base = ret;
            return ret < 0 ? ret : 0;
        case 2: /* SEEK_END */
            ret = libos_file_stat(f, &st);
            *base = st.size;
            return ret;
        default:
            return -EINVAL;
    }
}

/* fcntl_locking(2): a negative length reaches backwards. */
static long to_request(struct libos_file* f, const struct flock* fl, struct libos_lock_request* r) {
    int64_t base;
    long ret = range_base(f, fl->l_whence, &base);
    if (ret)
        return ret;
    if (fl->l_start > INT64_MAX - base)
        return -EOVERFLOW;
    int64_t start = base + fl->l_start;
    if (start < 0)
        return -EINVAL;
    r->start = start;
    r->end = INT64_MAX;
    if (fl->l_len > 0) {
        if (fl->l_len - 1 > INT64_MAX - start)
            return -EOVERFLOW;
        r->end = start + fl->l_len - 1;
    } else if (fl->l_len < 0) {
        if (start + fl->l_len < 0)
            return -EINVAL;
        r->end = start - 1;
        r->start = start + fl->l_len;
    }
    switch (fl->l_type) {
        case F_RDLCK:
            r->type = LIBOS_LOCK_SHARED;
            return 0;
        case F_WRLCK:
            r->type = LIBOS_LOCK_EXCLUSIVE;
            return 0;
        case F_UNLCK:
            r->type = LIBOS_LOCK_NONE;
            return 0;
        default:
            return -EINVAL;
    }
}

static long get_request(struct libos_file* f, unsigned long arg, bool ofd, struct flock* fl,
                        struct libos_lock_request* r) {
    if (user_copy_from(fl, (void*)arg, sizeof(*fl)))
        return -EFAULT;
    if (ofd && fl->l_pid)
        return -EINVAL;
    *r = (struct libos_lock_request){.kind = ofd ? LIBOS_LOCK_OFD : LIBOS_LOCK_POSIX};
    return to_request(f, fl, r);
}

long libos_fcntl_getlk(struct libos_file* f, unsigned long arg, bool ofd) {
    struct flock fl;
    struct libos_lock_request r;
    if (user_copy_from(&fl, (void*)arg, sizeof(fl)))
        return -EFAULT;
    if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK && !(ofd && fl.l_type == F_UNLCK))
        return -EINVAL;
    long ret = get_request(f, arg, ofd, &fl, &r);
    int32_t pid = 0;
    if (!ret)
        ret = libos_lock_test(f, &r, &pid);
    if (ret)
        return ret;
    if (r.type == LIBOS_LOCK_NONE) {
        fl.l_type = F_UNLCK;
    } else {
        fl.l_type = r.type == LIBOS_LOCK_SHARED ? F_RDLCK : F_WRLCK;
        fl.l_whence = 0;
        fl.l_start = r.start;
        fl.l_len = r.end == INT64_MAX ? 0 : r.end - r.start + 1;
        fl.l_pid = pid;
    }
    return user_copy_to((void*)arg, &fl, sizeof(fl)) ? -EFAULT : 0;
}

long libos_fcntl_setlk(struct libos_file* f, unsigned long arg, bool ofd, bool wait) {
    struct flock fl;
    struct libos_lock_request r;
    long ret = get_request(f, arg, ofd, &fl, &r);
    if (ret)
        return ret;
    uint32_t mode = f->flags & O_ACCMODE;
    if (r.type == LIBOS_LOCK_SHARED && mode != O_RDONLY && mode != O_RDWR)
        return -EBADF;
    if (r.type == LIBOS_LOCK_EXCLUSIVE && mode != O_WRONLY && mode != O_RDWR)
        return -EBADF;
    r.wait = wait;
    return libos_lock_set(f, &r);
}
