/*
 * The first stack of a program, laid out as Linux does on x86-64 (from high to low addresses):
 * eight zero bytes, the file name, the environment, the arguments, padding, "x86_64", 16 random
 * bytes, the auxiliary vector, envp, argv, argc.
 */
#include <linux/auxvec.h>
#include <linux/mman.h>
#include "../mm/libos_mm_calls.h"
#include "elf_internal.h"
#include "libos_mm.h"
#include "libos_process.h"

#ifndef AT_RSEQ_ALIGN
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN        28
#endif
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#define AUXV_MAX    28
#define STACK_FIRST (128UL << 10) /* beyond the arguments, from the start; it grows */
#define PLATFORM    "x86_64"
/* What a signal frame needs besides the XSAVE area: registers, siginfo, alignment, red zone. */
#define SIGNAL_FRAME_REST 704

struct auxv {
    uint64_t words[2 * AUXV_MAX];
    size_t count; /* words */
};

static void aux(struct auxv* v, uint64_t type, uint64_t value) {
    BUG_ON(v->count + 2 > ARRAY_SIZE(v->words));
    v->words[v->count++] = type;
    v->words[v->count++] = value;
}

static void fill_auxv(struct auxv* v, const struct exec* e, const struct exec_image* prog,
                      uint64_t interp_base, uint64_t random, uint64_t platform, uint64_t execfn) {
    const struct libos_thread* t = get_cur_thread();
    const PAL_CPU_INFO* cpu = &g_pal_control->cpu_info;
    uint64_t vdso = libos_vdso_map ? libos_vdso_map() : 0;
    if (vdso) {
        aux(v, AT_SYSINFO_EHDR, vdso);
    }
    aux(v, AT_MINSIGSTKSZ, ALIGN_UP(cpu->xsave_size + SIGNAL_FRAME_REST, 16));
    aux(v, AT_HWCAP, cpu->hwcap);
    aux(v, AT_PAGESZ, PAGE_SIZE);
    aux(v, AT_CLKTCK, 100);
    aux(v, AT_PHDR, prog->phdr);
    aux(v, AT_PHENT, sizeof(struct elf64_phdr));
    aux(v, AT_PHNUM, e->prog.ehdr.e_phnum);
    aux(v, AT_BASE, interp_base);
    aux(v, AT_FLAGS, 0);
    aux(v, AT_ENTRY, prog->entry);
    aux(v, AT_UID, t->uid);
    aux(v, AT_EUID, t->euid);
    aux(v, AT_GID, t->gid);
    aux(v, AT_EGID, t->egid);
    aux(v, AT_SECURE, t->uid != t->euid || t->gid != t->egid);
    aux(v, AT_RANDOM, random);
    aux(v, AT_HWCAP2, cpu->hwcap2);
    if (g_pal_control->rseq_align) {
        aux(v, AT_RSEQ_FEATURE_SIZE, g_pal_control->rseq_feature_size);
        aux(v, AT_RSEQ_ALIGN, g_pal_control->rseq_align);
    }
    aux(v, AT_EXECFN, execfn);
    aux(v, AT_PLATFORM, platform);
    aux(v, AT_NULL, 0);
}

static int map_stack(const struct exec* e, uint64_t* top) {
    uint64_t limit = libos_rlimit(RLIMIT_STACK);
    uint64_t used = PAGE_UP(e->args.used + strlen(e->filename) + 1 + 8);
    uint64_t size = MIN(used + STACK_FIRST, MAX(PAGE_DOWN(limit), used));
    libos_mm_stack_limit(limit);
    *top = mm_stack_top();
    int prot = PROT_READ | PROT_WRITE | (e->exec_stack ? PROT_EXEC : 0);
    long ret = libos_mm_map(*top - size, size, prot,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE, NULL,
                            0, VMA_STACK, NULL);
    return ret < 0 ? (int)ret : 0;
}

/* n pointers to the strings that lie one after the other from `at`, and a NULL. */
static uint64_t* fill_pointers(uint64_t* out, const char* strings, size_t n, uint64_t at) {
    for (size_t i = 0; i < n; i++) {
        *out++ = at;
        size_t size = strlen(strings) + 1;
        strings += size;
        at += size;
    }
    *out++ = 0;
    return out;
}

struct layout {
    uint64_t execfn, envs, args, platform, random, table;
};

/* argc, argv, envp, auxv in one block. */
static int write_table(const struct exec* e, const struct layout* l, const struct auxv* v) {
    size_t words = 1 + e->args.argc + 1 + e->args.envc + 1 + v->count;
    uint64_t* table = libos_malloc(words * 8);
    if (!table) {
        return -ENOMEM;
    }
    uint64_t* p = table;
    *p++ = e->args.argc;
    p = fill_pointers(p, e->args.buf, e->args.argc, l->args);
    p = fill_pointers(p, e->args.buf + e->args.arg_size, e->args.envc, l->envs);
    memcpy(p, v->words, v->count * 8);
    int ret = user_copy_to((void*)l->table, table, words * 8);
    libos_free(table);
    cur_process()->auxv_start = l->table + (words - v->count) * 8;
    cur_process()->auxv_end = l->table + words * 8;
    return ret;
}

static int write_strings(const struct exec* e, const struct layout* l, const uint8_t random[16]) {
    int ret = user_copy_to((void*)l->args, e->args.buf, e->args.used);
    if (!ret) {
        ret = user_copy_to((void*)l->execfn, e->filename, strlen(e->filename) + 1);
    }
    if (!ret) {
        ret = user_copy_to((void*)l->platform, PLATFORM, sizeof(PLATFORM));
    }
    return ret ? ret : user_copy_to((void*)l->random, random, 16);
}

int exec_build_stack(const struct exec* e, const struct exec_image* prog, uint64_t interp_base,
                     uint64_t* sp) {
    uint64_t top;
    uint8_t random[16];
    int ret = map_stack(e, &top);
    if (!ret) {
        ret = (int)pal_to_errno(PalRandomBitsRead(random, sizeof(random)));
    }
    if (ret < 0) {
        return ret;
    }
    struct layout l;
    l.execfn = top - 8 - (strlen(e->filename) + 1);
    l.args = l.execfn - e->args.used;
    l.envs = l.args + e->args.arg_size;
    /* Linux: arch_align_stack(), up to 8 KiB at random. */
    uint64_t p = l.args - (mm_random(8192) & ~15UL);
    l.platform = ALIGN_DOWN(p, 16) - 16 + (16 - sizeof(PLATFORM));
    l.random = ALIGN_DOWN(l.platform, 16) - 16 - 7; /* an odd place, as Linux has it */
    struct auxv v = {.count = 0};
    fill_auxv(&v, e, prog, interp_base, l.random, l.platform, l.execfn);
    size_t words = 1 + e->args.argc + 1 + e->args.envc + 1 + v.count;
    l.table = ALIGN_DOWN(l.random - words * 8, 16);
    ret = write_strings(e, &l, random);
    if (!ret) {
        ret = write_table(e, &l, &v);
    }
    cur_process()->arg_start = l.args;
    cur_process()->arg_end = cur_process()->env_start = l.envs;
    cur_process()->env_end = l.execfn;
    cur_process()->start_stack = l.table;
    mm_set_start_stack(l.table);
    *sp = l.table;
    return ret;
}
