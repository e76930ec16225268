/*
 * New processes by a fork of the host process: fork(2), clone(2). docs/processes.md.
 *
 * The barrier keeps private state whole while it is copied. What the child must not keep, each
 * subsystem drops in its libos_*_after_fork(), called here and nowhere else.
 */
#include <linux/capability.h>

#include "libos_arch.h"
#include "libos_clone.h"
#include "libos_coord_process.h"
#include "libos_event.h"
#include "libos_file.h"
#include "libos_ipc.h"
#include "libos_mm.h"
#include "libos_pidfd.h"
#include "libos_posix_timer.h"
#include "libos_proc_answer.h"
#include "libos_proc_internal.h"
#include "libos_signal.h"
#include "libos_time.h"
#include "libos_timer.h"
#include "manifest.h"

/* Still behind the barrier, with no other thread. */
static void child_state(const struct libos_host_fork* how) {
    struct libos_thread* t = get_cur_thread();
    libos_coord_after_fork();
    libos_timers_after_fork();
    libos_posix_timer_after_fork();
    libos_futex_after_fork();
    libos_sigio_after_fork();
    libos_files_after_fork(how->coord->pid);
    libos_threads_drop(t->process);
    libos_vfork_after_fork();
    if (how->fresh) {
        g_process.coord = how->coord;
        g_process.pid = t->tid = how->coord->pid;
        g_process.start_time_ns = t->start_time_ns = libos_clock(PAL_CLOCK_MONOTONIC);
        libos_threads_after_fork();
        libos_signal_after_fork();
        libos_ipc_after_fork(how->share_undo);
        libos_patch_after_fork();
    }
    libos_mm_after_fork();
    coord_process_started(how->coord, (int32_t)g_pal_control->process_id, false);
    /* A kick that came before the coordination entry was ours looked at the parent's. */
    if (coord_signal_waiting(how->coord))
        __atomic_or_fetch(&libos_get_tcb()->work, LIBOS_WORK_SIGNAL, __ATOMIC_SEQ_CST);
}

static int prepare_host_fork(const struct libos_host_fork* how) {
    int ret = libos_ipc_fork(how->coord->pid, how->share_undo);
    return ret ? ret : libos_files_before_fork();
}

int libos_fork_host(const struct libos_host_fork* how) {
    int32_t pid = how->coord->pid; /* the entry may be gone when the fork returns */
    libos_barrier_raise();
    int ret = prepare_host_fork(how);
    if (ret == 0) {
        ret = PalProcessForkInto((PAL_IDX*)&how->coord->host_pid);
        if (ret == 0) {
            child_state(how);
            libos_barrier_after_fork();
            libos_proc_answer_ready(how->coord->pid);
            return 0;
        }
        if (ret < 0) {
            libos_files_fork_failed();
            ret = ret == PAL_ERROR_NOMEM ? -ENOMEM : -EAGAIN;
        }
    }
    if (ret < 0)
        libos_ipc_process_gone(pid);
    libos_barrier_lower();
    return ret;
}

/* What clone asks of the child's thread. */
static void child_thread(const struct libos_clone_args* a) {
    struct libos_thread* t = get_cur_thread();
    if (a->stack)
        t->regs->rsp = a->stack;
    if (a->flags & CLONE_SETTLS)
        libos_set_fs_base(a->tls);
    if (a->flags & CLONE_CLEAR_SIGHAND)
        libos_signal_clear_handlers();
    if (a->flags & CLONE_CHILD_CLEARTID)
        t->clear_child_tid = a->child_tid;
    if (a->flags & CLONE_CHILD_SETTID) {
        uint32_t tid = t->tid;
        user_put(tid, a->child_tid); /* a bad address is ignored, as in Linux */
    }
}

/* A memory, table of files, directory or table of handlers in common is possible only in one host
 * process. */
static long refuse(const struct libos_clone_args* a) {
    static uint32_t said;
    if (!__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED))
        log_error("%s: clone with flags %#lx: a process that shares memory, files or handlers with "
                  "another (and not for vfork) is not supported; the call fails with EINVAL",
                  get_cur_thread()->comm, (unsigned long)a->flags);
    return -EINVAL;
}

/* A child that did not see the arena would be a stranger to its parent. */
static bool host_can_fork(void) {
    static uint32_t said;
    if ((g_pal_control->capabilities & PAL_CAP_FORK) && coord_is_shared())
        return true;
    if (!__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED))
        log_error("%s: this host cannot make new processes: fork, vfork and clone of one fail with "
                  "ENOSYS",
                  get_cur_thread()->comm);
    return false;
}

