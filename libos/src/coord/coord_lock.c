/*
 * Locks of the coordination state and their undo logs.
 *
 * A log belongs to a lock from the first change until the unlock. Its records grow upwards, each
 * with its head behind its data, so that they can be read backwards: the last change is undone
 * first. `used` goes up when a record is whole. All stores of a dead process are there, in program
 * order, for whoever gets the lock next; the compiler must keep that order.
 */
#include "coord_internal.h"

#define in_order() __asm__ volatile("" ::: "memory")

enum {
    RECORD_BYTES, /* old contents of ptr */
    RECORD_ALLOC, /* undo: free ptr */
    RECORD_FREE,  /* commit: free ptr */
};
struct record { /* its data, rounded up to 8 bytes, lies in front */
    void* ptr;
    uint32_t size, kind;
};

static struct coord_log_head* log_of(const struct coord_lock* l) {
    return (struct coord_log_head*)(g_coord->logs + (l->log - 1) * COORD_LOG_SIZE);
}

static char* log_records(struct coord_log_head* log) {
    return (char*)(log + 1);
}

/* The one the thread used last is likely free, and in its caches. */
static void log_take(struct coord_lock* l) {
    struct libos_tcb* tcb = libos_get_tcb();
    for (uint32_t i = 0; i < COORD_LOGS * 64; i++) {
        uint32_t n = (tcb->coord_log + i) % COORD_LOGS;
        uint32_t none = 0;
        if (__atomic_load_n(&g_coord->log_used[n], __ATOMIC_RELAXED) == 0 &&
            __atomic_compare_exchange_n(&g_coord->log_used[n], &none, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
            tcb->coord_log = n;
            l->log = n + 1;
            return;
        }
        if (i % COORD_LOGS == COORD_LOGS - 1)
            PalThreadYieldExecution();
    }
    BUG_ON("every undo log is in use");
}

static void log_give_back(struct coord_lock* l) {
    uint32_t n = l->log - 1;
    l->log = 0;
    in_order();
    __atomic_store_n(&g_coord->log_used[n], 0, __ATOMIC_RELEASE);
}

static void append(struct coord_lock* l, uint32_t kind, void* ptr, size_t size) {
    if (!l->log)
        log_take(l);
    struct coord_log_head* log = log_of(l);
    size_t data = kind == RECORD_BYTES ? ALIGN_UP(size, 8) : 0;
    char* at = log_records(log) + log->used;
    BUG_ON(sizeof(*log) + log->used + data + sizeof(struct record) > COORD_LOG_SIZE);
    if (data == 8 && size == 8)
        *(uint64_t*)at = *(const uint64_t*)ptr;
    else if (data)
        memcpy(at, ptr, size);
    struct record* record = (struct record*)(at + data);
    *record = (struct record){.ptr = ptr, .size = (uint32_t)size, .kind = kind};
    in_order();
    log->frees += kind == RECORD_FREE;
    log->used += data + sizeof(*record);
    in_order();
}

void coord_log(const void* ptr, size_t size) {
    struct coord_lock* l = libos_get_tcb()->coord_held;
    BUG_ON(!l);
    append(l, RECORD_BYTES, (void*)ptr, size);
}

bool coord_log_alloc(void* ptr) {
    struct coord_lock* l = libos_get_tcb()->coord_held;
    if (l)
        append(l, RECORD_ALLOC, ptr, 0);
    return l != NULL;
}

bool coord_log_free(void* ptr) {
    struct coord_lock* l = libos_get_tcb()->coord_held;
    if (l)
        append(l, RECORD_FREE, ptr, 0);
    return l != NULL;
}

/* Cuts the last record off. */
static struct record* log_last(struct coord_log_head* log) {
    return (struct record*)(log_records(log) + log->used) - 1;
}

static uint32_t record_size(const struct record* r) {
    return (r->kind == RECORD_BYTES ? ALIGN_UP(r->size, 8) : 0) + (uint32_t)sizeof(*r);
}

/* Whoever dies in here leaves the rest to the next one: what was undone is undone once more. */
static void roll_back(struct coord_lock* l) {
    struct coord_log_head* log = log_of(l);
    while (log->used) {
        struct record* r = log_last(log);
        uint32_t size = record_size(r);
        if (r->kind == RECORD_BYTES)
            memcpy(r->ptr, (char*)(r + 1) - size, r->size);
        void* block = r->kind == RECORD_ALLOC ? r->ptr : NULL;
        in_order();
        log->used -= size;
        in_order();
        if (block)
            coord_heap_free(block);
    }
    log->frees = 0;
}

/* The changes stand from the store of `used` on; a block that is not freed for a death is lost. */
static void commit(struct coord_lock* l) {
    struct coord_log_head* log = log_of(l);
    uint32_t left = log->frees ? log->used : 0;
    in_order();
    log->used = 0;
    log->frees = 0;
    in_order();
    while (left) {
        struct record* r = (struct record*)(log_records(log) + left) - 1;
        left -= record_size(r);
        if (r->kind == RECORD_FREE)
            coord_heap_free(r->ptr);
    }
}

void coord_lock(struct coord_lock* l) {
    struct libos_tcb* tcb = libos_get_tcb();
    libos_hold();
    int died = PalRobustLock(&l->host);
    l->outer = tcb->coord_held;
    if (__builtin_expect(died == 1, 0)) {
        if (l->log) {
            roll_back(l);
            log_give_back(l);
        }
        l->recovered++;
    }
    tcb->coord_held = l;
}

void coord_commit(void) {
    struct coord_lock* l = libos_get_tcb()->coord_held;
    if (l && l->log)
        commit(l);
}

void coord_unlock(struct coord_lock* l) {
    struct libos_tcb* tcb = libos_get_tcb();
    BUG_ON(tcb->coord_held != l);
    if (l->log) {
        commit(l);
        log_give_back(l);
    }
    tcb->coord_held = l->outer;
    PalRobustUnlock(&l->host);
    libos_unhold();
}
