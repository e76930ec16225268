/* Names: link, unlink, rename and renameat2, mkdir, rmdir, mknod, chdir, directories read. */
#include "oracle.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static void put(const char* name, const char* text) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    write(fd, text, strlen(text));
    close(fd);
}
static const char* get(const char* name) {
    static char buf[256];
    memset(buf, 0, sizeof(buf));
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        return errno_name(errno);
    if (read(fd, buf, sizeof(buf) - 1) < 0)
        strcpy(buf, errno_name(errno));
    close(fd);
    return buf;
}

TEST(hard_links) {
    struct stat a, b;
    put("one", "text");
    CHECK_OK(link("one", "two"));
    stat("one", &a);
    stat("two", &b);
    CHECK_EQ(a.st_ino, b.st_ino);
    CHECK_EQ(a.st_nlink, 2);
    put("two", "changed");
    CHECK_STR(get("one"), "changed");
    CHECK_OK(unlink("one"));
    stat("two", &b);
    CHECK_EQ(b.st_nlink, 1);
    CHECK_ERRNO(link("two", "two"), EEXIST);
    CHECK_ERRNO(link("none", "x"), ENOENT);
    mkdir("d", 0755);
    CHECK_ERRNO(link("d", "d2"), EPERM);
    CHECK_ERRNO(link("two", "none/x"), ENOENT);
    CHECK_ERRNO(link("two", "two/x"), ENOTDIR);
    symlink("two", "sym");
    CHECK_OK(link("sym", "symhard")); /* the link itself */
    lstat("symhard", &a);
    CHECK(S_ISLNK(a.st_mode));
    CHECK_OK(linkat(AT_FDCWD, "sym", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
    lstat("followed", &a);
    CHECK(S_ISREG(a.st_mode));
    CHECK_ERRNO(linkat(AT_FDCWD, "two", AT_FDCWD, "z", 0x8000), EINVAL);
    CHECK_ERRNO(link("two", "/proc/x"), EXDEV == errno ? EXDEV : errno);
}

TEST(unlink_rules) {
    put("u", "x");
    mkdir("ud", 0755);
    put("ud/f", "x");
    CHECK_ERRNO(unlink("none"), ENOENT);
    CHECK_ERRNO(unlink("ud"), EISDIR);
    CHECK_ERRNO(unlink("u/"), ENOTDIR);
    CHECK_ERRNO(rmdir("u"), ENOTDIR);
    CHECK_ERRNO(rmdir("ud"), ENOTEMPTY);
    CHECK_ERRNO(rmdir("ud/."), EINVAL);
    CHECK_ERRNO(rmdir("ud/.."), ENOTEMPTY);
    CHECK_ERRNO(rmdir("/"), EBUSY);
    CHECK_ERRNO(unlink("."), EISDIR);
    CHECK_ERRNO(unlink(""), ENOENT);
    CHECK_ERRNO(unlinkat(AT_FDCWD, "u", AT_REMOVEDIR), ENOTDIR);
    CHECK_ERRNO(unlinkat(AT_FDCWD, "u", 0x1000), EINVAL);
    CHECK_OK(unlink("ud/f"));
    CHECK_OK(unlinkat(AT_FDCWD, "ud/", AT_REMOVEDIR));
    CHECK_OK(unlink("u"));
    CHECK_ERRNO(unlink("u"), ENOENT);
}

TEST(open_after_unlink) {
    int fd = open("gone", O_RDWR | O_CREAT | O_TRUNC, 0600), second = open("gone", O_RDONLY);
    write(fd, "still", 5);
    CHECK_OK(unlink("gone"));
    CHECK_ERRNO(open("gone", O_RDONLY), ENOENT);
    struct stat st;
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_nlink, 0);
    CHECK_EQ(st.st_size, 5);
    char buf[8] = {0};
    CHECK_EQ(read(second, buf, 8), 5);
    CHECK_STR(buf, "still");
    CHECK_EQ(pwrite(fd, "more", 4, 5), 4);
    CHECK_EQ(read(second, buf, 8), 4);
    CHECK_OK(ftruncate(fd, 2));
    put("gone", "new file of that name");
    fstat(fd, &st);
    CHECK_EQ(st.st_size, 2);
    char name[64], link[4200] = {0};
    sprintf(name, "/proc/self/fd/%d", fd);
    CHECK(readlink(name, link, sizeof(link) - 1) > 0);
    CHECK_STR(strrchr(link, '/'), "/gone (deleted)");
    int again = CHECK_OK(open(name, O_RDONLY));
    CHECK_EQ(read(again, buf, 8), 2);
    close(again);
    close(fd);
    close(second);
    CHECK_STR(get("gone"), "new file of that name");
}

TEST(rename_rules) {
    put("a", "A");
    put("b", "B");
    CHECK_OK(rename("a", "b"));
    CHECK_STR(get("b"), "A");
    CHECK_ERRNO(open("a", O_RDONLY), ENOENT);
    CHECK_ERRNO(rename("a", "c"), ENOENT);
    CHECK_OK(rename("b", "b"));
    mkdir("d1", 0755);
    mkdir("d2", 0755);
    put("d2/full", "x");
    CHECK_ERRNO(rename("d1", "d2"), ENOTEMPTY);
    CHECK_ERRNO(rename("b", "d1"), EISDIR);
    CHECK_ERRNO(rename("d1", "b"), ENOTDIR);
    CHECK_ERRNO(rename("d1", "d1/sub"), EINVAL);
    CHECK_ERRNO(rename("b", "none/x"), ENOENT);
    CHECK_ERRNO(rename("b", "x/"), ENOTDIR);
    CHECK_ERRNO(rename("b", "."), EBUSY);
    CHECK_ERRNO(rename("d1/.", "x"), EBUSY);
    CHECK_OK(rename("d2", "d1")); /* over an empty directory */
    CHECK_STR(get("d1/full"), "x");
    CHECK_OK(rename("d1/", "d3/"));
    link("b", "b2");
    CHECK_OK(rename("b", "b2")); /* two names of one file: nothing happens */
    CHECK_STR(get("b"), "A");
    CHECK_STR(get("b2"), "A");
    symlink("b", "s");
    CHECK_OK(rename("s", "s2"));
    struct stat st;
    lstat("s2", &st);
    CHECK(S_ISLNK(st.st_mode));
    /* an open file keeps its identity */
    int fd = open("b", O_RDONLY);
    CHECK_OK(rename("b", "d3/moved"));
    char name[64], path[4200] = {0};
    sprintf(name, "/proc/self/fd/%d", fd);
    readlink(name, path, sizeof(path) - 1);
    CHECK_STR(strrchr(path, '/'), "/moved");
    close(fd);
    char longname[300];
    memset(longname, 'x', 299);
    longname[299] = 0;
    CHECK_ERRNO(rename("b2", longname), ENAMETOOLONG);
}

TEST(rename_flags) {
    put("x", "X");
    put("y", "Y");
    mkdir("xd", 0755);
    CHECK_ERRNO(renameat2(AT_FDCWD, "x", AT_FDCWD, "y", RENAME_NOREPLACE), EEXIST);
    CHECK_STR(get("y"), "Y");
    CHECK_OK(renameat2(AT_FDCWD, "x", AT_FDCWD, "z", RENAME_NOREPLACE));
    CHECK_OK(renameat2(AT_FDCWD, "y", AT_FDCWD, "z", RENAME_EXCHANGE));
    CHECK_STR(get("y"), "X");
    CHECK_STR(get("z"), "Y");
    CHECK_OK(renameat2(AT_FDCWD, "y", AT_FDCWD, "xd", RENAME_EXCHANGE));
    CHECK_STR(get("xd"), "X");
    struct stat st;
    stat("y", &st);
    CHECK(S_ISDIR(st.st_mode));
    CHECK_ERRNO(renameat2(AT_FDCWD, "z", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
    CHECK_ERRNO(renameat2(AT_FDCWD, "z", AT_FDCWD, "y", RENAME_EXCHANGE | RENAME_NOREPLACE),
                EINVAL);
    CHECK_ERRNO(renameat2(AT_FDCWD, "z", AT_FDCWD, "y", 64), EINVAL);
}

TEST(directories) {
    CHECK_OK(mkdir("m", 0755));
    CHECK_ERRNO(mkdir("m", 0755), EEXIST);
    CHECK_ERRNO(mkdir("none/m", 0755), ENOENT);
    CHECK_OK(mkdir("m/slash/", 0755));
    CHECK_ERRNO(mkdir("", 0755), ENOENT);
    CHECK_ERRNO(mkdir("/", 0755), EEXIST);
    CHECK_ERRNO(mkdir(".", 0755), EEXIST);
    mode_t old = umask(022);
    CHECK_OK(mkdir("masked", 0777));
    struct stat st;
    stat("masked", &st);
    CHECK_EQ(st.st_mode, S_IFDIR | 0755);
    CHECK_EQ(st.st_nlink, 2);
    mkdir("masked/sub", 01777);
    stat("masked/sub", &st);
    CHECK_EQ(st.st_mode & 07777, 01755);
    umask(old);
    stat("masked", &st);
    CHECK_EQ(st.st_nlink, 3);
    char cwd[4096], now[4096];
    getcwd(cwd, sizeof(cwd));
    CHECK_OK(chdir("m"));
    getcwd(now, sizeof(now));
    CHECK_STR(now + strlen(cwd), "/m");
    CHECK_EQ(sc(SYS_getcwd, now, sizeof(now)), strlen(cwd) + 3);
    CHECK_EQ(sc(SYS_getcwd, now, 2), -ERANGE);
    CHECK_EQ(sc(SYS_getcwd, now, 0), -ERANGE);
    CHECK_EQ(sc(SYS_getcwd, 8, 4096), -EFAULT);
    CHECK_OK(chdir(".."));
    CHECK_ERRNO(chdir("none"), ENOENT);
    put("plain", "");
    CHECK_ERRNO(chdir("plain"), ENOTDIR);
    /* a directory removed under us */
    mkdir("under", 0755);
    CHECK_OK(chdir("under"));
    CHECK_OK(rmdir("../under"));
    CHECK_ERRNO(open("x", O_RDWR | O_CREAT, 0600), ENOENT);
    CHECK_EQ(sc(SYS_getcwd, now, sizeof(now)), -ENOENT);
    CHECK_ERRNO(chdir("x"), ENOENT);
    CHECK_OK(chdir(cwd));
}

static int count_entries(DIR* d, bool* dots) {
    struct dirent* e;
    int n = 0;
    while ((e = readdir(d))) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            *dots = true;
        else
            n++;
    }
    return n;
}

TEST(reading_directories) {
    mkdir("many", 0755);
    char name[64];
    for (int i = 0; i < 300; i++) {
        sprintf(name, "many/entry-%03d", i);
        put(name, "");
    }
    mkdir("many/dir", 0755);
    symlink("x", "many/link");
    mkfifo("many/fifo", 0600);
    DIR* d = opendir("many");
    NEED(d);
    bool dots = false;
    CHECK_EQ(count_entries(d, &dots), 303);
    CHECK(dots);
    rewinddir(d);
    CHECK_EQ(count_entries(d, &dots), 303);
    rewinddir(d);
    struct dirent* e;
    int types[16] = {0};
    long at = -1;
    char after[256] = "";
    for (int i = 0; (e = readdir(d)); i++) {
        types[e->d_type & 15]++;
        struct stat st;
        sprintf(name, "many/%.50s", e->d_name);
        if (strcmp(e->d_name, "..") && !lstat(name, &st) && st.st_ino != e->d_ino)
            CHECK_EQ(e->d_ino, st.st_ino);
        if (i == 150)
            at = telldir(d);
        if (i == 151)
            strcpy(after, e->d_name);
    }
    CHECK_EQ(types[DT_REG], 300);
    CHECK_EQ(types[DT_DIR], 3);
    CHECK_EQ(types[DT_LNK], 1);
    CHECK_EQ(types[DT_FIFO], 1);
    seekdir(d, at);
    e = readdir(d);
    CHECK(e && !strcmp(e->d_name, after));
    closedir(d);
    int fd = open("many", O_RDONLY | O_DIRECTORY);
    char buf[1024];
    CHECK_EQ(sc(SYS_getdents64, fd, buf, 10), -EINVAL);
    CHECK_EQ(sc(SYS_getdents64, fd, 8, 1024), -EFAULT);
    CHECK(sc(SYS_getdents64, fd, buf, sizeof(buf)) > 0);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    int n = 0;
    long bytes;
    while ((bytes = sc(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
        for (long p = 0; p < bytes; p += *(unsigned short*)(buf + p + 16))
            n++;
    CHECK_EQ(n, 305);
    CHECK_EQ(sc(SYS_getdents64, fd, buf, sizeof(buf)), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    n = 0;
    while ((bytes = sc(SYS_getdents, fd, buf, sizeof(buf))) > 0)
        for (long p = 0; p < bytes; p += *(unsigned short*)(buf + p + 16))
            n++;
    CHECK_EQ(n, 305);
    close(fd);
    fd = open("many/entry-000", O_RDONLY);
    CHECK_EQ(sc(SYS_getdents64, fd, buf, 1024), -ENOTDIR);
    close(fd);
    CHECK_EQ(sc(SYS_getdents64, 999, buf, 1024), -EBADF);
    /* deleting while reading must lose none of the rest */
    d = opendir("many");
    n = 0;
    while ((e = readdir(d)))
        if (e->d_type == DT_REG) {
            sprintf(name, "many/%.50s", e->d_name);
            n += !unlink(name);
        }
    closedir(d);
    CHECK_EQ(n, 300);
}

TEST(nodes) {
    CHECK_OK(mkfifo("p", 0640));
    struct stat st;
    stat("p", &st);
    CHECK_EQ(st.st_mode & S_IFMT, S_IFIFO);
    CHECK_ERRNO(mkfifo("p", 0600), EEXIST);
    CHECK_OK(mknod("plainnode", S_IFREG | 0600, 0));
    stat("plainnode", &st);
    CHECK_EQ(st.st_mode, S_IFREG | 0600);
    CHECK_OK(mknod("sock", S_IFSOCK | 0600, 0));
    CHECK_ERRNO(open("sock", O_RDWR), ENXIO);
    CHECK_ERRNO(mknod("bad", S_IFDIR | 0600, 0), EPERM);
    if (geteuid())
        CHECK_ERRNO(mknod("dev", S_IFCHR | 0600, makedev(1, 3)), EPERM);
}
