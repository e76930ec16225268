/* epoll (level, edge, one-shot, exclusive, nested), poll, select, timerfd, signalfd, inotify. */
#include "oracle.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

static int p[2];

static int wait_one(int ep, struct epoll_event* e) {
    return epoll_wait(ep, e, 1, 0);
}
static void fresh_pipe(void) {
    if (p[1]) {
        close(p[0]);
        close(p[1]);
    }
    if (pipe2(p, O_NONBLOCK))
        abort();
}
static char c[64];

TEST(levels) {
    fresh_pipe();
    int ep = NEED_OK(epoll_create1(EPOLL_CLOEXEC));
    struct epoll_event e = {EPOLLIN, {.u64 = 0x1234567890abcdef}}, out[4];
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), EEXIST);
    CHECK_EQ(wait_one(ep, out), 0);
    write(p[1], "xy", 2);
    CHECK_EQ(wait_one(ep, out), 1);
    CHECK_EQ(out[0].events, EPOLLIN);
    CHECK_EQ(out[0].data.u64, 0x1234567890abcdef);
    read(p[0], c, 1);
    CHECK_EQ(wait_one(ep, out), 1);
    read(p[0], c, 1);
    CHECK_EQ(wait_one(ep, out), 0);
    e.events = EPOLLOUT;
    e.data.u64 = 2;
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], &e));
    CHECK_EQ(wait_one(ep, out), 1);
    CHECK_EQ(out[0].events, EPOLLOUT);
    e.events = 0;
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &e));
    CHECK_EQ(wait_one(ep, out), 0);
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL));
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL), ENOENT);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &e), ENOENT);
    /* closing takes it out; hang-up is always told */
    close(p[1]);
    CHECK_EQ(wait_one(ep, out), 1);
    CHECK_EQ(out[0].events, EPOLLHUP);
    close(p[0]);
    CHECK_EQ(wait_one(ep, out), 0);
    p[1] = 0;
    close(ep);
}

TEST(edges) {
    fresh_pipe();
    int ep = NEED_OK(epoll_create1(0));
    struct epoll_event e = {EPOLLIN | EPOLLET, {.u64 = 1}}, out;
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    write(p[1], "a", 1);
    CHECK_EQ(wait_one(ep, &out), 1);
    CHECK_EQ(wait_one(ep, &out), 0); /* nothing new */
    write(p[1], "b", 1);
    CHECK_EQ(wait_one(ep, &out), 1);
    read(p[0], c, 1);
    CHECK_EQ(wait_one(ep, &out), 0);
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e)); /* looks again */
    CHECK_EQ(wait_one(ep, &out), 1);
    read(p[0], c, 64);
    e.events = EPOLLIN | EPOLLONESHOT;
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    write(p[1], "a", 1);
    CHECK_EQ(wait_one(ep, &out), 1);
    write(p[1], "b", 1);
    CHECK_EQ(wait_one(ep, &out), 0);
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e));
    CHECK_EQ(wait_one(ep, &out), 1);
    close(ep);
    int ev = eventfd(0, EFD_NONBLOCK);
    ep = epoll_create1(0);
    e.events = EPOLLIN | EPOLLET;
    epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e);
    uint64_t one = 1;
    for (int i = 0; i < 3; i++) {
        write(ev, &one, 8);
        CHECK_EQ(wait_one(ep, &out), 1); /* each write is an edge, read or not */
        CHECK_EQ(wait_one(ep, &out), 0);
    }
    close(ev);
    close(ep);
}

TEST(epoll_errors) {
    fresh_pipe();
    int ep = NEED_OK(epoll_create(1)), file = open("regular", O_RDWR | O_CREAT, 0600);
    struct epoll_event e = {EPOLLIN, {.u64 = 1}}, out;
    CHECK_ERRNO(epoll_create(0), EINVAL);
    CHECK_ERRNO(epoll_create1(1), EINVAL);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, file, &e), EPERM);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e), EINVAL);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, 999, &e), EBADF);
    CHECK_ERRNO(epoll_ctl(999, EPOLL_CTL_ADD, p[0], &e), EBADF);
    CHECK_ERRNO(epoll_ctl(p[0], EPOLL_CTL_ADD, p[0], &e), EINVAL);
    CHECK_ERRNO(epoll_ctl(ep, 9, p[0], &e), EINVAL);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], (void*)8), EFAULT);
    CHECK_ERRNO(epoll_wait(ep, &out, 0, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(ep, &out, -1, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(p[0], &out, 1, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(999, &out, 1, 0), EBADF);
    e.events = EPOLLIN | EPOLLEXCLUSIVE;
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e), EINVAL);
    e.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], &e), EINVAL);
    write(p[1], "x", 1);
    CHECK_ERRNO(epoll_wait(ep, (void*)8, 1, 0), EFAULT);
    CHECK_EQ(epoll_wait(ep, &out, 1, -1), 1);
    close(file);
    close(ep);
}

