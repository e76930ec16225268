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

/* ---- life ------------------------------------------------------------------------------------ */

struct libos_file* libos_socket_file(int family, int type, int protocol, bool nonblock,
                                     PAL_HANDLE host) {
    struct libos_anon_inode* inode = libos_anon_inode_create(S_IFSOCK | 0777);
    struct libos_socket* s = inode ? libos_calloc(1, sizeof(*s)) : NULL;
    if (!s) {
        libos_anon_inode_put(inode);
        PalObjectClose(host);
        return NULL;
    }
    s->inode = *inode;
    libos_anon_inode_put(inode);
    s->family = family;
    s->type = type;
    s->protocol = protocol;
    if (family == AF_UNIX && !(s->unix_data = libos_unix_alloc())) {
        libos_free(s);
        PalObjectClose(host);
        return NULL;
    }
    struct libos_file* f =
        libos_file_alloc(&g_libos_socket_ops, O_RDWR | (nonblock ? O_NONBLOCK : 0), host, NULL);
    if (!f) {
        libos_free(s->unix_data);
        libos_free(s);
        return NULL;
    }
    f->data = s;
    f->mode_type = S_IFSOCK;
    return f;
}

static void socket_close(struct libos_file* f) {
    struct libos_socket* s = libos_socket_of(f);
    for (int i = 0; i < 2; i++) {
        if (s->feed[i])
            PalObjectClose(s->feed[i]);
    }
    libos_free(s->unix_data);
    libos_free(s);
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
    }
    if (family == AF_NETLINK && !libos_netlink_has(protocol))
        return -EPROTONOSUPPORT;
    PAL_FLG host_protocol = family == AF_UNIX ? 0 : (PAL_FLG)protocol;
    int ret = PalSocketCreate((PAL_FLG)family, (PAL_FLG)type, host_protocol,
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
    if (f->ops != &g_libos_socket_ops) {
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

static int64_t send_to_host(struct libos_file* f, const struct libos_message* m,
                            unsigned int flags) {
    struct libos_socket* s = libos_socket_of(f);
    const void* addr = m->addr;
    PAL_NUM addr_size = m->addr_size;
    struct sockaddr_un host;
    if (s->family == AF_NETLINK)
        return libos_netlink_send(f, m, flags);
    if (s->family == AF_UNIX && addr && addr_size) {
        int ret = libos_unix_target(f, addr, addr_size, &host, &addr_size);
        if (ret < 0)
            return ret;
        addr = &host;
    }
    return pal_to_errno(PalSocketSend(f->host, m->iov, (PAL_NUM)m->iov_count,
                                      addr_size ? addr : NULL, addr_size, m->control,
                                      m->control_size, flags));
}

long libos_socket_send(struct libos_file* f, const struct libos_message* m, unsigned int flags) {
    int64_t ret = send_to_host(f, m, flags);
    if (ret > 0 && (uint64_t)ret > size_of(m))
        return -EIO;
    if (ret == -EPIPE && !(flags & MSG_NOSIGNAL_))
        libos_signal_self(SIGPIPE, SI_USER);
    if (__builtin_expect(f->flags & FASYNC, 0))
        libos_sigio_wrote(f, ret == -EAGAIN || (ret >= 0 && (uint64_t)ret < size_of(m)));
    if (ret == -ERESTARTSYS && libos_socket_of(f)->send_timeout)
        return libos_interrupted();
    return ret;
}

long libos_socket_receive(struct libos_file* f, struct libos_message* m, unsigned int flags) {
    struct libos_socket* s = libos_socket_of(f);
    PAL_NUM addr_room = m->addr_size, control_room = m->control_size;
    if (__atomic_load_n(&s->feed[0], __ATOMIC_ACQUIRE))
        return libos_netlink_receive_fed(f, m, flags);
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
    if (s->family == AF_UNIX && m->addr)
        libos_unix_sender(f, m->addr, &m->addr_size);
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
    int ret = PalStreamControl(f->host, op, &value, sizeof(value));
    if (ret < 0)
        return pal_to_errno(ret);
    return value < 0 ? -EIO : user_put(value, (int*)arg);
}

/* ---- sent to another process ----------------------------------------------------------------- */

struct packed_socket {
    struct libos_socket socket;
    struct libos_unix local;
};

static long socket_pack(struct libos_file* f, void* data, size_t size) {
    struct packed_socket* p = data;
    struct libos_socket* s = libos_socket_of(f);
    if (size < sizeof(*p))
        return -EINVAL;
    p->socket = *s;
    if (!s->unix_data)
        return sizeof(p->socket);
    lock(&s->unix_data->lock);
    p->local = *s->unix_data;
    unlock(&s->unix_data->lock);
    return sizeof(*p);
}

static int socket_unpack(struct libos_file* f, const void* data, size_t size) {
    const struct packed_socket* p = data;
    struct libos_socket* s = libos_malloc(sizeof(*s));
    if (!s)
        return -ENOMEM;
    *s = p->socket;
    s->unix_data = NULL;
    if (s->family == AF_UNIX) {
        s->unix_data = size == sizeof(*p) ? libos_unix_alloc() : NULL;
        if (!s->unix_data) {
            libos_free(s);
            return -ENOMEM;
        }
        *s->unix_data = p->local;
        s->unix_data->lock = (libos_lock_t)LIBOS_LOCK_INIT;
    }
    ref_set(&s->inode.ref, 1);
    f->data = s;
    return 0;
}

const struct libos_file_ops g_libos_socket_ops = {
    .kind = "socket",
    .read = socket_read,
    .write = socket_write,
    .ioctl = socket_ioctl,
    .stat = libos_anon_inode_stat,
    .set_flags = libos_stream_set_flags,
    .close = socket_close,
    .pack = socket_pack,
    .unpack = socket_unpack,
};
