/*
 * The LibOS's allocator: size classes on slabs of pages, larger blocks as runs of pages, the
 * largest from the host. Each class has its own lock; hot sizes are served without any lock from
 * the calling thread's cache (libos_malloc_cache.c).
 *
 * An address tells what it is: on an arena boundary a block from the host, else the arena's page
 * table says slab or run.
 */
#include "mm_internal.h"
#include "malloc_internal.h"

#define SLAB_MAGIC 0x534c4142u /* "SLAB" */

struct slab {
    uint32_t magic;
    uint16_t class;
    uint16_t pages;
    uint32_t used, capacity;
    uint32_t fresh; /* objects from here on were never handed out */
    uint32_t pad;
    void* free;            /* chain of freed objects */
    struct list_node node; /* in the class's partial list while not full */
};
_Static_assert(sizeof(struct slab) % 16 == 0, "objects must stay 16-byte aligned");

struct class {
    libos_lock_t lock;
    uint32_t ready;
    struct list_node partial; /* slabs with a free object; guarded by lock */
};
static struct class g_classes[MALLOC_CLASSES];

/* Steps of an eighth above 128 bytes: less than one seventh is lost. */
const uint16_t g_malloc_sizes[MALLOC_CLASSES] = {
    16,  32,  48,  64,   80,   96,   112,  128,  160,  192,  224,  256,  320,  384,  448,  512,
    640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 5120, 6144, 7168, 8192};

unsigned libos_malloc_class(size_t size) {
    if (size <= 128) {
        return size ? (unsigned)((size - 1) / 16) : 0;
    }
    unsigned log = 63 - (unsigned)__builtin_clzl(size - 1); /* 2^log < size <= 2^(log+1) */
    return 8 + (log - 7) * 4 + (unsigned)((size - 1) >> (log - 2) & 3);
}

/* ---- blocks from the host: few, in a list ------------------------------------------------------
 */

struct huge {
    struct list_node node;
    void* addr;
    size_t size;
};
static libos_lock_t g_huge_lock = LIBOS_LOCK_INIT;
static struct list_node g_huge = LIST_INIT(g_huge);

static void* huge_alloc(size_t size) {
    struct huge* h = libos_malloc(sizeof(*h));
    if (!h) {
        return NULL;
    }
    h->size = ALIGN_UP(size, PAGE_SIZE);
    h->addr = libos_alloc_pages(h->size);
    if (!h->addr) {
        libos_free(h);
        return NULL;
    }
    lock(&g_huge_lock);
    list_add(&g_huge, &h->node);
    unlock(&g_huge_lock);
    return h->addr;
}

/* Size of the block at addr; unlinks it if `take`. */
static struct huge* huge_find(void* addr, bool take) {
    struct huge* found = NULL;
    lock(&g_huge_lock);
    list_for_each(h, &g_huge, struct huge, node) {
        if (h->addr == addr) {
            found = h;
            break;
        }
    }
    BUG_ON(!found);
    if (take) {
        list_del(&found->node);
    }
    unlock(&g_huge_lock);
    return found;
}

/* ---- slabs -------------------------------------------------------------------------------------
 */

static struct slab* slab_create(unsigned class) {
    unsigned pages = g_malloc_sizes[class] <= 256 ? 4 : g_malloc_sizes[class] <= 2048 ? 8 : 16;
    struct slab* s = libos_run_alloc(pages, PAGE_SLAB, false);
    if (!s) {
        return NULL;
    }
    s->magic = SLAB_MAGIC;
    s->class = (uint16_t) class;
    s->pages = (uint16_t)pages;
    s->used = s->fresh = 0;
    s->capacity = (uint32_t)((pages * PAGE_SIZE - sizeof(*s)) / g_malloc_sizes[class]);
    s->free = NULL;
    return s;
}

static struct slab* slab_of(void* ptr) {
    struct arena* a = arena_of(ptr);
    struct slab* s = (struct slab*)((char*)a + a->pages[arena_index(ptr)].slab_start * PAGE_SIZE);
    BUG_ON(s->magic != SLAB_MAGIC);
    return s;
}

