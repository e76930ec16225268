/*
 * Scheduling: sched_*(2), getpriority(2), setpriority(2), ioprio_get(2). Policy, nice value and
 * affinity are set on the host thread; what the host refuses is refused here.
 */
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include "libos_proc_answer.h"
#include "libos_process.h"
#include "libos_sched.h"
#include "libos_table.h"
#include "libos_time.h"

#define CPU_MASK_MAX  8192 /* bytes taken from or given to a user mask */
#define SCHED_RR_NS   100000000ULL
#define PRIO_PROCESS_ 0
#define PRIO_PGRP_    1
#define PRIO_USER_    2

long libos_syscall_sched_yield(void) {
    PalThreadYieldExecution();
    return 0;
}

/* Referenced; pid 0 is the caller. */
static struct libos_thread* get_target(int pid) {
    if (pid)
        return libos_thread_find(pid);
    libos_thread_get(get_cur_thread());
    return get_cur_thread();
}

/* ---- affinity ---------------------------------------------------------------------------------
 */

long libos_sched_set_affinity(struct libos_thread* t, const uint8_t* mask, size_t size) {
    PAL_IDX cpus[1024 * 8];
    PAL_NUM count = 0;
    for (unsigned i = 0; i < MIN(size * 8, ARRAY_SIZE(cpus)); i++) {
        if (mask[i / 8] >> (i % 8) & 1)
            cpus[count++] = i;
    }
    return count ? pal_to_errno(PalThreadSetCPUAffinity(t->host, count, cpus)) : -EINVAL;
}

long libos_syscall_sched_setaffinity(int pid, unsigned int len, unsigned long* user_mask) {
    uint8_t mask[1024] = {0};
    unsigned size = MIN(len, (unsigned)sizeof(mask));
    if (user_copy_from(mask, user_mask, size) < 0)
        return -EFAULT;
    struct libos_thread* t = pid < 0 ? NULL : get_target(pid);
    if (!t) {
        struct libos_question q = {.what = QUESTION_AFFINITY, .set = true};
        memcpy(q.mask, mask, sizeof(q.mask));
        return libos_question_ask(pid, CAP_SYS_NICE, &q);
    }
    long ret = libos_sched_set_affinity(t, mask, size);
    libos_thread_put(t);
    return ret;
}

long libos_syscall_sched_getaffinity(int pid, unsigned int len, unsigned long* user_mask) {
    if (len & (sizeof(unsigned long) - 1))
        return -EINVAL;
    struct libos_thread* t = pid < 0 ? NULL : get_target(pid);
    uint8_t mask[CPU_MASK_MAX / 8] = {0};
    long size;
    if (t) {
        size = pal_to_errno(PalThreadGetCPUAffinity(t->host, sizeof(mask), mask));
        libos_thread_put(t);
    } else {
        struct libos_question q = {.what = QUESTION_AFFINITY};
        size = libos_question_ask(pid, CAP_SYS_NICE, &q);
        memcpy(mask, q.mask, sizeof(q.mask));
    }
    if (size < 0)
        return size;
    if (size > (long)sizeof(mask))
        return -EIO;
    /* Linux needs room for all possible CPUs and copies whole longs. */
    unsigned possible = g_pal_control->topo_info.thread_count;
    if (len * 8UL < possible)
        return -EINVAL;
    size = MIN((long)len, ALIGN_UP(size, 8L));
    return user_copy_to(user_mask, mask, size) < 0 ? -EFAULT : size;
}

/* ---- policy and priority ----------------------------------------------------------------------
 */

