/*
 * TOML strings of all four kinds. The end is found first, so that the decoded text, which is never
 * longer than its source, needs one allocation.
 */
#include "toml_internal.h"

size_t toml_utf8_length(const char* s, const char* end) {
    const uint8_t* b = (const uint8_t*)s;
    size_t left = (size_t)(end - s);
    if (!left)
        return 0;
    if (b[0] < 0x80)
        return 1;
    if (b[0] < 0xC2 || b[0] > 0xF4)
        return 0;
    size_t length = b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : 4;
    if (left < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((b[i] & 0xC0) != 0x80)
            return 0;
    if ((b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xED && b[1] > 0x9F) ||
        (b[0] == 0xF0 && b[1] < 0x90) || (b[0] == 0xF4 && b[1] > 0x8F))
        return 0; /* overlong, surrogate, or beyond U+10FFFF */
    return length;
}

static bool is_newline(const char* s, const char* end) {
    return *s == '\n' || (*s == '\r' && s + 1 < end && s[1] == '\n');
}

/* The closing quotes of the string whose content begins at s; NULL if it has none. */
static const char* find_end(const char* s, const char* end, char quote, bool multiline) {
    while (s < end) {
        if (*s == '\\' && quote == '"') {
            if (end - s < 2)
                return NULL;
            s += 2;
            continue;
        }
        if (*s == quote) {
            if (!multiline)
                return s;
            size_t run = 1;
            while (run < 5 && s + run < end && s[run] == quote)
                run++;
            if (run >= 3)
                return s + run - 3; /* up to two quotes may stand right before the closing three */
            s += run;
            continue;
        }
        if (*s == '\n' && !multiline)
            return NULL;
        s++;
    }
    return NULL;
}

static size_t encode_utf8(char* out, uint32_t code) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* At the backslash of \uXXXX or \UXXXXXXXX; the string ends at `end`. */
static bool decode_unicode(struct toml_parser* p, const char* end, char** out) {
    size_t digits = p->at[1] == 'u' ? 4 : 8;
    uint32_t code = 0;
    for (size_t i = 0; i < digits; i++) {
        const char* s = p->at + 2 + i;
        int digit = -1;
        if (s < end) {
            if (*s >= '0' && *s <= '9')
                digit = *s - '0';
            else if ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'f')
                digit = (*s | 0x20) - 'a' + 10;
        }
        if (digit < 0)
            return toml_fail(p, p->at,
                             digits == 4 ? "\\u needs 4 hexadecimal digits"
                                         : "\\U needs 8 hexadecimal digits",
                             NULL, 0);
        code = code << 4 | (uint32_t)digit;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return toml_fail(p, p->at, "not a Unicode character: ", p->at, 2 + digits);
    *out += encode_utf8(*out, code);
    p->at += 2 + digits;
    return true;
}

/* At a backslash that may end its line: skips to the next visible character. False if it does not
 * end its line; nothing is skipped then. */
static bool skip_line_end(struct toml_parser* p, const char* end) {
    const char* s = p->at + 1;
    while (s < end && (*s == ' ' || *s == '\t'))
        s++;
    if (s >= end || !is_newline(s, end))
        return false;
    while (s < end) {
        if (*s == ' ' || *s == '\t') {
            s++;
        } else if (is_newline(s, end)) {
            s += *s == '\r' ? 2 : 1;
            toml_newline(p, s);
        } else {
            break;
        }
    }
    p->at = s;
    return true;
}

static bool decode_escape(struct toml_parser* p, const char* end, bool multiline, char** out) {
    static const char names[] = "btnfr\"\\";
    static const char codes[] = "\b\t\n\f\r\"\\";
    char c = p->at[1]; /* there: the string's end is the quote behind every escape */
    if (c == 'u' || c == 'U')
        return decode_unicode(p, end, out);
    for (size_t i = 0; i < sizeof(names) - 1; i++) {
        if (names[i] == c) {
            *(*out)++ = codes[i];
            p->at += 2;
            return true;
        }
    }
    if (multiline && skip_line_end(p, end))
        return true;
    size_t length = toml_utf8_length(p->at + 1, end);
    if (length && (uint8_t)c > ' ' && c != 0x7f)
        return toml_fail(p, p->at, "unknown escape ", p->at, 1 + length);
    return toml_fail(p, p->at, "a backslash must begin an escape", NULL, 0);
}

/* Text between the quotes: [p->at, end). */
static bool decode(struct toml_parser* p, const char* end, char quote, bool multiline, char* out,
                   size_t* length) {
    char* first = out;
    while (p->at < end) {
        uint8_t c = (uint8_t)*p->at;
        if (c == '\\' && quote == '"') {
            if (!decode_escape(p, end, multiline, &out))
                return false;
        } else if (multiline && is_newline(p->at, end)) {
            p->at += c == '\r' ? 2 : 1;
            *out++ = '\n';
            toml_newline(p, p->at);
        } else if ((c < ' ' && c != '\t') || c == 0x7f) {
            return toml_fail(p, p->at, "control character in a string (write it as \\uXXXX)", NULL,
                             0);
        } else {
            size_t size = toml_utf8_length(p->at, end);
            if (!size)
                return toml_fail(p, p->at, "not valid UTF-8", NULL, 0);
            for (; size; size--)
                *out++ = *p->at++;
        }
    }
    *out = 0;
    *length = (size_t)(out - first);
    return true;
}

bool toml_parse_string(struct toml_parser* p, bool allow_multiline, const char** text,
                       size_t* length) {
    const char* open = p->at;
    char quote = *open;
    bool multiline = p->end - open >= 3 && open[1] == quote && open[2] == quote;
    if (multiline && !allow_multiline)
        return toml_fail(p, open, "a key cannot be a multi-line string", NULL, 0);
    const char* content = open + (multiline ? 3 : 1);
    const char* end = find_end(content, p->end, quote, multiline);
    if (!end)
        return toml_fail(p, open,
                         multiline ? "string without its closing three quotes"
                                   : "string without its closing quote on the same line",
                         NULL, 0);
    p->at = content;
    if (multiline && p->at < end && is_newline(p->at, end)) {
        p->at += *p->at == '\r' ? 2 : 1;
        toml_newline(p, p->at);
    }
    char* out = toml_arena_alloc(p->arena, (size_t)(end - p->at) + 1);
    if (!out)
        return toml_fail_memory(p);
    *text = out;
    if (!decode(p, end, quote, multiline, out, length))
        return false;
    p->at = end + (multiline ? 3 : 1);
    return true;
}
