/*
 * tmpfs regular files. The contents are a memory object of the host, made when there is something
 * to keep, so that mapping a file needs no copy. Position and append are ours.
 */
#include <linux/falloc.h>
#include <linux/inotify.h>

#include "libos_event.h"
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
    ref_get(&n->ref);
    if (e)
        ref_get(&e->ref);
    *o = (struct tmpfs_open){n, e};
    f->data = o;
    f->mode_type = type;
    return f;
}

static void file_close(struct libos_file* f) {
    struct tmpfs_open* o = f->data;
    tmpfs_notify(f, f->flags & O_ACCMODE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    tmpfs_entry_put(o->entry);
    tmpfs_node_put(o->node);
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
        lock(&f->lock);
        ret = tmpfs_data_read(n, iov, iov_count, f->pos);
        if (ret > 0)
            f->pos += ret;
        unlock(&f->lock);
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

/* Under n->lock. */
static long write_at(struct tmpfs_node* n, const struct iovec* iov, int iov_count, int64_t pos) {
    uint64_t limit = libos_rlimit(RLIMIT_FSIZE);
    struct iovec cut = iov[0];
    if (limit != RLIM64_INFINITY) {
        if ((uint64_t)pos >= limit && (iov_count > 1 || cut.iov_len)) {
            libos_signal_self(SIGXFSZ, SI_USER);
            return -EFBIG;
        }
        uint64_t room = limit - pos, size = 0;
        for (int i = 0; i < iov_count; i++)
            size += iov[i].iov_len;
        if (size > room) {
            cut.iov_len = MIN(cut.iov_len, room);
            iov = &cut;
            iov_count = 1;
        }
    }
    long done = tmpfs_data_write(n, iov, iov_count, pos);
    if (done > 0) {
        n->size = MAX(n->size, (uint64_t)pos + done);
        drop_privileges(n);
        tmpfs_touch(n);
    }
    return done;
}

static long file_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                       const int64_t* pos, int rwf) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    bool append = (f->flags & O_APPEND) || (rwf & PAL_RW_APPEND);
    if (!pos)
        lock(&f->lock);
    lock(&n->lock);
    int64_t at = append ? (int64_t)n->size : pos ? *pos : f->pos;
    long ret = write_at(n, iov, iov_count, at);
    unlock(&n->lock);
    if (!pos) {
        if (ret > 0)
            f->pos = at + ret;
        unlock(&f->lock);
    }
    if (ret > 0)
        tmpfs_notify(f, IN_MODIFY);
    return ret;
}

static long seek_hole(struct tmpfs_node* n, int64_t offset, int whence) {
    if (offset < 0 || (uint64_t)offset >= n->size)
        return -ENXIO;
    if (!n->mem) /* small, and all of it data */
        return whence == PAL_SEEK_DATA ? offset : (long)n->size;
    return pal_to_errno(PalStreamSeek(n->mem, offset, whence)); /* its position is nobody's */
}

static long file_seek(struct libos_file* f, int64_t offset, int whence) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    lock(&f->lock);
    lock(&n->lock);
    long ret = 0;
    if (whence == PAL_SEEK_CUR)
        offset += f->pos;
    else if (whence == PAL_SEEK_END)
        offset += n->size;
    else if (whence != PAL_SEEK_SET)
        offset = ret = seek_hole(n, offset, whence);
    if (ret >= 0 && offset < 0)
        ret = -EINVAL;
    if (ret >= 0)
        ret = f->pos = offset;
    unlock(&n->lock);
    unlock(&f->lock);
    return ret;
}

/* ---- size -------------------------------------------------------------------------------------
 */

/* Under n->lock. */
int tmpfs_set_size(struct tmpfs_node* n, uint64_t size) {
    int ret = size == n->size ? 0 : tmpfs_data_resize(n, size);
    if (ret)
        return ret;
    n->size = size;
    drop_privileges(n);
    tmpfs_touch(n);
    return 0;
}

static int file_truncate(struct libos_file* f, int64_t size) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    lock(&n->lock);
    int ret = tmpfs_set_size(n, size);
    unlock(&n->lock);
    if (!ret)
        tmpfs_notify(f, IN_MODIFY);
    return ret;
}

static int file_fallocate(struct libos_file* f, int mode, int64_t offset, int64_t size) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
        return -EOPNOTSUPP;
    lock(&n->lock);
    int ret = tmpfs_need_memory(n);
    if (!ret)
        ret = pal_to_errno(PalStreamAllocate(n->mem, mode, offset, size));
    if (!ret) {
        if (!(mode & FALLOC_FL_KEEP_SIZE))
            n->size = MAX(n->size, (uint64_t)offset + size);
        tmpfs_touch(n);
    }
    unlock(&n->lock);
    return ret;
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

static int file_mmap(struct libos_file* f, void* addr, size_t size, int prot, int flags,
                     uint64_t offset) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    lock(&n->lock);
    int ret = tmpfs_need_memory(n);
    unlock(&n->lock);
    if (ret)
        return ret;
    PAL_FLG pal_prot = prot & (PAL_PROT_READ | PAL_PROT_WRITE | PAL_PROT_EXEC);
    if ((flags & 0xf) == 2) /* MAP_PRIVATE */
        pal_prot |= PAL_PROT_WRITECOPY;
    PAL_PTR at = addr;
    return pal_to_errno(PalStreamMap(n->mem, &at, pal_prot, offset, size));
}

static bool is_open_file(const struct libos_file* f) {
    return f->ops == &tmpfs_file_ops && !(f->flags & O_PATH);
}

PAL_HANDLE libos_tmpfs_source(const struct libos_file* f) {
    return libos_tmpfs_target(f);
}

PAL_HANDLE libos_tmpfs_target(const struct libos_file* f) {
    if (!is_open_file(f))
        return NULL;
    struct tmpfs_node* n = tmpfs_node_of(f);
    lock(&n->lock);
    int ret = tmpfs_need_memory(n);
    unlock(&n->lock);
    return ret ? NULL : n->mem;
}

void libos_tmpfs_written(const struct libos_file* f, uint64_t end) {
    struct tmpfs_node* n = tmpfs_node_of(f);
    lock(&n->lock);
    n->size = MAX(n->size, end);
    drop_privileges(n);
    tmpfs_touch(n);
    unlock(&n->lock);
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
    return tmpfs_open_node(f->path->mount, o->node, o->entry, flags, true, out);
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
    .reopen = file_reopen,
};

const struct libos_file_ops tmpfs_node_ops = {
    .kind = "node",
    .stat = file_stat,
    .statfs = file_statfs,
    .close = file_close,
    .reopen = file_reopen,
};
