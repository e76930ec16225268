/* Sockets over loopback and AF_UNIX names: connecting, names, datagrams, options, many messages. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "oracle.h"

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listener(struct sockaddr_in* addr) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof(*addr);
    *addr = loopback(0);
    CHECK_EQ(bind(fd, (void*)addr, sizeof(*addr)), 0);
    CHECK_EQ(listen(fd, 5), 0);
    CHECK_EQ(getsockname(fd, (void*)addr, &size), 0);
    CHECK_EQ(size, sizeof(*addr));
    CHECK(addr->sin_port != 0);
    return fd;
}

TEST(stream) {
    struct sockaddr_in addr, peer, mine;
    socklen_t size = sizeof(peer);
    char buf[64];
    int server = listener(&addr);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(getpeername(client, (void*)&peer, &size), ENOTCONN);
    CHECK_EQ(connect(client, (void*)&addr, sizeof(addr)), 0);
    CHECK_ERRNO(connect(client, (void*)&addr, sizeof(addr)), EISCONN);
    int fd = accept4(server, (void*)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    NEED(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    size = sizeof(mine);
    CHECK_EQ(getsockname(client, (void*)&mine, &size), 0);
    CHECK(mine.sin_port == peer.sin_port);
    size = 4; /* cut, but the whole size is told */
    CHECK_EQ(getpeername(client, (void*)&mine, &size), 0);
    CHECK_EQ(size, sizeof(mine));
    CHECK_ERRNO(recv(fd, buf, 1, 0), EAGAIN);
    CHECK_EQ(send(client, "hello", 5, MSG_MORE), 5);
    CHECK_EQ(write(client, " you", 4), 4);
    struct pollfd p = {fd, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 1000), 1);
    usleep(1000);
    CHECK_EQ(recv(fd, buf, 5, MSG_PEEK), 5);
    CHECK_EQ(recv(fd, buf, sizeof(buf), 0), 9);
    CHECK_MEM(buf, "hello you", 9);
    CHECK_EQ(shutdown(client, SHUT_WR), 0);
    CHECK_EQ(poll(&p, 1, 1000), 1);
    CHECK_EQ(read(fd, buf, 1), 0);
    CHECK_ERRNO(send(client, "x", 1, MSG_NOSIGNAL), EPIPE);
    CHECK_ERRNO(shutdown(client, 7), EINVAL);
    close(fd);
    close(client);
    CHECK_ERRNO(accept4(server, NULL, NULL, 0x10), EINVAL);
    CHECK_ERRNO(bind(server, (void*)&addr, sizeof(addr)), EINVAL);
    int other = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_ERRNO(bind(other, (void*)&addr, sizeof(addr)), EADDRINUSE);
    CHECK_ERRNO(bind(other, (void*)&addr, 3), EINVAL);
    CHECK_ERRNO(bind(other, (void*)8, sizeof(addr)), EFAULT);
    CHECK_ERRNO(accept(other, NULL, NULL), EINVAL);
    close(server);
    CHECK_ERRNO(connect(other, (void*)&addr, sizeof(addr)), ECONNREFUSED);
    close(other);
    CHECK_ERRNO(listen(0, 1), ENOTSOCK);
    CHECK_ERRNO(listen(-1, 1), EBADF);
    CHECK_ERRNO(socket(AF_INET, 77, 0), EINVAL);
    CHECK_ERRNO(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
}

TEST(connect_without_waiting) {
    struct sockaddr_in addr;
    int server = listener(&addr), error = -1;
    socklen_t size = sizeof(error);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int ret = connect(client, (void*)&addr, sizeof(addr));
    CHECK(ret == 0 || errno == EINPROGRESS);
    struct pollfd p = {client, POLLOUT, 0};
    CHECK_EQ(poll(&p, 1, 1000), 1);
    CHECK_EQ(getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &size), 0);
    CHECK_EQ(error, 0);
    close(client);
    close(server);
}

