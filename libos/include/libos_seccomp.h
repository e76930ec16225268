/*
 * Filters of system calls, seccomp(2). Each thread has the newest of a chain of filters; the chain
 * is shared, counted and never changes. Only threads with LIBOS_WORK_SECCOMP are asked at all.
 */
#ifndef LIBOS_SECCOMP_H
#define LIBOS_SECCOMP_H

#include "libos_process.h"

struct libos_seccomp; /* one filter and those before it */

/* Before a call: true, it may be made; false: *result is its result. May not return at all. */
bool libos_seccomp_check(struct libos_regs* regs, long* result);

/* A new thread or process gets what its parent has; under threads_lock when it joins a list. */
void libos_seccomp_inherit(struct libos_thread* t, const struct libos_thread* parent);
void libos_seccomp_put(struct libos_seccomp* filter);
unsigned int libos_seccomp_filter_count(const struct libos_thread* t);

long libos_seccomp_set_strict(void);
long libos_seccomp_set_filter(unsigned long flags, const void* user_program);

#endif /* LIBOS_SECCOMP_H */
