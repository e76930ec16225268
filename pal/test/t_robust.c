/*
 * Locks that outlive their owners.
 */
#include "pal_test.h"

static PAL_ROBUST_LOCK* g_locks; /* shared with children */
static volatile int* g_shared;   /* behind them */

static bool shared_page(void) {
    PAL_PTR page = NULL;
    if (g_locks)
        return true;
    if (PalVirtualMemoryAlloc(&page, 0x1000, PAL_ALLOC_SHARED, PAL_PROT_READ | PAL_PROT_WRITE))
        return false;
    g_locks = page;
    g_shared = (volatile int*)(g_locks + 64);
    return true;
}

TEST(PalRobustLock, several_in_any_order) {
    CHECK(shared_page());
    for (int i = 0; i < 4; i++)
        EXPECT(PalRobustLock(&g_locks[i]), 0);
    static const int order[] = {1, 3, 0, 2};
    for (int i = 0; i < 4; i++)
        PalRobustUnlock(&g_locks[order[i]]);
    for (int i = 0; i < 4; i++) {
        EXPECT(PalRobustLock(&g_locks[i]), 0);
        PalRobustUnlock(&g_locks[i]);
        EXPECT(g_locks[i].word, 0);
    }
}

TEST(PalRobustUnlock, not_held) {
    CHECK(shared_page());
    PalRobustUnlock(&g_locks[0]);
    EXPECT(g_locks[0].word, 0);
}

static int thread_dies_with_two(void* arg) {
    PalRobustLock(&g_locks[0]);
    PalRobustLock(&g_locks[1]);
    return 0;
}

TEST(PalRobustLock, thread_ends_as_owner) {
    PAL_HANDLE h;
    CHECK(shared_page());
    EXPECT(PalThreadCreate(thread_dies_with_two, NULL, &h), 0);
    EXPECT(PalRobustLock(&g_locks[2]), 0);
    EXPECT(PalSynchronizationObjectWait(h, NO_TIMEOUT), 0);
    EXPECT(PalRobustLock(&g_locks[0]), 1);
    EXPECT(PalRobustLock(&g_locks[1]), 1);
    for (int i = 0; i < 3; i++)
        PalRobustUnlock(&g_locks[i]);
    EXPECT(PalRobustLock(&g_locks[0]), 0);
    PalRobustUnlock(&g_locks[0]);
    PalObjectClose(h);
}

static bool await(int value) {
    for (int i = 0; g_shared[0] != value && i < 10000; i++)
        PalThreadDelayExecution(1000);
    return g_shared[0] == value;
}

/* Killed while another sleeps on the lock: the sleeper gets it, and learns of the death. */
TEST(PalRobustLock, owner_killed_others_wait) {
    PAL_HANDLE owner, waiter;
    PAL_NUM status = 0;
    CHECK(shared_page());
    for (int i = 0; i < 20; i++) {
        g_shared[0] = 0;
        EXPECT(PalProcessFork(&owner), 0);
        if (!owner) {
            if (PalRobustLock(&g_locks[5]))
                PalProcessExit(1);
            g_shared[0] = 1;
            if (!await(2))
                PalProcessExit(2);
            PalThreadDelayExecution(2000);
            PalProcessKillSelf(9);
        }
        CHECK(await(1));
        EXPECT(PalProcessFork(&waiter), 0);
        if (!waiter) {
            g_shared[0] = 2;
            int ret = PalRobustLock(&g_locks[5]);
            PalRobustUnlock(&g_locks[5]);
            PalProcessExit(40 + ret);
        }
        EXPECT(PalProcessWait(owner, true, &status), 0);
        EXPECT(status, 256 + 9);
        EXPECT(PalProcessWait(waiter, true, &status), 0);
        EXPECT(status, 41);
        EXPECT(PalRobustLock(&g_locks[5]), 0);
        PalRobustUnlock(&g_locks[5]);
        PalObjectClose(owner);
        PalObjectClose(waiter);
    }
}

#define ROUNDS 20000

static int thread_counts(void* arg) {
    for (int i = 0; i < ROUNDS; i++) {
        if (PalRobustLock(&g_locks[6]))
            return 1;
        g_shared[1]++;
        PalRobustUnlock(&g_locks[6]);
    }
    return 0;
}

TEST(PalRobustLock, threads_and_processes_count) {
    PAL_HANDLE child, thread;
    PAL_NUM status = 99;
    CHECK(shared_page());
    g_shared[1] = 0;
    EXPECT(PalProcessFork(&child), 0);
    if (!child)
        PalProcessExit(thread_counts(NULL));
    EXPECT(PalThreadCreate(thread_counts, NULL, &thread), 0);
    EXPECT(thread_counts(NULL), 0);
    EXPECT(PalSynchronizationObjectWait(thread, NO_TIMEOUT), 0);
    EXPECT(PalProcessWait(child, true, &status), 0);
    EXPECT(status, 0);
    EXPECT(g_shared[1], 3 * ROUNDS);
    PalObjectClose(child);
    PalObjectClose(thread);
}