TEST(nested) {
    fresh_pipe();
    int inner = epoll_create1(0), outer = epoll_create1(0);
    struct epoll_event e = {EPOLLIN, {.u64 = 7}}, out;
    CHECK_OK(epoll_ctl(inner, EPOLL_CTL_ADD, p[0], &e));
    e.data.u64 = 8;
    CHECK_OK(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &e));
    CHECK_ERRNO(epoll_ctl(inner, EPOLL_CTL_ADD, outer, &e), ELOOP);
    CHECK_EQ(wait_one(outer, &out), 0);
    write(p[1], "x", 1);
    CHECK_EQ(wait_one(outer, &out), 1);
    CHECK_EQ(out.data.u64, 8);
    struct pollfd pf = {inner, POLLIN, 0};
    CHECK_EQ(poll(&pf, 1, 0), 1);
    CHECK_EQ(wait_one(inner, &out), 1);
    CHECK_EQ(out.data.u64, 7);
    close(inner);
    close(outer);
}

TEST(many_and_fair) {
    int ep = epoll_create1(0), ev[50];
    struct epoll_event e = {.events = EPOLLIN}, out[100];
    for (int i = 0; i < 50; i++) {
        ev[i] = eventfd(1, EFD_NONBLOCK);
        e.data.u32 = i;
        CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, ev[i], &e));
    }
    CHECK_EQ(epoll_wait(ep, out, 100, 0), 50);
    bool seen[50] = {false};
    for (int round = 0; round < 10; round++) {
        CHECK_EQ(epoll_wait(ep, out, 5, 0), 5); /* each gets its turn */
        for (int i = 0; i < 5; i++)
            seen[out[i].data.u32] = true;
    }
    int n = 0;
    for (int i = 0; i < 50; i++) {
        n += seen[i];
        close(ev[i]);
    }
    CHECK_EQ(n, 50);
    CHECK_EQ(epoll_wait(ep, out, 100, 0), 0);
    /* the same file by two descriptors */
    fresh_pipe();
    int d = dup(p[0]);
    e.data.u32 = 1;
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
    e.data.u32 = 2;
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, d, &e));
    write(p[1], "x", 1);
    CHECK_EQ(epoll_wait(ep, out, 10, 0), 2);
    close(d); /* the file is still open: both entries stay */
    CHECK_EQ(epoll_wait(ep, out, 10, 0), 2);
    close(ep);
}

static void* wake_later(void* arg) {
    usleep(10000);
    write(*(int*)arg, "w", 1);
    return NULL;
}
TEST(sleeping_waits) {
    fresh_pipe();
    pthread_t t;
    int ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN, {.u64 = 1}}, out;
    epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e);
    pthread_create(&t, NULL, wake_later, &p[1]);
    CHECK_EQ(epoll_wait(ep, &out, 1, 5000), 1);
    pthread_join(t, NULL);
    read(p[0], c, 1);
    pthread_create(&t, NULL, wake_later, &p[1]);
    struct pollfd pf = {p[0], POLLIN, 0};
    CHECK_EQ(poll(&pf, 1, 5000), 1);
    pthread_join(t, NULL);
    read(p[0], c, 1);
    pthread_create(&t, NULL, wake_later, &p[1]);
    fcntl(p[0], F_SETFL, 0);
    CHECK_EQ(read(p[0], c, 1), 1);
    pthread_join(t, NULL);
    CHECK_EQ(epoll_wait(ep, &out, 1, 5), 0);
    close(ep);
}

