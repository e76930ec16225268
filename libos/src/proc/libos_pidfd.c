/*
 * The file behind a process descriptor. See libos_pidfd.h.
 */
#include <asm/fcntl.h>
#include <asm/poll.h>

#include "libos_coord_process.h"
#include "libos_pidfd.h"
#include "libos_process.h"

static int32_t pid_of(const struct libos_file* f) {
    return (int32_t)(intptr_t)f->data;
}

static unsigned pidfd_poll(struct libos_file* f) {
    (void)f;
    return 0;
}

static size_t pidfd_fdinfo(struct libos_file* f, char* buf, size_t size) {
    return snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d\n", pid_of(f), pid_of(f));
}

static const struct libos_file_ops g_pidfd_ops = {
    .kind = "pidfd",
    .poll = pidfd_poll,
    .fdinfo = pidfd_fdinfo,
};

bool libos_is_pidfd(const struct libos_file* f) {
    return f->ops == &g_pidfd_ops;
}

int32_t libos_pidfd_pid(const struct libos_file* f) {
    return pid_of(f);
}

long libos_pidfd_create(int32_t pid, bool nonblock) {
    struct libos_file* f =
        libos_file_alloc(&g_pidfd_ops, O_RDWR | (nonblock ? O_NONBLOCK : 0), NULL, NULL);
    if (!f)
        return -ENOMEM;
    f->data = (void*)(intptr_t)pid;
    long fd = libos_fd_install(f, true, 0);
    libos_file_put(f);
    return fd;
}
