/*
 * Threads, kicks, mutexes, events, futexes and barriers.
 */
#include "pal_test.h"

static PAL_NUM now(void) {
    PAL_NUM t = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &t);
    return t;
}
#define MS 1000000ul

static uint32_t g_counter;

static int add_one(void* arg) {
    __atomic_add_fetch(&g_counter, *(uint32_t*)arg, __ATOMIC_SEQ_CST);
    return 0;
}

TEST(PalThreadCreate, many) {
    uint32_t one = 1;
    g_counter = 0;
    for (int round = 0; round < 20; round++) {
        PAL_HANDLE t[16];
        for (int i = 0; i < 16; i++)
            EXPECT(PalThreadCreate(add_one, &one, &t[i]), 0);
        for (int i = 0; i < 16; i++) {
            EXPECT(t[i]->hdr.type, PAL_TYPE_THREAD);
            EXPECT(PalSynchronizationObjectWait(t[i], NO_TIMEOUT), 0);
            PalObjectClose(t[i]);
        }
    }
    EXPECT(g_counter, 320);
    PAL_HANDLE h;
    EXPECT(PalThreadCreate(NULL, NULL, &h), PAL_ERROR_INVAL);
    EXPECT(PalThreadCreate(add_one, NULL, NULL), PAL_ERROR_INVAL);
}

static int check_tcb(void* arg) {
    PAL_TCB* tcb = pal_get_tcb();
    uint32_t ok = tcb->self == tcb && tcb->thread;
    for (int i = 0; i < PAL_LIBOS_TCB_SIZE; i++)
        ok &= tcb->libos_tcb[i] == 0;
    memset(tcb->libos_tcb, 0xff, PAL_LIBOS_TCB_SIZE); /* the next one must not see it */
    *(uint32_t*)arg += ok;
    return 0;
}

TEST(PalThreadCreate, tcb_is_fresh) {
    uint32_t good = 0;
    for (int i = 0; i < 8; i++) {
        PAL_HANDLE t;
        EXPECT(PalThreadCreate(check_tcb, &good, &t), 0);
        EXPECT(PalSynchronizationObjectWait(t, NO_TIMEOUT), 0);
        PalObjectClose(t);
    }
    EXPECT(good, 8);
}

static uint32_t g_tid_word = 1;

static int exit_clearing(void* arg) {
    PalThreadDelayExecution(2000);
    PalThreadExit(arg);
}

TEST(PalThreadExit, clears_and_wakes) {
    PAL_HANDLE t;
    g_tid_word = 1;
    EXPECT(PalThreadCreate(exit_clearing, &g_tid_word, &t), 0);
    while (__atomic_load_n(&g_tid_word, __ATOMIC_ACQUIRE)) {
        int ret = PalFutexWait(&g_tid_word, 1, PAL_CLOCK_MONOTONIC, now() + 5000 * MS, false);
        CHECK(ret == 0 || ret == PAL_ERROR_TRYAGAIN);
    }
    EXPECT(PalSynchronizationObjectWait(t, NO_TIMEOUT), 0);
    PalObjectClose(t);
}

TEST(PalThreadDelayExecution, sleeps) {
    PAL_NUM before = now();
    EXPECT(PalThreadDelayExecution(5000), 5000);
    CHECK(now() - before >= 5 * MS);
}

TEST(PalThreadYieldExecution, returns) {
    for (int i = 0; i < 100; i++)
        PalThreadYieldExecution();
}

/* ---- Kicks -------------------------------------------------------------------------------------
 */

static PAL_HANDLE g_pipe[2], g_set, g_lock_file, g_event, g_dir;
static uint32_t g_word;

