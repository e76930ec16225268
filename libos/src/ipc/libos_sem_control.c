/*
 * Making, looking at, setting and removing sets of semaphores. semget(2), semctl(2).
 */
#include "libos_fs.h"
#include "libos_process.h"
#include "sem_internal.h"

void libos_sem_get_limits(struct libos_sem_limits* limits) {
    const struct sem_root* root = sem_root();
    *limits = root ? root->limits : (struct libos_sem_limits){0};
}

void libos_sem_set_limits(const struct libos_sem_limits* limits) {
    struct sem_root* root = sem_root();
    if (!root)
        return;
    coord_lock(&root->table.lock);
    coord_log(&root->limits, sizeof(root->limits));
    root->limits = *limits;
    coord_unlock(&root->table.lock);
}

/* ---- semget -------------------------------------------------------------------------------------
 */

static bool set_up(struct sem_set* set, int id, int32_t key, uint32_t count, int flags) {
    coord_lock(&set->o.lock);
    struct sem* sems = coord_alloc(count * sizeof(*sems));
    if (sems) {
        ipc_set_up(&set->o, id, key, flags);
        coord_log(&set->count, sizeof(*set) - offsetof(struct sem_set, count));
        set->sems = sems;
        set->count = count;
        set->otime = 0;
        set->ctime = ipc_now();
        set->undos = NULL;
        coord_list_init(&set->changing);
        coord_list_init(&set->for_zero);
    }
    coord_unlock(&set->o.lock);
    return sems != NULL;
}

static long create(struct sem_root* root, int32_t key, uint32_t count, int flags) {
    if (!count)
        return -EINVAL;
    if (root->used + count > root->limits.semmns)
        return -ENOSPC;
    int id = ipc_reserve(&root->table, root->limits.semmni);
    if (id < 0)
        return id;
    struct sem_set* set = (struct sem_set*)ipc_new(&root->table, sizeof(*set));
    if (!set || !set_up(set, id, key, count, flags))
        return -ENOMEM; /* the head, if there is one, is lost: there is no memory anyway */
    ipc_publish(&root->table, &set->o);
    COORD_SET(root->used, root->used + count);
    return id;
}

/* The same for an existing one, whose lock is not held yet. */
static long found(struct sem_set* set, int count, int flags) {
    coord_lock(&set->o.lock);
    long ret = (uint32_t)count > set->count ? -EINVAL : ipc_found(&set->o, flags);
    coord_unlock(&set->o.lock);
    return ret;
}

long libos_sem_get(int32_t key, int count, int flags) {
    struct sem_root* root = sem_root();
    if (!root)
        return -ENOMEM;
    if (count < 0 || (uint32_t)count > root->limits.semmsl)
        return -EINVAL;
    coord_lock(&root->table.lock);
    struct sem_set* set = (struct sem_set*)ipc_by_key(&root->table, key);
    long ret;
    if (!set)
        ret = key == IPC_PRIVATE || (flags & IPC_CREAT) ? create(root, key, (uint32_t)count, flags)
                                                        : -ENOENT;
    else if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        ret = -EEXIST;
    else
        ret = found(set, count, flags);
    coord_unlock(&root->table.lock);
    return ret;
}

/* ---- removal -----------------------------------------------------------------------------------
 */

static void end_waits(struct list_node* waiters, struct ipc_wakes* wakes) {
    list_for_each_safe(w, waiters, struct sem_waiter, node) {
        sem_end_wait(w, -EIDRM, wakes);
        coord_commit();
    }
}

long libos_sem_remove(int id) {
    struct sem_root* root = sem_root();
    if (!root)
        return -EINVAL;
    struct ipc_wakes wakes = {.count = 0};
    coord_lock(&root->table.lock);
    struct sem_set* set = (struct sem_set*)ipc_lock(&root->table, id);
    long ret = !set ? -EINVAL : ipc_owned(&set->o) ? 0 : -EPERM;
    if (!ret) {
        COORD_SET(set->o.exists, false);
        sem_undo_orphan(set);
        end_waits(&set->changing, &wakes);
        end_waits(&set->for_zero, &wakes);
        coord_free(set->sems);
        COORD_SET(set->sems, NULL);
    }
    uint32_t count = set ? set->count : 0;
    if (set)
        coord_unlock(&set->o.lock);
    if (!ret) {
        ipc_leave(&root->table, &set->o);
        COORD_SET(root->used, root->used - count);
    }
    coord_unlock(&root->table.lock);
    ipc_wake_all(&wakes);
    return ret;
}

/* ---- looking -----------------------------------------------------------------------------------
 */

long libos_sem_stat(int id, int cmd, struct semid64_ds* out) {
    struct sem_root* root = sem_root();
    if (!root)
        return -EINVAL;
    struct sem_set* set = (struct sem_set*)(cmd == IPC_STAT ? ipc_lock(&root->table, id)
                                                            : ipc_lock_index(&root->table, id));
    if (!set)
        return -EINVAL;
    long ret = cmd == SEM_STAT_ANY || ipc_permitted(&set->o, 0444) ? 0 : -EACCES;
    if (!ret) {
        memset(out, 0, sizeof(*out));
        ipc_fill_perm(&set->o, &out->sem_perm);
        out->sem_otime = set->otime;
        out->sem_ctime = set->ctime;
        out->sem_nsems = set->count;
        ret = cmd == IPC_STAT ? 0 : set->o.id;
    }
    coord_unlock(&set->o.lock);
    return ret;
}

