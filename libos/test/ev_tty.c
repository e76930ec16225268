/* Pseudo-terminals, ioctl on every kind of file, and the devices of /dev. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "oracle.h"

TEST(pair) {
    int m, s;
    char buf[64] = {0};
    NEED_OK(m = posix_openpt(O_RDWR | O_NOCTTY));
    char name[64];
    NEED_OK(ptsname_r(m, name, sizeof(name)));
    CHECK(strncmp(name, "/dev/pts/", 9) == 0);
    CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), EIO); /* still locked */
    CHECK_EQ(unlockpt(m), 0);
    NEED_OK(s = open(name, O_RDWR | O_NOCTTY));
    CHECK(isatty(s) && isatty(m));
    struct stat st, by_name;
    CHECK_EQ(fstat(s, &st), 0);
    CHECK_EQ(stat(name, &by_name), 0);
    CHECK(S_ISCHR(st.st_mode) && major(st.st_rdev) == 136);
    CHECK(st.st_rdev == by_name.st_rdev && st.st_ino == by_name.st_ino);
    CHECK_STR(ttyname(s), name);
    CHECK_EQ(write(m, "a line\n", 7), 7);
    CHECK_EQ(read(s, buf, sizeof(buf)), 7);
    CHECK_MEM(buf, "a line\n", 7);
    CHECK_EQ(read(m, buf, sizeof(buf)), 8); /* the echo, with a carriage return */
    CHECK_MEM(buf, "a line\r\n", 8);
    close(s);
    CHECK_ERRNO(read(m, buf, 1), EIO);
    close(m);
    CHECK(open(name, O_RDWR | O_NOCTTY) < 0);
}

TEST(attributes) {
    int m, s;
    NEED_OK(openpty(&m, &s, NULL, NULL, NULL));
    struct termios t, back;
    CHECK_EQ(tcgetattr(s, &t), 0);
    CHECK(t.c_lflag & ICANON);
    cfmakeraw(&t);
    CHECK_EQ(tcsetattr(s, TCSANOW, &t), 0);
    CHECK_EQ(tcsetattr(s, TCSADRAIN, &t), 0);
    CHECK_EQ(tcsetattr(s, TCSAFLUSH, &t), 0);
    CHECK_EQ(tcgetattr(m, &back), 0);
    CHECK(!(back.c_lflag & (ICANON | ECHO)));
    CHECK_EQ(cfgetospeed(&back), cfgetospeed(&t));
    struct winsize w = {0}, want = {24, 80, 1, 2};
    CHECK_EQ(ioctl(s, TIOCGWINSZ, &w), 0);
    CHECK_EQ(w.ws_row + w.ws_col, 0);
    CHECK_EQ(ioctl(m, TIOCSWINSZ, &want), 0);
    CHECK_EQ(ioctl(s, TIOCGWINSZ, &w), 0);
    CHECK_MEM(&w, &want, sizeof(w));
    CHECK_EQ(write(m, "xyz", 3), 3);
    struct pollfd p = {s, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 1000), 1);
    int n = 0;
    CHECK_EQ(ioctl(s, FIONREAD, &n), 0);
    CHECK_EQ(n, 3);
    CHECK_EQ(tcflush(s, TCIFLUSH), 0);
    CHECK_EQ(ioctl(s, FIONREAD, &n), 0);
    CHECK_EQ(n, 0);
    CHECK_EQ(ioctl(s, TIOCOUTQ, &n), 0);
    CHECK_EQ(tcflow(s, TCOON), 0);
    CHECK_ERRNO(ioctl(s, TIOCGWINSZ, (void*)8), EFAULT);
    CHECK_ERRNO(ioctl(s, TCSETS, (void*)8), EFAULT);
    CHECK_ERRNO(ioctl(s, 0x54ff, &n), ENOTTY);
    CHECK_ERRNO(tcgetpgrp(s), ENOTTY); /* no controlling terminal of ours */
    unsigned int number = ~0u;
    CHECK_EQ(ioctl(m, TIOCGPTN, &number), 0);
    CHECK(number != ~0u);
    CHECK_ERRNO(ioctl(s, TIOCGPTN, &number), ENOTTY);
    int peer = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    CHECK(peer >= 0 && isatty(peer));
    close(peer);
    close(s);
    close(m);
}

