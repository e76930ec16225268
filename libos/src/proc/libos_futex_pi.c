/*
 * Priority-inheritance futexes: FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI.
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
static int pi_try_take(uint32_t* uaddr, const struct futex_key* key, bool try, int* owner) {
    uint32_t tid = get_cur_thread()->tid, value;
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

static long pi_wait(struct pi_waiter* w, uint32_t* uaddr, struct futex_deadline deadline) {
    unlock(&g_pi_lock);
    long ret = libos_wait(&w->waiter, deadline.clock, deadline.ns);
    lock(&g_pi_lock);
    struct pi_state* s = w->state;
    if (!s)
        return 0; /* handed over, whatever else happened */
    list_del(&w->node);
    uint32_t value;
    if (list_empty(&s->waiters) && user_load_u32(uaddr, &value) == 0) {
        uint32_t seen = value;
        user_cmpxchg_u32(uaddr, &seen, value & ~FUTEX_WAITERS);
    }
    pi_free_if_idle(s);
    return ret == -EINTR ? -ERESTARTNOINTR : ret;
}

long futex_lock_pi(uint32_t* uaddr, bool shared, struct futex_deadline deadline, bool try) {
    struct futex_key key;
    long ret = futex_get_key(uaddr, shared, &key);
    if (ret < 0)
        return ret;
    struct libos_thread* self = get_cur_thread();
    int owner = 0;
    lock(&g_pi_lock);
    ret = pi_try_take(uaddr, &key, try, &owner);
    if (ret == 1) {
        struct pi_state* s = pi_find(&key);
        if (!s && (s = libos_calloc(1, sizeof(*s))) != NULL) {
            s->key = key;
            s->uaddr = uaddr;
            list_init(&s->waiters);
            list_add(&g_pi_states, &s->node);
        }
        if (!s) {
            ret = -ENOMEM;
        } else {
            s->owner_tid = owner;
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
