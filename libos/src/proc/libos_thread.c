/*
 * Threads: creation, look-up, end.
 */
#include "libos_process.h"
#include "libos_file.h"
#include "libos_fs_refs.h"
#include "libos_proc_internal.h"

/*
 * LibOS stacks. A thread cannot free the stack it runs on, so at its end it puts the stack on the
 * list with `busy` set, and the host clears `busy` once the thread is really gone. Oldest first.
 */
#define LIBOS_STACK_SIZE (64 * 1024UL)

struct stack_footer { /* at the lowest address of the stack */
    struct list_node node;
    int busy;
};
static libos_lock_t g_stacks_lock = LIBOS_LOCK_INIT;
static struct list_node g_stacks = LIST_INIT(g_stacks);

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
    return s ? s : libos_alloc_pages(LIBOS_STACK_SIZE);
}

/* The stack is not in use by anyone, or (busy) will be free when the host has cleared *busy. */
static int* stack_retire(void* base, bool busy) {
    struct stack_footer* s = base;
    s->busy = busy;
    lock(&g_stacks_lock);
    list_add_tail(&g_stacks, &s->node);
    unlock(&g_stacks_lock);
    return &s->busy;
}

struct libos_thread* libos_thread_alloc(void) {
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
    t->process = &g_process;
    t->tid = __atomic_fetch_add(&g_process.next_tid, 1, __ATOMIC_RELAXED);
    t->timer_slack_ns = 50000;
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
        stack_retire(t->libos_stack, false);
    if (t->host)
        PalObjectClose(t->host);
    libos_free(t->groups);
    libos_free(t);
}

void libos_thread_become(struct libos_thread* t) {
    struct libos_tcb* tcb = libos_get_tcb();
    tcb->thread = t;
    tcb->libos_sp = (uint64_t)t->libos_stack + t->libos_stack_size;
    __atomic_store_n(&t->tcb, tcb, __ATOMIC_RELEASE);
}

struct libos_thread* libos_thread_find(int tid) {
    struct libos_thread* found = NULL;
    lock(&g_process.threads_lock);
    list_for_each(t, &g_process.threads, struct libos_thread, node) {
        if (t->tid == tid) {
            libos_thread_get(t);
            found = t;
            break;
        }
    }
    unlock(&g_process.threads_lock);
    return found;
}

int libos_threads_end_others(void) {
    struct libos_thread* self = get_cur_thread();
    static uint32_t busy;
    if (__atomic_exchange_n(&busy, 1, __ATOMIC_SEQ_CST))
        return -EAGAIN;
    for (;;) {
        lock(&g_process.threads_lock);
        uint32_t count = g_process.thread_count;
        list_for_each(t, &g_process.threads, struct libos_thread, node) {
            if (t == self || !t->tcb)
                continue;
            __atomic_or_fetch(&t->tcb->work, LIBOS_WORK_EXIT, __ATOMIC_SEQ_CST);
            if (t->host)
                PalThreadResume(t->host);
        }
        unlock(&g_process.threads_lock);
        if (count == 1)
            break;
        PalFutexWait(&g_process.thread_count, count, PAL_CLOCK_MONOTONIC, NO_TIMEOUT, false);
    }
    __atomic_store_n(&busy, 0, __ATOMIC_SEQ_CST);
    return 0;
}

/* Takes the thread out of the process. true: it was the last one. */
static bool leave_process(struct libos_thread* t, int status) {
    lock(&g_process.threads_lock);
    if (t->is_leader)
        g_process.exit_status = status;
    list_del(&t->node);
    bool last = --g_process.thread_count == 0;
    unlock(&g_process.threads_lock);
    PalFutexWake(&g_process.thread_count, 1, false);
    return last;
}

void libos_thread_exit(int status) {
    struct libos_thread* t = get_cur_thread();
    t->exiting = true;
    libos_futex_exit_robust_list(t);
    libos_futex_exit_pi(t);
    if (t->clear_child_tid) {
        /* As Linux: only if someone else may be looking. */
        uint32_t zero = 0;
        if (g_process.thread_count > 1 && user_put(zero, t->clear_child_tid) == 0)
            libos_futex_wake(t->clear_child_tid, 1);
    }
    libos_fd_table_put(t->files);
    t->files = NULL;
    libos_fs_info_put(t->fs);
    t->fs = NULL;
    if (leave_process(t, status))
        libos_process_exit(g_process.exit_status);
    /* From here on nobody finds the thread; a kick would come through a reference still held. */
    struct libos_tcb* tcb = libos_get_tcb();
    __atomic_store_n(&t->tcb, NULL, __ATOMIC_SEQ_CST);
    void* stack = t->libos_stack;
    t->libos_stack = NULL;
    tcb->thread = NULL;
    libos_thread_put(t);
    PalThreadExit(stack_retire(stack, true));
}
