/* Paths that are looked up again and again while their directories move, go, come back, change
 * hands and permissions: what was true a call ago is not taken for true. */
#include "oracle.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WARM 700 /* lookups until any cache that there may be is in use */

static void put(const char* name, char c) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (write(fd, &c, 1) != 1)
        CHECK(!"written");
    close(fd);
}
/* The file's character; or minus the error. */
static int get(const char* name) {
    int fd = open(name, O_RDONLY);
    if (fd < 0)
        return -errno;
    char c = 0;
    int n = read(fd, &c, 1);
    close(fd);
    return n == 1 ? c : -EIO;
}
static int exists(const char* name) {
    struct stat st;
    return stat(name, &st) ? -errno : 1;
}
static void tree(const char* top, char c) {
    char name[64];
    mkdir(top, 0755);
    snprintf(name, sizeof(name), "%s/q", top);
    mkdir(name, 0755);
    snprintf(name, sizeof(name), "%s/q/r", top);
    mkdir(name, 0755);
    snprintf(name, sizeof(name), "%s/q/r/f", top);
    put(name, c);
}
static void warm(const char* name) {
    for (int i = 0; i < WARM; i++)
        exists(name);
}

TEST(moved) {
    tree("p", '1');
    tree("s", '2');
    warm("p/q/r/f");
    for (int i = 0; i < 30; i++) {
        CHECK_EQ(get("p/q/r/f"), '1');
        CHECK_OK(rename("p", "p2"));
        CHECK_EQ(exists("p/q/r/f"), -ENOENT);
        CHECK_EQ(get("p/q/r/f"), -ENOENT);
        CHECK_EQ(get("p2/q/r/f"), '1');
        CHECK_OK(rename("s", "p"));
        CHECK_EQ(get("p/q/r/f"), '2');
        for (int n = 0; n < 20; n++)
            CHECK_EQ(exists("p/q/r/f"), 1);
        CHECK_OK(renameat2(AT_FDCWD, "p", AT_FDCWD, "p2", RENAME_EXCHANGE));
        CHECK_EQ(get("p/q/r/f"), '1');
        CHECK_EQ(get("p2/q/r/f"), '2');
        for (int n = 0; n < 20; n++)
            CHECK_EQ(exists("p/q/r/f"), 1);
        CHECK_OK(rename("p/q", "p/q2"));
        CHECK_EQ(exists("p/q/r/f"), -ENOENT);
        CHECK_OK(rename("p2/q", "p/q"));
        CHECK_EQ(get("p/q/r/f"), '2');
        CHECK_OK(rename("p/q", "p2/q"));
        CHECK_OK(rename("p/q2", "p/q"));
        for (int n = 0; n < 20; n++)
            CHECK_EQ(exists("p/q/r/f"), 1);
        CHECK_OK(rename("p/q/r", "p/q/r2"));
        CHECK_EQ(exists("p/q/r/f"), -ENOENT);
        CHECK_OK(rename("p/q/r2", "p/q/r"));
        CHECK_EQ(get("p/q/r/f"), '1');
        CHECK_OK(rename("p2", "s"));
    }
}

TEST(removed) {
    tree("g", '1');
    warm("g/q/r/f");
    for (int i = 0; i < 30; i++) {
        for (int n = 0; n < 20; n++)
            CHECK_EQ(exists("g/q/r/f"), 1);
        CHECK_OK(unlink("g/q/r/f"));
        CHECK_EQ(exists("g/q/r/f"), -ENOENT);
        CHECK_OK(rmdir("g/q/r"));
        CHECK_EQ(exists("g/q/r/f"), -ENOENT);
        CHECK_ERRNO(open("g/q/r/f", O_CREAT | O_RDWR, 0600), ENOENT);
        CHECK_ERRNO(mkdir("g/q/r/d", 0755), ENOENT);
        CHECK_OK(mkdir("g/q/r", 0755));
        switch (i % 6) { /* the first call in the new one makes something */
            case 0:
                put("g/q/r/f", 'n');
                break;
            case 1:
                CHECK_OK(mkdir("g/q/r/d", 0755));
                CHECK_OK(rmdir("g/q/r/d"));
                break;
            case 2:
                CHECK_OK(symlink("x", "g/q/r/l"));
                CHECK_OK(unlink("g/q/r/l"));
                break;
            case 3:
                CHECK_OK(mknod("g/q/r/m", S_IFREG | 0600, 0));
                CHECK_OK(unlink("g/q/r/m"));
                break;
            case 4:
                put("g/other", 'o');
                CHECK_OK(rename("g/other", "g/q/r/o"));
                CHECK_OK(unlink("g/q/r/o"));
                break;
            default:
                put("g/other", 'o');
                CHECK_OK(link("g/other", "g/q/r/o"));
                CHECK_OK(unlink("g/q/r/o"));
        }
        put("g/q/r/f", 'a' + i % 26);
        CHECK_EQ(get("g/q/r/f"), 'a' + i % 26);
    }
    /* An empty directory is replaced by another. */
    for (int i = 0; i < 30; i++) {
        for (int n = 0; n < 20; n++)
            exists("g/q/r/f");
        unlink("g/q/r/f");
        CHECK_OK(mkdir("g/q/new", 0755));
        put("g/q/new/f", 'A' + i % 26);
        CHECK_OK(rename("g/q/new", "g/q/r"));
        CHECK_EQ(exists("g/q/r/f"), 1);
        CHECK_EQ(get("g/q/r/f"), 'A' + i % 26);
    }
}

