/* Descriptors: dup, fcntl, close_range, the limit, lowest free number, /dev and /dev/fd. */
#include "oracle.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

TEST(duplicates) {
    int fd = NEED_OK(open("/dev/null", O_RDWR));
    int low = fd;
    int d = CHECK_OK(dup(fd));
    CHECK_EQ(d, low + 1);
    CHECK_EQ(dup2(fd, 50), 50);
    CHECK_EQ(dup2(fd, fd), fd);
    CHECK_EQ(dup3(fd, 51, O_CLOEXEC), 51);
    CHECK_EQ(fcntl(51, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(50, F_GETFD), 0);
    CHECK_ERRNO(dup3(fd, fd, 0), EINVAL);
    CHECK_ERRNO(dup3(fd, 52, 1), EINVAL);
    CHECK_ERRNO(dup(999), EBADF);
    CHECK_ERRNO(dup2(999, 3), EBADF);
    CHECK_ERRNO(dup2(fd, -1), EBADF);
    CHECK_ERRNO(dup2(fd, 1 << 30), EBADF);
    CHECK_EQ(fcntl(fd, F_DUPFD, 60), 60);
    CHECK_EQ(fcntl(fd, F_DUPFD, 60), 61);
    CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 60), 62);
    CHECK_EQ(fcntl(62, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
    CHECK_OK(close(60));
    CHECK_EQ(fcntl(fd, F_DUPFD, 60), 60);
    close(d);
    CHECK_EQ(open("/dev/null", O_RDONLY), d); /* the lowest free one */
    CHECK_ERRNO(close(999), EBADF);
    CHECK_ERRNO(close(-1), EBADF);
    CHECK_EQ(sc(SYS_close_range, 50, 70, 0), 0);
    CHECK_ERRNO(fcntl(50, F_GETFD), EBADF);
    CHECK_ERRNO(fcntl(62, F_GETFD), EBADF);
    CHECK_EQ(dup2(fd, 40), 40);
    CHECK_EQ(sc(SYS_close_range, 40, ~0U, CLOSE_RANGE_CLOEXEC), 0);
    CHECK_EQ(fcntl(40, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(sc(SYS_close_range, 5, 4, 0), -EINVAL);
    CHECK_EQ(sc(SYS_close_range, 5, 6, 0x100), -EINVAL);
    close(40);
    close(d);
    close(fd);
}

TEST(flags) {
    int fd = NEED_OK(open("flags", O_RDWR | O_CREAT, 0600)), d = dup(fd);
    CHECK_EQ(fcntl(fd, F_GETFL) & ~O_LARGEFILE & 0x7fff, O_RDWR);
    CHECK_OK(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_WRONLY | O_CREAT));
    CHECK_EQ(fcntl(d, F_GETFL) & 07777, O_RDWR | O_APPEND | O_NONBLOCK);
    CHECK_OK(fcntl(fd, F_SETFD, FD_CLOEXEC));
    CHECK_EQ(fcntl(d, F_GETFD), 0);
    CHECK_ERRNO(fcntl(fd, 9999, 0), EINVAL);
    CHECK_ERRNO(fcntl(999, F_GETFL), EBADF);
    CHECK_OK(fcntl(fd, F_SETOWN, getpid()));
    CHECK_EQ(fcntl(fd, F_GETOWN), getpid());
    CHECK_EQ(fcntl(fd, F_SETSIG, 0), 0);
    CHECK_EQ(fcntl(fd, F_GETSIG), 0);
    int off = 0;
    CHECK_OK(ioctl(fd, FIONBIO, &off));
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    CHECK_OK(ioctl(fd, FIONCLEX));
    CHECK_EQ(fcntl(fd, F_GETFD), 0);
    CHECK_OK(ioctl(fd, FIOCLEX));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    write(fd, "12345", 5);
    lseek(fd, 2, SEEK_SET);
    int n = -1;
    CHECK_OK(ioctl(fd, FIONREAD, &n));
    CHECK_EQ(n, 3);
    CHECK_ERRNO(ioctl(fd, TCGETS, &n), ENOTTY);
    CHECK_ERRNO(ioctl(fd, 0x12345678, &n), ENOTTY);
    CHECK_ERRNO(ioctl(999, FIONREAD, &n), EBADF);
    CHECK_ERRNO(ioctl(fd, FIONBIO, 8), EFAULT);
    close(fd);
    close(d);
}

TEST(limit) {
    struct rlimit old, small;
    getrlimit(RLIMIT_NOFILE, &old);
    small = old;
    small.rlim_cur = 20;
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &small));
    int fds[32], n = 0;
    while (n < 32 && (fds[n] = open("/dev/null", O_RDONLY)) >= 0)
        n++;
    CHECK_EQ(errno, EMFILE);
    CHECK_EQ(n > 0 ? fds[n - 1] : 0, 19);
    int p[2];
    CHECK_ERRNO(pipe(p), EMFILE);
    CHECK_ERRNO(dup(0), EMFILE);
    CHECK_ERRNO(dup2(0, 20), EBADF);
    CHECK_ERRNO(fcntl(0, F_DUPFD, 20), EINVAL);
    close(fds[0]);
    CHECK_ERRNO(pipe(p), EMFILE);
    CHECK_EQ(dup(1), fds[0]); /* nothing was left open by the failed pipe */
    setrlimit(RLIMIT_NOFILE, &old);
    for (int i = 0; i < n; i++)
        close(fds[i]);
    /* thousands at once */
    static int many[3000];
    if (old.rlim_cur > 3100) {
        for (int i = 0; i < 3000; i++)
            if ((many[i] = open("/dev/null", O_RDONLY)) < 0)
                CHECK_EQ(i, -1);
        for (int i = 0; i < 3000; i++)
            close(many[i]);
    }
}

