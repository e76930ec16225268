/*
 * CPU names, flags, caches and topology: costly to learn, so only when first asked for.
 */
#include "host_internal.h"

struct host_lock g_topology_lock = HOST_LOCK_INIT;
static bool g_filled; /* guarded by g_topology_lock for writing */
static char g_flags[4096];

static void fill_names(PAL_CPU_INFO* cpu) {
    PAL_IDX v[4];
    PalCpuIdRetrieve(0, 0, v);
    memcpy(cpu->cpu_vendor, &v[1], 4);
    memcpy(cpu->cpu_vendor + 4, &v[3], 4);
    memcpy(cpu->cpu_vendor + 8, &v[2], 4);
    PalCpuIdRetrieve(1, 0, v);
    PAL_NUM family = v[0] >> 8 & 15, model = v[0] >> 4 & 15;
    if (family == 15)
        family += v[0] >> 20 & 255;
    if (family >= 6)
        model += (v[0] >> 16 & 15) << 4;
    cpu->cpu_family = family;
    cpu->cpu_model = model;
    cpu->cpu_stepping = v[0] & 15;
    PalCpuIdRetrieve(0x80000000, 0, v);
    for (PAL_IDX i = 0; i < 3 && v[0] >= 0x80000004; i++) {
        PAL_IDX part[4];
        PalCpuIdRetrieve(0x80000002 + i, 0, part);
        memcpy(cpu->cpu_brand + 16 * i, part, 16);
    }
}

/* The text after "name\t*: " on its line, cut at the line's end; NULL: no such line. */
static char* cpuinfo_value(char* text, const char* name) {
    char* at = strstr(text, name);
    at = at ? strchr(at, ':') : NULL;
    if (!at)
        return NULL;
    at += at[1] == ' ' ? 2 : 1;
    return at;
}

static void fill_from_cpuinfo(PAL_CPU_INFO* cpu) {
    char* text = host_map_internal(16384);
    cpu->cpu_flags = g_flags;
    if (!text)
        return;
    if (host_read_file("/proc/cpuinfo", text, 16384) > 0) {
        char* flags = cpuinfo_value(text, "\nflags");
        char* end = flags ? strchr(flags, '\n') : NULL;
        if (end && end - flags < (long)sizeof(g_flags)) {
            memcpy(g_flags, flags, end - flags);
            g_flags[end - flags] = '\0';
        }
        const char* mips = cpuinfo_value(text, "\nbogomips");
        if (mips) {
            cpu->cpu_bogomips_x100 = host_parse_number(&mips) * 100;
            if (*mips == '.' && mips[1] && mips[2])
                cpu->cpu_bogomips_x100 += (mips[1] - '0') * 10 + mips[2] - '0';
        }
        const char* mhz = cpuinfo_value(text, "\ncpu MHz");
        if (mhz && !cpu->tsc_khz)
            cpu->tsc_khz = host_parse_number(&mhz) * 1000;
    }
    host_syscall(__NR_munmap, text, 16384);
}

static void fill_tsc(PAL_CPU_INFO* cpu) {
    PAL_IDX max[4], v[4];
    PalCpuIdRetrieve(0, 0, max);
    if (max[0] < 0x15)
        return;
    PalCpuIdRetrieve(0x15, 0, v);
    if (v[0] && v[1] && v[2])
        cpu->tsc_khz = (PAL_NUM)v[2] * v[1] / v[0] / 1000;
}

/* Reads a number from /sys/devices/system/cpu/cpuN/<rest>; `missing` if there is none. */
static PAL_NUM cpu_number(PAL_IDX cpu, const char* rest, PAL_NUM missing) {
    char path[128], text[64];
    snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/%s", cpu, rest);
    if (host_read_file(path, text, sizeof(text)) <= 0)
        return missing;
    const char* at = text;
    PAL_NUM n = host_parse_number(&at);
    return *at == 'K' ? n * 1024 : *at == 'M' ? n << 20 : n;
}

/* Calls f for each number of a list such as "0-3,5". */
static void for_list(const char* text, void (*f)(PAL_IDX n, void* arg), void* arg) {
    while (*text >= '0' && *text <= '9') {
        PAL_NUM from = host_parse_number(&text), to = from;
        if (*text == '-') {
            text++;
            to = host_parse_number(&text);
        }
        for (; from <= to; from++)
            f(from, arg);
        text += *text == ',';
    }
}

static void count_up(PAL_IDX n, void* arg) {
    PAL_NUM* count = arg;
    if (n >= *count)
        *count = n + 1;
}

static void count_one(PAL_IDX n, void* arg) {
    (void)n;
    ++*(PAL_NUM*)arg;
}

