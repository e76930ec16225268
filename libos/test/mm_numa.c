/* Memory policies, as a machine with one node answers them: of threads and of ranges, of what they
 * name and what cannot be named, and where pages are. */
#include "oracle_mem.h"
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sys/wait.h>

#define RW (PROT_READ | PROT_WRITE)

static const unsigned long node0 = 1, none = 0, two_nodes = 3;

static bool one_node(void) {
    unsigned long allowed[16] = {0};
    return sc(SYS_get_mempolicy, NULL, allowed, 1024, 0, MPOL_F_MEMS_ALLOWED) == 0 &&
           allowed[0] == 1;
}

#define NEED_ONE_NODE                                                                              \
    if (!one_node())                                                                               \
    SKIP("this machine has several memory nodes, or its kernel no NUMA")

/* What is in force, for a range or (addr NULL) for the thread. */
static void check_policy(int line, const void* addr, int mode, unsigned long nodes) {
    unsigned long got[16] = {0};
    int now = -1;
    long ret = sc(SYS_get_mempolicy, &now, got, 1024, addr, addr ? MPOL_F_ADDR : 0);
    if (!CHECK_EQ(ret, 0) || !CHECK_EQ(now, mode) || !CHECK_EQ(got[0], nodes))
        say("  asked in line %d\n", line);
}
#define POLICY(addr, mode, nodes)              check_policy(__LINE__, addr, mode, nodes)
#define MBIND(p, len, mode, mask, bits, flags) sc(SYS_mbind, p, len, mode, mask, bits, flags)
#define HOME(p, len, node, flags)              sc(SYS_set_mempolicy_home_node, p, len, node, flags)

TEST(of_ranges) {
    NEED_ONE_NODE;
    char* p = map_alone(16, RW);
    POLICY(p, MPOL_DEFAULT, 0);
    CHECK_EQ(MBIND(p, 2 * PAGE, MPOL_BIND, &node0, 64, 0), 0);
    POLICY(p, MPOL_BIND, 1);
    POLICY(p + PAGE, MPOL_BIND, 1);
    POLICY(p + 2 * PAGE, MPOL_DEFAULT, 0);
    struct map m;
    CHECK(map_of(p, &m)); /* a policy of its own, a mapping of its own */
    CHECK_EQ(m.end - m.start, 2 * PAGE);
    CHECK_EQ(MBIND(p, PAGE, MPOL_INTERLEAVE | MPOL_F_STATIC_NODES, &node0, 64, 0), 0);
    POLICY(p, MPOL_INTERLEAVE | MPOL_F_STATIC_NODES, 1);
    CHECK_EQ(MBIND(p, PAGE, MPOL_LOCAL, NULL, 0, 0), 0);
    POLICY(p, MPOL_LOCAL, 0);
    CHECK_EQ(MBIND(p, PAGE, MPOL_PREFERRED, NULL, 0, 0), 0);
    POLICY(p, MPOL_LOCAL, 0);
    CHECK_EQ(MBIND(p, PAGE, MPOL_PREFERRED, &node0, 64, 0), 0);
    POLICY(p, MPOL_PREFERRED, 1);
    CHECK_EQ(MBIND(p, PAGE, MPOL_PREFERRED_MANY, &node0, 64, 0), 0);
    POLICY(p, MPOL_PREFERRED_MANY, 1);
    CHECK_EQ(MBIND(p, 16 * PAGE, MPOL_DEFAULT, NULL, 0, 0), 0);
    POLICY(p, MPOL_DEFAULT, 0);
    CHECK(map_of(p, &m)); /* one again */
    CHECK_EQ(m.end - m.start, 16 * PAGE);
    CHECK_EQ(MBIND(p, PAGE, MPOL_BIND, &two_nodes, 64, 0), 0); /* what is not there is dropped */
    POLICY(p, MPOL_BIND, 1);
    CHECK_EQ(MBIND(p, PAGE, MPOL_BIND, &node0, 100000, 0), -EINVAL);
    CHECK_EQ(MBIND(p, PAGE, MPOL_BIND, (void*)8, 64, 0), -EFAULT);
    CHECK_EQ(MBIND(p, PAGE, MPOL_BIND, &none, 64, 0), -EINVAL);
    CHECK_EQ(MBIND(p, PAGE, MPOL_DEFAULT, &node0, 64, 0), -EINVAL);
    CHECK_EQ(MBIND(p, PAGE, MPOL_BIND, &node0, 64, MPOL_MF_MOVE), 0);
    CHECK_EQ(MBIND(p, PAGE, MPOL_BIND, &node0, 64, MPOL_MF_STRICT), 0);
    CHECK_EQ(MBIND(p, PAGE, MPOL_BIND, &node0, 64, 1 << 8), -EINVAL);
    CHECK_EQ(MBIND(p + 1, PAGE, MPOL_BIND, &node0, 64, 0), -EINVAL);
    CHECK_EQ(MBIND(p, 0, MPOL_BIND, &node0, 64, 0), 0);
    munmap(p + 4 * PAGE, PAGE);
    CHECK_EQ(MBIND(p, 8 * PAGE, MPOL_BIND, &node0, 64, 0), -EFAULT);
    POLICY(p + PAGE, MPOL_DEFAULT, 0);
    CHECK_EQ(MBIND(p, 8 * PAGE, MPOL_DEFAULT, NULL, 0, 0), 0);
    POLICY(p, MPOL_DEFAULT, 0);
    CHECK_EQ(MBIND(p + 4 * PAGE, PAGE, MPOL_DEFAULT, NULL, 0, 0), -EFAULT);
    int mode;
    CHECK_EQ(sc(SYS_get_mempolicy, &mode, NULL, 0, p + 4 * PAGE, MPOL_F_ADDR), -EFAULT);
    munmap(p, 16 * PAGE);
}

