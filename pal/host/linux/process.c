/*
 * Processes: end, fork, start of another PAL process, wait.
 */
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "host_internal.h"
#include "parents.h"

struct host_rlimit {
    uint64_t soft, hard;
};

#define P_ALL_   0
#define P_PID_   1
#define P_PIDFD_ 3

_Noreturn void PalProcessExit(PAL_NUM exit_code) {
    for (;;)
        host_syscall(__NR_exit_group, exit_code);
}

_Noreturn void PalProcessKillSelf(PAL_NUM signo) {
    struct host_rlimit none = {0, 0};
    host_syscall(__NR_prlimit64, 0, RLIMIT_CORE, &none, NULL);
    host_syscall(__NR_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0); /* nor to a core_pattern pipe */
    if (signo >= 1 && signo <= 64) {
        uint64_t mask = ~SIG_BIT(signo);
        host_set_signal(signo, NULL);
        host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &mask, NULL, 8);
        host_syscall(__NR_tgkill, g_pid, host_tcb()->tid, signo);
    }
    PalProcessExit(128 + (signo & 0x7f)); /* a signal that ends nothing */
}

int PalProcessStopSelf(PAL_NUM signo) {
    if (signo != SIGSTOP_ && signo != SIGTSTP_ && signo != SIGTTIN_ && signo != SIGTTOU_)
        return PAL_ERROR_INVAL;
    if (signo == SIGSTOP_)
        return host_error(host_syscall(__NR_kill, g_pid, SIGSTOP_));
    /* With its default action, so that a shell sees which signal stopped us. */
    uint64_t bit = SIG_BIT(signo), old;
    host_set_signal(signo, NULL);
    long ret = host_syscall(__NR_tgkill, g_pid, host_tcb()->tid, signo);
    host_syscall(__NR_rt_sigprocmask, 1 /* SIG_UNBLOCK */, &bit, &old, 8);
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &old, NULL, 8);
    host_exceptions_restore(signo);
    return host_error(ret);
}

static struct host_lock* const g_fork_locks[] = {&g_topology_lock, &g_wait_lock,   &g_thread_lock,
                                                 &g_handle_lock,   &g_memory_lock, &g_parents_lock};
#define FORK_LOCKS (sizeof(g_fork_locks) / sizeof(g_fork_locks[0]))

static void lock_all(void) {
    for (size_t i = 0; i < FORK_LOCKS; i++)
        host_lock(g_fork_locks[i]);
}

static void unlock_all(void) {
    for (size_t i = FORK_LOCKS; i-- > 0;)
        host_unlock(g_fork_locks[i]);
}

static void child_after_fork(bool was_alone) {
    g_pid = host_syscall(__NR_getpid);
    g_control.process_id = g_pid;
    host_arm_trap(); /* the kernel cleared it; signals are still blocked */
    host_thread_after_fork();
    parents_after_fork();
    for (size_t i = 0; i < FORK_LOCKS && !was_alone; i++)
        g_fork_locks[i]->word = 0;
}

/* word: where the kernel puts what CLONE_PIDFD or CLONE_PARENT_SETTID tells. A process that never
 * had a second thread takes no locks: their pages stay shared. */
static long fork_host(unsigned long flag, int* word) {
    uint64_t all = ~0UL, old;
    bool alone = host_thread_is_alone();
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &all, &old, 8);
    if (!alone)
        lock_all();
    long pid = host_syscall(__NR_clone, flag | SIGCHLD_, 0, word, 0, 0);
    if (pid == 0)
        child_after_fork(alone);
    else if (!alone)
        unlock_all();
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &old, NULL, 8);
    return pid;
}

int PalProcessForkInto(PAL_IDX* host_id) {
    if (!(g_control.capabilities & PAL_CAP_FORK))
        return PAL_ERROR_NOTIMPLEMENTED;
    if (!host_id)
        return PAL_ERROR_INVAL;
    long pid = fork_host(CLONE_PARENT_SETTID, (int*)host_id);
    if (pid == 0)
        *host_id = (PAL_IDX)g_pid;
    return pid > 0 ? 1 : host_error(pid);
}

