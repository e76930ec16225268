/*
 * tmpfs contents. Small ones lie in LibOS memory: no host handle, no host call. A file that grows,
 * is mapped or is copied by the host moves to a memory object of the host, and stays there.
 */
#include "libos_event.h"
#include "tmpfs.h"

#define SMALL_MAX 65536UL

static uint64_t total(const struct iovec* iov, int iov_count) {
    uint64_t size = 0;
    for (int i = 0; i < iov_count; i++)
        size += iov[i].iov_len;
    return size;
}

/* The callers' buffers are the guest's, or (reads and writes from inside) the LibOS's own: what a
 * guest passes was checked to be in its range. Return what could not be copied. */
static size_t copy_out(void* dst, const void* src, size_t size) {
    if (access_ok(dst, size))
        return user_copy_to_partial(dst, src, size);
    memcpy(dst, src, size);
    return 0;
}
static size_t copy_in(void* dst, const void* src, size_t size) {
    if (access_ok(src, size))
        return user_copy_from_partial(dst, src, size);
    memcpy(dst, src, size);
    return 0;
}

int tmpfs_need_memory(struct tmpfs_node* n) {
    if (n->mem)
        return 0;
    PAL_HANDLE mem;
    int ret = PalMemoryObjectCreate("tmpfs", 0, &mem);
    if (!ret && n->size)
        ret = PalStreamSetLength(mem, n->size);
    for (uint64_t done = 0; !ret && n->data && done < n->size;) {
        PAL_NUM count = n->size - done;
        ret = PalStreamWrite(mem, done, &count, n->data + done, NULL);
        if (!ret && (!count || count > n->size - done))
            ret = PAL_ERROR_INCONSIST;
        done += count;
    }
    if (ret)
        return pal_to_errno(ret);
    __atomic_store_n(&n->mem, mem, __ATOMIC_RELEASE);
    libos_free(n->data);
    n->data = NULL;
    n->capacity = 0;
    return 0;
}

static long read_small(struct tmpfs_node* n, const struct iovec* iov, int iov_count, uint64_t pos) {
    size_t done = 0;
    for (int i = 0; i < iov_count && pos < n->size; i++) {
        size_t want = MIN(iov[i].iov_len, n->size - pos);
        size_t left = copy_out(iov[i].iov_base, n->data + pos, want);
        done += want - left;
        pos += want - left;
        if (left)
            return done ? (long)done : -EFAULT;
    }
    return done;
}

long tmpfs_data_read(struct tmpfs_node* n, const struct iovec* iov, int iov_count, uint64_t pos) {
    PAL_HANDLE mem = __atomic_load_n(&n->mem, __ATOMIC_ACQUIRE);
    if (!mem) {
        lock(&n->lock);
        mem = n->mem;
        long ret = mem ? 0 : read_small(n, iov, iov_count, pos);
        unlock(&n->lock);
        if (!mem)
            return ret;
    }
    return libos_checked_count(PalStreamReadV(mem, pos, iov, iov_count, 0), iov, iov_count);
}

/* Room for `size` bytes; what is new reads as zero. */
static int reserve(struct tmpfs_node* n, size_t size) {
    if (size <= n->capacity)
        return 0;
    size_t capacity = MAX(n->capacity, (size_t)64);
    while (capacity < size)
        capacity *= 2;
    char* data = libos_realloc(n->data, capacity);
    if (!data)
        return -ENOSPC;
    memset(data + n->capacity, 0, capacity - n->capacity);
    n->data = data;
    n->capacity = capacity;
    return 0;
}

static long write_small(struct tmpfs_node* n, const struct iovec* iov, int iov_count, uint64_t pos,
                        uint64_t size) {
    int ret = reserve(n, pos + size);
    if (ret)
        return ret;
    size_t done = 0;
    for (int i = 0; i < iov_count; i++) {
        size_t left = copy_in(n->data + pos + done, iov[i].iov_base, iov[i].iov_len);
        done += iov[i].iov_len - left;
        if (left) {
            if (pos + done >= n->size) /* what came after the fault must not show later */
                memset(n->data + pos + done, 0, n->capacity - pos - done);
            return done ? (long)done : -EFAULT;
        }
    }
    return done;
}

long tmpfs_data_write(struct tmpfs_node* n, const struct iovec* iov, int iov_count, uint64_t pos) {
    uint64_t size = total(iov, iov_count);
    if (!n->mem && pos <= SMALL_MAX && size <= SMALL_MAX - pos)
        return size ? write_small(n, iov, iov_count, pos, size) : 0;
    int ret = tmpfs_need_memory(n);
    if (ret)
        return ret;
    return libos_checked_count(PalStreamWriteV(n->mem, pos, iov, iov_count, 0), iov, iov_count);
}

int tmpfs_data_resize(struct tmpfs_node* n, uint64_t size) {
    if (!n->mem && size <= SMALL_MAX) {
        int ret = reserve(n, size);
        if (!ret && size < n->size)
            memset(n->data + size, 0, n->size - size);
        return ret;
    }
    int ret = tmpfs_need_memory(n);
    return ret ? ret : pal_to_errno(PalStreamSetLength(n->mem, size));
}
