/*
 * brk(2): returns the end of the heap, moved or not.
 */
#include "../mm/libos_mm_calls.h"
#include "libos_table.h"

long libos_syscall_brk(unsigned long brk) {
    return (long)mm_brk(brk);
}
