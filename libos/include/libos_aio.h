/*
 * Native asynchronous I/O, io_submit(2): contexts and their rings of events, which programs
 * (libaio) may read themselves. Operations run when they are submitted, as Linux runs buffered I/O.
 */
#ifndef LIBOS_AIO_H
#define LIBOS_AIO_H

#include <linux/aio_abi.h>

#include "libos_internal.h"

#define AIO_MAX_NR_DEFAULT 65536

struct libos_aio {
    struct list_node node; /* in the list of contexts */
    refcount_t ref;
    int32_t owner;          /* process: a child of fork has no contexts */
    uint64_t address, size; /* of the ring, in guest memory */
    uint32_t slots;         /* events the ring has room for */
    uint32_t max_requests;  /* counted against aio-max-nr */
    libos_lock_t lock;      /* guards what follows, and the ring's head against other takers */
    uint32_t tail;
    uint32_t in_flight; /* requests that hold a place in the ring */
    bool dead;
    struct list_node waiters; /* struct libos_waiter of those in io_getevents */
};

/* All that exist and may exist, for /proc/sys/fs. */
uint64_t libos_aio_count(void);
uint64_t libos_aio_limit(void);
void libos_aio_set_limit(uint64_t limit);

/* 0 or -errno; *out is the context's id for the guest. */
long libos_aio_create(uint32_t requests, uint64_t* out);
/* Referenced, or NULL. */
struct libos_aio* libos_aio_get(uint64_t id);
void libos_aio_put(struct libos_aio* aio);
/* Nobody finds it any more; waiters leave. -EINVAL: somebody else was faster. */
long libos_aio_destroy(struct libos_aio* aio);

/* A place for one more event; false: none left. It is used up by libos_aio_complete, or given
 * back. */
bool libos_aio_reserve(struct libos_aio* aio);
void libos_aio_unreserve(struct libos_aio* aio);
void libos_aio_complete(struct libos_aio* aio, const struct io_event* event);
/* At least min and at most max events; deadline on the monotonic clock, 0: do not wait. Returns how
 * many, or -errno. */
long libos_aio_take(struct libos_aio* aio, long min, long max, struct io_event* user_events,
                    uint64_t deadline_ns);

/* execve: the contexts of the old program end; its memory is gone already. */
void libos_aio_exec(void);

#endif /* LIBOS_AIO_H */
