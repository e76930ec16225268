/*
 * Path lookup: from what the guest names to a mount, an open directory and a path below it.
 *
 * No component is looked at here unless it has to be: libos_lookup_step() only finds out by text
 * which mount the path leads into. Links are expanded when a file system meets one, in
 * libos_expand.c. ".." stays in the text for the file system to resolve (which sees whether the
 * component before it is a directory and no link), unless it leads out of the base or over a mount
 * point: then the directories it leaves are verified here, and taken out of the text.
 */
#include <linux/openat2.h>

#include "libos_fs_internal.h"
#include "libos_lookup.h"
#include "libos_process.h"

static struct libos_file* current_root(void) {
    struct libos_file* root = __atomic_load_n(&get_cur_thread()->fs->root, __ATOMIC_ACQUIRE);
    return root == g_root_mount->root ? root : libos_lookup_take(libos_fs_get_root());
}

static int start_base(struct libos_lookup* l, int dirfd) {
    char* s = l->buf;
    l->dirfd = dirfd;
    if (*s == '/') {
        while (*s == '/')
            s++;
        l->text = s;
        l->base = current_root();
        return 0;
    }
    l->text = s;
    if (dirfd == AT_FDCWD) {
        l->base = libos_lookup_take(libos_fs_get_cwd());
        return 0;
    }
    l->base = libos_lookup_take(libos_fd_get(dirfd));
    return l->base ? 0 : -EBADF;
}

static void lookup_init(struct libos_lookup* l, unsigned int flags) {
    l->flags = flags;
    l->links = 0;
    l->retries = 0;
    l->last_is_link = false;
    l->resolve = 0;
    l->base = NULL;
    l->root = NULL;
}

int libos_lookup_start(struct libos_lookup* l, int dirfd, const char* path, unsigned int flags) {
    lookup_init(l, flags);
    size_t len = strlen(path);
    if (len >= sizeof(l->buf))
        return -ENAMETOOLONG;
    if (!len && !(flags & LOOKUP_EMPTY))
        return -ENOENT;
    memcpy(l->buf, path, len + 1);
    return start_base(l, dirfd);
}

int libos_lookup_start_user(struct libos_lookup* l, int dirfd, const char* upath,
                            unsigned int flags) {
    lookup_init(l, flags);
    long len = user_copy_string(l->buf, upath, sizeof(l->buf));
    if (len < 0)
        return len;
    if ((size_t)len >= sizeof(l->buf))
        return -ENAMETOOLONG;
    if (!len && !(flags & LOOKUP_EMPTY))
        return -ENOENT;
    return start_base(l, dirfd);
}

void libos_lookup_end(struct libos_lookup* l) {
    libos_lookup_drop(l->base);
    libos_lookup_drop(l->root);
    l->base = l->root = NULL;
}

struct libos_file* libos_lookup_root(struct libos_lookup* l) {
    if (!l->root)
        l->root = current_root();
    return l->root;
}

void libos_lookup_set_base(struct libos_lookup* l, struct libos_file* base) {
    libos_lookup_keep(base);
    libos_lookup_drop(l->base);
    l->base = base;
}

int libos_lookup_set_text(struct libos_lookup* l, const char* head, size_t head_len,
                          const char* middle, size_t middle_len, const char* tail) {
    size_t tail_len = strlen(tail);
    if (head_len + middle_len + tail_len + 1 > sizeof(l->buf))
        return -ENAMETOOLONG;
    memmove(l->buf, head, head_len); /* lies before the tail, so it may not overwrite it */
    memmove(l->buf + head_len + middle_len, tail, tail_len + 1);
    memcpy(l->buf + head_len, middle, middle_len);
    l->text = l->buf;
    while (*l->text == '/')
        l->text++;
    return 0;
}

int libos_lookup_base_name(struct libos_file* base, char* name, size_t size) {
    long len = libos_file_get_name(base, name, size);
    if (len < 0)
        return len;
    if ((size_t)len >= size)
        return -ENAMETOOLONG;
    static const char gone[] = " (deleted)";
    if ((size_t)len >= sizeof(gone) && strcmp(name + len - (sizeof(gone) - 1), gone) == 0)
        return -ENOENT;
    if (len == 1 && name[0] == '/')
        name[len = 0] = '\0';
    return len;
}

/* What of the text matters for finding the mount. */
struct scan {
    bool dotdot, leaves; /* has ".."; leads out of the base by it */
    bool mount_name;     /* a component is named like a mount point */
};

static struct scan scan_text(const char* s) {
    struct scan r = {false, false, false};
    int depth = 0;
    for (size_t n; s = libos_component(s, &n), n; s += n) {
        if (libos_is_dot(s, n))
            continue;
        if (libos_is_dotdot(s, n)) {
            r.dotdot = true;
            if (--depth < 0)
                r.leaves = true;
            continue;
        }
        depth++;
        if (!r.mount_name && libos_mount_named(s, n, depth))
            r.mount_name = true;
    }
    return r;
}

/* "x/.." at the end of a verified path: pops the last component. */
static size_t pop(char* path, size_t len, size_t floor) {
    while (len > floor && path[len - 1] != '/')
        len--;
    if (len > floor)
        len--;
    path[len] = '\0';
    return len;
}

