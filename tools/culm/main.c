/*
 * culm COMMAND ...: picks the command; says what went wrong in one line.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "culm.h"

void write_all(int fd, const char* text, size_t length) {
    while (length) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        length -= (size_t)n;
    }
}

static void say(const char* format, va_list ap) {
    char line[1024] = "culm: ";
    size_t used = strlen(line);
    int n = vsnprintf(line + used, sizeof(line) - used - 1, format, ap);
    used = n < 0 ? used : strlen(line);
    line[used++] = '\n';
    write_all(2, line, used);
}

void warn(const char* format, ...) {
    va_list ap;
    va_start(ap, format);
    say(format, ap);
    va_end(ap);
}

void die(int status, const char* format, ...) {
    va_list ap;
    va_start(ap, format);
    say(format, ap);
    va_end(ap);
    _exit(status);
}

static int command_version(int argc, char** argv) {
    (void)argc;
    (void)argv;
    static const char text[] = "culm " CULM_VERSION "\n";
    write_all(1, text, sizeof(text) - 1);
    return 0;
}

int main(int argc, char** argv) {
    static const struct {
        const char* name;
        int (*run)(int argc, char** argv);
    } commands[] = {
        {"run", command_run},         {"check", command_check},
        {"doctor", command_doctor},   {"syscalls", command_syscalls},
        {"version", command_version}, {"--version", command_version},
        {"help", command_help},       {"--help", command_help},
        {"-h", command_help},
    };
    if (argc < 2)
        die(STATUS_USAGE, "a command is missing: try `culm run PROGRAM` or `culm help`");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    die(STATUS_USAGE, "no command '%s': there are run, check, doctor, syscalls, version, help",
        argv[1]);
}
