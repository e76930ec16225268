/*
 * The small typed operations of PalStreamControl(). `arg` is the caller's own memory, aligned.
 */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <asm/termios.h>
#include <linux/fs.h>
#include <linux/sockios.h>

#include "local.h"

struct control_op {
    uint16_t size;    /* of *arg; 0: not such an operation */
    uint8_t by_value; /* the host takes *(int*)arg itself */
    uint32_t ioctl;   /* 0: done by code below */
};

/* Operations that are one ioctl of the host each. struct termios of the kernel has 36 bytes. */
static const struct control_op g_ops[] = {
    [PAL_OP_BYTES_READABLE] = {4, 0, FIONREAD},
    [PAL_OP_PIPE_SIZE_GET] = {4, 0, 0},
    [PAL_OP_PIPE_SIZE_SET] = {4, 0, 0},
    [PAL_OP_TTY_ATTR_GET] = {sizeof(struct termios), 0, TCGETS},
    [PAL_OP_TTY_ATTR_SET] = {sizeof(struct termios), 0, TCSETS},
    [PAL_OP_TTY_ATTR_SET_WAIT] = {sizeof(struct termios), 0, TCSETSW},
    [PAL_OP_TTY_ATTR_SET_FLUSH] = {sizeof(struct termios), 0, TCSETSF},
    [PAL_OP_TTY_SIZE_GET] = {sizeof(struct winsize), 0, TIOCGWINSZ},
    [PAL_OP_TTY_SIZE_SET] = {sizeof(struct winsize), 0, TIOCSWINSZ},
    [PAL_OP_TTY_FLUSH] = {4, 1, TCFLSH},
    [PAL_OP_TTY_DRAIN] = {4, 1, TCSBRK},
    [PAL_OP_TTY_FLOW] = {4, 1, TCXONC},
    [PAL_OP_TTY_BYTES_QUEUED] = {4, 0, TIOCOUTQ},
    [PAL_OP_PTY_NUMBER] = {4, 0, TIOCGPTN},
    [PAL_OP_PTY_LOCK] = {4, 0, TIOCSPTLCK},
    [PAL_OP_PTY_PACKET_GET] = {4, 0, TIOCGPKT},
    [PAL_OP_PTY_PACKET_SET] = {4, 0, TIOCPKT},
    [PAL_OP_PTY_OPEN_PEER] = {8, 0, 0},
    [PAL_OP_SEALS_GET] = {4, 0, 0},
    [PAL_OP_SEALS_ADD] = {4, 0, 0},
    [PAL_OP_APPEND_SET] = {4, 0, 0},
    [PAL_OP_STATUS_SET] = {4, 0, 0},
    [PAL_OP_LOCK_TEST] = {sizeof(PAL_LOCK_TEST_REQUEST), 0, 0},
    [PAL_OP_FLAGS_GET] = {4, 0, 0},
    [PAL_OP_BLOCK_SIZE_GET] = {8, 0, BLKGETSIZE64},
    [PAL_OP_FILE_FLAGS_GET] = {4, 0, FS_IOC_GETFLAGS},
    [PAL_OP_FILE_FLAGS_SET] = {4, 0, FS_IOC_SETFLAGS},
    [PAL_OP_FILE_XATTR_GET] = {sizeof(struct fsxattr), 0, FS_IOC_FSGETXATTR},
    [PAL_OP_FILE_XATTR_SET] = {sizeof(struct fsxattr), 0, FS_IOC_FSSETXATTR},
    [PAL_OP_CACHE_STAT] = {7 * sizeof(uint64_t), 0, 0},
    [PAL_OP_SOCKET_RENEW] = {4, 0, 0},
    [PAL_OP_INTERFACE_GET] = {sizeof(PAL_INTERFACE_REQUEST), 0, 0},
};

/* Commands of fcntl(2) that return what *arg gets. */
static int fcntl_get(int fd, int command, long value, PAL_PTR arg) {
    long ret = host_syscall(__NR_fcntl, fd, command, value);
    if (ret < 0)
        return host_error(ret);
    *(int*)arg = ret;
    return 0;
}

static int set_status(int fd, int flags) {
    const int settable = O_DIRECT | O_NOATIME;
    long old = host_syscall(__NR_fcntl, fd, F_GETFL);
    if (old < 0)
        return host_error(old);
    return host_error(
        host_syscall(__NR_fcntl, fd, F_SETFL, (old & ~settable) | (flags & settable)));
}

static int test_lock(int fd, PAL_LOCK_TEST_REQUEST* r) {
    struct flock lock = {.l_type = r->type == 1 ? F_RDLCK : F_WRLCK,
                         .l_start = (long)r->start,
                         .l_len = (long)r->length};
    if (r->type - 1 > 1 || r->start > INT64_MAX || r->length > INT64_MAX)
        return PAL_ERROR_INVAL;
    long ret = host_syscall(__NR_fcntl, fd, F_OFD_GETLK, &lock);
    if (ret < 0)
        return host_error(ret);
    r->type = lock.l_type == F_UNLCK ? 0 : lock.l_type == F_RDLCK ? 1 : 2;
    r->start = (PAL_NUM)lock.l_start;
    r->length = (PAL_NUM)lock.l_len;
    r->by_process = lock.l_pid != -1;
    return 0;
}

/* Younger than the headers; an older host answers ENOSYS. */
#define NR_CACHESTAT 451

