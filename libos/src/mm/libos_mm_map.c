/*
 * Mapping and unmapping: what mmap(2) and munmap(2) do, also for the LibOS itself. Checks stand in
 * the order of Linux's do_mmap().
 */
#include <asm/fcntl.h>
#include "libos_process.h"
#include "libos_vma.h"

#define LEGACY_MAP_FLAGS                                                                           \
    (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE |       \
     MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |               \
     MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | MAP_ABOVE4G | 21 << MAP_HUGE_SHIFT |     \
     30 << MAP_HUGE_SHIFT)
#ifndef MAP_ABOVE4G
#define MAP_ABOVE4G 0x80
#endif
#ifndef MAP_UNINITIALIZED
#define MAP_UNINITIALIZED 0x4000000
#endif

struct map_request {
    uint64_t addr, len, offset;
    int prot, flags;
    struct libos_file* file;
    uint32_t vma_flags;
    const char* name;
    bool fixed;
};

/* ---- unmapping
 * ------------------------------------------------------------------------------------ */

static void forget_code_in(struct libos_mm* mm, uint64_t start, uint64_t end) {
    for (struct libos_vma* v = vma_find(mm, start); v && v->start < end; v = v->next) {
        if (v->prot & PROT_EXEC) {
            mm_forget_code(MAX(v->start, start), MIN(v->end, end));
        }
    }
}

/* Splitting is the only step that can fail, so nothing is half done. */
static int make_room(struct libos_mm* mm, uint64_t start, uint64_t end) {
    struct libos_vma* v = vma_find(mm, start);
    if (!v || v->start >= end) {
        return 0;
    }
    if (vma_range_has(mm, start, end, VMA_SEALED | VMA_INTERNAL)) {
        return -EPERM;
    }
    if (v->start < start && v->end > end && mm->count >= MAX_MAP_COUNT) {
        return -ENOMEM;
    }
    int ret = vma_split_range(mm, start, end);
    if (!ret) {
        forget_code_in(mm, start, end);
    }
    return ret;
}

static int unmap_piece(struct libos_mm* mm, uint64_t start, uint64_t end, struct libos_vma** dead) {
    struct libos_vma* v = vma_find(mm, start);
    if (!v || v->start >= end) {
        return 0;
    }
    int ret = make_room(mm, start, end);
    if (ret < 0) {
        return ret;
    }
    /* A hole may be as large as the address space: the host gets no more than what is mapped. */
    uint64_t from = vma_find(mm, start)->start;
    vma_remove_range(mm, start, end, dead);
    uint64_t to = (*dead)->end; /* the last one removed is first in the chain */
    ret = PalVirtualMemoryFree((void*)from, to - from);
    BUG_ON(ret < 0 && ret != PAL_ERROR_NOMEM);
    if (ret == PAL_ERROR_NOMEM) {
        /* The host may not split its own mapping: at least nothing can be reached there. */
        PalVirtualMemoryProtect((void*)from, to - from, PAL_PROT_NONE);
    }
    return 0;
}

/* The LibOS's own mappings stay: the program does not know of them. */
int mm_unmap_locked(struct libos_mm* mm, uint64_t start, uint64_t end, struct libos_vma** dead) {
    if (end <= start || end > mm->user_end) {
        return -EINVAL;
    }
    mm_sync_growth(mm, start, end);
    if (vma_range_has(mm, start, end, VMA_SEALED)) {
        return -EPERM;
    }
    int ret = 0;
    for (struct libos_vma* v = vma_find(mm, start); !ret && v && v->start < end;
         v = vma_find(mm, start)) {
        while (v && v->start < end && !(v->flags & VMA_INTERNAL)) {
            v = v->next;
        }
        uint64_t to = v && v->start < end ? v->start : end;
        if (to > start) {
            ret = unmap_piece(mm, start, to, dead);
        }
        start = to < end ? v->end : end;
    }
    return ret;
}

