/*
 * Small helpers of the pseudo file systems' contents: numbers in names, lists and maps of CPUs.
 */
#ifndef PSEUDO_TEXT_H
#define PSEUDO_TEXT_H

#include "libos_fs.h"

/* Is name a decimal number without sign and leading zeros? */
bool libos_pseudo_number(const char* name, size_t len, uint64_t* value);
/* The same behind a prefix ("cpu3", "node0"). */
bool libos_pseudo_prefixed(const char* prefix, const char* name, size_t len, uint64_t* value);
/* A decimal number, as a store gets it: spaces and one newline at the end are fine. 0 or -EINVAL.
 */
int libos_parse_number(const char* text, size_t size, int64_t* value);

/* Writes the numbers below count that `has` accepts as "0-3,5" and a newline. */
typedef bool (*libos_set_fn)(uint64_t arg, uint64_t number);
void libos_text_list(struct libos_text* t, uint64_t count, libos_set_fn has, uint64_t arg);
/* The same as a map, "00000000,0000000f"; no newline. */
void libos_text_map(struct libos_text* t, uint64_t count, libos_set_fn has, uint64_t arg);

/* The machine; asked of the host when first wanted. No CPUs at all if it does not tell. */
const PAL_TOPO_INFO* libos_topology(void);
const PAL_CPU_INFO* libos_cpu_info(void);

#define text_literal(t, s) libos_text_append((t), (s), sizeof(s) - 1)

#endif /* PSEUDO_TEXT_H */
