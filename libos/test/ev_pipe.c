/* Pipes, FIFOs, socket pairs, eventfd. */
#include "oracle.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static char big[1 << 20];

TEST(basics) {
    int p[2], n = -1;
    NEED_OK(pipe2(p, O_CLOEXEC | O_NONBLOCK));
    CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(p[0], F_GETFL), O_RDONLY | O_NONBLOCK);
    CHECK_EQ(fcntl(p[1], F_GETFL), O_WRONLY | O_NONBLOCK);
    char c[16];
    CHECK_ERRNO(read(p[0], c, 1), EAGAIN);
    CHECK_ERRNO(read(p[1], c, 1), EBADF);
    CHECK_ERRNO(write(p[0], c, 1), EBADF);
    CHECK_EQ(write(p[1], "hello", 5), 5);
    CHECK_OK(ioctl(p[0], FIONREAD, &n));
    CHECK_EQ(n, 5);
    CHECK_EQ(read(p[0], c, 2), 2);
    CHECK_EQ(read(p[0], c, 16), 3);
    CHECK_EQ(read(p[0], c, 0), 0);
    struct stat st;
    CHECK_OK(fstat(p[0], &st));
    CHECK(S_ISFIFO(st.st_mode));
    CHECK_EQ(st.st_size, 0);
    close(p[1]);
    CHECK_EQ(read(p[0], c, 1), 0);
    close(p[0]);
    CHECK_ERRNO(pipe2(p, 0x40), EINVAL);
    CHECK_EQ(sc(SYS_pipe, 8), -EFAULT);
}

TEST(sizes) {
    int p[2];
    NEED_OK(pipe2(p, O_NONBLOCK));
    CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
    CHECK_EQ(write(p[1], big, sizeof(big)), 65536);
    CHECK_ERRNO(write(p[1], big, 1), EAGAIN);
    CHECK_EQ(read(p[0], big, 4095), 4095);
    /* PIPE_BUF bytes go in whole or not at all */
    long n = write(p[1], big, PIPE_BUF);
    CHECK(n == -1 && errno == EAGAIN);
    while (read(p[0], big, sizeof(big)) > 0)
        ;
    CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 4096), 4096);
    CHECK_EQ(write(p[1], big, 8000), 4096);
    CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 1), 4096);
    CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 100000), 131072);
    CHECK_EQ(write(p[1], big, 200000), 131072 - 4096);
    CHECK_ERRNO(fcntl(p[1], F_SETPIPE_SZ, 4096), EBUSY);
    if (geteuid())
        CHECK_ERRNO(fcntl(p[1], F_SETPIPE_SZ, 1 << 30), EPERM);
    close(p[0]);
    close(p[1]);
    int fd = open("plain", O_RDWR | O_CREAT, 0600);
    CHECK_ERRNO(fcntl(fd, F_GETPIPE_SZ), EBADF);
    close(fd);
}

TEST(packets) {
    int p[2];
    NEED_OK(pipe2(p, O_DIRECT));
    char c[64];
    CHECK_EQ(write(p[1], "first", 5), 5);
    CHECK_EQ(write(p[1], "second", 6), 6);
    CHECK_EQ(read(p[0], c, 64), 5);
    CHECK_EQ(read(p[0], c, 3), 3); /* the rest of the packet is lost */
    CHECK_EQ(write(p[1], "x", 1), 1);
    CHECK_EQ(read(p[0], c, 64), 1);
    close(p[0]);
    close(p[1]);
}

