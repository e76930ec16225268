/*
 * Terminals: the host's, behind a stream. ioctl_tty(2).
 *
 * Line discipline, window size and echo are the host's; which session and process group a terminal
 * belongs to is the LibOS's own (libos_tty_jobs.c), as the host knows nothing of guest processes.
 */
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/stat.h>

#include "libos_fs.h"
#include "libos_tty_internal.h"

/* ---- attributes ------------------------------------------------------------------------------ */

static const struct {
    uint32_t code, speed;
} g_speeds[] = {
    {B0, 0},
    {B50, 50},
    {B75, 75},
    {B110, 110},
    {B134, 134},
    {B150, 150},
    {B200, 200},
    {B300, 300},
    {B600, 600},
    {B1200, 1200},
    {B1800, 1800},
    {B2400, 2400},
    {B4800, 4800},
    {B9600, 9600},
    {B19200, 19200},
    {B38400, 38400},
    {B57600, 57600},
    {B115200, 115200},
    {B230400, 230400},
    {B460800, 460800},
    {B500000, 500000},
    {B576000, 576000},
    {B921600, 921600},
    {B1000000, 1000000},
    {B1152000, 1152000},
    {B1500000, 1500000},
    {B2000000, 2000000},
    {B2500000, 2500000},
    {B3000000, 3000000},
    {B3500000, 3500000},
    {B4000000, 4000000},
};

static uint32_t speed_of(uint32_t code) {
    for (size_t i = 0; i < ARRAY_SIZE(g_speeds); i++) {
        if (g_speeds[i].code == code)
            return g_speeds[i].speed;
    }
    return 38400;
}

/* CBAUD code of a speed; BOTHER if it has none. */
static uint32_t code_of(uint32_t speed) {
    for (size_t i = 0; i < ARRAY_SIZE(g_speeds); i++) {
        if (g_speeds[i].speed == speed)
            return g_speeds[i].code;
    }
    return BOTHER;
}

static long get_attr(struct libos_file* f, unsigned long arg, bool second_form) {
    struct termios t;
    int ret = PalStreamControl(f->host, PAL_OP_TTY_ATTR_GET, &t, sizeof(t));
    if (ret < 0)
        return pal_to_errno(ret);
    if (!second_form)
        return user_put(t, (void*)arg);
    struct termios2 t2 = {.c_iflag = t.c_iflag,
                          .c_oflag = t.c_oflag,
                          .c_cflag = t.c_cflag,
                          .c_lflag = t.c_lflag,
                          .c_line = t.c_line};
    memcpy(t2.c_cc, t.c_cc, sizeof(t2.c_cc));
    t2.c_ospeed = speed_of(t.c_cflag & CBAUD);
    uint32_t in = t.c_cflag >> IBSHIFT & CBAUD;
    t2.c_ispeed = in ? speed_of(in) : t2.c_ospeed;
    return user_put(t2, (void*)arg);
}

static long set_attr(struct libos_file* f, unsigned long arg, PAL_FLG op, bool second_form) {
    struct termios t;
    if (second_form) {
        struct termios2 t2;
        if (user_get(t2, (void*)arg) < 0)
            return -EFAULT;
        t = (struct termios){.c_iflag = t2.c_iflag,
                             .c_oflag = t2.c_oflag,
                             .c_cflag = t2.c_cflag,
                             .c_lflag = t2.c_lflag,
                             .c_line = t2.c_line};
        memcpy(t.c_cc, t2.c_cc, sizeof(t.c_cc));
        if ((t.c_cflag & CBAUD) == BOTHER) {
            uint32_t code = code_of(t2.c_ospeed);
            if (code == BOTHER)
                return -EINVAL; /* a speed that only real serial lines know */
            t.c_cflag = (t.c_cflag & ~(uint32_t)CBAUD) | code;
        }
    } else if (user_get(t, (void*)arg) < 0) {
        return -EFAULT;
    }
    return pal_to_errno(PalStreamControl(f->host, op, &t, sizeof(t)));
}

