/*
 * The guest's FS base: by instruction where the host lets us, else by the host.
 * And its GS base: GS is the LibOS's own, and becomes the guest's on the way out (LIBOS_WORK_GS).
 */
#include "libos_arch.h"
#include "libos_process.h"

#define HWCAP2_FSGSBASE 2

bool libos_has_fsgsbase(void) {
    return g_pal_control->cpu_info.hwcap2 & HWCAP2_FSGSBASE;
}

uint64_t libos_get_fs_base(void) {
    uint64_t base = 0;
    if (libos_has_fsgsbase()) {
        __asm__ volatile("rdfsbase %0" : "=r"(base));
        return base;
    }
    PAL_PTR addr = NULL;
    PalSegmentRegisterGet(PAL_SEGMENT_FS, &addr);
    return (uint64_t)addr;
}

void libos_set_fs_base(uint64_t base) {
    if (libos_has_fsgsbase())
        __asm__ volatile("wrfsbase %0" : : "r"(base));
    else
        PalSegmentRegisterSet(PAL_SEGMENT_FS, (PAL_PTR)base);
}

uint64_t libos_get_guest_gs(void) {
    const struct libos_tcb* tcb = libos_get_tcb();
    return tcb->work & LIBOS_WORK_GS ? tcb->guest_gs : 0;
}

int libos_set_guest_gs(uint64_t base) {
    if (!libos_has_fsgsbase())
        return -EINVAL; /* the way out could not set it, nor the way in find it changed */
    struct libos_tcb* tcb = libos_get_tcb();
    tcb->guest_gs = base;
    __atomic_or_fetch(&tcb->work, LIBOS_WORK_GS, __ATOMIC_SEQ_CST);
    return 0;
}
