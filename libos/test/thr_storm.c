/* Storms: signals, timers, futexes, memory and descriptors from many threads at once, with a count
 * of work rather than a time. An argument multiplies the work. Nothing may be lost, nothing hang.
 */
#define ORACLE_NO_MAIN
#include "oracle_mem.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>

static int factor = 1;
static volatile long handled;
static void count_signal(int signo) {
    (void)signo;
    __atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

static pthread_t targets[4];
static volatile int stop;
static void* busy(void* p) {
    volatile unsigned long x = 0;
    while (!stop) {
        x++;
        if ((long)p % 2)
            sched_yield();
    }
    return NULL;
}

/* Real-time signals queue: as many handled as sent. */
TEST(queued_signals_all_arrive) {
    struct sigaction sa = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    sigaction(SIGRTMIN + 1, &sa, NULL);
    stop = 0;
    handled = 0;
    for (long i = 0; i < 4; i++)
        pthread_create(&targets[i], NULL, busy, (void*)i);
    long sent = 0;
    for (int i = 0; i < 2000 * factor; i++)
        sent += pthread_kill(targets[i % 4], SIGRTMIN + 1) == 0;
    for (int i = 0; i < 10000 && handled < sent; i++)
        usleep(500);
    CHECK_EQ(handled, sent);
    stop = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(targets[i], NULL);
}

/* Each signal interrupts a blocked read exactly when it should: none is lost between look and
 * block. */
static int pipes[2];
static volatile long wakes;
static void* blocked_reader(void* p) {
    (void)p;
    char c;
    for (;;) {
        long r = read(pipes[0], &c, 1);
        if (r == 1)
            return NULL;
        if (errno == EINTR)
            wakes++;
    }
}
TEST(signals_wake_blocked_reads) {
    struct sigaction sa = {.sa_handler = count_signal};
    sigaction(SIGUSR1, &sa, NULL);
    NEED_OK(pipe(pipes));
    pthread_t t;
    pthread_create(&t, NULL, blocked_reader, NULL);
    handled = 0;
    int stuck = 0;
    for (int i = 0; i < 1000 * factor; i++) {
        long before = handled;
        pthread_kill(t, SIGUSR1);
        int spins = 0;
        while (handled == before && spins++ < 200000)
            sched_yield();
        stuck += handled == before;
    }
    CHECK_EQ(stuck, 0);
    CHECK_EQ(handled, 1000 * factor);
    write(pipes[1], "x", 1);
    pthread_join(t, NULL);
    close(pipes[0]);
    close(pipes[1]);
}

/* Ping-pong by futex with signals flying. */
static int ball;
static void* player(void* p) {
    int me = (int)(long)p;
    for (int i = 0; i < 2000 * factor; i++) {
        while (__atomic_load_n(&ball, __ATOMIC_SEQ_CST) != me)
            sc(SYS_futex, &ball, FUTEX_WAIT_PRIVATE, !me, NULL);
        __atomic_store_n(&ball, !me, __ATOMIC_SEQ_CST);
        sc(SYS_futex, &ball, FUTEX_WAKE_PRIVATE, 1);
    }
    return NULL;
}
TEST(futexes_under_signals) {
    pthread_t t[2];
    timer_t timer;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec s = {{0, 300000}, {0, 300000}};
    ball = 0;
    NEED_OK(timer_create(CLOCK_MONOTONIC, &ev, &timer));
    timer_settime(timer, 0, &s, NULL);
    pthread_create(&t[0], NULL, player, (void*)0);
    pthread_create(&t[1], NULL, player, (void*)1);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    timer_delete(timer);
    CHECK_EQ(ball, 0);
}

/* Mappings come and go in all threads; each sees only its own data. */
static volatile long bad;
static void* mapper(void* p) {
    unsigned seed = (unsigned)(long)p * 7919 + 1;
    char* mine[16] = {0};
    size_t pages[16] = {0};
    for (int i = 0; i < 3000 * factor; i++) {
        seed = seed * 1103515245 + 12345;
        int k = seed >> 16 & 15;
        if (mine[k]) {
            for (size_t j = 0; j < pages[k]; j++)
                if (mine[k][j * PAGE] != (char)(k + (long)p))
                    __atomic_add_fetch(&bad, 1, __ATOMIC_SEQ_CST);
            if (seed & 1 << 20 && pages[k] > 2) {
                mprotect(mine[k], PAGE, PROT_READ);
                mprotect(mine[k], PAGE, PROT_READ | PROT_WRITE);
            }
            munmap(mine[k], pages[k] * PAGE);
            mine[k] = NULL;
        } else {
            pages[k] = 1 + (seed >> 20 & 7);
            mine[k] = map_anon(pages[k], PROT_READ | PROT_WRITE);
            for (size_t j = 0; mine[k] && j < pages[k]; j++)
                mine[k][j * PAGE] = (char)(k + (long)p);
        }
    }
    return NULL;
}
TEST(mappings_in_all_threads) {
    pthread_t t[6];
    for (long i = 0; i < 6; i++)
        pthread_create(&t[i], NULL, mapper, (void*)i);
    for (int i = 0; i < 6; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(bad, 0);
}

/* Descriptors open and close in all threads; none is another's. */
static void* opener(void* p) {
    char name[32];
    snprintf(name, sizeof(name), "storm-%ld", (long)p);
    for (int i = 0; i < 700 * factor; i++) {
        int fd = open(name, O_RDWR | O_CREAT, 0600), d = dup(fd), q[2];
        long value = (long)p * 100000 + i, back = -1;
        if (fd < 0 || d < 0 || pipe(q)) {
            __atomic_add_fetch(&bad, 1, __ATOMIC_SEQ_CST);
            return NULL;
        }
        pwrite(fd, &value, 8, 0);
        pread(d, &back, 8, 0);
        write(q[1], &value, 8);
        long through = 0;
        read(q[0], &through, 8);
        if (back != value || through != value)
            __atomic_add_fetch(&bad, 1, __ATOMIC_SEQ_CST);
        close(fd);
        close(d);
        close(q[0]);
        close(q[1]);
    }
    return NULL;
}
TEST(descriptors_in_all_threads) {
    pthread_t t[6];
    bad = 0;
    for (long i = 0; i < 6; i++)
        pthread_create(&t[i], NULL, opener, (void*)i);
    for (int i = 0; i < 6; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(bad, 0);
    int fd = open("/dev/null", O_RDONLY);
    CHECK(fd >= 0 && fd < 10); /* all were closed */
    close(fd);
}

/* An epoll loop fed by many writers and a timer: every event is seen. */
static int events_fd;
static void* feeder(void* p) {
    uint64_t one = 1;
    for (int i = 0; i < 1000 * factor; i++)
        write(events_fd, &one, 8);
    return p;
}
TEST(epoll_under_load) {
    int ep = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    events_fd = eventfd(0, EFD_NONBLOCK);
    struct epoll_event e = {EPOLLIN | EPOLLET, {.fd = events_fd}}, out[4];
    epoll_ctl(ep, EPOLL_CTL_ADD, events_fd, &e);
    e = (struct epoll_event){EPOLLIN, {.fd = timer}};
    epoll_ctl(ep, EPOLL_CTL_ADD, timer, &e);
    struct itimerspec s = {{0, 1000000}, {0, 1000000}};
    timerfd_settime(timer, 0, &s, NULL);
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, feeder, NULL);
    uint64_t total = 0, v, ticks = 0, want = 4000UL * factor;
    for (int rounds = 0; (total < want || ticks < 5) && rounds < 1000000; rounds++) {
        int n = epoll_wait(ep, out, 4, 5000);
        if (!CHECK(n > 0))
            break;
        for (int i = 0; i < n; i++)
            if (read(out[i].data.fd, &v, 8) == 8)
                *(out[i].data.fd == timer ? &ticks : &total) += v;
    }
    CHECK_EQ(total, want);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    close(ep);
    close(timer);
    close(events_fd);
}

/* Threads start and end while others are signalled and memory is unmapped. */
static void* brief(void* p) {
    char local[2000];
    memset(local, (int)(long)p, sizeof(local));
    raise(SIGUSR1);
    return (void*)(long)local[1999];
}
TEST(threads_come_and_go) {
    handled = 0;
    long sum = 0;
    for (int i = 0; i < 60 * factor; i++) {
        pthread_t t[8];
        for (long j = 0; j < 8; j++)
            if (pthread_create(&t[j], NULL, brief, (void*)j))
                CHECK_EQ(j, -1);
        for (int j = 0; j < 8; j++) {
            void* r;
            pthread_join(t[j], &r);
            sum += (long)r;
        }
    }
    CHECK_EQ(sum, 60 * 28 * factor);
    CHECK_EQ(handled, 60 * 8 * factor);
}

int main(int argc, char** argv) {
    factor = argc > 1 ? atoi(argv[1]) : 1;
    for (int i = 0; i < oracle_count; i++) {
        oracle_current = oracle_tests[i].name;
        int before = oracle_failures;
        if (argc > 2 && strcmp(argv[2], oracle_current))
            continue;
        if (!setjmp(oracle_next))
            oracle_tests[i].run();
        if (oracle_failures == before)
            say("ok %s\n", oracle_current);
    }
    return oracle_failures ? oracle_first_failure : 0;
}
