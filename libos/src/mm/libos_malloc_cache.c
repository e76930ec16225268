/*
 * Per-thread caches of the hot sizes: a small stack of free objects per class, filled and emptied
 * by halves. Only the owning thread touches its cache, and the LibOS is never re-entered in the
 * middle (a signal upcall allocates nothing), so no lock and no atomics are needed.
 *
 * The cache hangs off the thread's TCB. libos_malloc_thread_exit() empties it; a process forked
 * meanwhile leaks the other threads' cached objects, at most CACHE_BYTES each.
 */
#include "libos_internal.h"
#include "libos_mm.h"
#include "malloc_internal.h"

#define CACHED_CLASSES 20 /* up to 1024 bytes */
#define CACHE_DEPTH    16

struct cache_class {
    uint32_t count;
    void* objects[CACHE_DEPTH];
};
struct libos_malloc_cache {
    struct cache_class classes[CACHED_CLASSES];
};

static struct libos_malloc_cache* cache_get(void) {
    struct libos_tcb* tcb = libos_get_tcb();
    if (!tcb->malloc_cache && tcb->thread && !tcb->malloc_closed) {
        tcb->malloc_cache = libos_alloc_pages(sizeof(struct libos_malloc_cache));
    }
    return tcb->malloc_cache;
}

void libos_malloc_thread_exit(void) {
    struct libos_tcb* tcb = libos_get_tcb();
    struct libos_malloc_cache* cache = tcb->malloc_cache;
    tcb->malloc_closed = 1;
    tcb->malloc_cache = NULL;
    if (!cache) {
        return;
    }
    for (unsigned i = 0; i < CACHED_CLASSES; i++) {
        if (cache->classes[i].count) {
            libos_class_free(i, cache->classes[i].objects, cache->classes[i].count);
        }
    }
    libos_free_pages(cache, sizeof(*cache));
}

void* libos_cache_alloc(unsigned class) {
    struct libos_malloc_cache* cache = class < CACHED_CLASSES ? cache_get() : NULL;
    if (!cache) {
        void* ptr = NULL;
        return libos_class_alloc(class, &ptr, 1) ? ptr : NULL;
    }
    struct cache_class* c = &cache->classes[class];
    if (!c->count) {
        c->count = libos_class_alloc(class, c->objects, CACHE_DEPTH / 2);
        if (!c->count) {
            return NULL;
        }
    }
    return c->objects[--c->count];
}

void libos_cache_free(unsigned class, void* ptr) {
    struct libos_malloc_cache* cache = class < CACHED_CLASSES ? cache_get() : NULL;
    if (!cache) {
        libos_class_free(class, &ptr, 1);
        return;
    }
    struct cache_class* c = &cache->classes[class];
    if (c->count == CACHE_DEPTH) {
        c->count = CACHE_DEPTH / 2;
        libos_class_free(class, &c->objects[CACHE_DEPTH / 2], CACHE_DEPTH / 2);
    }
    c->objects[c->count++] = ptr;
}
