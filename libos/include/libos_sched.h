/*
 * Changes of a thread of the calling process, for system calls and for other processes' questions.
 * 0 or -errno.
 */
#ifndef LIBOS_SCHED_H
#define LIBOS_SCHED_H

#include "libos_proc_answer.h"
#include "libos_process.h"

int libos_limit(int resource, const uint64_t* new_limit, uint64_t* old_limit, bool privileged);
long libos_sched_set_nice(struct libos_thread* t, int nice);
long libos_sched_set(struct libos_thread* t, const struct libos_question* q);
long libos_sched_get(const struct libos_thread* t, struct libos_question* q);
long libos_sched_set_affinity(struct libos_thread* t, const uint8_t* mask, size_t size);
long libos_io_priority_set(struct libos_thread* t, int value);

#endif /* LIBOS_SCHED_H */
