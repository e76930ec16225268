/*
 * Typed reading of a manifest.
 */
#include "culm_string.h"
#include "manifest.h"

bool manifest_parse_size(const char* text, uint64_t* size) {
    uint64_t value = 0;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (value > ((uint64_t)INT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    unsigned shift = *text == 'K' ? 10 : *text == 'M' ? 20 : *text == 'G' ? 30 : 0;
    if (text[shift != 0] || value > (uint64_t)INT64_MAX >> shift)
        return false;
    *size = value << shift;
    return true;
}

static const toml_value_t* get(const toml_table_t* root, const char* path, enum toml_type type) {
    const toml_value_t* value = toml_get_path(root, path);
    return value && value->type == type ? value : NULL;
}

const char* manifest_string(const toml_table_t* root, const char* path, const char* fallback) {
    const toml_value_t* value = get(root, path, TOML_STRING);
    return value ? value->string.text : fallback;
}

bool manifest_bool(const toml_table_t* root, const char* path, bool fallback) {
    const toml_value_t* value = get(root, path, TOML_BOOL);
    return value ? value->boolean : fallback;
}

int64_t manifest_int(const toml_table_t* root, const char* path, int64_t fallback) {
    const toml_value_t* value = get(root, path, TOML_INT);
    return value ? value->integer : fallback;
}

uint64_t manifest_size(const toml_table_t* root, const char* path, uint64_t fallback) {
    const toml_value_t* value = toml_get_path(root, path);
    uint64_t size;
    if (value && value->type == TOML_INT && value->integer >= 0)
        return (uint64_t)value->integer;
    if (value && value->type == TOML_STRING && manifest_parse_size(value->string.text, &size))
        return size;
    return fallback;
}

int manifest_choice(const toml_table_t* root, const char* path, const char* names, int fallback) {
    const char* text = manifest_string(root, path, NULL);
    size_t length = text ? strlen(text) : 0;
    for (int i = 0; length; i++) {
        const char* bar = strchr(names, '|');
        size_t size = bar ? (size_t)(bar - names) : strlen(names);
        if (size == length && !memcmp(names, text, size))
            return i;
        if (!bar)
            break;
        names = bar + 1;
    }
    return fallback;
}

int manifest_log_level(const toml_table_t* root) {
    return manifest_choice(root, "loader.log_level", "none|error|warning|debug|trace|all", 1);
}

static bool read_mount(const toml_table_t* table, struct manifest_mount* mount) {
    mount->type = manifest_string(table, "type", "chroot");
    mount->path = manifest_string(table, "path", NULL);
    mount->uri = manifest_string(table, "uri", NULL);
    mount->key_name = manifest_string(table, "key_name", NULL);
    mount->readonly = manifest_bool(table, "readonly", false);
    mount->line = toml_table_line(table);
    return true;
}

bool manifest_mount_at(const toml_table_t* root, size_t index, struct manifest_mount* mount) {
    if (index == 0) {
        const toml_table_t* table = toml_get_table(root, "fs.root");
        *mount = (struct manifest_mount){.type = "chroot"};
        if (table)
            read_mount(table, mount);
        mount->path = "/";
        if (!mount->uri && strcmp(mount->type, "tmpfs") != 0)
            mount->uri = "file:.";
        return true;
    }
    index--;
    const toml_value_t* mounts = get(root, "fs.mounts", TOML_ARRAY);
    size_t count = mounts ? toml_array_count(mounts->array) : 0;
    if (index < count) {
        const toml_value_t* item = toml_array_item(mounts->array, index);
        return item->type == TOML_TABLE && read_mount(item->table, mount);
    }
    const toml_entry_t* entry = toml_table_entry(toml_get_table(root, "fs.mount"), index - count);
    return entry && entry->value.type == TOML_TABLE && read_mount(entry->value.table, mount);
}

bool manifest_env_at(const toml_table_t* root, size_t index, struct manifest_env* env) {
    const toml_entry_t* entry = toml_table_entry(toml_get_table(root, "loader.env"), index);
    if (!entry)
        return false;
    env->name = entry->key;
    env->value = NULL;
    if (entry->value.type == TOML_STRING)
        env->value = entry->value.string.text;
    else if (entry->value.type == TOML_TABLE)
        env->value = manifest_string(entry->value.table, "value", NULL);
    return true;
}
