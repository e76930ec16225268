/*
 * The way out of the LibOS: everything a thread must do before guest code runs again. Signals are
 * taken from the queues and delivered, interrupted calls restarted or ended with EINTR.
 */
#include <asm/unistd.h>

#include "libos_coord_process.h"
#include "libos_posix_timer.h"
#include "libos_signal.h"
#include "../arch/x86_64/entry.h"

/* ---- restart of interrupted calls -------------------------------------------------------------
 */

static bool is_call(const struct libos_regs* regs) {
    return regs->orig_rax != -1UL;
}

/* A handler is going to run: the call ends with EINTR, or begins anew after the handler. */
static void restart_after_handler(struct libos_regs* regs, const struct libos_sigaction* act) {
    if (!is_call(regs))
        return;
    switch ((long)regs->rax) {
        case -ERESTARTSYS:
            if (!(act->flags & SA_RESTART))
                regs->rax = -EINTR;
            else
                goto again;
            break;
        case -ERESTARTNOHAND:
        case -ERESTART_RESTARTBLOCK:
            regs->rax = -EINTR;
            break;
        case -ERESTARTNOINTR:
        again:
            regs->rax = regs->orig_rax;
            regs->rip -= 2; /* the `syscall` instruction */
            regs->resume = 0;
            break;
        default:
            break;
    }
}

/* No handler runs: true if the call is to be made again, at once. */
static bool restart_now(struct libos_regs* regs) {
    if (!is_call(regs))
        return false;
    switch ((long)regs->rax) {
        case -ERESTARTSYS:
        case -ERESTARTNOINTR:
        case -ERESTARTNOHAND:
            break;
        case -ERESTART_RESTARTBLOCK:
            regs->orig_rax = __NR_restart_syscall;
            break;
        default:
            return false;
    }
    regs->rax = -ENOSYS;
    return true;
}

/* ---- delivery ---------------------------------------------------------------------------------
 */

static libos_sigset_t mask_to_save(struct libos_thread* t) {
    uint32_t old = __atomic_fetch_and(&libos_get_tcb()->work, ~(uint32_t)LIBOS_WORK_RESTORE_MASK,
                                      __ATOMIC_SEQ_CST);
    return old & LIBOS_WORK_RESTORE_MASK ? t->saved_mask : t->blocked;
}

/* The frame could not be written: the guest dies of SIGSEGV, unless that has a handler of its own
 * and is not the signal that failed. */
static void frame_failed(struct libos_thread* t, int sig) {
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGSEGV;
    info.si_code = SI_KERNEL;
    if (sig == SIGSEGV) {
        lock(&cur_process()->signal_lock);
        cur_process()->actions[SIGSEGV - 1].handler = SIG_DFL;
        t->blocked &= ~sig_bit(SIGSEGV);
        unlock(&cur_process()->signal_lock);
    }
    libos_signal_force(t, &info);
}

static void run_handler(struct libos_thread* t, struct libos_regs* regs, const siginfo_t* info,
                        const struct libos_sigaction* act) {
    int sig = info->si_signo;
    restart_after_handler(regs, act);
    if (libos_sigframe_push(regs, info, act, mask_to_save(t)) < 0) {
        frame_failed(t, sig);
        return;
    }
    regs->orig_rax = -1UL;
    libos_sigset_t mask = t->blocked | act->mask;
    if (!(act->flags & SA_NODEFER))
        mask |= sig_bit(sig);
    libos_signal_set_mask(mask);
}