static volatile int got_pipe;
static void on_pipe(int signo) {
    got_pipe = signo;
}
TEST(broken) {
    int p[2];
    pipe(p);
    close(p[0]);
    signal(SIGPIPE, on_pipe);
    CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
    CHECK_EQ(got_pipe, SIGPIPE);
    got_pipe = 0;
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
    CHECK_EQ(write(p[1], "x", 0), 0);
    close(p[1]);
    int s[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    close(s[0]);
    signal(SIGPIPE, on_pipe);
    CHECK_ERRNO(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_EQ(got_pipe, 0);
    CHECK_ERRNO(write(s[1], "x", 1), EPIPE);
    CHECK_EQ(got_pipe, SIGPIPE);
    close(s[1]);
    signal(SIGPIPE, SIG_DFL);
}

static void* drain(void* p) {
    static char buf[10000];
    long n, total = 0;
    while ((n = read(*(int*)p, buf, sizeof(buf))) > 0)
        total += n;
    return (void*)total;
}
TEST(blocking_transfer) {
    int p[2];
    pipe(p);
    pthread_t t;
    pthread_create(&t, NULL, drain, &p[0]);
    CHECK_EQ(write(p[1], big, sizeof(big)), sizeof(big));
    close(p[1]);
    void* total;
    pthread_join(t, &total);
    CHECK_EQ(total, sizeof(big));
    close(p[0]);
}

/* Writes of up to PIPE_BUF bytes from many threads do not mix. */
static void* writer(void* arg) {
    int fd = (int)((long)arg >> 8);
    char line[512];
    memset(line, (int)((long)arg & 255), sizeof(line));
    for (int i = 0; i < 100; i++)
        write(fd, line, sizeof(line));
    return NULL;
}
TEST(atomic_writes) {
    int p[2];
    pipe(p);
    pthread_t t[4];
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, writer, (void*)((long)p[1] << 8 | ('a' + i)));
    int mixed = 0, count = 0;
    char line[512];
    while (count < 400) {
        size_t have = 0;
        while (have < sizeof(line)) {
            long n = read(p[0], line + have, sizeof(line) - have);
            if (n <= 0)
                break;
            have += n;
        }
        for (int i = 1; i < 512; i++)
            mixed += line[i] != line[0];
        count++;
    }
    CHECK_EQ(mixed, 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    close(p[0]);
    close(p[1]);
}

TEST(socket_pairs) {
    int s[2];
    char c[64] = {0};
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s));
    CHECK_EQ(fcntl(s[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(write(s[0], "ab", 2), 2);
    CHECK_EQ(write(s[0], "cd", 2), 2);
    CHECK_EQ(recv(s[1], c, 64, MSG_PEEK), 4);
    CHECK_EQ(read(s[1], c, 64), 4);
    CHECK_EQ(write(s[1], "back", 4), 4);
    CHECK_EQ(recv(s[0], c, 2, MSG_WAITALL), 2);
    CHECK_EQ(recv(s[0], c, 64, MSG_DONTWAIT), 2);
    CHECK_ERRNO(recv(s[0], c, 64, MSG_DONTWAIT), EAGAIN);
    CHECK_OK(shutdown(s[0], SHUT_WR));
    CHECK_EQ(read(s[1], c, 64), 0);
    CHECK_ERRNO(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_EQ(write(s[1], "still", 5), 5);
    CHECK_EQ(read(s[0], c, 64), 5);
    int type = 0;
    socklen_t len = sizeof(type);
    CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_TYPE, &type, &len));
    CHECK_EQ(type, SOCK_STREAM);
    struct ucred cred;
    len = sizeof(cred);
    CHECK_OK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &len));
    CHECK_EQ(cred.pid, getpid());
    CHECK_EQ(cred.uid, geteuid());
    close(s[0]);
    close(s[1]);
    NEED_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
    CHECK_EQ(send(s[0], "one", 3, 0), 3);
    CHECK_EQ(send(s[0], "", 0, 0), 0);
    CHECK_EQ(send(s[0], "three", 5, 0), 5);
    CHECK_EQ(recv(s[1], c, 2, MSG_TRUNC), 3);
    CHECK_EQ(recv(s[1], c, 64, 0), 0);
    CHECK_EQ(recv(s[1], c, 64, 0), 5);
    close(s[0]);
    close(s[1]);
    NEED_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
    CHECK_EQ(send(s[0], "one", 3, 0), 3);
    CHECK_EQ(send(s[0], "two", 3, 0), 3);
    CHECK_EQ(recv(s[1], c, 64, 0), 3);
    close(s[0]);
    CHECK_EQ(recv(s[1], c, 64, 0), 3);
    CHECK_EQ(recv(s[1], c, 64, 0), 0);
    close(s[1]);
    CHECK_ERRNO(socketpair(AF_INET, SOCK_STREAM, 0, s), EOPNOTSUPP);
    CHECK_ERRNO(socketpair(AF_UNIX, 99, 0, s), EINVAL);
    CHECK_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 99, s), EPROTONOSUPPORT);
    CHECK_ERRNO(recv(0, c, 1, 0) < 0 && errno == ENOTSOCK ? (errno = ENOTSOCK, -1) : 0, ENOTSOCK);
}

TEST(event_counter) {
    int fd = NEED_OK(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
    uint64_t v = 0;
    CHECK_EQ(read(fd, &v, 8), 8);
    CHECK_EQ(v, 3);
    CHECK_ERRNO(read(fd, &v, 8), EAGAIN);
    v = 5;
    CHECK_EQ(write(fd, &v, 8), 8);
    CHECK_EQ(write(fd, &v, 8), 8);
    CHECK_EQ(read(fd, &v, 8), 8);
    CHECK_EQ(v, 10);
    CHECK_ERRNO(read(fd, &v, 7), EINVAL);
    CHECK_ERRNO(write(fd, &v, 4), EINVAL);
    v = ~0UL;
    CHECK_ERRNO(write(fd, &v, 8), EINVAL);
    v = ~0UL - 1;
    CHECK_EQ(write(fd, &v, 8), 8);
    v = 1;
    CHECK_ERRNO(write(fd, &v, 8), EAGAIN);
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLIN);
    close(fd);
    fd = NEED_OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
    CHECK_EQ(read(fd, &v, 8), 8);
    CHECK_EQ(v, 1);
    CHECK_EQ(read(fd, &v, 8), 8);
    CHECK_ERRNO(read(fd, &v, 8), EAGAIN);
    close(fd);
    CHECK_ERRNO(eventfd(0, 0x10), EINVAL);
}
