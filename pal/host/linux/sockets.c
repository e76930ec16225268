/*
 * Sockets with Linux's own addresses, types and options.
 *
 * AF_UNIX exists as PalSocketPair() only: a path or an abstract name of the host would lead out of
 * the instance. What travels in control data is the LibOS's affair, not the guest's descriptors.
 */
#include "socket.h"

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
    if (family != AF_INET && family != AF_INET6 && family != AF_NETLINK)
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

/* The only AF_UNIX sockets are pairs: they have no names and get none. */
static bool is_local(const struct host_handle* h) {
    return h->pal.hdr.type == PAL_TYPE_PIPE || h->pal.hdr.type == PAL_TYPE_PIPESRV ||
           h->pal.hdr.type == PAL_TYPE_PROCESS ||
           (h->pal.hdr.type == PAL_TYPE_SOCKET && h->sock.family == AF_UNIX);
}

int PalSocketBind(PAL_HANDLE handle, const void* addr, PAL_NUM addr_size) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (is_local(h))
        return PAL_ERROR_NOTSUPPORT;
    if (addr_size > INT32_MAX)
        return PAL_ERROR_INVAL;
    return host_error(host_syscall(__NR_bind, h->fd, addr, addr_size));
}

int PalSocketListen(PAL_HANDLE handle, PAL_NUM backlog) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (is_local(h))
        return PAL_ERROR_NOTSUPPORT;
    return host_error(host_syscall(__NR_listen, h->fd, backlog > INT32_MAX ? INT32_MAX : backlog));
}

int PalSocketConnect(PAL_HANDLE handle, const void* addr, PAL_NUM addr_size) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (is_local(h))
        return PAL_ERROR_NOTSUPPORT;
    if (addr_size > INT32_MAX)
        return PAL_ERROR_INVAL;
    return host_error(host_syscall_block(__NR_connect, h->fd, addr, addr_size));
}

/* The host's socklen_t is an int; sizes beyond it are as good as it. */
static int clamp(const PAL_NUM* size) {
    return !size ? 0 : *size > INT32_MAX ? INT32_MAX : (int)*size;
}

int PalSocketAccept(PAL_HANDLE handle, PAL_FLG options, PAL_HANDLE* client, void* addr,
                    PAL_NUM* addr_size) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (options & ~SOCKET_OPTIONS)
        return PAL_ERROR_INVAL;
    if (is_local(h)) /* PalStreamWaitForClient() checks who comes */
        return PAL_ERROR_NOTSUPPORT;
    int size = clamp(addr_size);
    long fd = host_syscall_block(__NR_accept4, h->fd, addr_size ? addr : NULL,
                                 addr_size ? &size : NULL, socket_type_flags(0, options));
    if (fd < 0)
        return host_error(fd);
    if (addr_size)
        *addr_size = size;
    return wrap(fd, h->sock.family, h->sock.type, options, client);
}

/* ---- Handles in control data
 *
 * The LibOS passes one handle in place of Linux's descriptors; the host passes its descriptor. */

struct rights_record { /* CMSG_SPACE of one descriptor and of one handle is the same */
    struct host_cmsghdr header;
    union {
        PAL_HANDLE handle;
        int fd;
    };
};
#define FD_RECORD_SIZE (sizeof(struct host_cmsghdr) + sizeof(int))

/* Is there a record with descriptors? `control` is the LibOS's own memory. */
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

/* The record to give to the host; false: not a single one with one handle. */
static bool rights_to_host(const void* control, PAL_NUM size, struct rights_record* out) {
    struct rights_record in;
    if (size != sizeof(in))
        return false;
    memcpy(&in, control, sizeof(in));
    struct host_handle* h = in.header.size == sizeof(in) ? stream_of(in.handle) : NULL;
    if (!h)
        return false;
    *out = (struct rights_record){{FD_RECORD_SIZE, SOL_SOCKET, SCM_RIGHTS}, {NULL}};
    out->fd = h->fd;
    return true;
}

/* Received descriptors become handles, where they lie. One per record is what is ever sent. */
static void rights_from_host(void* control, PAL_NUM size) {
    for (PAL_NUM pos = 0; pos + sizeof(struct host_cmsghdr) <= size;) {
        struct host_cmsghdr header;
        char* at = (char*)control + pos;
        memcpy(&header, at, sizeof(header));
        if (header.size < sizeof(header) || header.size > size - pos)
            break;
        if (header.level == SOL_SOCKET && header.type == SCM_RIGHTS) {
            PAL_HANDLE handle = NULL;
            int fd;
            for (PAL_NUM n = sizeof(header); n + sizeof(fd) <= header.size; n += sizeof(fd)) {
                memcpy(&fd, at + n, sizeof(fd));
                if (handle || host_handle_wrap(PAL_TYPE_EVENTFD, fd,
                                               HANDLE_READABLE | HANDLE_WRITABLE, &handle) < 0)
                    host_close(fd);
            }
            header.size = sizeof(struct rights_record);
            if (header.size <= size - pos) {
                memcpy(at, &header, sizeof(header));
                memcpy(at + sizeof(header), &handle, sizeof(handle));
            } else if (handle) {
                PalObjectClose(handle);
            }
        }
        pos += CMSG_ALIGN_UP(header.size);
    }
}

int64_t PalSocketSend(PAL_HANDLE handle, const struct iovec* iov, PAL_NUM iov_count,
                      const void* addr, PAL_NUM addr_size, const void* control,
                      PAL_NUM control_size, PAL_FLG flags) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (addr_size > INT32_MAX || (addr && is_local(h)))
        return addr_size > INT32_MAX ? PAL_ERROR_INVAL : PAL_ERROR_ISCONNECTED;
    flags |= MSG_NOSIGNAL;
    if (iov_count == 1 && !control_size)
        return host_result(host_syscall_block(__NR_sendto, h->fd, iov->iov_base, iov->iov_len,
                                              flags, addr, addr ? addr_size : 0));
    struct rights_record record;
    if (control_size && has_rights(control, control_size)) {
        if (!is_local(h) || !rights_to_host(control, control_size, &record))
            return PAL_ERROR_NOTSUPPORT;
        control = &record;
    }
    struct host_msghdr message = {
        .name = (void*)addr,
        .name_size = addr ? addr_size : 0,
        .iov = iov,
        .iov_count = iov_count,
        .control = control_size ? (void*)control : NULL,
        .control_size = control_size,
    };
    return host_result(host_syscall_block(__NR_sendmsg, h->fd, &message, flags));
}

int64_t PalSocketReceive(PAL_HANDLE handle, const struct iovec* iov, PAL_NUM iov_count, void* addr,
                         PAL_NUM* addr_size, void* control, PAL_NUM* control_size, PAL_FLG flags,
                         PAL_FLG* out_flags) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
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
    if (message.control && message.control_size)
        rights_from_host(message.control, message.control_size);
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
    int size = clamp(addr_size);
    long ret = host_syscall(peer ? __NR_getpeername : __NR_getsockname, h->fd, addr, &size);
    if (ret < 0)
        return host_error(ret);
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
    return host_error(host_syscall(__NR_setsockopt, h->fd, level, name, value, size));
}

int PalSocketShutdown(PAL_HANDLE handle, PAL_FLG how) {
    struct host_handle* h = socket_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    return host_error(host_syscall(__NR_shutdown, h->fd, how));
}
