/* Attributes: stat, statx, chmod, utimensat, truncate, xattrs, statfs, access. */
#include "oracle.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <utime.h>

static int make(const char* name, const char* text) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    write(fd, text, strlen(text));
    return fd;
}

TEST(stat_fields) {
    struct stat st, fst;
    int fd = make("s", "12345");
    CHECK_OK(stat("s", &st));
    CHECK_OK(fstat(fd, &fst));
    CHECK_MEM(&st, &fst, 8 * 7);
    CHECK_EQ(st.st_size, 5);
    CHECK_EQ(st.st_blksize, 4096);
    CHECK_EQ(st.st_gid, getegid());
    CHECK(st.st_ino != 0);
    CHECK(st.st_blocks <= 8);
    CHECK_ERRNO(stat("none", &st), ENOENT);
    CHECK_ERRNO(stat("s/x", &st), ENOTDIR);
    CHECK_ERRNO(stat("s", (void*)8), EFAULT);
    CHECK_ERRNO(fstat(999, &st), EBADF);
    CHECK_ERRNO(fstatat(AT_FDCWD, "s", &st, 0x4), EINVAL);
    CHECK_OK(stat("/dev/null", &st));
    CHECK(S_ISCHR(st.st_mode));
    CHECK_EQ(st.st_rdev, makedev(1, 3));
    CHECK_OK(stat("/", &st));
    CHECK(S_ISDIR(st.st_mode));
    CHECK_EQ(fstatat(fd, "", &st, AT_EMPTY_PATH), 0);
    CHECK_EQ(st.st_size, 5);
    close(fd);
}

