/*
 * Operations on System V semaphores. semop(2). Follows Linux's ipc/sem.c: an operation that cannot
 * be done waits in a queue, and whoever changes a value carries out, oldest first, what has become
 * possible.
 */
#include "libos_process.h"
#include "sem_internal.h"

#define COMMIT_EVERY                                                                               \
    64 /* operations: what one undo log surely holds. Longer ones are done in parts,               \
          which only the death of the host process in their midst can tell. */

struct sem_root* sem_root(void) {
    static struct sem_root* cached; /* the same in every process */
    struct sem_root* root = __atomic_load_n(&cached, __ATOMIC_ACQUIRE);
    if (root)
        return root;
    root = coord_root(COORD_ROOT_SEM, sizeof(*root));
    if (!root)
        return NULL;
    coord_lock(&root->table.lock);
    if (!root->limits.semmsl) {
        coord_log(&root->limits, sizeof(root->limits));
        root->limits = (struct libos_sem_limits){32000, 1024000000, 500, 32000};
    }
    coord_unlock(&root->table.lock);
    __atomic_store_n(&cached, root, __ATOMIC_RELEASE);
    return root;
}

struct sem_set* sem_lock(int id) {
    struct sem_root* root = sem_root();
    return root ? (struct sem_set*)ipc_lock(&root->table, id) : NULL;
}

/* ---- trying -------------------------------------------------------------------------------------
 * Under the set's lock. 0: done. SEM_WAITS: *blocking cannot be done yet. Else -errno, nothing
 * done.
 */

static bool undo_fits(const struct sem_undo* undo, const struct sembuf* op) {
    int adjust = undo->adjust[op->sem_num] - op->sem_op;
    return adjust >= -LIBOS_SEMVMX - 1 && adjust <= LIBOS_SEMVMX;
}

static void apply(struct sem_set* set, const struct sembuf* op, struct sem_undo* undo, int32_t pid,
                  uint32_t nth) {
    if (nth % COMMIT_EVERY == COMMIT_EVERY - 1)
        coord_commit();
    struct sem* s = &set->sems[op->sem_num];
    struct sem after = {.value = (uint16_t)(s->value + op->sem_op), .pid = pid};
    coord_log(s, sizeof(*s));
    *s = after;
    if (op->sem_flg & SEM_UNDO)
        COORD_SET(undo->adjust[op->sem_num], (int16_t)(undo->adjust[op->sem_num] - op->sem_op));
}

static int check(const struct sem_set* set, const struct sembuf* op, const struct sem_undo* undo) {
    int value = set->sems[op->sem_num].value;
    if ((!op->sem_op && value) || value + op->sem_op < 0)
        return op->sem_flg & IPC_NOWAIT ? -EAGAIN : SEM_WAITS;
    if (value + op->sem_op > LIBOS_SEMVMX)
        return -ERANGE;
    if ((op->sem_flg & SEM_UNDO) && !undo_fits(undo, op))
        return -ERANGE;
    return 0;
}

/* Several of them change one semaphore: each is seen by the next, and all are taken back if one
 * cannot be done. */
static int try_repeated(struct sem_set* set, const struct sembuf* ops, uint32_t count,
                        struct sem_undo* undo, int32_t pid, uint32_t* blocking) {
    int ret = 0;
    uint32_t done = 0;
    while (done < count && !(ret = check(set, &ops[done], undo))) {
        apply(set, &ops[done], undo, set->sems[ops[done].sem_num].pid, done);
        done++;
    }
    *blocking = done;
    for (uint32_t i = 0; !ret && i < count; i++) {
        if (i % COMMIT_EVERY == 0)
            coord_commit();
        COORD_SET(set->sems[ops[i].sem_num].pid, pid);
    }
    if (!ret)
        return 0;
    while (done-- > 0) {
        struct sembuf back = ops[done];
        back.sem_op = (short)-back.sem_op;
        apply(set, &back, undo, set->sems[back.sem_num].pid, done);
    }
    return ret;
}

static int try_ops(struct sem_set* set, const struct sembuf* ops, uint32_t count, bool repeats,
                   struct sem_undo* undo, int32_t pid, uint32_t* blocking) {
    if (repeats)
        return try_repeated(set, ops, count, undo, pid, blocking);
    for (uint32_t i = 0; i < count; i++) {
        int ret = check(set, &ops[i], undo);
        *blocking = i;
        if (ret)
            return ret;
    }
    for (uint32_t i = 0; i < count; i++)
        apply(set, &ops[i], undo, pid, i);
    return 0;
}

/* ---- letting others go on ----------------------------------------------------------------------
 */

void sem_end_wait(struct sem_waiter* w, int status, struct ipc_wakes* wakes) {
    coord_list_del(&w->node);
    COORD_SET(w->status, status);
    COORD_SET(w->woken, 1);
    ipc_wake_later(wakes, &w->woken);
}

static int try_waiter(struct sem_set* set, struct sem_waiter* w) {
    return try_ops(set, w->ops, w->count, w->repeats, w->undo, w->pid, &w->blocking);
}

/* Those that change nothing. true: one of them could be done. */
static bool wake_for_zero(struct sem_set* set, struct ipc_wakes* wakes) {
    bool any = false;
    if (ipc_list_empty(&set->for_zero))
        return false;
    list_for_each_safe(w, &set->for_zero, struct sem_waiter, node) {
        int ret = try_waiter(set, w);
        if (ret == SEM_WAITS)
            continue;
        any |= ret == 0;
        sem_end_wait(w, ret, wakes);
        coord_commit();
    }
    return any;
}

