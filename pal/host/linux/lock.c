/*
 * The slow paths of the PAL's own locks.
 */
#include "host.h"

void host_lock_wait(struct host_lock* lock) {
    for (int i = 0; i < 40; i++) {
        uint32_t free = 0;
        if (__atomic_compare_exchange_n(&lock->word, &free, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return;
        __builtin_ia32_pause();
    }
    while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
        host_syscall(__NR_futex, &lock->word, FUTEX_WAIT_PRIVATE, 2, NULL);
}

void host_lock_wake(struct host_lock* lock) {
    host_syscall(__NR_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1);
}
