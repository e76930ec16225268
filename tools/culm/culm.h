/*
 * The culm command: what its files share. It runs outside, as an ordinary program: it writes the
 * manifest of a run, starts the PAL with it and stays as its monitor. Start-up time counts: no
 * stdio, no heap and few pages on the way to the PAL.
 */
#ifndef CULM_COMMAND_H
#define CULM_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "toml.h"

#define CULM_VERSION "0.1.0"

/* Exit codes of its own, as env(1) and the shells have them. */
enum {
    STATUS_USAGE = 125, /* culm itself failed: bad option, bad manifest, no PAL */
    STATUS_NOT_EXECUTABLE = 126,
    STATUS_NOT_FOUND = 127,
};

#define MAX_MOUNTS 256

struct mount {
    const char* host;  /* absolute host path; NULL: a tmpfs */
    const char* guest; /* absolute, without a slash at its end but for "/" */
    bool readonly;
};

struct run {
    /* as given */
    const char* manifest_file; /* NULL: generate one */
    const char* program;
    char** argv;           /* of the guest: [0] is the program as typed */
    const char* guest_cwd; /* NULL: the host's, if the guest has it */
    const char* hostname;
    const char* log_level;
    const char* log_file;
    const char* strace; /* NULL: no; "": standard error; else a host file */
    bool stats, net_none, print_manifest, clear_env;
    const char** env; /* NAME=VALUE or NAME, env_count of them */
    size_t env_count;
    int64_t uid, gid; /* -1: the caller's */
    struct mount mounts[MAX_MOUNTS];
    size_t mount_count;
    /* found out */
    char host_cwd[4096]; /* "" if it cannot be told */
    char** environment;  /* of the guest */
    char entrypoint[4096];
};

/* main.c */
/* One line on standard error, "culm: " before it; exits with the status. */
__attribute__((noreturn, format(printf, 2, 3))) void die(int status, const char* format, ...);
void warn(const char* format, ...) __attribute__((format(printf, 1, 2)));
void write_all(int fd, const char* text, size_t length);

/* run.c */
int command_run(int argc, char** argv);

/* search.c */
/* Fills run->entrypoint, or dies with 126 or 127 and one line. */
void find_program(struct run* run);

/* mounts.c */
/* HOST:GUEST[:ro|rw] */
void add_volume(struct run* run, char* option);
/* The mounts that no option asked for, before those that were. */
void add_default_mounts(struct run* run);
/* Host path behind a guest path (symbolic links of the guest are not followed). False: none. */
bool host_path(const struct run* run, const char* guest, char* host, size_t size);
/* The guest's working directory as a guest path. */
const char* start_directory(const struct run* run);

/* manifest_text.c */
/* The manifest of a run without --manifest; lasts for the program's life. */
const char* make_manifest(const struct run* run, size_t* length);

/* manifest_file.c */
/* Text of --manifest FILE, checked; dies with one line per fault. */
const char* read_manifest(struct run* run, size_t* length);
int command_check(int argc, char** argv);

/* manifest_edit.c: both return the new text and free the old. */
char* add_options(const struct run* run, char* text, size_t* length);
char* add_interpreter(const struct run* run, const toml_table_t* root, char* text, size_t* length);
extern const toml_memory_t heap_memory;

/* monitor.c */
/* Starts the PAL and stays until it ends. Returns the guest's status as a shell gives it. */
int monitor(struct run* run, const char* manifest, size_t length);

/* doctor.c, syscalls.c, help.c */
int command_doctor(int argc, char** argv);
int command_syscalls(int argc, char** argv);
int command_help(int argc, char** argv);
extern const char run_usage[];

#endif /* CULM_COMMAND_H */
