/*
 * AF_UNIX sockets. The LibOS gives them names of its own, which the host knows as abstract ones
 * with the instance's salt in front: nothing of the host is reached under them. Who learns such a
 * name from the host's tables (they have no permissions) is told by his user: connections and
 * datagrams of other users are refused.
 */
#include "local.h"

#define PREFIX_SIZE     38 /* "culm/" + 32 digits + ":" */
#define HEAD            offsetof(struct sockaddr_un, sun_path)
#define RIGHTS_MAX      253 /* SCM_MAX_FD */
#define SCM_CREDENTIALS 2

struct host_ucred {
    int pid;
    uint32_t uid, gid;
};

/* ---- Names ------------------------------------------------------------------------------------
 */

static void put_prefix(char* at) {
    uint64_t salt[2];
    char text[PREFIX_SIZE + 1];
    host_instance_salt(salt);
    snprintf(text, sizeof(text), "culm/%016lx%016lx:", salt[0], salt[1]);
    memcpy(at, text, PREFIX_SIZE);
}

int local_to_host(const void* addr, PAL_NUM size, struct sockaddr_un* host) {
    struct sockaddr_un un;
    if (size < HEAD + 2 || size > sizeof(un) - PREFIX_SIZE)
        return PAL_ERROR_INVAL;
    if (host_copy(&un, addr, size))
        return PAL_ERROR_BADADDR;
    if (un.sun_family != AF_UNIX || un.sun_path[0])
        return PAL_ERROR_INVAL;
    host->sun_family = AF_UNIX;
    host->sun_path[0] = '\0';
    put_prefix(host->sun_path + 1);
    memcpy(host->sun_path + 1 + PREFIX_SIZE, un.sun_path + 1, size - HEAD - 1);
    return (int)size + PREFIX_SIZE;
}

int local_from_host(const struct sockaddr_un* host, int host_size, void* addr, PAL_NUM* size) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char prefix[PREFIX_SIZE];
    PAL_NUM told = host_size >= (int)HEAD ? HEAD : 0;
    put_prefix(prefix);
    if (host_size > (int)(HEAD + 1 + PREFIX_SIZE) && host_size <= (int)sizeof(*host) &&
        !host->sun_path[0] && !memcmp(host->sun_path + 1, prefix, PREFIX_SIZE)) {
        told = host_size - PREFIX_SIZE;
        memcpy(un.sun_path + 1, host->sun_path + 1 + PREFIX_SIZE, told - HEAD - 1);
    }
    if (host_copy(addr, &un, told < *size ? told : *size))
        return PAL_ERROR_BADADDR;
    *size = told;
    return 0;
}

int local_renew(struct host_handle* h) {
    if (!local_is(h))
        return PAL_ERROR_NOTSUPPORT;
    int mode = h->flags & HANDLE_NONBLOCK ? PAL_OPTION_NONBLOCK : 0;
    long fd = host_syscall(__NR_socket, AF_UNIX, socket_type_flags(h->sock.type, mode), 0);
    if (fd < 0)
        return host_error(fd);
    static const int kept[] = {SO_PASSCRED, SO_SNDBUF, SO_RCVBUF};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        int value = 0, size = sizeof(value);
        long ret = host_syscall(__NR_getsockopt, h->fd, SOL_SOCKET, kept[i], &value, &size);
        if (ret == 0 && kept[i] != SO_PASSCRED)
            value /= 2; /* the kernel doubles it */
        if (ret == 0)
            host_syscall(__NR_setsockopt, fd, SOL_SOCKET, kept[i], &value, sizeof(value));
    }
    long ret = host_syscall(__NR_dup3, fd, h->fd, O_CLOEXEC);
    host_close(fd);
    return host_error(ret);
}

/* ---- Handles to the host ----------------------------------------------------------------------
 */

int local_control_to_host(const void* control, PAL_NUM size, void* buffer, size_t* host_size) {
    struct host_cmsghdr in, *out = buffer;
    if (size < sizeof(in))
        return PAL_ERROR_INVAL;
    memcpy(&in, control, sizeof(in));
    size_t count = (size - sizeof(in)) / sizeof(PAL_HANDLE);
    if (in.level != SOL_SOCKET || in.type != SCM_RIGHTS || in.size != size || !count ||
        count > RIGHTS_MAX)
        return PAL_ERROR_NOTSUPPORT;
    *out = (struct host_cmsghdr){sizeof(in) + count * sizeof(int), SOL_SOCKET, SCM_RIGHTS};
    for (size_t i = 0; i < count; i++) {
        PAL_HANDLE handle;
        memcpy(&handle, (const char*)control + sizeof(in) + i * sizeof(handle), sizeof(handle));
        struct host_handle* h = stream_of(handle);
        if (!h || (h->flags & HANDLE_DUPLEX))
            return h ? PAL_ERROR_NOTSUPPORT : PAL_ERROR_BADHANDLE;
        memcpy((char*)(out + 1) + i * sizeof(int), &h->fd, sizeof(int));
    }
    *host_size = CMSG_ALIGN_UP(out->size);
    return 0;
}

/* ---- Handles from the host --------------------------------------------------------------------
 */

struct out { /* the LibOS's control data */
    char* at;
    PAL_NUM room, used;
    PAL_FLG flags;
};

