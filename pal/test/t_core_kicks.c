/*
 * Kicks against every kind of blocking call, from several threads at once, with signals from
 * outside and forks in between. A kick that does not end a call within ten seconds is lost.
 */
#include "pal_test.h"

#define THREADS 6
#define KICKS   6000

static struct worker {
    PAL_HANDLE handle;
    uint32_t acks; /* blocking calls that ended with INTERRUPTED */
    uint32_t word;
    PAL_HANDLE pipe[2], event, set;
    int bad;
} g_workers[THREADS];
static uint32_t g_stop;

static PAL_NUM now(void) {
    PAL_NUM t = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &t);
    return t;
}

/* One blocking call of the kind; nothing ever ends it but a kick. */
static int64_t block(struct worker* w, unsigned int kind) {
    PAL_NUM n = 1;
    PAL_FLG events = PAL_WAIT_READ, ret_events;
    PAL_WAITSET_EVENT ready;
    char byte;
    switch (kind % 6) {
        case 0:
            return PalFutexWait(&w->word, 0, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
        case 1:
            return PalStreamRead(w->pipe[0], 0, &n, &byte, NULL, 0);
        case 2:
            return PalStreamsWaitEvents(1, &w->pipe[0], &events, &ret_events, NO_TIMEOUT);
        case 3:
            return PalWaitSetWait(w->set, &ready, 1, NO_TIMEOUT);
        case 4:
            return PalClockSleep(PAL_CLOCK_MONOTONIC, now() + 1000000000000UL);
        default:
            return PalSynchronizationObjectWait(w->event, NO_TIMEOUT);
    }
}

static int thread_blocks(void* arg) {
    struct worker* w = arg;
    for (unsigned int kind = 0; !__atomic_load_n(&g_stop, __ATOMIC_SEQ_CST); kind++) {
        if (block(w, kind) != PAL_ERROR_INTERRUPTED)
            w->bad++;
        __atomic_add_fetch(&w->acks, 1, __ATOMIC_SEQ_CST);
        for (volatile unsigned int spin = 0; spin < kind % 97; spin++) {
        }
    }
    return 0;
}

static int start(struct worker* w) {
    if (PalPipeCreate(0, w->pipe) || PalSynchronizationEventCreate(false, &w->event) ||
        PalWaitSetCreate(&w->set) || PalWaitSetAdd(w->set, w->pipe[0], 1, 0))
        return -1;
    return PalThreadCreate(thread_blocks, w, &w->handle);
}

static bool kick_and_see(struct worker* w) {
    uint32_t acks = __atomic_load_n(&w->acks, __ATOMIC_SEQ_CST);
    PAL_NUM deadline = now() + 10000000000UL;
    if (PalThreadResume(w->handle) != 0)
        return false;
    while (__atomic_load_n(&w->acks, __ATOMIC_SEQ_CST) == acks) {
        if (now() > deadline)
            return false;
        PalThreadYieldExecution();
    }
    return true;
}

static bool fork_once(void) {
    PAL_HANDLE child;
    PAL_NUM status = 1;
    if (PalProcessFork(&child))
        return false;
    if (!child)
        PalProcessExit(0);
    PalProcessWait(child, true, &status);
    PalObjectClose(child);
    return status == 0;
}

static void stop(struct worker* w) {
    while (PalSynchronizationObjectWait(w->handle, 1000) != 0)
        PalThreadResume(w->handle);
    PalObjectClose(w->handle);
    PalObjectClose(w->pipe[0]);
    PalObjectClose(w->pipe[1]);
    PalObjectClose(w->event);
    PalObjectClose(w->set);
}

TEST(PalThreadResume, ends_each_call_of_each_thread) {
    PAL_STR count = PalGetPalControl()->host_argv[0];
    int kicks = count && !strcmp(count, "long") ? KICKS * 50 : KICKS;
    for (int i = 0; i < THREADS; i++)
        EXPECT(start(&g_workers[i]), 0);
    for (int i = 0; i < kicks; i++) {
        CHECK(kick_and_see(&g_workers[i % THREADS]));
        if (i % 500 == 0)
            CHECK(fork_once());
    }
    __atomic_store_n(&g_stop, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < THREADS; i++) {
        stop(&g_workers[i]);
        EXPECT(g_workers[i].bad, 0);
    }
}
