/*
 * Resource usage of processes, getrusage(2), wait4(2).
 */
#ifndef LIBOS_USAGE_H
#define LIBOS_USAGE_H

#include <linux/resource.h>

#include "libos_coord_process.h"

/* Of the calling process so far; a vfork child has used nothing. */
void libos_usage_self(struct coord_usage* usage);
void libos_rusage_fill(struct rusage* ru, const struct coord_usage* usage);

#endif /* LIBOS_USAGE_H */
