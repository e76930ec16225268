/*
 * /proc/cpuinfo, stat, uptime, loadavg, version, interrupts: the machine as the instance sees it.
 * Figures of the kernel are the host's, if it tells; else the instance's own.
 */
#include "libos_coord_process.h"
#include "libos_mm.h"
#include "libos_uts.h"
#include "proc_host.h"
#include "proc_internal.h"

#define CPUID_BASIC    0u
#define CPUID_FEATURES 1u
#define CPUID_ADDRESS  0x80000008u

static uint32_t cpuid(uint32_t leaf, int word) {
    PAL_IDX values[PAL_CPUID_WORD_NUM] = {0};
    return PalCpuIdRetrieve(leaf, 0, values) < 0 ? 0 : values[word];
}

/* ---- cpuinfo --------------------------------------------------------------------------------- */

static uint64_t largest_cache_kb(void) {
    const PAL_TOPO_INFO* topo = libos_topology();
    uint64_t size = 0;
    for (size_t i = 0; i < MIN(topo->cache_count, PAL_MAX_CACHES); i++) {
        if (topo->caches[i].type != 1 && topo->caches[i].size > size)
            size = topo->caches[i].size;
    }
    return size / 1024;
}

static unsigned int threads_of_socket(PAL_IDX socket) {
    const PAL_TOPO_INFO* topo = libos_topology();
    unsigned int n = 0;
    for (size_t i = 0; i < topo->thread_count; i++)
        n += topo->threads[i].online && topo->threads[i].socket_id == socket;
    return n;
}

static unsigned int cores_of_socket(PAL_IDX socket) {
    const PAL_TOPO_INFO* topo = libos_topology();
    unsigned int n = 0;
    for (size_t i = 0; i < topo->thread_count; i++) {
        if (!topo->threads[i].online || topo->threads[i].socket_id != socket)
            continue;
        bool first = true;
        for (size_t k = 0; k < i && first; k++)
            first = !(topo->threads[k].online && topo->threads[k].socket_id == socket &&
                      topo->threads[k].core_id == topo->threads[i].core_id);
        n += first;
    }
    return n;
}

static void show_cpu(struct libos_text* out, size_t cpu) {
    const PAL_CPU_INFO* info = libos_cpu_info();
    const PAL_CPU_THREAD_INFO* t = &libos_topology()->threads[cpu];
    libos_text_printf(out,
                      "processor\t: %zu\nvendor_id\t: %s\ncpu family\t: %llu\nmodel\t\t: %llu\n"
                      "model name\t: %s\nstepping\t: %llu\n",
                      cpu, info->cpu_vendor, (unsigned long long)info->cpu_family,
                      (unsigned long long)info->cpu_model, info->cpu_brand,
                      (unsigned long long)info->cpu_stepping);
    if (info->tsc_khz)
        libos_text_printf(out, "cpu MHz\t\t: %llu.%03llu\n",
                          (unsigned long long)(info->tsc_khz / 1000),
                          (unsigned long long)(info->tsc_khz % 1000));
    libos_text_printf(out,
                      "cache size\t: %llu KB\nphysical id\t: %u\nsiblings\t: %u\ncore id\t\t: %u\n"
                      "cpu cores\t: %u\napicid\t\t: %zu\ninitial apicid\t: %zu\nfpu\t\t: yes\n"
                      "fpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\nflags\t\t: %s\n"
                      "bugs\t\t:\n",
                      (unsigned long long)largest_cache_kb(), t->socket_id,
                      threads_of_socket(t->socket_id), t->core_id, cores_of_socket(t->socket_id),
                      cpu, cpu, cpuid(CPUID_BASIC, PAL_CPUID_WORD_EAX),
                      info->cpu_flags ? info->cpu_flags : "");
    uint32_t line = (cpuid(CPUID_FEATURES, PAL_CPUID_WORD_EBX) >> 8 & 0xff) * 8;
    uint32_t address = cpuid(CPUID_ADDRESS, PAL_CPUID_WORD_EAX);
    libos_text_printf(out,
                      "bogomips\t: %llu.%02llu\nclflush size\t: %u\ncache_alignment\t: %u\n"
                      "address sizes\t: %u bits physical, %u bits virtual\n"
                      "power management:\n\n",
                      (unsigned long long)(info->cpu_bogomips_x100 / 100),
                      (unsigned long long)(info->cpu_bogomips_x100 % 100), line, line,
                      address & 0xff, address >> 8 & 0xff);
}

PROC_SHOW(proc_show_cpuinfo) {
    (void)at;
    const PAL_TOPO_INFO* topo = libos_topology();
    for (size_t i = 0; i < topo->thread_count; i++) {
        if (topo->threads[i].online)
            show_cpu(out, i);
    }
    return 0;
}

