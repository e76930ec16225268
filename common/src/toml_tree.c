/*
 * The tree that toml_parse() builds: arena, tables (in order, with a hash index once they grow),
 * arrays, and the calls that read them.
 */
#include "toml_internal.h"

#define PIECE_MIN  8192
#define PIECE_MAX  (256UL << 10)
#define INDEX_FROM 12 /* smaller tables are searched entry by entry */

void* toml_arena_alloc(struct toml_arena* arena, size_t size) {
    size = (size + 7) & ~(size_t)7;
    if ((size_t)(arena->end - arena->free) < size) {
        size_t want = arena->pieces ? arena->pieces->size * 2 : PIECE_MIN;
        if (want > PIECE_MAX)
            want = PIECE_MAX;
        size_t need = size + sizeof(struct toml_arena_piece);
        if (want < need)
            want = (need + 4095) & ~(size_t)4095;
        struct toml_arena_piece* piece = arena->memory.alloc(arena->memory.arg, want);
        if (!piece)
            return NULL;
        piece->next = arena->pieces;
        piece->size = want;
        arena->pieces = piece;
        arena->free = (char*)(piece + 1);
        arena->end = (char*)piece + want;
    }
    void* result = arena->free;
    arena->free += size;
    return result;
}

void toml_free(toml_table_t* root) {
    if (!root || !root->arena || !root->arena->memory.free)
        return;
    struct toml_arena arena = *root->arena; /* the arena itself lies in its first piece */
    struct toml_arena_piece* piece = arena.pieces;
    while (piece) {
        struct toml_arena_piece* next = piece->next;
        arena.memory.free(arena.memory.arg, piece, piece->size);
        piece = next;
    }
}

static uint32_t hash_key(const char* key, size_t length) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)key[i]) * 16777619u;
    return hash;
}

toml_table_t* toml_table_new(struct toml_arena* arena, uint32_t line, unsigned flags) {
    toml_table_t* table = toml_arena_alloc(arena, sizeof(*table));
    if (table)
        *table = (toml_table_t){.line = line, .flags = (uint8_t)flags};
    return table;
}

static void index_put(toml_table_t* table, uint32_t number) {
    uint32_t slot = table->entries[number].hash & table->index_mask;
    while (table->index[slot])
        slot = (slot + 1) & table->index_mask;
    table->index[slot] = number + 1;
}

static bool index_grow(struct toml_arena* arena, toml_table_t* table) {
    uint32_t slots = 4;
    while (slots < table->capacity * 2)
        slots *= 2;
    uint32_t* index = toml_arena_alloc(arena, slots * sizeof(*index));
    if (!index)
        return false;
    memset(index, 0, slots * sizeof(*index));
    table->index = index;
    table->index_mask = slots - 1;
    for (uint32_t i = 0; i < table->count; i++)
        index_put(table, i);
    return true;
}

toml_entry_t* toml_table_add(struct toml_arena* arena, toml_table_t* table, const char* key,
                             size_t length, uint32_t line) {
    if (table->count == table->capacity) {
        uint32_t capacity = table->capacity ? table->capacity * 2 : 4;
        toml_entry_t* entries = toml_arena_alloc(arena, capacity * sizeof(*entries));
        if (!entries)
            return NULL;
        if (table->count)
            memcpy(entries, table->entries, table->count * sizeof(*entries));
        table->entries = entries;
        table->capacity = capacity;
        if (capacity > INDEX_FROM && !index_grow(arena, table))
            return NULL;
    }
    toml_entry_t* entry = &table->entries[table->count];
    *entry = (toml_entry_t){
        .key = key, .key_length = (uint32_t)length, .hash = hash_key(key, length), .line = line};
    if (table->index)
        index_put(table, table->count);
    table->count++;
    return entry;
}

toml_array_t* toml_array_new(struct toml_arena* arena) {
    toml_array_t* array = toml_arena_alloc(arena, sizeof(*array));
    if (array)
        *array = (toml_array_t){0};
    return array;
}

toml_value_t* toml_array_add(struct toml_arena* arena, toml_array_t* array) {
    if (array->count == array->capacity) {
        uint32_t capacity = array->capacity ? array->capacity * 2 : 4;
        toml_value_t* items = toml_arena_alloc(arena, capacity * sizeof(*items));
        if (!items)
            return NULL;
        if (array->count)
            memcpy(items, array->items, array->count * sizeof(*items));
        array->items = items;
        array->capacity = capacity;
    }
    toml_value_t* item = &array->items[array->count++];
    *item = (toml_value_t){0};
    return item;
}

size_t toml_table_count(const toml_table_t* table) {
    return table ? table->count : 0;
}

const toml_entry_t* toml_table_entry(const toml_table_t* table, size_t index) {
    return table && index < table->count ? &table->entries[index] : NULL;
}

uint32_t toml_table_line(const toml_table_t* table) {
    return table->line;
}

static bool is_key(const toml_entry_t* entry, const char* key, size_t length) {
    return entry->key_length == length && !memcmp(entry->key, key, length);
}

const toml_entry_t* toml_find(const toml_table_t* table, const char* key, size_t length) {
    if (!table)
        return NULL;
    if (!table->index) {
        for (uint32_t i = 0; i < table->count; i++)
            if (is_key(&table->entries[i], key, length))
                return &table->entries[i];
        return NULL;
    }
    uint32_t slot = hash_key(key, length) & table->index_mask;
    for (; table->index[slot]; slot = (slot + 1) & table->index_mask) {
        const toml_entry_t* entry = &table->entries[table->index[slot] - 1];
        if (is_key(entry, key, length))
            return entry;
    }
    return NULL;
}

const toml_value_t* toml_get(const toml_table_t* table, const char* key) {
    const toml_entry_t* entry = toml_find(table, key, strlen(key));
    return entry ? &entry->value : NULL;
}

const toml_value_t* toml_get_path(const toml_table_t* table, const char* path) {
    for (;;) {
        const char* dot = strchr(path, '.');
        size_t length = dot ? (size_t)(dot - path) : strlen(path);
        const toml_entry_t* entry = toml_find(table, path, length);
        if (!entry || !dot)
            return entry ? &entry->value : NULL;
        if (entry->value.type != TOML_TABLE)
            return NULL;
        table = entry->value.table;
        path = dot + 1;
    }
}

toml_table_t* toml_get_table(const toml_table_t* table, const char* path) {
    const toml_value_t* value = toml_get_path(table, path);
    return value && value->type == TOML_TABLE ? value->table : NULL;
}

size_t toml_array_count(const toml_array_t* array) {
    return array ? array->count : 0;
}

const toml_value_t* toml_array_item(const toml_array_t* array, size_t index) {
    return array && index < array->count ? &array->items[index] : NULL;
}

const char* toml_type_name(enum toml_type type) {
    switch (type) {
        case TOML_STRING:
            return "string";
        case TOML_INT:
            return "integer";
        case TOML_FLOAT:
            return "float";
        case TOML_BOOL:
            return "boolean";
        case TOML_DATETIME:
            return "date and time";
        case TOML_DATETIME_LOCAL:
            return "local date and time";
        case TOML_DATE_LOCAL:
            return "date";
        case TOML_TIME_LOCAL:
            return "time";
        case TOML_ARRAY:
            return "array";
        case TOML_TABLE:
            return "table";
    }
    return "nothing";
}
