/* Fresh copies of code whose system-call instructions nobody has executed yet, entered by several
 * threads at once while signals rain: whatever is done about a call site (Culm rewrites it), every
 * call returns what it should and every register that a call preserves is preserved. */
#include "storm.h"

#include <sys/mman.h>

#define N     6
#define SITES 48
#define SLOT  64

/* Each function: saves nothing but call-clobbered registers; sets canaries in rdi.. r10, makes the
 * call, and returns rax, or -1 when a canary changed. The bytes around `syscall` are what compilers
 * and libcs write. */
extern char code_start[], code_end[];
__asm__(
    ".text\n"
    "code_start:\n"
    /* 0: mov $nr,%eax; syscall */
    ".balign 64\n"
    "mov $0x1111,%edi; mov $0x2222,%esi; mov $0x3333,%edx; mov $0x4444,%r8d\n"
    "mov $39,%eax; syscall\n"
    "1: cmp $0x1111,%edi; jne 9f; cmp $0x2222,%esi; jne 9f; cmp $0x4444,%r8d; jne 9f; ret\n"
    "9: mov $-1,%rax; ret\n"
    /* 1: syscall; cmp $-4095,%rax */
    ".balign 64\n"
    "mov $0x1111,%edi; mov $0x3333,%edx; mov $0x4444,%r8d; mov %edx,%eax; mov $39,%al\n"
    "sub $0x3300,%eax\n"
    "syscall; cmp $-4095,%rax; jae 9f; cmp $0x1111,%edi; jne 9f; cmp $0x3333,%edx; jne 9f; ret\n"
    "9: mov $-2,%rax; ret\n"
    /* 2: syscall; ret (musl, vfork-like) */
    ".balign 64\n"
    "mov %rdi,%rax; mov $39,%eax; syscall; ret\n"
    /* 3: xor eax; mov al: syscall directly followed by a branch */
    ".balign 64\n"
    "xor %eax,%eax; mov $39,%al; syscall; test %eax,%eax; js 9f; ret\n"
    "9: mov $-3,%rax; ret\n"
    /* 4: red zone and callee-saved registers in use */
    ".balign 64\n"
    "movq $0x77777,-8(%rsp); movq $0x66666,-128(%rsp); mov $39,%eax; syscall\n"
    "cmpq $0x77777,-8(%rsp); jne 9f; cmpq $0x66666,-128(%rsp); jne 9f; ret\n"
    "9: mov $-4,%rax; ret\n"
    /* 5: the Go way: call number from the stack */
    ".balign 64\n"
    "movq $39,-16(%rsp); mov -16(%rsp),%rax; syscall; cmp $0xfffffffffffff001,%rax; jbe 1f\n"
    "mov $-5,%rax; ret\n"
    "1: ret\n"
    ".balign 64\n"
    "code_end:\n");

static char* code;
static pthread_barrier_t barrier;
static atomic_long calls, handled;
static atomic_int over;
static int pid;

static void on_signal(int sig) {
    (void)sig;
    atomic_fetch_add(&handled, 1);
}

static void* runner(void* arg) {
    struct storm_worker* w = arg;
    atomic_store(&w->tid, gettid());
    int shapes = (code_end - code_start) / SLOT;
    size_t size = SITES * SLOT;
    for (;;) {
        if (w->index == 0) {
            atomic_store(&over, atomic_load(&storm_stop));
            int prot = PROT_READ | PROT_WRITE | PROT_EXEC;
            code = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            STORM_CHECK(code != MAP_FAILED);
            for (int i = 0; i < SITES; i++)
                memcpy(code + i * SLOT, code_start + i % shapes * SLOT, SLOT);
            mprotect(code, size, PROT_READ | PROT_EXEC);
        }
        pthread_barrier_wait(&barrier);
        if (atomic_load(&over))
            return NULL;
        for (int i = 0; i < SITES; i++) {
            long (*f)(void) = (long (*)(void))(code + i * SLOT);
            for (int k = 0; k < 4; k++) {
                long r = f();
                if (r != pid)
                    STORM_BAD("shape %d gave %ld", i % shapes, r);
            }
            atomic_fetch_add(&calls, 4);
        }
        atomic_fetch_add(&w->progress, 1);
        pthread_barrier_wait(&barrier);
        if (w->index == 0)
            munmap(code, size);
    }
}

static void* thrower(void* arg) {
    struct storm_worker* w = arg;
    while (!atomic_load(&storm_stop)) {
        int tid = atomic_load(&storm_workers[storm_random(w) % N].tid);
        if (tid)
            syscall(SYS_tgkill, pid, tid, SIGUSR1);
        if (storm_random(w) % 8 == 0)
            sched_yield();
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

static void* patch_worker(void* arg) {
    struct storm_worker* w = arg;
    return w->index < N ? runner(arg) : thrower(arg);
}

/* More code than any table of call sites can hold, one piece after the other: each goes before the
 * next comes, at the same place or at another. */
static void* reload_worker(void* arg) {
    struct storm_worker* w = arg;
    uintptr_t at = 0x100000000;
    for (int i = 0; i < 12000; i++) {
        char* p = mmap((void*)(i % 4 ? at += 0x2000 : at), SLOT, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(p, code_start, SLOT);
        STORM_CHECK(p != MAP_FAILED && !mprotect(p, SLOT, PROT_READ | PROT_EXEC));
        for (int k = 0; k < 3; k++) {
            long r = ((long (*)(void))p)();
            if (r != pid)
                STORM_BAD("piece %d gave %ld", i, r);
        }
        munmap(p, SLOT);
        atomic_fetch_add(&w->progress, 1);
    }
    return NULL;
}

int main(int argc, char** argv) {
    storm_args(argc, argv);
    pid = getpid();
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &a, NULL);
    pthread_barrier_init(&barrier, NULL, N);
    if (STORM_PART(argc, argv, "reload"))
        reload_worker(&storm_workers[0]); /* alone */
    if (STORM_PART(argc, argv, "reload2"))
        storm_run("reload2", 1, reload_worker, NULL); /* not alone */
    if (STORM_PART(argc, argv, "quiet"))
        storm_run("quiet", N, patch_worker, NULL);
    if (STORM_PART(argc, argv, "signals"))
        storm_run("signals", N + 2, patch_worker, NULL);
    return storm_result();
}
