/* Sockets, epoll and their kin between processes: names met from another process, credentials of
 * both sides, descriptors of all kinds sent across, servers that fork, readiness in sets that a
 * fork shared. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "oracle.h"

#define HEAD offsetof(struct sockaddr_un, sun_path)

static socklen_t abstract(struct sockaddr_un* un, const char* name) {
    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(un->sun_path + 1, sizeof(un->sun_path) - 1, "%s-%d", name, (int)getpid());
    return HEAD + 1 + n;
}

/* A child's checks are its exit status. */
#define CHILD_CHECK(e)                                                                             \
    do {                                                                                           \
        if (!(e)) {                                                                                \
            fprintf(stderr, "child: %s:%d: %s (errno %d)\n", __FILE__, __LINE__, #e, errno);       \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void reap(pid_t pid) {
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

/* ---- names and credentials ---------------------------------------------------------------------
 */

TEST(meet) {
    struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "net-fork"}, un;
    socklen_t size;
    int go[2];
    char b[16];
    unlink("net-fork");
    NEED_OK(pipe(go));
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        close(go[1]);
        CHILD_CHECK(read(go[0], b, 1) == 1); /* bound after the fork */
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        CHILD_CHECK(connect(c, (void*)&path, sizeof(path)) == 0);
        struct ucred cred;
        size = sizeof(cred);
        CHILD_CHECK(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0);
        CHILD_CHECK(cred.pid == parent && cred.uid == geteuid());
        size = sizeof(un);
        CHILD_CHECK(getpeername(c, (void*)&un, &size) == 0 && !strcmp(un.sun_path, "net-fork"));
        CHILD_CHECK(write(c, "child", 5) == 5);
        int d = socket(AF_UNIX, SOCK_DGRAM, 0);
        un = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(un.sun_path, "\0net-child", 10);
        CHILD_CHECK(bind(d, (void*)&un, HEAD + 10) == 0);
        memcpy(un.sun_path, "\0net-parent", 11);
        CHILD_CHECK(sendto(d, "hello", 5, 0, (void*)&un, HEAD + 11) == 5);
        CHILD_CHECK(recv(d, b, 16, 0) == 6); /* an answer to the name */
        _exit(0);
    }
    int s = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0), on = 1;
    CHECK_EQ(bind(s, (void*)&path, sizeof(path)), 0);
    CHECK_EQ(listen(s, 4), 0);
    memset(&un, 0, sizeof(un));
    un.sun_family = AF_UNIX;
    memcpy(un.sun_path, "\0net-parent", 11);
    CHECK_EQ(bind(d, (void*)&un, HEAD + 11), 0);
    setsockopt(d, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    CHECK_EQ(write(go[1], "g", 1), 1);
    int fd = accept(s, NULL, NULL);
    struct ucred cred;
    size = sizeof(cred);
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size), 0);
    CHECK_EQ(cred.pid, pid);
    CHECK_EQ(cred.uid, geteuid());
    CHECK_EQ(read(fd, b, 16), 5);
    union {
        char buf[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } u;
    struct iovec v = {b, sizeof(b)};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_name = &un,
                       .msg_namelen = sizeof(un),
                       .msg_control = &u,
                       .msg_controllen = sizeof(u)};
    CHECK_EQ(recvmsg(d, &m, 0), 5);
    CHECK_EQ(m.msg_namelen, HEAD + 10);
    CHECK_MEM(un.sun_path, "\0net-child", 10);
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    if (CHECK(c && c->cmsg_type == SCM_CREDENTIALS)) {
        memcpy(&cred, CMSG_DATA(c), sizeof(cred));
        CHECK_EQ(cred.pid, pid);
        CHECK_EQ(cred.uid, getuid());
    }
    CHECK_EQ(sendto(d, "answer", 6, 0, (void*)&un, m.msg_namelen), 6);
    reap(pid);
    CHECK_EQ(read(fd, b, 1), 0);
    CHECK_ERRNO(sendto(d, "answer", 6, 0, (void*)&un, m.msg_namelen), ECONNREFUSED);
    close(fd);
    close(s);
    close(d);
    close(go[0]);
    close(go[1]);
    unlink("net-fork");
}

