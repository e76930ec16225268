/*
 * /proc: the tree's top. proc(5).
 */
#include "libos_coord_process.h"
#include "libos_filesystems.h"
#include "libos_ipc.h"
#include "proc_host.h"
#include "proc_pid_internal.h"

#define FILE_(n, f)                                                                                \
    { .name = (n), .mode = S_IFREG | 0444, .show = (f) }
#define CONST_(n, text)                                                                            \
    { .name = (n), .mode = S_IFREG | 0444, .show = proc_show_constant, .data = (text) }
#define DIR_(n, c)                                                                                 \
    { .name = (n), .mode = S_IFDIR | 0555, .children = (c) }

/* ---- links ----------------------------------------------------------------------------------- */

static long put_formatted(char* buf, size_t size, const char* text) {
    size_t len = MIN(strlen(text), size);
    memcpy(buf, text, len);
    return (long)len;
}

static long read_self(const struct libos_pseudo_at* at, char* buf, size_t size) {
    (void)at;
    char text[12];
    snprintf(text, sizeof(text), "%d", cur_process()->pid);
    return put_formatted(buf, size, text);
}

static long read_thread_self(const struct libos_pseudo_at* at, char* buf, size_t size) {
    (void)at;
    char text[32];
    snprintf(text, sizeof(text), "%d/task/%d", cur_process()->pid, get_cur_thread()->tid);
    return put_formatted(buf, size, text);
}

static long read_constant(const struct libos_pseudo_at* at, char* buf, size_t size) {
    return put_formatted(buf, size, at->node->data);
}

#define LINK_(n, target)                                                                           \
    { .name = (n), .mode = S_IFLNK | 0777, .readlink = read_constant, .data = (target) }

/* ---- processes ------------------------------------------------------------------------------- */

/* A thread's number works as well, but only processes are listed. */
static bool match_pid(const struct libos_pseudo_at* dir, const char* name, size_t len,
                      uint64_t* id) {
    (void)dir;
    if (!libos_pseudo_number(name, len, id) || *id > INT32_MAX || !*id)
        return false;
    if ((int)*id == cur_process()->pid) /* also when its first thread has ended */
        return true;
    if (coord_process_next((int32_t)*id, NULL) == (int32_t)*id)
        return true;
    const struct coord_process* owner = coord_id_owner((int32_t)*id);
    if (owner && owner != coord_process_current())
        return true;
    struct libos_thread* t = libos_thread_find((int)*id);
    if (t)
        libos_thread_put(t);
    return t != NULL;
}

static void list_pids(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg) {
    (void)dir;
    for (int32_t pid = 1; (pid = coord_process_next(pid, NULL)) != 0; pid++) {
        char name[12];
        snprintf(name, sizeof(name), "%d", pid);
        if (!emit(arg, name, (uint64_t)pid))
            return;
    }
}

/* ---- small files ----------------------------------------------------------------------------- */

const struct libos_filesystem g_filesystems[] = {
    {"sysfs", false},    {"tmpfs", false},   {"proc", false},
    {"devtmpfs", false}, {"cgroup2", false}, {"sockfs", false},
    {"pipefs", false},   {"devpts", false},  {"chroot", true},
};
const unsigned int g_filesystem_count = ARRAY_SIZE(g_filesystems);

static int show_filesystems(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    for (unsigned int i = 0; i < g_filesystem_count; i++)
        libos_text_printf(out, "%s\t%s\n", g_filesystems[i].needs_device ? "" : "nodev",
                          g_filesystems[i].name);
    return 0;
}

/* The command line of the kernel: nothing to tell. */
static int show_kernel_cmdline(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    text_literal(out, "\n");
    return 0;
}

static const char g_devices[] =
    "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n128 ptm\n136 pts\n"
    "\nBlock devices:\n";
static const char g_cgroups[] =
    "#subsys_name\thierarchy\tnum_"
    "cgroups\tenabled\ncpuset\t0\t1\t1\ncpu\t0\t1\t1\ncpuacct\t0\t1\t1\n"
    "blkio\t0\t1\t1\nmemory\t0\t1\t1\npids\t0\t1\t1\n";
