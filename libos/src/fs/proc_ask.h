/*
 * /proc/[pid] of another process of the instance: its owner is asked, through a slot in the arena
 * and a kick; the next of its threads that leaves the LibOS, or finds its call interrupted,
 * answers. All processes are forks of the first one: nodes have the same address everywhere.
 */
#ifndef PROC_ASK_H
#define PROC_ASK_H

#include "libos_coord_process.h"
#include "libos_fs.h"

enum proc_ask_op {
    ASK_SHOW = 1,
    ASK_STORE,     /* in: the text */
    ASK_READLINK,  /* out: the target */
    ASK_STAT,      /* out: struct libos_stat, as node->stat leaves it */
    ASK_MATCH,     /* in: struct proc_ask_match and the name; out: the id */
    ASK_LIST,      /* in: the child's node; out: struct proc_ask_entry, one by one */
    ASK_MEM_READ,  /* in: address, size; out: bytes */
    ASK_QUESTION,  /* in and out: struct libos_question */
    ASK_MEM_WRITE, /* in: address, then the bytes */
};
struct proc_ask_entry {
    uint64_t id;
    char name[48];
};

/* Is the node about a process other than the caller's? Then its pid. */
bool proc_is_remote(const struct libos_pseudo_at* at, int32_t* pid);
/* Asks: in is what the operation wants, the answer is appended to out (NULL: there is none). The
 * result of the operation; -ESRCH: no such process, or it does not answer. Under no lock. */
long proc_ask(int32_t pid, enum proc_ask_op op, const struct libos_pseudo_at* at, const void* in,
              size_t in_size, struct libos_text* out);

/* Not ended; it may be one that has not quite begun. */
static inline bool proc_entry_is_alive(const struct coord_process* p) {
    return p->state == COORD_PROCESS_ALIVE || p->state == COORD_PROCESS_NEW;
}
/* The answers that the entry alone gives: for zombies, and who does not answer. -ESRCH: none. */
int proc_entry_show(const struct libos_pseudo_at* at, const struct coord_process* p,
                    struct libos_text* out);

#endif /* PROC_ASK_H */
