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

/* Opens a device whose node's data are its ops. */
int libos_dev_open(const struct libos_pseudo_at* at, int flags, struct libos_file** out);

#endif /* DEV_INTERNAL_H */
