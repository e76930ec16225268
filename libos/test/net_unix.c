/* AF_UNIX: names of all kinds, who sent what, errors of binding and connecting, credentials, what
 * is queued, polling a socket that gets connected meanwhile. */
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "oracle.h"

#define HEAD offsetof(struct sockaddr_un, sun_path)

static struct sockaddr_un path_name(const char* path) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strcpy(un.sun_path, path);
    return un;
}
static socklen_t abstract(struct sockaddr_un* un, const char* name) {
    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    int n = snprintf(un->sun_path + 1, sizeof(un->sun_path) - 1, "%s-%d", name, (int)getpid());
    return HEAD + 1 + n;
}
static int bound(int type, const char* path) {
    struct sockaddr_un un = path_name(path);
    int fd = socket(AF_UNIX, type, 0);
    unlink(path);
    CHECK_EQ(bind(fd, (void*)&un, sizeof(un)), 0);
    return fd;
}
static int connect_path(int fd, const char* path) {
    struct sockaddr_un un = path_name(path);
    return connect(fd, (void*)&un, HEAD + strlen(path) + 1);
}

/* ---- names ------------------------------------------------------------------------------------
 */

TEST(datagram_names) {
    struct sockaddr_un from, to;
    socklen_t size;
    char buf[16];
    int a = bound(SOCK_DGRAM, "unix-a"), b = bound(SOCK_DGRAM, "unix-b");
    to = path_name("unix-b");
    CHECK_EQ(sendto(a, "named", 5, 0, (void*)&to, sizeof(to)), 5);
    size = sizeof(from);
    memset(&from, 'x', sizeof(from));
    CHECK_EQ(recvfrom(b, buf, sizeof(buf), 0, (void*)&from, &size), 5);
    CHECK_EQ(size, HEAD + 7);
    CHECK_STR(from.sun_path, "unix-a");
    CHECK_EQ(sendto(b, "back", 4, 0, (void*)&from, size), 4); /* answers are possible */
    CHECK_EQ(recv(a, buf, sizeof(buf), 0), 4);
    int c = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_EQ(sendto(c, "none", 4, 0, (void*)&to, sizeof(to)), 4);
    size = sizeof(from);
    CHECK_EQ(recvfrom(b, buf, sizeof(buf), 0, (void*)&from, &size), 4);
    CHECK_EQ(size, 0); /* a sender without a name */
    struct sockaddr_un name;
    socklen_t len = abstract(&name, "unix-sender");
    CHECK_EQ(bind(c, (void*)&name, len), 0); /* one that has sent may be bound */
    CHECK_EQ(sendto(c, "abs", 3, 0, (void*)&to, sizeof(to)), 3);
    struct iovec v = {buf, sizeof(buf)};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_name = &from, .msg_namelen = 4};
    CHECK_EQ(recvmsg(b, &m, MSG_PEEK), 3);
    CHECK_EQ(m.msg_namelen, len); /* cut, the whole size is told */
    m.msg_namelen = sizeof(from);
    CHECK_EQ(recvmsg(b, &m, 0), 3);
    CHECK_EQ(m.msg_namelen, len);
    CHECK_MEM(&from, &name, len);
    /* connected: only from the peer, and names of both */
    CHECK_EQ(connect_path(a, "unix-b"), 0);
    size = sizeof(from);
    CHECK_EQ(getpeername(a, (void*)&from, &size), 0);
    CHECK_STR(from.sun_path, "unix-b");
    to = path_name("unix-a");
    CHECK_ERRNO(sendto(c, "no", 2, 0, (void*)&to, sizeof(to)), EPERM);
    CHECK_EQ(sendto(b, "yes", 3, 0, (void*)&to, sizeof(to)), 3);
    CHECK_EQ(recv(a, buf, sizeof(buf), 0), 3);
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    CHECK_EQ(connect(a, &none, sizeof(none)), 0);
    CHECK_ERRNO(getpeername(a, (void*)&from, &size), ENOTCONN);
    CHECK_ERRNO(send(a, "x", 1, 0), ENOTCONN);
    close(b);
    CHECK_ERRNO(connect_path(a, "unix-b"), ECONNREFUSED);
    close(a);
    close(c);
    unlink("unix-a");
    unlink("unix-b");
}

