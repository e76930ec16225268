/*
 * The descriptor table.
 *
 * Looking up takes no lock: read the slot, take a reference unless the count is zero, look again.
 * That is safe because descriptions live in type-stable memory (libos_file.c) and because an array
 * that was outgrown is kept until the table goes. Changes take the table's lock.
 */
#include "libos_fd_table.h"
#include "libos_fs_internal.h"
#include "libos_process.h"

#define FIRST_SIZE 256 /* descriptors; doubles */
#define MAX_SIZE   (1 << 30)

static struct fd_array* array_create(uint32_t size) {
    size_t bytes = sizeof(struct fd_array) + size * sizeof(struct libos_file*) + size / 4;
    bytes = PAGE_UP(bytes);
    struct fd_array* a = libos_alloc_pages(bytes);
    if (!a)
        return NULL;
    a->size = size;
    a->bytes = bytes;
    a->used = (uint64_t*)&a->files[size];
    a->cloexec = a->used + size / 64;
    return a;
}

static bool bit(const uint64_t* map, uint32_t i) {
    return map[i / 64] >> (i % 64) & 1;
}
static void set_bit(uint64_t* map, uint32_t i, bool on) {
    if (on)
        map[i / 64] |= 1ULL << (i % 64);
    else
        map[i / 64] &= ~(1ULL << (i % 64));
}

struct libos_fd_table* libos_fd_table_create(void) {
    struct libos_fd_table* t = libos_calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->array = array_create(FIRST_SIZE);
    if (!t->array) {
        libos_free(t);
        return NULL;
    }
    ref_set(&t->ref, 1);
    return t;
}

/* Under the lock. */
static int grow(struct libos_fd_table* t, uint32_t min_size) {
    struct fd_array* old = t->array;
    uint32_t size = old->size;
    while (size < min_size)
        size *= 2;
    struct fd_array* a = array_create(size);
    if (!a)
        return -ENOMEM;
    memcpy(a->files, old->files, old->size * sizeof(a->files[0]));
    memcpy(a->used, old->used, old->size / 8);
    memcpy(a->cloexec, old->cloexec, old->size / 8);
    a->outgrown = old;
    __atomic_store_n(&t->array, a, __ATOMIC_RELEASE);
    return 0;
}

struct libos_fd_table* libos_fd_table_clone(struct libos_fd_table* t) {
    struct libos_fd_table* copy = libos_fd_table_create();
    if (!copy)
        return NULL;
    lock(&t->lock);
    struct fd_array* a = t->array;
    if (a->size > copy->array->size && grow(copy, a->size) < 0) {
        unlock(&t->lock);
        libos_fd_table_put(copy);
        return NULL;
    }
    for (uint32_t i = 0; i < a->size; i++) {
        if (!a->files[i])
            continue;
        libos_file_get(a->files[i]);
        copy->array->files[i] = a->files[i];
        set_bit(copy->array->used, i, true);
        set_bit(copy->array->cloexec, i, bit(a->cloexec, i));
    }
    copy->lowest = t->lowest;
    unlock(&t->lock);
    return copy;
}

void libos_fd_table_get(struct libos_fd_table* t) {
    ref_get(&t->ref);
}

/* What close(2) does to a description when one of its descriptors goes. Takes over f. */
static int descriptor_gone(struct libos_file* f) {
    int ret = 0;
    if (!(f->flags & O_PATH)) {
        if (f->ops->flush)
            ret = f->ops->flush(f);
        libos_locks_fd_closed(f);
    }
    libos_file_put(f);
    return ret;
}

void libos_fd_table_put(struct libos_fd_table* t) {
    if (!ref_put(&t->ref))
        return;
    struct fd_array* a = t->array;
    for (uint32_t i = 0; i < a->size; i++)
        if (a->files[i])
            descriptor_gone(a->files[i]);
    while (a) {
        struct fd_array* next = a->outgrown;
        libos_free_pages(a, a->bytes);
        a = next;
    }
    libos_free(t);
}

/* ---- looking up -------------------------------------------------------------------------------
 * A thread that is not alone notes what it has looked up until it gives it back: fork copies the
 * reference, but not the thread that would give it back. */

