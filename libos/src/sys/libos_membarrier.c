/*
 * membarrier(2). All commands come down to "every thread of this process has executed a barrier":
 * the global ones too, as no memory is shared with other processes of the guest in ways that the
 * host's own barriers would not order.
 */
#include <linux/membarrier.h>
#include "libos_mm.h"
#include "libos_table.h"

#define SUPPORTED                                                                                  \
    (MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |                                     \
     MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED |                 \
     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |      \
     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)

static uint32_t g_registered; /* MEMBARRIER_CMD_REGISTER_*; atomic */

static bool is_registered(uint32_t cmd) {
    return __atomic_load_n(&g_registered, __ATOMIC_RELAXED) & cmd;
}

static long enter(uint32_t cmd) {
    __atomic_or_fetch(&g_registered, cmd, __ATOMIC_SEQ_CST);
    return 0;
}

void libos_membarrier_exec(void) {
    __atomic_store_n(&g_registered, 0, __ATOMIC_RELAXED);
}

long libos_syscall_membarrier(int cmd, unsigned int flags, int cpu_id) {
    (void)cpu_id; /* only with MEMBARRIER_CMD_FLAG_CPU, which goes with rseq */
    if (flags) {
        return -EINVAL;
    }
    switch (cmd) {
        case MEMBARRIER_CMD_QUERY:
            return SUPPORTED;
        case MEMBARRIER_CMD_GLOBAL:
        case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
            return pal_to_errno(PalMemoryBarrierAll());
        case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
        case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
        case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
            return enter((uint32_t)cmd);
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
            return is_registered(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
                       ? pal_to_errno(PalMemoryBarrierAll())
                       : -EPERM;
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
            return is_registered(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)
                       ? pal_to_errno(PalInstructionBarrierAll())
                       : -EPERM;
        default:
            return -EINVAL;
    }
}
