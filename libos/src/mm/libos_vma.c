/*
 * VMAs: making, splitting, merging, removing them, and what they add up to.
 */
#include "libos_vma.h"

struct libos_vma* vma_alloc(uint64_t start, uint64_t end, int prot, uint32_t flags) {
    struct libos_vma* v = libos_calloc(1, sizeof(*v));
    if (v) {
        v->start = start;
        v->end = end;
        v->prot = prot;
        v->flags = flags;
        v->offset = start;
    }
    return v;
}

void vma_tell_file(const struct libos_vma* vma, int by) {
    if (vma->file->ops->mapped) {
        vma->file->ops->mapped(vma->file, by);
    }
}

struct libos_vma* vma_dup(const struct libos_vma* vma) {
    struct libos_vma* v = libos_malloc(sizeof(*v));
    if (v) {
        *v = *vma;
        if (v->file) {
            libos_file_get(v->file);
            vma_tell_file(v, 1);
        }
        if (v->anon_name) {
            ref_get(&v->anon_name->ref);
        }
    }
    return v;
}

static void vma_free(struct libos_vma* v) {
    if (v->file) {
        vma_tell_file(v, -1);
        libos_file_put(v->file);
    }
    if (v->anon_name && ref_put(&v->anon_name->ref)) {
        libos_free(v->anon_name);
    }
    libos_free(v);
}

void vma_free_chain(struct libos_vma* chain) {
    while (chain) {
        struct libos_vma* next = chain->next;
        vma_free(chain);
        chain = next;
    }
}

/* ---- sums
 * ---------------------------------------------------------------------------------------- */

bool vma_is_data(int prot, uint32_t flags) {
    return (prot & PROT_WRITE) && !(flags & (VMA_SHARED | VMA_STACK | VMA_GROWSDOWN));
}

void vma_account(struct libos_mm* mm, const struct libos_vma* vma, uint64_t bytes, int sign) {
    uint64_t delta = sign > 0 ? bytes : -bytes;
    if (vma->flags & VMA_INTERNAL) {
        return;
    }
    mm->total += delta;
    mm->peak = MAX(mm->peak, mm->total);
    if (vma->flags & (VMA_STACK | VMA_GROWSDOWN)) {
        mm->stack += delta;
    } else if (vma_is_data(vma->prot, vma->flags)) {
        mm->data += delta;
    } else if ((vma->prot & PROT_EXEC) && !(vma->prot & PROT_WRITE) && !(vma->flags & VMA_SHARED)) {
        mm->exec += delta;
    }
    if (vma->flags & VMA_SHARED) {
        mm->shared += delta;
    }
    if (vma->flags & VMA_LOCKED) {
        mm->locked += delta;
    }
}

/* ---- splitting and merging
 * ------------------------------------------------------------------------ */

int vma_split(struct libos_mm* mm, struct libos_vma* vma, uint64_t addr) {
    struct libos_vma* upper = vma_dup(vma);
    if (!upper) {
        return -ENOMEM;
    }
    upper->start = addr;
    upper->offset += addr - vma->start;
    vma->end = addr;
    vma_link(mm, upper);
    return 0;
}

int vma_split_range(struct libos_mm* mm, uint64_t start, uint64_t end) {
    struct libos_vma* v = vma_find(mm, start);
    bool cut_start = false;
    if (v && v->start < start) {
        if (vma_split(mm, v, start) < 0) {
            return -ENOMEM;
        }
        cut_start = true;
    }
    struct libos_vma* u = vma_find(mm, end);
    if (u && u->start < end && vma_split(mm, u, end) < 0) {
        if (cut_start) {
            vma_merge_range(mm, start, start);
        }
        return -ENOMEM;
    }
    return 0;
}

static bool same_kind(const struct libos_vma* a, const struct libos_vma* b) {
    if (a->prot != b->prot || a->flags != b->flags || a->file != b->file || a->name != b->name ||
        a->policy != b->policy) {
        return false;
    }
    if (a->anon_name != b->anon_name &&
        (!a->anon_name || !b->anon_name || strcmp(a->anon_name->text, b->anon_name->text))) {
        return false;
    }
    if (a->offset + (a->end - a->start) != b->offset) {
        return false;
    }
    return a->file ? !a->file->ops->mapped : a->object == b->object;
}

/* Does b directly follow a, as more of the same? */
static bool mergeable(const struct libos_vma* a, const struct libos_vma* b) {
    return a && b && a->end == b->start && same_kind(a, b) && !(a->flags & VMA_INTERNAL);
}

/* The next VMA disappears into this one. */
static void swallow_next(struct libos_mm* mm, struct libos_vma* v) {
    struct libos_vma* next = v->next;
    vma_unlink(mm, next);
    v->end = next->end;
    vma_moved(mm, v);
    vma_free(next); /* its file has another reference in v: nothing is closed here */
}

struct libos_vma* vma_insert(struct libos_mm* mm, struct libos_vma* vma) {
    struct libos_vma* after = vma_find(mm, vma->start);
    struct libos_vma* before = after ? after->prev : mm->last;
    vma_account(mm, vma, vma->end - vma->start, 1);
    if (mergeable(before, vma)) {
        before->end = vma->end;
        vma_moved(mm, before);
        vma_free(vma);
        vma = before;
    } else if (mergeable(vma, after)) {
        after->start = vma->start;
        after->offset = vma->offset;
        vma_moved(mm, after);
        vma_free(vma);
        return after;
    } else {
        vma_link(mm, vma);
        return vma;
    }
    if (mergeable(vma, after)) {
        swallow_next(mm, vma);
    }
    return vma;
}

void vma_merge_range(struct libos_mm* mm, uint64_t start, uint64_t end) {
    struct libos_vma* v = vma_find(mm, start ? start - 1 : 0);
    while (v && v->start <= end) {
        if (mergeable(v, v->next)) {
            swallow_next(mm, v);
        } else {
            v = v->next;
        }
    }
}

void vma_remove_range(struct libos_mm* mm, uint64_t start, uint64_t end, struct libos_vma** dead) {
    struct libos_vma* v = vma_find(mm, start);
    while (v && v->start < end) {
        struct libos_vma* next = v->next;
        vma_account(mm, v, v->end - v->start, -1);
        vma_unlink(mm, v);
        v->next = *dead;
        *dead = v;
        v = next;
    }
}

bool vma_range_has(const struct libos_mm* mm, uint64_t start, uint64_t end, uint32_t flags) {
    for (struct libos_vma* v = vma_find(mm, start); v && v->start < end; v = v->next) {
        if (v->flags & flags) {
            return true;
        }
    }
    return false;
}
