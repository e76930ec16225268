/*
 * Memory.
 */
#include "pal_test.h"

#define PAGE 4096ul
#define RW   (PAL_PROT_READ | PAL_PROT_WRITE)

/* Addresses the PAL may not give away: its own code, and this program's image. */
#define PAL_CODE   ((void*)((uintptr_t)&PalVirtualMemoryAlloc & ~(PAGE - 1)))
#define IMAGE_DATA ((void*)((uintptr_t)&g_image & ~(PAGE - 1)))
static int g_image = 1;

static bool is_zero(const char* p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (p[i])
            return false;
    }
    return true;
}

TEST(PalVirtualMemoryAlloc, chosen_and_fixed) {
    PAL_CONTROL* control = PalGetPalControl();
    PAL_PTR a = NULL, b = NULL, again;
    EXPECT(PalVirtualMemoryAlloc(&a, 4 * PAGE, 0, RW), 0);
    CHECK(a >= control->user_address.start &&
          (char*)a + 4 * PAGE <= (char*)control->user_address.end);
    CHECK(is_zero(a, 4 * PAGE));
    EXPECT(PalVirtualMemoryAlloc(&b, PAGE, PAL_ALLOC_INTERNAL, RW), 0);
    CHECK(b >= control->libos_address.start && b < control->libos_address.end);
    memset(a, 1, 4 * PAGE);
    again = (char*)a + PAGE;
    EXPECT(PalVirtualMemoryAlloc(&again, PAGE, 0, RW), 0); /* replaces: zero again */
    EXPECT(again, (char*)a + PAGE);
    CHECK(is_zero(again, PAGE));
    EXPECT(*(char*)a, 1);
    EXPECT(PalVirtualMemoryAlloc(&again, PAGE, PAL_ALLOC_NOREPLACE, RW), PAL_ERROR_STREAMEXIST);
    EXPECT(PalVirtualMemoryFree(a, 4 * PAGE), 0);
    EXPECT(PalVirtualMemoryAlloc(&again, PAGE, PAL_ALLOC_NOREPLACE, RW), 0);
    EXPECT(PalVirtualMemoryFree(again, PAGE), 0);
    EXPECT(PalVirtualMemoryFree(b, PAGE), 0);
}

TEST(PalVirtualMemoryAlloc, reserve_is_cheap) {
    PAL_PTR a = NULL, part;
    EXPECT(PalVirtualMemoryAlloc(&a, 64ul << 30, PAL_ALLOC_RESERVE, PAL_PROT_NONE), 0);
    part = (char*)a + (32ul << 30);
    EXPECT(PalVirtualMemoryAlloc(&part, PAGE, PAL_ALLOC_POPULATE, RW), 0);
    *(char*)part = 1;
    EXPECT(PalVirtualMemoryFree(a, 64ul << 30), 0);
    a = NULL;
    EXPECT(PalVirtualMemoryAlloc(&a, 8ul << 30, PAL_ALLOC_NORESERVE, RW), 0);
    *(char*)a = 1;
    EXPECT(PalVirtualMemoryFree(a, 8ul << 30), 0);
}

TEST(PalVirtualMemoryAlloc, grows_down) {
    PAL_PTR base = NULL, at;
    uint8_t in;
    EXPECT(PalVirtualMemoryAlloc(&base, 64 * PAGE, 0, PAL_PROT_NONE), 0);
    EXPECT(PalVirtualMemoryFree(base, 64 * PAGE), 0);
    at = (char*)base + 62 * PAGE;
    EXPECT(PalVirtualMemoryAlloc(&at, PAGE, PAL_ALLOC_GROWSDOWN, RW), 0);
    volatile char* p = at;
    EXPECT(PalVirtualMemoryResident((char*)at - PAGE, PAGE, &in), PAL_ERROR_NOMEM);
    p[-1] = 5;
    p[-3 * (long)PAGE] = 6;
    EXPECT(p[-1], 5);
    EXPECT(PalVirtualMemoryResident((char*)at - 3 * PAGE, PAGE, &in), 0);
    EXPECT(PalVirtualMemoryFree((char*)at - 3 * PAGE, 4 * PAGE), 0);
}

