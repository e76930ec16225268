/* What the end of a process means for others: orphans, subreapers, parent-death signals, orphaned
 * groups, the session's terminal group. */
#include <sys/mman.h>
#include <sys/prctl.h>

#include "job.h"

static struct gate g_ready, g_go, g_said;
static volatile struct {
    pid_t pid, parent, parent_after;
    int got[65];
} * g_said_by;

static void setup(void) {
    if (g_said_by)
        return;
    gate_make(&g_ready);
    gate_make(&g_go);
    gate_make(&g_said);
    g_said_by = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static int orphan(void) {
    pid_t parent = getppid();
    g_said_by->pid = getpid();
    g_said_by->parent = parent;
    gate_open(&g_ready);
    while (getppid() == parent)
        pause_ms(1);
    g_said_by->parent_after = getppid();
    gate_open(&g_said);
    gate_pass(&g_go);
    return 21;
}

static int leaves_child(void) {
    child(orphan);
    gate_pass(&g_ready);
    return 0;
}

TEST(orphans_change_parents) {
    setup();
    pid_t pid = child(leaves_child);
    CHECK_EQ(end_of(pid), 0);
    gate_pass(&g_said);
    CHECK_EQ(g_said_by->parent, pid);
    CHECK(g_said_by->parent_after != pid);
    CHECK_EQ(kill(g_said_by->pid, 0), 0);
    gate_open(&g_go);
}

TEST(subreaper) {
    int is = -1;
    CHECK_EQ(prctl(PR_GET_CHILD_SUBREAPER, &is), 0);
    CHECK_EQ(is, 0);
    CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    CHECK_EQ(prctl(PR_GET_CHILD_SUBREAPER, &is), 0);
    CHECK_EQ(is, 1);
    pid_t pid = child(leaves_child);
    CHECK_EQ(end_of(pid), 0);
    gate_pass(&g_said);
    CHECK_EQ(g_said_by->parent_after, getpid());
    gate_open(&g_go);
    int status = end_of(g_said_by->pid); /* ours to wait for */
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 21);
}

static int exits_after(void) {
    gate_open(&g_ready);
    gate_pass(&g_go);
    return 22;
}

static int leaves_zombie(void) {
    pid_t pid = child(exits_after);
    g_said_by->pid = pid;
    gate_pass(&g_ready);
    gate_open(&g_go);
    waitid(P_PID, pid, NULL, WEXITED | WNOWAIT);
    return 0;
}

TEST(inherits_zombie) {
    siginfo_t info;
    block(SIGCHLD);
    pid_t pid = child(leaves_zombie);
    CHECK_EQ(end_of(pid), 0);
    int status = end_of(g_said_by->pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 22);
    CHECK_EQ(take(SIGCHLD, &info), SIGCHLD);
    CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
    unblock(SIGCHLD);
}

static int wants_death_signal(void) {
    int sig = -1;
    block(SIGUSR1);
    CHECK_EQ(prctl(PR_GET_PDEATHSIG, &sig), 0);
    CHECK_EQ(sig, 0); /* not inherited */
    CHECK_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
    CHECK_EQ(prctl(PR_GET_PDEATHSIG, &sig), 0);
    CHECK_EQ(sig, SIGUSR1);
    gate_open(&g_ready);
    g_said_by->got[1] = take(SIGUSR1, NULL);
    gate_open(&g_said);
    return 0;
}

static int dies_before_child(void) {
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    child(wants_death_signal);
    gate_pass(&g_ready);
    return 0;
}

TEST(parent_death_signal) {
    setup();
    CHECK_EQ(end_of(child(dies_before_child)), 0);
    gate_pass(&g_said);
    CHECK_EQ(g_said_by->got[1], SIGUSR1);
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
}

static int killed_at_death(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    g_said_by->pid = getpid();
    gate_open(&g_ready);
    return sleeps();
}

static int leaves_doomed(void) {
    child(killed_at_death);
    gate_pass(&g_ready);
    return 0;
}

TEST(dies_with_parent) {
    CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    CHECK_EQ(end_of(child(leaves_doomed)), 0);
    CHECK_EQ(end_of(g_said_by->pid), SIGKILL);
    CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

static void note(int sig) {
    g_said_by->got[sig]++;
}

static int stops_in_group(void) {
    setpgid(0, 0);
    signal(SIGHUP, note);
    signal(SIGCONT, note);
    g_said_by->pid = getpid();
    raise(SIGSTOP);
    for (int i = 0; i < 1000 && !g_said_by->got[SIGHUP]; i++)
        pause_ms(1);
    gate_open(&g_said);
    return 0;
}

static int leaves_stopped(void) {
    int status;
    pid_t pid = child(stops_in_group);
    CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
    CHECK(WIFSTOPPED(status));
    return 0;
}

/* Its group loses the last tie to the session: SIGHUP, and SIGCONT so that it notices. */
TEST(orphaned_stopped_group) {
    setup();
    g_said_by->got[SIGHUP] = g_said_by->got[SIGCONT] = 0;
    CHECK_EQ(end_of(child(leaves_stopped)), 0);
    gate_pass(&g_said);
    CHECK_EQ(g_said_by->got[SIGHUP], 1);
    CHECK_EQ(g_said_by->got[SIGCONT], 1);
}

static int runs_in_group(void) {
    setpgid(0, 0);
    signal(SIGHUP, note);
    gate_open(&g_ready);
    gate_pass(&g_go);
    gate_open(&g_said);
    return 0;
}

static int leaves_running(void) {
    child(runs_in_group);
    gate_pass(&g_ready);
    return 0;
}

TEST(orphaned_running_group) { /* nothing is sent */
    g_said_by->got[SIGHUP] = 0;
    CHECK_EQ(end_of(child(leaves_running)), 0);
    gate_open(&g_go);
    gate_pass(&g_said);
    CHECK_EQ(g_said_by->got[SIGHUP], 0);
}

/* A process that the kernel ends, at any time, is seen as killed, and its children are others'. */
static int killed_parent(void) {
    child(orphan);
    gate_pass(&g_ready);
    return sleeps();
}

TEST(killed_parents_children) {
    CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t pid = child(killed_parent);
    pause_ms(30);
    kill(pid, SIGKILL);
    CHECK_EQ(end_of(pid), SIGKILL);
    gate_pass(&g_said);
    CHECK_EQ(g_said_by->parent_after, getpid());
    gate_open(&g_go);
    CHECK_EQ(WEXITSTATUS(end_of(g_said_by->pid)), 21);
    CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

static int chain(void) {
    static int depth;
    if (++depth == 8)
        return 1;
    int status = end_of(child(chain));
    return WEXITSTATUS(status) + 1;
}

TEST(generations) {
    CHECK_EQ(WEXITSTATUS(end_of(child(chain))), 8);
}
