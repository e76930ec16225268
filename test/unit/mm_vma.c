/*
 * The VMA tree against a plain array of pages: random mapping, unmapping and protecting, with the
 * whole tree checked after each step, and both gap searches against counting page by page.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "libos_vma.h"

#define PAGES 600u
#define BASE  0x10000UL
#define STEPS 15000

void* libos_malloc(size_t size) {
    return malloc(size);
}
void* libos_calloc(size_t count, size_t size) {
    return calloc(count, size);
}
void libos_free(void* ptr) {
    free(ptr);
}
void libos_file_put(struct libos_file* f) {
    (void)f;
}

static struct libos_mm mm;
static int model[PAGES]; /* -1: free, else prot + 8 if it grows down */
static uint64_t state = 88172645463325252ULL;

static unsigned draw(unsigned below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 20) % below;
}

static uint64_t address(unsigned page) {
    return BASE + page * PAGE_SIZE;
}

/* Height of the subtree; everything a node claims about it holds. */
static int check_node(const struct libos_vma* v, const struct libos_vma* parent,
                      uint64_t* max_gap) {
    *max_gap = 0;
    if (!v) {
        return 0;
    }
    uint64_t left_gap, right_gap;
    assert_ptr_equal(v->parent, parent);
    int left = check_node(v->left, v, &left_gap), right = check_node(v->right, v, &right_gap);
    assert_in_range(left - right + 1, 0, 2);
    assert_int_equal(v->height, (left > right ? left : right) + 1);
    uint64_t floor = v->prev ? v->prev->end : mm.user_start, top = vma_start_gap(v);
    uint64_t gap = top > floor ? top - floor : 0;
    assert_int_equal(v->gap, gap);
    *max_gap = MAX(gap, MAX(left_gap, right_gap));
    assert_int_equal(v->max_gap, *max_gap);
    return v->height;
}

static void check_all(void) {
    uint64_t ignored, at = BASE, count = 0, total = 0;
    check_node(mm.root, NULL, &ignored);
    const struct libos_vma* prev = NULL;
    for (const struct libos_vma* v = mm.first; v; v = v->next) {
        assert_ptr_equal(v->prev, prev);
        assert_true(v->start >= at && v->start < v->end);
        for (; at < v->start; at += PAGE_SIZE) {
            assert_int_equal(model[(at - BASE) / PAGE_SIZE], -1);
        }
        for (; at < v->end; at += PAGE_SIZE) {
            int kind = v->prot + (v->flags & VMA_GROWSDOWN ? 8 : 0);
            assert_int_equal(model[(at - BASE) / PAGE_SIZE], kind);
            assert_ptr_equal(vma_at(&mm, at), v);
        }
        if (prev && prev->end == v->start) { /* equal neighbours are one VMA */
            assert_true(prev->prot != v->prot || prev->flags != v->flags);
        }
        total += v->end - v->start;
        count++;
        prev = v;
    }
    assert_ptr_equal(mm.last, prev);
    assert_int_equal(mm.count, count);
    assert_int_equal(mm.total, total);
    for (; at < address(PAGES); at += PAGE_SIZE) {
        assert_int_equal(model[(at - BASE) / PAGE_SIZE], -1);
        assert_null(vma_at(&mm, at));
    }
}

static void unmap(unsigned from, unsigned to) {
    struct libos_vma* dead = NULL;
    assert_int_equal(vma_split_range(&mm, address(from), address(to)), 0);
    vma_remove_range(&mm, address(from), address(to), &dead);
    vma_free_chain(dead);
    for (unsigned i = from; i < to; i++) {
        model[i] = -1;
    }
}

static void map(unsigned from, unsigned to, int prot, uint32_t flags) {
    unmap(from, to);
    struct libos_vma* v = vma_alloc(address(from), address(to), prot, flags);
    vma_insert(&mm, v);
    for (unsigned i = from; i < to; i++) {
        model[i] = prot + (flags & VMA_GROWSDOWN ? 8 : 0);
    }
}

static void protect(unsigned from, unsigned to, int prot) {
    assert_int_equal(vma_split_range(&mm, address(from), address(to)), 0);
    for (struct libos_vma* v = vma_find(&mm, address(from)); v && v->start < address(to);
         v = v->next) {
        v->prot = prot;
    }
    vma_merge_range(&mm, address(from), address(to));
    for (unsigned i = from; i < to; i++) {
        if (model[i] >= 0) {
            model[i] = prot + (model[i] & 8);
        }
    }
}

/* May a mapping of n pages start at page p? The guard gap below a growing one is kept. */
static bool fits(unsigned p, unsigned n, unsigned low, unsigned high) {
    if (p < low || p + n > high) {
        return false;
    }
    for (unsigned i = p; i < p + n; i++) {
        if (model[i] >= 0) {
            return false;
        }
    }
    for (unsigned i = p + n; i < PAGES; i++) {
        if (model[i] >= 0) {
            return !(model[i] & 8) || (i - (p + n)) * PAGE_SIZE >= STACK_GUARD_GAP;
        }
    }
    return true;
}

static void check_gaps(void) {
    unsigned low = draw(PAGES), high = low + draw(PAGES - low) + 1, n = 1 + draw(12);
    uint64_t down = 0, up = 0;
    for (unsigned p = 0; p < PAGES; p++) {
        if (fits(p, n, low, high)) {
            down = address(p);
            up = up ? up : address(p);
        }
    }
    assert_int_equal(vma_gap_top_down(&mm, address(low), address(high), n * PAGE_SIZE), down);
    assert_int_equal(vma_gap_bottom_up(&mm, address(low), address(high), n * PAGE_SIZE), up);
}

static void random_steps(void** unused) {
    (void)unused;
    mm.user_start = BASE;
    mm.user_end = address(PAGES);
    for (unsigned i = 0; i < PAGES; i++) {
        model[i] = -1;
    }
    for (int step = 0; step < STEPS; step++) {
        unsigned from = draw(PAGES), most = 1 + draw(30);
        unsigned to = from + 1 + draw(MIN(PAGES - from, most));
        switch (draw(5)) {
            case 0:
            case 1:
                map(from, to, (int)draw(3), draw(40) ? 0 : VMA_GROWSDOWN);
                break;
            case 2:
                protect(from, to, (int)draw(3));
                break;
            default:
                unmap(from, to);
                break;
        }
        check_all();
        check_gaps();
    }
    unmap(0, PAGES);
    check_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