TEST(PalVirtualMemoryAlloc, bad_arguments) {
    PAL_PTR a = NULL, odd = (void*)0x10001;
    EXPECT(PalVirtualMemoryAlloc(&a, 0, 0, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&a, 100, 0, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&a, PAGE, 0x80, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&a, PAGE, 0, 0x10), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&a, PAGE, PAL_ALLOC_RESERVE, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&a, PAGE, PAL_ALLOC_GROWSDOWN | PAL_ALLOC_SHARED, RW),
           PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&odd, PAGE, 0, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(NULL, PAGE, 0, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAlloc(&a, 1ul << 62, 0, RW), PAL_ERROR_NOMEM);
    EXPECT(a, NULL);
    a = PAL_CODE;
    EXPECT(PalVirtualMemoryAlloc(&a, PAGE, 0, RW), PAL_ERROR_DENIED);
    a = IMAGE_DATA;
    EXPECT(PalVirtualMemoryAlloc(&a, PAGE, 0, RW), PAL_ERROR_DENIED);
    a = (void*)0xffffffff80000000;
    EXPECT(PalVirtualMemoryAlloc(&a, PAGE, 0, RW), PAL_ERROR_DENIED);
    a = (void*)(~0ul & ~(PAGE - 1)); /* wraps around */
    CHECK(PalVirtualMemoryAlloc(&a, 2 * PAGE, 0, RW) < 0);
}

TEST(PalVirtualMemoryFree, bad_arguments) {
    void* page = test_page();
    CHECK(page);
    EXPECT(PalVirtualMemoryFree(page, 0), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryFree((char*)page + 8, PAGE), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryFree(page, 8), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryFree(PAL_CODE, PAGE), PAL_ERROR_DENIED);
    EXPECT(PalVirtualMemoryFree(IMAGE_DATA, PAGE), PAL_ERROR_DENIED);
    EXPECT(PalVirtualMemoryFree(page, PAGE), 0);
    EXPECT(PalVirtualMemoryFree(page, PAGE), 0); /* nothing there: as munmap(2) */
}

TEST(PalVirtualMemoryProtect, changes) {
    char* page = test_page();
    CHECK(page);
    *page = 7;
    EXPECT(PalVirtualMemoryProtect(page, PAGE, PAL_PROT_READ), 0);
    EXPECT(*page, 7);
    PAL_HANDLE p[2];
    PAL_NUM n = 1;
    EXPECT(PalPipeCreate(0, p), 0);
    EXPECT(PalStreamWrite(p[1], 0, &n, page, NULL), 0);
    EXPECT(PalStreamRead(p[0], 0, &n, page, NULL, 0), PAL_ERROR_BADADDR);
    EXPECT(PalVirtualMemoryProtect(page, PAGE, RW), 0);
    EXPECT(PalStreamRead(p[0], 0, &n, page, NULL, 0), 0);
    PalObjectClose(p[0]);
    PalObjectClose(p[1]);
    EXPECT(PalVirtualMemoryProtect(page, PAGE, 0x20), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryProtect(page + 1, PAGE, RW), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryProtect(PAL_CODE, PAGE, RW), PAL_ERROR_DENIED);
    EXPECT(PalVirtualMemoryFree(page, PAGE), 0);
    EXPECT(PalVirtualMemoryProtect(page, PAGE, RW), PAL_ERROR_NOMEM);
}

TEST(PalVirtualMemoryRemap, move_and_grow) {
    if (!(PalGetPalControl()->capabilities & PAL_CAP_REMAP))
        SKIP("this host cannot remap");
    PAL_PTR from = NULL, to = NULL;
    EXPECT(PalVirtualMemoryAlloc(&from, PAGE, 0, RW), 0);
    EXPECT(PalVirtualMemoryAlloc(&to, 4 * PAGE, PAL_ALLOC_RESERVE, 0), 0);
    *(char*)from = 9;
    EXPECT(PalVirtualMemoryRemap(from, PAGE, to, 2 * PAGE, false), 0);
    EXPECT(*(char*)to, 9);
    EXPECT(PalVirtualMemoryResident(from, PAGE, (uint8_t[1]){0}), PAL_ERROR_NOMEM);
    EXPECT(PalVirtualMemoryRemap(to, 2 * PAGE, to, PAGE, false), 0);
    EXPECT(PalVirtualMemoryRemap(to, PAGE, (char*)to + 2 * PAGE, PAGE, true), 0);
    EXPECT(((char*)to)[2 * PAGE], 9);
    EXPECT(*(char*)to, 0);
    EXPECT(PalVirtualMemoryRemap(to, PAGE, PAL_CODE, PAGE, false), PAL_ERROR_DENIED);
    EXPECT(PalVirtualMemoryRemap(PAL_CODE, PAGE, to, PAGE, false), PAL_ERROR_DENIED);
    EXPECT(PalVirtualMemoryRemap((char*)to + 1, PAGE, to, PAGE, false), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryFree(to, 4 * PAGE), 0);
}

