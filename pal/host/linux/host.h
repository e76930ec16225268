/*
 * Inside the Linux host: the system-call stubs, handles, errors, locks and the thread block that
 * every file of this folder builds on. Nothing here is visible to the LibOS.
 *
 * Rules
 *  - A host system call goes through host_syscall() or, where it may block for long,
 *    host_syscall_block(): only the stub page (stubs.S) may reach the host, all else traps.
 *  - Host errno values become PAL errors in host_error() and nowhere else.
 *  - User buffers are passed to the host as they are: the host kernel copies and answers EFAULT.
 */
#ifndef HOST_H
#define HOST_H

/* ---- Thread block offsets that stubs.S needs ---------------------------------------------------
 */

#define HOST_TCB_KICK 528 /* gs:528: struct host_tcb.kick */

#ifndef __ASSEMBLER__

#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/futex.h>
#include <linux/time_types.h>

#include "culm_list.h"
#include "culm_printf.h"
#include "culm_string.h"
#include "pal/pal.h"

#define PAGE_SIZE          4096UL
#define PAGE_DOWN(x)       ((PAL_NUM)(x) & ~(PAGE_SIZE - 1))
#define PAGE_UP(x)         PAGE_DOWN((PAL_NUM)(x) + PAGE_SIZE - 1)
#define IS_PAGE_ALIGNED(x) (((PAL_NUM)(x) & (PAGE_SIZE - 1)) == 0)
#define NSEC_PER_SEC       1000000000UL

/* ---- System calls (stubs.S) --------------------------------------------------------------------
 */

/* Returns what the kernel returns: >= 0, or a negative errno. Restarted by itself when a signal
 * arrives (handlers are SA_RESTART), where the kernel can restart it. */
long pal_syscall(long nr, long a1, long a2, long a3, long a4, long a5, long a6);
/* The same in the interrupt window: -EINTR when PalThreadResume() or a signal comes during the call
 * or came since the last -EINTR, even just before. */
long pal_syscall_interruptible(long nr, long a1, long a2, long a3, long a4, long a5, long a6);
/* The same for up to four arguments, which need not be moved: for hot paths. */
long pal_syscall4(long a1, long a2, long a3, long a4, long nr);
long pal_syscall4_interruptible(long a1, long a2, long a3, long a4, long nr);

#define HOST_CALL_(f, nr, a1, a2, a3, a4, a5, a6, ...)                                             \
    f((long)(nr), (long)(a1), (long)(a2), (long)(a3), (long)(a4), (long)(a5), (long)(a6))
