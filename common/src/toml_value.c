/*
 * TOML keys, key = value pairs, and values: the recursive part of the grammar.
 */
#include "toml_internal.h"

static bool is_bare(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

bool toml_parse_key(struct toml_parser* p, const char** key, size_t* length) {
    if (p->at < p->end && (*p->at == '"' || *p->at == '\''))
        return toml_parse_string(p, false, key, length);
    const char* start = p->at;
    while (p->at < p->end && is_bare(*p->at))
        p->at++;
    *length = (size_t)(p->at - start);
    if (!*length)
        return toml_fail(p, start, "a key is missing here (a name, or a string in quotes)", NULL,
                         0);
    char* copy = toml_arena_alloc(p->arena, *length + 1);
    if (!copy)
        return toml_fail_memory(p);
    memcpy(copy, start, *length);
    copy[*length] = 0;
    *key = copy;
    return true;
}

/* The table under a dotted key's first part, made if need be. */
static toml_table_t* step_dotted(struct toml_parser* p, toml_table_t* table, const char* at,
                                 const char* key, size_t length) {
    const toml_entry_t* old = toml_find(table, key, length);
    if (old) {
        if (old->value.type != TOML_TABLE) {
            toml_fail(p, at, "not a table, so it cannot have keys: ", key, length);
            return NULL;
        }
        if (old->value.table->flags & (TABLE_EXPLICIT | TABLE_CLOSED)) {
            toml_fail(p, at, "table is complete already: ", key, length);
            return NULL;
        }
        /* One that so far only a deeper [header] implied is now this section's own. */
        old->value.table->flags |= TABLE_DOTTED;
        return old->value.table;
    }
    toml_table_t* made = toml_table_new(p->arena, p->line, TABLE_DOTTED);
    toml_entry_t* entry = made ? toml_table_add(p->arena, table, key, length, p->line) : NULL;
    if (!entry) {
        toml_fail_memory(p);
        return NULL;
    }
    entry->value.type = TOML_TABLE;
    entry->value.line = p->line;
    entry->value.table = made;
    return made;
}

bool toml_parse_pair(struct toml_parser* p, toml_table_t* table) {
    unsigned depth = p->depth;
    for (;;) {
        const char *key, *at = p->at;
        size_t length;
        if (!toml_parse_key(p, &key, &length))
            return false;
        toml_skip_blank(p);
        if (p->at < p->end && *p->at == '.') {
            if (++p->depth > TOML_MAX_DEPTH)
                return toml_fail(p, at, "nested too deep", NULL, 0);
            table = step_dotted(p, table, at, key, length);
            if (!table)
                return false;
            p->at++;
            toml_skip_blank(p);
            continue;
        }
        if (p->at >= p->end || *p->at != '=')
            return toml_fail(p, p->at, "'=' is missing after the key ", key, length);
        if (toml_find(table, key, length))
            return toml_fail(p, at, "key is there already: ", key, length);
        p->at++;
        toml_skip_blank(p);
        uint32_t line = p->line;
        toml_value_t value = {0};
        if (!toml_parse_value(p, &value))
            return false;
        toml_entry_t* entry = toml_table_add(p->arena, table, key, length, line);
        if (!entry)
            return toml_fail_memory(p);
        entry->value = value;
        p->depth = depth;
        return true;
    }
}

static bool parse_array(struct toml_parser* p, toml_value_t* value) {
    toml_array_t* array = toml_array_new(p->arena);
    if (!array)
        return toml_fail_memory(p);
    value->type = TOML_ARRAY;
    value->array = array;
    p->at++;
    for (;;) {
        if (!toml_skip_lines(p))
            return false;
        if (p->at < p->end && *p->at == ']')
            break;
        toml_value_t item = {0};
        if (!toml_parse_value(p, &item))
            return false;
        toml_value_t* kept = toml_array_add(p->arena, array);
        if (!kept)
            return toml_fail_memory(p);
        *kept = item;
        if (!toml_skip_lines(p))
            return false;
        if (p->at < p->end && *p->at == ',')
            p->at++;
        else if (p->at >= p->end || *p->at != ']')
            return toml_fail(p, p->at, "',' or ']' is missing in the array", NULL, 0);
    }
    p->at++;
    return true;
}

/* Nothing may be added to an inline table once it is closed, nor to the tables of its dotted keys.
 */
static void close_table(toml_table_t* table) {
    table->flags |= TABLE_CLOSED;
    for (uint32_t i = 0; i < table->count; i++)
        if (table->entries[i].value.type == TOML_TABLE &&
            !(table->entries[i].value.table->flags & TABLE_CLOSED))
            close_table(table->entries[i].value.table);
}

static bool parse_inline_table(struct toml_parser* p, toml_value_t* value) {
    toml_table_t* table = toml_table_new(p->arena, p->line, 0);
    if (!table)
        return toml_fail_memory(p);
    value->type = TOML_TABLE;
    value->table = table;
    p->at++;
    toml_skip_blank(p);
    if (p->at < p->end && *p->at == '}') {
        p->at++;
        table->flags |= TABLE_CLOSED;
        return true;
    }
    for (;;) {
        if (p->at < p->end && (*p->at == '\n' || *p->at == '\r'))
            return toml_fail(p, p->at, "an inline table must end on its line", NULL, 0);
        if (!toml_parse_pair(p, table))
            return false;
        toml_skip_blank(p);
        if (p->at < p->end && *p->at == '}')
            break;
        if (p->at >= p->end || *p->at != ',')
            return toml_fail(p, p->at, "',' or '}' is missing in the inline table", NULL, 0);
        p->at++;
        toml_skip_blank(p);
    }
    p->at++;
    close_table(table);
    return true;
}

static bool take_word(struct toml_parser* p, const char* word) {
    size_t length = strlen(word);
    if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0)
        return false;
    if (p->at + length < p->end && is_bare(p->at[length]))
        return false;
    p->at += length;
    return true;
}

bool toml_parse_value(struct toml_parser* p, toml_value_t* value) {
    value->line = p->line;
    if (p->at >= p->end)
        return toml_fail(p, p->at, "a value must follow", NULL, 0);
    bool good;
    switch (*p->at) {
        case '"':
        case '\'':
            value->type = TOML_STRING;
            return toml_parse_string(p, true, &value->string.text, &value->string.length);
        case '[':
        case '{':
            if (++p->depth > TOML_MAX_DEPTH)
                return toml_fail(p, p->at, "nested too deep", NULL, 0);
            good = *p->at == '[' ? parse_array(p, value) : parse_inline_table(p, value);
            p->depth--;
            return good;
        default:
            value->boolean = take_word(p, "true");
            if (value->boolean || take_word(p, "false")) {
                value->type = TOML_BOOL;
                return true;
            }
            return toml_parse_scalar(p, value);
    }
}
