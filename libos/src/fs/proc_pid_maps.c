/*
 * /proc/[pid]/maps, smaps, smaps_rollup.
 */
#include <asm/mman.h>

#include "libos_mm.h"
#include "proc_internal.h"

#define NAME_COLUMN    72   /* of the path in a line of maps */
#define RESIDENT_CHUNK 4096 /* pages asked for at a time */

#define ULL(x) ((unsigned long long)(x))

/* ---- one line of maps ------------------------------------------------------------------------ */

struct file_id { /* of the file behind the last line: neighbours often share it */
    struct libos_file* file;
    uint64_t dev, ino;
};

static void identify(struct file_id* id, struct libos_file* f) {
    if (id->file == f)
        return;
    struct libos_stat st = {0};
    libos_file_stat(f, &st);
    *id = (struct file_id){f, st.dev, st.ino};
}

static void put_name(struct libos_text* out, const struct libos_vma_info* v) {
    char name[PATH_MAX];
    if (v->file) {
        long len = libos_file_get_name(v->file, name, sizeof(name));
        for (long i = 0; i < len; i++) {
            if (name[i] == '\n')
                text_literal(out, "\\012");
            else
                libos_text_append(out, &name[i], 1);
        }
    } else if (v->name && v->name[0]) {
        libos_text_printf(
            out, v->name[0] == '[' || strcmp(v->name, "/[aio] (deleted)") == 0 ? "%s" : "[anon:%s]",
            v->name);
    } else {
        text_literal(out, "/dev/zero (deleted)");
    }
}

static void show_line(struct libos_text* out, const struct libos_vma_info* v, struct file_id* id) {
    uint64_t dev = 0, ino = v->inode;
    if (v->file) {
        identify(id, v->file);
        dev = id->dev;
        ino = id->ino;
    } else if (v->inode) {
        dev = 1;
    }
    size_t start = out->size;
    libos_text_printf(out, "%08llx-%08llx %c%c%c%c %08llx %02llx:%02llx %llu ", ULL(v->start),
                      ULL(v->end), v->prot & PROT_READ ? 'r' : '-',
                      v->prot & PROT_WRITE ? 'w' : '-', v->prot & PROT_EXEC ? 'x' : '-',
                      v->flags & VMA_SHARED ? 's' : 'p', ULL(v->file || v->inode ? v->offset : 0),
                      ULL(dev >> 8 & 0xfff), ULL((dev & 0xff) | (dev >> 12 & 0xfff00)), ULL(ino));
    if (v->file || v->inode || (v->name && v->name[0])) {
        while (out->size - start <= NAME_COLUMN && !out->error)
            text_literal(out, " ");
        put_name(out, v);
    }
    text_literal(out, "\n");
}

PROC_SHOW(proc_show_maps) {
    (void)at;
    struct libos_vma_info* vmas;
    size_t count;
    int ret = libos_mm_snapshot(&vmas, &count);
    if (ret < 0)
        return ret;
    struct file_id id = {0};
    for (size_t i = 0; i < count; i++)
        show_line(out, &vmas[i], &id);
    libos_mm_snapshot_free(vmas, count);
    return 0;
}

/* ---- smaps ----------------------------------------------------------------------------------- */

struct counters { /* bytes */
    uint64_t rss, anonymous, file, shared, locked;
};

/* The host tells which pages are in memory, not who else maps them: private pages count as dirty,
 * pages of files as clean and shared. */
static void count_pages(const struct libos_vma_info* v, struct counters* c) {
    uint8_t vec[RESIDENT_CHUNK];
    uint64_t resident = 0;
    for (uint64_t at = v->start; at < v->end;) {
        uint64_t size = MIN(v->end - at, RESIDENT_CHUNK * PAGE_SIZE);
        if (PalVirtualMemoryResident((PAL_PTR)at, size, vec) < 0)
            break;
        for (uint64_t i = 0; i < size / PAGE_SIZE; i++)
            resident += vec[i] & 1;
        at += size;
    }
    resident *= PAGE_SIZE;
    c->rss += resident;
    if (v->file)
        c->file += resident;
    else if (v->flags & VMA_SHARED)
        c->shared += resident;
    else
        c->anonymous += resident;
    if (v->flags & VMA_LOCKED)
        c->locked += resident;
}

static void kb(struct libos_text* out, const char* name, uint64_t bytes) {
    libos_text_printf(out, "%-15s %8llu kB\n", name, ULL(bytes / 1024));
}

