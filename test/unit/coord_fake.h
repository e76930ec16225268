/*
 * The coordination state as an ordinary program: the few calls of the PAL and the LibOS that it
 * needs, on the host's own processes. Included once.
 */
#ifndef COORD_FAKE_H
#define COORD_FAKE_H

#include <asm/prctl.h>
#include <asm/unistd.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coord_internal.h"
#include "libos_process.h"

/* The C library's headers do not go with the kernel's. */
int fork(void);
int kill(int pid, int sig);
int waitpid(int pid, int* status, int options);
int getpid(void);
int usleep(unsigned us);
_Noreturn void _exit(int status);
_Noreturn void abort(void);
long syscall(long nr, ...);
void* mmap(void* addr, size_t size, int prot, int flags, int fd, long offset);
int madvise(void* addr, size_t size, int advice);
int clock_gettime(int clock, struct timespec* ts);
int rand_r(unsigned* seed);
void* calloc(size_t count, size_t size);
int* __errno_location(void);

static PAL_CONTROL control = {.capabilities = PAL_CAP_SHARED_MEM, .alloc_align = 4096};
PAL_CONTROL* g_pal_control = &control;
uint32_t g_libos_fork_barrier;
struct libos_process g_process;
static struct libos_thread g_thread = {.process = &g_process, .tid = 1};
static int g_kicks;

void libos_barrier_wait(void) {
}
void libos_barrier_tell(void) {
}
void libos_lock_slow(libos_lock_t* l) {
    while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE))
        usleep(10);
}
void libos_unlock_slow(libos_lock_t* l) {
    (void)l;
}
void libos_bug(const char* file, int line, const char* what) {
    print_error("%s:%d: %s\n", file, line, what);
    abort();
}
void libos_log(int level, const char* fmt, ...) {
    (void)level;
    (void)fmt;
}
bool libos_signal_pending(struct libos_thread* t) {
    (void)t;
    return false;
}

int PalVirtualMemoryAlloc(PAL_PTR* addr, PAL_NUM size, PAL_FLG type, PAL_FLG prot) {
    int flags = (type & PAL_ALLOC_SHARED ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS;
    void* at = mmap(NULL, size, (int)prot, flags | MAP_NORESERVE, -1, 0);
    *addr = at;
    return at == (void*)-1 ? PAL_ERROR_NOMEM : 0;
}
int PalVirtualMemoryAdvise(PAL_PTR addr, PAL_NUM size, PAL_FLG advice) {
    return madvise(addr, size, advice == PAL_ADVICE_REMOVE ? MADV_REMOVE : MADV_DONTNEED);
}
void PalThreadYieldExecution(void) {
    usleep(100);
}
int PalClockGet(PAL_FLG clock, PAL_NUM* time_ns) {
    struct timespec ts;
    clock_gettime((int)clock, &ts);
    *time_ns = (PAL_NUM)ts.tv_sec * 1000000000 + (PAL_NUM)ts.tv_nsec;
    return 0;
}
int PalFutexWait(uint32_t* word, uint32_t expected, PAL_FLG clock, PAL_NUM deadline, bool shared) {
    struct timespec ts = {(long)(deadline / 1000000000), (long)(deadline % 1000000000)};
    (void)clock;
    (void)shared;
    if (syscall(__NR_futex, word, FUTEX_WAIT_BITSET, expected, deadline == NO_TIMEOUT ? NULL : &ts,
                NULL, -1) == 0)
        return 0;
    return *__errno_location() == ETIMEDOUT ? PAL_ERROR_TIMEDOUT : PAL_ERROR_TRYAGAIN;
}
int PalFutexWake(uint32_t* word, PAL_NUM count, bool shared) {
    (void)shared;
    return (int)syscall(__NR_futex, word, FUTEX_WAKE, (int)count);
}
int PalProcessKick(PAL_IDX host_id) {
    g_kicks++;
    return kill((int)host_id, 0) ? PAL_ERROR_NOTHREAD : 0;
}
int PalProcessContinue(PAL_IDX host_id) {
    return PalProcessKick(host_id);
}
int PalProcessSetSubreaper(bool on) {
    (void)on;
    return 0;
}

/* Robust locks on the kernel's own list, one thread per process. */
static struct {
    PAL_ROBUST_LOCK* list;
    long offset;
    PAL_ROBUST_LOCK* pending;
} g_robust;

static void robust_init(void) {
    g_robust.list = (PAL_ROBUST_LOCK*)&g_robust;
    g_robust.offset = offsetof(PAL_ROBUST_LOCK, word);
    syscall(__NR_set_robust_list, &g_robust, sizeof(g_robust));
}
int PalRobustLock(PAL_ROBUST_LOCK* lock) {
    uint32_t tid = (uint32_t)getpid();
    __atomic_store_n(&g_robust.pending, lock, __ATOMIC_SEQ_CST);
    for (;;) {
        uint32_t seen = __atomic_load_n(&lock->word, __ATOMIC_SEQ_CST);
        if (!(seen & FUTEX_TID_MASK) &&
            __atomic_compare_exchange_n(&lock->word, &seen, tid, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
            lock->next = g_robust.list;
            __atomic_store_n(&g_robust.list, lock, __ATOMIC_SEQ_CST);
            __atomic_store_n(&g_robust.pending, NULL, __ATOMIC_SEQ_CST);
            return seen & FUTEX_OWNER_DIED ? 1 : 0;
        }
        usleep(20);
    }
}
void PalRobustUnlock(PAL_ROBUST_LOCK* lock) {
    PAL_ROBUST_LOCK** at = &g_robust.list;
    while (*at != lock)
        at = &(*at)->next;
    __atomic_store_n(&g_robust.pending, lock, __ATOMIC_SEQ_CST);
    __atomic_store_n(at, lock->next, __ATOMIC_SEQ_CST);
    __atomic_store_n(&lock->word, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&g_robust.pending, NULL, __ATOMIC_SEQ_CST);
}

static void fake_init(void) {
    PAL_TCB* tcb = calloc(1, sizeof(*tcb));
    tcb->self = tcb;
    syscall(__NR_arch_prctl, ARCH_SET_GS, tcb);
    libos_get_tcb()->thread = &g_thread;
    control.process_id = (PAL_NUM)getpid();
    robust_init();
    assert_int_equal(libos_coord_init(), 0);
}

/* A host child that runs fn and ends with its result. */
static int child_of(int (*fn)(void* arg), void* arg) {
    int pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        libos_coord_after_fork();
        robust_init();
        _exit(fn(arg));
    }
    return pid;
}
static int status_of_child(int pid) {
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
}

#endif /* COORD_FAKE_H */
