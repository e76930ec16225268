/* A gigabyte of bss: at fixed low addresses (the static build) it lies where a LibOS might like to
 * keep something of its own. */
#include "oracle_mem.h"

#define SIZE (1UL << 30)
static volatile char big[SIZE];
static volatile char data[3 * PAGE] = {1};

TEST(reach) {
    CHECK_EQ(data[0], 1);
    for (size_t at = 0; at < SIZE; at += SIZE / 64) {
        CHECK_EQ(big[at], 0);
        big[at] = (char)(at >> 24);
    }
    for (size_t at = 0; at < SIZE; at += SIZE / 64)
        CHECK_EQ(big[at], (char)(at >> 24));
    big[SIZE - 1] = 5;
    struct map m;
    CHECK(map_of((void*)&big[SIZE / 2], &m));
    CHECK_STR(m.perms, "rw-p");
}

TEST(heap_behind) {
    char* now = (char*)sc(SYS_brk, 0);
    CHECK_EQ(sc(SYS_brk, now + (64 << 20)), now + (64 << 20));
    now[63 << 20] = 1;
    CHECK_EQ(sc(SYS_brk, now), now);
    char* p = malloc(200 << 20);
    p[100 << 20] = 2;
    free(p);
}
