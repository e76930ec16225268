/*
 * Ids, keys and permissions of System V IPC. Numbers are given out as in Linux: indexes go round in
 * the part of the table that is in use, and the sequence number goes up each time they begin anew.
 */
#include <linux/capability.h>

#include "ipc_internal.h"
#include "libos_fs.h"
#include "libos_process.h"

#define MIN_CYCLE 64 /* Linux: ipc_min_cycle */
#define SEQ_MAX   (INT32_MAX >> IPC_INDEX_BITS)

int64_t ipc_now(void) {
    PAL_NUM ns = 0;
    PalClockGet(PAL_CLOCK_REALTIME, &ns);
    return (int64_t)(ns / 1000000000);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static struct ipc_object** bucket_of(struct ipc_table* t, int32_t key) {
    return &t->by_key[((uint32_t)key * 0x9e3779b1u) >> 24];
}

struct ipc_object* ipc_by_key(struct ipc_table* t, int32_t key) {
    struct ipc_object* o = key == IPC_PRIVATE ? NULL : *bucket_of(t, key);
    while (o && (o->key != key || !o->exists))
        o = o->next;
    return o;
}

struct ipc_object* ipc_new(struct ipc_table* t, size_t size) {
    struct ipc_object* o = t->free;
    if (!o)
        return coord_alloc(size);
    COORD_SET(t->free, o->next);
    return o;
}

/* -1: none is free below `end`. */
static int find_free(const struct ipc_table* t, uint32_t from, uint32_t end) {
    for (uint32_t i = from; i < end; i++) {
        if (!t->objects[i])
            return (int)i;
    }
    return -1;
}

int ipc_reserve(struct ipc_table* t, uint32_t limit) {
    if (t->in_use >= limit)
        return -ENOSPC;
    uint32_t end = MIN(MAX(t->in_use * 3 / 2, (uint32_t)MIN_CYCLE), (uint32_t)IPC_MAX);
    int index = find_free(t, MIN(t->next_index, end), end);
    if (index < 0)
        index = find_free(t, 0, end);
    if (index < 0)
        return -ENOSPC;
    if ((uint32_t)index < t->last_index)
        COORD_SET(t->seq, t->seq + 1u >= SEQ_MAX ? 0 : t->seq + 1);
    COORD_SET(t->last_index, (uint32_t)index + 1);
    COORD_SET(t->next_index, (uint32_t)index + 1);
    return t->seq << IPC_INDEX_BITS | index;
}

void ipc_set_up(struct ipc_object* o, int id, int32_t key, int flags) {
    const struct libos_thread* self = get_cur_thread();
    coord_log(&o->exists, sizeof(*o) - offsetof(struct ipc_object, exists));
    o->exists = true;
    o->id = id;
    o->seq = (uint16_t)(id >> IPC_INDEX_BITS);
    o->key = key;
    o->uid = o->cuid = self->euid;
    o->gid = o->cgid = self->egid;
    o->mode = (uint32_t)flags & IPC_MODE_MASK;
    o->next = NULL;
}

void ipc_publish(struct ipc_table* t, struct ipc_object* o) {
    int index = ipc_index(o->id);
    if (o->key != IPC_PRIVATE) {
        COORD_SET(o->next, *bucket_of(t, o->key));
        COORD_SET(*bucket_of(t, o->key), o);
    }
    COORD_SET(t->in_use, t->in_use + 1);
    COORD_SET(t->highest, MAX(t->highest, (uint32_t)index + 1));
    coord_log(&t->objects[index], sizeof(t->objects[index]));
    __atomic_store_n(&t->objects[index], o, __ATOMIC_RELEASE);
}

void ipc_forget_key(struct ipc_table* t, const struct ipc_object* o) {
    for (struct ipc_object** at = bucket_of(t, o->key); *at; at = &(*at)->next) {
        if (*at == o) {
            COORD_SET(*at, o->next);
            break;
        }
    }
}

void ipc_leave(struct ipc_table* t, struct ipc_object* o) {
    ipc_forget_key(t, o);
    COORD_SET(t->objects[ipc_index(o->id)], NULL);
    COORD_SET(t->in_use, t->in_use - 1);
    uint32_t highest = t->highest;
    while (highest && !t->objects[highest - 1])
        highest--;
    COORD_SET(t->highest, highest);
    COORD_SET(o->next, t->free);
    COORD_SET(t->free, o);
}

struct ipc_object* ipc_lock_index(struct ipc_table* t, int id) {
    struct ipc_object* o = __atomic_load_n(&t->objects[ipc_index(id)], __ATOMIC_ACQUIRE);
    if (id < 0 || !o)
        return NULL;
    coord_lock(&o->lock);
    if (o->exists && ipc_index(o->id) == ipc_index(id))
        return o;
    coord_unlock(&o->lock);
    return NULL;
}

struct ipc_object* ipc_lock(struct ipc_table* t, int id) {
    struct ipc_object* o = ipc_lock_index(t, id);
    if (!o || o->id == id)
        return o;
    coord_unlock(&o->lock);
    return NULL;
}

int ipc_highest(const struct ipc_table* t) {
    uint32_t highest = __atomic_load_n(&t->highest, __ATOMIC_RELAXED);
    return highest ? (int)highest - 1 : 0;
}

long ipc_found(struct ipc_object* o, int flags) {
    return ipc_permitted(o, (uint32_t)flags) ? o->id : -EACCES;
}

/* ---- permissions -------------------------------------------------------------------------------
 */

bool ipc_permitted(const struct ipc_object* o, uint32_t want) {
    const struct libos_thread* t = get_cur_thread();
    uint32_t granted = o->mode;
    if (t->euid == o->cuid || t->euid == o->uid)
        granted >>= 6;
    else if (libos_in_group(o->cgid) || libos_in_group(o->gid))
        granted >>= 3;
    want = want >> 6 | want >> 3 | want;
    return !(want & ~granted & 7) || libos_capable(CAP_IPC_OWNER);
}

bool ipc_owned(const struct ipc_object* o) {
    uint32_t euid = get_cur_thread()->euid;
    return euid == o->cuid || euid == o->uid || libos_capable(CAP_SYS_ADMIN);
}

void ipc_fill_perm(const struct ipc_object* o, struct ipc64_perm* perm) {
    *perm = (struct ipc64_perm){.key = o->key,
                                .uid = o->uid,
                                .gid = o->gid,
                                .cuid = o->cuid,
                                .cgid = o->cgid,
                                .mode = o->mode,
                                .seq = o->seq};
}

int ipc_update(struct ipc_object* o, const struct ipc64_perm* perm) {
    if (perm->uid == UINT32_MAX || perm->gid == UINT32_MAX)
        return -EINVAL;
    COORD_SET(o->uid, perm->uid);
    COORD_SET(o->gid, perm->gid);
    COORD_SET(o->mode, (o->mode & ~IPC_MODE_MASK) | (perm->mode & IPC_MODE_MASK));
    return 0;
}

/* ---- sleeping ----------------------------------------------------------------------------------
 */

long ipc_sleep(uint32_t* word, uint32_t clock, uint64_t deadline_ns) {
    struct libos_thread* t = get_cur_thread();
    while (!__atomic_load_n(word, __ATOMIC_ACQUIRE)) {
        if (libos_signal_pending(t))
            return -EINTR;
        if (PalFutexWait(word, 0, clock, deadline_ns, true) == PAL_ERROR_TIMEDOUT)
            return __atomic_load_n(word, __ATOMIC_ACQUIRE) ? 0 : -ETIMEDOUT;
    }
    return 0;
}

void ipc_wake_later(struct ipc_wakes* w, uint32_t* word) {
    if (w->count == IPC_WAKES)
        ipc_wake_all(w);
    w->words[w->count++] = word;
}

void ipc_wake_all(struct ipc_wakes* w) {
    for (uint32_t i = 0; i < w->count; i++)
        PalFutexWake(w->words[i], 1, true);
    w->count = 0;
}

/* ---- users --------------------------------------------------------------------------------------
 */

struct ipc_user {
    struct ipc_user* next;
    int32_t pid;
    uint64_t count;
};

uint64_t ipc_users_of(const struct ipc_users* users, int32_t pid) {
    const struct ipc_user* user = users->first;
    while (user && user->pid != pid)
        user = user->next;
    return user ? user->count : 0;
}

bool ipc_users_count(struct ipc_users* users, int32_t pid, int64_t by) {
    struct ipc_user** at = &users->first;
    while (*at && (*at)->pid != pid)
        at = &(*at)->next;
    struct ipc_user* user = *at;
    if (!user && by <= 0)
        return true;
    if (!user) {
        user = coord_alloc(sizeof(*user));
        if (!user)
            return false;
        user->pid = pid;
        COORD_SET(*at, user);
    }
    if (by < 0)
        by = -(int64_t)MIN((uint64_t)-by, user->count);
    COORD_SET(user->count, user->count + (uint64_t)by);
    COORD_SET(users->total, users->total + (uint64_t)by);
    if (!user->count) {
        COORD_SET(*at, user->next);
        coord_free(user);
    }
    return true;
}
