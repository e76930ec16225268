/*
 * /sys/devices/system/node: NUMA nodes.
 */
#include "sys_internal.h"

#define LOCAL_DISTANCE  10
#define REMOTE_DISTANCE 20 /* what firmware without a table tells */

static uint64_t node_count(void) {
    return MAX(libos_topology()->node_count, 1);
}

static bool exists_always(uint64_t arg, uint64_t node) {
    (void)arg, (void)node;
    return true;
}

static bool cpu_of_node(uint64_t node, uint64_t cpu) {
    const PAL_CPU_THREAD_INFO* t = &libos_topology()->threads[cpu];
    return t->online && t->node_id == node;
}

static SYS_SHOW(show_nodes) {
    (void)at;
    libos_text_list(out, node_count(), exists_always, 0);
    return 0;
}

static SYS_SHOW(show_cpulist) {
    libos_text_list(out, libos_topology()->thread_count, cpu_of_node, at->ids[0]);
    return 0;
}

static SYS_SHOW(show_cpumap) {
    libos_text_map(out, libos_topology()->thread_count, cpu_of_node, at->ids[0]);
    text_literal(out, "\n");
    return 0;
}

static SYS_SHOW(show_distance) {
    for (uint64_t i = 0; i < node_count(); i++)
        libos_text_printf(out, i ? " %d" : "%d",
                          i == at->ids[0] ? LOCAL_DISTANCE : REMOTE_DISTANCE);
    text_literal(out, "\n");
    return 0;
}

/* The host tells of memory as a whole: each node has an equal part of it. */
static SYS_SHOW(show_meminfo) {
    static const char* const zeros[] = {
        "SwapCached:", "Active:", "Inactive:",  "Dirty:", "Writeback:",
        "FilePages:",  "Mapped:", "AnonPages:", "Shmem:", "KernelStack:",
        "PageTables:", "Bounce:", "Slab:",
    };
    PAL_SYSTEM_INFO info = {0};
    PalSystemInfoQuery(&info);
    unsigned long long node = at->ids[0], parts = node_count();
    unsigned long long total = info.total_ram / 1024 / parts,
                       free_kb = info.free_ram / 1024 / parts;
    libos_text_printf(out,
                      "Node %llu MemTotal:       %8llu kB\nNode %llu MemFree:        %8llu kB\n"
                      "Node %llu MemUsed:        %8llu kB\n",
                      node, total, node, free_kb, node, total > free_kb ? total - free_kb : 0);
    for (size_t i = 0; i < ARRAY_SIZE(zeros); i++)
        libos_text_printf(out, "Node %llu %-15s %8d kB\n", node, zeros[i], 0);
    libos_text_printf(out,
                      "Node %llu HugePages_Total: %5d\nNode %llu HugePages_Free:  %5d\n"
                      "Node %llu HugePages_Surp:  %5d\n",
                      node, 0, node, 0, node, 0);
    return 0;
}

static bool match_node(const struct libos_pseudo_at* dir, const char* name, size_t len,
                       uint64_t* id) {
    (void)dir;
    return libos_pseudo_prefixed("node", name, len, id) && *id < node_count();
}

static void list_nodes(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg) {
    (void)dir;
    for (uint64_t i = 0; i < node_count(); i++) {
        char name[16];
        snprintf(name, sizeof(name), "node%llu", (unsigned long long)i);
        if (!emit(arg, name, i))
            return;
    }
}

static const struct libos_pseudo_node g_huge_2m[] = {
    SYS_CONST("free_hugepages", "0"),
    SYS_CONST("nr_hugepages", "0"),
    SYS_CONST("surplus_hugepages", "0"),
    {0},
};

static const struct libos_pseudo_node g_huge_1g[] = {
    SYS_CONST("free_hugepages", "0"),
    SYS_CONST("nr_hugepages", "0"),
    SYS_CONST("surplus_hugepages", "0"),
    {0},
};

static const struct libos_pseudo_node g_hugepages[] = {
    SYS_DIR("hugepages-1048576kB", g_huge_1g),
    SYS_DIR("hugepages-2048kB", g_huge_2m),
    {0},
};

static const struct libos_pseudo_node g_nodeN[] = {
    SYS_FILE("cpulist", show_cpulist, 0),   SYS_FILE("cpumap", show_cpumap, 0),
    SYS_FILE("distance", show_distance, 0), SYS_DIR("hugepages", g_hugepages),
    SYS_FILE("meminfo", show_meminfo, 0),   {0},
};

const struct libos_pseudo_node g_sys_node_children[] = {
    {.mode = S_IFDIR | 0755, .match = match_node, .list = list_nodes, .children = g_nodeN},
    SYS_FILE("has_cpu", show_nodes, 0),
    SYS_FILE("has_memory", show_nodes, 0),
    SYS_FILE("has_normal_memory", show_nodes, 0),
    SYS_FILE("online", show_nodes, 0),
    SYS_FILE("possible", show_nodes, 0),
    {0},
};
