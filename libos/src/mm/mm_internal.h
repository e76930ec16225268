/*
 * Between the files of mm/ only.
 */
#ifndef MM_INTERNAL_H
#define MM_INTERNAL_H

#include "libos_internal.h"

/*
 * LibOS pages come in arenas of ARENA_SIZE bytes, aligned to their size, so that an address leads
 * to its arena by masking. The first pages of an arena hold its page table; blocks too large for an
 * arena start on an arena boundary, where no block inside an arena can start.
 */
#define ARENA_SIZE  (4UL << 20)
#define ARENA_PAGES (ARENA_SIZE / PAGE_SIZE)

enum {
    PAGE_FREE = 0, /* first or last page of a free run */
    PAGE_RUN,      /* first page of a run handed out */
    PAGE_SLAB,     /* any page of a slab */
};

struct arena_page {
    uint32_t len;          /* of the run, in pages: valid in its first and last page */
    uint16_t kind;         /* PAGE_* */
    uint16_t slab_start;   /* PAGE_SLAB: index of the slab's first page */
    struct list_node node; /* first page of a free run: in g_bins */
};

struct arena {
    struct arena_page pages[ARENA_PAGES];
    uint8_t dirty[ARENA_PAGES]; /* 0: the page reads as zeros */
};

#define ARENA_HEADER_PAGES ((sizeof(struct arena) + PAGE_SIZE - 1) / PAGE_SIZE)
#define ARENA_MAX_RUN      (ARENA_PAGES - ARENA_HEADER_PAGES) /* pages; larger: from the host */

static inline struct arena* arena_of(const void* ptr) {
    return (struct arena*)((uint64_t)ptr & ~(ARENA_SIZE - 1));
}
static inline size_t arena_index(const void* ptr) {
    return ((uint64_t)ptr & (ARENA_SIZE - 1)) / PAGE_SIZE;
}

/* A run of pages marked as `kind`; zeroed if asked. NULL: no memory. */
void* libos_run_alloc(size_t pages, uint16_t kind, bool zeroed);
void libos_run_free(void* addr, size_t pages);

#endif /* MM_INTERNAL_H */
