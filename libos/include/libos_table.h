/*
 * The system calls: the prototype of every Linux x86-64 call, and the shape of the table's rows.
 *
 * Implementing a call is: define its function, with exactly this prototype, in
 * libos/src/sys/libos_<family>.c, and bring its row in libos/src/arch/x86_64/libos_table.c up to
 * date. All prototypes are weak: a call that no file defines is NULL in the table and answers
 * ENOSYS.
 *
 * Arguments are as the guest passed them: pointers are the guest's, to be touched only with the
 * user_* functions of libos_internal.h. The value returned goes into the guest's rax; the four
 * ERESTART* become EINTR or a restart on the way out. A call that needs the guest's registers
 * (clone, rt_sigreturn, execve) finds them at get_cur_thread()->regs, where rax is what the guest
 * will see only after the function has returned; see libos_syscall_keep_regs() in entry.h.
 */
#ifndef LIBOS_TABLE_H
#define LIBOS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef long (*libos_syscall_t)(unsigned long, unsigned long, unsigned long, unsigned long,
                                unsigned long, unsigned long);

/* What an argument is, for --strace. */
enum libos_arg_kind {
    A_NONE = 0,
    A_INT,       /* signed decimal, 32 bits */
    A_UINT,      /* unsigned decimal, 64 bits */
    A_LONG,      /* signed decimal, 64 bits */
    A_HEX,       /* flags and the like that have no decoder */
    A_PTR,       /* a user address that is not looked into */
    A_SIZE,      /* bytes */
    A_FD,        /* descriptor */
    A_ATFD,      /* descriptor or AT_FDCWD */
    A_PATH,      /* string in: a path */
    A_STR,       /* string in */
    A_STROUT,    /* string out */
    A_IN,        /* buffer in; the next argument is its size */
    A_OUT,       /* buffer out; the result is its size */
    A_MODE,      /* octal */
    A_OPENFLAGS, /* O_* */
    A_PROT,      /* PROT_* */
    A_MAPFLAGS,  /* MAP_* */
    A_SIGNAL,    /* signal number */
    A_SIGHOW,    /* SIG_BLOCK, ... */
    A_SIGSET,    /* sigset_t in */
    A_PID,
    A_CLOCK,    /* CLOCK_* */
    A_TIMESPEC, /* struct timespec in */
    A_TIMEVAL,  /* struct timeval in */
    A_WHENCE,   /* SEEK_* */
    A_FCNTL,    /* F_* */
    A_FUTEXOP,  /* FUTEX_* */
    A_FAMILY,   /* AF_* */
    A_SOCKADDR, /* struct sockaddr in; the next argument is its size */
    A_FDPAIR,   /* int[2] out */
    A_RLIMIT,   /* RLIMIT_* */
    A_PRCTL,    /* PR_* */
};

enum libos_call_status {
    CALL_ABSENT = 0, /* answers ENOSYS, or the error of a kernel built without it */
    CALL_PARTIAL,    /* does what Linux does, but for what `reason` says */
    CALL_FULL,
};

struct libos_call {
    const char* name; /* NULL: no such call */
    libos_syscall_t function;
    uint8_t args[6];    /* enum libos_arg_kind */
    uint8_t status;     /* enum libos_call_status */
    const char* reason; /* what is missing and why; NULL if full */
    const char* test;   /* oracle test in libos/test that proves it; NULL if absent */
};

#define LIBOS_CALL_COUNT 470
extern const struct libos_call g_libos_calls[LIBOS_CALL_COUNT];

#ifndef LIBOS_TABLE_ROWS_ONLY /* `culm syscalls` takes the rows without the functions */

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/aio_abi.h>
#include <linux/posix_types.h>
#include <linux/types.h>

typedef __kernel_pid_t pid_t;
typedef __kernel_uid32_t uid_t;
typedef __kernel_gid32_t gid_t;
typedef __kernel_mode_t mode_t;
typedef __kernel_off_t off_t;
typedef __kernel_loff_t loff_t;
typedef __kernel_key_t key_t;
typedef __kernel_clockid_t clockid_t;
typedef __kernel_timer_t timer_t;
typedef __kernel_fd_set fd_set;

struct __kernel_itimerspec;
struct __kernel_old_itimerval;
struct __kernel_old_timeval;
struct __kernel_timespec;
struct __kernel_timex;
struct __user_cap_data_struct;
struct __user_cap_header_struct;
struct cachestat;
struct cachestat_range;
struct clone_args;
struct epoll_event;
struct file_attr;
struct file_handle;
struct futex_waitv;
struct io_event;
struct io_uring_params;
struct iocb;
struct iovec;
struct kexec_segment;
struct landlock_ruleset_attr;
struct libos_sigaction;
struct linux_dirent;
struct linux_dirent64;
struct lsm_ctx;
struct mmsghdr;
struct mnt_id_req;
struct mount_attr;
struct mq_attr;
struct msgbuf;
struct msqid64_ds;
struct new_utsname;
struct open_how;
struct perf_event_attr;
struct pollfd;
struct rlimit;
struct rlimit64;
struct robust_list_head;
struct rseq;
struct rusage;
struct sched_attr;
struct sched_param;
struct sembuf;
struct shmid64_ds;
struct sigevent;
struct sockaddr;
struct stat;
struct statfs;
struct statmount;
struct statx;
struct sysinfo;
struct timezone;
struct tms;
struct user_desc;
struct user_msghdr;
struct ustat;
struct utimbuf;
struct xattr_args;
union bpf_attr;

#define SYSCALL __attribute__((weak, visibility("hidden"))) long

