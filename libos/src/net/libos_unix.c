/*
 * AF_UNIX addresses. No server can listen on one yet: connecting answers as when none does.
 */
#include <linux/un.h>

#include "libos_fs.h"
#include "libos_socket.h"

int libos_unix_no_server(const void* addr, size_t size) {
    const struct sockaddr_un* un = addr;
    size_t head = offsetof(struct sockaddr_un, sun_path);
    if (size <= head || size > sizeof(*un) || un->sun_family != AF_UNIX)
        return -EINVAL;
    if (un->sun_path[0] == '\0')
        return -ECONNREFUSED; /* abstract */
    char path[sizeof(un->sun_path) + 1];
    memcpy(path, un->sun_path, size - head);
    path[size - head] = '\0';
    struct libos_stat st;
    int ret = libos_stat_path(AT_FDCWD, path, 0, &st);
    return ret < 0 ? ret : -ECONNREFUSED;
}
