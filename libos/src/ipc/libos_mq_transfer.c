/*
 * Sending to and receiving from POSIX message queues. mq_send(3), mq_receive(3). As in Linux, a
 * message goes straight to a receiver that waits, and room straight to a sender's message.
 */
#include <asm/fcntl.h>

#include "libos_process.h"
#include "mq_internal.h"

static void touch(struct mqueue* q, bool changed) {
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_REALTIME, &now);
    COORD_SET(q->atime, (int64_t)now);
    if (changed)
        COORD_SET(q->mtime, (int64_t)now);
    COORD_SET(q->ctime, (int64_t)now);
}

/* ---- waiting ------------------------------------------------------------------------------------
 */

static void enqueue(struct list_node* waiters, struct mq_waiter* w) {
    struct list_node* before = waiters;
    list_for_each(other, waiters, struct mq_waiter, node) {
        if (other->rank < w->rank) {
            before = &other->node;
            break;
        }
    }
    coord_list_add_tail(before, &w->node);
}

/* Under q's lock, at the start and at the end. 0: served, *message is what was got. */
static long wait_in(struct mqueue* q, struct list_node* waiters, struct mq_message** message,
                    uint64_t deadline_ns) {
    struct mq_waiter* w = coord_alloc(sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->status = MQ_WAITS;
    w->pid = g_process.pid;
    w->rank = get_cur_thread()->sched_priority;
    w->message = *message;
    enqueue(waiters, w);
    long ret;
    do {
        coord_unlock(&q->lock);
        ret = ipc_sleep(&w->woken, PAL_CLOCK_REALTIME, deadline_ns);
        coord_lock(&q->lock);
    } while (!ret && w->status == MQ_WAITS);
    if (w->status == MQ_WAITS) {
        coord_list_del(&w->node);
        ret = ret == -EINTR ? -ERESTARTSYS : ret;
    } else {
        *message = w->message;
        ret = 0;
    }
    coord_free(w);
    return ret;
}

static void serve(struct mq_waiter* w, struct mq_message* m, struct ipc_wakes* wakes) {
    coord_list_del(&w->node);
    COORD_SET(w->message, m);
    COORD_SET(w->status, 0);
    COORD_SET(w->woken, 1);
    ipc_wake_later(wakes, &w->woken);
}

/* ---- the queue ----------------------------------------------------------------------------------
 */

static void insert(struct mqueue* q, struct mq_message* m) {
    struct list_node* after = q->messages.prev;
    while (after != &q->messages &&
           list_entry(after, struct mq_message, node)->priority < m->priority)
        after = after->prev;
    coord_list_add(after, &m->node);
    COORD_SET(q->count, q->count + 1);
    COORD_SET(q->bytes, q->bytes + m->size);
}

static struct mq_message* take(struct mqueue* q) {
    struct mq_message* m = list_first(&q->messages, struct mq_message, node);
    coord_list_del(&m->node);
    COORD_SET(q->count, q->count - 1);
    COORD_SET(q->bytes, q->bytes - m->size);
    return m;
}

/* ---- sending ------------------------------------------------------------------------------------
 */

static struct mq_message* load(const void* data, size_t size, uint32_t priority, long* error) {
    struct mq_message* m = coord_alloc(sizeof(*m) + size);
    if (!m) {
        *error = -ENOMEM;
        return NULL;
    }
    m->priority = priority;
    m->size = size;
    if (user_copy_from(m->text, data, size) == 0)
        return m;
    coord_free(m);
    *error = -EFAULT;
    return NULL;
}

/* Under q's lock. 0: the message is the queue's, or a receiver's. */
static long send(struct libos_file* f, struct mq_message* m, uint64_t deadline_ns,
                 struct ipc_wakes* wakes, struct mq_notification* tell) {
    struct mqueue* q = mq_file_of(f)->q;
    if (q->count == q->max_messages) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        return wait_in(q, &q->senders, &m, deadline_ns);
    }
    if (!list_empty(&q->receivers)) {
        serve(list_first(&q->receivers, struct mq_waiter, node), m, wakes);
    } else {
        insert(q, m);
        if (q->count == 1)
            mq_take_notification(q, tell);
    }
    touch(q, true);
    mq_show_level(mq_file_of(f));
    return 0;
}

long libos_mq_send(struct libos_file* f, const void* data, size_t size, uint32_t priority,
                   uint64_t deadline_ns) {
    struct mqueue* q = mq_file_of(f)->q;
    long ret = 0;
    if (size > (uint64_t)q->max_size)
        return -EMSGSIZE;
    struct mq_message* m = load(data, size, priority, &ret);
    if (!m)
        return ret;
    struct ipc_wakes wakes = {.count = 0};
    struct mq_notification tell = {.pid = 0};
    coord_lock(&q->lock);
    ret = send(f, m, deadline_ns, &wakes, &tell);
    coord_unlock(&q->lock);
    if (ret)
        coord_free(m);
    ipc_wake_all(&wakes);
    if (tell.pid)
        mq_tell(&tell, false);
    return ret;
}

/* ---- receiving ----------------------------------------------------------------------------------
 */

static long receive(struct libos_file* f, struct mq_message** out, uint64_t deadline_ns,
                    struct ipc_wakes* wakes) {
    struct mqueue* q = mq_file_of(f)->q;
    if (q->count == 0) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        return wait_in(q, &q->receivers, out, deadline_ns);
    }
    *out = take(q);
    if (!list_empty(&q->senders)) {
        struct mq_waiter* w = list_first(&q->senders, struct mq_waiter, node);
        insert(q, w->message);
        serve(w, NULL, wakes);
    }
    touch(q, true);
    mq_show_level(mq_file_of(f));
    return 0;
}

long libos_mq_receive(struct libos_file* f, void* data, size_t size, uint32_t* user_priority,
                      uint64_t deadline_ns) {
    struct mqueue* q = mq_file_of(f)->q;
    if (size < (uint64_t)q->max_size)
        return -EMSGSIZE;
    struct ipc_wakes wakes = {.count = 0};
    struct mq_message* m = NULL;
    coord_lock(&q->lock);
    long ret = receive(f, &m, deadline_ns, &wakes);
    coord_unlock(&q->lock);
    ipc_wake_all(&wakes);
    if (ret)
        return ret;
    /* Once taken it is gone, even if it cannot be delivered. */
    ret = (long)m->size;
    if ((user_priority && user_put(m->priority, user_priority) < 0) ||
        user_copy_to(data, m->text, m->size) < 0)
        ret = -EFAULT;
    coord_free(m);
    return ret;
}