SYSCALL libos_syscall_read(unsigned int fd, char* buf, size_t count);
SYSCALL libos_syscall_write(unsigned int fd, const char* buf, size_t count);
SYSCALL libos_syscall_open(const char* filename, int flags, mode_t mode);
SYSCALL libos_syscall_close(unsigned int fd);
SYSCALL libos_syscall_stat(const char* filename, struct stat* statbuf);
SYSCALL libos_syscall_fstat(unsigned int fd, struct stat* statbuf);
SYSCALL libos_syscall_lstat(const char* filename, struct stat* statbuf);
SYSCALL libos_syscall_poll(struct pollfd* fds, unsigned int nfds, int timeout);
SYSCALL libos_syscall_lseek(unsigned int fd, off_t offset, unsigned int whence);
SYSCALL libos_syscall_mmap(unsigned long addr, unsigned long len, unsigned long prot,
                           unsigned long flags, unsigned long fd, unsigned long off);
SYSCALL libos_syscall_mprotect(unsigned long start, size_t len, unsigned long prot);
SYSCALL libos_syscall_munmap(unsigned long addr, size_t len);
SYSCALL libos_syscall_brk(unsigned long brk);
SYSCALL libos_syscall_rt_sigaction(int sig, const struct libos_sigaction* act,
                                   struct libos_sigaction* oldact, size_t sigsetsize);
SYSCALL libos_syscall_rt_sigprocmask(int how, const void* set, void* oldset, size_t sigsetsize);
SYSCALL libos_syscall_rt_sigreturn(void);
SYSCALL libos_syscall_ioctl(unsigned int fd, unsigned int cmd, unsigned long arg);
SYSCALL libos_syscall_pread64(unsigned int fd, char* buf, size_t count, loff_t pos);
SYSCALL libos_syscall_pwrite64(unsigned int fd, const char* buf, size_t count, loff_t pos);
SYSCALL libos_syscall_readv(unsigned long fd, const struct iovec* vec, unsigned long vlen);
SYSCALL libos_syscall_writev(unsigned long fd, const struct iovec* vec, unsigned long vlen);
SYSCALL libos_syscall_access(const char* filename, int mode);
SYSCALL libos_syscall_pipe(int* fildes);
SYSCALL libos_syscall_select(int n, fd_set* inp, fd_set* outp, fd_set* exp,
                             struct __kernel_old_timeval* tvp);
SYSCALL libos_syscall_sched_yield(void);
SYSCALL libos_syscall_mremap(unsigned long addr, unsigned long old_len, unsigned long new_len,
                             unsigned long flags, unsigned long new_addr);
SYSCALL libos_syscall_msync(unsigned long start, size_t len, int flags);
SYSCALL libos_syscall_mincore(unsigned long start, size_t len, unsigned char* vec);
SYSCALL libos_syscall_madvise(unsigned long start, size_t len, int behavior);
SYSCALL libos_syscall_shmget(key_t key, size_t size, int shmflg);
SYSCALL libos_syscall_shmat(int shmid, char* shmaddr, int shmflg);
SYSCALL libos_syscall_shmctl(int shmid, int cmd, struct shmid64_ds* buf);
SYSCALL libos_syscall_dup(unsigned int fildes);
SYSCALL libos_syscall_dup2(unsigned int oldfd, unsigned int newfd);
SYSCALL libos_syscall_pause(void);
SYSCALL libos_syscall_nanosleep(struct __kernel_timespec* rqtp, struct __kernel_timespec* rmtp);
SYSCALL libos_syscall_getitimer(int which, struct __kernel_old_itimerval* value);
SYSCALL libos_syscall_alarm(unsigned int seconds);
SYSCALL libos_syscall_setitimer(int which, struct __kernel_old_itimerval* value,
                                struct __kernel_old_itimerval* ovalue);
SYSCALL libos_syscall_getpid(void);
SYSCALL libos_syscall_sendfile(int out_fd, int in_fd, loff_t* offset, size_t count);
SYSCALL libos_syscall_socket(int family, int type, int protocol);
SYSCALL libos_syscall_connect(int fd, struct sockaddr* uservaddr, int addrlen);
SYSCALL libos_syscall_accept(int fd, struct sockaddr* upeer_sockaddr, int* upeer_addrlen);
SYSCALL libos_syscall_sendto(int fd, void* buff, size_t len, unsigned int flags,
                             struct sockaddr* addr, int addr_len);
SYSCALL libos_syscall_recvfrom(int fd, void* ubuf, size_t size, unsigned int flags,
                               struct sockaddr* addr, int* addr_len);
SYSCALL libos_syscall_sendmsg(int fd, struct user_msghdr* msg, unsigned int flags);
SYSCALL libos_syscall_recvmsg(int fd, struct user_msghdr* msg, unsigned int flags);
SYSCALL libos_syscall_shutdown(int fd, int how);
SYSCALL libos_syscall_bind(int fd, struct sockaddr* umyaddr, int addrlen);
SYSCALL libos_syscall_listen(int fd, int backlog);
SYSCALL libos_syscall_getsockname(int fd, struct sockaddr* usockaddr, int* usockaddr_len);
SYSCALL libos_syscall_getpeername(int fd, struct sockaddr* usockaddr, int* usockaddr_len);
SYSCALL libos_syscall_socketpair(int family, int type, int protocol, int* usockvec);
SYSCALL libos_syscall_setsockopt(int fd, int level, int optname, char* optval, int optlen);
SYSCALL libos_syscall_getsockopt(int fd, int level, int optname, char* optval, int* optlen);
SYSCALL libos_syscall_clone(unsigned long clone_flags, unsigned long newsp, int* parent_tidptr,
                            int* child_tidptr, unsigned long tls);
SYSCALL libos_syscall_fork(void);
SYSCALL libos_syscall_vfork(void);
SYSCALL libos_syscall_execve(const char* filename, const char* const* argv,
                             const char* const* envp);
