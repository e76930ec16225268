/*
 * Processes: fork, create, wait, the ways to end.
 */
#include "pal_test.h"

int test_child(PAL_CONTROL* control) {
    PAL_NUM n = 5;
    if (!control->host_argv[0] || strcmp(control->host_argv[0], "child") != 0)
        return 1;
    if (!control->executable || strcmp(control->executable, "file:/some/program") != 0)
        return 2;
    if (PalStreamWrite(control->parent_process, 0, &n, "hello", NULL) != 0)
        return 3;
    return 33;
}

TEST(PalProcessCreate, talks_to_its_parent) {
    PAL_STR args[] = {"child", "with", "arguments", NULL};
    PAL_HANDLE h;
    PAL_NUM n = 16, status = 0;
    char text[16];
    EXPECT(PalProcessCreate("file:/some/program", args, &h), 0);
    EXPECT(h->hdr.type, PAL_TYPE_PROCESS);
    EXPECT(PalStreamRead(h, 0, &n, text, NULL, 0), 0);
    EXPECT(n, 5);
    EXPECT(memcmp(text, "hello", 5), 0);
    EXPECT(PalProcessWait(h, true, &status), 0);
    EXPECT(status, 33);
    PalObjectClose(h);
    EXPECT(PalProcessCreate(BAD_URI, args, &h), PAL_ERROR_INVAL);
    EXPECT(PalProcessCreate(NULL, args, &h), PAL_ERROR_INVAL);
}