/* The older form has 16 bits of each set of flags, and 8 control characters. */
static long get_attr_old(struct libos_file* f, unsigned long arg) {
    struct termios t;
    int ret = PalStreamControl(f->host, PAL_OP_TTY_ATTR_GET, &t, sizeof(t));
    if (ret < 0)
        return pal_to_errno(ret);
    struct termio old;
    memset(&old, 0, sizeof(old)); /* padding, too */
    old.c_iflag = (unsigned short)t.c_iflag;
    old.c_oflag = (unsigned short)t.c_oflag;
    old.c_cflag = (unsigned short)t.c_cflag;
    old.c_lflag = (unsigned short)t.c_lflag;
    old.c_line = t.c_line;
    memcpy(old.c_cc, t.c_cc, sizeof(old.c_cc));
    return user_put(old, (void*)arg);
}

static long set_attr_old(struct libos_file* f, unsigned long arg, PAL_FLG op) {
    struct termios t;
    struct termio old;
    int ret = PalStreamControl(f->host, PAL_OP_TTY_ATTR_GET, &t, sizeof(t));
    if (ret < 0)
        return pal_to_errno(ret);
    if (user_get(old, (void*)arg) < 0)
        return -EFAULT;
    t.c_iflag = (t.c_iflag & ~0xffffu) | old.c_iflag;
    t.c_oflag = (t.c_oflag & ~0xffffu) | old.c_oflag;
    t.c_cflag = (t.c_cflag & ~0xffffu) | old.c_cflag;
    t.c_lflag = (t.c_lflag & ~0xffffu) | old.c_lflag;
    t.c_line = old.c_line;
    memcpy(t.c_cc, old.c_cc, sizeof(old.c_cc));
    return pal_to_errno(PalStreamControl(f->host, op, &t, sizeof(t)));
}

/* ---- small ones ------------------------------------------------------------------------------ */

static long control_int(struct libos_file* f, PAL_FLG op, int value) {
    return pal_to_errno(PalStreamControl(f->host, op, &value, sizeof(value)));
}

static long get_int(struct libos_file* f, PAL_FLG op, unsigned long arg) {
    int value = 0;
    int ret = PalStreamControl(f->host, op, &value, sizeof(value));
    if (ret < 0)
        return pal_to_errno(ret);
    return value < 0 ? -EIO : user_put(value, (int*)arg);
}

static long get_size(struct libos_file* f, unsigned long arg) {
    struct winsize size;
    int ret = PalStreamControl(f->host, PAL_OP_TTY_SIZE_GET, &size, sizeof(size));
    return ret < 0 ? pal_to_errno(ret) : user_put(size, (void*)arg);
}

static long set_size(struct libos_file* f, unsigned long arg) {
    struct winsize size, old;
    if (user_get(size, (void*)arg) < 0)
        return -EFAULT;
    bool known = PalStreamControl(f->host, PAL_OP_TTY_SIZE_GET, &old, sizeof(old)) == 0;
    int ret = PalStreamControl(f->host, PAL_OP_TTY_SIZE_SET, &size, sizeof(size));
    if (ret == 0 && known && memcmp(&size, &old, sizeof(size)) != 0)
        libos_tty_resized(f);
    return pal_to_errno(ret);
}

bool libos_handle_is_tty(PAL_HANDLE host) {
    struct winsize size;
    return PalStreamControl(host, PAL_OP_TTY_SIZE_GET, &size, sizeof(size)) == 0;
}

static long get_discipline(struct libos_file* f, unsigned long arg) {
    int discipline = 0; /* N_TTY */
    return libos_handle_is_tty(f->host) ? user_put(discipline, (int*)arg) : -ENOTTY;
}

