/*
 * Memory: host mappings inside the address plan of host_internal.h. The guest's and the LibOS's
 * ranges are open to the LibOS, except for the LibOS's own image; the PAL, its thread blocks, the
 * kernel's stack and the vDSO lie outside of both.
 */
#include <linux/mman.h>

#include "host_internal.h"

struct host_lock g_memory_lock = HOST_LOCK_INIT; /* guards the three marks below */
static PAL_NUM g_user_mark;                      /* next choice ends here (downwards) */
static PAL_NUM g_libos_mark;
static PAL_NUM g_pal_mark = PAL_ARENA_START; /* upwards */
static PAL_PTR_RANGE g_image;                /* the LibOS's image; set once at start */

void host_protect_image(uintptr_t start, uintptr_t end) {
    g_image = (PAL_PTR_RANGE){(PAL_PTR)start, (PAL_PTR)end};
}

#define VVAR_MAX (16 * PAGE_SIZE) /* the vDSO's data pages lie in front of it */

static bool inside(PAL_NUM start, PAL_NUM end, const PAL_PTR_RANGE* range) {
    return start >= (PAL_NUM)range->start && end <= (PAL_NUM)range->end;
}

int host_check_range(const void* addr, PAL_NUM size) {
    PAL_NUM start = (PAL_NUM)addr, end;
    if (__builtin_add_overflow(start, size, &end))
        return PAL_ERROR_INVAL;
    if (!inside(start, end, &g_control.user_address) &&
        !inside(start, end, &g_control.libos_address))
        return PAL_ERROR_DENIED;
    if (start < (PAL_NUM)g_image.end && end > (PAL_NUM)g_image.start)
        return PAL_ERROR_DENIED;
    /* The vDSO lies high above, unless the host randomises by more bits than Linux's default. */
    if (start < g_vdso_end && end > g_vdso_start - VVAR_MAX)
        return PAL_ERROR_DENIED;
    return 0;
}

static int check_pages(const void* addr, PAL_NUM size) {
    if (!size || !IS_PAGE_ALIGNED(addr) || !IS_PAGE_ALIGNED(size))
        return PAL_ERROR_INVAL;
    return host_check_range(addr, size);
}

int host_prot(PAL_FLG prot) {
    return (prot & PAL_PROT_READ ? PROT_READ : 0) | (prot & PAL_PROT_WRITE ? PROT_WRITE : 0) |
           (prot & PAL_PROT_EXEC ? PROT_EXEC : 0);
}

static void* map_pal(PAL_NUM size, int prot, int flags) {
    size = PAGE_UP(size);
    host_lock(&g_memory_lock);
    PAL_NUM at = g_pal_mark;
    g_pal_mark += size + PAGE_SIZE; /* an unmapped page between any two */
    host_unlock(&g_memory_lock);
    long ret = host_syscall(__NR_mmap, at, size, prot,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | flags, -1, 0);
    return ret == (long)at ? (void*)ret : NULL;
}

void* host_map_internal(PAL_NUM size) {
    return map_pal(size, PROT_READ | PROT_WRITE, MAP_POPULATE);
}

void* host_reserve_internal(PAL_NUM size) {
    return map_pal(size, PROT_NONE, MAP_NORESERVE);
}

/* A random page number below `pages`. */
static PAL_NUM random_pages(PAL_NUM pages) {
    uint64_t r = 0;
    if (!pages || g_control.disable_aslr ||
        host_syscall(__NR_getrandom, &r, sizeof(r), 1 /* GRND_NONBLOCK */) != sizeof(r))
        return 0;
    return r % pages;
}

static void init_mark(PAL_NUM* mark, const PAL_PTR_RANGE* range) {
    PAL_NUM pages = ((PAL_NUM)range->end - (PAL_NUM)range->start) / PAGE_SIZE;
    *mark = (PAL_NUM)range->end - random_pages(pages / 16) * PAGE_SIZE;
}

