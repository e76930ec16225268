/* Reading and writing: offsets, vectors, holes, fallocate, copies between descriptors, locks. */
#include "oracle_mem.h"
#include <linux/falloc.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

static int make(const char* name, const char* text) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    write(fd, text, strlen(text));
    return fd;
}

TEST(offsets) {
    int fd = make("o", "0123456789");
    char buf[16] = {0};
    CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
    CHECK_EQ(read(fd, buf, 2), 2);
    CHECK_MEM(buf, "34", 2);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
    CHECK_EQ(lseek(fd, -1, SEEK_END), 9);
    CHECK_EQ(read(fd, buf, 16), 1);
    CHECK_EQ(read(fd, buf, 16), 0);
    CHECK_EQ(lseek(fd, 100, SEEK_SET), 100);
    CHECK_EQ(read(fd, buf, 16), 0);
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 101);
    CHECK_EQ(pread(fd, buf, 1, 50), 1);
    CHECK_EQ(buf[0], 0);
    CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERRNO(lseek(fd, -200, SEEK_CUR), EINVAL);
    CHECK_ERRNO(lseek(fd, 0, 99), EINVAL);
    CHECK_ERRNO(lseek(999, 0, SEEK_SET), EBADF);
    int p[2];
    pipe(p);
    CHECK_ERRNO(lseek(p[0], 0, SEEK_SET), ESPIPE);
    CHECK_ERRNO(pread(p[0], buf, 1, 0), ESPIPE);
    CHECK_ERRNO(pwrite(p[1], buf, 1, 0), ESPIPE);
    close(p[0]);
    close(p[1]);
    CHECK_ERRNO(pread(fd, buf, 1, -1), EINVAL);
    CHECK_EQ(read(fd, buf, 0), 0);
    CHECK_EQ(write(fd, buf, 0), 0);
    CHECK_ERRNO(read(fd, (void*)8, 5) == 0 ? (lseek(fd, 0, SEEK_SET), read(fd, (void*)8, 5)) : -1,
                EFAULT);
    CHECK_ERRNO(write(fd, (void*)8, 5), EFAULT);
    CHECK_EQ(sc(SYS_read, fd, buf, -1) < 0, 1);
    CHECK_EQ(sc(SYS_pread64, fd, buf, -1, 0) < 0, 1);
    int dup_fd = dup(fd);
    lseek(fd, 7, SEEK_SET);
    CHECK_EQ(lseek(dup_fd, 0, SEEK_CUR), 7);
    close(dup_fd);
    close(fd);
}

TEST(vectors) {
    int fd = make("v", "");
    char a[4] = "abc", b[4] = "def", c[8] = {0}, d[8] = {0};
    struct iovec w[3] = {{a, 3}, {NULL, 0}, {b, 3}}, r[2] = {{c, 2}, {d, 8}};
    CHECK_EQ(writev(fd, w, 3), 6);
    CHECK_EQ(preadv(fd, r, 2, 0), 6);
    CHECK_STR(c, "ab");
    CHECK_STR(d, "cdef");
    lseek(fd, 1, SEEK_SET);
    CHECK_EQ(readv(fd, r, 2), 5);
    CHECK_EQ(pwritev(fd, w, 3, 10), 6);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
    CHECK_EQ(readv(fd, r, 0), 0);
    CHECK_ERRNO(readv(fd, r, -1), EINVAL);
    CHECK_ERRNO(readv(fd, r, 1025), EINVAL);
    CHECK_ERRNO(readv(fd, (void*)8, 1), EFAULT);
    r[0].iov_len = -1;
    CHECK_ERRNO(readv(fd, r, 1), EINVAL);
    r[0].iov_len = 2;
    w[0].iov_base = (void*)8;
    CHECK_ERRNO(writev(fd, w, 3), EFAULT);
    w[0].iov_base = a;
    w[2].iov_base = (void*)8; /* the first part is written */
    CHECK_EQ(writev(fd, w, 3), 3);
    w[2].iov_base = b;
    CHECK_EQ(preadv2(fd, r, 2, 0, 0), 10);
    CHECK_EQ(preadv2(fd, r, 2, -1, 0) >= 0, 1); /* -1: the file offset */
    CHECK_ERRNO(preadv2(fd, r, 2, 0, 0x10000), EOPNOTSUPP);
    CHECK_ERRNO(preadv2(fd, r, 2, -2, 0), EINVAL);
    CHECK_EQ(pwritev2(fd, w, 3, 0, RWF_SYNC), 6);
    struct stat st;
    fstat(fd, &st);
    CHECK_EQ(pwritev2(fd, w, 3, 0, RWF_APPEND), 6);
    off_t before = st.st_size;
    fstat(fd, &st);
    CHECK_EQ(st.st_size, before + 6);
    CHECK_EQ(pwritev2(fd, w, 1, -1, RWF_DSYNC), 3);
    close(fd);
}

