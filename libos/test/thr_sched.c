/* Scheduling calls, affinity, priorities, getcpu, prctl. */
#include "oracle.h"
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

TEST(policy) {
    struct sched_param p = {99};
    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
    CHECK_EQ(sched_getscheduler(getpid()), SCHED_OTHER);
    CHECK_OK(sched_getparam(0, &p));
    CHECK_EQ(p.sched_priority, 0);
    CHECK_OK(sched_setscheduler(0, SCHED_BATCH, &p));
    CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
    CHECK_OK(sched_setscheduler(0, SCHED_OTHER, &p));
    p.sched_priority = 5;
    CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, &p), EINVAL);
    CHECK_ERRNO(sched_setscheduler(0, 77, &p), EINVAL);
    CHECK_ERRNO(sched_setscheduler(-1, SCHED_OTHER, &p), EINVAL);
    CHECK_ERRNO(sched_setscheduler(0x3ffffff, SCHED_BATCH, &(struct sched_param){0}), ESRCH);
    CHECK_ERRNO(sched_getscheduler(-1), EINVAL);
    CHECK_ERRNO(sched_getscheduler(0x3ffffff), ESRCH);
    CHECK_EQ(sc(SYS_sched_getparam, 0, NULL), -EINVAL);
    CHECK_EQ(sc(SYS_sched_getparam, 0, 8), -EFAULT);
    CHECK_EQ(sc(SYS_sched_setparam, 0, NULL), -EINVAL);
    CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
    CHECK_EQ(sched_get_priority_min(SCHED_FIFO), 1);
    CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
    CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
    CHECK_ERRNO(sched_get_priority_max(99), EINVAL);
    struct timespec ts;
    CHECK_OK(sched_rr_get_interval(0, &ts));
    CHECK_OK(sched_yield());
}

TEST(attributes) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
        uint32_t umin, umax;
    } a = {0};
    CHECK_EQ(sc(SYS_sched_getattr, 0, &a, sizeof(a), 0), 0);
    CHECK_EQ(a.policy, SCHED_OTHER);
    CHECK_EQ(a.priority, 0);
    CHECK_EQ(sc(SYS_sched_getattr, 0, &a, 10, 0), -EINVAL);
    CHECK_EQ(sc(SYS_sched_getattr, 0, &a, sizeof(a), 1), -EINVAL);
    CHECK_EQ(sc(SYS_sched_getattr, 0x3ffffff, &a, sizeof(a), 0), -ESRCH);
    a.size = 48;
    CHECK_EQ(sc(SYS_sched_setattr, 0, &a, 0), 0);
    CHECK_EQ(sc(SYS_sched_setattr, 0, &a, 1), -EINVAL);
    CHECK_EQ(sc(SYS_sched_setattr, 0, NULL, 0), -EINVAL);
}

TEST(nice_values) {
    errno = 0;
    int now = getpriority(PRIO_PROCESS, 0);
    CHECK_EQ(errno, 0);
    CHECK_OK(setpriority(PRIO_PROCESS, 0, now + 1));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), now + 1);
    CHECK_EQ(sc(SYS_getpriority, PRIO_PROCESS, getpid()), 20 - now - 1);
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 100)); /* clamped */
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
    CHECK_ERRNO(getpriority(7, 0), EINVAL);
    CHECK_ERRNO(setpriority(PRIO_PROCESS, 0x3ffffff, 0), ESRCH);
    if (geteuid()) {
        CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 0), EACCES);
        CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){10}), EPERM);
    }
}

TEST(affinity) {
    cpu_set_t set, got;
    CPU_ZERO(&set);
    long bytes = sc(SYS_sched_getaffinity, 0, sizeof(set), &set);
    CHECK(bytes > 0 && bytes % 8 == 0);
    NEED(CPU_COUNT(&set) > 0);
    CHECK_EQ(sysconf(_SC_NPROCESSORS_ONLN) >= CPU_COUNT(&set), 1);
    int first = 0;
    while (!CPU_ISSET(first, &set))
        first++;
    CPU_ZERO(&got);
    CPU_SET(first, &got);
    CHECK_OK(sched_setaffinity(0, sizeof(got), &got));
    CPU_ZERO(&got);
    CHECK_OK(sched_getaffinity(getpid(), sizeof(got), &got));
    CHECK_EQ(CPU_COUNT(&got), 1);
    CHECK(CPU_ISSET(first, &got));
    CHECK_EQ(sched_getcpu(), first);
    unsigned cpu = 99, node = 99;
    CHECK_EQ(sc(SYS_getcpu, &cpu, &node, 0), 0);
    CHECK_EQ(cpu, first);
    CHECK_EQ(sc(SYS_getcpu, 8, 0, 0), -EFAULT);
    CHECK_OK(sched_setaffinity(0, sizeof(set), &set));
    CPU_ZERO(&got);
    CHECK_ERRNO(sched_setaffinity(0, sizeof(got), &got), EINVAL);
    CHECK_ERRNO(sched_setaffinity(0x3ffffff, sizeof(set), &set), ESRCH);
    CHECK_EQ(sc(SYS_sched_getaffinity, 0, 3, &set), -EINVAL);
    CHECK_EQ(sc(SYS_sched_getaffinity, 0, 128, 8), -EFAULT);
    CHECK_EQ(sc(SYS_sched_setaffinity, 0, 128, 8), -EFAULT);
}

