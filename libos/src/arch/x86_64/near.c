/*
 * Slots near to the code, for sites whose jump covers instructions behind the `syscall`.
 *
 * The jump is `jmp *disp32(%rip)`, FF 25 and four bytes of displacement. Where the program may
 * enter in the middle, at an instruction that the jump covers, one of those four bytes lies; the
 * slot is chosen so that this byte is an opcode that does not exist in 64-bit mode. So whoever
 * comes there, by whatever jump, traps and goes on in the stub's copy: no jump has to be known
 * beforehand.
 *
 * Slots lie in regions of the LibOS's own within the guest's range, at a distance of the code whose
 * highest byte is such an opcode as well. A cache line holds one slot or none.
 */
#include "libos_mm.h"
#include "patch.h"

#define REGIONS_MAX 32
#define REGION_SIZE (8UL << 20) /* the third byte then takes enough values */
#define REGION_SKEW (4UL << 20) /* keeps the highest byte the same for code near by */
#define SLOT_LINE   64UL

static struct region {
    uint64_t start;
    uint64_t free;        /* no line below is free, but for sites that ask more */
} g_regions[REGIONS_MAX]; /* these two guarded by g_patch_lock */
static size_t g_region_count;

/* One-byte opcodes that are not defined in 64-bit mode. */
static bool is_undefined(uint8_t opcode) {
    static const uint8_t undefined[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37,
                                        0x3f, 0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4, 0xd6, 0xea};
    return memchr(undefined, opcode, sizeof(undefined)) != NULL;
}

static bool fits(uint64_t site, uint64_t slot, uint32_t starts) {
    int64_t disp = (int64_t)(slot - (site + PATCH_NEAR_SIZE));
    if (disp != (int32_t)disp)
        return false;
    for (int byte = 0; byte < 4; byte++) {
        if ((starts >> (byte + 2) & 1) && !is_undefined((uint8_t)(disp >> (8 * byte))))
            return false;
    }
    return true;
}

static bool is_empty(uint64_t line) {
    const uint64_t* words = (const uint64_t*)line;
    uint64_t sum = 0;
    for (size_t i = 0; i < SLOT_LINE / sizeof(*words); i++)
        sum |= words[i];
    return sum == 0;
}

/* The last address in the line that fits, or 0. */
static uint64_t place_in(uint64_t line, uint64_t site, uint32_t starts) {
    for (uint64_t at = line + SLOT_LINE - sizeof(uint64_t); at >= line; at--) {
        if (fits(site, at, starts))
            return at;
    }
    return 0;
}

/* From `line` on the first free slot that fits. */
static uint64_t search(uint64_t line, uint64_t end, const struct patch_site* s) {
    for (; line < end; line += SLOT_LINE) {
        uint64_t at = is_empty(line) ? place_in(line, s->syscall, s->starts) : 0;
        if (at)
            return at;
    }
    return 0;
}

/* A start 4 bytes behind the `syscall` asks for the third byte: it is the same over 64 KiB. */
static uint64_t search_parts(uint64_t region, const struct patch_site* s) {
    const uint64_t part = 64UL << 10;
    for (uint64_t at = region; at < region + REGION_SIZE; at += part) {
        uint64_t last = at + part - SLOT_LINE;
        if (!place_in(at, s->syscall, s->starts) && !place_in(last, s->syscall, s->starts))
            continue;
        uint64_t slot = search(at, at + part, s);
        if (slot)
            return slot;
    }
    return 0;
}

static uint64_t slot_in(struct region* r, const struct patch_site* s) {
    if (s->starts >> 4 & 1)
        return search_parts(r->start, s);
    uint64_t slot = search(r->free, r->start + REGION_SIZE, s);
    if (slot)
        r->free = ALIGN_DOWN(slot, SLOT_LINE);
    return slot;
}

bool patch_near_fits(const struct patch_site* s) {
    return fits(s->syscall, s->slot, s->starts);
}

uint64_t patch_near_slot(const struct patch_site* s) {
    for (size_t i = 0; i < g_region_count; i++) {
        uint64_t at = slot_in(&g_regions[i], s);
        if (at)
            return at;
    }
    return 0;
}

/* Below the code first: above it the heap grows. */
uint64_t patch_near_map(uint64_t site) {
    static const uint8_t distances[] = {0xea, 0xd4, 0xce, 0x9a, 0x82, 0x60, 0x3f, 0x37, 0x2f, 0x27};
    for (size_t i = 0; i < ARRAY_SIZE(distances); i++) {
        int64_t distance = (int32_t)((uint32_t)distances[i] << 24) + (int64_t)REGION_SKEW;
        uint64_t low = PAGE_UP(site + (uint64_t)distance);
        if (distance < 0 && low > site)
            continue;
        if (libos_mm_map_internal(low, low + REGION_SIZE, REGION_SIZE, PAL_PROT_READ, "[culm]") > 0)
            return low;
    }
    return 0;
}

void patch_near_add(uint64_t region) {
    if (g_region_count < REGIONS_MAX)
        g_regions[g_region_count++] = (struct region){region, region};
}

bool patch_near_full(void) {
    return g_region_count == REGIONS_MAX;
}

void patch_near_unmap(void) {
    while (g_region_count)
        libos_mm_unmap_internal(g_regions[--g_region_count].start, REGION_SIZE);
}