SYSCALL libos_syscall_exit(int error_code);
SYSCALL libos_syscall_wait4(pid_t upid, int* stat_addr, int options, struct rusage* ru);
SYSCALL libos_syscall_kill(pid_t pid, int sig);
SYSCALL libos_syscall_uname(struct new_utsname* name);
SYSCALL libos_syscall_semget(key_t key, int nsems, int semflg);
SYSCALL libos_syscall_semop(int semid, struct sembuf* sops, unsigned int nsops);
SYSCALL libos_syscall_semctl(int semid, int semnum, int cmd, unsigned long arg);
SYSCALL libos_syscall_shmdt(char* shmaddr);
SYSCALL libos_syscall_msgget(key_t key, int msgflg);
SYSCALL libos_syscall_msgsnd(int msqid, struct msgbuf* msgp, size_t msgsz, int msgflg);
SYSCALL libos_syscall_msgrcv(int msqid, struct msgbuf* msgp, size_t msgsz, long msgtyp, int msgflg);
SYSCALL libos_syscall_msgctl(int msqid, int cmd, struct msqid64_ds* buf);
SYSCALL libos_syscall_fcntl(unsigned int fd, unsigned int cmd, unsigned long arg);
SYSCALL libos_syscall_flock(unsigned int fd, unsigned int cmd);
SYSCALL libos_syscall_fsync(unsigned int fd);
SYSCALL libos_syscall_fdatasync(unsigned int fd);
SYSCALL libos_syscall_truncate(const char* path, long length);
SYSCALL libos_syscall_ftruncate(unsigned int fd, off_t length);
SYSCALL libos_syscall_getdents(unsigned int fd, struct linux_dirent* dirent, unsigned int count);
SYSCALL libos_syscall_getcwd(char* buf, unsigned long size);
SYSCALL libos_syscall_chdir(const char* filename);
SYSCALL libos_syscall_fchdir(unsigned int fd);
SYSCALL libos_syscall_rename(const char* oldname, const char* newname);
SYSCALL libos_syscall_mkdir(const char* pathname, mode_t mode);
SYSCALL libos_syscall_rmdir(const char* pathname);
SYSCALL libos_syscall_creat(const char* pathname, mode_t mode);
SYSCALL libos_syscall_link(const char* oldname, const char* newname);
SYSCALL libos_syscall_unlink(const char* pathname);
SYSCALL libos_syscall_symlink(const char* old, const char* newname);
SYSCALL libos_syscall_readlink(const char* path, char* buf, int bufsiz);
SYSCALL libos_syscall_chmod(const char* filename, mode_t mode);
SYSCALL libos_syscall_fchmod(unsigned int fd, mode_t mode);
SYSCALL libos_syscall_chown(const char* filename, uid_t user, gid_t group);
SYSCALL libos_syscall_fchown(unsigned int fd, uid_t user, gid_t group);
SYSCALL libos_syscall_lchown(const char* filename, uid_t user, gid_t group);
SYSCALL libos_syscall_umask(int mask);
SYSCALL libos_syscall_gettimeofday(struct __kernel_old_timeval* tv, struct timezone* tz);
SYSCALL libos_syscall_getrlimit(unsigned int resource, struct rlimit* rlim);
SYSCALL libos_syscall_getrusage(int who, struct rusage* ru);
SYSCALL libos_syscall_sysinfo(struct sysinfo* info);
SYSCALL libos_syscall_times(struct tms* tbuf);
SYSCALL libos_syscall_ptrace(long request, long pid, unsigned long addr, unsigned long data);
SYSCALL libos_syscall_getuid(void);
SYSCALL libos_syscall_syslog(int type, char* buf, int len);
SYSCALL libos_syscall_getgid(void);
SYSCALL libos_syscall_setuid(uid_t uid);
SYSCALL libos_syscall_setgid(gid_t gid);
SYSCALL libos_syscall_geteuid(void);
SYSCALL libos_syscall_getegid(void);
SYSCALL libos_syscall_setpgid(pid_t pid, pid_t pgid);
SYSCALL libos_syscall_getppid(void);
SYSCALL libos_syscall_getpgrp(void);
SYSCALL libos_syscall_setsid(void);
SYSCALL libos_syscall_setreuid(uid_t ruid, uid_t euid);
SYSCALL libos_syscall_setregid(gid_t rgid, gid_t egid);
SYSCALL libos_syscall_getgroups(int gidsetsize, gid_t* grouplist);
SYSCALL libos_syscall_setgroups(int gidsetsize, gid_t* grouplist);
SYSCALL libos_syscall_setresuid(uid_t ruid, uid_t euid, uid_t suid);
SYSCALL libos_syscall_getresuid(uid_t* ruid, uid_t* euid, uid_t* suid);
SYSCALL libos_syscall_setresgid(gid_t rgid, gid_t egid, gid_t sgid);
SYSCALL libos_syscall_getresgid(gid_t* rgid, gid_t* egid, gid_t* sgid);
SYSCALL libos_syscall_getpgid(pid_t pid);
SYSCALL libos_syscall_setfsuid(uid_t uid);
SYSCALL libos_syscall_setfsgid(gid_t gid);
SYSCALL libos_syscall_getsid(pid_t pid);
SYSCALL libos_syscall_capget(struct __user_cap_header_struct* header,
                             struct __user_cap_data_struct* data);
SYSCALL libos_syscall_capset(struct __user_cap_header_struct* header,
                             const struct __user_cap_data_struct* data);
SYSCALL libos_syscall_rt_sigpending(void* set, size_t sigsetsize);
SYSCALL libos_syscall_rt_sigtimedwait(const void* these, siginfo_t* info,
                                      const struct __kernel_timespec* ts, size_t sigsetsize);
