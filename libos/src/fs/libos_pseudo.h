/*
 * Between libos_pseudo.c and libos_pseudo_file.c.
 */
#ifndef LIBOS_PSEUDO_H
#define LIBOS_PSEUDO_H

#include "libos_fs_internal.h"

extern const struct libos_file_ops libos_pseudo_file_ops;
extern const struct libos_file_ops libos_pseudo_dir_ops;

/* Takes over `at`. NULL: no memory. */
struct libos_file* libos_pseudo_file_create(struct libos_pseudo_at* at,
                                            const struct libos_file_ops* ops, int flags);
/* The place of an open file of ours. */
const struct libos_pseudo_at* libos_pseudo_of(const struct libos_file* f);
int libos_pseudo_walk(const struct libos_at* at, struct libos_pseudo_at* p);
int libos_pseudo_stat_at(const struct libos_pseudo_at* p, struct libos_stat* st);
int libos_pseudo_open_node(const struct libos_pseudo_at* p, int flags, struct libos_file** out);
/* Guest path; length. */
long libos_pseudo_name(const struct libos_pseudo_at* p, char* buf, size_t size);
/* For a device that node->open made: where it is, by name. NULL: no memory (then it has no name).
 */
struct libos_path* libos_pseudo_path(const struct libos_pseudo_at* p);

#endif /* LIBOS_PSEUDO_H */
