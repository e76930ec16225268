/* Threads: raw clone and clone3, many pthreads, the tid word, exit order, per-thread state. */
#include "oracle_mem.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#undef CLONE_NEWTIME
#define THREAD (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static void wait_zero(volatile int* word) {
    int v;
    while ((v = __atomic_load_n(word, __ATOMIC_ACQUIRE)) != 0)
        sc(SYS_futex, word, FUTEX_WAIT, v, 0);
}

static volatile int raw_ran, raw_tid_seen, parent_tid, child_tid;

/* No libc in here: the thread has no TLS of its own. */
static int raw_thread(void* arg) {
    raw_tid_seen = sc(SYS_gettid);
    raw_ran = (int)(long)arg;
    return 0;
}

TEST(raw_clone) {
    char* stack = map_anon(16, PROT_READ | PROT_WRITE);
    parent_tid = 0;
    child_tid = -1;
    int tid = clone(raw_thread, stack + 16 * PAGE,
                    THREAD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID,
                    (void*)77, &parent_tid, NULL, &child_tid);
    NEED(tid > 0);
    CHECK_EQ(parent_tid, tid);
    wait_zero(&child_tid);
    CHECK_EQ(raw_ran, 77);
    CHECK_EQ(raw_tid_seen, tid);
    CHECK(tid != getpid());
    long there;
    while ((there = sc(SYS_tgkill, getpid(), tid, 0)) == 0) /* the word is cleared first */
        sched_yield();
    CHECK_EQ(there, -ESRCH);
    munmap(stack, 16 * PAGE);
}

TEST(clone_errors) {
    char* stack = map_anon(16, PROT_READ | PROT_WRITE);
    CHECK_EQ(sc(SYS_clone, CLONE_THREAD | CLONE_VM, stack + 8 * PAGE), -EINVAL);
    CHECK_EQ(sc(SYS_clone, CLONE_SIGHAND, stack + 8 * PAGE), -EINVAL);
    CHECK_EQ(sc(SYS_clone, CLONE_FS | CLONE_NEWNS, stack + 8 * PAGE), -EINVAL);
    CHECK_EQ(sc(SYS_clone3, NULL, 64), -EFAULT);
    CHECK_EQ(sc(SYS_clone3, stack, 8), -EINVAL);
    CHECK_EQ(sc(SYS_clone3, stack, 4097), -E2BIG);
    struct clone_args args = {
        .flags = THREAD, .exit_signal = SIGCHLD, .stack = (uintptr_t)stack, .stack_size = 8 * PAGE};
    CHECK_EQ(sc(SYS_clone3, &args, sizeof(args)), -EINVAL); /* a thread has no exit signal */
    args.exit_signal = 0;
    args.flags = 1UL << 40;
    CHECK_EQ(sc(SYS_clone3, &args, sizeof(args)), -EINVAL);
    args.flags = THREAD;
    args.stack_size = 0;
    CHECK_EQ(sc(SYS_clone3, &args, sizeof(args)), -EINVAL);
    args.stack = 0;
    args.stack_size = 100;
    CHECK_EQ(sc(SYS_clone3, &args, sizeof(args)), -EINVAL);
    munmap(stack, 16 * PAGE);
}

static void* add_one(void* p) {
    __atomic_add_fetch((int*)p, 1, __ATOMIC_SEQ_CST);
    return p;
}

TEST(create_and_join) {
    int n = 0;
    for (int i = 0; i < 500; i++) {
        pthread_t t;
        void* r = NULL;
        if (pthread_create(&t, NULL, add_one, &n)) {
            CHECK_EQ(i, -1);
            break;
        }
        pthread_join(t, &r);
        if (r != &n)
            CHECK_EQ(r, &n);
    }
    CHECK_EQ(n, 500);
}

static pthread_barrier_t barrier;
static volatile int at_once;
static void* wait_all(void* p) {
    (void)p;
    __atomic_add_fetch(&at_once, 1, __ATOMIC_SEQ_CST);
    pthread_barrier_wait(&barrier);
    return (void*)(long)gettid();
}

