/*
 * Open file descriptions: their memory, their end, and reading them from inside the LibOS.
 *
 * The memory is type-stable: a freed description is only ever used for another one, so that
 * libos_fd_get() may look at one that has just gone (its reference count is then zero).
 */
#include "libos_event.h"
#include "libos_fd_table.h"
#include "libos_fs.h"
#include "libos_fs_internal.h"
#include "libos_process.h"

#define SHARDS      8
#define CHUNK_PAGES 4

/* Chunks of descriptions are never freed. */
struct file_chunk {
    struct file_chunk* next;
    struct libos_file files[];
};
#define PER_CHUNK                                                                                  \
    ((CHUNK_PAGES * PAGE_SIZE - sizeof(struct file_chunk)) / sizeof(struct libos_file))
static struct file_chunk* g_chunks; /* atomic: only ever grows */

static struct file_shard {
    libos_lock_t lock;
    struct libos_file* free; /* linked through data; guarded by lock */
    char pad[48];
} g_shards[SHARDS];

static struct file_shard* my_shard(void) {
    struct libos_thread* t = get_cur_thread();
    return &g_shards[t ? t->tid % SHARDS : 0];
}

/* A thread keeps the one that it freed last, for its next. */
static struct libos_file* take_free(void) {
    struct libos_thread* t = get_cur_thread();
    if (t && t->spare_file) {
        struct libos_file* spare = t->spare_file;
        t->spare_file = NULL;
        return spare;
    }
    struct file_shard* s = my_shard();
    lock(&s->lock);
    struct libos_file* f = s->free;
    if (f)
        s->free = f->data;
    unlock(&s->lock);
    if (f)
        return f;
    struct file_chunk* chunk = libos_alloc_pages(CHUNK_PAGES * PAGE_SIZE);
    if (!chunk)
        return NULL;
    chunk->next = __atomic_load_n(&g_chunks, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&g_chunks, &chunk->next, chunk, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
    lock(&s->lock);
    for (size_t i = 1; i < PER_CHUNK; i++) {
        chunk->files[i].data = s->free;
        s->free = &chunk->files[i];
    }
    unlock(&s->lock);
    return &chunk->files[0];
}

void libos_files_for_all(void (*fn)(struct libos_file* f)) {
    for (struct file_chunk* c = __atomic_load_n(&g_chunks, __ATOMIC_ACQUIRE); c; c = c->next)
        for (size_t i = 0; i < PER_CHUNK; i++)
            if (c->files[i].ref.count)
                fn(&c->files[i]);
}

void libos_file_free(struct libos_file* f) {
    struct file_shard* s = my_shard();
    lock(&s->lock);
    f->data = s->free;
    s->free = f;
    unlock(&s->lock);
}

static void give_back(struct libos_file* f) {
    struct libos_thread* t = get_cur_thread();
    if (t && !t->spare_file)
        t->spare_file = f;
    else
        libos_file_free(f);
}

struct libos_path* libos_path_alloc(struct libos_mount* mount, const char* name) {
    size_t size = strlen(name) + 1;
    struct libos_path* p = libos_malloc(sizeof(*p) + size);
    if (!p)
        return NULL;
    p->mount = mount;
    p->name = (char*)(p + 1);
    p->shared = false;
    memcpy(p->name, name, size);
    return p;
}

static void path_free(struct libos_path* p) {
    if (p && !p->shared)
        libos_free(p);
}

struct libos_file* libos_file_alloc(const struct libos_file_ops* ops, int flags, PAL_HANDLE host,
                                    struct libos_path* path) {
    struct libos_file* f = take_free();
    if (!f) {
        if (host)
            PalObjectClose(host);
        path_free(path);
        return NULL;
    }
    f->flags = flags;
    f->ops = ops;
    f->host = host;
    f->lock = (libos_lock_t)LIBOS_LOCK_INIT;
    f->shared = NULL;
    f->last = false;
    f->pos = 0;
    f->path = path;
    f->data = NULL;
    f->mode_type = 0;
    f->identified = false;
    f->lock_flags = 0;
    f->lock_number = 0;
    f->epoll_count = 0;
    f->wait_lock = (libos_lock_t)LIBOS_LOCK_INIT;
    list_init(&f->waiters);
    f->owner_type = 0;
    f->owner_pid = 0;
    f->owner_sig = 0;
    f->serial++;
    __atomic_store_n(&f->ref.count, 1, __ATOMIC_RELEASE);
    return f;
}

__attribute__((noinline)) void libos_file_gone(struct libos_file* f) {
    f->last = !f->shared || libos_file_unshare(f);
    if (f->last && f->lock_flags)
        libos_locks_file_gone(f);
    if (__atomic_load_n(&f->epoll_count, __ATOMIC_ACQUIRE))
        libos_epoll_file_gone(f);
    if (f->flags & FASYNC)
        libos_sigio_file_gone(f);
    if (f->ops->close)
        f->ops->close(f);
    if (f->host)
        PalObjectClose(f->host);
    path_free(f->path);
    f->host = NULL;
    f->path = NULL;
    give_back(f);
}

void libos_file_put(struct libos_file* f) {
    if (!f)
        return;
    struct libos_thread* t = get_cur_thread();
    bool noted = t && t->held_count;
    if (noted) {
        libos_hold(); /* as libos_fd_get() */
        libos_fd_not_held(t, f);
    }
    bool last = ref_put(&f->ref);
    if (noted)
        libos_unhold();
    if (last)
        libos_file_gone(f);
}

long libos_file_read_kernel(struct libos_file* f, void* buf, size_t size, uint64_t offset) {
    if (!f->ops->read)
        return -EINVAL;
    int64_t pos = offset;
    struct iovec iov = {buf, size};
    return f->ops->read(f, &iov, 1, &pos, 0);
}

long libos_file_get_name(struct libos_file* f, char* buf, size_t size) {
    struct libos_path* p = f->path;
    if (p && p->name) {
        size_t len = strlen(p->name);
        memcpy(buf, p->name, MIN(len, size));
        if (len < size)
            buf[len] = '\0';
        return MIN(len, size);
    }
    if (p && p->mount && p->mount->ops->get_name) {
        long len = p->mount->ops->get_name(f, buf, size);
        if (len >= 0 && (size_t)len < size)
            buf[len] = '\0';
        return len;
    }
    struct libos_stat st;
    bool numbered = f->mode_type == S_IFIFO || f->mode_type == S_IFSOCK;
    int len;
    if (numbered && f->ops->stat && f->ops->stat(f, &st) == 0)
        len = snprintf(buf, size, "%s:[%llu]", f->ops->kind, (unsigned long long)st.ino);
    else
        len = snprintf(buf, size, "anon_inode:[%s]", f->ops->kind);
    return MIN((size_t)len, size);
}