TEST(holes) {
    int fd = make("h", "");
    ftruncate(fd, 1 << 20);
    pwrite(fd, "data", 4, 256 * 1024);
    off_t data = lseek(fd, 0, SEEK_DATA);
    if (data == 0)
        SKIP("the file system keeps no holes");
    CHECK_EQ(data, 256 * 1024);
    CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
    off_t hole = lseek(fd, data, SEEK_HOLE);
    CHECK(hole > data && hole <= 256 * 1024 + 65536);
    CHECK_ERRNO(lseek(fd, hole, SEEK_DATA), ENXIO);
    CHECK_ERRNO(lseek(fd, 1 << 20, SEEK_DATA), ENXIO);
    CHECK_ERRNO(lseek(fd, 2 << 20, SEEK_HOLE), ENXIO);
    CHECK_ERRNO(lseek(fd, -1, SEEK_DATA), ENXIO);
    CHECK_EQ(lseek(fd, hole, SEEK_HOLE), hole);
    close(fd);
}

TEST(allocate) {
    int fd = make("f", "0123456789");
    struct stat st;
    if (fallocate(fd, 0, 0, 8192) && errno == EOPNOTSUPP)
        SKIP("the file system has no fallocate");
    fstat(fd, &st);
    CHECK_EQ(st.st_size, 8192);
    CHECK(st.st_blocks >= 16);
    CHECK_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 8192, 65536));
    fstat(fd, &st);
    CHECK_EQ(st.st_size, 8192);
    CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERRNO(fallocate(fd, 0, -1, 10), EINVAL);
    CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096), EOPNOTSUPP);
    CHECK_ERRNO(fallocate(fd, 0x4000, 0, 4096), EOPNOTSUPP);
    CHECK_ERRNO(fallocate(fd, 0, 0x7fffffffffffffff, 10), EFBIG);
    if (!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096)) {
        char c = 1;
        pread(fd, &c, 1, 0);
        CHECK_EQ(c, 0);
    }
    pwrite(fd, "abcd", 4, 4096);
    if (!fallocate(fd, FALLOC_FL_ZERO_RANGE, 4097, 2)) {
        char b[4];
        pread(fd, b, 4, 4096);
        CHECK_MEM(b, "a\0\0d", 4);
    }
    CHECK_EQ(posix_fallocate(fd, 0, 100000), 0);
    fstat(fd, &st);
    CHECK_EQ(st.st_size, 100000);
    close(fd);
    fd = open("f", O_RDONLY);
    CHECK_ERRNO(fallocate(fd, 0, 0, 10), EBADF);
    close(fd);
    int p[2];
    pipe(p);
    CHECK_ERRNO(fallocate(p[1], 0, 0, 10), ESPIPE);
    close(p[0]);
    close(p[1]);
    fd = open(".", O_RDONLY);
    CHECK_ERRNO(fallocate(fd, 0, 0, 10), EBADF);
    close(fd);
}

