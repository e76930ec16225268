/*
 * Filters of system calls: installing them, asking them, and what follows from the answer.
 */
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/capability.h>

#include "bpf.h"
#include "libos_fs.h"
#include "libos_seccomp.h"
#include "libos_table.h"

#define CHAIN_LENGTH_MAX 32768 /* instructions; each filter counts for four more */
#define SYS_SECCOMP_CODE 1     /* si_code */

struct libos_seccomp {
    refcount_t ref;
    struct libos_seccomp* previous; /* owned */
    unsigned int count;             /* of filters, this one included */
    uint32_t total;                 /* instructions of all, as they count */
    uint32_t length;
    uint64_t allowed[(LIBOS_CALL_COUNT + 63) / 64]; /* calls that all filters always allow */
    struct sock_filter code[];
};

void libos_seccomp_put(struct libos_seccomp* filter) {
    while (filter && ref_put(&filter->ref)) {
        struct libos_seccomp* previous = filter->previous;
        libos_free(filter);
        filter = previous;
    }
}

void libos_seccomp_inherit(struct libos_thread* t, const struct libos_thread* parent) {
    struct libos_seccomp* filter = __atomic_load_n(&parent->seccomp, __ATOMIC_ACQUIRE);
    if (filter)
        ref_get(&filter->ref);
    libos_seccomp_put(t->seccomp);
    t->seccomp = filter;
    t->seccomp_mode = parent->seccomp_mode;
    t->no_new_privs |= parent->no_new_privs;
    if (t->seccomp_mode)
        t->start_work |= LIBOS_WORK_SECCOMP;
}

unsigned int libos_seccomp_filter_count(const struct libos_thread* t) {
    const struct libos_seccomp* filter = __atomic_load_n(&t->seccomp, __ATOMIC_ACQUIRE);
    return filter ? filter->count : 0;
}

/* ---- asking ----------------------------------------------------------------------------------
 */

/* SIGSYS about the call in the frame. */
static void send_sigsys(struct libos_thread* t, const struct libos_regs* regs, int reason) {
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGSYS;
    info.si_code = SYS_SECCOMP_CODE;
    info.si_errno = reason;
    info._sifields._sigsys._call_addr = (void*)regs->rip;
    info._sifields._sigsys._syscall = (int)regs->orig_rax;
    info._sifields._sigsys._arch = AUDIT_ARCH_X86_64;
    libos_signal_force(t, &info);
}

/* The strictest answer of all filters; the newest of equals. */
static uint32_t ask(const struct libos_seccomp* filter, const struct seccomp_data* data) {
    uint32_t worst = SECCOMP_RET_ALLOW;
    for (; filter; filter = filter->previous) {
        uint32_t ret = bpf_run(filter->code, data);
        if ((int32_t)(ret & SECCOMP_RET_ACTION_FULL) < (int32_t)(worst & SECCOMP_RET_ACTION_FULL))
            worst = ret;
    }
    return worst;
}

static bool act(struct libos_regs* regs, uint32_t answer, long* result) {
    struct libos_thread* t = get_cur_thread();
    uint32_t data = answer & SECCOMP_RET_DATA;
    switch (answer & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
        case SECCOMP_RET_LOG: /* nobody reads the log */
            return true;
        case SECCOMP_RET_ERRNO:
            *result = -(long)MIN(data, 4095u);
            return false;
        case SECCOMP_RET_TRAP:
            send_sigsys(t, regs, (int)data);
            *result = (long)regs->orig_rax;
            return false;
        case SECCOMP_RET_TRACE: /* no tracer, no supervisor */
        case SECCOMP_RET_USER_NOTIF:
            *result = -ENOSYS;
            return false;
        case SECCOMP_RET_KILL_THREAD:
            if (__atomic_load_n(&cur_process()->thread_count, __ATOMIC_ACQUIRE) > 1)
                libos_thread_exit(SIGSYS);
            libos_process_exit(SIGSYS);
        default: /* SECCOMP_RET_KILL_PROCESS, and what is unknown */
            libos_process_exit(SIGSYS);
    }
}

static bool check_strict(uint64_t nr) {
    if (nr == __NR_read || nr == __NR_write || nr == __NR_exit || nr == __NR_rt_sigreturn)
        return true;
    if (__atomic_load_n(&cur_process()->thread_count, __ATOMIC_ACQUIRE) > 1)
        libos_thread_exit(SIGKILL);
    libos_process_exit(SIGKILL);
}

bool libos_seccomp_check(struct libos_regs* regs, long* result) {
    const struct libos_thread* t = get_cur_thread();
    uint32_t nr = (uint32_t)regs->orig_rax;
    if (t->seccomp_mode == SECCOMP_MODE_STRICT)
        return check_strict(nr);
    const struct libos_seccomp* filter = __atomic_load_n(&t->seccomp, __ATOMIC_ACQUIRE);
    if (!filter || (nr < LIBOS_CALL_COUNT && filter->allowed[nr / 64] >> (nr % 64) & 1))
        return true;
    const struct seccomp_data data = {
        .nr = (int)nr,
        .arch = AUDIT_ARCH_X86_64,
        .instruction_pointer = regs->rip,
        .args = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9},
    };
    return act(regs, ask(filter, &data), result);
}

/* ---- installing ------------------------------------------------------------------------------
 */

