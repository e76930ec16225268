/*
 * AF_UNIX sockets: their names and what travels in their control data (local.c).
 */
#ifndef LOCAL_H
#define LOCAL_H

#include "socket.h"

static inline bool local_is(const struct host_handle* h) {
    return h->pal.hdr.type == PAL_TYPE_SOCKET && h->sock.family == AF_UNIX;
}

/* A name of the instance as the host's address: its length, or a PAL error. */
int local_to_host(const void* addr, PAL_NUM size, struct sockaddr_un* host);
/* And back; an address that is not one of the instance's has no name. Tells the whole size.
 * PAL_ERROR_BADADDR. */
int local_from_host(const struct sockaddr_un* host, int host_size, void* addr, PAL_NUM* size);

/* Control data with handles, for the host: `buffer` has LOCAL_CONTROL_MAX bytes. Sets what the
 * message needs; PAL_ERROR_NOTSUPPORT if there is anything but one record of handles. */
#define LOCAL_CONTROL_MAX 1536
int local_control_to_host(const void* control, PAL_NUM size, void* buffer, size_t* host_size);

/* recvmsg on such a socket: handles in control data, messages of strangers dropped. */
int64_t local_receive(struct host_handle* h, const struct iovec* iov, PAL_NUM iov_count, void* addr,
                      PAL_NUM* addr_size, void* control, PAL_NUM* control_size, PAL_FLG flags,
                      PAL_FLG* out_flags);

/* A fresh socket in place of this one, under the same descriptor. */
int local_renew(struct host_handle* h);

/* pipes.c: is the peer of a connection our own user? Abstract names have no permissions. */
bool local_same_user(int fd);

#endif /* LOCAL_H */
