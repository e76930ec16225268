/*
 * Handles come from slabs that are never unmapped: a stale handle pointer reads a handle of another
 * type or type 0, never foreign memory.
 */
#include <linux/mman.h>

#include "host.h"
#include "host_internal.h"

#define SLAB_SIZE (64UL << 10)

struct host_lock g_handle_lock = HOST_LOCK_INIT;
static struct host_handle* g_free;  /* guarded by g_handle_lock */
static struct host_handle* g_fresh; /* never used yet, up to g_fresh_end; guarded by the same */
static struct host_handle* g_fresh_end;
static struct host_handle g_first[64] __attribute__((aligned(64))); /* no host call at start */
static bool g_first_used;

static bool grow(void) {
    if (!g_first_used) {
        g_first_used = true;
        g_fresh = g_first;
        g_fresh_end = g_first + sizeof(g_first) / sizeof(g_first[0]);
        return true;
    }
    void* slab = host_map_internal(SLAB_SIZE);
    if (!slab)
        return false;
    g_fresh = slab;
    g_fresh_end = g_fresh + SLAB_SIZE / sizeof(struct host_handle);
    return true;
}

struct host_handle* host_handle_new(PAL_IDX type) {
    struct host_handle* h = NULL;
    host_lock(&g_handle_lock);
    if (g_free) {
        h = g_free;
        g_free = h->next_free;
    } else if (g_fresh != g_fresh_end || grow()) {
        h = g_fresh++;
    }
    host_unlock(&g_handle_lock);
    if (!h)
        return NULL;
    *h = (struct host_handle){.fd = -1, .fd2 = -1};
    h->pal.hdr.type = type;
    return h;
}

int host_handle_wrap(PAL_IDX type, int fd, uint32_t flags, PAL_HANDLE* out) {
    struct host_tcb* tcb = host_tcb();
    struct host_handle* h = tcb->spare;
    if (h) {
        tcb->spare = NULL;
        *h = (struct host_handle){.fd2 = -1};
        h->pal.hdr.type = type;
    } else if (!(h = host_handle_new(type))) {
        host_syscall(__NR_close, fd);
        return PAL_ERROR_NOMEM;
    }
    h->fd = fd;
    h->flags = flags;
    *out = &h->pal;
    return 0;
}

void host_handle_free(struct host_handle* h) {
    h->pal.hdr.type = 0;
    h->fd = h->fd2 = -1;
    host_lock(&g_handle_lock);
    h->next_free = g_free;
    g_free = h;
    host_unlock(&g_handle_lock);
}

/* Until the streams' part says more: close the descriptors. */
__attribute__((weak)) void host_stream_close(struct host_handle* h) {
    if (h->flags & HANDLE_INHERITED)
        return;
    if (h->fd >= 0)
        host_syscall(__NR_close, h->fd);
    if (h->fd2 >= 0)
        host_syscall(__NR_close, h->fd2);
}

void PalObjectClose(PAL_HANDLE handle) {
    if (!handle || !handle->hdr.type)
        return;
    struct host_handle* h = host_handle(handle);
    switch (handle->hdr.type) {
        case PAL_TYPE_THREAD:
            host_thread_unref(h);
            return;
        case PAL_TYPE_MUTEX:
        case PAL_TYPE_EVENT:
            break;
        case PAL_TYPE_PROCESS:
            host_process_close(h);
            break;
        default:
            host_stream_close(h);
            break;
    }
    struct host_tcb* tcb = host_tcb();
    if (tcb->spare) {
        host_handle_free(h);
        return;
    }
    h->pal.hdr.type = 0;
    h->fd = h->fd2 = -1;
    tcb->spare = h;
}
