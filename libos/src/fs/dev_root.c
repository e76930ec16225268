/*
 * /dev: the tree. null(4), random(4), tty(4), ptmx(4).
 */
#include "dev_internal.h"

#include "libos_event.h"

/* ---- terminals ------------------------------------------------------------------------------- */

static const struct libos_file_ops g_tty_ops = {
    .kind = "tty",
    .read = libos_tty_read,
    .write = libos_tty_write,
    .ioctl = libos_tty_ioctl,
    .stat = libos_dev_stat,
    .set_flags = libos_stream_set_flags,
    .reopen = libos_dev_reopen,
    .close = libos_dev_close,
};

static int open_tty(const struct libos_pseudo_at* at, int flags, struct libos_file** out) {
    int32_t foreground;
    uint64_t rdev;
    libos_tty_job_control(&foreground, &rdev);
    if (foreground < 0)
        return -ENXIO;
    unsigned int number;
    if (libos_tty_controlling_pts(&number))
        return libos_pts_open(number, flags, out);
    PAL_HANDLE host;
    PAL_FLG options = PAL_OPTION_NOCTTY | (flags & O_NONBLOCK ? (PAL_FLG)PAL_OPTION_NONBLOCK : 0);
    int ret = PalStreamOpen("dev:/dev/tty", (PAL_FLG)(flags & O_ACCMODE), 0, 0, options, &host);
    if (ret < 0)
        return -ENXIO;
    *out = libos_file_alloc(&g_tty_ops, flags & (O_ACCMODE | O_NONBLOCK), host, NULL);
    return *out && libos_dev_attach(*out, at) ? 0 : -ENOMEM;
}

static int open_ptmx(const struct libos_pseudo_at* at, int flags, struct libos_file** out) {
    (void)at;
    return libos_ptmx_open(flags, out);
}

static bool match_pts(const struct libos_pseudo_at* dir, const char* name, size_t len,
                      uint64_t* id) {
    (void)dir;
    return libos_pseudo_number(name, len, id) && *id <= INT32_MAX &&
           libos_pts_next((unsigned int)*id) == (int)*id;
}

static void list_pts(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg) {
    (void)dir;
    for (int n = libos_pts_next(0); n >= 0; n = libos_pts_next((unsigned int)n + 1)) {
        char name[12];
        snprintf(name, sizeof(name), "%d", n);
        if (!emit(arg, name, (uint64_t)n))
            return;
    }
}

static int open_pts(const struct libos_pseudo_at* at, int flags, struct libos_file** out) {
    return libos_pts_open((unsigned int)at->ids[at->id_count - 1], flags, out);
}

static int stat_pts(const struct libos_pseudo_at* at, struct libos_stat* st) {
    uint64_t mount_id = st->mount_id;
    int ret = libos_pts_stat((unsigned int)at->ids[at->id_count - 1], st);
    st->mount_id = mount_id;
    return ret;
}

/* ---- links ----------------------------------------------------------------------------------- */

static long read_link(const struct libos_pseudo_at* at, char* buf, size_t size) {
    const char* target = at->node->data;
    size_t len = MIN(strlen(target), size);
    memcpy(buf, target, len);
    return (long)len;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static const struct libos_pseudo_node g_pts[] = {
    {.name = "ptmx", .mode = S_IFCHR | 0666, .open = open_ptmx, .rdev = libos_dev_const(5, 2)},
    {.mode = S_IFCHR | 0620,
     .match = match_pts,
     .list = list_pts,
     .open = open_pts,
     .stat = stat_pts},
    {0},
};

static const struct libos_pseudo_node g_nothing[] = {{0}};

static const struct libos_pseudo_node g_dev[] = {
    {.name = "null",
     .mode = S_IFCHR | 0666,
     .open = libos_dev_open,
     .rdev = libos_dev_const(1, 3),
     .data = &g_libos_null_ops},
    {.name = "zero",
     .mode = S_IFCHR | 0666,
     .open = libos_dev_open,
     .rdev = libos_dev_const(1, 5),
     .data = &g_libos_zero_ops},
    {.name = "full",
     .mode = S_IFCHR | 0666,
     .open = libos_dev_open,
     .rdev = libos_dev_const(1, 7),
     .data = &g_libos_full_ops},
    {.name = "random",
     .mode = S_IFCHR | 0666,
     .open = libos_dev_open,
     .rdev = libos_dev_const(1, 8),
     .data = &g_libos_random_ops},
    {.name = "urandom",
     .mode = S_IFCHR | 0666,
     .open = libos_dev_open,
     .rdev = libos_dev_const(1, 9),
     .data = &g_libos_urandom_ops},
    {.name = "tty", .mode = S_IFCHR | 0666, .open = open_tty, .rdev = libos_dev_const(5, 0)},
    {.name = "ptmx", .mode = S_IFCHR | 0666, .open = open_ptmx, .rdev = libos_dev_const(5, 2)},
    {.name = "pts", .mode = S_IFDIR | 0755, .children = g_pts},
    {.name = "shm", .mode = S_IFDIR | S_ISVTX | 0777, .children = g_nothing},
    {.name = "stdin", .mode = S_IFLNK | 0777, .readlink = read_link, .data = "/proc/self/fd/0"},
    {.name = "stdout", .mode = S_IFLNK | 0777, .readlink = read_link, .data = "/proc/self/fd/1"},
    {.name = "stderr", .mode = S_IFLNK | 0777, .readlink = read_link, .data = "/proc/self/fd/2"},
    {.name = "fd", .mode = S_IFLNK | 0777, .readlink = read_link, .data = "/proc/self/fd"},
    {0},
};

const struct libos_pseudo_node g_dev_root = {.name = "", .mode = S_IFDIR | 0755, .children = g_dev};