TEST(child_keeps_the_server) {
    struct sockaddr_un un;
    socklen_t len = abstract(&un, "net-kept");
    int s = socket(AF_UNIX, SOCK_STREAM, 0), hold[2];
    char b[8];
    NEED_OK(pipe(hold));
    CHECK_EQ(bind(s, (void*)&un, len), 0);
    CHECK_EQ(listen(s, 4), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(hold[1]);
        int fd = accept(s, NULL, NULL);
        CHILD_CHECK(fd >= 0 && write(fd, "kept", 4) == 4);
        CHILD_CHECK(read(hold[0], b, 1) == 0);
        _exit(0);
    }
    close(s); /* only the child has it now */
    int c = socket(AF_UNIX, SOCK_STREAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(bind(other, (void*)&un, len), EADDRINUSE);
    CHECK_EQ(connect(c, (void*)&un, len), 0);
    CHECK_EQ(read(c, b, 8), 4);
    close(hold[1]);
    reap(pid);
    close(c);
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(connect(c, (void*)&un, len), ECONNREFUSED);
    CHECK_EQ(bind(other, (void*)&un, len), 0);
    close(c);
    close(other);
    close(hold[0]);
}

TEST(killed_server) {
    struct sockaddr_un un;
    socklen_t len = abstract(&un, "net-killed");
    for (int round = 0; round < 20; round++) {
        int ready[2];
        char b;
        NEED_OK(pipe(ready));
        pid_t pid = fork();
        if (pid == 0) {
            int s = socket(AF_UNIX, SOCK_STREAM, 0);
            CHILD_CHECK(bind(s, (void*)&un, len) == 0 && listen(s, 1) == 0);
            CHILD_CHECK(write(ready[1], "r", 1) == 1);
            pause();
            _exit(2);
        }
        CHECK_EQ(read(ready[0], &b, 1), 1);
        int c = socket(AF_UNIX, SOCK_STREAM, 0), status;
        CHECK_EQ(connect(c, (void*)&un, len), 0);
        kill(pid, SIGKILL);
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK(WIFSIGNALED(status));
        CHECK_ERRNO(read(c, &b, 1), ECONNRESET);
        close(c);
        c = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK_ERRNO(connect(c, (void*)&un, len), ECONNREFUSED);
        close(c);
        close(ready[0]);
        close(ready[1]);
    }
}

TEST(prefork) {
    struct sockaddr_un un;
    socklen_t len = abstract(&un, "net-prefork");
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    pid_t workers[3];
    CHECK_EQ(bind(s, (void*)&un, len), 0);
    CHECK_EQ(listen(s, 64), 0);
    for (int i = 0; i < 3; i++) {
        workers[i] = fork();
        if (workers[i] == 0) {
            for (;;) {
                int fd = accept(s, NULL, NULL);
                CHILD_CHECK(fd >= 0);
                char b;
                CHILD_CHECK(read(fd, &b, 1) == 1);
                if (b == 'q')
                    _exit(0);
                pid_t me = getpid();
                CHILD_CHECK(write(fd, &me, sizeof(me)) == sizeof(me));
                close(fd);
            }
        }
    }
    for (int i = 0; i < 200; i++) {
        pid_t who = 0;
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK_EQ(connect(c, (void*)&un, len), 0);
        CHECK_EQ(write(c, "w", 1), 1);
        CHECK_EQ(read(c, &who, sizeof(who)), sizeof(who));
        CHECK(who == workers[0] || who == workers[1] || who == workers[2]);
        close(c);
    }
    for (int i = 0; i < 3; i++) {
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK_EQ(connect(c, (void*)&un, len), 0);
        CHECK_EQ(write(c, "q", 1), 1);
        char b;
        read(c, &b, 1);
        close(c);
    }
    for (int i = 0; i < 3; i++)
        reap(workers[i]);
    close(s);
}

/* ---- descriptors -------------------------------------------------------------------------------
 */

union control {
    char buf[CMSG_SPACE(16 * sizeof(int))];
    struct cmsghdr align;
};

static bool send_fds(int sock, const int* fds, int count) {
    union control u;
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
    return sendmsg(sock, &m, 0) == 1;
}

static int receive_fds(int sock, int* fds, int room) {
    union control u;
    char b;
    struct iovec v = {&b, 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)};
    if (recvmsg(sock, &m, 0) != 1 || (m.msg_flags & MSG_CTRUNC))
        return -1;
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    int n = c ? (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;
    if (n > room)
        return -1;
    memcpy(fds, CMSG_DATA(c), n * sizeof(int));
    return n;
}

TEST(descriptors_across) {
    int p[2], q[2], tmp[2];
    char b[64];
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    pid_t pid = fork();
    if (pid == 0) {
        int fds[16];
        uint64_t n;
        close(p[0]);
        CHILD_CHECK(receive_fds(p[1], fds, 16) == 9);
        CHILD_CHECK(read(fds[0], b, 64) == 4 && !memcmp(b, "file", 4)); /* where the sender was */
        CHILD_CHECK(pread(fds[0], b, 2, 0) == 2 && !memcmp(b, "a ", 2));
        char link[256] = "";
        snprintf(b, sizeof(b), "/proc/self/fd/%d", fds[0]);
        CHILD_CHECK(readlink(b, link, 255) > 0 && strstr(link, "/net-sent"));
        CHILD_CHECK(write(fds[1], "pipe", 4) == 4);
        CHILD_CHECK(read(fds[2], &n, 8) == 8 && n == 5);
        CHILD_CHECK(read(fds[3], &n, 8) == 8 && n >= 1);
        struct itimerspec its;
        CHILD_CHECK(timerfd_gettime(fds[3], &its) == 0);
        char* map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[4], 0);
        CHILD_CHECK(map != MAP_FAILED && map[0] == 'm');
        map[1] = 'c';
        struct ucred cred;
        socklen_t size = sizeof(cred);
        CHILD_CHECK(getsockopt(fds[5], SOL_SOCKET, SO_PEERCRED, &cred, &size) == 0);
        CHILD_CHECK(cred.pid == getppid());
        CHILD_CHECK(write(fds[5], "sock", 4) == 4);
        struct stat st;
        CHILD_CHECK(fstat(fds[6], &st) == 0 && S_ISDIR(st.st_mode));
        CHILD_CHECK(faccessat(fds[6], "net-sent", F_OK, 0) == 0);
        CHILD_CHECK(write(fds[7], "x", 1) == 1);
        CHILD_CHECK(read(fds[8], b, 8) == 3 && !memcmp(b, "tmp", 3));
        /* and back */
        int e = eventfd(7, 0);
        CHILD_CHECK(send_fds(p[1], &e, 1));
        _exit(0);
    }
    close(p[1]);
    int fds[9];
    fds[0] = open("net-sent", O_CREAT | O_TRUNC | O_RDWR, 0600);
    CHECK_EQ(write(fds[0], "a file", 6), 6);
    lseek(fds[0], 2, SEEK_SET);
    NEED_OK(pipe(q));
    fds[1] = q[1];
    fds[2] = eventfd(5, 0);
    fds[3] = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec its = {.it_value.tv_nsec = 1};
    timerfd_settime(fds[3], 0, &its, NULL);
    fds[4] = memfd_create("across", 0);
    CHECK_EQ(ftruncate(fds[4], 4096), 0);
    CHECK_EQ(pwrite(fds[4], "m", 1, 0), 1);
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, tmp));
    fds[5] = tmp[1];
    fds[6] = open(".", O_RDONLY | O_DIRECTORY);
    fds[7] = open("/dev/null", O_WRONLY);
    char name[] = "/tmp/net-forkXXXXXX";
    fds[8] = mkstemp(name);
    unlink(name);
    CHECK_EQ(write(fds[8], "tmp", 3), 3);
    lseek(fds[8], 0, SEEK_SET);
    CHECK(send_fds(p[0], fds, 9));
    for (int i = 0; i < 9; i++) {
        if (i != 4)
            close(fds[i]); /* before they are received, perhaps */
    }
    CHECK_EQ(read(q[0], b, 64), 4);
    CHECK_EQ(read(q[0], b, 64), 0);
    CHECK_EQ(read(tmp[0], b, 64), 4);
    int e = -1;
    uint64_t n = 0;
    CHECK_EQ(receive_fds(p[0], &e, 1), 1);
    CHECK_EQ(read(e, &n, 8), 8);
    CHECK_EQ(n, 7);
    CHECK_EQ(pread(fds[4], b, 2, 0), 2);
    CHECK_MEM(b, "mc", 2);
    reap(pid);
    close(e);
    close(fds[4]);
    close(p[0]);
    close(q[0]);
    close(tmp[0]);
    unlink("net-sent");
}

