/*
 * Finding the program as a shell would, in the guest's PATH and below the guest's mounts, so that
 * the common mistakes get a shell's message and exit code. The LibOS looks again for itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "culm.h"

static const char default_path[] = "/usr/local/bin:/usr/bin:/bin"; /* as execvp(3) without PATH */

/* 0 if this guest path can be run, else an errno. */
static int try_path(const struct run* run, const char* guest) {
    char full[8192], host[8192];
    struct stat st;
    if (*guest != '/') {
        const char* start = start_directory(run);
        if (snprintf(full, sizeof(full), "%s/%s", start, guest) >= (int)sizeof(full))
            return ENAMETOOLONG;
        guest = full;
    }
    if (!host_path(run, guest, host, sizeof(host)))
        return ENOENT;
    if (stat(host, &st) < 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (!S_ISREG(st.st_mode))
        return EACCES;
    if (faccessat(AT_FDCWD, host, X_OK, AT_EACCESS) < 0)
        return errno;
    int fd = open(host, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    char magic[4] = {0};
    ssize_t n = read(fd, magic, sizeof(magic));
    close(fd);
    bool is_elf = n == 4 && !memcmp(magic, "\177ELF", 4);
    return is_elf || (n >= 2 && magic[0] == '#' && magic[1] == '!') ? 0 : ENOEXEC;
}

static __attribute__((noreturn)) void fail(const char* program, int error) {
    switch (error) {
        case EISDIR:
            die(STATUS_NOT_EXECUTABLE, "%s: is a directory", program);
        case ENOEXEC:
            die(STATUS_NOT_EXECUTABLE, "%s: neither an ELF program nor a script with #!", program);
        case EACCES:
            die(STATUS_NOT_EXECUTABLE, "%s: permission denied (not executable)", program);
        case ENOENT:
            if (*program == '/' && access(program, F_OK) == 0)
                die(STATUS_NOT_FOUND,
                    "%s: no such file in the guest; the host has one: show its "
                    "directory with -v HOST:GUEST",
                    program);
            if (strchr(program, '/'))
                die(STATUS_NOT_FOUND, "%s: no such file in the guest", program);
            die(STATUS_NOT_FOUND, "%s: not found in the guest's PATH", program);
        default:
            die(error == ENOTDIR ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE, "%s: %s", program,
                strerror(error));
    }
}

static const char* guest_variable(const struct run* run, const char* name) {
    size_t length = strlen(name);
    for (char** e = run->environment; *e; e++)
        if (!strncmp(*e, name, length) && (*e)[length] == '=')
            return *e + length + 1;
    return NULL;
}

void find_program(struct run* run) {
    int error = ENOENT;
    if (strchr(run->program, '/')) {
        if (strlcpy(run->entrypoint, run->program, sizeof(run->entrypoint)) >=
            sizeof(run->entrypoint))
            fail(run->program, ENAMETOOLONG);
        error = try_path(run, run->program);
        if (error)
            fail(run->program, error);
        return;
    }
    const char* path = guest_variable(run, "PATH");
    for (const char* s = path ? path : default_path;; s++) {
        size_t length = strcspn(s, ":");
        const char* slash = length && s[length - 1] != '/' ? "/" : "";
        int n = snprintf(run->entrypoint, sizeof(run->entrypoint), "%.*s%s%s", (int)length, s,
                         length ? slash : "./", run->program);
        if (n > 0 && n < (int)sizeof(run->entrypoint)) {
            int found = try_path(run, run->entrypoint);
            if (!found)
                return;
            /* As in a shell: what is there but cannot run matters only if nothing else can. */
            if (found != ENOENT && found != ENOTDIR && error == ENOENT)
                error = found;
        }
        s += length;
        if (!*s)
            break;
    }
    fail(run->program, error);
}
