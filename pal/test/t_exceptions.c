/*
 * Upcalls: faults, trapped system calls, kicks of running code.
 */
#include "pal_test.h"

static struct {
    int count;
    bool in_pal, is_syscall;
    PAL_NUM addr, event;
    uint64_t rip, rax, rdi;
    int signo;
} g_seen;

/* Where the code under test goes on. */
static uint64_t g_resume;

static void note(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    g_seen.count++;
    g_seen.in_pal = is_in_pal;
    g_seen.addr = addr;
    g_seen.is_syscall = context->is_syscall;
    g_seen.rip = context->rip;
    g_seen.rax = context->rax;
    g_seen.rdi = context->rdi;
    g_seen.signo = context->host_signo;
}
static void skip(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    note(is_in_pal, addr, context);
    if (g_resume)
        context->rip = g_resume;
}

/* Runs one instruction that ends in an upcall, and goes on behind it. */
#define PROVOKE(code, ...)                                                                         \
    do {                                                                                           \
        memset(&g_seen, 0, sizeof(g_seen));                                                        \
        __asm__ volatile("leaq 1f(%%rip), %%rax; movq %%rax, %0; xorl %%eax, %%eax;" code "; 1:"   \
                         : "=m"(g_resume)                                                          \
                         : __VA_ARGS__                                                             \
                         : "rax", "rdx", "rdi", "rcx", "r11", "memory", "cc");                     \
    } while (0)

TEST(PalSetExceptionHandler, memory_fault) {
    PalSetExceptionHandler(skip, PAL_EVENT_MEMFAULT);
    PROVOKE("movb $1, (%1)", "r"(0x1234));
    EXPECT(g_seen.count, 1);
    EXPECT(g_seen.addr, 0x1234);
    EXPECT(g_seen.in_pal, false);
    EXPECT(g_seen.signo, 11);
    char* page = test_page();
    CHECK(page);
    EXPECT(PalVirtualMemoryProtect(page, 4096, PAL_PROT_READ), 0);
    PROVOKE("movb $1, 5(%1)", "r"(page));
    EXPECT(g_seen.count, 1);
    EXPECT(g_seen.addr, (uintptr_t)page + 5);
    EXPECT(PalVirtualMemoryFree(page, 4096), 0);
    PROVOKE("movb (%1), %%al", "r"(0x8000000000000000));
    EXPECT(g_seen.count, 1); /* a general protection fault */
    PROVOKE("hlt", "m"(g_seen));
    EXPECT(g_seen.count, 1);
}

TEST(PalSetExceptionHandler, bus_error) {
    PAL_HANDLE h = test_file("short", "x");
    PAL_PTR at = NULL;
    CHECK(h);
    EXPECT(PalStreamMap(h, &at, PAL_PROT_READ, 0, 8192), 0);
    PROVOKE("movb 4096(%1), %%al", "r"(at));
    EXPECT(g_seen.count, 1);
    EXPECT(g_seen.signo, 7);
    EXPECT(PalStreamUnmap(at, 8192), 0);
    PalObjectClose(h);
}

TEST(PalSetExceptionHandler, arithmetic) {
    PalSetExceptionHandler(skip, PAL_EVENT_ARITHMETIC_ERROR);
    PROVOKE("xorl %%edx, %%edx; divl %1", "r"(0));
    EXPECT(g_seen.count, 1);
    EXPECT(g_seen.signo, 8);
}

TEST(PalSetExceptionHandler, illegal_instruction) {
    PalSetExceptionHandler(skip, PAL_EVENT_ILLEGAL);
    PROVOKE("ud2", "m"(g_seen));
    EXPECT(g_seen.count, 1);
    EXPECT(g_seen.is_syscall, false);
}

static void serve(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    note(is_in_pal, addr, context);
    context->rax = 4711;
}

