/*
 * URIs of streams. Addresses are numbers only: names are the LibOS's and its guests' business.
 * RFC 4291 section 2.2 (text of IPv6 addresses), RFC 5952 (the one way to print them).
 */
#include "culm_printf.h"
#include "culm_string.h"
#include "uri.h"

static const struct {
    const char* name;
    enum uri_scheme scheme;
} g_schemes[] = {
    {"file", URI_FILE},       {"dir", URI_DIR},           {"dev", URI_DEV},
    {"pipe", URI_PIPE},       {"pipe.srv", URI_PIPE_SRV}, {"tcp", URI_TCP},
    {"tcp.srv", URI_TCP_SRV}, {"udp", URI_UDP},           {"udp.srv", URI_UDP_SRV},
    {"eventfd", URI_EVENTFD},
};

enum uri_scheme pal_uri_parse(PAL_STR uri, PAL_STR* rest) {
    const char* colon = uri ? strchr(uri, ':') : NULL;
    if (!colon)
        return URI_BAD;
    size_t length = colon - uri;
    for (size_t i = 0; i < sizeof(g_schemes) / sizeof(g_schemes[0]); i++) {
        if (strlen(g_schemes[i].name) == length && memcmp(g_schemes[i].name, uri, length) == 0) {
            *rest = colon + 1;
            return g_schemes[i].scheme;
        }
    }
    return URI_BAD;
}

/* Decimal number up to `max` without sign or leading zeros; moves *text behind it. -1: none. */
static int parse_number(PAL_STR* text, int max) {
    const char* p = *text;
    if (*p < '0' || *p > '9' || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
        return -1;
    int value = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (*p - '0');
        if (value > max)
            return -1;
    }
    *text = p;
    return value;
}

static bool parse_v4(PAL_STR* text, uint8_t bytes[4]) {
    const char* p = *text;
    for (int i = 0; i < 4; i++) {
        if (i && *p++ != '.')
            return false;
        int value = parse_number(&p, 255);
        if (value < 0)
            return false;
        bytes[i] = value;
    }
    *text = p;
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One group of one to four hexadecimal digits. */
static int parse_group(PAL_STR* text) {
    const char* p = *text;
    int value = 0;
    while (p - *text < 4 && hex_digit(*p) >= 0)
        value = value << 4 | hex_digit(*p++);
    if (p == *text || hex_digit(*p) >= 0)
        return -1;
    *text = p;
    return value;
}

static bool parse_v6(PAL_STR* text, uint8_t bytes[16]) {
    const char* p = *text;
    size_t filled = 0;
    ptrdiff_t gap = -1; /* where `::` stands, in bytes */
    if (p[0] == ':') {
        if (p[1] != ':')
            return false;
        gap = 0;
        p += 2;
    }
    while (filled < 16 && *p != ']') {
        const char* group_start = p;
        int group = parse_group(&p);
        if (group < 0)
            return false;
        if (*p == '.') { /* the last 32 bits in IPv4 notation */
            p = group_start;
            if (filled > 12 || !parse_v4(&p, bytes + filled))
                return false;
            filled += 4;
            break;
        }
        bytes[filled++] = group >> 8;
        bytes[filled++] = group & 0xff;
        if (*p != ':')
            break;
        p++;
        if (*p == ':') {
            if (gap >= 0)
                return false;
            gap = filled;
            p++;
        } else if (*p == ']') {
            return false; /* a colon must be followed by a group */
        }
    }
    if (gap >= 0) {
        if (filled == 16)
            return false;
        size_t tail = filled - gap;
        memmove(bytes + 16 - tail, bytes + gap, tail);
        memset(bytes + gap, 0, 16 - filled);
    } else if (filled != 16) {
        return false;
    }
    *text = p;
    return true;
}

int pal_uri_parse_addr(PAL_STR text, struct uri_addr* addr) {
    memset(addr, 0, sizeof(*addr));
    addr->v6 = *text == '[';
    if (addr->v6) {
        text++;
        if (!parse_v6(&text, addr->bytes) || *text++ != ']')
            return PAL_ERROR_INVAL;
    } else if (!parse_v4(&text, addr->bytes)) {
        return PAL_ERROR_INVAL;
    }
    if (*text++ != ':')
        return PAL_ERROR_INVAL;
    int port = parse_number(&text, 65535);
    if (port < 0 || *text)
        return PAL_ERROR_INVAL;
    addr->port = port;
    return 0;
}

static size_t format_v6(const uint8_t bytes[16], char* text) {
    uint16_t groups[8];
    for (int i = 0; i < 8; i++)
        groups[i] = bytes[2 * i] << 8 | bytes[2 * i + 1];
    int best = -1, best_length = 1; /* the first longest run of two or more zero groups */
    for (int i = 0; i < 8;) {
        int end = i;
        while (end < 8 && !groups[end])
            end++;
        if (end - i > best_length) {
            best = i;
            best_length = end - i;
        }
        i = end > i ? end : i + 1;
    }
    size_t length = 0;
    for (int i = 0; i < 8;) {
        if (i == best) {
            text[length++] = ':';
            text[length++] = ':';
            i += best_length;
            continue;
        }
        if (i && i != best + best_length) /* without a run the right side is 0 */
            text[length++] = ':';
        length += snprintf(text + length, 5, "%x", groups[i++]);
    }
    return length;
}

size_t pal_uri_format_addr(const struct uri_addr* addr, char text[URI_ADDR_TEXT]) {
    const uint8_t* b = addr->bytes;
    if (!addr->v6)
        return snprintf(text, URI_ADDR_TEXT, "%u.%u.%u.%u:%u", b[0], b[1], b[2], b[3], addr->port);
    size_t length = 0;
    text[length++] = '[';
    length += format_v6(b, text + length);
    return length + snprintf(text + length, URI_ADDR_TEXT - length, "]:%u", addr->port);
}
