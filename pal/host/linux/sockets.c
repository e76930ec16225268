/*
 * Sockets with Linux's own addresses, types and options.
 *
 * AF_UNIX names are the instance's own (local.c): a path or a name of the host would lead out of
 * it. What travels in control data is the LibOS's affair, not the guest's descriptors.
 */
#include "local.h"

#define SOCKET_OPTIONS (PAL_OPTION_CLOEXEC | PAL_OPTION_NONBLOCK)

static uint32_t handle_flags(PAL_FLG options) {
    return HANDLE_READABLE | HANDLE_WRITABLE |
           (options & PAL_OPTION_NONBLOCK ? HANDLE_NONBLOCK : 0);
}

/* Streams by URI are sockets too; pipes made by PalPipeCreate() are not, and the host says so. */
static inline struct host_handle* socket_of(PAL_HANDLE handle) {
    return stream_of(handle);
}

static int wrap(int fd, int family, int type, PAL_FLG options, PAL_HANDLE* out) {
    int ret = host_handle_wrap(PAL_TYPE_SOCKET, fd, handle_flags(options), out);
    if (ret == 0) {
        host_handle(*out)->sock.family = family;
        host_handle(*out)->sock.type = type;
    }
    return ret;
}

int PalSocketCreate(PAL_FLG family, PAL_FLG type, PAL_FLG protocol, PAL_FLG options,
                    PAL_HANDLE* handle) {
    if ((options & ~SOCKET_OPTIONS) || type > 10)
        return PAL_ERROR_INVAL;
    if (family != AF_UNIX && family != AF_INET && family != AF_INET6 && family != AF_NETLINK)
        return PAL_ERROR_AFNOSUPPORT;
    long fd = host_syscall(__NR_socket, family, socket_type_flags(type, options), protocol);
    if (fd < 0)
        return host_error(fd);
    return wrap(fd, family, type, options, handle);
}

int PalSocketPair(PAL_FLG type, PAL_FLG options, PAL_HANDLE handles[2]) {
    if (options & ~SOCKET_OPTIONS)
        return PAL_ERROR_INVAL;
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
        return PAL_ERROR_SOCKTNOSUPPORT;
    int fds[2];
    long made = host_syscall(__NR_socketpair, AF_UNIX, socket_type_flags(type, options), 0, fds);
    if (made < 0)
        return host_error(made);
    int ret = wrap(fds[0], AF_UNIX, type, options, &handles[0]);
    if (ret < 0) {
        host_close(fds[1]);
        return ret;
    }
    ret = wrap(fds[1], AF_UNIX, type, options, &handles[1]);
    if (ret < 0)
        PalObjectClose(handles[0]);
    return ret;
}

/* Streams that are host sockets, but have their names from elsewhere and get no other. */
static bool is_pipe(const struct host_handle* h) {
    return h->pal.hdr.type == PAL_TYPE_PIPE || h->pal.hdr.type == PAL_TYPE_PIPESRV ||
           h->pal.hdr.type == PAL_TYPE_PROCESS;
}

/* An address for the host: the one given, or in `local`. A disconnect (AF_UNSPEC) stays as it is.
 */
static int host_address(const struct host_handle* h, const void** addr, PAL_NUM* size,
                        struct sockaddr_un* local) {
    if (*size > INT32_MAX)
        return PAL_ERROR_INVAL;
    uint16_t family = 0;
    if (!local_is(h) || !*addr)
        return 0;
    if (*size >= sizeof(family) && host_copy(&family, *addr, sizeof(family)))
        return PAL_ERROR_BADADDR;
    if (*size >= sizeof(family) && !family)
        return 0;
    int length = local_to_host(*addr, *size, local);
    if (length < 0)
        return length;
    *addr = local;
    *size = length;
    return 0;
}

int PalSocketBind(PAL_HANDLE handle, const void* addr, PAL_NUM addr_size) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    struct sockaddr_un local;
    int ret = is_pipe(h) ? PAL_ERROR_NOTSUPPORT : host_address(h, &addr, &addr_size, &local);
    if (ret < 0)
        return ret;
    ret = host_error(host_syscall(__NR_bind, h->fd, addr, addr_size));
    int on = 1;
    if (ret == 0 && local_is(h) && h->sock.type == SOCK_DGRAM) /* tells strangers' datagrams */
        host_syscall(__NR_setsockopt, h->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    return ret;
}

