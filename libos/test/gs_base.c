/* A GS base of the program's own: set by instruction and by arch_prctl, kept over calls, faults,
 * traps, signals and blocking calls, one per thread; the memory at it is no one else's. */
#include "oracle_mem.h"
#include <asm/prctl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define ROUNDS 300
#define WORDS  512

/* Where GS points: nobody but the test may write there. */
struct area {
    uint64_t word[WORDS];
};

static bool by_instruction(void) {
    return getauxval(AT_HWCAP2) & 2;
}

#define NEED_FSGSBASE                                                                              \
    if (!by_instruction())                                                                         \
    SKIP("this CPU or kernel has no FSGSBASE")

static void set_gs(const void* base) {
    __asm__ volatile("wrgsbase %0" : : "r"(base) : "memory");
}

static uint64_t get_gs(void) {
    uint64_t base;
    __asm__ volatile("rdgsbase %0" : "=r"(base));
    return base;
}

static uint64_t at_gs(uint64_t offset) {
    uint64_t value;
    __asm__ volatile("movq %%gs:(%1), %0" : "=r"(value) : "r"(offset) : "memory");
    return value;
}

static void fill(struct area* a, uint64_t salt) {
    for (size_t i = 0; i < WORDS; i++)
        a->word[i] = salt ^ i * 0x9e3779b97f4a7c15UL;
    a->word[0] = (uint64_t)a; /* as thread control blocks have it */
}

static bool whole(const struct area* a, uint64_t salt) {
    for (size_t i = 1; i < WORDS; i++) {
        if (a->word[i] != (salt ^ i * 0x9e3779b97f4a7c15UL))
            return false;
    }
    return a->word[0] == (uint64_t)a;
}

static long raw_getppid(void) {
    long ret = SYS_getppid;
    __asm__ volatile("nop; nop; syscall" : "+a"(ret) : : "rcx", "r11", "memory");
    return ret;
}

/* Calls of all ways in: call sites of two shapes, one that is not rewritten, calls that block. */
static void many_calls(const void* base, int rounds) {
    pid_t pid = getpid(), parent = getppid();
    int fds[2];
    char byte = 'x';
    NEED_OK(pipe(fds));
    for (int i = 0; i < rounds; i++) {
        set_gs(base);
        CHECK_EQ(getpid(), pid);
        CHECK_EQ(get_gs(), (uint64_t)base);
        CHECK_EQ(raw_getppid(), parent);
        CHECK_EQ(sc(SYS_getppid), parent);
        CHECK_EQ(write(fds[1], &byte, 1), 1);
        CHECK_EQ(read(fds[0], &byte, 1), 1);
        CHECK_EQ(get_gs(), (uint64_t)base);
        if (i % 16 == 0) {
            void* p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            *(volatile char*)p = 1;
            munmap(p, 4096);
            usleep(1);
        }
        CHECK_EQ(get_gs(), (uint64_t)base);
    }
    close(fds[0]);
    close(fds[1]);
}

TEST(calls) {
    NEED_FSGSBASE;
    static struct area a;
    uint64_t before = get_gs(), seen;
    many_calls((void*)before, ROUNDS); /* sites are rewritten by now */
    fill(&a, 1);
    many_calls(&a, ROUNDS);
    CHECK_EQ(at_gs(0), (uint64_t)&a);
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_GET_GS, &seen), 0);
    CHECK_EQ(seen, (uint64_t)&a);
    CHECK(whole(&a, 1));
    many_calls((void*)0x1000, ROUNDS);
    many_calls(NULL, ROUNDS);
    many_calls((void*)0x7fffffffefff, ROUNDS);
    many_calls((void*)0xffffffffff600000, ROUNDS);
    set_gs((void*)before);
}

TEST(by_call) {
    static struct area a;
    uint64_t seen = 1;
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_GET_GS, &seen), 0);
    CHECK_EQ(seen, 0);
    if (!by_instruction())
        SKIP("this CPU or kernel has no FSGSBASE");
    uint64_t before = get_gs();
    fill(&a, 2);
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_SET_GS, &a), 0);
    CHECK_EQ(at_gs(0), (uint64_t)&a);
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_GET_GS, &seen), 0);
    CHECK_EQ(seen, (uint64_t)&a);
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_SET_GS, 0x800000000000), -EPERM);
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_SET_GS, 0x7ffffffff000), -EPERM);
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_GET_GS, 8), -EFAULT);
    CHECK_EQ(get_gs(), (uint64_t)&a);
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_SET_GS, 0x7fffffffeff0), 0);
    CHECK_EQ(get_gs(), 0x7fffffffeff0);
    CHECK(whole(&a, 2));
    set_gs((void*)before);
}

