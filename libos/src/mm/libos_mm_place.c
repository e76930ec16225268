/*
 * Where mappings go: hints, the region grown downwards from mmap_base, MAP_32BIT, and the random
 * layout of a new program. As arch_get_unmapped_area_topdown() of Linux does it on x86-64.
 */
#include "libos_mm_calls.h"
#include "libos_process.h"
#include "libos_vma.h"

bool g_mm_randomise = true;

/* An exec needs half a dozen random words: one host call fetches them. Each is used once. */
static uint64_t random_word(void) {
    static libos_lock_t pool_lock = LIBOS_LOCK_INIT;
    static uint64_t pool[8];
    static unsigned left; /* these two guarded by pool_lock */
    uint64_t word = 0;
    if (!g_mm_randomise) {
        return 0;
    }
    lock(&pool_lock);
    if (!left && PalRandomBitsRead(pool, sizeof(pool)) == 0) {
        left = ARRAY_SIZE(pool);
    }
    if (left) {
        word = pool[--left];
        pool[left] = 0;
    }
    unlock(&pool_lock);
    return word;
}

uint64_t mm_random_pages(unsigned bits) {
    return (random_word() & ((1UL << bits) - 1)) * PAGE_SIZE;
}

/* Linux: 28 bits of randomness for mmap, 22 for the stack; fewer where the range is small. */
static unsigned fitting_bits(const struct libos_mm* mm, unsigned bits) {
    uint64_t sixteenth = (mm->user_end - mm->user_start) / 16 / PAGE_SIZE;
    while (bits && (1UL << bits) > sixteenth) {
        bits--;
    }
    return bits;
}

void mm_layout(struct libos_mm* mm) {
    uint64_t top = mm->user_end, size = top - mm->user_start;
    uint64_t stack_random = mm_random_pages(fitting_bits(mm, 22));
    mm->start_stack = top - stack_random;
    uint64_t gap = mm_limit(RLIMIT_STACK);
    gap = gap > size ? size : gap;
    gap += STACK_GUARD_GAP + (1UL << fitting_bits(mm, 22)) * PAGE_SIZE;
    gap = MIN(MAX(gap, 128UL << 20), size / 6 * 5);
    uint64_t random = mm_random_pages(fitting_bits(mm, 28));
    mm->mmap_base = PAGE_DOWN(top - gap - random);
    mm->legacy_base = PAGE_UP(mm->user_start + size / 3 + random);
}

static bool hint_free(const struct libos_mm* mm, uint64_t addr, uint64_t len) {
    if (addr < mm->user_start || addr > mm->user_end || len > mm->user_end - addr) {
        return false;
    }
    const struct libos_vma* next = vma_find(mm, addr);
    return !next || addr + len <= vma_start_gap(next);
}

static uint64_t place_32bit(const struct libos_mm* mm, uint64_t len) {
    uint64_t low = MAX(0x40000000UL, mm->user_start);
    if (g_mm_randomise) {
        low += mm_random_pages(13);
    }
    return vma_gap_bottom_up(mm, low, 0x80000000UL, len);
}

static long place(struct libos_mm* mm, uint64_t hint, uint64_t len, int flags, bool huge_align) {
    if (len > mm->user_end) {
        return -ENOMEM;
    }
    /* MAP_32BIT takes a hint as well, if it ends low enough. */
    bool reachable = !(flags & MAP_32BIT) || hint + len <= 1UL << 31;
    if (hint && reachable && hint_free(mm, hint, len)) {
        return (long)hint;
    }
    if (flags & MAP_32BIT) {
        uint64_t found = place_32bit(mm, len);
        return found ? (long)found : -ENOMEM;
    }
    if (huge_align && len >= HUGE_PAGE && len % HUGE_PAGE == 0) {
        uint64_t found =
            vma_gap_top_down(mm, mm->user_start, mm->mmap_base, len + HUGE_PAGE - PAGE_SIZE);
        if (found) {
            /* as high in the gap as alignment lets */
            return (long)ALIGN_DOWN(found + HUGE_PAGE - PAGE_SIZE, HUGE_PAGE);
        }
    }
    uint64_t found = vma_gap_top_down(mm, mm->user_start, mm->mmap_base, len);
    if (!found) {
        found = vma_gap_bottom_up(mm, mm->legacy_base, mm->user_end, len);
    }
    return found ? (long)found : -ENOMEM;
}

long mm_place(struct libos_mm* mm, uint64_t hint, uint64_t len, int flags, bool huge_align) {
    long at;
    do {
        at = place(mm, hint, len, flags, huge_align);
    } while (at > 0 && !mm_clear_of_stack(mm, (uint64_t)at, (uint64_t)at + len));
    return at;
}

uint64_t mm_stack_top(void) {
    return g_mm.start_stack;
}

void mm_set_start_stack(uint64_t sp) {
    write_lock(&g_mm.lock);
    g_mm.start_stack = sp;
    write_unlock(&g_mm.lock);
}

long mm_pick(uint64_t len, uint64_t align) {
    uint64_t pad = align > PAGE_SIZE ? align : 0;
    if (len + pad < len) {
        return -ENOMEM;
    }
    read_lock(&g_mm.lock);
    long at = mm_place(&g_mm, 0, len + pad, 0, false);
    read_unlock(&g_mm.lock);
    return at < 0 || !pad ? at : (long)ALIGN_DOWN((uint64_t)at + pad, align);
}

uint64_t mm_pie_base(void) {
    uint64_t base = PAGE_DOWN(g_mm.user_end / 3 * 2);
    return base + mm_random_pages(fitting_bits(&g_mm, 28));
}

uint64_t mm_random(uint64_t below) {
    return random_word() % below;
}

void mm_set_randomise(bool on) {
    g_mm_randomise = on && !g_pal_control->disable_aslr;
}
