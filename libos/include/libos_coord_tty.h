/*
 * Terminals as coordination state: which session each controls, and its foreground group.
 * ioctl_tty(2), tcsetpgrp(3). A terminal is known by a key: COORD_TTY_HOST, or 1 + its number.
 *
 * All take the process lock; call them under no coord_lock.
 */
#ifndef LIBOS_COORD_TTY_H
#define LIBOS_COORD_TTY_H

#include "libos_coord_process.h"

#define COORD_TTY_HOST 0 /* the one that `culm run` was started on, however it is opened */

/* The caller's controlling terminal; *foreground is 0 if it has no foreground group. False: none.
 */
bool coord_tty_mine(uint32_t* key, int32_t* foreground);
/* TIOCSCTTY; steal: it may be another session's. 0 or -EPERM. */
long coord_tty_acquire(uint32_t key, bool steal);
/* Opened without O_NOCTTY: a session leader that has none gets it, if it is nobody's. */
void coord_tty_opened(uint32_t key);
/* TIOCNOTTY. 0 or -ENOTTY. */
long coord_tty_release(uint32_t key);
/* TIOCGPGRP, TIOCGSID; master: asked by the other end. An id (0: none) or -ENOTTY. */
long coord_tty_foreground(uint32_t key, bool master);
long coord_tty_session(uint32_t key, bool master);
/* TIOCSPGRP: 0, -ENOTTY, -ESRCH or -EPERM. */
long coord_tty_set_foreground(uint32_t key, int32_t pgid);
/* Is the caller in a background group of its controlling terminal, and that is `key`? */
bool coord_tty_in_background(uint32_t key);
/* Such a group touches it: sig (SIGTTIN, SIGTTOU) goes to the group. -ERESTARTSYS: the caller gets
 * it too; -EIO: its group is orphaned. */
long coord_tty_stop_group(int sig);
/* To the foreground group, as from the kernel. */
void coord_tty_signal(uint32_t key, int sig);
/* The other end is gone: the session loses it, its leader gets SIGHUP and SIGCONT. */
void coord_tty_hang_up(uint32_t key);
/* Signals of the host's terminal come to every process of the instance: is the caller the one that
 * sends them on to the foreground group? */
bool coord_tty_forwards(void);

#endif /* LIBOS_COORD_TTY_H */
