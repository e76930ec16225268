/*
 * The table of processes: entries come and go, and are asked.
 */
#include "coord_internal.h"
#include "libos_process.h"

struct coord_process* coord_process_current(void) {
    return cur_process()->coord;
}

struct coord_process* coord_process_first(void) {
    return &g_coord->first;
}

/* At start, alone: nothing is logged. Its id is not in the table, which would touch a page of it.
 */
void coord_processes_init(struct coord_arena* arena) {
    struct coord_process* p = &arena->first;
    p->pid = p->pgid = p->sid = 1;
    p->state = COORD_PROCESS_ALIVE;
    p->host_pid = (int32_t)g_pal_control->process_id;
    p->signals_limit = ~0UL;
    list_init(&p->children);
    list_init(&p->sibling);
    list_init(&p->signals);
    list_init(&arena->processes.all);
    list_init(&arena->processes.ttys);
    struct coord_tty* tty = &arena->processes.host_tty;
    tty->key = COORD_TTY_HOST;
    tty->sid = tty->foreground = 1;
    list_add_tail(&arena->processes.ttys, &tty->node);
    list_add_tail(&arena->processes.all, &p->all);
    g_process.coord = p;
}

struct coord_process* coord_process_find(int32_t id) {
    return id == 0 ? coord_process_current() : coord_id_owner(id);
}

/* ---- coming ---------------------------------------------------------------------------------- */

/* Those who end and have no parent stay until their host process is gone. */
static void release_parentless(void) {
    if (!g_coord->processes.parentless)
        return;
    list_for_each_safe(p, &g_coord->processes.all, struct coord_process, all) {
        if (!p->parent && p != &g_coord->first && p->host_pid &&
            PalProcessKick((PAL_IDX)p->host_pid) == PAL_ERROR_NOTHREAD) {
            coord_process_release(p);
            COORD_SET(g_coord->processes.parentless, g_coord->processes.parentless - 1);
            coord_commit();
        }
    }
}

static void inherit(struct coord_process* p, const struct coord_process* from) {
    p->pgid = from->pgid;
    p->sid = from->sid;
    p->uid = from->uid;
    p->euid = from->euid;
    p->suid = from->suid;
    p->gid = from->gid;
    p->egid = from->egid;
    p->sgid = from->sgid;
    p->cap_effective = from->cap_effective;
    p->ignores_chld = from->ignores_chld;
    p->no_chld_wait = from->no_chld_wait;
    p->no_chld_stop = from->no_chld_stop;
    p->signals_limit = from->signals_limit;
    p->no_tty = from->no_tty;
    memcpy(p->comm, from->comm, sizeof(p->comm));
    p->command_line = from->command_line;
    if (p->command_line)
        COORD_SET(p->command_line->refs, p->command_line->refs + 1);
}

/* As on Linux, pid 1 gets the children of the dead; on the host too, from its first child on. */
static void inherit_orphans(void) {
    static bool done;
    if (done || coord_process_current() != &g_coord->first)
        return;
    done = true;
    PalProcessSetSubreaper(true);
}

struct coord_process* coord_process_create(bool parents_child, int exit_signal, int* error) {
    struct coord_process* self = coord_process_current();
    struct libos_thread* t = get_cur_thread();
    inherit_orphans();
    process_lock();
    release_parentless();
    struct coord_process* p = coord_alloc(sizeof(*p));
    int32_t pid = p ? coord_id_new(p) : -ENOMEM;
    if (pid < 0) {
        coord_free(p);
        process_unlock();
        *error = pid;
        return NULL;
    }
    p->pid = pid;
    p->state = COORD_PROCESS_NEW;
    p->exit_signal = exit_signal;
    p->maker_tid = t ? t->tid : self->pid;
    PalClockGet(PAL_CLOCK_MONOTONIC, &p->start_time_ns);
    inherit(p, self);
    list_init(&p->children);
    list_init(&p->sibling);
    list_init(&p->signals);
    p->parent = parents_child ? self->parent : self;
    p->ppid = p->parent ? p->parent->pid : 0;
    if (p->parent)
        coord_list_add_tail(&p->parent->children, &p->sibling);
    else
        COORD_SET(g_coord->processes.parentless, g_coord->processes.parentless + 1);
    coord_list_add_tail(&g_coord->processes.all, &p->all);
    process_unlock();
    return p;
}

void coord_process_abandon(struct coord_process* p) {
    process_lock();
    if (!p->parent)
        COORD_SET(g_coord->processes.parentless, g_coord->processes.parentless - 1);
    coord_process_release(p);
    process_unlock();
}

/* ---- going ----------------------------------------------------------------------------------- */

static void text_put(struct coord_text* text) {
    if (!text)
        return;
    COORD_SET(text->refs, text->refs - 1);
    if (!text->refs)
        coord_free(text);
}

