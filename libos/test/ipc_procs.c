/* System V IPC, POSIX message queues and shared futexes between processes: what is shared over
 * fork, kept over exec, and given back at an exit or a kill. */
#include "oracle_mem.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>

union semun {
    int val;
    struct semid_ds* buf;
    unsigned short* array;
};

static int* shared_words(void) {
    int* p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(p != MAP_FAILED);
    return p;
}

static int finish(pid_t pid) {
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return status;
}

#define CHILD(pid, ...)                                                                            \
    do {                                                                                           \
        pid = fork();                                                                              \
        if (pid == 0) {                                                                            \
            __VA_ARGS__;                                                                           \
            _exit(0);                                                                              \
        }                                                                                          \
        NEED(pid > 0);                                                                             \
    } while (0)

static int value(int id, int n) {
    return semctl(id, n, GETVAL);
}

static int op1(int id, int n, int by, int flags) {
    struct sembuf op = {n, by, flags};
    return semop(id, &op, 1);
}

static long nattch(int id) {
    struct shmid_ds ds;
    return shmctl(id, IPC_STAT, &ds) ? -1 : (long)ds.shm_nattch;
}

/* ---- shared memory ---- */

TEST(memory_over_fork) {
    pid_t pid;
    int id = NEED_OK(shmget(IPC_PRIVATE, 2 * PAGE, 0600));
    int *p = shmat(id, NULL, 0), *w = shared_words();
    struct shmid_ds ds;
    p[0] = 5;
    CHILD(pid, {
        if (p[0] != 5 || nattch(id) != 2)
            _exit(1);
        p[1] = 6;
        int* again = shmat(id, NULL, 0);
        if (again[1] != 6 || nattch(id) != 3)
            _exit(2);
        shmdt(p);
        if (nattch(id) != 2)
            _exit(3);
        w[0] = 1; /* leaves with one attached */
    });
    CHECK_EQ(finish(pid), 0);
    CHECK_EQ(w[0], 1);
    CHECK_EQ(p[1], 6);
    CHECK_EQ(nattch(id), 1);
    CHECK_OK(shmctl(id, IPC_STAT, &ds));
    CHECK_EQ(ds.shm_lpid, pid);
    CHECK(ds.shm_dtime > 0);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
    CHECK_EQ(nattch(id), 1);
    CHILD(pid, {
        if (shmat(id, NULL, 0) == (void*)-1 || nattch(id) != 3) /* marked, but there still */
            _exit(1);
        pause();
    });
    while (nattch(id) != 3)
        usleep(500);
    CHECK_EQ(shmdt(p), 0);
    CHECK_EQ(nattch(id), 2);
    kill(pid, SIGKILL);
    CHECK_EQ(finish(pid), SIGKILL);
    CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL); /* the last one is gone */
}

/* A segment that did not exist when the processes parted. */
TEST(memory_made_later) {
    int *w = shared_words(), fds[2];
    pid_t pid;
    NEED(pipe(fds) == 0);
    CHILD(pid, {
        int id;
        if (read(fds[0], &id, sizeof(id)) != sizeof(id))
            _exit(1);
        char* p = shmat(id, NULL, 0);
        if (p == (void*)-1 || strcmp(p, "made by the parent"))
            _exit(2);
        strcpy(p + PAGE, "and this by the child");
        int own = shmget(0x43990000 + (getpid() & 0xffff), 100, IPC_CREAT | 0600);
        strcpy(shmat(own, NULL, 0), "made by the child");
        w[0] = own;
    });
    int id = NEED_OK(shmget(IPC_PRIVATE, 2 * PAGE, 0600));
    char* p = shmat(id, NULL, 0);
    strcpy(p, "made by the parent");
    CHECK_EQ(write(fds[1], &id, sizeof(id)), (long)sizeof(id));
    CHECK_EQ(finish(pid), 0);
    CHECK_STR(p + PAGE, "and this by the child");
    CHECK_EQ(shmget(0x43990000 + (pid & 0xffff), 0, 0), w[0]);
    CHECK_EQ(nattch(w[0]), 0);
    char* q = shmat(w[0], NULL, SHM_RDONLY);
    CHECK_STR(q, "made by the child"); /* it outlives its maker */
    CHECK_OK(shmctl(w[0], IPC_RMID, NULL));
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
    shmdt(p);
    shmdt(q);
}

/* ---- semaphores ---- */

