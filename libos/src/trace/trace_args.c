/*
 * Arguments of system calls as text. User memory is read with the usual copies: a bad pointer is
 * shown as a number.
 */
#include <linux/socket.h>
#include <linux/time_types.h>

#include "libos_process.h"
#include "trace.h"

#define STRING_MAX 64
#define AT_FDCWD_  -100

void trace_put(struct trace_line* line, const char* fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    size_t room = sizeof(line->text) - line->length;
    size_t len = vsnprintf(line->text + line->length, room, fmt, ap);
    va_end(ap);
    line->length += MIN(len, room - 1);
}

static void put_named(struct trace_line* line, const struct trace_name* names, uint64_t value) {
    for (; names->name; names++) {
        if (names->value == value) {
            trace_put(line, "%s", names->name);
            return;
        }
    }
    trace_put(line, "%#lx", (unsigned long)value);
}

/* "A|B|0x40"; zero: what none of the bits says. */
static void put_flags(struct trace_line* line, const struct trace_name* names, uint64_t value,
                      const char* zero) {
    const char* bar = "";
    if (!value || zero[0] == 'O') {
        trace_put(line, "%s", zero);
        bar = "|";
    }
    for (; names->name; names++) {
        if (names->value && (value & names->value) == names->value) {
            trace_put(line, "%s%s", bar, names->name);
            value &= ~names->value;
            bar = "|";
        }
    }
    if (value)
        trace_put(line, "%s%#lx", bar, (unsigned long)value);
}

static void put_quoted(struct trace_line* line, const unsigned char* s, size_t n, bool more) {
    trace_put(line, "\"");
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\n')
            trace_put(line, "\\n");
        else if (s[i] == '\t')
            trace_put(line, "\\t");
        else if (s[i] == '"' || s[i] == '\\')
            trace_put(line, "\\%c", s[i]);
        else if (s[i] < 32 || s[i] >= 127)
            trace_put(line, "\\x%02x", s[i]);
        else
            trace_put(line, "%c", s[i]);
    }
    trace_put(line, more ? "\"..." : "\"");
}

static void put_string(struct trace_line* line, uint64_t addr, size_t max) {
    char text[256];
    long len = addr ? user_copy_string(text, (const char*)addr, MIN(max, sizeof(text))) : -1;
    if (!addr)
        trace_put(line, "NULL");
    else if (len < 0)
        trace_put(line, "%#lx", (unsigned long)addr);
    else
        put_quoted(line, (unsigned char*)text, len, len == (long)max);
}

static void put_buffer(struct trace_line* line, uint64_t addr, uint64_t size) {
    unsigned char text[STRING_MAX];
    size_t n = MIN(size, sizeof(text));
    if (!addr || user_copy_from(text, (const void*)addr, n) < 0)
        trace_put(line, "%#lx", (unsigned long)addr);
    else
        put_quoted(line, text, n, size > n);
}

static void put_sigset(struct trace_line* line, uint64_t addr) {
    uint64_t set;
    if (!addr || user_copy_from(&set, (const void*)addr, sizeof(set)) < 0) {
        trace_put(line, addr ? "%#lx" : "NULL", (unsigned long)addr);
        return;
    }
    int members = 0;
    for (uint64_t rest = set; rest; rest &= rest - 1)
        members++;
    bool inverted = members > 40;
    trace_put(line, inverted ? "~[" : "[");
    const char* gap = "";
    for (int sig = 1; sig <= 64; sig++) {
        if (!!(set & (1ULL << (sig - 1))) == inverted)
            continue;
        const char* name = libos_signal_name(sig);
        if (name)
            trace_put(line, "%s%s", gap, name + 3);
        else
            trace_put(line, "%s%d", gap, sig);
        gap = " ";
    }
    trace_put(line, "]");
}

/* Both are two 64-bit words. */
static void put_time(struct trace_line* line, uint64_t addr, const char* fraction) {
    int64_t t[2];
    if (!addr || user_copy_from(t, (const void*)addr, sizeof(t)) < 0)
        trace_put(line, addr ? "%#lx" : "NULL", (unsigned long)addr);
    else
        trace_put(line, "{%ld, %ld%s}", (long)t[0], (long)t[1], fraction);
}