int PalProcessFork(PAL_HANDLE* child) {
    int pidfd = -1;
    if (!(g_control.capabilities & PAL_CAP_FORK))
        return PAL_ERROR_NOTIMPLEMENTED;
    struct host_handle* h = host_handle_new(PAL_TYPE_PROCESS);
    if (!h)
        return PAL_ERROR_NOMEM;
    long pid = fork_host(CLONE_PIDFD, &pidfd);
    if (pid <= 0) {
        host_handle_free(h);
        *child = NULL;
        return host_error(pid);
    }
    h->fd = h->process.pidfd = pidfd;
    h->process.pid = pid;
    *child = &h->pal;
    return 0;
}

/* ---- Starting another PAL process ------------------------------------------------------------ */

#define MAX_ARGS_ 4096

struct start {
    const char** argv;
    const char* const* envp;
    int keep[2]; /* descriptors that stay open over exec */
    long error;
};

/* Runs in the child, on the parent's memory and stack, while the parent waits (vfork). */
static _Noreturn void exec_child(struct start* s) {
    uint64_t none = 0;
    for (int i = 0; i < 2; i++) {
        if (s->keep[i] >= 0)
            host_syscall(__NR_fcntl, s->keep[i], 2 /* F_SETFD */, 0);
    }
    for (int signo = 1; signo <= 64; signo++) { /* as we found them */
        bool ignored = g_control.host_signals_ignored & SIG_BIT(signo);
        if (ignored || signo == SIGPIPE_ || signo == SIGXFSZ_)
            host_set_signal(signo, (void*)(long)ignored);
    }
    host_limits_back();
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &none, NULL, 8);
    s->error = host_syscall(__NR_execve, "/proc/self/exe", s->argv, s->envp);
    for (;;)
        host_syscall(__NR_exit, 127);
}

static long start_process(struct start* s, int* pidfd) {
    uint64_t all = ~0UL, old;
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &all, &old, 8);
    long pid = host_vfork(CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD_, pidfd,
                          (void (*)(void*))exec_child, s);
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &old, NULL, 8);
    if (pid > 0 && s->error) {
        host_syscall(__NR_wait4, pid, NULL, 0x40000000 /* __WALL */, NULL);
        host_syscall(__NR_close, *pidfd);
        return s->error;
    }
    return pid;
}

static long manifest_memfd(void) {
    if (!g_manifest_text)
        return -1;
    long fd = host_syscall(__NR_memfd_create, "culm-manifest", 1 /* MFD_CLOEXEC */);
    size_t left = strlen(g_manifest_text), at = 0;
    while (fd >= 0 && left) {
        long n = host_syscall(__NR_write, fd, g_manifest_text + at, left);
        if (n <= 0)
            break;
        at += n;
        left -= n;
    }
    return fd;
}

static int build_args(struct start* s, const char* entry, PAL_STR* args, char numbers[3][16]) {
    int n = 0, count = 0;
    snprintf(numbers[0], 16, "%d", s->keep[0]);
    snprintf(numbers[1], 16, "%d", s->keep[1]);
    snprintf(numbers[2], 16, "%d", g_control.log_level);
    const char* fixed[] = {"culm-pal",    "--parent-fd", numbers[0],     "--entrypoint", entry,
                           "--log-level", numbers[2],    g_image_option, g_image_path};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        s->argv[n++] = fixed[i];
    if (g_trap_kind != TRAP_SUD) {
        s->argv[n++] = "--trap";
        s->argv[n++] = "inherited";
    }
    if (s->keep[1] >= 0) {
        s->argv[n++] = "--manifest-fd";
        s->argv[n++] = numbers[1];
    }
    s->argv[n++] = "--";
    for (; args && args[count]; count++) {
        if (n >= MAX_ARGS_ - 1)
            return PAL_ERROR_TOOBIG;
        s->argv[n++] = args[count];
    }
    s->argv[n] = NULL;
    return 0;
}