TEST(ping_pong) {
    int id = NEED_OK(semget(IPC_PRIVATE, 2, 0600));
    pid_t pid;
    CHILD(pid, {
        for (int i = 0; i < 500; i++)
            if (op1(id, 0, -1, 0) || op1(id, 1, 1, 0))
                _exit(1);
    });
    for (int i = 0; i < 500; i++) {
        CHECK_EQ(op1(id, 0, 1, 0), 0);
        CHECK_EQ(op1(id, 1, -1, 0), 0);
    }
    CHECK_EQ(semctl(id, 0, GETPID), pid);
    CHECK_EQ(finish(pid), 0);
    CHECK_OK(semctl(id, 0, IPC_RMID));
}

TEST(undo) {
    int id = NEED_OK(semget(IPC_PRIVATE, 3, 0600)), *w = shared_words();
    pid_t pid;
    CHECK_EQ(op1(id, 1, 4, SEM_UNDO), 0);
    CHILD(pid, { /* the parent's are not inherited */
                 op1(id, 0, 5, SEM_UNDO);
                 op1(id, 2, 1, 0);
                 w[0] = value(id, 0);
    });
    CHECK_EQ(finish(pid), 0);
    CHECK_EQ(w[0], 5);
    CHECK_EQ(value(id, 0), 0);
    CHECK_EQ(value(id, 1), 4);
    CHECK_EQ(value(id, 2), 1);
    CHECK_EQ(semctl(id, 0, GETPID), pid);
    CHILD(pid, { /* killed while it holds one: a waiter gets it */
                 op1(id, 2, -1, SEM_UNDO);
                 w[1] = 1;
                 pause();
    });
    while (!__atomic_load_n(&w[1], __ATOMIC_SEQ_CST))
        usleep(200);
    CHECK_EQ(value(id, 2), 0);
    kill(pid, SIGKILL);
    CHECK_EQ(op1(id, 2, -1, 0), 0);
    CHECK_EQ(finish(pid), SIGKILL);
    CHILD(pid, { /* kept over exec */
                 op1(id, 0, 7, SEM_UNDO);
                 char arg[20];
                 snprintf(arg, sizeof(arg), "%d", id);
                 execl("/proc/self/exe", "ipc_procs", "value_is_seven", arg, (char*)NULL);
                 _exit(9);
    });
    CHECK_EQ(finish(pid), 0);
    CHECK_EQ(value(id, 0), 0);
    CHECK_OK(semctl(id, 0, IPC_RMID));
}

/* Run by the child of the test before, as a program of its own. */
static void value_is_seven(int id) {
    _exit(value(id, 0) == 7 ? 0 : 1);
}

TEST(sleepers) {
    int id = NEED_OK(semget(IPC_PRIVATE, 1, 0600));
    pid_t pid[4];
    for (int i = 0; i < 4; i++) {
        CHILD(pid[i], _exit(op1(id, 0, -1, 0) == 0 ? 0 : errno));
        while (semctl(id, 0, GETNCNT) != i + 1)
            usleep(500);
    }
    kill(pid[0], SIGKILL); /* a dead one does not wait, and takes nothing */
    CHECK_EQ(finish(pid[0]), SIGKILL);
    CHECK_EQ(semctl(id, 0, GETNCNT), 3);
    CHECK_EQ(op1(id, 0, 1, 0), 0);
    CHECK_EQ(finish(pid[1]), 0); /* in the order of coming */
    CHECK_OK(semctl(id, 0, IPC_RMID));
    CHECK_EQ(finish(pid[2]), EIDRM << 8);
    CHECK_EQ(finish(pid[3]), EIDRM << 8);
}

enum { PROCESSES = 5, ROUNDS = 200 };

/* Mutual exclusion; one is killed now and then while inside. */
TEST(storm_of_semaphores) {
    int id = NEED_OK(semget(IPC_PRIVATE, 1, 0600)), *w = shared_words();
    pid_t pid[PROCESSES];
    CHECK_EQ(op1(id, 0, 1, 0), 0);
    for (int i = 0; i < PROCESSES; i++) {
        CHILD(pid[i], {
            for (int k = 0; k < ROUNDS; k++) {
                if (op1(id, 0, -1, SEM_UNDO))
                    _exit(1);
                int seen = w[0];
                if (k % 32 == 0)
                    sched_yield();
                w[0] = seen + 1;
                if (i == 0 && k == ROUNDS / 2)
                    raise(SIGKILL);
                if (op1(id, 0, 1, SEM_UNDO))
                    _exit(2);
            }
        });
    }
    for (int i = 0; i < PROCESSES; i++)
        CHECK_EQ(finish(pid[i]), i ? 0 : SIGKILL);
    CHECK_EQ(w[0], (PROCESSES - 1) * ROUNDS + ROUNDS / 2 + 1);
    CHECK_EQ(value(id, 0), 1);
    CHECK_OK(semctl(id, 0, IPC_RMID));
}

