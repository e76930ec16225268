/*
 * Without call-site patching: every system call takes the trap path.
 */
#include "entry.h"

#define WEAK __attribute__((weak))

WEAK int libos_patch_init(void) {
    return 0;
}
WEAK void libos_trap_hook(struct libos_regs* regs) {
    (void)regs;
}
WEAK bool libos_stub_translate(uint64_t rip, uint64_t* guest_rip) {
    (void)rip;
    (void)guest_rip;
    return false;
}
WEAK uint64_t libos_patch_resume(uint64_t rip) {
    return rip;
}
WEAK bool libos_patch_find_syscall(uint64_t rip, uint64_t* ret, uint64_t* resume) {
    (void)rip;
    (void)ret;
    (void)resume;
    return false;
}
WEAK bool libos_patch_hit_int3(uint64_t rip) {
    (void)rip;
    return false;
}
WEAK void libos_patch_forget(uint64_t start, uint64_t end) {
    (void)start;
    (void)end;
}
