/* Path lookup: links in every place, "..", trailing slashes, and many threads on changing names. */
#include "oracle.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/xattr.h>

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

TEST(links_on_the_way) {
    mkdir("a", 0755);
    mkdir("a/b", 0755);
    mkdir("a/b/c", 0755);
    put("a/b/c/f", "deep");
    put("a/top", "top");
    symlink("a", "la");
    symlink("b/c", "a/lc");
    symlink("../..", "a/b/up");
    symlink("lc/f", "a/lf");
    symlink("../../top", "a/b/c/ltop");
    CHECK_STR(get("la/b/c/f"), "deep");
    CHECK_STR(get("la/lc/f"), "deep");
    CHECK_STR(get("la/lf"), "deep");
    CHECK_STR(get("la/lc/ltop"), "top");
    CHECK_STR(get("la/b/up/la/lf"), "deep");
    CHECK_STR(get("la/lc/../c/f"), "deep");
    CHECK_STR(get("la/lc/../../top"), "top");
    CHECK_STR(get("la/../a/./b//c///f"), "deep");
    CHECK_STR(get("a/lf/.."), "ENOTDIR");
    CHECK_STR(get("a/top/../top"), "ENOTDIR");
    CHECK_STR(get("none/../a/top"), "ENOENT");
    char cwd[4096], path[8192];
    getcwd(cwd, sizeof(cwd));
    sprintf(path, "%s/a/b", cwd);
    symlink(path, "abs");
    CHECK_STR(get("abs/c/f"), "deep");
    CHECK_STR(get("abs/../top"), "top");
    sprintf(path, "%s/abs/../../la/lc/ltop", cwd);
    CHECK_STR(get(path), "top");
    sprintf(path, "/../../..%s/la/lf", cwd);
    CHECK_STR(get(path), "deep");
    CHECK_OK(chdir("la/lc"));
    CHECK_STR(get("../../top"), "top");
    CHECK_STR(get("ltop"), "top");
    CHECK_STR(get("../../../la/lf"), "deep");
    char now[4096];
    getcwd(now, sizeof(now));
    CHECK_STR(now + strlen(cwd), "/a/b/c");
    chdir(cwd);
}

