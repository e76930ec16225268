/* mremap with every flag. */
#include "oracle_mem.h"

#define RW (PROT_READ | PROT_WRITE)
#define PA (MAP_PRIVATE | MAP_ANONYMOUS)

static void fill(char* p, int pages) {
    for (int i = 0; i < pages; i++)
        p[i * PAGE] = 'A' + i;
}

TEST(shrink) {
    char* p = map_alone(4, RW);
    fill(p, 4);
    CHECK_EQ(mremap(p, 4 * PAGE, 2 * PAGE, 0), p);
    CHECK_MAP(p, p, 2, "rw-p");
    CHECK(!is_mapped(p + 2 * PAGE));
    CHECK_EQ(p[PAGE], 'B');
    CHECK_EQ(mremap(p, 2 * PAGE, 2 * PAGE, 0), p);
    munmap(p, 2 * PAGE);
}

TEST(grow_in_place) {
    char* p = map_alone(4, RW);
    fill(p, 4);
    munmap(p + 2 * PAGE, 2 * PAGE);
    CHECK_EQ(mremap(p, 2 * PAGE, 4 * PAGE, 0), p);
    CHECK_MAP(p, p, 4, "rw-p");
    CHECK_EQ(p[PAGE], 'B');
    CHECK_EQ(p[3 * PAGE], 0);
    munmap(p, 4 * PAGE);
    /* no room, may not move */
    p = map_alone(4, RW);
    fill(p, 4);
    CHECK_OK(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
    CHECK_ERRNO(mremap(p, 2 * PAGE, 3 * PAGE, 0), ENOMEM);
    char* q = mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);
    if (CHECK(q != MAP_FAILED && q != p)) {
        CHECK_EQ(q[0], 'A');
        CHECK_EQ(q[PAGE], 'B');
        CHECK_EQ(q[2 * PAGE], 0);
        CHECK(!is_mapped(p));
        munmap(q, 3 * PAGE);
    }
    munmap(p, 4 * PAGE);
}

TEST(fixed) {
    char* p = map_alone(3, RW);
    char* to = map_alone(5, RW);
    fill(p, 3);
    fill(to, 5);
    CHECK_EQ(mremap(p, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE), to + PAGE);
    CHECK(!is_mapped(p));
    CHECK_EQ(to[0], 'A');
    CHECK_EQ(to[PAGE], 'A');
    CHECK_EQ(to[3 * PAGE], 'C');
    CHECK_EQ(to[4 * PAGE], 'E');
    CHECK_ERRNO(mremap(to, PAGE, PAGE, MREMAP_FIXED, to + 8 * PAGE), EINVAL);
    CHECK_ERRNO(mremap(to, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, to + 1), EINVAL);
    CHECK_ERRNO(mremap(to, 2 * PAGE, 2 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, to + PAGE), EINVAL);
    /* move and shrink, move and grow */
    munmap(to, 5 * PAGE);
    to = map_alone(3, RW);
    fill(to, 3);
    p = map_alone(2, PROT_NONE);
    CHECK_EQ(mremap(to, 3 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p), p);
    CHECK_EQ(p[PAGE], 'B');
    CHECK(!is_mapped(to) && !is_mapped(to + 2 * PAGE));
    munmap(p, 2 * PAGE);
}

TEST(dontunmap) {
    char* p = map_alone(2, RW);
    fill(p, 2);
    char* q = mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (CHECK(q != MAP_FAILED && q != p)) {
        CHECK_EQ(q[PAGE], 'B');
        CHECK_EQ(p[PAGE], 0); /* still there, but empty */
        p[0] = 9;
        CHECK_EQ(q[0], 'A');
        munmap(q, 2 * PAGE);
    }
    CHECK_ERRNO(mremap(p, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL), EINVAL);
    CHECK_ERRNO(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_DONTUNMAP, NULL), EINVAL);
    munmap(p, 2 * PAGE);
}

