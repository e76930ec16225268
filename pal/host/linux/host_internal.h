/*
 * What only the PAL core of this host shares: start-up, traps, thread blocks, protected ranges.
 *
 * Address plan (all below 2^47):
 *   user_address   [max(64 KiB, vm.mmap_min_addr), LIBOS_START)
 *   libos_address  [LIBOS_START, LIBOS_END): the LibOS's image and heap, at random places
 *   PAL            [PAL_BASE, ...): this program; from PAL_ARENA_START its thread blocks and slabs
 *   above          the kernel's: first stack, vDSO
 */
#ifndef HOST_INTERNAL_H
#define HOST_INTERNAL_H

#include "host.h"

#define LIBOS_START      0x7c0000000000UL
#define LIBOS_END        0x7d0000000000UL
#define PAL_BASE         0x7d0000000000UL
#define PAL_ARENA_START  0x7d1000000000UL
#define FIRST_STACK_SIZE (256UL << 10)

/* Signal numbers: <asm/signal.h> clashes with the types that <sys/uio.h> brings. */
enum {
    SIGHUP_ = 1,
    SIGILL_ = 4,
    SIGTRAP_ = 5,
    SIGABRT_ = 6,
    SIGBUS_ = 7,
    SIGFPE_ = 8,
    SIGKILL_ = 9,
    SIGSEGV_ = 11,
    SIGPIPE_ = 13,
    SIGSTKFLT_ = 16,
    SIGCHLD_ = 17,
    SIGCONT_ = 18,
    SIGSTOP_ = 19,
    SIGTSTP_ = 20,
    SIGTTIN_ = 21,
    SIGTTOU_ = 22,
    SIGURG_ = 23,
    SIGXFSZ_ = 25,
    SIGWINCH_ = 28,
    SIGSYS_ = 31,
};
/* PalThreadResume()'s signal: one that Linux never sends, and that coalesces (real-time ones
 * queue). */
#define KICK_SIGNAL SIGSTKFLT_
#define KICK_CODE   -60 /* si_code of PalProcessKick() and its kin: one that no program sends */
/* si_code of what the monitor (tools/culm/monitor.c) passes on; the sender's is in si_errno. */
#define PASSED_ON_CODE -61
#define SIG_SETMASK_   2
#define SIG_BIT(n)     (1UL << ((n)-1))

/* stubs.S, start.S */
extern char pal_stub_page[], pal_stub_page_end[];
extern char pal_window_start[], pal_window_syscall[], pal_window_eintr[];
extern char host_copy_start[], host_copy_fixup[];
extern char host_image_end[] __asm__("_end");
void pal_sigreturn(void);
long pal_clone(unsigned long flags, void* stack, int* ptid, int* ctid, void* entry, void* arg);
_Noreturn void pal_thread_end(int* clear_child_tid, bool park);
_Noreturn void host_call_on_stack(void* stack_top, void (*f)(void*), void* arg);

/* memory.c. Zeroed, populated memory of the PAL's own; or address space only. NULL: none. */
void* host_map_internal(PAL_NUM size);
void* host_reserve_internal(PAL_NUM size);
void host_protect_image(uintptr_t start, uintptr_t end);

/* Locks held over a fork, in this order, so that the child finds the state whole. */
extern struct host_lock g_topology_lock, g_wait_lock, g_thread_lock, g_handle_lock, g_memory_lock,
    g_parents_lock;

/* threads.c */
void host_thread_init_first(void);
void host_thread_arm_first(void); /* signal stack, trap, signal mask of the first thread */
void host_keep_over_fork(PAL_NUM addr, PAL_NUM size, int prot);
void host_thread_after_fork(void);
bool host_thread_is_alone(void); /* there never was another one */
void host_thread_unref(struct host_handle* handle);
void host_set_gs(uint64_t base);
struct host_tcb* host_own_gs(const void* alt_stack, uint64_t* before);

/* exception.c */
/* The PAL's own handler (again). True if the signal was ignored before. */
bool host_exceptions_restore(int signo);
void host_exceptions_init(void);
bool host_set_signal(int signo, void* handler); /* NULL: default, (void*)1: ignore */

/* options.c: what the command line said; NULL and -1: nothing. */
extern struct host_options {
    const char *manifest, *log_level, *entrypoint, *trap;
    long manifest_fd, parent_fd;
} g_options;
char** host_parse_options(char** argv); /* returns the guest's argv */
void host_apply_options(void);          /* after the manifest, which they win over */

/* manifest.c: fills manifest_root and manifest_preload, obeys the PAL's own keys. */
void host_read_manifest(void);

/* main.c */
long host_open_or_die(const char* path, const char* what);

/* trap.c: system calls outside the stub page trap. */
enum {
    TRAP_SUD,       /* Syscall User Dispatch, per thread */
    TRAP_SECCOMP,   /* a filter, inherited by threads and children */
    TRAP_INHERITED, /* the parent's filter is in force */
};
extern int g_trap_kind;
void host_arm_trap(void);       /* the calling thread */
void host_arm_trap_first(void); /* the first thread: chooses the kind */

/* clock.c */
extern PAL_NUM g_vdso_start, g_vdso_end;
void host_clock_init(PAL_NUM vdso);

/* system.c, sysinfo.c */
void host_limits_back(void);
void host_system_init(void);
/* Reads a small file whole, NUL-terminated, cut at size - 1; returns the length or a PAL error. */
int64_t host_read_file(const char* path, char* buffer, PAL_NUM size);
/* The decimal number at *at, blanks before it skipped; moves *at behind it. */
PAL_NUM host_parse_number(const char** at);

/* process.c */
extern const char* g_manifest_text;               /* NUL-terminated; NULL: no manifest */
extern const char *g_image_option, *g_image_path; /* "--libos" or "--bare", and the file */
void host_process_close(struct host_handle* handle);
/* 0 when the child has ended; PAL_ERROR_TRYAGAIN at the deadline (monotonic). [blocking] */
int host_process_wait_end(struct host_handle* handle, PAL_NUM deadline_ns);
long host_vfork(unsigned long flags, int* pidfd, void (*f)(void*), void* arg);

#endif /* HOST_INTERNAL_H */
