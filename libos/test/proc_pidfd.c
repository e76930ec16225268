/* Descriptors of processes: signals, readiness, memory advice, descriptors taken. */
#include "oracle_mem.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <sys/wait.h>

TEST(process_madvise_self) {
    char* p = map_alone(2, PROT_READ | PROT_WRITE);
    memset(p, 'x', 2 * PAGE);
    struct iovec v = {p, 2 * PAGE};
    int fd = sc(SYS_pidfd_open, getpid(), 0);
    if (fd < 0)
        SKIP("no pidfd_open");
    CHECK_EQ(sc(SYS_process_madvise, fd, &v, 1, MADV_COLD, 1), -EINVAL);
    CHECK_EQ(sc(SYS_process_madvise, fd, &v, 1, MADV_COLD, 0), 2 * PAGE);
    CHECK_EQ(p[0], 'x');
    CHECK_EQ(sc(SYS_process_madvise, fd, &v, 1, MADV_DONTNEED, 0), 2 * PAGE); /* Linux 6.13 */
    CHECK_EQ(p[0], 0);
    CHECK_EQ(sc(SYS_process_madvise, fd, &v, 1, 9999, 0), -EINVAL);
    CHECK_EQ(sc(SYS_process_madvise, fd, &v, 1025, MADV_COLD, 0), -EINVAL);
    CHECK_EQ(sc(SYS_process_madvise, fd, 8, 1, MADV_COLD, 0), -EFAULT);
    close(fd);
    CHECK_EQ(sc(SYS_process_madvise, fd, &v, 1, MADV_COLD, 0), -EBADF);
    munmap(p, 2 * PAGE);
}

TEST(signals_and_readiness) {
    int fd = sc(SYS_pidfd_open, getpid(), 0);
    if (fd < 0)
        SKIP("no pidfd_open");
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    struct pollfd p = {fd, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 0);
    CHECK_EQ(sc(SYS_pidfd_send_signal, fd, 0, 0, 0), 0);
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    sigprocmask(SIG_BLOCK, &s, NULL);
    CHECK_EQ(sc(SYS_pidfd_send_signal, fd, SIGUSR1, 0, 0), 0);
    int signo = 0;
    CHECK_EQ(sigwait(&s, &signo), 0);
    CHECK_EQ(signo, SIGUSR1);
    CHECK_EQ(sc(SYS_pidfd_send_signal, fd, 99, 0, 0), -EINVAL);
    CHECK_EQ(sc(SYS_pidfd_send_signal, 0, 0, 0, 0), -EBADF);
    CHECK_EQ(sc(SYS_pidfd_open, 0x3ffffff, 0), -ESRCH);
    CHECK_EQ(sc(SYS_pidfd_open, getpid(), 1), -EINVAL);
    CHECK_EQ(sc(SYS_pidfd_open, 0, 0), -EINVAL);
    int d = sc(SYS_pidfd_getfd, fd, fd, 0);
    CHECK(d >= 0);
    close(d);
    close(fd);
}

/* ---- of other processes -----------------------------------------------------------------------
 */

static int end_of(int pid) {
    int status = 0;
    if (waitpid(pid, &status, 0) != pid)
        return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(child) {
    int p[2];
    char c;
    NEED_OK(pipe(p));
    int pid = fork();
    if (pid == 0) {
        close(p[1]);
        _exit(read(p[0], &c, 1) == 0 ? 33 : 1);
    }
    int fd = sc(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        SKIP("no pidfd_open");
    struct pollfd pf = {fd, POLLIN, 0};
    CHECK_EQ(poll(&pf, 1, 0), 0);
    siginfo_t info = {0};
    CHECK_EQ(sc(SYS_waitid, P_PIDFD, fd, &info, WEXITED | WNOHANG, 0), 0);
    CHECK_EQ(info.si_pid, 0);
    close(p[0]);
    close(p[1]);
    CHECK_EQ(poll(&pf, 1, -1), 1);
    CHECK_EQ(pf.revents, POLLIN);
    CHECK_EQ(sc(SYS_waitid, P_PIDFD, fd, &info, WEXITED | WNOHANG, 0), 0);
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_status, 33);
    CHECK_EQ(sc(SYS_waitid, P_PIDFD, fd, &info, WEXITED, 0), -ECHILD);
    CHECK_EQ(sc(SYS_pidfd_send_signal, fd, 0, 0, 0), -ESRCH);
    CHECK_EQ(poll(&pf, 1, 0), 1);
    close(fd);
}

TEST(kill_child) {
    int pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    int fd = sc(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        SKIP("no pidfd_open");
    CHECK_EQ(sc(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0), 0);
    CHECK_EQ(end_of(pid), -SIGTERM);
    close(fd);
}

TEST(nonblocking_wait) {
    int pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    int fd = sc(SYS_pidfd_open, pid, O_NONBLOCK);
    if (fd < 0)
        SKIP("no pidfd_open");
    siginfo_t info;
    CHECK_EQ(sc(SYS_waitid, P_PIDFD, fd, &info, WEXITED, 0), -EAGAIN);
    kill(pid, SIGKILL);
    CHECK_EQ(end_of(pid), -SIGKILL);
    close(fd);
}

TEST(from_clone) {
    int fd = -1;
    struct clone_args a = {.flags = CLONE_PIDFD, .pidfd = (uint64_t)&fd, .exit_signal = SIGCHLD};
    long pid = sc(SYS_clone3, &a, sizeof(a));
    if (pid == 0)
        _exit(fcntl(3, F_GETFD) == -1 ? 12 : 1); /* the child does not have it */
    NEED(pid > 0);
    CHECK(fd >= 3);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    struct pollfd pf = {fd, POLLIN, 0};
    CHECK_EQ(poll(&pf, 1, -1), 1);
    siginfo_t info;
    CHECK_EQ(sc(SYS_waitid, P_PIDFD, fd, &info, WEXITED, 0), 0);
    CHECK_EQ(info.si_status, 12);
    close(fd);
    a.pidfd = 8;
    CHECK_EQ(sc(SYS_clone3, &a, sizeof(a)), -EFAULT);
    CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD);
}

TEST(in_epoll) {
    int pid = fork();
    if (pid == 0) {
        usleep(10000);
        _exit(0);
    }
    int fd = sc(SYS_pidfd_open, pid, 0), ep = epoll_create1(0);
    if (fd < 0)
        SKIP("no pidfd_open");
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = 7};
    NEED_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e));
    e.data.u32 = 0;
    CHECK_EQ(epoll_wait(ep, &e, 1, -1), 1);
    CHECK_EQ(e.data.u32, 7u);
    CHECK_EQ(end_of(pid), 0);
    close(ep);
    close(fd);
}
