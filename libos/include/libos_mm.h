/*
 * The guest's address space: the tree of mappings (VMAs) of the process, and the calls on it.
 *
 * Locking: one read-write lock, g_mm.lock. Lookups and faults take the read side, changes the write
 * side, and the host call that carries a change out is made under it, so that tree and host agree
 * whenever the lock is free. Functions here take the lock themselves unless they say otherwise.
 * Errors are -errno, chosen and ordered as in Linux.
 */
#ifndef LIBOS_MM_H
#define LIBOS_MM_H

#include "libos_internal.h"
#include "libos_mm_futex.h"

struct libos_file;

/* VMA flags. */
enum {
    VMA_SHARED = 1 << 0,    /* MAP_SHARED */
    VMA_ANON = 1 << 1,      /* no file (file == NULL) */
    VMA_GROWSDOWN = 1 << 2, /* grows on a fault below: libos_mm_grow.c */
    VMA_NORESERVE = 1 << 3,
    VMA_LOCKED = 1 << 4,      /* mlock */
    VMA_LOCKONFAULT = 1 << 5, /* mlock2(MLOCK_ONFAULT) */
    VMA_NOWRITE = 1 << 6,     /* mprotect may not add PROT_WRITE (shared map of a read-only fd) */
    VMA_NOEXEC = 1 << 7,      /* mprotect may not add PROT_EXEC (file on a noexec mount) */
    VMA_DONTFORK = 1 << 8,
    VMA_WIPEONFORK = 1 << 9,
    VMA_DONTDUMP = 1 << 10,
    VMA_DONTEXPAND = 1 << 11,
    VMA_SEQ_READ = 1 << 12,
    VMA_RAND_READ = 1 << 13,
    VMA_MERGEABLE = 1 << 14,
    VMA_HUGEPAGE = 1 << 15,
    VMA_NOHUGEPAGE = 1 << 16,
    VMA_SEALED = 1 << 17,   /* mseal */
    VMA_INTERNAL = 1 << 18, /* the LibOS's own, in the guest's range: the guest cannot change it */
    VMA_STACK = 1 << 19,    /* accounted as VmStk */
};

/* What one VMA is, copied out. */
struct libos_vma_info {
    uint64_t start, end;
    int prot;                /* PROT_* */
    uint32_t flags;          /* VMA_* */
    uint64_t offset;         /* in the file */
    struct libos_file* file; /* referenced; NULL if anonymous */
    const char* name;   /* "[stack]", "[vdso]", "[heap]" or NULL; static text, or the guest's own
                           name (PR_SET_VMA_ANON_NAME), then valid as long as the info */
    uint64_t inode;     /* shared anonymous memory: identifies the object; else 0 */
    char anon_name[80]; /* storage for name */
};

struct libos_mm_stats { /* bytes */
    uint64_t total, data, stack, exec, shared, locked, peak;
    uint64_t count; /* of VMAs */
};

/* Set up the empty address space from the control block. Called once, before any guest memory. */
int libos_mm_init(void);

/* Map size bytes (rounded up) as mmap(2) does, on behalf of the LibOS: flags MAP_*, file NULL if
 * anonymous (not consumed: the VMA takes its own reference), name static text or NULL, vma_flags
 * further VMA_*. Returns the address or -errno. */
long libos_mm_map(uint64_t addr, size_t size, int prot, int flags, struct libos_file* file,
                  uint64_t offset, uint32_t vma_flags, const char* name);
int libos_mm_unmap(uint64_t addr, size_t size);
int libos_mm_protect(uint64_t addr, size_t size, int prot);
/* Memory of the LibOS's own within the guest's range (call-site stubs, tables): anonymous, in
 * [low, high), the guest can neither unmap nor change it. Returns the address or -errno. */
long libos_mm_map_internal(uint64_t low, uint64_t high, size_t size, int prot, const char* name);

void libos_mm_unmap_internal(uint64_t addr, size_t size); /* exactly what one call mapped */

