/* SIGIO: one signal for one event, told which; owners in other processes; what dup and close do. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "oracle.h"

static sigset_t g_set;

static void start(int fd) {
    sigemptyset(&g_set);
    sigaddset(&g_set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &g_set, NULL);
    CHECK_EQ(fcntl(fd, F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(fd, F_SETSIG, SIGRTMIN), 0);
    CHECK_EQ(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK), 0);
}

/* The next one's si_code; 0: none within the time. */
static int next(int fd, int ms) {
    siginfo_t info;
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    if (sigtimedwait(&g_set, &info, &t) < 0)
        return 0;
    CHECK_EQ(info.si_fd, fd);
    return info.si_code;
}

TEST(pipe_reader) {
    int p[2];
    char b[8];
    NEED_OK(pipe(p));
    start(p[0]);
    CHECK_EQ(next(p[0], 0), 0);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(write(p[1], "x", 1), 1);
        CHECK_EQ(next(p[0], 5000), POLL_IN);
        CHECK_EQ(next(p[0], 20), 0); /* one each */
        if (i % 2)
            CHECK(read(p[0], b, 8) >= 1);
    }
    CHECK_EQ(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK_EQ(next(p[0], 20), 0);
    close(p[0]);
    close(p[1]);
}

TEST(socket_both_ways) {
    int s[2];
    char b[8];
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    start(s[0]);
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK_EQ(next(s[0], 5000), POLL_IN);
    CHECK_EQ(next(s[0], 20), 0);
    CHECK_EQ(write(s[0], "y", 1), 1);
    CHECK_EQ(next(s[0], 20), 0);
    CHECK_EQ(read(s[1], b, 8), 1);
    CHECK_EQ(next(s[0], 20), 0); /* there was room all the time */
    static char big[65536];
    while (write(s[0], big, sizeof(big)) > 0)
        ;
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(next(s[0], 20), 0);
    fcntl(s[1], F_SETFL, O_NONBLOCK);
    while (read(s[1], big, sizeof(big)) > 0)
        ;
    CHECK_EQ(next(s[0], 5000), POLL_OUT); /* room again */
    CHECK_EQ(next(s[0], 20), 0);
    close(s[0]);
    close(s[1]);
}

TEST(owner_elsewhere) {
    int s[2], go[2];
    char b;
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    NEED_OK(pipe(go));
    start(s[0]);
    pid_t pid = fork();
    if (pid == 0) {
        if (fcntl(s[0], F_SETOWN, getpid()) < 0 || write(go[1], "r", 1) != 1)
            _exit(2);
        siginfo_t info;
        struct timespec t = {10, 0};
        if (sigtimedwait(&g_set, &info, &t) != SIGRTMIN || info.si_code != POLL_IN)
            _exit(3);
        _exit(fcntl(s[0], F_GETOWN) == getpid() ? 0 : 4);
    }
    CHECK_EQ(read(go[0], &b, 1), 1);
    CHECK_EQ(fcntl(s[0], F_GETOWN), pid);
    CHECK_EQ(write(s[1], "x", 1), 1);
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(next(s[0], 20), 0); /* not the parent's */
    close(s[0]);
    close(s[1]);
    close(go[0]);
    close(go[1]);
}
