/*
 * mremap(2): moving, growing, shrinking and doubling mappings. On hosts that cannot move pages
 * (no PAL_CAP_REMAP) the LibOS maps anew and copies.
 */
#include "libos_mm_calls.h"
#include "libos_process.h"
#include "libos_vma.h"

#define KNOWN_FLAGS (MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)

struct remap {
    struct libos_mm* mm;
    uint64_t addr, old_len, new_len, new_addr;
    unsigned long flags;
    struct libos_vma* dead;
    uint64_t lock_from, lock_len; /* to be locked into memory afterwards */
    bool copied; /* the host did not move the pages: the old ones are still there */
};

/* vma_to_resize(): may the VMA at addr be this long? */
static int check_resize(const struct remap* r, const struct libos_vma* v) {
    if (!r->old_len && !(v->flags & VMA_SHARED)) {
        return -EINVAL; /* doubling is for shared memory */
    }
    if (r->old_len > v->end - r->addr) {
        return -EFAULT;
    }
    if (r->new_len <= r->old_len) {
        return 0;
    }
    uint64_t more = r->new_len - r->old_len;
    uint64_t offset = v->offset + (r->addr - v->start);
    if (v->file && offset + r->new_len < offset) {
        return -EINVAL;
    }
    if (v->flags & VMA_DONTEXPAND) {
        return -EFAULT;
    }
    if ((v->flags & VMA_LOCKED) && !mm_may_lock(r->mm, more)) {
        return -EAGAIN;
    }
    return mm_may_expand(r->mm, v->prot, v->flags, more) ? 0 : -ENOMEM;
}

static bool can_remap(void) {
    return g_pal_control->capabilities & PAL_CAP_REMAP;
}

/* Map [addr, addr+len) as v is, from `offset` bytes behind v's start. */
static int host_map_like(const struct libos_vma* v, uint64_t addr, uint64_t len, uint64_t offset,
                         int prot) {
    if (v->file) {
        return v->file->ops->mmap(v->file, (void*)addr, len, prot,
                                  v->flags & VMA_SHARED ? MAP_SHARED : MAP_PRIVATE,
                                  v->offset + offset);
    }
    if (v->flags & VMA_SHARED) {
        return -ENOMEM; /* the object behind it cannot be named */
    }
    void* at = (void*)addr;
    return (int)pal_to_errno(PalVirtualMemoryAlloc(
        &at, len, v->flags & VMA_NORESERVE ? PAL_ALLOC_NORESERVE : 0, mm_pal_prot(prot)));
}

static int host_grow(const struct remap* r, const struct libos_vma* v) {
    uint64_t more = r->new_len - r->old_len;
    if ((v->flags & VMA_SHARED) && !v->file && can_remap()) {
        void* last = (void*)(v->end - PAGE_SIZE);
        return (int)pal_to_errno(
            PalVirtualMemoryRemap(last, PAGE_SIZE, last, PAGE_SIZE + more, false));
    }
    return host_map_like(v, v->end, more, v->end - v->start, v->prot);
}

static long grow_in_place(struct remap* r, struct libos_vma* v) {
    uint64_t more = r->new_len - r->old_len;
    int ret = host_grow(r, v);
    if (ret < 0) {
        return ret;
    }
    vma_account(r->mm, v, more, 1);
    if (v->flags & VMA_LOCKED) {
        r->lock_from = v->end;
        r->lock_len = more;
    }
    v->end += more;
    vma_moved(r->mm, v);
    vma_merge_range(r->mm, v->end, v->end);
    return (long)r->addr;
}

/* Without PAL_CAP_REMAP: a new mapping, and a copy where pages may be the process's own. */
static int copy_over(const struct remap* r, const struct libos_vma* v, uint64_t to) {
    uint64_t delta = r->addr - v->start;
    bool copy = !(v->flags & VMA_SHARED) && r->old_len;
    int ret =
        host_map_like(v, to, r->new_len, delta, copy ? v->prot | PROT_READ | PROT_WRITE : v->prot);
    if (ret < 0 || !copy) {
        return ret;
    }
    uint64_t len = MIN(r->old_len, r->new_len);
    PalVirtualMemoryProtect((void*)r->addr, len, PAL_PROT_READ);
    /* A file mapping may end beyond its file: copy page by page and leave out what faults. */
    char page[512];
    for (uint64_t at = 0; at < len; at += sizeof(page)) {
        if (user_copy_from(page, (void*)(r->addr + at), sizeof(page)) == 0) {
            user_copy_to((void*)(to + at), page, sizeof(page));
        }
    }
    PalVirtualMemoryProtect((void*)r->addr, len, mm_pal_prot(v->prot));
    return (int)pal_to_errno(PalVirtualMemoryProtect((void*)to, r->new_len, mm_pal_prot(v->prot)));
}

