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

/* The operations of a node, wherever it lies: another process is asked about its own
 * (proc_remote.c).
 */
int libos_pseudo_show(const struct libos_pseudo_at* at, struct libos_text* out);
long libos_pseudo_store(const struct libos_pseudo_at* at, const char* text, size_t size);
long libos_pseudo_readlink(const struct libos_pseudo_at* at, char* buf, size_t size);
int libos_pseudo_follow(const struct libos_pseudo_at* at, struct libos_file** out);
int libos_pseudo_node_stat(const struct libos_pseudo_at* at, struct libos_stat* st);
bool libos_pseudo_match(const struct libos_pseudo_at* dir, const struct libos_pseudo_node* child,
                        const char* name, size_t len, uint64_t* id);
void libos_pseudo_list(const struct libos_pseudo_at* dir, const struct libos_pseudo_node* child,
                       libos_pseudo_emit_fn emit, void* arg);

#endif /* LIBOS_PSEUDO_H */
