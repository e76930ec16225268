/*
 * What the files about POSIX message queues share.
 */
#ifndef MQ_INTERNAL_H
#define MQ_INTERNAL_H

#include "ipc_internal.h"
#include "libos_mqueue.h"

struct mq_message { /* in a queue, or of whoever made it or has got it */
    struct list_node node;
    uint32_t priority;
    size_t size;
    char text[];
};

/* Belongs to the thread that waits; guarded by the queue's lock. */
struct mq_waiter {
    struct list_node node;
    uint32_t woken; /* futex word */
    int32_t status; /* MQ_WAITS, or 0: done, and in no list any more */
    int32_t pid;
    int32_t rank;               /* real-time priority: higher ones are served first */
    struct mq_message* message; /* to be sent, or what was received */
};
#define MQ_WAITS 1

/* Who is to be told of the first message in an empty queue. */
struct mq_notification {
    int32_t pid; /* 0: nobody */
    int32_t kind, signo;
    int32_t execs; /* of that process when it asked: a new program is not told */
    uint64_t value;
    char cookie[NOTIFY_COOKIE_LEN];
    PAL_HANDLE_NAME pipe; /* SIGEV_THREAD: libos_mq_notify.c */
};

struct mqueue {
    struct coord_lock lock; /* guards what follows `ino` */
    struct mqueue* next;    /* of all; this and what follows: guarded by the root's lock */
    struct ipc_users users; /* open descriptions, by process */
    uint64_t charged;       /* against the owner's RLIMIT_MSGQUEUE */
    uint32_t charged_uid;
    bool linked; /* has its name still */
    char name[LIBOS_MQ_NAME_MAX + 1];
    uint64_t ino;
    uint32_t mode, uid, gid;
    int64_t atime, mtime, ctime; /* ns */
    int64_t max_messages, max_size, count;
    uint64_t bytes;
    struct list_node messages; /* highest priority first, then oldest */
    struct list_node receivers, senders;
    struct mq_notification notify;
    /* Readiness for the host: libos_mq_ready.c */
    struct list_node ends;
    uint32_t level;
    bool shown;
};

struct mq_end { /* a process's handle on the queue's pipe; in the arena */
    struct list_node node;
    PAL_HANDLE_NAME name;
};

struct mq_file { /* of an open description, private to the process */
    struct mqueue* q;
    libos_lock_t lock; /* guards making the next two; then under the queue's lock */
    PAL_HANDLE pipe;
    struct mq_end* end;
};

struct mq_charge { /* what a user's queues take; guarded by the root's lock */
    struct mq_charge* next;
    uint32_t uid;
    uint64_t bytes;
};

struct mq_root {
    struct coord_lock lock; /* taken before a queue's */
    struct mqueue* queues;
    uint32_t count; /* queues with a name, and those without that are open still */
    uint64_t last_ino;
    struct mq_charge* charges;
};
struct mq_root* mq_root(void); /* NULL: no memory */

static inline struct mq_file* mq_file_of(const struct libos_file* f) {
    return f->data;
}
extern const struct libos_file_ops g_libos_mq_ops;

/* libos_mq.c, under the root's lock: q has no name and nobody has it open. */
void mq_free_if_unused(struct mq_root* root, struct mqueue* q);

/* libos_mq_ready.c. Under the queue's lock: the number of messages has changed. */
void mq_show_level(struct mq_file* mf);
PAL_HANDLE mq_poll_handle(struct libos_file* f);
void mq_close_pipe(struct mq_file* mf);
void mq_forked_pipe(struct mq_file* mf);

/* libos_mq_notify.c. Under the queue's lock: a message came into an empty queue. What is to be told
 * is copied to *out (pid 0: nothing), for mq_tell() after the lock is free. */
void mq_take_notification(struct mqueue* q, struct mq_notification* out);
void mq_tell(const struct mq_notification* n, bool removed);
/* The process closes a descriptor: it is not told any more. */
int mq_flush(struct libos_file* f);

#endif /* MQ_INTERNAL_H */