TEST(homes) {
    NEED_ONE_NODE;
    char* p = map_alone(8, RW);
    if (HOME(p, 0, 0, 0) == -ENOSYS)
        SKIP("this kernel has no set_mempolicy_home_node");
    CHECK_EQ(HOME(p, PAGE, 0, 0), -ENOENT);
    CHECK_EQ(MBIND(p, 2 * PAGE, MPOL_BIND, &node0, 64, 0), 0);
    CHECK_EQ(HOME(p, PAGE, 0, 0), 0);
    CHECK_EQ(HOME(p, 8 * PAGE, 0, 0), 0);
    CHECK_EQ(HOME(p + 4 * PAGE, PAGE, 0, 0), -ENOENT);
    CHECK_EQ(HOME(p, PAGE, 1, 0), -EINVAL);
    CHECK_EQ(HOME(p, PAGE, 0, 1), -EINVAL);
    CHECK_EQ(HOME(p + 1, PAGE, 0, 0), -EINVAL);
    CHECK_EQ(MBIND(p, PAGE, MPOL_INTERLEAVE, &node0, 64, 0), 0);
    CHECK_EQ(HOME(p, PAGE, 0, 0), -EOPNOTSUPP);
    CHECK_EQ(MBIND(p, PAGE, MPOL_PREFERRED_MANY, &node0, 64, 0), 0);
    CHECK_EQ(HOME(p, PAGE, 0, 0), 0);
    munmap(p, 8 * PAGE);
}

static void* other_thread(void* arg) {
    POLICY(NULL, MPOL_INTERLEAVE, 1); /* inherited */
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_BIND, &node0, 64), 0);
    POLICY(NULL, MPOL_BIND, 1);
    return arg;
}

