/*
 * mlock(2), mlock2(2), munlock(2), mlockall(2), munlockall(2).
 */
#include <linux/mman.h>
#include "../mm/libos_mm_calls.h"
#include "../mm/libos_vma.h"
#include "libos_table.h"

/* 1: nothing to do. Any start is fine: the range is rounded to pages. */
static int round_range(unsigned long start, size_t len, uint64_t* from, uint64_t* to) {
    uint64_t size = PAGE_UP(len + (start & (PAGE_SIZE - 1)));
    *from = PAGE_DOWN(start);
    *to = *from + size;
    if (*to < *from) {
        return -EINVAL;
    }
    if (*to == *from) {
        return 1;
    }
    return *to > g_user_end ? -ENOMEM : 0;
}

static long lock_range(unsigned long start, size_t len, bool on_fault) {
    uint64_t from, to;
    if (!mm_can_lock()) {
        return -EPERM;
    }
    int ret = round_range(start, len, &from, &to);
    return ret ? (ret < 0 ? ret : 0) : mm_lock_range(from, to, on_fault);
}

long libos_syscall_mlock(unsigned long start, size_t len) {
    return lock_range(start, len, false);
}

long libos_syscall_mlock2(unsigned long start, size_t len, int flags) {
    if (flags & ~MLOCK_ONFAULT) {
        return -EINVAL;
    }
    return lock_range(start, len, flags & MLOCK_ONFAULT);
}

long libos_syscall_munlock(unsigned long start, size_t len) {
    uint64_t from, to;
    int ret = round_range(start, len, &from, &to);
    return ret ? (ret < 0 ? ret : 0) : mm_unlock_range(from, to);
}

long libos_syscall_mlockall(int flags) {
    if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT) {
        return -EINVAL;
    }
    if (!mm_can_lock()) {
        return -EPERM;
    }
    return mm_lock_all(flags & MCL_CURRENT, flags & MCL_FUTURE, flags & MCL_ONFAULT);
}

long libos_syscall_munlockall(void) {
    mm_unlock_all();
    return 0;
}
