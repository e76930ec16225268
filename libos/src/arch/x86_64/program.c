/*
 * The first instruction of a new program.
 */
#include "libos_arch.h"
#include "libos_elf.h"
#include "libos_process.h"

#define XSAVE_LEGACY_SIZE 512
#define XSAVE_HEADER_SIZE 64
#define RFLAGS_START      0x202 /* interrupts on, and the bit that is always set */
#define MXCSR_DEFAULT     0x1f80

/* All of XSAVE's state to its initial configuration: an area whose header names no component. */
static void reset_vector_state(void) {
    uint8_t area[XSAVE_LEGACY_SIZE + XSAVE_HEADER_SIZE] __attribute__((aligned(64)));
    memset(area, 0, sizeof(area));
    *(uint32_t*)(area + 24) = MXCSR_DEFAULT;
    if (g_pal_control->cpu_info.xfeatures)
        __asm__ volatile("xrstor64 %0" : : "m"(area), "a"(-1), "d"(-1));
    else {
        *(uint16_t*)area = 0x37f; /* x87 control word */
        __asm__ volatile("fxrstor64 %0" : : "m"(area));
    }
}

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
    reset_vector_state();
    libos_return_to_guest(regs);
}
