/* Stopped and continued processes: what their parents see, what stops and what does not. */
#include <sys/mman.h>

#include "job.h"

static struct gate g_ready, g_go;

static int works(void) {
    for (volatile unsigned long n = 0;; n++)
        ;
    return 0;
}

static void expect_news(pid_t pid, int options, int code, int status) {
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    CHECK_EQ(waitid(P_PID, pid, &info, options), 0);
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_code, code);
    CHECK_EQ(info.si_status, status);
    CHECK_EQ(info.si_signo, SIGCHLD);
}

static void stop_and_go(int (*fn)(void)) {
    siginfo_t info;
    int status;
    block(SIGCHLD);
    pid_t pid = child(fn);
    CHECK_EQ(kill(pid, SIGSTOP), 0);
    CHECK_EQ(take(SIGCHLD, &info), SIGCHLD);
    CHECK_EQ(info.si_code, CLD_STOPPED);
    CHECK_EQ(info.si_pid, pid);
    CHECK_EQ(info.si_status, SIGSTOP);
    CHECK_EQ(waitpid(pid, &status, WNOHANG), 0); /* did not ask for it */
    expect_news(pid, WSTOPPED | WNOWAIT, CLD_STOPPED, SIGSTOP);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0); /* told once */
    CHECK_EQ(kill(pid, SIGCONT), 0);
    CHECK_EQ(take(SIGCHLD, &info), SIGCHLD);
    CHECK_EQ(info.si_code, CLD_CONTINUED);
    CHECK_EQ(info.si_status, SIGCONT);
    CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
    CHECK(WIFCONTINUED(status));
    CHECK_EQ(waitpid(pid, &status, WCONTINUED | WUNTRACED | WNOHANG), 0);
    kill(pid, SIGSTOP);
    expect_news(pid, WSTOPPED, CLD_STOPPED, SIGSTOP);
    kill(pid, SIGCONT);
    expect_news(pid, WCONTINUED, CLD_CONTINUED, SIGCONT);
    kill(pid, SIGKILL);
    CHECK_EQ(end_of(pid), SIGKILL);
    take(SIGCHLD, &info);
    unblock(SIGCHLD);
}

TEST(asleep) {
    stop_and_go(sleeps);
}

TEST(at_work) {
    stop_and_go(works);
}

TEST(killed_while_stopped) {
    pid_t pid = child(sleeps);
    kill(pid, SIGSTOP);
    expect_news(pid, WSTOPPED, CLD_STOPPED, SIGSTOP);
    CHECK_EQ(kill(pid, SIGTERM), 0); /* waits until it goes on */
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
    pause_ms(20);
    CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
    kill(pid, SIGCONT);
    CHECK_EQ(end_of(pid), SIGTERM);
    pid = child(sleeps);
    kill(pid, SIGSTOP);
    expect_news(pid, WSTOPPED, CLD_STOPPED, SIGSTOP);
    kill(pid, SIGKILL);
    CHECK_EQ(end_of(pid), SIGKILL);
}

static volatile sig_atomic_t g_conts;
static void count(int sig) {
    (void)sig;
    g_conts++;
}

static int stops_itself(void) {
    signal(SIGCONT, count);
    raise(SIGSTOP);
    CHECK_EQ(g_conts, 1);
    raise(SIGSTOP);
    CHECK_EQ(g_conts, 2);
    return 11;
}

TEST(by_itself) {
    pid_t pid = child(stops_itself);
    for (int i = 0; i < 2; i++) {
        expect_news(pid, WSTOPPED, CLD_STOPPED, SIGSTOP);
        kill(pid, SIGCONT);
    }
    int status = end_of(pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 11);
}

static int terminal_stops(void) {
    setpgid(0, 0); /* not orphaned: the parent is in another group of the session */
    raise(SIGTSTP);
    raise(SIGTTIN);
    raise(SIGTTOU);
    signal(SIGTSTP, SIG_IGN);
    raise(SIGTSTP);
    return 12;
}

