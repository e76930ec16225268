/*
 * Handles sent to another process of the instance: SCM_RIGHTS over a process handle's stream or a
 * named pipe, with a record that says what the descriptor is. The receiver believes nothing of it
 * that it can check.
 */
#include <linux/timerfd.h>

#include "socket.h"

#define MAGIC 0x4c444e48 /* "HNDL" */
#define SENT_FLAGS                                                                                 \
    (HANDLE_NONBLOCK | HANDLE_READABLE | HANDLE_WRITABLE | HANDLE_PATH | HANDLE_APPEND |           \
     HANDLE_DUPLEX | HANDLE_SEEKABLE | HANDLE_PACKET | HANDLE_CONNECTED)

struct record {
    uint32_t magic, type, flags, count; /* count: descriptors, 1 or 2 */
    uint32_t family, socket_type;
};
struct rights {
    struct host_cmsghdr header;
    int fds[2];
};

static bool can_carry(const struct host_handle* h) {
    return h->pal.hdr.type == PAL_TYPE_PROCESS || h->pal.hdr.type == PAL_TYPE_PIPE;
}
static bool can_travel(PAL_IDX type) {
    return type >= PAL_TYPE_FILE && type <= PAL_TYPE_SOCKET;
}

int PalSendHandle(PAL_HANDLE handle, PAL_HANDLE cargo) {
    struct host_handle* h = stream_of(handle);
    struct host_handle* c = stream_of(cargo);
    if (!h || !c)
        return PAL_ERROR_BADHANDLE;
    if (!can_carry(h) || !can_travel(cargo->hdr.type))
        return PAL_ERROR_NOTSUPPORT;
    uint32_t count = c->flags & HANDLE_DUPLEX ? 2 : 1;
    struct record record = {
        .magic = MAGIC,
        .type = cargo->hdr.type,
        .flags = c->flags & SENT_FLAGS,
        .count = count,
        .family = cargo->hdr.type == PAL_TYPE_SOCKET ? c->sock.family : 0,
        .socket_type = cargo->hdr.type == PAL_TYPE_SOCKET ? c->sock.type : 0,
    };
    struct rights rights = {
        .header = {sizeof(rights.header) + count * sizeof(int), SOL_SOCKET, SCM_RIGHTS},
        .fds = {c->fd, c->fd2},
    };
    struct iovec iov = {&record, sizeof(record)};
    struct host_msghdr message = {.iov = &iov,
                                  .iov_count = 1,
                                  .control = &rights,
                                  .control_size = CMSG_ALIGN_UP(rights.header.size)};
    long ret = host_syscall_block(__NR_sendmsg, stream_write_fd(h), &message, MSG_NOSIGNAL);
    if (ret == -ENOTSOCK)
        return PAL_ERROR_NOTSUPPORT; /* an anonymous pipe has no place for descriptors */
    if (ret < 0)
        return host_error(ret);
    return ret == sizeof(record) ? 0 : PAL_ERROR_INCONSIST;
}

/* ---- Receiving
 * ---------------------------------------------------------------------------------*/

static int socket_option(int fd, int name) {
    int value = -1, size = sizeof(value);
    long ret = host_syscall(__NR_getsockopt, fd, SOL_SOCKET, name, &value, &size);
    return ret < 0 ? -1 : value;
}

static bool is_socket_kind(int fd, bool local, int type, bool listening) {
    int family = socket_option(fd, SO_DOMAIN);
    if (local ? family != AF_UNIX : family != AF_INET && family != AF_INET6)
        return false;
    return socket_option(fd, SO_TYPE) == type && socket_option(fd, SO_ACCEPTCONN) == listening;
}

static bool is_timer(int fd) {
    struct __kernel_itimerspec now;
    return host_syscall(__NR_timerfd_gettime, fd, &now) == 0;
}

/* Whether the descriptor can be what the record calls it. */
static bool fits(int fd, const struct record* record) {
    struct stat st;
    if (host_syscall(__NR_fstat, fd, &st) < 0)
        return false;
    uint32_t kind = st.st_mode & S_IFMT;
    switch (record->type) {
        case PAL_TYPE_FILE:
            return kind != S_IFSOCK && kind != 0;
        case PAL_TYPE_DIR:
            return kind == S_IFDIR;
        case PAL_TYPE_DEV: /* standard input may be anything */
            return kind != S_IFDIR;
        case PAL_TYPE_MEMORY:
            return kind == S_IFREG;
        case PAL_TYPE_PIPE:
            return kind == S_IFIFO || is_socket_kind(fd, true, SOCK_STREAM, false);
        case PAL_TYPE_PIPESRV:
            return is_socket_kind(fd, true, SOCK_STREAM, true);
        case PAL_TYPE_TCP:
            return is_socket_kind(fd, false, SOCK_STREAM, false);
        case PAL_TYPE_TCPSRV:
            return is_socket_kind(fd, false, SOCK_STREAM, true);
        case PAL_TYPE_UDP:
        case PAL_TYPE_UDPSRV:
            return is_socket_kind(fd, false, SOCK_DGRAM, false);
        case PAL_TYPE_SOCKET:
            return socket_option(fd, SO_DOMAIN) == (int)record->family &&
                   socket_option(fd, SO_TYPE) == (int)record->socket_type;
        case PAL_TYPE_TIMER:
            return is_timer(fd);
        case PAL_TYPE_EVENTFD:
        case PAL_TYPE_WATCH:
        case PAL_TYPE_WAITSET:
            return kind == 0 && !is_timer(fd); /* anonymous inodes have no type */
        default:
            return false;
    }
}

