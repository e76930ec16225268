/*
 * Open file descriptions and the descriptor table.
 *
 * A `struct libos_file` is one open file description (open(2)): what dup and fork share. It is made
 * by a file system or by pipe/eventfd/... with libos_file_alloc(), counted, and closed when the
 * last reference goes. Its memory is type-stable, so that libos_fd_get() needs no lock.
 */
#ifndef LIBOS_FILE_H
#define LIBOS_FILE_H

#include "libos_internal.h"

struct libos_thread;
struct libos_file;
struct libos_path;
struct libos_stat; /* libos_fs.h: everything stat and statx tell */
struct libos_statfs;

/* Called for each directory entry. Returns false when the caller's buffer is full: the entry was
 * not taken and getdents ends. next: the position to seek to for the entry after this one. */
typedef bool (*libos_dirent_fn)(void* arg, const char* name, size_t name_len, uint64_t ino,
                                uint8_t type, int64_t next);

/*
 * Every op may be NULL: then the call answers as Linux does for such a file (EINVAL for read/write,
 * ESPIPE for seek, ENOTTY for ioctl, ENODEV for mmap, ENOTDIR for getdents, ...).
 * iov points to guest buffers already checked with access_ok; the array itself is LibOS memory.
 */
struct libos_file_ops {
    const char* kind; /* "regular", "pipe", "eventfd": for messages and /proc */
    /* pos NULL: use and move the file's own position (or a stream); else positioned, not moved.
     * Returns bytes or -errno. -ERESTARTSYS when interrupted. rwf: RWF_* already checked. */
    long (*read)(struct libos_file* f, const struct iovec* iov, int iov_count, const int64_t* pos,
                 int rwf);
    long (*write)(struct libos_file* f, const struct iovec* iov, int iov_count, const int64_t* pos,
                  int rwf);
    long (*seek)(struct libos_file* f, int64_t offset, int whence);
    long (*ioctl)(struct libos_file* f, unsigned int cmd, unsigned long arg);
    /* Map at exactly addr (page-aligned, range already owned by the caller), replacing. */
    int (*mmap)(struct libos_file* f, void* addr, size_t size, int prot, int flags,
                uint64_t offset);
    /* A VMA that maps the file came (+1; under the lock of the address space) or went (-1). Such
     * VMAs do not merge. */
    void (*mapped)(struct libos_file* f, int by);
    int (*stat)(struct libos_file* f, struct libos_stat* st);
    int (*truncate)(struct libos_file* f, int64_t size);
    int (*fallocate)(struct libos_file* f, int mode, int64_t offset, int64_t size);
    int (*fsync)(struct libos_file* f, bool data_only);
    int (*getdents)(struct libos_file* f, libos_dirent_fn emit, void* arg);
    /* O_APPEND, O_NONBLOCK, O_DIRECT, O_NOATIME, O_ASYNC change; the caller sets f->flags after
     * success. NULL: only f->flags matters. */
    int (*set_flags)(struct libos_file* f, int new_flags);
    /* Readiness now, as POLL* bits, for files without a host handle to poll. A file whose readiness
     * changes inside the LibOS calls libos_file_notify(f, events). */
    unsigned (*poll)(struct libos_file* f);
    /* Handle to wait on in the host. NULL op: f->host. An op that returns NULL: always ready. */
    PAL_HANDLE (*poll_handle)(struct libos_file* f);
    int (*statfs)(struct libos_file* f, struct libos_statfs* st);
    /* Lines for /proc/self/fdinfo after the common ones; bytes written. */
    size_t (*fdinfo)(struct libos_file* f, char* buf, size_t size);
    /* The process closed a descriptor on it (not the last reference): flush, POSIX locks. */
    int (*flush)(struct libos_file* f);
    /* The process's last reference is gone. f->last: and no other process has it open either. */
    void (*close)(struct libos_file* f);
    /* Before the host forks, under the barrier: 0 or -ENOMEM. */
    int (*forking)(struct libos_file* f);
    bool
        close_at_end; /* `close` is called when the process ends, too: others see that it is gone */
    /* In the child of a fork, that has its own copy of f now. */
    void (*forked)(struct libos_file* f);
    /* Open the same object anew, as /proc/self/fd/N does. NULL: by the host handle, or ENXIO. */
    int (*reopen)(struct libos_file* f, int flags, struct libos_file** out);
    /* The file goes to another process, where it gets a handle of its own on the same host object
     * (SCM_RIGHTS): what else it needs there, at most LIBOS_PACK_MAX bytes: how many, or -errno.
     * unpack: makes f->data of that; f has its ops, handle, flags and name already. NULL: it needs
     * nothing else. */
    long (*pack)(struct libos_file* f, void* data, size_t size);
    int (*unpack)(struct libos_file* f, const void* data, size_t size);
};
#define LIBOS_PACK_MAX 2048

