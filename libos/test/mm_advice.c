/* madvise (each advice), mincore, msync, mlock, membarrier. */
#include "oracle_mem.h"
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define RW (PROT_READ | PROT_WRITE)
#define PA (MAP_PRIVATE | MAP_ANONYMOUS)

TEST(dontneed) {
    char* p = map_alone(3, RW);
    memset(p, 'x', 3 * PAGE);
    CHECK_OK(madvise(p + PAGE, PAGE, MADV_DONTNEED));
    CHECK_EQ(p[PAGE], 0);
    CHECK_EQ(p[0], 'x');
    CHECK_EQ(p[2 * PAGE], 'x');
    CHECK_OK(madvise(p, 1, MADV_DONTNEED)); /* length rounds up */
    CHECK_EQ(p[PAGE - 1], 0);
    CHECK_OK(mprotect(p + 2 * PAGE, PAGE, PROT_NONE));
    CHECK_OK(madvise(p + 2 * PAGE, PAGE, MADV_DONTNEED));
    CHECK_OK(mprotect(p + 2 * PAGE, PAGE, RW));
    CHECK_EQ(p[2 * PAGE], 0);
    munmap(p, 3 * PAGE);
    /* a private file map shows the file again, a shared one keeps its changes */
    int fd = temp_file("dontneed", PAGE);
    pwrite(fd, "file", 4, 0);
    p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    p[0] = 'F';
    CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
    CHECK_EQ(p[0], 'f');
    munmap(p, PAGE);
    p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    p[0] = 'F';
    CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
    CHECK_EQ(p[0], 'F');
    munmap(p, PAGE);
    close(fd);
    p = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    p[0] = 'S';
    CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
    CHECK_EQ(p[0], 'S');
    munmap(p, PAGE);
}

TEST(each_advice) {
    static const struct {
        const char* name;
        int advice;
    } kept[] = {
        {"NORMAL", MADV_NORMAL},     {"RANDOM", MADV_RANDOM},     {"SEQUENTIAL", MADV_SEQUENTIAL},
        {"WILLNEED", MADV_WILLNEED}, {"DONTFORK", MADV_DONTFORK}, {"DOFORK", MADV_DOFORK},
        {"DONTDUMP", MADV_DONTDUMP}, {"DODUMP", MADV_DODUMP},     {"COLD", MADV_COLD},
        {"PAGEOUT", MADV_PAGEOUT},   {"POPULATE_READ", 22},       {"POPULATE_WRITE", 23}};
    char* p = map_alone(2, RW);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        memset(p, 'k', 2 * PAGE);
        errno = 0;
        if (!CHECK(madvise(p, 2 * PAGE, kept[i].advice) == 0 && p[PAGE] == 'k'))
            say("  MADV_%s: errno %s\n", kept[i].name, errno_name(errno));
    }
    /* MADV_FREE may drop the data now or later, a write keeps it */
    memset(p, 'f', 2 * PAGE);
    CHECK_OK(madvise(p, 2 * PAGE, MADV_FREE));
    CHECK(p[0] == 'f' || p[0] == 0);
    p[0] = 'w';
    CHECK_EQ(p[0], 'w');
    munmap(p, 2 * PAGE);
}

TEST(populate) {
    char* p = map_alone(2, RW);
    unsigned char vec[2];
    CHECK_OK(madvise(p, 2 * PAGE, 23));
    CHECK_OK(mincore(p, 2 * PAGE, vec));
    CHECK_EQ(vec[0] & vec[1] & 1, 1);
    CHECK_OK(mprotect(p, PAGE, PROT_READ));
    CHECK_ERRNO(madvise(p, 2 * PAGE, 23), EFAULT == errno ? EFAULT : EINVAL);
    CHECK_OK(mprotect(p, PAGE, PROT_NONE));
    CHECK(madvise(p, 2 * PAGE, 22) == -1);
    munmap(p, 2 * PAGE);
    CHECK_ERRNO(madvise(p, 2 * PAGE, 22), ENOMEM);
}

