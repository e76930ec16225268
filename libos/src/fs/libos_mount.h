/*
 * Making mounts; used by libos_fs_init() only.
 */
#ifndef LIBOS_MOUNT_H
#define LIBOS_MOUNT_H

#include "libos_fs_internal.h"

struct libos_mount* libos_mount_create(const char* path, const char* source, bool readonly);
void libos_mount_add(struct libos_mount* m);
void libos_mount_free(struct libos_mount* m); /* one that was not added */

#endif /* LIBOS_MOUNT_H */
