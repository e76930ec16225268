/* Micro benchmarks: one line of DESIGN's budgets each. Usage: micro NAME; prints nanoseconds for
 * one operation, the best of several short rounds. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int file, zero, p[2], q[2], s[2], ep;
static char buf[65536];

static void getppid_libc(void) {
    getppid();
}
static void getppid_raw(void) {
    long r;
    __asm__ volatile("syscall" : "=a"(r) : "a"(110L) : "rcx", "r11", "memory");
}
static void clock_mono(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
}
static void get_mask(void) {
    sigset_t set;
    sigprocmask(SIG_BLOCK, NULL, &set);
}
static void read1(void) {
    if (pread(file, buf, 1, 0) != 1)
        exit(1);
}
static void write1(void) {
    if (pwrite(file, buf, 1, 0) != 1)
        exit(1);
}
static void read64k(void) {
    if (pread(file, buf, 65536, 0) != 65536)
        exit(1);
}
static void read_zero(void) {
    if (read(zero, buf, 1) != 1)
        exit(1);
}
static void pipe1(void) {
    if (write(p[1], buf, 1) != 1 || read(p[0], buf, 1) != 1)
        exit(1);
}
static void socket1(void) {
    if (write(s[0], buf, 1) != 1 || read(s[1], buf, 1) != 1)
        exit(1);
}
static void do_stat(void) {
    struct stat st;
    if (stat("/etc/passwd", &st))
        exit(1);
}
static void do_fstat(void) {
    struct stat st;
    if (fstat(file, &st))
        exit(1);
}
static void open_close(void) {
    int fd = open("/etc/passwd", O_RDONLY);
    if (fd < 0)
        exit(1);
    close(fd);
}
static void create_unlink(void) {
    int fd = open("created", O_RDWR | O_CREAT, 0600);
    if (fd < 0)
        exit(1);
    close(fd);
    unlink("created");
}
static void poll2(void) {
    struct pollfd f[2] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}};
    if (poll(f, 2, 0) < 0)
        exit(1);
}
static void epoll0(void) {
    struct epoll_event e;
    if (epoll_wait(ep, &e, 1, 0) < 0)
        exit(1);
}
static void map_unmap(void) {
    char* m = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    m[0] = 1;
    munmap(m, 65536);
}
static void on_signal(int signo) {
    (void)signo;
}
static void raise_handle(void) {
    raise(SIGUSR1);
}
static void* nothing(void* a) {
    return a;
}
static void thread(void) {
    pthread_t t;
    if (pthread_create(&t, NULL, nothing, NULL))
        exit(1);
    pthread_join(t, NULL);
}

static int words[2];
static volatile int stop;
static void futex_pass(int from, int to) {
    while (!__atomic_load_n(&words[from], __ATOMIC_SEQ_CST) && !stop)
        syscall(SYS_futex, &words[from], FUTEX_WAIT_PRIVATE, 0, NULL);
    __atomic_store_n(&words[from], 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&words[to], 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &words[to], FUTEX_WAKE_PRIVATE, 1);
}
static void* futex_peer(void* a) {
    while (!stop)
        futex_pass(1, 0);
    return a;
}
static void futex_ping(void) {
    words[0] = 0;
    __atomic_store_n(&words[1], 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &words[1], FUTEX_WAKE_PRIVATE, 1);
    while (!__atomic_load_n(&words[0], __ATOMIC_SEQ_CST))
        syscall(SYS_futex, &words[0], FUTEX_WAIT_PRIVATE, 0, NULL);
}
static void* pipe_peer(void* a) {
    char c;
    while (read(p[0], &c, 1) == 1 && write(q[1], &c, 1) == 1)
        ;
    return a;
}
static void pipe_round(void) {
    char c = 1;
    if (write(p[1], &c, 1) != 1 || read(q[0], &c, 1) != 1)
        exit(1);
}
static void fork_wait(void) {
    pid_t pid = fork();
    if (pid < 0)
        exit(1);
    if (!pid)
        _exit(0);
    waitpid(pid, NULL, 0);
}
static void fork_exec(void) {
    pid_t pid = fork();
    if (pid < 0)
        exit(1);
    if (!pid) {
        execl("/bin/true", "true", NULL);
        _exit(1);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || status)
        exit(1);
}

static const struct {
    const char* name;
    void (*run)(void);
    int batch;
} lines[] = {
    {"getppid", getppid_libc, 20000},
    {"getppid-raw", getppid_raw, 20000},
    {"clock_gettime", clock_mono, 50000},
    {"sigprocmask", get_mask, 20000},
    {"read-1", read1, 5000},
    {"write-1", write1, 5000},
    {"read-64k", read64k, 1000},
    {"read-dev-zero", read_zero, 5000},
    {"pipe-1", pipe1, 5000},
    {"socketpair-1", socket1, 5000},
    {"stat", do_stat, 5000},
    {"fstat", do_fstat, 5000},
    {"open-close", open_close, 5000},
    {"create-unlink", create_unlink, 500},
    {"poll-2", poll2, 5000},
    {"epoll_wait-0", epoll0, 5000},
    {"mmap-munmap", map_unmap, 2000},
    {"raise-handler", raise_handle, 5000},
    {"thread-create-join", thread, 300},
    {"futex-ping-pong", futex_ping, 1000},
    {"pipe-ping-pong", pipe_round, 1000},
    {"fork-exit-wait", fork_wait, 50},
    {"fork-exec", fork_exec, 20},
};

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char** argv) {
    if (argc < 2) {
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
            puts(lines[i].name);
        return 0;
    }
    file = open("bench.data", O_RDWR | O_CREAT, 0600);
    zero = open("/dev/zero", O_RDONLY);
    ep = epoll_create1(0);
    if (file < 0 || write(file, buf, sizeof(buf)) != sizeof(buf) || pipe(p) || pipe(q) ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, s))
        return 1;
    signal(SIGUSR1, on_signal);
    pthread_t t;
    if (!strcmp(argv[1], "futex-ping-pong"))
        pthread_create(&t, NULL, futex_peer, NULL);
    if (!strcmp(argv[1], "pipe-ping-pong"))
        pthread_create(&t, NULL, pipe_peer, NULL);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (strcmp(lines[i].name, argv[1]))
            continue;
        lines[i].run();
        double best = 1e18;
        for (int round = 0; round < 5; round++) {
            long long start = now();
            for (int n = 0; n < lines[i].batch; n++)
                lines[i].run();
            double each = (double)(now() - start) / lines[i].batch;
            best = each < best ? each : best;
        }
        printf("%.1f\n", best);
        fflush(stdout);
        _exit(0);
    }
    return 2;
}
