/*
 * What of the host a run without a manifest sees: the mounts that options ask for, the default
 * ones, and which host path lies behind a guest path.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "culm.h"

static void add_mount(struct run* run, size_t at, const char* host, const char* guest,
                      bool readonly) {
    if (run->mount_count == MAX_MOUNTS)
        die(STATUS_USAGE, "too many volumes: at most %d", MAX_MOUNTS - 3);
    memmove(&run->mounts[at + 1], &run->mounts[at],
            (run->mount_count - at) * sizeof(run->mounts[0]));
    run->mounts[at] = (struct mount){host, guest, readonly};
    run->mount_count++;
}

/* Removes "//", "." and a slash at the end; refuses "..". */
static bool clean_path(char* path) {
    char* out = path;
    const char* in = path;
    while (*in) {
        while (*in == '/')
            in++;
        size_t length = strcspn(in, "/");
        if (length == 2 && in[0] == '.' && in[1] == '.')
            return false;
        if (length && !(length == 1 && in[0] == '.')) {
            *out++ = '/';
            memmove(out, in, length);
            out += length;
        }
        in += length;
    }
    if (out == path)
        *out++ = '/';
    *out = 0;
    return true;
}

static const char* absolute(const struct run* run, const char* path) {
    if (*path == '/')
        return path;
    if (!run->host_cwd[0])
        die(STATUS_USAGE, "-v %s: the current directory cannot be told: %s", path,
            strerror(ENOENT));
    char* result;
    size_t size = strlen(run->host_cwd) + strlen(path) + 2;
    result = malloc(size);
    if (!result)
        die(STATUS_USAGE, "out of memory");
    snprintf(result, size, "%s/%s", run->host_cwd, path);
    return result;
}

void add_volume(struct run* run, char* option) {
    char* text = strdup(option);
    char* guest = text ? strchr(text, ':') : NULL;
    bool readonly = false;
    if (!guest || guest == text || guest[1] != '/')
        die(STATUS_USAGE, "-v %s: must be HOST:GUEST[:ro|rw], GUEST an absolute path", option);
    *guest++ = 0;
    char* mode = strrchr(guest, ':');
    if (mode) {
        *mode++ = 0;
        readonly = !strcmp(mode, "ro");
        if (!readonly && strcmp(mode, "rw") != 0)
            die(STATUS_USAGE, "-v %s: '%s' must be ro or rw", option, mode);
    }
    struct stat st;
    if (stat(text, &st) < 0)
        die(STATUS_USAGE, "-v %s: host path %s: %s", option, text, strerror(errno));
    if (!clean_path(guest))
        die(STATUS_USAGE, "-v %s: the guest's path must not have '..'", option);
    if (!strcmp(guest, "/") && !S_ISDIR(st.st_mode))
        die(STATUS_USAGE, "-v %s: the root must be a directory", option);
    add_mount(run, run->mount_count, absolute(run, text), guest, readonly);
}

static bool is_under(const char* path, const char* top) {
    size_t length = strlen(top);
    return !strncmp(path, top, length) && (!path[length] || path[length] == '/');
}

void add_default_mounts(struct run* run) {
    /* A volume over / hides all that was before it. */
    size_t root = run->mount_count;
    for (size_t i = 0; i < run->mount_count; i++)
        if (!strcmp(run->mounts[i].guest, "/"))
            root = i;
    if (root < run->mount_count) {
        run->mount_count -= root;
        memmove(run->mounts, run->mounts + root, run->mount_count * sizeof(run->mounts[0]));
        return;
    }
    size_t at = 0;
    add_mount(run, at++, "/", "/", true);
    add_mount(run, at++, NULL, "/tmp", false);
    const char* cwd = run->host_cwd;
    if (cwd[0] && strcmp(cwd, "/") != 0 && !is_under(cwd, "/proc") && !is_under(cwd, "/sys") &&
        !is_under(cwd, "/dev"))
        add_mount(run, at++, cwd, cwd, false);
}

bool host_path(const struct run* run, const char* guest, char* host, size_t size) {
    for (size_t i = run->mount_count; i-- > 0;) {
        const struct mount* m = &run->mounts[i];
        bool is_root = !strcmp(m->guest, "/");
        if (!is_root && !is_under(guest, m->guest))
            continue;
        if (!m->host)
            return false;
        const char* rest = is_root ? guest : guest + strlen(m->guest);
        const char* top = strcmp(m->host, "/") != 0 ? m->host : "";
        int n = snprintf(host, size, "%s%s", top, rest);
        return n > 0 && (size_t)n < size;
    }
    return false;
}

const char* start_directory(const struct run* run) {
    if (run->guest_cwd)
        return run->guest_cwd;
    /* The host's directory, where the guest has it under the same name. */
    char host[4096];
    if (run->host_cwd[0] && host_path(run, run->host_cwd, host, sizeof(host)) &&
        !strcmp(host, run->host_cwd))
        return run->host_cwd;
    return "/";
}
