/* mmap, munmap, mprotect: placement, splitting and merging (seen in maps), errors. */
#include "oracle_mem.h"
#include <sys/stat.h>

#define RW (PROT_READ | PROT_WRITE)
#define PA (MAP_PRIVATE | MAP_ANONYMOUS)

TEST(anonymous) {
    char* p = mmap(NULL, 3 * PAGE, RW, PA, -1, 0);
    NEED(p != MAP_FAILED);
    CHECK_EQ((uintptr_t)p % PAGE, 0);
    for (size_t i = 0; i < 3 * PAGE; i++)
        if (p[i])
            CHECK_EQ(p[i], 0);
    p[0] = 1;
    p[3 * PAGE - 1] = 2;
    CHECK_EQ(munmap(p, 3 * PAGE), 0);
    CHECK_EQ(munmap(p, 3 * PAGE), 0); /* nothing there: still fine */
    CHECK(!is_mapped(p));
    /* the fd is ignored, an odd length is rounded up */
    p = mmap(NULL, 100, RW, PA, 12345, 0);
    NEED(p != MAP_FAILED);
    p[PAGE - 1] = 1;
    CHECK_EQ(munmap(p, 1), 0);
    CHECK(!is_mapped(p));
}

TEST(errors) {
    CHECK_ERRNO(mmap(NULL, 0, RW, PA, -1, 0), EINVAL);
    CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
    CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
    CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE, 9999, 0), EBADF);
    CHECK_EQ(sc(SYS_mmap, 0, PAGE, RW, PA, -1, 1), -EINVAL);
    CHECK_EQ(sc(SYS_mmap, 1, PAGE, RW, PA | MAP_FIXED, -1, 0), -EINVAL);
    CHECK_EQ(sc(SYS_mmap, 0, SIZE_MAX, RW, PA, -1, 0), -ENOMEM);
    CHECK_EQ(sc(SYS_mmap, 0, 1UL << 47, RW, PA | MAP_NORESERVE, -1, 0), -ENOMEM);
    CHECK_EQ(sc(SYS_mmap, 0x7ffffffff000, PAGE, RW, PA | MAP_FIXED, -1, 0), -ENOMEM);
    CHECK_EQ(sc(SYS_mmap, 0xffff800000000000, PAGE, RW, PA | MAP_FIXED, -1, 0), -ENOMEM);
    CHECK_EQ(sc(SYS_mmap, 0x7fffffffe000, 3 * PAGE, RW, PA | MAP_FIXED, -1, 0), -ENOMEM);
    CHECK_EQ(sc(SYS_munmap, 0, 0), -EINVAL);
    CHECK_EQ(sc(SYS_munmap, 1, PAGE), -EINVAL);
    CHECK_EQ(sc(SYS_munmap, 0xffff800000000000, PAGE), -EINVAL);
    CHECK_EQ(sc(SYS_munmap, PAGE, SIZE_MAX - PAGE), -EINVAL);
    /* MAP_SHARED_VALIDATE refuses what MAP_SHARED ignores */
    int fd = temp_file("validate", PAGE);
    CHECK_EQ(sc(SYS_mmap, 0, PAGE, RW, MAP_SHARED_VALIDATE | 0x1000000, fd, 0), -EOPNOTSUPP);
    long p = sc(SYS_mmap, 0, PAGE, RW, MAP_SHARED | 0x1000000, fd, 0);
    CHECK(p > 0);
    sc(SYS_munmap, p, PAGE);
    close(fd);
    int ro = open("validate", O_RDONLY), wo = open("validate", O_WRONLY), dir = open(".", O_RDONLY);
    CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0), EACCES);
    CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
    CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
    void* q = mmap(NULL, PAGE, RW, MAP_PRIVATE, ro, 0);
    CHECK(q != MAP_FAILED);
    munmap(q, PAGE);
    /* a shared map of a read-only descriptor can't become writable later */
    q = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
    CHECK(q != MAP_FAILED);
    CHECK_ERRNO(mprotect(q, PAGE, RW), EACCES);
    munmap(q, PAGE);
    int pipes[2];
    NEED_OK(pipe(pipes));
    CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0), ENODEV);
    close(pipes[0]);
    close(pipes[1]);
    close(ro);
    close(wo);
    close(dir);
}

