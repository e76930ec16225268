/*
 * Stacks that grow down. Where the host can do it (PAL_ALLOC_GROWSDOWN) it grows them on faults,
 * also on those of its own copies to and from a program's buffer; the tree learns of it when
 * someone looks at what lies below. Where it cannot, or its limit is lower than the program's, the
 * LibOS grows them on faults of the program.
 */
#include "libos_process.h"
#include "libos_vma.h"

#define FAULT_WRITE 2u
#define FAULT_FETCH 16u

/* ---- what the host did --------------------------------------------------------------------------
 */

static bool host_has(uint64_t page) {
    uint8_t ignored;
    return PalVirtualMemoryResident((void*)page, PAGE_SIZE, &ignored) == 0;
}

/* Lowest page of the host's mapping, which reaches without a hole down from v->start. */
static uint64_t host_start(const struct libos_mm* mm, const struct libos_vma* v) {
    uint64_t low = v->prev ? v->prev->end : mm->user_start;
    uint64_t pages = (v->start - low) / PAGE_SIZE;
    uint64_t has = 0, step = 1; /* v->start - has pages is there */
    while (has + step <= pages && host_has(v->start - (has + step) * PAGE_SIZE)) {
        has += step;
        step *= 2;
    }
    while (step /= 2) {
        if (has + step <= pages && host_has(v->start - (has + step) * PAGE_SIZE)) {
            has += step;
        }
    }
    return v->start - has * PAGE_SIZE;
}

static void move_start(struct libos_mm* mm, struct libos_vma* v, uint64_t start) {
    vma_account(mm, v, v->start - start, 1);
    v->offset -= v->start - start;
    v->start = start;
    vma_moved(mm, v);
}

void mm_take_growth(struct libos_mm* mm, struct libos_vma* v) {
    uint64_t start = host_start(mm, v);
    if (start < v->start) {
        move_start(mm, v, start);
    }
}

/* Does the range reach into the hole below a stack? *v: the first such. */
static bool below_stack(const struct libos_mm* mm, uint64_t start, uint64_t end,
                        struct libos_vma** v) {
    for (*v = vma_find(mm, start); *v; *v = (*v)->next) {
        if (((*v)->flags & VMA_GROWSDOWN) && (*v)->start > start) {
            return true;
        }
        if ((*v)->end >= end) {
            return false;
        }
        start = (*v)->end;
    }
    return false;
}

void mm_sync_growth(struct libos_mm* mm, uint64_t start, uint64_t end) {
    struct libos_vma* v;
    while (start < end && below_stack(mm, start, end, &v)) {
        mm_take_growth(mm, v);
        start = v->end;
    }
}

void libos_mm_sync_growth(uint64_t start, uint64_t end) {
    struct libos_vma* v;
    read_lock(&g_mm.lock);
    bool any = below_stack(&g_mm, start, end, &v);
    read_unlock(&g_mm.lock);
    if (any) {
        write_lock(&g_mm.lock);
        mm_sync_growth(&g_mm, start, end);
        write_unlock(&g_mm.lock);
    }
}

bool mm_clear_of_stack(struct libos_mm* mm, uint64_t start, uint64_t end) {
    struct libos_vma* v = vma_find(mm, start);
    if (!v || !(v->flags & VMA_GROWSDOWN) || v->start - end >= mm_limit(RLIMIT_STACK)) {
        return true;
    }
    mm_take_growth(mm, v);
    return vma_start_gap(v) >= end;
}

/* ---- what the LibOS does ------------------------------------------------------------------------
 */

int mm_host_alloc_stack(void* at, uint64_t bytes, PAL_FLG type, PAL_FLG prot) {
    int ret = PalVirtualMemoryAlloc(&at, bytes, type | PAL_ALLOC_GROWSDOWN, prot);
    if (ret == PAL_ERROR_NOTSUPPORT) {
        ret = PalVirtualMemoryAlloc(&at, bytes, type, prot);
    }
    return ret;
}

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
    if (mm_host_alloc_stack((void*)start, v->start - start,
                            v->flags & VMA_NORESERVE ? PAL_ALLOC_NORESERVE : 0,
                            mm_pal_prot(v->prot)) < 0) {
        return false;
    }
    move_start(mm, v, start);
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

/* The host had its chance: what it left for the LibOS is a stack it may not grow that far. */
bool libos_mm_handle_fault(uint64_t addr, uint64_t error_code) {
    struct libos_mm* mm = &g_mm;
    if (!mm_in_user(mm, addr, 1)) {
        return false;
    }
    read_lock(&mm->lock);
    /* A page that is mapped and allows the access, on which the host still faults, is beyond the
     * end of its file or the like: not ours. */
    const struct libos_vma* v = vma_find(mm, addr);
    bool may_grow =
        v && v->start > addr && (v->flags & VMA_GROWSDOWN) && allows(v->prot, error_code);
    read_unlock(&mm->lock);
    if (!may_grow) {
        return false;
    }
    write_lock(&mm->lock);
    struct libos_vma* w = vma_find(mm, addr);
    bool ok = w && allows(w->prot, error_code);
    if (ok && w->start > addr) {
        ok = w->flags & VMA_GROWSDOWN;
        if (ok) {
            mm_take_growth(mm, w);
        }
        ok = ok && (w->start <= addr || grow_to(mm, w, addr));
    }
    write_unlock(&mm->lock);
    return ok;
}

/* ---- the limit ----------------------------------------------------------------------------------
 */

void libos_mm_stack_limit(uint64_t limit) {
    PAL_NUM soft, hard;
    if (cur_process() != &g_process || PalResourceLimitGet(RLIMIT_STACK, &soft, &hard) < 0) {
        return; /* the host's limit is that of the host process: a vfork child's comes with exec */
    }
    limit = MIN(limit, hard);
    if (limit != soft) {
        PalResourceLimitSet(RLIMIT_STACK, limit, hard);
    }
}
