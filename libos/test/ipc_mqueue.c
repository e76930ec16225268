/* POSIX message queues: names, attributes, priorities, blocking, notification, readiness. Between
 * processes: ipc_procs. */
#include "oracle.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

static char name[64];

static const char* queue_name(int n) {
    snprintf(name, sizeof(name), "/culm-%d-%d", getpid(), n);
    return name;
}

static mqd_t make(int n, long count, long size, int flags) {
    struct mq_attr a = {.mq_maxmsg = count, .mq_msgsize = size};
    mqd_t q = NEED_OK(mq_open(queue_name(n), O_CREAT | O_EXCL | O_RDWR | flags, 0600, &a));
    return q;
}

static void drop(int n, mqd_t q) {
    CHECK_EQ(mq_close(q), 0);
    CHECK_EQ(mq_unlink(queue_name(n)), 0);
}

static long count(mqd_t q) {
    struct mq_attr a;
    CHECK_EQ(mq_getattr(q, &a), 0);
    return a.mq_curmsgs;
}

TEST(names) {
    umask(022);
    mqd_t q = NEED_OK(mq_open(queue_name(1), O_CREAT | O_RDWR, 0666, NULL));
    struct mq_attr a;
    CHECK_EQ(mq_getattr(q, &a), 0);
    CHECK_EQ(a.mq_flags, 0);
    CHECK_EQ(a.mq_maxmsg, 10);
    CHECK_EQ(a.mq_msgsize, 8192);
    CHECK_EQ(a.mq_curmsgs, 0);
    struct stat st;
    CHECK_EQ(fstat(q, &st), 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0644);
    CHECK_EQ(st.st_size, 80);
    CHECK_EQ(st.st_uid, geteuid());
    CHECK_EQ(fcntl(q, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(q, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
    CHECK_ERRNO(mq_open(queue_name(1), O_CREAT | O_EXCL | O_RDWR, 0600, NULL), EEXIST);
    CHECK_ERRNO(mq_open(queue_name(1), O_ACCMODE), EINVAL);
    mqd_t again = CHECK_OK(mq_open(queue_name(1), O_CREAT | O_RDONLY | O_NONBLOCK, 0, NULL));
    CHECK_EQ(mq_getattr(again, &a), 0);
    CHECK_EQ(a.mq_flags, O_NONBLOCK);
    CHECK_EQ(mq_unlink(queue_name(1)), 0);
    CHECK_ERRNO(mq_unlink(queue_name(1)), ENOENT);
    CHECK_ERRNO(mq_open(queue_name(1), O_RDWR), ENOENT);
    CHECK_EQ(fstat(q, &st), 0);
    CHECK_EQ(st.st_nlink, 0);
    CHECK_EQ(mq_send(q, "still", 6, 0), 0); /* while it is open */
    char buf[8192];
    CHECK_EQ(mq_receive(again, buf, sizeof(buf), NULL), 6);
    CHECK_STR(buf, "still");
    CHECK_EQ(mq_close(q), 0);
    CHECK_EQ(mq_close(again), 0);
    CHECK_ERRNO(mq_close(q), EBADF);
    char lengthy[300];
    memset(lengthy, 'x', sizeof(lengthy));
    lengthy[256] = 0;
    CHECK_EQ(sc(SYS_mq_open, lengthy, O_CREAT | O_RDWR, 0600, NULL), -ENAMETOOLONG);
    CHECK_EQ(sc(SYS_mq_open, "", O_CREAT | O_RDWR, 0600, NULL), -ENOENT);
    CHECK_EQ(sc(SYS_mq_open, "a/b", O_CREAT | O_RDWR, 0600, NULL), -EACCES);
    CHECK_EQ(sc(SYS_mq_open, "..", O_CREAT | O_RDWR, 0600, NULL), -EACCES);
    CHECK_EQ(sc(SYS_mq_open, 8, O_CREAT | O_RDWR, 0600, NULL), -EFAULT);
    CHECK_EQ(sc(SYS_mq_open, "x", O_CREAT | O_RDWR, 0600, 8), -EFAULT);
    CHECK_EQ(sc(SYS_mq_unlink, "no such queue"), -ENOENT);
    CHECK_EQ(sc(SYS_mq_unlink, ""), -ENOENT);
    CHECK_EQ(sc(SYS_mq_unlink, 8), -EFAULT);
}

TEST(attributes) {
    struct mq_attr a = {.mq_maxmsg = 0, .mq_msgsize = 10};
    CHECK_ERRNO(mq_open(queue_name(2), O_CREAT | O_RDWR, 0600, &a), EINVAL);
    a = (struct mq_attr){.mq_maxmsg = 10, .mq_msgsize = 0};
    CHECK_ERRNO(mq_open(queue_name(2), O_CREAT | O_RDWR, 0600, &a), EINVAL);
    a = (struct mq_attr){.mq_maxmsg = 65537, .mq_msgsize = 1};
    CHECK_ERRNO(mq_open(queue_name(2), O_CREAT | O_RDWR, 0600, &a), EINVAL);
    a = (struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = (16 << 20) + 1};
    CHECK_ERRNO(mq_open(queue_name(2), O_CREAT | O_RDWR, 0600, &a), EINVAL);
    mqd_t q = make(2, 3, 20, O_NONBLOCK);
    struct mq_attr old;
    a = (struct mq_attr){.mq_flags = 0, .mq_maxmsg = 7};
    CHECK_EQ(mq_setattr(q, &a, &old), 0);
    CHECK_EQ(old.mq_flags, O_NONBLOCK);
    CHECK_EQ(old.mq_maxmsg, 3);
    CHECK_EQ(mq_getattr(q, &old), 0);
    CHECK_EQ(old.mq_flags, 0);
    CHECK_EQ(old.mq_maxmsg, 3);
    CHECK_EQ(fcntl(q, F_GETFL) & O_NONBLOCK, 0);
    a.mq_flags = O_APPEND;
    CHECK_ERRNO(mq_setattr(q, &a, NULL), EINVAL);
    CHECK_ERRNO(mq_getattr(0, &a), EBADF);
    CHECK_ERRNO(mq_getattr(-1, &a), EBADF);
    CHECK_EQ(sc(SYS_mq_getsetattr, q, 8, NULL), -EFAULT);
    CHECK_EQ(sc(SYS_mq_getsetattr, q, NULL, 8), -EFAULT);
    CHECK_EQ(sc(SYS_mq_getsetattr, q, NULL, NULL), 0);
    drop(2, q);
}

TEST(limit) {
    struct rlimit was, now;
    CHECK_EQ(getrlimit(RLIMIT_MSGQUEUE, &was), 0);
    /* exactly what one queue of two messages of 100 bytes takes */
    now = (struct rlimit){2 * 100 + 2 * 48 + 2 * 48, was.rlim_max};
    CHECK_EQ(setrlimit(RLIMIT_MSGQUEUE, &now), 0);
    struct mq_attr a = {.mq_maxmsg = 2, .mq_msgsize = 101};
    CHECK_ERRNO(mq_open(queue_name(3), O_CREAT | O_RDWR, 0600, &a), EMFILE);
    mqd_t q = make(3, 2, 100, 0);
    a = (struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = 1};
    CHECK_ERRNO(mq_open(queue_name(4), O_CREAT | O_RDWR, 0600, &a), EMFILE);
    drop(3, q);
    q = make(4, 1, 1, 0); /* it counts no more */
    drop(4, q);
    CHECK_EQ(setrlimit(RLIMIT_MSGQUEUE, &was), 0);
}

TEST(priorities) {
    mqd_t q = make(5, 6, 20, O_NONBLOCK);
    static const unsigned prio[] = {1, 5, 3, 5, 32767, 1};
    char text[] = "a", buf[20];
    unsigned got;
    for (int i = 0; i < 6; i++, text[0]++)
        CHECK_EQ(mq_send(q, text, 2, prio[i]), 0);
    CHECK_ERRNO(mq_send(q, text, 2, 0), EAGAIN);
    CHECK_EQ(count(q), 6);
    static const char order[] = "ebdcaf";
    for (int i = 0; i < 6; i++) {
        CHECK_EQ(mq_receive(q, buf, 20, &got), 2);
        CHECK_EQ(buf[0], order[i]);
        CHECK_EQ(got, prio[order[i] - 'a']);
    }
    CHECK_ERRNO(mq_receive(q, buf, 20, &got), EAGAIN);
    CHECK_ERRNO(mq_send(q, text, 2, 32768), EINVAL);
    CHECK_ERRNO(mq_send(q, text, 21, 1), EMSGSIZE);
    CHECK_ERRNO(mq_receive(q, buf, 19, NULL), EMSGSIZE);
    CHECK_EQ(mq_send(q, NULL, 0, 1), 0);
    CHECK_EQ(mq_receive(q, buf, 20, NULL), 0);
    CHECK_EQ(sc(SYS_mq_timedsend, q, 8, 5, 0, NULL), -EFAULT);
    CHECK_EQ(sc(SYS_mq_timedsend, q, buf, 5, 0, 8), -EFAULT);
    mq_send(q, "x", 2, 0);
    CHECK_EQ(sc(SYS_mq_timedreceive, q, 8, 20, NULL, NULL), -EFAULT); /* and it is gone */
    CHECK_EQ(count(q), 0);
    mq_send(q, "x", 2, 0);
    CHECK_EQ(sc(SYS_mq_timedreceive, q, buf, 20, 8, NULL), -EFAULT);
    CHECK_EQ(count(q), 0);
    mqd_t in = CHECK_OK(mq_open(queue_name(5), O_RDONLY)), out = CHECK_OK(mq_open(name, O_WRONLY));
    CHECK_ERRNO(mq_send(in, "x", 2, 0), EBADF);
    CHECK_ERRNO(mq_receive(out, buf, 20, NULL), EBADF);
    CHECK_ERRNO(mq_send(0, "x", 2, 0), EBADF);
    CHECK_ERRNO(mq_receive(-1, buf, 20, NULL), EBADF);
    mq_close(in);
    mq_close(out);
    drop(5, q);
}

/* read(2) tells what is in it; nothing can be written. */
TEST(as_a_file) {
    mqd_t q = make(6, 3, 20, O_NONBLOCK);
    char buf[200];
    mq_send(q, "hello", 5, 0);
    mq_send(q, "you", 3, 0);
    ssize_t n = read(q, buf, sizeof(buf) - 1);
    CHECK(n > 0);
    buf[n > 0 ? n : 0] = 0;
    CHECK_STR(buf, "QSIZE:8          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n");
    CHECK_EQ(read(q, buf, 10), 0);
    CHECK_EQ(lseek(q, 6, SEEK_SET), 6);
    CHECK_EQ(read(q, buf, 1), 1);
    CHECK_EQ(buf[0], '8');
    CHECK_ERRNO(write(q, "x", 1), EINVAL);
    snprintf(buf, sizeof(buf), "/proc/self/fd/%d", q);
    char link[100];
    n = readlink(buf, link, sizeof(link) - 1);
    link[n > 0 ? n : 0] = 0;
    CHECK_STR(link, queue_name(6));
    drop(6, q);
}

/* ---- waiting ---- */

struct waiter {
    mqd_t q;
    bool sends;
    const struct timespec* until;
    long result;
    int error;
    char buf[20];
    pthread_t thread;
    volatile bool done;
};
static volatile int started;

static void* wait_thread(void* p) {
    struct waiter* w = p;
    started++;
    if (w->sends)
        w->result =
            w->until ? mq_timedsend(w->q, w->buf, 5, 0, w->until) : mq_send(w->q, w->buf, 5, 0);
    else
        w->result = w->until ? mq_timedreceive(w->q, w->buf, 20, NULL, w->until)
                             : mq_receive(w->q, w->buf, 20, NULL);
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

TEST(blocking) {
    struct waiter w[3];
    char buf[20];
    mqd_t q = make(7, 1, 20, 0);
    for (int i = 0; i < 3; i++) {
        w[i] = (struct waiter){.q = q};
        start(&w[i]);
    }
    for (int i = 0; i < 3; i++) { /* first come, first served */
        buf[0] = 'a' + i;
        CHECK_EQ(mq_send(q, buf, 2, 10 + i), 0);
        finish(&w[i], 2, 0);
        CHECK_EQ(w[i].buf[0], 'a' + i);
        CHECK_EQ(count(q), 0);
    }
    CHECK_EQ(mq_send(q, "zero", 5, 0), 0);
    for (int i = 0; i < 2; i++) {
        w[i] = (struct waiter){.q = q, .sends = true, .buf = "one"};
        w[i].buf[3] = '0' + i;
        start(&w[i]);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(mq_receive(q, buf, 20, NULL), 5);
        CHECK_EQ(buf[3], "o01"[i]);
        if (i < 2)
            finish(&w[i], 0, 0);
    }
    CHECK_EQ(count(q), 0);
    drop(7, q);
}

static struct timespec from_now(long ns) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += ns;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static volatile int handled;
static void on_signal(int sig) {
    handled = sig;
}

TEST(timeouts_and_signals) {
    mqd_t q = make(8, 1, 20, 0);
    char buf[20];
    struct timespec soon = from_now(5000000), past = {1, 0}, bad = {1, 1000000000}, neg = {-1, 0};
    CHECK_ERRNO(mq_timedreceive(q, buf, 20, NULL, &soon), ETIMEDOUT);
    CHECK_ERRNO(mq_timedreceive(q, buf, 20, NULL, &past), ETIMEDOUT);
    CHECK_ERRNO(mq_timedreceive(q, buf, 20, NULL, &bad), EINVAL);
    CHECK_ERRNO(mq_timedreceive(q, buf, 20, NULL, &neg), EINVAL);
    CHECK_EQ(mq_timedsend(q, "a", 2, 0, &past), 0); /* there is room */
    soon = from_now(5000000);
    CHECK_ERRNO(mq_timedsend(q, "a", 2, 0, &soon), ETIMEDOUT);
    CHECK_EQ(count(q), 1);
    for (int round = 0; round < 4; round++) {
        struct sigaction act = {.sa_handler = on_signal, .sa_flags = round % 2 ? SA_RESTART : 0};
        sigaction(SIGUSR1, &act, NULL);
        handled = 0;
        if (round == 2)
            CHECK_EQ(mq_receive(q, buf, 20, NULL), 2);
        struct waiter w = {.q = q, .sends = round < 2, .buf = "sent"};
        start(&w);
        pthread_kill(w.thread, SIGUSR1);
        while (!handled)
            usleep(100);
        if (round % 2 == 0) {
            interrupt(&w);
            finish(&w, -1, EINTR);
        } else if (round == 1) {
            CHECK_EQ(mq_receive(q, buf, 20, NULL), 2);
            finish(&w, 0, 0);
            CHECK_EQ(mq_receive(q, buf, 20, NULL), 5);
            CHECK_EQ(mq_send(q, "a", 2, 0), 0);
        } else {
            CHECK_EQ(mq_send(q, "abc", 4, 0), 0);
            finish(&w, 4, 0);
        }
    }
    drop(8, q);
}

/* ---- readiness ---- */

static int ready(mqd_t q) {
    struct pollfd p = {.fd = q, .events = POLLIN | POLLOUT};
    CHECK(poll(&p, 1, 0) >= 0);
    return p.revents;
}

TEST(readiness) {
    mqd_t q = make(9, 2, 20, O_NONBLOCK), one;
    char buf[20];
    mq_send(q, "x", 2, 0);
    for (int round = 0; round < 2; round++) {
        CHECK_EQ(ready(q), POLLIN | POLLOUT);
        mq_send(q, "x", 2, 0);
        CHECK_EQ(ready(q), POLLIN);
        mq_receive(q, buf, 20, NULL);
        mq_receive(q, buf, 20, NULL);
        CHECK_EQ(ready(q), POLLOUT);
        mq_send(q, "x", 2, 0);
    }
    mq_receive(q, buf, 20, NULL);
    one = make(10, 1, 20, O_NONBLOCK);
    CHECK_EQ(ready(one), POLLOUT);
    mq_send(one, "x", 2, 0);
    CHECK_EQ(ready(one), POLLIN);
    mq_receive(one, buf, 20, NULL);
    CHECK_EQ(ready(one), POLLOUT);
    /* another description of the same queue */
    mqd_t other = CHECK_OK(mq_open(queue_name(9), O_RDWR));
    int ep = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = 7}, got;
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, other, &ev), 0);
    CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
    mq_send(q, "x", 2, 0);
    CHECK_EQ(epoll_wait(ep, &got, 1, 1000), 1);
    CHECK_EQ(got.data.u32, 7);
    CHECK_EQ(got.events, EPOLLIN);
    mq_receive(q, buf, 20, NULL);
    CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
    close(ep);
    mq_close(other);
    mq_close(one);
    mq_unlink(queue_name(10));
    drop(9, q);
}

static void* send_late(void* p) {
    usleep(10000);
    mq_send(*(mqd_t*)p, "late", 5, 0);
    return NULL;
}

TEST(poll_waits) {
    mqd_t q = make(11, 2, 20, 0);
    struct pollfd p = {.fd = q, .events = POLLIN};
    pthread_t t;
    pthread_create(&t, NULL, send_late, &q);
    CHECK_EQ(poll(&p, 1, 10000), 1);
    CHECK_EQ(p.revents, POLLIN);
    pthread_join(t, NULL);
    drop(11, q);
}

/* ---- mq_notify ---- */

static volatile int notified;
static siginfo_t notice;
static void on_notice(int sig, siginfo_t* info, void* context) {
    (void)sig;
    (void)context;
    notice = *info;
    notified++;
}

TEST(notify_by_signal) {
    mqd_t q = make(12, 3, 20, O_NONBLOCK);
    char buf[100];
    struct sigaction act = {.sa_sigaction = on_notice, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR2, &act, NULL);
    struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    e.sigev_value.sival_int = 42;
    CHECK_EQ(mq_notify(q, &e), 0);
    CHECK_ERRNO(mq_notify(q, &e), EBUSY);
    ssize_t n = read(q, buf, sizeof(buf) - 1);
    buf[n > 0 ? n : 0] = 0;
    int kind = -1, signo = -1, pid = -1;
    sscanf(buf, "QSIZE:0 NOTIFY:%d SIGNO:%d NOTIFY_PID:%d", &kind, &signo, &pid);
    CHECK_EQ(kind, SIGEV_SIGNAL);
    CHECK_EQ(signo, SIGUSR2);
    CHECK_EQ(pid, getpid());
    mq_send(q, "1", 2, 0);
    CHECK_EQ(notified, 1);
    CHECK_EQ(notice.si_code, SI_MESGQ);
    CHECK_EQ(notice.si_value.sival_int, 42);
    CHECK_EQ(notice.si_pid, getpid());
    CHECK_EQ(notice.si_uid, getuid());
    mq_send(q, "2", 2, 0); /* once only */
    CHECK_EQ(notified, 1);
    CHECK_EQ(mq_notify(q, &e), 0);
    mq_send(q, "3", 2, 0); /* it was not empty */
    CHECK_EQ(notified, 1);
    while (mq_receive(q, buf, 20, NULL) > 0)
        ;
    mq_send(q, "4", 2, 0);
    CHECK_EQ(notified, 2);
    mq_receive(q, buf, 20, NULL);
    CHECK_EQ(mq_notify(q, &e), 0);
    CHECK_EQ(mq_notify(q, NULL), 0);
    CHECK_EQ(mq_notify(q, NULL), 0);
    mq_send(q, "5", 2, 0);
    CHECK_EQ(notified, 2);
    mq_receive(q, buf, 20, NULL);
    /* a waiting receiver comes first */
    mqd_t block = CHECK_OK(mq_open(queue_name(12), O_RDWR));
    struct waiter w = {.q = block};
    CHECK_EQ(mq_notify(q, &e), 0);
    start(&w);
    mq_send(q, "6", 2, 0);
    finish(&w, 2, 0);
    CHECK_EQ(notified, 2);
    /* closing any descriptor of the queue ends it */
    mq_close(block);
    mq_send(q, "7", 2, 0);
    CHECK_EQ(notified, 2);
    mq_receive(q, buf, 20, NULL);
    e.sigev_notify = SIGEV_NONE;
    CHECK_EQ(mq_notify(q, &e), 0);
    CHECK_ERRNO(mq_notify(q, &e), EBUSY);
    mq_send(q, "8", 2, 0);
    CHECK_EQ(mq_notify(q, &e), 0);
    e.sigev_notify = 77;
    CHECK_ERRNO(mq_notify(q, &e), EINVAL);
    e = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
    CHECK_ERRNO(mq_notify(q, &e), EINVAL);
    e.sigev_signo = SIGUSR2;
    CHECK_ERRNO(mq_notify(0, &e), EBADF);
    CHECK_ERRNO(mq_notify(-1, NULL), EBADF);
    CHECK_EQ(sc(SYS_mq_notify, q, 8), -EFAULT);
    e = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_signo = -1};
    e.sigev_value.sival_ptr = buf;
    CHECK_EQ(sc(SYS_mq_notify, q, &e), -EBADF);
    e.sigev_signo = q;
    CHECK_EQ(sc(SYS_mq_notify, q, &e), -ENOTSOCK);
    e.sigev_value.sival_ptr = (void*)8;
    CHECK_EQ(sc(SYS_mq_notify, q, &e), -EFAULT);
    drop(12, q);
}

