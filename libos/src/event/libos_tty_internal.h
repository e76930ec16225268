/*
 * What the files of terminals share.
 */
#ifndef LIBOS_TTY_INTERNAL_H
#define LIBOS_TTY_INTERNAL_H

#include "libos_coord.h"
#include "libos_event.h"

#define TTY_MAJOR_SLAVE 136
#define TTY_AUX_MAJOR   5

/* A pseudo-terminal that the guest made; in the arena, guarded by the lock of all of them. */
struct libos_pty {
    struct list_node node;            /* by number, while there is a master */
    uint32_t refs;                    /* open descriptions; one for a terminal of the host */
    unsigned int number, host_number; /* ours, and the host's */
    bool locked;                      /* TIOCSPTLCK */
    bool of_host;                     /* not a pair of ours: the host's terminal of that number */
    uint32_t uid, gid, mode;
    int64_t time_ns;
};

/* The pty behind either end; NULL: a terminal of the host. */
struct libos_pty* libos_pty_of(struct libos_file* f);
/* The inherited terminal of this name has a place in /dev/pts. */
void libos_pts_adopt(const char* name);
uint64_t libos_pts_host_rdev(void); /* of such a terminal; 0: none */
bool libos_is_pty_master(struct libos_file* f);
/* Commands of the master only; -ENOIOCTLCMD_: none of these. */
long libos_pty_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg);
#define ENOIOCTLCMD_ 515

/* Job control (event/libos_tty_jobs.c). */
/* Ctrl-C and its kin reach the foreground group. */
long libos_pty_master_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                            const int64_t* pos, int rwf);
/* And for changing it: 0, -EIO, or -ERESTARTSYS. */
long libos_tty_check_change(struct libos_file* f);
void libos_tty_resized(struct libos_file* f); /* tells the foreground group */
/* A terminal was opened: it may become the caller's controlling one. */
void libos_tty_opened(struct libos_file* f, int flags);
/* TIOCGPGRP and its kin. */
long libos_tty_jobs_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg);

#endif /* LIBOS_TTY_INTERNAL_H */
