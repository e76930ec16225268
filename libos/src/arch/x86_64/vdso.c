/*
 * Mapping the vDSO image (vdso_image.S) into the guest's address space.
 */
#include <asm/mman.h>
#include <linux/elf.h>
#include <linux/mman.h>
#include "libos_elf.h"
#include "libos_mm.h"

extern const char g_vdso_image[], g_vdso_image_end[];

/* The targets are the last thing in the image's only segment: vdso_image.S puts them there. */
#define TARGET_COUNT 5

static void fill_targets(uint64_t* targets) {
    const PAL_CONTROL* c = g_pal_control;
    if (!(c->capabilities & PAL_CAP_VDSO))
        return;
    targets[0] = c->vdso_clock_gettime;
    targets[1] = c->vdso_gettimeofday;
    targets[2] = c->vdso_time;
    targets[3] = c->vdso_getcpu;
    targets[4] = c->vdso_clock_getres;
}

uint64_t libos_vdso_map(void) {
    size_t image_size = g_vdso_image_end - g_vdso_image;
    const Elf64_Ehdr* ehdr = (const void*)g_vdso_image;
    const Elf64_Phdr* text = (const void*)(g_vdso_image + ehdr->e_phoff);
    BUG_ON(text->p_type != PT_LOAD || text->p_filesz > image_size);
    size_t size = PAGE_UP(image_size);
    long addr = libos_mm_map(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0,
                             VMA_DONTEXPAND | VMA_DONTDUMP, "[vdso]");
    if (addr < 0)
        return 0;
    uint64_t targets[TARGET_COUNT] = {0};
    fill_targets(targets);
    uint64_t targets_at = addr + text->p_filesz - sizeof(targets);
    if (user_copy_to((void*)addr, g_vdso_image, image_size) < 0 ||
        user_copy_to((void*)targets_at, targets, sizeof(targets)) < 0 ||
        libos_mm_protect(addr, size, PROT_READ | PROT_EXEC) < 0) {
        libos_mm_unmap(addr, size);
        return 0;
    }
    return addr;
}