TEST(PalSetExceptionHandler, system_calls_trap) {
    uint64_t result = 39; /* getpid */
    PalSetExceptionHandler(serve, PAL_EVENT_ILLEGAL);
    for (int i = 0; i < 1000; i++) {
        memset(&g_seen, 0, sizeof(g_seen));
        result = 39;
        uint64_t behind;
        __asm__ volatile("leaq 1f(%%rip), %1; syscall; 1:"
                         : "+a"(result), "=&r"(behind)
                         : "D"(123)
                         : "rcx", "r11", "memory");
        EXPECT(result, 4711);
        EXPECT(g_seen.count, 1);
        EXPECT(g_seen.is_syscall, true);
        EXPECT(g_seen.rip, behind);
        EXPECT(g_seen.rax, 39);
        EXPECT(g_seen.rdi, 123);
    }
}

static uint32_t g_thread_result;
static int syscall_in_thread(void* arg) {
    uint64_t result = 39;
    __asm__ volatile("syscall" : "+a"(result) : "D"(0) : "rcx", "r11", "memory");
    g_thread_result = result;
    return 0;
}

TEST(PalSetExceptionHandler, system_calls_trap_in_new_threads) {
    PAL_HANDLE t;
    EXPECT(PalThreadCreate(syscall_in_thread, NULL, &t), 0);
    EXPECT(PalSynchronizationObjectWait(t, NO_TIMEOUT), 0);
    EXPECT(g_thread_result, 4711);
    PalObjectClose(t);
}

static void single(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    note(is_in_pal, addr, context);
    context->efl &= ~0x100ul;
}

TEST(PalSetExceptionHandler, traps) {
    PalSetExceptionHandler(single, PAL_EVENT_TRAP);
    PROVOKE("int3", "m"(g_seen));
    EXPECT(g_seen.count, 1);
    EXPECT(g_seen.signo, 5);
    memset(&g_seen, 0, sizeof(g_seen));
    __asm__ volatile("subq $128, %%rsp; pushfq; orq $0x100, (%%rsp); popfq; nop;"
                     "addq $128, %%rsp" ::
                         : "memory", "cc");
    EXPECT(g_seen.count, 1);
}

static uint32_t g_interrupts, g_spinning, g_stop;

static void interrupted(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    __atomic_add_fetch(&g_interrupts, 1, __ATOMIC_SEQ_CST);
}
static int spin(void* arg) {
    g_spinning = 1;
    while (!__atomic_load_n(&g_stop, __ATOMIC_SEQ_CST))
        ;
    return 0;
}

TEST(PalSetExceptionHandler, kick_of_running_code) {
    PAL_HANDLE t;
    PalSetExceptionHandler(interrupted, PAL_EVENT_INTERRUPTED);
    EXPECT(PalThreadCreate(spin, NULL, &t), 0);
    while (!__atomic_load_n(&g_spinning, __ATOMIC_SEQ_CST))
        PalThreadYieldExecution();
    EXPECT(PalThreadResume(t), 0);
    for (int i = 0; i < 1000 && !__atomic_load_n(&g_interrupts, __ATOMIC_SEQ_CST); i++)
        PalThreadDelayExecution(1000);
    g_stop = 1;
    EXPECT(PalSynchronizationObjectWait(t, NO_TIMEOUT), 0);
    CHECK(g_interrupts >= 1);
    PalObjectClose(t);
}

TEST(PalSetExceptionHandler, bad_event_is_ignored) {
    PalSetExceptionHandler(skip, PAL_EVENT_NUM_BOUND);
    PalSetExceptionHandler(skip, ~0ul);
}

/* All vector registers as they were after an upcall: the handler uses none of them. */
TEST(PalSetExceptionHandler, vector_registers_survive) {
    uint64_t in[4] = {1, 2, 3, 4}, out[4] = {0};
    PalSetExceptionHandler(serve, PAL_EVENT_ILLEGAL);
    __asm__ volatile("movups (%1), %%xmm0; movups 16(%1), %%xmm15; movl $39, %%eax; syscall;"
                     "movups %%xmm0, (%0); movups %%xmm15, 16(%0)" ::"r"(out),
                     "r"(in)
                     : "rax", "rcx", "r11", "memory");
    EXPECT(memcmp(in, out, sizeof(in)), 0);
}