TEST(copies) {
    int in = make("in", "the quick brown fox"), out = make("out", "");
    char buf[64] = {0};
    loff_t from = 4, to = 2;
    CHECK_EQ(copy_file_range(in, &from, out, &to, 5, 0), 5);
    CHECK(from == 9 && to == 7);
    CHECK_EQ(pread(out, buf, 64, 0), 7);
    CHECK_MEM(buf, "\0\0quick", 7);
    lseek(in, 0, SEEK_SET);
    CHECK_EQ(copy_file_range(in, NULL, out, NULL, 100, 0), 19);
    CHECK_EQ(copy_file_range(in, NULL, out, NULL, 100, 0), 0);
    CHECK_ERRNO(copy_file_range(in, NULL, out, NULL, 10, 1), EINVAL);
    CHECK_ERRNO(copy_file_range(999, NULL, out, NULL, 10, 0), EBADF);
    from = 0;
    to = 3;
    CHECK_ERRNO(copy_file_range(in, &from, in, &to, 10, 0), EINVAL); /* overlap */
    int p[2];
    pipe(p);
    CHECK_ERRNO(copy_file_range(p[0], NULL, out, NULL, 10, 0), EINVAL);
    /* sendfile */
    off_t at = 10;
    CHECK_EQ(sendfile(p[1], in, &at, 100), 9);
    CHECK_EQ(at, 19);
    CHECK_EQ(read(p[0], buf, 64), 9);
    CHECK_MEM(buf, "brown fox", 9);
    lseek(in, 0, SEEK_SET);
    ftruncate(out, 0);
    lseek(out, 0, SEEK_SET);
    CHECK_EQ(sendfile(out, in, NULL, 9), 9);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 9);
    CHECK_ERRNO(sendfile(in, p[0], NULL, 9), EINVAL);
    int app = open("in", O_WRONLY | O_APPEND);
    CHECK_ERRNO(sendfile(app, in, NULL, 9), EINVAL);
    close(app);
    CHECK_ERRNO(sendfile(999, in, NULL, 9), EBADF);
    at = -1;
    CHECK_ERRNO(sendfile(out, in, &at, 9), EINVAL);
    close(in);
    close(out);
    close(p[0]);
    close(p[1]);
}

