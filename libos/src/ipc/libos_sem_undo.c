/*
 * SEM_UNDO: adjustments that are made when the thread, or the last of those that share them
 * (CLONE_SYSVSEM), ends. Lock order: the list of lists, a list, a set.
 *
 * A set that is removed marks its entries; their lists drop them later.
 */
#include "libos_process.h"
#include "sem_internal.h"

struct undo_user { /* a process that has the list */
    struct undo_user* next;
    int32_t pid;
};

struct sem_undo_list {
    struct coord_lock lock; /* guards all but next and prev */
    struct sem_undo* first;
    struct undo_user* users;
    struct sem_undo_list *next, *prev; /* all of the instance; guarded by lists_lock */
};

/* Private to a process: what threads that share a list point to. Most never need the list. */
struct libos_sem_sharing {
    refcount_t ref;
    libos_lock_t lock;
    struct sem_undo_list* list; /* NULL: not yet; guarded by lock */
};

/* ---- entries ------------------------------------------------------------------------------------
 */

static struct sem_undo* find(struct sem_undo_list* list, int id) {
    struct sem_undo** at = &list->first;
    struct sem_undo* u;
    while ((u = *at) != NULL) {
        int32_t has = __atomic_load_n(&u->id, __ATOMIC_ACQUIRE);
        if (has == id)
            return u;
        if (has < 0) {
            COORD_SET(*at, u->next);
            coord_free(u);
        } else {
            at = &u->next;
        }
    }
    return NULL;
}

static struct sem_undo* add(struct sem_undo_list* list, int id, int* error) {
    struct sem_set* set = sem_lock(id);
    if (!set) {
        *error = -EINVAL;
        return NULL;
    }
    struct sem_undo* u = coord_alloc(sizeof(*u) + set->count * sizeof(u->adjust[0]));
    if (u) {
        u->set = set;
        u->id = id;
        u->count = set->count;
        u->next = list->first;
        u->next_of_set = set->undos;
        COORD_SET(set->undos, u);
    }
    coord_unlock(&set->o.lock);
    if (!u) {
        *error = -ENOMEM;
        return NULL;
    }
    COORD_SET(list->first, u);
    return u;
}

static struct undo_user* add_user(struct sem_undo_list* list, int32_t pid) {
    struct undo_user* user = coord_alloc(sizeof(*user));
    if (user) {
        user->pid = pid;
        user->next = list->users;
        COORD_SET(list->users, user);
    }
    return user;
}

static struct sem_undo_list* make_list(struct sem_root* root) {
    coord_lock(&root->lists_lock);
    struct sem_undo_list* list = coord_alloc(sizeof(*list));
    if (list && !add_user(list, cur_process()->pid)) {
        coord_free(list);
        list = NULL;
    }
    if (list) {
        list->next = root->lists;
        if (root->lists)
            COORD_SET(root->lists->prev, list);
        COORD_SET(root->lists, list);
    }
    coord_unlock(&root->lists_lock);
    return list;
}

static struct libos_sem_sharing* own_sharing(struct libos_thread* t) {
    if (!t->sem_undo && (t->sem_undo = libos_calloc(1, sizeof(*t->sem_undo))) != NULL)
        ref_set(&t->sem_undo->ref, 1);
    return t->sem_undo;
}

/* The calling thread's list; a new one if it has none. */
static struct sem_undo_list* own_list(struct libos_thread* t) {
    struct libos_sem_sharing* sharing = own_sharing(t);
    struct sem_root* root = sem_root();
    if (!sharing || !root)
        return NULL;
    lock(&sharing->lock);
    if (!sharing->list)
        sharing->list = make_list(root);
    struct sem_undo_list* list = sharing->list;
    unlock(&sharing->lock);
    return list;
}

struct sem_undo* sem_undo_find(int id, int* error) {
    struct sem_undo_list* list = own_list(get_cur_thread());
    if (!list) {
        *error = -ENOMEM;
        return NULL;
    }
    coord_lock(&list->lock);
    struct sem_undo* u = find(list, id);
    if (!u)
        u = add(list, id, error);
    coord_unlock(&list->lock);
    return u;
}

void sem_undo_reset(struct sem_set* set) {
    for (struct sem_undo* u = set->undos; u; u = u->next_of_set) {
        for (uint32_t i = 0; i < u->count; i += 1024) {
            uint32_t size = MIN(u->count - i, 1024u) * sizeof(u->adjust[0]);
            coord_log(&u->adjust[i], size);
            memset(&u->adjust[i], 0, size);
            coord_commit();
        }
    }
}

void sem_undo_reset_one(struct sem_set* set, uint32_t number) {
    for (struct sem_undo* u = set->undos; u; u = u->next_of_set) {
        COORD_SET(u->adjust[number], 0);
        coord_commit();
    }
}

void sem_undo_orphan(struct sem_set* set) {
    struct sem_undo* u;
    while ((u = set->undos) != NULL) {
        COORD_SET(set->undos, u->next_of_set);
        COORD_SET(u->id, -1);
        coord_commit();
    }
}

/* ---- the end ------------------------------------------------------------------------------------
 */

static void adjust(struct sem_set* set, const struct sem_undo* u, int32_t pid) {
    struct ipc_wakes wakes = {.count = 0};
    for (uint32_t i = 0; i < u->count; i++) {
        if (!u->adjust[i])
            continue;
        int value = set->sems[i].value + u->adjust[i];
        value = value < 0 ? 0 : MIN(value, LIBOS_SEMVMX);
        coord_log(&set->sems[i], sizeof(set->sems[i]));
        set->sems[i] = (struct sem){.value = (uint16_t)value, .pid = pid};
        if (i % 128 == 127)
            coord_commit();
    }
    sem_update(set, NULL, 0, true, &wakes);
    ipc_wake_all(&wakes);
}

