/*
 * Signals from one process to another: put into the receiver's entry, then the receiver is kicked
 * and takes them from there (signal/libos_sighost.c). kill(2), signal(7).
 */
#include <linux/capability.h>

#include "coord_internal.h"
#include "libos_process.h"
#include "libos_signal.h"

/* Under the process lock, so that the host process still is that one. */
static void kick(const struct coord_process* p, int sig) {
    if (!p->host_pid)
        return; /* it looks when it starts */
    if (p == coord_process_current())
        __atomic_or_fetch(&libos_get_tcb()->work, LIBOS_WORK_SIGNAL, __ATOMIC_SEQ_CST);
    else if (p->host_stopped && (sig == SIGCONT || sig == SIGKILL))
        PalProcessContinue((PAL_IDX)p->host_pid);
    else
        PalProcessKick((PAL_IDX)p->host_pid);
}

void coord_process_kick(int32_t pid) {
    process_lock();
    struct coord_process* p = coord_process_find(pid);
    if (p && p->pid == pid && coord_process_is_alive(p))
        kick(p, 0);
    process_unlock();
}

/* Its own queue counts too: as if it were one. */
static bool over_limit(const struct coord_process* p, const siginfo_t* info) {
    bool exempt = info->si_signo < SIGRTMIN && info->si_code >= 0;
    return !exempt && p->signal_count + p->signals_private >= p->signals_limit;
}

static int queue(struct coord_process* p, int32_t tid, const siginfo_t* info) {
    int sig = info->si_signo;
    bool standard = sig < SIGRTMIN && !tid;
    if (standard && (p->signals_queued & sig_bit(sig)))
        return 0;
    bool over = over_limit(p, info);
    if (over && sig >= SIGRTMIN && info->si_code != SI_USER)
        return -EAGAIN;
    struct coord_signal* s = coord_alloc(sizeof(*s));
    if (!s)
        return -EAGAIN;
    s->tid = tid;
    s->info = *info;
    coord_list_add_tail(&p->signals, &s->node);
    COORD_SET(p->signal_count, p->signal_count + 1);
    if (standard)
        COORD_SET(p->signals_queued, p->signals_queued | sig_bit(sig));
    kick(p, sig);
    return 0;
}

int coord_signal_queue(struct coord_process* p, int32_t tid, const siginfo_t* info) {
    if (!coord_process_is_alive(p))
        return 0;
    int ret = queue(p, tid, info);
    /* It goes on whatever it thinks of the signal, and finds it there when it does. */
    if (info->si_signo == SIGCONT && !p->host_stopped)
        coord_continue(p);
    return ret;
}

void coord_signal_queue_kernel(struct coord_process* p, int sig) {
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = sig;
    info.si_code = SI_KERNEL;
    coord_signal_queue(p, 0, &info);
}

void coord_signal_group_locked(int32_t pgid, int sig) {
    for_each_process(p) {
        if (p->pgid != pgid)
            continue;
        coord_signal_queue_kernel(p, sig);
        coord_commit();
    }
}

long coord_signal_group(int32_t pgid, const siginfo_t* info) {
    long ret = -ESRCH;
    process_lock();
    for_each_process(p) {
        if (p->pgid == pgid) {
            coord_signal_queue(p, 0, info);
            coord_commit();
            ret = 0;
        }
    }
    process_unlock();
    return ret;
}

long coord_signal_process(int32_t pid, const siginfo_t* info) {
    long ret = -ESRCH;
    process_lock();
    for_each_process(p) {
        if (p->pid == pid)
            ret = coord_signal_queue(p, 0, info);
    }
    process_unlock();
    return ret;
}

static void unlink_signal(struct coord_process* p, struct coord_signal* s) {
    coord_list_del(&s->node);
    COORD_SET(p->signal_count, p->signal_count - 1);
    if (!s->tid && s->info.si_signo < SIGRTMIN)
        COORD_SET(p->signals_queued, p->signals_queued & ~sig_bit(s->info.si_signo));
    coord_free(s);
}

void coord_signals_drop(struct coord_process* p) {
    while (!list_empty(&p->signals)) {
        unlink_signal(p, list_first(&p->signals, struct coord_signal, node));
        coord_commit();
    }
}

bool coord_signal_take(struct coord_signal* out) {
    struct coord_process* p = coord_process_current();
    if (!coord_signal_waiting(p))
        return false;
    process_lock();
    bool found = !list_empty(&p->signals);
    if (found) {
        struct coord_signal* s = list_first(&p->signals, struct coord_signal, node);
        *out = *s;
        unlink_signal(p, s);
    }
    process_unlock();
    return found;
}

/* ---- permission --------------------------------------------------------------------------------
 */

static bool may_send(const struct coord_process* self, const struct coord_process* to, int sig) {
    const struct libos_thread* t = get_cur_thread();
    if (self == to || t->euid == to->suid || t->euid == to->uid || t->uid == to->suid ||
        t->uid == to->uid || (t->cap_effective >> CAP_KILL & 1))
        return true;
    return sig == SIGCONT && self->sid == to->sid;
}

static long send(struct coord_process* self, struct coord_process* to, int32_t tid,
                 const siginfo_t* info, bool* is_self) {
    if (info->si_signo < 0 || info->si_signo > LIBOS_NSIG)
        return -EINVAL;
    if (!may_send(self, to, info->si_signo))
        return -EPERM;
    if (to == self) {
        *is_self = true;
        return 0;
    }
    return info->si_signo ? coord_signal_queue(to, tid, info) : 0;
}

/* ---- kill(2) -----------------------------------------------------------------------------------
 */

static long kill_group(struct coord_process* self, int32_t pgid, const siginfo_t* info,
                       bool* is_self) {
    long error = -ESRCH;
    bool success = false;
    for_each_process(p) {
        if (p->pgid != pgid)
            continue;
        long ret = send(self, p, 0, info, is_self);
        coord_commit();
        success = success || ret == 0;
        error = ret ? ret : error;
    }
    return success ? 0 : error;
}

static long kill_all(struct coord_process* self, const siginfo_t* info) {
    long ret = -ESRCH;
    bool any = false, is_self;
    for_each_process(p) {
        if (p->pid <= 1 || p == self)
            continue;
        long one = send(self, p, 0, info, &is_self);
        coord_commit();
        if (!any || one != -EPERM)
            ret = one == -EPERM ? 0 : one;
        any = true;
    }
    return ret;
}

static long kill_one(struct coord_process* self, int32_t pid, const siginfo_t* info,
                     bool* is_self) {
    struct coord_process* p = coord_process_find(pid);
    return p ? send(self, p, 0, info, is_self) : -ESRCH;
}

long coord_kill(int32_t pid, const siginfo_t* info, bool* is_self) {
    struct coord_process* self = coord_process_current();
    *is_self = false;
    process_lock();
    long ret = pid > 0     ? kill_one(self, pid, info, is_self)
               : pid == -1 ? kill_all(self, info)
                           : kill_group(self, pid ? -pid : self->pgid, info, is_self);
    process_unlock();
    return ret;
}

long coord_kill_thread(int32_t tgid, int32_t tid, const siginfo_t* info) {
    struct coord_process* self = coord_process_current();
    bool is_self = false;
    process_lock();
    struct coord_process* p = coord_process_find(tid);
    long ret = -ESRCH;
    if (p && p != self && (tgid <= 0 || p->pid == tgid))
        ret = send(self, p, tid, info, &is_self);
    process_unlock();
    return ret;
}
