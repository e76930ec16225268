/*
 * Process descriptors, pidfd_open(2). There is one process: every pidfd stands for it, and none
 * ever becomes readable.
 */
#ifndef LIBOS_PIDFD_H
#define LIBOS_PIDFD_H

#include "libos_file.h"

/* A descriptor of this process; close-on-exec, as in Linux. */
long libos_pidfd_create(bool nonblock);
/* Is it one? */
bool libos_is_pidfd(const struct libos_file* f);

#endif /* LIBOS_PIDFD_H */