TEST(polling) {
    fresh_pipe();
    int file = open("regular", O_RDWR | O_CREAT, 0600);
    struct pollfd f[5] = {{p[0], POLLIN, 9},
                          {p[1], POLLOUT | POLLIN, 9},
                          {-5, POLLIN, 9},
                          {999, POLLIN, 9},
                          {file, POLLIN | POLLOUT | POLLPRI, 9}};
    CHECK_EQ(poll(f, 5, 0), 3);
    CHECK_EQ(f[0].revents, 0);
    CHECK_EQ(f[1].revents, POLLOUT);
    CHECK_EQ(f[2].revents, 0);
    CHECK_EQ(f[3].revents, POLLNVAL);
    CHECK_EQ(f[4].revents, POLLIN | POLLOUT);
    write(p[1], "x", 1);
    CHECK_EQ(poll(f, 1, -1), 1);
    CHECK_EQ(f[0].revents, POLLIN);
    close(p[0]);
    CHECK_EQ(poll(f + 1, 1, 0), 1);
    CHECK_EQ(f[1].revents, POLLOUT | POLLERR);
    close(p[1]);
    p[1] = 0;
    CHECK_EQ(poll(NULL, 0, 1), 0);
    CHECK_ERRNO(poll((void*)8, 1, 0), EFAULT);
    CHECK_EQ(sc(SYS_poll, f, 1 << 30, 0), -EINVAL);
    struct timespec bad = {0, 1000000000};
    CHECK_ERRNO(ppoll(f, 1, &bad, NULL), EINVAL);
    close(file);
}

TEST(selecting) {
    fresh_pipe();
    fd_set r, w, x;
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_ZERO(&x);
    FD_SET(p[0], &r);
    FD_SET(p[1], &w);
    FD_SET(p[0], &x);
    struct timeval tv = {0, 0};
    CHECK_EQ(select(p[1] + 1, &r, &w, &x, &tv), 1);
    CHECK(!FD_ISSET(p[0], &r) && FD_ISSET(p[1], &w) && !FD_ISSET(p[0], &x));
    write(p[1], "x", 1);
    FD_SET(p[0], &r);
    tv = (struct timeval){10, 0};
    CHECK_EQ(select(p[1] + 1, &r, &w, NULL, &tv), 2);
    CHECK(tv.tv_sec == 9 || tv.tv_sec == 10); /* Linux writes what is left */
    FD_ZERO(&r);
    FD_SET(60, &r);
    tv = (struct timeval){0, 0};
    CHECK_ERRNO(select(61, &r, NULL, NULL, &tv), EBADF);
    CHECK_ERRNO(select(-1, NULL, NULL, NULL, &tv), EINVAL);
    tv.tv_usec = -1;
    CHECK_ERRNO(select(0, NULL, NULL, NULL, &tv), EINVAL);
    tv = (struct timeval){0, 1000};
    CHECK_EQ(select(0, NULL, NULL, NULL, &tv), 0);
    struct timespec ts = {0, 1000};
    CHECK_EQ(pselect(0, NULL, NULL, NULL, &ts, NULL), 0);
    CHECK_EQ(sc(SYS_select, 10, 8, 0, 0, &tv), -EFAULT);
}

