/*
 * Loading programs.
 */
#ifndef LIBOS_ELF_H
#define LIBOS_ELF_H

#include "libos_internal.h"

/*
 * Run the first program: path is looked up in the guest's file system (with a slash, or as given
 * from the current directory). argv and envp are NULL-terminated arrays in LibOS memory. Does not
 * return on success. On failure it prints one line and returns the exit code of the process:
 * 127 not found, 126 found but not executable.
 */
int libos_exec_first(const char* path, char** argv, char** envp);

/* arch/: map the vDSO into the new address space; its address, or 0. */
uint64_t libos_vdso_map(void) __attribute__((weak));
/* arch/: leave the LibOS with these as the first registers of a new program: all other general
 * registers 0, FS base 0, vector state initial. Runs on the caller's LibOS stack; never returns. */
_Noreturn void libos_enter_program(uint64_t rip, uint64_t rsp) __attribute__((weak));
/* signal/: handlers back to default (ignored stay ignored), alternate stack off. */
void libos_signal_exec(void) __attribute__((weak));
/* proc/: end all other threads of the process and wait until they are gone; the caller becomes the
 * leader. 0, or -EAGAIN if the process is already ending. */
int libos_thread_kill_others(void) __attribute__((weak));

#endif /* LIBOS_ELF_H */
