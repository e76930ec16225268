/*
 * Which call sites are rewritten, when, and how. See patch.h.
 *
 * Only the address of a `syscall` that trapped is known to be an instruction. What is changed
 * around it must be whole instructions, of a shape known to be safe:
 *
 *   mov $nr,%eax; syscall         7 bytes, all replaced. rax shows that the bytes in front really
 *                                 were that mov. A jump to the syscall meets ud2 and is emulated.
 *   mov $nr,%rax; syscall         the 7 bytes of the mov replaced; the syscall stays.
 *   syscall; cmp, mov, test ...   whole instructions that mean the same anywhere; whoever comes
 *                                 to one of them from elsewhere, by a jump, or back from a call
 *                                 made before, traps there and goes on in the copy (near.c).
 *   syscall; ret; filler          the same; the filler behind a ret is never executed.
 *
 * Locks: mm lock, then g_patch_lock.
 */
#include "patch.h"
#include "entry.h"
#include "libos_mm.h"
#include "libos_process.h"
#include <asm/mman.h>
#include <linux/mman.h>

static libos_lock_t g_patch_lock = LIBOS_LOCK_INIT;
static bool g_patching; /* the tables exist */
static unsigned g_patched, g_refused;

/* Traps at a site before it is rewritten: that costs as much as a dozen of them. Most sites of a
 * short program, and of a child that soon calls exec, are used once or twice. */
#define HITS_TO_PATCH 4

int libos_patch_init(void) {
    g_patching = patch_stubs_init() == 0;
    if (!g_patching)
        log_debug("no room for call-site stubs: system calls stay on the trap path");
    return 0;
}

void libos_patch_exec(uint64_t low, uint64_t high) {
    patch_near_unmap(); /* of the former program */
    bool clash = patch_slots_within(low, high);
    libos_get_tcb()->traps_spared = 0;
    if (clash && g_patching) {
        log_debug("the program lies where call-site slots would: its calls stay on the trap path");
        patch_slots_unmap();
        g_patching = false;
    } else if (!clash && !g_patching) {
        g_patching = patch_slots_map() == 0;
    }
}

void libos_patch_counts(unsigned* patched, unsigned* refused) {
    *patched = g_patched;
    *refused = g_refused;
}

/* ---- analysis ---------------------------------------------------------------------------------
 */

#define AROUND_BEFORE 9
#define AROUND_AFTER  24

struct around { /* the bytes around a `syscall`; those outside the mapping are not valid */
    uint8_t bytes[AROUND_BEFORE + AROUND_AFTER];
    size_t before, after; /* how many are valid, counted from the `syscall` */
};

static bool read_around(uint64_t addr, const struct libos_vma_info* vma, struct around* a) {
    a->before = MIN(addr - vma->start, (uint64_t)AROUND_BEFORE);
    a->after = MIN(vma->end - addr, (uint64_t)AROUND_AFTER);
    memset(a->bytes, 0, sizeof(a->bytes));
    return user_copy_from(a->bytes + AROUND_BEFORE - a->before, (void*)(addr - a->before),
                          a->before + a->after) == 0;
}

/* `B8 nr` right in front, with rax == nr, could be the end of another instruction only if that
 * holds the same number: mov to r8 (REX.B), or an immediate behind such a ModRM byte. */
static bool is_mov_eax(const struct around* a, const struct libos_regs* regs) {
    const uint8_t* p = a->bytes + AROUND_BEFORE - 5;
    uint32_t imm;
    memcpy(&imm, p + 1, sizeof(imm));
    if (a->before < 7 || p[0] != 0xb8 || regs->orig_rax != imm)
        return false;
    bool rex_b = (p[-1] & 0xf1) == 0x41;
    bool modrm = p[-2] == 0xc7 || p[-2] == 0x81 || p[-2] == 0x69;
    return !(rex_b && (uint32_t)regs->r8 == imm) && !modrm;
}

