/* A thousand threads at once; and thirty-two busy ones that share nothing (each its own file,
 * mapping, futex). With STORM_VERBOSE=1 in the environment the work done per second of wall and of
 * processor time is told, to be compared with native: no lock of the system may show. */
#include "storm.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define N        32
#define THOUSAND 1000

static char dir[] = "/tmp/storm_scale.XXXXXX";

static void* filer(void* arg) {
    struct storm_worker* w = arg;
    char name[64], buf[512] = {0};
    snprintf(name, sizeof(name), "%s/%d", dir, w->index);
    while (!atomic_load(&storm_stop)) {
        int fd = open(name, O_CREAT | O_RDWR, 0600);
        if (fd < 0) {
            STORM_BAD("open: errno %d", errno);
            break;
        }
        for (int i = 0; i < 16; i++) {
            buf[0] = i;
            STORM_CHECK(pwrite(fd, buf, sizeof(buf), i * 512) == sizeof(buf));
            STORM_CHECK(pread(fd, buf, sizeof(buf), i * 512) == sizeof(buf) && buf[0] == i);
        }
        struct stat st;
        STORM_CHECK(!fstat(fd, &st) && st.st_size == 16 * 512);
        STORM_CHECK(!close(fd));
        atomic_fetch_add(&w->progress, 1);
    }
    unlink(name);
    return NULL;
}

static void* mapper(void* arg) {
    struct storm_worker* w = arg;
    while (!atomic_load(&storm_stop)) {
        char* p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) {
            STORM_BAD("mmap: errno %d", errno);
            break;
        }
        for (int i = 0; i < 65536; i += 4096)
            p[i] = 1;
        STORM_CHECK(!mprotect(p + 8192, 4096, PROT_READ));
        STORM_CHECK(!munmap(p, 65536));
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

/* Faults and user memory only: the mapping stays. */
static void* toucher(void* arg) {
    struct storm_worker* w = arg;
    char* p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    while (!atomic_load(&storm_stop)) {
        for (int i = 0; i < 65536; i += 4096)
            p[i]++;
        STORM_CHECK(!madvise(p, 65536, MADV_DONTNEED));
        atomic_fetch_add(&w->progress, 1);
    }
    munmap(p, 65536);
    return NULL;
}

static struct {
    atomic_uint word;
    char pad[60];
} words[N];

static void* futexer(void* arg) {
    struct storm_worker* w = arg;
    atomic_uint *mine = &words[w->index].word, *other = &words[w->index ^ 1].word;
    unsigned n = 0;
    while (!atomic_load(&storm_stop)) {
        n++;
        atomic_store(other, n);
        syscall(SYS_futex, other, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        while (atomic_load(mine) < n && !atomic_load(&storm_stop)) {
            struct timespec t = {0, 100000000};
            syscall(SYS_futex, mine, FUTEX_WAIT_PRIVATE, n - 1, &t, NULL, 0);
        }
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

static void* caller(void* arg) {
    struct storm_worker* w = arg;
    while (!atomic_load(&storm_stop)) {
        for (int i = 0; i < 100; i++)
            syscall(SYS_getppid);
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

static void* allocator(void* arg) {
    struct storm_worker* w = arg;
    void* p[32] = {0};
    while (!atomic_load(&storm_stop)) {
        int i = storm_random(w) % 32;
        free(p[i]);
        p[i] = malloc(storm_random(w) % (storm_random(w) % 64 ? 2000 : 200000));
        memset(p[i], 1, 1);
        atomic_fetch_add(&w->progress, 1);
    }
    for (int i = 0; i < 32; i++)
        free(p[i]);
    return NULL;
}

static double cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void part(const char* name, void* (*worker)(void*)) {
    double c = cpu(), t = storm_now();
    storm_run(name, N, worker, NULL);
    unsigned long sum = 0;
    for (int i = 0; i < N; i++)
        sum += storm_workers[i].progress;
    if (getenv("STORM_VERBOSE"))
        fprintf(stderr, "  %s: %.0f per second, %.0f per processor second\n", name,
                sum / (storm_now() - t), sum / (cpu() - c));
}

static pthread_barrier_t all;
static atomic_int present;

static void* one_of_many(void* arg) {
    atomic_fetch_add(&present, 1);
    pthread_barrier_wait(&all);
    return arg;
}

static void thousand(void) {
    static pthread_t t[THOUSAND];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 * 1024);
    pthread_barrier_init(&all, NULL, THOUSAND + 1);
    for (long i = 0; i < THOUSAND; i++) {
        int e = pthread_create(&t[i], &attr, one_of_many, (void*)i);
        if (e) {
            storm_say("FAIL thousand: thread %ld: %s\n", i, strerror(e));
            _exit(92);
        }
    }
    pthread_barrier_wait(&all);
    if (present != THOUSAND)
        STORM_BAD("%d threads", present);
    for (long i = 0; i < THOUSAND; i++) {
        void* r;
        STORM_CHECK(!pthread_join(t[i], &r) && r == (void*)i);
    }
    storm_say("ok thousand\n");
}

int main(int argc, char** argv) {
    storm_args(argc, argv);
    if (!mkdtemp(dir)) {
        storm_say("FAIL mkdtemp: errno %d\n", errno);
        return 93;
    }
    if (STORM_PART(argc, argv, "thousand"))
        thousand();
    if (STORM_PART(argc, argv, "call"))
        part("call", caller);
    if (STORM_PART(argc, argv, "file"))
        part("file", filer);
    if (STORM_PART(argc, argv, "map"))
        part("map", mapper);
    if (STORM_PART(argc, argv, "touch"))
        part("touch", toucher);
    if (STORM_PART(argc, argv, "futex"))
        part("futex", futexer);
    if (STORM_PART(argc, argv, "malloc"))
        part("malloc", allocator);
    rmdir(dir);
    return storm_result();
}
