/*
 * The architecture's part of the start, and the agreements between C and assembly.
 */
#include "entry.h"
#include "fpu.h"
#include "libos_init.h"
#include "libos_table.h"

#define TCB_OFFSET(field) (PAL_TCB_LIBOS_OFFSET + offsetof(struct libos_tcb, field))
_Static_assert(TCB_OFFSET(thread) == TCB_THREAD, "entry.S");
_Static_assert(TCB_OFFSET(libos_sp) == TCB_LIBOS_SP, "entry.S");
_Static_assert(TCB_OFFSET(user_rsp) == TCB_USER_RSP, "entry.S");
_Static_assert(TCB_OFFSET(scratch) == TCB_SCRATCH0, "entry.S");
_Static_assert(TCB_OFFSET(work) == TCB_WORK, "entry.S");
_Static_assert(TCB_OFFSET(held) == TCB_HELD, "entry.S");
_Static_assert(TCB_OFFSET(in_libos) == TCB_IN_LIBOS, "entry.S");
_Static_assert(TCB_OFFSET(guest_gs) == TCB_GUEST_GS, "entry.S");
_Static_assert(TCB_OFFSET(minus_self) == TCB_MINUS_SELF, "stubs.c");
_Static_assert(offsetof(struct libos_regs, rax) == R_RAX, "entry.S");
_Static_assert(offsetof(struct libos_regs, rdi) == R_RDI, "entry.S");
_Static_assert(offsetof(struct libos_regs, orig_rax) == R_ORIG_RAX, "entry.S");
_Static_assert(offsetof(struct libos_regs, resume) == R_RESUME, "entry.S");
_Static_assert(offsetof(struct libos_regs, rip) == R_RIP, "entry.S");
_Static_assert(offsetof(struct libos_regs, rflags) == R_RFLAGS, "entry.S");
_Static_assert(offsetof(struct libos_regs, rsp) == R_RSP, "entry.S");
_Static_assert(sizeof(struct libos_regs) == R_SIZE, "entry.S");
_Static_assert(sizeof(struct libos_call) == 40, "entry.S");
_Static_assert(offsetof(struct libos_call, function) == CALL_FUNCTION, "entry.S");
_Static_assert(LIBOS_CALL_COUNT == CALL_COUNT, "entry.S");
_Static_assert(LIBOS_WORK_TRACE == WORK_TRACE_BIT, "entry.S");
_Static_assert(LIBOS_WORK_GS == WORK_GS_BIT, "entry.S");

int libos_arch_init(void) {
    g_user_end = (uint64_t)g_pal_control->user_address.end;
    libos_fpu_init();
    libos_exceptions_init();
    return libos_patch_init();
}