/* Forget and unmap everything but VMA_INTERNAL: execve. Other threads are gone. */
void libos_mm_unmap_all(void);

/* The VMA at addr: true and *info filled (drop info->file with libos_vma_info_put). */
bool libos_mm_query(uint64_t addr, struct libos_vma_info* info);
/* The same for the first VMA that ends above addr. This and the snapshot leave out VMA_INTERNAL. */
bool libos_mm_query_next(uint64_t addr, struct libos_vma_info* info);
void libos_vma_info_put(struct libos_vma_info* info);
/* All VMAs in address order; *out is freed with libos_mm_snapshot_free. 0 or -ENOMEM. */
int libos_mm_snapshot(struct libos_vma_info** out, size_t* count);
void libos_mm_snapshot_free(struct libos_vma_info* infos, size_t count);
void libos_mm_get_stats(struct libos_mm_stats* stats);
/* Of the heap (brk): start and current end. */
void libos_mm_get_brk(uint64_t* start, uint64_t* end);
/* Is the whole range mapped? (syslog, shmat, ...) */
bool libos_mm_is_mapped(uint64_t addr, size_t size);

/* PROT_* of the page at addr, or -ENOMEM if nothing is mapped there. */
int libos_mm_get_prot(uint64_t addr);
/* Nothing is unmapped or changed in between: for whoever patches guest code. Short, no blocking. */
void libos_mm_read_lock(void);
void libos_mm_read_unlock(void);
/* The same two without taking the lock, for callers that hold it. */
int libos_mm_get_prot_locked(uint64_t addr);
bool libos_mm_query_locked(uint64_t addr, struct libos_vma_info* info);

/* A guest page fault: true if the access may be tried again (a stack grew, or the mapping allows
 * the access by now). error_code: the CPU's (bit 1 write, bit 4 instruction fetch). May block on
 * the lock: not for the upcall itself, but for the thread once it runs on its LibOS stack. */
bool libos_mm_handle_fault(uint64_t addr, uint64_t error_code);
/* The same for a SIGBUS in the mapping of a file: true if the file is longer than it was. */
bool libos_mm_handle_bus_error(uint64_t addr);
/* A file of the LibOS's own (tmpfs) has become longer or shorter: pages [from, to) of it (offsets
 * in the file) are mapped anew wherever is_of(file, what) says so. Under no lock of the file's. */
void libos_mm_file_resized(bool (*is_of)(const struct libos_file* f, const void* what),
                           const void* what, uint64_t from, uint64_t to);
/* Stacks may have grown by the host's hand: learn of it, before asking about this range. */
void libos_mm_sync_growth(uint64_t start, uint64_t end);
/* RLIMIT_STACK of the process is now this: how far stacks may grow. */
void libos_mm_stack_limit(uint64_t limit);

/* arch/: executable bytes in [start, end) are going away or may change: forget patches there. */
void libos_patch_forget(uint64_t start, uint64_t end) __attribute__((weak, visibility("hidden")));

/* arch/: a new program is about to be mapped at [low, high), where it must lie (0, 0: anywhere).
 * Nothing of the guest is mapped and no other thread exists: make room there if need be. */
void libos_patch_exec(uint64_t low, uint64_t high) __attribute__((weak));

/* The name of anonymous memory, prctl(PR_SET_VMA): name is LibOS memory or NULL. */
int libos_mm_set_anon_name(uint64_t addr, size_t size, const char* name);

/* In the child of a fork, before it runs guest code: what MADV_DONTFORK and MADV_WIPEONFORK ask,
 * and memory locks, which a child does not inherit. */
void libos_mm_after_fork(void);
/* A new program has registered for no barriers (sys/libos_membarrier.c). */
void libos_membarrier_exec(void);

/* ---- the allocator's part in a thread's life --------------------------------------------------
 */
/* The calling thread is about to end: give its cached memory back. Later calls work uncached. */
void libos_malloc_thread_exit(void);

#endif /* LIBOS_MM_H */
