/* System V semaphores: ids, values, several operations at once, waits and their order, SEM_UNDO of
 * threads. Between processes: ipc_procs. */
#include "oracle.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

#define KEY ((key_t)(0x43770000 + (getpid() & 0xffff)))
#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

union semun {
    int val;
    struct semid_ds* buf;
    unsigned short* array;
    struct seminfo* info;
};

static int make(int count) {
    return NEED_OK(semget(IPC_PRIVATE, count, 0600));
}

static int drop(int id) {
    return semctl(id, 0, IPC_RMID);
}

static struct semid_ds stat_of(int id) {
    struct semid_ds ds;
    memset(&ds, 0, sizeof(ds));
    CHECK_OK(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
    return ds;
}

static int value(int id, int n) {
    return semctl(id, n, GETVAL);
}

static int set(int id, int n, int v) {
    return semctl(id, n, SETVAL, (union semun){.val = v});
}

static int op1(int id, int n, int by, int flags) {
    struct sembuf op = {n, by, flags};
    return semop(id, &op, 1);
}

TEST(create_and_find) {
    int id = NEED_OK(semget(KEY, 3, IPC_CREAT | IPC_EXCL | 0640));
    CHECK_EQ(semget(KEY, 0, 0), id);
    CHECK_EQ(semget(KEY, 3, IPC_CREAT | 0600), id);
    CHECK_ERRNO(semget(KEY, 4, 0), EINVAL);
    CHECK_ERRNO(semget(KEY, 1, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK_ERRNO(semget(KEY + 1, 1, 0600), ENOENT);
    CHECK_ERRNO(semget(KEY + 1, 0, IPC_CREAT | 0600), EINVAL);
    CHECK_ERRNO(semget(KEY + 1, -1, IPC_CREAT | 0600), EINVAL);
    CHECK_ERRNO(semget(KEY + 1, 32001, IPC_CREAT | 0600), EINVAL);
    CHECK_ERRNO(semget(KEY, 32001, 0), EINVAL);
    struct semid_ds ds = stat_of(id);
    CHECK_EQ(ds.sem_nsems, 3);
    CHECK_EQ(ds.sem_perm.__key, KEY);
    CHECK_EQ(ds.sem_perm.mode, 0640);
    CHECK_EQ(ds.sem_perm.uid, geteuid());
    CHECK_EQ(ds.sem_perm.cgid, getegid());
    CHECK_EQ(ds.sem_perm.__seq, id >> 15);
    CHECK_EQ(ds.sem_otime, 0);
    CHECK(ds.sem_ctime > 0);
    CHECK_EQ(semctl(id & 32767, 0, SEM_STAT, (union semun){.buf = &ds}), id);
    CHECK_EQ(ds.sem_nsems, 3);
    CHECK_EQ(semctl(id & 32767, 0, SEM_STAT_ANY, (union semun){.buf = &ds}), id);
    int other = make(1);
    CHECK(other != id);
    CHECK_OK(drop(other));
    CHECK_ERRNO(drop(other), EINVAL);
    CHECK_OK(drop(id));
    CHECK_ERRNO(semget(KEY, 0, 0), ENOENT);
    CHECK_ERRNO(value(id, 0), EINVAL);
    int big = CHECK_OK(semget(IPC_PRIVATE, 32000, 0600));
    CHECK_EQ(set(big, 31999, 5), 0);
    CHECK_EQ(value(big, 31999), 5);
    CHECK_OK(drop(big));
}

/* Ids are not used again at once. */
TEST(ids_differ) {
    int last = -1;
    for (int i = 0; i < 200; i++) {
        int id = make(1);
        CHECK(id != last);
        last = id;
        CHECK_OK(drop(id));
    }
}

TEST(values) {
    int id = make(3);
    unsigned short all[3] = {1, 2, 32767}, got[3] = {9, 9, 9};
    CHECK_OK(semctl(id, 0, GETALL, (union semun){.array = got}));
    CHECK(!got[0] && !got[1] && !got[2]);
    CHECK_OK(semctl(id, 77, SETALL, (union semun){.array = all}));
    CHECK_OK(semctl(id, 0, GETALL, (union semun){.array = got}));
    CHECK_MEM(got, all, sizeof(all));
    CHECK_EQ(value(id, 2), 32767);
    CHECK_EQ(semctl(id, 1, GETPID), getpid());
    CHECK_EQ(semctl(id, 1, GETNCNT), 0);
    CHECK_EQ(semctl(id, 1, GETZCNT), 0);
    all[1] = 32768;
    CHECK_ERRNO(semctl(id, 0, SETALL, (union semun){.array = all}), ERANGE);
    CHECK_EQ(value(id, 0), 1);
    CHECK_ERRNO(set(id, 0, 32768), ERANGE);
    CHECK_ERRNO(set(id, 0, -1), ERANGE);
    CHECK_ERRNO(set(id, 3, 1), EINVAL);
    CHECK_ERRNO(set(id, -1, 1), EINVAL);
    CHECK_ERRNO(value(id, 3), EINVAL);
    CHECK_ERRNO(semctl(id, 3, GETPID), EINVAL);
    CHECK_ERRNO(semctl(-1, 0, GETVAL), EINVAL);
    CHECK_ERRNO(semctl(id + (1 << 15), 0, GETVAL), EINVAL);
    CHECK_ERRNO(semctl(id, 0, 99), EINVAL);
    CHECK_ERRNO(semctl(id, 0, IPC_STAT | 0x100), EINVAL);
    CHECK_EQ(sc(SYS_semctl, id, 0, GETALL, 8), -EFAULT);
    CHECK_EQ(sc(SYS_semctl, id, 0, SETALL, 8), -EFAULT);
    CHECK_EQ(sc(SYS_semctl, id, 0, IPC_STAT, 8), -EFAULT);
    CHECK_EQ(sc(SYS_semctl, id, 0, IPC_SET, 8), -EFAULT);
    CHECK_EQ(sc(SYS_semctl, id, 0, IPC_INFO, 8), -EFAULT);
    struct semid_ds ds = stat_of(id);
    CHECK_EQ(ds.sem_otime, 0); /* only operations count */
    ds.sem_perm.mode = 0444;
    CHECK_OK(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}));
    CHECK_EQ(stat_of(id).sem_perm.mode, 0444);
    ds.sem_perm.uid = -1;
    CHECK_ERRNO(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}), EINVAL);
    CHECK_OK(drop(id));
}