TEST(dev_files) {
    char buf[4096];
    memset(buf, 1, sizeof(buf));
    int fd = NEED_OK(open("/dev/null", O_RDWR));
    CHECK_EQ(read(fd, buf, 10), 0);
    CHECK_EQ(write(fd, buf, 4096), 4096);
    CHECK_EQ(lseek(fd, 5, SEEK_SET), 0);
    close(fd);
    fd = NEED_OK(open("/dev/zero", O_RDWR));
    CHECK_EQ(read(fd, buf, 4096), 4096);
    CHECK(buf[0] == 0 && buf[4095] == 0);
    CHECK_EQ(write(fd, buf, 10), 10);
    close(fd);
    fd = NEED_OK(open("/dev/full", O_RDWR));
    buf[0] = 1;
    CHECK_EQ(read(fd, buf, 10), 10);
    CHECK_EQ(buf[0], 0);
    CHECK_ERRNO(write(fd, buf, 10), ENOSPC);
    close(fd);
    static const char* const randoms[] = {"/dev/urandom", "/dev/random"};
    for (int i = 0; i < 2; i++) {
        fd = NEED_OK(open(randoms[i], O_RDONLY));
        unsigned long a[4] = {0}, b[4] = {0};
        CHECK_EQ(read(fd, a, 32), 32);
        CHECK_EQ(read(fd, b, 32), 32);
        CHECK(memcmp(a, b, 32) && a[0] && b[0]);
        close(fd);
    }
    unsigned long r = 0;
    CHECK_EQ(sc(SYS_getrandom, &r, 8, 0), 8);
    CHECK(r != 0);
    CHECK_EQ(sc(SYS_getrandom, &r, 8, 3), 8); /* GRND_NONBLOCK | GRND_RANDOM */
    CHECK_EQ(sc(SYS_getrandom, &r, 8, 6), -EINVAL);
    CHECK_EQ(sc(SYS_getrandom, &r, 8, 8), -EINVAL);
    CHECK_EQ(sc(SYS_getrandom, 8, 8, 0), -EFAULT);
    CHECK_EQ(sc(SYS_getrandom, &r, 0, 0), 0);
    static const struct {
        const char* name;
        int major, minor;
    } devs[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};
    for (int i = 0; i < 6; i++) {
        struct stat st;
        CHECK_OK(stat(devs[i].name, &st));
        CHECK(S_ISCHR(st.st_mode));
        CHECK_EQ(st.st_rdev, makedev(devs[i].major, devs[i].minor));
    }
    struct stat st;
    CHECK_OK(stat("/dev/shm", &st));
    CHECK_EQ(st.st_mode, S_IFDIR | 01777);
    CHECK_ERRNO(open("/dev/nonesuch", O_RDONLY), ENOENT);
}

