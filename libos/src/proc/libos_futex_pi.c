/*
 * Priority-inheritance futexes: FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI,
 * FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI.
 * futex(2), Documentation/locking/pi-futex.rst.
 *
 * The word and the hand-over of ownership follow Linux to the letter. Waiters are served by
 * real-time priority, then first come; the boosting of the owner itself is up to the host's
 * scheduler. All states are under one lock: these futexes only come here when they are contended.
 */
#include "libos_futex.h"
#include "libos_proc_internal.h"

struct pi_state {          /* exists while there are waiters */
    struct list_node node; /* in g_pi_states */
    struct futex_key key;
    uint32_t* uaddr;
    int owner_tid;
    struct list_node waiters; /* struct pi_waiter, next owner first */
};

struct pi_waiter {
    struct list_node node;
    struct libos_waiter waiter;
    struct libos_thread* thread;
    struct pi_state* state; /* NULL once it owns the futex */
};

static libos_lock_t g_pi_lock = LIBOS_LOCK_INIT;
static struct list_node g_pi_states = LIST_INIT(g_pi_states); /* guarded by g_pi_lock */

static struct pi_state* pi_find(const struct futex_key* key) {
    list_for_each(s, &g_pi_states, struct pi_state, node) {
        if (s->key.object == key->object && s->key.offset == key->offset)
            return s;
    }
    return NULL;
}

static void pi_free_if_idle(struct pi_state* s) {
    if (!list_empty(&s->waiters))
        return;
    list_del(&s->node);
    libos_free(s);
}

static bool thread_exists(int tid) {
    struct libos_thread* t = libos_thread_find(tid);
    if (!t)
        return false;
    bool alive = !t->exiting;
    libos_thread_put(t);
    return alive;
}

/* Would waiting for owner_tid close a circle back to tid? */
static bool pi_deadlock(int owner_tid, int tid) {
    for (int depth = 0; depth < 1024; depth++) {
        if (owner_tid == tid)
            return true;
        struct pi_state* blocked_on = NULL;
        list_for_each(s, &g_pi_states, struct pi_state, node) {
            list_for_each(w, &s->waiters, struct pi_waiter, node) {
                if (w->thread->tid == owner_tid)
                    blocked_on = s;
            }
        }
        if (!blocked_on)
            return false;
        owner_tid = blocked_on->owner_tid;
    }
    return true;
}

static void pi_enqueue(struct pi_state* s, struct pi_waiter* w) {
    struct list_node* before = &s->waiters;
    list_for_each(other, &s->waiters, struct pi_waiter, node) {
        if (other->thread->sched_priority < w->thread->sched_priority) {
            before = &other->node;
            break;
        }
    }
    list_add_tail(before, &w->node);
    w->state = s;
}

/* Under the lock. 0: taken. 1: somebody owns it and FUTEX_WAITERS is set. Else -errno. */
static int pi_try_take(uint32_t* uaddr, const struct futex_key* key, uint32_t tid, bool try,
                       int* owner) {
    uint32_t value;
    int ret = user_load_u32(uaddr, &value);
    while (ret == 0) {
        uint32_t seen = value, new;
        bool take = !(value & FUTEX_TID_MASK);
        if (!take && (value & FUTEX_TID_MASK) == tid)
            return -EDEADLK;
        if (take)
            new = (value & FUTEX_OWNER_DIED) | tid | (pi_find(key) ? FUTEX_WAITERS : 0);
        else if (try)
            return -EAGAIN;
        else
            new = value | FUTEX_WAITERS;
        if (!take && !thread_exists(value & FUTEX_TID_MASK))
            return -ESRCH;
        ret = user_cmpxchg_u32(uaddr, &seen, new);
        if (ret == 0 && seen == value) {
            *owner = value & FUTEX_TID_MASK;
            return take ? 0 : 1;
        }
        value = seen;
    }
    return ret;
}

/* Stop waiting. true: it was handed over before that, whatever else happened. */
static bool pi_give_up(struct pi_waiter* w, uint32_t* uaddr) {
    struct pi_state* s = w->state;
    if (!s)
        return true;
    list_del(&w->node);
    uint32_t value;
    if (list_empty(&s->waiters) && user_load_u32(uaddr, &value) == 0) {
        uint32_t seen = value;
        user_cmpxchg_u32(uaddr, &seen, value & ~FUTEX_WAITERS);
    }
    pi_free_if_idle(s);
    return false;
}

