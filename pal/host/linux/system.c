/*
 * What the host machine and the calling thread are: CPU, scheduling, usage, limits, random bits.
 */
#include <linux/resource.h>

#include "host_internal.h"

struct host_rlimit {
    uint64_t soft, hard;
};
struct host_timeval {
    int64_t sec, usec;
};
struct host_rusage {
    struct host_timeval user, system;
    int64_t max_rss, ixrss, idrss, isrss, min_faults, maj_faults, swaps, in_blocks, out_blocks;
    int64_t sent, received, signals, voluntary, involuntary;
};

int PalRandomBitsRead(PAL_PTR buffer, PAL_NUM size) {
    char* at = buffer;
    while (size) {
        long n = host_syscall(__NR_getrandom, at, size, 0);
        if (n < 0 && n != -EINTR)
            return host_error(n);
        at += n > 0 ? n : 0;
        size -= n > 0 ? n : 0;
    }
    return 0;
}

/* ---- Segment registers ----------------------------------------------------------------------- */

#define ARCH_SET_FS_  0x1002
#define ARCH_GET_FS_  0x1003
#define ADDRESS_LIMIT 0x7ffffffff000UL

int PalSegmentRegisterGet(PAL_FLG reg, PAL_PTR* addr) {
    if (reg == PAL_SEGMENT_GS) {
        *addr = pal_get_tcb();
        return 0;
    }
    if (reg != PAL_SEGMENT_FS)
        return PAL_ERROR_INVAL;
    if (g_control.cpu_info.hwcap2 & 2) {
        __asm__ volatile("rdfsbase %0" : "=r"(*addr));
        return 0;
    }
    return host_error(host_syscall(__NR_arch_prctl, ARCH_GET_FS_, addr));
}

int PalSegmentRegisterSet(PAL_FLG reg, PAL_PTR addr) {
    if (reg == PAL_SEGMENT_GS) /* the thread block hangs there */
        return PAL_ERROR_DENIED;
    if (reg != PAL_SEGMENT_FS)
        return PAL_ERROR_INVAL;
    if ((PAL_NUM)addr >= ADDRESS_LIMIT)
        return PAL_ERROR_PERM;
    if (g_control.cpu_info.hwcap2 & 2) {
        __asm__ volatile("wrfsbase %0" : : "r"(addr) : "memory");
        return 0;
    }
    return host_error(host_syscall(__NR_arch_prctl, ARCH_SET_FS_, addr));
}

int PalCpuIdRetrieve(PAL_IDX leaf, PAL_IDX subleaf, PAL_IDX values[PAL_CPUID_WORD_NUM]) {
    __asm__ volatile("cpuid"
                     : "=a"(values[0]), "=b"(values[1]), "=c"(values[2]), "=d"(values[3])
                     : "a"(leaf), "c"(subleaf));
    return 0;
}

/* Only what costs little: `cpuid` leaves a virtual machine and takes microseconds each. */
void host_system_init(void) {
    PAL_IDX v[4];
    uint32_t low, high;
    if (!g_control.cpu_info.hwcap)
        PalCpuIdRetrieve(1, 0, v);
    PalCpuIdRetrieve(0xd, 0, v);
    g_control.cpu_info.xsave_size = v[PAL_CPUID_WORD_EBX];
    if (!v[PAL_CPUID_WORD_EBX]) { /* no XSAVE: the legacy FXSAVE area */
        g_control.cpu_info.xsave_size = 512;
        g_control.cpu_info.xfeatures = 3;
        return;
    }
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    g_control.cpu_info.xfeatures = (PAL_NUM)high << 32 | low;
}

/* ---- Scheduling ------------------------------------------------------------------------------ */

/* The host thread of a handle, 0 for the caller's own (NULL); negative: PAL error. */
static int thread_id(PAL_HANDLE thread) {
    if (!thread)
        return 0;
    if (!host_handle_is(thread, PAL_TYPE_THREAD))
        return PAL_ERROR_BADHANDLE;
    int tid = __atomic_load_n(&host_handle(thread)->thread.tid, __ATOMIC_ACQUIRE);
    return tid ? tid : PAL_ERROR_NOTHREAD;
}

