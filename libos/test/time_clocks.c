/* Clocks, sleeps, interval timers, POSIX timers, accounting, uname, sysinfo. */
#include "oracle.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>

static long long ns(struct timespec t) {
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}
static long long now(clockid_t c) {
    struct timespec t;
    clock_gettime(c, &t);
    return ns(t);
}

TEST(clocks) {
    static const clockid_t all[] = {
        CLOCK_REALTIME,          CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
        CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
        CLOCK_MONOTONIC_COARSE,  CLOCK_BOOTTIME,      CLOCK_TAI};
    struct timespec a, b, res;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CHECK_OK(clock_gettime(all[i], &a));
        CHECK_OK(clock_gettime(all[i], &b));
        CHECK(ns(b) >= ns(a));
        CHECK(a.tv_nsec >= 0 && a.tv_nsec < 1000000000);
        CHECK_OK(clock_getres(all[i], &res));
        CHECK(res.tv_sec == 0 && res.tv_nsec > 0 && res.tv_nsec <= 10000000);
    }
    CHECK(now(CLOCK_REALTIME) > 1700000000LL * 1000000000);
    CHECK(now(CLOCK_BOOTTIME) - now(CLOCK_MONOTONIC) > -1000000);
    CHECK(now(CLOCK_PROCESS_CPUTIME_ID) < now(CLOCK_MONOTONIC));
    CHECK(now(CLOCK_THREAD_CPUTIME_ID) <= now(CLOCK_PROCESS_CPUTIME_ID));
    CHECK_EQ(sc(SYS_clock_gettime, 16, &a), -EINVAL);
    CHECK_EQ(sc(SYS_clock_gettime, 10, &a), -EINVAL);
    CHECK_EQ(sc(SYS_clock_gettime, CLOCK_MONOTONIC, 8), -EFAULT);
    CHECK_EQ(sc(SYS_clock_getres, 99, &a), -EINVAL);
    CHECK_EQ(sc(SYS_clock_getres, CLOCK_MONOTONIC, 0), 0);
    CHECK_EQ(sc(SYS_clock_settime, CLOCK_MONOTONIC, &a), -EINVAL);
    struct timeval tv;
    struct timezone tz;
    CHECK_OK(gettimeofday(&tv, &tz));
    CHECK(now(CLOCK_REALTIME) / 1000 - (tv.tv_sec * 1000000LL + tv.tv_usec) < 1000000);
    CHECK(sc(SYS_time, 0) - tv.tv_sec <= 1);
    clockid_t c;
    CHECK_EQ(clock_getcpuclockid(0, &c), 0);
    CHECK_OK(clock_gettime(c, &a));
    CHECK_EQ(pthread_getcpuclockid(pthread_self(), &c), 0);
    CHECK_OK(clock_gettime(c, &a));
    struct timex tx = {0};
    CHECK(adjtimex(&tx) >= 0);
}

TEST(cpu_time_advances) {
    long long before = now(CLOCK_THREAD_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
    volatile unsigned x = 0;
    while (now(CLOCK_THREAD_CPUTIME_ID) - before < 20000000)
        for (int i = 0; i < 10000; i++)
            x += i;
    CHECK(now(CLOCK_MONOTONIC) - wall >= 15000000);
    struct rusage u, t;
    CHECK_OK(getrusage(RUSAGE_SELF, &u));
    CHECK_OK(getrusage(RUSAGE_THREAD, &t));
    CHECK(u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec >= 15000);
    CHECK(u.ru_maxrss > 500);
    CHECK(u.ru_minflt > 10);
    CHECK_OK(getrusage(RUSAGE_CHILDREN, &u));
    CHECK_EQ(u.ru_maxrss, 0);
    CHECK_ERRNO(getrusage(5, &u), EINVAL);
    CHECK_EQ(sc(SYS_getrusage, RUSAGE_SELF, 8), -EFAULT);
    struct tms tms;
    CHECK(times(&tms) > 0);
    CHECK(tms.tms_utime + tms.tms_stime >= 1);
    CHECK_EQ(tms.tms_cutime, 0);
    CHECK(clock() > 10000);
}

TEST(sleeps) {
    struct timespec t = {0, 3000000}, bad = {0, -1}, far;
    long long before = now(CLOCK_MONOTONIC);
    CHECK_OK(nanosleep(&t, NULL));
    CHECK(now(CLOCK_MONOTONIC) - before >= 3000000);
    CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
    CHECK_EQ(sc(SYS_nanosleep, 8, 0), -EFAULT);
    CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, 0, &t, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &far);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &far, NULL), 0);
    far.tv_nsec += 3000000;
    far.tv_sec += far.tv_nsec / 1000000000;
    far.tv_nsec %= 1000000000;
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &far, NULL), 0);
    CHECK(now(CLOCK_MONOTONIC) >= ns(far));
    CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL), EINVAL);
    CHECK_EQ(sc(SYS_clock_nanosleep, 99, 0, &t, 0), -EINVAL);
    CHECK_EQ(clock_nanosleep(CLOCK_BOOTTIME, 0, &t, NULL), 0);
}