int PalProcessCreate(PAL_STR exec_uri, PAL_STR* args, PAL_HANDLE* handle) {
    char numbers[3][16];
    int pair[2], pidfd = -1;
    if (!exec_uri || strncmp(exec_uri, "file:", 5) != 0)
        return PAL_ERROR_INVAL;
    long ret =
        host_syscall(__NR_socketpair, 1 /* AF_UNIX */, 1 | 02000000 /* STREAM, CLOEXEC */, 0, pair);
    if (ret < 0)
        return host_error(ret);
    uint64_t salt[2];
    host_instance_salt(salt);
    host_syscall(__NR_write, pair[0], salt, sizeof(salt)); /* the child reads it first (main.c) */
    struct start s = {.envp = g_control.host_envp, .keep = {pair[1], manifest_memfd()}};
    s.argv = host_map_internal(MAX_ARGS_ * sizeof(char*));
    struct host_handle* h = s.argv ? host_handle_new(PAL_TYPE_PROCESS) : NULL;
    int error = h ? build_args(&s, exec_uri, args, numbers) : PAL_ERROR_NOMEM;
    if (!error) {
        ret = start_process(&s, &pidfd);
        error = host_error(ret);
    }
    if (s.argv)
        host_syscall(__NR_munmap, s.argv, MAX_ARGS_ * sizeof(char*));
    if (s.keep[1] >= 0)
        host_syscall(__NR_close, s.keep[1]);
    host_syscall(__NR_close, pair[1]);
    if (error) {
        host_syscall(__NR_close, pair[0]);
        if (h)
            host_handle_free(h);
        return error;
    }
    h->fd = pair[0];
    h->flags = HANDLE_READABLE | HANDLE_WRITABLE;
    h->process.pid = ret;
    h->process.pidfd = pidfd;
    *handle = &h->pal;
    return 0;
}

/* ---- End of children ------------------------------------------------------------------------- */

struct host_lock g_wait_lock = HOST_LOCK_INIT; /* guards process.state and status */

struct host_siginfo {
    int signo, error, code, pad;
    int pid, uid, status;
    char rest[128 - 7 * 4];
};

static PAL_NUM status_of(const struct host_siginfo* info) {
    return info->code == 1 /* CLD_EXITED */ ? (PAL_NUM)(info->status & 0xff)
                                            : 256 + (PAL_NUM)info->status;
}

/* 0: ended, status known. TRYAGAIN: still running. Reaps at most once. */
static int poll_end(struct host_handle* h) {
    struct host_siginfo info = {0};
    int ret = 0;
    host_lock(&g_wait_lock);
    if (!h->process.state) {
        ret = host_error(host_syscall(__NR_waitid, P_PIDFD_, h->process.pidfd, &info,
                                      WEXITED | WNOHANG | __WALL, NULL));
        if (!ret && !info.pid)
            ret = PAL_ERROR_TRYAGAIN;
        if (!ret) {
            h->process.status = status_of(&info);
            h->process.state = 1;
        }
    }
    host_unlock(&g_wait_lock);
    return ret;
}

struct host_pollfd {
    int fd;
    short events, revents;
};

int host_process_wait_end(struct host_handle* h, PAL_NUM deadline) {
    if (!h->process.pid)
        return PAL_ERROR_NOCHILD;
    for (;;) {
        int ret = poll_end(h);
        if (ret != PAL_ERROR_TRYAGAIN)
            return ret;
        PAL_NUM now;
        struct host_pollfd pfd = {h->process.pidfd, 1 /* POLLIN */, 0};
        PalClockGet(PAL_CLOCK_MONOTONIC, &now);
        if (deadline != NO_TIMEOUT && now >= deadline)
            return PAL_ERROR_TRYAGAIN;
        struct __kernel_timespec ts = host_timespec(deadline - now);
        long n =
            host_syscall_block(__NR_ppoll, &pfd, 1, deadline == NO_TIMEOUT ? NULL : &ts, NULL, 8);
        if (n < 0)
            return host_error(n);
    }
}

