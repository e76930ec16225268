/* Small calls: ioprio, sysfs, syslog and others that need a privilege, unshare and setns, security
 * modules, cachestat, file attributes. */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <linux/nsfs.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "oracle.h"

static long drop_caps(void) {
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {0};
    return sc(SYS_capset, &h, d);
}

static void* call(void* arg) {
    ((void (*)(void))arg)();
    return NULL;
}
static void in_thread(void (*fn)(void)) {
    pthread_t t;
    NEED(pthread_create(&t, NULL, call, fn) == 0);
    NEED(pthread_join(t, NULL) == 0);
}

/* ---- ioprio ---------------------------------------------------------------------------------- */

#define BE(n)   IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, n)
#define IDLE(n) IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, n)
#define RT(n)   IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, n)

static void inherited(void) {
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), BE(6));
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, BE(2)), 0);
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), BE(2)); /* the thread's alone */
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, getpid()), BE(6));
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PGRP, 0), BE(2)); /* the best of all */
    drop_caps();
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, RT(4)), -EPERM);
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IDLE(0)), 0);
    /* The same user's, but with more capabilities than the caller has, if it is root's. */
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, getpid(), BE(6)), geteuid() ? 0 : -EPERM);
}

TEST(ioprio) {
    NEED(setpgid(0, 0) == 0 || getpid() == getsid(0)); /* a group of our own */
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), 0);
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, BE(3)), 0);
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), BE(3));
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, getpid()), BE(3));
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IDLE(7)), 0);
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), IDLE(7));
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 5), -EINVAL); /* no class, but a level */
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(5, 0)), -EINVAL);
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, -1), -EINVAL);
    CHECK_EQ(sc(SYS_ioprio_set, 9, 0, BE(0)), -EINVAL);
    CHECK_EQ(sc(SYS_ioprio_get, 9, 0), -EINVAL);
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0x3ffffff), -ESRCH);
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0x3ffffff, BE(0)), -ESRCH);
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PGRP, 0x3ffffff), -ESRCH);
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_USER, 0x3ffffff), -ESRCH);
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 0), 0);
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), 0);
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PGRP, 0), BE(4 + getpriority(PRIO_PROCESS, 0) / 5));
    if (!geteuid()) {
        CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, RT(4)), 0);
        CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), RT(4));
    }
    CHECK_EQ(sc(SYS_ioprio_set, IOPRIO_WHO_PGRP, 0, BE(6)), 0);
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), BE(6));
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PGRP, getpgrp()), BE(6));
    in_thread(inherited);
    CHECK_EQ(sc(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0), BE(6));
}

/* ---- sysfs ----------------------------------------------------------------------------------- */

TEST(sysfs_call) {
    FILE* f = fopen("/proc/filesystems", "r");
    NEED(f != NULL);
    char line[128], name[128];
    int count = 0;
    while (fgets(line, sizeof(line), f)) {
        char* tab = strchr(line, '\t');
        NEED(tab != NULL);
        tab[strlen(tab) - 1] = '\0';
        CHECK_EQ(sc(SYS_sysfs, 1, tab + 1), count);
        memset(name, 'x', sizeof(name));
        CHECK_EQ(sc(SYS_sysfs, 2, count, name), 0);
        CHECK_STR(name, tab + 1);
        CHECK(line == tab || !strncmp(line, "nodev\t", 6));
        count++;
    }
    fclose(f);
    CHECK_EQ(sc(SYS_sysfs, 3), count);
    CHECK(sc(SYS_sysfs, 1, "proc") >= 0);
    CHECK(sc(SYS_sysfs, 1, "tmpfs") >= 0);
    CHECK_EQ(sc(SYS_sysfs, 1, "nosuchfs"), -EINVAL);
    CHECK_EQ(sc(SYS_sysfs, 1, 8), -EFAULT);
    CHECK_EQ(sc(SYS_sysfs, 2, count, name), -EINVAL);
    CHECK_EQ(sc(SYS_sysfs, 2, -1, name), -EINVAL);
    CHECK_EQ(sc(SYS_sysfs, 2, 0, 8), -EFAULT);
    CHECK_EQ(sc(SYS_sysfs, 0), -EINVAL);
    CHECK_EQ(sc(SYS_sysfs, 4), -EINVAL);
}

