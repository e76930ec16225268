/*
 * Memory: allocation, protection, remapping, advice, and what may not be overwritten.
 */
#include "pal_test.h"

static volatile PAL_NUM g_fault_address;

extern char peek_load[], peek_done[];
__attribute__((noinline)) static long peek(const void* p) {
    long value = -1;
    __asm__ volatile(".globl peek_load, peek_done\n.hidden peek_load, peek_done\n"
                     "peek_load: movq (%1), %0\npeek_done:"
                     : "+r"(value)
                     : "r"(p));
    return value;
}

static void on_fault(bool is_in_pal, PAL_NUM addr, PAL_CONTEXT* context) {
    g_fault_address = addr;
    if (context->rip != (uint64_t)peek_load)
        PalProcessExit(97);
    context->rip = (uint64_t)peek_done;
}

static bool faults(const void* p) {
    PalSetExceptionHandler(on_fault, PAL_EVENT_MEMFAULT);
    g_fault_address = 0;
    peek(p);
    return g_fault_address == (PAL_NUM)p;
}

static const PAL_FLG RW = PAL_PROT_READ | PAL_PROT_WRITE;

TEST(PalVirtualMemoryAlloc, anywhere_is_zeroed_and_inside_the_range) {
    PAL_CONTROL* control = PalGetPalControl();
    PAL_PTR p = NULL, q = NULL;
    EXPECT(PalVirtualMemoryAlloc(&p, 0x10000, 0, RW), 0);
    CHECK(p >= control->user_address.start && p < control->user_address.end);
    EXPECT(*(long*)p, 0);
    *(long*)p = 1;
    EXPECT(PalVirtualMemoryAlloc(&q, 0x1000, PAL_ALLOC_INTERNAL, RW), 0);
    CHECK(q >= control->libos_address.start && q < control->libos_address.end);
    EXPECT(PalVirtualMemoryFree(p, 0x10000), 0);
    EXPECT(PalVirtualMemoryFree(q, 0x1000), 0);
    CHECK(faults(p));
}

TEST(PalVirtualMemoryAlloc, at_an_address_replaces_unless_asked_not_to) {
    PAL_PTR p = (PAL_PTR)0x20000000;
    EXPECT(PalVirtualMemoryAlloc(&p, 0x2000, 0, RW), 0);
    *(long*)p = 7;
    EXPECT(PalVirtualMemoryAlloc(&p, 0x2000, PAL_ALLOC_NOREPLACE, RW), PAL_ERROR_STREAMEXIST);
    EXPECT(*(long*)p, 7);
    EXPECT(PalVirtualMemoryAlloc(&p, 0x2000, PAL_ALLOC_POPULATE, RW), 0);
    EXPECT(*(long*)p, 0);
    EXPECT(PalVirtualMemoryFree(p, 0x2000), 0);
}

TEST(PalVirtualMemoryAlloc, lowest_and_highest_user_pages) {
    PAL_CONTROL* control = PalGetPalControl();
    PAL_PTR p = control->user_address.start;
    EXPECT(PalVirtualMemoryAlloc(&p, 0x1000, 0, RW), 0);
    EXPECT(PalVirtualMemoryFree(p, 0x1000), 0);
    p = (char*)control->user_address.end - 0x1000;
    EXPECT(PalVirtualMemoryAlloc(&p, 0x1000, 0, RW), 0);
    EXPECT(PalVirtualMemoryFree(p, 0x1000), 0);
    p = (char*)control->user_address.start - 0x1000;
    EXPECT(PalVirtualMemoryAlloc(&p, 0x2000, 0, RW), PAL_ERROR_DENIED);
}

TEST(PalVirtualMemoryAlloc, huge_reservation) {
    PAL_PTR p = (PAL_PTR)0x200000000;
    EXPECT(PalVirtualMemoryAlloc(&p, 1UL << 42, PAL_ALLOC_RESERVE, PAL_PROT_NONE), 0);
    EXPECT(PalVirtualMemoryFree(p, 1UL << 42), 0);
    p = NULL;
    EXPECT(PalVirtualMemoryAlloc(&p, 1UL << 42, PAL_ALLOC_RESERVE, PAL_PROT_NONE), 0);
    EXPECT(PalVirtualMemoryFree(p, 1UL << 42), 0);
}

