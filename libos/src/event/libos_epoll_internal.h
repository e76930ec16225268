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
};

struct epoll_item {
    struct libos_file_waiter waiter;
    struct libos_epoll* epoll;
    struct libos_file* file; /* no reference: leaves the set when the file goes */
    int fd;
    uint32_t index, generation;
    uint32_t events;
    uint64_t data;
    int kind; /* ITEM_* */
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
    libos_lock_t lock;       /* guards all below */
    struct libos_file* file; /* the epoll file itself, no reference */
    struct epoll_slot* slots;
    uint32_t slot_count, free_slot, item_count;
    size_t bucket_count;         /* a power of two */
    struct epoll_item** buckets; /* by file and descriptor */
};

extern const struct libos_file_ops g_libos_epoll_ops;

/* event is LibOS memory; NULL for EPOLL_CTL_DEL. */
int libos_epoll_ctl(struct libos_file* epoll_file, int op, struct libos_file* f, int fd,
                    struct epoll_event* event);
long libos_epoll_wait(struct libos_file* epoll_file, struct epoll_event* user_events, int max,
                      uint64_t deadline_ns);
long libos_epoll_create(bool cloexec);

#endif /* LIBOS_EPOLL_INTERNAL_H */
