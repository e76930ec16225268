/*
 * Pages of the LibOS: runs of pages carved from arenas (mm_internal.h), larger blocks straight from
 * the host. Free runs hang in bins by size; neighbours merge when freed. A free run keeps its
 * contents (small) or is given back to the host (large), which also zeroes it.
 */
#include "mm_internal.h"

#define GIVE_BACK 32 /* pages: a freed run at least this long is emptied at the host */
#define BIN_COUNT 42 /* runs of 1..32 pages exactly, then by powers of two */

static libos_lock_t g_pages_lock = LIBOS_LOCK_INIT;
static struct list_node g_bins[BIN_COUNT]; /* guarded by g_pages_lock */
static uint64_t g_bins_used;               /* bit n: bin n is not empty */
static bool g_bins_ready;

static unsigned bin_of(size_t pages) {
    if (pages <= 32) {
        return (unsigned)pages - 1;
    }
    return 32 + (unsigned)(63 - __builtin_clzl(pages)) - 5;
}

static void bin_add(struct arena* a, size_t index, size_t len) {
    struct arena_page* first = &a->pages[index];
    struct arena_page* last = &a->pages[index + len - 1];
    unsigned bin = bin_of(len);
    first->kind = last->kind = PAGE_FREE;
    first->len = last->len = (uint32_t)len;
    list_add(&g_bins[bin], &first->node);
    g_bins_used |= 1UL << bin;
}

static void bin_del(struct arena_page* first) {
    unsigned bin = bin_of(first->len);
    list_del(&first->node);
    if (list_empty(&g_bins[bin])) {
        g_bins_used &= ~(1UL << bin);
    }
}

/* Host memory at an arena boundary, readable and writable. */
static void* host_alloc_aligned(size_t size) {
    size_t whole = size + ARENA_SIZE;
    if (whole < size) {
        return NULL;
    }
    void* base = NULL;
    if (PalVirtualMemoryAlloc(&base, whole, PAL_ALLOC_INTERNAL | PAL_ALLOC_NORESERVE,
                              PAL_PROT_READ | PAL_PROT_WRITE) < 0) {
        return NULL;
    }
    /* The host is not trusted: memory outside of the LibOS's range could be the guest's. */
    BUG_ON((char*)base < (char*)g_pal_control->libos_address.start ||
           whole > (size_t)((char*)g_pal_control->libos_address.end - (char*)base));
    char* start = (char*)ALIGN_UP((uint64_t)base, ARENA_SIZE);
    size_t before = (size_t)(start - (char*)base);
    if (before) {
        PalVirtualMemoryFree(base, before);
    }
    PalVirtualMemoryFree(start + size, whole - before - size);
    return start;
}

static bool arena_add(void) {
    struct arena* a = host_alloc_aligned(ARENA_SIZE);
    if (!a) {
        return false;
    }
    for (size_t i = 0; i < ARENA_HEADER_PAGES; i++) {
        a->pages[i].kind = PAGE_RUN;
        a->pages[i].len = (uint32_t)ARENA_HEADER_PAGES;
    }
    bin_add(a, ARENA_HEADER_PAGES, ARENA_MAX_RUN);
    return true;
}

static struct arena_page* run_find(size_t pages) {
    uint64_t bins = g_bins_used & ~0UL << bin_of(pages);
    while (bins) {
        unsigned bin = (unsigned)__builtin_ctzl(bins);
        list_for_each(p, &g_bins[bin], struct arena_page, node) {
            if (p->len >= pages) {
                return p;
            }
        }
        bins &= bins - 1;
    }
    return NULL;
}

void* libos_run_alloc(size_t pages, uint16_t kind, bool zeroed) {
    lock(&g_pages_lock);
    if (!g_bins_ready) {
        for (unsigned i = 0; i < BIN_COUNT; i++) {
            list_init(&g_bins[i]);
        }
        g_bins_ready = true;
    }
    struct arena_page* p = run_find(pages);
    if (!p && arena_add()) {
        p = run_find(pages);
    }
    if (!p) {
        unlock(&g_pages_lock);
        return NULL;
    }
    struct arena* a = arena_of(p);
    size_t index = (size_t)(p - a->pages), len = p->len;
    bin_del(p);
    if (len > pages) {
        bin_add(a, index + pages, len - pages);
    }
    p->len = a->pages[index + pages - 1].len = (uint32_t)pages;
    p->kind = a->pages[index + pages - 1].kind = kind;
    if (kind == PAGE_SLAB) {
        for (size_t i = index; i < index + pages; i++) {
            a->pages[i].kind = kind;
            a->pages[i].slab_start = (uint16_t)index;
        }
    }
    unlock(&g_pages_lock);
    char* addr = (char*)a + index * PAGE_SIZE;
    for (size_t i = 0; i < pages; i++) {
        if (zeroed && a->dirty[index + i]) {
            memset(addr + i * PAGE_SIZE, 0, PAGE_SIZE);
        }
        a->dirty[index + i] = 1;
    }
    return addr;
}

void libos_run_free(void* addr, size_t pages) {
    struct arena* a = arena_of(addr);
    size_t index = arena_index(addr);
    if (pages >= GIVE_BACK &&
        PalVirtualMemoryAdvise(addr, pages * PAGE_SIZE, PAL_ADVICE_DONTNEED) == 0) {
        memset(&a->dirty[index], 0, pages);
    }
    lock(&g_pages_lock);
    BUG_ON(a->pages[index].kind == PAGE_FREE || a->pages[index].len != pages);
    /* Pages in the middle keep stale kinds; only ends of runs are ever looked at, so a stale
     * PAGE_FREE never matters and merging below sees the true ends. */
    if (index + pages < ARENA_PAGES && a->pages[index + pages].kind == PAGE_FREE) {
        struct arena_page* next = &a->pages[index + pages];
        bin_del(next);
        pages += next->len;
    }
    if (a->pages[index - 1].kind == PAGE_FREE) {
        size_t before = a->pages[index - 1].len;
        index -= before;
        pages += before;
        bin_del(&a->pages[index]);
    }
    bin_add(a, index, pages);
    unlock(&g_pages_lock);
}

void* libos_alloc_pages(size_t size) {
    size_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;
    if (!pages || size > SIZE_MAX - PAGE_SIZE) {
        return NULL;
    }
    if (pages <= ARENA_MAX_RUN) {
        return libos_run_alloc(pages, PAGE_RUN, true);
    }
    return host_alloc_aligned(pages * PAGE_SIZE);
}

void libos_free_pages(void* addr, size_t size) {
    size_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;
    if (!addr) {
        return;
    }
    if (pages <= ARENA_MAX_RUN) {
        libos_run_free(addr, pages);
    } else {
        PalVirtualMemoryFree(addr, pages * PAGE_SIZE);
    }
}
