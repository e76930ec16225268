/*
 * Advisory locks on the host's open file: flock(2) for the whole, OFD locks for ranges. Both belong
 * to the open file, as the LibOS's locks belong to processes it knows itself.
 */
#include "stream.h"

#ifndef LOCK_SH
#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8
#endif

static long lock_whole(int fd, PAL_FLG type, bool wait) {
    static const int ops[] = {LOCK_UN, LOCK_SH, LOCK_EX};
    if (!wait)
        return host_syscall(__NR_flock, fd, ops[type] | LOCK_NB);
    return host_syscall_block(__NR_flock, fd, ops[type]);
}

static long lock_range(int fd, PAL_FLG type, PAL_NUM start, PAL_NUM length, bool wait) {
    static const short types[] = {F_UNLCK, F_RDLCK, F_WRLCK};
    struct flock lock = {.l_type = types[type], .l_start = start, .l_len = length};
    if (!wait)
        return host_syscall(__NR_fcntl, fd, F_OFD_SETLK, &lock);
    return host_syscall_block(__NR_fcntl, fd, F_OFD_SETLKW, &lock);
}

int PalStreamLock(PAL_HANDLE handle, bool whole, PAL_FLG type, PAL_NUM start, PAL_NUM length,
                  bool wait) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (type > 2 || (!whole && (start > INT64_MAX || length > INT64_MAX)))
        return PAL_ERROR_INVAL;
    long ret = whole ? lock_whole(h->fd, type, wait) : lock_range(h->fd, type, start, length, wait);
    return ret == -EACCES ? PAL_ERROR_TRYAGAIN : host_error(ret); /* either, says fcntl(2) */
}
