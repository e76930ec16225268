/*
 * The mounts: which there are, and which of them a path leads into. The list is made once by
 * libos_fs_init() and only read afterwards, without a lock.
 */
#include "libos_fs_internal.h"
#include "libos_mount.h"

static struct list_node g_mounts = LIST_INIT(g_mounts);
struct libos_mount* g_root_mount;
static uint32_t g_last_id = 20;  /* mount ids as Linux shows them start somewhere */
static uint64_t g_last_dev = 40; /* anonymous device numbers: major 0 */
static int g_deepest;            /* depth of the deepest mount point */
static uint64_t g_name_filter;   /* bit per (length, first character) of mount points' last names */
static uint64_t g_name_filter2;  /* the same per (first, last character) */

void libos_mount_for_each(bool (*fn)(void* arg, struct libos_mount* m), void* arg) {
    list_for_each(m, &g_mounts, struct libos_mount, node) {
        if (!fn(arg, m))
            return;
    }
}

/* ---- finding ----------------------------------------------------------------------------------
 */

static uint64_t filter_bit(const char* name, size_t len) {
    return 1ULL << (((unsigned char)name[0] * 7 + len) % 64);
}
static uint64_t filter_bit2(const char* name, size_t len) {
    return 1ULL << (((unsigned char)name[len - 1] * 5 + (unsigned char)name[0]) % 64);
}

bool libos_mount_named(const char* name, size_t len, int depth) {
    if (depth > g_deepest || !(g_name_filter & filter_bit(name, len)) ||
        !(g_name_filter2 & filter_bit2(name, len)))
        return false;
    list_for_each(m, &g_mounts, struct libos_mount, node) {
        if (m->last_len == len && m->depth >= depth && memcmp(m->last, name, len) == 0)
            return true;
    }
    return false;
}

/* Does text begin with the components of `path` ("/a/b")? Returns what follows, or NULL. */
static const char* text_below(const char* text, const char* path) {
    size_t n, want;
    while (path = libos_component(path, &want), want) {
        do {
            text = libos_component(text, &n);
            if (!libos_is_dot(text, n))
                break;
            text += n;
        } while (n);
        if (n != want || memcmp(text, path, n) != 0)
            return NULL;
        text += n;
        path += want;
    }
    return text;
}

struct libos_mount* libos_mount_entered(const char* prefix, const char* text, const char** rest) {
    size_t prefix_len = strlen(prefix);
    struct libos_mount* best = NULL;
    list_for_each(m, &g_mounts, struct libos_mount, node) {
        if (m->path_len <= prefix_len || memcmp(m->path, prefix, prefix_len) != 0 ||
            m->path[prefix_len] != '/' || (best && best->path_len > m->path_len))
            continue;
        const char* after = text_below(text, m->path + prefix_len);
        if (!after)
            continue;
        /* A slash behind a mounted file must still be seen: "file/" is ENOTDIR. */
        bool slash = *after == '/';
        while (*after == '/')
            after++;
        best = m;
        *rest = !*after && slash && m->is_file ? "." : after;
    }
    return best;
}

struct libos_mount* libos_mount_of(const char* path, size_t len) {
    struct libos_mount* best = g_root_mount;
    list_for_each(m, &g_mounts, struct libos_mount, node) {
        if (m->path_len >= best->path_len && m->path_len <= len &&
            memcmp(m->path, path, m->path_len) == 0 &&
            (m->path_len == len || path[m->path_len] == '/'))
            best = m;
    }
    return best;
}

struct libos_mount* libos_mount_virtual_child(const char* dir, uint32_t after_id) {
    size_t len = strlen(dir);
    list_for_each(m, &g_mounts, struct libos_mount, node) {
        if (m->virtual_name && m->id > after_id && m->path_len == len + 1 + m->last_len &&
            memcmp(m->path, dir, len) == 0)
            return m;
    }
    return NULL;
}

/* ---- making -----------------------------------------------------------------------------------
 */

struct libos_mount* libos_mount_create(const char* path, const char* source, bool readonly) {
    struct libos_mount* m = libos_calloc(1, sizeof(*m));
    if (!m)
        return NULL;
    size_t len = strlen(path);
    while (len && path[len - 1] == '/')
        len--;
    m->path = libos_malloc(len + 1);
    m->source = libos_strdup(source);
    if (!m->path || !m->source) {
        libos_free(m->path);
        libos_free(m->source);
        libos_free(m);
        return NULL;
    }
    memcpy(m->path, path, len);
    m->path[len] = '\0';
    m->path_len = len;
    const char* slash = strrchr(m->path, '/');
    m->last = slash ? slash + 1 : m->path;
    m->last_len = strlen(m->last);
    for (const char* s = m->path; *s; s++)
        m->depth += *s == '/';
    m->readonly = readonly;
    m->plain.mount = m;
    m->plain.shared = true;
    m->id = ++g_last_id;
    m->dev = ++g_last_dev;
    list_init(&m->node);
    return m;
}

/* A mount hides those made before it at or below its place. */
void libos_mount_add(struct libos_mount* m) {
    list_for_each_safe(old, &g_mounts, struct libos_mount, node) {
        if (old->path_len >= m->path_len && memcmp(old->path, m->path, m->path_len) == 0 &&
            (old->path_len == m->path_len || old->path[m->path_len] == '/'))
            list_del(&old->node);
    }
    list_add_tail(&g_mounts, &m->node);
    if (!m->path_len) {
        g_root_mount = m;
    } else {
        g_deepest = MAX(g_deepest, m->depth);
        g_name_filter |= filter_bit(m->last, m->last_len);
        g_name_filter2 |= filter_bit2(m->last, m->last_len);
    }
}

void libos_mount_free(struct libos_mount* m) {
    libos_free(m->path);
    libos_free(m->source);
    libos_free(m);
}
