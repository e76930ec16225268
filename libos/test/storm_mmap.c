/* The address space under eight threads: map, protect, fault, remap, unmap; and a page that comes
 * and goes under system calls that read and write it. */
#include "storm.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define N     8
#define PAGE  4096
#define PAGES 16

static __thread sigjmp_buf back;
static __thread volatile char* fault_at;
static atomic_long faults;

static void on_fault(int sig, siginfo_t* info, void* context) {
    (void)context;
    if (sig != SIGSEGV || info->si_addr != fault_at) {
        STORM_BAD("signal %d at %p, code %d", sig, info->si_addr, info->si_code);
        _exit(94);
    }
    atomic_fetch_add(&faults, 1);
    siglongjmp(back, info->si_code);
}

/* si_code of the fault that touching p causes, 0 for none. */
static int touch(char* p, bool write) {
    int code = sigsetjmp(back, 1);
    if (code)
        return code;
    fault_at = p;
    if (write)
        *(volatile char*)p = 1;
    else
        (void)*(volatile char*)p;
    return 0;
}

static void* mapper(void* arg) {
    struct storm_worker* w = arg;
    while (!atomic_load(&storm_stop)) {
        int flags = MAP_PRIVATE | MAP_ANONYMOUS;
        char* p = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (p == MAP_FAILED) {
            STORM_BAD("mmap: errno %d", errno);
            continue;
        }
        for (int i = 0; i < PAGES; i++) {
            if (p[i * PAGE])
                STORM_BAD("page not zero");
            p[i * PAGE] = w->index + 1;
        }
        int a = storm_random(w) % PAGES, b = storm_random(w) % PAGES;
        STORM_CHECK(!mprotect(p + a * PAGE, PAGE, PROT_READ));
        if (touch(p + a * PAGE, true) != SEGV_ACCERR)
            STORM_BAD("no fault on a read-only page");
        if (touch(p + a * PAGE, false))
            STORM_BAD("fault on a readable page");
        STORM_CHECK(!mprotect(p + a * PAGE, PAGE, PROT_NONE));
        if (touch(p + a * PAGE, false) != SEGV_ACCERR)
            STORM_BAD("no fault on a page without rights");
        if (pwrite(-1, p, 1, 0) != -1 || errno != EBADF)
            STORM_BAD("pwrite");
        STORM_CHECK(!mprotect(p + a * PAGE, PAGE, PROT_READ | PROT_WRITE));
        if (p[a * PAGE] != w->index + 1)
            STORM_BAD("content lost by mprotect");
        if (storm_random(w) % 4 == 0) {
            char* q = mremap(p, PAGES * PAGE, 2 * PAGES * PAGE, MREMAP_MAYMOVE);
            if (q == MAP_FAILED) {
                STORM_BAD("mremap: errno %d", errno);
            } else {
                p = q;
                if (p[b * PAGE] != w->index + 1 || p[(PAGES + b) * PAGE])
                    STORM_BAD("content after mremap");
                STORM_CHECK(!munmap(p + PAGES * PAGE, PAGES * PAGE));
            }
        }
        if (storm_random(w) % 4 == 0) {
            STORM_CHECK(!madvise(p + b * PAGE, PAGE, MADV_DONTNEED));
            if (p[b * PAGE])
                STORM_BAD("page not zero after MADV_DONTNEED");
        }
        /* What is unmapped may be another thread's the next moment: never twice. */
        int keep = storm_random(w) % 2 ? PAGES : b;
        if (keep < PAGES)
            STORM_CHECK(!munmap(p + keep * PAGE, (PAGES - keep) * PAGE));
        if (keep > 0)
            STORM_CHECK(!munmap(p, keep * PAGE));
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

/* One page changes under calls that use it: they succeed or say EFAULT, and nothing else. */
static char* shaky;
static int pipes[2];

static void* shaker(void* arg) {
    struct storm_worker* w = arg;
    char buf[64] = {0};
    while (!atomic_load(&storm_stop)) {
        if (w->index < 2) {
            int how = storm_random(w) % 3;
            /* Never unmapped: another thread's mmap could take the place. */
            static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
            mmap(shaky, PAGE, prots[how], MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        } else {
            long r = 0;
            char* at = shaky - 8 + storm_random(w) % 16;
            switch (storm_random(w) % 5) {
                case 0:
                    r = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, (void*)at);
                    break;
                case 1: {
                    struct iovec v = {at, 16};
                    r = writev(pipes[1], &v, 1);
                    if (r > 0) {
                        struct iovec back = {buf, r};
                        (void)!readv(pipes[0], &back, 1);
                    }
                    break;
                }
                case 2:
                    r = syscall(SYS_getrandom, at, 16, 0);
                    break;
                case 3:
                    r = syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, at, 8);
                    break;
                default:
                    r = access(at, F_OK);
                    if (r && errno == ENOENT)
                        r = 0;
            }
            if (r < 0 && errno != EFAULT)
                STORM_BAD("errno %d", errno);
        }
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

int main(int argc, char** argv) {
    storm_args(argc, argv);
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
    if (STORM_PART(argc, argv, "map"))
        storm_run("map", N, mapper, NULL);
    shaky = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    STORM_CHECK(shaky != MAP_FAILED && !pipe(pipes));
    shaky += PAGE;
    if (STORM_PART(argc, argv, "shake"))
        storm_run("shake", N, shaker, NULL);
    return storm_result();
}