/* ---- messages ---- */

struct message {
    long type;
    int number, from;
};

TEST(messages) {
    int id = NEED_OK(msgget(IPC_PRIVATE, 0600));
    pid_t pid[3];
    for (int i = 0; i < 3; i++) {
        CHILD(pid[i], {
            struct message m;
            for (int k = 0; k < 300; k++) { /* an echo */
                if (msgrcv(id, &m, sizeof(m) - sizeof(long), i + 1, 0) != 8)
                    _exit(1);
                m.type += 10;
                m.from = getpid();
                if (msgsnd(id, &m, sizeof(m) - sizeof(long), 0))
                    _exit(2);
            }
        });
    }
    int wrong = 0;
    for (int k = 0; k < 300; k++) {
        for (int i = 0; i < 3; i++) {
            struct message m = {.type = i + 1, .number = k};
            CHECK_EQ(msgsnd(id, &m, sizeof(m) - sizeof(long), 0), 0);
        }
        for (int i = 0; i < 3; i++) {
            struct message m;
            wrong += msgrcv(id, &m, sizeof(m) - sizeof(long), i + 11, 0) != 8 || m.number != k ||
                     m.from != pid[i];
        }
    }
    CHECK_EQ(wrong, 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(finish(pid[i]), 0);
    CHILD(pid[0], {
        struct message m;
        _exit(msgrcv(id, &m, 8, 0, 0) < 0 ? errno : 0);
    });
    CHILD(pid[1], {
        struct message m;
        _exit(msgrcv(id, &m, 8, 0, 0) < 0 ? errno : 0);
    });
    usleep(20000);
    kill(pid[0], SIGKILL);
    CHECK_EQ(finish(pid[0]), SIGKILL);
    struct message m = {.type = 1};
    CHECK_EQ(msgsnd(id, &m, 8, 0), 0);
    CHECK_EQ(finish(pid[1]), 0); /* not given to the dead one */
    CHECK_OK(msgctl(id, IPC_RMID, NULL));
}

/* ---- POSIX message queues ---- */

static mqd_t queue(int count, int flags) {
    char name[40];
    struct mq_attr a = {.mq_maxmsg = count, .mq_msgsize = 20};
    snprintf(name, sizeof(name), "/culm-procs-%d", getpid());
    return NEED_OK(mq_open(name, O_CREAT | O_RDWR | flags, 0600, &a));
}

static void unlink_queue(void) {
    char name[40];
    snprintf(name, sizeof(name), "/culm-procs-%d", getpid());
    CHECK_EQ(mq_unlink(name), 0);
}

TEST(queues) {
    mqd_t q = queue(2, 0);
    pid_t pid;
    char buf[20], name[40];
    snprintf(name, sizeof(name), "/culm-procs-%d", getpid());
    CHILD(pid, { /* an inherited descriptor and one of its own */
                 mqd_t own = mq_open(name, O_WRONLY);
                 for (int i = 0; i < 300; i++) {
                     snprintf(buf, sizeof(buf), "%d", i);
                     if (mq_send(i % 2 ? own : q, buf, strlen(buf) + 1, 1))
                         _exit(1);
                 }
    });
    int wrong = 0;
    for (int i = 0; i < 300; i++)
        wrong += mq_receive(q, buf, 20, NULL) < 2 || atoi(buf) != i;
    CHECK_EQ(wrong, 0);
    CHECK_EQ(finish(pid), 0);
    /* O_NONBLOCK belongs to the description */
    CHILD(pid, {
        struct mq_attr a = {.mq_flags = O_NONBLOCK};
        mq_setattr(q, &a, NULL);
    });
    CHECK_EQ(finish(pid), 0);
    CHECK_ERRNO(mq_receive(q, buf, 20, NULL), EAGAIN);
    unlink_queue(); /* lives as long as somebody has it open */
    CHILD(pid, _exit(mq_send(q, "x", 2, 0)));
    CHECK_EQ(finish(pid), 0);
    CHECK_EQ(mq_receive(q, buf, 20, NULL), 2);
    mq_close(q);
}

TEST(queue_readiness) {
    mqd_t q = queue(1, O_NONBLOCK);
    pid_t pid;
    char buf[20], name[40];
    int go[2];
    NEED(pipe(go) == 0);
    snprintf(name, sizeof(name), "/culm-procs-%d", getpid());
    CHILD(pid, { /* opened apart, before anybody has polled */
                 mqd_t own = mq_open(name, O_RDWR);
                 for (int i = 0; i < 50; i++) {
                     struct pollfd p = {.fd = own, .events = POLLOUT};
                     if (poll(&p, 1, 10000) != 1 || p.revents != POLLOUT || mq_send(own, "x", 2, 0))
                         _exit(1);
                 }
    });
    int ep = epoll_create1(0), bad = 0;
    struct epoll_event ev = {.events = EPOLLIN}, got;
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, q, &ev), 0);
    for (int i = 0; i < 50; i++)
        bad += epoll_wait(ep, &got, 1, 10000) != 1 || mq_receive(q, buf, 20, NULL) != 2;
    CHECK_EQ(bad, 0);
    CHECK_EQ(finish(pid), 0);
    CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
    CHILD(pid, mq_send(q, "y", 2, 0)); /* through what it has inherited */
    CHECK_EQ(epoll_wait(ep, &got, 1, 10000), 1);
    CHECK_EQ(finish(pid), 0);
    close(ep);
    mq_close(q);
    unlink_queue();
}

