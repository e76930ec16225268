/*
 * prctl(2). Options that are not here are refused with EINVAL, as an unknown one
 * is by Linux.
 */
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include "libos_coord_process.h"
#include "libos_process.h"
#include "libos_seccomp.h"
#include "libos_table.h"

static long set_name(const char* user_name) {
    struct libos_thread* t = get_cur_thread();
    char name[sizeof(t->comm)];
    long len = user_copy_string(name, user_name, sizeof(name) - 1);
    if (len < 0)
        return len;
    name[MIN((size_t)len, sizeof(name) - 1)] = '\0';
    lock(&cur_process()->threads_lock);
    strlcpy(t->comm, name, sizeof(t->comm));
    unlock(&cur_process()->threads_lock);
    PalThreadSetName(t->host, name);
    if (t->is_leader)
        coord_process_set_comm(name);
    return 0;
}

static long get_name(char* user_name) {
    struct libos_thread* t = get_cur_thread();
    char name[sizeof(t->comm)] = {0};
    lock(&cur_process()->threads_lock);
    strlcpy(name, t->comm, sizeof(name));
    unlock(&cur_process()->threads_lock);
    return user_copy_to(user_name, name, sizeof(name));
}

static bool has_cap(int cap) {
    return get_cur_thread()->cap_effective >> cap & 1;
}

static long cap_ambient(unsigned long op, unsigned long cap, unsigned long a4, unsigned long a5) {
    struct libos_thread* t = get_cur_thread();
    if (op == PR_CAP_AMBIENT_CLEAR_ALL) {
        if (cap | a4 | a5)
            return -EINVAL;
        t->cap_ambient = 0;
        return 0;
    }
    if (cap > CAP_LAST_CAP || a4 || a5)
        return -EINVAL;
    uint64_t bit = 1ULL << cap;
    switch (op) {
        case PR_CAP_AMBIENT_IS_SET:
            return (t->cap_ambient & bit) != 0;
        case PR_CAP_AMBIENT_RAISE:
            if (!(t->cap_permitted & bit) || !(t->cap_inheritable & bit))
                return -EPERM;
            t->cap_ambient |= bit;
            return 0;
        case PR_CAP_AMBIENT_LOWER:
            t->cap_ambient &= ~bit;
            return 0;
        default:
            return -EINVAL;
    }
}

static long set_securebits(unsigned long bits) {
    struct libos_thread* t = get_cur_thread();
    uint32_t locked = t->securebits & SECURE_ALL_LOCKS;
    bool changes_locked = ((locked >> 1) & (t->securebits ^ bits)) != 0;
    if ((bits & ~(unsigned long)(SECURE_ALL_BITS | SECURE_ALL_LOCKS)) || changes_locked ||
        (locked & ~bits) || !has_cap(CAP_SETPCAP))
        return -EPERM;
    t->securebits = bits;
    return 0;
}

/* Options about capabilities and privilege. -ENOSYS: not one of them. */
static long prctl_privilege(int option, unsigned long a2, unsigned long a3, unsigned long a4,
                            unsigned long a5) {
    struct libos_thread* t = get_cur_thread();
    switch (option) {
        case PR_SET_NO_NEW_PRIVS:
            if (a2 != 1 || a3 || a4 || a5)
                return -EINVAL;
            t->no_new_privs = true;
            return 0;
        case PR_GET_NO_NEW_PRIVS:
            return a2 || a3 || a4 || a5 ? -EINVAL : t->no_new_privs;
        case PR_SET_KEEPCAPS:
            if (a2 > 1)
                return -EINVAL;
            if (t->securebits & (1 << SECURE_KEEP_CAPS_LOCKED))
                return -EPERM;
            t->securebits &= ~(1u << SECURE_KEEP_CAPS);
            t->securebits |= a2 << SECURE_KEEP_CAPS;
            return 0;
        case PR_GET_KEEPCAPS:
            return t->securebits >> SECURE_KEEP_CAPS & 1;
        case PR_GET_SECUREBITS:
            return t->securebits;
        case PR_SET_SECUREBITS:
            return set_securebits(a2);
        case PR_CAPBSET_READ:
            return a2 > CAP_LAST_CAP ? -EINVAL : (long)(t->cap_bounding >> a2 & 1);
        case PR_CAPBSET_DROP:
            if (!has_cap(CAP_SETPCAP))
                return -EPERM;
            if (a2 > CAP_LAST_CAP)
                return -EINVAL;
            t->cap_bounding &= ~(1ULL << a2);
            return 0;
        case PR_CAP_AMBIENT:
            return cap_ambient(a2, a3, a4, a5);
        case PR_GET_SECCOMP:
            return t->seccomp_mode;
        case PR_SET_SECCOMP:
            return a2 == SECCOMP_MODE_STRICT   ? libos_seccomp_set_strict()
                   : a2 == SECCOMP_MODE_FILTER ? libos_seccomp_set_filter(0, (const void*)a3)
                                               : -EINVAL;
        default:
            return -ENOSYS;
    }
}