/* Commands that a background group may not give. */
static bool is_change(unsigned int cmd) {
    switch (cmd) {
        case TCSETS:
        case TCSETSW:
        case TCSETSF:
        case TCSETS2:
        case TCSETSW2:
        case TCSETSF2:
        case TCSETA:
        case TCSETAW:
        case TCSETAF:
        case TCFLSH:
        case TCSBRK:
        case TCXONC:
            return true;
        default:
            return false;
    }
}

long libos_tty_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    long ret = is_change(cmd) ? libos_tty_check_change(f) : 0;
    if (ret)
        return ret;
    switch (cmd) {
        case TCGETS:
            return get_attr(f, arg, false);
        case TCGETS2:
            return get_attr(f, arg, true);
        case TCSETS:
            return set_attr(f, arg, PAL_OP_TTY_ATTR_SET, false);
        case TCSETSW:
            return set_attr(f, arg, PAL_OP_TTY_ATTR_SET_WAIT, false);
        case TCSETSF:
            return set_attr(f, arg, PAL_OP_TTY_ATTR_SET_FLUSH, false);
        case TCSETS2:
            return set_attr(f, arg, PAL_OP_TTY_ATTR_SET, true);
        case TCSETSW2:
            return set_attr(f, arg, PAL_OP_TTY_ATTR_SET_WAIT, true);
        case TCSETSF2:
            return set_attr(f, arg, PAL_OP_TTY_ATTR_SET_FLUSH, true);
        case TCGETA:
            return get_attr_old(f, arg);
        case TCSETA:
            return set_attr_old(f, arg, PAL_OP_TTY_ATTR_SET);
        case TCSETAW:
            return set_attr_old(f, arg, PAL_OP_TTY_ATTR_SET_WAIT);
        case TCSETAF:
            return set_attr_old(f, arg, PAL_OP_TTY_ATTR_SET_FLUSH);
        case TIOCGWINSZ:
            return get_size(f, arg);
        case TIOCSWINSZ:
            return set_size(f, arg);
        case TCFLSH:
            return control_int(f, PAL_OP_TTY_FLUSH, (int)arg);
        case TCSBRK:
            return control_int(f, PAL_OP_TTY_DRAIN, (int)arg);
        case TCXONC:
            return control_int(f, PAL_OP_TTY_FLOW, (int)arg);
        case TIOCOUTQ:
            return get_int(f, PAL_OP_TTY_BYTES_QUEUED, arg);
        case FIONREAD:
            return get_int(f, PAL_OP_BYTES_READABLE, arg);
        case TIOCGETD:
            return get_discipline(f, arg);
        case TIOCSTI: /* as with dev.tty.legacy_tiocsti = 0 */
            return libos_handle_is_tty(f->host) ? -EIO : -ENOTTY;
        default:
            ret = libos_pty_ioctl(f, cmd, arg);
            return ret == -ENOIOCTLCMD_ ? libos_tty_jobs_ioctl(f, cmd, arg) : ret;
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

static int tty_stat(struct libos_file* f, struct libos_stat* st) {
    PAL_STREAM_ATTR attr = {0};
    int ret = PalStreamAttributesQueryByHandle(f->host, &attr);
    if (ret < 0)
        return (int)pal_to_errno(ret);
    libos_stat_from_pal(st, &attr);
    return 0;
}

const struct libos_file_ops g_libos_tty_ops = {
    .kind = "tty",
    .read = libos_tty_read,
    .write = libos_tty_write,
    .ioctl = libos_tty_ioctl,
    .stat = tty_stat,
    .set_flags = libos_stream_set_flags,
    .reopen = libos_stream_reopen,
};

struct libos_file* libos_tty_file(PAL_HANDLE host, int flags, struct libos_path* path) {
    if (path && path->name)
        libos_pts_adopt(path->name);
    struct libos_file* f = libos_file_alloc(&g_libos_tty_ops, flags, host, path);
    if (f)
        f->mode_type = S_IFCHR;
    return f;
}
