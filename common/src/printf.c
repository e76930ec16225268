/*
 * Formatted output without a libc: see culm_printf.h for what is understood. Text goes out in
 * pieces through a callback; snprintf is one such callback over a buffer.
 */
#include "culm_printf.h"

#include <stdbool.h>
#include <stdint.h>

#include "culm_string.h"

struct spec {
    bool left, zero, plus, space, alt;
    int width;
    int precision; /* -1: none given */
    int size;      /* bytes of an integer argument */
};

struct out {
    culm_put_t put;
    void* arg;
    size_t total;
};

static void emit(struct out* out, const char* text, size_t len) {
    if (!len)
        return;
    out->put(out->arg, text, len);
    out->total += len;
}

static void pad(struct out* out, char c, int count) {
    char block[16];
    memset(block, c, sizeof(block));
    while (count > 0) {
        int n = count < (int)sizeof(block) ? count : (int)sizeof(block);
        emit(out, block, n);
        count -= n;
    }
}

static int parse_number(const char** fmt, va_list* ap) {
    if (**fmt == '*') {
        (*fmt)++;
        return va_arg(*ap, int);
    }
    int n = 0;
    while (**fmt >= '0' && **fmt <= '9' && n < 100000000)
        n = n * 10 + *(*fmt)++ - '0';
    return n;
}

static bool parse_flag(char c, struct spec* s) {
    switch (c) {
        case '-':
            s->left = true;
            return true;
        case '0':
            s->zero = true;
            return true;
        case '+':
            s->plus = true;
            return true;
        case ' ':
            s->space = true;
            return true;
        case '#':
            s->alt = true;
            return true;
        default:
            return false;
    }
}

static void parse_length(const char** fmt, struct spec* s) {
    s->size = sizeof(int);
    for (;; (*fmt)++) {
        switch (**fmt) {
            case 'h':
                s->size = s->size == sizeof(int) ? sizeof(short) : sizeof(char);
                break;
            case 'l':
            case 'z':
            case 'j':
            case 't':
                s->size = sizeof(long);
                break;
            default:
                return;
        }
    }
}

static const char* parse_spec(const char* fmt, struct spec* s, va_list* ap) {
    *s = (struct spec){.precision = -1};
    while (parse_flag(*fmt, s))
        fmt++;
    s->width = parse_number(&fmt, ap);
    if (s->width < 0) {
        s->left = true;
        s->width = -s->width;
    }
    if (*fmt == '.') {
        fmt++;
        s->precision = parse_number(&fmt, ap);
        if (s->precision < 0)
            s->precision = -1;
    }
    parse_length(&fmt, s);
    return fmt;
}

static uint64_t unsigned_arg(const struct spec* s, va_list* ap) {
    if (s->size == sizeof(long))
        return va_arg(*ap, unsigned long);
    unsigned int v = va_arg(*ap, unsigned int);
    return s->size == 1 ? (unsigned char)v : s->size == 2 ? (unsigned short)v : v;
}

static int64_t signed_arg(const struct spec* s, va_list* ap) {
    if (s->size == sizeof(long))
        return va_arg(*ap, long);
    int v = va_arg(*ap, int);
    return s->size == 1 ? (signed char)v : s->size == 2 ? (short)v : v;
}

static void put_padded(struct out* out, const struct spec* s, const char* text, int len) {
    if (!s->left)
        pad(out, ' ', s->width - len);
    emit(out, text, len);
    if (s->left)
        pad(out, ' ', s->width - len);
}

static void put_integer(struct out* out, const struct spec* s, uint64_t v, unsigned int base,
                        bool upper, const char* prefix) {
    const char* digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24];
    int at = sizeof(text);
    for (uint64_t rest = v; rest; rest /= base)
        text[--at] = digits[rest % base];
    int len = sizeof(text) - at;
    int zeros = (s->precision < 0 ? 1 : s->precision) - len;
    if (base == 8 && s->alt && zeros < 1)
        zeros = v ? 1 : zeros;
    if (zeros < 0)
        zeros = 0;
    int prefix_len = strlen(prefix);
    int used = prefix_len + zeros + len;
    if (s->zero && !s->left && s->precision < 0 && s->width > used) {
        zeros += s->width - used;
        used = s->width;
    }
    if (!s->left)
        pad(out, ' ', s->width - used);
    emit(out, prefix, prefix_len);
    pad(out, '0', zeros);
    emit(out, text + at, len);
    if (s->left)
        pad(out, ' ', s->width - used);
}

static void put_signed(struct out* out, const struct spec* s, int64_t v) {
    const char* sign = v < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";
    put_integer(out, s, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, false, sign);
}

static void put_hex(struct out* out, const struct spec* s, uint64_t v, bool upper) {
    put_integer(out, s, v, 16, upper, s->alt && v ? (upper ? "0X" : "0x") : "");
}

static void put_string(struct out* out, const struct spec* s, const char* text) {
    if (!text)
        text = "(null)";
    size_t len = s->precision >= 0 ? strnlen(text, s->precision) : strlen(text);
    put_padded(out, s, text, len);
}

/* False: not a conversion we know; the caller prints it as it stands. */
static bool convert(struct out* out, char c, const struct spec* s, va_list* ap) {
    char one;
    switch (c) {
        case 'd':
        case 'i':
            put_signed(out, s, signed_arg(s, ap));
            return true;
        case 'u':
            put_integer(out, s, unsigned_arg(s, ap), 10, false, "");
            return true;
        case 'o':
            put_integer(out, s, unsigned_arg(s, ap), 8, false, "");
            return true;
        case 'x':
        case 'X':
            put_hex(out, s, unsigned_arg(s, ap), c == 'X');
            return true;
        case 'p':
            put_integer(out, s, (uintptr_t)va_arg(*ap, void*), 16, false, "0x");
            return true;
        case 'c':
            one = va_arg(*ap, int);
            put_padded(out, s, &one, 1);
            return true;
        case 's':
            put_string(out, s, va_arg(*ap, const char*));
            return true;
        case '%':
            emit(out, "%", 1);
            return true;
        default:
            return false;
    }
}

int culm_vprintf(culm_put_t put, void* arg, const char* fmt, va_list ap) {
    struct out out = {put, arg, 0};
    va_list args;
    va_copy(args, ap);
    while (*fmt) {
        const char* start = fmt;
        while (*fmt && *fmt != '%')
            fmt++;
        emit(&out, start, fmt - start);
        if (!*fmt)
            break;
        start = fmt++;
        struct spec s;
        fmt = parse_spec(fmt, &s, &args);
        if (!convert(&out, *fmt, &s, &args)) {
            emit(&out, start, fmt - start);
            continue;
        }
        fmt++;
    }
    va_end(args);
    return out.total;
}

struct buffer {
    char* at;
    size_t left; /* room for text, without the terminator */
};

static void put_buffer(void* arg, const char* text, size_t len) {
    struct buffer* b = arg;
    size_t n = len < b->left ? len : b->left;
    memcpy(b->at, text, n);
    b->at += n;
    b->left -= n;
}

int vsnprintf(char* buf, size_t size, const char* fmt, va_list ap) {
    struct buffer b = {buf, size ? size - 1 : 0};
    int len = culm_vprintf(put_buffer, &b, fmt, ap);
    if (size)
        *b.at = '\0';
    return len;
}

int snprintf(char* buf, size_t size, const char* fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return len;
}
