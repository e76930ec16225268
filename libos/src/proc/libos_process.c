/*
 * The process: its start and its end.
 */
#include "libos_process.h"
#include "libos_file.h"
#include "libos_proc_internal.h"

struct libos_process g_process = {
    .pid = 1,
    .ppid = 0,
    .pgid = 1,
    .sid = 1,
    .next_tid = 2,
    .threads = LIST_INIT(g_process.threads),
    .signals = {.queue = LIST_INIT(g_process.signals.queue)},
    .signal_watchers = LIST_INIT(g_process.signal_watchers),
    .dumpable = 1,
};

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
}

static void init_credentials(struct libos_thread* t) {
    t->uid = t->suid = g_pal_control->host_uid;
    t->euid = t->fsuid = g_pal_control->host_euid;
    t->gid = t->sgid = g_pal_control->host_gid;
    t->egid = t->fsgid = g_pal_control->host_egid;
    if (t->euid == 0)
        t->cap_effective = t->cap_permitted = LIBOS_CAP_FULL;
    t->cap_bounding = LIBOS_CAP_FULL;
}

int libos_process_init(void) {
    struct libos_thread* t = libos_thread_alloc();
    if (!t)
        return -ENOMEM;
    t->tid = g_process.pid;
    t->is_leader = true;
    init_credentials(t);
    init_limits(&g_process);
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &now);
    g_process.start_time_ns = t->start_time_ns = now;
    list_add_tail(&g_process.threads, &t->node);
    g_process.thread_count = 1;
    libos_thread_become(t);
    return 0;
}

uint64_t libos_rlimit(int resource) {
    return __atomic_load_n(&g_process.limits[resource].rlim_cur, __ATOMIC_RELAXED);
}

#define EXIT_HOOKS_MAX 8
static void (*g_exit_hooks[EXIT_HOOKS_MAX])(void);
static unsigned g_exit_hook_count;

void libos_at_process_exit(void (*hook)(void)) {
    BUG_ON(g_exit_hook_count == EXIT_HOOKS_MAX);
    g_exit_hooks[g_exit_hook_count++] = hook;
}

/* The host ends all threads at once; nothing of theirs needs undoing, as all that outlives the
 * process lives in the host. Whoever comes second waits for that end. */
void libos_process_exit(int wait_status) {
    if (__atomic_exchange_n(&g_process.exit_started, 1, __ATOMIC_SEQ_CST)) {
        uint32_t never = 0;
        for (;;)
            PalFutexWaitUninterruptible(&never, 0);
    }
    g_process.exit_status = wait_status;
    while (g_exit_hook_count)
        g_exit_hooks[--g_exit_hook_count]();
    int signo = wait_status & 0x7f;
    if (signo)
        PalProcessKillSelf(signo);
    PalProcessExit((wait_status >> 8) & 0xff);
}
