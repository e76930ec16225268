/* Every futex operation: waits, bitsets, requeues, wake_op, priority inheritance, waitv. */
#include "oracle_mem.h"
#include <linux/futex.h>
#include <pthread.h>
#include <time.h>

#define P FUTEX_PRIVATE_FLAG

static int word, word2;
static volatile int woken, waiting;

static long futex(int* w, int op, int val, void* timeout, int* w2, int val3) {
    return sc(SYS_futex, w, op, val, timeout, w2, val3);
}

struct waiter {
    int *word, op, val, bits;
    long result;
    pthread_t thread;
    int* second;
};

static void* wait_thread(void* p) {
    struct waiter* w = p;
    __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
    w->result = futex(w->word, w->op, w->val, NULL, w->second, w->bits);
    __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* True once n threads sleep in the kernel on the word: a wake of none can't tell, so requeue none.
 */
static void settle(int n) {
    while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < n)
        usleep(100);
    usleep(20000);
}

static void start(struct waiter* w, int n) {
    waiting = woken = 0;
    for (int i = 0; i < n; i++)
        pthread_create(&w[i].thread, NULL, wait_thread, &w[i]);
    settle(n);
}
static void finish(struct waiter* w, int n) {
    for (int i = 0; i < n; i++) {
        pthread_join(w[i].thread, NULL);
        CHECK_EQ(w[i].result, 0);
    }
}

TEST(wait_errors) {
    struct timespec little = {0, 1000000}, bad = {0, 1000000000}, neg = {-1, 0}, zero = {0, 0};
    word = 1;
    CHECK_EQ(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0), -EAGAIN);
    CHECK_EQ(futex(&word, FUTEX_WAIT, 1, &little, NULL, 0), -ETIMEDOUT);
    CHECK_EQ(futex(&word, FUTEX_WAIT | P, 1, &zero, NULL, 0), -ETIMEDOUT);
    CHECK_EQ(futex(&word, FUTEX_WAIT, 1, &bad, NULL, 0), -EINVAL);
    CHECK_EQ(futex(&word, FUTEX_WAIT, 1, &neg, NULL, 0), -EINVAL);
    CHECK_EQ(futex((int*)((char*)&word + 1), FUTEX_WAIT, 1, &zero, NULL, 0), -EINVAL);
    CHECK_EQ(futex(NULL, FUTEX_WAIT, 1, &zero, NULL, 0), -EFAULT);
    CHECK_EQ(futex((int*)0xffff800000000000, FUTEX_WAIT, 1, &zero, NULL, 0), -EFAULT);
    CHECK_EQ(futex(&word, FUTEX_WAIT, 1, (void*)8, NULL, 0), -EFAULT);
    CHECK_EQ(futex(&word, FUTEX_WAIT_BITSET, 1, NULL, NULL, 0), -EINVAL);
    CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), -EINVAL);
    CHECK_EQ(futex(&word, 99, 1, NULL, NULL, 0), -ENOSYS);
    CHECK_EQ(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0), -ENOSYS);
    CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    CHECK_EQ(futex((int*)((char*)&word + 2), FUTEX_WAKE, 1, NULL, NULL, 0), -EINVAL);
    CHECK_EQ(futex((int*)16, FUTEX_WAKE | P, 1, NULL, NULL, 0), 0); /* no access made */
    CHECK_EQ(futex((int*)16, FUTEX_WAKE, 1, NULL, NULL, 0), -EFAULT);
}

TEST(absolute_timeouts) {
    struct timespec t;
    word = 0;
    clock_gettime(CLOCK_MONOTONIC, &t);
    CHECK_EQ(futex(&word, FUTEX_WAIT_BITSET | P, 0, &t, NULL, ~0), -ETIMEDOUT);
    t.tv_nsec += 2000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    CHECK_EQ(futex(&word, FUTEX_WAIT_BITSET | P, 0, &t, NULL, ~0), -ETIMEDOUT);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    CHECK(now.tv_sec > t.tv_sec || (now.tv_sec == t.tv_sec && now.tv_nsec >= t.tv_nsec));
    clock_gettime(CLOCK_REALTIME, &t);
    CHECK_EQ(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &t, NULL, 1), -ETIMEDOUT);
    CHECK_EQ(
        futex(&word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0, &(struct timespec){0, 1000}, NULL, 0),
        -ENOSYS); /* only the bitset form knows that clock */
}

