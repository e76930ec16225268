/* Which calls a handler with SA_RESTART restarts, and which always end with EINTR. */
#include "oracle.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>

static volatile int handled;
static int pipes[2], sockets[2], event_fd, epoll_fd;
static pthread_t main_thread;
static int word;

static void handler(int signo) {
    (void)signo;
    handled++;
}

/* Sends SIGUSR1 to the main thread until it is handled, then makes what it waits for happen. */
static void* disturb(void* finish) {
    struct timespec t = {0, 3000000};
    while (!handled) {
        nanosleep(&t, NULL);
        if (!handled)
            pthread_kill(main_thread, SIGUSR1);
        nanosleep(&t, NULL);
    }
    t.tv_nsec = 10000000;
    nanosleep(&t, NULL);
    if (finish)
        ((void (*)(void))finish)();
    return NULL;
}

static void set_handler(int flags) {
    struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
    sigaction(SIGUSR1, &sa, NULL);
}

/* The result of call() when a handler runs during it: value, or -errno. */
static long during(long (*call)(void), void (*finish)(void), int flags) {
    pthread_t t;
    main_thread = pthread_self();
    handled = 0;
    set_handler(flags);
    pthread_create(&t, NULL, disturb, finish);
    long r = call();
    if (r == -1)
        r = -errno;
    pthread_join(t, NULL);
    return r;
}

static void write_pipe(void) {
    write(pipes[1], "x", 1);
}
static void write_socket(void) {
    write(sockets[1], "x", 1);
}
static void write_event(void) {
    uint64_t one = 1;
    write(event_fd, &one, 8);
}
static void wake_word(void) {
    word = 1;
    sc(SYS_futex, &word, FUTEX_WAKE, 1);
}

static long read_pipe(void) {
    char c;
    return read(pipes[0], &c, 1);
}
static long readv_socket(void) {
    char c;
    return read(sockets[0], &c, 1);
}
static long recv_socket(void) {
    char c;
    return recv(sockets[0], &c, 1, 0);
}
static long read_event(void) {
    uint64_t v;
    return read(event_fd, &v, 8);
}
static long do_poll(void) {
    struct pollfd p = {pipes[0], POLLIN, 0};
    return poll(&p, 1, 5000);
}
static long do_select(void) {
    fd_set s;
    FD_ZERO(&s);
    FD_SET(pipes[0], &s);
    return select(pipes[0] + 1, &s, NULL, NULL, NULL);
}
static long do_epoll(void) {
    struct epoll_event e;
    return epoll_wait(epoll_fd, &e, 1, 5000);
}
static long do_futex(void) {
    word = 0;
    long r = sc(SYS_futex, &word, FUTEX_WAIT, 0, 0);
    return r == -EAGAIN ? 0 : r; /* restarted after the word had changed */
}
static long do_futex_timeout(void) {
    struct timespec t = {5, 0};
    word = 0;
    long r = sc(SYS_futex, &word, FUTEX_WAIT, 0, &t);
    return r == -EAGAIN ? 0 : r;
}
static struct timespec remaining;
static long do_nanosleep(void) {
    struct timespec t = {5, 0};
    return nanosleep(&t, &remaining);
}
static long do_abs_sleep(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 5;
    return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
static long do_pause(void) {
    return pause();
}
static long do_sigwait(void) {
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR2);
    return sigwaitinfo(&s, NULL);
}

TEST(restarted) {
    NEED_OK(pipe(pipes));
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
    event_fd = eventfd(0, 0);
    CHECK_EQ(during(read_pipe, write_pipe, SA_RESTART), 1);
    CHECK_EQ(during(readv_socket, write_socket, SA_RESTART), 1);
    CHECK_EQ(during(recv_socket, write_socket, SA_RESTART), 1);
    CHECK_EQ(during(read_event, write_event, SA_RESTART), 8);
    CHECK_EQ(during(do_futex, wake_word, SA_RESTART), 0);
}

TEST(interrupted_without_the_flag) {
    CHECK_EQ(during(read_pipe, NULL, 0), -EINTR);
    CHECK_EQ(during(readv_socket, NULL, 0), -EINTR);
    CHECK_EQ(during(recv_socket, NULL, 0), -EINTR);
    CHECK_EQ(during(read_event, NULL, 0), -EINTR);
    CHECK_EQ(during(do_futex, NULL, 0), -EINTR);
}