static bool is_realtime(int policy) {
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_known_policy(int policy) {
    return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE ||
           is_realtime(policy);
}

long libos_sched_set(struct libos_thread* t, const struct libos_question* q) {
    int policy = q->number, priority = q->numbers[0], nice = q->numbers[1];
    if (!is_known_policy(policy))
        return -EINVAL;
    if (is_realtime(policy) ? priority < 1 || priority > 99 : priority != 0)
        return -EINVAL;
    int ret = pal_to_errno(PalThreadSchedSet(t->host, policy, priority, nice));
    if (ret < 0)
        return ret;
    t->sched_policy = policy;
    t->sched_priority = priority;
    t->nice = nice;
    t->sched_reset_on_fork = q->numbers[2];
    return 0;
}

long libos_sched_get(const struct libos_thread* t, struct libos_question* q) {
    q->number = t->sched_policy;
    q->numbers[0] = t->sched_priority;
    q->numbers[1] = t->nice;
    q->numbers[2] = t->sched_reset_on_fork;
    return 0;
}

/* Of a thread of any process: how it is scheduled, in q; or, with q->set, how it shall be. */
static long scheduler(int pid, struct libos_question* q) {
    q->what = QUESTION_SCHEDULER;
    struct libos_thread* t = get_target(pid);
    if (!t)
        return libos_question_ask(pid, CAP_SYS_NICE, q);
    long ret = q->set ? libos_sched_set(t, q) : libos_sched_get(t, q);
    libos_thread_put(t);
    return ret;
}

static int without_reset(int policy) {
    return policy & ~SCHED_RESET_ON_FORK;
}

long libos_syscall_sched_setscheduler(int pid, int policy, struct sched_param* user_param) {
    int priority;
    if (policy < 0 || !user_param || pid < 0)
        return -EINVAL;
    if (user_copy_from(&priority, user_param, sizeof(priority)) < 0)
        return -EFAULT;
    struct libos_question q = {0};
    long ret = scheduler(pid, &q);
    if (ret < 0)
        return ret;
    q.set = true;
    q.number = without_reset(policy);
    q.numbers[0] = priority;
    q.numbers[2] = (policy & SCHED_RESET_ON_FORK) != 0;
    return scheduler(pid, &q);
}

long libos_syscall_sched_getscheduler(int pid) {
    if (pid < 0)
        return -EINVAL;
    struct libos_question q = {0};
    long ret = scheduler(pid, &q);
    return ret < 0 ? ret : q.number | (q.numbers[2] ? SCHED_RESET_ON_FORK : 0);
}

long libos_syscall_sched_setparam(int pid, struct sched_param* user_param) {
    int priority;
    if (!user_param || pid < 0)
        return -EINVAL;
    if (user_copy_from(&priority, user_param, sizeof(priority)) < 0)
        return -EFAULT;
    struct libos_question q = {0};
    long ret = scheduler(pid, &q);
    if (ret < 0)
        return ret;
    q.set = true;
    q.numbers[0] = priority;
    return scheduler(pid, &q);
}

long libos_syscall_sched_getparam(int pid, struct sched_param* user_param) {
    if (!user_param || pid < 0)
        return -EINVAL;
    struct libos_question q = {0};
    long ret = scheduler(pid, &q);
    return ret < 0 ? ret : user_copy_to(user_param, &q.numbers[0], sizeof(q.numbers[0]));
}

#define SCHED_FLAGS_KNOWN SCHED_FLAG_RESET_ON_FORK

long libos_syscall_sched_setattr(int pid, struct sched_attr* user_attr, unsigned int flags) {
    struct sched_attr attr;
    uint32_t size;
    if (!user_attr || pid < 0 || flags)
        return -EINVAL;
    if (user_copy_from(&size, user_attr, sizeof(size)) < 0)
        return -EFAULT;
    if (!size)
        size = SCHED_ATTR_SIZE_VER0;
    if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE) {
        size = sizeof(attr);
        user_copy_to(user_attr, &size, sizeof(size));
        return -E2BIG;
    }
    memset(&attr, 0, sizeof(attr));
    if (user_copy_from(&attr, user_attr, MIN(size, sizeof(attr))) < 0)
        return -EFAULT;
    if (attr.sched_flags & ~(uint64_t)SCHED_FLAGS_KNOWN)
        return -EINVAL;
    if (attr.sched_policy == SCHED_DEADLINE)
        return -EPERM;
    int nice = attr.sched_nice < -20 ? -20 : attr.sched_nice > 19 ? 19 : attr.sched_nice;
    struct libos_question q = {0};
    long ret = scheduler(pid, &q);
    if (ret < 0)
        return ret;
    q.set = true;
    q.number = (int32_t)attr.sched_policy;
    q.numbers[0] = (int32_t)attr.sched_priority;
    if (attr.sched_policy == SCHED_NORMAL || attr.sched_policy == SCHED_BATCH)
        q.numbers[1] = nice;
    q.numbers[2] = (attr.sched_flags & SCHED_FLAG_RESET_ON_FORK) != 0;
    return scheduler(pid, &q);
}

long libos_syscall_sched_getattr(int pid, struct sched_attr* user_attr, unsigned int size,
                                 unsigned int flags) {
    if (!user_attr || pid < 0 || size > PAGE_SIZE || size < SCHED_ATTR_SIZE_VER0 || flags)
        return -EINVAL;
    struct libos_question q = {0};
    long ret = scheduler(pid, &q);
    if (ret < 0)
        return ret;
    struct sched_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.size = MIN(size, (unsigned)sizeof(attr));
    attr.sched_policy = (uint32_t)q.number;
    attr.sched_flags = q.numbers[2] ? SCHED_FLAG_RESET_ON_FORK : 0;
    if (is_realtime(q.number))
        attr.sched_priority = (uint32_t)q.numbers[0];
    else
        attr.sched_nice = q.numbers[1];
    attr.sched_util_max = 1024;
    return user_copy_to(user_attr, &attr, attr.size);
}