/* ---- without the privilege ------------------------------------------------------------------- */

static void unprivileged(void) {
    char buf[16];
    CHECK_EQ(drop_caps(), 0);
    CHECK_EQ(sc(SYS_syslog, 2, buf, sizeof(buf)), -EPERM);
    CHECK_EQ(sc(SYS_syslog, 2, 8, -1), -EPERM);
    CHECK_EQ(sc(SYS_syslog, 5, NULL, 0), -EPERM);
    CHECK_EQ(sc(SYS_syslog, 8, NULL, 99), -EPERM);
    CHECK_EQ(sc(SYS_syslog, 9, NULL, 0), -EPERM);
    CHECK_EQ(sc(SYS_vhangup), -EPERM);
    CHECK_EQ(sc(SYS_acct, 8), -EPERM);
    CHECK_EQ(sc(SYS_acct, NULL), -EPERM);
    CHECK_EQ(sc(SYS_reboot, 1, 2, 3, 4), -EPERM);
    CHECK_EQ(sc(SYS_unshare, CLONE_NEWUTS), -EPERM);
    CHECK_EQ(sc(SYS_unshare, CLONE_NEWNS | CLONE_FILES), -EPERM);
    CHECK_EQ(sc(SYS_unshare, CLONE_NEWPID), -EPERM);
    int fd = open("/proc/self/ns/uts", O_RDONLY);
    CHECK(fd >= 0);
    CHECK_EQ(sc(SYS_setns, fd, CLONE_NEWUTS), -EPERM);
    CHECK_EQ(sc(SYS_setns, fd, CLONE_NEWNET), -EINVAL);
    close(fd);
}

TEST(privileged) {
    in_thread(unprivileged);
}

/* ---- unshare --------------------------------------------------------------------------------- */

static void own_files(void) {
    int fd = open("/dev/null", O_RDONLY);
    CHECK_EQ(sc(SYS_unshare, CLONE_FILES), 0);
    CHECK_OK(close(fd));
    CHECK_EQ(dup2(2, 77), 77);
    CHECK_EQ(sc(SYS_unshare, CLONE_FILES), 0); /* nothing left to do */
    CHECK_EQ(fcntl(77, F_GETFD), 0);
}

static void own_directory(void) {
    CHECK_EQ(sc(SYS_unshare, CLONE_FS | CLONE_SYSVSEM), 0);
    CHECK_OK(chdir("/"));
    umask(0177);
}

static void with_others(void) {
    CHECK_EQ(sc(SYS_unshare, CLONE_THREAD), -EINVAL);
    CHECK_EQ(sc(SYS_unshare, CLONE_SIGHAND), -EINVAL);
    CHECK_EQ(sc(SYS_unshare, CLONE_VM), -EINVAL);
    CHECK_EQ(sc(SYS_unshare, CLONE_NEWUSER), -EINVAL);
}

TEST(unshare_call) {
    CHECK_EQ(sc(SYS_unshare, 0), 0);
    long alone; /* once the last thread of an earlier test is quite gone */
    do
        alone = sc(SYS_unshare, CLONE_THREAD | CLONE_SIGHAND | CLONE_VM);
    while (alone == -EINVAL && access("/proc/self/task", F_OK) == 0 && usleep(1000) == 0);
    CHECK_EQ(alone, 0);
    CHECK_EQ(sc(SYS_unshare, CLONE_SETTLS), -EINVAL);
    CHECK_EQ(sc(SYS_unshare, 1UL << 40), -EINVAL);
    CHECK_EQ(sc(SYS_unshare, CLONE_FS | CLONE_VFORK), -EINVAL);
    int fd = open("/dev/null", O_RDONLY);
    CHECK_OK(close(fd));
    in_thread(own_files);
    CHECK_EQ(fcntl(fd, F_GETFD), 0); /* open here still */
    CHECK_ERRNO(fcntl(77, F_GETFD), EBADF);
    CHECK_OK(close(fd));
    char before[4096], after[4096];
    umask(022);
    NEED(getcwd(before, sizeof(before)) != NULL);
    in_thread(own_directory);
    CHECK(getcwd(after, sizeof(after)) != NULL);
    CHECK_STR(after, before);
    CHECK_EQ(umask(022), 022);
    in_thread(with_others);
}

