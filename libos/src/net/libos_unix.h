/*
 * AF_UNIX sockets with names, for libos_socket.c and the calls. Errors as in unix(7).
 */
#ifndef LIBOS_UNIX_H
#define LIBOS_UNIX_H

#include <asm/poll.h>
#include <linux/un.h>

#include "libos_socket.h"

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_SEQPACKET 5

struct unix_name {
    struct sockaddr_un un;
    int size;          /* 0: no name */
    uint64_t dev, ino; /* of the node, where the name is a path */
};

struct libos_unix {          /* libos_socket.local; all guarded by one lock of libos_unix.c */
    struct list_node node;   /* in the list of bound ones */
    struct libos_file* file; /* no reference */
    PAL_HANDLE far;          /* NULL once a connection took it */
    struct unix_name name, peer;
    bool listening;
    int backlog, queued;
    struct list_node queue;      /* struct pending */
    struct list_node connectors; /* struct libos_waiter: wait for room in the queue */
};

int libos_unix_create(int type, int protocol, bool nonblock, struct libos_file** out);
void libos_unix_release(struct libos_unix* u); /* the file is closed */
int libos_unix_bind(struct libos_file* f, const void* addr, PAL_NUM size);
int libos_unix_listen(struct libos_file* f, int backlog);
int libos_unix_connect(struct libos_file* f, const void* addr, PAL_NUM size);
int libos_unix_accept(struct libos_file* f, bool nonblock, struct libos_file** out,
                      struct sockaddr_un* un, PAL_NUM* size);
int libos_unix_name(struct libos_file* f, bool peer, struct sockaddr_un* un, PAL_NUM* size);
unsigned libos_unix_poll(struct libos_file* f); /* of one that is not connected */
/* Where a datagram goes: addr NULL: to the peer. *target is referenced, *via lives as long. */
int libos_unix_target(struct libos_file* f, const void* addr, PAL_NUM size,
                      struct libos_file** target, PAL_HANDLE* via);

/* libos_netlink.c: an address for a fresh socket; sending. */
int libos_netlink_bind(struct libos_file* f);
int64_t libos_netlink_send(struct libos_file* f, const struct libos_message* m, unsigned int flags);

/* libos_socket.c: a stream that is not connected has operations of its own. */
bool libos_socket_alone(const struct libos_file* f);
void libos_socket_set_alone(struct libos_file* f);
void libos_socket_set_connected(struct libos_file* f);

#endif /* LIBOS_UNIX_H */
