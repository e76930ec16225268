/*
 * Clocks: read through the host's vDSO, which costs no system call for the common ones.
 */
#include <linux/elf.h>

#include "host_internal.h"

PAL_NUM g_vdso_start, g_vdso_end;
static long (*g_gettime)(long clock, struct __kernel_timespec* ts);

struct vdso {
    const char* base;
    const Elf64_Sym* symbols;
    const char* strings;
    const uint32_t *hash, *gnu_hash;
};

static uint32_t gnu_symbol_count(const uint32_t* hash) {
    uint32_t buckets = hash[0], first = hash[1], bloom = hash[2], last = 0;
    const uint32_t* bucket = hash + 4 + 2 * bloom;
    const uint32_t* chain = bucket + buckets;
    for (uint32_t i = 0; i < buckets; i++)
        last = bucket[i] > last ? bucket[i] : last;
    if (last < first)
        return first;
    while (!(chain[last - first] & 1))
        last++;
    return last + 1;
}

static void read_vdso(struct vdso* v, const Elf64_Phdr* phdr, int count) {
    PAL_NUM bias = 0;
    const Elf64_Dyn* dyn = NULL;
    for (int i = 0; i < count; i++) {
        if (phdr[i].p_type == PT_LOAD) {
            bias = (PAL_NUM)v->base + phdr[i].p_offset - phdr[i].p_vaddr;
            g_vdso_start = bias + phdr[i].p_vaddr;
            g_vdso_end = PAGE_UP(g_vdso_start + phdr[i].p_memsz);
        } else if (phdr[i].p_type == PT_DYNAMIC) {
            dyn = (const void*)(v->base + phdr[i].p_offset);
        }
    }
    for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
        const void* at = (const void*)(bias + dyn->d_un.d_ptr);
        if (dyn->d_tag == DT_STRTAB)
            v->strings = at;
        else if (dyn->d_tag == DT_SYMTAB)
            v->symbols = at;
        else if (dyn->d_tag == DT_HASH)
            v->hash = at;
        else if (dyn->d_tag == 0x6ffffef5 /* DT_GNU_HASH */)
            v->gnu_hash = at;
    }
    v->base = (const char*)bias;
}

static void note_symbol(const char* name, PAL_NUM address) {
    static const struct {
        const char* name;
        PAL_NUM* field;
    } wanted[] = {
        {"__vdso_clock_gettime", &g_control.vdso_clock_gettime},
        {"__vdso_gettimeofday", &g_control.vdso_gettimeofday},
        {"__vdso_time", &g_control.vdso_time},
        {"__vdso_getcpu", &g_control.vdso_getcpu},
        {"__vdso_clock_getres", &g_control.vdso_clock_getres},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (!strcmp(name, wanted[i].name))
            *wanted[i].field = address;
    }
}

void host_clock_init(PAL_NUM base) {
    const Elf64_Ehdr* ehdr = (const void*)base;
    struct vdso v = {.base = (const char*)base};
    if (!base || memcmp(ehdr->e_ident, ELFMAG, SELFMAG) != 0)
        return;
    read_vdso(&v, (const void*)(base + ehdr->e_phoff), ehdr->e_phnum);
    if (!v.symbols || !v.strings || (!v.hash && !v.gnu_hash))
        return;
    uint32_t count = v.hash ? v.hash[1] : gnu_symbol_count(v.gnu_hash);
    for (uint32_t i = 0; i < count; i++) {
        if (v.symbols[i].st_shndx != SHN_UNDEF)
            note_symbol(v.strings + v.symbols[i].st_name, (PAL_NUM)v.base + v.symbols[i].st_value);
    }
    g_gettime = (void*)g_control.vdso_clock_gettime;
    if (g_gettime)
        g_control.capabilities |= PAL_CAP_VDSO;
}

int PalClockGet(PAL_FLG clock, PAL_NUM* time_ns) {
    struct __kernel_timespec ts;
    bool in_vdso = clock != PAL_CLOCK_PROCESS_CPU && clock != PAL_CLOCK_THREAD_CPU && clock < 12;
    long ret =
        in_vdso && g_gettime ? g_gettime(clock, &ts) : host_syscall(__NR_clock_gettime, clock, &ts);
    if (ret < 0)
        return host_error(ret);
    *time_ns = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
    return 0;
}

int PalClockResolution(PAL_FLG clock, PAL_NUM* resolution_ns) {
    struct __kernel_timespec ts;
    long ret = host_syscall(__NR_clock_getres, clock, &ts);
    if (ret < 0)
        return host_error(ret);
    *resolution_ns = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
    return 0;
}

int PalSystemTimeQuery(PAL_NUM* time_us) {
    PAL_NUM ns = 0;
    int ret = PalClockGet(PAL_CLOCK_REALTIME, &ns);
    if (!ret)
        *time_us = ns / 1000;
    return ret;
}

int PalClockSleep(PAL_FLG clock, PAL_NUM deadline_ns) {
    if (deadline_ns > INT64_MAX) /* as good as forever */
        deadline_ns = INT64_MAX;
    struct __kernel_timespec ts = host_timespec(deadline_ns);
    return host_error(
        host_syscall_block(__NR_clock_nanosleep, clock, 1 /* TIMER_ABSTIME */, &ts, NULL));
}
