/* futex_wake, futex_wait, futex_requeue: one call per operation. */
#include "oracle_mem.h"
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#ifndef SYS_futex_wake
#define SYS_futex_wake    454
#define SYS_futex_wait    455
#define SYS_futex_requeue 456
#endif
#define U32  2
#define PRIV 128
#define ANY  0xffffffffUL

static int words[16], *shared;
#define the_word words[0]
#define word2    words[1]
static volatile int sleeping;

static bool missing(void) {
    return sc(SYS_futex_wake, &the_word, ANY, 1, U32 | PRIV) == -ENOSYS;
}

struct waiter {
    int* word;
    unsigned long mask;
    int flags;
    long result;
    pthread_t thread;
};

static void* wait_thread(void* p) {
    struct waiter* w = p;
    w->result = sc(SYS_futex_wait, w->word, 0, w->mask, w->flags, NULL, 0);
    return NULL;
}

/* All wait for the same word. Moving them to the next one and back tells how many sleep. */
static void start(struct waiter* w, int n) {
    int op = FUTEX_REQUEUE | (w->flags & PRIV), *next = w->word + 8;
    for (int i = 0; i < n; i++)
        pthread_create(&w[i].thread, NULL, wait_thread, &w[i]);
    for (;;) {
        int asleep = sc(SYS_futex, w->word, op, 0, n, next, 0);
        CHECK_EQ(sc(SYS_futex, next, op, 0, n, w->word, 0), asleep);
        if (asleep == n)
            return;
        usleep(500);
    }
}

static void finish(struct waiter* w, int n) {
    for (int i = 0; i < n; i++) {
        pthread_join(w[i].thread, NULL);
        CHECK_EQ(w[i].result, 0);
    }
}

TEST(errors) {
    struct timespec past = {1, 0}, bad = {0, 1000000000}, t;
    if (missing())
        SKIP("the kernel has no futex_wake");
    the_word = 1;
    for (int private = 0; private <= PRIV; private += PRIV) {
        int f = U32 | private;
        CHECK_EQ(sc(SYS_futex_wait, &the_word, 2, ANY, f, NULL, 0), -EAGAIN);
        CHECK_EQ(sc(SYS_futex_wait, &the_word, 1, ANY, f, &past, CLOCK_MONOTONIC), -ETIMEDOUT);
        CHECK_EQ(sc(SYS_futex_wait, &the_word, 1, ANY, f, &past, CLOCK_REALTIME), -ETIMEDOUT);
        CHECK_EQ(sc(SYS_futex_wait, &the_word, 1, ANY, f, &past, CLOCK_BOOTTIME), -EINVAL);
        CHECK_EQ(sc(SYS_futex_wait, &the_word, 1, ANY, f, &bad, CLOCK_MONOTONIC), -EINVAL);
        CHECK_EQ(sc(SYS_futex_wait, &the_word, 1, ANY, f, 8, CLOCK_MONOTONIC), -EFAULT);
        CHECK_EQ(sc(SYS_futex_wait, &the_word, 1, 0, f, NULL, 0), -EINVAL);
        CHECK_EQ(sc(SYS_futex_wait, &the_word, 1, ANY + 1, f, NULL, 0), -EINVAL);
        CHECK_EQ(sc(SYS_futex_wait, &the_word, ANY + 1, ANY, f, NULL, 0), -EINVAL);
        CHECK_EQ(sc(SYS_futex_wait, (char*)&the_word + 1, 1, ANY, f, NULL, 0), -EINVAL);
        CHECK_EQ(sc(SYS_futex_wait, 16, 1, ANY, f, NULL, 0), -EFAULT);
        CHECK_EQ(sc(SYS_futex_wake, &the_word, ANY, 5, f), 0);
        CHECK_EQ(sc(SYS_futex_wake, &the_word, 0, 5, f), -EINVAL);
        CHECK_EQ(sc(SYS_futex_wake, &the_word, ANY + 1, 5, f), -EINVAL);
        CHECK_EQ(sc(SYS_futex_wake, (char*)&the_word + 2, ANY, 0, f), -EINVAL);
        CHECK_EQ(sc(SYS_futex_wake, 16, ANY, 0, f), private ? 0 : -EFAULT);
    }
    for (int size = 0; size < 4; size++) {
        if (size != U32) {
            CHECK_EQ(sc(SYS_futex_wait, &the_word, 2, ANY, size, NULL, 0), -EINVAL);
            CHECK_EQ(sc(SYS_futex_wake, &the_word, ANY, 1, size), -EINVAL);
        }
    }
    CHECK_EQ(sc(SYS_futex_wake, &the_word, ANY, 1, 0x100 | U32), -EINVAL);
    CHECK_EQ(sc(SYS_futex_wait, &the_word, 2, ANY, 0x10 | U32, NULL, 0), -EINVAL);
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    CHECK_EQ(sc(SYS_futex_wait, &the_word, 1, ANY, U32 | PRIV, &t, CLOCK_MONOTONIC), -ETIMEDOUT);
}

