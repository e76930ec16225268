/*
 * /proc/sys. Values that the LibOS or the host applies. proc_sys(5)
 */
#include "libos_aio.h"
#include "libos_uts.h"
#include "proc_host.h"
#include "proc_pid_internal.h"

#define CONST_(n, text)                                                                            \
    {                                                                                              \
        .name = (n), .mode = S_IFREG | 0644, .show = proc_show_constant, .store = refuse,          \
        .data = text "\n"                                                                          \
    }
/* A value that nobody may change on Linux either. */
#define FIXED_(n, text)                                                                            \
    { .name = (n), .mode = S_IFREG | 0444, .show = proc_show_constant, .data = text "\n" }
/* The host's value, which only the host's administrator may change. */
#define HOST_(n, w, text)                                                                          \
    {                                                                                              \
        .name = (n), .mode = S_IFREG | 0644, .show = proc_show_host, .store = refuse,              \
        .data = &(const struct proc_host_file) {                                                   \
            PAL_HOST_##w, text "\n"                                                                \
        }                                                                                          \
    }
#define VALUE_(n, f, w)                                                                            \
    { .name = (n), .mode = S_IFREG | 0644, .show = (f), .store = (w) }
#define FILE_(n, f)                                                                                \
    { .name = (n), .mode = S_IFREG | 0444, .show = (f) }
#define DIR_(n, c)                                                                                 \
    { .name = (n), .mode = S_IFDIR | 0555, .children = (c) }

/* What the LibOS has no say in cannot be changed from inside, as where /proc/sys is mounted
 * read-only. */
static long refuse(const struct libos_pseudo_at* at, const char* text, size_t size) {
    (void)at, (void)text, (void)size;
    return -EROFS;
}

/* ---- names ----------------------------------------------------------------------------------- */

static int show_uts(struct libos_text* out, const char* field) {
    char copy[LIBOS_UTS_LEN + 1];
    lock(&g_uts.lock);
    memcpy(copy, field, sizeof(copy));
    unlock(&g_uts.lock);
    libos_text_printf(out, "%s\n", copy);
    return 0;
}

static int show_hostname(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    return show_uts(out, g_uts.nodename);
}

static int show_domainname(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    return show_uts(out, g_uts.domainname);
}

/* Up to a newline or what fits, as Linux takes it. */
static long store_uts(char* field, const char* text, size_t size) {
    char name[LIBOS_UTS_LEN + 1] = {0};
    const char* end = memchr(text, '\n', size);
    memcpy(name, text, MIN(end ? (size_t)(end - text) : size, sizeof(name) - 1));
    lock(&g_uts.lock);
    memcpy(field, name, sizeof(name));
    unlock(&g_uts.lock);
    return (long)size;
}

static long store_hostname(const struct libos_pseudo_at* at, const char* text, size_t size) {
    (void)at;
    return store_uts(g_uts.nodename, text, size);
}

static long store_domainname(const struct libos_pseudo_at* at, const char* text, size_t size) {
    (void)at;
    return store_uts(g_uts.domainname, text, size);
}

static int show_osrelease(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    return show_uts(out, g_uts.release);
}

static int show_version(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    return show_uts(out, g_uts.version);
}

/* ---- random ---------------------------------------------------------------------------------- */

static int new_uuid(uint8_t uuid[16]) {
    int ret = PalRandomBitsRead(uuid, 16);
    if (ret < 0)
        return (int)pal_to_errno(ret);
    uuid[6] = (uuid[6] & 0x0f) | 0x40;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    return 0;
}

static int put_uuid(struct libos_text* out, const uint8_t uuid[16]) {
    for (int i = 0; i < 16; i++)
        libos_text_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", uuid[i]);
    text_literal(out, "\n");
    return 0;
}

static int show_uuid(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    uint8_t uuid[16];
    int ret = new_uuid(uuid);
    return ret ? ret : put_uuid(out, uuid);
}

