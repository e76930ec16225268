/*
 * Priorities of input and output: ioprio_get(2), ioprio_set(2). Kept per thread and handed to the
 * host, whose disks they are for.
 */
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/sched.h>

#include "libos_fs.h"
#include "libos_proc_answer.h"
#include "libos_process.h"
#include "libos_sched.h"
#include "libos_table.h"

/* The checks of ioprio_check_cap(). */
static long check_value(int value) {
    switch (IOPRIO_PRIO_CLASS(value)) {
        case IOPRIO_CLASS_RT:
            return libos_capable(CAP_SYS_ADMIN) || libos_capable(CAP_SYS_NICE) ? 0 : -EPERM;
        case IOPRIO_CLASS_BE:
        case IOPRIO_CLASS_IDLE:
            return 0;
        case IOPRIO_CLASS_NONE:
            return value & 7 ? -EINVAL : 0;
        default:
            return -EINVAL;
    }
}

static long set_one(struct libos_thread* t, int value) {
    struct libos_thread* self = get_cur_thread();
    if (t->uid != self->euid && t->uid != self->uid && !libos_capable(CAP_SYS_NICE))
        return -EPERM;
    if ((t->cap_permitted & ~self->cap_permitted) && !libos_capable(CAP_SYS_NICE))
        return -EPERM;
    return libos_io_priority_set(t, value);
}

long libos_io_priority_set(struct libos_thread* t, int value) {
    long ret = pal_to_errno(PalThreadIoPrioritySet(t->host, (PAL_FLG)value));
    if (ret < 0 && ret != -ENOSYS) /* a host without them: then they rank nothing there either */
        return ret;
    t->io_priority = value;
    return 0;
}

/* What a thread without a priority of its own counts as when several are compared. */
static int effective(const struct libos_thread* t) {
    if (IOPRIO_PRIO_CLASS(t->io_priority) != IOPRIO_CLASS_NONE)
        return t->io_priority;
    int class = t->sched_policy == SCHED_IDLE                                  ? IOPRIO_CLASS_IDLE
                : t->sched_policy == SCHED_FIFO || t->sched_policy == SCHED_RR ? IOPRIO_CLASS_RT
                                                                               : IOPRIO_CLASS_BE;
    return IOPRIO_PRIO_VALUE(class, (t->nice + 20) / 5);
}

static int best_of(int a, int b) {
    return MIN(a, b);
}

/* Calls fn for every thread of the process until it fails. */
static long for_threads(long (*fn)(struct libos_thread* t, int* value), int* value) {
    long ret = 0;
    struct libos_process* p = cur_process();
    lock(&p->threads_lock);
    list_for_each(t, &p->threads, struct libos_thread, node) {
        if (t->host && (ret = fn(t, value)) < 0)
            break;
    }
    unlock(&p->threads_lock);
    return ret;
}

static long set_listed(struct libos_thread* t, int* value) {
    return set_one(t, *value);
}

static long best_listed(struct libos_thread* t, int* value) {
    *value = *value < 0 ? effective(t) : best_of(*value, effective(t));
    return 0;
}

static bool names_us(int which, int who) {
    if (which == IOPRIO_WHO_PGRP)
        return who == 0 || who == coord_process_current()->pgid;
    return who == 0 || (uint32_t)who == get_cur_thread()->uid;
}

static struct libos_thread* find(int who) {
    if (who)
        return libos_thread_find(who);
    libos_thread_get(get_cur_thread());
    return get_cur_thread();
}

long libos_syscall_ioprio_set(int which, int who, int ioprio) {
    long ret = check_value(ioprio);
    if (ret < 0)
        return ret;
    if (which == IOPRIO_WHO_PROCESS) {
        struct libos_thread* t = find(who);
        if (!t) {
            struct libos_question q = {.what = QUESTION_IO_PRIORITY, .set = true, .number = ioprio};
            return libos_question_ask(who, CAP_SYS_NICE, &q);
        }
        ret = set_one(t, ioprio);
        libos_thread_put(t);
        return ret;
    }
    if (which != IOPRIO_WHO_PGRP && which != IOPRIO_WHO_USER)
        return -EINVAL;
    return names_us(which, who) ? for_threads(set_listed, &ioprio) : -ESRCH;
}

long libos_syscall_ioprio_get(int which, int who) {
    if (which == IOPRIO_WHO_PROCESS) {
        struct libos_thread* t = find(who);
        if (!t) {
            struct libos_question q = {.what = QUESTION_IO_PRIORITY};
            long ret = libos_question_ask(who, CAP_SYS_NICE, &q);
            return ret < 0 ? ret : q.number;
        }
        long value = t->io_priority;
        libos_thread_put(t);
        return value;
    }
    if (which != IOPRIO_WHO_PGRP && which != IOPRIO_WHO_USER)
        return -EINVAL;
    int best = -1;
    if (names_us(which, who))
        for_threads(best_listed, &best);
    return best < 0 ? -ESRCH : best;
}