int PalSocketListen(PAL_HANDLE handle, PAL_NUM backlog) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (is_pipe(h))
        return PAL_ERROR_NOTSUPPORT;
    return host_error(host_syscall(__NR_listen, h->fd, backlog > INT32_MAX ? INT32_MAX : backlog));
}

int PalSocketConnect(PAL_HANDLE handle, const void* addr, PAL_NUM addr_size) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    struct sockaddr_un local;
    int ret = is_pipe(h) ? PAL_ERROR_NOTSUPPORT : host_address(h, &addr, &addr_size, &local);
    if (ret < 0)
        return ret;
    ret = host_error(host_syscall_block(__NR_connect, h->fd, addr, addr_size));
    if (ret == 0 && addr == &local && h->sock.type != SOCK_DGRAM && !local_same_user(h->fd)) {
        host_syscall(__NR_shutdown, h->fd, 2 /* both ways */);
        return PAL_ERROR_CONNREFUSED;
    }
    return ret;
}

/* The host's socklen_t is an int; sizes beyond it are as good as it. */
static int clamp(const PAL_NUM* size) {
    return !size ? 0 : *size > INT32_MAX ? INT32_MAX : (int)*size;
}

static int accept_local(struct host_handle* h, PAL_FLG options, PAL_HANDLE* client, void* addr,
                        PAL_NUM* addr_size) {
    for (;;) {
        struct sockaddr_un from;
        int size = sizeof(from);
        long fd =
            host_syscall_block(__NR_accept4, h->fd, &from, &size, socket_type_flags(0, options));
        if (fd < 0)
            return host_error(fd);
        if (!local_same_user(fd)) {
            host_close(fd);
            continue;
        }
        if (addr_size && local_from_host(&from, size, addr, addr_size) < 0)
            *addr_size = 0;
        return wrap(fd, AF_UNIX, h->sock.type, options, client);
    }
}

int PalSocketAccept(PAL_HANDLE handle, PAL_FLG options, PAL_HANDLE* client, void* addr,
                    PAL_NUM* addr_size) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (options & ~SOCKET_OPTIONS)
        return PAL_ERROR_INVAL;
    if (is_pipe(h)) /* PalStreamWaitForClient() checks who comes */
        return PAL_ERROR_NOTSUPPORT;
    if (local_is(h))
        return accept_local(h, options, client, addr, addr_size);
    int size = clamp(addr_size);
    long fd = host_syscall_block(__NR_accept4, h->fd, addr_size ? addr : NULL,
                                 addr_size ? &size : NULL, socket_type_flags(0, options));
    if (fd < 0)
        return host_error(fd);
    if (addr_size)
        *addr_size = size;
    return wrap(fd, h->sock.family, h->sock.type, options, client);
}

/* Is there a record with handles? `control` is the LibOS's own memory. */
static bool has_rights(const void* control, PAL_NUM size) {
    for (PAL_NUM pos = 0; pos + sizeof(struct host_cmsghdr) <= size;) {
        struct host_cmsghdr header;
        memcpy(&header, (const char*)control + pos, sizeof(header));
        if (header.level == SOL_SOCKET && header.type == SCM_RIGHTS)
            return true;
        if (header.size < sizeof(header) || header.size > size - pos)
            break; /* the host refuses it */
        pos += CMSG_ALIGN_UP(header.size);
    }
    return false;
}

static int64_t send_rights(struct host_handle* h, struct host_msghdr* message, PAL_FLG flags) {
    char buffer[LOCAL_CONTROL_MAX] __attribute__((aligned(8)));
    if (!local_is(h))
        return PAL_ERROR_NOTSUPPORT;
    int ret = local_control_to_host(message->control, message->control_size, buffer,
                                    &message->control_size);
    if (ret < 0)
        return ret;
    message->control = buffer;
    return host_result(host_syscall_block(__NR_sendmsg, h->fd, message, flags));
}

int64_t PalSocketSend(PAL_HANDLE handle, const struct iovec* iov, PAL_NUM iov_count,
                      const void* addr, PAL_NUM addr_size, const void* control,
                      PAL_NUM control_size, PAL_FLG flags) {
    struct host_handle* h = socket_of(handle);
    struct sockaddr_un local;
    if (!h)
        return PAL_ERROR_BADHANDLE;
    int ret =
        addr && is_pipe(h) ? PAL_ERROR_ISCONNECTED : host_address(h, &addr, &addr_size, &local);
    if (ret < 0)
        return ret;
    flags |= MSG_NOSIGNAL;
    if (iov_count == 1 && !control_size)
        return host_result(host_syscall_block(__NR_sendto, h->fd, iov->iov_base, iov->iov_len,
                                              flags, addr, addr ? addr_size : 0));
    struct host_msghdr message = {
        .name = (void*)addr,
        .name_size = addr ? addr_size : 0,
        .iov = iov,
        .iov_count = iov_count,
        .control = control_size ? (void*)control : NULL,
        .control_size = control_size,
    };
    if (control_size && has_rights(control, control_size))
        return send_rights(h, &message, flags);
    return host_result(host_syscall_block(__NR_sendmsg, h->fd, &message, flags));
}

