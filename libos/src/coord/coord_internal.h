/*
 * What the files of the coordination state share: the arena's layout.
 *
 *     header | page map | ids | undo logs | heap
 *
 * All but the header is zero at first and costs memory only where it was touched. Pointers are kept
 * as such, as the arena has one address in all processes.
 */
#ifndef COORD_INTERNAL_H
#define COORD_INTERNAL_H

#include "libos_coord.h"

#define COORD_SIZE_MAX (1UL << 30)
#define COORD_SIZE_MIN (64UL << 20)

#define COORD_LOGS     256
#define COORD_LOG_SIZE (16UL << 10)

#define COORD_CLASSES 14
#define COORD_BINS    19 /* of free runs of pages: bin b has those of 2^b to 2^(b+1)-1 pages */

struct coord_log_head { /* one undo log; records follow */
    uint32_t used;      /* bytes of records that are whole */
    uint32_t frees;     /* records of coord_free() among them */
};

struct coord_heap {
    struct coord_lock lock; /* guards all here, the page map, and free blocks and runs */
    struct coord_class {
        void* free;              /* blocks that were in use; each begins with the next one */
        char *fresh, *fresh_end; /* blocks that never were */
    } classes[COORD_CLASSES];
    struct coord_run* runs[COORD_BINS];
    uint32_t next_page;  /* from here on all pages are free, and zero */
    uint32_t free_pages; /* in `runs` */
};

struct coord_arena {
    uint64_t size;
    uint32_t* page_map;
    uint32_t* ids; /* of each id: its owner's place in the arena; 0: free; atomic */
    char* logs;
    uint32_t last_id; /* atomic */
    bool shared;
    struct coord_heap heap;
    uint32_t log_used[COORD_LOGS]; /* atomic: 1 while it belongs to a lock */
    void* roots[COORD_ROOT_COUNT]; /* atomic */
};

/* In the table of ids: of no process any more, but the name of a group or session that lives. */
#define COORD_ID_RESERVED 1u

/* NULL until libos_coord_init(). The same in every process. */
extern struct coord_arena* g_coord;

/* coord_alloc.c: as coord_alloc() and coord_free(), but at once, whatever locks are held. */
void* coord_heap_alloc(size_t size);
void coord_heap_free(void* ptr);

/* coord_lock.c: records for the innermost lock that is held; false: none is. */
bool coord_log_alloc(void* ptr);
bool coord_log_free(void* ptr);

#endif /* COORD_INTERNAL_H */
