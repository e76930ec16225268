/* Oracle tests: plain Linux programs with many small checks. Each must pass on a real kernel first;
 * the runner then compares output and exit status natively and under Culm. Output is deterministic.
 *
 * A program defines tests with TEST(name) { ... }; they run in the order they stand. Arguments, if
 * any, choose tests by name. A failed check prints one line and the test goes on; NEED-checks end
 * the test. The exit status is the number of the first failed check (1..120), 0 if all held. */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ORACLE_MAX_TESTS 128
#define UNUSED           __attribute__((unused))

static struct {
    const char* name;
    void (*run)(void);
} oracle_tests[ORACLE_MAX_TESTS];
static int oracle_count, oracle_checks, oracle_first_failure, oracle_failures;
UNUSED static bool oracle_skipped;
static const char* oracle_current = "";
UNUSED static jmp_buf oracle_next;

UNUSED static void oracle_add(const char* name, void (*run)(void)) {
    if (oracle_count == ORACLE_MAX_TESTS)
        abort();
    oracle_tests[oracle_count].name = name;
    oracle_tests[oracle_count++].run = run;
}

/* Prints without stdio buffers, so that nothing is lost when the program dies. */
__attribute__((format(printf, 1, 2))) UNUSED static void say(const char* format, ...) {
    char line[1024];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    if (n > (int)sizeof(line) - 1)
        n = sizeof(line) - 1;
    if (write(1, line, n) != n)
        _exit(125);
}

#define TEST(n)                                                                                    \
    static void n(void);                                                                           \
    __attribute__((constructor)) static void add_##n(void) {                                       \
        oracle_add(#n, n);                                                                         \
    }                                                                                              \
    static void n(void)

#define SKIP(...)                                                                                  \
    do {                                                                                           \
        say("SKIP %s: ", oracle_current);                                                          \
        say(__VA_ARGS__);                                                                          \
        say("\n");                                                                                 \
        oracle_skipped = true;                                                                     \
        return;                                                                                    \
    } while (0)

UNUSED static const char* errno_name(long e) {
    const char* name = e ? strerrorname_np((int)e) : "0";
    return name ? name : "?";
}

UNUSED static void oracle_failed(const char* file, int line) {
    int check = __atomic_load_n(&oracle_checks, __ATOMIC_RELAXED);
    if (!__atomic_fetch_add(&oracle_failures, 1, __ATOMIC_RELAXED))
        oracle_first_failure = (check - 1) % 120 + 1;
    const char* base = strrchr(file, '/');
    say("FAIL %s %s:%d: ", oracle_current, base ? base + 1 : file, line);
}

#define ORACLE_TICK() __atomic_add_fetch(&oracle_checks, 1, __ATOMIC_RELAXED)

/* A condition. */
#define CHECK(e)                                                                                   \
    ({                                                                                             \
        ORACLE_TICK();                                                                             \
        bool ok_ = (e);                                                                            \
        if (!ok_) {                                                                                \
            int e_ = errno;                                                                        \
            oracle_failed(__FILE__, __LINE__);                                                     \
            say("%s (errno %s)\n", #e, errno_name(e_));                                            \
        }                                                                                          \
        ok_;                                                                                       \
    })

/* Two integers or pointers are equal. */
#define CHECK_EQ(got, want)                                                                        \
    ({                                                                                             \
        ORACLE_TICK();                                                                             \
        long long got_ = (long long)(got), want_ = (long long)(want);                              \
        if (got_ != want_) {                                                                       \
            oracle_failed(__FILE__, __LINE__);                                                     \
            say("%s: got %lld (0x%llx), want %s = %lld (0x%llx)\n", #got, got_, got_, #want,       \
                want_, want_);                                                                     \
        }                                                                                          \
        got_ == want_;                                                                             \
    })

#define CHECK_STR(got, want)                                                                       \
    ({                                                                                             \
        ORACLE_TICK();                                                                             \
        const char *got_ = (got), *want_ = (want);                                                 \
        bool ok_ = !strcmp(got_, want_);                                                           \
        if (!ok_) {                                                                                \
            oracle_failed(__FILE__, __LINE__);                                                     \
            say("%s: got \"%s\", want \"%s\"\n", #got, got_, want_);                               \
        }                                                                                          \
        ok_;                                                                                       \
    })

#define CHECK_MEM(got, want, n)                                                                    \
    ({                                                                                             \
        ORACLE_TICK();                                                                             \
        bool ok_ = !memcmp((got), (want), (n));                                                    \
        if (!ok_) {                                                                                \
            oracle_failed(__FILE__, __LINE__);                                                     \
            say("%s: bytes differ from %s\n", #got, #want);                                        \
        }                                                                                          \
        ok_;                                                                                       \
    })

/* The call fails, with this errno. */
#define CHECK_ERRNO(call, want)                                                                    \
    ({                                                                                             \
        ORACLE_TICK();                                                                             \
        errno = 0;                                                                                 \
        long long got_ = (long long)(call);                                                        \
        int e_ = errno;                                                                            \
        bool ok_ = got_ == -1 && e_ == (want);                                                     \
        if (!ok_) {                                                                                \
            oracle_failed(__FILE__, __LINE__);                                                     \
            say("%s: got %lld errno %s, want -1 %s\n", #call, got_, errno_name(e_), #want);        \
        }                                                                                          \
        ok_;                                                                                       \
    })

/* The call succeeds; its value. */
#define CHECK_OK(call)                                                                             \
    ({                                                                                             \
        ORACLE_TICK();                                                                             \
        errno = 0;                                                                                 \
        long long got_ = (long long)(call);                                                        \
        if (got_ == -1) {                                                                          \
            int e_ = errno;                                                                        \
            oracle_failed(__FILE__, __LINE__);                                                     \
            say("%s: got -1 errno %s\n", #call, errno_name(e_));                                   \
        }                                                                                          \
        got_;                                                                                      \
    })

/* As above, but the rest of the test makes no sense without it. Main thread only. */
#define NEED(e)                                                                                    \
    do {                                                                                           \
        if (!CHECK(e))                                                                             \
            longjmp(oracle_next, 1);                                                               \
    } while (0)
#define NEED_OK(call)                                                                              \
    ({                                                                                             \
        long long need_ = CHECK_OK(call);                                                          \
        if (need_ == -1)                                                                           \
            longjmp(oracle_next, 1);                                                               \
        need_;                                                                                     \
    })

/* A raw system call: 0.. or -errno, no libc between. */
static inline long oracle_syscall(long nr, long a, long b, long c, long d, long e, long f) {
    long ret;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}
#define SC7(nr, a, b, c, d, e, f, ...)                                                             \
    oracle_syscall((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define sc(...) SC7(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

int main(int argc, char** argv);
#ifndef ORACLE_NO_MAIN
int main(int argc, char** argv) {
    for (int i = 0; i < oracle_count; i++) {
        bool chosen = argc < 2;
        for (int j = 1; j < argc; j++)
            chosen |= !strcmp(argv[j], oracle_tests[i].name);
        if (!chosen)
            continue;
        oracle_current = oracle_tests[i].name;
        oracle_skipped = false;
        int before = oracle_failures;
        if (!setjmp(oracle_next))
            oracle_tests[i].run();
        if (oracle_failures == before && !oracle_skipped)
            say("ok %s\n", oracle_current);
    }
    return oracle_failures ? oracle_first_failure : 0;
}
#endif
