/*
 * Faults of guest code: a stack or a mapped file that grows, or a signal.
 */
#include "entry.h"
#include "libos_mm.h"
#include "libos_signal.h"

#define TRAP_GENERAL_PROTECTION 13
#define TRAP_PAGE_FAULT         14

void libos_fault_work(struct libos_regs* regs) {
    (void)regs;
    struct libos_thread* t = get_cur_thread();
    const struct libos_fault* f = &t->fault;
    bool page_fault = f->trapno == TRAP_PAGE_FAULT && f->signo == SIGSEGV;
    if (page_fault && libos_mm_handle_fault(f->addr, f->error_code))
        return;
    if (f->trapno == TRAP_PAGE_FAULT && f->signo == SIGBUS && libos_mm_handle_bus_error(f->addr))
        return;
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = f->signo;
    info.si_code = f->code;
    info.si_addr = (void*)f->addr;
    /* Where something is mapped the host knows why: MADV_GUARD_INSTALL counts as a hole. */
    if (page_fault && (f->addr >= g_user_end || libos_mm_get_prot(f->addr) < 0))
        info.si_code = SEGV_MAPERR;
    libos_signal_force(t, &info);
}