static int host_move(struct remap* r, const struct libos_vma* v, uint64_t to) {
    bool keep = r->flags & MREMAP_DONTUNMAP;
    if (can_remap()) {
        int ret = PalVirtualMemoryRemap((void*)r->addr, r->old_len, (void*)to, r->new_len, keep);
        /* BADADDR: what is one mapping here may be several at the host. */
        if (ret != PAL_ERROR_BADADDR || (!v->file && (v->flags & VMA_SHARED))) {
            return (int)pal_to_errno(ret);
        }
    }
    r->copied = true;
    return copy_over(r, v, to);
}

/* The old range is gone at the host already, or has to go now. */
static void drop_old(struct remap* r) {
    if (!r->old_len) {
        return;
    }
    if (r->flags & MREMAP_DONTUNMAP) {
        if (r->copied) {
            PalVirtualMemoryAdvise((void*)r->addr, r->old_len, PAL_ADVICE_DONTNEED);
        }
        return;
    }
    vma_remove_range(r->mm, r->addr, r->addr + r->old_len, &r->dead);
    if (r->copied) {
        PalVirtualMemoryFree((void*)r->addr, r->old_len);
    }
}

static long move_to(struct remap* r, uint64_t to) {
    struct libos_mm* mm = r->mm;
    if (mm->count + 3 >= MAX_MAP_COUNT) {
        return -ENOMEM;
    }
    if (r->old_len && vma_split_range(mm, r->addr, r->addr + r->old_len) < 0) {
        return -ENOMEM;
    }
    struct libos_vma* v = vma_at(mm, r->addr);
    struct libos_vma* fresh = vma_dup(v);
    if (!fresh) {
        vma_merge_range(mm, r->addr, r->addr + r->old_len);
        return -ENOMEM;
    }
    fresh->start = to;
    fresh->end = to + r->new_len;
    fresh->offset = v->offset + (r->addr - v->start);
    if (v->prot & PROT_EXEC) {
        mm_forget_code(r->addr, r->addr + r->old_len);
    }
    int ret = host_move(r, v, to);
    if (ret < 0) {
        fresh->next = NULL;
        vma_free_chain(fresh);
        vma_merge_range(mm, r->addr, r->addr + r->old_len);
        return ret;
    }
    if (r->flags & MREMAP_DONTUNMAP) {
        /* Nothing is locked in an emptied mapping. */
        vma_account(mm, v, v->end - v->start, -1);
        v->flags &= ~(uint32_t)(VMA_LOCKED | VMA_LOCKONFAULT);
        vma_account(mm, v, v->end - v->start, 1);
    }
    if ((fresh->flags & VMA_LOCKED) && r->new_len > r->old_len) {
        r->lock_from = to + r->old_len;
        r->lock_len = r->new_len - r->old_len;
    }
    drop_old(r);
    vma_merge_range(mm, r->addr, r->addr + r->old_len);
    vma_insert(mm, fresh);
    return (long)to;
}

