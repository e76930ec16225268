/*
 * Threads. Each has one block of memory that is never unmapped, only reused:
 *
 *     guard | signal stack | guard | stack | TCB
 *
 * so that a kick through a stale pointer reaches some TCB, and a thread needs no one to free it.
 * The kernel clears tcb->alive when the host thread is gone (CLONE_CHILD_CLEARTID); then the block
 * may be used again.
 */
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "host_internal.h"

#define THREAD_STACK_SIZE (64UL << 10)
#define MAX_LOOKS         16
#define MAX_IDLE          32 /* blocks that keep their memory */
#define ALT_STACK_MIN     (64UL << 10)

struct host_lock g_thread_lock = HOST_LOCK_INIT; /* guards the lists below */
static struct host_tcb* g_all;                   /* every block there is */
static struct host_tcb* g_ended;      /* blocks of ended and ending threads, oldest first */
static struct host_tcb* g_ended_last; /* undefined while g_ended is NULL */
static int g_ended_count;
static bool g_fsgsbase;
static void* g_first_alt_stack; /* of the one block with a stack of FIRST_STACK_SIZE */

static PAL_NUM alt_stack_size(void) {
    return ALT_STACK_MIN + PAGE_UP(3 * g_control.host_minsigstksz);
}

static struct host_tcb* block_new(PAL_NUM stack_size) {
    PAL_NUM alt = alt_stack_size();
    PAL_NUM size = PAGE_SIZE + alt + PAGE_SIZE + stack_size + PAGE_UP(sizeof(struct host_tcb));
    char* block = host_reserve_internal(size);
    if (!block)
        return NULL;
    char* stack = block + 2 * PAGE_SIZE + alt;
    PAL_NUM upper = size - 2 * PAGE_SIZE - alt; /* stack and TCB */
    if (host_syscall(__NR_mprotect, block + PAGE_SIZE, alt, PROT_READ | PROT_WRITE) < 0 ||
        host_syscall(__NR_mprotect, stack, upper, PROT_READ | PROT_WRITE) < 0) {
        host_syscall(__NR_munmap, block, size);
        return NULL;
    }
    /* Three pages that every thread touches at once; a fault costs more than this call. */
    host_syscall(__NR_madvise, stack + upper - 3 * PAGE_SIZE, 3 * PAGE_SIZE, MADV_POPULATE_WRITE);
    struct host_tcb* tcb = (struct host_tcb*)(stack + stack_size);
    tcb->block = block;
    tcb->stack_top = tcb;
    tcb->alt_stack = block + PAGE_SIZE;
    tcb->alt_stack_size = alt;
    host_lock(&g_thread_lock);
    tcb->all = g_all;
    g_all = tcb;
    host_unlock(&g_thread_lock);
    return tcb;
}

/* A block whose thread is gone, or NULL. The oldest may be held up on its last steps, so a few more
 * are looked at. */
static struct host_tcb* block_reuse(void) {
    struct host_tcb *tcb, *before = NULL;
    host_lock(&g_thread_lock);
    tcb = g_ended;
    for (int i = 0; tcb && __atomic_load_n(&tcb->alive, __ATOMIC_ACQUIRE); i++) {
        before = tcb;
        tcb = i < MAX_LOOKS ? tcb->next : NULL;
    }
    if (tcb) {
        *(before ? &before->next : &g_ended) = tcb->next;
        if (g_ended_last == tcb)
            g_ended_last = before;
        g_ended_count--;
    }
    host_unlock(&g_thread_lock);
    return tcb;
}

static void block_retire(struct host_tcb* tcb) {
    tcb->next = NULL;
    host_lock(&g_thread_lock);
    if (g_ended)
        g_ended_last->next = tcb;
    else
        g_ended = tcb;
    g_ended_last = tcb;
    g_ended_count++;
    host_unlock(&g_thread_lock);
}

/* Gives the memory of the caller's block back, but for its TCB and what it stands on, when many
 * blocks lie idle already. All signals are blocked. */
