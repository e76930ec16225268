/*
 * Upcalls of the PAL: faults, trapped system calls, kicks and signals from outside.
 *
 * They run on the host's signal stack and must not block or take locks: they only look where the
 * thread was. Guest code is sent into the LibOS with its registers in the thread's frame; LibOS
 * code goes on (the work flags tell it what to do on the way out), unless it was touching user
 * memory.
 */
#include <linux/elf.h>

#include "entry.h"
#include "libos_proc_answer.h"
#include "libos_signal.h"

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
static uint64_t g_text_start, g_text_end;

static void find_text(void) {
    const Elf64_Phdr* ph = (const Elf64_Phdr*)((const char*)&__ehdr_start + __ehdr_start.e_phoff);
    for (int i = 0; i < __ehdr_start.e_phnum; i++) {
        if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_X)) {
            g_text_start = (uint64_t)&__ehdr_start + ph[i].p_vaddr;
            g_text_end = g_text_start + ph[i].p_memsz;
        }
    }
}

static bool in_text(uint64_t rip) {
    return rip >= g_text_start && rip < g_text_end;
}

static bool in_exit_window(uint64_t rip) {
    return (rip >= (uint64_t)libos_exit_window_start && rip <= (uint64_t)libos_exit_window_end) ||
           (rip >= (uint64_t)libos_iret_window_start && rip <= (uint64_t)libos_iret_window_end);
}

/* The thread enters the LibOS with our GS; what the guest had comes back on the way out. */
static void take_gs(PAL_CONTEXT* c) {
    struct libos_tcb* tcb = libos_get_tcb();
    uint64_t own = (uint64_t)pal_get_tcb();
    if (c->rip != (uint64_t)libos_guest_gs_set) {
        if (c->gs_base == own)
            return;
        tcb->guest_gs = c->gs_base;
    }
    c->gs_base = own;
    __atomic_or_fetch(&tcb->work, LIBOS_WORK_GS, __ATOMIC_SEQ_CST);
}

/* A stub that met another GS than ours? */
static bool at_gs_check(PAL_CONTEXT* c) {
    uint64_t go;
    if (c->gs_base == (uint64_t)pal_get_tcb() || !libos_stub_gs_check(c->rip, &go))
        return false;
    take_gs(c);
    c->rip = go;
    return true;
}

static void send_to(PAL_CONTEXT* c, void (*where)(void), const struct libos_regs* frame) {
    take_gs(c);
    c->rip = (uint64_t)where;
    c->rsp = (uint64_t)frame;
    c->efl &= ~(uint64_t)(EFL_DF | EFL_TF | EFL_NT | EFL_RF | EFL_AC);
}

/* The guest's registers into the frame. */
static struct libos_regs* save_guest(const PAL_CONTEXT* c, uint64_t rip, uint64_t resume) {
    struct libos_tcb* tcb = libos_get_tcb();
    struct libos_regs* r = libos_frame(tcb);
    *r = (struct libos_regs){.r15 = c->r15,
                             .r14 = c->r14,
                             .r13 = c->r13,
                             .r12 = c->r12,
                             .rbp = c->rbp,
                             .rbx = c->rbx,
                             .r11 = c->r11,
                             .r10 = c->r10,
                             .r9 = c->r9,
                             .r8 = c->r8,
                             .rax = c->rax,
                             .rcx = c->rcx,
                             .rdx = c->rdx,
                             .rsi = c->rsi,
                             .rdi = c->rdi,
                             .orig_rax = -1UL,
                             .resume = resume,
                             .rip = rip,
                             .rflags = c->efl,
                             .rsp = c->rsp};
    tcb->in_libos = 1;
    return r;
}

/* Was the thread running guest code? Then *rip is where, as the guest sees it; in the copy of some
 * instructions in a stub, *resume is the address in the stub, else 0. */
static bool was_in_guest(bool is_in_pal, const PAL_CONTEXT* c, uint64_t* rip, uint64_t* resume) {
    *rip = c->rip;
    *resume = 0;
    struct libos_tcb* tcb = libos_get_tcb();
    if (is_in_pal || tcb->in_libos || !tcb->thread || in_text(c->rip))
        return false;
    uint64_t guest_rip;
    if (libos_stub_translate(c->rip, &guest_rip)) {
        if (!guest_rip)
            return false;
        *rip = guest_rip;
        *resume = c->rip;
    }
    return true; /* also in the host's vDSO, called by the guest */
}

/* Something to do for a thread: at once if it runs guest code or is leaving for it. */
static void look_at_work(bool is_in_pal, PAL_CONTEXT* c) {
    uint64_t rip, resume;
    if (in_exit_window(c->rip)) {
        struct libos_tcb* tcb = libos_get_tcb();
        tcb->in_libos = 1;
        send_to(c, libos_slow_exit, libos_frame(tcb));
    } else if (was_in_guest(is_in_pal, c, &rip, &resume)) {
        send_to(c, libos_slow_exit, save_guest(c, rip, resume));
    }
}

