/*
 * What the files of libos/src/fs share among themselves.
 */
#ifndef LIBOS_FS_INTERNAL_H
#define LIBOS_FS_INTERNAL_H

#include "libos_fs.h"
#include "libos_fs_calls.h"

/* ---- open files over fork (libos_file_share.c, libos_file.c, libos_fd.c) -----------------------
 */
/* All that are open in this process, under the fork barrier. */
void libos_files_for_all(void (*fn)(struct libos_file* f));
/* Process pid was killed: it no longer has what it shared with others. Under no lock. */
void libos_files_died(int32_t pid);
/* This process no longer has it. true: no other one has it either. */
bool libos_file_unshare(struct libos_file* f);
/* The thread no longer has a reference from libos_fd_get() on f, should it have had one. */
void libos_fd_not_held(struct libos_thread* t, struct libos_file* f);

/* ---- advisory locks (libos_record_lock.c, libos_flock.c) ---------------------------------------
 */
enum { /* libos_file.lock_flags */
       LIBOS_FILE_LOCKED_FLOCK = 1,
       LIBOS_FILE_LOCKED_OFD = 2,
};
/* The last reference to a description with lock_flags goes. */
void libos_locks_file_gone(struct libos_file* f);
/* The process closed a descriptor on f: its POSIX record locks on that file go. */
void libos_locks_fd_closed(struct libos_file* f);
/* A fork has copied what stands for other processes' POSIX locks: it goes, the locks stay. */
void libos_locks_after_fork(int32_t pid);
/* The POSIX locks of this process go. */
void libos_locks_process_ends(void);
void libos_locks_init(void);
/* What names f as an owner of locks; the same in all processes that share it. */
uint64_t libos_file_lock_number(struct libos_file* f);
/* flag: LIBOS_FILE_LOCKED_*: it may own such locks from now on. */
void libos_file_set_locked(struct libos_file* f, uint32_t flag);

/* ---- mounts (libos_mount.c) --------------------------------------------------------------------
 */
extern struct libos_mount* g_root_mount;
/*
 * The deepest mount that guest path prefix/text enters at or below its mount point, where that lies
 * below prefix; NULL: none, the path stays in the mount that prefix is in. prefix: canonical, ""
 * for the root. *rest: what of text lies below the mount point. ".." in text is not understood.
 */
struct libos_mount* libos_mount_entered(const char* prefix, const char* text, const char** rest);
/* The mount that a canonical guest path is in. */
struct libos_mount* libos_mount_of(const char* path, size_t len);
/* Is this the last component of a mount point that is at least that deep? (A quick "can't be" for
 * lookups; depth: of the name below where the lookup began.) */
bool libos_mount_named(const char* name, size_t len, int depth);
/* Mount points in directory `dir` (canonical) that the file system below does not have. */
struct libos_mount* libos_mount_virtual_child(const char* dir, uint32_t after_id);

extern const struct libos_fs_ops libos_chroot_ops;
extern const struct libos_fs_ops libos_tmpfs_ops;
extern const struct libos_fs_ops libos_pseudo_ops;
/* Make the root of a new mount. source: host path. */
int libos_chroot_mount(struct libos_mount* m);
int libos_tmpfs_mount(struct libos_mount* m, uint32_t root_mode);
int libos_pseudo_mount(struct libos_mount* m, const struct libos_pseudo_node* root);

/* ---- operations on a place (libos_namei.c): what is common to all file systems -----------------
 */
int libos_at_open(const struct libos_at* at, int flags, uint32_t mode, struct libos_file** out);
int libos_at_stat(const struct libos_at* at, struct libos_stat* st);
/* 0 if the directory of at's last component is there. */
int libos_at_parent_check(const struct libos_at* at);

/* When the file systems came up, nanoseconds since the epoch: times of pseudo files. */
int64_t libos_fs_start_ns(void);

/* ---- fs_info -----------------------------------------------------------------------------------
 */
struct libos_fs_info* libos_fs_info_create(struct libos_file* root, uint32_t umask);

/* ---- files of the host (libos_host_file.c, libos_host_dir.c, libos_chroot.c) -------------------
 */
int libos_host_stat(struct libos_file* f, struct libos_stat* st);
int libos_host_getdents(struct libos_file* f, libos_dirent_fn emit, void* arg);
long libos_host_dir_seek(struct libos_file* f, int64_t offset, int whence);
void libos_host_dir_has_virtual(void); /* some mount has virtual_name */
PAL_FLG libos_pal_access(int flags);   /* PAL_ACCESS_* and PAL_OPTION_* for O_* */
PAL_FLG libos_pal_options(int flags);
/* What F_GETFL shows of open's flags. */
int libos_file_flags(int flags);

/* ---- components of a path ----------------------------------------------------------------------
 */
/* The next component at or after s: *len is 0 at the end. */
static inline const char* libos_component(const char* s, size_t* len) {
    while (*s == '/')
        s++;
    size_t n = 0;
    while (s[n] && s[n] != '/')
        n++;
    *len = n;
    return s;
}
static inline bool libos_is_dot(const char* s, size_t len) {
    return len == 1 && s[0] == '.';
}
static inline bool libos_is_dotdot(const char* s, size_t len) {
    return len == 2 && s[0] == '.' && s[1] == '.';
}

#endif /* LIBOS_FS_INTERNAL_H */
