/*
 * culm run: its options, the guest's environment, and the order of what is done.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "culm.h"

extern char** environ;

enum option {
    OPT_VOLUME,
    OPT_NET,
    OPT_ENV,
    OPT_CLEAR_ENV,
    OPT_USER,
    OPT_MANIFEST,
    OPT_STRACE,
    OPT_STATS,
    OPT_CWD,
    OPT_HOSTNAME,
    OPT_LOG_LEVEL,
    OPT_LOG_FILE,
    OPT_PRINT_MANIFEST,
    OPT_HELP,
};

enum argument { NO_ARGUMENT, ARGUMENT, MAYBE_ARGUMENT /* only as --name=value */ };

static const struct {
    const char* name;
    char letter;
    uint8_t argument; /* enum argument */
    uint8_t option;   /* enum option */
} options[] = {
    {"volume", 'v', ARGUMENT, OPT_VOLUME},
    {"net", 0, ARGUMENT, OPT_NET},
    {"env", 'e', ARGUMENT, OPT_ENV},
    {"clear-env", 0, NO_ARGUMENT, OPT_CLEAR_ENV},
    {"user", 'u', ARGUMENT, OPT_USER},
    {"manifest", 0, ARGUMENT, OPT_MANIFEST},
    {"strace", 0, MAYBE_ARGUMENT, OPT_STRACE},
    {"stats", 0, NO_ARGUMENT, OPT_STATS},
    {"cwd", 'w', ARGUMENT, OPT_CWD},
    {"hostname", 0, ARGUMENT, OPT_HOSTNAME},
    {"log-level", 0, ARGUMENT, OPT_LOG_LEVEL},
    {"log-file", 0, ARGUMENT, OPT_LOG_FILE},
    {"print-manifest", 0, NO_ARGUMENT, OPT_PRINT_MANIFEST},
    {"help", 'h', NO_ARGUMENT, OPT_HELP},
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static int64_t parse_id(const char* text, const char** end) {
    uint64_t id = 0;
    const char* s = text;
    for (; *s >= '0' && *s <= '9' && id < UINT32_MAX; s++)
        id = id * 10 + (uint64_t)(*s - '0');
    *end = s;
    return s == text || id >= UINT32_MAX ? -1 : (int64_t)id;
}

/* UID[:GID]; the group is the user's number if it is not given. */
static void set_user(struct run* run, const char* text) {
    const char* end;
    run->uid = run->gid = parse_id(text, &end);
    if (run->uid >= 0 && *end == ':')
        run->gid = parse_id(end + 1, &end);
    if (run->uid < 0 || run->gid < 0 || *end)
        die(STATUS_USAGE, "--user %s: must be UID or UID:GID, as numbers", text);
}

static void one_of(const char* option, const char* value, const char* const* names) {
    for (size_t i = 0; names[i]; i++)
        if (!strcmp(names[i], value))
            return;
    char list[128] = "";
    for (size_t i = 0; names[i]; i++) {
        strlcat(list, i ? ", " : "", sizeof(list));
        strlcat(list, names[i], sizeof(list));
    }
    die(STATUS_USAGE, "%s %s: must be one of %s", option, value, list);
}

static void apply(struct run* run, enum option option, char* value) {
    static const char* const nets[] = {"host", "none", NULL};
    static const char* const levels[] = {"none", "error", "warning", "debug", "trace", "all", NULL};
    switch (option) {
        case OPT_VOLUME:
            add_volume(run, value);
            break;
        case OPT_NET:
            one_of("--net", value, nets);
            run->net_none = *value == 'n';
            break;
        case OPT_ENV:
            if (!*value || *value == '=')
                die(STATUS_USAGE, "--env %s: must be NAME=VALUE, or NAME to pass the host's",
                    value);
            run->env[run->env_count++] = value;
            break;
        case OPT_CLEAR_ENV:
            run->clear_env = true;
            break;
        case OPT_USER:
            set_user(run, value);
            break;
        case OPT_MANIFEST:
            run->manifest_file = value;
            break;
        case OPT_STRACE:
            run->strace = value ? value : "";
            break;
        case OPT_STATS:
            run->stats = true;
            break;
        case OPT_CWD:
            if (*value != '/')
                die(STATUS_USAGE, "--cwd %s: must be an absolute path of the guest", value);
            run->guest_cwd = value;
            break;
        case OPT_HOSTNAME:
            if (!*value || strlen(value) > 64)
                die(STATUS_USAGE, "--hostname %s: must have 1 to 64 characters", value);
            run->hostname = value;
            break;
        case OPT_LOG_LEVEL:
            one_of("--log-level", value, levels);
            run->log_level = value;
            break;
        case OPT_LOG_FILE:
            run->log_file = value;
            break;
        case OPT_PRINT_MANIFEST:
            run->print_manifest = true;
            break;
        case OPT_HELP:
            write_all(1, run_usage, strlen(run_usage));
            _exit(0);
    }
}

/* One option at argv[i]; returns how many words it took. */
static int take_option(struct run* run, char** argv, int i) {
    const char* word = argv[i];
    bool is_long = word[1] == '-';
    const char* name = word + 1 + is_long;
    char* equals = is_long ? strchr(name, '=') : NULL;
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    for (size_t k = 0; k < OPTION_COUNT; k++) {
        if (is_long
                ? strlen(options[k].name) != length || memcmp(options[k].name, name, length) != 0
                : options[k].letter != name[0])
            continue;
        char* value = equals ? equals + 1 : NULL;
        if (!is_long && name[1]) /* -vVALUE */
            value = argv[i] + 2;
        if (value && options[k].argument == NO_ARGUMENT)
            die(STATUS_USAGE, "%s: takes no value", word);
        bool next = !value && options[k].argument == ARGUMENT;
        if (next && !argv[i + 1])
            die(STATUS_USAGE, "%s: its value is missing (see culm run --help)", word);
        apply(run, options[k].option, next ? argv[i + 1] : value);
        return 1 + next;
    }
    die(STATUS_USAGE, "no option '%s' (see culm run --help)", word);
}

static size_t name_length(const char* variable) {
    const char* equals = strchr(variable, '=');
    return equals ? (size_t)(equals - variable) : strlen(variable);
}

static bool same_name(const char* a, const char* b) {
    size_t length = name_length(a);
    return length == name_length(b) && !memcmp(a, b, length);
}

/* The host's environment unless --clear-env, then each --env over it. */
static void make_environment(struct run* run) {
    size_t count = 0;
    if (!run->env_count && !run->clear_env) {
        run->environment = environ;
        return;
    }
    for (char** e = environ; *e; e++)
        count++;
    char** out = malloc((count + run->env_count + 1) * sizeof(*out));
    if (!out)
        die(STATUS_USAGE, "out of memory");
    size_t used = 0;
    for (char** e = environ; *e && !run->clear_env; e++)
        out[used++] = *e;
    for (size_t i = 0; i < run->env_count; i++) {
        const char* entry = run->env[i];
        if (!strchr(entry, '=')) {
            for (char** e = environ; *e; e++)
                if (same_name(*e, entry))
                    entry = *e;
            if (entry == run->env[i])
                continue; /* the host has none to pass */
        }
        size_t at = 0;
        while (at < used && !same_name(out[at], entry))
            at++;
        out[at] = (char*)entry;
        used += at == used;
    }
    out[used] = NULL;
    run->environment = out;
}

static void check_combination(const struct run* run, char** rest) {
    if (!run->manifest_file) {
        if (!rest[0])
            die(STATUS_USAGE, "a program to run is missing: culm run [options] PROGRAM [ARG...]");
        return;
    }
    const char* clash = run->mount_count ? "--volume"
                        : run->net_none  ? "--net"
                        : run->uid >= 0  ? "--user"
                        : run->guest_cwd ? "--cwd"
                        : run->hostname  ? "--hostname"
                                         : NULL;
    if (clash)
        die(STATUS_USAGE, "%s cannot be given with --manifest: say it in the manifest", clash);
}

int command_run(int argc, char** argv) {
    static struct run run = {.uid = -1, .gid = -1};
    const char* env[argc + 1];
    run.env = env;
    int i = 1;
    if (!getcwd(run.host_cwd, sizeof(run.host_cwd)) || run.host_cwd[0] != '/')
        run.host_cwd[0] = 0;
    while (i < argc && argv[i][0] == '-' && argv[i][1]) {
        if (!strcmp(argv[i], "--")) {
            i++;
            break;
        }
        i += take_option(&run, argv, i);
    }
    check_combination(&run, argv + i);
    make_environment(&run);
    const char* text;
    size_t length;
    if (run.manifest_file) {
        run.argv = argv + i - 1; /* argv[0] becomes the entry point */
        text = read_manifest(&run, &length);
        run.argv[0] = run.entrypoint;
    } else {
        run.argv = argv + i;
        run.program = argv[i];
        if (!*run.program)
            die(STATUS_NOT_FOUND, "the program's name is empty");
        add_default_mounts(&run);
        find_program(&run);
        text = make_manifest(&run, &length);
    }
    if (run.print_manifest) {
        write_all(1, text, length);
        return 0;
    }
    return monitor(&run, text, length);
}
