/* Several processes append, lock, create, rename and remove in one directory, of the host and in
 * memory; some are killed meanwhile. FORK_FILES_ROUNDS in the environment: how much, instead of 60.
 */
#include "oracle.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WORKERS 5
#define NAMES   12
#define LINE    24

static int rounds = 60;

static unsigned next_random(unsigned* state) {
    *state = *state * 1103515245 + 12345;
    return *state >> 16 & 0x7fff;
}

static void fail(const char* what) {
    say("worker: %s: errno %s\n", what, errno_name(errno));
    _exit(1);
}

static int record_lock(int fd, int type, long start) {
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};
    int ret;
    while ((ret = fcntl(fd, F_SETLKW, &l)) && errno == EINTR)
        ;
    return ret;
}

/* A number in a file goes up by one. */
static void count_up(int fd, long at) {
    long n = 0;
    if (pread(fd, &n, sizeof(n), at) < 0)
        fail("pread");
    n++;
    if (pwrite(fd, &n, sizeof(n), at) != sizeof(n))
        fail("pwrite");
}

static void names(unsigned* state) {
    char a[16], b[16], buf[3000];
    sprintf(a, "n%u", next_random(state) % NAMES);
    sprintf(b, "n%u", next_random(state) % NAMES);
    int fd;
    switch (next_random(state) % 6) {
        case 0:
            fd = open(a, O_RDWR | O_CREAT, 0600);
            if (fd < 0)
                fail("create");
            memset(buf, *a, sizeof(buf));
            for (unsigned i = next_random(state) % 20; i-- > 0;)
                if (write(fd, buf, sizeof(buf)) != sizeof(buf))
                    fail("write");
            close(fd);
            break;
        case 1:
            if (unlink(a) && errno != ENOENT)
                fail("unlink");
            break;
        case 2:
            if (rename(a, b) && errno != ENOENT)
                fail("rename");
            break;
        case 3:
            if (link(a, b) && errno != ENOENT && errno != EEXIST)
                fail("link");
            break;
        case 4:
            fd = open(a, O_RDWR);
            if (fd < 0 && errno != ENOENT)
                fail("open");
            if (fd >= 0 && ftruncate(fd, next_random(state) * 3))
                fail("ftruncate");
            if (fd >= 0 && pread(fd, buf, sizeof(buf), 0) < 0)
                fail("pread");
            if (fd >= 0)
                close(fd);
            break;
        default: {
            DIR* d = opendir(".");
            if (!d)
                fail("opendir");
            while (readdir(d))
                ;
            closedir(d);
        }
    }
}

static void worker(int number, int log, int counters, long* shared) {
    unsigned state = 7 * number + 1;
    char line[LINE + 1];
    int own = open("whole", O_RDWR);
    for (int i = 0; i < rounds; i++) {
        snprintf(line, sizeof(line), "%-*s\n", LINE - 1, number % 2 ? "odd" : "even");
        if (write(log, line, LINE) != LINE)
            fail("append");
        if (record_lock(counters, F_WRLCK, i % 3 * 8))
            fail("lock");
        count_up(counters, i % 3 * 8);
        if (record_lock(counters, F_UNLCK, i % 3 * 8))
            fail("unlock");
        if (flock(own, LOCK_EX))
            fail("flock");
        count_up(own, 0);
        if (flock(own, LOCK_UN))
            fail("unflock");
        __atomic_add_fetch(shared, 1, __ATOMIC_SEQ_CST);
        for (int j = 0; j < 4; j++)
            names(&state);
    }
    _exit(0);
}

/* Until it is killed: it must leave nothing locked and nothing broken. */
static void victim(int number) {
    unsigned state = 99 * number + 5;
    int fd = open("victims", O_RDWR | O_CREAT, 0600), whole = open("victims", O_RDWR);
    for (;;) {
        names(&state);
        record_lock(fd, F_WRLCK, 0);
        flock(whole, LOCK_EX);
        names(&state);
        flock(whole, LOCK_UN);
        record_lock(fd, F_UNLCK, 0);
    }
}

static void clean(void) {
    DIR* d = opendir(".");
    struct dirent* e;
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            CHECK_OK(unlink(e->d_name));
    closedir(d);
}