static bool out_record(struct out* out, int type, PAL_NUM data_size, int level, char** data) {
    struct host_cmsghdr header = {sizeof(header) + data_size, level, type};
    if (out->room - out->used < header.size) {
        out->flags |= MSG_CTRUNC;
        return false;
    }
    memcpy(out->at + out->used, &header, sizeof(header));
    *data = out->at + out->used + sizeof(header);
    out->used += CMSG_ALIGN_UP(header.size);
    if (out->used > out->room)
        out->used = out->room;
    return true;
}

static void take_rights(struct out* out, const char* fds, size_t count) {
    char* data;
    bool room = out_record(out, SCM_RIGHTS, count * sizeof(PAL_HANDLE), SOL_SOCKET, &data);
    for (size_t i = 0; i < count; i++) {
        PAL_HANDLE handle = NULL;
        int fd;
        memcpy(&fd, fds + i * sizeof(fd), sizeof(fd));
        if (!room)
            host_close(fd);
        else if (host_handle_wrap(PAL_TYPE_EVENTFD, fd, HANDLE_READABLE | HANDLE_WRITABLE,
                                  &handle) < 0)
            handle = NULL;
        if (room)
            memcpy(data + i * sizeof(handle), &handle, sizeof(handle));
    }
}

/* Rewrites what the host delivered. False: it came from another user. */
static bool translate(const char* control, size_t size, struct out* out) {
    static uint32_t own_uid = UINT32_MAX; /* the same in all threads */
    uint32_t uid = __atomic_load_n(&own_uid, __ATOMIC_RELAXED);
    bool ours = true;
    if (uid == UINT32_MAX) {
        uid = (uint32_t)host_syscall(__NR_geteuid);
        __atomic_store_n(&own_uid, uid, __ATOMIC_RELAXED);
    }
    for (size_t pos = 0; pos + sizeof(struct host_cmsghdr) <= size;) {
        struct host_cmsghdr h;
        const char* data = control + pos + sizeof(h);
        char* to;
        memcpy(&h, control + pos, sizeof(h));
        if (h.size < sizeof(h) || h.size > size - pos)
            break;
        if (h.level == SOL_SOCKET && h.type == SCM_RIGHTS) {
            take_rights(out, data, (h.size - sizeof(h)) / sizeof(int));
        } else {
            struct host_ucred cred;
            if (h.level == SOL_SOCKET && h.type == SCM_CREDENTIALS &&
                h.size == sizeof(h) + sizeof(cred)) {
                memcpy(&cred, data, sizeof(cred));
                ours = cred.uid == uid;
            }
            if (out->room && out_record(out, h.type, h.size - sizeof(h), h.level, &to))
                memcpy(to, data, h.size - sizeof(h));
        }
        pos += CMSG_ALIGN_UP(h.size);
    }
    return ours;
}

static void drop_handles(struct out* out) {
    for (PAL_NUM pos = 0; pos + sizeof(struct host_cmsghdr) <= out->used;) {
        struct host_cmsghdr h;
        memcpy(&h, out->at + pos, sizeof(h));
        for (PAL_NUM n = sizeof(h); h.type == SCM_RIGHTS && h.level == SOL_SOCKET && n < h.size;
             n += sizeof(PAL_HANDLE)) {
            PAL_HANDLE handle;
            memcpy(&handle, out->at + pos + n, sizeof(handle));
            if (handle)
                PalObjectClose(handle);
        }
        pos += CMSG_ALIGN_UP(h.size);
    }
    out->used = 0;
}

int64_t local_receive(struct host_handle* h, const struct iovec* iov, PAL_NUM iov_count, void* addr,
                      PAL_NUM* addr_size, void* control, PAL_NUM* control_size, PAL_FLG flags,
                      PAL_FLG* out_flags) {
    char buffer[LOCAL_CONTROL_MAX] __attribute__((aligned(8)));
    bool wanted = control && control_size && *control_size;
    for (;;) {
        struct sockaddr_un from = {.sun_family = 0};
        struct out out = {control, wanted ? *control_size : 0, 0, 0};
        struct host_msghdr message = {
            .name = addr_size ? &from : NULL,
            .name_size = addr_size ? sizeof(from) : 0,
            .iov = iov,
            .iov_count = iov_count,
            .control = buffer,
            /* Room for the sender's credentials only: handles that no one asked for are dropped
             * by the host. */
            .control_size =
                wanted ? sizeof(buffer)
                       : CMSG_ALIGN_UP(sizeof(struct host_cmsghdr) + sizeof(struct host_ucred)),
        };
        long ret = host_syscall_block(__NR_recvmsg, h->fd, &message, flags | MSG_CMSG_CLOEXEC);
        if (ret < 0)
            return host_error(ret);
        if (!translate(buffer, message.control_size, &out)) {
            drop_handles(&out);
            if (flags & MSG_PEEK) /* take it out of the way */
                host_syscall(__NR_recvfrom, h->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
            continue;
        }
        if (addr_size && local_from_host(&from, message.name_size, addr, addr_size) < 0)
            *addr_size = 0;
        if (control_size)
            *control_size = out.used;
        if (out_flags)
            *out_flags = (message.flags & ~MSG_CMSG_CLOEXEC) | out.flags;
        return ret;
    }
}
