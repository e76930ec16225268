/*
 * The descriptor table from inside, for the shortest calls: libos_fd_use() is part of them.
 */
#ifndef LIBOS_FD_TABLE_H
#define LIBOS_FD_TABLE_H

#include "libos_file.h"
#include "libos_process.h"

struct fd_array {
    struct fd_array* outgrown;
    uint32_t size;     /* a multiple of 64 */
    size_t bytes;      /* of the allocation */
    uint64_t* used;    /* bitmap */
    uint64_t* cloexec; /* bitmap */
    struct libos_file* files[];
};

struct libos_fd_table {
    refcount_t ref;
    libos_lock_t lock;      /* guards changes of what follows */
    struct fd_array* array; /* read without the lock */
    uint32_t lowest;        /* no free descriptor below this */
};

void libos_file_gone(struct libos_file* f); /* the last reference has been given back */

/* As libos_fd_borrow(), once at a time in a thread, and ended by libos_fd_done(). The reference
 * that a thread which is not alone takes is noted in `used`. */
static inline struct libos_file* libos_fd_use(uint32_t fd) {
    struct libos_thread* self = get_cur_thread();
    struct libos_fd_table* t = self->files;
    bool alone = __atomic_load_n(&self->process->thread_count, __ATOMIC_RELAXED) == 1;
    struct libos_file* f;
    for (;;) {
        struct fd_array* a = __atomic_load_n(&t->array, __ATOMIC_ACQUIRE);
        if (__builtin_expect(fd >= a->size, 0))
            return NULL;
        f = __atomic_load_n(&a->files[fd], __ATOMIC_ACQUIRE);
        if (__builtin_expect(!f, 0))
            return NULL;
        if (alone)
            break;
        if (!ref_get_unless_zero(&f->ref))
            continue; /* just closed: look again */
        if (__builtin_expect(__atomic_load_n(&a->files[fd], __ATOMIC_ACQUIRE) == f, 1) &&
            __builtin_expect(__atomic_load_n(&t->array, __ATOMIC_ACQUIRE) == a, 1)) {
            BUG_ON(self->used);
            __atomic_store_n(&self->used, f, __ATOMIC_RELEASE);
            break;
        }
        libos_file_put(f);
    }
    if (__builtin_expect(f->shared != NULL, 0))
        libos_file_refresh(f);
    return f;
}
static inline void libos_fd_done(struct libos_file* f) {
    struct libos_thread* self = get_cur_thread();
    if (!self->used)
        return;
    __atomic_store_n(&self->used, NULL, __ATOMIC_RELEASE);
    if (ref_put(&f->ref))
        libos_file_gone(f);
}

#endif /* LIBOS_FD_TABLE_H */