static bool disallowed(void) {
    static int state; /* 1: no, 2: yes */
    if (!state)
        state = 1 + manifest_bool(g_pal_control->manifest_root, "sys.disallow_subprocesses", false);
    return state == 2;
}

/* RLIMIT_NPROC: counted are processes of the caller's user; threads are not. */
static bool over_limit(void) {
    const struct libos_thread* t = get_cur_thread();
    uint64_t limit = libos_rlimit(RLIMIT_NPROC), count = 0;
    bool exempt = t->uid == 0 || (t->cap_effective & (1UL << CAP_SYS_ADMIN)) ||
                  (t->cap_effective & (1UL << CAP_SYS_RESOURCE));
    if (exempt || limit > COORD_ID_MAX)
        return false;
    struct coord_process copy;
    for (int32_t pid = 0; (pid = coord_process_next(pid + 1, &copy)) != 0;)
        count += copy.uid == t->uid;
    return count >= limit;
}

/* The first process reaps the host processes whose makers have ended. */
static void adopt_orphans(void) {
    static bool done;
    if (done || coord_process_current() != coord_process_first())
        return;
    done = true;
    PalProcessSetSubreaper(true);
}

/* CLONE_PIDFD: the descriptor is there before the child, which does not have it. */
static int make_pidfd(const struct libos_clone_args* a, const struct coord_process* entry) {
    if (!(a->flags & CLONE_PIDFD))
        return -1;
    int fd = (int)libos_pidfd_create(entry->pid, entry->start_time_ns, false);
    if (fd >= 0 && user_put(fd, a->pidfd) < 0) {
        libos_fd_close(fd);
        return -EFAULT;
    }
    return fd;
}

/* CLONE_VFORK with a memory of its own. */
static void wait_for_exec(int32_t pid) {
    struct coord_process* self = coord_process_current();
    struct coord_process copy;
    for (;;) {
        uint32_t number = coord_queue_number(&self->wait);
        libos_signal_reap();
        if (coord_process_next(pid, &copy) != pid || copy.execed ||
            copy.state == COORD_PROCESS_ZOMBIE || coord_wait_killable(&self->wait, number) < 0)
            return;
    }
}

static long make_process(const struct libos_clone_args* a, struct coord_process* entry, int pidfd) {
    if (a->flags & CLONE_VM)
        return libos_vfork(a, entry, pidfd);
    int32_t pid = entry->pid;
    struct libos_host_fork how = {
        .coord = entry, .fresh = true, .share_undo = a->flags & CLONE_SYSVSEM};
    int ret = libos_fork_host(&how);
    if (ret == 0) {
        if (pidfd >= 0)
            libos_fd_close(pidfd);
        child_thread(a);
        return 0;
    }
    if (ret < 0)
        return ret;
    if (a->flags & CLONE_PARENT_SETTID)
        user_put(pid, a->parent_tid);
    if (a->flags & CLONE_VFORK)
        wait_for_exec(pid);
    return pid;
}

long libos_clone_process(const struct libos_clone_args* a) {
    bool vfork = (a->flags & (CLONE_VM | CLONE_VFORK)) == (CLONE_VM | CLONE_VFORK);
    if (disallowed() || !host_can_fork())
        return -ENOSYS; /* not EAGAIN: shells would try again for seconds */
    /* libos_fd_borrow() takes a lone thread's table for its own. */
    bool shares_table = (a->flags & CLONE_FILES) && cur_process()->thread_count > 1;
    if ((a->flags & CLONE_SIGHAND) || (vfork && shares_table) ||
        (!vfork && (a->flags & (CLONE_VM | CLONE_FILES | CLONE_FS))))
        return refuse(a);
    if (over_limit())
        return -EAGAIN;
    adopt_orphans();
    int error = 0;
    struct coord_process* entry =
        coord_process_create(a->flags & CLONE_PARENT, a->exit_signal, &error);
    if (!entry)
        return error;
    int pidfd = make_pidfd(a, entry);
    long ret = pidfd < -1 ? pidfd : make_process(a, entry, pidfd);
    if (ret < 0) {
        if (pidfd >= 0)
            libos_fd_close(pidfd);
        coord_process_abandon(entry);
    }
    return ret;
}
