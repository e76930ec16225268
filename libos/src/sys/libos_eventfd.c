/*
 * eventfd and eventfd2. eventfd(2).
 */
#include <asm/fcntl.h>

#include "../event/libos_eventfd.h"
#include "libos_table.h"

#define EFD_SEMAPHORE 1
#define EFD_CLOEXEC   O_CLOEXEC
#define EFD_NONBLOCK  O_NONBLOCK

long libos_syscall_eventfd2(unsigned int initial, int flags) {
    if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
        return -EINVAL;
    return libos_eventfd_create(initial, flags & EFD_SEMAPHORE, flags & EFD_NONBLOCK,
                                flags & EFD_CLOEXEC);
}

long libos_syscall_eventfd(unsigned int initial) {
    return libos_syscall_eventfd2(initial, 0);
}
