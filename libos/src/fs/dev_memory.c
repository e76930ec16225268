/*
 * /dev/null, zero, full, random, urandom. null(4), full(4), random(4).
 */
#include <asm/poll.h>
#include <linux/mman.h>
#include <linux/random.h>

#include "dev_internal.h"
#include "libos_process.h"
#include "libos_pseudo.h"

#define RANDOM_CHUNK 512

static size_t iov_size(const struct iovec* iov, int iov_count) {
    size_t size = 0;
    for (int i = 0; i < iov_count; i++)
        size += iov[i].iov_len;
    return size;
}

/* ---- ops ------------------------------------------------------------------------------------- */

static long read_nothing(struct libos_file* f, const struct iovec* iov, int iov_count,
                         const int64_t* pos, int rwf) {
    (void)f, (void)iov, (void)iov_count, (void)pos, (void)rwf;
    return 0;
}

static long write_away(struct libos_file* f, const struct iovec* iov, int iov_count,
                       const int64_t* pos, int rwf) {
    (void)f, (void)pos, (void)rwf;
    return (long)iov_size(iov, iov_count);
}

static long write_full(struct libos_file* f, const struct iovec* iov, int iov_count,
                       const int64_t* pos, int rwf) {
    (void)f, (void)iov, (void)iov_count, (void)pos, (void)rwf;
    return -ENOSPC;
}

static long read_zeros(struct libos_file* f, const struct iovec* iov, int iov_count,
                       const int64_t* pos, int rwf) {
    (void)f, (void)pos, (void)rwf;
    size_t done = 0;
    for (int i = 0; i < iov_count; i++) {
        size_t left = user_clear_partial(iov[i].iov_base, iov[i].iov_len);
        done += iov[i].iov_len - left;
        if (left)
            return done ? (long)done : -EFAULT;
    }
    return (long)done;
}

static long read_random(struct libos_file* f, const struct iovec* iov, int iov_count,
                        const int64_t* pos, int rwf) {
    (void)f, (void)pos, (void)rwf;
    uint8_t chunk[RANDOM_CHUNK];
    size_t done = 0;
    for (int i = 0; i < iov_count; i++) {
        for (size_t at = 0; at < iov[i].iov_len;) {
            size_t n = MIN(sizeof(chunk), iov[i].iov_len - at);
            int ret = PalRandomBitsRead(chunk, n);
            if (ret < 0)
                return done ? (long)done : pal_to_errno(ret);
            size_t left = user_copy_to_partial((char*)iov[i].iov_base + at, chunk, n);
            done += n - left;
            at += n;
            if (left)
                return done ? (long)done : -EFAULT;
            if (libos_signal_pending(get_cur_thread()))
                return (long)done;
        }
    }
    return (long)done;
}

/* What is written only stirs a pool that is random anyway; but it must be readable. */
static long write_random(struct libos_file* f, const struct iovec* iov, int iov_count,
                         const int64_t* pos, int rwf) {
    (void)f, (void)pos, (void)rwf;
    uint8_t chunk[RANDOM_CHUNK];
    size_t done = 0;
    for (int i = 0; i < iov_count; i++) {
        for (size_t at = 0; at < iov[i].iov_len;) {
            size_t n = MIN(sizeof(chunk), iov[i].iov_len - at);
            size_t left = user_copy_from_partial(chunk, (char*)iov[i].iov_base + at, n);
            done += n - left;
            at += n;
            if (left)
                return done ? (long)done : -EFAULT;
        }
    }
    return (long)done;
}

static unsigned poll_random(struct libos_file* f) {
    (void)f;
    return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
}

static long ioctl_random(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    (void)f;
    int bits = 256;
    switch (cmd) {
        case RNDGETENTCNT:
            return user_put(bits, (int*)arg);
        case RNDADDTOENTCNT:
        case RNDADDENTROPY:
        case RNDZAPENTCNT:
        case RNDCLEARPOOL:
        case RNDRESEEDCRNG:
            return -EPERM; /* the pool is the host's */
        default:
            return -EINVAL;
    }
}

static long seek_nowhere(struct libos_file* f, int64_t offset, int whence) {
    (void)f, (void)offset, (void)whence;
    return 0;
}

