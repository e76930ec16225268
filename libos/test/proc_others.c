/* /proc of other processes, and their memory: asleep, busy, stopped, threads, zombies, in storms.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "oracle.h"

static char text[1 << 18];

static const char* slurp(const char* format, int pid) {
    char path[128];
    snprintf(path, sizeof(path), format, pid);
    memset(text, 0, 64);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return strcpy(text, strerrorname_np(errno));
    size_t n = 0;
    ssize_t got;
    while (n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
        n += (size_t)got;
    if (got < 0)
        n = (size_t)snprintf(text, sizeof(text), "%s", strerrorname_np(errno));
    text[n] = '\0';
    close(fd);
    return text;
}

static const char* link_of(const char* format, int pid) {
    static char target[4096];
    char path[128];
    snprintf(path, sizeof(path), format, pid);
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    target[n > 0 ? n : 0] = '\0';
    return n < 0 ? strerrorname_np(errno) : target;
}

static char state_of(int pid) {
    char state = '?';
    const char* end = strrchr(slurp("/proc/%d/stat", pid), ')');
    if (end)
        sscanf(end, ") %c", &state);
    return state;
}

static void await_state(int pid, const char* states) {
    for (int i = 0; i < 5000 && !strchr(states, state_of(pid)); i++)
        usleep(1000);
    CHECK(strchr(states, state_of(pid)) != NULL);
}

static long field(const char* name) {
    const char* at = strstr(text, name);
    return at ? atol(at + strlen(name)) : -1;
}

static int go[2], begun[2];

/* A child that does work(), and is killed by end_child(). */
static int child(void (*work)(void)) {
    char c;
    CHECK_OK(pipe(begun));
    int pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "the child");
        close(begun[0]);
        close(begun[1]);
        work();
        _exit(0);
    }
    close(begun[1]);
    CHECK_EQ(read(begun[0], &c, 1), 0);
    close(begun[0]);
    CHECK(pid > 0);
    return pid;
}