/* What processes that have the description by fork share. In the arena; fs/libos_file_share.c. */
struct libos_file_shared;

struct libos_file {
    refcount_t ref;
    uint32_t flags; /* O_* status flags and access mode; atomic. Of a shared one as they were when
                       it was looked up */
    const struct libos_file_ops* ops;
    PAL_HANDLE host;                  /* owned; closed after ops->close; NULL if none */
    struct libos_file_shared* shared; /* NULL: no other process has it. Changes in a fork only */
    libos_lock_t lock; /* guards pos where the position is the LibOS's own, and is not shared */
    int64_t pos;
    bool last;                /* see ops->close */
    struct libos_path* path;  /* owned; NULL for anonymous files; libos_fs.h */
    void* data;               /* the owner's */
    uint64_t dev, ino;        /* once `identified`: libos_file_identity(), libos_fs.h */
    bool identified;          /* atomic */
    uint32_t mode_type;       /* S_IFREG, S_IFDIR, S_IFIFO, ..., or 0: anonymous inode. Filled
                                 lazily for host files: ask libos_file_type(), libos_fs.h */
    uint32_t lock_flags;      /* LIBOS_FILE_LOCKED_*; atomic (fs/). Until it is shared */
    uint64_t lock_number;     /* fs/libos_record_lock.c: 0: none yet. Until it is shared */
    uint32_t epoll_count;     /* number of wait sets it is in; atomic */
    libos_lock_t wait_lock;   /* guards waiters */
    struct list_node waiters; /* who polls it inside the LibOS (event/) */
    uint32_t owner_type;      /* F_SETOWN, F_SETSIG (event/). Of a shared one as `flags` */
    int32_t owner_pid, owner_sig;
    uint64_t serial; /* goes up with each use of this memory */
};

/* Of a shared file: flags and owner as they are now. */
void libos_file_refresh(struct libos_file* f);
/* After flags or owner were changed. */
void libos_file_changed(struct libos_file* f);
int64_t* libos_file_lock_shared_pos(struct libos_file* f);
void libos_file_unlock_shared_pos(struct libos_file* f);
/* The LibOS's own position, locked: as by a coord_lock, should it be shared. */
static inline int64_t* libos_file_lock_pos(struct libos_file* f) {
    lock(&f->lock); /* a fork of another thread may come just before, but not after */
    if (__builtin_expect(f->shared == NULL, 1))
        return &f->pos;
    unlock(&f->lock);
    return libos_file_lock_shared_pos(f);
}
static inline void libos_file_unlock_pos(struct libos_file* f) {
    if (__builtin_expect(f->shared != NULL, 0))
        libos_file_unlock_shared_pos(f);
    else
        unlock(&f->lock);
}
/* The same without the lock. */
int64_t libos_file_get_pos(const struct libos_file* f);
void libos_file_set_pos(struct libos_file* f, int64_t pos);

/* A new description with one reference, or NULL. Takes over host and path (on failure too). */
struct libos_file* libos_file_alloc(const struct libos_file_ops* ops, int flags, PAL_HANDLE host,
                                    struct libos_path* path);
/* Gives back the memory that a thread kept. */
void libos_file_free(struct libos_file* f);
static inline void libos_file_get(struct libos_file* f) {
    ref_get(&f->ref);
}
void libos_file_put(struct libos_file* f);
/* fork(2), by proc/libos_fork.c: under the barrier, before the host forks (0 or -ENOMEM: no fork);
 * if that fails; and in the child, that is process pid, before it drops the other threads. */