static volatile int told;
static volatile pid_t teller;
static void on_notice(int sig, siginfo_t* info, void* context) {
    (void)sig;
    (void)context;
    teller = info->si_pid;
    told += info->si_code == SI_MESGQ ? info->si_value.sival_int : 100;
}

static volatile int called;
static void on_message(union sigval v) {
    __atomic_add_fetch(&called, v.sival_int, __ATOMIC_SEQ_CST);
}

TEST(queue_notification) {
    mqd_t q = queue(2, O_NONBLOCK);
    pid_t pid;
    char buf[20];
    struct sigaction act = {.sa_sigaction = on_notice, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGUSR1, &act, NULL);
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    e.sigev_value.sival_int = 1;
    CHECK_EQ(mq_notify(q, &e), 0);
    CHILD(pid, {
        if (mq_notify(q, &e) != -1 || errno != EBUSY || mq_notify(q, NULL)) /* not its own */
            _exit(1);
        mq_send(q, "x", 2, 0);
    });
    CHECK_EQ(finish(pid), 0);
    for (int i = 0; i < 20000 && !told; i++)
        usleep(100);
    CHECK_EQ(told, 1);
    CHECK_EQ(teller, pid);
    mq_receive(q, buf, 20, NULL);
    CHILD(pid, mq_notify(q, &e)); /* over with the process */
    CHECK_EQ(finish(pid), 0);
    e.sigev_notify = SIGEV_THREAD;
    e.sigev_notify_function = on_message;
    CHECK_EQ(mq_notify(q, &e), 0);
    CHILD(pid, mq_send(q, "x", 2, 0));
    CHECK_EQ(finish(pid), 0);
    for (int i = 0; i < 20000 && !called; i++)
        usleep(100);
    CHECK_EQ(called, 1);
    CHECK_EQ(told, 1);
    mq_close(q);
    unlink_queue();
}

/* ---- futexes and what libc makes of them ---- */

static long futex(int* w, int op, int val, void* timeout, int* w2, unsigned val3) {
    return sc(SYS_futex, w, op, val, timeout, w2, val3);
}

TEST(futexes) {
    int* w = shared_words();
    pid_t pid[3];
    for (int i = 0; i < 3; i++)
        CHILD(pid[i], _exit(futex(w, FUTEX_WAIT_BITSET, 0, NULL, NULL, 1U << i) ? 1 : 0));
    long woken = 0;
    while ((woken = futex(w, FUTEX_CMP_REQUEUE, 0, (void*)3, w + 1, 0)) < 3) {
        CHECK(woken >= 0);
        futex(w + 1, FUTEX_REQUEUE, 0, (void*)3, w, 0);
        usleep(500);
    }
    CHECK_EQ(futex(w, FUTEX_WAKE, 9, NULL, NULL, 0), 0);
    CHECK_EQ(futex(w + 1, FUTEX_WAKE_BITSET, 9, NULL, NULL, 2), 1);
    CHECK_EQ(finish(pid[1]), 0);
    CHECK_EQ(futex(w + 1, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 9, NULL, NULL, 0), 0);
    CHECK_EQ(futex(w + 1, FUTEX_WAKE, 9, NULL, NULL, 0), 2);
    CHECK_EQ(finish(pid[0]), 0);
    CHECK_EQ(finish(pid[2]), 0);
}

