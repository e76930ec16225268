/*
 * Answers to system calls of other processes about threads of this one: limits, priorities, CPUs.
 */
#include "libos_proc_answer.h"
#include "libos_process.h"
#include "libos_sched.h"

static long answer(struct libos_thread* t, struct libos_question* q) {
    switch (q->what) {
        case QUESTION_LIMIT:
            return libos_limit(q->number, q->set ? q->limit : NULL, q->old_limit, q->privileged);
        case QUESTION_NICE:
            if (q->set)
                return libos_sched_set_nice(t, q->number);
            q->number = t->nice;
            return 0;
        case QUESTION_SCHEDULER:
            return q->set ? libos_sched_set(t, q) : libos_sched_get(t, q);
        case QUESTION_AFFINITY:
            if (q->set)
                return libos_sched_set_affinity(t, q->mask, sizeof(q->mask));
            return pal_to_errno(PalThreadGetCPUAffinity(t->host, sizeof(q->mask), q->mask));
        case QUESTION_IO_PRIORITY:
            if (q->set)
                return libos_io_priority_set(t, q->number);
            q->number = t->io_priority;
            return 0;
        default:
            return -EINVAL;
    }
}

long libos_question_answer(struct libos_question* q) {
    struct libos_thread* t = libos_thread_find(q->tid);
    if (!t) { /* the first thread has ended, the process has not */
        if (q->tid != cur_process()->pid)
            return -ESRCH;
        t = get_cur_thread();
        libos_thread_get(t);
    }
    long ret = answer(t, q);
    libos_thread_put(t);
    return ret;
}