static __attribute__((noinline)) void note_held(struct libos_thread* t, struct libos_file* f) {
    if (t->held_count == t->held_size) {
        uint32_t size = t->held_size ? t->held_size * 2 : 8;
        struct libos_file** held = libos_realloc(t->held, size * sizeof(*held));
        if (!held)
            return; /* then it stays open in a child that is forked just now */
        t->held = held;
        t->held_size = size;
    }
    t->held[t->held_count] = f;
    __atomic_store_n(&t->held_count, t->held_count + 1, __ATOMIC_RELEASE);
}

void libos_fd_not_held(struct libos_thread* t, struct libos_file* f) {
    for (uint32_t i = t->held_count; i-- > 0;) {
        if (t->held[i] == f) {
            t->held[i] = t->held[t->held_count - 1];
            t->held_count--;
            return;
        }
    }
}

void libos_fd_keep(struct libos_file* f) {
    libos_fd_not_held(get_cur_thread(), f);
}

static struct libos_file* found(struct libos_thread* t, struct libos_file* f, bool alone) {
    if (f && !alone)
        note_held(t, f);
    if (!alone)
        libos_unhold();
    if (f && __builtin_expect(f->shared != NULL, 0))
        libos_file_refresh(f);
    return f;
}

struct libos_file* libos_fd_get(int fd) {
    struct libos_thread* self = get_cur_thread();
    struct libos_fd_table* t = self->files;
    bool alone = __atomic_load_n(&self->process->thread_count, __ATOMIC_RELAXED) == 1;
    for (;;) {
        struct fd_array* a = __atomic_load_n(&t->array, __ATOMIC_ACQUIRE);
        if ((uint32_t)fd >= a->size)
            return NULL;
        struct libos_file* f = __atomic_load_n(&a->files[fd], __ATOMIC_ACQUIRE);
        if (!alone)
            libos_hold(); /* no fork between counting and noting */
        bool counted = !f || ref_get_unless_zero(&f->ref);
        if (counted && __atomic_load_n(&t->array, __ATOMIC_ACQUIRE) == a &&
            __atomic_load_n(&a->files[fd], __ATOMIC_ACQUIRE) == f)
            return found(self, f, alone);
        if (!alone)
            libos_unhold();
        if (f && counted)
            libos_file_put(f); /* else just closed: look again */
    }
}

struct libos_file* libos_fd_borrow(int fd, bool* counted) {
    *counted = __atomic_load_n(&cur_process()->thread_count, __ATOMIC_RELAXED) != 1;
    if (*counted)
        return libos_fd_get(fd);
    const struct fd_array* a = get_cur_thread()->files->array;
    struct libos_file* f = (uint32_t)fd < a->size ? a->files[fd] : NULL;
    if (f && __builtin_expect(f->shared != NULL, 0))
        libos_file_refresh(f);
    return f;
}

/* Lowest free number from min on, may lie behind the array. Under the lock. */
static uint32_t find_free(const struct libos_fd_table* t, uint32_t min) {
    const struct fd_array* a = t->array;
    uint32_t i = MAX(min, t->lowest);
    while (i < a->size) {
        uint64_t free = ~a->used[i / 64] & (~0ULL << (i % 64));
        if (free)
            return (i & ~63u) + __builtin_ctzll(free);
        i = (i & ~63u) + 64;
    }
    return i;
}

static void put_at(struct libos_fd_table* t, uint32_t fd, struct libos_file* f, bool cloexec) {
    set_bit(t->array->used, fd, f != NULL);
    set_bit(t->array->cloexec, fd, cloexec);
    __atomic_store_n(&t->array->files[fd], f, __ATOMIC_RELEASE);
}

static inline int install(struct libos_file* f, bool cloexec, int min, bool give) {
    struct libos_fd_table* t = get_cur_thread()->files;
    uint64_t limit = MIN(libos_rlimit(RLIMIT_NOFILE), (uint64_t)MAX_SIZE);
    if (min < 0 || (uint64_t)min >= limit)
        return min ? -EINVAL : -EMFILE;
    lock(&t->lock);
    uint32_t fd = find_free(t, min);
    int ret = fd;
    if (fd >= limit)
        ret = -EMFILE;
    else if (fd >= t->array->size && grow(t, fd + 1) < 0)
        ret = -ENOMEM;
    if (ret >= 0) {
        if (!give)
            libos_file_get(f);
        put_at(t, fd, f, cloexec);
        if ((uint32_t)min <= t->lowest)
            t->lowest = fd + 1;
    }
    unlock(&t->lock);
    return ret;
}

