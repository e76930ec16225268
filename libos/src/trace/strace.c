/*
 * --strace: one line per system call, when it returns. And the dispatch of traced calls, also for
 * --stats: with LIBOS_WORK_TRACE set the entry comes here instead of calling the function itself.
 */
#include <asm/unistd.h>

#include "../arch/x86_64/entry.h"
#include "libos_init.h"
#include "libos_seccomp.h"
#include "manifest.h"
#include "trace.h"

static bool g_strace, g_stats;
static PAL_HANDLE g_file; /* NULL: where messages go */

static void write_line(struct trace_line* line) {
    line->text[line->length++] = '\n';
    PAL_NUM size = line->length;
    if (g_file)
        PalStreamWrite(g_file, 0, &size, line->text, NULL);
    else
        PalDebugLog(line->text, &size);
}

static void put_call(struct trace_line* line, uint32_t nr, const uint64_t args[6], long result) {
    const struct libos_call* call = nr < LIBOS_CALL_COUNT ? &g_libos_calls[nr] : NULL;
    line->length = 0;
    trace_put(line, "[%d] ", get_cur_thread()->tid);
    if (!call || !call->name) {
        trace_put(line, "syscall_%u(%#lx, %#lx, %#lx)", nr, (unsigned long)args[0],
                  (unsigned long)args[1], (unsigned long)args[2]);
        return;
    }
    trace_put(line, "%s(", call->name);
    for (int i = 0; i < 6 && call->args[i] != A_NONE; i++) {
        if (i)
            trace_put(line, ", ");
        trace_arg(line, call->args[i], args[i], i < 5 ? args[i + 1] : 0, result);
    }
    trace_put(line, ")");
}

static void put_result(struct trace_line* line, uint32_t nr, long result) {
    if (result < 0 && result > -4096)
        trace_put(line, " = -1 %s", libos_errno_name(-result));
    else if (nr == __NR_mmap || nr == __NR_brk || nr == __NR_mremap || nr == __NR_shmat)
        trace_put(line, " = %#lx", (unsigned long)result);
    else
        trace_put(line, " = %ld", result);
}

static bool does_not_return(uint32_t nr) {
    return nr == __NR_exit || nr == __NR_exit_group || nr == __NR_rt_sigreturn ||
           nr == __NR_execve || nr == __NR_execveat;
}

static void show_call(uint32_t nr, const uint64_t args[6]) {
    struct trace_line line;
    put_call(&line, nr, args, -1);
    trace_put(&line, nr == __NR_execve || nr == __NR_execveat ? " ..." : " = ?");
    write_line(&line);
}

static void show_result(uint32_t nr, const uint64_t args[6], long result) {
    struct trace_line line;
    put_call(&line, nr, args, result);
    put_result(&line, nr, result);
    write_line(&line);
}

static uint64_t now_ns(void) {
    PAL_NUM now = 0;
    PalClockGet(PAL_CLOCK_MONOTONIC, &now);
    return now;
}

long libos_watched_call(struct libos_regs* regs) {
    uint32_t work = libos_get_tcb()->work, nr = regs->orig_rax;
    long result;
    if ((work & LIBOS_WORK_SECCOMP) && !libos_seccomp_check(regs, &result))
        return result;
    if (work & LIBOS_WORK_TRACE)
        return libos_traced_call(regs);
    libos_syscall_t fn = nr < LIBOS_CALL_COUNT ? g_libos_calls[nr].function : NULL;
    return fn ? fn(regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9) : -ENOSYS;
}

long libos_traced_call(struct libos_regs* regs) {
    struct libos_tcb* tcb = libos_get_tcb();
    bool trapped = tcb->scratch[1] != 0;
    tcb->scratch[1] = 0;
    uint32_t nr = regs->orig_rax;
    /* rt_sigreturn and execve change the frame: keep the arguments. */
    const uint64_t args[6] = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9};
    if (g_strace && does_not_return(nr))
        show_call(nr, args);
    if (g_stats && does_not_return(nr))
        trace_count(nr, 0, false, trapped);
    uint64_t start = g_stats ? now_ns() : 0;
    libos_syscall_t fn = nr < LIBOS_CALL_COUNT ? g_libos_calls[nr].function : NULL;
    long result = -ENOSYS;
    if (!trace_mock(nr, &result) && fn)
        result = fn(args[0], args[1], args[2], args[3], args[4], args[5]);
    if (g_stats && !does_not_return(nr))
        trace_count(nr, now_ns() - start, result < 0 && result > -4096, trapped);
    if (g_strace && (!does_not_return(nr) || (result < 0 && nr != __NR_rt_sigreturn)))
        show_result(nr, args, result);
    return result;
}

void libos_trace_signal(const siginfo_t* info, const void* handler) {
    if (!g_strace)
        return;
    struct trace_line line;
    line.length = 0;
    const char* name = libos_signal_name(info->si_signo);
    trace_put(&line, "[%d] --- ", get_cur_thread()->tid);
    if (name)
        trace_put(&line, "%s", name);
    else
        trace_put(&line, "signal %d", info->si_signo);
    trace_put(&line, " {si_code=%d", info->si_code);
    if (info->si_code > 0 && info->si_code != SI_KERNEL && info->si_signo != SIGCHLD)
        trace_put(&line, ", si_addr=%p", info->si_addr);
    trace_put(&line, "} ");
    if (handler)
        trace_put(&line, "-> %p ---", handler);
    else
        trace_put(&line, "ends the process ---");
    write_line(&line);
}

int libos_trace_init(void) {
    const char* file = manifest_string(g_pal_control->manifest_root, "sys.culm__strace", NULL);
    g_stats = manifest_bool(g_pal_control->manifest_root, "sys.culm__stats", false);
    g_strace = file != NULL;
    if (file && *file) {
        char uri[1024];
        snprintf(uri, sizeof(uri), "file:%s", file);
        int ret = PalStreamOpen(uri, PAL_ACCESS_WRONLY | PAL_ACCESS_APPEND, 0644, PAL_CREATE_TRY,
                                PAL_OPTION_TRUNC, &g_file);
        if (ret < 0) {
            log_error("cannot write the trace to %s (sys.culm__strace): %s", file,
                      pal_strerror(ret));
            return pal_to_errno(ret);
        }
    }
    if (g_stats)
        trace_stats_init();
    if (g_strace || g_stats)
        __atomic_or_fetch(&libos_get_tcb()->work, LIBOS_WORK_TRACE, __ATOMIC_SEQ_CST);
    return 0;
}
