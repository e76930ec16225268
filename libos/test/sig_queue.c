/* Masks, pending sets, order and limits of queued signals, siginfo of each way to send. */
#include "oracle.h"
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

static int order[256], values[256], codes[256];
static volatile int count;

/* The raw call: the libc's changes SI_TKILL to SI_USER. */
static long wait_info(sigset_t* s, siginfo_t* info) {
    return sc(SYS_rt_sigtimedwait, s, info, NULL, 8);
}

static void note(int signo, siginfo_t* info, void* context) {
    (void)context;
    int n = count++;
    order[n] = signo;
    values[n] = info->si_value.sival_int;
    codes[n] = info->si_code;
}

static void catch_with(int signo, int flags) {
    struct sigaction sa = {.sa_sigaction = note, .sa_flags = SA_SIGINFO | flags};
    sigaction(signo, &sa, NULL);
}

static sigset_t set_of(int a, int b) {
    sigset_t s;
    sigemptyset(&s);
    if (a)
        sigaddset(&s, a);
    if (b)
        sigaddset(&s, b);
    return s;
}

TEST(standard_coalesce) {
    catch_with(SIGUSR1, 0);
    sigset_t s = set_of(SIGUSR1, 0), pending, old;
    count = 0;
    CHECK_OK(sigprocmask(SIG_BLOCK, &s, &old));
    CHECK_EQ(sigismember(&old, SIGUSR1), 0);
    for (int i = 0; i < 5; i++)
        CHECK_OK(kill(getpid(), SIGUSR1));
    CHECK_EQ(count, 0);
    CHECK_OK(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
    CHECK_OK(sigprocmask(SIG_UNBLOCK, &s, NULL));
    CHECK_EQ(count, 1);
    CHECK_EQ(codes[0], SI_USER);
    CHECK_OK(sigpending(&pending));
    CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
}

TEST(realtime_queue) {
    int rt = SIGRTMIN + 2;
    catch_with(rt, 0);
    sigset_t s = set_of(rt, 0);
    sigprocmask(SIG_BLOCK, &s, NULL);
    count = 0;
    for (int i = 0; i < 10; i++)
        CHECK_OK(sigqueue(getpid(), rt, (union sigval){.sival_int = 100 + i}));
    CHECK_OK(kill(getpid(), rt));
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    CHECK_EQ(count, 11);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(values[i], 100 + i);
        CHECK_EQ(codes[i], SI_QUEUE);
    }
    CHECK_EQ(codes[10], SI_USER);
}

TEST(delivery_order) {
    /* lowest number first; as handlers stack up, the one delivered last runs first unless masked */
    static const int signals[] = {34 + 9, SIGTERM, 34 + 4, SIGUSR2, SIGHUP, SIGUSR1};
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (int i = 0; i < 6; i++) {
        struct sigaction sa = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
        sigfillset(&sa.sa_mask);
        sigaction(signals[i], &sa, NULL);
        kill(getpid(), signals[i]);
    }
    count = 0;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    CHECK_EQ(count, 6);
    for (int i = 0; i < count; i++)
        say("order %d\n", order[i]);
}

TEST(synchronous_first) {
    catch_with(SIGSEGV, 0);
    catch_with(SIGHUP, 0);
    sigset_t s = set_of(SIGSEGV, SIGHUP);
    sigprocmask(SIG_BLOCK, &s, NULL);
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGSEGV);
    count = 0;
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    CHECK_EQ(count, 2);
    for (int i = 0; i < count; i++)
        say("order %d\n", order[i]);
    signal(SIGSEGV, SIG_DFL);
}

TEST(thread_before_process) {
    int rt = SIGRTMIN + 1;
    catch_with(rt, 0);
    sigset_t s = set_of(rt, 0), p;
    sigprocmask(SIG_BLOCK, &s, NULL);
    count = 0;
    siginfo_t info = {.si_signo = rt, .si_code = SI_QUEUE, .si_pid = getpid(), .si_uid = getuid()};
    info.si_value.sival_int = 1;
    CHECK_EQ(sc(SYS_rt_sigqueueinfo, getpid(), rt, &info), 0);
    info.si_value.sival_int = 2;
    CHECK_EQ(sc(SYS_rt_tgsigqueueinfo, getpid(), gettid(), rt, &info), 0);
    sigpending(&p);
    CHECK(sigismember(&p, rt));
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    CHECK_EQ(count, 2);
    say("values %d %d\n", values[0], values[1]);
}

