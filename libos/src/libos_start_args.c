/*
 * Arguments and environment of the first program: manifest keys loader.argv, loader.argv_src_file,
 * loader.insecure__use_cmdline_argv, loader.env, loader.env_src_file,
 * loader.insecure__use_host_env.
 */
#include "libos_init.h"
#include "libos_internal.h"
#include "manifest.h"

struct vector { /* a growing NULL-terminated array */
    char** items;
    size_t count, capacity;
    bool failed;
};

static void vector_add(struct vector* v, const char* text) {
    if (v->count + 2 > v->capacity) {
        size_t capacity = MAX(v->capacity * 2, (size_t)32);
        char** items = libos_realloc(v->items, capacity * sizeof(*items));
        if (!items) {
            v->failed = true;
            return;
        }
        v->items = items;
        v->capacity = capacity;
    }
    v->items[v->count++] = (char*)text;
    v->items[v->count] = NULL;
}

/* A host file of NUL-terminated strings. */
static void vector_add_file(struct vector* v, const char* key, const char* uri) {
    PAL_HANDLE handle;
    PAL_STREAM_ATTR attr;
    int ret = PalStreamOpen(uri, PAL_ACCESS_RDONLY, 0, 0, 0, &handle);
    if (ret == 0)
        ret = PalStreamAttributesQueryByHandle(handle, &attr);
    PAL_NUM size = ret == 0 ? attr.pending_size : 0;
    char* text = ret == 0 && size < (64UL << 20) ? libos_calloc(1, size + 1) : NULL;
    PAL_NUM done = 0;
    while (ret == 0 && text && done < size) {
        PAL_NUM n = size - done;
        ret = PalStreamRead(handle, done, &n, text + done, NULL, 0);
        if (ret == 0 && (n == 0 || n > size - done))
            break;
        done += ret == 0 ? n : 0;
    }
    if (ret < 0 || !text) {
        log_error("%s: cannot read %s: %s", key, uri, pal_strerror(ret));
        PalProcessExit(LIBOS_START_FAILED);
    }
    PalObjectClose(handle);
    for (size_t i = 0; i < done; i += strlen(text + i) + 1)
        vector_add(v, text + i);
}

static void vector_add_array(struct vector* v, const toml_array_t* array) {
    for (size_t i = 0; i < toml_array_count(array); i++) {
        const toml_value_t* value = toml_array_item(array, i);
        vector_add(v, value->type == TOML_STRING ? value->string.text : "");
    }
}

char** libos_start_argv(const char* program) {
    const toml_table_t* root = g_pal_control->manifest_root;
    struct vector v = {0};
    const char* file = manifest_string(root, "loader.argv_src_file", NULL);
    const toml_value_t* argv = toml_get_path(root, "loader.argv");
    if (manifest_bool(root, "loader.insecure__use_cmdline_argv", false)) {
        for (PAL_STR* arg = g_pal_control->host_argv; arg && *arg; arg++)
            vector_add(&v, *arg);
    } else if (argv && argv->type == TOML_ARRAY) {
        vector_add_array(&v, argv->array);
    } else if (file) {
        vector_add_file(&v, "loader.argv_src_file", file);
    }
    if (!v.count)
        vector_add(&v, program);
    return v.failed ? NULL : v.items;
}

static size_t name_length(const char* variable) {
    const char* equals = strchr(variable, '=');
    return equals ? (size_t)(equals - variable) : strlen(variable);
}

/* Replaces the variable of that name, or adds it. */
static void set_variable(struct vector* v, char* variable) {
    size_t len = name_length(variable);
    for (size_t i = 0; i < v->count; i++) {
        if (name_length(v->items[i]) == len && memcmp(v->items[i], variable, len) == 0) {
            v->items[i] = variable;
            return;
        }
    }
    vector_add(v, variable);
}

static const char* host_variable(const char* name) {
    size_t len = strlen(name);
    for (PAL_STR* env = g_pal_control->host_envp; env && *env; env++) {
        if (name_length(*env) == len && memcmp(*env, name, len) == 0)
            return *env;
    }
    return NULL;
}

static void set_from_manifest(struct vector* v, const struct manifest_env* env) {
    if (!env->value) {
        const char* host = host_variable(env->name);
        if (host)
            set_variable(v, (char*)host);
        return;
    }
    size_t size = strlen(env->name) + strlen(env->value) + 2;
    char* variable = libos_malloc(size);
    if (!variable) {
        v->failed = true;
        return;
    }
    snprintf(variable, size, "%s=%s", env->name, env->value);
    set_variable(v, variable);
}

char** libos_start_envp(void) {
    const toml_table_t* root = g_pal_control->manifest_root;
    struct vector v = {0};
    if (manifest_bool(root, "loader.insecure__use_host_env", false)) {
        for (PAL_STR* env = g_pal_control->host_envp; env && *env; env++)
            vector_add(&v, *env);
    }
    const char* file = manifest_string(root, "loader.env_src_file", NULL);
    if (file)
        vector_add_file(&v, "loader.env_src_file", file);
    struct manifest_env env;
    for (size_t i = 0; manifest_env_at(root, i, &env); i++)
        set_from_manifest(&v, &env);
    if (!v.items)
        v.items = libos_calloc(1, sizeof(*v.items));
    return v.failed ? NULL : v.items;
}
