/*
 * Loads one ELF shared object: the LibOS or a bare-PAL program. It may import PAL calls and nothing
 * else; whatever is not understood is refused with one line that names it. See pal/entry.h.
 */
#include "loader.h"

#include <linux/elf.h>

#include "culm_string.h"

#define PAGE          4096UL
#define ROUND_DOWN(x) ((x) & ~(PAGE - 1))
#define ROUND_UP(x)   ROUND_DOWN((x) + PAGE - 1)
#define MAX_SPAN      (1UL << 30)
#define MAX_PHDRS     32
#define STATUS_BROKEN 125 /* as every failed start */

#ifndef PT_GNU_RELRO
#define PT_GNU_RELRO 0x6474e552
#endif
#define DT_RELACOUNT_    0x6ffffff9
#define DT_FLAGS_1_      0x6ffffffb
#define DT_FLAGS_        30
#define DT_INIT_ARRAY_   25
#define DT_FINI_ARRAY_   26
#define DT_INIT_ARRAYSZ_ 27
#define DT_FINI_ARRAYSZ_ 28
#define DT_RELR_         36
#define DT_RELRSZ_       35
#define DT_RELRENT_      37
#define DF_TEXTREL_      4
#define R_64             1
#define R_GLOB_DAT       6
#define R_JUMP_SLOT      7
#define R_RELATIVE       8

struct load {
    const char* path;
    long file;
    Elf64_Ehdr ehdr;
    Elf64_Phdr phdrs[MAX_PHDRS];
    uintptr_t base, span;
    const char* strtab;
    uint64_t strsz;
    const Elf64_Sym* symtab;
    uint64_t rela, relasz, jmprel, pltrelsz, relr, relrsz;
};

#define REFUSE(l, ...)       refuse_(l, __VA_ARGS__)
#define refuse_(l, fmt, ...) host_die(STATUS_BROKEN, "%s: " fmt, (l)->path, ##__VA_ARGS__)

/* Pointer to size bytes of the image at link address addr; refuses what does not lie in one mapped
 * segment with these permissions (PF_R, PF_W, PF_X). */
static void* image_at(struct load* l, uint64_t addr, uint64_t size, uint32_t flags,
                      const char* what) {
    for (int i = 0; i < l->ehdr.e_phnum; i++) {
        const Elf64_Phdr* p = &l->phdrs[i];
        if (p->p_type == PT_LOAD && (p->p_flags & flags) == flags && addr >= p->p_vaddr &&
            addr - p->p_vaddr <= p->p_memsz && size <= p->p_memsz - (addr - p->p_vaddr))
            return (void*)(l->base + addr);
    }
    REFUSE(l, "broken ELF file: %s at 0x%lx is not where it may be", what, (unsigned long)addr);
}

static void read_headers(struct load* l) {
    int64_t n = pal_loader_read(l->file, &l->ehdr, sizeof(l->ehdr), 0);
    const Elf64_Ehdr* e = &l->ehdr;
    if (n < 0)
        REFUSE(l, "cannot read: %s", pal_strerror(n));
    if (n != sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG) != 0)
        REFUSE(l, "not an ELF file");
    if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB ||
        e->e_machine != EM_X86_64)
        REFUSE(l, "not an ELF file for x86-64");
    if (e->e_type != ET_DYN)
        REFUSE(l, "not a shared object (link it with -shared)");
    if (e->e_phentsize != sizeof(Elf64_Phdr) || e->e_phnum == 0 || e->e_phnum > MAX_PHDRS)
        REFUSE(l, "broken ELF file: program headers");
    uint64_t size = e->e_phnum * sizeof(Elf64_Phdr);
    if (e->e_phoff > INT64_MAX - size ||
        pal_loader_read(l->file, l->phdrs, size, e->e_phoff) != (int64_t)size)
        REFUSE(l, "broken ELF file: truncated program headers");
}

