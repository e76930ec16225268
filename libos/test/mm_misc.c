/* Memory calls that few programs make: mseal, remap_file_pages, the NUMA family on node 0,
 * process_vm_readv and process_vm_writev on oneself, protection keys where there are none. */
#include "oracle_mem.h"
#include <linux/mempolicy.h>
#include <sys/uio.h>

#define RW (PROT_READ | PROT_WRITE)
#define PA (MAP_PRIVATE | MAP_ANONYMOUS)
#ifndef SYS_mseal
#define SYS_mseal 462
#endif

static char* pages(int n) {
    return mmap(NULL, n * PAGE, RW, PA, -1, 0);
}

TEST(seal) {
    char* p = pages(4);
    CHECK_EQ(sc(SYS_mseal, p, PAGE, 1), -EINVAL);
    CHECK_EQ(sc(SYS_mseal, p + 1, PAGE, 0), -EINVAL);
    CHECK_EQ(sc(SYS_mseal, p, 0, 0), 0);
    CHECK_EQ(sc(SYS_munmap, p + 3 * PAGE, PAGE), 0);
    CHECK_EQ(sc(SYS_mseal, p, 4 * PAGE, 0), -ENOMEM);
    CHECK_EQ(sc(SYS_mseal, p + PAGE, PAGE, 0), 0);
    CHECK_EQ(sc(SYS_mseal, p + PAGE, PAGE, 0), 0);
    CHECK_EQ(sc(SYS_munmap, p + PAGE, PAGE), -EPERM);
    CHECK_EQ(sc(SYS_munmap, p, 3 * PAGE), -EPERM);
    CHECK(is_mapped(p) && is_mapped(p + 2 * PAGE));
    CHECK_EQ(sc(SYS_mprotect, p + PAGE, PAGE, PROT_READ), -EPERM);
    CHECK_EQ(sc(SYS_mremap, p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE, 0), -EPERM);
    CHECK_EQ(sc(SYS_mmap, p + PAGE, PAGE, RW, PA | MAP_FIXED, -1, 0), -EPERM);
    /* it can still be written and emptied */
    p[PAGE] = 1;
    CHECK_EQ(sc(SYS_madvise, p + PAGE, PAGE, MADV_DONTNEED), 0);
    CHECK_EQ(p[PAGE], 0);
    CHECK_EQ(sc(SYS_munmap, p, PAGE), 0);
    CHECK_EQ(sc(SYS_munmap, p + 2 * PAGE, PAGE), 0);
}

TEST(remap_pages) {
    int fd = open("mm_misc_file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    NEED_OK(ftruncate(fd, 4 * PAGE));
    for (int i = 0; i < 4; i++) {
        char c = 'a' + i;
        pwrite(fd, &c, 1, i * PAGE);
    }
    char* p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    NEED(p != MAP_FAILED);
    CHECK_EQ(sc(SYS_remap_file_pages, p, PAGE, 0, 3, 0), 0);
    CHECK_EQ(p[0], 'd');
    CHECK_EQ(p[PAGE], 'b');
    p[0] = 'D';
    CHECK_EQ(p[3 * PAGE], 'D');
    CHECK_EQ(sc(SYS_remap_file_pages, p, PAGE, PROT_READ, 3, 0), -EINVAL);
    CHECK_EQ(sc(SYS_remap_file_pages, p, 0, 0, 3, 0), -EINVAL);
    char* q = pages(1);
    CHECK_EQ(sc(SYS_remap_file_pages, q, PAGE, 0, 0, 0), -EINVAL);
    munmap(p, 4 * PAGE);
    munmap(q, PAGE);
    close(fd);
    unlink("mm_misc_file");
}

TEST(policies) {
    unsigned long mask[16] = {1}, none[16] = {0}, got[16];
    int mode = 99;
    CHECK_EQ(sc(SYS_get_mempolicy, &mode, NULL, 0, 0, 0), 0);
    CHECK_EQ(mode, MPOL_DEFAULT);
    memset(got, 0xff, sizeof(got));
    CHECK_EQ(sc(SYS_get_mempolicy, NULL, got, 1024, 0, MPOL_F_MEMS_ALLOWED), 0);
    CHECK_EQ(got[0] & 1, 1);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_BIND, mask, 1025), 0);
    CHECK_EQ(sc(SYS_get_mempolicy, &mode, got, 1024, 0, 0), 0);
    CHECK_EQ(mode, MPOL_BIND);
    CHECK_EQ(got[0], 1);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_BIND, none, 1025), -EINVAL);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_DEFAULT, mask, 1025), -EINVAL);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_LOCAL, mask, 1025), -EINVAL);
    CHECK_EQ(sc(SYS_set_mempolicy, 77, NULL, 0), -EINVAL);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_INTERLEAVE, NULL, 0), -EINVAL);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_PREFERRED, NULL, 0), 0);
    CHECK_EQ(sc(SYS_get_mempolicy, &mode, NULL, 0, 0, 0), 0);
    CHECK_EQ(mode, MPOL_LOCAL);
    CHECK_EQ(sc(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0), 0);
    CHECK_EQ(sc(SYS_get_mempolicy, NULL, NULL, 0, 0, 64), -EINVAL);
    CHECK_EQ(sc(SYS_get_mempolicy, &mode, NULL, 0, 8, MPOL_F_ADDR), -EFAULT);
    CHECK_EQ(sc(SYS_get_mempolicy, &mode, NULL, 0, 8, 0), -EINVAL);
}

