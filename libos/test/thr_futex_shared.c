/* Futexes in shared memory, between the threads of one process: anonymous, file, memfd and System V
 * memory, each through two mappings. Waits for private and shared words at once. */
#include "oracle_mem.h"
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/shm.h>
#include <time.h>

static volatile int sleeping;

static long futex(int* w, int op, int val, void* timeout, int* w2, unsigned val3) {
    return sc(SYS_futex, w, op, val, timeout, w2, val3);
}

struct waiter {
    int* word;
    unsigned bits;
    long result;
    pthread_t thread;
};

static void* wait_thread(void* p) {
    struct waiter* w = p;
    w->result = futex(w->word, FUTEX_WAIT_BITSET, 0, NULL, NULL, w->bits);
    return NULL;
}

/* Moving those who wait to the next word and back tells how many sleep. */
static void start(struct waiter* w, int n) {
    for (int i = 0; i < n; i++)
        pthread_create(&w[i].thread, NULL, wait_thread, &w[i]);
    for (int i = 0; i < n; i++) {
        int *word = w[i].word, *next = word + 32, want = 0;
        for (int k = 0; k < n; k++)
            want += w[k].word == word;
        for (;;) {
            int asleep = futex(word, FUTEX_REQUEUE, 0, (void*)(long)n, next, 0);
            CHECK_EQ(futex(next, FUTEX_REQUEUE, 0, (void*)(long)n, word, 0), asleep);
            if (asleep == want)
                break;
            usleep(500);
        }
    }
}

static void finish(struct waiter* w, int n) {
    for (int i = 0; i < n; i++) {
        pthread_join(w[i].thread, NULL);
        CHECK_EQ(w[i].result, 0);
    }
}

/* Two mappings of the same memory, at most. */
static int* mapped(int kind, int** again) {
    int fd = -1;
    if (kind == 3) {
        int id = NEED_OK(shmget(IPC_PRIVATE, PAGE, 0600));
        int* p = shmat(id, NULL, 0);
        *again = shmat(id, NULL, 0);
        CHECK_OK(shmctl(id, IPC_RMID, NULL));
        return p;
    }
    if (kind == 1)
        fd = temp_file("futex-shared", PAGE);
    if (kind == 2) {
        fd = memfd_create("futex", 0);
        CHECK_EQ(ftruncate(fd, PAGE), 0);
    }
    int flags = MAP_SHARED | (kind ? 0 : MAP_ANONYMOUS);
    int* p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
    *again = kind ? mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0) : p;
    if (fd >= 0)
        close(fd);
    return p;
}

static void every_operation(int* a, int* b) {
    struct waiter w[5];
    for (int i = 0; i < 5; i++)
        w[i] = (struct waiter){a, 1U << i, -1, 0};
    a[0] = 0;
    start(w, 5);
    CHECK_EQ(futex(b, FUTEX_WAKE_BITSET, 9, NULL, NULL, 1U << 5), 0);
    CHECK_EQ(futex(b, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 0), 0);
    CHECK_EQ(futex(b, FUTEX_WAKE_BITSET, 9, NULL, NULL, 1U << 4), 1);
    CHECK_EQ(futex(b, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    CHECK_EQ(futex(b, FUTEX_CMP_REQUEUE, 1, (void*)1, b + 1, 7), -EAGAIN);
    CHECK_EQ(futex(b, FUTEX_CMP_REQUEUE, 1, (void*)1, b + 1, 0), 2);
    CHECK_EQ(futex(b, FUTEX_REQUEUE, 0, (void*)1, b + 2, 0), 1);
    CHECK_EQ(futex(a, FUTEX_WAKE, 9, NULL, NULL, 0), 0);
    CHECK_EQ(futex(a + 1, FUTEX_WAKE, 9, NULL, NULL, 0), 1);
    CHECK_EQ(futex(a + 2, FUTEX_WAKE, 9, NULL, NULL, 0), 1);
    finish(w, 5);
    a[3] = 4;
    w[0].bits = w[1].bits = ~0U;
    w[1].word = a + 4;
    a[4] = 0;
    start(w, 2);
    CHECK_EQ(
        futex(b, FUTEX_WAKE_OP, 9, (void*)9, b + 3, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)),
        1);
    CHECK_EQ(a[3], 7);
    CHECK_EQ(
        futex(b, FUTEX_WAKE_OP, 9, (void*)9, b + 4, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)),
        1);
    finish(w, 2);
}

