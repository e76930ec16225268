/* Many threads that map, protect, move and empty memory at once, and that write, run and rewrite
 * code with system calls in it. Each knows what its own pages must hold. */
#include "oracle_mem.h"
#include <pthread.h>
#include <time.h>

#define THREADS 8
#define PAGES   64
#define RW      (PROT_READ | PROT_WRITE)
#define PA      (MAP_PRIVATE | MAP_ANONYMOUS)

static char* shared; /* everybody changes it, nobody reads it */
static double seconds = 1.5;

static double now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec / 1e9;
}

struct region {
    char* base;
    unsigned seed;
    unsigned char value[PAGES]; /* what fills the page */
    int prot[PAGES];
};

static unsigned draw(struct region* r, unsigned below) {
    return rand_r(&r->seed) % below;
}

static void set(struct region* r, int from, int to, int prot, bool empty) {
    for (int i = from; i < to; i++) {
        r->prot[i] = prot;
        if (empty)
            r->value[i] = 0;
    }
}

static void fill(struct region* r, int from, int to) {
    for (int i = from; i < to; i++) {
        if (r->prot[i] & PROT_WRITE) {
            r->value[i] = draw(r, 256);
            memset(r->base + i * PAGE, r->value[i], PAGE);
        }
    }
}

static void verify(struct region* r, int from, int to) {
    for (int i = from; i < to; i++) {
        for (unsigned j = 0; (r->prot[i] & PROT_READ) && j < PAGE; j += 512) {
            if ((unsigned char)r->base[i * PAGE + j] != r->value[i])
                CHECK_EQ((unsigned char)r->base[i * PAGE + j], r->value[i]);
        }
    }
}

static void move_about(int pages) {
    char* p = mmap(NULL, pages * PAGE, RW, PA, -1, 0);
    memset(p, 7, pages * PAGE);
    char* q = mremap(p, pages * PAGE, (pages + 5) * PAGE, MREMAP_MAYMOVE);
    if (!CHECK(q != MAP_FAILED))
        return;
    if (q[0] != 7 || q[pages * PAGE - 1] != 7 || q[pages * PAGE] != 0)
        CHECK(!"moved memory keeps its contents");
    munmap(q, (pages + 5) * PAGE);
}

static void disturb(struct region* r) {
    char* p = shared + draw(r, PAGES) * PAGE;
    switch (draw(r, 3)) {
        case 0:
            mmap(p, PAGE, RW, PA | MAP_FIXED, -1, 0);
            break;
        case 1:
            mprotect(p, PAGE, draw(r, 4));
            break;
        default:
            madvise(p, PAGE, MADV_DONTNEED);
            break;
    }
}

static void region_step(struct region* r) {
    int from = draw(r, PAGES), to = from + 1 + draw(r, 8);
    to = to > PAGES ? PAGES : to;
    char* p = r->base + from * PAGE;
    size_t size = (to - from) * PAGE;
    switch (draw(r, 9)) {
        case 0:
            mmap(p, size, RW, PA | MAP_FIXED, -1, 0);
            set(r, from, to, RW, true);
            break;
        case 1:
            mmap(p, size, PROT_NONE, PA | MAP_FIXED | MAP_NORESERVE, -1, 0);
            set(r, from, to, 0, true);
            break;
        case 2:
            mprotect(p, size, PROT_READ);
            set(r, from, to, PROT_READ, false);
            break;
        case 3:
            mprotect(p, size, RW);
            set(r, from, to, RW, false);
            break;
        case 4:
            madvise(p, size, MADV_DONTNEED);
            memset(r->value + from, 0, to - from);
            break;
        case 5:
            move_about(to - from);
            disturb(r);
            break;
        case 6:
            verify(r, from, to);
            break;
        default:
            fill(r, from, to);
            break;
    }
}

static void* region_thread(void* arg) {
    struct region r = {.seed = (unsigned)(uintptr_t)arg};
    r.base = mmap(NULL, PAGES * PAGE, PROT_NONE, PA | MAP_NORESERVE, -1, 0);
    for (double end = now() + seconds; now() < end;) {
        for (int i = 0; i < 100; i++)
            region_step(&r);
    }
    verify(&r, 0, PAGES);
    return NULL;
}

static void run_threads(void* (*fn)(void*)) {
    pthread_t t[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&t[i], NULL, fn, (void*)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
}

TEST(regions) {
    shared = mmap(NULL, PAGES * PAGE, RW, PA, -1, 0);
    run_threads(region_thread);
    FILE* f = fopen("/proc/self/maps", "r");
    char line[700];
    unsigned long start, end, last = 0;
    while (fgets(line, sizeof(line), f)) {
        CHECK_EQ(sscanf(line, "%lx-%lx", &start, &end), 2);
        CHECK(start >= last && end > start);
        last = end;
    }
    fclose(f);
}

/* ---- code
 * ------------------------------------------------------------------------------------------ */

/* getpid in the two shapes that are common, and a constant */
static size_t make_code(char* at, int kind, int value) {
    static const unsigned char plain[] = {0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3};
    static const unsigned char checked[] = {0xb8, 0x27, 0,    0,    0,    0x0f, 0x05,
                                            0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0xc3};
    unsigned char constant[] = {0xb8, 0, 0, 0, 0, 0x90, 0x90, 0xc3};
    memcpy(constant + 1, &value, 4);
    const unsigned char* code = kind == 0 ? plain : kind == 1 ? checked : constant;
    size_t size = kind == 1 ? sizeof(checked) : sizeof(plain);
    memcpy(at, code, size);
    return size;
}

static void code_step(struct region* r, int pid) {
    char* p = r->base + draw(r, PAGES) * PAGE;
    int offset = draw(r, 4000), kind = draw(r, 3);
    int (*fn)(void) = (void*)(p + offset);
    mmap(p, PAGE, RW, PA | MAP_FIXED, -1, 0);
    make_code(p + offset, kind, pid);
    mprotect(p, PAGE, PROT_READ | PROT_EXEC);
    for (int i = 0; i < 3; i++) {
        if (fn() != pid)
            CHECK_EQ(kind, -1);
    }
    if (draw(r, 2)) {
        mprotect(p, PAGE, RW);
        make_code(p + offset, 2, 77);
        mprotect(p, PAGE, PROT_READ | PROT_EXEC);
        if (fn() != 77)
            CHECK(!"code that was rewritten runs as it is now");
    }
    mmap(p, PAGE, PROT_NONE, PA | MAP_FIXED, -1, 0);
}

static void* code_thread(void* arg) {
    struct region r = {.seed = (unsigned)(uintptr_t)arg};
    r.base = mmap(NULL, PAGES * PAGE, PROT_NONE, PA, -1, 0);
    int pid = getpid();
    for (double end = now() + seconds; now() < end;) {
        for (int i = 0; i < 20; i++)
            code_step(&r, pid);
    }
    return NULL;
}

TEST(code) {
    run_threads(code_thread);
}
