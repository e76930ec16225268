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

/* What a system call wants to know of a thread of another process, or to change there. */
struct libos_question {
    enum {
        QUESTION_LIMIT, /* number: the resource */
        QUESTION_NICE,
        QUESTION_SCHEDULER, /* number: policy; numbers: priority, nice value, reset on fork */
        QUESTION_AFFINITY,
        QUESTION_IO_PRIORITY,
    } what;
    bool set;        /* else only ask */
    bool privileged; /* the asker has the capability that lifts the limits of a change */
    int32_t tid;     /* filled in by libos_question_ask() */
    int32_t number, numbers[3];
    uint64_t limit[2], old_limit[2];
    uint8_t mask[128];
};
/* Of process or thread `id`: what its owner's libos_question_answer() returns; -ESRCH; -EPERM: a
 * change of a process of another user, without capability `cap`. */
long libos_question_ask(int32_t id, int cap, struct libos_question* q);
long libos_question_answer(struct libos_question* q); /* sys/libos_question.c */

struct libos_file;
/* The process whose directory /proc/PID is open as f; 0: it is no such directory. */
int32_t libos_proc_directory_pid(const struct libos_file* f);
/* Memory of another process, from or to LibOS memory, as far as it is mapped: bytes moved; -ESRCH;
 * -EPERM as ptrace(2) would say. */
long libos_process_memory(int32_t pid, uint64_t addr, void* buf, size_t size, bool write);

#endif /* LIBOS_PROC_ANSWER_H */
