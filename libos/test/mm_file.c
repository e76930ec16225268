/* File mappings shared and private, the end of a file, memfd and seals, brk. */
#include "oracle_mem.h"
#include <sys/stat.h>
#include <sys/uio.h>

#define RW (PROT_READ | PROT_WRITE)

TEST(shared_is_the_file) {
    int fd = temp_file("shared", 2 * PAGE);
    char* p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    NEED(p != MAP_FAILED);
    memcpy(p + 100, "through the map", 15);
    char buf[16] = {0};
    CHECK_EQ(pread(fd, buf, 15, 100), 15);
    CHECK_STR(buf, "through the map");
    CHECK_EQ(pwrite(fd, "through write", 13, PAGE + 7), 13);
    CHECK_MEM(p + PAGE + 7, "through write", 13);
    char* q = mmap(NULL, PAGE, RW, MAP_SHARED, fd, PAGE);
    CHECK_MEM(q + 7, "through", 7);
    q[0] = '!';
    CHECK_EQ(p[PAGE], '!');
    close(fd); /* the map keeps the file */
    p[1] = 1;
    munmap(q, PAGE);
    munmap(p, 2 * PAGE);
    fd = open("shared", O_RDONLY);
    CHECK_EQ(pread(fd, buf, 1, PAGE), 1);
    CHECK_EQ(buf[0], '!');
    close(fd);
}

TEST(private_is_a_copy) {
    int fd = temp_file("private", 2 * PAGE);
    pwrite(fd, "original", 8, 0);
    char* p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
    NEED(p != MAP_FAILED);
    CHECK_MEM(p, "original", 8);
    p[0] = 'O';
    char c = 0;
    pread(fd, &c, 1, 0);
    CHECK_EQ(c, 'o');
    /* a page not yet touched follows the file, a copied one does not */
    pwrite(fd, "later", 5, PAGE);
    CHECK_MEM(p + PAGE, "later", 5);
    pwrite(fd, "XX", 2, 0);
    CHECK_EQ(p[0], 'O');
    CHECK_EQ(p[1], 'r');
    munmap(p, 2 * PAGE);
    close(fd);
}

TEST(end_of_file) {
    int fd = temp_file("eof", PAGE + 100);
    char* p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    NEED(p != MAP_FAILED);
    p[PAGE + 50] = 1;
    CHECK_EQ(p[2 * PAGE - 1], 0); /* the rest of the last page reads as zero */
    p[PAGE + 200] = 5;
    char buf[300];
    CHECK_EQ(pread(fd, buf, 300, PAGE), 100);
    struct fault f = read_fault(p + 2 * PAGE + 9);
    CHECK_EQ(f.signo, SIGBUS);
    CHECK_EQ(f.code, BUS_ADRERR);
    CHECK_EQ(f.addr, p + 2 * PAGE + 9);
    CHECK_EQ(write_fault(p + 3 * PAGE).signo, SIGBUS);
    NEED_OK(ftruncate(fd, 3 * PAGE));
    CHECK_EQ(read_fault(p + 2 * PAGE).signo, 0);
    CHECK_EQ(p[2 * PAGE], 0);
    CHECK_EQ(read_fault(p + 3 * PAGE).signo, SIGBUS);
    p[2 * PAGE] = 7;
    NEED_OK(ftruncate(fd, 10));
    CHECK_EQ(read_fault(p + PAGE).signo, SIGBUS);
    CHECK_EQ(read_fault(p).signo, 0);
    CHECK_EQ(p[10], 0);
    NEED_OK(ftruncate(fd, 3 * PAGE));
    CHECK_EQ(p[2 * PAGE], 0); /* what was cut is gone */
    munmap(p, 4 * PAGE);
    /* a system call that meets the missing page: EFAULT, no signal */
    NEED_OK(ftruncate(fd, 100));
    p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    int pipes[2];
    NEED_OK(pipe(pipes));
    CHECK_ERRNO(write(pipes[1], p + PAGE, 10), EFAULT);
    CHECK_ERRNO(sc(SYS_getcwd, p + PAGE, 100) < 0 ? (errno = EFAULT, -1) : 0, EFAULT);
    munmap(p, 2 * PAGE);
    close(fd);
    close(pipes[0]);
    close(pipes[1]);
}

TEST(offsets_and_maps) {
    int fd = temp_file("offsets", 8 * PAGE);
    char path[4096], cwd[4000];
    snprintf(path, sizeof(path), "%s/offsets", getcwd(cwd, sizeof(cwd)));
    char* p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE);
    NEED(p != MAP_FAILED);
    struct map m;
    struct stat st;
    fstat(fd, &st);
    CHECK(map_of(p, &m));
    CHECK_EQ(m.offset, 2 * PAGE);
    CHECK_EQ(m.inode, st.st_ino);
    CHECK_STR(m.name, path);
    CHECK_STR(m.perms, "r--p");
    /* a split keeps offsets right */
    CHECK_OK(mprotect(p + PAGE, PAGE, RW));
    CHECK(map_of(p + PAGE, &m));
    CHECK_EQ(m.offset, 3 * PAGE);
    CHECK(map_of(p + 2 * PAGE, &m));
    CHECK_EQ(m.offset, 4 * PAGE);
    CHECK_OK(mprotect(p + PAGE, PAGE, PROT_READ));
    unlink("offsets");
    CHECK(map_of(p, &m));
    strcat(path, " (deleted)");
    CHECK_STR(m.name, path);
    CHECK_EQ(sc(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 100), -EINVAL);
    CHECK_EQ(sc(SYS_mmap, 0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, -PAGE), -EOVERFLOW);
    munmap(p, 4 * PAGE);
    close(fd);
}

