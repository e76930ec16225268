/*
 * The table of call sites, their stubs, and the way from addresses in stubs back to the guest's.
 * See patch.h.
 *
 * A stub, PATCH_STUB_SIZE bytes, for a site with b bytes before the `syscall` and a bytes after:
 *
 *         the b bytes (instructions that set rax)
 *   call: rdgsbase %rcx             the guest may have a GS base of its own (exception.c). The
 * flags movq %gs:TCB_MINUS_SELF, %r11         stay as they are. leaq (%rcx, %r11), %rcx jrcxz go
 *         ud2
 *   go:   movabs $guest_return, %rcx
 *         lea tail(%rip), %r11      or, without a tail:  mov %rcx, %r11
 *         jmp *entry(%rip)
 *  entry: .quad libos_syscall_entry
 *   tail: the a bytes
 *         jmp *back(%rip)           unless they end in ret
 *   back: .quad site end
 */
#include "entry.h"
#include "libos_mm.h"
#include <asm/mman.h>
#include "libos_process.h"
#include "patch.h"

#define HASH_SIZE (PATCH_SITES_MAX * 4)

static struct patch_site* g_sites; /* [PATCH_SITES_MAX] */
static uint32_t g_site_count;      /* guarded by g_patch_lock; only grows but for patch_reset() */
static uint32_t g_free_site;       /* index + 1 of the first that was taken back; g_patch_lock */
static bool g_gone_since;          /* sites have gone since they were last taken back */
static uint32_t* g_hash;           /* index + 1 by address; open addressing; entries only appear */
static uint8_t* g_stubs;           /* [PATCH_SITES_MAX][PATCH_STUB_SIZE]; the last is the header */
static uint64_t* g_slots;          /* at PATCH_SLOTS_BASE */

#define STUBS_SIZE ((PATCH_SITES_MAX + 1UL) * PATCH_STUB_SIZE)
#define SLOTS_SIZE (PATCH_SITES_MAX * sizeof(uint64_t))

int patch_stubs_init(void) {
    size_t tables = PATCH_SITES_MAX * sizeof(*g_sites) + HASH_SIZE * sizeof(*g_hash);
    PAL_PTR memory = NULL, stubs = NULL, slots = (PAL_PTR)PATCH_SLOTS_BASE;
    if (PalVirtualMemoryAlloc(&memory, PAGE_UP(tables), PAL_ALLOC_INTERNAL,
                              PAL_PROT_READ | PAL_PROT_WRITE) < 0)
        return -ENOMEM;
    if (PalVirtualMemoryAlloc(&stubs, PAGE_UP(STUBS_SIZE), PAL_ALLOC_INTERNAL,
                              PAL_PROT_READ | PAL_PROT_EXEC) < 0)
        return -ENOMEM;
    g_hash = memory; /* whole pages */
    g_sites = (struct patch_site*)(g_hash + HASH_SIZE);
    g_slots = slots;
    g_stubs = stubs;
    return patch_slots_map();
}

int patch_slots_map(void) {
    long at = libos_mm_map_internal(PATCH_SLOTS_BASE, PATCH_SLOTS_BASE + SLOTS_SIZE, SLOTS_SIZE,
                                    PROT_READ, "[culm]");
    return at == (long)PATCH_SLOTS_BASE ? 0 : at < 0 ? (int)at : -ENOMEM;
}

void patch_slots_unmap(void) {
    libos_mm_unmap_internal(PATCH_SLOTS_BASE, SLOTS_SIZE);
}

bool patch_slots_within(uint64_t low, uint64_t high) {
    return low < PATCH_SLOTS_BASE + SLOTS_SIZE && high > PATCH_SLOTS_BASE;
}

/* ---- the table --------------------------------------------------------------------------------
 */

static uint32_t hash_of(uint64_t addr) {
    return (addr * 0x9e3779b97f4a7c15ULL) >> 40 & (HASH_SIZE - 1);
}

static uint32_t index_of(const struct patch_site* s) {
    return s - g_sites;
}

