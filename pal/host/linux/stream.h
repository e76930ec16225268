/*
 * What the stream calls of the Linux host share. A stream is a handle with a host descriptor;
 * HANDLE_DUPLEX ones read from `fd` and write to `fd2`.
 */
#ifndef STREAM_H
#define STREAM_H

#include <asm/fcntl.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "host.h"
#include "parents.h"

/* linux/stat.h leaves these to glibc, which is not used here. */
#ifndef S_IFMT
#define S_IFMT   0170000
#define S_IFSOCK 0140000
#define S_IFLNK  0120000
#define S_IFREG  0100000
#define S_IFBLK  0060000
#define S_IFDIR  0040000
#define S_IFCHR  0020000
#define S_IFIFO  0010000
#endif

#define HOST_PATH_MAX 4096

/* The handle as ours if it has a descriptor, else NULL. */
static inline struct host_handle* stream_of(PAL_HANDLE handle) {
    return host_handle_has_fd(handle) ? host_handle(handle) : NULL;
}
static inline int stream_write_fd(const struct host_handle* h) {
    return h->flags & HANDLE_DUPLEX ? h->fd2 : h->fd;
}
static inline bool stream_is_file(const struct host_handle* h) {
    PAL_IDX type = h->pal.hdr.type;
    return type == PAL_TYPE_FILE || type == PAL_TYPE_DIR || type == PAL_TYPE_MEMORY;
}
static inline void host_close(int fd) {
    host_syscall(__NR_close, fd);
}

/* "/proc/self/fd/N": the way to a file for host calls that know paths only. Fails with the host's
 * error where /proc is not mounted. */
#define FD_PATH_SIZE 32
void stream_fd_path(int fd, char path[FD_PATH_SIZE]);

/* ---- Opening (open.c)
 * --------------------------------------------------------------------------*/

/* O_* for PAL access, create and options; negative: PAL_ERROR_INVAL. */
long open_flags(PAL_FLG access, PAL_FLG create, PAL_FLG options);
/* A new handle for a file opened under these; takes the descriptor. */
int open_wrap(int fd, PAL_FLG access, PAL_FLG options, PAL_HANDLE* out);

/* ---- Resolution below a directory (resolve.c)
 * --------------------------------------------------*/

/* Open `path` below `dir`, never leaving it and through no symlink. flags: O_*; with O_PATH and
 * without O_DIRECTORY a symlink as the last component is opened itself. Returns a descriptor or a
 * PAL error. */
int resolve_open(struct host_handle* dir, PAL_STR path, long flags, PAL_FLG mode);

/* The directory of a path's last component and that component, for calls that take such a pair. */
struct resolved {
    int fd; /* directory; `owned` if it must be closed */
    bool owned;
    bool remembered; /* `parent` is in use */
    bool walk;       /* remembered directories are not to be used */
    PAL_STR name;    /* last component with any trailing slashes: a part of the path given */
    struct parent parent;
};
/* "" and "." give PAL_ERROR_INVAL, a last ".." PAL_ERROR_CROSSED. *r begins zeroed:
 *     do {
 *         ret = resolve_parent(&r, dir, path) ?: the call;
 *     } while (resolve_again(&r, ret)); */
int resolve_parent(struct resolved* r, struct host_handle* dir, PAL_STR path);
bool resolve_again(struct resolved* r, int64_t ret);

/* ---- Streams by URI
 * ----------------------------------------------------------------------------*/

int pipe_open(PAL_STR name, PAL_FLG options, PAL_HANDLE* out);
int pipe_open_server(PAL_STR name, PAL_FLG options, PAL_HANDLE* out);
int pipe_accept(struct host_handle* server, PAL_FLG options, PAL_HANDLE* out);
/* The name of either kind of named pipe, "" if it has none. */
int pipe_name(struct host_handle* h, char* text, size_t size);

int inet_open(PAL_IDX type, PAL_STR address, PAL_FLG create, PAL_FLG options, PAL_HANDLE* out);
int inet_accept(struct host_handle* server, PAL_FLG options, PAL_HANDLE* out);
int inet_name(struct host_handle* h, char* text, size_t size);
/* One datagram from or to anyone: source and dest are "udp:addr:port". */
int64_t inet_receive_from(struct host_handle* h, PAL_PTR buffer, PAL_NUM count, char* source,
                          PAL_NUM size);
int64_t inet_send_to(struct host_handle* h, const void* buffer, PAL_NUM count, PAL_STR dest);

/* Names of entries, NUL-terminated, as PalStreamRead gives them for a directory. */
int64_t dir_read_names(struct host_handle* dir, PAL_PTR buffer, PAL_NUM size);

#endif /* STREAM_H */
