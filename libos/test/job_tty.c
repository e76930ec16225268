/* Job control on a pseudo-terminal: sessions and controlling terminals, foreground and background
 * groups, the keys that send signals, sizes, hang-up. */
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "job.h"

static int g_master, g_slave;
static struct gate g_ready, g_go, g_said;

static bool open_pair(void) {
    gate_make(&g_ready);
    gate_make(&g_go);
    gate_make(&g_said);
    return openpty(&g_master, &g_slave, NULL, NULL, NULL) == 0;
}

static void close_pair(void) {
    close(g_master);
    close(g_slave);
}

static void become_leader(void) {
    CHECK_EQ(setsid(), getpid());
    CHECK_ERRNO(tcgetpgrp(g_slave), ENOTTY);
    CHECK_ERRNO(tcgetsid(g_slave), ENOTTY);
    CHECK_ERRNO(tcsetpgrp(g_slave, getpgrp()), ENOTTY);
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    CHECK_EQ(ioctl(g_slave, TIOCSCTTY, 0), 0);
}

static int controls(void) {
    become_leader();
    CHECK_EQ(ioctl(g_slave, TIOCSCTTY, 0), 0); /* again: nothing to do */
    CHECK_EQ(tcgetpgrp(g_slave), getpgrp());
    CHECK_EQ(tcgetsid(g_slave), getpid());
    CHECK_EQ(tcgetpgrp(g_master), getpgrp()); /* the master may ask, too */
    int tty = open("/dev/tty", O_RDWR);
    CHECK(tty >= 0);
    CHECK_EQ(tcgetpgrp(tty), getpgrp());
    CHECK_EQ(write(tty, "hello", 5), 5);
    close(tty);
    CHECK_ERRNO(tcsetpgrp(g_slave, -1), EINVAL);
    CHECK_ERRNO(tcsetpgrp(g_slave, 1 << 21), ESRCH);
    CHECK_ERRNO(tcsetpgrp(g_slave, getppid()), EPERM); /* in another session */
    pid_t job = child(sleeps);
    CHECK_EQ(setpgid(job, job), 0);
    CHECK_EQ(tcsetpgrp(g_slave, job), 0);
    CHECK_EQ(tcgetpgrp(g_slave), job);
    signal(SIGTTOU, SIG_IGN);
    CHECK_EQ(tcsetpgrp(g_slave, getpgrp()), 0);
    put_down(job);
    return 0;
}

TEST(controlling) {
    char text[8] = "";
    NEED(open_pair());
    CHECK_EQ(end_of(child(controls)), 0);
    CHECK_EQ(read(g_master, text, 5), 5);
    CHECK_MEM(text, "hello", 5);
    close_pair();
}

static int loses(void) {
    become_leader();
    signal(SIGHUP, SIG_IGN);
    CHECK_EQ(ioctl(g_slave, TIOCNOTTY), 0);
    CHECK_ERRNO(ioctl(g_slave, TIOCNOTTY), ENOTTY);
    CHECK_ERRNO(tcgetpgrp(g_slave), ENOTTY);
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    int again = open(ttyname(g_slave), O_RDWR); /* a leader gets one by opening it */
    CHECK(again >= 0);
    CHECK_EQ(tcgetsid(again), getpid());
    close(again);
    return 0;
}

TEST(given_up) {
    NEED(open_pair());
    CHECK_EQ(end_of(child(loses)), 0);
    close_pair();
}

static int no_leader(void) {
    setsid();
    pid_t pid = fork();
    if (pid == 0) {
        CHECK_ERRNO(ioctl(g_slave, TIOCSCTTY, 0), EPERM);
        _exit(oracle_failures ? 99 : 0);
    }
    return end_of(pid);
}

static int owner(void) {
    become_leader();
    gate_open(&g_ready);
    gate_pass(&g_go);
    return 0;
}

static int other_leader(void) {
    setsid();
    CHECK_ERRNO(ioctl(g_slave, TIOCSCTTY, 0), EPERM);
    return 0;
}

