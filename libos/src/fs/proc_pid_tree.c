/*
 * The tree of /proc/[pid] and of its task/[tid].
 */
#include "proc_pid_internal.h"

#define FILE_(n, m, ...)                                                                           \
    { .name = (n), .mode = S_IFREG | (m), .stat = proc_stat_owner, __VA_ARGS__ }
#define CONST_(n, m, text) FILE_(n, m, .show = proc_show_constant, .data = (text))
#define LINK_(n, r, f)                                                                             \
    { .name = (n), .mode = S_IFLNK | 0777, .stat = proc_stat_owner, .readlink = (r), .follow = (f) }
#define DIR_(n, m, c)                                                                              \
    { .name = (n), .mode = S_IFDIR | (m), .stat = proc_stat_owner, .children = (c) }

static const struct libos_pseudo_node g_fd[] = {
    {.mode = S_IFLNK | 0700,
     .match = proc_match_fd,
     .list = proc_list_fds,
     .readlink = proc_read_fd_link,
     .follow = proc_follow_fd,
     .stat = proc_stat_fd},
    {0},
};

static const struct libos_pseudo_node g_fdinfo[] = {
    {.mode = S_IFREG | 0444,
     .match = proc_match_fd,
     .list = proc_list_fds,
     .show = proc_show_fdinfo,
     .stat = proc_stat_owner},
    {0},
};

/* ---- task/[tid] ------------------------------------------------------------------------------ */

static bool match_task(const struct libos_pseudo_at* dir, const char* name, size_t len,
                       uint64_t* id) {
    (void)dir;
    if (!libos_pseudo_number(name, len, id) || *id > INT32_MAX)
        return false;
    struct libos_thread* t = libos_thread_find((int)*id);
    if (t)
        libos_thread_put(t);
    return t != NULL;
}

/* The lowest thread id above `above`; -1: none. */
static int32_t next_tid(int32_t above) {
    int32_t best = -1;
    lock(&cur_process()->threads_lock);
    list_for_each(t, &cur_process()->threads, struct libos_thread, node) {
        if (t->tid > above && (best < 0 || t->tid < best))
            best = t->tid;
    }
    unlock(&cur_process()->threads_lock);
    return best;
}

static void list_tasks(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg) {
    (void)dir;
    for (int32_t tid = next_tid(0); tid > 0; tid = next_tid(tid)) {
        char name[12];
        snprintf(name, sizeof(name), "%d", tid);
        if (!emit(arg, name, (uint64_t)tid))
            return;
    }
}

static int stat_task_dir(const struct libos_pseudo_at* at, struct libos_stat* st) {
    st->nlink = 2 + __atomic_load_n(&cur_process()->thread_count, __ATOMIC_RELAXED);
    return proc_stat_owner(at, st);
}

static const struct libos_pseudo_node g_tasks[] = {
    {.mode = S_IFDIR | 0555,
     .match = match_task,
     .list = list_tasks,
     .stat = proc_stat_owner,
     .children = g_proc_task_children},
    {0},
};

#define ATTR_(n) FILE_(n, 0666, .show = proc_show_attr, .store = proc_store_attr)
static const struct libos_pseudo_node g_attr[] = {
    ATTR_("current"),
    ATTR_("exec"),
    ATTR_("fscreate"),
    ATTR_("keycreate"),
    FILE_("prev", 0444, .show = proc_show_attr),
    ATTR_("sockcreate"),
    {0},
};

static const struct libos_pseudo_node g_map_files[] = {
    {.mode = S_IFLNK | 0700,
     .match = proc_match_map,
     .list = proc_list_maps,
     .readlink = proc_read_map_link,
     .follow = proc_follow_map,
     .stat = proc_stat_map},
    {0},
};

/* ---- what both have -------------------------------------------------------------------------- */

/* Lets the file be opened for writing; its own operations do the writing. */
static long proc_no_store(const struct libos_pseudo_at* at, const char* text, size_t size) {
    (void)at, (void)text, (void)size;
    return -EIO;
}