unsigned libos_class_alloc(unsigned class, void** out, unsigned count) {
    struct class* c = &g_classes[class];
    size_t size = g_malloc_sizes[class];
    unsigned got = 0;
    lock(&c->lock);
    if (!c->ready) {
        list_init(&c->partial);
        c->ready = 1;
    }
    while (got < count) {
        struct slab* s;
        if (list_empty(&c->partial)) {
            s = slab_create(class);
            if (!s) {
                break;
            }
            list_add(&c->partial, &s->node);
        } else {
            s = list_first(&c->partial, struct slab, node);
        }
        if (s->free) {
            out[got] = s->free;
            s->free = *(void**)s->free;
        } else {
            out[got] = (char*)(s + 1) + s->fresh++ * size;
        }
        got++;
        if (++s->used == s->capacity) {
            list_del(&s->node);
        }
    }
    unlock(&c->lock);
    return got;
}

void libos_class_free(unsigned class, void** ptrs, unsigned count) {
    struct class* c = &g_classes[class];
    lock(&c->lock);
    for (unsigned i = 0; i < count; i++) {
        struct slab* s = slab_of(ptrs[i]);
        *(void**)ptrs[i] = s->free;
        s->free = ptrs[i];
        if (s->used-- == s->capacity) {
            list_add(&c->partial, &s->node);
        }
        /* One empty slab stays, so that a single object does not make a slab come and go. */
        if (!s->used && !(c->partial.next == &s->node && c->partial.prev == &s->node)) {
            list_del(&s->node);
            s->magic = 0;
            libos_run_free(s, s->pages);
        }
    }
    unlock(&c->lock);
}

/* ---- the interface ------------------------------------------------------------------------------
 */

static bool is_huge(const void* ptr) {
    return ((uint64_t)ptr & (ARENA_SIZE - 1)) == 0;
}

void* libos_malloc(size_t size) {
    if (size <= MALLOC_MAX_SMALL) {
        return libos_cache_alloc(libos_malloc_class(size));
    }
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    if (size <= ARENA_MAX_RUN * PAGE_SIZE) {
        return libos_run_alloc((size + PAGE_SIZE - 1) / PAGE_SIZE, PAGE_RUN, false);
    }
    return huge_alloc(size);
}

static size_t block_size(void* ptr) {
    if (is_huge(ptr)) {
        return huge_find(ptr, false)->size;
    }
    const struct arena_page* p = &arena_of(ptr)->pages[arena_index(ptr)];
    if (p->kind == PAGE_SLAB) {
        return g_malloc_sizes[slab_of(ptr)->class];
    }
    BUG_ON(p->kind != PAGE_RUN);
    return p->len * PAGE_SIZE;
}

void libos_free(void* ptr) {
    if (!ptr) {
        return;
    }
    if (is_huge(ptr)) {
        struct huge* h = huge_find(ptr, true);
        libos_free_pages(h->addr, h->size);
        libos_free(h);
        return;
    }
    const struct arena_page* p = &arena_of(ptr)->pages[arena_index(ptr)];
    if (p->kind == PAGE_SLAB) {
        libos_cache_free(slab_of(ptr)->class, ptr);
    } else {
        BUG_ON(p->kind != PAGE_RUN || ((uint64_t)ptr & (PAGE_SIZE - 1)));
        libos_run_free(ptr, p->len);
    }
}

void* libos_calloc(size_t count, size_t size) {
    size_t whole;
    if (__builtin_mul_overflow(count, size, &whole)) {
        return NULL;
    }
    if (whole > MALLOC_MAX_SMALL && whole <= ARENA_MAX_RUN * PAGE_SIZE) {
        return libos_run_alloc((whole + PAGE_SIZE - 1) / PAGE_SIZE, PAGE_RUN, true);
    }
    void* ptr = libos_malloc(whole);
    if (ptr && whole <= MALLOC_MAX_SMALL) { /* memory from the host is zero already */
        memset(ptr, 0, whole);
    }
    return ptr;
}

void* libos_realloc(void* ptr, size_t size) {
    if (!ptr) {
        return libos_malloc(size);
    }
    size_t old = block_size(ptr);
    if (size <= old && size >= old / 2) {
        return ptr;
    }
    void* fresh = libos_malloc(size);
    if (fresh) {
        memcpy(fresh, ptr, MIN(old, size));
        libos_free(ptr);
    }
    return fresh;
}

char* libos_strdup(const char* s) {
    size_t size = strlen(s) + 1;
    char* copy = libos_malloc(size);
    return copy ? memcpy(copy, s, size) : NULL;
}
