/*
 * Terminals, their sessions and foreground groups. See libos_coord_tty.h.
 */
#include "coord_internal.h"
#include "libos_process.h"

static struct coord_tty* find(uint32_t key) {
    list_for_each(tty, &g_coord->processes.ttys, struct coord_tty, node) {
        if (tty->key == key)
            return tty;
    }
    return NULL;
}

static struct coord_tty* of_session(int32_t sid) {
    list_for_each(tty, &g_coord->processes.ttys, struct coord_tty, node) {
        if (tty->sid == sid)
            return tty;
    }
    return NULL;
}

static struct coord_tty* mine(const struct coord_process* self) {
    return self->no_tty ? NULL : of_session(self->sid);
}

static bool is_mine(const struct coord_tty* tty) {
    const struct coord_process* self = coord_process_current();
    return tty && tty->sid && tty->sid == self->sid && !self->no_tty;
}

bool coord_tty_mine(uint32_t* key, int32_t* foreground) {
    process_lock();
    const struct coord_tty* tty = mine(coord_process_current());
    if (tty) {
        *key = tty->key;
        *foreground = tty->foreground;
    }
    process_unlock();
    return tty != NULL;
}

/* It is no session's any more. */
static void clear(struct coord_tty* tty) {
    COORD_SET(tty->sid, 0);
    COORD_SET(tty->foreground, 0);
    if (tty == &g_coord->processes.host_tty)
        return;
    coord_list_del(&tty->node);
    coord_free(tty);
}

/* ---- whose it is ------------------------------------------------------------------------------
 */

static long give(uint32_t key, struct coord_process* self) {
    struct coord_tty* tty = find(key);
    if (!tty) {
        tty = coord_alloc(sizeof(*tty));
        if (!tty)
            return -EPERM;
        tty->key = key;
        coord_list_add_tail(&g_coord->processes.ttys, &tty->node);
    }
    COORD_SET(tty->sid, self->sid);
    COORD_SET(tty->foreground, self->pgid);
    COORD_SET(self->no_tty, false);
    return 0;
}

long coord_tty_acquire(uint32_t key, bool steal) {
    struct coord_process* self = coord_process_current();
    long ret = -EPERM;
    process_lock();
    const struct coord_tty* tty = find(key);
    bool leader = self->sid == self->pid;
    if (leader && tty && tty->sid == self->sid)
        ret = 0;
    else if (leader && !mine(self) && (!tty || !tty->sid || steal))
        ret = give(key, self);
    process_unlock();
    return ret;
}

void coord_tty_opened(uint32_t key) {
    struct coord_process* self = coord_process_current();
    if (self->sid != self->pid)
        return;
    process_lock();
    const struct coord_tty* tty = find(key);
    if (!mine(self) && (!tty || !tty->sid))
        give(key, self);
    process_unlock();
}

long coord_tty_release(uint32_t key) {
    struct coord_process* self = coord_process_current();
    long ret = -ENOTTY;
    process_lock();
    struct coord_tty* tty = find(key);
    if (is_mine(tty)) {
        ret = 0;
        COORD_SET(self->no_tty, true);
        if (self->sid == self->pid) {
            coord_signal_group_locked(tty->foreground, SIGHUP);
            coord_signal_group_locked(tty->foreground, SIGCONT);
            clear(tty);
        }
    }
    process_unlock();
    return ret;
}

/* The first process's session began outside, and goes on there. */
void coord_tty_leader_ends(struct coord_process* p) {
    struct coord_tty* tty = p->sid == p->pid && p != &g_coord->first ? of_session(p->sid) : NULL;
    if (!tty)
        return;
    if (tty->foreground)
        coord_signal_group_locked(tty->foreground, SIGHUP);
    clear(tty);
}

void coord_tty_hang_up(uint32_t key) {
    process_lock();
    struct coord_tty* tty = find(key);
    struct coord_process* leader = tty && tty->sid ? coord_process_find(tty->sid) : NULL;
    if (leader && leader->pid == tty->sid) {
        coord_signal_queue_kernel(leader, SIGHUP);
        coord_signal_queue_kernel(leader, SIGCONT);
    }
    if (tty)
        clear(tty);
    process_unlock();
}

/* ---- the foreground ---------------------------------------------------------------------------
 */

long coord_tty_foreground(uint32_t key, bool master) {
    process_lock();
    const struct coord_tty* tty = find(key);
    long ret = is_mine(tty) || (master && tty) ? tty->foreground : master ? 0 : -ENOTTY;
    process_unlock();
    return ret;
}

long coord_tty_session(uint32_t key, bool master) {
    process_lock();
    const struct coord_tty* tty = find(key);
    long ret = is_mine(tty) || (master && tty && tty->sid) ? tty->sid : -ENOTTY;
    process_unlock();
    return ret;
}

/* As session_of_pgrp(): 0 if there is neither such a group nor such a process. */
static int32_t session_of_group(int32_t pgid) {
    for_each_process(p) {
        if (p->pgid == pgid)
            return p->sid;
    }
    const struct coord_process* p = pgid > 0 ? coord_process_find(pgid) : NULL;
    return p ? p->sid : 0;
}

long coord_tty_set_foreground(uint32_t key, int32_t pgid) {
    long ret = -ENOTTY;
    process_lock();
    struct coord_tty* tty = find(key);
    if (is_mine(tty)) {
        int32_t sid = session_of_group(pgid);
        ret = !sid ? -ESRCH : sid != tty->sid ? -EPERM : 0;
        if (ret == 0)
            COORD_SET(tty->foreground, pgid);
    }
    process_unlock();
    return ret;
}

bool coord_tty_in_background(uint32_t key) {
    process_lock();
    const struct coord_tty* tty = find(key);
    bool background =
        is_mine(tty) && tty->foreground && tty->foreground != coord_process_current()->pgid;
    process_unlock();
    return background;
}

long coord_tty_stop_group(int sig) {
    int32_t pgid = coord_process_current()->pgid;
    if (coord_process_is_orphaned())
        return -EIO;
    process_lock();
    coord_signal_group_locked(pgid, sig);
    process_unlock();
    return -ERESTARTSYS;
}

void coord_tty_signal(uint32_t key, int sig) {
    process_lock();
    const struct coord_tty* tty = find(key);
    if (tty && tty->foreground)
        coord_signal_group_locked(tty->foreground, sig);
    process_unlock();
}

bool coord_tty_forwards(void) {
    const struct coord_process* first = NULL;
    process_lock();
    for_each_process(p) {
        if (coord_process_is_alive(p) && p->host_pid && !p->in_parent) {
            first = p;
            break;
        }
    }
    process_unlock();
    return first == coord_process_current() || !first;
}