TEST(wake_counts) {
    struct waiter w[5];
    word = 0;
    for (int i = 0; i < 5; i++)
        w[i] = (struct waiter){&word, FUTEX_WAIT | P, 0, 0, -1, 0, NULL};
    start(w, 5);
    CHECK_EQ(futex(&word, FUTEX_WAKE | P, 2, NULL, NULL, 0), 2);
    usleep(10000);
    CHECK_EQ(woken, 2);
    CHECK_EQ(futex(&word, FUTEX_WAKE | P, 1, NULL, NULL, 0), 1);
    CHECK_EQ(futex(&word, FUTEX_WAKE | P, 1000, NULL, NULL, 0), 2);
    finish(w, 5);
    CHECK_EQ(futex(&word, FUTEX_WAKE | P, 1000, NULL, NULL, 0), 0);
}

TEST(bitsets) {
    struct waiter w[3];
    word = 0;
    for (int i = 0; i < 3; i++)
        w[i] = (struct waiter){&word, FUTEX_WAIT_BITSET | P, 0, 1 << i, -1, 0, NULL};
    start(w, 3);
    CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET | P, 10, NULL, NULL, 8), 0);
    CHECK_EQ(futex(&word, FUTEX_WAKE_BITSET | P, 10, NULL, NULL, 2), 1);
    pthread_join(w[1].thread, NULL);
    CHECK_EQ(w[1].result, 0);
    CHECK_EQ(futex(&word, FUTEX_WAKE | P, 10, NULL, NULL, 0), 2);
    pthread_join(w[0].thread, NULL);
    pthread_join(w[2].thread, NULL);
}

TEST(requeue) {
    struct waiter w[4];
    word = word2 = 0;
    for (int i = 0; i < 4; i++)
        w[i] = (struct waiter){&word, FUTEX_WAIT | P, 0, 0, -1, 0, NULL};
    start(w, 4);
    CHECK_EQ(futex(&word, FUTEX_CMP_REQUEUE | P, 1, (void*)2, &word2, 5), -EAGAIN);
    CHECK_EQ(futex(&word, FUTEX_CMP_REQUEUE | P, 1, (void*)2, &word2, 0), 3);
    CHECK_EQ(futex(&word, FUTEX_WAKE | P, 10, NULL, NULL, 0), 1);
    CHECK_EQ(futex(&word2, FUTEX_WAKE | P, 10, NULL, NULL, 0), 2);
    finish(w, 4);
    for (int i = 0; i < 4; i++)
        w[i] = (struct waiter){&word, FUTEX_WAIT | P, 0, 0, -1, 0, NULL};
    start(w, 4);
    CHECK_EQ(futex(&word, FUTEX_REQUEUE | P, 0, (void*)10, &word2, 0), 4);
    CHECK_EQ(futex(&word, FUTEX_WAKE | P, 10, NULL, NULL, 0), 0);
    CHECK_EQ(futex(&word2, FUTEX_WAKE | P, 10, NULL, NULL, 0), 4);
    finish(w, 4);
    CHECK_EQ(futex(&word, FUTEX_CMP_REQUEUE | P, -1, (void*)1, &word2, 0), -EINVAL);
}

