/*
 * Making, looking at, setting and removing message queues. msgget(2), msgctl(2).
 */
#include <linux/capability.h>

#include "libos_fs.h"
#include "libos_process.h"
#include "msg_internal.h"

void libos_msg_get_limits(struct libos_msg_limits* limits) {
    const struct msg_root* root = msg_root();
    *limits = root ? root->limits : (struct libos_msg_limits){0};
}

void libos_msg_set_limits(const struct libos_msg_limits* limits) {
    struct msg_root* root = msg_root();
    if (!root)
        return;
    coord_lock(&root->table.lock);
    coord_log(&root->limits, sizeof(root->limits));
    root->limits = *limits;
    coord_unlock(&root->table.lock);
}

struct msg_waiter* msg_waiter_new(void) {
    struct msg_waiter* w = coord_alloc(sizeof(*w));
    if (w) {
        list_init(&w->node);
        w->status = MSG_WAITS;
        w->pid = cur_process()->pid;
        w->tid = get_cur_thread()->tid;
    }
    return w;
}

/* ---- msgget -------------------------------------------------------------------------------------
 */

static long create(struct msg_root* root, int32_t key, int flags) {
    int id = ipc_reserve(&root->table, root->limits.msgmni);
    if (id < 0)
        return id;
    struct msg_queue* q = (struct msg_queue*)ipc_new(&root->table, sizeof(*q));
    if (!q)
        return -ENOMEM;
    coord_lock(&q->o.lock);
    ipc_set_up(&q->o, id, key, flags);
    coord_log(&q->messages, sizeof(*q) - offsetof(struct msg_queue, messages));
    memset(&q->messages, 0, sizeof(*q) - offsetof(struct msg_queue, messages));
    list_init(&q->messages);
    list_init(&q->receivers);
    list_init(&q->senders);
    q->max_bytes = root->limits.msgmnb;
    q->ctime = ipc_now();
    coord_unlock(&q->o.lock);
    ipc_publish(&root->table, &q->o);
    return id;
}

/* The same for an existing one, whose lock is not held yet. */
static long found(struct msg_queue* q, int flags) {
    coord_lock(&q->o.lock);
    long ret = ipc_found(&q->o, flags);
    coord_unlock(&q->o.lock);
    return ret;
}

long libos_msg_get(int32_t key, int flags) {
    struct msg_root* root = msg_root();
    if (!root)
        return -ENOMEM;
    coord_lock(&root->table.lock);
    struct msg_queue* q = (struct msg_queue*)ipc_by_key(&root->table, key);
    long ret;
    if (!q)
        ret = key == IPC_PRIVATE || (flags & IPC_CREAT) ? create(root, key, flags) : -ENOENT;
    else if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        ret = -EEXIST;
    else
        ret = found(q, flags);
    coord_unlock(&root->table.lock);
    return ret;
}

/* ---- removal ------------------------------------------------------------------------------------
 */

static void end_waits(struct list_node* waiters, int status, struct ipc_wakes* wakes) {
    list_for_each_safe(w, waiters, struct msg_waiter, node) {
        msg_end_wait(w, status, wakes);
        coord_commit();
    }
}

static void drop_messages(struct msg_queue* q) {
    while (!list_empty(&q->messages)) {
        struct msg* m = list_first(&q->messages, struct msg, node);
        coord_list_del(&m->node);
        coord_free(m);
        coord_commit();
    }
}

long libos_msg_remove(int id) {
    struct msg_root* root = msg_root();
    if (!root)
        return -EINVAL;
    struct ipc_wakes wakes = {.count = 0};
    coord_lock(&root->table.lock);
    struct msg_queue* q = (struct msg_queue*)ipc_lock(&root->table, id);
    long ret = !q ? -EINVAL : ipc_owned(&q->o) ? 0 : -EPERM;
    if (!ret) {
        COORD_SET(q->o.exists, false);
        end_waits(&q->receivers, -EIDRM, &wakes);
        end_waits(&q->senders, -EIDRM, &wakes);
        drop_messages(q);
    }
    if (q)
        coord_unlock(&q->o.lock);
    if (!ret)
        ipc_leave(&root->table, &q->o);
    coord_unlock(&root->table.lock);
    ipc_wake_all(&wakes);
    return ret;
}

/* ---- the rest of msgctl -------------------------------------------------------------------------
 */

