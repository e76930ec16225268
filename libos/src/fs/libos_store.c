/*
 * The store: see libos_store.h.
 */
#include "libos_store.h"

#include "libos_coord.h"

#define OBJECTS            4 /* each has locks of its own in the host */
#define OBJECT_SIZE        (1UL << 62)
#define FALLOC_FLAGS_PUNCH 3 /* FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE */
#define MAX_LOOKS          100000

struct store { /* in the arena */
    struct coord_lock lock;
    uint64_t next; /* ranges ever made */
    struct libos_store_range* free;
};

/* Private to the process: handles are inherited. The last one is always empty. */
static PAL_HANDLE g_objects[OBJECTS + 1]; /* read without the lock once it is there */
static libos_lock_t g_lock;               /* guards making them, and g_said */
static bool g_said;

static struct store* store(void) {
    return coord_root(COORD_ROOT_FILES, sizeof(struct store));
}

static PAL_HANDLE object(uint32_t number) {
    PAL_HANDLE mem = __atomic_load_n(&g_objects[number], __ATOMIC_ACQUIRE);
    if (mem)
        return mem;
    lock(&g_lock);
    mem = g_objects[number];
    if (!mem && PalMemoryObjectCreate("tmpfs", 0, &mem) == 0) {
        if (number < OBJECTS && PalStreamSetLength(mem, OBJECT_SIZE) < 0) {
            if (!g_said)
                log_error("the host's hard limit on file sizes (ulimit -Hf) leaves tmpfs files no "
                          "more than 16 KiB each: raise it before culm run");
            g_said = true;
            PalObjectClose(mem);
            mem = NULL;
        }
        __atomic_store_n(&g_objects[number], mem, __ATOMIC_RELEASE);
    }
    unlock(&g_lock);
    return mem;
}

/* Where the host allows no files of that size, there is no store in any process: what does not fit
 * into the arena finds no room. */
int libos_store_before_fork(void) {
    for (uint32_t i = 0; i < OBJECTS; i++)
        object(i);
    return object(OBJECTS) ? 0 : -ENOMEM;
}

struct libos_store_range* libos_store_alloc(void) {
    struct store* s = store();
    if (!s)
        return NULL;
    coord_lock(&s->lock);
    struct libos_store_range* r = s->free;
    if (r) {
        COORD_SET(s->free, r->next_free);
    } else if (s->next < OBJECTS * (OBJECT_SIZE / LIBOS_STORE_RANGE)) {
        r = coord_alloc(sizeof(*r));
        if (r) {
            r->object = s->next % OBJECTS;
            r->slot = s->next / OBJECTS;
            COORD_SET(s->next, s->next + 1);
        }
    }
    coord_unlock(&s->lock);
    return r;
}

void libos_store_free(struct libos_store_range* r) {
    if (!r)
        return;
    libos_store_punch(r, 0, LIBOS_STORE_RANGE);
    struct store* s = store();
    coord_lock(&s->lock);
    COORD_SET(r->next_free, s->free);
    COORD_SET(s->free, r);
    coord_unlock(&s->lock);
}

PAL_HANDLE libos_store_object(const struct libos_store_range* r) {
    return object(r->object);
}

int libos_store_map(const struct libos_store_range* r, void* addr, uint64_t size, PAL_FLG prot,
                    uint64_t offset) {
    PAL_HANDLE mem = libos_store_object(r);
    if (!mem || offset > LIBOS_STORE_RANGE || size > LIBOS_STORE_RANGE - offset)
        return -ENOMEM;
    PAL_PTR at = addr;
    return pal_to_errno(PalStreamMap(mem, &at, prot, libos_store_offset(r, offset), size));
}

int libos_store_map_nothing(void* addr, uint64_t size, PAL_FLG prot) {
    PAL_HANDLE mem = object(OBJECTS);
    PAL_PTR at = addr;
    return mem ? pal_to_errno(PalStreamMap(mem, &at, prot, 0, size)) : -ENOMEM;
}

int libos_store_punch(const struct libos_store_range* r, uint64_t offset, uint64_t size) {
    PAL_HANDLE mem = libos_store_object(r);
    if (!mem)
        return -ENOMEM;
    return pal_to_errno(
        PalStreamAllocate(mem, FALLOC_FLAGS_PUNCH, libos_store_offset(r, offset), size));
}

uint64_t libos_store_used(const struct libos_store_range* r) {
    PAL_HANDLE mem = libos_store_object(r);
    const int64_t start = libos_store_offset(r, 0), end = start + LIBOS_STORE_RANGE;
    int64_t at = start;
    uint64_t used = 0;
    for (int i = 0; mem && i < MAX_LOOKS && at < end; i++) {
        int64_t data = PalStreamSeek(mem, at, PAL_SEEK_DATA);
        if (data < at || data >= end)
            break;
        int64_t hole = PalStreamSeek(mem, data, PAL_SEEK_HOLE);
        if (hole <= data)
            break;
        at = MIN(hole, end);
        used += at - data;
    }
    return used;
}