static volatile int calls, value;
static void on_message(union sigval v) {
    value = v.sival_int;
    __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
}

TEST(notify_by_thread) {
    mqd_t q = make(13, 3, 20, O_NONBLOCK);
    char buf[20];
    struct sigevent e = {.sigev_notify = SIGEV_THREAD};
    e.sigev_notify_function = on_message;
    for (int i = 1; i <= 20; i++) {
        e.sigev_value.sival_int = i;
        CHECK_EQ(mq_notify(q, &e), 0);
        mq_send(q, "x", 2, 0);
        for (int k = 0; k < 20000 && __atomic_load_n(&calls, __ATOMIC_SEQ_CST) < i; k++)
            usleep(100);
        CHECK_EQ(calls, i);
        CHECK_EQ(value, i);
        mq_receive(q, buf, 20, NULL);
    }
    CHECK_EQ(mq_notify(q, &e), 0);
    CHECK_EQ(mq_notify(q, NULL), 0);
    mq_send(q, "x", 2, 0);
    usleep(5000);
    CHECK_EQ(calls, 20);
    drop(13, q);
}

/* ---- many at once ---- */

enum { THREADS = 3, MESSAGES = 300 };
static mqd_t storm_q;
static int seen[THREADS * MESSAGES];

static void* storm_send(void* p) {
    for (int i = 0; i < MESSAGES; i++) {
        int m = (int)(long)p * MESSAGES + i;
        if (mq_send(storm_q, (char*)&m, sizeof(m), i % 7))
            return (void*)1;
    }
    return NULL;
}

static void* storm_receive(void* p) {
    for (int i = 0; i < MESSAGES; i++) {
        int m[5];
        if (mq_receive(storm_q, (char*)m, 20, NULL) != 4)
            return (void*)1;
        __atomic_add_fetch(&seen[m[0]], 1, __ATOMIC_SEQ_CST);
    }
    return p;
}

TEST(storm) {
    pthread_t s[THREADS], r[THREADS];
    void* ret;
    storm_q = make(14, 4, 20, 0);
    for (long i = 0; i < THREADS; i++) {
        pthread_create(&s[i], NULL, storm_send, (void*)i);
        pthread_create(&r[i], NULL, storm_receive, NULL);
    }
    ready(storm_q);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(s[i], &ret);
        CHECK_EQ(ret, 0);
        pthread_join(r[i], &ret);
        CHECK_EQ(ret, 0);
    }
    int wrong = 0;
    for (int i = 0; i < THREADS * MESSAGES; i++)
        wrong += seen[i] != 1;
    CHECK_EQ(wrong, 0);
    CHECK_EQ(ready(storm_q), POLLOUT);
    drop(14, storm_q);
}
