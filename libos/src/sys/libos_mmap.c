/*
 * mmap(2), munmap(2), mprotect(2), mremap(2), mseal(2), remap_file_pages(2) and protection keys.
 */
#include <asm/fcntl.h>
#include <linux/types.h>
#include <linux/mman.h>
#include "libos_file.h"
#include "libos_mm.h"
#include "../mm/libos_mm_calls.h"
#include "../mm/libos_vma.h"
#include "libos_process.h"
#include "libos_table.h"

#define READ_IMPLIES_EXEC 0x0400000

#define PROT_KNOWN (PROT_RWX | PROT_SEM)

static long map_file(unsigned long addr, unsigned long len, int prot, int flags, int fd,
                     unsigned long off) {
    struct libos_file* f = libos_fd_get(fd);
    if (!f || (f->flags & O_PATH)) {
        if (f) {
            libos_file_put(f);
        }
        return -EBADF;
    }
    long ret;
    if (flags & MAP_HUGETLB) {
        ret = -EINVAL; /* not a hugetlbfs file */
    } else {
        ret = libos_mm_map(addr, len, prot, flags, f, off, 0, NULL);
    }
    libos_file_put(f);
    return ret;
}

long libos_syscall_mmap(unsigned long addr, unsigned long len, unsigned long prot,
                        unsigned long flags, unsigned long fd, unsigned long off) {
    if (off & (PAGE_SIZE - 1)) {
        return -EINVAL;
    }
    if ((cur_process()->personality & READ_IMPLIES_EXEC) && (prot & PROT_READ)) {
        prot |= PROT_EXEC;
    }
    if (!(flags & MAP_ANONYMOUS)) {
        return map_file(addr, len, (int)prot, (int)flags, (int)fd, off);
    }
    if (flags & MAP_HUGETLB) {
        unsigned long shift = flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
        /* 2 MiB and 1 GiB pages exist, but there are none in the pool. */
        return shift == 0 || shift == 21 || shift == 30 ? -ENOMEM : -EINVAL;
    }
    return libos_mm_map(addr, len, (int)prot, (int)flags, NULL, 0, 0, NULL);
}

long libos_syscall_munmap(unsigned long addr, size_t len) {
    return libos_mm_unmap(addr, len);
}

static long protect(unsigned long start, size_t len, unsigned long prot, int pkey) {
    int grows = (int)(prot & (PROT_GROWSDOWN | PROT_GROWSUP));
    prot &= ~(unsigned long)grows;
    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || !IS_ALIGNED(start, PAGE_SIZE)) {
        return -EINVAL;
    }
    if (!len) {
        return 0;
    }
    uint64_t end = start + PAGE_UP(len);
    if (end <= start) {
        return -ENOMEM;
    }
    if (prot & ~(unsigned long)PROT_KNOWN) {
        return -EINVAL;
    }
    if ((cur_process()->personality & READ_IMPLIES_EXEC) && (prot & PROT_READ)) {
        prot |= PROT_EXEC;
    }
    if (pkey != -1) {
        return -EINVAL; /* no key is ever allocated */
    }
    return mm_protect(start, end, (int)prot & PROT_RWX, grows);
}

long libos_syscall_mprotect(unsigned long start, size_t len, unsigned long prot) {
    return protect(start, len, prot, -1);
}

/* As on a CPU without protection keys. */
long libos_syscall_pkey_mprotect(unsigned long start, size_t len, unsigned long prot, int pkey) {
    return protect(start, len, prot, pkey);
}

long libos_syscall_pkey_alloc(unsigned long flags, unsigned long init_val) {
    (void)flags;
    (void)init_val;
    return -EINVAL; /* Linux would hand out key 0, and then cannot set its rights */
}

long libos_syscall_pkey_free(int pkey) {
    (void)pkey;
    return -EINVAL;
}

long libos_syscall_mremap(unsigned long addr, unsigned long old_len, unsigned long new_len,
                          unsigned long flags, unsigned long new_addr) {
    return mm_remap(addr, old_len, new_len, flags, new_addr);
}

long libos_syscall_mseal(unsigned long start, size_t len, unsigned long flags) {
    if (flags || !IS_ALIGNED(start, PAGE_SIZE)) {
        return -EINVAL;
    }
    size_t whole = PAGE_UP(len);
    if (len && !whole) {
        return -EINVAL;
    }
    uint64_t end = start + whole;
    if (end < start) {
        return -EINVAL;
    }
    return end == start ? 0 : mm_set_flags(start, end, VMA_SEALED, 0);
}

/*
 * Emulated as Linux does it: the pages of a shared file mapping are replaced by a mapping of
 * another part of the same file.
 */
long libos_syscall_remap_file_pages(unsigned long start, unsigned long size, unsigned long prot,
                                    unsigned long pgoff, unsigned long flags) {
    start = PAGE_DOWN(start);
    size = PAGE_DOWN(size);
    if (prot || start + size <= start || pgoff + size / PAGE_SIZE < pgoff) {
        return -EINVAL;
    }
    struct libos_vma_info info;
    if (!libos_mm_query(start, &info)) {
        return -EINVAL;
    }
    long ret = -EINVAL;
    if ((info.flags & VMA_SHARED) && info.file && start + size <= info.end) {
        int map = MAP_SHARED | MAP_FIXED | (int)(flags & MAP_NONBLOCK) | MAP_POPULATE;
        ret = libos_mm_map(start, size, info.prot, map, info.file, pgoff * PAGE_SIZE, 0, NULL);
    }
    libos_vma_info_put(&info);
    return ret < 0 ? ret : 0;
}
