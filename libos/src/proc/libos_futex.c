/*
 * Futexes: wait, wake, requeue, wake-op, and the robust list of a thread that ends.
 * futex(2), get_robust_list(2), Documentation/locking/robust-futex-ABI.rst.
 *
 * A waker takes a waiter off its bucket under the bucket's lock and wakes it after the lock is
 * free. The store to `woken` is its last touch, so a waiter that sees it may leave without the
 * lock. Only waiters of futex_waitv are woken under the lock: several wakers may have one of them.
 * Words in memory that processes share are the host's: libos_futex_shared.c.
 */
#include "libos_futex.h"
#include "libos_mm_futex.h"
#include "libos_proc_internal.h"

#define FUTEX_BUCKETS     256
#define ROBUST_LIST_LIMIT 2048

static struct futex_bucket g_buckets[FUTEX_BUCKETS];

struct futex_bucket* futex_bucket_of(const struct futex_key* key) {
    uint64_t h = (key->offset ^ key->object * 31) * 0x9e3779b97f4a7c15ULL;
    return &g_buckets[h >> 56];
}

static void bucket_lock(struct futex_bucket* b) {
    lock(&b->lock);
    if (!b->waiters.next)
        list_init(&b->waiters);
}

int futex_get_key(const uint32_t* uaddr, bool shared, struct futex_key* key) {
    if (!IS_ALIGNED((uint64_t)uaddr, sizeof(uint32_t)))
        return -EINVAL;
    if (!access_ok(uaddr, sizeof(uint32_t)))
        return -EFAULT;
    key->object = 0;
    key->offset = (uint64_t)uaddr;
    if (!shared)
        return 0;
    uint32_t value;
    int ret = user_load_u32(uaddr, &value);
    if (ret < 0)
        return ret;
    libos_mm_futex_key((uint64_t)uaddr, &key->object, &key->offset);
    return 0;
}

bool futex_key_equal(const struct futex_key* a, const struct futex_key* b) {
    return a->object == b->object && a->offset == b->offset;
}

/* ---- waking -----------------------------------------------------------------------------------
 */

/* Under the bucket's lock. Goes to `wake_list`, or is woken at once if it waits for several. */
static void take_waiter(struct futex_waiter* fw, struct list_node* wake_list) {
    list_del(&fw->node);
    __atomic_store_n(&fw->bucket, NULL, __ATOMIC_RELEASE);
    if (fw->several)
        libos_wake(fw->waiter);
    else
        list_add_tail(wake_list, &fw->node);
}

static void wake_all(struct list_node* wake_list) {
    struct list_node* node = wake_list->next;
    while (node != wake_list) {
        struct futex_waiter* fw = list_entry(node, struct futex_waiter, node);
        node = node->next; /* fw is gone once woken */
        libos_wake(fw->waiter);
    }
}

static int take_matching(struct futex_bucket* b, const struct futex_key* key, int count,
                         uint32_t bitset, struct list_node* wake_list) {
    int taken = 0;
    list_for_each_safe(fw, &b->waiters, struct futex_waiter, node) {
        if (taken >= count)
            break;
        if (!futex_key_equal(&fw->key, key) || !(fw->bitset & bitset))
            continue;
        if (fw->pi)
            return -EINVAL; /* those are for FUTEX_CMP_REQUEUE_PI only */
        take_waiter(fw, wake_list);
        taken++;
    }
    return taken;
}

long futex_wake(uint32_t* uaddr, bool shared, int count, uint32_t bitset) {
    if (!bitset)
        return -EINVAL;
    struct futex_key key;
    int ret = futex_get_key(uaddr, shared, &key);
    if (ret < 0)
        return ret;
    if (futex_is_host(&key))
        return futex_host_wake(uaddr, count, bitset);
    struct list_node wake_list = LIST_INIT(wake_list);
    struct futex_bucket* b = futex_bucket_of(&key);
    bucket_lock(b);
    int woken = take_matching(b, &key, MAX(count, 1), bitset, &wake_list);
    unlock(&b->lock);
    wake_all(&wake_list);
    return woken;
}

