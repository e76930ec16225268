/*
 * /proc/[pid]/stat, statm, status.
 */
#include <linux/prctl.h>

#include "libos_event.h"
#include "libos_mm.h"
#include "libos_seccomp.h"
#include "proc_internal.h"

#define PF_RANDOMIZE 0x400000u
#define FIRST_FDS    64 /* FDSize of a fresh process */

struct task_view { /* one thread (and its process), copied under the locks */
    int32_t tid;
    char comm[16];
    bool current;
    char state;
    libos_sigset_t pending, shared_pending, blocked, ignored, caught;
    uint32_t queued;
    uint32_t threads;
};

static void look_at_signals(struct libos_thread* t, struct task_view* v) {
    lock(&cur_process()->signal_lock);
    v->pending = t->signals.pending;
    v->shared_pending = cur_process()->signals.pending;
    v->blocked = t->blocked;
    v->queued = cur_process()->sigqueue_count;
    for (int sig = 1; sig <= LIBOS_NSIG; sig++) {
        void* handler = cur_process()->actions[sig - 1].handler;
        if (handler == (void*)1)
            v->ignored |= sig_bit(sig);
        else if (handler)
            v->caught |= sig_bit(sig);
    }
    unlock(&cur_process()->signal_lock);
}

/* In guest code it runs, in a call it sleeps, as far as one can tell; a thread that answers another
 * process was found in one of the two. */
static char state_of(const struct libos_thread* t) {
    if (__atomic_load_n(&cur_process()->coord->stop_signal, __ATOMIC_RELAXED))
        return 'T';
    if (t == get_cur_thread())
        return !t->answering || (t->regs && t->regs->orig_rax == -1UL) ? 'R' : 'S';
    return t->tcb && !__atomic_load_n(&t->tcb->in_libos, __ATOMIC_RELAXED) ? 'R' : 'S';
}

static void look_at(struct libos_thread* t, struct task_view* v) {
    *v = (struct task_view){.tid = t->tid, .current = t == get_cur_thread()};
    lock(&cur_process()->threads_lock);
    memcpy(v->comm, t->comm, sizeof(v->comm));
    v->comm[sizeof(v->comm) - 1] = '\0';
    v->threads = cur_process()->thread_count;
    v->state = state_of(t);
    unlock(&cur_process()->threads_lock);
    look_at_signals(t, v);
}

static uint64_t since_boot_ticks(uint64_t start_mono_ns) {
    PAL_NUM boot = 0, mono = 0;
    PalClockGet(PAL_CLOCK_BOOTTIME, &boot);
    PalClockGet(PAL_CLOCK_MONOTONIC, &mono);
    return (start_mono_ns + (boot - mono)) / NS_PER_TICK;
}

/* Linux's number in stat(5): 20 + nice, or -1 - priority for real-time policies. */
static int stat_priority(const struct libos_thread* t) {
    return t->sched_policy == 1 || t->sched_policy == 2 ? -1 - t->sched_priority : 20 + t->nice;
}

/* ---- stat ------------------------------------------------------------------------------------ */

#define ULL(x) ((unsigned long long)(x))

static void show_stat(struct libos_text* out, struct libos_thread* t, bool task) {
    struct task_view v;
    struct libos_mm_stats mm = {0};
    PAL_USAGE usage = {0};
    uint64_t user, system, brk_start = 0, brk_end = 0, tty_rdev = 0;
    int32_t tty_pgid = -1;
    look_at(t, &v);
    libos_mm_get_stats(&mm);
    libos_mm_get_brk(&brk_start, &brk_end);
    PalProcessUsage(false, &usage);
    proc_cpu_time(task ? t : NULL, &user, &system);
    libos_tty_job_control(&tty_pgid, &tty_rdev);
    const struct libos_process* p = cur_process();
    libos_text_printf(out, "%d (%s) %c %d %d %d %d %d %u %llu 0 %llu 0 %llu %llu 0 0 %d %d %u 0 ",
                      v.tid, v.comm, v.state, p->coord->ppid, p->coord->pgid, p->coord->sid,
                      (int)tty_rdev, tty_rdev ? tty_pgid : -1, PF_RANDOMIZE,
                      ULL(usage.minor_faults), ULL(usage.major_faults), ULL(user / NS_PER_TICK),
                      ULL(system / NS_PER_TICK), stat_priority(t), t->nice, v.threads);
    libos_text_printf(out, "%llu %llu %llu %llu %llu %llu %llu 0 0 ",
                      ULL(since_boot_ticks(t->start_time_ns)), ULL(mm.total),
                      ULL(usage.resident / PAGE_SIZE), ULL(libos_rlimit(RLIMIT_RSS)),
                      ULL(p->start_code), ULL(p->end_code), ULL(p->start_stack));
    PAL_IDX cpu = 0;
    if (v.current)
        PalThreadGetCPU(&cpu, NULL);
    libos_text_printf(
        out, "%llu %llu %llu %llu 0 0 0 17 %u %d %d 0 0 0 ", ULL(v.pending & 0x7fffffff),
        ULL(v.blocked & 0x7fffffff), ULL(v.ignored & 0x7fffffff), ULL(v.caught & 0x7fffffff), cpu,
        t->sched_policy == 1 || t->sched_policy == 2 ? t->sched_priority : 0, t->sched_policy);
    libos_text_printf(out, "%llu %llu %llu %llu %llu %llu %llu 0\n", ULL(p->start_data),
                      ULL(p->end_data), ULL(brk_start), ULL(p->arg_start), ULL(p->arg_end),
                      ULL(p->env_start), ULL(p->env_end));
}

