/*
 * Changing protection: mprotect(2), with Linux's partial progress: pieces before the first one that
 * fails stay changed.
 */
#include "libos_mm_calls.h"
#include "libos_process.h"
#include "libos_vma.h"

/* One piece of one VMA, its neighbours merged later by the caller. */
static int protect_piece(struct libos_mm* mm, struct libos_vma* v, uint64_t start, uint64_t end,
                         int prot) {
    if (v->flags & (VMA_SEALED | VMA_INTERNAL)) {
        return -EPERM;
    }
    if (((prot & PROT_WRITE) && (v->flags & VMA_NOWRITE)) ||
        ((prot & PROT_EXEC) && (v->flags & VMA_NOEXEC))) {
        return -EACCES;
    }
    if (v->prot == prot) {
        return 0;
    }
    bool was_data = vma_is_data(v->prot, v->flags), is_data = vma_is_data(prot, v->flags);
    if (is_data && !was_data && mm->data + (end - start) > mm_limit(RLIMIT_DATA)) {
        return -ENOMEM;
    }
    if ((start > v->start || end < v->end) && mm->count >= MAX_MAP_COUNT) {
        return -ENOMEM;
    }
    int ret = vma_split_range(mm, start, end);
    if (ret < 0) {
        return ret;
    }
    v = vma_find(mm, start);
    if (v->prot & PROT_EXEC) {
        mm_forget_code(start, end);
    }
    ret = PalVirtualMemoryProtect((void*)start, end - start, mm_pal_prot(prot));
    if (ret < 0) {
        return (int)pal_to_errno(ret);
    }
    vma_account(mm, v, end - start, -1);
    v->prot = prot;
    vma_account(mm, v, end - start, 1);
    return 0;
}

static int protect_range(struct libos_mm* mm, uint64_t start, uint64_t end, int prot) {
    uint64_t at = start;
    int ret = 0;
    while (at < end) {
        struct libos_vma* v = vma_find(mm, at);
        if (!v || v->start > at) {
            ret = -ENOMEM;
            break;
        }
        uint64_t to = MIN(v->end, end);
        ret = protect_piece(mm, v, at, to, prot);
        if (ret < 0) {
            break;
        }
        at = to;
    }
    vma_merge_range(mm, start, at);
    return ret;
}

/* grows: PROT_GROWSDOWN or PROT_GROWSUP or 0. */
int mm_protect(uint64_t start, uint64_t end, int prot, int grows) {
    struct libos_mm* mm = &g_mm;
    int ret = 0;
    write_lock(&mm->lock);
    mm_sync_growth(mm, start, end);
    struct libos_vma* v = vma_find(mm, start);
    if (v && (grows & PROT_GROWSDOWN) && (v->flags & VMA_GROWSDOWN)) {
        mm_take_growth(mm, v);
    }
    if (!v) {
        ret = -ENOMEM;
    } else if (grows & PROT_GROWSDOWN) {
        if (v->start >= end) {
            ret = -ENOMEM;
        } else if (!(v->flags & VMA_GROWSDOWN)) {
            ret = -EINVAL;
        }
        start = v->start;
    } else if (v->start > start) {
        ret = -ENOMEM;
    } else if (grows & PROT_GROWSUP) {
        ret = -EINVAL; /* no mapping grows up on this machine */
    }
    if (!ret) {
        ret = protect_range(mm, start, end, prot);
    }
    write_unlock(&mm->lock);
    return ret;
}

int libos_mm_protect(uint64_t addr, size_t size, int prot) {
    return mm_protect(addr, addr + PAGE_UP(size), prot & PROT_RWX, 0);
}

int mm_set_flags(uint64_t start, uint64_t end, uint32_t set, uint32_t clear) {
    struct libos_mm* mm = &g_mm;
    uint64_t at = start;
    write_lock(&mm->lock);
    mm_sync_growth(mm, start, end);
    int ret = vma_range_has(mm, start, end, VMA_INTERNAL) ? -EPERM : 0;
    for (struct libos_vma* v = vma_find(mm, start); !ret && at < end; v = v->next) {
        if (!v || v->start > at) {
            ret = -ENOMEM;
            break;
        }
        at = v->end;
    }
    if (!ret) {
        ret = vma_split_range(mm, start, end);
    }
    if (!ret) {
        for (struct libos_vma* v = vma_find(mm, start); v && v->start < end; v = v->next) {
            vma_account(mm, v, v->end - v->start, -1);
            v->flags = (v->flags & ~clear) | set;
            vma_account(mm, v, v->end - v->start, 1);
        }
        vma_merge_range(mm, start, end);
    }
    write_unlock(&mm->lock);
    return ret;
}