TEST(links_at_the_end) {
    struct stat st;
    symlink("dangling-target", "dang");
    CHECK_STR(get("dang"), "ENOENT");
    CHECK_ERRNO(open("dang", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERRNO(open("dang", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_ERRNO(open("dang", O_RDWR | O_CREAT | O_NOFOLLOW, 0600), ELOOP);
    int fd = CHECK_OK(open("dang", O_WRONLY | O_CREAT, 0600));
    write(fd, "made", 4);
    close(fd);
    CHECK_STR(get("dangling-target"), "made");
    CHECK_ERRNO(open("la", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
    CHECK_ERRNO(open("la", O_RDONLY | O_NOFOLLOW), ELOOP);
    CHECK_OK(fd = open("la/", O_RDONLY | O_NOFOLLOW));
    close(fd);
    CHECK_OK(fd = open("la", O_PATH | O_NOFOLLOW));
    CHECK_OK(fstat(fd, &st));
    CHECK(S_ISLNK(st.st_mode));
    char buf[16] = {0};
    CHECK_EQ(readlinkat(fd, "", buf, 16), 1);
    CHECK_STR(buf, "a");
    CHECK_ERRNO(openat(fd, "b", O_RDONLY), ENOTDIR);
    close(fd);
    CHECK_OK(fd = open("la", O_PATH));
    CHECK_OK(fstat(fd, &st));
    CHECK(S_ISDIR(st.st_mode));
    close(fd);
    CHECK_OK(lstat("la", &st));
    CHECK(S_ISLNK(st.st_mode));
    CHECK_OK(lstat("la/", &st));
    CHECK(S_ISDIR(st.st_mode));
    CHECK_ERRNO(stat("dangling-target/", &st), ENOTDIR);
    CHECK_ERRNO(mkdir("dang", 0755), EEXIST);
    CHECK_ERRNO(rmdir("la"), ENOTDIR);
    CHECK_ERRNO(rmdir("la/"), ENOTDIR);
    CHECK_ERRNO(unlink("la/"), errno); /* ENOTDIR or EISDIR, by the file system */
    CHECK_OK(unlink("dang"));
    symlink("nowhere", "dd");
    CHECK_ERRNO(mkdir("dd/", 0755), EEXIST);
    CHECK_ERRNO(open("dd/x", O_RDONLY), ENOENT);
}

TEST(loops) {
    char a[32], b[32];
    symlink("self", "self");
    CHECK_STR(get("self"), "ELOOP");
    CHECK_STR(get("self/x"), "ELOOP");
    symlink("ping", "pong");
    symlink("pong", "ping");
    CHECK_STR(get("ping"), "ELOOP");
    put("end0", "forty");
    symlink("end0", "c1");
    for (int i = 2; i <= 41; i++) {
        sprintf(a, "c%d", i - 1);
        sprintf(b, "c%d", i);
        symlink(a, b);
    }
    CHECK_STR(get("c40"), "forty");
    CHECK_STR(get("c41"), "ELOOP");
}

TEST(long_names) {
    char name[300], path[5000];
    memset(name, 'n', sizeof(name));
    name[255] = 0;
    put(name, "long");
    CHECK_STR(get(name), "long");
    name[255] = 'n';
    name[256] = 0;
    CHECK_STR(get(name), "ENAMETOOLONG");
    CHECK_ERRNO(mkdir(name, 0755), ENAMETOOLONG);
    memset(path, '/', sizeof(path));
    memcpy(path, "./", 2);
    strcpy(path + 4095 - 5, "a/top");
    CHECK_EQ(strlen(path), 4095);
    CHECK_STR(get(path), "top");
    strcpy(path + 4096 - 5, "a/top");
    CHECK_STR(get(path), "ENAMETOOLONG");
    CHECK_STR(get(""), "ENOENT");
}

TEST(calls_at_a_directory) {
    struct stat st;
    int d = NEED_OK(open("a", O_RDONLY | O_DIRECTORY));
    CHECK_OK(mkdirat(d, "made", 0700));
    CHECK_OK(symlinkat("top", d, "stop"));
    CHECK_OK(mknodat(d, "node", S_IFREG | 0600, 0));
    CHECK_OK(renameat(d, "node", AT_FDCWD, "node2"));
    CHECK_OK(stat("node2", &st));
    struct timeval tv[2] = {{1000, 5}, {2000, 7}};
    CHECK_OK(futimesat(AT_FDCWD, "node2", tv));
    stat("node2", &st);
    CHECK_EQ(st.st_atim.tv_sec, 1000);
    CHECK_EQ(st.st_mtim.tv_nsec, 7000);
    CHECK_EQ(sc(439, d, "top", R_OK | W_OK, 0), 0); /* faccessat2 */
    CHECK_EQ(sc(439, d, "none", R_OK, 0), -ENOENT);
    CHECK_EQ(sc(439, d, "top", R_OK, 0x4000), -EINVAL);
    CHECK_EQ(sc(439, d, "stop", F_OK, AT_SYMLINK_NOFOLLOW), 0);
    CHECK_EQ(sc(439, d, "", F_OK, AT_EMPTY_PATH), 0);
    CHECK_EQ(sc(439, d, "top", 8, 0), -EINVAL);
    CHECK_EQ(sc(452, d, "made", 0711, 0), 0); /* fchmodat2 */
    fstatat(d, "made", &st, 0);
    CHECK_EQ(st.st_mode & 07777, 0711);
    CHECK_EQ(sc(452, d, "made", 0711, 0x4000), -EINVAL);
    CHECK_OK(unlinkat(d, "made", AT_REMOVEDIR));
    CHECK_OK(unlinkat(d, "stop", 0));
    CHECK_ERRNO(unlinkat(d, "top/", 0), ENOTDIR);
    CHECK_ERRNO(mkdirat(999, "x", 0700), EBADF);
    CHECK_ERRNO(mkdirat(999, "", 0700), ENOENT);
    close(d);
    d = open("a/top", O_RDONLY);
    CHECK_ERRNO(openat(d, "x", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(openat(d, "..", O_RDONLY), ENOTDIR);
    close(d);
    CHECK_OK(inotify_init());
    CHECK_ERRNO(lsetxattr("none", "user.x", "1", 1, 0), ENOENT);
    CHECK_ERRNO(lremovexattr("none", "user.x"), ENOENT);
    CHECK_ERRNO(llistxattr("none", NULL, 0), ENOENT);
    CHECK_ERRNO(lsetxattr("la", "user.x", "1", 1, 0), EPERM);
    CHECK_EQ(llistxattr("la", NULL, 0), 0);
}

TEST(moving_directories) {
    char cwd[4096], now[4096];
    getcwd(cwd, sizeof(cwd));
    mkdir("m1", 0755);
    mkdir("m1/in", 0755);
    put("m1/in/f", "moved");
    int d = open("m1/in", O_RDONLY | O_DIRECTORY);
    chdir("m1/in");
    char from[8192], to[8192];
    sprintf(from, "%s/m1", cwd);
    sprintf(to, "%s/m2", cwd);
    CHECK_OK(rename(from, to));
    CHECK_STR(get("f"), "moved");
    getcwd(now, sizeof(now));
    CHECK_STR(now + strlen(cwd), "/m2/in");
    CHECK_STR(get("../in/f"), "moved");
    fchdir(d);
    CHECK_STR(get("f"), "moved");
    chdir(cwd);
    unlink("m2/in/f");
    CHECK_OK(rmdir("m2/in"));
    CHECK_ERRNO(openat(d, "new", O_RDWR | O_CREAT, 0600), ENOENT);
    fchdir(d);
    CHECK_ERRNO(getcwd(now, sizeof(now)) ? 0 : -1, ENOENT);
    CHECK_STR(get("f"), "ENOENT");
    chdir(cwd);
    close(d);
}

/* ---- threads ---- */

static volatile int stop;
static unsigned long misses;

static void* swapper(void* arg) {
    (void)arg;
    while (!stop) {
        rename("swap/one", "swap/tmp");
        symlink("two", "swap/one");
        unlink("swap/one");
        rename("swap/tmp", "swap/one");
    }
    return NULL;
}

static void* reader(void* arg) {
    (void)arg;
    for (int i = 0; i < 3000; i++) {
        int fd = open("swap/one/f", O_RDONLY);
        char c = 0;
        if (fd < 0) {
            if (errno != ENOENT)
                __atomic_add_fetch(&misses, 1, __ATOMIC_RELAXED);
            continue;
        }
        if (read(fd, &c, 1) != 1 || (c != '1' && c != '2'))
            __atomic_add_fetch(&misses, 1, __ATOMIC_RELAXED);
        close(fd);
    }
    return NULL;
}

TEST(names_that_change) {
    mkdir("swap", 0755);
    mkdir("swap/one", 0755);
    mkdir("swap/two", 0755);
    put("swap/one/f", "1");
    put("swap/two/f", "2");
    pthread_t s, r[4];
    pthread_create(&s, NULL, swapper, NULL);
    for (int i = 0; i < 4; i++)
        pthread_create(&r[i], NULL, reader, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(r[i], NULL);
    stop = 1;
    pthread_join(s, NULL);
    CHECK_EQ(misses, 0);
}

static void* opener(void* arg) {
    char name[32];
    sprintf(name, "own%ld", (long)arg);
    for (int i = 0; i < 2000; i++) {
        int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        int copy = dup(fd);
        char c = 'a' + (long)arg, back = 0;
        if (fd < 0 || copy < 0 || pwrite(fd, &c, 1, 0) != 1 || pread(copy, &back, 1, 0) != 1 ||
            back != c || close(fd) || close(copy))
            __atomic_add_fetch(&misses, 1, __ATOMIC_RELAXED);
        if (i % 16 == 0)
            unlink(name);
    }
    return NULL;
}

TEST(descriptors_in_many_threads) {
    pthread_t t[16];
    misses = 0;
    for (long i = 0; i < 16; i++)
        pthread_create(&t[i], NULL, opener, (void*)i);
    for (int i = 0; i < 16; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(misses, 0);
}

/* ---- calls at a directory that came late ---- */

struct at_args {
    unsigned long value;
    unsigned int size, flags;
};

TEST(attributes_at_a_directory) {
    mkdir("xd", 0755);
    put("xd/f", "x");
    int d = NEED_OK(open("xd", O_RDONLY | O_DIRECTORY)), f = open("xd/f", O_RDWR);
    char buf[16] = {0};
    struct at_args set = {(unsigned long)"value", 5, 0}, get_ = {(unsigned long)buf, 16, 0};
    long ret = sc(463, d, "f", 0, "user.at", &set, sizeof(set)); /* setxattrat */
    if (ret == -ENOSYS || ret == -EOPNOTSUPP)
        SKIP("no attributes here: %ld", ret);
    CHECK_EQ(ret, 0);
    CHECK_EQ(sc(464, d, "f", 0, "user.at", &get_, sizeof(get_)), 5);
    CHECK_STR(buf, "value");
    CHECK_EQ(sc(464, f, "", AT_EMPTY_PATH, "user.at", &get_, sizeof(get_)), 5);
    CHECK_EQ(sc(464, f, "", 0, "user.at", &get_, sizeof(get_)), -ENOENT);
    CHECK_EQ(sc(464, d, "f", 0x4000, "user.at", &get_, sizeof(get_)), -EINVAL);
    CHECK_EQ(sc(464, d, "f", 0, "user.at", &get_, 8), -EINVAL);
    set.flags = XATTR_CREATE;
    CHECK_EQ(sc(463, d, "f", 0, "user.at", &set, sizeof(set)), -EEXIST);
    char list[256] = {0};
    CHECK(sc(465, d, "f", 0, list, sizeof(list)) >= 8);
    CHECK_EQ(sc(466, d, "f", 0, "user.at"), 0);
    CHECK_EQ(sc(466, d, "f", 0, "user.at"), -ENODATA);
    close(d);
    close(f);
}

TEST(whole_file_systems) {
    struct stat st;
    char u[64] = {0};
    stat(".", &st);
    CHECK_EQ(sc(SYS_ustat, st.st_dev, u), 0);
    CHECK_EQ(sc(SYS_ustat, 0x7ffff, u), -EINVAL);
    CHECK_EQ(sc(SYS_sync), 0);
}

TEST(another_root) {
    mkdir("root", 0755);
    mkdir("root/in", 0755);
    put("root/f", "inside");
    put("outside", "outside");
    symlink("/f", "root/in/abs");
    symlink("../../../../f", "root/in/rel");
    if (geteuid()) {
        CHECK_ERRNO(chroot("root"), EPERM);
        SKIP("not root");
    }
    CHECK_ERRNO(chroot("root/f"), ENOTDIR);
    CHECK_OK(chroot("root"));
    CHECK_STR(get("/f"), "inside");
    CHECK_STR(get("/../../f"), "inside");
    CHECK_STR(get("/in/abs"), "inside");
    CHECK_STR(get("/in/rel"), "inside");
    CHECK_STR(get("outside"), "outside"); /* the working directory stays */
    char cwd[4096];
    CHECK_OK(chdir("/in"));
    CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
    CHECK_STR(cwd, "/in");
    CHECK_STR(get("../f"), "inside");
    CHECK_STR(get("../../../f"), "inside");
    CHECK_ERRNO(chdir("/root"), ENOENT);
}
