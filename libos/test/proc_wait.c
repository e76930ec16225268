/* Waiting for children: wait4, waitid, their options, SIGCHLD and what it tells. */
#include "oracle_mem.h"
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static int child_of(int code) {
    int pid = fork();
    if (pid == 0)
        _exit(code);
    return pid;
}

/* A child that ends when the pipe's other end is closed. */
static int waiting_child(int p[2], int code) {
    char c;
    if (pipe(p) < 0)
        return -1;
    int pid = fork();
    if (pid == 0) {
        close(p[1]);
        _exit(read(p[0], &c, 1) == 0 ? code : 99);
    }
    close(p[0]);
    return pid;
}

TEST(arguments) {
    CHECK_EQ(sc(SYS_wait4, -1, 0, 0x40, 0), -EINVAL);
    CHECK_EQ(sc(SYS_wait4, INT32_MIN, 0, 0, 0), -ESRCH);
    CHECK_EQ(sc(SYS_wait4, -1, 0, 0, 0), -ECHILD);
    CHECK_EQ(sc(SYS_wait4, getpid(), 0, 0, 0), -ECHILD);
    CHECK_EQ(sc(SYS_waitid, P_ALL, 0, 0, 0, 0), -EINVAL);
    CHECK_EQ(sc(SYS_waitid, P_PID, 0, 0, WEXITED, 0), -EINVAL);
    CHECK_EQ(sc(SYS_waitid, P_PGID, -1, 0, WEXITED, 0), -EINVAL);
    CHECK_EQ(sc(SYS_waitid, 7, 1, 0, WEXITED, 0), -EINVAL);
    CHECK_EQ(sc(SYS_waitid, P_PIDFD, -1, 0, WEXITED, 0), -EINVAL);
    CHECK_EQ(sc(SYS_waitid, P_PIDFD, 0, 0, WEXITED, 0), -EBADF);
    CHECK_EQ(sc(SYS_waitid, P_ALL, 0, 0, WEXITED, 0), -ECHILD);
}

TEST(no_hang) {
    int p[2], status = 1;
    int pid = waiting_child(p, 3);
    CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
    siginfo_t info = {.si_pid = 77, .si_signo = 5};
    CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOHANG), 0);
    CHECK_EQ(info.si_pid, 0);
    CHECK_EQ(info.si_signo, 0);
    close(p[1]);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WEXITSTATUS(status), 3);
    CHECK_ERRNO(waitpid(pid, &status, WNOHANG), ECHILD);
}

TEST(bad_pointers) {
    int pid = child_of(1);
    CHECK_EQ(sc(SYS_wait4, pid, 8, 0, 0), -EFAULT);
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD); /* it was reaped all the same */
    pid = child_of(1);
    CHECK_EQ(sc(SYS_waitid, P_PID, pid, 8, WEXITED, 0), -EFAULT);
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
}

TEST(waitid_tells) {
    siginfo_t info;
    memset(&info, 0x55, sizeof(info));
    int pid = child_of(200);
    CHECK_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
    CHECK_EQ(info.si_signo, SIGCHLD);
    CHECK_EQ(info.si_errno, 0);
    CHECK_EQ(info.si_code, CLD_EXITED);
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_uid, getuid());
    CHECK_EQ(info.si_status, 200);
    memset(&info, 0, sizeof(info));
    CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED), 0); /* it is still there */
    CHECK_EQ(info.si_pid, pid);
    CHECK_ERRNO(waitid(P_PID, pid, &info, WEXITED), ECHILD);
    pid = fork();
    if (pid == 0) {
        signal(SIGTERM, SIG_DFL);
        raise(SIGTERM);
        _exit(0);
    }
    CHECK_EQ(waitid(P_PID, pid, &info, WEXITED), 0);
    CHECK_EQ(info.si_code, CLD_KILLED);
    CHECK_EQ(info.si_status, SIGTERM);
}

TEST(by_group) {
    int status, me = getpgrp();
    int pid = child_of(4);
    CHECK_EQ(waitpid(0, &status, 0), pid);
    pid = child_of(4);
    CHECK_EQ(waitpid(-me, &status, 0), pid);
    pid = child_of(4);
    siginfo_t info;
    CHECK_EQ(waitid(P_PGID, me, &info, WEXITED), 0);
    CHECK_EQ(info.si_pid, pid);
    CHECK_ERRNO(waitpid(-99999, &status, 0), ECHILD);
}

TEST(usage) {
    struct rusage ru;
    memset(&ru, 0x55, sizeof(ru));
    int status, pid = child_of(2);
    CHECK_EQ(wait4(pid, &status, 0, &ru), pid);
    CHECK(ru.ru_utime.tv_sec == 0 && ru.ru_maxrss > 0 && ru.ru_nsignals == 0);
    pid = child_of(2);
    memset(&ru, 0x55, sizeof(ru));
    CHECK_EQ(sc(SYS_waitid, P_PID, pid, 0, WEXITED, &ru), 0);
    CHECK(ru.ru_utime.tv_sec == 0);
}

