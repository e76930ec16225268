/*
 * FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI: waiters of a plain futex become waiters, or the
 * owner, of a PI futex. futex(2), Documentation/locking/futex-requeue-pi.rst.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include "oracle_mem.h"

static int cond, mutex;
enum { WAITERS = 4 };
static int entered, owned;
static long results[WAITERS];

static long futex(int* uaddr, int op, int val, void* timeout, int* uaddr2, int val3) {
    return sc(SYS_futex, uaddr, op | FUTEX_PRIVATE_FLAG, val, timeout, uaddr2, val3);
}

static void pi_lock(int* word) {
    int zero = 0;
    if (!__atomic_compare_exchange_n(word, &zero, gettid(), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
}

static void pi_unlock(int* word) {
    int tid = gettid();
    if (!__atomic_compare_exchange_n(word, &tid, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

static void* waiter(void* arg) {
    long index = (long)arg;
    __atomic_add_fetch(&entered, 1, __ATOMIC_SEQ_CST);
    results[index] = futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &mutex, 0);
    if (results[index] == 0) {
        if ((__atomic_load_n(&mutex, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK) == gettid())
            __atomic_add_fetch(&owned, 1, __ATOMIC_SEQ_CST);
        pi_unlock(&mutex);
    }
    return NULL;
}

static void start(pthread_t* t) {
    entered = owned = cond = mutex = 0;
    for (long i = 0; i < WAITERS; i++)
        pthread_create(&t[i], NULL, waiter, (void*)i);
    while (__atomic_load_n(&entered, __ATOMIC_SEQ_CST) < WAITERS)
        sched_yield();
    usleep(50000);
}

TEST(all_through_a_held_mutex) {
    pthread_t t[WAITERS];
    start(t);
    pi_lock(&mutex);
    /* A plain wake or requeue may not touch them. */
    CHECK_EQ(futex(&cond, FUTEX_WAKE, 1, NULL, NULL, 0), -EINVAL);
    CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)100, &mutex, 1), -EAGAIN);
    CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI, 2, (void*)100, &mutex, 0), -EINVAL);
    CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)100, &mutex, 0), WAITERS);
    CHECK(mutex & FUTEX_WAITERS);
    usleep(20000);
    CHECK_EQ(owned, 0);
    pi_unlock(&mutex);
    for (int i = 0; i < WAITERS; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < WAITERS; i++)
        CHECK_EQ(results[i], 0);
    CHECK_EQ(owned, WAITERS);
    CHECK_EQ(mutex & FUTEX_TID_MASK, 0);
}

TEST(first_takes_a_free_mutex) {
    pthread_t t[WAITERS];
    start(t);
    CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)0, &mutex, 0), 1);
    for (int i = 0; i < 1000 && !__atomic_load_n(&owned, __ATOMIC_SEQ_CST); i++)
        usleep(1000);
    CHECK_EQ(owned, 1);
    CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)10, &mutex, 0), WAITERS - 1);
    for (int i = 0; i < WAITERS; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(owned, WAITERS);
}

TEST(errors_and_timeouts) {
    struct timespec past = {0, 0};
    CHECK_EQ(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 77, NULL, &mutex, 0), -EAGAIN);
    CHECK_EQ(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &cond, 0), -EINVAL);
    CHECK_EQ(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, &past, &mutex, 0), -ETIMEDOUT);
    CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)1, &cond, 0), -EINVAL);
    CHECK_EQ(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void*)1, &mutex, 0), 0);
}
