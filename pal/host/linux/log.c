/*
 * Messages for people: one line each, on standard error or the log.
 */
#include "host_internal.h"

#define LINE_MAX_ 1024

static void write_all(int fd, const char* text, size_t len) {
    while (len) {
        long n = host_syscall(__NR_write, fd, text, len);
        if (n <= 0 && n != -EINTR)
            return;
        text += n > 0 ? n : 0;
        len -= n > 0 ? n : 0;
    }
}

static int log_fd(void) {
    return g_control.log_handle ? host_handle(g_control.log_handle)->fd : 2;
}

/* "culm-pal: text\n" in one write; a longer text is cut. */
static void put_line(int fd, const char* fmt, va_list ap) {
    char line[LINE_MAX_] = "culm: ";
    size_t prefix = strlen(line);
    int n = vsnprintf(line + prefix, sizeof(line) - prefix - 1, fmt, ap);
    size_t len = prefix + (n < 0 ? 0 : (size_t)n);
    if (len > sizeof(line) - 2)
        len = sizeof(line) - 2;
    line[len] = '\n';
    write_all(fd, line, len + 1);
}

void host_log(int level, const char* fmt, ...) {
    if (level > g_control.log_level)
        return;
    va_list ap;
    va_start(ap, fmt);
    put_line(log_fd(), fmt, ap);
    va_end(ap);
}

_Noreturn void host_die(int status, const char* fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    put_line(2, fmt, ap);
    va_end(ap);
    PalProcessExit(status);
}

int PalDebugLog(const void* buffer, PAL_NUM* size) {
    if (!size)
        return PAL_ERROR_INVAL;
    int64_t n = host_result(host_syscall(__NR_write, log_fd(), buffer, *size));
    if (n < 0)
        return n;
    *size = n;
    return 0;
}