TEST(thousand_at_once) {
    enum { N = 1000 };
    static pthread_t t[N];
    static long tids[N];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 65536);
    pthread_barrier_init(&barrier, NULL, N + 1);
    for (int i = 0; i < N; i++)
        NEED(pthread_create(&t[i], &attr, wait_all, NULL) == 0);
    pthread_barrier_wait(&barrier);
    CHECK_EQ(at_once, N);
    for (int i = 0; i < N; i++) {
        void* r;
        pthread_join(t[i], &r);
        tids[i] = (long)r;
    }
    int doubles = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < i; j++)
            doubles += tids[i] == tids[j];
    CHECK_EQ(doubles, 0);
}

static __thread int tls_value = 5;
static __thread char tls_big[10000];
static void* use_tls(void* p) {
    if (tls_value != 5 || tls_big[9999])
        return (void*)1;
    tls_value = (int)(long)p;
    tls_big[9999] = 1;
    errno = tls_value;
    sched_yield();
    usleep(500);
    return (void*)(long)(tls_value != (int)(long)p || errno != tls_value);
}

TEST(thread_local_storage) {
    pthread_t t[20];
    for (long i = 0; i < 20; i++)
        pthread_create(&t[i], NULL, use_tls, (void*)(i + 100));
    for (int i = 0; i < 20; i++) {
        void* r;
        pthread_join(t[i], &r);
        CHECK_EQ(r, 0);
    }
    CHECK_EQ(tls_value, 5);
}

static void* own_state(void* p) {
    (void)p;
    char name[16] = {0};
    prctl(PR_SET_NAME, "worker-thread-with-long-name");
    prctl(PR_GET_NAME, name);
    CHECK_STR(name, "worker-thread-w");
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &s, NULL);
    stack_t ss;
    sigaltstack(NULL, &ss);
    CHECK_EQ(ss.ss_flags, SS_DISABLE);
    CHECK_EQ(getpid(), getpid());
    CHECK(gettid() != getpid());
    return NULL;
}

TEST(per_thread_state) {
    char name[16] = {0}, stack[8192];
    prctl(PR_SET_NAME, "main-name");
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)}, off = {.ss_flags = SS_DISABLE};
    sigaltstack(&ss, NULL);
    pthread_t t;
    pthread_create(&t, NULL, own_state, NULL);
    pthread_join(t, NULL);
    prctl(PR_GET_NAME, name);
    CHECK_STR(name, "main-name");
    sigset_t s;
    pthread_sigmask(SIG_SETMASK, NULL, &s);
    CHECK_EQ(sigismember(&s, SIGHUP), 0);
    sigaltstack(&off, NULL);
    CHECK_EQ(gettid(), getpid());
}

/* Masks are inherited by a new thread, pending signals are not. */
static void* inherited(void* p) {
    (void)p;
    sigset_t mask, pending;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    sigpending(&pending);
    CHECK_EQ(sigismember(&mask, SIGUSR1), 1);
    CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
    return NULL;
}
TEST(inheritance) {
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &s, NULL);
    pthread_kill(pthread_self(), SIGUSR1);
    pthread_t t;
    pthread_create(&t, NULL, inherited, NULL);
    pthread_join(t, NULL);
    int signo;
    sigwait(&s, &signo);
    pthread_sigmask(SIG_UNBLOCK, &s, NULL);
}