TEST(info) {
    struct seminfo si;
    int id = make(7);
    memset(&si, -1, sizeof(si));
    CHECK(semctl(0, 0, IPC_INFO, (union semun){.info = &si}) >= (id & 32767));
    CHECK_EQ(si.semmsl, 32000);
    CHECK_EQ(si.semmns, 1024000000);
    CHECK_EQ(si.semopm, 500);
    CHECK_EQ(si.semmni, 32000);
    CHECK_EQ(si.semvmx, 32767);
    CHECK_EQ(si.semaem, 32767);
    CHECK_EQ(si.semume, 500);
    CHECK_EQ(si.semusz, 20);
    CHECK_EQ(si.semmap, 1024000000);
    CHECK_EQ(si.semmnu, 1024000000);
    CHECK(semctl(0, 0, SEM_INFO, (union semun){.info = &si}) >= (id & 32767));
    CHECK(si.semusz >= 1 && si.semaem >= 7);
    CHECK_OK(drop(id));
}

TEST(operations) {
    int id = make(4);
    CHECK_EQ(op1(id, 0, 5, 0), 0);
    CHECK(stat_of(id).sem_otime > 0);
    CHECK_EQ(value(id, 0), 5);
    CHECK_EQ(op1(id, 0, -3, 0), 0);
    CHECK_EQ(value(id, 0), 2);
    CHECK_ERRNO(op1(id, 0, -3, IPC_NOWAIT), EAGAIN);
    CHECK_ERRNO(op1(id, 0, 0, IPC_NOWAIT), EAGAIN);
    CHECK_EQ(op1(id, 1, 0, 0), 0);
    CHECK_EQ(semctl(id, 1, GETPID), getpid());
    CHECK_ERRNO(op1(id, 4, 1, 0), EFBIG);
    CHECK_ERRNO(op1(id, 65535, 1, 0), EFBIG);
    CHECK_EQ(op1(id, 0, 32765, 0), 0);
    CHECK_ERRNO(op1(id, 0, 1, 0), ERANGE);
    CHECK_EQ(set(id, 0, 2), 0);
    /* all or nothing */
    struct sembuf ops[4] = {{0, -1, 0}, {1, 4, 0}, {2, 0, 0}, {3, -1, IPC_NOWAIT}};
    CHECK_ERRNO(semop(id, ops, 4), EAGAIN);
    CHECK_EQ(value(id, 0) * 10 + value(id, 1), 20);
    ops[3].sem_op = 1;
    CHECK_EQ(semop(id, ops, 4), 0);
    CHECK_EQ(value(id, 0) * 100 + value(id, 1) * 10 + value(id, 3), 141);
    /* one after another on the same one: 1 - 1, is zero, + 3, - 2 */
    struct sembuf same[4] = {
        {0, -1, IPC_NOWAIT}, {0, 0, IPC_NOWAIT}, {0, 3, 0}, {0, -2, IPC_NOWAIT}};
    CHECK_EQ(semop(id, same, 4), 0);
    CHECK_EQ(value(id, 0), 1);
    same[3].sem_op = -4;
    CHECK_ERRNO(semop(id, same, 4), EAGAIN);
    CHECK_EQ(value(id, 0), 1);
    same[2].sem_op = 32767;
    same[3].sem_op = 1;
    CHECK_ERRNO(semop(id, same, 4), ERANGE);
    CHECK_EQ(value(id, 0), 1);
    struct sembuf many[501];
    for (int i = 0; i < 501; i++)
        many[i] = (struct sembuf){i % 4, i < 250 ? 1 : -1, IPC_NOWAIT};
    for (int i = 1; i < 4; i++)
        CHECK_EQ(set(id, i, 1), 0);
    CHECK_EQ(semop(id, many, 500), 0);
    CHECK_EQ(value(id, 0), 2);
    CHECK_EQ(value(id, 2), 0);
    CHECK_ERRNO(semop(id, many, 501), E2BIG);
    CHECK_ERRNO(semop(id, many, 0), EINVAL);
    CHECK_ERRNO(semop(-1, many, 1), EINVAL);
    CHECK_ERRNO(semop(id + (1 << 15), many, 1), EINVAL);
    CHECK_EQ(sc(SYS_semop, id, 8, 1), -EFAULT);
    CHECK_EQ(sc(SYS_semop, id, 8, 501), -E2BIG);
    CHECK_EQ(sc(SYS_semop, id, 8, 0), -EINVAL);
    CHECK_OK(drop(id));
    CHECK_ERRNO(op1(id, 0, 1, 0), EINVAL);
}

