/*
 * The processes of the instance, as coordination state: who is there, whose child, in which group
 * and session; how they stop, end and are waited for; signals from one to another.
 *
 * Functions that take no lock argument take the process lock themselves; call them under no lock of
 * the LibOS, except where said. An entry stays where it is as long as its process or anybody's
 * interest in it (as parent, as zombie) lasts: pointers to others' entries hold only under the
 * process lock, pointers to one's own always.
 */
#ifndef LIBOS_COORD_PROCESS_H
#define LIBOS_COORD_PROCESS_H

#include <linux/signal.h>

#include "libos_coord.h"

struct libos_thread;

enum coord_process_state {
    COORD_PROCESS_NEW = 1, /* being made */
    COORD_PROCESS_ALIVE,
    COORD_PROCESS_ENDING, /* has said its last word; its host process is still there */
    COORD_PROCESS_ZOMBIE,
};

struct coord_usage { /* as PAL_USAGE; max_rss: the greatest, in bytes; the others are summed */
    uint64_t user_ns, system_ns, max_rss, minor_faults, major_faults, in_blocks, out_blocks;
    uint64_t voluntary_switches, involuntary_switches;
};

/* One entry. All fields are guarded by the process lock; those marked "atomic" may be read without
 * it. Written only through the functions below. */
struct coord_process {
    int32_t pid;                  /* never changes */
    int32_t ppid;                 /* atomic; 0: no parent in this instance */
    int32_t pgid, sid;            /* atomic */
    uint32_t state;               /* enum coord_process_state; atomic */
    struct coord_process* parent; /* NULL: none */
    struct list_node all;         /* of all entries, oldest first */
    struct list_node children, sibling;

    int32_t host_pid; /* of its host process; 0: there is none yet */
    bool in_parent;   /* a vfork child that runs in its parent's host process */
    bool execed;      /* has called execve since it was made */
    bool subreaper;   /* PR_SET_CHILD_SUBREAPER */
    bool adopted; /* its parent ended: pid 1 stands for the host's init, outside of the session */
    bool no_tty;  /* has given up its session's terminal for itself */
    bool ignores_chld, no_chld_wait, no_chld_stop; /* its action for SIGCHLD */
    int32_t exit_signal;                           /* to the parent at the end; 0: none */
    int32_t death_signal;                          /* PR_SET_PDEATHSIG */
    int32_t maker_tid;                             /* the thread that made it */

    int32_t exit_status;               /* wait(2) encoding, from ENDING on */
    int32_t stop_signal;               /* not 0: stopped by it; atomic */
    bool stop_news, continue_news;     /* not yet told to a wait for stopped, continued children */
    struct coord_usage usage;          /* final, from ENDING on */
    struct coord_usage children_usage; /* of those waited for, theirs included */
    uint64_t start_time_ns;            /* PAL_CLOCK_MONOTONIC of the instance's host */

    uint32_t uid, euid, suid, gid, egid, sgid; /* of its first thread; for permissions */
    uint64_t cap_effective;
    char comm[16];
    struct coord_text { /* as in /proc/PID/cmdline; shared by parent and child */
        uint32_t refs, size;
        char text[];
    } * command_line; /* NULL: empty */

    struct list_node signals; /* struct coord_signal: sent by others, not yet taken */
    uint32_t signal_count;    /* of them; atomic */
    uint32_t signals_private; /* that the process has queued itself; atomic, written by it */
    uint64_t signals_limit;   /* its RLIMIT_SIGPENDING; atomic, written by it */
    uint64_t signals_queued;  /* standard signals for the whole process among `signals` */
    bool host_stopped;        /* its host process is stopped: PalProcessStopSelf() */

    struct coord_queue wait;  /* goes up when a child ends, stops, goes on */
    struct coord_queue going; /* goes up when this process is continued or killed */
};

/* ---- who is there (coord/coord_process.c) -----------------------------------------------------
 */
/* The entry of the process that the calling thread belongs to. Never NULL after libos_coord_init().
 */
struct coord_process* coord_process_current(void);
/* The first process's entry, pid 1, made by libos_coord_init(). */
struct coord_process* coord_process_first(void);

/* A new entry, with a pid, as the caller's child, or its parent's (CLONE_PARENT): group, session,
 * credentials and name are the caller's. exit_signal: 0 to 64. state NEW. Returns NULL and sets
 * *error to -EAGAIN or -ENOMEM. */
struct coord_process* coord_process_create(bool parents_child, int exit_signal, int* error);
/* The calling process runs: ALIVE; host_pid: its host process. in_parent: a vfork child; told again
 * with false when it has forked off. Before that PalProcessForkInto() has set p->host_pid: whoever
 * reaps the child finds it by that, even if it was killed before it came to speak. */
void coord_process_started(struct coord_process* p, int32_t host_pid, bool in_parent);
/* It could not be started: the entry and the pid are free again. */
void coord_process_abandon(struct coord_process* p);

