/*
 * System V shared memory: the table of segments. See libos_shm.h.
 */
#include "libos_shm.h"
#include <asm/fcntl.h>
#include <linux/mman.h>
#include "libos_fs.h"
#include "libos_process.h"

#define ID_INDEX_BITS 15
#define CAP_IPC_OWNER 15
#define CAP_SYS_ADMIN 21
#define CAP_IPC_LOCK  14
#define MODE_MASK     0777
#define SHM_MAX       (UINT64_MAX - (1UL << 24)) /* Linux: kernel.shmmax */

static libos_lock_t g_shm_lock = LIBOS_LOCK_INIT; /* taken before the lock of the address space */
static struct list_node g_segments = LIST_INIT(g_segments); /* by rising index */
static uint16_t g_next_seq;

static int64_t now_seconds(void) {
    PAL_NUM ns = 0;
    PalClockGet(PAL_CLOCK_REALTIME, &ns);
    return (int64_t)(ns / 1000000000);
}

static int index_of(const struct libos_shm* s) {
    return s->id & ((1 << ID_INDEX_BITS) - 1);
}

/* Mappings of the segment; Linux counts each VMA. */
static uint64_t attach_count(const struct libos_shm* s) {
    struct libos_vma_info info;
    uint64_t count = 0;
    for (uint64_t at = 0; libos_mm_query_next(at, &info); at = info.end) {
        count += info.file == s->file;
        libos_vma_info_put(&info);
    }
    return count;
}

static void destroy(struct libos_shm* s) {
    list_del(&s->node);
    libos_file_put(s->file);
    libos_free(s);
}

/* Segments marked for removal go with their last mapping. munmap(2) tells nobody, so every call
 * here looks first. */
static void reap(void) {
    list_for_each_safe(s, &g_segments, struct libos_shm, node) {
        if ((s->mode & SHM_DEST) && !attach_count(s)) {
            destroy(s);
        }
    }
}

static struct libos_shm* by_id(int id) {
    list_for_each(s, &g_segments, struct libos_shm, node) {
        if (s->id == id) {
            return s;
        }
    }
    return NULL;
}

static struct libos_shm* by_key(int32_t key) {
    list_for_each(s, &g_segments, struct libos_shm, node) {
        if (s->key == key && !(s->mode & SHM_DEST)) {
            return s;
        }
    }
    return NULL;
}

/* want: as in a mode's user part, 4 read, 2 write. */
static bool permitted(const struct libos_shm* s, uint32_t want) {
    const struct libos_thread* t = get_cur_thread();
    uint32_t mode = s->mode;
    if (t->euid == s->uid || t->euid == s->cuid) {
        mode >>= 6;
    } else if (libos_in_group(s->gid) || libos_in_group(s->cgid)) {
        mode >>= 3;
    }
    return !(want & ~mode & 7) || libos_capable(CAP_IPC_OWNER);
}

static bool owner(const struct libos_shm* s) {
    uint32_t euid = get_cur_thread()->euid;
    return euid == s->uid || euid == s->cuid || libos_capable(CAP_SYS_ADMIN);
}

/* ---- making and finding -------------------------------------------------------------------------
 */

static struct libos_file* create_object(int32_t key, size_t size, int* err) {
    char name[40];
    PAL_HANDLE host;
    snprintf(name, sizeof(name), "SYSV%08x", (uint32_t)key);
    int ret = PalMemoryObjectCreate(name, 0, &host);
    if (!ret) {
        ret = PalStreamSetLength(host, PAGE_UP(size));
        if (ret < 0) {
            PalObjectClose(host);
        }
    }
    if (ret < 0) {
        *err = (int)pal_to_errno(ret);
        return NULL;
    }
    snprintf(name, sizeof(name), "/SYSV%08x (deleted)", (uint32_t)key);
    *err = -ENOMEM;
    return libos_file_alloc(&libos_host_file_ops, O_RDWR, host, libos_path_alloc(NULL, name));
}

/* Lowest free index; keeps the list in order. */
static bool insert(struct libos_shm* fresh) {
    struct list_node* before = &g_segments;
    int index = 0;
    list_for_each(s, &g_segments, struct libos_shm, node) {
        if (index_of(s) != index) {
            break;
        }
        before = &s->node;
        index++;
    }
    if (index >= SHM_SEGMENTS_MAX) {
        return false;
    }
    fresh->seq = g_next_seq++;
    fresh->id = fresh->seq << ID_INDEX_BITS | index;
    list_add(before, &fresh->node);
    return true;
}

