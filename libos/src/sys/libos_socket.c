/*
 * Calls on sockets but for those that move data (libos_sendrecv.c). socket(2), bind(2), ...
 */
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/tcp.h>

#include "../net/libos_unix.h"
#include "libos_socket_user.h"
#include "libos_table.h"
#include "manifest.h"

#define SOCK_TYPE_MASK 0xf
#define SOCK_CLOEXEC   O_CLOEXEC
#define SOCK_NONBLOCK  O_NONBLOCK
#define SOCK_MAX       11
#define NPROTO         46
#define SHUT_RDWR      2
#define OPTION_MAX     4096 /* bytes of an option's value */

/* ---- addresses ------------------------------------------------------------------------------- */

int libos_get_sockaddr(struct __kernel_sockaddr_storage* addr, const void* user_addr, int size) {
    if (size < 0 || (size_t)size > sizeof(*addr))
        return -EINVAL;
    return size ? user_copy_from(addr, user_addr, (size_t)size) : 0;
}

int libos_put_sockaddr(const struct __kernel_sockaddr_storage* addr, PAL_NUM size, void* user_addr,
                       int* user_size) {
    int room;
    if (user_get(room, user_size) < 0)
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (size > sizeof(*addr))
        return -EIO;
    size_t n = MIN((size_t)room, (size_t)size);
    if (n && user_copy_to(user_addr, addr, n) < 0)
        return -EFAULT;
    int told = (int)size;
    return user_put(told, user_size);
}

/* ---- making ---------------------------------------------------------------------------------- */

