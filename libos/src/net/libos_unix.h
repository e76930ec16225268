/*
 * AF_UNIX sockets, for libos_socket.c and the calls. Errors as in unix(7).
 *
 * They are the host's, which knows each name as one that the LibOS made up (pal.h, "Sockets"):
 *     "b" and 16 digits    a socket that the guest bound; the digits number its entry in the
 *                          instance's table of names (libos_unix_names.c)
 *     "c" and 40 digits    a client without a name, made up when it connects: its process, user and
 *                          group, and a random number
 */
#ifndef LIBOS_UNIX_H
#define LIBOS_UNIX_H

#include <linux/un.h>

#include "libos_socket.h"

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_SEQPACKET 5

#define UNIX_HEAD offsetof(struct sockaddr_un, sun_path)

struct unix_name {
    struct sockaddr_un un;
    int size;          /* 0: no name */
    uint64_t dev, ino; /* of the node, where the name is a path */
};
struct unix_cred { /* struct ucred */
    int32_t pid;
    uint32_t uid, gid;
};
#define UNIX_NOBODY                                                                                \
    (struct unix_cred) {                                                                           \
        0, UINT32_MAX, UINT32_MAX                                                                  \
    }

struct libos_unix { /* libos_socket.unix; the caches are this process's own */
    libos_lock_t lock;
    struct unix_name local, peer; /* once known they stay; not the peer of a datagram socket */
    struct unix_cred peer_cred;
    bool pass_cred;   /* SO_PASSCRED; atomic */
    bool client_name; /* the host knows it by a "c" name */
    uint64_t from_id; /* whose datagram came last, and his name */
    struct unix_name from;
};

/* ---- libos_unix_names.c: the table. Names, values and the host's socket ------------------------
 */
struct unix_found {
    uint64_t id;
    int type;
    struct unix_name name;
    struct unix_cred cred; /* of who listens or has connected */
};
/* Binds the host's socket of f under an entry for the name. -EADDRINUSE, -EINVAL: has a name. */
int libos_unix_names_bind(struct libos_file* f, const struct unix_name* name, uint64_t* id);
bool libos_unix_names_find(const struct unix_name* key, int type, struct unix_found* out);
bool libos_unix_names_by_id(uint64_t id, struct unix_found* out);
void libos_unix_names_set_cred(uint64_t id, struct unix_cred cred);

/* ---- libos_unix.c ------------------------------------------------------------------------------
 */
struct libos_unix* libos_unix_alloc(void);
struct unix_cred libos_unix_own_cred(void);
int libos_unix_bind(struct libos_file* f, const void* addr, PAL_NUM size);
int libos_unix_listen(struct libos_file* f, int backlog);
int libos_unix_connect(struct libos_file* f, const void* addr, PAL_NUM size);
int libos_unix_accept(struct libos_file* f, bool nonblock, struct libos_file** out,
                      struct sockaddr_un* un, PAL_NUM* size);
int libos_unix_name(struct libos_file* f, bool peer, struct sockaddr_un* un, PAL_NUM* size);
/* The host's address for a message to `addr`. */
int libos_unix_target(struct libos_file* f, const void* addr, PAL_NUM size,
                      struct sockaddr_un* host, PAL_NUM* host_size);
/* The host's address of a sender becomes the guest's, in place. */
void libos_unix_sender(struct libos_file* f, struct sockaddr_un* un, PAL_NUM* size);

bool libos_unix_passes_cred(const struct libos_file* f);
void libos_unix_set_passes_cred(struct libos_file* f, const void* value, size_t size);
/* The host's struct ucred of a sender becomes the guest's, in place. */
void libos_unix_sender_cred(int32_t cred[3]);
/* The options that are the LibOS's own: bytes of the value; 0: not one of them. */
size_t libos_unix_get_option(struct libos_file* f, int name, void* value);

/* libos_netlink.c: an address for a fresh socket; sending. */
bool libos_netlink_has(int protocol);
int libos_netlink_bind(struct libos_file* f);
long libos_netlink_receive_fed(struct libos_file* f, struct libos_message* m, unsigned int flags);
int64_t libos_netlink_send(struct libos_file* f, const struct libos_message* m, unsigned int flags);

#endif /* LIBOS_UNIX_H */