SYSCALL libos_syscall_rt_sigqueueinfo(pid_t pid, int sig, siginfo_t* info);
SYSCALL libos_syscall_rt_sigsuspend(const void* unewset, size_t sigsetsize);
SYSCALL libos_syscall_sigaltstack(const stack_t* uss, stack_t* uoss);
SYSCALL libos_syscall_utime(const char* filename, struct utimbuf* times);
SYSCALL libos_syscall_mknod(const char* filename, mode_t mode, unsigned int dev);
SYSCALL libos_syscall_uselib(const char* library);
SYSCALL libos_syscall_personality(unsigned int personality);
SYSCALL libos_syscall_ustat(unsigned int dev, struct ustat* ubuf);
SYSCALL libos_syscall_statfs(const char* path, struct statfs* buf);
SYSCALL libos_syscall_fstatfs(unsigned int fd, struct statfs* buf);
SYSCALL libos_syscall_sysfs(int option, unsigned long arg1, unsigned long arg2);
SYSCALL libos_syscall_getpriority(int which, int who);
SYSCALL libos_syscall_setpriority(int which, int who, int niceval);
SYSCALL libos_syscall_sched_setparam(pid_t pid, struct sched_param* param);
SYSCALL libos_syscall_sched_getparam(pid_t pid, struct sched_param* param);
SYSCALL libos_syscall_sched_setscheduler(pid_t pid, int policy, struct sched_param* param);
SYSCALL libos_syscall_sched_getscheduler(pid_t pid);
SYSCALL libos_syscall_sched_get_priority_max(int policy);
SYSCALL libos_syscall_sched_get_priority_min(int policy);
SYSCALL libos_syscall_sched_rr_get_interval(pid_t pid, struct __kernel_timespec* interval);
SYSCALL libos_syscall_mlock(unsigned long start, size_t len);
SYSCALL libos_syscall_munlock(unsigned long start, size_t len);
SYSCALL libos_syscall_mlockall(int flags);
SYSCALL libos_syscall_munlockall(void);
SYSCALL libos_syscall_vhangup(void);
SYSCALL libos_syscall_modify_ldt(int func, void* ptr, unsigned long bytecount);
SYSCALL libos_syscall_pivot_root(const char* new_root, const char* put_old);
SYSCALL libos_syscall__sysctl(void* args);
SYSCALL libos_syscall_prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
                            unsigned long arg5);
SYSCALL libos_syscall_arch_prctl(int option, unsigned long arg2);
SYSCALL libos_syscall_adjtimex(struct __kernel_timex* txc_p);
SYSCALL libos_syscall_setrlimit(unsigned int resource, struct rlimit* rlim);
SYSCALL libos_syscall_chroot(const char* filename);
SYSCALL libos_syscall_sync(void);
SYSCALL libos_syscall_acct(const char* name);
SYSCALL libos_syscall_settimeofday(struct __kernel_old_timeval* tv, struct timezone* tz);
SYSCALL libos_syscall_mount(char* dev_name, char* dir_name, char* type, unsigned long flags,
                            void* data);
SYSCALL libos_syscall_umount2(char* name, int flags);
SYSCALL libos_syscall_swapon(const char* specialfile, int swap_flags);
SYSCALL libos_syscall_swapoff(const char* specialfile);
SYSCALL libos_syscall_reboot(int magic1, int magic2, unsigned int cmd, void* arg);
SYSCALL libos_syscall_sethostname(char* name, int len);
SYSCALL libos_syscall_setdomainname(char* name, int len);
SYSCALL libos_syscall_iopl(unsigned int level);
SYSCALL libos_syscall_ioperm(unsigned long from, unsigned long num, int turn_on);
SYSCALL libos_syscall_create_module(const char* name, size_t size);
SYSCALL libos_syscall_init_module(void* umod, unsigned long len, const char* uargs);
SYSCALL libos_syscall_delete_module(const char* name_user, unsigned int flags);
SYSCALL libos_syscall_get_kernel_syms(void* table);
SYSCALL libos_syscall_query_module(const char* name, int which, void* buf, size_t bufsize,
                                   size_t* ret);
SYSCALL libos_syscall_quotactl(unsigned int cmd, const char* special, unsigned int id, void* addr);
SYSCALL libos_syscall_nfsservctl(int cmd, void* argp, void* resp);
SYSCALL libos_syscall_getpmsg(void);
SYSCALL libos_syscall_putpmsg(void);
SYSCALL libos_syscall_afs_syscall(void);
SYSCALL libos_syscall_tuxcall(void);
SYSCALL libos_syscall_security(void);
SYSCALL libos_syscall_gettid(void);
SYSCALL libos_syscall_readahead(int fd, loff_t offset, size_t count);
SYSCALL libos_syscall_setxattr(const char* path, const char* name, const void* value, size_t size,
                               int flags);
SYSCALL libos_syscall_lsetxattr(const char* path, const char* name, const void* value, size_t size,
                                int flags);
SYSCALL libos_syscall_fsetxattr(int fd, const char* name, const void* value, size_t size,
                                int flags);
