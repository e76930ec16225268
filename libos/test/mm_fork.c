/* Memory over fork: private memory is each one's own, shared memory is one; what madvise asks for
 * the child; and the child goes on to map, move, grow and give back as any process does. */
#include "oracle_mem.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/wait.h>

#define RW (PROT_READ | PROT_WRITE)
#define PA (MAP_PRIVATE | MAP_ANONYMOUS)
#define SA (MAP_SHARED | MAP_ANONYMOUS)

/* Runs the block in a child; its failed checks count here. */
static int child_failed;
#define IN_CHILD                                                                                   \
    for (pid_t pid_ = fork(), once_ = 1; once_; once_ = 0, after_child(pid_))                      \
        if (pid_ == 0 && begin_child())

static bool begin_child(void) {
    child_failed = oracle_failures;
    return true;
}

static void after_child(pid_t pid) {
    int status = -1;
    if (pid == 0)
        _exit(oracle_failures != child_failed);
    CHECK(pid > 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

static void fill(char* p, size_t pages, int salt) {
    for (size_t i = 0; i < pages; i++)
        memset(p + i * PAGE, (int)(salt + i), PAGE);
}

static bool holds(const char* p, size_t pages, int salt) {
    for (size_t i = 0; i < pages; i++) {
        for (size_t n = 0; n < PAGE; n += 61) {
            if (p[i * PAGE + n] != (char)(salt + i))
                return false;
        }
    }
    return true;
}

static int heap_word = 3;

TEST(private_is_separate) {
    char* p = map_anon(300, RW);
    fill(p, 300, 1);
    int fd = temp_file("private", 4 * PAGE);
    char* f = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, 0);
    NEED(f != MAP_FAILED);
    f[0] = 'p';
    volatile int local = 5;
    IN_CHILD {
        CHECK(holds(p, 300, 1));
        CHECK_EQ(f[0], 'p');
        fill(p, 300, 77);
        f[0] = 'c';
        f[PAGE] = 'c';
        local = 6;
        heap_word = 9;
        CHECK(holds(p, 300, 77));
    }
    CHECK(holds(p, 300, 1));
    CHECK_EQ(f[0], 'p');
    CHECK_EQ(f[PAGE], 0);
    CHECK_EQ(local, 5);
    CHECK_EQ(heap_word, 3);
    /* and the other way round: what the parent writes later is not the child's */
    int go[2];
    NEED_OK(pipe(go));
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        close(go[1]);
        if (read(go[0], &c, 1) != 0 || !holds(p, 300, 1))
            _exit(1);
        _exit(0);
    }
    fill(p, 300, 40);
    close(go[0]);
    close(go[1]);
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    munmap(p, 300 * PAGE);
    munmap(f, 4 * PAGE);
    close(fd);
}

TEST(shared_is_one) {
    char* p = mmap(NULL, 20 * PAGE, RW, SA, -1, 0);
    int fd = temp_file("shared", 4 * PAGE), mem = memfd_create("shared", 0);
    NEED_OK(ftruncate(mem, 4 * PAGE));
    char* f = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    char* m = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, mem, 0);
    int id = shmget(IPC_PRIVATE, 4 * PAGE, IPC_CREAT | 0600);
    char* s = id < 0 ? MAP_FAILED : shmat(id, NULL, 0);
    NEED(p != MAP_FAILED && f != MAP_FAILED && m != MAP_FAILED && s != MAP_FAILED);
    p[0] = f[0] = m[0] = s[0] = 1;
    IN_CHILD {
        CHECK_EQ(p[0] + f[0] + m[0] + s[0], 4);
        p[19 * PAGE] = f[3 * PAGE] = m[3 * PAGE] = s[3 * PAGE] = 2; /* pages not touched before */
        p[0] = f[0] = m[0] = s[0] = 3;
        CHECK_OK(munmap(p, PAGE)); /* the parent keeps it */
        IN_CHILD {
            p[18 * PAGE] = 5;
        }
    }
    CHECK_EQ(p[0] + f[0] + m[0] + s[0], 12);
    CHECK_EQ(p[19 * PAGE] + f[3 * PAGE] + m[3 * PAGE] + s[3 * PAGE], 8);
    CHECK_EQ(p[18 * PAGE], 5);
    char c;
    CHECK_EQ(pread(fd, &c, 1, 3 * PAGE), 1);
    CHECK_EQ(c, 2);
    shmdt(s);
    shmctl(id, IPC_RMID, NULL);
    munmap(p, 20 * PAGE);
    close(fd);
    close(mem);
}

