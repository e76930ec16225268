/*
 * madvise(2): what Linux checks for each advice, then the host's advice, piece by piece; holes are
 * passed over and reported at the end.
 */
#include "libos_mm_calls.h"
#include "libos_vma.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define NO_HOST (-1)

enum {
    DESTROYS = 1,  /* drops contents */
    UNLOCKED = 2,  /* refused on locked memory */
    POPULATES = 4, /* stops at a hole */
    CHANGES = 8,   /* sets or clears flags of the VMA */
};

struct advice {
    bool known;
    uint8_t how;
    int16_t host; /* PAL_ADVICE_* or NO_HOST: only the LibOS has to know */
    uint32_t set, clear;
};

#define MAX_ADVICE 26
static const struct advice g_advice[MAX_ADVICE] = {
    [MADV_NORMAL] = {true, CHANGES, PAL_ADVICE_NORMAL, 0, VMA_RAND_READ | VMA_SEQ_READ},
    [MADV_RANDOM] = {true, CHANGES, PAL_ADVICE_RANDOM, VMA_RAND_READ, VMA_SEQ_READ},
    [MADV_SEQUENTIAL] = {true, CHANGES, PAL_ADVICE_SEQUENTIAL, VMA_SEQ_READ, VMA_RAND_READ},
    [MADV_WILLNEED] = {true, 0, PAL_ADVICE_WILLNEED, 0, 0},
    [MADV_DONTNEED] = {true, DESTROYS | UNLOCKED, PAL_ADVICE_DONTNEED, 0, 0},
    [MADV_FREE] = {true, DESTROYS, PAL_ADVICE_FREE, 0, 0},
    [MADV_REMOVE] = {true, DESTROYS | UNLOCKED, PAL_ADVICE_REMOVE, 0, 0},
    [MADV_DONTFORK] = {true, CHANGES, NO_HOST, VMA_DONTFORK, 0},
    [MADV_DOFORK] = {true, CHANGES, NO_HOST, 0, VMA_DONTFORK},
    [MADV_MERGEABLE] = {true, CHANGES, PAL_ADVICE_MERGEABLE, VMA_MERGEABLE, 0},
    [MADV_UNMERGEABLE] = {true, CHANGES, PAL_ADVICE_UNMERGEABLE, 0, VMA_MERGEABLE},
    [MADV_HUGEPAGE] = {true, CHANGES, PAL_ADVICE_HUGEPAGE, VMA_HUGEPAGE, VMA_NOHUGEPAGE},
    [MADV_NOHUGEPAGE] = {true, CHANGES, PAL_ADVICE_NOHUGEPAGE, VMA_NOHUGEPAGE, VMA_HUGEPAGE},
    [MADV_DONTDUMP] = {true, CHANGES, NO_HOST, VMA_DONTDUMP, 0},
    [MADV_DODUMP] = {true, CHANGES, NO_HOST, 0, VMA_DONTDUMP},
    [MADV_WIPEONFORK] = {true, CHANGES, NO_HOST, VMA_WIPEONFORK, 0},
    [MADV_KEEPONFORK] = {true, CHANGES, NO_HOST, 0, VMA_WIPEONFORK},
    [MADV_COLD] = {true, UNLOCKED, PAL_ADVICE_COLD, 0, 0},
    [MADV_PAGEOUT] = {true, UNLOCKED, PAL_ADVICE_PAGEOUT, 0, 0},
    [MADV_POPULATE_READ] = {true, POPULATES, PAL_ADVICE_POPULATE_READ, 0, 0},
    [MADV_POPULATE_WRITE] = {true, POPULATES, PAL_ADVICE_POPULATE_WRITE, 0, 0},
    [MADV_DONTNEED_LOCKED] = {true, DESTROYS, PAL_ADVICE_DONTNEED_LOCKED, 0, 0},
    [MADV_COLLAPSE] = {true, 0, PAL_ADVICE_COLLAPSE, 0, 0},
};

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE  103
#endif
static const struct advice g_guard_install = {true, DESTROYS | UNLOCKED, PAL_ADVICE_GUARD_INSTALL,
                                              0, 0};
static const struct advice g_guard_remove = {true, 0, PAL_ADVICE_GUARD_REMOVE, 0, 0};

