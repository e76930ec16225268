/* System V shared memory in one process. */
#include "oracle_mem.h"
#include <sys/ipc.h>
#include <sys/shm.h>

#define KEY ((key_t)(0x43750000 + (getpid() & 0xffff)))

static struct shmid_ds stat_of(int id) {
    struct shmid_ds ds;
    memset(&ds, 0, sizeof(ds));
    CHECK_OK(shmctl(id, IPC_STAT, &ds));
    return ds;
}

TEST(create_and_find) {
    int id = NEED_OK(shmget(KEY, 5000, IPC_CREAT | IPC_EXCL | 0640));
    CHECK_EQ(shmget(KEY, 0, 0), id);
    CHECK_EQ(shmget(KEY, 5000, IPC_CREAT | 0600), id);
    CHECK_ERRNO(shmget(KEY, 5001, 0), EINVAL);
    CHECK_ERRNO(shmget(KEY, 10, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
    CHECK_ERRNO(shmget(KEY + 1, 10, 0600), ENOENT);
    CHECK_ERRNO(shmget(KEY + 1, 0, IPC_CREAT | 0600), EINVAL);
    struct shmid_ds ds = stat_of(id);
    CHECK_EQ(ds.shm_segsz, 5000);
    CHECK_EQ(ds.shm_perm.__key, KEY);
    CHECK_EQ(ds.shm_perm.mode, 0640);
    CHECK_EQ(ds.shm_nattch, 0);
    CHECK_EQ(ds.shm_cpid, getpid());
    CHECK_EQ(ds.shm_lpid, 0);
    CHECK_EQ(ds.shm_atime, 0);
    CHECK(ds.shm_ctime > 0);
    CHECK_EQ(ds.shm_perm.uid, geteuid());
    int other = CHECK_OK(shmget(IPC_PRIVATE, 100, 0600));
    CHECK(other != id);
    CHECK_OK(shmctl(other, IPC_RMID, NULL));
    CHECK_ERRNO(shmctl(other, IPC_RMID, NULL), EINVAL);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
    CHECK_ERRNO(shmget(KEY, 0, 0), ENOENT);
}

TEST(attach) {
    int id = NEED_OK(shmget(IPC_PRIVATE, 3 * PAGE - 5, 0600));
    char* p = shmat(id, NULL, 0);
    NEED(p != (void*)-1);
    CHECK_EQ(p[0], 0);
    p[0] = 'x';
    p[3 * PAGE - 1] = 'y'; /* to the end of the page */
    const char* q = shmat(id, NULL, SHM_RDONLY);
    NEED(q != (void*)-1);
    CHECK_EQ(q[0], 'x');
    CHECK_EQ(write_fault((void*)q).signo, SIGSEGV);
    CHECK_ERRNO(mprotect((void*)q, PAGE, PROT_READ | PROT_WRITE), EACCES);
    struct shmid_ds ds = stat_of(id);
    CHECK_EQ(ds.shm_nattch, 2);
    CHECK_EQ(ds.shm_lpid, getpid());
    struct map m;
    CHECK(map_of(p, &m));
    CHECK_STR(m.perms, "rw-s");
    CHECK_EQ(m.end - m.start, 3 * PAGE);
    CHECK(strstr(m.name, "SYSV00000000") != NULL);
    CHECK_EQ(shmdt(q), 0);
    CHECK(!is_mapped((void*)q));
    CHECK_ERRNO(shmdt(q), EINVAL);
    CHECK_ERRNO(shmdt(p + 1), EINVAL);
    CHECK_ERRNO(shmdt(p + PAGE), EINVAL);
    CHECK_EQ(stat_of(id).shm_nattch, 1);
    /* a hole in the middle makes two attachments; shmdt takes both */
    CHECK_OK(munmap(p + PAGE, PAGE));
    CHECK_EQ(stat_of(id).shm_nattch, 2);
    CHECK_EQ(shmdt(p), 0);
    CHECK(!is_mapped(p) && !is_mapped(p + 2 * PAGE));
    CHECK_EQ(stat_of(id).shm_nattch, 0);
    p = shmat(id, NULL, 0);
    CHECK_EQ(p[0], 'x'); /* it outlives its mappings */
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
    ds = stat_of(id); /* and its removal, while attached */
    CHECK(ds.shm_perm.mode & SHM_DEST);
    CHECK_EQ(ds.shm_perm.__key, IPC_PRIVATE);
    CHECK_EQ(p[3 * PAGE - 1], 'y');
    CHECK_OK(munmap(p, 3 * PAGE));
    CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL);
}

TEST(addresses) {
    int id = NEED_OK(shmget(IPC_PRIVATE, PAGE, 0600));
    char* area = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_ERRNO(shmat(id, area + 1, 0), EINVAL);
    CHECK_ERRNO(shmat(id, area, 0), EINVAL); /* something is there */
    CHECK_EQ(shmat(id, area + 5, SHM_RND | SHM_REMAP), area);
    CHECK_ERRNO(shmat(id, NULL, SHM_REMAP), EINVAL);
    munmap(area + PAGE, PAGE);
    CHECK_EQ(shmat(id, area + PAGE, 0), area + PAGE);
    area[0] = 'z';
    CHECK_EQ(area[PAGE], 'z');
    CHECK_EQ(stat_of(id).shm_nattch, 2);
    CHECK_ERRNO(shmat(-1, NULL, 0), EINVAL);
    CHECK_ERRNO(shmat(id + (1 << 15), NULL, 0), EINVAL);
    CHECK_OK(shmdt(area));
    CHECK_OK(shmdt(area + PAGE));
    munmap(area, 4 * PAGE);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
}

TEST(control) {
    int id = NEED_OK(shmget(IPC_PRIVATE, PAGE, 0600));
    struct shmid_ds ds = stat_of(id);
    ds.shm_perm.mode = 0444;
    CHECK_OK(shmctl(id, IPC_SET, &ds));
    CHECK_EQ(stat_of(id).shm_perm.mode, 0444);
    CHECK_OK(shmctl(id, SHM_LOCK, NULL));
    CHECK_EQ(stat_of(id).shm_perm.mode, 0444 | SHM_LOCKED);
    CHECK_OK(shmctl(id, SHM_UNLOCK, NULL));
    struct shminfo info;
    CHECK(shmctl(0, IPC_INFO, (void*)&info) >= 0);
    CHECK_EQ(info.shmmin, 1);
    CHECK_EQ(info.shmmni, 4096);
    CHECK_ERRNO(shmctl(id, 77, NULL), EINVAL);
    CHECK_ERRNO(shmctl(-1, IPC_STAT, &ds), EINVAL);
    CHECK_EQ(sc(SYS_shmctl, id, IPC_STAT, 8), -EFAULT);
    CHECK_EQ(sc(SYS_shmctl, id, IPC_SET, 8), -EFAULT);
    CHECK_OK(shmctl(id, IPC_RMID, NULL));
}
