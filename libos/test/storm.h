/* Storm tests: plain Linux programs that load one mechanism with as many events as it takes.
 * One argument: seconds per part (default 1; the suite stays short, `storm_x 60` is the real one).
 * Workers report progress; the main thread ends the program with status 99 when one of them has
 * made none for STORM_PATIENCE seconds: a lost wake-up. With STORM_KEEP=1 in the environment it
 * waits there for a debugger instead. Output is deterministic as long as nothing is wrong. */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STORM_MAX      64
#define STORM_PATIENCE 10
#define UNUSED         __attribute__((unused))

struct storm_worker {
    pthread_t thread;
    int index;
    atomic_int tid;
    atomic_ulong progress;
    atomic_int waiting; /* what it does just now, for the message */
    unsigned seed;
    char pad[64];
};

UNUSED static struct storm_worker storm_workers[STORM_MAX];
UNUSED static atomic_bool storm_stop;
UNUSED static atomic_int storm_bad;
UNUSED static double storm_seconds = 1;

__attribute__((format(printf, 1, 2))) UNUSED static void storm_say(const char* format, ...) {
    char line[512];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    if (write(1, line, n < (int)sizeof(line) ? n : (int)sizeof(line) - 1) < 0)
        _exit(125);
}

/* A promise was broken: say so (a few times only) and go on. */
#define STORM_BAD(...)                                                                             \
    do {                                                                                           \
        if (atomic_fetch_add(&storm_bad, 1) < 10) {                                                \
            storm_say("FAIL %s:%d: ", __FILE_NAME__, __LINE__);                                    \
            storm_say(__VA_ARGS__);                                                                \
            storm_say("\n");                                                                       \
        }                                                                                          \
    } while (0)
#define STORM_CHECK(e)                                                                             \
    do {                                                                                           \
        if (!(e))                                                                                  \
            STORM_BAD("%s (errno %d)", #e, errno);                                                 \
    } while (0)

UNUSED static unsigned storm_random(struct storm_worker* w) {
    w->seed = w->seed * 1664525u + 1013904223u;
    return w->seed >> 8;
}

UNUSED static double storm_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

UNUSED static void storm_hang(const char* part, struct storm_worker* w) {
    storm_say("HANG %s: worker %d made no progress (state %d)\n", part, w->index,
              atomic_load(&w->waiting));
    while (getenv("STORM_KEEP"))
        sleep(1);
    _exit(99);
}

/* Starts n workers, lets them run for the time asked, tells them to stop (and calls `stop` every
 * 10 ms, to get them out of calls that would wait for ever), and joins them. */
UNUSED static void storm_run(const char* part, int n, void* (*worker)(void*), void (*stop)(void)) {
    static unsigned long before[STORM_MAX];
    static double since[STORM_MAX];
    atomic_store(&storm_stop, false);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    double start = storm_now(), end = start + storm_seconds;
    for (int i = 0; i < n; i++) {
        struct storm_worker* w = &storm_workers[i];
        atomic_store(&w->progress, 0);
        w->index = i;
        w->seed = 12345 + i * 7919;
        atomic_store(&w->tid, 0);
        before[i] = 0;
        since[i] = start;
    }
    for (int i = 0; i < n; i++) {
        int e = pthread_create(&storm_workers[i].thread, &attr, worker, &storm_workers[i]);
        if (e) {
            storm_say("FAIL %s: pthread_create: %s\n", part, strerror(e));
            _exit(98);
        }
    }
    bool joined[STORM_MAX] = {0};
    int left = n;
    while (left) {
        struct timespec pause = {0, 10 * 1000 * 1000};
        nanosleep(&pause, NULL);
        double now = storm_now();
        if (now >= end) {
            atomic_store(&storm_stop, true);
            if (stop)
                stop();
        }
        for (int i = 0; i < n; i++) {
            struct storm_worker* w = &storm_workers[i];
            if (joined[i])
                continue;
            if (atomic_load(&storm_stop) && !pthread_tryjoin_np(w->thread, NULL)) {
                joined[i] = true;
                left--;
                continue;
            }
            unsigned long p = atomic_load(&w->progress);
            if (p != before[i]) {
                before[i] = p;
                since[i] = now;
            } else if (now - since[i] > STORM_PATIENCE) {
                storm_hang(part, w);
            }
        }
    }
    unsigned long sum = 0;
    for (int i = 0; i < n; i++)
        sum += storm_workers[i].progress;
    if (getenv("STORM_VERBOSE"))
        fprintf(stderr, "%s: %.0f rounds/s\n", part, sum / (storm_now() - start));
    if (!storm_bad)
        storm_say("ok %s\n", part);
}

UNUSED static void storm_args(int argc, char** argv) {
    if (argc > 1)
        storm_seconds = atof(argv[1]);
}

/* argv[2], if there, chooses one part. */
#define STORM_PART(argc, argv, name) ((argc) < 3 || !strcmp((argv)[2], name))

UNUSED static int storm_result(void) {
    return storm_bad ? 1 : 0;
}