long libos_msg_stat(int id, int cmd, struct msqid64_ds* out) {
    struct msg_root* root = msg_root();
    if (!root)
        return -EINVAL;
    struct msg_queue* q = (struct msg_queue*)(cmd == IPC_STAT ? ipc_lock(&root->table, id)
                                                              : ipc_lock_index(&root->table, id));
    if (!q)
        return -EINVAL;
    long ret = cmd == MSG_STAT_ANY || ipc_permitted(&q->o, 0444) ? 0 : -EACCES;
    if (!ret) {
        memset(out, 0, sizeof(*out));
        ipc_fill_perm(&q->o, &out->msg_perm);
        out->msg_stime = q->send_time;
        out->msg_rtime = q->receive_time;
        out->msg_ctime = q->ctime;
        out->msg_cbytes = q->bytes;
        out->msg_qnum = q->count;
        out->msg_qbytes = q->max_bytes;
        out->msg_lspid = q->last_sender;
        out->msg_lrpid = q->last_receiver;
        ret = cmd == IPC_STAT ? 0 : q->o.id;
    }
    coord_unlock(&q->o.lock);
    return ret;
}

long libos_msg_set(int id, const struct msqid64_ds* in) {
    struct msg_root* root = msg_root();
    struct msg_queue* q = msg_lock(id);
    if (!q)
        return -EINVAL;
    struct ipc_wakes wakes = {.count = 0};
    long ret = 0;
    if (!ipc_owned(&q->o) ||
        (in->msg_qbytes > root->limits.msgmnb && !libos_capable(CAP_SYS_RESOURCE)))
        ret = -EPERM;
    if (!ret)
        ret = ipc_update(&q->o, &in->msg_perm);
    if (!ret) {
        COORD_SET(q->max_bytes, in->msg_qbytes);
        COORD_SET(q->ctime, ipc_now());
        end_waits(&q->receivers, -EAGAIN, &wakes);
        msg_wake_senders(q, &wakes);
    }
    coord_unlock(&q->o.lock);
    ipc_wake_all(&wakes);
    return ret;
}

long libos_msg_info(int cmd, struct msginfo* out) {
    struct msg_root* root = msg_root();
    if (!root)
        return -ENOMEM;
    const struct libos_msg_limits* l = &root->limits;
    *out = (struct msginfo){
        .msgpool = MSGPOOL,
        .msgmap = MSGMAP,
        .msgmax = (int)l->msgmax,
        .msgmnb = (int)l->msgmnb,
        .msgmni = (int)l->msgmni,
        .msgssz = MSGSSZ,
        .msgtql = MSGTQL,
        .msgseg = MSGSEG,
    };
    int highest = ipc_highest(&root->table);
    if (cmd != MSG_INFO)
        return highest;
    uint64_t count = 0, bytes = 0;
    for (int i = 0; i <= highest; i++) {
        struct msg_queue* q = (struct msg_queue*)ipc_lock_index(&root->table, i);
        if (!q)
            continue;
        count += q->count;
        bytes += q->bytes;
        coord_unlock(&q->o.lock);
    }
    out->msgpool = (int)__atomic_load_n(&root->table.in_use, __ATOMIC_RELAXED);
    out->msgmap = (int)MIN(count, (uint64_t)INT32_MAX);
    out->msgtql = (int)MIN(bytes, (uint64_t)INT32_MAX);
    return highest;
}

/* ---- /proc/sysvipc/msg --------------------------------------------------------------------------
 */

void libos_msg_show(struct libos_text* out) {
    libos_text_printf(out, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   "
                           "gid  cuid  cgid      stime      rtime      ctime\n");
    struct msqid64_ds ds;
    struct msg_root* root = msg_root();
    for (int i = 0; root && i <= ipc_highest(&root->table); i++) {
        long id = libos_msg_stat(i, MSG_STAT_ANY, &ds);
        if (id < 0)
            continue;
        const struct ipc64_perm* p = &ds.msg_perm;
        libos_text_printf(
            out, "%10d %10ld  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10ld %10ld %10ld\n", p->key,
            id, p->mode, ds.msg_cbytes, ds.msg_qnum, ds.msg_lspid, ds.msg_lrpid, p->uid, p->gid,
            p->cuid, p->cgid, (long)ds.msg_stime, (long)ds.msg_rtime, (long)ds.msg_ctime);
    }
}
