/*
 * Fuzz target: any bytes as a manifest. Whatever is accepted must be whole (every string ends in a
 * NUL, every lookup finds what iteration shows), and the check and the readers must survive it.
 */
#include <stdint.h>

#include "fuzz.h"
#include "manifest.h"
#include "toml.h"

static void* take(void* arg, size_t size) {
    (void)arg;
    return malloc(size);
}

static void give(void* arg, void* piece, size_t size) {
    (void)arg;
    (void)size;
    free(piece);
}

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void walk(const toml_value_t* value, unsigned depth);

static void walk_table(const toml_table_t* table, unsigned depth) {
    for (size_t i = 0; i < toml_table_count(table); i++) {
        const toml_entry_t* entry = toml_table_entry(table, i);
        REQUIRE(entry->key[entry->key_length] == 0 && entry->line >= 1);
        REQUIRE(toml_find(table, entry->key, entry->key_length) == entry);
        walk(&entry->value, depth + 1);
    }
}

static void walk(const toml_value_t* value, unsigned depth) {
    REQUIRE(depth <= 2 * TOML_MAX_DEPTH + 2 && value->line >= 1);
    if (value->type == TOML_TABLE) {
        walk_table(value->table, depth);
    } else if (value->type == TOML_ARRAY) {
        for (size_t i = 0; i < toml_array_count(value->array); i++)
            walk(toml_array_item(value->array, i), depth + 1);
    } else if (value->type == TOML_STRING || value->type == TOML_FLOAT) {
        REQUIRE(value->string.text[value->string.length] == 0);
    } else {
        REQUIRE(value->type >= TOML_INT && value->type <= TOML_TIME_LOCAL);
    }
}

static void count(void* arg, bool is_error, uint32_t line, const char* text) {
    (void)line;
    REQUIRE(strlen(text) < 256);
    *(unsigned*)arg += is_error;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const toml_memory_t memory = {take, give, NULL};
    toml_error_t error;
    toml_table_t* root = toml_parse((const char*)data, size, &memory, &error);
    if (!root) {
        REQUIRE(error.line >= 1 && error.column >= 1 && error.message[0]);
        REQUIRE(strlen(error.message) < sizeof(error.message));
        return 0;
    }
    walk_table(root, 0);
    unsigned errors = 0;
    unsigned told = manifest_check(root, true, count, &errors);
    REQUIRE(told == errors);
    struct manifest_mount mount;
    struct manifest_env env;
    for (size_t i = 0; manifest_mount_at(root, i, &mount); i++)
        REQUIRE(errors || (mount.path && mount.type));
    for (size_t i = 0; manifest_env_at(root, i, &env); i++)
        REQUIRE(env.name);
    manifest_log_level(root);
    manifest_size(root, "sys.stack.size", 0);
    toml_free(root);
    return 0;
}
