/*
 * The loader of the LibOS (or of a bare-PAL program), host-neutral.
 */
#ifndef PAL_LOADER_H
#define PAL_LOADER_H

#include "pal/entry.h"

struct pal_image {
    uintptr_t base, end; /* mapped range */
    pal_entry_t entry;
};

struct pal_symbol {
    const char* name;
    const void* address;
};
/* What the loaded object may import; sorted by name. Generated from pal.map. */
extern const struct pal_symbol g_pal_symbols[];
extern const size_t g_pal_symbol_count;

/* Loads the object behind an open file of the host. Ends the process with one line on any error. */
void pal_load_image(const char* path, long file, struct pal_image* image);

/* What each host supplies to the loader. The host_* ones return 0 or a negative PAL error. */
int64_t pal_loader_read(long file, void* buffer, size_t size, uint64_t offset);
/* Reserve size bytes of address space for the image, inside libos_address, at random. */
int pal_loader_reserve(size_t size, uintptr_t* base);
/* Map file content (size a page multiple, private) or zeroed memory (file < 0), present at once. */
int pal_loader_map(uintptr_t addr, size_t size, uint32_t prot, long file, uint64_t offset);
int pal_loader_protect(uintptr_t addr, size_t size, uint32_t prot);
_Noreturn void host_die(int status, const char* fmt, ...) __attribute__((format(printf, 2, 3)));

#endif /* PAL_LOADER_H */