TEST(errors) {
    char* p = map_alone(3, RW);
    CHECK_ERRNO(mremap(p + 1, PAGE, PAGE, MREMAP_MAYMOVE), EINVAL);
    CHECK_ERRNO(mremap(p, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
    CHECK_ERRNO(mremap(p, PAGE, PAGE, 0x80), EINVAL);
    CHECK_ERRNO(mremap(p, 0, PAGE, MREMAP_MAYMOVE), EINVAL); /* private: no second view */
    munmap(p + 2 * PAGE, PAGE);
    CHECK_ERRNO(mremap(p + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
    CHECK_ERRNO(mremap(p, 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE), EFAULT);
    CHECK_ERRNO(mremap(p, PAGE, 0x7ffff0000000, MREMAP_MAYMOVE), ENOMEM);
    CHECK_EQ(p[0], 0);
    munmap(p, 3 * PAGE);
}

TEST(across_mappings) {
    char* p = map_alone(4, RW);
    fill(p, 4);
    CHECK_OK(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ));
    /* growing needs one mapping */
    CHECK_ERRNO(mremap(p, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE), EFAULT);
    /* shrinking across two is allowed */
    CHECK_EQ(mremap(p, 4 * PAGE, PAGE, 0), p);
    CHECK(!is_mapped(p + PAGE) && !is_mapped(p + 3 * PAGE));
    munmap(p, PAGE);
}

TEST(middle) {
    char* p = map_alone(5, RW);
    fill(p, 5);
    char* q = map_anon(1, RW);
    CHECK_EQ(mremap(p + 2 * PAGE, PAGE, PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, q), q);
    CHECK_EQ(q[0], 'C');
    CHECK_MAP(p, p, 2, "rw-p");
    CHECK_MAP(p + 3 * PAGE, p + 3 * PAGE, 2, "rw-p");
    CHECK(!is_mapped(p + 2 * PAGE));
    munmap(p, 5 * PAGE);
    munmap(q, PAGE);
}

TEST(file_backed) {
    int fd = temp_file("remap", 6 * PAGE);
    for (int i = 0; i < 6; i++) {
        char c = 'a' + i;
        pwrite(fd, &c, 1, i * PAGE);
    }
    char* p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, PAGE);
    char* q = mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    NEED(q != MAP_FAILED);
    CHECK_EQ(q[0], 'b');
    CHECK_EQ(q[3 * PAGE], 'e');
    struct map m;
    CHECK(map_of(q, &m));
    CHECK_EQ(m.offset, PAGE);
    char* r = mremap(q, 0, PAGE, MREMAP_MAYMOVE); /* a second view of the same file */
    if (CHECK(r != MAP_FAILED)) {
        r[1] = 'z';
        CHECK_EQ(q[1], 'z');
        munmap(r, PAGE);
    }
    char c = 0;
    CHECK_EQ(pread(fd, &c, 1, PAGE + 1), 1);
    CHECK_EQ(c, 'z');
    munmap(q, 4 * PAGE);
    close(fd);
}

TEST(large_moves) {
    size_t n = 16 << 20;
    char* p = mmap(NULL, n, RW, PA, -1, 0);
    for (size_t i = 0; i < n; i += PAGE)
        *(size_t*)(p + i) = i;
    for (int round = 0; round < 6; round++) {
        char* barrier = mmap(p + n, PAGE, PROT_NONE, PA, -1, 0);
        char* q = mremap(p, n, n * 2, MREMAP_MAYMOVE);
        NEED(q != MAP_FAILED);
        size_t wrong = 0;
        for (size_t i = 0; i < n; i += PAGE)
            wrong += *(size_t*)(q + i) != i;
        CHECK_EQ(wrong, 0);
        munmap(barrier, PAGE);
        p = mremap(q, n * 2, n, 0);
        CHECK_EQ(p, q);
    }
    munmap(p, n);
}