/* MREMAP_FIXED or MREMAP_DONTUNMAP. */
static long remap_to(struct remap* r, struct libos_vma* v) {
    struct libos_mm* mm = r->mm;
    uint64_t whole = r->old_len;
    r->old_len = MIN(whole, r->new_len); /* what is cut off may reach beyond the mapping */
    int ret = check_resize(r, v);        /* before anything goes away */
    r->old_len = whole;
    if (ret < 0) {
        return ret;
    }
    if (r->flags & MREMAP_FIXED) {
        if (r->new_addr < mm->user_start) {
            return -EPERM;
        }
        if (vma_range_has(mm, r->new_addr, r->new_addr + r->new_len, VMA_INTERNAL)) {
            return -EPERM;
        }
        ret = mm_unmap_locked(mm, r->new_addr, r->new_addr + r->new_len, &r->dead);
    }
    if (!ret && r->old_len > r->new_len) {
        ret = mm_unmap_locked(mm, r->addr + r->new_len, r->addr + r->old_len, &r->dead);
        r->old_len = r->new_len;
    }
    if (ret < 0) {
        return ret;
    }
    v = vma_at(mm, r->addr);
    ret = v ? check_resize(r, v) : -EFAULT;
    if (!ret && (r->flags & MREMAP_DONTUNMAP) &&
        !mm_may_expand(mm, v->prot, v->flags, r->old_len)) {
        ret = -ENOMEM;
    }
    if (ret < 0) {
        return ret;
    }
    if (r->flags & MREMAP_FIXED) {
        return move_to(r, r->new_addr);
    }
    long to = mm_place(mm, r->new_addr, r->new_len, 0, false);
    return to < 0 ? to : move_to(r, (uint64_t)to);
}

static long remap_locked(struct remap* r) {
    struct libos_mm* mm = r->mm;
    mm_sync_growth(mm, r->addr, r->addr + MAX(r->old_len, PAGE_SIZE));
    struct libos_vma* v = vma_at(mm, r->addr);
    if (!v) {
        return -EFAULT;
    }
    if (vma_range_has(mm, r->addr, r->addr + MAX(r->old_len, PAGE_SIZE),
                      VMA_SEALED | VMA_INTERNAL)) {
        return -EPERM;
    }
    if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
        if (mm->count + 2 >= MAX_MAP_COUNT) {
            return -ENOMEM;
        }
        return remap_to(r, v);
    }
    if (r->old_len >= r->new_len) {
        int ret = 0;
        if (r->old_len > r->new_len) {
            ret = mm_unmap_locked(mm, r->addr + r->new_len, r->addr + r->old_len, &r->dead);
        }
        return ret < 0 ? ret : (long)r->addr;
    }
    int ret = check_resize(r, v);
    if (ret < 0) {
        return ret;
    }
    uint64_t more = r->new_len - r->old_len;
    if (r->old_len == v->end - r->addr) {
        uint64_t limit = v->next ? vma_start_gap(v->next) : mm->user_end;
        if (limit >= v->end && limit - v->end >= more &&
            mm_clear_of_stack(mm, v->end, v->end + more)) {
            return grow_in_place(r, v);
        }
    }
    if (!(r->flags & MREMAP_MAYMOVE)) {
        return -ENOMEM;
    }
    long to = mm_place(mm, 0, r->new_len, 0, !v->file);
    return to < 0 ? to : move_to(r, (uint64_t)to);
}

static bool new_place_ok(const struct remap* r) {
    if (!IS_ALIGNED(r->new_addr, PAGE_SIZE) || r->new_len > r->mm->user_end ||
        r->new_addr > r->mm->user_end - r->new_len) {
        return false;
    }
    return r->addr + r->old_len <= r->new_addr || r->new_addr + r->new_len <= r->addr;
}

long mm_remap(uint64_t addr, uint64_t old_len, uint64_t new_len, unsigned long flags,
              uint64_t new_addr) {
    if ((flags & ~(unsigned long)KNOWN_FLAGS) ||
        ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE)) ||
        ((flags & MREMAP_DONTUNMAP) && PAGE_UP(old_len) != PAGE_UP(new_len)) ||
        !IS_ALIGNED(addr, PAGE_SIZE)) {
        return -EINVAL;
    }
    struct remap r = {.mm = &g_mm,
                      .addr = addr,
                      .old_len = PAGE_UP(old_len),
                      .new_len = PAGE_UP(new_len),
                      .new_addr = new_addr,
                      .flags = flags};
    if (!r.new_len || r.new_len > TASK_SIZE ||
        ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !new_place_ok(&r))) {
        return -EINVAL;
    }
    write_lock(&g_mm.lock);
    long ret = remap_locked(&r);
    write_unlock(&g_mm.lock);
    vma_free_chain(r.dead);
    if (ret >= 0 && r.lock_len) {
        PalVirtualMemoryLock((void*)r.lock_from, r.lock_len, 1);
    }
    return ret;
}
