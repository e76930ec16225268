/*
 * Byte streams between processes of one instance, and event counters.
 *
 * Named pipes are AF_UNIX streams in the abstract namespace: nothing is left behind in a file
 * system. Names carry the instance's salt, so that two instances with the same name never meet, and
 * both sides accept their own user only: abstract names have no permissions.
 */

#include "stream.h"
#include "local.h"

#define BACKLOG       4096
#define EFD_SEMAPHORE 1 /* linux/eventfd.h is not in every set of headers */

/* Set once at start, before there are threads. */
static uint64_t g_salt[2];

void host_instance_salt_set(const uint64_t salt[2]) {
    g_salt[0] = salt[0];
    g_salt[1] = salt[1];
}

void host_instance_salt(uint64_t salt[2]) {
    salt[0] = g_salt[0];
    salt[1] = g_salt[1];
}

#define PREFIX_SIZE 38 /* "culm/" + 32 digits + "/" */

static int make_address(PAL_STR name, struct sockaddr_un* addr) {
    size_t length = strlen(name);
    uint64_t salt[2];
    if (!length)
        return PAL_ERROR_INVAL;
    if (1 + PREFIX_SIZE + length > sizeof(addr->sun_path))
        return PAL_ERROR_TOOLONG;
    host_instance_salt(salt);
    memset(addr, 0, sizeof(*addr));
    addr->sun_family = AF_UNIX;
    char prefix[PREFIX_SIZE + 1];
    snprintf(prefix, sizeof(prefix), "culm/%016lx%016lx/", salt[0], salt[1]);
    memcpy(addr->sun_path + 1, prefix, PREFIX_SIZE);
    memcpy(addr->sun_path + 1 + PREFIX_SIZE, name, length);
    return offsetof(struct sockaddr_un, sun_path) + 1 + PREFIX_SIZE + length;
}

static uint32_t handle_flags(PAL_FLG options) {
    return HANDLE_READABLE | HANDLE_WRITABLE |
           (options & PAL_OPTION_NONBLOCK ? HANDLE_NONBLOCK : 0);
}

static int socket_of(PAL_STR name, PAL_FLG options, struct sockaddr_un* addr, int* length) {
    *length = make_address(name, addr);
    if (*length < 0)
        return *length;
    long fd = host_syscall(__NR_socket, AF_UNIX, socket_type_flags(SOCK_STREAM, options), 0);
    return fd < 0 ? host_error(fd) : fd;
}

/* Anonymous: one handle, what is written comes back to its own reader. */
static int open_loop(PAL_FLG options, PAL_HANDLE* out) {
    PAL_HANDLE ends[2];
    int ret = PalPipeCreate(options, ends);
    if (ret < 0)
        return ret;
    struct host_handle* h = host_handle(ends[0]);
    struct host_handle* writer = host_handle(ends[1]);
    h->fd2 = writer->fd;
    h->flags |= HANDLE_DUPLEX | HANDLE_WRITABLE;
    host_handle_free(writer);
    *out = ends[0];
    return 0;
}

