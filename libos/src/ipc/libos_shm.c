/*
 * System V shared memory: the segments. shmget(2), shmctl(2). A segment is a range of the store, so
 * every process can map it, whether or not it existed when the segment was made.
 *
 * Linux counts each mapping of a segment. So does this, for each process, so that what a process
 * that was killed had mapped can be taken back.
 */
#include <linux/capability.h>

#include "libos_fs.h"
#include "libos_process.h"
#include "shm_internal.h"

#define LIMIT_MAX (UINT64_MAX - (1UL << 24)) /* Linux: ULONG_MAX - (1UL << 24) */

struct shm_root* shm_root(void) {
    static struct shm_root* cached; /* the same in every process */
    struct shm_root* root = __atomic_load_n(&cached, __ATOMIC_ACQUIRE);
    if (root)
        return root;
    root = coord_root(COORD_ROOT_SHM, sizeof(*root));
    if (!root)
        return NULL;
    coord_lock(&root->table.lock);
    if (!root->limits.shmmni) {
        coord_log(&root->limits, sizeof(root->limits));
        root->limits = (struct libos_shm_limits){LIMIT_MAX, LIMIT_MAX, 4096};
    }
    coord_unlock(&root->table.lock);
    __atomic_store_n(&cached, root, __ATOMIC_RELEASE);
    return root;
}

struct shm_segment* shm_lock(int id) {
    struct shm_root* root = shm_root();
    return root ? (struct shm_segment*)ipc_lock(&root->table, id) : NULL;
}

void libos_shm_get_limits(struct libos_shm_limits* limits) {
    const struct shm_root* root = shm_root();
    *limits = root ? root->limits : (struct libos_shm_limits){0};
}

/* ---- shmget -------------------------------------------------------------------------------------
 */

static void set_up(struct shm_segment* s, int id, int32_t key, uint64_t size, int flags,
                   struct libos_store_range* range) {
    coord_lock(&s->o.lock);
    ipc_set_up(&s->o, id, key, flags);
    coord_log(&s->size, sizeof(*s) - offsetof(struct shm_segment, size));
    memset(&s->size, 0, sizeof(*s) - offsetof(struct shm_segment, size));
    s->size = size;
    s->range = range;
    s->ctime = ipc_now();
    s->creator = cur_process()->pid;
    coord_unlock(&s->o.lock);
}

static long create(struct shm_root* root, int32_t key, uint64_t size, int flags) {
    uint64_t pages = PAGE_UP(size) / PAGE_SIZE;
    if (size < 1 || size > root->limits.shmmax)
        return -EINVAL;
    if (pages * PAGE_SIZE < size || root->pages + pages > root->limits.shmall)
        return -ENOSPC;
    if ((flags & SHM_HUGETLB) || size > LIBOS_STORE_RANGE)
        return -ENOMEM; /* no huge pages in the pool */
    int id = ipc_reserve(&root->table, root->limits.shmmni);
    if (id < 0)
        return id;
    struct shm_segment* s = (struct shm_segment*)ipc_new(&root->table, sizeof(*s));
    struct libos_store_range* range = s ? libos_store_alloc() : NULL;
    if (!range)
        return -ENOMEM;
    set_up(s, id, key, size, flags, range);
    ipc_publish(&root->table, &s->o);
    COORD_SET(root->pages, root->pages + pages);
    return id;
}

/* The same for an existing one, whose lock is not held yet. */
static long found(struct shm_segment* s, uint64_t size, int flags) {
    coord_lock(&s->o.lock);
    long ret = size > s->size ? -EINVAL : ipc_found(&s->o, flags);
    coord_unlock(&s->o.lock);
    return ret;
}