/* ---- namespaces ------------------------------------------------------------------------------ */

TEST(namespaces) {
    static const struct {
        const char* name;
        unsigned kind;
    } all[] = {{"cgroup", CLONE_NEWCGROUP},
               {"ipc", CLONE_NEWIPC},
               {"mnt", CLONE_NEWNS},
               {"net", CLONE_NEWNET},
               {"pid", CLONE_NEWPID},
               {"user", CLONE_NEWUSER},
               {"pid_for_children", CLONE_NEWPID},
               {"uts", CLONE_NEWUTS},
               {"time", 0x80}};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        char path[64], text[64] = {0}, want[64];
        snprintf(path, sizeof(path), "/proc/self/ns/%s", all[i].name);
        CHECK(readlink(path, text, sizeof(text) - 1) > 0);
        int fd = open(path, O_RDONLY);
        NEED(fd >= 0);
        struct stat st;
        struct statfs sf;
        CHECK_OK(fstat(fd, &st));
        CHECK_EQ(st.st_mode, S_IFREG | 0444);
        snprintf(want, sizeof(want), "%.*s:[%llu]", (int)strcspn(all[i].name, "_"), all[i].name,
                 (unsigned long long)st.st_ino);
        CHECK_STR(text, want);
        CHECK_OK(fstatfs(fd, &sf));
        CHECK_EQ(sf.f_type, 0x6e736673);
        CHECK_EQ(ioctl(fd, NS_GET_NSTYPE), (int)all[i].kind);
        char c;
        CHECK_ERRNO(read(fd, &c, 1), EINVAL);
        CHECK_EQ(sc(SYS_setns, fd, 1), -EINVAL);
        int user = ioctl(fd, NS_GET_USERNS);
        if (all[i].kind == CLONE_NEWUSER) {
            uid_t uid = 99;
            CHECK_EQ(user, -1);
            CHECK_OK(ioctl(fd, NS_GET_OWNER_UID, &uid));
            CHECK_EQ(uid, 0);
        } else {
            CHECK(user >= 0);
            close(user);
            CHECK_ERRNO(ioctl(fd, NS_GET_OWNER_UID, &user), EINVAL);
        }
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        memset(text, 0, sizeof(text));
        CHECK(readlink(path, text, sizeof(text) - 1) > 0);
        CHECK_STR(text, want);
        CHECK_ERRNO(open(path, O_RDWR), EPERM);
        close(fd);
    }
    struct stat st, self;
    CHECK_OK(stat("/proc/self/ns/net", &st));
    CHECK_OK(stat("/proc/thread-self/ns/net", &self));
    CHECK(st.st_ino == self.st_ino && st.st_dev == self.st_dev);
    CHECK_OK(lstat("/proc/self/ns/net", &st));
    CHECK_EQ(st.st_mode, S_IFLNK | 0777);
    CHECK_EQ(sc(SYS_setns, -1, 0), -EBADF);
    CHECK_EQ(sc(SYS_setns, 0, 0), -EINVAL);
    int pidfd = sc(SYS_pidfd_open, getpid(), 0);
    NEED(pidfd >= 0);
    CHECK_EQ(sc(SYS_setns, pidfd, 0), -EINVAL);
    CHECK_EQ(sc(SYS_setns, pidfd, CLONE_VM), -EINVAL);
    if (!geteuid()) {
        CHECK_EQ(sc(SYS_setns, pidfd, CLONE_NEWUTS | CLONE_NEWIPC), 0);
        int fd = open("/proc/self/ns/uts", O_RDONLY);
        CHECK_EQ(sc(SYS_setns, fd, 0), 0);
        close(fd);
        CHECK_EQ(sc(SYS_setns, pidfd, CLONE_NEWUSER), -EINVAL);
    }
    close(pidfd);
}