SYSCALL libos_syscall_getxattr(const char* path, const char* name, void* value, size_t size);
SYSCALL libos_syscall_lgetxattr(const char* path, const char* name, void* value, size_t size);
SYSCALL libos_syscall_fgetxattr(int fd, const char* name, void* value, size_t size);
SYSCALL libos_syscall_listxattr(const char* path, char* list, size_t size);
SYSCALL libos_syscall_llistxattr(const char* path, char* list, size_t size);
SYSCALL libos_syscall_flistxattr(int fd, char* list, size_t size);
SYSCALL libos_syscall_removexattr(const char* path, const char* name);
SYSCALL libos_syscall_lremovexattr(const char* path, const char* name);
SYSCALL libos_syscall_fremovexattr(int fd, const char* name);
SYSCALL libos_syscall_tkill(pid_t pid, int sig);
SYSCALL libos_syscall_time(__kernel_old_time_t* tloc);
SYSCALL libos_syscall_futex(uint32_t* uaddr, int op, uint32_t val,
                            const struct __kernel_timespec* utime, uint32_t* uaddr2, uint32_t val3);
SYSCALL libos_syscall_sched_setaffinity(pid_t pid, unsigned int len, unsigned long* user_mask_ptr);
SYSCALL libos_syscall_sched_getaffinity(pid_t pid, unsigned int len, unsigned long* user_mask_ptr);
SYSCALL libos_syscall_set_thread_area(struct user_desc* u_info);
SYSCALL libos_syscall_io_setup(unsigned int nr_reqs, aio_context_t* ctx);
SYSCALL libos_syscall_io_destroy(aio_context_t ctx);
SYSCALL libos_syscall_io_getevents(aio_context_t ctx_id, long min_nr, long nr,
                                   struct io_event* events, struct __kernel_timespec* timeout);
SYSCALL libos_syscall_io_submit(aio_context_t ctx_id, long nr, struct iocb** iocbpp);
SYSCALL libos_syscall_io_cancel(aio_context_t ctx_id, struct iocb* iocb, struct io_event* result);
SYSCALL libos_syscall_get_thread_area(struct user_desc* u_info);
SYSCALL libos_syscall_lookup_dcookie(uint64_t cookie64, char* buf, size_t len);
SYSCALL libos_syscall_epoll_create(int size);
SYSCALL libos_syscall_epoll_ctl_old(void);
SYSCALL libos_syscall_epoll_wait_old(void);
SYSCALL libos_syscall_remap_file_pages(unsigned long start, unsigned long size, unsigned long prot,
                                       unsigned long pgoff, unsigned long flags);
SYSCALL libos_syscall_getdents64(unsigned int fd, struct linux_dirent64* dirent,
                                 unsigned int count);
SYSCALL libos_syscall_set_tid_address(int* tidptr);
SYSCALL libos_syscall_restart_syscall(void);
SYSCALL libos_syscall_semtimedop(int semid, struct sembuf* sops, unsigned int nsops,
                                 const struct __kernel_timespec* timeout);
SYSCALL libos_syscall_fadvise64(int fd, loff_t offset, size_t len, int advice);
SYSCALL libos_syscall_timer_create(clockid_t which_clock, struct sigevent* timer_event_spec,
                                   timer_t* created_timer_id);
SYSCALL libos_syscall_timer_settime(timer_t timer_id, int flags,
                                    const struct __kernel_itimerspec* new_setting,
                                    struct __kernel_itimerspec* old_setting);
SYSCALL libos_syscall_timer_gettime(timer_t timer_id, struct __kernel_itimerspec* setting);
SYSCALL libos_syscall_timer_getoverrun(timer_t timer_id);
SYSCALL libos_syscall_timer_delete(timer_t timer_id);
SYSCALL libos_syscall_clock_settime(clockid_t which_clock, const struct __kernel_timespec* tp);
SYSCALL libos_syscall_clock_gettime(clockid_t which_clock, struct __kernel_timespec* tp);
SYSCALL libos_syscall_clock_getres(clockid_t which_clock, struct __kernel_timespec* tp);
SYSCALL libos_syscall_clock_nanosleep(clockid_t which_clock, int flags,
                                      const struct __kernel_timespec* rqtp,
                                      struct __kernel_timespec* rmtp);
SYSCALL libos_syscall_exit_group(int error_code);
SYSCALL libos_syscall_epoll_wait(int epfd, struct epoll_event* events, int maxevents, int timeout);
SYSCALL libos_syscall_epoll_ctl(int epfd, int op, int fd, struct epoll_event* event);
SYSCALL libos_syscall_tgkill(pid_t tgid, pid_t pid, int sig);
SYSCALL libos_syscall_utimes(char* filename, struct __kernel_old_timeval* utimes);
SYSCALL libos_syscall_vserver(void);
SYSCALL libos_syscall_mbind(unsigned long start, unsigned long len, unsigned long mode,
                            const unsigned long* nmask, unsigned long maxnode, unsigned int flags);
SYSCALL libos_syscall_set_mempolicy(int mode, const unsigned long* nmask, unsigned long maxnode);
SYSCALL libos_syscall_get_mempolicy(int* policy, unsigned long* nmask, unsigned long maxnode,
                                    unsigned long addr, unsigned long flags);
SYSCALL libos_syscall_mq_open(const char* u_name, int oflag, mode_t mode, struct mq_attr* u_attr);
SYSCALL libos_syscall_mq_unlink(const char* u_name);
SYSCALL libos_syscall_mq_timedsend(int mqdes, const char* u_msg_ptr, size_t msg_len,
                                   unsigned int msg_prio,
                                   const struct __kernel_timespec* u_abs_timeout);
SYSCALL libos_syscall_mq_timedreceive(int mqdes, char* u_msg_ptr, size_t msg_len,
                                      unsigned int* u_msg_prio,
                                      const struct __kernel_timespec* u_abs_timeout);
SYSCALL libos_syscall_mq_notify(int mqdes, const struct sigevent* u_notification);
SYSCALL libos_syscall_mq_getsetattr(int mqdes, const struct mq_attr* u_mqstat,
                                    struct mq_attr* u_omqstat);
SYSCALL libos_syscall_kexec_load(unsigned long entry, unsigned long nr_segments,
                                 struct kexec_segment* segments, unsigned long flags);