#define MAX_CPUS 8192

int PalThreadSetCPUAffinity(PAL_HANDLE thread, PAL_NUM cpu_num, PAL_IDX* cpu_indexes) {
    uint8_t mask[MAX_CPUS / 8] = {0};
    int tid = thread_id(thread);
    if (tid < 0)
        return tid;
    for (PAL_NUM i = 0; i < cpu_num; i++) {
        if (cpu_indexes[i] >= MAX_CPUS)
            return PAL_ERROR_INVAL;
        mask[cpu_indexes[i] / 8] |= 1 << cpu_indexes[i] % 8;
    }
    return host_error(host_syscall(__NR_sched_setaffinity, tid, sizeof(mask), mask));
}

int PalThreadGetCPUAffinity(PAL_HANDLE thread, PAL_NUM size, uint8_t* mask) {
    int tid = thread_id(thread);
    return tid < 0 ? tid : host_result(host_syscall(__NR_sched_getaffinity, tid, size, mask));
}

int PalThreadGetCPU(PAL_IDX* cpu, PAL_IDX* node) {
    long (*getcpu)(unsigned*, unsigned*, void*) = (void*)g_control.vdso_getcpu;
    unsigned int c, n;
    long ret = getcpu ? getcpu(&c, &n, NULL) : host_syscall(__NR_getcpu, &c, &n, NULL);
    if (ret < 0)
        return host_error(ret);
    if (cpu)
        *cpu = c;
    if (node)
        *node = n;
    return 0;
}

static bool is_realtime(PAL_FLG policy) {
    return policy == 1 || policy == 2; /* SCHED_FIFO, SCHED_RR */
}

int PalThreadSchedSet(PAL_HANDLE thread, PAL_FLG policy, int priority, int nice) {
    int tid = thread_id(thread);
    if (tid < 0)
        return tid;
    int old = host_syscall(__NR_sched_getscheduler, tid);
    if (old < 0)
        return host_error(old);
    if ((PAL_FLG)old != policy || is_realtime(policy)) {
        int ret = host_error(host_syscall(__NR_sched_setscheduler, tid, policy, &priority));
        if (ret)
            return ret;
    }
    long now = 20 - host_syscall(__NR_getpriority, PRIO_PROCESS, tid);
    if (is_realtime(policy) || now == nice)
        return 0;
    return host_error(host_syscall(__NR_setpriority, PRIO_PROCESS, tid, nice));
}

int PalThreadSchedGet(PAL_HANDLE thread, PAL_FLG* policy, int* priority, int* nice) {
    int tid = thread_id(thread);
    if (tid < 0)
        return tid;
    long ret = host_syscall(__NR_sched_getscheduler, tid);
    if (ret >= 0) {
        *policy = ret;
        ret = host_syscall(__NR_sched_getparam, tid, priority);
    }
    if (ret >= 0)
        ret = host_syscall(__NR_getpriority, PRIO_PROCESS, tid);
    *nice = 20 - ret; /* the kernel answers 40..1 */
    return host_error(ret);
}

int PalThreadIoPrioritySet(PAL_HANDLE thread, PAL_FLG value) {
    int tid = thread_id(thread);
    if (tid < 0)
        return tid;
    return host_error(host_syscall(__NR_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, tid, (int)value));
}

int PalThreadSetName(PAL_HANDLE thread, PAL_STR name) {
    char path[48], text[16] = {0};
    int tid = thread_id(thread);
    if (tid < 0)
        return tid;
    strlcpy(text, name, sizeof(text));
    if (!tid || tid == host_tcb()->tid)
        return host_error(host_syscall(__NR_prctl, 15 /* PR_SET_NAME */, text));
    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", tid);
    long fd = host_syscall(__NR_open, path, 1 | 02000000 /* O_WRONLY | O_CLOEXEC */);
    if (fd < 0)
        return host_error(fd);
    long ret = host_syscall(__NR_write, fd, text, strlen(text));
    host_syscall(__NR_close, fd);
    return host_error(ret);
}

/* ---- Usage and limits ------------------------------------------------------------------------ */

