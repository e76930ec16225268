/* Pipes, eventfds and epoll between threads: every byte and every edge arrives. */
#include "storm.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define N 8

/* Pairs play ping-pong with a counter; each pair waits in its own way and nobody has a timeout. */
static int to[N][2], efd[N];

static void ready(struct storm_worker* w, int fd, int ep) {
    struct epoll_event e;
    struct pollfd p = {fd, POLLIN, 0};
    fd_set set;
    atomic_store(&w->waiting, w->index);
    switch (w->index / 2) {
        case 0:
            break; /* a blocking read */
        case 1:
            while (epoll_wait(ep, &e, 1, -1) != 1)
                STORM_CHECK(errno == EINTR);
            break;
        case 2:
            while (poll(&p, 1, -1) != 1)
                STORM_CHECK(errno == EINTR);
            break;
        default:
            do {
                FD_ZERO(&set);
                FD_SET(fd, &set);
            } while (select(fd + 1, &set, NULL, NULL, NULL) != 1);
    }
}

static void* ponger(void* arg) {
    struct storm_worker* w = arg;
    int in = to[w->index][0], out = to[w->index ^ 1][1], ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN};
    epoll_ctl(ep, EPOLL_CTL_ADD, in, &e);
    unsigned long n = 0;
    if (w->index % 2 == 0)
        STORM_CHECK(write(out, &n, 8) == 8);
    for (;;) {
        unsigned long got = 0;
        ready(w, in, ep);
        ssize_t r = read(in, &got, 8);
        if (!r)
            break;
        if (r != 8 || (got != n && got != n + 1))
            STORM_BAD("read %zd, %lu after %lu", r, got, n);
        n = got + 1;
        atomic_fetch_add(&w->progress, 1);
        if (atomic_load(&storm_stop) && w->index % 2 == 0)
            break;
        if (write(out, &n, 8) != 8)
            STORM_BAD("write: errno %d", errno);
    }
    close(out);
    close(ep);
    return NULL;
}

/* Several threads in one epoll set, edge-triggered and one-shot; eventfd counts must add up. */
static int shared_epoll;
static atomic_ulong added, received;
static atomic_int adders;

static void* eventer(void* arg) {
    struct storm_worker* w = arg;
    if (w->index < 4) {
        while (!atomic_load(&storm_stop)) {
            uint64_t v = 1 + storm_random(w) % 3;
            int i = storm_random(w) % N;
            if (write(efd[i], &v, 8) != 8)
                STORM_BAD("eventfd write: errno %d", errno);
            atomic_fetch_add(&added, v);
            atomic_fetch_add(&w->progress, 1);
            if (storm_random(w) % 4 == 0) /* nobody looks at it twice unless an event comes */
                while (atomic_load(&added) != atomic_load(&received) && !atomic_load(&storm_stop))
                    sched_yield();
        }
        atomic_fetch_sub(&adders, 1);
        return NULL;
    }
    for (;;) {
        struct epoll_event e[3];
        int r = epoll_wait(shared_epoll, e, 3, 10);
        atomic_fetch_add(&w->progress, 1);
        if (r < 0)
            STORM_BAD("epoll_wait: errno %d", errno);
        for (int i = 0; i < r; i++) {
            uint64_t v;
            int at = e[i].data.u32;
            if (read(efd[at], &v, 8) == 8)
                atomic_fetch_add(&received, v);
            else if (errno != EAGAIN)
                STORM_BAD("eventfd read: errno %d", errno);
            if (at % 2) {
                struct epoll_event again = {.events = EPOLLIN | EPOLLONESHOT, .data.u32 = at};
                if (epoll_ctl(shared_epoll, EPOLL_CTL_MOD, efd[at], &again))
                    STORM_BAD("epoll_ctl: errno %d", errno);
            }
        }
        if (!r && !atomic_load(&adders) && atomic_load(&added) == atomic_load(&received))
            return NULL;
    }
}

/* Members join and leave an epoll set that others wait in. */
static void* joiner(void* arg) {
    struct storm_worker* w = arg;
    while (!atomic_load(&storm_stop)) {
        if (w->index < 3) {
            struct epoll_event e[4];
            int r = epoll_wait(shared_epoll, e, 4, 5);
            if (r < 0)
                STORM_BAD("epoll_wait: errno %d", errno);
        } else {
            int p[2];
            if (storm_random(w) % 2 ? pipe(p) : socketpair(AF_UNIX, SOCK_STREAM, 0, p)) {
                STORM_BAD("pipe: errno %d", errno);
                break;
            }
            struct epoll_event e = {.events = EPOLLIN, .data.u32 = p[0]};
            STORM_CHECK(!epoll_ctl(shared_epoll, EPOLL_CTL_ADD, p[0], &e));
            STORM_CHECK(write(p[1], "x", 1) == 1);
            if (storm_random(w) % 2)
                STORM_CHECK(!epoll_ctl(shared_epoll, EPOLL_CTL_DEL, p[0], NULL));
            int first = storm_random(w) % 2;
            close(p[first]);
            close(p[!first]);
        }
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

int main(int argc, char** argv) {
    storm_args(argc, argv);
    if (STORM_PART(argc, argv, "pong")) {
        for (int i = 0; i < N; i++)
            STORM_CHECK(!(i % 4 < 2 ? pipe(to[i]) : socketpair(AF_UNIX, SOCK_STREAM, 0, to[i])));
        storm_run("pong", N, ponger, NULL);
    }
    shared_epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < N; i++) {
        efd[i] = eventfd(0, EFD_NONBLOCK);
        struct epoll_event e = {.events = EPOLLIN | (i % 2 ? EPOLLONESHOT : EPOLLET),
                                .data.u32 = i};
        STORM_CHECK(!epoll_ctl(shared_epoll, EPOLL_CTL_ADD, efd[i], &e));
    }
    if (STORM_PART(argc, argv, "events")) {
        adders = 4;
        storm_run("events", N, eventer, NULL);
        if (added != received)
            STORM_BAD("%lu added, %lu received", added, received);
    }
    if (STORM_PART(argc, argv, "join"))
        storm_run("join", N, joiner, NULL);
    return storm_result();
}
