/*
 * tcp: tcp.srv: udp: udp.srv: streams.
 */
#include "socket.h"
#include "uri.h"

#define BACKLOG 4096

static int to_host(const struct uri_addr* addr, union inet_addr* out) {
    memset(out, 0, sizeof(*out));
    uint16_t port = __builtin_bswap16(addr->port);
    if (addr->v6) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = port;
        memcpy(&out->v6.sin6_addr, addr->bytes, 16);
        return sizeof(out->v6);
    }
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = port;
    memcpy(&out->v4.sin_addr, addr->bytes, 4);
    return sizeof(out->v4);
}

static int from_host(const union inet_addr* in, struct uri_addr* addr) {
    memset(addr, 0, sizeof(*addr));
    if (in->family == AF_INET6) {
        addr->v6 = true;
        addr->port = __builtin_bswap16(in->v6.sin6_port);
        memcpy(addr->bytes, &in->v6.sin6_addr, 16);
        return 0;
    }
    if (in->family != AF_INET)
        return PAL_ERROR_AFNOSUPPORT;
    addr->port = __builtin_bswap16(in->v4.sin_port);
    memcpy(addr->bytes, &in->v4.sin_addr, 4);
    return 0;
}

static uint32_t handle_flags(PAL_FLG options) {
    return HANDLE_READABLE | HANDLE_WRITABLE |
           (options & PAL_OPTION_NONBLOCK ? HANDLE_NONBLOCK : 0);
}

static long set_int(int fd, int level, int name, int value) {
    return host_syscall(__NR_setsockopt, fd, level, name, &value, sizeof(value));
}

static long start_server(int fd, PAL_IDX type, const union inet_addr* addr, int size,
                         PAL_FLG create) {
    long ret = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (ret == 0 && addr->family == AF_INET6)
        ret = set_int(fd, SOL_IPV6, IPV6_V6ONLY, !(create & PAL_CREATE_DUALSTACK));
    if (ret == 0)
        ret = host_syscall(__NR_bind, fd, addr, size);
    if (ret == 0 && type == PAL_TYPE_TCPSRV)
        ret = host_syscall(__NR_listen, fd, BACKLOG);
    return ret;
}

/* A non-blocking client is returned while it still connects: poll it for writing. */
int inet_open(PAL_IDX type, PAL_STR address, PAL_FLG create, PAL_FLG options, PAL_HANDLE* out) {
    struct uri_addr parsed;
    union inet_addr addr;
    int ret = pal_uri_parse_addr(address, &parsed);
    if (ret < 0)
        return ret;
    int size = to_host(&parsed, &addr);
    bool server = type == PAL_TYPE_TCPSRV || type == PAL_TYPE_UDPSRV;
    if (!server && !parsed.port)
        return PAL_ERROR_INVAL;
    bool stream = type == PAL_TYPE_TCP || type == PAL_TYPE_TCPSRV;
    long fd = host_syscall(__NR_socket, addr.family,
                           socket_type_flags(stream ? SOCK_STREAM : SOCK_DGRAM, options), 0);
    if (fd < 0)
        return host_error(fd);
    long done = server ? start_server(fd, type, &addr, size, create)
                       : host_syscall_block(__NR_connect, fd, &addr, size);
    if (done < 0 && !(done == -EINPROGRESS && (options & PAL_OPTION_NONBLOCK))) {
        host_close(fd);
        return host_error(done);
    }
    return host_handle_wrap(type, fd, handle_flags(options), out);
}

/* A UDP "client" is a socket connected to whoever sent the first datagram. That datagram is still
 * read from the server's handle; what follows arrives at the client's. */
