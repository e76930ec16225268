/*
 * PalHostReport(): files of the host's /proc, and of the control group (v2) this process is in.
 */
#include <fcntl.h>

#include "host_internal.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* Names without a slash are those of the group. */
static const char* const g_reports[PAL_HOST_REPORT_COUNT] = {
    [PAL_HOST_STAT] = "/proc/stat",
    [PAL_HOST_UPTIME] = "/proc/uptime",
    [PAL_HOST_MEMINFO] = "/proc/meminfo",
    [PAL_HOST_VMSTAT] = "/proc/vmstat",
    [PAL_HOST_ZONEINFO] = "/proc/zoneinfo",
    [PAL_HOST_BUDDYINFO] = "/proc/buddyinfo",
    [PAL_HOST_DISKSTATS] = "/proc/diskstats",
    [PAL_HOST_PARTITIONS] = "/proc/partitions",
    [PAL_HOST_SWAPS] = "/proc/swaps",
    [PAL_HOST_INTERRUPTS] = "/proc/interrupts",
    [PAL_HOST_SOFTIRQS] = "/proc/softirqs",
    [PAL_HOST_CRYPTO] = "/proc/crypto",
    [PAL_HOST_DEVICES] = "/proc/devices",
    [PAL_HOST_MISC] = "/proc/misc",
    [PAL_HOST_PRESSURE_CPU] = "/proc/pressure/cpu",
    [PAL_HOST_PRESSURE_MEMORY] = "/proc/pressure/memory",
    [PAL_HOST_PRESSURE_IO] = "/proc/pressure/io",
    [PAL_HOST_PRESSURE_IRQ] = "/proc/pressure/irq",
    [PAL_HOST_NET_ARP] = "/proc/self/net/arp",
    [PAL_HOST_NET_DEV] = "/proc/self/net/dev",
    [PAL_HOST_NET_DEV_MCAST] = "/proc/self/net/dev_mcast",
    [PAL_HOST_NET_ICMP] = "/proc/self/net/icmp",
    [PAL_HOST_NET_IF_INET6] = "/proc/self/net/if_inet6",
    [PAL_HOST_NET_IGMP] = "/proc/self/net/igmp",
    [PAL_HOST_NET_IPV6_ROUTE] = "/proc/self/net/ipv6_route",
    [PAL_HOST_NET_NETSTAT] = "/proc/self/net/netstat",
    [PAL_HOST_NET_PROTOCOLS] = "/proc/self/net/protocols",
    [PAL_HOST_NET_PTYPE] = "/proc/self/net/ptype",
    [PAL_HOST_NET_RAW] = "/proc/self/net/raw",
    [PAL_HOST_NET_RAW6] = "/proc/self/net/raw6",
    [PAL_HOST_NET_ROUTE] = "/proc/self/net/route",
    [PAL_HOST_NET_SNMP] = "/proc/self/net/snmp",
    [PAL_HOST_NET_SNMP6] = "/proc/self/net/snmp6",
    [PAL_HOST_NET_SOCKSTAT] = "/proc/self/net/sockstat",
    [PAL_HOST_NET_SOCKSTAT6] = "/proc/self/net/sockstat6",
    [PAL_HOST_NET_SOFTNET_STAT] = "/proc/self/net/softnet_stat",
    [PAL_HOST_NET_TCP] = "/proc/self/net/tcp",
    [PAL_HOST_NET_TCP6] = "/proc/self/net/tcp6",
    [PAL_HOST_NET_UDP] = "/proc/self/net/udp",
    [PAL_HOST_NET_UDP6] = "/proc/self/net/udp6",
    [PAL_HOST_NET_UDPLITE] = "/proc/self/net/udplite",
    [PAL_HOST_NET_UDPLITE6] = "/proc/self/net/udplite6",
    [PAL_HOST_SYS_FS_EPOLL_MAX_USER_WATCHES] = "/proc/sys/fs/epoll/max_user_watches",
    [PAL_HOST_SYS_FS_FILE_MAX] = "/proc/sys/fs/file-max",
    [PAL_HOST_SYS_FS_INOTIFY_MAX_QUEUED_EVENTS] = "/proc/sys/fs/inotify/max_queued_events",
    [PAL_HOST_SYS_FS_INOTIFY_MAX_USER_INSTANCES] = "/proc/sys/fs/inotify/max_user_instances",
    [PAL_HOST_SYS_FS_INOTIFY_MAX_USER_WATCHES] = "/proc/sys/fs/inotify/max_user_watches",
    [PAL_HOST_SYS_FS_PIPE_MAX_SIZE] = "/proc/sys/fs/pipe-max-size",
    [PAL_HOST_SYS_FS_PIPE_USER_PAGES_HARD] = "/proc/sys/fs/pipe-user-pages-hard",
    [PAL_HOST_SYS_FS_PIPE_USER_PAGES_SOFT] = "/proc/sys/fs/pipe-user-pages-soft",
    [PAL_HOST_SYS_KERNEL_THREADS_MAX] = "/proc/sys/kernel/threads-max",
    [PAL_HOST_SYS_NET_CORE_NETDEV_MAX_BACKLOG] = "/proc/sys/net/core/netdev_max_backlog",
    [PAL_HOST_SYS_NET_CORE_OPTMEM_MAX] = "/proc/sys/net/core/optmem_max",
    [PAL_HOST_SYS_NET_CORE_RMEM_DEFAULT] = "/proc/sys/net/core/rmem_default",
    [PAL_HOST_SYS_NET_CORE_RMEM_MAX] = "/proc/sys/net/core/rmem_max",
    [PAL_HOST_SYS_NET_CORE_SOMAXCONN] = "/proc/sys/net/core/somaxconn",
    [PAL_HOST_SYS_NET_CORE_WMEM_DEFAULT] = "/proc/sys/net/core/wmem_default",
    [PAL_HOST_SYS_NET_CORE_WMEM_MAX] = "/proc/sys/net/core/wmem_max",
    [PAL_HOST_SYS_NET_IPV4_IP_LOCAL_PORT_RANGE] = "/proc/sys/net/ipv4/ip_local_port_range",
    [PAL_HOST_SYS_NET_IPV4_IP_UNPRIVILEGED_PORT_START] =
        "/proc/sys/net/ipv4/ip_unprivileged_port_start",
    [PAL_HOST_SYS_NET_IPV4_TCP_FIN_TIMEOUT] = "/proc/sys/net/ipv4/tcp_fin_timeout",
    [PAL_HOST_SYS_NET_IPV4_TCP_KEEPALIVE_INTVL] = "/proc/sys/net/ipv4/tcp_keepalive_intvl",
    [PAL_HOST_SYS_NET_IPV4_TCP_KEEPALIVE_PROBES] = "/proc/sys/net/ipv4/tcp_keepalive_probes",
    [PAL_HOST_SYS_NET_IPV4_TCP_KEEPALIVE_TIME] = "/proc/sys/net/ipv4/tcp_keepalive_time",
    [PAL_HOST_SYS_NET_IPV4_TCP_MAX_SYN_BACKLOG] = "/proc/sys/net/ipv4/tcp_max_syn_backlog",
    [PAL_HOST_SYS_NET_IPV4_TCP_RMEM] = "/proc/sys/net/ipv4/tcp_rmem",
    [PAL_HOST_SYS_NET_IPV4_TCP_WMEM] = "/proc/sys/net/ipv4/tcp_wmem",
    [PAL_HOST_SYS_NET_UNIX_MAX_DGRAM_QLEN] = "/proc/sys/net/unix/max_dgram_qlen",
    [PAL_HOST_SYS_VM_MAX_MAP_COUNT] = "/proc/sys/vm/max_map_count",
    [PAL_HOST_SYS_VM_NR_HUGEPAGES] = "/proc/sys/vm/nr_hugepages",
    [PAL_HOST_SYS_VM_OVERCOMMIT_KBYTES] = "/proc/sys/vm/overcommit_kbytes",
    [PAL_HOST_SYS_VM_OVERCOMMIT_MEMORY] = "/proc/sys/vm/overcommit_memory",
    [PAL_HOST_SYS_VM_OVERCOMMIT_RATIO] = "/proc/sys/vm/overcommit_ratio",
    [PAL_HOST_SYS_VM_SWAPPINESS] = "/proc/sys/vm/swappiness",
    [PAL_HOST_SYS_VM_DIRTY_BACKGROUND_RATIO] = "/proc/sys/vm/dirty_background_ratio",
    [PAL_HOST_SYS_VM_DIRTY_RATIO] = "/proc/sys/vm/dirty_ratio",
    [PAL_HOST_CGROUP_MEMORY_MAX] = "memory.max",
    [PAL_HOST_CGROUP_MEMORY_HIGH] = "memory.high",
    [PAL_HOST_CGROUP_MEMORY_LOW] = "memory.low",
    [PAL_HOST_CGROUP_MEMORY_MIN] = "memory.min",
    [PAL_HOST_CGROUP_MEMORY_CURRENT] = "memory.current",
    [PAL_HOST_CGROUP_MEMORY_PEAK] = "memory.peak",
    [PAL_HOST_CGROUP_MEMORY_STAT] = "memory.stat",
    [PAL_HOST_CGROUP_MEMORY_EVENTS] = "memory.events",
    [PAL_HOST_CGROUP_MEMORY_SWAP_MAX] = "memory.swap.max",
    [PAL_HOST_CGROUP_MEMORY_SWAP_CURRENT] = "memory.swap.current",
    [PAL_HOST_CGROUP_CPU_MAX] = "cpu.max",
    [PAL_HOST_CGROUP_CPU_WEIGHT] = "cpu.weight",
    [PAL_HOST_CGROUP_CPU_STAT] = "cpu.stat",
    [PAL_HOST_CGROUP_PIDS_MAX] = "pids.max",
    [PAL_HOST_CGROUP_PIDS_CURRENT] = "pids.current",
    [PAL_HOST_CGROUP_CPUSET_CPUS_EFFECTIVE] = "cpuset.cpus.effective",
    [PAL_HOST_CGROUP_CPUSET_MEMS_EFFECTIVE] = "cpuset.mems.effective",
    [PAL_HOST_CGROUP_IO_STAT] = "io.stat",
};