TEST(refused) {
    NEED(open_pair());
    CHECK_EQ(end_of(child(no_leader)), 0);
    pid_t pid = child(owner);
    gate_pass(&g_ready);
    CHECK_EQ(end_of(child(other_leader)), 0);
    gate_open(&g_go);
    CHECK_EQ(end_of(pid), 0);
    close_pair();
}

/* ---- background groups ------------------------------------------------------------------------
 */

static int reads_in_background(void) {
    char c;
    setpgid(0, 0);
    gate_pass(&g_go);
    CHECK_EQ(read(g_slave, &c, 1), 1);
    return c;
}

static int ignores_and_reads(void) {
    char c;
    setpgid(0, 0);
    signal(SIGTTIN, SIG_IGN);
    CHECK_ERRNO(read(g_slave, &c, 1), EIO);
    signal(SIGTTIN, SIG_DFL);
    block(SIGTTIN);
    CHECK_ERRNO(read(g_slave, &c, 1), EIO);
    return 0;
}

static int writes_in_background(void) {
    setpgid(0, 0);
    CHECK_EQ(write(g_slave, "x", 1), 1);
    struct termios t;
    tcgetattr(g_slave, &t);
    t.c_lflag |= TOSTOP;
    signal(SIGTTOU, SIG_IGN);
    CHECK_EQ(tcsetattr(g_slave, TCSANOW, &t), 0);
    CHECK_EQ(write(g_slave, "y", 1), 1);
    signal(SIGTTOU, SIG_DFL);
    CHECK_EQ(write(g_slave, "z", 1), 1); /* stops first */
    t.c_lflag &= ~TOSTOP;
    CHECK_EQ(tcsetattr(g_slave, TCSANOW, &t), 0);
    return 0;
}

static void expect_stop(pid_t pid, int sig) {
    int status = 0;
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == sig);
}

static int shell(void) {
    become_leader();
    signal(SIGTTOU, SIG_IGN);
    pid_t job = child(reads_in_background);
    setpgid(job, job);
    gate_open(&g_go);
    expect_stop(job, SIGTTIN);
    CHECK_EQ(tcsetpgrp(g_slave, job), 0);
    kill(-job, SIGCONT);
    gate_open(&g_ready);
    CHECK_EQ(WEXITSTATUS(end_of(job)), 'k');
    CHECK_EQ(tcsetpgrp(g_slave, getpgrp()), 0);
    CHECK_EQ(end_of(child(ignores_and_reads)), 0);
    signal(SIGTTOU, SIG_DFL);
    job = child(writes_in_background);
    expect_stop(job, SIGTTOU);
    CHECK_EQ(tcsetpgrp(g_slave, job), 0);
    kill(-job, SIGCONT);
    CHECK_EQ(end_of(job), 0);
    return 0;
}

TEST(background) {
    NEED(open_pair());
    pid_t pid = child(shell);
    gate_pass(&g_ready);
    CHECK_EQ(write(g_master, "k\n", 2), 2);
    CHECK_EQ(end_of(pid), 0);
    close_pair();
}

static int in_orphaned_group(void) {
    char c;
    setpgid(0, 0);
    gate_pass(&g_go); /* the parent is gone */
    while (getppid() != 1 && kill(getppid(), 0) == 0 && getpgid(getppid()) != getpgrp() &&
           getsid(getppid()) == getsid(0))
        pause_ms(1);
    CHECK_ERRNO(read(g_slave, &c, 1), EIO);
    CHECK_ERRNO(tcsetpgrp(g_slave, getpgrp()), ENOTTY);
    gate_open(&g_said);
    return 0;
}

static int leaves_group(void) {
    child(in_orphaned_group);
    return 0;
}

static int orphan_maker(void) {
    become_leader();
    signal(SIGHUP, SIG_IGN);
    CHECK_EQ(end_of(child(leaves_group)), 0);
    gate_open(&g_go);
    gate_pass(&g_said);
    return 0;
}

TEST(orphaned_background) {
    NEED(open_pair());
    CHECK_EQ(end_of(child(orphan_maker)), 0);
    close_pair();
}

/* ---- keys -------------------------------------------------------------------------------------
 */

static void no_op(int sig) {
    (void)sig;
}