static int mmap_zero(struct libos_file* f, void* addr, size_t size, int prot, int flags,
                     uint64_t offset) {
    (void)f, (void)offset;
    PAL_PTR at = addr;
    PAL_FLG type = (flags & MAP_TYPE) == MAP_PRIVATE ? 0 : PAL_ALLOC_SHARED;
    if (flags & MAP_NORESERVE)
        type |= PAL_ALLOC_NORESERVE;
    return (int)pal_to_errno(PalVirtualMemoryAlloc(&at, size, type, (PAL_FLG)prot & 7));
}

const struct libos_file_ops g_libos_null_ops = {.kind = "null",
                                                .read = read_nothing,
                                                .write = write_away,
                                                .seek = seek_nowhere,
                                                .stat = libos_dev_stat,
                                                .reopen = libos_dev_reopen,
                                                .close = libos_dev_close,
                                                .pack = libos_dev_pack,
                                                .unpack = libos_dev_unpack};
const struct libos_file_ops g_libos_zero_ops = {.kind = "zero",
                                                .read = read_zeros,
                                                .write = write_away,
                                                .seek = seek_nowhere,
                                                .mmap = mmap_zero,
                                                .stat = libos_dev_stat,
                                                .reopen = libos_dev_reopen,
                                                .close = libos_dev_close,
                                                .pack = libos_dev_pack,
                                                .unpack = libos_dev_unpack};
const struct libos_file_ops g_libos_full_ops = {.kind = "full",
                                                .read = read_zeros,
                                                .write = write_full,
                                                .seek = seek_nowhere,
                                                .stat = libos_dev_stat,
                                                .reopen = libos_dev_reopen,
                                                .close = libos_dev_close,
                                                .pack = libos_dev_pack,
                                                .unpack = libos_dev_unpack};
const struct libos_file_ops g_libos_random_ops = {.kind = "random",
                                                  .read = read_random,
                                                  .write = write_random,
                                                  .seek = seek_nowhere,
                                                  .ioctl = ioctl_random,
                                                  .poll = poll_random,
                                                  .stat = libos_dev_stat,
                                                  .reopen = libos_dev_reopen,
                                                  .close = libos_dev_close,
                                                  .pack = libos_dev_pack,
                                                  .unpack = libos_dev_unpack};
const struct libos_file_ops g_libos_urandom_ops = {.kind = "urandom",
                                                   .read = read_random,
                                                   .write = write_random,
                                                   .seek = seek_nowhere,
                                                   .ioctl = ioctl_random,
                                                   .stat = libos_dev_stat,
                                                   .reopen = libos_dev_reopen,
                                                   .close = libos_dev_close,
                                                   .pack = libos_dev_pack,
                                                   .unpack = libos_dev_unpack};

/* ---- files ----------------------------------------------------------------------------------- */

bool libos_dev_attach(struct libos_file* f, const struct libos_pseudo_at* at) {
    struct libos_pseudo_at* copy = libos_malloc(sizeof(*copy));
    if (!copy) {
        libos_file_put(f);
        return false;
    }
    *copy = *at;
    f->data = copy;
    return true;
}

int libos_dev_stat(struct libos_file* f, struct libos_stat* st) {
    return libos_pseudo_stat_at(f->data, st);
}

void libos_dev_close(struct libos_file* f) {
    libos_free(f->data);
}

/* Nodes and mounts are the same in all processes. */
long libos_dev_pack(struct libos_file* f, void* data, size_t size) {
    if (size < sizeof(struct libos_pseudo_at))
        return -EINVAL;
    memcpy(data, f->data, sizeof(struct libos_pseudo_at));
    return sizeof(struct libos_pseudo_at);
}

int libos_dev_unpack(struct libos_file* f, const void* data, size_t size) {
    struct libos_pseudo_at* at = size == sizeof(*at) ? libos_malloc(sizeof(*at)) : NULL;
    if (!at)
        return -ENOMEM;
    memcpy(at, data, sizeof(*at));
    f->data = at;
    return 0;
}

int libos_dev_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    return libos_pseudo_open_node(f->data, flags, out);
}

int libos_dev_open(const struct libos_pseudo_at* at, int flags, struct libos_file** out) {
    *out = libos_file_alloc(at->node->data, flags, NULL, NULL);
    return *out && libos_dev_attach(*out, at) ? 0 : -ENOMEM;
}