static void on_async(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* c) {
    (void)addr;
    if (c->host_signo)
        libos_signal_note_host(c->host_signo, c->host_code);
    if (c->host_signo || coord_signal_waiting(cur_process()->coord) ||
        libos_proc_asked_of(g_process.coord->pid)) {
        __atomic_or_fetch(&libos_get_tcb()->work, LIBOS_WORK_SIGNAL, __ATOMIC_SEQ_CST);
    }
    look_at_work(is_in_pal, c);
}

static void on_child(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* c) {
    (void)addr;
    libos_signal_note_child();
    __atomic_or_fetch(&libos_get_tcb()->work, LIBOS_WORK_SIGNAL, __ATOMIC_SEQ_CST);
    look_at_work(is_in_pal, c);
}

static _Noreturn void die(const PAL_CONTEXT* c, PAL_NUM addr) {
    libos_log(
        PAL_LOG_ERROR,
        "internal error: %s at libos+0x%lx, address 0x%lx (signal %d, thread %d); please report "
        "this",
        c->trapno == 14 ? "page fault" : "fault", (unsigned long)(c->rip - (uint64_t)&__ehdr_start),
        (unsigned long)addr, c->host_signo, get_cur_thread() ? get_cur_thread()->tid : 0);
    PalProcessKillSelf(SIGSEGV);
}

/* A fault of the guest's becomes a signal, on the thread's own stack. */
static void guest_fault(const PAL_CONTEXT* c, PAL_NUM addr, PAL_CONTEXT* out,
                        struct libos_regs* frame) {
    get_cur_thread()->fault = (struct libos_fault){.signo = c->host_signo,
                                                   .code = c->host_code,
                                                   .addr = addr,
                                                   .error_code = c->err,
                                                   .trapno = c->trapno,
                                                   .cr2 = c->cr2};
    send_to(out, libos_fault_entry, frame);
}

static void on_fault(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* c) {
    uint64_t rip, resume;
    if (at_gs_check(c))
        return;
    if (was_in_guest(is_in_pal, c, &rip, &resume)) {
        guest_fault(c, addr, c, save_guest(c, rip, resume));
        return;
    }
    if (in_exit_window(c->rip)) { /* a return address that is none */
        struct libos_tcb* tcb = libos_get_tcb();
        tcb->in_libos = 1;
        guest_fault(c, addr, c, libos_frame(tcb));
        return;
    }
    uint64_t fixup = in_text(c->rip) ? libos_find_fixup(c->rip) : 0;
    if (!fixup)
        die(c, addr);
    c->rip = fixup;
}

/* As if the thread had come through a call-site stub. */
static void enter_call(PAL_CONTEXT* c, uint64_t ret, uint64_t resume) {
    take_gs(c);
    c->rcx = ret;
    c->r11 = resume;
    c->rip = (uint64_t)libos_trap_entry;
}

static void on_illegal(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* c) {
    uint64_t ret, resume;
    if (c->is_syscall) {
        if (in_text(c->rip))
            die(c, addr);
        enter_call(c, c->rip, libos_patch_resume(c->rip));
        return;
    }
    /* A jump into the middle of a patched site. */
    uint64_t copy = in_text(c->rip) ? 0 : libos_patch_interior(c->rip);
    if (copy) {
        c->rip = copy;
        return;
    }
    /* To the `syscall` in its middle: it meets ud2. */
    if (!in_text(c->rip) && libos_patch_find_syscall(c->rip, &ret, &resume)) {
        enter_call(c, ret, resume);
        return;
    }
    on_fault(is_in_pal, addr, c);
}

/* int3: of a site that is just being patched, then it is tried again; else the guest's own. */
static void on_trap(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* c) {
    if (c->trapno == 3 && !in_text(c->rip) && libos_patch_hit_int3(c->rip - 1)) {
        c->rip--;
        return;
    }
    on_fault(is_in_pal, addr, c);
}

void libos_exceptions_init(void) {
    find_text();
    PalSetExceptionHandler(on_fault, PAL_EVENT_ARITHMETIC_ERROR);
    PalSetExceptionHandler(on_fault, PAL_EVENT_MEMFAULT);
    PalSetExceptionHandler(on_illegal, PAL_EVENT_ILLEGAL);
    PalSetExceptionHandler(on_trap, PAL_EVENT_TRAP);
    PalSetExceptionHandler(on_async, PAL_EVENT_INTERRUPTED);
    PalSetExceptionHandler(on_async, PAL_EVENT_QUIT);
    PalSetExceptionHandler(on_child, PAL_EVENT_CHILD);
}
