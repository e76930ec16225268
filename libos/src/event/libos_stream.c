/*
 * Files that are a host stream (pipes, eventfds, timers, sockets, terminals): reads and writes go
 * to the host on the guest's own buffers, one host call each. And what such anonymous files tell
 * through stat.
 */
#include <asm/fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>

#include "libos_event.h"
#include "libos_fs.h"

/* ---- reading and writing --------------------------------------------------------------------- */

long libos_checked_count(int64_t pal_ret, const struct iovec* iov, int iov_count) {
    if (pal_ret <= 0)
        return pal_to_errno(pal_ret);
    uint64_t size = 0;
    for (int i = 0; i < iov_count; i++)
        size += iov[i].iov_len;
    return (uint64_t)pal_ret <= size ? pal_ret : -EIO;
}

long libos_stream_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                       const int64_t* pos, int rwf) {
    if (pos)
        return -ESPIPE;
    return libos_checked_count(
        PalStreamReadV(f->host, PAL_OFFSET_CURRENT, iov, (PAL_NUM)iov_count, (PAL_FLG)rwf), iov,
        iov_count);
}

long libos_stream_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                        const int64_t* pos, int rwf) {
    if (pos)
        return -ESPIPE;
    long ret = libos_checked_count(
        PalStreamWriteV(f->host, PAL_OFFSET_CURRENT, iov, (PAL_NUM)iov_count, (PAL_FLG)rwf), iov,
        iov_count);
    if (ret == -EPIPE)
        libos_signal_self(SIGPIPE, SI_USER);
    if (__builtin_expect(f->flags & FASYNC, 0))
        libos_sigio_wrote(f, ret == -EAGAIN);
    return ret;
}

int libos_stream_set_flags(struct libos_file* f, int new_flags) {
    if (!((f->flags ^ (uint32_t)new_flags) & O_NONBLOCK))
        return 0;
    PAL_STREAM_ATTR attr = {0};
    int ret = 0;
    /* The call sets the permissions of a device as well: leave them as they are. */
    if (f->host->hdr.type == PAL_TYPE_DEV)
        ret = PalStreamAttributesQueryByHandle(f->host, &attr);
    if (ret == 0) {
        attr.nonblocking = new_flags & O_NONBLOCK;
        ret = PalStreamAttributesSetByHandle(f->host, &attr);
    }
    return (int)pal_to_errno(ret);
}

int libos_stream_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    PAL_HANDLE handle;
    if (flags & O_DIRECTORY)
        return -ENOTDIR;
    PAL_FLG access = flags & O_PATH ? PAL_ACCESS_PATH : (PAL_FLG)(flags & O_ACCMODE);
    PAL_FLG options = PAL_OPTION_NOCTTY;
    if (flags & O_NONBLOCK)
        options |= PAL_OPTION_NONBLOCK;
    int ret = PalStreamReopen(f->host, access, flags & O_PATH ? 0 : options, &handle);
    if (ret < 0)
        return (int)pal_to_errno(ret);
    struct libos_path* path =
        f->path && f->path->name ? libos_path_alloc(NULL, f->path->name) : NULL;
    struct libos_file* copy =
        libos_file_alloc(f->ops, flags & (O_ACCMODE | O_NONBLOCK | O_PATH), handle, path);
    if (!copy)
        return -ENOMEM;
    copy->mode_type = f->mode_type;
    *out = copy;
    return 0;
}

/* ---- anonymous inodes ------------------------------------------------------------------------ */

/* Device numbers of file systems that have no mount: pipefs, sockfs, anon_inodefs. */
#define PIPEFS_DEV libos_makedev(0, 14)
#define SOCKFS_DEV libos_makedev(0, 8)
#define ANONFS_DEV libos_makedev(0, 15)

struct libos_anon_inode* libos_anon_inode_create(uint32_t mode) {
    static uint64_t last_ino = 10000;
    struct libos_anon_inode* inode = libos_malloc(sizeof(*inode));
    if (!inode)
        return NULL;
    struct libos_thread* t = get_cur_thread();
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_REALTIME, &now);
    *inode = (struct libos_anon_inode){
        .mode = mode,
        .uid = t ? t->fsuid : 0,
        .gid = t ? t->fsgid : 0,
        .ino = __atomic_add_fetch(&last_ino, 1, __ATOMIC_RELAXED),
        .time_ns = (int64_t)now,
    };
    ref_set(&inode->ref, 1);
    return inode;
}

void libos_anon_inode_put(struct libos_anon_inode* inode) {
    if (inode && ref_put(&inode->ref))
        libos_free(inode);
}

int libos_anon_inode_stat(struct libos_file* f, struct libos_stat* st) {
    const struct libos_anon_inode* inode = f->data;
    uint64_t dev = ANONFS_DEV;
    if (f->mode_type == S_IFIFO)
        dev = PIPEFS_DEV;
    else if (f->mode_type == S_IFSOCK)
        dev = SOCKFS_DEV;
    *st = (struct libos_stat){
        .dev = dev,
        .ino = inode->ino,
        .nlink = 1,
        .mode = inode->mode,
        .uid = inode->uid,
        .gid = inode->gid,
        .blksize = 4096,
        .atime_ns = inode->time_ns,
        .mtime_ns = inode->time_ns,
        .ctime_ns = inode->time_ns,
        .btime_ns = -1,
    };
    return 0;
}

void libos_anon_inode_close(struct libos_file* f) {
    libos_anon_inode_put(f->data);
}

long libos_anon_inode_pack(struct libos_file* f, void* data, size_t size) {
    if (size < sizeof(struct libos_anon_inode))
        return -EINVAL;
    memcpy(data, f->data, sizeof(struct libos_anon_inode));
    return sizeof(struct libos_anon_inode);
}

int libos_anon_inode_unpack(struct libos_file* f, const void* data, size_t size) {
    struct libos_anon_inode* inode = size == sizeof(*inode) ? libos_malloc(sizeof(*inode)) : NULL;
    if (!inode)
        return -ENOMEM;
    memcpy(inode, data, sizeof(*inode));
    ref_set(&inode->ref, 1);
    f->data = inode;
    return 0;
}

struct libos_file* libos_fd_get_open(int fd) {
    struct libos_file* f = libos_fd_get(fd);
    if (f && (__atomic_load_n(&f->flags, __ATOMIC_RELAXED) & O_PATH)) {
        libos_file_put(f);
        return NULL;
    }
    return f;
}

long libos_fd_publish(struct libos_file* f, bool cloexec) {
    if (!f)
        return -ENOMEM;
    int fd = libos_fd_install(f, cloexec, 0);
    libos_file_put(f);
    return fd;
}