long libos_shm_get(int32_t key, size_t size, int flags) {
    struct shm_root* root = shm_root();
    if (!root)
        return -ENOMEM;
    coord_lock(&root->table.lock);
    struct shm_segment* s = (struct shm_segment*)ipc_by_key(&root->table, key);
    long ret;
    if (!s)
        ret = key == IPC_PRIVATE || (flags & IPC_CREAT) ? create(root, key, size, flags) : -ENOENT;
    else if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        ret = -EEXIST;
    else
        ret = found(s, size, flags);
    coord_unlock(&root->table.lock);
    return ret;
}

/* ---- the end of a segment -----------------------------------------------------------------------
 */

/* Under the table's lock and the segment's, which is given back here: nobody maps it. */
static struct libos_store_range* destroy(struct shm_root* root, struct shm_segment* s) {
    struct libos_store_range* range = s->range;
    uint64_t pages = PAGE_UP(s->size) / PAGE_SIZE;
    COORD_SET(s->o.exists, false);
    COORD_SET(s->range, NULL);
    coord_unlock(&s->o.lock);
    ipc_leave(&root->table, &s->o);
    COORD_SET(root->pages, root->pages - pages);
    return range;
}

void shm_reap(int id) {
    struct shm_root* root = shm_root();
    struct libos_store_range* range = NULL;
    coord_lock(&root->table.lock);
    struct shm_segment* s = (struct shm_segment*)ipc_lock(&root->table, id);
    if (s && (s->o.mode & SHM_DEST) && !s->users.total)
        range = destroy(root, s);
    else if (s)
        coord_unlock(&s->o.lock);
    coord_unlock(&root->table.lock);
    libos_store_free(range);
}

long libos_shm_remove(int id) {
    struct shm_root* root = shm_root();
    if (!root)
        return -EINVAL;
    coord_lock(&root->table.lock);
    struct shm_segment* s = (struct shm_segment*)ipc_lock(&root->table, id);
    long ret = !s ? -EINVAL : ipc_owned(&s->o) ? 0 : -EPERM;
    if (s)
        coord_unlock(&s->o.lock);
    if (!ret) {
        ipc_forget_key(&root->table, &s->o);
        coord_lock(&s->o.lock);
        COORD_SET(s->o.mode, s->o.mode | SHM_DEST);
        COORD_SET(s->o.key, IPC_PRIVATE);
        coord_unlock(&s->o.lock);
    }
    coord_unlock(&root->table.lock);
    if (!ret)
        shm_reap(id);
    return ret;
}

void ipc_shm_process_gone(int32_t pid) {
    struct shm_root* root = shm_root();
    for (int i = root ? ipc_highest(&root->table) : -1; i >= 0; i--) {
        struct shm_segment* s = (struct shm_segment*)ipc_lock_index(&root->table, i);
        if (!s)
            continue;
        int id = s->o.id;
        uint64_t before = s->users.total;
        ipc_users_count(&s->users, pid, -INT64_MAX);
        bool fewer = s->users.total != before, last = fewer && !s->users.total;
        if (fewer) {
            COORD_SET(s->dtime, ipc_now());
            COORD_SET(s->last, pid);
        }
        coord_unlock(&s->o.lock);
        if (last)
            shm_reap(id);
    }
}

/* ---- shmctl -------------------------------------------------------------------------------------
 */

long libos_shm_stat(int id, int cmd, struct shmid64_ds* out) {
    struct shm_root* root = shm_root();
    if (!root)
        return -EINVAL;
    struct shm_segment* s =
        (struct shm_segment*)(cmd == IPC_STAT ? ipc_lock(&root->table, id)
                                              : ipc_lock_index(&root->table, id));
    if (!s)
        return -EINVAL;
    long ret = cmd == SHM_STAT_ANY || ipc_permitted(&s->o, 0444) ? 0 : -EACCES;
    if (!ret) {
        memset(out, 0, sizeof(*out));
        ipc_fill_perm(&s->o, &out->shm_perm);
        out->shm_segsz = s->size;
        out->shm_atime = s->atime;
        out->shm_dtime = s->dtime;
        out->shm_ctime = s->ctime;
        out->shm_cpid = s->creator;
        out->shm_lpid = s->last;
        out->shm_nattch = s->users.total;
        ret = cmd == IPC_STAT ? 0 : s->o.id;
    }
    coord_unlock(&s->o.lock);
    return ret;
}

