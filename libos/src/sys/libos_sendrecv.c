/*
 * Moving data through sockets: send*, recv*, and their vectored and many-message forms. send(2),
 * recv(2), cmsg(3).
 */
#include <linux/time_types.h>
#include <linux/uio.h>

#include "libos_fs_calls.h"
#include "../net/libos_unix.h"
#include "libos_socket_user.h"
#include "libos_table.h"
#include "libos_time.h"

#define FAST_IOV          8
#define CONTROL_MAX       65536u
#define SCM_RIGHTS_       1
#define SCM_CREDENTIALS_  2
#define OWN_CONTROL       2304 /* bytes: handles and credentials, however little room the guest left */
#define MSG_PEEK_         0x2u
#define MSG_CTRUNC_       0x8u
#define MSG_DONTWAIT_     0x40u
#define MSG_WAITFORONE_   0x10000u
#define MSG_CMSG_CLOEXEC_ 0x40000000u
#define MSG_CMSG_COMPAT_  0x80000000u
#define MAX_RW_COUNT_     (INT32_MAX & ~4095)

struct user_msghdr {
    void* name;
    int name_size;
    struct iovec* iov;
    size_t iov_count;
    void* control;
    size_t control_size;
    unsigned int flags;
};
struct mmsghdr {
    struct user_msghdr header;
    unsigned int size;
};
struct control_header {
    size_t size;
    int level, type;
};
#define CONTROL_ALIGN(n) (((n) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))

/* ---- one buffer ------------------------------------------------------------------------------ */

static int import_buffer(struct iovec* iov, void* buffer, size_t size) {
    if (size > MAX_RW_COUNT_)
        size = MAX_RW_COUNT_;
    if (!access_ok(buffer, size))
        return -EFAULT;
    *iov = (struct iovec){buffer, size};
    return 0;
}

long libos_syscall_sendto(int fd, void* buffer, size_t size, unsigned int flags,
                          struct sockaddr* user_addr, int addr_size) {
    struct __kernel_sockaddr_storage addr;
    struct iovec iov;
    struct libos_file* f;
    struct libos_message m = {.iov = &iov, .iov_count = 1};
    int ret = import_buffer(&iov, buffer, size);
    if (ret < 0)
        return ret;
    ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    long sent = user_addr ? libos_get_sockaddr(&addr, user_addr, addr_size) : 0;
    if (user_addr) {
        m.addr = &addr;
        m.addr_size = (PAL_NUM)addr_size;
    }
    if (sent == 0)
        sent = libos_socket_send(f, &m, flags & ~MSG_CMSG_COMPAT_);
    libos_file_put(f);
    return sent;
}

long libos_syscall_recvfrom(int fd, void* buffer, size_t size, unsigned int flags,
                            struct sockaddr* user_addr, int* user_addr_size) {
    struct __kernel_sockaddr_storage addr;
    struct iovec iov;
    struct libos_file* f;
    struct libos_message m = {.iov = &iov, .iov_count = 1};
    int ret = import_buffer(&iov, buffer, size);
    if (ret < 0)
        return ret;
    ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    if (user_addr) {
        m.addr = &addr;
        m.addr_size = sizeof(addr);
    }
    long got = libos_socket_receive(f, &m, flags & ~(MSG_CMSG_COMPAT_ | MSG_CMSG_CLOEXEC_));
    libos_file_put(f);
    if (got >= 0 && user_addr) {
        ret = libos_put_sockaddr(&addr, m.addr_size, user_addr, user_addr_size);
        if (ret < 0)
            return ret;
    }
    return got;
}

/* ---- control data ---------------------------------------------------------------------------- */

/* Is the credential one the sender may claim? Linux: scm_check_creds. */
static bool may_claim(const int32_t cred[3]) {
    const struct libos_thread* t = get_cur_thread();
    uint32_t uid = (uint32_t)cred[1], gid = (uint32_t)cred[2];
    return (cred[0] == cur_process()->pid || libos_capable(CAP_SYS_ADMIN)) &&
           (uid == t->uid || uid == t->euid || uid == t->suid || libos_capable(CAP_SETUID)) &&
           (gid == t->gid || gid == t->egid || gid == t->sgid || libos_capable(CAP_SETGID));
}

static int add_rights(struct libos_rights* rights, const char* data, size_t size) {
    size_t n = size / sizeof(int);
    if (rights->count + n > LIBOS_RIGHTS_MAX)
        return -EINVAL;
    memcpy(&rights->fds[rights->count], data, n * sizeof(int));
    rights->count += n;
    return 0;
}