TEST(shared_description) {
    /* sent, not inherited: position and flags are one */
    int p[2];
    char b;
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    pid_t pid = fork();
    if (pid == 0) {
        int fd;
        close(p[0]);
        CHILD_CHECK(receive_fds(p[1], &fd, 1) == 1);
        CHILD_CHECK(lseek(fd, 5, SEEK_SET) == 5);
        CHILD_CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0);
        CHILD_CHECK(write(p[1], "k", 1) == 1);
        CHILD_CHECK(read(p[1], &b, 1) == 1);
        CHILD_CHECK(!(fcntl(fd, F_GETFL) & O_APPEND));
        _exit(0);
    }
    close(p[1]);
    int f = open("net-shared", O_CREAT | O_TRUNC | O_RDWR, 0600);
    CHECK(send_fds(p[0], &f, 1));
    CHECK_EQ(read(p[0], &b, 1), 1);
    CHECK_EQ(lseek(f, 0, SEEK_CUR), 5);
    CHECK(fcntl(f, F_GETFL) & O_APPEND);
    CHECK_EQ(fcntl(f, F_SETFL, 0), 0);
    CHECK_EQ(write(p[0], "k", 1), 1);
    reap(pid);
    close(f);
    close(p[0]);
    unlink("net-shared");
}

