/* System V messages: queues, types, blocking both ways, limits. Between processes: ipc_procs. */
#include "oracle.h"
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#define KEY ((key_t)(0x43780000 + (getpid() & 0xffff)))
#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct text {
    long type;
    char text[8200];
};

static int make(void) {
    return NEED_OK(msgget(IPC_PRIVATE, 0600));
}

static int drop(int id) {
    return msgctl(id, IPC_RMID, NULL);
}

static struct msqid_ds stat_of(int id) {
    struct msqid_ds ds;
    memset(&ds, 0, sizeof(ds));
    CHECK_OK(msgctl(id, IPC_STAT, &ds));
    return ds;
}

static int put(int id, long type, const char* text, int flags) {
    struct text m = {.type = type};
    strcpy(m.text, text);
    return msgsnd(id, &m, strlen(text) + 1, flags);
}

/* Expects that text, of that type. */
#define TAKE(id, wanted, flags, want_type, want_text)                                              \
    do {                                                                                           \
        struct text m_ = {.type = -7};                                                             \
        CHECK_EQ(msgrcv(id, &m_, 8192, wanted, (flags) | IPC_NOWAIT), strlen(want_text) + 1);      \
        CHECK_EQ(m_.type, want_type);                                                              \
        CHECK_STR(m_.text, want_text);                                                             \
    } while (0)

