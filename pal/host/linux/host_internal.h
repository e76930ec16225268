/*
 * What only the PAL core of this host shares: start-up, traps, thread blocks, protected ranges.
 */
#ifndef HOST_INTERNAL_H
#define HOST_INTERNAL_H

#include "host.h"

#define PAL_BASE        0x7d0000000000UL
#define LIBOS_START     0x7c0000000000UL
#define LIBOS_END       PAL_BASE
#define FIRST_STACK_SIZE (256UL << 10)

extern char pal_stub_page[], pal_stub_page_end[];
extern char pal_window_start[], pal_window_syscall[], pal_window_eintr[];
void pal_sigreturn(void);
long pal_clone(unsigned long flags, void* stack, int* ptid, int* ctid, void* entry, void* arg);
_Noreturn void pal_thread_end(int* clear_child_tid, bool park);

/* Zeroed, populated memory of the PAL's own, in its own address range; NULL: none. */
void* host_map_internal(PAL_NUM size);

/* Locks held over a fork, in this order, so that the child finds the state whole. */
extern struct host_lock g_handle_lock, g_thread_lock, g_memory_lock;

#endif /* HOST_INTERNAL_H */
