/*
 * Starts, stops and ends of processes, and who is told of them. exit(2), wait(2), credentials(7).
 *
 * An end has two halves: the process's last word (ENDING), then its host process is gone and reaped
 * (ZOMBIE, or nothing if nobody wants to know). A host process that is gone without a last word was
 * killed from outside: whoever reaps it speaks for it.
 */
#include <linux/wait.h>

#include "coord_internal.h"
#include "libos_process.h"

#define NSEC_PER_TICK 10000000UL

/* ---- telling the parent -----------------------------------------------------------------------
 */

static void fill_child_info(siginfo_t* info, const struct coord_process* p, int sig) {
    memset(info, 0, sizeof(*info));
    info->si_signo = sig;
    info->si_pid = p->pid;
    info->si_uid = p->uid;
    info->si_utime = (long)(p->usage.user_ns / NSEC_PER_TICK);
    info->si_stime = (long)(p->usage.system_ns / NSEC_PER_TICK);
}

/* A zombie's parent, which may be a new one. Nobody wants to know: the entry is gone after this. */
static void notify_parent_end(struct coord_process* p) {
    struct coord_process* parent = p->parent;
    int sig = p->exit_signal;
    bool unwanted = sig == SIGCHLD && (parent->ignores_chld || parent->no_chld_wait);
    siginfo_t info;
    fill_child_info(&info, p, sig);
    int status = p->exit_status;
    info.si_code = !(status & 0x7f) ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED;
    info.si_status = status & 0x7f ? status & 0x7f : status >> 8 & 0xff;
    if (sig && !(sig == SIGCHLD && parent->ignores_chld))
        coord_signal_queue(parent, 0, &info);
    if (unwanted)
        coord_process_release(p);
    coord_wake(&parent->wait);
}

void coord_notify_parent_stop(struct coord_process* p, int cause) {
    struct coord_process* parent = p->parent;
    if (!parent)
        return;
    if (!parent->ignores_chld && !parent->no_chld_stop) {
        siginfo_t info;
        fill_child_info(&info, p, SIGCHLD);
        info.si_code = cause;
        info.si_status = cause == CLD_CONTINUED ? SIGCONT : p->stop_signal;
        coord_signal_queue(parent, 0, &info);
    }
    coord_wake(&parent->wait);
}

void libos_coord_after_fork(void) {
    libos_get_tcb()->coord_held = NULL;
}

void coord_process_started(struct coord_process* p, int32_t host_pid, bool in_parent) {
    process_lock();
    COORD_SET(p->host_pid, host_pid);
    COORD_SET(p->in_parent, in_parent);
    if (p->state == COORD_PROCESS_NEW)
        COORD_SET(p->state, COORD_PROCESS_ALIVE);
    if (p->signal_count) /* sent while nobody could be kicked */
        __atomic_or_fetch(&libos_get_tcb()->work, LIBOS_WORK_SIGNAL, __ATOMIC_SEQ_CST);
    process_unlock();
}

/* ---- the end ----------------------------------------------------------------------------------
 */

/* As find_new_reaper(): the nearest subreaper above, else pid 1. NULL: pid 1 is gone. */
static struct coord_process* new_parent(const struct coord_process* p) {
    struct coord_process* up = p->parent;
    while (up && !(up->subreaper && coord_process_is_alive(up)))
        up = up->parent;
    if (!up && p != &g_coord->first && coord_process_is_alive(&g_coord->first))
        up = &g_coord->first;
    return up;
}

static void give_child_away(struct coord_process* child, struct coord_process* parent) {
    struct coord_process* father = child->parent;
    if (child->state == COORD_PROCESS_NEW && !child->host_pid) { /* and never will run */
        coord_process_release(child);
        coord_commit();
        return;
    }
    coord_list_del(&child->sibling);
    COORD_SET(child->parent, parent);
    COORD_SET(child->ppid, parent ? parent->pid : 0);
    COORD_SET(child->exit_signal, SIGCHLD);
    COORD_SET(child->adopted, parent == &g_coord->first && !parent->subreaper);
    if (parent)
        coord_list_add_tail(&parent->children, &child->sibling);
    else
        COORD_SET(g_coord->processes.parentless, g_coord->processes.parentless + 1);
    if (child->death_signal && coord_process_is_alive(child))
        coord_signal_queue_kernel(child, child->death_signal);
    coord_group_check_orphaned(child, father);
    if (child->state == COORD_PROCESS_ZOMBIE) {
        if (parent)
            notify_parent_end(child);
        else
            coord_process_release(child);
    }
    coord_commit();
}

