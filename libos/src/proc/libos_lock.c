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

/* `waiting` counts waiting writers in its low half and sleeping readers in its high half. Whoever is
 * going to sleep counts itself first and then looks at the lock again, so a release that finds
 * `waiting` zero can leave without waking anyone. */
#define WAITING_WRITER 1u
#define WAITING_READER 0x10000u
#define WRITERS_MASK   0xffffu

static bool try_read(libos_rwlock_t* l) {
    uint32_t state = __atomic_load_n(&l->state, __ATOMIC_SEQ_CST);
    while (!(state & LIBOS_RWLOCK_WRITER) &&
           !(__atomic_load_n(&l->waiting, __ATOMIC_RELAXED) & WRITERS_MASK)) {
        if (__atomic_compare_exchange_n(&l->state, &state, state + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    }
    return false;
}

static bool try_write(libos_rwlock_t* l) {
    uint32_t none = 0;
    return __atomic_compare_exchange_n(&l->state, &none, LIBOS_RWLOCK_WRITER, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void acquire_slow(libos_rwlock_t* l, bool (*try)(libos_rwlock_t*), uint32_t kind) {
    __atomic_add_fetch(&l->waiting, kind, __ATOMIC_SEQ_CST);
    for (;;) {
        uint32_t seq = __atomic_load_n(&l->seq, __ATOMIC_SEQ_CST);
        if (try(l))
            break;
        PalFutexWaitUninterruptible(&l->seq, seq);
    }
    __atomic_sub_fetch(&l->waiting, kind, __ATOMIC_SEQ_CST);
}

static void release(libos_rwlock_t* l) {
    if (!__atomic_load_n(&l->waiting, __ATOMIC_SEQ_CST))
        return;
    __atomic_add_fetch(&l->seq, 1, __ATOMIC_SEQ_CST);
    PalFutexWake(&l->seq, INT32_MAX, false);
}

void read_lock(libos_rwlock_t* l) {
    libos_hold();
    if (!try_read(l))
        acquire_slow(l, try_read, WAITING_READER);
}

void read_unlock(libos_rwlock_t* l) {
    if (__atomic_sub_fetch(&l->state, 1, __ATOMIC_SEQ_CST) == 0)
        release(l);
    libos_unhold();
}

void write_lock(libos_rwlock_t* l) {
    libos_hold();
    if (!try_write(l))
        acquire_slow(l, try_write, WAITING_WRITER);
}

/* The last waiting writer leaves `waiting` while readers it held off may sleep: they stay counted
 * there and this writer's own release wakes them. */
void write_unlock(libos_rwlock_t* l) {
    __atomic_store_n(&l->state, 0, __ATOMIC_SEQ_CST);
    release(l);
    libos_unhold();
}

/* ---- waits ------------------------------------------------------------------------------------ */

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