/* ---- stat ------------------------------------------------------------------------------------ */

static unsigned int online_cpus(void) {
    const PAL_TOPO_INFO* topo = libos_topology();
    unsigned int n = 0;
    for (size_t i = 0; i < topo->thread_count; i++)
        n += topo->threads[i].online;
    return n ? n : 1;
}

static uint64_t uptime_ns(void) {
    PAL_NUM ns = 0;
    PalClockGet(PAL_CLOCK_BOOTTIME, &ns);
    return ns;
}

static void show_cpu_times(struct libos_text* out, const char* name, uint64_t user, uint64_t system,
                           uint64_t total) {
    uint64_t idle = total > user + system ? total - user - system : 0;
    libos_text_printf(
        out, "%s %llu 0 %llu %llu 0 0 0 0 0 0\n", name, (unsigned long long)(user / NS_PER_TICK),
        (unsigned long long)(system / NS_PER_TICK), (unsigned long long)(idle / NS_PER_TICK));
}

static uint64_t boot_time_s(void) {
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_REALTIME, &now);
    return (now - uptime_ns()) / 1000000000;
}

PROC_SHOW(proc_show_stat) {
    (void)at;
    if (libos_host_report(PAL_HOST_STAT, out) == 0)
        return 0;
    const PAL_TOPO_INFO* topo = libos_topology();
    unsigned int cpus = online_cpus();
    uint64_t user, system, up = uptime_ns();
    PAL_USAGE usage = {0};
    PalProcessUsage(false, &usage);
    proc_cpu_time(NULL, &user, &system);
    show_cpu_times(out, "cpu ", user, system, up * cpus);
    for (size_t i = 0; i < topo->thread_count; i++) {
        char name[16];
        if (!topo->threads[i].online)
            continue;
        snprintf(name, sizeof(name), "cpu%zu", i);
        show_cpu_times(out, name, user / cpus, system / cpus, up);
    }
    libos_text_printf(out,
                      "intr 0\nctxt %llu\nbtime %llu\nprocesses %d\nprocs_running 1\n"
                      "procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
                      (unsigned long long)(usage.voluntary_switches + usage.involuntary_switches),
                      (unsigned long long)boot_time_s(), coord_id_last());
    return 0;
}

PROC_SHOW(proc_show_interrupts) {
    (void)at;
    if (libos_host_report(PAL_HOST_INTERRUPTS, out) == 0)
        return 0;
    const PAL_TOPO_INFO* topo = libos_topology();
    text_literal(out, "           ");
    for (size_t i = 0; i < topo->thread_count; i++) {
        if (topo->threads[i].online)
            libos_text_printf(out, "CPU%-8zu", i);
    }
    text_literal(out, "\n");
    return 0;
}

/* ---- the rest -------------------------------------------------------------------------------- */

PROC_SHOW(proc_show_uptime) {
    (void)at;
    if (libos_host_report(PAL_HOST_UPTIME, out) == 0)
        return 0;
    uint64_t user, system, up = uptime_ns();
    proc_cpu_time(NULL, &user, &system);
    uint64_t all = up * online_cpus();
    uint64_t idle = all > user + system ? all - user - system : 0;
    libos_text_printf(out, "%llu.%02llu %llu.%02llu\n", (unsigned long long)(up / 1000000000),
                      (unsigned long long)(up / 10000000 % 100),
                      (unsigned long long)(idle / 1000000000),
                      (unsigned long long)(idle / 10000000 % 100));
    return 0;
}

static void show_load(struct libos_text* out, uint64_t load) {
    load += 65536 / 200; /* rounds to two places, as Linux does */
    libos_text_printf(out, "%llu.%02llu ", (unsigned long long)(load >> 16),
                      (unsigned long long)((load & 0xffff) * 100 >> 16));
}

PROC_SHOW(proc_show_loadavg) {
    (void)at;
    PAL_SYSTEM_INFO info = {0};
    PalSystemInfoQuery(&info);
    show_load(out, info.load_1);
    show_load(out, info.load_5);
    show_load(out, info.load_15);
    unsigned int count = __atomic_load_n(&cur_process()->thread_count, __ATOMIC_RELAXED);
    for (int32_t pid = 1; (pid = coord_process_next(pid, NULL)) != 0; pid++)
        count +=
            pid != cur_process()->pid; /* of others it is not known how many threads they have */
    libos_text_printf(out, "1/%u %d\n", count, coord_id_last());
    return 0;
}

PROC_SHOW(proc_show_version) {
    (void)at;
    libos_text_printf(out, "Linux version %s (culm@culm) (gcc " __VERSION__ ") %s\n", g_uts.release,
                      g_uts.version);
    return 0;
}