static int add_credentials(struct libos_rights* rights, const char* data) {
    const struct libos_thread* t = get_cur_thread();
    memcpy(rights->cred, data, sizeof(rights->cred));
    if (!may_claim(rights->cred))
        return -EPERM;
    /* Without it the receiver makes up the same. */
    rights->has_cred = rights->cred[0] != cur_process()->pid ||
                       rights->cred[1] != (int32_t)t->uid || rights->cred[2] != (int32_t)t->gid;
    return 0;
}

/* What the guest sends along. Over AF_UNIX descriptors and credentials are taken out into `rights`.
 * Rewrites in place; *size shrinks. */
static int check_control(char* control, PAL_NUM* size, bool local, struct libos_rights* rights) {
    PAL_NUM kept = 0;
    for (PAL_NUM pos = 0; pos + sizeof(struct control_header) <= *size;) {
        struct control_header h;
        int ret = 0;
        memcpy(&h, control + pos, sizeof(h));
        if (h.size < sizeof(h) || h.size > *size - pos)
            return -EINVAL;
        const char* data = control + pos + sizeof(h);
        PAL_NUM step = MIN((PAL_NUM)CONTROL_ALIGN(h.size), *size - pos);
        bool socket_level = h.level == SOL_SOCKET_;
        if (local && socket_level && h.type == SCM_RIGHTS_) {
            ret = add_rights(rights, data, h.size - sizeof(h));
        } else if (local && h.level == SOL_SOCKET_ && h.type == SCM_CREDENTIALS_) {
            ret = h.size == sizeof(h) + sizeof(rights->cred) ? add_credentials(rights, data)
                                                             : -EINVAL;
        } else if (local && socket_level) {
            ret = -EINVAL;
        } else if (!local &&
                   !(socket_level && (h.type == SCM_RIGHTS_ || h.type == SCM_CREDENTIALS_))) {
            memmove(control + kept, control + pos, step);
            kept += step;
        }
        if (ret < 0)
            return ret;
        pos += step;
    }
    *size = kept;
    return 0;
}

/* Control data for the guest, as much as fits (Linux: put_cmsg, scm_detach_fds). */
struct control_out {
    char* user;
    size_t room, used;
    bool cut;
};

static int put_control(struct control_out* out, int level, int type, const void* data,
                       size_t size) {
    struct control_header h = {sizeof(h) + size, level, type};
    size_t room = out->room - out->used;
    if (room < sizeof(h)) {
        out->cut = true;
        return 0;
    }
    if (h.size > room) {
        out->cut = true;
        h.size = room;
    }
    char* at = out->user + out->used;
    if (user_copy_to(at, &h, sizeof(h)) < 0 ||
        user_copy_to(at + sizeof(h), data, h.size - sizeof(h)) < 0)
        return -EFAULT;
    out->used += MIN(CONTROL_ALIGN(sizeof(h) + size), room);
    return 0;
}

static int put_rights(struct control_out* out, struct libos_rights* in, const void* record,
                      size_t size, unsigned int flags) {
    PAL_HANDLE handles[LIBOS_RIGHTS_MAX];
    size_t count = MIN(size / sizeof(PAL_HANDLE), (size_t)LIBOS_RIGHTS_MAX), total = 0;
    size_t room = out->room - out->used;
    size_t fits = room <= sizeof(struct control_header)
                      ? 0
                      : (room - sizeof(struct control_header)) / sizeof(int);
    if (!count)
        return 0;
    memcpy(handles, record, count * sizeof(PAL_HANDLE));
    libos_rights_unpack(handles, count, fits, flags & MSG_CMSG_CLOEXEC_, flags & MSG_PEEK_, in,
                        &total);
    if (in->count < total)
        out->cut = true;
    return 0;
}

/* Who sent it, by what the host tells and what the message told. */
static int put_credentials(struct control_out* out, const struct libos_rights* in,
                           const char* data) {
    int32_t cred[3];
    const void* told = in->has_cred ? (const void*)in->cred : data;
    memcpy(cred, told, sizeof(cred));
    if (!in->has_cred)
        libos_unix_sender_cred(cred);
    return put_control(out, SOL_SOCKET_, SCM_CREDENTIALS_, cred, sizeof(cred));
}

/* What came along: handles become descriptors, the host's idea of the sender the guest's. As on
 * Linux, credentials come before descriptors. */
