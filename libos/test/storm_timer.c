/* Timers of every kind at one millisecond, against every call that waits for a time: no wait ends
 * early, none is forgotten, no expiry is lost. */
#include "storm.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#define N 8

static atomic_long alarms, rt, notified;

static void on_alarm(int sig) {
    (void)sig;
    atomic_fetch_add(&alarms, 1);
}

static void on_rt(int sig, siginfo_t* info, void* context) {
    (void)sig, (void)context;
    if (info->si_code == SI_TIMER)
        atomic_fetch_add(&rt, 1 + info->si_overrun);
}

static void on_notify(union sigval v) {
    (void)v;
    atomic_fetch_add(&notified, 1);
}

/* Waits `ns` by one of many calls, starting again what a signal ended, as programs do. */
static void wait_for(struct storm_worker* w, long ns) {
    struct timespec t = {ns / 1000000000, ns % 1000000000}, rem;
    static int word = 0;
    int how = storm_random(w) % 7;
    atomic_store(&w->waiting, how);
    double start = storm_now(), want = ns / 1e9, slack = 0;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ns;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    switch (how) {
        case 0:
            while (nanosleep(&t, &rem)) {
                if (errno != EINTR || rem.tv_sec > t.tv_sec ||
                    (rem.tv_sec == t.tv_sec && rem.tv_nsec > t.tv_nsec + 1000000))
                    STORM_BAD("nanosleep: errno %d", errno);
                t = rem;
            }
            break;
        case 1:
            while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
                ;
            break;
        case 2:
            while (syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, NULL, -1) !=
                       -1 ||
                   errno != ETIMEDOUT)
                if (errno != EINTR && errno != ETIMEDOUT)
                    STORM_BAD("futex: errno %d", errno);
            break;
        case 3: {
            int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
            struct itimerspec its = {.it_value = until};
            timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL);
            struct pollfd p = {fd, POLLIN, 0};
            while (poll(&p, 1, -1) != 1)
                ;
            uint64_t n = 0;
            if (read(fd, &n, 8) != 8 || n != 1)
                STORM_BAD("timerfd: %lu errno %d", n, errno);
            close(fd);
            break;
        }
        case 4: {
            int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), ep = epoll_create1(0);
            struct epoll_event e = {.events = EPOLLIN | EPOLLET};
            epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
            struct itimerspec its = {.it_value = t};
            timerfd_settime(fd, 0, &its, NULL);
            while (epoll_wait(ep, &e, 1, -1) != 1)
                if (errno != EINTR)
                    STORM_BAD("epoll: errno %d", errno);
            uint64_t n = 0;
            if (read(fd, &n, 8) != 8 || n != 1)
                STORM_BAD("timerfd: %lu errno %d", n, errno);
            close(ep);
            close(fd);
            break;
        }
        case 5: {
            struct timespec left = t;
            while (syscall(SYS_pselect6, 0, NULL, NULL, NULL, &left, NULL) == -1)
                if (errno != EINTR)
                    STORM_BAD("pselect: errno %d", errno);
            break;
        }
        default: {
            struct timespec left = t;
            sigset_t none;
            sigemptyset(&none);
            int r;
            while ((r = syscall(SYS_ppoll, NULL, 0, &left, &none, 8)) == -1)
                if (errno != EINTR)
                    STORM_BAD("ppoll: errno %d", errno);
        }
    }
    double took = storm_now() - start;
    if (took < want - slack)
        STORM_BAD("way %d waited %.6f of %.6f s", how, took, want);
    if (took > want + 5)
        STORM_BAD("way %d waited %.3f for %.6f s", how, took, want);
}

static void* sleeper(void* arg) {
    struct storm_worker* w = arg;
    atomic_store(&w->tid, gettid());
    while (!atomic_load(&storm_stop)) {
        wait_for(w, 1000 + storm_random(w) % (storm_random(w) % 4 ? 300000 : 20000000));
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

int main(int argc, char** argv) {
    storm_args(argc, argv);
    struct sigaction a = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &a, NULL);
    struct sigaction b = {.sa_sigaction = on_rt, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN + 1, &b, NULL);

    if (STORM_PART(argc, argv, "sleep"))
        storm_run("sleep", N, sleeper, NULL);

    struct itimerval itv = {{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &itv, NULL);
    timer_t timers[4];
    struct itimerspec its = {{0, 1000000}, {0, 1000000}};
    for (int i = 0; i < 3; i++) {
        struct sigevent ev = {.sigev_notify = i == 2 ? SIGEV_THREAD : SIGEV_SIGNAL,
                              .sigev_signo = SIGRTMIN + 1};
        if (i == 2)
            ev.sigev_notify_function = on_notify;
        STORM_CHECK(!timer_create(i == 1 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &ev, &timers[i]));
        STORM_CHECK(!timer_settime(timers[i], 0, &its, NULL));
    }
    int tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    timerfd_settime(tfd, 0, &its, NULL);
    double start = storm_now();
    if (STORM_PART(argc, argv, "timers"))
        storm_run("timers", N, sleeper, NULL);
    for (int i = 0; i < 3; i++)
        timer_delete(timers[i]);
    struct itimerval off = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &off, NULL);
    uint64_t n = 0;
    double took = storm_now() - start;
    if (read(tfd, &n, 8) != 8 || n + 20 < (uint64_t)(took * 1000) || n > took * 1000 + 20)
        STORM_BAD("timerfd: %lu in %.3f s", n, took);
    if (alarms < took * 20 || rt < took * 1000 || notified < took * 20)
        STORM_BAD("in %.3f s: %ld alarms, %ld signals, %ld threads", took, alarms, rt, notified);
    if (getenv("STORM_VERBOSE"))
        fprintf(stderr, "%.3f s: timerfd %lu, %ld alarms, %ld signals, %ld threads\n", took, n,
                alarms, rt, notified);
    return storm_result();
}
