/*
 * The slow halves of the locks, and blocking waits. See libos_lock.h.
 */
#include "libos_internal.h"
#include "libos_process.h"

#define SPIN_ROUNDS 100

void libos_lock_slow(libos_lock_t* l) {
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        uint32_t free = 0;
        if (__atomic_load_n(&l->word, __ATOMIC_RELAXED) == 0 &&
            __atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return;
        __builtin_ia32_pause();
    }
    while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE) != 0)
        PalFutexWaitUninterruptible(&l->word, 2);
}

void libos_unlock_slow(libos_lock_t* l) {
    PalFutexWake(&l->word, 1, false);
}

/*
 * Writers pass the gate, a plain lock, one at a time; whoever holds it may announce itself in
 * `state`, which holds off new readers, and waits there for the readers inside to leave. A reader
 * that is held off goes through the gate like a writer, so neither starves, and a release wakes one
 * thread only.
 */
static void gate_lock(libos_rwlock_t* l) {
    libos_lock_t* gate = (libos_lock_t*)&l->gate;
    uint32_t free = 0;
    if (!__atomic_compare_exchange_n(&gate->word, &free, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        libos_lock_slow(gate);
}

static void gate_unlock(libos_rwlock_t* l) {
    libos_lock_t* gate = (libos_lock_t*)&l->gate;
    if (__atomic_exchange_n(&gate->word, 0, __ATOMIC_RELEASE) == 2)
        libos_unlock_slow(gate);
}

void read_lock(libos_rwlock_t* l) {
    libos_hold();
    uint32_t state = __atomic_load_n(&l->state, __ATOMIC_RELAXED);
    while (!(state & LIBOS_RWLOCK_WRITER)) {
        if (__atomic_compare_exchange_n(&l->state, &state, state + 1, true, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return;
    }
    gate_lock(l); /* no writer is announced while we hold it */
    __atomic_add_fetch(&l->state, 1, __ATOMIC_ACQUIRE);
    gate_unlock(l);
}

void read_unlock(libos_rwlock_t* l) {
    if (__atomic_sub_fetch(&l->state, 1, __ATOMIC_RELEASE) == LIBOS_RWLOCK_WRITER)
        PalFutexWake(&l->state, 1, false);
    libos_unhold();
}

void write_lock(libos_rwlock_t* l) {
    libos_hold();
    gate_lock(l);
    uint32_t state = __atomic_add_fetch(&l->state, LIBOS_RWLOCK_WRITER, __ATOMIC_ACQUIRE);
    for (int i = 0; state != LIBOS_RWLOCK_WRITER; i++) {
        if (i < SPIN_ROUNDS)
            __builtin_ia32_pause();
        else
            PalFutexWaitUninterruptible(&l->state, state);
        state = __atomic_load_n(&l->state, __ATOMIC_ACQUIRE);
    }
}

void write_unlock(libos_rwlock_t* l) {
    __atomic_store_n(&l->state, 0, __ATOMIC_RELEASE);
    gate_unlock(l);
    libos_unhold();
}

/* ---- waits ------------------------------------------------------------------------------------
 */

static bool take_wakeup(struct libos_waiter* w) {
    return __atomic_exchange_n(&w->woken, 0, __ATOMIC_ACQUIRE) != 0;
}

long libos_wait(struct libos_waiter* w, uint32_t clock, uint64_t deadline_ns) {
    struct libos_thread* t = get_cur_thread();
    for (;;) {
        if (take_wakeup(w))
            return 0;
        if (t && libos_signal_pending(t))
            return -EINTR;
        int ret = PalFutexWait(&w->woken, 0, clock, deadline_ns, false);
        if (ret == PAL_ERROR_TIMEDOUT)
            return take_wakeup(w) ? 0 : -ETIMEDOUT;
    }
}

long libos_wait_uninterruptible(struct libos_waiter* w) {
    for (;;) {
        if (take_wakeup(w))
            return 0;
        PalFutexWaitUninterruptible(&w->woken, 0);
    }
}

void libos_wake(struct libos_waiter* w) {
    uint32_t* word = &w->woken;
    __atomic_store_n(word, 1, __ATOMIC_RELEASE);
    PalFutexWake(word, 1, false);
}
