/* Event files under threads that close, add, remove and wake all at once: nothing is lost, nothing
 * crashes, and every wake-up arrives. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "oracle.h"

#define ROUNDS 2000

static int epoll_fd;
static volatile int stop;

static void* wait_all(void* arg) {
    long* seen = arg;
    struct epoll_event events[4];
    while (!stop) {
        int n = epoll_wait(epoll_fd, events, 4, 5);
        for (int i = 0; i < n; i++) {
            uint64_t v;
            if (read(events[i].data.fd, &v, sizeof(v)) > 0)
                ++*seen;
        }
    }
    return NULL;
}

static void* churn(void* arg) {
    long* failures = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int fd = eventfd(0, EFD_NONBLOCK);
        struct epoll_event e = {.events = EPOLLIN | (i & 1 ? EPOLLET : 0), .data.fd = fd};
        if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
            ++*failures;
        eventfd_write(fd, 1);
        if (i % 3 == 0 && epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL) < 0)
            ++*failures;
        close(fd);
    }
    return NULL;
}

TEST(close_while_waiting) {
    epoll_fd = epoll_create1(0);
    pthread_t waiters[2], churners[3];
    long seen[2] = {0}, failures[3] = {0};
    for (int i = 0; i < 2; i++)
        pthread_create(&waiters[i], NULL, wait_all, &seen[i]);
    for (int i = 0; i < 3; i++)
        pthread_create(&churners[i], NULL, churn, &failures[i]);
    for (int i = 0; i < 3; i++) {
        pthread_join(churners[i], NULL);
        CHECK_EQ(failures[i], 0);
    }
    stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(waiters[i], NULL);
    struct epoll_event e;
    CHECK_EQ(epoll_wait(epoll_fd, &e, 1, 0), 0);
    close(epoll_fd);
}

static int ping[2], pong[2];
static void* echo(void* arg) {
    (void)arg;
    char c;
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};
    epoll_ctl(ep, EPOLL_CTL_ADD, ping[0], &e);
    while (epoll_wait(ep, &e, 1, 10000) == 1 && read(ping[0], &c, 1) == 1) {
        if (write(pong[1], &c, 1) != 1)
            break;
        e.events = EPOLLIN | EPOLLONESHOT;
        epoll_ctl(ep, EPOLL_CTL_MOD, ping[0], &e);
    }
    close(ep);
    return NULL;
}

TEST(one_shot_ping_pong) {
    pthread_t t;
    NEED_OK(pipe(ping));
    NEED_OK(pipe(pong));
    pthread_create(&t, NULL, echo, NULL);
    int lost = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char c = (char)i, got = 0;
        struct pollfd p = {pong[0], POLLIN, 0};
        if (write(ping[1], &c, 1) != 1 || poll(&p, 1, 10000) != 1 || read(pong[0], &got, 1) != 1 ||
            got != c)
            lost++;
    }
    CHECK_EQ(lost, 0);
    close(ping[1]);
    pthread_join(t, NULL);
    close(ping[0]);
    close(pong[0]);
    close(pong[1]);
}

static int storm_fd;
static void* raise_many(void* arg) {
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        kill(getpid(), SIGUSR1);
        if (i % 16 == 0)
            usleep(50);
    }
    kill(getpid(), SIGUSR2);
    return NULL;
}

/* The last signal must be seen by whoever sleeps in poll or epoll_wait, and wakes it. */
static void storm(bool by_epoll) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    storm_fd = NEED_OK(signalfd(-1, &set, SFD_NONBLOCK));
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN | EPOLLET};
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, storm_fd, &e), 0);
    pthread_t t;
    pthread_create(&t, NULL, raise_many, NULL);
    bool last = false;
    int waits = 0;
    while (!last) {
        struct pollfd p = {storm_fd, POLLIN, 0};
        int n = by_epoll ? epoll_wait(ep, &e, 1, 10000) : poll(&p, 1, 10000);
        if (!CHECK_EQ(n, 1))
            break;
        struct signalfd_siginfo info;
        while (read(storm_fd, &info, sizeof(info)) == sizeof(info))
            last |= info.ssi_signo == SIGUSR2;
        waits++;
    }
    CHECK(waits > 0);
    pthread_join(t, NULL);
    struct signalfd_siginfo info;
    while (read(storm_fd, &info, sizeof(info)) > 0)
        continue;
    close(storm_fd);
    close(ep);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

TEST(signal_storm_polled) {
    storm(false);
}

TEST(signal_storm_edge) {
    storm(true);
}

static void* send_descriptors(void* arg) {
    int s = *(int*)arg;
    for (int i = 0; i < 300; i++) {
        int fd = eventfd(i, 0);
        char data[3] = "abc";
        struct iovec v = {data, 1 + i % 3};
        union {
            char buf[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } u;
        struct msghdr m = {
            .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)};
        struct cmsghdr* c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        sendmsg(s, &m, 0);
        close(fd);
    }
    close(s);
    return NULL;
}

/* Each message brings its own descriptor, in order, never two at once. */
TEST(descriptors_in_order) {
    int s[2];
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    pthread_t t;
    pthread_create(&t, NULL, send_descriptors, &s[0]);
    int wrong = 0, n = 0;
    for (;; n++) {
        char data[8];
        struct iovec v = {data, sizeof(data)};
        union {
            char buf[CMSG_SPACE(4 * sizeof(int))];
            struct cmsghdr align;
        } u;
        struct msghdr m = {
            .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)};
        long got = recvmsg(s[1], &m, 0);
        if (got <= 0)
            break;
        struct cmsghdr* c = CMSG_FIRSTHDR(&m);
        int fd = -1;
        uint64_t value = 0;
        if (c && c->cmsg_len == CMSG_LEN(sizeof(int)))
            memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        if (got != 1 + n % 3 || fd < 0 || (n && read(fd, &value, 8) != 8) || value != (uint64_t)n)
            wrong++;
        close(fd);
    }
    CHECK_EQ(n, 300);
    CHECK_EQ(wrong, 0);
    pthread_join(t, NULL);
    close(s[1]);
}
