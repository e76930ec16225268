/*
 * System V semaphores, messages and shared memory, and what processes that come and go mean for
 * them. semop(2), msgop(2), shmop(2), sysvipc(7). All state lies in the arena: libos/src/ipc.
 *
 * Results are as the calls return them. Pointers are to LibOS memory.
 */
#ifndef LIBOS_IPC_H
#define LIBOS_IPC_H

/* First: linux/shm.h includes a header of glibc, and with that the next one defines nothing. */
#include <linux/stat.h>

#include <asm/ipcbuf.h>
#include <linux/ipc.h>
#include <linux/msg.h>
#include <linux/sem.h>
#include <linux/shm.h>

#include <asm/shmbuf.h>

#include "libos_internal.h"

struct libos_thread;
struct libos_text;

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif
#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

/* ---- semaphores (ipc/libos_sem.c, libos_sem_control.c) ----------------------------------------
 */
#define LIBOS_SEMVMX 32767
struct libos_sem_limits { /* /proc/sys/kernel/sem */
    uint32_t semmsl, semmns, semopm, semmni;
};
void libos_sem_get_limits(struct libos_sem_limits* limits);
void libos_sem_set_limits(const struct libos_sem_limits* limits);
long libos_sem_get(int32_t key, int count, int flags);
/* deadline_ns: on PAL_CLOCK_MONOTONIC, or NO_TIMEOUT. */
long libos_sem_op(int id, const struct sembuf* ops, uint32_t count, uint64_t deadline_ns);
long libos_sem_stat(int id, int cmd, struct semid64_ds* out);
long libos_sem_set(int id, const struct semid64_ds* in);
long libos_sem_remove(int id);
long libos_sem_info(int cmd, struct seminfo* out);
/* GETVAL, GETPID, GETNCNT, GETZCNT. */
long libos_sem_query(int id, int number, int cmd);
long libos_sem_set_value(int id, int number, int value);
/* How many values a GETALL or SETALL moves, after the checks that come before copying. */
long libos_sem_count(int id, bool to_write);
long libos_sem_get_all(int id, uint16_t* values, uint32_t count);
long libos_sem_set_all(int id, const uint16_t* values, uint32_t count);
void libos_sem_show(struct libos_text* out); /* /proc/sysvipc/sem */

/* ---- message queues (ipc/libos_msg.c, libos_msg_control.c) ------------------------------------
 */
struct libos_msg_limits { /* /proc/sys/kernel/msgmax, msgmnb, msgmni */
    uint32_t msgmax, msgmnb, msgmni;
};
void libos_msg_get_limits(struct libos_msg_limits* limits);
void libos_msg_set_limits(const struct libos_msg_limits* limits);
long libos_msg_get(int32_t key, int flags);
/* text: a user pointer, in both. */
long libos_msg_send(int id, long type, const void* text, size_t size, int flags);
/* Returns the length; *type: of the message; user memory is written. */
long libos_msg_receive(int id, void* text, size_t size, long wanted, int flags, void* user_type);
long libos_msg_stat(int id, int cmd, struct msqid64_ds* out);
long libos_msg_set(int id, const struct msqid64_ds* in);
long libos_msg_remove(int id);
long libos_msg_info(int cmd, struct msginfo* out);
void libos_msg_show(struct libos_text* out); /* /proc/sysvipc/msg */

/* ---- shared memory (ipc/libos_shm.c, libos_shm_attach.c) ---------------------------------------
 */
struct libos_shm_limits { /* /proc/sys/kernel/shmmax, shmall, shmmni */
    uint64_t shmmax, shmall;
    uint32_t shmmni;
};
void libos_shm_get_limits(struct libos_shm_limits* limits);
long libos_shm_get(int32_t key, size_t size, int flags);
long libos_shm_attach(int id, uint64_t addr, int flags); /* the address, or -errno */
long libos_shm_detach(uint64_t addr);
long libos_shm_stat(int id, int cmd, struct shmid64_ds* out);
long libos_shm_set(int id, const struct shmid64_ds* in);
long libos_shm_remove(int id);
long libos_shm_lock(int id, bool lock_it);
long libos_shm_mark_locked(int id, bool lock_it); /* the first half of it */
long libos_shm_totals(struct shm_info* out);      /* SHM_INFO */
int libos_shm_highest(void);                      /* what IPC_INFO returns */
void libos_shm_show(struct libos_text* out);      /* /proc/sysvipc/shm */

/* ---- lives of threads and processes (ipc/libos_sem_undo.c, libos_ipc_life.c) -------------------
 */
/* clone(2): a new thread shares the caller's semaphore adjustments (CLONE_SYSVSEM), or has none.
 * 0 or -ENOMEM. */
int libos_ipc_clone_thread(struct libos_thread* child, bool share_undo);
/* Process pid is about to get a host process, as a copy of this one: 0 or -ENOMEM. If it is not
 * made after all: libos_ipc_process_gone(pid). In a new one, once g_process says pid: after_fork.
 * Under the fork barrier. */
int libos_ipc_fork(int32_t pid, bool share_undo);
void libos_ipc_after_fork(bool share_undo);
/* A vfork child has got a host process of its own: what is left of its thread here. */
void libos_ipc_thread_moved(struct libos_thread* t);
int libos_ipc_init(void);
/* A thread ends, or leaves the shared adjustments: unshare(CLONE_SYSVSEM). */
void libos_ipc_thread_exit(struct libos_thread* t);
/* What a process leaves behind when it ends, or was found dead: adjustments are made, its waits
 * and its attachments of shared memory forgotten. */
void libos_ipc_process_gone(int32_t pid);

#endif /* LIBOS_IPC_H */