/* ---- security modules ------------------------------------------------------------------------ */

TEST(security_modules) {
    uint64_t ids[64] = {0}, ctx[4] = {100, 0, 32, 0};
    uint32_t size = sizeof(ids);
    long count = sc(459 + 2, ids, &size, 0);
    NEED(count >= 1);
    CHECK_EQ(size, count * 8);
    bool capability = false;
    for (long i = 0; i < count; i++)
        capability |= ids[i] == 100;
    CHECK(capability);
    size = 7;
    CHECK_EQ(sc(461, ids, &size, 0), -E2BIG);
    CHECK_EQ(size, count * 8);
    CHECK_EQ(sc(461, 8, &size, 0), -EFAULT);
    CHECK_EQ(sc(461, ids, NULL, 0), -EFAULT);
    CHECK_EQ(sc(461, ids, &size, 1), -EINVAL);
    size = sizeof(ids);
    CHECK_EQ(sc(459, 0, ids, &size, 0), -EINVAL);
    CHECK_EQ(sc(459, 100, ids, NULL, 0), -EINVAL);
    CHECK_EQ(sc(459, 100, ids, 8, 0), -EFAULT);
    CHECK_EQ(sc(459, 100, NULL, &size, 1), -EINVAL);
    CHECK_EQ(sc(459, 100, ids, &size, 2), -EINVAL);
    memset(ids, 0, sizeof(ids));
    CHECK_EQ(sc(459, 100, ids, &size, 1), -EINVAL); /* of which module? */
    CHECK_EQ(sc(460, 100, ctx, 32, 1), -EINVAL);
    CHECK_EQ(sc(460, 100, ctx, 31, 0), -EINVAL);
    CHECK_EQ(sc(460, 100, ctx, 4097, 0), -E2BIG);
    CHECK_EQ(sc(460, 100, 8, 32, 0), -EFAULT);
    ctx[3] = 1;
    CHECK_EQ(sc(460, 100, ctx, 32, 0), -EINVAL);
    ctx[3] = 0;
    CHECK_EQ(sc(460, 100, ctx, 32, 0), -EOPNOTSUPP);
}

/* ---- cachestat ------------------------------------------------------------------------------- */

#define cachestat(...) sc(451, __VA_ARGS__)

TEST(cachestat_call) {
    uint64_t all[2] = {0, 0}, one[2] = {4096, 4096}, got[5];
    int fd = open("cached", O_RDWR | O_CREAT | O_TRUNC, 0600), pipes[2];
    NEED(fd >= 0 && pipe(pipes) == 0);
    CHECK_EQ(cachestat(fd, all, got, 0), 0);
    CHECK_EQ(got[0], 0);
    char page[4096] = {1};
    for (int i = 0; i < 3; i++)
        CHECK_EQ(write(fd, page, sizeof(page)), sizeof(page));
    CHECK_EQ(cachestat(fd, all, got, 0), 0);
    CHECK_EQ(got[0], 3);
    CHECK(got[1] <= 3 && got[2] <= 3);
    CHECK_EQ(cachestat(fd, one, got, 0), 0);
    CHECK_EQ(got[0], 1);
    one[0] = 100 * 4096;
    CHECK_EQ(cachestat(fd, one, got, 0), 0);
    CHECK_EQ(got[0], 0);
    int memory = memfd_create("m", 0);
    CHECK_EQ(write(memory, page, sizeof(page)), sizeof(page));
    CHECK_EQ(cachestat(memory, all, got, 0), 0);
    CHECK_EQ(got[0], 1);
    memset(got, 0x55, sizeof(got));
    CHECK_EQ(cachestat(pipes[1], all, got, 0), 0); /* no pages, no error */
    CHECK(!(got[0] | got[1] | got[2] | got[3] | got[4]));
    CHECK_EQ(cachestat(fd, all, got, 1), -EINVAL);
    CHECK_EQ(cachestat(fd, 8, got, 0), -EFAULT);
    CHECK_EQ(cachestat(fd, 8, got, 1), -EFAULT);
    CHECK_EQ(cachestat(fd, all, 8, 0), -EFAULT);
    CHECK_EQ(cachestat(-1, 8, got, 0), -EBADF);
    int path = open("cached", O_PATH);
    CHECK_EQ(cachestat(path, all, got, 0), -EBADF);
    close(path);
    close(memory);
    close(pipes[0]);
    close(pipes[1]);
    close(fd);
    unlink("cached");
}