/* Takes signals until one has a handler (true) or there are none left. */
static bool deliver(struct libos_thread* t, struct libos_regs* regs) {
    siginfo_t info;
    int sig;
    libos_signal_drain_host();
    lock(&cur_process()->signal_lock);
    while ((sig = libos_sigqueue_take_sync(&t->signals, ~t->blocked, &info)) != 0 ||
           (sig = libos_signal_dequeue_locked(t, ~t->blocked, &info)) != 0) {
        if (libos_posix_timer_signal(&info)) {
            unlock(&cur_process()->signal_lock);
            bool current = libos_posix_timer_taken(&info);
            lock(&cur_process()->signal_lock);
            if (!current)
                continue;
        }
        struct libos_sigaction act = cur_process()->actions[sig - 1];
        if (act.handler == SIG_IGN)
            continue;
        if (act.handler != SIG_DFL) {
            if (act.flags & SA_RESETHAND)
                cur_process()->actions[sig - 1].handler = SIG_DFL;
            unlock(&cur_process()->signal_lock);
            libos_trace_signal(&info, act.handler);
            run_handler(t, regs, &info, &act);
            return true;
        }
        enum libos_default_action what = libos_default_action(sig);
        if (what == DEFAULT_IGNORE)
            continue;
        if (what == DEFAULT_STOP)
            libos_stop_taken(cur_process());
        unlock(&cur_process()->signal_lock);
        if (what != DEFAULT_STOP) {
            libos_trace_signal(&info, NULL);
            libos_process_exit(sig);
        }
        libos_stop_process(sig);
        lock(&cur_process()->signal_lock);
    }
    unlock(&cur_process()->signal_lock);
    return false;
}

static void restore_mask(struct libos_thread* t) {
    __atomic_and_fetch(&libos_get_tcb()->work, ~(uint32_t)LIBOS_WORK_RESTORE_MASK,
                       __ATOMIC_SEQ_CST);
    libos_signal_set_mask(t->saved_mask);
}

static bool was_interrupted(const struct libos_regs* regs) {
    return (long)regs->rax == -EINTR || (long)regs->rax == -ERESTARTNOHAND;
}

bool libos_exit_work(struct libos_regs* regs) {
    struct libos_thread* t = get_cur_thread();
    struct libos_tcb* tcb = libos_get_tcb();
    if (is_call(regs)) { /* what `syscall` leaves in them */
        regs->rcx = regs->rip;
        regs->r11 = regs->rflags;
    }
    /* A call with a mask of its own that has a result to tell delivers nothing under that mask. */
    if ((tcb->work & LIBOS_WORK_RESTORE_MASK) && is_call(regs) && !was_interrupted(regs))
        restore_mask(t);
    uint32_t work;
    while ((work = __atomic_load_n(&tcb->work, __ATOMIC_SEQ_CST) & WORK_EXIT_MASK) != 0) {
        if (work & LIBOS_WORK_EXIT)
            libos_thread_exit(0);
        if (work & LIBOS_WORK_STOP) {
            __atomic_and_fetch(&tcb->work, ~(uint32_t)LIBOS_WORK_STOP, __ATOMIC_SEQ_CST);
            libos_stop_wait();
        } else if (work & LIBOS_WORK_BARRIER) {
            __atomic_and_fetch(&tcb->work, ~(uint32_t)LIBOS_WORK_BARRIER, __ATOMIC_SEQ_CST);
            libos_barrier_wait();
        } else if (work & LIBOS_WORK_SIGNAL) {
            __atomic_and_fetch(&tcb->work, ~(uint32_t)LIBOS_WORK_SIGNAL, __ATOMIC_SEQ_CST);
            if (deliver(t, regs))
                libos_signal_recalc(t); /* more may be waiting: their frames go on top */
        } else if (work & LIBOS_WORK_RESTORE_MASK) {
            restore_mask(t);
        } else {
            __atomic_and_fetch(&tcb->work, ~(work & ~0x3fu), __ATOMIC_SEQ_CST);
        }
    }
    return restart_now(regs);
}

void libos_signal_clear_handlers(void) {
    struct libos_process* p = cur_process();
    lock(&p->signal_lock);
    for (int i = 0; i < LIBOS_NSIG; i++) {
        if (p->actions[i].handler != SIG_IGN)
            p->actions[i] = (struct libos_sigaction){.handler = SIG_DFL};
    }
    unlock(&p->signal_lock);
    libos_signal_publish_child_action();
}

void libos_signal_exec(void) {
    struct libos_thread* t = get_cur_thread();
    lock(&cur_process()->signal_lock);
    for (int i = 0; i < LIBOS_NSIG; i++) {
        struct libos_sigaction* act = &cur_process()->actions[i];
        if (act->handler != SIG_IGN)
            act->handler = SIG_DFL;
        act->flags = 0;
        act->mask = 0;
        act->restorer = NULL;
    }
    t->altstack = (stack_t){.ss_flags = SS_DISABLE};
    unlock(&cur_process()->signal_lock);
    libos_signal_publish_child_action();
}
