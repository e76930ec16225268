/*
 * tmpfs contents. Small ones lie in the arena: no host call. A file that grows, is mapped or is
 * copied by the host moves to a range of the store, and stays there. Guest memory is not touched
 * while small contents are locked: they are copied in between.
 */
#include "libos_event.h"
#include "tmpfs.h"

#define SMALL_MAX  16384UL
#define ARENA_KEEP 4 /* with less than a quarter of the arena left, nothing is small any more */

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

static uint64_t total(const struct iovec* iov, int iov_count) {
    uint64_t size = 0;
    for (int i = 0; i < iov_count; i++)
        size += iov[i].iov_len;
    return size;
}

static struct libos_store_range* range_of(const struct tmpfs_node* n) {
    return __atomic_load_n(&n->range, __ATOMIC_ACQUIRE);
}

static uint64_t size_of(const struct tmpfs_node* n) {
    return __atomic_load_n(&n->size, __ATOMIC_RELAXED);
}

/* ---- moving to the store ----------------------------------------------------------------------
 */

int tmpfs_need_memory(struct tmpfs_node* n) {
    if (n->range)
        return 0;
    struct libos_store_range* r = libos_store_alloc();
    PAL_HANDLE mem = r ? libos_store_object(r) : NULL;
    int ret = mem ? 0 : PAL_ERROR_NOMEM;
    uint64_t size = MIN(n->size, n->capacity);
    for (uint64_t done = 0; !ret && done < size;) {
        PAL_NUM count = size - done;
        ret = PalStreamWrite(mem, libos_store_offset(r, done), &count, n->data + done, NULL);
        if (!ret && (!count || count > size - done))
            ret = PAL_ERROR_INCONSIST;
        done += count;
    }
    if (ret) {
        libos_store_free(r);
        return pal_to_errno(ret);
    }
    char* data = n->data;
    COORD_SET(n->capacity, 0);
    COORD_SET(n->data, NULL);
    coord_log(&n->range, sizeof(n->range));
    __atomic_store_n(&n->range, r, __ATOMIC_RELEASE);
    coord_free(data);
    return 0;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static long give(const struct iovec* iov, int iov_count, const char* from, size_t size) {
    size_t done = 0;
    for (int i = 0; i < iov_count && done < size; i++) {
        size_t want = MIN(iov[i].iov_len, size - done);
        size_t left = copy_out(iov[i].iov_base, from + done, want);
        done += want - left;
        if (left)
            return done ? (long)done : -EFAULT;
    }
    return done;
}

/* -EAGAIN: it is not small any more. */
static long read_small(struct tmpfs_node* n, const struct iovec* iov, int iov_count, uint64_t pos) {
    char few[2048], *buf = few;
    uint64_t size = size_of(n);
    size_t want = pos < size ? MIN(MIN(size - pos, total(iov, iov_count)), SMALL_MAX) : 0;
    if (!want)
        return range_of(n) ? -EAGAIN : 0;
    if (want > sizeof(few) && !(buf = libos_malloc(want)))
        return -ENOMEM;
    coord_lock(&n->lock);
    long ret = n->range ? -EAGAIN : 0;
    want = !ret && pos < n->size ? MIN(want, n->size - pos) : 0;
    if (want)
        memcpy(buf, n->data + pos, want);
    coord_unlock(&n->lock);
    if (want)
        ret = give(iov, iov_count, buf, want);
    if (buf != few)
        libos_free(buf);
    return ret;
}

/* No more than `size` bytes, as the store goes on behind the end of the file. */
static long read_range(const struct libos_store_range* r, const struct iovec* iov, int iov_count,
                       uint64_t pos, uint64_t size) {
    PAL_HANDLE mem = libos_store_object(r);
    if (!mem)
        return -EIO;
    uint64_t at = libos_store_offset(r, pos), whole = 0;
    int count = 0;
    while (count < iov_count && iov[count].iov_len <= size - whole)
        whole += iov[count++].iov_len;
    long done = 0;
    if (count)
        done = libos_checked_count(PalStreamReadV(mem, at, iov, count, 0), iov, count);
    if (done < 0 || (uint64_t)done < whole || count == iov_count || whole == size)
        return done;
    struct iovec last = {iov[count].iov_base, size - whole};
    long more = libos_checked_count(PalStreamReadV(mem, at + whole, &last, 1, 0), &last, 1);
    return more < 0 ? done ? done : more : done + more;
}

long tmpfs_data_read(struct tmpfs_node* n, const struct iovec* iov, int iov_count, uint64_t pos) {
    if (!range_of(n)) {
        long ret = read_small(n, iov, iov_count, pos);
        if (ret != -EAGAIN)
            return ret;
    }
    uint64_t size = size_of(n);
    return pos < size ? read_range(range_of(n), iov, iov_count, pos, size - pos) : 0;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

long tmpfs_source_init(struct tmpfs_source* src, const struct tmpfs_node* n,
                       const struct iovec* iov, int iov_count) {
    src->iov = iov;
    src->iov_count = iov_count;
    src->size = total(iov, iov_count);
    src->copy = NULL;
    if (range_of(n) || src->size > SMALL_MAX || !src->size)
        return 0;
    src->copy = src->size <= sizeof(src->small) ? src->small : libos_malloc(src->size);
    if (!src->copy)
        return -ENOMEM;
    size_t done = 0, left = 0;
    for (int i = 0; i < iov_count && !left; i++) {
        left = copy_in(src->copy + done, iov[i].iov_base, iov[i].iov_len);
        done += iov[i].iov_len - left;
    }
    src->whole = (struct iovec){src->copy, done};
    src->iov = &src->whole;
    src->iov_count = 1;
    src->size = done;
    if (done || !left)
        return 0;
    tmpfs_source_free(src);
    return -EFAULT;
}

void tmpfs_source_free(struct tmpfs_source* src) {
    if (src->copy && src->copy != src->small)
        libos_free(src->copy);
    src->copy = NULL;
}

static size_t small_max(void) {
    size_t all, available;
    coord_memory(&all, &available);
    return available < all / ARENA_KEEP ? 0 : SMALL_MAX;
}

/* Room for `size` bytes; what lies behind n->size is anything. */
static int reserve(struct tmpfs_node* n, size_t size) {
    if (size <= n->capacity)
        return 0;
    if (size > small_max())
        return -ENOSPC;
    size_t capacity = MAX(n->capacity, (size_t)64);
    while (capacity < size)
        capacity *= 2;
    char *old = n->data, *data = coord_alloc(capacity);
    if (!data)
        return -ENOSPC;
    if (old)
        memcpy(data, old, n->size);
    COORD_SET(n->data, data);
    COORD_SET(n->capacity, capacity);
    coord_free(old);
    return 0;
}

static long write_range(struct tmpfs_node* n, const struct tmpfs_source* src, uint64_t pos,
                        size_t size) {
    int ret = tmpfs_need_memory(n);
    if (ret)
        return ret;
    PAL_HANDLE mem = libos_store_object(n->range);
    if (!mem)
        return -EIO;
    if (pos >= LIBOS_STORE_RANGE)
        return -EFBIG;
    if (pos > n->size)
        n->sparse = true;
    size = MIN(size, LIBOS_STORE_RANGE - pos);
    struct iovec cut = src->iov[0];
    const struct iovec* iov = src->iov;
    int count = src->iov_count;
    if (size < src->size) { /* a short write: the first buffer's part of it */
        cut.iov_len = MIN(cut.iov_len, size);
        iov = &cut;
        count = 1;
    }
    return libos_checked_count(
        PalStreamWriteV(mem, libos_store_offset(n->range, pos), iov, count, 0), iov, count);
}

long tmpfs_data_write(struct tmpfs_node* n, const struct tmpfs_source* src, uint64_t pos,
                      size_t size) {
    size = MIN(size, src->size);
    if (!size)
        return 0;
    if (n->range || !src->copy || pos > SMALL_MAX || size > SMALL_MAX - pos ||
        reserve(n, pos + size) < 0)
        return write_range(n, src, pos, size);
    if (pos > n->size)
        memset(n->data + n->size, 0, pos - n->size);
    memcpy(n->data + pos, src->copy, size);
    return size;
}

int tmpfs_data_resize(struct tmpfs_node* n, uint64_t size) {
    if (!n->range && size <= SMALL_MAX && reserve(n, size) == 0) {
        if (size > n->size)
            memset(n->data + n->size, 0, size - n->size);
        return 0;
    }
    if (size > LIBOS_STORE_RANGE)
        return -EFBIG;
    int ret = tmpfs_need_memory(n);
    if (ret)
        return ret;
    if (size < n->size)
        ret = libos_store_punch(n->range, size, LIBOS_STORE_RANGE - size);
    if (!ret)
        n->sparse = size != 0 && (n->sparse || size > n->size || n->mapped);
    return ret;
}
