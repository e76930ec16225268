/* Calls whose pointers Linux surely touches: EFAULT for each kind of bad address, and nothing done.
 */
#include "oracle_mem.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>

static int file, dir, pipes[2], socks[2], ep, ev, tfd;
#define BAD -123456789L /* stands for the bad pointer */

static const struct row {
    const char* name;
    long nr, a, b, c, d, e;
    int* fd; /* replaces the first argument */
} rows[] = {
    {"read", SYS_read, 0, BAD, 10, 0, 0, &file},
    {"write", SYS_write, 0, BAD, 10, 0, 0, &file},
    {"pread64", SYS_pread64, 0, BAD, 10, 0, 0, &file},
    {"pwrite64", SYS_pwrite64, 0, BAD, 10, 0, 0, &file},
    {"readv", SYS_readv, 0, BAD, 2, 0, 0, &file},
    {"writev", SYS_writev, 0, BAD, 2, 0, 0, &file},
    {"preadv", SYS_preadv, 0, BAD, 2, 0, 0, &file},
    {"read pipe", SYS_read, 0, BAD, 10, 0, 0, &pipes[0]},
    {"write pipe", SYS_write, 0, BAD, 10, 0, 0, &pipes[1]},
    {"write eventfd", SYS_write, 0, BAD, 8, 0, 0, &ev},
    {"send", SYS_sendto, 0, BAD, 10, 0, 0, &socks[0]},
    {"recv", SYS_recvfrom, 0, BAD, 10, MSG_DONTWAIT, 0, &socks[1]},
    {"sendmsg", SYS_sendmsg, 0, BAD, 0, 0, 0, &socks[0]},
    {"recvmsg", SYS_recvmsg, 0, BAD, MSG_DONTWAIT, 0, 0, &socks[1]},
    {"open", SYS_open, BAD, O_RDONLY, 0, 0, 0, NULL},
    {"openat", SYS_openat, AT_FDCWD, BAD, 0, 0, 0, NULL},
    {"stat", SYS_stat, BAD, (long)rows, 0, 0, 0, NULL},
    {"stat to", SYS_stat, (long)".", BAD, 0, 0, 0, NULL},
    {"lstat to", SYS_lstat, (long)".", BAD, 0, 0, 0, NULL},
    {"fstat", SYS_fstat, 0, BAD, 0, 0, 0, &file},
    {"newfstatat", SYS_newfstatat, AT_FDCWD, (long)".", BAD, 0, 0, NULL},
    {"statx", SYS_statx, AT_FDCWD, (long)".", 0, 0xfff, BAD, NULL},
    {"statfs", SYS_statfs, (long)".", BAD, 0, 0, 0, NULL},
    {"fstatfs", SYS_fstatfs, 0, BAD, 0, 0, 0, &file},
    {"access", SYS_access, BAD, 0, 0, 0, 0, NULL},
    {"mkdir", SYS_mkdir, BAD, 0755, 0, 0, 0, NULL},
    {"rmdir", SYS_rmdir, BAD, 0, 0, 0, 0, NULL},
    {"unlink", SYS_unlink, BAD, 0, 0, 0, 0, NULL},
    {"rename", SYS_rename, (long)"data", BAD, 0, 0, 0, NULL},
    {"link", SYS_link, (long)"data", BAD, 0, 0, 0, NULL},
    {"symlink", SYS_symlink, (long)"data", BAD, 0, 0, 0, NULL},
    {"symlink from", SYS_symlink, BAD, (long)"made", 0, 0, 0, NULL},
    {"readlink", SYS_readlink, (long)"sym", BAD, 10, 0, 0, NULL},
    {"chmod", SYS_chmod, BAD, 0600, 0, 0, 0, NULL},
    {"chdir", SYS_chdir, BAD, 0, 0, 0, 0, NULL},
    {"truncate", SYS_truncate, BAD, 0, 0, 0, 0, NULL},
    {"utimensat", SYS_utimensat, AT_FDCWD, (long)"data", BAD, 0, 0, NULL},
    {"getcwd", SYS_getcwd, BAD, 4096, 0, 0, 0, NULL},
    {"getdents64", SYS_getdents64, 0, BAD, 4096, 0, 0, &dir},
    {"pipe", SYS_pipe, BAD, 0, 0, 0, 0, NULL},
    {"pipe2", SYS_pipe2, BAD, 0, 0, 0, 0, NULL},
    {"socketpair", SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, BAD, 0, NULL},
    {"getsockopt", SYS_getsockopt, 0, SOL_SOCKET, SO_TYPE, BAD, BAD, &socks[0]},
    {"poll", SYS_poll, BAD, 1, 0, 0, 0, NULL},
    {"select", SYS_select, 64, BAD, 0, 0, 0, NULL},
    {"epoll_ctl", SYS_epoll_ctl, 0, EPOLL_CTL_ADD, 0, BAD, 0, &ep},
    {"timerfd_settime", SYS_timerfd_settime, 0, 0, BAD, 0, 0, &tfd},
    {"timerfd_gettime", SYS_timerfd_gettime, 0, BAD, 0, 0, 0, &tfd},
    {"nanosleep", SYS_nanosleep, BAD, 0, 0, 0, 0, NULL},
    {"clock_gettime", SYS_clock_gettime, 1, BAD, 0, 0, 0, NULL},
    {"clock_getres", SYS_clock_getres, 1, BAD, 0, 0, 0, NULL},
    {"gettimeofday", SYS_gettimeofday, BAD, 0, 0, 0, 0, NULL},
    {"getitimer", SYS_getitimer, 0, BAD, 0, 0, 0, NULL},
    {"setitimer", SYS_setitimer, 0, BAD, 0, 0, 0, NULL},
    {"times", SYS_times, BAD, 0, 0, 0, 0, NULL},
    {"uname", SYS_uname, BAD, 0, 0, 0, 0, NULL},
    {"sysinfo", SYS_sysinfo, BAD, 0, 0, 0, 0, NULL},
    {"getrusage", SYS_getrusage, 0, BAD, 0, 0, 0, NULL},
    {"getrlimit", SYS_getrlimit, RLIMIT_CORE, BAD, 0, 0, 0, NULL},
    {"setrlimit", SYS_setrlimit, RLIMIT_CORE, BAD, 0, 0, 0, NULL},
    {"prlimit64", SYS_prlimit64, 0, RLIMIT_CORE, 0, BAD, 0, NULL},
    {"rt_sigaction", SYS_rt_sigaction, SIGUSR1, BAD, 0, 8, 0, NULL},
    {"rt_sigaction old", SYS_rt_sigaction, SIGUSR1, 0, BAD, 8, 0, NULL},
    {"rt_sigprocmask", SYS_rt_sigprocmask, SIG_BLOCK, BAD, 0, 8, 0, NULL},
    {"rt_sigpending", SYS_rt_sigpending, BAD, 8, 0, 0, 0, NULL},
    {"rt_sigtimedwait", SYS_rt_sigtimedwait, BAD, 0, 0, 8, 0, NULL},
    {"sigaltstack", SYS_sigaltstack, BAD, 0, 0, 0, 0, NULL},
    {"futex", SYS_futex, BAD, 0, 0, 0, 0, NULL},
    {"sched_getaffinity", SYS_sched_getaffinity, 0, 128, BAD, 0, 0, NULL},
    {"sched_getparam", SYS_sched_getparam, 0, BAD, 0, 0, 0, NULL},
    {"getresuid", SYS_getresuid, BAD, BAD, BAD, 0, 0, NULL},
    {"getrandom", SYS_getrandom, BAD, 8, 0, 0, 0, NULL},
    {"getcpu", SYS_getcpu, BAD, 0, 0, 0, 0, NULL},
    {"memfd_create", SYS_memfd_create, BAD, 0, 0, 0, 0, NULL},
    {"mincore", SYS_mincore, 0, 4096, BAD, 0, 0, &file},
    {"inotify_add_watch", SYS_inotify_add_watch, 0, BAD, 1, 0, 0, NULL},
    {"getxattr", SYS_getxattr, (long)"data", BAD, 0, 0, 0, NULL},
    {"copy_file_range", SYS_copy_file_range, 0, BAD, 0, 0, 10, &file},
    {"signalfd4", SYS_signalfd4, -1, BAD, 8, 0, 0, NULL},
    {"timer_create", SYS_timer_create, 1, BAD, BAD, 0, 0, NULL},
    {"ioctl", SYS_ioctl, 0, 0x541b /* FIONREAD */, BAD, 0, 0, &pipes[0]},
    {"fcntl", SYS_fcntl, 0, F_GETLK, BAD, 0, 0, &file},
    {"clone3", SYS_clone3, BAD, 64, 0, 0, 0, NULL},
    {"execve", SYS_execve, BAD, 0, 0, 0, 0, NULL},
};

