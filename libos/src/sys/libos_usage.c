/*
 * Accounting: getrusage(2), times(2).
 */
#include <linux/times.h>

#include "libos_process.h"
#include "libos_table.h"
#include "libos_time.h"
#include "libos_usage.h"

#define USER_HZ          100
#define NSEC_PER_TICK    (NSEC_PER_SEC / USER_HZ)
#define RUSAGE_THREAD_   1
#define RUSAGE_SELF_     0
#define RUSAGE_CHILDREN_ (-1)

static struct __kernel_old_timeval to_timeval(uint64_t ns) {
    return (struct __kernel_old_timeval){.tv_sec = ns / NSEC_PER_SEC,
                                         .tv_usec = ns % NSEC_PER_SEC / NSEC_PER_USEC};
}

void libos_rusage_fill(struct rusage* ru, const struct coord_usage* usage) {
    memset(ru, 0, sizeof(*ru));
    ru->ru_utime = to_timeval(usage->user_ns);
    ru->ru_stime = to_timeval(usage->system_ns);
    ru->ru_maxrss = usage->max_rss / 1024;
    ru->ru_minflt = usage->minor_faults;
    ru->ru_majflt = usage->major_faults;
    ru->ru_inblock = usage->in_blocks;
    ru->ru_oublock = usage->out_blocks;
    ru->ru_nvcsw = usage->voluntary_switches;
    ru->ru_nivcsw = usage->involuntary_switches;
}

static int host_usage(bool thread_only, struct coord_usage* usage) {
    PAL_USAGE u;
    int ret =
        (int)pal_to_errno(PalProcessUsage(thread_only ? PAL_USAGE_THREAD : PAL_USAGE_TIMES, &u));
    if (ret < 0)
        return ret;
    *usage = (struct coord_usage){.user_ns = u.user_ns,
                                  .system_ns = u.system_ns,
                                  .max_rss = u.max_rss,
                                  .minor_faults = u.minor_faults,
                                  .major_faults = u.major_faults,
                                  .in_blocks = u.in_blocks,
                                  .out_blocks = u.out_blocks,
                                  .voluntary_switches = u.voluntary_switches,
                                  .involuntary_switches = u.involuntary_switches};
    return 0;
}

void libos_usage_self(struct coord_usage* usage) {
    if (cur_process() != &g_process || host_usage(false, usage) < 0)
        memset(usage, 0, sizeof(*usage));
}

long libos_syscall_getrusage(int who, struct rusage* user_usage) {
    struct coord_usage usage;
    struct rusage ru;
    int ret = 0;
    if (who == RUSAGE_CHILDREN_)
        coord_process_children_usage(&usage);
    else if (who == RUSAGE_SELF_ || who == RUSAGE_THREAD_)
        ret = host_usage(who == RUSAGE_THREAD_, &usage);
    else
        ret = -EINVAL;
    if (ret < 0)
        return ret;
    libos_rusage_fill(&ru, &usage);
    return user_put(ru, user_usage);
}

long libos_syscall_times(struct tms* user_times) {
    if (user_times) {
        PAL_NUM user = 0, system = 0;
        struct coord_usage children;
        int ret = pal_to_errno(PalThreadCpuTime(NULL, &user, &system));
        if (ret < 0)
            return ret;
        coord_process_children_usage(&children);
        struct tms times = {.tms_utime = user / NSEC_PER_TICK,
                            .tms_stime = system / NSEC_PER_TICK,
                            .tms_cutime = children.user_ns / NSEC_PER_TICK,
                            .tms_cstime = children.system_ns / NSEC_PER_TICK};
        if (user_put(times, user_times) < 0)
            return -EFAULT;
    }
    return libos_clock(PAL_CLOCK_BOOTTIME) / NSEC_PER_TICK;
}
