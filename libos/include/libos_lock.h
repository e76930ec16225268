/*
 * Locks of the LibOS: futex words in memory, counted for the fork barrier.
 *
 * Every lock counts itself in the thread's `held`. A thread that is about to fork raises the
 * barrier; other threads take an outermost lock only when it is down, so once every `held` is zero
 * the private state of the process is consistent. A thread may not block in the host for long
 * (reading a pipe, waiting for a futex) while it holds a lock. Guest memory may be touched under a
 * lock only through user_copy_*, which never blocks.
 */
#ifndef LIBOS_LOCK_H
#define LIBOS_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "culm_list.h"
#include "libos_tcb.h"

typedef struct libos_lock {
    uint32_t word; /* 0 free, 1 held, 2 held with waiters */
} libos_lock_t;
#define LIBOS_LOCK_INIT                                                                            \
    { 0 }

/* Not 0 while a fork barrier is up. Owned by proc/libos_barrier.c. */
extern uint32_t g_libos_fork_barrier;
void libos_barrier_wait(void); /* at held == 0: wait until the barrier is down */
void libos_barrier_tell(void); /* the last lock was let go while the barrier is up */
void libos_lock_slow(libos_lock_t* lock);
void libos_unlock_slow(libos_lock_t* lock);

static inline void libos_hold(void) {
    struct libos_tcb* tcb = libos_get_tcb();
    uint32_t held = tcb->held;
    /* The exchange orders the count before the look at the barrier. */
    __atomic_exchange_n(&tcb->held, held + 1, __ATOMIC_SEQ_CST);
    while (held == 0 &&
           __builtin_expect(__atomic_load_n(&g_libos_fork_barrier, __ATOMIC_SEQ_CST) != 0, 0)) {
        __atomic_store_n(&tcb->held, 0, __ATOMIC_SEQ_CST);
        libos_barrier_wait();
        __atomic_exchange_n(&tcb->held, 1, __ATOMIC_SEQ_CST);
    }
}
static inline void libos_unhold(void) {
    struct libos_tcb* tcb = libos_get_tcb();
    uint32_t held = tcb->held - 1;
    __atomic_store_n(&tcb->held, held, __ATOMIC_RELEASE);
    /* No fence between the two: the one who raises the barrier makes all threads run one. */
    if (held == 0 &&
        __builtin_expect(__atomic_load_n(&g_libos_fork_barrier, __ATOMIC_RELAXED) != 0, 0))
        libos_barrier_tell();
}
static inline void lock(libos_lock_t* l) {
    libos_hold();
    uint32_t free = 0;
    if (!__atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        libos_lock_slow(l);
}
static inline bool trylock(libos_lock_t* l) {
    libos_hold();
    uint32_t free = 0;
    if (__atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return true;
    libos_unhold();
    return false;
}
static inline void unlock(libos_lock_t* l) {
    if (__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) == 2)
        libos_unlock_slow(l);
    libos_unhold();
}

/* Many readers or one writer; a waiting writer holds off new readers. Counted like lock(). */
typedef struct libos_rwlock {
    uint32_t state; /* number of readers, and LIBOS_RWLOCK_WRITER once a writer has come */
    uint32_t gate;  /* a libos_lock_t: writers, and readers held off by one; see libos_lock.c */
} libos_rwlock_t;
#define LIBOS_RWLOCK_INIT                                                                          \
    { 0, 0 }
#define LIBOS_RWLOCK_WRITER 0x80000000u
void read_lock(libos_rwlock_t* l);
void read_unlock(libos_rwlock_t* l);
void write_lock(libos_rwlock_t* l);
void write_unlock(libos_rwlock_t* l);

/*
 * Blocking until something happens. A waiter lives on the caller's stack; the subsystem keeps its
 * own list of waiters under its own lock, wakes them with libos_wake(), and the waiter takes itself
 * off the list. Usage:
 *     libos_waiter_init(&w);
 *     lock(l);
 *     while (!condition && !ret) {
 *         list_add_tail(q, &w.node);
 *         unlock(l);
 *         ret = libos_wait(&w, clock, deadline);
 *         lock(l);
 *         list_del(&w.node);
 *     }
 *     unlock(l);
 */
struct libos_waiter {
    struct list_node node;
    uint32_t woken; /* futex word: 1 once woken */
};
static inline void libos_waiter_init(struct libos_waiter* w) {
    list_init(&w->node);
    w->woken = 0;
}
/* 0: woken (woken is reset to 0). -ETIMEDOUT: deadline (absolute ns on a PAL_CLOCK_*; NO_TIMEOUT:
 * none). -EINTR: a signal is deliverable or the thread must end (guest threads only). */
long libos_wait(struct libos_waiter* w, uint32_t clock, uint64_t deadline_ns);
/* The same, but only the thread's own end interrupts it, not signals. */
long libos_wait_uninterruptible(struct libos_waiter* w);
/* Call under the lock that guards the waiter's list: after unlocking the waiter may be gone. */
void libos_wake(struct libos_waiter* w);

#endif /* LIBOS_LOCK_H */
