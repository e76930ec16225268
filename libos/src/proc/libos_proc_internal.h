/*
 * What the files of proc/ share with each other and with sys/: not for other subsystems.
 */
#ifndef LIBOS_PROC_INTERNAL_H
#define LIBOS_PROC_INTERNAL_H

#include "libos_elf.h" /* libos_thread_kill_others */
#include "libos_process.h"

#define LIBOS_CAP_LAST 40 /* CAP_CHECKPOINT_RESTORE */
#define LIBOS_CAP_FULL ((1ULL << (LIBOS_CAP_LAST + 1)) - 1)

/* Make t the thread of the calling host thread: TCB, LibOS stack top. */
void libos_thread_become(struct libos_thread* t);
/* Called once, newest first, when the process ends in an orderly way (statistics, ...). */
void libos_at_process_exit(void (*hook)(void));
/* No new threads: the process or all other threads are being ended. Under threads_lock. */
bool libos_process_is_ending(void);

/* proc/libos_futex.c: at the end of a thread. */
void libos_futex_exit_robust_list(struct libos_thread* t);
/* proc/libos_futex_pi.c: hand over the PI futexes the thread still owns. */
void libos_futex_exit_pi(struct libos_thread* t);

#endif /* LIBOS_PROC_INTERNAL_H */
