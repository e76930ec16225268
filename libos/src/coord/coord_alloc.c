/*
 * The arena's allocator: small blocks by size class, cut from spans of four pages; above that, runs
 * of pages. Free runs are zero but for their list node, so a run is zeroed (or its memory given
 * back to the host) when it is freed, outside of the lock.
 *
 * Page map, one word for each page:
 *     SPAN | class   in a span of small blocks
 *     RUN | pages    first page of a run in use;  RUN_END: its last page, if it has several
 *     FREE | pages   first and last page of a free run
 *     others         inner pages of runs: anything
 */
#include "coord_internal.h"

#define SPAN      0x10000000u
#define RUN       0x20000000u
#define RUN_END   0x30000000u
#define FREE      0x40000000u
#define KIND      0xf0000000u
#define COUNT     0x0fffffffu
#define SPAN_SIZE (4 * PAGE_SIZE)

#define GIVE_BACK_SIZE (128UL << 10) /* from here on memory goes back to the host */
#define MAX_LOOKS      16

struct coord_run { /* at the start of a free run */
    struct coord_run *next, *prev;
};

static const uint16_t g_sizes[COORD_CLASSES] = {32,  48,  64,  96,  128,  192,  256,
                                                384, 512, 640, 768, 1024, 1360, 2048};
#define SMALL_MAX 2048

static unsigned class_of(size_t size) {
    unsigned c = 0;
    while (g_sizes[c] < size)
        c++;
    return c;
}

static uint32_t page_of(const void* ptr) {
    return (uint32_t)(((uint64_t)ptr - (uint64_t)g_coord) / PAGE_SIZE);
}

static void* address_of(uint32_t page) {
    return (char*)g_coord + page * PAGE_SIZE;
}

/* ---- runs, under the heap's lock --------------------------------------------------------------
 */

static unsigned bin_of(uint32_t pages) {
    return 31 - (unsigned)__builtin_clz(pages);
}

static void mark(uint32_t page, uint32_t value) {
    COORD_SET(g_coord->page_map[page], value);
}

static void run_insert(uint32_t page, uint32_t pages) {
    struct coord_heap* heap = &g_coord->heap;
    struct coord_run* run = address_of(page);
    struct coord_run** bin = &heap->runs[bin_of(pages)];
    COORD_SET(run->next, *bin);
    COORD_SET(run->prev, NULL);
    if (*bin)
        COORD_SET((*bin)->prev, run);
    COORD_SET(*bin, run);
    mark(page, FREE | pages);
    mark(page + pages - 1, FREE | pages);
    COORD_SET(heap->free_pages, heap->free_pages + pages);
}

/* Off its list; its memory is all zero then. */
static void run_remove(uint32_t page, uint32_t pages) {
    struct coord_heap* heap = &g_coord->heap;
    struct coord_run* run = address_of(page);
    if (run->prev)
        COORD_SET(run->prev->next, run->next);
    else
        COORD_SET(heap->runs[bin_of(pages)], run->next);
    if (run->next)
        COORD_SET(run->next->prev, run->prev);
    COORD_SET(run->next, NULL);
    COORD_SET(run->prev, NULL);
    COORD_SET(heap->free_pages, heap->free_pages - pages);
}

static uint32_t run_pages(const struct coord_run* run) {
    return g_coord->page_map[page_of(run)] & COUNT;
}

static struct coord_run* run_find(uint32_t pages) {
    int looks = 0;
    for (unsigned bin = bin_of(pages); bin < COORD_BINS; bin++) {
        struct coord_run* run = g_coord->heap.runs[bin];
        for (; run && looks < MAX_LOOKS; run = run->next, looks++) {
            if (run_pages(run) >= pages)
                return run;
        }
        looks = 0;
    }
    return NULL;
}

/* 0: the arena is full. */
static uint32_t run_alloc(uint32_t pages) {
    struct coord_heap* heap = &g_coord->heap;
    struct coord_run* run = run_find(pages);
    uint32_t page;
    if (run) {
        page = page_of(run);
        uint32_t found = run_pages(run);
        run_remove(page, found);
        if (found > pages)
            run_insert(page + pages, found - pages);
    } else {
        page = heap->next_page;
        if (pages > g_coord->size / PAGE_SIZE - page)
            return 0;
        COORD_SET(heap->next_page, page + pages);
    }
    if (pages > 1)
        mark(page + pages - 1, RUN_END);
    mark(page, RUN | pages);
    return page;
}

