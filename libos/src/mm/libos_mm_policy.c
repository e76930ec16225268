/*
 * Memory policies of ranges: mbind(2), set_mempolicy_home_node(2). With one node every placement
 * meets them, so all there is to do is to remember what was asked for.
 */
#include "libos_mm_calls.h"
#include "libos_vma.h"

/* Sets the policy of every VMA in the range, as far as there are any. */
static int set_range(struct libos_mm* mm, uint64_t start, uint64_t end, uint32_t policy) {
    int ret = vma_split_range(mm, start, end);
    if (ret < 0) {
        return ret;
    }
    for (struct libos_vma* v = vma_find(mm, start); v && v->start < end; v = v->next) {
        v->policy = policy;
    }
    vma_merge_range(mm, start, end);
    return 0;
}

int mm_set_policy(uint64_t start, uint64_t end, uint32_t policy) {
    struct libos_mm* mm = &g_mm;
    write_lock(&mm->lock);
    mm_sync_growth(mm, start, end);
    const struct libos_vma* v = vma_find(mm, start);
    int ret = v && v->start < end && !vma_range_has(mm, start, end, VMA_INTERNAL) ? 0 : -EFAULT;
    /* The default may be set over holes; with anything else the range must have none. */
    for (uint64_t at = start; !ret && policy && at < end; v = v->next) {
        if (!v || v->start > at) {
            ret = -EFAULT;
            break;
        }
        at = v->end;
    }
    if (!ret) {
        ret = set_range(mm, start, end, policy);
    }
    write_unlock(&mm->lock);
    return ret;
}

int mm_set_home_node(uint64_t start, uint64_t end, bool (*may_have)(uint32_t policy)) {
    struct libos_mm* mm = &g_mm;
    int ret = -ENOENT;
    write_lock(&mm->lock);
    for (const struct libos_vma* v = vma_find(mm, start); v && v->start < end; v = v->next) {
        if (v->policy) {
            ret = may_have(v->policy) ? 0 : -EOPNOTSUPP;
            if (ret < 0) {
                break;
            }
        }
    }
    write_unlock(&mm->lock);
    return ret;
}

int mm_get_policy(uint64_t addr, uint32_t* policy) {
    libos_mm_sync_growth(addr, addr + 1);
    read_lock(&g_mm.lock);
    const struct libos_vma* v = vma_at(&g_mm, addr);
    bool found = v && !(v->flags & VMA_INTERNAL);
    *policy = found ? v->policy : 0;
    read_unlock(&g_mm.lock);
    return found ? 0 : -EFAULT;
}
