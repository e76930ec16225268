/* What processes that come of one another share of open files: positions, flags, owners, locks; and
 * files in memory that all see. */
#include "oracle.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

/* A child that does `body` and tells whether all went well. */
#define SPAWN(...)                                                                                 \
    ({                                                                                             \
        pid_t p_ = fork();                                                                         \
        if (!p_) {                                                                                 \
            oracle_failures = 0;                                                                   \
            __VA_ARGS__;                                                                           \
            _exit(oracle_failures != 0);                                                           \
        }                                                                                          \
        p_;                                                                                        \
    })
#define WELL(...) CHECK_EQ(ended(__VA_ARGS__), 0)

static int ended(pid_t pid) {
    int status = -1;
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* Turns: each end says that it is there, and waits for the other. */
static int to_child[2], to_parent[2];
static void turns(void) {
    if (pipe(to_child) || pipe(to_parent))
        exit(124);
}
static void say_to(int* pipe_ends) {
    if (write(pipe_ends[1], "x", 1) != 1)
        exit(123);
}
static void hear(int* pipe_ends) {
    char c;
    if (read(pipe_ends[0], &c, 1) != 1)
        _exit(122);
}
static void no_turns(void) {
    for (int i = 0; i < 2; i++) {
        close(to_child[i]);
        close(to_parent[i]);
    }
}

/* Each test runs in a directory of the host, and in one in memory. */
static char memory[64];
static void in_both(void (*run)(void)) {
    run();
    int here = NEED_OK(open(".", O_RDONLY));
    sprintf(memory, "/dev/shm/fork_files-%d", getpid());
    CHECK_OK(mkdir(memory, 0700));
    CHECK_OK(chdir(memory));
    run();
    CHECK_OK(fchdir(here));
    CHECK_OK(rmdir(memory));
    close(here);
}

/* ---- positions and flags --------------------------------------------------------------------- */

static void positions_in(void) {
    char b[8] = {0};
    int fd = NEED_OK(open("f", O_RDWR | O_CREAT | O_TRUNC, 0600));
    CHECK_EQ(write(fd, "abcdefghij", 10), 10);
    CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
    WELL(SPAWN({
        CHECK_EQ(read(fd, b, 3), 3);
        CHECK_MEM(b, "cde", 3);
    }));
    CHECK_EQ(read(fd, b, 2), 2);
    CHECK_MEM(b, "fg", 2);
    WELL(SPAWN(CHECK_EQ(lseek(fd, 1, SEEK_SET), 1)));
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1);
    /* a description that is made after the fork is its own */
    WELL(SPAWN({
        int own = open("f", O_RDONLY);
        CHECK_EQ(read(own, b, 4), 4);
        CHECK_EQ(dup2(own, fd), fd);
    }));
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1);
    /* grandchildren too */
    WELL(SPAWN(WELL(SPAWN(CHECK_EQ(write(fd, "XY", 2), 2)))));
    CHECK_EQ(read(fd, b, 1), 1);
    CHECK_EQ(b[0], 'd');
    CHECK_EQ(pread(fd, b, 4, 0), 4);
    CHECK_MEM(b, "aXYd", 4);
    /* appending, switched on by the child */
    WELL(SPAWN(CHECK_OK(fcntl(fd, F_SETFL, O_APPEND))));
    CHECK_EQ(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(write(fd, "!", 1), 1);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
    close(fd);
    CHECK_OK(unlink("f"));
}
TEST(positions) {
    in_both(positions_in);
}

