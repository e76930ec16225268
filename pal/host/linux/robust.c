/*
 * Robust locks: the lock's word is a robust futex of Linux, set_robust_list(2). Each thread keeps a
 * list of what it holds, and the kernel marks those words when the thread is gone, however it
 * ended. The guest's own robust lists are the LibOS's business, so the host's is free for this.
 */
#include "host_internal.h"

#define SPIN_ROUNDS 100

/* The kernel looks at these two when it walks the list of a dead thread. */
_Static_assert(offsetof(PAL_ROBUST_LOCK, next) == 0, "the list runs through `next`");
#define FUTEX_OFFSET (long)(offsetof(PAL_ROBUST_LOCK, word) - offsetof(PAL_ROBUST_LOCK, next))
#define HEAD_SIZE    24

/* The thread may die between any two stores: the kernel finds them in program order. */
#define in_order() __asm__ volatile("" ::: "memory")

#define LIST_END(tcb) ((PAL_ROBUST_LOCK*)&(tcb)->robust)

static void make_known(struct host_tcb* tcb) {
    tcb->robust.list = LIST_END(tcb);
    tcb->robust.futex_offset = FUTEX_OFFSET;
    tcb->robust.pending = NULL;
    tcb->robust.known = true;
    host_syscall(__NR_set_robust_list, &tcb->robust, HEAD_SIZE);
}

/* Takes the word for `tid` if it has no owner. waiters: it may have others asleep on it. 0, 1 as
 * PalRobustLock; -1: it has an owner. */
static int take(uint32_t* word, uint32_t tid, uint32_t waiters) {
    uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);
    while (!(seen & FUTEX_TID_MASK)) {
        uint32_t mine = tid | waiters | (seen & FUTEX_WAITERS);
        if (__atomic_compare_exchange_n(word, &seen, mine, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return seen & FUTEX_OWNER_DIED ? 1 : 0;
    }
    return -1;
}

static int take_slowly(uint32_t* word, uint32_t tid) {
    int ret;
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if ((ret = take(word, tid, 0)) >= 0)
            return ret;
        __builtin_ia32_pause();
    }
    while ((ret = take(word, tid, FUTEX_WAITERS)) < 0) {
        uint32_t seen = __atomic_load_n(word, __ATOMIC_RELAXED);
        if (!(seen & FUTEX_TID_MASK))
            continue;
        if (!(seen & FUTEX_WAITERS) &&
            !__atomic_compare_exchange_n(word, &seen, seen | FUTEX_WAITERS, false, __ATOMIC_RELAXED,
                                         __ATOMIC_RELAXED))
            continue;
        host_syscall(__NR_futex, word, FUTEX_WAIT, seen | FUTEX_WAITERS, NULL);
    }
    return ret;
}

int PalRobustLock(PAL_ROBUST_LOCK* lock) {
    struct host_tcb* tcb = host_tcb();
    uint32_t tid = (uint32_t)tcb->tid, none = 0;
    int ret = 0;
    if (__builtin_expect(!tcb->robust.known, 0))
        make_known(tcb);
    tcb->robust.pending = lock;
    in_order();
    if (!__atomic_compare_exchange_n(&lock->word, &none, tid, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        ret = take_slowly(&lock->word, tid);
    lock->next = tcb->robust.list;
    in_order();
    tcb->robust.list = lock;
    in_order();
    tcb->robust.pending = NULL;
    return ret;
}

void PalRobustUnlock(PAL_ROBUST_LOCK* lock) {
    struct host_tcb* tcb = host_tcb();
    PAL_ROBUST_LOCK** at = &tcb->robust.list;
    while (*at != lock) {
        if (*at == LIST_END(tcb))
            return; /* not held by the caller */
        at = &(*at)->next;
    }
    tcb->robust.pending = lock;
    in_order();
    *at = lock->next;
    in_order();
    if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) & FUTEX_WAITERS)
        host_syscall(__NR_futex, &lock->word, FUTEX_WAKE, 1);
    in_order();
    tcb->robust.pending = NULL;
}