#define COMMON_NODES                                                                               \
    CONST_("arch_status", 0444, ""), DIR_("attr", 0555, g_attr),                                   \
        FILE_("auxv", 0400, .show = proc_show_auxv), CONST_("cgroup", 0444, "0::/\n"),             \
        FILE_("cmdline", 0444, .show = proc_show_cmdline),                                         \
        FILE_("comm", 0644, .show = proc_show_comm, .store = proc_store_comm),                     \
        CONST_("cpuset", 0444, "/\n"), LINK_("cwd", proc_read_cwd, proc_follow_cwd),               \
        FILE_("environ", 0400, .show = proc_show_environ),                                         \
        LINK_("exe", proc_read_exe, proc_follow_exe), DIR_("fd", 0500, g_fd),                      \
        DIR_("fdinfo", 0555, g_fdinfo),                                                            \
        CONST_("gid_map", 0644, "         0          0 4294967295\n"),                             \
        FILE_("io", 0400, .show = proc_show_io), FILE_("limits", 0644, .show = proc_show_limits),  \
        CONST_("loginuid", 0644, "4294967295"), FILE_("maps", 0444, .show = proc_show_maps),       \
        FILE_("mem", 0600, .open = proc_open_mem, .store = proc_no_store),                         \
        FILE_("mountinfo", 0444, .show = proc_show_mountinfo),                                     \
        FILE_("mounts", 0444, .show = proc_show_mounts), DIR_("net", 0555, g_proc_net_children),   \
        DIR_("ns", 0511, g_proc_ns_children),                                                      \
        FILE_("numa_maps", 0444, .show = proc_show_numa_maps),                                     \
        FILE_("oom_adj", 0644, .show = proc_show_oom_adj),                                         \
        FILE_("oom_score", 0444, .show = proc_show_oom_score),                                     \
        FILE_("oom_score_adj", 0644, .show = proc_show_oom_score_adj,                              \
              .store = proc_store_oom_score_adj),                                                  \
        FILE_("personality", 0400, .show = proc_show_personality),                                 \
        CONST_("projid_map", 0644, "         0          0 4294967295\n"),                          \
        LINK_("root", proc_read_root, proc_follow_root),                                           \
        FILE_("sched", 0644, .show = proc_show_sched),                                             \
        FILE_("schedstat", 0444, .show = proc_show_schedstat),                                     \
        CONST_("sessionid", 0444, "4294967295"), CONST_("setgroups", 0644, "allow\n"),             \
        FILE_("smaps", 0444, .show = proc_show_smaps),                                             \
        FILE_("smaps_rollup", 0444, .show = proc_show_smaps_rollup),                               \
        FILE_("stat", 0444, .show = proc_show_pid_stat),                                           \
        FILE_("statm", 0444, .show = proc_show_statm),                                             \
        FILE_("status", 0444, .show = proc_show_status),                                           \
        FILE_("syscall", 0400, .show = proc_show_syscall),                                         \
        CONST_("uid_map", 0644, "         0          0 4294967295\n"), CONST_("wchan", 0444, "0")

const struct libos_pseudo_node g_proc_task_children[] = {
    COMMON_NODES,
    FILE_("children", 0444, .show = proc_show_children),
    {0},
};

const struct libos_pseudo_node g_proc_pid_children[] = {
    COMMON_NODES,
    FILE_("coredump_filter", 0644, .show = proc_show_coredump_filter,
          .store = proc_store_coredump_filter),
    DIR_("map_files", 0500, g_map_files),
    FILE_("mountstats", 0400, .show = proc_show_mountstats),
    CONST_("timens_offsets", 0444,
           "monotonic           0         0\nboottime            0         0\n"),
    FILE_("timerslack_ns", 0444, .show = proc_show_timerslack),
    {.name = "task", .mode = S_IFDIR | 0555, .stat = stat_task_dir, .children = g_tasks},
    {0},
};
