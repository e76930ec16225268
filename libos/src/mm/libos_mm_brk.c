/*
 * The heap of brk(2).
 */
#include "libos_mm_calls.h"
#include "libos_process.h"
#include "libos_vma.h"
#include "toml.h"

/* sys.brk.max_size of the manifest; 0: only the limits of the process count. */
static uint64_t max_size(void) {
    static uint64_t cached = UINT64_MAX;
    if (cached == UINT64_MAX) {
        const toml_value_t* v = toml_get_path(g_pal_control->manifest_root, "sys.brk.max_size");
        uint64_t size = 0;
        if (v && v->type == TOML_STRING) {
            mm_parse_size(v->string.text, &size);
        } else if (v && v->type == TOML_INT && v->integer > 0) {
            size = (uint64_t)v->integer;
        }
        cached = size;
    }
    return cached;
}

/* "256K", "1M", "4G" or plain bytes. Bad text was reported when the manifest was checked. */
bool mm_parse_size(const char* text, uint64_t* size) {
    uint64_t n = 0;
    if (*text < '0' || *text > '9') {
        return false;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n)) {
            return false;
        }
    }
    unsigned shift = *text == 'K' || *text == 'k'   ? 10
                     : *text == 'M' || *text == 'm' ? 20
                     : *text == 'G' || *text == 'g' ? 30
                                                    : 0;
    text += shift ? 1 : 0;
    if (*text || n > UINT64_MAX >> shift) {
        return false;
    }
    *size = n << shift;
    return true;
}

#define ROOM_WANTED (4UL << 30)

/* Linux: the heap starts up to 32 MiB (8192 pages) above the program's end. */
void mm_brk_init(uint64_t program_end, uint64_t start_data, uint64_t end_data) {
    write_lock(&g_mm.lock);
    uint64_t at = PAGE_UP(program_end) + mm_random_pages(13);
    /* Memory of the LibOS just above would cut the heap short: begin behind it. */
    const struct libos_vma* next = vma_find(&g_mm, at);
    if (next && (next->flags & VMA_INTERNAL) && next->start - at < ROOM_WANTED) {
        at = next->end + mm_random_pages(13);
    }
    g_mm.start_brk = g_mm.brk = at;
    g_mm.start_data = start_data;
    g_mm.end_data = end_data;
    write_unlock(&g_mm.lock);
}

static bool grow(struct libos_mm* mm, uint64_t from, uint64_t to) {
    if (!mm_clear_of_stack(mm, from, to)) {
        return false;
    }
    const struct libos_vma* next = vma_find(mm, from);
    uint32_t flags = VMA_ANON | mm->default_flags;
    /* One page stays free, so that the heap never touches what follows. */
    if (to > mm->user_end || (next && vma_start_gap(next) < to + PAGE_SIZE) ||
        mm->count > MAX_MAP_COUNT || !mm_may_expand(mm, PROT_READ | PROT_WRITE, flags, to - from) ||
        ((flags & VMA_LOCKED) && !mm_may_lock(mm, to - from))) {
        return false;
    }
    struct libos_vma* vma = vma_alloc(from, to, PROT_READ | PROT_WRITE, flags);
    if (!vma) {
        return false;
    }
    void* at = (void*)from;
    if (PalVirtualMemoryAlloc(&at, to - from, 0, PAL_PROT_READ | PAL_PROT_WRITE) < 0) {
        libos_free(vma);
        return false;
    }
    vma_insert(mm, vma);
    return true;
}

static bool within_limits(const struct libos_mm* mm, uint64_t brk) {
    uint64_t heap = brk - mm->start_brk, limit = mm_limit(RLIMIT_DATA);
    if (limit != UINT64_MAX && heap + (mm->end_data - mm->start_data) > limit) {
        return false;
    }
    return !max_size() || heap <= max_size();
}

uint64_t mm_brk(uint64_t brk) {
    struct libos_mm* mm = &g_mm;
    struct libos_vma* dead = NULL;
    uint64_t lock_from = 0, lock_to = 0;
    write_lock(&mm->lock);
    if (mm->start_brk && brk >= mm->start_brk && within_limits(mm, brk) && brk <= mm->user_end) {
        uint64_t old_end = PAGE_UP(mm->brk), new_end = PAGE_UP(brk);
        bool ok = true;
        if (new_end < old_end) {
            ok = mm_unmap_locked(mm, new_end, old_end, &dead) == 0;
        } else if (new_end > old_end) {
            ok = grow(mm, old_end, new_end);
            lock_from = ok ? old_end : 0;
            lock_to = new_end;
        }
        if (ok) {
            mm->brk = brk;
        }
    }
    uint64_t result = mm->brk;
    uint32_t flags = mm->default_flags;
    write_unlock(&mm->lock);
    vma_free_chain(dead);
    if (lock_from && (flags & VMA_LOCKED)) {
        PalVirtualMemoryLock((void*)lock_from, lock_to - lock_from,
                             flags & VMA_LOCKONFAULT ? 2 : 1);
    }
    return result;
}
