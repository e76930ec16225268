/*
 * The AVL tree itself, with the largest gap of each subtree. See libos_vma.h.
 */
#include "libos_vma.h"

static int height(const struct libos_vma* v) {
    return v ? v->height : 0;
}

static uint64_t max_gap(const struct libos_vma* v) {
    return v ? v->max_gap : 0;
}

uint64_t vma_start_gap(const struct libos_vma* vma) {
    if (!(vma->flags & VMA_GROWSDOWN)) {
        return vma->start;
    }
    return vma->start > STACK_GUARD_GAP ? vma->start - STACK_GUARD_GAP : 0;
}

static uint64_t gap_floor(const struct libos_mm* mm, const struct libos_vma* v) {
    return v->prev ? v->prev->end : mm->user_start;
}

static void refresh_gap(const struct libos_mm* mm, struct libos_vma* v) {
    uint64_t floor = gap_floor(mm, v), top = vma_start_gap(v);
    v->gap = top > floor ? top - floor : 0;
}

static void refresh(struct libos_vma* v) {
    int l = height(v->left), r = height(v->right);
    v->height = (l > r ? l : r) + 1;
    v->max_gap = MAX(v->gap, MAX(max_gap(v->left), max_gap(v->right)));
}

static void replace_child(struct libos_mm* mm, struct libos_vma* parent, struct libos_vma* old,
                          struct libos_vma* new) {
    if (!parent) {
        mm->root = new;
    } else if (parent->left == old) {
        parent->left = new;
    } else {
        parent->right = new;
    }
    if (new) {
        new->parent = parent;
    }
}

static struct libos_vma* rotate_left(struct libos_mm* mm, struct libos_vma* v) {
    struct libos_vma* r = v->right;
    v->right = r->left;
    if (r->left) {
        r->left->parent = v;
    }
    replace_child(mm, v->parent, v, r);
    r->left = v;
    v->parent = r;
    refresh(v);
    refresh(r);
    return r;
}

static struct libos_vma* rotate_right(struct libos_mm* mm, struct libos_vma* v) {
    struct libos_vma* l = v->left;
    v->left = l->right;
    if (l->right) {
        l->right->parent = v;
    }
    replace_child(mm, v->parent, v, l);
    l->right = v;
    v->parent = l;
    refresh(v);
    refresh(l);
    return l;
}

/* Bring heights and gaps up to date from v to the root, rotating where the balance is lost. */
static void rebalance(struct libos_mm* mm, struct libos_vma* v) {
    while (v) {
        refresh(v);
        int balance = height(v->left) - height(v->right);
        if (balance > 1) {
            if (height(v->left->left) < height(v->left->right)) {
                rotate_left(mm, v->left);
            }
            v = rotate_right(mm, v);
        } else if (balance < -1) {
            if (height(v->right->right) < height(v->right->left)) {
                rotate_right(mm, v->right);
            }
            v = rotate_left(mm, v);
        }
        v = v->parent;
    }
}

/* The gap of v has changed: only the maxima above it do. */
static void update_gap(struct libos_mm* mm, struct libos_vma* v) {
    refresh_gap(mm, v);
    for (; v; v = v->parent) {
        uint64_t old = v->max_gap;
        refresh(v);
        if (v->max_gap == old) {
            break; /* nothing above can tell */
        }
    }
}

struct libos_vma* vma_find(const struct libos_mm* mm, uint64_t addr) {
    struct libos_vma *v = mm->root, *best = NULL;
    while (v) {
        if (v->end > addr) {
            best = v;
            v = v->left;
        } else {
            v = v->right;
        }
    }
    return best;
}

struct libos_vma* vma_at(const struct libos_mm* mm, uint64_t addr) {
    struct libos_vma* v = vma_find(mm, addr);
    return v && v->start <= addr ? v : NULL;
}

static void thread_in(struct libos_mm* mm, struct libos_vma* vma, struct libos_vma* prev) {
    vma->prev = prev;
    vma->next = prev ? prev->next : mm->first;
    if (vma->next) {
        vma->next->prev = vma;
    } else {
        mm->last = vma;
    }
    if (prev) {
        prev->next = vma;
    } else {
        mm->first = vma;
    }
}