TEST(never_restarted) {
    epoll_fd = epoll_create1(0);
    for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
        CHECK_EQ(during(do_poll, NULL, flags), -EINTR);
        CHECK_EQ(during(do_select, NULL, flags), -EINTR);
        CHECK_EQ(during(do_epoll, NULL, flags), -EINTR);
        CHECK_EQ(during(do_pause, NULL, flags), -EINTR);
        CHECK_EQ(during(do_futex_timeout, NULL, flags), -EINTR);
        CHECK_EQ(during(do_sigwait, NULL, flags), -EINTR);
        CHECK_EQ(during(do_nanosleep, NULL, flags), -EINTR);
        CHECK(remaining.tv_sec == 4 && remaining.tv_nsec > 0);
        CHECK_EQ(during(do_abs_sleep, NULL, flags), -EINTR);
    }
}

static long timed_recv(void) {
    struct timeval tv = {5, 0};
    setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    char c;
    long r = recv(sockets[0], &c, 1, 0);
    int e = errno;
    tv.tv_sec = 0;
    setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    errno = e;
    return r;
}

TEST(socket_with_a_timeout) {
    CHECK_EQ(during(timed_recv, NULL, SA_RESTART), -EINTR);
}

/* Ignored signals and those whose default is to be ignored do not interrupt anything. */
static void* send_ignored(void* p) {
    (void)p;
    struct timespec t = {0, 5000000};
    nanosleep(&t, NULL);
    pthread_kill(main_thread, SIGUSR2);
    pthread_kill(main_thread, SIGCHLD);
    nanosleep(&t, NULL);
    write_pipe();
    return NULL;
}

TEST(ignored_do_not_interrupt) {
    pthread_t t;
    signal(SIGUSR2, SIG_IGN);
    main_thread = pthread_self();
    struct pollfd p = {pipes[0], POLLIN, 0};
    pthread_create(&t, NULL, send_ignored, NULL);
    CHECK_EQ(poll(&p, 1, 5000), 1);
    pthread_join(t, NULL);
    CHECK_EQ(read_pipe(), 1);
    signal(SIGUSR2, SIG_DFL);
}

/* ppoll, pselect and epoll_pwait swap the mask for the wait. */
TEST(masks_for_the_wait) {
    sigset_t block, none, now;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, NULL);
    set_handler(SA_RESTART);
    struct pollfd p = {pipes[0], POLLIN, 0};
    fd_set s;
    FD_ZERO(&s);
    FD_SET(pipes[0], &s);
    struct epoll_event e;
    handled = 0;
    raise(SIGUSR1);
    CHECK_EQ(handled, 0);
    CHECK_ERRNO(ppoll(&p, 1, NULL, &none), EINTR);
    CHECK_EQ(handled, 1);
    raise(SIGUSR1);
    CHECK_ERRNO(pselect(pipes[0] + 1, &s, NULL, NULL, NULL, &none), EINTR);
    CHECK_EQ(handled, 2);
    raise(SIGUSR1);
    CHECK_ERRNO(epoll_pwait(epoll_fd, &e, 1, 5000, &none), EINTR);
    CHECK_EQ(handled, 3);
    sigprocmask(SIG_SETMASK, NULL, &now);
    CHECK_EQ(sigismember(&now, SIGUSR1), 1);
    /* what is ready wins: then the signal stays blocked and pending */
    write_pipe();
    raise(SIGUSR1);
    int r = ppoll(&p, 1, NULL, &none);
    say("ready and pending: %d, handled %d\n", r, handled);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    read_pipe();
    struct timespec zero = {0, 0};
    CHECK_EQ(ppoll(&p, 1, &zero, &none), 0);
    CHECK_EQ(sc(SYS_ppoll, &p, 1, &zero, &none, 4), -EINVAL);
    CHECK_EQ(sc(SYS_epoll_pwait, epoll_fd, &e, 1, 0, &none, 4), -EINVAL);
}

/* A partial write interrupted gives the count so far. */
static long write_much(void) {
    static char big[1 << 18];
    return write(pipes[1], big, sizeof(big));
}
TEST(partial_write) {
    long room = fcntl(pipes[1], F_GETPIPE_SZ);
    CHECK_EQ(during(write_much, NULL, SA_RESTART), room);
    char c[4096];
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    long n, total = 0;
    while ((n = read(pipes[0], c, sizeof(c))) > 0)
        total += n;
    CHECK_EQ(total, room);
}

/* restart_syscall(2) is for the kernel itself; a program that calls it has nothing to restart. */
TEST(restart_by_hand) {
    struct timespec ts = {0, 1000000};
    CHECK_EQ(sc(SYS_restart_syscall), -EINTR);
    CHECK_EQ(nanosleep(&ts, NULL), 0);
    CHECK_EQ(sc(SYS_restart_syscall), -EINTR);
}
