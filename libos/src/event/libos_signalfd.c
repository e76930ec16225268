/*
 * signalfd: reading takes signals from the caller's queues. signalfd(2).
 *
 * The file has no host handle: its readiness is the LibOS's own. Whoever queues a signal calls
 * libos_signalfd_notify() under signal_lock. Order of locks: signal_lock, then file->wait_lock.
 */
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <linux/signalfd.h>

#include "libos_event.h"
#include "libos_eventfd.h"

struct signalfd_data {
    struct list_node node; /* in process->signal_watchers; guarded by signal_lock */
    struct libos_file* file;
    libos_sigset_t mask; /* atomic */
};

static libos_sigset_t mask_of(const struct libos_file* f) {
    const struct signalfd_data* data = f->data;
    return __atomic_load_n(&data->mask, __ATOMIC_RELAXED);
}

/* ---- one record ------------------------------------------------------------------------------ */

/* The layout of siginfo_t that a signal and its code imply (Linux: siginfo_layout). */
static void fill_record(struct signalfd_siginfo* r, const siginfo_t* info) {
    int sig = info->si_signo;
    *r = (struct signalfd_siginfo){
        .ssi_signo = (uint32_t)sig, .ssi_errno = info->si_errno, .ssi_code = info->si_code};
    if (info->si_code == SI_TIMER) {
        r->ssi_tid = (uint32_t)info->si_tid;
        r->ssi_overrun = (uint32_t)info->si_overrun;
        r->ssi_ptr = (uint64_t)info->si_ptr;
        r->ssi_int = info->si_int;
    } else if (info->si_code > 0 && info->si_code != SI_KERNEL &&
               (sig == SIGILL || sig == SIGFPE || sig == SIGSEGV || sig == SIGBUS ||
                sig == SIGTRAP)) {
        r->ssi_addr = (uint64_t)info->si_addr;
        r->ssi_addr_lsb = sig == SIGBUS ? (uint16_t)info->si_addr_lsb : 0;
    } else if (info->si_code > 0 && info->si_code != SI_KERNEL && sig == SIGCHLD) {
        r->ssi_pid = (uint32_t)info->si_pid;
        r->ssi_uid = (uint32_t)info->si_uid;
        r->ssi_status = info->si_status;
        r->ssi_utime = (uint64_t)info->si_utime;
        r->ssi_stime = (uint64_t)info->si_stime;
    } else if (info->si_code == SI_SIGIO || (info->si_code > 0 && sig == SIGIO)) {
        r->ssi_band = (uint32_t)info->si_band;
        r->ssi_fd = info->si_fd;
    } else if (info->si_code > 0 && info->si_code != SI_KERNEL && sig == SIGSYS) {
        r->ssi_call_addr = (uint64_t)info->si_call_addr;
        r->ssi_syscall = info->si_syscall;
        r->ssi_arch = info->si_arch;
    } else {
        r->ssi_pid = (uint32_t)info->si_pid;
        r->ssi_uid = (uint32_t)info->si_uid;
        if (info->si_code < 0 && info->si_code != SI_TKILL) {
            r->ssi_ptr = (uint64_t)info->si_ptr;
            r->ssi_int = info->si_int;
        }
    }
}

