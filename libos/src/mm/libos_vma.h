/*
 * The tree of VMAs: an AVL tree by address, threaded as a list, where every node also knows the
 * largest free gap below it, so that finding, inserting and placing cost O(log n).
 *
 * Everything here needs g_mm.lock, for writing where it changes something.
 */
#ifndef LIBOS_VMA_H
#define LIBOS_VMA_H

#include <linux/mman.h>
#include "libos_file.h"
#include "libos_mm.h"

#define STACK_GUARD_GAP (256 * PAGE_SIZE) /* Linux: stack_guard_gap */
#define MAX_MAP_COUNT   65530UL           /* Linux: vm.max_map_count */
#define TASK_SIZE       0x7ffffffff000UL  /* Linux's, where only that matters */
#define HUGE_PAGE       (2UL << 20)
#define PROT_RWX        (PROT_READ | PROT_WRITE | PROT_EXEC)
/* mmap's prot may hold more, which Linux ignores there. */

struct anon_name { /* PR_SET_VMA_ANON_NAME */
    refcount_t ref;
    char text[80];
};

struct libos_vma {
    uint64_t start, end;
    struct libos_vma *left, *right, *parent;
    struct libos_vma *prev, *next;
    uint64_t gap;     /* free bytes usable below start */
    uint64_t max_gap; /* largest gap in this subtree */
    int32_t height;
    int prot;
    uint32_t flags;          /* VMA_* */
    struct libos_file* file; /* referenced */
    /* In the file or the shared anonymous object. Private anonymous memory: the address where it
     * was first mapped, which mremap does not change: memory that was moved does not merge. */
    uint64_t offset;
    uint64_t object;  /* identity of shared memory, for futexes; 0: not known yet */
    uint32_t policy;  /* of mbind(2), as libos_numa.c packs it; 0: none */
    const char* name; /* static text or NULL */
    struct anon_name* anon_name;
};

struct libos_mm {
    libos_rwlock_t lock;
    struct libos_vma *root, *first, *last;
    uint64_t count;
    uint64_t user_start, user_end; /* what the guest may have */
    uint64_t mmap_base;            /* placement goes down from here */
    uint64_t legacy_base;          /* and, failing that, up from here */
    uint64_t start_brk, brk;
    uint64_t end_data, start_data; /* for RLIMIT_DATA */
    uint64_t start_stack;
    /* bytes */
    uint64_t total, data, stack, exec, shared, locked, peak;
    uint32_t default_flags; /* VMA_LOCKED | VMA_LOCKONFAULT of mlockall(MCL_FUTURE) */
};
extern struct libos_mm g_mm;

/* ---- libos_vma_tree.c --------------------------------------------------------------------------
 */
/* First VMA that ends above addr, or NULL. */
struct libos_vma* vma_find(const struct libos_mm* mm, uint64_t addr);
/* The VMA that holds addr, or NULL. */
struct libos_vma* vma_at(const struct libos_mm* mm, uint64_t addr);
void vma_link(struct libos_mm* mm, struct libos_vma* vma);
void vma_unlink(struct libos_mm* mm, struct libos_vma* vma);
/* After start, end or flags of a linked VMA have changed (its place in the order stays). */
void vma_moved(struct libos_mm* mm, struct libos_vma* vma);
/* First byte that something below the VMA may not reach: start, less the guard gap of a stack. */
uint64_t vma_start_gap(const struct libos_vma* vma);
/* Highest (lowest) address of a free range of len bytes within [low, high); 0: none. */
uint64_t vma_gap_top_down(const struct libos_mm* mm, uint64_t low, uint64_t high, uint64_t len);
uint64_t vma_gap_bottom_up(const struct libos_mm* mm, uint64_t low, uint64_t high, uint64_t len);

/* ---- libos_vma.c --------------------------------------------------------------------------------
 */
/* Not linked yet; NULL: no memory. */
struct libos_vma* vma_alloc(uint64_t start, uint64_t end, int prot, uint32_t flags);
struct libos_vma* vma_dup(const struct libos_vma* vma);
/* Tell the file that is mapped, if it wants to know: one more (+1) or fewer (-1). */
void vma_tell_file(const struct libos_vma* vma, int by);
/* VMAs that are gone are chained by `next` and freed after the lock: dropping the last reference
 * on a file may take long. */