long libos_sem_info(int cmd, struct seminfo* out) {
    struct sem_root* root = sem_root();
    if (!root)
        return -ENOMEM;
    coord_lock(&root->table.lock);
    const struct libos_sem_limits* l = &root->limits;
    bool info = cmd == SEM_INFO;
    *out = (struct seminfo){
        .semmap = SEMMAP,
        .semmni = (int)l->semmni,
        .semmns = (int)l->semmns,
        .semmnu = SEMMNU,
        .semmsl = (int)l->semmsl,
        .semopm = (int)l->semopm,
        .semume = SEMUME,
        .semusz = info ? (int)root->table.in_use : SEMUSZ,
        .semvmx = LIBOS_SEMVMX,
        .semaem = info ? (int)root->used : SEMAEM,
    };
    coord_unlock(&root->table.lock);
    return ipc_highest(&root->table);
}

/* Who waits because of semaphore `number`. */
static long count_waiters(const struct sem_set* set, int number, bool for_zero) {
    long count = 0;
    const struct list_node* lists[] = {&set->changing, &set->for_zero};
    for (int i = 0; i < 2; i++) {
        list_for_each(w, lists[i], struct sem_waiter, node) {
            const struct sembuf* op = &w->ops[w->blocking];
            count += op->sem_num == number && (for_zero ? op->sem_op == 0 : op->sem_op < 0);
        }
    }
    return count;
}

static long query(const struct sem_set* set, int number, int cmd) {
    if (!ipc_permitted(&set->o, 0444))
        return -EACCES;
    if (number < 0 || (uint32_t)number >= set->count)
        return -EINVAL;
    switch (cmd) {
        case GETVAL:
            return set->sems[number].value;
        case GETPID:
            return set->sems[number].pid;
        default:
            return count_waiters(set, number, cmd == GETZCNT);
    }
}

long libos_sem_query(int id, int number, int cmd) {
    struct sem_set* set = sem_lock(id);
    if (!set)
        return -EINVAL;
    long ret = query(set, number, cmd);
    coord_unlock(&set->o.lock);
    return ret;
}

long libos_sem_count(int id, bool to_write) {
    struct sem_set* set = sem_lock(id);
    if (!set)
        return -EINVAL;
    long ret = ipc_permitted(&set->o, to_write ? 0222 : 0444) ? (long)set->count : -EACCES;
    coord_unlock(&set->o.lock);
    return ret;
}

long libos_sem_get_all(int id, uint16_t* values, uint32_t count) {
    struct sem_set* set = sem_lock(id);
    if (!set)
        return -EIDRM;
    for (uint32_t i = 0; i < count && i < set->count; i++)
        values[i] = set->sems[i].value;
    coord_unlock(&set->o.lock);
    return 0;
}

/* ---- setting -----------------------------------------------------------------------------------
 */

static void changed(struct sem_set* set, struct ipc_wakes* wakes) {
    COORD_SET(set->ctime, ipc_now());
    sem_undo_reset(set);
    sem_update(set, NULL, 0, false, wakes);
}

static void set_one(struct sem_set* set, uint32_t number, uint16_t value) {
    struct sem after = {.value = value, .pid = cur_process()->pid};
    coord_log(&set->sems[number], sizeof(after));
    set->sems[number] = after;
}

long libos_sem_set_all(int id, const uint16_t* values, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (values[i] > LIBOS_SEMVMX)
            return -ERANGE;
    }
    struct ipc_wakes wakes = {.count = 0};
    struct sem_set* set = sem_lock(id);
    if (!set)
        return -EIDRM;
    for (uint32_t i = 0; i < count && i < set->count; i++) {
        set_one(set, i, values[i]);
        if (i % 128 == 127)
            coord_commit();
    }
    changed(set, &wakes);
    coord_unlock(&set->o.lock);
    ipc_wake_all(&wakes);
    return 0;
}

long libos_sem_set_value(int id, int number, int value) {
    if (value < 0 || value > LIBOS_SEMVMX)
        return -ERANGE;
    struct sem_set* set = sem_lock(id);
    if (!set)
        return -EINVAL;
    struct ipc_wakes wakes = {.count = 0};
    long ret = number < 0 || (uint32_t)number >= set->count ? -EINVAL
               : ipc_permitted(&set->o, 0222)               ? 0
                                                            : -EACCES;
    if (!ret) {
        set_one(set, (uint32_t)number, (uint16_t)value);
        COORD_SET(set->ctime, ipc_now());
        sem_undo_reset_one(set, (uint32_t)number);
        sem_update(set, NULL, 0, false, &wakes);
    }
    coord_unlock(&set->o.lock);
    ipc_wake_all(&wakes);
    return ret;
}

long libos_sem_set(int id, const struct semid64_ds* in) {
    struct sem_set* set = sem_lock(id);
    if (!set)
        return -EINVAL;
    long ret = ipc_owned(&set->o) ? ipc_update(&set->o, &in->sem_perm) : -EPERM;
    if (!ret)
        COORD_SET(set->ctime, ipc_now());
    coord_unlock(&set->o.lock);
    return ret;
}

/* ---- /proc/sysvipc/sem --------------------------------------------------------------------------
 */

void libos_sem_show(struct libos_text* out) {
    libos_text_printf(out, "       key      semid perms      nsems   uid   gid  cuid  cgid      "
                           "otime      ctime\n");
    struct semid64_ds ds;
    struct sem_root* root = sem_root();
    for (int i = 0; root && i <= ipc_highest(&root->table); i++) {
        long id = libos_sem_stat(i, SEM_STAT_ANY, &ds);
        if (id < 0)
            continue;
        const struct ipc64_perm* p = &ds.sem_perm;
        libos_text_printf(out, "%10d %10ld  %4o %10lu %5u %5u %5u %5u %10ld %10ld\n", p->key, id,
                          p->mode, ds.sem_nsems, p->uid, p->gid, p->cuid, p->cgid,
                          (long)ds.sem_otime, (long)ds.sem_ctime);
    }
}
