/*
 * Threads: life, kicks, scheduling. The loops look for lost kicks and leaks.
 */
#include "pal_test.h"

#define LOOPS 20000

static uint32_t g_word, g_ready, g_stop, g_acks;
static uint32_t g_tid[16];
static int g_bad;

static void join(uint32_t* tid) {
    uint32_t v;
    while ((v = __atomic_load_n(tid, __ATOMIC_ACQUIRE)))
        PalFutexWait(tid, v, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
}

static PAL_NUM now(void) {
    PAL_NUM t = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &t);
    return t;
}

static int start(int (*f)(void*), uint32_t* tid, PAL_HANDLE* h) {
    *tid = 1;
    return PalThreadCreate(f, tid, h);
}

static int thread_checks_its_block(void* tid) {
    PAL_TCB* tcb = pal_get_tcb();
    for (int i = 0; i < PAL_LIBOS_TCB_SIZE; i++)
        g_bad += tcb->libos_tcb[i] != 0;
    g_bad += tcb->self != tcb || !tcb->thread || tcb->thread->hdr.type != PAL_TYPE_THREAD;
    memset(tcb->libos_tcb, 0xaa, PAL_LIBOS_TCB_SIZE);
    PalThreadExit(tid);
}

static int thread_ends(void* tid) {
    PalThreadExit(tid);
}

static int thread_returns(void* arg) {
    return 0;
}

TEST(PalThreadCreate, block_is_fresh_each_time) {
    for (int i = 0; i < 4; i++) {
        PAL_HANDLE h;
        EXPECT(start(thread_checks_its_block, &g_tid[0], &h), 0);
        join(&g_tid[0]);
        EXPECT(g_bad, 0);
        PalObjectClose(h);
    }
}

TEST(PalThreadCreate, entry_may_return) {
    PAL_HANDLE h;
    EXPECT(PalThreadCreate(thread_returns, NULL, &h), 0);
    EXPECT(PalSynchronizationObjectWait(h, 5000000), 0);
    PalObjectClose(h);
}

TEST(PalThreadCreate, bad_arguments) {
    PAL_HANDLE h;
    EXPECT(PalThreadCreate(NULL, NULL, &h), PAL_ERROR_INVAL);
    EXPECT(PalThreadCreate(thread_ends, NULL, NULL), PAL_ERROR_INVAL);
}

TEST(PalThreadExit, many_threads_leave_nothing_behind) {
    PAL_USAGE before, after;
    for (int i = 0; i < LOOPS; i++) {
        PAL_HANDLE h[16];
        int n = i % 64 ? 1 : 16;
        for (int k = 0; k < n; k++)
            EXPECT(start(thread_ends, &g_tid[k], &h[k]), 0);
        for (int k = 0; k < n; k++) {
            join(&g_tid[k]);
            PalObjectClose(h[k]);
        }
        if (i == LOOPS / 4)
            EXPECT(PalProcessUsage(false, &before), 0);
    }
    EXPECT(PalProcessUsage(false, &after), 0);
    CHECK(after.virtual_size < before.virtual_size + (16UL << 20));
    CHECK(after.resident < before.resident + (4UL << 20));
}

TEST(PalThreadExit, thousand_at_once) {
    static uint32_t tids[1000];
    static PAL_HANDLE handles[1000];
    PAL_USAGE usage;
    for (int i = 0; i < 1000; i++)
        EXPECT(start(thread_ends, &tids[i], &handles[i]), 0);
    for (int i = 0; i < 1000; i++) {
        join(&tids[i]);
        PalObjectClose(handles[i]);
    }
    EXPECT(PalProcessUsage(false, &usage), 0);
    CHECK(usage.resident < 12UL << 20); /* a page or two for each idle block */
}

/* Waits; each interruption is answered by one more ack. */
static int thread_acks(void* tid) {
    __atomic_store_n(&g_ready, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&g_stop, __ATOMIC_SEQ_CST)) {
        int ret = PalFutexWait(&g_word, 0, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
        if (ret == PAL_ERROR_INTERRUPTED)
            __atomic_add_fetch(&g_acks, 1, __ATOMIC_SEQ_CST);
    }
    PalThreadExit(tid);
}

