/*
 * The first instruction of a new program.
 */
#include "libos_arch.h"
#include "libos_elf.h"
#include "libos_process.h"
#include "fpu.h"

#define RFLAGS_START 0x202 /* interrupts on, and the bit that is always set */

void libos_enter_program(uint64_t rip, uint64_t rsp) {
    struct libos_thread* t = get_cur_thread();
    struct libos_regs* regs =
        (struct libos_regs*)((char*)t->libos_stack + t->libos_stack_size - sizeof(*regs));
    memset(regs, 0, sizeof(*regs));
    regs->orig_rax = -1;
    regs->rip = rip;
    regs->rsp = rsp;
    regs->rflags = RFLAGS_START;
    t->regs = regs;
    libos_set_fs_base(0);
    __atomic_and_fetch(&libos_get_tcb()->work, ~(uint32_t)LIBOS_WORK_GS, __ATOMIC_SEQ_CST);
    libos_fpu_reset();
    libos_return_to_guest(regs);
}