void vma_link(struct libos_mm* mm, struct libos_vma* vma) {
    struct libos_vma *parent = NULL, *prev = NULL, **link = &mm->root;
    while (*link) {
        parent = *link;
        if (vma->start < parent->start) {
            link = &parent->left;
        } else {
            prev = parent;
            link = &parent->right;
        }
    }
    *link = vma;
    vma->parent = parent;
    vma->left = vma->right = NULL;
    thread_in(mm, vma, prev);
    refresh_gap(mm, vma);
    rebalance(mm, vma);
    if (vma->next) {
        update_gap(mm, vma->next);
    }
    mm->count++;
}

void vma_unlink(struct libos_mm* mm, struct libos_vma* vma) {
    struct libos_vma* dirty; /* lowest node whose subtree changed */
    if (vma->left && vma->right) {
        struct libos_vma* heir = vma->next; /* leftmost of the right subtree */
        if (heir->parent == vma) {
            dirty = heir;
        } else {
            dirty = heir->parent;
            replace_child(mm, heir->parent, heir, heir->right);
            heir->right = vma->right;
            heir->right->parent = heir;
        }
        heir->left = vma->left;
        heir->left->parent = heir;
        replace_child(mm, vma->parent, vma, heir);
    } else {
        dirty = vma->parent;
        replace_child(mm, vma->parent, vma, vma->left ? vma->left : vma->right);
    }
    struct libos_vma* next = vma->next;
    if (vma->prev) {
        vma->prev->next = next;
    } else {
        mm->first = next;
    }
    if (next) {
        next->prev = vma->prev;
    } else {
        mm->last = vma->prev;
    }
    if (next) {
        refresh_gap(mm, next);
    }
    rebalance(mm, dirty);
    if (next) {
        rebalance(mm, next);
    }
    mm->count--;
}

void vma_moved(struct libos_mm* mm, struct libos_vma* vma) {
    update_gap(mm, vma);
    if (vma->next) {
        update_gap(mm, vma->next);
    }
}

/* ---- free ranges --------------------------------------------------------------------------------
 */

static uint64_t fit_high(uint64_t floor, uint64_t top, uint64_t low, uint64_t high, uint64_t len) {
    floor = MAX(floor, low);
    top = MIN(top, high);
    return top > floor && top - floor >= len ? top - len : 0;
}

static uint64_t search_down(const struct libos_mm* mm, const struct libos_vma* v, uint64_t low,
                            uint64_t high, uint64_t len) {
    while (v && v->max_gap >= len) {
        if (v->right && v->end < high) {
            uint64_t found = search_down(mm, v->right, low, high, len);
            if (found) {
                return found;
            }
        }
        uint64_t found = fit_high(gap_floor(mm, v), vma_start_gap(v), low, high, len);
        if (found) {
            return found;
        }
        if (v->start <= low) {
            return 0;
        }
        v = v->left;
    }
    return 0;
}

uint64_t vma_gap_top_down(const struct libos_mm* mm, uint64_t low, uint64_t high, uint64_t len) {
    uint64_t floor = mm->last ? mm->last->end : mm->user_start;
    uint64_t found = fit_high(floor, mm->user_end, low, high, len);
    return found ? found : search_down(mm, mm->root, low, high, len);
}

static uint64_t fit_low(uint64_t floor, uint64_t top, uint64_t low, uint64_t high, uint64_t len) {
    floor = MAX(floor, low);
    top = MIN(top, high);
    return top > floor && top - floor >= len ? floor : 0;
}

static uint64_t search_up(const struct libos_mm* mm, const struct libos_vma* v, uint64_t low,
                          uint64_t high, uint64_t len) {
    while (v && v->max_gap >= len) {
        if (v->left && v->start > low) {
            uint64_t found = search_up(mm, v->left, low, high, len);
            if (found) {
                return found;
            }
        }
        uint64_t found = fit_low(gap_floor(mm, v), vma_start_gap(v), low, high, len);
        if (found) {
            return found;
        }
        if (v->end >= high) {
            return 0;
        }
        v = v->right;
    }
    return 0;
}

uint64_t vma_gap_bottom_up(const struct libos_mm* mm, uint64_t low, uint64_t high, uint64_t len) {
    uint64_t found = search_up(mm, mm->root, low, high, len);
    if (found) {
        return found;
    }
    uint64_t floor = mm->last ? mm->last->end : mm->user_start;
    return fit_low(floor, mm->user_end, low, high, len);
}
