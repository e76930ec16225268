/* Signals from process to process: kill, tkill, tgkill, rt_sigqueueinfo; whom they reach, what the
 * receiver learns, permissions. */
#include <pthread.h>
#include <sys/resource.h>

#include "job.h"

static struct gate g_ready, g_go;

static int tells_one(void) {
    siginfo_t info;
    gate_open(&g_ready);
    int sig = take(SIGUSR1, &info);
    CHECK_EQ(sig, SIGUSR1);
    CHECK_EQ(info.si_code, SI_USER);
    CHECK_EQ(info.si_pid, getppid());
    CHECK_EQ(info.si_uid, getuid());
    CHECK_EQ(take(SIGRTMIN, &info), SIGRTMIN);
    CHECK_EQ(info.si_code, SI_QUEUE);
    CHECK_EQ(info.si_pid, getppid());
    CHECK_EQ(info.si_value.sival_int, 77);
    CHECK_EQ(take(SIGUSR2, &info), SIGUSR2);
    CHECK_EQ(info.si_code, SI_TKILL);
    CHECK_EQ(info.si_pid, getppid());
    return 5;
}

TEST(what_is_told) {
    gate_make(&g_ready);
    gate_make(&g_go);
    block(SIGUSR1);
    block(SIGUSR2);
    block(SIGRTMIN);
    pid_t pid = child(tells_one);
    gate_pass(&g_ready);
    CHECK_EQ(kill(pid, SIGUSR1), 0);
    CHECK_EQ(sigqueue(pid, SIGRTMIN, (union sigval){.sival_int = 77}), 0);
    CHECK_EQ(sc(SYS_tgkill, pid, pid, SIGUSR2), 0);
    CHECK_EQ(WEXITSTATUS(end_of(pid)), 5);
}

TEST(errors) {
    pid_t pid = child(sleeps);
    siginfo_t info = {.si_code = SI_QUEUE};
    CHECK_EQ(kill(pid, 0), 0);
    CHECK_ERRNO(kill(pid, 65), EINVAL);
    CHECK_ERRNO(kill(pid, -1), EINVAL);
    CHECK_ERRNO(kill(1 << 21, 0), ESRCH);
    CHECK_ERRNO(kill(1 << 21, 99), ESRCH);
    CHECK_ERRNO(kill(-(1 << 21), 0), ESRCH);
    CHECK_EQ(sc(SYS_kill, INT32_MIN, 0), -ESRCH);
    CHECK_EQ(sc(SYS_tgkill, pid, pid, 0), 0);
    CHECK_EQ(sc(SYS_tgkill, getpid(), pid, 0), -ESRCH);
    CHECK_EQ(sc(SYS_tgkill, pid, pid, 65), -EINVAL);
    CHECK_EQ(sc(SYS_tgkill, pid, 0, 0), -EINVAL);
    CHECK_EQ(sc(SYS_tgkill, 0, pid, 0), -EINVAL);
    CHECK_EQ(sc(SYS_tkill, pid, 0), 0);
    CHECK_EQ(sc(SYS_tkill, 1 << 21, 0), -ESRCH);
    CHECK_EQ(sc(SYS_rt_sigqueueinfo, pid, 0, &info), 0);
    CHECK_EQ(sc(SYS_rt_sigqueueinfo, pid, 0, (void*)8), -EFAULT);
    info.si_code = SI_USER;
    CHECK_EQ(sc(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info), -EPERM);
    info.si_code = SI_TKILL;
    CHECK_EQ(sc(SYS_rt_sigqueueinfo, pid, SIGUSR1, &info), -EPERM);
    CHECK_EQ(sc(SYS_rt_tgsigqueueinfo, pid, pid, SIGUSR1, &info), -EPERM);
    info.si_code = SI_QUEUE;
    CHECK_EQ(sc(SYS_rt_tgsigqueueinfo, pid, pid, 0, &info), 0);
    CHECK_EQ(sc(SYS_rt_tgsigqueueinfo, pid, 1 << 21, 0, &info), -ESRCH);
    put_down(pid);
    CHECK_ERRNO(kill(pid, 0), ESRCH);
}

static int counts_queued(void) {
    siginfo_t info;
    gate_pass(&g_go);
    for (int i = 0; i < 5; i++) { /* each, in order */
        CHECK_EQ(take(SIGRTMIN + 1, &info), SIGRTMIN + 1);
        CHECK_EQ(info.si_value.sival_int, i);
    }
    CHECK_EQ(take(SIGUSR1, NULL), SIGUSR1); /* once */
    CHECK(!is_pending(SIGUSR1));
    CHECK(!is_pending(SIGRTMIN + 1));
    return 0;
}

