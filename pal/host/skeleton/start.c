/*
 * The skeleton's start and what the host-neutral loader wants of a host. A port fills these in
 * first: _start, then memory, then a way to say what went wrong.
 */
#include "loader.h"

_Noreturn void _start(void);
_Noreturn void host_main(void);

_Noreturn void host_die(int status, const char* fmt, ...) {
    (void)status, (void)fmt;
    for (;;)
        __builtin_trap();
}

int64_t pal_loader_read(long file, void* buffer, size_t size, uint64_t offset) {
    (void)file, (void)buffer, (void)size, (void)offset;
    return PAL_ERROR_NOTIMPLEMENTED;
}

int pal_loader_reserve(size_t size, uintptr_t* base) {
    (void)size, (void)base;
    return PAL_ERROR_NOTIMPLEMENTED;
}

int pal_loader_map(uintptr_t addr, size_t size, uint32_t prot, long file, uint64_t offset) {
    (void)addr, (void)size, (void)prot, (void)file, (void)offset;
    return PAL_ERROR_NOTIMPLEMENTED;
}

int pal_loader_protect(uintptr_t addr, size_t size, uint32_t prot) {
    (void)addr, (void)size, (void)prot;
    return PAL_ERROR_NOTIMPLEMENTED;
}

_Noreturn void host_main(void) {
    struct pal_image image;
    pal_load_image("libculm.so", -1, &image); /* ends: nothing can be read here */
    host_die(1, "not implemented");
}

_Noreturn void _start(void) {
    host_main();
}
