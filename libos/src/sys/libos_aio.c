/*
 * io_setup(2), io_submit(2), io_getevents(2), io_cancel(2), io_destroy(2). Requests are carried out
 * when they are submitted: that is what Linux does, too, unless a file is open with O_DIRECT.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/ioprio.h>

#include "libos_aio.h"
#include "libos_event.h"
#include "libos_fs_calls.h"
#include "libos_table.h"
#include "libos_time.h"

#define MAX_RW_COUNT 0x7ffff000UL
#define IOV_FAST     8
#define RWF_KNOWN    (RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)

long libos_syscall_io_setup(unsigned int requests, aio_context_t* user_id) {
    aio_context_t id;
    if (user_get(id, user_id) < 0)
        return -EFAULT;
    if (id || !requests)
        return -EINVAL;
    long ret = libos_aio_create(requests, &id);
    if (ret == 0 && user_put(id, user_id) < 0) {
        struct libos_aio* aio = libos_aio_get(id);
        if (aio) {
            libos_aio_destroy(aio);
            libos_aio_put(aio);
        }
        ret = -EFAULT;
    }
    return ret;
}

long libos_syscall_io_destroy(aio_context_t id) {
    struct libos_aio* aio = libos_aio_get(id);
    if (!aio)
        return -EINVAL;
    long ret = libos_aio_destroy(aio);
    libos_aio_put(aio);
    return ret;
}

/* ---- one request ----------------------------------------------------------------------------- */

/* Numbers that no read or write could mean. */
static long check_rw(const struct iocb* cb, struct libos_file* f, bool write) {
    if (cb->aio_flags & IOCB_FLAG_IOPRIO) {
        int class = IOPRIO_PRIO_CLASS(cb->aio_reqprio);
        if (class > IOPRIO_CLASS_IDLE || (class == IOPRIO_CLASS_NONE && cb->aio_reqprio & 7))
            return -EINVAL;
        if (class == IOPRIO_CLASS_RT && !libos_capable(CAP_SYS_ADMIN) &&
            !libos_capable(CAP_SYS_NICE))
            return -EPERM;
    }
    if ((cb->aio_rw_flags & ~RWF_KNOWN) || (!write && (cb->aio_rw_flags & RWF_APPEND)))
        return -EOPNOTSUPP;
    uint32_t mode = f->flags & O_ACCMODE;
    if (mode != O_RDWR && mode != (write ? O_WRONLY : O_RDONLY))
        return -EBADF;
    if (libos_file_type(f) == S_IFDIR)
        return -EINVAL;
    return write ? (f->ops->write ? 0 : -EINVAL) : f->ops->read ? 0 : -EINVAL;
}

/* The guest's buffers. *out is fast or allocated. */
static long import(const struct iocb* cb, bool vector, struct iovec* fast, struct iovec** out,
                   int* count) {
    *out = fast;
    *count = 1;
    if (vector) {
        *count = (int)MIN(cb->aio_nbytes, (uint64_t)INT32_MAX);
        return libos_import_iovec((const struct iovec*)cb->aio_buf, cb->aio_nbytes, fast, out);
    }
    if (!access_ok((void*)cb->aio_buf, cb->aio_nbytes))
        return -EFAULT;
    fast[0] = (struct iovec){(void*)cb->aio_buf, MIN(cb->aio_nbytes, MAX_RW_COUNT)};
    return 0;
}

/* 0: done, *result is for the event; else why it was not even begun. */
static long read_or_write(const struct iocb* cb, struct libos_file* f, bool write, bool vector,
                          int64_t* result) {
    struct iovec fast[IOV_FAST];
    struct iovec* iov = fast;
    int count;
    long ret = check_rw(cb, f, write);
    if (!ret)
        ret = import(cb, vector, fast, &iov, &count);
    uint32_t type = libos_file_type(f);
    bool positioned = type == S_IFREG || type == S_IFBLK;
    if (!ret && positioned && cb->aio_offset < 0)
        ret = -EINVAL;
    if (!ret) {
        const int64_t offset = cb->aio_offset;
        const int64_t* pos = positioned ? &offset : NULL;
        int flags = cb->aio_rw_flags;
        *result = !count  ? 0
                  : write ? f->ops->write(f, iov, count, pos, flags)
                          : f->ops->read(f, iov, count, pos, flags);
        if (*result <= -ERESTARTSYS) /* a request cannot be made again */
            *result = -EINTR;
    }
    if (iov != fast)
        libos_free(iov);
    return ret;
}

static long sync_file(const struct iocb* cb, struct libos_file* f, int64_t* result) {
    if (cb->aio_buf || cb->aio_offset || cb->aio_nbytes || cb->aio_rw_flags || !f->ops->fsync)
        return -EINVAL;
    *result = f->ops->fsync(f, cb->aio_lio_opcode == IOCB_CMD_FDSYNC);
    return 0;
}

static long carry_out(const struct iocb* cb, struct libos_file* f, int64_t* result) {
    switch (cb->aio_lio_opcode) {
        case IOCB_CMD_PREAD:
            return read_or_write(cb, f, false, false, result);
        case IOCB_CMD_PWRITE:
            return read_or_write(cb, f, true, false, result);
        case IOCB_CMD_PREADV:
            return read_or_write(cb, f, false, true, result);
        case IOCB_CMD_PWRITEV:
            return read_or_write(cb, f, true, true, result);
        case IOCB_CMD_FSYNC:
        case IOCB_CMD_FDSYNC:
            return sync_file(cb, f, result);
        default:
            return -EINVAL;
    }
}

