/* Runs a program under the system-call filter that Docker installs by default, as its public
 * documentation describes it: an allow list, all else EPERM (clone3: ENOSYS), personality only with
 * the plain values, clone without new namespaces, no capabilities. Usage: confine PROGRAM ARG... */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Calls that the default profile refuses to a process without capabilities. */
static const int refused[] = {
    SYS_acct,
    SYS_add_key,
    SYS_bpf,
    SYS_clock_adjtime,
    SYS_clock_settime,
    SYS_create_module,
    SYS_delete_module,
    SYS_finit_module,
    SYS_get_kernel_syms,
    SYS_get_mempolicy,
    SYS_init_module,
    SYS_ioperm,
    SYS_iopl,
    SYS_kcmp,
    SYS_kexec_file_load,
    SYS_kexec_load,
    SYS_keyctl,
    SYS_lookup_dcookie,
    SYS_mbind,
    SYS_mount,
    SYS_move_pages,
    SYS_nfsservctl,
    SYS_open_by_handle_at,
    SYS_perf_event_open,
    SYS_pivot_root,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_ptrace,
    SYS_query_module,
    SYS_quotactl,
    SYS_reboot,
    SYS_request_key,
    SYS_set_mempolicy,
    SYS_setns,
    SYS_settimeofday,
    SYS_swapon,
    SYS_swapoff,
    SYS_sysfs,
    SYS__sysctl,
    SYS_umount2,
    SYS_unshare,
    SYS_uselib,
    SYS_userfaultfd,
    SYS_ustat,
    SYS_chroot,
    SYS_syslog,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    SYS_fanotify_init,
    SYS_fsopen,
    SYS_fsmount,
    SYS_fsconfig,
    SYS_fspick,
    SYS_move_mount,
    SYS_open_tree,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
};

#define MAX 512
static struct sock_filter code[MAX];
static int length;
static void emit(struct sock_filter f) {
    if (length == MAX)
        abort();
    code[length++] = f;
}
#define LOAD(field)                                                                                \
    emit((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                    \
                                      offsetof(struct seccomp_data, field)))
#define RETURN(value)  emit((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (value)))
#define IF_EQ(v, t, f) emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (v), (t), (f)))

static void refuse(int nr, unsigned action) {
    IF_EQ(nr, 0, 1);
    RETURN(action);
}

int main(int argc, char** argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: confine PROGRAM ARG...\n");
        return 2;
    }
    LOAD(arch);
    IF_EQ(AUDIT_ARCH_X86_64, 1, 0);
    RETURN(SECCOMP_RET_KILL_PROCESS);
    LOAD(nr);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        refuse(refused[i], SECCOMP_RET_ERRNO | EPERM);
    refuse(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
    /* Calls newer than the list: an allow list refuses them too. */
    emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 452, 0, 1));
    RETURN(SECCOMP_RET_ERRNO | EPERM);
    /* clone: no CLONE_NEW* */
    IF_EQ(SYS_clone, 0, 4);
    LOAD(args[0]);
    emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x7e020000, 0, 1));
    RETURN(SECCOMP_RET_ERRNO | EPERM);
    RETURN(SECCOMP_RET_ALLOW);
    /* personality: 0, 8, 0x20000, 0x20008, ~0 only */
    IF_EQ(SYS_personality, 0, 7);
    LOAD(args[0]);
    IF_EQ(0, 4, 0);
    IF_EQ(8, 3, 0);
    IF_EQ(0x20000, 2, 0);
    IF_EQ(0xffffffff, 1, 0);
    RETURN(SECCOMP_RET_ERRNO | EPERM);
    RETURN(SECCOMP_RET_ALLOW);
    /* socket: no AF_VSOCK */
    IF_EQ(SYS_socket, 0, 4);
    LOAD(args[0]);
    IF_EQ(40, 0, 1);
    RETURN(SECCOMP_RET_ERRNO | EPERM);
    RETURN(SECCOMP_RET_ALLOW);
    RETURN(SECCOMP_RET_ALLOW);
    struct sock_fprog program = {length, code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("confine: seccomp");
        return 2;
    }
    execvp(argv[1], argv + 1);
    fprintf(stderr, "confine: %s: %s\n", argv[1], strerror(errno));
    return 127;
}
