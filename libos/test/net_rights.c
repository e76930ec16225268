/* SCM_RIGHTS: all kinds of files, sender's descriptors closed before they arrive, limits, cuts,
 * peeks, what nobody receives. */
#include <fcntl.h>
#include <signal.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "oracle.h"

#define MAX_FDS 300
union control {
    char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
    struct cmsghdr align;
};

static ssize_t send_fds(int sock, const int* fds, int count) {
    static union control u;
    struct iovec v = {"d", 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &u,
                       .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    memset(&u, 0, sizeof(u));
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    return sendmsg(sock, &m, 0);
}

/* How many came; room: for descriptors. */
static int receive_fds(int sock, int* fds, int room, int flags, int* told) {
    static union control u;
    char b;
    struct iovec v = {&b, 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &u,
                       .msg_controllen = room < 0 ? 0 : CMSG_LEN(room * sizeof(int))};
    memset(&u, 0, sizeof(u));
    if (recvmsg(sock, &m, flags) != 1)
        return -1;
    *told = m.msg_flags;
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    if (!c || c->cmsg_type != SCM_RIGHTS)
        return 0;
    int n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(c), n * sizeof(int));
    return n;
}

/* Sends it, closes it, receives it. */
static int travel(int fd) {
    int p[2], got = -1, told;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, p) < 0)
        return -1;
    CHECK_EQ(send_fds(p[0], &fd, 1), 1);
    close(fd);
    CHECK_EQ(receive_fds(p[1], &got, 1, MSG_DONTWAIT, &told), 1);
    CHECK_EQ(told, 0);
    close(p[0]);
    close(p[1]);
    return got;
}

TEST(kinds) {
    char b[64];
    int p[2];
    NEED_OK(pipe(p));
    int w = travel(p[1]);
    CHECK_EQ(write(w, "pipe", 4), 4);
    CHECK_EQ(read(p[0], b, 64), 4);
    close(w);
    CHECK_EQ(read(p[0], b, 64), 0); /* no writer is left anywhere */
    close(p[0]);

    int f = open("rights-file", O_CREAT | O_TRUNC | O_RDWR, 0600);
    CHECK_EQ(write(f, "hello", 5), 5);
    f = travel(f);
    CHECK_EQ(lseek(f, 0, SEEK_CUR), 5);
    CHECK_EQ(pread(f, b, 5, 0), 5);
    CHECK_EQ(fcntl(f, F_GETFL) & (O_ACCMODE | O_APPEND), O_RDWR);
    snprintf(b, sizeof(b), "/proc/self/fd/%d", f);
    char link[256] = "";
    CHECK(readlink(b, link, sizeof(link) - 1) > 0);
    CHECK(strstr(link, "/rights-file") != NULL);
    close(f);
    unlink("rights-file");

    int e = travel(eventfd(3, EFD_NONBLOCK));
    uint64_t n;
    CHECK_EQ(read(e, &n, 8), 8);
    CHECK_EQ(n, 3);
    CHECK_ERRNO(read(e, &n, 8), EAGAIN);
    CHECK(fcntl(e, F_GETFL) & O_NONBLOCK);
    close(e);

    int t = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec its = {.it_value.tv_nsec = 1000000};
    CHECK_EQ(timerfd_settime(t, 0, &its, NULL), 0);
    t = travel(t);
    CHECK_EQ(read(t, &n, 8), 8);
    CHECK_EQ(timerfd_gettime(t, &its), 0);
    close(t);

    int m = memfd_create("rights", MFD_ALLOW_SEALING);
    CHECK_EQ(ftruncate(m, 4096), 0);
    char* map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0);
    m = travel(m);
    char* map2 = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0);
    map[7] = 'z';
    CHECK_EQ(map2[7], 'z');
    munmap(map, 4096);
    munmap(map2, 4096);
    close(m);

    struct sockaddr_un un = {.sun_family = AF_UNIX}, got;
    socklen_t size = 2 + 1 + snprintf(un.sun_path + 1, 30, "rights-%d", (int)getpid());
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(s, (void*)&un, size), 0);
    CHECK_EQ(listen(s, 1), 0);
    s = travel(s); /* a server */
    int c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(connect(c, (void*)&un, size), 0);
    int a = travel(accept(s, NULL, NULL));
    c = travel(c);
    CHECK_EQ(write(c, "via", 3), 3);
    CHECK_EQ(read(a, b, 64), 3);
    socklen_t got_size = sizeof(got);
    CHECK_EQ(getpeername(c, (void*)&got, &got_size), 0);
    CHECK_EQ(got_size, size);
    struct ucred cred = {0};
    got_size = sizeof(cred);
    CHECK_EQ(getsockopt(a, SOL_SOCKET, SO_PEERCRED, &cred, &got_size), 0);
    CHECK_EQ(cred.pid, getpid());
    close(a);
    close(c);
    close(s);

    int null = travel(open("/dev/null", O_WRONLY));
    CHECK_EQ(write(null, "x", 1), 1);
    close(null);
    int dir = travel(open(".", O_RDONLY | O_DIRECTORY));
    CHECK_EQ(faccessat(dir, ".", R_OK, 0), 0);
    close(dir);
    int path = travel(open(".", O_PATH));
    CHECK_EQ(fcntl(path, F_GETFL) & O_PATH, O_PATH);
    struct stat st;
    CHECK_EQ(fstat(path, &st), 0);
    close(path);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int sig = travel(signalfd(-1, &set, 0));
    raise(SIGUSR1);
    struct signalfd_siginfo info;
    CHECK_EQ(read(sig, &info, sizeof(info)), sizeof(info));
    close(sig);
    int proc = travel(open("/proc/self/status", O_RDONLY));
    CHECK(read(proc, b, 64) > 0);
    close(proc);
}

