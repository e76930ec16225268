/*
 * Messages for people. Each is one line, written with one host call.
 */
#include "libos_internal.h"
#include "libos_process.h"

#define LOG_LINE_MAX 1024

bool g_error_said;

void libos_log(int level, const char* fmt, ...) {
    static const char* const names[] = {"", "error", "warning", "debug", "trace", "trace"};
    if (level == PAL_LOG_ERROR)
        g_error_said = true;
    if (level > g_pal_control->log_level)
        return;
    char line[LOG_LINE_MAX];
    const char* name = names[level < (int)ARRAY_SIZE(names) ? level : 0];
    int len;
    if (level >= PAL_LOG_DEBUG)
        len = snprintf(line, sizeof(line), "culm: [%d:%d] %s: ", cur_process()->pid,
                       get_cur_thread() ? get_cur_thread()->tid : 0, name);
    else
        len = snprintf(line, sizeof(line), "culm: %s: ", name);
    va_list ap;
    va_start(ap, fmt);
    len += vsnprintf(line + len, sizeof(line) - len, fmt, ap);
    va_end(ap);
    if (len > (int)sizeof(line) - 2)
        len = sizeof(line) - 2;
    if (line[len - 1] != '\n')
        line[len++] = '\n';
    PAL_NUM size = len;
    PalDebugLog(line, &size);
}

void libos_bug(const char* file, int line, const char* what) {
    libos_log(PAL_LOG_ERROR, "internal error in %s:%d: %s; please report this", file, line, what);
    PalProcessKillSelf(SIGABRT);
}
