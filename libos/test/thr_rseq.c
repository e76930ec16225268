/* Restartable sequences: registration to the letter, the CPU number kept right, sequences ended by
 * preemption and by signals, counters per CPU that lose nothing; over threads, fork and exec. */
#include "oracle.h"
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#define SIG     0x53053053
#define ORIG    32
#define OWN_SIG 0x12345678

static struct rseq* libc_area(void) {
    return (struct rseq*)((char*)__builtin_thread_pointer() + __rseq_offset);
}

static bool available(void) {
    return sc(SYS_rseq, 0, 0, 2, 0) != -ENOSYS;
}

#define NEED_RSEQ                                                                                  \
    if (!available())                                                                              \
    SKIP("this kernel has no rseq")

TEST(by_the_library) {
    NEED_RSEQ;
    CHECK(__rseq_size >= 20);
    CHECK_EQ(getauxval(AT_RSEQ_ALIGN) != 0, 1);
    CHECK(getauxval(AT_RSEQ_FEATURE_SIZE) >= 20);
    CHECK_EQ(sc(SYS_rseq, libc_area(), ORIG, 0, SIG), -EBUSY);
    CHECK(libc_area()->cpu_id < (unsigned)sysconf(_SC_NPROCESSORS_CONF));
}

static struct rseq own[4] __attribute__((aligned(64)));

TEST(registration) {
    NEED_RSEQ;
    struct rseq* r = libc_area();
    CHECK_EQ(sc(SYS_rseq, r, ORIG, 4, SIG), -EINVAL);
    CHECK_EQ(sc(SYS_rseq, r, ORIG, 3, SIG), -EINVAL);
    CHECK_EQ(sc(SYS_rseq, r, ORIG, 0, SIG + 1), -EPERM);
    CHECK_EQ(sc(SYS_rseq, r, ORIG + 32, 0, SIG), -EINVAL);
    CHECK_EQ(sc(SYS_rseq, &own[0], ORIG, 0, SIG), -EINVAL);
    CHECK_EQ(sc(SYS_rseq, &own[0], ORIG, 1, SIG), -EINVAL);
    CHECK_EQ(sc(SYS_rseq, r, ORIG, 1, SIG + 1), -EPERM);
    CHECK_EQ(sc(SYS_rseq, r, ORIG + 32, 1, SIG), -EINVAL);
    NEED(sc(SYS_rseq, r, ORIG, 1, SIG) == 0);
    CHECK_EQ(r->cpu_id, (uint32_t)RSEQ_CPU_ID_UNINITIALIZED);
    CHECK_EQ(r->cpu_id_start, 0);
    CHECK_EQ(sc(SYS_rseq, r, ORIG, 1, SIG), -EINVAL);
    CHECK_EQ(sc(SYS_rseq, NULL, 0, 1, 0), -EINVAL);
    CHECK_EQ(sc(SYS_rseq, (char*)&own[0] + 8, ORIG, 0, OWN_SIG), -EINVAL);
    CHECK_EQ(sc(SYS_rseq, &own[0], 16, 0, OWN_SIG), -EINVAL);
    CHECK_EQ(sc(SYS_rseq, &own[0], 31, 0, OWN_SIG), -EINVAL);
    CHECK_EQ(sc(SYS_rseq, (char*)&own[0] + 8, 64, 0, OWN_SIG), -EINVAL);
    CHECK_EQ(sc(SYS_rseq, 0x7ffffffff000, ORIG, 0, OWN_SIG), -EFAULT);
    CHECK_EQ(sc(SYS_rseq, 0x1000, ORIG, 0, OWN_SIG), -EFAULT);
    own[0].rseq_cs = 1234;
    CHECK_EQ(sc(SYS_rseq, &own[0], ORIG, 0, OWN_SIG), 0);
    CHECK_EQ(own[0].rseq_cs, 0);
    CHECK(own[0].cpu_id < 4096);
    CHECK_EQ(own[0].cpu_id, own[0].cpu_id_start);
    CHECK_EQ(sc(SYS_rseq, &own[0], ORIG, 0, OWN_SIG), -EBUSY);
    CHECK_EQ(sc(SYS_rseq, &own[0], ORIG, 1, OWN_SIG), 0);
    CHECK_EQ(sc(SYS_rseq, &own[0], 64, 0, OWN_SIG), 0);
    CHECK_EQ(sc(SYS_rseq, &own[0], 64, 1, OWN_SIG), 0);
    CHECK_EQ(sc(SYS_rseq, r, ORIG, 0, SIG), 0);
    CHECK_EQ(sc(SYS_rseq, r, ORIG, 0, SIG), -EBUSY);
}

