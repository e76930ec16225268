/* wait4, waitid: selectors, what they tell, reaping, SIGCHLD, usage. */
#include <sys/resource.h>
#include <sys/times.h>

#include "job.h"

static int seven(void) {
    return 7;
}

static int burns(void) {
    struct timespec ts;
    volatile unsigned long n = 0;
    do {
        for (int i = 0; i < 100000; i++)
            n++;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    } while (ts.tv_nsec < 50000000 && !ts.tv_sec);
    return 0;
}

TEST(status) {
    int status;
    pid_t pid = child(seven);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
    CHECK_ERRNO(waitpid(-1, &status, 0), ECHILD);
    CHECK_ERRNO(waitpid(-1, &status, WNOHANG), ECHILD);
    CHECK_ERRNO(waitpid(pid, &status, 0x10), EINVAL);
    CHECK_EQ(sc(SYS_wait4, INT32_MIN, &status, 0, NULL), -ESRCH);
    pid = child(seven);
    CHECK_EQ(sc(SYS_wait4, pid, (void*)8, 0, NULL), -EFAULT); /* reaped nevertheless */
    CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
}

TEST(killed) {
    static const int signals[] = {SIGTERM, SIGKILL, SIGHUP, SIGUSR1, 34, 64};
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        pid_t pid = child(sleeps);
        CHECK_EQ(kill(pid, signals[i]), 0);
        int status = end_of(pid);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
    }
}

TEST(selectors) {
    siginfo_t info;
    int status;
    pid_t a = child(sleeps), b = child(sleeps);
    CHECK_EQ(setpgid(b, b), 0);
    CHECK_EQ(waitpid(a, &status, WNOHANG), 0);
    CHECK_EQ(waitpid(-b, &status, WNOHANG), 0);
    CHECK_EQ(waitpid(0, &status, WNOHANG), 0);
    CHECK_ERRNO(waitpid(-a, &status, WNOHANG), ECHILD);
    CHECK_ERRNO(waitpid(1 << 22, &status, WNOHANG), ECHILD);
    memset(&info, 0xff, sizeof(info));
    CHECK_EQ(waitid(P_PGID, b, &info, WEXITED | WNOHANG), 0);
    CHECK_EQ(info.si_pid, 0);
    CHECK_EQ(info.si_signo, 0);
    kill(b, SIGTERM);
    CHECK_EQ(waitid(P_PGID, b, &info, WEXITED | WNOWAIT), 0);
    CHECK_EQ(info.si_pid, b);
    CHECK_EQ(info.si_signo, SIGCHLD);
    CHECK_EQ(info.si_code, CLD_KILLED);
    CHECK_EQ(info.si_status, SIGTERM);
    CHECK_EQ(info.si_uid, getuid());
    CHECK_EQ(waitpid(0, &status, WNOHANG), 0); /* it is in another group */
    CHECK_EQ(waitid(P_PID, b, &info, WEXITED), 0);
    CHECK_ERRNO(waitid(P_PGID, b, &info, WEXITED | WNOHANG), ECHILD);
    CHECK_ERRNO(waitid(P_PID, b, &info, WEXITED | WNOHANG), ECHILD);
    kill(a, SIGKILL);
    CHECK_EQ(waitid(P_ALL, 0, &info, WEXITED), 0);
    CHECK_EQ(info.si_pid, a);
    CHECK_ERRNO(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
    CHECK_ERRNO(waitid(P_PID, a, &info, 0), EINVAL);
    CHECK_ERRNO(waitid(P_PID, 0, &info, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(P_PGID, -1, &info, WEXITED), EINVAL);
    CHECK_ERRNO(waitid(9, a, &info, WEXITED), EINVAL);
}

TEST(sigchld) {
    siginfo_t info;
    block(SIGCHLD);
    pid_t pid = child(seven);
    CHECK_EQ(take(SIGCHLD, &info), SIGCHLD);
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_code, CLD_EXITED);
    CHECK_EQ(info.si_status, 7);
    CHECK_EQ(info.si_uid, getuid());
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), pid); /* it is a zombie by then */
    pid = child(sleeps);
    kill(pid, SIGINT);
    CHECK_EQ(take(SIGCHLD, &info), SIGCHLD);
    CHECK_EQ(info.si_code, CLD_KILLED);
    CHECK_EQ(info.si_status, SIGINT);
    CHECK_EQ(end_of(pid), SIGINT);
    unblock(SIGCHLD);
}

static volatile sig_atomic_t g_signals;
static void count(int sig) {
    (void)sig;
    g_signals++;
}

TEST(interrupted) {
    struct sigaction act = {.sa_handler = count};
    g_signals = 0;
    sigaction(SIGALRM, &act, NULL);
    pid_t pid = child(sleeps);
    ualarm(20000, 20000); /* again, should the first come before the wait */
    CHECK_ERRNO(waitpid(pid, NULL, 0), EINTR);
    ualarm(0, 0);
    CHECK(g_signals >= 1);
    g_signals = 1;
    act.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &act, NULL);
    ualarm(20000, 0);
    sigaction(SIGCHLD, &act, NULL);
    pid_t quick = child(seven);
    int status;
    CHECK_EQ(waitpid(quick, &status, 0), quick); /* SIGCHLD's handler may run before or after */
    while (g_signals < 3)
        pause_ms(5);
    put_down(pid);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGALRM, SIG_DFL);
}

