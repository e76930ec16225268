/*
 * POSIX timers: timer_create(2), timer_settime(2), timer_gettime(2), timer_getoverrun(2),
 * timer_delete(2).
 *
 * A timer has at most one signal queued. While that one waits for delivery, further expirations
 * count as overruns; they are told in si_overrun when the signal is taken, and by timer_getoverrun.
 */
#include "libos_posix_timer.h"
#include "libos_table.h"
#include "libos_time.h"
#include "libos_timer.h"

#define TIMERS_MAX           65536 /* Linux counts them against RLIMIT_SIGPENDING */
#define SI_TIMER_OVERRUN_MAX INT32_MAX

#define CPUCLOCK_WHICH     3 /* mask: 0 PROF, 1 VIRT, 2 SCHED */
#define CPUCLOCK_SCHED     2
#define CPUCLOCK_PERTHREAD 4
#define CPUCLOCK_OF_CALLER (-8) /* id 0 */

struct posix_timer {
    struct list_node node; /* in g_timers */
    int id;
    int notify; /* SIGEV_* */
    int sig;
    union {
        int sival_int;
        void* sival_ptr;
    } value;
    struct libos_thread* thread;     /* SIGEV_THREAD_ID; referenced */
    struct libos_thread* cpu_thread; /* whose CPU time it counts; referenced for its host handle */
    struct libos_timer timer;
    bool queued; /* its signal waits for delivery */
    int sent;    /* number of signals sent: the mark of the last one */
    int valid;   /* those marked lower belong to an old setting */
    uint64_t pending_overruns;
    int overrun; /* of the last signal taken */
};

static libos_lock_t g_posix_timers_lock = LIBOS_LOCK_INIT; /* guards all below and the timers */
static struct list_node g_posix_timers = LIST_INIT(g_posix_timers);
static int g_next_id, g_count;

static struct posix_timer* find_timer(int id) {
    list_for_each(t, &g_posix_timers, struct posix_timer, node) {
        if (t->id == id)
            return t;
    }
    return NULL;
}

static void send_signal(struct posix_timer* t) {
    siginfo_t info = {.si_signo = t->sig, .si_code = SI_TIMER};
    info.si_tid = t->id;
    info.si_ptr = t->value.sival_ptr;
    info.si_sys_private = ++t->sent; /* not 0: tells it from one that the program made up */
    if (libos_signal_send(t->notify == SIGEV_THREAD_ID ? t->thread : NULL, &info) == 0)
        t->queued = true;
    else
        t->pending_overruns++; /* no room in the queue: the expiration is counted, as on Linux */
}

/* The signal may have been dropped from the queue since, because the program ignores it. */
static bool still_queued(const struct posix_timer* t) {
    const struct libos_sigqueue* q =
        t->notify == SIGEV_THREAD_ID ? &t->thread->signals : &cur_process()->signals;
    return t->queued && (__atomic_load_n(&q->pending, __ATOMIC_SEQ_CST) & 1ULL << (t->sig - 1));
}

static void timer_fired(struct libos_timer* timer, uint64_t expirations) {
    struct posix_timer* t = container_of(timer, struct posix_timer, timer);
    lock(&g_posix_timers_lock);
    if (t->notify != SIGEV_NONE) {
        if (still_queued(t)) {
            t->pending_overruns += expirations;
        } else {
            t->pending_overruns = expirations - 1;
            send_signal(t);
        }
    }
    unlock(&g_posix_timers_lock);
}

bool libos_posix_timer_taken(siginfo_t* info) {
    int mark = info->si_sys_private;
    info->si_sys_private = 0;
    lock(&g_posix_timers_lock);
    struct posix_timer* t = find_timer(info->si_tid);
    bool deliver = t && mark >= t->valid;
    if (deliver && mark == t->sent) {
        t->queued = false;
        t->overrun = MIN(t->pending_overruns, (uint64_t)SI_TIMER_OVERRUN_MAX);
        t->pending_overruns = 0;
        info->si_overrun = t->overrun;
    }
    unlock(&g_posix_timers_lock);
    return deliver;
}