TEST(of_threads) {
    NEED_ONE_NODE;
    char* p = map_alone(2, RW);
    int mode = -1;
    POLICY(NULL, MPOL_DEFAULT, 0);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_BIND | MPOL_F_STATIC_NODES, &node0, 64), 0);
    POLICY(NULL, MPOL_BIND | MPOL_F_STATIC_NODES, 1);
    POLICY(p, MPOL_DEFAULT, 0); /* a range does not show the thread's */
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_BIND | MPOL_F_NUMA_BALANCING, &node0, 64), 0);
    POLICY(NULL, MPOL_BIND | MPOL_F_NUMA_BALANCING, 1);
    CHECK_EQ(sc(SYS_get_mempolicy, &mode, NULL, 0, 0, MPOL_F_NODE), -EINVAL);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_DEFAULT | MPOL_F_STATIC_NODES, NULL, 0), 0);
    POLICY(NULL, MPOL_DEFAULT, 0);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_INTERLEAVE, &two_nodes, 64), 0);
    CHECK_EQ(sc(SYS_get_mempolicy, &mode, NULL, 0, 0, MPOL_F_NODE), 0);
    CHECK_EQ(mode, 0);
    pthread_t t;
    NEED(pthread_create(&t, NULL, other_thread, NULL) == 0);
    pthread_join(t, NULL);
    POLICY(NULL, MPOL_INTERLEAVE, 1);
    pid_t pid = fork();
    if (pid == 0) {
        int failed = oracle_failures;
        POLICY(NULL, MPOL_INTERLEAVE, 1);
        _exit(failed != oracle_failures);
    }
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_LOCAL, NULL, 0), 0);
    POLICY(NULL, MPOL_LOCAL, 0);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0), 0);
    munmap(p, 2 * PAGE);
}

TEST(of_pages) {
    NEED_ONE_NODE;
    char* p = map_alone(4, RW);
    p[0] = p[3 * PAGE] = 1;
    void* pages[4] = {p, p + PAGE, (void*)8, p + 3 * PAGE};
    int status[4] = {-99, -99, -99, -99}, nodes[4] = {0, 0, 0, 0};
    CHECK_EQ(sc(SYS_move_pages, 0, 4, pages, NULL, status, 0), 0);
    say("%d %d %d %d\n", status[0], status[1], status[2], status[3]);
    CHECK_EQ(sc(SYS_move_pages, 0, 4, pages, nodes, status, MPOL_MF_MOVE), 0);
    say("%d %d %d %d\n", status[0], status[1], status[2], status[3]);
    nodes[1] = 5;
    CHECK_EQ(sc(SYS_move_pages, 0, 4, pages, nodes, status, MPOL_MF_MOVE), -ENODEV);
    CHECK_EQ(sc(SYS_move_pages, 0, 4, (void*)8, nodes, status, MPOL_MF_MOVE), -EFAULT);
    CHECK_EQ(sc(SYS_move_pages, 0, 4, pages, (void*)8, status, MPOL_MF_MOVE), -EFAULT);
    CHECK_EQ(sc(SYS_move_pages, 0, 4, pages, NULL, (void*)8, 0), -EFAULT);
    CHECK_EQ(sc(SYS_move_pages, 0, 0, pages, NULL, status, 0), 0);
    CHECK_EQ(sc(SYS_move_pages, 0, 4, pages, NULL, status, 1), -EINVAL);
    CHECK_EQ(sc(SYS_move_pages, 99999999, 4, pages, NULL, status, 0), -ESRCH);
    CHECK_EQ(sc(SYS_migrate_pages, 0, 64, &node0, &node0), 0);
    CHECK_EQ(sc(SYS_migrate_pages, 0, 64, &node0, &none), -EINVAL);
    CHECK_EQ(sc(SYS_migrate_pages, 99999999, 64, &node0, &node0), -ESRCH);
    CHECK_EQ(sc(SYS_migrate_pages, 0, 64, (void*)8, &node0), -EFAULT);
    CHECK_EQ(sc(SYS_migrate_pages, 0, 100000, &node0, &node0), -EINVAL);
    munmap(p, 4 * PAGE);
}