TEST(PalThreadResume, no_kick_is_lost) {
    PAL_HANDLE h;
    EXPECT(start(thread_acks, &g_tid[0], &h), 0);
    while (!__atomic_load_n(&g_ready, __ATOMIC_SEQ_CST))
        PalThreadYieldExecution();
    for (int i = 0; i < LOOPS; i++) {
        uint32_t acks = __atomic_load_n(&g_acks, __ATOMIC_SEQ_CST);
        PAL_NUM deadline = now() + 10000000000UL;
        EXPECT(PalThreadResume(h), 0);
        while (__atomic_load_n(&g_acks, __ATOMIC_SEQ_CST) == acks) {
            CHECK(now() < deadline);
            if (i % 2)
                PalThreadYieldExecution();
        }
        for (volatile int spin = 0; spin < i % 300; spin++) {
        }
    }
    __atomic_store_n(&g_stop, 1, __ATOMIC_SEQ_CST);
    EXPECT(PalThreadResume(h), 0);
    join(&g_tid[0]);
    EXPECT(PalSynchronizationObjectWait(h, NO_TIMEOUT), 0);
    EXPECT(PalThreadResume(h), PAL_ERROR_NOTHREAD);
    PalObjectClose(h);
}

TEST(PalThreadResume, of_itself_ends_the_next_wait_only) {
    uint32_t word = 0;
    EXPECT(PalThreadResume(PalGetPalControl()->first_thread), 0);
    EXPECT(PalFutexWait(&word, 0, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false), PAL_ERROR_INTERRUPTED);
    EXPECT(PalFutexWait(&word, 0, PAL_CLOCK_MONOTONIC, now() + 1000000, false), PAL_ERROR_TIMEDOUT);
    EXPECT(PalThreadResume(test_event()), PAL_ERROR_BADHANDLE);
    EXPECT(PalThreadResume(NULL), PAL_ERROR_BADHANDLE);
}

TEST(PalThreadResume, ends_every_kind_of_blocking_call) {
    PAL_HANDLE self = PalGetPalControl()->first_thread, pipe[2];
    PAL_NUM n = 1;
    char byte;
    EXPECT(PalPipeCreate(0, pipe), 0);
    PalThreadResume(self);
    EXPECT(PalStreamRead(pipe[0], 0, &n, &byte, NULL, 0), PAL_ERROR_INTERRUPTED);
    PalThreadResume(self);
    EXPECT(PalClockSleep(PAL_CLOCK_MONOTONIC, now() + 10000000000UL), PAL_ERROR_INTERRUPTED);
    PalThreadResume(self);
    CHECK(PalThreadDelayExecution(10000000) < 5000000);
    PalThreadResume(self);
    PAL_HANDLE event = test_event();
    EXPECT(PalSynchronizationObjectWait(event, NO_TIMEOUT), PAL_ERROR_INTERRUPTED);
    PAL_FLG events = PAL_WAIT_READ, ret_events;
    PalThreadResume(self);
    EXPECT(PalStreamsWaitEvents(1, &pipe[0], &events, &ret_events, NO_TIMEOUT),
           PAL_ERROR_INTERRUPTED);
    PalObjectClose(pipe[0]);
    PalObjectClose(pipe[1]);
}

TEST(PalThreadDelayExecution, sleeps_that_long) {
    PAL_NUM t = now();
    EXPECT(PalThreadDelayExecution(2000), 2000);
    CHECK(now() - t >= 2000000);
}

TEST(PalThreadYieldExecution, returns) {
    PalThreadYieldExecution();
}

