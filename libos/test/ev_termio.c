/* The old form of terminal attributes, packet mode of pseudo-terminals; epoll on ended processes.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "oracle.h"

#ifndef TIOCPKT_FLUSHREAD
#define TIOCPKT_FLUSHREAD 1
#endif

static int open_pair(int* slave) {
    int m = posix_openpt(O_RDWR | O_NOCTTY), zero = 0, n;
    if (m < 0 || ioctl(m, TIOCSPTLCK, &zero) < 0 || ioctl(m, TIOCGPTN, &n) < 0)
        return -1;
    char name[32];
    snprintf(name, sizeof(name), "/dev/pts/%d", n);
    *slave = open(name, O_RDWR | O_NOCTTY);
    return *slave < 0 ? -1 : m;
}

TEST(old_attributes) {
    int s, m = open_pair(&s);
    struct termio a;
    struct termios t;
    NEED(m >= 0);
    CHECK_EQ(ioctl(s, TCGETS, &t), 0);
    memset(&a, 0x5a, sizeof(a));
    CHECK_EQ(ioctl(s, TCGETA, &a), 0);
    CHECK(a.c_iflag == (unsigned short)t.c_iflag && a.c_lflag == (unsigned short)t.c_lflag);
    CHECK_MEM(a.c_cc, t.c_cc, NCC);
    CHECK_EQ(((unsigned char*)&a)[17], 0); /* padding */
    a.c_lflag &= ~(unsigned short)(ICANON | ECHO);
    a.c_cc[VMIN] = 1;
    CHECK_EQ(ioctl(s, TCSETA, &a), 0);
    struct termios u;
    CHECK_EQ(ioctl(s, TCGETS, &u), 0);
    CHECK(!(u.c_lflag & (ICANON | ECHO)));
    CHECK_EQ(u.c_iflag, t.c_iflag);
    CHECK_MEM(u.c_cc + NCC, t.c_cc + NCC, 19 - NCC);
    a.c_lflag |= ICANON;
    CHECK_EQ(ioctl(s, TCSETAW, &a), 0);
    CHECK_EQ(ioctl(s, TCSETAF, &a), 0);
    CHECK_EQ(ioctl(s, TCGETS, &u), 0);
    CHECK(u.c_lflag & ICANON);
    CHECK_ERRNO(ioctl(s, TCGETA, (void*)8), EFAULT);
    CHECK_ERRNO(ioctl(s, TCSETA, (void*)8), EFAULT);
    int p[2];
    NEED_OK(pipe(p));
    CHECK_ERRNO(ioctl(p[0], TCGETA, &a), ENOTTY);
    close(p[0]);
    close(p[1]);
    close(s);
    close(m);
}

TEST(packets) {
    int s, m = open_pair(&s), value = 1;
    char b[16];
    NEED(m >= 0);
    CHECK_EQ(ioctl(m, TIOCGPKT, &value), 0);
    CHECK_EQ(value, 0);
    value = 1;
    CHECK_EQ(ioctl(m, TIOCPKT, &value), 0);
    value = 0;
    CHECK_EQ(ioctl(m, TIOCGPKT, &value), 0);
    CHECK_EQ(value, 1);
    CHECK_EQ(write(s, "hi", 2), 2);
    CHECK_EQ(read(m, b, 16), 3);
    CHECK_MEM(b, "\0hi", 3);
    CHECK_EQ(ioctl(s, TCFLSH, 0), 0);
    struct pollfd w = {m, POLLPRI, 0};
    CHECK_EQ(poll(&w, 1, 5000), 1);
    CHECK_EQ(w.revents, POLLPRI);
    CHECK_EQ(read(m, b, 16), 1);
    CHECK_EQ(b[0], TIOCPKT_FLUSHREAD);
    value = 0;
    CHECK_EQ(ioctl(m, TIOCPKT, &value), 0);
    CHECK_EQ(write(s, "ho", 2), 2);
    CHECK_EQ(read(m, b, 16), 2);
    CHECK_ERRNO(ioctl(s, TIOCPKT, &value), ENOTTY);
    CHECK_ERRNO(ioctl(m, TIOCPKT, (void*)8), EFAULT);
    close(s);
    close(m);
}

TEST(ended_process) {
    pid_t pid = fork();
    if (pid == 0)
        _exit(7);
    siginfo_t info;
    CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0); /* a zombie now */
    int fd = (int)syscall(SYS_pidfd_open, pid, 0), ep = epoll_create1(0);
    NEED(fd >= 0);
    struct epoll_event e = {.events = EPOLLIN};
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
    CHECK_EQ(epoll_wait(ep, &e, 1, 5000), 1);
    CHECK(e.events & EPOLLIN);
    CHECK_EQ(epoll_wait(ep, &e, 1, 0), 1);
    struct pollfd p = {fd, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK(p.revents & POLLIN);
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 7 << 8);
    close(fd);
    close(ep);
    /* one that ends later */
    int go[2];
    NEED_OK(pipe(go));
    pid = fork();
    if (pid == 0) {
        char b;
        close(go[1]);
        _exit(read(go[0], &b, 1) != 0);
    }
    fd = (int)syscall(SYS_pidfd_open, pid, 0);
    ep = epoll_create1(0);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
    CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
    close(go[1]);
    CHECK_EQ(epoll_wait(ep, &e, 1, 5000), 1);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    close(fd);
    close(ep);
    close(go[0]);
}
