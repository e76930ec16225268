/*
 * culm run --manifest FILE: read, parsed and checked here, so that every fault is told with its
 * line before anything runs. The PAL gets the file's own text, with what options add in front.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static void tell(void* arg, bool is_error, uint32_t line, const char* text) {
    const char* file = arg;
    const char* kind = is_error ? "" : "warning: ";
    if (line)
        warn("%s:%u: %s%s", file, line, kind, text);
    else
        warn("%s: %s%s", file, kind, text);
}

static char* read_file(const char* path, size_t* length) {
    int fd = strcmp(path, "-") != 0 ? open(path, O_RDONLY | O_CLOEXEC) : dup(0);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        die(STATUS_USAGE, "manifest %s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        die(STATUS_USAGE, "manifest %s: is a directory", path);
    size_t size = 0, room = 0;
    char* text = NULL;
    for (;;) { /* also from a pipe, whose size no one knows */
        if (size == room) {
            room = room ? room * 2 : 16384;
            text = realloc(text, room);
            if (!text)
                die(STATUS_USAGE, "manifest %s: out of memory", path);
        }
        ssize_t n = read(fd, text + size, room - size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            die(STATUS_USAGE, "manifest %s: %s", path, strerror(errno));
        if (n == 0)
            break;
        size += (size_t)n;
        if (size > TOML_MAX_SIZE)
            die(STATUS_USAGE, "manifest %s: too large", path);
    }
    close(fd);
    *length = size;
    return text;
}

static void check_sources(const struct run* run, const toml_table_t* root) {
    struct manifest_mount mount;
    struct stat st;
    for (size_t i = 0; manifest_mount_at(root, i, &mount); i++) {
        const char* path =
            mount.uri && strcmp(mount.type, "tmpfs") != 0 ? strchr(mount.uri, ':') : NULL;
        if (!path || stat(path + 1, &st) == 0)
            continue;
        int error = errno;
        if (!strcmp(mount.uri, "dev:tty")) /* the terminal, by its name in older manifests */
            continue;
        die(STATUS_USAGE, "%s:%u: mount of %s: host path %s: %s", run->manifest_file, mount.line,
            mount.path, path + 1, strerror(error));
    }
}

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
    toml_memory_t memory = {take_piece, drop_piece, NULL};
    toml_error_t error;
    size_t size = *length + strlen(table) + strlen(key) + strlen(value) + 16;
    char* out = malloc(size);
    toml_table_t* root = toml_parse(text, *length, &memory, &error);
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
    root = toml_parse(out, *length, &memory, &error);
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

static char* add_options(const struct run* run, char* text, size_t* length) {
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

/* Parsed and checked; dies with one line per fault. */
static toml_table_t* parse_checked(const char* name, const char* text, size_t length) {
    toml_memory_t memory = {take_piece, drop_piece, NULL};
    toml_error_t error;
    toml_table_t* root = toml_parse(text, length, &memory, &error);
    if (!root)
        die(STATUS_USAGE, "%s:%u:%u: %s", name, error.line, error.column, error.message);
    if (manifest_check(root, true, tell, (void*)name))
        _exit(STATUS_USAGE);
    return root;
}

int command_check(int argc, char** argv) {
    const char* name = NULL;
    int i = 1;
    if (argc > 3 && !strcmp(argv[1], "--name")) {
        name = argv[2];
        i = 3;
    }
    if (i != argc - 1 || (argv[i][0] == '-' && argv[i][1]))
        die(STATUS_USAGE, "check: usage: culm check [--name NAME] FILE");
    size_t length;
    char* text = read_file(argv[i], &length);
    toml_free(parse_checked(name ? name : argv[i], text, length));
    free(text);
    return 0;
}

const char* read_manifest(struct run* run, size_t* length) {
    const char* file = run->manifest_file;
    char* text = read_file(file, length);
    toml_table_t* root = parse_checked(file, text, *length);
    check_sources(run, root);
    if (run->argv[1] && !manifest_bool(root, "loader.insecure__use_cmdline_argv", false))
        die(STATUS_USAGE,
            "%s: takes no arguments from the command line (loader.insecure__use_cmdline_argv)",
            file);
    const char* entry = manifest_string(root, "libos.entrypoint", "");
    if (strlcpy(run->entrypoint, entry, sizeof(run->entrypoint)) >= sizeof(run->entrypoint))
        die(STATUS_NOT_EXECUTABLE, "%s: %s", entry, strerror(ENAMETOOLONG));
    toml_free(root);
    return add_options(run, text, length);
}
