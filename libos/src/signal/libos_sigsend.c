/*
 * Sending signals: to a thread or to the process, and waking whoever shall take them.
 */
#include "libos_event.h"
#include "libos_signal.h"

#define STOP_SET (sig_bit(SIGSTOP) | sig_bit(SIGTSTP) | sig_bit(SIGTTIN) | sig_bit(SIGTTOU))

enum libos_default_action libos_default_action(int sig) {
    switch (sig) {
        case SIGCHLD:
        case SIGURG:
        case SIGWINCH:
        case SIGCONT:
            return DEFAULT_IGNORE;
        case SIGSTOP:
        case SIGTSTP:
        case SIGTTIN:
        case SIGTTOU:
            return DEFAULT_STOP;
        case SIGQUIT:
        case SIGILL:
        case SIGTRAP:
        case SIGABRT:
        case SIGFPE:
        case SIGSEGV:
        case SIGBUS:
        case SIGSYS:
        case SIGXCPU:
        case SIGXFSZ:
            return DEFAULT_CORE;
        default:
            return DEFAULT_TERMINATE;
    }
}

/* ---- waking -----------------------------------------------------------------------------------
 */

static bool blocks(const struct libos_thread* t, int sig) {
    libos_sigset_t blocked = __atomic_load_n(&t->blocked, __ATOMIC_SEQ_CST);
    return blocked & ~__atomic_load_n(&t->sigwait_set, __ATOMIC_SEQ_CST) & sig_bit(sig);
}

/* Under threads_lock. */
static void kick_locked(struct libos_thread* t, uint32_t work) {
    t->start_work |= work;
    if (!t->tcb)
        return; /* not running yet, sees start_work; or no longer */
    uint32_t old = __atomic_fetch_or(&t->tcb->work, work, __ATOMIC_SEQ_CST);
    if (t != get_cur_thread() && (old & work) != work)
        PalThreadResume(t->host);
}

void libos_thread_kick(struct libos_thread* t) {
    lock(&cur_process()->threads_lock);
    if (t->tcb && t != get_cur_thread())
        PalThreadResume(t->host);
    unlock(&cur_process()->threads_lock);
}

static void wake_for(struct libos_thread* t, int sig) {
    lock(&cur_process()->threads_lock);
    if (t) {
        if (!blocks(t, sig))
            kick_locked(t, LIBOS_WORK_SIGNAL);
        unlock(&cur_process()->threads_lock);
        return;
    }
    struct libos_thread* chosen = NULL;
    list_for_each(i, &cur_process()->threads, struct libos_thread, node) {
        if (blocks(i, sig) || i->exiting)
            continue;
        /* The leader first, as Linux; then one that has nothing to do yet. */
        if (!chosen || i->is_leader)
            chosen = i;
        if (chosen->is_leader)
            break;
    }
    if (chosen)
        kick_locked(chosen, LIBOS_WORK_SIGNAL);
    unlock(&cur_process()->threads_lock);
}

void libos_signal_retarget(struct libos_thread* self, libos_sigset_t set) {
    set &= cur_process()->signals.pending;
    if (!set || cur_process()->thread_count <= 1)
        return;
    lock(&cur_process()->threads_lock);
    list_for_each(t, &cur_process()->threads, struct libos_thread, node) {
        libos_sigset_t refused = __atomic_load_n(&t->blocked, __ATOMIC_SEQ_CST) & ~t->sigwait_set;
        if (t == self || t->exiting || !(set & ~refused))
            continue;
        set &= refused;
        kick_locked(t, LIBOS_WORK_SIGNAL);
        if (!set)
            break;
    }
    unlock(&cur_process()->threads_lock);
}

/* The thread has left the list: what it would have taken is for others. */
void libos_signal_thread_exit(struct libos_thread* t) {
    libos_signal_drain_host();
    lock(&cur_process()->signal_lock);
    libos_signal_retarget(t, ~t->blocked);
    unlock(&cur_process()->signal_lock);
}

/* ---- sending ----------------------------------------------------------------------------------
 */

static libos_sigset_t leader_mask(void) {
    libos_sigset_t mask = 0;
    lock(&cur_process()->threads_lock);
    list_for_each(t, &cur_process()->threads, struct libos_thread, node) {
        if (t->is_leader) {
            mask = t->blocked;
            break;
        }
    }
    unlock(&cur_process()->threads_lock);
    return mask;
}

/* Ignored signals are not even queued, unless blocked: the action may change before the unblock. */
static bool is_ignored(const struct libos_thread* t, int sig) {
    void* handler = cur_process()->actions[sig - 1].handler;
    if (handler != SIG_IGN && (handler != SIG_DFL || libos_default_action(sig) != DEFAULT_IGNORE))
        return false;
    return !((t ? t->blocked : leader_mask()) & sig_bit(sig));
}

static void discard_everywhere(libos_sigset_t set) {
    libos_sigqueue_discard(&cur_process()->signals, set);
    lock(&cur_process()->threads_lock);
    list_for_each(t, &cur_process()->threads, struct libos_thread, node)
        libos_sigqueue_discard(&t->signals, set);
    unlock(&cur_process()->threads_lock);
}

int libos_signal_send_locked(struct libos_thread* t, const siginfo_t* info) {
    int sig = info->si_signo;
    if (sig_bit(sig) & STOP_SET)
        discard_everywhere(sig_bit(SIGCONT));
    else if (sig == SIGCONT)
        discard_everywhere(STOP_SET);
    if (sig == SIGCONT || sig == SIGKILL)
        libos_stop_over(cur_process(), sig);
    if (is_ignored(t, sig))
        return 0;
    if (!libos_sigqueue_add(t ? &t->signals : &cur_process()->signals, info))
        return -EAGAIN;
    libos_signalfd_notify(t, sig);
    wake_for(t, sig);
    return 0;
}

int libos_signal_send(struct libos_thread* t, const siginfo_t* info) {
    lock(&cur_process()->signal_lock);
    int ret = libos_signal_send_locked(t, info);
    unlock(&cur_process()->signal_lock);
    return ret;
}

void libos_signal_force(struct libos_thread* t, const siginfo_t* info) {
    int sig = info->si_signo;
    lock(&cur_process()->signal_lock);
    struct libos_sigaction* act = &cur_process()->actions[sig - 1];
    if (act->handler == SIG_IGN || (t->blocked & sig_bit(sig))) {
        act->handler = SIG_DFL;
        t->blocked &= ~sig_bit(sig);
    }
    libos_sigqueue_add(&t->signals, info);
    wake_for(t, sig);
    unlock(&cur_process()->signal_lock);
}

void libos_signal_self(int sig, int si_code) {
    struct libos_thread* t = get_cur_thread();
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = sig;
    info.si_code = si_code;
    if (si_code == SI_USER) {
        info.si_pid = cur_process()->pid;
        info.si_uid = t->uid;
    }
    libos_signal_send(t, &info);
}
