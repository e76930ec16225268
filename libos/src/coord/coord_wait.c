/*
 * Waiting for children: which of them match, and what there is to tell. wait4(2), waitid(2).
 */
#include <linux/wait.h>

#include "coord_internal.h"
#include "libos_process.h"

static bool matches(const struct coord_wait* w, const struct coord_process* self,
                    const struct coord_process* child) {
    const struct libos_thread* t = get_cur_thread();
    if (w->which == P_PID && child->pid != w->id)
        return false;
    if (w->which == P_PGID && child->pgid != (w->id ? w->id : self->pgid))
        return false;
    if ((w->options & __WNOTHREAD) && t && child->maker_tid != t->tid)
        return false;
    if (w->options & __WALL)
        return true;
    return (child->exit_signal != SIGCHLD) == ((w->options & __WCLONE) != 0);
}

static void add_usage(struct coord_usage* sum, const struct coord_usage* more) {
    sum->user_ns += more->user_ns;
    sum->system_ns += more->system_ns;
    sum->max_rss = MAX(sum->max_rss, more->max_rss);
    sum->minor_faults += more->minor_faults;
    sum->major_faults += more->major_faults;
    sum->in_blocks += more->in_blocks;
    sum->out_blocks += more->out_blocks;
    sum->voluntary_switches += more->voluntary_switches;
    sum->involuntary_switches += more->involuntary_switches;
}

static void fill(struct coord_wait* w, const struct coord_process* child, int cause, int value,
                 int status) {
    w->pid = child->pid;
    w->uid = child->uid;
    w->cause = cause;
    w->value = value;
    w->status = status;
    memset(&w->usage, 0, sizeof(w->usage));
}

static bool take_zombie(struct coord_wait* w, struct coord_process* self,
                        struct coord_process* child) {
    if (!(w->options & WEXITED) || child->state != COORD_PROCESS_ZOMBIE)
        return false;
    int status = child->exit_status;
    int cause = !(status & 0x7f) ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED;
    fill(w, child, cause, status & 0x7f ? status & 0x7f : status >> 8 & 0xff, status);
    w->usage = child->usage;
    add_usage(&w->usage, &child->children_usage);
    if (w->options & WNOWAIT)
        return true;
    coord_log(&self->children_usage, sizeof(self->children_usage));
    add_usage(&self->children_usage, &w->usage);
    coord_process_release(child);
    return true;
}

static bool take_stopped(struct coord_wait* w, struct coord_process* child) {
    if (!(w->options & WSTOPPED) || !child->stop_news || !child->stop_signal)
        return false;
    fill(w, child, CLD_STOPPED, child->stop_signal, child->stop_signal << 8 | 0x7f);
    if (!(w->options & WNOWAIT))
        COORD_SET(child->stop_news, false);
    return true;
}

static bool take_continued(struct coord_wait* w, struct coord_process* child) {
    if (!(w->options & WCONTINUED) || !child->continue_news || child->state != COORD_PROCESS_ALIVE)
        return false;
    fill(w, child, CLD_CONTINUED, SIGCONT, 0xffff);
    if (!(w->options & WNOWAIT))
        COORD_SET(child->continue_news, false);
    return true;
}

long coord_process_wait(struct coord_wait* w) {
    struct coord_process* self = coord_process_current();
    long ret = -ECHILD;
    process_lock();
    for_each_child(child, self) {
        if (!matches(w, self, child))
            continue;
        ret = 0;
        if (take_zombie(w, self, child) || take_stopped(w, child) || take_continued(w, child)) {
            ret = 1;
            break;
        }
    }
    process_unlock();
    return ret;
}

void coord_process_children_usage(struct coord_usage* usage) {
    process_lock();
    *usage = coord_process_current()->children_usage;
    process_unlock();
}
