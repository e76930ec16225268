/*
 * Between the allocator and its thread caches.
 */
#ifndef MALLOC_INTERNAL_H
#define MALLOC_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#define MALLOC_CLASSES   32
#define MALLOC_MAX_SMALL 8192UL

extern const uint16_t g_malloc_sizes[MALLOC_CLASSES];
unsigned libos_malloc_class(size_t size); /* size <= MALLOC_MAX_SMALL */

/* Take or give `count` objects of one class under its lock. Alloc returns how many it got. */
unsigned libos_class_alloc(unsigned class, void** out, unsigned count);
void libos_class_free(unsigned class, void** ptrs, unsigned count);

void* libos_cache_alloc(unsigned class);
void libos_cache_free(unsigned class, void* ptr);

#endif /* MALLOC_INTERNAL_H */
