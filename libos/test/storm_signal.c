/* Signals between threads, in every kind of wait: none lost, none twice, no call disturbed. */
#include "storm.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#define N 8

/* Ping: a worker signals its neighbour and waits for the answer of its handler; the neighbour may
 * be in any call or have the signal blocked for a moment. */
static struct {
    atomic_ulong asked, answered;
    char pad[64];
} ping[N];
static __thread struct storm_worker* self;
static int never[2]; /* a pipe that stays empty */

static void on_ping(int sig, siginfo_t* info, void* context) {
    (void)sig, (void)context;
    int saved = errno;
    if (info->si_code != SI_TKILL || info->si_pid != getpid())
        STORM_BAD("siginfo: code %d pid %d", info->si_code, info->si_pid);
    if (self)
        atomic_fetch_add(&ping[self->index].answered, 1);
    errno = saved;
}

static void wait_somehow(struct storm_worker* w) {
    struct timespec t = {0, 300 * 1000};
    char c;
    static int word = 0;
    int how = storm_random(w) % 9;
    atomic_store(&w->waiting, how);
    switch (how) {
        case 0:
            nanosleep(&t, NULL);
            break;
        case 1: {
            struct pollfd p = {never[0], POLLIN, 0};
            ppoll(&p, 1, &t, NULL);
            break;
        }
        case 2:
            syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0);
            break;
        case 3: {
            sigset_t mask, old;
            sigemptyset(&mask);
            sigaddset(&mask, SIGUSR1);
            pthread_sigmask(SIG_BLOCK, &mask, &old);
            sched_yield();
            pthread_sigmask(SIG_SETMASK, &old, NULL);
            break;
        }
        case 4: {
            fd_set set;
            FD_ZERO(&set);
            FD_SET(never[0], &set);
            struct timeval v = {0, 300};
            select(never[0] + 1, &set, NULL, NULL, &v);
            break;
        }
        case 5: {
            sigset_t mask, old;
            sigemptyset(&mask);
            sigaddset(&mask, SIGUSR1);
            pthread_sigmask(SIG_BLOCK, &mask, &old);
            struct pollfd p = {never[0], POLLIN, 0};
            ppoll(&p, 1, &t, &old);
            pthread_sigmask(SIG_SETMASK, &old, NULL);
            break;
        }
        case 6: {
            int fd = epoll_create1(0);
            struct epoll_event e;
            epoll_wait(fd, &e, 1, 1);
            close(fd);
            break;
        }
        case 7:
            if (pread(never[0], &c, 1, 0) != -1 || errno != ESPIPE)
                STORM_BAD("pread on a pipe: errno %d", errno);
            break;
        default:
            for (volatile int i = 0; i < 1000; i++)
                ;
    }
}

static void* pinger(void* arg) {
    struct storm_worker* w = self = arg;
    atomic_store(&w->tid, gettid());
    while (!atomic_load(&storm_stop)) {
        int to = storm_random(w) % N;
        int tid = atomic_load(&storm_workers[to].tid);
        if (!tid || to == w->index) {
            wait_somehow(w);
            continue;
        }
        unsigned long before = atomic_load(&ping[to].answered);
        atomic_fetch_add(&ping[to].asked, 1);
        if (syscall(SYS_tgkill, getpid(), tid, SIGUSR1))
            STORM_BAD("tgkill: errno %d", errno);
        while (atomic_load(&ping[to].answered) == before && !atomic_load(&storm_stop))
            wait_somehow(w);
        atomic_fetch_add(&w->progress, 1);
    }
    /* Stay until nobody can signal this thread any more. */
    static atomic_int done;
    atomic_fetch_add(&done, 1);
    while (atomic_load(&done) % N)
        sched_yield();
    return NULL;
}

/* Real-time signals to the process: every one sent is taken exactly once, in order per sender. */
static atomic_ulong queued, taken;

static void on_queue(int sig, siginfo_t* info, void* context) {
    (void)sig, (void)context;
    if (info->si_code != SI_QUEUE)
        STORM_BAD("si_code %d", info->si_code);
    atomic_fetch_add(&taken, 1);
}

