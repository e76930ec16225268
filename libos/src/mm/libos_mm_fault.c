/*
 * Guest page faults that the LibOS can settle: stacks that grow down.
 */
#include "libos_process.h"
#include "libos_vma.h"

#define FAULT_WRITE 2u
#define FAULT_FETCH 16u

/* expand_downwards() of Linux: the guard gap to what lies below, and the limits. */
static bool grow_to(struct libos_mm* mm, struct libos_vma* v, uint64_t addr) {
    uint64_t start = PAGE_DOWN(addr);
    const struct libos_vma* below = v->prev;
    if (start < mm->user_start) {
        return false;
    }
    if (below && !(below->flags & VMA_GROWSDOWN) && (below->prot & PROT_RWX) &&
        start - below->end < STACK_GUARD_GAP) {
        return false;
    }
    if (v->end - start > mm_limit(RLIMIT_STACK) ||
        !mm_may_expand(mm, v->prot, v->flags, v->start - start)) {
        return false;
    }
    if ((v->flags & VMA_LOCKED) && !mm_may_lock(mm, v->start - start)) {
        return false;
    }
    void* at = (void*)start;
    uint64_t bytes = v->start - start;
    if (PalVirtualMemoryAlloc(&at, bytes, v->flags & VMA_NORESERVE ? PAL_ALLOC_NORESERVE : 0,
                              mm_pal_prot(v->prot)) < 0) {
        return false;
    }
    vma_account(mm, v, bytes, 1);
    v->start = start;
    v->offset -= bytes;
    vma_moved(mm, v);
    return true;
}

static bool allows(int prot, uint64_t error_code) {
    if (error_code & FAULT_FETCH) {
        return prot & PROT_EXEC;
    }
    if (error_code & FAULT_WRITE) {
        return prot & PROT_WRITE;
    }
    return prot & PROT_RWX;
}

bool libos_mm_handle_fault(uint64_t addr, uint64_t error_code) {
    struct libos_mm* mm = &g_mm;
    if (!mm_in_user(mm, addr, 1)) {
        return false;
    }
    read_lock(&mm->lock);
    const struct libos_vma* v = vma_find(mm, addr);
    /* A page that is mapped and allows the access, on which the host still faults, is beyond the
     * end of its file or the like: not ours. */
    bool may_grow =
        v && v->start > addr && (v->flags & VMA_GROWSDOWN) && allows(v->prot, error_code);
    read_unlock(&mm->lock);
    if (!may_grow) {
        return false;
    }
    write_lock(&mm->lock);
    struct libos_vma* w = vma_find(mm, addr);
    bool ok = w && allows(w->prot, error_code) &&
              (w->start <= addr || ((w->flags & VMA_GROWSDOWN) && grow_to(mm, w, addr)));
    write_unlock(&mm->lock);
    return ok;
}

/* ---- the main stack when its limit sinks
 * ---------------------------------------------------------- */

#define RESIDENT_CHUNK 512 /* pages */

/* Lowest page in the range that was ever touched, or end. */
static uint64_t first_touched(uint64_t start, uint64_t end) {
    uint8_t in[RESIDENT_CHUNK];
    while (start < end) {
        uint64_t pages = MIN((end - start) / PAGE_SIZE, (uint64_t)RESIDENT_CHUNK);
        if (PalVirtualMemoryResident((void*)start, pages * PAGE_SIZE, in) < 0) {
            return start;
        }
        for (uint64_t i = 0; i < pages; i++) {
            if (in[i] & 1) {
                return start + i * PAGE_SIZE;
            }
        }
        start += pages * PAGE_SIZE;
    }
    return end;
}

void libos_mm_stack_limit(uint64_t limit) {
    struct libos_mm* mm = &g_mm;
    struct libos_vma* dead = NULL;
    write_lock(&mm->lock);
    struct libos_vma* v = vma_at(mm, mm->start_stack);
    if (v && (v->flags & VMA_STACK) && limit < v->end - v->start) {
        uint64_t keep = first_touched(v->start, v->end - PAGE_UP(limit));
        if (keep > v->start) {
            mm_unmap_locked(mm, v->start, keep, &dead);
        }
    }
    write_unlock(&mm->lock);
    vma_free_chain(dead);
}