static bool is_mov_rax(const struct around* a, const struct libos_regs* regs) {
    const uint8_t* p = a->bytes + AROUND_BEFORE - 7;
    int32_t imm;
    memcpy(&imm, p + 3, sizeof(imm));
    return a->before >= 8 && memcmp(p, "\x48\xc7\xc0", 3) == 0 && regs->orig_rax == (uint64_t)imm;
}

/* Length of the instruction at p if it is one of a few common ones that mean the same at any
 * address and go on to the next; else 0. left: bytes that may be looked at. */
static size_t movable_length(const uint8_t* p, size_t left) {
    size_t rex = left && (p[0] & 0xf0) == 0x40;
    bool rex_w = rex && (p[0] & 8);
    if (left < rex + 7)
        return 0;
    uint8_t op = p[rex], modrm = p[rex + 1];
    if (op == 0x3d) /* cmp $imm32,%eax or %rax */
        return rex + 5;
    if ((op & 0xf8) == 0xb8) /* mov $imm32 */
        return rex_w ? 0 : rex + 5;
    size_t imm;
    if (op == 0x89 || op == 0x8b || op == 0x85 || op == 0x31 || op == 0x39 || op == 0x3b ||
        op == 0x8d)
        imm = 0; /* mov, test, xor, cmp, lea */
    else if (op == 0x83 || op == 0x80)
        imm = 1;
    else
        return 0;
    uint8_t mod = modrm >> 6, rm = modrm & 7;
    bool sib = mod != 3 && rm == 4;
    if (mod == 0 && (rm == 5 || (sib && (p[rex + 2] & 7) == 5)))
        return 0; /* relative to rip; or a form with disp32 that is not worth it */
    return rex + 2 + sib + (mod == 1 ? 1 : mod == 2 ? 4 : 0) + imm;
}

/* Bytes of the movable instructions behind the `syscall` that make room for the jump, or 0. Bit n
 * of *starts: an instruction begins n bytes behind the start of the `syscall`. */
static size_t movable_tail(const struct around* a, uint32_t* starts) {
    size_t at = 2;
    *starts = 0;
    while (at < PATCH_NEAR_SIZE) {
        *starts |= 1u << at;
        size_t n = movable_length(a->bytes + AROUND_BEFORE + at, a->after > at ? a->after - at : 0);
        if (!n)
            return 0;
        at += n;
    }
    return at <= PATCH_TAIL_MAX + 2 ? at - 2 : 0;
}

