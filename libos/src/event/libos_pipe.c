/*
 * Pipes: host pipes. pipe(7). Packet mode (O_DIRECT), O_NONBLOCK and the size are the host's.
 */
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "libos_event.h"
#include "libos_fs.h"

static long pipe_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                      const int64_t* pos, int rwf) {
    if ((f->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    return libos_stream_read(f, iov, iov_count, pos, rwf);
}

static long pipe_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                       const int64_t* pos, int rwf) {
    if ((f->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    return libos_stream_write(f, iov, iov_count, pos, rwf);
}

static long pipe_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    if (cmd != FIONREAD)
        return -ENOTTY;
    int bytes = 0;
    int ret = PalStreamControl(f->host, PAL_OP_BYTES_READABLE, &bytes, sizeof(bytes));
    if (ret < 0)
        return pal_to_errno(ret);
    return bytes < 0 ? -EIO : user_put(bytes, (int*)arg);
}

static int pipe_set_flags(struct libos_file* f, int new_flags) {
    if ((f->flags ^ (uint32_t)new_flags) & O_DIRECT)
        return -EINVAL; /* packet mode is chosen when the pipe is made */
    return libos_stream_set_flags(f, new_flags);
}

static int pipe_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    int ret = libos_stream_reopen(f, flags, out);
    if (ret == 0) {
        struct libos_anon_inode* inode = f->data;
        ref_get(&inode->ref);
        (*out)->data = inode;
    }
    return ret;
}

const struct libos_file_ops g_libos_pipe_ops = {
    .kind = "pipe",
    .read = pipe_read,
    .write = pipe_write,
    .ioctl = pipe_ioctl,
    .stat = libos_anon_inode_stat,
    .set_flags = pipe_set_flags,
    .close = libos_anon_inode_close,
    .reopen = pipe_reopen,
    .pack = libos_anon_inode_pack,
    .unpack = libos_anon_inode_unpack,
};

int libos_pipe_create(int flags, struct libos_file* files[2]) {
    PAL_FLG options = 0;
    if (flags & O_NONBLOCK)
        options |= PAL_OPTION_NONBLOCK;
    if (flags & O_DIRECT)
        options |= PAL_OPTION_DIRECT;
    struct libos_anon_inode* inode = libos_anon_inode_create(S_IFIFO | 0600);
    if (!inode)
        return -ENOMEM;
    PAL_HANDLE handles[2];
    int ret = PalPipeCreate(options, handles);
    if (ret < 0) {
        libos_anon_inode_put(inode);
        return ret == PAL_ERROR_TOOMANYFILES ? -ENFILE : (int)pal_to_errno(ret);
    }
    int status = flags & (O_NONBLOCK | O_DIRECT);
    files[0] =
        libos_file_alloc(&g_libos_pipe_ops, O_RDONLY | (flags & O_NONBLOCK), handles[0], NULL);
    files[1] = libos_file_alloc(&g_libos_pipe_ops, O_WRONLY | status, handles[1], NULL);
    for (int i = 0; i < 2; i++) {
        if (!files[i])
            continue;
        files[i]->mode_type = S_IFIFO;
        ref_get(&inode->ref);
        files[i]->data = inode;
    }
    libos_anon_inode_put(inode);
    if (files[0] && files[1])
        return 0;
    for (int i = 0; i < 2; i++) {
        if (files[i])
            libos_file_put(files[i]);
    }
    return -ENOMEM;
}

long libos_pipe_fcntl(struct libos_file* f, int cmd, unsigned long arg) {
    if (!f->host || libos_file_type(f) != S_IFIFO)
        return -EBADF;
    int size = 0;
    PAL_FLG op = PAL_OP_PIPE_SIZE_GET;
    if (cmd == F_SETPIPE_SZ) {
        /* The argument is an unsigned int; what does not fit an int is too big for any pipe. */
        if ((unsigned int)arg > INT32_MAX)
            return -EINVAL;
        size = (int)arg;
        op = PAL_OP_PIPE_SIZE_SET;
    }
    int ret = PalStreamControl(f->host, op, &size, sizeof(size));
    if (ret < 0)
        return pal_to_errno(ret);
    return size < 0 ? -EIO : size;
}