static volatile int rings, last_signal, last_code, last_value, last_overrun;
static void ring(int signo, siginfo_t* i, void* context) {
    (void)context;
    rings++;
    last_signal = signo;
    last_code = i->si_code;
    last_value = i->si_value.sival_int;
    last_overrun = i->si_overrun;
}
static void catch_with(int signo) {
    struct sigaction sa = {.sa_sigaction = ring, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(signo, &sa, NULL);
}
static void wait_rings(int n) {
    for (int i = 0; i < 4000 && rings < n; i++)
        usleep(500);
}

TEST(interval_timers) {
    catch_with(SIGALRM);
    catch_with(SIGVTALRM);
    catch_with(SIGPROF);
    struct itimerval t = {{0, 2000}, {0, 1000}}, old;
    rings = 0;
    CHECK_OK(setitimer(ITIMER_REAL, &t, NULL));
    wait_rings(3);
    CHECK(rings >= 3);
    CHECK_EQ(last_signal, SIGALRM);
    CHECK_EQ(last_code, SI_KERNEL);
    CHECK_OK(getitimer(ITIMER_REAL, &old));
    CHECK_EQ(old.it_interval.tv_usec, 2000);
    memset(&t, 0, sizeof(t));
    CHECK_OK(setitimer(ITIMER_REAL, &t, &old));
    CHECK_EQ(old.it_interval.tv_usec, 2000);
    CHECK_EQ(alarm(100), 0);
    CHECK(alarm(0) >= 99);
    t.it_value.tv_usec = 10000;
    for (int which = ITIMER_VIRTUAL; which <= ITIMER_PROF; which++) {
        rings = 0;
        CHECK_OK(setitimer(which, &t, NULL));
        long long start = now(CLOCK_MONOTONIC);
        while (!rings && now(CLOCK_MONOTONIC) - start < 2000000000LL)
            ;
        CHECK_EQ(rings, 1);
        CHECK_EQ(last_signal, which == ITIMER_VIRTUAL ? SIGVTALRM : SIGPROF);
    }
    t.it_value.tv_usec = 1000000;
    CHECK_ERRNO(setitimer(ITIMER_REAL, &t, NULL), EINVAL);
    CHECK_ERRNO(setitimer(7, &t, NULL), EINVAL);
    CHECK_ERRNO(getitimer(7, &t), EINVAL);
    CHECK_EQ(sc(SYS_getitimer, ITIMER_REAL, 8), -EFAULT);
}

static volatile int thread_notified;
static void notified(union sigval v) {
    thread_notified = v.sival_int;
}

TEST(posix_timers) {
    catch_with(SIGRTMIN + 3);
    timer_t t;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3};
    ev.sigev_value.sival_int = 4242;
    struct itimerspec s = {{0, 0}, {0, 1000000}}, got;
    NEED_OK(timer_create(CLOCK_MONOTONIC, &ev, &t));
    CHECK_OK(timer_gettime(t, &got));
    CHECK_EQ(got.it_value.tv_nsec, 0);
    rings = 0;
    CHECK_OK(timer_settime(t, 0, &s, NULL));
    wait_rings(1);
    CHECK_EQ(rings, 1);
    CHECK_EQ(last_signal, SIGRTMIN + 3);
    CHECK_EQ(last_code, SI_TIMER);
    CHECK_EQ(last_value, 4242);
    CHECK_EQ(last_overrun, 0);
    CHECK_EQ(timer_getoverrun(t), 0);
    /* expiries while the signal is blocked are counted, not queued */
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &block, NULL);
    s.it_interval.tv_nsec = 1000000;
    rings = 0;
    CHECK_OK(timer_settime(t, 0, &s, NULL));
    usleep(20000);
    memset(&s, 0, sizeof(s));
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    CHECK(rings >= 1);
    CHECK(timer_getoverrun(t) >= 0);
    CHECK_OK(timer_settime(t, 0, &s, &got));
    CHECK_EQ(got.it_interval.tv_nsec, 1000000);
    CHECK_OK(timer_delete(t));
    CHECK_EQ(sc(SYS_timer_delete, 12345), -EINVAL);
    CHECK_EQ(sc(SYS_timer_settime, 12345, 0, &s, 0), -EINVAL);
    CHECK_EQ(sc(SYS_timer_create, 99, 0, &t), -EINVAL);
    CHECK_EQ(sc(SYS_timer_create, CLOCK_MONOTONIC, 8, &t), -EFAULT);
    ev.sigev_notify = 77;
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &ev, &t), EINVAL);
    ev.sigev_notify = SIGEV_SIGNAL;
    ev.sigev_signo = 99;
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &ev, &t), EINVAL);
    /* no notice at all: only to be asked */
    ev.sigev_notify = SIGEV_NONE;
    s.it_value.tv_sec = 100;
    NEED_OK(timer_create(CLOCK_REALTIME, &ev, &t));
    CHECK_OK(timer_settime(t, 0, &s, NULL));
    CHECK_OK(timer_gettime(t, &got));
    CHECK(got.it_value.tv_sec == 99 || got.it_value.tv_sec == 100);
    CHECK_OK(timer_delete(t));
    /* to this thread */
    ev.sigev_notify = SIGEV_THREAD_ID;
    ev.sigev_signo = SIGRTMIN + 3;
    ev._sigev_un._tid = gettid();
    s.it_value = (struct timespec){0, 1000000};
    NEED_OK(timer_create(CLOCK_MONOTONIC, &ev, &t));
    rings = 0;
    CHECK_OK(timer_settime(t, 0, &s, NULL));
    wait_rings(1);
    CHECK_EQ(rings, 1);
    CHECK_OK(timer_delete(t));
    ev._sigev_un._tid = 0x3ffffff;
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &ev, &t), EINVAL);
    /* in a thread of the libc */
    memset(&ev, 0, sizeof(ev));
    ev.sigev_notify = SIGEV_THREAD;
    ev.sigev_notify_function = notified;
    ev.sigev_value.sival_int = 9;
    NEED_OK(timer_create(CLOCK_MONOTONIC, &ev, &t));
    CHECK_OK(timer_settime(t, 0, &s, NULL));
    for (int i = 0; i < 4000 && !thread_notified; i++)
        usleep(500);
    CHECK_EQ(thread_notified, 9);
    CHECK_OK(timer_delete(t));
    /* on CPU time */
    ev = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3};
    NEED_OK(timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &t));
    s.it_value.tv_nsec = 5000000;
    rings = 0;
    CHECK_OK(timer_settime(t, 0, &s, NULL));
    long long start = now(CLOCK_MONOTONIC);
    while (!rings && now(CLOCK_MONOTONIC) - start < 2000000000LL)
        ;
    CHECK_EQ(rings, 1);
    CHECK_OK(timer_delete(t));
}

TEST(about_the_system) {
    struct utsname u;
    CHECK_OK(uname(&u));
    CHECK_STR(u.sysname, "Linux");
    CHECK_STR(u.machine, "x86_64");
    int major = 0, minor = 0;
    CHECK_EQ(sscanf(u.release, "%d.%d", &major, &minor), 2);
    CHECK(major > 6 || (major == 6 && minor >= 1));
    CHECK(strlen(u.version) > 0 && strlen(u.nodename) > 0);
    char host[65];
    CHECK_OK(gethostname(host, sizeof(host)));
    CHECK_STR(host, u.nodename);
    struct sysinfo s;
    CHECK_OK(sysinfo(&s));
    CHECK(s.uptime > 0 && s.mem_unit > 0 && s.procs > 0);
    CHECK(s.totalram >= s.freeram && s.totalram * s.mem_unit > (64UL << 20));
    CHECK_EQ(sc(SYS_sysinfo, 8), -EFAULT);
    CHECK(sysconf(_SC_NPROCESSORS_CONF) >= 1);
    CHECK_EQ(getpagesize(), 4096);
    CHECK_EQ(sc(SYS_uname, 8), -EFAULT);
    if (geteuid())
        CHECK_ERRNO(sethostname("x", 1), EPERM);
}