/* The access the record claims must be the host's. */
static bool access_fits(int fd, uint32_t flags, bool readable, bool writable) {
    long status = host_syscall(__NR_fcntl, fd, F_GETFL);
    if (status < 0 || !!(status & O_PATH) != !!(flags & HANDLE_PATH))
        return false;
    if (status & O_PATH)
        return true;
    long mode = status & O_ACCMODE;
    return !(readable && mode == O_WRONLY) && !(writable && mode == O_RDONLY);
}

static bool record_holds(const struct record* record, const int* fds, size_t count) {
    bool duplex = record->flags & HANDLE_DUPLEX;
    if (record->magic != MAGIC || !can_travel(record->type) || (record->flags & ~SENT_FLAGS) ||
        record->count != count || count != (duplex ? 2 : 1))
        return false;
    bool readable = record->flags & HANDLE_READABLE;
    bool writable = record->flags & HANDLE_WRITABLE;
    for (size_t i = 0; i < count; i++) {
        if (!fits(fds[i], record) || !access_fits(fds[i], record->flags, readable && i == 0,
                                                  writable && (!duplex || i == 1)))
            return false;
    }
    return true;
}

/* Takes the descriptors out of a message; too many of them or other data: an error, all closed. */
static int take_rights(const struct host_msghdr* message, const struct rights* rights, int fds[2],
                       size_t* count) {
    *count = 0;
    if (message->control_size < sizeof(rights->header) + sizeof(int) ||
        rights->header.level != SOL_SOCKET || rights->header.type != SCM_RIGHTS)
        return PAL_ERROR_INCONSIST;
    *count = (rights->header.size - sizeof(rights->header)) / sizeof(int);
    memcpy(fds, rights->fds, *count * sizeof(int)); /* the buffer has room for two */
    return message->flags & MSG_CTRUNC ? PAL_ERROR_INCONSIST : 0;
}

static int receive(int socket, struct record* record, int fds[2], size_t* count) {
    struct rights rights = {0};
    struct iovec iov = {record, sizeof(*record)};
    struct host_msghdr message = {
        .iov = &iov, .iov_count = 1, .control = &rights, .control_size = sizeof(rights)};
    *count = 0;
    long ret = host_syscall_block(__NR_recvmsg, socket, &message, MSG_CMSG_CLOEXEC);
    if (ret == -ENOTSOCK)
        return PAL_ERROR_NOTSUPPORT;
    if (ret < 0)
        return host_error(ret);
    int taken = take_rights(&message, &rights, fds, count);
    if (ret == 0)
        return PAL_ERROR_CONNFAILED; /* the other side is gone */
    return ret == sizeof(*record) ? taken : PAL_ERROR_INCONSIST;
}

int PalReceiveHandle(PAL_HANDLE handle, PAL_HANDLE* cargo) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!can_carry(h))
        return PAL_ERROR_NOTSUPPORT;
    struct record record = {0};
    int fds[2] = {-1, -1};
    size_t count;
    int ret = receive(h->fd, &record, fds, &count);
    if (ret == 0 && !record_holds(&record, fds, count))
        ret = PAL_ERROR_INCONSIST;
    struct host_handle* made = ret == 0 ? host_handle_new(record.type) : NULL;
    if (!made) {
        for (size_t i = 0; i < count; i++)
            host_close(fds[i]);
        return ret < 0 ? ret : PAL_ERROR_NOMEM;
    }
    made->flags = record.flags;
    made->fd = fds[0];
    made->fd2 = fds[1];
    if (record.type == PAL_TYPE_SOCKET) {
        made->sock.family = record.family;
        made->sock.type = record.socket_type;
    }
    *cargo = &made->pal;
    return 0;
}

/* ---- Records of handles in control data of sockets ---------------------------------------------
 */

int PalHandleRecordGet(PAL_HANDLE handle, PAL_HANDLE_RECORD* record) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!can_travel(handle->hdr.type) || (h->flags & HANDLE_DUPLEX))
        return PAL_ERROR_NOTSUPPORT;
    bool socket = handle->hdr.type == PAL_TYPE_SOCKET;
    *record = (PAL_HANDLE_RECORD){
        .type = handle->hdr.type,
        .flags = h->flags & SENT_FLAGS,
        .family = socket ? h->sock.family : 0,
        .socket_type = socket ? h->sock.type : 0,
    };
    return 0;
}

int PalHandleRecordSet(PAL_HANDLE handle, const PAL_HANDLE_RECORD* r) {
    struct host_handle* h = stream_of(handle);
    if (!h || handle->hdr.type != PAL_TYPE_EVENTFD)
        return PAL_ERROR_BADHANDLE;
    struct record record = {MAGIC, r->type, r->flags, 1, r->family, r->socket_type};
    if ((r->flags & HANDLE_DUPLEX) || !record_holds(&record, &h->fd, 1))
        return PAL_ERROR_INCONSIST;
    handle->hdr.type = r->type;
    h->flags = r->flags;
    if (r->type == PAL_TYPE_SOCKET) {
        h->sock.family = r->family;
        h->sock.type = r->socket_type;
    }
    return 0;
}