static int read_sigevent(struct posix_timer* t, const struct sigevent* user_event) {
    struct sigevent ev;
    if (!user_event) {
        t->notify = SIGEV_SIGNAL;
        t->sig = SIGALRM;
        t->value.sival_int = t->id;
        return 0;
    }
    if (user_get(ev, user_event) < 0)
        return -EFAULT;
    t->notify = ev.sigev_notify;
    t->sig = ev.sigev_signo;
    t->value.sival_ptr = ev.sigev_value.sival_ptr;
    switch (t->notify) {
        case SIGEV_THREAD_ID:
            t->thread = libos_thread_find(ev._sigev_un._tid);
            if (!t->thread)
                return -EINVAL;
            /* fallthrough */
        case SIGEV_SIGNAL:
        case SIGEV_THREAD:
            return t->sig > 0 && t->sig <= LIBOS_NSIG ? 0 : -EINVAL;
        case SIGEV_NONE:
            return 0;
        default:
            return -EINVAL;
    }
}

/* CPU-time clocks by number: ~id << 3 | per-thread bit | kind (see libos_clock.c). */
static int choose_cpu_clock(struct posix_timer* t, int clock) {
    int kind = clock & CPUCLOCK_WHICH, id = ~(clock >> 3);
    if (kind == CPUCLOCK_WHICH)
        return -EINVAL;
    t->timer.cpu_user_only = kind == 1;
    if (!(clock & CPUCLOCK_PERTHREAD)) {
        t->timer.clock = PAL_CLOCK_PROCESS_CPU;
        return id == 0 || id == cur_process()->pid ? 0 : -EINVAL;
    }
    t->timer.clock = PAL_CLOCK_THREAD_CPU;
    t->cpu_thread = libos_thread_find(id ? id : get_cur_thread()->tid);
    if (!t->cpu_thread)
        return -EINVAL;
    t->timer.thread = t->cpu_thread->host;
    return 0;
}

/* What the timer counts on. */
static int choose_clock(struct posix_timer* t, int clock) {
    if (clock < 0)
        return choose_cpu_clock(t, clock);
    t->timer.clock = clock;
    switch (clock) {
        case CLOCK_REALTIME:
        case CLOCK_MONOTONIC:
        case CLOCK_BOOTTIME:
        case CLOCK_TAI:
            return 0;
        case CLOCK_PROCESS_CPUTIME_ID:
            return choose_cpu_clock(t, CPUCLOCK_OF_CALLER | CPUCLOCK_SCHED);
        case CLOCK_THREAD_CPUTIME_ID:
            return choose_cpu_clock(t, CPUCLOCK_OF_CALLER | CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED);
        case CLOCK_REALTIME_ALARM:
        case CLOCK_BOOTTIME_ALARM:
            return -EPERM; /* CAP_WAKE_ALARM of the host */
        case CLOCK_MONOTONIC_RAW:
        case CLOCK_REALTIME_COARSE:
        case CLOCK_MONOTONIC_COARSE:
            return -EOPNOTSUPP;
        default:
            return -EINVAL;
    }
}

static void free_timer(struct posix_timer* t) {
    if (t->thread)
        libos_thread_put(t->thread);
    if (t->cpu_thread)
        libos_thread_put(t->cpu_thread);
    libos_free(t);
}

long libos_syscall_timer_create(int clock, struct sigevent* user_event, int* user_id) {
    struct posix_timer* t = libos_calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    libos_timer_init(&t->timer, timer_fired, PAL_CLOCK_MONOTONIC);
    int ret = choose_clock(t, clock);
    if (ret < 0) {
        free_timer(t);
        return ret;
    }
    lock(&g_posix_timers_lock);
    ret = g_count >= TIMERS_MAX ? -EAGAIN : 0;
    if (ret == 0) {
        g_count++;
        t->id = g_next_id++;
    }
    unlock(&g_posix_timers_lock);
    if (ret == 0) {
        ret = read_sigevent(t, user_event);
        if (ret == 0 && user_put(t->id, user_id) < 0)
            ret = -EFAULT;
    }
    if (ret < 0) {
        if (ret != -EAGAIN) {
            lock(&g_posix_timers_lock);
            g_count--;
            unlock(&g_posix_timers_lock);
        }
        free_timer(t);
        return ret;
    }
    lock(&g_posix_timers_lock);
    list_add_tail(&g_posix_timers, &t->node);
    unlock(&g_posix_timers_lock);
    return 0;
}

