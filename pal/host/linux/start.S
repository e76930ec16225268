/*
 * The PAL's first instruction, the jump onto its own first stack, and copies that may fault.
 */
    .text
    .globl _start
    .type _start, @function
_start:
    xorl %ebp, %ebp
    movq %rsp, %rdi
    andq $-16, %rsp
    call host_main
    ud2
    .size _start, . - _start

/* _Noreturn void host_call_on_stack(void* stack_top, void (*f)(void*), void* arg) */
    .globl host_call_on_stack
    .hidden host_call_on_stack
    .type host_call_on_stack, @function
host_call_on_stack:
    movq %rdi, %rsp
    xorl %ebp, %ebp
    movq %rdx, %rdi
    call *%rsi
    ud2
    .size host_call_on_stack, . - host_call_on_stack

/* size_t host_copy(void* dst, const void* src, size_t n): copies where either side may be bad
 * memory; returns how many bytes were not copied. The fault handler moves RIP out of the range. */
    .globl host_copy
    .hidden host_copy
    .type host_copy, @function
host_copy:
    movq %rdx, %rcx
    .globl host_copy_start
    .hidden host_copy_start
host_copy_start:
    rep movsb
    .globl host_copy_fixup
    .hidden host_copy_fixup
host_copy_fixup:
    movq %rcx, %rax
    ret
    .size host_copy, . - host_copy

    .section .note.GNU-stack, "", @progbits
