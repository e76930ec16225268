/*
 * Directories of the host. The position is the host's; names of mount points that the host does not
 * have come after its own entries.
 */
#include "libos_fs_internal.h"
#include "libos_process.h"

struct host_dirent { /* struct linux_dirent64 */
    uint64_t d_ino;
    int64_t d_off;
    uint16_t d_reclen;
    uint8_t d_type;
    char d_name[];
};

/* Mount points that only the LibOS knows. f->pos: id of the last one given; their positions are
 * VIRTUAL_BASE + id. */
#define VIRTUAL_BASE (1LL << 62)

static bool g_virtual_names;

void libos_host_dir_has_virtual(void) {
    g_virtual_names = true;
}

static int emit_virtual(struct libos_file* f, libos_dirent_fn emit, void* arg) {
    if (!g_virtual_names)
        return 0;
    char name[PATH_MAX];
    long len = libos_file_get_name(f, name, sizeof(name));
    if (len < 0 || len >= (long)sizeof(name))
        return 0;
    if (len == 1)
        name[0] = '\0'; /* the root */
    for (;;) {
        struct libos_mount* m = libos_mount_virtual_child(name, libos_file_get_pos(f));
        if (!m)
            return 0;
        struct libos_stat st;
        uint8_t type = 4; /* DT_DIR */
        uint64_t ino = 1;
        if (libos_file_stat(m->root, &st) == 0) {
            type = (st.mode & S_IFMT) >> 12;
            ino = st.ino;
        }
        if (!emit(arg, m->last, m->last_len, ino, type, VIRTUAL_BASE + m->id))
            return 0;
        libos_file_set_pos(f, m->id);
    }
}

/* Where a refused entry is read again from: the position of the last one taken. */
static int64_t last_taken(const struct libos_file* f) {
    return (int64_t)f->data;
}
static void set_last_taken(struct libos_file* f, int64_t offset) {
    f->data = (void*)offset;
}

/* One batch from the host. *full: the caller takes no more. Returns bytes read or -errno. */
static __attribute__((noinline)) long emit_batch(struct libos_file* f, libos_dirent_fn emit,
                                                 void* arg) {
    union {
        struct host_dirent first;
        char bytes[16384];
    } buf;
    const int64_t head = offsetof(struct host_dirent, d_name);
    if (f->shared) { /* another process may have moved it */
        int64_t at = PalStreamSeek(f->host, 0, PAL_SEEK_CUR);
        set_last_taken(f, MAX(at, 0));
    }
    int64_t got = PalDirectoryRead(f->host, &buf, sizeof(buf));
    if (got < 0)
        return pal_to_errno(got);
    if (got > (int64_t)sizeof(buf))
        return -EIO;
    for (int64_t at = 0; at < got;) {
        struct host_dirent* d = (struct host_dirent*)(buf.bytes + at);
        if (got - at < head + 2 || d->d_reclen > got - at || d->d_reclen <= head)
            return -EIO;
        size_t room = d->d_reclen - head;
        size_t len = strnlen(d->d_name, room);
        if (len == room || !len || memchr(d->d_name, '/', len))
            return -EIO;
        if (!emit(arg, d->d_name, len, d->d_ino, d->d_type, d->d_off)) {
            int64_t back = PalStreamSeek(f->host, last_taken(f), PAL_SEEK_SET);
            return back < 0 ? pal_to_errno(back) : got;
        }
        set_last_taken(f, d->d_off);
        at += d->d_reclen;
    }
    return got;
}

int libos_host_getdents(struct libos_file* f, libos_dirent_fn emit, void* arg) {
    f->mode_type = S_IFDIR; /* or the host refuses */
    if (libos_file_get_pos(f) == 0) {
        long got = emit_batch(f, emit, arg);
        if (got == -ENOTDIR)
            f->mode_type = 0;
        if (got)
            return got < 0 ? got : 0;
    }
    return emit_virtual(f, emit, arg);
}

long libos_host_dir_seek(struct libos_file* f, int64_t offset, int whence) {
    if (whence == PAL_SEEK_CUR && libos_file_get_pos(f))
        offset += VIRTUAL_BASE + libos_file_get_pos(f);
    else if (whence == PAL_SEEK_CUR || whence == PAL_SEEK_END) {
        libos_file_set_pos(f, 0);
        int64_t ret = PalStreamSeek(f->host, offset, whence);
        if (ret >= 0)
            set_last_taken(f, ret);
        return pal_to_errno(ret);
    } else if (whence != PAL_SEEK_SET) {
        return -EINVAL;
    }
    if (offset >= VIRTUAL_BASE && offset < VIRTUAL_BASE + (1 << 20)) {
        libos_file_set_pos(f, offset - VIRTUAL_BASE);
        return offset;
    }
    libos_file_set_pos(f, 0);
    int64_t ret = PalStreamSeek(f->host, offset, PAL_SEEK_SET);
    if (ret >= 0)
        set_last_taken(f, ret);
    return pal_to_errno(ret);
}

static long dir_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                     const int64_t* pos, int rwf) {
    (void)f, (void)iov, (void)iov_count, (void)pos, (void)rwf;
    return -EISDIR;
}

static int dir_fsync(struct libos_file* f, bool data_only) {
    return libos_host_file_ops.fsync(f, data_only);
}

static int dir_statfs(struct libos_file* f, struct libos_statfs* st) {
    return libos_host_file_ops.statfs(f, st);
}

static int dir_set_flags(struct libos_file* f, int new_flags) {
    (void)f, (void)new_flags;
    return 0; /* nothing of these means anything for a directory */
}

static int dir_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    return libos_host_file_ops.reopen(f, flags, out);
}

static long dir_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    return libos_host_file_ops.ioctl(f, cmd, arg);
}

const struct libos_file_ops libos_host_dir_ops = {
    .kind = "directory",
    .read = dir_read,
    .seek = libos_host_dir_seek,
    .ioctl = dir_ioctl,
    .stat = libos_host_stat,
    .fsync = dir_fsync,
    .getdents = libos_host_getdents,
    .set_flags = dir_set_flags,
    .statfs = dir_statfs,
    .reopen = dir_reopen,
};