SYSCALL libos_syscall_waitid(int which, pid_t upid, siginfo_t* infop, int options,
                             struct rusage* ru);
SYSCALL libos_syscall_add_key(const char* type, const char* description, const void* payload,
                              size_t plen, int32_t ringid);
SYSCALL libos_syscall_request_key(const char* type, const char* description,
                                  const char* callout_info, int32_t destringid);
SYSCALL libos_syscall_keyctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
                             unsigned long arg5);
SYSCALL libos_syscall_ioprio_set(int which, int who, int ioprio);
SYSCALL libos_syscall_ioprio_get(int which, int who);
SYSCALL libos_syscall_inotify_init(void);
SYSCALL libos_syscall_inotify_add_watch(int fd, const char* pathname, uint32_t mask);
SYSCALL libos_syscall_inotify_rm_watch(int fd, int wd);
SYSCALL libos_syscall_migrate_pages(pid_t pid, unsigned long maxnode,
                                    const unsigned long* old_nodes, const unsigned long* new_nodes);
SYSCALL libos_syscall_openat(int dfd, const char* filename, int flags, mode_t mode);
SYSCALL libos_syscall_mkdirat(int dfd, const char* pathname, mode_t mode);
SYSCALL libos_syscall_mknodat(int dfd, const char* filename, mode_t mode, unsigned int dev);
SYSCALL libos_syscall_fchownat(int dfd, const char* filename, uid_t user, gid_t group, int flag);
SYSCALL libos_syscall_futimesat(int dfd, const char* filename, struct __kernel_old_timeval* utimes);
SYSCALL libos_syscall_newfstatat(int dfd, const char* filename, struct stat* statbuf, int flag);
SYSCALL libos_syscall_unlinkat(int dfd, const char* pathname, int flag);
SYSCALL libos_syscall_renameat(int olddfd, const char* oldname, int newdfd, const char* newname);
SYSCALL libos_syscall_linkat(int olddfd, const char* oldname, int newdfd, const char* newname,
                             int flags);
SYSCALL libos_syscall_symlinkat(const char* oldname, int newdfd, const char* newname);
SYSCALL libos_syscall_readlinkat(int dfd, const char* path, char* buf, int bufsiz);
SYSCALL libos_syscall_fchmodat(int dfd, const char* filename, mode_t mode);
SYSCALL libos_syscall_faccessat(int dfd, const char* filename, int mode);
SYSCALL libos_syscall_pselect6(int n, fd_set* inp, fd_set* outp, fd_set* exp,
                               struct __kernel_timespec* tsp, void* sig);
SYSCALL libos_syscall_ppoll(struct pollfd* ufds, unsigned int nfds, struct __kernel_timespec* tsp,
                            const void* sigmask, size_t sigsetsize);
SYSCALL libos_syscall_unshare(unsigned long unshare_flags);
SYSCALL libos_syscall_set_robust_list(struct robust_list_head* head, size_t len);
SYSCALL libos_syscall_get_robust_list(int pid, struct robust_list_head** head_ptr, size_t* len_ptr);
SYSCALL libos_syscall_splice(int fd_in, loff_t* off_in, int fd_out, loff_t* off_out, size_t len,
                             unsigned int flags);
SYSCALL libos_syscall_tee(int fdin, int fdout, size_t len, unsigned int flags);
SYSCALL libos_syscall_sync_file_range(int fd, loff_t offset, loff_t nbytes, unsigned int flags);
SYSCALL libos_syscall_vmsplice(int fd, const struct iovec* uiov, unsigned long nr_segs,
                               unsigned int flags);
SYSCALL libos_syscall_move_pages(pid_t pid, unsigned long nr_pages, const void** pages,
                                 const int* nodes, int* status, int flags);
SYSCALL libos_syscall_utimensat(int dfd, const char* filename, struct __kernel_timespec* utimes,
                                int flags);
SYSCALL libos_syscall_epoll_pwait(int epfd, struct epoll_event* events, int maxevents, int timeout,
                                  const void* sigmask, size_t sigsetsize);
SYSCALL libos_syscall_signalfd(int ufd, const void* user_mask, size_t sizemask);
SYSCALL libos_syscall_timerfd_create(int clockid, int flags);
SYSCALL libos_syscall_eventfd(unsigned int count);
SYSCALL libos_syscall_fallocate(int fd, int mode, loff_t offset, loff_t len);
SYSCALL libos_syscall_timerfd_settime(int ufd, int flags, const struct __kernel_itimerspec* utmr,
                                      struct __kernel_itimerspec* otmr);
SYSCALL libos_syscall_timerfd_gettime(int ufd, struct __kernel_itimerspec* otmr);
SYSCALL libos_syscall_accept4(int fd, struct sockaddr* upeer_sockaddr, int* upeer_addrlen,
                              int flags);
SYSCALL libos_syscall_signalfd4(int ufd, const void* user_mask, size_t sizemask, int flags);
SYSCALL libos_syscall_eventfd2(unsigned int count, int flags);
SYSCALL libos_syscall_epoll_create1(int flags);
SYSCALL libos_syscall_dup3(unsigned int oldfd, unsigned int newfd, int flags);
SYSCALL libos_syscall_pipe2(int* fildes, int flags);
SYSCALL libos_syscall_inotify_init1(int flags);
SYSCALL libos_syscall_preadv(unsigned long fd, const struct iovec* vec, unsigned long vlen,
                             unsigned long pos_l, unsigned long pos_h);
SYSCALL libos_syscall_pwritev(unsigned long fd, const struct iovec* vec, unsigned long vlen,
                              unsigned long pos_l, unsigned long pos_h);