static void block_trim(struct host_tcb* tcb) {
    char here;
    PAL_NUM stack = (PAL_NUM)tcb->alt_stack + tcb->alt_stack_size + PAGE_SIZE;
    PAL_NUM top = (PAL_NUM)tcb->stack_top, sp = (PAL_NUM)&here;
    if (__atomic_load_n(&g_ended_count, __ATOMIC_RELAXED) < MAX_IDLE)
        return;
    if (sp >= stack && sp < top)
        top = PAGE_DOWN(sp) - PAGE_SIZE;
    if (sp - (PAL_NUM)tcb->alt_stack >= tcb->alt_stack_size) /* not within an upcall */
        host_syscall(__NR_madvise, tcb->alt_stack, tcb->alt_stack_size, MADV_DONTNEED);
    if (top > stack)
        host_syscall(__NR_madvise, stack, top - stack, MADV_DONTNEED);
}

static void tcb_reset(struct host_tcb* tcb, struct host_handle* handle) {
    tcb->pal.self = &tcb->pal;
    tcb->pal.thread = &handle->pal;
    memset(tcb->pal.libos_tcb, 0, sizeof(tcb->pal.libos_tcb));
    tcb->kick = 0;
    tcb->is_first = 0;
    tcb->robust.known = false;
    tcb->next = NULL;
    tcb->handle = handle;
    handle->thread.tcb = tcb;
    handle->thread.refs = 2; /* the thread's own and the caller's */
}

void host_set_gs(uint64_t base) {
    if (g_fsgsbase)
        __asm__ volatile("wrgsbase %0" : : "r"(base) : "memory");
    else
        host_syscall(__NR_arch_prctl, 0x1001 /* ARCH_SET_GS */, base);
}

static uint64_t get_gs(void) {
    uint64_t base = 0;
    if (g_fsgsbase)
        __asm__ volatile("rdgsbase %0" : "=r"(base));
    else
        host_syscall(__NR_arch_prctl, 0x1004 /* ARCH_GET_GS */, &base);
    return base;
}

/* For signal handlers: the caller's TCB by the place of its signal stack, GS or no GS; its GS is
 * ours then, and *before what it was. */
struct host_tcb* host_own_gs(const void* alt_stack, uint64_t* before) {
    *before = 0;
    if (!alt_stack) /* before there is one */
        return NULL;
    const char* stack = (const char*)alt_stack + alt_stack_size() + PAGE_SIZE;
    bool first = alt_stack == g_first_alt_stack;
    struct host_tcb* tcb = (void*)(stack + (first ? FIRST_STACK_SIZE : THREAD_STACK_SIZE));
    *before = get_gs();
    if (*before != (uint64_t)tcb)
        host_set_gs((uint64_t)tcb);
    return tcb;
}

static void set_alt_stack(struct host_tcb* tcb) {
    struct {
        void* sp;
        int flags;
        PAL_NUM size;
    } alt = {tcb->alt_stack, 0, tcb->alt_stack_size};
    host_syscall(__NR_sigaltstack, &alt, NULL);
}

void host_thread_arm_first(void) {
    uint64_t none = 0;
    set_alt_stack(host_tcb());
    host_arm_trap_first();
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &none, NULL, 8);
}

void host_thread_init_first(void) {
    g_fsgsbase = g_control.cpu_info.hwcap2 & 2;
    struct host_tcb* tcb = block_new(FIRST_STACK_SIZE);
    struct host_handle* handle = host_handle_new(PAL_TYPE_THREAD);
    if (!tcb || !handle) {
        host_die(HOST_START_FAILED, "out of memory for the first thread");
        return; /* for readers that do not know host_die */
    }
    tcb_reset(tcb, handle);
    tcb->is_first = 1;
    tcb->alive = tcb->tid = handle->thread.tid = g_pid;
    g_control.first_thread = &handle->pal;
    g_first_alt_stack = tcb->alt_stack;
    host_set_gs((uint64_t)tcb);
}

static void thread_main(struct host_tcb* tcb) {
    host_set_gs((uint64_t)tcb);
    tcb->tid = tcb->handle->thread.tid; /* the kernel wrote it there before we ran */
    set_alt_stack(tcb);
    host_arm_trap();
    uint64_t none = 0;
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &none, NULL, 8);
    tcb->entry(tcb->param);
    PalThreadExit(NULL);
}

static long start_host_thread(struct host_tcb* tcb, struct host_handle* handle) {
    uint64_t all = ~0UL, old;
    tcb->alive = 1;
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &all, &old, 8);
    long tid = pal_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                             CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
                         tcb->stack_top, &handle->thread.tid, (int*)&tcb->alive, thread_main, tcb);
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &old, NULL, 8);
    return tid;
}

