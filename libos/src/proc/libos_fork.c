/*
 * New processes by a fork of the host process: fork(2), clone(2). docs/processes.md.
 *
 * The barrier keeps private state whole while it is copied. What the child must not keep, each
 * subsystem drops in its libos_*_after_fork(), called here and nowhere else.
 */
#include "libos_arch.h"
#include "libos_clone.h"
#include "libos_coord_process.h"
#include "libos_event.h"
#include "libos_file.h"
#include "libos_ipc.h"
#include "libos_mm.h"
#include "libos_pidfd.h"
#include "libos_posix_timer.h"
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
    }
    libos_mm_after_fork();
    coord_process_started(how->coord, (int32_t)g_pal_control->process_id, false);
}

static int prepare_host_fork(const struct libos_host_fork* how) {
    int ret = libos_ipc_fork(how->coord->pid, how->share_undo);
    return ret ? ret : libos_files_before_fork();
}

int libos_fork_host(const struct libos_host_fork* how) {
    PAL_HANDLE child = NULL;
    PAL_IDX host_id;
    int32_t pid = how->coord->pid; /* the entry may be gone when the fork returns */
    libos_barrier_raise();
    int ret = prepare_host_fork(how);
    if (ret == 0) {
        ret = PalProcessFork(&child);
        if (ret == 0 && !child) {
            child_state(how);
            libos_barrier_after_fork();
            return 0;
        }
        if (ret < 0) {
            libos_files_fork_failed();
            ret = ret == PAL_ERROR_NOMEM ? -ENOMEM : -EAGAIN;
        }
    }
    if (ret < 0)
        libos_ipc_process_gone(how->coord->pid);
    libos_barrier_lower();
    if (ret < 0)
        return ret;
    if (PalProcessId(child, &host_id) == 0)
        coord_process_forked(pid, (int32_t)host_id);
    PalObjectClose(child);
    return 1;
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

static long fork_process(const struct libos_clone_args* a, struct coord_process* entry) {
    int32_t pid = entry->pid;
    struct libos_host_fork how = {
        .coord = entry, .fresh = true, .share_undo = a->flags & CLONE_SYSVSEM};
    int ret = libos_fork_host(&how);
    if (ret == 0) {
        child_thread(a);
        return 0;
    }
    if (ret < 0)
        return ret;
    if (a->flags & CLONE_PARENT_SETTID)
        user_put(pid, a->parent_tid);
    return pid;
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

static bool disallowed(void) {
    static int state; /* 1: no, 2: yes */
    if (!state)
        state = 1 + manifest_bool(g_pal_control->manifest_root, "sys.disallow_subprocesses", false);
    return state == 2;
}

/* The first process reaps the host processes whose makers have ended. */
static void adopt_orphans(void) {
    static bool done;
    if (done || coord_process_current() != coord_process_first())
        return;
    done = true;
    PalProcessSetSubreaper(true);
}

long libos_clone_process(const struct libos_clone_args* a) {
    bool vfork = (a->flags & (CLONE_VM | CLONE_VFORK)) == (CLONE_VM | CLONE_VFORK);
    if (disallowed() || !(g_pal_control->capabilities & PAL_CAP_FORK))
        return -ENOSYS; /* not EAGAIN: shells would try again for seconds */
    if ((a->flags & CLONE_SIGHAND) || (!vfork && (a->flags & (CLONE_VM | CLONE_FILES | CLONE_FS))))
        return refuse(a);
    adopt_orphans();
    int error = 0;
    struct coord_process* entry =
        coord_process_create(a->flags & CLONE_PARENT, a->exit_signal, &error);
    if (!entry)
        return error;
    long ret = vfork ? libos_vfork(a, entry) : fork_process(a, entry);
    if (ret < 0)
        coord_process_abandon(entry);
    return ret;
}