TEST(wipe_and_remove) {
    char* p = map_alone(2, RW);
    CHECK_OK(madvise(p, 2 * PAGE, MADV_WIPEONFORK));
    CHECK_OK(madvise(p, 2 * PAGE, MADV_KEEPONFORK));
    CHECK_ERRNO(madvise(p, 2 * PAGE, MADV_REMOVE), EINVAL);
    munmap(p, 2 * PAGE);
    int fd = memfd_create("remove", 0);
    NEED(fd >= 0);
    ftruncate(fd, 2 * PAGE);
    p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    memset(p, 'r', 2 * PAGE);
    CHECK_ERRNO(madvise(p, 2 * PAGE, MADV_WIPEONFORK), EINVAL);
    CHECK_ERRNO(madvise(p, 2 * PAGE, MADV_FREE), EINVAL);
    CHECK_OK(madvise(p, PAGE, MADV_REMOVE));
    CHECK_EQ(p[0], 0);
    CHECK_EQ(p[PAGE], 'r');
    char c = 1;
    CHECK_EQ(pread(fd, &c, 1, 0), 1);
    CHECK_EQ(c, 0);
    munmap(p, 2 * PAGE);
    close(fd);
}

TEST(advice_errors) {
    char* p = map_alone(3, RW);
    CHECK_ERRNO(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
    CHECK_ERRNO(madvise(p, PAGE, 999), EINVAL);
    CHECK_OK(madvise(p, 0, MADV_DONTNEED));
    CHECK_ERRNO(madvise(p, -PAGE * 4, MADV_DONTNEED), EINVAL);
    memset(p, 'x', 3 * PAGE);
    munmap(p + PAGE, PAGE);
    /* a hole: the rest is done, then ENOMEM */
    CHECK_ERRNO(madvise(p, 3 * PAGE, MADV_DONTNEED), ENOMEM);
    CHECK_EQ(p[0], 0);
    CHECK_EQ(p[2 * PAGE], 0);
    munmap(p, 3 * PAGE);
}

TEST(incore) {
    char* p = map_alone(4, RW);
    unsigned char vec[4] = {0xff, 0xff, 0xff, 0xff};
    CHECK_OK(mincore(p, 4 * PAGE, vec));
    CHECK_EQ(vec[0], 0);
    p[PAGE] = 1;
    CHECK_OK(mincore(p, 4 * PAGE, vec));
    CHECK_EQ(vec[0], 0);
    CHECK_EQ(vec[1], 1);
    CHECK_ERRNO(mincore(p + 1, PAGE, vec), EINVAL);
    CHECK_OK(mincore(p, 0, vec));
    CHECK_OK(mincore(p, PAGE + 1, vec));
    CHECK_ERRNO(mincore(p, PAGE, (void*)1), EFAULT);
    munmap(p + 2 * PAGE, PAGE);
    CHECK_ERRNO(mincore(p, 4 * PAGE, vec), ENOMEM);
    CHECK_ERRNO(mincore(p + 2 * PAGE, PAGE, vec), ENOMEM);
    munmap(p, 4 * PAGE);
    CHECK_ERRNO(mincore((void*)0xffff800000000000, PAGE, vec), ENOMEM);
}

TEST(sync_file) {
    int fd = temp_file("sync", 2 * PAGE);
    char* p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    p[PAGE] = 's';
    CHECK_OK(msync(p, 2 * PAGE, MS_SYNC));
    CHECK_OK(msync(p, 2 * PAGE, MS_ASYNC));
    CHECK_OK(msync(p, 2 * PAGE, MS_ASYNC | MS_INVALIDATE));
    CHECK_OK(msync(p, 0, MS_SYNC));
    CHECK_ERRNO(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
    CHECK_ERRNO(msync(p, PAGE, 0x40), EINVAL);
    CHECK_ERRNO(msync(p + 1, PAGE, MS_SYNC), EINVAL);
    munmap(p, PAGE);
    CHECK_ERRNO(msync(p, 2 * PAGE, MS_SYNC), ENOMEM);
    munmap(p, 2 * PAGE);
    p = map_alone(1, RW);
    CHECK_OK(msync(p, PAGE, MS_SYNC));
    munmap(p, PAGE);
    close(fd);
}

TEST(locking) {
    char* p = map_alone(4, RW);
    CHECK_OK(mlock(p, 2 * PAGE));
    CHECK_OK(mlock(p + 5, 1));
    unsigned char vec[4];
    CHECK_OK(mincore(p, 4 * PAGE, vec));
    CHECK_EQ(vec[1], 1);
    CHECK_EQ(vec[3], 0);
    CHECK_ERRNO(madvise(p, PAGE, MADV_DONTNEED), EINVAL); /* locked memory stays */
    CHECK_OK(munlock(p, 2 * PAGE));
    CHECK_OK(madvise(p, PAGE, MADV_DONTNEED));
    CHECK_OK(mlock(p, 0));
    CHECK_OK(sc(SYS_mlock2, p, PAGE, 1));
    CHECK_EQ(sc(SYS_mlock2, p, PAGE, 2), -EINVAL);
    CHECK_OK(munlock(p, PAGE));
    munmap(p + 2 * PAGE, PAGE);
    CHECK_ERRNO(mlock(p, 4 * PAGE), ENOMEM);
    CHECK_ERRNO(munlock(p, 4 * PAGE), ENOMEM);
    munlock(p, 2 * PAGE);
    munmap(p, 4 * PAGE);
    CHECK_EQ(sc(SYS_mlockall, 0), -EINVAL);
    CHECK_EQ(sc(SYS_mlockall, 8), -EINVAL);
    CHECK_EQ(sc(SYS_mlockall, MCL_ONFAULT), -EINVAL);
    CHECK_EQ(sc(SYS_munlockall), 0);
    struct rlimit none = {0, 0}, old;
    if (geteuid()) {
        getrlimit(RLIMIT_MEMLOCK, &old);
        none.rlim_max = old.rlim_max;
        CHECK_OK(setrlimit(RLIMIT_MEMLOCK, &none));
        p = map_alone(1, RW);
        CHECK_ERRNO(mlock(p, PAGE), EPERM);
        setrlimit(RLIMIT_MEMLOCK, &old);
    }
}

TEST(barrier) {
    long commands = sc(SYS_membarrier, 0, 0, 0);
    if (commands < 0)
        SKIP("the kernel has no membarrier");
    CHECK(commands & 1);
    CHECK_EQ(sc(SYS_membarrier, 1, 0, 0), 0);
    CHECK_EQ(sc(SYS_membarrier, 1 << 3, 0, 0), -EPERM); /* private: not registered yet */
    CHECK_EQ(sc(SYS_membarrier, 1 << 4, 0, 0), 0);
    CHECK_EQ(sc(SYS_membarrier, 1 << 3, 0, 0), 0);
    CHECK_EQ(sc(SYS_membarrier, 1 << 30, 0, 0), -EINVAL);
    CHECK_EQ(sc(SYS_membarrier, 0, 5, 0), -EINVAL);
    say("commands %lx\n", commands);
    say("registered %lx\n", sc(SYS_membarrier, 1 << 9, 0, 0));
    CHECK_EQ(sc(SYS_membarrier, 1 << 1, 0, 0), 0); /* global, expedited */
    CHECK_EQ(sc(SYS_membarrier, 1 << 2, 0, 0), 0);
    CHECK_EQ(sc(SYS_membarrier, 1 << 1, 0, 0), 0);
    CHECK_EQ(sc(SYS_membarrier, 1 << 5, 0, 0), -EPERM); /* SYNC_CORE */
    CHECK_EQ(sc(SYS_membarrier, 3, 0, 0), -EINVAL);
    CHECK_EQ(sc(SYS_membarrier, 1 << 3, 1, 0), -EINVAL);
    if (commands & 1 << 7) { /* RSEQ */
        CHECK_EQ(sc(SYS_membarrier, 1 << 7, 0, 0), -EPERM);
        CHECK_EQ(sc(SYS_membarrier, 1 << 7, 1, 0), -EPERM);
        CHECK_EQ(sc(SYS_membarrier, 1 << 7, 2, 0), -EINVAL);
        CHECK_EQ(sc(SYS_membarrier, 1 << 8, 1, 0), -EINVAL);
        CHECK_EQ(sc(SYS_membarrier, 1 << 8, 0, 0), 0);
        CHECK_EQ(sc(SYS_membarrier, 1 << 7, 0, 0), 0);
        CHECK_EQ(sc(SYS_membarrier, 1 << 7, 1, 0), 0);
        CHECK_EQ(sc(SYS_membarrier, 1 << 7, 1, 100000), 0);
        say("registered %lx\n", sc(SYS_membarrier, 1 << 9, 0, 0));
    }
}

/* ---- guards (Linux 6.13)
 * ---------------------------------------------------------------------------------- */

#define GUARD_INSTALL 102
#define GUARD_REMOVE  103

TEST(guards) {
    char* p = map_anon(8, RW);
    memset(p, 'g', 8 * PAGE);
    if (madvise(p + PAGE, 2 * PAGE, GUARD_INSTALL) < 0)
        SKIP("this kernel has no MADV_GUARD_INSTALL");
    CHECK_EQ(p[0], 'g');
    CHECK_EQ(p[3 * PAGE], 'g');
    struct fault f = read_fault(p + PAGE);
    CHECK_EQ(f.signo, SIGSEGV);
    CHECK_EQ(f.code, SEGV_MAPERR);
    CHECK(f.addr == p + PAGE);
    f = write_fault(p + 3 * PAGE - 1);
    CHECK_EQ(f.signo, SIGSEGV);
    int fds[2];
    NEED_OK(pipe(fds));
    CHECK_ERRNO(write(fds[1], p + PAGE, 1), EFAULT);
    CHECK_EQ(sc(SYS_uname, p + PAGE), -EFAULT);
    close(fds[0]);
    close(fds[1]);
    struct map m;
    CHECK(map_of(p, &m)); /* one mapping all the same */
    CHECK(m.end >= (uintptr_t)p + 8 * PAGE);
    CHECK_OK(madvise(p + PAGE, PAGE, MADV_DONTNEED)); /* does not take guards away */
    CHECK_EQ(read_fault(p + PAGE).signo, SIGSEGV);
    CHECK_ERRNO(madvise(p, 8 * PAGE, MADV_POPULATE_WRITE), EFAULT);
    CHECK_OK(madvise(p, 8 * PAGE, GUARD_REMOVE));
    CHECK_EQ(p[PAGE], 0);
    CHECK_EQ(p[0], 'g');
    p[2 * PAGE] = 1;
    CHECK_OK(madvise(p, 8 * PAGE, GUARD_INSTALL)); /* over pages that are there */
    CHECK_OK(mprotect(p, 8 * PAGE, PROT_READ));
    CHECK_EQ(read_fault(p).signo, SIGSEGV);
    char* q = mremap(p, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
    NEED(q != MAP_FAILED);
    CHECK_EQ(read_fault(q + 7 * PAGE).signo, SIGSEGV);
    CHECK_EQ(q[8 * PAGE], 0);
    CHECK_OK(munmap(q, 16 * PAGE));
    CHECK_ERRNO(madvise(q, PAGE, GUARD_INSTALL), ENOMEM);
    p = map_anon(2, RW);
    if (mlock(p, 2 * PAGE) == 0) {
        CHECK_ERRNO(madvise(p, PAGE, GUARD_INSTALL), EINVAL);
        CHECK_OK(madvise(p, PAGE, GUARD_REMOVE));
    }
    CHECK_OK(munmap(p, 2 * PAGE));
}
