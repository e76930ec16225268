/* Random system calls with random, often meaningful, arguments; for the guest side only. Prints the
 * seed and how far it came. Usage: fuzz_calls SEED CALLS. It must end with status 0. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

static uint64_t state;
static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}
static uint64_t below(uint64_t n) {
    return next() % n;
}

/* Calls that end, stop or stall the program, or change memory and signals under it. */
static const short left_out[] = {
    SYS_exit,
    SYS_exit_group,
    SYS_pause,
    SYS_rt_sigsuspend,
    SYS_rt_sigreturn,
    SYS_rt_sigtimedwait,
    SYS_fork,
    SYS_vfork,
    SYS_clone,
    SYS_clone3,
    SYS_execve,
    SYS_execveat,
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_send_signal,
    SYS_reboot,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_brk,
    SYS_mmap,
    SYS_remap_file_pages,
    SYS_shmat,
    SYS_pkey_mprotect,
    SYS_arch_prctl,
    SYS_set_tid_address,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_sigaltstack,
    SYS_wait4,
    SYS_waitid,
    SYS_alarm,
    SYS_setitimer,
    SYS_timer_create,
    SYS_prlimit64,
    SYS_setrlimit,
    SYS_seccomp,
    SYS_ptrace,
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_setfsuid,
    SYS_capset,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_flock,
    SYS_semop,
    SYS_semtimedop,
    SYS_msgrcv,
    SYS_futex,
    SYS_futex_waitv,
    455,
    454,
    SYS_madvise,
    SYS_process_madvise,
    SYS_process_vm_writev,
    SYS_sched_setaffinity,
    SYS_sched_setscheduler,
    SYS_sched_setattr,
    SYS_sched_setparam,
    SYS_mlockall,
    SYS_prctl,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_chdir,
    SYS_fchdir,
    SYS_vhangup,
    SYS_io_uring_enter,
    SYS_mq_timedreceive,
    SYS_accept,
    SYS_accept4,
    SYS_connect,
    SYS_select,
    SYS_pselect6,
    SYS_poll,
    SYS_ppoll,
    462,
    453,
    SYS_fallocate,
    SYS_ftruncate,
    SYS_truncate,
    SYS_readahead,
    SYS_personality,
    335,
    336,
    SYS_umask,
};
static bool skipped(long nr) {
    for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
        if (left_out[i] == nr)
            return true;
    return false;
}

static char *arena, *read_only;
static uint64_t argument(int i) {
    static const char* const names[] = {
        "a",         "b/c", "dir",    "dir/x",           ".",    "..",  "/", "/proc/self/maps",
        "/dev/null", "",    "/tmp/f", "/proc/self/fd/3", "link", "/etc"};
    switch (below(14)) {
        case 0:
        case 1:
        case 2: /* descriptors */
            return below(40);
        case 3:
        case 4: { /* a name */
            char* at = arena + 256 * below(64);
            strcpy(at, names[below(sizeof(names) / sizeof(names[0]))]);
            return (uint64_t)at;
        }
        case 5:
        case 6: { /* random bytes */
            char* at = arena + 8 * below(2000);
            if (below(3) == 0)
                for (int j = 0; j < 64; j++)
                    at[j] = (char)next();
            return (uint64_t)at;
        }
        case 7:
            return (uint64_t)arena + 65536 - below(20); /* over the edge */
        case 8:
            return (uint64_t)read_only + below(4096);
        case 9:
            return below(5) ? below(8192) : 1UL << below(64);
        case 10:
            return -below(4200);
        case 11: /* small flags */
            return below(2) ? 1UL << below(24) : below(64);
        case 12:
            return i == 0 ? (uint64_t)AT_FDCWD : 0;
        default:
            return next();
    }
}

static void stock(void) { /* descriptors 3.. of many kinds */
    int p[2];
    sigset_t none;
    sigemptyset(&none);
    if (pipe2(p, O_NONBLOCK) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p))
        return;
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, p);
    epoll_create1(0);
    eventfd(0, EFD_NONBLOCK);
    timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    signalfd(-1, &none, SFD_NONBLOCK);
    inotify_init1(IN_NONBLOCK);
    open("file", O_RDWR | O_CREAT | O_NONBLOCK, 0600);
    open(".", O_RDONLY | O_DIRECTORY);
    open("/proc/self/maps", O_RDONLY);
    open("/proc", O_RDONLY);
    open("/dev/zero", O_RDWR);
    open("/dev/null", O_RDWR);
    memfd_create("m", MFD_ALLOW_SEALING);
    socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    open(".", O_PATH);
    open("/dev/ptmx", O_RDWR | O_NONBLOCK | O_NOCTTY);
    open("/tmp", O_RDONLY | O_DIRECTORY);
    open("/tmp/t", O_RDWR | O_CREAT, 0600);
}

static void no_op(int signo) {
    (void)signo;
}

int main(int argc, char** argv) {
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    long calls = argc > 2 ? atol(argv[2]) : 20000;
    long only = argc > 3 ? atol(argv[3]) : -1;
    state = seed * 0x9e3779b97f4a7c15UL + 1;
    arena = mmap(NULL, 65536 + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(arena + 65536, 4096);
    read_only = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mkdir("dir", 0755);
    symlink("a", "link");
    for (int s = 1; s < 32; s++)
        if (s != SIGSEGV && s != SIGBUS && s != SIGILL && s != SIGFPE && s != SIGABRT)
            sigaction(s, &(struct sigaction){.sa_handler = no_op}, NULL);
    int out = fcntl(1, F_DUPFD, 900), save[2] = {fcntl(0, F_DUPFD, 901), fcntl(2, F_DUPFD, 902)};
    for (long n = 0; n < calls; n++) {
        if (n % 500 == 0) {
            for (int fd = 3; fd < 300; fd++)
                close(fd);
            dup2(save[0], 0);
            dup2(save[1], 1); /* nothing random on stdout */
            dup2(save[1], 2);
            stock();
            ualarm(20000, 20000); /* whatever blocks is interrupted */
        }
        long nr = below(463);
        if (skipped(nr))
            continue;
        uint64_t a[6];
        for (int i = 0; i < 6; i++)
            a[i] = argument(i);
        if (only >= 0 && nr != only)
            continue;
        if ((nr == SYS_close_range && a[0] < 1000) || (nr == SYS_close && a[0] >= 900) ||
            ((nr == SYS_dup2 || nr == SYS_dup3) && a[1] >= 900) || a[1] > 0xffffff00)
            if (nr == SYS_close_range || nr == SYS_close || nr == SYS_dup2 || nr == SYS_dup3)
                continue;
        if (nr == SYS_write || nr == SYS_writev || nr == SYS_pwrite64 || nr == SYS_sendfile)
            if ((int)a[0] <= 2)
                continue;
        if (getenv("FUZZ_TRACE"))
            dprintf(save[1], "%ld %ld(%lx %lx %lx %lx %lx %lx)\n", n, nr, a[0], a[1], a[2], a[3],
                    a[4], a[5]);
        long r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (getenv("FUZZ_TRACE"))
            dprintf(save[1], "%ld %ld(%lx %lx %lx %lx %lx %lx) = %ld %s\n", n, nr, a[0], a[1], a[2],
                    a[3], a[4], a[5], r, r < 0 ? strerrorname_np(errno) : "");
    }
    ualarm(0, 0);
    dprintf(out, "seed %lu survived %ld calls\n", seed, calls);
    return 0;
}