/* A single decrement that is done allows no other, unless some wait for several at once. */
static bool any_complex(const struct sem_set* set) {
    list_for_each(w, &set->changing, struct sem_waiter, node) {
        if (w->count > 1)
            return true;
    }
    return false;
}

/* One walk over those that change values. *again: what was done may allow an older one. */
static bool wake_changing(struct sem_set* set, struct ipc_wakes* wakes, bool* again) {
    bool any = false;
    *again = false;
    list_for_each_safe(w, &set->changing, struct sem_waiter, node) {
        int ret = try_waiter(set, w);
        if (ret == SEM_WAITS)
            continue;
        bool simple = w->count == 1;
        sem_end_wait(w, ret, wakes);
        coord_commit();
        if (ret)
            continue;
        any = true;
        wake_for_zero(set, wakes);
        if (!simple || any_complex(set)) {
            *again = true;
            break;
        }
    }
    return any;
}

static bool raises(const struct sembuf* ops, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (ops[i].sem_op > 0)
            return true;
    }
    return false;
}

void sem_update(struct sem_set* set, const struct sembuf* ops, uint32_t count, bool otime,
                struct ipc_wakes* wakes) {
    otime |= wake_for_zero(set, wakes);
    if (!ipc_list_empty(&set->changing) && (!ops || raises(ops, count) || any_complex(set))) {
        bool again = true;
        while (again && !ipc_list_empty(&set->changing))
            otime |= wake_changing(set, wakes, &again);
    }
    if (otime)
        COORD_SET(set->otime, ipc_now());
}

/* ---- semop --------------------------------------------------------------------------------------
 */

struct sem_request {
    const struct sembuf* ops;
    uint32_t count;
    uint32_t highest; /* semaphore named */
    bool changes, undoes, repeats;
};

static struct sem_request look_at(const struct sembuf* ops, uint32_t count) {
    struct sem_request r = {.ops = ops, .count = count};
    uint64_t changed = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bit = 1UL << (ops[i].sem_num % 64);
        r.highest = MAX(r.highest, (uint32_t)ops[i].sem_num);
        r.undoes |= (ops[i].sem_flg & SEM_UNDO) != 0;
        r.repeats |= (changed & bit) != 0; /* or so it seems */
        if (ops[i].sem_op) {
            r.changes = true;
            changed |= bit;
        }
    }
    return r;
}

static struct sem_waiter* queue(struct sem_set* set, const struct sem_request* r,
                                struct sem_undo* undo, uint32_t blocking) {
    struct sem_waiter* w = coord_alloc(sizeof(*w) + r->count * sizeof(*r->ops));
    if (!w)
        return NULL;
    w->status = SEM_WAITS;
    w->pid = cur_process()->pid;
    w->count = r->count;
    w->blocking = blocking;
    w->repeats = r->repeats;
    w->undo = undo;
    memcpy(w->ops, r->ops, r->count * sizeof(*r->ops));
    ipc_list_append(r->changes ? &set->changing : &set->for_zero, &w->node);
    return w;
}

/* The set's lock is held at the start and at the end. The set may be gone meanwhile, and its head
 * another set's: w tells. */
static long wait_for(struct sem_set* set, struct sem_waiter* w, uint64_t deadline_ns) {
    long ret;
    do {
        coord_unlock(&set->o.lock);
        ret = ipc_sleep(&w->woken, PAL_CLOCK_MONOTONIC, deadline_ns);
        coord_lock(&set->o.lock);
    } while (!ret && w->status == SEM_WAITS);
    if (w->status == SEM_WAITS) {
        coord_list_del(&w->node);
        ret = ret == -ETIMEDOUT ? -EAGAIN : -EINTR;
    } else {
        ret = w->status;
    }
    coord_free(w);
    return ret;
}

static long operate(struct sem_set* set, const struct sem_request* r, struct sem_undo* undo,
                    uint64_t deadline_ns, struct ipc_wakes* wakes) {
    if (r->highest >= set->count)
        return -EFBIG;
    if (!ipc_permitted(&set->o, r->changes ? 0222 : 0444))
        return -EACCES;
    if (undo && undo->id != set->o.id)
        return -EIDRM;
    uint32_t blocking = 0;
    int32_t pid = cur_process()->pid;
    int ret = try_ops(set, r->ops, r->count, r->repeats, undo, pid, &blocking);
    if (ret == 0) {
        if (r->changes)
            sem_update(set, r->ops, r->count, true, wakes);
        else
            COORD_SET(set->otime, ipc_now());
    }
    if (ret != SEM_WAITS)
        return ret;
    struct sem_waiter* w = queue(set, r, undo, blocking);
    return w ? wait_for(set, w, deadline_ns) : -ENOMEM;
}

long libos_sem_op(int id, const struct sembuf* ops, uint32_t count, uint64_t deadline_ns) {
    struct sem_request r = look_at(ops, count);
    struct sem_undo* undo = NULL;
    if (r.undoes) {
        int error = 0;
        undo = sem_undo_find(id, &error);
        if (!undo)
            return error;
    }
    struct sem_set* set = sem_lock(id);
    if (!set)
        return -EINVAL;
    struct ipc_wakes wakes = {.count = 0};
    long ret = operate(set, &r, undo, deadline_ns, &wakes);
    coord_unlock(&set->o.lock);
    ipc_wake_all(&wakes);
    return ret;
}