TEST(wake_op) {
    struct waiter w[3];
    word = 0;
    word2 = 5;
    for (int i = 0; i < 3; i++)
        w[i] =
            (struct waiter){i < 2 ? &word : &word2, FUTEX_WAIT | P, i < 2 ? 0 : 5, 0, -1, 0, NULL};
    start(w, 3);
    /* word2 = word2 + 3; wake one on word; and on word2, as the old value was > 4 */
    CHECK_EQ(futex(&word, FUTEX_WAKE_OP | P, 1, (void*)1, &word2,
                   FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_GT, 4)),
             2);
    CHECK_EQ(word2, 8);
    CHECK_EQ(futex(&word, FUTEX_WAKE_OP | P, 10, (void*)10, &word2,
                   FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 7)),
             1);
    CHECK_EQ(word2, 1);
    finish(w, 3);
    static const struct {
        int op, arg, cmp, cmparg, before, after;
    } t[] = {{FUTEX_OP_OR, 6, FUTEX_OP_CMP_EQ, 0, 1, 7},
             {FUTEX_OP_ANDN, 3, FUTEX_OP_CMP_NE, 0, 7, 4},
             {FUTEX_OP_XOR, 5, FUTEX_OP_CMP_LT, 0, 4, 1},
             {FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_LE, 0, 1, 16},
             {FUTEX_OP_ADD, -1, FUTEX_OP_CMP_GE, 0, 16, 15}};
    for (int i = 0; i < 5; i++) {
        word2 = t[i].before;
        CHECK_EQ(futex(&word, FUTEX_WAKE_OP | P, 1, (void*)1, &word2,
                       FUTEX_OP(t[i].op, (t[i].arg & 0xfff), t[i].cmp, t[i].cmparg)),
                 0);
        CHECK_EQ(word2, t[i].after);
    }
    CHECK_EQ(futex(&word, FUTEX_WAKE_OP | P, 1, (void*)1, (int*)16, 0), -EFAULT);
    CHECK_EQ(futex(&word, FUTEX_WAKE_OP | P, 1, (void*)1, &word2, 7 << 28), -ENOSYS);
}

static int pi_word;
static volatile long pi_result = 1;
static void* pi_lock_thread(void* p) {
    pi_result = futex(&pi_word, FUTEX_LOCK_PI | P, 0, p, NULL, 0);
    if (!pi_result && (pi_word & FUTEX_TID_MASK) != (unsigned)gettid())
        pi_result = 2;
    if (!pi_result)
        pi_result = futex(&pi_word, FUTEX_UNLOCK_PI | P, 0, NULL, NULL, 0);
    return NULL;
}

TEST(priority_inheritance) {
    pi_word = 0;
    long r = futex(&pi_word, FUTEX_LOCK_PI | P, 0, NULL, NULL, 0);
    if (r == -ENOSYS)
        SKIP("the kernel has no PI futexes");
    CHECK_EQ(r, 0);
    CHECK_EQ(pi_word, gettid());
    CHECK_EQ(futex(&pi_word, FUTEX_LOCK_PI | P, 0, NULL, NULL, 0), -EDEADLK);
    CHECK_EQ(futex(&pi_word, FUTEX_TRYLOCK_PI | P, 0, NULL, NULL, 0), -EDEADLK);
    pthread_t t;
    pi_result = 1;
    pthread_create(&t, NULL, pi_lock_thread, NULL);
    while (!(__atomic_load_n(&pi_word, __ATOMIC_SEQ_CST) & FUTEX_WAITERS))
        usleep(500);
    usleep(2000);
    CHECK_EQ(futex(&pi_word, FUTEX_UNLOCK_PI | P, 0, NULL, NULL, 0), 0);
    pthread_join(t, NULL);
    CHECK_EQ(pi_result, 0);
    CHECK_EQ(pi_word, 0);
    CHECK_EQ(futex(&pi_word, FUTEX_UNLOCK_PI | P, 0, NULL, NULL, 0), -EPERM);
    pi_word = 0x3fffff; /* no such thread */
    CHECK_EQ(futex(&pi_word, FUTEX_LOCK_PI | P, 0, NULL, NULL, 0), -ESRCH);
    pi_word = 0;
    CHECK_EQ(futex(&pi_word, FUTEX_LOCK_PI2 | P, 0, NULL, NULL, 0), 0);
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    pi_result = 1;
    pthread_create(&t, NULL, pi_lock_thread, &soon);
    pthread_join(t, NULL);
    CHECK_EQ(pi_result, -ETIMEDOUT);
    CHECK_EQ(futex(&pi_word, FUTEX_UNLOCK_PI | P, 0, NULL, NULL, 0), 0);
}