static int cache_stat(int fd, uint64_t* arg) {
    long ret = host_syscall(NR_CACHESTAT, fd, arg, arg + 2, 0);
    return ret == -ENOSYS ? PAL_ERROR_NOTIMPLEMENTED : host_error(ret);
}

static int set_append(struct host_handle* h, bool on) {
    int fd = stream_write_fd(h);
    long flags = host_syscall(__NR_fcntl, fd, F_GETFL);
    if (flags < 0)
        return host_error(flags);
    return host_error(
        host_syscall(__NR_fcntl, fd, F_SETFL, on ? flags | O_APPEND : flags & ~O_APPEND));
}

static int open_peer(struct host_handle* h, PAL_PTR arg) {
    uint32_t flags = *(uint32_t*)arg;
    if ((flags & ~(O_ACCMODE | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) ||
        (flags & O_ACCMODE) == O_ACCMODE)
        return PAL_ERROR_INVAL;
    long fd = host_syscall(__NR_ioctl, h->fd, TIOCGPTPEER, flags | O_CLOEXEC);
    if (fd < 0)
        return host_error(fd);
    uint32_t handle_flags = (flags & O_NONBLOCK ? HANDLE_NONBLOCK : 0) |
                            ((flags & O_ACCMODE) != O_WRONLY ? HANDLE_READABLE : 0) |
                            ((flags & O_ACCMODE) != O_RDONLY ? HANDLE_WRITABLE : 0);
    return host_handle_wrap(PAL_TYPE_DEV, fd, handle_flags, (PAL_HANDLE*)arg);
}

/* What changes a terminal waits for its output, or is stopped as a background job; what asks is
 * answered at once, no matter which kicks are pending. */
static bool may_wait(PAL_FLG op) {
    switch (op) {
        case PAL_OP_TTY_ATTR_SET:
        case PAL_OP_TTY_ATTR_SET_WAIT:
        case PAL_OP_TTY_ATTR_SET_FLUSH:
        case PAL_OP_TTY_FLUSH:
        case PAL_OP_TTY_DRAIN:
        case PAL_OP_TTY_FLOW:
            return true;
        default:
            return false;
    }
}

static int get_interface(struct host_handle* h, PAL_INTERFACE_REQUEST* r) {
    switch (r->which) {
        case SIOCGIFNAME:
        case SIOCGIFINDEX:
        case SIOCGIFFLAGS:
        case SIOCGIFADDR:
        case SIOCGIFDSTADDR:
        case SIOCGIFBRDADDR:
        case SIOCGIFNETMASK:
        case SIOCGIFMETRIC:
        case SIOCGIFMTU:
        case SIOCGIFHWADDR:
        case SIOCGIFTXQLEN:
            return host_error(host_syscall(__NR_ioctl, h->fd, r->which, r->request));
        default:
            return PAL_ERROR_NOTTY;
    }
}

static int by_ioctl(struct host_handle* h, PAL_FLG op, PAL_PTR arg) {
    /* Output is asked of, and given to, the writing side. */
    bool output = op == PAL_OP_TTY_BYTES_QUEUED || op == PAL_OP_TTY_DRAIN;
    int fd = output ? stream_write_fd(h) : h->fd;
    long value = g_ops[op].by_value ? *(int*)arg : (long)arg;
    if (may_wait(op))
        return host_error(host_syscall_block(__NR_ioctl, fd, g_ops[op].ioctl, value));
    return host_error(host_syscall(__NR_ioctl, fd, g_ops[op].ioctl, value));
}

int PalStreamControl(PAL_HANDLE handle, PAL_FLG op, PAL_PTR arg, PAL_NUM size) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (op >= sizeof(g_ops) / sizeof(g_ops[0]) || !g_ops[op].size)
        return PAL_ERROR_NOTIMPLEMENTED;
    if (!arg || size < g_ops[op].size)
        return PAL_ERROR_INVAL;
    switch (op) {
        case PAL_OP_PIPE_SIZE_GET:
            return fcntl_get(h->fd, F_GETPIPE_SZ, 0, arg);
        case PAL_OP_PIPE_SIZE_SET:
            return fcntl_get(h->fd, F_SETPIPE_SZ, *(int*)arg, arg);
        case PAL_OP_SEALS_GET:
            return fcntl_get(h->fd, F_GET_SEALS, 0, arg);
        case PAL_OP_SEALS_ADD:
            return host_error(host_syscall(__NR_fcntl, h->fd, F_ADD_SEALS, *(uint32_t*)arg));
        case PAL_OP_CACHE_STAT:
            return cache_stat(h->fd, arg);
        case PAL_OP_APPEND_SET:
            return set_append(h, *(int*)arg);
        case PAL_OP_STATUS_SET:
            return set_status(h->fd, *(int*)arg);
        case PAL_OP_LOCK_TEST:
            return test_lock(h->fd, arg);
        case PAL_OP_FLAGS_GET:
            return fcntl_get(h->fd, F_GETFL, 0, arg);
        case PAL_OP_SOCKET_RENEW:
            return local_renew(h);
        case PAL_OP_PTY_OPEN_PEER:
            return open_peer(h, arg);
        case PAL_OP_INTERFACE_GET:
            return get_interface(h, arg);
        default:
            return by_ioctl(h, op, arg);
    }
}
