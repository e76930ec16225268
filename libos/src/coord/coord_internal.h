/*
 * What the files of the coordination state share: the arena's layout.
 *
 *     header | page map | ids | undo logs | heap
 *
 * All but the header is zero at first and costs memory only where it was touched. Pointers are kept
 * as such, as the arena has one address in all processes.
 */
#ifndef COORD_INTERNAL_H
#define COORD_INTERNAL_H

#include "libos_coord_tty.h"

#define COORD_SIZE_MAX (1UL << 30)
#define COORD_SIZE_MIN (64UL << 20)

#define COORD_LOGS     256
#define COORD_LOG_SIZE (16UL << 10)

#define COORD_CLASSES 14
#define COORD_BINS    19 /* of free runs of pages: bin b has those of 2^b to 2^(b+1)-1 pages */

struct coord_log_head { /* one undo log; records follow */
    uint32_t used;      /* bytes of records that are whole */
    uint32_t frees;     /* records of coord_free() among them */
};

struct coord_heap {
    struct coord_lock lock; /* guards all here, the page map, and free blocks and runs */
    struct coord_class {
        void* free;              /* blocks that were in use; each begins with the next one */
        char *fresh, *fresh_end; /* blocks that never were */
    } classes[COORD_CLASSES];
    struct coord_run* runs[COORD_BINS];
    uint32_t next_page;  /* from here on all pages are free, and zero */
    uint32_t free_pages; /* in `runs` */
};

struct coord_arena {
    uint64_t size;
    uint32_t* page_map;
    uint32_t* ids; /* of each id: its owner's place in the arena; 0: free; atomic */
    char* logs;
    uint32_t last_id; /* atomic */
    bool shared;
    struct coord_heap heap;
    uint32_t log_used[COORD_LOGS]; /* atomic: 1 while it belongs to a lock */
    void* roots[COORD_ROOT_COUNT]; /* atomic */
    struct coord_processes {
        struct coord_lock lock; /* the process lock */
        struct list_node all;
        uint32_t parentless;   /* entries that no one will wait for */
        struct list_node ttys; /* those that are or were a session's */
        struct coord_tty {
            struct list_node node;
            uint32_t key;
            int32_t sid;        /* 0: nobody's */
            int32_t foreground; /* group; 0: none */
        } host_tty;
    } processes;
    struct coord_process first; /* pid 1's, so that a start touches no other page */
};

/* In the table of ids: of no process any more, but the name of a group or session that lives. */
#define COORD_ID_RESERVED 1u

/* NULL until libos_coord_init(). The same in every process. */
extern struct coord_arena* g_coord;

/* coord_alloc.c: as coord_alloc() and coord_free(), but at once, whatever locks are held. */
void* coord_heap_alloc(size_t size);
void coord_heap_free(void* ptr);

/* coord_lock.c: records for the innermost lock that is held; false: none is. */
bool coord_log_alloc(void* ptr);
bool coord_log_free(void* ptr);

/* ---- processes; all under the process lock ---- */
static inline void process_lock(void) {
    coord_lock(&g_coord->processes.lock);
}
static inline void process_unlock(void) {
    coord_unlock(&g_coord->processes.lock);
}
#define for_each_process(p) list_for_each(p, &g_coord->processes.all, struct coord_process, all)
#define for_each_child(c, parent)                                                                  \
    list_for_each(c, &(parent)->children, struct coord_process, sibling)

/* coord_id.c: of the threads of a process that has died without a word */
void coord_ids_drop(int32_t pid);

/* coord_process.c */
void coord_processes_init(struct coord_arena* arena);
/* The entry whose process or thread has this id (0: the caller's); NULL: none. */
struct coord_process* coord_process_find(int32_t id);
static inline bool coord_process_is_alive(const struct coord_process* p) {
    return p->state == COORD_PROCESS_NEW || p->state == COORD_PROCESS_ALIVE;
}
/* The entry, its id and all it holds are free. */
void coord_process_release(struct coord_process* p);

/* coord_end.c: the parent learns of an end, a stop (CLD_STOPPED) or a continue (CLD_CONTINUED). */
void coord_notify_parent_stop(struct coord_process* p, int cause);
void coord_continue(struct coord_process* p); /* if it is stopped */

/* coord_group.c */
/* A group or session lost a member: its name may be free. */
void coord_group_left(int32_t id);
bool coord_group_exists(int32_t pgid);
/* p's group may have lost its last tie to the session: then its stopped members are woken. father:
 * the one who is ending, if p is his child; NULL: p itself is. */
void coord_group_check_orphaned(struct coord_process* p, struct coord_process* father);

/* coord_tty.c: of a session leader that ends */
void coord_tty_leader_ends(struct coord_process* p);

/* coord_signal.c */
/* Queue for p (tid 0: the whole) and kick it. 0 or -EAGAIN. */
int coord_signal_queue(struct coord_process* p, int32_t tid, const siginfo_t* info);
void coord_signal_queue_kernel(struct coord_process* p, int sig);
void coord_signal_group_locked(int32_t pgid, int sig);
void coord_signals_drop(struct coord_process* p);

#endif /* COORD_INTERNAL_H */
