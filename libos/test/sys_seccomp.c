/* seccomp: the verifier, filters and what their answers do, threads. Filters cannot be taken off
 * again: each part runs in a thread of its own, and what ends the process is a test by argument. */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>

#include "oracle.h"

#define INS(c, v)                                                                                  \
    { (c), 0, 0, (v) }
#define IF(c, v, yes, no)                                                                          \
    { BPF_JMP | (c) | BPF_K, (yes), (no), (v) }
#define LOAD(field) INS(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_ARG(n) LOAD(args[n])
#define RET(v)      INS(BPF_RET | BPF_K, (v))
#define ALLOW       RET(SECCOMP_RET_ALLOW)
#define FILTER(...)                                                                                \
    (&(struct sock_fprog){sizeof((struct sock_filter[]){__VA_ARGS__}) /                            \
                              sizeof(struct sock_filter),                                          \
                          (struct sock_filter[]){__VA_ARGS__}})
#define ON(number, action) FILTER(LOAD(nr), IF(BPF_JEQ, number, 0, 1), RET(action), ALLOW)

static long install(struct sock_fprog* p) {
    sc(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return sc(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, p);
}

static void* call(void* arg) {
    ((void (*)(void))arg)();
    return NULL;
}
static void in_thread(void (*fn)(void)) {
    pthread_t t;
    NEED(pthread_create(&t, NULL, call, fn) == 0);
    NEED(pthread_join(t, NULL) == 0);
}

/* ---- the verifier ---------------------------------------------------------------------------- */

static void bad_programs(void) {
    CHECK_EQ(install(FILTER(LOAD(nr))), -EINVAL); /* no end */
    CHECK_EQ(install(FILTER(INS(BPF_LD | BPF_W | BPF_ABS, 2), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_LD | BPF_W | BPF_ABS, 64), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_LD | BPF_H | BPF_ABS, 0), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_LD | BPF_B | BPF_ABS, 0), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_LD | BPF_W | BPF_IND, 0), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_LDX | BPF_B | BPF_MSH, 0), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_ALU | BPF_MOD | BPF_K, 1), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_ALU | BPF_DIV | BPF_K, 0), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_ALU | BPF_LSH | BPF_K, 32), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_ALU | BPF_RSH | BPF_K, 32), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(0xffff, 0), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_ALU | 0xb0, 0), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_JMP | 0x50, 0), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_RET | BPF_X, 0))), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_ST, 16), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_LD | BPF_MEM, 0), ALLOW)), -EINVAL); /* not written */
    CHECK_EQ(install(FILTER(INS(BPF_STX, 3), INS(BPF_LDX | BPF_MEM, 4), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_JMP | BPF_JA, 1), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(INS(BPF_JMP | BPF_JA, -1), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(IF(BPF_JEQ, 0, 1, 0), ALLOW)), -EINVAL);
    CHECK_EQ(install(FILTER(IF(BPF_JEQ, 0, 0, 1), ALLOW)), -EINVAL);
    /* Written on one of two ways only. */
    CHECK_EQ(install(FILTER(IF(BPF_JEQ, 0, 0, 1), INS(BPF_ST, 0), INS(BPF_LD | BPF_MEM, 0), ALLOW)),
             -EINVAL);
    struct sock_fprog p = {0, (struct sock_filter[]){ALLOW}};
    CHECK_EQ(install(&p), -EINVAL);
    p.len = 4097;
    CHECK_EQ(install(&p), -EINVAL);
    p.len = 1;
    p.filter = NULL;
    CHECK_EQ(install(&p), -EINVAL);
    p.filter = (void*)8;
    CHECK_EQ(install(&p), -EFAULT);
    CHECK_EQ(install(NULL), -EFAULT);
    CHECK_EQ(install((void*)8), -EFAULT);
    CHECK_EQ(sc(SYS_prctl, PR_GET_SECCOMP), 0);
    /* And one with all that there is. */
    CHECK_EQ(install(FILTER(INS(BPF_LD | BPF_W | BPF_LEN, 0), INS(BPF_ST, 0), INS(BPF_STX, 15),
                            INS(BPF_LDX | BPF_W | BPF_LEN, 0), INS(BPF_MISC | BPF_TAX, 0),
                            INS(BPF_MISC | BPF_TXA, 0), INS(BPF_LDX | BPF_MEM, 15),
                            INS(BPF_LD | BPF_MEM, 0), INS(BPF_ALU | BPF_NEG, 0),
                            INS(BPF_JMP | BPF_JA, 1), RET(0), INS(BPF_LD | BPF_IMM, 0x7fff0000),
                            INS(BPF_LDX | BPF_IMM, 3), INS(BPF_RET | BPF_A, 0))),
             0);
    CHECK_EQ(sc(SYS_prctl, PR_GET_SECCOMP), 2);
}

