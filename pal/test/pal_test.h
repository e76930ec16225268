/*
 * Bare-PAL test programs: no LibOS, only PAL calls. A program is a shared object that `culm-pal
 * --bare` starts, in an empty directory of its own.
 *
 *     TEST(PalStreamRead, end_of_file) {
 *         EXPECT(PalStreamRead(...), 0);
 *     }
 *
 * Each test names the call that it is about; tools/check-pal-abi.py sees that every call has one.
 * A failed check ends its test, not the program. Tests run in the order of the file.
 */
#ifndef PAL_TEST_H
#define PAL_TEST_H

#include "culm_printf.h"
#include "culm_string.h"
#include "pal/entry.h"
#include "pal/pal.h"

struct pal_test {
    const char* call;
    const char* what;
    void (*run)(void);
    int line;
    int pad;
};

#define TEST(call, what)                                                                           \
    static void test_##call##_##what(void);                                                        \
    __attribute__((section("pal_tests"), used,                                                     \
                   aligned(8))) static const struct pal_test entry_##call##_##what = {             \
        sizeof(&call) ? #call : NULL, #what, test_##call##_##what, __LINE__, 0};                   \
    static void test_##call##_##what(void)

/* The value of an expression against what it must be; both are shown on failure. */
#define EXPECT(expr, wanted)                                                                       \
    do {                                                                                           \
        int64_t got_ = (int64_t)(expr), wanted_ = (int64_t)(wanted);                               \
        if (got_ != wanted_) {                                                                     \
            test_fail(__FILE__, __LINE__, #expr, got_, wanted_, #wanted);                          \
            return;                                                                                \
        }                                                                                          \
    } while (0)
#define CHECK(cond) EXPECT(!!(cond), 1)
/* The rest of this test can't run here, and why. */
#define SKIP(why)                                                                                  \
    do {                                                                                           \
        test_skip(why);                                                                            \
        return;                                                                                    \
    } while (0)

void test_fail(const char* file, int line, const char* expr, int64_t got, int64_t wanted,
               const char* wanted_text);
void test_skip(const char* why);
void test_print(const char* fmt, ...) __attribute__((format(printf, 1, 2)));

/* The program's second process, started with PalProcessCreate(); a program that has none leaves it
 * out. Returns its exit code. */
int test_child(PAL_CONTROL* control);

/* ---- Things that many tests need ---------------------------------------------------------------
 */

/* No memory is ever there. */
#define BAD_ADDRESS ((void*)0x10)
#define BAD_URI     "nonsense:x"

/* A new file in the working directory with this text, open for reading and writing; NULL: failed,
 * and said so. */
PAL_HANDLE test_file(const char* name, const char* text);
/* The working directory. */
PAL_HANDLE test_dir(void);
/* A handle that no stream call takes. */
PAL_HANDLE test_event(void);
/* One page that the caller may use and leave. */
void* test_page(void);

#endif /* PAL_TEST_H */