static void check_segment(struct load* l, const Elf64_Phdr* p, uint64_t* last_end) {
    uint64_t end;
    if (p->p_filesz > p->p_memsz || __builtin_add_overflow(p->p_vaddr, p->p_memsz, &end) ||
        end > MAX_SPAN || p->p_offset > INT64_MAX - MAX_SPAN || p->p_vaddr < *last_end ||
        (p->p_vaddr - p->p_offset) % PAGE != 0)
        REFUSE(l, "broken ELF file: segment at 0x%lx", (unsigned long)p->p_vaddr);
    if ((p->p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
        REFUSE(l, "segment at 0x%lx is writable and executable", (unsigned long)p->p_vaddr);
    *last_end = ROUND_UP(end);
}

static void check_segments(struct load* l) {
    uint64_t last_end = 0;
    for (int i = 0; i < l->ehdr.e_phnum; i++) {
        const Elf64_Phdr* p = &l->phdrs[i];
        switch (p->p_type) {
            case PT_LOAD:
                check_segment(l, p, &last_end);
                break;
            case PT_INTERP:
                REFUSE(l, "wants an interpreter; the LibOS must be freestanding");
            case PT_TLS:
                REFUSE(l, "has thread-local storage; FS belongs to the guest");
            default:
                break;
        }
    }
    if (!last_end)
        REFUSE(l, "broken ELF file: nothing to load");
    l->span = last_end;
}

static uint32_t segment_prot(const Elf64_Phdr* p) {
    return (p->p_flags & PF_R ? PAL_PROT_READ : 0) | (p->p_flags & PF_W ? PAL_PROT_WRITE : 0) |
           (p->p_flags & PF_X ? PAL_PROT_EXEC : 0);
}

static void map_segment(struct load* l, const Elf64_Phdr* p) {
    uintptr_t start = l->base + ROUND_DOWN(p->p_vaddr);
    uintptr_t file_end = l->base + p->p_vaddr + p->p_filesz;
    uintptr_t end = ROUND_UP(l->base + p->p_vaddr + p->p_memsz);
    uintptr_t map_end = ROUND_UP(file_end);
    int ret = 0;
    if (p->p_filesz) {
        char probe; /* a mapping beyond the end of the file would fault later */
        if (pal_loader_read(l->file, &probe, 1, p->p_offset + p->p_filesz - 1) != 1)
            REFUSE(l, "broken ELF file: truncated segment at 0x%lx", (unsigned long)p->p_vaddr);
        ret = pal_loader_map(start, map_end - start, segment_prot(p), l->file,
                             ROUND_DOWN(p->p_offset));
    } else {
        map_end = start;
    }
    if (!ret && end > map_end)
        ret = pal_loader_map(map_end, end - map_end, segment_prot(p), -1, 0);
    if (ret)
        REFUSE(l, "cannot map segment at 0x%lx: %s", (unsigned long)p->p_vaddr, pal_strerror(ret));
    if (p->p_filesz && p->p_memsz > p->p_filesz && (p->p_flags & PF_W))
        memset((void*)file_end, 0, map_end - file_end);
}

static void map_image(struct load* l) {
    int ret = pal_loader_reserve(l->span, &l->base);
    if (ret)
        REFUSE(l, "no address space for the image: %s", pal_strerror(ret));
    for (int i = 0; i < l->ehdr.e_phnum; i++) {
        if (l->phdrs[i].p_type == PT_LOAD && l->phdrs[i].p_memsz)
            map_segment(l, &l->phdrs[i]);
    }
}

static void read_dynamic_entry(struct load* l, const Elf64_Dyn* d) {
    uint64_t v = d->d_un.d_val;
    switch (d->d_tag) {
        case DT_STRTAB:
            l->strtab = (const char*)v;
            break;
        case DT_STRSZ:
            l->strsz = v;
            break;
        case DT_SYMTAB:
            l->symtab = (const Elf64_Sym*)v;
            break;
        case DT_RELA:
            l->rela = v;
            break;
        case DT_RELASZ:
            l->relasz = v;
            break;
        case DT_JMPREL:
            l->jmprel = v;
            break;
        case DT_PLTRELSZ:
            l->pltrelsz = v;
            break;
        case DT_RELR_:
            l->relr = v;
            break;
        case DT_RELRSZ_:
            l->relrsz = v;
            break;
        case DT_RELAENT:
            if (v != sizeof(Elf64_Rela))
                REFUSE(l, "broken ELF file: relocation size");
            break;
        case DT_SYMENT:
            if (v != sizeof(Elf64_Sym))
                REFUSE(l, "broken ELF file: symbol size");
            break;
        case DT_NEEDED:
            REFUSE(l, "needs another library; the LibOS must be self-contained");
        case DT_REL:
        case DT_INIT:
        case DT_TEXTREL:
            REFUSE(l, "dynamic entry %ld is not supported", (long)d->d_tag);
        case DT_INIT_ARRAYSZ_:
            if (v)
                REFUSE(l, "has constructors; the LibOS is called at its entry point only");
            break;
        case DT_FLAGS_:
            if (v & DF_TEXTREL_)
                REFUSE(l, "has text relocations (compile with -fPIC)");
            break;
        default:
            break;
    }
}

static void read_dynamic(struct load* l) {
    for (int i = 0; i < l->ehdr.e_phnum; i++) {
        const Elf64_Phdr* p = &l->phdrs[i];
        if (p->p_type != PT_DYNAMIC)
            continue;
        const Elf64_Dyn* d = image_at(l, p->p_vaddr, p->p_memsz, PF_R, "the dynamic section");
        for (uint64_t n = p->p_memsz / sizeof(*d); n && d->d_tag != DT_NULL; n--, d++)
            read_dynamic_entry(l, d);
    }
    if (l->strtab)
        l->strtab = image_at(l, (uintptr_t)l->strtab, l->strsz, PF_R, "the string table");
    if (l->strtab && (!l->strsz || l->strtab[l->strsz - 1]))
        REFUSE(l, "broken ELF file: string table");
}

static const void* find_pal_symbol(struct load* l, const char* name) {
    size_t low = 0, high = g_pal_symbol_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = strcmp(name, g_pal_symbols[mid].name);
        if (!c)
            return g_pal_symbols[mid].address;
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    REFUSE(l, "undefined symbol %s: not a PAL call", name);
}

static uint64_t symbol_value(struct load* l, uint32_t index) {
    uint64_t at = (uintptr_t)l->symtab + index * sizeof(Elf64_Sym);
    if (!l->symtab || !l->strtab)
        REFUSE(l, "broken ELF file: no symbol table");
    const Elf64_Sym* sym = image_at(l, at, sizeof(*sym), PF_R, "a symbol");
    if (sym->st_shndx != SHN_UNDEF)
        return sym->st_shndx == SHN_ABS ? sym->st_value : l->base + sym->st_value;
    if (sym->st_name >= l->strsz)
        REFUSE(l, "broken ELF file: symbol name");
    return (uintptr_t)find_pal_symbol(l, l->strtab + sym->st_name);
}

static void relocate_one(struct load* l, const Elf64_Rela* r) {
    uint64_t* where = image_at(l, r->r_offset, sizeof(*where), PF_R | PF_W, "a relocation");
    switch (ELF64_R_TYPE(r->r_info)) {
        case R_RELATIVE:
            *where = l->base + r->r_addend;
            break;
        case R_GLOB_DAT:
        case R_JUMP_SLOT:
        case R_64:
            *where = symbol_value(l, ELF64_R_SYM(r->r_info)) + r->r_addend;
            break;
        case 0:
            break;
        default:
            REFUSE(l, "relocation type %lu is not supported",
                   (unsigned long)ELF64_R_TYPE(r->r_info));
    }
}

static void relocate_table(struct load* l, uint64_t addr, uint64_t size) {
    if (!size)
        return;
    const Elf64_Rela* r = image_at(l, addr, size, PF_R, "the relocations");
    for (uint64_t n = size / sizeof(*r); n; n--, r++)
        relocate_one(l, r);
}

/* Packed relative relocations: an address, then bitmaps of the 63 words that follow it. */
static void relocate_packed(struct load* l) {
    if (!l->relrsz)
        return;
    const uint64_t* r = image_at(l, l->relr, l->relrsz, PF_R, "the packed relocations");
    uint64_t at = 0;
    for (uint64_t n = l->relrsz / sizeof(*r); n; n--, r++) {
        if (!(*r & 1)) {
            *(uint64_t*)image_at(l, *r, 8, PF_R | PF_W, "a relocation") += l->base;
            at = *r + 8;
            continue;
        }
        for (int bit = 1; bit < 64; bit++) {
            if (*r >> bit & 1)
                *(uint64_t*)image_at(l, at + (bit - 1) * 8, 8, PF_R | PF_W, "a relocation") +=
                    l->base;
        }
        at += 63 * 8;
    }
}

static void protect_relro(struct load* l) {
    for (int i = 0; i < l->ehdr.e_phnum; i++) {
        const Elf64_Phdr* p = &l->phdrs[i];
        if (p->p_type != PT_GNU_RELRO)
            continue;
        if (p->p_vaddr > l->span || p->p_memsz > l->span - p->p_vaddr)
            REFUSE(l, "broken ELF file: the RELRO segment lies outside of the image");
        uintptr_t start = ROUND_DOWN(p->p_vaddr), end = ROUND_DOWN(p->p_vaddr + p->p_memsz);
        int ret = end > start ? pal_loader_protect(l->base + start, end - start, PAL_PROT_READ) : 0;
        if (ret)
            REFUSE(l, "cannot protect RELRO: %s", pal_strerror(ret));
    }
}

void pal_load_image(const char* path, long file, struct pal_image* image) {
    struct load load = {.path = path, .file = file};
    struct load* l = &load;
    read_headers(l);
    check_segments(l);
    map_image(l);
    read_dynamic(l);
    relocate_table(l, l->rela, l->relasz);
    relocate_table(l, l->jmprel, l->pltrelsz);
    relocate_packed(l);
    protect_relro(l);
    if (!l->ehdr.e_entry)
        REFUSE(l, "has no entry point (link it with -Wl,-e,libos_start)");
    image_at(l, l->ehdr.e_entry, 1, PF_X, "the entry point");
    image->base = l->base;
    image->end = l->base + l->span;
    image->entry = (pal_entry_t)(l->base + l->ehdr.e_entry);
}