void vma_free_chain(struct libos_vma* chain);
/* Cut in two at addr (start < addr < end); -ENOMEM. The lower half stays `vma`. */
int vma_split(struct libos_mm* mm, struct libos_vma* vma, uint64_t addr);
/* Make start and end of the range fall on borders of VMAs. Changes nothing if it fails. */
int vma_split_range(struct libos_mm* mm, uint64_t start, uint64_t end);
/* Link a new VMA, or grow a neighbour that matches over it. Returns the VMA that covers it; `vma`
 * is freed if a neighbour took its place. */
struct libos_vma* vma_insert(struct libos_mm* mm, struct libos_vma* vma);
/* Merge equal neighbours from the one before start to the one after end. */
void vma_merge_range(struct libos_mm* mm, uint64_t start, uint64_t end);
/* Unlink all VMAs in the range (split before), chain them to *dead. */
void vma_remove_range(struct libos_mm* mm, uint64_t start, uint64_t end, struct libos_vma** dead);
/* Accounting of `bytes` of vma's kind: sign +1 or -1. */
void vma_account(struct libos_mm* mm, const struct libos_vma* vma, uint64_t bytes, int sign);
bool vma_is_data(int prot, uint32_t flags); /* counts against RLIMIT_DATA */
/* Is any VMA in the range internal or (if asked) sealed? */
bool vma_range_has(const struct libos_mm* mm, uint64_t start, uint64_t end, uint32_t flags);

/* ---- libos_mm_place.c ---------------------------------------------------------------------------
 */
/* Where a mapping of len bytes goes (get_unmapped_area): an address or -errno. */
long mm_place(struct libos_mm* mm, uint64_t hint, uint64_t len, int flags, bool huge_align);
/* Choose mmap_base and stack position for a new program. */
void mm_layout(struct libos_mm* mm);
uint64_t mm_random_pages(unsigned bits); /* bytes: a random number of pages below 2^bits */
extern bool g_mm_randomise;

/* ---- libos_mm.c ---------------------------------------------------------------------------------
 */
uint64_t mm_new_object(void); /* identity of a new shared anonymous object */

/* ---- libos_mm_grow.c ----------------------------------------------------------------------------
 * For a stack (VMA_GROWSDOWN) the tree may know less than the host has grown it to. Before anything
 * looks at or changes a range that may reach below one: */
void mm_sync_growth(struct libos_mm* mm, uint64_t start, uint64_t end);
void mm_take_growth(struct libos_mm* mm, struct libos_vma* v); /* of one stack */
/* A place for a new mapping: is it still free, stacks above being what the host made of them? */
bool mm_clear_of_stack(struct libos_mm* mm, uint64_t start, uint64_t end);
int mm_host_alloc_stack(void* at, uint64_t bytes, PAL_FLG type, PAL_FLG prot);

/* ---- libos_mm_map.c -----------------------------------------------------------------------------
 */
uint64_t mm_limit(int resource);
/* RLIMIT_AS and RLIMIT_DATA: may `bytes` of this kind be added? */
bool mm_may_expand(const struct libos_mm* mm, int prot, uint32_t vma_flags, uint64_t bytes);
/* RLIMIT_MEMLOCK with `bytes` more. */
bool mm_may_lock(const struct libos_mm* mm, uint64_t bytes);
bool mm_can_lock(void);
/* munmap under the write lock; *dead to vma_free_chain. -EINVAL: empty range, or beyond the
 * guest's. */
int mm_unmap_locked(struct libos_mm* mm, uint64_t start, uint64_t end, struct libos_vma** dead);
/* Is [addr, addr+len) inside what the guest may have? len page-aligned, not 0. */
bool mm_in_user(const struct libos_mm* mm, uint64_t addr, uint64_t len);
static inline PAL_FLG mm_pal_prot(int prot) {
    return (PAL_FLG)(prot & PROT_RWX); /* the numbers are the same */
}
_Static_assert(PROT_READ == PAL_PROT_READ && PROT_WRITE == PAL_PROT_WRITE &&
                   PROT_EXEC == PAL_PROT_EXEC,
               "mm_pal_prot");
/* Executable bytes there go away or change. */
static inline void mm_forget_code(uint64_t start, uint64_t end) {
    if (libos_patch_forget) {
        libos_patch_forget(start, end);
    }
}

#endif /* LIBOS_VMA_H */