static void* wake_late(void* p) {
    usleep(10000);
    while (futex(p, FUTEX_WAKE | P, 1, NULL, NULL, 0) == 0)
        usleep(1000);
    return NULL;
}

TEST(wait_vector) {
    int words[3] = {1, 2, 3};
    struct futex_waitv v[3];
    memset(v, 0, sizeof(v));
    for (int i = 0; i < 3; i++) {
        v[i].uaddr = (uintptr_t)&words[i];
        v[i].val = i + 1;
        v[i].flags = FUTEX_32 | P;
    }
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    long r = sc(SYS_futex_waitv, v, 3, 0, &t, CLOCK_MONOTONIC);
    if (r == -ENOSYS)
        SKIP("the kernel has no futex_waitv");
    CHECK_EQ(r, -ETIMEDOUT);
    v[1].val = 99;
    CHECK_EQ(sc(SYS_futex_waitv, v, 3, 0, NULL, 0), -EAGAIN);
    v[1].val = 2;
    CHECK_EQ(sc(SYS_futex_waitv, v, 0, 0, NULL, 0), -EINVAL);
    CHECK_EQ(sc(SYS_futex_waitv, v, 129, 0, NULL, 0), -EINVAL);
    CHECK_EQ(sc(SYS_futex_waitv, v, 3, 1, NULL, 0), -EINVAL);
    CHECK_EQ(sc(SYS_futex_waitv, 8, 3, 0, NULL, 0), -EFAULT);
    CHECK_EQ(sc(SYS_futex_waitv, v, 3, 0, &t, 77), -EINVAL);
    v[0].flags = 0x100;
    CHECK_EQ(sc(SYS_futex_waitv, v, 3, 0, NULL, 0), -EINVAL);
    v[0].flags = FUTEX_32 | P;
    pthread_t th;
    pthread_create(&th, NULL, wake_late, &words[2]);
    CHECK_EQ(sc(SYS_futex_waitv, v, 3, 0, NULL, 0), 2);
    pthread_join(th, NULL);
}

/* A shared futex in a file is found by its page, from two mappings. */
TEST(shared_by_page) {
    int fd = temp_file("futex", PAGE);
    int* a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int* b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct waiter w = {a + 5, FUTEX_WAIT, 0, 0, -1, 0, NULL};
    start(&w, 1);
    CHECK_EQ(futex(b + 5, FUTEX_WAKE | P, 1, NULL, NULL, 0), 0);
    CHECK_EQ(futex(b + 5, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
    finish(&w, 1);
    munmap(a, PAGE);
    munmap(b, PAGE);
    close(fd);
}

/* Many threads hand a token round: no wake-up may be lost. */
enum { RING = 16, ROUNDS = 300 };
static int slots[RING];
static void* ring(void* p) {
    int me = (int)(long)p;
    for (int i = 0; i < ROUNDS; i++) {
        while (!__atomic_load_n(&slots[me], __ATOMIC_SEQ_CST))
            futex(&slots[me], FUTEX_WAIT | P, 0, NULL, NULL, 0);
        __atomic_store_n(&slots[me], 0, __ATOMIC_SEQ_CST);
        int next = (me + 1) % RING;
        __atomic_store_n(&slots[next], 1, __ATOMIC_SEQ_CST);
        futex(&slots[next], FUTEX_WAKE | P, 1, NULL, NULL, 0);
    }
    return NULL;
}
TEST(token_ring) {
    pthread_t t[RING];
    slots[0] = 1;
    for (long i = 0; i < RING; i++)
        pthread_create(&t[i], NULL, ring, (void*)i);
    for (int i = 0; i < RING; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(slots[0], 1);
}
