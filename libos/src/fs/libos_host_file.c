/*
 * Regular files (and devices and FIFOs) behind a host handle. The position and O_APPEND are the
 * host's, as the host's open file is what other processes share. Reads and writes are one host call
 * each, on the guest's own buffers.
 */
#include "libos_event.h"
#include "libos_fs_internal.h"
#include "libos_process.h"

void libos_stat_from_pal(struct libos_stat* st, const PAL_STREAM_ATTR* a) {
    *st = (struct libos_stat){
        .dev = a->dev,
        .ino = a->ino,
        .nlink = a->nlink,
        .rdev = a->rdev,
        .mode = a->file_mode,
        .uid = a->uid,
        .gid = a->gid,
        .size = a->pending_size,
        .blksize = a->blksize,
        .blocks = a->blocks,
        .atime_ns = a->atime_ns,
        .mtime_ns = a->mtime_ns,
        .ctime_ns = a->ctime_ns,
        .btime_ns = a->btime_ns,
        .mount_id = a->mount_id,
        .attributes = a->attributes,
        .attributes_mask = a->attributes_mask,
    };
}

static long host_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                      const int64_t* pos, int rwf) {
    PAL_NUM offset = pos ? (PAL_NUM)*pos : PAL_OFFSET_CURRENT;
    if (iov_count != 1 || rwf)
        return libos_checked_count(PalStreamReadV(f->host, offset, iov, iov_count, rwf), iov,
                                   iov_count);
    PAL_NUM count = iov->iov_len;
    int ret = PalStreamRead(f->host, offset, &count, iov->iov_base, NULL, 0);
    if (ret < 0)
        return pal_to_errno(ret);
    return count <= iov->iov_len ? (long)count : -EIO;
}

/* RLIMIT_FSIZE: how much of `size` bytes may be written, or -EFBIG with SIGXFSZ sent. */
static long within_limit(struct libos_file* f, const int64_t* pos, uint64_t size, uint64_t limit) {
    if (libos_file_type(f) != S_IFREG)
        return size;
    int64_t at;
    if (f->flags & O_APPEND) {
        struct libos_stat st;
        int ret = libos_file_stat(f, &st);
        if (ret)
            return ret;
        at = st.size;
    } else {
        at = pos ? *pos : PalStreamSeek(f->host, 0, PAL_SEEK_CUR);
    }
    if (at < 0)
        return pal_to_errno(at);
    if ((uint64_t)at >= limit) {
        libos_signal_self(SIGXFSZ, SI_USER);
        return -EFBIG;
    }
    return MIN(size, limit - at);
}

static long host_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                       const int64_t* pos, int rwf) {
    PAL_NUM offset = pos ? (PAL_NUM)*pos : PAL_OFFSET_CURRENT;
    struct iovec cut;
    uint64_t limit = libos_rlimit(RLIMIT_FSIZE);
    if (limit != RLIM64_INFINITY) {
        uint64_t size = 0;
        for (int i = 0; i < iov_count; i++)
            size += iov[i].iov_len;
        long allowed = size ? within_limit(f, pos, size, limit) : 0;
        if (allowed < 0)
            return allowed;
        if ((uint64_t)allowed < size) { /* a short write: the first buffer's part of it */
            cut = iov[0];
            cut.iov_len = MIN(cut.iov_len, (uint64_t)allowed);
            iov = &cut;
            iov_count = 1;
        }
    }
    long ret;
    if (iov_count != 1 || rwf) {
        ret = libos_checked_count(PalStreamWriteV(f->host, offset, iov, iov_count, rwf), iov,
                                  iov_count);
    } else {
        PAL_NUM count = iov->iov_len;
        ret = pal_to_errno(PalStreamWrite(f->host, offset, &count, iov->iov_base, NULL));
        if (!ret)
            ret = count <= iov->iov_len ? (long)count : -EIO;
    }
    if (ret == -EPIPE)
        libos_signal_self(SIGPIPE, SI_USER);
    return ret;
}

static long host_seek(struct libos_file* f, int64_t offset, int whence) {
    if (f->mode_type == S_IFDIR)
        return libos_host_dir_seek(f, offset, whence);
    int64_t ret = PalStreamSeek(f->host, offset, whence);
    if (ret >= 0 && !f->mode_type)
        f->data = (void*)ret; /* it may be a directory: where getdents goes on, libos_host_dir.c */
    return pal_to_errno(ret);
}