TEST(kinds_of_memory) {
    for (int kind = 0; kind < 4; kind++) {
        int *b, *a = mapped(kind, &b);
        NEED(a != MAP_FAILED && b != MAP_FAILED);
        every_operation(a, b);
    }
}

TEST(errors) {
    int *b, *a = mapped(0, &b);
    struct timespec little = {0, 1000000}, past = {1, 0};
    a[0] = 1;
    CHECK_EQ(futex(a, FUTEX_WAIT, 0, NULL, NULL, 0), -EAGAIN);
    CHECK_EQ(futex(a, FUTEX_WAIT, 1, &little, NULL, 0), -ETIMEDOUT);
    CHECK_EQ(futex(a, FUTEX_WAIT_BITSET, 1, &past, NULL, ~0U), -ETIMEDOUT);
    CHECK_EQ(futex(a, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, &past, NULL, ~0U), -ETIMEDOUT);
    CHECK_EQ(futex(a, FUTEX_WAIT_BITSET, 1, NULL, NULL, 0), -EINVAL);
    CHECK_EQ(futex((int*)((char*)a + 2), FUTEX_WAIT, 1, NULL, NULL, 0), -EINVAL);
    CHECK_EQ(futex(a, FUTEX_WAKE_OP, 1, (void*)1, (int*)16, 0), -EFAULT);
    CHECK_EQ(futex(a, FUTEX_WAKE_OP, 1, (void*)1, a + 1, 7U << 28), -ENOSYS);
    CHECK_EQ(futex(a, FUTEX_CMP_REQUEUE, -1, (void*)1, a + 1, 1), -EINVAL);
    munmap(a, PAGE);
    CHECK_EQ(futex(a, FUTEX_WAIT, 1, NULL, NULL, 0), -EFAULT);
    CHECK_EQ(futex(a, FUTEX_WAKE, 1, NULL, NULL, 0), -EFAULT);
}

static volatile int handled;
static void on_signal(int sig) {
    handled = sig;
}

static void* interrupt(void* p) {
    while (!sleeping)
        usleep(100);
    usleep(20000);
    pthread_kill(*(pthread_t*)p, SIGUSR1);
    usleep(20000);
    return NULL;
}

/* Without a timeout SA_RESTART decides; with one the wait is never begun anew after a handler. */
TEST(signals) {
    int *b, *a = mapped(0, &b);
    a[0] = 0;
    for (int restart = 0; restart < 2; restart++) {
        struct sigaction act = {.sa_handler = on_signal, .sa_flags = restart ? SA_RESTART : 0};
        struct timespec t = {0, 300000000};
        pthread_t self = pthread_self(), other;
        sigaction(SIGUSR1, &act, NULL);
        handled = 0;
        sleeping = 1;
        pthread_create(&other, NULL, interrupt, &self);
        CHECK_EQ(futex(a, FUTEX_WAIT, 0, &t, NULL, 0), -EINTR);
        CHECK_EQ(handled, SIGUSR1);
        pthread_join(other, NULL);
    }
    signal(SIGUSR1, SIG_IGN); /* nobody notices */
    pthread_t self = pthread_self(), other;
    struct timespec t = {0, 100000000};
    pthread_create(&other, NULL, interrupt, &self);
    CHECK_EQ(futex(a, FUTEX_WAIT, 0, &t, NULL, 0), -ETIMEDOUT);
    pthread_join(other, NULL);
}