TEST(link_for_a_directory) {
    tree("t", '1');
    tree("u", '2');
    warm("t/q/r/f");
    char buf[16];
    for (int i = 0; i < 30; i++) {
        for (int n = 0; n < 20; n++)
            CHECK_EQ(exists("t/q/r/f"), 1);
        CHECK_OK(rename("t/q", "t/q2"));
        CHECK_OK(symlink("../u/q", "t/q"));
        CHECK_EQ(get("t/q/r/f"), '2');
        CHECK_EQ(readlink("t/q", buf, sizeof(buf)), 6);
        for (int n = 0; n < 20; n++)
            CHECK_EQ(exists("t/q/r/f"), 1);
        CHECK_OK(unlink("t/q"));
        CHECK_EQ(exists("t/q/r/f"), -ENOENT);
        CHECK_OK(rename("t/q2", "t/q"));
        CHECK_EQ(get("t/q/r/f"), '1');
        /* the last one */
        CHECK_OK(rename("t/q/r/f", "t/q/r/f2"));
        CHECK_OK(symlink("../../../u/q/r/f", "t/q/r/f"));
        CHECK_EQ(get("t/q/r/f"), '2');
        CHECK_ERRNO(open("t/q/r/f", O_RDONLY | O_NOFOLLOW), ELOOP);
        CHECK_OK(unlink("t/q/r/f"));
        CHECK_OK(rename("t/q/r/f2", "t/q/r/f"));
    }
}

