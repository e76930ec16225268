/*
 * Readiness and event files: poll, epoll, pipes, eventfd, timerfd, signalfd, terminals.
 *
 * A file is ready either in the host (its poll handle) or inside the LibOS (ops->poll). Whoever
 * waits for the latter puts a waiter on the file; libos_file_notify() calls each.
 */
#ifndef LIBOS_EVENT_H
#define LIBOS_EVENT_H

#include <asm/fcntl.h>

#include "libos_file.h"
#include "libos_internal.h"
#include "libos_process.h"

struct libos_stat;

/* ---- readiness (event/libos_poll.c) ---------------------------------------------------------- */
struct libos_file_waiter {
    struct list_node node; /* in file->waiters; guarded by file->wait_lock */
    /* Called with wait_lock held; may not block and may take no lock but its own. NULL for a waiter
     * that only wants to be found when the file goes (epoll). */
    void (*wake)(struct libos_file_waiter* w, unsigned events);
    bool lasting; /* not of a thread that waits: it stays over fork (epoll) */
};
void libos_file_add_waiter(struct libos_file* f, struct libos_file_waiter* w);
void libos_file_remove_waiter(struct libos_file* f, struct libos_file_waiter* w);
/* In a forked child: the threads that waited are gone. */
void libos_file_waiters_after_fork(struct libos_file* f);
/* False for regular files, directories, and other files that are always ready: epoll says EPERM. */
bool libos_file_can_poll(const struct libos_file* f);
/* Handle to wait on in the host, or NULL. */
PAL_HANDLE libos_file_poll_handle(struct libos_file* f);

/* Deadline of a wait: absolute, on PAL_CLOCK_MONOTONIC; NO_TIMEOUT: none; 0: do not wait. */
struct pollfd;
/* Fills revents. Returns how many descriptors are ready, 0 at the deadline, -EINTR for a signal,
 * -ENOMEM. bad_fd: -EBADF for a closed descriptor (select) instead of POLLNVAL. */
long libos_poll(struct pollfd* fds, size_t count, uint64_t deadline_ns, bool bad_fd);
uint64_t libos_monotonic_ns(void);
/* Deadline `ns` from now; saturates to NO_TIMEOUT. */
uint64_t libos_deadline_after(uint64_t ns);

/* ---- epoll (event/libos_epoll.c) ------------------------------------------------------------- */
/* libos_file_put() calls this before ops->close for a file whose epoll_count is not 0: it leaves
 * every wait set it is in. */
void libos_epoll_file_gone(struct libos_file* f);

/* ---- SIGIO (event/libos_sigio.c) --------------------------------------------------------------
 */
/* Can the file tell of its readiness by a signal (pipes, sockets, terminals)? */
bool libos_sigio_possible(struct libos_file* f);
/* Switches it, and FASYNC in f->flags; fd: told in si_fd. */
int libos_sigio_set(struct libos_file* f, int fd, bool on);
/* After a write on a file with FASYNC. short_of_room: it found none, or not enough. */
void libos_sigio_wrote(struct libos_file* f, bool short_of_room);
/* libos_file_put() calls this for the last reference of a file with FASYNC. */
void libos_sigio_file_gone(struct libos_file* f);
void libos_sigio_after_fork(void);

/* ---- files that are a host stream (event/libos_stream.c) ------------------------------------- */
/* Ops for pipes, eventfds, terminals, ...: straight to the host on guest buffers. */
long libos_stream_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                       const int64_t* pos, int rwf);
/* Raises SIGPIPE with EPIPE. */
long libos_stream_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                        const int64_t* pos, int rwf);
int libos_stream_set_flags(struct libos_file* f, int new_flags); /* O_NONBLOCK on the host */
/* Op: the same object opened anew, with the ops and name of f; data is NULL. */
int libos_stream_reopen(struct libos_file* f, int flags, struct libos_file** out);
/* Bytes moved by a host, checked against the buffers; or -errno. */
long libos_checked_count(int64_t pal_ret, const struct iovec* iov, int iov_count);