TEST(fixed) {
    char* p = map_alone(5, RW);
    memset(p, 'a', 5 * PAGE);
    CHECK_EQ((long)mmap(p + PAGE, PAGE, RW, PA | MAP_FIXED, -1, 0), (long)(p + PAGE));
    CHECK_EQ(p[PAGE], 0);
    CHECK_EQ(p[PAGE - 1], 'a');
    CHECK_EQ(p[2 * PAGE], 'a');
    CHECK_ERRNO(mmap(p + PAGE, PAGE, RW, PA | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    CHECK_ERRNO(mmap(p - PAGE, 2 * PAGE, RW, PA | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    CHECK_EQ(munmap(p + PAGE, PAGE), 0);
    CHECK_EQ((long)mmap(p + PAGE, PAGE, RW, PA | MAP_FIXED_NOREPLACE, -1, 0), (long)(p + PAGE));
    /* a free hint is taken, a taken one is not, an odd one is rounded down */
    CHECK_EQ(munmap(p, 5 * PAGE), 0);
    CHECK_EQ((long)mmap(p, PAGE, RW, PA, -1, 0), (long)p);
    void* q = mmap(p, PAGE, RW, PA, -1, 0);
    CHECK(q != MAP_FAILED && q != p);
    munmap(q, PAGE);
    munmap(p, PAGE);
    q = mmap(p + 123, PAGE, RW, PA, -1, 0);
    CHECK_EQ((long)q, (long)p);
    munmap(q, PAGE);
    /* failing NOREPLACE leaves no hole */
    p = map_alone(2, RW);
    p[0] = 1;
    CHECK_ERRNO(mmap(p, 2 * PAGE, RW, PA | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
    CHECK_EQ(p[0], 1);
    munmap(p, 2 * PAGE);
}

TEST(map_32bit) {
    void* p = mmap(NULL, 16 * PAGE, RW, PA | MAP_32BIT, -1, 0);
    NEED(p != MAP_FAILED);
    CHECK((uintptr_t)p + 16 * PAGE <= 0x80000000UL);
    CHECK((uintptr_t)p >= 0x10000);
    munmap(p, 16 * PAGE);
    /* a hint counts here too, if it ends below 2 GiB */
    char* hint = (char*)0x50000000;
    CHECK_EQ(mmap(hint, PAGE, RW, PA | MAP_32BIT, -1, 0), hint);
    void* q = mmap(hint, PAGE, RW, PA | MAP_32BIT, -1, 0);
    CHECK(q != hint && (uintptr_t)q < 0x80000000UL);
    munmap(q, PAGE);
    munmap(hint, PAGE);
    q = mmap((char*)0x90000000, PAGE, RW, PA | MAP_32BIT, -1, 0);
    CHECK((uintptr_t)q < 0x80000000UL);
    munmap(q, PAGE);
}

TEST(protect) {
    char* p = map_alone(5, RW);
    CHECK_MAP(p, p, 5, "rw-p");
    p[2 * PAGE] = 7;
    CHECK_OK(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
    CHECK_MAP(p, p, 2, "rw-p");
    CHECK_MAP(p + 2 * PAGE, p + 2 * PAGE, 1, "r--p");
    CHECK_MAP(p + 3 * PAGE, p + 3 * PAGE, 2, "rw-p");
    CHECK_EQ(p[2 * PAGE], 7);
    struct fault f = write_fault(p + 2 * PAGE + 5);
    CHECK_EQ(f.signo, SIGSEGV);
    CHECK_EQ(f.code, SEGV_ACCERR);
    CHECK_EQ(f.addr, p + 2 * PAGE + 5);
    CHECK_EQ(read_fault(p + 2 * PAGE).signo, 0);
    CHECK_OK(mprotect(p + 2 * PAGE, PAGE, PROT_NONE));
    CHECK_EQ(read_fault(p + 2 * PAGE).code, SEGV_ACCERR);
    CHECK_OK(mprotect(p + 2 * PAGE, PAGE, RW));
    CHECK_MAP(p, p, 5, "rw-p"); /* merged again */
    CHECK_EQ(p[2 * PAGE], 7);
    /* one call over different neighbours makes one mapping */
    CHECK_OK(mprotect(p, PAGE, PROT_NONE));
    CHECK_OK(mprotect(p + 3 * PAGE, PAGE, PROT_READ));
    CHECK_OK(mprotect(p, 5 * PAGE, PROT_READ | PROT_EXEC));
    CHECK_MAP(p, p, 5, "r-xp");
    CHECK_EQ(p[2 * PAGE], 7);
    munmap(p, 5 * PAGE);
}

TEST(protect_errors) {
    char* p = map_alone(3, RW);
    CHECK_EQ(sc(SYS_mprotect, p + 1, PAGE, PROT_READ), -EINVAL);
    CHECK_EQ(sc(SYS_mprotect, p, 0, PROT_READ), 0);
    CHECK_EQ(sc(SYS_mprotect, p, PAGE, 0x100), -EINVAL);
    CHECK_EQ(sc(SYS_mprotect, p, PAGE, PROT_GROWSUP | PROT_GROWSDOWN), -EINVAL);
    CHECK_EQ(sc(SYS_mprotect, p, PAGE, PROT_READ | PROT_GROWSDOWN), -EINVAL);
    CHECK_EQ(sc(SYS_mprotect, p, -PAGE, PROT_READ), -ENOMEM);
    munmap(p + PAGE, PAGE);
    /* a hole: what stands before it is changed, then ENOMEM */
    CHECK_EQ(sc(SYS_mprotect, p, 3 * PAGE, PROT_READ), -ENOMEM);
    CHECK_MAP(p, p, 1, "r--p");
    CHECK_MAP(p + 2 * PAGE, p + 2 * PAGE, 1, "rw-p");
    CHECK_EQ(sc(SYS_mprotect, p + PAGE, PAGE, PROT_READ), -ENOMEM);
    munmap(p, 3 * PAGE);
    CHECK_EQ(sc(SYS_mprotect, 0xffff800000000000, PAGE, PROT_READ), -ENOMEM);
}

TEST(unmap_split) {
    char* p = map_alone(7, RW);
    for (int i = 0; i < 7; i++)
        p[i * PAGE] = i;
    CHECK_OK(munmap(p + 3 * PAGE, PAGE));
    CHECK_MAP(p, p, 3, "rw-p");
    CHECK_MAP(p + 4 * PAGE, p + 4 * PAGE, 3, "rw-p");
    struct fault f = read_fault(p + 3 * PAGE + 1);
    CHECK_EQ(f.signo, SIGSEGV);
    CHECK_EQ(f.code, SEGV_MAPERR);
    CHECK_EQ(f.addr, p + 3 * PAGE + 1);
    CHECK_EQ((long)mmap(p + 3 * PAGE, PAGE, RW, PA | MAP_FIXED, -1, 0), (long)(p + 3 * PAGE));
    CHECK_MAP(p, p, 7, "rw-p");
    CHECK_EQ(p[2 * PAGE], 2);
    CHECK_EQ(p[3 * PAGE], 0);
    CHECK_EQ(p[4 * PAGE], 4);
    /* a range that covers several maps and holes */
    CHECK_OK(munmap(p + PAGE, PAGE));
    CHECK_OK(munmap(p + 5 * PAGE, PAGE));
    CHECK_OK(munmap(p, 7 * PAGE));
    for (int i = 0; i < 7; i++)
        CHECK(!is_mapped(p + i * PAGE));
}

TEST(exec) {
    unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
    char* p = mmap(NULL, PAGE, RW, PA, -1, 0);
    memcpy(p, code, sizeof(code));
    CHECK_EQ(fault_of((void (*)(void*))p, NULL).signo, SIGSEGV);
    CHECK_EQ(fault_seen.code, SEGV_ACCERR);
    CHECK_EQ(fault_seen.addr, p);
    CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
    CHECK_EQ(((int (*)(void))p)(), 42);
    CHECK_OK(mprotect(p, PAGE, RW));
    p[1] = 43;
    CHECK_OK(mprotect(p, PAGE, RW | PROT_EXEC));
    CHECK_EQ(((int (*)(void))p)(), 43);
    p[1] = 44; /* code rewritten in place */
    CHECK_EQ(((int (*)(void))p)(), 44);
    munmap(p, PAGE);
}

TEST(many) {
    enum { N = 4000 };
    char* p = map_alone(N, PROT_NONE);
    for (int i = 0; i < N; i += 2)
        if (mprotect(p + i * PAGE, PAGE, RW))
            CHECK_OK(-1);
    for (int i = 0; i < N; i += 2)
        p[i * PAGE] = i;
    CHECK_MAP(p + 100 * PAGE, p + 100 * PAGE, 1, "rw-p");
    CHECK_MAP(p + 101 * PAGE, p + 101 * PAGE, 1, "---p");
    for (int i = 1; i < N; i += 2)
        if (mprotect(p + i * PAGE, PAGE, RW))
            CHECK_OK(-1);
    int wrong = 0;
    for (int i = 0; i < N; i++)
        wrong += p[i * PAGE] != (char)(i % 2 ? 0 : i);
    CHECK_EQ(wrong, 0);
    for (int i = 0; i < N; i += 2)
        munmap(p + i * PAGE, PAGE);
    CHECK_OK(munmap(p, N * PAGE));
}

TEST(reservations) {
    size_t size = 64UL << 30;
    char* p = mmap(NULL, size, PROT_NONE, PA | MAP_NORESERVE, -1, 0);
    NEED(p != MAP_FAILED);
    CHECK_OK(mprotect(p + size / 2, 1 << 20, RW));
    p[size / 2 + 1000] = 5;
    char* q = mmap(NULL, size, RW, PA | MAP_NORESERVE, -1, 0);
    NEED(q != MAP_FAILED);
    for (size_t at = 0; at < size; at += 1UL << 30)
        q[at] = at >> 30;
    int wrong = 0;
    for (size_t at = 0; at < size; at += 1UL << 30)
        wrong += q[at] != (char)(at >> 30);
    CHECK_EQ(wrong, 0);
    CHECK_OK(munmap(p, size));
    CHECK_OK(munmap(q, size));
    /* 4 GiB eight times, PROT_NONE, plain: as the Java heap does */
    void* many[8];
    for (int i = 0; i < 8; i++)
        CHECK((many[i] = mmap(NULL, 4UL << 30, PROT_NONE, PA | MAP_NORESERVE, -1, 0)) !=
              MAP_FAILED);
    for (int i = 0; i < 8; i++)
        CHECK_OK(munmap(many[i], 4UL << 30));
}

TEST(populate_and_stack_flags) {
    char* p = mmap(NULL, 4 * PAGE, RW, PA | MAP_POPULATE, -1, 0);
    NEED(p != MAP_FAILED);
    unsigned char vec[4] = {0};
    CHECK_OK(mincore(p, 4 * PAGE, vec));
    for (int i = 0; i < 4; i++)
        CHECK_EQ(vec[i] & 1, 1);
    munmap(p, 4 * PAGE);
    p = mmap(NULL, 4 * PAGE, RW, PA | MAP_STACK | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED);
    munmap(p, 4 * PAGE);
    p = mmap(NULL, 4 * PAGE, RW, PA | MAP_LOCKED, -1, 0);
    CHECK(p != MAP_FAILED);
    munmap(p, 4 * PAGE);
}

TEST(null_page) {
    if (!geteuid())
        SKIP("root may map page 0");
    CHECK_ERRNO(mmap(NULL, PAGE, RW, PA | MAP_FIXED, -1, 0), EPERM);
}

TEST(shared_anonymous) {
    char* p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    NEED(p != MAP_FAILED);
    p[PAGE] = 9;
    struct map m;
    CHECK(map_of(p, &m));
    CHECK_STR(m.perms, "rw-s");
    CHECK_STR(m.name, "/dev/zero (deleted)");
    char* q = mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE);
    if (CHECK(q != MAP_FAILED)) {
        CHECK_EQ(q[PAGE], 9);
        q[0] = 3;
        CHECK_EQ(p[0], 3);
        munmap(q, 2 * PAGE);
    }
    munmap(p, 2 * PAGE);
}

TEST(growsdown) {
    char* p = mmap(NULL, 64 * PAGE, PROT_NONE, PA, -1, 0);
    NEED(p != MAP_FAILED);
    munmap(p, 64 * PAGE);
    char* top = p + 62 * PAGE;
    NEED(mmap(top, PAGE, RW, PA | MAP_FIXED | MAP_GROWSDOWN, -1, 0) == top);
    top[0] = 1;
    top[-1] = 2; /* the page below appears */
    top[-(long)PAGE - 5] = 3;
    CHECK_EQ(top[-1], 2);
    struct map m;
    CHECK(map_of(top, &m));
    CHECK_EQ(m.start, (uintptr_t)top - 2 * PAGE);
    CHECK_EQ(m.end, (uintptr_t)top + PAGE);
    CHECK_OK(mprotect(top, PAGE, PROT_READ | PROT_GROWSDOWN));
    CHECK(map_of(top, &m));
    CHECK_EQ(m.start, (uintptr_t)top - 2 * PAGE);
    CHECK_STR(m.perms, "r--p");
    munmap(p, 64 * PAGE);
}
