/*
 * AF_NETLINK: interfaces, addresses and routes (rtnetlink(7)), TCP and UDP sockets (sock_diag(7)),
 * events of devices. A guest may look at those of the network, which is the host's, and change
 * nothing.
 */
#include <asm/fcntl.h>
#include <linux/mqueue.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include "libos_unix.h"

#define MESSAGE_MAX   32768
#define MSG_DONTWAIT_ 0x40

/* The others tell of the host, not of this instance. */
bool libos_netlink_has(int protocol) {
    return protocol == NETLINK_ROUTE || protocol == NETLINK_SOCK_DIAG ||
           protocol == NETLINK_KOBJECT_UEVENT;
}

/* The host would bind the socket to its own process number, which is not the guest's to see: bind
 * it to a number made up here. */
int libos_netlink_bind(struct libos_file* f) {
    struct libos_socket* s = libos_socket_of(f);
    struct sockaddr_nl addr = {.nl_family = AF_NETLINK};
    int ret;
    do {
        ret = PalRandomBitsRead(&addr.nl_pid, sizeof(addr.nl_pid));
        if (ret < 0)
            return (int)pal_to_errno(ret);
        addr.nl_pid |= 0x80000000u;
        ret = PalSocketBind(f->host, &addr, sizeof(addr));
    } while (ret == PAL_ERROR_ADDRINUSE);
    s->netlink_id = addr.nl_pid;
    return (int)pal_to_errno(ret);
}

/* Only questions: RTM_GET*, and about the sockets of the network that is the host's. What is no
 * whole message is not looked at by the host either. */
static int check_request(int protocol, const struct nlmsghdr* h, const char* data, size_t size) {
    if (h->nlmsg_type < NLMSG_MIN_TYPE)
        return 0;
    if (protocol == NETLINK_ROUTE)
        return (h->nlmsg_type - RTM_BASE) % 4 == 2 ? 0 : -EPERM;
    bool inet = size && (data[0] == AF_INET || data[0] == AF_INET6);
    return protocol == NETLINK_SOCK_DIAG && h->nlmsg_type == SOCK_DIAG_BY_FAMILY && inet ? 0
                                                                                         : -EPERM;
}

static int check_requests(int protocol, const char* buf, size_t size) {
    struct nlmsghdr h;
    for (size_t pos = 0; pos < size && size - pos >= sizeof(h); pos += NLMSG_ALIGN(h.nlmsg_len)) {
        memcpy(&h, buf + pos, sizeof(h));
        if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > size - pos)
            break;
        int ret = check_request(protocol, &h, buf + pos + sizeof(h), h.nlmsg_len - sizeof(h));
        if (ret < 0)
            return ret;
    }
    return 0;
}

/* Copied first: what was checked is what is sent. */
int64_t libos_netlink_send(struct libos_file* f, const struct libos_message* m,
                           unsigned int flags) {
    size_t size = 0, done = 0;
    for (int i = 0; i < m->iov_count; i++)
        size += m->iov[i].iov_len;
    if (size > MESSAGE_MAX)
        return -EMSGSIZE;
    char* buf = libos_malloc(size ? size : 1);
    if (!buf)
        return -ENOBUFS;
    int64_t ret = 0;
    for (int i = 0; i < m->iov_count && ret == 0; i++) {
        ret = user_copy_from(buf + done, m->iov[i].iov_base, m->iov[i].iov_len);
        done += m->iov[i].iov_len;
    }
    if (ret == 0)
        ret = check_requests(libos_socket_of(f)->protocol, buf, size);
    if (ret == 0) {
        struct iovec iov = {buf, size};
        ret = pal_to_errno(PalSocketSend(f->host, &iov, 1, m->addr, m->addr_size, NULL, 0, flags));
    }
    libos_free(buf);
    return ret;
}

/* ---- mq_notify(2) ------------------------------------------------------------------------------
 * glibc's thread for SIGEV_THREAD reads its notifications from a netlink socket. From the first one
 * on, such a socket reads from a pipe, a cookie at a time, and nothing else comes through it.
 */

int libos_netlink_check(struct libos_file* f) {
    if (f->ops != &g_libos_socket_ops)
        return -ENOTSOCK;
    return libos_socket_of(f)->family == AF_NETLINK ? 0 : -EINVAL;
}

/* Threads that read from the host's socket look again. */
static void kick_others(void) {
    struct libos_process* p = cur_process();
    lock(&p->threads_lock);
    list_for_each(t, &p->threads, struct libos_thread, node) {
        if (t != get_cur_thread() && t->tcb)
            PalThreadResume(t->host);
    }
    unlock(&p->threads_lock);
}

int libos_netlink_feed(struct libos_file* f, PAL_HANDLE_NAME* name) {
    struct libos_socket* s = libos_socket_of(f);
    int ret = 0;
    bool fresh = false;
    lock(&f->lock);
    if (!s->feed[0]) {
        PAL_HANDLE ends[2];
        ret = PalPipeCreate(0, ends);
        if (ret == 0) {
            s->feed[1] = ends[1];
            __atomic_store_n(&s->feed[0], ends[0], __ATOMIC_RELEASE);
            fresh = true;
        }
    }
    if (ret == 0)
        ret = PalHandleName(s->feed[1], name);
    unlock(&f->lock);
    if (fresh)
        kick_others();
    return (int)pal_to_errno(ret);
}

long libos_netlink_receive_fed(struct libos_file* f, struct libos_message* m, unsigned int flags) {
    struct libos_socket* s = libos_socket_of(f);
    int waiting = 0;
    if ((flags & MSG_DONTWAIT_) || (f->flags & O_NONBLOCK)) {
        int ret = PalStreamControl(s->feed[0], PAL_OP_BYTES_READABLE, &waiting, sizeof(waiting));
        if (ret < 0 || waiting == 0)
            return ret < 0 ? pal_to_errno(ret) : -EAGAIN;
    }
    char cookie[NOTIFY_COOKIE_LEN];
    PAL_NUM size = sizeof(cookie), done = 0;
    int ret = PalStreamRead(s->feed[0], PAL_OFFSET_CURRENT, &size, cookie, NULL, 0);
    if (ret < 0)
        return pal_to_errno(ret);
    if (size > sizeof(cookie))
        return -EIO;
    m->addr_size = 0;
    m->control_size = 0;
    m->flags = 0;
    for (int i = 0; i < m->iov_count && done < size; i++) {
        size_t part = MIN(size - done, m->iov[i].iov_len);
        if (user_copy_to(m->iov[i].iov_base, cookie + done, part) < 0)
            return -EFAULT;
        done += part;
    }
    return (long)done;
}
