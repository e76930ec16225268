/*
 * Stopped and going on: SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU and SIGCONT. signal(7).
 *
 * A stopped process waits here, so that others of the instance can continue or kill it. Only the
 * first process stops in the host as well: the shell that started it shall see it.
 */
#include "libos_coord_process.h"
#include "libos_signal.h"

void libos_signal_publish_child_action(void) {
    const struct libos_sigaction* act = &cur_process()->actions[SIGCHLD - 1];
    coord_process_set_child_action(act->handler == SIG_IGN, act->flags & SA_NOCLDWAIT,
                                   act->flags & SA_NOCLDSTOP);
}

void libos_stop_taken(struct libos_process* p) {
    p->stop_taken = true;
}

void libos_stop_over(struct libos_process* p, int sig) {
    p->stop_taken = false;
    if (sig == SIGCONT)
        coord_process_continue();
    else
        coord_wake(&p->coord->going);
}

static bool stop_began(struct libos_process* p, int sig) {
    lock(&p->signal_lock);
    bool begins = p->stop_taken;
    p->stop_taken = false;
    if (begins)
        coord_process_stop(sig);
    unlock(&p->signal_lock);
    return begins;
}

static void stop_others(struct libos_process* p) {
    struct libos_thread* self = get_cur_thread();
    lock(&p->threads_lock);
    list_for_each(t, &p->threads, struct libos_thread, node) {
        if (t == self)
            continue;
        t->start_work |= LIBOS_WORK_STOP;
        if (!t->tcb)
            continue;
        __atomic_or_fetch(&t->tcb->work, LIBOS_WORK_STOP, __ATOMIC_SEQ_CST);
        PalThreadResume(t->host);
    }
    unlock(&p->threads_lock);
}

static bool is_killed(const struct libos_process* p, const struct libos_thread* t) {
    return (__atomic_load_n(&p->signals.pending, __ATOMIC_SEQ_CST) |
            __atomic_load_n(&t->signals.pending, __ATOMIC_SEQ_CST)) &
               sig_bit(SIGKILL) ||
           (__atomic_load_n(&libos_get_tcb()->work, __ATOMIC_SEQ_CST) & LIBOS_WORK_EXIT) ||
           __atomic_load_n(&p->exit_started, __ATOMIC_SEQ_CST);
}

void libos_stop_wait(void) {
    struct libos_process* p = cur_process();
    struct coord_process* entry = p->coord;
    for (;;) {
        uint32_t number = coord_queue_number(&entry->going);
        bool over = !__atomic_load_n(&entry->stop_signal, __ATOMIC_SEQ_CST);
        libos_signal_drain_host(); /* what continued it is there by now */
        if (over || is_killed(p, get_cur_thread()))
            return;
        coord_wait_kicked(&entry->going, number);
    }
}

void libos_stop_process(int sig) {
    struct libos_process* p = cur_process();
    if (sig != SIGSTOP && coord_process_is_orphaned())
        return;
    if (!stop_began(p, sig))
        return;
    stop_others(p);
    if (p->coord != coord_process_first()) {
        libos_stop_wait();
        return;
    }
    PalProcessStopSelf(sig); /* goes on when told to, or at once where the host does not stop it */
    libos_signal_drain_host();
    coord_process_continue();
}