static struct __kernel_itimerspec to_itimerspec(uint64_t left, uint64_t interval) {
    return (struct __kernel_itimerspec){.it_interval = ns_to_timespec(interval),
                                        .it_value = ns_to_timespec(left)};
}

long libos_syscall_timer_gettime(int id, struct __kernel_itimerspec* user_value) {
    uint64_t left = 0, interval = 0;
    lock(&g_posix_timers_lock);
    struct posix_timer* t = find_timer(id);
    if (t)
        libos_timer_get(&t->timer, &left, &interval);
    unlock(&g_posix_timers_lock);
    if (!t)
        return -EINVAL;
    struct __kernel_itimerspec value = to_itimerspec(left, interval);
    return user_put(value, user_value);
}

long libos_syscall_timer_settime(int id, int flags, const struct __kernel_itimerspec* user_new,
                                 struct __kernel_itimerspec* user_old) {
    struct __kernel_itimerspec value;
    if (!user_new)
        return -EINVAL;
    if (user_get(value, user_new) < 0)
        return -EFAULT;
    if (!timespec_valid(&value.it_interval) || !timespec_valid(&value.it_value))
        return -EINVAL;
    uint64_t ns = timespec_to_ns(&value.it_value), interval = timespec_to_ns(&value.it_interval);
    uint64_t old_left = 0, old_interval = 0;
    int ret = -EINVAL;
    lock(&g_posix_timers_lock);
    struct posix_timer* t = find_timer(id);
    if (t) {
        uint64_t expiry = ns;
        if (ns && !(flags & TIMER_ABSTIME)) {
            uint64_t now = libos_timer_now(&t->timer);
            expiry = ns > TIME_MAX_NS - now ? TIME_MAX_NS : now + ns;
        }
        ret = libos_timer_set(&t->timer, expiry, ns ? interval : 0, &old_left, &old_interval);
        t->queued = false;
        t->valid = t->sent + 1; /* a signal of the old setting is dropped when it is taken */
        t->pending_overruns = 0;
        t->overrun = 0;
    }
    unlock(&g_posix_timers_lock);
    if (ret < 0 || !user_old)
        return ret;
    struct __kernel_itimerspec old = to_itimerspec(old_left, old_interval);
    return user_put(old, user_old);
}

long libos_syscall_timer_getoverrun(int id) {
    lock(&g_posix_timers_lock);
    struct posix_timer* t = find_timer(id);
    long overrun = t ? t->overrun : -EINVAL;
    unlock(&g_posix_timers_lock);
    return overrun;
}

long libos_syscall_timer_delete(int id) {
    lock(&g_posix_timers_lock);
    struct posix_timer* t = find_timer(id);
    if (t) {
        list_del(&t->node);
        g_count--;
    }
    unlock(&g_posix_timers_lock);
    if (!t)
        return -EINVAL;
    libos_timer_cancel(&t->timer); /* its callback takes our lock: not under it */
    free_timer(t);
    return 0;
}

void libos_posix_timer_exec(void) {
    for (;;) {
        lock(&g_posix_timers_lock);
        int id = list_empty(&g_posix_timers)
                     ? -1
                     : list_first(&g_posix_timers, struct posix_timer, node)->id;
        unlock(&g_posix_timers_lock);
        if (id < 0)
            return;
        libos_syscall_timer_delete(id);
    }
}

/* The engine has let go of them all. */
void libos_posix_timer_after_fork(void) {
    list_for_each_safe(t, &g_posix_timers, struct posix_timer, node) {
        list_del(&t->node);
        free_timer(t);
    }
    if (g_next_id)
        g_count = g_next_id = 0;
}
