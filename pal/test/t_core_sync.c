/*
 * Futexes, barriers, mutexes, events.
 */
#include "pal_test.h"

static PAL_NUM now(void) {
    PAL_NUM t = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &t);
    return t;
}

static int wait(uint32_t* word, uint32_t value, PAL_NUM deadline) {
    return PalFutexWait(word, value, PAL_CLOCK_MONOTONIC, deadline, false);
}

TEST(PalFutexWait, every_answer) {
    uint32_t word = 3;
    PAL_NUM real = 0;
    EXPECT(wait(&word, 4, NO_TIMEOUT), PAL_ERROR_TRYAGAIN);
    EXPECT(wait(&word, 3, now() + 1000000), PAL_ERROR_TIMEDOUT);
    EXPECT(wait(&word, 3, 0), PAL_ERROR_TIMEDOUT);
    EXPECT(wait(BAD_ADDRESS, 3, NO_TIMEOUT), PAL_ERROR_BADADDR);
    EXPECT(wait((uint32_t*)((char*)&word + 1), 3, NO_TIMEOUT), PAL_ERROR_INVAL);
    EXPECT(PalFutexWait(&word, 3, PAL_CLOCK_BOOTTIME, NO_TIMEOUT, false), PAL_ERROR_INVAL);
    EXPECT(PalClockGet(PAL_CLOCK_REALTIME, &real), 0);
    EXPECT(PalFutexWait(&word, 3, PAL_CLOCK_REALTIME, real + 1000000, true), PAL_ERROR_TIMEDOUT);
}

#define ROUNDS 20000
static uint32_t g_ball, g_done;