long libos_shm_set(int id, const struct shmid64_ds* in) {
    struct shm_segment* s = shm_lock(id);
    if (!s)
        return -EINVAL;
    long ret = ipc_owned(&s->o) ? ipc_update(&s->o, &in->shm_perm) : -EPERM;
    if (!ret)
        COORD_SET(s->ctime, ipc_now());
    coord_unlock(&s->o.lock);
    return ret;
}

static long may_lock(const struct shm_segment* s, bool lock_it) {
    uint32_t euid = get_cur_thread()->euid;
    uint64_t limit = libos_rlimit(RLIMIT_MEMLOCK);
    if (libos_capable(CAP_IPC_LOCK))
        return 0;
    if ((euid != s->o.uid && euid != s->o.cuid) || (lock_it && !limit))
        return -EPERM;
    return lock_it && !(s->o.mode & SHM_LOCKED) && PAGE_UP(s->size) > limit ? -ENOMEM : 0;
}

long libos_shm_mark_locked(int id, bool lock_it) {
    struct shm_segment* s = shm_lock(id);
    if (!s)
        return -EINVAL;
    long ret = may_lock(s, lock_it);
    if (!ret)
        COORD_SET(s->o.mode, lock_it ? s->o.mode | SHM_LOCKED : s->o.mode & ~SHM_LOCKED);
    coord_unlock(&s->o.lock);
    return ret;
}

/* Pages of a segment that are there: found under its lock, which keeps the range its own. */
static uint64_t resident(const struct shm_segment* s) {
    return libos_store_used(s->range);
}

long libos_shm_totals(struct shm_info* out) {
    struct shm_root* root = shm_root();
    if (!root)
        return -ENOMEM;
    *out = (struct shm_info){0};
    for (int i = 0; i <= ipc_highest(&root->table); i++) {
        struct shm_segment* s = (struct shm_segment*)ipc_lock_index(&root->table, i);
        if (!s)
            continue;
        out->used_ids++;
        out->shm_tot += PAGE_UP(s->size) / PAGE_SIZE;
        out->shm_rss += resident(s) / PAGE_SIZE;
        coord_unlock(&s->o.lock);
    }
    return ipc_highest(&root->table);
}

int libos_shm_highest(void) {
    const struct shm_root* root = shm_root();
    return root ? ipc_highest(&root->table) : 0;
}

/* ---- /proc/sysvipc/shm --------------------------------------------------------------------------
 */

void libos_shm_show(struct libos_text* out) {
    libos_text_printf(out,
                      "       key      shmid perms                  size  cpid  lpid nattch   "
                      "uid   gid  cuid  cgid      atime      dtime      ctime                  "
                      " rss                  swap\n");
    struct shm_root* root = shm_root();
    for (int i = 0; root && i <= ipc_highest(&root->table); i++) {
        struct shm_segment* s = (struct shm_segment*)ipc_lock_index(&root->table, i);
        if (!s)
            continue;
        struct shm_segment copy = *s;
        uint64_t used = resident(s);
        coord_unlock(&s->o.lock);
        libos_text_printf(out,
                          "%10d %10d  %4o %21lu %5u %5u  %5lu %5u %5u %5u %5u %10ld %10ld %10ld "
                          "%21lu %21lu\n",
                          copy.o.key, copy.o.id, copy.o.mode, copy.size, copy.creator, copy.last,
                          copy.users.total, copy.o.uid, copy.o.gid, copy.o.cuid, copy.o.cgid,
                          copy.atime, copy.dtime, copy.ctime, used, 0UL);
    }
}