TEST(timers_as_files) {
    int fd = NEED_OK(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    uint64_t n = 0;
    CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
    struct itimerspec t = {{0, 1000000}, {0, 2000000}}, old;
    CHECK_OK(timerfd_settime(fd, 0, &t, &old));
    CHECK_EQ(old.it_value.tv_nsec, 0);
    struct pollfd pf = {fd, POLLIN, 0};
    CHECK_EQ(poll(&pf, 1, 2000), 1);
    usleep(5000);
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK(n >= 2);
    CHECK_OK(timerfd_gettime(fd, &t));
    CHECK_EQ(t.it_interval.tv_nsec, 1000000);
    CHECK_ERRNO(read(fd, &n, 4), EINVAL);
    memset(&t, 0, sizeof(t));
    CHECK_OK(timerfd_settime(fd, 0, &t, &old));
    CHECK_EQ(old.it_interval.tv_nsec, 1000000);
    CHECK_EQ(poll(&pf, 1, 3), 0);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    t.it_value = now; /* a time gone by: at once */
    CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
    CHECK_EQ(poll(&pf, 1, 2000), 1);
    CHECK_EQ(read(fd, &n, 8), 8);
    CHECK_EQ(n, 1);
    t.it_value.tv_nsec = 1000000000;
    CHECK_ERRNO(timerfd_settime(fd, 0, &t, NULL), EINVAL);
    t.it_value.tv_nsec = 0;
    CHECK_ERRNO(timerfd_settime(fd, 0x100, &t, NULL), EINVAL);
    CHECK_ERRNO(timerfd_create(99, 0), EINVAL);
    CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    CHECK_ERRNO(timerfd_settime(0, 0, &t, NULL), EINVAL);
    CHECK_ERRNO(timerfd_settime(999, 0, &t, NULL), EBADF);
    CHECK_ERRNO(write(fd, &n, 8), EINVAL);
    close(fd);
}

TEST(signals_as_files) {
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    sigaddset(&s, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &s, NULL);
    int fd = NEED_OK(signalfd(-1, &s, SFD_NONBLOCK | SFD_CLOEXEC));
    struct signalfd_siginfo i[4];
    CHECK_ERRNO(read(fd, i, sizeof(i)), EAGAIN);
    struct pollfd pf = {fd, POLLIN, 0};
    CHECK_EQ(poll(&pf, 1, 0), 0);
    kill(getpid(), SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 77});
    CHECK_EQ(poll(&pf, 1, 0), 1);
    CHECK_EQ(read(fd, i, sizeof(i)), 2 * sizeof(i[0]));
    CHECK_EQ(i[0].ssi_signo, SIGUSR1);
    CHECK_EQ(i[0].ssi_code, SI_USER);
    CHECK_EQ(i[0].ssi_pid, getpid());
    CHECK_EQ(i[1].ssi_signo, SIGRTMIN);
    CHECK_EQ(i[1].ssi_int, 77);
    CHECK_ERRNO(read(fd, i, 10), EINVAL);
    sigdelset(&s, SIGRTMIN);
    CHECK_EQ(signalfd(fd, &s, 0), fd);
    sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 78});
    CHECK_ERRNO(read(fd, i, sizeof(i)), EAGAIN);
    struct timespec zero = {0, 0};
    sigaddset(&s, SIGRTMIN);
    CHECK_EQ(sigtimedwait(&s, NULL, &zero), SIGRTMIN);
    CHECK_ERRNO(signalfd(0, &s, 0), EINVAL);
    CHECK_ERRNO(signalfd(999, &s, 0), EBADF);
    CHECK_ERRNO(signalfd(-1, &s, 1), EINVAL);
    CHECK_EQ(sc(SYS_signalfd4, -1, &s, 4, 0), -EINVAL);
    close(fd);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
}

static void drain_events(int fd) {
    char buf[4096] __attribute__((aligned(8)));
    long n;
    while ((n = read(fd, buf, sizeof(buf))) > 0)
        for (char* at = buf; at < buf + n;) {
            struct inotify_event* e = (void*)at;
            say("event 0x%x %s%s\n", e->mask, e->len ? e->name : "-", e->cookie ? " cookie" : "");
            at += sizeof(*e) + e->len;
        }
}

TEST(file_watches) {
    mkdir("watched", 0755);
    int fd = NEED_OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    int w = CHECK_OK(inotify_add_watch(
        fd, "watched", IN_CREATE | IN_DELETE | IN_MOVE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB));
    CHECK_ERRNO(read(fd, c, sizeof(c)), EAGAIN);
    int f = open("watched/new", O_RDWR | O_CREAT, 0600);
    write(f, "x", 1);
    close(f);
    chmod("watched/new", 0640);
    rename("watched/new", "watched/moved");
    unlink("watched/moved");
    mkdir("watched/sub", 0755);
    struct pollfd pf = {fd, POLLIN, 0};
    CHECK_EQ(poll(&pf, 1, 1000), 1);
    drain_events(fd);
    CHECK_EQ(inotify_add_watch(fd, "watched", IN_DELETE_SELF), w); /* replaces the mask */
    CHECK_OK(inotify_rm_watch(fd, w));
    drain_events(fd); /* IN_IGNORED */
    CHECK_ERRNO(inotify_rm_watch(fd, w), EINVAL);
    CHECK_ERRNO(inotify_add_watch(fd, "none", IN_CREATE), ENOENT);
    CHECK_ERRNO(inotify_add_watch(fd, "watched", 0), EINVAL);
    CHECK_ERRNO(inotify_add_watch(0, "watched", IN_CREATE), EINVAL);
    CHECK_ERRNO(inotify_add_watch(fd, "regular", IN_CREATE | IN_ONLYDIR), ENOTDIR);
    CHECK_ERRNO(inotify_init1(1), EINVAL);
    close(fd);
}
