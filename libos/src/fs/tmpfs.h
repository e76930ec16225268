/*
 * tmpfs: files that live in the LibOS. Between tmpfs_*.c.
 *
 * Locks: fs->tree guards names and structure (entries, parents, link counts); node->lock guards a
 * node's attributes, extended attributes and size. tree is taken first.
 */
#ifndef TMPFS_H
#define TMPFS_H

#include "libos_fs_internal.h"

struct tmpfs;
struct tmpfs_dir;

struct tmpfs_xattr {
    struct list_node node;
    size_t size;
    char* value;
    char name[];
};

struct tmpfs_node {
    refcount_t ref; /* one for being in the tree at all, one per open file */
    struct tmpfs* fs;
    uint64_t ino, rdev;
    uint32_t nlink; /* tree lock */
    bool linkable;  /* O_TMPFILE without O_EXCL: may be given a name */
    libos_lock_t lock;
    uint32_t mode, uid, gid;
    int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
    uint64_t size;   /* regular files; links: length of the target */
    char* data;      /* regular files: the contents while they are small ... */
    size_t capacity; /* of data; zero from size on */
    PAL_HANDLE mem;  /* ... and once they are not; set once */
    struct list_node xattrs;
    char* target;            /* links */
    struct tmpfs_dir* dir;   /* directories */
    struct tmpfs_fifo* fifo; /* FIFOs: tmpfs_fifo.c */
};

struct tmpfs_entry {       /* a name; guarded by the tree lock */
    struct list_node node; /* in the directory, by cookie */
    struct tmpfs_entry* hash_next;
    refcount_t ref;            /* the directory's, and open files that remember their name */
    struct tmpfs_node* dir;    /* NULL: removed */
    struct tmpfs_entry* moved; /* renamed to; referenced */
    struct tmpfs_node* child;
    uint64_t cookie;
    uint32_t hash;
    uint16_t len;
    char name[];
};

struct tmpfs_dir { /* guarded by the tree lock */
    struct list_node entries;
    struct tmpfs_entry** buckets;
    uint32_t bucket_count, count;
    uint64_t next_cookie;
    struct tmpfs_node* parent; /* NULL: the root, or removed */
    struct tmpfs_entry* self;  /* its own name; NULL: the root */
};

struct tmpfs {
    libos_rwlock_t tree;
    struct tmpfs_node* root;
    struct libos_mount* mount;
    uint64_t last_ino; /* atomic */
};

struct tmpfs_open { /* file->data */
    struct tmpfs_node* node;
    struct tmpfs_entry* entry; /* the name it was opened by, or NULL */
};

/* ---- nodes (tmpfs_node.c) ---- */
struct tmpfs_node* tmpfs_node_create(struct tmpfs* fs, uint32_t mode, const struct tmpfs_node* dir);
void tmpfs_node_put(struct tmpfs_node* n);
int64_t tmpfs_now(void);
void tmpfs_node_stat(struct tmpfs_node* n, struct libos_stat* st);
int tmpfs_may(struct tmpfs_node* n, int want); /* permission bits 4, 2, 1 */
void tmpfs_touch(struct tmpfs_node* n);        /* mtime and ctime */

/* ---- directories (tmpfs_dir.c); under the tree lock ---- */
struct tmpfs_entry* tmpfs_find(struct tmpfs_node* dir, const char* name, size_t len);
int tmpfs_add(struct tmpfs_node* dir, const char* name, size_t len, struct tmpfs_node* child);
/* Takes the name away; the node's link count is the caller's. */
void tmpfs_remove(struct tmpfs_entry* e);
void tmpfs_entry_put(struct tmpfs_entry* e);

/* Where a path leads. */
struct tmpfs_place {
    struct tmpfs_node* dir; /* directory of the last name; NULL if the path ends in "." or ".." */
    const char* name;       /* last name */
    size_t len;
    struct tmpfs_entry* entry; /* NULL: no such name */
    struct tmpfs_node* node;   /* what is there, or NULL */
    bool slash;                /* trailing slash */
};
/* -EWALK: a link on the way. A missing last name is no error. */
int tmpfs_walk(const struct libos_at* at, struct tmpfs_place* p);
/* ... but here it is, and a trailing slash on what is no directory. */
int tmpfs_walk_existing(const struct libos_at* at, struct tmpfs_place* p);

extern const struct libos_file_ops tmpfs_file_ops;
extern const struct libos_file_ops tmpfs_dir_ops;
extern const struct libos_file_ops tmpfs_node_ops; /* O_PATH on others */
struct libos_file* tmpfs_file_create(struct libos_mount* m, struct tmpfs_node* n,
                                     struct tmpfs_entry* e, int flags);
static inline struct tmpfs_node* tmpfs_node_of(const struct libos_file* f) {
    return ((struct tmpfs_open*)f->data)->node;
}
int tmpfs_set_size(struct tmpfs_node* n, uint64_t size);
int tmpfs_open_node(struct libos_mount* m, struct tmpfs_node* n, struct tmpfs_entry* e, int flags,
                    bool check, struct libos_file** out);
/* Opening a FIFO; may block (no lock held). */
int tmpfs_fifo_open(struct libos_mount* m, struct tmpfs_node* n, struct tmpfs_entry* e, int flags,
                    struct libos_file** out);
void tmpfs_fifo_free(struct tmpfs_fifo* fifo);

/* ---- contents (tmpfs_data.c); all but the first under node->lock. n->size is the caller's ---- */
long tmpfs_data_read(struct tmpfs_node* n, const struct iovec* iov, int iov_count, uint64_t pos);
long tmpfs_data_write(struct tmpfs_node* n, const struct iovec* iov, int iov_count, uint64_t pos);
int tmpfs_data_resize(struct tmpfs_node* n, uint64_t size);
int tmpfs_need_memory(struct tmpfs_node* n); /* from now on in n->mem */

/* ---- change notification (tmpfs_notify.c). The second needs the tree lock, the first must not
 * have it. mask: IN_*. ---- */
void tmpfs_notify(const struct libos_file* f, uint32_t mask);
void tmpfs_notify_name(struct tmpfs_node* dir, struct tmpfs_node* child, uint32_t mask,
                       uint32_t cookie, const char* name);

/* ---- extended attributes (tmpfs_xattr.c) ---- */
long tmpfs_getxattr(struct libos_file* f, const char* name, void* value, size_t size);
int tmpfs_setxattr(struct libos_file* f, const char* name, const void* value, size_t size,
                   int flags);
long tmpfs_listxattr(struct libos_file* f, char* list, size_t size);
int tmpfs_removexattr(struct libos_file* f, const char* name);

#endif /* TMPFS_H */