static int accept_udp(struct host_handle* server, PAL_FLG options, PAL_HANDLE* out) {
    union inet_addr peer, local;
    int peer_size = sizeof(peer), local_size = sizeof(local);
    long ret = host_syscall_block(__NR_recvfrom, server->fd, NULL, 0, MSG_PEEK, &peer, &peer_size);
    if (ret < 0)
        return host_error(ret);
    ret = host_syscall(__NR_getsockname, server->fd, &local, &local_size);
    if (ret < 0)
        return host_error(ret);
    long fd = host_syscall(__NR_socket, local.family, socket_type_flags(SOCK_DGRAM, options), 0);
    if (fd < 0)
        return host_error(fd);
    ret = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (ret == 0)
        ret = host_syscall(__NR_bind, fd, &local, local_size);
    if (ret == 0)
        ret = host_syscall(__NR_connect, fd, &peer, peer_size);
    if (ret < 0) {
        host_close(fd);
        return host_error(ret);
    }
    return host_handle_wrap(PAL_TYPE_UDP, fd, handle_flags(options), out);
}

int inet_accept(struct host_handle* server, PAL_FLG options, PAL_HANDLE* out) {
    if (server->pal.hdr.type == PAL_TYPE_UDPSRV)
        return accept_udp(server, options, out);
    long fd =
        host_syscall_block(__NR_accept4, server->fd, NULL, NULL, socket_type_flags(0, options));
    if (fd < 0)
        return host_error(fd);
    return host_handle_wrap(PAL_TYPE_TCP, fd, handle_flags(options), out);
}

int PalStreamWaitForClient(PAL_HANDLE handle, PAL_HANDLE* client, PAL_FLG options) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (options & ~(PAL_OPTION_CLOEXEC | PAL_OPTION_NONBLOCK))
        return PAL_ERROR_INVAL;
    switch (h->pal.hdr.type) {
        case PAL_TYPE_PIPESRV:
            return pipe_accept(h, options, client);
        case PAL_TYPE_TCPSRV:
        case PAL_TYPE_UDPSRV:
            return inet_accept(h, options, client);
        default:
            return PAL_ERROR_NOTSERVER;
    }
}

/* Servers show their own address, clients that of the other side. */
int inet_name(struct host_handle* h, char* text, size_t size) {
    bool server = h->pal.hdr.type == PAL_TYPE_TCPSRV || h->pal.hdr.type == PAL_TYPE_UDPSRV;
    union inet_addr addr;
    struct uri_addr parsed;
    int addr_size = sizeof(addr);
    long ret = host_syscall(server ? __NR_getsockname : __NR_getpeername, h->fd, &addr, &addr_size);
    if (ret < 0)
        return host_error(ret);
    int err = from_host(&addr, &parsed);
    if (err < 0)
        return err;
    if (size < URI_ADDR_TEXT)
        return PAL_ERROR_RANGE;
    pal_uri_format_addr(&parsed, text);
    return 0;
}

int64_t inet_receive_from(struct host_handle* h, PAL_PTR buffer, PAL_NUM count, char* source,
                          PAL_NUM size) {
    union inet_addr addr;
    int addr_size = sizeof(addr);
    long ret = host_syscall_block(__NR_recvfrom, h->fd, buffer, count, 0, &addr, &addr_size);
    if (ret < 0)
        return host_error(ret);
    struct uri_addr parsed;
    char text[URI_ADDR_TEXT];
    int err = from_host(&addr, &parsed);
    if (err < 0)
        return err;
    pal_uri_format_addr(&parsed, text);
    strlcpy(source, "udp:", size);
    strlcat(source, text, size); /* cut short, like a name that does not fit */
    return ret;
}

int64_t inet_send_to(struct host_handle* h, const void* buffer, PAL_NUM count, PAL_STR dest) {
    PAL_STR rest;
    struct uri_addr parsed;
    union inet_addr addr;
    if (pal_uri_parse(dest, &rest) != URI_UDP || pal_uri_parse_addr(rest, &parsed) < 0)
        return PAL_ERROR_INVAL;
    int size = to_host(&parsed, &addr);
    return host_result(
        host_syscall_block(__NR_sendto, h->fd, buffer, count, MSG_NOSIGNAL, &addr, size));
}