TEST(binding) {
    unsigned long mask[16] = {1};
    char* p = pages(2);
    int node = 0, status[2] = {9, 9};
    CHECK_EQ(sc(SYS_mbind, p, 2 * PAGE, MPOL_BIND, mask, 1025, 0), 0);
    CHECK_EQ(sc(SYS_mbind, p + 1, PAGE, MPOL_BIND, mask, 1025, 0), -EINVAL);
    CHECK_EQ(sc(SYS_mbind, p, PAGE, MPOL_BIND, mask, 1025, 64), -EINVAL);
    CHECK_EQ(sc(SYS_mbind, p, 0, MPOL_BIND, mask, 1025, 0), 0);
    CHECK_EQ(sc(SYS_mbind, p, PAGE, 55, mask, 1025, 0), -EINVAL);
    p[0] = 1;
    void* where[2] = {p, p + PAGE};
    CHECK_EQ(sc(SYS_move_pages, 0, 1, where, NULL, status, 0), 0);
    CHECK_EQ(status[0], 0);
    int nodes[1] = {0};
    CHECK_EQ(sc(SYS_move_pages, 0, 1, where, nodes, status, MPOL_MF_MOVE), 0);
    CHECK_EQ(status[0], 0);
    CHECK_EQ(sc(SYS_move_pages, 0, 1, where, nodes, status, 64), -EINVAL);
    CHECK_EQ(sc(SYS_migrate_pages, 0, 1025, mask, mask), 0);
    (void)node;
    munmap(p, 2 * PAGE);
}

TEST(own_memory) {
    char* p = pages(4);
    mprotect(p + 2 * PAGE, PAGE, PROT_NONE);
    memset(p, 'x', 2 * PAGE);
    char out[3 * 4096];
    struct iovec local = {out, sizeof(out)}, remote = {p, 3 * PAGE};
    long self = getpid();
    memset(out, 0, sizeof(out));
    CHECK_EQ(sc(SYS_process_vm_readv, self, &local, 1, &remote, 1, 0), 2 * PAGE);
    CHECK_EQ(out[2 * PAGE - 1], 'x');
    CHECK_EQ(out[2 * PAGE], 0);
    remote.iov_base = p + 2 * PAGE;
    CHECK_EQ(sc(SYS_process_vm_readv, self, &local, 1, &remote, 1, 0), -EFAULT);
    struct iovec lv[3] = {{"abc", 3}, {"", 0}, {"defg", 4}}, rv[2] = {{p, 5}, {p + 100, 10}};
    CHECK_EQ(sc(SYS_process_vm_writev, self, lv, 3, rv, 2, 0), 7);
    CHECK_MEM(p, "abcdex", 6);
    CHECK_MEM(p + 100, "fgx", 3);
    CHECK_EQ(sc(SYS_process_vm_readv, self, &local, 1, &remote, 1, 1), -EINVAL);
    CHECK_EQ(sc(SYS_process_vm_readv, self, &local, 1, &remote, 0, 0), 0);
    CHECK_EQ(sc(SYS_process_vm_readv, self, 8, 1, &remote, 1, 0), -EFAULT);
    CHECK_EQ(sc(SYS_process_vm_readv, 0x3ffffff, &local, 1, &remote, 1, 0), -ESRCH);
    munmap(p, 4 * PAGE);
}

static const char* cpu_flags(void) {
    static char line[8192];
    FILE* f = fopen("/proc/cpuinfo", "re");
    while (f && fgets(line, sizeof(line), f) && strncmp(line, "flags", 5))
        ;
    if (f)
        fclose(f);
    return line;
}

TEST(no_keys) {
    char* p = pages(1);
    CHECK_EQ(sc(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1), 0);
    CHECK_EQ(write_fault(p).signo, SIGSEGV);
    CHECK_EQ(sc(SYS_pkey_alloc, 1, 0), -EINVAL);
    CHECK_EQ(sc(SYS_pkey_alloc, 0, 4), -EINVAL);
    CHECK_EQ(sc(SYS_pkey_free, 15), -EINVAL);
    CHECK_EQ(sc(SYS_pkey_mprotect, p, PAGE, PROT_READ, 14), -EINVAL);
    CHECK_EQ(sc(SYS_pkey_mprotect, p, 0, PROT_READ, 14), 0);
    CHECK_EQ(sc(SYS_pkey_mprotect, p + 1, 0, PROT_READ, 14), -EINVAL);
    CHECK_EQ(sc(SYS_pkey_mprotect, p, -PAGE, PROT_READ, 14), -ENOMEM);
    if (!strstr(cpu_flags(), " pku ")) {
        CHECK_EQ(sc(SYS_pkey_alloc, 0, 0), -EINVAL);
        CHECK_EQ(sc(SYS_pkey_free, 0), -EINVAL);
        CHECK_EQ(sc(SYS_pkey_mprotect, p, PAGE, PROT_READ, 0), -EINVAL);
    }
    munmap(p, PAGE);
}

TEST(absent) {
    CHECK_EQ(sc(SYS_memfd_create, "x", 0x40000000), -EINVAL);
    CHECK_EQ(sc(SYS_memfd_create, 8, 0), -EFAULT);
    char name[300];
    memset(name, 'n', 299);
    name[299] = 0;
    CHECK_EQ(sc(SYS_memfd_create, name, 0), -EINVAL);
}