TEST(statx_call) {
    struct statx x;
    int fd = make("sx", "123");
    CHECK_EQ(sc(SYS_statx, AT_FDCWD, "sx", 0, STATX_BASIC_STATS, &x), 0);
    CHECK_EQ(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
    CHECK_EQ(x.stx_size, 3);
    CHECK_EQ(x.stx_mode, S_IFREG | 0644);
    struct stat st;
    stat("sx", &st);
    CHECK_EQ(makedev(x.stx_dev_major, x.stx_dev_minor), st.st_dev);
    CHECK_EQ(x.stx_ino, st.st_ino);
    CHECK_EQ(x.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
    CHECK_EQ(sc(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_SIZE, &x), 0);
    CHECK_EQ(x.stx_size, 3);
    CHECK_EQ(sc(SYS_statx, AT_FDCWD, "sx", 0x1, STATX_SIZE, &x), -EINVAL);
    CHECK_EQ(
        sc(SYS_statx, AT_FDCWD, "sx", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_SIZE, &x),
        -EINVAL);
    CHECK_EQ(sc(SYS_statx, AT_FDCWD, "sx", 0, 0x80000000, &x), -EINVAL);
    CHECK_EQ(sc(SYS_statx, AT_FDCWD, "none", 0, STATX_SIZE, &x), -ENOENT);
    CHECK_EQ(sc(SYS_statx, AT_FDCWD, "sx", 0, STATX_SIZE, 8), -EFAULT);
    symlink("sx", "sxl");
    CHECK_EQ(sc(SYS_statx, AT_FDCWD, "sxl", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x), 0);
    CHECK_EQ(x.stx_mode & S_IFMT, S_IFLNK);
    close(fd);
}

TEST(modes) {
    struct stat st;
    int fd = make("m", "");
    CHECK_OK(chmod("m", 0751));
    stat("m", &st);
    CHECK_EQ(st.st_mode & 07777, 0751);
    CHECK_OK(fchmod(fd, 04755));
    stat("m", &st);
    CHECK_EQ(st.st_mode & 07777, 04755);
    CHECK_OK(fchmodat(AT_FDCWD, "m", 0600, 0));
    stat("m", &st);
    CHECK_EQ(st.st_mode, S_IFREG | 0600);
    CHECK_ERRNO(chmod("none", 0600), ENOENT);
    CHECK_ERRNO(fchmod(999, 0600), EBADF);
    CHECK_EQ(sc(SYS_fchmodat, AT_FDCWD, "m", 0640), 0);
    mode_t old = umask(0777);
    CHECK_EQ(umask(022), 0777);
    CHECK_EQ(umask(01777), 022); /* only permission bits are kept */
    CHECK_EQ(umask(old), 0777);
    CHECK_OK(chown("m", -1, -1));
    CHECK_OK(chown("m", geteuid(), getegid()));
    CHECK_OK(fchown(fd, -1, getegid()));
    CHECK_OK(lchown("m", geteuid(), -1));
    CHECK_ERRNO(fchownat(AT_FDCWD, "m", 0, 0, 0x8), EINVAL);
    if (geteuid())
        CHECK_ERRNO(chown("m", 0, 0), EPERM);
    else {
        CHECK_OK(chown("m", 12, 34));
        stat("m", &st);
        CHECK(st.st_uid == 12 && st.st_gid == 34);
    }
    close(fd);
}

TEST(times) {
    struct stat st;
    int fd = make("t", "x");
    struct timespec ts[2] = {{1000, 123456789}, {2000, 987654321}};
    CHECK_OK(utimensat(AT_FDCWD, "t", ts, 0));
    stat("t", &st);
    CHECK(st.st_atim.tv_sec == 1000 && st.st_atim.tv_nsec == 123456789);
    CHECK(st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 987654321);
    ts[0].tv_nsec = UTIME_OMIT;
    ts[1].tv_sec = -5;
    ts[1].tv_nsec = 1;
    CHECK_OK(futimens(fd, ts));
    stat("t", &st);
    CHECK_EQ(st.st_atim.tv_sec, 1000);
    CHECK_EQ(st.st_mtim.tv_sec, -5);
    ts[1].tv_nsec = UTIME_NOW;
    CHECK_OK(utimensat(AT_FDCWD, "t", ts, 0));
    stat("t", &st);
    CHECK(st.st_mtim.tv_sec > 1700000000);
    CHECK_EQ(st.st_atim.tv_sec, 1000);
    ts[1].tv_nsec = 2000000000;
    CHECK_ERRNO(utimensat(AT_FDCWD, "t", ts, 0), EINVAL);
    CHECK_ERRNO(utimensat(AT_FDCWD, "none", NULL, 0), ENOENT);
    CHECK_OK(utimensat(AT_FDCWD, "t", NULL, 0));
    stat("t", &st);
    CHECK(st.st_atim.tv_sec > 1700000000);
    symlink("t", "tl");
    ts[0] = ts[1] = (struct timespec){77, 0};
    CHECK_OK(utimensat(AT_FDCWD, "tl", ts, AT_SYMLINK_NOFOLLOW));
    lstat("tl", &st);
    CHECK_EQ(st.st_mtim.tv_sec, 77);
    stat("t", &st);
    CHECK(st.st_mtim.tv_sec != 77);
    struct timeval tv[2] = {{11, 22}, {33, 44}};
    CHECK_OK(utimes("t", tv));
    stat("t", &st);
    CHECK_EQ(st.st_mtim.tv_nsec, 44000);
    struct utimbuf ub = {5, 6};
    CHECK_OK(utime("t", &ub));
    stat("t", &st);
    CHECK(st.st_atim.tv_sec == 5 && st.st_mtim.tv_sec == 6);
    /* writing moves mtime and ctime, chmod only ctime */
    struct timespec before = st.st_ctim;
    usleep(10000);
    write(fd, "y", 1);
    stat("t", &st);
    CHECK(st.st_mtim.tv_sec > 6);
    CHECK(st.st_ctim.tv_sec > before.tv_sec || st.st_ctim.tv_nsec >= before.tv_nsec);
    close(fd);
}

TEST(truncation) {
    struct stat st;
    int fd = make("tr", "0123456789");
    CHECK_OK(truncate("tr", 4));
    fstat(fd, &st);
    CHECK_EQ(st.st_size, 4);
    CHECK_OK(ftruncate(fd, 10));
    char buf[10];
    CHECK_EQ(pread(fd, buf, 10, 0), 10);
    CHECK_MEM(buf, "0123\0\0\0\0\0\0", 10);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10); /* the offset stays */
    CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
    CHECK_ERRNO(truncate("none", 1), ENOENT);
    CHECK_ERRNO(truncate(".", 1), EISDIR);
    CHECK_OK(ftruncate(fd, 1L << 33));
    fstat(fd, &st);
    CHECK_EQ(st.st_size, 1L << 33);
    CHECK(st.st_blocks < 1000);
    close(fd);
    fd = open("tr", O_RDONLY);
    CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
    close(fd);
    int p[2];
    pipe(p);
    CHECK_ERRNO(ftruncate(p[1], 0), EINVAL);
    close(p[0]);
    close(p[1]);
    CHECK_ERRNO(ftruncate(999, 0), EBADF);
}

TEST(extended_attributes) {
    int fd = make("xa", "");
    char buf[256];
    if (setxattr("xa", "user.test", "value", 5, 0) && errno == EOPNOTSUPP)
        SKIP("the file system has no user attributes");
    CHECK_EQ(getxattr("xa", "user.test", buf, sizeof(buf)), 5);
    CHECK_MEM(buf, "value", 5);
    CHECK_EQ(getxattr("xa", "user.test", NULL, 0), 5);
    CHECK_ERRNO(getxattr("xa", "user.test", buf, 2), ERANGE);
    CHECK_ERRNO(getxattr("xa", "user.none", buf, 2), ENODATA);
    CHECK_ERRNO(setxattr("xa", "user.test", "v", 1, XATTR_CREATE), EEXIST);
    CHECK_ERRNO(setxattr("xa", "user.other", "v", 1, XATTR_REPLACE), ENODATA);
    CHECK_OK(fsetxattr(fd, "user.second", "2", 1, XATTR_CREATE));
    ssize_t n = CHECK_OK(listxattr("xa", buf, sizeof(buf)));
    int seen = 0;
    for (char* p = buf; p < buf + n; p += strlen(p) + 1)
        seen += !strcmp(p, "user.test") + !strcmp(p, "user.second");
    CHECK_EQ(seen, 2);
    CHECK_EQ(flistxattr(fd, NULL, 0), n);
    CHECK_OK(fremovexattr(fd, "user.second"));
    CHECK_ERRNO(removexattr("xa", "user.second"), ENODATA);
    CHECK_ERRNO(setxattr("xa", "nonsense", "v", 1, 0), EOPNOTSUPP);
    CHECK_ERRNO(setxattr("xa", "user.test", "v", 1, 8), EINVAL);
    CHECK_ERRNO(setxattr("none", "user.test", "v", 1, 0), ENOENT);
    CHECK_ERRNO(setxattr("xa", "", "v", 1, 0), ERANGE);
    CHECK_ERRNO(fgetxattr(999, "user.test", buf, 1), EBADF);
    symlink("xa", "xal");
    CHECK_EQ(getxattr("xal", "user.test", buf, sizeof(buf)), 5);
    CHECK_ERRNO(lgetxattr("xal", "user.test", buf, sizeof(buf)),
                geteuid() ? errno : errno); /* EPERM or ENODATA by file system */
    close(fd);
}

TEST(filesystems) {
    struct statfs a, b;
    int fd = make("sf", "");
    CHECK_OK(statfs(".", &a));
    CHECK_OK(fstatfs(fd, &b));
    CHECK_EQ(a.f_type, b.f_type);
    CHECK_EQ(a.f_namelen, 255);
    CHECK(a.f_bsize > 0 && a.f_blocks >= a.f_bfree);
    CHECK_ERRNO(statfs("none", &a), ENOENT);
    CHECK_ERRNO(fstatfs(999, &a), EBADF);
    CHECK_ERRNO(statfs(".", (void*)8), EFAULT);
    CHECK_OK(statfs("/proc", &a));
    CHECK_EQ(a.f_type, 0x9fa0);
    CHECK_OK(fsync(fd));
    CHECK_OK(fdatasync(fd));
    CHECK_OK(syncfs(fd));
    CHECK_OK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
    CHECK_ERRNO(sync_file_range(fd, 0, 0, 0x100), EINVAL);
    CHECK_ERRNO(fsync(999), EBADF);
    CHECK_OK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    CHECK_EQ(posix_fadvise(fd, 0, 0, 99), EINVAL);
    CHECK_OK(readahead(fd, 0, 4096));
    int p[2];
    pipe(p);
    CHECK_ERRNO(fsync(p[0]), EINVAL);
    CHECK_EQ(posix_fadvise(p[0], 0, 0, 0), ESPIPE);
    close(p[0]);
    close(p[1]);
    close(fd);
}
