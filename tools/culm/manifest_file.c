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

/* Parsed and checked; dies with one line per fault. */
static toml_table_t* parse_checked(const char* name, const char* text, size_t length) {
    toml_error_t error;
    toml_table_t* root = toml_parse(text, length, &heap_memory, &error);
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
    text = add_interpreter(run, root, text, length);
    toml_free(root);
    return add_options(run, text, length);
}