static long pi_wait(struct pi_waiter* w, uint32_t* uaddr, struct futex_deadline deadline) {
    unlock(&g_pi_lock);
    long ret = libos_wait(&w->waiter, deadline.clock, deadline.ns);
    lock(&g_pi_lock);
    if (pi_give_up(w, uaddr))
        return 0;
    return ret == -EINTR ? -ERESTARTNOINTR : ret;
}

/* The state of a futex that somebody owns; NULL: out of memory. */
static struct pi_state* pi_get(const struct futex_key* key, uint32_t* uaddr, int owner_tid) {
    struct pi_state* s = pi_find(key);
    if (!s && (s = libos_calloc(1, sizeof(*s))) != NULL) {
        s->key = *key;
        s->uaddr = uaddr;
        list_init(&s->waiters);
        list_add(&g_pi_states, &s->node);
    }
    if (s)
        s->owner_tid = owner_tid;
    return s;
}

long futex_lock_pi(uint32_t* uaddr, bool shared, struct futex_deadline deadline, bool try) {
    struct futex_key key;
    long ret = futex_get_key(uaddr, shared, &key);
    if (ret < 0)
        return ret;
    if (futex_is_host(&key))
        return futex_host_lock_pi(uaddr, deadline, try);
    struct libos_thread* self = get_cur_thread();
    int owner = 0;
    lock(&g_pi_lock);
    ret = pi_try_take(uaddr, &key, self->tid, try, &owner);
    if (ret == 1) {
        struct pi_state* s = pi_get(&key, uaddr, owner);
        if (!s) {
            ret = -ENOMEM;
        } else {
            struct pi_waiter w = {.thread = self};
            libos_waiter_init(&w.waiter);
            if (pi_deadlock(owner, self->tid)) {
                pi_free_if_idle(s);
                ret = -EDEADLK;
            } else {
                pi_enqueue(s, &w);
                ret = pi_wait(&w, uaddr, deadline);
            }
        }
    }
    unlock(&g_pi_lock);
    return ret;
}

/* Give the futex to the first waiter; extra_bits go into the word. */
static int pi_hand_over(struct pi_state* s, uint32_t expected, uint32_t extra_bits) {
    struct pi_waiter* next = list_first(&s->waiters, struct pi_waiter, node);
    uint32_t seen = expected;
    int ret = user_cmpxchg_u32(s->uaddr, &seen, next->thread->tid | FUTEX_WAITERS | extra_bits);
    if (ret < 0)
        return ret;
    if (seen != expected)
        return -EAGAIN;
    list_del(&next->node);
    next->state = NULL;
    s->owner_tid = next->thread->tid;
    libos_wake(&next->waiter);
    pi_free_if_idle(s);
    return 0;
}

long futex_unlock_pi(uint32_t* uaddr, bool shared) {
    struct futex_key key;
    uint32_t tid = get_cur_thread()->tid, value;
    int ret = user_load_u32(uaddr, &value);
    if (ret < 0)
        return ret;
    if ((value & FUTEX_TID_MASK) != tid)
        return -EPERM;
    ret = futex_get_key(uaddr, shared, &key);
    if (ret < 0)
        return ret;
    if (futex_is_host(&key))
        return futex_host_unlock_pi(uaddr);
    lock(&g_pi_lock);
    do {
        struct pi_state* s = pi_find(&key);
        ret = user_load_u32(uaddr, &value);
        if (ret < 0)
            break;
        if (s) {
            ret = pi_hand_over(s, value, 0);
        } else {
            uint32_t seen = value;
            ret = user_cmpxchg_u32(uaddr, &seen, 0);
            if (ret == 0 && seen != value)
                ret = -EAGAIN;
        }
    } while (ret == -EAGAIN);
    unlock(&g_pi_lock);
    return ret;
}

void libos_futex_exit_pi(struct libos_thread* t) {
    if (list_empty(&g_pi_states))
        return; /* mostly so: no page is written to */
    lock(&g_pi_lock);
    list_for_each_safe(s, &g_pi_states, struct pi_state, node) {
        uint32_t value;
        if (s->owner_tid != t->tid || user_load_u32(s->uaddr, &value) < 0)
            continue;
        while (pi_hand_over(s, value, FUTEX_OWNER_DIED) == -EAGAIN) {
            if (user_load_u32(s->uaddr, &value) < 0)
                break;
        }
    }
    unlock(&g_pi_lock);
}

/* ---- condition variables: from a plain futex to a PI one ----------------------------------------
 */