static void set_online(PAL_IDX n, void* arg) {
    PAL_TOPO_INFO* topo = arg;
    if (n < topo->thread_count)
        topo->threads[n].online = true;
}

struct node_arg {
    PAL_TOPO_INFO* topo;
    PAL_IDX node;
};

static void set_node(PAL_IDX n, void* arg) {
    struct node_arg* a = arg;
    if (n < a->topo->thread_count)
        a->topo->threads[n].node_id = a->node;
}

static void read_node(PAL_IDX node, void* arg) {
    PAL_TOPO_INFO* topo = arg;
    char path[64], text[256];
    struct node_arg a = {topo, node};
    snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/cpulist", node);
    if (host_read_file(path, text, sizeof(text)) > 0)
        for_list(text, set_node, &a);
    topo->node_count++;
}

static void fill_caches(PAL_TOPO_INFO* topo) {
    for (PAL_IDX i = 0; i < PAL_MAX_CACHES; i++) {
        char rest[64], path[128], text[256];
        PAL_CACHE_INFO* c = &topo->caches[i];
#define FIELD(name) (snprintf(rest, sizeof(rest), "cache/index%u/" name, i), cpu_number(0, rest, 0))
        c->level = FIELD("level");
        if (!c->level)
            break;
        c->size = FIELD("size");
        c->line_size = FIELD("coherency_line_size");
        c->sets = FIELD("number_of_sets");
        c->partitions = FIELD("physical_line_partition");
        c->ways = FIELD("ways_of_associativity");
#undef FIELD
        PAL_NUM shared = 0;
        const char* base = "/sys/devices/system/cpu/cpu0/cache/index";
        snprintf(path, sizeof(path), "%s%u/shared_cpu_list", base, i);
        if (host_read_file(path, text, sizeof(text)) > 0)
            for_list(text, count_one, &shared);
        c->shared_by = shared ? shared : 1;
        snprintf(path, sizeof(path), "%s%u/type", base, i);
        host_read_file(path, text, sizeof(text));
        c->type = text[0] == 'D' ? 0 : text[0] == 'I' ? 1 : 2;
        topo->cache_count++;
    }
}

/* Cores and sockets are counted by their first thread. */
static void count_cores(PAL_TOPO_INFO* topo) {
    for (PAL_NUM i = 0; i < topo->thread_count; i++) {
        const PAL_CPU_THREAD_INFO* t = &topo->threads[i];
        bool new_core = t->online, new_socket = t->online;
        for (PAL_NUM j = 0; j < i; j++) {
            const PAL_CPU_THREAD_INFO* o = &topo->threads[j];
            if (!o->online || o->socket_id != t->socket_id)
                continue;
            new_socket = false;
            if (o->core_id == t->core_id)
                new_core = false;
        }
        topo->core_count += new_core;
        topo->socket_count += new_socket;
    }
}

static int fill_topology(PAL_TOPO_INFO* topo) {
    char text[256];
    if (host_read_file("/sys/devices/system/cpu/possible", text, sizeof(text)) > 0)
        for_list(text, count_up, &topo->thread_count);
    if (!topo->thread_count)
        topo->thread_count = 1;
    if (topo->thread_count > 8192)
        topo->thread_count = 8192;
    topo->threads = host_map_internal(topo->thread_count * sizeof(topo->threads[0]));
    if (!topo->threads)
        return PAL_ERROR_NOMEM;
    topo->threads[0].online = true;
    if (host_read_file("/sys/devices/system/cpu/online", text, sizeof(text)) > 0)
        for_list(text, set_online, topo);
    for (PAL_NUM i = 0; i < topo->thread_count; i++) {
        topo->threads[i].core_id = cpu_number(i, "topology/core_id", i);
        topo->threads[i].socket_id = cpu_number(i, "topology/physical_package_id", 0);
    }
    if (host_read_file("/sys/devices/system/node/online", text, sizeof(text)) > 0)
        for_list(text, read_node, topo);
    if (!topo->node_count)
        topo->node_count = 1;
    count_cores(topo);
    fill_caches(topo);
    return 0;
}

int PalTopologyQuery(void) {
    int ret = 0;
    PAL_SYSTEM_INFO info;
    if (__atomic_load_n(&g_filled, __ATOMIC_ACQUIRE))
        return 0;
    host_lock(&g_topology_lock);
    if (!g_filled) {
        fill_names(&g_control.cpu_info);
        fill_tsc(&g_control.cpu_info);
        fill_from_cpuinfo(&g_control.cpu_info);
        if (PalSystemInfoQuery(&info) == 0)
            g_control.mem_info.mem_total = info.total_ram;
        ret = fill_topology(&g_control.topo_info);
        __atomic_store_n(&g_filled, !ret, __ATOMIC_RELEASE);
    }
    host_unlock(&g_topology_lock);
    return ret;
}