static size_t root_name_len(struct libos_lookup* l) {
    struct libos_file* root = libos_lookup_root(l);
    if (root == g_root_mount->root)
        return 0;
    char name[PATH_MAX];
    int len = libos_lookup_base_name(root, name, sizeof(name));
    return len < 0 ? 0 : len;
}

/* Is path[0..len) a directory? A link there is expanded into l and -EAGAIN returned. */
static int verify_directory(struct libos_lookup* l, char* path, const char* tail) {
    const char* rest;
    struct libos_mount* m = libos_mount_entered("", path, &rest);
    if (!m) {
        m = g_root_mount;
        rest = path + 1;
    }
    l->at = (struct libos_at){m, m->root, rest};
    struct libos_stat st;
    int ret = libos_at_stat(&l->at, &st);
    if (!ret && (st.mode & S_IFMT) == S_IFDIR)
        return 0;
    if (!ret && (st.mode & S_IFMT) != S_IFLNK)
        return -ENOTDIR;
    if (ret && ret != -EWALK)
        return ret;
    ret = libos_expand_path(l, tail);
    return ret ? ret : -EAGAIN;
}

/* Take all ".." out of the text: it becomes a path below the real root. -EAGAIN: a link was
 * expanded on the way, start over. `path` is PATH_MAX of scratch. */
static __attribute__((noinline)) int normalise(struct libos_lookup* l) {
    char path[PATH_MAX];
    if (libos_file_type(l->base) != S_IFDIR)
        return -ENOTDIR;
    int ret = libos_lookup_base_name(l->base, path, sizeof(path));
    if (ret < 0)
        return ret;
    size_t len = ret, verified = ret, floor = MIN(root_name_len(l), len);
    const char* s = l->text;
    bool slash = false;
    for (size_t n; s = libos_component(s, &n), n; s += n) {
        slash = s[n] == '/' || libos_is_dot(s, n) || libos_is_dotdot(s, n);
        if (libos_is_dot(s, n))
            continue;
        if (libos_is_dotdot(s, n)) {
            if (len > verified && (ret = verify_directory(l, path, s)) < 0)
                return ret;
            verified = len = pop(path, len, floor);
            continue;
        }
        if (len + 1 + n + 2 > sizeof(path))
            return -ENAMETOOLONG;
        path[len++] = '/';
        memcpy(path + len, s, n);
        path[len += n] = '\0';
    }
    libos_lookup_set_base(l, g_root_mount->root);
    return libos_lookup_set_text(l, path, len, "/", slash ? 1 : 0, "");
}

static __attribute__((noinline)) int find_mount(struct libos_lookup* l) {
    const char* rest;
    struct libos_mount* m;
    if (l->base == g_root_mount->root) {
        m = libos_mount_entered("", l->text, &rest);
    } else {
        char name[PATH_MAX];
        int ret = libos_lookup_base_name(l->base, name, sizeof(name));
        if (ret < 0)
            return ret == -ENOENT ? 0 : ret;
        m = libos_mount_entered(name, l->text, &rest);
    }
    if (m)
        l->at = (struct libos_at){m, m->root, rest};
    return 0;
}

/* RESOLVE_IN_ROOT makes the start the root; with RESOLVE_BENEATH an absolute path is out of it. */
int libos_lookup_restrict(struct libos_lookup* l, uint64_t resolve) {
    l->resolve = resolve;
    l->start_mount = l->base->path ? l->base->path->mount : NULL;
    if (!(resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)))
        return 0;
    bool absolute = l->buf[0] == '/';
    if (absolute && (resolve & RESOLVE_BENEATH))
        return -EXDEV;
    if (absolute) {
        struct libos_file* start =
            l->dirfd == AT_FDCWD ? libos_fs_get_cwd() : libos_fd_get(l->dirfd);
        if (!start)
            return -EBADF;
        libos_lookup_drop(l->base);
        l->base = libos_lookup_take(start);
    }
    libos_lookup_keep(l->base);
    l->root = l->base;
    return 0;
}

static int step(struct libos_lookup* l);

int libos_lookup_step(struct libos_lookup* l) {
    if (l->resolve & RESOLVE_BENEATH) {
        struct scan s = scan_text(l->text);
        if (s.leaves)
            return -EXDEV;
    }
    int ret = step(l);
    if (!ret && (l->resolve & RESOLVE_NO_XDEV) && l->at.mount != l->start_mount)
        return -EXDEV;
    return ret;
}

static int step(struct libos_lookup* l) {
    for (;;) {
        struct libos_path* p = l->base->path;
        struct libos_mount* mount = p ? p->mount : NULL;
        /* A device has its mount's path but is no file of it: only directories lead further. */
        uint32_t type = l->base->mode_type;
        if (*l->text && (!mount || (type && type != S_IFDIR)))
            return -ENOTDIR;
        l->at = (struct libos_at){mount, l->base, l->text};
        struct scan s = scan_text(l->text);
        if (!s.leaves && !s.mount_name)
            return 0;
        if (!s.dotdot)
            return find_mount(l);
        int ret = normalise(l);
        if (ret && ret != -EAGAIN)
            return ret;
    }
}

bool libos_lookup_again(struct libos_lookup* l, int* ret) {
    if (*ret != -EWALK)
        return false;
    if (l->resolve & RESOLVE_NO_SYMLINKS) {
        *ret = -ELOOP;
        return false;
    }
    *ret = libos_expand(l);
    return *ret == 0;
}
