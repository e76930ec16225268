/* kcmp(2): which threads and descriptors share what. */
#include <linux/kcmp.h>
#include <pthread.h>

#include <sys/epoll.h>

#include "oracle.h"

static long kcmp(int pid1, int pid2, int type, unsigned long a, unsigned long b) {
    return syscall(SYS_kcmp, pid1, pid2, type, a, b);
}

TEST(files) {
    int me = getpid(), copy = dup(1), fds[2];
    CHECK_EQ(pipe(fds), 0);
    CHECK_EQ(kcmp(me, me, KCMP_FILE, 1, copy), 0);
    long order = kcmp(me, me, KCMP_FILE, fds[0], fds[1]);
    CHECK(order == 1 || order == 2);
    CHECK_EQ(kcmp(me, me, KCMP_FILE, fds[1], fds[0]), 3 - order);
    CHECK_ERRNO(kcmp(me, me, KCMP_FILE, 1, 999), EBADF);
}

static void* compare_with_main(void* arg) {
    int me = syscall(SYS_gettid), main_tid = getpid();
    static const int types[] = {KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND};
    for (int i = 0; i < 4; i++)
        CHECK_EQ(kcmp(me, main_tid, types[i], 0, 0), 0);
    return arg;
}

TEST(epoll_targets) {
    int ep = epoll_create1(0), p[2];
    NEED_OK(pipe(p));
    struct epoll_event e = {.events = EPOLLIN};
    CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
    struct kcmp_epoll_slot slot = {ep, p[0], 0};
    pid_t me = getpid();
    CHECK_EQ(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[0], &slot), 0);
    CHECK(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[1], &slot) > 0);
    slot.toff = 1;
    CHECK_ERRNO(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[0], &slot), ENOENT);
    slot = (struct kcmp_epoll_slot){ep, p[1], 0};
    CHECK_ERRNO(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[0], &slot), ENOENT);
    slot.efd = p[0];
    CHECK_ERRNO(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[0], &slot), EINVAL);
    slot.efd = 9999;
    CHECK_ERRNO(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[0], &slot), EBADF);
    CHECK_ERRNO(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, 9999, &slot), EBADF);
    CHECK_ERRNO(syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, p[0], 8), EFAULT);
    close(ep);
    close(p[0]);
    close(p[1]);
}

TEST(threads) {
    pthread_t t;
    CHECK_EQ(pthread_create(&t, NULL, compare_with_main, NULL), 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
}

TEST(errors) {
    int me = getpid();
    CHECK_ERRNO(kcmp(me, 0x7ffffff0, KCMP_VM, 0, 0), ESRCH);
    CHECK_ERRNO(kcmp(me, me, 100, 0, 0), EINVAL);
}
