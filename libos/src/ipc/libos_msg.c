/*
 * System V messages: sending and receiving. msgop(2). Follows Linux's ipc/msg.c: a message goes
 * straight to the receiver that has waited longest for one like it; senders that found no room try
 * again, in order, when there is some.
 */
#include "msg_internal.h"
#include "libos_process.h"

struct msg_root* msg_root(void) {
    static struct msg_root* cached; /* the same in every process */
    struct msg_root* root = __atomic_load_n(&cached, __ATOMIC_ACQUIRE);
    if (root)
        return root;
    root = coord_root(COORD_ROOT_MSG, sizeof(*root));
    if (!root)
        return NULL;
    coord_lock(&root->table.lock);
    if (!root->limits.msgmax) {
        coord_log(&root->limits, sizeof(root->limits));
        root->limits = (struct libos_msg_limits){8192, 16384, 32000};
    }
    coord_unlock(&root->table.lock);
    __atomic_store_n(&cached, root, __ATOMIC_RELEASE);
    return root;
}

struct msg_queue* msg_lock(int id) {
    struct msg_root* root = msg_root();
    return root ? (struct msg_queue*)ipc_lock(&root->table, id) : NULL;
}

void msg_end_wait(struct msg_waiter* w, int status, struct ipc_wakes* wakes) {
    coord_list_del(&w->node);
    COORD_SET(w->status, status);
    COORD_SET(w->woken, 1);
    ipc_wake_later(wakes, &w->woken);
}

/* ---- which messages are meant -----------------------------------------------------------------
 */

static enum msg_mode mode_of(long* type, int flags) {
    if (flags & MSG_COPY)
        return MSG_BY_NUMBER;
    if (*type == 0)
        return MSG_ANY;
    if (*type < 0) {
        *type = *type == INT64_MIN ? INT64_MAX : -*type;
        return MSG_UP_TO;
    }
    return flags & MSG_EXCEPT ? MSG_NOT_EQUAL : MSG_EQUAL;
}

static bool matches(const struct msg* m, long type, enum msg_mode mode) {
    switch (mode) {
        case MSG_UP_TO:
            return m->type <= type;
        case MSG_EQUAL:
            return m->type == type;
        case MSG_NOT_EQUAL:
            return m->type != type;
        default:
            return true;
    }
}

static struct msg* find(const struct msg_queue* q, long type, enum msg_mode mode) {
    struct msg* found = NULL;
    long number = 0;
    list_for_each(m, &q->messages, struct msg, node) {
        if (!matches(m, type, mode))
            continue;
        if (mode == MSG_UP_TO && m->type != 1) {
            type = m->type - 1; /* the first of the lowest type */
            found = m;
            continue;
        }
        if (mode != MSG_BY_NUMBER || number++ == type)
            return m;
    }
    return found;
}

static bool fits(const struct msg_queue* q, size_t size) {
    return size + q->bytes <= q->max_bytes && q->count + 1 <= q->max_bytes;
}

/* ---- sending ------------------------------------------------------------------------------------
 */

void msg_wake_senders(struct msg_queue* q, struct ipc_wakes* wakes) {
    const struct msg_waiter* stop = NULL;
    list_for_each_safe(w, &q->senders, struct msg_waiter, node) {
        if (w == stop)
            break;
        if (!fits(q, w->size)) { /* keeps its turn behind those that may try now */
            if (!stop)
                stop = w;
            coord_list_del(&w->node);
            coord_list_add_tail(&q->senders, &w->node);
            continue;
        }
        COORD_SET(w->woken, 1);
        ipc_wake_later(wakes, &w->woken);
    }
}

/* To a receiver that waits for it, if there is one. */
static bool hand_over(struct msg_queue* q, struct msg* m, struct ipc_wakes* wakes) {
    list_for_each_safe(w, &q->receivers, struct msg_waiter, node) {
        if (!matches(m, w->type, w->mode))
            continue;
        if (w->size < m->size) {
            msg_end_wait(w, -E2BIG, wakes);
            continue;
        }
        COORD_SET(w->msg, m);
        COORD_SET(q->last_receiver, w->tid);
        COORD_SET(q->receive_time, ipc_now());
        msg_end_wait(w, 0, wakes);
        return true;
    }
    return false;
}