/* Takes the next size bytes downwards; starts again at the top when the range is used up. */
static PAL_NUM take(PAL_NUM* mark, const PAL_PTR_RANGE* range, PAL_NUM size) {
    host_lock(&g_memory_lock);
    if (!*mark)
        init_mark(mark, range);
    if (*mark - (PAL_NUM)range->start < size)
        *mark = (PAL_NUM)range->end;
    *mark -= size;
    PAL_NUM at = *mark;
    host_unlock(&g_memory_lock);
    return at;
}

#define MAX_TRIES 4096

/* mmap of anonymous memory at an address of our choice. */
static int map_anywhere(PAL_NUM size, bool internal, int prot, int flags, void** addr) {
    const PAL_PTR_RANGE* range = internal ? &g_control.libos_address : &g_control.user_address;
    PAL_NUM* mark = internal ? &g_libos_mark : &g_user_mark;
    if (size > (PAL_NUM)range->end - (PAL_NUM)range->start)
        return PAL_ERROR_NOMEM;
    for (int i = 0; i < MAX_TRIES; i++) {
        PAL_NUM at = take(mark, range, size);
        long ret = host_syscall(__NR_mmap, at, size, prot, flags | MAP_FIXED_NOREPLACE, -1, 0);
        if (ret == (long)at) {
            *addr = (void*)at;
            return 0;
        }
        if (ret >= 0) /* a kernel that takes NOREPLACE for a hint */
            host_syscall(__NR_munmap, ret, size);
        else if (ret != -EEXIST)
            return host_error(ret);
    }
    return PAL_ERROR_NOMEM;
}

int host_pick_address(PAL_NUM size, bool internal, void** addr) {
    return map_anywhere(size, internal, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                        addr);
}

#define ALLOC_KNOWN                                                                                \
    (PAL_ALLOC_RESERVE | PAL_ALLOC_INTERNAL | PAL_ALLOC_NORESERVE | PAL_ALLOC_POPULATE |           \
     PAL_ALLOC_SHARED | PAL_ALLOC_GROWSDOWN | PAL_ALLOC_NOREPLACE)

static int check_alloc(PAL_NUM size, PAL_FLG type, PAL_FLG prot) {
    if ((type & PAL_ALLOC_SHARED) && !(g_control.capabilities & PAL_CAP_SHARED_MEM))
        return PAL_ERROR_NOTSUPPORT;
    if ((type & ~ALLOC_KNOWN) || (prot & ~PAL_PROT_MASK) || !size || !IS_PAGE_ALIGNED(size))
        return PAL_ERROR_INVAL;
    if ((type & PAL_ALLOC_RESERVE) && (prot != PAL_PROT_NONE || (type & PAL_ALLOC_POPULATE)))
        return PAL_ERROR_INVAL;
    if ((type & PAL_ALLOC_GROWSDOWN) && (type & (PAL_ALLOC_SHARED | PAL_ALLOC_INTERNAL)))
        return PAL_ERROR_INVAL;
    if ((type & PAL_ALLOC_SHARED) && (prot & PAL_PROT_WRITECOPY))
        return PAL_ERROR_INVAL;
    return 0;
}

int PalVirtualMemoryAlloc(PAL_PTR* addr, PAL_NUM size, PAL_FLG type, PAL_FLG prot) {
    int ret = addr ? check_alloc(size, type, prot) : PAL_ERROR_INVAL;
    if (ret)
        return ret;
    int flags = MAP_ANONYMOUS | (type & PAL_ALLOC_SHARED ? MAP_SHARED : MAP_PRIVATE);
    if (type & (PAL_ALLOC_RESERVE | PAL_ALLOC_NORESERVE))
        flags |= MAP_NORESERVE;
    if (type & PAL_ALLOC_POPULATE)
        flags |= MAP_POPULATE;
    if (type & PAL_ALLOC_GROWSDOWN)
        flags |= MAP_GROWSDOWN;
    if (!*addr)
        return map_anywhere(size, type & PAL_ALLOC_INTERNAL, host_prot(prot), flags, addr);
    ret = check_pages(*addr, size);
    if (ret)
        return ret;
    flags |= type & PAL_ALLOC_NOREPLACE ? MAP_FIXED_NOREPLACE : MAP_FIXED;
    long at = host_syscall(__NR_mmap, *addr, size, host_prot(prot), flags, -1, 0);
    if (at == (long)*addr)
        return 0;
    if (at < 0)
        return host_error(at);
    host_syscall(__NR_munmap, at, size);
    return PAL_ERROR_STREAMEXIST;
}