TEST(file_and_socket) {
    struct stat st;
    char buf[4];
    int s = bound(SOCK_STREAM, "unix-file"), c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(listen(s, 8), 0);
    CHECK_EQ(rename("unix-file", "unix-moved"), 0); /* the file leads to the socket still */
    CHECK_ERRNO(connect_path(c, "unix-file"), ENOENT);
    CHECK_EQ(connect_path(c, "unix-moved"), 0);
    close(accept(s, NULL, NULL));
    close(c);
    CHECK_EQ(link("unix-moved", "unix-link"), 0);
    CHECK_EQ(symlink("unix-link", "unix-sym"), 0);
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(connect_path(c, "unix-sym"), 0);
    struct sockaddr_un un;
    socklen_t size = sizeof(un);
    CHECK_EQ(getpeername(c, (void*)&un, &size), 0);
    CHECK_STR(un.sun_path, "unix-file"); /* as it was bound */
    int fd = accept(s, NULL, NULL);
    size = sizeof(un);
    CHECK_EQ(getsockname(fd, (void*)&un, &size), 0);
    CHECK_STR(un.sun_path, "unix-file");
    unlink("unix-sym");
    unlink("unix-link");
    unlink("unix-moved");
    CHECK_EQ(write(c, "on", 2), 2); /* without its file the socket goes on */
    CHECK_EQ(read(fd, buf, 4), 2);
    int other = bound(SOCK_STREAM, "unix-file"); /* and its name is free */
    CHECK_EQ(listen(other, 1), 0);
    int d = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(connect_path(d, "unix-file"), 0);
    int e = accept4(other, NULL, NULL, SOCK_NONBLOCK);
    CHECK(e >= 0);
    struct pollfd p = {s, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 0); /* it went to the new one */
    close(e);
    close(d);
    close(other);
    close(fd);
    close(c);
    close(s);
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(connect_path(c, "unix-file"), ECONNREFUSED);
    CHECK_EQ(stat("unix-file", &st), 0);
    struct sockaddr_un again = path_name("unix-file");
    CHECK_ERRNO(bind(c, (void*)&again, sizeof(again)), EADDRINUSE);
    unlink("unix-file");
    CHECK_EQ(bind(c, (void*)&again, sizeof(again)), 0);             /* after a failed connect */
    CHECK_ERRNO(bind(c, (void*)&again, sizeof(again)), EADDRINUSE); /* the file is there */
    again = path_name("unix-other");
    CHECK_ERRNO(bind(c, (void*)&again, sizeof(again)), EINVAL);
    CHECK_ERRNO(stat("unix-other", &st), ENOENT);
    close(c);
    unlink("unix-file");
}

TEST(refused) {
    struct sockaddr_un un;
    int c = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0);
    int q = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    int dgram = bound(SOCK_DGRAM, "unix-d"), stream = bound(SOCK_STREAM, "unix-s");
    CHECK_EQ(listen(stream, 1), 0);
    CHECK_ERRNO(connect_path(c, "unix-d"), EPROTOTYPE);
    CHECK_ERRNO(connect_path(q, "unix-s"), EPROTOTYPE);
    CHECK_ERRNO(connect_path(d, "unix-s"), EPROTOTYPE);
    un = path_name("unix-s");
    CHECK_ERRNO(sendto(d, "x", 1, 0, (void*)&un, sizeof(un)), EPROTOTYPE);
    un = path_name("unix-none");
    CHECK_ERRNO(sendto(d, "x", 1, 0, (void*)&un, sizeof(un)), ENOENT);
    close(open("unix-plain", O_CREAT | O_WRONLY, 0666));
    CHECK_ERRNO(connect_path(c, "unix-plain"), ECONNREFUSED);
    CHECK_ERRNO(connect_path(c, "unix-plain/x"), ENOTDIR);
    CHECK_ERRNO(sendto(c, "x", 1, 0, (void*)&un, sizeof(un)), EOPNOTSUPP);
    CHECK_ERRNO(send(c, "x", 1, MSG_NOSIGNAL), ENOTCONN);
    CHECK_ERRNO(send(q, "x", 1, MSG_NOSIGNAL), ENOTCONN);
    char buf[4];
    CHECK_ERRNO(recv(c, buf, 4, 0), EINVAL);
    CHECK_ERRNO(recv(q, buf, 4, 0), ENOTCONN);
    CHECK_ERRNO(recv(d, buf, 4, MSG_DONTWAIT), EAGAIN);
    CHECK_ERRNO(accept(d, NULL, NULL), EOPNOTSUPP);
    CHECK_ERRNO(accept(c, NULL, NULL), EINVAL);
    CHECK_EQ(shutdown(c, SHUT_RD), 0);
    CHECK_ERRNO(connect(c, (void*)&un, 1), EINVAL);
    CHECK_ERRNO(connect(c, (void*)&un, 2), EINVAL);
    CHECK_ERRNO(connect(c, (void*)&un, sizeof(un) + 1), EINVAL);
    un.sun_family = AF_INET;
    CHECK_ERRNO(connect(c, (void*)&un, sizeof(un)), EINVAL);
    CHECK_ERRNO(bind(c, (void*)&un, sizeof(un)), EINVAL);
    CHECK_EQ(connect_path(c, "unix-s"), 0);
    CHECK_ERRNO(connect_path(c, "unix-s"), EISCONN);
    CHECK_ERRNO(connect_path(c, "unix-none"), ENOENT);
    un = path_name("unix-s");
    CHECK_ERRNO(sendto(c, "x", 1, 0, (void*)&un, sizeof(un)), EISCONN);
    CHECK_ERRNO(listen(c, 1), EINVAL);
    CHECK_ERRNO(connect_path(stream, "unix-s"), EINVAL);
    if (geteuid() != 0) {
        chmod("unix-s", 0444);
        CHECK_ERRNO(connect_path(q, "unix-s"), EACCES);
    }
    close(c);
    close(d);
    close(q);
    close(dgram);
    close(stream);
    unlink("unix-d");
    unlink("unix-s");
    unlink("unix-plain");
}