int64_t PalSocketReceive(PAL_HANDLE handle, const struct iovec* iov, PAL_NUM iov_count, void* addr,
                         PAL_NUM* addr_size, void* control, PAL_NUM* control_size, PAL_FLG flags,
                         PAL_FLG* out_flags) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    bool local = local_is(h);
    if (local && (h->sock.type == SOCK_DGRAM || addr_size || control_size))
        return local_receive(h, iov, iov_count, addr, addr_size, control, control_size, flags,
                             out_flags);
    int size = clamp(addr_size);
    if (iov_count == 1 && !control_size && !out_flags) {
        long ret = host_syscall_block(__NR_recvfrom, h->fd, iov->iov_base, iov->iov_len, flags,
                                      addr_size ? addr : NULL, addr_size ? &size : NULL);
        if (ret >= 0 && addr_size)
            *addr_size = size;
        return host_result(ret);
    }
    struct host_msghdr message = {
        .name = addr_size ? addr : NULL,
        .name_size = size,
        .iov = iov,
        .iov_count = iov_count,
        .control = control_size && *control_size ? control : NULL,
        .control_size = control_size ? *control_size : 0,
    };
    long ret = host_syscall_block(__NR_recvmsg, h->fd, &message, flags | MSG_CMSG_CLOEXEC);
    if (ret < 0)
        return host_error(ret);
    if (addr_size)
        *addr_size = message.name_size;
    if (control_size)
        *control_size = message.control_size;
    if (out_flags)
        *out_flags = message.flags & ~MSG_CMSG_CLOEXEC;
    return ret;
}

int PalSocketName(PAL_HANDLE handle, bool peer, void* addr, PAL_NUM* addr_size) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!addr_size)
        return PAL_ERROR_INVAL;
    struct sockaddr_un local;
    bool is_local = local_is(h);
    int size = is_local ? (int)sizeof(local) : clamp(addr_size);
    long ret = host_syscall(peer ? __NR_getpeername : __NR_getsockname, h->fd,
                            is_local ? (void*)&local : addr, &size);
    if (ret < 0)
        return host_error(ret);
    if (is_local)
        return local_from_host(&local, size, addr, addr_size);
    *addr_size = size;
    return 0;
}

/* Options whose value would be a host descriptor put into this process. */
static bool makes_descriptors(PAL_FLG level, PAL_FLG name) {
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#endif
    return level == SOL_SOCKET && (name == SO_PASSPIDFD || name == SO_PEERPIDFD);
}

int PalSocketOptionGet(PAL_HANDLE handle, PAL_FLG level, PAL_FLG name, void* value, PAL_NUM* size) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!size)
        return PAL_ERROR_INVAL;
    if (makes_descriptors(level, name))
        return PAL_ERROR_NOPROTOOPT;
    int length = clamp(size);
    long ret = host_syscall(__NR_getsockopt, h->fd, level, name, value, &length);
    if (ret < 0)
        return host_error(ret);
    *size = length;
    return 0;
}

int PalSocketOptionSet(PAL_HANDLE handle, PAL_FLG level, PAL_FLG name, const void* value,
                       PAL_NUM size) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (size > INT32_MAX)
        return PAL_ERROR_INVAL;
    if (makes_descriptors(level, name))
        return PAL_ERROR_NOPROTOOPT;
    int on = 0;
    if (level == SOL_SOCKET && name == SO_PASSCRED && local_is(h) && h->sock.type == SOCK_DGRAM &&
        size >= sizeof(on) && host_copy(&on, value, sizeof(on)) == 0 && !on)
        return 0; /* stays on: it tells strangers' datagrams */
    return host_error(host_syscall(__NR_setsockopt, h->fd, level, name, value, size));
}

int PalSocketShutdown(PAL_HANDLE handle, PAL_FLG how) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    return host_error(host_syscall(__NR_shutdown, h->fd, how));
}
