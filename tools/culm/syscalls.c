/*
 * culm syscalls: the LibOS's table of calls, whose rows are compiled into this command.
 */
#include <stdio.h>
#include <string.h>

#include "culm.h"

#ifdef HAVE_LIBOS_TABLE

#include "libos_table.h"

static const char* const status_names[] = {"absent", "partial", "full"};

static void print_text(const struct libos_call* call, int number) {
    printf("%4d %-24s %-8s%s%s\n", number, call->name, status_names[call->status],
           call->reason ? " " : "", call->reason ? call->reason : "");
}

static void print_json_string(const char* text) {
    if (!text) {
        fputs("null", stdout);
        return;
    }
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void print_json(const struct libos_call* call, int number, bool first) {
    printf("%s\n  {\"number\": %d, \"name\": \"%s\", \"status\": \"%s\", \"reason\": ",
           first ? "" : ",", number, call->name, status_names[call->status]);
    print_json_string(call->reason);
    fputs(", \"test\": ", stdout);
    print_json_string(call->test);
    putchar('}');
}

static void print_markdown(const struct libos_call* call, int number) {
    printf("| %d | `%s` | %s | %s | %s |\n", number, call->name, status_names[call->status],
           call->reason ? call->reason : "", call->test ? call->test : "");
}

int command_syscalls(int argc, char** argv) {
    const char* form = argc > 1 ? argv[1] : "";
    bool json = !strcmp(form, "--json"), markdown = !strcmp(form, "--markdown");
    unsigned counts[3] = {0};
    bool first = true;
    if (argc > 2 || (*form && !json && !markdown))
        die(STATUS_USAGE, "syscalls: takes --json or --markdown, not '%s'", argv[argc - 1]);
    if (json)
        putchar('[');
    if (markdown)
        puts("| number | call | status | what is missing | test |\n|---|---|---|---|---|");
    for (int i = 0; i < LIBOS_CALL_COUNT; i++) {
        const struct libos_call* call = &g_libos_calls[i];
        if (!call->name)
            continue;
        if (json)
            print_json(call, i, first);
        else if (markdown)
            print_markdown(call, i);
        else
            print_text(call, i);
        first = false;
        counts[call->status]++;
    }
    if (json)
        puts("\n]");
    else if (!markdown)
        printf("%u full, %u partial, %u absent\n", counts[2], counts[1], counts[0]);
    fflush(stdout);
    return ferror(stdout) ? STATUS_USAGE : 0;
}

#else

int command_syscalls(int argc, char** argv) {
    (void)argc;
    (void)argv;
    die(STATUS_USAGE, "syscalls: this build has no table of calls");
}

#endif