static void storm_here(void) {
    int log = NEED_OK(open("log", O_WRONLY | O_CREAT | O_APPEND, 0600));
    int counters = NEED_OK(open("counters", O_RDWR | O_CREAT, 0600));
    int whole = NEED_OK(open("whole", O_RDWR | O_CREAT, 0600));
    CHECK_OK(ftruncate(counters, 4096));
    long* shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, counters, 0);
    pid_t pids[WORKERS], victims[2];
    for (int i = 0; i < WORKERS; i++)
        if (!(pids[i] = fork()))
            worker(i, log, counters, shared + 100);
    for (int kills = 0; kills < 6; kills++) {
        for (int i = 0; i < 2; i++)
            if (!(victims[i] = fork()))
                victim(i);
        usleep(3000 + kills * 1700);
        for (int i = 0; i < 2; i++) {
            int status = 0;
            CHECK_OK(kill(victims[i], SIGKILL));
            CHECK_EQ(waitpid(victims[i], &status, 0), victims[i]);
            CHECK_EQ(status, SIGKILL);
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        int status = -1;
        CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
        CHECK_EQ(status, 0);
    }
    long n[3], w = 0;
    CHECK_EQ(pread(counters, n, sizeof(n), 0), sizeof(n));
    CHECK_EQ(n[0] + n[1] + n[2], WORKERS * rounds);
    CHECK_EQ(pread(whole, &w, sizeof(w), 0), sizeof(w));
    CHECK_EQ(w, WORKERS * rounds);
    CHECK_EQ(shared[100], WORKERS * rounds);
    int victims_file = open("victims", O_RDWR);
    if (victims_file >= 0) {
        CHECK_OK(flock(victims_file, LOCK_EX | LOCK_NB));
        struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        CHECK_OK(fcntl(victims_file, F_SETLK, &l));
        close(victims_file);
    }
    /* every line is whole */
    int again = open("log", O_RDONLY);
    char line[LINE];
    int odd = 0, even = 0;
    while (read(again, line, LINE) == LINE) {
        odd += !memcmp(line, "odd  ", 5) && line[LINE - 1] == '\n';
        even += !memcmp(line, "even ", 5) && line[LINE - 1] == '\n';
    }
    CHECK_EQ(odd, WORKERS / 2 * rounds);
    CHECK_EQ(even, (WORKERS - WORKERS / 2) * rounds);
    munmap(shared, 4096);
    close(again);
    close(whole);
    close(counters);
    close(log);
    clean();
}

static void storm_in(const char* top) {
    char dir[64];
    sprintf(dir, "%s/storm-%d", top, getpid());
    int here = NEED_OK(open(".", O_RDONLY));
    NEED_OK(mkdir(dir, 0700));
    CHECK_OK(chdir(dir));
    storm_here();
    CHECK_OK(fchdir(here));
    CHECK_OK(rmdir(dir));
    close(here);
}

TEST(in_memory) {
    const char* more = getenv("FORK_FILES_ROUNDS");
    if (more)
        rounds = atoi(more);
    storm_in("/dev/shm");
}

TEST(on_the_host) {
    storm_in(".");
}

/* Forks in the midst of other threads' work on files. */
static int stop_threads;
static void* busy_thread(void* arg) {
    unsigned state = 11 * (unsigned)(long)arg + 3;
    int log = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
    while (!__atomic_load_n(&stop_threads, __ATOMIC_SEQ_CST)) {
        names(&state);
        int fd = open("counters", O_RDWR | O_CREAT, 0600);
        char b[100] = {0};
        if (write(log, b, 100) != 100 || write(fd, b, 100) != 100 || lseek(fd, 0, SEEK_SET))
            fail("write");
        record_lock(fd, F_WRLCK, 0);
        flock(fd, LOCK_SH | LOCK_NB);
        close(fd);
    }
    close(log);
    return NULL;
}

TEST(threads_and_forks) {
    char dir[64];
    pthread_t threads[3];
    sprintf(dir, "/dev/shm/storm-%d", getpid());
    int here = NEED_OK(open(".", O_RDONLY));
    NEED_OK(mkdir(dir, 0700));
    CHECK_OK(chdir(dir));
    stop_threads = 0;
    for (long i = 0; i < 3; i++)
        NEED(!pthread_create(&threads[i], NULL, busy_thread, (void*)i));
    for (int i = 0; i < rounds; i++) {
        pid_t p = fork();
        if (!p) {
            unsigned state = 5 * i;
            for (int j = 0; j < 10; j++)
                names(&state);
            _exit(0);
        }
        int status = -1;
        CHECK_EQ(waitpid(p, &status, 0), p);
        CHECK_EQ(status, 0);
    }
    __atomic_store_n(&stop_threads, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    clean();
    CHECK_OK(fchdir(here));
    CHECK_OK(rmdir(dir));
    close(here);
}