/* The eventfd to tell; 0 and NULL: none. */
static long get_notified(const struct iocb* cb, struct libos_file** out) {
    *out = NULL;
    if (!(cb->aio_flags & IOCB_FLAG_RESFD))
        return 0;
    struct libos_file* f = libos_fd_get_open((int)cb->aio_resfd);
    if (!f)
        return -EBADF;
    if (!libos_is_eventfd(f)) {
        libos_file_put(f);
        return -EINVAL;
    }
    *out = f;
    return 0;
}

static void notify(struct libos_file* eventfd) {
    uint64_t one = 1;
    PAL_NUM size = sizeof(one);
    PalStreamWrite(eventfd->host, 0, &size, &one, NULL);
}

static long run_request(struct libos_aio* aio, const struct iocb* cb, struct iocb* user_cb) {
    struct libos_file* f = libos_fd_get_open((int)cb->aio_fildes);
    struct libos_file* eventfd = NULL;
    uint32_t key = 0;
    int64_t result = 0;
    if (!f)
        return -EBADF;
    long ret = get_notified(cb, &eventfd);
    if (!ret && user_put(key, &user_cb->aio_key) < 0)
        ret = -EFAULT;
    if (!ret)
        ret = carry_out(cb, f, &result);
    if (!ret) {
        struct io_event event = {.data = cb->aio_data, .obj = (uint64_t)user_cb, .res = result};
        libos_aio_complete(aio, &event);
        if (eventfd)
            notify(eventfd);
    }
    if (eventfd)
        libos_file_put(eventfd);
    libos_file_put(f);
    return ret;
}

static long submit_one(struct libos_aio* aio, struct iocb* user_cb) {
    struct iocb cb;
    if (user_get(cb, user_cb) < 0)
        return -EFAULT;
    if (cb.aio_reserved2 || (int64_t)cb.aio_nbytes < 0)
        return -EINVAL;
    if (!libos_aio_reserve(aio))
        return -EAGAIN;
    long ret = run_request(aio, &cb, user_cb);
    if (ret < 0)
        libos_aio_unreserve(aio);
    return ret;
}

long libos_syscall_io_submit(aio_context_t id, long count, struct iocb** user_list) {
    if (count < 0)
        return -EINVAL;
    struct libos_aio* aio = libos_aio_get(id);
    if (!aio)
        return -EINVAL;
    count = MIN(count, (long)aio->slots);
    long done = 0, ret = 0;
    for (; done < count && !ret; done += !ret) {
        struct iocb* user_cb;
        ret = user_get(user_cb, user_list + done) < 0 ? -EFAULT : submit_one(aio, user_cb);
    }
    libos_aio_put(aio);
    return done ? done : ret;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Linux does not look whether the nanoseconds are fewer than a second. */
static uint64_t deadline_of(const struct __kernel_timespec* ts) {
    if (ts->tv_sec < 0 || (ts->tv_sec == 0 && ts->tv_nsec <= 0))
        return 0;
    if ((uint64_t)ts->tv_sec > INT64_MAX / NSEC_PER_SEC - 1)
        return NO_TIMEOUT;
    return libos_deadline_after((uint64_t)ts->tv_sec * NSEC_PER_SEC + (uint64_t)ts->tv_nsec);
}

static long take_events(aio_context_t id, long min, long max, struct io_event* user_events,
                        const struct __kernel_timespec* ts) {
    struct libos_aio* aio = libos_aio_get(id);
    if (!aio)
        return -EINVAL;
    long ret = -EINVAL;
    if (min >= 0 && min <= max)
        ret = libos_aio_take(aio, min, max, user_events, ts ? deadline_of(ts) : NO_TIMEOUT);
    libos_aio_put(aio);
    return ret;
}

long libos_syscall_io_getevents(aio_context_t id, long min, long max, struct io_event* user_events,
                                struct __kernel_timespec* user_timeout) {
    struct __kernel_timespec ts;
    if (user_timeout && user_get(ts, user_timeout) < 0)
        return -EFAULT;
    long ret = take_events(id, min, max, user_events, user_timeout ? &ts : NULL);
    return ret == -EINTR ? libos_interrupted() : ret;
}

long libos_syscall_io_pgetevents(aio_context_t id, long min, long max, struct io_event* user_events,
                                 struct __kernel_timespec* user_timeout, const void* user_sig) {
    struct __kernel_timespec ts;
    struct {
        const void* mask;
        size_t size;
    } sig = {0};
    if (user_timeout && user_get(ts, user_timeout) < 0)
        return -EFAULT;
    if (user_sig && user_copy_from(&sig, user_sig, sizeof(sig)) < 0)
        return -EFAULT;
    long ret = libos_set_temporary_mask(sig.mask, sig.size);
    if (ret < 0)
        return ret;
    ret = take_events(id, min, max, user_events, user_timeout ? &ts : NULL);
    return ret == -EINTR ? -ERESTARTNOHAND : ret;
}

/* A request is done before anybody could cancel it. */
long libos_syscall_io_cancel(aio_context_t id, struct iocb* user_cb, struct io_event* result) {
    uint32_t key;
    (void)id, (void)result;
    return user_get(key, &user_cb->aio_key) < 0 ? -EFAULT : -EINVAL;
}
