/*
 * Mapping the segments of an image. All of this is after the point of no return: any error ends the
 * process, so only that it is an error matters.
 */
#include <linux/mman.h>
#include "../mm/libos_mm_calls.h"
#include "elf_internal.h"
#include "libos_mm.h"

static int segment_prot(uint32_t flags) {
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
           (flags & PF_X ? PROT_EXEC : 0);
}

struct extent {
    uint64_t low, high, align; /* low and high: page-aligned; align: a power of two */
};

static int find_extent(const struct exec_file* f, struct extent* x) {
    *x = (struct extent){.low = UINT64_MAX, .align = PAGE_SIZE};
    for (int i = 0; i < f->ehdr.e_phnum; i++) {
        const struct elf64_phdr* ph = &f->phdrs[i];
        if (ph->p_type != PT_LOAD) {
            continue;
        }
        uint64_t end;
        if (ph->p_filesz > ph->p_memsz || ph->p_memsz > g_user_end ||
            __builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &end) || end > g_user_end) {
            return -EINVAL;
        }
        x->low = MIN(x->low, PAGE_DOWN(ph->p_vaddr));
        x->high = MAX(x->high, PAGE_UP(end));
        if (ph->p_align && !(ph->p_align & (ph->p_align - 1))) {
            x->align = MAX(x->align, ph->p_align);
        }
    }
    return x->low < x->high ? 0 : -EINVAL;
}

/* Zeroed memory behind what the file gives. */
static int map_bss(const struct elf64_phdr* ph, uint64_t bias, int prot) {
    uint64_t start = bias + ph->p_vaddr + ph->p_filesz, end = bias + ph->p_vaddr + ph->p_memsz;
    if (ph->p_filesz) {
        size_t tail = PAGE_UP(start) - start;
        /* A segment that cannot be written keeps what the file has there, as on Linux. */
        if (tail && (prot & PROT_WRITE) && user_clear_partial((void*)start, tail)) {
            return -EFAULT;
        }
        start = PAGE_UP(start);
    } else {
        start = PAGE_DOWN(start);
    }
    end = PAGE_UP(end);
    if (start >= end) {
        return 0;
    }
    int bss_prot = PROT_READ | PROT_WRITE | (prot & PROT_EXEC);
    long ret = libos_mm_map(start, end - start, bss_prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                            NULL, 0, 0, NULL);
    return ret < 0 ? (int)ret : 0;
}

static int map_segment(const struct exec_file* f, const struct elf64_phdr* ph, uint64_t bias,
                       bool first) {
    int prot = segment_prot(ph->p_flags);
    if (ph->p_filesz) {
        uint64_t addr = bias + ph->p_vaddr, in_page = addr & (PAGE_SIZE - 1);
        uint64_t offset = ph->p_offset - in_page;
        if (offset & (PAGE_SIZE - 1)) {
            return -EINVAL;
        }
        int flags = MAP_PRIVATE | (first ? MAP_FIXED_NOREPLACE : MAP_FIXED);
        long ret = libos_mm_map(addr - in_page, ph->p_filesz + in_page, prot, flags, f->file,
                                offset, 0, NULL);
        if (ret < 0) {
            return (int)ret;
        }
    }
    return ph->p_memsz > ph->p_filesz ? map_bss(ph, bias, prot) : 0;
}

static void note_segment(const struct elf64_phdr* ph, uint64_t bias, struct exec_image* im) {
    uint64_t start = bias + ph->p_vaddr, file_end = start + ph->p_filesz;
    if (ph->p_flags & PF_X) {
        im->start_code = MIN(im->start_code, start);
        im->end_code = MAX(im->end_code, file_end);
    }
    im->start_data = MAX(im->start_data, start);
    im->end_data = MAX(im->end_data, file_end);
    im->end = MAX(im->end, start + ph->p_memsz);
}

/* PT_PHDR is not asked, and the last segment that holds the headers counts: as Linux does it. */
static uint64_t phdr_address(const struct exec_file* f, uint64_t bias) {
    uint64_t addr = 0;
    for (int i = 0; i < f->ehdr.e_phnum; i++) {
        const struct elf64_phdr* ph = &f->phdrs[i];
        if (ph->p_type == PT_LOAD && ph->p_offset <= f->ehdr.e_phoff &&
            f->ehdr.e_phoff < ph->p_offset + ph->p_filesz) {
            addr = f->ehdr.e_phoff - ph->p_offset + ph->p_vaddr;
        }
    }
    return bias + addr;
}

static int choose_bias(const struct exec_file* f, const struct extent* x, uint64_t base,
                       uint64_t* bias) {
    *bias = 0;
    if (f->ehdr.e_type == ET_EXEC) {
        return 0;
    }
    if (base) {
        base = ALIGN_DOWN(base, x->align);
    } else {
        long at = mm_pick(x->high - x->low, x->align);
        if (at < 0) {
            return (int)at;
        }
        base = (uint64_t)at;
    }
    *bias = base - ALIGN_DOWN(x->low, x->align);
    return 0;
}

void exec_make_room(const struct exec_file* f) {
    struct extent x = {0};
    if (f->ehdr.e_type != ET_EXEC || find_extent(f, &x) < 0) {
        x.low = x.high = 0;
    }
    if (libos_patch_exec) {
        libos_patch_exec(x.low, x.high);
    }
}

int exec_map_image(const struct exec_file* f, uint64_t base, struct exec_image* im) {
    struct extent x;
    int ret = f->ehdr.e_type != ET_EXEC && f->ehdr.e_type != ET_DYN ? -ENOEXEC : find_extent(f, &x);
    uint64_t bias;
    if (!ret) {
        ret = choose_bias(f, &x, base, &bias);
    }
    if (ret < 0) {
        return ret;
    }
    *im = (struct exec_image){.bias = bias, .start_code = UINT64_MAX};
    bool first = true;
    for (int i = 0; i < f->ehdr.e_phnum; i++) {
        const struct elf64_phdr* ph = &f->phdrs[i];
        if (ph->p_type != PT_LOAD) {
            continue;
        }
        ret = map_segment(f, ph, bias, first);
        if (ret < 0) {
            return ret;
        }
        first = false;
        note_segment(ph, bias, im);
    }
    im->entry = bias + f->ehdr.e_entry;
    im->phdr = phdr_address(f, bias);
    return im->entry < g_user_end ? 0 : -EINVAL;
}
