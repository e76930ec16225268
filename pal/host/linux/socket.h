/*
 * What the Linux UAPI headers leave to libc about sockets, and the helpers of the socket files.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <asm/socket.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/socket.h>
#include <linux/un.h>

#include "stream.h"

/* linux/socket.h of the kernel keeps these to itself. */
#define AF_UNIX    1
#define AF_INET    2
#define AF_INET6   10
#define AF_NETLINK 16

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_SEQPACKET 5
#define SOCK_NONBLOCK  O_NONBLOCK
#define SOCK_CLOEXEC   O_CLOEXEC

#define SOL_IPV6         41
#define SCM_RIGHTS       1
#define MSG_PEEK         0x2
#define MSG_WAITALL      0x100
#define MSG_CTRUNC       0x8
#define MSG_DONTWAIT     0x40
#define MSG_NOSIGNAL     0x4000
#define MSG_CMSG_CLOEXEC 0x40000000

struct host_msghdr { /* struct user_msghdr */
    void* name;
    int name_size;
    const struct iovec* iov;
    size_t iov_count;
    void* control;
    size_t control_size;
    uint32_t flags;
};
struct host_cmsghdr {
    size_t size; /* with this header */
    int level, type;
};
#define CMSG_ALIGN_UP(n) (((n) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))

union inet_addr {
    uint16_t family;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static inline long socket_type_flags(int type, PAL_FLG options) {
    return type | SOCK_CLOEXEC | (options & PAL_OPTION_NONBLOCK ? SOCK_NONBLOCK : 0);
}

#endif /* SOCKET_H */
