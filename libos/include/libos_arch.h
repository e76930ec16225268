/*
 * What the rest of the LibOS asks of the architecture's code.
 */
#ifndef LIBOS_ARCH_H
#define LIBOS_ARCH_H

#include "libos_internal.h"

/* Continue guest code with all registers as in *regs, which lies at the top of the calling thread's
 * LibOS stack; looks at the thread's work flags first, as every way out does. */
_Noreturn void libos_return_to_guest(struct libos_regs* regs);

/* May programs set the bases of FS and GS by instruction? Without it GS is ours alone. */
bool libos_has_fsgsbase(void);
/* In a forked child: its first call sites are not worth patching. */
void libos_patch_after_fork(void);

/* The calling thread's FS base (thread-local storage of the guest). */
uint64_t libos_get_fs_base(void);
void libos_set_fs_base(uint64_t base);

/* The GS base that the caller's program sees: 0, unless it has set one. */
uint64_t libos_get_guest_gs(void);
int libos_set_guest_gs(uint64_t base);

/* The guest's live vector state: a copy in LibOS memory (NULL: none left), and back. */
void* libos_fpu_keep(void);
void libos_fpu_bring_back(void* kept);

/* A place in the LibOS to come back to from another stack. save: 0, and again the value that resume
 * is given; the function that has saved may not have returned by then. */
struct libos_context {
    uint64_t rbx, rbp, r12, r13, r14, r15, rsp, rip;
};
long libos_context_save(struct libos_context* c) __attribute__((returns_twice));
_Noreturn void libos_context_resume(const struct libos_context* c, long value);

#endif /* LIBOS_ARCH_H */
