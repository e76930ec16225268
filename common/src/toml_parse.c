/*
 * The document: lines, comments, [headers] and [[headers]], and the error report.
 */
#include "toml_internal.h"

static void append(toml_error_t* error, size_t* used, const char* text, size_t length) {
    size_t room = sizeof(error->message) - 1 - *used;
    if (length > room) {
        length = room;
        while (length && ((uint8_t)text[length] & 0xC0) == 0x80)
            length--; /* do not cut a character in two */
    }
    memcpy(error->message + *used, text, length);
    *used += length;
    error->message[*used] = 0;
}

bool toml_fail(struct toml_parser* p, const char* at, const char* message, const char* fragment,
               size_t length) {
    toml_error_t* error = p->error;
    size_t used = 0;
    error->line = p->line;
    error->column = 1;
    for (const char* s = p->line_start; s < at; s++)
        error->column += ((uint8_t)*s & 0xC0) != 0x80;
    append(error, &used, message, strlen(message));
    if (fragment) {
        append(error, &used, "'", 1);
        for (size_t i = 0; i < length && i < 40;) {
            size_t size = toml_utf8_length(fragment + i, fragment + length);
            bool plain = size && ((uint8_t)fragment[i] >= ' ' && fragment[i] != 0x7f);
            append(error, &used, plain ? fragment + i : "?", plain ? size : 1);
            i += size ? size : 1;
        }
        append(error, &used, length > 40 ? "...'" : "'", length > 40 ? 4 : 1);
    }
    return false;
}

bool toml_fail_memory(struct toml_parser* p) {
    return toml_fail(p, p->at, "out of memory", NULL, 0);
}

void toml_newline(struct toml_parser* p, const char* start) {
    p->line++;
    p->line_start = start;
}

void toml_skip_blank(struct toml_parser* p) {
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
        p->at++;
}

bool toml_skip_comment(struct toml_parser* p) {
    while (p->at < p->end && *p->at != '\n') {
        uint8_t c = (uint8_t)*p->at;
        if (c == '\r' && p->at + 1 < p->end && p->at[1] == '\n')
            break;
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return toml_fail(p, p->at, "control character in a comment", NULL, 0);
        size_t size = toml_utf8_length(p->at, p->end);
        if (!size)
            return toml_fail(p, p->at, "not valid UTF-8", NULL, 0);
        p->at += size;
    }
    return true;
}

/* Takes a newline if one is here. */
static bool take_newline(struct toml_parser* p) {
    if (p->at < p->end && *p->at == '\n')
        p->at++;
    else if (p->end - p->at >= 2 && p->at[0] == '\r' && p->at[1] == '\n')
        p->at += 2;
    else
        return false;
    toml_newline(p, p->at);
    return true;
}

bool toml_skip_lines(struct toml_parser* p) {
    for (;;) {
        toml_skip_blank(p);
        if (p->at < p->end && *p->at == '#' && !toml_skip_comment(p))
            return false;
        if (!take_newline(p))
            return true;
    }
}

/* What may follow a pair or a header on its line. */
static bool end_line(struct toml_parser* p) {
    toml_skip_blank(p);
    if (p->at < p->end && *p->at == '#' && !toml_skip_comment(p))
        return false;
    if (p->at >= p->end || take_newline(p))
        return true;
    return toml_fail(p, p->at, "the line should end here", NULL, 0);
}

static toml_table_t* add_table(struct toml_parser* p, toml_table_t* parent, const char* key,
                               size_t length, unsigned flags) {
    toml_table_t* table = toml_table_new(p->arena, p->line, flags);
    toml_entry_t* entry = table ? toml_table_add(p->arena, parent, key, length, p->line) : NULL;
    if (!entry) {
        toml_fail_memory(p);
        return NULL;
    }
    entry->value.type = TOML_TABLE;
    entry->value.line = p->line;
    entry->value.table = table;
    return table;
}

/* One step of a header's path before its last key. */
static toml_table_t* step_header(struct toml_parser* p, toml_table_t* table, const char* at,
                                 const char* key, size_t length) {
    const toml_entry_t* old = toml_find(table, key, length);
    if (!old)
        return add_table(p, table, key, length, 0);
    const toml_value_t* value = &old->value;
    if (value->type == TOML_ARRAY && value->array->of_tables)
        return value->array->items[value->array->count - 1].table;
    if (value->type == TOML_TABLE && !(value->table->flags & TABLE_CLOSED))
        return value->table;
    toml_fail(p, at,
              value->type == TOML_TABLE ? "an inline table is complete as written: "
                                        : "not a table: ",
              key, length);
    return NULL;
}