void patch_jump_bytes(const struct patch_site* s, uint8_t bytes[PATCH_BYTES_MAX]) {
    memset(bytes, 0x06, PATCH_BYTES_MAX); /* traps */
    if (s->slot) {
        int32_t disp = (int32_t)(s->slot - (s->start + PATCH_NEAR_SIZE));
        memcpy(bytes, "\xff\x25", 2);
        memcpy(bytes + 2, &disp, sizeof(disp));
    } else {
        uint32_t slot = PATCH_SLOTS_BASE + index_of(s) * sizeof(uint64_t);
        memcpy(bytes, "\xff\x24\x25", 3);
        memcpy(bytes + 3, &slot, sizeof(slot));
    }
}

/* Code that became writable may still hold our jump. */
static bool still_ours(const struct patch_site* s) {
    uint8_t now[PATCH_BYTES_MAX], jump[PATCH_BYTES_MAX];
    patch_jump_bytes(s, jump);
    return s->size && user_copy_from(now, (void*)s->start, s->size) == 0 &&
           memcmp(now, jump, s->size) == 0;
}

struct patch_site* patch_find(uint64_t addr) {
    if (!g_hash)
        return NULL;
    for (uint32_t h = hash_of(addr);; h = (h + 1) & (HASH_SIZE - 1)) {
        uint32_t index = __atomic_load_n(&g_hash[h], __ATOMIC_ACQUIRE);
        if (!index)
            return NULL;
        struct patch_site* s = &g_sites[index - 1];
        if (s->syscall == addr &&
            (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != PATCH_GONE || still_ours(s)))
            return s;
    }
}

static void hash_insert(const struct patch_site* s) {
    uint32_t h = hash_of(s->syscall);
    while (g_hash[h])
        h = (h + 1) & (HASH_SIZE - 1);
    __atomic_store_n(&g_hash[h], index_of(s) + 1, __ATOMIC_RELEASE);
}

/* A site at the same address whose code went away: a library loaded again, code generated anew. Its
 * stub may still be in use, so it is not written again unless no other thread is there
 * (patch_make_stub). */
static struct patch_site* find_gone(uint64_t addr) {
    for (uint32_t h = hash_of(addr); g_hash[h]; h = (h + 1) & (HASH_SIZE - 1)) {
        struct patch_site* s = &g_sites[g_hash[h] - 1];
        if (s->syscall == addr)
            return s;
    }
    return NULL;
}

/* The table is full: a lone thread takes back the sites of code that went away. Hash entries cannot
 * be taken out one by one. */
static void collect_gone(void) {
    memset(g_hash, 0, HASH_SIZE * sizeof(*g_hash));
    g_free_site = 0;
    for (uint32_t i = 0; i < PATCH_SITES_MAX; i++) {
        struct patch_site* s = &g_sites[i];
        if (s->state != PATCH_GONE || still_ours(s)) {
            hash_insert(s);
            continue;
        }
        *s = (struct patch_site){.state = PATCH_GONE, .next_free = g_free_site};
        g_free_site = i + 1;
    }
}

static struct patch_site* new_site(void) {
    if (g_site_count < PATCH_SITES_MAX)
        return &g_sites[g_site_count++];
    if (!g_free_site && g_gone_since && g_process.thread_count == 1) {
        g_gone_since = false;
        collect_gone();
    }
    if (!g_free_site)
        return NULL;
    struct patch_site* s = &g_sites[g_free_site - 1];
    g_free_site = s->next_free;
    return s;
}

struct patch_site* patch_add(uint64_t addr) {
    struct patch_site* s = find_gone(addr);
    if (s) {
        *s = (struct patch_site){
            .state = PATCH_SEEN, .syscall = addr, .stub_made = s->stub_made, .slot = s->slot};
        return s;
    }
    if (!(s = new_site()))
        return NULL;
    *s = (struct patch_site){.state = PATCH_SEEN, .syscall = addr};
    hash_insert(s);
    return s;
}

void patch_set_gone(struct patch_site* s) {
    __atomic_store_n(&s->state, PATCH_GONE, __ATOMIC_SEQ_CST);
    g_gone_since = true;
}

