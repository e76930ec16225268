/*
 * File systems: mounts, path lookup, and what each file system implements.
 *
 * A place in the tree is a `struct libos_at`: an open directory and a path below it. Lookup is
 * optimistic: the whole remaining path goes to the file system in one operation (on a chroot mount
 * one host call), which refuses with -EWALK when it meets a symbolic link; only then is that link
 * expanded, as text, and the operation tried again. So nothing is cached that could go stale, and
 * links are always resolved in the guest's tree (fs/libos_lookup.c).
 *
 * Errors are negative errno values. Strings are NUL-terminated LibOS memory unless said otherwise.
 */
#ifndef LIBOS_FS_H
#define LIBOS_FS_H

#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/stat.h>
#include "libos_file.h"
#include "libos_internal.h"

/* A file system's answer: "a symbolic link is in the way (or, for open, is what was named)". Never
 * reaches a guest. */
#define EWALK 600

#define LIBOS_LINK_MAX 40 /* symbolic links followed in one lookup */

/* ---- What stat and statx tell -----------------------------------------------------------------
 */
struct libos_stat {
    uint64_t dev, ino, nlink, rdev;
    uint32_t mode, uid, gid;
    uint64_t size, blksize, blocks; /* blocks: of 512 bytes */
    int64_t atime_ns, mtime_ns, ctime_ns;
    int64_t btime_ns; /* -1: unknown */
    uint64_t mount_id, attributes, attributes_mask;
};

struct libos_statfs { /* as struct statfs */
    uint64_t type, bsize, blocks, bfree, bavail, files, ffree, fsid, namelen, frsize, flags;
};

/* What chmod, chown and utimensat change. */
struct libos_attr {
    uint32_t which;    /* PAL_SETATTR_* */
    uint32_t mode;     /* permission bits */
    uint32_t uid, gid; /* -1: leave */
    int64_t atime_ns, mtime_ns;
};

/* ---- Mounts -----------------------------------------------------------------------------------
 */
struct libos_fs_ops;
struct libos_mount;

/* Where an open file belongs. Plain files of a mount share mount->plain; others own theirs. */
struct libos_path {
    struct libos_mount* mount; /* NULL: not in any mount */
    char* name;                /* guest path or name for people; NULL: ask mount->ops->name */
    bool shared;               /* part of a mount: not freed with the file */
};
/* name is copied; NULL when there is no memory. */
struct libos_path* libos_path_alloc(struct libos_mount* mount, const char* name);

struct libos_mount {
    struct list_node node; /* in the list of mounts, oldest first; fixed after libos_fs_init() */
    const struct libos_fs_ops* ops;
    char* path; /* guest path, canonical; "" for the root */
    size_t path_len;
    const char* last; /* last component of path */
    size_t last_len;
    int depth;               /* components of path */
    char* source;            /* host path, "tmpfs", "proc", ... */
    struct libos_file* root; /* the directory (or file) mounted, opened with O_PATH */
    uint32_t id;
    uint64_t dev;   /* st_dev where the LibOS makes it up */
    uint64_t magic; /* statfs f_type where the LibOS makes it up */
    bool readonly;
    bool is_file;      /* a single file is mounted */
    bool made_up;      /* a tmpfs that only holds mount points that the host does not have */
    bool virtual_name; /* the directory it is mounted in does not have the name itself */
    struct libos_path plain;
    char* host_path; /* chroot: canonical host path of the root */
    void* data;      /* the file system's */
};

/* Calls fn for each mount, in mount order (what /proc/self/mounts lists), until it returns false.
 */
void libos_mount_for_each(bool (*fn)(void* arg, struct libos_mount* m), void* arg);

/* ---- A place in the tree ----------------------------------------------------------------------
 */
struct libos_at {
    struct libos_mount* mount;
    struct libos_file* base; /* open directory (O_PATH will do); borrowed */
    const char* rel;         /* path below it; "": base itself. May hold "." and "..", doubled or
                                trailing slashes; never starts with one */
};

/*
 * A file system. at->rel is resolved without following any link: -EWALK if one is in the way, also
 * as the last component where said so. ".." out of base: -EXDEV. An op that is NULL: the call
 * answers EPERM (or what Linux says there). Read-only mounts are checked by the callers.
 */