/* [a.b.last] */
static toml_table_t* open_table(struct toml_parser* p, toml_table_t* parent, const char* at,
                                const char* key, size_t length) {
    const toml_entry_t* old = toml_find(parent, key, length);
    if (!old)
        return add_table(p, parent, key, length, TABLE_EXPLICIT);
    if (old->value.type != TOML_TABLE) {
        toml_fail(p, at, "key is there already and is no table: ", key, length);
        return NULL;
    }
    toml_table_t* table = old->value.table;
    if (table->flags) {
        toml_fail(p, at, "table is there already: ", key, length);
        return NULL;
    }
    table->flags = TABLE_EXPLICIT;
    table->line = p->line;
    return table;
}

/* [[a.b.last]] */
static toml_table_t* open_array(struct toml_parser* p, toml_table_t* parent, const char* at,
                                const char* key, size_t length) {
    const toml_entry_t* old = toml_find(parent, key, length);
    toml_array_t* array;
    if (old) {
        if (old->value.type != TOML_ARRAY || !old->value.array->of_tables) {
            toml_fail(p, at, "key is there already and is no array of tables: ", key, length);
            return NULL;
        }
        array = old->value.array;
    } else {
        array = toml_array_new(p->arena);
        toml_entry_t* entry = array ? toml_table_add(p->arena, parent, key, length, p->line) : NULL;
        if (!entry) {
            toml_fail_memory(p);
            return NULL;
        }
        array->of_tables = true;
        entry->value.type = TOML_ARRAY;
        entry->value.line = p->line;
        entry->value.array = array;
    }
    toml_table_t* table = toml_table_new(p->arena, p->line, TABLE_EXPLICIT);
    toml_value_t* item = table ? toml_array_add(p->arena, array) : NULL;
    if (!item) {
        toml_fail_memory(p);
        return NULL;
    }
    item->type = TOML_TABLE;
    item->line = p->line;
    item->table = table;
    return table;
}

static bool parse_header(struct toml_parser* p, toml_table_t** current) {
    p->at++;
    bool is_array = p->at < p->end && *p->at == '[';
    p->at += is_array;
    toml_table_t* table = p->root;
    for (unsigned depth = 1;; depth++) {
        toml_skip_blank(p);
        const char *key, *at = p->at;
        size_t length;
        if (!toml_parse_key(p, &key, &length))
            return false;
        if (depth > TOML_MAX_DEPTH)
            return toml_fail(p, at, "nested too deep", NULL, 0);
        toml_skip_blank(p);
        if (p->at < p->end && *p->at == '.') {
            table = step_header(p, table, at, key, length);
            if (!table)
                return false;
            p->at++;
            continue;
        }
        if (p->at >= p->end || *p->at != ']' ||
            (is_array && (p->end - p->at < 2 || p->at[1] != ']')))
            return toml_fail(p, p->at,
                             is_array ? "']]' is missing after the table's name"
                                      : "']' is missing after the table's name",
                             NULL, 0);
        *current = is_array ? open_array(p, table, at, key, length)
                            : open_table(p, table, at, key, length);
        if (!*current)
            return false;
        p->depth = depth;
        p->at += is_array ? 2 : 1;
        return end_line(p);
    }
}

static bool parse_document(struct toml_parser* p) {
    if (p->end - p->at >= 3 && !memcmp(p->at, "\xEF\xBB\xBF", 3))
        p->at = p->line_start = p->at + 3; /* a byte order mark is no part of the text */
    toml_table_t* current = p->root;
    for (;;) {
        if (!toml_skip_lines(p))
            return false;
        if (p->at >= p->end)
            return true;
        bool good =
            *p->at == '[' ? parse_header(p, &current) : toml_parse_pair(p, current) && end_line(p);
        if (!good)
            return false;
    }
}

toml_table_t* toml_parse(const char* text, size_t size, const toml_memory_t* memory,
                         toml_error_t* error) {
    struct toml_arena first = {.memory = *memory};
    struct toml_parser parser = {.at = text,
                                 .end = text + size,
                                 .line_start = text,
                                 .line = 1,
                                 .arena = &first,
                                 .error = error};
    *error = (toml_error_t){0};
    if (size > TOML_MAX_SIZE) {
        toml_fail(&parser, text, "document too large", NULL, 0);
        return NULL;
    }
    struct toml_arena* arena = toml_arena_alloc(&first, sizeof(*arena));
    toml_table_t* root = arena ? toml_table_new(&first, 1, TABLE_EXPLICIT) : NULL;
    if (!root) { /* both fit in the first piece, or there is none */
        toml_fail_memory(&parser);
        return NULL;
    }
    *arena = first;
    root->arena = arena;
    parser.arena = arena;
    parser.root = root;
    if (!parse_document(&parser)) {
        toml_free(root);
        return NULL;
    }
    return root;
}
