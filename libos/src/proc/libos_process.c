/*
 * The process: its start and its end.
 */
#include "libos_process.h"
#include "libos_coord_process.h"
#include "libos_file.h"
#include "libos_ipc.h"
#include "libos_proc_internal.h"
#include "libos_usage.h"
#include "manifest.h"

struct libos_process g_process = {
    .pid = 1,
    .threads = LIST_INIT(g_process.threads),
    .signals = {.queue = LIST_INIT(g_process.signals.queue)},
    .signal_watchers = LIST_INIT(g_process.signal_watchers),
    .dumpable = 1,
};

/* What a manifest says raises the hard limit too: it only concerns the LibOS. 0: nothing said. */
static void set_soft_limit(struct rlimit64* limit, uint64_t value) {
    if (!value)
        return;
    limit->rlim_cur = value;
    if (limit->rlim_max < value)
        limit->rlim_max = value;
}

/* The limits a program starts with are those of whoever started it. What the host will not tell is
 * unlimited, as in a fresh kernel. */
static void init_limits(struct libos_process* p) {
    for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
        PAL_NUM soft = RLIM64_INFINITY, hard = RLIM64_INFINITY;
        if (PalResourceLimitGet(i, &soft, &hard) < 0)
            soft = hard = RLIM64_INFINITY;
        p->limits[i].rlim_cur = soft;
        p->limits[i].rlim_max = hard;
    }
    const toml_table_t* manifest = g_pal_control->manifest_root;
    set_soft_limit(&p->limits[RLIMIT_STACK], manifest_size(manifest, "sys.stack.size", 0));
    set_soft_limit(&p->limits[RLIMIT_NOFILE], manifest_int(manifest, "sys.fds.limit", 0));
}

/* The ids are the manifest's, not the host's: the host's say only what the host will allow. */
static int init_credentials(struct libos_thread* t) {
    const toml_table_t* manifest = g_pal_control->manifest_root;
    t->uid = t->suid = t->euid = t->fsuid = manifest_int(manifest, "loader.uid", 0);
    t->gid = t->sgid = t->egid = t->fsgid = manifest_int(manifest, "loader.gid", 0);
    if (t->euid == 0)
        t->cap_effective = t->cap_permitted = LIBOS_CAP_FULL;
    t->cap_bounding = LIBOS_CAP_FULL;
    const toml_value_t* groups = toml_get_path(manifest, "loader.culm__groups");
    size_t count = groups && groups->type == TOML_ARRAY ? toml_array_count(groups->array) : 0;
    if (!count)
        return 0;
    t->groups = libos_malloc(count * sizeof(*t->groups));
    if (!t->groups)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) { /* sorted, as setgroups keeps them */
        uint32_t group = toml_array_item(groups->array, i)->integer;
        size_t at = i;
        for (; at > 0 && t->groups[at - 1] > group; at--)
            t->groups[at] = t->groups[at - 1];
        t->groups[at] = group;
    }
    t->group_count = count;
    return 0;
}

int libos_process_init(void) {
    struct libos_thread* t = libos_thread_alloc(g_process.pid);
    if (!t)
        return -ENOMEM;
    t->is_leader = true;
    int ret = init_credentials(t);
    if (ret < 0)
        return ret;
    init_limits(&g_process);
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &now);
    g_process.start_time_ns = t->start_time_ns = now;
    list_add_tail(&g_process.threads, &t->node);
    g_process.thread_count = 1;
    libos_barrier_join();
    libos_thread_become(t);
    return 0;
}

uint64_t libos_rlimit(int resource) {
    return __atomic_load_n(&cur_process()->limits[resource].rlim_cur, __ATOMIC_RELAXED);
}

#define EXIT_HOOKS_MAX 8
static void (*g_exit_hooks[EXIT_HOOKS_MAX])(void);
static unsigned g_exit_hook_count;

void libos_at_process_exit(void (*hook)(void)) {
    BUG_ON(g_exit_hook_count == EXIT_HOOKS_MAX);
    g_exit_hooks[g_exit_hook_count++] = hook;
}

/* What others can see of the process goes while it still counts as alive; its last word is its
 * status. What is private is left to the host: after a fork each page written to is copied. The
 * other threads are gone; helper threads stop at their next lock. */
static void end_process(struct libos_process* p, int wait_status) {
    struct libos_thread* t = get_cur_thread();
    struct coord_usage usage;
    libos_futex_exit_robust_list(t);
    libos_futex_exit_pi(t);
    while (g_exit_hook_count)
        g_exit_hooks[--g_exit_hook_count]();
    libos_ipc_thread_exit(t);
    libos_ipc_process_gone(p->pid);
    libos_barrier_raise();
    libos_files_end();
    libos_usage_self(&usage);
    coord_process_end(wait_status, &usage);
}

/* True: the caller ends the process; else another thread does, or ends all but itself. */
static bool begin_exit(struct libos_process* p, int wait_status) {
    lock(&p->threads_lock);
    bool first = !p->exit_started && !p->ending_others;
    if (first) {
        p->exit_started = 1;
        p->exit_status = wait_status;
    }
    unlock(&p->threads_lock);
    return first;
}

/* What the host process ends with, only the first one's is looked at. */
void libos_process_exit(int wait_status) {
    struct libos_process* p = cur_process();
    struct libos_thread* t = get_cur_thread();
    if (t && !begin_exit(p, wait_status))
        libos_thread_exit(wait_status);
    if (p->vfork) {
        struct coord_usage none = {0};
        libos_ipc_thread_exit(t);
        coord_process_end(wait_status, &none);
        libos_vfork_leave();
    }
    if (t) {
        libos_threads_end_others();
        end_process(p, wait_status);
    }
    int signo = wait_status & 0x7f;
    if (p->coord != coord_process_first())
        PalProcessExit(0);
    if (signo)
        PalProcessKillSelf(signo);
    PalProcessExit((wait_status >> 8) & 0xff);
}