void coord_process_release(struct coord_process* p) {
    coord_signals_drop(p);
    text_put(p->command_line);
    COORD_SET(p->command_line, NULL);
    coord_list_del(&p->sibling);
    coord_list_del(&p->all);
    COORD_SET(p->state, 0);
    int32_t pid = p->pid, pgid = p->pgid, sid = p->sid;
    coord_log(&g_coord->ids[pid], sizeof(g_coord->ids[pid]));
    __atomic_store_n(&g_coord->ids[pid], COORD_ID_RESERVED, __ATOMIC_RELEASE);
    coord_group_left(pid);
    coord_group_left(pgid);
    coord_group_left(sid);
    if (p != &g_coord->first)
        coord_free(p);
}

/* ---- what others look at ----------------------------------------------------------------------
 */

void coord_process_set_comm(const char* comm) {
    struct coord_process* p = coord_process_current();
    process_lock();
    coord_log(p->comm, sizeof(p->comm));
    strlcpy(p->comm, comm, sizeof(p->comm));
    process_unlock();
}

#define COMMAND_LINE_MAX (64UL << 10)

void coord_process_execed(const char* comm, const char* command_line, size_t size) {
    struct coord_process* p = coord_process_current();
    size = MIN(size, COMMAND_LINE_MAX);
    struct coord_text* text = size ? coord_heap_alloc(sizeof(*text) + size) : NULL;
    if (text) {
        text->refs = 1;
        text->size = (uint32_t)size;
        memcpy(text->text, command_line, size);
    }
    process_lock();
    text_put(p->command_line);
    COORD_SET(p->command_line, text);
    COORD_SET(p->exit_signal, SIGCHLD);
    coord_log(p->comm, sizeof(p->comm));
    strlcpy(p->comm, comm, sizeof(p->comm));
    if (p->parent)
        coord_wake(&p->parent->wait); /* it may wait for this: CLONE_VFORK */
    process_unlock();
}

void coord_process_set_credentials(const struct libos_thread* t) {
    struct coord_process* p = t->process->coord;
    process_lock();
    COORD_SET(p->uid, t->uid);
    COORD_SET(p->euid, t->euid);
    COORD_SET(p->suid, t->suid);
    COORD_SET(p->gid, t->gid);
    COORD_SET(p->egid, t->egid);
    COORD_SET(p->sgid, t->sgid);
    COORD_SET(p->cap_effective, t->cap_effective);
    process_unlock();
}

/* Before descriptors are closed: a parent that sees that has lost the right to move the child. */
void coord_process_execing(const struct libos_thread* t) {
    struct coord_process* p = t->process->coord;
    __atomic_store_n(&p->execed, true, __ATOMIC_SEQ_CST);
    if (p->suid != t->suid || p->euid != t->euid || p->uid != t->uid)
        coord_process_set_credentials(t);
}

/* Single values that only their process writes: no lock is needed for that. */
void coord_process_set_child_action(bool ignored, bool no_wait, bool no_stop) {
    struct coord_process* p = coord_process_current();
    __atomic_store_n(&p->ignores_chld, ignored, __ATOMIC_RELAXED);
    __atomic_store_n(&p->no_chld_wait, no_wait, __ATOMIC_RELAXED);
    __atomic_store_n(&p->no_chld_stop, no_stop, __ATOMIC_RELEASE);
}

void coord_process_set_subreaper(bool on) {
    __atomic_store_n(&coord_process_current()->subreaper, on, __ATOMIC_RELEASE);
    PalProcessSetSubreaper(on || coord_process_current() == coord_process_first());
}

void coord_process_set_death_signal(int sig) {
    __atomic_store_n(&coord_process_current()->death_signal, sig, __ATOMIC_RELEASE);
}

int coord_process_death_signal(void) {
    return __atomic_load_n(&coord_process_current()->death_signal, __ATOMIC_ACQUIRE);
}

bool coord_process_by_host(int32_t host_pid, struct coord_ids* out) {
    bool found = false;
    process_lock();
    for_each_process(p) {
        /* The host may have given a dead one's id out again. */
        if (p->host_pid == host_pid && (!found || p->state != COORD_PROCESS_ZOMBIE)) {
            *out = (struct coord_ids){p->pid, p->uid, p->gid};
            found = true;
        }
    }
    process_unlock();
    return found;
}

int32_t coord_process_next(int32_t pid, struct coord_process* copy) {
    struct coord_process* best = NULL;
    process_lock();
    for_each_process(p) {
        if (p->pid >= pid && (!best || p->pid < best->pid))
            best = p;
    }
    int32_t found = best ? best->pid : 0;
    if (best && copy)
        *copy = *best;
    process_unlock();
    return found;
}

long coord_process_command_line(int32_t pid, char* buffer, size_t size) {
    long ret = -ESRCH;
    process_lock();
    struct coord_process* p = coord_process_find(pid);
    if (p && p->pid == (pid ? pid : p->pid)) {
        const struct coord_text* text = p->command_line;
        ret = text ? text->size : 0;
        if (text)
            memcpy(buffer, text->text, MIN(size, text->size));
    }
    process_unlock();
    return ret;
}
