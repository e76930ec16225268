/* Futexes in all their uses: rings, condition variables, requeue, PI and robust mutexes, and
 * cancellation. A wake-up that gets lost stops the storm. */
#include "storm.h"

#include <linux/futex.h>
#include <semaphore.h>

#define N 8

static long futex(void* word, int op, unsigned val, const void* timeout, void* word2, unsigned v3) {
    return syscall(SYS_futex, word, op, val, timeout, word2, v3);
}

/* A token goes round; nobody has a timeout. */
static atomic_uint ring[N];

static void* ring_worker(void* arg) {
    struct storm_worker* w = arg;
    atomic_uint *mine = &ring[w->index], *next = &ring[(w->index + 1) % N];
    if (w->index == 0)
        atomic_store(mine, 1);
    for (;;) {
        while (!atomic_load(mine))
            if (futex(mine, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0) && errno != EAGAIN)
                STORM_BAD("wait: errno %d", errno);
        unsigned token = atomic_exchange(mine, 0);
        if (atomic_load(&storm_stop) && w->index == 0)
            token = 2; /* the end */
        atomic_store(next, token);
        futex(next, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        atomic_fetch_add(&w->progress, 1);
        if (token == 2)
            return NULL;
    }
}

/* Bounded buffer: condition variables, every item once. */
static pthread_mutex_t buffer_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static int buffer_count, buffer_open;
static long put_sum, got_sum;

static void* buffer_worker(void* arg) {
    struct storm_worker* w = arg;
    if (w->index < N / 2) {
        for (int i = 1; !atomic_load(&storm_stop); i++) {
            pthread_mutex_lock(&buffer_lock);
            while (buffer_count == 4)
                pthread_cond_wait(&not_full, &buffer_lock);
            buffer_count++;
            put_sum++;
            pthread_cond_signal(&not_empty);
            pthread_mutex_unlock(&buffer_lock);
            atomic_fetch_add(&w->progress, 1);
        }
        pthread_mutex_lock(&buffer_lock);
        buffer_open--;
        pthread_cond_broadcast(&not_empty);
        pthread_mutex_unlock(&buffer_lock);
        return NULL;
    }
    for (;;) {
        pthread_mutex_lock(&buffer_lock);
        while (!buffer_count && buffer_open) {
            struct timespec t;
            clock_gettime(CLOCK_REALTIME, &t);
            t.tv_sec += 30;
            int e = pthread_cond_timedwait(&not_empty, &buffer_lock, &t);
            if (e)
                STORM_BAD("timedwait: %d", e);
        }
        bool end = !buffer_count;
        if (!end) {
            buffer_count--;
            got_sum++;
            pthread_cond_signal(&not_full);
        }
        pthread_mutex_unlock(&buffer_lock);
        atomic_fetch_add(&w->progress, 1);
        if (end)
            return NULL;
    }
}

/* FUTEX_CMP_REQUEUE: all wait on one word, are moved to another, and woken there one by one. */
static atomic_uint gate, queue, arrived, left;

static void* requeue_worker(void* arg) {
    struct storm_worker* w = arg;
    while (w->index == 0 && !atomic_load(&storm_stop)) {
        while (atomic_load(&arrived) != N - 1)
            sched_yield();
        atomic_store(&left, 0);
        atomic_store(&arrived, 0);
        unsigned now = atomic_fetch_add(&gate, 1) + 1;
        long moved = futex(&gate, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void*)(long)N, &queue, now);
        if (moved < 0)
            STORM_BAD("requeue: errno %d", errno);
        while (atomic_load(&left) != N - 1) {
            futex(&queue, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
            sched_yield();
        }
        atomic_fetch_add(&w->progress, 1);
    }
    if (w->index == 0) {
        atomic_store(&gate, -1u);
        futex(&gate, FUTEX_WAKE_PRIVATE, N, NULL, NULL, 0);
        return NULL;
    }
    for (;;) {
        unsigned before = atomic_load(&gate);
        atomic_fetch_add(&arrived, 1);
        while (atomic_load(&gate) == before && before != -1u) {
            if (!futex(&gate, FUTEX_WAIT_PRIVATE, before, NULL, NULL, 0))
                break;
            if (errno != EAGAIN && errno != EINTR)
                STORM_BAD("wait: errno %d", errno);
        }
        if (atomic_load(&gate) == -1u)
            return NULL;
        if (atomic_load(&gate) == before)
            STORM_BAD("woken before the gate opened");
        atomic_fetch_add(&left, 1);
        atomic_fetch_add(&w->progress, 1);
        while (atomic_load(&left) && atomic_load(&gate) != -1u) /* until the next round begins */
            if (atomic_load(&left) == N - 1 && atomic_load(&arrived) < N - 1)
                break;
            else
                sched_yield();
    }
}

/* Mutexes of a kind: exclusion holds, and a robust one tells of its dead owner. */
static pthread_mutex_t mutex;
static long guarded, guarded_check;

static void* mutex_worker(void* arg) {
    struct storm_worker* w = arg;
    while (!atomic_load(&storm_stop)) {
        int e;
        if (storm_random(w) % 4 == 0) {
            struct timespec t;
            clock_gettime(CLOCK_REALTIME, &t);
            t.tv_nsec += storm_random(w) % 200000;
            if (t.tv_nsec >= 1000000000)
                t.tv_sec++, t.tv_nsec -= 1000000000;
            e = pthread_mutex_timedlock(&mutex, &t);
            if (e == ETIMEDOUT) {
                atomic_fetch_add(&w->progress, 1);
                continue;
            }
        } else {
            e = pthread_mutex_lock(&mutex);
        }
        if (e)
            STORM_BAD("lock: %d", e);
        if (++guarded != ++guarded_check)
            STORM_BAD("two inside");
        if (storm_random(w) % 16 == 0)
            sched_yield();
        e = pthread_mutex_unlock(&mutex);
        if (e)
            STORM_BAD("unlock: %d", e);
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

static atomic_long deaths, inherited;

static void* dying_owner(void* arg) {
    (void)arg;
    int e = pthread_mutex_lock(&mutex);
    if (e == EOWNERDEAD) {
        atomic_fetch_add(&inherited, 1);
        pthread_mutex_consistent(&mutex);
    } else if (e) {
        STORM_BAD("lock: %d", e);
    }
    atomic_fetch_add(&deaths, 1);
    return NULL; /* still locked */
}

static void* robust_worker(void* arg) {
    struct storm_worker* w = arg;
    while (!atomic_load(&storm_stop)) {
        if (storm_random(w) % 3 == 0) {
            pthread_t t;
            int e = pthread_create(&t, NULL, dying_owner, NULL);
            if (e)
                STORM_BAD("create: %d", e);
            pthread_join(t, NULL);
        } else {
            int e = pthread_mutex_lock(&mutex);
            if (e == EOWNERDEAD) {
                atomic_fetch_add(&inherited, 1);
                pthread_mutex_consistent(&mutex);
            } else if (e) {
                STORM_BAD("lock: %d", e);
            }
            pthread_mutex_unlock(&mutex);
        }
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

static void mutex_part(const char* name, int protocol, int robust, void* (*worker)(void*)) {
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setprotocol(&a, protocol);
    pthread_mutexattr_setrobust(&a, robust);
    pthread_mutex_init(&mutex, &a);
    storm_run(name, N, worker, NULL);
    pthread_mutex_destroy(&mutex);
}

/* Threads cancelled in a condition wait, in a semaphore, in a sleep. */
static sem_t never;
static pthread_mutex_t cancel_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cancel_cond = PTHREAD_COND_INITIALIZER;

static void unlock_it(void* m) {
    pthread_mutex_unlock(m);
}

static void* victim(void* arg) {
    switch ((long)arg % 4) {
        case 0:
            pthread_mutex_lock(&cancel_lock);
            pthread_cleanup_push(unlock_it, &cancel_lock);
            for (;;)
                pthread_cond_wait(&cancel_cond, &cancel_lock);
            pthread_cleanup_pop(1);
            break;
        case 1:
            for (;;)
                sem_wait(&never);
        case 2:
            for (;;)
                sleep(100);
        default:
            for (;;)
                pause();
    }
    return NULL;
}

static void* cancel_worker(void* arg) {
    struct storm_worker* w = arg;
    while (!atomic_load(&storm_stop)) {
        pthread_t t;
        int how = storm_random(w);
        int e = pthread_create(&t, NULL, victim, (void*)(long)how);
        if (e) {
            STORM_BAD("create: %d", e);
            return NULL;
        }
        if (storm_random(w) % 2)
            usleep(storm_random(w) % 300);
        if (storm_random(w) % 8 == 0)
            pthread_cond_broadcast(&cancel_cond);
        pthread_cancel(t);
        void* r;
        pthread_join(t, &r);
        if (r != PTHREAD_CANCELED)
            STORM_BAD("not cancelled");
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

int main(int argc, char** argv) {
    storm_args(argc, argv);
    if (STORM_PART(argc, argv, "ring"))
        storm_run("ring", N, ring_worker, NULL);
    if (STORM_PART(argc, argv, "buffer")) {
        buffer_open = N / 2;
        storm_run("buffer", N, buffer_worker, NULL);
        if (put_sum != got_sum)
            STORM_BAD("%ld put, %ld got", put_sum, got_sum);
    }
    if (STORM_PART(argc, argv, "requeue"))
        storm_run("requeue", N, requeue_worker, NULL);
    if (STORM_PART(argc, argv, "mutex"))
        mutex_part("mutex", PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED, mutex_worker);
    if (STORM_PART(argc, argv, "pi"))
        mutex_part("pi", PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED, mutex_worker);
    if (STORM_PART(argc, argv, "robust"))
        mutex_part("robust", PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, robust_worker);
    if (STORM_PART(argc, argv, "robust-pi"))
        mutex_part("robust-pi", PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST, robust_worker);
    if (STORM_PART(argc, argv, "cancel"))
        storm_run("cancel", 4, cancel_worker, NULL);
    return storm_result();
}