/* Mutexes, condition variables, rwlocks, semaphores, once, cancellation. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;
static int turn;

static void* ping(void* p) {
    int me = (int)(long)p;
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&mutex);
        while (turn != me)
            pthread_cond_wait(&cond, &mutex);
        counter++;
        turn = !me;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}
static void* hammer(void* p) {
    (void)p;
    for (int i = 0; i < 5000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

TEST(mutex_and_cond) {
    pthread_t t[8];
    pthread_create(&t[0], NULL, ping, (void*)0);
    pthread_create(&t[1], NULL, ping, (void*)1);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    CHECK_EQ(counter, 1000);
    for (int i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, hammer, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(counter, 41000);
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    pthread_mutex_lock(&mutex);
    CHECK_EQ(pthread_cond_timedwait(&cond, &mutex, &when), ETIMEDOUT);
    CHECK_EQ(pthread_mutex_timedlock(&mutex, &when), ETIMEDOUT);
    pthread_mutex_unlock(&mutex);
}

static void* sleep_forever(void* p) {
    (void)p;
    for (;;)
        pause();
    return NULL;
}
static volatile int cleaned;
static void clean(void* p) {
    cleaned += *(int*)p;
}
static void* cancel_me(void* p) {
    int three = 3;
    pthread_cleanup_push(clean, &three);
    sem_post(p);
    sleep_forever(NULL);
    pthread_cleanup_pop(0);
    return NULL;
}

TEST(cancellation) {
    pthread_t t;
    sem_t up;
    sem_init(&up, 0, 0);
    for (int i = 0; i < 20; i++) {
        pthread_create(&t, NULL, cancel_me, &up);
        sem_wait(&up);
        pthread_cancel(t);
        void* r;
        pthread_join(t, &r);
        CHECK(r == PTHREAD_CANCELED);
    }
    CHECK_EQ(cleaned, 60);
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    CHECK_ERRNO(sem_timedwait(&up, &when), ETIMEDOUT);
    CHECK_ERRNO(sem_trywait(&up), EAGAIN);
}

/* A robust mutex whose owner dies. */
static pthread_mutex_t robust;
static void* die_with_lock(void* p) {
    (void)p;
    pthread_mutex_lock(&robust);
    return NULL;
}
TEST(robust_mutex) {
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    for (int pi = 0; pi < 2; pi++) {
        if (pi)
            pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
        pthread_mutex_init(&robust, &attr);
        pthread_t t;
        pthread_create(&t, NULL, die_with_lock, NULL);
        pthread_join(t, NULL);
        CHECK_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
        CHECK_EQ(pthread_mutex_consistent(&robust), 0);
        CHECK_EQ(pthread_mutex_unlock(&robust), 0);
        CHECK_EQ(pthread_mutex_lock(&robust), 0);
        CHECK_EQ(pthread_mutex_unlock(&robust), 0);
    }
}

TEST(robust_list_call) {
    void* head = NULL;
    size_t len = 0;
    CHECK_EQ(sc(SYS_get_robust_list, 0, &head, &len), 0);
    CHECK(head != NULL);
    CHECK_EQ(len, 24);
    CHECK_EQ(sc(SYS_set_robust_list, head, 23), -EINVAL);
    CHECK_EQ(sc(SYS_get_robust_list, 0x3ffffff, &head, &len), -ESRCH);
    CHECK_EQ(sc(SYS_get_robust_list, 0, 8, &len), -EFAULT);
}

/* Threads in /proc/self/task come and go. */
static void* hold(void* p) {
    pthread_mutex_lock(p);
    pthread_mutex_unlock(p);
    return NULL;
}
TEST(task_directory) {
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&gate);
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, hold, &gate);
    char buf[4096];
    int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY), n = 0;
    long bytes, at;
    while ((bytes = sc(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
        for (at = 0; at < bytes; at += *(unsigned short*)(buf + at + 16))
            n += buf[at + 19] != '.';
    CHECK_EQ(n, 4);
    close(fd);
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
}

/* The stack of a detached thread is unmapped under it at its end (musl and Go do so). */
static int unmap_and_exit(void* arg) {
    long a = (long)arg;
    __asm__ volatile("syscall\nmov $60, %%eax\nxor %%edi, %%edi\nsyscall" ::"a"(11L), "D"(a),
                     "S"(16 * PAGE)
                     : "rcx", "r11", "memory");
    return 0;
}
TEST(unmaps_its_own_stack) {
    static volatile int alive[50];
    for (int i = 0; i < 50; i++) {
        char* stack = map_anon(16, PROT_READ | PROT_WRITE);
        alive[i] = 1;
        int tid = clone(unmap_and_exit, stack + 16 * PAGE, THREAD | CLONE_CHILD_CLEARTID, stack,
                        NULL, NULL, &alive[i]);
        NEED(tid > 0);
    }
    for (int i = 0; i < 50; i++)
        wait_zero(&alive[i]);
    CHECK_EQ(alive[49], 0);
}
