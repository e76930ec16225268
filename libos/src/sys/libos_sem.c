/*
 * semget, semop, semtimedop, semctl: decoding. See ipc/libos_sem.c.
 */
#include "libos_ipc.h"
#include "libos_table.h"
#include "libos_time.h"

#define OPS_ON_STACK 32

long libos_syscall_semget(key_t key, int nsems, int semflg) {
    return libos_sem_get(key, nsems, semflg);
}

static long operate(int semid, const struct sembuf* user_ops, uint32_t count,
                    const struct __kernel_timespec* user_timeout) {
    struct sembuf few[OPS_ON_STACK], *ops = few;
    struct libos_sem_limits limits;
    struct __kernel_timespec timeout;
    uint64_t deadline = NO_TIMEOUT;
    if (user_timeout && user_get(timeout, user_timeout) < 0)
        return -EFAULT;
    libos_sem_get_limits(&limits);
    if (count > limits.semopm)
        return -E2BIG;
    if (count > OPS_ON_STACK && !(ops = libos_malloc(count * sizeof(*ops))))
        return -ENOMEM;
    long ret = 0;
    if (user_copy_from(ops, user_ops, count * sizeof(*ops)) < 0)
        ret = -EFAULT;
    else if (count < 1 || semid < 0 || (user_timeout && !timespec_valid(&timeout)))
        ret = -EINVAL;
    if (!ret) {
        if (user_timeout)
            deadline = libos_deadline(PAL_CLOCK_MONOTONIC, timespec_to_ns(&timeout));
        ret = libos_sem_op(semid, ops, count, deadline);
    }
    if (ops != few)
        libos_free(ops);
    return ret;
}

long libos_syscall_semop(int semid, struct sembuf* sops, unsigned int nsops) {
    return operate(semid, sops, nsops, NULL);
}

long libos_syscall_semtimedop(int semid, struct sembuf* sops, unsigned int nsops,
                              const struct __kernel_timespec* timeout) {
    return operate(semid, sops, nsops, timeout);
}

static long all_values(int semid, uint16_t* user_values, bool set) {
    long count = libos_sem_count(semid, set);
    if (count < 0)
        return count;
    size_t size = (size_t)count * sizeof(uint16_t);
    uint16_t* values = libos_malloc(size);
    if (!values)
        return -ENOMEM;
    long ret;
    if (set)
        ret = user_copy_from(values, user_values, size) < 0
                  ? -EFAULT
                  : libos_sem_set_all(semid, values, (uint32_t)count);
    else if (!(ret = libos_sem_get_all(semid, values, (uint32_t)count)))
        ret = user_copy_to(user_values, values, size);
    libos_free(values);
    return ret;
}

static long status(int semid, int cmd, void* user_ds) {
    struct semid64_ds ds;
    long ret = libos_sem_stat(semid, cmd, &ds);
    return ret >= 0 && user_put(ds, user_ds) < 0 ? -EFAULT : ret;
}

static long info(int cmd, void* user_info) {
    struct seminfo info;
    long ret = libos_sem_info(cmd, &info);
    return ret >= 0 && user_put(info, user_info) < 0 ? -EFAULT : ret;
}

long libos_syscall_semctl(int semid, int semnum, int cmd, unsigned long arg) {
    struct semid64_ds ds;
    if (semid < 0)
        return -EINVAL;
    switch (cmd) {
        case IPC_INFO:
        case SEM_INFO:
            return info(cmd, (void*)arg);
        case IPC_STAT:
        case SEM_STAT:
        case SEM_STAT_ANY:
            return status(semid, cmd, (void*)arg);
        case GETALL:
        case SETALL:
            return all_values(semid, (uint16_t*)arg, cmd == SETALL);
        case GETVAL:
        case GETPID:
        case GETNCNT:
        case GETZCNT:
            return libos_sem_query(semid, semnum, cmd);
        case SETVAL:
            return libos_sem_set_value(semid, semnum, (int)arg);
        case IPC_SET:
            return user_get(ds, (void*)arg) < 0 ? -EFAULT : libos_sem_set(semid, &ds);
        case IPC_RMID:
            return libos_sem_remove(semid);
        default:
            return -EINVAL;
    }
}
