/*
 * Between the guest and the LibOS: what entry.S, its C side and the signal code share.
 *
 * The register frame of a thread is always at the same place, the top of its LibOS stack
 * (libos_frame()): an entry builds it there, and an event that arrives while the way out is already
 * restoring registers finds it whole and starts the way out again.
 */
#ifndef LIBOS_ENTRY_H
#define LIBOS_ENTRY_H

/* Offsets in struct libos_regs. */
#define R_R15      0
#define R_R14      8
#define R_R13      16
#define R_R12      24
#define R_RBP      32
#define R_RBX      40
#define R_R11      48
#define R_R10      56
#define R_R9       64
#define R_R8       72
#define R_RAX      80
#define R_RCX      88
#define R_RDX      96
#define R_RSI      104
#define R_RDI      112
#define R_ORIG_RAX 120
#define R_RESUME   128
#define R_RIP      136
#define R_RFLAGS   144
#define R_RSP      152
#define R_SIZE     160

#define CALL_COUNT       470
#define CALL_FUNCTION    8 /* in struct libos_call, which has 40 bytes */
#define WORK_TRACE_BIT   0x10
#define WORK_SECCOMP_BIT 0x100
#define WORK_WATCH_MASK  (WORK_TRACE_BIT | WORK_SECCOMP_BIT)
#define WORK_GS_BIT      0x80
#define WORK_EXIT_MASK   0x6f /* everything but tracing, filters and GS */
#define WORK_SLOW_MASK   (WORK_EXIT_MASK | WORK_GS_BIT)

#define EFL_CF 0x000001
#define EFL_TF 0x000100
#define EFL_DF 0x000400
#define EFL_NT 0x004000
#define EFL_RF 0x010000
#define EFL_AC 0x040000
#define EFL_ID 0x200000
/* What `sahf` and an addition cannot restore. */
#define EFL_SLOW (EFL_TF | EFL_DF | EFL_NT | EFL_AC | EFL_ID)

#ifndef __ASSEMBLER__
#include "libos_arch.h"
#include "libos_process.h"

static inline struct libos_regs* libos_frame(const struct libos_tcb* tcb) {
    return (struct libos_regs*)(tcb->libos_sp - R_SIZE);
}

/* entry.S: never called from C; control is sent there. */
void libos_syscall_entry(void); /* rcx: guest's next instruction; r11: where to resume */
void libos_trap_entry(void);    /* the same, coming from a trap: the site may be patched */
void libos_fault_entry(void);   /* frame built by the upcall, a fault recorded in the thread */
void libos_slow_exit(void);     /* frame in place at rsp */

/* Bounds of the two windows of the way out. */
extern const char libos_exit_window_start[], libos_exit_window_end[];
extern const char libos_iret_window_start[], libos_iret_window_end[];
extern const char libos_guest_gs_set[]; /* in the second: LIBOS_WORK_GS is gone, GS still ours */

/* The features of XCR0 that a signal frame holds, and the size of their XSAVE area (fpu.c). */
extern uint64_t g_libos_xfeatures;
extern uint32_t g_libos_xsave_size;

/* The two arrays of offsets in libos_table.h and libos_tcb.h are checked in init.c. */

/* Called by entry.S, with the frame whole. */
void libos_trap_hook(struct libos_regs* regs);    /* a system call came by trap (patch.c) */
void libos_fault_work(struct libos_regs* regs);   /* turn the recorded fault into a signal */
long libos_watched_call(struct libos_regs* regs); /* dispatch with filters, --strace, --stats */
long libos_traced_call(struct libos_regs* regs);
/* All work of the way out. true: the system call in the frame is to be made again. */
bool libos_exit_work(struct libos_regs* regs);

/* user_copy.S: where a user access that faulted at `rip` continues; 0: nowhere. */
uint64_t libos_find_fixup(uint64_t rip);

/* Guest registers while it ran a call-site stub or a patched site, as if it had run the original
 * instructions (stubs.c). rip: where it is. False: not in a stub. *guest_rip 0: the stub is about
 * to enter the LibOS, which will look at the work flags by itself. */
bool libos_stub_translate(uint64_t rip, uint64_t* guest_rip);
/* Is rip in the part of a stub that looks whether GS is ours? Then *go is behind that part. */
bool libos_stub_gs_check(uint64_t rip, uint64_t* go);
/* Where to go for guest address rip: the copy in a stub if its bytes are patched, else rip. */
uint64_t libos_patch_resume(uint64_t rip);
/* A patched site whose original `syscall` instruction is at rip? Then *ret is the address behind it
 * and *resume where to continue after the call. Lock-free. */
bool libos_patch_find_syscall(uint64_t rip, uint64_t* ret, uint64_t* resume);
/* Where an instruction that a patched site replaced goes on, in the copy; 0: rip is no such. */
uint64_t libos_patch_interior(uint64_t rip);
/* int3 at rip: is it ours, of a site that is being patched right now? Then run it again. */
bool libos_patch_hit_int3(uint64_t rip);
int libos_patch_init(void);

/* Upcalls of the PAL (exception.c). */
void libos_exceptions_init(void);

#endif /* __ASSEMBLER__ */
#endif /* LIBOS_ENTRY_H */
