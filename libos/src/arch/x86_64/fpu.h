/*
 * The guest's vector state in signal frames.
 */
#ifndef LIBOS_FPU_H
#define LIBOS_FPU_H

#include "libos_internal.h"

void libos_fpu_init(void);
/* The state of a new program. */
void libos_fpu_reset(void);
/* Bytes a frame needs, 64-byte aligned start not counted. */
size_t libos_fpu_frame_size(void);
/* Live state to and from user memory; 0 or -EFAULT. restore: NULL is the initial state. */
int libos_fpu_save(void* user_area);
int libos_fpu_restore(const void* user_area);

#endif /* LIBOS_FPU_H */
