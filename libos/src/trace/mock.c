/*
 * sys.debug__mock_syscalls: calls that do nothing but return a fixed value. While there are any,
 * all calls take the traced way, as with --strace: a debugging aid need not be fast.
 */
#include <asm/unistd.h>

#include "libos_init.h"
#include "manifest.h"
#include "trace.h"

static struct mock {
    uint32_t nr;
    long result;
} * g_mocks; /* written once, before the first guest instruction */
static size_t g_mock_count;

bool trace_mock(uint32_t nr, long* result) {
    for (size_t i = 0; i < g_mock_count; i++) {
        if (g_mocks[i].nr == nr) {
            *result = g_mocks[i].result;
            return true;
        }
    }
    return false;
}

static int find_call(const char* name) {
    for (int i = 0; i < LIBOS_CALL_COUNT; i++)
        if (g_libos_calls[i].name && !strcmp(g_libos_calls[i].name, name))
            return i;
    return -1;
}

/* Calls that end or replace what calls them cannot be left undone. */
static bool must_act(int nr) {
    return nr == __NR_exit || nr == __NR_exit_group || nr == __NR_rt_sigreturn;
}

int libos_mock_init(void) {
    const toml_value_t* list =
        toml_get_path(g_pal_control->manifest_root, "sys.debug__mock_syscalls");
    size_t count = list && list->type == TOML_ARRAY ? toml_array_count(list->array) : 0;
    if (!count)
        return 0;
    g_mocks = libos_malloc(count * sizeof(*g_mocks));
    if (!g_mocks)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const toml_value_t* item = toml_array_item(list->array, i);
        const toml_table_t* entry = item->type == TOML_TABLE ? item->table : NULL;
        const char* name = manifest_string(entry, "name", "");
        int nr = find_call(name);
        if (nr < 0 || must_act(nr)) {
            log_error("sys.debug__mock_syscalls, line %u: %s '%s'", item->line,
                      nr < 0 ? "there is no system call" : "this call cannot be mocked:", name);
            return -EINVAL;
        }
        g_mocks[i] = (struct mock){nr, manifest_int(entry, "return", -ENOSYS)};
    }
    g_mock_count = count;
    __atomic_or_fetch(&libos_get_tcb()->work, LIBOS_WORK_TRACE, __ATOMIC_SEQ_CST);
    return 0;
}
