/*
 * Coordination state: what the processes of one instance share. docs/processes.md.
 *
 * It lies in the arena, memory mapped at the same address in every process: plain pointers into it
 * hold everywhere, and nothing in it points to private memory. Where the host can not share memory
 * the arena is private and there is one process only.
 *
 * A process may be killed between any two instructions. What a coord_lock guards is therefore
 * changed through COORD_SET and coord_log only, so that the next owner of the lock can undo what a
 * dead one had begun. Everything here is for LibOS memory: guest memory is never touched under a
 * coord_lock, and nothing blocks under one.
 */
#ifndef LIBOS_COORD_H
#define LIBOS_COORD_H

#include "libos_internal.h"

/* Makes the arena and the first process's entry. Once, at start. 0 or -ENOMEM. */
int libos_coord_init(void);
/* Can other processes see it? If not, nothing needs be put there for their sake. */
bool coord_is_shared(void);
/* PalProcessFork has returned in the child: it holds no coord_lock. By proc/libos_fork.c. */
void libos_coord_after_fork(void);

/* ---- locks (coord/coord_lock.c) ----------------------------------------------------------------
 * All zero is a free lock. Costs no host call while nobody else holds it. Counted with
 * libos_hold(). Locks of the LibOS's private state may be taken inside of one and the other way
 * round; the order is that of their subsystem. Several may be held; they are given back in reverse
 * order. */
struct coord_lock {
    PAL_ROBUST_LOCK host;
    struct coord_lock* outer; /* that the holder took before this one */
    uint32_t log;             /* 1 + number of the undo log; 0: nothing was changed yet */
    uint32_t recovered;       /* how often an owner's death was undone */
};
/* If the last owner died, what it had changed is undone before this returns. */
void coord_lock(struct coord_lock* l);
/* What was changed stands; what was given to coord_free() goes back to the arena. */
void coord_unlock(struct coord_lock* l);
/* What was changed so far under the innermost lock stands, should the caller die from here on. For
 * long loops that leave a whole state after each round: the log of one lock holds 12 KiB. */
void coord_commit(void);

/* Note the old contents of [ptr, ptr + size) in the log of the innermost lock held, before changing
 * them. Needed for memory that others can find; not for a block that coord_alloc gave under the
 * same lock. At most 8 KiB. */
void coord_log(const void* ptr, size_t size);
/* lvalue = value, with the old value in the log of the innermost lock held. Any scalar. */
#define COORD_SET(lvalue, value)                                                                   \
    do {                                                                                           \
        coord_log(&(lvalue), sizeof(lvalue));                                                      \
        (lvalue) = (value);                                                                        \
    } while (0)

/* ---- memory (coord/coord_alloc.c) --------------------------------------------------------------
 * Zeroed; 16-byte aligned, from a page up page-aligned. NULL: the arena is full. Under a coord_lock
 * a block belongs to that lock's change: if the caller dies before it unlocks, the block is free
 * again. */
void* coord_alloc(size_t size);
/* NULL is fine. Under a coord_lock the block is kept until the innermost one is unlocked, so it may
 * be unlinked after this or before. */
void coord_free(void* ptr);
/* Bytes of the arena: all, and those not in use. For sysinfo-like figures; not exact. */
void coord_memory(size_t* total, size_t* available);

/* Zeroed blocks that every process finds by a number: the first to ask makes it. NULL: full. The
 * same size for one number always. May be called under a coord_lock or without. */
enum coord_root {
    COORD_ROOT_TMPFS,
    COORD_ROOT_SHM,
    COORD_ROOT_SEM,
    COORD_ROOT_MSG,
    COORD_ROOT_MQUEUE,
    COORD_ROOT_FUTEX,
    COORD_ROOT_UNIX,
    COORD_ROOT_LOCKS,
    COORD_ROOT_FILES,
    COORD_ROOT_PTY,
    COORD_ROOT_TTY,
    COORD_ROOT_PROC,
    COORD_ROOT_CLOCK,
    COORD_ROOT_SHARED_FILES,
    COORD_ROOT_COUNT = 32,
};
void* coord_root(enum coord_root which, size_t size);
/* NULL: nobody has asked for it yet. */
void* coord_root_made(enum coord_root which);

