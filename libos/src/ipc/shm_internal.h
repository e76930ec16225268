/*
 * What the files about System V shared memory share.
 */
#ifndef SHM_INTERNAL_H
#define SHM_INTERNAL_H

#include "ipc_internal.h"
#include "libos_store.h"

#ifndef SHM_DEST /* ipcs shows them in the mode; glibc names them, the kernel headers do not */
#define SHM_DEST   01000u
#define SHM_LOCKED 02000u
#endif

struct shm_segment {
    struct ipc_object o; /* its lock guards all here */
    uint64_t size;       /* as asked for */
    struct libos_store_range* range;
    struct ipc_users users; /* mappings, by process */
    int64_t atime, dtime, ctime;
    int32_t creator, last;
};

struct shm_root {
    struct ipc_table table;
    struct libos_shm_limits limits; /* shmmni 0: not set yet; guarded by the table's lock */
    uint64_t pages;                 /* of all segments; guarded by the table's lock */
};
struct shm_root* shm_root(void); /* NULL: no memory */

struct shm_segment* shm_lock(int id);
/* Under no lock: removes it if it is marked so and nobody maps it. */
void shm_reap(int id);

/* libos_shm_attach.c: what this process maps, process pid will map too. 0 or -ENOMEM. */
int shm_fork(int32_t pid);

#endif /* SHM_INTERNAL_H */
