/*
 * Makes every system call outside the stub page trap (SIGSYS). Syscall User Dispatch is per thread
 * and cleared by the kernel in each new thread and child. Where the kernel lacks it, a seccomp
 * filter on the instruction pointer does the same; it is inherited by all that come later.
 */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>

#include "host_internal.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON           1
#endif

int g_trap_kind = TRAP_SUD;

static long arm_sud(void) {
    return host_syscall(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, pal_stub_page,
                        PAGE_SIZE, 0);
}

#define IP_LOW  offsetof(struct seccomp_data, instruction_pointer)
#define IP_HIGH (IP_LOW + 4)

static long arm_seccomp(void) {
    uint64_t start = (uint64_t)pal_stub_page, end = start + PAGE_SIZE;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IP_HIGH),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(start >> 32), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IP_LOW),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)start, 0, 1),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)end, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    long ret = host_syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    if (ret == -EACCES && host_syscall(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        ret = host_syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    return ret;
}

void host_arm_trap(void) {
    if (g_trap_kind == TRAP_SUD && arm_sud() < 0)
        host_die(HOST_START_FAILED,
                 "cannot trap system calls in a new thread: Syscall User Dispatch was refused");
}

void host_arm_trap_first(void) {
    if (g_trap_kind == TRAP_INHERITED || (g_trap_kind == TRAP_SUD && arm_sud() == 0))
        return;
    g_trap_kind = TRAP_SECCOMP;
    long ret = arm_seccomp();
    if (ret < 0)
        host_die(HOST_START_FAILED,
                 "cannot trap system calls: this kernel has neither Syscall User Dispatch "
                 "(CONFIG_GENERIC_ENTRY) nor seccomp filters (error %ld)",
                 -ret);
}
