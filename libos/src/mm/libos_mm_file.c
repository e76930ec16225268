/*
 * Mappings of files whose contents are the LibOS's: they end where the file ends, and follow when
 * that changes.
 */
#include "libos_fs_calls.h"
#include "libos_vma.h"

/* Maps [start, end) of v anew from its file. Under the write lock. */
static int map_again(struct libos_vma* v, uint64_t start, uint64_t end) {
    return v->file->ops->mmap(v->file, (void*)start, end - start, v->prot,
                              v->flags & VMA_SHARED ? MAP_SHARED : MAP_PRIVATE,
                              v->offset + (start - v->start));
}

void libos_mm_file_resized(bool (*is_of)(const struct libos_file* f, const void* what),
                           const void* what, uint64_t from, uint64_t to) {
    write_lock(&g_mm.lock);
    for (struct libos_vma* v = g_mm.first; v; v = v->next) {
        uint64_t len = v->end - v->start;
        if (!v->file || v->offset >= to || v->offset + len <= from || !is_of(v->file, what))
            continue;
        uint64_t start = from > v->offset ? v->start + (from - v->offset) : v->start;
        uint64_t end = v->start + MIN(len, to - v->offset);
        map_again(v, start, end); /* without memory for it, it faults when it is touched */
    }
    write_unlock(&g_mm.lock);
}

/* Another process may have made the file longer since it was mapped here. */
bool libos_mm_handle_bus_error(uint64_t addr) {
    bool ok = false;
    write_lock(&g_mm.lock);
    struct libos_vma* v = vma_at(&g_mm, addr);
    uint64_t page = PAGE_DOWN(addr);
    if (v && v->file) {
        uint64_t offset = v->offset + (page - v->start), end = libos_tmpfs_mapped_end(v->file);
        if (offset < end) {
            /* Of a private mapping other pages may have been written to already. */
            bool shared = v->flags & VMA_SHARED;
            uint64_t to = shared ? MIN(v->end, page + (end - offset)) : page + PAGE_SIZE;
            ok = map_again(v, page, to) == 0 &&
                 PalVirtualMemoryAdvise((void*)page, PAGE_SIZE, PAL_ADVICE_POPULATE_READ) == 0;
        }
    }
    write_unlock(&g_mm.lock);
    return ok;
}