TEST(queued) {
    block(SIGRTMIN + 1);
    pid_t pid = child(counts_queued);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(sigqueue(pid, SIGRTMIN + 1, (union sigval){.sival_int = i}), 0);
        CHECK_EQ(kill(pid, SIGUSR1), 0);
    }
    gate_open(&g_go);
    CHECK_EQ(end_of(pid), 0);
}

static volatile sig_atomic_t g_got;
static void count(int sig) {
    (void)sig;
    g_got++;
}

static int in_guest_code(void) {
    signal(SIGALRM, count);
    gate_open(&g_ready);
    while (!g_got)
        ;
    return 3;
}

static int in_call(void) {
    struct sigaction act = {.sa_handler = count};
    sigaction(SIGALRM, &act, NULL);
    gate_open(&g_ready);
    CHECK_EQ(pause(), -1);
    CHECK_EQ(errno, EINTR);
    return g_got == 1 ? 3 : 4;
}

TEST(interrupts) {
    pid_t pid = child(in_guest_code);
    gate_pass(&g_ready);
    CHECK_EQ(kill(pid, SIGALRM), 0);
    CHECK_EQ(WEXITSTATUS(end_of(pid)), 3);
    pid = child(in_call);
    gate_pass(&g_ready);
    int status = 0;
    for (int i = 0; i < 250; i++) { /* until it has come into the call */
        kill(pid, SIGALRM);
        pause_ms(20);
        if (waitpid(pid, &status, WNOHANG) == pid)
            break;
    }
    CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 3 || WEXITSTATUS(status) == 4));
}

static pid_t g_pids[3];

static int member(void) {
    block(SIGRTMIN + 2);
    gate_open(&g_ready);
    return take(SIGRTMIN + 2, NULL) == SIGRTMIN + 2 ? 6 : 7;
}

