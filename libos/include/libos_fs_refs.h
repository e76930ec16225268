/*
 * Counting of the file-system context (cwd, root, umask) that threads share with CLONE_FS.
 */
#ifndef LIBOS_FS_REFS_H
#define LIBOS_FS_REFS_H

struct libos_fs_info;
void libos_fs_info_get(struct libos_fs_info* fs);
void libos_fs_info_put(struct libos_fs_info* fs);
/* A copy for a thread made without CLONE_FS; NULL: out of memory. */
struct libos_fs_info* libos_fs_info_clone(struct libos_fs_info* fs);

#endif /* LIBOS_FS_REFS_H */