static int block_read(void) {
    char b;
    PAL_NUM n = 1;
    return PalStreamRead(g_pipe[0], 0, &n, &b, NULL, 0);
}
static int block_readv(void) {
    char b[2];
    struct iovec iov[2] = {{b, 1}, {b + 1, 1}};
    return PalStreamReadV(g_pipe[0], 0, iov, 2, 0);
}
static int block_poll(void) {
    PAL_FLG events = PAL_WAIT_READ, got;
    return PalStreamsWaitEvents(1, g_pipe, &events, &got, NO_TIMEOUT);
}
static int block_poll_timeout(void) {
    PAL_FLG events = PAL_WAIT_READ, got;
    return PalStreamsWaitEvents(1, g_pipe, &events, &got, 60000000);
}
static int block_waitset(void) {
    PAL_WAITSET_EVENT e;
    return PalWaitSetWait(g_set, &e, 1, NO_TIMEOUT);
}
static int block_waitset_timeout(void) {
    PAL_WAITSET_EVENT e;
    return PalWaitSetWait(g_set, &e, 1, 60000000000);
}
static int block_futex(void) {
    int ret = PalFutexWait(&g_word, 0, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
    return ret;
}
static int block_sleep(void) {
    return PalClockSleep(PAL_CLOCK_MONOTONIC, now() + 60000 * MS);
}
static int block_event(void) {
    return PalSynchronizationObjectWait(g_event, NO_TIMEOUT);
}
static int block_lock(void) {
    return PalStreamLock(g_lock_file, true, 2, 0, 0, true);
}
static int block_splice(void) {
    return PalStreamCopy(g_pipe[0], NULL, g_pipe[1], NULL, 1, PAL_COPY_SPLICE, 0);
}

static int block_fifo(void) {
    PAL_HANDLE h;
    return PalStreamOpenAt(g_dir, "fifo", PAL_ACCESS_RDONLY, 0, 0, 0, &h);
}

static int (*const g_blockers[])(void) = {
    block_read,  block_readv, block_poll,  block_poll_timeout, block_waitset, block_waitset_timeout,
    block_futex, block_sleep, block_event, block_fifo,         block_lock,
};
#define BLOCKERS (sizeof(g_blockers) / sizeof(g_blockers[0]))

struct blocked {
    int (*call)(void);
    int result;
    uint32_t started, rounds;
};

static int block_thread(void* arg) {
    struct blocked* b = arg;
    for (uint32_t i = 0; i < b->rounds; i++) {
        __atomic_add_fetch(&b->started, 1, __ATOMIC_SEQ_CST);
        b->result = b->call();
        if (b->result != PAL_ERROR_INTERRUPTED)
            break;
    }
    return 0;
}

TEST(PalThreadResume, ends_every_blocking_call) {
    PAL_HANDLE held, t;
    EXPECT(PalPipeCreate(0, g_pipe), 0);
    EXPECT(PalWaitSetCreate(&g_set), 0);
    EXPECT(PalWaitSetAdd(g_set, g_pipe[0], PAL_WAIT_READ, 0), 0);
    CHECK(held = test_file("kick", ""));
    EXPECT(PalStreamLock(held, true, 2, 0, 0, false), 0);
    EXPECT(PalStreamOpen("file:kick", PAL_ACCESS_RDWR, 0, 0, 0, &g_lock_file), 0);
    EXPECT(PalNotificationEventCreate(PAL_FALSE, &g_event), 0);
    CHECK(g_dir = test_dir());
    EXPECT(PalDirectoryMakeNodeAt(g_dir, "fifo", 0010600, 0), 0);
    (void)block_splice; /* splice of a pipe to itself is refused at once */
    for (size_t i = 0; i < BLOCKERS; i++) {
        struct blocked b = {.call = g_blockers[i], .rounds = 1};
        EXPECT(PalThreadCreate(block_thread, &b, &t), 0);
        while (!__atomic_load_n(&b.started, __ATOMIC_SEQ_CST))
            PalThreadYieldExecution();
        PalThreadDelayExecution(3000); /* most likely asleep in the host now */
        EXPECT(PalThreadResume(t), 0);
        EXPECT(PalSynchronizationObjectWait(t, 10000000), 0);
        if (b.result != PAL_ERROR_INTERRUPTED)
            test_print("  blocking call %d\n", (int)i);
        EXPECT(b.result, PAL_ERROR_INTERRUPTED);
        EXPECT(PalThreadResume(t), PAL_ERROR_NOTHREAD);
        PalObjectClose(t);
    }
    PalObjectClose(held);
    PalObjectClose(g_lock_file);
}

/* Kicks at every moment, one for each round: none may be lost, or the thread sleeps for ever. */
TEST(PalThreadResume, none_is_lost) {
    for (size_t i = 0; i < BLOCKERS - 1; i++) {
        struct blocked b = {.call = g_blockers[i], .rounds = 2000};
        PAL_HANDLE t;
        EXPECT(PalThreadCreate(block_thread, &b, &t), 0);
        for (uint32_t round = 1; round <= b.rounds; round++) {
            PAL_NUM until = now() + 10000 * MS;
            while (__atomic_load_n(&b.started, __ATOMIC_SEQ_CST) < round && now() < until)
                PalThreadYieldExecution();
            if (__atomic_load_n(&b.started, __ATOMIC_SEQ_CST) < round) {
                test_print("  blocking call %d\n", (int)i);
                EXPECT(b.started, round);
            }
            for (volatile uint32_t spin = round % 97 * 10; spin; spin--)
                ;
            EXPECT(PalThreadResume(t), 0);
        }
        EXPECT(PalSynchronizationObjectWait(t, 10000000), 0);
        EXPECT(b.result, PAL_ERROR_INTERRUPTED);
        PalObjectClose(t);
    }
    PalObjectClose(g_pipe[0]);
    PalObjectClose(g_pipe[1]);
    PalObjectClose(g_set);
}

static uint32_t g_opens_done;
static int open_files(void* arg) {
    for (int i = 0; i < 3000; i++) {
        PAL_HANDLE h;
        int ret = PalStreamOpenAt(g_dir, "kick", PAL_ACCESS_RDWR, 0, 0, 0, &h);
        if (ret < 0) {
            *(int*)arg = ret;
            break;
        }
        PalObjectClose(h);
    }
    __atomic_store_n(&g_opens_done, 1, __ATOMIC_SEQ_CST);
    return 0;
}

/* A regular file is opened no matter what is pending, as on Linux. */
TEST(PalStreamOpenAt, kicks_do_not_fail_it) {
    PAL_HANDLE t;
    int failed = 0;
    CHECK(g_dir);
    EXPECT(PalThreadCreate(open_files, &failed, &t), 0);
    while (!__atomic_load_n(&g_opens_done, __ATOMIC_SEQ_CST))
        PalThreadResume(t);
    EXPECT(PalSynchronizationObjectWait(t, NO_TIMEOUT), 0);
    EXPECT(failed, 0);
    PalObjectClose(t);
}

TEST(PalThreadResume, bad_arguments) {
    EXPECT(PalThreadResume(NULL), PAL_ERROR_BADHANDLE);
    EXPECT(PalThreadResume(test_event()), PAL_ERROR_BADHANDLE);
}

/* ---- Scheduling --------------------------------------------------------------------------------
 */

TEST(PalThreadSetCPUAffinity, one_cpu) {
    PAL_HANDLE self = PalGetPalControl()->first_thread;
    PAL_IDX cpu = 0, bad = 100000, seen = 99, node;
    uint8_t mask[128];
    EXPECT(PalThreadSetCPUAffinity(self, 1, &cpu), 0);
    EXPECT(PalThreadGetCPU(&seen, &node), 0);
    EXPECT(seen, 0);
    CHECK(PalThreadGetCPUAffinity(self, sizeof(mask), mask) >= 8);
    EXPECT(mask[0], 1);
    PAL_IDX both[2] = {0, 1};
    EXPECT(PalThreadSetCPUAffinity(self, 2, both), 0);
    EXPECT(PalThreadSetCPUAffinity(self, 1, &bad), PAL_ERROR_INVAL);
    EXPECT(PalThreadSetCPUAffinity(test_event(), 1, &cpu), PAL_ERROR_BADHANDLE);
}

TEST(PalThreadGetCPUAffinity, bad_arguments) {
    uint8_t mask[128];
    EXPECT(PalThreadGetCPUAffinity(test_event(), sizeof(mask), mask), PAL_ERROR_BADHANDLE);
    EXPECT(PalThreadGetCPUAffinity(PalGetPalControl()->first_thread, 1, mask), PAL_ERROR_INVAL);
}

TEST(PalThreadGetCPU, in_range) {
    PAL_IDX cpu = 999999, node = 999999;
    EXPECT(PalThreadGetCPU(&cpu, &node), 0);
    CHECK(cpu < 4096 && node < 4096);
}

TEST(PalThreadSchedSet, nice) {
    PAL_HANDLE self = PalGetPalControl()->first_thread;
    PAL_FLG policy;
    int priority, nice;
    EXPECT(PalThreadSchedGet(self, &policy, &priority, &nice), 0);
    EXPECT(PalThreadSchedSet(self, policy, priority, nice < 19 ? nice + 1 : nice), 0);
    int more;
    EXPECT(PalThreadSchedGet(self, &policy, &priority, &more), 0);
    EXPECT(more, nice < 19 ? nice + 1 : nice);
    EXPECT(PalThreadSchedSet(self, 99, 0, 0), PAL_ERROR_INVAL);
    EXPECT(PalThreadSchedSet(test_event(), 0, 0, 0), PAL_ERROR_BADHANDLE);
}

TEST(PalThreadSchedGet, bad_arguments) {
    PAL_FLG policy;
    int priority, nice;
    EXPECT(PalThreadSchedGet(test_event(), &policy, &priority, &nice), PAL_ERROR_BADHANDLE);
}

TEST(PalThreadIoPrioritySet, own) {
    PAL_HANDLE self = PalGetPalControl()->first_thread;
    EXPECT(PalThreadIoPrioritySet(self, 2 << 13 | 6), 0); /* best effort */
    EXPECT(PalThreadIoPrioritySet(self, 0), 0);
    EXPECT(PalThreadIoPrioritySet(self, 6 << 13), PAL_ERROR_INVAL);
    EXPECT(PalThreadIoPrioritySet(test_event(), 0), PAL_ERROR_BADHANDLE);
}

TEST(PalThreadSetName, own) {
    EXPECT(PalThreadSetName(PalGetPalControl()->first_thread, "a name that is too long"), 0);
    EXPECT(PalThreadSetName(test_event(), "x"), PAL_ERROR_BADHANDLE);
}

TEST(PalThreadCpuTime, grows) {
    PAL_NUM user, system, user2, system2;
    EXPECT(PalThreadCpuTime(NULL, &user, &system), 0);
    PAL_NUM until = now() + 20 * MS;
    while (now() < until)
        ;
    EXPECT(PalThreadCpuTime(NULL, &user2, &system2), 0);
    CHECK(user2 + system2 > user + system);
    EXPECT(PalThreadCpuTime(PalGetPalControl()->first_thread, &user, &system), 0);
    EXPECT(PalThreadCpuTime(test_event(), &user, &system), PAL_ERROR_BADHANDLE);
}

/* ---- Mutexes and events ------------------------------------------------------------------------
 */

static PAL_HANDLE g_mutex;
static uint64_t g_guarded;

static int lock_loop(void* arg) {
    for (int i = 0; i < 20000; i++) {
        if (PalSynchronizationObjectWait(g_mutex, NO_TIMEOUT) < 0)
            return 1;
        g_guarded++; /* not atomic: the mutex is what is tested */
        PalMutexRelease(g_mutex);
    }
    return 0;
}

TEST(PalMutexCreate, excludes) {
    PAL_HANDLE t[4], locked;
    EXPECT(PalMutexCreate(0, &g_mutex), 0);
    EXPECT(g_mutex->hdr.type, PAL_TYPE_MUTEX);
    for (int i = 0; i < 4; i++)
        EXPECT(PalThreadCreate(lock_loop, NULL, &t[i]), 0);
    for (int i = 0; i < 4; i++) {
        EXPECT(PalSynchronizationObjectWait(t[i], NO_TIMEOUT), 0);
        PalObjectClose(t[i]);
    }
    EXPECT(g_guarded, 80000);
    PalObjectClose(g_mutex);
    EXPECT(PalMutexCreate(1, &locked), 0);
    EXPECT(PalSynchronizationObjectWait(locked, 1000), PAL_ERROR_TRYAGAIN);
    PalMutexRelease(locked);
    EXPECT(PalSynchronizationObjectWait(locked, 0), 0);
    PalObjectClose(locked);
    EXPECT(PalMutexCreate(2, &locked), PAL_ERROR_INVAL);
}

TEST(PalMutexRelease, bad_handles_are_ignored) {
    PalMutexRelease(NULL);
    PalMutexRelease(test_event());
}

static uint32_t g_woken;
static int wait_event(void* arg) {
    if (PalSynchronizationObjectWait(arg, NO_TIMEOUT) == 0)
        __atomic_add_fetch(&g_woken, 1, __ATOMIC_SEQ_CST);
    return 0;
}

TEST(PalNotificationEventCreate, stays_set) {
    PAL_HANDLE e, t[3];
    EXPECT(PalNotificationEventCreate(PAL_FALSE, &e), 0);
    EXPECT(PalSynchronizationObjectWait(e, 0), PAL_ERROR_TRYAGAIN);
    g_woken = 0;
    for (int i = 0; i < 3; i++)
        EXPECT(PalThreadCreate(wait_event, e, &t[i]), 0);
    PalThreadDelayExecution(2000);
    EXPECT(g_woken, 0);
    EXPECT(PalEventSet(e), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT(PalSynchronizationObjectWait(t[i], 10000000), 0);
        PalObjectClose(t[i]);
    }
    EXPECT(g_woken, 3);
    EXPECT(PalSynchronizationObjectWait(e, 0), 0);
    EXPECT(PalSynchronizationObjectWait(e, 0), 0);
    PalObjectClose(e);
    EXPECT(PalNotificationEventCreate(PAL_TRUE, &e), 0);
    EXPECT(PalSynchronizationObjectWait(e, 0), 0);
    PalObjectClose(e);
}

TEST(PalSynchronizationEventCreate, wakes_one) {
    PAL_HANDLE e, t[3];
    EXPECT(PalSynchronizationEventCreate(PAL_FALSE, &e), 0);
    g_woken = 0;
    for (int i = 0; i < 3; i++)
        EXPECT(PalThreadCreate(wait_event, e, &t[i]), 0);
    for (uint32_t i = 1; i <= 3; i++) {
        EXPECT(PalEventSet(e), 0);
        PAL_NUM until = now() + 10000 * MS;
        while (__atomic_load_n(&g_woken, __ATOMIC_SEQ_CST) < i && now() < until)
            PalThreadYieldExecution();
        PalThreadDelayExecution(1000);
        EXPECT(g_woken, i);
    }
    for (int i = 0; i < 3; i++) {
        EXPECT(PalSynchronizationObjectWait(t[i], 10000000), 0);
        PalObjectClose(t[i]);
    }
    EXPECT(PalSynchronizationObjectWait(e, 0), PAL_ERROR_TRYAGAIN);
    PalObjectClose(e);
}

TEST(PalEventSet, bad_arguments) {
    PAL_HANDLE m;
    EXPECT(PalEventSet(NULL), PAL_ERROR_BADHANDLE);
    EXPECT(PalMutexCreate(0, &m), 0);
    EXPECT(PalEventSet(m), PAL_ERROR_BADHANDLE);
    EXPECT(PalEventClear(m), PAL_ERROR_BADHANDLE);
    PalObjectClose(m);
}

TEST(PalEventClear, clears) {
    PAL_HANDLE e;
    EXPECT(PalNotificationEventCreate(PAL_TRUE, &e), 0);
    EXPECT(PalEventClear(e), 0);
    EXPECT(PalSynchronizationObjectWait(e, 0), PAL_ERROR_TRYAGAIN);
    EXPECT(PalEventClear(NULL), PAL_ERROR_BADHANDLE);
    PalObjectClose(e);
}

TEST(PalSynchronizationObjectWait, bad_arguments) {
    PAL_HANDLE p[2];
    EXPECT(PalSynchronizationObjectWait(NULL, 0), PAL_ERROR_BADHANDLE);
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalSynchronizationObjectWait(p[0], 0), PAL_ERROR_BADHANDLE);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    PAL_NUM before = now();
    EXPECT(PalSynchronizationObjectWait(test_event(), 5000), PAL_ERROR_TRYAGAIN);
    CHECK(now() - before >= 5 * MS);
}