TEST(groups) {
    for (int i = 0; i < 3; i++) {
        g_pids[i] = child(member);
        setpgid(g_pids[i], g_pids[0]);
    }
    for (int i = 0; i < 3; i++)
        gate_pass(&g_ready);
    CHECK_EQ(kill(-g_pids[0], SIGRTMIN + 2), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(WEXITSTATUS(end_of(g_pids[i])), 6);
    CHECK_ERRNO(kill(-g_pids[0], 0), ESRCH);
}

TEST(large_group) {
    enum { N = 100 };
    pid_t leader = 0;
    int ended = 0, status;
    for (int i = 0; i < N; i++) {
        pid_t pid = child(sleeps);
        leader = leader ? leader : pid;
        setpgid(pid, leader);
    }
    for (int i = 0; i < 5; i++)
        CHECK_EQ(kill(-leader, SIGURG), 0);
    CHECK_EQ(kill(-leader, SIGTERM), 0);
    while (waitpid(-leader, &status, 0) > 0)
        ended += WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
    CHECK_EQ(ended, N);
}

static int kills_own_group(void) {
    setpgid(0, 0);
    block(SIGRTMIN + 2);
    pid_t a = child(member), b = child(member);
    gate_pass(&g_ready);
    gate_pass(&g_ready);
    CHECK_EQ(kill(0, SIGRTMIN + 2), 0);
    CHECK(is_pending(SIGRTMIN + 2)); /* for the sender before kill returns */
    CHECK_EQ(WEXITSTATUS(end_of(a)), 6);
    CHECK_EQ(WEXITSTATUS(end_of(b)), 6);
    return 2;
}

TEST(own_group) {
    pid_t pid = child(kills_own_group);
    CHECK_EQ(WEXITSTATUS(end_of(pid)), 2);
    CHECK(!is_pending(SIGRTMIN + 2));
}

static int dies_of_own_group(void) {
    setpgid(0, 0);
    child(sleeps);
    kill(0, SIGTERM);
    return 1;
}

TEST(group_kill_includes_self) {
    CHECK_EQ(end_of(child(dies_of_own_group)), SIGTERM);
}

static int becomes_other(void) {
    if (setresuid(12345, 12345, 12345))
        return 9;
    gate_open(&g_ready);
    return sleeps();
}

static pid_t g_root_child, g_other;

static int unprivileged(void) {
    if (setresuid(54321, 54321, 54321))
        return 9;
    CHECK_ERRNO(kill(g_root_child, 0), EPERM);
    CHECK_ERRNO(kill(g_root_child, SIGTERM), EPERM);
    CHECK_ERRNO(kill(g_other, SIGTERM), EPERM);
    CHECK_EQ(sc(SYS_tgkill, g_other, g_other, 0), -EPERM);
    CHECK_EQ(kill(g_other, SIGCONT), 0); /* within the session */
    CHECK_ERRNO(kill(-g_other, SIGTERM), EPERM);
    pid_t own = child(sleeps);
    CHECK_EQ(kill(own, SIGTERM), 0);
    CHECK_EQ(end_of(own), SIGTERM);
    return 0;
}

static int same_saved(void) { /* real uid of the sender against the saved one of the receiver */
    if (setresuid(54321, 12345, 54321))
        return 9;
    CHECK_EQ(kill(g_other, 0), 0);
    return 0;
}

TEST(permissions) {
    if (getuid() != 0)
        SKIP("needs root");
    g_root_child = child(sleeps);
    g_other = child(becomes_other);
    setpgid(g_other, g_other);
    gate_pass(&g_ready);
    CHECK_EQ(end_of(child(unprivileged)), 0);
    CHECK_EQ(end_of(child(same_saved)), 0);
    CHECK_EQ(kill(g_other, SIGTERM), 0); /* root may */
    CHECK_EQ(end_of(g_other), SIGTERM);
    put_down(g_root_child);
}

static int limited(void) {
    gate_open(&g_ready);
    gate_pass(&g_go);
    return 0;
}

TEST(queue_limit) {
    struct rlimit old, few = {5, 5};
    block(SIGRTMIN + 3);
    getrlimit(RLIMIT_SIGPENDING, &old);
    few.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_SIGPENDING, &few);
    pid_t pid = child(limited);
    gate_pass(&g_ready);
    int sent = 0, ret = 0;
    while (sent < 100 && (ret = sigqueue(pid, SIGRTMIN + 3, (union sigval){.sival_int = 1})) == 0)
        sent++;
    CHECK_EQ(ret, -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK(sent <= 5);
    CHECK_EQ(kill(pid, SIGRTMIN + 3), 0); /* without a value it is always taken */
    gate_open(&g_go);
    CHECK_EQ(end_of(pid), 0);
    setrlimit(RLIMIT_SIGPENDING, &old);
}

static void* thread_waits(void* arg) {
    (void)arg;
    siginfo_t info;
    return take(SIGUSR2, &info) == SIGUSR2 ? arg : (void*)1;
}

static pid_t g_thread_tid;
static int g_tid_pipe[2];

static void* thread_of_child(void* arg) {
    pid_t tid = (pid_t)syscall(SYS_gettid);
    if (write(g_tid_pipe[1], &tid, sizeof(tid)) != sizeof(tid))
        return (void*)2;
    return thread_waits(arg);
}

static int has_thread(void) {
    pthread_t t;
    void* result = NULL;
    pthread_create(&t, NULL, thread_of_child, NULL);
    pthread_join(t, &result);
    CHECK(!is_pending(SIGUSR2));
    return result ? 1 : 0;
}

TEST(thread_of_another) {
    CHECK_EQ(pipe(g_tid_pipe), 0);
    pid_t pid = child(has_thread);
    CHECK_EQ(read(g_tid_pipe[0], &g_thread_tid, sizeof(g_thread_tid)), sizeof(g_thread_tid));
    CHECK(g_thread_tid != pid);
    CHECK_EQ(sc(SYS_tgkill, g_thread_tid, g_thread_tid, 0), -ESRCH);
    CHECK_EQ(kill(g_thread_tid, 0), 0); /* names its process */
    CHECK_EQ(getpgid(g_thread_tid), getpgrp());
    CHECK_ERRNO(setpgid(g_thread_tid, 0), EINVAL);
    CHECK_EQ(sc(SYS_tgkill, pid, g_thread_tid, SIGUSR2), 0);
    CHECK_EQ(end_of(pid), 0);
}

static volatile int g_rounds;
static void ping(int sig) {
    (void)sig;
    g_rounds++;
}

static pid_t g_peer;

static int plays(void) {
    sigset_t none;
    signal(SIGUSR1, ping);
    g_peer = getppid();
    sigprocmask(SIG_SETMASK, NULL, &none);
    sigdelset(&none, SIGUSR1);
    for (int i = 0; i < 500; i++) {
        int seen = g_rounds;
        while (g_rounds == seen)
            sigsuspend(&none);
        kill(g_peer, SIGUSR1);
    }
    return 0;
}

TEST(ping_pong) {
    sigset_t none;
    signal(SIGUSR1, ping);
    pid_t pid = child(plays);
    sigprocmask(SIG_SETMASK, NULL, &none);
    sigdelset(&none, SIGUSR1);
    g_rounds = 0;
    for (int i = 0; i < 500; i++) {
        int seen = g_rounds;
        kill(pid, SIGUSR1);
        while (g_rounds == seen)
            sigsuspend(&none);
    }
    CHECK_EQ(g_rounds, 500);
    CHECK_EQ(end_of(pid), 0);
}