int libos_fd_install(struct libos_file* f, bool cloexec, int min) {
    return install(f, cloexec, min, false);
}

int libos_fd_give(struct libos_file* f, bool cloexec) {
    int ret = install(f, cloexec, 0, true);
    if (ret < 0)
        libos_file_put(f);
    return ret;
}

int libos_fd_room(void) {
    struct libos_fd_table* t = get_cur_thread()->files;
    uint64_t limit = libos_rlimit(RLIMIT_NOFILE);
    /* No free number below `lowest`: enough for the usual "all taken" case. */
    return __atomic_load_n(&t->lowest, __ATOMIC_RELAXED) >= limit ? -EMFILE : 0;
}

int libos_fd_install_at(struct libos_file* f, bool cloexec, int fd) {
    struct libos_fd_table* t = get_cur_thread()->files;
    if (fd < 0 || (uint64_t)fd >= MIN(libos_rlimit(RLIMIT_NOFILE), (uint64_t)MAX_SIZE))
        return -EBADF;
    lock(&t->lock);
    if ((uint32_t)fd >= t->array->size && grow(t, fd + 1) < 0) {
        unlock(&t->lock);
        return -ENOMEM;
    }
    struct libos_file* old = t->array->files[fd];
    libos_file_get(f);
    put_at(t, fd, f, cloexec);
    unlock(&t->lock);
    if (old)
        descriptor_gone(old);
    return fd;
}

int libos_fd_close(int fd) {
    struct libos_fd_table* t = get_cur_thread()->files;
    struct libos_file* f = NULL;
    lock(&t->lock);
    if ((uint32_t)fd < t->array->size)
        f = t->array->files[fd];
    if (f) {
        put_at(t, fd, NULL, false);
        t->lowest = MIN(t->lowest, (uint32_t)fd);
    }
    unlock(&t->lock);
    return f ? descriptor_gone(f) : -EBADF;
}

int libos_fd_get_cloexec(int fd) {
    struct libos_fd_table* t = get_cur_thread()->files;
    int ret = -EBADF;
    lock(&t->lock);
    if ((uint32_t)fd < t->array->size && t->array->files[fd])
        ret = bit(t->array->cloexec, fd);
    unlock(&t->lock);
    return ret;
}

int libos_fd_set_cloexec(int fd, bool cloexec) {
    struct libos_fd_table* t = get_cur_thread()->files;
    int ret = -EBADF;
    lock(&t->lock);
    if ((uint32_t)fd < t->array->size && t->array->files[fd]) {
        set_bit(t->array->cloexec, fd, cloexec);
        ret = 0;
    }
    unlock(&t->lock);
    return ret;
}

/* Next open descriptor >= fd that wants(...), with a reference; or -1. */
static int next_open(struct libos_fd_table* t, uint32_t fd, bool cloexec_only,
                     struct libos_file** f, bool* cloexec) {
    int found = -1;
    lock(&t->lock);
    struct fd_array* a = t->array;
    while (fd < a->size) {
        uint64_t word = a->used[fd / 64] & (~0ULL << (fd % 64));
        if (cloexec_only)
            word &= a->cloexec[fd / 64];
        if (word) {
            found = (fd & ~63u) + __builtin_ctzll(word);
            *f = a->files[found];
            *cloexec = bit(a->cloexec, found);
            libos_file_get(*f);
            break;
        }
        fd = (fd & ~63u) + 64;
    }
    unlock(&t->lock);
    return found;
}

void libos_fd_close_on_exec(void) {
    struct libos_fd_table* t = get_cur_thread()->files;
    struct libos_file* f;
    bool cloexec;
    for (int fd = -1; (fd = next_open(t, fd + 1, true, &f, &cloexec)) >= 0;) {
        libos_fd_close(fd);
        libos_file_put(f);
    }
}

void libos_fd_for_each(struct libos_fd_table* t,
                       bool (*fn)(void* arg, int fd, struct libos_file* f, bool cloexec),
                       void* arg) {
    struct libos_file* f;
    bool cloexec, go_on = true;
    for (int fd = -1; go_on && (fd = next_open(t, fd + 1, false, &f, &cloexec)) >= 0;) {
        go_on = fn(arg, fd, f, cloexec);
        libos_file_put(f);
    }
}

int libos_fd_table_end(void) {
    return (int)__atomic_load_n(&get_cur_thread()->files->array, __ATOMIC_ACQUIRE)->size;
}