SYSCALL libos_syscall_rt_tgsigqueueinfo(pid_t tgid, pid_t pid, int sig, siginfo_t* uinfo);
SYSCALL libos_syscall_perf_event_open(struct perf_event_attr* attr_uptr, pid_t pid, int cpu,
                                      int group_fd, unsigned long flags);
SYSCALL libos_syscall_recvmmsg(int fd, struct mmsghdr* mmsg, unsigned int vlen, unsigned int flags,
                               struct __kernel_timespec* timeout);
SYSCALL libos_syscall_fanotify_init(unsigned int flags, unsigned int event_f_flags);
SYSCALL libos_syscall_fanotify_mark(int fanotify_fd, unsigned int flags, uint64_t mask, int dfd,
                                    const char* pathname);
SYSCALL libos_syscall_prlimit64(pid_t pid, unsigned int resource, const struct rlimit64* new_rlim,
                                struct rlimit64* old_rlim);
SYSCALL libos_syscall_name_to_handle_at(int dfd, const char* name, struct file_handle* handle,
                                        int* mnt_id, int flag);
SYSCALL libos_syscall_open_by_handle_at(int mountdirfd, struct file_handle* handle, int flags);
SYSCALL libos_syscall_clock_adjtime(clockid_t which_clock, struct __kernel_timex* utx);
SYSCALL libos_syscall_syncfs(int fd);
SYSCALL libos_syscall_sendmmsg(int fd, struct mmsghdr* mmsg, unsigned int vlen, unsigned int flags);
SYSCALL libos_syscall_setns(int fd, int flags);
SYSCALL libos_syscall_getcpu(unsigned int* cpup, unsigned int* nodep, void* unused);
SYSCALL libos_syscall_process_vm_readv(pid_t pid, const struct iovec* lvec, unsigned long liovcnt,
                                       const struct iovec* rvec, unsigned long riovcnt,
                                       unsigned long flags);
SYSCALL libos_syscall_process_vm_writev(pid_t pid, const struct iovec* lvec, unsigned long liovcnt,
                                        const struct iovec* rvec, unsigned long riovcnt,
                                        unsigned long flags);
SYSCALL libos_syscall_kcmp(pid_t pid1, pid_t pid2, int type, unsigned long idx1,
                           unsigned long idx2);
SYSCALL libos_syscall_finit_module(int fd, const char* uargs, int flags);
SYSCALL libos_syscall_sched_setattr(pid_t pid, struct sched_attr* attr, unsigned int flags);
SYSCALL libos_syscall_sched_getattr(pid_t pid, struct sched_attr* attr, unsigned int size,
                                    unsigned int flags);
SYSCALL libos_syscall_renameat2(int olddfd, const char* oldname, int newdfd, const char* newname,
                                unsigned int flags);
SYSCALL libos_syscall_seccomp(unsigned int op, unsigned int flags, void* uargs);
SYSCALL libos_syscall_getrandom(char* buf, size_t count, unsigned int flags);
SYSCALL libos_syscall_memfd_create(const char* uname_ptr, unsigned int flags);
SYSCALL libos_syscall_kexec_file_load(int kernel_fd, int initrd_fd, unsigned long cmdline_len,
                                      const char* cmdline_ptr, unsigned long flags);
SYSCALL libos_syscall_bpf(int cmd, union bpf_attr* attr, unsigned int size);
SYSCALL libos_syscall_execveat(int dfd, const char* filename, const char* const* argv,
                               const char* const* envp, int flags);
SYSCALL libos_syscall_userfaultfd(int flags);
SYSCALL libos_syscall_membarrier(int cmd, unsigned int flags, int cpu_id);
SYSCALL libos_syscall_mlock2(unsigned long start, size_t len, int flags);
SYSCALL libos_syscall_copy_file_range(int fd_in, loff_t* off_in, int fd_out, loff_t* off_out,
                                      size_t len, unsigned int flags);
SYSCALL libos_syscall_preadv2(unsigned long fd, const struct iovec* vec, unsigned long vlen,
                              unsigned long pos_l, unsigned long pos_h, int flags);
SYSCALL libos_syscall_pwritev2(unsigned long fd, const struct iovec* vec, unsigned long vlen,
                               unsigned long pos_l, unsigned long pos_h, int flags);
SYSCALL libos_syscall_pkey_mprotect(unsigned long start, size_t len, unsigned long prot, int pkey);
SYSCALL libos_syscall_pkey_alloc(unsigned long flags, unsigned long init_val);
SYSCALL libos_syscall_pkey_free(int pkey);
SYSCALL libos_syscall_statx(int dfd, const char* filename, unsigned int flags, unsigned int mask,
                            struct statx* buffer);
SYSCALL libos_syscall_io_pgetevents(aio_context_t ctx_id, long min_nr, long nr,
                                    struct io_event* events, struct __kernel_timespec* timeout,
                                    const void* usig);
SYSCALL libos_syscall_rseq(struct rseq* rseq, uint32_t rseq_len, int flags, uint32_t sig);
SYSCALL libos_syscall_uretprobe(void);
SYSCALL libos_syscall_uprobe(void);
SYSCALL libos_syscall_pidfd_send_signal(int pidfd, int sig, siginfo_t* info, unsigned int flags);
SYSCALL libos_syscall_io_uring_setup(uint32_t entries, struct io_uring_params* params);
SYSCALL libos_syscall_io_uring_enter(unsigned int fd, uint32_t to_submit, uint32_t min_complete,
                                     uint32_t flags, const void* argp, size_t argsz);
SYSCALL libos_syscall_io_uring_register(unsigned int fd, unsigned int opcode, void* arg,
                                        unsigned int nr_args);