TEST(flags_and_owners) {
    int p[2];
    NEED_OK(pipe(p));
    char c;
    WELL(SPAWN({
        CHECK_OK(fcntl(p[0], F_SETFL, O_NONBLOCK));
        CHECK_OK(fcntl(p[0], F_SETOWN, getppid()));
        CHECK_OK(fcntl(p[0], F_SETSIG, SIGUSR2));
    }));
    CHECK_EQ(fcntl(p[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    CHECK_ERRNO(read(p[0], &c, 1), EAGAIN);
    CHECK_EQ(fcntl(p[0], F_GETOWN), getpid());
    CHECK_EQ(fcntl(p[0], F_GETSIG), SIGUSR2);
    WELL(SPAWN(CHECK_OK(fcntl(p[0], F_SETFL, 0))));
    CHECK_EQ(fcntl(p[0], F_GETFL) & O_NONBLOCK, 0);
    /* close-on-exec belongs to the descriptor */
    WELL(SPAWN(CHECK_OK(fcntl(p[0], F_SETFD, FD_CLOEXEC))));
    CHECK_EQ(fcntl(p[0], F_GETFD), 0);
    /* the end of the last writer, wherever it is */
    pid_t holder = SPAWN({
        close(p[0]);
        pause();
    });
    close(p[1]);
    struct pollfd w = {p[0], POLLIN, 0};
    CHECK_EQ(poll(&w, 1, 50), 0);
    kill(holder, SIGKILL);
    CHECK_EQ(ended(holder), SIGKILL);
    CHECK_EQ(read(p[0], &c, 1), 0);
    close(p[0]);
}

static int count_entries(int fd, int at_most) {
    char buf[64]; /* room for one or two at a time */
    int count = 0;
    long n;
    while (count < at_most && (n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
        for (long at = 0; at < n; at += *(unsigned short*)(buf + at + 16))
            count++;
    return count;
}

static void directories_in(void) {
    char name[16];
    CHECK_OK(mkdir("many", 0700));
    for (int i = 0; i < 40; i++) {
        sprintf(name, "many/%d", i);
        close(NEED_OK(open(name, O_CREAT | O_WRONLY, 0600)));
    }
    int fd = NEED_OK(open("many", O_RDONLY | O_DIRECTORY));
    int mine = count_entries(fd, 10), pipe_fds[2], theirs = 0;
    NEED_OK(pipe(pipe_fds));
    WELL(SPAWN({
        int n = count_entries(fd, 10);
        CHECK_EQ(write(pipe_fds[1], &n, sizeof(n)), sizeof(n));
    }));
    CHECK_EQ(read(pipe_fds[0], &theirs, sizeof(theirs)), sizeof(theirs));
    CHECK_EQ(mine + theirs + count_entries(fd, 1000), 42);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(fd);
    for (int i = 0; i < 40; i++) {
        sprintf(name, "many/%d", i);
        CHECK_OK(unlink(name));
    }
    CHECK_OK(rmdir("many"));
}
TEST(reading_directories) {
    in_both(directories_in);
}

/* ---- one tree for all ------------------------------------------------------------------------ */

static void tree_in(void) {
    char b[64] = {0};
    struct stat st;
    WELL(SPAWN({
        CHECK_OK(mkdir("d", 0750));
        int fd = open("d/new", O_RDWR | O_CREAT, 0640);
        CHECK_EQ(write(fd, "hello", 5), 5);
        CHECK_OK(symlink("new", "d/link"));
        CHECK_OK(setxattr("d/new", "user.a", "value", 5, 0));
    }));
    CHECK_OK(stat("d/new", &st));
    CHECK_EQ(st.st_size, 5);
    CHECK_EQ(st.st_mode, S_IFREG | 0640);
    CHECK_EQ(readlink("d/link", b, sizeof(b)), 3);
    CHECK_EQ(getxattr("d/new", "user.a", b, sizeof(b)), 5);
    int fd = NEED_OK(open("d/link", O_RDWR));
    CHECK_EQ(read(fd, b, sizeof(b)), 5);
    CHECK_MEM(b, "hello", 5);
    /* what one writes, the other reads; also beyond what is small */
    static char big[200000];
    memset(big, 'b', sizeof(big));
    WELL(SPAWN({
        CHECK_OK(rename("d/new", "d/moved"));
        int own = open("d/moved", O_RDWR);
        CHECK_EQ(pwrite(own, big, sizeof(big), 5), sizeof(big));
        CHECK_OK(unlink("d/link"));
    }));
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 5 + sizeof(big));
    CHECK_EQ(pread(fd, b, 4, 200001), 4);
    CHECK_MEM(b, "bbbb", 4);
    CHECK_ERRNO(access("d/link", F_OK), ENOENT);
    CHECK_ERRNO(rmdir("d"), ENOTEMPTY);
    /* removed by one, open in the other; of a child that has gone since */
    WELL(SPAWN({
        CHECK_OK(unlink("d/moved"));
        CHECK_OK(rmdir("d"));
    }));
    CHECK_EQ(pread(fd, b, 5, 0), 5);
    CHECK_MEM(b, "hello", 5);
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_nlink, 0);
    WELL(SPAWN(close(fd)));
    CHECK_EQ(pread(fd, b, 5, 0), 5);
    CHECK_ERRNO(mkdir("d/x", 0700), ENOENT);
    close(fd);
}
TEST(one_tree) {
    in_both(tree_in);
}

static void mapped_in(void) {
    turns();
    int fd = NEED_OK(open("m", O_RDWR | O_CREAT, 0600));
    CHECK_OK(ftruncate(fd, 8192));
    volatile char* m = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid_t child = SPAWN({
        int own = open("m", O_RDWR);
        volatile char* o = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
        hear(to_child);
        CHECK_EQ(o[0], 'p');
        CHECK_EQ(m[4096], 'q');
        o[1] = 'c';
        say_to(to_parent);
        hear(to_child);
        CHECK_EQ(o[8192], 'g'); /* it has grown meanwhile */
        CHECK_EQ(pwrite(own, "w", 1, 2), 1);
        CHECK_OK(ftruncate(own, 16384));
        o[12288] = 'h';
        volatile char* priv = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, own, 0);
        priv[0] = 'z';
    });
    m[0] = 'p';
    m[4096] = 'q';
    say_to(to_child);
    hear(to_parent);
    CHECK_EQ(m[1], 'c');
    CHECK_OK(ftruncate(fd, 12288));
    m[8192] = 'g';
    say_to(to_child);
    WELL(child);
    CHECK_EQ(m[2], 'w');
    CHECK_EQ(m[12288], 'h');
    CHECK_EQ(m[0], 'p');
    struct stat st;
    CHECK_OK(fstat(fd, &st));
    CHECK_EQ(st.st_size, 16384);
    CHECK_OK(ftruncate(fd, 100));
    pid_t faulting = SPAWN({
        signal(SIGBUS, SIG_DFL);
        m[4096] = 1;
    });
    int status = ended(faulting);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    CHECK_EQ(m[0], 'p');
    munmap((void*)m, 16384);
    close(fd);
    CHECK_OK(unlink("m"));
    no_turns();
}
TEST(mapped_files) {
    in_both(mapped_in);
}

/* A file for all that is made after the fork by one of two brothers. */
static void brothers_in(void) {
    turns();
    pid_t a = SPAWN({
        int fd = open("b", O_RDWR | O_CREAT | O_EXCL, 0600);
        CHECK_OK(ftruncate(fd, 65536));
        char* m = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        strcpy(m + 40000, "from a brother");
        say_to(to_parent);
        hear(to_child);
    });
    pid_t b = SPAWN({
        hear(to_parent);
        int fd = open("b", O_RDWR);
        char* m = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        CHECK_STR(m + 40000, "from a brother");
        CHECK_ERRNO(open("b", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
        CHECK_OK(unlink("b"));
        CHECK_STR(m + 40000, "from a brother");
        say_to(to_child);
    });
    WELL(a);
    WELL(b);
    no_turns();
    CHECK_ERRNO(access("b", F_OK), ENOENT);
}
TEST(brothers) {
    in_both(brothers_in);
}

TEST(copies_between) {
    char b[8] = {0};
    char name[64];
    sprintf(name, "/dev/shm/fork_files-%d", getpid());
    int mem = NEED_OK(open(name, O_RDWR | O_CREAT, 0600)),
        host = open("host", O_RDWR | O_CREAT, 0600);
    CHECK_EQ(write(host, "0123456789", 10), 10);
    CHECK_EQ(lseek(host, 3, SEEK_SET), 3);
    WELL(SPAWN(CHECK_EQ(syscall(SYS_sendfile, mem, host, NULL, 4), 4)));
    CHECK_EQ(lseek(host, 0, SEEK_CUR), 7);
    CHECK_EQ(lseek(mem, 0, SEEK_CUR), 4);
    CHECK_EQ(pread(mem, b, 8, 0), 4);
    CHECK_MEM(b, "3456", 4);
    close(mem);
    close(host);
    CHECK_OK(unlink(name));
    CHECK_OK(unlink("host"));
}

/* ---- locks ----------------------------------------------------------------------------------- */

static int lock(int fd, int cmd, int type, long start, long len) {
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    return fcntl(fd, cmd, &l);
}

static void record_locks_in(void) {
    turns();
    int fd = NEED_OK(open("l", O_RDWR | O_CREAT, 0600));
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 10, 20));
    CHECK_OK(lock(fd, F_SETLK, F_RDLCK, 100, 0));
    pid_t parent = getpid();
    WELL(SPAWN(
        { /* a child has none of them */
          struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 50};
          CHECK_OK(fcntl(fd, F_GETLK, &l));
          CHECK_EQ(l.l_type, F_WRLCK);
          CHECK_EQ(l.l_start, 10);
          CHECK_EQ(l.l_len, 20);
          CHECK_EQ(l.l_pid, parent);
          l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 500, .l_len = 1};
          CHECK_OK(fcntl(fd, F_GETLK, &l));
          CHECK_EQ(l.l_type, F_RDLCK);
          CHECK_EQ(l.l_start, 100);
          CHECK_EQ(l.l_len, 0);
          CHECK_ERRNO(lock(fd, F_SETLK, F_RDLCK, 29, 1), EAGAIN);
          CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 30, 10));
          CHECK_OK(lock(fd, F_SETLK, F_RDLCK, 200, 10));
          CHECK_ERRNO(lock(fd, F_SETLK, F_WRLCK, 200, 10), EAGAIN);
          CHECK_ERRNO(lock(fd, F_OFD_SETLK, F_WRLCK, 15, 1), EAGAIN);
          /* unlocking what is another's does nothing */
          CHECK_OK(lock(fd, F_SETLK, F_UNLCK, 0, 0));
          CHECK_ERRNO(lock(fd, F_SETLK, F_RDLCK, 10, 1), EAGAIN);
          /* nor does closing */
          int other = open("l", O_RDWR);
          close(other);
          CHECK_ERRNO(lock(fd, F_SETLK, F_RDLCK, 10, 1), EAGAIN);
          CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 50, 1)); /* ends with the process */
        }));
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 50, 1));
    /* waiting: until it is unlocked, and until the owner closes any descriptor on the file */
    CHECK_OK(lock(fd, F_SETLK, F_UNLCK, 100, 0));
    for (int how = 0; how < 3; how++) {
        pid_t child = SPAWN({
            int own = open("l", O_RDWR);
            CHECK_OK(lock(own, F_SETLK, F_WRLCK, 300, 10));
            say_to(to_parent);
            hear(to_child);
            usleep(20000);
            if (how == 0)
                CHECK_OK(lock(own, F_SETLK, F_UNLCK, 305, 5));
            if (how == 1)
                close(open("l", O_RDONLY));
            if (how != 2) {
                say_to(to_parent);
                hear(to_child);
            }
        });
        hear(to_parent);
        CHECK_ERRNO(lock(fd, F_SETLK, F_WRLCK, 305, 5), EAGAIN);
        say_to(to_child);
        CHECK_OK(lock(fd, F_SETLKW, F_WRLCK, 305, 5));
        CHECK_OK(lock(fd, F_SETLK, F_UNLCK, 305, 5));
        if (how != 2) {
            hear(to_parent);
            say_to(to_child);
        }
        WELL(child);
    }
    close(fd);
    CHECK_OK(unlink("l"));
    no_turns();
}
TEST(record_locks) {
    in_both(record_locks_in);
}