int PalVirtualMemoryFree(PAL_PTR addr, PAL_NUM size) {
    int ret = check_pages(addr, size);
    return ret ? ret : host_error(host_syscall(__NR_munmap, addr, size));
}

int PalVirtualMemoryProtect(PAL_PTR addr, PAL_NUM size, PAL_FLG prot) {
    if (prot & ~PAL_PROT_MASK)
        return PAL_ERROR_INVAL;
    int ret = check_pages(addr, size);
    return ret ? ret : host_error(host_syscall(__NR_mprotect, addr, size, host_prot(prot)));
}

int PalVirtualMemoryRemap(PAL_PTR old_addr, PAL_NUM old_size, PAL_PTR new_addr, PAL_NUM new_size,
                          bool keep_old) {
    if (!(g_control.capabilities & PAL_CAP_REMAP))
        return PAL_ERROR_NOTIMPLEMENTED;
    int ret = check_pages(new_addr, new_size);
    if (!ret)
        ret = old_size ? check_pages(old_addr, old_size) : host_check_range(old_addr, new_size);
    if (ret)
        return ret;
    long at;
    if (old_addr == new_addr && !keep_old)
        at = host_syscall(__NR_mremap, old_addr, old_size, new_size, 0);
    else
        at = host_syscall(__NR_mremap, old_addr, old_size, new_size,
                          MREMAP_MAYMOVE | MREMAP_FIXED | (keep_old ? MREMAP_DONTUNMAP : 0),
                          new_addr);
    return host_error(at);
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

static const unsigned char g_advice[] = {
    [PAL_ADVICE_NORMAL] = MADV_NORMAL,
    [PAL_ADVICE_RANDOM] = MADV_RANDOM,
    [PAL_ADVICE_SEQUENTIAL] = MADV_SEQUENTIAL,
    [PAL_ADVICE_WILLNEED] = MADV_WILLNEED,
    [PAL_ADVICE_DONTNEED] = MADV_DONTNEED,
    [PAL_ADVICE_FREE] = MADV_FREE,
    [PAL_ADVICE_REMOVE] = MADV_REMOVE,
    [PAL_ADVICE_HUGEPAGE] = MADV_HUGEPAGE,
    [PAL_ADVICE_NOHUGEPAGE] = MADV_NOHUGEPAGE,
    [PAL_ADVICE_COLD] = MADV_COLD,
    [PAL_ADVICE_PAGEOUT] = MADV_PAGEOUT,
    [PAL_ADVICE_POPULATE_READ] = MADV_POPULATE_READ,
    [PAL_ADVICE_POPULATE_WRITE] = MADV_POPULATE_WRITE,
    [PAL_ADVICE_MERGEABLE] = MADV_MERGEABLE,
    [PAL_ADVICE_UNMERGEABLE] = MADV_UNMERGEABLE,
    [PAL_ADVICE_COLLAPSE] = MADV_COLLAPSE,
    [PAL_ADVICE_DONTNEED_LOCKED] = MADV_DONTNEED_LOCKED,
    [PAL_ADVICE_GUARD_INSTALL] = 102,
    [PAL_ADVICE_GUARD_REMOVE] = 103,
};

int PalVirtualMemoryAdvise(PAL_PTR addr, PAL_NUM size, PAL_FLG advice) {
    if (advice >= sizeof(g_advice))
        return PAL_ERROR_INVAL;
    int ret = check_pages(addr, size);
    return ret ? ret : host_error(host_syscall(__NR_madvise, addr, size, g_advice[advice]));
}

int PalVirtualMemorySync(PAL_PTR addr, PAL_NUM size, PAL_FLG flags) {
    if (flags & ~(PAL_SYNC_ASYNC | PAL_SYNC_INVALIDATE | PAL_SYNC_SYNC))
        return PAL_ERROR_INVAL;
    int host = (flags & PAL_SYNC_ASYNC ? MS_ASYNC : 0) |
               (flags & PAL_SYNC_INVALIDATE ? MS_INVALIDATE : 0) |
               (flags & PAL_SYNC_SYNC ? MS_SYNC : 0);
    int ret = check_pages(addr, size);
    return ret ? ret : host_error(host_syscall(__NR_msync, addr, size, host));
}

int PalVirtualMemoryResident(PAL_PTR addr, PAL_NUM size, uint8_t* vec) {
    int ret = check_pages(addr, size);
    return ret ? ret : host_error(host_syscall(__NR_mincore, addr, size, vec));
}

int PalVirtualMemoryLock(PAL_PTR addr, PAL_NUM size, PAL_FLG lock) {
    int ret = check_pages(addr, size);
    if (ret)
        return ret;
    switch (lock) {
        case 0:
            return host_error(host_syscall(__NR_munlock, addr, size));
        case 1:
            return host_error(host_syscall(__NR_mlock, addr, size));
        case 2:
            return host_error(host_syscall(__NR_mlock2, addr, size, MLOCK_ONFAULT));
        default:
            return PAL_ERROR_INVAL;
    }
}

int PalMemoryObjectCreate(PAL_STR name, PAL_FLG flags, PAL_HANDLE* handle) {
    if (flags)
        return PAL_ERROR_INVAL;
    long fd = host_syscall(__NR_memfd_create, name, 3 /* MFD_CLOEXEC | MFD_ALLOW_SEALING */);
    if (fd < 0)
        return host_error(fd);
    return host_handle_wrap(PAL_TYPE_MEMORY, fd,
                            HANDLE_READABLE | HANDLE_WRITABLE | HANDLE_SEEKABLE, handle);
}

int pal_loader_reserve(size_t size, uintptr_t* base) {
    void* at;
    int ret = host_pick_address(PAGE_UP(size), true, &at);
    *base = (uintptr_t)at;
    return ret;
}

/* Code and constants of ours, mapped from a file: the host copies the page tables of a mapping over
 * fork only if a page of it is private, and a child would fault on each part anew. So one page is
 * written to. */
void host_keep_over_fork(PAL_NUM addr, PAL_NUM size, int prot) {
    if (host_syscall(__NR_mprotect, addr, size, prot | PROT_READ | PROT_WRITE) < 0)
        return;
    __asm__ volatile("lock orb $0, (%0)" : : "r"(addr) : "memory");
    host_syscall(__NR_mprotect, addr, size, prot);
}

int pal_loader_map(uintptr_t addr, size_t size, uint32_t prot, long file, uint64_t offset) {
    int flags = MAP_PRIVATE | MAP_FIXED | MAP_POPULATE | (file < 0 ? MAP_ANONYMOUS : 0);
    long ret = host_syscall(__NR_mmap, addr, size, host_prot(prot), flags, file, offset);
    if (ret > 0 && file >= 0 && !(prot & PAL_PROT_WRITE))
        host_keep_over_fork(addr, size, host_prot(prot));
    return host_error(ret);
}

int pal_loader_protect(uintptr_t addr, size_t size, uint32_t prot) {
    return host_error(host_syscall(__NR_mprotect, addr, size, host_prot(prot)));
}

int64_t pal_loader_read(long file, void* buffer, size_t size, uint64_t offset) {
    return host_result(host_syscall(__NR_pread64, file, buffer, size, offset));
}
