/*
 * /proc/self/mounts and mountinfo.
 */
#include "proc_internal.h"

/* Space, tab, newline, backslash and '#' as \ooo, as the kernel prints them. */
static void put_escaped(struct libos_text* out, const char* s) {
    for (; *s; s++) {
        if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\' || *s == '#')
            libos_text_printf(out, "\\%03o", (unsigned char)*s);
        else
            libos_text_append(out, s, 1);
    }
}

static const char* path_of(const struct libos_mount* m) {
    return m->path[0] ? m->path : "/";
}

static const char* source_of(const struct libos_mount* m) {
    if (!m->source || !m->source[0])
        return "none";
    return strncmp(m->source, "file:", 5) == 0 ? m->source + 5 : m->source;
}

/* The pseudo file systems share their code; each is known by its source. */
static const char* type_of(const struct libos_mount* m) {
    return m->source && strcmp(m->ops->name, "pseudo") == 0 ? m->source : m->ops->name;
}

static bool show_mount(void* arg, struct libos_mount* m) {
    struct libos_text* out = arg;
    put_escaped(out, source_of(m));
    text_literal(out, " ");
    put_escaped(out, path_of(m));
    libos_text_printf(out, " %s %s,relatime 0 0\n", type_of(m), m->readonly ? "ro" : "rw");
    return true;
}

PROC_SHOW(proc_show_mounts) {
    (void)at;
    libos_mount_for_each(show_mount, out);
    return 0;
}

static bool show_stats(void* arg, struct libos_mount* m) {
    struct libos_text* out = arg;
    text_literal(out, "device ");
    put_escaped(out, source_of(m));
    text_literal(out, " mounted on ");
    put_escaped(out, path_of(m));
    libos_text_printf(out, " with fstype %s\n", type_of(m));
    return true;
}

PROC_SHOW(proc_show_mountstats) {
    (void)at;
    libos_mount_for_each(show_stats, out);
    return 0;
}

/* ---- mountinfo ------------------------------------------------------------------------------- */

struct parent_search {
    const struct libos_mount* child;
    const struct libos_mount* best;
};

static bool look_for_parent(void* arg, struct libos_mount* m) {
    struct parent_search* s = arg;
    if (m == s->child)
        return false; /* mounts that came later cannot be below it */
    size_t n = m->path_len;
    bool above = n <= s->child->path_len && memcmp(m->path, s->child->path, n) == 0 &&
                 (n == 0 || s->child->path[n] == '/' || s->child->path[n] == '\0');
    if (above && (!s->best || n >= s->best->path_len))
        s->best = m;
    return true;
}

static bool show_info(void* arg, struct libos_mount* m) {
    struct libos_text* out = arg;
    struct parent_search s = {.child = m};
    libos_mount_for_each(look_for_parent, &s);
    struct libos_stat st = {.dev = m->dev};
    if (m->root && !st.dev && libos_file_stat(m->root, &st) < 0)
        st.dev = 0;
    const char* rw = m->readonly ? "ro" : "rw";
    libos_text_printf(out, "%u %u %llu:%llu / ", m->id, s.best ? s.best->id : 0,
                      (unsigned long long)(st.dev >> 8 & 0xfff),
                      (unsigned long long)((st.dev & 0xff) | (st.dev >> 12 & 0xfff00)));
    put_escaped(out, path_of(m));
    libos_text_printf(out, " %s,relatime - %s ", rw, type_of(m));
    put_escaped(out, source_of(m));
    libos_text_printf(out, " %s\n", rw);
    return true;
}

PROC_SHOW(proc_show_mountinfo) {
    (void)at;
    libos_mount_for_each(show_info, out);
    return 0;
}