TEST(splicing) {
    int in = make("sin", "0123456789"), out = make("sout", ""), p[2], q[2];
    char buf[64] = {0};
    pipe(p);
    pipe(q);
    loff_t at = 3;
    CHECK_EQ(splice(in, &at, p[1], NULL, 4, 0), 4);
    CHECK_EQ(at, 7);
    CHECK_EQ(tee(p[0], q[1], 100, 0), 4);
    CHECK_EQ(splice(p[0], NULL, out, NULL, 100, 0), 4);
    CHECK_EQ(pread(out, buf, 64, 0), 4);
    CHECK_MEM(buf, "3456", 4);
    CHECK_EQ(splice(q[0], NULL, p[1], NULL, 2, SPLICE_F_MOVE), 2);
    CHECK_EQ(read(p[0], buf, 64), 2);
    CHECK_EQ(read(q[0], buf, 64), 2);
    CHECK_MEM(buf, "56", 2);
    CHECK_ERRNO(splice(in, NULL, out, NULL, 4, 0), EINVAL);
    CHECK_ERRNO(splice(p[0], &at, out, NULL, 4, 0), ESPIPE);
    CHECK_ERRNO(splice(p[0], NULL, out, NULL, 4, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_ERRNO(splice(p[0], NULL, out, NULL, 4, 0x100), EINVAL);
    CHECK_ERRNO(tee(p[0], out, 4, 0), EINVAL);
    CHECK_ERRNO(tee(p[0], p[1], 4, 0), EINVAL);
    struct iovec v[2] = {{"vm", 2}, {"splice", 6}};
    CHECK_EQ(vmsplice(p[1], v, 2, 0), 8);
    CHECK_EQ(read(p[0], buf, 64), 8);
    CHECK_MEM(buf, "vmsplice", 8);
    write(p[1], "from", 4);
    struct iovec r = {buf + 20, 10};
    CHECK_EQ(vmsplice(p[0], &r, 1, 0), 4);
    CHECK_MEM(buf + 20, "from", 4);
    CHECK_ERRNO(vmsplice(in, v, 1, 0), EBADF);
    for (int i = 0; i < 2; i++) {
        close(p[i]);
        close(q[i]);
    }
    close(in);
    close(out);
}

TEST(edges_of_memory) {
    int fd = make("edge", "");
    char* end = edge();
    memset(end - 10, 'e', 10);
    /* a write takes what is mapped, a read fills what it can */
    CHECK_EQ(write(fd, end - 10, 20), 10);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
    CHECK_ERRNO(write(fd, end, 20), EFAULT);
    CHECK_EQ(pwrite(fd, "0123456789abcdef", 16, 0), 16);
    lseek(fd, 0, SEEK_SET);
    CHECK_EQ(read(fd, end - 6, 16), 6);
    CHECK_MEM(end - 6, "012345", 6);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
    CHECK_ERRNO(read(fd, end, 4), EFAULT);
    int p[2];
    pipe(p);
    long n = write(p[1], end - 10, 20);
    say("pipe write over the edge: %ld %s\n", n, n < 0 ? errno_name(errno) : "");
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    char buf[64];
    n = read(p[0], buf, 64);
    say("left in the pipe: %ld\n", n);
    /* strings may end exactly at the edge */
    strcpy(end - 5, "edge");
    CHECK_EQ(access(end - 5, F_OK), 0);
    memcpy(end - 4, "edge", 4);
    CHECK_ERRNO(access(end - 4, F_OK), EFAULT);
    struct stat st;
    CHECK_EQ(sc(SYS_fstat, fd, end - sizeof(st)), 0);
    CHECK_EQ(sc(SYS_fstat, fd, end - sizeof(st) + 1), -EFAULT);
    close(fd);
    close(p[0]);
    close(p[1]);
}

TEST(whole_file_locks) {
    int a = make("lock", ""), b = open("lock", O_RDWR), c = dup(a);
    CHECK_OK(flock(a, LOCK_EX));
    CHECK_ERRNO(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    CHECK_OK(flock(c, LOCK_EX | LOCK_NB)); /* the same description */
    CHECK_OK(flock(a, LOCK_SH));
    CHECK_OK(flock(b, LOCK_SH | LOCK_NB));
    CHECK_OK(flock(c, LOCK_UN));
    CHECK_OK(flock(b, LOCK_EX | LOCK_NB));
    close(b);
    CHECK_OK(flock(a, LOCK_EX | LOCK_NB));
    CHECK_ERRNO(flock(a, 16), EINVAL);
    CHECK_ERRNO(flock(999, LOCK_EX), EBADF);
    close(a);
    close(c);
}

TEST(record_locks) {
    int a = make("rec", "0123456789"), b = open("rec", O_RDWR);
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 3};
    CHECK_OK(fcntl(a, F_SETLK, &l));
    CHECK_OK(fcntl(b, F_SETLK, &l)); /* one process never conflicts with itself */
    l.l_type = F_RDLCK;
    l.l_start = 0;
    CHECK_OK(fcntl(b, F_GETLK, &l));
    CHECK_EQ(l.l_type, F_UNLCK);
    l = (struct flock){.l_type = F_WRLCK, .l_whence = 9};
    CHECK_ERRNO(fcntl(a, F_SETLK, &l), EINVAL);
    l = (struct flock){.l_type = 9};
    CHECK_ERRNO(fcntl(a, F_SETLK, &l), EINVAL);
    l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = -5};
    CHECK_ERRNO(fcntl(a, F_SETLK, &l), EINVAL);
    int ro = open("rec", O_RDONLY);
    l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK_ERRNO(fcntl(ro, F_SETLK, &l), EBADF);
    CHECK_ERRNO(fcntl(a, F_SETLK, 8), EFAULT);
    l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK_OK(fcntl(b, F_OFD_GETLK, &l)); /* the process's lock, as others see it */
    CHECK_EQ(l.l_type, F_WRLCK);
    CHECK(l.l_start == 2 && l.l_len == 3);
    CHECK_EQ(l.l_pid, getpid());
    /* locks of open file descriptions do conflict */
    l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 20, .l_len = 10};
    CHECK_OK(fcntl(a, F_OFD_SETLK, &l));
    CHECK_ERRNO(fcntl(b, F_OFD_SETLK, &l), EAGAIN);
    l.l_start = 25;
    l.l_len = 0;
    CHECK_OK(fcntl(b, F_OFD_GETLK, &l));
    CHECK_EQ(l.l_type, F_WRLCK);
    CHECK(l.l_start == 20 && l.l_len == 10);
    CHECK_EQ(l.l_pid, -1);
    l = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 22, .l_len = 2};
    CHECK_OK(fcntl(a, F_OFD_SETLK, &l));
    l.l_type = F_WRLCK;
    CHECK_OK(fcntl(b, F_OFD_SETLK, &l));
    l.l_pid = 5;
    CHECK_ERRNO(fcntl(b, F_OFD_SETLK, &l), EINVAL);
    close(a);
    close(b);
    close(ro);
}
