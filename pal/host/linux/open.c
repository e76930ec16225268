/*
 * Opening streams by URI, and again by handle. Paths below a directory handle: resolve.c.
 */
#include "stream.h"
#include "uri.h"

void stream_fd_path(int fd, char path[FD_PATH_SIZE]) {
    snprintf(path, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
}

long open_flags(PAL_FLG access, PAL_FLG create, PAL_FLG options) {
    if ((access & ~PAL_ACCESS_MASK) || (create & ~PAL_CREATE_MASK) || (options & ~PAL_OPTION_MASK))
        return PAL_ERROR_INVAL;
    if ((access & 3) == 3 || (create & PAL_CREATE_DUALSTACK) ||
        (options & PAL_OPTION_EFD_SEMAPHORE))
        return PAL_ERROR_INVAL;
    long flags = O_CLOEXEC; /* O_LARGEFILE is implied on 64-bit hosts, and refused with O_PATH */
    if (options & PAL_OPTION_DIRECTORY)
        flags |= O_DIRECTORY;
    if (access & PAL_ACCESS_PATH)
        return flags | O_PATH;
    flags |= access & 3; /* PAL_ACCESS_RDONLY.. are O_RDONLY.. */
    if (access & PAL_ACCESS_APPEND)
        flags |= O_APPEND;
    if (create & PAL_CREATE_ALWAYS)
        flags |= O_CREAT | O_EXCL;
    else if (create & PAL_CREATE_TRY)
        flags |= O_CREAT;
    if (options & ~(PAL_OPTION_CLOEXEC | PAL_OPTION_DIRECTORY | PAL_OPTION_FOLLOW_LAST)) {
        flags |= options & PAL_OPTION_NONBLOCK ? O_NONBLOCK : 0;
        flags |= options & PAL_OPTION_TRUNC ? O_TRUNC : 0;
        flags |= options & PAL_OPTION_DIRECT ? O_DIRECT : 0;
        flags |= options & PAL_OPTION_SYNC ? O_SYNC : 0;
        flags |= options & PAL_OPTION_DSYNC ? O_DSYNC : 0;
        flags |= options & PAL_OPTION_NOATIME ? O_NOATIME : 0;
        flags |= options & PAL_OPTION_NOCTTY ? O_NOCTTY : 0;
        flags |= options & PAL_OPTION_TMPFILE ? O_TMPFILE : 0;
        flags |= options & PAL_OPTION_EXCL ? O_EXCL : 0;
        if ((options & PAL_OPTION_EXCL) && !(options & PAL_OPTION_TMPFILE))
            return PAL_ERROR_INVAL;
    }
    return flags;
}

static uint32_t access_to_handle_flags(PAL_FLG access, PAL_FLG options) {
    uint32_t flags = options & PAL_OPTION_NONBLOCK ? HANDLE_NONBLOCK : 0;
    if (access & PAL_ACCESS_PATH)
        return HANDLE_PATH;
    if ((access & 3) != PAL_ACCESS_WRONLY)
        flags |= HANDLE_READABLE;
    if ((access & 3) != PAL_ACCESS_RDONLY)
        flags |= HANDLE_WRITABLE;
    if (access & PAL_ACCESS_APPEND)
        flags |= HANDLE_APPEND;
    return flags;
}

/* The type is what was asked for, not what is there: finding out would cost a host call, and every
 * call on a handle is checked by the host anyway. */
int open_wrap(int fd, PAL_FLG access, PAL_FLG options, PAL_HANDLE* out) {
    bool directory = (options & PAL_OPTION_DIRECTORY) && !(options & PAL_OPTION_TMPFILE);
    return host_handle_wrap(directory ? PAL_TYPE_DIR : PAL_TYPE_FILE, fd,
                            access_to_handle_flags(access, options), out);
}

/* file: and dir: follow host symlinks, so a directory may be found where a file was asked for; the
 * type then says so, at the price of one fstat. */
static int open_path(PAL_IDX type, PAL_STR path, PAL_FLG access, PAL_FLG mode, PAL_FLG create,
                     PAL_FLG options, PAL_HANDLE* out) {
    if (!*path)
        return PAL_ERROR_INVAL;
    if (type == PAL_TYPE_DIR) {
        if (create & (PAL_CREATE_TRY | PAL_CREATE_ALWAYS)) {
            long made = host_syscall(__NR_mkdir, path, mode);
            if (made < 0 && (made != -EEXIST || (create & PAL_CREATE_ALWAYS)))
                return host_error(made);
            create = 0;
        }
        options |= PAL_OPTION_DIRECTORY;
    }
    long flags = open_flags(access, create, options);
    if (flags < 0)
        return flags;
    long fd = host_syscall(__NR_open, path, flags, mode);
    if (fd < 0)
        return host_error(fd);
    if (type == PAL_TYPE_FILE) {
        struct stat st;
        if (host_syscall(__NR_fstat, fd, &st) == 0 && (st.st_mode & S_IFMT) == S_IFDIR &&
            !(options & PAL_OPTION_TMPFILE))
            options |= PAL_OPTION_DIRECTORY;
    }
    int ret = open_wrap(fd, access, options, out);
    if (ret == 0 && type == PAL_TYPE_DEV)
        (*out)->hdr.type = PAL_TYPE_DEV;
    return ret;
}

/* A standard descriptor that the process was started without stays unused: its number is taken by
 * something that cannot be read or written, so that no file opened later gets it. */
void host_fill_standard(void) {
    for (int fd = 0; fd < 3; fd++) {
        if (host_syscall(__NR_fcntl, fd, F_GETFD) == -EBADF)
            host_syscall(__NR_open, "/", O_PATH | O_CLOEXEC);
    }
}

static bool is_open(int fd, bool for_write) {
    long flags = host_syscall(__NR_fcntl, fd, F_GETFL);
    if (flags < 0 || (flags & O_PATH))
        return false;
    return (flags & O_ACCMODE) != (for_write ? O_RDONLY : O_WRONLY);
}

static int open_standard(int in, int out_fd, uint32_t flags, PAL_HANDLE* out) {
    if ((in >= 0 && !is_open(in, false)) || (out_fd >= 0 && !is_open(out_fd, true)))
        return PAL_ERROR_STREAMNOTEXIST;
    struct host_handle* h = host_handle_new(PAL_TYPE_DEV);
    if (!h)
        return PAL_ERROR_NOMEM;
    h->fd = in >= 0 ? in : out_fd;
    h->fd2 = in >= 0 && out_fd != in ? out_fd : -1;
    h->flags = flags | HANDLE_INHERITED | (h->fd2 >= 0 ? HANDLE_DUPLEX : 0);
    *out = &h->pal;
    return 0;
}

static int open_device(PAL_STR name, PAL_FLG access, PAL_FLG create, PAL_FLG options,
                       PAL_HANDLE* out) {
    if (name[0] == '/')
        return open_path(PAL_TYPE_DEV, name, access, 0, create, options, out);
    PAL_FLG direction = access & 3;
    if ((access & ~3u) || direction == 3 || create ||
        (options & ~(PAL_OPTION_CLOEXEC | PAL_OPTION_NOCTTY)))
        return PAL_ERROR_INVAL;
    uint32_t flags = access_to_handle_flags(access, options);
    if (strcmp(name, "tty") == 0)
        return open_standard(direction == PAL_ACCESS_WRONLY ? -1 : 0,
                             direction == PAL_ACCESS_RDONLY ? -1 : 1, flags, out);
    /* The host may give its terminal to all three for reading and writing. */
    for (int fd = 0; fd < 3; fd++) {
        static const char* const names[] = {"stdin", "stdout", "stderr"};
        if (strcmp(name, names[fd]) == 0)
            return open_standard(direction == PAL_ACCESS_WRONLY ? -1 : fd,
                                 direction == PAL_ACCESS_RDONLY ? -1 : fd, flags, out);
    }
    return PAL_ERROR_INVAL;
}

int PalStreamOpen(PAL_STR uri, PAL_FLG access, PAL_FLG share_flags, PAL_FLG create, PAL_FLG options,
                  PAL_HANDLE* handle) {
    PAL_STR rest;
    enum uri_scheme scheme = pal_uri_parse(uri, &rest);
    if (!handle || (share_flags & ~PAL_SHARE_MASK) || (access & ~PAL_ACCESS_MASK) ||
        (create & ~PAL_CREATE_MASK) || (options & ~PAL_OPTION_MASK))
        return PAL_ERROR_INVAL;
    PAL_FLG socket_options = PAL_OPTION_CLOEXEC | PAL_OPTION_NONBLOCK;
    if (scheme == URI_EVENTFD || (scheme == URI_PIPE && !*rest))
        socket_options |= scheme == URI_PIPE ? PAL_OPTION_DIRECT : PAL_OPTION_EFD_SEMAPHORE;
    if (scheme >= URI_PIPE && (options & ~socket_options))
        return PAL_ERROR_INVAL;
    if (scheme >= URI_PIPE && (create & ~PAL_CREATE_DUALSTACK))
        return PAL_ERROR_INVAL;
    switch (scheme) {
        case URI_FILE:
            return open_path(PAL_TYPE_FILE, rest, access, share_flags, create, options, handle);
        case URI_DIR:
            return open_path(PAL_TYPE_DIR, rest, access, share_flags, create, options, handle);
        case URI_DEV:
            return open_device(rest, access, create, options, handle);
        case URI_PIPE:
            return pipe_open(rest, options, handle);
        case URI_PIPE_SRV:
            return pipe_open_server(rest, options, handle);
        case URI_TCP:
            return inet_open(PAL_TYPE_TCP, rest, create, options, handle);
        case URI_TCP_SRV:
            return inet_open(PAL_TYPE_TCPSRV, rest, create, options, handle);
        case URI_UDP:
            return inet_open(PAL_TYPE_UDP, rest, create, options, handle);
        case URI_UDP_SRV:
            return inet_open(PAL_TYPE_UDPSRV, rest, create, options, handle);
        case URI_EVENTFD:
            return *rest ? PAL_ERROR_INVAL : PalEventfdCreate(0, options, handle);
        default:
            return PAL_ERROR_INVAL;
    }
}

int PalStreamOpenAt(PAL_HANDLE dir, PAL_STR path, PAL_FLG access, PAL_FLG share_flags,
                    PAL_FLG create, PAL_FLG options, PAL_HANDLE* handle) {
    struct host_handle* d = stream_of(dir);
    if (!d)
        return PAL_ERROR_BADHANDLE;
    long flags = open_flags(access, create, options);
    if (flags < 0)
        return flags;
    if ((share_flags & ~PAL_SHARE_MASK) || (options & PAL_OPTION_FOLLOW_LAST))
        return PAL_ERROR_INVAL;
    int fd = resolve_open(d, path, flags, share_flags);
    return fd < 0 ? fd : open_wrap(fd, access, options, handle);
}

/* As resolve_open(): only a FIFO or a device makes the caller wait, and only then a kick counts. */
static long reopen_path(int fd, PAL_STR path, long flags) {
    if (flags & (O_PATH | O_NONBLOCK))
        return host_syscall(__NR_open, path, flags);
    long ret = host_syscall_block(__NR_open, path, flags);
    struct stat st;
    if (ret != -EINTR || host_syscall(__NR_fstat, fd, &st) < 0 ||
        (st.st_mode & S_IFMT) == S_IFIFO || (st.st_mode & S_IFMT) == S_IFCHR)
        return ret;
    ret = host_syscall(__NR_open, path, flags);
    __atomic_store_n(&host_tcb()->kick, 1, __ATOMIC_SEQ_CST);
    return ret;
}

int PalStreamReopen(PAL_HANDLE handle, PAL_FLG access, PAL_FLG options, PAL_HANDLE* out) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    PAL_IDX type = h->pal.hdr.type;
    if (!stream_is_file(h) && type != PAL_TYPE_DEV && type != PAL_TYPE_PIPE)
        return PAL_ERROR_NOTSUPPORT;
    long flags = open_flags(access, 0, options);
    if (flags < 0)
        return flags;
    if (options & (PAL_OPTION_TMPFILE | PAL_OPTION_FOLLOW_LAST))
        return PAL_ERROR_INVAL;
    long fd;
    if (type == PAL_TYPE_DIR) {
        fd = host_syscall(__NR_openat, h->fd, ".", flags);
        options |= PAL_OPTION_DIRECTORY;
    } else {
        char path[FD_PATH_SIZE];
        int old = (access & 3) == PAL_ACCESS_WRONLY ? stream_write_fd(h) : h->fd;
        stream_fd_path(old, path);
        fd = reopen_path(old, path, flags);
    }
    if (fd < 0) /* by that name there is everything that is open: it is /proc that is missing */
        return fd == -ENOENT ? PAL_ERROR_NOTSUPPORT : host_error(fd);
    int ret = open_wrap(fd, access, options, out);
    if (ret == 0 && type != PAL_TYPE_FILE) /* of a file it is not known what it is */
        (*out)->hdr.type = type;
    return ret;
}

