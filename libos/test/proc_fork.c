/* New processes: what a child inherits and what it does not, clone's flags, memory, ids. */
#include "oracle_mem.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>

#undef CLONE_NEWTIME

/* The exit code of f() in a child; -signal if it died of one. */
static int in_child(int (*f)(void)) {
    int pid = fork(), status = 0;
    if (pid == 0)
        _exit(f());
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int exits_7(void) {
    return 7;
}

static int killed(void) {
    return kill(getpid(), SIGTERM);
}

TEST(status) {
    CHECK_EQ(in_child(exits_7), 7);
    CHECK_EQ(in_child(killed), -SIGTERM);
    CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD);
}

static int g_parent, g_group, g_session;
static volatile int g_word = 1;

static int child_ids(void) {
    if (getpid() == g_parent || getppid() != g_parent || gettid() != getpid())
        return 1;
    if (getpgrp() != g_group || getsid(0) != g_session)
        return 2;
    g_word = 2;
    return 0;
}

TEST(ids_and_memory) {
    int* shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(shared != MAP_FAILED);
    g_parent = getpid();
    g_group = getpgrp();
    g_session = getsid(0);
    CHECK_EQ(in_child(child_ids), 0);
    CHECK_EQ(g_word, 1);
    int pid = fork();
    if (pid == 0) {
        *shared = getpid();
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    CHECK_EQ(*shared, pid);
}

TEST(pipe_and_descriptors) {
    int p[2];
    char text[16] = {0};
    NEED_OK(pipe(p));
    int pid = fork();
    if (pid == 0) {
        close(p[0]);
        _exit(write(p[1], "from child", 10) != 10);
    }
    close(p[1]);
    CHECK_EQ(read(p[0], text, sizeof(text)), 10);
    CHECK_STR(text, "from child");
    CHECK_EQ(read(p[0], text, 1), 0); /* the child's end is gone */
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    close(p[0]);
}

/* ---- what is not inherited ------------------------------------------------------------------- */

static int child_pending(void) {
    sigset_t set;
    sigpending(&set);
    if (sigismember(&set, SIGUSR1) || sigismember(&set, SIGUSR2))
        return 1;
    sigprocmask(SIG_BLOCK, NULL, &set);
    return sigismember(&set, SIGUSR1) ? 0 : 2; /* the mask is */
}

TEST(pending_signals) {
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR2);
    CHECK_EQ(in_child(child_pending), 0);
    sigpending(&set);
    CHECK(sigismember(&set, SIGUSR1) && sigismember(&set, SIGUSR2));
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    sigprocmask(SIG_SETMASK, &old, NULL);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

static timer_t g_timer;

static int child_timers(void) {
    struct itimerval v;
    struct itimerspec s;
    if (getitimer(ITIMER_REAL, &v) || v.it_value.tv_sec || v.it_value.tv_usec)
        return 1;
    if (getitimer(ITIMER_PROF, &v) || v.it_value.tv_sec || v.it_value.tv_usec)
        return 2;
    if (timer_gettime(g_timer, &s) != -1 || errno != EINVAL)
        return 3;
    return alarm(0) != 0 ? 4 : 0;
}

TEST(timers) {
    struct itimerval prof = {.it_value.tv_sec = 1000};
    alarm(1000);
    NEED_OK(setitimer(ITIMER_PROF, &prof, NULL));
    NEED_OK(timer_create(CLOCK_MONOTONIC, NULL, &g_timer));
    CHECK_EQ(in_child(child_timers), 0);
    CHECK(alarm(0) > 900);
    timer_delete(g_timer);
    prof.it_value.tv_sec = 0;
    setitimer(ITIMER_PROF, &prof, NULL);
}

static int child_alarm(void) {
    alarm(1);
    for (;;)
        pause();
    return 0;
}

TEST(own_timer_in_child) {
    alarm(1000);
    CHECK_EQ(in_child(child_alarm), -SIGALRM);
    CHECK(alarm(0) > 0);
}

static int child_usage(void) {
    struct rusage ru;
    struct tms t;
    if (getrusage(RUSAGE_CHILDREN, &ru) || ru.ru_utime.tv_sec || ru.ru_utime.tv_usec)
        return 1;
    times(&t);
    if (t.tms_cutime || t.tms_cstime || t.tms_utime > 10)
        return 2;
    return 0;
}

static int burns(void) {
    for (volatile long i = 0; i < 40000000; i++)
        ;
    return 0;
}

TEST(usage) {
    struct rusage ru;
    CHECK_EQ(in_child(burns), 0);
    CHECK_EQ(in_child(child_usage), 0);
    NEED_OK(getrusage(RUSAGE_CHILDREN, &ru));
    CHECK(ru.ru_utime.tv_usec || ru.ru_utime.tv_sec);
    CHECK(ru.ru_maxrss > 0);
}

static char* g_pages;

static int child_advice(void) {
    if (g_pages[PAGE] != 0)
        return 1; /* MADV_WIPEONFORK */
    if (g_pages[0] != 1)
        return 2;
    return msync(g_pages + 2 * PAGE, PAGE, MS_ASYNC) == -1 && errno == ENOMEM ? 0 : 3;
}

TEST(memory_advice) {
    g_pages = map_anon(4, PROT_READ | PROT_WRITE);
    memset(g_pages, 1, 4 * PAGE);
    NEED_OK(madvise(g_pages + PAGE, PAGE, MADV_WIPEONFORK));
    NEED_OK(madvise(g_pages + 2 * PAGE, PAGE, MADV_DONTFORK));
    CHECK_EQ(in_child(child_advice), 0);
    CHECK_EQ(g_pages[PAGE], 1);
    munmap(g_pages, 4 * PAGE);
}

static int child_prctl(void) {
    int sig = -1;
    if (prctl(PR_GET_PDEATHSIG, &sig) || sig != 0)
        return 1;
    return umask(022) == 027 ? 0 : 2;
}

TEST(process_attributes) {
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    mode_t old = umask(027);
    CHECK_EQ(in_child(child_prctl), 0);
    umask(old);
    prctl(PR_SET_PDEATHSIG, 0);
}

/* ---- clone ----------------------------------------------------------------------------------- */

TEST(settid_and_cleartid) {
    static int parent_tid, child_tid;
    parent_tid = child_tid = 0;
    long pid = sc(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &parent_tid,
                  &child_tid, 0);
    if (pid == 0)
        _exit(child_tid == sc(SYS_getpid) ? 0 : 1);
    NEED(pid > 0);
    CHECK_EQ(parent_tid, pid);
    CHECK_EQ(child_tid, 0);
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

static int on_own_stack(void* arg) {
    char here;
    return (char*)arg - &here < 64 * 1024 && (char*)arg > &here ? 9 : 1;
}

TEST(own_stack) {
    char* stack = map_anon(16, PROT_READ | PROT_WRITE);
    int status = 0;
    int pid = clone(on_own_stack, stack + 16 * PAGE, SIGCHLD, stack + 16 * PAGE);
    NEED(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WEXITSTATUS(status), 9);
    munmap(stack, 16 * PAGE);
}

static volatile int g_usr1;
static void on_usr1(int sig) {
    (void)sig;
    g_usr1++;
}

TEST(exit_signal) {
    signal(SIGUSR1, on_usr1);
    g_usr1 = 0;
    int status;
    long pid = sc(SYS_clone, SIGUSR1, 0, 0, 0, 0);
    if (pid == 0)
        _exit(4);
    NEED(pid > 0);
    CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD); /* no SIGCHLD: a "clone child" */
    CHECK_EQ(waitpid(pid, &status, __WCLONE), pid);
    CHECK_EQ(WEXITSTATUS(status), 4);
    CHECK_EQ(g_usr1, 1);
    pid = sc(SYS_clone, 0, 0, 0, 0, 0);
    if (pid == 0)
        _exit(5);
    CHECK_EQ(waitpid(pid, &status, __WALL), pid);
    CHECK_EQ(WEXITSTATUS(status), 5);
    signal(SIGUSR1, SIG_DFL);
}

TEST(clear_sighand) {
    signal(SIGUSR1, on_usr1);
    signal(SIGUSR2, SIG_IGN);
    struct clone_args a = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    long pid = sc(SYS_clone3, &a, sizeof(a));
    if (pid == 0) {
        struct sigaction one, two;
        sigaction(SIGUSR1, NULL, &one);
        sigaction(SIGUSR2, NULL, &two);
        _exit(one.sa_handler == SIG_DFL && two.sa_handler == SIG_IGN ? 0 : 1);
    }
    NEED(pid > 0);
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
}

TEST(sibling) { /* CLONE_PARENT: the child's child is ours */
    int p[2], sibling = 0, status = 0;
    NEED_OK(pipe(p));
    int pid = fork();
    if (pid == 0) {
        long c = sc(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
        if (c == 0)
            _exit(21);
        _exit(write(p[1], &c, sizeof(int)) != sizeof(int));
    }
    CHECK_EQ(read(p[0], &sibling, sizeof(int)), (long)sizeof(int));
    CHECK_EQ(waitpid(sibling, &status, 0), sibling);
    CHECK_EQ(WEXITSTATUS(status), 21);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    close(p[0]);
    close(p[1]);
}

TEST(vfork_with_own_memory) {
    int p[2];
    char c = 0;
    NEED_OK(pipe(p));
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    long pid = sc(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        usleep(20000);
        _exit(write(p[1], "x", 1) != 1);
    }
    CHECK_EQ(read(p[0], &c, 1), 1); /* the parent has waited */
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    close(p[0]);
    close(p[1]);
}

static int limited(void) {
    struct rlimit r = {1, 1};
    if (setrlimit(RLIMIT_NPROC, &r) || (getuid() == 0 && setresuid(54321, 54321, 54321)))
        return 1;
    if (fork() != -1 || errno != EAGAIN)
        return 2;
    return 0;
}

TEST(process_limit) {
    CHECK_EQ(in_child(limited), 0);
}

TEST(refused_flags) {
    CHECK_EQ(sc(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), -EINVAL);
    CHECK_EQ(sc(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0), -EINVAL);
    struct clone_args a = {.exit_signal = 65};
    CHECK_EQ(sc(SYS_clone3, &a, sizeof(a)), -EINVAL);
    a = (struct clone_args){.flags = CLONE_PARENT, .exit_signal = SIGCHLD};
    CHECK_EQ(sc(SYS_clone3, &a, sizeof(a)), -EINVAL);
}

/* ---- from threads and handlers --------------------------------------------------------------- */

static void* forking_thread(void* arg) {
    int pid = fork();
    if (pid == 0)
        _exit(gettid() == getpid() ? 31 : 1);
    int status = 0;
    *(int*)arg = waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
    return NULL;
}

TEST(from_a_thread) {
    pthread_t t;
    int result = 0;
    NEED(pthread_create(&t, NULL, forking_thread, &result) == 0);
    pthread_join(t, NULL);
    CHECK_EQ(result, 31);
}

static volatile int g_handler_status;
static void forking_handler(int sig) {
    (void)sig;
    int pid = fork(), status = 0;
    if (pid == 0)
        _exit(17);
    waitpid(pid, &status, 0);
    g_handler_status = WEXITSTATUS(status);
}

TEST(from_a_handler) {
    signal(SIGUSR1, forking_handler);
    raise(SIGUSR1);
    CHECK_EQ(g_handler_status, 17);
    signal(SIGUSR1, SIG_DFL);
}

static int nest(int depth) {
    int status = 0;
    if (!depth)
        return 1;
    int pid = fork();
    if (pid == 0)
        _exit(nest(depth - 1));
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status) + 1;
}

TEST(nested) {
    CHECK_EQ(nest(20), 21);
}

TEST(many_at_once) {
    enum { MANY = 60 };
    int pids[MANY], p[2], sum = 0, status;
    char c;
    NEED_OK(pipe(p));
    for (int i = 0; i < MANY; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            close(p[1]);
            _exit(read(p[0], &c, 1) == 0 ? i : 255); /* all wait for the end of the pipe */
        }
    }
    close(p[0]);
    close(p[1]);
    for (int i = 0; i < MANY; i++) {
        CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
        sum += WEXITSTATUS(status);
    }
    CHECK_EQ(sum, MANY * (MANY - 1) / 2);
}

TEST(in_a_row) {
    int bad = 0;
    for (int i = 0; i < 200; i++)
        bad += in_child(exits_7) != 7;
    CHECK_EQ(bad, 0);
}
