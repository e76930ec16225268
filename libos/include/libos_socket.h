/*
 * Sockets: all are the host's; names of AF_UNIX ones are the instance's own (net/libos_unix.c).
 */
#ifndef LIBOS_SOCKET_H
#define LIBOS_SOCKET_H

#include <linux/socket.h>

#include "libos_event.h"

struct libos_unix;
struct libos_socket {              /* file->data */
    struct libos_anon_inode inode; /* ref is always 1 */
    int family, type, protocol;
    bool receive_timeout, send_timeout; /* SO_RCVTIMEO, SO_SNDTIMEO: interrupted calls are not
                                           restarted; atomic */
    struct libos_unix* unix_data;       /* AF_UNIX: names and credentials; else NULL */
    uint32_t netlink_id;                /* AF_NETLINK: the address it was bound to */
    PAL_HANDLE
    feed[2]; /* AF_NETLINK: what mq_notify(2) sends comes through this pipe; [0] atomic */
};
extern const struct libos_file_ops g_libos_socket_ops;

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

/* A file around a host handle (taken over, on failure too). */
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
/* Can mq_notify(2) tell through it? 0, -ENOTSOCK, -EINVAL. Then: the name of the pipe to write to.
 */
int libos_netlink_check(struct libos_file* f);
int libos_netlink_feed(struct libos_file* f, PAL_HANDLE_NAME* name);
int libos_socket_bind(struct libos_file* f, void* addr, PAL_NUM size);
int libos_socket_connect(struct libos_file* f, const void* addr, PAL_NUM size);

/* ---- descriptors in messages, SCM_RIGHTS (net/libos_rights.c) -----------------------------------
 * Host handles travel, and before them a note: a memory object that tells what the files are. */
#define LIBOS_RIGHTS_MAX 253 /* SCM_MAX_FD */
struct libos_rights {
    int fds[LIBOS_RIGHTS_MAX]; /* of the guest */
    size_t count;
    bool has_cred; /* credentials other than the sender's own */
    int32_t cred[3];
};
/* The record for the host: control data of PalSocketSend(). Filled in by libos_rights_pack(), and
 * released afterwards. 0, -EBADF, -ENOMEM, -ETOOMANYREFS, ... */
struct libos_rights_record {
    struct {
        size_t size;
        int level, type;
    } header;
    PAL_HANDLE handles[LIBOS_RIGHTS_MAX];
    struct libos_file_shared* shared[LIBOS_RIGHTS_MAX];
    struct libos_file* files[LIBOS_RIGHTS_MAX]; /* referenced while the message is made */
    size_t file_count;
};
int libos_rights_pack(const struct libos_rights* rights, struct libos_rights_record* record);
void libos_rights_release(struct libos_rights_record* record, bool sent);
/* What came in such a record: `handles` are taken over. Installs up to `room` descriptors into
 * in->fds; in->count: how many; *total: how many came. */
void libos_rights_unpack(PAL_HANDLE* handles, size_t handle_count, size_t room, bool cloexec,
                         bool peeked, struct libos_rights* in, size_t* total);

#endif /* LIBOS_SOCKET_H */