TEST(PalVirtualMemoryAdvise, dontneed) {
    char* page = test_page();
    CHECK(page);
    *page = 1;
    EXPECT(PalVirtualMemoryAdvise(page, PAGE, PAL_ADVICE_DONTNEED), 0);
    EXPECT(*page, 0);
    EXPECT(PalVirtualMemoryAdvise(page, PAGE, PAL_ADVICE_SEQUENTIAL), 0);
    EXPECT(PalVirtualMemoryAdvise(page, PAGE, 999), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAdvise(page + 1, PAGE, PAL_ADVICE_NORMAL), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryAdvise(PAL_CODE, PAGE, PAL_ADVICE_DONTNEED), PAL_ERROR_DENIED);
    EXPECT(PalVirtualMemoryFree(page, PAGE), 0);
}

TEST(PalVirtualMemorySync, file_mapping) {
    PAL_HANDLE h = test_file("ms", "x");
    PAL_PTR at = NULL;
    CHECK(h);
    EXPECT(PalStreamMap(h, &at, RW, 0, PAGE), 0);
    *(char*)at = 'y';
    EXPECT(PalVirtualMemorySync(at, PAGE, PAL_SYNC_SYNC), 0);
    EXPECT(PalVirtualMemorySync(at, PAGE, PAL_SYNC_ASYNC), 0);
    EXPECT(PalVirtualMemorySync(at, PAGE, PAL_SYNC_ASYNC | PAL_SYNC_SYNC), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemorySync(at, PAGE, 8), PAL_ERROR_INVAL);
    EXPECT(PalStreamUnmap(at, PAGE), 0);
    EXPECT(PalVirtualMemorySync(at, PAGE, PAL_SYNC_SYNC), PAL_ERROR_NOMEM);
    PalObjectClose(h);
}

TEST(PalVirtualMemoryResident, touched_or_not) {
    PAL_PTR a = NULL;
    uint8_t vec[2] = {9, 9};
    EXPECT(PalVirtualMemoryAlloc(&a, 2 * PAGE, 0, RW), 0);
    EXPECT(PalVirtualMemoryAdvise(a, 2 * PAGE, PAL_ADVICE_NOHUGEPAGE), 0);
    *(char*)a = 1;
    EXPECT(PalVirtualMemoryResident(a, 2 * PAGE, vec), 0);
    EXPECT(vec[0] & 1, 1);
    EXPECT(vec[1] & 1, 0);
    EXPECT(PalVirtualMemoryResident(a, 2 * PAGE, BAD_ADDRESS), PAL_ERROR_BADADDR);
    EXPECT(PalVirtualMemoryFree(a, 2 * PAGE), 0);
    EXPECT(PalVirtualMemoryResident(a, PAGE, vec), PAL_ERROR_NOMEM);
}

TEST(PalVirtualMemoryLock, kinds) {
    void* page = test_page();
    CHECK(page);
    EXPECT(PalVirtualMemoryLock(page, PAGE, 1), 0);
    EXPECT(PalVirtualMemoryLock(page, PAGE, 0), 0);
    EXPECT(PalVirtualMemoryLock(page, PAGE, 2), 0);
    EXPECT(PalVirtualMemoryLock(page, PAGE, 3), PAL_ERROR_INVAL);
    EXPECT(PalVirtualMemoryFree(page, PAGE), 0);
    EXPECT(PalVirtualMemoryLock(page, PAGE, 1), PAL_ERROR_NOMEM);
}

TEST(PalMemoryAvailableQuota, some) {
    CHECK(PalMemoryAvailableQuota() > 1 << 20);
}

TEST(PalMemoryObjectCreate, map_twice) {
    PAL_HANDLE m;
    PAL_PTR a = NULL, b = NULL;
    EXPECT(PalMemoryObjectCreate("object", 0, &m), 0);
    EXPECT(m->hdr.type, PAL_TYPE_MEMORY);
    EXPECT(PalStreamSetLength(m, PAGE), 0);
    EXPECT(PalStreamMap(m, &a, RW, 0, PAGE), 0);
    EXPECT(PalStreamMap(m, &b, RW, 0, PAGE), 0);
    *(char*)a = 3;
    EXPECT(*(char*)b, 3);
    EXPECT(PalStreamUnmap(a, PAGE), 0);
    EXPECT(PalStreamUnmap(b, PAGE), 0);
    EXPECT(PalMemoryObjectCreate("object", 1u << 31, &m), PAL_ERROR_INVAL);
}