/* ---- file_getattr ---------------------------------------------------------------------------- */

#define getattr(...) sc(468, __VA_ARGS__)
#define setattr(...) sc(469, __VA_ARGS__)

TEST(file_attributes) {
    uint64_t a[8];
    int fd = open("attributes", O_RDWR | O_CREAT | O_TRUNC, 0600), pipes[2];
    NEED(fd >= 0 && pipe(pipes) == 0);
    CHECK_EQ(getattr(fd, "", a, 24, AT_EMPTY_PATH), 0);
    memset(a, 0x55, sizeof(a));
    CHECK_EQ(getattr(AT_FDCWD, "attributes", a, sizeof(a), 0), 0);
    CHECK(!(a[3] | a[4] | a[5] | a[6] | a[7])); /* beyond what this kernel knows */
    uint64_t before = a[0];
    a[0] |= FS_XFLAG_NODUMP;
    CHECK_EQ(setattr(AT_FDCWD, "attributes", a, 24, 0), 0);
    struct fsxattr x;
    int flags = 0;
    CHECK_OK(ioctl(fd, FS_IOC_FSGETXATTR, &x));
    CHECK_EQ(x.fsx_xflags, before | FS_XFLAG_NODUMP);
    CHECK_OK(ioctl(fd, FS_IOC_GETFLAGS, &flags));
    CHECK(flags & FS_NODUMP_FL);
    x.fsx_xflags = before;
    CHECK_OK(ioctl(fd, FS_IOC_FSSETXATTR, &x));
    CHECK_EQ(getattr(fd, "", a, 24, AT_EMPTY_PATH), 0);
    CHECK_EQ(a[0], before);
    a[0] = 1ULL << 40;
    CHECK_EQ(setattr(fd, "", a, 24, AT_EMPTY_PATH), -EINVAL);
    a[0] = before;
    a[3] = 1;
    CHECK_EQ(setattr(fd, "", a, 32, AT_EMPTY_PATH), -E2BIG);
    CHECK_EQ(setattr(fd, "", a, 23, AT_EMPTY_PATH), -EINVAL);
    CHECK_EQ(setattr(fd, "", a, 4097, AT_EMPTY_PATH), -E2BIG);
    CHECK_EQ(setattr(fd, "", 8, 24, AT_EMPTY_PATH), -EFAULT);
    CHECK_EQ(getattr(fd, "", a, 23, AT_EMPTY_PATH), -EINVAL);
    CHECK_EQ(getattr(fd, "", a, 4097, AT_EMPTY_PATH), -E2BIG);
    CHECK_EQ(getattr(fd, "", 8, 24, AT_EMPTY_PATH), -EFAULT);
    CHECK_EQ(getattr(fd, "", a, 24, 1), -EINVAL);
    CHECK_EQ(getattr(fd, "", a, 24, 0), -ENOENT);
    CHECK_EQ(getattr(AT_FDCWD, "nothing", a, 24, 0), -ENOENT);
    CHECK_EQ(getattr(pipes[0], "", a, 24, AT_EMPTY_PATH), -EOPNOTSUPP);
    CHECK_EQ(getattr(AT_FDCWD, "/proc/self/stat", a, 24, 0), -EOPNOTSUPP);
    CHECK_EQ(setattr(pipes[0], "", a, 24, AT_EMPTY_PATH), -EOPNOTSUPP);
    close(fd);
    unlink("attributes");
    close(pipes[0]);
    close(pipes[1]);
}
