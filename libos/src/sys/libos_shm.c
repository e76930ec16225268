/*
 * shmget(2), shmat(2), shmdt(2), shmctl(2).
 */
#include "libos_ipc.h"
#include "libos_table.h"

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
    struct libos_shm_limits l;
    libos_shm_get_limits(&l);
    struct shminfo64 info = {.shmmax = l.shmmax,
                             .shmmin = 1,
                             .shmmni = l.shmmni,
                             .shmseg = l.shmmni,
                             .shmall = l.shmall};
    return user_put(info, (void*)buf) < 0 ? -EFAULT : libos_shm_highest();
}

static long totals(struct shmid64_ds* buf) {
    struct shm_info info;
    long ret = libos_shm_totals(&info);
    return ret >= 0 && user_put(info, (void*)buf) < 0 ? -EFAULT : ret;
}

static long stat_segment(int shmid, int cmd, struct shmid64_ds* buf) {
    struct shmid64_ds ds;
    long ret = libos_shm_stat(shmid, cmd, &ds);
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
