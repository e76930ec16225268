/*
 * The manifest: read whole, parsed once; the tree goes to the LibOS in the control block.
 */
#include "host_internal.h"
#include "manifest.h"
#include "parents.h"
#include "toml.h"

const char* g_manifest_text;

#define MANIFEST_MAX (16UL << 20)

static void read_text(void) {
    const char* name = g_options.manifest ? g_options.manifest : "manifest";
    long fd = g_options.manifest_fd;
    if (g_options.manifest)
        fd = host_open_or_die(name, "manifest");
    if (fd < 0)
        return;
    long size = host_syscall(__NR_lseek, fd, 0, 2);
    if (size < 0 || size > (long)MANIFEST_MAX)
        host_die(HOST_START_FAILED, "cannot read %s: not a file of at most 16 MiB", name);
    char* text = host_map_internal(size + 1);
    long at = 0;
    while (text && at < size) {
        long n = host_syscall(__NR_pread64, fd, text + at, size - at, at);
        if (n < 0)
            host_die(HOST_START_FAILED, "cannot read %s: %s", name, pal_strerror(host_error(n)));
        if (n == 0)
            break;
        at += n;
    }
    if (!text)
        host_die(HOST_START_FAILED, "out of memory for %s", name);
    host_syscall(__NR_close, fd);
    g_manifest_text = text;
    g_control.manifest_preload = (PAL_PTR_RANGE){text, text + at};
}

static void* manifest_alloc(void* arg, size_t size) {
    (void)arg;
    return host_map_internal(size);
}

static const char* string_key(const toml_table_t* root, const char* path) {
    const toml_value_t* value = toml_get_path(root, path);
    return value && value->type == TOML_STRING ? value->string.text : NULL;
}

static void disable_capability(const char* name) {
    static const char* const names[] = {"fork", "shared_mem", "waitset", "remap", "vdso"};
    if (!strcmp(name, "remembered_directories")) {
        parents_disable();
        return;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!strcmp(name, names[i])) {
            g_control.capabilities &= ~(1UL << i);
            return;
        }
    }
    host_die(HOST_START_FAILED,
             "manifest key sys.debug__disable_capabilities: unknown capability '%s'", name);
}

static void disable_capabilities(const toml_table_t* root) {
    const toml_value_t* list = toml_get_path(root, "sys.debug__disable_capabilities");
    if (!list || list->type != TOML_ARRAY)
        return;
    for (size_t i = 0; i < toml_array_count(list->array); i++) {
        const toml_value_t* item = toml_array_item(list->array, i);
        if (item->type == TOML_STRING)
            disable_capability(item->string.text);
    }
    if (!(g_control.capabilities & PAL_CAP_VDSO)) {
        g_control.vdso_clock_gettime = g_control.vdso_gettimeofday = g_control.vdso_time = 0;
        g_control.vdso_getcpu = g_control.vdso_clock_getres = 0;
    }
}

static void open_log(const char* path) {
    /* O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY */
    long fd = host_syscall(__NR_open, path, 01 | 0100 | 02000 | 02000000 | 0400, 0644);
    if (fd < 0)
        host_die(HOST_START_FAILED, "cannot open %s (manifest key loader.log_file): %s", path,
                 pal_strerror(host_error(fd)));
    PAL_HANDLE handle;
    if (host_handle_wrap(PAL_TYPE_FILE, fd, HANDLE_WRITABLE | HANDLE_APPEND, &handle) == 0)
        g_control.log_handle = handle;
}

/* The keys the PAL itself obeys; the LibOS reads the rest from the same tree. */
static void apply_keys(const toml_table_t* root) {
    const char* text = string_key(root, "loader.log_file");
    if (text)
        open_log(text);
    g_control.executable = string_key(root, "libos.entrypoint");
    if (!g_options.log_level)
        g_options.log_level = string_key(root, "loader.log_level");
    if (!g_options.trap)
        g_options.trap = string_key(root, "sys.debug__host_trap");
    const toml_value_t* value = toml_get_path(root, "loader.insecure__disable_aslr");
    g_control.disable_aslr = value && value->type == TOML_BOOL && value->boolean;
    disable_capabilities(root);
}

/* For a manifest that the culm command has not checked already. */
static void report(void* arg, bool is_error, uint32_t line, const char* text) {
    host_log(is_error ? PAL_LOG_ERROR : PAL_LOG_WARNING, "%s:%u: %s", (const char*)arg, line, text);
}

void host_read_manifest(void) {
    static const toml_memory_t memory = {.alloc = manifest_alloc};
    toml_error_t error;
    read_text();
    if (!g_manifest_text)
        return;
    size_t size = (char*)g_control.manifest_preload.end - g_manifest_text;
    toml_table_t* root = toml_parse(g_manifest_text, size, &memory, &error);
    if (!root)
        host_die(HOST_START_FAILED, "%s:%u:%u: %s",
                 g_options.manifest ? g_options.manifest : "manifest", error.line, error.column,
                 error.message);
    g_control.manifest_root = root;
    if (g_options.manifest && manifest_check(root, false, report, (void*)g_options.manifest))
        PalProcessExit(HOST_START_FAILED);
    apply_keys(root);
}
