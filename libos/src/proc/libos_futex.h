/*
 * Futexes: hash of waiters by key. Used by proc/libos_futex*.c and sys/libos_futex.c only.
 */
#ifndef LIBOS_FUTEX_INTERNAL_H
#define LIBOS_FUTEX_INTERNAL_H

#include <linux/futex.h>
#include "libos_process.h"

/* What identifies a futex: private ones by address; shared ones by the object mapped there. */
struct futex_key {
    uint64_t object; /* 0: private to the address space */
    uint64_t offset;
};

struct futex_bucket {
    libos_lock_t lock;
    struct list_node waiters; /* struct futex_waiter, oldest first; guarded by lock */
} __attribute__((aligned(64)));

struct futex_waiter {
    struct list_node node;
    struct futex_bucket* bucket; /* NULL once a waker has taken it; guarded by the bucket's lock */
    struct futex_key key;
    uint32_t bitset;
    bool several;         /* one of many of a futex_waitv */
    struct pi_waiter* pi; /* FUTEX_WAIT_REQUEUE_PI: how it will wait on pi_key; else NULL */
    struct futex_key pi_key;
    struct libos_waiter* waiter;
};

/* 0, -EINVAL (alignment), -EFAULT. */
int futex_get_key(const uint32_t* uaddr, bool shared, struct futex_key* key);
struct futex_bucket* futex_bucket_of(const struct futex_key* key);

/* Deadlines are absolute on a PAL clock; NO_TIMEOUT waits for ever. */
struct futex_deadline {
    uint32_t clock;
    uint64_t ns;
};
long futex_wait(uint32_t* uaddr, bool shared, uint32_t val, struct futex_deadline deadline,
                uint32_t bitset);
long futex_wake(uint32_t* uaddr, bool shared, int count, uint32_t bitset);
long futex_wake_op(uint32_t* uaddr, bool shared, uint32_t* uaddr2, int count, int count2,
                   uint32_t op);
/* cmp: NULL, or the value *uaddr must have (else -EAGAIN). Returns woken + requeued. */
long futex_requeue(uint32_t* uaddr, bool shared, uint32_t* uaddr2, int count, int count2,
                   const uint32_t* cmp);
/* waiters: LibOS copy of the array. Returns the index woken, or -errno. */
long futex_wait_several(const struct futex_waitv* waiters, unsigned count,
                        struct futex_deadline deadline);

long futex_lock_pi(uint32_t* uaddr, bool shared, struct futex_deadline deadline, bool try);
long futex_unlock_pi(uint32_t* uaddr, bool shared);
long futex_wait_requeue_pi(uint32_t* uaddr, bool shared, uint32_t val,
                           struct futex_deadline deadline, uint32_t bitset, uint32_t* uaddr2);
/* One waiter of uaddr gets the PI futex uaddr2 if that is free; up to count2 more (or count2 + 1)
 * wait for it from now on. Returns how many that were in all. */
long futex_cmp_requeue_pi(uint32_t* uaddr, bool shared, uint32_t* uaddr2, int count, int count2,
                          uint32_t cmp);

/* libos_futex_pi_shared.c: on words that the host has. */
long futex_host_lock_pi(uint32_t* uaddr, struct futex_deadline deadline, bool try);
long futex_host_unlock_pi(uint32_t* uaddr);
long futex_host_wait_requeue_pi(uint32_t* uaddr, uint32_t val, struct futex_deadline deadline,
                                uint32_t bitset, uint32_t* uaddr2);

/* libos_futex.c, for libos_futex_pi.c: lock one or two buckets, queue, and take off again. */
void futex_lock_buckets(struct futex_bucket* a, struct futex_bucket* b);
void futex_unlock_buckets(struct futex_bucket* a, struct futex_bucket* b);
bool futex_unqueue(struct futex_waiter* fw);
void libos_futex_pi_after_fork(void);
bool futex_key_equal(const struct futex_key* a, const struct futex_key* b);

/* libos_futex_shared.c: the word lies in memory that processes share, and the host has such. */
bool futex_is_host(const struct futex_key* key);
/* As their namesakes, on such words. futex_host_wait: -EINTR when interrupted. */
long futex_host_wait(uint32_t* uaddr, uint32_t val, struct futex_deadline deadline,
                     uint32_t bitset);
long futex_host_wake(uint32_t* uaddr, int count, uint32_t bitset);
long futex_host_wake_op(uint32_t* uaddr, uint32_t* uaddr2, int count, int count2, uint32_t op);
long futex_host_requeue(uint32_t* uaddr, uint32_t* uaddr2, int count, int count2,
                        const uint32_t* cmp);
/* One of the two is in the host. */
long futex_mixed_requeue(uint32_t* uaddr, int count, int count2, const uint32_t* cmp);
/* Waits until one of the host's words is woken (its index), or the waiter (count); or -errno. fws:
 * their keys. */
long futex_host_wait_several(const struct futex_waitv* waiters, unsigned count,
                             const struct futex_waiter* fws, struct libos_waiter* waiter,
                             struct futex_deadline deadline);

#endif /* LIBOS_FUTEX_INTERNAL_H */
