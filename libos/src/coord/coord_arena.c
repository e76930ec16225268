/*
 * The arena: made once, at start; forked children inherit it. See coord_internal.h for its layout.
 */
#include "coord_internal.h"

struct coord_arena* g_coord;

/* Hosts with a limit on addresses, or that charge all of it at once, get a smaller one. */
static struct coord_arena* map_arena(size_t* size, bool shared) {
    PAL_FLG flags = PAL_ALLOC_INTERNAL | PAL_ALLOC_NORESERVE | (shared ? PAL_ALLOC_SHARED : 0);
    for (*size = COORD_SIZE_MAX; *size >= COORD_SIZE_MIN; *size /= 4) {
        PAL_PTR at = NULL;
        if (PalVirtualMemoryAlloc(&at, *size, flags, PAL_PROT_READ | PAL_PROT_WRITE) == 0)
            return at;
    }
    return NULL;
}

int libos_coord_init(void) {
    bool shared = g_pal_control->capabilities & PAL_CAP_SHARED_MEM;
    size_t size;
    struct coord_arena* arena = map_arena(&size, shared);
    if (!arena) {
        log_error("no memory for the state that processes share");
        return -ENOMEM;
    }
    arena->size = size;
    arena->shared = shared;
    char* at = (char*)arena + PAGE_UP(sizeof(*arena));
    arena->page_map = (uint32_t*)at;
    at += PAGE_UP(size / PAGE_SIZE * sizeof(*arena->page_map));
    arena->ids = (uint32_t*)at;
    at += PAGE_UP(COORD_ID_MAX * sizeof(*arena->ids));
    arena->logs = at;
    at += COORD_LOGS * COORD_LOG_SIZE;
    arena->heap.next_page = (uint32_t)((at - (char*)arena) / PAGE_SIZE);
    arena->last_id = 1;
    g_coord = arena;
    coord_processes_init(arena);
    return 0;
}

bool coord_is_shared(void) {
    return g_coord && g_coord->shared;
}

void* coord_root_made(enum coord_root which) {
    return __atomic_load_n(&g_coord->roots[which], __ATOMIC_ACQUIRE);
}

void* coord_root(enum coord_root which, size_t size) {
    void** root = &g_coord->roots[which];
    void* block = __atomic_load_n(root, __ATOMIC_ACQUIRE);
    if (block)
        return block;
    void* fresh = coord_heap_alloc(size);
    if (fresh && !__atomic_compare_exchange_n(root, &block, fresh, false, __ATOMIC_ACQ_REL,
                                              __ATOMIC_ACQUIRE)) {
        coord_heap_free(fresh);
        return block; /* another process was first */
    }
    return fresh;
}