/* ---- the same object in another process --------------------------------------------------------
 */

int PalHandleName(PAL_HANDLE handle, PAL_HANDLE_NAME* name) {
    struct host_handle* h = stream_of(handle);
    struct stat st;
    if (!h)
        return PAL_ERROR_BADHANDLE;
    long ret = host_syscall(__NR_fstat, h->fd, &st);
    if (ret < 0)
        return host_error(ret);
    *name = (PAL_HANDLE_NAME){
        .process = host_syscall(__NR_getpid), .number = h->fd, .dev = st.st_dev, .ino = st.st_ino};
    return 0;
}

static PAL_IDX type_of_mode(uint32_t mode) {
    return (mode & S_IFMT) == S_IFIFO ? PAL_TYPE_PIPE : PAL_TYPE_FILE;
}

int PalStreamOpenNamed(const PAL_HANDLE_NAME* name, PAL_FLG access, PAL_FLG options,
                       PAL_HANDLE* out) {
    char path[64];
    struct stat st;
    long flags = open_flags(access, 0, options);
    if (flags < 0)
        return flags;
    if (name->process > INT32_MAX || name->number > INT32_MAX)
        return PAL_ERROR_INVAL;
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)name->process, (int)name->number);
    /* Looked at first: by now the number may stand for something else. */
    long fd = host_syscall(__NR_open, path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return fd == -ENOENT || fd == -ESRCH ? PAL_ERROR_STREAMNOTEXIST : host_error(fd);
    long ret = host_syscall(__NR_fstat, fd, &st);
    if (ret < 0 || st.st_dev != name->dev || st.st_ino != name->ino) {
        host_syscall(__NR_close, fd);
        return PAL_ERROR_STREAMNOTEXIST;
    }
    stream_fd_path(fd, path);
    long again = reopen_path(fd, path, flags);
    host_syscall(__NR_close, fd);
    if (again < 0)
        return host_error(again);
    ret = open_wrap(again, access, options, out);
    if (ret == 0)
        (*out)->hdr.type = type_of_mode(st.st_mode);
    return ret;
}

/* The descriptors only; host handles of what the process inherited stay open. */
void host_stream_close(struct host_handle* handle) {
    if (handle->flags & HANDLE_INHERITED)
        return;
    if (handle->flags & HANDLE_REMEMBERED)
        parents_forget(handle);
    if (handle->fd >= 0)
        host_close(handle->fd);
    if (handle->fd2 >= 0)
        host_close(handle->fd2);
}