TEST(verifier) {
    in_thread(bad_programs);
}

/* ---- arithmetic: the result is the errno of getppid ------------------------------------------ */

#define COMPUTE(...)                                                                               \
    FILTER(LOAD(nr), IF(BPF_JEQ, SYS_getppid, 1, 0), ALLOW, LOAD_ARG(0), __VA_ARGS__,              \
           INS(BPF_ALU | BPF_AND | BPF_K, 0xfff),                                                  \
           INS(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), INS(BPF_RET | BPF_A, 0))

static struct sock_fprog* program;
static long argument, wanted;
static void compute(void) {
    CHECK_EQ(install(program), 0);
    CHECK_EQ(sc(SYS_getppid, argument), -wanted);
}

static void check_compute(struct sock_fprog* p, long arg, long want) {
    program = p, argument = arg, wanted = want;
    in_thread(compute);
}

TEST(arithmetic) {
    check_compute(COMPUTE(INS(BPF_ALU | BPF_ADD | BPF_K, 5)), 7, 12);
    check_compute(COMPUTE(INS(BPF_ALU | BPF_SUB | BPF_K, 5)), 7, 2);
    check_compute(COMPUTE(INS(BPF_ALU | BPF_MUL | BPF_K, 5)), 7, 35);
    check_compute(COMPUTE(INS(BPF_ALU | BPF_DIV | BPF_K, 5)), 37, 7);
    check_compute(COMPUTE(INS(BPF_ALU | BPF_XOR | BPF_K, 5)), 7, 2);
    check_compute(COMPUTE(INS(BPF_ALU | BPF_LSH | BPF_K, 5)), 7, 224);
    check_compute(COMPUTE(INS(BPF_ALU | BPF_RSH | BPF_K, 1)), 7, 3);
    check_compute(COMPUTE(INS(BPF_ALU | BPF_NEG, 0)), -7, 7);
    check_compute(COMPUTE(INS(BPF_LDX | BPF_IMM, 3), INS(BPF_ALU | BPF_MUL | BPF_X, 0)), 7, 21);
    check_compute(COMPUTE(INS(BPF_LDX | BPF_IMM, 33), INS(BPF_ALU | BPF_LSH | BPF_X, 0)), 7, 14);
    check_compute(COMPUTE(INS(BPF_ST, 2), INS(BPF_LD | BPF_IMM, 9), INS(BPF_MISC | BPF_TAX, 0),
                          INS(BPF_LD | BPF_MEM, 2), INS(BPF_ALU | BPF_ADD | BPF_X, 0)),
                  7, 16);
    check_compute(COMPUTE(INS(BPF_LD | BPF_W | BPF_LEN, 0)), 7, 64);
    check_compute(COMPUTE(IF(BPF_JGT, 6, 0, 1), INS(BPF_LD | BPF_IMM, 99)), 7, 99);
    check_compute(COMPUTE(IF(BPF_JGE, 7, 0, 1), INS(BPF_LD | BPF_IMM, 99)), 7, 99);
    check_compute(COMPUTE(IF(BPF_JGT, 7, 0, 1), INS(BPF_LD | BPF_IMM, 99)), 7, 7);
    check_compute(COMPUTE(IF(BPF_JSET, 4, 0, 1), INS(BPF_LD | BPF_IMM, 99)), 7, 99);
    check_compute(COMPUTE(IF(BPF_JSET, 8, 0, 1), INS(BPF_LD | BPF_IMM, 99)), 7, 7);
    check_compute(COMPUTE(INS(BPF_JMP | BPF_JA, 1), INS(BPF_LD | BPF_IMM, 99)), 7, 7);
    check_compute(COMPUTE(INS(BPF_LDX | BPF_IMM, 7), {BPF_JMP | BPF_JEQ | BPF_X, 0, 1, 0},
                          INS(BPF_LD | BPF_IMM, 99)),
                  7, 99);
    check_compute(COMPUTE(LOAD(arch), INS(BPF_ALU | BPF_AND | BPF_K, 0xff)), 7, 0x3e);
    check_compute(
        COMPUTE(INS(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + 4)),
        7L << 32 | 5, 7);
    check_compute(COMPUTE(LOAD_ARG(0)), 4095, 4095);
}

/* ---- answers --------------------------------------------------------------------------------- */