struct sync {
    pthread_mutex_t mutex, robust, pi;
    pthread_cond_t cond;
    pthread_barrier_t barrier;
    pthread_rwlock_t rwlock;
    sem_t sem;
    int count, turn, owner_died;
};

static struct sync* make_sync(void) {
    struct sync* s = (struct sync*)shared_words();
    pthread_mutexattr_t ma;
    pthread_condattr_t ca;
    pthread_barrierattr_t ba;
    pthread_rwlockattr_t ra;
    pthread_mutexattr_init(&ma);
    pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&s->mutex, &ma);
    pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s->robust, &ma);
    pthread_mutexattr_setprotocol(&ma, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&s->pi, &ma);
    pthread_condattr_init(&ca);
    pthread_condattr_setpshared(&ca, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&s->cond, &ca);
    pthread_barrierattr_init(&ba);
    pthread_barrierattr_setpshared(&ba, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&s->barrier, &ba, PROCESSES);
    pthread_rwlockattr_init(&ra);
    pthread_rwlockattr_setpshared(&ra, PTHREAD_PROCESS_SHARED);
    pthread_rwlock_init(&s->rwlock, &ra);
    sem_init(&s->sem, 1, 0);
    return s;
}

TEST(process_shared) {
    struct sync* s = make_sync();
    pid_t pid[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        CHILD(pid[i], {
            for (int k = 0; k < ROUNDS; k++) {
                pthread_mutex_lock(&s->mutex);
                int seen = s->count;
                if (k % 32 == 0)
                    sched_yield();
                s->count = seen + 1;
                pthread_mutex_unlock(&s->mutex);
            }
            for (int k = 0; k < 20; k++) {
                pthread_barrier_wait(&s->barrier);
                if (s->count % (PROCESSES * ROUNDS) == 0 && k > 20)
                    _exit(1);
                pthread_mutex_lock(&s->mutex);
                while (s->turn % PROCESSES != i)
                    pthread_cond_wait(&s->cond, &s->mutex);
                s->turn++;
                pthread_cond_broadcast(&s->cond);
                pthread_mutex_unlock(&s->mutex);
            }
            for (int k = 0; k < ROUNDS; k++) {
                if (k % 4) {
                    pthread_rwlock_rdlock(&s->rwlock);
                } else {
                    pthread_rwlock_wrlock(&s->rwlock);
                    s->count++;
                }
                pthread_rwlock_unlock(&s->rwlock);
            }
            sem_post(&s->sem);
        });
    }
    for (int i = 0; i < PROCESSES; i++)
        CHECK_EQ(sem_wait(&s->sem), 0);
    for (int i = 0; i < PROCESSES; i++)
        CHECK_EQ(finish(pid[i]), 0);
    CHECK_EQ(s->count, PROCESSES * ROUNDS + PROCESSES * ROUNDS / 4);
    CHECK_EQ(s->turn, PROCESSES * 20);
}

/* The owner dies, by exit, by a signal, or in a thread of its own. */
TEST(robust_mutexes) {
    struct sync* s = make_sync();
    for (int how = 0; how < 30; how++) {
        pid_t pid;
        s->turn = 0;
        CHILD(pid, {
            if (pthread_mutex_lock(&s->robust))
                _exit(1);
            __atomic_store_n(&s->turn, 1, __ATOMIC_SEQ_CST);
            usleep(how % 5 * 500);
            if (how % 3 == 1)
                raise(SIGKILL);
            if (how % 3 == 2)
                abort();
        });
        while (!__atomic_load_n(&s->turn, __ATOMIC_SEQ_CST))
            usleep(100);
        CHECK_EQ(pthread_mutex_lock(&s->robust), EOWNERDEAD);
        CHECK_EQ(pthread_mutex_consistent(&s->robust), 0);
        CHECK_EQ(pthread_mutex_unlock(&s->robust), 0);
        int status = finish(pid) & ~0x80;
        CHECK_EQ(status, how % 3 == 0 ? 0 : how % 3 == 1 ? SIGKILL : SIGABRT);
        CHECK_EQ(pthread_mutex_lock(&s->robust), 0);
        CHECK_EQ(pthread_mutex_unlock(&s->robust), 0);
    }
}

