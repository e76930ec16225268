/*
 * /proc/meminfo and /proc/vmstat. The host's, if it tells; else totals, and 0 for what only a
 * kernel counts.
 */
#include "libos_mm.h"
#include "proc_host.h"
#include "proc_internal.h"

static void line(struct libos_text* out, const char* name, uint64_t bytes) {
    libos_text_printf(out, "%-15s %8llu kB\n", name, (unsigned long long)(bytes / 1024));
}

static void zero_lines(struct libos_text* out, const char* const* names, size_t count) {
    for (size_t i = 0; i < count; i++)
        line(out, names[i], 0);
}

PROC_SHOW(proc_show_meminfo) {
    (void)at;
    if (libos_host_report(PAL_HOST_MEMINFO, out) == 0)
        return 0;
    static const char* const after_inactive[] = {
        "Active(anon):",   "Inactive(anon):", "Active(file):",
        "Inactive(file):", "Unevictable:",    "Mlocked:"};
    static const char* const after_swap[] = {"Zswap:", "Zswapped:", "Dirty:", "Writeback:"};
    static const char* const after_shmem[] = {
        "KReclaimable:", "Slab:",          "SReclaimable:", "SUnreclaim:", "KernelStack:",
        "PageTables:",   "SecPageTables:", "NFS_Unstable:", "Bounce:",     "WritebackTmp:"};
    static const char* const after_vmalloc[] = {
        "VmallocUsed:",    "VmallocChunk:",   "Percpu:",        "AnonHugePages:",
        "ShmemHugePages:", "ShmemPmdMapped:", "FileHugePages:", "FilePmdMapped:"};
    PAL_SYSTEM_INFO info = {0};
    PAL_USAGE usage = {0};
    struct libos_mm_stats mm = {0};
    PalSystemInfoQuery(&info);
    PalProcessUsage(false, &usage);
    libos_mm_get_stats(&mm);
    line(out, "MemTotal:", info.total_ram);
    line(out, "MemFree:", info.free_ram);
    line(out, "MemAvailable:", info.available_ram);
    line(out, "Buffers:", info.buffer_ram);
    line(out, "Cached:", info.cached_ram);
    line(out, "SwapCached:", 0);
    line(out, "Active:", usage.resident);
    line(out, "Inactive:", info.cached_ram);
    zero_lines(out, after_inactive, ARRAY_SIZE(after_inactive));
    line(out, "SwapTotal:", info.total_swap);
    line(out, "SwapFree:", info.free_swap);
    zero_lines(out, after_swap, ARRAY_SIZE(after_swap));
    line(out, "AnonPages:", usage.resident);
    line(out, "Mapped:", 0);
    line(out, "Shmem:", info.shared_ram);
    zero_lines(out, after_shmem, ARRAY_SIZE(after_shmem));
    line(out, "CommitLimit:", info.total_ram / 2 + info.total_swap);
    line(out, "Committed_AS:", mm.data + mm.stack);
    text_literal(out, "VmallocTotal:   34359738367 kB\n");
    zero_lines(out, after_vmalloc, ARRAY_SIZE(after_vmalloc));
    text_literal(out, "HugePages_Total:       0\nHugePages_Free:        0\n"
                      "HugePages_Rsvd:        0\nHugePages_Surp:        0\n");
    line(out, "Hugepagesize:", 2048 * 1024);
    line(out, "Hugetlb:", 0);
    return 0;
}

PROC_SHOW(proc_show_vmstat) {
    (void)at;
    if (libos_host_report(PAL_HOST_VMSTAT, out) == 0)
        return 0;
    PAL_SYSTEM_INFO info = {0};
    PAL_USAGE usage = {0};
    PalSystemInfoQuery(&info);
    PalProcessUsage(false, &usage);
    libos_text_printf(out,
                      "nr_free_pages %llu\nnr_anon_pages %llu\nnr_mapped 0\nnr_file_pages %llu\n"
                      "nr_dirty 0\nnr_writeback 0\nnr_shmem %llu\npgpgin %llu\npgpgout %llu\n"
                      "pswpin 0\npswpout 0\npgfault %llu\npgmajfault %llu\n",
                      (unsigned long long)(info.free_ram / PAGE_SIZE),
                      (unsigned long long)(usage.resident / PAGE_SIZE),
                      (unsigned long long)((info.cached_ram + info.buffer_ram) / PAGE_SIZE),
                      (unsigned long long)(info.shared_ram / PAGE_SIZE),
                      (unsigned long long)(usage.in_blocks / 2),
                      (unsigned long long)(usage.out_blocks / 2),
                      (unsigned long long)(usage.minor_faults + usage.major_faults),
                      (unsigned long long)usage.major_faults);
    return 0;
}