TEST(datagrams) {
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = loopback(0), from;
    socklen_t size = sizeof(to);
    char buf[64];
    CHECK_EQ(bind(b, (void*)&to, sizeof(to)), 0);
    CHECK_EQ(getsockname(b, (void*)&to, &size), 0);
    CHECK_ERRNO(send(a, "x", 1, 0), EDESTADDRREQ);
    CHECK_EQ(sendto(a, "one", 3, 0, (void*)&to, sizeof(to)), 3);
    CHECK_EQ(sendto(a, "", 0, 0, (void*)&to, sizeof(to)), 0);
    size = sizeof(from);
    CHECK_EQ(recvfrom(b, buf, 2, MSG_TRUNC, (void*)&from, &size), 3);
    CHECK_EQ(size, sizeof(from));
    CHECK(from.sin_family == AF_INET && from.sin_port != 0);
    CHECK_EQ(recv(b, buf, sizeof(buf), 0), 0);
    CHECK_EQ(connect(a, (void*)&to, sizeof(to)), 0);
    struct mmsghdr many[3] = {0};
    struct iovec v[3];
    for (int i = 0; i < 3; i++) {
        v[i] = (struct iovec){(void*)"abc", i + 1};
        many[i].msg_hdr.msg_iov = &v[i];
        many[i].msg_hdr.msg_iovlen = 1;
    }
    CHECK_EQ(sendmmsg(a, many, 3, 0), 3);
    CHECK_EQ(many[2].msg_len, 3);
    char room[3][16];
    for (int i = 0; i < 3; i++)
        v[i] = (struct iovec){room[i], 16};
    CHECK_EQ(recvmmsg(b, many, 3, MSG_WAITFORONE, NULL), 3);
    CHECK(many[0].msg_len == 1 && many[1].msg_len == 2 && many[2].msg_len == 3);
    struct timespec none = {0, 0};
    CHECK_ERRNO(recvmmsg(b, many, 3, MSG_DONTWAIT, &none), EAGAIN);
    CHECK_ERRNO(sendto(a, (void*)8, 4, 0, NULL, 0), EFAULT);
    close(a);
    close(b);
}

TEST(options) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), value = 1;
    socklen_t size = sizeof(value);
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)), 0);
    value = 0;
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &size), 0);
    CHECK_EQ(value, 1);
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size), 0);
    CHECK_EQ(value, SOCK_STREAM);
    CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)), 0);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 1), EINVAL);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, (void*)8, 4), EFAULT);
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, 9999, &value, 4), ENOPROTOOPT);
    CHECK_ERRNO(getsockopt(fd, 9999, 1, &value, &size), EOPNOTSUPP);
    size = -1;
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size), EINVAL);
    struct timeval t = {0, 20000};
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
    struct sockaddr_in addr = loopback(0);
    CHECK_EQ(bind(fd, (void*)&addr, sizeof(addr)), 0);
    CHECK_EQ(listen(fd, 1), 0);
    CHECK_ERRNO(accept(fd, NULL, NULL), EAGAIN); /* after the timeout */
    close(fd);
}

static struct sockaddr_un unix_name(const char* path) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strcpy(un.sun_path, path);
    return un;
}

static void* connect_late(void* arg) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    usleep(20000);
    connect(fd, arg, sizeof(struct sockaddr_un));
    write(fd, "late", 4);
    close(fd);
    return NULL;
}