TEST(any_file) {
    int p[2], n, on = 1, off = 0;
    struct termios t;
    NEED_OK(pipe(p));
    CHECK_ERRNO(tcgetattr(p[0], &t), ENOTTY);
    CHECK_EQ(isatty(p[0]), 0);
    CHECK_EQ(ioctl(p[0], FIONBIO, &on), 0);
    CHECK(fcntl(p[0], F_GETFL) & O_NONBLOCK);
    CHECK_ERRNO(read(p[0], &n, 1), EAGAIN);
    CHECK_EQ(ioctl(p[0], FIONBIO, &off), 0);
    CHECK(!(fcntl(p[0], F_GETFL) & O_NONBLOCK));
    CHECK_ERRNO(ioctl(p[0], FIONBIO, (void*)8), EFAULT);
    CHECK_EQ(ioctl(p[0], FIOCLEX), 0);
    CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
    CHECK_EQ(ioctl(p[0], FIONCLEX), 0);
    CHECK_EQ(fcntl(p[0], F_GETFD), 0);
    CHECK_EQ(write(p[1], "12345", 5), 5);
    CHECK_EQ(ioctl(p[0], FIONREAD, &n), 0);
    CHECK_EQ(n, 5);
    CHECK_ERRNO(ioctl(p[0], 0xdeadbeef, &n), ENOTTY);
    CHECK_ERRNO(ioctl(-1, FIONREAD, &n), EBADF);
    int path = open("/", O_PATH);
    CHECK_ERRNO(ioctl(path, FIOCLEX), EBADF);
    close(path);
    close(p[0]);
    close(p[1]);
    int f = open("bytes-left", O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK_EQ(write(f, "0123456789", 10), 10);
    CHECK_EQ(lseek(f, 4, SEEK_SET), 4);
    CHECK_EQ(ioctl(f, FIONREAD, &n), 0);
    CHECK_EQ(n, 6);
    CHECK_ERRNO(tcgetattr(f, &t), ENOTTY);
    long long size = -1;
    CHECK_EQ(ioctl(f, FIOQSIZE, &size), 0);
    CHECK(size >= 0);
    close(f);
    unlink("bytes-left");
    int e = eventfd(0, 0);
    CHECK_ERRNO(ioctl(e, FIONREAD, &n), ENOTTY);
    close(e);
}

TEST(devices) {
    static const struct {
        const char* name;
        int minor, reads;
        int write_errno;
    } all[] = {{"/dev/null", 3, 0, 0},
               {"/dev/zero", 5, 16, 0},
               {"/dev/full", 7, 16, ENOSPC},
               {"/dev/random", 8, 16, 0},
               {"/dev/urandom", 9, 16, 0}};
    char buf[16];
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        int fd = open(all[i].name, O_RDWR);
        if (!CHECK(fd >= 0))
            continue;
        struct stat st;
        CHECK_EQ(fstat(fd, &st), 0);
        CHECK(S_ISCHR(st.st_mode) && major(st.st_rdev) == 1 &&
              (int)minor(st.st_rdev) == all[i].minor);
        CHECK_EQ(read(fd, buf, sizeof(buf)), all[i].reads);
        if (all[i].write_errno)
            CHECK_ERRNO(write(fd, buf, 3), all[i].write_errno);
        else
            CHECK_EQ(write(fd, buf, 3), 3);
        CHECK_EQ(lseek(fd, 10, SEEK_SET), 0);
        close(fd);
    }
    int fd = open("/dev/zero", O_RDWR);
    char* p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED && p[0] == 0 && p[8191] == 0);
    p[0] = 1;
    munmap(p, 8192);
    char* one = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(one != MAP_FAILED && one[4095] == 0);
    close(fd);
    struct epoll_event e = {.events = EPOLLIN};
    int ep = epoll_create1(0);
    fd = open("/dev/null", O_RDONLY);
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), EPERM);
    CHECK_ERRNO(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0, ENODEV);
    close(fd);
    fd = open("/dev/random", O_RDONLY);
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), 0);
    CHECK_EQ(epoll_wait(ep, &e, 1, 1000), 1);
    close(fd);
    close(ep);
}

TEST(opened_anew) {
    int p[2];
    char path[64], c;
    NEED_OK(pipe(p));
    sprintf(path, "/proc/self/fd/%d", p[1]);
    int w = open(path, O_WRONLY | O_NONBLOCK);
    CHECK(w >= 0);
    close(p[1]);
    CHECK_EQ(write(w, "z", 1), 1);
    CHECK_EQ(read(p[0], &c, 1), 1);
    close(w);
    CHECK_EQ(read(p[0], &c, 1), 0);
    close(p[0]);
    char link[64];
    int e = eventfd(0, 0);
    sprintf(path, "/proc/self/fd/%d", e);
    long n = readlink(path, link, sizeof(link));
    CHECK_EQ(n, 20);
    CHECK_MEM(link, "anon_inode:[eventfd]", 20);
    CHECK_ERRNO(open(path, O_RDWR), ENXIO);
    close(e);
}

static volatile sig_atomic_t told, told_fd;
static void on_io(int sig, siginfo_t* info, void* context) {
    (void)sig, (void)context;
    told++;
    told_fd = info->si_fd;
}

static bool wait_told(void) {
    for (int i = 0; i < 200 && !told; i++)
        usleep(5000);
    return told != 0;
}

TEST(told_by_signal) {
    int s[2], on = 1, off = 0, e = eventfd(0, 0);
    struct sigaction act = {.sa_sigaction = on_io, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGIO, &act, NULL);
    sigaction(SIGRTMIN, &act, NULL);
    NEED_OK(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    CHECK_EQ(fcntl(s[0], F_SETOWN, getpid()), 0);
    CHECK_EQ(fcntl(s[0], F_GETOWN), getpid());
    CHECK_EQ(fcntl(s[0], F_SETFL, O_ASYNC), 0);
    CHECK_EQ(fcntl(s[0], F_GETFL) & O_ASYNC, O_ASYNC);
    CHECK_EQ(told, 0);
    CHECK_EQ(write(s[1], "x", 1), 1);
    CHECK(wait_told());
    usleep(20000);
    told = 0;
    CHECK_EQ(fcntl(s[0], F_SETSIG, SIGRTMIN), 0);
    CHECK_EQ(write(s[1], "y", 1), 1);
    CHECK(wait_told());
    CHECK_EQ(told_fd, s[0]);
    usleep(20000);
    told = 0;
    CHECK_EQ(ioctl(s[0], FIOASYNC, &off), 0);
    CHECK_EQ(fcntl(s[0], F_GETFL) & O_ASYNC, 0);
    CHECK_EQ(write(s[1], "z", 1), 1);
    usleep(20000);
    CHECK_EQ(told, 0);
    CHECK_ERRNO(ioctl(e, FIOASYNC, &on), ENOTTY);
    CHECK_EQ(ioctl(s[0], FIOASYNC, &on), 0);
    close(s[0]);
    close(s[1]);
    close(e);
}