static int foreground_job(void) {
    siginfo_t info;
    setpgid(0, 0);
    signal(SIGTTOU, SIG_IGN);
    block(SIGINT);
    block(SIGQUIT);
    block(SIGTSTP);
    block(SIGWINCH);
    signal(SIGWINCH, no_op);
    CHECK_EQ(tcsetpgrp(g_slave, getpgrp()), 0);
    static const int signals[] = {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH};
    for (int i = 0; i < 4; i++) {
        gate_open(&g_ready);
        CHECK_EQ(take(signals[i], &info), signals[i]);
        CHECK_EQ(info.si_code, SI_KERNEL);
        CHECK(!is_pending(signals[i]));
    }
    return 0;
}

static int key_shell(void) {
    become_leader();
    block(SIGINT);
    block(SIGQUIT);
    block(SIGTSTP);
    signal(SIGTTOU, SIG_IGN);
    CHECK_EQ(end_of(child(foreground_job)), 0);
    CHECK(!is_pending(SIGINT) && !is_pending(SIGQUIT) && !is_pending(SIGTSTP));
    CHECK_EQ(tcsetpgrp(g_slave, getpgrp()), 0);
    gate_open(&g_ready);
    CHECK_EQ(take(SIGINT, NULL), SIGINT);
    return 0;
}

TEST(keys) {
    NEED(open_pair());
    pid_t pid = child(key_shell);
    gate_pass(&g_ready);
    CHECK_EQ(write(g_master, "\x03", 1), 1);
    gate_pass(&g_ready);
    CHECK_EQ(write(g_master, "\x1c", 1), 1);
    gate_pass(&g_ready);
    CHECK_EQ(write(g_master, "\x1a", 1), 1);
    gate_pass(&g_ready);
    struct winsize size = {30, 90, 0, 0};
    CHECK_EQ(ioctl(g_master, TIOCSWINSZ, &size), 0);
    gate_pass(&g_ready);
    CHECK_EQ(write(g_master, "abc\x03", 4), 4);
    CHECK_EQ(end_of(pid), 0);
    close_pair();
}

static int raw_mode(void) {
    struct termios t;
    char c;
    become_leader();
    block(SIGINT);
    tcgetattr(g_slave, &t);
    cfmakeraw(&t);
    CHECK_EQ(tcsetattr(g_slave, TCSANOW, &t), 0);
    gate_open(&g_ready);
    CHECK_EQ(read(g_slave, &c, 1), 1);
    CHECK_EQ(c, 3);
    CHECK(!is_pending(SIGINT));
    return 0;
}

TEST(no_keys_in_raw_mode) {
    NEED(open_pair());
    pid_t pid = child(raw_mode);
    gate_pass(&g_ready);
    CHECK_EQ(write(g_master, "\x03", 1), 1);
    CHECK_EQ(end_of(pid), 0);
    close_pair();
}

/* ---- ends -------------------------------------------------------------------------------------
 */

static int job_of_dying_leader(void) {
    setpgid(0, 0);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(g_slave, getpgrp());
    block(SIGHUP);
    gate_open(&g_ready);
    CHECK_EQ(take(SIGHUP, NULL), SIGHUP);
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    gate_open(&g_said);
    return 0;
}

static int dying_leader(void) {
    become_leader();
    child(job_of_dying_leader);
    gate_pass(&g_ready);
    return 0;
}

TEST(leader_ends) {
    NEED(open_pair());
    CHECK_EQ(end_of(child(dying_leader)), 0);
    gate_pass(&g_said);
    close_pair();
}

static int hung_up_leader(void) {
    close(g_master);
    become_leader();
    block(SIGHUP);
    block(SIGCONT);
    signal(SIGCONT, no_op);
    gate_open(&g_ready);
    CHECK_EQ(take(SIGHUP, NULL), SIGHUP);
    CHECK_EQ(take(SIGCONT, NULL), SIGCONT);
    char c;
    CHECK_EQ(read(g_slave, &c, 1), 0);
    CHECK_ERRNO(write(g_slave, &c, 1), EIO);
    return 0;
}

TEST(hang_up) {
    NEED(open_pair());
    pid_t pid = child(hung_up_leader);
    gate_pass(&g_ready);
    close(g_slave);
    close(g_master);
    CHECK_EQ(end_of(pid), 0);
}