long libos_syscall_sched_get_priority_max(int policy) {
    return is_realtime(policy)                                   ? 99
           : is_known_policy(policy) || policy == SCHED_DEADLINE ? 0
                                                                 : -EINVAL;
}

long libos_syscall_sched_get_priority_min(int policy) {
    return is_realtime(policy)                                   ? 1
           : is_known_policy(policy) || policy == SCHED_DEADLINE ? 0
                                                                 : -EINVAL;
}

long libos_syscall_sched_rr_get_interval(int pid, struct __kernel_timespec* user_interval) {
    if (pid < 0)
        return -EINVAL;
    struct libos_question q = {0};
    long ret = scheduler(pid, &q);
    if (ret < 0)
        return ret;
    /* The slice of the round-robin policy; for the others Linux tells its base slice. */
    uint64_t ns = q.number == SCHED_RR ? SCHED_RR_NS : q.number == SCHED_FIFO ? 0 : 3000000;
    return user_put_timespec(user_interval, ns);
}

/* ---- nice values ------------------------------------------------------------------------------
 */

static long apply_nice(struct libos_thread* t, int nice) {
    int ret = pal_to_errno(PalThreadSchedSet(t->host, t->sched_policy, t->sched_priority, nice));
    if (ret == -EPERM)
        ret = -EACCES; /* what setpriority says of a lower nice value without CAP_SYS_NICE */
    if (ret == 0)
        t->nice = nice;
    return ret;
}

long libos_sched_set_nice(struct libos_thread* t, int nice) {
    return apply_nice(t, nice);
}

/* One thread, of any process. *nice: what to set, or the lowest so far. */
static long nice_of_thread(int pid, bool set, int* nice) {
    struct libos_thread* t = pid < 0 ? NULL : get_target(pid);
    struct libos_question q = {.what = QUESTION_NICE, .set = set, .number = *nice};
    long ret;
    if (t) {
        ret = set ? apply_nice(t, *nice) : 0;
        q.number = t->nice;
        libos_thread_put(t);
    } else {
        ret = libos_question_ask(pid, CAP_SYS_NICE, &q);
    }
    if (!set && ret == 0)
        *nice = MIN(*nice, q.number);
    return ret;
}

/* All threads of the calling process; the last error wins, as in Linux. */
static long nice_of_own(bool set, int* nice) {
    long ret = 0;
    lock(&cur_process()->threads_lock);
    list_for_each(t, &cur_process()->threads, struct libos_thread, node) {
        long one = set && t->host ? apply_nice(t, *nice) : 0;
        ret = one < 0 ? one : ret;
        if (!set)
            *nice = MIN(*nice, t->nice);
    }
    unlock(&cur_process()->threads_lock);
    return ret;
}

/* The processes of a group or a user: of others, their first thread stands for all. */
static long nice_of_many(int which, int who, bool set, int* nice) {
    const struct coord_process* self = coord_process_current();
    int64_t wanted = who ? who : which == PRIO_PGRP_ ? self->pgid : (int64_t)get_cur_thread()->uid;
    long ret = -ESRCH;
    struct coord_process p;
    for (int32_t pid = coord_process_next(1, &p); pid > 0; pid = coord_process_next(pid + 1, &p)) {
        if ((which == PRIO_PGRP_ ? p.pgid : (int64_t)p.uid) != wanted)
            continue;
        long one = pid == self->pid ? nice_of_own(set, nice) : nice_of_thread(pid, set, nice);
        if (one != -ESRCH && (ret == -ESRCH || one < 0))
            ret = one;
    }
    return ret;
}

static long nice_of(int which, int who, bool set, int* nice) {
    if (which < PRIO_PROCESS_ || which > PRIO_USER_)
        return -EINVAL;
    return which == PRIO_PROCESS_ ? nice_of_thread(who, set, nice)
                                  : nice_of_many(which, who, set, nice);
}

long libos_syscall_getpriority(int which, int who) {
    int nice = 20;
    long ret = nice_of(which, who, false, &nice);
    return ret < 0 ? ret : 20 - nice; /* the system call's own encoding: 1 to 40 */
}

long libos_syscall_setpriority(int which, int who, int nice) {
    nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
    return nice_of(which, who, true, &nice);
}
