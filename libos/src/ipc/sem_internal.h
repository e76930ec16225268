/*
 * What the files about semaphores share.
 */
#ifndef SEM_INTERNAL_H
#define SEM_INTERNAL_H

#include "ipc_internal.h"

struct sem {
    uint16_t value;
    int32_t pid; /* of the process that changed it last */
};

struct sem_set {
    struct ipc_object o; /* its lock guards all here */
    uint32_t count;
    struct sem* sems;
    int64_t otime, ctime;
    struct list_node changing, for_zero; /* struct sem_waiter, oldest first */
    struct sem_undo* undos;
};

/* An operation that has to wait. Whoever makes it possible carries it out. Belongs to the waiting
 * thread; guarded by the set's lock. */
struct sem_waiter {
    struct list_node node;
    uint32_t woken; /* futex word */
    int32_t status; /* SEM_WAITS, then the result */
    int32_t pid;
    uint32_t count;
    uint32_t blocking; /* index of the operation that could not be done */
    bool repeats;      /* several operations on one semaphore */
    struct sem_undo* undo;
    struct sembuf ops[];
};
#define SEM_WAITS 1

/* Adjustments of one set that threads with a common list will make at their end. */
struct sem_undo {
    struct sem_undo* next;        /* in the list; guarded by the list's lock */
    struct sem_undo* next_of_set; /* guarded by the set's lock, as is all below */
    struct sem_set* set;
    int32_t id; /* of the set; -1 once that is gone; atomic */
    uint32_t count;
    int16_t adjust[];
};

struct sem_root {
    struct ipc_table table;
    struct libos_sem_limits limits; /* semmsl 0: not set yet; guarded by the table's lock */
    uint64_t used;                  /* semaphores in all sets; guarded by the table's lock */
    struct coord_lock lists_lock;
    struct sem_undo_list* lists; /* all of the instance; guarded by lists_lock */
};
struct sem_root* sem_root(void); /* NULL: no memory */

struct sem_set* sem_lock(int id);

/* Under the set's lock: values have changed, let those go on that now can. ops NULL: any value. */
void sem_update(struct sem_set* set, const struct sembuf* ops, uint32_t count, bool otime,
                struct ipc_wakes* wakes);
/* Ends a wait. */
void sem_end_wait(struct sem_waiter* w, int status, struct ipc_wakes* wakes);

/* libos_sem_undo.c. The calling thread's adjustments for set id, made if need be; they stay where
 * they are until the thread ends. -errno in *error if NULL. */
struct sem_undo* sem_undo_find(int id, int* error);
/* Under the set's lock: forget all adjustments of it, or those of one semaphore; its removal. */
void sem_undo_reset(struct sem_set* set);
void sem_undo_reset_one(struct sem_set* set, uint32_t number);
void sem_undo_orphan(struct sem_set* set);

/* clone(2). The child is a thread; or it will be process pid; and is, after the fork. share: it has
 * the caller's adjustments too. */
int sem_undo_clone(struct libos_thread* child, bool share);
int sem_undo_fork(int32_t pid);
void sem_undo_after_fork(struct libos_thread* t, bool share);

#endif /* SEM_INTERNAL_H */