TEST(longest_names) {
    struct sockaddr_un un = {.sun_family = AF_UNIX}, got;
    socklen_t size;
    memset(un.sun_path, 'p', sizeof(un.sun_path)); /* no NUL at all */
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    char path[sizeof(un.sun_path) + 1] = "";
    memcpy(path, un.sun_path, sizeof(un.sun_path));
    unlink(path);
    CHECK_EQ(bind(fd, (void*)&un, sizeof(un)), 0);
    CHECK_EQ(access(path, F_OK), 0);
    CHECK_EQ(listen(fd, 1), 0);
    CHECK_EQ(connect(c, (void*)&un, sizeof(un)), 0);
    close(fd);
    close(c);
    unlink(path);
    un.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_EQ(bind(fd, (void*)&un, sizeof(un)), 0);
    size = sizeof(got);
    CHECK_EQ(getsockname(fd, (void*)&got, &size), 0);
    CHECK_EQ(size, sizeof(un));
    CHECK_MEM(&got, &un, sizeof(un));
    c = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_ERRNO(bind(c, (void*)&un, sizeof(un)), EADDRINUSE);
    CHECK_EQ(bind(c, (void*)&un, sizeof(un) - 1), 0); /* the size counts */
    close(c);
    close(fd);
    c = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_EQ(bind(c, (void*)&un, sizeof(un)), 0); /* free again */
    close(c);
}

TEST(many_names) {
    /* more than any table holds at first; all but one are closed again */
    struct sockaddr_un un;
    int keep = -1;
    for (int i = 0; i < 400; i++) {
        char name[32];
        snprintf(name, sizeof(name), "unix-many-%d", i);
        socklen_t len = abstract(&un, name);
        int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
        NEED_OK(bind(fd, (void*)&un, len));
        if (i == 7)
            keep = fd;
        else
            close(fd);
    }
    socklen_t len = abstract(&un, "unix-many-7");
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_EQ(sendto(fd, "x", 1, 0, (void*)&un, len), 1);
    len = abstract(&un, "unix-many-8");
    CHECK_ERRNO(sendto(fd, "x", 1, 0, (void*)&un, len), ECONNREFUSED);
    close(fd);
    close(keep);
}

/* ---- connections ------------------------------------------------------------------------------
 */