TEST(names) {
    char name[17] = {0};
    CHECK_OK(prctl(PR_SET_NAME, "a name that is too long"));
    CHECK_OK(prctl(PR_GET_NAME, name));
    CHECK_STR(name, "a name that is ");
    FILE* f = fopen("/proc/self/comm", "r");
    char line[64] = {0};
    CHECK(f && fgets(line, sizeof(line), f));
    CHECK_STR(line, "a name that is \n");
    if (f)
        fclose(f);
    f = fopen("/proc/self/comm", "w");
    CHECK(f != NULL);
    if (f) {
        fputs("written", f);
        fclose(f);
    }
    prctl(PR_GET_NAME, name);
    CHECK_STR(name, "written");
    CHECK_EQ(sc(SYS_prctl, PR_SET_NAME, 8), -EFAULT);
    CHECK_EQ(sc(SYS_prctl, PR_GET_NAME, 8), -EFAULT);
}

TEST(process_controls) {
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
    CHECK_OK(prctl(PR_SET_DUMPABLE, 0));
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
    CHECK_ERRNO(prctl(PR_SET_DUMPABLE, 2), EINVAL);
    int v = -1;
    CHECK_OK(prctl(PR_GET_PDEATHSIG, &v));
    CHECK_EQ(v, 0);
    CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
    CHECK_OK(prctl(PR_GET_PDEATHSIG, &v));
    CHECK_EQ(v, SIGUSR1);
    CHECK_OK(prctl(PR_SET_PDEATHSIG, 0));
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
    CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), EINVAL);
    CHECK_EQ(prctl(PR_GET_KEEPCAPS), 0);
    CHECK_OK(prctl(PR_SET_TIMERSLACK, 60000));
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 60000);
    CHECK_OK(prctl(PR_SET_TIMERSLACK, 0));
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 50000);
    CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    CHECK_OK(prctl(PR_GET_CHILD_SUBREAPER, &v));
    CHECK_EQ(v, 1);
    CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 0));
    CHECK_EQ(prctl(PR_GET_TSC, &v), 0);
    CHECK_EQ(v, PR_TSC_ENABLE);
    CHECK_ERRNO(prctl(999999), EINVAL);
    CHECK_EQ(prctl(PR_CAPBSET_READ, 0) >= 0, 1);
    CHECK_ERRNO(prctl(PR_CAPBSET_READ, 1000), EINVAL);
    CHECK_EQ(prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) >= 0, 1);
    CHECK_ERRNO(prctl(PR_MCE_KILL_GET, 1, 0, 0, 0), EINVAL);
    CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 0);
    CHECK_OK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
    CHECK_ERRNO(prctl(PR_SET_THP_DISABLE, 1, 8, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(PR_SET_THP_DISABLE, 0, 2, 0, 0), EINVAL);
    CHECK_ERRNO(prctl(PR_SET_THP_DISABLE, 1, 0, 1, 0), EINVAL);
    if (prctl(PR_SET_THP_DISABLE, 1, 2, 0, 0) == 0) /* Linux 6.18 */
        CHECK_EQ(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 3);
    CHECK_OK(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
    CHECK_OK(prctl(PR_TASK_PERF_EVENTS_DISABLE));
}

TEST(identity) {
    uid_t r, e, s;
    gid_t g[3];
    CHECK_OK(getresuid(&r, &e, &s));
    CHECK(r == getuid() && e == geteuid() && s == e);
    CHECK_OK(getresgid(&g[0], &g[1], &g[2]));
    CHECK(g[0] == getgid() && g[1] == getegid());
    CHECK_OK(setuid(getuid()));
    CHECK_OK(setgid(getgid()));
    CHECK_OK(setresuid(-1, -1, -1));
    CHECK_OK(setreuid(-1, getuid()));
    CHECK_EQ(sc(SYS_setfsuid, -1), getuid());
    CHECK_EQ(sc(SYS_setfsgid, -1), getgid());
    if (geteuid()) {
        CHECK_ERRNO(setuid(0), EPERM);
        CHECK_ERRNO(setgid(0), EPERM);
        CHECK_ERRNO(setresuid(0, 0, 0), EPERM);
        CHECK_ERRNO(sc(SYS_setgroups, 0, NULL) < 0 ? (errno = EPERM, -1) : 0, EPERM);
    }
    CHECK(getgroups(0, NULL) >= 0);
    CHECK_ERRNO(getgroups(-1, NULL), EINVAL);
    CHECK_EQ(sc(SYS_getresuid, 8, 8, 8), -EFAULT);
    CHECK_EQ(getpgid(0), getpgrp());
    CHECK(getsid(0) > 0);
    CHECK_ERRNO(getpgid(0x3ffffff), ESRCH);
    CHECK_ERRNO(getsid(0x3ffffff), ESRCH);
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    CHECK_EQ(sc(SYS_capget, &h, d), 0);
    h.version = 1;
    CHECK_EQ(sc(SYS_capget, &h, d), -EINVAL);
    CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
    CHECK_EQ(sc(SYS_personality, 0xffffffff), 0);
}
