/*
 * Advisory locks: what fcntl(2) and flock(2) ask for.
 */
#ifndef LIBOS_LOCKS_H
#define LIBOS_LOCKS_H

#include "libos_fs.h"

enum { /* as PalStreamLock has it */
       LIBOS_LOCK_NONE = 0,
       LIBOS_LOCK_SHARED = 1,
       LIBOS_LOCK_EXCLUSIVE = 2,
};

struct libos_lock_request {
    const void* owner;  /* &g_process: POSIX; the file: OFD and flock */
    int64_t start, end; /* inclusive; end INT64_MAX: to the end of the file, however long */
    int type;           /* LIBOS_LOCK_* */
    bool wait;
    bool whole; /* flock: apart from record locks */
};

/* 0, -EAGAIN, -ERESTARTSYS, -ENOLCK, -EBADF. */
int libos_lock_set(struct libos_file* f, const struct libos_lock_request* r);
/* Who is in the way? r becomes that lock, or its type LIBOS_LOCK_NONE. *is_process: a POSIX lock of
 * this process; else it has no pid to tell. */
int libos_lock_test(struct libos_file* f, struct libos_lock_request* r, bool* is_process);

#endif /* LIBOS_LOCKS_H */