void patch_for_each(void (*fn)(struct patch_site* s, void* arg), void* arg) {
    for (uint32_t i = 0; i < g_site_count; i++) {
        if (g_sites[i].state != PATCH_GONE)
            fn(&g_sites[i], arg);
    }
}

void patch_reset(void) {
    if (!g_site_count)
        return; /* its pages are not even there */
    PAL_NUM size = HASH_SIZE * sizeof(*g_hash);
    if (PalVirtualMemoryAdvise(g_hash, size, PAL_ADVICE_DONTNEED) < 0)
        memset(g_hash, 0, size);
    g_site_count = 0;
    g_free_site = 0;
    g_gone_since = false;
}

/* ---- making a stub ----------------------------------------------------------------------------
 */

static uint8_t* stub_of(const struct patch_site* s) {
    return g_stubs + (size_t)index_of(s) * PATCH_STUB_SIZE;
}

struct emitter {
    uint8_t* at; /* in the copy */
    uint8_t code[PATCH_STUB_SIZE];
};

static void emit(struct emitter* e, const void* bytes, size_t size) {
    memcpy(e->at, bytes, size);
    e->at += size;
}

static void emit_bytes_rel32(struct emitter* e, const void* opcode, size_t size, int32_t rel) {
    emit(e, opcode, size);
    emit(e, &rel, sizeof(rel));
}

static size_t offset(const struct emitter* e) {
    return e->at - e->code;
}

/* What a call needs on its way in is one cache line; the way back, if any, is the next. */
#define ENTRY_OFFSET 56
#define TAIL_OFFSET  64
#define BACK_OFFSET  (PATCH_STUB_SIZE - 8)

static void emit_gs_check(struct emitter* e) {
    static const uint8_t code[] = {
        0xf3, 0x48, 0x0f, 0xae, 0xc9,                          /* rdgsbase %rcx */
        0x65, 0x4c, 0x8b, 0x1c, 0x25, TCB_MINUS_SELF, 0, 0, 0, /* movq %gs:..., %r11 */
        0x4a, 0x8d, 0x0c, 0x19,                                /* leaq (%rcx, %r11), %rcx */
        0xe3, 2,                                               /* jrcxz behind the ud2 */
        0x0f, 0x0b,                                            /* ud2 */
    };
    emit(e, code, sizeof(code));
}

static int write_slot(const struct patch_site* s) {
    uint64_t* slot = s->slot ? (uint64_t*)s->slot : &g_slots[index_of(s)];
    if (*slot == (uint64_t)stub_of(s))
        return 0;
    PAL_PTR page = (PAL_PTR)PAGE_DOWN((uint64_t)slot);
    if (PalVirtualMemoryProtect(page, PAGE_SIZE, PAL_PROT_READ | PAL_PROT_WRITE) < 0)
        return -ENOMEM;
    *slot = (uint64_t)stub_of(s);
    PalVirtualMemoryProtect(page, PAGE_SIZE, PAL_PROT_READ);
    return 0;
}

