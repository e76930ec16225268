/*
 * Which session and process group a terminal belongs to: TIOCSCTTY, TIOCNOTTY, TIOCGPGRP,
 * TIOCSPGRP, TIOCGSID. ioctl_tty(2). The terminal of the host, however it is opened, is one
 * terminal.
 */
#include <asm/ioctls.h>
#include <linux/capability.h>

#include "libos_fs.h"
#include "libos_tty_internal.h"

/* The controlling terminal of the session. At first it is the host's, if there is one. */
static struct {
    libos_lock_t lock; /* guards all below */
    bool known;        /* foreground was set; else the first process's group */
    bool none;         /* TIOCNOTTY */
    int32_t foreground;
    struct libos_pty* pty; /* NULL: the host's terminal. Only compared: no reference */
} g_tty;

static int32_t foreground(void) {
    return g_tty.known ? g_tty.foreground : coord_process_current()->pgid;
}

/* Under the lock. A master speaks of its other end. */
static bool is_controlling(struct libos_file* f) {
    return !g_tty.none && g_tty.pty == libos_pty_of(f);
}

static long set_foreground(unsigned long arg) {
    int32_t pgid;
    if (user_get(pgid, (int32_t*)arg) < 0)
        return -EFAULT;
    if (pgid < 0)
        return -EINVAL;
    if (pgid != coord_process_current()->pgid)
        return -ESRCH;
    g_tty.known = true;
    g_tty.foreground = pgid;
    return 0;
}

static long become_controlling(struct libos_file* f) {
    bool leader = coord_process_current()->sid == cur_process()->pid;
    if (leader && is_controlling(f))
        return 0;
    if (!leader || !g_tty.none)
        return -EPERM;
    if ((f->flags & O_ACCMODE) == O_WRONLY && !libos_capable(CAP_SYS_ADMIN))
        return -EPERM;
    g_tty.none = false;
    g_tty.pty = libos_pty_of(f);
    g_tty.known = true;
    g_tty.foreground = coord_process_current()->pgid;
    return 0;
}

static long jobs_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    bool mine = is_controlling(f);
    int32_t id;
    switch (cmd) {
        case TIOCGPGRP:
            if (!mine && !libos_is_pty_master(f))
                return -ENOTTY;
            id = mine ? foreground() : 0;
            return user_put(id, (int32_t*)arg);
        case TIOCSPGRP:
            return mine ? set_foreground(arg) : -ENOTTY;
        case TIOCGSID:
            if (!mine)
                return -ENOTTY;
            id = coord_process_current()->sid;
            return user_put(id, (int32_t*)arg);
        case TIOCSCTTY:
            return become_controlling(f);
        case TIOCNOTTY:
            if (!mine)
                return -ENOTTY;
            if (coord_process_current()->sid == cur_process()->pid)
                g_tty.none = true;
            return 0;
        default:
            return -ENOTTY;
    }
}

long libos_tty_jobs_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    switch (cmd) {
        case TIOCGPGRP:
        case TIOCSPGRP:
        case TIOCGSID:
        case TIOCSCTTY:
        case TIOCNOTTY:
            break;
        default:
            return -ENOTTY;
    }
    if (!libos_pty_of(f) && !libos_handle_is_tty(f->host))
        return -ENOTTY;
    lock(&g_tty.lock);
    long ret = jobs_ioctl(f, cmd, arg);
    unlock(&g_tty.lock);
    return ret;
}

void libos_tty_job_control(int32_t* foreground_pgid, uint64_t* rdev) {
    lock(&g_tty.lock);
    *foreground_pgid = g_tty.none ? -1 : foreground();
    bool of_host = !g_tty.none && !g_tty.pty;
    *rdev = 0;
    if (!g_tty.none && g_tty.pty)
        *rdev = libos_makedev(TTY_MAJOR_SLAVE, g_tty.pty->number);
    unlock(&g_tty.lock);
    if (of_host)
        *rdev = libos_pts_host_rdev();
}
