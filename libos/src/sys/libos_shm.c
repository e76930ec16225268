/*
 * shmget(2), shmat(2), shmdt(2), shmctl(2).
 */
#include "../mm/libos_shm.h"
#include "libos_table.h"

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

long libos_syscall_shmget(key_t key, size_t size, int shmflg) {
    return libos_shm_get(key, size, shmflg);
}

long libos_syscall_shmat(int shmid, char* shmaddr, int shmflg) {
    return libos_shm_attach(shmid, (uint64_t)shmaddr, shmflg);
}

long libos_syscall_shmdt(char* shmaddr) {
    return libos_shm_detach((uint64_t)shmaddr);
}

static long limits(struct shmid64_ds* buf) {
    struct libos_shm_totals t;
    struct shminfo64 info = {.shmmax = UINT64_MAX - (1UL << 24),
                             .shmmin = 1,
                             .shmmni = SHM_SEGMENTS_MAX,
                             .shmseg = SHM_SEGMENTS_MAX,
                             .shmall = UINT64_MAX - (1UL << 24)};
    libos_shm_totals(&t);
    return user_put(info, (void*)buf) < 0 ? -EFAULT : t.highest_index;
}

static long totals(struct shmid64_ds* buf) {
    struct libos_shm_totals t;
    libos_shm_totals(&t);
    struct shm_info info = {.used_ids = t.used, .shm_tot = t.pages, .shm_rss = t.pages};
    return user_put(info, (void*)buf) < 0 ? -EFAULT : t.highest_index;
}

static long stat_segment(int shmid, int cmd, struct shmid64_ds* buf) {
    struct shmid64_ds ds;
    long ret = libos_shm_stat(shmid, cmd != IPC_STAT, cmd == SHM_STAT_ANY, &ds);
    if (ret < 0) {
        return ret;
    }
    return user_put(ds, buf) < 0 ? -EFAULT : ret;
}

long libos_syscall_shmctl(int shmid, int cmd, struct shmid64_ds* buf) {
    struct shmid64_ds ds;
    if (cmd < 0 || shmid < 0) {
        return -EINVAL;
    }
    switch (cmd) {
        case IPC_INFO:
            return limits(buf);
        case SHM_INFO:
            return totals(buf);
        case IPC_STAT:
        case SHM_STAT:
        case SHM_STAT_ANY:
            return stat_segment(shmid, cmd, buf);
        case IPC_SET:
            return user_get(ds, buf) < 0 ? -EFAULT : libos_shm_set(shmid, &ds);
        case IPC_RMID:
            return libos_shm_remove(shmid);
        case SHM_LOCK:
        case SHM_UNLOCK:
            return libos_shm_lock(shmid, cmd == SHM_LOCK);
        default:
            return -EINVAL;
    }
}
