/*
 * The timer engine. See libos_timer.h.
 *
 * Armed timers are a list; a process has few of them. The helper thread finds the earliest, turns
 * what is left into a monotonic deadline and sleeps on a futex word that every change bumps. A CPU
 * clock runs at most once per busy thread, so what is left there, divided by the number of threads,
 * is a safe time to sleep before looking again.
 */
#include "libos_signal.h"
#include "libos_timer.h"
#include "libos_proc_internal.h"
#include "libos_time.h"

#define CPU_TIMER_TICK_NS 1000000ULL

static libos_lock_t g_timers_lock = LIBOS_LOCK_INIT;
static struct list_node g_timers = LIST_INIT(g_timers); /* armed ones */
static uint32_t g_timers_seq;                           /* futex word: bumped at every change */
static uint32_t g_fired_seq; /* futex word: bumped when a callback is over */
static bool g_helper_started;

void libos_timer_init(struct libos_timer* t, libos_timer_fn fn, uint32_t clock) {
    memset(t, 0, sizeof(*t));
    list_init(&t->node);
    t->fn = fn;
    t->clock = clock;
}

uint64_t libos_timer_now(const struct libos_timer* t) {
    if (t->clock != PAL_CLOCK_PROCESS_CPU && t->clock != PAL_CLOCK_THREAD_CPU)
        return libos_clock(t->clock);
    PAL_NUM user = 0, system = 0;
    PalThreadCpuTime(t->thread, &user, &system);
    return t->cpu_user_only ? user : user + system;
}

static bool is_cpu_timer(const struct libos_timer* t) {
    return t->clock == PAL_CLOCK_PROCESS_CPU || t->clock == PAL_CLOCK_THREAD_CPU;
}

/* Monotonic nanoseconds until it is worth looking at t again; 0: it is due. */
static uint64_t time_to_look(const struct libos_timer* t) {
    uint64_t now = libos_timer_now(t);
    if (now >= t->expiry_ns)
        return 0;
    uint64_t left = t->expiry_ns - now;
    if (!is_cpu_timer(t))
        return left;
    uint32_t threads = t->thread ? 1 : MAX(g_process.thread_count, 1u);
    return MAX(left / threads, CPU_TIMER_TICK_NS);
}

/* Under the lock, which is dropped while the callback runs. */
static void fire(struct libos_timer* t) {
    uint64_t count = 1, now = libos_timer_now(t);
    if (t->interval_ns) {
        if (now > t->expiry_ns)
            count += (now - t->expiry_ns) / t->interval_ns;
        t->expiry_ns += count * t->interval_ns;
    } else {
        t->armed = false;
        list_del(&t->node);
    }
    t->firing = true;
    unlock(&g_timers_lock);
    t->fn(t, count);
    lock(&g_timers_lock);
    t->firing = false;
    __atomic_add_fetch(&g_fired_seq, 1, __ATOMIC_SEQ_CST);
    PalFutexWake(&g_fired_seq, INT32_MAX, false);
}

/* Fires one due timer, or tells how long to sleep. */
static bool fire_one(uint64_t* sleep_ns) {
    *sleep_ns = NO_TIMEOUT;
    list_for_each(t, &g_timers, struct libos_timer, node) {
        uint64_t left = time_to_look(t);
        if (left == 0) {
            fire(t);
            return true;
        }
        *sleep_ns = MIN(*sleep_ns, left);
    }
    return false;
}

static int helper_main(void* unused) {
    (void)unused;
    libos_barrier_join();
    lock(&g_timers_lock);
    for (;;) {
        uint64_t sleep_ns;
        while (fire_one(&sleep_ns))
            ;
        uint32_t seq = g_timers_seq;
        unlock(&g_timers_lock);
        uint64_t deadline =
            sleep_ns == NO_TIMEOUT ? NO_TIMEOUT : libos_deadline(PAL_CLOCK_MONOTONIC, sleep_ns);
        PalFutexWait(&g_timers_seq, seq, PAL_CLOCK_MONOTONIC, deadline, false);
        libos_signal_drain_host(); /* a signal from outside may have come to this thread */
        lock(&g_timers_lock);
    }
    return 0;
}

static int start_helper(void) {
    if (g_helper_started)
        return 0;
    PAL_HANDLE handle;
    if (PalThreadCreate(helper_main, NULL, &handle) < 0)
        return -EAGAIN;
    g_helper_started = true;
    return 0;
}

static void read_state(struct libos_timer* t, uint64_t* left_ns, uint64_t* interval_ns) {
    uint64_t left = 0;
    if (t->armed) {
        uint64_t now = libos_timer_now(t);
        left = t->expiry_ns > now ? t->expiry_ns - now : 1; /* due but not fired: still armed */
    }
    if (left_ns)
        *left_ns = left;
    if (interval_ns)
        *interval_ns = t->interval_ns;
}

int libos_timer_set(struct libos_timer* t, uint64_t expiry_ns, uint64_t interval_ns,
                    uint64_t* old_left_ns, uint64_t* old_interval_ns) {
    int ret = 0;
    lock(&g_timers_lock);
    read_state(t, old_left_ns, old_interval_ns);
    if (expiry_ns)
        ret = start_helper();
    if (ret == 0) {
        list_del(&t->node);
        t->armed = expiry_ns != 0;
        t->expiry_ns = expiry_ns;
        t->interval_ns = interval_ns;
        if (t->armed)
            list_add_tail(&g_timers, &t->node);
    }
    bool wake = t->armed;
    if (wake)
        __atomic_add_fetch(&g_timers_seq, 1, __ATOMIC_SEQ_CST);
    unlock(&g_timers_lock);
    if (wake)
        PalFutexWake(&g_timers_seq, 1, false);
    return ret;
}

void libos_timer_get(struct libos_timer* t, uint64_t* left_ns, uint64_t* interval_ns) {
    lock(&g_timers_lock);
    read_state(t, left_ns, interval_ns);
    unlock(&g_timers_lock);
}

void libos_timer_cancel(struct libos_timer* t) {
    lock(&g_timers_lock);
    list_del(&t->node);
    t->armed = false;
    while (t->firing) {
        uint32_t seq = g_fired_seq;
        unlock(&g_timers_lock);
        PalFutexWaitUninterruptible(&g_fired_seq, seq);
        lock(&g_timers_lock);
    }
    unlock(&g_timers_lock);
}

void libos_timers_after_fork(void) {
    while (!list_empty(&g_timers)) {
        struct libos_timer* t = list_first(&g_timers, struct libos_timer, node);
        list_del(&t->node);
        t->armed = false;
    }
    if (g_helper_started)
        g_helper_started = false;
}
