/*
 * What the files of libos/src/fs share among themselves.
 */
#ifndef LIBOS_FS_INTERNAL_H
#define LIBOS_FS_INTERNAL_H

#include "libos_fs.h"

/* ---- advisory locks (libos_record_lock.c, libos_flock.c) --------------------------------------- */
enum { /* libos_file.lock_flags */
    LIBOS_FILE_LOCKED_FLOCK = 1,
    LIBOS_FILE_LOCKED_OFD = 2,
};
/* The last reference to a description with lock_flags goes. */
void libos_locks_file_gone(struct libos_file* f);
/* The process closed a descriptor on f: its POSIX record locks on that file go. */
void libos_locks_fd_closed(struct libos_file* f);

#endif /* LIBOS_FS_INTERNAL_H */
