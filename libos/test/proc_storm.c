/* Forks in one thread while others allocate, open, lock, map, signal, poll, and make threads. In
 * each child all of that must work; some fork on, some run a program. */
#include "oracle_mem.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 60

static volatile int g_stop;
static int g_never[2];
static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;

static void* allocates(void* arg) {
    while (!g_stop) {
        void* p[20];
        for (int i = 0; i < 20; i++)
            p[i] = malloc(100 + i * 50);
        for (int i = 0; i < 20; i++)
            free(p[i]);
    }
    return arg;
}

static void* opens(void* arg) {
    char text[100];
    while (!g_stop) {
        int fd = open("/etc/passwd", O_RDONLY);
        if (fd < 0 || read(fd, text, sizeof(text)) <= 0)
            abort();
        close(fd);
    }
    return arg;
}

static void* locks(void* arg) {
    while (!g_stop) {
        pthread_mutex_lock(&g_mutex);
        pthread_mutex_unlock(&g_mutex);
    }
    return arg;
}

static void* pipes(void* arg) {
    while (!g_stop) {
        int p[2];
        char c = 'x';
        if (pipe(p) < 0 || write(p[1], &c, 1) != 1 || read(p[0], &c, 1) != 1)
            abort();
        close(p[0]);
        close(p[1]);
    }
    return arg;
}

static void* maps(void* arg) {
    while (!g_stop) {
        char* p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *p = 1;
        munmap(p, 65536);
    }
    return arg;
}

static void* polls(void* arg) {
    char c;
    struct pollfd f = {g_never[0], POLLIN, 0};
    while (poll(&f, 1, -1) != 1)
        ;
    while (read(g_never[0], &c, 1) < 0)
        ;
    return arg;
}

static void* nothing(void* arg) {
    return arg;
}

static void* makes_threads(void* arg) {
    pthread_t t;
    while (!g_stop)
        if (pthread_create(&t, NULL, nothing, NULL) == 0)
            pthread_join(t, NULL);
    return arg;
}

static void on_usr1(int sig) {
    (void)sig;
}

static void* signals(void* arg) {
    while (!g_stop) {
        kill(getpid(), SIGUSR1);
        usleep(200);
    }
    return arg;
}

static _Noreturn void child(int round, int to_parent) {
    pthread_t t;
    char c = 'k';
    alarm(15);
    free(malloc(500));
    int fd = open("/etc/passwd", O_RDONLY);
    if (fd < 0 || read(fd, &c, 1) != 1)
        _exit(2);
    close(fd);
    if (pthread_create(&t, NULL, nothing, NULL) || pthread_join(t, NULL))
        _exit(3);
    if (round % 5 == 0) {
        int status = 0, pid = fork();
        if (pid == 0)
            _exit(0);
        if (waitpid(pid, &status, 0) != pid || status)
            _exit(4);
    }
    if (round % 7 == 0)
        execl("/bin/true", "true", (char*)NULL);
    _exit(write(to_parent, &c, 1) != 1);
}

TEST(forks) {
    static void* (*const others[])(void*) = {allocates, opens, locks,         pipes,
                                             maps,      polls, makes_threads, signals};
    enum { OTHERS = sizeof(others) / sizeof(others[0]) };
    pthread_t t[OTHERS];
    int bad = 0;
    signal(SIGUSR1, on_usr1);
    NEED_OK(pipe(g_never));
    for (int i = 0; i < OTHERS; i++)
        NEED(pthread_create(&t[i], NULL, others[i], NULL) == 0);
    for (int i = 0; i < ROUNDS; i++) {
        int p[2], status = 0, ret;
        char c;
        NEED_OK(pipe(p));
        int pid = fork();
        if (pid == 0) {
            close(p[0]);
            child(i, p[1]);
        }
        close(p[1]);
        while ((ret = read(p[0], &c, 1)) != 0) /* until nobody has the other end */
            ;
        close(p[0]);
        while ((ret = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
            ;
        bad += ret != pid || status != 0;
    }
    g_stop = 1;
    close(g_never[1]);
    for (int i = 0; i < OTHERS; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(bad, 0);
}

/* A thread blocked in a call keeps no descriptor open in a child. */
static void* blocked_writer(void* arg) {
    static char block[1 << 20];
    long n = write(*(int*)arg, block, sizeof(block));
    close(*(int*)arg);
    return (void*)n;
}

TEST(blocked_call) {
    int p[2], hold[2];
    char text[4096];
    long got = 0, n;
    void* written;
    pthread_t t;
    NEED_OK(pipe(p));
    NEED_OK(pipe(hold));
    NEED(pthread_create(&t, NULL, blocked_writer, &p[1]) == 0);
    while (poll(&(struct pollfd){p[0], POLLIN, 0}, 1, -1) != 1)
        ;
    usleep(20000);
    int pid = fork();
    if (pid == 0) {
        close(p[0]);
        close(p[1]);
        close(hold[1]);
        _exit(read(hold[0], text, 1) == 0 ? 0 : 1);
    }
    close(hold[0]);
    while ((n = read(p[0], text, sizeof(text))) > 0)
        got += n;
    CHECK_EQ(n, 0); /* the end of the pipe, though the child lives on */
    pthread_join(t, &written);
    CHECK_EQ(got, 1 << 20);
    CHECK_EQ((long)written, got);
    close(hold[1]);
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    close(p[0]);
}