static void run_rows(long bad) {
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row* r = &rows[i];
        long args[5] = {r->a, r->b, r->c, r->d, r->e};
        for (int j = 0; j < 5; j++)
            args[j] = args[j] == BAD ? bad : args[j];
        if (r->fd)
            args[0] = *r->fd;
        if (r->nr == SYS_mincore)
            args[0] = (long)rows & -4096;
        if (r->nr == SYS_inotify_add_watch)
            continue; /* needs a descriptor of its own kind first */
        if (r->nr == SYS_copy_file_range)
            args[2] = file;
        if (r->nr == SYS_epoll_ctl)
            args[2] = pipes[0];
        lseek(file, 0, SEEK_SET);
        long got = sc(r->nr, args[0], args[1], args[2], args[3], args[4]);
        if (!CHECK_EQ(got, -EFAULT))
            say("  %s with 0x%lx: %s\n", r->name, bad, got < 0 ? errno_name(-got) : "success");
    }
}

static void set_up(void) {
    if (file)
        return;
    file = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(file, "some bytes to be read by the calls", 34);
    symlink("data", "sym");
    dir = open(".", O_RDONLY | O_DIRECTORY);
    pipe(pipes);
    write(pipes[1], "waiting data", 12);
    socketpair(AF_UNIX, SOCK_STREAM, 0, socks);
    write(socks[0], "waiting data", 12);
    ep = epoll_create1(0);
    ev = eventfd(1, EFD_NONBLOCK);
    tfd = timerfd_create(CLOCK_MONOTONIC, 0);
}

TEST(low) {
    set_up();
    run_rows(8);
}
TEST(unmapped) {
    char* p = map_alone(1, PROT_READ);
    munmap(p, PAGE);
    run_rows((long)p);
}
TEST(no_access) {
    run_rows((long)map_alone(1, PROT_NONE));
}
TEST(kernel_half) {
    run_rows((long)0xffff888000000000);
}
TEST(not_canonical) {
    run_rows((long)0x8000000000000000);
}
TEST(end_of_space) {
    run_rows(0x7fffffffeff8);
}
TEST(nothing_happened) {
    char buf[64] = {0};
    CHECK_EQ(pread(file, buf, 64, 0), 34);
    CHECK_STR(buf, "some bytes to be read by the calls");
    say("pipe holds %zd\n", read(pipes[0], buf, 64));
    CHECK_ERRNO(access("made", F_OK), ENOENT);
}
