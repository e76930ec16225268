/*
 * Shared by the toml_*.c files only: the tree's own structures and the parser's state.
 */
#ifndef TOML_INTERNAL_H
#define TOML_INTERNAL_H

#include "culm_string.h"
#include "toml.h"

/* How a table came to be decides who may still add to it (TOML 1.0, "Table", "Inline Table"). */
enum {
    TABLE_EXPLICIT = 1 << 0, /* had its [header]: no second one, no dotted keys from outside */
    TABLE_DOTTED = 1 << 1,   /* made by a dotted key: no [header] of its own later */
    TABLE_CLOSED = 1 << 2,   /* inline: complete as written */
};

struct toml_arena_piece {
    struct toml_arena_piece* next;
    size_t size;
};

struct toml_arena {
    toml_memory_t memory;
    struct toml_arena_piece* pieces;
    char *free, *end; /* unused part of the newest piece */
};

struct toml_table {
    toml_entry_t* entries;
    uint32_t count, capacity;
    uint32_t* index; /* hash slots (entry number + 1), NULL while the table is small */
    uint32_t index_mask;
    uint32_t line;
    uint8_t flags;
    struct toml_arena* arena; /* the root's only; NULL elsewhere */
};

struct toml_array {
    toml_value_t* items;
    uint32_t count, capacity;
    bool of_tables; /* made by [[header]], which may still add to it */
};

struct toml_parser {
    const char *at, *end;
    const char* line_start;
    uint32_t line;
    unsigned depth;
    struct toml_arena* arena;
    toml_table_t* root;
    toml_error_t* error;
};

/* toml_tree.c */
void* toml_arena_alloc(struct toml_arena* arena, size_t size);
toml_table_t* toml_table_new(struct toml_arena* arena, uint32_t line, unsigned flags);
/* The key must not exist yet. Returns the new entry (valid until the next add) or NULL: memory. */
toml_entry_t* toml_table_add(struct toml_arena* arena, toml_table_t* table, const char* key,
                             size_t length, uint32_t line);
toml_array_t* toml_array_new(struct toml_arena* arena);
toml_value_t* toml_array_add(struct toml_arena* arena, toml_array_t* array);

/* The calls below return false after filling the error; the parser then stops. */

/* toml_parse.c */
/* message, then the fragment in quotes unless NULL; the place is `at`, on the current line. */
bool toml_fail(struct toml_parser* p, const char* at, const char* message, const char* fragment,
               size_t length);
bool toml_fail_memory(struct toml_parser* p);
/* Tell the parser that a line begins at `start`. */
void toml_newline(struct toml_parser* p, const char* start);
void toml_skip_blank(struct toml_parser* p);
/* At '#': up to the end of the line. */
bool toml_skip_comment(struct toml_parser* p);
/* White space, comments and newlines. */
bool toml_skip_lines(struct toml_parser* p);

/* toml_value.c */
bool toml_parse_value(struct toml_parser* p, toml_value_t* value);
/* One key, bare or quoted, between dots. */
bool toml_parse_key(struct toml_parser* p, const char** key, size_t* length);
/* key = value into table, dotted keys included. */
bool toml_parse_pair(struct toml_parser* p, toml_table_t* table);

/* toml_string.c: at the opening quote. */
bool toml_parse_string(struct toml_parser* p, bool allow_multiline, const char** text,
                       size_t* length);

/* toml_scalar.c: integers, floats, dates, times. */
bool toml_parse_scalar(struct toml_parser* p, toml_value_t* value);

#endif /* TOML_INTERNAL_H */