/* ---- readiness ---------------------------------------------------------------------------------
 */

TEST(epoll_over_fork) {
    int p[2], q[2], ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0x1111222233334444};
    char b;
    NEED_OK(pipe(p));
    NEED_OK(pipe(q));
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
    pid_t pid = fork();
    if (pid == 0) {
        /* a child that closes its copy takes nothing away from the parent */
        close(p[0]);
        e.events = EPOLLIN;
        e.data.u64 = 99;
        CHILD_CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, q[0], &e) == 0); /* for both */
        CHILD_CHECK(write(q[1], "x", 1) == 1);
        CHILD_CHECK(epoll_wait(ep, &e, 1, 5000) == 1);
        CHILD_CHECK(e.data.u64 == 99 && e.events == EPOLLIN);
        _exit(0);
    }
    reap(pid);
    CHECK_EQ(epoll_wait(ep, &e, 1, 5000), 1); /* what the child has added */
    CHECK_EQ(e.data.u64, 99);
    CHECK_EQ(read(q[0], &b, 1), 1);
    CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
    CHECK_EQ(write(p[1], "y", 1), 1);
    CHECK_EQ(epoll_wait(ep, &e, 1, 0), 1);
    CHECK_EQ(e.data.u64, 0x1111222233334444);
    pid = fork();
    if (pid == 0) {
        e.data.u64 = 5;
        e.events = EPOLLIN;
        CHILD_CHECK(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e) == 0);
        CHILD_CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, q[0], NULL) == 0);
        close(ep);
        _exit(0);
    }
    reap(pid);
    CHECK_EQ(epoll_wait(ep, &e, 1, 0), 1);
    CHECK_EQ(e.data.u64, 5);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, q[0], NULL), ENOENT);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, q[0], &e), 0);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), 0);
    CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
    /* closed here, open in the child: it is in the set still */
    int hold[2];
    NEED_OK(pipe(hold));
    e.events = EPOLLIN;
    e.data.u64 = 6;
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
    pid = fork();
    if (pid == 0) {
        close(hold[1]);
        CHILD_CHECK(read(hold[0], &b, 1) == 0);
        _exit(0);
    }
    close(p[0]);
    CHECK_EQ(epoll_wait(ep, &e, 1, 0), 1);
    CHECK_EQ(e.data.u64, 6);
    close(hold[1]);
    reap(pid);
    CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0); /* the last one is gone */
    close(hold[0]);
    close(p[1]);
    close(q[0]);
    close(q[1]);
    close(ep);
}

