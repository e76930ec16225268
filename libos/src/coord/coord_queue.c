/*
 * Waiting for changes in the arena. See libos_coord.h.
 */
#include "coord_internal.h"
#include "libos_process.h"

/* Counted before the host looks at the word, so that a waker either changes the word first or sees
 * the count. */
static void enter(struct coord_queue* q) {
    __atomic_add_fetch(&q->waiters, 1, __ATOMIC_SEQ_CST);
}

static void leave(struct coord_queue* q) {
    __atomic_sub_fetch(&q->waiters, 1, __ATOMIC_SEQ_CST);
}

static bool passed(const struct coord_queue* q, uint32_t number) {
    return coord_queue_number(q) != number;
}

long coord_wait(struct coord_queue* q, uint32_t number, uint32_t clock, uint64_t deadline_ns) {
    struct libos_thread* t = get_cur_thread();
    long ret = 0;
    enter(q);
    while (!passed(q, number)) {
        if (t && libos_signal_pending(t)) {
            ret = -EINTR;
            break;
        }
        int host = PalFutexWait(&q->seq, number, clock, deadline_ns, true);
        if (host == PAL_ERROR_TIMEDOUT) {
            ret = passed(q, number) ? 0 : -ETIMEDOUT;
            break;
        }
    }
    leave(q);
    return ret;
}

void coord_wait_kicked(struct coord_queue* q, uint32_t number) {
    enter(q);
    if (!passed(q, number))
        PalFutexWait(&q->seq, number, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, true);
    leave(q);
}

static bool must_end(void) {
    return __atomic_load_n(&libos_get_tcb()->work, __ATOMIC_SEQ_CST) & LIBOS_WORK_EXIT;
}

long coord_wait_killable(struct coord_queue* q, uint32_t number) {
    enter(q);
    while (!passed(q, number) && !must_end())
        PalFutexWait(&q->seq, number, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, true);
    leave(q);
    return passed(q, number) ? 0 : -EINTR;
}

void coord_wake(struct coord_queue* q) {
    __atomic_add_fetch(&q->seq, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&q->waiters, __ATOMIC_SEQ_CST))
        PalFutexWake(&q->seq, INT32_MAX, true);
}
