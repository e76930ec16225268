/*
 * What the lives of threads and processes mean for System V IPC and for POSIX message queues.
 */
#include "libos_coord_process.h"
#include "libos_process.h"
#include "sem_internal.h"
#include "shm_internal.h"

int libos_ipc_clone_thread(struct libos_thread* child, bool share_undo) {
    return sem_undo_clone(child, share_undo);
}

int libos_ipc_fork(int32_t pid, bool share_undo) {
    int ret = share_undo ? sem_undo_fork(pid) : 0;
    if (!ret && coord_root_made(COORD_ROOT_SHM))
        ret = shm_fork(pid);
    return ret || !coord_root_made(COORD_ROOT_MQUEUE) ? ret : ipc_mq_fork(pid);
}

void libos_ipc_after_fork(bool share_undo) {
    sem_undo_after_fork(get_cur_thread(), share_undo);
}

void libos_ipc_process_gone(int32_t pid) {
    if (coord_root_made(COORD_ROOT_SEM))
        ipc_sem_process_gone(pid);
    if (coord_root_made(COORD_ROOT_MSG))
        ipc_msg_process_gone(pid);
    if (coord_root_made(COORD_ROOT_SHM))
        ipc_shm_process_gone(pid);
    if (coord_root_made(COORD_ROOT_MQUEUE))
        ipc_mq_process_gone(pid);
}

int libos_ipc_init(void) {
    coord_at_death(libos_ipc_process_gone);
    return 0;
}