int PalThreadCreate(int (*addr)(void*), PAL_PTR param, PAL_HANDLE* out) {
    if (!addr || !out)
        return PAL_ERROR_INVAL;
    struct host_tcb* tcb = block_reuse();
    if (!tcb)
        tcb = block_new(THREAD_STACK_SIZE);
    struct host_handle* handle = tcb ? host_handle_new(PAL_TYPE_THREAD) : NULL;
    if (!handle) {
        if (tcb)
            block_retire(tcb);
        return PAL_ERROR_NOMEM;
    }
    tcb_reset(tcb, handle);
    tcb->entry = addr;
    tcb->param = param;
    *out = &handle->pal;
    long tid = start_host_thread(tcb, handle);
    if (tid > 0)
        return 0;
    tcb->alive = 0;
    block_retire(tcb);
    host_handle_free(handle);
    *out = NULL;
    return host_error(tid);
}

void host_thread_unref(struct host_handle* handle) {
    if (__atomic_sub_fetch(&handle->thread.refs, 1, __ATOMIC_ACQ_REL) == 0)
        host_handle_free(handle);
}

static void mark_ended(struct host_tcb* tcb) {
    struct host_handle* handle = tcb->handle;
    tcb->handle = NULL;
    __atomic_store_n(&handle->thread.tid, 0, __ATOMIC_RELEASE);
    if (__atomic_exchange_n(&handle->thread.ended, 1, __ATOMIC_ACQ_REL) == 2)
        host_syscall(__NR_futex, &handle->thread.ended, FUTEX_WAKE_PRIVATE, INT32_MAX);
    host_thread_unref(handle);
}

_Noreturn void PalThreadExit(int* clear_child_tid) {
    struct host_tcb* tcb = host_tcb();
    uint64_t all = ~0UL;
    host_syscall(__NR_rt_sigprocmask, SIG_SETMASK_, &all, NULL, 8);
    mark_ended(tcb);
    if (!tcb->is_first) {
        block_trim(tcb);
        block_retire(tcb);
    }
    pal_thread_end(clear_child_tid, tcb->is_first);
}

int PalThreadResume(PAL_HANDLE thread) {
    if (!host_handle_is(thread, PAL_TYPE_THREAD))
        return PAL_ERROR_BADHANDLE;
    struct host_handle* h = host_handle(thread);
    int tid = __atomic_load_n(&h->thread.tid, __ATOMIC_ACQUIRE);
    if (!tid)
        return PAL_ERROR_NOTHREAD;
    __atomic_store_n(&h->thread.tcb->kick, 1, __ATOMIC_SEQ_CST);
    return host_error(host_syscall(__NR_tgkill, g_pid, tid, KICK_SIGNAL));
}

PAL_NUM PalThreadDelayExecution(PAL_NUM duration_us) {
    PAL_NUM start, end;
    if (duration_us > INT64_MAX / 1000)
        duration_us = INT64_MAX / 1000;
    struct __kernel_timespec ts = host_timespec(duration_us * 1000);
    PalClockGet(PAL_CLOCK_MONOTONIC, &start);
    if (host_syscall_block(__NR_clock_nanosleep, PAL_CLOCK_MONOTONIC, 0, &ts, NULL) == 0)
        return duration_us;
    PalClockGet(PAL_CLOCK_MONOTONIC, &end);
    return (end - start) / 1000;
}

void PalThreadYieldExecution(void) {
    host_syscall(__NR_sched_yield);
}

bool host_thread_is_alone(void) {
    return !__atomic_load_n(&g_all, __ATOMIC_ACQUIRE)->all;
}

/* In a forked child only the caller's thread exists: it is the first one now, and the blocks of all
 * others are free. The thread lock is held. */
void host_thread_after_fork(void) {
    struct host_tcb* self = host_tcb();
    if (g_ended_count) {
        g_ended = g_ended_last = NULL;
        g_ended_count = 0;
    }
    for (struct host_tcb* tcb = g_all; tcb; tcb = tcb->all) {
        if (tcb == self)
            continue;
        if (tcb->handle && tcb->handle->thread.tcb == tcb) {
            tcb->handle->thread.tid = 0;
            tcb->handle->thread.ended = 1;
        }
        tcb->alive = 0;
        tcb->next = g_ended;
        g_ended_last = g_ended ? g_ended_last : tcb;
        g_ended = tcb;
        g_ended_count++;
    }
    self->tid = self->handle->thread.tid = g_pid;
    self->alive = 1;
    self->is_first = 1;
    self->kick = 0;
    self->robust.known = false;
}