TEST(local_stream) {
    struct sockaddr_un un = unix_name("local-socket"), got;
    socklen_t size = sizeof(got);
    struct stat st;
    char buf[16];
    unlink("local-socket");
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(connect(client, (void*)&un, sizeof(un)), ENOENT);
    CHECK_EQ(bind(server, (void*)&un, sizeof(un)), 0);
    CHECK_EQ(stat("local-socket", &st), 0);
    CHECK(S_ISSOCK(st.st_mode));
    CHECK_ERRNO(connect(client, (void*)&un, sizeof(un)), ECONNREFUSED); /* does not listen yet */
    CHECK_ERRNO(bind(client, (void*)&un, sizeof(un)), EADDRINUSE);
    CHECK_EQ(listen(server, 1), 0);
    CHECK_EQ(getsockname(server, (void*)&got, &size), 0);
    CHECK_STR(got.sun_path, "local-socket");
    CHECK_EQ(size, 2 + 13);
    struct pollfd p = {server, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 0);
    CHECK_EQ(connect(client, (void*)&un, sizeof(un)), 0);
    CHECK_EQ(poll(&p, 1, 1000), 1);
    size = sizeof(got);
    int fd = accept(server, (void*)&got, &size);
    CHECK(fd >= 0);
    CHECK_EQ(size, 2); /* the client has no name */
    size = sizeof(got);
    CHECK_EQ(getpeername(client, (void*)&got, &size), 0);
    CHECK_STR(got.sun_path, "local-socket");
    CHECK_EQ(write(client, "hi", 2), 2);
    CHECK_EQ(read(fd, buf, 16), 2);
    CHECK_EQ(write(fd, "ho", 2), 2);
    CHECK_EQ(read(client, buf, 16), 2);
    close(client);
    CHECK_EQ(read(fd, buf, 16), 0);
    close(fd);
    struct ucred cred = {0};
    size = sizeof(cred);
    client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN};
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, client, &e), 0);
    CHECK_EQ(connect(client, (void*)&un, sizeof(un)), 0);
    fd = accept(server, NULL, NULL);
    CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size), 0);
    CHECK(cred.pid == getpid() && cred.uid == geteuid());
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(epoll_wait(ep, &e, 1, 1000), 1);
    CHECK_EQ(e.events, EPOLLIN);
    close(ep);
    close(fd);
    close(client);
    pthread_t t;
    pthread_create(&t, NULL, connect_late, &un);
    fd = accept(server, NULL, NULL); /* sleeps */
    CHECK_EQ(read(fd, buf, 16), 4);
    pthread_join(t, NULL);
    close(fd);
    close(server);
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(connect(client, (void*)&un, sizeof(un)), ECONNREFUSED);
    close(client);
    unlink("local-socket");
}

TEST(local_names) {
    struct sockaddr_un un = {.sun_family = AF_UNIX}, got;
    memcpy(un.sun_path, "\0oracle-name", 12);
    socklen_t size = 2 + 12;
    int a = socket(AF_UNIX, SOCK_SEQPACKET, 0), b = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    CHECK_ERRNO(connect(b, (void*)&un, size), ECONNREFUSED);
    CHECK_EQ(bind(a, (void*)&un, size), 0);
    CHECK_ERRNO(bind(b, (void*)&un, size), EADDRINUSE);
    CHECK_ERRNO(bind(a, (void*)&un, size), EINVAL);
    CHECK_EQ(listen(a, 3), 0);
    int wrong = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(connect(wrong, (void*)&un, size), ECONNREFUSED); /* a name per type */
    CHECK_EQ(bind(wrong, (void*)&un, size), 0);
    close(wrong);
    CHECK_EQ(connect(b, (void*)&un, size), 0);
    close(a);
    close(b);
    /* a name made up by the kernel */
    a = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_EQ(bind(a, (void*)&un, 2), 0);
    size = sizeof(got);
    CHECK_EQ(getsockname(a, (void*)&got, &size), 0);
    CHECK_EQ(size, 2 + 6);
    CHECK_EQ(got.sun_path[0], 0);
    b = socket(AF_UNIX, SOCK_DGRAM, 0);
    char buf[8];
    CHECK_ERRNO(send(b, "x", 1, 0), ENOTCONN);
    CHECK_EQ(sendto(b, "one", 3, 0, (void*)&got, size), 3);
    CHECK_EQ(connect(b, (void*)&got, size), 0);
    CHECK_EQ(send(b, "four", 4, 0), 4);
    CHECK_EQ(recv(a, buf, 8, 0), 3);
    CHECK_EQ(recv(a, buf, 8, 0), 4);
    CHECK_ERRNO(listen(a, 1), EOPNOTSUPP);
    close(a);
    CHECK_ERRNO(send(b, "x", 1, 0), ECONNREFUSED);
    close(b);
    un = unix_name("/nowhere/at/all");
    a = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(bind(a, (void*)&un, sizeof(un)), ENOENT);
    CHECK_ERRNO(bind(a, (void*)&un, 1), EINVAL);
    CHECK_ERRNO(listen(a, 1), EINVAL);
    CHECK_ERRNO(accept(a, NULL, NULL), EINVAL);
    struct pollfd p = {a, POLLIN | POLLOUT, 0};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(p.revents, POLLOUT | POLLHUP);
    close(a);
}