TEST(timeouts) {
    int id = make(1);
    struct sembuf op = {0, -1, 0};
    struct timespec zero = {0, 0}, little = {0, 3000000}, bad = {0, 1000000000}, neg = {-1, 0};
    CHECK_ERRNO(semtimedop(id, &op, 1, &zero), EAGAIN);
    CHECK_ERRNO(semtimedop(id, &op, 1, &little), EAGAIN);
    CHECK_ERRNO(semtimedop(id, &op, 1, &bad), EINVAL);
    CHECK_ERRNO(semtimedop(id, &op, 1, &neg), EINVAL);
    CHECK_EQ(sc(SYS_semtimedop, id, &op, 1, 8), -EFAULT);
    CHECK_EQ(set(id, 0, 1), 0);
    CHECK_EQ(semtimedop(id, &op, 1, &zero), 0);
    CHECK_EQ(semctl(id, 0, GETNCNT), 0);
    CHECK_OK(drop(id));
}

/* ---- waiting ---- */

struct waiter {
    int id, count;
    struct sembuf ops[3];
    long result;
    int error, order;
    pthread_t thread;
};
static int turn;

static void* wait_thread(void* p) {
    struct waiter* w = p;
    w->result = semop(w->id, w->ops, w->count);
    w->error = errno;
    w->order = __atomic_add_fetch(&turn, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void start(struct waiter* w) {
    int n = w->ops[w->count - 1].sem_num, what = w->ops[w->count - 1].sem_op ? GETNCNT : GETZCNT;
    int before = semctl(w->id, n, what);
    pthread_create(&w->thread, NULL, wait_thread, w);
    while (semctl(w->id, n, what) != before + 1)
        usleep(100);
}

static void finish(struct waiter* w, int result, int error) {
    pthread_join(w->thread, NULL);
    CHECK_EQ(w->result, result);
    if (result)
        CHECK_EQ(w->error, error);
}

TEST(wake_order) {
    struct waiter w[4];
    int id = make(2);
    turn = 0;
    for (int i = 0; i < 4; i++) {
        w[i] = (struct waiter){id, 1, {{0, i == 1 ? -2 : -1, 0}}, 0, 0, 0, 0};
        start(&w[i]);
    }
    CHECK_EQ(semctl(id, 0, GETNCNT), 4);
    CHECK_EQ(op1(id, 0, 1, 0), 0);
    finish(&w[0], 0, 0);
    CHECK_EQ(semctl(id, 0, GETNCNT), 3);
    CHECK_EQ(op1(id, 0, 1, 0), 0); /* too little for the second: the third goes on */
    finish(&w[2], 0, 0);
    CHECK_EQ(op1(id, 0, 3, 0), 0);
    finish(&w[1], 0, 0);
    finish(&w[3], 0, 0);
    CHECK_EQ(value(id, 0), 0);
    CHECK_OK(drop(id));
}

TEST(wait_for_zero) {
    struct waiter z = {0, 1, {{0, 0, 0}}, 0, 0, 0, 0}, both, complex;
    int id = make(3);
    z.id = id;
    set(id, 0, 2);
    start(&z);
    CHECK_EQ(semctl(id, 0, GETZCNT), 1);
    CHECK_EQ(semctl(id, 0, GETNCNT), 0);
    both = (struct waiter){id, 2, {{1, 7, 0}, {0, 0, 0}}, 0, 0, 0, 0};
    start(&both);
    CHECK_EQ(value(id, 1), 0);
    CHECK_EQ(op1(id, 0, -1, 0), 0);
    CHECK_EQ(semctl(id, 0, GETZCNT), 2);
    CHECK_EQ(op1(id, 0, -1, 0), 0);
    finish(&z, 0, 0);
    finish(&both, 0, 0);
    CHECK_EQ(value(id, 1), 7);
    /* one that waits for two semaphores: the blocking one is counted */
    complex = (struct waiter){id, 2, {{1, -7, 0}, {2, -1, 0}}, 0, 0, 0, 0};
    start(&complex);
    CHECK_EQ(semctl(id, 1, GETNCNT), 0);
    CHECK_EQ(op1(id, 1, -1, 0), 0);
    CHECK_EQ(op1(id, 2, 1, 0), 0);
    CHECK_EQ(semctl(id, 1, GETNCNT), 1);
    CHECK_EQ(semctl(id, 2, GETNCNT), 0);
    CHECK_EQ(op1(id, 1, 1, 0), 0);
    finish(&complex, 0, 0);
    CHECK_EQ(value(id, 1) + value(id, 2), 0);
    CHECK_OK(drop(id));
}

/* A waiter that is let go lets others go in turn; SETVAL and SETALL do so too. */
TEST(chains) {
    struct waiter w[3];
    int id = make(3);
    for (int i = 0; i < 3; i++) {
        w[i] = (struct waiter){id, 2, {{(i + 1) % 3, 1, 0}, {i, -1, 0}}, 0, 0, 0, 0};
        start(&w[i]);
    }
    CHECK_EQ(set(id, 1, 1), 0);
    for (int i = 0; i < 3; i++)
        finish(&w[i], 0, 0);
    CHECK_EQ(value(id, 1), 1);
    struct waiter z = {id, 1, {{1, 0, 0}}, 0, 0, 0, 0};
    start(&z);
    unsigned short none[3] = {0, 0, 0};
    CHECK_OK(semctl(id, 0, SETALL, (union semun){.array = none}));
    finish(&z, 0, 0);
    CHECK_OK(drop(id));
}

TEST(removed) {
    struct waiter w[3];
    int id = make(2);
    set(id, 1, 1);
    for (int i = 0; i < 3; i++) {
        w[i] = (struct waiter){id, 1, {{i % 2, i % 2 ? 0 : -1, 0}}, 0, 0, 0, 0};
        start(&w[i]);
    }
    CHECK_OK(drop(id));
    for (int i = 0; i < 3; i++)
        finish(&w[i], -1, EIDRM);
}

static void on_signal(int sig) {
    (void)sig;
}

/* Never begun anew, whatever SA_RESTART says. */
TEST(interrupted) {
    int id = make(1);
    for (int restart = 0; restart < 2; restart++) {
        struct sigaction act = {.sa_handler = on_signal, .sa_flags = restart ? SA_RESTART : 0};
        sigaction(SIGUSR1, &act, NULL);
        struct waiter w = {id, 1, {{0, -1, 0}}, 0, 0, 0, 0};
        start(&w);
        pthread_kill(w.thread, SIGUSR1);
        finish(&w, -1, EINTR);
        CHECK_EQ(semctl(id, 0, GETNCNT), 0);
    }
    signal(SIGUSR1, SIG_IGN);
    struct waiter w = {id, 1, {{0, -1, 0}}, 0, 0, 0, 0};
    start(&w);
    pthread_kill(w.thread, SIGUSR1);
    usleep(5000);
    CHECK_EQ(semctl(id, 0, GETNCNT), 1);
    CHECK_EQ(op1(id, 0, 1, 0), 0);
    finish(&w, 0, 0);
    CHECK_OK(drop(id));
}

/* ---- SEM_UNDO ---- */

static void* undo_thread(void* p) {
    struct waiter* w = p;
    w->result = semop(w->id, w->ops, w->count);
    w->error = errno;
    return NULL;
}

static char stack[2][65536] __attribute__((aligned(16)));
static volatile int raw_tid[2];

static int raw_thread(void* p) {
    struct waiter* w = p;
    w->result = sc(SYS_semop, w->id, w->ops, w->count);
    w->error = 0;
    return 0;
}

/* A thread without CLONE_SYSVSEM: its own adjustments, made when it ends. */
static void run_raw(struct waiter* w, int which) {
    raw_tid[which] = 1;
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
    NEED_OK(clone(raw_thread, stack[which] + sizeof(stack[0]), flags, w, (int*)&raw_tid[which],
                  NULL, (int*)&raw_tid[which]));
    while (raw_tid[which])
        usleep(200);
}

TEST(undo_of_threads) {
    int id = make(3);
    struct waiter w = {id, 2, {{0, 5, SEM_UNDO}, {1, 1, 0}}, 0, 0, 0, 0};
    pthread_create(&w.thread, NULL, undo_thread, &w);
    finish(&w, 0, 0);
    CHECK_EQ(value(id, 0), 5); /* shared with this thread: the process has them still */
    run_raw(&w, 0);
    CHECK_EQ(w.result, 0);
    for (int i = 0; i < 2000 && value(id, 0) != 5; i++)
        usleep(500);
    CHECK_EQ(value(id, 0), 5);
    CHECK_EQ(value(id, 1), 2);
    CHECK_EQ(semctl(id, 0, GETPID), getpid());
    /* an adjustment wakes, and is cut at zero */
    struct waiter z = {id, 1, {{2, 0, 0}}, 0, 0, 0, 0};
    set(id, 2, 1);
    start(&z);
    struct waiter give = {id, 2, {{2, 3, SEM_UNDO}, {2, -2, 0}}, 0, 0, 0, 0};
    run_raw(&give, 1);
    CHECK_EQ(give.result, 0);
    finish(&z, 0, 0);
    CHECK_EQ(value(id, 2), 0);
    CHECK_OK(drop(id));
}

TEST(undo_range) {
    int id = make(1);
    for (int i = 0; i < 32768; i += 1024) {
        CHECK_EQ(op1(id, 0, 1024, i < 16384 ? SEM_UNDO : SEM_UNDO | IPC_NOWAIT), 0);
        CHECK_EQ(set(id, 0, 0), 0); /* forgets them */
    }
    int done = 0;
    while (done < 40 && op1(id, 0, 1024, SEM_UNDO) == 0 && op1(id, 0, -1024, 0) == 0)
        done++;
    CHECK_EQ(done, 32); /* the sum may not go beyond -32768 */
    CHECK_EQ(errno, ERANGE);
    CHECK_EQ(value(id, 0), 0);
    CHECK_OK(drop(id));
    CHECK_ERRNO(op1(id, 0, 1, SEM_UNDO), EINVAL);
}

/* ---- many at once ---- */

enum { THREADS = 6, ROUNDS = 300 };
static int storm_id, inside, most;

static void* storm_thread(void* p) {
    long me = (long)p;
    for (int i = 0; i < ROUNDS; i++) {
        struct sembuf in[2] = {{0, -1, SEM_UNDO}, {1, 1, 0}},
                      out[2] = {{0, 1, SEM_UNDO}, {1, -1, 0}};
        if (semop(storm_id, in, 2))
            return (void*)1;
        int now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        if (now > most)
            most = now;
        if ((i + me) % 16 == 0)
            sched_yield();
        __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        if (semop(storm_id, out, 2))
            return (void*)2;
    }
    return NULL;
}

TEST(storm) {
    pthread_t t[THREADS];
    storm_id = make(2);
    set(storm_id, 0, 2);
    for (long i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, storm_thread, (void*)i);
    for (int i = 0; i < THREADS; i++) {
        void* ret;
        pthread_join(t[i], &ret);
        CHECK_EQ(ret, 0);
    }
    CHECK(most <= 2);
    CHECK_EQ(value(storm_id, 0), 2);
    CHECK_EQ(value(storm_id, 1), 0);
    CHECK_OK(drop(storm_id));
}