TEST(terminal_signals) {
    static const int signals[] = {SIGTSTP, SIGTTIN, SIGTTOU};
    pid_t pid = child(terminal_stops);
    for (int i = 0; i < 3; i++) {
        expect_news(pid, WSTOPPED, CLD_STOPPED, signals[i]);
        kill(pid, SIGCONT);
    }
    CHECK_EQ(WEXITSTATUS(end_of(pid)), 12);
}

static int in_orphaned_group(void) {
    setsid();
    raise(SIGTSTP);
    raise(SIGTTIN);
    raise(SIGTTOU);
    return 13;
}

TEST(orphaned_group_does_not_stop) {
    int status = -1;
    pid_t pid = child(in_orphaned_group);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 13);
}

TEST(no_news_wanted) {
    struct sigaction act = {.sa_handler = count, .sa_flags = SA_NOCLDSTOP};
    siginfo_t info;
    sigaction(SIGCHLD, &act, NULL);
    block(SIGCHLD);
    pid_t pid = child(sleeps);
    kill(pid, SIGSTOP);
    expect_news(pid, WSTOPPED, CLD_STOPPED, SIGSTOP); /* wait tells nevertheless */
    kill(pid, SIGCONT);
    expect_news(pid, WCONTINUED, CLD_CONTINUED, SIGCONT);
    CHECK(!is_pending(SIGCHLD));
    kill(pid, SIGKILL);
    CHECK_EQ(take(SIGCHLD, &info), SIGCHLD);
    CHECK_EQ(info.si_code, CLD_KILLED);
    end_of(pid);
    signal(SIGCHLD, SIG_DFL);
    unblock(SIGCHLD);
}

static int pipe_fd[2];

static int reads(void) {
    char c;
    gate_open(&g_ready);
    CHECK_EQ(read(pipe_fd[0], &c, 1), 1); /* restarted after the stop */
    struct timespec ts = {0, 30000000};
    CHECK_EQ(nanosleep(&ts, NULL), 0);
    return 14;
}

TEST(blocked_call_goes_on) {
    gate_make(&g_ready);
    gate_make(&g_go);
    NEED(pipe(pipe_fd) == 0);
    pid_t pid = child(reads);
    gate_pass(&g_ready);
    pause_ms(10);
    kill(pid, SIGSTOP);
    expect_news(pid, WSTOPPED, CLD_STOPPED, SIGSTOP);
    kill(pid, SIGCONT);
    CHECK_EQ(write(pipe_fd[1], "x", 1), 1);
    CHECK_EQ(WEXITSTATUS(end_of(pid)), 14);
}

TEST(cont_discards_stop) {
    block(SIGTSTP);
    block(SIGCONT);
    raise(SIGTSTP);
    CHECK(is_pending(SIGTSTP));
    raise(SIGCONT);
    CHECK(!is_pending(SIGTSTP));
    CHECK(is_pending(SIGCONT));
    raise(SIGTSTP);
    CHECK(!is_pending(SIGCONT));
    raise(SIGCONT);
    signal(SIGCONT, SIG_IGN);
    signal(SIGCONT, SIG_DFL);
    unblock(SIGTSTP);
    unblock(SIGCONT);
}

static volatile long* g_shared_count;

static int counts(void) {
    for (;;)
        ++*g_shared_count;
    return 0;
}

TEST(really_stopped) {
    g_shared_count =
        (volatile long*)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = child(counts);
    while (!*g_shared_count)
        pause_ms(1);
    kill(pid, SIGSTOP);
    expect_news(pid, WSTOPPED, CLD_STOPPED, SIGSTOP);
    long seen = *g_shared_count;
    pause_ms(30);
    CHECK_EQ(*g_shared_count, seen);
    kill(pid, SIGCONT);
    while (*g_shared_count == seen)
        pause_ms(1);
    put_down(pid);
}

TEST(often) {
    pid_t pid = child(works);
    for (int i = 0; i < 100; i++) {
        kill(pid, SIGSTOP);
        expect_news(pid, WSTOPPED, CLD_STOPPED, SIGSTOP);
        kill(pid, SIGCONT);
        expect_news(pid, WCONTINUED, CLD_CONTINUED, SIGCONT);
    }
    put_down(pid);
}