static void unlink_undo(struct sem_set* set, struct sem_undo* u) {
    struct sem_undo** at = &set->undos;
    while (*at && *at != u)
        at = &(*at)->next_of_set;
    if (*at)
        COORD_SET(*at, u->next_of_set);
}

/* Nobody else has the list any more. */
static void make_adjustments(struct sem_undo_list* list, int32_t pid) {
    struct sem_undo* u;
    while ((u = list->first) != NULL) {
        struct sem_set* set = u->set;
        coord_lock(&set->o.lock);
        if (u->id >= 0) {
            unlink_undo(set, u);
            adjust(set, u, pid);
        }
        coord_unlock(&set->o.lock);
        list->first = u->next;
        coord_free(u);
    }
}

/* Under the lock of lists: true: pid had it, and nobody else does. */
static bool drop_user(struct sem_undo_list* list, int32_t pid) {
    bool found = false;
    coord_lock(&list->lock);
    for (struct undo_user** at = &list->users; *at && !found; at = &(*at)->next) {
        struct undo_user* user = *at;
        if (user->pid == pid) {
            COORD_SET(*at, user->next);
            coord_free(user);
            found = true;
            break;
        }
    }
    bool last = found && !list->users;
    coord_unlock(&list->lock);
    return last;
}

/* Under the lock of lists. */
static void unlink_list(struct sem_root* root, struct sem_undo_list* list) {
    if (list->prev)
        COORD_SET(list->prev->next, list->next);
    else
        COORD_SET(root->lists, list->next);
    if (list->next)
        COORD_SET(list->next->prev, list->prev);
}

void libos_ipc_thread_exit(struct libos_thread* t) {
    struct libos_sem_sharing* sharing = t->sem_undo;
    t->sem_undo = NULL;
    if (!sharing || !ref_put(&sharing->ref))
        return;
    struct sem_undo_list* list = sharing->list;
    libos_free(sharing);
    if (!list)
        return;
    struct sem_root* root = sem_root();
    int32_t pid = cur_process()->pid;
    coord_lock(&root->lists_lock);
    bool last = drop_user(list, pid);
    if (last)
        unlink_list(root, list);
    coord_unlock(&root->lists_lock);
    if (!last)
        return;
    make_adjustments(list, pid);
    coord_free(list);
}

/* A list of which pid was the last user; off the list of lists. */
static struct sem_undo_list* take_list_of(struct sem_root* root, int32_t pid) {
    struct sem_undo_list* found = NULL;
    coord_lock(&root->lists_lock);
    for (struct sem_undo_list* list = root->lists; list && !found; list = list->next) {
        if (drop_user(list, pid))
            found = list;
    }
    if (found)
        unlink_list(root, found);
    coord_unlock(&root->lists_lock);
    return found;
}

static void forget_waits(struct list_node* waiters, int32_t pid) {
    if (ipc_list_empty(waiters))
        return;
    list_for_each_safe(w, waiters, struct sem_waiter, node) {
        if (w->pid == pid) {
            coord_list_del(&w->node);
            coord_free(w);
        }
    }
}

void ipc_sem_process_gone(int32_t pid) {
    struct sem_root* root = sem_root();
    if (!root)
        return;
    for (int i = ipc_highest(&root->table); i >= 0; i--) {
        struct sem_set* set = (struct sem_set*)ipc_lock_index(&root->table, i);
        if (!set)
            continue;
        forget_waits(&set->changing, pid);
        forget_waits(&set->for_zero, pid);
        coord_unlock(&set->o.lock);
    }
    if (!__atomic_load_n(&root->lists, __ATOMIC_ACQUIRE))
        return;
    struct sem_undo_list* list;
    while ((list = take_list_of(root, pid)) != NULL) {
        make_adjustments(list, pid);
        coord_free(list);
    }
}

/* ---- clone --------------------------------------------------------------------------------------
 */

int sem_undo_clone(struct libos_thread* child, bool share) {
    child->sem_undo = NULL;
    if (!share)
        return 0;
    child->sem_undo = own_sharing(get_cur_thread());
    if (!child->sem_undo)
        return -ENOMEM;
    ref_get(&child->sem_undo->ref);
    return 0;
}

int sem_undo_fork(int32_t pid) {
    struct sem_undo_list* list = own_list(get_cur_thread());
    if (!list)
        return -ENOMEM;
    coord_lock(&list->lock);
    const struct undo_user* user = list->users;
    while (user && user->pid != pid) /* a vfork child may have made it */
        user = user->next;
    bool ok = user || add_user(list, pid) != NULL;
    coord_unlock(&list->lock);
    return ok ? 0 : -ENOMEM;
}

void sem_undo_after_fork(struct libos_thread* t, bool share) {
    if (t->sem_undo)
        ref_set(&t->sem_undo->ref, 1);
    if (share)
        return;
    libos_free(t->sem_undo);
    t->sem_undo = NULL;
}

void libos_ipc_thread_moved(struct libos_thread* t) {
    if (t->sem_undo && ref_put(&t->sem_undo->ref))
        libos_free(t->sem_undo);
    t->sem_undo = NULL;
}
