/*
 * Path lookup meets a symbolic link: find it and put its target in its place in the text.
 */
#include <linux/openat2.h>

#include "libos_lookup.h"

#define RETRIES 1000 /* of a path that somebody else keeps changing under us */

/* Is rel[0..len) below at->base a link? Its target goes to buf (PATH_MAX, terminated); or *magic is
 * set. Returns the length, -EINVAL: no link, or another error. rel is changed while we look. */
static long read_link(const struct libos_at* at, char* rel, size_t len, char* buf,
                      struct libos_file** magic) {
    struct libos_at part = {at->mount, at->base, rel};
    const struct libos_fs_ops* ops = at->mount->ops;
    char saved = rel[len];
    rel[len] = '\0';
    long ret = -EINVAL;
    *magic = NULL;
    if (ops->follow)
        ret = ops->follow(&part, magic);
    if (ret == -EINVAL && ops->readlink)
        ret = ops->readlink(&part, buf, PATH_MAX);
    rel[len] = saved;
    if (ret >= PATH_MAX)
        return -ENAMETOOLONG;
    if (ret > 0 || (ret == 0 && !*magic))
        buf[ret] = '\0';
    return ret;
}

/* The first link in rel: fills target or magic and the component's place. -EINVAL: there is none
 * (any more). */
static long first_link(const struct libos_at* at, char* rel, char* target,
                       struct libos_file** magic, size_t* start, size_t* end) {
    /* Mostly it is the last component, or the first one. */
    size_t len = strlen(rel);
    while (len && rel[len - 1] == '/')
        len--;
    if (!len)
        return -EINVAL;
    long ret = read_link(at, rel, len, target, magic);
    if (ret >= 0) {
        *end = len;
        while (len && rel[len - 1] != '/')
            len--;
        *start = len;
        return ret;
    }
    if (ret != -EWALK)
        return ret;
    const char* s = rel;
    for (size_t n; s = libos_component(s, &n), n; s += n) {
        if (libos_is_dot(s, n) || libos_is_dotdot(s, n))
            continue;
        *start = s - rel;
        *end = *start + n;
        ret = read_link(at, rel, *end, target, magic);
        if (ret != -EINVAL)
            return ret == -EWALK ? -EINVAL : ret; /* -EWALK: changed behind us */
    }
    return -EINVAL;
}

static int replace(struct libos_lookup* l, struct libos_file* base, const char* head,
                   size_t head_len, const char* target, size_t target_len, const char* tail,
                   struct libos_file* magic) {
    if (++l->links > LIBOS_LINK_MAX) {
        if (magic)
            libos_file_put(magic);
        return -ELOOP;
    }
    if (magic && (l->resolve & (RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT))) {
        libos_file_put(magic);
        return l->resolve & RESOLVE_NO_MAGICLINKS ? -ELOOP : -EXDEV;
    }
    if (magic) {
        libos_lookup_drop(l->base);
        l->base = libos_lookup_take(magic);
        return libos_lookup_set_text(l, "", 0, "", 0, tail);
    }
    if (!target_len)
        return -ENOENT;
    if (*target == '/' && (l->resolve & RESOLVE_BENEATH))
        return -EXDEV;
    if (*target == '/') {
        base = libos_lookup_root(l);
        head_len = 0;
    }
    libos_lookup_set_base(l, base);
    return libos_lookup_set_text(l, head, head_len, target, target_len, tail);
}

__attribute__((noinline)) int libos_expand(struct libos_lookup* l) {
    char target[PATH_MAX];
    struct libos_file* magic;
    struct libos_at at = l->at;
    char* rel = (char*)at.rel; /* it lies in l->buf */
    size_t start, end;
    if (!at.mount || !*rel || ++l->retries > RETRIES)
        return -ELOOP;
    long len = first_link(&at, rel, target, &magic, &start, &end);
    if (len == -EINVAL)
        return 0; /* gone by now */
    if (len < 0)
        return len;
    if (!rel[end] && !(l->flags & LOOKUP_FOLLOW)) {
        if (magic)
            libos_file_put(magic);
        if (l->flags & LOOKUP_NAME)
            return 0; /* not in the way: the name is what is made or removed */
        l->last_is_link = true;
        return -ELOOP;
    }
    return replace(l, at.base, rel, start, target, len, rel + end, magic);
}

__attribute__((noinline)) int libos_expand_path(struct libos_lookup* l, const char* tail) {
    char target[PATH_MAX];
    struct libos_file* magic;
    size_t start, end;
    struct libos_at at = l->at;
    char* rel = (char*)at.rel; /* the end of path */
    if (++l->retries > RETRIES)
        return -ELOOP;
    long len = first_link(&at, rel, target, &magic, &start, &end);
    if (len < 0)
        return len == -EINVAL ? 0 : len;
    /* What follows the link in path goes on before the tail. */
    char rest[PATH_MAX];
    size_t rest_len = strlcpy(rest, rel + end, sizeof(rest));
    if (rest_len + strlen(tail) + 2 > sizeof(rest))
        return -ENAMETOOLONG;
    rest[rest_len++] = '/';
    memcpy(rest + rest_len, tail, strlen(tail) + 1);
    return replace(l, at.base, rel, start, target, len, rest, magic);
}