long futex_wait_requeue_pi(uint32_t* uaddr, bool shared, uint32_t val,
                           struct futex_deadline deadline, uint32_t bitset, uint32_t* uaddr2) {
    struct pi_waiter w = {.thread = get_cur_thread()};
    libos_waiter_init(&w.waiter);
    struct futex_waiter fw = {.bitset = bitset, .waiter = &w.waiter, .pi = &w};
    if (uaddr == uaddr2 || !bitset)
        return -EINVAL;
    int ret = futex_get_key(uaddr2, shared, &fw.pi_key);
    if (ret == 0)
        ret = futex_get_key(uaddr, shared, &fw.key);
    if (ret == 0 && futex_key_equal(&fw.key, &fw.pi_key))
        ret = -EINVAL;
    if (ret < 0)
        return ret;
    if (futex_is_host(&fw.key) || futex_is_host(&fw.pi_key))
        return futex_host_wait_requeue_pi(uaddr, val, deadline, bitset, uaddr2);
    struct futex_bucket* b = futex_bucket_of(&fw.key);
    uint32_t seen;
    futex_lock_buckets(b, b);
    ret = user_load_u32(uaddr, &seen);
    if (ret == 0 && seen != val)
        ret = -EAGAIN;
    if (ret == 0) {
        fw.bucket = b;
        list_add_tail(&b->waiters, &fw.node);
    }
    futex_unlock_buckets(b, b);
    if (ret < 0)
        return ret;
    long wait = libos_wait(&w.waiter, deadline.clock, deadline.ns);
    if (futex_unqueue(&fw))
        return wait == -EINTR ? -ERESTARTNOINTR : wait ? wait : -EAGAIN;
    lock(&g_pi_lock); /* whoever moved it held this until all was done */
    bool owned = pi_give_up(&w, uaddr2);
    unlock(&g_pi_lock);
    /* Once moved, the call cannot begin anew. */
    return owned ? 0 : wait == -EINTR ? -EAGAIN : wait;
}

/* Takes fw off its bucket: it owns the PI futex now, or waits for it in s. Under all locks. */
static void move_to_pi(struct futex_waiter* fw, struct pi_state* s) {
    struct pi_waiter* w = fw->pi;
    list_del(&fw->node);
    if (s)
        pi_enqueue(s, w);
    __atomic_store_n(&fw->bucket, NULL, __ATOMIC_RELEASE);
    if (!s)
        libos_wake(&w->waiter);
}

/* Under all locks. Returns how many were moved, or -errno if that was none. */
static long requeue_pi(struct futex_bucket* b, const struct futex_key* key,
                       const struct futex_key* key2, uint32_t* uaddr2, int count2) {
    struct pi_state* s = pi_find(key2);
    long moved = 0;
    list_for_each_safe(fw, &b->waiters, struct futex_waiter, node) {
        if (moved > count2)
            break;
        if (!futex_key_equal(&fw->key, key))
            continue;
        if (!fw->pi || !futex_key_equal(&fw->pi_key, key2))
            return moved ? moved : -EINVAL;
        int owner = 0;
        int ret = pi_try_take(uaddr2, key2, fw->pi->thread->tid, false, &owner);
        if (ret == 1 && !s && !(s = pi_get(key2, uaddr2, owner)))
            ret = -ENOMEM;
        if (ret < 0)
            return moved ? moved : ret;
        move_to_pi(fw, ret == 1 ? s : NULL);
        moved++;
    }
    return moved;
}

long futex_cmp_requeue_pi(uint32_t* uaddr, bool shared, uint32_t* uaddr2, int count, int count2,
                          uint32_t cmp) {
    if (uaddr == uaddr2 || count != 1 || count2 < 0)
        return -EINVAL;
    struct futex_key key, key2;
    long ret = futex_get_key(uaddr, shared, &key);
    if (ret == 0)
        ret = futex_get_key(uaddr2, shared, &key2);
    if (ret == 0 && futex_key_equal(&key, &key2))
        ret = -EINVAL;
    if (ret < 0)
        return ret;
    if (futex_is_host(&key) || futex_is_host(&key2))
        return futex_mixed_requeue(uaddr, 1, count2, &cmp); /* they lock uaddr2 for themselves */
    struct futex_bucket* b = futex_bucket_of(&key);
    uint32_t seen;
    futex_lock_buckets(b, b);
    ret = user_load_u32(uaddr, &seen);
    if (ret == 0 && seen != cmp)
        ret = -EAGAIN;
    if (ret == 0) {
        lock(&g_pi_lock);
        ret = requeue_pi(b, &key, &key2, uaddr2, count2);
        unlock(&g_pi_lock);
    }
    futex_unlock_buckets(b, b);
    return ret;
}

void libos_futex_pi_after_fork(void) {
    list_for_each_safe(s, &g_pi_states, struct pi_state, node) {
        list_del(&s->node);
        libos_free(s);
    }
}
