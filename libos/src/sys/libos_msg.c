/*
 * msgget, msgsnd, msgrcv, msgctl: decoding. See ipc/libos_msg.c.
 */
#include "libos_ipc.h"
#include "libos_table.h"

long libos_syscall_msgget(key_t key, int msgflg) {
    return libos_msg_get(key, msgflg);
}

long libos_syscall_msgsnd(int msqid, struct msgbuf* msgp, size_t msgsz, int msgflg) {
    long type;
    if (user_get(type, (long*)msgp) < 0)
        return -EFAULT;
    return libos_msg_send(msqid, type, (char*)msgp + sizeof(long), msgsz, msgflg);
}

long libos_syscall_msgrcv(int msqid, struct msgbuf* msgp, size_t msgsz, long msgtyp, int msgflg) {
    return libos_msg_receive(msqid, (char*)msgp + sizeof(long), msgsz, msgtyp, msgflg, msgp);
}

static long info(int cmd, void* user_info) {
    struct msginfo info;
    long ret = libos_msg_info(cmd, &info);
    return ret >= 0 && user_put(info, user_info) < 0 ? -EFAULT : ret;
}

static long status(int msqid, int cmd, struct msqid64_ds* user_ds) {
    struct msqid64_ds ds;
    long ret = libos_msg_stat(msqid, cmd, &ds);
    return ret >= 0 && user_put(ds, user_ds) < 0 ? -EFAULT : ret;
}

long libos_syscall_msgctl(int msqid, int cmd, struct msqid64_ds* buf) {
    struct msqid64_ds ds;
    if (msqid < 0 || cmd < 0)
        return -EINVAL;
    switch (cmd) {
        case IPC_INFO:
        case MSG_INFO:
            return info(cmd, buf);
        case IPC_STAT:
        case MSG_STAT:
        case MSG_STAT_ANY:
            return status(msqid, cmd, buf);
        case IPC_SET:
            return user_get(ds, buf) < 0 ? -EFAULT : libos_msg_set(msqid, &ds);
        case IPC_RMID:
            return libos_msg_remove(msqid);
        default:
            return -EINVAL;
    }
}
