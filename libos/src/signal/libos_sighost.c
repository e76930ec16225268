/*
 * Signals from outside: from the host (Ctrl-C, SIGTERM, SIGWINCH, ...), from other processes of the
 * instance, and the end of children. An upcall only notes them; a thread that is on its way out, or
 * finds its blocking call interrupted, queues them for the process.
 */
#include "libos_coord_tty.h"
#include "libos_init.h"
#include "libos_proc_answer.h"
#include "libos_signal.h"

static libos_sigset_t g_noted; /* atomic */
static libos_lock_t g_reap_lock = LIBOS_LOCK_INIT;
static uint32_t g_child_noted;  /* atomic: a child has ended */
static int g_codes[LIBOS_NSIG]; /* si_code of each; the last one counts */

void libos_signal_note_host(int signo, int code) {
    if (signo < 1 || signo > LIBOS_NSIG)
        return;
    __atomic_store_n(&g_codes[signo - 1], code, __ATOMIC_RELAXED);
    __atomic_or_fetch(&g_noted, sig_bit(signo), __ATOMIC_SEQ_CST);
}

/* A thread that waits for a child reaps it itself: the one that was interrupted may be busy. */
void libos_signal_note_child(void) {
    __atomic_store_n(&g_child_noted, 1, __ATOMIC_SEQ_CST);
    coord_wake(&g_process.coord->wait);
}

bool libos_signal_host_noted(void) {
    return __atomic_load_n(&g_noted, __ATOMIC_RELAXED) != 0 ||
           __atomic_load_n(&g_child_noted, __ATOMIC_RELAXED) != 0 ||
           coord_signal_waiting(coord_process_current()) || libos_proc_asked();
}

bool libos_signal_reap_now(void) {
    PAL_IDX host_id;
    PAL_NUM status;
    bool any = false;
    /* One at a time, so that a number is not taken for the one who had it before. Should we be
     * killed in between, whoever inherits the child is told of its end again. */
    lock(&g_reap_lock);
    while (PalProcessReap(&host_id, &status) == 0) {
        coord_process_reaped((int32_t)host_id, status);
        any = true;
        if (PalProcessForget(host_id) < 0)
            break;
    }
    unlock(&g_reap_lock);
    return any;
}

void libos_signal_reap(void) {
    if (__atomic_load_n(&g_child_noted, __ATOMIC_RELAXED) &&
        __atomic_exchange_n(&g_child_noted, 0, __ATOMIC_SEQ_CST))
        libos_signal_reap_now();
}

/* What other processes have sent. */
static void drain_sent(void) {
    struct coord_signal s;
    while (coord_signal_take(&s)) {
        struct libos_thread* t = s.tid ? libos_thread_find(s.tid) : NULL;
        if (t || !s.tid)
            libos_signal_send(t, &s.info); /* one that is over the limit now is lost */
        if (t)
            libos_thread_put(t);
    }
}

/* What the host's terminal (its driver, that is) sends to the whole group of host processes. */
#define TERMINAL_SET                                                                               \
    (sig_bit(SIGINT) | sig_bit(SIGQUIT) | sig_bit(SIGTSTP) | sig_bit(SIGTTIN) | sig_bit(SIGTTOU) | \
     sig_bit(SIGHUP) | sig_bit(SIGCONT) | sig_bit(SIGWINCH))
#define JOB_SET (sig_bit(SIGCONT) | sig_bit(SIGTSTP) | sig_bit(SIGTTIN) | sig_bit(SIGTTOU))

/* True: the signal is not for this process, or not for it alone. */
static bool for_groups(int sig, int code) {
    if (code == SI_KERNEL && (TERMINAL_SET & sig_bit(sig))) {
        if (coord_tty_forwards())
            coord_tty_signal(COORD_TTY_HOST, sig);
        return true;
    }
    /* A shell outside stops and continues its job: groups that the guest made are not part of it.
     */
    return (JOB_SET & sig_bit(sig)) && coord_process_current()->pgid != 1;
}

static void drain_noted(void) {
    libos_sigset_t noted = __atomic_exchange_n(&g_noted, 0, __ATOMIC_SEQ_CST);
    while (noted) {
        int sig = __builtin_ctzll(noted) + 1;
        noted &= noted - 1;
        /* The sender is not a process of the guest's world: pid 0, as Linux shows one from outside
         * of a pid namespace. */
        siginfo_t info;
        memset(&info, 0, sizeof(info));
        info.si_signo = sig;
        info.si_code = g_codes[sig - 1] == SI_KERNEL ? SI_KERNEL : SI_USER;
        if (!for_groups(sig, info.si_code))
            libos_signal_send(NULL, &info);
    }
}

void libos_signal_drain_host(void) {
    if (!libos_signal_host_noted())
        return;
    libos_signal_reap();
    drain_noted();
    drain_sent();
    libos_proc_answer();
}

int libos_signal_init(void) {
    struct libos_thread* t = get_cur_thread();
    struct coord_process* self = coord_process_current();
    for (int sig = 1; sig <= LIBOS_NSIG; sig++) {
        if ((g_pal_control->host_signals_ignored & sig_bit(sig)) &&
            !(SIG_UNBLOCKABLE & sig_bit(sig)))
            g_process.actions[sig - 1].handler = SIG_IGN;
    }
    t->blocked = g_pal_control->host_signals_blocked & ~SIG_UNBLOCKABLE;
    self->uid = t->uid; /* nobody else is there yet: no lock */
    self->euid = t->euid;
    self->suid = t->suid;
    self->gid = t->gid;
    self->egid = t->egid;
    self->sgid = t->sgid;
    self->cap_effective = t->cap_effective;
    self->signals_limit = libos_rlimit(RLIMIT_SIGPENDING);
    libos_signal_publish_child_action();
    return 0;
}

void libos_signal_after_fork(void) {
    struct libos_thread* t = get_cur_thread();
    if (g_noted || g_child_noted)
        g_noted = g_child_noted = 0;
    libos_sigqueue_flush(&t->signals);
    libos_sigqueue_flush(&t->process->signals);
    t->sigwait_set = 0;
}
