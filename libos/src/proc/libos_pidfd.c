/*
 * The file behind a process descriptor. See libos_pidfd.h.
 */
#include <asm/fcntl.h>

#include "libos_pidfd.h"
#include "libos_process.h"

static unsigned pidfd_poll(struct libos_file* f) {
    (void)f;
    return 0; /* whoever could poll it is the process that has not ended */
}

static size_t pidfd_fdinfo(struct libos_file* f, char* buf, size_t size) {
    (void)f;
    return snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d\n", cur_process()->pid, cur_process()->pid);
}

static const struct libos_file_ops g_pidfd_ops = {
    .kind = "pidfd",
    .poll = pidfd_poll,
    .fdinfo = pidfd_fdinfo,
};

bool libos_is_pidfd(const struct libos_file* f) {
    return f->ops == &g_pidfd_ops;
}

long libos_pidfd_create(bool nonblock) {
    struct libos_file* f =
        libos_file_alloc(&g_pidfd_ops, O_RDWR | (nonblock ? O_NONBLOCK : 0), NULL, NULL);
    if (!f)
        return -ENOMEM;
    long fd = libos_fd_install(f, true, 0);
    libos_file_put(f);
    return fd;
}