TEST(cpu_number) {
    NEED_RSEQ;
    cpu_set_t all, one;
    NEED_OK(sched_getaffinity(0, sizeof(all), &all));
    for (int round = 0; round < 20; round++) {
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET(cpu, &all))
                continue;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            NEED_OK(sched_setaffinity(0, sizeof(one), &one));
            CHECK_EQ(libc_area()->cpu_id, (unsigned)cpu);
            CHECK_EQ(libc_area()->cpu_id_start, (unsigned)cpu);
            CHECK_EQ(sched_getcpu(), cpu);
        }
    }
    sched_setaffinity(0, sizeof(all), &all);
}

/* One sequence: v[cpu] += n on the CPU named, or false if something came between. */
static bool add_on(struct rseq* r, unsigned cpu, long* v, long n) {
    __asm__ goto(".pushsection __rseq_cs, \"aw\"\n"
                 ".balign 32\n"
                 "3: .long 0, 0\n"
                 ".quad 1f, 2f - 1f, 4f\n"
                 ".popsection\n"
                 "leaq 3b(%%rip), %%rax\n"
                 "movq %%rax, 8(%[r])\n"
                 "1: cmpl %[cpu], 4(%[r])\n"
                 "jnz 4f\n"
                 "movq (%[v]), %%rax\n"
                 "addq %[n], %%rax\n"
                 "movq %%rax, (%[v])\n"
                 "2:\n"
                 ".pushsection __rseq_failure, \"ax\"\n"
                 ".byte 0x0f, 0xb9, 0x3d\n"
                 ".long 0x53053053\n"
                 "4: jmp %l[failed]\n"
                 ".popsection\n"
                 :
                 : [cpu] "r"(cpu), [v] "r"(v), [n] "r"(n), [r] "r"(r)
                 : "memory", "cc", "rax"
                 : failed);
    return true;
failed:
    return false;
}

#define CPUS_MAX 256
static struct {
    long count;
    char pad[120];
} counters[CPUS_MAX];
static long retries;

static void count_up(long times) {
    struct rseq* r = libc_area();
    while (times > 0) {
        unsigned cpu = __atomic_load_n(&r->cpu_id_start, __ATOMIC_RELAXED);
        if (cpu < CPUS_MAX && add_on(r, cpu, &counters[cpu].count, 1))
            times--;
        else
            __atomic_add_fetch(&retries, 1, __ATOMIC_RELAXED);
    }
}

static volatile sig_atomic_t alarms;
static void on_alarm(int signo) {
    (void)signo;
    alarms++;
    count_up(3); /* a sequence within a handler, perhaps within one */
}

#define WORKERS 6
#define TIMES   200000L

static void* worker(void* arg) {
    long times = (long)arg;
    for (int i = 0; i < 20; i++) {
        count_up(times / 20);
        if (i % 3 == 0)
            sched_yield();
    }
    return NULL;
}

static long sum(void) {
    long all = 0;
    for (int i = 0; i < CPUS_MAX; i++)
        all += counters[i].count;
    return all;
}

TEST(counters_per_cpu) {
    NEED_RSEQ;
    pthread_t t[WORKERS];
    struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < WORKERS; i++)
        NEED(pthread_create(&t[i], NULL, worker, (void*)TIMES) == 0);
    for (int i = 0; i < 300; i++)
        pthread_kill(t[i % WORKERS], SIGALRM);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(t[i], NULL);
    setitimer(ITIMER_REAL, &never, NULL);
    signal(SIGALRM, SIG_IGN);
    CHECK_EQ(sum(), WORKERS * TIMES + 3 * alarms);
}

/* A sequence that never ends by itself. */
static void spin_in_sequence(struct rseq* r) {
    __asm__ goto(".pushsection __rseq_cs, \"aw\"\n"
                 ".balign 32\n"
                 "3: .long 0, 0\n"
                 ".quad 1f, 2f - 1f, 4f\n"
                 ".popsection\n"
                 "leaq 3b(%%rip), %%rax\n"
                 "movq %%rax, 8(%[r])\n"
                 "1: pause\n"
                 "jmp 1b\n"
                 "2:\n"
                 ".pushsection __rseq_failure, \"ax\"\n"
                 ".byte 0x0f, 0xb9, 0x3d\n"
                 ".long 0x53053053\n"
                 ".globl sequence_aborted\n"
                 "sequence_aborted:\n"
                 "4: jmp %l[ended]\n"
                 ".popsection\n"
                 :
                 : [r] "r"(r)
                 : "memory", "cc", "rax"
                 : ended);
ended:
    return;
}
extern char sequence_aborted[];