/* ---- lists -------------------------------------------------------------------------------------
 * Of the arena, under one coord_lock. A zeroed head or node must be initialised before use; the
 * changes are logged. list_for_each and list_entry of culm_list.h work on them. */
static inline void coord_list_init(struct list_node* head) {
    COORD_SET(head->next, head);
    COORD_SET(head->prev, head);
}
static inline void coord_list_insert_(struct list_node* node, struct list_node* prev,
                                      struct list_node* next) {
    COORD_SET(node->prev, prev);
    COORD_SET(node->next, next);
    COORD_SET(prev->next, node);
    COORD_SET(next->prev, node);
}
static inline void coord_list_add(struct list_node* head, struct list_node* node) {
    coord_list_insert_(node, head, head->next);
}
static inline void coord_list_add_tail(struct list_node* head, struct list_node* node) {
    coord_list_insert_(node, head->prev, head);
}
/* Leaves the node initialised: deleting twice and list_empty(node) are safe. */
static inline void coord_list_del(struct list_node* node) {
    COORD_SET(node->prev->next, node->next);
    COORD_SET(node->next->prev, node->prev);
    coord_list_init(node);
}

/* ---- waiting (coord/coord_queue.c) -------------------------------------------------------------
 * A place to wait for a change of something that lies in the arena:
 *     coord_lock(l);
 *     while (!condition && !ret) {
 *         uint32_t number = coord_queue_number(q);
 *         coord_unlock(l);
 *         ret = coord_wait(q, number, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
 *         coord_lock(l);
 *     }
 * Nothing in the arena names a waiter, so one that is killed leaves nothing to clean up. All zero
 * is a queue nobody waits at. */
struct coord_queue {
    uint32_t seq;     /* futex word: goes up with every wake */
    uint32_t waiters; /* at least as many as there are */
};
static inline uint32_t coord_queue_number(const struct coord_queue* q) {
    return __atomic_load_n(&q->seq, __ATOMIC_ACQUIRE);
}
/* 0: woken since `number` was read, perhaps by something else: look again. -ETIMEDOUT: deadline
 * (absolute ns on PAL_CLOCK_MONOTONIC or PAL_CLOCK_REALTIME; NO_TIMEOUT: none). -EINTR: a signal is
 * deliverable, or the thread must end. Under no lock. */
long coord_wait(struct coord_queue* q, uint32_t number, uint32_t clock, uint64_t deadline_ns);
/* One sleep at most, until woken or kicked, whatever for. */
void coord_wait_kicked(struct coord_queue* q, uint32_t number);
/* The same as coord_wait(), but only the thread's own end interrupts it (-EINTR), not signals. */
long coord_wait_killable(struct coord_queue* q, uint32_t number);
/* Wakes all. Under the lock of what has changed, or just after it. A host call if someone waits. */
void coord_wake(struct coord_queue* q);

/* ---- ids (coord/coord_id.c) --------------------------------------------------------------------
 * Process and thread ids: one counter for the instance, up to pid_max, then from COORD_ID_FIRST
 * again; an id is not given out twice while it is in use. No lock. */
#define COORD_ID_MAX   4194304 /* one more than the highest: /proc/sys/kernel/pid_max */
#define COORD_ID_FIRST 300     /* after the wrap, as Linux */
struct coord_process;
/* A new id that belongs to `owner`. -EAGAIN: none is left. */
int32_t coord_id_new(struct coord_process* owner);
/* The id may be given out again. Not for a process's own: coord_process_* does that. */
void coord_id_free(int32_t id);
/* Whose it is, of a process or of one of its threads; NULL: nobody's, or only a group's by now. The
 * entry may be gone a moment later, unless the process lock is held or it is the caller's own. */
struct coord_process* coord_id_owner(int32_t id);
/* The owner of a thread's id changes (a vfork child becomes a process of its own). */
void coord_id_set_owner(int32_t id, struct coord_process* owner);
int32_t coord_id_last(void); /* given out last: ns_last_pid, loadavg */

#endif /* LIBOS_COORD_H */