static void errnos(void) {
    CHECK_EQ(install(ON(SYS_getppid, SECCOMP_RET_ERRNO | 77)), 0);
    CHECK_EQ(sc(SYS_getppid), -77);
    CHECK_EQ(sc(SYS_prctl, PR_GET_SECCOMP), 2);
    CHECK_EQ(install(ON(SYS_getppid, SECCOMP_RET_ERRNO | 78)), 0);
    CHECK_EQ(sc(SYS_getppid), -78); /* the newer of two equally strict */
    CHECK_EQ(install(ON(SYS_getppid, SECCOMP_RET_LOG)), 0);
    CHECK_EQ(sc(SYS_getppid), -78);
    CHECK_EQ(install(ON(SYS_getuid, SECCOMP_RET_ERRNO | 0)), 0);
    CHECK_EQ(sc(SYS_getuid), 0);
    CHECK_EQ(install(ON(SYS_getgid, SECCOMP_RET_ERRNO | 0xffff)), 0);
    CHECK_EQ(sc(SYS_getgid), -4095);
    CHECK_EQ(install(ON(SYS_getegid, SECCOMP_RET_TRACE | 5)), 0);
    CHECK_EQ(sc(SYS_getegid), -ENOSYS); /* no tracer */
    CHECK_EQ(install(ON(SYS_getpgrp, SECCOMP_RET_LOG)), 0);
    CHECK(sc(SYS_getpgrp) > 0);
    CHECK_EQ(install(ON(1000, SECCOMP_RET_ERRNO | 5)), 0); /* a call that does not exist */
    CHECK_EQ(sc(1000), -5);
    CHECK_EQ(sc(1001), -ENOSYS);
    CHECK_EQ(sc(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL), -EINVAL);
    FILE* f = fopen("/proc/thread-self/status", "r");
    char line[256];
    int mode = -1, filters = -1;
    while (f && fgets(line, sizeof(line), f)) {
        sscanf(line, "Seccomp: %d", &mode);
        sscanf(line, "Seccomp_filters: %d", &filters);
    }
    if (f)
        fclose(f);
    CHECK_EQ(mode, 2);
    CHECK_EQ(filters, 8);
}

TEST(errno_and_others) {
    in_thread(errnos);
    CHECK(sc(SYS_getppid) >= 0); /* that thread's alone */
    CHECK_EQ(sc(SYS_prctl, PR_GET_SECCOMP), 0);
}

static volatile int traps, trap_errno, trap_nr, trap_code;
static volatile unsigned trap_arch;
static void* volatile trap_addr, * volatile trap_ip;
static volatile long trap_rax;

static void on_sigsys(int sig, siginfo_t* info, void* context) {
    ucontext_t* uc = context;
    traps += sig == SIGSYS;
    trap_errno = info->si_errno;
    trap_code = info->si_code;
    trap_nr = info->si_syscall;
    trap_arch = info->si_arch;
    trap_addr = info->si_call_addr;
    trap_ip = (void*)uc->uc_mcontext.gregs[REG_RIP];
    trap_rax = uc->uc_mcontext.gregs[REG_RAX];
    uc->uc_mcontext.gregs[REG_RAX] = 4242; /* the call's result */
}

static void trap(void) {
    sigaction(SIGSYS, &(struct sigaction){.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO}, NULL);
    CHECK_EQ(install(ON(SYS_getppid, SECCOMP_RET_TRAP | 99)), 0);
    for (int i = 1; i <= 3; i++) {
        CHECK_EQ(sc(SYS_getppid), 4242);
        CHECK_EQ(traps, i);
    }
    CHECK_EQ(trap_errno, 99);
    CHECK_EQ(trap_code, 1); /* SYS_SECCOMP */
    CHECK_EQ(trap_nr, SYS_getppid);
    CHECK_EQ(trap_arch, AUDIT_ARCH_X86_64);
    CHECK_EQ(trap_rax, SYS_getppid);
    CHECK(trap_addr == trap_ip);
    CHECK_EQ(getpid(), sc(SYS_getpid));
}

TEST(trap_and_emulate) {
    in_thread(trap);
}

/* The place of the call, and arguments of 64 bits. */
static void place(void) {
    uint64_t wanted_arg = 0x123456789abcdef0;
    CHECK_EQ(
        install(FILTER(LOAD(nr), IF(BPF_JEQ, SYS_getppid, 1, 0), ALLOW, LOAD_ARG(5),
                       IF(BPF_JEQ, (uint32_t)wanted_arg, 0, 3),
                       INS(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5]) + 4),
                       IF(BPF_JEQ, wanted_arg >> 32, 0, 1), RET(SECCOMP_RET_ERRNO | 1),
                       INS(BPF_LD | BPF_W | BPF_ABS, 12),
                       IF(BPF_JEQ, (uint64_t)(uintptr_t)&place >> 32, 1, 0),
                       RET(SECCOMP_RET_ERRNO | 2), RET(SECCOMP_RET_ERRNO | 3))),
        0);
    CHECK_EQ(oracle_syscall(SYS_getppid, 1, 2, 3, 4, 5, wanted_arg), -1);
    CHECK_EQ(oracle_syscall(SYS_getppid, 1, 2, 3, 4, 5, wanted_arg + 1), -3);
}

