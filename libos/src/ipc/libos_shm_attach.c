/*
 * System V shared memory in the address space. shmat(2), shmdt(2). Each attachment is a mapping of
 * an open file of its own, as in Linux; the mappings of such files are counted where VMAs come and
 * go (libos_file_ops.mapped).
 */
#include <asm/fcntl.h>
#include <linux/mman.h>
#include <linux/stat.h>

#include "libos_fs.h"
#include "libos_mm.h"
#include "libos_process.h"
#include "shm_internal.h"

struct shm_file { /* what an attachment's file stands for */
    int id;
    int32_t key;
    uint64_t size;
    uint32_t mode, uid, gid;
    int64_t ctime;
    const struct libos_store_range* range;
};

static int file_mmap(struct libos_file* f, void* addr, size_t size, int prot, int flags,
                     uint64_t offset) {
    const struct shm_file* data = f->data;
    (void)flags;
    return libos_store_map(data->range, addr, size, (PAL_FLG)prot, offset);
}

static int file_stat(struct libos_file* f, struct libos_stat* st) {
    const struct shm_file* data = f->data;
    *st = (struct libos_stat){
        .dev = libos_makedev(0, 1),
        .ino = (uint64_t)data->id,
        .nlink = 0,
        .mode = S_IFREG | data->mode,
        .uid = data->uid,
        .gid = data->gid,
        .size = data->size,
        .blksize = PAGE_SIZE,
        .atime_ns = data->ctime * 1000000000,
        .mtime_ns = data->ctime * 1000000000,
        .ctime_ns = data->ctime * 1000000000,
        .btime_ns = -1,
    };
    return 0;
}

/* A mapping comes or goes; under the lock of the address space when it comes. */
static void file_mapped(struct libos_file* f, int by) {
    const struct shm_file* data = f->data;
    struct shm_segment* s = shm_lock(data->id);
    if (!s)
        return;
    ipc_users_count(&s->users, g_process.pid, by);
    COORD_SET(s->last, cur_process()->pid);
    if (by > 0)
        COORD_SET(s->atime, ipc_now());
    else
        COORD_SET(s->dtime, ipc_now());
    bool reap = (s->o.mode & SHM_DEST) && !s->users.total;
    coord_unlock(&s->o.lock);
    if (reap)
        shm_reap(data->id);
}

static void file_close(struct libos_file* f) {
    libos_free(f->data);
}

static const struct libos_file_ops g_shm_ops = {
    .kind = "shm",
    .mmap = file_mmap,
    .stat = file_stat,
    .mapped = file_mapped,
    .close = file_close,
};

/* ---- shmat --------------------------------------------------------------------------------------
 */

static struct libos_file* open_file(const struct shm_file* what, int flags) {
    char name[40];
    snprintf(name, sizeof(name), "/SYSV%08x (deleted)", (uint32_t)what->key);
    struct shm_file* data = libos_malloc(sizeof(*data));
    if (!data)
        return NULL;
    *data = *what;
    struct libos_file* f = libos_file_alloc(&g_shm_ops, flags & SHM_RDONLY ? O_RDONLY : O_RDWR,
                                            NULL, libos_path_alloc(NULL, name));
    if (!f) {
        libos_free(data);
        return NULL;
    }
    f->data = data;
    f->mode_type = S_IFREG;
    return f;
}

/* The segment is held as by a mapping from here on. */
static long begin(int id, int flags, struct shm_file* out) {
    uint32_t want = flags & SHM_RDONLY ? 0444 : 0666;
    struct shm_segment* s = shm_lock(id);
    if (!s)
        return -EINVAL;
    long ret = ipc_permitted(&s->o, want | (flags & SHM_EXEC ? 0111 : 0)) ? 0 : -EACCES;
    if (!ret && !ipc_users_count(&s->users, g_process.pid, 1))
        ret = -ENOMEM;
    *out = (struct shm_file){.id = id,
                             .key = s->o.key,
                             .size = s->size,
                             .mode = s->o.mode & IPC_MODE_MASK,
                             .uid = s->o.cuid,
                             .gid = s->o.cgid,
                             .ctime = s->ctime,
                             .range = s->range};
    coord_unlock(&s->o.lock);
    return ret;
}

