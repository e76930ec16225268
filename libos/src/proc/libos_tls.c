/*
 * The guest's FS base: by instruction where the host lets us, else by the host.
 */
#include "libos_arch.h"

#define HWCAP2_FSGSBASE 2

static bool has_fsgsbase(void) {
    return g_pal_control->cpu_info.hwcap2 & HWCAP2_FSGSBASE;
}

uint64_t libos_get_fs_base(void) {
    uint64_t base = 0;
    if (has_fsgsbase()) {
        __asm__ volatile("rdfsbase %0" : "=r"(base));
        return base;
    }
    PAL_PTR addr = NULL;
    PalSegmentRegisterGet(PAL_SEGMENT_FS, &addr);
    return (uint64_t)addr;
}

void libos_set_fs_base(uint64_t base) {
    if (has_fsgsbase())
        __asm__ volatile("wrfsbase %0" : : "r"(base));
    else
        PalSegmentRegisterSet(PAL_SEGMENT_FS, (PAL_PTR)base);
}