PROC_SHOW(proc_show_pid_stat) {
    struct libos_thread* t = proc_thread(at);
    if (!t)
        return -ESRCH;
    show_stat(out, t, proc_is_task(at));
    libos_thread_put(t);
    return 0;
}

PROC_SHOW(proc_show_statm) {
    (void)at;
    struct libos_mm_stats mm = {0};
    PAL_USAGE usage = {0};
    libos_mm_get_stats(&mm);
    PalProcessUsage(false, &usage);
    uint64_t code = PAGE_UP(cur_process()->end_code) - PAGE_DOWN(cur_process()->start_code);
    libos_text_printf(out, "%llu %llu %llu %llu 0 %llu 0\n", ULL(mm.total / PAGE_SIZE),
                      ULL(usage.resident / PAGE_SIZE), ULL(0), ULL(code / PAGE_SIZE),
                      ULL((mm.data + mm.stack) / PAGE_SIZE));
    return 0;
}

/* ---- status ---------------------------------------------------------------------------------- */

static void kb_line(struct libos_text* out, const char* name, uint64_t bytes) {
    libos_text_printf(out, "%s:\t%8llu kB\n", name, ULL(bytes / 1024));
}

static void show_ids(struct libos_text* out, struct libos_thread* t) {
    libos_text_printf(out, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", t->uid, t->euid, t->suid,
                      t->fsuid, t->gid, t->egid, t->sgid, t->fsgid);
    libos_text_printf(out, "FDSize:\t%d\nGroups:\t", MAX(libos_fd_table_end(), FIRST_FDS));
    if (t == get_cur_thread()) { /* another thread's list may change under our eyes */
        for (size_t i = 0; i < t->group_count; i++)
            libos_text_printf(out, i ? " %u" : "%u", t->groups[i]);
    }
    text_literal(out, " \n");
}

static void show_memory(struct libos_text* out) {
    struct libos_mm_stats mm = {0};
    PAL_USAGE usage = {0};
    libos_mm_get_stats(&mm);
    PalProcessUsage(false, &usage);
    uint64_t code = PAGE_UP(cur_process()->end_code) - PAGE_DOWN(cur_process()->start_code);
    kb_line(out, "VmPeak", MAX(mm.peak, mm.total));
    kb_line(out, "VmSize", mm.total);
    kb_line(out, "VmLck", mm.locked);
    kb_line(out, "VmPin", 0);
    kb_line(out, "VmHWM", MAX(usage.max_rss, usage.resident));
    kb_line(out, "VmRSS", usage.resident);
    kb_line(out, "RssAnon", usage.resident);
    kb_line(out, "RssFile", 0);
    kb_line(out, "RssShmem", 0);
    kb_line(out, "VmData", mm.data);
    kb_line(out, "VmStk", mm.stack);
    kb_line(out, "VmExe", code);
    kb_line(out, "VmLib", mm.exec > code ? mm.exec - code : 0);
    kb_line(out, "VmPTE", 0);
    kb_line(out, "VmSwap", 0);
    kb_line(out, "HugetlbPages", 0);
    libos_text_printf(out, "CoreDumping:\t0\nTHP_enabled:\t%d\nuntag_mask:\t0xffffffffffffffff\n",
                      !cur_process()->thp_disable);
}