static int show_boot_id(const struct libos_pseudo_at* at, struct libos_text* out) {
    static libos_lock_t boot_lock;
    static uint8_t boot_id[16];
    static bool made;
    (void)at;
    lock(&boot_lock);
    int ret = made ? 0 : new_uuid(boot_id);
    made = ret == 0;
    unlock(&boot_lock);
    return ret ? ret : put_uuid(out, boot_id);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static int show_mmap_min_addr(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    uint64_t start = (uint64_t)g_pal_control->user_address.start;
    libos_text_printf(out, "%llu\n", (unsigned long long)start);
    return 0;
}

static int show_randomize(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    libos_text_printf(out, "%d\n", g_pal_control->disable_aslr ? 0 : 2);
    return 0;
}

static int show_aio_limit(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    libos_text_printf(out, "%llu\n", (unsigned long long)libos_aio_limit());
    return 0;
}

static long store_aio_limit(const struct libos_pseudo_at* at, const char* text, size_t size) {
    (void)at;
    int64_t value;
    if (libos_parse_number(text, size, &value) < 0 || value < 0)
        return -EINVAL;
    libos_aio_set_limit((uint64_t)value);
    return (long)size;
}

static int show_aio_count(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    libos_text_printf(out, "%llu\n", (unsigned long long)libos_aio_count());
    return 0;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static const struct libos_pseudo_node g_random[] = {
    FILE_("boot_id", show_boot_id),
    FIXED_("entropy_avail", "256"),
    FIXED_("poolsize", "256"),
    CONST_("urandom_min_reseed_secs", "60"),
    FILE_("uuid", show_uuid),
    CONST_("write_wakeup_threshold", "256"),
    {0},
};

static const struct libos_pseudo_node g_pty[] = {
    CONST_("max", "4096"),
    CONST_("reserve", "1024"),
    {0},
};

static const struct libos_pseudo_node g_seccomp[] = {
    CONST_("actions_avail", "kill_process kill_thread trap errno trace log allow"),
    CONST_("actions_logged", "kill_process kill_thread trap errno trace log"),
    {0},
};

static const struct libos_pseudo_node g_kernel[] = {
    FIXED_("cap_last_cap", "40"),
    CONST_("core_pattern", "core"),
    CONST_("core_uses_pid", "0"),
    CONST_("dmesg_restrict", "1"),
    VALUE_("domainname", show_domainname, store_domainname),
    VALUE_("hostname", show_hostname, store_hostname),
    CONST_("io_uring_disabled", "2"),
    CONST_("msgmax", "8192"),
    CONST_("msgmnb", "16384"),
    CONST_("msgmni", "32000"),
    FIXED_("ngroups_max", "65536"),
    FILE_("osrelease", show_osrelease),
    FIXED_("ostype", "Linux"),
    CONST_("overflowgid", "65534"),
    CONST_("overflowuid", "65534"),
    CONST_("perf_event_paranoid", "4"),
    CONST_("pid_max", "4194304"),
    DIR_("pty", g_pty),
    DIR_("random", g_random),
    FILE_("randomize_va_space", show_randomize),
    CONST_("sched_rr_timeslice_ms", "100"),
    DIR_("seccomp", g_seccomp),
    CONST_("sem", "32000\t1024000000\t500\t32000"),
    CONST_("shmall", "18446744073692774399"),
    CONST_("shmmax", "18446744073692774399"),
    CONST_("shmmni", "4096"),
    CONST_("tainted", "0"),
    HOST_("threads-max", SYS_KERNEL_THREADS_MAX, "63000"),
    FILE_("version", show_version),
    {0},
};

static const struct libos_pseudo_node g_vm[] = {
    HOST_("dirty_background_ratio", SYS_VM_DIRTY_BACKGROUND_RATIO, "10"),
    HOST_("dirty_ratio", SYS_VM_DIRTY_RATIO, "20"),
    HOST_("max_map_count", SYS_VM_MAX_MAP_COUNT, "65530"),
    FILE_("mmap_min_addr", show_mmap_min_addr),
    HOST_("nr_hugepages", SYS_VM_NR_HUGEPAGES, "0"),
    HOST_("overcommit_kbytes", SYS_VM_OVERCOMMIT_KBYTES, "0"),
    HOST_("overcommit_memory", SYS_VM_OVERCOMMIT_MEMORY, "0"),
    HOST_("overcommit_ratio", SYS_VM_OVERCOMMIT_RATIO, "50"),
    HOST_("swappiness", SYS_VM_SWAPPINESS, "60"),
    {0},
};

static const struct libos_pseudo_node g_inotify[] = {
    HOST_("max_queued_events", SYS_FS_INOTIFY_MAX_QUEUED_EVENTS, "16384"),
    HOST_("max_user_instances", SYS_FS_INOTIFY_MAX_USER_INSTANCES, "128"),
    HOST_("max_user_watches", SYS_FS_INOTIFY_MAX_USER_WATCHES, "65536"),
    {0},
};

static const struct libos_pseudo_node g_epoll[] = {
    HOST_("max_user_watches", SYS_FS_EPOLL_MAX_USER_WATCHES, "5000000"),
    {0},
};

static const struct libos_pseudo_node g_mqueue[] = {
    CONST_("msg_default", "10"),   CONST_("msg_max", "10"),     CONST_("msgsize_default", "8192"),
    CONST_("msgsize_max", "8192"), CONST_("queues_max", "256"), {0},
};

static const struct libos_pseudo_node g_fs[] = {
    VALUE_("aio-max-nr", show_aio_limit, store_aio_limit),
    FILE_("aio-nr", show_aio_count),
    FIXED_("dentry-state", "0\t0\t45\t0\t0\t0"),
    DIR_("epoll", g_epoll),
    HOST_("file-max", SYS_FS_FILE_MAX, "9223372036854775807"),
    FIXED_("file-nr", "0\t0\t9223372036854775807"),
    FIXED_("inode-nr", "0\t0"),
    FIXED_("inode-state", "0\t0\t0\t0\t0\t0\t0"),
    DIR_("inotify", g_inotify),
    CONST_("lease-break-time", "45"),
    CONST_("leases-enable", "1"),
    CONST_("mount-max", "100000"),
    DIR_("mqueue", g_mqueue),
    CONST_("nr_open", "1048576"),
    CONST_("overflowgid", "65534"),
    CONST_("overflowuid", "65534"),
    HOST_("pipe-max-size", SYS_FS_PIPE_MAX_SIZE, "1048576"),
    HOST_("pipe-user-pages-hard", SYS_FS_PIPE_USER_PAGES_HARD, "0"),
    HOST_("pipe-user-pages-soft", SYS_FS_PIPE_USER_PAGES_SOFT, "16384"),
    CONST_("protected_fifos", "0"),
    CONST_("protected_hardlinks", "0"),
    CONST_("protected_regular", "0"),
    CONST_("protected_symlinks", "0"),
    CONST_("suid_dumpable", "0"),
    {0},
};

static const struct libos_pseudo_node g_core[] = {
    HOST_("netdev_max_backlog", SYS_NET_CORE_NETDEV_MAX_BACKLOG, "1000"),
    HOST_("optmem_max", SYS_NET_CORE_OPTMEM_MAX, "131072"),
    HOST_("rmem_default", SYS_NET_CORE_RMEM_DEFAULT, "212992"),
    HOST_("rmem_max", SYS_NET_CORE_RMEM_MAX, "212992"),
    HOST_("somaxconn", SYS_NET_CORE_SOMAXCONN, "4096"),
    HOST_("wmem_default", SYS_NET_CORE_WMEM_DEFAULT, "212992"),
    HOST_("wmem_max", SYS_NET_CORE_WMEM_MAX, "212992"),
    {0},
};

static const struct libos_pseudo_node g_ipv4[] = {
    HOST_("ip_local_port_range", SYS_NET_IPV4_IP_LOCAL_PORT_RANGE, "32768\t60999"),
    HOST_("ip_unprivileged_port_start", SYS_NET_IPV4_IP_UNPRIVILEGED_PORT_START, "1024"),
    HOST_("tcp_fin_timeout", SYS_NET_IPV4_TCP_FIN_TIMEOUT, "60"),
    HOST_("tcp_keepalive_intvl", SYS_NET_IPV4_TCP_KEEPALIVE_INTVL, "75"),
    HOST_("tcp_keepalive_probes", SYS_NET_IPV4_TCP_KEEPALIVE_PROBES, "9"),
    HOST_("tcp_keepalive_time", SYS_NET_IPV4_TCP_KEEPALIVE_TIME, "7200"),
    HOST_("tcp_max_syn_backlog", SYS_NET_IPV4_TCP_MAX_SYN_BACKLOG, "4096"),
    HOST_("tcp_rmem", SYS_NET_IPV4_TCP_RMEM, "4096\t131072\t6291456"),
    HOST_("tcp_wmem", SYS_NET_IPV4_TCP_WMEM, "4096\t16384\t4194304"),
    {0},
};

static const struct libos_pseudo_node g_unix[] = {
    HOST_("max_dgram_qlen", SYS_NET_UNIX_MAX_DGRAM_QLEN, "512"),
    {0},
};

static const struct libos_pseudo_node g_net[] = {
    DIR_("core", g_core),
    DIR_("ipv4", g_ipv4),
    DIR_("unix", g_unix),
    {0},
};

/* No namespace can be made: libos_unshare.c. */
static const struct libos_pseudo_node g_user[] = {
    CONST_("max_cgroup_namespaces", "0"),
    CONST_("max_inotify_instances", "128"),
    CONST_("max_inotify_watches", "65536"),
    CONST_("max_ipc_namespaces", "0"),
    CONST_("max_mnt_namespaces", "0"),
    CONST_("max_net_namespaces", "0"),
    CONST_("max_pid_namespaces", "0"),
    CONST_("max_time_namespaces", "0"),
    CONST_("max_user_namespaces", "0"),
    CONST_("max_uts_namespaces", "0"),
    {0},
};

const struct libos_pseudo_node g_proc_sys_children[] = {
    DIR_("fs", g_fs),     DIR_("kernel", g_kernel), DIR_("net", g_net),
    DIR_("user", g_user), DIR_("vm", g_vm),         {0},
};
