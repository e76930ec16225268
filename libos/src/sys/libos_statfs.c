/*
 * statfs(2), fstatfs(2), ustat(2).
 */
#include <asm/statfs.h>

#include "libos_event.h"
#include "libos_fs_calls.h"
#include "libos_table.h"

#define ST_RDONLY_ 1
#define ST_VALID_  0x20

static long file_statfs(struct libos_file* f, struct libos_statfs* st) {
    long ret = 0;
    struct libos_mount* m = f->path ? f->path->mount : NULL;
    if (m && m->ops->statfs)
        ret = m->ops->statfs(f, st);
    else if (f->ops->statfs)
        ret = f->ops->statfs(f, st);
    else /* pipefs, sockfs, anon_inodefs: a kernel-internal mount */
        *st = (struct libos_statfs){.type = libos_file_type(f) == S_IFIFO    ? 0x50495045
                                            : libos_file_type(f) == S_IFSOCK ? 0x534f434b
                                                                             : 0x09041934,
                                    .bsize = PAGE_SIZE,
                                    .namelen = 255,
                                    .frsize = PAGE_SIZE};
    if (!ret) {
        st->flags |= ST_VALID_;
        if (m && m->readonly)
            st->flags |= ST_RDONLY_;
    }
    return ret;
}

static long put_statfs(struct libos_file* f, struct statfs* user) {
    struct libos_statfs st = {0};
    long ret = file_statfs(f, &st);
    if (ret)
        return ret;
    struct statfs out = {
        .f_type = st.type,
        .f_bsize = st.bsize,
        .f_blocks = st.blocks,
        .f_bfree = st.bfree,
        .f_bavail = st.bavail,
        .f_files = st.files,
        .f_ffree = st.ffree,
        .f_fsid.val = {st.fsid, st.fsid >> 32},
        .f_namelen = st.namelen,
        .f_frsize = st.frsize,
        .f_flags = st.flags,
    };
    return user_put(out, user);
}

long libos_syscall_statfs(const char* path, struct statfs* buf) {
    struct libos_lookup l;
    struct libos_file* f;
    long ret = libos_lookup_start_user(&l, AT_FDCWD, path, LOOKUP_FOLLOW);
    if (!ret)
        ret = libos_lookup_path(&l, 0, &f);
    libos_lookup_end(&l);
    if (ret)
        return ret;
    ret = put_statfs(f, buf);
    libos_file_put(f);
    return ret;
}

long libos_syscall_fstatfs(unsigned int fd, struct statfs* buf) {
    struct libos_file* f = libos_fd_get(fd);
    if (!f)
        return -EBADF;
    long ret = put_statfs(f, buf);
    libos_file_put(f);
    return ret;
}

struct ustat { /* ustat(2) */
    int32_t f_tfree;
    unsigned long f_tinode;
    char f_fname[6], f_fpack[6];
};

struct by_dev {
    unsigned int dev;
    struct libos_mount* found;
};

static bool has_dev(void* arg, struct libos_mount* m) {
    struct by_dev* d = arg;
    struct libos_stat st;
    uint64_t dev = 0;
    if (libos_file_stat(m->root, &st) == 0)
        dev = st.dev;
    if (dev == d->dev)
        d->found = m;
    return !d->found;
}

long libos_syscall_ustat(unsigned int dev, struct ustat* ubuf) {
    struct by_dev d = {dev, NULL};
    libos_mount_for_each(has_dev, &d);
    if (!d.found)
        return -EINVAL;
    struct libos_statfs st = {0};
    long ret = file_statfs(d.found->root, &st);
    if (ret)
        return ret;
    struct ustat out = {.f_tfree = st.bfree, .f_tinode = st.ffree};
    return user_put(out, ubuf);
}