/* Shared memory that moved, was split or protected before the fork. */
TEST(shared_after_changes) {
    char* p = mmap(NULL, 16 * PAGE, RW, SA, -1, 0);
    NEED(p != MAP_FAILED);
    fill(p, 16, 1);
    char* q = mremap(p, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, map_anon(8, RW));
    NEED(q != MAP_FAILED);
    NEED_OK(mprotect(p + 8 * PAGE, 4 * PAGE, PROT_READ));
    IN_CHILD {
        CHECK(holds(q, 8, 1));
        CHECK(holds(p + 8 * PAGE, 8, 9));
        q[0] = 99;
        CHECK_EQ(write_fault(p + 8 * PAGE).signo, SIGSEGV);
        CHECK_OK(mprotect(p + 8 * PAGE, 4 * PAGE, RW));
        p[8 * PAGE] = 98;
        char* again = mremap(q, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, map_anon(8, RW));
        CHECK(again != MAP_FAILED);
        again[PAGE] = 97;
    }
    CHECK_EQ(q[0], 99);
    CHECK_EQ(q[PAGE], 97);
    CHECK_EQ(p[8 * PAGE], 98);
    CHECK_EQ(write_fault(p + 8 * PAGE).signo, SIGSEGV);
    munmap(q, 8 * PAGE);
    munmap(p + 8 * PAGE, 8 * PAGE);
}

TEST(advice_for_the_child) {
    char* p = map_alone(12, RW);
    fill(p, 12, 1);
    NEED_OK(madvise(p, 4 * PAGE, MADV_DONTFORK));
    NEED_OK(madvise(p + 4 * PAGE, 4 * PAGE, MADV_WIPEONFORK));
    IN_CHILD {
        struct map m;
        CHECK(!map_of(p, &m));
        CHECK_EQ(read_fault(p).code, SEGV_MAPERR);
        CHECK(map_of(p + 4 * PAGE, &m));
        for (int i = 4; i < 8; i++)
            CHECK_EQ(p[i * PAGE], 0);
        CHECK(holds(p + 8 * PAGE, 4, 9));
        p[5 * PAGE] = 3;
        char* q = mmap(p, PAGE, RW, PA | MAP_FIXED, -1, 0);
        CHECK(q == p && q[0] == 0);
        IN_CHILD {
            CHECK_EQ(p[5 * PAGE], 0); /* wiped again: the advice is inherited */
            CHECK_EQ(p[0], 0);
        }
        CHECK_EQ(p[5 * PAGE], 3);
    }
    CHECK(holds(p, 12, 1));
    NEED_OK(madvise(p, 4 * PAGE, MADV_DOFORK));
    NEED_OK(madvise(p + 4 * PAGE, 4 * PAGE, MADV_KEEPONFORK));
    IN_CHILD {
        CHECK(holds(p, 12, 1));
    }
    munmap(p, 12 * PAGE);
}

static unsigned long status_kb(const char* key) {
    char line[256];
    unsigned long kb = -1UL;
    FILE* f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof(line), f)) {
        if (!strncmp(line, key, strlen(key)))
            kb = strtoul(line + strlen(key), NULL, 10);
    }
    if (f)
        fclose(f);
    return kb;
}

TEST(locks_are_not_inherited) {
    char* p = map_anon(4, RW);
    NEED_OK(mlock(p, 4 * PAGE));
    CHECK_EQ(status_kb("VmLck:"), 16);
    IN_CHILD {
        CHECK_EQ(status_kb("VmLck:"), 0);
        CHECK_OK(madvise(p, PAGE, MADV_DONTNEED)); /* EINVAL for what is locked */
    }
    CHECK_ERRNO(madvise(p, PAGE, MADV_DONTNEED), EINVAL);
    munlock(p, 4 * PAGE);
    munmap(p, 4 * PAGE);
}

/* Both see the same list, but for what the child may not have. */
TEST(maps_in_the_child) {
    char* p = map_alone(6, RW);
    NEED_OK(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ));
    struct map a[3], m;
    for (int i = 0; i < 3; i++)
        NEED(map_of(p + 2 * i * PAGE, &a[i]));
    IN_CHILD {
        for (int i = 0; i < 3; i++) {
            CHECK(map_of(p + 2 * i * PAGE, &m));
            CHECK_EQ(m.start, a[i].start);
            CHECK_EQ(m.end, a[i].end);
            CHECK_STR(m.perms, a[i].perms);
        }
        munmap(p + 2 * PAGE, 2 * PAGE);
        CHECK(!map_of(p + 2 * PAGE, &m));
    }
    CHECK(map_of(p + 2 * PAGE, &m));
    CHECK_STR(m.perms, "r--p");
    munmap(p, 6 * PAGE);
}

