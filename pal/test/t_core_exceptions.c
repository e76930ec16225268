/*
 * Upcalls: faults, traps, trapped system calls, signals from outside.
 */
#include "pal_test.h"

static PAL_CONTEXT g_seen;
static PAL_NUM g_addr;
static int g_count;
static bool g_in_pal;

static void note(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    g_seen = *context;
    g_addr = addr;
    g_in_pal = is_in_pal;
    g_count++;
}

static void skip_two(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    note(is_in_pal, addr, context);
    context->rip += 2;
}

static void answer_call(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    note(is_in_pal, addr, context);
    if (!context->is_syscall)
        context->rip += 2;
    context->rax = 1000 + context->rax;
}

static long raw_syscall(long nr, long a1, long a2, long a3) {
    long ret;
    register long r10 __asm__("r10") = 44;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "0"(nr), "D"(a1), "S"(a2), "d"(a3), "r"(r10)
                     : "rcx", "r11", "memory");
    return ret;
}

TEST(PalSetExceptionHandler, system_call_outside_the_stub_page) {
    PalSetExceptionHandler(answer_call, PAL_EVENT_ILLEGAL);
    EXPECT(raw_syscall(39, 11, 22, 33), 1039);
    CHECK(g_seen.is_syscall);
    CHECK(!g_in_pal);
    EXPECT(g_seen.rdi, 11);
    EXPECT(g_seen.rsi, 22);
    EXPECT(g_seen.rdx, 33);
    EXPECT(g_seen.r10, 44);
    EXPECT(*(const uint16_t*)(g_seen.rip - 2), 0x050f);
    CHECK(g_seen.fpregs != NULL);
}

TEST(PalSetExceptionHandler, illegal_instruction) {
    long rax = 1;
    PalSetExceptionHandler(answer_call, PAL_EVENT_ILLEGAL);
    __asm__ volatile("ud2" : "+a"(rax));
    EXPECT(rax, 1001);
    CHECK(!g_seen.is_syscall);
    EXPECT(g_seen.host_signo, 4);
}

TEST(PalSetExceptionHandler, legacy_system_call_is_a_protection_fault) {
    PalSetExceptionHandler(skip_two, PAL_EVENT_MEMFAULT);
    __asm__ volatile("int $0x80" : : "a"(20L) : "memory");
    EXPECT(g_seen.host_signo, 11);
    EXPECT(g_seen.host_code, 0x80);
}

TEST(PalSetExceptionHandler, division_by_zero) {
    PalSetExceptionHandler(skip_two, PAL_EVENT_ARITHMETIC_ERROR);
    int low = 1, high = 0;
    __asm__ volatile("divl %2" : "+a"(low), "+d"(high) : "c"(0)); /* two bytes */
    EXPECT(g_seen.host_signo, 8);
    EXPECT(g_seen.host_code, 1);
    EXPECT(g_addr, g_seen.rip);
}

TEST(PalSetExceptionHandler, breakpoint) {
    PalSetExceptionHandler(note, PAL_EVENT_TRAP);
    g_count = 0;
    __asm__ volatile("int3");
    EXPECT(g_count, 1);
    EXPECT(g_seen.host_signo, 5);
}

TEST(PalSetExceptionHandler, memory_fault_tells_address_and_kind) {
    PalSetExceptionHandler(skip_two, PAL_EVENT_MEMFAULT);
    __asm__ volatile("movb %%al, (%0)" : : "r"(0x1234UL) : "memory"); /* two bytes */
    EXPECT(g_addr, 0x1234);
    EXPECT(g_seen.cr2, 0x1234);
    EXPECT(g_seen.err & 2, 2);
    EXPECT(g_seen.host_code, 1);
    EXPECT(g_seen.host_signo, 11);
}

TEST(PalSetExceptionHandler, hostile_numbers_are_ignored) {
    PalSetExceptionHandler(note, PAL_EVENT_NUM_BOUND);
    PalSetExceptionHandler(note, ~0UL);
}

/* A handler that faults itself and is helped by the same handler. */
static void nested(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    g_count++;
    if (g_count < 3)
        __asm__ volatile("movb %%al, (%0)" : : "r"(0x1000UL + g_count) : "memory");
    context->rip += 2;
}

TEST(PalSetExceptionHandler, faults_nest) {
    g_count = 0;
    PalSetExceptionHandler(nested, PAL_EVENT_MEMFAULT);
    __asm__ volatile("movb %%al, (%0)" : : "r"(0x1234UL) : "memory");
    EXPECT(g_count, 3);
}

static int thread_spins(void* stop) {
    while (!__atomic_load_n((uint32_t*)stop, __ATOMIC_SEQ_CST)) {
    }
    return 0;
}

TEST(PalSetExceptionHandler, kick_reaches_running_code) {
    PAL_HANDLE h;
    uint32_t stop = 0;
    PalSetExceptionHandler(note, PAL_EVENT_INTERRUPTED);
    g_count = 0;
    EXPECT(PalThreadCreate(thread_spins, &stop, &h), 0);
    for (int i = 0; i < 1000 && !__atomic_load_n(&g_count, __ATOMIC_SEQ_CST); i++) {
        EXPECT(PalThreadResume(h), 0);
        PalThreadDelayExecution(1000);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    EXPECT(PalSynchronizationObjectWait(h, NO_TIMEOUT), 0);
    CHECK(g_count > 0);
    EXPECT(g_seen.host_signo, 0);
    PalObjectClose(h);
}
