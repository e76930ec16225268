/*
 * Questions of other processes about this one (fs/proc_ask.c).
 */
#ifndef LIBOS_PROC_ANSWER_H
#define LIBOS_PROC_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once, at start. */
int libos_proc_answer_init(void);
/* The process is whole, so that its threads can answer: the first one, and the end of a fork in the
 * child. */
void libos_proc_answer_ready(int32_t pid);
/* Is the process asked anything? Also for upcalls. */
bool libos_proc_asked_of(int32_t pid);
/* Cheap: is there a question that the calling thread can answer now? */
bool libos_proc_asked(void);
/* Answers all. Under no lock of the LibOS; if one is held, nothing is done. */
void libos_proc_answer(void);

struct libos_file;
/* The process whose directory /proc/PID is open as f; 0: it is no such directory. */
int32_t libos_proc_directory_pid(const struct libos_file* f);
/* Memory of another process, from or to LibOS memory, as far as it is mapped: bytes moved; -ESRCH;
 * -EPERM as ptrace(2) would say. */
long libos_process_memory(int32_t pid, uint64_t addr, void* buf, size_t size, bool write);

#endif /* LIBOS_PROC_ANSWER_H */
