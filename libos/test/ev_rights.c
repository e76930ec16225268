/* Descriptors sent over a socket pair to oneself. */
#include "oracle.h"
#include <fcntl.h>
#include <sys/socket.h>

TEST(descriptors_passed) {
    int s[2], p[2];
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    NEED_OK(pipe(p));
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } u;
    char data = 'd';
    struct iovec v = {&data, 1};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)};
    struct cmsghdr* c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &p[1], sizeof(int));
    CHECK_EQ(sendmsg(s[0], &m, 0), 1);
    memset(&u, 0, sizeof(u));
    m.msg_controllen = sizeof(u);
    CHECK_EQ(recvmsg(s[1], &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT), 1);
    c = CMSG_FIRSTHDR(&m);
    if (CHECK(c && c->cmsg_type == SCM_RIGHTS)) {
        int fd;
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        CHECK(fd >= 0 && fd != p[1]);
        CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
        CHECK_EQ(write(fd, "q", 1), 1);
        CHECK_EQ(read(p[0], &data, 1), 1);
        CHECK_EQ(data, 'q');
        close(fd);
    }
    close(s[0]);
    close(s[1]);
    close(p[0]);
    close(p[1]);
}