/* host_syscall(__NR_read, fd, buf, n): up to six arguments of any integer or pointer type. */
#define host_syscall(...) HOST_CALL_(pal_syscall, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define host_syscall_block(...)                                                                    \
    HOST_CALL_(pal_syscall_interruptible, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

/* ---- Errors (error.c) --------------------------------------------------------------------------
 */

/* A kernel result: 0 when >= 0, else the PAL error for -errno. Use for calls that return 0. */
int host_error(long result);
/* A kernel result: itself when >= 0, else the PAL error. Use for calls that return a count. */
static inline int64_t host_result(long result) {
    return result >= 0 ? result : host_error(result);
}

/* One line on standard error (or the log): "culm-pal: ...". */
void host_log(int level, const char* fmt, ...) __attribute__((format(printf, 2, 3)));
/* One line on standard error, then end the process with this status. */
/* Status of a start that failed before the program ran, as the culm command documents it. */
#define HOST_START_FAILED 125
_Noreturn void host_die(int status, const char* fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- Locks: a futex word; 0 free, 1 held, 2 held with waiters. Never held over a blocking call.
 */

struct host_lock {
    uint32_t word;
};
#define HOST_LOCK_INIT                                                                             \
    { 0 }
void host_lock_wait(struct host_lock* lock);
void host_lock_wake(struct host_lock* lock);
static inline void host_lock(struct host_lock* lock) {
    uint32_t free = 0;
    if (!__atomic_compare_exchange_n(&lock->word, &free, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        host_lock_wait(lock);
}
static inline void host_unlock(struct host_lock* lock) {
    if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
        host_lock_wake(lock);
}

/* ---- Handles (handle.c) ------------------------------------------------------------------------
 */

enum {
    HANDLE_NONBLOCK = 1 << 0, /* the LibOS asked for non-blocking */
    HANDLE_READABLE = 1 << 1,
    HANDLE_WRITABLE = 1 << 2,
    HANDLE_INHERITED = 1 << 3, /* host fd came from outside (0, 1, 2): never close or change it */
    HANDLE_PATH = 1 << 4,      /* PAL_ACCESS_PATH: the fd is an O_PATH one */
    HANDLE_APPEND = 1 << 5,
    HANDLE_DUPLEX = 1 << 6,   /* fd reads, fd2 writes */
    HANDLE_SEEKABLE = 1 << 7, /* a regular file or block device: positioned reads and writes */
    HANDLE_PACKET = 1 << 8,
    HANDLE_CONNECTED = 1 << 9,
    HANDLE_REMEMBERED = 1 << 10, /* directories below it are remembered (parents.c) */
};

struct host_tcb;

struct host_handle {
    union pal_handle pal; /* pal.hdr.type: PAL_TYPE_*; 0 while free */
    uint32_t flags;       /* HANDLE_* */
    int fd;               /* host descriptor, -1: none */
    int fd2;              /* second descriptor (HANDLE_DUPLEX), -1: none */
    union {
        struct host_handle* next_free;
        struct {
            uint32_t mode; /* st_mode at open, if known; 0: unknown */
        } file;
        struct {
            uint16_t family, type, protocol;
        } sock;
        struct {
            struct host_tcb* tcb; /* thread blocks are never unmapped, only reused */
            int tid;              /* 0 once the thread has ended */
            uint32_t ended;       /* futex word: 0 running, 2 with waiters, 1 ended */
            uint32_t refs;        /* the thread and the handle's owner; atomic */
        } thread;
        struct {
            int pid;        /* host pid of the child; 0: not a child (the parent's handle) */
            int pidfd;      /* -1: none */
            uint32_t state; /* 0 running, 1 ended; status is then set. Guarded by a lock. */
            PAL_NUM status; /* as PalProcessWait gives it */
        } process;          /* fd: stream to the process, or its pidfd after PalProcessFork */
        struct {
            uint32_t word; /* mutex: 0 free, 1 held, 2 held with waiters; event: 1 signaled */
            uint32_t waiters;
            bool auto_reset;
        } sync;
        uint64_t space[6]; /* the whole handle is one 64-byte cache line */
    };
};
_Static_assert(sizeof(struct host_handle) == 64, "one cache line");

/* A zeroed handle of this type with both descriptors -1; NULL: no memory. No host call on the way,
 * save once per some hundred handles. */
struct host_handle* host_handle_new(PAL_IDX type);
/* The same around a descriptor, into *out; closes fd and returns PAL_ERROR_NOMEM if it fails. */
int host_handle_wrap(PAL_IDX type, int fd, uint32_t flags, PAL_HANDLE* out);
/* Gives the memory back; does not close descriptors. */
void host_handle_free(struct host_handle* handle);

static inline struct host_handle* host_handle(PAL_HANDLE handle) {
    return (struct host_handle*)handle;
}
/* True for a live handle of this type. */
static inline bool host_handle_is(PAL_HANDLE handle, PAL_IDX type) {
    return handle && handle->hdr.type == type;
}
/* True for any handle with a host descriptor: what the stream calls accept. */
static inline bool host_handle_has_fd(PAL_HANDLE handle) {
    return handle && handle->hdr.type && host_handle(handle)->fd >= 0;
}

/* PalObjectClose() for stream types, in the streams' part: shut what the type needs and close the
 * descriptors. The caller frees the handle. Inherited descriptors stay open. */
void host_stream_close(struct host_handle* handle);

/* At start, before anything is opened: takes the numbers of standard descriptors that are closed.
 */
void host_fill_standard(void);

/* The random value that the names of this instance's pipes carry (pipes.c): the kernel's AT_RANDOM
 * in the first process, handed down to those it creates. */
void host_instance_salt(uint64_t salt[2]);
void host_instance_salt_set(const uint64_t salt[2]);

/* ---- Threads (threads.c) -----------------------------------------------------------------------
 */

struct host_tcb {
    PAL_TCB pal;
    uint32_t kick;         /* the window word: nonzero makes the next blocking call return -EINTR */
    int tid;               /* host thread id */
    uint32_t alive;        /* nonzero while the thread exists; the kernel clears it at its end */
    uint32_t is_first;     /* the process's first thread: its host thread is parked, never ended */
    struct host_tcb* next; /* in the list of ended blocks; guarded by the thread lock */
    struct host_tcb* all;  /* in the list of all blocks; the same lock */
    void* block;           /* mapping that holds stacks and this TCB */
    void* stack_top;
    void* alt_stack;
    PAL_NUM alt_stack_size;
    int (*entry)(void*);
    void* param;
    struct host_handle* handle;
    struct { /* robust.c; laid out as the kernel's struct robust_list_head */
        PAL_ROBUST_LOCK* list;
        long futex_offset;
        PAL_ROBUST_LOCK* pending;
        bool known; /* to the kernel */
    } robust;
    struct host_handle* spare; /* the handle it closed last, for its next (handle.c) */
    uint32_t lookup_slot;      /* the one it used last (parents.c) */
};
_Static_assert(__builtin_offsetof(struct host_tcb, kick) == HOST_TCB_KICK, "stubs.S knows it");

static inline struct host_tcb* host_tcb(void) {
    return (struct host_tcb*)pal_get_tcb();
}

/* ---- Process-wide state ------------------------------------------------------------------------
 */

extern PAL_CONTROL g_control;
extern int g_pid; /* host pid; changes in a forked child */

/* ---- Memory (memory.c) -------------------------------------------------------------------------
 */

/* PAL_ERROR_DENIED if [addr, addr+size) touches the PAL, the loaded image or the kernel's pages. */
int host_check_range(const void* addr, PAL_NUM size);
int host_prot(PAL_FLG prot); /* PAL_PROT_* to PROT_*; WRITECOPY adds nothing */
/* Copies where either side may be bad memory; returns how many bytes were not copied. */
size_t host_copy(void* dst, const void* src, size_t n);
/* A free address range of this size inside user_address (or libos_address), mapped PROT_NONE by the
 * kernel at once so that no other thread gets it; map over it with MAP_FIXED. 0 or PAL error. */
int host_pick_address(PAL_NUM size, bool internal, void** addr);

/* A timeout for the kernel. */
static inline struct __kernel_timespec host_timespec(PAL_NUM ns) {
    return (struct __kernel_timespec){.tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC};
}

#endif /* __ASSEMBLER__ */
#endif /* HOST_H */