static int translate_local(struct control_out* out, const char* control, PAL_NUM size,
                           unsigned int flags, bool credentials) {
    struct libos_rights in = {.count = 0, .has_cred = false};
    const char *rights = NULL, *cred = NULL;
    size_t rights_size = 0;
    int ret = 0;
    for (PAL_NUM pos = 0; pos + sizeof(struct control_header) <= size;) {
        struct control_header h;
        memcpy(&h, control + pos, sizeof(h));
        if (h.size < sizeof(h) || h.size > size - pos)
            return -EIO;
        const char* data = control + pos + sizeof(h);
        if (h.level == SOL_SOCKET_ && h.type == SCM_RIGHTS_) {
            rights = data;
            rights_size = h.size - sizeof(h);
        } else if (h.level == SOL_SOCKET_ && h.type == SCM_CREDENTIALS_) {
            cred = h.size == sizeof(h) + 3 * sizeof(int32_t) ? data : NULL;
        } else {
            ret = ret ? ret : put_control(out, h.level, h.type, data, h.size - sizeof(h));
        }
        pos += CONTROL_ALIGN(h.size);
    }
    struct control_out after = *out;
    if (cred && credentials) /* the room that they will take */
        after.used += MIN(CONTROL_ALIGN(sizeof(struct control_header) + 3 * sizeof(int32_t)),
                          out->room - out->used);
    if (rights) {
        put_rights(&after, &in, rights, rights_size, flags);
        out->cut |= after.cut;
    }
    if (cred && credentials && ret == 0)
        ret = put_credentials(out, &in, cred);
    if (in.count && ret == 0)
        ret = put_control(out, SOL_SOCKET_, SCM_RIGHTS_, in.fds, in.count * sizeof(int));
    return ret;
}

static int copy_control(struct control_out* out, const char* control, PAL_NUM size) {
    PAL_NUM n = MIN(size, out->room);
    out->used = n;
    return user_copy_to(out->user, control, n);
}

/* ---- messages -------------------------------------------------------------------------------- */

struct import { /* a user_msghdr, decoded */
    struct user_msghdr user;
    struct iovec fast[FAST_IOV];
    struct iovec* iov;
    struct __kernel_sockaddr_storage addr;
    char* control;
    struct libos_message m;
};

static void import_free(struct import* in) {
    if (in->iov != in->fast)
        libos_free(in->iov);
    libos_free(in->control);
}

/* extra_control: room that the LibOS wants for itself. */
static int import_header(struct import* in, const struct user_msghdr* user, size_t extra_control) {
    in->iov = in->fast;
    in->control = NULL;
    if (user_get(in->user, user) < 0)
        return -EFAULT;
    if (!in->user.name)
        in->user.name_size = 0;
    if (in->user.name_size < 0)
        return -EINVAL;
    if (in->user.iov_count > UIO_MAXIOV)
        return -EMSGSIZE;
    long ret = libos_import_iovec(in->user.iov, in->user.iov_count, in->fast, &in->iov);
    if (ret < 0)
        return (int)ret;
    in->m = (struct libos_message){.iov = in->iov, .iov_count = (int)in->user.iov_count};
    if (in->user.control && in->user.control_size) {
        in->m.control_size = MIN(in->user.control_size, (size_t)CONTROL_MAX) + extra_control;
        in->control = libos_malloc(in->m.control_size);
        if (!in->control)
            return -ENOBUFS;
        in->m.control = in->control;
    }
    return 0;
}

static long send_with_rights(struct libos_file* f, struct libos_message* m,
                             const struct libos_rights* rights, unsigned int flags) {
    struct libos_rights_record record;
    int ret = libos_rights_pack(rights, &record);
    if (ret < 0)
        return ret;
    struct libos_message with_record = *m;
    with_record.control = &record;
    with_record.control_size = record.header.size;
    long sent = libos_socket_send(f, &with_record, flags);
    libos_rights_release(&record, sent >= 0);
    return sent;
}

static int get_control(struct import* in, bool local, struct libos_rights* rights) {
    if (in->user.control_size > CONTROL_MAX)
        return -ENOBUFS;
    if (user_copy_from(in->control, in->user.control, in->m.control_size) < 0)
        return -EFAULT;
    int ret = check_control(in->control, &in->m.control_size, local, rights);
    if (!in->m.control_size)
        in->m.control = NULL;
    return ret;
}

static long send_message(struct libos_file* f, const struct user_msghdr* user, unsigned int flags) {
    struct import in;
    struct libos_rights rights;
    rights.count = 0;
    rights.has_cred = false;
    long ret = import_header(&in, user, 0);
    flags &= ~MSG_CMSG_COMPAT_;
    if (ret == 0 && in.user.name_size) {
        int size = MIN(in.user.name_size, (int)sizeof(in.addr));
        ret = libos_get_sockaddr(&in.addr, in.user.name, size);
        in.m.addr = &in.addr;
        in.m.addr_size = (PAL_NUM)size;
    }
    if (ret == 0 && in.control)
        ret = get_control(&in, libos_socket_of(f)->family == AF_UNIX, &rights);
    if (ret == 0)
        ret = rights.count || rights.has_cred ? send_with_rights(f, &in.m, &rights, flags)
                                              : libos_socket_send(f, &in.m, flags);
    import_free(&in);
    return ret;
}