static void put_sockaddr(struct trace_line* line, uint64_t addr, uint64_t size) {
    uint8_t a[28];
    memset(a, 0, sizeof(a));
    if (!addr || user_copy_from(a, (const void*)addr, MIN(size, sizeof(a))) < 0) {
        trace_put(line, addr ? "%#lx" : "NULL", (unsigned long)addr);
        return;
    }
    unsigned family = a[0] | a[1] << 8, port = a[2] << 8 | a[3];
    trace_put(line, "{");
    put_named(line, trace_families, family);
    if (family == 2)
        trace_put(line, ", %u.%u.%u.%u:%u", a[4], a[5], a[6], a[7], port);
    else if (family == 10)
        trace_put(line, ", port %u", port);
    else if (family == 1 && size > 2) {
        trace_put(line, ", ");
        put_buffer(line, addr + 2, MIN(size - 2, 108));
    }
    trace_put(line, "}");
}

static void put_futex_op(struct trace_line* line, uint64_t op) {
    put_named(line, trace_futex, op & 0x7f);
    if (op & 0x80)
        trace_put(line, "|FUTEX_PRIVATE_FLAG");
    if (op & 0x100)
        trace_put(line, "|FUTEX_CLOCK_REALTIME");
}

static void put_open_flags(struct trace_line* line, uint64_t flags) {
    static const char* const modes[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    put_flags(line, trace_open_flags, flags & ~3UL, modes[flags & 3]);
}

static void put_fd_pair(struct trace_line* line, uint64_t addr, long result) {
    int fds[2];
    if (result != 0 || user_copy_from(fds, (const void*)addr, sizeof(fds)) < 0)
        trace_put(line, "%#lx", (unsigned long)addr);
    else
        trace_put(line, "[%d, %d]", fds[0], fds[1]);
}

static void put_signal(struct trace_line* line, int sig) {
    const char* name = libos_signal_name(sig);
    if (name)
        trace_put(line, "%s", name);
    else
        trace_put(line, "%d", sig);
}

static void put_number(struct trace_line* line, unsigned kind, uint64_t value) {
    if (kind == A_ATFD && (int)value == AT_FDCWD_)
        trace_put(line, "AT_FDCWD");
    else if (kind == A_INT || kind == A_FD || kind == A_ATFD || kind == A_PID)
        trace_put(line, "%d", (int)value);
    else if (kind == A_LONG)
        trace_put(line, "%ld", (long)value);
    else if (kind == A_UINT || kind == A_SIZE)
        trace_put(line, "%lu", (unsigned long)value);
    else if (kind == A_MODE)
        trace_put(line, "0%o", (unsigned)value);
    else if (kind == A_PTR && !value)
        trace_put(line, "NULL");
    else
        trace_put(line, "%#lx", (unsigned long)value);
}

void trace_arg(struct trace_line* line, unsigned kind, uint64_t value, uint64_t next, long result) {
    switch (kind) {
        case A_PATH:
            put_string(line, value, 255);
            break;
        case A_STR:
            put_string(line, value, STRING_MAX);
            break;
        case A_STROUT:
            put_string(line, result > 0 ? value : 0, STRING_MAX);
            break;
        case A_IN:
            put_buffer(line, value, next);
            break;
        case A_OUT:
            if (result >= 0)
                put_buffer(line, value, result);
            else
                trace_put(line, "%#lx", (unsigned long)value);
            break;
        case A_OPENFLAGS:
            put_open_flags(line, (uint32_t)value);
            break;
        case A_PROT:
            put_flags(line, trace_prot_flags, value, "PROT_NONE");
            break;
        case A_MAPFLAGS:
            put_flags(line, trace_map_flags, value, "0");
            break;
        case A_SIGNAL:
            put_signal(line, value);
            break;
        case A_SIGHOW:
            put_named(line, trace_sighow, (uint32_t)value);
            break;
        case A_SIGSET:
            put_sigset(line, value);
            break;
        case A_CLOCK:
            put_named(line, trace_clocks, (uint32_t)value);
            break;
        case A_TIMESPEC:
            put_time(line, value, " ns");
            break;
        case A_TIMEVAL:
            put_time(line, value, " us");
            break;
        case A_WHENCE:
            put_named(line, trace_whence, (uint32_t)value);
            break;
        case A_FCNTL:
            put_named(line, trace_fcntl, (uint32_t)value);
            break;
        case A_FUTEXOP:
            put_futex_op(line, (uint32_t)value);
            break;
        case A_FAMILY:
            put_named(line, trace_families, (uint32_t)value);
            break;
        case A_SOCKADDR:
            put_sockaddr(line, value, next);
            break;
        case A_FDPAIR:
            put_fd_pair(line, value, result);
            break;
        case A_RLIMIT:
            put_named(line, trace_rlimits, (uint32_t)value);
            break;
        case A_PRCTL:
            put_named(line, trace_prctl, (uint32_t)value);
            break;
        default:
            put_number(line, kind, value);
            break;
    }
}
