/*
 * Sockets: AF_INET, AF_INET6 and AF_NETLINK are the host's; AF_UNIX ones are host pairs, their
 * names are the instance's own (net/libos_unix.c).
 */
#ifndef LIBOS_SOCKET_H
#define LIBOS_SOCKET_H

#include <linux/socket.h>

#include "libos_event.h"

struct libos_socket {              /* file->data */
    struct libos_anon_inode inode; /* ref is always 1 */
    int family, type, protocol;
    bool receive_timeout, send_timeout; /* SO_RCVTIMEO, SO_SNDTIMEO: interrupted calls are not
                                           restarted; atomic */
    struct libos_unix* local;           /* AF_UNIX: names and connecting; NULL for socketpair */
    struct libos_socket_pair* pair;     /* of a socketpair; shared by both ends, NULL else */
    uint32_t netlink_id;                /* AF_NETLINK: the address it was bound to */
};

#ifndef AF_UNIX
#define AF_UNIX    1
#define AF_INET    2
#define AF_INET6   10
#define AF_NETLINK 16
#endif

/* The socket behind a descriptor; referenced file in *out. -EBADF, -ENOTSOCK. */
int libos_socket_get(int fd, struct libos_file** out);
static inline struct libos_socket* libos_socket_of(struct libos_file* f) {
    return f->data;
}

/* A file around a host handle (taken over, on failure too; NULL for AF_UNIX without one). */
struct libos_file* libos_socket_file(int family, int type, int protocol, bool nonblock,
                                     PAL_HANDLE host);
/* socket(2) without its checks of type's flags. */
int libos_socket_create(int family, int type, int protocol, bool nonblock, struct libos_file** out);

/* A message; buffers are the guest's, the rest LibOS memory. Bytes moved or -errno; SIGPIPE. */
struct libos_message {
    const struct iovec* iov;
    int iov_count;
    void* addr; /* NULL: none */
    PAL_NUM addr_size;
    void* control; /* NULL: none */
    PAL_NUM control_size;
    PAL_FLG flags; /* of a received one */
};
long libos_socket_send(struct libos_file* f, const struct libos_message* m, unsigned int flags);
long libos_socket_receive(struct libos_file* f, struct libos_message* m, unsigned int flags);
int libos_socket_bind(struct libos_file* f, void* addr, PAL_NUM size);
int libos_socket_connect(struct libos_file* f, const void* addr, PAL_NUM size);

/* ---- descriptors in messages, SCM_RIGHTS (net/libos_rights.c) -----------------------------------
 * Over the host travels a token that stands for the open files; they wait in the LibOS. */
struct libos_socket_pair {
    refcount_t ref; /* one per end */
};
/* An end is closed: with the last one, files that no one will receive are dropped. */
void libos_socket_pair_put(struct libos_socket_pair* pair);

#define LIBOS_RIGHTS_MAX 253 /* SCM_MAX_FD */
/* What stands for files under way. */
struct libos_rights_token {
    PAL_HANDLE handle; /* to send; the sender closes it afterwards */
    uint64_t number;
};
/* For the descriptors fds[]: 0, -EBADF, -ENOMEM, ... */
int libos_rights_create(struct libos_socket_pair* pair, const int* fds, size_t count,
                        struct libos_rights_token* token);
/* Nothing was sent: forget the files. */
void libos_rights_forget(uint64_t number);
/* The files behind a received token (taken over): installs up to `room` descriptors, told in fds[].
 * Returns how many were installed; *total: how many came. peek: they stay under way. */
size_t libos_rights_receive(PAL_HANDLE token, int* fds, size_t room, bool cloexec, bool peek,
                            size_t* total);

#endif /* LIBOS_SOCKET_H */