static void run_free(uint32_t page, uint32_t pages) {
    struct coord_heap* heap = &g_coord->heap;
    uint32_t before = g_coord->page_map[page - 1], after = g_coord->page_map[page + pages];
    if ((before & KIND) == FREE) {
        run_remove(page - (before & COUNT), before & COUNT);
        page -= before & COUNT;
        pages += before & COUNT;
    }
    if (page + pages == heap->next_page) {
        COORD_SET(heap->next_page, page);
        return;
    }
    if ((after & KIND) == FREE) {
        run_remove(page + pages, after & COUNT);
        pages += after & COUNT;
    }
    run_insert(page, pages);
}

/* ---- small blocks ---------------------------------------------------------------------------- */

static bool new_span(unsigned c) {
    struct coord_class* class = &g_coord->heap.classes[c];
    uint32_t page = run_alloc(SPAN_SIZE / PAGE_SIZE);
    if (!page)
        return false;
    for (uint32_t i = 0; i < SPAN_SIZE / PAGE_SIZE; i++)
        mark(page + i, SPAN | c);
    char* start = address_of(page);
    COORD_SET(class->fresh, start);
    COORD_SET(class->fresh_end, start + SPAN_SIZE / g_sizes[c] * g_sizes[c]);
    return true;
}

static void* small_alloc(unsigned c) {
    struct coord_class* class = &g_coord->heap.classes[c];
    void* block = NULL;
    coord_lock(&g_coord->heap.lock);
    bool used = class->free != NULL;
    if (used) {
        block = class->free;
        COORD_SET(class->free, *(void**)block);
    } else if (class->fresh != class->fresh_end || new_span(c)) {
        block = class->fresh;
        COORD_SET(class->fresh, class->fresh + g_sizes[c]);
    }
    coord_unlock(&g_coord->heap.lock);
    if (used)
        memset(block, 0, g_sizes[c]);
    return block;
}

static void small_free(void* block, unsigned c) {
    struct coord_class* class = &g_coord->heap.classes[c];
    coord_lock(&g_coord->heap.lock);
    *(void**)block = class->free; /* what a free block holds is nobody's loss */
    COORD_SET(class->free, block);
    coord_unlock(&g_coord->heap.lock);
}

/* ---- both ------------------------------------------------------------------------------------ */

void* coord_heap_alloc(size_t size) {
    if (size <= SMALL_MAX)
        return small_alloc(class_of(size));
    if (size > g_coord->size)
        return NULL;
    coord_lock(&g_coord->heap.lock);
    uint32_t page = run_alloc((uint32_t)(PAGE_UP(size) / PAGE_SIZE));
    coord_unlock(&g_coord->heap.lock);
    return page ? address_of(page) : NULL;
}

static void make_zero(void* at, size_t size) {
    PAL_FLG advice = g_coord->shared ? PAL_ADVICE_REMOVE : PAL_ADVICE_DONTNEED;
    if (size < GIVE_BACK_SIZE || PalVirtualMemoryAdvise(at, size, advice) < 0)
        memset(at, 0, size);
}

void coord_heap_free(void* ptr) {
    uint32_t page = page_of(ptr), word = g_coord->page_map[page];
    if ((word & KIND) == SPAN) {
        small_free(ptr, word & COUNT);
        return;
    }
    BUG_ON((word & KIND) != RUN);
    uint32_t pages = word & COUNT;
    make_zero(ptr, pages * PAGE_SIZE);
    coord_lock(&g_coord->heap.lock);
    run_free(page, pages);
    coord_unlock(&g_coord->heap.lock);
}

void* coord_alloc(size_t size) {
    void* block = coord_heap_alloc(size);
    if (block)
        coord_log_alloc(block);
    return block;
}

void coord_free(void* ptr) {
    if (ptr && !coord_log_free(ptr))
        coord_heap_free(ptr);
}

void coord_memory(size_t* total, size_t* available) {
    const struct coord_heap* heap = &g_coord->heap;
    uint64_t pages = g_coord->size / PAGE_SIZE;
    *total = g_coord->size;
    *available = (pages - heap->next_page + heap->free_pages) * PAGE_SIZE;
}
