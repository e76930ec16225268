/*
 * Leaving a place in the LibOS, to come back to it later from another stack.
 */
    .text
/* long libos_context_save(struct libos_context* c) */
    .balign 16
    .globl libos_context_save
    .hidden libos_context_save
    .type libos_context_save, @function
libos_context_save:
    movq %rbx, 0(%rdi)
    movq %rbp, 8(%rdi)
    movq %r12, 16(%rdi)
    movq %r13, 24(%rdi)
    movq %r14, 32(%rdi)
    movq %r15, 40(%rdi)
    leaq 8(%rsp), %rax  /* rsp after the return */
    movq %rax, 48(%rdi)
    movq (%rsp), %rax
    movq %rax, 56(%rdi)
    xorl %eax, %eax
    ret
    .size libos_context_save, . - libos_context_save

/* void libos_context_resume(const struct libos_context* c, long value) */
    .balign 16
    .globl libos_context_resume
    .hidden libos_context_resume
    .type libos_context_resume, @function
libos_context_resume:
    movq 0(%rdi), %rbx
    movq 8(%rdi), %rbp
    movq 16(%rdi), %r12
    movq 24(%rdi), %r13
    movq 32(%rdi), %r14
    movq 40(%rdi), %r15
    movq 48(%rdi), %rsp
    movq %rsi, %rax
    jmp *56(%rdi)
    .size libos_context_resume, . - libos_context_resume

    .section .note.GNU-stack, "", @progbits