/* ---- SIGCHLD --------------------------------------------------------------------------------- */

static volatile siginfo_t g_info;
static volatile int g_count;
static void on_chld(int sig, siginfo_t* info, void* context) {
    (void)sig;
    (void)context;
    memcpy((void*)&g_info, info, sizeof(*info));
    g_count++;
}

static void set_handler(int flags) {
    struct sigaction sa = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | flags};
    g_count = 0;
    sigaction(SIGCHLD, &sa, NULL);
}

TEST(sigchld) {
    set_handler(SA_RESTART);
    int status, pid = child_of(11);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(g_count, 1);
    CHECK_EQ(g_info.si_signo, SIGCHLD);
    CHECK_EQ(g_info.si_code, CLD_EXITED);
    CHECK_EQ(g_info.si_pid, pid);
    CHECK_EQ(g_info.si_uid, getuid());
    CHECK_EQ(g_info.si_status, 11);
    signal(SIGCHLD, SIG_DFL);
}

TEST(ends_a_sleep) {
    set_handler(0);
    struct timespec ts = {100, 0};
    int pid = fork();
    if (pid == 0) {
        usleep(20000);
        _exit(0);
    }
    CHECK_ERRNO(nanosleep(&ts, NULL), EINTR);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    CHECK_EQ(g_count, 1);
    signal(SIGCHLD, SIG_DFL);
}

TEST(sigwait_for_child) {
    sigset_t set, old;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &old);
    int pid = child_of(6);
    CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_status, 6);
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), pid);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

TEST(ignored) {
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 3; i++)
        CHECK(child_of(i) > 0);
    CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD); /* after all of them have ended */
    signal(SIGCHLD, SIG_DFL);
}

TEST(no_child_wait) {
    set_handler(SA_NOCLDWAIT | SA_RESTART);
    int pid = child_of(1);
    CHECK(pid > 0);
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
    CHECK_EQ(g_count, 1);
    signal(SIGCHLD, SIG_DFL);
}

static void on_alarm(int sig) {
    (void)sig;
}

TEST(interrupted) {
    struct sigaction sa = {.sa_handler = on_alarm};
    struct itimerval v = {.it_value.tv_usec = 20000, .it_interval.tv_usec = 20000}, off = {0};
    int p[2], status;
    sigaction(SIGALRM, &sa, NULL);
    int pid = waiting_child(p, 3);
    setitimer(ITIMER_REAL, &v, NULL); /* again, should the first come before the wait */
    CHECK_ERRNO(waitpid(pid, &status, 0), EINTR);
    siginfo_t info;
    CHECK_ERRNO(waitid(P_PID, pid, &info, WEXITED), EINTR);
    setitimer(ITIMER_REAL, &off, NULL);
    close(p[1]);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    signal(SIGALRM, SIG_DFL);
}

/* ---- who waits, and for whom ----------------------------------------------------------------- */

static void* wait_in_thread(void* arg) {
    int status, options = *(int*)arg;
    long ret = waitpid(-1, &status, options);
    return (void*)(ret < 0 ? -(long)errno : ret);
}

TEST(threads) {
    pthread_t t;
    void* result;
    int options = __WNOTHREAD, pid = child_of(1);
    NEED(pthread_create(&t, NULL, wait_in_thread, &options) == 0);
    pthread_join(t, &result);
    CHECK_EQ((long)result, -ECHILD);
    options = 0;
    NEED(pthread_create(&t, NULL, wait_in_thread, &options) == 0);
    pthread_join(t, &result);
    CHECK_EQ((long)result, pid);
}

TEST(orphans) {
    int p[2], ids[2] = {0};
    NEED_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    NEED_OK(pipe(p));
    int pid = fork();
    if (pid == 0) {
        int mine = getpid(), grandchild = fork();
        if (grandchild == 0) {
            int now;
            while ((now = getppid()) == mine)
                usleep(1000);
            ids[0] = now;
            ids[1] = getpid();
            _exit(write(p[1], ids, sizeof(ids)) == sizeof(ids) ? 42 : 1);
        }
        _exit(0);
    }
    CHECK_EQ(read(p[0], ids, sizeof(ids)), (long)sizeof(ids));
    CHECK_EQ(ids[0], getpid());
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(waitpid(-1, &status, 0), ids[1]);
    CHECK_EQ(WEXITSTATUS(status), 42);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    close(p[0]);
    close(p[1]);
}

TEST(storm) {
    enum { MANY = 100 };
    int seen = 0, sum = 0, status;
    set_handler(SA_RESTART);
    for (int i = 0; i < MANY; i++)
        NEED(child_of(i) > 0);
    while (seen < MANY && waitpid(-1, &status, 0) > 0) {
        seen++;
        sum += WEXITSTATUS(status);
    }
    CHECK_EQ(seen, MANY);
    CHECK_EQ(sum, MANY * (MANY - 1) / 2);
    CHECK(g_count >= 1 && g_count <= MANY);
    CHECK_ERRNO(waitpid(-1, &status, 0), ECHILD);
    signal(SIGCHLD, SIG_DFL);
}
