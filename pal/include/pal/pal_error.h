/*
 * Errors of the PAL host ABI. Calls return the negative of these. The LibOS maps each to one Linux
 * errno, in one place (libos/src/libos_error.c); a host maps its own errors to these in one place.
 * The names without a match in the older documents name what Linux programs can tell apart.
 */
#ifndef PAL_ERROR_H
#define PAL_ERROR_H

/* X(name, value, errno the LibOS shows, text) */
#define PAL_ERROR_LIST(X)                                                                          \
    X(NOTIMPLEMENTED, 1, ENOSYS, "not implemented on this host")                                   \
    X(NOTDEFINED, 2, EPERM, "not defined")                                                         \
    X(NOTSUPPORT, 3, EOPNOTSUPP, "not supported")                                                  \
    X(INVAL, 4, EINVAL, "invalid argument")                                                        \
    X(TOOLONG, 5, ENAMETOOLONG, "name too long")                                                   \
    X(DENIED, 6, EACCES, "access denied")                                                          \
    X(BADHANDLE, 7, EBADF, "bad handle")                                                           \
    X(STREAMEXIST, 8, EEXIST, "already exists")                                                    \
    X(STREAMNOTEXIST, 9, ENOENT, "does not exist")                                                 \
    X(STREAMISFILE, 10, ENOTDIR, "not a directory (stream is a file)")                             \
    X(STREAMISDIR, 11, EISDIR, "is a directory")                                                   \
    X(STREAMISDEVICE, 12, ESPIPE, "stream is a device")                                            \
    X(INTERRUPTED, 13, EINTR, "interrupted")                                                       \
    X(OVERFLOW, 14, EOVERFLOW, "value too large")                                                  \
    X(BADADDR, 15, EFAULT, "bad address")                                                          \
    X(NOMEM, 16, ENOMEM, "out of memory")                                                          \
    X(INCONSIST, 17, EIO, "host state is inconsistent")                                            \
    X(TRYAGAIN, 18, EAGAIN, "try again")                                                           \
    X(NOTSERVER, 19, EINVAL, "not a listening stream")                                             \
    X(NOTCONNECTION, 20, ENOTCONN, "not connected")                                                \
    X(CONNFAILED, 21, ECONNRESET, "connection failed")                                             \
    X(ADDRNOTEXIST, 22, EADDRNOTAVAIL, "address not available")                                    \
    X(AFNOSUPPORT, 23, EAFNOSUPPORT, "address family not supported")                               \
    X(CONNFAILED_PIPE, 24, EPIPE, "broken pipe")                                                   \
    X(SYMLINK, 25, ELOOP, "symbolic link met")                                                     \
    X(CROSSED, 26, EXDEV, "other file system, or outside of the directory")                        \
    X(NOTDIR, 27, ENOTDIR, "not a directory")                                                      \
    X(NOTEMPTY, 28, ENOTEMPTY, "directory not empty")                                              \
    X(PERM, 29, EPERM, "operation not permitted")                                                  \
    X(READONLY, 30, EROFS, "read-only file system")                                                \
    X(NOSPACE, 31, ENOSPC, "no space left")                                                        \
    X(QUOTA, 32, EDQUOT, "disk quota exceeded")                                                    \
    X(FILETOOBIG, 33, EFBIG, "file too large")                                                     \
    X(IO, 34, EIO, "input/output error")                                                           \
    X(NODEVICE, 35, ENODEV, "no such device")                                                      \
    X(NXIO, 36, ENXIO, "no such device or address, or no peer")                                    \
    X(BUSY, 37, EBUSY, "busy")                                                                     \
    X(TEXTBUSY, 38, ETXTBSY, "text file busy")                                                     \
    X(TOOMANYLINKS, 39, EMLINK, "too many links")                                                  \
    X(TOOMANYFILES, 40, EMFILE, "too many open files")                                             \
    X(FILETABLE, 41, ENFILE, "host file table full")                                               \
    X(NOTTY, 42, ENOTTY, "not a terminal, or operation unknown to it")                             \
    X(SEEK, 43, ESPIPE, "stream cannot seek")                                                      \
    X(NODATA, 44, ENODATA, "no such attribute")                                                    \
    X(RANGE, 45, ERANGE, "buffer too small")                                                       \
    X(TOOBIG, 46, E2BIG, "too big")                                                                \
    X(TIMEDOUT, 47, ETIMEDOUT, "timed out")                                                        \
    X(CONNREFUSED, 48, ECONNREFUSED, "connection refused")                                         \
    X(CONNABORTED, 49, ECONNABORTED, "connection aborted")                                         \
    X(ADDRINUSE, 50, EADDRINUSE, "address in use")                                                 \
    X(ISCONNECTED, 51, EISCONN, "already connected")                                               \
    X(INPROGRESS, 52, EINPROGRESS, "in progress")                                                  \
    X(ALREADY, 53, EALREADY, "already in progress")                                                \
    X(NETUNREACH, 54, ENETUNREACH, "network unreachable")                                          \
    X(HOSTUNREACH, 55, EHOSTUNREACH, "host unreachable")                                           \
    X(NETDOWN, 56, ENETDOWN, "network down")                                                       \
    X(MSGSIZE, 57, EMSGSIZE, "message too long")                                                   \
    X(NOBUFS, 58, ENOBUFS, "no buffer space")                                                      \
    X(PROTOTYPE, 59, EPROTOTYPE, "wrong protocol type")                                            \
    X(NOPROTOOPT, 60, ENOPROTOOPT, "unknown socket option")                                        \
    X(PROTONOSUPPORT, 61, EPROTONOSUPPORT, "protocol not supported")                               \
    X(SOCKTNOSUPPORT, 62, ESOCKTNOSUPPORT, "socket type not supported")                            \
    X(DESTADDRREQ, 63, EDESTADDRREQ, "destination address required")                               \
    X(SHUTDOWN, 64, ESHUTDOWN, "transport endpoint shut down")                                     \
    X(NOTSOCKET, 65, ENOTSOCK, "not a socket")                                                     \
    X(DEADLOCK, 66, EDEADLK, "deadlock")                                                           \
    X(NOCHILD, 67, ECHILD, "no child")                                                             \
    X(NOTHREAD, 68, ESRCH, "no such thread")                                                       \
    X(STALE, 69, ESTALE, "stale handle")                                                           \
    X(LOOP, 70, ELOOP, "too many levels, or a loop")                                               \
    X(NOEXEC, 71, ENOEXEC, "bad executable format")                                                \
    X(NOLOCKS, 72, ENOLCK, "no locks available")                                                   \
    X(HWPOISON, 73, EHWPOISON, "hardware memory error")                                            \
    X(PROTO, 74, EPROTO, "protocol error")                                                         \
    X(NETRESET, 75, ENETRESET, "network reset")                                                    \
    X(UNREACHABLE_SIZE, 76, EINVAL, "impossible reply from the host")                              \
    X(CONNRESET, 77, ECONNRESET, "connection reset")                                               \
    X(CANCELED, 78, ECANCELED, "cancelled: the clock of a timer was set")                          \
    X(DOM, 79, EDOM, "value out of its domain")                                                    \
    X(HOSTDOWN, 80, EHOSTDOWN, "host is down")                                                     \
    X(ILSEQ, 81, EILSEQ, "name is no valid text there")                                            \
    X(UNCLEAN, 82, EUCLEAN, "file system is damaged")                                              \
    X(BADMSG, 83, EBADMSG, "data is damaged")                                                      \
    X(NOMEDIUM, 84, ENOMEDIUM, "no medium in the drive")                                           \
    X(TOOMANYREFS, 85, ETOOMANYREFS, "too many references")                                        \
    X(REMOTEIO, 86, EREMOTEIO, "remote input/output error")

#define PAL_ERROR_ENUM_(name, value, linux_errno, text) PAL_ERROR_##name = -(value),
enum {
    PAL_ERROR_SUCCESS = 0,
    PAL_ERROR_LIST(PAL_ERROR_ENUM_) PAL_ERROR_BOUND = -87,
};
#undef PAL_ERROR_ENUM_

/* Text for people; never NULL. */
const char* pal_strerror(int error);

#endif /* PAL_ERROR_H */
