/*
 * Threads and the process. One `struct libos_process` stands for what Linux calls a thread group.
 * What Linux shares between processes will move to coordination state (DESIGN.md section 7); what
 * is here is private to the process or the thread.
 */
#ifndef LIBOS_PROCESS_H
#define LIBOS_PROCESS_H

#include <linux/signal.h>
#include <linux/resource.h>
#include "libos_coord_process.h"
#include "libos_internal.h"

struct libos_mm;
struct libos_fd_table;
struct libos_fs_info; /* cwd, root, umask: libos_fs.h */

typedef uint64_t libos_sigset_t; /* bit n-1 for signal n */
#define LIBOS_NSIG 64
static inline libos_sigset_t sig_bit(int sig) {
    return 1ULL << (sig - 1);
}

struct libos_sigqueue { /* guarded by process->signal_lock */
    libos_sigset_t pending;
    struct list_node queue; /* struct libos_sigqueue_entry (signal/), oldest first */
};

struct libos_thread {
    refcount_t ref;
    int32_t tid;
    struct libos_process* process;
    struct list_node node; /* in process->threads; guarded by process->threads_lock */
    PAL_HANDLE host;       /* NULL until it runs */
    struct libos_tcb*
        tcb; /* its TCB while it is in process->threads; others use it under threads_lock */
    void* libos_stack; /* base of its LibOS stack */
    size_t libos_stack_size;
    char comm[16]; /* guarded by process->threads_lock */
    bool exiting, is_leader;
    uint64_t start_gs;       /* GS base of its own at its start, with LIBOS_WORK_GS */
    uint32_t start_work;     /* work flags for its start; guarded by threads_lock until it runs */
    uint32_t* set_child_tid; /* user address to store tid at, by the new thread itself */

    /* arch */
    struct libos_regs* regs; /* the guest's registers while in the LibOS */
    uint64_t fs_base;

    /* signals; guarded by process->signal_lock; `blocked` is written only by the thread itself */
    libos_sigset_t blocked, saved_mask;
    libos_sigset_t sigwait_set; /* in sigtimedwait for these */
    struct libos_sigqueue signals;
    stack_t altstack;
    struct libos_fault { /* the last fault of guest code; also what the next signal frame shows */
        int signo, code; /* as the host told */
        uint64_t addr, error_code, trapno, cr2;
    } fault;
    struct { /* how restart_syscall continues */
        long (*fn)(struct libos_thread* t);
        uint64_t args[6];
    } restart;
    struct libos_waiter* waiting; /* interruptible libos_wait it is in, for kicks */

    /* ends and futexes */
    uint32_t* clear_child_tid;          /* user address */
    void* robust_list;                  /* user address of struct robust_list_head */
    void* pi_state;                     /* proc/libos_futex_pi.c */
    struct libos_sem_sharing* sem_undo; /* ipc/libos_sem_undo.c; NULL: nothing to undo */

    /* shared or not, by the flags of clone */
    struct libos_fd_table* files;
    struct libos_fs_info* fs;

    /* References from libos_fd_get() that it is to give back before its call ends, while there are
     * other threads: a child forked by one of these drops them (fs/libos_fd.c). Written by the
     * thread itself. */
    struct libos_file** held;
    uint32_t held_count, held_size;
    struct libos_file* spare_file; /* memory for its next one: fs/libos_file.c */
    struct libos_file* used;       /* the same for libos_fd_use(): one at a time */

    /* scheduling */
    int sched_policy, sched_priority, nice;
    int io_priority; /* ioprio_set(2) */
    bool answering;  /* a question of another process (fs/proc_ask.c) */
    bool sched_reset_on_fork;
    uint64_t timer_slack_ns, timer_slack_default_ns;
    uint32_t mempolicy; /* sys/libos_numa.c */
    struct libos_rseq {
        uint64_t area; /* 0: none */
        uint32_t size, signature;
    } rseq;                 /* sys/libos_rseq.c */
    uint64_t start_time_ns; /* monotonic */
    struct libos_io_count { /* what read and write calls moved; written by the thread itself */
        uint64_t read_bytes, write_bytes, reads, writes;
    } io;

    /* credentials (per thread, as in Linux) */
    uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
    uint32_t* groups;
    size_t group_count;
    uint64_t cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
    uint32_t securebits;
    bool no_new_privs;

    /* libos_seccomp.h; changed under process->threads_lock, the filters read without it */
    struct libos_seccomp* seccomp; /* owned */
    int seccomp_mode;
};

struct libos_sigaction { /* kernel's layout of rt_sigaction(2) */
    void* handler;
    uint64_t flags;
    void* restorer;
    libos_sigset_t mask;
};

struct libos_process {
    int32_t pid;
    struct coord_process* coord; /* its entry in the coordination state: parent, group, session */
    struct libos_mm* mm;
    struct libos_file* exe; /* the running program; guarded by threads_lock */
    char* exe_path;         /* guest path for /proc/self/exe */