#define THP_EXCEPT_ADVISED 2 /* PR_THP_DISABLE_EXCEPT_ADVISED, Linux 6.18 */

static long set_huge_pages(unsigned long disable, unsigned long flags, bool more) {
    if (more || (flags & ~(unsigned long)THP_EXCEPT_ADVISED) || (!disable && flags))
        return -EINVAL;
    PAL_FLG how = !disable ? PAL_HUGE_PAGES_DEFAULT
                  : flags  ? PAL_HUGE_PAGES_ADVISED
                           : PAL_HUGE_PAGES_NEVER;
    long ret = pal_to_errno(PalProcessHugePagesSet(how));
    if (!ret)
        cur_process()->thp_disable = disable ? 1 | flags : 0;
    return ret;
}

/* Options about the process. -ENOSYS: not one of them. */
static long prctl_process(int option, unsigned long a2, unsigned long a3, unsigned long a4,
                          unsigned long a5) {
    int value;
    switch (option) {
        case PR_SET_PDEATHSIG:
            if (a2 > LIBOS_NSIG)
                return -EINVAL;
            coord_process_set_death_signal((int)a2);
            return 0;
        case PR_GET_PDEATHSIG:
            value = coord_process_death_signal();
            return user_put(value, (int*)a2);
        case PR_GET_DUMPABLE:
            return cur_process()->dumpable;
        case PR_SET_DUMPABLE:
            if (a2 > 1)
                return -EINVAL;
            cur_process()->dumpable = a2;
            return 0;
        case PR_SET_CHILD_SUBREAPER:
            coord_process_set_subreaper(a2 != 0);
            return 0;
        case PR_GET_CHILD_SUBREAPER:
            value = coord_process_current()->subreaper;
            return user_put(value, (int*)a2);
        case PR_SET_THP_DISABLE:
            return set_huge_pages(a2, a3, a4 || a5);
        case PR_GET_THP_DISABLE:
            return a2 || a3 || a4 || a5 ? -EINVAL : (long)cur_process()->thp_disable;
        default:
            return -ENOSYS;
    }
}

static long set_timer_slack(struct libos_thread* t, unsigned long ns) {
    t->timer_slack_ns = (long)ns <= 0 ? t->timer_slack_default_ns : ns;
    return pal_to_errno(PalThreadTimerSlackSet(t->timer_slack_ns));
}

long libos_syscall_prctl(int option, unsigned long a2, unsigned long a3, unsigned long a4,
                         unsigned long a5) {
    struct libos_thread* t = get_cur_thread();
    switch (option) {
        case PR_SET_NAME:
            return set_name((const char*)a2);
        case PR_GET_NAME:
            return get_name((char*)a2);
        case PR_SET_TIMERSLACK:
            return set_timer_slack(t, a2);
        case PR_GET_TIMERSLACK:
            return t->timer_slack_ns;
        case PR_GET_TIMING:
            return PR_TIMING_STATISTICAL;
        case PR_SET_TIMING:
            return a2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
        case PR_GET_TID_ADDRESS:
            return user_put(t->clear_child_tid, (uint32_t**)a2);
        case PR_GET_TSC: {
            uint32_t enabled = PR_TSC_ENABLE;
            return user_put(enabled, (uint32_t*)a2);
        }
        case PR_TASK_PERF_EVENTS_DISABLE: /* of the events it has: there are none */
        case PR_TASK_PERF_EVENTS_ENABLE:
            return 0;
        case PR_MCE_KILL_GET:
            return a2 || a3 || a4 || a5 ? -EINVAL : PR_MCE_KILL_DEFAULT;
    }
    long ret = prctl_process(option, a2, a3, a4, a5);
    if (ret == -ENOSYS)
        ret = prctl_privilege(option, a2, a3, a4, a5);
    return ret == -ENOSYS ? -EINVAL : ret;
}
