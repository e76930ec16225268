/*
 * Copies to and from user memory. An instruction that may fault has an entry in __ex_table: two
 * 32-bit offsets, relative to themselves, to the instruction and to where it continues. The upcall
 * for the fault (exception.c) sends control there. The linker keeps the entries in code order, and
 * this is the only file with more than one, so libos_find_fixup may search linearly.
 */
    .macro EX fault, fixup
    .pushsection __ex_table, "aR", @progbits
    .balign 4
    .long \fault - .
    .long \fixup - .
    .popsection
    .endm

    .text
/* size_t libos_user_copy(void* dst, const void* src, size_t n): returns the bytes not copied.
 * Short copies by words; long ones by `rep movsb`, which leaves in rcx what is left. */
    .balign 32
    .globl libos_user_copy
    .hidden libos_user_copy
    .type libos_user_copy, @function
libos_user_copy:
    movq %rdx, %rcx
    cmpq $64, %rdx
    ja 5f
1:  cmpq $8, %rcx
    jb 3f
2:  movq (%rsi), %rax
12: movq %rax, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rcx
    jmp 1b
3:  testq %rcx, %rcx
    jz 6f
4:  movb (%rsi), %al
14: movb %al, (%rdi)
    incq %rsi
    incq %rdi
    decq %rcx
    jmp 3b
5:  rep movsb
6:  movq %rcx, %rax
    ret
    EX 2b, 3b           /* again by bytes, up to the very byte that faults */
    EX 12b, 3b
    EX 4b, 6b
    EX 14b, 6b
    EX 5b, 6b
    .size libos_user_copy, . - libos_user_copy

/* size_t libos_user_clear(void* dst, size_t n): returns the bytes not cleared. */
    .balign 16
    .globl libos_user_clear
    .hidden libos_user_clear
    .type libos_user_clear, @function
libos_user_clear:
    movq %rsi, %rcx
    xorl %eax, %eax
1:  rep stosb
2:  movq %rcx, %rax
    ret
    EX 1b, 2b
    .size libos_user_clear, . - libos_user_clear

/* long libos_user_strcpy(char* dst, const char* src, size_t n): the length without the NUL, n if
 * there is none in n bytes, or -EFAULT. */
    .balign 16
    .globl libos_user_strcpy
    .hidden libos_user_strcpy
    .type libos_user_strcpy, @function
libos_user_strcpy:
    xorl %eax, %eax
    movabsq $0x0101010101010101, %r8
    movabsq $0x8080808080808080, %r9
1:  leaq 8(%rax), %r10
    cmpq %rdx, %r10
    ja 3f
    leaq (%rsi, %rax), %r11 /* eight bytes if they lie in one page: then all fault, or none */
    andl $4095, %r11d
    cmpl $4088, %r11d
    ja 3f
2:  movq (%rsi, %rax), %rcx
    movq %rcx, (%rdi, %rax)
    movq %rcx, %r11
    subq %r8, %r11
    notq %rcx
    andq %rcx, %r11
    andq %r9, %r11      /* the lowest bit set is in the first byte that is 0 */
    jnz 5f
    movq %r10, %rax
    jmp 1b
3:  cmpq %rdx, %rax
    jae 6f
4:  movb (%rsi, %rax), %cl
    movb %cl, (%rdi, %rax)
    testb %cl, %cl
    jz 6f
    incq %rax
    jmp 1b
5:  bsfq %r11, %r11
    shrl $3, %r11d
    addq %r11, %rax
6:  ret
7:  movq $-14, %rax
    ret
    EX 2b, 7b
    EX 4b, 7b
    .size libos_user_strcpy, . - libos_user_strcpy

/* int libos_user_load_u32(const uint32_t* addr, uint32_t* value) */
    .balign 16
    .globl libos_user_load_u32
    .hidden libos_user_load_u32
    .type libos_user_load_u32, @function
libos_user_load_u32:
1:  movl (%rdi), %eax
    movl %eax, (%rsi)
    xorl %eax, %eax
    ret
    EX 1b, libos_user_fault
    .size libos_user_load_u32, . - libos_user_load_u32

/* int libos_user_store_u32(uint32_t* addr, uint32_t value) */
    .balign 16
    .globl libos_user_store_u32
    .hidden libos_user_store_u32
    .type libos_user_store_u32, @function
libos_user_store_u32:
1:  movl %esi, (%rdi)
    xorl %eax, %eax
    ret
    EX 1b, libos_user_fault
    .size libos_user_store_u32, . - libos_user_store_u32

/* int libos_user_cmpxchg_u32(uint32_t* addr, uint32_t* expected, uint32_t desired) */
    .balign 16
    .globl libos_user_cmpxchg_u32
    .hidden libos_user_cmpxchg_u32
    .type libos_user_cmpxchg_u32, @function
libos_user_cmpxchg_u32:
    movl (%rsi), %eax
1:  lock cmpxchgl %edx, (%rdi)
    movl %eax, (%rsi)
    xorl %eax, %eax
    ret
    EX 1b, libos_user_fault
    .size libos_user_cmpxchg_u32, . - libos_user_cmpxchg_u32

libos_user_fault:
    movl $-14, %eax
    ret

/* Vector state to and from a user frame (fpu.c): int f(void* area, uint64_t features). */
    .balign 16
    .globl libos_user_xsave
    .hidden libos_user_xsave
    .type libos_user_xsave, @function
libos_user_xsave:
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
1:  xsave64 (%rdi)
    xorl %eax, %eax
    ret
    EX 1b, libos_user_fault
    .size libos_user_xsave, . - libos_user_xsave

    .balign 16
    .globl libos_user_xrstor
    .hidden libos_user_xrstor
    .type libos_user_xrstor, @function
libos_user_xrstor:
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
1:  xrstor64 (%rdi)
    xorl %eax, %eax
    ret
    EX 1b, libos_user_fault
    .size libos_user_xrstor, . - libos_user_xrstor

    .balign 16
    .globl libos_user_fxrstor
    .hidden libos_user_fxrstor
    .type libos_user_fxrstor, @function
libos_user_fxrstor:
1:  fxrstor64 (%rdi)
    xorl %eax, %eax
    ret
    EX 1b, libos_user_fault
    .size libos_user_fxrstor, . - libos_user_fxrstor

    .section .note.GNU-stack, "", @progbits