TEST(waiters_of_both) {
    /* both processes sleep in one set; each event wakes someone, none is lost */
    int ep = epoll_create1(0), fds[8];
    for (int i = 0; i < 8; i++) {
        fds[i] = eventfd(0, EFD_NONBLOCK);
        struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u32 = (uint32_t)i};
        CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e), 0);
    }
    int done[2];
    NEED_OK(pipe(done));
    pid_t pids[2];
    for (int c = 0; c < 2; c++) {
        pids[c] = fork();
        if (pids[c] == 0) {
            for (;;) {
                struct epoll_event e[4];
                int n = epoll_wait(ep, e, 4, 10000);
                CHILD_CHECK(n > 0);
                for (int i = 0; i < n; i++) {
                    uint64_t v = 0;
                    if (e[i].data.u32 >= 8)
                        _exit(3);
                    if (read(fds[e[i].data.u32], &v, 8) != 8)
                        continue; /* the other was faster */
                    if (v >= 1000000)
                        _exit(0);
                    CHILD_CHECK(write(done[1], &v, 8) == 8);
                }
            }
        }
    }
    uint64_t sum = 0, v, one = 1;
    for (int round = 0; round < 500; round++) {
        CHECK_EQ(write(fds[round % 8], &one, 8), 8);
        if (round % 16 == 15) {
            while (sum < (uint64_t)round + 1) {
                struct pollfd p = {done[0], POLLIN, 0};
                if (!CHECK_EQ(poll(&p, 1, 10000), 1) || read(done[0], &v, 8) != 8)
                    break;
                sum += v;
            }
        }
    }
    uint64_t end = 1000000;
    for (int c = 0; c < 2; c++) {
        CHECK_EQ(write(fds[c], &end, 8), 8);
        if (c == 0) { /* one after the other, so that each gets an end of its own */
            int status;
            pid_t first = wait(&status);
            CHECK(first == pids[0] || first == pids[1]);
            CHECK_EQ(status, 0);
        } else {
            int status;
            CHECK(wait(&status) > 0);
            CHECK_EQ(status, 0);
        }
    }
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    close(done[0]);
    close(done[1]);
    close(ep);
}

TEST(event_files) {
    int e = eventfd(0, 0), t = timerfd_create(CLOCK_MONOTONIC, 0), s;
    uint64_t n = 0;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigset_t usr2;
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigprocmask(SIG_BLOCK, &usr2, NULL);
    s = signalfd(-1, &set, 0);
    raise(SIGUSR1); /* pending for the parent, not for the child */
    pid_t pid = fork();
    if (pid == 0) {
        struct signalfd_siginfo info;
        struct pollfd p = {s, POLLIN, 0};
        CHILD_CHECK(poll(&p, 1, 0) == 0);
        kill(getpid(), SIGUSR1);
        CHILD_CHECK(poll(&p, 1, 0) == 1);
        CHILD_CHECK(read(s, &info, sizeof(info)) == sizeof(info));
        CHILD_CHECK(info.ssi_pid == (uint32_t)getpid());
        CHILD_CHECK(read(e, &n, 8) == 8 && n == 3);
        struct itimerspec its = {.it_value.tv_nsec = 1};
        CHILD_CHECK(timerfd_settime(t, 0, &its, NULL) == 0);
        int ep = epoll_create1(0);
        struct epoll_event ev = {.events = EPOLLIN};
        CHILD_CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev) == 0);
        CHILD_CHECK(epoll_wait(ep, &ev, 1, 0) == 0);
        kill(getppid(), SIGUSR2);
        CHILD_CHECK(epoll_wait(ep, &ev, 1, 10000) == 1); /* the parent's signal */
        CHILD_CHECK(read(s, &info, sizeof(info)) == sizeof(info));
        CHILD_CHECK(info.ssi_pid == (uint32_t)getppid());
        _exit(0);
    }
    n = 3;
    CHECK_EQ(write(e, &n, 8), 8);
    struct signalfd_siginfo info;
    CHECK_EQ(read(s, &info, sizeof(info)), sizeof(info));
    CHECK_EQ(info.ssi_pid, getpid());
    int got;
    sigwait(&usr2, &got);
    kill(pid, SIGUSR1);
    reap(pid);
    CHECK_EQ(read(t, &n, 8), 8); /* armed by the child */
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    sigprocmask(SIG_UNBLOCK, &usr2, NULL);
    close(e);
    close(t);
    close(s);
}
