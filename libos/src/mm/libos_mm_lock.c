/*
 * Memory locked into RAM: mlock(2) and its kind. The limit is the guest's RLIMIT_MEMLOCK; the host
 * does the locking and has a limit of its own.
 */
#include "libos_mm_calls.h"
#include "libos_process.h"
#include "libos_vma.h"

#define LOCK_FLAGS (VMA_LOCKED | VMA_LOCKONFAULT)

/* Bytes of the range that are locked already: locking them again costs nothing. */
static uint64_t locked_in(const struct libos_mm* mm, uint64_t start, uint64_t end) {
    uint64_t sum = 0;
    for (struct libos_vma* v = vma_find(mm, start); v && v->start < end; v = v->next) {
        if (v->flags & VMA_LOCKED) {
            sum += MIN(v->end, end) - MAX(v->start, start);
        }
    }
    return sum;
}

/* As far as the range is mapped without a hole: Linux, too, has changed that much when it meets
 * one. *end: how far. */
static int change_flags(uint64_t start, uint64_t* end, uint32_t set, uint32_t clear) {
    struct libos_mm* mm = &g_mm;
    uint64_t mapped = start;
    libos_mm_sync_growth(start, *end);
    read_lock(&mm->lock);
    const struct libos_vma* v = vma_find(mm, start);
    for (; v && v->start <= mapped && mapped < *end; v = v->next) {
        mapped = v->end;
    }
    read_unlock(&mm->lock);
    bool hole = mapped < *end;
    *end = MIN(mapped, *end);
    int ret = *end > start ? mm_set_flags(start, *end, set, clear) : 0;
    return ret < 0 ? ret : hole ? -ENOMEM : 0;
}

int mm_lock_range(uint64_t start, uint64_t end, bool on_fault) {
    struct libos_mm* mm = &g_mm;
    libos_mm_sync_growth(start, end);
    read_lock(&mm->lock);
    bool may = mm_may_lock(mm, end - start - locked_in(mm, start, end));
    read_unlock(&mm->lock);
    if (!may) {
        return -ENOMEM;
    }
    uint32_t set = VMA_LOCKED | (on_fault ? VMA_LOCKONFAULT : 0);
    int ret = change_flags(start, &end, set, LOCK_FLAGS & ~set);
    if (ret < 0) {
        /* What is before the hole is marked, but not brought in. */
        if (end > start) {
            PalVirtualMemoryLock((void*)start, end - start, 2);
        }
        return ret;
    }
    ret = (int)pal_to_errno(PalVirtualMemoryLock((void*)start, end - start, on_fault ? 2 : 1));
    if (ret < 0 && ret != -ENOMEM && ret != -EAGAIN) {
        ret = -ENOMEM; /* the host's own limit */
    }
    return ret;
}

int mm_unlock_range(uint64_t start, uint64_t end) {
    int ret = change_flags(start, &end, 0, LOCK_FLAGS);
    if (end > start) {
        PalVirtualMemoryLock((void*)start, end - start, 0);
    }
    return ret;
}

/* The range of some VMA from `at` on, as long as they follow each other. */
static bool next_range(struct libos_mm* mm, uint64_t at, uint64_t* start, uint64_t* end) {
    read_lock(&mm->lock);
    const struct libos_vma* v = vma_find(mm, at);
    while (v && (v->flags & VMA_INTERNAL)) {
        v = v->next;
    }
    if (v) {
        *start = v->start;
        *end = v->end;
        while (v->next && v->next->start == *end && !(v->next->flags & VMA_INTERNAL)) {
            v = v->next;
            *end = v->end;
        }
    }
    read_unlock(&mm->lock);
    return v != NULL;
}

int mm_lock_all(bool current, bool future, bool on_fault) {
    struct libos_mm* mm = &g_mm;
    libos_mm_sync_growth(mm->user_start, mm->user_end);
    if (current && !mm_may_lock(mm, mm->total - mm->locked)) {
        return -ENOMEM;
    }
    write_lock(&mm->lock);
    mm->default_flags = future ? VMA_LOCKED | (on_fault ? VMA_LOCKONFAULT : 0) : 0;
    write_unlock(&mm->lock);
    uint32_t set = VMA_LOCKED | (on_fault ? VMA_LOCKONFAULT : 0);
    uint64_t start, end;
    for (uint64_t at = 0; current && next_range(mm, at, &start, &end); at = end) {
        mm_set_flags(start, end, set, LOCK_FLAGS & ~set);
        /* Linux ignores what cannot be brought in. */
        PalVirtualMemoryLock((void*)start, end - start, on_fault ? 2 : 1);
    }
    return 0;
}

void mm_unlock_all(void) {
    struct libos_mm* mm = &g_mm;
    write_lock(&mm->lock);
    mm->default_flags = 0;
    write_unlock(&mm->lock);
    uint64_t start, end;
    for (uint64_t at = 0; next_range(mm, at, &start, &end); at = end) {
        mm_unlock_range(start, end);
    }
}
