/*
 * Socket files: making them, reading and writing. socket(7).
 */
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <linux/in.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <linux/stat.h>

#include "libos_fs.h"
#include "libos_unix.h"

#define MSG_NOSIGNAL_ 0x4000u
#define MSG_TRUNC_    0x20u
#define MSG_DONTWAIT_ 0x40u

static const struct libos_file_ops g_socket_ops, g_lone_socket_ops;

/* ---- life ------------------------------------------------------------------------------------ */

struct libos_file* libos_socket_file(int family, int type, int protocol, bool nonblock,
                                     PAL_HANDLE host) {
    struct libos_anon_inode* inode = libos_anon_inode_create(S_IFSOCK | 0777);
    struct libos_socket* s = inode ? libos_calloc(1, sizeof(*s)) : NULL;
    if (!s) {
        libos_anon_inode_put(inode);
        if (host)
            PalObjectClose(host);
        return NULL;
    }
    s->inode = *inode;
    libos_anon_inode_put(inode);
    s->family = family;
    s->type = type;
    s->protocol = protocol;
    struct libos_file* f =
        libos_file_alloc(&g_socket_ops, O_RDWR | (nonblock ? O_NONBLOCK : 0), host, NULL);
    if (!f) {
        libos_free(s);
        return NULL;
    }
    f->data = s;
    f->mode_type = S_IFSOCK;
    return f;
}

static void socket_close(struct libos_file* f) {
    struct libos_socket* s = libos_socket_of(f);
    if (s->local)
        libos_unix_release(s->local);
    libos_socket_pair_put(s->pair);
    libos_free(s);
}

bool libos_socket_alone(const struct libos_file* f) {
    return __atomic_load_n(&f->ops, __ATOMIC_ACQUIRE) == &g_lone_socket_ops;
}

void libos_socket_set_alone(struct libos_file* f) {
    __atomic_store_n(&f->ops, &g_lone_socket_ops, __ATOMIC_RELEASE);
}

void libos_socket_set_connected(struct libos_file* f) {
    __atomic_store_n(&f->ops, &g_socket_ops, __ATOMIC_RELEASE);
}

int libos_socket_create(int family, int type, int protocol, bool nonblock,
                        struct libos_file** out) {
    PAL_HANDLE host;
    if (family == AF_UNIX) {
        if (protocol && protocol != AF_UNIX)
            return -EPROTONOSUPPORT;
        if (type == SOCK_RAW)
            type = SOCK_DGRAM; /* as Linux does */
        if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
            return -ESOCKTNOSUPPORT;
        return libos_unix_create(type, protocol, nonblock, out);
    }
    if (family == AF_NETLINK && protocol != NETLINK_ROUTE)
        return -EPROTONOSUPPORT; /* the others tell of the host, not of this instance */
    int ret = PalSocketCreate((PAL_FLG)family, (PAL_FLG)type, (PAL_FLG)protocol,
                              nonblock ? PAL_OPTION_NONBLOCK : 0, &host);
    if (ret < 0)
        return (int)pal_to_errno(ret);
    struct libos_file* f = libos_socket_file(family, type, protocol, nonblock, host);
    if (!f)
        return -ENOMEM;
    ret = family == AF_NETLINK ? libos_netlink_bind(f) : 0;
    if (ret < 0) {
        libos_file_put(f);
        return ret;
    }
    *out = f;
    return 0;
}

int libos_socket_get(int fd, struct libos_file** out) {
    struct libos_file* f = libos_fd_get_open(fd);
    if (!f)
        return -EBADF;
    if (f->ops != &g_socket_ops && f->ops != &g_lone_socket_ops) {
        libos_file_put(f);
        return -ENOTSOCK;
    }
    *out = f;
    return 0;
}

/* ---- addresses ------------------------------------------------------------------------------- */

int libos_socket_bind(struct libos_file* f, void* addr, PAL_NUM size) {
    struct libos_socket* s = libos_socket_of(f);
    if (s->family == AF_UNIX)
        return libos_unix_bind(f, addr, size);
    struct sockaddr_nl* nl = addr;
    if (s->family == AF_NETLINK && size >= sizeof(*nl) && nl->nl_family == AF_NETLINK &&
        (nl->nl_pid == 0 || nl->nl_pid == (uint32_t)cur_process()->pid))
        nl->nl_pid = s->netlink_id;
    return (int)pal_to_errno(PalSocketBind(f->host, addr, size));
}

int libos_socket_connect(struct libos_file* f, const void* addr, PAL_NUM size) {
    struct libos_socket* s = libos_socket_of(f);
    if (s->family == AF_UNIX)
        return libos_unix_connect(f, addr, size);
    int ret = PalSocketConnect(f->host, addr, size);
    if (ret == PAL_ERROR_INTERRUPTED && s->send_timeout)
        return (int)libos_interrupted();
    return (int)pal_to_errno(ret);
}

/* ---- messages -------------------------------------------------------------------------------- */

static uint64_t size_of(const struct libos_message* m) {
    uint64_t size = 0;
    for (int i = 0; i < m->iov_count; i++)
        size += m->iov[i].iov_len;
    return size;
}

static int no_peer(const struct libos_socket* s) {
    return s->type == SOCK_STREAM ? -EINVAL : -ENOTCONN;
}

/* Datagrams between named sockets go into the far end of the receiver. */
static int64_t send_datagram(struct libos_file* f, const struct libos_message* m,
                             unsigned int flags) {
    struct libos_file* target;
    PAL_HANDLE via;
    bool to = m->addr && m->addr_size;
    int ret = libos_unix_target(f, to ? m->addr : NULL, m->addr_size, &target, &via);
    if (ret < 0)
        return ret;
    if (f->flags & O_NONBLOCK)
        flags |= MSG_DONTWAIT_;
    int64_t sent = PalSocketSend(via, m->iov, (PAL_NUM)m->iov_count, NULL, 0, m->control,
                                 m->control_size, flags);
    libos_file_put(target);
    return pal_to_errno(sent);
}

