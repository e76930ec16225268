/*
 * epoll instances that processes share after a fork. The host's wait set is one; what it says of a
 * registration is a number, and what the number means must be the same for all: so from the first
 * fork on the table of numbers lies in the arena. Items (which file, which descriptor) stay each
 * process's own: a number may belong to an item that only another process has.
 *
 * A registration ends when it is removed, or when the last process has closed the file.
 */
#include "libos_coord.h"
#include "libos_epoll_internal.h"

struct slot {
    uint32_t generation, next_free;
    uint32_t used, kind;
    uint32_t events;
    uint64_t data;
};

struct epoll_shared {
    struct coord_lock lock; /* guards all below; taken inside epoll->lock */
    uint32_t slot_count, free_slot;
    struct slot* slots;
};

static struct slot* find(struct epoll_shared* s, uint64_t number) {
    uint32_t index = (uint32_t)number;
    if (index >= s->slot_count || !s->slots[index].used)
        return NULL;
    return s->slots[index].generation == number >> 32 ? &s->slots[index] : NULL;
}

static uint64_t number_of(const struct epoll_item* item) {
    return (uint64_t)item->generation << 32 | item->index;
}

static int grow(struct epoll_shared* s) {
    uint32_t count = s->slot_count ? s->slot_count * 2 : 16;
    struct slot* slots = coord_alloc(count * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    memcpy(slots, s->slots, s->slot_count * sizeof(*slots));
    for (uint32_t i = s->slot_count; i < count; i++)
        slots[i].next_free = i + 1 < count ? i + 1 : NO_SLOT;
    coord_free(s->slots);
    COORD_SET(s->free_slot, s->slot_count);
    COORD_SET(s->slots, slots);
    COORD_SET(s->slot_count, count);
    return 0;
}

/* Op, before the host forks, under the barrier. */
int libos_epoll_forking(struct libos_file* file) {
    struct libos_epoll* ep = file->data;
    if (ep->shared)
        return 0;
    struct epoll_shared* s = coord_alloc(sizeof(*s));
    struct slot* slots = s && ep->slot_count ? coord_alloc(ep->slot_count * sizeof(*slots)) : NULL;
    if (!s || (ep->slot_count && !slots)) {
        coord_free(s);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < ep->slot_count; i++) {
        const struct epoll_item* item = ep->slots[i].item;
        slots[i].generation = ep->slots[i].generation;
        slots[i].next_free = ep->slots[i].next_free;
        if (item) {
            slots[i].used = 1;
            slots[i].kind = (uint32_t)item->kind;
            slots[i].events = item->events;
            slots[i].data = item->data;
        }
    }
    s->slot_count = ep->slot_count;
    s->free_slot = ep->free_slot;
    s->slots = slots;
    ep->shared = s;
    return 0;
}

/* Op, in the child: what rings for files of the LibOS's own is the parent's. */
void libos_epoll_forked(struct libos_file* file) {
    struct libos_epoll* ep = file->data;
    for (uint32_t i = 0; i < ep->slot_count; i++) {
        struct epoll_item* item = ep->slots[i].item;
        if (item && item->kind == ITEM_DOORBELL) {
            item->waiter.wake = NULL;
            item->parents = true;
        }
    }
}

int libos_epoll_shared_number(struct epoll_shared* s, struct epoll_item* item) {
    coord_lock(&s->lock);
    int ret = s->free_slot == NO_SLOT ? grow(s) : 0;
    if (ret == 0) {
        item->index = s->free_slot;
        struct slot* slot = &s->slots[item->index];
        coord_log(slot, sizeof(*slot));
        COORD_SET(s->free_slot, slot->next_free);
        item->generation = ++slot->generation;
        slot->used = 1;
        slot->events = item->events;
        slot->data = item->data;
        slot->kind = (uint32_t)item->kind;
    }
    coord_unlock(&s->lock);
    return ret;
}

void libos_epoll_shared_changed(struct epoll_shared* s, const struct epoll_item* item) {
    coord_lock(&s->lock);
    struct slot* slot = find(s, number_of(item));
    if (slot) {
        coord_log(slot, sizeof(*slot));
        slot->events = item->events;
        slot->data = item->data;
        slot->kind = (uint32_t)item->kind;
    }
    coord_unlock(&s->lock);
}

void libos_epoll_shared_drop(struct epoll_shared* s, const struct epoll_item* item) {
    coord_lock(&s->lock);
    struct slot* slot = find(s, number_of(item));
    if (slot) {
        coord_log(slot, sizeof(*slot));
        slot->used = 0;
        slot->next_free = s->free_slot;
        COORD_SET(s->free_slot, item->index);
    }
    coord_unlock(&s->lock);
}

bool libos_epoll_shared_holds(struct epoll_shared* s, const struct epoll_item* item) {
    coord_lock(&s->lock);
    bool holds = find(s, number_of(item)) != NULL;
    coord_unlock(&s->lock);
    return holds;
}

void libos_epoll_shared_look(struct epoll_shared* s, const PAL_WAITSET_EVENT* host, long count,
                             struct epoll_meaning* out) {
    coord_lock(&s->lock);
    for (long i = 0; i < count; i++) {
        const struct slot* slot = find(s, host[i].data);
        out[i] = (struct epoll_meaning){.kind = ITEM_GONE};
        if (slot)
            out[i] = (struct epoll_meaning){(int)slot->kind, slot->events, slot->data};
    }
    coord_unlock(&s->lock);
}

uint32_t libos_epoll_shared_size(struct epoll_shared* s) {
    return __atomic_load_n(&s->slot_count, __ATOMIC_RELAXED);
}

void libos_epoll_shared_free(struct epoll_shared* s) {
    coord_free(s->slots);
    coord_free(s);
}
