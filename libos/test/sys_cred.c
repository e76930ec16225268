/* Group ids, capabilities, names of the system, clocks that may not be set, the thread's address to
 * clear. What needs a privilege runs in a thread of its own: ids and capabilities are the thread's.
 */
#include <linux/capability.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/time.h>
#include <time.h>

#include "oracle.h"

#define CAP_BIT(c) (1ULL << (c))

struct caps {
    uint64_t effective, permitted, inheritable;
};

static long get_caps(struct caps* c) {
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    long ret = sc(SYS_capget, &h, d);
    c->effective = d[0].effective | (uint64_t)d[1].effective << 32;
    c->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
    c->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
    return ret;
}

static long set_caps(const struct caps* c) {
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    for (int i = 0; i < 2; i++) {
        d[i].effective = c->effective >> (32 * i);
        d[i].permitted = c->permitted >> (32 * i);
        d[i].inheritable = c->inheritable >> (32 * i);
    }
    return sc(SYS_capset, &h, d);
}

static long drop_effective(int cap) {
    struct caps c;
    get_caps(&c);
    c.effective &= ~CAP_BIT(cap);
    return set_caps(&c);
}

static void* call(void* arg) {
    ((void (*)(void))arg)();
    return NULL;
}

/* In a thread: what it does to its ids and capabilities ends with it. */
static void in_thread(void (*fn)(void)) {
    pthread_t t;
    NEED(pthread_create(&t, NULL, call, fn) == 0);
    NEED(pthread_join(t, NULL) == 0);
}

