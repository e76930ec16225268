/*
 * madvise(2), process_madvise(2) on the process itself, mincore(2), msync(2).
 */
#include <linux/mman.h>
#include <linux/uio.h>
#include "../mm/libos_mm_calls.h"
#include "../mm/libos_vma.h"
#include "libos_file.h"
#include "libos_pidfd.h"
#include "libos_process.h"
#include "libos_table.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define PIDFD_SELF_THREAD       (-10000)
#define PIDFD_SELF_THREAD_GROUP (-20000)

static long advise(unsigned long start, size_t len, int behavior) {
    /* MADV_HWPOISON and MADV_SOFT_OFFLINE: as on a kernel without memory failure handling. */
    if (!mm_advice_known(behavior) || !IS_ALIGNED(start, PAGE_SIZE)) {
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
    if (end == start) {
        return 0;
    }
    if (start >= g_user_end) {
        return -ENOMEM;
    }
    long ret = mm_advise(start, MIN(end, g_user_end), behavior);
    return !ret && end > g_user_end ? -ENOMEM : ret;
}

long libos_syscall_madvise(unsigned long start, size_t len, int behavior) {
    return advise(start, len, behavior);
}

/* Another process's memory is out of reach, as without the right to trace it. (On itself a process
 * may give any advice since Linux 6.13.) */
long libos_syscall_process_madvise(int pidfd, const struct iovec* vec, size_t vlen, int behavior,
                                   unsigned int flags) {
    if (flags) {
        return -EINVAL;
    }
    if (vlen > 1024) {
        return -EINVAL;
    }
    if (pidfd != PIDFD_SELF_THREAD && pidfd != PIDFD_SELF_THREAD_GROUP) {
        struct libos_file* f = libos_fd_get(pidfd);
        int pid = f && libos_is_pidfd(f) ? libos_pidfd_pid(f) : -EBADF;
        if (f) {
            libos_file_put(f);
        }
        if (pid != cur_process()->pid) {
            return pid < 0 ? pid : -EPERM;
        }
    }
    long done = 0;
    for (size_t i = 0; i < vlen; i++) {
        struct iovec v;
        if (user_get(v, &vec[i]) < 0) {
            return done ? done : -EFAULT;
        }
        long ret = advise((unsigned long)v.iov_base, v.iov_len, behavior);
        if (ret < 0) {
            return done ? done : ret;
        }
        done += (long)v.iov_len;
    }
    return done;
}

#define MINCORE_CHUNK 1024 /* pages asked for at once */

static long resident(uint64_t start, uint64_t pages, unsigned char* vec) {
    uint8_t* out = libos_malloc(MINCORE_CHUNK);
    long ret = out ? 0 : -ENOMEM;
    while (!ret && pages) {
        uint64_t n = MIN(pages, (uint64_t)MINCORE_CHUNK);
        if (!libos_mm_is_mapped(start, n * PAGE_SIZE)) {
            ret = -ENOMEM;
            break;
        }
        ret = pal_to_errno(PalVirtualMemoryResident((void*)start, n * PAGE_SIZE, out));
        if (!ret) {
            ret = user_copy_to(vec, out, n);
        }
        start += n * PAGE_SIZE;
        vec += n;
        pages -= n;
    }
    libos_free(out);
    return ret;
}

long libos_syscall_mincore(unsigned long start, size_t len, unsigned char* vec) {
    if (!IS_ALIGNED(start, PAGE_SIZE)) {
        return -EINVAL;
    }
    if (!access_ok((void*)start, len)) {
        return -ENOMEM;
    }
    uint64_t pages = len / PAGE_SIZE + (len % PAGE_SIZE != 0);
    if (!access_ok(vec, pages)) {
        return -EFAULT;
    }
    return resident(start, pages, vec);
}

static int sync_piece(const struct libos_vma_info* v, uint64_t start, uint64_t end, int flags) {
    if ((flags & MS_INVALIDATE) && (v->flags & VMA_LOCKED)) {
        return -EBUSY;
    }
    if (!(flags & MS_SYNC) || !v->file || !(v->flags & VMA_SHARED)) {
        return 0;
    }
    return (int)pal_to_errno(PalVirtualMemorySync((void*)start, end - start, PAL_SYNC_SYNC));
}

long libos_syscall_msync(unsigned long start, size_t len, int flags) {
    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || !IS_ALIGNED(start, PAGE_SIZE) ||
        ((flags & MS_ASYNC) && (flags & MS_SYNC))) {
        return -EINVAL;
    }
    uint64_t end = start + PAGE_UP(len);
    if (end < start) {
        return -ENOMEM;
    }
    long ret = 0;
    while (start < end) {
        struct libos_vma_info v;
        if (!libos_mm_query_next(start, &v)) {
            return -ENOMEM;
        }
        if (v.start > start) {
            ret = -ENOMEM; /* told at the end */
            start = v.start;
        }
        int err = 0;
        if (start < end) {
            err = sync_piece(&v, start, MIN(end, v.end), flags);
            start = v.end;
        }
        libos_vma_info_put(&v);
        if (err < 0) {
            return err;
        }
    }
    return ret;
}
