/*
 * TOML 1.0 (https://toml.io/en/v1.0.0), complete, for freestanding code: no libc, no floating
 * point.
 *
 * toml_parse() reads a whole document into a tree that lives in one arena; the source text is not
 * needed afterwards. The tree is read-only from then on, so any number of threads may read it
 * without a lock. Strings and keys are UTF-8, NUL-terminated, and may hold NULs of their own
 * (\u0000): their length counts. Floats are kept as checked source text; native tools turn them
 * into a double with toml_float_value() (toml_float.c, which needs a libc).
 */
#ifndef TOML_H
#define TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct toml_table toml_table_t;
typedef struct toml_array toml_array_t;
typedef struct toml_value toml_value_t;

/* Tables and arrays may nest this deep, dotted keys included. */
#define TOML_MAX_DEPTH 64
/* A larger document is refused. */
#define TOML_MAX_SIZE (64UL << 20)

enum toml_type {
    TOML_STRING = 1,
    TOML_INT,
    TOML_FLOAT,
    TOML_BOOL,
    TOML_DATETIME, /* date and time with offset */
    TOML_DATETIME_LOCAL,
    TOML_DATE_LOCAL,
    TOML_TIME_LOCAL,
    TOML_ARRAY,
    TOML_TABLE,
};

/* Fields that the type does not have are 0. */
typedef struct toml_datetime {
    uint16_t year;
    uint8_t month, day;           /* from 1 */
    uint8_t hour, minute, second; /* second may be 60: a leap second, as RFC 3339 allows */
    uint32_t nanosecond;          /* further digits are cut off */
    int16_t offset;               /* minutes east of UTC; TOML_DATETIME only */
} toml_datetime_t;

struct toml_value {
    uint8_t type;  /* enum toml_type */
    uint32_t line; /* where the value begins, from 1 */
    union {
        struct {
            const char* text; /* for TOML_FLOAT: source text without underscores */
            size_t length;
        } string;
        int64_t integer;
        bool boolean;
        const toml_datetime_t* datetime;
        toml_array_t* array;
        toml_table_t* table;
    };
};

/* One key of a table. */
typedef struct toml_entry {
    const char* key;
    uint32_t key_length;
    uint32_t hash;
    uint32_t line; /* where the key first stands, from 1 */
    toml_value_t value;
} toml_entry_t;

typedef struct toml_error {
    uint32_t line, column; /* from 1; columns count characters */
    char message[112];     /* no trailing newline */
} toml_error_t;

/* Where the tree gets its memory: few large pieces (multiples of 4096 bytes, which alloc may return
 * unzeroed but aligned to 16). alloc returns NULL when there is no more. free may be NULL. */
typedef struct toml_memory {
    void* (*alloc)(void* arg, size_t size);
    void (*free)(void* arg, void* piece, size_t size);
    void* arg;
} toml_memory_t;

/* NULL on error, with *error filled ("out of memory" included) and nothing left allocated. */
toml_table_t* toml_parse(const char* text, size_t size, const toml_memory_t* memory,
                         toml_error_t* error);
/* Frees a whole tree. Takes the table that toml_parse() returned; NULL is fine. */
void toml_free(toml_table_t* root);

/* Entries in the order of the document. */
size_t toml_table_count(const toml_table_t* table);
const toml_entry_t* toml_table_entry(const toml_table_t* table, size_t index);
/* NULL if there is no such key. One key, not a path: dots have no meaning. A NULL table is empty.
 */
const toml_entry_t* toml_find(const toml_table_t* table, const char* key, size_t length);
const toml_value_t* toml_get(const toml_table_t* table, const char* key);
/* `path` is keys joined by dots. NULL if a step is missing or not a table. */
const toml_value_t* toml_get_path(const toml_table_t* table, const char* path);
/* The same, or NULL if what is there is not a table. */
toml_table_t* toml_get_table(const toml_table_t* table, const char* path);
/* Line of the header or key that made the table, from 1. */
uint32_t toml_table_line(const toml_table_t* table);

size_t toml_array_count(const toml_array_t* array);
const toml_value_t* toml_array_item(const toml_array_t* array, size_t index);

/* Bytes of the well-formed UTF-8 character at s, 0 if there is none before end. */
size_t toml_utf8_length(const char* s, const char* end);

/* "string", "integer", "boolean", ... for messages. */
const char* toml_type_name(enum toml_type type);

/* Native builds only: the nearest double of a TOML_FLOAT. */
double toml_float_value(const toml_value_t* value);

#endif /* TOML_H */