static void end_child(int pid) {
    kill(pid, SIGKILL);
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

static void sleeps(void) {
    for (;;)
        pause();
}
static void reads(void) {
    char c;
    while (read(go[0], &c, 1) >= 0)
        ;
}
static void spins(void) {
    for (volatile long i = 0;; i++)
        ;
}
static void naps(void) {
    for (;;)
        usleep(100000);
}

TEST(asleep) {
    NEED(pipe(go) == 0);
    int fd = open("/dev/null", O_WRONLY);
    int pid = child(reads);
    NEED(pid > 0);
    await_state(pid, "S");
    int number, ppid, pgid, sid;
    char name[32], state;
    CHECK_EQ(sscanf(slurp("/proc/%d/stat", pid), "%d (%31[^)]) %c %d %d %d", &number, name, &state,
                    &ppid, &pgid, &sid),
             6);
    CHECK_EQ(number, pid);
    CHECK_STR(name, "the child");
    CHECK_EQ(ppid, getpid());
    CHECK_EQ(pgid, getpgrp());
    CHECK_EQ(sid, getsid(0));
    slurp("/proc/%d/status", pid);
    CHECK(strstr(text, "Name:\tthe child\n") && strstr(text, "State:\tS (sleeping)\n"));
    CHECK_EQ(field("\nPid:\t"), pid);
    CHECK_EQ(field("\nPPid:\t"), getpid());
    CHECK_EQ(field("\nUid:\t"), (long)getuid());
    CHECK_EQ(field("\nThreads:\t"), 1);
    CHECK(field("\nVmRSS:\t") > 0);
    CHECK_STR(slurp("/proc/%d/comm", pid), "the child\n");
    char own[4096];
    size_t n = strlen(slurp("/proc/%d/cmdline", getpid()));
    memcpy(own, text, n + 1);
    CHECK_STR(slurp("/proc/%d/cmdline", pid), own);
    CHECK(strstr(slurp("/proc/%d/maps", pid), "[stack]") != NULL);
    CHECK(strlen(slurp("/proc/%d/environ", pid)) > 0);
    CHECK_EQ(sscanf(slurp("/proc/%d/statm", pid), "%d", &number), 1);
    CHECK(number > 0);
    CHECK(strstr(slurp("/proc/%d/limits", pid), "Max open files") != NULL);
    CHECK(strstr(slurp("/proc/%d/io", pid), "rchar: ") != NULL);
    CHECK(strstr(slurp("/proc/%d/mounts", pid), " / ") != NULL);
    strcpy(own, link_of("/proc/%d/exe", getpid()));
    CHECK_STR(link_of("/proc/%d/exe", pid), own);
    strcpy(own, link_of("/proc/%d/cwd", getpid()));
    CHECK_STR(link_of("/proc/%d/cwd", pid), own);
    CHECK_STR(link_of("/proc/%d/root", pid), "/");
    char path[128];
    snprintf(path, sizeof(path), "/proc/%%d/fd/%d", fd);
    CHECK_STR(link_of(path, pid), "/dev/null");
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
    CHECK_OK(lstat(path, &st));
    CHECK_EQ(st.st_mode, S_IFLNK | 0300);
    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
    CHECK(strstr(slurp(path, 0), "flags:\t0100001\n") != NULL);
    snprintf(path, sizeof(path), "/proc/%d/fd/999", pid);
    CHECK_ERRNO(lstat(path, &st), ENOENT);
    snprintf(path, sizeof(path), "/proc/%d/nonesuch", pid);
    CHECK_ERRNO(lstat(path, &st), ENOENT);
    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    struct stat self;
    CHECK_OK(stat(path, &st));
    CHECK_OK(stat("/proc/self/exe", &self));
    CHECK(st.st_ino == self.st_ino && st.st_size == self.st_size);
    /* Its descriptors, tasks and our children, as directories and lists. */
    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    DIR* d = opendir(path);
    NEED(d != NULL);
    int found = 0;
    for (struct dirent* e; (e = readdir(d));)
        found += atoi(e->d_name) == fd && fd > 0;
    CHECK_EQ(found, 1);
    closedir(d);
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    CHECK_OK(stat(path, &st));
    CHECK_EQ(st.st_nlink, 3);
    snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", pid, pid);
    CHECK_STR(slurp(path, 0), "the child\n");
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", getpid(), getpid());
    CHECK_EQ(atoi(slurp(path, 0)), pid);
    d = opendir("/proc");
    found = 0;
    for (struct dirent* e; d && (e = readdir(d));)
        found += atoi(e->d_name) == pid;
    CHECK_EQ(found, 1);
    closedir(d);
    /* What it shall be called from now on. */
    snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
    int w = open(path, O_WRONLY);
    CHECK_EQ(write(w, "500", 3), 3);
    close(w);
    CHECK_STR(slurp("/proc/%d/oom_score_adj", pid), "500\n");
    CHECK_STR(slurp("/proc/%d/oom_score_adj", getpid()), "0\n");
    end_child(pid);
    CHECK_STR(slurp("/proc/%d/stat", pid), "ENOENT");
    close(fd);
    close(go[0]);
    close(go[1]);
}

TEST(states) {
    int pid = child(spins);
    await_state(pid, "R");
    CHECK(strstr(slurp("/proc/%d/status", pid), "State:\tR (running)\n") != NULL);
    kill(pid, SIGSTOP);
    await_state(pid, "T");
    CHECK(strstr(slurp("/proc/%d/status", pid), "State:\tT (stopped)\n") != NULL);
    CHECK_STR(slurp("/proc/%d/comm", pid), "the child\n");
    CHECK(strstr(slurp("/proc/%d/maps", pid), "[stack]") != NULL);
    kill(pid, SIGCONT);
    await_state(pid, "R");
    kill(pid, SIGKILL);
    siginfo_t info;
    CHECK_OK(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
    CHECK_EQ(state_of(pid), 'Z');
    CHECK_STR(slurp("/proc/%d/cmdline", pid), "");
    CHECK_STR(slurp("/proc/%d/maps", pid), "");
    CHECK(strstr(slurp("/proc/%d/status", pid), "State:\tZ (zombie)\n") != NULL);
    CHECK_STR(slurp("/proc/%d/comm", pid), "the child\n");
    CHECK_STR(link_of("/proc/%d/exe", pid), "ENOENT");
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
    CHECK_EQ(state_of(pid), '?');
    pid = child(naps);
    for (int i = 0; i < 50; i++)
        CHECK(strchr("SR", state_of(pid)) != NULL);
    end_child(pid);
}

/* A process by its directory in /proc: what killall(1) does. */
TEST(by_directory) {
    char path[64];
    int pid = child(sleeps), status = -1;
    snprintf(path, sizeof(path), "/proc/%d", pid);
    int dir = open(path, O_RDONLY | O_DIRECTORY), other = open("/proc", O_RDONLY | O_DIRECTORY);
    NEED(dir >= 0 && other >= 0);
    CHECK_EQ(sc(SYS_pidfd_send_signal, dir, 0, NULL, 0), 0);
    CHECK_EQ(sc(SYS_pidfd_send_signal, dir, 77, NULL, 0), -EINVAL);
    CHECK_EQ(sc(SYS_pidfd_send_signal, other, 0, NULL, 0), -EBADF);
    CHECK_EQ(sc(SYS_pidfd_send_signal, dir, SIGTERM, NULL, 0), 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CHECK_EQ(sc(SYS_pidfd_send_signal, dir, 0, NULL, 0), -ESRCH);
    close(dir);
    close(other);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static char* shared_place;

TEST(memory) {
    shared_place = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(shared_place != MAP_FAILED);
    memset(shared_place, 'p', 5 * 4096);
    munmap(shared_place + 3 * 4096, 4096);
    int pid = child(sleeps);
    memset(shared_place, 'q', 4096); /* ours only */
    char* got = malloc(5 * 4096);
    struct iovec local = {got, 3 * 4096}, remote = {shared_place, 3 * 4096};
    CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), 3 * 4096);
    CHECK(got[0] == 'p' && got[3 * 4096 - 1] == 'p');
    strcpy(got, "written by the parent");
    local.iov_len = 22;
    CHECK_EQ(process_vm_writev(pid, &local, 1, &remote, 1, 0), 22);
    memset(got, 0, 100);
    CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), 22);
    CHECK_STR(got, "written by the parent");
    CHECK_EQ(shared_place[0], 'q');
    /* Up to the hole, to the byte. */
    local = (struct iovec){got, 5 * 4096};
    remote = (struct iovec){shared_place + 4096 + 5, 4 * 4096 - 5};
    CHECK_EQ(process_vm_readv(pid, &local, 1, &remote, 1, 0), 2 * 4096 - 5);
    remote = (struct iovec){shared_place + 3 * 4096, 10};
    CHECK_ERRNO(process_vm_readv(pid, &local, 1, &remote, 1, 0), EFAULT);
    CHECK_ERRNO(process_vm_writev(pid, &local, 1, &remote, 1, 0), EFAULT);
    struct iovec two[2] = {{got, 3}, {got + 10, 4}},
                 far[2] = {{shared_place, 5}, {shared_place + 4096, 2}};
    CHECK_EQ(process_vm_readv(pid, two, 2, far, 2, 0), 7);
    CHECK_MEM(got, "wri", 3);
    CHECK_MEM(got + 10, "ttpp", 4);
    CHECK_ERRNO(process_vm_readv(0x3ffffff, &local, 1, &remote, 1, 0), ESRCH);
    CHECK_ERRNO(process_vm_readv(pid, &local, 1, &remote, 1, 1), EINVAL);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/mem", pid);
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0);
    CHECK_EQ(pread(fd, got, 22, (off_t)(long)shared_place), 22);
    CHECK_STR(got, "written by the parent");
    CHECK_EQ(pwrite(fd, "W", 1, (off_t)(long)shared_place), 1);
    CHECK_EQ(pread(fd, got, 2, (off_t)(long)shared_place), 2);
    CHECK_MEM(got, "Wr", 2);
    CHECK_ERRNO(pread(fd, got, 2, (off_t)(long)(shared_place + 3 * 4096)), EIO);
    close(fd);
    end_child(pid);
    CHECK_ERRNO(process_vm_readv(pid, &local, 1, &remote, 1, 0), ESRCH);
    munmap(shared_place, 5 * 4096);
    free(got);
}

