/*
 * Process descriptors, pidfd_open(2).
 */
#ifndef LIBOS_PIDFD_H
#define LIBOS_PIDFD_H

#include "libos_file.h"

/* A descriptor of the process with that id and time of start; close-on-exec, as in Linux. */
long libos_pidfd_create(int32_t pid, uint64_t start_ns, bool nonblock);
/* Is it one? */
bool libos_is_pidfd(const struct libos_file* f);
/* -ESRCH: the process has ended and was waited for. */
int32_t libos_pidfd_pid(const struct libos_file* f);

#endif /* LIBOS_PIDFD_H */