static void show_signals(struct libos_text* out, const struct task_view* v) {
    libos_text_printf(out,
                      "Threads:\t%u\nSigQ:\t%u/%llu\nSigPnd:\t%016llx\nShdPnd:\t%016llx\n"
                      "SigBlk:\t%016llx\nSigIgn:\t%016llx\nSigCgt:\t%016llx\n",
                      v->threads, v->queued, ULL(libos_rlimit(RLIMIT_SIGPENDING)), ULL(v->pending),
                      ULL(v->shared_pending), ULL(v->blocked), ULL(v->ignored), ULL(v->caught));
}

static void show_caps(struct libos_text* out, const struct libos_thread* t) {
    libos_text_printf(out,
                      "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n"
                      "CapAmb:\t%016llx\nNoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t%u\n",
                      ULL(t->cap_inheritable), ULL(t->cap_permitted), ULL(t->cap_effective),
                      ULL(t->cap_bounding), ULL(t->cap_ambient), t->no_new_privs, t->seccomp_mode,
                      libos_seccomp_filter_count(t));
}

static bool cpu_in_mask(uint64_t mask, uint64_t cpu) {
    return ((const uint8_t*)mask)[cpu / 8] >> (cpu % 8) & 1;
}

static bool node_exists(uint64_t arg, uint64_t node) {
    (void)arg, (void)node;
    return true;
}

static void show_allowed(struct libos_text* out, struct libos_thread* t) {
    uint8_t mask[128] = {0};
    uint64_t cpus = MIN(libos_topology()->thread_count, sizeof(mask) * 8);
    uint64_t nodes = MAX(libos_topology()->node_count, 1);
    if (!t->host || PalThreadGetCPUAffinity(t->host, sizeof(mask), mask) < 0)
        memset(mask, 0xff, sizeof(mask));
    text_literal(out, "Cpus_allowed:\t");
    libos_text_map(out, cpus, cpu_in_mask, (uint64_t)mask);
    text_literal(out, "\nCpus_allowed_list:\t");
    libos_text_list(out, cpus, cpu_in_mask, (uint64_t)mask);
    text_literal(out, "Mems_allowed:\t");
    libos_text_map(out, ALIGN_UP(nodes, 32), cpu_in_mask, (uint64_t)(const uint8_t[8]){1});
    text_literal(out, "\nMems_allowed_list:\t");
    libos_text_list(out, nodes, node_exists, 0);
}

/* Newline and backslash as C writes them, as the kernel does. */
static void show_name(struct libos_text* out, const char* comm) {
    text_literal(out, "Name:\t");
    for (; *comm; comm++) {
        if (*comm == '\n')
            text_literal(out, "\\n");
        else if (*comm == '\\')
            text_literal(out, "\\\\");
        else
            libos_text_append(out, comm, 1);
    }
    text_literal(out, "\n");
}

static void show_status(struct libos_text* out, struct libos_thread* t) {
    struct task_view v;
    PAL_USAGE usage = {0};
    look_at(t, &v);
    PalProcessUsage(v.current, &usage);
    const struct libos_process* p = cur_process();
    show_name(out, v.comm);
    libos_text_printf(out, "Umask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\n",
                      t->fs ? t->fs->umask : 022,
                      v.state == 'R'   ? "R (running)"
                      : v.state == 'T' ? "T (stopped)"
                                       : "S (sleeping)",
                      p->pid, v.tid);
    libos_text_printf(out, "PPid:\t%d\nTracerPid:\t0\n", p->coord->ppid);
    show_ids(out, t);
    libos_text_printf(out, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n",
                      p->pid, v.tid, p->coord->pgid, p->coord->sid);
    show_memory(out);
    show_signals(out, &v);
    show_caps(out, t);
    text_literal(out, "Speculation_Store_Bypass:\tunknown\nSpeculationIndirectBranch:\tunknown\n");
    show_allowed(out, t);
    libos_text_printf(out, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n",
                      ULL(usage.voluntary_switches), ULL(usage.involuntary_switches));
}

PROC_SHOW(proc_show_status) {
    struct libos_thread* t = proc_thread(at);
    if (!t)
        return -ESRCH;
    show_status(out, t);
    libos_thread_put(t);
    return 0;
}
