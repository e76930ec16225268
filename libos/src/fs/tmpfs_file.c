/*
 * tmpfs regular files. Position and append are ours.
 */
#include <linux/falloc.h>
#include <linux/inotify.h>

#include "libos_event.h"
#include "libos_mm.h"
#include "libos_process.h"
#include "tmpfs.h"

struct libos_file* tmpfs_file_create(struct libos_mount* m, struct tmpfs_node* n,
                                     struct tmpfs_entry* e, int flags) {
    struct tmpfs_open* o = libos_malloc(sizeof(*o));
    if (!o)
        return NULL;
    uint32_t type = n->mode & S_IFMT;
    const struct libos_file_ops* ops = type == S_IFDIR   ? &tmpfs_dir_ops
                                       : type == S_IFREG ? &tmpfs_file_ops
                                                         : &tmpfs_node_ops;
    struct libos_file* f = libos_file_alloc(ops, flags, NULL, &m->plain);
    if (!f) {
        libos_free(o);
        return NULL;
    }
    tmpfs_use(n, e);
    *o = (struct tmpfs_open){n, e};
    f->data = o;
    f->mode_type = type;
    return f;
}

static void file_close(struct libos_file* f) {
    struct tmpfs_open* o = f->data;
    if (f->last) {
        tmpfs_notify(f, f->flags & O_ACCMODE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
        tmpfs_unuse(o->node, o->entry);
    }
    libos_free(o);
}

/* ---- reading and writing ----------------------------------------------------------------------
 */

static long file_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                      const int64_t* pos, int rwf) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    (void)rwf;
    long ret;
    if (pos) {
        ret = tmpfs_data_read(n, iov, iov_count, *pos);
    } else {
        int64_t* own = libos_file_lock_pos(f);
        ret = tmpfs_data_read(n, iov, iov_count, *own);
        if (ret > 0)
            *own += ret;
        libos_file_unlock_pos(f);
    }
    if (ret > 0 && !(f->flags & O_NOATIME))
        n->atime_ns = tmpfs_now();
    if (ret > 0)
        tmpfs_notify(f, IN_ACCESS);
    return ret;
}

static void drop_privileges(struct tmpfs_node* n) {
    if ((n->mode & (S_ISUID | S_ISGID)) && !libos_capable(CAP_FSETID))
        n->mode &= ~(S_ISUID | (n->mode & 010 ? S_ISGID : 0));
}

/* Under n->lock. *over: RLIMIT_FSIZE forbids it. */
static long write_at(struct tmpfs_node* n, const struct tmpfs_source* src, int64_t pos,
                     bool* over) {
    uint64_t limit = libos_rlimit(RLIMIT_FSIZE);
    *over = src->size && (uint64_t)pos >= limit;
    if (*over)
        return -EFBIG;
    long done = tmpfs_data_write(n, src, pos, MIN(src->size, limit - pos));
    if (done > 0) {
        __atomic_store_n(&n->size, MAX(n->size, (uint64_t)pos + done), __ATOMIC_RELAXED);
        drop_privileges(n);
        tmpfs_touch(n);
    }
    return done;
}

static long file_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                       const int64_t* pos, int rwf) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    struct tmpfs_source src;
    long ret = tmpfs_source_init(&src, n, iov, iov_count);
    if (ret)
        return ret;
    bool append = (f->flags & O_APPEND) || (rwf & PAL_RW_APPEND), over;
    int64_t* own = pos ? NULL : libos_file_lock_pos(f);
    coord_lock(&n->lock);
    uint64_t size = n->size;
    int64_t at = append ? (int64_t)size : pos ? *pos : *own;
    ret = write_at(n, &src, at, &over);
    coord_unlock(&n->lock);
    if (own) {
        if (ret > 0)
            *own = at + ret;
        libos_file_unlock_pos(f);
    }
    tmpfs_source_free(&src);
    if (over)
        libos_signal_self(SIGXFSZ, SI_USER);
    if (ret > 0) {
        tmpfs_resized(n, size);
        tmpfs_notify(f, IN_MODIFY);
    }
    return ret;
}

static long seek_hole(struct tmpfs_node* n, int64_t offset, int whence) {
    if (offset < 0 || (uint64_t)offset >= n->size)
        return -ENXIO;
    PAL_HANDLE mem = n->range ? libos_store_object(n->range) : NULL;
    if (!mem) /* small, and all of it data */
        return whence == PAL_SEEK_DATA ? offset : (long)n->size;
    const int64_t start = libos_store_offset(n->range, 0);
    int64_t ret = PalStreamSeek(mem, start + offset, whence); /* its position is nobody's */
    if (whence == PAL_SEEK_DATA && (ret < 0 || (uint64_t)(ret - start) >= n->size))
        return -ENXIO;
    return ret < 0 ? pal_to_errno(ret) : (long)MIN((uint64_t)(ret - start), n->size);
}