/* Reads to the end; what does not fit is counted, not kept. */
static int64_t read_all(const char* path, char* text, PAL_NUM size) {
    char spare[512] = {0};
    int64_t total = 0;
    long fd = host_syscall(__NR_open, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return host_error(fd);
    for (;;) {
        bool fits = (PAL_NUM)total < size;
        long n = host_syscall(__NR_read, fd, fits ? text + total : spare,
                              fits ? size - (PAL_NUM)total : sizeof(spare));
        if (n < 0) {
            host_syscall(__NR_close, fd);
            return host_error(n);
        }
        if (n == 0)
            break;
        total += n;
    }
    host_syscall(__NR_close, fd);
    return total;
}

/* The group's directory, from the line "0::/path" of /proc/self/cgroup. */
static int group_path(const char* file, char* path, size_t size) {
    char groups[2048];
    int64_t n = read_all("/proc/self/cgroup", groups, sizeof(groups) - 1);
    if (n < 0)
        return (int)n;
    groups[n < (int64_t)sizeof(groups) ? n : (int64_t)sizeof(groups) - 1] = '\0';
    for (char* line = groups; *line;) {
        char* end = line;
        while (*end && *end != '\n')
            end++;
        bool last = !*end;
        *end = '\0';
        if (strncmp(line, "0::", 3) == 0) {
            const char* group = strcmp(line + 3, "/") == 0 ? "" : line + 3;
            int len = snprintf(path, size, CGROUP_ROOT "%s/%s", group, file);
            return len < (int)size ? 0 : PAL_ERROR_NOTIMPLEMENTED;
        }
        line = last ? end : end + 1;
    }
    return PAL_ERROR_NOTIMPLEMENTED;
}

int64_t PalHostReport(PAL_FLG which, char* text, PAL_NUM size) {
    char path[1024];
    if (which >= PAL_HOST_REPORT_COUNT || !g_reports[which])
        return PAL_ERROR_NOTIMPLEMENTED;
    if (!text && size)
        return PAL_ERROR_INVAL;
    const char* file = g_reports[which];
    if (file[0] != '/') {
        int ret = group_path(file, path, sizeof(path));
        if (ret < 0)
            return ret;
        file = path;
    }
    int64_t ret = read_all(file, text, size);
    return ret < 0 ? PAL_ERROR_NOTIMPLEMENTED : ret;
}
