/*
 * Being told of the first message in an empty queue. mq_notify(3). By a signal, or, for glibc's
 * SIGEV_THREAD, by a packet on a netlink socket: that socket then is fed by a pipe, which the
 * sender, maybe in another process, opens by the host's name for it.
 */
#include "libos_event.h"
#include "libos_coord_process.h"
#include "libos_process.h"
#include "libos_socket.h"
#include "mq_internal.h"

void mq_take_notification(struct mqueue* q, struct mq_notification* out) {
    if (!q->notify.pid)
        return;
    *out = q->notify;
    COORD_SET(q->notify.pid, 0);
}

static void send_signal(const struct mq_notification* n) {
    siginfo_t info;
    if (!n->signo)
        return;
    memset(&info, 0, sizeof(info));
    info.si_signo = n->signo;
    info.si_code = SI_MESGQ;
    info.si_pid = cur_process()->pid;
    info.si_uid = get_cur_thread()->uid;
    info.si_ptr = (void*)n->value;
    if (n->pid == cur_process()->pid)
        libos_signal_send(NULL, &info);
    else
        coord_signal_process(n->pid, &info);
}

static void send_cookie(const struct mq_notification* n, bool removed) {
    char cookie[NOTIFY_COOKIE_LEN];
    PAL_HANDLE pipe;
    PAL_NUM count = sizeof(cookie);
    memcpy(cookie, n->cookie, sizeof(cookie));
    cookie[NOTIFY_COOKIE_LEN - 1] = removed ? NOTIFY_REMOVED : NOTIFY_WOKENUP;
    if (PalStreamOpenNamed(&n->pipe, PAL_ACCESS_WRONLY, PAL_OPTION_NONBLOCK, &pipe) < 0)
        return; /* the socket is closed */
    while (PalStreamWrite(pipe, PAL_OFFSET_CURRENT, &count, cookie, NULL) == PAL_ERROR_INTERRUPTED)
        count = sizeof(cookie);
    PalObjectClose(pipe);
}

void mq_tell(const struct mq_notification* n, bool removed) {
    if (n->kind == SIGEV_THREAD)
        send_cookie(n, removed);
    else if (n->kind == SIGEV_SIGNAL && !removed)
        send_signal(n);
}

static void unregister(struct mqueue* q) {
    struct mq_notification old = {.pid = 0};
    coord_lock(&q->lock);
    if (q->notify.pid == cur_process()->pid)
        mq_take_notification(q, &old);
    coord_unlock(&q->lock);
    if (old.pid)
        mq_tell(&old, true);
}

int mq_flush(struct libos_file* f) {
    struct mqueue* q = mq_file_of(f)->q;
    if (__atomic_load_n(&q->notify.pid, __ATOMIC_RELAXED) == cur_process()->pid)
        unregister(q);
    return 0;
}

int libos_mq_notify(struct libos_file* f, const struct sigevent* event, const char* cookie,
                    struct libos_file* socket) {
    struct mqueue* q = mq_file_of(f)->q;
    if (!event) {
        unregister(q);
        return 0;
    }
    struct mq_notification n = {.pid = cur_process()->pid, .kind = event->sigev_notify};
    n.signo = event->sigev_notify == SIGEV_SIGNAL ? event->sigev_signo : 0;
    n.value = (uint64_t)event->sigev_value.sival_ptr;
    if (event->sigev_notify == SIGEV_THREAD) {
        memcpy(n.cookie, cookie, sizeof(n.cookie));
        int ret = libos_netlink_feed(socket, &n.pipe);
        if (ret < 0)
            return ret;
    }
    coord_lock(&q->lock);
    int ret = q->notify.pid ? -EBUSY : 0;
    if (!ret) {
        coord_log(&q->notify, sizeof(q->notify));
        q->notify = n;
    }
    coord_unlock(&q->lock);
    return ret;
}
