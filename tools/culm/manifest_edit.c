/*
 * What `culm run --manifest` adds to a manifest's text: keys for its options, and the mount of the
 * program interpreter that older templates take for granted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "culm.h"
#include "manifest.h"

static void* take_piece(void* arg, size_t size) {
    (void)arg;
    return malloc(size);
}

static void drop_piece(void* arg, void* piece, size_t size) {
    (void)arg;
    (void)size;
    free(piece);
}

const toml_memory_t heap_memory = {take_piece, drop_piece, NULL};

/* Where a line may be added to a table: behind its [header] if it has one, else at the beginning.
 */
static const char* place_for(const char* text, const char* end, const toml_table_t* root,
                             const char* table) {
    const toml_table_t* found = toml_get_table(root, table);
    const char* s = text;
    for (uint32_t line = 1; found && line < toml_table_line(found); line++) {
        s = memchr(s, '\n', (size_t)(end - s));
        if (!s)
            return text;
        s++;
    }
    size_t length = strlen(table);
    while (s < end && (*s == ' ' || *s == '\t'))
        s++;
    if (!found || end - s < (ptrdiff_t)length + 2 || *s++ != '[')
        return text;
    s += strspn(s, " \t");
    if (strncmp(s, table, length) != 0 || !strchr(" \t]", s[length]))
        return text;
    s = memchr(s, '\n', (size_t)(end - s));
    return s ? s + 1 : text;
}

/* The text with `key = value` (TOML) added to a table, where it was not set. */
static char* add_line(const struct run* run, char* text, size_t* length, const char* table,
                      const char* key, const char* value) {
    toml_error_t error;
    size_t size = *length + strlen(table) + strlen(key) + strlen(value) + 16;
    char* out = malloc(size);
    toml_table_t* root = toml_parse(text, *length, &heap_memory, &error);
    if (!out || !root)
        die(STATUS_USAGE, "manifest %s: out of memory", run->manifest_file);
    const char* place = place_for(text, text + *length, root, table);
    size_t before = (size_t)(place - text);
    memcpy(out, text, before);
    int added = place == text
                    ? snprintf(out + before, size - before, "%s.%s = %s\n", table, key, value)
                    : snprintf(out + before, size - before, "%s = %s\n", key, value);
    memcpy(out + before + added, place, *length - before);
    toml_free(root);
    *length += (size_t)added;
    root = toml_parse(out, *length, &heap_memory, &error);
    if (!root)
        die(STATUS_USAGE, "%s: %s.%s cannot be added by an option: %s", run->manifest_file, table,
            key, error.message);
    toml_free(root);
    free(text);
    return out;
}

/* A TOML literal string; a path with a quote or a newline in it is refused. */
static const char* literal(const char* value, char* out, size_t size) {
    if (strpbrk(value, "'\n\r\t") || snprintf(out, size, "'%s'", value) >= (int)size)
        die(STATUS_USAGE, "with --manifest, an option cannot hold this value: %s", value);
    return out;
}

char* add_options(const struct run* run, char* text, size_t* length) {
    char value[4096];
    if (run->strace)
        text = add_line(run, text, length, "sys", "culm__strace",
                        literal(run->strace, value, sizeof(value)));
    if (run->stats)
        text = add_line(run, text, length, "sys", "culm__stats", "true");
    if (run->log_level)
        text = add_line(run, text, length, "loader", "log_level",
                        literal(run->log_level, value, sizeof(value)));
    if (run->log_file)
        text = add_line(run, text, length, "loader", "log_file",
                        literal(run->log_file, value, sizeof(value)));
    return text;
}

static bool is_below(const char* path, const char* top, const char** rest) {
    size_t length = strlen(top);
    while (length && top[length - 1] == '/')
        length--;
    *rest = path + length;
    return !strncmp(path, top, length) && (!path[length] || path[length] == '/');
}

/* Whether the mounts show a file at this guest path. */
static bool is_shown(const toml_table_t* root, const char* path) {
    struct manifest_mount mount;
    bool shown = false;
    for (size_t i = 0; manifest_mount_at(root, i, &mount); i++) {
        const char* rest;
        char host[4096];
        if (!is_below(path, mount.path, &rest))
            continue;
        shown = !strncmp(mount.uri ? mount.uri : "", "file:", 5) &&
                snprintf(host, sizeof(host), "%s%s", mount.uri + 5, rest) < (int)sizeof(host) &&
                access(host, F_OK) == 0;
    }
    return shown;
}

/* Templates mount the C library's directory at /lib and expect its program interpreter to be found
 * there, whatever path the programs name. It gets a mount of its own where that path is empty. */
char* add_interpreter(const struct run* run, const toml_table_t* root, char* text, size_t* length) {
    static const char guest[] = "/lib64/ld-linux-x86-64.so.2";
    struct manifest_mount mount;
    char host[2048], value[4096];
    if (is_shown(root, guest))
        return text;
    for (size_t i = 1; manifest_mount_at(root, i, &mount); i++) {
        if (!mount.uri || strncmp(mount.uri, "file:", 5) != 0 || strpbrk(mount.uri, "'\n\r\t") ||
            snprintf(host, sizeof(host), "%s/%s", mount.uri + 5, strrchr(guest, '/') + 1) >=
                (int)sizeof(host) ||
            access(host, X_OK) < 0)
            continue;
        snprintf(value, sizeof(value), "{ path = '%s', uri = 'file:%s' }", guest, host);
        return add_line(run, text, length, "fs", "mount.culm-interpreter", value);
    }
    return text;
}
