/*
 * Timers that call back: itimers, alarm, POSIX timers, CPU limits. One helper thread of the LibOS,
 * made with the first timer, sleeps until the next one is due.
 */
#ifndef LIBOS_TIMER_H
#define LIBOS_TIMER_H

#include "libos_internal.h"

struct libos_timer;
/* On the helper thread, without locks. expirations >= 1: how often it has come due since last. */
typedef void (*libos_timer_fn)(struct libos_timer* timer, uint64_t expirations);

struct libos_timer { /* all but fn guarded by the engine's lock */
    struct list_node node;
    libos_timer_fn fn;
    uint32_t clock;     /* PAL_CLOCK_*, CPU clocks too */
    PAL_HANDLE thread;  /* for PAL_CLOCK_THREAD_CPU; NULL for the others */
    bool cpu_user_only; /* ITIMER_VIRTUAL counts user time only */
    bool armed;
    uint64_t expiry_ns;   /* on its clock; valid if armed */
    uint64_t interval_ns; /* 0: one shot */
    bool firing;          /* fn is running */
};

void libos_timer_init(struct libos_timer* t, libos_timer_fn fn, uint32_t clock);
/* Arm (expiry on the timer's clock) or, with expiry_ns 0, disarm; old_* (may be NULL) tell what was
 * left (0: disarmed) and the old interval. 0, or -EAGAIN if the helper thread cannot be made. */
int libos_timer_set(struct libos_timer* t, uint64_t expiry_ns, uint64_t interval_ns,
                    uint64_t* old_left_ns, uint64_t* old_interval_ns);
void libos_timer_get(struct libos_timer* t, uint64_t* left_ns, uint64_t* interval_ns);
/* Disarm and wait until a running fn is over; then the memory may be freed. */
void libos_timer_cancel(struct libos_timer* t);
/* In a forked child: none is armed, and the helper thread is gone. */
void libos_timers_after_fork(void);
/* Now on the timer's clock. */
uint64_t libos_timer_now(const struct libos_timer* t);

#endif /* LIBOS_TIMER_H */
