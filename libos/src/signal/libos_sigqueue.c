/*
 * Queues of pending signals. A standard signal is queued once; a real-time signal as often as it is
 * sent. A pending bit may stand without an entry: the signal was sent when the limit was reached.
 */
#include "libos_posix_timer.h"
#include "libos_coord_process.h"
#include "libos_signal.h"

#define SYNC_SET                                                                                   \
    (sig_bit(SIGSEGV) | sig_bit(SIGBUS) | sig_bit(SIGILL) | sig_bit(SIGTRAP) | sig_bit(SIGFPE) |   \
     sig_bit(SIGSYS))

/* Others who send see it, too. */
static void count(int change) {
    struct libos_process* p = cur_process();
    p->sigqueue_count += (uint32_t)change;
    __atomic_store_n(&p->coord->signals_private, p->sigqueue_count, __ATOMIC_RELAXED);
}

/* May a signal be queued beyond RLIMIT_SIGPENDING? As __send_signal_locked() in Linux. */
static bool over_limit(const siginfo_t* info) {
    bool exempt = info->si_signo < SIGRTMIN && info->si_code >= 0;
    return !exempt && cur_process()->sigqueue_count >= libos_rlimit(RLIMIT_SIGPENDING);
}

bool libos_sigqueue_add(struct libos_sigqueue* q, const siginfo_t* info) {
    int sig = info->si_signo;
    if (sig < SIGRTMIN && (q->pending & sig_bit(sig)))
        return true;
    struct libos_sigqueue_entry* e = over_limit(info) ? NULL : libos_malloc(sizeof(*e));
    if (e) {
        e->info = *info;
        list_add_tail(&q->queue, &e->node);
        count(1);
    } else if (sig >= SIGRTMIN && info->si_code != SI_USER) {
        return false;
    }
    __atomic_or_fetch(&q->pending, sig_bit(sig), __ATOMIC_SEQ_CST);
    return true;
}

static void entry_free(struct libos_sigqueue_entry* e) {
    list_del(&e->node);
    libos_free(e);
    count(-1);
}

/* The oldest entry of sig goes into *info; the bit stays while there are more. */
static void take_one(struct libos_sigqueue* q, int sig, siginfo_t* info) {
    struct libos_sigqueue_entry* first = NULL;
    bool more = false;
    list_for_each(e, &q->queue, struct libos_sigqueue_entry, node) {
        if (e->info.si_signo != sig)
            continue;
        if (first) {
            more = true;
            break;
        }
        first = e;
    }
    if (first) {
        *info = first->info;
        entry_free(first);
    } else {
        memset(info, 0, sizeof(*info));
        info->si_signo = sig;
        info->si_code = SI_USER;
    }
    if (!more)
        __atomic_and_fetch(&q->pending, ~sig_bit(sig), __ATOMIC_SEQ_CST);
}

int libos_sigqueue_take(struct libos_sigqueue* q, libos_sigset_t set, siginfo_t* info) {
    libos_sigset_t ready = q->pending & set;
    if (!ready)
        return 0;
    int sig = __builtin_ctzll(ready & SYNC_SET ? ready & SYNC_SET : ready) + 1;
    take_one(q, sig, info);
    return sig;
}

int libos_sigqueue_take_sync(struct libos_sigqueue* q, libos_sigset_t set, siginfo_t* info) {
    if (!(q->pending & set & SYNC_SET))
        return 0;
    list_for_each(e, &q->queue, struct libos_sigqueue_entry, node) {
        int sig = e->info.si_signo;
        if (e->info.si_code > SI_USER && (sig_bit(sig) & set & SYNC_SET)) {
            take_one(q, sig, info);
            return sig;
        }
    }
    return 0;
}

void libos_sigqueue_discard(struct libos_sigqueue* q, libos_sigset_t set) {
    if (!(q->pending & set))
        return;
    __atomic_and_fetch(&q->pending, ~set, __ATOMIC_SEQ_CST);
    list_for_each_safe(e, &q->queue, struct libos_sigqueue_entry, node) {
        if (sig_bit(e->info.si_signo) & set)
            entry_free(e);
    }
}

void libos_sigqueue_flush(struct libos_sigqueue* q) {
    lock(&cur_process()->signal_lock);
    libos_sigqueue_discard(q, ~0ULL);
    unlock(&cur_process()->signal_lock);
}

int libos_signal_dequeue_locked(struct libos_thread* t, libos_sigset_t set, siginfo_t* info) {
    int sig = libos_sigqueue_take(&t->signals, set, info);
    return sig ? sig : libos_sigqueue_take(&cur_process()->signals, set, info);
}

int libos_signal_dequeue(struct libos_thread* t, libos_sigset_t set, siginfo_t* info) {
    int sig;
    libos_signal_drain_host();
    do {
        lock(&cur_process()->signal_lock);
        sig = libos_signal_dequeue_locked(t, set, info);
        unlock(&cur_process()->signal_lock);
    } while (sig && libos_posix_timer_signal(info) && !libos_posix_timer_taken(info));
    return sig;
}