struct libos_fs_ops {
    const char* name; /* "tmpfs" in /proc/mounts */
    /* flags: O_*; mode: without umask bits. -EWALK also if the last component is a link, unless it
     * is opened with O_PATH|O_NOFOLLOW, or must not exist (O_CREAT|O_EXCL: -EEXIST). */
    int (*open)(const struct libos_at* at, int flags, uint32_t mode, struct libos_file** out);
    /* Of a last component that is a link: about the link. */
    int (*stat)(const struct libos_at* at, struct libos_stat* st);
    /* Length (cut at size, no NUL) or -EINVAL: not a link. */
    long (*readlink)(const struct libos_at* at, char* buf, size_t size);
    /* Magic links (/proc/self/fd/N): the file it stands for, referenced; -EINVAL: not one. */
    int (*follow)(const struct libos_at* at, struct libos_file** out);
    /* Does the last component name something that the caller may... (NULL: from stat) */
    int (*mkdir)(const struct libos_at* at, uint32_t mode);
    int (*mknod)(const struct libos_at* at, uint32_t mode, uint64_t rdev);
    int (*symlink)(const struct libos_at* at, const char* target);
    int (*unlink)(const struct libos_at* at, bool is_directory);
    /* Both in the same mount. */
    int (*link)(const struct libos_at* from, const struct libos_at* to);
    int (*rename)(const struct libos_at* from, const struct libos_at* to, unsigned int flags);
    /* By open file, O_PATH ones included. */
    int (*link_file)(struct libos_file* f, const struct libos_at* to);
    int (*setattr)(struct libos_file* f, const struct libos_attr* attr);
    int (*statfs)(struct libos_file* f, struct libos_statfs* st);
    long (*getxattr)(struct libos_file* f, const char* name, void* value, size_t size);
    int (*setxattr)(struct libos_file* f, const char* name, const void* value, size_t size,
                    int flags);
    long (*listxattr)(struct libos_file* f, char* list, size_t size);
    int (*removexattr)(struct libos_file* f, const char* name);
    /* Guest path of an open file now; " (deleted)" as Linux adds it. Length (cut) or -errno. */
    long (*get_name)(struct libos_file* f, char* buf, size_t size);
    /* inotify: the object behind an open file; unique within the mount while it is watched. */
    void* (*watch_key)(struct libos_file* f);
};

/* ---- cwd, root, umask (shared by CLONE_FS) -----------------------------------------------------
 */
struct libos_fs_info {
    refcount_t ref;
    libos_lock_t lock;      /* guards changes of the three */
    struct libos_file* cwd; /* read without the lock: libos_fs_get_cwd() */
    struct libos_file* root;
    uint32_t umask; /* atomic */
};
struct libos_fs_info* libos_fs_info_clone(struct libos_fs_info* info);
void libos_fs_info_get(struct libos_fs_info* info);
void libos_fs_info_put(struct libos_fs_info* info);
/* The calling thread's; referenced. */
struct libos_file* libos_fs_get_cwd(void);
struct libos_file* libos_fs_get_root(void);
/* Guest path of the working directory, as getcwd(2) tells it. Length without NUL or -errno. */
long libos_fs_cwd_name(char* buf, size_t size);

/* ---- Lookup ------------------------------------------------------------------------------------
 * struct libos_lookup is one lookup in progress: some 4 KiB, on the caller's stack.
 *     struct libos_lookup l;
 *     int ret = libos_lookup_start_user(&l, dirfd, upath, LOOKUP_FOLLOW);
 *     if (!ret)
 *         do
 *             ret = libos_lookup_step(&l) ?: ops->something(&l.at, ...);
 *         while (libos_lookup_again(&l, &ret));
 *     libos_lookup_end(&l);
 * (libos_lookup_end() is called in any case.) */
enum {
    LOOKUP_FOLLOW = 1, /* a link as the last component is followed */
    LOOKUP_EMPTY = 2,  /* AT_EMPTY_PATH: "" names dirfd itself */
    LOOKUP_NAME = 4,   /* the call makes or removes the last name */
};
struct libos_lookup {
    struct libos_at at;
    unsigned int flags;
    int dirfd;
    int links; /* followed so far */
    int retries;
    uint64_t resolve;                /* RESOLVE_* of openat2 */
    struct libos_mount* start_mount; /* with RESOLVE_NO_XDEV: may not be left */
    bool last_is_link;               /* why it ended with -ELOOP: not followed, as asked */
    struct libos_file* base;         /* owned */
    struct libos_file* root;         /* owned; NULL until it is needed */
    char* text;                      /* what remains, below base; in buf */
    char buf[PATH_MAX];
};
int libos_lookup_start(struct libos_lookup* l, int dirfd, const char* path, unsigned int flags);
int libos_lookup_start_user(struct libos_lookup* l, int dirfd, const char* upath,
                            unsigned int flags);
int libos_lookup_step(struct libos_lookup* l);
bool libos_lookup_again(struct libos_lookup* l, int* ret);
void libos_lookup_end(struct libos_lookup* l);

/* stat(2) of a path in LibOS memory. flags: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH. */
int libos_stat_path(int dirfd, const char* path, int flags, struct libos_stat* st);
/* Of an open file, whatever it is. */
int libos_file_stat(struct libos_file* f, struct libos_stat* st);
/* Fills st->dev and st->ino only, which are asked of the host once. */
int libos_file_identity(struct libos_file* f, struct libos_stat* st);
/* S_IFREG, S_IFDIR, ...; 0: anonymous. May ask the host once (f->mode_type is filled lazily: use
 * this, not the field). */