/* Copies to the place `offset` bytes into the buffers. */
static int put_at(const struct iovec* iov, int iov_count, size_t offset, const void* data,
                  size_t size) {
    const char* p = data;
    for (int i = 0; i < iov_count && size; i++) {
        if (offset >= iov[i].iov_len) {
            offset -= iov[i].iov_len;
            continue;
        }
        size_t n = MIN(size, iov[i].iov_len - offset);
        if (user_copy_to((char*)iov[i].iov_base + offset, p, n) < 0)
            return -EFAULT;
        p += n;
        size -= n;
        offset = 0;
    }
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct signalfd_reader {
    struct libos_file_waiter base;
    struct libos_waiter waiter;
};

static void reader_wake(struct libos_file_waiter* base, unsigned events) {
    (void)events;
    libos_wake(&container_of(base, struct signalfd_reader, base)->waiter);
}

/* Waits until a signal of the mask was taken. Its number, -ERESTARTSYS. */
static long take_blocking(struct libos_file* f, siginfo_t* info) {
    struct signalfd_reader reader = {.base.wake = reader_wake};
    libos_waiter_init(&reader.waiter);
    libos_file_add_waiter(f, &reader.base);
    long ret;
    while ((ret = libos_signal_dequeue(get_cur_thread(), mask_of(f), info)) == 0) {
        ret = libos_wait(&reader.waiter, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
        if (ret < 0) {
            ret = -ERESTARTSYS;
            break;
        }
    }
    libos_file_remove_waiter(f, &reader.base);
    return ret;
}

static long signalfd_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                          const int64_t* pos, int rwf) {
    (void)rwf;
    if (pos)
        return -ESPIPE;
    size_t size = 0, done = 0;
    for (int i = 0; i < iov_count; i++)
        size += iov[i].iov_len;
    if (size < sizeof(struct signalfd_siginfo))
        return -EINVAL;
    while (size - done >= sizeof(struct signalfd_siginfo)) {
        siginfo_t info;
        struct signalfd_siginfo record;
        long ret = libos_signal_dequeue(get_cur_thread(), mask_of(f), &info);
        if (ret == 0 && done)
            break;
        if (ret == 0 && (f->flags & O_NONBLOCK))
            return -EAGAIN;
        if (ret == 0)
            ret = take_blocking(f, &info);
        if (ret < 0)
            return done ? (long)done : ret;
        fill_record(&record, &info);
        if (put_at(iov, iov_count, done, &record, sizeof(record)) < 0)
            return done ? (long)done : -EFAULT;
        done += sizeof(record);
    }
    return (long)done;
}

/* ---- readiness ------------------------------------------------------------------------------- */

static unsigned signalfd_poll(struct libos_file* f) {
    struct libos_thread* t = get_cur_thread();
    lock(&cur_process()->signal_lock);
    libos_sigset_t pending = cur_process()->signals.pending | t->signals.pending;
    unlock(&cur_process()->signal_lock);
    return pending & mask_of(f) ? POLLIN : 0;
}

void libos_signalfd_notify(struct libos_thread* t, int sig) {
    (void)t; /* who waits looks at its own queues */
    list_for_each(data, &cur_process()->signal_watchers, struct signalfd_data, node) {
        if (data->mask & sig_bit(sig))
            libos_file_notify(data->file, POLLIN);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static size_t signalfd_fdinfo(struct libos_file* f, char* buf, size_t size) {
    int n = snprintf(buf, size, "sigmask:\t%016llx\n", (unsigned long long)mask_of(f));
    return MIN((size_t)n, size);
}

static void signalfd_close(struct libos_file* f) {
    struct signalfd_data* data = f->data;
    lock(&cur_process()->signal_lock);
    list_del(&data->node);
    unlock(&cur_process()->signal_lock);
    libos_free(data);
}

static const struct libos_file_ops g_signalfd_ops = {
    .kind = "signalfd",
    .read = signalfd_read,
    .poll = signalfd_poll,
    .fdinfo = signalfd_fdinfo,
    .close = signalfd_close,
};

static libos_sigset_t without_unblockable(libos_sigset_t mask) {
    return mask & ~(sig_bit(SIGKILL) | sig_bit(SIGSTOP));
}

long libos_signalfd_create(libos_sigset_t mask, bool nonblock, bool cloexec) {
    struct signalfd_data* data = libos_calloc(1, sizeof(*data));
    if (!data)
        return -ENOMEM;
    struct libos_file* f =
        libos_file_alloc(&g_signalfd_ops, O_RDWR | (nonblock ? O_NONBLOCK : 0), NULL, NULL);
    if (!f) {
        libos_free(data);
        return -ENOMEM;
    }
    data->file = f;
    data->mask = without_unblockable(mask);
    f->data = data;
    lock(&cur_process()->signal_lock);
    list_add_tail(&cur_process()->signal_watchers, &data->node);
    unlock(&cur_process()->signal_lock);
    return libos_fd_publish(f, cloexec);
}

bool libos_is_signalfd(const struct libos_file* f) {
    return f->ops == &g_signalfd_ops;
}

void libos_signalfd_set_mask(struct libos_file* f, libos_sigset_t mask) {
    struct signalfd_data* data = f->data;
    __atomic_store_n(&data->mask, without_unblockable(mask), __ATOMIC_RELAXED);
    libos_file_notify(f, POLLIN); /* what was pending already may be in the mask now */
}