static int thread_pong(void* arg) {
    for (uint32_t i = 1; i < 2 * ROUNDS; i += 2) {
        uint32_t v;
        while ((v = __atomic_load_n(&g_ball, __ATOMIC_SEQ_CST)) != i)
            PalFutexWait(&g_ball, v, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
        __atomic_store_n(&g_ball, i + 1, __ATOMIC_SEQ_CST);
        PalFutexWake(&g_ball, 1, false);
    }
    PalThreadExit((int*)&g_done);
}

TEST(PalFutexWake, ping_pong) {
    PAL_HANDLE h;
    uint32_t word = 0;
    g_done = 1;
    EXPECT(PalThreadCreate(thread_pong, NULL, &h), 0);
    for (uint32_t i = 0; i < 2 * ROUNDS; i += 2) {
        uint32_t v;
        __atomic_store_n(&g_ball, i + 1, __ATOMIC_SEQ_CST);
        PalFutexWake(&g_ball, 1, false);
        while ((v = __atomic_load_n(&g_ball, __ATOMIC_SEQ_CST)) != i + 2)
            PalFutexWaitUninterruptible(&g_ball, v);
    }
    PalFutexWait(&g_done, 1, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
    PalObjectClose(h);
    EXPECT(PalFutexWake(&word, 1, false), 0);
    EXPECT(PalFutexWake(&word, ~0UL, true), 0);
}

TEST(PalFutexWaitUninterruptible, leaves_a_kick_for_the_next_wait) {
    uint32_t word = 1;
    PalThreadResume(PalGetPalControl()->first_thread);
    PalFutexWaitUninterruptible(&word, 0);
    EXPECT(wait(&word, 1, NO_TIMEOUT), PAL_ERROR_INTERRUPTED);
}

TEST(PalMemoryBarrierAll, works) {
    EXPECT(PalMemoryBarrierAll(), 0);
    EXPECT(PalMemoryBarrierAll(), 0);
}

TEST(PalMemoryBarrierProcesses, works) {
    EXPECT(PalMemoryBarrierProcesses(false), 0);
    EXPECT(PalMemoryBarrierProcesses(true), 0);
}

TEST(PalMemoryBarrierJoin, works) {
    EXPECT(PalMemoryBarrierJoin(), 0);
    EXPECT(PalMemoryBarrierProcesses(true), 0);
}

TEST(PalSequenceBarrierAll, works) {
    EXPECT(PalSequenceBarrierAll(-1), 0);
    EXPECT(PalSequenceBarrierAll(0), 0);
    EXPECT(PalSequenceBarrierAll(100000), 0);
}

TEST(PalInstructionBarrierAll, works) {
    EXPECT(PalInstructionBarrierAll(), 0);
}

TEST(PalNotificationEventCreate, stays_set) {
    PAL_HANDLE e;
    EXPECT(PalNotificationEventCreate(true, &e), 0);
    EXPECT(PalSynchronizationObjectWait(e, 0), 0);
    EXPECT(PalSynchronizationObjectWait(e, NO_TIMEOUT), 0);
    EXPECT(PalEventClear(e), 0);
    EXPECT(PalSynchronizationObjectWait(e, 1000), PAL_ERROR_TRYAGAIN);
    PalObjectClose(e);
}

TEST(PalSynchronizationEventCreate, releases_one) {
    PAL_HANDLE e;
    EXPECT(PalSynchronizationEventCreate(false, &e), 0);
    EXPECT(PalSynchronizationObjectWait(e, 1000), PAL_ERROR_TRYAGAIN);
    EXPECT(PalEventSet(e), 0);
    EXPECT(PalSynchronizationObjectWait(e, NO_TIMEOUT), 0);
    EXPECT(PalSynchronizationObjectWait(e, 0), PAL_ERROR_TRYAGAIN);
    PalObjectClose(e);
}

static PAL_HANDLE g_mutex, g_event;
static volatile int g_counter;

static int thread_counts(void* arg) {
    for (int i = 0; i < ROUNDS; i++) {
        if (PalSynchronizationObjectWait(g_mutex, NO_TIMEOUT) != 0)
            continue;
        g_counter++;
        PalMutexRelease(g_mutex);
    }
    return 0;
}

TEST(PalMutexCreate, keeps_others_out) {
    PAL_HANDLE threads[4];
    g_counter = 0;
    EXPECT(PalMutexCreate(0, &g_mutex), 0);
    for (int i = 0; i < 4; i++)
        EXPECT(PalThreadCreate(thread_counts, NULL, &threads[i]), 0);
    for (int i = 0; i < 4; i++) {
        EXPECT(PalSynchronizationObjectWait(threads[i], NO_TIMEOUT), 0);
        PalObjectClose(threads[i]);
    }
    EXPECT(g_counter, 4 * ROUNDS);
    PalObjectClose(g_mutex);
    EXPECT(PalMutexCreate(2, &g_mutex), PAL_ERROR_INVAL);
}

TEST(PalMutexRelease, frees_a_mutex_made_locked) {
    PAL_HANDLE m;
    EXPECT(PalMutexCreate(1, &m), 0);
    EXPECT(PalSynchronizationObjectWait(m, 1000), PAL_ERROR_TRYAGAIN);
    PalMutexRelease(m);
    EXPECT(PalSynchronizationObjectWait(m, 1000), 0);
    PalObjectClose(m);
}

static int thread_waits_for_event(void* arg) {
    for (int i = 0; i < ROUNDS; i++) {
        if (PalSynchronizationObjectWait(g_event, NO_TIMEOUT) == 0)
            __atomic_add_fetch(&g_counter, 1, __ATOMIC_SEQ_CST);
    }
    return 0;
}

TEST(PalEventSet, no_signal_is_lost) {
    PAL_HANDLE h;
    g_counter = 0;
    EXPECT(PalSynchronizationEventCreate(false, &g_event), 0);
    EXPECT(PalThreadCreate(thread_waits_for_event, NULL, &h), 0);
    for (int i = 0; i < ROUNDS; i++) {
        EXPECT(PalEventSet(g_event), 0);
        while (__atomic_load_n(&g_counter, __ATOMIC_SEQ_CST) == i)
            PalThreadYieldExecution();
    }
    EXPECT(PalSynchronizationObjectWait(h, NO_TIMEOUT), 0);
    PalObjectClose(h);
    PalObjectClose(g_event);
    EXPECT(PalEventSet(NULL), PAL_ERROR_BADHANDLE);
    EXPECT(PalEventSet(h), PAL_ERROR_BADHANDLE);
}

TEST(PalEventClear, bad_handle) {
    EXPECT(PalEventClear(NULL), PAL_ERROR_BADHANDLE);
    EXPECT(PalEventClear(PalGetPalControl()->first_thread), PAL_ERROR_BADHANDLE);
}

TEST(PalSynchronizationObjectWait, bad_handle) {
    PAL_HANDLE pipe[2];
    EXPECT(PalSynchronizationObjectWait(NULL, 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalPipeCreate(0, pipe), 0);
    EXPECT(PalSynchronizationObjectWait(pipe[0], 0), PAL_ERROR_BADHANDLE);
    PalObjectClose(pipe[0]);
    PalObjectClose(pipe[1]);
}

TEST(PalObjectClose, of_nothing) {
    PalObjectClose(NULL);
}
