/*
 * The kinds of file systems that there are: /proc/filesystems, sysfs(2), mount(2).
 */
#ifndef LIBOS_FILESYSTEMS_H
#define LIBOS_FILESYSTEMS_H

#include <stdbool.h>

struct libos_filesystem {
    const char* name;
    bool needs_device;
};
extern const struct libos_filesystem g_filesystems[];
extern const unsigned int g_filesystem_count;

#endif /* LIBOS_FILESYSTEMS_H */
