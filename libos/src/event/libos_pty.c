/*
 * Pseudo-terminals: /dev/ptmx and /dev/pts/N. pty(7), ioctl_tty(2). The pair is the host's; its
 * number and its lock are the LibOS's own.
 */
#include <asm/ioctls.h>
#include <linux/stat.h>

#include "libos_coord_tty.h"
#include "libos_fs.h"
#include "libos_tty_internal.h"

#define DEVPTS_DEV    libos_makedev(0, 22)
#define PTMX_RDEV     libos_makedev(TTY_AUX_MAJOR, 2)
#define FIRST_PTS_INO 3

static const struct libos_file_ops g_master_ops;
static const struct libos_file_ops g_slave_ops;

static libos_lock_t g_lock; /* guards the list and what the header says */
static struct list_node g_ptys = LIST_INIT(g_ptys);

static struct libos_pty* find_locked(unsigned int number) {
    list_for_each(pty, &g_ptys, struct libos_pty, node) {
        if (pty->number == number)
            return pty;
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void pty_put(struct libos_pty* pty) {
    if (ref_put(&pty->ref))
        libos_free(pty);
}

/* Into the list, in order of numbers. */
static void link_in_order(struct libos_pty* pty) {
    struct list_node* before = &g_ptys;
    list_for_each(other, &g_ptys, struct libos_pty, node) {
        if (other->number > pty->number) {
            before = &other->node;
            break;
        }
    }
    list_insert_(&pty->node, before->prev, before);
}

/* Gives it the lowest free number. */
static void pty_link(struct libos_pty* pty) {
    lock(&g_lock);
    unsigned int number = 0;
    list_for_each(other, &g_ptys, struct libos_pty, node) {
        if (other->number != number)
            break;
        number++;
    }
    pty->number = number;
    link_in_order(pty);
    unlock(&g_lock);
}

/* A terminal of the host that the program was started on keeps its name, so that ttyname(3) finds
 * it: the number is taken, and opening it opens the host's. */
void libos_pts_adopt(const char* name) {
    static const char prefix[] = "/dev/pts/";
    unsigned int number = 0;
    const char* digit = name + sizeof(prefix) - 1;
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0 || !*digit)
        return;
    for (; *digit; digit++) {
        if (*digit < '0' || *digit > '9' || number > 100000)
            return;
        number = number * 10 + (unsigned int)(*digit - '0');
    }
    struct libos_pty* pty = libos_calloc(1, sizeof(*pty));
    if (!pty)
        return;
    ref_set(&pty->ref, 1);
    list_init(&pty->node);
    pty->number = number;
    pty->of_host = true;
    lock(&g_lock);
    bool known = find_locked(number) != NULL;
    if (!known)
        link_in_order(pty);
    unlock(&g_lock);
    if (known)
        libos_free(pty);
}

uint64_t libos_pts_host_rdev(void) {
    uint64_t rdev = 0;
    lock(&g_lock);
    list_for_each(pty, &g_ptys, struct libos_pty, node) {
        if (pty->of_host) {
            rdev = libos_makedev(TTY_MAJOR_SLAVE, pty->number);
            break;
        }
    }
    unlock(&g_lock);
    return rdev;
}

static void master_close(struct libos_file* f) {
    struct libos_pty* pty = f->data;
    if (f->last)
        coord_tty_hang_up(1 + pty->number);
    lock(&g_lock);
    list_del(&pty->node);
    pty->master = NULL;
    unlock(&g_lock);
    pty_put(pty);
}

static void slave_close(struct libos_file* f) {
    pty_put(f->data);
}

int libos_ptmx_open(int flags, struct libos_file** out) {
    struct libos_pty* pty = libos_calloc(1, sizeof(*pty));
    if (!pty)
        return -ENOMEM;
    PAL_HANDLE host;
    PAL_FLG access = (PAL_FLG)(flags & O_ACCMODE);
    int ret =
        PalStreamOpen("dev:/dev/ptmx", access, 0, 0,
                      PAL_OPTION_NOCTTY | (flags & O_NONBLOCK ? PAL_OPTION_NONBLOCK : 0), &host);
    if (ret < 0) {
        libos_free(pty);
        return (int)pal_to_errno(ret);
    }
    struct libos_thread* t = get_cur_thread();
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_REALTIME, &now);
    ref_set(&pty->ref, 1);
    list_init(&pty->node);
    pty->master = host;
    pty->locked = true;
    pty->uid = t->fsuid;
    pty->gid = 5; /* devpts is mounted with gid=5,mode=620 */
    pty->mode = 0620;
    pty->time_ns = (int64_t)now;
    struct libos_file* f =
        libos_file_alloc(&g_master_ops, flags & (O_ACCMODE | O_NONBLOCK), host, NULL);
    if (!f) {
        libos_free(pty);
        return -ENOMEM;
    }
    f->data = pty;
    f->mode_type = S_IFCHR;
    pty_link(pty);
    *out = f;
    return 0;
}