TEST(PalThreadSetCPUAffinity, one_cpu_and_back) {
    uint8_t mask[1024], one[1024];
    PAL_IDX cpus[64], cpu, count = 0;
    int size = PalThreadGetCPUAffinity(NULL, sizeof(mask), mask);
    CHECK(size > 0);
    for (PAL_IDX i = 0; i < (PAL_IDX)size * 8 && count < 64; i++) {
        if (mask[i / 8] >> i % 8 & 1)
            cpus[count++] = i;
    }
    cpu = cpus[count - 1];
    EXPECT(PalThreadSetCPUAffinity(NULL, 1, &cpu), 0);
    CHECK(PalThreadGetCPUAffinity(PalGetPalControl()->first_thread, sizeof(one), one) > 0);
    EXPECT(one[cpu / 8], 1 << cpu % 8);
    PAL_IDX here, node;
    EXPECT(PalThreadGetCPU(&here, &node), 0);
    EXPECT(here, cpu);
    EXPECT(PalThreadSetCPUAffinity(NULL, count, cpus), 0);
    cpu = 100000;
    EXPECT(PalThreadSetCPUAffinity(NULL, 1, &cpu), PAL_ERROR_INVAL);
    EXPECT(PalThreadSetCPUAffinity(NULL, 0, NULL), PAL_ERROR_INVAL);
    EXPECT(PalThreadSetCPUAffinity(test_event(), 1, &cpu), PAL_ERROR_BADHANDLE);
}

TEST(PalThreadGetCPUAffinity, bad_arguments) {
    uint8_t mask[8];
    EXPECT(PalThreadGetCPUAffinity(test_event(), 8, mask), PAL_ERROR_BADHANDLE);
    EXPECT(PalThreadGetCPUAffinity(NULL, 1024, BAD_ADDRESS), PAL_ERROR_BADADDR);
}

TEST(PalThreadGetCPU, without_a_node) {
    PAL_IDX cpu = 12345;
    EXPECT(PalThreadGetCPU(&cpu, NULL), 0);
    CHECK(cpu < 12345);
}

TEST(PalThreadSchedSet, nice) {
    PAL_FLG policy;
    int priority, nice, old;
    EXPECT(PalThreadSchedGet(NULL, &policy, &priority, &old), 0);
    EXPECT(PalThreadSchedSet(NULL, policy, 0, old + 1), 0);
    EXPECT(PalThreadSchedGet(PalGetPalControl()->first_thread, &policy, &priority, &nice), 0);
    EXPECT(nice, old + 1);
    EXPECT(PalThreadSchedSet(NULL, 77, 0, nice), PAL_ERROR_INVAL);
}

TEST(PalThreadSchedGet, bad_handle) {
    PAL_FLG policy;
    int priority, nice;
    EXPECT(PalThreadSchedGet(test_event(), &policy, &priority, &nice), PAL_ERROR_BADHANDLE);
}

TEST(PalThreadSetName, own_and_by_handle) {
    EXPECT(PalThreadSetName(NULL, "a name that is longer than fifteen"), 0);
    EXPECT(PalThreadSetName(PalGetPalControl()->first_thread, "first"), 0);
    EXPECT(PalThreadSetName(test_event(), "x"), PAL_ERROR_BADHANDLE);
}

TEST(PalThreadCpuTime, grows) {
    PAL_NUM user = 0, system = 0, user2 = 0, system2 = 0, stop = now() + 30000000;
    EXPECT(PalThreadCpuTime(PalGetPalControl()->first_thread, &user, &system), 0);
    while (now() < stop) {
    }
    EXPECT(PalThreadCpuTime(PalGetPalControl()->first_thread, &user2, &system2), 0);
    CHECK(user2 + system2 > user + system);
    EXPECT(PalThreadCpuTime(NULL, &user2, &system2), 0);
}

static int thread_burns(void* stop) {
    while (!__atomic_load_n((uint32_t*)stop, __ATOMIC_SEQ_CST)) {
    }
    return 0;
}

TEST(PalThreadCpuTime, of_another_thread) {
    PAL_HANDLE h;
    PAL_NUM user, system;
    uint32_t stop = 0;
    EXPECT(PalThreadCreate(thread_burns, &stop, &h), 0);
    PalThreadDelayExecution(50000);
    EXPECT(PalThreadCpuTime(h, &user, &system), 0);
    CHECK(user + system > 0 && user + system < 10000000000UL);
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    EXPECT(PalSynchronizationObjectWait(h, NO_TIMEOUT), 0);
    EXPECT(PalThreadCpuTime(h, &user, &system), PAL_ERROR_NOTHREAD);
    PalObjectClose(h);
}
