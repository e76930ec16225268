/*
 * The page from which the host is called. Syscall User Dispatch (or the seccomp fallback) lets
 * exactly this page issue system calls; a `syscall` anywhere else traps. Keep it one page.
 *
 * The interrupt window. A blocking call must not sleep when a kick (PalThreadResume, or a signal
 * from outside) came after the caller last looked. The kicker sets the thread's kick word, then sends
 * a signal. pal_syscall_interruptible tests the word and then executes `syscall`:
 *   - the signal comes before the test: the test sees the word, the stub returns -EINTR;
 *   - it comes between the test and the end of the `syscall` instruction (or the kernel rewinds to
 *     it to restart the call): the handler finds RIP in [pal_window_start, pal_window_syscall] and
 *     moves it to pal_window_eintr: nothing was done, the stub returns -EINTR;
 *   - it comes while the kernel sleeps in a call that is never restarted: the kernel returns -EINTR;
 *   - it comes after the call is done: its result stands, the word stays set for the next call.
 * Every -EINTR that leaves the stub clears the word.
 */
#include "host.h"

#define EINTR_NEG -4
#define NR_futex 202
#define NR_exit 60
#define NR_pause 34
#define NR_rt_sigreturn 15
#define FUTEX_WAKE_PRIVATE_ 129

    .section .culm_stubs, "ax", @progbits
    .balign 4096
    .globl pal_stub_page
    .hidden pal_stub_page
pal_stub_page:

    .globl pal_syscall
    .hidden pal_syscall
    .type pal_syscall, @function
pal_syscall:
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %r10
    movq %r9, %r8
    movq 8(%rsp), %r9
    syscall
    ret
    .size pal_syscall, . - pal_syscall

/* For four arguments at most: they are where the kernel wants them already. */
    .balign 16
    .globl pal_syscall4
    .hidden pal_syscall4
    .type pal_syscall4, @function
pal_syscall4:
    movq %rcx, %r10
    movq %r8, %rax
    syscall
    ret
    .size pal_syscall4, . - pal_syscall4

    .balign 16
    .globl pal_syscall4_interruptible
    .hidden pal_syscall4_interruptible
    .type pal_syscall4_interruptible, @function
pal_syscall4_interruptible:
    movq %rcx, %r10
    movq %r8, %rax
    jmp pal_window_start
    .size pal_syscall4_interruptible, . - pal_syscall4_interruptible

    .balign 16
    .globl pal_syscall_interruptible
    .hidden pal_syscall_interruptible
    .type pal_syscall_interruptible, @function
pal_syscall_interruptible:
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rdx, %rsi
    movq %rcx, %rdx
    movq %r8, %r10
    movq %r9, %r8
    movq 8(%rsp), %r9
    .globl pal_window_start
    .hidden pal_window_start
pal_window_start:
    cmpl $0, %gs:HOST_TCB_KICK
    jne pal_window_eintr
    .globl pal_window_syscall
    .hidden pal_window_syscall
pal_window_syscall:
    syscall
    cmpl $EINTR_NEG, %eax
    je pal_window_eintr
    ret
    .globl pal_window_eintr
    .hidden pal_window_eintr
pal_window_eintr:
    movl $0, %gs:HOST_TCB_KICK
    movq $EINTR_NEG, %rax
    ret
    .size pal_syscall_interruptible, . - pal_syscall_interruptible

/* Signal handlers return here (sa_restorer). */
    .balign 16
    .globl pal_sigreturn
    .hidden pal_sigreturn
    .type pal_sigreturn, @function
pal_sigreturn:
    movl $NR_rt_sigreturn, %eax
    syscall
    ud2
    .size pal_sigreturn, . - pal_sigreturn

/* long pal_clone(unsigned long flags, void* stack, int* ptid, int* ctid, void* entry, void* arg)
 * The new thread calls entry(arg) on its stack; entry must not return. */
    .balign 16
    .globl pal_clone
    .hidden pal_clone
    .type pal_clone, @function
pal_clone:
    movq %rcx, %r10      /* ctid */
    movq %r8, %r11       /* entry: r11 is lost in a syscall, so it travels on the new stack */
    andq $-16, %rsi
    subq $16, %rsi
    movq %r11, (%rsi)
    movq %r9, 8(%rsi)
    xorl %r8d, %r8d      /* no TLS: FS is the guest's */
    movl $56, %eax
    syscall
    testq %rax, %rax
    jz 1f
    ret
1:  xorl %ebp, %ebp
    popq %rax
    popq %rdi
    call *%rax
    ud2
    .size pal_clone, . - pal_clone

/* long host_vfork(unsigned long flags, int* pidfd, void (*f)(void*), void* arg)
 * The child calls f(arg) on the caller's stack, below the caller's frames, and never returns; the
 * parent goes on when the child has called execve or exit. */
    .balign 16
    .globl host_vfork
    .hidden host_vfork
    .type host_vfork, @function
host_vfork:
    pushq %rbx
    pushq %rbp
    subq $8, %rsp
    movq %rdx, %rbx
    movq %rcx, %rbp
    movq %rsi, %rdx
    xorl %esi, %esi      /* same stack */
    xorl %r10d, %r10d
    xorl %r8d, %r8d
    movl $56, %eax
    syscall
    testq %rax, %rax
    jz 1f
    addq $8, %rsp
    popq %rbp
    popq %rbx
    ret
1:  movq %rbp, %rdi
    call *%rbx
    ud2
    .size host_vfork, . - host_vfork

/* _Noreturn void pal_thread_end(int* clear_child_tid, bool park)
 * All signals are blocked. From here on no stack is used: once *clear_child_tid is 0 others may free
 * whatever stack the thread was on. */
    .balign 16
    .globl pal_thread_end
    .hidden pal_thread_end
    .type pal_thread_end, @function
pal_thread_end:
    movl %esi, %ebx
    movq %rdi, %rbp
    testq %rbp, %rbp
    jz 1f
    movl $0, (%rbp)
    movq %rbp, %rdi
    movl $FUTEX_WAKE_PRIVATE_, %esi
    movl $1, %edx
    xorl %r10d, %r10d
    movl $NR_futex, %eax
    syscall
1:  testl %ebx, %ebx
    jnz 2f
    xorl %edi, %edi
    movl $NR_exit, %eax
    syscall
    ud2
2:  movl $NR_pause, %eax /* the first thread stays, asleep: its end would empty /proc/self */
    syscall
    jmp 2b
    .size pal_thread_end, . - pal_thread_end

    .balign 4096
    .globl pal_stub_page_end
    .hidden pal_stub_page_end
pal_stub_page_end:
    .section .note.GNU-stack, "", @progbits