TEST(kinds_of_names) {
    struct stat st;
    char buf[64];
    tree("k", '1');
    symlink("f", "k/q/r/l");
    symlink("nowhere", "k/q/r/dangling");
    symlink(".", "k/q/r/here");
    warm("k/q/r/f");
    CHECK_ERRNO(stat("k/q/r/f/", &st), ENOTDIR);
    CHECK_ERRNO(stat("k/q/r/f/x", &st), ENOTDIR);
    CHECK_ERRNO(open("k/q/r/f/", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("k/q/r/f", O_RDONLY | O_DIRECTORY), ENOTDIR);
    CHECK_ERRNO(open("k/q/r/l", O_RDONLY | O_DIRECTORY | O_NOFOLLOW), ENOTDIR);
    CHECK_ERRNO(open("k/q/r/f", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERRNO(open("k/q/r/dangling", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK_ERRNO(open("k/q/r", O_RDWR), EISDIR);
    CHECK_ERRNO(mkdir("k/q/r/dangling", 0755), EEXIST);
    CHECK_ERRNO(mkdir("k/q/r/f", 0755), EEXIST);
    CHECK_ERRNO(rmdir("k/q/r/f"), ENOTDIR);
    CHECK_ERRNO(unlink("k/q/r"), EISDIR);
    CHECK_ERRNO(rmdir("k/q/r/."), EINVAL);
    CHECK_ERRNO(rmdir("k/q/r/.."), ENOTEMPTY);
    CHECK_ERRNO(rename("k/q/r/none", "k/q/r/none2"), ENOENT);
    CHECK_ERRNO(rename("k/q/r/f", "k/q/none/f"), ENOENT);
    CHECK_ERRNO(link("k/q/r/f", "k/q/r/l"), EEXIST);
    CHECK_ERRNO(readlink("k/q/r/f", buf, sizeof(buf)), EINVAL);
    CHECK_ERRNO(readlink("k/q/r/none", buf, sizeof(buf)), ENOENT);
    CHECK_EQ(readlink("k/q/r/l", buf, sizeof(buf)), 1);
    CHECK_ERRNO(access("k/q/r/none", F_OK), ENOENT);
    CHECK_OK(access("k/q/r/f", R_OK | W_OK));
    CHECK_OK(lstat("k/q/r/l", &st));
    CHECK(S_ISLNK(st.st_mode));
    CHECK_OK(stat("k/q/r/l", &st));
    CHECK(S_ISREG(st.st_mode));
    CHECK_OK(lstat("k/q/r/here/", &st));
    CHECK(S_ISDIR(st.st_mode));
    CHECK_OK(stat("k/q/r/.", &st));
    CHECK(S_ISDIR(st.st_mode));
    ino_t r = st.st_ino;
    CHECK_OK(stat("k/q/r/..", &st));
    CHECK(st.st_ino != r);
    CHECK_OK(stat("k/q//r/../r/./here", &st));
    CHECK_EQ(st.st_ino, r);
    char name[300];
    snprintf(name, sizeof(name), "k/q/r/%0256d", 1);
    CHECK_ERRNO(stat(name, &st), ENAMETOOLONG);
    int fd = CHECK_OK(open("k/q/r/l", O_PATH | O_NOFOLLOW));
    CHECK_OK(fstat(fd, &st));
    CHECK(S_ISLNK(st.st_mode));
    close(fd);
    CHECK_OK(fd = open("k/q/r", O_RDWR | O_TMPFILE, 0600));
    CHECK_OK(fstat(fd, &st));
    CHECK(S_ISREG(st.st_mode));
    close(fd);
}

TEST(other_bases) {
    char name[64];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "b%d", i);
        tree(name, '0' + i);
    }
    warm("b0/q/r/f");
    for (int i = 0; i < 400; i++) { /* one number for many directories */
        snprintf(name, sizeof(name), "b%d", i / 20 % 4);
        int d = CHECK_OK(open(name, O_RDONLY | O_DIRECTORY)), c = 0;
        for (int n = 0; n < 10; n++) {
            int fd = CHECK_OK(openat(d, "q/r/f", O_RDONLY));
            CHECK_EQ(read(fd, &c, 1), 1);
            CHECK_EQ(c, '0' + i / 20 % 4);
            close(fd);
        }
        close(d);
    }
    int home = open(".", O_PATH);
    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof(name), "b%d", i / 30 % 4);
        CHECK_OK(chdir(name));
        for (int n = 0; n < 10; n++)
            CHECK_EQ(get("q/r/f"), '0' + i / 30 % 4);
        CHECK_OK(fchdir(home));
    }
    close(home);
}

TEST(permissions) {
    if (geteuid() == 0)
        SKIP("root may search everything");
    tree("x", '1');
    warm("x/q/r/f");
    static const char* const dirs[] = {"x", "x/q", "x/q/r"};
    for (int i = 0; i < 60; i++) {
        for (int n = 0; n < 20; n++)
            CHECK_EQ(exists("x/q/r/f"), 1);
        CHECK_OK(chmod(dirs[i % 3], 0600));
        CHECK_EQ(exists("x/q/r/f"), -EACCES);
        CHECK_EQ(get("x/q/r/f"), -EACCES);
        CHECK_ERRNO(mkdir("x/q/r/d", 0755), EACCES);
        CHECK_OK(chmod(dirs[i % 3], 0755));
        CHECK_EQ(exists("x/q/r/f"), 1);
        CHECK_OK(chmod("x/q/r/f", i & 1 ? 0600 : 0644)); /* of what is inside: of no account */
    }
    CHECK_OK(chmod("x/q/r", 0));
    unlink("x/q/r/f");
    CHECK_ERRNO(rename("x/q/r/f", "x/q/f"), EACCES);
    CHECK_OK(chmod("x/q/r", 0700));
    CHECK_OK(rename("x/q/r/f", "x/q/f"));
    CHECK_OK(chmod("x/q/r", 0));
    for (int n = 0; n < 300; n++)
        CHECK_EQ(exists("x/q/r/f"), -EACCES);
    CHECK_OK(rmdir("x/q/r"));
    CHECK_OK(mkdir("x/q/r", 0755));
    CHECK_OK(rename("x/q/f", "x/q/r/f"));
    CHECK_EQ(exists("x/q/r/f"), 1);
}

TEST(children) {
    tree("c", '1');
    tree("d", '2');
    warm("c/q/r/f");
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            int bad = get("c/q/r/f") != '1';
            warm("c/q/r/f");
            bad |= renameat2(AT_FDCWD, "c", AT_FDCWD, "d", RENAME_EXCHANGE);
            bad |= get("c/q/r/f") != '2' ? 2 : 0;
            bad |= renameat2(AT_FDCWD, "c", AT_FDCWD, "d", RENAME_EXCHANGE);
            bad |= get("c/q/r/f") != '1' ? 4 : 0;
            bad |= rename("c", "c2");
            _exit(bad);
        }
        if (pid < 0) {
            SKIP("no fork: errno %d", errno);
        }
        int status;
        while (exists("c/q/r/f") == 1)
            ;
        CHECK_EQ(waitpid(pid, &status, 0), pid);
        CHECK_EQ(status, 0);
        CHECK_EQ(exists("c/q/r/f"), -ENOENT);
        CHECK_EQ(get("c2/q/r/f"), '1');
        CHECK_OK(rename("c2", "c"));
        for (int n = 0; n < 20; n++)
            CHECK_EQ(get("c/q/r/f"), '1');
    }
}

