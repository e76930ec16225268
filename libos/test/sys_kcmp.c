/* kcmp(2): which threads and descriptors share what. */
#include <linux/kcmp.h>
#include <pthread.h>

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
