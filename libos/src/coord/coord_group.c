/*
 * Process groups and sessions. setpgid(2), setsid(2), credentials(7).
 */
#include "coord_internal.h"
#include "libos_process.h"

static const struct coord_process* group_member(int32_t pgid) {
    for_each_process(p) {
        if (p->pgid == pgid)
            return p;
    }
    return NULL;
}

bool coord_group_exists(int32_t pgid) {
    return group_member(pgid) != NULL;
}

/* The name of a group or session stays taken as long as there are members. */
void coord_group_left(int32_t id) {
    if (g_coord->ids[id] != COORD_ID_RESERVED)
        return;
    for_each_process(p) {
        if (p->pgid == id || p->sid == id)
            return;
    }
    coord_log(&g_coord->ids[id], sizeof(g_coord->ids[id]));
    coord_id_free(id);
}

/* The order of the checks is that of Linux. */
static long check_setpgid(const struct coord_process* self, const struct coord_process* p,
                          int32_t pid, int32_t pgid) {
    if (!p)
        return -ESRCH;
    if (p->pid != pid)
        return -EINVAL; /* of a thread */
    if (p->parent == self) {
        if (p->sid != self->sid)
            return -EPERM;
        if (p->execed)
            return -EACCES;
    } else if (p != self) {
        return -ESRCH;
    }
    if (p->sid == p->pid)
        return -EPERM;
    if (pgid != pid) {
        const struct coord_process* member = group_member(pgid);
        if (!member || member->sid != self->sid)
            return -EPERM;
    }
    return 0;
}

long coord_setpgid(int32_t pid, int32_t pgid) {
    struct coord_process* self = coord_process_current();
    pid = pid ? pid : self->pid;
    pgid = pgid ? pgid : pid;
    if (pgid < 0)
        return -EINVAL;
    process_lock();
    struct coord_process* p = pid > 0 ? coord_process_find(pid) : NULL;
    long ret = check_setpgid(self, p, pid, pgid);
    if (ret == 0 && p->pgid != pgid) {
        int32_t old = p->pgid;
        COORD_SET(p->pgid, pgid);
        coord_group_left(old);
    }
    process_unlock();
    return ret;
}

static long ask(int32_t pid, bool session) {
    struct coord_process* self = coord_process_current();
    if (pid == 0)
        return session ? self->sid : self->pgid;
    process_lock();
    const struct coord_process* p = pid > 0 ? coord_process_find(pid) : NULL;
    long ret = !p ? -ESRCH : session ? p->sid : p->pgid;
    process_unlock();
    return ret;
}

long coord_getpgid(int32_t pid) {
    return ask(pid, false);
}

long coord_getsid(int32_t pid) {
    return ask(pid, true);
}

long coord_setsid(void) {
    struct coord_process* p = coord_process_current();
    long ret = p->pid;
    process_lock();
    if (p->sid == p->pid || coord_group_exists(p->pid)) {
        ret = -EPERM;
    } else {
        int32_t pgid = p->pgid, sid = p->sid;
        COORD_SET(p->sid, p->pid);
        COORD_SET(p->pgid, p->pid);
        COORD_SET(p->no_tty, false);
        coord_group_left(pgid);
        coord_group_left(sid);
    }
    process_unlock();
    return ret;
}

/* ---- orphaned groups --------------------------------------------------------------------------
 */

/* Has the group no member, but the ignored one, whose parent is in another group of the session?
 * The first process's is outside, and knows of jobs or not: the host decides. */
static bool is_orphaned(int32_t pgid, const struct coord_process* ignored) {
    for_each_process(p) {
        if (p->pgid != pgid || p == ignored || !coord_process_is_alive(p) || p->adopted)
            continue;
        if (p->parent ? p->parent->pgid != pgid && p->parent->sid == p->sid : p->pid == 1)
            return false;
    }
    return true;
}

static bool has_stopped(int32_t pgid) {
    for_each_process(p) {
        if (p->pgid == pgid && p->stop_signal)
            return true;
    }
    return false;
}

void coord_group_check_orphaned(struct coord_process* p, struct coord_process* father) {
    const struct coord_process* parent = father ? father : p->parent;
    if (!parent || parent->pgid == p->pgid || parent->sid != p->sid || (!father && p->adopted))
        return;
    if (!is_orphaned(p->pgid, father ? NULL : p) || !has_stopped(p->pgid))
        return;
    coord_signal_group_locked(p->pgid, SIGHUP);
    coord_signal_group_locked(p->pgid, SIGCONT);
}

bool coord_process_is_orphaned(void) {
    process_lock();
    bool orphaned = is_orphaned(coord_process_current()->pgid, NULL);
    process_unlock();
    return orphaned;
}