/* ---- threads ----
 * Who changes the tree makes `state` odd before and even after. A looker that saw the same even
 * number before and after its call knows what it must have been told. */

static atomic_uint state;
static atomic_int stop;
static atomic_ulong wrong, sure;

static void* mover(void* arg) {
    (void)arg;
    while (!stop) {
        for (int way = 0; way < 3; way++) {
            atomic_fetch_add(&state, 1);
            if (way == 0)
                renameat2(AT_FDCWD, "m/a", AT_FDCWD, "m/b", RENAME_EXCHANGE);
            else if (way == 1)
                rename("m/a/q", "m/a/gone");
            else
                rename("m/a/gone", "m/a/q");
            atomic_fetch_add(&state, 1);
            for (int i = 0; i < 10; i++)
                sched_yield();
        }
    }
    return NULL;
}

static void* looker(void* arg) {
    char buf[32];
    snprintf(buf, sizeof(buf), "m/a/q/r/f");
    while (!stop) {
        unsigned before = atomic_load(&state);
        int got = (long)arg & 1 ? exists(buf) : get(buf);
        unsigned after = atomic_load(&state);
        if (before != after || (before & 1))
            continue;
        atomic_fetch_add(&sure, 1);
        unsigned step = before / 2, round = step / 3;
        int c = (step % 3 ? round + 1 : round) % 2 ? '2' : '1';
        int want = step % 3 == 2 ? -ENOENT : (long)arg & 1 ? 1 : c;
        if (got != want && atomic_fetch_add(&wrong, 1) < 5)
            say("state %u: got %d, want %d", before, got, want);
    }
    return NULL;
}

TEST(movers) {
    mkdir("m", 0755);
    tree("m/a", '1');
    tree("m/b", '2');
    pthread_t m, l[6];
    pthread_create(&m, NULL, mover, NULL);
    for (long i = 0; i < 6; i++)
        pthread_create(&l[i], NULL, looker, (void*)i);
    usleep(700000);
    stop = 1;
    pthread_join(m, NULL);
    for (int i = 0; i < 6; i++)
        pthread_join(l[i], NULL);
    CHECK_EQ(wrong, 0);
    CHECK(sure > 0);
}

/* Many directories, more than anyone would remember. */
static void* wanderer(void* arg) {
    unsigned seed = (long)arg;
    char name[64];
    for (int i = 0; i < 6000; i++) {
        int d = rand_r(&seed) % 40;
        for (int n = 0; n < 12; n++, i++) {
            snprintf(name, sizeof(name), "w/%d/%d/f", d, d * 7);
            if (get(name) != '0' + d)
                atomic_fetch_add(&wrong, 1);
        }
    }
    return NULL;
}

TEST(many_directories) {
    char name[64];
    mkdir("w", 0755);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "w/%d", i);
        mkdir(name, 0755);
        snprintf(name, sizeof(name), "w/%d/%d", i, i * 7);
        mkdir(name, 0755);
        strcat(name, "/f");
        put(name, '0' + i);
    }
    wrong = 0;
    pthread_t t[4];
    for (long i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, wanderer, (void*)i);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    CHECK_EQ(wrong, 0);
}