TEST(ignored_children) {
    siginfo_t info;
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = child(seven);
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD); /* waits until it is gone */
    CHECK_ERRNO(kill(pid, 0), ESRCH);
    struct sigaction act = {.sa_handler = count, .sa_flags = SA_NOCLDWAIT};
    g_signals = 0;
    sigaction(SIGCHLD, &act, NULL);
    block(SIGCHLD);
    pid = child(seven);
    CHECK_EQ(take(SIGCHLD, &info), SIGCHLD); /* told, but nothing to wait for */
    CHECK_EQ(info.si_pid, pid);
    CHECK_ERRNO(waitpid(pid, NULL, 0), ECHILD);
    signal(SIGCHLD, SIG_DFL);
    unblock(SIGCHLD);
}

TEST(zombies) {
    pid_t pid = child(seven);
    CHECK_EQ(waitid(P_PID, pid, NULL, WEXITED | WNOWAIT), 0);
    CHECK_EQ(kill(pid, 0), 0);
    CHECK_EQ(kill(pid, SIGKILL), 0);
    CHECK_EQ(getpgid(pid), getpgrp());
    int status = end_of(pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    CHECK_ERRNO(kill(pid, 0), ESRCH);
    CHECK_ERRNO(getpgid(pid), ESRCH);
    CHECK_ERRNO(getsid(pid), ESRCH);
}

TEST(usage) {
    struct rusage before, ru, after;
    struct tms t;
    int status;
    CHECK_EQ(getrusage(RUSAGE_CHILDREN, &before), 0);
    pid_t pid = child(burns);
    CHECK_EQ(waitid(P_PID, pid, NULL, WEXITED | WNOWAIT), 0);
    CHECK_EQ(getrusage(RUSAGE_CHILDREN, &after), 0);
    CHECK_EQ(after.ru_utime.tv_sec, before.ru_utime.tv_sec); /* only of those waited for */
    CHECK_EQ(after.ru_utime.tv_usec, before.ru_utime.tv_usec);
    CHECK_EQ(wait4(pid, &status, 0, &ru), pid);
    long us = (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000 + ru.ru_utime.tv_usec +
              ru.ru_stime.tv_usec;
    CHECK(us >= 40000 && us < 2000000);
    CHECK(ru.ru_maxrss > 100);
    CHECK_EQ(getrusage(RUSAGE_CHILDREN, &after), 0);
    CHECK(after.ru_utime.tv_sec * 1000000 + after.ru_utime.tv_usec + after.ru_stime.tv_usec >=
          40000);
    CHECK(times(&t) != -1);
    CHECK(t.tms_cutime + t.tms_cstime >= 3);
}

static int has_grandchild(void) {
    pid_t pid = child(burns);
    return end_of(pid);
}

TEST(usage_of_grandchildren) {
    struct rusage ru;
    pid_t pid = child(has_grandchild);
    CHECK_EQ(wait4(pid, NULL, 0, &ru), pid);
    CHECK(ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec + ru.ru_stime.tv_usec >= 40000);
}

static int clone_with(int exit_signal) {
    return (int)syscall(SYS_clone, exit_signal, 0, NULL, NULL, 0);
}

TEST(exit_signals) {
    siginfo_t info;
    int status;
    block(SIGUSR2);
    pid_t pid = clone_with(SIGUSR2);
    if (pid == 0)
        _exit(3);
    CHECK_EQ(take(SIGUSR2, &info), SIGUSR2);
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_code, CLD_EXITED);
    CHECK_ERRNO(waitpid(pid, &status, WNOHANG), ECHILD);
    CHECK_EQ(waitpid(pid, &status, __WCLONE), pid);
    unblock(SIGUSR2);
    pid = clone_with(0);
    if (pid == 0)
        _exit(4);
    CHECK_EQ(waitpid(pid, &status, __WALL), pid);
    CHECK_EQ(WEXITSTATUS(status), 4);
    pid = child(seven);
    CHECK_ERRNO(waitpid(pid, &status, __WCLONE | WNOHANG), ECHILD);
    CHECK_EQ(waitpid(pid, &status, __WALL), pid);
}

TEST(many) {
    enum { N = 30 };
    pid_t pids[N];
    unsigned long seen = 0;
    for (int i = 0; i < N; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(i);
    }
    for (int i = 0; i < N; i++) {
        int status;
        pid_t pid = wait(&status);
        for (int k = 0; k < N; k++) {
            if (pids[k] == pid && WEXITSTATUS(status) == k)
                seen |= 1UL << k;
        }
    }
    CHECK_EQ(seen, (1UL << N) - 1);
    CHECK_ERRNO(wait(NULL), ECHILD);
}