static PAL_NUM timeval_ns(const struct host_timeval* tv) {
    return tv->sec * NSEC_PER_SEC + tv->usec * 1000;
}

/* Pages of /proc/self/statm: size, then resident. */
static void read_statm(PAL_USAGE* usage) {
    char text[128] = {0};
    long fd = host_syscall(__NR_open, "/proc/self/statm", 02000000 /* O_RDONLY | O_CLOEXEC */);
    if (fd < 0)
        return;
    host_syscall(__NR_read, fd, text, sizeof(text) - 1);
    host_syscall(__NR_close, fd);
    const char* at = text;
    usage->virtual_size = host_parse_number(&at) * PAGE_SIZE;
    usage->resident = host_parse_number(&at) * PAGE_SIZE;
}

int PalProcessUsage(PAL_FLG of, PAL_USAGE* usage) {
    struct host_rusage ru;
    long ret = host_syscall(__NR_getrusage, of == PAL_USAGE_THREAD, &ru);
    if (ret < 0)
        return host_error(ret);
    *usage = (PAL_USAGE){
        .user_ns = timeval_ns(&ru.user),
        .system_ns = timeval_ns(&ru.system),
        .max_rss = ru.max_rss * 1024,
        .minor_faults = ru.min_faults,
        .major_faults = ru.maj_faults,
        .in_blocks = ru.in_blocks,
        .out_blocks = ru.out_blocks,
        .voluntary_switches = ru.voluntary,
        .involuntary_switches = ru.involuntary,
    };
    if (of == PAL_USAGE_PROCESS)
        read_statm(usage);
    return 0;
}

/* Fields 14 and 15 of /proc/self/task/TID/stat: user and system time in ticks of 10 ms. */
static int read_ticks(int tid, PAL_NUM* user, PAL_NUM* system) {
    char path[48], text[512];
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    if (host_read_file(path, text, sizeof(text)) < 0)
        return PAL_ERROR_NOTHREAD;
    const char* at = strrchr(text, ')');
    for (int field = 2; at && field < 14; field++) {
        at = strchr(at, ' ');
        at += at != NULL;
    }
    if (!at)
        return PAL_ERROR_INCONSIST;
    *user = host_parse_number(&at);
    *system = host_parse_number(&at);
    return 0;
}

/* The sum is exact, by the thread's CPU clock; its split is by ticks, as the kernel does it. */
static int cpu_time_of(int tid, PAL_NUM* user_ns, PAL_NUM* system_ns) {
    struct __kernel_timespec ts;
    PAL_NUM user, system;
    int ret = read_ticks(tid, &user, &system);
    if (ret)
        return ret;
    if (host_syscall(__NR_clock_gettime, (int)(~(unsigned int)tid << 3 | 6), &ts) < 0)
        return PAL_ERROR_NOTHREAD;
    PAL_NUM total = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
    *system_ns = user + system ? total / (user + system) * system : 0;
    *user_ns = total - *system_ns;
    return 0;
}

int PalThreadCpuTime(PAL_HANDLE thread, PAL_NUM* user_ns, PAL_NUM* system_ns) {
    int tid = thread_id(thread);
    if (tid < 0)
        return tid;
    if (tid && tid != host_tcb()->tid)
        return cpu_time_of(tid, user_ns, system_ns);
    struct host_rusage ru;
    long ret = host_syscall(__NR_getrusage, tid ? 1 : 0, &ru);
    if (ret < 0)
        return host_error(ret);
    *user_ns = timeval_ns(&ru.user);
    *system_ns = timeval_ns(&ru.system);
    return 0;
}

/* Limits as we found them or as they were set. The process itself has as many descriptors as the
 * hard one allows, for the PAL needs some of its own, and files as long as it may make them, for
 * the LibOS keeps many in one: the LibOS keeps to the soft ones. */
#define FSIZE  1
#define NOFILE 7
static struct lifted {
    PAL_FLG resource;
    bool known;
    struct host_rlimit limit;
} g_lifted[] = {{.resource = FSIZE}, {.resource = NOFILE}};
#define LIFTED (sizeof(g_lifted) / sizeof(g_lifted[0]))

