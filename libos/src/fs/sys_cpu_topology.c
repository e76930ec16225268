/*
 * /sys/devices/system/cpu/cpuN: topology, caches, online.
 */
#include "sys_internal.h"

enum { /* groups of CPUs that belong to the one the file is about */
       GROUP_CORE,
       GROUP_SOCKET,
       GROUP_CACHE,
};
enum { /* what a file of cache/indexN tells */
       CACHE_LINE_SIZE,
       CACHE_ID,
       CACHE_LEVEL,
       CACHE_SETS,
       CACHE_PARTITION,
       CACHE_SIZE,
       CACHE_TYPE,
       CACHE_WAYS,
};

static const PAL_CPU_THREAD_INFO* threads(void) {
    return libos_topology()->threads;
}

static uint64_t cpu_count(void) {
    return libos_topology()->thread_count;
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* Place of a CPU when they are ordered by socket, core, number: caches are shared by neighbours. */
static uint64_t rank_of(uint64_t cpu) {
    const PAL_CPU_THREAD_INFO* t = threads();
    uint64_t rank = 0;
    for (uint64_t i = 0; i < cpu_count(); i++) {
        if (i == cpu || !t[i].online)
            continue;
        if (t[i].socket_id != t[cpu].socket_id)
            rank += t[i].socket_id < t[cpu].socket_id;
        else if (t[i].core_id != t[cpu].core_id)
            rank += t[i].core_id < t[cpu].core_id;
        else
            rank += i < cpu;
    }
    return rank;
}

struct group {
    int kind;
    uint64_t cpu;
    uint64_t shared_by;
};

static bool in_group(uint64_t arg, uint64_t other) {
    const struct group* g = (const struct group*)arg;
    const PAL_CPU_THREAD_INFO* t = threads();
    if (!t[other].online)
        return false;
    bool same_socket = t[other].socket_id == t[g->cpu].socket_id;
    switch (g->kind) {
        case GROUP_CORE:
            return same_socket && t[other].core_id == t[g->cpu].core_id;
        case GROUP_SOCKET:
            return same_socket;
        default:
            return rank_of(other) / g->shared_by == rank_of(g->cpu) / g->shared_by;
    }
}

static void show_group(struct libos_text* out, const struct group* g, bool list) {
    if (list) {
        libos_text_list(out, cpu_count(), in_group, (uint64_t)g);
    } else {
        libos_text_map(out, cpu_count(), in_group, (uint64_t)g);
        text_literal(out, "\n");
    }
}

/* ---- topology -------------------------------------------------------------------------------- */

static int show_siblings(const struct libos_pseudo_at* at, struct libos_text* out, bool list) {
    struct group g = {.kind = (int)(uintptr_t)at->node->data, .cpu = at->ids[0]};
    show_group(out, &g, list);
    return 0;
}

static SYS_SHOW(show_map) {
    return show_siblings(at, out, false);
}

static SYS_SHOW(show_list) {
    return show_siblings(at, out, true);
}

static SYS_SHOW(show_core_id) {
    libos_text_printf(out, "%u\n", threads()[at->ids[0]].core_id);
    return 0;
}

static SYS_SHOW(show_socket_id) {
    libos_text_printf(out, "%u\n", threads()[at->ids[0]].socket_id);
    return 0;
}

static SYS_SHOW(show_online) {
    libos_text_printf(out, "%d\n", threads()[at->ids[0]].online);
    return 0;
}

static bool is_online(const struct libos_pseudo_at* dir) {
    return dir->ids[0] < cpu_count() && threads()[dir->ids[0]].online;
}

/* The first CPU cannot be taken offline and has no such file on most machines; the documents that
 * this LibOS follows list it for every one. */
static const struct libos_pseudo_node g_topology[] = {
    SYS_FILE("core_cpus", show_map, GROUP_CORE),
    SYS_FILE("core_cpus_list", show_list, GROUP_CORE),
    SYS_FILE("core_id", show_core_id, 0),
    SYS_FILE("core_siblings", show_map, GROUP_SOCKET),
    SYS_FILE("core_siblings_list", show_list, GROUP_SOCKET),
    SYS_FILE("die_cpus", show_map, GROUP_SOCKET),
    SYS_FILE("die_cpus_list", show_list, GROUP_SOCKET),
    SYS_CONST("die_id", "0"),
    SYS_FILE("package_cpus", show_map, GROUP_SOCKET),
    SYS_FILE("package_cpus_list", show_list, GROUP_SOCKET),
    SYS_FILE("physical_package_id", show_socket_id, 0),
    SYS_FILE("thread_siblings", show_map, GROUP_CORE),
    SYS_FILE("thread_siblings_list", show_list, GROUP_CORE),
    {0},
};

/* ---- caches ---------------------------------------------------------------------------------- */

static uint64_t cache_count(void) {
    return MIN(libos_topology()->cache_count, (PAL_NUM)PAL_MAX_CACHES);
}

static uint64_t sharers(const PAL_CACHE_INFO* c) {
    return c->shared_by ? c->shared_by : 1;
}

static SYS_SHOW(show_cache) {
    static const char* const types[] = {"Data", "Instruction", "Unified"};
    const PAL_CACHE_INFO* c = &libos_topology()->caches[at->ids[1]];
    unsigned long long value = 0;
    switch ((uintptr_t)at->node->data) {
        case CACHE_LINE_SIZE:
            value = c->line_size;
            break;
        case CACHE_ID:
            value = rank_of(at->ids[0]) / sharers(c);
            break;
        case CACHE_LEVEL:
            value = c->level;
            break;
        case CACHE_SETS:
            value = c->sets;
            break;
        case CACHE_PARTITION:
            value = c->partitions;
            break;
        case CACHE_WAYS:
            value = c->ways;
            break;
        case CACHE_SIZE:
            libos_text_printf(out, "%lluK\n", (unsigned long long)(c->size / 1024));
            return 0;
        default:
            libos_text_printf(out, "%s\n", types[MIN(c->type, 2u)]);
            return 0;
    }
    libos_text_printf(out, "%llu\n", value);
    return 0;
}

static SYS_SHOW(show_cache_sharers) {
    const PAL_CACHE_INFO* c = &libos_topology()->caches[at->ids[1]];
    struct group g = {.kind = GROUP_CACHE, .cpu = at->ids[0], .shared_by = sharers(c)};
    show_group(out, &g, at->node->data);
    return 0;
}

static bool match_index(const struct libos_pseudo_at* dir, const char* name, size_t len,
                        uint64_t* id) {
    (void)dir;
    return libos_pseudo_prefixed("index", name, len, id) && *id < cache_count();
}

static void list_indexes(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg) {
    (void)dir;
    for (uint64_t i = 0; i < cache_count(); i++) {
        char name[16];
        snprintf(name, sizeof(name), "index%llu", (unsigned long long)i);
        if (!emit(arg, name, i))
            return;
    }
}

static const struct libos_pseudo_node g_index[] = {
    SYS_FILE("coherency_line_size", show_cache, CACHE_LINE_SIZE),
    SYS_FILE("id", show_cache, CACHE_ID),
    SYS_FILE("level", show_cache, CACHE_LEVEL),
    SYS_FILE("number_of_sets", show_cache, CACHE_SETS),
    SYS_FILE("physical_line_partition", show_cache, CACHE_PARTITION),
    SYS_FILE("shared_cpu_list", show_cache_sharers, true),
    SYS_FILE("shared_cpu_map", show_cache_sharers, false),
    SYS_FILE("size", show_cache, CACHE_SIZE),
    SYS_FILE("type", show_cache, CACHE_TYPE),
    SYS_FILE("ways_of_associativity", show_cache, CACHE_WAYS),
    {0},
};

static const struct libos_pseudo_node g_cache[] = {
    {.mode = S_IFDIR | 0755, .match = match_index, .list = list_indexes, .children = g_index},
    {0},
};

const struct libos_pseudo_node g_sys_cpuN_children[] = {
    {.name = "cache", .mode = S_IFDIR | 0755, .children = g_cache, .exists = is_online},
    SYS_FILE("online", show_online, 0),
    {.name = "topology", .mode = S_IFDIR | 0755, .children = g_topology, .exists = is_online},
    {0},
};
