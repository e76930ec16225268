/*
 * Ids of processes and threads. An id's place in the table is taken by compare-and-exchange, so the
 * counter may wrap into ids that are in use.
 */
#include "coord_internal.h"

static uint32_t place_of(const struct coord_process* owner) {
    return (uint32_t)((uint64_t)owner - (uint64_t)g_coord);
}

static bool take(uint32_t id, const struct coord_process* owner) {
    uint32_t none = 0;
    return __atomic_compare_exchange_n(&g_coord->ids[id], &none, place_of(owner), false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* The counter, which only one caller moves over the end of the range. */
static uint32_t next_id(void) {
    for (;;) {
        uint32_t id = __atomic_add_fetch(&g_coord->last_id, 1, __ATOMIC_RELAXED);
        if (id < COORD_ID_MAX)
            return id;
        __atomic_compare_exchange_n(&g_coord->last_id, &id, COORD_ID_FIRST - 1, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
}

int32_t coord_id_new(struct coord_process* owner) {
    for (uint32_t i = 0; i < COORD_ID_MAX; i++) {
        uint32_t id = next_id();
        if (take(id, owner))
            return (int32_t)id;
    }
    return -EAGAIN;
}

void coord_id_free(int32_t id) {
    __atomic_store_n(&g_coord->ids[id], 0, __ATOMIC_RELEASE);
}

void coord_id_set_owner(int32_t id, struct coord_process* owner) {
    __atomic_store_n(&g_coord->ids[id], place_of(owner), __ATOMIC_RELEASE);
}

struct coord_process* coord_id_owner(int32_t id) {
    if (id <= 0 || id >= COORD_ID_MAX)
        return NULL;
    if (id == 1) /* is not in the table */
        return g_coord->first.state ? &g_coord->first : NULL;
    uint32_t place = __atomic_load_n(&g_coord->ids[id], __ATOMIC_ACQUIRE);
    if (!place || place == COORD_ID_RESERVED)
        return NULL;
    return (struct coord_process*)((char*)g_coord + place);
}

int32_t coord_id_last(void) {
    uint32_t id = __atomic_load_n(&g_coord->last_id, __ATOMIC_RELAXED);
    return (int32_t)MIN(id, COORD_ID_MAX - 1);
}

/* The ids of its threads are higher than its own, unless the counter has wrapped. */
void coord_ids_drop(int32_t pid) {
    struct coord_process* p = coord_id_owner(pid);
    uint32_t last = (uint32_t)coord_id_last(), from = (uint32_t)pid + 1;
    uint32_t place = p ? place_of(p) : 0;
    if (last < from) {
        from = COORD_ID_FIRST;
        last = COORD_ID_MAX - 1;
    }
    for (uint32_t id = from; place && id <= last; id++) {
        uint32_t owner = place;
        if (id != (uint32_t)pid)
            __atomic_compare_exchange_n(&g_coord->ids[id], &owner, 0, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED);
    }
}