static int thread_waits(void* word) {
    PalFutexWait(word, 1, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
    return 0;
}

/* What must hold in a child: its own block, its own threads, traps armed. */
static int child_checks(PAL_HANDLE other, long* shared) {
    PAL_HANDLE h;
    uint32_t word = 0;
    if (pal_get_tcb()->self != pal_get_tcb() || PalThreadResume(other) != PAL_ERROR_NOTHREAD)
        return 1;
    if (PalThreadCreate(thread_waits, &word, &h) || PalSynchronizationObjectWait(h, NO_TIMEOUT))
        return 2;
    if (PalMemoryBarrierAll() || PalInstructionBarrierAll())
        return 3;
    *shared = 2;
    return 42;
}

TEST(PalProcessFork, child_of_a_threaded_process) {
    PAL_HANDLE child, thread;
    PAL_PTR shared = NULL;
    PAL_NUM status = 0;
    static long private_word = 1;
    uint32_t word = 1;
    EXPECT(PalVirtualMemoryAlloc(&shared, 0x1000, PAL_ALLOC_SHARED, PAL_PROT_READ | PAL_PROT_WRITE),
           0);
    EXPECT(PalThreadCreate(thread_waits, &word, &thread), 0);
    EXPECT(PalMemoryBarrierAll(), 0);
    EXPECT(PalProcessFork(&child), 0);
    if (!child) {
        private_word = 2;
        PalProcessExit(child_checks(thread, shared));
    }
    EXPECT(PalProcessWait(child, true, &status), 0);
    EXPECT(status, 42);
    EXPECT(*(long*)shared, 2);
    EXPECT(private_word, 1);
    EXPECT(PalProcessWait(child, false, &status), 0); /* asked again: the same answer */
    PalObjectClose(child);
    word = 0;
    PalFutexWake(&word, 1, false);
    EXPECT(PalSynchronizationObjectWait(thread, NO_TIMEOUT), 0);
    PalObjectClose(thread);
}

TEST(PalProcessFork, end_of_child_is_an_event) {
    PAL_HANDLE child;
    PAL_FLG events = PAL_WAIT_READ, ret_events = 0;
    EXPECT(PalProcessFork(&child), 0);
    if (!child) {
        PalThreadDelayExecution(20000);
        PalProcessExit(0);
    }
    EXPECT(PalProcessWait(child, false, NULL), PAL_ERROR_TRYAGAIN);
    EXPECT(PalSynchronizationObjectWait(child, 1), PAL_ERROR_TRYAGAIN);
    EXPECT(PalStreamsWaitEvents(1, &child, &events, &ret_events, NO_TIMEOUT), 0);
    EXPECT(PalProcessWait(child, false, NULL), 0);
    PalObjectClose(child);
}

static int thread_ends(void* tid) {
    PalThreadExit(tid);
}

static volatile bool g_stop;
static int thread_makes_threads(void* arg) {
    while (!g_stop) {
        uint32_t tid = 1;
        PAL_HANDLE h;
        if (PalThreadCreate(thread_ends, &tid, &h))
            return 1;
        PalSynchronizationObjectWait(h, NO_TIMEOUT);
        while (__atomic_load_n(&tid, __ATOMIC_SEQ_CST))
            PalThreadYieldExecution();
        PalObjectClose(h);
    }
    return 0;
}

TEST(PalProcessFork, while_others_make_threads) {
    PAL_HANDLE maker;
    EXPECT(PalThreadCreate(thread_makes_threads, NULL, &maker), 0);
    for (int i = 0; i < 300; i++) {
        PAL_HANDLE child;
        PAL_NUM status = 99;
        EXPECT(PalProcessFork(&child), 0);
        if (!child) {
            uint32_t tid = 1;
            PAL_HANDLE h;
            if (PalThreadCreate(thread_ends, &tid, &h))
                PalProcessExit(1);
            PalProcessExit(PalSynchronizationObjectWait(h, 5000000) ? 2 : 0);
        }
        EXPECT(PalProcessWait(child, true, &status), 0);
        EXPECT(status, 0);
        PalObjectClose(child);
    }
    g_stop = true;
    EXPECT(PalSynchronizationObjectWait(maker, NO_TIMEOUT), 0);
    PalObjectClose(maker);
}

static PAL_NUM end_of(void (*f)(PAL_NUM), PAL_NUM arg) {
    PAL_HANDLE child;
    PAL_NUM status = 999;
    if (PalProcessFork(&child))
        return 998;
    if (!child) {
        f(arg);
        PalProcessExit(997);
    }
    if (PalProcessWait(child, true, &status))
        status = 996;
    PalObjectClose(child);
    return status;
}

static void exit_with(PAL_NUM code) {
    PalProcessExit(code);
}

static void killed_by(PAL_NUM signo) {
    PalProcessKillSelf(signo);
}

TEST(PalProcessExit, status) {
    EXPECT(end_of(exit_with, 0), 0);
    EXPECT(end_of(exit_with, 255), 255);
    EXPECT(end_of(exit_with, 256 + 7), 7);
}

TEST(PalProcessKillSelf, status) {
    static const PAL_NUM signals[] = {1, 2, 3, 6, 9, 11, 13, 15, 31, 34, 64};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        EXPECT(end_of(killed_by, signals[i]), 256 + signals[i]);
    EXPECT(end_of(killed_by, 0), 128);
    EXPECT(end_of(killed_by, 17), 128 + 17); /* ends nothing by itself */
}

static int thread_kills(void* signo) {
    PalProcessKillSelf(*(PAL_NUM*)signo);
}

static void killed_in_a_thread(PAL_NUM signo) {
    PAL_HANDLE h;
    if (PalThreadCreate(thread_kills, &signo, &h) == 0)
        PalSynchronizationObjectWait(h, NO_TIMEOUT);
}

TEST(PalProcessKillSelf, from_any_thread) {
    EXPECT(end_of(killed_in_a_thread, 15), 256 + 15);
    EXPECT(end_of(killed_in_a_thread, 11), 256 + 11);
}

static int thread_forks(void* status) {
    PAL_HANDLE child;
    if (PalProcessFork(&child))
        return 0;
    if (!child) { /* this thread is the first one now */
        uint32_t word = 0;
        PalThreadResume(pal_get_tcb()->thread);
        if (PalFutexWait(&word, 0, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false) != PAL_ERROR_INTERRUPTED)
            PalProcessExit(1);
        PalProcessKillSelf(10);
    }
    PalProcessWait(child, true, status);
    PalObjectClose(child);
    return 0;
}

TEST(PalProcessFork, from_another_thread) {
    PAL_HANDLE h;
    PAL_NUM status = 0;
    EXPECT(PalThreadCreate(thread_forks, &status, &h), 0);
    EXPECT(PalSynchronizationObjectWait(h, NO_TIMEOUT), 0);
    EXPECT(status, 256 + 10);
    PalObjectClose(h);
}

TEST(PalProcessStopSelf, bad_signal) {
    EXPECT(PalProcessStopSelf(15), PAL_ERROR_INVAL);
    EXPECT(PalProcessStopSelf(0), PAL_ERROR_INVAL);
}

TEST(PalProcessWait, bad_handles) {
    PAL_NUM status;
    EXPECT(PalProcessWait(NULL, false, &status), PAL_ERROR_BADHANDLE);
    EXPECT(PalProcessWait(test_event(), false, &status), PAL_ERROR_BADHANDLE);
}

TEST(PalProcessId, own_and_childs) {
    PAL_HANDLE child;
    PAL_IDX self = 0, id = 0;
    EXPECT(PalProcessId(NULL, &self), 0);
    EXPECT(self, PalGetPalControl()->process_id);
    EXPECT(PalProcessId(NULL, NULL), PAL_ERROR_INVAL);
    EXPECT(PalProcessId(test_event(), &id), PAL_ERROR_BADHANDLE);
    EXPECT(PalProcessFork(&child), 0);
    if (!child) {
        PalProcessId(NULL, &id);
        PalProcessExit(id == self);
    }
    PAL_NUM status = 9;
    EXPECT(PalProcessId(child, &id), 0);
    CHECK(id && id != self);
    EXPECT(PalProcessWait(child, true, &status), 0);
    EXPECT(status, 0);
    PalObjectClose(child);
}

static int reap(PAL_IDX* id, PAL_NUM* status) {
    int ret;
    while ((ret = PalProcessReap(id, status)) == PAL_ERROR_TRYAGAIN)
        PalThreadDelayExecution(1000);
    return ret ? ret : PalProcessForget(*id);
}

TEST(PalProcessReap, each_once) {
    PAL_HANDLE child[2];
    PAL_IDX id[2], got;
    PAL_NUM status, sum = 0;
    EXPECT(PalProcessReap(&got, &status), PAL_ERROR_NOCHILD);
    EXPECT(PalProcessReap(NULL, &status), PAL_ERROR_INVAL);
    for (int i = 0; i < 2; i++) {
        EXPECT(PalProcessFork(&child[i]), 0);
        if (!child[i]) {
            PalThreadDelayExecution(10000);
            if (i)
                PalProcessKillSelf(15);
            PalProcessExit(7);
        }
        EXPECT(PalProcessId(child[i], &id[i]), 0);
    }
    PalObjectClose(child[0]); /* the end is told nevertheless */
    for (int i = 0; i < 2; i++) {
        EXPECT(reap(&got, &status), 0);
        CHECK(got == id[0] || got == id[1]);
        EXPECT(status, got == id[0] ? 7 : 256 + 15);
        sum += got;
    }
    EXPECT(sum, id[0] + id[1]);
    EXPECT(PalProcessReap(&got, &status), PAL_ERROR_NOCHILD);
    EXPECT(PalProcessWait(child[1], false, &status), PAL_ERROR_NOCHILD);
    PalObjectClose(child[1]);
}

static volatile int g_upcalls, g_signo;

static void count_upcall(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    g_signo = context->host_signo;
    g_upcalls++;
}

/* Waits until the other process has said the word in shared memory. */
static bool await_word(volatile int* word, int value) {
    for (int i = 0; *word != value && i < 10000; i++)
        PalThreadDelayExecution(1000);
    return *word == value;
}

TEST(PalProcessKick, interrupts_a_blocking_call) {
    PAL_HANDLE child;
    PAL_IDX id;
    PAL_NUM status = 99;
    PAL_PTR page = NULL;
    EXPECT(PalVirtualMemoryAlloc(&page, 0x1000, PAL_ALLOC_SHARED, PAL_PROT_READ | PAL_PROT_WRITE),
           0);
    volatile int* word = page;
    EXPECT(PalProcessFork(&child), 0);
    if (!child) {
        uint32_t never = 0;
        PalSetExceptionHandler(count_upcall, PAL_EVENT_INTERRUPTED);
        *word = 1;
        int ret = PalFutexWait(&never, 0, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
        PalProcessExit(ret == PAL_ERROR_INTERRUPTED && g_upcalls == 1 && !g_signo ? 0 : 1);
    }
    EXPECT(PalProcessId(child, &id), 0);
    CHECK(await_word(word, 1));
    EXPECT(PalProcessKick(id), 0);
    EXPECT(PalProcessWait(child, true, &status), 0);
    EXPECT(status, 0);
    EXPECT(PalProcessKick(id), PAL_ERROR_NOTHREAD);
    EXPECT(PalProcessKick(0), PAL_ERROR_NOTHREAD);
    PalObjectClose(child);
}

TEST(PalProcessKill, ends_a_sleeper) {
    PAL_HANDLE child;
    PAL_IDX id;
    PAL_NUM status = 99;
    EXPECT(PalProcessFork(&child), 0);
    if (!child) {
        PalThreadDelayExecution(60000000);
        PalProcessExit(0);
    }
    EXPECT(PalProcessId(child, &id), 0);
    EXPECT(PalProcessKill(id), 0);
    EXPECT(PalProcessWait(child, true, &status), 0);
    EXPECT(status, 256 + 9);
    EXPECT(PalProcessKill(id), PAL_ERROR_NOTHREAD);
    EXPECT(PalProcessKill(0), PAL_ERROR_NOTHREAD);
    PalObjectClose(child);
}

TEST(PalProcessSetSubreaper, inherits_grandchildren) {
    PAL_HANDLE child, grandchild;
    PAL_IDX id, got;
    PAL_NUM status;
    EXPECT(PalProcessSetSubreaper(true), 0);
    EXPECT(PalProcessFork(&child), 0);
    if (!child) {
        if (PalProcessFork(&grandchild))
            PalProcessExit(1);
        if (!grandchild) {
            PalThreadDelayExecution(20000);
            PalProcessExit(33);
        }
        PalProcessExit(0);
    }
    EXPECT(PalProcessId(child, &id), 0);
    EXPECT(reap(&got, &status), 0);
    EXPECT(got, id);
    EXPECT(status, 0);
    EXPECT(reap(&got, &status), 0);
    EXPECT(status, 33);
    EXPECT(PalProcessSetSubreaper(false), 0);
    PalObjectClose(child);
}

TEST(PalSetExceptionHandler, child_ended) {
    PAL_HANDLE child;
    PAL_IDX got;
    PAL_NUM status;
    uint32_t never = 0;
    g_upcalls = 0;
    PalSetExceptionHandler(count_upcall, PAL_EVENT_CHILD);
    EXPECT(PalProcessFork(&child), 0);
    if (!child)
        PalProcessExit(3);
    EXPECT(PalFutexWait(&never, 0, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false), PAL_ERROR_INTERRUPTED);
    EXPECT(g_upcalls, 1);
    EXPECT(g_signo, 17);
    EXPECT(PalProcessReap(&got, &status), 0);
    EXPECT(status, 3);
    EXPECT(PalProcessForget(got), 0);
    PalSetExceptionHandler(NULL, PAL_EVENT_CHILD);
    PalObjectClose(child);
}

TEST(PalProcessContinue, stopped_goes_on) {
    PAL_HANDLE child;
    PAL_IDX id;
    PAL_NUM status = 99;
    PAL_PTR page = NULL;
    EXPECT(PalVirtualMemoryAlloc(&page, 0x1000, PAL_ALLOC_SHARED, PAL_PROT_READ | PAL_PROT_WRITE),
           0);
    volatile int* word = page;
    EXPECT(PalProcessFork(&child), 0);
    if (!child) {
        g_upcalls = g_signo = 0;
        PalSetExceptionHandler(count_upcall, PAL_EVENT_INTERRUPTED);
        *word = 1;
        PalProcessStopSelf(19); /* SIGSTOP */
        *word = 2;
        PalProcessExit(g_upcalls && !g_signo ? 0 : 1);
    }
    EXPECT(PalProcessId(child, &id), 0);
    CHECK(await_word(word, 1));
    while (*word != 2) { /* until it has come after the stop */
        EXPECT(PalProcessContinue(id), 0);
        PalThreadDelayExecution(1000);
    }
    EXPECT(PalProcessWait(child, true, &status), 0);
    EXPECT(status, 0);
    EXPECT(PalProcessContinue(id), PAL_ERROR_NOTHREAD);
    PalObjectClose(child);
}

TEST(PalProcessOpen, tells_of_the_end) {
    PAL_HANDLE child, other;
    PAL_IDX id;
    PAL_FLG events = PAL_WAIT_READ, ret_events = 0;
    uint32_t* go = NULL;
    EXPECT(PalVirtualMemoryAlloc((PAL_PTR*)&go, 0x1000, PAL_ALLOC_SHARED,
                                 PAL_PROT_READ | PAL_PROT_WRITE),
           0);
    EXPECT(PalProcessFork(&child), 0);
    if (!child) {
        while (!__atomic_load_n(go, __ATOMIC_SEQ_CST))
            PalThreadYieldExecution();
        PalProcessExit(0);
    }
    EXPECT(PalProcessId(child, &id), 0);
    EXPECT(PalProcessOpen(id, &other), 0);
    EXPECT(PalStreamsWaitEvents(1, &other, &events, &ret_events, 0), PAL_ERROR_TRYAGAIN);
    EXPECT(PalProcessWait(other, false, NULL), PAL_ERROR_NOCHILD);
    __atomic_store_n(go, 1, __ATOMIC_SEQ_CST);
    EXPECT(PalStreamsWaitEvents(1, &other, &events, &ret_events, NO_TIMEOUT), 0);
    PalObjectClose(other);
    EXPECT(PalProcessWait(child, true, NULL), 0);
    PalObjectClose(child);
    EXPECT(PalProcessOpen(id, &other), PAL_ERROR_NOTHREAD);
    EXPECT(PalProcessOpen(0, &other), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryFree(go, 0x1000), 0);
}

TEST(PalProcessForkInto, number_before_the_child_runs) {
    PAL_PTR page = NULL;
    PAL_IDX got;
    PAL_NUM status;
    EXPECT(PalVirtualMemoryAlloc(&page, 0x1000, PAL_ALLOC_SHARED, PAL_PROT_READ | PAL_PROT_WRITE),
           0);
    PAL_IDX* id = page;
    EXPECT(PalProcessForkInto(NULL), PAL_ERROR_INVAL);
    int ret = PalProcessForkInto(id);
    if (ret == 0)
        PalProcessExit(*id == PalGetPalControl()->process_id ? 5 : 6);
    EXPECT(ret, 1);
    CHECK(*id != 0 && *id != PalGetPalControl()->process_id);
    EXPECT(reap(&got, &status), 0);
    EXPECT(got, *id);
    EXPECT(status, 5);
}

TEST(PalProcessForget, told_until_then) {
    PAL_IDX id = 0, got;
    PAL_NUM status;
    int ret = PalProcessForkInto(&id);
    if (ret == 0) {
        PalThreadDelayExecution(5000);
        PalProcessExit(8);
    }
    EXPECT(ret, 1);
    EXPECT(PalProcessForget(id), PAL_ERROR_NOCHILD); /* still there */
    while ((ret = PalProcessReap(&got, &status)) == PAL_ERROR_TRYAGAIN)
        PalThreadDelayExecution(1000);
    EXPECT(ret, 0);
    EXPECT(PalProcessReap(&got, &status), 0);
    EXPECT(got, id);
    EXPECT(status, 8);
    EXPECT(PalProcessForget(id), 0);
    EXPECT(PalProcessForget(id), PAL_ERROR_NOCHILD);
    EXPECT(PalProcessForget(0), PAL_ERROR_NOCHILD);
    EXPECT(PalProcessReap(&got, &status), PAL_ERROR_NOCHILD);
}