struct several {
    struct futex_waitv v[4];
    long result;
};

static void* wait_several(void* p) {
    struct several* s = p;
    sleeping = 1;
    s->result = sc(SYS_futex_waitv, s->v, 4, 0, NULL, 0);
    return NULL;
}

TEST(several_private_and_shared) {
    static int own[2];
    int *b, *a = mapped(1, &b);
    a[0] = a[1] = 0;
    struct several s;
    int* words[] = {&own[0], &a[0], &own[1], &a[1]};
    int* from[] = {&own[0], &b[0], &own[1], &b[1]};
    memset(&s, 0, sizeof(s));
    for (int i = 0; i < 4; i++) {
        s.v[i].uaddr = (uintptr_t)words[i];
        s.v[i].flags = FUTEX_32 | (i % 2 ? 0 : FUTEX_PRIVATE_FLAG);
    }
    if (sc(SYS_futex_waitv, s.v, 0, 0, NULL, 0) == -ENOSYS)
        SKIP("the kernel has no futex_waitv");
    for (int round = 0; round < 40; round++) {
        int i = round % 4;
        pthread_t t;
        sleeping = 0;
        pthread_create(&t, NULL, wait_several, &s);
        while (!sleeping ||
               !futex(from[i], FUTEX_WAKE | (i % 2 ? 0 : FUTEX_PRIVATE_FLAG), 1, NULL, NULL, 0))
            usleep(100);
        pthread_join(t, NULL);
        CHECK_EQ(s.result, i);
    }
    s.v[3].val = 1;
    CHECK_EQ(sc(SYS_futex_waitv, s.v, 4, 0, NULL, 0), -EAGAIN);
    struct timespec past = {1, 0};
    s.v[3].val = 0;
    CHECK_EQ(sc(SYS_futex_waitv, s.v, 4, 0, &past, CLOCK_REALTIME), -ETIMEDOUT);
}

/* A shared operation on words of private memory too: wakes and moves must still reach all. */
TEST(one_word_private) {
    static int own[2];
    int *b, *a = mapped(0, &b);
    struct waiter w = {a, ~0U, -1, 0};
    a[0] = own[0] = 0;
    start(&w, 1);
    CHECK_EQ(futex(a, FUTEX_CMP_REQUEUE, 0, (void*)1, own, 0), 1);
    futex(own, FUTEX_WAKE, 1, NULL, NULL, 0); /* one that was moved, or is awake already */
    finish(&w, 1);
    start(&w, 1);
    CHECK_EQ(
        futex(a, FUTEX_WAKE_OP, 1, (void*)1, own, FUTEX_OP(FUTEX_OP_SET, 9, FUTEX_OP_CMP_EQ, 0)),
        1);
    CHECK_EQ(own[0], 9);
    finish(&w, 1);
}

/* Many threads hand a token round in shared memory, half of them by a second mapping. */
enum { RING = 12, ROUNDS = 200 };
static int* ring_words[2];
static void* ring(void* p) {
    int me = (int)(long)p;
    int *mine = ring_words[me % 2] + me, next = (me + 1) % RING;
    int* other = ring_words[(me + 1) % 2] + next;
    for (int i = 0; i < ROUNDS; i++) {
        while (!__atomic_load_n(mine, __ATOMIC_SEQ_CST))
            futex(mine, FUTEX_WAIT, 0, NULL, NULL, 0);
        __atomic_store_n(mine, 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(other, 1, __ATOMIC_SEQ_CST);
        futex(other, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    return NULL;
}

TEST(token_ring) {
    pthread_t t[RING];
    ring_words[0] = mapped(2, &ring_words[1]);
    ring_words[0][0] = 1;
    for (long i = 0; i < RING; i++)
        pthread_create(&t[i], NULL, ring, (void*)i);
    for (int i = 0; i < RING; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(ring_words[1][0], 1);
}
