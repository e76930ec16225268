/*
 * arch_prctl(2): the bases of FS and GS, and what the processor's state components are.
 */
#include <asm/prctl.h>

#include "fpu.h"
#include "libos_arch.h"
#include "entry.h"
#include "libos_table.h"

#ifndef ARCH_REQ_XCOMP_GUEST_PERM
#define ARCH_GET_XCOMP_GUEST_PERM 0x1024
#define ARCH_REQ_XCOMP_GUEST_PERM 0x1025
#endif

#define BASE_LIMIT      0x7ffffffff000UL /* TASK_SIZE_MAX: below it Linux takes any base */
#define XFEATURE_COUNT  20               /* components that Linux knows: more are EINVAL */
#define XFEATURE_PERMIT 18               /* the one that needs permission: AMX tile data */

static long put(uint64_t value, unsigned long addr) {
    return user_put(value, (uint64_t*)addr);
}

/* Linux answers so on a processor without the component. Where there is one it stays off: signal
 * frames have no room for it. */
static long request_component(unsigned long component) {
    return component >= XFEATURE_COUNT ? -EINVAL : -EOPNOTSUPP;
}

long libos_syscall_arch_prctl(int option, unsigned long addr) {
    switch (option) {
        case ARCH_SET_FS:
            if (addr >= BASE_LIMIT)
                return -EPERM;
            libos_set_fs_base(addr);
            return 0;
        case ARCH_GET_FS:
            return put(libos_get_fs_base(), addr);
        case ARCH_SET_GS:
            return addr >= BASE_LIMIT ? -EPERM : libos_set_guest_gs(addr);
        case ARCH_GET_GS:
            return put(libos_get_guest_gs(), addr);
        case ARCH_GET_CPUID:
            return 1;
        case ARCH_SET_CPUID:
            return -ENODEV; /* as on a processor that cannot make `cpuid` fault */
        case ARCH_GET_XCOMP_SUPP:
        case ARCH_GET_XCOMP_PERM:
        case ARCH_GET_XCOMP_GUEST_PERM:
            return put(g_libos_xfeatures, addr);
        case ARCH_REQ_XCOMP_PERM:
        case ARCH_REQ_XCOMP_GUEST_PERM:
            return request_component(addr);
        default: /* vDSO placement, address tags, shadow stacks: as on a kernel without them */
            return -EINVAL;
    }
}
