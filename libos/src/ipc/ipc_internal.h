/*
 * What System V semaphores, messages and shared memory have in common: ids, keys and permissions,
 * as in Linux's ipc/util.c. For libos/src/ipc only.
 *
 * An object's head is type-stable: it stays an object of its kind for ever, free ones are used
 * again. So an id is looked up without the table's lock: take the object's own, then see whether it
 * still has that id. Lock order: the table's, then an object's.
 */
#ifndef IPC_INTERNAL_H
#define IPC_INTERNAL_H

#include "libos_coord.h"
#include "libos_ipc.h"

#define IPC_INDEX_BITS 15
#define IPC_MAX        (1 << IPC_INDEX_BITS)
#define IPC_HASH       256
#define IPC_MODE_MASK  0777u

struct ipc_object {
    struct coord_lock lock; /* guards the object, all of it */
    bool exists;
    int32_t id, key;
    uint32_t uid, gid, cuid, cgid, mode;
    uint16_t seq;
    struct ipc_object* next; /* of the same hash, or free; guarded by the table's lock */
};

struct ipc_table { /* zeroed: empty */
    struct coord_lock lock;
    uint32_t in_use;
    uint32_t next_index; /* where the search for a free one begins */
    uint32_t last_index; /* plus one */
    uint16_t seq;
    uint32_t highest; /* index of the highest in use, plus one; atomic */
    struct ipc_object* free;
    struct ipc_object* by_key[IPC_HASH];
    struct ipc_object* objects[IPC_MAX]; /* by index; atomic */
};

static inline int ipc_index(int id) {
    return id & (IPC_MAX - 1);
}

/* ---- under the table's lock -------------------------------------------------------------------
 */
struct ipc_object* ipc_by_key(struct ipc_table* t, int32_t key);
/* To make one: an id, or -ENOSPC when `limit` are in use. */
int ipc_reserve(struct ipc_table* t, uint32_t limit);
/* A head of `size` bytes that nobody finds yet; NULL: no memory. */
struct ipc_object* ipc_new(struct ipc_table* t, size_t size);
/* Under o's lock too: the caller's, with that id. */
void ipc_set_up(struct ipc_object* o, int id, int32_t key, int flags);
/* When all is set up and o's lock is free again. */
void ipc_publish(struct ipc_table* t, struct ipc_object* o);
/* Key and id are free; after o->exists was set false under o's lock, which is free again. */
void ipc_leave(struct ipc_table* t, struct ipc_object* o);
/* Nobody finds it by its key any more. */
void ipc_forget_key(struct ipc_table* t, const struct ipc_object* o);

/* ---- under no lock ------------------------------------------------------------------------------
 */
/* The object of that id, locked; NULL: -EINVAL. */
struct ipc_object* ipc_lock(struct ipc_table* t, int id);
/* The same by index: whatever sequence number the id carries. */
struct ipc_object* ipc_lock_index(struct ipc_table* t, int id);
/* Highest index in use, 0 if there is none: what IPC_INFO returns. */
int ipc_highest(const struct ipc_table* t);
/* An existing key's object: what the *get calls check. Returns its id or -errno. Under the table's
 * lock. */
long ipc_found(struct ipc_object* o, int flags);

/* ---- under o's lock ----------------------------------------------------------------------------
 */
/* want: a mode, of which the highest three say what is asked: 0444 to read, 0222 to change. */
bool ipc_permitted(const struct ipc_object* o, uint32_t want);
bool ipc_owned(const struct ipc_object* o); /* by the caller, or it may act so */
void ipc_fill_perm(const struct ipc_object* o, struct ipc64_perm* perm);
/* IPC_SET; 0 or -EINVAL. */
int ipc_update(struct ipc_object* o, const struct ipc64_perm* perm);

int64_t ipc_now(void); /* seconds since the epoch */
/* Sleep until *word is not 0: 0, -EINTR or -ETIMEDOUT. */
long ipc_sleep(uint32_t* word, uint32_t clock, uint64_t deadline_ns);

/* Words to be woken once the lock is free. A word may belong to someone else by then: a wake more
 * than needed does no harm. */
#define IPC_WAKES 32
struct ipc_wakes {
    uint32_t count;
    uint32_t* words[IPC_WAKES];
};
void ipc_wake_later(struct ipc_wakes* w, uint32_t* word);
void ipc_wake_all(struct ipc_wakes* w);

/* How often each process has something; in the arena, so that it can be taken back from the dead.
 * Zeroed: nobody. */
struct ipc_users {
    struct ipc_user* first;
    uint64_t total;
};
/* Under the lock that guards it: process pid has `by` more of it, or fewer, but not below none.
 * false: no memory. */
bool ipc_users_count(struct ipc_users* users, int32_t pid, int64_t by);
uint64_t ipc_users_of(const struct ipc_users* users, int32_t pid);

/* Lists in zeroed memory. */
static inline bool ipc_list_empty(const struct list_node* head) {
    return !head->next || head->next == head;
}
static inline void ipc_list_append(struct list_node* head, struct list_node* node) {
    if (!head->next)
        coord_list_init(head);
    coord_list_add_tail(head, node);
}

/* libos_sem_undo.c, libos_msg.c, libos_shm.c: see libos_ipc_process_gone(). */
void ipc_sem_process_gone(int32_t pid);
void ipc_msg_process_gone(int32_t pid);
void ipc_shm_process_gone(int32_t pid);
void ipc_mq_process_gone(int32_t pid);
/* libos_mq.c: what this process has open, process pid will have open too. 0 or -ENOMEM. */
int ipc_mq_fork(int32_t pid);

#endif /* IPC_INTERNAL_H */