int libos_mm_unmap(uint64_t addr, size_t size) {
    struct libos_vma* dead = NULL;
    uint64_t len = PAGE_UP(size);
    if (!IS_ALIGNED(addr, PAGE_SIZE) || addr > TASK_SIZE || size > TASK_SIZE - addr || !len) {
        return -EINVAL;
    }
    if (addr >= g_mm.user_end) {
        return 0; /* nothing of the program's is there */
    }
    len = MIN(len, g_mm.user_end - addr);
    write_lock(&g_mm.lock);
    int ret = mm_unmap_locked(&g_mm, addr, addr + len, &dead);
    write_unlock(&g_mm.lock);
    vma_free_chain(dead);
    return ret;
}

void libos_mm_unmap_all(void) {
    struct libos_vma* dead = NULL;
    write_lock(&g_mm.lock);
    mm_sync_growth(&g_mm, g_mm.user_start, g_mm.user_end);
    struct libos_vma* v = g_mm.first;
    mm_forget_code(g_mm.user_start, g_mm.user_end);
    while (v) {
        if (v->flags & VMA_INTERNAL) {
            v = v->next;
            continue;
        }
        uint64_t start = v->start, end = v->end;
        while (v->next && !(v->next->flags & VMA_INTERNAL)) {
            v = v->next;
            end = v->end;
        }
        v = v->next;
        vma_remove_range(&g_mm, start, end, &dead);
        PalVirtualMemoryFree((void*)start, end - start);
    }
    g_mm.start_brk = g_mm.brk = g_mm.start_data = g_mm.end_data = 0;
    g_mm.default_flags = 0;
    g_mm.peak = 0;
    mm_layout(&g_mm);
    write_unlock(&g_mm.lock);
    vma_free_chain(dead);
}

/* ---- mapping
 * --------------------------------------------------------------------------------------- */

static long choose_address(struct libos_mm* mm, const struct map_request* r) {
    if (!r->fixed) {
        uint64_t hint = PAGE_DOWN(r->addr);
        if (hint && hint < mm->user_start) {
            hint = mm->user_start;
        }
        return mm_place(mm, hint, r->len, r->flags, !r->file);
    }
    if (r->len > mm->user_end || r->addr > mm->user_end - r->len) {
        return -ENOMEM;
    }
    if (!IS_ALIGNED(r->addr, PAGE_SIZE)) {
        return -EINVAL;
    }
    if (r->addr < mm->user_start) {
        return -EPERM; /* below vm.mmap_min_addr */
    }
    mm_sync_growth(mm, r->addr, r->addr + r->len);
    if (r->flags & MAP_FIXED_NOREPLACE) {
        const struct libos_vma* v = vma_find(mm, r->addr);
        if (v && v->start < r->addr + r->len) {
            return -EEXIST;
        }
    }
    return (long)r->addr;
}

static int check_file(struct map_request* r) {
    int access = (int)(r->file->flags & O_ACCMODE);
    switch (r->flags & MAP_TYPE) {
        case MAP_SHARED:
            r->flags &= LEGACY_MAP_FLAGS;
            __attribute__((fallthrough));
        case MAP_SHARED_VALIDATE:
            if (r->flags & ~LEGACY_MAP_FLAGS & ~MAP_TYPE) {
                return -EOPNOTSUPP;
            }
            if ((r->prot & PROT_WRITE) && access == O_RDONLY) {
                return -EACCES;
            }
            r->vma_flags |= VMA_SHARED;
            if (access == O_RDONLY) {
                r->vma_flags |= VMA_NOWRITE;
            }
            break;
        case MAP_PRIVATE:
            break;
        default:
            return -EINVAL;
    }
    if (access == O_WRONLY) {
        return -EACCES;
    }
    if (!r->file->ops->mmap) {
        return -ENODEV;
    }
    return r->flags & MAP_GROWSDOWN ? -EINVAL : 0;
}

static int check_anon(struct map_request* r) {
    r->vma_flags |= VMA_ANON;
    switch (r->flags & MAP_TYPE) {
        case MAP_SHARED:
            if (r->flags & MAP_GROWSDOWN) {
                return -EINVAL;
            }
            r->vma_flags |= VMA_SHARED;
            r->offset = 0;
            return 0;
        case MAP_PRIVATE:
            if (r->flags & MAP_GROWSDOWN) {
                r->vma_flags |= VMA_GROWSDOWN;
            }
            return 0;
        default:
            return -EINVAL;
    }
}

