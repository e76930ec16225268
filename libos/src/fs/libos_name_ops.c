/*
 * Making, removing and renaming names: the checks that are the same for all file systems.
 */
#include "libos_fs_internal.h"
#include "libos_process.h"

enum last_kind {
    LAST_NAME,
    LAST_DOT,
    LAST_DOTDOT,
    LAST_ROOT, /* nothing: "/", "//" */
};

static enum last_kind last_of(const char* text) {
    size_t len = strlen(text);
    while (len && text[len - 1] == '/')
        len--;
    size_t start = len;
    while (start && text[start - 1] != '/')
        start--;
    if (start == len)
        return LAST_ROOT;
    if (libos_is_dot(text + start, len - start))
        return LAST_DOT;
    return libos_is_dotdot(text + start, len - start) ? LAST_DOTDOT : LAST_NAME;
}

int libos_at_parent_check(const struct libos_at* at) {
    char parent[PATH_MAX];
    size_t len = strlen(at->rel);
    while (len && at->rel[len - 1] == '/')
        len--;
    while (len && at->rel[len - 1] != '/')
        len--;
    memcpy(parent, at->rel, len); /* keeps the slash: it must be a directory */
    parent[len] = '\0';
    struct libos_at above = {at->mount, at->base, parent};
    struct libos_stat st;
    int ret = libos_at_stat(&above, &st);
    if (ret)
        return ret;
    return (st.mode & S_IFMT) == S_IFDIR ? 0 : -ENOTDIR;
}

/* Finds the place of a name to be made (create) or taken away. *kind tells of a last component
 * that is no plain name; LAST_ROOT also for a mount point. */
static int find_name(struct libos_lookup* l, enum last_kind* kind) {
    *kind = last_of(l->text);
    int ret = libos_lookup_step(l);
    if (ret)
        return ret;
    if (!*l->at.rel)
        *kind = LAST_ROOT;
    if (*kind == LAST_NAME)
        return 0;
    struct libos_stat st;
    ret = libos_at_stat(&l->at, &st);
    return !ret && (st.mode & S_IFMT) == S_IFLNK ? -EWALK : ret;
}

/* Common to all that make a name. -EEXIST before -EROFS, as Linux has it. */
static int find_new(struct libos_lookup* l) {
    enum last_kind kind;
    int ret = find_name(l, &kind);
    if (ret)
        return ret;
    if (kind != LAST_NAME)
        return -EEXIST;
    if (!l->at.mount->readonly)
        return 0;
    struct libos_stat st;
    ret = libos_at_stat(&l->at, &st);
    if (ret == -ENOENT)
        return libos_at_parent_check(&l->at) ?: -EROFS;
    return ret ? ret : -EEXIST;
}

static uint32_t masked(uint32_t mode) {
    return mode & ~__atomic_load_n(&get_cur_thread()->fs->umask, __ATOMIC_RELAXED);
}

int libos_lookup_mkdir(struct libos_lookup* l, uint32_t mode) {
    int ret;
    do {
        ret = find_new(l);
        if (!ret)
            ret = l->at.mount->ops->mkdir ? l->at.mount->ops->mkdir(&l->at, masked(mode) & 01777)
                                          : -EPERM;
    } while (libos_lookup_again(l, &ret));
    return ret;
}

int libos_lookup_mknod(struct libos_lookup* l, uint32_t mode, uint64_t rdev) {
    int ret;
    do {
        ret = find_new(l);
        if (!ret)
            ret = l->at.mount->ops->mknod ? l->at.mount->ops->mknod(&l->at, masked(mode), rdev)
                                          : -EPERM;
    } while (libos_lookup_again(l, &ret));
    return ret;
}

int libos_lookup_symlink(struct libos_lookup* l, const char* target) {
    int ret;
    do {
        ret = find_new(l);
        if (!ret)
            ret = l->at.mount->ops->symlink ? l->at.mount->ops->symlink(&l->at, target) : -EPERM;
    } while (libos_lookup_again(l, &ret));
    return ret;
}

static int unlink_once(struct libos_lookup* l, bool directory) {
    enum last_kind kind;
    int ret = find_name(l, &kind);
    if (ret)
        return ret;
    if (kind == LAST_DOT)
        return directory ? -EINVAL : -EISDIR;
    if (kind == LAST_DOTDOT)
        return directory ? -ENOTEMPTY : -EISDIR;
    if (kind == LAST_ROOT)
        return directory ? -EBUSY : l->at.mount && l->at.mount->is_file ? -EBUSY : -EISDIR;
    if (l->at.mount->readonly)
        return libos_at_parent_check(&l->at) ?: -EROFS;
    return l->at.mount->ops->unlink ? l->at.mount->ops->unlink(&l->at, directory) : -EPERM;
}

int libos_lookup_unlink(struct libos_lookup* l, bool directory) {
    int ret;
    do
        ret = unlink_once(l, directory);
    while (libos_lookup_again(l, &ret));
    return ret;
}

/* One of two lookups met a link: expand whichever has one. */
static bool again_two(struct libos_lookup* from, struct libos_lookup* to, int* ret) {
    if (*ret != -EWALK)
        return false;
    int links = from->links;
    if (!libos_lookup_again(from, ret))
        return false;
    if (from->links != links)
        return true;
    *ret = -EWALK;
    return libos_lookup_again(to, ret);
}

static int rename_once(struct libos_lookup* from, struct libos_lookup* to, unsigned int flags) {
    enum last_kind old_kind, new_kind;
    int ret = find_name(from, &old_kind);
    if (!ret)
        ret = find_name(to, &new_kind);
    if (ret)
        return ret;
    if (from->at.mount != to->at.mount)
        return -EXDEV;
    if (old_kind != LAST_NAME)
        return -EBUSY;
    if (new_kind != LAST_NAME)
        return flags & PAL_RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    if (from->at.mount->readonly)
        return libos_at_parent_check(&from->at) ?: libos_at_parent_check(&to->at) ?: -EROFS;
    if (!from->at.mount->ops->rename)
        return -EPERM;
    return from->at.mount->ops->rename(&from->at, &to->at, flags);
}

int libos_lookup_rename(struct libos_lookup* from, struct libos_lookup* to, unsigned int flags) {
    int ret;
    do
        ret = rename_once(from, to, flags);
    while (again_two(from, to, &ret));
    return ret;
}

static int link_once(struct libos_lookup* from, struct libos_lookup* to) {
    int ret = libos_lookup_step(from);
    if (ret)
        return ret;
    struct libos_stat st;
    if (*from->at.rel && (from->flags & LOOKUP_FOLLOW)) {
        ret = libos_at_stat(&from->at, &st);
        if (!ret && (st.mode & S_IFMT) == S_IFLNK)
            ret = -EWALK;
        if (ret)
            return ret;
    }
    ret = find_new(to);
    if (ret)
        return ret;
    if (from->at.mount != to->at.mount)
        return (ret = libos_at_stat(&from->at, &st)) ? ret : -EXDEV;
    const struct libos_fs_ops* ops = to->at.mount->ops;
    if (!*from->at.rel)
        return libos_file_type(from->at.base) == S_IFDIR || !ops->link_file
                   ? -EPERM
                   : ops->link_file(from->at.base, &to->at);
    return ops->link ? ops->link(&from->at, &to->at) : -EPERM;
}

int libos_lookup_link(struct libos_lookup* from, struct libos_lookup* to) {
    int ret;
    do
        ret = link_once(from, to);
    while (again_two(from, to, &ret));
    return ret;
}
