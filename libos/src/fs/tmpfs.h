/*
 * tmpfs: files that live in the arena and the store, so that all processes of the instance see the
 * same. Between tmpfs_*.c.
 *
 * Locks: fs->tree guards names and structure (entries, parents, link counts, and who holds nodes
 * and entries); node->lock guards a node's attributes, extended attributes, contents and size. A
 * file's position is locked first, then tree, then node->lock. Times, modes and owners are single
 * words, read without a lock.
 */
#ifndef TMPFS_H
#define TMPFS_H

#include "libos_coord.h"
#include "libos_fs_internal.h"
#include "libos_store.h"

struct tmpfs;
struct tmpfs_dir;

struct tmpfs_xattr {
    struct list_node node;
    size_t size;
    char* value;
    char name[];
};

struct tmpfs_node {
    struct tmpfs* fs;
    uint64_t ino, rdev;
    uint32_t nlink, opens; /* names; open file descriptions and whoever works on it. Tree lock */
    bool linkable;         /* O_TMPFILE without O_EXCL: may be given a name */
    bool sparse;           /* the memory that `range` takes does not follow from the size */
    bool mapped;           /* some process has mapped it once */
    struct coord_lock lock;
    uint32_t mode, uid, gid;
    int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;
    uint64_t size;   /* regular files; links: length of the target. Read without the lock */
    char* data;      /* regular files: the contents while they are small ... */
    size_t capacity; /* of data; anything from size on */
    struct libos_store_range*
        range; /* ... and once they are not; set once, read without the lock */
    struct list_node xattrs;
    char* target;            /* links */
    struct tmpfs_dir* dir;   /* directories */
    struct tmpfs_fifo* fifo; /* FIFOs: tmpfs_fifo.c */
};

struct tmpfs_entry {       /* a name; guarded by the tree lock */
    struct list_node node; /* in the directory, by cookie */
    uint32_t refs;         /* the directory's, and open files that remember their name */
    uint32_t hash;
    struct tmpfs_node* dir;    /* NULL: removed */
    struct tmpfs_entry* moved; /* renamed to; referenced */
    struct tmpfs_node* child;
    uint64_t cookie;
    uint16_t len;
    char name[];
};

struct tmpfs_dir { /* guarded by the tree lock */
    struct list_node entries;
    struct tmpfs_entry* listed;      /* one of them, or NULL: reading went up to here last */
    struct tmpfs_entry** table;      /* by hash, open addressing; NULL while there are few */
    uint32_t table_size, table_used; /* used: removed ones included */
    uint32_t count;
    uint64_t next_cookie;
    struct tmpfs_node* parent; /* NULL: the root, or removed */
    struct tmpfs_entry* self;  /* its own name; NULL: the root */
};

struct tmpfs { /* in the arena */
    struct coord_lock tree;
    struct tmpfs_node* root;
    uint64_t dev, mount_id;
    uint64_t last_ino; /* atomic */
};

struct tmpfs_open { /* file->data: the process's own; counts in node and entry are the arena's */
    struct tmpfs_node* node;
    struct tmpfs_entry* entry; /* the name it was opened by, or NULL */
};

/* ---- nodes (tmpfs_node.c) ---- */
/* Both under the tree lock, the new one without name (nlink 1, or 2) and user. */
struct tmpfs_node* tmpfs_node_create(struct tmpfs* fs, uint32_t mode, const struct tmpfs_node* dir);
/* A name or a user has gone: if that was the last one, so is the node. Returns what the caller
 * gives to libos_store_free() once it holds no lock. */
struct libos_store_range* tmpfs_node_check(struct tmpfs_node* n);
int64_t tmpfs_now(void);
void tmpfs_node_stat(struct tmpfs_node* n, struct libos_stat* st);
int tmpfs_may(struct tmpfs_node* n, int want); /* permission bits 4, 2, 1 */
void tmpfs_touch(struct tmpfs_node* n);        /* mtime and ctime */
/* Somebody uses node and entry (may be NULL), or does no more. The first under the tree lock, the
 * second under no lock. */
void tmpfs_use(struct tmpfs_node* n, struct tmpfs_entry* e);
void tmpfs_unuse(struct tmpfs_node* n, struct tmpfs_entry* e);

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
/* Under the tree lock. */
struct libos_file* tmpfs_file_create(struct libos_mount* m, struct tmpfs_node* n,
                                     struct tmpfs_entry* e, int flags);
static inline struct tmpfs_node* tmpfs_node_of(const struct libos_file* f) {
    return ((struct tmpfs_open*)f->data)->node;
}
int tmpfs_set_size(struct tmpfs_node* n, uint64_t size);
/* After the size has changed, under no lock: what this process has mapped follows. */
void tmpfs_resized(struct tmpfs_node* n, uint64_t old_size);
int tmpfs_truncate(struct tmpfs_node* n, uint64_t size); /* under no lock */
/* Under the tree lock; tmpfs_opened() then does the rest without it. */
int tmpfs_open_node(struct libos_mount* m, struct tmpfs_node* n, struct tmpfs_entry* e, int flags,
                    bool check, struct libos_file** out);
/* O_TRUNC. Takes *out back if that fails. */
int tmpfs_opened(struct libos_file** out, int flags);
/* Opening a FIFO; may block (no lock held). */
int tmpfs_fifo_open(struct libos_mount* m, struct tmpfs_node* n, struct tmpfs_entry* e, int flags,
                    struct libos_file** out);
void tmpfs_fifo_free(struct tmpfs_fifo* fifo);

/* What f, of whichever kind, uses in tmpfs, to be given to tmpfs_unuse() at its end. */
bool libos_tmpfs_users(const struct libos_file* f, struct tmpfs_open* out);

/* ---- contents (tmpfs_data.c) ----
 * Reading takes the lock itself; the others are called under node->lock. n->size is the caller's to
 * set. */
long tmpfs_data_read(struct tmpfs_node* n, const struct iovec* iov, int iov_count, uint64_t pos);
/* What a writer brings: small writes are copied before the lock is taken. */
struct tmpfs_source {
    const struct iovec* iov;
    int iov_count;
    size_t size;        /* bytes that there are */
    char* copy;         /* NULL: in iov */
    struct iovec whole; /* of copy */
    char small[2048];
};
long tmpfs_source_init(struct tmpfs_source* src, const struct tmpfs_node* n,
                       const struct iovec* iov, int iov_count);
void tmpfs_source_free(struct tmpfs_source* src);
/* At most `size` bytes of it. */
long tmpfs_data_write(struct tmpfs_node* n, const struct tmpfs_source* src, uint64_t pos,
                      size_t size);
int tmpfs_data_resize(struct tmpfs_node* n, uint64_t size);
int tmpfs_need_memory(struct tmpfs_node* n); /* from now on in n->range */

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