/* ---- Futexes and barriers ----------------------------------------------------------------------
 */

static uint32_t g_ping;
static int pong(void* arg) {
    for (uint32_t i = 0; i < 5000; i++) {
        while (__atomic_load_n(&g_ping, __ATOMIC_ACQUIRE) != 2 * i + 1)
            PalFutexWait(&g_ping, 2 * i, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
        __atomic_store_n(&g_ping, 2 * i + 2, __ATOMIC_RELEASE);
        PalFutexWake(&g_ping, 1, false);
    }
    return 0;
}

TEST(PalFutexWait, ping_pong) {
    PAL_HANDLE t;
    EXPECT(PalThreadCreate(pong, NULL, &t), 0);
    for (uint32_t i = 0; i < 5000; i++) {
        __atomic_store_n(&g_ping, 2 * i + 1, __ATOMIC_RELEASE);
        PalFutexWake(&g_ping, 1, false);
        while (__atomic_load_n(&g_ping, __ATOMIC_ACQUIRE) != 2 * i + 2)
            PalFutexWait(&g_ping, 2 * i + 1, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
    }
    EXPECT(PalSynchronizationObjectWait(t, NO_TIMEOUT), 0);
    PalObjectClose(t);
}

TEST(PalFutexWait, answers) {
    uint32_t word = 5;
    PAL_NUM real;
    EXPECT(PalFutexWait(&word, 6, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false), PAL_ERROR_TRYAGAIN);
    EXPECT(PalFutexWait(&word, 5, PAL_CLOCK_MONOTONIC, now() + 2 * MS, false), PAL_ERROR_TIMEDOUT);
    EXPECT(PalClockGet(PAL_CLOCK_REALTIME, &real), 0);
    EXPECT(PalFutexWait(&word, 5, PAL_CLOCK_REALTIME, real + 2 * MS, true), PAL_ERROR_TIMEDOUT);
    EXPECT(PalFutexWait(&word, 5, PAL_CLOCK_MONOTONIC, 0, false), PAL_ERROR_TIMEDOUT);
    EXPECT(PalFutexWait(&word, 5, PAL_CLOCK_BOOTTIME, 0, false), PAL_ERROR_INVAL);
    EXPECT(PalFutexWait((uint32_t*)BAD_ADDRESS, 5, PAL_CLOCK_MONOTONIC, 0, false),
           PAL_ERROR_BADADDR);
    EXPECT(PalFutexWait((uint32_t*)((char*)&word + 1), 5, PAL_CLOCK_MONOTONIC, 0, false),
           PAL_ERROR_INVAL);
}

static int wake_soon(void* arg) {
    PalThreadDelayExecution(3000);
    __atomic_store_n((uint32_t*)arg, 1, __ATOMIC_SEQ_CST);
    PalFutexWake(arg, 1, false);
    return 0;
}

TEST(PalFutexWaitUninterruptible, wakes) {
    uint32_t word = 0;
    PAL_HANDLE t;
    EXPECT(PalThreadCreate(wake_soon, &word, &t), 0);
    while (!__atomic_load_n(&word, __ATOMIC_SEQ_CST))
        PalFutexWaitUninterruptible(&word, 0);
    EXPECT(PalSynchronizationObjectWait(t, NO_TIMEOUT), 0);
    PalObjectClose(t);
    PalFutexWaitUninterruptible(&word, 0); /* differs: returns at once */
}

TEST(PalFutexWake, nobody) {
    uint32_t word = 0;
    EXPECT(PalFutexWake(&word, 10, false), 0);
    EXPECT(PalFutexWake(&word, ~0ul, true), 0);
    EXPECT(PalFutexWake((uint32_t*)((char*)&word + 1), 1, false), PAL_ERROR_INVAL);
}

TEST(PalMemoryBarrierAll, works) {
    EXPECT(PalMemoryBarrierAll(), 0);
    EXPECT(PalMemoryBarrierAll(), 0);
}

TEST(PalInstructionBarrierAll, works) {
    EXPECT(PalInstructionBarrierAll(), 0);
}
