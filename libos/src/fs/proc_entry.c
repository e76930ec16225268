/*
 * /proc/[pid] of a process that cannot answer (a zombie, one that is stopped by the host, a vfork
 * child that runs in its parent): what its entry in the coordination state tells.
 */
#include "proc_ask.h"
#include "proc_pid_internal.h"

#define ULL(x) ((unsigned long long)(x))

static char state_of(const struct coord_process* p) {
    if (!proc_entry_is_alive(p))
        return 'Z';
    return p->stop_signal ? 'T' : p->state == COORD_PROCESS_NEW ? 'R' : 'S';
}

static uint64_t start_ticks(const struct coord_process* p) {
    PAL_NUM boot = 0, mono = 0;
    PalClockGet(PAL_CLOCK_BOOTTIME, &boot);
    PalClockGet(PAL_CLOCK_MONOTONIC, &mono);
    return (p->start_time_ns + (boot - mono)) / NS_PER_TICK;
}

static int show_stat(const struct coord_process* p, struct libos_text* out) {
    const struct coord_usage* u = &p->usage;
    const struct coord_usage* c = &p->children_usage;
    libos_text_printf(
        out, "%d (%.15s) %c %d %d %d 0 -1 %u %llu %llu %llu %llu %llu %llu %llu %llu ", p->pid,
        p->comm, state_of(p), p->ppid, p->pgid, p->sid, state_of(p) == 'Z' ? 0x40000cu : 0x400000u,
        ULL(u->minor_faults), ULL(c->minor_faults), ULL(u->major_faults), ULL(c->major_faults),
        ULL(u->user_ns / NS_PER_TICK), ULL(u->system_ns / NS_PER_TICK),
        ULL(c->user_ns / NS_PER_TICK), ULL(c->system_ns / NS_PER_TICK));
    libos_text_printf(out,
                      "20 0 1 0 %llu 0 0 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 "
                      "0 0 0 0 0 0 0 0 0 %d\n",
                      ULL(start_ticks(p)), proc_entry_is_alive(p) ? 0 : p->exit_status);
    return 0;
}

static int show_status(const struct coord_process* p, struct libos_text* out) {
    char state = state_of(p);
    libos_text_printf(out,
                      "Name:\t%.15s\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\n"
                      "TracerPid:\t0\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t0\n"
                      "Groups:\t\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n"
                      "Threads:\t1\n",
                      p->comm, state,
                      state == 'Z'   ? "zombie"
                      : state == 'T' ? "stopped"
                      : state == 'R' ? "running"
                                     : "sleeping",
                      p->pid, p->pid, p->ppid, p->uid, p->euid, p->suid, p->euid, p->gid, p->egid,
                      p->sgid, p->egid, p->pid, p->pid, p->pgid, p->sid);
    return 0;
}

static int show_command_line(const struct coord_process* p, struct libos_text* out) {
    char* text = libos_malloc(PAGE_SIZE);
    if (!text)
        return -ENOMEM;
    long len = coord_process_command_line(p->pid, text, PAGE_SIZE);
    if (len > 0)
        libos_text_append(out, text, MIN((size_t)len, PAGE_SIZE));
    libos_free(text);
    return 0;
}

int proc_entry_show(const struct libos_pseudo_at* at, const struct coord_process* p,
                    struct libos_text* out) {
    const struct libos_pseudo_node* node = at->node;
    if (node->show == proc_show_pid_stat)
        return show_stat(p, out);
    if (node->show == proc_show_status)
        return show_status(p, out);
    if (node->show == proc_show_comm) {
        libos_text_printf(out, "%.15s\n", p->comm);
        return 0;
    }
    if (node->show == proc_show_statm) {
        text_literal(out, "0 0 0 0 0 0 0\n");
        return 0;
    }
    if (node->show == proc_show_cmdline && proc_entry_is_alive(p))
        return show_command_line(p, out);
    bool memory = node->show == proc_show_cmdline || node->show == proc_show_environ ||
                  node->show == proc_show_maps || node->show == proc_show_smaps;
    return memory && !proc_entry_is_alive(p) ? 0 : -ESRCH;
}