static void show_counters(struct libos_text* out, const struct counters* c, bool rollup) {
    kb(out, "Rss:", c->rss);
    kb(out, "Pss:", c->rss);
    kb(out, "Pss_Dirty:", c->anonymous + c->shared);
    if (rollup) {
        kb(out, "Pss_Anon:", c->anonymous);
        kb(out, "Pss_File:", c->file);
        kb(out, "Pss_Shmem:", c->shared);
    }
    kb(out, "Shared_Clean:", c->file);
    kb(out, "Shared_Dirty:", c->shared);
    kb(out, "Private_Clean:", 0);
    kb(out, "Private_Dirty:", c->anonymous);
    kb(out, "Referenced:", c->rss);
    kb(out, "Anonymous:", c->anonymous);
    static const char* const zeros[] = {
        "KSM:",           "LazyFree:",       "AnonHugePages:",   "ShmemPmdMapped:",
        "FilePmdMapped:", "Shared_Hugetlb:", "Private_Hugetlb:", "Swap:",
        "SwapPss:"};
    for (size_t i = 0; i < ARRAY_SIZE(zeros); i++)
        kb(out, zeros[i], 0);
    kb(out, "Locked:", c->locked);
}

static void show_flags(struct libos_text* out, const struct libos_vma_info* v) {
    static const struct {
        uint32_t flag;
        const char* name;
    } names[] = {
        {VMA_GROWSDOWN, "gd "}, {VMA_LOCKED, "lo "},     {VMA_SEQ_READ, "sr "},
        {VMA_RAND_READ, "rr "}, {VMA_DONTFORK, "dc "},   {VMA_DONTEXPAND, "de "},
        {VMA_NORESERVE, "nr "}, {VMA_WIPEONFORK, "wf "}, {VMA_DONTDUMP, "dd "},
        {VMA_HUGEPAGE, "hg "},  {VMA_NOHUGEPAGE, "nh "}, {VMA_MERGEABLE, "mg "},
        {VMA_SEALED, "sl "},
    };
    text_literal(out, "VmFlags: ");
    if (v->prot & PROT_READ)
        text_literal(out, "rd ");
    if (v->prot & PROT_WRITE)
        text_literal(out, "wr ");
    if (v->prot & PROT_EXEC)
        text_literal(out, "ex ");
    if (v->flags & VMA_SHARED)
        text_literal(out, "sh ");
    text_literal(out, "mr ");
    if (!(v->flags & VMA_NOWRITE))
        text_literal(out, "mw ");
    if (!(v->flags & VMA_NOEXEC))
        text_literal(out, "me ");
    if (v->flags & VMA_SHARED)
        text_literal(out, "ms ");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (v->flags & names[i].flag)
            libos_text_append(out, names[i].name, 3);
    }
    text_literal(out, "\n");
}

PROC_SHOW(proc_show_smaps) {
    (void)at;
    struct libos_vma_info* vmas;
    size_t count;
    int ret = libos_mm_snapshot(&vmas, &count);
    if (ret < 0)
        return ret;
    struct file_id id = {0};
    for (size_t i = 0; i < count; i++) {
        struct counters c = {0};
        count_pages(&vmas[i], &c);
        show_line(out, &vmas[i], &id);
        kb(out, "Size:", vmas[i].end - vmas[i].start);
        kb(out, "KernelPageSize:", PAGE_SIZE);
        kb(out, "MMUPageSize:", PAGE_SIZE);
        show_counters(out, &c, false);
        text_literal(out, "THPeligible:           0\n");
        show_flags(out, &vmas[i]);
    }
    libos_mm_snapshot_free(vmas, count);
    return 0;
}

PROC_SHOW(proc_show_smaps_rollup) {
    (void)at;
    struct libos_vma_info* vmas;
    size_t count;
    int ret = libos_mm_snapshot(&vmas, &count);
    if (ret < 0)
        return ret;
    struct counters c = {0};
    for (size_t i = 0; i < count; i++)
        count_pages(&vmas[i], &c);
    if (count) {
        const struct libos_vma_info whole = {.start = vmas[0].start,
                                             .end = vmas[count - 1].end,
                                             .flags = VMA_ANON,
                                             .name = "[rollup]"};
        struct file_id id = {0};
        show_line(out, &whole, &id);
        show_counters(out, &c, true);
    }
    libos_mm_snapshot_free(vmas, count);
    return 0;
}