TEST(PalVirtualMemoryAlloc, bad_arguments) {
    PAL_PTR p = NULL;
    EXPECT(PalVirtualMemoryAlloc(NULL, 0x1000, 0, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&p, 0, 0, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&p, 0x1001, 0, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&p, 0x1000, 0x8000, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&p, 0x1000, 0, 0x10), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&p, 0x1000, PAL_ALLOC_RESERVE, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&p, 0x1000, PAL_ALLOC_GROWSDOWN | PAL_ALLOC_SHARED, RW),
           PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&p, 1UL << 60, 0, RW), PAL_ERROR_NOMEM);
    p = (PAL_PTR)0x20000001;
    EXPECT(PalVirtualMemoryAlloc(&p, 0x1000, 0, RW), PAL_ERROR_INVAL);
    p = (PAL_PTR)0x20000000;
    EXPECT(PalVirtualMemoryAlloc(&p, ~0xfffUL, 0, RW), PAL_ERROR_INVAL);
}

TEST(PalVirtualMemoryAlloc, never_over_the_pal_or_this_program) {
    PAL_PTR targets[] = {
        (PAL_PTR)((PAL_NUM)PalGetPalControl() & ~0xfffUL), /* the PAL's data */
        (PAL_PTR)((PAL_NUM)PalGetPalControl & ~0xfffUL),   /* its code */
        (PAL_PTR)((PAL_NUM)pal_get_tcb() & ~0xfffUL),      /* the thread block */
        (PAL_PTR)((PAL_NUM)&g_fault_address & ~0xfffUL),   /* this program's data */
        (PAL_PTR)((PAL_NUM)peek & ~0xfffUL),               /* and code */
        (PAL_PTR)(PalGetPalControl()->vdso_clock_gettime & ~0xfffUL),
        (PAL_PTR)0xffffffffff600000UL,
    };
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        PAL_PTR p = targets[i];
        if (!p)
            continue;
        EXPECT(PalVirtualMemoryAlloc(&p, 0x1000, 0, RW), PAL_ERROR_DENIED);
        EXPECT(PalVirtualMemoryFree(p, 0x1000), PAL_ERROR_DENIED);
        EXPECT(PalVirtualMemoryProtect(p, 0x1000, 0), PAL_ERROR_DENIED);
        EXPECT(PalVirtualMemoryAdvise(p, 0x1000, PAL_ADVICE_DONTNEED), PAL_ERROR_DENIED);
        PAL_PTR from = test_page();
        EXPECT(PalVirtualMemoryRemap(from, 0x1000, p, 0x1000, false), PAL_ERROR_DENIED);
    }
}

TEST(PalVirtualMemoryFree, bad_arguments) {
    EXPECT(PalVirtualMemoryFree((PAL_PTR)0x20000000, 0), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryFree((PAL_PTR)0x20000001, 0x1000), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryFree((PAL_PTR)0x20000000, 0x1000), 0); /* nothing there: as munmap */
}

TEST(PalVirtualMemoryProtect, takes_and_gives_access) {
    PAL_PTR p = test_page();
    *(long*)p = 5;
    EXPECT(PalVirtualMemoryProtect(p, 0x1000, PAL_PROT_NONE), 0);
    CHECK(faults(p));
    EXPECT(PalVirtualMemoryProtect(p, 0x1000, PAL_PROT_READ), 0);
    EXPECT(peek(p), 5);
    EXPECT(PalVirtualMemoryProtect(p, 0x1000, 0x100), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryProtect(p, 0, PAL_PROT_READ), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryProtect((PAL_PTR)0x20000000, 0x1000, PAL_PROT_READ), PAL_ERROR_NOMEM);
}