/* ---- limits and scheduling ------------------------------------------------------------------- */

TEST(limits) {
    int pid = child(sleeps);
    struct rlimit own, old, set = {100, 200};
    CHECK_OK(getrlimit(RLIMIT_NOFILE, &own));
    CHECK_OK(prlimit(pid, RLIMIT_NOFILE, NULL, &old));
    CHECK_EQ(old.rlim_cur, own.rlim_cur);
    CHECK_OK(prlimit(pid, RLIMIT_NOFILE, &set, &old));
    CHECK_EQ(old.rlim_max, own.rlim_max);
    CHECK_OK(prlimit(pid, RLIMIT_NOFILE, NULL, &old));
    CHECK(old.rlim_cur == 100 && old.rlim_max == 200);
    CHECK_OK(getrlimit(RLIMIT_NOFILE, &old));
    CHECK_EQ(old.rlim_cur, own.rlim_cur); /* ours is as it was */
    set.rlim_cur = 300;
    CHECK_ERRNO(prlimit(pid, RLIMIT_NOFILE, &set, NULL), EINVAL);
    CHECK_ERRNO(prlimit(pid, 99, NULL, &old), EINVAL);
    CHECK_EQ(sc(SYS_prlimit64, pid, RLIMIT_NOFILE, 8, NULL), -EFAULT);
    CHECK_EQ(sc(SYS_prlimit64, pid, RLIMIT_NOFILE, NULL, 8), -EFAULT);
    CHECK_ERRNO(prlimit(0x3ffffff, RLIMIT_NOFILE, NULL, &old), ESRCH);
    CHECK(strstr(slurp("/proc/%d/limits", pid), "Max open files            100 ") != NULL);
    end_child(pid);
}