/* Struct ucred of the peer; the user of the other side must be ours. */
bool local_same_user(int fd) {
    struct {
        int pid;
        uint32_t uid, gid;
    } peer;
    int size = sizeof(peer);
    return host_syscall(__NR_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           peer.uid == (uint32_t)host_syscall(__NR_geteuid);
}

int pipe_open(PAL_STR name, PAL_FLG options, PAL_HANDLE* out) {
    if (!*name)
        return open_loop(options, out);
    struct sockaddr_un addr;
    int length;
    int fd = socket_of(name, options, &addr, &length);
    if (fd < 0)
        return fd;
    long ret = host_syscall_block(__NR_connect, fd, &addr, length);
    if (ret == 0 && !local_same_user(fd))
        ret = -ECONNREFUSED; /* someone else took the name */
    if (ret < 0) {
        host_close(fd);
        /* Nobody listens under that name: to the caller it does not exist. */
        return ret == -ECONNREFUSED ? PAL_ERROR_STREAMNOTEXIST : host_error(ret);
    }
    return host_handle_wrap(PAL_TYPE_PIPE, fd, handle_flags(options), out);
}

int pipe_open_server(PAL_STR name, PAL_FLG options, PAL_HANDLE* out) {
    struct sockaddr_un addr;
    int length;
    int fd = socket_of(name, options, &addr, &length);
    if (fd < 0)
        return fd;
    long ret = host_syscall(__NR_bind, fd, &addr, length);
    if (ret == 0)
        ret = host_syscall(__NR_listen, fd, BACKLOG);
    if (ret < 0) {
        host_close(fd);
        return ret == -EADDRINUSE ? PAL_ERROR_STREAMEXIST : host_error(ret);
    }
    return host_handle_wrap(PAL_TYPE_PIPESRV, fd, handle_flags(options), out);
}

int pipe_accept(struct host_handle* server, PAL_FLG options, PAL_HANDLE* out) {
    for (;;) {
        long fd =
            host_syscall_block(__NR_accept4, server->fd, NULL, NULL, socket_type_flags(0, options));
        if (fd < 0)
            return host_error(fd);
        if (local_same_user(fd))
            return host_handle_wrap(PAL_TYPE_PIPE, fd, handle_flags(options), out);
        host_close(fd);
    }
}

int pipe_name(struct host_handle* h, char* text, size_t size) {
    struct sockaddr_un addr;
    text[0] = '\0';
    /* The accepting and the listening side bear the name; the other sees it as its peer's. */
    for (int peer = 0; peer < 2; peer++) {
        int length = sizeof(addr);
        long ret = host_syscall(peer ? __NR_getpeername : __NR_getsockname, h->fd, &addr, &length);
        int skip = offsetof(struct sockaddr_un, sun_path) + 1 + PREFIX_SIZE;
        if (ret < 0 || length <= skip || (size_t)(length - skip) >= size)
            continue;
        memcpy(text, (const char*)&addr + skip, length - skip);
        text[length - skip] = '\0';
        break;
    }
    return 0;
}

int PalPipeCreate(PAL_FLG options, PAL_HANDLE handles[2]) {
    if (options & ~(PAL_OPTION_CLOEXEC | PAL_OPTION_NONBLOCK | PAL_OPTION_DIRECT))
        return PAL_ERROR_INVAL;
    int fds[2];
    long flags = O_CLOEXEC | (options & PAL_OPTION_NONBLOCK ? O_NONBLOCK : 0) |
                 (options & PAL_OPTION_DIRECT ? O_DIRECT : 0);
    long made = host_syscall(__NR_pipe2, fds, flags);
    if (made < 0)
        return host_error(made);
    uint32_t common = (options & PAL_OPTION_NONBLOCK ? HANDLE_NONBLOCK : 0) |
                      (options & PAL_OPTION_DIRECT ? HANDLE_PACKET : 0);
    int ret = host_handle_wrap(PAL_TYPE_PIPE, fds[0], common | HANDLE_READABLE, &handles[0]);
    if (ret < 0) {
        host_close(fds[1]);
        return ret;
    }
    ret = host_handle_wrap(PAL_TYPE_PIPE, fds[1], common | HANDLE_WRITABLE, &handles[1]);
    if (ret < 0)
        PalObjectClose(handles[0]);
    return ret;
}

int PalEventfdCreate(PAL_NUM initial, PAL_FLG options, PAL_HANDLE* handle) {
    if ((options & ~(PAL_OPTION_CLOEXEC | PAL_OPTION_NONBLOCK | PAL_OPTION_EFD_SEMAPHORE)) ||
        initial > UINT32_MAX)
        return PAL_ERROR_INVAL;
    long flags = O_CLOEXEC | (options & PAL_OPTION_NONBLOCK ? O_NONBLOCK : 0) |
                 (options & PAL_OPTION_EFD_SEMAPHORE ? EFD_SEMAPHORE : 0);
    long fd = host_syscall(__NR_eventfd2, initial, flags);
    if (fd < 0)
        return host_error(fd);
    return host_handle_wrap(PAL_TYPE_EVENTFD, fd, handle_flags(options), handle);
}
