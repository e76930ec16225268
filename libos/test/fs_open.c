/* open, openat, openat2, creat: flags, modes, path errors, symbolic links on the way. */
#include "oracle.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void put(const char* name, const char* text) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        say("put %s: %s\n", name, errno_name(errno));
    close(fd);
}
static const char* get(const char* name) {
    static char buf[256];
    memset(buf, 0, sizeof(buf));
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        return errno_name(errno);
    read(fd, buf, sizeof(buf) - 1);
    close(fd);
    return buf;
}

TEST(create_flags) {
    int fd = NEED_OK(open("new", O_RDWR | O_CREAT | O_EXCL, 0640));
    CHECK_EQ(write(fd, "hello", 5), 5);
    close(fd);
    CHECK_ERRNO(open("new", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
    fd = CHECK_OK(open("new", O_RDWR | O_CREAT, 0777));
    struct stat st;
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 5);
    CHECK_EQ(st.st_mode, S_IFREG | 0640);
    CHECK_EQ(st.st_nlink, 1);
    CHECK_EQ(st.st_uid, geteuid());
    close(fd);
    fd = CHECK_OK(open("new", O_WRONLY | O_TRUNC));
    fstat(fd, &st);
    CHECK_EQ(st.st_size, 0);
    char c;
    CHECK_ERRNO(read(fd, &c, 1), EBADF);
    close(fd);
    fd = CHECK_OK(open("new", O_RDONLY));
    CHECK_ERRNO(write(fd, "x", 1), EBADF);
    CHECK_EQ(read(fd, &c, 1), 0);
    close(fd);
    mode_t old = umask(027);
    fd = CHECK_OK(creat("masked", 0777));
    fstat(fd, &st);
    CHECK_EQ(st.st_mode & 07777, 0750);
    close(fd);
    CHECK_EQ(umask(old), 027);
    fd = CHECK_OK(open("new", 3)); /* access mode 3: neither read nor write */
    CHECK_ERRNO(read(fd, &c, 1), EBADF);
    CHECK_ERRNO(write(fd, "x", 1), EBADF);
    CHECK_OK(fstat(fd, &st));
    close(fd);
}

TEST(path_errors) {
    put("file", "x");
    mkdir("dir", 0755);
    char longname[5000];
    memset(longname, 'n', sizeof(longname));
    longname[256] = 0;
    CHECK_ERRNO(open(longname, O_RDONLY), ENAMETOOLONG);
    CHECK_ERRNO(open(longname, O_RDWR | O_CREAT, 0600), ENAMETOOLONG);
    longname[255] = 0;
    CHECK_ERRNO(open(longname, O_RDONLY), ENOENT);
    int fd = CHECK_OK(open(longname, O_RDWR | O_CREAT, 0600));
    close(fd);
    CHECK_OK(unlink(longname));
    for (int i = 0; i < 4096; i++)
        longname[i] = i % 2 ? '/' : '.';
    longname[4095] = 0;
    CHECK_OK(close(open(longname, O_RDONLY | O_DIRECTORY)));
    longname[4095] = '.';
    longname[4096] = 0;
    CHECK_ERRNO(open(longname, O_RDONLY), ENAMETOOLONG);
    CHECK_ERRNO(open("", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("", O_RDWR | O_CREAT, 0600), ENOENT);
    CHECK_ERRNO(open("none/file", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("file/x", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("file/", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("file/.", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("file/..", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("none/..", O_RDONLY), ENOENT);
    CHECK_ERRNO(open("new/", O_RDWR | O_CREAT, 0600), EISDIR);
    CHECK_ERRNO(open("newdir/", O_RDWR | O_CREAT, 0600), EISDIR);
    CHECK_ERRNO(open("dir", O_WRONLY), EISDIR);
    CHECK_ERRNO(open("dir", O_RDWR), EISDIR);
    CHECK_ERRNO(open("dir", O_RDONLY | O_CREAT, 0600), EISDIR);
    CHECK_ERRNO(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_OK(close(open("dir/", O_RDONLY)));
    CHECK_OK(close(open("./dir/../file", O_RDONLY)));
    CHECK_OK(close(open("dir//..//dir/.//../file", O_RDONLY)));
    CHECK_OK(close(open("/../../..", O_RDONLY)));
    CHECK_ERRNO(open((char*)1, O_RDONLY), EFAULT);
    CHECK_ERRNO(openat(9999, "file", O_RDONLY), EBADF);
    fd = open("file", O_RDONLY);
    CHECK_ERRNO(openat(fd, "x", O_RDONLY), ENOTDIR);
    CHECK_OK(close(openat(9999, "/", O_RDONLY)));
    close(fd);
    char name[16];
    memset(name, 0, sizeof(name));
    CHECK_ERRNO(open("/dev/null/x", O_RDONLY), ENOTDIR);
}

TEST(directory_descriptor) {
    mkdir("base", 0755);
    put("base/inside", "in");
    int d = NEED_OK(open("base", O_RDONLY | O_DIRECTORY));
    int fd = CHECK_OK(openat(d, "inside", O_RDONLY));
    close(fd);
    CHECK_ERRNO(openat(d, "outside", O_RDONLY), ENOENT);
    fd = CHECK_OK(openat(d, "made", O_RDWR | O_CREAT, 0600));
    close(fd);
    CHECK_EQ(access("base/made", F_OK), 0);
    CHECK_OK(rename("base", "moved")); /* the descriptor follows */
    CHECK_OK(close(openat(d, "inside", O_RDONLY)));
    CHECK_OK(close(openat(d, "../moved/inside", O_RDONLY)));
    char c;
    CHECK_ERRNO(read(d, &c, 1), EISDIR);
    CHECK_ERRNO(write(d, &c, 1), EBADF);
    CHECK_OK(fchdir(d));
    CHECK_OK(close(open("inside", O_RDONLY)));
    CHECK_OK(chdir(".."));
    CHECK_OK(faccessat(d, "inside", R_OK, 0));
    struct stat st;
    CHECK_OK(fstatat(d, "", &st, AT_EMPTY_PATH));
    CHECK(S_ISDIR(st.st_mode));
    CHECK_ERRNO(fstatat(d, "", &st, 0), ENOENT);
    close(d);
}

TEST(symlinks) {
    put("target", "data");
    mkdir("sub", 0755);
    CHECK_OK(symlink("target", "link"));
    CHECK_OK(symlink("../target", "sub/up"));
    CHECK_OK(symlink("sub", "dirlink"));
    CHECK_OK(symlink("missing", "dangling"));
    CHECK_OK(symlink("loop2", "loop1"));
    CHECK_OK(symlink("loop1", "loop2"));
    CHECK_STR(get("link"), "data");
    CHECK_STR(get("sub/up"), "data");
    CHECK_STR(get("dirlink/up"), "data");
    CHECK_STR(get("dirlink/../target"), "data");
    CHECK_STR(get("dangling"), "ENOENT");
    CHECK_STR(get("loop1"), "ELOOP");
    CHECK_STR(get("loop1/x"), "ELOOP");
    CHECK_STR(get("link/x"), "ENOTDIR");
    CHECK_STR(get("link/"), "ENOTDIR");
    CHECK_ERRNO(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_OK(close(open("dirlink/up", O_RDONLY)));
    CHECK_ERRNO(open("dirlink/up", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERRNO(open("dirlink", O_RDONLY | O_DIRECTORY | O_NOFOLLOW), ENOTDIR);
    CHECK_OK(close(open("dirlink/", O_RDONLY | O_NOFOLLOW | O_DIRECTORY)));
    CHECK_ERRNO(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    int fd = CHECK_OK(open("dangling", O_RDWR | O_CREAT, 0600)); /* makes the target */
    close(fd);
    CHECK_EQ(access("missing", F_OK), 0);
    /* forty in a chain are too many */
    char from[16], to[16] = "target";
    for (int i = 0; i < 45; i++) {
        sprintf(from, "c%d", i);
        symlink(to, from);
        strcpy(to, from);
    }
    CHECK_STR(get("c39"), "data");
    CHECK_STR(get("c40"), "ELOOP");
    char buf[16];
    memset(buf, '#', sizeof(buf));
    CHECK_EQ(readlink("link", buf, 16), 6);
    CHECK_MEM(buf, "target#", 7);
    CHECK_EQ(readlink("link", buf, 3), 3);
    CHECK_ERRNO(readlink("target", buf, 16), EINVAL);
    CHECK_ERRNO(readlink("none", buf, 16), ENOENT);
    CHECK_ERRNO(readlink("link", buf, 0), EINVAL);
    CHECK_ERRNO(readlink("link", (char*)8, 16), EFAULT);
    CHECK_ERRNO(symlink("x", "link"), EEXIST);
    CHECK_ERRNO(symlink("", "empty"), ENOENT);
    CHECK_ERRNO(symlink("x", "none/link"), ENOENT);
    CHECK_ERRNO(symlink("x", "slash/"), ENOENT);
    struct stat st;
    CHECK_OK(lstat("link", &st));
    CHECK(S_ISLNK(st.st_mode));
    CHECK_EQ(st.st_size, 6);
    CHECK_EQ(st.st_mode & 0777, 0777);
    CHECK_OK(stat("link", &st));
    CHECK(S_ISREG(st.st_mode));
    /* absolute links */
    char cwd[4096], abs[4200];
    snprintf(abs, sizeof(abs), "%s/target", getcwd(cwd, sizeof(cwd)));
    CHECK_OK(symlink(abs, "abs"));
    CHECK_STR(get("abs"), "data");
    CHECK_OK(unlink("link"));
    CHECK_STR(get("target"), "data");
}

TEST(path_descriptors) {
    put("pathfile", "text");
    int fd = NEED_OK(open("pathfile", O_PATH));
    char c;
    CHECK_ERRNO(read(fd, &c, 1), EBADF);
    CHECK_ERRNO(fchmod(fd, 0600), EBADF);
    CHECK_ERRNO(ftruncate(fd, 0), EBADF);
    struct stat st;
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 4);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
    char name[64];
    sprintf(name, "/proc/self/fd/%d", fd);
    CHECK_STR(get(name), "text"); /* opens it anew */
    close(fd);
    symlink("pathfile", "pathlink");
    fd = CHECK_OK(open("pathlink", O_PATH | O_NOFOLLOW));
    CHECK_OK(fstat(fd, &st));
    CHECK(S_ISLNK(st.st_mode));
    char buf[32] = {0};
    CHECK_EQ(readlinkat(fd, "", buf, 32), 8);
    CHECK_STR(buf, "pathfile");
    close(fd);
    fd = CHECK_OK(open(".", O_PATH | O_DIRECTORY));
    CHECK_OK(close(openat(fd, "pathfile", O_RDONLY)));
    CHECK_OK(fchdir(fd));
    close(fd);
}

TEST(tmpfile_flag) {
    int fd = open(".", O_TMPFILE | O_RDWR, 0640);
    if (fd < 0 && errno == EOPNOTSUPP)
        SKIP("the file system has no O_TMPFILE");
    NEED(fd >= 0);
    struct stat st;
    fstat(fd, &st);
    CHECK_EQ(st.st_nlink, 0);
    CHECK_EQ(st.st_mode, S_IFREG | 0640);
    CHECK_EQ(write(fd, "anon", 4), 4);
    char name[64];
    sprintf(name, "/proc/self/fd/%d", fd);
    CHECK_OK(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    CHECK_STR(get("named"), "anon");
    close(fd);
    CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
    fd = CHECK_OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
    sprintf(name, "/proc/self/fd/%d", fd);
    CHECK_ERRNO(linkat(AT_FDCWD, name, AT_FDCWD, "named2", AT_SYMLINK_FOLLOW), ENOENT);
    close(fd);
    CHECK_ERRNO(open("named", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
}

static int at2(int dir, const char* path, unsigned long flags, unsigned long resolve) {
    struct open_how how = {.flags = flags, .resolve = resolve};
    return sc(SYS_openat2, dir, path, &how, sizeof(how));
}

TEST(openat2_resolve) {
    mkdir("jail", 0755);
    mkdir("jail/in", 0755);
    put("jail/file", "jailed");
    put("outside", "out");
    symlink("../outside", "jail/escape");
    symlink("/etc", "jail/absolute");
    symlink("file", "jail/fine");
    int d = NEED_OK(open("jail", O_RDONLY | O_DIRECTORY));
    int fd = at2(d, "file", O_RDONLY, RESOLVE_BENEATH);
    if (fd == -ENOSYS)
        SKIP("the kernel has no openat2");
    CHECK(fd >= 0);
    close(fd);
    CHECK_EQ(at2(d, "../outside", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
    CHECK_EQ(at2(d, "escape", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
    CHECK_EQ(at2(d, "absolute", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
    CHECK_EQ(at2(d, "/etc", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
    CHECK((fd = at2(d, "in/../file", O_RDONLY, RESOLVE_BENEATH)) >= 0);
    close(fd);
    CHECK((fd = at2(d, "fine", O_RDONLY, RESOLVE_BENEATH)) >= 0);
    close(fd);
    CHECK_EQ(at2(d, "fine", O_RDONLY, RESOLVE_NO_SYMLINKS), -ELOOP);
    CHECK((fd = at2(d, "fine", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS)) >= 0);
    close(fd);
    CHECK((fd = at2(d, "/file", O_RDONLY, RESOLVE_IN_ROOT)) >= 0);
    close(fd);
    CHECK_EQ(at2(d, "../outside", O_RDONLY, RESOLVE_IN_ROOT), -ENOENT);
    CHECK((fd = at2(d, "../../file", O_RDONLY, RESOLVE_IN_ROOT)) >= 0);
    close(fd);
    CHECK_EQ(at2(AT_FDCWD, "/proc/self/exe", O_RDONLY, RESOLVE_NO_MAGICLINKS), -ELOOP);
    CHECK_EQ(at2(AT_FDCWD, "/proc/self/stat", O_RDONLY, RESOLVE_NO_XDEV), -EXDEV);
    CHECK_EQ(at2(d, "file", O_RDONLY, 0x1000), -EINVAL);
    CHECK_EQ(at2(d, "file", O_RDONLY, RESOLVE_BENEATH | RESOLVE_IN_ROOT), -EINVAL);
    CHECK_EQ(at2(d, "file", 1UL << 40, 0), -EINVAL);
    CHECK_EQ(at2(d, "file", O_PATH | O_TRUNC, 0), -EINVAL);
    struct open_how how = {.flags = O_RDONLY, .mode = 0600};
    CHECK_EQ(sc(SYS_openat2, d, "file", &how, sizeof(how)), -EINVAL); /* mode without create */
    how.mode = 0;
    CHECK_EQ(sc(SYS_openat2, d, "file", &how, 8), -EINVAL);
    CHECK_EQ(sc(SYS_openat2, d, "file", 8, sizeof(how)), -EFAULT);
    struct {
        struct open_how how;
        unsigned long more;
    } larger = {how, 0};
    CHECK((fd = sc(SYS_openat2, d, "file", &larger, sizeof(larger))) >= 0);
    close(fd);
    larger.more = 1;
    CHECK_EQ(sc(SYS_openat2, d, "file", &larger, sizeof(larger)), -E2BIG);
    close(d);
}

TEST(permissions) {
    put("secret", "x");
    chmod("secret", 0);
    mkdir("closed", 0700);
    put("closed/x", "x");
    chmod("closed", 0);
    if (!geteuid()) {
        CHECK_OK(close(open("secret", O_RDWR)));
        CHECK_OK(close(open("closed/x", O_RDONLY)));
    } else {
        CHECK_ERRNO(open("secret", O_RDONLY), EACCES);
        CHECK_ERRNO(open("closed/x", O_RDONLY), EACCES);
        CHECK_ERRNO(access("secret", R_OK), EACCES);
        CHECK_ERRNO(open("closed/new", O_RDWR | O_CREAT, 0600), EACCES);
        CHECK_ERRNO(chdir("closed"), EACCES);
        chmod("closed", 0400);
        struct stat st;
        CHECK_ERRNO(stat("closed/x", &st), EACCES);
        CHECK_ERRNO(chmod("/etc/passwd", 0644), EPERM == errno ? EPERM : errno);
    }
    CHECK_OK(access("secret", F_OK));
    CHECK_ERRNO(access("secret", X_OK), EACCES);
    CHECK_ERRNO(access("secret", 8), EINVAL);
    chmod("closed", 0700);
}

TEST(special_flags) {
    int fd = CHECK_OK(open("app", O_RDWR | O_CREAT | O_APPEND, 0600));
    CHECK_EQ(write(fd, "one", 3), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(write(fd, "two", 3), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
    CHECK_EQ(pwrite(fd, "!", 1, 0), 1); /* Linux appends even here */
    CHECK_STR(get("app"), "onetwo!");
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND), O_RDWR | O_APPEND);
    CHECK_OK(fcntl(fd, F_SETFL, O_NOATIME));
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_APPEND | O_NOATIME), O_NOATIME);
    int direct = open("app", O_RDONLY | O_DIRECT);
    CHECK_EQ(fcntl(fd, F_SETFL, O_DIRECT), direct < 0 ? -1 : 0);
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_DIRECT | O_NOATIME), direct < 0 ? O_NOATIME : O_DIRECT);
    close(direct);
    CHECK_OK(fcntl(fd, F_SETFL, 0));
    CHECK_EQ(pwrite(fd, "#", 1, 0), 1);
    CHECK_STR(get("app"), "#netwo!");
    close(fd);
    fd = CHECK_OK(open("app", O_RDONLY | O_CLOEXEC | O_NOATIME | O_SYNC | O_NOCTTY | O_NONBLOCK));
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_SYNC | O_NONBLOCK | O_NOATIME),
             O_SYNC | O_NONBLOCK | O_NOATIME);
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_CLOEXEC | O_NOCTTY), 0);
    close(fd);
    put("trunc", "content");
    fd = CHECK_OK(open("trunc", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600));
    struct stat st;
    fstat(fd, &st);
    CHECK_EQ(st.st_size, 0);
    close(fd);
    CHECK_ERRNO(mkfifo("fifo", 0600) ? -2 : open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
    fd = CHECK_OK(open("fifo", O_RDONLY | O_NONBLOCK));
    int w = CHECK_OK(open("fifo", O_WRONLY | O_NONBLOCK));
    CHECK_EQ(write(w, "through", 7), 7);
    char buf[8] = {0};
    CHECK_EQ(read(fd, buf, 8), 7);
    CHECK_STR(buf, "through");
    close(w);
    CHECK_EQ(read(fd, buf, 8), 0);
    close(fd);
}
