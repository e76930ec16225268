/*
 * Threads: creation, look-up, end.
 */
#include "libos_coord_process.h"
#include "libos_mm.h"
#include "libos_process.h"
#include "libos_file.h"
#include "libos_fs_refs.h"
#include "libos_ipc.h"
#include "libos_proc_internal.h"
#include "libos_seccomp.h"
#include "libos_signal.h"
#include "libos_time.h"

/*
 * LibOS stacks. A thread cannot free the stack it runs on, so at its end it puts the stack on the
 * list with `busy` set, and the host clears `busy` once the thread is really gone. Oldest first.
 */
#define LIBOS_STACK_SIZE (64 * 1024UL)

struct stack_footer { /* at the lowest address of the stack */
    struct list_node node;
    int busy;
    PAL_HANDLE host; /* of the thread that ended on it: closed once it is gone */
};
static libos_lock_t g_stacks_lock = LIBOS_LOCK_INIT;
static struct list_node g_stacks = LIST_INIT(g_stacks);

/* With a page below it that nobody may touch: running out of stack is a fault, not a corruption. */
static void* stack_new(void) {
    char* guard = libos_alloc_pages(PAGE_SIZE + LIBOS_STACK_SIZE);
    if (!guard)
        return NULL;
    if (PalVirtualMemoryProtect(guard, PAGE_SIZE, PAL_PROT_NONE) < 0) {
        libos_free_pages(guard, PAGE_SIZE + LIBOS_STACK_SIZE);
        return NULL;
    }
    return guard + PAGE_SIZE;
}

static void* stack_alloc(void) {
    struct stack_footer* s = NULL;
    lock(&g_stacks_lock);
    if (!list_empty(&g_stacks)) {
        struct stack_footer* oldest = list_first(&g_stacks, struct stack_footer, node);
        if (__atomic_load_n(&oldest->busy, __ATOMIC_ACQUIRE) == 0) {
            list_del(&oldest->node);
            s = oldest;
        }
    }
    unlock(&g_stacks_lock);
    if (s && s->host)
        PalObjectClose(s->host);
    return s ? s : stack_new();
}

/* host NULL: nobody uses the stack. Else it is free once the host has cleared the word returned. */
static int* stack_retire(void* base, PAL_HANDLE host) {
    struct stack_footer* s = base;
    s->busy = host != NULL;
    s->host = host;
    lock(&g_stacks_lock);
    list_add_tail(&g_stacks, &s->node);
    unlock(&g_stacks_lock);
    return &s->busy;
}

struct libos_thread* libos_thread_alloc(int32_t tid) {
    struct libos_thread* t = libos_calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->libos_stack = stack_alloc();
    if (!t->libos_stack) {
        libos_free(t);
        return NULL;
    }
    t->libos_stack_size = LIBOS_STACK_SIZE;
    ref_set(&t->ref, 1);
    t->process = cur_process();
    t->tid = tid;
    t->timer_slack_ns = t->timer_slack_default_ns = 50000;
    t->altstack.ss_flags = SS_DISABLE;
    list_init(&t->node);
    list_init(&t->signals.queue);
    return t;
}

void libos_thread_get(struct libos_thread* t) {
    ref_get(&t->ref);
}

void libos_thread_put(struct libos_thread* t) {
    if (!ref_put(&t->ref))
        return;
    libos_sigqueue_flush(&t->signals);
    if (t->libos_stack)
        stack_retire(t->libos_stack, NULL);
    if (t->files)
        libos_fd_table_put(t->files);
    if (t->fs)
        libos_fs_info_put(t->fs);
    if (t->spare_file)
        libos_file_free(t->spare_file);
    libos_free(t->groups);
    libos_free(t->held);
    libos_seccomp_put(t->seccomp);
    libos_free(t);
}

/* t->process, not cur_process(): which thread is the current one changes here. */
void libos_thread_become(struct libos_thread* t) {
    struct libos_tcb* tcb = libos_get_tcb();
    tcb->in_libos = 1;
    tcb->thread = t;
    tcb->minus_self = -(uint64_t)pal_get_tcb();
    tcb->guest_gs = t->start_gs;
    tcb->libos_sp = (uint64_t)t->libos_stack + t->libos_stack_size;
    t->host = pal_get_tcb()->thread;
    lock(&t->process->threads_lock);
    /* Signals may have been queued before there was a TCB to tell. */
    __atomic_or_fetch(&tcb->work, t->start_work | LIBOS_WORK_SIGNAL, __ATOMIC_SEQ_CST);
    t->tcb = tcb;
    unlock(&t->process->threads_lock);
}

struct libos_thread* libos_thread_find(int tid) {
    struct libos_thread* found = NULL;
    lock(&cur_process()->threads_lock);
    list_for_each(t, &cur_process()->threads, struct libos_thread, node) {
        if (t->tid == tid) {
            libos_thread_get(t);
            found = t;
            break;
        }
    }
    unlock(&cur_process()->threads_lock);
    return found;
}

bool libos_process_is_ending(void) {
    return cur_process()->ending_others ||
           __atomic_load_n(&cur_process()->exit_started, __ATOMIC_RELAXED);
}

static void tell_to_end(struct libos_thread* t) {
    t->start_work |= LIBOS_WORK_EXIT;
    if (!t->tcb)
        return; /* not running yet: sees start_work */
    __atomic_or_fetch(&t->tcb->work, LIBOS_WORK_EXIT, __ATOMIC_SEQ_CST);
    PalThreadResume(t->host);
}

