/*
 * Start of the LibOS: called by the PAL once, never returns.
 */
#include "libos_coord.h"
#include "libos_elf.h"
#include "libos_file.h"
#include "libos_init.h"
#include "libos_ipc.h"
#include "libos_mm.h"
#include "libos_proc_answer.h"
#include "libos_process.h"
#include "libos_uts.h"
#include "manifest.h"
#include "pal/entry.h"

PAL_CONTROL* g_pal_control;

/* In order: each may use what stands above it. */
static const struct {
    const char* what;
    int (*init)(void);
} g_steps[] = {
    {"memory", libos_mm_init},         {"coordination state", libos_coord_init},
    {"process", libos_process_init},   {"system-call entry", libos_arch_init},
    {"signals", libos_signal_init},    {"tracing", libos_trace_init},
    {"mocked calls", libos_mock_init}, {"system names", libos_uts_init},
    {"file systems", libos_fs_init},   {"questions of processes", libos_proc_answer_init},
    {"System V IPC", libos_ipc_init},  {"standard input and output", libos_stdio_init},
};

/* The control block comes from the PAL: refuse one that cannot be. */
static void check_control(const PAL_CONTROL* c) {
    bool sane = c->alloc_align == PAGE_SIZE && c->user_address.start < c->user_address.end &&
                c->libos_address.start < c->libos_address.end &&
                (c->user_address.end <= c->libos_address.start ||
                 c->libos_address.end <= c->user_address.start);
    if (!sane || !c->manifest_root) {
        log_error("the PAL's control block is %s", sane ? "without a manifest" : "not credible");
        PalProcessExit(LIBOS_START_FAILED);
    }
}

void libos_start(PAL_CONTROL* control) {
    g_pal_control = control;
    check_control(control);
    for (size_t i = 0; i < ARRAY_SIZE(g_steps); i++) {
        int ret = g_steps[i].init();
        if (ret < 0) {
            if (!g_error_said) /* one line is enough */
                log_error("start-up failed at: %s (error %d)", g_steps[i].what, -ret);
            PalProcessExit(LIBOS_START_FAILED);
        }
    }
    const char* program = manifest_string(control->manifest_root, "libos.entrypoint", NULL);
    if (!program) {
        log_error("the manifest has no libos.entrypoint: name the program to run");
        PalProcessExit(127);
    }
    char** argv = libos_start_argv(program);
    char** envp = libos_start_envp();
    if (!argv || !envp) {
        log_error("out of memory for the program's arguments");
        PalProcessExit(LIBOS_START_FAILED);
    }
    PalProcessExit(libos_exec_first(program, argv, envp));
}
