/*
 * Remembered directories (parents.c): the directory of a path's last component without walking.
 */
#ifndef PARENTS_H
#define PARENTS_H

#include "host.h"

struct parent {
    int fd;       /* the directory */
    PAL_STR name; /* the last component; no slash in it, not "." or ".." */
    struct slot* slot;
    int index;
};

/* True: the path's directory is remembered and nothing has changed since; do the call on it,
 * without following a link, and end with parent_leave() in any case. False: walk. */
bool parent_enter(struct parent* p, struct host_handle* base, PAL_STR path);
/* result: of the call, as a PAL error. False: the directory may be gone: walk after all. */
bool parent_leave(struct parent* p, int64_t result);

/* The handle is about to be closed; for handles with HANDLE_REMEMBERED. */
void parents_forget(const struct host_handle* base);
void parents_after_fork(void);
void parents_disable(void);

#endif /* PARENTS_H */
