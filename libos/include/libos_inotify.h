/*
 * Change notification (inotify(7)): host objects are watched by the host, objects of the LibOS's
 * own file systems here.
 */
#ifndef LIBOS_INOTIFY_H
#define LIBOS_INOTIFY_H

#include <linux/inotify.h>
#include "libos_fs.h"

int libos_inotify_create(int flags, struct libos_file** out);
bool libos_is_inotify(const struct libos_file* f);
/* Watch the object behind `object`; mask was checked. Watch descriptor or -errno. */
long libos_inotify_add(struct libos_file* f, struct libos_file* object, uint32_t mask);
long libos_inotify_remove(struct libos_file* f, int wd);

/* Does anybody, in any process, watch an object of the LibOS's own? */
bool libos_inotify_active(void);
/* Something happened to the object `key` (mount->ops->watch_key), or to `name` in it. */
void libos_inotify_event(const void* key, uint32_t mask, uint32_t cookie, const char* name);
uint32_t libos_inotify_cookie(void);
/* The object is gone: IN_IGNORED, and its watches with it. */
void libos_inotify_gone(const void* key);

#endif /* LIBOS_INOTIFY_H */