static void put(struct msg_queue* q, struct msg* m, struct ipc_wakes* wakes) {
    COORD_SET(q->last_sender, cur_process()->pid);
    COORD_SET(q->send_time, ipc_now());
    if (hand_over(q, m, wakes))
        return;
    coord_list_add_tail(&q->messages, &m->node);
    COORD_SET(q->bytes, q->bytes + m->size);
    COORD_SET(q->count, q->count + 1);
}

/* Waits until there may be room. The queue's lock is held at the start and at the end; the queue
 * may be gone then, and its head another's: -EIDRM. */
static long wait_for_room(struct msg_queue* q, struct msg_waiter* w) {
    COORD_SET(w->woken, 0);
    coord_list_add_tail(&q->senders, &w->node);
    coord_unlock(&q->o.lock);
    long ret = ipc_sleep(&w->woken, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
    coord_lock(&q->o.lock);
    if (w->status != MSG_WAITS)
        return w->status;
    coord_list_del(&w->node);
    return ret == -EINTR ? -ERESTARTNOHAND : 0;
}

static long send(struct msg_queue* q, struct msg* m, int flags, struct ipc_wakes* wakes) {
    struct msg_waiter* w = NULL;
    long ret = 0;
    for (;;) {
        if (!ipc_permitted(&q->o, 0222))
            ret = -EACCES;
        else if (fits(q, m->size))
            put(q, m, wakes);
        else if (flags & IPC_NOWAIT)
            ret = -EAGAIN;
        else if (!w && !(w = msg_waiter_new()))
            ret = -ENOMEM;
        else {
            w->size = m->size;
            ret = wait_for_room(q, w);
            if (!ret)
                continue;
        }
        break;
    }
    coord_free(w);
    return ret;
}

/* In memory of the arena that nobody finds yet. */
static struct msg* load(long type, const void* text, size_t size, long* error) {
    struct msg* m = coord_alloc(sizeof(*m) + size);
    if (!m) {
        *error = -ENOMEM;
        return NULL;
    }
    m->type = type;
    m->size = size;
    if (user_copy_from(m->text, text, size) == 0)
        return m;
    coord_free(m);
    *error = -EFAULT;
    return NULL;
}

long libos_msg_send(int id, long type, const void* text, size_t size, int flags) {
    const struct msg_root* root = msg_root();
    if (!root)
        return -ENOMEM;
    if (size > root->limits.msgmax || (long)size < 0 || id < 0 || type < 1)
        return -EINVAL;
    long ret = 0;
    struct msg* m = load(type, text, size, &ret);
    if (!m)
        return ret;
    struct ipc_wakes wakes = {.count = 0};
    struct msg_queue* q = msg_lock(id);
    ret = q ? send(q, m, flags, &wakes) : -EINVAL;
    if (q)
        coord_unlock(&q->o.lock);
    if (ret)
        coord_free(m);
    ipc_wake_all(&wakes);
    return ret;
}

/* ---- receiving ----------------------------------------------------------------------------------
 */

struct msg_request {
    size_t size;
    long type;
    enum msg_mode mode;
    int flags;
};

static void take(struct msg_queue* q, struct msg* m, struct ipc_wakes* wakes) {
    coord_list_del(&m->node);
    COORD_SET(q->count, q->count - 1);
    COORD_SET(q->bytes, q->bytes - m->size);
    COORD_SET(q->receive_time, ipc_now());
    COORD_SET(q->last_receiver, cur_process()->pid);
    if (!ipc_list_empty(&q->senders))
        msg_wake_senders(q, wakes);
}

/* As wait_for_room(): 0 and *out, 0 and NULL (look again), or -errno. */
static long wait_for_message(struct msg_queue* q, struct msg_waiter* w, const struct msg_request* r,
                             struct msg** out) {
    w->type = r->type;
    w->mode = r->mode;
    w->size = r->flags & MSG_NOERROR ? INT32_MAX : r->size;
    COORD_SET(w->woken, 0);
    coord_list_add_tail(&q->receivers, &w->node);
    coord_unlock(&q->o.lock);
    long ret = ipc_sleep(&w->woken, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
    coord_lock(&q->o.lock);
    *out = w->msg;
    if (w->status == -EAGAIN) { /* permissions may have changed */
        COORD_SET(w->status, MSG_WAITS);
        return 0;
    }
    if (w->status != MSG_WAITS)
        return w->status;
    coord_list_del(&w->node);
    return ret == -EINTR ? -ERESTARTNOHAND : 0;
}

/* A private copy of the message that stays where it is. */
static long copy_of(const struct msg* m, const struct msg_request* r, struct msg** out) {
    const struct msg_root* root = msg_root();
    if (m->size > MIN(r->size, (size_t)root->limits.msgmax))
        return -EINVAL;
    struct msg* copy = coord_alloc(sizeof(*copy) + m->size);
    if (!copy)
        return -ENOMEM;
    copy->type = m->type;
    copy->size = m->size;
    memcpy(copy->text, m->text, m->size);
    *out = copy;
    return 0;
}

static long receive(struct msg_queue* q, const struct msg_request* r, struct msg** out,
                    struct ipc_wakes* wakes) {
    struct msg_waiter* w = NULL;
    long ret = 0;
    while (!*out && !ret) {
        if (!ipc_permitted(&q->o, 0444)) {
            ret = -EACCES;
            break;
        }
        struct msg* m = find(q, r->type, r->mode);
        if (m && m->size > r->size && !(r->flags & MSG_NOERROR)) {
            ret = -E2BIG;
        } else if (m && (r->flags & MSG_COPY)) {
            ret = copy_of(m, r, out);
        } else if (m) {
            take(q, m, wakes);
            *out = m;
        } else if (r->flags & IPC_NOWAIT) {
            ret = -ENOMSG;
        } else if (!w && !(w = msg_waiter_new())) {
            ret = -ENOMEM;
        } else {
            ret = wait_for_message(q, w, r, out);
        }
    }
    coord_free(w);
    return ret;
}

long libos_msg_receive(int id, void* text, size_t size, long wanted, int flags, void* user_type) {
    if (id < 0 || (long)size < 0)
        return -EINVAL;
    if ((flags & MSG_COPY) && ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT)))
        return -EINVAL;
    struct msg_request r = {.size = size, .type = wanted, .flags = flags};
    r.mode = mode_of(&r.type, flags);
    struct ipc_wakes wakes = {.count = 0};
    struct msg_queue* q = msg_lock(id);
    if (!q)
        return -EINVAL;
    struct msg* m = NULL;
    long ret = receive(q, &r, &m, &wakes);
    coord_unlock(&q->o.lock);
    ipc_wake_all(&wakes);
    if (ret)
        return ret;
    /* Once taken it is gone, even if it cannot be delivered. */
    ret = (long)MIN(size, m->size);
    if (user_put(m->type, user_type) < 0 || user_copy_to(text, m->text, (size_t)ret) < 0)
        ret = -EFAULT;
    coord_free(m);
    return ret;
}

/* ---- the dead -----------------------------------------------------------------------------------
 */

static void forget_waits(struct list_node* waiters, int32_t pid) {
    list_for_each_safe(w, waiters, struct msg_waiter, node) {
        if (w->pid == pid) {
            coord_list_del(&w->node);
            coord_free(w);
        }
    }
}

void ipc_msg_process_gone(int32_t pid) {
    struct msg_root* root = msg_root();
    for (int i = root ? ipc_highest(&root->table) : -1; i >= 0; i--) {
        struct msg_queue* q = (struct msg_queue*)ipc_lock_index(&root->table, i);
        if (!q)
            continue;
        forget_waits(&q->senders, pid);
        forget_waits(&q->receivers, pid);
        coord_unlock(&q->o.lock);
    }
}