static long put_received(struct libos_file* f, struct import* in, struct user_msghdr* user,
                         unsigned int flags) {
    const struct libos_socket* s = libos_socket_of(f);
    struct control_out out = {in->user.control, in->control ? in->user.control_size : 0, 0, false};
    int ret = 0;
    bool some = in->m.control && in->m.control_size;
    if (some && s->family == AF_UNIX)
        ret = translate_local(&out, in->control, in->m.control_size, flags,
                              libos_unix_passes_cred(f));
    else if (some)
        ret = copy_control(&out, in->control, in->m.control_size);
    if (in->user.name && ret == 0)
        ret = libos_put_sockaddr(&in->addr, in->m.addr_size, in->user.name, &user->name_size);
    unsigned int told = in->m.flags | (flags & MSG_CMSG_CLOEXEC_) | (out.cut ? MSG_CTRUNC_ : 0);
    if (ret == 0 &&
        (user_put(told, &user->flags) < 0 || user_put(out.used, &user->control_size) < 0))
        ret = -EFAULT;
    return ret;
}

static long receive_message(struct libos_file* f, struct user_msghdr* user, unsigned int flags) {
    struct import in;
    bool local = libos_socket_of(f)->family == AF_UNIX;
    long ret = import_header(&in, user, local ? OWN_CONTROL : 0);
    if (ret == 0) {
        if (in.user.name) {
            in.m.addr = &in.addr;
            in.m.addr_size = sizeof(in.addr);
        }
        in.m.flags = 1; /* asks for the flags of the message */
        ret = libos_socket_receive(f, &in.m, flags & ~(MSG_CMSG_COMPAT_ | MSG_CMSG_CLOEXEC_));
    }
    if (ret >= 0) {
        long put = put_received(f, &in, user, flags);
        if (put < 0)
            ret = put;
    }
    import_free(&in);
    return ret;
}

long libos_syscall_sendmsg(int fd, struct user_msghdr* user, unsigned int flags) {
    struct libos_file* f;
    long ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    ret = send_message(f, user, flags);
    libos_file_put(f);
    return ret;
}

long libos_syscall_recvmsg(int fd, struct user_msghdr* user, unsigned int flags) {
    struct libos_file* f;
    long ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    ret = receive_message(f, user, flags);
    libos_file_put(f);
    return ret;
}

/* ---- many messages --------------------------------------------------------------------------- */

long libos_syscall_sendmmsg(int fd, struct mmsghdr* user, unsigned int count, unsigned int flags) {
    struct libos_file* f;
    long ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    if (count > UIO_MAXIOV)
        count = UIO_MAXIOV;
    unsigned int done = 0;
    ret = 0;
    while (done < count) {
        ret = send_message(f, &user[done].header, flags);
        if (ret < 0)
            break;
        unsigned int size = (unsigned int)ret;
        ret = user_put(size, &user[done].size);
        if (ret < 0)
            break;
        done++;
        if (libos_signal_pending(get_cur_thread()))
            break;
    }
    libos_file_put(f);
    return done ? (long)done : ret;
}

long libos_syscall_recvmmsg(int fd, struct mmsghdr* user, unsigned int count, unsigned int flags,
                            struct __kernel_timespec* user_timeout) {
    uint64_t timeout = NO_TIMEOUT, deadline = NO_TIMEOUT;
    if (user_timeout) {
        int bad = user_get_timespec(&timeout, user_timeout);
        if (bad < 0)
            return bad;
        deadline = libos_deadline_after(timeout);
    }
    struct libos_file* f;
    long ret = libos_socket_get(fd, &f);
    if (ret < 0)
        return ret;
    unsigned int done = 0, now = flags & ~MSG_WAITFORONE_;
    while (done < count) {
        ret = receive_message(f, &user[done].header, now);
        if (ret < 0)
            break;
        unsigned int size = (unsigned int)ret;
        ret = user_put(size, &user[done].size);
        if (ret < 0)
            break;
        done++;
        if (flags & MSG_WAITFORONE_)
            now |= MSG_DONTWAIT_;
        /* As documented under BUGS: the timeout is looked at only after each message. */
        if (user_timeout && libos_monotonic_ns() >= deadline)
            break;
    }
    libos_file_put(f);
    if (user_timeout && done) {
        uint64_t t = libos_monotonic_ns();
        if (user_put_timespec(user_timeout, t < deadline ? deadline - t : 0) < 0)
            return -EFAULT;
    }
    return done ? (long)done : ret;
}