TEST(dev_fd) {
    int p[2];
    NEED_OK(pipe(p));
    char name[64], buf[16] = {0};
    sprintf(name, "/dev/fd/%d", p[0]);
    int fd = CHECK_OK(open(name, O_RDONLY));
    CHECK_EQ(write(p[1], "via", 3), 3);
    CHECK_EQ(read(fd, buf, 16), 3);
    CHECK_STR(buf, "via");
    close(fd);
    CHECK_OK(symlink("somewhere", "/dev/fd/3") == -1 ? 0 : -1);
    char link[64] = {0};
    CHECK(readlink("/dev/stdin", link, 63) > 0);
    CHECK_STR(link, "/proc/self/fd/0");
    memset(link, 0, 64);
    CHECK(readlink("/dev/fd", link, 63) > 0);
    CHECK_STR(link, "/proc/self/fd");
    sprintf(name, "/proc/self/fd/%d", p[0]);
    memset(link, 0, 64);
    CHECK(readlink(name, link, 63) > 0);
    CHECK(!strncmp(link, "pipe:[", 6));
    DIR* d = opendir("/proc/self/fd");
    int seen = 0;
    struct dirent* e;
    while (d && (e = readdir(d)))
        seen += atoi(e->d_name) == p[0] || atoi(e->d_name) == p[1];
    CHECK_EQ(seen, 2);
    closedir(d);
    close(p[0]);
    close(p[1]);
    CHECK_ERRNO(open(name, O_RDONLY), ENOENT);
    /* a file opened anew has an offset of its own, and /dev/stdout is what stdout is */
    fd = open("again", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(fd, "0123", 4);
    sprintf(name, "/dev/fd/%d", fd);
    int second = CHECK_OK(open(name, O_RDONLY));
    CHECK_EQ(lseek(second, 0, SEEK_CUR), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
    CHECK_ERRNO(write(second, "x", 1), EBADF);
    close(second);
    close(fd);
}

TEST(devices_lead_nowhere) {
    static const char* const names[] = {"/dev/null",    "/dev/zero", "/dev/full",
                                        "/dev/urandom", "/dev/ptmx", "/proc/self/maps",
                                        "/proc/version"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int fd = open(names[i], O_RDONLY | O_NOCTTY);
        struct stat st;
        CHECK_ERRNO(openat(fd, "x", O_RDONLY), ENOTDIR);
        CHECK_ERRNO(fstatat(fd, "x", &st, 0), ENOTDIR);
        CHECK_ERRNO(fstatat(fd, ".", &st, 0), ENOTDIR);
        CHECK_ERRNO(mkdirat(fd, "x", 0755), ENOTDIR);
        CHECK_ERRNO(unlinkat(fd, "x", 0), ENOTDIR);
        CHECK_ERRNO(readlinkat(fd, "x", (char*)&st, 10), ENOTDIR);
        CHECK_OK(fstatat(fd, "", &st, AT_EMPTY_PATH));
        CHECK_ERRNO(fchdir(fd), ENOTDIR);
        close(fd);
    }
}

TEST(shared_memory_directory) {
    char name[64];
    sprintf(name, "/dev/shm/culm-oracle-%d", getpid());
    int fd = CHECK_OK(open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
    CHECK_EQ(write(fd, "shm", 3), 3);
    CHECK_OK(ftruncate(fd, 8192));
    CHECK_OK(unlink(name));
    close(fd);
}

TEST(no_terminal) {
    /* the runner gives no controlling terminal */
    if (isatty(0))
        SKIP("run from a terminal");
    CHECK_ERRNO(isatty(1) ? 0 : ioctl(1, TCGETS, &(struct termios){0}), ENOTTY);
    int fd = open("/dev/tty", O_RDWR);
    say("/dev/tty: %s\n", fd < 0 ? errno_name(errno) : "opened");
    if (fd >= 0)
        close(fd);
}

TEST(pseudo_terminals) {
    int m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    if (m < 0)
        SKIP("no /dev/ptmx here");
    int n = -1, zero = 0;
    CHECK_OK(ioctl(m, TIOCGPTN, &n));
    CHECK_OK(ioctl(m, TIOCSPTLCK, &zero));
    char name[64];
    sprintf(name, "/dev/pts/%d", n);
    int s = open(name, O_RDWR | O_NOCTTY);
    if (s < 0 && errno == EACCES) {
        close(m);
        SKIP("pts is closed to this user");
    }
    NEED(s >= 0);
    struct termios t;
    CHECK_OK(tcgetattr(s, &t));
    CHECK(t.c_lflag & ICANON);
    char buf[64] = {0};
    CHECK_EQ(write(m, "line\n", 5), 5);
    CHECK_EQ(read(s, buf, 64), 5);
    CHECK_STR(buf, "line\n");
    CHECK_EQ(read(m, buf, 64), 6); /* the echo */
    t.c_lflag &= ~(ICANON | ECHO);
    CHECK_OK(tcsetattr(s, TCSANOW, &t));
    CHECK_EQ(write(m, "x", 1), 1);
    CHECK_EQ(read(s, buf, 64), 1);
    struct winsize w = {.ws_row = 33, .ws_col = 99}, got = {0};
    CHECK_OK(ioctl(m, TIOCSWINSZ, &w));
    CHECK_OK(ioctl(s, TIOCGWINSZ, &got));
    CHECK(got.ws_row == 33 && got.ws_col == 99);
    CHECK_EQ(isatty(s), 1);
    CHECK_EQ(write(s, "out\n", 4), 4);
    CHECK_EQ(read(m, buf, 64), 5);
    CHECK_MEM(buf, "out\r\n", 5);
    close(s);
    CHECK_ERRNO(read(m, buf, 64), EIO);
    close(m);
}
