/*
 * Runs the tests of one program and prints a line for each: "ok", "FAIL" or "SKIP", the test's name
 * and what was wrong. "done" is last, so that the runner sees when a program died on the way.
 */
#include "pal_test.h"

extern const struct pal_test __start_pal_tests[], __stop_pal_tests[];

static const struct pal_test* g_current;
static bool g_failed, g_skipped;
static PAL_CONTROL* g_test_control;

void test_print(const char* fmt, ...) {
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    int length = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    PAL_NUM size = length < (int)sizeof(line) ? length : (int)sizeof(line) - 1;
    PalDebugLog(line, &size);
}

void test_fail(const char* file, int line, const char* expr, int64_t got, int64_t wanted,
               const char* wanted_text) {
    const char* name = strrchr(file, '/');
    g_failed = true;
    test_print("FAIL %s.%s: %s:%d: %s: %ld (%s), wanted %s (%ld)\n", g_current->call,
               g_current->what, name ? name + 1 : file, line, expr, got,
               got < 0 && got > PAL_ERROR_BOUND ? pal_strerror(got) : "a number", wanted_text,
               wanted);
}

void test_skip(const char* why) {
    g_skipped = true;
    test_print("SKIP %s.%s: %s\n", g_current->call, g_current->what, why);
}

static const struct pal_test* next_test(int after) {
    const struct pal_test* best = NULL;
    for (const struct pal_test* t = __start_pal_tests; t < __stop_pal_tests; t++) {
        if (t->line > after && (!best || t->line < best->line))
            best = t;
    }
    return best;
}

__attribute__((weak)) int test_child(PAL_CONTROL* control) {
    (void)control;
    return 99;
}

__attribute__((visibility("default"))) void libos_start(PAL_CONTROL* control) {
    g_test_control = control;
    if (control->parent_process)
        PalProcessExit(test_child(control));
    int failures = 0;
    for (const struct pal_test* t = next_test(0); t; t = next_test(t->line)) {
        g_current = t;
        g_failed = g_skipped = false;
        test_print("begin %s.%s\n", t->call, t->what);
        t->run();
        if (!g_failed && !g_skipped)
            test_print("ok %s.%s\n", t->call, t->what);
        failures += g_failed;
    }
    test_print("done\n");
    PalProcessExit(failures != 0);
}

PAL_HANDLE test_file(const char* name, const char* text) {
    char uri[128];
    PAL_HANDLE handle;
    PAL_NUM size = strlen(text);
    snprintf(uri, sizeof(uri), "file:%s", name);
    int ret = PalStreamOpen(uri, PAL_ACCESS_RDWR, 0644, PAL_CREATE_TRY, PAL_OPTION_TRUNC, &handle);
    if (ret == 0 && size)
        ret = PalStreamWrite(handle, 0, &size, text, NULL);
    if (ret < 0) {
        test_fail(__FILE__, __LINE__, uri, ret, 0, "0");
        return NULL;
    }
    return handle;
}

PAL_HANDLE test_dir(void) {
    PAL_HANDLE handle;
    int ret = PalStreamOpen("dir:.", PAL_ACCESS_RDONLY, 0, 0, 0, &handle);
    if (ret < 0) {
        test_fail(__FILE__, __LINE__, "dir:.", ret, 0, "0");
        return NULL;
    }
    return handle;
}

PAL_HANDLE test_event(void) {
    static PAL_HANDLE event;
    if (!event && PalNotificationEventCreate(PAL_FALSE, &event) < 0)
        event = NULL;
    return event;
}

void* test_page(void) {
    void* page = NULL;
    int ret = PalVirtualMemoryAlloc(&page, 4096, 0, PAL_PROT_READ | PAL_PROT_WRITE);
    if (ret < 0)
        test_fail(__FILE__, __LINE__, "a page", ret, 0, "0");
    return page;
}
