/*
 * Files in memory.
 */
#include <linux/mman.h>

#include "stream.h"

#define PROT_ALL PAL_PROT_MASK

int PalStreamMap(PAL_HANDLE handle, PAL_PTR* addr, PAL_FLG prot, PAL_NUM offset, PAL_NUM size) {
    struct host_handle* h = stream_of(handle);
    if (!h)
        return PAL_ERROR_BADHANDLE;
    if (!stream_is_file(h) && h->pal.hdr.type != PAL_TYPE_DEV)
        return PAL_ERROR_NODEVICE;
    if (!addr || !size || (prot & ~PROT_ALL) || !IS_PAGE_ALIGNED(*addr) ||
        !IS_PAGE_ALIGNED(offset) || !IS_PAGE_ALIGNED(size))
        return PAL_ERROR_INVAL;
    void* where = *addr;
    bool picked = !where;
    int ret = picked ? host_pick_address(size, false, &where) : host_check_range(where, size);
    if (ret < 0)
        return ret;
    /* SHARED_VALIDATE would refuse unknown flags; there are none. */
    long flags = MAP_FIXED | (prot & PAL_PROT_WRITECOPY ? MAP_PRIVATE : MAP_SHARED);
    long mapped = host_syscall(__NR_mmap, where, size, host_prot(prot), flags, h->fd, offset);
    if (mapped < 0) {
        if (picked)
            host_syscall(__NR_munmap, where, size);
        return host_error(mapped);
    }
    *addr = where;
    return 0;
}

int PalStreamUnmap(PAL_PTR addr, PAL_NUM size) {
    return PalVirtualMemoryFree(addr, size);
}
