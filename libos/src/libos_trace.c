/*
 * System calls one by one, for --strace and --stats.
 */
#include "libos_table.h"
#include "arch/x86_64/entry.h"

long libos_traced_call(struct libos_regs* regs) {
    uint32_t nr = regs->orig_rax;
    libos_syscall_t fn = nr < LIBOS_CALL_COUNT ? g_libos_calls[nr].function : NULL;
    return fn ? fn(regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9) : -ENOSYS;
}
