/* Threads that come and go: joined, detached, many at once; then the program replaces itself over
 * and over, and ends, while its threads sit in calls of every kind. */
#include "storm.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static atomic_long born, died;

static void* brief(void* arg) {
    atomic_fetch_add(&died, 1);
    return arg;
}

static void* maker(void* arg) {
    struct storm_worker* w = arg;
    pthread_attr_t detached, small;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&detached, 64 * 1024);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 * 1024);
    while (!atomic_load(&storm_stop)) {
        pthread_t t[4];
        int n = 1 + storm_random(w) % 4, made = 0;
        bool detach = storm_random(w) % 2;
        for (int i = 0; i < n; i++) {
            int e = pthread_create(&t[i], detach ? &detached : &small, brief, (void*)(long)i);
            if (e) {
                if (e != EAGAIN)
                    STORM_BAD("create: %d", e);
                break;
            }
            atomic_fetch_add(&born, 1);
            made++;
        }
        for (int i = 0; i < made && !detach; i++) {
            void* r;
            int e = pthread_join(t[i], &r);
            if (e || r != (void*)(long)i)
                STORM_BAD("join: %d, %p", e, r);
        }
        while (atomic_load(&born) - atomic_load(&died) > 200)
            sched_yield();
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

/* ---- exec and exit with blocked threads ---- */

static int pipe_fds[2], event_fd, epoll_fd;
static pthread_mutex_t locked = PTHREAD_MUTEX_INITIALIZER;
static atomic_int sitting;

static void* sitter(void* arg) {
    static int word;
    char c;
    struct timespec t = {1000, 0};
    struct pollfd p = {pipe_fds[0], POLLIN, 0};
    struct epoll_event e;
    sigset_t none, some;
    sigemptyset(&none);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    atomic_fetch_add(&sitting, 1);
    for (;;) {
        switch ((long)arg % 12) {
            case 0:
                (void)!read(pipe_fds[0], &c, 1);
                break;
            case 1:
                poll(&p, 1, -1);
                break;
            case 2:
                epoll_wait(epoll_fd, &e, 1, -1);
                break;
            case 3:
                syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
                break;
            case 4:
                nanosleep(&t, NULL);
                break;
            case 5:
                sigsuspend(&none);
                break;
            case 6:
                sigwaitinfo(&some, NULL);
                break;
            case 7:
                (void)!read(event_fd, &(uint64_t){0}, 8);
                break;
            case 8:
                for (volatile int i = 0; i < 1000; i++)
                    ;
                break;
            case 9:
                getppid();
                break;
            case 10:
                pthread_mutex_lock(&locked);
                break;
            default: {
                pthread_t x;
                if (!pthread_create(&x, NULL, brief, NULL))
                    pthread_detach(x);
            }
        }
    }
    return NULL;
}

static void* exec_from_here(void* arg) {
    execv("/proc/self/exe", arg);
    storm_say("FAIL execv: errno %d\n", errno);
    _exit(97);
}

/* argv: program "exec" rounds-left last-pid */
static int exec_round(char** argv) {
    int rounds = atoi(argv[2]);
    unsigned random = rounds * 2654435761u;
    if (atoi(argv[3]) && atoi(argv[3]) != getpid()) {
        storm_say("FAIL exec changed the pid\n");
        return 96;
    }
    if (getpid() != gettid())
        storm_say("FAIL not the leader after exec\n");
    if (pipe2(pipe_fds, O_CLOEXEC) || pipe_fds[0] > 10) {
        storm_say("FAIL descriptors left open: %d\n", pipe_fds[0]);
        return 95;
    }
    event_fd = eventfd(0, EFD_CLOEXEC);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    pthread_mutex_lock(&locked);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 * 1024);
    int n = random >> 20 & 15;
    for (long i = 0; i < n; i++) {
        pthread_t t;
        if (pthread_create(&t, &attr, sitter, (void*)(i + rounds)))
            n--;
    }
    if (random & 0x100)
        while (atomic_load(&sitting) < n)
            sched_yield();
    if (random & 0x200)
        usleep(random >> 10 & 1023);
    if (!rounds)
        exit(42);
    char left[16], pid[16];
    snprintf(left, sizeof(left), "%d", rounds - 1);
    snprintf(pid, sizeof(pid), "%d", getpid());
    char* next[] = {argv[0], "exec", left, pid, NULL};
    if (random & 0x400) { /* from another thread than the first */
        pthread_t t;
        if (!pthread_create(&t, NULL, exec_from_here, next))
            for (;;)
                pause();
    }
    exec_from_here(next);
    return 0;
}

int main(int argc, char** argv) {
    if (argc == 4 && !strcmp(argv[1], "exec"))
        return exec_round(argv);
    storm_args(argc, argv);
    if (STORM_PART(argc, argv, "create"))
        storm_run("create", 8, maker, NULL);
    for (int i = 0; i < 1000 && born != died; i++)
        usleep(1000);
    if (born != died)
        STORM_BAD("%ld born, %ld died", born, died);
    return storm_result();
}
