/*
 * The store: memory of the host that every process of the instance can read, write and map, without
 * handing handles about. It is a few memory objects, made before the first fork and inherited; each
 * user gets a range of offsets of one of them. Ranges are sparse, and zero when they are given out.
 */
#ifndef LIBOS_STORE_H
#define LIBOS_STORE_H

#include "libos_internal.h"

#define LIBOS_STORE_RANGE (8UL << 40) /* bytes of one range */

struct libos_store_range { /* in the arena */
    struct libos_store_range* next_free;
    uint32_t object, slot;
};

/* NULL: no memory. May be called under a coord_lock, and is kept if that change is undone. */
struct libos_store_range* libos_store_alloc(void);
/* Nobody uses or maps it any more. A host call: under no coord_lock. NULL is fine. */
void libos_store_free(struct libos_store_range* r);
/* The memory object that the range lies in, for the stream calls, and where. NULL: out of handles
 * or memory. */
PAL_HANDLE libos_store_object(const struct libos_store_range* r);
static inline uint64_t libos_store_offset(const struct libos_store_range* r, uint64_t offset) {
    return r->slot * LIBOS_STORE_RANGE + offset;
}
/* Maps `size` bytes from `offset` of the range at exactly addr. prot: PAL_PROT_*. 0 or -errno. */
int libos_store_map(const struct libos_store_range* r, void* addr, uint64_t size, PAL_FLG prot,
                    uint64_t offset);
/* Maps what faults with SIGBUS wherever it is touched: the part of a mapping behind the end of its
 * file. */
int libos_store_map_nothing(void* addr, uint64_t size, PAL_FLG prot);
/* The bytes read as zero, and their memory is free. */
int libos_store_punch(const struct libos_store_range* r, uint64_t offset, uint64_t size);
/* Bytes of memory that the range takes. Looks for holes: not cheap. */
uint64_t libos_store_used(const struct libos_store_range* r);
/* Before the first fork, so that all processes have the objects. 0 or -errno. */
int libos_store_before_fork(void);

#endif /* LIBOS_STORE_H */