TEST(heap_and_stack_in_the_child) {
    char* brk0 = sbrk(0);
    NEED(sbrk(64 * PAGE) != (void*)-1);
    brk0[10 * PAGE] = 4;
    struct map m;
    char* far;
    NEED(map_of(&m, &m));
    far = (char*)m.start - 40 * PAGE;
    *far = 8; /* grown before the fork, by the program alone */
    IN_CHILD {
        CHECK(sbrk(0) == brk0 + 64 * PAGE);
        CHECK_EQ(brk0[10 * PAGE], 4);
        CHECK_EQ(*far, 8);
        CHECK(sbrk(64 * PAGE) != (void*)-1);
        brk0[127 * PAGE] = 5;
        CHECK_OK(brk(brk0));
        CHECK_EQ(read_fault(brk0 + 10 * PAGE).signo, SIGSEGV);
        far[-60 * (long)PAGE] = 9;
        CHECK_EQ(far[-60 * (long)PAGE], 9);
        struct map now;
        CHECK(map_of(&now, &now));
        CHECK_EQ(now.start, ((uintptr_t)far & -PAGE) - 60 * PAGE);
    }
    CHECK(sbrk(0) == brk0 + 64 * PAGE);
    CHECK_EQ(brk0[10 * PAGE], 4);
    CHECK(map_of(&m, &m));
    CHECK_EQ(m.start, (uintptr_t)far & -PAGE);
    CHECK_OK(brk(brk0));
}

/* A child maps where its parent does, and neither meets the other. */
TEST(both_go_on) {
    char* p = map_anon(64, RW);
    fill(p, 64, 1);
    int go[2];
    NEED_OK(pipe(go));
    pid_t pid = fork();
    int salt = pid ? 3 : 90;
    bool good = pid >= 0;
    for (int i = 0; i < 200; i++) {
        char* q = mmap(NULL, 16 * PAGE, RW, PA, -1, 0);
        good = good && q != MAP_FAILED && q[0] == 0;
        fill(q, 16, salt);
        q = mremap(q, 16 * PAGE, 32 * PAGE, MREMAP_MAYMOVE);
        good = good && q != MAP_FAILED && holds(q, 16, salt) && q[20 * PAGE] == 0;
        good = good && mprotect(q, PAGE, PROT_READ) == 0 && munmap(q, 32 * PAGE) == 0;
        p[i % 64 * PAGE] = (char)salt;
    }
    if (pid == 0)
        _exit(!good);
    int status;
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK(good);
    for (int i = 0; i < 64; i++)
        CHECK_EQ(p[i * PAGE], 3);
    munmap(p, 64 * PAGE);
    close(go[0]);
    close(go[1]);
}

/* Code made before the fork, run and changed on either side. */
TEST(code) {
    char* p = map_anon(2, RW | PROT_EXEC);
    memcpy(p, "\xb8\x27\0\0\0\x0f\x05\xc3", 8);
    memcpy(p + 64, "\x89\xf8\x0f\x05\x48\x3d\x01\xf0\xff\xff\xc3", 11);
    long (*made)(void) = (void*)p;
    long (*given)(long) = (void*)(p + 64);
    for (int i = 0; i < 6; i++)
        CHECK(made() == getpid() && given(SYS_getppid) == getppid());
    IN_CHILD {
        for (int i = 0; i < 6; i++)
            CHECK(made() == getpid() && given(SYS_getppid) == getppid());
        memcpy(p, "\xb8\x07\0\0\0\xc3\x90\x90", 8);
        CHECK_EQ(made(), 7);
        CHECK_EQ(given(SYS_gettid), gettid());
    }
    for (int i = 0; i < 6; i++)
        CHECK(made() == getpid() && given(SYS_getppid) == getppid());
    munmap(p, 2 * PAGE);
}

static volatile bool stop;
static void* churn(void* arg) {
    long* rounds = arg;
    while (!stop) {
        char* q = mmap(NULL, 8 * PAGE, RW, PA, -1, 0);
        if (q == MAP_FAILED)
            return (void*)1;
        fill(q, 8, 5);
        if (!holds(q, 8, 5) || mprotect(q, 4 * PAGE, PROT_READ) || munmap(q, 8 * PAGE))
            return (void*)1;
        free(malloc(100 + ++*rounds % 70000));
    }
    return NULL;
}

/* Forks while other threads map and unmap: the child's memory is whole, and it can go on. */
TEST(amid_other_threads) {
    pthread_t t[3];
    static long rounds[3];
    static char area[64 * PAGE] __attribute__((aligned(4096)));
    fill(area, 64, 2);
    for (int i = 0; i < 3; i++)
        NEED(pthread_create(&t[i], NULL, churn, &rounds[i]) == 0);
    for (int i = 0; i < 60; i++) {
        IN_CHILD {
            CHECK(holds(area, 64, 2));
            fill(area, 64, 33);
            char* q = mmap(NULL, 64 * PAGE, RW, PA, -1, 0);
            CHECK(q != MAP_FAILED);
            fill(q, 64, 8);
            CHECK(holds(q, 64, 8));
            CHECK_OK(munmap(q, 64 * PAGE));
            struct map m;
            CHECK(map_of(area, &m));
        }
    }
    stop = true;
    for (int i = 0; i < 3; i++) {
        void* ret;
        CHECK_EQ(pthread_join(t[i], &ret), 0);
        CHECK(ret == NULL);
    }
    CHECK(holds(area, 64, 2));
}
