/*
 * The address space as a whole: setting it up, asking it, counting it.
 */
#include "libos_fs.h"
#include "libos_process.h"
#include "libos_vma.h"

struct libos_mm g_mm = {.lock = LIBOS_RWLOCK_INIT};

int libos_mm_init(void) {
    g_mm.user_start = PAGE_UP((uint64_t)g_pal_control->user_address.start);
    g_mm.user_end = PAGE_DOWN((uint64_t)g_pal_control->user_address.end);
    if (g_mm.user_start >= g_mm.user_end) {
        log_error("the host gave no address range for the program");
        return -ENOMEM;
    }
    g_mm_randomise = !g_pal_control->disable_aslr;
    mm_layout(&g_mm);
    g_process.mm = &g_mm;
    return 0;
}

bool mm_in_user(const struct libos_mm* mm, uint64_t addr, uint64_t len) {
    return addr >= mm->user_start && addr <= mm->user_end && len <= mm->user_end - addr;
}

/* ---- limits
 * -------------------------------------------------------------------------------------- */

uint64_t mm_limit(int resource) {
    return __atomic_load_n(&cur_process()->limits[resource].rlim_cur, __ATOMIC_RELAXED);
}

bool mm_may_expand(const struct libos_mm* mm, int prot, uint32_t vma_flags, uint64_t bytes) {
    if (mm->total + bytes > mm_limit(RLIMIT_AS)) {
        return false;
    }
    return !vma_is_data(prot, vma_flags) || mm->data + bytes <= mm_limit(RLIMIT_DATA);
}

static bool has_ipc_lock(void) {
    const struct libos_thread* t = get_cur_thread();
    return t && (t->cap_effective >> 14 & 1); /* CAP_IPC_LOCK */
}

bool mm_can_lock(void) {
    return mm_limit(RLIMIT_MEMLOCK) != 0 || has_ipc_lock();
}

bool mm_may_lock(const struct libos_mm* mm, uint64_t bytes) {
    return mm->locked + bytes <= mm_limit(RLIMIT_MEMLOCK) || has_ipc_lock();
}

/* ---- questions
 * ----------------------------------------------------------------------------------- */

static const char* special_name(const struct libos_vma* v) {
    if (v->name || v->file) {
        return v->name;
    }
    if (v->start <= g_mm.brk && v->end > g_mm.start_brk && g_mm.brk > g_mm.start_brk) {
        return "[heap]";
    }
    if (v->start <= g_mm.start_stack && v->end >= g_mm.start_stack) {
        return "[stack]";
    }
    return NULL;
}

static void copy_info(const struct libos_vma* v, struct libos_vma_info* info) {
    info->start = v->start;
    info->end = v->end;
    info->prot = v->prot;
    info->flags = v->flags;
    info->offset = v->file || (v->flags & VMA_SHARED) ? v->offset : 0;
    info->file = v->file;
    if (v->file) {
        libos_file_get(v->file);
    }
    info->inode = v->file ? 0 : v->object;
    info->anon_name[0] = 0;
    info->name = special_name(v);
    if (v->anon_name && !info->name) {
        strlcpy(info->anon_name, v->anon_name->text, sizeof(info->anon_name));
        info->name = info->anon_name;
    }
}

bool libos_mm_query_locked(uint64_t addr, struct libos_vma_info* info) {
    const struct libos_vma* v = vma_at(&g_mm, addr);
    if (v) {
        copy_info(v, info);
    }
    return v != NULL;
}

bool libos_mm_query(uint64_t addr, struct libos_vma_info* info) {
    libos_mm_sync_growth(addr, addr + 1);
    read_lock(&g_mm.lock);
    bool found = libos_mm_query_locked(addr, info);
    read_unlock(&g_mm.lock);
    return found;
}

bool libos_mm_query_next(uint64_t addr, struct libos_vma_info* info) {
    libos_mm_sync_growth(addr, addr + 1);
    read_lock(&g_mm.lock);
    const struct libos_vma* v = vma_find(&g_mm, addr);
    while (v && (v->flags & VMA_INTERNAL)) {
        v = v->next;
    }
    if (v) {
        copy_info(v, info);
    }
    read_unlock(&g_mm.lock);
    return v != NULL;
}

void libos_vma_info_put(struct libos_vma_info* info) {
    if (info->file) {
        libos_file_put(info->file);
    }
    info->file = NULL;
}

int libos_mm_snapshot(struct libos_vma_info** out, size_t* count) {
    libos_mm_sync_growth(g_mm.user_start, g_mm.user_end);
    for (;;) {
        size_t room = __atomic_load_n(&g_mm.count, __ATOMIC_RELAXED) + 16, n = 0;
        struct libos_vma_info* infos = libos_malloc(room * sizeof(*infos));
        if (!infos) {
            return -ENOMEM;
        }
        read_lock(&g_mm.lock);
        const struct libos_vma* v = g_mm.first;
        for (; v && n < room; v = v->next) {
            if (!(v->flags & VMA_INTERNAL)) {
                /* name may point into the entry itself, which does not move any more */
                copy_info(v, &infos[n++]);
            }
        }
        read_unlock(&g_mm.lock);
        if (!v) {
            *out = infos;
            *count = n;
            return 0;
        }
        libos_mm_snapshot_free(infos, n);
    }
}

void libos_mm_snapshot_free(struct libos_vma_info* infos, size_t count) {
    for (size_t i = 0; i < count; i++) {
        libos_vma_info_put(&infos[i]);
    }
    libos_free(infos);
}