/* Length of the filler instruction at p, or 0. */
static size_t filler_length(const uint8_t* p) {
    static const struct {
        uint8_t length;
        const char* bytes;
    } fillers[] = {
        {1, "\x90"},
        {1, "\xcc"},
        {2, "\x66\x90"},
        {3, "\x0f\x1f\x00"},
        {4, "\x0f\x1f\x40\x00"},
        {5, "\x0f\x1f\x44\x00\x00"},
        {6, "\x66\x0f\x1f\x44\x00\x00"},
        {7, "\x0f\x1f\x80\x00\x00\x00\x00"},
        {8, "\x0f\x1f\x84\x00\x00\x00\x00\x00"},
        {9, "\x66\x0f\x1f\x84\x00\x00\x00\x00\x00"},
        {10, "\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00"},
        {11, "\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(fillers); i++) {
        if (memcmp(p, fillers[i].bytes, fillers[i].length) == 0)
            return fillers[i].length;
    }
    return 0;
}

/* ret and at least four bytes of filler, none of it at an address where a function may begin. */
static bool is_ret_filler(uint64_t addr, const struct around* a) {
    const uint8_t* p = a->bytes + AROUND_BEFORE;
    size_t at = 3;
    if (a->after < AROUND_AFTER || p[2] != 0xc3)
        return false;
    while (at < PATCH_NEAR_SIZE) {
        size_t n = (addr + at) % 16 == 0 ? 0 : filler_length(p + at);
        if (!n || at + n > AROUND_AFTER)
            return false;
        for (size_t i = 1; i < n && at + i < PATCH_NEAR_SIZE; i++) {
            if ((addr + at + i) % 16 == 0)
                return false;
        }
        at += n;
    }
    return true;
}

/* Chooses start and size. False: nothing safe fits. */
static bool choose_shape(struct patch_site* s, const struct around* a,
                         const struct libos_vma_info* vma, const struct libos_regs* regs) {
    uint64_t addr = s->syscall;
    s->starts = 0;
    s->after = 0;
    if (is_mov_eax(a, regs)) {
        s->start = addr - 5;
        s->size = PATCH_JUMP_SIZE;
    } else if (is_mov_rax(a, regs)) {
        s->start = addr - 7;
        s->size = PATCH_JUMP_SIZE;
    } else {
        uint32_t starts;
        size_t after = movable_tail(a, &starts);
        if (!after && is_ret_filler(addr, a)) {
            after = PATCH_NEAR_SIZE - 2;
            starts = 1u << 2;
        }
        if (!after)
            return false;
        s->start = addr;
        s->after = after;
        s->starts = starts;
        s->size = after + 2;
    }
    return s->start >= vma->start && s->start + s->size <= vma->end;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static bool write_starts(const struct patch_site* s, const uint8_t* new) {
    static const uint8_t int3 = 0xcc;
    for (unsigned i = 0; i < s->size; i++) {
        if ((i == 0 || (s->starts >> i & 1)) &&
            user_copy_to((void*)(s->start + i), new ? &new[i] : &int3, 1) < 0)
            return false;
    }
    return PalInstructionBarrierAll() == 0;
}

/* Others may be executing the bytes: each instruction becomes an int3 first, which makes them try
 * again, and last what it is to be. */
static int write_live(const struct patch_site* s, const uint8_t* new) {
    if (!write_starts(s, NULL))
        return -EFAULT;
    for (unsigned i = 1; i < s->size; i++) {
        if (!(s->starts >> i & 1) && user_copy_to((void*)(s->start + i), &new[i], 1) < 0)
            return -EFAULT;
    }
    return PalInstructionBarrierAll() == 0 && write_starts(s, new) ? 0 : -EFAULT;
}

static PAL_FLG pal_prot(int prot) {
    return (prot & PROT_READ ? PAL_PROT_READ : 0) | (prot & PROT_WRITE ? PAL_PROT_WRITE : 0) |
           (prot & PROT_EXEC ? PAL_PROT_EXEC : 0);
}

/* The site is ACTIVE already: whoever meets the int3 or the ud2 is helped. */
static int write_site(const struct patch_site* s, const struct libos_vma_info* vma) {
    uint8_t new[PATCH_BYTES_MAX];
    patch_jump_bytes(s, new);
    PAL_PTR page = (PAL_PTR)PAGE_DOWN(s->start);
    PAL_NUM size = PAGE_UP(s->start + s->size) - PAGE_DOWN(s->start);
    PAL_FLG prot = pal_prot(vma->prot);
    if (PalVirtualMemoryProtect(page, size, prot | PAL_PROT_WRITE) < 0)
        return -EACCES;
    int ret = g_process.thread_count > 1 ? write_live(s, new)
                                         : user_copy_to((void*)s->start, new, s->size);
    PalVirtualMemoryProtect(page, size, prot);
    return ret;
}

/* ---- deciding ---------------------------------------------------------------------------------
 */

static void set_state(struct patch_site* s, enum patch_state state) {
    __atomic_store_n(&s->state, state, __ATOMIC_SEQ_CST);
}

static void refuse(struct patch_site* s) {
    s->size = 0;
    set_state(s, PATCH_REFUSED);
    g_refused++;
}

static bool is_patchable(const struct patch_site* s, const struct libos_vma_info* vma,
                         struct around* a) {
    return !(vma->flags & VMA_SHARED) && (vma->prot & PROT_EXEC) &&
           read_around(s->syscall, vma, a) && memcmp(a->bytes + AROUND_BEFORE, "\x0f\x05", 2) == 0;
}

/* False: a region of slots has to be made first. */
static bool find_slot(struct patch_site* s) {
    if (!s->starts)
        s->slot = 0;
    else if (!s->slot || !patch_near_fits(s))
        s->slot = patch_near_slot(s);
    return s->slot || !s->starts;
}

/* True: nothing more to do for this one now. False: make a region and come again. */
static bool patch(struct patch_site* s, const struct libos_vma_info* vma,
                  const struct libos_regs* regs) {
    struct around a;
    if (!is_patchable(s, vma, &a) || !choose_shape(s, &a, vma, regs)) {
        refuse(s);
        return true;
    }
    if (!find_slot(s)) {
        if (patch_near_full())
            refuse(s);
        return s->state == PATCH_REFUSED;
    }
    const uint8_t* bytes = a.bytes + AROUND_BEFORE - (s->syscall - s->start);
    if (patch_make_stub(s, bytes) < 0) {
        refuse(s);
        return true;
    }
    set_state(s, PATCH_ACTIVE);
    if (write_site(s, vma) < 0) {
        log_debug("call site at 0x%lx cannot be written", (unsigned long)s->syscall);
        refuse(s);
    } else {
        g_patched++;
    }
    return true;
}

static bool consider(uint64_t addr, const struct libos_regs* regs, uint64_t new_region) {
    struct libos_vma_info vma;
    bool done = true;
    libos_mm_read_lock();
    lock(&g_patch_lock);
    if (new_region)
        patch_near_add(new_region);
    struct patch_site* s = patch_find(addr);
    if (!s)
        s = patch_add(addr);
    if (s && s->state == PATCH_SEEN && ++s->hits >= HITS_TO_PATCH &&
        libos_mm_query_locked(addr, &vma)) {
        done = patch(s, &vma, regs);
        if (!done && new_region) {
            refuse(s); /* no place in it either */
            done = true;
        }
        libos_vma_info_put(&vma);
    }
    unlock(&g_patch_lock);
    libos_mm_read_unlock();
    return done;
}

static void refuse_at(uint64_t addr) {
    lock(&g_patch_lock);
    struct patch_site* s = patch_find(addr);
    if (s && s->state == PATCH_SEEN)
        refuse(s);
    unlock(&g_patch_lock);
}

/* Most children run a program or end after a few calls of their own: patching costs ten faults. */
#define SPARED_AFTER_FORK 4

void libos_patch_after_fork(void) {
    libos_get_tcb()->traps_spared = SPARED_AFTER_FORK;
}

void libos_trap_hook(struct libos_regs* regs) {
    if (!g_patching)
        return;
    struct libos_tcb* tcb = libos_get_tcb();
    if (__builtin_expect(tcb->traps_spared != 0, 0)) {
        tcb->traps_spared--;
        return;
    }
    uint64_t addr = regs->rip - 2;
    const struct patch_site* s = patch_find(addr);
    if (s && (s->state == PATCH_REFUSED || s->state == PATCH_ACTIVE))
        return;
    if (!consider(addr, regs, 0)) {
        uint64_t region = patch_near_map(addr);
        if (region)
            consider(addr, regs, region);
        else
            refuse_at(addr);
    }
    regs->resume = libos_patch_resume(regs->rip);
}

bool libos_patch_hit_int3(uint64_t addr) {
    static const uint8_t before[] = {0, 5, 7};
    for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
        const struct patch_site* s = patch_find(addr + before[i]);
        if (s && s->state == PATCH_ACTIVE && s->start == addr)
            return true;
    }
    return libos_patch_interior(addr) != 0;
}

/* ---- code that goes away ----------------------------------------------------------------------
 */

struct range {
    uint64_t start, end;
};

static void forget_one(struct patch_site* s, void* arg) {
    const struct range* r = arg;
    uint64_t start = s->size ? s->start : s->syscall;
    uint64_t end = s->size ? s->start + s->size : s->syscall + 2;
    if (start < r->end && end > r->start)
        patch_set_gone(s);
}

void libos_patch_forget(uint64_t start, uint64_t end) {
    if (!g_patching)
        return;
    struct range range = {start, end};
    lock(&g_patch_lock);
    if (start <= (uint64_t)g_pal_control->user_address.start && end >= g_user_end)
        patch_reset(); /* execve: no other thread is left, nothing of the guest's code either */
    else
        patch_for_each(forget_one, &range);
    unlock(&g_patch_lock);
}
