/*
 * The command line of culm-pal.
 *
 *   culm-pal [--manifest-fd N | --manifest FILE] [--libos FILE | --bare FILE] [--parent-fd N]
 *            [--entrypoint URI] [--log-level L] [--trap auto|sud|seccomp] -- ARGV...
 *
 * The PAL starts itself (PalProcessCreate) with --parent-fd, --entrypoint and --trap inherited: a
 * seccomp filter outlives exec. Options win over the manifest.
 */
#include "host_internal.h"

struct host_options g_options = {.manifest_fd = -1, .parent_fd = -1};
const char *g_image_option = "--libos", *g_image_path;

static long parse_fd(const char* option, const char* text) {
    const char* at = text;
    PAL_NUM n = host_parse_number(&at);
    if (!*text || *at || n > INT32_MAX)
        host_die(HOST_START_FAILED, "option %s wants a descriptor number, not '%s'", option, text);
    return n;
}

static void set_option(const char* name, const char* value) {
    if (!strcmp(name, "--manifest"))
        g_options.manifest = value;
    else if (!strcmp(name, "--manifest-fd"))
        g_options.manifest_fd = parse_fd(name, value);
    else if (!strcmp(name, "--parent-fd"))
        g_options.parent_fd = parse_fd(name, value);
    else if (!strcmp(name, "--libos") || !strcmp(name, "--bare")) {
        g_image_option = name;
        g_image_path = value;
    } else if (!strcmp(name, "--log-level"))
        g_options.log_level = value;
    else if (!strcmp(name, "--entrypoint"))
        g_options.entrypoint = value;
    else if (!strcmp(name, "--trap"))
        g_options.trap = value;
    else
        host_die(HOST_START_FAILED,
                 "unknown option %s; usage: culm-pal [--manifest FILE] [--libos FILE] -- ARGV...",
                 name);
}

/* Returns the guest's argv: what follows "--". */
char** host_parse_options(char** argv) {
    static char* none[] = {NULL};
    for (argv++; *argv; argv += 2) {
        if (!strcmp(*argv, "--"))
            return argv + 1;
        if (strncmp(*argv, "--", 2) != 0)
            host_die(HOST_START_FAILED,
                     "unexpected argument '%s': the program's arguments go behind --", *argv);
        if (!argv[1])
            host_die(HOST_START_FAILED, "option %s wants a value", *argv);
        set_option(argv[0], argv[1]);
    }
    return none;
}

static const char* const g_log_names[] = {"none", "error", "warning", "debug", "trace", "all"};

static void apply_log_level(void) {
    const char* text = g_options.log_level;
    g_control.log_level = PAL_LOG_ERROR;
    if (!text)
        return;
    for (int i = 0; i <= PAL_LOG_ALL; i++) {
        if (!strcmp(text, g_log_names[i]) || (text[0] == '0' + i && !text[1])) {
            g_control.log_level = i;
            return;
        }
    }
    host_die(HOST_START_FAILED, "unknown log level '%s': none, error, warning, debug, trace or all",
             text);
}

static void apply_trap(const char* text) {
    if (!text)
        return;
    if (!strcmp(text, "seccomp"))
        g_trap_kind = TRAP_SECCOMP;
    else if (!strcmp(text, "inherited"))
        g_trap_kind = TRAP_INHERITED;
    else if (strcmp(text, "sud") != 0 && strcmp(text, "auto") != 0)
        host_die(HOST_START_FAILED, "unknown trap '%s': auto, sud or seccomp", text);
}

void host_apply_options(void) {
    apply_log_level();
    apply_trap(g_options.trap);
    if (g_options.entrypoint)
        g_control.executable = g_options.entrypoint;
}