TEST(backlog) {
    int s = bound(SOCK_STREAM, "unix-log"), c[4];
    CHECK_EQ(listen(s, 1), 0);
    for (int i = 0; i < 2; i++) {
        c[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        CHECK_EQ(connect_path(c[i], "unix-log"), 0);
    }
    c[2] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK_ERRNO(connect_path(c[2], "unix-log"), EAGAIN);
    struct timeval t = {0, 20000};
    c[3] = socket(AF_UNIX, SOCK_STREAM, 0);
    setsockopt(c[3], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
    CHECK_ERRNO(connect_path(c[3], "unix-log"), EAGAIN);
    int fd = accept(s, NULL, NULL);
    CHECK_EQ(connect_path(c[2], "unix-log"), 0);
    CHECK_ERRNO(connect_path(c[2], "unix-log"), EAGAIN); /* Linux looks at the queue first */
    struct pollfd p = {c[1], POLLIN | POLLOUT, 0};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLOUT);
    close(s);
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK(p.revents & POLLHUP); /* was never accepted */
    char b;
    CHECK_ERRNO(read(c[1], &b, 1), ECONNRESET);
    for (int i = 0; i < 4; i++)
        close(c[i]);
    close(fd);
    unlink("unix-log");
}

struct late {
    int fd;
    struct sockaddr_un un;
    socklen_t len;
};
static void* connect_later(void* arg) {
    struct late* l = arg;
    usleep(10000);
    connect(l->fd, (void*)&l->un, l->len);
    return NULL;
}

TEST(connected_while_polled) {
    for (int round = 0; round < 20; round++) {
        struct late l;
        pthread_t t;
        char b;
        l.len = abstract(&l.un, "unix-late");
        int s = socket(AF_UNIX, SOCK_STREAM, 0);
        NEED_OK(bind(s, (void*)&l.un, l.len));
        NEED_OK(listen(s, 1));
        l.fd = socket(AF_UNIX, SOCK_STREAM, 0);
        int ep = epoll_create1(0);
        struct epoll_event e = {.events = EPOLLIN | EPOLLET};
        epoll_ctl(ep, EPOLL_CTL_ADD, l.fd, &e);
        CHECK_EQ(epoll_wait(ep, &e, 1, 0), 1);
        CHECK_EQ(e.events, EPOLLHUP);
        pthread_create(&t, NULL, connect_later, &l);
        int fd = accept(s, NULL, NULL);
        CHECK_EQ(write(fd, "x", 1), 1);
        CHECK_EQ(epoll_wait(ep, &e, 1, 5000), 1);
        struct pollfd p = {l.fd, POLLIN, 0};
        CHECK_EQ(poll(&p, 1, 5000), 1);
        CHECK_EQ(p.revents, POLLIN);
        CHECK_EQ(read(l.fd, &b, 1), 1);
        pthread_join(t, NULL);
        close(ep);
        close(fd);
        close(l.fd);
        close(s);
    }
}

TEST(shut) {
    int p[2];
    char b[8];
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    struct pollfd f = {p[0], POLLIN | POLLOUT | POLLRDHUP, 0};
    CHECK_EQ(shutdown(p[1], SHUT_WR), 0);
    CHECK_EQ(poll(&f, 1, 0), 1);
    CHECK_EQ(f.revents, POLLIN | POLLOUT | POLLRDHUP);
    CHECK_EQ(read(p[0], b, 1), 0);
    CHECK_EQ(write(p[0], "abc", 3), 3);
    CHECK_ERRNO(send(p[1], "x", 1, MSG_NOSIGNAL), EPIPE);
    int n = 0;
    CHECK_EQ(ioctl(p[1], SIOCINQ, &n), 0);
    CHECK_EQ(n, 3);
    CHECK_EQ(ioctl(p[0], SIOCOUTQ, &n), 0);
    CHECK(n > 0);
    close(p[0]);
    CHECK_EQ(read(p[1], b, 8), 3);
    f = (struct pollfd){p[1], POLLIN | POLLOUT, 0};
    CHECK_EQ(poll(&f, 1, 0), 1);
    CHECK_EQ(f.revents, POLLIN | POLLOUT | POLLHUP);
    close(p[1]);
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    CHECK_EQ(write(p[0], "xy", 2), 2);
    close(p[1]); /* with data that was not read */
    CHECK_ERRNO(read(p[0], b, 1), ECONNRESET);
    close(p[0]);
}

TEST(peeking) {
    int p[2], off = 0;
    socklen_t size = sizeof(off);
    char b[16];
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    CHECK_EQ(getsockopt(p[0], SOL_SOCKET, SO_PEEK_OFF, &off, &size), 0);
    CHECK_EQ(off, -1);
    CHECK_EQ(write(p[0], "abcdef", 6), 6);
    CHECK_EQ(recv(p[1], b, 2, MSG_PEEK), 2);
    CHECK_MEM(b, "ab", 2);
    off = 2;
    CHECK_EQ(setsockopt(p[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)), 0);
    CHECK_EQ(recv(p[1], b, 2, MSG_PEEK), 2);
    CHECK_MEM(b, "cd", 2);
    CHECK_EQ(recv(p[1], b, 16, MSG_PEEK), 2);
    CHECK_MEM(b, "ef", 2);
    CHECK_EQ(recv(p[1], b, 16, 0), 6);
    CHECK_EQ(write(p[0], "0123456789", 10), 10);
    CHECK_EQ(recv(p[1], b, 4, MSG_WAITALL), 4);
    CHECK_EQ(recv(p[1], NULL, 6, MSG_TRUNC | MSG_DONTWAIT), -1);
    close(p[0]);
    close(p[1]);
    NEED_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p));
    CHECK_EQ(send(p[0], "abcd", 4, 0), 4);
    CHECK_EQ(recv(p[1], b, 2, MSG_PEEK | MSG_TRUNC), 4);
    struct iovec v = {b, 2};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    CHECK_EQ(recvmsg(p[1], &m, 0), 2);
    CHECK_EQ(m.msg_flags, MSG_TRUNC);
    close(p[0]);
    CHECK_EQ(recv(p[1], b, 2, 0), 0);
    close(p[1]);
}

