/*
 * Between libos_lookup.c and libos_expand.c.
 */
#ifndef LIBOS_LOOKUP_H
#define LIBOS_LOOKUP_H

#include "libos_fs_internal.h"

/* The operation met a link at l->at: find the first one and put its target in its place. 0: try
 * again; else the answer (-ELOOP, ...). */
int libos_expand(struct libos_lookup* l);
/* The same where l->at.rel lies in a buffer of the caller's, with `tail` (a part of l->buf) to
 * follow it; for ".." behind a link. */
int libos_expand_path(struct libos_lookup* l, const char* tail);

/* The root of the root mount is in nearly every lookup, and lives as long as the process: lookups
 * do not count it, so that threads do not fight for its count. take: of a counted one. */
static inline void libos_lookup_keep(struct libos_file* f) {
    if (f != g_root_mount->root)
        libos_file_get(f);
}
static inline void libos_lookup_drop(struct libos_file* f) {
    if (f && f != g_root_mount->root)
        libos_file_put(f);
}
static inline struct libos_file* libos_lookup_take(struct libos_file* f) {
    if (f && f == g_root_mount->root)
        libos_file_put(f);
    return f;
}

/* The process's root; owned by l. */
struct libos_file* libos_lookup_root(struct libos_lookup* l);
void libos_lookup_set_base(struct libos_lookup* l, struct libos_file* base);
/* l->text = head + middle + tail. Head and tail may lie in l->buf, middle may not. */
int libos_lookup_set_text(struct libos_lookup* l, const char* head, size_t head_len,
                          const char* middle, size_t middle_len, const char* tail);
/* Canonical guest path of a directory, "" for the root. -ENOENT: it was removed. Length or -errno.
 */
int libos_lookup_base_name(struct libos_file* base, char* name, size_t size);

#endif /* LIBOS_LOOKUP_H */