int libos_files_before_fork(void);
void libos_files_fork_failed(void);
void libos_files_after_fork(int32_t pid);
/* Process pid, a vfork child until now, goes on in a host process of its own: before this one
 * closes its copy of the child's descriptors. */
void libos_files_process_moved(int32_t pid);
/* A description goes to whoever receives a message (net/libos_rights.c): it is shared from now on
 * and the message counts as a process. NULL: no memory. Then either it was not sent, or found to be
 * here already; or f was made of it, and has the message's count, or if it was only peeked at its
 * own. */
struct libos_file_shared* libos_file_sent(struct libos_file* f);
void libos_file_not_sent(struct libos_file_shared* s);
void libos_file_received(struct libos_file* f, struct libos_file_shared* s, bool peeked);
/* The process ends, by proc/: the barrier is up for good. What others see of its files goes. */
void libos_files_end(void);
/* Readiness inside the LibOS changed: wake those who poll (event/libos_poll.c). */
void libos_file_notify(struct libos_file* f, unsigned events);

/* ---- descriptor table (shared by threads with CLONE_FILES) ---------------------------------- */
struct libos_fd_table;
struct libos_fd_table* libos_fd_table_create(void);
struct libos_fd_table* libos_fd_table_clone(struct libos_fd_table* t);
void libos_fd_table_get(struct libos_fd_table* t);
void libos_fd_table_put(struct libos_fd_table* t); /* the last one closes all */

/* These act on the calling thread's table. */
/* Referenced, or NULL: EBADF (O_PATH files included). Given back before the system call ends, or
 * kept beyond it: libos_fd_keep(). */
struct libos_file* libos_fd_get(int fd);
void libos_fd_keep(struct libos_file* f);
/* The same for a caller that neither closes descriptors nor hands the file on before it is done. A
 * lone thread needs no reference: nobody else can close it meanwhile. *counted: give it back with
 * libos_file_put(). */
struct libos_file* libos_fd_borrow(int fd, bool* counted);
/* Lowest free descriptor >= min. Takes its own reference on f. Returns fd, -EMFILE, -EINVAL. */
int libos_fd_install(struct libos_file* f, bool cloexec, int min);
/* The lowest of all, with the caller's reference, which is given back if it fails. */
int libos_fd_give(struct libos_file* f, bool cloexec);
/* dup2/dup3: at exactly fd; what was there is closed. Returns fd, -EBADF. */
int libos_fd_install_at(struct libos_file* f, bool cloexec, int fd);
int libos_fd_close(int fd);
int libos_fd_get_cloexec(int fd); /* 0, 1, -EBADF */
int libos_fd_set_cloexec(int fd, bool cloexec);
void libos_fd_close_on_exec(void);
/* One past the highest descriptor that the table has room for now (Linux's fdt->max_fds): select
 * looks at no bit beyond it. */
int libos_fd_table_end(void);
/* Calls fn for each open descriptor until it returns false; the file is referenced meanwhile. */
void libos_fd_for_each(struct libos_fd_table* t,
                       bool (*fn)(void* arg, int fd, struct libos_file* f, bool cloexec),
                       void* arg);

/* ---- what others ask of the file systems (libos/src/fs) -------------------------------------- */
/* Open a path from LibOS memory, as openat(2) with these flags and the caller's credentials. */
int libos_open_path(int dirfd, const char* path, int flags, unsigned int mode,
                    struct libos_file** out);
/* Read at an offset into LibOS memory; returns bytes or -errno. */
long libos_file_read_kernel(struct libos_file* f, void* buf, size_t size, uint64_t offset);
/* Guest path of an open file, as /proc/self/fd/N shows it. Returns length or -errno. */
long libos_file_get_name(struct libos_file* f, char* buf, size_t size);
/* Set up mounts, root and cwd from the manifest and the control block; then descriptors 0 to 2. */
int libos_fs_init(void);
int libos_stdio_init(void);

#endif /* LIBOS_FILE_H */