long libos_futex_wake(uint32_t* uaddr, int count) {
    long woken = futex_wake(uaddr, false, count, FUTEX_BITSET_MATCH_ANY);
    struct futex_key key;
    if (woken >= count || futex_get_key(uaddr, true, &key) < 0 || !key.object)
        return woken;
    return futex_wake(uaddr, true, count, FUTEX_BITSET_MATCH_ANY);
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

static void enqueue(struct futex_waiter* fw, struct futex_bucket* b) {
    fw->bucket = b;
    list_add_tail(&b->waiters, &fw->node);
}

/* true: it was still queued and is not any more; false: a waker has taken it. */
bool futex_unqueue(struct futex_waiter* fw) {
    struct futex_bucket* b;
    while ((b = __atomic_load_n(&fw->bucket, __ATOMIC_ACQUIRE)) != NULL) {
        lock(&b->lock);
        bool here = fw->bucket == b; /* else requeued or taken meanwhile */
        if (here) {
            list_del(&fw->node);
            fw->bucket = NULL;
        }
        unlock(&b->lock);
        if (here)
            return true;
    }
    return false;
}

static long restart_wait(struct libos_thread* t) {
    uint64_t* a = t->restart.args;
    struct futex_deadline deadline = {.clock = a[3], .ns = a[4]};
    return futex_wait((uint32_t*)a[0], a[1], a[2], deadline, a[5]);
}

static long interrupted(uint32_t* uaddr, bool shared, uint32_t val, struct futex_deadline deadline,
                        uint32_t bitset) {
    if (deadline.ns == NO_TIMEOUT)
        return -ERESTARTSYS;
    struct libos_thread* t = get_cur_thread();
    t->restart.fn = restart_wait;
    uint64_t args[6] = {(uint64_t)uaddr, shared, val, deadline.clock, deadline.ns, bitset};
    memcpy(t->restart.args, args, sizeof(args));
    return -ERESTART_RESTARTBLOCK;
}

long futex_wait(uint32_t* uaddr, bool shared, uint32_t val, struct futex_deadline deadline,
                uint32_t bitset) {
    if (!bitset)
        return -EINVAL;
    struct libos_waiter waiter;
    libos_waiter_init(&waiter);
    struct futex_waiter fw = {.bitset = bitset, .waiter = &waiter};
    int ret = futex_get_key(uaddr, shared, &fw.key);
    if (ret < 0)
        return ret;
    if (futex_is_host(&fw.key)) {
        long slept = futex_host_wait(uaddr, val, deadline, bitset);
        return slept == -EINTR ? interrupted(uaddr, shared, val, deadline, bitset) : slept;
    }
    struct futex_bucket* b = futex_bucket_of(&fw.key);
    uint32_t seen;
    bucket_lock(b);
    ret = user_load_u32(uaddr, &seen);
    if (ret == 0 && seen != val)
        ret = -EAGAIN;
    if (ret == 0)
        enqueue(&fw, b);
    unlock(&b->lock);
    if (ret < 0)
        return ret;
    long wait = libos_wait(&waiter, deadline.clock, deadline.ns);
    if (wait == 0)
        return 0;
    if (!futex_unqueue(&fw)) {
        libos_wait_uninterruptible(&waiter); /* the waker is about to store `woken` */
        return 0;
    }
    return wait == -EINTR ? interrupted(uaddr, shared, val, deadline, bitset) : wait;
}

/* ---- two futexes at once ----------------------------------------------------------------------
 */

void futex_lock_buckets(struct futex_bucket* a, struct futex_bucket* b) {
    bucket_lock(a < b ? a : b);
    if (a != b)
        bucket_lock(a < b ? b : a);
}

void futex_unlock_buckets(struct futex_bucket* a, struct futex_bucket* b) {
    unlock(&a->lock);
    if (a != b)
        unlock(&b->lock);
}

static int apply_op(uint32_t op, uint32_t* uaddr, bool* compare) {
    int cmd = (op >> 28) & 7, cmp = (op >> 24) & 15;
    int oparg = (int32_t)(op << 8) >> 20, cmparg = (int32_t)(op << 20) >> 20;
    if (op & (FUTEX_OP_OPARG_SHIFT << 28))
        oparg = 1 << (oparg & 31);
    uint32_t old, new;
    int ret = user_load_u32(uaddr, &old);
    if (ret < 0)
        return ret;
    for (;;) {
        uint32_t seen = old;
        switch (cmd) {
            case FUTEX_OP_SET:
                new = oparg;
                break;
            case FUTEX_OP_ADD:
                new = old + oparg;
                break;
            case FUTEX_OP_OR:
                new = old | oparg;
                break;
            case FUTEX_OP_ANDN:
                new = old & ~oparg;
                break;
            case FUTEX_OP_XOR:
                new = old ^ oparg;
                break;
            default:
                return -ENOSYS;
        }
        ret = user_cmpxchg_u32(uaddr, &seen, new);
        if (ret < 0)
            return ret;
        if (seen == old)
            break;
        old = seen;
    }
    int32_t v = old;
    switch (cmp) {
        case FUTEX_OP_CMP_EQ:
            *compare = v == cmparg;
            return 0;
        case FUTEX_OP_CMP_NE:
            *compare = v != cmparg;
            return 0;
        case FUTEX_OP_CMP_LT:
            *compare = v < cmparg;
            return 0;
        case FUTEX_OP_CMP_LE:
            *compare = v <= cmparg;
            return 0;
        case FUTEX_OP_CMP_GT:
            *compare = v > cmparg;
            return 0;
        case FUTEX_OP_CMP_GE:
            *compare = v >= cmparg;
            return 0;
        default:
            return -ENOSYS;
    }
}

/* One of the words is in the host. */
static long mixed_wake_op(uint32_t* uaddr, uint32_t* uaddr2, int count, int count2, uint32_t op) {
    bool compare = false;
    int ret = apply_op(op, uaddr2, &compare);
    if (ret < 0)
        return ret;
    long woken = futex_wake(uaddr, true, count, FUTEX_BITSET_MATCH_ANY);
    if (woken < 0 || !compare)
        return woken;
    long more = futex_wake(uaddr2, true, count2, FUTEX_BITSET_MATCH_ANY);
    return more < 0 ? more : woken + more;
}

long futex_wake_op(uint32_t* uaddr, bool shared, uint32_t* uaddr2, int count, int count2,
                   uint32_t op) {
    struct futex_key key, key2;
    int ret = futex_get_key(uaddr, shared, &key);
    if (ret == 0)
        ret = futex_get_key(uaddr2, shared, &key2);
    if (ret < 0)
        return ret;
    if (futex_is_host(&key) != futex_is_host(&key2))
        return mixed_wake_op(uaddr, uaddr2, count, count2, op);
    if (futex_is_host(&key))
        return futex_host_wake_op(uaddr, uaddr2, count, count2, op);
    struct futex_bucket *b = futex_bucket_of(&key), *b2 = futex_bucket_of(&key2);
    struct list_node wake_list = LIST_INIT(wake_list);
    bool compare = false;
    long woken = 0;
    futex_lock_buckets(b, b2);
    ret = apply_op(op, uaddr2, &compare);
    if (ret == 0) {
        woken = take_matching(b, &key, MAX(count, 1), FUTEX_BITSET_MATCH_ANY, &wake_list);
        int more = 0;
        if (compare && woken >= 0)
            more = take_matching(b2, &key2, MAX(count2, 1), FUTEX_BITSET_MATCH_ANY, &wake_list);
        woken = more < 0 ? more : woken + more;
    }
    futex_unlock_buckets(b, b2);
    wake_all(&wake_list);
    return ret < 0 ? ret : woken;
}

long futex_requeue(uint32_t* uaddr, bool shared, uint32_t* uaddr2, int count, int count2,
                   const uint32_t* cmp) {
    if (count < 0 || count2 < 0)
        return -EINVAL;
    struct futex_key key, key2;
    int ret = futex_get_key(uaddr, shared, &key);
    if (ret == 0)
        ret = futex_get_key(uaddr2, shared, &key2);
    if (ret < 0)
        return ret;
    if (futex_is_host(&key) != futex_is_host(&key2))
        return futex_mixed_requeue(uaddr, count, count2, cmp);
    if (futex_is_host(&key))
        return futex_host_requeue(uaddr, uaddr2, count, count2, cmp);
    struct futex_bucket *b = futex_bucket_of(&key), *b2 = futex_bucket_of(&key2);
    struct list_node wake_list = LIST_INIT(wake_list);
    long woken = 0, moved = 0;
    futex_lock_buckets(b, b2);
    uint32_t seen;
    if (cmp && (ret = user_load_u32(uaddr, &seen)) == 0 && seen != *cmp)
        ret = -EAGAIN;
    if (ret == 0) {
        woken = take_matching(b, &key, count, FUTEX_BITSET_MATCH_ANY, &wake_list);
        if (woken < 0)
            ret = woken;
    }
    if (ret == 0) {
        struct list_node moving = LIST_INIT(moving); /* b and b2 may be one list */
        list_for_each_safe(fw, &b->waiters, struct futex_waiter, node) {
            if (moved >= count2)
                break;
            if (!futex_key_equal(&fw->key, &key))
                continue;
            if (fw->pi) {
                ret = -EINVAL;
                break;
            }
            list_del(&fw->node);
            list_add_tail(&moving, &fw->node);
            moved++;
        }
        list_for_each_safe(fw, &moving, struct futex_waiter, node) {
            list_del(&fw->node);
            fw->key = key2;
            list_add_tail(&b2->waiters, &fw->node);
            __atomic_store_n(&fw->bucket, b2, __ATOMIC_RELEASE);
        }
    }
    futex_unlock_buckets(b, b2);
    wake_all(&wake_list);
    return ret < 0 ? ret : woken + moved;
}

/* ---- futex_waitv ------------------------------------------------------------------------------
 */

/* Takes all off; returns the lowest index a waker had taken, or -1. */
static long unqueue_several(struct futex_waiter* fws, unsigned count) {
    long woken = -1;
    for (unsigned i = count; i-- > 0;) {
        if (!futex_is_host(&fws[i].key) && !futex_unqueue(&fws[i]))
            woken = i;
    }
    /* A waker that took one of them still holds that bucket's lock while it wakes. */
    for (unsigned i = 0; woken >= 0 && i < count; i++) {
        struct futex_bucket* b = futex_bucket_of(&fws[i].key);
        lock(&b->lock);
        unlock(&b->lock);
    }
    return woken;
}

/* *host: one of the words is in the host, and not queued here. */
static int queue_several(const struct futex_waitv* waiters, unsigned count,
                         struct futex_waiter* fws, struct libos_waiter* waiter, long* woken,
                         bool* host) {
    for (unsigned i = 0; i < count; i++) {
        uint32_t* uaddr = (uint32_t*)waiters[i].uaddr;
        fws[i].bitset = FUTEX_BITSET_MATCH_ANY;
        fws[i].several = true;
        fws[i].waiter = waiter;
        int ret = futex_get_key(uaddr, !(waiters[i].flags & FUTEX_PRIVATE_FLAG), &fws[i].key);
        uint32_t seen;
        if (ret == 0 && futex_is_host(&fws[i].key)) {
            *host = true;
        } else if (ret == 0) {
            struct futex_bucket* b = futex_bucket_of(&fws[i].key);
            bucket_lock(b);
            ret = user_load_u32(uaddr, &seen);
            if (ret == 0 && seen != (uint32_t)waiters[i].val)
                ret = -EAGAIN;
            if (ret == 0)
                enqueue(&fws[i], b);
            unlock(&b->lock);
        }
        if (ret < 0) {
            *woken = unqueue_several(fws, i);
            return *woken >= 0 ? 0 : ret;
        }
    }
    return 0;
}

long futex_wait_several(const struct futex_waitv* waiters, unsigned count,
                        struct futex_deadline deadline) {
    struct libos_waiter waiter;
    libos_waiter_init(&waiter);
    struct futex_waiter* fws = libos_calloc(count, sizeof(*fws));
    if (!fws)
        return -ENOMEM;
    long woken = -1, host_woken = -1;
    bool host = false;
    long ret = queue_several(waiters, count, fws, &waiter, &woken, &host);
    if (ret == 0 && woken < 0) {
        if (host) {
            ret = futex_host_wait_several(waiters, count, fws, &waiter, deadline);
            host_woken = ret < count ? ret : -1;
        } else {
            ret = libos_wait(&waiter, deadline.clock, deadline.ns);
        }
        woken = unqueue_several(fws, count);
        if (woken < 0)
            woken = host_woken;
    }
    libos_free(fws);
    if (woken >= 0)
        return woken;
    return ret == -EINTR ? -ERESTARTSYS : ret >= 0 ? -ERESTARTNOINTR : ret;
}

/* ---- robust lists -----------------------------------------------------------------------------
 */

static void futex_owner_died(uint32_t* uaddr, bool pi, bool pending, int tid) {
    uint32_t value;
    if (!IS_ALIGNED((uint64_t)uaddr, 4) || user_load_u32(uaddr, &value) < 0)
        return;
    for (;;) {
        if (pending && !pi && !(value & FUTEX_TID_MASK)) {
            libos_futex_wake(uaddr, 1);
            return;
        }
        if ((value & FUTEX_TID_MASK) != (uint32_t)tid)
            return;
        uint32_t seen = value;
        if (user_cmpxchg_u32(uaddr, &seen, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED) < 0)
            return;
        if (seen == value)
            break;
        value = seen;
    }
    if (value & FUTEX_WAITERS) /* of a PI futex: those who wait in the host; others get it later */
        libos_futex_wake(uaddr, 1);
}

void libos_futex_exit_robust_list(struct libos_thread* t) {
    struct robust_list_head* uhead = t->robust_list;
    struct robust_list_head head;
    t->robust_list = NULL;
    if (!uhead || user_get(head, uhead) < 0)
        return;
    uint64_t pending = (uint64_t)head.list_op_pending, entry = (uint64_t)head.list.next;
    for (int i = 0; i < ROBUST_LIST_LIMIT && (entry & ~1UL) != (uint64_t)uhead; i++) {
        uint64_t next;
        bool bad = user_copy_from(&next, (void*)(entry & ~1UL), sizeof(next)) < 0;
        if (entry != pending)
            futex_owner_died((uint32_t*)((entry & ~1UL) + head.futex_offset), entry & 1, false,
                             t->tid);
        if (bad)
            return;
        entry = next;
    }
    if (pending)
        futex_owner_died((uint32_t*)((pending & ~1UL) + head.futex_offset), pending & 1, true,
                         t->tid);
}

/* Who waits in a forked child is gone. */
void libos_futex_after_fork(void) {
    for (size_t i = 0; i < FUTEX_BUCKETS; i++) {
        struct futex_bucket* b = &g_buckets[i];
        if (b->waiters.next && !list_empty(&b->waiters))
            list_init(&b->waiters);
    }
    libos_futex_pi_after_fork();
}
