/* Every system call number with bad pointers and hostile numbers: the program survives, and each
 * result is one that Linux could give, 0 or more or -1 .. -4095. Arguments: which part to run. */
#define ORACLE_NO_MAIN
#include "oracle_mem.h"
#include <sys/resource.h>

/* Calls that end, block, or disturb the program or the machine by design. */
static const short skipped[] = {
    SYS_exit,
    SYS_exit_group,
    335,
    336, /* end it; uretprobe and uprobe: SIGILL */
    SYS_pause,
    SYS_rt_sigsuspend,
    SYS_rt_sigreturn,
    SYS_rt_sigtimedwait, /* wait for ever */
    SYS_fork,
    SYS_vfork,
    SYS_clone,
    SYS_clone3,
    SYS_execve,
    SYS_execveat, /* other programs */
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_send_signal, /* may hit someone */
    SYS_reboot,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_swapon,
    SYS_swapoff,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_iopl,
    SYS_ioperm,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_vhangup,
    SYS_bpf,
    SYS_unshare,
    SYS_setns,
    SYS_seccomp,
    SYS_ptrace,
    SYS_personality,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsmount,
    SYS_fspick,
    SYS_fsconfig,
    SYS_mount_setattr,
    SYS_perf_event_open,
    SYS_landlock_restrict_self,
    SYS_quotactl_fd,
    SYS_mlockall, /* locks the machine's memory */
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_mmap,
    SYS_brk,
    SYS_remap_file_pages,
    SYS_pkey_mprotect,
    SYS_shmat,
    SYS_process_madvise,
    SYS_mbind,
    SYS_migrate_pages,
    SYS_move_pages,
    SYS_set_mempolicy,
    462 /* mseal */, /* act on our own memory */
    SYS_arch_prctl,
    SYS_set_thread_area,
    SYS_modify_ldt,
    SYS_set_tid_address,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_prctl,
    453 /* map_shadow_stack */, /* our own state */
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_setfsuid,
    SYS_setfsgid,
    SYS_capset,
    SYS_setsid,
    SYS_setpgid,
    SYS_close,
    SYS_close_range,
    SYS_dup2,
    SYS_dup3, /* descriptors 0 to 2 */
    SYS_read,
    SYS_readv,
    SYS_pread64,
    SYS_preadv,
    SYS_preadv2, /* may wait for stdin */
    SYS_write,
    SYS_writev,
    SYS_sendfile,
    SYS_pwrite64,
    SYS_pwritev,
    SYS_pwritev2, /* to stdout */
    SYS_setrlimit,
    SYS_prlimit64,
    SYS_alarm,
    SYS_setitimer,
    SYS_rt_sigaction,
    SYS_sigaltstack,
    SYS_rt_sigprocmask,
    SYS_sched_setscheduler,
    SYS_sched_setparam,
    SYS_sched_setattr,
    SYS_sched_setaffinity,
    SYS_setpriority,
    SYS_ioprio_set, /* change how we run */
    SYS_wait4,
    SYS_waitid,
    SYS_poll,
    SYS_ppoll,
    SYS_select,
    SYS_pselect6,
    SYS_epoll_wait,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_futex,
    SYS_futex_waitv,
    455, /* futex_wait */
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_semop,
    SYS_semtimedop,
    SYS_msgrcv,
    SYS_msgsnd,
    SYS_io_getevents,
    SYS_io_pgetevents,
    SYS_io_uring_enter,
    SYS_flock,
    SYS_fcntl,
    SYS_ioctl,
    SYS_userfaultfd,
    SYS_sync,
    SYS_syncfs,
    SYS_lookup_dcookie,
    SYS_umask,
    SYS_chdir,
    SYS_fchdir,
    SYS_shmget,
    SYS_semget,
    SYS_msgget,
    SYS_shmctl,
    SYS_semctl,
    SYS_msgctl,
    SYS_mq_unlink,
    SYS_fanotify_init,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_memfd_secret,
    SYS_fchmod,
    SYS_fchown,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_nfsservctl,
};

static bool skip(int nr) {
    for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++)
        if (skipped[i] == nr)
            return true;
    return false;
}

static long bad[6];
static void prepare(void) {
    bad[0] = 8;                             /* page 0 */
    bad[1] = (long)(edge() - 1);            /* one good byte, then nothing */
    bad[2] = (long)map_alone(1, PROT_READ); /* may not be written */
    bad[3] = (long)0xffff800000001000;      /* the kernel's */
    bad[4] = (long)0x8000000000000000;      /* not canonical */
    bad[5] = 0x7ffffffff000;                /* just past the end */
}

static int wrong;
static void try_call(int nr, long a, long b, long c, long d, long e, long f) {
    long r = sc(nr, a, b, c, d, e, f);
    /* pointers and large values are fine; between -4096 and the kernel's half nothing is */
    if (r < -4095 && r > -0x7fffffffffff) {
        say("call %d gave %ld\n", nr, r);
        wrong++;
    }
    if (r >= 3 && r < 1000 && fcntl((int)r, F_GETFD) >= 0)
        sc(SYS_close, r);
}

int main(int argc, char** argv) {
    const char* what = argc > 1 ? argv[1] : "pointers";
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    /* what block we can, we leave to no luck */
    prepare();
    sigset_t s;
    sigfillset(&s);
    sigdelset(&s, SIGSEGV);
    sigdelset(&s, SIGBUS);
    sigdelset(&s, SIGILL);
    sigprocmask(SIG_BLOCK, &s, NULL);
    int called = 0;
    for (int nr = 0; nr <= 470; nr++) {
        if (skip(nr))
            continue;
        called++;
        if (!strcmp(what, "pointers"))
            for (int i = 0; i < 6; i++) {
                try_call(nr, bad[i], bad[i], bad[i], bad[i], bad[i], bad[i]);
                try_call(nr, -1, bad[i], 64, bad[i], 64, bad[i]);
                try_call(nr, AT_FDCWD, bad[i], bad[i], 16, 0, 0);
            }
        else if (!strcmp(what, "numbers"))
            for (int i = 0; i < 6; i++) {
                static const long hostile[] = {
                    -1,         0x7fffffff, (long)0x8000000000000000, 0x7fffffffffffffff,
                    0xffffffff, -4096};
                long h = hostile[i];
                try_call(nr, h, h, h, h, h, h);
                try_call(nr, 5000, h, 64, h, h, h);
                try_call(nr, h, bad[2], h, bad[2], h, h);
            }
    }
    for (int nr = 471; nr < 2000; nr += 37)
        if (sc(nr, 1, 2, 3) != -ENOSYS) {
            say("call %d is not ENOSYS\n", nr);
            wrong++;
        }
    for (int i = 0; i < 4; i++) {
        static const long odd[] = {-1, -2, 0x40000000 + SYS_getpid, 1L << 40};
        if (sc(odd[i]) != -ENOSYS && odd[i] != 1L << 40) {
            say("call %ld is not ENOSYS\n", odd[i]);
            wrong++;
        }
    }
    say("survived %d calls, %d wrong\n", called, wrong);
    return wrong != 0;
}
