/*
 * --stats: how often each call was made, how long it took, and by which way it came. Printed when
 * the process ends.
 */
#include "../arch/x86_64/patch.h"
#include "../proc/libos_proc_internal.h"
#include "trace.h"

struct call_stats { /* atomics */
    uint64_t count, failed, trapped, ns;
};
static struct call_stats g_calls[LIBOS_CALL_COUNT + 1]; /* the last: numbers that are no call */

void trace_count(uint32_t nr, uint64_t ns, bool failed, bool trapped) {
    struct call_stats* s = &g_calls[MIN(nr, LIBOS_CALL_COUNT)];
    __atomic_add_fetch(&s->count, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&s->ns, ns, __ATOMIC_RELAXED);
    __atomic_add_fetch(&s->failed, failed, __ATOMIC_RELAXED);
    __atomic_add_fetch(&s->trapped, trapped, __ATOMIC_RELAXED);
}

static void say(const char* fmt, ...) {
    struct trace_line line = {.length = 0};
    va_list ap;
    va_start(ap, fmt);
    line.length = vsnprintf(line.text, sizeof(line.text), fmt, ap);
    va_end(ap);
    PAL_NUM size = line.length;
    PalDebugLog(line.text, &size);
}

/* The most frequent one that was not printed yet. */
static int next_call(const bool* printed) {
    int best = -1;
    for (int i = 0; i <= LIBOS_CALL_COUNT; i++) {
        if (g_calls[i].count && !printed[i] && (best < 0 || g_calls[i].count > g_calls[best].count))
            best = i;
    }
    return best;
}

static void percent(char text[8], uint64_t part, uint64_t whole) {
    uint64_t tenths = whole ? part * 1000 / whole : 0;
    snprintf(text, 8, "%lu.%lu%%", (unsigned long)(tenths / 10), (unsigned long)(tenths % 10));
}

static void print_stats(void) {
    bool printed[LIBOS_CALL_COUNT + 1] = {false};
    struct call_stats all = {0};
    char fast[8];
    say("     calls    failed   fast path   time (us)  system call\n");
    for (int i; (i = next_call(printed)) >= 0; printed[i] = true) {
        const struct call_stats* s = &g_calls[i];
        percent(fast, s->count - s->trapped, s->count);
        say("%10lu %9lu %11s %11lu  %s\n", (unsigned long)s->count, (unsigned long)s->failed, fast,
            (unsigned long)(s->ns / 1000),
            i < LIBOS_CALL_COUNT && g_libos_calls[i].name ? g_libos_calls[i].name
                                                          : "(no such call)");
        all.count += s->count;
        all.failed += s->failed;
        all.trapped += s->trapped;
        all.ns += s->ns;
    }
    percent(fast, all.count - all.trapped, all.count);
    unsigned patched, refused;
    libos_patch_counts(&patched, &refused);
    say("%10lu %9lu %11s %11lu  total (%lu by trap; %u call sites patched, %u left to trap)\n",
        (unsigned long)all.count, (unsigned long)all.failed, fast, (unsigned long)(all.ns / 1000),
        (unsigned long)all.trapped, patched, refused);
}

void trace_stats_init(void) {
    libos_at_process_exit(print_stats);
}
