/*
 * Pseudo-terminals: /dev/ptmx and /dev/pts/N. pty(7), ioctl_tty(2). The pair is the host's; its
 * number and its lock are the LibOS's own, in the arena.
 */
#include <asm/ioctls.h>
#include <linux/stat.h>

#include "libos_coord_tty.h"
#include "libos_fs.h"
#include "libos_process.h"
#include "libos_tty_internal.h"

#define DEVPTS_DEV    libos_makedev(0, 22)
#define PTMX_RDEV     libos_makedev(TTY_AUX_MAJOR, 2)
#define FIRST_PTS_INO 3

static const struct libos_file_ops g_master_ops;
static const struct libos_file_ops g_slave_ops;
static const struct libos_file_ops g_no_pty_ops = {.kind = "ptmx"};

static struct ptys { /* in the arena */
    struct coord_lock lock;
    struct list_node list; /* by number; guarded by lock, with what the header says */
} * lock_ptys(void) {
    struct ptys* all = coord_root(COORD_ROOT_PTY, sizeof(struct ptys));
    if (!all)
        return NULL;
    coord_lock(&all->lock);
    if (!all->list.next)
        coord_list_init(&all->list);
    return all;
}

static void unlock_ptys(struct ptys* all) {
    coord_unlock(&all->lock);
}

static struct libos_pty* find_locked(struct ptys* all, unsigned int number) {
    list_for_each(pty, &all->list, struct libos_pty, node) {
        if (pty->number == number)
            return pty;
    }
    return NULL;
}

/* Masters that this process has open: their other end can be opened whatever the host's /dev is. */
struct own_master {
    struct list_node node;
    unsigned int number;
    PAL_HANDLE host;
};
static libos_lock_t g_lock;
static struct list_node g_masters = LIST_INIT(g_masters); /* guarded by g_lock */

/* ---- life ------------------------------------------------------------------------------------ */

/* Under the lock. */
static void pty_put(struct libos_pty* pty) {
    COORD_SET(pty->refs, pty->refs - 1);
    if (!pty->refs)
        coord_free(pty);
}

static void link_in_order(struct ptys* all, struct libos_pty* pty) {
    struct list_node* before = &all->list;
    list_for_each(other, &all->list, struct libos_pty, node) {
        if (other->number > pty->number) {
            before = &other->node;
            break;
        }
    }
    coord_list_insert_(&pty->node, before->prev, before);
}

static unsigned int lowest_free(struct ptys* all) {
    unsigned int number = 0;
    list_for_each(other, &all->list, struct libos_pty, node) {
        if (other->number != number)
            break;
        number++;
    }
    return number;
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
    struct ptys* all = lock_ptys();
    if (!all)
        return;
    struct libos_pty* pty = find_locked(all, number) ? NULL : coord_alloc(sizeof(*pty));
    if (pty) {
        pty->refs = 1;
        pty->number = pty->host_number = number;
        pty->of_host = true;
        link_in_order(all, pty);
    }
    unlock_ptys(all);
}

uint64_t libos_pts_host_rdev(void) {
    uint64_t rdev = 0;
    struct ptys* all = lock_ptys();
    if (!all)
        return 0;
    list_for_each(pty, &all->list, struct libos_pty, node) {
        if (pty->of_host) {
            rdev = libos_makedev(TTY_MAJOR_SLAVE, pty->number);
            break;
        }
    }
    unlock_ptys(all);
    return rdev;
}

static void forget_master(unsigned int number) {
    struct own_master* gone = NULL;
    lock(&g_lock);
    list_for_each(m, &g_masters, struct own_master, node) {
        if (m->number == number) {
            gone = m;
            list_del(&m->node);
            break;
        }
    }
    unlock(&g_lock);
    libos_free(gone);
}

static void master_close(struct libos_file* f) {
    struct libos_pty* pty = f->data;
    forget_master(pty->number);
    if (!f->last)
        return;
    PalObjectClose(f->host); /* the other end is hung up when its session is told */
    f->host = NULL;
    coord_tty_hang_up(1 + pty->number);
    struct ptys* all = lock_ptys();
    coord_list_del(&pty->node);
    pty_put(pty);
    unlock_ptys(all);
}

static void slave_close(struct libos_file* f) {
    if (!f->last)
        return;
    struct ptys* all = lock_ptys();
    pty_put(f->data);
    unlock_ptys(all);
}

/* The entry of a new pair, with the lowest free number. */
static struct libos_pty* pty_create(uint32_t host_number) {
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_REALTIME, &now);
    struct ptys* all = lock_ptys();
    struct libos_pty* pty = all ? coord_alloc(sizeof(*pty)) : NULL;
    if (pty) {
        pty->refs = 1;
        pty->number = lowest_free(all);
        pty->host_number = host_number;
        pty->locked = true;
        pty->uid = get_cur_thread()->fsuid;
        pty->gid = 5; /* devpts is mounted with gid=5,mode=620 */
        pty->mode = 0620;
        pty->time_ns = (int64_t)now;
        link_in_order(all, pty);
    }
    if (all)
        unlock_ptys(all);
    return pty;
}