static void first_of_group(void) {
    setpgid(0, 0);
    sleeps();
}

TEST(scheduling_of_groups) {
    int own = getpriority(PRIO_PROCESS, 0), pid = child(first_of_group);
    for (int i = 0; i < 2000 && getpgid(pid) != pid; i++)
        usleep(1000);
    NEED(getpgid(pid) == pid);
    CHECK_OK(setpriority(PRIO_PGRP, pid, own + 4));
    CHECK_EQ(getpriority(PRIO_PROCESS, pid), own + 4);
    CHECK_EQ(getpriority(PRIO_PGRP, pid), own + 4);
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), own);
    CHECK_EQ(getpriority(PRIO_PGRP, 0), own);
    CHECK(getpriority(PRIO_USER, 0) <= own); /* the lowest of all the user's processes */
    end_child(pid);
    CHECK_ERRNO(getpriority(PRIO_PGRP, pid), ESRCH);
    CHECK_ERRNO(setpriority(PRIO_PGRP, pid, 5), ESRCH);
    CHECK_ERRNO(getpriority(3, 0), EINVAL);
}

TEST(scheduling_attributes) {
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } a = {.size = sizeof(a), .policy = SCHED_BATCH, .nice = 6}, got;
    struct sched_param p = {0};
    struct timespec slice;
    int pid = child(sleeps);
    CHECK_EQ(sc(SYS_sched_setattr, pid, &a, 0), 0);
    memset(&got, 0, sizeof(got));
    CHECK_EQ(sc(SYS_sched_getattr, pid, &got, sizeof(got), 0), 0);
    CHECK_EQ(got.policy, SCHED_BATCH);
    CHECK_EQ(got.nice, 6);
    CHECK_EQ(getpriority(PRIO_PROCESS, pid), 6);
    CHECK_OK(sched_setparam(pid, &p));
    p.sched_priority = 3;
    CHECK_ERRNO(sched_setparam(pid, &p), EINVAL);
    CHECK_EQ(sched_getscheduler(pid), SCHED_BATCH);
    CHECK_OK(sched_rr_get_interval(pid, &slice));
    end_child(pid);
    p.sched_priority = 0;
    CHECK_ERRNO(sched_setparam(pid, &p), ESRCH);
    CHECK_EQ(sc(SYS_sched_getattr, pid, &got, sizeof(got), 0), -ESRCH);
    CHECK_EQ(sc(SYS_sched_setattr, pid, &a, 0), -ESRCH);
    CHECK_ERRNO(sched_rr_get_interval(pid, &slice), ESRCH);
}

