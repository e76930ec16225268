/* setpgid, getpgid, setsid, getsid between processes: errors as Linux orders them. */
#include "job.h"

static struct gate g_go, g_done;

static int waits(void) {
    gate_open(&g_done);
    gate_pass(&g_go);
    return 0;
}

TEST(inherited) {
    gate_make(&g_go);
    gate_make(&g_done);
    pid_t pid = child(waits);
    gate_pass(&g_done);
    CHECK_EQ(getpgid(pid), getpgrp());
    CHECK_EQ(getsid(pid), getsid(0));
    gate_open(&g_go);
    CHECK_EQ(end_of(pid), 0);
}

TEST(of_children) {
    pid_t a = child(waits), b = child(waits);
    gate_pass(&g_done);
    gate_pass(&g_done);
    CHECK_EQ(setpgid(a, 0), 0);
    CHECK_EQ(getpgid(a), a);
    CHECK_EQ(setpgid(b, a), 0);
    CHECK_EQ(getpgid(b), a);
    CHECK_EQ(setpgid(b, b), 0);
    CHECK_EQ(setpgid(b, getpgrp()), 0);
    CHECK_EQ(getpgid(b), getpgrp());
    CHECK_ERRNO(setpgid(b, 1 << 21), EPERM); /* no such group */
    CHECK_ERRNO(setpgid(b, -1), EINVAL);
    CHECK_ERRNO(setpgid(-1, 0), EINVAL);
    CHECK_ERRNO(setpgid(1 << 21, 0), ESRCH);
    CHECK_ERRNO(getpgid(-1), ESRCH);
    CHECK_ERRNO(getsid(-1), ESRCH);
    CHECK_ERRNO(getpgid(1 << 21), ESRCH);
    kill(b, SIGKILL);
    waitid(P_PID, b, NULL, WEXITED | WNOWAIT);
    CHECK_EQ(setpgid(b, a), 0); /* a zombie moves, too */
    CHECK_EQ(getpgid(b), a);
    put_down(a);
    CHECK_EQ(waitpid(-a, NULL, WNOHANG), b);
    CHECK_ERRNO(waitpid(-a, NULL, WNOHANG), ECHILD);
}

static struct gate g_exec;

static int execs(void) {
    CHECK_ERRNO(setpgid(getppid(), 0), ESRCH); /* no child */
    execl("/bin/sleep", "sleep", "100", NULL);
    return 1;
}

TEST(after_exec) {
    gate_make(&g_exec);
    pid_t pid = child(execs);
    char c;
    close(g_exec.fd[1]);
    CHECK_EQ(read(g_exec.fd[0], &c, 1), 0); /* closed by execve */
    CHECK_ERRNO(setpgid(pid, pid), EACCES);
    put_down(pid);
}

static int leads_session(void) {
    pid_t pid = getpid();
    CHECK_EQ(setsid(), pid);
    CHECK_EQ(getsid(0), pid);
    CHECK_EQ(getpgrp(), pid);
    CHECK_ERRNO(setsid(), EPERM);
    CHECK_ERRNO(setpgid(0, 0), EPERM);
    CHECK_ERRNO(setpgid(0, getppid()), EPERM);
    gate_open(&g_done);
    gate_pass(&g_go);
    return 0;
}

TEST(sessions) {
    pid_t pid = child(leads_session);
    gate_pass(&g_done);
    CHECK_EQ(getsid(pid), pid);
    CHECK_EQ(getpgid(pid), pid);
    CHECK_ERRNO(setpgid(pid, getpgrp()), EPERM); /* in another session */
    pid_t other = child(waits);
    gate_pass(&g_done);
    CHECK_ERRNO(setpgid(other, pid), EPERM); /* group of another session */
    gate_open(&g_go);
    gate_open(&g_go);
    CHECK_EQ(end_of(pid), 0);
    CHECK_EQ(end_of(other), 0);
}

static pid_t g_leader;

static int joins_and_leads(void) {
    /* The group's first leader is gone, but its name is taken: no session of that name. */
    gate_pass(&g_go);
    CHECK_EQ(getpgrp(), g_leader);
    CHECK_EQ(setpgid(0, 0), 0);
    CHECK_ERRNO(setsid(), EPERM);
    CHECK_EQ(setpgid(0, getpgid(getppid())), 0);
    CHECK_EQ(setsid(), getpid());
    return 0;
}

TEST(group_outlives_leader) {
    g_leader = child(waits);
    gate_pass(&g_done);
    CHECK_EQ(setpgid(g_leader, g_leader), 0);
    pid_t member = child(joins_and_leads);
    CHECK_EQ(setpgid(member, g_leader), 0);
    put_down(g_leader);
    CHECK_EQ(getpgid(member), g_leader);
    CHECK_EQ(kill(-g_leader, 0), 0);
    CHECK_ERRNO(kill(g_leader, 0), ESRCH);
    CHECK_ERRNO(getpgid(g_leader), ESRCH);
    gate_open(&g_go);
    CHECK_EQ(end_of(member), 0);
    CHECK_ERRNO(kill(-g_leader, 0), ESRCH);
}