int libos_ptmx_open(int flags, struct libos_file** out) {
    struct own_master* own = libos_calloc(1, sizeof(*own));
    if (!own)
        return -ENOMEM;
    PAL_HANDLE host;
    PAL_FLG access = (PAL_FLG)(flags & O_ACCMODE);
    int ret =
        PalStreamOpen("dev:/dev/ptmx", access, 0, 0,
                      PAL_OPTION_NOCTTY | (flags & O_NONBLOCK ? PAL_OPTION_NONBLOCK : 0), &host);
    if (ret < 0) {
        libos_free(own);
        return (int)pal_to_errno(ret);
    }
    uint32_t host_number = 0;
    PalStreamControl(host, PAL_OP_PTY_NUMBER, &host_number, sizeof(host_number));
    struct libos_file* f =
        libos_file_alloc(&g_master_ops, flags & (O_ACCMODE | O_NONBLOCK), host, NULL);
    struct libos_pty* pty = f ? pty_create(host_number) : NULL;
    if (!pty) {
        if (f) {
            f->ops = &g_no_pty_ops;
            libos_file_put(f);
        }
        libos_free(own);
        return -ENOMEM;
    }
    f->data = pty;
    f->mode_type = S_IFCHR;
    own->number = pty->number;
    own->host = host;
    lock(&g_lock);
    list_add(&g_masters, &own->node);
    unlock(&g_lock);
    *out = f;
    return 0;
}

static void host_uri(unsigned int number, char uri[32]) {
    snprintf(uri, 32, "dev:/dev/pts/%u", number);
}

/* The host's other end of a pair. */
static int open_end(const struct libos_pty* pty, int flags, PAL_HANDLE* out) {
    union {
        uint32_t flags;
        PAL_HANDLE handle;
    } arg = {.handle = NULL};
    arg.flags = (uint32_t)(flags & (O_ACCMODE | O_NONBLOCK)) | O_NOCTTY;
    int ret = PAL_ERROR_STREAMNOTEXIST;
    lock(&g_lock); /* opening does not block; meanwhile the handle stays */
    list_for_each(m, &g_masters, struct own_master, node) {
        if (m->number == pty->number) {
            ret = PalStreamControl(m->host, PAL_OP_PTY_OPEN_PEER, &arg, sizeof(arg));
            *out = arg.handle;
            break;
        }
    }
    unlock(&g_lock);
    if (ret != PAL_ERROR_STREAMNOTEXIST)
        return (int)pal_to_errno(ret);
    char uri[32];
    host_uri(pty->host_number, uri);
    PAL_FLG options = PAL_OPTION_NOCTTY | (flags & O_NONBLOCK ? (PAL_FLG)PAL_OPTION_NONBLOCK : 0);
    return (int)pal_to_errno(PalStreamOpen(uri, (PAL_FLG)(flags & O_ACCMODE), 0, 0, options, out));
}

/* Opens the other end. Takes over the caller's reference on pty. */
static int slave_open(struct libos_pty* pty, int flags, struct libos_file** out) {
    PAL_HANDLE host;
    int ret = open_end(pty, flags, &host);
    struct libos_file* f = NULL;
    if (ret == 0) {
        char name[24];
        snprintf(name, sizeof(name), "/dev/pts/%u", pty->number);
        f = libos_file_alloc(&g_slave_ops, flags & (O_ACCMODE | O_NONBLOCK), host,
                             libos_path_alloc(NULL, name));
    }
    if (!f) {
        struct ptys* all = lock_ptys();
        pty_put(pty);
        unlock_ptys(all);
        return ret < 0 ? ret : -ENOMEM;
    }
    f->data = pty;
    f->mode_type = S_IFCHR;
    *out = f;
    return 0;
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
    struct ptys* all = lock_ptys();
    struct libos_pty* pty = all ? find_locked(all, number) : NULL;
    bool of_host = pty && pty->of_host;
    if (pty && !of_host) {
        ret = pty->locked ? -EIO : 0;
        COORD_SET(pty->refs, pty->refs + (pty->locked ? 0 : 1));
    }
    if (all)
        unlock_ptys(all);
    if (of_host)
        return open_host_terminal(number, flags, out);
    if (ret == 0)
        ret = slave_open(pty, flags, out);
    if (ret == 0)
        libos_tty_opened(*out, flags);
    return ret;
}

int libos_pts_next(unsigned int number) {
    int found = -1;
    struct ptys* all = lock_ptys();
    if (!all)
        return -1;
    list_for_each(pty, &all->list, struct libos_pty, node) {
        if (pty->number >= number) {
            found = (int)pty->number;
            break;
        }
    }
    unlock_ptys(all);
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
    struct ptys* all = lock_ptys();
    const struct libos_pty* pty = all ? find_locked(all, number) : NULL;
    bool of_host = pty && pty->of_host, known = pty != NULL;
    if (pty && !of_host)
        fill_stat(pty, st);
    if (all)
        unlock_ptys(all);
    if (!of_host)
        return known ? 0 : -ENOENT;
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
    pty->locked = locked; /* one word, and the host has the last word */
    return 0;
}

static long open_peer(struct libos_file* f, struct libos_pty* pty, unsigned long arg) {
    struct libos_file* slave;
    (void)f;
    struct ptys* all = lock_ptys();
    COORD_SET(pty->refs, pty->refs + 1);
    unlock_ptys(all);
    int ret = slave_open(pty, (int)arg, &slave);
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
        case TIOCPKT:
            if (user_get(value, (int*)arg) < 0)
                return -EFAULT;
            return pal_to_errno(
                PalStreamControl(f->host, PAL_OP_PTY_PACKET_SET, &value, sizeof(value)));
        case TIOCGPKT:
            value = PalStreamControl(f->host, PAL_OP_PTY_PACKET_GET, &value, sizeof(value)) == 0 &&
                    value;
            return user_put(value, (int*)arg);
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
    .close_at_end = true,
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
    .close_at_end = true,
    .reopen = slave_reopen,
};
