/*
 * membarrier(2), carried out by the host. What is registered is kept here: the LibOS's own barriers
 * have registered the host process for more, and a new program has registered for nothing.
 */
#include <linux/membarrier.h>
#include "libos_mm.h"
#include "libos_table.h"

#ifndef MEMBARRIER_CMD_GET_REGISTRATIONS
#define MEMBARRIER_CMD_GET_REGISTRATIONS (1 << 9)
#endif
#define PRIVATE                                                                                    \
    (MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED |                \
     MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE |                                                  \
     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)
#define RSEQ                                                                                       \
    (MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
#define SUPPORTED                                                                                  \
    (MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED |                                     \
     MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | PRIVATE | MEMBARRIER_CMD_GET_REGISTRATIONS)

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

static long join(void) {
    int ret = PalMemoryBarrierJoin();
    return ret < 0 ? pal_to_errno(ret) : enter(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED);
}

static long private_barrier(int cmd, int cpu) {
    switch (cmd) {
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
            return is_registered(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
                       ? pal_to_errno(PalMemoryBarrierAll())
                       : -EPERM;
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
            return is_registered(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE)
                       ? pal_to_errno(PalInstructionBarrierAll())
                       : -EPERM;
        default: /* MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ */
            return is_registered(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
                       ? pal_to_errno(PalSequenceBarrierAll(cpu))
                       : -EPERM;
    }
}

long libos_syscall_membarrier(int cmd, unsigned int flags, int cpu_id) {
    uint32_t supported = SUPPORTED | (g_pal_control->rseq_align ? RSEQ : 0);
    bool may_name_cpu = cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;
    if (flags && !(may_name_cpu && flags == MEMBARRIER_CMD_FLAG_CPU))
        return -EINVAL;
    if (cmd == MEMBARRIER_CMD_QUERY)
        return supported;
    if (cmd < 0 || !((uint32_t)cmd & supported))
        return -EINVAL;
    switch (cmd) {
        case MEMBARRIER_CMD_GLOBAL:
        case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
            return pal_to_errno(PalMemoryBarrierProcesses(cmd == MEMBARRIER_CMD_GLOBAL_EXPEDITED));
        case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
            return join();
        case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
        case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
        case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ:
            return enter((uint32_t)cmd);
        case MEMBARRIER_CMD_GET_REGISTRATIONS: /* Linux tells of the plain one with the others */
            return is_registered(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
                                 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
                       ? g_registered | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
                       : g_registered;
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ:
            return private_barrier(cmd, flags ? cpu_id : -1);
        default: /* several at once */
            return -EINVAL;
    }
}