TEST(other_options) {
    uint64_t supported = 0, permitted = 0, guest = 0;
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_GET_CPUID, 0), 1);
    long ret = sc(SYS_arch_prctl, ARCH_SET_CPUID, 1);
    CHECK(ret == 0 || ret == -ENODEV);
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, &supported), 0);
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_GET_XCOMP_PERM, &permitted), 0);
    CHECK_EQ(sc(SYS_arch_prctl, 0x1024, &guest), 0); /* ARCH_GET_XCOMP_GUEST_PERM */
    CHECK_EQ(supported & 3, 3);
    CHECK_EQ(permitted, supported & ~(1UL << 18));
    CHECK_EQ(guest, permitted);
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, 8), -EFAULT);
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_GET_XCOMP_PERM, 8), -EFAULT);
    CHECK_EQ(sc(SYS_arch_prctl, 0x1024, 8), -EFAULT);
    for (unsigned long i = 0; i < 17; i++) {
        CHECK_EQ(sc(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, i), -EOPNOTSUPP);
        CHECK_EQ(sc(SYS_arch_prctl, 0x1025, i), -EOPNOTSUPP);
    }
    CHECK_EQ(sc(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, 64), -EINVAL);
    CHECK_EQ(sc(SYS_arch_prctl, 0x1025, 1000), -EINVAL);
    CHECK_EQ(sc(SYS_arch_prctl, 0x3001, &guest), -EINVAL); /* ARCH_CET_STATUS, never merged */
    CHECK_EQ(sc(SYS_arch_prctl, 0x1002, 0x7ffffffff000), -EPERM);
}

static volatile sig_atomic_t signals;
static volatile uint64_t handler_gs;
static sigjmp_buf back;

static void on_fault(int sig) {
    (void)sig;
    handler_gs = get_gs();
    signals++;
    siglongjmp(back, 1);
}

static void on_alarm(int sig) {
    (void)sig;
    handler_gs = get_gs();
    signals++;
    if (signals % 3 == 0)
        getppid();
}

static void fault(int kind) {
    if (kind == 0)
        *(volatile int*)8 = 1;
    else if (kind == 1)
        __asm__ volatile("int3");
    else if (kind == 2)
        __asm__ volatile("ud2");
    else if (kind == 3)
        __asm__ volatile("movq %gs:0x7000, %rax; movq %gs:0x7ffffffff000, %rax");
    else
        __asm__ volatile("xorl %%ecx, %%ecx; movl $1, %%eax; cltd; idivl %%ecx"
                         :
                         :
                         : "rax", "rcx", "rdx");
}

TEST(faults) {
    NEED_FSGSBASE;
    static struct area a;
    static const int kinds[] = {SIGSEGV, SIGTRAP, SIGILL, SIGBUS, SIGFPE};
    uint64_t before = get_gs();
    struct sigaction act = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    for (size_t i = 0; i < 5; i++)
        sigaction(kinds[i], &act, NULL);
    fill(&a, 3);
    const void* bases[] = {&a, (void*)0x1000, NULL, (void*)0x7fffffffe000};
    for (volatile int i = 0; i < ROUNDS; i++) {
        const void* base = bases[i % 4];
        signals = 0;
        set_gs(base);
        if (sigsetjmp(back, 0) == 0)
            fault(i / 4 % 5);
        CHECK_EQ(signals, 1);
        CHECK_EQ(handler_gs, (uint64_t)base);
        CHECK_EQ(get_gs(), (uint64_t)base);
    }
    CHECK(whole(&a, 3));
    set_gs((void*)before);
    for (size_t i = 0; i < 5; i++)
        signal(kinds[i], SIG_DFL);
}

/* Signals at any instruction: in the program, in call sites, inside of calls. */
TEST(asynchronous) {
    NEED_FSGSBASE;
    static struct area a;
    uint64_t before = get_gs();
    struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    fill(&a, 4);
    sigaction(SIGALRM, &act, NULL);
    const void* bases[] = {&a, (void*)0x1000};
    for (int i = 0; i < 2; i++) {
        const void* base = bases[i];
        signals = 0;
        set_gs(base);
        setitimer(ITIMER_REAL, &often, NULL);
        pid_t parent = getppid();
        bool same = true, right = true;
        while (signals < ROUNDS) {
            for (int n = 0; n < 50; n++) {
                same = same && get_gs() == (uint64_t)base;
                right = right && raw_getppid() == parent && getppid() == parent;
            }
            for (volatile int n = 0; n < 2000; n++)
                same = same && get_gs() == (uint64_t)base;
        }
        setitimer(ITIMER_REAL, &never, NULL);
        CHECK(same);
        CHECK(right);
        CHECK_EQ(handler_gs, (uint64_t)base);
    }
    CHECK(whole(&a, 4));
    set_gs((void*)before);
    signal(SIGALRM, SIG_DFL);
}

