/*
 * Documents that TOML 1.0 forbids, each with the place that the error must name.
 */
#include "unit.h"

static const struct {
    const char* text;
    uint32_t line, column;
} rows[] = {
    /* keys */
    {"= 1", 1, 1},
    {"a", 1, 2},
    {"a b = 1", 1, 3},
    {"a = 1 b = 2", 1, 7},
    {"a. = 1", 1, 4},
    {".a = 1", 1, 1},
    {"a..b = 1", 1, 3},
    {"\xC3\xA9 = 1", 1, 1},
    {"a\xC3\xA9 = 1", 1, 2},
    {"\"\"\"a\"\"\" = 1", 1, 1},
    {"'''a''' = 1", 1, 1},
    {"a = 1\na = 2", 2, 1},
    {"a = 1\n\"a\" = 2", 2, 1},
    {"a.b = 1\na.b = 2", 2, 3},
    {"a = 1\na.b = 2", 2, 1},
    {"a.b = 1\na = 2", 2, 1},
    {"a\n= 1", 1, 2},
    {"a =\n1", 1, 4},
    {"a! = 1", 1, 2},
    /* values */
    {"a =", 1, 4},
    {"a = # none", 1, 5},
    {"a = b", 1, 5},
    {"a = True", 1, 5},
    {"a = truer", 1, 5},
    {"a = true1", 1, 5},
    {"a = 'x' 'y'", 1, 9},
    {"a = ,", 1, 5},
    {"a = ]", 1, 5},
    /* integers */
    {"a = 01", 1, 5},
    {"a = -01", 1, 5},
    {"a = 0_1", 1, 5},
    {"a = 1__0", 1, 5},
    {"a = _1", 1, 5},
    {"a = 1_", 1, 5},
    {"a = +", 1, 5},
    {"a = ++1", 1, 5},
    {"a = 0x", 1, 5},
    {"a = 0xg", 1, 5},
    {"a = 0x_1", 1, 5},
    {"a = 0x1_", 1, 5},
    {"a = +0x1", 1, 5},
    {"a = 0X1", 1, 5},
    {"a = 0o8", 1, 5},
    {"a = 0b2", 1, 5},
    {"a = 1a", 1, 5},
    {"a = 9223372036854775808", 1, 5},
    {"a = -9223372036854775809", 1, 5},
    {"a = 0x8000000000000000", 1, 5},
    {"a = 99999999999999999999999999", 1, 5},
    /* floats */
    {"a = .5", 1, 5},
    {"a = 5.", 1, 5},
    {"a = 1.e5", 1, 5},
    {"a = 1e", 1, 5},
    {"a = 1e+", 1, 5},
    {"a = 1.2.3", 1, 5},
    {"a = 1._5", 1, 5},
    {"a = 1_.5", 1, 5},
    {"a = 1.5_", 1, 5},
    {"a = 03.14", 1, 5},
    {"a = Inf", 1, 5},
    {"a = infinity", 1, 5},
    {"a = +nan1", 1, 5},
    {"a = 1e1.5", 1, 5},
    /* dates and times */
    {"a = 2001-13-01", 1, 5},
    {"a = 2001-00-01", 1, 5},
    {"a = 2001-02-30", 1, 5},
    {"a = 1900-02-29", 1, 5},
    {"a = 2001-1-01", 1, 5},
    {"a = 2001-01-1", 1, 5},
    {"a = 01-01-01", 1, 5},
    {"a = 2001-01-01T", 1, 5},
    {"a = 2001-01-01T24:00:00", 1, 5},
    {"a = 2001-01-01T00:60:00", 1, 5},
    {"a = 2001-01-01T00:00:61", 1, 5},
    {"a = 2001-01-01T00:00", 1, 5},
    {"a = 2001-01-01T00:00:00.", 1, 5},
    {"a = 2001-01-01T00:00:00+24:00", 1, 5},
    {"a = 2001-01-01T00:00:00+0100", 1, 5},
    {"a = 2001-01-01T00:00:00Zx", 1, 5},
    {"a = 2001-01-01x", 1, 5},
    {"a = 2001-01-01  00:00:00", 1, 17},
    {"a = 25:00:00", 1, 5},
    {"a = 00:00", 1, 5},
    {"a = 00:00:00Z", 1, 5},
    {"a = 12:3", 1, 5},
    /* strings */
    {"a = \"open", 1, 5},
    {"a = \"open\n\"", 1, 5},
    {"a = 'open", 1, 5},
    {"a = 'a\nb'", 1, 5},
    {"a = \"\"\"open\nnext\"\"", 1, 5},
    {"a = '''open", 1, 5},
    {"a = \"\\q\"", 1, 6},
    {"a = \"\\x41\"", 1, 6},
    {"a = \"\\e\"", 1, 6},
    {"a = \"ab\\ \"", 1, 8},
    {"a = \"\\u12\"", 1, 6},
    {"a = \"\\u123g\"", 1, 6},
    {"a = \"\\uD800\"", 1, 6},
    {"a = \"\\U00110000\"", 1, 6},
    {"a = \"\\U1234567\"", 1, 6},
    {"a = \"\\", 1, 5},
    {"a = \"x\x01\"", 1, 7},
    {"a = \"x\x7f\"", 1, 7},
    {"a = 'x\x1f'", 1, 7},
    {"a = \"x\ry\"", 1, 7},
    {"a = '''x\ry'''", 1, 9},
    {"a = \"\"\"a\n b \\c\"\"\"", 2, 4},
    {"a = \"\"\"a \\ b\"\"\"", 1, 10},
    {"a = \"\"\"\"\"\"\"\"\"", 1, 13},
    {"a = \"\xC3\"", 1, 6},
    {"a = \"\xC3\xA9\xC0\x80\"", 1, 7},
    {"a = \"\xED\xA0\x80\"", 1, 6},
    {"a = \"\xF4\x90\x80\x80\"", 1, 6},
    {"a = '\xFF'", 1, 6},
    /* comments and layout */
    {"# \x01", 1, 3},
    {"# \xFF", 1, 3},
    {"a = 1 # \x0b", 1, 9},
    {"a = 1\rb = 2", 1, 6},
    {"\x0c", 1, 1},
    {"a = 1\n\xEF\xBB\xBF b = 1", 2, 1},
    /* arrays */
    {"a = [", 1, 6},
    {"a = [1", 1, 7},
    {"a = [1 2]", 1, 8},
    {"a = [,]", 1, 6},
    {"a = [1,,2]", 1, 8},
    {"a = [1]]", 1, 8},
    {"a = [\n1,\n x]", 3, 2},
    {"a = [1\n# c\n", 3, 1},
    /* inline tables */
    {"a = {", 1, 6},
    {"a = {b=1", 1, 9},
    {"a = {b=1,}", 1, 10},
    {"a = {,}", 1, 6},
    {"a = {b=1 c=2}", 1, 10},
    {"a = {\nb=1}", 1, 6},
    {"a = {b=1\n}", 1, 9},
    {"a = {b=1, # c\n}", 1, 11},
    {"a = {b=1, b=2}", 1, 11},
    {"a = {b.c=1, b=2}", 1, 13},
    {"a = {b={c=1}, b.d=2}", 1, 15},
    {"a = {}\na.b = 1", 2, 1},
    {"a = {b.c=1}\na.b.d = 1", 2, 1},
    {"a = {}\n[a]", 2, 2},
    {"a = {}\n[a.b]", 2, 2},
    {"a = {b={}}\n[a.b]", 2, 2},
    {"a = [{}]\n[[a]]", 2, 3},
    {"a = [{b=1}]\n[a.c]", 2, 2},
    /* tables */
    {"[]", 1, 2},
    {"[", 1, 2},
    {"[a", 1, 3},
    {"[a]]", 1, 4},
    {"[a] b = 1", 1, 5},
    {"[a.]", 1, 4},
    {"[.a]", 1, 2},
    {"[a b]", 1, 4},
    {"[a\n]", 1, 3},
    {"[a]\n[a]", 2, 2},
    {"[a.b]\n[a]\n[a.b]", 3, 4},
    {"[a]\nb = 1\n[a.b]", 3, 4},
    {"[a]\nb = 1\n[a.b.c]", 3, 4},
    {"a.b = 1\n[a]", 2, 2},
    {"[a]\nb.c = 1\n[a.b]", 3, 4},
    {"[a.b.c]\nz = 9\n[a]\nb.c.t = 1", 4, 3},
    {"[a.b]\n[a]\nb.c = 1", 3, 1},
    {"[[a.b]]\n[a]\nb.y = 2", 3, 1},
    {"[a.b.x]\n[a]\nb.c = 1\n[a.b]", 4, 4},
    {"[[a]", 1, 4},
    {"[[a] ]", 1, 4},
    {"[ [a]]", 1, 3},
    {"[[]]", 1, 3},
    {"[a]\n[[a]]", 2, 3},
    {"[[a]]\n[a]", 2, 2},
    {"[a.b]\n[[a]]", 2, 3},
    {"a = []\n[[a]]", 2, 3},
    {"a = 1\n[[a]]", 2, 3},
    {"[[a]]\n[a.b]\n[[a.b]]", 3, 5},
    {"[[a]]\n[[a.b]]\n[a.b]", 3, 4},
};

