/*
 * What epoll's files share.
 */
#ifndef LIBOS_EPOLL_INTERNAL_H
#define LIBOS_EPOLL_INTERNAL_H

#include <linux/eventpoll.h>

#include "libos_event.h"

#define NO_SLOT UINT32_MAX
/* Not readiness but how it is told. */
#define EPOLL_HOW_BITS (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE)

enum {
    ITEM_DIRECT,   /* the file's host handle is in the host's set */
    ITEM_INNER,    /* stand_in: a wait set with only the file's handle */
    ITEM_DOORBELL, /* stand_in: an eventfd that the file's waiter rings */
    ITEM_GONE,     /* only as a meaning: there is no such registration */
};

struct epoll_item {
    struct libos_file_waiter waiter;
    struct libos_epoll* epoll;
    struct libos_file* file; /* no reference: leaves the set when the file goes */
    int fd;
    uint32_t index, generation;
    uint32_t events;
    uint64_t data;
    int kind;     /* ITEM_* */
    bool parents; /* a doorbell of the process that has forked this one */
    PAL_HANDLE stand_in;
    struct epoll_item* next; /* in its bucket */
};

struct epoll_slot {
    struct epoll_item* item; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct libos_epoll {
    refcount_t ref;
    libos_lock_t lock;           /* guards all below */
    struct libos_file* file;     /* the epoll file itself, no reference */
    struct epoll_shared* shared; /* in the arena, once there was a fork; set under the barrier */
    struct epoll_slot* slots;
    uint32_t slot_count, free_slot, item_count;
    size_t bucket_count;         /* a power of two */
    struct epoll_item** buckets; /* by file and descriptor */
};

extern const struct libos_file_ops g_libos_epoll_ops;

/* ---- numbers that processes share (libos_epoll_share.c) ----------------------------------------
 */
struct epoll_meaning {
    int kind; /* ITEM_* */
    uint32_t events;
    uint64_t data;
};
int libos_epoll_forking(struct libos_file* file);
void libos_epoll_forked(struct libos_file* file);
/* Gives the item a number. 0 or -ENOMEM. */
int libos_epoll_shared_number(struct epoll_shared* s, struct epoll_item* item);
/* After its events, data or kind were changed. */
void libos_epoll_shared_changed(struct epoll_shared* s, const struct epoll_item* item);
void libos_epoll_shared_drop(struct epoll_shared* s, const struct epoll_item* item);
/* Or has another process removed it? */
bool libos_epoll_shared_holds(struct epoll_shared* s, const struct epoll_item* item);
/* What the numbers that the host told mean. */
void libos_epoll_shared_look(struct epoll_shared* s, const PAL_WAITSET_EVENT* host, long count,
                             struct epoll_meaning* out);
uint32_t libos_epoll_shared_size(struct epoll_shared* s);
void libos_epoll_shared_free(struct epoll_shared* s);

/* event is LibOS memory; NULL for EPOLL_CTL_DEL. */
int libos_epoll_ctl(struct libos_file* epoll_file, int op, struct libos_file* f, int fd,
                    struct epoll_event* event);
long libos_epoll_wait(struct libos_file* epoll_file, struct epoll_event* user_events, int max,
                      uint64_t deadline_ns);
long libos_epoll_create(bool cloexec);
/* kcmp(2): the file that is registered as descriptor fd (the which-th such one), only to compare.
 * 0, -EINVAL: no epoll, -ENOENT. */
long libos_epoll_target(struct libos_file* epoll_file, int fd, uint32_t which, const void** file);

#endif /* LIBOS_EPOLL_INTERNAL_H */
