/*
 * Limits: prlimit64(2), getrlimit(2), setrlimit(2).
 */
#include <linux/capability.h>
#include "libos_mm.h"
#include "libos_proc_answer.h"
#include "libos_process.h"
#include "libos_sched.h"
#include "libos_table.h"

#define NR_OPEN_MAX 1048576 /* fs.nr_open */

/* Those the host has to watch: CPU time kills by SIGXCPU there too; the others are the LibOS's. */
static bool host_enforces(int resource) {
    return resource == RLIMIT_CPU || resource == RLIMIT_CORE || resource == RLIMIT_MEMLOCK ||
           resource == RLIMIT_NICE || resource == RLIMIT_RTPRIO || resource == RLIMIT_RTTIME;
}

static int set_limit(int resource, const struct rlimit64* new, bool privileged) {
    if (new->rlim_cur > new->rlim_max)
        return -EINVAL;
    if (resource == RLIMIT_NOFILE && new->rlim_max > NR_OPEN_MAX)
        return -EPERM;
    lock(&cur_process()->limits_lock);
    struct rlimit64* limit = &cur_process()->limits[resource];
    int ret = 0;
    if (new->rlim_max > limit->rlim_max && !privileged)
        ret = -EPERM;
    if (ret == 0 && host_enforces(resource))
        ret = pal_to_errno(PalResourceLimitSet(resource, new->rlim_cur, new->rlim_max));
    if (ret == 0)
        *limit = *new;
    unlock(&cur_process()->limits_lock);
    if (ret == 0 && resource == RLIMIT_SIGPENDING)
        __atomic_store_n(&coord_process_current()->signals_limit, new->rlim_cur, __ATOMIC_RELAXED);
    if (ret == 0 && resource == RLIMIT_STACK)
        libos_mm_stack_limit(new->rlim_cur);
    return ret;
}

static bool is_privileged(void) {
    return get_cur_thread()->cap_effective >> CAP_SYS_RESOURCE & 1;
}

int libos_limit(int resource, const uint64_t* new_limit, uint64_t* old_limit, bool privileged) {
    lock(&cur_process()->limits_lock);
    old_limit[0] = cur_process()->limits[resource].rlim_cur;
    old_limit[1] = cur_process()->limits[resource].rlim_max;
    unlock(&cur_process()->limits_lock);
    struct rlimit64 new = {0};
    if (!new_limit)
        return 0;
    new.rlim_cur = new_limit[0];
    new.rlim_max = new_limit[1];
    return set_limit(resource, &new, privileged);
}

/* Of another process. */
static long ask_limit(int pid, unsigned int resource, const struct rlimit64* new,
                      struct rlimit64* old) {
    struct libos_question q = {.what = QUESTION_LIMIT, .number = (int)resource, .set = new != NULL};
    if (new) {
        q.limit[0] = new->rlim_cur;
        q.limit[1] = new->rlim_max;
    }
    long ret = libos_question_ask(pid, CAP_SYS_RESOURCE, &q);
    old->rlim_cur = q.old_limit[0];
    old->rlim_max = q.old_limit[1];
    return ret;
}

long libos_syscall_prlimit64(int pid, unsigned int resource, const struct rlimit64* user_new,
                             struct rlimit64* user_old) {
    struct rlimit64 new, old;
    if (resource >= RLIM_NLIMITS)
        return -EINVAL;
    if (user_new && user_get(new, user_new) < 0)
        return -EFAULT;
    if (pid) {
        struct libos_thread* t = pid < 0 ? NULL : libos_thread_find(pid);
        if (!t) {
            long ret = ask_limit(pid, resource, user_new ? &new : NULL, &old);
            return ret < 0 ? ret : user_old && user_put(old, user_old) < 0 ? -EFAULT : 0;
        }
        libos_thread_put(t);
    }
    lock(&cur_process()->limits_lock);
    old = cur_process()->limits[resource];
    unlock(&cur_process()->limits_lock);
    if (user_new) {
        int ret = set_limit(resource, &new, is_privileged());
        if (ret < 0)
            return ret;
    }
    return user_old && user_put(old, user_old) < 0 ? -EFAULT : 0;
}

long libos_syscall_getrlimit(unsigned int resource, struct rlimit* user_limit) {
    if (!user_limit)
        return resource >= RLIM_NLIMITS ? -EINVAL : -EFAULT;
    return libos_syscall_prlimit64(0, resource, NULL, (struct rlimit64*)user_limit);
}

long libos_syscall_setrlimit(unsigned int resource, struct rlimit* user_limit) {
    struct rlimit64 new;
    if (user_get(new, (struct rlimit64*)user_limit) < 0)
        return -EFAULT;
    if (resource >= RLIM_NLIMITS)
        return -EINVAL;
    return set_limit(resource, &new, is_privileged());
}