SYSCALL libos_syscall_open_tree(int dfd, const char* filename, unsigned int flags);
SYSCALL libos_syscall_move_mount(int from_dfd, const char* from_pathname, int to_dfd,
                                 const char* to_pathname, unsigned int flags);
SYSCALL libos_syscall_fsopen(const char* fs_name, unsigned int flags);
SYSCALL libos_syscall_fsconfig(int fd, unsigned int cmd, const char* key, const void* value,
                               int aux);
SYSCALL libos_syscall_fsmount(int fs_fd, unsigned int flags, unsigned int attr_flags);
SYSCALL libos_syscall_fspick(int dfd, const char* path, unsigned int flags);
SYSCALL libos_syscall_pidfd_open(pid_t pid, unsigned int flags);
SYSCALL libos_syscall_clone3(struct clone_args* uargs, size_t size);
SYSCALL libos_syscall_close_range(unsigned int fd, unsigned int max_fd, unsigned int flags);
SYSCALL libos_syscall_openat2(int dfd, const char* filename, struct open_how* how, size_t usize);
SYSCALL libos_syscall_pidfd_getfd(int pidfd, int fd, unsigned int flags);
SYSCALL libos_syscall_faccessat2(int dfd, const char* filename, int mode, int flags);
SYSCALL libos_syscall_process_madvise(int pidfd, const struct iovec* vec, size_t vlen, int behavior,
                                      unsigned int flags);
SYSCALL libos_syscall_epoll_pwait2(int epfd, struct epoll_event* events, int maxevents,
                                   const struct __kernel_timespec* timeout, const void* sigmask,
                                   size_t sigsetsize);
SYSCALL libos_syscall_mount_setattr(int dfd, const char* path, unsigned int flags,
                                    struct mount_attr* uattr, size_t usize);
SYSCALL libos_syscall_quotactl_fd(unsigned int fd, unsigned int cmd, unsigned int id, void* addr);
SYSCALL libos_syscall_landlock_create_ruleset(const struct landlock_ruleset_attr* attr, size_t size,
                                              uint32_t flags);
SYSCALL libos_syscall_landlock_add_rule(int ruleset_fd, int rule_type, const void* rule_attr,
                                        uint32_t flags);
SYSCALL libos_syscall_landlock_restrict_self(int ruleset_fd, uint32_t flags);
SYSCALL libos_syscall_memfd_secret(unsigned int flags);
SYSCALL libos_syscall_process_mrelease(int pidfd, unsigned int flags);
SYSCALL libos_syscall_futex_waitv(struct futex_waitv* waiters, unsigned int nr_futexes,
                                  unsigned int flags, struct __kernel_timespec* timeout,
                                  clockid_t clockid);
SYSCALL libos_syscall_set_mempolicy_home_node(unsigned long start, unsigned long len,
                                              unsigned long home_node, unsigned long flags);
SYSCALL libos_syscall_cachestat(unsigned int fd, struct cachestat_range* cstat_range,
                                struct cachestat* cstat, unsigned int flags);
SYSCALL libos_syscall_fchmodat2(int dfd, const char* filename, mode_t mode, unsigned int flags);
SYSCALL libos_syscall_map_shadow_stack(unsigned long addr, unsigned long size, unsigned int flags);
SYSCALL libos_syscall_futex_wake(void* uaddr, unsigned long mask, int nr, unsigned int flags);
SYSCALL libos_syscall_futex_wait(void* uaddr, unsigned long val, unsigned long mask,
                                 unsigned int flags, struct __kernel_timespec* timeout,
                                 clockid_t clockid);
SYSCALL libos_syscall_futex_requeue(struct futex_waitv* waiters, unsigned int flags, int nr_wake,
                                    int nr_requeue);
SYSCALL libos_syscall_statmount(const struct mnt_id_req* req, struct statmount* buf, size_t bufsize,
                                unsigned int flags);
SYSCALL libos_syscall_listmount(const struct mnt_id_req* req, uint64_t* mnt_ids, size_t nr_mnt_ids,
                                unsigned int flags);
SYSCALL libos_syscall_lsm_get_self_attr(unsigned int attr, struct lsm_ctx* ctx, uint32_t* size,
                                        uint32_t flags);
SYSCALL libos_syscall_lsm_set_self_attr(unsigned int attr, struct lsm_ctx* ctx, uint32_t size,
                                        uint32_t flags);
SYSCALL libos_syscall_lsm_list_modules(uint64_t* ids, uint32_t* size, uint32_t flags);
SYSCALL libos_syscall_mseal(unsigned long start, size_t len, unsigned long flags);
SYSCALL libos_syscall_setxattrat(int dfd, const char* path, unsigned int at_flags, const char* name,
                                 const struct xattr_args* args, size_t size);
SYSCALL libos_syscall_getxattrat(int dfd, const char* path, unsigned int at_flags, const char* name,
                                 struct xattr_args* args, size_t size);
SYSCALL libos_syscall_listxattrat(int dfd, const char* path, unsigned int at_flags, char* list,
                                  size_t size);
SYSCALL libos_syscall_removexattrat(int dfd, const char* path, unsigned int at_flags,
                                    const char* name);
SYSCALL libos_syscall_open_tree_attr(int dfd, const char* path, unsigned int flags,
                                     struct mount_attr* uattr, size_t size);
SYSCALL libos_syscall_file_getattr(int dfd, const char* path, struct file_attr* attr, size_t size,
                                   unsigned int at_flags);
SYSCALL libos_syscall_file_setattr(int dfd, const char* path, struct file_attr* attr, size_t size,
                                   unsigned int at_flags);

#undef SYSCALL
#endif /* LIBOS_TABLE_ROWS_ONLY */
#endif /* LIBOS_TABLE_H */
