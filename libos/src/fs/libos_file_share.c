/*
 * Open file descriptions that processes share after a fork. Each process has its own `struct
 * libos_file`; what changes and must be the same for all lies in the arena, from the first fork on.
 * Host files share through the host besides: it keeps their positions.
 */
#include "../proc/libos_proc_internal.h"
#include "libos_coord.h"
#include "libos_fs_internal.h"
#include "libos_lock_table.h"
#include "libos_process.h"
#include "libos_store.h"
#include "tmpfs.h"

#define HOLDERS 6 /* processes of one description that are known by name */

struct libos_file_shared {
    struct coord_lock lock; /* guards pos */
    int64_t pos;
    uint32_t processes; /* that have it open; atomic */
    uint32_t flags;     /* this and what follows: atomic, each for itself */
    uint32_t lock_flags;
    uint64_t lock_number;
    uint32_t owner_type;
    int32_t owner_pid, owner_sig;
    struct list_node all;   /* in all->list */
    int32_t pids[HOLDERS];  /* some of those processes; 0: free. Atomic */
    struct tmpfs_open used; /* in tmpfs; node NULL: nothing */
};

static struct all_shared { /* in the arena */
    struct coord_lock lock;
    struct list_node list; /* struct libos_file_shared */
} * lock_all(void) {
    struct all_shared* all = coord_root(COORD_ROOT_SHARED_FILES, sizeof(struct all_shared));
    if (!all)
        return NULL;
    coord_lock(&all->lock);
    if (!all->list.next)
        coord_list_init(&all->list);
    return all;
}

