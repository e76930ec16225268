/*
 * Names of open streams, and what changes them. A file's name is asked from the host each time:
 * it may have been renamed by anyone since it was opened.
 */
#include "stream.h"
#include "uri.h"

/* The host path of an open file; PAL_ERROR_STREAMNOTEXIST if it has none any more: path is then the
 * last one, with " (deleted)" behind it. */
static int host_path(struct host_handle* h, char path[HOST_PATH_MAX]) {
    char link[FD_PATH_SIZE];
    stream_fd_path(h->fd, link);
    long length = host_syscall(__NR_readlink, link, path, HOST_PATH_MAX);
    if (length < 0)
        return length == -ENOENT ? PAL_ERROR_NOTSUPPORT : host_error(length); /* no /proc */
    if (length == HOST_PATH_MAX)
        return PAL_ERROR_TOOLONG;
    path[length] = '\0';
    if (path[0] != '/')
        return PAL_ERROR_NOTSUPPORT; /* "pipe:[5]" and the like */
    struct stat mine, named;
    long ret = host_syscall(__NR_fstat, h->fd, &mine);
    if (ret < 0)
        return host_error(ret);
    /* A deleted file's text ends in " (deleted)", which may also be a name: compare the files. */
    ret = host_syscall(__NR_lstat, path, &named);
    if (ret < 0 && ret != -ENOENT && ret != -ENOTDIR)
        return host_error(ret);
    if (ret < 0)
        return PAL_ERROR_STREAMNOTEXIST;
    if (mine.st_dev != named.st_dev || mine.st_ino != named.st_ino)
        return PAL_ERROR_STREAMNOTEXIST;
    return (mine.st_mode & S_IFMT) == S_IFDIR;
}

static int put(PAL_PTR buffer, PAL_NUM size, const char* scheme, const char* text) {
    size_t length = strlen(scheme) + strlen(text) + 1;
    if (length > size)
        return PAL_ERROR_RANGE;
    strlcpy(buffer, scheme, size);
    strlcat(buffer, text, size);
    return 0;
}

static int device_name(struct host_handle* h, char path[HOST_PATH_MAX]) {
    static const char* const names[] = {"stdin", "stdout", "stderr"};
    if (!(h->flags & HANDLE_INHERITED) || h->fd > 2)
        return host_path(h, path);
    strlcpy(path, h->flags & HANDLE_DUPLEX ? "tty" : names[h->fd], HOST_PATH_MAX);
    return 0;
}

int PalStreamGetName(PAL_HANDLE handle, PAL_PTR buffer, PAL_NUM size) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    char path[HOST_PATH_MAX];
    int ret;
    switch (h->pal.hdr.type) {
        case PAL_TYPE_FILE:
        case PAL_TYPE_DIR:
            ret = host_path(h, path);
            if (ret == PAL_ERROR_STREAMNOTEXIST)
                return put(buffer, size, "file:", path) ?: ret;
            return ret < 0 ? ret : put(buffer, size, ret ? "dir:" : "file:", path);
        case PAL_TYPE_DEV:
            ret = device_name(h, path);
            return ret < 0 ? ret : put(buffer, size, "dev:", path);
        case PAL_TYPE_PIPE:
        case PAL_TYPE_PIPESRV:
            ret = pipe_name(h, path, sizeof(path));
            return ret < 0 ? ret
                           : put(buffer, size,
                                 h->pal.hdr.type == PAL_TYPE_PIPE ? "pipe:" : "pipe.srv:", path);
        case PAL_TYPE_TCP:
        case PAL_TYPE_TCPSRV:
        case PAL_TYPE_UDP:
        case PAL_TYPE_UDPSRV: {
            static const char* const schemes[] = {"tcp:", "tcp.srv:", "udp:", "udp.srv:"};
            ret = inet_name(h, path, sizeof(path));
            return ret < 0 ? ret : put(buffer, size, schemes[h->pal.hdr.type - PAL_TYPE_TCP], path);
        }
        case PAL_TYPE_EVENTFD:
            return put(buffer, size, "eventfd:", "");
        default:
            return PAL_ERROR_NOTSUPPORT;
    }
}

int PalStreamChangeName(PAL_HANDLE handle, PAL_STR uri) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (h->pal.hdr.type != PAL_TYPE_FILE && h->pal.hdr.type != PAL_TYPE_DIR)
        return PAL_ERROR_NOTSUPPORT;
    PAL_STR rest;
    enum uri_scheme scheme = pal_uri_parse(uri, &rest);
    if ((scheme != URI_FILE && scheme != URI_DIR) || !*rest)
        return PAL_ERROR_INVAL;
    char path[HOST_PATH_MAX];
    int is_dir = host_path(h, path);
    if (is_dir < 0)
        return is_dir;
    if (is_dir != (scheme == URI_DIR))
        return PAL_ERROR_INVAL;
    return host_error(host_syscall(__NR_rename, path, rest));
}

static int shut_down(struct host_handle* h, PAL_FLG access) {
    static const int how[] = {[PAL_DELETE_ALL] = 2, [PAL_DELETE_RD] = 0, [PAL_DELETE_WR] = 1};
    if (!(h->flags & HANDLE_DUPLEX)) {
        long ret = host_syscall(__NR_shutdown, h->fd, how[access]);
        return ret == -ENOTSOCK ? PAL_ERROR_NOTSUPPORT : host_error(ret);
    }
    /* A pipe to itself: the writing end can be closed for good by putting a read-only file in its
     * place, which keeps the number ours. */
    if (h->flags & HANDLE_INHERITED)
        return PAL_ERROR_NOTSUPPORT;
    if (access == PAL_DELETE_RD)
        return PAL_ERROR_NOTSUPPORT;
    return host_error(host_syscall(__NR_dup3, h->fd, h->fd2, O_CLOEXEC));
}

int PalStreamDelete(PAL_HANDLE handle, PAL_FLG access) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (access > PAL_DELETE_WR)
        return PAL_ERROR_INVAL;
    switch (h->pal.hdr.type) {
        case PAL_TYPE_FILE:
        case PAL_TYPE_DIR:
            break;
        case PAL_TYPE_PIPE:
        case PAL_TYPE_PIPESRV:
        case PAL_TYPE_TCP:
        case PAL_TYPE_TCPSRV:
        case PAL_TYPE_UDP:
        case PAL_TYPE_UDPSRV:
        case PAL_TYPE_SOCKET:
        case PAL_TYPE_PROCESS:
            return shut_down(h, access);
        default:
            return PAL_ERROR_NOTSUPPORT;
    }
    if (access != PAL_DELETE_ALL)
        return PAL_ERROR_INVAL;
    char path[HOST_PATH_MAX];
    int is_dir = host_path(h, path);
    if (is_dir < 0)
        return is_dir;
    return host_error(host_syscall(is_dir ? __NR_rmdir : __NR_unlink, path));
}
