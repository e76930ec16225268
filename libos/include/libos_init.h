/*
 * Steps of the LibOS's start that no other header declares. Each returns 0 or -errno.
 */
#ifndef LIBOS_INIT_H
#define LIBOS_INIT_H

/* Exit status when Culm itself cannot start the program, as the culm command documents it. */
#define LIBOS_START_FAILED 125

int libos_arch_init(void);   /* arch/: exception handlers, guest range, call-site patching */
int libos_signal_init(void); /* signal/ */
int libos_trace_init(void);  /* trace/: --strace and --stats, for the calling thread on */

int libos_mock_init(void); /* trace/: sys.debug__mock_syscalls */

/* The first program's argument and environment vectors, from the manifest and the host, as the
 * manifest allows; NULL-terminated, LibOS memory; NULL: out of memory. (libos_start_args.c) */
char** libos_start_argv(const char* program);
char** libos_start_envp(void);

#endif /* LIBOS_INIT_H */