void libos_mm_get_stats(struct libos_mm_stats* stats) {
    libos_mm_sync_growth(g_mm.user_start, g_mm.user_end);
    read_lock(&g_mm.lock);
    *stats = (struct libos_mm_stats){.total = g_mm.total,
                                     .data = g_mm.data,
                                     .stack = g_mm.stack,
                                     .exec = g_mm.exec,
                                     .shared = g_mm.shared,
                                     .locked = g_mm.locked,
                                     .peak = g_mm.peak,
                                     .count = g_mm.count};
    read_unlock(&g_mm.lock);
}

void libos_mm_get_brk(uint64_t* start, uint64_t* end) {
    read_lock(&g_mm.lock);
    *start = g_mm.start_brk;
    *end = g_mm.brk;
    read_unlock(&g_mm.lock);
}

bool libos_mm_is_mapped(uint64_t addr, size_t size) {
    uint64_t at = PAGE_DOWN(addr), end = addr + size;
    if (end < addr) {
        return false;
    }
    libos_mm_sync_growth(at, end);
    read_lock(&g_mm.lock);
    const struct libos_vma* v = vma_find(&g_mm, at);
    while (v && v->start <= at && v->end < end) {
        at = v->end;
        v = v->next;
    }
    bool mapped = v && v->start <= at;
    read_unlock(&g_mm.lock);
    return mapped;
}

void libos_mm_read_lock(void) {
    read_lock(&g_mm.lock);
}

void libos_mm_read_unlock(void) {
    read_unlock(&g_mm.lock);
}

int libos_mm_get_prot_locked(uint64_t addr) {
    const struct libos_vma* v = vma_at(&g_mm, addr);
    return v ? v->prot : -ENOMEM;
}

int libos_mm_get_prot(uint64_t addr) {
    libos_mm_sync_growth(addr, addr + 1);
    read_lock(&g_mm.lock);
    int prot = libos_mm_get_prot_locked(addr);
    read_unlock(&g_mm.lock);
    return prot;
}

/* ---- identity of shared memory
 * -------------------------------------------------------------------- */

uint64_t mm_new_object(void) {
    static uint64_t counter;
    return __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED);
}

static uint64_t file_object(struct libos_file* f) {
    struct libos_stat st;
    if (!f->ops->stat || f->ops->stat(f, &st) < 0) {
        return (uint64_t)f;
    }
    return (st.dev << 40 ^ st.ino) | 1UL << 63;
}

void libos_mm_futex_key(uint64_t addr, uint64_t* object, uint64_t* offset) {
    read_lock(&g_mm.lock);
    struct libos_vma* v = vma_at(&g_mm, addr);
    if (v && (v->flags & VMA_SHARED)) {
        uint64_t id = __atomic_load_n(&v->object, __ATOMIC_RELAXED);
        if (!id) {
            id = v->file ? file_object(v->file) : mm_new_object();
            __atomic_store_n(&v->object, id, __ATOMIC_RELAXED);
        }
        *object = id;
        *offset = v->offset + (addr - v->start);
    }
    read_unlock(&g_mm.lock);
}

int libos_mm_set_anon_name(uint64_t addr, size_t size, const char* name) {
    struct anon_name* an = NULL;
    uint64_t end = addr + PAGE_UP(size);
    int ret = 0;
    if (name) {
        an = libos_malloc(sizeof(*an));
        if (!an) {
            return -ENOMEM;
        }
        ref_set(&an->ref, 1);
        strlcpy(an->text, name, sizeof(an->text));
    }
    write_lock(&g_mm.lock);
    ret = vma_split_range(&g_mm, addr, end);
    struct libos_vma* v = ret < 0 ? NULL : vma_find(&g_mm, addr);
    uint64_t at = addr;
    for (; v && v->start < end; v = v->next) {
        ret = v->start > at ? -ENOMEM : ret;
        at = v->end;
        if (v->file) {
            ret = -EBADF;
            break;
        }
        if (v->anon_name && ref_put(&v->anon_name->ref)) {
            libos_free(v->anon_name);
        }
        v->anon_name = an;
        if (an) {
            ref_get(&an->ref);
        }
    }
    if (!ret && at < end) {
        ret = -ENOMEM;
    }
    vma_merge_range(&g_mm, addr, end);
    write_unlock(&g_mm.lock);
    if (an && ref_put(&an->ref)) {
        libos_free(an);
    }
    return ret;
}

/* ---- fork
 * ------------------------------------------------------------------------------------------ */

void libos_mm_after_fork(void) {
    struct libos_mm* mm = &g_mm;
    struct libos_vma *dead = NULL, *next;
    bool unlocked = false;
    write_lock(&mm->lock);
    mm_sync_growth(mm, mm->user_start, mm->user_end);
    if (mm->default_flags) {
        mm->default_flags = 0;
    }
    for (struct libos_vma* v = mm->first; v; v = next) {
        next = v->next;
        if (v->flags & VMA_DONTFORK) {
            uint64_t start = v->start, end = v->end;
            if (v->prot & PROT_EXEC) {
                mm_forget_code(start, end);
            }
            vma_remove_range(mm, start, end, &dead);
            PalVirtualMemoryFree((void*)start, end - start);
            continue;
        }
        if (v->flags & VMA_WIPEONFORK) {
            PalVirtualMemoryAdvise((void*)v->start, v->end - v->start, PAL_ADVICE_DONTNEED);
        }
        if (v->flags & VMA_LOCKED) {
            vma_account(mm, v, v->end - v->start, -1);
            v->flags &= ~(uint32_t)(VMA_LOCKED | VMA_LOCKONFAULT);
            vma_account(mm, v, v->end - v->start, 1);
            unlocked = true;
        }
    }
    if (unlocked) {
        vma_merge_range(mm, mm->user_start, mm->user_end);
    }
    write_unlock(&mm->lock);
    vma_free_chain(dead);
}
