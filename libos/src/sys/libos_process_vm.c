/*
 * process_vm_readv(2) and process_vm_writev(2). Another process moves its part itself.
 */
#include <linux/uio.h>
#include "libos_proc_answer.h"
#include "libos_process.h"
#include "libos_table.h"

#define IOV_MAX 1024
#define CHUNK   4096
#define REMOTE  16384 /* at a time, of another process */

struct cursor {
    const struct iovec* vec; /* LibOS memory */
    size_t count, at, offset;
};

static long copy_vector(struct iovec* out, const struct iovec* vec, unsigned long count) {
    if (count > IOV_MAX) {
        return -EINVAL;
    }
    if (user_copy_from(out, vec, count * sizeof(*vec)) < 0) {
        return -EFAULT;
    }
    for (size_t i = 0; i < count; i++) {
        if ((int64_t)out[i].iov_len < 0) {
            return -EINVAL;
        }
    }
    return 0;
}

static bool cursor_left(struct cursor* c, char** p, size_t* n) {
    while (c->at < c->count && c->offset == c->vec[c->at].iov_len) {
        c->at++;
        c->offset = 0;
    }
    if (c->at == c->count) {
        return false;
    }
    *p = (char*)c->vec[c->at].iov_base + c->offset;
    *n = c->vec[c->at].iov_len - c->offset;
    return true;
}

/* Copy from one to the other, never over the end of a page of the source, so that as much arrives
 * as on Linux. */
static long transfer(struct cursor* from, struct cursor* to) {
    char* chunk = libos_malloc(CHUNK);
    long done = 0;
    char *src, *dst;
    size_t n, m;
    if (!chunk) {
        return -ENOMEM;
    }
    while (cursor_left(from, &src, &n) && cursor_left(to, &dst, &m)) {
        n = MIN(MIN(n, m), CHUNK - ((size_t)src & (CHUNK - 1)));
        size_t got = n - user_copy_from_partial(chunk, src, n);
        size_t put = got - user_copy_to_partial(dst, chunk, got);
        done += (long)put;
        from->offset += put;
        to->offset += put;
        if (put < n) {
            done = done ? done : -EFAULT;
            break;
        }
    }
    libos_free(chunk);
    return done;
}

/* The same with a side in another process. Only what is mapped there arrives, to the byte. */
static long transfer_remote(int32_t pid, struct cursor* local, struct cursor* remote, bool write) {
    char* chunk = libos_malloc(REMOTE);
    long done = 0, ret = 0;
    char *near, *far;
    size_t n, m;
    if (!chunk)
        return -ENOMEM;
    while (ret >= 0 && cursor_left(local, &near, &n) && cursor_left(remote, &far, &m)) {
        n = MIN(MIN(n, m), REMOTE - ((size_t)far & (CHUNK - 1)));
        size_t want = n;
        if (write)
            n -= user_copy_from_partial(chunk, near, n);
        ret = n ? libos_process_memory(pid, (uint64_t)far, chunk, n, write) : -EFAULT;
        size_t moved = ret > 0 ? (size_t)ret : 0;
        if (!write)
            moved -= user_copy_to_partial(near, chunk, moved);
        done += (long)moved;
        local->offset += moved;
        remote->offset += moved;
        if (ret >= 0 && moved < want)
            ret = -EFAULT;
    }
    libos_free(chunk);
    return done ? done : ret < 0 ? ret : 0;
}

static long process_vm(pid_t pid, const struct iovec* lvec, unsigned long lcount,
                       const struct iovec* rvec, unsigned long rcount, unsigned long flags,
                       bool write) {
    if (flags) {
        return -EINVAL;
    }
    struct iovec* vecs = libos_malloc(2 * IOV_MAX * sizeof(*vecs));
    if (!vecs) {
        return -ENOMEM;
    }
    long ret = copy_vector(vecs, lvec, lcount);
    if (!ret) {
        ret = copy_vector(vecs + IOV_MAX, rvec, rcount);
    }
    struct libos_thread* t = ret < 0 ? NULL : libos_thread_find(pid);
    struct cursor local = {.vec = vecs, .count = lcount};
    struct cursor remote = {.vec = vecs + IOV_MAX, .count = rcount};
    if (t) {
        ret = write ? transfer(&local, &remote) : transfer(&remote, &local);
        libos_thread_put(t);
    } else if (!ret) { /* somebody's, even if there is nothing to move */
        ret = libos_process_memory(pid, 0, NULL, 0, false);
        if (ret >= 0) {
            ret = transfer_remote(pid, &local, &remote, write);
        }
    }
    libos_free(vecs);
    return ret;
}

long libos_syscall_process_vm_readv(pid_t pid, const struct iovec* lvec, unsigned long liovcnt,
                                    const struct iovec* rvec, unsigned long riovcnt,
                                    unsigned long flags) {
    return process_vm(pid, lvec, liovcnt, rvec, riovcnt, flags, false);
}

long libos_syscall_process_vm_writev(pid_t pid, const struct iovec* lvec, unsigned long liovcnt,
                                     const struct iovec* rvec, unsigned long riovcnt,
                                     unsigned long flags) {
    return process_vm(pid, lvec, liovcnt, rvec, riovcnt, flags, true);
}