static void* hold_robust(void* p) {
    struct sync* s = p;
    pthread_mutex_lock(&s->robust);
    __atomic_store_n(&s->turn, 1, __ATOMIC_SEQ_CST);
    while (s)
        pause();
    return NULL;
}

TEST(robust_mutex_of_a_thread) {
    struct sync* s = make_sync();
    for (int round = 0; round < 10; round++) {
        pid_t pid;
        s->turn = 0;
        CHILD(pid, {
            pthread_t t;
            pthread_create(&t, NULL, hold_robust, s);
            while (!__atomic_load_n(&s->turn, __ATOMIC_SEQ_CST))
                usleep(100);
        });
        CHECK_EQ(finish(pid), 0);
        CHECK_EQ(pthread_mutex_lock(&s->robust), EOWNERDEAD);
        pthread_mutex_consistent(&s->robust);
        CHECK_EQ(pthread_mutex_unlock(&s->robust), 0);
    }
}

/* With priority inheritance, and robust. */
TEST(pi_mutexes) {
    struct sync* s = make_sync();
    pid_t pid[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        CHILD(pid[i], {
            for (int k = 0; k < ROUNDS; k++) {
                int ret = pthread_mutex_lock(&s->pi);
                if (ret == EOWNERDEAD) {
                    pthread_mutex_consistent(&s->pi);
                    s->owner_died++;
                } else if (ret) {
                    _exit(1);
                }
                int seen = s->count;
                if (k % 16 == 0)
                    sched_yield();
                s->count = seen + 1;
                if (i == 0 && k == ROUNDS / 2)
                    raise(SIGKILL);
                if (pthread_mutex_unlock(&s->pi))
                    _exit(2);
            }
        });
    }
    for (int i = 0; i < PROCESSES; i++)
        CHECK_EQ(finish(pid[i]), i ? 0 : SIGKILL);
    CHECK_EQ(s->count, (PROCESSES - 1) * ROUNDS + ROUNDS / 2 + 1);
    int ret = pthread_mutex_lock(&s->pi);
    CHECK_EQ(s->owner_died + (ret == EOWNERDEAD), 1);
    if (ret == EOWNERDEAD)
        pthread_mutex_consistent(&s->pi);
    CHILD(pid[0], _exit(pthread_mutex_trylock(&s->pi)));
    CHECK_EQ(finish(pid[0]), EBUSY << 8);
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    CHILD(pid[0], _exit(pthread_mutex_timedlock(&s->pi, &soon)));
    CHECK_EQ(finish(pid[0]), ETIMEDOUT << 8);
    CHECK_EQ(pthread_mutex_unlock(&s->pi), 0);
}

TEST(requeue_to_pi) {
    int* w = shared_words();
    pid_t pid;
    CHECK_EQ(futex(w + 1, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
    CHECK_EQ(w[1], getpid());
    CHILD(pid, {
        if (futex(w, FUTEX_WAIT_REQUEUE_PI, 0, NULL, w + 1, 0) ||
            (w[1] & FUTEX_TID_MASK) != getpid())
            _exit(1);
        w[2] = 1;
        _exit(futex(w + 1, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) ? 2 : 0);
    });
    long moved;
    while ((moved = futex(w, FUTEX_CMP_REQUEUE_PI, 1, (void*)5, w + 1, 0)) == 0)
        usleep(500);
    CHECK_EQ(moved, 1);
    usleep(5000);
    CHECK_EQ(w[2], 0);
    CHECK_EQ(futex(w + 1, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
    CHECK_EQ(finish(pid), 0);
    CHECK_EQ(w[2], 1);
}

TEST(named_semaphores) {
    char name[40];
    pid_t pid;
    snprintf(name, sizeof(name), "/culm-sem-%d", getpid());
    sem_t* sem = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
    NEED(sem != SEM_FAILED);
    CHILD(pid, {
        sem_t* own = sem_open(name, 0);
        for (int i = 0; i < 100; i++)
            sem_post(i % 2 ? own : sem);
    });
    for (int i = 0; i < 100; i++)
        CHECK_EQ(sem_wait(sem), 0);
    CHECK_EQ(finish(pid), 0);
    int left = -1;
    CHECK_EQ(sem_getvalue(sem, &left), 0);
    CHECK_EQ(left, 0);
    sem_close(sem);
    CHECK_EQ(sem_unlink(name), 0);
}

__attribute__((constructor)) static void as_program(int argc, char** argv) {
    if (argc == 3 && !strcmp(argv[1], "value_is_seven"))
        value_is_seven(atoi(argv[2]));
}