/* Back and forth between two bases, as a thread does that runs two worlds. */
TEST(there_and_back) {
    NEED_FSGSBASE;
    static struct area a, b;
    uint64_t before = get_gs();
    pid_t parent = getppid();
    fill(&a, 5);
    fill(&b, 6);
    for (int i = 0; i < ROUNDS; i++) {
        set_gs(&a);
        CHECK_EQ(getppid(), parent);
        set_gs((void*)before);
        CHECK_EQ(getppid(), parent);
        CHECK_EQ(get_gs(), before);
        set_gs(&b);
        CHECK_EQ(raw_getppid(), parent);
        CHECK_EQ(at_gs(0), (uint64_t)&b);
        set_gs(&a);
        set_gs((void*)before);
        CHECK_EQ(raw_getppid(), parent);
        CHECK_EQ(get_gs(), before);
    }
    CHECK(whole(&a, 5));
    CHECK(whole(&b, 6));
}

struct job {
    struct area a;
    uint64_t inherited, salt;
    bool good;
};

static void* worker(void* arg) {
    struct job* j = arg;
    j->inherited = get_gs();
    fill(&j->a, j->salt);
    set_gs(&j->a);
    pid_t parent = getppid();
    j->good = true;
    for (int i = 0; i < ROUNDS; i++) {
        j->good = j->good && getppid() == parent && at_gs(0) == (uint64_t)&j->a;
        if (i % 32 == 0)
            sched_yield();
        if (i % 64 == 0)
            usleep(10);
        j->good = j->good && get_gs() == (uint64_t)&j->a;
    }
    return NULL;
}

static void run_threads(struct job* jobs, int count, pthread_t* ids) {
    for (int i = 0; i < count; i++) {
        jobs[i].salt = 100 + i;
        NEED(pthread_create(&ids[i], NULL, worker, &jobs[i]) == 0);
    }
    for (int i = 0; i < ROUNDS; i++)
        pthread_kill(ids[i % count], SIGUSR1);
    for (int i = 0; i < count; i++)
        NEED(pthread_join(ids[i], NULL) == 0);
}

TEST(threads) {
    NEED_FSGSBASE;
    static struct area a;
    static struct job jobs[6];
    pthread_t ids[6];
    uint64_t before = get_gs();
    struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &act, NULL);
    fill(&a, 7);
    set_gs(&a);
    for (int round = 0; round < 10; round++) {
        run_threads(jobs, 6, ids);
        for (int i = 0; i < 6; i++) {
            CHECK(jobs[i].good);
            CHECK(whole(&jobs[i].a, jobs[i].salt));
            CHECK_EQ(jobs[i].inherited, (uint64_t)&a);
        }
    }
    CHECK_EQ(get_gs(), (uint64_t)&a);
    CHECK(whole(&a, 7));
    set_gs((void*)before);
    signal(SIGUSR1, SIG_DFL);
}

/* A new program begins without one. */
TEST(over_exec) {
    NEED_FSGSBASE;
    static struct area a;
    fill(&a, 8);
    set_gs(&a);
    execl("/proc/self/exe", "gs_base", "by_call", NULL);
    CHECK(false);
}

/* A child begins with its parent's, and each changes its own. */
TEST(over_fork) {
    NEED_FSGSBASE;
    static struct area a, b;
    uint64_t before = get_gs();
    fill(&a, 9);
    fill(&b, 10);
    for (int i = 0; i < 20; i++) {
        set_gs(&a);
        pid_t pid = i % 2 ? fork() : vfork();
        if (pid == 0) {
            bool same = get_gs() == (uint64_t)&a;
            set_gs(&b);
            getppid();
            _exit(same && get_gs() == (uint64_t)&b ? 0 : 1);
        }
        CHECK_EQ(get_gs(), (uint64_t)&a);
        int status;
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
        CHECK_EQ(get_gs(), (uint64_t)&a);
    }
    CHECK(whole(&a, 9));
    CHECK(whole(&b, 10));
    set_gs((void*)before);
}
