/*
 * Contexts of asynchronous I/O and their rings. See libos_aio.h.
 *
 * The ring lies in guest memory, laid out as Linux's: the guest may take events out of it by moving
 * the head itself. The tail is kept here and only shown there.
 */
#include <linux/mman.h>

#include "libos_aio.h"
#include "libos_event.h"
#include "libos_mm.h"
#include "libos_process.h"

#define RING_MAGIC 0xa10a10a1

struct ring { /* Linux's struct aio_ring */
    uint32_t id, nr, head, tail;
    uint32_t magic, compat_features, incompat_features, header_length;
    struct io_event events[];
};

static libos_lock_t g_lock; /* guards what follows */
static struct list_node g_contexts = LIST_INIT(g_contexts);
static uint64_t g_count, g_limit = AIO_MAX_NR_DEFAULT; /* of requests, in all contexts */
static uint32_t g_last_id;

static struct ring* ring_of(const struct libos_aio* aio) {
    return (struct ring*)aio->address;
}

uint64_t libos_aio_count(void) {
    return __atomic_load_n(&g_count, __ATOMIC_RELAXED);
}
uint64_t libos_aio_limit(void) {
    return __atomic_load_n(&g_limit, __ATOMIC_RELAXED);
}
void libos_aio_set_limit(uint64_t limit) {
    __atomic_store_n(&g_limit, limit, __ATOMIC_RELAXED);
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool count_requests(uint32_t more) {
    lock(&g_lock);
    bool ok = more <= g_limit && g_count + more <= g_limit;
    if (ok)
        g_count += more;
    unlock(&g_lock);
    return ok;
}

static void uncount_requests(uint32_t fewer) {
    lock(&g_lock);
    g_count -= fewer;
    unlock(&g_lock);
}

/* Linux's arithmetic: twice as many as asked for, and what fits into whole pages. */
static long make_ring(struct libos_aio* aio, uint32_t slots) {
    uint64_t bytes = sizeof(struct ring) + (uint64_t)(slots + 2) * sizeof(struct io_event);
    aio->size = PAGE_UP(bytes);
    aio->slots = (aio->size - sizeof(struct ring)) / sizeof(struct io_event);
    long addr = libos_mm_map(0, aio->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                             NULL, 0, VMA_DONTEXPAND | VMA_DONTFORK, "/[aio] (deleted)");
    if (addr < 0)
        return addr;
    aio->address = addr;
    struct ring head = {.id = __atomic_fetch_add(&g_last_id, 1, __ATOMIC_RELAXED),
                        .nr = aio->slots,
                        .magic = RING_MAGIC,
                        .compat_features = 1,
                        .header_length = sizeof(struct ring)};
    if (user_put(head, ring_of(aio)) == 0)
        return 0;
    libos_mm_unmap(aio->address, aio->size);
    return -EFAULT;
}

long libos_aio_create(uint32_t requests, uint64_t* out) {
    uint32_t least = (g_pal_control->topo_info.thread_count ?: 1) * 4;
    uint64_t slots = (uint64_t)MAX(requests, least) * 2;
    if (slots > 0x10000000U / sizeof(struct io_event))
        return -EINVAL;
    if (!count_requests(requests))
        return -EAGAIN;
    struct libos_aio* aio = libos_calloc(1, sizeof(*aio));
    long ret = aio ? make_ring(aio, slots) : -ENOMEM;
    if (ret < 0) {
        libos_free(aio);
        uncount_requests(requests);
        return ret;
    }
    aio->owner = cur_process()->pid;
    aio->max_requests = requests;
    list_init(&aio->waiters);
    ref_set(&aio->ref, 1);
    lock(&g_lock);
    list_add_tail(&g_contexts, &aio->node);
    unlock(&g_lock);
    *out = aio->address;
    return 0;
}

struct libos_aio* libos_aio_get(uint64_t id) {
    uint32_t number;
    if (user_load_u32(&((struct ring*)id)->id, &number) < 0) /* unmapped by the guest? */
        return NULL;
    struct libos_aio* found = NULL;
    lock(&g_lock);
    list_for_each(aio, &g_contexts, struct libos_aio, node) {
        if (aio->address == id && aio->owner == cur_process()->pid) {
            found = aio;
            ref_get(&aio->ref);
            break;
        }
    }
    unlock(&g_lock);
    return found;
}

void libos_aio_put(struct libos_aio* aio) {
    if (ref_put(&aio->ref))
        libos_free(aio);
}

/* Takes it off the list; false: it was not there any more. */
static bool retire(struct libos_aio* aio) {
    lock(&g_lock);
    bool first = !aio->dead;
    aio->dead = true;
    if (first) {
        list_del(&aio->node);
        g_count -= aio->max_requests;
    }
    unlock(&g_lock);
    return first;
}

static void wake_all(struct libos_aio* aio) {
    list_for_each(w, &aio->waiters, struct libos_waiter, node) {
        libos_wake(w);
    }
}

long libos_aio_destroy(struct libos_aio* aio) {
    if (!retire(aio))
        return -EINVAL;
    lock(&aio->lock);
    wake_all(aio);
    unlock(&aio->lock);
    libos_mm_unmap(aio->address, aio->size);
    libos_aio_put(aio); /* the list's */
    return 0;
}

void libos_aio_exec(void) {
    for (;;) {
        lock(&g_lock);
        struct libos_aio* aio = NULL;
        list_for_each(a, &g_contexts, struct libos_aio, node) {
            aio = a;
            break;
        }
        unlock(&g_lock);
        if (!aio)
            return;
        retire(aio);
        libos_aio_put(aio);
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Where the next event is taken: the guest moves it, too. Under aio->lock. */
static bool get_head(struct libos_aio* aio, uint32_t* head) {
    if (user_load_u32(&ring_of(aio)->head, head) < 0)
        return false;
    *head %= aio->slots;
    return true;
}

static uint32_t used(const struct libos_aio* aio, uint32_t head) {
    return aio->tail >= head ? aio->tail - head : aio->slots - (head - aio->tail);
}

bool libos_aio_reserve(struct libos_aio* aio) {
    uint32_t head;
    lock(&aio->lock);
    bool ok = get_head(aio, &head) && used(aio, head) + aio->in_flight < aio->slots - 1;
    if (ok)
        aio->in_flight++;
    unlock(&aio->lock);
    return ok;
}

void libos_aio_unreserve(struct libos_aio* aio) {
    lock(&aio->lock);
    aio->in_flight--;
    unlock(&aio->lock);
}

void libos_aio_complete(struct libos_aio* aio, const struct io_event* event) {
    struct ring* ring = ring_of(aio);
    lock(&aio->lock);
    aio->in_flight--;
    user_copy_to(&ring->events[aio->tail], event, sizeof(*event)); /* unmapped: lost, as asked */
    aio->tail = (aio->tail + 1) % aio->slots;
    user_store_u32(&ring->tail, aio->tail);
    wake_all(aio);
    unlock(&aio->lock);
}

/* As many as there are, at most max; -EFAULT. Under aio->lock. */
static long take_now(struct libos_aio* aio, long max, struct io_event* user_events) {
    struct ring* ring = ring_of(aio);
    uint32_t head;
    if (!get_head(aio, &head))
        return -EFAULT;
    long count = 0;
    for (; count < max && head != aio->tail; count++) {
        struct io_event event;
        if (user_get(event, &ring->events[head]) < 0 || user_put(event, user_events + count) < 0)
            return -EFAULT; /* the head has not moved: nothing is lost */
        head = (head + 1) % aio->slots;
    }
    return count && user_store_u32(&ring->head, head) < 0 ? -EFAULT : count;
}

long libos_aio_take(struct libos_aio* aio, long min, long max, struct io_event* user_events,
                    uint64_t deadline_ns) {
    struct libos_waiter w;
    libos_waiter_init(&w);
    long count = 0, ret = 0;
    lock(&aio->lock);
    while (ret == 0) {
        long more = aio->dead ? -EINVAL : take_now(aio, max - count, user_events + count);
        if (more < 0) {
            ret = more;
            break;
        }
        count += more;
        if (count >= min || deadline_ns == 0)
            break;
        list_add_tail(&aio->waiters, &w.node);
        unlock(&aio->lock);
        ret = libos_wait(&w, PAL_CLOCK_MONOTONIC, deadline_ns);
        lock(&aio->lock);
        list_del(&w.node);
    }
    unlock(&aio->lock);
    if (count)
        return count;
    return ret == -ETIMEDOUT ? 0 : ret;
}
