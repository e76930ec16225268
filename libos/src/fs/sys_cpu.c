/*
 * /sys/devices/system/cpu: which CPUs there are.
 */
#include "sys_internal.h"

enum { /* node->data of the lists */
       LIST_ONLINE,
       LIST_OFFLINE,
       LIST_ALL,
       LIST_NONE,
};

static bool in_list(uint64_t which, uint64_t cpu) {
    bool online = libos_topology()->threads[cpu].online;
    switch (which) {
        case LIST_ONLINE:
            return online;
        case LIST_OFFLINE:
            return !online;
        default:
            return which == LIST_ALL;
    }
}

static SYS_SHOW(show_list) {
    libos_text_list(out, libos_topology()->thread_count, in_list, (uint64_t)at->node->data);
    return 0;
}

static SYS_SHOW(show_kernel_max) {
    (void)at;
    libos_text_printf(out, "%llu\n", (unsigned long long)libos_topology()->thread_count - 1);
    return 0;
}

/* Does any core have more than one online thread? */
static SYS_SHOW(show_smt_active) {
    (void)at;
    const PAL_TOPO_INFO* topo = libos_topology();
    bool smt = false;
    for (size_t i = 0; i < topo->thread_count && !smt; i++) {
        for (size_t k = 0; k < i && !smt; k++)
            smt = topo->threads[i].online && topo->threads[k].online &&
                  topo->threads[i].core_id == topo->threads[k].core_id &&
                  topo->threads[i].socket_id == topo->threads[k].socket_id;
    }
    libos_text_printf(out, "%d\n", smt);
    return 0;
}

static bool match_cpu(const struct libos_pseudo_at* dir, const char* name, size_t len,
                      uint64_t* id) {
    (void)dir;
    return libos_pseudo_prefixed("cpu", name, len, id) && *id < libos_topology()->thread_count;
}

static void list_cpus(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg) {
    (void)dir;
    for (uint64_t i = 0; i < libos_topology()->thread_count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "cpu%llu", (unsigned long long)i);
        if (!emit(arg, name, i))
            return;
    }
}

static const struct libos_pseudo_node g_smt[] = {
    SYS_FILE("active", show_smt_active, 0),
    SYS_CONST("control", "notimplemented"),
    {0},
};

const struct libos_pseudo_node g_sys_cpu_children[] = {
    {.mode = S_IFDIR | 0755,
     .match = match_cpu,
     .list = list_cpus,
     .children = g_sys_cpuN_children},
    SYS_FILE("isolated", show_list, LIST_NONE),
    SYS_FILE("kernel_max", show_kernel_max, 0),
    SYS_FILE("offline", show_list, LIST_OFFLINE),
    SYS_FILE("online", show_list, LIST_ONLINE),
    SYS_FILE("possible", show_list, LIST_ALL),
    SYS_FILE("present", show_list, LIST_ALL),
    SYS_DIR("smt", g_smt),
    {0},
};