static int check_type(int* type, int* flags) {
    *flags = *type & ~SOCK_TYPE_MASK;
    if (*flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    *type &= SOCK_TYPE_MASK;
    return 0;
}

/* Without a network the system is like a kernel that was built with UNIX sockets only. */
static bool has_network(void) {
    return manifest_choice(g_pal_control->manifest_root, "sys.culm__net", "host|none", 0) == 0;
}

long libos_syscall_socket(int family, int type, int protocol) {
    int flags;
    if (check_type(&type, &flags) < 0)
        return -EINVAL;
    if (family < 0 || family >= NPROTO)
        return -EAFNOSUPPORT;
    if (type >= SOCK_MAX)
        return -EINVAL;
    if (family != AF_UNIX && family != AF_INET && family != AF_INET6 && family != AF_NETLINK)
        return -EAFNOSUPPORT;
    if (family != AF_UNIX && !has_network())
        return -EAFNOSUPPORT;
    struct libos_file* f;
    int ret = libos_socket_create(family, type, protocol, flags & SOCK_NONBLOCK, &f);
    return ret < 0 ? ret : libos_fd_publish(f, flags & SOCK_CLOEXEC);
}

static int make_pair(int type, int protocol, int flags, struct libos_file* files[2]) {
    PAL_HANDLE handles[2];
    bool nonblock = flags & SOCK_NONBLOCK;
    int ret = PalSocketPair((PAL_FLG)type, nonblock ? PAL_OPTION_NONBLOCK : 0, handles);
    if (ret < 0)
        return (int)pal_to_errno(ret);
    for (int i = 0; i < 2; i++)
        files[i] = libos_socket_file(AF_UNIX, type, protocol, nonblock, handles[i]);
    if (files[0] && files[1]) {
        for (int i = 0; i < 2; i++)
            libos_socket_of(files[i])->unix_data->peer_cred = libos_unix_own_cred();
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        if (files[i])
            libos_file_put(files[i]);
    }
    return -ENOMEM;
}

long libos_syscall_socketpair(int family, int type, int protocol, int* user_fds) {
    int flags;
    if (check_type(&type, &flags) < 0)
        return -EINVAL;
    if (family < 0 || family >= NPROTO)
        return -EAFNOSUPPORT;
    if (family != AF_UNIX)
        return family == AF_INET || family == AF_INET6 || family == AF_NETLINK ? -EOPNOTSUPP
                                                                               : -EAFNOSUPPORT;
    if (protocol && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    struct libos_file* files[2] = {NULL, NULL};
    int ret = make_pair(type, protocol, flags, files);
    if (ret < 0)
        return ret;
    int fds[2] = {-1, -1};
    fds[0] = libos_fd_install(files[0], flags & SOCK_CLOEXEC, 0);
    fds[1] = fds[0] < 0 ? fds[0] : libos_fd_install(files[1], flags & SOCK_CLOEXEC, 0);
    libos_file_put(files[0]);
    libos_file_put(files[1]);
    if (fds[1] >= 0 && user_put(fds, user_fds) == 0)
        return 0;
    ret = fds[1] < 0 ? fds[1] : -EFAULT;
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            libos_fd_close(fds[i]);
    }
    return ret;
}

/* ---- connecting ------------------------------------------------------------------------------ */

long libos_syscall_bind(int fd, struct sockaddr* user_addr, int size) {
    struct libos_file* f;
    struct __kernel_sockaddr_storage addr;
    int ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    ret = libos_get_sockaddr(&addr, user_addr, size);
    if (ret == 0)
        ret = libos_socket_bind(f, &addr, (PAL_NUM)size);
    libos_file_put(f);
    return ret;
}

long libos_syscall_connect(int fd, struct sockaddr* user_addr, int size) {
    struct libos_file* f;
    struct __kernel_sockaddr_storage addr;
    int ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    ret = libos_get_sockaddr(&addr, user_addr, size);
    if (ret == 0)
        ret = libos_socket_connect(f, &addr, (PAL_NUM)size);
    libos_file_put(f);
    return ret;
}

long libos_syscall_listen(int fd, int backlog) {
    struct libos_file* f;
    int ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    if (libos_socket_of(f)->family == AF_UNIX)
        ret = libos_unix_listen(f, backlog);
    else /* a negative backlog is a huge one */
        ret = (int)pal_to_errno(PalSocketListen(f->host, (unsigned int)backlog));
    libos_file_put(f);
    return ret;
}

static int accept_file(struct libos_file* f, bool nonblock, struct libos_file** out,
                       struct __kernel_sockaddr_storage* addr, PAL_NUM* size) {
    const struct libos_socket* s = libos_socket_of(f);
    PAL_HANDLE client;
    if (s->family == AF_UNIX)
        return libos_unix_accept(f, nonblock, out, (struct sockaddr_un*)addr, size);
    int ret = PalSocketAccept(f->host, nonblock ? PAL_OPTION_NONBLOCK : 0, &client, addr, size);
    if (ret < 0)
        return (int)(ret == PAL_ERROR_INTERRUPTED && s->receive_timeout ? libos_interrupted()
                                                                        : pal_to_errno(ret));
    *out = libos_socket_file(s->family, s->type, s->protocol, nonblock, client);
    return *out ? 0 : -ENOMEM;
}

static long accept_on(struct libos_file* f, struct sockaddr* user_addr, int* user_size, int flags) {
    struct __kernel_sockaddr_storage addr = {0};
    PAL_NUM size = sizeof(addr);
    struct libos_file* file;
    int ret = accept_file(f, flags & SOCK_NONBLOCK, &file, &addr, &size);
    if (ret < 0)
        return ret;
    if (user_addr) {
        ret = libos_put_sockaddr(&addr, size, user_addr, user_size);
        if (ret < 0) {
            libos_file_put(file);
            return ret;
        }
    }
    return libos_fd_publish(file, flags & SOCK_CLOEXEC);
}

long libos_syscall_accept4(int fd, struct sockaddr* user_addr, int* user_size, int flags) {
    struct libos_file* f;
    if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    long ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    ret = accept_on(f, user_addr, user_size, flags);
    libos_file_put(f);
    return ret;
}

long libos_syscall_accept(int fd, struct sockaddr* user_addr, int* user_size) {
    return libos_syscall_accept4(fd, user_addr, user_size, 0);
}

long libos_syscall_shutdown(int fd, int how) {
    struct libos_file* f;
    int ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    if (how < 0 || how > SHUT_RDWR)
        ret = -EINVAL;
    else
        ret = (int)pal_to_errno(PalSocketShutdown(f->host, (PAL_FLG)how));
    libos_file_put(f);
    return ret;
}

/* ---- names ----------------------------------------------------------------------------------- */

static long get_name(int fd, bool peer, struct sockaddr* user_addr, int* user_size) {
    struct libos_file* f;
    struct __kernel_sockaddr_storage addr = {0};
    PAL_NUM size = sizeof(addr);
    long ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    if (libos_socket_of(f)->family == AF_UNIX)
        ret = libos_unix_name(f, peer, (struct sockaddr_un*)&addr, &size);
    else
        ret = pal_to_errno(PalSocketName(f->host, peer, &addr, &size));
    libos_file_put(f);
    return ret < 0 ? ret : libos_put_sockaddr(&addr, size, user_addr, user_size);
}

long libos_syscall_getsockname(int fd, struct sockaddr* user_addr, int* user_size) {
    return get_name(fd, false, user_addr, user_size);
}

long libos_syscall_getpeername(int fd, struct sockaddr* user_addr, int* user_size) {
    return get_name(fd, true, user_addr, user_size);
}

/* ---- options --------------------------------------------------------------------------------- */

/* Options whose value holds an address of the guest, or a descriptor of the host. */
static bool refused_option(int level, int name) {
    if (level == SOL_SOCKET_)
        return name == SO_GET_FILTER || name == SO_PEERGROUPS /* the host user's */ ||
               name == SO_ATTACH_BPF || name == SO_ATTACH_REUSEPORT_CBPF ||
               name == SO_ATTACH_REUSEPORT_EBPF;
    return level == SOL_TCP_ && (name == TCP_ZEROCOPY_RECEIVE || name == TCP_ULP);
}

static long get_option(struct libos_file* f, int level, int name, char* user_value,
                       int* user_size) {
    int room;
    if (user_get(room, user_size) < 0)
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (refused_option(level, name))
        return -ENOPROTOOPT;
    char value[OPTION_MAX];
    PAL_NUM size = MIN((PAL_NUM)room, sizeof(value));
    memset(value, 0, size);
    /* Some options take input through the same buffer. */
    if (user_copy_from(value, user_value, size) < 0)
        memset(value, 0, size);
    size_t own = level == SOL_SOCKET_ && libos_socket_of(f)->family == AF_UNIX
                     ? libos_unix_get_option(f, name, value)
                     : 0;
    if (own > 0) {
        size = MIN(size, (PAL_NUM)own);
    } else {
        int ret = PalSocketOptionGet(f->host, (PAL_FLG)level, (PAL_FLG)name, value, &size);
        if (ret < 0)
            return pal_to_errno(ret);
        if (size > sizeof(value) || size > (PAL_NUM)room)
            return -EIO;
    }
    if (user_copy_to(user_value, value, size) < 0)
        return -EFAULT;
    int told = (int)size;
    return user_put(told, user_size);
}

long libos_syscall_getsockopt(int fd, int level, int name, char* user_value, int* user_size) {
    struct libos_file* f;
    long ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    ret = get_option(f, level, name, user_value, user_size);
    libos_file_put(f);
    return ret;
}

/* A timeout other than zero makes interrupted calls fail instead of restarting. */
static void note_timeout(struct libos_socket* s, int name, const char* value, size_t size) {
    bool set = false;
    for (size_t i = 0; i < size; i++)
        set |= value[i] != 0;
    if (name == SO_RCVTIMEO_OLD || name == SO_RCVTIMEO_NEW)
        s->receive_timeout = set;
    else if (name == SO_SNDTIMEO_OLD || name == SO_SNDTIMEO_NEW)
        s->send_timeout = set;
}

/* A packet filter: the host gets a copy of the program, which it checks. */
static long set_filter(struct libos_file* f, int name, const char* user_value, int size) {
    struct sock_fprog prog;
    if (size != (int)sizeof(prog))
        return -EINVAL;
    if (user_copy_from(&prog, user_value, sizeof(prog)) < 0)
        return -EFAULT;
    if (!prog.filter || !prog.len || prog.len > BPF_MAXINSNS)
        return -EINVAL;
    size_t bytes = prog.len * sizeof(prog.filter[0]);
    struct sock_filter* copy = libos_malloc(bytes);
    if (!copy)
        return -ENOMEM;
    long ret = user_copy_from(copy, prog.filter, bytes);
    prog.filter = copy;
    if (ret == 0)
        ret = pal_to_errno(
            PalSocketOptionSet(f->host, SOL_SOCKET_, (PAL_FLG)name, &prog, sizeof(prog)));
    libos_free(copy);
    return ret;
}

static long set_option(struct libos_file* f, int level, int name, const char* user_value,
                       int size) {
    char value[OPTION_MAX];
    if (level == SOL_SOCKET_ && (name == SO_ATTACH_FILTER || name == SO_ATTACH_REUSEPORT_CBPF))
        return set_filter(f, name, user_value, size);
    if (size < 0 || (size_t)size > sizeof(value))
        return -EINVAL;
    if (refused_option(level, name))
        return -ENOPROTOOPT;
    if (user_copy_from(value, user_value, (size_t)size) < 0)
        return -EFAULT;
    int ret = PalSocketOptionSet(f->host, (PAL_FLG)level, (PAL_FLG)name, value, (PAL_NUM)size);
    if (ret == 0 && level == SOL_SOCKET_ && name == SO_PASSCRED)
        libos_unix_set_passes_cred(f, value, (size_t)size);
    if (ret == 0 && level == SOL_SOCKET_)
        note_timeout(libos_socket_of(f), name, value, (size_t)size);
    return pal_to_errno(ret);
}

long libos_syscall_setsockopt(int fd, int level, int name, char* user_value, int size) {
    struct libos_file* f;
    long ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    ret = set_option(f, level, name, user_value, size);
    libos_file_put(f);
    return ret;
}
