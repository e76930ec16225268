/*
 * TOML integers, floats (checked and kept as text), dates and times.
 */
#include "toml_internal.h"

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int digit_of(char c) {
    if (is_digit(c))
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return 99;
}

/* `count` digits at s, all before end. -1 if they are not there. */
static int digits(const char* s, const char* end, int count) {
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (s + i >= end || !is_digit(s[i]))
            return -1;
        value = value * 10 + (s[i] - '0');
    }
    return value;
}

/* End of the word that stands at s. */
static const char* word_end(const char* s, const char* end) {
    while (s < end && ((uint8_t)*s >= 0x80 || digit_of(*s) < 99 || (*s >= 'A' && *s <= 'Z') ||
                       (*s >= 'a' && *s <= 'z') || *s == '+' || *s == '-' || *s == '.' ||
                       *s == ':' || *s == '_'))
        s++;
    return s;
}

static bool fail_word(struct toml_parser* p, const char* message) {
    const char* end = word_end(p->at, p->end);
    size_t length = (size_t)(end - p->at);
    return toml_fail(p, p->at, message, length ? p->at : NULL, length);
}

static int days_in_month(int year, int month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* YYYY-MM-DD. Moves *s behind it. */
static bool parse_date(const char** s, const char* end, toml_datetime_t* out) {
    int year = digits(*s, end, 4), month = digits(*s + 5, end, 2), day = digits(*s + 8, end, 2);
    if (year < 0 || month < 1 || day < 1 || (*s)[4] != '-' || (*s)[7] != '-')
        return false;
    if (month > 12 || day > days_in_month(year, month))
        return false;
    out->year = (uint16_t)year;
    out->month = (uint8_t)month;
    out->day = (uint8_t)day;
    *s += 10;
    return true;
}

/* HH:MM:SS[.fraction] */
static bool parse_time(const char** s, const char* end, toml_datetime_t* out) {
    int hour = digits(*s, end, 2), minute = digits(*s + 3, end, 2), second = digits(*s + 6, end, 2);
    if (hour < 0 || minute < 0 || second < 0 || (*s)[2] != ':' || (*s)[5] != ':')
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    out->hour = (uint8_t)hour;
    out->minute = (uint8_t)minute;
    out->second = (uint8_t)second;
    *s += 8;
    if (*s < end && **s == '.') {
        ++*s;
        if (*s >= end || !is_digit(**s))
            return false;
        uint32_t unit = 100000000;
        for (; *s < end && is_digit(**s); ++*s, unit /= 10)
            out->nanosecond += unit * (uint32_t)(**s - '0');
    }
    return true;
}

/* Z or +HH:MM. False if it is neither; *s stays where no offset begins. */
static bool parse_offset(const char** s, const char* end, toml_datetime_t* out) {
    if (**s == 'Z' || **s == 'z') {
        ++*s;
        return true;
    }
    int hour = digits(*s + 1, end, 2), minute = digits(*s + 4, end, 2);
    if (hour < 0 || minute < 0 || (*s)[3] != ':' || hour > 23 || minute > 59)
        return false;
    int offset = hour * 60 + minute;
    out->offset = (int16_t)(**s == '-' ? -offset : offset);
    *s += 6;
    return true;
}

static bool parse_datetime(struct toml_parser* p, toml_value_t* value) {
    toml_datetime_t parts = {0};
    const char* s = p->at;
    value->type = TOML_TIME_LOCAL;
    if (p->end - s > 4 && s[4] == '-') {
        value->type = TOML_DATE_LOCAL;
        if (!parse_date(&s, p->end, &parts))
            return fail_word(p, "not a date: ");
        if (p->end - s >= 3 &&
            (*s == 'T' || *s == 't' || (*s == ' ' && digits(s + 1, p->end, 2) >= 0))) {
            s++;
            value->type = TOML_DATETIME_LOCAL;
        }
    }
    if (value->type != TOML_DATE_LOCAL && !parse_time(&s, p->end, &parts))
        return fail_word(p, "not a time: ");
    if (value->type == TOML_DATETIME_LOCAL && s < p->end &&
        (*s == 'Z' || *s == 'z' || *s == '+' || *s == '-')) {
        if (!parse_offset(&s, p->end, &parts))
            return fail_word(p, "not a time offset: ");
        value->type = TOML_DATETIME;
    }
    if (word_end(s, p->end) != s)
        return fail_word(p, "not a date or time: ");
    toml_datetime_t* kept = toml_arena_alloc(p->arena, sizeof(*kept));
    if (!kept)
        return toml_fail_memory(p);
    *kept = parts;
    value->datetime = kept;
    p->at = s;
    return true;
}

/* 0x, 0o and 0b. */
static bool parse_prefixed(struct toml_parser* p, const char* end, toml_value_t* value) {
    char kind = p->at[1];
    int base = kind == 'x' ? 16 : kind == 'o' ? 8 : 2;
    uint64_t number = 0;
    bool after_digit = false;
    for (const char* s = p->at + 2; s < end; s++) {
        if (*s == '_') {
            if (!after_digit)
                return fail_word(p, "an underscore must stand between digits: ");
            after_digit = false;
            continue;
        }
        if (digit_of(*s) >= base)
            return fail_word(p, "not a number: ");
        number = number * (uint64_t)base + (uint64_t)digit_of(*s);
        if (number > INT64_MAX)
            return fail_word(p, "integer does not fit in 64 bits: ");
        after_digit = true;
    }
    if (!after_digit)
        return fail_word(p, "not a number: ");
    value->type = TOML_INT;
    value->integer = (int64_t)number;
    p->at = end;
    return true;
}

static bool parse_integer(struct toml_parser* p, const char* text, size_t length,
                          toml_value_t* value) {
    bool negative = *text == '-';
    size_t i = *text == '-' || *text == '+';
    uint64_t number = 0, limit = (uint64_t)INT64_MAX + negative;
    for (; i < length; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (number > (limit - digit) / 10)
            return fail_word(p, "integer does not fit in 64 bits: ");
        number = number * 10 + digit;
    }
    value->type = TOML_INT;
    value->integer = (int64_t)(negative ? -number : number);
    return true;
}

/* A run of digits with underscores between them, appended to *out. False if there is none. */
static bool take_digits(const char** s, const char* end, char** out) {
    if (*s >= end || !is_digit(**s))
        return false;
    while (*s < end) {
        if (**s == '_') {
            if (*s + 1 >= end || !is_digit((*s)[1]))
                return false;
        } else if (is_digit(**s)) {
            *(*out)++ = **s;
        } else {
            break;
        }
        ++*s;
    }
    return true;
}

/* Decimal integer, float, inf, nan: [p->at, end). */
static bool parse_decimal(struct toml_parser* p, const char* end, toml_value_t* value) {
    char* text = toml_arena_alloc(p->arena, (size_t)(end - p->at) + 1);
    if (!text)
        return toml_fail_memory(p);
    const char* s = p->at;
    char* out = text;
    bool is_float = false;
    if (*s == '+' || *s == '-')
        *out++ = *s++;
    if (end - s == 3 && (!memcmp(s, "inf", 3) || !memcmp(s, "nan", 3))) {
        memcpy(out, s, 3);
        out += 3;
        s = end;
        is_float = true;
    } else {
        if (s + 1 < end && *s == '0' && (is_digit(s[1]) || s[1] == '_'))
            return fail_word(p, "a number cannot begin with 0: ");
        if (!take_digits(&s, end, &out))
            return fail_word(p, "not a value: ");
        if (s < end && *s == '.') {
            is_float = true;
            *out++ = *s++;
            if (!take_digits(&s, end, &out))
                return fail_word(p, "a decimal point needs digits on both sides: ");
        }
        if (s < end && (*s | 0x20) == 'e') {
            is_float = true;
            *out++ = *s++;
            if (s < end && (*s == '+' || *s == '-'))
                *out++ = *s++;
            if (!take_digits(&s, end, &out))
                return fail_word(p, "an exponent needs digits: ");
        }
    }
    if (s != end)
        return fail_word(p, "not a value: ");
    *out = 0;
    size_t length = (size_t)(out - text);
    if (!is_float && !parse_integer(p, text, length, value))
        return false;
    if (is_float) {
        value->type = TOML_FLOAT;
        value->string.text = text;
        value->string.length = length;
    }
    p->at = end;
    return true;
}

bool toml_parse_scalar(struct toml_parser* p, toml_value_t* value) {
    const char* s = p->at;
    if (digits(s, p->end, 2) >= 0 && p->end - s > 2 &&
        (s[2] == ':' || (digits(s, p->end, 4) >= 0 && p->end - s > 4 && s[4] == '-')))
        return parse_datetime(p, value);
    const char* end = word_end(s, p->end);
    if (end - s >= 2 && *s == '0' && (s[1] == 'x' || s[1] == 'o' || s[1] == 'b'))
        return parse_prefixed(p, end, value);
    if (end == s)
        return toml_fail(p, s, "a value must follow", NULL, 0);
    return parse_decimal(p, end, value);
}
