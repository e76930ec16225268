/*
 * Working directory, root and umask of a process (or of threads that share them by CLONE_FS).
 */
#include "libos_fs_internal.h"
#include "libos_process.h"

struct libos_fs_info* libos_fs_info_create(struct libos_file* root, uint32_t umask) {
    struct libos_fs_info* info = libos_calloc(1, sizeof(*info));
    if (!info)
        return NULL;
    ref_set(&info->ref, 1);
    libos_file_get(root);
    libos_file_get(root);
    info->root = info->cwd = root;
    info->umask = umask;
    return info;
}

struct libos_fs_info* libos_fs_info_clone(struct libos_fs_info* info) {
    struct libos_fs_info* copy = libos_calloc(1, sizeof(*copy));
    if (!copy)
        return NULL;
    ref_set(&copy->ref, 1);
    lock(&info->lock);
    copy->root = info->root;
    copy->cwd = info->cwd;
    copy->umask = info->umask;
    libos_file_get(copy->root);
    libos_file_get(copy->cwd);
    unlock(&info->lock);
    return copy;
}

void libos_fs_info_get(struct libos_fs_info* info) {
    ref_get(&info->ref);
}

void libos_fs_info_put(struct libos_fs_info* info) {
    if (!ref_put(&info->ref))
        return;
    libos_file_put(info->root);
    libos_file_put(info->cwd);
    libos_free(info);
}

/* As libos_fd_get(): descriptions are type-stable, so look, count, look again. */
static struct libos_file* get_slot(struct libos_file** slot) {
    for (;;) {
        struct libos_file* f = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
        if (!ref_get_unless_zero(&f->ref))
            continue;
        if (__atomic_load_n(slot, __ATOMIC_ACQUIRE) == f)
            return f;
        libos_file_put(f);
    }
}

struct libos_file* libos_fs_get_cwd(void) {
    return get_slot(&get_cur_thread()->fs->cwd);
}

struct libos_file* libos_fs_get_root(void) {
    return get_slot(&get_cur_thread()->fs->root);
}

static void set_slot(struct libos_fs_info* info, struct libos_file** slot, struct libos_file* f) {
    libos_file_get(f);
    lock(&info->lock);
    struct libos_file* old = *slot;
    __atomic_store_n(slot, f, __ATOMIC_RELEASE);
    unlock(&info->lock);
    libos_file_put(old);
}

void libos_fs_set_cwd(struct libos_file* dir) {
    struct libos_fs_info* info = get_cur_thread()->fs;
    set_slot(info, &info->cwd, dir);
}

void libos_fs_set_root(struct libos_file* dir) {
    struct libos_fs_info* info = get_cur_thread()->fs;
    set_slot(info, &info->root, dir);
}

long libos_fs_cwd_name(char* buf, size_t size) {
    struct libos_file* cwd = libos_fs_get_cwd();
    long len = libos_file_get_name(cwd, buf, size);
    libos_file_put(cwd);
    if (len < 0)
        return len;
    if ((size_t)len >= size)
        return -ERANGE;
    static const char gone[] = " (deleted)";
    if ((size_t)len >= sizeof(gone) && strcmp(buf + len - (sizeof(gone) - 1), gone) == 0)
        return -ENOENT;
    struct libos_file* root = libos_fs_get_root();
    char name[PATH_MAX];
    long root_len = 0;
    if (root != g_root_mount->root)
        root_len = libos_file_get_name(root, name, sizeof(name));
    libos_file_put(root);
    if (root_len <= 1 || root_len >= PATH_MAX)
        return len;
    if (strncmp(buf, name, root_len) == 0 && (!buf[root_len] || buf[root_len] == '/')) {
        memmove(buf, buf + root_len, len - root_len + 1);
        len -= root_len;
        if (!len)
            len = strlcpy(buf, "/", size);
        return len;
    }
    static const char outside[] = "(unreachable)";
    if (len + sizeof(outside) > size)
        return -ERANGE;
    memmove(buf + sizeof(outside) - 1, buf, len + 1);
    memcpy(buf, outside, sizeof(outside) - 1);
    return len + sizeof(outside) - 1;
}