static void check_gids(unsigned r, unsigned e, unsigned s, unsigned fs) {
    unsigned gr, ge, gs;
    CHECK_EQ(sc(SYS_getresgid, &gr, &ge, &gs), 0);
    CHECK_EQ(gr, r);
    CHECK_EQ(ge, e);
    CHECK_EQ(gs, s);
    CHECK_EQ(sc(SYS_setfsgid, -1), fs);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void regid_root(void) {
    CHECK_EQ(sc(SYS_setregid, 11, 12), 0);
    check_gids(11, 12, 12, 12);
    CHECK_EQ(sc(SYS_setregid, -1, 13), 0);
    check_gids(11, 13, 13, 13);
    CHECK_EQ(sc(SYS_setregid, -1, 11), 0); /* to the real one: the saved one stays */
    check_gids(11, 11, 13, 11);
    CHECK_EQ(sc(SYS_setregid, -1, -1), 0);
    check_gids(11, 11, 13, 11);
    CHECK_EQ(sc(SYS_setresgid, 21, 22, 23), 0);
    check_gids(21, 22, 23, 22);
    CHECK_EQ(sc(SYS_setresgid, -1, -1, 24), 0);
    check_gids(21, 22, 24, 22);
    CHECK_EQ(sc(SYS_setresgid, 25, -1, -1), 0);
    check_gids(25, 22, 24, 22);
    CHECK_EQ(sc(SYS_setfsgid, 31), 22);
    CHECK_EQ(sc(SYS_setresgid, -1, -1, -1), 0); /* nothing to do: the fsgid stays */
    CHECK_EQ(sc(SYS_setresgid, 25, -1, 24), 0);
    check_gids(25, 22, 24, 31);
    CHECK_EQ(sc(SYS_setresgid, -1, 22, -1), 0);
    check_gids(25, 22, 24, 22);
    /* Without the right: only among its own three. */
    CHECK_EQ(drop_effective(CAP_SETGID), 0);
    CHECK_EQ(sc(SYS_setregid, 99, -1), -EPERM);
    CHECK_EQ(sc(SYS_setregid, 24, -1), -EPERM); /* the saved one is not for the real one */
    CHECK_EQ(sc(SYS_setregid, -1, 99), -EPERM);
    check_gids(25, 22, 24, 22);
    CHECK_EQ(sc(SYS_setregid, 22, 24), 0);
    check_gids(22, 24, 24, 24);
    CHECK_EQ(sc(SYS_setresgid, 24, 22, 22), 0);
    check_gids(24, 22, 22, 22);
    CHECK_EQ(sc(SYS_setresgid, 99, -1, -1), -EPERM);
    CHECK_EQ(sc(SYS_setresgid, -1, 99, -1), -EPERM);
    CHECK_EQ(sc(SYS_setresgid, -1, -1, 99), -EPERM);
    CHECK_EQ(sc(SYS_setresgid, 22, 24, 99), -EPERM); /* and nothing was changed */
    check_gids(24, 22, 22, 22);
    CHECK_EQ(sc(SYS_setfsgid, 99), 22);
    CHECK_EQ(sc(SYS_setfsgid, 24), 22);
    CHECK_EQ(sc(SYS_setfsgid, -1), 24);
    CHECK_EQ(sc(SYS_setgid, 99), -EPERM);
    CHECK_EQ(sc(SYS_setgroups, 0, NULL), -EPERM);
}

TEST(groups) {
    gid_t g = getegid();
    CHECK_EQ(sc(SYS_setregid, g, g), 0);
    CHECK_EQ(sc(SYS_setresgid, g, g, g), 0);
    CHECK_EQ(sc(SYS_setresgid, -1, -1, -1), 0);
    check_gids(g, g, g, g);
    if (geteuid())
        CHECK_EQ(sc(SYS_setregid, g + 1, -1), -EPERM);
    else
        in_thread(regid_root);
    check_gids(g, g, g, g);
}

/* ---- capabilities ---------------------------------------------------------------------------- */

static void drop_and_raise(void) {
    struct caps start, c, now;
    CHECK_EQ(get_caps(&start), 0);
    c = start;
    c.effective &= ~CAP_BIT(CAP_CHOWN);
    CHECK_EQ(set_caps(&c), 0);
    CHECK_EQ(get_caps(&now), 0);
    CHECK_EQ(now.effective, c.effective);
    CHECK_EQ(now.permitted, start.permitted);
    CHECK_EQ(set_caps(&start), 0); /* it is still permitted */
    c = start;
    c.permitted &= ~CAP_BIT(CAP_CHOWN); /* effective, but not permitted */
    CHECK_EQ(set_caps(&c), -EPERM);
    c.effective &= ~CAP_BIT(CAP_CHOWN);
    c.inheritable = CAP_BIT(CAP_KILL);
    CHECK_EQ(set_caps(&c), 0);
    CHECK_EQ(get_caps(&now), 0);
    CHECK_EQ(now.inheritable, CAP_BIT(CAP_KILL));
    CHECK_EQ(set_caps(&start), -EPERM); /* gone for good */
    /* Numbers beyond the last capability are not looked at. */
    c.effective |= CAP_BIT(62), c.permitted |= CAP_BIT(62), c.inheritable |= CAP_BIT(62);
    CHECK_EQ(set_caps(&c), 0);
    CHECK_EQ(get_caps(&now), 0);
    CHECK_EQ(now.permitted >> 62, 0);
    /* Dropping one from the inheritable set drops it from the ambient set. */
    CHECK_EQ(sc(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0), 0);
    CHECK_EQ(sc(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 1);
    c.inheritable = 0;
    CHECK_EQ(set_caps(&c), 0);
    CHECK_EQ(sc(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
    /* The first version knows 32 capabilities: it drops the others. */
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_1, 0};
    struct __user_cap_data_struct d = {CAP_BIT(CAP_KILL), CAP_BIT(CAP_KILL), 0};
    CHECK_EQ(sc(SYS_capset, &h, &d), 0);
    CHECK_EQ(get_caps(&now), 0);
    CHECK_EQ(now.effective, CAP_BIT(CAP_KILL));
    CHECK_EQ(now.permitted, CAP_BIT(CAP_KILL));
    CHECK_EQ(sc(SYS_prctl, PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0), -EPERM);
}

TEST(capset) {
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    CHECK_EQ(sc(SYS_capset, NULL, NULL), -EFAULT);
    CHECK_EQ(sc(SYS_capset, &h, 8), -EFAULT);
    h.pid = getpid() + 1;
    CHECK_EQ(sc(SYS_capset, &h, 8), -EPERM); /* others' are not for us */
    h.pid = -1;
    CHECK_EQ(sc(SYS_capset, &h, d), -EPERM);
    h = (struct __user_cap_header_struct){77, 0};
    CHECK_EQ(sc(SYS_capset, &h, d), -EINVAL);
    CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);
    struct caps c;
    CHECK_EQ(get_caps(&c), 0);
    CHECK_EQ(set_caps(&c), 0);
    if (c.permitted & CAP_BIT(CAP_CHOWN)) {
        in_thread(drop_and_raise);
    } else {
        c.permitted |= CAP_BIT(CAP_CHOWN);
        CHECK_EQ(set_caps(&c), -EPERM);
    }
}

/* ---- the names of the system ----------------------------------------------------------------- */

static void read_domain(char text[80]) {
    memset(text, 0, 80);
    FILE* f = fopen("/proc/sys/kernel/domainname", "r");
    if (CHECK(f != NULL)) {
        CHECK(fgets(text, 80, f) != NULL);
        fclose(f);
    }
    struct utsname u;
    CHECK_OK(uname(&u));
    char line[80];
    snprintf(line, sizeof(line), "%s\n", u.domainname);
    CHECK_STR(text, line);
}

static void refused_names(void) {
    drop_effective(CAP_SYS_ADMIN);
    CHECK_EQ(sc(SYS_setdomainname, "x", 1), -EPERM);
    CHECK_EQ(sc(SYS_setdomainname, "x", -1), -EPERM);
    CHECK_EQ(sc(SYS_setdomainname, 8, 8), -EPERM);
    CHECK_EQ(sc(SYS_sethostname, "x", 1), -EPERM);
}

TEST(domainname) {
    in_thread(refused_names);
    if (geteuid())
        return;
    unshare(CLONE_NEWUTS); /* the machine's own name stays, where that works */
    struct utsname before;
    CHECK_OK(uname(&before));
    char text[80], max[65];
    CHECK_EQ(sc(SYS_setdomainname, "culm.example", 12), 0);
    read_domain(text);
    CHECK_STR(text, "culm.example\n");
    CHECK_EQ(sc(SYS_setdomainname, "culm.example", 4), 0);
    read_domain(text);
    CHECK_STR(text, "culm\n");
    memset(max, 'm', sizeof(max));
    CHECK_EQ(sc(SYS_setdomainname, max, 64), 0);
    read_domain(text);
    CHECK_EQ(strlen(text), 65);
    CHECK_EQ(sc(SYS_setdomainname, max, 65), -EINVAL);
    CHECK_EQ(sc(SYS_setdomainname, max, -1), -EINVAL);
    CHECK_EQ(sc(SYS_setdomainname, 8, 8), -EFAULT);
    read_domain(text);
    CHECK_EQ(strlen(text), 65);
    CHECK_EQ(sc(SYS_setdomainname, "", 0), 0);
    read_domain(text);
    CHECK_STR(text, "\n");
    CHECK_EQ(sc(SYS_setdomainname, before.domainname, strlen(before.domainname)), 0);
}

/* ---- clocks that may not be set -------------------------------------------------------------- */

static void refused_clocks(void) {
    drop_effective(CAP_SYS_TIME);
    struct timeval tv = {1000000000, 1000000};
    int tz[2] = {0, 0};
    CHECK_EQ(sc(SYS_settimeofday, NULL, NULL), -EPERM);
    CHECK_EQ(sc(SYS_settimeofday, NULL, tz), -EPERM);
    CHECK_EQ(sc(SYS_settimeofday, NULL, 8), -EFAULT);
    CHECK_EQ(sc(SYS_settimeofday, 8, NULL), -EFAULT);
    CHECK_EQ(sc(SYS_settimeofday, &tv, NULL), -EINVAL);
    tv.tv_usec = -1;
    CHECK_EQ(sc(SYS_settimeofday, &tv, NULL), -EINVAL);
    CHECK_EQ(sc(SYS_settimeofday, &tv, 8), -EINVAL);
    tv.tv_usec = 999999;
    CHECK_EQ(sc(SYS_settimeofday, &tv, NULL), -EPERM);
    CHECK_EQ(sc(SYS_settimeofday, &tv, 8), -EFAULT);
    tv.tv_sec = -1;
    CHECK_EQ(sc(SYS_settimeofday, &tv, NULL), -EINVAL);
    struct timespec ts = {1000000000, 1000000000};
    CHECK_EQ(sc(SYS_clock_settime, CLOCK_REALTIME, &ts), -EINVAL);
    CHECK_EQ(sc(SYS_clock_settime, CLOCK_REALTIME, 8), -EFAULT);
    ts.tv_nsec = 0;
    CHECK_EQ(sc(SYS_clock_settime, CLOCK_REALTIME, &ts), -EPERM);
    ts.tv_sec = -1;
    CHECK_EQ(sc(SYS_clock_settime, CLOCK_REALTIME, &ts), -EINVAL);
    ts.tv_sec = 1000000000;
    static const int fixed[] = {CLOCK_MONOTONIC,        CLOCK_PROCESS_CPUTIME_ID,
                                CLOCK_MONOTONIC_RAW,    CLOCK_THREAD_CPUTIME_ID,
                                CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME_COARSE,
                                CLOCK_BOOTTIME,         CLOCK_TAI};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
        CHECK_EQ(sc(SYS_clock_settime, fixed[i], &ts), -EINVAL);
    CHECK_EQ(sc(SYS_clock_settime, 99, 8), -EINVAL);
    CHECK_EQ(sc(SYS_clock_settime, ~getpid() << 3 | 2, &ts), -EPERM); /* its own CPU clock */
    CHECK_EQ(sc(SYS_clock_settime, ~getpid() << 3 | 2, 8), -EFAULT);
    CHECK_EQ(sc(SYS_clock_settime, ~getpid() << 3 | 3, &ts), -EINVAL);
}

TEST(clocks_not_set) {
    in_thread(refused_clocks);
}

static void refused_adjustments(void) {
    drop_effective(CAP_SYS_TIME);
    struct timex tx = {.modes = ADJ_FREQUENCY};
    CHECK_EQ(sc(SYS_adjtimex, 8), -EFAULT);
    CHECK_EQ(sc(SYS_adjtimex, &tx), -EPERM);
    tx.modes = ADJ_TICK;
    tx.tick = 1;
    CHECK_EQ(sc(SYS_adjtimex, &tx), -EPERM);
    tx.modes = ADJ_OFFSET_SINGLESHOT;
    CHECK_EQ(sc(SYS_adjtimex, &tx), -EPERM);
    tx.modes = ADJ_OFFSET_SINGLESHOT & ~1;
    CHECK_EQ(sc(SYS_adjtimex, &tx), -EINVAL);
    memset(&tx, 0x55, sizeof(tx));
    tx.modes = ADJ_OFFSET_SS_READ; /* what adjtime(NULL, &old) asks */
    CHECK(sc(SYS_adjtimex, &tx) >= 0);
    CHECK_EQ(tx.modes, ADJ_OFFSET_SS_READ);
    CHECK_EQ(tx.offset, 0);
    struct timeval old = {77, 77};
    CHECK_OK(adjtime(NULL, &old));
    CHECK_EQ(old.tv_sec, 0);
    CHECK_EQ(old.tv_usec, 0);
    memset(&tx, 0x55, sizeof(tx));
    tx.modes = 0;
    long state = sc(SYS_adjtimex, &tx);
    CHECK(state >= 0 && state <= TIME_ERROR);
    CHECK_EQ(tx.tick, 10000);
    CHECK(tx.precision == 1 && tx.tolerance == 32768000);
    struct timespec utc, tai;
    clock_gettime(CLOCK_TAI, &tai);
    clock_gettime(CLOCK_REALTIME, &utc);
    CHECK(tx.tai == tai.tv_sec - utc.tv_sec || tx.tai == tai.tv_sec - utc.tv_sec + 1);
    CHECK(llabs(tx.time.tv_sec - utc.tv_sec) < 10);
    memset(&tx, 0, sizeof(tx));
    CHECK_EQ(sc(SYS_clock_adjtime, CLOCK_REALTIME, &tx), state);
    CHECK_EQ(sc(SYS_clock_adjtime, CLOCK_REALTIME, 8), -EFAULT);
    tx.modes = ADJ_STATUS;
    CHECK_EQ(sc(SYS_clock_adjtime, CLOCK_REALTIME, &tx), -EPERM);
    static const int other[] = {CLOCK_MONOTONIC,        CLOCK_PROCESS_CPUTIME_ID,
                                CLOCK_MONOTONIC_RAW,    CLOCK_THREAD_CPUTIME_ID,
                                CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME_COARSE,
                                CLOCK_BOOTTIME,         CLOCK_TAI};
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
        CHECK_EQ(sc(SYS_clock_adjtime, other[i], &tx), -EOPNOTSUPP);
    CHECK_EQ(sc(SYS_clock_adjtime, ~getpid() << 3 | 2, &tx), -EOPNOTSUPP);
    CHECK_EQ(sc(SYS_clock_adjtime, 99, &tx), -EINVAL);
    CHECK_EQ(sc(SYS_clock_adjtime, 10, &tx), -EINVAL);
    CHECK_EQ(sc(SYS_clock_adjtime, -8 | 3, &tx), -EINVAL); /* descriptor 0 is no clock */
    CHECK_EQ(sc(SYS_clock_adjtime, 99, 8), -EFAULT);
}

TEST(adjustments) {
    in_thread(refused_adjustments);
}

/* ---- set_tid_address ------------------------------------------------------------------------- */

static int first_word, second_word;
static volatile int thread_tid;

static int tid_thread(void* arg) {
    (void)arg;
    second_word = 1;
    long tid = sc(SYS_set_tid_address, &second_word);
    CHECK_EQ(tid, sc(SYS_gettid));
    int* address = NULL;
    CHECK_EQ(sc(SYS_prctl, PR_GET_TID_ADDRESS, &address), 0);
    CHECK(address == &second_word);
    thread_tid = (int)tid;
    sc(SYS_exit, 0);
    return 0;
}

TEST(tid_address) {
    char* stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(stack != MAP_FAILED);
    first_word = 1;
    second_word = 1;
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                CLONE_CHILD_CLEARTID;
    int tid = clone(tid_thread, stack + 65536, flags, NULL, NULL, NULL, &first_word);
    NEED(tid > 0);
    while (__atomic_load_n(&second_word, __ATOMIC_ACQUIRE)) /* its end clears and wakes */
        sc(SYS_futex, &second_word, FUTEX_WAIT, 1, NULL, NULL, 0);
    CHECK_EQ(first_word, 1); /* the address of before is forgotten */
    CHECK_EQ(thread_tid, tid);
    CHECK_EQ(sc(SYS_set_tid_address, NULL), getpid());
    int* address = &first_word;
    CHECK_EQ(sc(SYS_prctl, PR_GET_TID_ADDRESS, &address), 0);
    CHECK(address == NULL);
}