static void end(int id) {
    struct shm_segment* s = shm_lock(id);
    if (!s)
        return;
    ipc_users_count(&s->users, g_process.pid, -1);
    bool reap = (s->o.mode & SHM_DEST) && !s->users.total;
    coord_unlock(&s->o.lock);
    if (reap)
        shm_reap(id);
}

static bool range_free(uint64_t addr, uint64_t size) {
    struct libos_vma_info info;
    if (addr + size < addr)
        return false;
    if (!libos_mm_query_next(addr, &info))
        return true;
    bool is_free = info.start >= addr + size;
    libos_vma_info_put(&info);
    return is_free;
}

static long map(const struct shm_file* what, uint64_t addr, int flags) {
    int prot =
        PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
    if (addr && !(flags & SHM_REMAP) && !range_free(addr, PAGE_UP(what->size)))
        return -EINVAL;
    struct libos_file* f = open_file(what, flags);
    if (!f)
        return -ENOMEM;
    long ret = libos_mm_map(addr, what->size, prot, MAP_SHARED | (addr ? MAP_FIXED : 0), f, 0,
                            flags & SHM_RDONLY ? VMA_NOWRITE : 0, NULL);
    libos_file_put(f);
    return ret;
}

long libos_shm_attach(int id, uint64_t addr, int flags) {
    if (id < 0)
        return -EINVAL;
    if (addr & (PAGE_SIZE - 1)) {
        if (!(flags & SHM_RND))
            return -EINVAL;
        addr = PAGE_DOWN(addr);
    }
    if (!addr && (flags & SHM_REMAP))
        return -EINVAL;
    struct shm_file what;
    long ret = begin(id, flags, &what);
    if (ret)
        return ret;
    ret = map(&what, addr, flags);
    end(id);
    return ret;
}

/* ---- shmdt --------------------------------------------------------------------------------------
 */

/* The mapping that shmat made at addr may have lost its first pages. Its file, referenced. */
static struct libos_file* attached_at(uint64_t addr, uint64_t* from) {
    struct libos_vma_info info;
    for (uint64_t at = addr; libos_mm_query_next(at, &info); at = info.end) {
        if (info.file && info.file->ops == &g_shm_ops && info.start - addr == info.offset) {
            *from = info.start;
            return info.file;
        }
        libos_vma_info_put(&info);
    }
    return NULL;
}

long libos_shm_detach(uint64_t addr) {
    uint64_t at;
    struct libos_file* f = addr & (PAGE_SIZE - 1) ? NULL : attached_at(addr, &at);
    if (!f)
        return -EINVAL;
    const struct shm_file* data = f->data;
    uint64_t limit = addr + PAGE_UP(data->size);
    struct libos_vma_info info;
    while (at < limit && libos_mm_query_next(at, &info)) {
        bool same = info.start < limit && info.file == f && info.start - addr == info.offset;
        uint64_t start = info.start;
        at = info.end;
        libos_vma_info_put(&info);
        if (same)
            libos_mm_unmap(start, at - start);
    }
    libos_file_put(f);
    return 0;
}

/* ---- shmctl(SHM_LOCK) ---------------------------------------------------------------------------
 * Pages of a segment that is not mapped cannot be locked from here; mapped ones can.
 */

long libos_shm_lock(int id, bool lock_it) {
    long ret = libos_shm_mark_locked(id, lock_it);
    struct libos_vma_info info;
    for (uint64_t at = 0; !ret && libos_mm_query_next(at, &info); at = info.end) {
        if (info.file && info.file->ops == &g_shm_ops &&
            ((const struct shm_file*)info.file->data)->id == id)
            PalVirtualMemoryLock((void*)info.start, info.end - info.start, lock_it);
        libos_vma_info_put(&info);
    }
    return ret;
}

/* ---- fork ---------------------------------------------------------------------------------------
 */

int shm_fork(int32_t pid) {
    struct shm_root* root = shm_root();
    for (int i = root ? ipc_highest(&root->table) : -1; i >= 0; i--) {
        struct shm_segment* s = (struct shm_segment*)ipc_lock_index(&root->table, i);
        if (!s)
            continue;
        uint64_t maps = ipc_users_of(&s->users, g_process.pid);
        bool ok = !maps || ipc_users_count(&s->users, pid, (int64_t)maps);
        if (maps) {
            COORD_SET(s->atime, ipc_now());
            COORD_SET(s->last, g_process.pid);
        }
        coord_unlock(&s->o.lock);
        if (!ok)
            return -ENOMEM;
    }
    return 0;
}
