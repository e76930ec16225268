/*
 * Futexes in shared memory, between threads and between processes, and waits for several words.
 */
#include "pal_test.h"

#define ANY ~0U

static PAL_NUM now(void) {
    PAL_NUM t = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &t);
    return t;
}

/* A page that children share. */
static uint32_t* shared_page(void) {
    PAL_PTR page = NULL;
    if (PalVirtualMemoryAlloc(&page, 0x1000, PAL_ALLOC_SHARED, PAL_PROT_READ | PAL_PROT_WRITE))
        return NULL;
    return page;
}

static int wait(uint32_t* word, uint32_t value, uint32_t bits) {
    return PalSharedFutexWait(word, value, bits, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
}

TEST(PalSharedFutexWait, every_answer) {
    uint32_t* word = shared_page();
    PAL_NUM real = 0;
    CHECK(word != NULL);
    *word = 3;
    EXPECT(wait(word, 4, ANY), PAL_ERROR_TRYAGAIN);
    EXPECT(wait(word, 3, 0), PAL_ERROR_INVAL);
    EXPECT(wait(BAD_ADDRESS, 3, ANY), PAL_ERROR_BADADDR);
    EXPECT(wait((uint32_t*)((char*)word + 1), 3, ANY), PAL_ERROR_INVAL);
    EXPECT(PalSharedFutexWait(word, 3, ANY, PAL_CLOCK_MONOTONIC, now() + 1000000),
           PAL_ERROR_TIMEDOUT);
    EXPECT(PalSharedFutexWait(word, 3, ANY, PAL_CLOCK_MONOTONIC, 0), PAL_ERROR_TIMEDOUT);
    EXPECT(PalClockGet(PAL_CLOCK_REALTIME, &real), 0);
    EXPECT(PalSharedFutexWait(word, 3, ANY, PAL_CLOCK_REALTIME, real + 1000000),
           PAL_ERROR_TIMEDOUT);
    EXPECT(PalSharedFutexWait(word, 3, ANY, PAL_CLOCK_BOOTTIME, 0), PAL_ERROR_INVAL);
    PalThreadResume(PalGetPalControl()->first_thread);
    EXPECT(wait(word, 3, ANY), PAL_ERROR_INTERRUPTED);
}

/* Waits for word[0] with bit 1; then tells, in word[1]. */
static void child_waits(uint32_t* word, int how) {
    int ret;
    if (how == 0) {
        ret = wait(word, 0, 1);
    } else {
        PAL_FUTEX_WAITER w[2] = {{0, (PAL_NUM)(word + 2), PAL_FUTEX_SHARED, 0},
                                 {0, (PAL_NUM)word, PAL_FUTEX_SHARED, 0}};
        ret = PalFutexWaitAny(w, 2, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
        ret = ret == 1 ? 0 : 1;
    }
    __atomic_store_n(word + 1, ret == 0 ? 1 : 2, __ATOMIC_SEQ_CST);
    PalProcessExit(0);
}

static int start_child(uint32_t* word, int how, PAL_HANDLE* child) {
    int ret = PalProcessFork(child);
    if (ret == 0 && !*child)
        child_waits(word, how);
    return ret;
}

static void sleep_ms(PAL_NUM ms) {
    PalClockSleep(PAL_CLOCK_MONOTONIC, now() + ms * 1000000);
}

static int finish_child(PAL_HANDLE child) {
    PAL_NUM status = 1;
    int ret = PalProcessWait(child, true, &status);
    PalObjectClose(child);
    return ret ? ret : (int)status;
}

TEST(PalSharedFutexWake, another_process) {
    uint32_t* word = shared_page();
    CHECK(word != NULL);
    for (int how = 0; how < 2; how++) {
        PAL_HANDLE child;
        word[0] = word[1] = 0;
        EXPECT(start_child(word, how, &child), 0);
        while (PalSharedFutexWake(word, 5, 1) == 0) {
            EXPECT(how == 0 ? PalSharedFutexWake(word, 1, 2) : 0, 0);
            sleep_ms(1);
        }
        EXPECT(finish_child(child), 0);
        EXPECT(word[1], 1);
    }
    EXPECT(PalSharedFutexWake(word, 1, 0), PAL_ERROR_INVAL);
    EXPECT(PalSharedFutexWake((uint32_t*)((char*)word + 1), 1, ANY), PAL_ERROR_INVAL);
    EXPECT(PalSharedFutexWake(BAD_ADDRESS, 1, ANY), PAL_ERROR_BADADDR);
    EXPECT(PalSharedFutexWake(word, ~0UL, ANY), 0);
}

TEST(PalSharedFutexRequeue, another_process) {
    uint32_t* word = shared_page();
    uint32_t wrong = 9, right = 0;
    PAL_HANDLE child;
    CHECK(word != NULL);
    EXPECT(start_child(word, 0, &child), 0);
    EXPECT(PalSharedFutexRequeue(word, word + 2, 0, 1, &wrong), PAL_ERROR_TRYAGAIN);
    while (PalSharedFutexRequeue(word, word + 2, 0, 1, &right) == 0)
        sleep_ms(1);
    EXPECT(PalSharedFutexWake(word, 1, ANY), 0);
    EXPECT(PalSharedFutexRequeue(word + 2, word, 0, 1, NULL), 1);
    EXPECT(PalSharedFutexRequeue(word, word + 2, 1, 0, NULL), 1);
    EXPECT(finish_child(child), 0);
    EXPECT(word[1], 1);
    EXPECT(PalSharedFutexRequeue(BAD_ADDRESS, word, 0, 1, &right), PAL_ERROR_BADADDR);
}

TEST(PalSharedFutexWakeOp, another_process) {
    uint32_t* word = shared_page();
    PAL_HANDLE child;
    CHECK(word != NULL);
    EXPECT(start_child(word, 0, &child), 0);
    /* word[3] += 5, and one more is woken there if it was 0 (FUTEX_OP_ADD, FUTEX_OP_CMP_EQ) */
    while (PalSharedFutexWakeOp(word, word + 3, 1, 1, 1U << 28 | 5U << 12) == 0)
        sleep_ms(1);
    EXPECT(finish_child(child), 0);
    EXPECT(word[1], 1);
    CHECK(word[3] >= 5 && word[3] % 5 == 0);
    EXPECT(PalSharedFutexWakeOp(word, BAD_ADDRESS, 1, 1, 0), PAL_ERROR_BADADDR);
    EXPECT(PalSharedFutexWakeOp(word, word + 3, 1, 1, 7U << 28), PAL_ERROR_NOTIMPLEMENTED);
}

static uint32_t g_done;

static int thread_wakes(void* word) {
    while (PalFutexWake(word, 1, false) == 0)
        sleep_ms(1);
    PalThreadExit((int*)&g_done);
}

TEST(PalFutexWaitAny, every_answer) {
    uint32_t *shared = shared_page(), word = 7;
    PAL_HANDLE h;
    CHECK(shared != NULL);
    PAL_FUTEX_WAITER w[2] = {{0, (PAL_NUM)shared, PAL_FUTEX_SHARED, 0},
                             {7, (PAL_NUM)&word, PAL_FUTEX_PRIVATE, 0}};
    EXPECT(PalFutexWaitAny(w, 2, PAL_CLOCK_MONOTONIC, now() + 1000000), PAL_ERROR_TIMEDOUT);
    g_done = 1;
    EXPECT(PalThreadCreate(thread_wakes, &word, &h), 0);
    EXPECT(PalFutexWaitAny(w, 2, PAL_CLOCK_MONOTONIC, NO_TIMEOUT), 1);
    PalFutexWait(&g_done, 1, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
    PalObjectClose(h);
    w[1].expected = 8;
    EXPECT(PalFutexWaitAny(w, 2, PAL_CLOCK_MONOTONIC, NO_TIMEOUT), PAL_ERROR_TRYAGAIN);
    w[1].word = (PAL_NUM)BAD_ADDRESS;
    w[1].flags = PAL_FUTEX_SHARED;
    EXPECT(PalFutexWaitAny(w, 2, PAL_CLOCK_MONOTONIC, NO_TIMEOUT), PAL_ERROR_BADADDR);
    w[1].flags = 1;
    EXPECT(PalFutexWaitAny(w, 2, PAL_CLOCK_MONOTONIC, NO_TIMEOUT), PAL_ERROR_INVAL);
    EXPECT(PalFutexWaitAny(w, 0, PAL_CLOCK_MONOTONIC, NO_TIMEOUT), PAL_ERROR_INVAL);
    EXPECT(PalFutexWaitAny(w, 1, PAL_CLOCK_BOOTTIME, NO_TIMEOUT), PAL_ERROR_INVAL);
    PalThreadResume(PalGetPalControl()->first_thread);
    EXPECT(PalFutexWaitAny(w, 1, PAL_CLOCK_MONOTONIC, NO_TIMEOUT), PAL_ERROR_INTERRUPTED);
}