/* Its last word, by itself or in its name; the children first, as they may be told. */
static void end_locked(struct coord_process* p, int wait_status, const struct coord_usage* usage) {
    COORD_SET(p->exit_status, wait_status);
    if (usage) {
        coord_log(&p->usage, sizeof(p->usage));
        p->usage = *usage;
    }
    COORD_SET(p->stop_signal, 0);
    COORD_SET(p->state, COORD_PROCESS_ENDING);
    coord_commit();
    struct coord_process* parent = list_empty(&p->children) ? NULL : new_parent(p);
    while (!list_empty(&p->children))
        give_child_away(list_first(&p->children, struct coord_process, sibling), parent);
    coord_tty_leader_ends(p);
    coord_group_check_orphaned(p, NULL);
    coord_commit();
}

static void become_zombie(struct coord_process* p) {
    coord_signals_drop(p);
    COORD_SET(p->state, COORD_PROCESS_ZOMBIE);
    COORD_SET(p->in_parent, false);
    if (p->parent) {
        notify_parent_end(p);
        return;
    }
    COORD_SET(g_coord->processes.parentless, g_coord->processes.parentless - 1);
    coord_process_release(p);
}

void coord_process_end(int wait_status, const struct coord_usage* usage) {
    struct coord_process* p = coord_process_current();
    process_lock();
    end_locked(p, wait_status, usage);
    if (p->in_parent)
        become_zombie(p);
    process_unlock();
}

/* ---- the host tells ----------------------------------------------------------------------------
 */

#define DEATH_HOOKS_MAX 16
static void (*g_death_hooks[DEATH_HOOKS_MAX])(int32_t pid);
static unsigned g_death_hook_count;

void coord_at_death(void (*release)(int32_t pid)) {
    BUG_ON(g_death_hook_count == DEATH_HOOKS_MAX);
    g_death_hooks[g_death_hook_count++] = release;
}

static struct coord_process* find_by_host(int32_t host_pid, bool wordless) {
    for_each_process(p) {
        bool is_wordless = coord_process_is_alive(p);
        if (p->host_pid == host_pid && p->state != COORD_PROCESS_ZOMBIE &&
            (!wordless || is_wordless))
            return p;
    }
    return NULL;
}

static int wait_status_of(PAL_NUM host_status) {
    return host_status >= 256 ? (int)(host_status - 256) & 0x7f : (int)(host_status & 0xff) << 8;
}

/* What those held who had no time to let go. Children of vfork died with their parent. */
static void release_wordless(int32_t host_pid) {
    int32_t done[32];
    unsigned count = 0;
    process_lock();
    for_each_process(i) {
        if (i->host_pid == host_pid && coord_process_is_alive(i) && count < ARRAY_SIZE(done))
            done[count++] = i->pid;
    }
    process_unlock();
    for (unsigned i = 0; i < count; i++) {
        for (unsigned h = 0; h < g_death_hook_count; h++)
            g_death_hooks[h](done[i]);
        coord_ids_drop(done[i]);
    }
}

void coord_process_reaped(int32_t host_pid, PAL_NUM host_status) {
    process_lock();
    bool wordless = find_by_host(host_pid, true) != NULL;
    process_unlock();
    if (wordless)
        release_wordless(host_pid);
    struct coord_process* p;
    process_lock();
    while ((p = find_by_host(host_pid, false)) != NULL) {
        if (coord_process_is_alive(p))
            end_locked(p, wait_status_of(host_status), NULL);
        become_zombie(p);
        coord_commit();
    }
    process_unlock();
}

/* ---- stops ------------------------------------------------------------------------------------
 */

void coord_process_stop(int sig) {
    struct coord_process* p = coord_process_current();
    process_lock();
    COORD_SET(p->stop_signal, sig);
    COORD_SET(p->host_stopped, p == &g_coord->first);
    COORD_SET(p->stop_news, true);
    COORD_SET(p->continue_news, false);
    coord_notify_parent_stop(p, CLD_STOPPED);
    process_unlock();
}

void coord_continue(struct coord_process* p) {
    if (!p->stop_signal)
        return;
    COORD_SET(p->stop_signal, 0);
    COORD_SET(p->host_stopped, false);
    COORD_SET(p->stop_news, false);
    COORD_SET(p->continue_news, true);
    coord_notify_parent_stop(p, CLD_CONTINUED);
    coord_wake(&p->going);
}

void coord_process_continue(void) {
    struct coord_process* p = coord_process_current();
    if (!__atomic_load_n(&p->stop_signal, __ATOMIC_ACQUIRE))
        return;
    process_lock();
    coord_continue(p);
    process_unlock();
}