static long host_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    uint32_t type = libos_file_type(f);
    return type == S_IFCHR || type == S_IFIFO ? libos_tty_ioctl(f, cmd, arg) : -ENOTTY;
}

static int host_mmap(struct libos_file* f, void* addr, size_t size, int prot, int flags,
                     uint64_t offset) {
    PAL_FLG pal_prot = prot & (PAL_PROT_READ | PAL_PROT_WRITE | PAL_PROT_EXEC);
    if ((flags & 0xf) == 2) /* MAP_PRIVATE */
        pal_prot |= PAL_PROT_WRITECOPY;
    PAL_PTR at = addr;
    return pal_to_errno(PalStreamMap(f->host, &at, pal_prot, offset, size));
}

int libos_host_stat(struct libos_file* f, struct libos_stat* st) {
    PAL_STREAM_ATTR attr;
    int ret = PalStreamAttributesQueryByHandle(f->host, &attr);
    if (ret < 0)
        return pal_to_errno(ret);
    libos_stat_from_pal(st, &attr);
    return 0;
}

static int host_truncate(struct libos_file* f, int64_t size) {
    if (libos_file_type(f) != S_IFREG)
        return -EINVAL;
    return pal_to_errno(PalStreamSetLength(f->host, size));
}

static int host_fallocate(struct libos_file* f, int mode, int64_t offset, int64_t size) {
    return pal_to_errno(PalStreamAllocate(f->host, mode, offset, size));
}

static int host_fsync(struct libos_file* f, bool data_only) {
    return pal_to_errno(PalStreamFlushMode(f->host, data_only ? PAL_FLUSH_DATA : PAL_FLUSH_ALL));
}

static int host_set_flags(struct libos_file* f, int new_flags) {
    uint32_t change = f->flags ^ (uint32_t)new_flags;
    if (change & (O_DIRECT | O_NOATIME)) {
        int ret = PalStreamControl(f->host, PAL_OP_STATUS_SET, &new_flags, sizeof(new_flags));
        if (ret < 0)
            return pal_to_errno(ret);
    }
    if (change & O_APPEND) {
        int append = !!(new_flags & O_APPEND);
        int ret = PalStreamControl(f->host, PAL_OP_APPEND_SET, &append, sizeof(append));
        if (ret < 0)
            return pal_to_errno(ret);
    }
    if ((change & O_NONBLOCK) && libos_file_type(f) != S_IFREG)
        return libos_stream_set_flags(f, new_flags);
    return 0;
}

static int host_statfs(struct libos_file* f, struct libos_statfs* out) {
    PAL_FS_STAT st;
    int ret = PalStreamFilesystemQuery(f->host, &st);
    if (ret < 0)
        return pal_to_errno(ret);
    *out = (struct libos_statfs){
        .type = st.type,
        .bsize = st.block_size,
        .blocks = st.blocks,
        .bfree = st.blocks_free,
        .bavail = st.blocks_available,
        .files = st.files,
        .ffree = st.files_free,
        .fsid = st.fsid,
        .namelen = st.name_max,
        .frsize = st.fragment_size,
        .flags = st.flags,
    };
    return 0;
}

static int host_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    PAL_FLG access = libos_pal_access(flags);
    PAL_HANDLE handle;
    if ((flags & O_DIRECTORY) && libos_file_type(f) != S_IFDIR)
        return -ENOTDIR;
    if (f == cur_process()->exe && !(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY)
        return -ETXTBSY;
    int ret = PalStreamReopen(f->host, access, libos_pal_options(flags & ~O_DIRECTORY), &handle);
    if (ret < 0)
        return ret == PAL_ERROR_SYMLINK ? -ELOOP : pal_to_errno(ret);
    struct libos_path* p = f->path;
    if (p && !p->shared)
        p = libos_path_alloc(p->mount, p->name);
    *out = libos_file_alloc(f->ops, libos_file_flags(flags), handle, p);
    if (!*out)
        return -ENOMEM;
    (*out)->mode_type = f->mode_type;
    return 0;
}

const struct libos_file_ops libos_host_file_ops = {
    .kind = "file",
    .read = host_read,
    .write = host_write,
    .seek = host_seek,
    .ioctl = host_ioctl,
    .mmap = host_mmap,
    .stat = libos_host_stat,
    .truncate = host_truncate,
    .fallocate = host_fallocate,
    .fsync = host_fsync,
    .getdents = libos_host_getdents, /* a directory may have been opened as a file */
    .set_flags = host_set_flags,
    .statfs = host_statfs,
    .reopen = host_reopen,
};