TEST(scheduling) {
    int pid = child(sleeps), own = getpriority(PRIO_PROCESS, 0);
    CHECK_EQ(getpriority(PRIO_PROCESS, pid), own);
    CHECK_OK(setpriority(PRIO_PROCESS, pid, own + 3));
    CHECK_EQ(getpriority(PRIO_PROCESS, pid), own + 3);
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), own);
    CHECK_EQ(sched_getscheduler(pid), SCHED_OTHER);
    struct sched_param p = {0};
    CHECK_OK(sched_setscheduler(pid, SCHED_BATCH, &p));
    CHECK_EQ(sched_getscheduler(pid), SCHED_BATCH);
    CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
    p.sched_priority = 7;
    CHECK_OK(sched_getparam(pid, &p));
    CHECK_EQ(p.sched_priority, 0);
    p.sched_priority = 7;
    CHECK_ERRNO(sched_setscheduler(pid, SCHED_BATCH, &p), EINVAL);
    cpu_set_t all, one, got;
    CHECK_OK(sched_getaffinity(0, sizeof(all), &all));
    CHECK_OK(sched_getaffinity(pid, sizeof(got), &got));
    CHECK(CPU_EQUAL(&all, &got));
    int first = 0;
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    CHECK_OK(sched_setaffinity(pid, sizeof(one), &one));
    CHECK_OK(sched_getaffinity(pid, sizeof(got), &got));
    CHECK(CPU_EQUAL(&one, &got));
    CHECK_OK(sched_getaffinity(0, sizeof(got), &got));
    CHECK(CPU_EQUAL(&all, &got));
    CPU_ZERO(&one);
    CHECK_ERRNO(sched_setaffinity(pid, sizeof(one), &one), EINVAL);
    CHECK_EQ(sc(SYS_ioprio_get, 1, pid), sc(SYS_ioprio_get, 1, 0));
    CHECK_EQ(sc(SYS_ioprio_set, 1, pid, 2 << 13 | 6), 0);
    CHECK_EQ(sc(SYS_ioprio_get, 1, pid), 2 << 13 | 6);
    CHECK_EQ(sc(SYS_ioprio_get, 1, 0), 0);
    end_child(pid);
    CHECK_ERRNO(sched_getscheduler(pid), ESRCH);
    CHECK_ERRNO(setpriority(PRIO_PROCESS, pid, 0), ESRCH);
    CHECK_EQ(sc(SYS_ioprio_get, 1, pid), -ESRCH);
}

/* ---- storms ---------------------------------------------------------------------------------- */

/* Looks at `pid` again and again; every answer is whole, or says that it is gone. */
static void look_at(int pid, int rounds) {
    for (int i = 0; i < rounds; i++) {
        int number = -1;
        slurp("/proc/%d/stat", pid);
        bool gone = !strcmp(text, "ENOENT") || !strcmp(text, "ESRCH");
        if (!gone && (sscanf(text, "%d (", &number) != 1 || number != pid))
            _exit(3);
        slurp("/proc/%d/cmdline", pid);
        slurp("/proc/%d/maps", pid);
    }
}

TEST(each_other) {
    int pids[3], parent = getpid();
    for (int k = 0; k < 3; k++) {
        pids[k] = fork();
        if (pids[k] == 0) {
            for (int i = 0; i < 20; i++) {
                look_at(parent, 1);
                look_at(k ? getpid() - 1 : getpid() + 1, 1); /* a sibling, if it is one */
            }
            _exit(0);
        }
    }
    for (int k = 0; k < 3; k++) {
        look_at(pids[k], 20);
        int status = -1;
        CHECK_EQ(waitpid(pids[k], &status, 0), pids[k]);
        CHECK_EQ(status, 0);
    }
}

TEST(coming_and_going) {
    for (int i = 0; i < 60; i++) {
        int pid = child(i % 2 ? spins : sleeps);
        int looker = fork();
        if (looker == 0) {
            look_at(pid, 5);
            _exit(0);
        }
        usleep((i % 7) * 300);
        end_child(pid);
        int status = -1;
        CHECK_EQ(waitpid(looker, &status, 0), looker);
        CHECK_EQ(status, 0);
    }
}

/* System calls of the one that is asked go on as if nothing had been. */
TEST(unnoticed) {
    int fds[2];
    NEED(pipe(fds) == 0);
    int pid = fork();
    if (pid == 0) {
        struct timespec end, now;
        char c;
        clock_gettime(CLOCK_MONOTONIC, &end);
        end.tv_nsec += 300000000;
        end.tv_sec += end.tv_nsec / 1000000000, end.tv_nsec %= 1000000000;
        if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0)
            _exit(1);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec))
            _exit(2);
        _exit(read(fds[0], &c, 1) == 1 && c == 'x' ? 0 : 3);
    }
    for (int i = 0; i < 300; i++) {
        state_of(pid);
        usleep(1000);
    }
    CHECK_EQ(write(fds[1], "x", 1), 1);
    int status = -1;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    close(fds[0]);
    close(fds[1]);
}
