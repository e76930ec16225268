/*
 * What the files about System V messages share.
 */
#ifndef MSG_INTERNAL_H
#define MSG_INTERNAL_H

#include "ipc_internal.h"

/* Of msgrcv(2) and msgctl(2); the kernel's headers keep some to glibc's. */
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

enum msg_mode { MSG_ANY, MSG_EQUAL, MSG_NOT_EQUAL, MSG_UP_TO, MSG_BY_NUMBER };

struct msg { /* in a queue, or of whoever made it or has got it */
    struct list_node node;
    long type;
    size_t size;
    char text[];
};

struct msg_queue {
    struct ipc_object o; /* its lock guards all here */
    struct list_node messages;
    struct list_node receivers, senders; /* struct msg_waiter, oldest first */
    uint64_t bytes, count, max_bytes;
    int64_t send_time, receive_time, ctime;
    int32_t last_sender, last_receiver;
};

/* Belongs to the thread that waits; guarded by the queue's lock. */
struct msg_waiter {
    struct list_node node;
    uint32_t woken; /* futex word */
    int32_t status; /* MSG_WAITS; 0: msg is its; or -errno. Then it is in no list any more. */
    int32_t pid, tid;
    size_t size; /* a sender's message; or the most a receiver takes */
    long type;
    enum msg_mode mode;
    struct msg* msg;
};
#define MSG_WAITS 1

struct msg_root {
    struct ipc_table table;
    struct libos_msg_limits limits; /* msgmax 0: not set yet; guarded by the table's lock */
};
struct msg_root* msg_root(void); /* NULL: no memory */

struct msg_queue* msg_lock(int id);
struct msg_waiter* msg_waiter_new(void);
/* Under the queue's lock. Ends a wait; lets senders try again for whom there is room. */
void msg_end_wait(struct msg_waiter* w, int status, struct ipc_wakes* wakes);
void msg_wake_senders(struct msg_queue* q, struct ipc_wakes* wakes);

#endif /* MSG_INTERNAL_H */
