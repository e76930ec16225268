/*
 * Which call sites are rewritten, when, and how. See patch.h.
 *
 * Only the address of a `syscall` that trapped is known to be an instruction. What is changed
 * around it must be whole instructions, of a shape known to be safe:
 *
 *   mov $nr,%eax; syscall         7 bytes, all replaced. rax shows that the bytes in front really
 *                                 were that mov. A jump to the syscall meets ud2 and is emulated.
 *   mov $nr,%rax; syscall         the 7 bytes of the mov replaced; the syscall stays.
 *   syscall; cmp, mov, test ...   whole instructions that mean the same anywhere; only if no direct
 *                                 jump nearby leads to one of them.
 *   syscall; ret; filler          the filler behind a ret is never executed.
 *
 * For the last two a thread that trapped there before must not come back behind the old `syscall`
 * once the bytes are ours. So first the stub is made known (READY): from then on every such thread
 * resumes in the stub's tail. The bytes change at a later trap, when no thread is left that may
 * still return natively (libos_tcb.native_return).
 *
 * Locks: mm read lock, then g_patch_lock, then threads_lock.
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

#define HITS_FOR_MOV  1 /* traps before the work pays */
#define HITS_FOR_TAIL 2 /* the scan for jumps costs more */
/* How far direct jumps into a tail are looked for: most functions are shorter. A jump from farther
 * away, or through a register, would be missed; neither has been met. */
#define SCAN_REACH (8 * 1024UL)

int libos_patch_init(void) {
    g_patching = patch_stubs_init() == 0;
    if (!g_patching)
        log_debug("no room for call-site stubs: system calls stay on the trap path");
    return 0;
}

