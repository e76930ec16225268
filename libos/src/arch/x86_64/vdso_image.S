/*
 * The guest's vDSO. vdso(7), Linux's own exports for x86-64.
 *
 * Each function forwards to the host's vDSO function where there is one (its address is put into
 * culm_vdso_targets when the image is mapped) and where the argument means the same on the host;
 * else it makes the system call, which the LibOS serves.
 */
#include <asm/unistd.h>

/* The clocks whose numbers mean the same for every process: all but the CPU-time ones. */
#define SHARED_CLOCKS ((1 << 0) | (1 << 1) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 11))
#define LAST_SHARED_CLOCK 11

.macro function name
    .globl __vdso_\name
    .weak \name
    .type __vdso_\name, @function
    .type \name, @function
    .balign 16
__vdso_\name:
\name:
    .cfi_startproc
.endm

.macro end_function name, nr, target
    movq culm_vdso_targets + \target * 8(%rip), %rax
    testq %rax, %rax
    jz 9f
    jmp *%rax
9:  movl $\nr, %eax
    syscall
    ret
    .cfi_endproc
    .size __vdso_\name, . - __vdso_\name
    .size \name, . - \name
.endm

.macro only_shared_clocks
    cmpl $LAST_SHARED_CLOCK, %edi
    ja 9f
    movl $SHARED_CLOCKS, %eax
    btl %edi, %eax
    jnc 9f
.endm

    .text
function clock_gettime
    only_shared_clocks
end_function clock_gettime, __NR_clock_gettime, 0
function gettimeofday
end_function gettimeofday, __NR_gettimeofday, 1
function time
end_function time, __NR_time, 2
function getcpu
end_function getcpu, __NR_getcpu, 3
function clock_getres
    only_shared_clocks
end_function clock_getres, __NR_clock_getres, 4

    .globl culm_vdso_targets
    .type culm_vdso_targets, @object
    .balign 8
culm_vdso_targets:
    .fill 5, 8, 0
    .size culm_vdso_targets, . - culm_vdso_targets

    .section .note.GNU-stack, "", @progbits
