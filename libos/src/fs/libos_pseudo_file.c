/*
 * Open files and directories of pseudo file systems.
 */
#include "libos_pseudo.h"
#include "libos_process.h"

struct pseudo_file { /* file->data */
    struct libos_pseudo_at* at;
    struct libos_text text; /* made by show; guarded by file->lock */
    bool shown;
};

struct libos_file* libos_pseudo_file_create(struct libos_pseudo_at* at,
                                            const struct libos_file_ops* ops, int flags) {
    struct pseudo_file* pf = libos_calloc(1, sizeof(*pf));
    struct libos_file* f = pf ? libos_file_alloc(ops, flags, NULL, &at->mount->plain) : NULL;
    if (!f) {
        libos_free(pf);
        libos_free(at);
        return NULL;
    }
    pf->at = at;
    f->data = pf;
    f->mode_type = at->node->mode & S_IFMT;
    return f;
}

const struct libos_pseudo_at* libos_pseudo_of(const struct libos_file* f) {
    return ((const struct pseudo_file*)f->data)->at;
}

struct libos_path* libos_pseudo_path(const struct libos_pseudo_at* p) {
    char name[512];
    long len = libos_pseudo_name(p, name, sizeof(name));
    name[MIN(len, (long)sizeof(name) - 1)] = '\0';
    return libos_path_alloc(p->mount, name);
}

static void pseudo_close(struct libos_file* f) {
    struct pseudo_file* pf = f->data;
    libos_free(pf->text.buf);
    libos_free(pf->at);
    libos_free(pf);
}

static int pseudo_stat(struct libos_file* f, struct libos_stat* st) {
    return libos_pseudo_stat_at(libos_pseudo_of(f), st);
}

static int pseudo_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    return libos_pseudo_open_node(libos_pseudo_of(f), flags, out);
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* The text is made anew when reading begins at its start; under no lock: another process may have
 * to be asked. */
static int make_text(struct libos_file* f, int64_t offset) {
    struct pseudo_file* pf = f->data;
    lock(&f->lock);
    bool shown = pf->shown;
    unlock(&f->lock);
    if (shown && offset)
        return 0;
    struct libos_text text = {0};
    int ret = pf->at->node->show ? libos_pseudo_show(pf->at, &text) : -EINVAL;
    if (!ret)
        ret = text.error;
    lock(&f->lock);
    char* old = pf->text.buf;
    pf->text = text;
    pf->shown = !ret;
    unlock(&f->lock);
    libos_free(old);
    return ret;
}

static long pseudo_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                        const int64_t* pos, int rwf) {
    (void)rwf;
    struct pseudo_file* pf = f->data;
    long ret = make_text(f, pos ? *pos : libos_file_get_pos(f));
    lock(&f->lock);
    int64_t at = pos ? *pos : libos_file_get_pos(f);
    long done = 0;
    for (int i = 0; !ret && i < iov_count && (uint64_t)at < pf->text.size; i++) {
        size_t n = MIN(iov[i].iov_len, pf->text.size - (uint64_t)at);
        size_t left = access_ok(iov[i].iov_base, n)
                          ? user_copy_to_partial(iov[i].iov_base, pf->text.buf + at, n)
                          : (memcpy(iov[i].iov_base, pf->text.buf + at, n), 0);
        at += n - left;
        done += n - left;
        if (left)
            ret = -EFAULT;
    }
    if (!pos)
        libos_file_set_pos(f, at);
    unlock(&f->lock);
    return done ? done : ret;
}

#define STORE_MAX 4096

static long pseudo_write(struct libos_file* f, const struct iovec* iov, int iov_count,
                         const int64_t* pos, int rwf) {
    (void)rwf;
    const struct libos_pseudo_at* at = libos_pseudo_of(f);
    if (!at->node->store)
        return -EIO;
    char* text = libos_malloc(STORE_MAX + 1);
    if (!text)
        return -ENOMEM;
    size_t size = 0;
    long ret = 0;
    for (int i = 0; i < iov_count && !ret && size < STORE_MAX; i++) {
        size_t n = MIN(iov[i].iov_len, STORE_MAX - size);
        ret = user_copy_from(text + size, iov[i].iov_base, n);
        size += n;
    }
    text[size] = '\0';
    if (!ret)
        ret = libos_pseudo_store(at, text, size);
    libos_free(text);
    if (ret > 0 && !pos) {
        lock(&f->lock);
        libos_file_set_pos(f, libos_file_get_pos(f) + ret);
        unlock(&f->lock);
    }
    return ret;
}