void libos_patch_exec(uint64_t low, uint64_t high) {
    bool clash = patch_slots_within(low, high);
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
    while (at < PATCH_JUMP_SIZE) {
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
    while (at < PATCH_JUMP_SIZE) {
        size_t n = (addr + at) % 16 == 0 ? 0 : filler_length(p + at);
        if (!n || at + n > AROUND_AFTER)
            return false;
        for (size_t i = 1; i < n && at + i < PATCH_JUMP_SIZE; i++) {
            if ((addr + at + i) % 16 == 0)
                return false;
        }
        at += n;
    }
    return true;
}

static bool is_start(uint64_t offset, uint32_t starts) {
    return offset < 32 && (starts >> offset & 1);
}

/* Do the bytes at p, if they are an instruction, jump to one of the starts, counted from base? */
static bool jumps_to(const uint8_t* p, size_t left, uint64_t at, uint64_t base, uint32_t starts) {
    uint8_t op = p[0];
    if (op == 0xeb || (op & 0xf0) == 0x70 || (op & 0xfc) == 0xe0)
        return left >= 2 && is_start(at + 2 + (int8_t)p[1] - base, starts);
    bool near = op == 0xe8 || op == 0xe9;
    bool jcc = op == 0x0f && left >= 6 && (p[1] & 0xf0) == 0x80;
    if (!(near && left >= 5) && !jcc)
        return false;
    int32_t rel;
    size_t opcode = jcc ? 2 : 1;
    memcpy(&rel, p + opcode, sizeof(rel));
    return is_start(at + opcode + 4 + rel - base, starts);
}

/* Could any bytes near by be a direct jump to one of the starts? Every offset may be an
 * instruction. */
static bool may_be_jumped_to(uint64_t base, uint32_t starts, const struct libos_vma_info* vma) {
    uint64_t from = MAX(vma->start, base - MIN(base, SCAN_REACH));
    uint64_t to = MIN(vma->end, base + SCAN_REACH);
    uint8_t chunk[1024 + 8];
    for (uint64_t at = from; at < to; at += 1024) {
        size_t size = MIN(to - at, (uint64_t)sizeof(chunk));
        if (user_copy_from(chunk, (void*)at, size) < 0)
            return true;
        for (size_t i = 0; i < MIN(size, (size_t)1024); i++) {
            if (jumps_to(chunk + i, size - i, at + i, base, starts))
                return true;
        }
    }
    return false;
}

/* Chooses start and size. False: nothing safe fits. *wait: it may, but does not pay yet. */
static bool choose_shape(struct patch_site* s, const struct around* a,
                         const struct libos_vma_info* vma, const struct libos_regs* regs,
                         bool* wait) {
    uint64_t addr = s->syscall;
    *wait = false;
    if (is_mov_eax(a, regs)) {
        s->start = addr - 5;
        s->size = 7;
    } else if (is_mov_rax(a, regs)) {
        s->start = addr - 7;
        s->size = 7;
    } else {
        uint32_t starts;
        size_t after = movable_tail(a, &starts);
        if (!after && is_ret_filler(addr, a)) {
            after = PATCH_JUMP_SIZE - 2;
            starts = 1u << 2;
        }
        *wait = after && s->hits < HITS_FOR_TAIL;
        if (!after || *wait || may_be_jumped_to(addr, starts, vma))
            return false;
        s->start = addr;
        s->after = after;
        s->size = after + 2;
    }
    return s->start >= vma->start && s->start + s->size <= vma->end;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static int write_live(uint8_t* at, const uint8_t* new, size_t size) {
    static const uint8_t int3 = 0xcc;
    if (user_copy_to(at, &int3, 1) < 0 || PalInstructionBarrierAll() < 0)
        return -EFAULT;
    if (user_copy_to(at + 1, new + 1, size - 1) < 0 || PalInstructionBarrierAll() < 0)
        return -EFAULT;
    return user_copy_to(at, new, 1) < 0 || PalInstructionBarrierAll() < 0 ? -EFAULT : 0;
}

static PAL_FLG pal_prot(int prot) {
    return (prot & PROT_READ ? PAL_PROT_READ : 0) | (prot & PROT_WRITE ? PAL_PROT_WRITE : 0) |
           (prot & PROT_EXEC ? PAL_PROT_EXEC : 0);
}

/* The site is ACTIVE already: whoever meets the int3 or the ud2 is helped. */
static int write_site(struct patch_site* s, const struct libos_vma_info* vma) {
    uint8_t new[PATCH_BYTES_MAX];
    memset(new, 0x90, sizeof(new));
    patch_jump_bytes(s, new);
    PAL_PTR page = (PAL_PTR)PAGE_DOWN(s->start);
    PAL_NUM size = PAGE_UP(s->start + s->size) - PAGE_DOWN(s->start);
    PAL_FLG prot = pal_prot(vma->prot);
    if (PalVirtualMemoryProtect(page, size, prot | PAL_PROT_WRITE) < 0)
        return -EACCES;
    int ret = g_process.thread_count > 1 ? write_live((uint8_t*)s->start, new, s->size)
                                         : user_copy_to((void*)s->start, new, s->size);
    PalVirtualMemoryProtect(page, size, prot);
    return ret;
}

/* ---- deciding ---------------------------------------------------------------------------------
 */

/* Will t go on natively at addr? In the LibOS its frame says so; the frame is complete before
 * in_libos is set. Outside, native_return is where it was sent last: it may not have got there. */
static bool may_return(const struct libos_thread* t, uint64_t addr) {
    const struct libos_regs* frame = t->regs; /* of a thread that has not started yet */
    if (t->tcb) {
        uint64_t native = __atomic_load_n(&t->tcb->native_return, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&t->tcb->in_libos, __ATOMIC_ACQUIRE))
            return native == addr;
        frame = libos_frame(t->tcb);
    }
    if (!frame)
        return false;
    uint64_t resume = __atomic_load_n(&frame->resume, __ATOMIC_RELAXED);
    return (resume ? resume : __atomic_load_n(&frame->rip, __ATOMIC_RELAXED)) == addr;
}

static bool others_may_return(uint64_t addr) {
    bool found = false;
    struct libos_thread* self = get_cur_thread();
    lock(&g_process.threads_lock);
    list_for_each(t, &g_process.threads, struct libos_thread, node) {
        if (t != self && may_return(t, addr))
            found = true;
    }
    unlock(&g_process.threads_lock);
    return found;
}

static void set_state(struct patch_site* s, enum patch_state state) {
    __atomic_store_n(&s->state, state, __ATOMIC_SEQ_CST);
}

static void refuse(struct patch_site* s) {
    s->size = 0;
    set_state(s, PATCH_REFUSED);
    g_refused++;
}

static void prepare(struct patch_site* s, const struct libos_vma_info* vma,
                    const struct libos_regs* regs) {
    struct around a;
    bool wait = false;
    if ((vma->flags & VMA_SHARED) || !(vma->prot & PROT_EXEC) ||
        !read_around(s->syscall, vma, &a) || memcmp(a.bytes + AROUND_BEFORE, "\x0f\x05", 2) != 0 ||
        !choose_shape(s, &a, vma, regs, &wait)) {
        if (!wait)
            refuse(s);
        return;
    }
    const uint8_t* bytes = a.bytes + AROUND_BEFORE - (s->syscall - s->start);
    if (patch_make_stub(s, bytes) < 0)
        refuse(s);
    else
        set_state(s, PATCH_READY);
}

static void activate(struct patch_site* s, const struct libos_vma_info* vma) {
    if (s->tail && others_may_return(s->syscall + 2))
        return; /* at a later trap */
    set_state(s, PATCH_ACTIVE);
    if (write_site(s, vma) < 0) {
        log_debug("call site at 0x%lx cannot be written", (unsigned long)s->syscall);
        set_state(s, PATCH_READY);
    } else {
        g_patched++;
    }
}

/* Under both locks. */
static void consider(uint64_t addr, const struct libos_regs* regs) {
    struct patch_site* s = patch_find(addr);
    if (!s)
        s = patch_add(addr);
    if (!s || ++s->hits < HITS_FOR_MOV)
        return;
    struct libos_vma_info vma;
    if ((s->state != PATCH_SEEN && s->state != PATCH_READY) || !libos_mm_query_locked(addr, &vma))
        return;
    if (s->state == PATCH_SEEN)
        prepare(s, &vma, regs);
    if (s->state == PATCH_READY)
        activate(s, &vma);
    libos_vma_info_put(&vma);
}

void libos_trap_hook(struct libos_regs* regs) {
    if (!g_patching)
        return;
    uint64_t addr = regs->rip - 2;
    const struct patch_site* s = patch_find(addr);
    if (s && (s->state == PATCH_REFUSED || s->state == PATCH_ACTIVE))
        return;
    libos_mm_read_lock();
    lock(&g_patch_lock);
    consider(addr, regs);
    unlock(&g_patch_lock);
    libos_mm_read_unlock();
    regs->resume = libos_patch_resume(regs->rip);
}

bool libos_patch_hit_int3(uint64_t addr) {
    static const uint8_t before[] = {0, 5, 7};
    for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
        const struct patch_site* s = patch_find(addr + before[i]);
        if (s && s->state == PATCH_ACTIVE && s->start == addr)
            return true;
    }
    return false;
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