static void* queuer(void* arg) {
    struct storm_worker* w = arg;
    for (int i = 0; !atomic_load(&storm_stop); i++) {
        union sigval v = {.sival_int = i << 3 | w->index};
        if (!sigqueue(getpid(), SIGRTMIN + 1 + w->index % 3, v))
            atomic_fetch_add(&queued, 1);
        else if (errno != EAGAIN)
            STORM_BAD("sigqueue: errno %d", errno);
        if (i % 16 == 0)
            sched_yield();
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

/* The same, taken by sigtimedwait and signalfd. */
static atomic_int senders;

static bool all_taken(void) {
    return atomic_load(&storm_stop) && !atomic_load(&senders) &&
           atomic_load(&taken) >= atomic_load(&queued);
}

static void* waiter(void* arg) {
    struct storm_worker* w = arg;
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGRTMIN + 5);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    if (w->index == 0) {
        struct timespec t = {0, 2 * 1000 * 1000};
        siginfo_t info;
        while (!all_taken()) {
            int s = sigtimedwait(&mask, &info, &t);
            if (s == SIGRTMIN + 5) {
                static int last[8];
                int from = info.si_value.sival_int & 7, n = info.si_value.sival_int >> 3;
                if (from < 2 || from > 4 || n < last[from])
                    STORM_BAD("value %d of sender %d after %d", n, from, last[from]);
                else
                    last[from] = n;
                atomic_fetch_add(&taken, 1);
            } else if (s != -1 || (errno != EAGAIN && errno != EINTR)) {
                STORM_BAD("sigtimedwait: %d errno %d", s, errno);
            }
            atomic_fetch_add(&w->progress, 1);
        }
        return NULL;
    }
    if (w->index == 1) {
        int fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
        STORM_CHECK(fd >= 0);
        while (!all_taken()) {
            struct pollfd p = {fd, POLLIN, 0};
            int r = poll(&p, 1, 2);
            atomic_fetch_add(&w->progress, 1);
            if (r <= 0)
                continue;
            struct signalfd_siginfo info[4]; /* the other one may have been quicker */
            ssize_t n = read(fd, info, sizeof(info));
            if (n > 0)
                atomic_fetch_add(&taken, n / sizeof(info[0]));
            else if (errno != EAGAIN)
                STORM_BAD("signalfd read: errno %d", errno);
        }
        close(fd);
        return NULL;
    }
    for (int i = 0; !atomic_load(&storm_stop); i++) {
        union sigval v = {.sival_int = i << 3 | w->index};
        if (!sigqueue(getpid(), SIGRTMIN + 5, v))
            atomic_fetch_add(&queued, 1);
        else if (errno == EAGAIN)
            sched_yield();
        else
            STORM_BAD("sigqueue: errno %d", errno);
        atomic_fetch_add(&w->progress, 1);
    }
    atomic_fetch_sub(&senders, 1);
    return NULL;
}

/* SA_RESTART: a reader sees every byte once and never EINTR. */
static int stream[2];
static void on_restart(int sig) {
    (void)sig;
}

static void* restarter(void* arg) {
    struct storm_worker* w = arg;
    atomic_store(&w->tid, gettid());
    if (w->index == 0) {
        unsigned char next = 0;
        for (;;) {
            unsigned char b[64];
            ssize_t n = read(stream[0], b, sizeof(b));
            if (n < 0) {
                STORM_BAD("read: errno %d", errno);
                break;
            }
            if (!n)
                break;
            for (int i = 0; i < n; i++)
                if (b[i] != next++) {
                    STORM_BAD("byte %d, want %d", b[i], next - 1);
                    next = b[i] + 1;
                }
            atomic_fetch_add(&w->progress, 1);
        }
        return NULL;
    }
    if (w->index == 1) {
        unsigned char next = 0;
        while (!atomic_load(&storm_stop)) {
            unsigned char b[40];
            int n = 1 + storm_random(w) % sizeof(b);
            for (int i = 0; i < n; i++)
                b[i] = next++;
            if (write(stream[1], b, n) != n)
                STORM_BAD("write: errno %d", errno);
            if (storm_random(w) % 4 == 0)
                sched_yield();
            atomic_fetch_add(&w->progress, 1);
        }
        close(stream[1]);
        return NULL;
    }
    while (!atomic_load(&storm_stop)) {
        int tid = atomic_load(&storm_workers[storm_random(w) % 2].tid);
        if (tid)
            syscall(SYS_tgkill, getpid(), tid, SIGUSR2);
        if (storm_random(w) % 3 == 0)
            sched_yield();
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

/* sigsuspend: a token goes round by signals alone. */
static atomic_int turn;
static void on_token(int sig) {
    (void)sig;
}

static void* suspender(void* arg) {
    struct storm_worker* w = arg;
    sigset_t mask, old;
    sigemptyset(&mask);
    sigaddset(&mask, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &mask, &old);
    sigdelset(&old, SIGALRM);
    atomic_store(&w->tid, gettid());
    for (int i = 0; i < 4; i++)
        while (!atomic_load(&storm_workers[i].tid))
            sched_yield();
    for (;;) {
        while (atomic_load(&turn) % 4 != w->index && !atomic_load(&storm_stop)) {
            if (sigsuspend(&old) != -1 || errno != EINTR)
                STORM_BAD("sigsuspend: errno %d", errno);
        }
        bool end = atomic_load(&storm_stop);
        atomic_fetch_add(&w->progress, 1);
        if (!end)
            atomic_fetch_add(&turn, 1);
        int next = (w->index + 1) % 4;
        pthread_kill(storm_workers[next].thread, SIGALRM);
        if (end)
            break;
    }
    static atomic_int done;
    atomic_fetch_add(&done, 1);
    while (atomic_load(&done) % 4) {
        pthread_kill(storm_workers[(w->index + 1) % 4].thread, SIGALRM);
        sched_yield();
    }
    return NULL;
}

static void handle(int sig, void (*with)(int, siginfo_t*, void*), int flags) {
    struct sigaction a = {.sa_sigaction = with, .sa_flags = SA_SIGINFO | flags};
    sigaction(sig, &a, NULL);
}

int main(int argc, char** argv) {
    storm_args(argc, argv);
    STORM_CHECK(!pipe(never));
    if (STORM_PART(argc, argv, "ping")) {
        handle(SIGUSR1, on_ping, 0);
        storm_run("ping", N, pinger, NULL);
    }
    if (STORM_PART(argc, argv, "queue")) {
        for (int i = 1; i <= 3; i++)
            handle(SIGRTMIN + i, on_queue, SA_RESTART);
        storm_run("queue", 6, queuer, NULL);
        for (int i = 0; i < 200 && atomic_load(&taken) != atomic_load(&queued); i++)
            usleep(10000);
        if (taken != queued)
            STORM_BAD("%lu queued, %lu taken", queued, taken);
        taken = queued = 0;
    }
    if (STORM_PART(argc, argv, "wait")) {
        sigset_t mask, old;
        sigemptyset(&mask);
        sigaddset(&mask, SIGRTMIN + 5);
        pthread_sigmask(SIG_BLOCK, &mask, &old);
        atomic_store(&senders, 3);
        storm_run("wait", 5, waiter, NULL);
        if (taken != queued)
            STORM_BAD("%lu queued, %lu taken", queued, taken);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    if (STORM_PART(argc, argv, "restart")) {
        STORM_CHECK(!pipe(stream));
        struct sigaction a = {.sa_handler = on_restart, .sa_flags = SA_RESTART};
        sigaction(SIGUSR2, &a, NULL);
        storm_run("restart", 5, restarter, NULL);
    }
    if (STORM_PART(argc, argv, "suspend")) {
        struct sigaction a = {.sa_handler = on_token};
        sigaction(SIGALRM, &a, NULL);
        storm_run("suspend", 4, suspender, NULL);
    }
    return storm_result();
}