static void tell_others(struct libos_process* p) {
    struct libos_thread* self = get_cur_thread();
    lock(&p->threads_lock);
    list_for_each(t, &p->threads, struct libos_thread, node) {
        if (t != self)
            tell_to_end(t);
    }
    unlock(&p->threads_lock);
}

/* Told again now and then: it costs nothing, and nothing may keep a process from ending. */
#define TELL_AGAIN_NS 100000000ULL

void libos_threads_end_others(void) {
    struct libos_process* p = cur_process();
    uint32_t count = __atomic_load_n(&p->thread_count, __ATOMIC_ACQUIRE);
    if (count <= 1)
        return;
    tell_others(p);
    while ((count = __atomic_load_n(&p->thread_count, __ATOMIC_ACQUIRE)) > 1) {
        int ret = PalFutexWait(&p->thread_count, count, PAL_CLOCK_MONOTONIC,
                               libos_deadline(PAL_CLOCK_MONOTONIC, TELL_AGAIN_NS), false);
        if (ret == PAL_ERROR_TIMEDOUT)
            tell_others(p);
    }
}

int libos_thread_kill_others(void) {
    struct libos_thread* self = get_cur_thread();
    struct libos_process* p = self->process;
    lock(&p->threads_lock);
    bool busy = p->ending_others || p->exit_started;
    if (!busy)
        p->ending_others = true;
    unlock(&p->threads_lock);
    if (busy)
        return -EAGAIN;
    libos_threads_end_others();
    lock(&p->threads_lock);
    p->ending_others = false;
    if (self->tid != p->pid)
        coord_id_free(self->tid);
    self->tid = p->pid;
    self->is_leader = true;
    unlock(&p->threads_lock);
    return 0;
}

/* Nobody finds or kicks the thread any more: it is on its way out. It still counts. */
static void leave_list(struct libos_thread* t) {
    lock(&cur_process()->threads_lock);
    t->exiting = true;
    list_del(&t->node);
    t->tcb = NULL;
    cur_process()->ended_io.read_bytes += t->io.read_bytes;
    cur_process()->ended_io.write_bytes += t->io.write_bytes;
    cur_process()->ended_io.reads += t->io.reads;
    cur_process()->ended_io.writes += t->io.writes;
    unlock(&cur_process()->threads_lock);
}

/* The thread does not touch guest memory any more. true: it was the last one, whose status is that
 * of the process. */
static bool leave_process(int status) {
    lock(&cur_process()->threads_lock);
    bool last = --cur_process()->thread_count == 0;
    if (last)
        cur_process()->exit_status = status;
    unlock(&cur_process()->threads_lock);
    PalFutexWake(&cur_process()->thread_count, 1, false);
    return last;
}

void libos_thread_clear_tid(struct libos_thread* t) {
    uint32_t zero = 0;
    if (t->clear_child_tid && user_put(zero, t->clear_child_tid) == 0)
        libos_futex_wake(t->clear_child_tid, 1);
}

/* As Linux: the word is cleared only if someone else may be looking. */
static void clear_tid_word(struct libos_thread* t) {
    if (cur_process()->thread_count > 1)
        libos_thread_clear_tid(t);
}

void libos_thread_exit(int status) {
    struct libos_thread* t = get_cur_thread();
    libos_futex_exit_robust_list(t);
    libos_futex_exit_pi(t);
    libos_rseq_leave(t); /* others may free the area once the word is cleared */
    leave_list(t);
    libos_signal_thread_exit(t);
    clear_tid_word(t);
    libos_ipc_thread_exit(t);
    libos_fd_table_put(t->files);
    t->files = NULL;
    libos_fs_info_put(t->fs);
    t->fs = NULL;
    if (leave_process(status))
        libos_process_exit(cur_process()->exit_status);
    if (t->tid != t->process->pid)
        coord_id_free(t->tid);
    struct libos_tcb* tcb = libos_get_tcb();
    void* stack = t->libos_stack;
    PAL_HANDLE host = t->host;
    t->libos_stack = NULL;
    tcb->thread = NULL;
    libos_thread_put(t);
    libos_malloc_thread_exit();
    int* busy = stack_retire(stack, host);
    libos_barrier_leave();
    PalThreadExit(busy);
}

/* ---- fork ------------------------------------------------------------------------------------ */

/* The host threads that were to clear `busy` are gone. */
static void free_stacks(void) {
    list_for_each(s, &g_stacks, struct stack_footer, node) {
        if (s->busy)
            s->busy = 0;
    }
}

void libos_threads_drop(struct libos_process* p) {
    struct libos_thread* self = get_cur_thread();
    free_stacks();
    list_for_each_safe(t, &p->threads, struct libos_thread, node) {
        if (t == self)
            continue;
        list_del(&t->node);
        if (t->host && t->host != self->host)
            PalObjectClose(t->host);
        t->tcb = NULL;
        libos_thread_put(t);
    }
    p->thread_count = 1;
    p->ending_others = false;
    p->exit_started = 0; /* all in one page with the pid */
}

void libos_threads_after_fork(void) {
    struct libos_thread* self = get_cur_thread();
    memset(&self->process->ended_io, 0, sizeof(self->process->ended_io));
    memset(&self->io, 0, sizeof(self->io));
    self->is_leader = true;
    self->start_work = 0;
    self->robust_list = NULL;
    self->clear_child_tid = NULL;
}