/* Opens the other end. Takes over the caller's reference on pty. */
static int slave_open(struct libos_pty* pty, PAL_HANDLE master, int flags,
                      struct libos_file** out) {
    union {
        uint32_t flags;
        PAL_HANDLE handle;
    } arg = {.handle = NULL};
    arg.flags = (uint32_t)(flags & (O_ACCMODE | O_NONBLOCK)) | O_NOCTTY;
    int ret = PalStreamControl(master, PAL_OP_PTY_OPEN_PEER, &arg, sizeof(arg));
    if (ret < 0) {
        pty_put(pty);
        return (int)pal_to_errno(ret);
    }
    char name[24];
    snprintf(name, sizeof(name), "/dev/pts/%u", pty->number);
    struct libos_path* path = libos_path_alloc(NULL, name);
    struct libos_file* f =
        libos_file_alloc(&g_slave_ops, flags & (O_ACCMODE | O_NONBLOCK), arg.handle, path);
    if (!f) {
        pty_put(pty);
        return -ENOMEM;
    }
    f->data = pty;
    f->mode_type = S_IFCHR;
    *out = f;
    return 0;
}

static void host_uri(unsigned int number, char uri[32]) {
    snprintf(uri, 32, "dev:/dev/pts/%u", number);
}

static int open_host_terminal(unsigned int number, int flags, struct libos_file** out) {
    char uri[32];
    PAL_HANDLE host;
    host_uri(number, uri);
    PAL_FLG options = PAL_OPTION_NOCTTY | (flags & O_NONBLOCK ? (PAL_FLG)PAL_OPTION_NONBLOCK : 0);
    int ret = PalStreamOpen(uri, (PAL_FLG)(flags & O_ACCMODE), 0, 0, options, &host);
    if (ret < 0)
        return (int)pal_to_errno(ret);
    *out = libos_tty_file(host, flags & (O_ACCMODE | O_NONBLOCK),
                          libos_path_alloc(NULL, uri + sizeof("dev:") - 1));
    return *out ? 0 : -ENOMEM;
}

int libos_pts_open(unsigned int number, int flags, struct libos_file** out) {
    int ret = -ENXIO;
    lock(&g_lock);
    struct libos_pty* pty = find_locked(number);
    if (pty && pty->of_host) {
        unlock(&g_lock);
        return open_host_terminal(number, flags, out);
    }
    if (pty && pty->locked) {
        ret = -EIO;
    } else if (pty) {
        ref_get(&pty->ref);
        /* Opening does not block; under the lock the master cannot go. */
        ret = slave_open(pty, pty->master, flags, out);
    }
    unlock(&g_lock);
    if (ret == 0)
        libos_tty_opened(*out, flags);
    return ret;
}

int libos_pts_next(unsigned int number) {
    int found = -1;
    lock(&g_lock);
    list_for_each(pty, &g_ptys, struct libos_pty, node) {
        if (pty->number >= number) {
            found = (int)pty->number;
            break;
        }
    }
    unlock(&g_lock);
    return found;
}

/* ---- what stat tells ------------------------------------------------------------------------- */

static void fill_stat(const struct libos_pty* pty, struct libos_stat* st) {
    *st = (struct libos_stat){
        .dev = DEVPTS_DEV,
        .ino = FIRST_PTS_INO + pty->number,
        .nlink = 1,
        .rdev = libos_makedev(TTY_MAJOR_SLAVE, pty->number),
        .mode = S_IFCHR | pty->mode,
        .uid = pty->uid,
        .gid = pty->gid,
        .blksize = 1024,
        .atime_ns = pty->time_ns,
        .mtime_ns = pty->time_ns,
        .ctime_ns = pty->time_ns,
        .btime_ns = -1,
    };
}