int patch_make_stub(struct patch_site* s, const uint8_t* bytes) {
    struct emitter e = {.at = e.code};
    memset(e.code, 0xcc, sizeof(e.code));
    size_t before = s->syscall - s->start;
    uint64_t ret = s->syscall + 2, back = s->start + s->size;
    uint64_t entry = (uint64_t)libos_syscall_entry;
    emit(&e, bytes, before);
    s->call = offset(&e);
    if (libos_has_fsgsbase())
        emit_gs_check(&e);
    s->go = offset(&e);
    emit(&e, "\x48\xb9", 2); /* movabs $ret, %rcx */
    emit(&e, &ret, sizeof(ret));
    if (s->after) {
        s->tail = TAIL_OFFSET;
        emit_bytes_rel32(&e, "\x4c\x8d\x1d", 3, TAIL_OFFSET - (int)(offset(&e) + 7));
    } else {
        emit(&e, "\x49\x89\xcb", 3); /* mov %rcx, %r11 */
    }
    emit_bytes_rel32(&e, "\xff\x25", 2, ENTRY_OFFSET - (int)(offset(&e) + 6));
    BUG_ON(offset(&e) > ENTRY_OFFSET);
    if (s->after) {
        e.at = e.code + TAIL_OFFSET;
        emit(&e, bytes + before + 2, s->after);
        emit_bytes_rel32(&e, "\xff\x25", 2, BACK_OFFSET - (int)(offset(&e) + 6));
    }
    BUG_ON(offset(&e) > BACK_OFFSET);
    memcpy(e.code + ENTRY_OFFSET, &entry, 8);
    memcpy(e.code + BACK_OFFSET, &back, 8);

    uint8_t* stub = stub_of(s);
    if (s->stub_made && memcmp(stub, e.code, sizeof(e.code)) == 0)
        return write_slot(s); /* the same code came back */
    if (s->stub_made && g_process.thread_count > 1)
        return -EBUSY; /* another thread may be in the old stub */
    PAL_PTR page = (PAL_PTR)PAGE_DOWN((uint64_t)stub);
    if (PalVirtualMemoryProtect(page, PAGE_SIZE, PAL_PROT_READ | PAL_PROT_WRITE | PAL_PROT_EXEC) <
        0)
        return -ENOMEM;
    memcpy(stub, e.code, sizeof(e.code));
    PalVirtualMemoryProtect(page, PAGE_SIZE, PAL_PROT_READ | PAL_PROT_EXEC);
    int ret2 = write_slot(s);
    s->stub_made = ret2 == 0;
    return ret2;
}

/* ---- addresses --------------------------------------------------------------------------------
 */

bool libos_stub_translate(uint64_t rip, uint64_t* guest_rip) {
    if (!g_stubs || rip - (uint64_t)g_stubs >= STUBS_SIZE)
        return false;
    uint64_t off = (rip - (uint64_t)g_stubs) % PATCH_STUB_SIZE;
    const struct patch_site* s = &g_sites[(rip - (uint64_t)g_stubs) / PATCH_STUB_SIZE];
    *guest_rip = 0;
    if (s->tail && off >= s->tail)
        *guest_rip = s->syscall + 2 + MIN(off - s->tail, (uint64_t)s->after);
    return true;
}

bool libos_stub_gs_check(uint64_t rip, uint64_t* go) {
    if (!g_stubs || rip - (uint64_t)g_stubs >= STUBS_SIZE)
        return false;
    uint64_t off = (rip - (uint64_t)g_stubs) % PATCH_STUB_SIZE;
    const struct patch_site* s = &g_sites[(rip - (uint64_t)g_stubs) / PATCH_STUB_SIZE];
    *go = rip - off + s->go;
    return off >= s->call && off < s->go;
}

/* Also of code that went away and may come back (still_ours()). */
static bool is_patched(const struct patch_site* s) {
    return s->state == PATCH_ACTIVE || s->state == PATCH_GONE;
}

uint64_t libos_patch_interior(uint64_t rip) {
    for (uint64_t back = 2; back < PATCH_BYTES_MAX; back++) {
        const struct patch_site* s = patch_find(rip - back);
        if (s && is_patched(s) && s->tail && (s->starts >> back & 1))
            return (uint64_t)stub_of(s) + s->tail + back - 2;
    }
    return 0;
}

/* rip is the address of a `syscall` (a call is made again) or behind one. */
uint64_t libos_patch_resume(uint64_t rip) {
    uint64_t copy = libos_patch_interior(rip);
    if (copy)
        return copy;
    const struct patch_site* s = patch_find(rip);
    if (s && is_patched(s) && s->start + 5 == s->syscall)
        return (uint64_t)stub_of(s) + s->call;
    return rip;
}

bool libos_patch_find_syscall(uint64_t rip, uint64_t* ret, uint64_t* resume) {
    const struct patch_site* s = patch_find(rip);
    if (!s || s->start + 5 != s->syscall)
        return false; /* only there is our ud2 */
    *ret = rip + 2;
    *resume = s->tail ? (uint64_t)stub_of(s) + s->tail : rip + 2;
    return true;
}
