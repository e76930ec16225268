/*
 * /sys/fs/cgroup: the control group of the instance, as its processes see it through a cgroup
 * namespace: a hierarchy of version 2 with one group. Limits and figures are the host's. cgroups(7)
 */
#include "libos_coord_process.h"
#include "proc_host.h"
#include "sys_internal.h"

#define FILE_(n, m, f)                                                                             \
    { .name = (n), .mode = S_IFREG | (m), .show = (f) }
#define CONST_(n, m, text)                                                                         \
    { .name = (n), .mode = S_IFREG | (m), .show = sys_show_constant, .data = text }

static SYS_SHOW(show_processes) {
    (void)at;
    for (int32_t pid = 1; (pid = coord_process_next(pid, NULL)) != 0; pid++)
        libos_text_printf(out, "%d\n", pid);
    return 0;
}

static SYS_SHOW(show_process_count) {
    (void)at;
    unsigned int count = 0;
    for (int32_t pid = 1; (pid = coord_process_next(pid, NULL)) != 0; pid++)
        count++;
    libos_text_printf(out, "%u\n", count);
    return 0;
}

static bool is_online(uint64_t arg, uint64_t cpu) {
    (void)arg;
    return libos_topology()->threads[cpu].online;
}

static bool is_any(uint64_t arg, uint64_t node) {
    (void)arg, (void)node;
    return true;
}

static SYS_SHOW(show_cpus) {
    (void)at;
    if (libos_host_report(PAL_HOST_CGROUP_CPUSET_CPUS_EFFECTIVE, out) < 0)
        libos_text_list(out, libos_topology()->thread_count, is_online, 0);
    return 0;
}

static SYS_SHOW(show_nodes) {
    (void)at;
    if (libos_host_report(PAL_HOST_CGROUP_CPUSET_MEMS_EFFECTIVE, out) < 0)
        libos_text_list(out, MAX(libos_topology()->node_count, 1), is_any, 0);
    return 0;
}

/* Where the host has no such file: what this process uses is a lower bound. */
static SYS_SHOW(show_memory_current) {
    (void)at;
    PAL_USAGE usage = {0};
    if (libos_host_report(PAL_HOST_CGROUP_MEMORY_CURRENT, out) == 0)
        return 0;
    PalProcessUsage(false, &usage);
    libos_text_printf(out, "%llu\n", (unsigned long long)usage.resident);
    return 0;
}

static SYS_SHOW(show_cpu_stat) {
    (void)at;
    PAL_NUM user = 0, system = 0;
    if (libos_host_report(PAL_HOST_CGROUP_CPU_STAT, out) == 0)
        return 0;
    PalThreadCpuTime(NULL, &user, &system);
    libos_text_printf(out,
                      "usage_usec %llu\nuser_usec %llu\nsystem_usec %llu\nnr_periods 0\n"
                      "nr_throttled 0\nthrottled_usec 0\n",
                      (unsigned long long)((user + system) / 1000),
                      (unsigned long long)(user / 1000), (unsigned long long)(system / 1000));
    return 0;
}

static const struct libos_pseudo_node g_cgroup[] = {
    CONST_("cgroup.controllers", 0444, "cpuset cpu io memory pids\n"),
    CONST_("cgroup.events", 0444, "populated 1\nfrozen 0\n"),
    CONST_("cgroup.freeze", 0644, "0\n"),
    CONST_("cgroup.max.depth", 0644, "max\n"),
    CONST_("cgroup.max.descendants", 0644, "max\n"),
    FILE_("cgroup.procs", 0644, show_processes),
    CONST_("cgroup.stat", 0444, "nr_descendants 0\nnr_dying_descendants 0\n"),
    CONST_("cgroup.subtree_control", 0644, ""),
    CONST_("cgroup.type", 0644, "domain\n"),
    HOST_FILE("cpu.max", CGROUP_CPU_MAX, "max 100000\n"),
    FILE_("cpu.stat", 0444, show_cpu_stat),
    HOST_FILE("cpu.weight", CGROUP_CPU_WEIGHT, "100\n"),
    CONST_("cpuset.cpus", 0644, "\n"),
    FILE_("cpuset.cpus.effective", 0444, show_cpus),
    CONST_("cpuset.mems", 0644, "\n"),
    FILE_("cpuset.mems.effective", 0444, show_nodes),
    HOST_FILE("io.stat", CGROUP_IO_STAT, ""),
    FILE_("memory.current", 0444, show_memory_current),
    HOST_FILE("memory.events", CGROUP_MEMORY_EVENTS,
              "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"),
    HOST_FILE("memory.high", CGROUP_MEMORY_HIGH, "max\n"),
    HOST_FILE("memory.low", CGROUP_MEMORY_LOW, "0\n"),
    HOST_FILE("memory.max", CGROUP_MEMORY_MAX, "max\n"),
    HOST_FILE("memory.min", CGROUP_MEMORY_MIN, "0\n"),
    HOST_FILE("memory.stat", CGROUP_MEMORY_STAT, "anon 0\nfile 0\nkernel 0\n"),
    HOST_FILE("memory.swap.current", CGROUP_MEMORY_SWAP_CURRENT, "0\n"),
    HOST_FILE("memory.swap.max", CGROUP_MEMORY_SWAP_MAX, "max\n"),
    FILE_("pids.current", 0444, show_process_count),
    HOST_FILE("pids.max", CGROUP_PIDS_MAX, "max\n"),
    {0},
};

const struct libos_pseudo_node g_cgroup_root = {
    .name = "", .mode = S_IFDIR | 0555, .children = g_cgroup};
