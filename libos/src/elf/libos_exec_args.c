/*
 * Collecting argument and environment strings, within Linux's limits: a string of at most 128 KiB,
 * all of them with their pointers a quarter of RLIMIT_STACK, but at least 128 KiB and at most 6
 * MiB.
 */
#include "elf_internal.h"
#include "libos_process.h"

int exec_args_init(struct exec_args* a) {
    uint64_t limit = libos_rlimit(RLIMIT_STACK) / 4;
    limit = MIN(limit, 6UL << 20);
    *a = (struct exec_args){.limit = MAX(limit, (uint64_t)MAX_ARG_STRLEN)};
    a->capacity = 8192;
    a->buf = libos_malloc(a->capacity);
    return a->buf ? 0 : -ENOMEM;
}

void exec_args_free(struct exec_args* a) {
    libos_free(a->buf);
    a->buf = NULL;
}

static int grow(struct exec_args* a, size_t need) {
    size_t capacity = a->capacity;
    while (capacity - a->used < need) {
        capacity *= 2;
    }
    if (capacity == a->capacity) {
        return 0;
    }
    char* buf = libos_realloc(a->buf, capacity);
    if (!buf) {
        return -ENOMEM;
    }
    a->buf = buf;
    a->capacity = capacity;
    return 0;
}

/* One string to the end of the buffer. */
static int add_string(struct exec_args* a, const char* s, bool user) {
    size_t len;
    if (!user) {
        len = strlen(s);
        if (len >= MAX_ARG_STRLEN) {
            return -E2BIG;
        }
        if (grow(a, len + 1) < 0) {
            return -ENOMEM;
        }
        memcpy(a->buf + a->used, s, len + 1);
    } else {
        for (size_t room = 1024;; room *= 2) {
            if (grow(a, room) < 0) {
                return -ENOMEM;
            }
            size_t max = MIN(a->capacity - a->used, (size_t)MAX_ARG_STRLEN);
            long n = user_copy_string(a->buf + a->used, s, max);
            if (n < 0) {
                return -EFAULT;
            }
            if ((size_t)n < max) {
                len = (size_t)n;
                break;
            }
            if (max == MAX_ARG_STRLEN) {
                return -E2BIG;
            }
        }
    }
    a->used += len + 1;
    size_t pointers = (MAX(a->argc, 1UL) + a->envc) * sizeof(char*);
    return a->used + pointers > a->limit ? -E2BIG : 0;
}

int exec_args_add(struct exec_args* a, const char* const* vector, bool user, bool is_env) {
    size_t* count = is_env ? &a->envc : &a->argc;
    for (size_t i = 0; vector; i++) {
        const char* s;
        if (user) {
            if (user_get(s, &vector[i]) < 0) {
                return -EFAULT;
            }
        } else {
            s = vector[i];
        }
        if (!s) {
            break;
        }
        ++*count;
        int ret = add_string(a, s, user);
        if (ret < 0) {
            return ret;
        }
    }
    if (!is_env) {
        if (!a->argc) { /* Linux 5.18: a program always has an argv[0] */
            a->argc = 1;
            int ret = add_string(a, "", false);
            if (ret < 0) {
                return ret;
            }
        }
        a->arg_size = a->used;
    }
    return 0;
}

int exec_args_prepend(struct exec_args* a, const char* interp, const char* arg,
                      const char* script) {
    const char* strings[3] = {interp, arg ? arg : script, arg ? script : NULL};
    size_t dropped = strlen(a->buf) + 1, added = 0, count = arg ? 3 : 2;
    for (size_t i = 0; i < count; i++) {
        added += strlen(strings[i]) + 1;
    }
    if (added > dropped && grow(a, added - dropped) < 0) {
        return -ENOMEM;
    }
    memmove(a->buf + added, a->buf + dropped, a->used - dropped);
    char* to = a->buf;
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(strings[i]) + 1;
        memcpy(to, strings[i], size);
        to += size;
    }
    a->used += added - dropped;
    a->arg_size += added - dropped;
    a->argc += count - 1;
    size_t pointers = (a->argc + a->envc) * sizeof(char*);
    return a->used + pointers > a->limit ? -E2BIG : 0;
}
