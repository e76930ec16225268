/*
 * Signals inside the process: what libos/src/signal, libos/src/arch and sys/libos_sig*.c share.
 * What other parts use is in libos_process.h.
 *
 * Locking: process->signal_lock guards queues and actions; threads_lock may be taken inside of it.
 * A mask is changed by its own thread only, atomically (libos_sigmask.c).
 */
#ifndef LIBOS_SIGNAL_H
#define LIBOS_SIGNAL_H

#include "libos_process.h"

struct libos_sigqueue_entry {
    struct list_node node;
    siginfo_t info;
};

#define SIG_UNBLOCKABLE ((1ULL << (SIGKILL - 1)) | (1ULL << (SIGSTOP - 1)))

/* What a signal does when its action is the default. */
enum libos_default_action {
    DEFAULT_TERMINATE,
    DEFAULT_CORE, /* terminates too; cores are not written */
    DEFAULT_IGNORE,
    DEFAULT_STOP,
};
enum libos_default_action libos_default_action(int sig);

/* signal/libos_sigsend.c */
int libos_signal_send_locked(struct libos_thread* t, const siginfo_t* info); /* under signal_lock */
/* Tell another thread of process-wide signals that the caller will not take any more: it blocks
 * them now, or ends. Under signal_lock. */
void libos_signal_retarget(struct libos_thread* self, libos_sigset_t set);
void libos_signal_thread_exit(struct libos_thread* t);

/* signal/libos_sigstop.c */
/* Under signal_lock: a stop signal was taken from its queue; SIGCONT or SIGKILL was sent. */
void libos_stop_taken(struct libos_process* p);
void libos_stop_over(struct libos_process* p, int sig);
/* Stop the process, unless it is over already or does not apply, until SIGCONT or SIGKILL. */
void libos_stop_process(int sig);
void libos_stop_wait(void); /* another thread of the process has stopped it */

/* Others see whether this process wants its children (SIGCHLD's action). */
void libos_signal_publish_child_action(void);

/* signal/libos_sigqueue.c; all under signal_lock */
bool libos_sigqueue_add(struct libos_sigqueue* q, const siginfo_t* info); /* false: limit reached */
int libos_sigqueue_take(struct libos_sigqueue* q, libos_sigset_t set, siginfo_t* info);
int libos_sigqueue_take_sync(struct libos_sigqueue* q, libos_sigset_t set, siginfo_t* info);
void libos_sigqueue_discard(struct libos_sigqueue* q, libos_sigset_t set);
int libos_signal_dequeue_locked(struct libos_thread* t, libos_sigset_t set, siginfo_t* info);

/* signal/libos_sigmask.c: the calling thread's mask; unblockable signals are taken out. Sets the
 * work flag for what has become deliverable; signal_lock must be free. */
void libos_signal_set_mask(libos_sigset_t mask);
/* Set the work flag if something is deliverable to the calling thread. */
void libos_signal_recalc(struct libos_thread* t);

/* signal/libos_sighost.c: signals from outside. note_host is called by an upcall: no locks. */
void libos_signal_note_host(int signo, int code);
void libos_signal_note_child(void); /* by an upcall too: a child has ended */
void libos_signal_drain_host(void); /* queue what was noted or sent; needs signal_lock free */
void libos_signal_reap(void);       /* children that have ended become zombies */
bool libos_signal_reap_now(void);   /* the same, noted or not; true: there was one */
bool libos_signal_host_noted(void);
void libos_signal_after_fork(void); /* in a forked child: nothing is pending */

/* CLONE_CLEAR_SIGHAND: handlers back to the default. */
void libos_signal_clear_handlers(void);

/* arch/: build the frame for a handler on the user stack and point regs at the handler, or -EFAULT.
 * mask: to be restored by rt_sigreturn. */
int libos_sigframe_push(struct libos_regs* regs, const siginfo_t* info,
                        const struct libos_sigaction* act, libos_sigset_t mask);
/* Back from a handler: all of *regs from the frame that regs->rsp points behind. 0 or -EFAULT. */
int libos_sigframe_pop(struct libos_regs* regs);

/* trace/: a signal is delivered (handler NULL: it ends the process), for --strace. */
void libos_trace_signal(const siginfo_t* info, const void* handler);

/* sigaltstack(2): does the work for sp, the user's stack pointer. */
int libos_sigaltstack(const stack_t* new_stack, stack_t* old_stack, uint64_t sp, size_t min_size);
bool libos_on_altstack(const struct libos_thread* t, uint64_t sp);

#endif /* LIBOS_SIGNAL_H */