static long file_seek(struct libos_file* f, int64_t offset, int whence) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    int64_t* pos = libos_file_lock_pos(f);
    coord_lock(&n->lock);
    long ret = 0;
    if (whence == PAL_SEEK_CUR)
        offset += *pos;
    else if (whence == PAL_SEEK_END)
        offset += n->size;
    else if (whence != PAL_SEEK_SET)
        offset = ret = seek_hole(n, offset, whence);
    if (ret >= 0 && offset < 0)
        ret = -EINVAL;
    if (ret >= 0)
        ret = *pos = offset;
    coord_unlock(&n->lock);
    libos_file_unlock_pos(f);
    return ret;
}

/* ---- size -------------------------------------------------------------------------------------
 */

/* Under n->lock. */
int tmpfs_set_size(struct tmpfs_node* n, uint64_t size) {
    int ret = size == n->size ? 0 : tmpfs_data_resize(n, size);
    if (ret)
        return ret;
    __atomic_store_n(&n->size, size, __ATOMIC_RELAXED);
    drop_privileges(n);
    tmpfs_touch(n);
    return 0;
}

void tmpfs_resized(struct tmpfs_node* n, uint64_t old_size) {
    if (n->mapped && PAGE_UP(n->size) != PAGE_UP(old_size))
        libos_mm_file_resized(libos_tmpfs_is_of, n, MIN(PAGE_UP(n->size), PAGE_UP(old_size)),
                              MAX(PAGE_UP(n->size), PAGE_UP(old_size)));
}

bool libos_tmpfs_is_of(const struct libos_file* f, const void* node) {
    return f->ops == &tmpfs_file_ops && tmpfs_node_of(f) == node;
}

int tmpfs_truncate(struct tmpfs_node* n, uint64_t size) {
    coord_lock(&n->lock);
    uint64_t old_size = n->size;
    int ret = tmpfs_set_size(n, size);
    coord_unlock(&n->lock);
    if (!ret)
        tmpfs_resized(n, old_size);
    return ret;
}

static int file_truncate(struct libos_file* f, int64_t size) {
    int ret = tmpfs_truncate(tmpfs_node_of(f), size);
    if (!ret)
        tmpfs_notify(f, IN_MODIFY);
    return ret;
}

static int file_fallocate(struct libos_file* f, int mode, int64_t offset, int64_t size) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
        return -EOPNOTSUPP;
    if ((uint64_t)offset > LIBOS_STORE_RANGE || (uint64_t)size > LIBOS_STORE_RANGE - offset)
        return -EFBIG;
    coord_lock(&n->lock);
    uint64_t old_size = n->size;
    int ret = tmpfs_need_memory(n);
    PAL_HANDLE mem = ret ? NULL : libos_store_object(n->range);
    if (!ret)
        ret = pal_to_errno(PalStreamAllocate(mem, mode | FALLOC_FL_KEEP_SIZE,
                                             libos_store_offset(n->range, offset), size));
    if (!ret) {
        n->sparse = true;
        if (!(mode & FALLOC_FL_KEEP_SIZE))
            __atomic_store_n(&n->size, MAX(n->size, (uint64_t)offset + size), __ATOMIC_RELAXED);
        tmpfs_touch(n);
    }
    coord_unlock(&n->lock);
    if (!ret)
        tmpfs_resized(n, old_size);
    return ret;
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

/* Behind the end of the file the store goes on, but the mapping must not. */
static int file_mmap(struct libos_file* f, void* addr, size_t size, int prot, int flags,
                     uint64_t offset) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    coord_lock(&n->lock);
    int ret = tmpfs_need_memory(n);
    if (!ret)
        n->mapped = n->sparse = true;
    uint64_t end = PAGE_UP(n->size);
    coord_unlock(&n->lock);
    if (ret)
        return ret;
    PAL_FLG pal_prot = prot & (PAL_PROT_READ | PAL_PROT_WRITE | PAL_PROT_EXEC);
    if ((flags & 0xf) == 2) /* MAP_PRIVATE */
        pal_prot |= PAL_PROT_WRITECOPY;
    uint64_t inside = offset < end ? MIN(size, end - offset) : 0;
    if (inside)
        ret = libos_store_map(n->range, addr, inside, pal_prot, offset);
    if (!ret && inside < size)
        ret = libos_store_map_nothing((char*)addr + inside, size - inside, pal_prot);
    return ret;
}

