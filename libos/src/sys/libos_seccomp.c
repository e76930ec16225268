/*
 * seccomp(2). What needs a supervisor is refused as by a kernel before 5.0.
 */
#include <linux/seccomp.h>

#include "libos_seccomp.h"
#include "libos_table.h"

static long action_available(const uint32_t* user_action) {
    uint32_t action;
    if (user_get(action, user_action) < 0)
        return -EFAULT;
    switch (action) {
        case SECCOMP_RET_KILL_PROCESS:
        case SECCOMP_RET_KILL_THREAD:
        case SECCOMP_RET_TRAP:
        case SECCOMP_RET_ERRNO:
        case SECCOMP_RET_TRACE:
        case SECCOMP_RET_LOG:
        case SECCOMP_RET_ALLOW:
            return 0;
        default:
            return -EOPNOTSUPP;
    }
}

long libos_syscall_seccomp(unsigned int op, unsigned int flags, void* user_args) {
    switch (op) {
        case SECCOMP_SET_MODE_STRICT:
            return flags || user_args ? -EINVAL : libos_seccomp_set_strict();
        case SECCOMP_SET_MODE_FILTER:
            return libos_seccomp_set_filter(flags, user_args);
        case SECCOMP_GET_ACTION_AVAIL:
            return flags ? -EINVAL : action_available(user_args);
        default:
            return -EINVAL;
    }
}