static const struct advice* find_advice(int behavior) {
    if (behavior == MADV_GUARD_INSTALL) {
        return &g_guard_install;
    }
    if (behavior == MADV_GUARD_REMOVE) {
        return &g_guard_remove;
    }
    if (behavior < 0 || behavior >= MAX_ADVICE || !g_advice[behavior].known) {
        return NULL;
    }
    return &g_advice[behavior];
}

bool mm_advice_known(int behavior) {
    return find_advice(behavior) != NULL;
}

static int check_vma(const struct libos_vma* v, const struct advice* a, int behavior) {
    bool anon_private = !v->file && !(v->flags & VMA_SHARED);
    if (v->flags & VMA_INTERNAL) {
        return -EPERM;
    }
    if ((v->flags & VMA_SEALED) && anon_private && !(v->prot & PROT_WRITE) &&
        ((a->how & DESTROYS) || behavior == MADV_DONTFORK || behavior == MADV_WIPEONFORK)) {
        return -EPERM;
    }
    if ((a->how & UNLOCKED) && (v->flags & VMA_LOCKED)) {
        return -EINVAL;
    }
    switch (behavior) {
        case MADV_FREE:
        case MADV_WIPEONFORK:
            return anon_private ? 0 : -EINVAL;
        case MADV_REMOVE:
            if (anon_private) {
                return -EINVAL;
            }
            return (v->flags & VMA_SHARED) && !(v->flags & VMA_NOWRITE) && (v->prot & PROT_WRITE)
                       ? 0
                       : -EACCES;
        default:
            return 0;
    }
}

static int advise_piece(struct libos_mm* mm, struct libos_vma* v, uint64_t start, uint64_t end,
                        int behavior, const struct advice* a) {
    int ret = check_vma(v, a, behavior);
    if (ret < 0) {
        return ret;
    }
    if ((a->how & DESTROYS) && (v->prot & PROT_EXEC)) {
        mm_forget_code(start, end);
    }
    if (a->host != NO_HOST) {
        ret =
            (int)pal_to_errno(PalVirtualMemoryAdvise((void*)start, end - start, (PAL_FLG)a->host));
    }
    if (ret < 0 || !(a->how & CHANGES) || ((v->flags & ~a->clear) | a->set) == v->flags) {
        return ret;
    }
    ret = vma_split_range(mm, start, end);
    if (!ret) {
        v = vma_find(mm, start);
        v->flags = (v->flags & ~a->clear) | a->set;
    }
    return ret == -ENOMEM ? -EAGAIN : ret;
}

static int walk(struct libos_mm* mm, uint64_t start, uint64_t end, int behavior,
                const struct advice* a) {
    int hole = 0, ret = 0;
    uint64_t at = start;
    while (at < end) {
        struct libos_vma* v = vma_find(mm, at);
        if (!v || v->start >= end) {
            hole = -ENOMEM;
            break;
        }
        if (v->start > at) {
            hole = -ENOMEM;
            at = v->start;
        }
        uint64_t to = MIN(v->end, end);
        ret = advise_piece(mm, v, at, to, behavior, a);
        if (ret < 0) {
            break;
        }
        at = to;
    }
    if (a->how & CHANGES) {
        vma_merge_range(mm, start, at);
    }
    return ret < 0 ? ret : hole;
}

/* Bringing pages in may take long: not under the lock. The host stops where Linux would. */
static int populate(struct libos_mm* mm, uint64_t start, uint64_t end, const struct advice* a) {
    if (!mm_in_user(mm, start, end - start)) {
        return -ENOMEM;
    }
    read_lock(&mm->lock);
    bool internal = vma_range_has(mm, start, end, VMA_INTERNAL);
    read_unlock(&mm->lock);
    if (internal) {
        return -EINVAL;
    }
    return (int)pal_to_errno(PalVirtualMemoryAdvise((void*)start, end - start, (PAL_FLG)a->host));
}

int mm_advise(uint64_t start, uint64_t end, int behavior) {
    struct libos_mm* mm = &g_mm;
    const struct advice* a = find_advice(behavior);
    libos_mm_sync_growth(start, end);
    if (a->how & POPULATES) {
        return populate(mm, start, end, a);
    }
    int ret;
    if (a->how & CHANGES) {
        write_lock(&mm->lock);
        ret = walk(mm, start, end, behavior, a);
        write_unlock(&mm->lock);
    } else {
        read_lock(&mm->lock);
        ret = walk(mm, start, end, behavior, a);
        read_unlock(&mm->lock);
    }
    return ret;
}