TEST(place_and_arguments) {
    in_thread(place);
}

/* ---- the call itself ------------------------------------------------------------------------- */

static void without_privilege(void) {
    struct {
        uint32_t version, pid, data[6];
    } caps = {0x20080522, 0, {0}};
    sc(SYS_capset, &caps, caps.data);
    if (sc(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0)
        CHECK_EQ(sc(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, FILTER(ALLOW)), -EACCES);
    CHECK_EQ(sc(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_EQ(sc(SYS_prctl, PR_SET_SECCOMP, 2, FILTER(ALLOW)), 0);
}

TEST(errors) {
    uint32_t action = SECCOMP_RET_ALLOW;
    CHECK_EQ(sc(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action), 0);
    action = SECCOMP_RET_KILL_PROCESS;
    CHECK_EQ(sc(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action), 0);
    action = SECCOMP_RET_TRACE;
    CHECK_EQ(sc(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action), 0);
    action = SECCOMP_RET_ALLOW + 1;
    CHECK_EQ(sc(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action), -EOPNOTSUPP);
    CHECK_EQ(sc(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 1, &action), -EINVAL);
    CHECK_EQ(sc(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, 8), -EFAULT);
    CHECK_EQ(sc(SYS_seccomp, 99, 0, NULL), -EINVAL);
    CHECK_EQ(sc(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL), -EINVAL);
    CHECK_EQ(sc(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, 8), -EINVAL);
    CHECK_EQ(sc(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1 << 20, FILTER(ALLOW)), -EINVAL);
    CHECK_EQ(sc(SYS_prctl, PR_SET_SECCOMP, 3, FILTER(ALLOW)), -EINVAL);
    CHECK_EQ(sc(SYS_prctl, PR_SET_SECCOMP, 0, 0), -EINVAL);
    in_thread(without_privilege);
}

/* Long chains end with ENOMEM. */
static void chain(void) {
    static struct sock_filter code[4096];
    for (int i = 0; i < 4095; i++)
        code[i] = (struct sock_filter)INS(BPF_LD | BPF_IMM, i);
    code[4095] = (struct sock_filter)ALLOW;
    struct sock_fprog p = {4096, code};
    int count = 0;
    long ret;
    while ((ret = install(&p)) == 0 && count < 20)
        count++;
    CHECK_EQ(ret, -ENOMEM);
    CHECK_EQ(count, 7);
}

TEST(chains) {
    in_thread(chain);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void* child(void* arg) {
    CHECK_EQ(sc(SYS_getppid), -33); /* inherited */
    CHECK_EQ(sc(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    return arg;
}

static void parent(void) {
    CHECK_EQ(install(ON(SYS_getppid, SECCOMP_RET_ERRNO | 33)), 0);
    pthread_t t;
    CHECK_EQ(pthread_create(&t, NULL, child, NULL), 0);
    pthread_join(t, NULL);
}

TEST(inherited) {
    in_thread(parent);
}

/* Processes inherit filters as well, and programs keep them. */
static void make_children(void) {
    CHECK_EQ(install(ON(SYS_getppid, SECCOMP_RET_ERRNO | 33)), 0);
    int status = -1, pid = fork();
    if (pid == 0)
        _exit((int)-sc(SYS_getppid));
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WEXITSTATUS(status), 33);
    pid = vfork();
    if (pid == 0)
        _exit((int)-sc(SYS_getppid));
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WEXITSTATUS(status), 33);
    pid = vfork();
    if (pid == 0) {
        execl("/proc/self/exe", "sys_seccomp", "after_exec", NULL);
        _exit(99);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    pid = vfork(); /* its own filter stays its own */
    if (pid == 0) {
        sc(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, ON(SYS_getuid, SECCOMP_RET_ERRNO | 5));
        _exit((int)-sc(SYS_getuid));
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(WEXITSTATUS(status), 5);
    CHECK(sc(SYS_getuid) >= 0);
}

TEST(children) {
    in_thread(make_children);
}

static volatile int ready, go;
static void* spinner(void* arg) {
    int private = (int)(long)arg;
    if (private)
        CHECK_EQ(install(ON(SYS_getsid, SECCOMP_RET_ERRNO | 9)), 0);
    __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST))
        sc(SYS_sched_yield);
    if (go == 2)
        CHECK_EQ(sc(SYS_getpgrp), -44);
    return (void*)(long)sc(SYS_gettid);
}

/* Last of all: it is for the whole process. */
TEST(all_threads) {
    pthread_t t[3];
    ready = go = 0;
    CHECK_EQ(sc(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    NEED(pthread_create(&t[0], NULL, spinner, (void*)1) == 0);
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < 1)
        sched_yield();
    struct sock_fprog* p = ON(SYS_getpgrp, SECCOMP_RET_ERRNO | 44);
    long tid = sc(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, p);
    CHECK(tid > 0); /* a thread with a filter of its own is in the way */
    CHECK_EQ(sc(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, p),
             -ESRCH);
    CHECK(sc(SYS_getpgrp) > 0);
    go = 1;
    void* its_tid;
    pthread_join(t[0], &its_tid);
    CHECK_EQ((long)its_tid, tid);
    ready = go = 0;
    for (int i = 0; i < 3; i++)
        NEED(pthread_create(&t[i], NULL, spinner, NULL) == 0);
    while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < 3)
        sched_yield();
    long ret; /* the thread of before may still be ending */
    while ((ret = sc(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, p)) > 0)
        sched_yield();
    CHECK_EQ(ret, 0);
    CHECK_EQ(sc(SYS_getpgrp), -44);
    go = 2;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
}

/* ---- by argument: the end -------------------------------------------------------------------- */

static bool chosen(const char* name) {
    FILE* f = fopen("/proc/self/cmdline", "r");
    char text[256] = {0};
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    if (f)
        fclose(f);
    for (size_t i = 0; i < n; i += strlen(text + i) + 1) {
        if (!strcmp(text + i, name))
            return true;
    }
    return false;
}

#define ENDS(name, ...)                                                                            \
    TEST(name) {                                                                                   \
        if (!chosen(#name))                                                                        \
            return;                                                                                \
        __VA_ARGS__;                                                                               \
        say("still alive\n");                                                                      \
    }

static void* killed(void* arg) {
    CHECK_EQ(install(ON(SYS_getppid, SECCOMP_RET_KILL_THREAD)), 0);
    sc(SYS_getppid);
    say("the thread is alive\n");
    return arg;
}

static void thread_ends(void) {
    pthread_t t;
    NEED(pthread_create(&t, NULL, killed, NULL) == 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
    say("the process lives\n");
}

static void* strict_thread(void* arg) {
    CHECK_EQ(sc(SYS_prctl, PR_SET_SECCOMP, 1), 0);
    sc(SYS_write, 1, "strict\n", 7);
    sc(SYS_getppid);
    sc(SYS_write, 1, "alive\n", 6);
    return arg;
}

static void strict_thread_ends(void) {
    pthread_t t;
    NEED(pthread_create(&t, NULL, strict_thread, NULL) == 0);
    CHECK_EQ(pthread_join(t, NULL), 0);
    say("the process lives\n");
}

ENDS(kill_process, install(ON(SYS_getppid, SECCOMP_RET_KILL_PROCESS)), sc(SYS_getppid))
ENDS(kill_alone, install(ON(SYS_getppid, SECCOMP_RET_KILL_THREAD)), sc(SYS_getppid))
ENDS(kill_one, thread_ends())
ENDS(unknown_action, install(ON(SYS_getppid, 0x12340000)), sc(SYS_getppid))
ENDS(divide_by_zero,
     install(FILTER(LOAD(nr), IF(BPF_JEQ, SYS_getppid, 1, 0), ALLOW, INS(BPF_LDX | BPF_IMM, 0),
                    INS(BPF_ALU | BPF_DIV | BPF_X, 0), ALLOW)),
     sc(SYS_getppid))
ENDS(trap_default, install(ON(SYS_getppid, SECCOMP_RET_TRAP)), sc(SYS_getppid))
ENDS(trap_ignored, signal(SIGSYS, SIG_IGN), install(ON(SYS_getppid, SECCOMP_RET_TRAP)),
     sc(SYS_getppid))
ENDS(strict_exit, sc(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL), sc(SYS_write, 1, "hi\n", 3),
     sc(SYS_exit, 7))
ENDS(strict_killed, sc(SYS_prctl, PR_SET_SECCOMP, 1), sc(SYS_getppid))
ENDS(strict_one, strict_thread_ends())
ENDS(after_exec, say("getppid: %ld\n", sc(SYS_getppid)))
