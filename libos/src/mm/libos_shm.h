/*
 * System V shared memory: segments are memory objects of the host, mapped like files.
 *
 * All segments of the process hang in one table. (What Linux shares between processes here will
 * move to coordination state; the objects themselves can be shared over fork as they are.)
 */
#ifndef LIBOS_SHM_H
#define LIBOS_SHM_H

#include <asm/ipcbuf.h>
#include <linux/ipc.h>
#include <linux/shm.h>
#include <asm/shmbuf.h>
#include "libos_file.h"
#include "libos_mm.h"

#ifndef SHM_DEST /* ipcs shows them in the mode; glibc names them, the kernel headers do not */
#define SHM_DEST   01000
#define SHM_LOCKED 02000
#endif
#define SHM_SEGMENTS_MAX 4096 /* Linux: kernel.shmmni */

struct libos_shm {
    struct list_node node;
    int id;
    int32_t key;
    uint64_t size; /* as asked for */
    struct libos_file* file;
    uint32_t uid, gid, cuid, cgid, mode; /* mode: permissions, SHM_DEST, SHM_LOCKED */
    uint16_t seq;
    int64_t atime, dtime, ctime; /* seconds */
    int32_t cpid, lpid;
};

/* Results are ids, addresses or -errno, as the calls return them. */
long libos_shm_get(int32_t key, size_t size, int flags);
long libos_shm_attach(int id, uint64_t addr, int flags);
long libos_shm_detach(uint64_t addr);
/* Copies out what STAT tells; by_index: SHM_STAT and SHM_STAT_ANY. Returns the id or 0. */
long libos_shm_stat(int id, bool by_index, bool any, struct shmid64_ds* out);
long libos_shm_set(int id, const struct shmid64_ds* in);
long libos_shm_remove(int id);
long libos_shm_lock(int id, bool lock_it);
struct libos_shm_totals {
    int used, highest_index;
    uint64_t pages;
};
void libos_shm_totals(struct libos_shm_totals* t);

#endif /* LIBOS_SHM_H */