/* ---- credentials ------------------------------------------------------------------------------
 */

static void check_own(const struct ucred* c) {
    CHECK_EQ(c->pid, getpid());
    CHECK_EQ(c->uid, geteuid());
    CHECK_EQ(c->gid, getegid());
}

TEST(peer_credentials) {
    struct ucred c = {0};
    socklen_t size = sizeof(c);
    int p[2], one = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(getsockopt(one, SOL_SOCKET, SO_PEERCRED, &c, &size), 0);
    CHECK(c.pid == 0 && c.uid == (uid_t)-1 && c.gid == (gid_t)-1);
    NEED_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    CHECK_EQ(getsockopt(p[1], SOL_SOCKET, SO_PEERCRED, &c, &size), 0);
    check_own(&c);
    int s = bound(SOCK_STREAM, "unix-cred");
    CHECK_EQ(listen(s, 1), 0);
    memset(&c, 0, sizeof(c));
    CHECK_EQ(connect_path(one, "unix-cred"), 0);
    CHECK_EQ(getsockopt(one, SOL_SOCKET, SO_PEERCRED, &c, &size), 0);
    check_own(&c);
    int fd = accept(s, NULL, NULL);
    memset(&c, 0, sizeof(c));
    close(one); /* who connected is known even if he is gone */
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &size), 0);
    check_own(&c);
    size = 4;
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &size), 0);
    CHECK_EQ(size, 4);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, sizeof(c)), ENOPROTOOPT);
    close(fd);
    close(s);
    close(p[0]);
    close(p[1]);
    unlink("unix-cred");
}

union control {
    char buf[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(4 * sizeof(int))];
    struct cmsghdr align;
};

static ssize_t receive(int fd, union control* u, size_t room, struct msghdr* m, int flags) {
    static char data[64];
    static struct iovec v;
    v = (struct iovec){data, sizeof(data)};
    memset(u, 0, sizeof(*u));
    *m = (struct msghdr){.msg_iov = &v, .msg_iovlen = 1, .msg_control = u, .msg_controllen = room};
    return recvmsg(fd, m, flags);
}

static ssize_t send_cred(int fd, const struct ucred* cred) {
    union control u = {0};
    struct iovec v = {"x", 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &u,
                       .msg_controllen = CMSG_SPACE(sizeof(*cred))};
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_CREDENTIALS;
    c->cmsg_len = CMSG_LEN(sizeof(*cred));
    memcpy(CMSG_DATA(c), cred, sizeof(*cred));
    return sendmsg(fd, &m, 0);
}

