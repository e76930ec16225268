/*
 * What the tree of /proc/[pid] takes from proc_pid.c.
 */
#ifndef PROC_PID_INTERNAL_H
#define PROC_PID_INTERNAL_H

#include "proc_internal.h"

#ifndef S_ISDIR
#define S_ISDIR(m) (((m)&S_IFMT) == S_IFDIR)
#endif

PROC_SHOW(proc_show_cmdline);
PROC_SHOW(proc_show_environ);
PROC_SHOW(proc_show_auxv);
PROC_SHOW(proc_show_comm);
long proc_store_comm(const struct libos_pseudo_at* at, const char* text, size_t size);
PROC_SHOW(proc_show_limits);
PROC_SHOW(proc_show_oom_score);
PROC_SHOW(proc_show_oom_adj);
PROC_SHOW(proc_show_oom_score_adj);
long proc_store_coredump_filter(const struct libos_pseudo_at* at, const char* text, size_t size);
long proc_store_oom_score_adj(const struct libos_pseudo_at* at, const char* text, size_t size);
PROC_SHOW(proc_show_coredump_filter);
PROC_SHOW(proc_show_personality);
PROC_SHOW(proc_show_timerslack);
PROC_SHOW(proc_show_schedstat);
PROC_SHOW(proc_show_io);
/* proc_pid_more.c */
PROC_SHOW(proc_show_sched);
PROC_SHOW(proc_show_syscall);
PROC_SHOW(proc_show_numa_maps);
PROC_SHOW(proc_show_attr);
PROC_SHOW(proc_show_children);
long proc_store_attr(const struct libos_pseudo_at* at, const char* text, size_t size);
bool proc_match_map(const struct libos_pseudo_at* dir, const char* name, size_t len, uint64_t* id);
void proc_list_maps(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg);
long proc_read_map_link(const struct libos_pseudo_at* at, char* buf, size_t size);
int proc_follow_map(const struct libos_pseudo_at* at, struct libos_file** out);
int proc_stat_map(const struct libos_pseudo_at* at, struct libos_stat* st);
/* /proc/[pid]/mem (proc_pid_mem.c) */
int proc_open_mem(const struct libos_pseudo_at* at, int flags, struct libos_file** out);
PROC_SHOW(proc_show_constant); /* the node's data */
long proc_read_exe(const struct libos_pseudo_at* at, char* buf, size_t size);
int proc_follow_exe(const struct libos_pseudo_at* at, struct libos_file** out);
long proc_read_cwd(const struct libos_pseudo_at* at, char* buf, size_t size);
int proc_follow_cwd(const struct libos_pseudo_at* at, struct libos_file** out);
long proc_read_root(const struct libos_pseudo_at* at, char* buf, size_t size);
int proc_follow_root(const struct libos_pseudo_at* at, struct libos_file** out);

#endif /* PROC_PID_INTERNAL_H */
