/*
 * /proc/[pid]/ns: links to the namespaces, and the files behind them. ioctl_ns(2)
 */
#include <linux/nsfs.h>
#include <linux/sched.h>

#include "libos_fs_internal.h"
#include "libos_namespace.h"
#include "proc_pid_internal.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#define NSFS_MAGIC 0x6e736673

struct ns_kind {
    const char* name; /* of the link's text: "net:[4026531840]" */
    uint32_t flag;
    uint32_t inode; /* Linux's own numbers for the first of each */
};

static const struct ns_kind g_cgroup = {"cgroup", CLONE_NEWCGROUP, 0xeffffffb};
static const struct ns_kind g_ipc = {"ipc", CLONE_NEWIPC, 0xefffffff};
static const struct ns_kind g_mnt = {"mnt", CLONE_NEWNS, 0xeffffff8};
static const struct ns_kind g_net = {"net", CLONE_NEWNET, 0xeffffff9};
static const struct ns_kind g_pid = {"pid", CLONE_NEWPID, 0xeffffffc};
static const struct ns_kind g_time = {"time", CLONE_NEWTIME, 0xeffffffa};
static const struct ns_kind g_user = {"user", CLONE_NEWUSER, 0xeffffffd};
static const struct ns_kind g_uts = {"uts", CLONE_NEWUTS, 0xeffffffe};

/* ---- the file -------------------------------------------------------------------------------- */

static const struct libos_file_ops g_ns_ops;

static int ns_create(const struct ns_kind* kind, int flags, struct libos_file** out) {
    char name[32];
    snprintf(name, sizeof(name), "%s:[%u]", kind->name, kind->inode);
    struct libos_path* path = libos_path_alloc(NULL, name);
    *out = path ? libos_file_alloc(&g_ns_ops, flags, NULL, path) : NULL;
    if (!*out)
        return -ENOMEM;
    (*out)->data = (void*)kind;
    (*out)->mode_type = S_IFREG;
    return 0;
}

static int ns_stat(struct libos_file* f, struct libos_stat* st) {
    const struct ns_kind* kind = f->data;
    *st = (struct libos_stat){.dev = 4,
                              .ino = kind->inode,
                              .nlink = 1,
                              .mode = S_IFREG | 0444,
                              .blksize = PAGE_SIZE,
                              .btime_ns = -1,
                              .atime_ns = libos_fs_start_ns(),
                              .mtime_ns = libos_fs_start_ns(),
                              .ctime_ns = libos_fs_start_ns()};
    return 0;
}

static int ns_statfs(struct libos_file* f, struct libos_statfs* st) {
    (void)f;
    *st = (struct libos_statfs){
        .type = NSFS_MAGIC, .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = 255};
    return 0;
}

static long ns_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    const struct ns_kind* kind = f->data;
    switch (cmd) {
        case NS_GET_USERNS: {
            struct libos_file* owner;
            if (kind == &g_user)
                return -EPERM; /* what is above it is out of sight */
            int ret = ns_create(&g_user, O_RDONLY, &owner);
            if (ret < 0)
                return ret;
            long fd = libos_fd_install(owner, true, 0);
            libos_file_put(owner);
            return fd;
        }
        case NS_GET_PARENT:
            return kind == &g_user || kind == &g_pid ? -EPERM : -EINVAL;
        case NS_GET_NSTYPE:
            return (int32_t)kind->flag;
        case NS_GET_OWNER_UID: {
            uint32_t uid = 0;
            return kind == &g_user ? user_put(uid, (uint32_t*)arg) : -EINVAL;
        }
        default:
            return -ENOTTY;
    }
}

static int ns_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    if ((flags & O_ACCMODE) != O_RDONLY)
        return -EPERM;
    return ns_create(f->data, flags, out);
}

static const struct libos_file_ops g_ns_ops = {
    .kind = "namespace",
    .stat = ns_stat,
    .statfs = ns_statfs,
    .ioctl = ns_ioctl,
    .reopen = ns_reopen,
};

uint32_t libos_namespace_kind(const struct libos_file* f) {
    return f->ops == &g_ns_ops ? ((const struct ns_kind*)f->data)->flag : 0;
}

/* ---- the links ------------------------------------------------------------------------------- */

static long read_link(const struct libos_pseudo_at* at, char* buf, size_t size) {
    const struct ns_kind* kind = at->node->data;
    char text[32];
    snprintf(text, sizeof(text), "%s:[%u]", kind->name, kind->inode);
    size_t len = MIN(strlen(text), size);
    memcpy(buf, text, len);
    return (long)len;
}

static int follow_link(const struct libos_pseudo_at* at, struct libos_file** out) {
    return ns_create(at->node->data, O_RDONLY, out);
}

#define NS_(n, kind)                                                                               \
    {                                                                                              \
        .name = (n), .mode = S_IFLNK | 0777, .stat = proc_stat_owner, .readlink = read_link,       \
        .follow = follow_link, .data = &(kind)                                                     \
    }

const struct libos_pseudo_node g_proc_ns_children[] = {
    NS_("cgroup", g_cgroup),
    NS_("ipc", g_ipc),
    NS_("mnt", g_mnt),
    NS_("net", g_net),
    NS_("pid", g_pid),
    NS_("pid_for_children", g_pid),
    NS_("time", g_time),
    NS_("time_for_children", g_time),
    NS_("user", g_user),
    NS_("uts", g_uts),
    {0},
};