static long create(int32_t key, size_t size, int flags) {
    const struct libos_thread* t = get_cur_thread();
    if (size < 1 || size > SHM_MAX) {
        return -EINVAL;
    }
    if (flags & SHM_HUGETLB) {
        return -ENOMEM; /* no huge pages in the pool */
    }
    struct libos_shm* s = libos_calloc(1, sizeof(*s));
    int err = -ENOMEM;
    if (s) {
        s->file = create_object(key, size, &err);
    }
    if (!s || !s->file) {
        libos_free(s);
        return err;
    }
    s->key = key;
    s->size = size;
    s->uid = s->cuid = t->euid;
    s->gid = s->cgid = t->egid;
    s->mode = (uint32_t)flags & MODE_MASK;
    s->ctime = now_seconds();
    s->cpid = cur_process()->pid;
    if (!insert(s)) {
        libos_file_put(s->file);
        libos_free(s);
        return -ENOSPC;
    }
    return s->id;
}

long libos_shm_get(int32_t key, size_t size, int flags) {
    lock(&g_shm_lock);
    reap();
    long ret;
    struct libos_shm* s = key == IPC_PRIVATE ? NULL : by_key(key);
    uint32_t want = (uint32_t)(flags >> 6 | flags >> 3 | flags) & 7;
    if (!s) {
        bool make = key == IPC_PRIVATE || (flags & IPC_CREAT);
        ret = make ? create(key, size, flags) : -ENOENT;
    } else if ((flags & IPC_CREAT) && (flags & IPC_EXCL)) {
        ret = -EEXIST;
    } else if (size > s->size) {
        ret = -EINVAL;
    } else {
        ret = permitted(s, want) ? s->id : -EACCES;
    }
    unlock(&g_shm_lock);
    return ret;
}

/* ---- attaching
 * ------------------------------------------------------------------------------------ */

static bool range_free(uint64_t addr, uint64_t size) {
    struct libos_vma_info info;
    if (addr + size < addr) {
        return false;
    }
    if (!libos_mm_query_next(addr, &info)) {
        return true;
    }
    bool is_free = info.start >= addr + size;
    libos_vma_info_put(&info);
    return is_free;
}

static long attach(struct libos_shm* s, uint64_t addr, int flags) {
    int prot =
        PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) | (flags & SHM_EXEC ? PROT_EXEC : 0);
    int map = MAP_SHARED | (addr ? MAP_FIXED : 0);
    if (!permitted(s, flags & SHM_RDONLY ? 4 : 6)) {
        return -EACCES;
    }
    if (addr && !(flags & SHM_REMAP) && !range_free(addr, PAGE_UP(s->size))) {
        return -EINVAL;
    }
    long ret = libos_mm_map(addr, s->size, prot, map, s->file, 0,
                            flags & SHM_RDONLY ? VMA_NOWRITE : 0, NULL);
    if (ret >= 0) {
        s->atime = now_seconds();
        s->lpid = cur_process()->pid;
    }
    return ret;
}

long libos_shm_attach(int id, uint64_t addr, int flags) {
    if (id < 0) {
        return -EINVAL;
    }
    if (addr & (PAGE_SIZE - 1)) {
        if (!(flags & SHM_RND)) {
            return -EINVAL;
        }
        addr = PAGE_DOWN(addr);
    }
    if (!addr && (flags & SHM_REMAP)) {
        return -EINVAL;
    }
    lock(&g_shm_lock);
    reap();
    struct libos_shm* s = by_id(id);
    long ret = s ? attach(s, addr, flags) : -EINVAL;
    unlock(&g_shm_lock);
    return ret;
}

/* The mapping that shmat made at addr, or what is left of it, may have lost its first pages. */
static struct libos_shm* attached_at(uint64_t addr, uint64_t* from) {
    struct libos_vma_info info;
    for (uint64_t at = addr; libos_mm_query_next(at, &info); at = info.end) {
        struct libos_shm* found = NULL;
        list_for_each(s, &g_segments, struct libos_shm, node) {
            if (s->file == info.file && info.start - addr == info.offset) {
                found = s;
            }
        }
        *from = info.start;
        libos_vma_info_put(&info);
        if (found) {
            return found;
        }
    }
    return NULL;
}