TEST(one_file_twice) {
    int p[2], f = open("rights-twice", O_CREAT | O_TRUNC | O_RDWR, 0600), got[2], told;
    int both[2] = {f, f};
    NEED_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    CHECK_EQ(send_fds(p[0], both, 2), 1);
    close(f);
    CHECK_EQ(receive_fds(p[1], got, 2, MSG_CMSG_CLOEXEC, &told), 2);
    CHECK_EQ(told, MSG_CMSG_CLOEXEC);
    CHECK(got[0] != got[1]);
    CHECK_EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(write(got[0], "abc", 3), 3);
    CHECK_EQ(lseek(got[1], 0, SEEK_CUR), 3); /* one description */
    CHECK_EQ(fcntl(got[0], F_SETFL, O_APPEND), 0);
    CHECK(fcntl(got[1], F_GETFL) & O_APPEND);
    close(got[0]);
    close(got[1]);
    close(p[0]);
    close(p[1]);
    unlink("rights-twice");
}

TEST(cut) {
    int p[2], q[2], fds[3], got[4], told;
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    NEED_OK(pipe(q));
    fds[0] = q[1];
    fds[1] = dup(q[1]);
    fds[2] = dup(q[1]);
    CHECK_EQ(send_fds(p[0], fds, 3), 1);
    close(fds[0]);
    close(fds[1]);
    close(fds[2]);
    CHECK_EQ(receive_fds(p[1], got, 3, MSG_PEEK, &told), 3); /* a peek makes descriptors too */
    for (int i = 0; i < 3; i++)
        close(got[i]);
    CHECK_EQ(receive_fds(p[1], got, 2, 0, &told), 2);
    CHECK_EQ(told, MSG_CTRUNC);
    close(got[0]);
    char b;
    struct pollfd f = {q[0], POLLIN, 0};
    CHECK_EQ(poll(&f, 1, 0), 0);
    close(got[1]);
    CHECK_EQ(poll(&f, 1, 0), 1); /* what did not fit was closed */
    CHECK_EQ(f.revents, POLLHUP);
    close(q[0]);
    NEED_OK(pipe(q));
    CHECK_EQ(send_fds(p[0], &q[1], 1), 1);
    close(q[1]);
    CHECK_EQ(receive_fds(p[1], got, -1, 0, &told), 0); /* no room at all */
    CHECK_EQ(told, MSG_CTRUNC);
    CHECK_EQ(read(q[0], &b, 1), 0);
    close(q[0]);
    NEED_OK(pipe(q));
    CHECK_EQ(send_fds(p[0], &q[1], 1), 1);
    close(q[1]);
    CHECK_EQ(read(p[1], &b, 1), 1); /* read drops them */
    CHECK_EQ(read(q[0], &b, 1), 0);
    close(q[0]);
    NEED_OK(pipe(q));
    CHECK_EQ(send_fds(p[0], &q[1], 1), 1);
    close(q[1]);
    close(p[0]);
    close(p[1]); /* nobody will ever receive it */
    f = (struct pollfd){q[0], POLLIN, 0};
    CHECK_EQ(poll(&f, 1, 5000), 1);
    CHECK_EQ(read(q[0], &b, 1), 0);
    close(q[0]);
}