/* Whoever closes the circle is told so, and lets go. */
static int closes_circle(int fd, long mine, long other) {
    int ret = lock(fd, F_SETLKW, F_WRLCK, other, 1);
    bool told = ret == -1 && errno == EDEADLK;
    CHECK(ret == 0 || told);
    CHECK_OK(lock(fd, F_SETLK, F_UNLCK, mine, 1));
    return told;
}

static void deadlock_in(void) {
    turns();
    int fd = NEED_OK(open("l", O_RDWR | O_CREAT, 0600));
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    pid_t child = SPAWN({
        CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 1, 1));
        say_to(to_parent);
        _exit(closes_circle(fd, 1, 0) ? 7 : oracle_failures != 0);
    });
    hear(to_parent);
    int told = closes_circle(fd, 0, 1);
    CHECK_EQ(ended(child), told ? 0 : 7 << 8);
    close(fd);
    CHECK_OK(unlink("l"));
    no_turns();
}
TEST(deadlock) {
    in_both(deadlock_in);
}

static void whole_file_locks_in(void) {
    turns();
    int fd = NEED_OK(open("w", O_RDWR | O_CREAT, 0600));
    CHECK_OK(flock(fd, LOCK_EX));
    WELL(SPAWN({
        int own = open("w", O_RDONLY);
        CHECK_ERRNO(flock(own, LOCK_SH | LOCK_NB), EWOULDBLOCK);
        CHECK_OK(flock(fd, LOCK_EX | LOCK_NB)); /* the same description */
        CHECK_OK(flock(fd, LOCK_SH | LOCK_NB));
        CHECK_OK(flock(own, LOCK_SH | LOCK_NB));
        close(fd); /* the parent still has it */
        CHECK_ERRNO(flock(own, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    }));
    pid_t child = SPAWN({
        hear(to_child);
        int own = open("w", O_RDONLY);
        CHECK_ERRNO(flock(own, LOCK_EX | LOCK_NB), EWOULDBLOCK);
        CHECK_OK(flock(fd, LOCK_UN)); /* for the parent, that has closed it */
        CHECK_OK(flock(own, LOCK_EX | LOCK_NB));
        say_to(to_parent);
        hear(to_child);
    });
    close(fd);
    fd = open("w", O_RDWR);
    CHECK_ERRNO(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    say_to(to_child);
    hear(to_parent);
    CHECK_ERRNO(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
    say_to(to_child);
    CHECK_OK(flock(fd, LOCK_EX));
    WELL(child);
    /* taken by the child on the parent's description, it outlives the child */
    CHECK_OK(flock(fd, LOCK_UN));
    WELL(SPAWN(CHECK_OK(flock(fd, LOCK_EX))));
    int own = open("w", O_RDONLY);
    CHECK_ERRNO(flock(own, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    close(fd);
    CHECK_OK(flock(own, LOCK_SH | LOCK_NB));
    /* OFD locks likewise */
    fd = open("w", O_RDWR);
    WELL(SPAWN(CHECK_OK(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10))));
    int third = open("w", O_RDWR);
    CHECK_ERRNO(lock(third, F_OFD_SETLK, F_WRLCK, 5, 10), EAGAIN);
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    CHECK_OK(fcntl(third, F_GETLK, &l));
    CHECK_EQ(l.l_pid, -1);
    CHECK_EQ(l.l_len, 10);
    close(fd);
    CHECK_OK(lock(third, F_OFD_SETLK, F_WRLCK, 5, 10));
    close(third);
    close(own);
    CHECK_OK(unlink("w"));
    no_turns();
}
TEST(whole_file_locks) {
    in_both(whole_file_locks_in);
}

/* A process that is killed leaves no lock behind. */
static void killed_in(void) {
    turns();
    int fd = NEED_OK(open("k", O_RDWR | O_CREAT, 0600));
    pid_t child = SPAWN({
        int own = open("k", O_RDWR);
        CHECK_OK(lock(own, F_SETLK, F_WRLCK, 0, 10));
        CHECK_OK(flock(own, LOCK_EX));
        say_to(to_parent);
        pause();
    });
    hear(to_parent);
    CHECK_ERRNO(lock(fd, F_SETLK, F_RDLCK, 0, 1), EAGAIN);
    CHECK_ERRNO(flock(fd, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    kill(child, SIGKILL);
    CHECK_EQ(ended(child), SIGKILL);
    CHECK_OK(lock(fd, F_SETLK, F_RDLCK, 0, 1));
    CHECK_OK(flock(fd, LOCK_SH | LOCK_NB));
    close(fd);
    CHECK_OK(unlink("k"));
    no_turns();
}
TEST(killed) {
    in_both(killed_in);
}

/* ---- FIFOs ----------------------------------------------------------------------------------- */

static void fifos_in(void) {
    char b[16] = {0};
    turns();
    CHECK_OK(mkfifo("p", 0600));
    CHECK_ERRNO(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
    pid_t writer = SPAWN({
        int fd = open("p", O_WRONLY); /* waits for a reader */
        CHECK(fd >= 0);
        CHECK_EQ(write(fd, "one", 3), 3);
        hear(to_child);
        CHECK_EQ(write(fd, "two", 3), 3);
    });
    pid_t reader = SPAWN({
        int fd = open("p", O_RDONLY);
        CHECK_EQ(read(fd, b, sizeof(b)), 3);
        CHECK_MEM(b, "one", 3);
        say_to(to_parent);
        CHECK_EQ(read(fd, b, sizeof(b)), 3);
        CHECK_MEM(b, "two", 3);
        CHECK_EQ(read(fd, b, sizeof(b)), 0); /* the writer has ended */
        say_to(to_parent);
        hear(to_child);
    });
    hear(to_parent);
    say_to(to_child);
    WELL(writer);
    hear(to_parent);
    int fd = NEED_OK(open("p", O_WRONLY | O_NONBLOCK)); /* there is a reader */
    say_to(to_child);
    WELL(reader);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(write(fd, "x", 1), EPIPE);
    signal(SIGPIPE, SIG_DFL);
    close(fd);
    CHECK_ERRNO(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
    /* an end that was inherited keeps it open */
    int both = NEED_OK(open("p", O_RDWR));
    pid_t keeper = SPAWN({
        hear(to_child);
        CHECK_EQ(read(both, b, 4), 4);
        CHECK_MEM(b, "kept", 4);
    });
    CHECK_EQ(write(both, "ke", 2), 2);
    close(both);
    fd = NEED_OK(open("p", O_WRONLY | O_NONBLOCK));
    CHECK_EQ(write(fd, "pt", 2), 2);
    say_to(to_child);
    WELL(keeper);
    close(fd);
    CHECK_OK(unlink("p"));
    no_turns();
}
TEST(fifos) {
    in_both(fifos_in);
}

/* ---- watches --------------------------------------------------------------------------------- */

/* Which of these events there are. */
static unsigned events_of(int fd) {
    char buf[4096] __attribute__((aligned(8)));
    unsigned all = 0;
    long n = read(fd, buf, sizeof(buf));
    for (char* at = buf; n > 0 && at < buf + n;) {
        const struct inotify_event* e = (void*)at;
        all |= e->mask;
        if (e->mask & (IN_CREATE | IN_DELETE))
            CHECK_STR(e->name, "seen");
        at += sizeof(*e) + e->len;
    }
    return all;
}

static void watches_in(void) {
    turns();
    CHECK_OK(mkdir("seen-dir", 0700));
    int fd = NEED_OK(inotify_init1(0)), ep = NEED_OK(epoll_create1(0));
    CHECK_OK(inotify_add_watch(fd, "seen-dir", IN_CREATE | IN_DELETE | IN_CLOSE_WRITE));
    struct epoll_event ev = {.events = EPOLLIN};
    CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
    pid_t child = SPAWN({
        hear(to_child);
        usleep(20000);
        int f = open("seen-dir/seen", O_WRONLY | O_CREAT, 0600);
        hear(to_child);
        usleep(20000);
        close(f);
        hear(to_child);
        usleep(20000);
        unlink("seen-dir/seen");
        hear(to_child);
        CHECK_EQ(events_of(fd), IN_CREATE); /* of the parent, through the shared instance */
    });
    say_to(to_child);
    CHECK_EQ(events_of(fd), IN_CREATE); /* waits */
    CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
    say_to(to_child);
    CHECK_EQ(epoll_wait(ep, &ev, 1, 5000), 1);
    CHECK_EQ(events_of(fd), IN_CLOSE_WRITE);
    say_to(to_child);
    struct pollfd p = {fd, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 5000), 1);
    CHECK_EQ(events_of(fd), IN_DELETE);
    close(NEED_OK(open("seen-dir/seen", O_RDONLY | O_CREAT, 0600)));
    say_to(to_child);
    WELL(child);
    CHECK_OK(unlink("seen-dir/seen"));
    CHECK_OK(rmdir("seen-dir"));
    close(ep);
    close(fd);
    no_turns();
}
TEST(watches) {
    in_both(watches_in);
}
