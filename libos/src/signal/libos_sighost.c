/*
 * Signals from outside: Ctrl-C, SIGTERM, SIGWINCH, ... An upcall only notes them; a thread that is
 * on its way out, or finds its blocking call interrupted, queues them for the process.
 */
#include "libos_init.h"
#include "libos_signal.h"

static libos_sigset_t g_noted;  /* atomic */
static int g_codes[LIBOS_NSIG]; /* si_code of each; the last one counts */

void libos_signal_note_host(int signo, int code) {
    if (signo < 1 || signo > LIBOS_NSIG)
        return;
    __atomic_store_n(&g_codes[signo - 1], code, __ATOMIC_RELAXED);
    __atomic_or_fetch(&g_noted, sig_bit(signo), __ATOMIC_SEQ_CST);
}

bool libos_signal_host_noted(void) {
    return __atomic_load_n(&g_noted, __ATOMIC_RELAXED) != 0;
}

void libos_signal_drain_host(void) {
    if (!libos_signal_host_noted())
        return;
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
        libos_signal_send(NULL, &info);
    }
}

int libos_signal_init(void) {
    struct libos_thread* t = get_cur_thread();
    for (int sig = 1; sig <= LIBOS_NSIG; sig++) {
        if ((g_pal_control->host_signals_ignored & sig_bit(sig)) &&
            !(SIG_UNBLOCKABLE & sig_bit(sig)))
            g_process.actions[sig - 1].handler = SIG_IGN;
    }
    t->blocked = g_pal_control->host_signals_blocked & ~SIG_UNBLOCKABLE;
    return 0;
}
