/*
 * The LibOS's allocator under several threads: blocks do not overlap, calloc gives zeros, realloc
 * keeps contents, and thread caches come and go. The PAL below it is mmap.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "libos_internal.h"
#include "libos_mm.h"

#define THREADS 4
#define SLOTS   600
#define STEPS   60000

static PAL_CONTROL control = {.libos_address = {(void*)0, (void*)-1L}, .alloc_align = 4096};
PAL_CONTROL* g_pal_control = &control;
uint32_t g_libos_fork_barrier;

void libos_barrier_tell(void) {
}
void libos_barrier_wait(void) {
}
void libos_lock_slow(libos_lock_t* l) {
    while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE)) {
        usleep(10);
    }
}
void libos_unlock_slow(libos_lock_t* l) {
    (void)l;
}
void libos_bug(const char* file, int line, const char* what) {
    print_error("%s:%d: %s\n", file, line, what);
    abort();
}
int PalVirtualMemoryAlloc(PAL_PTR* addr, PAL_NUM size, PAL_FLG type, PAL_FLG prot) {
    (void)type;
    void* at = mmap(NULL, size, (int)prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *addr = at;
    return at == MAP_FAILED ? PAL_ERROR_NOMEM : 0;
}
int PalVirtualMemoryFree(PAL_PTR addr, PAL_NUM size) {
    return munmap(addr, size) ? PAL_ERROR_INVAL : 0;
}
int PalVirtualMemoryAdvise(PAL_PTR addr, PAL_NUM size, PAL_FLG advice) {
    return advice == PAL_ADVICE_DONTNEED ? madvise(addr, size, MADV_DONTNEED) : PAL_ERROR_INVAL;
}

struct block {
    unsigned char* at;
    size_t size;
    unsigned char fill;
};

static size_t random_size(unsigned* seed) {
    unsigned kind = (unsigned)rand_r(seed) % 1000, n = (unsigned)rand_r(seed);
    return kind < 900 ? n % 600 : kind < 990 ? n % 20000 : kind < 999 ? n % 300000 : n % 6000000;
}

static bool all(const struct block* b, unsigned char c, size_t size) {
    size_t step = 1 + size / 64; /* ends and a sample between */
    for (size_t i = 0; i < size; i += step) {
        if (b->at[i] != c) {
            return false;
        }
    }
    return !size || b->at[size - 1] == c;
}

static void check(bool ok, const char* what) {
    if (!ok) {
        print_error("%s\n", what);
        abort(); /* cmocka cannot fail from another thread */
    }
}

static void step(struct block* b, unsigned* seed) {
    size_t size = random_size(seed);
    if (!b->at) {
        bool zeroed = rand_r(seed) & 1;
        b->at = zeroed ? libos_calloc(1, size) : libos_malloc(size);
        check(b->at && !((uintptr_t)b->at & 15), "no block, or a crooked one");
        check(!zeroed || all(b, 0, size), "calloc: not zero");
    } else {
        check(all(b, b->fill, b->size), "a block was overwritten");
        if (rand_r(seed) % 4) {
            libos_free(b->at);
            b->at = NULL;
            return;
        }
        b->at = libos_realloc(b->at, size);
        check(b->at && all(b, b->fill, MIN(size, b->size)), "realloc lost contents");
    }
    b->size = size;
    b->fill = (unsigned char)rand_r(seed);
    memset(b->at, b->fill, size);
}

static void* worker(void* arg) {
    unsigned seed = (unsigned)(uintptr_t)arg;
    PAL_TCB* tcb = calloc(1, sizeof(*tcb));
    struct block* blocks = calloc(SLOTS, sizeof(*blocks));
    tcb->self = tcb;
    syscall(SYS_arch_prctl, ARCH_SET_GS, tcb);
    libos_get_tcb()->thread = (struct libos_thread*)1; /* so that it gets a cache */
    for (int i = 0; i < STEPS; i++) {
        step(&blocks[(unsigned)rand_r(&seed) % SLOTS], &seed);
    }
    for (int i = 0; i < SLOTS; i++) {
        libos_free(blocks[i].at);
    }
    libos_malloc_thread_exit();
    free(blocks);
    free(tcb);
    return NULL;
}

static void threads(void** unused) {
    pthread_t t[THREADS];
    (void)unused;
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, worker, (void*)(i + 1)), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
