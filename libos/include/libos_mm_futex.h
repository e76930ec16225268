/*
 * The memory manager's word on where a shared futex lies.
 */
#ifndef LIBOS_MM_FUTEX_H
#define LIBOS_MM_FUTEX_H

#include <stdint.h>

/* If addr lies in a shared mapping: *object (never 0) and *offset name the byte behind it, the same
 * for every mapping of that object. Else leaves both alone. */
void libos_mm_futex_key(uint64_t addr, uint64_t* object, uint64_t* offset);

#endif /* LIBOS_MM_FUTEX_H */
