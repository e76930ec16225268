/*
 * What the file calls in libos/src/sys use beyond libos_fs.h.
 */
#ifndef LIBOS_FS_CALLS_H
#define LIBOS_FS_CALLS_H

#include "libos_fs.h"

/* Whole operations on a lookup that was started; the caller ends it (fs/libos_namei.c). */
int libos_lookup_open(struct libos_lookup* l, int flags, uint32_t mode, struct libos_file** out);
int libos_lookup_stat(struct libos_lookup* l, struct libos_stat* st);
/* The object itself as an O_PATH file (or a file that stands for it), for calls by path that work
 * on open files. more_flags: O_DIRECTORY or 0. */
int libos_lookup_path(struct libos_lookup* l, int more_flags, struct libos_file** out);
long libos_lookup_readlink(struct libos_lookup* l, char* buf, size_t size);
/* openat2's RESOLVE_*: links, mounts and ways out that the lookup then refuses. */
int libos_lookup_restrict(struct libos_lookup* l, uint64_t resolve);
/* These want LOOKUP_NAME (fs/libos_name_ops.c). */
int libos_lookup_mkdir(struct libos_lookup* l, uint32_t mode);
int libos_lookup_mknod(struct libos_lookup* l, uint32_t mode, uint64_t rdev);
int libos_lookup_symlink(struct libos_lookup* l, const char* target);
int libos_lookup_unlink(struct libos_lookup* l, bool directory);
int libos_lookup_rename(struct libos_lookup* from, struct libos_lookup* to, unsigned int flags);
int libos_lookup_link(struct libos_lookup* from, struct libos_lookup* to);

void libos_fs_set_cwd(struct libos_file* dir);
void libos_fs_set_root(struct libos_file* dir);

/* -EMFILE if surely no descriptor is free; without a lock, so 0 promises nothing. */
int libos_fd_room(void);

/* As access(2) asks: by real ids, or by effective ones. 0 or -EACCES. */
int libos_access(const struct libos_stat* st, int want, bool effective);

/* Attributes of what is behind a host handle, in a mount or not. */
int libos_chroot_setattr(struct libos_file* f, const struct libos_attr* attr);

/* A guest's vector (sys/libos_rw.c): checked, all lengths together at most MAX_RW_COUNT. fast: 8
 * elements of the caller's; *out is it, or is freed by the caller (also after an error). */
long libos_import_iovec(const struct iovec* uvec, unsigned long count, struct iovec* fast,
                        struct iovec** out);

/* The host's object that a tmpfs file's contents lie in, for copying at explicit positions (the
 * file's own position is libos_file_get_pos()). Lives as long as f. */
struct libos_host_range {
    PAL_HANDLE handle;
    uint64_t start; /* of the file within the object */
    uint64_t max;   /* how long it can become */
    uint64_t size;  /* of the file now: what comes after is not its contents */
};
/* false: it is another kind of file. */
bool libos_tmpfs_host_range(const struct libos_file* f, struct libos_host_range* r);
/* The host wrote into it, from start to end (in the file). */
void libos_tmpfs_written(const struct libos_file* f, uint64_t start, uint64_t end);
/* Up to where a mapping of f can be touched; 0: not a tmpfs file. */
uint64_t libos_tmpfs_mapped_end(const struct libos_file* f);
bool libos_tmpfs_is_of(const struct libos_file* f, const void* node);

/* Is f on a read-only mount? */
static inline bool libos_file_readonly(const struct libos_file* f) {
    return f->path && f->path->mount && f->path->mount->readonly;
}

#endif /* LIBOS_FS_CALLS_H */