TEST(info_of_senders) {
    catch_with(SIGUSR1, 0);
    siginfo_t info;
    sigset_t s = set_of(SIGUSR1, SIGUSR2);
    sigprocmask(SIG_BLOCK, &s, NULL);
    kill(getpid(), SIGUSR1);
    CHECK_EQ(wait_info(&s, &info), SIGUSR1);
    CHECK_EQ(info.si_code, SI_USER);
    CHECK_EQ(info.si_pid, getpid());
    CHECK_EQ(info.si_uid, getuid());
    CHECK_EQ(info.si_errno, 0);
    CHECK_EQ(sc(SYS_tkill, gettid(), SIGUSR2), 0);
    CHECK_EQ(wait_info(&s, &info), SIGUSR2);
    CHECK_EQ(info.si_code, SI_TKILL);
    CHECK_EQ(sc(SYS_tgkill, getpid(), gettid(), SIGUSR2), 0);
    CHECK_EQ(wait_info(&s, &info), SIGUSR2);
    CHECK_EQ(info.si_code, SI_TKILL);
    CHECK_EQ(info.si_pid, getpid());
    raise(SIGUSR1);
    CHECK_EQ(wait_info(&s, &info), SIGUSR1);
    CHECK_EQ(info.si_code, SI_TKILL);
    sigqueue(getpid(), SIGUSR1, (union sigval){.sival_ptr = (void*)0x123456789abc});
    CHECK_EQ(wait_info(&s, &info), SIGUSR1);
    CHECK_EQ(info.si_value.sival_ptr, 0x123456789abc);
    /* one's own code is kept as it is, if negative and not SI_TKILL for others */
    memset(&info, 0, sizeof(info));
    info.si_code = -60;
    info.si_pid = 77;
    info.si_errno = 5;
    CHECK_EQ(sc(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info), 0);
    memset(&info, 0, sizeof(info));
    CHECK_EQ(wait_info(&s, &info), SIGUSR1);
    CHECK_EQ(info.si_code, -60);
    CHECK_EQ(info.si_pid, 77);
    CHECK_EQ(info.si_errno, 5);
    CHECK_EQ(info.si_signo, SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
}

TEST(send_errors) {
    CHECK_ERRNO(kill(getpid(), 65), EINVAL);
    CHECK_ERRNO(kill(getpid(), -1), EINVAL);
    CHECK_OK(kill(getpid(), 0));
    CHECK_ERRNO(kill(0x3ffffff, 0), ESRCH);
    CHECK_EQ(sc(SYS_tkill, 0, 0), -EINVAL);
    CHECK_EQ(sc(SYS_tkill, -1, 0), -EINVAL);
    CHECK_EQ(sc(SYS_tgkill, getpid(), 0, 0), -EINVAL);
    CHECK_EQ(sc(SYS_tgkill, 0, gettid(), 0), -EINVAL);
    CHECK_EQ(sc(SYS_tgkill, getpid(), 0x3ffffff, 0), -ESRCH);
    CHECK_EQ(sc(SYS_tgkill, getpid(), gettid(), 65), -EINVAL);
    CHECK_EQ(sc(SYS_tkill, 0x3ffffff, 0), -ESRCH);
    CHECK_EQ(sc(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 8), -EFAULT);
    siginfo_t info = {.si_code = SI_QUEUE};
    CHECK_EQ(sc(SYS_rt_tgsigqueueinfo, 0, gettid(), SIGUSR1, &info), -EINVAL);
    CHECK_EQ(sc(SYS_rt_tgsigqueueinfo, getpid(), 0x3ffffff, SIGUSR1, &info), -ESRCH);
}

TEST(action_errors) {
    struct sigaction sa = {.sa_handler = SIG_IGN}, old;
    CHECK_ERRNO(sigaction(SIGKILL, &sa, NULL), EINVAL);
    CHECK_ERRNO(sigaction(SIGSTOP, &sa, NULL), EINVAL);
    CHECK_OK(sigaction(SIGKILL, NULL, &old));
    CHECK_ERRNO(sigaction(0, NULL, &old), EINVAL);
    CHECK_ERRNO(sigaction(65, NULL, &old), EINVAL);
    CHECK_EQ(sc(SYS_rt_sigaction, SIGUSR1, 0, 0, 4), -EINVAL);
    CHECK_EQ(sc(SYS_rt_sigaction, SIGUSR1, 8, 0, 8), -EFAULT);
    CHECK_EQ(sc(SYS_rt_sigaction, SIGUSR1, 0, 8, 8), -EFAULT);
    CHECK_EQ(sc(SYS_rt_sigprocmask, 7, &sa, 0, 8), -EINVAL);
    CHECK_EQ(sc(SYS_rt_sigprocmask, SIG_BLOCK, &sa, 0, 16), -EINVAL);
    CHECK_EQ(sc(SYS_rt_sigprocmask, 7, 0, 0, 8), 0);
    CHECK_EQ(sc(SYS_rt_sigprocmask, SIG_BLOCK, 8, 0, 8), -EFAULT);
    CHECK_EQ(sc(SYS_rt_sigpending, &old, 9), -EINVAL);
    CHECK_EQ(sc(SYS_rt_sigpending, 8, 8), -EFAULT);
    sigset_t all, now;
    sigfillset(&all);
    sc(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
    sc(SYS_rt_sigprocmask, 0, 0, &now, 8);
    CHECK_EQ(sigismember(&now, SIGKILL), 0);
    CHECK_EQ(sigismember(&now, SIGSTOP), 0);
    CHECK_EQ(sigismember(&now, SIGTERM), 1);
    sigemptyset(&all);
    sc(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
}

TEST(ignore_discards) {
    sigset_t s = set_of(SIGUSR1, SIGCHLD), pending;
    signal(SIGUSR1, SIG_DFL);
    sigprocmask(SIG_BLOCK, &s, NULL);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGCHLD); /* ignored by default, but blocked: stays pending */
    sigpending(&pending);
    CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
    CHECK_EQ(sigismember(&pending, SIGCHLD), 1);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    sigpending(&pending);
    CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
    CHECK_EQ(sigismember(&pending, SIGCHLD), 0);
    signal(SIGUSR1, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
}

TEST(pending_limit) {
    int rt = SIGRTMIN + 5;
    struct rlimit old, small;
    getrlimit(RLIMIT_SIGPENDING, &old);
    small = old;
    small.rlim_cur = 0;
    catch_with(rt, 0);
    catch_with(SIGUSR1, 0);
    sigset_t s = set_of(rt, SIGUSR1);
    sigprocmask(SIG_BLOCK, &s, NULL);
    CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &small));
    CHECK_ERRNO(sigqueue(getpid(), rt, (union sigval){.sival_int = 1}), EAGAIN);
    CHECK_OK(kill(getpid(), SIGUSR1)); /* standard signals always get through */
    setrlimit(RLIMIT_SIGPENDING, &old);
    count = 0;
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    CHECK_EQ(count, 1);
    CHECK_EQ(order[0], SIGUSR1);
}

TEST(timed_wait) {
    sigset_t s = set_of(SIGUSR1, SIGUSR2);
    sigprocmask(SIG_BLOCK, &s, NULL);
    struct timespec zero = {0, 0}, little = {0, 2000000}, bad = {0, 1000000000};
    CHECK_ERRNO(sigtimedwait(&s, NULL, &zero), EAGAIN);
    CHECK_ERRNO(sigtimedwait(&s, NULL, &little), EAGAIN);
    CHECK_ERRNO(sigtimedwait(&s, NULL, &bad), EINVAL);
    CHECK_EQ(sc(SYS_rt_sigtimedwait, &s, 0, &zero, 4), -EINVAL);
    CHECK_EQ(sc(SYS_rt_sigtimedwait, 8, 0, &zero, 8), -EFAULT);
    kill(getpid(), SIGUSR2);
    kill(getpid(), SIGUSR1);
    CHECK_EQ(sigtimedwait(&s, NULL, &zero), SIGUSR1);
    CHECK_EQ(sigtimedwait(&s, NULL, NULL), SIGUSR2);
    /* a handler for another signal interrupts it */
    catch_with(SIGALRM, SA_RESTART);
    timer_t t;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec when = {{0, 0}, {0, 3000000}};
    NEED_OK(timer_create(CLOCK_MONOTONIC, &ev, &t));
    timer_settime(t, 0, &when, NULL);
    CHECK_ERRNO(sigtimedwait(&s, NULL, NULL), EINTR);
    timer_delete(t);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
}

TEST(suspend_and_pause) {
    sigset_t s = set_of(SIGUSR1, 0), none, now;
    sigemptyset(&none);
    catch_with(SIGUSR1, SA_RESTART);
    sigprocmask(SIG_BLOCK, &s, NULL);
    kill(getpid(), SIGUSR1);
    count = 0;
    CHECK_ERRNO(sigsuspend(&none), EINTR);
    CHECK_EQ(count, 1);
    sigprocmask(SIG_SETMASK, NULL, &now);
    CHECK_EQ(sigismember(&now, SIGUSR1), 1);
    CHECK_EQ(sc(SYS_rt_sigsuspend, &none, 4), -EINVAL);
    CHECK_EQ(sc(SYS_rt_sigsuspend, 8, 8), -EFAULT);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    catch_with(SIGALRM, SA_RESTART);
    timer_t t;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec when = {{0, 0}, {0, 3000000}};
    NEED_OK(timer_create(CLOCK_MONOTONIC, &ev, &t));
    timer_settime(t, 0, &when, NULL);
    CHECK_ERRNO(pause(), EINTR);
    timer_delete(t);
}

static void* wait_in_thread(void* p) {
    sigset_t s = set_of(SIGUSR1, 0);
    int signo = 0;
    sigwait(&s, &signo);
    *(int*)p = signo;
    return NULL;
}

TEST(threads_share) {
    sigset_t s = set_of(SIGUSR1, 0);
    sigprocmask(SIG_BLOCK, &s, NULL);
    pthread_t t;
    int got = 0;
    pthread_create(&t, NULL, wait_in_thread, &got);
    kill(getpid(), SIGUSR1); /* whoever waits for it takes it */
    pthread_join(t, NULL);
    CHECK_EQ(got, SIGUSR1);
    pthread_create(&t, NULL, wait_in_thread, &got);
    got = 0;
    pthread_kill(t, SIGUSR1);
    pthread_join(t, NULL);
    CHECK_EQ(got, SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
}

static volatile pid_t handled_by;
static void note_thread(int signo) {
    (void)signo;
    handled_by = gettid();
}
static volatile int stop_thread, thread_up;
static void* unblocked_thread(void* p) {
    sigset_t s = set_of(SIGUSR1, 0);
    pthread_sigmask(SIG_UNBLOCK, &s, NULL);
    *(pid_t*)p = gettid();
    __atomic_store_n(&thread_up, 1, __ATOMIC_SEQ_CST);
    while (!handled_by && !stop_thread)
        usleep(500);
    return NULL;
}

TEST(a_thread_that_can) {
    signal(SIGUSR1, note_thread);
    sigset_t s = set_of(SIGUSR1, 0);
    sigprocmask(SIG_BLOCK, &s, NULL);
    pthread_t t;
    pid_t tid = 0;
    handled_by = 0;
    pthread_create(&t, NULL, unblocked_thread, &tid);
    while (!__atomic_load_n(&thread_up, __ATOMIC_SEQ_CST))
        usleep(100);
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < 2000 && !handled_by; i++)
        usleep(1000);
    stop_thread = 1;
    pthread_join(t, NULL);
    CHECK_EQ(handled_by, tid);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
}