/* What an anonymous file (pipe, socket, eventfd) tells through stat. Shared by both ends of a pipe;
 * file->data of such files points to it, first member of what else they keep. */
struct libos_anon_inode {
    refcount_t ref;
    uint32_t mode; /* whole st_mode */
    uint32_t uid, gid;
    uint64_t ino;
    int64_t time_ns; /* of its making */
};
struct libos_anon_inode* libos_anon_inode_create(uint32_t mode);
void libos_anon_inode_put(struct libos_anon_inode* inode);
int libos_anon_inode_stat(struct libos_file* f, struct libos_stat* st);           /* op */
void libos_anon_inode_close(struct libos_file* f);                                /* op */
long libos_anon_inode_pack(struct libos_file* f, void* data, size_t size);        /* op */
int libos_anon_inode_unpack(struct libos_file* f, const void* data, size_t size); /* op */

/* As libos_fd_get(), but NULL for O_PATH descriptors too: calls that use the file answer EBADF. */
struct libos_file* libos_fd_get_open(int fd);
/* Puts f into the calling thread's table and drops the caller's reference. fd or -errno; f NULL:
 * -ENOMEM. */
long libos_fd_publish(struct libos_file* f, bool cloexec);

/* ---- pipes ----------------------------------------------------------------------------------- */
extern const struct libos_file_ops g_libos_pipe_ops, g_libos_eventfd_ops, g_libos_timerfd_ops;
/* Both ends: files[0] reads, files[1] writes. flags: O_NONBLOCK, O_DIRECT. 0 or -errno. */
int libos_pipe_create(int flags, struct libos_file* files[2]);
/* F_SETPIPE_SZ and F_GETPIPE_SZ; -EBADF if f is no pipe. For fcntl. */
long libos_pipe_fcntl(struct libos_file* f, int cmd, unsigned long arg);

/* ---- terminals (event/libos_tty.c, libos_pty.c) ---------------------------------------------- */
extern const struct libos_file_ops g_libos_tty_ops;
/* Ops of every terminal but a master: a background group is stopped for reading, and for writing
 * with TOSTOP. */
long libos_tty_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                    const int64_t* pos, int rwf);
long libos_tty_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                     const int64_t* pos, int rwf);
/* ioctl of any file on a host character device: the terminal's commands, or -ENOTTY. */
long libos_tty_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg);
/* A terminal file around a host handle (taken over, as path is, on failure too); NULL: no memory.
 * For inherited standard streams and /dev/tty. */
struct libos_file* libos_tty_file(PAL_HANDLE host, int flags, struct libos_path* path);
bool libos_handle_is_tty(PAL_HANDLE host);
/* The controlling terminal is a pseudo-terminal of ours: its number. */
bool libos_tty_controlling_pts(unsigned int* number);
/* The terminal's foreground process group and session, for /proc: -1 where there is none. */
void libos_tty_job_control(int32_t* foreground_pgid, uint64_t* rdev);

/* Pseudo-terminals: open /dev/ptmx; open /dev/pts/N (-ENXIO: none such, -EIO: locked). */
int libos_ptmx_open(int flags, struct libos_file** out);
int libos_pts_open(unsigned int number, int flags, struct libos_file** out);
/* Numbers in use, rising: the first >= number, or -1. */
int libos_pts_next(unsigned int number);
int libos_pts_stat(unsigned int number, struct libos_stat* st);

/* ---- eventfd (event/libos_eventfd.c) --------------------------------------------------------- */
bool libos_is_eventfd(const struct libos_file* f);

/* ---- signalfd (event/libos_signalfd.c) ------------------------------------------------------- */
/* After `sig` was queued for t (NULL: the process). Called with process->signal_lock held. */
void libos_signalfd_notify(struct libos_thread* t, int sig);

#endif /* LIBOS_EVENT_H */