/* The calling process's own affairs, kept here because others look at them. */
void coord_process_execing(const struct libos_thread* t); /* can not fail any more; credentials */
void coord_process_execed(const char* comm, const char* command_line, size_t size);
void coord_process_set_comm(const char* comm); /* of the first thread */
void coord_process_set_credentials(const struct libos_thread* t);
void coord_process_set_child_action(bool ignored, bool no_wait, bool no_stop); /* SIGCHLD's */
void coord_process_set_subreaper(bool on);
void coord_process_set_death_signal(int sig);
int coord_process_death_signal(void);

/* ---- the end ----------------------------------------------------------------------------------
 */
/* The calling process's last word: status as wait(2) encodes it. Its children go to the nearest
 * subreaper, else to pid 1; groups that lose their last tie to their session get SIGHUP and
 * SIGCONT; a session leader's terminal is let go. Then it must leave: PalProcessExit(), or for a
 * vfork child that still is in its parent, back into the parent. */
void coord_process_end(int wait_status, const struct coord_usage* usage);
/* The host says that a host process is gone; status as PalProcessReap() gives it. The process that
 * it was is a zombie now, its parent is told. */
void coord_process_reaped(int32_t host_pid, PAL_NUM host_status);
/* Called when a process has died without a word, with its pid and under no lock, before its parent
 * learns: what it held in the arena (locks, ...) is to be released. At start, by subsystems. */
void coord_at_death(void (*release)(int32_t pid));

/* ---- waiting (coord/coord_wait.c) -------------------------------------------------------------
 */
struct coord_wait {
    int which; /* P_ALL, P_PID, P_PGID; id 0 of P_PGID: the caller's own group */
    int32_t id;
    int options; /* WEXITED, WSTOPPED, WCONTINUED, WNOWAIT, __WCLONE, __WALL, __WNOTHREAD */
    /* out */
    int32_t pid;
    uint32_t uid;
    int cause;  /* CLD_EXITED, CLD_KILLED, CLD_DUMPED, CLD_STOPPED, CLD_CONTINUED */
    int value;  /* si_status: exit code or signal */
    int status; /* the same as wait4 encodes it */
    struct coord_usage usage;
};
/* One look: 1: found, the out fields are filled, and without WNOWAIT the child is reaped (its usage
 * goes into the caller's) or the news taken. 0: such children exist, none has news. -ECHILD. To
 * block: read the number of coord_process_current()->wait first, then coord_wait() on it. */
long coord_process_wait(struct coord_wait* w);
void coord_process_children_usage(struct coord_usage* usage); /* of the calling process */

/* ---- groups and sessions (coord/coord_group.c): as the calls of these names, 0, an id or -errno
 */
long coord_setpgid(int32_t pid, int32_t pgid);
long coord_getpgid(int32_t pid);
long coord_getsid(int32_t pid);
long coord_setsid(void);

/* ---- signals from process to process (coord/coord_signal.c) -----------------------------------
 */
struct coord_signal { /* in the receiver's entry */
    struct list_node node;
    int32_t tid; /* 0: for the process */
    siginfo_t info;
};
/* kill(2): pid > 0, 0, -1, -pgid. info: signo 0 only asks. If the caller's own process is among the
 * receivers, *self is set and the caller queues the signal itself, before anything else of its own.
 * 0, -ESRCH, -EPERM, -EAGAIN. */
long coord_kill(int32_t pid, const siginfo_t* info, bool* self);
/* One thread of another process, tgid (0: whichever). As tgkill(2). */
long coord_kill_thread(int32_t tgid, int32_t tid, const siginfo_t* info);
/* From the kernel, so to say: no permission needed. All of a group; -ESRCH if there is nobody. */
long coord_signal_group(int32_t pgid, const siginfo_t* info);
long coord_signal_process(int32_t pid, const siginfo_t* info); /* of one process */
/* Takes the oldest signal sent to the calling process; false: there is none. */
bool coord_signal_take(struct coord_signal* out);
/* Cheap: is there one to take? */
static inline bool coord_signal_waiting(const struct coord_process* p) {
    return __atomic_load_n(&p->signal_count, __ATOMIC_RELAXED) != 0;
}

/* ---- stops (coord/coord_end.c) ----------------------------------------------------------------
 */
/* The calling process has stopped by sig, or goes on: its parent is told. */
void coord_process_stop(int sig);
void coord_process_continue(void);
/* Is the calling process's group orphaned? Then terminal stops do not stop it. */
bool coord_process_is_orphaned(void);

/* ---- for /proc ---------------------------------------------------------------------------------
 */
/* The entry with the lowest pid >= pid, copied; its pid, or 0 if
 * there is none. Pointers in the copy are not to be followed. */
int32_t coord_process_next(int32_t pid, struct coord_process* copy);
/* Its next thread on the way out looks at what it is asked; nothing if there is no such process. */
void coord_process_kick(int32_t pid);
/* Who runs in this process of the host: the sender of a message, which may be a zombie by now. */
struct coord_ids {
    int32_t pid;
    uint32_t uid, gid;
};
bool coord_process_by_host(int32_t host_pid, struct coord_ids* out);
/* Copies at most size bytes of its command line; the whole length, or -ESRCH. */
long coord_process_command_line(int32_t pid, char* buffer, size_t size);

#endif /* LIBOS_COORD_PROCESS_H */