TEST(create_and_find) {
    int id = NEED_OK(msgget(KEY, IPC_CREAT | IPC_EXCL | 0640));
    CHECK_EQ(msgget(KEY, 0), id);
    CHECK_EQ(msgget(KEY, IPC_CREAT | 0600), id);
    CHECK_ERRNO(msgget(KEY, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK_ERRNO(msgget(KEY + 1, 0600), ENOENT);
    struct msqid_ds ds = stat_of(id);
    CHECK_EQ(ds.msg_perm.__key, KEY);
    CHECK_EQ(ds.msg_perm.mode, 0640);
    CHECK_EQ(ds.msg_perm.cuid, geteuid());
    CHECK_EQ(ds.msg_perm.__seq, id >> 15);
    CHECK_EQ(ds.msg_qbytes, 16384);
    CHECK_EQ(ds.msg_qnum + ds.__msg_cbytes + ds.msg_lspid + ds.msg_lrpid, 0);
    CHECK_EQ(ds.msg_stime + ds.msg_rtime, 0);
    CHECK(ds.msg_ctime > 0);
    CHECK_EQ(msgctl(id & 32767, MSG_STAT, &ds), id);
    CHECK_EQ(msgctl(id & 32767, MSG_STAT_ANY, &ds), id);
    CHECK_OK(drop(id));
    CHECK_ERRNO(drop(id), EINVAL);
    CHECK_ERRNO(msgget(KEY, 0), ENOENT);
}

TEST(send_and_receive) {
    int id = make();
    CHECK_EQ(put(id, 5, "five", 0), 0);
    struct msqid_ds ds = stat_of(id);
    CHECK_EQ(ds.msg_qnum, 1);
    CHECK_EQ(ds.__msg_cbytes, 5);
    CHECK_EQ(ds.msg_lspid, getpid());
    CHECK(ds.msg_stime > 0 && !ds.msg_rtime);
    TAKE(id, 0, 0, 5, "five");
    ds = stat_of(id);
    CHECK_EQ(ds.msg_qnum, 0);
    CHECK_EQ(ds.msg_lrpid, getpid());
    CHECK(ds.msg_rtime > 0);
    struct text m = {.type = 1};
    CHECK_ERRNO(msgrcv(id, &m, 10, 0, IPC_NOWAIT), ENOMSG);
    CHECK_EQ(msgsnd(id, &m, 0, 0), 0);
    CHECK_EQ(msgrcv(id, &m, 10, 0, 0), 0);
    CHECK_ERRNO(msgsnd(id, &m, 8193, 0), EINVAL);
    CHECK_ERRNO(msgsnd(id, &m, -1, 0), EINVAL);
    CHECK_ERRNO(msgsnd(-1, &m, 1, 0), EINVAL);
    CHECK_ERRNO(msgsnd(id + (1 << 15), &m, 1, 0), EINVAL);
    m.type = 0;
    CHECK_ERRNO(msgsnd(id, &m, 1, 0), EINVAL);
    m.type = -5;
    CHECK_ERRNO(msgsnd(id, &m, 1, 0), EINVAL);
    CHECK_ERRNO(msgrcv(-1, &m, 10, 0, IPC_NOWAIT), EINVAL);
    CHECK_ERRNO(msgrcv(id, &m, -1, 0, IPC_NOWAIT), EINVAL);
    CHECK_EQ(sc(SYS_msgsnd, id, 8, 1, 0), -EFAULT);
    m.type = 1;
    CHECK_EQ(msgsnd(id, &m, 8192, 0), 0);
    CHECK_ERRNO(msgrcv(id, &m, 8191, 0, 0), E2BIG);
    CHECK_EQ(stat_of(id).msg_qnum, 1);
    CHECK_EQ(msgrcv(id, &m, 100, 0, MSG_NOERROR), 100);
    CHECK_EQ(stat_of(id).__msg_cbytes, 0);
    CHECK_EQ(put(id, 1, "x", 0), 0);
    CHECK_EQ(sc(SYS_msgrcv, id, 8, 10, 0, 0), -EFAULT); /* and it is gone */
    CHECK_EQ(stat_of(id).msg_qnum, 0);
    CHECK_ERRNO(msgctl(id, 99, NULL), EINVAL);
    CHECK_ERRNO(msgctl(-1, IPC_STAT, &ds), EINVAL);
    CHECK_EQ(sc(SYS_msgctl, id, IPC_STAT, 8), -EFAULT);
    CHECK_EQ(sc(SYS_msgctl, id, IPC_SET, 8), -EFAULT);
    CHECK_EQ(sc(SYS_msgctl, id, IPC_INFO, 8), -EFAULT);
    CHECK_OK(drop(id));
}

TEST(types) {
    int id = make();
    static const long types[] = {3, 2, 5, 2, 1, 4};
    char text[] = "a";
    for (int i = 0; i < 6; i++, text[0]++)
        CHECK_EQ(put(id, types[i], text, 0), 0);
    TAKE(id, 2, 0, 2, "b");
    TAKE(id, 3, MSG_EXCEPT, 5, "c");
    TAKE(id, -3, 0, 1, "e");
    TAKE(id, -3, 0, 2, "d");
    TAKE(id, LONG_MIN, 0, 3, "a");
    TAKE(id, 0, 0, 4, "f");
    CHECK_OK(drop(id));
}

TEST(copy) {
    struct text m = {.type = 9};
    int id = make();
    put(id, 7, "first", 0);
    put(id, 8, "second", 0);
    if (msgrcv(id, &m, 8192, 0, MSG_COPY | IPC_NOWAIT) < 0 && errno == ENOSYS)
        SKIP("a kernel without MSG_COPY");
    TAKE(id, 1, MSG_COPY, 8, "second");
    TAKE(id, 0, MSG_COPY, 7, "first");
    CHECK_ERRNO(msgrcv(id, &m, 8192, 2, MSG_COPY | IPC_NOWAIT), ENOMSG);
    CHECK_ERRNO(msgrcv(id, &m, 8192, -1, MSG_COPY | IPC_NOWAIT), ENOMSG);
    CHECK_ERRNO(msgrcv(id, &m, 8192, 0, MSG_COPY), EINVAL);
    CHECK_ERRNO(msgrcv(id, &m, 8192, 0, MSG_COPY | IPC_NOWAIT | MSG_EXCEPT), EINVAL);
    CHECK_ERRNO(msgrcv(id, &m, 3, 0, MSG_COPY | IPC_NOWAIT), E2BIG);
    CHECK_ERRNO(msgrcv(id, &m, 3, 0, MSG_COPY | IPC_NOWAIT | MSG_NOERROR), EINVAL);
    CHECK_EQ(stat_of(id).msg_qnum, 2);
    CHECK_EQ(stat_of(id).msg_rtime, 0);
    CHECK_OK(drop(id));
}

TEST(full) {
    int id = make();
    struct text m = {.type = 1};
    CHECK_EQ(msgsnd(id, &m, 8192, 0), 0);
    CHECK_EQ(msgsnd(id, &m, 8192, 0), 0);
    CHECK_ERRNO(msgsnd(id, &m, 1, IPC_NOWAIT), EAGAIN);
    CHECK_EQ(msgsnd(id, &m, 0, IPC_NOWAIT), 0); /* takes no room */
    struct msqid_ds ds = stat_of(id);
    CHECK_EQ(ds.msg_qnum, 3);
    ds.msg_qbytes = 16383;
    ds.msg_perm.mode = 0606;
    CHECK_OK(msgctl(id, IPC_SET, &ds));
    ds = stat_of(id);
    CHECK_EQ(ds.msg_qbytes, 16383);
    CHECK_EQ(ds.msg_perm.mode, 0606);
    CHECK_EQ(msgrcv(id, &m, 8192, 0, 0), 8192);
    CHECK_ERRNO(msgsnd(id, &m, 8192, IPC_NOWAIT), EAGAIN);
    ds.msg_qbytes = 4; /* that many messages, too */
    CHECK_OK(msgctl(id, IPC_SET, &ds));
    while (msgrcv(id, &m, 8192, 0, IPC_NOWAIT) >= 0)
        ;
    for (int i = 0; i < 4; i++)
        CHECK_EQ(msgsnd(id, &m, 0, IPC_NOWAIT), 0);
    CHECK_ERRNO(msgsnd(id, &m, 0, IPC_NOWAIT), EAGAIN);
    CHECK_OK(drop(id));
}

TEST(info) {
    struct msginfo mi;
    int id = make();
    put(id, 1, "abc", 0);
    CHECK(msgctl(0, IPC_INFO, (void*)&mi) >= (id & 32767));
    CHECK_EQ(mi.msgmax, 8192);
    CHECK_EQ(mi.msgmnb, 16384);
    CHECK_EQ(mi.msgmni, 32000);
    CHECK_EQ(mi.msgpool, 512000);
    CHECK_EQ(mi.msgmap, 16384);
    CHECK_EQ(mi.msgssz, 16);
    CHECK_EQ(mi.msgtql, 16384);
    CHECK_EQ(mi.msgseg, 0xffff);
    CHECK(msgctl(0, MSG_INFO, (void*)&mi) >= (id & 32767));
    CHECK(mi.msgpool >= 1 && mi.msgmap >= 1 && mi.msgtql >= 4);
    CHECK_OK(drop(id));
}

/* ---- waiting ---- */

struct waiter {
    int id, flags;
    bool sends;
    long type; /* to send or to receive */
    size_t size;
    long result;
    int error;
    struct text m;
    pthread_t thread;
    volatile bool done;
};
static volatile int started;

static void* wait_thread(void* p) {
    struct waiter* w = p;
    started++;
    w->m.type = w->type;
    if (w->sends)
        w->result = msgsnd(w->id, &w->m, w->size, w->flags);
    else
        w->result = msgrcv(w->id, &w->m, w->size, w->type, w->flags);
    w->error = errno;
    w->done = true;
    return NULL;
}

static void start(struct waiter* w) {
    int before = started;
    pthread_create(&w->thread, NULL, wait_thread, w);
    while (started == before)
        usleep(100);
    usleep(30000);
}

/* Again, should the first come before the wait. */
static void interrupt(struct waiter* w) {
    while (!w->done) {
        pthread_kill(w->thread, SIGUSR1);
        usleep(2000);
    }
}

static void finish(struct waiter* w, long result, int error) {
    pthread_join(w->thread, NULL);
    CHECK_EQ(w->result, result);
    if (result < 0)
        CHECK_EQ(w->error, error);
}

TEST(receivers_wait) {
    static struct waiter w[5];
    int id = make();
    static const long types[] = {0, 4, -3, 4, 9};
    for (int i = 0; i < 5; i++) {
        w[i] = (struct waiter){.id = id, .type = types[i], .size = i == 3 ? 2 : 100};
        if (i == 4)
            w[i].flags = MSG_EXCEPT;
    }
    start(&w[1]);
    start(&w[2]);
    start(&w[3]);
    CHECK_EQ(put(id, 2, "two", 0), 0);
    finish(&w[2], 4, 0);
    CHECK_EQ(w[2].m.type, 2);
    CHECK_EQ(stat_of(id).msg_qnum, 0);
    CHECK_EQ(put(id, 4, "four", 0), 0); /* the first of two */
    finish(&w[1], 5, 0);
    CHECK_EQ(put(id, 4, "four", 0), 0); /* too big for that one: it stays */
    finish(&w[3], -1, E2BIG);
    CHECK_EQ(stat_of(id).msg_qnum, 1);
    TAKE(id, 4, 0, 4, "four");
    start(&w[4]);
    CHECK_EQ(put(id, 9, "nine", 0), 0);
    CHECK_EQ(put(id, 10, "ten", 0), 0);
    finish(&w[4], 4, 0);
    CHECK_STR(w[4].m.text, "ten");
    CHECK_EQ(stat_of(id).msg_qnum, 1);
    CHECK_OK(drop(id));
}

TEST(senders_wait) {
    static struct waiter w[3];
    static struct text m;
    int id = make();
    m.type = 1;
    CHECK_EQ(msgsnd(id, &m, 8192, 0), 0);
    CHECK_EQ(msgsnd(id, &m, 8192, 0), 0);
    w[0] = (struct waiter){.id = id, .sends = true, .type = 2, .size = 8192};
    w[1] = (struct waiter){.id = id, .sends = true, .type = 3, .size = 10};
    start(&w[0]);
    start(&w[1]);
    CHECK_EQ(stat_of(id).msg_qnum, 2);
    CHECK_EQ(msgrcv(id, &m, 8192, 1, 0), 8192); /* room for either, but not for both */
    CHECK_EQ(msgrcv(id, &m, 8192, 1, 0), 8192);
    finish(&w[0], 0, 0);
    finish(&w[1], 0, 0);
    CHECK_EQ(stat_of(id).msg_qnum, 2);
    /* more room by IPC_SET */
    struct msqid_ds ds = stat_of(id);
    ds.msg_qbytes = 8202;
    CHECK_OK(msgctl(id, IPC_SET, &ds));
    w[2] = (struct waiter){.id = id, .sends = true, .type = 4, .size = 100};
    start(&w[2]);
    ds.msg_qbytes = 16384;
    CHECK_OK(msgctl(id, IPC_SET, &ds));
    finish(&w[2], 0, 0);
    CHECK_EQ(stat_of(id).msg_qnum, 3);
    CHECK_OK(drop(id));
}

TEST(removed) {
    static struct waiter w[3];
    static struct text m;
    int id = make();
    m.type = 1;
    msgsnd(id, &m, 8192, 0);
    msgsnd(id, &m, 8192, 0);
    for (int i = 0; i < 3; i++) {
        w[i] = (struct waiter){.id = id, .sends = i == 0, .type = 5, .size = 8000};
        start(&w[i]);
    }
    CHECK_OK(drop(id));
    for (int i = 0; i < 3; i++)
        finish(&w[i], -1, EIDRM);
}

static void on_signal(int sig) {
    (void)sig;
}

TEST(interrupted) {
    static struct waiter w;
    static struct text m;
    int id = make();
    m.type = 1;
    for (int round = 0; round < 4; round++) {
        struct sigaction act = {.sa_handler = on_signal, .sa_flags = round % 2 ? SA_RESTART : 0};
        sigaction(SIGUSR1, &act, NULL);
        if (round == 2) {
            msgsnd(id, &m, 8192, 0);
            msgsnd(id, &m, 8192, 0);
        }
        w = (struct waiter){.id = id, .sends = round >= 2, .type = 5, .size = 10};
        start(&w);
        interrupt(&w);
        finish(&w, -1, EINTR);
    }
    signal(SIGUSR1, SIG_IGN); /* goes on waiting */
    w = (struct waiter){.id = id, .type = 5, .size = 10};
    start(&w);
    pthread_kill(w.thread, SIGUSR1);
    usleep(5000);
    while (msgrcv(id, &m, 8192, 1, IPC_NOWAIT) > 0)
        ;
    put(id, 5, "5", 0);
    finish(&w, 2, 0);
    CHECK_OK(drop(id));
}

/* ---- many at once: every message arrives once, those of one sender in order ---- */

enum { SENDERS = 3, RECEIVERS = 3, MESSAGES = 400 };
static int storm_id, seen[SENDERS][MESSAGES], disorder;

static void* send_thread(void* p) {
    struct {
        long type;
        int from, number;
        char pad[900];
    } m = {.type = 1, .from = (int)(long)p};
    for (m.number = 0; m.number < MESSAGES; m.number++) {
        m.type = 1 + m.from;
        if (msgsnd(storm_id, &m, sizeof(m) - sizeof(long), 0))
            return (void*)1;
    }
    return NULL;
}

static void* receive_thread(void* p) {
    struct {
        long type;
        int from, number;
        char pad[900];
    } m;
    int last = -1;
    for (int i = 0; i < MESSAGES; i++) {
        if (msgrcv(storm_id, &m, sizeof(m) - sizeof(long), 1 + (long)p, 0) < 0)
            return (void*)1;
        if (m.number != last + 1)
            disorder = 1;
        last = m.number;
        seen[m.from][m.number]++;
    }
    return NULL;
}

TEST(storm) {
    pthread_t s[SENDERS], r[RECEIVERS];
    void* ret;
    storm_id = make();
    for (long i = 0; i < RECEIVERS; i++)
        pthread_create(&r[i], NULL, receive_thread, (void*)i);
    for (long i = 0; i < SENDERS; i++)
        pthread_create(&s[i], NULL, send_thread, (void*)i);
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(s[i], &ret);
        CHECK_EQ(ret, 0);
        pthread_join(r[i], &ret);
        CHECK_EQ(ret, 0);
    }
    int wrong = 0;
    for (int i = 0; i < SENDERS * MESSAGES; i++)
        wrong += seen[i / MESSAGES][i % MESSAGES] != 1;
    CHECK_EQ(wrong, 0);
    CHECK_EQ(disorder, 0);
    CHECK_EQ(stat_of(storm_id).msg_qnum, 0);
    CHECK_OK(drop(storm_id));
}