/* A place that holds `from` is given `to`; false: there is none. */
static bool change_pid(struct libos_file_shared* s, int32_t from, int32_t to) {
    for (int i = 0; i < HOLDERS; i++) {
        int32_t seen = from;
        if (__atomic_compare_exchange_n(&s->pids[i], &seen, to, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    }
    return false;
}

static void shared_free(struct libos_file_shared* s) {
    struct all_shared* all = lock_all();
    coord_list_del(&s->all);
    coord_free(s);
    coord_unlock(&all->lock);
}

/* Takes one that the dead process had off its account. *gone: it was the last one; a copy. */
static bool next_of_dead(int32_t pid, struct libos_file_shared* copy, bool* gone) {
    struct all_shared* all = lock_all();
    bool found = false;
    *gone = false;
    if (!all)
        return false;
    list_for_each(s, &all->list, struct libos_file_shared, all) {
        if (!change_pid(s, pid, 0))
            continue;
        found = true;
        *gone = __atomic_sub_fetch(&s->processes, 1, __ATOMIC_ACQ_REL) == 0;
        *copy = *s;
        if (*gone) {
            coord_list_del(&s->all);
            coord_free(s);
        }
        break;
    }
    coord_unlock(&all->lock);
    return found;
}

void libos_files_died(int32_t pid) {
    struct libos_file_shared s;
    bool gone;
    while (next_of_dead(pid, &s, &gone)) {
        if (gone && s.lock_flags)
            lock_drop_everywhere(s.lock_number);
        if (gone && s.used.node)
            tmpfs_unuse(s.used.node, s.used.entry);
    }
}

void libos_file_refresh(struct libos_file* f) {
    const struct libos_file_shared* s = f->shared;
    /* FASYNC says that this process listens: event/libos_sigio.c. */
    f->flags = (__atomic_load_n(&s->flags, __ATOMIC_RELAXED) & ~FASYNC) | (f->flags & FASYNC);
    f->owner_type = s->owner_type;
    f->owner_pid = s->owner_pid;
    f->owner_sig = s->owner_sig;
}

void libos_file_changed(struct libos_file* f) {
    struct libos_file_shared* s = f->shared;
    if (!s)
        return;
    __atomic_store_n(&s->flags, f->flags, __ATOMIC_RELAXED);
    s->owner_type = f->owner_type;
    s->owner_pid = f->owner_pid;
    s->owner_sig = f->owner_sig;
}

int64_t* libos_file_lock_shared_pos(struct libos_file* f) {
    coord_lock(&f->shared->lock);
    return &f->shared->pos; /* one word: whole at any moment, so it needs no undoing */
}

void libos_file_unlock_shared_pos(struct libos_file* f) {
    coord_unlock(&f->shared->lock);
}

int64_t libos_file_get_pos(const struct libos_file* f) {
    return __atomic_load_n(f->shared ? &f->shared->pos : &f->pos, __ATOMIC_RELAXED);
}

void libos_file_set_pos(struct libos_file* f, int64_t pos) {
    __atomic_store_n(f->shared ? &f->shared->pos : &f->pos, pos, __ATOMIC_RELAXED);
}

uint64_t libos_file_lock_number(struct libos_file* f) {
    libos_hold(); /* no fork of another thread between looking and setting */
    uint64_t* number = f->shared ? &f->shared->lock_number : &f->lock_number;
    uint64_t now = __atomic_load_n(number, __ATOMIC_RELAXED), fresh = 0;
    if (!now)
        fresh = lock_new_file_number();
    if (!now &&
        __atomic_compare_exchange_n(number, &now, fresh, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        now = fresh;
    libos_unhold();
    return now;
}

void libos_file_set_locked(struct libos_file* f, uint32_t flag) {
    libos_hold();
    __atomic_or_fetch(f->shared ? &f->shared->lock_flags : &f->lock_flags, flag, __ATOMIC_SEQ_CST);
    libos_unhold();
}

/* ---- fork -------------------------------------------------------------------------------------
 */

static uint32_t g_unshared; /* files that before_fork found no memory for */

static bool make_shared(struct libos_file* f) {
    struct all_shared* all = lock_all();
    struct libos_file_shared* s = all ? coord_alloc(sizeof(*s)) : NULL;
    if (s) {
        s->pids[0] = g_process.pid;
        coord_list_add(&all->list, &s->all);
    }
    if (all)
        coord_unlock(&all->lock);
    if (!s)
        return false;
    if (f->lock_flags)
        lock_not_alone(f->lock_number);
    libos_tmpfs_users(f, &s->used);
    s->pos = f->pos;
    s->processes = 1;
    s->lock_flags = f->lock_flags;
    s->lock_number = f->lock_number;
    f->shared = s;
    libos_file_changed(f);
    return true;
}

static void share(struct libos_file* f) {
    if ((f->ops->forking && f->ops->forking(f) < 0) || (!f->shared && !make_shared(f))) {
        g_unshared++;
        return;
    }
    __atomic_add_fetch(&f->shared->processes, 1, __ATOMIC_RELAXED);
}

static void not_forked(struct libos_file* f) {
    if (f->shared)
        __atomic_sub_fetch(&f->shared->processes, 1, __ATOMIC_RELAXED);
}

/* A file that found no memory is private: it counts in no process but this one. */
static void forget_alone(struct libos_file* f) {
    if (f->shared && __atomic_load_n(&f->shared->processes, __ATOMIC_RELAXED) == 1) {
        f->pos = f->shared->pos;
        f->lock_flags = f->shared->lock_flags;
        f->lock_number = f->shared->lock_number;
        libos_file_refresh(f);
        shared_free(f->shared);
        f->shared = NULL;
    }
}

int libos_files_before_fork(void) {
    int ret = libos_store_before_fork();
    if (ret)
        return ret;
    g_unshared = 0;
    libos_files_for_all(share);
    if (!g_unshared)
        return 0;
    libos_files_fork_failed();
    return -ENOMEM;
}

void libos_files_fork_failed(void) {
    libos_files_for_all(not_forked);
    libos_files_for_all(forget_alone);
}

/* ---- descriptions sent over a socket -----------------------------------------------------------
 */

struct libos_file_shared* libos_file_sent(struct libos_file* f) {
    bool alone = __atomic_load_n(&cur_process()->thread_count, __ATOMIC_RELAXED) == 1;
    if (!f->shared) { /* as in a fork: nobody else is just at it */
        if (!alone)
            libos_barrier_raise();
        if (!f->shared)
            make_shared(f);
        if (!alone)
            libos_barrier_lower();
    }
    if (f->shared)
        __atomic_add_fetch(&f->shared->processes, 1, __ATOMIC_RELAXED);
    return f->shared;
}

void libos_file_not_sent(struct libos_file_shared* s) {
    __atomic_sub_fetch(&s->processes, 1, __ATOMIC_RELAXED);
}

void libos_file_received(struct libos_file* f, struct libos_file_shared* s, bool peeked) {
    if (peeked)
        __atomic_add_fetch(&s->processes, 1, __ATOMIC_RELAXED);
    f->shared = s;
    change_pid(s, 0, g_process.pid);
    libos_file_refresh(f);
}

bool libos_file_unshare(struct libos_file* f) {
    struct libos_file_shared* s = f->shared;
    change_pid(s, g_process.pid, 0);
    bool last = __atomic_sub_fetch(&s->processes, 1, __ATOMIC_ACQ_REL) == 0;
    libos_file_refresh(f);
    f->pos = s->pos;
    f->lock_flags = s->lock_flags;
    f->lock_number = s->lock_number;
    f->shared = NULL;
    if (last)
        shared_free(s);
    return last;
}

static int32_t g_child; /* the pid of this process, that is just forked */

static void forked(struct libos_file* f) {
    if (f->shared)
        change_pid(f->shared, 0, g_child);
    if (f->ops->forked)
        f->ops->forked(f);
}

/* Nothing of the process is used again: only what is in the arena matters. */
static void end_one(struct libos_file* f) {
    struct libos_file_shared* s = f->shared;
    if (!f->ops->close_at_end && !f->lock_flags && (!s || !s->lock_flags)) {
        if (s && __atomic_sub_fetch(&s->processes, 1, __ATOMIC_ACQ_REL) == 0)
            coord_free(s);
        return; /* nothing private was written: the page stays shared with the parent */
    }
    f->last = !f->shared || libos_file_unshare(f);
    if (f->last && f->lock_flags)
        libos_locks_file_gone(f);
    if (f->ops->close_at_end && f->ops->close)
        f->ops->close(f);
}

void libos_files_end(void) {
    libos_locks_process_ends();
    libos_files_for_all(end_one);
}

/* References of threads that the child does not have. */
static void drop_held(struct libos_process* p, const struct libos_thread* self) {
    list_for_each(t, &p->threads, struct libos_thread, node) {
        while (t != self && t->held_count)
            libos_file_put(t->held[--t->held_count]);
        if (t != self && t->used)
            libos_file_put(t->used);
        if (t != self)
            t->used = NULL;
    }
}

void libos_files_after_fork(int32_t pid) {
    struct libos_thread* self = get_cur_thread();
    libos_locks_after_fork(pid);
    g_child = pid;
    libos_files_for_all(forked);
    drop_held(&g_process, self);
    if (self->process != &g_process)
        drop_held(self->process, self);
}