static void test_refused(void** state) {
    (void)state;
    unsigned bad = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        toml_error_t error;
        toml_table_t* root = unit_parse(rows[i].text, strlen(rows[i].text), &error);
        if (root) {
            print_error("accepted: <<%s>>\n", rows[i].text);
            toml_free(root);
            bad++;
        } else if (error.line != rows[i].line || error.column != rows[i].column ||
                   !error.message[0]) {
            print_error("%u:%u: %s, wanted %u:%u: <<%s>>\n", error.line, error.column,
                        error.message, rows[i].line, rows[i].column, rows[i].text);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

static void test_nul(void** state) {
    (void)state;
    static const char* const texts[] = {"a = \"x\0y\" ", "a = 'x\0y' ", "a = 1\0\n\n",
                                        "# a\0\n\n\n\n\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        toml_error_t error;
        assert_null(unit_parse(texts[i], 9, &error));
    }
}

static void repeat(char* out, const char* part, int times) {
    *out = 0;
    for (int i = 0; i < times; i++)
        out = stpcpy(out, part);
}

/* TOML_MAX_DEPTH levels are fine, one more is not, and a million do no harm. */
static void test_depth(void** state) {
    (void)state;
    char* text = malloc(3000000);
    toml_error_t error;
    for (int depth = TOML_MAX_DEPTH; depth <= TOML_MAX_DEPTH + 1; depth++) {
        strcpy(text, "a=");
        repeat(text + 2, "[", depth);
        repeat(text + strlen(text), "]", depth);
        toml_table_t* root = unit_parse(text, strlen(text), &error);
        assert_int_equal(root != NULL, depth == TOML_MAX_DEPTH);
        toml_free(root);
        strcpy(text, "[");
        repeat(text + 1, "a.", depth - 1);
        strcat(text, "a]");
        root = unit_parse(text, strlen(text), &error);
        assert_int_equal(root != NULL, depth == TOML_MAX_DEPTH);
        toml_free(root);
    }
    const char* const parts[] = {"[", "{a=", "a.", "[{a=", "a={b."};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        strcpy(text, "a = ");
        repeat(text + (i == 2 ? 0 : 4), parts[i], 500000);
        assert_null(unit_parse(text, strlen(text), &error));
    }
    free(text);
}

static void test_messages(void** state) {
    (void)state;
    toml_error_t error;
    char text[400] = "a = \"\\";
    memset(text + 4, 'z', 300);
    assert_null(unit_parse(text, 304, &error));
    assert_non_null(strstr(error.message, "..."));
    assert_null(unit_parse("\xC3\xA9", 2, &error));
    assert_null(unit_parse("'\xC3\xA9' = \xC3\xA9", 8, &error));
    assert_int_equal(error.column, 7); /* characters, not bytes */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