int PalProcessWait(PAL_HANDLE process, bool block, PAL_NUM* status) {
    if (!host_handle_is(process, PAL_TYPE_PROCESS))
        return PAL_ERROR_BADHANDLE;
    struct host_handle* h = host_handle(process);
    int ret = h->process.pid ? 0 : PAL_ERROR_NOCHILD;
    if (!ret)
        ret = block ? host_process_wait_end(h, NO_TIMEOUT) : poll_end(h);
    if (!ret && status)
        *status = h->process.status;
    return ret;
}

int PalProcessReap(PAL_IDX* host_id, PAL_NUM* status) {
    struct host_siginfo info = {0};
    if (!host_id || !status)
        return PAL_ERROR_INVAL;
    long ret =
        host_syscall(__NR_waitid, P_ALL_, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL, NULL);
    if (ret < 0)
        return host_error(ret);
    if (!info.pid)
        return PAL_ERROR_TRYAGAIN;
    *host_id = (PAL_IDX)info.pid;
    *status = status_of(&info);
    return 0;
}

int PalProcessForget(PAL_IDX host_id) {
    struct host_siginfo info = {0};
    if (!host_id || host_id > INT32_MAX)
        return PAL_ERROR_NOCHILD;
    long ret = host_syscall(__NR_waitid, P_PID_, host_id, &info, WEXITED | WNOHANG | __WALL, NULL);
    return ret < 0 ? host_error(ret) : info.pid ? 0 : PAL_ERROR_NOCHILD;
}

/* ---- Other processes of the instance --------------------------------------------------------- */

int PalProcessId(PAL_HANDLE process, PAL_IDX* host_id) {
    if (!host_id)
        return PAL_ERROR_INVAL;
    if (process && !host_handle_is(process, PAL_TYPE_PROCESS))
        return PAL_ERROR_BADHANDLE;
    int pid = process ? host_handle(process)->process.pid : g_pid;
    *host_id = (PAL_IDX)pid;
    return pid ? 0 : PAL_ERROR_NOCHILD;
}

int PalProcessOpen(PAL_IDX host_id, PAL_HANDLE* handle) {
    if (!host_id || host_id > INT32_MAX)
        return PAL_ERROR_INVAL;
    struct host_handle* h = host_handle_new(PAL_TYPE_PROCESS);
    if (!h)
        return PAL_ERROR_NOMEM;
    long fd = host_syscall(__NR_pidfd_open, host_id, 0);
    if (fd < 0) {
        host_handle_free(h);
        return host_error(fd);
    }
    h->fd = h->process.pidfd = (int)fd;
    *handle = &h->pal;
    return 0;
}

static int send_to(PAL_IDX host_id, int signo, int code) {
    struct host_siginfo info = {.signo = signo, .code = code, .pid = g_pid};
    if (!host_id || host_id > INT32_MAX)
        return PAL_ERROR_NOTHREAD;
    long ret = code ? host_syscall(__NR_rt_sigqueueinfo, host_id, signo, &info)
                    : host_syscall(__NR_kill, host_id, signo);
    return ret == -ESRCH ? PAL_ERROR_NOTHREAD : host_error(ret);
}

int PalProcessKick(PAL_IDX host_id) {
    return send_to(host_id, KICK_SIGNAL, KICK_CODE);
}

int PalProcessContinue(PAL_IDX host_id) {
    return send_to(host_id, SIGCONT_, KICK_CODE);
}

int PalProcessKill(PAL_IDX host_id) {
    return send_to(host_id, SIGKILL_, 0);
}

int PalProcessSetSubreaper(bool on) {
    return host_error(host_syscall(__NR_prctl, PR_SET_CHILD_SUBREAPER, on, 0, 0, 0));
}

void host_process_close(struct host_handle* h) {
    if (h->process.pid && h->process.pidfd != h->fd)
        poll_end(h); /* leave no zombie if it has ended already; forked ones may be asked for yet */
    if (h->process.pid && h->process.pidfd >= 0 && h->process.pidfd != h->fd)
        host_syscall(__NR_close, h->process.pidfd);
    if (h->fd >= 0)
        host_syscall(__NR_close, h->fd);
}
