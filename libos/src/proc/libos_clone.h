/*
 * The arguments that clone and clone3 have in common.
 */
#ifndef LIBOS_CLONE_H
#define LIBOS_CLONE_H

#include <linux/sched.h>
#include <stdint.h>

struct libos_clone_args {
    uint64_t flags;      /* CLONE_*, without the signal number */
    uint32_t* child_tid; /* user addresses */
    uint32_t* parent_tid;
    int* pidfd;
    int exit_signal;
    uint64_t stack; /* initial stack pointer; 0: the caller's */
    uint64_t tls;
};

/* Returns the new tid, or -errno. */
long libos_clone(const struct libos_clone_args* args);

#endif /* LIBOS_CLONE_H */