bool libos_tmpfs_users(const struct libos_file* f, struct tmpfs_open* out) {
    if (f->ops != &tmpfs_file_ops && f->ops != &tmpfs_dir_ops && f->ops != &tmpfs_node_ops)
        return false;
    *out = *(struct tmpfs_open*)f->data;
    return true;
}

uint64_t libos_tmpfs_mapped_end(const struct libos_file* f) {
    return f->ops == &tmpfs_file_ops ? PAGE_UP(tmpfs_node_of(f)->size) : 0;
}

bool libos_tmpfs_host_range(const struct libos_file* f, struct libos_host_range* r) {
    if (f->ops != &tmpfs_file_ops || (f->flags & O_PATH))
        return false;
    struct tmpfs_node* n = tmpfs_node_of(f);
    coord_lock(&n->lock);
    int ret = tmpfs_need_memory(n);
    r->size = n->size;
    coord_unlock(&n->lock);
    if (ret)
        return false;
    *r = (struct libos_host_range){.handle = libos_store_object(n->range),
                                   .start = libos_store_offset(n->range, 0),
                                   .max = LIBOS_STORE_RANGE,
                                   .size = r->size};
    return r->handle != NULL;
}

void libos_tmpfs_written(const struct libos_file* f, uint64_t start, uint64_t end) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    coord_lock(&n->lock);
    uint64_t old_size = n->size;
    n->sparse = n->sparse || start > old_size;
    __atomic_store_n(&n->size, MAX(n->size, end), __ATOMIC_RELAXED);
    drop_privileges(n);
    tmpfs_touch(n);
    coord_unlock(&n->lock);
    tmpfs_resized(n, old_size);
}

static int file_stat(struct libos_file* f, struct libos_stat* st) {
    tmpfs_node_stat(tmpfs_node_of(f), st);
    return 0;
}

static int file_fsync(struct libos_file* f, bool data_only) {
    (void)f, (void)data_only;
    return 0;
}

static int file_statfs(struct libos_file* f, struct libos_statfs* st) {
    (void)f;
    uint64_t pages = g_pal_control->mem_info.mem_total / PAGE_SIZE / 2;
    PAL_SYSTEM_INFO info;
    uint64_t free = pages;
    if (PalSystemInfoQuery(&info) == 0)
        free = MIN(pages, info.available_ram / PAGE_SIZE);
    *st = (struct libos_statfs){
        .type = 0x01021994,
        .bsize = PAGE_SIZE,
        .blocks = pages,
        .bfree = free,
        .bavail = free,
        .files = pages,
        .ffree = free,
        .namelen = NAME_MAX,
        .frsize = PAGE_SIZE,
    };
    return 0;
}

static int file_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    struct tmpfs_open* o = f->data;
    struct tmpfs* fs = o->node->fs;
    coord_lock(&fs->tree);
    int ret = tmpfs_open_node(f->path->mount, o->node, o->entry, flags, true, out);
    coord_unlock(&fs->tree);
    if (!ret)
        ret = tmpfs_opened(out, flags);
    return ret;
}

/* Node and entry are in the arena, and counted with the description. */
static long file_pack(struct libos_file* f, void* data, size_t size) {
    if (size < sizeof(struct tmpfs_open))
        return -EINVAL;
    memcpy(data, f->data, sizeof(struct tmpfs_open));
    return sizeof(struct tmpfs_open);
}

static int file_unpack(struct libos_file* f, const void* data, size_t size) {
    struct tmpfs_open* o = size == sizeof(*o) ? libos_malloc(sizeof(*o)) : NULL;
    if (!o)
        return -ENOMEM;
    memcpy(o, data, sizeof(*o));
    f->data = o;
    return 0;
}

const struct libos_file_ops tmpfs_file_ops = {
    .kind = "file",
    .read = file_read,
    .write = file_write,
    .seek = file_seek,
    .mmap = file_mmap,
    .stat = file_stat,
    .truncate = file_truncate,
    .fallocate = file_fallocate,
    .fsync = file_fsync,
    .statfs = file_statfs,
    .close = file_close,
    .close_at_end = true,
    .reopen = file_reopen,
    .pack = file_pack,
    .unpack = file_unpack,
};

const struct libos_file_ops tmpfs_node_ops = {
    .kind = "node",
    .stat = file_stat,
    .statfs = file_statfs,
    .close = file_close,
    .close_at_end = true,
    .reopen = file_reopen,
};
