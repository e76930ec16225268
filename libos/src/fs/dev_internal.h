/*
 * What the files of /dev share.
 */
#ifndef DEV_INTERNAL_H
#define DEV_INTERNAL_H

#include "pseudo_text.h"

/* Device numbers as constants. */
#define libos_dev_const(major, minor) ((uint64_t)(major) << 8 | (minor))

extern const struct libos_file_ops g_libos_null_ops, g_libos_zero_ops, g_libos_full_ops,
    g_libos_random_ops, g_libos_urandom_ops;

/* The file remembers where in /dev it is (in data), for libos_dev_stat(); false: no memory, the
 * file is gone. */
bool libos_dev_attach(struct libos_file* f, const struct libos_pseudo_at* at);
int libos_dev_stat(struct libos_file* f, struct libos_stat* st);                /* op */
void libos_dev_close(struct libos_file* f);                                     /* op */
int libos_dev_reopen(struct libos_file* f, int flags, struct libos_file** out); /* op */
long libos_dev_pack(struct libos_file* f, void* data, size_t size);             /* op */
int libos_dev_unpack(struct libos_file* f, const void* data, size_t size);      /* op */
/* Opens a device whose node's data are its ops. */
int libos_dev_open(const struct libos_pseudo_at* at, int flags, struct libos_file** out);

#endif /* DEV_INTERNAL_H */