    libos_lock_t threads_lock;
    struct list_node threads;
    struct libos_io_count ended_io; /* of threads that have ended */
    uint32_t thread_count;
    bool ending_others;    /* execve ends all threads but one; guarded by threads_lock */
    uint32_t exit_started; /* 1 once exit_group or a fatal signal has begun; atomic */
    int exit_status;       /* wait(2) encoding: code << 8, or signal */
    /* A child of vfork that runs in its parent's host process: proc/libos_vfork.c. */
    struct libos_process* vfork_parent;
    struct vfork* vfork;

    libos_lock_t signal_lock;
    struct libos_sigaction actions[LIBOS_NSIG];
    struct libos_sigqueue signals;    /* for the process as a whole */
    uint32_t sigqueue_count;          /* against RLIMIT_SIGPENDING */
    struct list_node signal_watchers; /* signalfd files (event/) */
    bool stop_taken;                  /* a stop signal was taken, and no SIGCONT has come since */

    libos_lock_t limits_lock;
    struct rlimit64 limits[RLIM_NLIMITS];

    int dumpable;
    uint32_t thp_disable;
    uint32_t personality;
    uint64_t start_time_ns; /* monotonic */
    /* For /proc/self: user addresses laid out by the ELF loader */
    uint64_t arg_start, arg_end, env_start, env_end, auxv_start, auxv_end, start_stack;
    uint64_t start_code, end_code, start_data, end_data;
};

/* The process that the memory of this host process belongs to. A child of vfork runs in it too, as
 * a process of its own until its execve: system calls ask cur_process(). */
extern struct libos_process g_process;
static inline struct libos_process* cur_process(void) {
    struct libos_thread* t = get_cur_thread();
    return t ? t->process : &g_process; /* helper threads have no libos_thread */
}

/* ---- proc/ ------------------------------------------------------------------------------------
 */
int libos_process_init(void); /* g_process and the first thread, which becomes current */
struct libos_thread* libos_thread_alloc(int32_t tid); /* with LibOS stack, not yet in the list */
void libos_thread_get(struct libos_thread* t);
void libos_thread_put(struct libos_thread* t);
/* Referenced thread of this process by tid, or NULL. */
struct libos_thread* libos_thread_find(int tid);
/* End of the calling thread, with all of Linux's duties (robust list, clear_child_tid, ...). */
/* sys/libos_rseq.c: the calling host thread stops and begins to be t's; a new program; a handler.
 */
void libos_rseq_leave(struct libos_thread* t);
void libos_rseq_enter(struct libos_thread* t);
void libos_rseq_exec(void);
void libos_rseq_signal(const struct libos_thread* t);
_Noreturn void libos_thread_exit(int status);
/* End of the process with a wait(2) status; ends other threads first. */
_Noreturn void libos_process_exit(int wait_status);
uint64_t libos_rlimit(int resource); /* soft limit */

/* For the execve of a vfork child that can fail no more: the child gets a host process of its own.
 * 0: the caller is in it. 1: the caller has stayed behind and calls libos_vfork_leave(). */
int libos_vfork_split(void);
_Noreturn void libos_vfork_leave(void);

/* ---- signal/ ----------------------------------------------------------------------------------
 */
/* Drop all queued signals (a thread ends). */
void libos_sigqueue_flush(struct libos_sigqueue* q);
/* Queue for a thread, or for the process (t NULL). info is LibOS memory. 0 or -EAGAIN. */
int libos_signal_send(struct libos_thread* t, const siginfo_t* info);
/* A synchronous fault: cannot be blocked or ignored (then the process dies of it). */
void libos_signal_force(struct libos_thread* t, const siginfo_t* info);
/* si_code SI_USER/SI_KERNEL shorthand to the current thread, e.g. SIGPIPE. */
void libos_signal_self(int sig, int si_code);
/* Takes the next pending signal of `set` that t would get, its own queue first: fills *info and
 * returns its number; 0: none. For signalfd; sigtimedwait does the same. */
int libos_signal_dequeue(struct libos_thread* t, libos_sigset_t set, siginfo_t* info);
/* Is something deliverable, or must the thread end? Cheap. For loops that may block. */
bool libos_signal_pending(struct libos_thread* t);
/* An interrupted call that Linux would end with -EINTR, handler or not: so it is if a signal is
 * there to be delivered. Else the kick was for something that the guest does not see (a signal it
 * ignores, ...) and the call is made again. */
static inline long libos_interrupted(void) {
    return libos_signal_pending(get_cur_thread()) ? -EINTR : -ERESTARTNOINTR;
}
/* Make t leave a blocking call or guest code and look at its work flags. Takes threads_lock: that
 * is what keeps t's TCB alive while it is in the list of threads. */
void libos_thread_kick(struct libos_thread* t);
/* ppoll, pselect, epoll_pwait, sigsuspend: swap the mask until the way out restores it.
 * Returns 0, -EFAULT, or -EINVAL (size). user_mask NULL: nothing. */
int libos_set_temporary_mask(const void* user_mask, size_t size);

/* ---- futex (proc/libos_futex.c) -------------------------------------------------------------- */
long libos_futex_wake(uint32_t* uaddr, int count); /* as FUTEX_WAKE */

#endif /* LIBOS_PROCESS_H */
