/*
 * The ways into the LibOS and the ways out.
 *
 * In: the guest's stack is not touched (its red zone is live); all general registers go into the
 * frame at the top of the thread's LibOS stack (struct libos_regs). Vector registers stay as they
 * are: no LibOS code uses them.
 *
 * Out: between the last look at the work flags and the jump to the guest a signal may arrive. The
 * upcall finds the instruction pointer inside one of the two windows below and starts the way out
 * again at libos_slow_exit: the frame is still whole, so nothing is lost.
 */
#include "libos_tcb.h"
#include "entry.h"

    .macro SAVE_FRAME
    movq %rsp, %gs:TCB_USER_RSP
    movq %gs:TCB_LIBOS_SP, %rsp
    pushq %gs:TCB_USER_RSP
    pushfq
    pushq %rcx          /* rip */
    pushq %r11          /* resume */
    pushq %rax          /* orig_rax */
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq $-38          /* rax: ENOSYS until told otherwise, as Linux */
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movl $1, %gs:TCB_IN_LIBOS
    cld
    .endm

    .text
    .balign 64
    .globl libos_syscall_entry
    .hidden libos_syscall_entry
    .type libos_syscall_entry, @function
libos_syscall_entry:
    SAVE_FRAME
dispatch:
    testl $WORK_WATCH_MASK, %gs:TCB_WORK
    jnz watched
    movl %eax, %eax     /* Linux looks at 32 bits of the number */
    cmpl $CALL_COUNT, %eax
    jae absent
    leaq (%rax, %rax, 4), %rax
    leaq g_libos_calls(%rip), %r11
    movq CALL_FUNCTION(%r11, %rax, 8), %rax
    testq %rax, %rax
    jz absent
    movq %r10, %rcx
    call *%rax
done:
    movq %rax, R_RAX(%rsp)
    leaq 516(%rax), %rcx /* one of the four ERESTART*? */
    cmpq $4, %rcx
    jbe libos_slow_exit

    .globl libos_exit_window_start
    .hidden libos_exit_window_start
libos_exit_window_start:
    testl $WORK_SLOW_MASK, %gs:TCB_WORK
    jnz libos_slow_exit
    movq R_RFLAGS(%rsp), %r11
    testl $EFL_SLOW, %r11d
    jnz libos_slow_exit
    movq R_RESUME(%rsp), %rcx
    movq %rcx, %gs:TCB_SCRATCH0
    movl $0, %gs:TCB_IN_LIBOS
    movq R_R10(%rsp), %r10
    movq R_R9(%rsp), %r9
    movq R_R8(%rsp), %r8
    movq R_RDX(%rsp), %rdx
    movq R_RSI(%rsp), %rsi
    movq R_RDI(%rsp), %rdi
    movl %r11d, %eax    /* the arithmetic flags, without the cost of popf */
    shrl $11, %eax
    andl $1, %eax
    movb %r11b, %cl
    movb %cl, %ah
    addb $0x7f, %al     /* OF */
    sahf                /* SF ZF AF PF CF */
    movq R_RAX(%rsp), %rax
    movq R_RIP(%rsp), %rcx
    movq R_RSP(%rsp), %rsp
    .globl libos_exit_window_end
    .hidden libos_exit_window_end
libos_exit_window_end:  /* the address of the window's last instruction */
    jmp *%gs:TCB_SCRATCH0

absent:
    movq $-38, %rax
    jmp done
watched:
    movq %rsp, %rdi
    call libos_watched_call
    jmp done
    .size libos_syscall_entry, . - libos_syscall_entry

/* A trapped `syscall` instruction; the upcall sent control here after the trap was over. */
    .balign 16
    .globl libos_trap_entry
    .hidden libos_trap_entry
    .type libos_trap_entry, @function
libos_trap_entry:
    SAVE_FRAME
    movq $1, %gs:TCB_SCRATCH1 /* --stats wants to know the way */
    movq %rsp, %rdi
    call libos_trap_hook
reload:
    movq R_ORIG_RAX(%rsp), %rax
    movq R_RDI(%rsp), %rdi
    movq R_RSI(%rsp), %rsi
    movq R_RDX(%rsp), %rdx
    movq R_R10(%rsp), %r10
    movq R_R8(%rsp), %r8
    movq R_R9(%rsp), %r9
    jmp dispatch
    .size libos_trap_entry, . - libos_trap_entry

/* rsp is the frame, built by the upcall. */
    .balign 16
    .globl libos_fault_entry
    .hidden libos_fault_entry
    .type libos_fault_entry, @function
libos_fault_entry:
    cld
    movq %rsp, %rdi
    call libos_fault_work
    /* fall through */
    .size libos_fault_entry, . - libos_fault_entry

    .globl libos_slow_exit
    .hidden libos_slow_exit
    .type libos_slow_exit, @function
libos_slow_exit:
    movl $1, %gs:TCB_IN_LIBOS
    cld
    movq %rsp, %rdi
    call libos_exit_work
    testb %al, %al
    jnz reload
    .globl libos_iret_window_start
    .hidden libos_iret_window_start
libos_iret_window_start:
    testl $WORK_EXIT_MASK, %gs:TCB_WORK
    jnz libos_slow_exit
    movq R_RESUME(%rsp), %rcx
    testq %rcx, %rcx
    cmovzq R_RIP(%rsp), %rcx
    movq R_RFLAGS(%rsp), %rdx
    movq R_RSP(%rsp), %rsi
    pushq $0x2b         /* below the frame: ss, rsp, rflags, cs, rip */
    pushq %rsi
    pushq %rdx
    pushq $0x33
    pushq %rcx
    movl $0, %gs:TCB_IN_LIBOS
    testl $WORK_GS_BIT, %gs:TCB_WORK
    jz 1f
    movq %gs:TCB_GUEST_GS, %rcx
    lock andl $~WORK_GS_BIT, %gs:TCB_WORK
    .globl libos_guest_gs_set
    .hidden libos_guest_gs_set
libos_guest_gs_set:
    wrgsbase %rcx
1:  movq 40+R_R15(%rsp), %r15
    movq 40+R_R14(%rsp), %r14
    movq 40+R_R13(%rsp), %r13
    movq 40+R_R12(%rsp), %r12
    movq 40+R_RBP(%rsp), %rbp
    movq 40+R_RBX(%rsp), %rbx
    movq 40+R_R11(%rsp), %r11
    movq 40+R_R10(%rsp), %r10
    movq 40+R_R9(%rsp), %r9
    movq 40+R_R8(%rsp), %r8
    movq 40+R_RAX(%rsp), %rax
    movq 40+R_RCX(%rsp), %rcx
    movq 40+R_RDX(%rsp), %rdx
    movq 40+R_RSI(%rsp), %rsi
    movq 40+R_RDI(%rsp), %rdi
    .globl libos_iret_window_end
    .hidden libos_iret_window_end
libos_iret_window_end:  /* the address of the window's last instruction */
    iretq
    .size libos_slow_exit, . - libos_slow_exit

/* void libos_return_to_guest(struct libos_regs* regs): regs is the thread's frame. */
    .balign 16
    .globl libos_return_to_guest
    .hidden libos_return_to_guest
    .type libos_return_to_guest, @function
libos_return_to_guest:
    movq %rdi, %rsp
    jmp libos_slow_exit
    .size libos_return_to_guest, . - libos_return_to_guest

    .section .note.GNU-stack, "", @progbits