static volatile uintptr_t interrupted_at;
static volatile uint64_t cs_in_handler;
static void on_signal(int signo, siginfo_t* info, void* context) {
    (void)signo;
    (void)info;
    interrupted_at = ((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP];
    cs_in_handler = libc_area()->rseq_cs;
}

TEST(ended_by_a_signal) {
    NEED_RSEQ;
    struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGALRM, &act, NULL);
    cpu_set_t all, one;
    NEED_OK(sched_getaffinity(0, sizeof(all), &all));
    int seen = 0;
    for (int i = 0; i < 200 && seen < 20; i++) { /* a preemption may come first */
        struct itimerval once = {{0, 0}, {0, 300}}, left;
        interrupted_at = 0;
        cs_in_handler = 1;
        setitimer(ITIMER_REAL, &once, NULL);
        spin_in_sequence(libc_area());
        do
            getitimer(ITIMER_REAL, &left);
        while (left.it_value.tv_usec && !interrupted_at);
        while (!interrupted_at)
            getppid();
        seen += interrupted_at == (uintptr_t)sequence_aborted;
        CHECK_EQ(cs_in_handler, 0);
        CHECK_EQ(libc_area()->rseq_cs, 0);
    }
    CHECK_EQ(seen, 20);
    (void)one;
    signal(SIGALRM, SIG_DFL);
}

static volatile int busy_stop;
static void* busy(void* arg) {
    (void)arg;
    while (!busy_stop)
        ;
    return NULL;
}

/* On one CPU with another thread that never sleeps, only preemption ends it. */
TEST(ended_by_preemption) {
    NEED_RSEQ;
    pthread_t t;
    cpu_set_t all, one;
    NEED_OK(sched_getaffinity(0, sizeof(all), &all));
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++) {
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    }
    NEED_OK(sched_setaffinity(0, sizeof(one), &one));
    NEED(pthread_create(&t, NULL, busy, NULL) == 0);
    for (int i = 0; i < 10; i++) {
        spin_in_sequence(libc_area());
        CHECK_EQ(libc_area()->rseq_cs, 0);
    }
    busy_stop = 1;
    pthread_join(t, NULL);
    sched_setaffinity(0, sizeof(all), &all);
}

static volatile int entered, rounds_done, spinner_ended;
static void* spinner(void* arg) {
    (void)arg;
    while (!busy_stop) {
        entered = 1;
        spin_in_sequence(libc_area());
        rounds_done++;
    }
    spinner_ended = 1;
    return NULL;
}

/* membarrier ends sequences of other threads. */
TEST(ended_by_a_barrier) {
    NEED_RSEQ;
    pthread_t t;
    if (sc(SYS_membarrier, 1 << 8, 0, 0) < 0)
        SKIP("this kernel has no membarrier for rseq");
    busy_stop = 0;
    NEED(pthread_create(&t, NULL, spinner, NULL) == 0);
    while (!entered)
        sched_yield();
    for (int i = 0; i < 50; i++) {
        int before = rounds_done;
        while (rounds_done == before)
            CHECK_EQ(sc(SYS_membarrier, 1 << 7, 0, 0), 0);
    }
    busy_stop = 1;
    while (!spinner_ended)
        CHECK_EQ(sc(SYS_membarrier, 1 << 7, 0, 0), 0);
    pthread_join(t, NULL);
}

/* Areas of threads that end are freed at once: nobody may write there any more. */
static void* with_own_area(void* page) {
    struct rseq* r = page;
    if (sc(SYS_rseq, libc_area(), ORIG, 1, SIG) != 0 || sc(SYS_rseq, r, ORIG, 0, OWN_SIG) != 0)
        return (void*)1;
    sched_yield();
    return r->cpu_id < 4096 ? NULL : (void*)2;
}

TEST(areas_that_go_away) {
    NEED_RSEQ;
    for (int i = 0; i < 300; i++) {
        pthread_t t;
        void* ret;
        void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        NEED(pthread_create(&t, NULL, with_own_area, page) == 0);
        pthread_join(t, &ret);
        CHECK(ret == NULL);
        munmap(page, 4096);
    }
}

TEST(over_fork) {
    NEED_RSEQ;
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            bool good = sc(SYS_rseq, libc_area(), ORIG, 0, SIG) == -EBUSY;
            good = good && libc_area()->cpu_id < 4096;
            long before = sum();
            count_up(1000);
            _exit(!(good && sum() == before + 1000));
        }
        int status;
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
    }
    CHECK_EQ(sc(SYS_rseq, libc_area(), ORIG, 0, SIG), -EBUSY);
    /* a child in the parent's memory has none of its own, and takes none away */
    pid_t pid = vfork();
    if (pid == 0) {
        static struct rseq area __attribute__((aligned(64)));
        long ret = sc(SYS_rseq, &area, ORIG, 0, OWN_SIG);
        _exit(ret ? 1 : 0);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(sc(SYS_rseq, libc_area(), ORIG, 0, SIG), -EBUSY);
    long before = sum();
    count_up(1000);
    CHECK_EQ(sum(), before + 1000);
}

TEST(over_exec) {
    NEED_RSEQ;
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/proc/self/exe", "thr_rseq", "by_the_library", NULL);
        _exit(99);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    execl("/proc/self/exe", "thr_rseq", "by_the_library", NULL);
    CHECK(false);
}
