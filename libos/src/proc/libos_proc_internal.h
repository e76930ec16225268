/*
 * What the files of proc/ share with each other and with sys/: not for other subsystems.
 */
#ifndef LIBOS_PROC_INTERNAL_H
#define LIBOS_PROC_INTERNAL_H

#include "libos_elf.h" /* libos_thread_kill_others */
#include "libos_process.h"

#define LIBOS_CAP_LAST 40 /* CAP_CHECKPOINT_RESTORE */
/* What only the host's kernel could grant is in no set, as in a container: SYS_MODULE, SYS_RAWIO,
 * SYS_PACCT, SYS_BOOT, SYS_TIME, SYS_TTY_CONFIG, AUDIT_CONTROL, and MAC_OVERRIDE to the last one.
 */
#define LIBOS_CAP_HOST                                                                             \
    (1ULL << 16 | 1ULL << 17 | 1ULL << 20 | 1ULL << 22 | 3ULL << 25 | 1ULL << 30 | 0x1ffULL << 32)
#define LIBOS_CAP_FULL (((1ULL << (LIBOS_CAP_LAST + 1)) - 1) & ~LIBOS_CAP_HOST)

/* Make t the thread of the calling host thread: TCB, LibOS stack top. */
void libos_thread_become(struct libos_thread* t);
/* All other threads of the process end; returns when they have. */
void libos_threads_end_others(void);
/* clear_child_tid, if there is one: zero, and a wake. */
void libos_thread_clear_tid(struct libos_thread* t);
/* Called once, newest first, when the process ends in an orderly way (statistics, ...). */
void libos_at_process_exit(void (*hook)(void));
/* No new threads: the process or all other threads are being ended. Under threads_lock. */
bool libos_process_is_ending(void);

/* ---- proc/libos_barrier.c ---- */
/* Before the first lock, and after the last one, of a thread that the LibOS makes. */
void libos_barrier_join(void);
void libos_barrier_leave(void);
/* From raise to lower no other thread holds a lock. The caller holds none when it raises. */
void libos_barrier_raise(void);
void libos_barrier_lower(void);
/* In a forked child, still behind the barrier: what the threads that are gone left in their TCBs;
 * then the barrier as in a process with one thread. */
void libos_barrier_for_others(void (*fn)(struct libos_tcb* tcb));
void libos_barrier_after_fork(void);

/* ---- new processes ---- */
struct libos_clone_args;
/* proc/libos_clone.c: a thread with that tid as clone asks for it, not yet in a list; NULL: no
 * memory. */
struct libos_thread* libos_clone_thread(const struct libos_clone_args* a, int32_t tid);
/* proc/libos_fork.c: its pid, 0 in the child, or -errno. */
long libos_clone_process(const struct libos_clone_args* a);
/* The host process forks. 0 in the child, 1 in the parent, or -errno. */
struct libos_host_fork {
    struct coord_process* coord;
    bool fresh;      /* a new process; else a vfork child that needs a host process of its own */
    bool share_undo; /* CLONE_SYSVSEM */
};
int libos_fork_host(const struct libos_host_fork* how);
/* proc/libos_vfork.c: runs the child; its pid when it is gone from the caller's memory. */
long libos_vfork(const struct libos_clone_args* a, struct coord_process* coord, int pidfd);
void libos_vfork_after_fork(void);

/* ---- what a forked child does to the parts of proc/; called by proc/libos_fork.c ---- */
void libos_threads_drop(struct libos_process* p); /* all but the calling one */
void libos_threads_after_fork(void);
void libos_futex_after_fork(void);

/* proc/libos_futex.c: at the end of a thread. */
void libos_futex_exit_robust_list(struct libos_thread* t);
/* proc/libos_futex_pi.c: hand over the PI futexes the thread still owns. */
void libos_futex_exit_pi(struct libos_thread* t);

#endif /* LIBOS_PROC_INTERNAL_H */
