/* A descriptor of one's own process: signals, readiness, memory advice, descriptors taken. */
#include "oracle_mem.h"
#include <poll.h>
#include <sys/uio.h>

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
