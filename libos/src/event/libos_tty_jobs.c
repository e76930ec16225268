/*
 * Job control: TIOCSCTTY, TIOCNOTTY, TIOCGPGRP, TIOCSPGRP, TIOCGSID, and what background groups may
 * not do. ioctl_tty(2). The state is that of libos_coord_tty.h.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/capability.h>

#include "libos_coord_tty.h"
#include "libos_fs.h"
#include "libos_signal.h"
#include "libos_tty_internal.h"

static uint32_t key_of(struct libos_file* f) {
    const struct libos_pty* pty = libos_pty_of(f);
    return pty ? 1 + pty->number : COORD_TTY_HOST;
}

/* ---- what background groups may not do --------------------------------------------------------
 */

static bool ignores(int sig) {
    const struct libos_thread* t = get_cur_thread();
    return cur_process()->actions[sig - 1].handler == SIG_IGN || (t->blocked & sig_bit(sig));
}

/* As __tty_check_change(): 0: go on; -EIO; -ERESTARTSYS: the group has been sent the signal. */
static long check_foreground(struct libos_file* f, int sig) {
    if (libos_is_pty_master(f) || !coord_tty_in_background(key_of(f)))
        return 0;
    if (ignores(sig))
        return sig == SIGTTIN ? -EIO : 0;
    return coord_tty_stop_group(sig);
}

long libos_tty_check_change(struct libos_file* f) {
    return check_foreground(f, SIGTTOU);
}

long libos_tty_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                    const int64_t* pos, int rwf) {
    long ret = check_foreground(f, SIGTTIN);
    return ret ? ret : libos_stream_read(f, iov, iov_count, pos, rwf);
}

static bool stops_writers(struct libos_file* f) {
    struct termios t;
    return PalStreamControl(f->host, PAL_OP_TTY_ATTR_GET, &t, sizeof(t)) == 0 &&
           (t.c_lflag & TOSTOP);
}

long libos_tty_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                     const int64_t* pos, int rwf) {
    if (coord_tty_in_background(key_of(f)) && stops_writers(f)) {
        long ret = check_foreground(f, SIGTTOU);
        if (ret)
            return ret;
    }
    return libos_stream_write(f, iov, iov_count, pos, rwf);
}

/* ---- signals of a pseudo-terminal of ours: its line discipline is the host's, which knows of no
 * group to send them to -------------------------------------------------------------------------
 */

static void signal_for(struct libos_pty* pty, const struct termios* t, uint8_t c) {
    static const struct {
        int index, sig;
    } keys[] = {{VINTR, SIGINT}, {VQUIT, SIGQUIT}, {VSUSP, SIGTSTP}};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (c && t->c_cc[keys[i].index] == c)
            coord_tty_signal(1 + pty->number, keys[i].sig);
    }
}

#define LOOK_SIZE 64

/* After `size` bytes of iov were written to the master. */
static void look_for_keys(struct libos_pty* pty, const struct termios* t, const struct iovec* iov,
                          int iov_count, size_t size) {
    uint8_t text[LOOK_SIZE];
    for (int i = 0; i < iov_count && size; i++) {
        size_t length = MIN(size, iov[i].iov_len);
        size -= length;
        for (size_t at = 0; at < length; at += LOOK_SIZE) {
            size_t n = MIN(length - at, LOOK_SIZE);
            if (user_copy_from(text, (const char*)iov[i].iov_base + at, n) < 0)
                return;
            for (size_t k = 0; k < n; k++)
                signal_for(pty, t, text[k]);
        }
    }
}

long libos_pty_master_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                            const int64_t* pos, int rwf) {
    struct libos_pty* pty = libos_pty_of(f);
    struct termios t = {0};
    bool look = coord_tty_foreground(1 + pty->number, true) > 0 &&
                PalStreamControl(f->host, PAL_OP_TTY_ATTR_GET, &t, sizeof(t)) == 0 &&
                (t.c_lflag & ISIG);
    long ret = libos_stream_write(f, iov, iov_count, pos, rwf);
    if (ret > 0 && look)
        look_for_keys(pty, &t, iov, iov_count, (size_t)ret);
    return ret;
}

void libos_tty_resized(struct libos_file* f) {
    if (libos_pty_of(f)) /* the host tells of its own */
        coord_tty_signal(key_of(f), SIGWINCH);
}

/* ---- ioctl ------------------------------------------------------------------------------------
 */

static long set_foreground(struct libos_file* f, unsigned long arg) {
    int32_t pgid;
    long ret = check_foreground(f, SIGTTOU);
    if (ret)
        return ret == -EIO ? -ENOTTY : ret;
    if (coord_tty_session(key_of(f), false) < 0)
        return -ENOTTY;
    if (user_get(pgid, (int32_t*)arg) < 0)
        return -EFAULT;
    return pgid < 0 ? -EINVAL : coord_tty_set_foreground(key_of(f), pgid);
}

static long become_controlling(struct libos_file* f, unsigned long arg) {
    bool admin = libos_capable(CAP_SYS_ADMIN);
    uint32_t key;
    int32_t foreground;
    bool again = coord_tty_mine(&key, &foreground) && key == key_of(f);
    if (!again && (f->flags & O_ACCMODE) == O_WRONLY && !admin)
        return -EPERM;
    return coord_tty_acquire(key_of(f), arg == 1 && admin);
}

static long put_id(long id, unsigned long arg) {
    int32_t value = (int32_t)id;
    return id < 0 ? id : user_put(value, (int32_t*)arg);
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
    switch (cmd) {
        case TIOCGPGRP:
            return put_id(coord_tty_foreground(key_of(f), libos_is_pty_master(f)), arg);
        case TIOCSPGRP:
            return set_foreground(f, arg);
        case TIOCGSID:
            return put_id(coord_tty_session(key_of(f), libos_is_pty_master(f)), arg);
        case TIOCSCTTY:
            return become_controlling(f, arg);
        default:
            return coord_tty_release(key_of(f));
    }
}

void libos_tty_opened(struct libos_file* f, int flags) {
    if (!(flags & O_NOCTTY) && (flags & O_ACCMODE) != O_WRONLY)
        coord_tty_opened(key_of(f));
}

/* ---- for /dev/tty and /proc --------------------------------------------------------------------
 */

bool libos_tty_controlling_pts(unsigned int* number) {
    uint32_t key;
    int32_t foreground;
    if (!coord_tty_mine(&key, &foreground) || key == COORD_TTY_HOST)
        return false;
    *number = key - 1;
    return true;
}

void libos_tty_job_control(int32_t* foreground_pgid, uint64_t* rdev) {
    uint32_t key;
    *rdev = 0;
    if (!coord_tty_mine(&key, foreground_pgid))
        *foreground_pgid = -1;
    else
        *rdev =
            key == COORD_TTY_HOST ? libos_pts_host_rdev() : libos_makedev(TTY_MAJOR_SLAVE, key - 1);
}