static int64_t send_to_host(struct libos_file* f, const struct libos_message* m,
                            unsigned int flags) {
    struct libos_socket* s = libos_socket_of(f);
    bool local = s->family == AF_UNIX;
    if (local && s->type == SOCK_DGRAM && s->local)
        return send_datagram(f, m, flags);
    if (local && m->addr && m->addr_size)
        return libos_socket_alone(f) ? -EOPNOTSUPP : -EISCONN;
    if (libos_socket_alone(f))
        return -ENOTCONN;
    if (s->family == AF_NETLINK)
        return libos_netlink_send(f, m, flags);
    return pal_to_errno(PalSocketSend(f->host, m->iov, (PAL_NUM)m->iov_count, m->addr, m->addr_size,
                                      m->control, m->control_size, flags));
}

long libos_socket_send(struct libos_file* f, const struct libos_message* m, unsigned int flags) {
    int64_t ret = send_to_host(f, m, flags);
    if (ret > 0 && (uint64_t)ret > size_of(m))
        return -EIO;
    if (ret == -EPIPE && !(flags & MSG_NOSIGNAL_))
        libos_signal_self(SIGPIPE, SI_USER);
    if (ret == -ERESTARTSYS && libos_socket_of(f)->send_timeout)
        return libos_interrupted();
    return ret;
}

long libos_socket_receive(struct libos_file* f, struct libos_message* m, unsigned int flags) {
    struct libos_socket* s = libos_socket_of(f);
    if (libos_socket_alone(f))
        return no_peer(s);
    PAL_NUM addr_room = m->addr_size, control_room = m->control_size;
    bool whole = m->control || m->flags;
    m->flags = 0;
    int64_t ret = PalSocketReceive(
        f->host, m->iov, (PAL_NUM)m->iov_count, m->addr, m->addr ? &m->addr_size : NULL, m->control,
        whole ? &m->control_size : NULL, flags, whole ? &m->flags : NULL);
    if (ret < 0)
        return ret == PAL_ERROR_INTERRUPTED && s->receive_timeout ? libos_interrupted()
                                                                  : pal_to_errno(ret);
    /* With MSG_TRUNC the length of the message is told, not what fitted. */
    if (!(flags & MSG_TRUNC_) && (uint64_t)ret > size_of(m))
        return -EIO;
    if (whole && m->control_size > control_room)
        return -EIO;
    /* The address may be longer than its buffer: then it was cut. */
    if (m->addr_size > addr_room && m->addr_size > sizeof(struct __kernel_sockaddr_storage))
        return -EIO;
    return ret;
}

/* ---- file operations ------------------------------------------------------------------------- */

static long socket_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                        const int64_t* pos, int rwf) {
    (void)rwf;
    if (pos)
        return -ESPIPE;
    struct libos_message m = {.iov = iov, .iov_count = iov_count};
    return libos_socket_receive(f, &m, 0);
}

static long socket_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                         const int64_t* pos, int rwf) {
    (void)rwf;
    if (pos)
        return -ESPIPE;
    struct libos_message m = {.iov = iov, .iov_count = iov_count};
    return libos_socket_send(f, &m, 0);
}

static long get_interface(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    PAL_INTERFACE_REQUEST r = {.which = cmd};
    if (user_get(r.request, (void*)arg) < 0)
        return -EFAULT;
    int ret = PalStreamControl(f->host, PAL_OP_INTERFACE_GET, &r, sizeof(r));
    return ret < 0 ? pal_to_errno(ret) : user_put(r.request, (void*)arg);
}

static long socket_ioctl(struct libos_file* f, unsigned int cmd, unsigned long arg) {
    PAL_FLG op;
    switch (cmd) {
        case SIOCINQ: /* FIONREAD */
            op = PAL_OP_BYTES_READABLE;
            break;
        case SIOCOUTQ: /* TIOCOUTQ */
            op = PAL_OP_TTY_BYTES_QUEUED;
            break;
        case SIOCGIFNAME:
        case SIOCGIFINDEX:
        case SIOCGIFFLAGS:
        case SIOCGIFADDR:
        case SIOCGIFDSTADDR:
        case SIOCGIFBRDADDR:
        case SIOCGIFNETMASK:
        case SIOCGIFMETRIC:
        case SIOCGIFMTU:
        case SIOCGIFHWADDR:
        case SIOCGIFTXQLEN:
            return get_interface(f, cmd, arg);
        default:
            return -ENOTTY;
    }
    int value = 0;
    if (libos_socket_alone(f))
        return -EINVAL;
    int ret = PalStreamControl(f->host, op, &value, sizeof(value));
    if (ret < 0)
        return pal_to_errno(ret);
    return value < 0 ? -EIO : user_put(value, (int*)arg);
}

static PAL_HANDLE no_handle(struct libos_file* f) {
    (void)f;
    return NULL;
}

static const struct libos_file_ops g_socket_ops = {
    .kind = "socket",
    .read = socket_read,
    .write = socket_write,
    .ioctl = socket_ioctl,
    .stat = libos_anon_inode_stat,
    .set_flags = libos_stream_set_flags,
    .close = socket_close,
};

static const struct libos_file_ops g_lone_socket_ops = {
    .kind = "socket",
    .read = socket_read,
    .write = socket_write,
    .ioctl = socket_ioctl,
    .stat = libos_anon_inode_stat,
    .set_flags = libos_stream_set_flags,
    .poll = libos_unix_poll,
    .poll_handle = no_handle,
    .close = socket_close,
};