TEST(passed_credentials) {
    int p[2], on = 1;
    socklen_t size = sizeof(on);
    union control u;
    struct msghdr m;
    struct ucred cred, mine = {getpid(), getuid(), getgid()};
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
    CHECK_EQ(send_cred(p[0], &mine), 1);
    CHECK_EQ(receive(p[1], &u, sizeof(u), &m, 0), 1);
    CHECK_EQ(m.msg_controllen, 0); /* not asked for */
    CHECK_EQ(setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    on = 0;
    CHECK_EQ(getsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &on, &size), 0);
    CHECK_EQ(on, 1);
    for (int explicit = 0; explicit < 2; explicit ++) {
        if (explicit)
            CHECK_EQ(send_cred(p[0], &mine), 1);
        else
            CHECK_EQ(write(p[0], "x", 1), 1);
        CHECK_EQ(receive(p[1], &u, sizeof(u), &m, 0), 1);
        CHECK_EQ(m.msg_controllen, CMSG_SPACE(sizeof(cred)));
        CHECK_EQ(m.msg_flags, 0);
        struct cmsghdr* c = CMSG_FIRSTHDR(&m);
        if (CHECK(c && c->cmsg_type == SCM_CREDENTIALS && c->cmsg_level == SOL_SOCKET)) {
            memcpy(&cred, CMSG_DATA(c), sizeof(cred));
            CHECK(cred.pid == mine.pid && cred.uid == mine.uid && cred.gid == mine.gid);
        }
    }
    struct ucred wrong = mine;
    if (geteuid() != 0) {
        wrong.pid = 1;
        CHECK_ERRNO(send_cred(p[0], &wrong), EPERM);
        wrong = mine;
        wrong.uid = 4711;
        CHECK_ERRNO(send_cred(p[0], &wrong), EPERM);
    } else {
        wrong.uid = 4711;
        wrong.gid = 4712;
        CHECK_EQ(send_cred(p[0], &wrong), 1);
        CHECK_EQ(receive(p[1], &u, sizeof(u), &m, 0), 1);
        CHECK_EQ(m.msg_controllen, CMSG_SPACE(sizeof(cred)));
        memcpy(&cred, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(cred));
        CHECK(cred.pid == mine.pid && cred.uid == 4711 && cred.gid == 4712);
    }
    CHECK_EQ(write(p[0], "x", 1), 1);
    CHECK_EQ(receive(p[1], &u, 8, &m, 0), 1);
    CHECK(m.msg_flags & MSG_CTRUNC);
    close(p[0]);
    close(p[1]);
    /* a sender that wants credentials gets a name of its own */
    struct sockaddr_un un;
    int s = bound(SOCK_DGRAM, "unix-auto"), c = socket(AF_UNIX, SOCK_DGRAM, 0);
    on = 0;
    CHECK_EQ(getsockopt(s, SOL_SOCKET, SO_PASSCRED, &on, &size), 0);
    CHECK_EQ(on, 0);
    on = 1;
    CHECK_EQ(setsockopt(c, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    CHECK_EQ(connect_path(c, "unix-auto"), 0);
    size = sizeof(un);
    CHECK_EQ(getsockname(c, (void*)&un, &size), 0);
    CHECK_EQ(size, HEAD + 6);
    CHECK_EQ(send(c, "y", 1, 0), 1);
    CHECK_EQ(receive(s, &u, sizeof(u), &m, 0), 1);
    CHECK_EQ(m.msg_controllen, 0);
    CHECK_EQ(m.msg_flags, 0);
    close(c);
    c = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_EQ(setsockopt(c, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    un = path_name("unix-auto");
    CHECK_EQ(sendto(c, "z", 1, 0, (void*)&un, sizeof(un)), 1);
    size = sizeof(un);
    char z;
    CHECK_EQ(recvfrom(s, &z, 1, 0, (void*)&un, &size), 1);
    CHECK_EQ(size, HEAD + 6);
    close(s);
    close(c);
    unlink("unix-auto");
    NEED_OK(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    CHECK_EQ(setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    CHECK_EQ(send(p[0], "x", 1, 0), 1);
    CHECK_EQ(receive(p[1], &u, sizeof(u), &m, 0), 1);
    CHECK_EQ(m.msg_controllen, CMSG_SPACE(sizeof(cred)));
    on = 0;
    CHECK_EQ(setsockopt(p[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    CHECK_EQ(send(p[0], "x", 1, 0), 1);
    CHECK_EQ(receive(p[1], &u, sizeof(u), &m, 0), 1);
    CHECK_EQ(m.msg_controllen, 0);
    close(p[0]);
    close(p[1]);
}
