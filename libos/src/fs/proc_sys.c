/*
 * /proc/sys. Values that the LibOS or the host applies; none can be changed. proc_sys(5)
 */
#include "libos_aio.h"
#include "libos_uts.h"
#include "proc_pid_internal.h"

#define CONST_(n, text)                                                                            \
    { .name = (n), .mode = S_IFREG | 0444, .show = proc_show_constant, .data = text "\n" }
#define FILE_(n, f)                                                                                \
    { .name = (n), .mode = S_IFREG | 0444, .show = (f) }
#define DIR_(n, c)                                                                                 \
    { .name = (n), .mode = S_IFDIR | 0555, .children = (c) }

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

/* Linux's default: as many threads as fit their stacks into an eighth of memory. */
static int show_threads_max(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    PAL_SYSTEM_INFO info = {0};
    PalSystemInfoQuery(&info);
    libos_text_printf(out, "%llu\n", (unsigned long long)(info.total_ram / (8 * 16384)));
    return 0;
}

static int show_aio_limit(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    libos_text_printf(out, "%llu\n", (unsigned long long)libos_aio_limit());
    return 0;
}

static int show_aio_count(const struct libos_pseudo_at* at, struct libos_text* out) {
    (void)at;
    libos_text_printf(out, "%llu\n", (unsigned long long)libos_aio_count());
    return 0;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static const struct libos_pseudo_node g_random[] = {
    FILE_("boot_id", show_boot_id),
    CONST_("entropy_avail", "256"),
    CONST_("poolsize", "256"),
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
    CONST_("cap_last_cap", "40"),
    CONST_("core_pattern", "core"),
    CONST_("core_uses_pid", "0"),
    CONST_("dmesg_restrict", "1"),
    FILE_("domainname", show_domainname),
    FILE_("hostname", show_hostname),
    CONST_("io_uring_disabled", "2"),
    CONST_("msgmax", "8192"),
    CONST_("msgmnb", "16384"),
    CONST_("msgmni", "32000"),
    CONST_("ngroups_max", "65536"),
    FILE_("osrelease", show_osrelease),
    CONST_("ostype", "Linux"),
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
    FILE_("threads-max", show_threads_max),
    FILE_("version", show_version),
    {0},
};

static const struct libos_pseudo_node g_vm[] = {
    CONST_("dirty_background_ratio", "10"),
    CONST_("dirty_ratio", "20"),
    CONST_("max_map_count", "65530"),
    FILE_("mmap_min_addr", show_mmap_min_addr),
    CONST_("nr_hugepages", "0"),
    CONST_("overcommit_kbytes", "0"),
    CONST_("overcommit_memory", "0"),
    CONST_("overcommit_ratio", "50"),
    CONST_("swappiness", "60"),
    {0},
};

static const struct libos_pseudo_node g_inotify[] = {
    CONST_("max_queued_events", "16384"),
    CONST_("max_user_instances", "128"),
    CONST_("max_user_watches", "65536"),
    {0},
};

static const struct libos_pseudo_node g_epoll[] = {
    CONST_("max_user_watches", "5000000"),
    {0},
};

static const struct libos_pseudo_node g_mqueue[] = {
    CONST_("msg_default", "10"),
    CONST_("msg_max", "10"),
    CONST_("msgsize_default", "8192"),
    CONST_("msgsize_max", "8192"),
    CONST_("queues_max", "256"),
    {0},
};

static const struct libos_pseudo_node g_fs[] = {
    FILE_("aio-max-nr", show_aio_limit),
    FILE_("aio-nr", show_aio_count),
    DIR_("epoll", g_epoll),
    CONST_("file-max", "9223372036854775807"),
    DIR_("inotify", g_inotify),
    CONST_("lease-break-time", "45"),
    CONST_("leases-enable", "1"),
    CONST_("mount-max", "100000"),
    DIR_("mqueue", g_mqueue),
    CONST_("nr_open", "1048576"),
    CONST_("overflowgid", "65534"),
    CONST_("overflowuid", "65534"),
    CONST_("pipe-max-size", "1048576"),
    CONST_("pipe-user-pages-hard", "0"),
    CONST_("pipe-user-pages-soft", "16384"),
    CONST_("protected_fifos", "0"),
    CONST_("protected_hardlinks", "0"),
    CONST_("protected_regular", "0"),
    CONST_("protected_symlinks", "0"),
    CONST_("suid_dumpable", "0"),
    {0},
};

static const struct libos_pseudo_node g_core[] = {
    CONST_("netdev_max_backlog", "1000"), CONST_("optmem_max", "131072"),
    CONST_("rmem_default", "212992"),     CONST_("rmem_max", "212992"),
    CONST_("somaxconn", "4096"),          CONST_("wmem_default", "212992"),
    CONST_("wmem_max", "212992"),         {0},
};

static const struct libos_pseudo_node g_ipv4[] = {
    CONST_("ip_local_port_range", "32768\t60999"),
    CONST_("ip_unprivileged_port_start", "1024"),
    CONST_("tcp_fin_timeout", "60"),
    CONST_("tcp_keepalive_intvl", "75"),
    CONST_("tcp_keepalive_probes", "9"),
    CONST_("tcp_keepalive_time", "7200"),
    CONST_("tcp_max_syn_backlog", "4096"),
    CONST_("tcp_rmem", "4096\t131072\t6291456"),
    CONST_("tcp_wmem", "4096\t16384\t4194304"),
    {0},
};

static const struct libos_pseudo_node g_unix[] = {
    CONST_("max_dgram_qlen", "512"),
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