TEST(not_glued) {
    int p[2], got, told;
    char b[16];
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    int e = eventfd(0, 0);
    CHECK_EQ(write(p[0], "ab", 2), 2);
    CHECK_EQ(send_fds(p[0], &e, 1), 1);
    CHECK_EQ(write(p[0], "cd", 2), 2);
    CHECK_EQ(recv(p[1], b, 2, 0), 2);
    CHECK_EQ(receive_fds(p[1], &got, 1, 0, &told), 1);
    close(got);
    CHECK_EQ(recv(p[1], b, 16, 0), 2);
    close(e);
    close(p[0]);
    close(p[1]);
}

TEST(limits) {
    int p[2], fds[MAX_FDS], got[MAX_FDS], told;
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    int e = eventfd(0, 0);
    for (int i = 0; i < MAX_FDS; i++)
        fds[i] = e;
    CHECK_ERRNO(send_fds(p[0], fds, 254), EINVAL);
    CHECK_EQ(send_fds(p[0], fds, 253), 1);
    CHECK_EQ(receive_fds(p[1], got, 253, 0, &told), 253);
    for (int i = 0; i < 253; i++)
        close(got[i]);
    fds[1] = 9999;
    CHECK_ERRNO(send_fds(p[0], fds, 2), EBADF);
    CHECK_ERRNO(receive_fds(p[1], got, 2, MSG_DONTWAIT, &told), EAGAIN);
    CHECK_EQ(send_fds(p[0], fds, 0), 1); /* an empty record is nothing */
    CHECK_EQ(receive_fds(p[1], got, 2, 0, &told), 0);
    /* no descriptor is free at the receiver */
    CHECK_EQ(send_fds(p[0], &e, 1), 1);
    struct rlimit old, few;
    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    few.rlim_cur = 3;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    CHECK_EQ(receive_fds(p[1], got, 1, 0, &told), 0);
    CHECK_EQ(told, MSG_CTRUNC);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
    close(e);
    close(p[0]);
    close(p[1]);
    int u = socket(AF_INET, SOCK_DGRAM, 0), zero = 0;
    CHECK_ERRNO(send_fds(u, &zero, 1), EDESTADDRREQ);
    close(u);
}

TEST(both_ways_and_itself) {
    /* a socket sent through itself, and left there: the host collects it */
    int p[2], q[2], told, got;
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    CHECK_EQ(send_fds(p[0], &p[0], 1), 1);
    CHECK_EQ(receive_fds(p[1], &got, 1, 0, &told), 1);
    CHECK_EQ(write(got, "x", 1), 1);
    char b;
    CHECK_EQ(read(p[1], &b, 1), 1);
    close(got);
    CHECK_EQ(send_fds(p[0], &p[1], 1), 1);
    close(p[0]);
    close(p[1]);
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, q));
    CHECK_EQ(send_fds(p[0], &q[1], 1), 1); /* queued inside of one that travels */
    CHECK_EQ(send_fds(q[0], &p[0], 1), 1);
    CHECK_EQ(receive_fds(p[1], &got, 1, 0, &told), 1);
    int inner;
    CHECK_EQ(receive_fds(got, &inner, 1, 0, &told), 1);
    CHECK_EQ(write(inner, "y", 1), 1);
    CHECK_EQ(read(p[1], &b, 1), 1);
    close(inner);
    close(got);
    close(p[0]);
    close(p[1]);
    close(q[0]);
    close(q[1]);
}