long libos_shm_detach(uint64_t addr) {
    if (addr & (PAGE_SIZE - 1)) {
        return -EINVAL;
    }
    lock(&g_shm_lock);
    uint64_t at;
    struct libos_shm* s = attached_at(addr, &at);
    uint64_t end = s ? addr + PAGE_UP(s->size) : 0;
    struct libos_vma_info info;
    while (s && at < end && libos_mm_query_next(at, &info) && info.start < end) {
        if (info.file == s->file && info.start - addr == info.offset) {
            libos_mm_unmap(info.start, info.end - info.start);
        }
        at = info.end;
        libos_vma_info_put(&info);
    }
    if (s) {
        s->dtime = now_seconds();
        s->lpid = cur_process()->pid;
    }
    reap();
    unlock(&g_shm_lock);
    return s ? 0 : -EINVAL;
}

/* ---- control
 * ---------------------------------------------------------------------------------------- */

static struct libos_shm* by_index(int index) {
    list_for_each(s, &g_segments, struct libos_shm, node) {
        if (index_of(s) == index) {
            return s;
        }
    }
    return NULL;
}

long libos_shm_stat(int id, bool is_index, bool any, struct shmid64_ds* out) {
    lock(&g_shm_lock);
    reap();
    struct libos_shm* s = is_index ? by_index(id) : by_id(id);
    long ret = s ? (any || permitted(s, 4) ? 0 : -EACCES) : -EINVAL;
    if (!ret) {
        *out = (struct shmid64_ds){.shm_perm = {.key = s->key,
                                                .uid = s->uid,
                                                .gid = s->gid,
                                                .cuid = s->cuid,
                                                .cgid = s->cgid,
                                                .mode = s->mode,
                                                .seq = s->seq},
                                   .shm_segsz = s->size,
                                   .shm_atime = s->atime,
                                   .shm_dtime = s->dtime,
                                   .shm_ctime = s->ctime,
                                   .shm_cpid = s->cpid,
                                   .shm_lpid = s->lpid,
                                   .shm_nattch = attach_count(s)};
        ret = is_index ? s->id : 0;
    }
    unlock(&g_shm_lock);
    return ret;
}

long libos_shm_set(int id, const struct shmid64_ds* in) {
    lock(&g_shm_lock);
    reap();
    struct libos_shm* s = by_id(id);
    long ret = s ? (owner(s) ? 0 : -EPERM) : -EINVAL;
    if (!ret) {
        s->uid = in->shm_perm.uid;
        s->gid = in->shm_perm.gid;
        s->mode = (s->mode & ~(uint32_t)MODE_MASK) | (in->shm_perm.mode & MODE_MASK);
        s->ctime = now_seconds();
    }
    unlock(&g_shm_lock);
    return ret;
}

long libos_shm_remove(int id) {
    lock(&g_shm_lock);
    reap();
    struct libos_shm* s = by_id(id);
    long ret = s ? (owner(s) ? 0 : -EPERM) : -EINVAL;
    if (!ret) {
        s->mode |= SHM_DEST;
        s->key = IPC_PRIVATE;
        reap();
    }
    unlock(&g_shm_lock);
    return ret;
}

long libos_shm_lock(int id, bool lock_it) {
    lock(&g_shm_lock);
    reap();
    struct libos_shm* s = by_id(id);
    long ret = s ? 0 : -EINVAL;
    if (s && !libos_capable(CAP_IPC_LOCK) &&
        (get_cur_thread()->euid != s->uid || (lock_it && !libos_rlimit(RLIMIT_MEMLOCK)))) {
        ret = -EPERM;
    }
    if (!ret) {
        /* Pages of a segment that is not mapped cannot be locked from here; mapped ones can. */
        struct libos_vma_info info;
        for (uint64_t at = 0; libos_mm_query_next(at, &info); at = info.end) {
            if (info.file == s->file) {
                PalVirtualMemoryLock((void*)info.start, info.end - info.start, lock_it);
            }
            libos_vma_info_put(&info);
        }
        s->mode = lock_it ? s->mode | SHM_LOCKED : s->mode & ~(uint32_t)SHM_LOCKED;
    }
    unlock(&g_shm_lock);
    return ret;
}

void libos_shm_totals(struct libos_shm_totals* t) {
    *t = (struct libos_shm_totals){.highest_index = 0};
    lock(&g_shm_lock);
    reap();
    list_for_each(s, &g_segments, struct libos_shm, node) {
        t->used++;
        t->pages += PAGE_UP(s->size) / PAGE_SIZE;
        t->highest_index = index_of(s);
    }
    unlock(&g_shm_lock);
}
