/*
 * The file behind a process descriptor. See libos_pidfd.h.
 *
 * It names its process by id and time of start, as the id may come to be another's. Readiness is
 * the host's: the host process has ended.
 */
#include <asm/fcntl.h>

#include "libos_coord_process.h"
#include "libos_pidfd.h"
#include "libos_process.h"

struct pidfd {
    int32_t pid;
    uint64_t start_ns;
};

/* Its entry, copied; false: it has ended and was waited for. */
static bool look(const struct pidfd* p, struct coord_process* copy) {
    return coord_process_next(p->pid, copy) == p->pid && copy->start_time_ns == p->start_ns;
}

/* Made when it is first asked for. None for a process that has ended: it is ready always. */
static PAL_HANDLE pidfd_poll_handle(struct libos_file* f) {
    struct coord_process copy;
    lock(&f->lock);
    if (!f->host && look(f->data, &copy) && copy.state != COORD_PROCESS_ZOMBIE &&
        PalProcessOpen((PAL_IDX)copy.host_pid, &f->host) < 0)
        f->host = NULL;
    unlock(&f->lock);
    return f->host;
}

static size_t pidfd_fdinfo(struct libos_file* f, char* buf, size_t size) {
    struct coord_process copy;
    int pid = look(f->data, &copy) ? copy.pid : -1;
    return snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static void pidfd_close(struct libos_file* f) {
    libos_free(f->data);
}

static const struct libos_file_ops g_pidfd_ops = {
    .kind = "pidfd",
    .poll_handle = pidfd_poll_handle,
    .fdinfo = pidfd_fdinfo,
    .close = pidfd_close,
};

bool libos_is_pidfd(const struct libos_file* f) {
    return f->ops == &g_pidfd_ops;
}

int32_t libos_pidfd_pid(const struct libos_file* f) {
    struct coord_process copy;
    return look(f->data, &copy) ? copy.pid : -ESRCH;
}

long libos_pidfd_create(int32_t pid, uint64_t start_ns, bool nonblock) {
    struct pidfd* p = libos_malloc(sizeof(*p));
    struct libos_file* f = NULL;
    if (p)
        f = libos_file_alloc(&g_pidfd_ops, O_RDWR | (nonblock ? O_NONBLOCK : 0), NULL, NULL);
    if (!f) {
        libos_free(p);
        return -ENOMEM;
    }
    *p = (struct pidfd){.pid = pid, .start_ns = start_ns};
    f->data = p;
    long fd = libos_fd_install(f, true, 0);
    libos_file_put(f);
    return fd;
}