TEST(memfd) {
    int fd = memfd_create("some name", MFD_CLOEXEC);
    NEED(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
    char link[64], name[64] = {0};
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    CHECK(readlink(link, name, sizeof(name) - 1) > 0);
    CHECK_STR(name, "/memfd:some name (deleted)");
    struct stat st;
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 0);
    CHECK_EQ(st.st_mode & S_IFMT, S_IFREG);
    CHECK_EQ(st.st_nlink, 0);
    CHECK_OK(ftruncate(fd, 3 * PAGE));
    char* p = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
    p[PAGE] = 'm';
    CHECK_EQ(lseek(fd, PAGE, SEEK_SET), PAGE);
    char c = 0;
    CHECK_EQ(read(fd, &c, 1), 1);
    CHECK_EQ(c, 'm');
    struct map m;
    CHECK(map_of(p, &m));
    CHECK_STR(m.name, "/memfd:some name (deleted)");
    /* opened again through /proc: another description of the same file */
    int again = open(link, O_RDWR);
    if (CHECK(again >= 0)) {
        CHECK_EQ(lseek(again, 0, SEEK_CUR), 0);
        CHECK_EQ(pread(again, &c, 1, PAGE), 1);
        CHECK_EQ(c, 'm');
        close(again);
    }
    munmap(p, 3 * PAGE);
    close(fd);
    char longname[300];
    memset(longname, 'n', sizeof(longname));
    longname[249] = 0;
    fd = memfd_create(longname, 0);
    CHECK(fd >= 0);
    close(fd);
    longname[249] = 'n';
    longname[250] = 0;
    CHECK_ERRNO(memfd_create(longname, 0), EINVAL);
    CHECK_ERRNO(memfd_create("x", 0x4000), EINVAL);
    CHECK_ERRNO(memfd_create((char*)1, 0), EFAULT);
}

TEST(seals) {
    int fd = memfd_create("sealed", MFD_ALLOW_SEALING);
    NEED(fd >= 0);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
    NEED_OK(ftruncate(fd, PAGE));
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    CHECK_ERRNO(ftruncate(fd, 0), EPERM);
    CHECK_OK(ftruncate(fd, 2 * PAGE));
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    CHECK_ERRNO(ftruncate(fd, 3 * PAGE), EPERM);
    CHECK_ERRNO(pwrite(fd, "x", 1, 2 * PAGE), EPERM);
    CHECK_ERRNO(fallocate(fd, 0, 0, 4 * PAGE), EPERM);
    CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
    char* p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
    munmap(p, PAGE);
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    CHECK_ERRNO(pwrite(fd, "x", 1, 0), EPERM);
    CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
    CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
    p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED);
    munmap(p, PAGE);
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, 0x4000), EPERM == errno ? EPERM : EINVAL);
    close(fd);
    fd = memfd_create("future", MFD_ALLOW_SEALING);
    ftruncate(fd, PAGE);
    p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    p[0] = 'f';
    CHECK_ERRNO(pwrite(fd, "x", 1, 0), EPERM);
    CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
    munmap(p, PAGE);
    close(fd);
    fd = temp_file("noseal", 0);
    CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EINVAL);
    CHECK_ERRNO(fcntl(fd, F_GET_SEALS), EINVAL);
    close(fd);
}

TEST(program_break) {
    char* now = (char*)sc(SYS_brk, 0);
    CHECK_EQ(sc(SYS_brk, 1), now); /* too low: no change */
    char* up = (char*)sc(SYS_brk, now + 10 * PAGE + 5);
    CHECK_EQ(up, now + 10 * PAGE + 5);
    CHECK_EQ(now[9 * PAGE], 0);
    now[9 * PAGE] = 'b';
    CHECK_EQ(sc(SYS_brk, now + 2 * PAGE), now + 2 * PAGE);
    CHECK_EQ(sc(SYS_brk, now + 10 * PAGE), now + 10 * PAGE);
    CHECK_EQ(now[9 * PAGE], 0); /* given back, fresh again */
    CHECK_EQ(sc(SYS_brk, now), now);
    struct map m;
    void* heap = malloc(10);
    CHECK(map_of(heap, &m));
    CHECK_STR(m.name, "[heap]");
    free(heap);
    CHECK_EQ(sc(SYS_brk, 0x7fffffffffff), now);
    /* a mapping in the way */
    char* top = (char*)(((uintptr_t)now + 2 * PAGE) & -PAGE);
    char* wall =
        mmap(top + 4 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK_EQ(sc(SYS_brk, top + 8 * PAGE), now);
    munmap(wall, PAGE);
}

TEST(between_processes_of_memory) {
    char from[] = "process_vm works on oneself", to[64] = {0};
    struct iovec l = {to, sizeof(from)}, r = {from, sizeof(from)};
    long n = sc(SYS_process_vm_readv, getpid(), &l, 1, &r, 1, 0);
    if (n == -ENOSYS)
        SKIP("no process_vm_readv");
    CHECK_EQ(n, sizeof(from));
    CHECK_STR(to, from);
    r.iov_base = (void*)8;
    CHECK_EQ(sc(SYS_process_vm_readv, getpid(), &l, 1, &r, 1, 0), -EFAULT);
    CHECK_EQ(sc(SYS_process_vm_readv, getpid(), &l, 1, &r, 1, 1), -EINVAL);
}
