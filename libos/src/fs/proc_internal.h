/*
 * What the files of /proc share. proc(5).
 *
 * Every function that ends a node's `show` has the shape of libos_pseudo_node.show.
 */
#ifndef PROC_INTERNAL_H
#define PROC_INTERNAL_H

#include "libos_process.h"
#include "pseudo_text.h"

#define USER_HZ         100 /* clock ticks of /proc, per second */
#define NS_PER_TICK     (1000000000ULL / USER_HZ)
#define PROC_SHOW(name) int name(const struct libos_pseudo_at* at, struct libos_text* out)

/* ---- which thread a node is about (proc_pid.c) ----------------------------------------------- */
/* /proc/[pid]/... and /proc/[pid]/task/[tid]/...: the thread, referenced; NULL: it has ended. */
struct libos_thread* proc_thread(const struct libos_pseudo_at* at);
/* Below task/: about one thread, not the whole process. */
bool proc_is_task(const struct libos_pseudo_at* at);
/* Owner as for all files of a process. */
int proc_stat_owner(const struct libos_pseudo_at* at, struct libos_stat* st);

/* CPU time of one thread or (t NULL) of the process. */
void proc_cpu_time(struct libos_thread* t, uint64_t* user_ns, uint64_t* system_ns);

/* ---- subtrees -------------------------------------------------------------------------------- */
extern const struct libos_pseudo_node g_proc_pid_children[]; /* proc_pid_tree.c */
extern const struct libos_pseudo_node g_proc_task_children[];
extern const struct libos_pseudo_node g_proc_sys_children[]; /* proc_sys.c */
extern const struct libos_pseudo_node g_proc_net_children[]; /* proc_net.c */
extern const struct libos_pseudo_node g_proc_ns_children[];  /* proc_ns.c */

/* proc_info.c */
PROC_SHOW(proc_show_cpuinfo);
PROC_SHOW(proc_show_stat);
PROC_SHOW(proc_show_uptime);
PROC_SHOW(proc_show_loadavg);
PROC_SHOW(proc_show_version);
PROC_SHOW(proc_show_interrupts);
/* proc_meminfo.c */
PROC_SHOW(proc_show_meminfo);
PROC_SHOW(proc_show_vmstat);
/* proc_mounts.c */
PROC_SHOW(proc_show_mounts);
PROC_SHOW(proc_show_mountinfo);
PROC_SHOW(proc_show_mountstats);
/* proc_pid_status.c */
PROC_SHOW(proc_show_pid_stat);
PROC_SHOW(proc_show_statm);
PROC_SHOW(proc_show_status);
/* proc_pid_maps.c */
PROC_SHOW(proc_show_maps);
PROC_SHOW(proc_show_smaps);
PROC_SHOW(proc_show_smaps_rollup);
/* proc_pid_fd.c */
bool proc_match_fd(const struct libos_pseudo_at* dir, const char* name, size_t len, uint64_t* id);
void proc_list_fds(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg);
long proc_read_fd_link(const struct libos_pseudo_at* at, char* buf, size_t size);
int proc_follow_fd(const struct libos_pseudo_at* at, struct libos_file** out);
int proc_stat_fd(const struct libos_pseudo_at* at, struct libos_stat* st);
PROC_SHOW(proc_show_fdinfo);

#endif /* PROC_INTERNAL_H */
