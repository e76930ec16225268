/*
 * The LibOS's part of the thread control block (PAL_TCB.libos_tcb, reached through GS), and the
 * register frame that every entry into the LibOS builds on the thread's LibOS stack.
 * Offsets are used by assembly: see libos/src/arch/x86_64/entry.S.
 */
#ifndef LIBOS_TCB_H
#define LIBOS_TCB_H

#define TCB_THREAD     16 /* PAL_TCB_LIBOS_OFFSET */
#define TCB_LIBOS_SP   24
#define TCB_USER_RSP   32
#define TCB_SCRATCH0   40
#define TCB_SCRATCH1   48
#define TCB_WORK       56
#define TCB_HELD       60
#define TCB_IN_LIBOS   64
#define TCB_GUEST_GS   80
#define TCB_MINUS_SELF 88

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>
#include "culm_list.h"
#include "pal/pal.h"

struct libos_thread;

struct libos_tcb {
    struct libos_thread* thread; /* NULL in LibOS-internal helper threads */
    uint64_t libos_sp;           /* top of the LibOS stack: where the register frame is built */
    uint64_t user_rsp;           /* scratch of the entry path */
    uint64_t scratch[2];         /* scratch of call-site stubs and of the entry path */
    uint32_t work;          /* LIBOS_WORK_*: set atomically by anyone, looked at on the way out */
    uint32_t held;          /* counted locks held: see libos_lock.h */
    uint32_t in_libos;      /* not 0 between entry and exit: a kick then only sets `work` */
    uint32_t malloc_closed; /* libos_malloc_thread_exit() has run */
    void* malloc_cache;     /* mm/libos_malloc_cache.c */
    uint64_t guest_gs;      /* the guest's own GS base, with LIBOS_WORK_GS */
    uint64_t minus_self;    /* minus the base of GS: call-site stubs look whether it is ours */
    struct coord_lock* coord_held; /* the coord_lock it took last, of those that it holds */
    uint32_t coord_log;            /* the undo log it used last: coord/coord_lock.c */
    uint32_t traps_spared;         /* call sites not patched yet, after a fork: patch.c */
    struct list_node node;         /* of all threads that run LibOS code: proc/libos_barrier.c */
};

enum {
    LIBOS_WORK_SIGNAL = 1 << 0,  /* a deliverable signal may be pending */
    LIBOS_WORK_EXIT = 1 << 1,    /* the thread must end (exit_group, execve by another thread) */
    LIBOS_WORK_BARRIER = 1 << 2, /* stop for the fork barrier */
    LIBOS_WORK_STOP = 1 << 3,    /* job control stop */
    LIBOS_WORK_TRACE = 1 << 4,   /* --strace or --stats wants to see each call */
    LIBOS_WORK_RESTORE_MASK = 1 << 5, /* thread->saved_mask must come back (sigsuspend, ppoll) */
    LIBOS_WORK_FULL_RESTORE = 1 << 6, /* the frame was changed: restore every register from it */
    LIBOS_WORK_GS = 1 << 7,           /* GS is to be guest_gs; from the entry to the exit only */
    LIBOS_WORK_SECCOMP = 1 << 8,      /* filters want to see each call */
};

static inline struct libos_tcb* libos_get_tcb(void) {
    return (struct libos_tcb*)pal_get_tcb()->libos_tcb;
}
static inline struct libos_thread* get_cur_thread(void) {
    struct libos_thread* t;
    __asm__("movq %%gs:%c1, %0" : "=r"(t) : "i"(TCB_THREAD));
    return t;
}

/* All general registers of the guest at the entry into the LibOS, lowest address first. */
struct libos_regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t orig_rax; /* system-call number, or -1: not a system call */
    uint64_t resume;   /* where to continue instead of rip (tail of a call-site stub); 0: at rip */
    uint64_t rip;      /* guest's view: the instruction after `syscall` */
    uint64_t rflags;
    uint64_t rsp;
};
_Static_assert(sizeof(struct libos_regs) == 20 * 8, "entry.S");
_Static_assert(sizeof(struct libos_tcb) <= PAL_LIBOS_TCB_SIZE, "pal.h");
#endif
#endif /* LIBOS_TCB_H */