static void wakes(int* at, int flags) {
    struct waiter w[4];
    *at = 0;
    for (int i = 0; i < 4; i++)
        w[i] = (struct waiter){at, 1UL << i, flags, -1, 0};
    start(w, 4);
    CHECK_EQ(sc(SYS_futex_wake, at, ANY, 0, flags), 0); /* none means none */
    CHECK_EQ(sc(SYS_futex_wake, at, 16, 10, flags), 0);
    CHECK_EQ(sc(SYS_futex_wake, at, 5, 10, flags), 2);
    CHECK_EQ(sc(SYS_futex_wake, at, ANY, 1, flags), 1);
    CHECK_EQ(sc(SYS_futex, at, FUTEX_WAKE | (flags & PRIV), 9, 0, 0, 0), 1); /* the same queue */
    finish(w, 4);
}

TEST(masks_and_counts) {
    if (missing())
        SKIP("the kernel has no futex_wake");
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    wakes(&the_word, U32 | PRIV);
    wakes(&the_word, U32);
    wakes(shared + 3, U32);
}

static void requeues(int* a, int* b, int flags) {
    struct waiter w[4];
    struct futex_waitv v[2];
    memset(v, 0, sizeof(v));
    v[0].uaddr = (uintptr_t)a;
    v[1].uaddr = (uintptr_t)b;
    v[0].flags = v[1].flags = flags;
    *a = *b = 0;
    for (int i = 0; i < 4; i++)
        w[i] = (struct waiter){a, ANY, flags, -1, 0};
    start(w, 4);
    v[0].val = 1;
    CHECK_EQ(sc(SYS_futex_requeue, v, 0, 1, 2), -EAGAIN);
    v[0].val = 0;
    CHECK_EQ(sc(SYS_futex_requeue, v, 0, 1, 2), 3);
    CHECK_EQ(sc(SYS_futex_wake, a, ANY, 9, flags), 1);
    CHECK_EQ(sc(SYS_futex_wake, b, ANY, 9, flags), 2);
    finish(w, 4);
    CHECK_EQ(sc(SYS_futex_requeue, v, 1, 1, 2), -EINVAL);
    CHECK_EQ(sc(SYS_futex_requeue, NULL, 0, 1, 2), -EINVAL);
    CHECK_EQ(sc(SYS_futex_requeue, 8, 0, 1, 2), -EFAULT);
    CHECK_EQ(sc(SYS_futex_requeue, v, 0, -1, 2), -EINVAL);
    CHECK_EQ(sc(SYS_futex_requeue, v, 0, 1, -2), -EINVAL);
    v[1].flags ^= PRIV;
    CHECK_EQ(sc(SYS_futex_requeue, v, 0, 1, 2), -EINVAL);
    v[1].flags = 1;
    CHECK_EQ(sc(SYS_futex_requeue, v, 0, 1, 2), -EINVAL);
    v[1].flags = flags;
    v[1].__reserved = 1;
    CHECK_EQ(sc(SYS_futex_requeue, v, 0, 1, 2), -EINVAL);
    v[1].__reserved = 0;
    v[0].val = ANY + 1;
    CHECK_EQ(sc(SYS_futex_requeue, v, 0, 1, 2), -EINVAL);
}

TEST(requeue) {
    if (missing())
        SKIP("the kernel has no futex_wake");
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    requeues(&the_word, &word2, U32 | PRIV);
    requeues(&the_word, &word2, U32);
    requeues(shared, shared + 1, U32);
}

static void on_signal(int sig) {
    word2 = sig;
}

static void* signal_late(void* p) {
    while (!sleeping)
        usleep(100);
    usleep(20000);
    pthread_kill(*(pthread_t*)p, SIGUSR1);
    return NULL;
}

/* SA_RESTART restarts it, as its timeout is a time of day; without, it is EINTR. */
TEST(signals) {
    if (missing())
        SKIP("the kernel has no futex_wake");
    for (int restart = 0; restart < 2; restart++) {
        struct sigaction act = {.sa_handler = on_signal, .sa_flags = restart ? SA_RESTART : 0};
        struct timespec t;
        pthread_t self = pthread_self(), other;
        sigaction(SIGUSR1, &act, NULL);
        the_word = word2 = sleeping = 0;
        pthread_create(&other, NULL, signal_late, &self);
        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_nsec += 200000000;
        t.tv_sec += t.tv_nsec / 1000000000;
        t.tv_nsec %= 1000000000;
        sleeping = 1;
        CHECK_EQ(sc(SYS_futex_wait, &the_word, 0, ANY, U32 | PRIV, &t, CLOCK_MONOTONIC),
                 restart ? -ETIMEDOUT : -EINTR);
        CHECK_EQ(word2, SIGUSR1);
        pthread_join(other, NULL);
    }
}
