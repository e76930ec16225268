/*
 * The fork barrier: while it is up, no other thread of the process holds a lock, so private state
 * is whole. See libos_lock.h. The barrier word is 0 (down) or the tid of the thread that raised it.
 *
 * Every host thread that runs LibOS code is on a list here, from before its first lock until after
 * its last one. The list has a lock of its own, not counted; the forker keeps it while the barrier
 * is up, so a thread that begins or ends meanwhile waits there.
 */
#include "libos_internal.h"
#include "libos_proc_internal.h"
#include "libos_process.h"
#include "libos_time.h"

#define SPIN_ROUNDS 200
#define LOOK_NS     1000000UL /* should a wake-up be missed where the host has no barrier call */

uint32_t g_libos_fork_barrier;
static libos_lock_t g_tcbs_lock; /* not counted */
static struct list_node g_tcbs = LIST_INIT(g_tcbs);
static uint32_t g_let_go; /* futex word: goes up when a thread lets go of its last lock */

static void list_lock(void) {
    uint32_t free = 0;
    if (!__atomic_compare_exchange_n(&g_tcbs_lock.word, &free, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        libos_lock_slow(&g_tcbs_lock);
}

static void list_unlock(void) {
    if (__atomic_exchange_n(&g_tcbs_lock.word, 0, __ATOMIC_RELEASE) == 2)
        libos_unlock_slow(&g_tcbs_lock);
}

void libos_barrier_join(void) {
    list_lock();
    list_add_tail(&g_tcbs, &libos_get_tcb()->node);
    list_unlock();
}

void libos_barrier_leave(void) {
    list_lock();
    list_del(&libos_get_tcb()->node);
    list_unlock();
}

void libos_barrier_wait(void) {
    uint32_t up;
    while ((up = __atomic_load_n(&g_libos_fork_barrier, __ATOMIC_SEQ_CST)) != 0)
        PalFutexWaitUninterruptible(&g_libos_fork_barrier, up);
}

void libos_barrier_tell(void) {
    __atomic_add_fetch(&g_let_go, 1, __ATOMIC_SEQ_CST);
    PalFutexWake(&g_let_go, 1, false);
}

static bool holds(const struct libos_tcb* tcb) {
    return __atomic_load_n(&tcb->held, __ATOMIC_ACQUIRE) != 0;
}

static void wait_for(const struct libos_tcb* tcb) {
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        if (!holds(tcb))
            return;
        __builtin_ia32_pause();
    }
    for (;;) {
        uint32_t seen = __atomic_load_n(&g_let_go, __ATOMIC_SEQ_CST);
        if (!holds(tcb))
            return;
        PalFutexWait(&g_let_go, seen, PAL_CLOCK_MONOTONIC,
                     libos_deadline(PAL_CLOCK_MONOTONIC, LOOK_NS), false);
    }
}

/* The caller counts as holding a lock until the barrier is down: its own locks are inner ones. */
void libos_barrier_raise(void) {
    struct libos_tcb* self = libos_get_tcb();
    uint32_t down = 0;
    BUG_ON(self->held);
    while (!__atomic_compare_exchange_n(&g_libos_fork_barrier, &down, get_cur_thread()->tid, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        libos_barrier_wait();
        down = 0;
    }
    self->held = 1;
    list_lock();
    if (g_tcbs.next == g_tcbs.prev)
        return;
    PalMemoryBarrierAll(); /* who lets go from now on sees the barrier; see libos_unhold() */
    list_for_each(tcb, &g_tcbs, struct libos_tcb, node) {
        if (tcb != self)
            wait_for(tcb);
    }
}

void libos_barrier_lower(void) {
    list_unlock();
    __atomic_store_n(&libos_get_tcb()->held, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&g_libos_fork_barrier, 0, __ATOMIC_SEQ_CST);
    PalFutexWake(&g_libos_fork_barrier, INT32_MAX, false);
}

void libos_barrier_for_others(void (*fn)(struct libos_tcb* tcb)) {
    struct libos_tcb* self = libos_get_tcb();
    list_for_each_safe(tcb, &g_tcbs, struct libos_tcb, node) {
        if (tcb != self)
            fn(tcb);
    }
}

void libos_barrier_after_fork(void) {
    struct libos_tcb* self = libos_get_tcb();
    list_init(&g_tcbs);
    list_add_tail(&g_tcbs, &self->node);
    g_tcbs_lock.word = 0;
    self->held = 0;
    __atomic_store_n(&g_libos_fork_barrier, 0, __ATOMIC_SEQ_CST);
}
