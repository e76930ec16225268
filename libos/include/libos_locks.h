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

enum libos_lock_kind {                   /* who owns it */
                       LIBOS_LOCK_POSIX, /* the calling process */
                       LIBOS_LOCK_OFD,   /* the open file description */
                       LIBOS_LOCK_FLOCK, /* the same, apart from record locks, for the whole file */
};

struct libos_lock_request {
    enum libos_lock_kind kind;
    int64_t start, end; /* inclusive; end INT64_MAX: to the end of the file, however long */
    int type;           /* LIBOS_LOCK_* */
    bool wait;
};

/* 0, -EAGAIN, -EDEADLK, -ERESTARTSYS, -ENOLCK, -EBADF. */
int libos_lock_set(struct libos_file* f, const struct libos_lock_request* r);
/* Who is in the way? r becomes that lock, or its type LIBOS_LOCK_NONE. *pid: the process that owns
 * it; -1: an open file description; 0: a program outside. */
int libos_lock_test(struct libos_file* f, struct libos_lock_request* r, int32_t* pid);

#endif /* LIBOS_LOCKS_H */