int libos_pts_stat(unsigned int number, struct libos_stat* st) {
    lock(&g_lock);
    struct libos_pty* pty = find_locked(number);
    bool of_host = pty && pty->of_host;
    if (pty && !of_host)
        fill_stat(pty, st);
    unlock(&g_lock);
    if (!of_host)
        return pty ? 0 : -ENOENT;
    char uri[32];
    PAL_STREAM_ATTR attr = {0};
    host_uri(number, uri);
    int ret = PalStreamAttributesQuery(uri, &attr);
    if (ret < 0)
        return (int)pal_to_errno(ret);
    libos_stat_from_pal(st, &attr);
    return 0;
}

static int slave_stat(struct libos_file* f, struct libos_stat* st) {
    fill_stat(f->data, st);
    return 0;
}

static int master_stat(struct libos_file* f, struct libos_stat* st) {
    const struct libos_pty* pty = f->data;
    fill_stat(pty, st);
    st->ino = FIRST_PTS_INO - 1;
    st->rdev = PTMX_RDEV;
    st->mode = S_IFCHR | 0666;
    st->uid = st->gid = 0;
    return 0;
}

/* /proc/self/fd/N of a slave; of a master it opens a new pair, as /dev/ptmx does. */
static int slave_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    const struct libos_pty* pty = f->data;
    return libos_pts_open(pty->number, flags, out);
}

static int master_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    (void)f;
    return libos_ptmx_open(flags, out);
}

static size_t master_fdinfo(struct libos_file* f, char* buf, size_t size) {
    const struct libos_pty* pty = f->data;
    int n = snprintf(buf, size, "tty-index:\t%u\n", pty->number);
    return MIN((size_t)n, size);
}

/* ---- commands -------------------------------------------------------------------------------- */

struct libos_pty* libos_pty_of(struct libos_file* f) {
    return f->ops == &g_master_ops || f->ops == &g_slave_ops ? f->data : NULL;
}

bool libos_is_pty_master(struct libos_file* f) {
    return f->ops == &g_master_ops;
}

static long set_lock(struct libos_file* f, struct libos_pty* pty, unsigned long arg) {
    int locked;
    if (user_get(locked, (int*)arg) < 0)
        return -EFAULT;
    int ret = PalStreamControl(f->host, PAL_OP_PTY_LOCK, &locked, sizeof(locked));
    if (ret < 0)
        return pal_to_errno(ret);
    lock(&g_lock);
    pty->locked = locked;
    unlock(&g_lock);
    return 0;
}

static long open_peer(struct libos_file* f, struct libos_pty* pty, unsigned long arg) {
    struct libos_file* slave;
    ref_get(&pty->ref);
    int ret = slave_open(pty, f->host, (int)arg, &slave);
    return ret < 0 ? ret : libos_fd_publish(slave, arg & O_CLOEXEC);
}

long libos_pty_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    if (f->ops != &g_master_ops)
        return -ENOIOCTLCMD_;
    struct libos_pty* pty = f->data;
    int value;
    switch (cmd) {
        case TIOCGPTN:
            return user_put(pty->number, (unsigned int*)arg);
        case TIOCSPTLCK:
            return set_lock(f, pty, arg);
        case TIOCGPTLCK:
            value = pty->locked;
            return user_put(value, (int*)arg);
        case TIOCGPTPEER:
            return open_peer(f, pty, arg);
        default:
            return -ENOIOCTLCMD_;
    }
}

static const struct libos_file_ops g_master_ops = {
    .kind = "ptmx",
    .read = libos_stream_read,
    .write = libos_pty_master_write,
    .ioctl = libos_tty_ioctl,
    .stat = master_stat,
    .set_flags = libos_stream_set_flags,
    .fdinfo = master_fdinfo,
    .close = master_close,
    .reopen = master_reopen,
};

static const struct libos_file_ops g_slave_ops = {
    .kind = "pts",
    .read = libos_tty_read,
    .write = libos_tty_write,
    .ioctl = libos_tty_ioctl,
    .stat = slave_stat,
    .set_flags = libos_stream_set_flags,
    .close = slave_close,
    .reopen = slave_reopen,
};
