/*
 * What signal delivery must tell the POSIX timers.
 */
#ifndef LIBOS_POSIX_TIMER_H
#define LIBOS_POSIX_TIMER_H

#include "libos_process.h"

/* A queued signal with si_code SI_TIMER is being taken (handler, sigtimedwait, signalfd): fills in
 * si_overrun. false: the timer is gone or was set anew; drop the signal. Call without signal_lock.
 */
bool libos_posix_timer_taken(siginfo_t* info);

/* Is it one for libos_posix_timer_taken()? The mark is never shown to the program. */
static inline bool libos_posix_timer_signal(const siginfo_t* info) {
    return info->si_code == SI_TIMER && info->si_sys_private != 0;
}

/* execve: a new program has none. */
void libos_posix_timer_exec(void);
/* Nor has a forked child; after libos_timers_after_fork(). */
void libos_posix_timer_after_fork(void);

#endif /* LIBOS_POSIX_TIMER_H */