static void find_allowed(struct libos_seccomp* filter) {
    struct seccomp_data data = {.arch = AUDIT_ARCH_X86_64};
    for (data.nr = 0; data.nr < LIBOS_CALL_COUNT; data.nr++) {
        uint64_t bit = 1ULL << (data.nr % 64);
        bool before = !filter->previous || filter->previous->allowed[data.nr / 64] & bit;
        if (before && bpf_always_allows(filter->code, &data))
            filter->allowed[data.nr / 64] |= bit;
    }
}

/* The guest's program, copied and checked. */
static long load(const void* user_program, struct libos_seccomp** out) {
    struct sock_fprog program;
    const struct libos_thread* t = get_cur_thread();
    if (user_copy_from(&program, user_program, sizeof(program)) < 0)
        return -EFAULT;
    if (program.len == 0 || program.len > BPF_MAXINSNS)
        return -EINVAL;
    if (!t->no_new_privs && !libos_capable(CAP_SYS_ADMIN))
        return -EACCES;
    if (!program.filter)
        return -EINVAL;
    size_t bytes = program.len * sizeof(struct sock_filter);
    struct libos_seccomp* filter = libos_calloc(1, sizeof(*filter) + bytes);
    if (!filter)
        return -ENOMEM;
    ref_set(&filter->ref, 1);
    filter->length = program.len;
    long ret = user_copy_from(filter->code, program.filter, bytes);
    if (ret == 0)
        ret = bpf_check(filter->code, program.len);
    if (ret < 0) {
        libos_seccomp_put(filter);
        return ret;
    }
    *out = filter;
    return 0;
}

static bool is_ancestor(const struct libos_seccomp* old, const struct libos_seccomp* of) {
    while (of && of != old)
        of = of->previous;
    return of == old;
}

/* The first other thread that has filters which the caller has not; 0: none. Under threads_lock. */
static int32_t find_obstacle(const struct libos_thread* self) {
    list_for_each(t, &cur_process()->threads, struct libos_thread, node) {
        if (t == self || t->exiting)
            continue;
        if (t->seccomp_mode == SECCOMP_MODE_STRICT || !is_ancestor(t->seccomp, self->seccomp))
            return t->tid;
    }
    return 0;
}

static void mark(struct libos_thread* t) {
    t->seccomp_mode = SECCOMP_MODE_FILTER;
    t->start_work |= LIBOS_WORK_SECCOMP;
    if (t->tcb)
        __atomic_or_fetch(&t->tcb->work, LIBOS_WORK_SECCOMP, __ATOMIC_SEQ_CST);
}

/* All other threads get the caller's filters. What they had is in that chain: it stays valid for
 * one that is just asking it. Under threads_lock. */
static void give_to_others(const struct libos_thread* self) {
    list_for_each(t, &cur_process()->threads, struct libos_thread, node) {
        if (t == self || t->exiting)
            continue;
        struct libos_seccomp* old = t->seccomp;
        ref_get(&self->seccomp->ref);
        __atomic_store_n(&t->seccomp, self->seccomp, __ATOMIC_RELEASE);
        libos_seccomp_put(old);
        t->no_new_privs |= self->no_new_privs;
        mark(t);
    }
}

/* Under threads_lock. Takes the filter over on success only. */
static long attach(struct libos_thread* self, struct libos_seccomp* filter, unsigned long flags) {
    uint32_t before = self->seccomp ? self->seccomp->total : 0;
    if (before + filter->length > CHAIN_LENGTH_MAX)
        return -ENOMEM;
    if (flags & SECCOMP_FILTER_FLAG_TSYNC) {
        int32_t tid = find_obstacle(self);
        if (tid)
            return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : tid;
    }
    filter->total = before + filter->length + 4;
    filter->previous = self->seccomp;
    filter->count = filter->previous ? filter->previous->count + 1 : 1;
    find_allowed(filter);
    __atomic_store_n(&self->seccomp, filter, __ATOMIC_RELEASE);
    mark(self);
    if (flags & SECCOMP_FILTER_FLAG_TSYNC)
        give_to_others(self);
    return 0;
}

long libos_seccomp_set_filter(unsigned long flags, const void* user_program) {
    struct libos_thread* self = get_cur_thread();
    struct libos_seccomp* filter;
    if (flags & ~(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
                  SECCOMP_FILTER_FLAG_SPEC_ALLOW | SECCOMP_FILTER_FLAG_TSYNC_ESRCH))
        return -EINVAL;
    long ret = load(user_program, &filter);
    if (ret < 0)
        return ret;
    if (self->seccomp_mode == SECCOMP_MODE_STRICT) {
        ret = -EINVAL;
    } else {
        lock(&cur_process()->threads_lock);
        ret = attach(self, filter, flags);
        unlock(&cur_process()->threads_lock);
    }
    if (ret)
        libos_seccomp_put(filter);
    return ret;
}

long libos_seccomp_set_strict(void) {
    struct libos_thread* self = get_cur_thread();
    if (self->seccomp_mode == SECCOMP_MODE_FILTER)
        return -EINVAL;
    lock(&cur_process()->threads_lock);
    mark(self);
    self->seccomp_mode = SECCOMP_MODE_STRICT;
    unlock(&cur_process()->threads_lock);
    return 0;
}