static struct lifted* lifted(PAL_FLG resource) {
    for (size_t i = 0; i < LIFTED; i++) {
        if (g_lifted[i].resource == resource)
            return &g_lifted[i];
    }
    return NULL;
}

static void lift(struct lifted* l, const struct host_rlimit* limit) {
    struct host_rlimit hard = {limit->hard, limit->hard}, none = {~0UL, ~0UL};
    l->limit = *limit;
    l->known = true;
    if (l->resource == FSIZE && limit->soft != ~0UL &&
        host_syscall(__NR_prlimit64, 0, FSIZE, &none, NULL) == 0)
        return;
    if (limit->soft < limit->hard)
        host_syscall(__NR_prlimit64, 0, l->resource, &hard, NULL);
}

/* A program that is started gets the limits that we found. In the child of a vfork. */
void host_limits_back(void) {
    for (size_t i = 0; i < LIFTED; i++) {
        if (g_lifted[i].known)
            host_syscall(__NR_prlimit64, 0, g_lifted[i].resource, &g_lifted[i].limit, NULL);
    }
}

int PalResourceLimitGet(PAL_FLG resource, PAL_NUM* soft, PAL_NUM* hard) {
    struct lifted* l = lifted(resource);
    struct host_rlimit limit;
    if (l && l->known) {
        limit = l->limit;
    } else {
        long ret = host_syscall(__NR_prlimit64, 0, resource, NULL, &limit);
        if (ret < 0)
            return host_error(ret);
        if (l)
            lift(l, &limit);
    }
    *soft = limit.soft;
    *hard = limit.hard;
    return 0;
}

int PalResourceLimitSet(PAL_FLG resource, PAL_NUM soft, PAL_NUM hard) {
    struct lifted* l = lifted(resource);
    struct host_rlimit limit = {soft, hard};
    long ret = host_syscall(__NR_prlimit64, 0, resource, &limit, NULL);
    if (ret == 0 && l)
        lift(l, &limit);
    return host_error(ret);
}

int PalThreadRestartableSet(PAL_PTR area, PAL_NUM size, PAL_FLG signature, bool on) {
    int ret = host_check_range(area, size);
    return ret ? ret : host_error(host_syscall(334 /* rseq */, area, size, on ? 0 : 1, signature));
}

int PalThreadTimerSlackSet(PAL_NUM ns) {
    if (!ns || ns > INT64_MAX)
        return PAL_ERROR_INVAL;
    return host_error(host_syscall(__NR_prctl, 29 /* PR_SET_TIMERSLACK */, ns, 0, 0, 0));
}

int PalProcessHugePagesSet(PAL_FLG how) {
    if (how > PAL_HUGE_PAGES_ADVISED)
        return PAL_ERROR_INVAL;
    PAL_FLG except_advised = how == PAL_HUGE_PAGES_ADVISED ? 2 : 0;
    return host_error(host_syscall(__NR_prctl, 41 /* PR_SET_THP_DISABLE */,
                                   how != PAL_HUGE_PAGES_DEFAULT, except_advised, 0, 0));
}

/* ---- Attestation: this host has none --------------------------------------------------------- */

int PalAttestationReport(PAL_PTR user_report_data, PAL_NUM* user_report_data_size,
                         PAL_PTR target_info, PAL_NUM* target_info_size, PAL_PTR report,
                         PAL_NUM* report_size) {
    (void)user_report_data, (void)user_report_data_size, (void)target_info;
    (void)target_info_size, (void)report, (void)report_size;
    return PAL_ERROR_NOTIMPLEMENTED;
}

int PalAttestationQuote(PAL_PTR user_report_data, PAL_NUM user_report_data_size, PAL_PTR quote,
                        PAL_NUM* quote_size) {
    (void)user_report_data, (void)user_report_data_size, (void)quote, (void)quote_size;
    return PAL_ERROR_NOTIMPLEMENTED;
}

int PalSetProtectedFilesKey(PAL_PTR pf_key_hex) {
    (void)pf_key_hex;
    return PAL_ERROR_NOTIMPLEMENTED;
}
