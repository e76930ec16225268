/*
 * Classic BPF programs over struct seccomp_data. seccomp(2)
 */
#ifndef LIBOS_BPF_H
#define LIBOS_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "libos_internal.h"

/* What Linux accepts as a filter: 0 or -EINVAL. Turns loads into indices of data. */
int bpf_check(struct sock_filter* code, uint32_t length);
uint32_t bpf_run(const struct sock_filter* code, const struct seccomp_data* data);
/* Is the answer for this call ALLOW, whatever its arguments and its place are? */
bool bpf_always_allows(const struct sock_filter* code, const struct seccomp_data* data);

#endif /* LIBOS_BPF_H */