#define SWAPS_HEADER      "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
#define PARTITIONS_HEADER "major minor  #blocks  name\n\n"
static const char g_tty_drivers[] =
    "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
    "/dev/ptmx            /dev/ptmx       5       2 system\n"
    "pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
    "pty_master           /dev/ptm      128 0-1048575 pty:master\n";

static const struct libos_pseudo_node g_tty[] = {
    CONST_("drivers", g_tty_drivers),
    {0},
};

/* ---- System V IPC ---------------------------------------------------------------------------- */

static int show_ipc(const struct libos_pseudo_at* at, struct libos_text* out) {
    void (*show)(struct libos_text*) = at->node->data;
    show(out);
    return 0;
}

#define IPC_(n, f)                                                                                 \
    { .name = (n), .mode = S_IFREG | 0444, .show = show_ipc, .data = (const void*)(f) }
static const struct libos_pseudo_node g_sysvipc[] = {
    IPC_("msg", libos_msg_show),
    IPC_("sem", libos_sem_show),
    IPC_("shm", libos_shm_show),
    {0},
};

static const struct libos_pseudo_node g_pressure[] = {
    HOST_FILE("cpu", PRESSURE_CPU, NULL),
    HOST_FILE("io", PRESSURE_IO, NULL),
    HOST_FILE("memory", PRESSURE_MEMORY, NULL),
    {0},
};

/* Where the host's kernel counts it. */
static bool has_pressure(const struct libos_pseudo_at* dir) {
    (void)dir;
    char line[64];
    return PalHostReport(PAL_HOST_PRESSURE_CPU, line, sizeof(line)) > 0;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static const struct libos_pseudo_node g_proc[] = {
    {.mode = S_IFDIR | 0555,
     .match = match_pid,
     .list = list_pids,
     .stat = proc_stat_owner,
     .children = g_proc_pid_children},
    {.name = "self", .mode = S_IFLNK | 0777, .readlink = read_self},
    {.name = "thread-self", .mode = S_IFLNK | 0777, .readlink = read_thread_self},
    HOST_FILE("buddyinfo", BUDDYINFO, NULL),
    CONST_("cgroups", g_cgroups),
    FILE_("cmdline", show_kernel_cmdline),
    CONST_("consoles", ""),
    FILE_("cpuinfo", proc_show_cpuinfo),
    HOST_FILE("crypto", CRYPTO, ""),
    CONST_("devices", g_devices),
    HOST_FILE("diskstats", DISKSTATS, ""),
    CONST_("dma", ""),
    CONST_("execdomains", "0-0\tLinux           \t[kernel]\n"),
    FILE_("filesystems", show_filesystems),
    FILE_("interrupts", proc_show_interrupts),
    FILE_("loadavg", proc_show_loadavg),
    FILE_("meminfo", proc_show_meminfo),
    HOST_FILE("misc", MISC, ""),
    LINK_("mounts", "self/mounts"),
    LINK_("net", "self/net"),
    HOST_FILE("partitions", PARTITIONS, PARTITIONS_HEADER),
    {.name = "pressure", .mode = S_IFDIR | 0555, .children = g_pressure, .exists = has_pressure},
    HOST_FILE("softirqs", SOFTIRQS, ""),
    FILE_("stat", proc_show_stat),
    HOST_FILE("swaps", SWAPS, SWAPS_HEADER),
    DIR_("sys", g_proc_sys_children),
    DIR_("sysvipc", g_sysvipc),
    DIR_("tty", g_tty),
    FILE_("uptime", proc_show_uptime),
    FILE_("version", proc_show_version),
    FILE_("vmstat", proc_show_vmstat),
    HOST_FILE("zoneinfo", ZONEINFO, NULL),
    {0},
};

const struct libos_pseudo_node g_proc_root = {
    .name = "", .mode = S_IFDIR | 0555, .children = g_proc};