static long pseudo_seek(struct libos_file* f, int64_t offset, int whence) {
    lock(&f->lock);
    if (whence == PAL_SEEK_CUR)
        offset += libos_file_get_pos(f);
    long ret = -EINVAL;
    if ((whence == PAL_SEEK_SET || whence == PAL_SEEK_CUR) && offset >= 0)
        libos_file_set_pos(f, ret = offset);
    unlock(&f->lock);
    return ret;
}

static int pseudo_truncate(struct libos_file* f, int64_t size) {
    (void)size;
    return libos_pseudo_of(f)->node->store ? 0 : -EINVAL; /* O_TRUNC before a write, as on Linux */
}

const struct libos_file_ops libos_pseudo_file_ops = {
    .kind = "pseudo",
    .read = pseudo_read,
    .write = pseudo_write,
    .seek = pseudo_seek,
    .stat = pseudo_stat,
    .truncate = pseudo_truncate,
    .close = pseudo_close,
    .reopen = pseudo_reopen,
};

/* ---- directories ------------------------------------------------------------------------------
 * Positions: 0 ".", 1 "..", then static children by index, dynamic ones at DYNAMIC + id. */
#define DYNAMIC (1LL << 32)

struct listing {
    libos_dirent_fn emit;
    void* arg;
    struct libos_file* f;
    const struct libos_pseudo_at* dir;
    const struct libos_pseudo_node* child;
    bool full;
};

static void one(struct listing* l, const struct libos_pseudo_node* child, const char* name,
                const uint64_t* id, int64_t next) {
    struct libos_pseudo_at at = *l->dir;
    if (at.depth < ARRAY_SIZE(at.parents))
        at.parents[at.depth++] = at.node;
    at.node = child;
    if (id && at.id_count < LIBOS_PSEUDO_DEPTH)
        at.ids[at.id_count++] = *id;
    struct libos_stat st = {.ino = 1};
    libos_pseudo_stat_at(&at, &st);
    if (!l->emit(l->arg, name, strlen(name), st.ino, (child->mode & S_IFMT) >> 12, next))
        l->full = true;
    else
        libos_file_set_pos(l->f, next);
}

static bool one_dynamic(void* arg, const char* name, uint64_t id) {
    struct listing* l = arg;
    if (DYNAMIC + (int64_t)id < libos_file_get_pos(l->f))
        return true;
    one(l, l->child, name, &id, DYNAMIC + id + 1);
    return !l->full;
}

static int pseudo_getdents(struct libos_file* f, libos_dirent_fn emit, void* arg) {
    const struct libos_pseudo_at* dir = libos_pseudo_of(f);
    struct listing l = {emit, arg, f, dir, NULL, false};
    struct libos_stat st;
    libos_pseudo_stat_at(dir, &st);
    if (libos_file_get_pos(f) == 0) {
        if (!emit(arg, ".", 1, st.ino, 4, 1))
            return 0;
        libos_file_set_pos(f, 1);
    }
    if (libos_file_get_pos(f) == 1) {
        if (!emit(arg, "..", 2, st.ino, 4, 2))
            return 0;
        libos_file_set_pos(f, 2);
    }
    const struct libos_pseudo_node* dynamic = NULL;
    int64_t i = 2;
    for (const struct libos_pseudo_node* c = dir->node->children; c && c->mode; c++, i++) {
        if (!c->name)
            dynamic = c;
        else if (i >= libos_file_get_pos(f) && (!c->exists || c->exists(dir)))
            one(&l, c, c->name, NULL, i + 1);
        if (l.full)
            return 0;
    }
    if (dynamic && dynamic->list) {
        l.child = dynamic;
        libos_pseudo_list(dir, dynamic, one_dynamic, &l);
    }
    return 0;
}

static long dir_seek(struct libos_file* f, int64_t offset, int whence) {
    return pseudo_seek(f, offset, whence);
}

static long dir_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                     const int64_t* pos, int rwf) {
    (void)f, (void)iov, (void)iov_count, (void)pos, (void)rwf;
    return -EISDIR;
}

const struct libos_file_ops libos_pseudo_dir_ops = {
    .kind = "directory",
    .read = dir_read,
    .seek = dir_seek,
    .stat = pseudo_stat,
    .getdents = pseudo_getdents,
    .close = pseudo_close,
    .reopen = pseudo_reopen,
};