static int check_locking(struct libos_mm* mm, struct map_request* r) {
    if ((r->flags & MAP_LOCKED) && !mm_can_lock()) {
        return -EPERM;
    }
    if (!(r->vma_flags & VMA_INTERNAL)) {
        r->vma_flags |= mm->default_flags | (r->flags & MAP_LOCKED ? VMA_LOCKED : 0);
    }
    if ((r->vma_flags & VMA_LOCKED) && !mm_may_lock(mm, r->len)) {
        return -EAGAIN;
    }
    return 0;
}

static int host_map(const struct map_request* r, uint64_t addr) {
    if (r->file) {
        return r->file->ops->mmap(r->file, (void*)addr, r->len, r->prot & PROT_RWX,
                                  r->vma_flags & VMA_SHARED ? MAP_SHARED : MAP_PRIVATE, r->offset);
    }
    PAL_FLG type = 0;
    void* at = (void*)addr;
    if (r->vma_flags & VMA_SHARED) {
        type |= PAL_ALLOC_SHARED;
    }
    if (r->vma_flags & VMA_NORESERVE) {
        type |= PAL_ALLOC_NORESERVE;
    }
    if ((r->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE && (r->prot & PROT_RWX)) {
        type |= PAL_ALLOC_POPULATE;
    }
    int ret = r->vma_flags & VMA_GROWSDOWN
                  ? mm_host_alloc_stack(at, r->len, type, mm_pal_prot(r->prot))
                  : PalVirtualMemoryAlloc(&at, r->len, type, mm_pal_prot(r->prot));
    BUG_ON(!ret && at != (void*)addr);
    return (int)pal_to_errno(ret);
}

/* Bytes of the range that existing VMAs cover: they go away and do not count twice. */
static uint64_t covered(const struct libos_mm* mm, uint64_t start, uint64_t end) {
    uint64_t sum = 0;
    for (struct libos_vma* v = vma_find(mm, start); v && v->start < end; v = v->next) {
        sum += MIN(v->end, end) - MAX(v->start, start);
    }
    return sum;
}

/* The host refused to map over the range: are the old mappings, all or none, still there? */
static bool host_kept(const struct libos_mm* mm, uint64_t start, uint64_t end) {
    uint8_t ignored;
    const struct libos_vma* first = vma_find(mm, start);
    const struct libos_vma* last = first;
    while (last->next && last->next->start < end) {
        last = last->next;
    }
    return PalVirtualMemoryResident((void*)first->start, PAGE_SIZE, &ignored) == 0 &&
           PalVirtualMemoryResident((void*)(last->end - PAGE_SIZE), PAGE_SIZE, &ignored) == 0;
}

static int map_at(struct libos_mm* mm, struct map_request* r, uint64_t addr,
                  struct libos_vma** dead) {
    uint64_t end = addr + r->len;
    uint64_t replaced = r->fixed ? covered(mm, addr, end) : 0;
    if (!(r->vma_flags & VMA_INTERNAL) &&
        !mm_may_expand(mm, r->prot, r->vma_flags, r->len - replaced)) {
        return -ENOMEM;
    }
    struct libos_vma* vma = vma_alloc(addr, end, r->prot & PROT_RWX, r->vma_flags);
    if (!vma) {
        return -ENOMEM;
    }
    if (r->file || (r->vma_flags & VMA_SHARED)) {
        vma->offset = r->offset;
    }
    vma->name = r->name;
    if (!r->file && (r->vma_flags & VMA_SHARED)) {
        vma->object = mm_new_object();
    }
    int ret = replaced ? make_room(mm, addr, end) : 0;
    if (ret < 0) {
        libos_free(vma);
        return ret;
    }
    ret = host_map(r, addr);
    if (ret < 0) {
        libos_free(vma);
        if (replaced && host_kept(mm, addr, end)) {
            vma_merge_range(mm, addr, end);
        } else if (replaced) {
            PalVirtualMemoryFree((void*)addr, r->len);
            vma_remove_range(mm, addr, end, dead);
        }
        return ret;
    }
    if (replaced) {
        vma_remove_range(mm, addr, end, dead);
    }
    if (r->file) {
        libos_file_get(r->file);
        vma->file = r->file;
        vma_tell_file(vma, 1);
    }
    vma_insert(mm, vma);
    return 0;
}

static long do_map(struct libos_mm* mm, struct map_request* r, struct libos_vma** dead) {
    if (mm->count > MAX_MAP_COUNT) {
        return -ENOMEM;
    }
    long addr = choose_address(mm, r);
    if (addr < 0) {
        return addr;
    }
    int ret = check_locking(mm, r);
    if (!ret) {
        ret = r->file ? check_file(r) : check_anon(r);
    }
    if (!ret && (r->flags & MAP_NORESERVE)) {
        r->vma_flags |= VMA_NORESERVE;
    }
    if (!ret) {
        ret = map_at(mm, r, (uint64_t)addr, dead);
    }
    return ret < 0 ? ret : addr;
}

/* Locking and populating come after the lock, as in Linux; failure there is not mmap's. */
static void populate(const struct map_request* r, uint64_t addr) {
    if ((r->vma_flags & VMA_LOCKED)) {
        PalVirtualMemoryLock((void*)addr, r->len, r->vma_flags & VMA_LOCKONFAULT ? 2 : 1);
    } else if (r->file && (r->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE) {
        bool write = (r->prot & PROT_WRITE) && !(r->vma_flags & VMA_SHARED);
        PalVirtualMemoryAdvise((void*)addr, r->len,
                               write ? PAL_ADVICE_POPULATE_WRITE : PAL_ADVICE_POPULATE_READ);
    }
}

long libos_mm_map(uint64_t addr, size_t size, int prot, int flags, struct libos_file* file,
                  uint64_t offset, uint32_t vma_flags, const char* name) {
    if (!size) {
        return -EINVAL;
    }
    struct map_request r = {.addr = addr,
                            .len = PAGE_UP(size),
                            .offset = offset,
                            .prot = prot,
                            .flags = flags,
                            .file = file,
                            .vma_flags = vma_flags,
                            .name = name,
                            .fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0};
    if (!r.len) {
        return -ENOMEM;
    }
    if (offset + r.len < offset) {
        return -EOVERFLOW;
    }
    struct libos_vma* dead = NULL;
    write_lock(&g_mm.lock);
    long ret = do_map(&g_mm, &r, &dead);
    write_unlock(&g_mm.lock);
    vma_free_chain(dead);
    if (ret > 0) {
        populate(&r, (uint64_t)ret);
    }
    return ret;
}

long libos_mm_map_internal(uint64_t low, uint64_t high, size_t size, int prot, const char* name) {
    struct map_request r = {.len = PAGE_UP(size),
                            .prot = prot,
                            .flags = MAP_PRIVATE | MAP_ANONYMOUS,
                            .vma_flags = VMA_INTERNAL | VMA_ANON,
                            .name = name};
    struct libos_vma* dead = NULL;
    if (!r.len) {
        return -EINVAL;
    }
    write_lock(&g_mm.lock);
    uint64_t addr =
        vma_gap_top_down(&g_mm, MAX(low, g_mm.user_start), MIN(high, g_mm.user_end), r.len);
    int ret = addr ? map_at(&g_mm, &r, addr, &dead) : -ENOMEM;
    write_unlock(&g_mm.lock);
    vma_free_chain(dead);
    return ret < 0 ? ret : (long)addr;
}

void libos_mm_unmap_internal(uint64_t addr, size_t size) {
    struct libos_vma* dead = NULL;
    write_lock(&g_mm.lock);
    vma_remove_range(&g_mm, addr, addr + PAGE_UP(size), &dead);
    PalVirtualMemoryFree((void*)addr, PAGE_UP(size));
    write_unlock(&g_mm.lock);
    vma_free_chain(dead);
}