TEST(PalVirtualMemoryRemap, moves_grows_and_leaves_behind) {
    PAL_PTR p = (PAL_PTR)0x20000000, q = (PAL_PTR)0x30000000;
    EXPECT(PalVirtualMemoryAlloc(&p, 0x1000, 0, RW), 0);
    *(long*)p = 9;
    EXPECT(PalVirtualMemoryRemap(p, 0x1000, q, 0x3000, false), 0);
    EXPECT(*(long*)q, 9);
    EXPECT(((long*)q)[0x2000 / 8], 0);
    CHECK(faults(p));
    EXPECT(PalVirtualMemoryRemap(q, 0x3000, q, 0x1000, false), 0);
    CHECK(faults((char*)q + 0x1000));
    EXPECT(PalVirtualMemoryRemap(q, 0x1000, p, 0x1000, true), 0);
    EXPECT(*(long*)p, 9);
    EXPECT(*(long*)q, 0);
    EXPECT(PalVirtualMemoryRemap(q, 0x1001, p, 0x1000, false), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryFree(p, 0x1000), 0);
    EXPECT(PalVirtualMemoryFree(q, 0x1000), 0);
}

TEST(PalVirtualMemoryAdvise, dontneed_empties) {
    PAL_PTR p = test_page();
    *(long*)p = 5;
    EXPECT(PalVirtualMemoryAdvise(p, 0x1000, PAL_ADVICE_WILLNEED), 0);
    EXPECT(PalVirtualMemoryAdvise(p, 0x1000, PAL_ADVICE_DONTNEED), 0);
    EXPECT(*(long*)p, 0);
    EXPECT(PalVirtualMemoryAdvise(p, 0x1000, 999), PAL_ERROR_INVAL);
}

TEST(PalVirtualMemorySync, flags) {
    PAL_PTR p = test_page();
    EXPECT(PalVirtualMemorySync(p, 0x1000, PAL_SYNC_SYNC), 0);
    EXPECT(PalVirtualMemorySync(p, 0x1000, PAL_SYNC_SYNC | PAL_SYNC_ASYNC), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemorySync(p, 0x1000, 8), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemorySync((PAL_PTR)0x20000000, 0x1000, PAL_SYNC_SYNC), PAL_ERROR_NOMEM);
}

TEST(PalVirtualMemoryResident, tells_touched_pages) {
    PAL_PTR p = NULL;
    uint8_t vec[2] = {2, 2};
    EXPECT(PalVirtualMemoryAlloc(&p, 0x2000, 0, RW), 0);
    EXPECT(PalVirtualMemoryAdvise(p, 0x2000, PAL_ADVICE_NOHUGEPAGE), 0);
    *(long*)p = 1;
    EXPECT(PalVirtualMemoryResident(p, 0x2000, vec), 0);
    EXPECT(vec[0] & 1, 1);
    EXPECT(vec[1] & 1, 0);
    EXPECT(PalVirtualMemoryResident(p, 0x2000, BAD_ADDRESS), PAL_ERROR_BADADDR);
    EXPECT(PalVirtualMemoryFree(p, 0x2000), 0);
}

TEST(PalVirtualMemoryLock, locks_and_unlocks) {
    PAL_PTR p = test_page();
    int ret = PalVirtualMemoryLock(p, 0x1000, 1);
    if (ret == PAL_ERROR_PERM || ret == PAL_ERROR_NOMEM)
        SKIP("this user may not lock memory");
    EXPECT(ret, 0);
    EXPECT(PalVirtualMemoryLock(p, 0x1000, 2), 0);
    EXPECT(PalVirtualMemoryLock(p, 0x1000, 0), 0);
    EXPECT(PalVirtualMemoryLock(p, 0x1000, 3), PAL_ERROR_INVAL);
}

TEST(PalMemoryAvailableQuota, is_positive) {
    CHECK(PalMemoryAvailableQuota() > 0);
}

TEST(PalMemoryObjectCreate, reads_back_what_was_written) {
    PAL_HANDLE h;
    PAL_NUM n = 5;
    char text[5];
    EXPECT(PalMemoryObjectCreate("object", 0, &h), 0);
    EXPECT(h->hdr.type, PAL_TYPE_MEMORY);
    EXPECT(PalStreamWrite(h, 0, &n, "hello", NULL), 0);
    EXPECT(PalStreamRead(h, 0, &n, text, NULL, 0), 0);
    EXPECT(memcmp(text, "hello", 5), 0);
    PalObjectClose(h);
    EXPECT(PalMemoryObjectCreate("object", 1, &h), PAL_ERROR_INVAL);
    EXPECT(PalMemoryObjectCreate(BAD_ADDRESS, 0, &h), PAL_ERROR_BADADDR);
}