uint32_t libos_file_type(struct libos_file* f);
/* Open the file itself again under new access: /proc/self/fd/N. */
int libos_file_reopen(struct libos_file* f, int flags, struct libos_file** out);

/* ---- Permissions by the guest's credentials ----------------------------------------------------
 */
/* want: 4 read, 2 write, 1 execute/search. 0 or -EACCES. */
int libos_permission(const struct libos_stat* st, int want);
bool libos_in_group(uint32_t gid);
bool libos_capable(int cap); /* CAP_*: effective */

/* ---- Regular files, devices and pipes behind a host handle -------------------------------------
 * Position and O_APPEND are the host's. Also right for memfd:
 * libos_file_alloc(&libos_host_file_ops, O_RDWR, handle, libos_path_alloc(NULL, "/memfd:name
 * (deleted)")). */
extern const struct libos_file_ops libos_host_file_ops;
extern const struct libos_file_ops libos_host_dir_ops;
/* struct libos_stat from the PAL's answer. */
void libos_stat_from_pal(struct libos_stat* st, const PAL_STREAM_ATTR* attr);

/* ---- Pseudo file systems ------------------------------------------------------------------------
 * A tree of static nodes. A directory has static `children`, and may have one dynamic child, whose
 * entries it matches and lists by number (pids, descriptors, CPUs). */
struct libos_text { /* a growing text */
    char* buf;
    size_t size, capacity;
    int error; /* -ENOMEM once that happened */
};
void libos_text_append(struct libos_text* t, const char* s, size_t len);
void libos_text_printf(struct libos_text* t, const char* fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define LIBOS_PSEUDO_DEPTH 4
struct libos_pseudo_node;
struct libos_pseudo_at { /* an object in the tree: a node and the numbers of the way to it */
    const struct libos_pseudo_node* node;
    struct libos_mount* mount;
    uint64_t ids[LIBOS_PSEUDO_DEPTH]; /* of dynamic nodes on the way, outermost first */
    unsigned int id_count;
    unsigned int depth;
    const struct libos_pseudo_node* parents[8]; /* nodes on the way, root first, without `node` */
};
typedef bool (*libos_pseudo_emit_fn)(void* arg, const char* name, uint64_t id);

struct libos_pseudo_node {
    const char* name;                         /* NULL: dynamic: `match` and `list` */
    uint32_t mode;                            /* type and permissions */
    const struct libos_pseudo_node* children; /* directories: ends with an entry whose mode is 0 */
    /* Dynamic nodes. dir: the directory that holds the entry. match: is there an entry of this
     * name? fills *id. list: emit(arg, name, id) for each, in a stable order by rising id. */
    bool (*match)(const struct libos_pseudo_at* dir, const char* name, size_t len, uint64_t* id);
    void (*list)(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg);
    /* Regular files: the whole text, made at the first read at position 0. NULL with `store`. */
    int (*show)(const struct libos_pseudo_at* at, struct libos_text* out);
    /* A write: text is LibOS memory. Returns bytes taken or -errno. NULL: EACCES at open. */
    long (*store)(const struct libos_pseudo_at* at, const char* text, size_t size);
    /* Links: length or -errno. follow, for magic ones: the referenced file itself. */
    long (*readlink)(const struct libos_pseudo_at* at, char* buf, size_t size);
    int (*follow)(const struct libos_pseudo_at* at, struct libos_file** out);
    /* Devices: makes the open file; f->path and f->mode_type are filled in by the caller. */
    int (*open)(const struct libos_pseudo_at* at, int flags, struct libos_file** out);
    /* May change what stat would tell (owner, size, mode); NULL: nothing to change. */
    int (*stat)(const struct libos_pseudo_at* at, struct libos_stat* st);
    bool (*exists)(const struct libos_pseudo_at* dir); /* NULL: always there */
    uint64_t rdev;                                     /* devices: as st_rdev: libos_makedev() */
    const void* data;
};
static inline uint64_t libos_makedev(uint32_t major, uint32_t minor) {
    return (minor & 0xff) | ((uint64_t)(major & 0xfff) << 8) | ((uint64_t)(minor & ~0xffu) << 12);
}
/* The roots; a NULL one (not linked in) is not mounted. */
extern const struct libos_pseudo_node g_proc_root __attribute__((weak, visibility("hidden")));
extern const struct libos_pseudo_node g_sys_root __attribute__((weak, visibility("hidden")));
extern const struct libos_pseudo_node g_cgroup_root __attribute__((weak, visibility("hidden")));
extern const struct libos_pseudo_node g_dev_root __attribute__((weak, visibility("hidden")));

#endif /* LIBOS_FS_H */
