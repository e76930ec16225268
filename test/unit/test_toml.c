/*
 * The TOML parser: what each construct means, and where the limits are. test_toml_invalid.c has the
 * documents that must be refused.
 */
#include "unit.h"

static toml_table_t* parse(const char* text) {
    toml_error_t error;
    toml_table_t* root = unit_parse(text, strlen(text), &error);
    if (!root)
        fail_msg("%u:%u: %s in: %s", error.line, error.column, error.message, text);
    return root;
}

static const toml_value_t* at(const toml_table_t* root, const char* path) {
    const toml_value_t* value = toml_get_path(root, path);
    if (!value)
        fail_msg("no %s", path);
    return value;
}

static void test_strings(void** state) {
    (void)state;
    static const struct {
        const char *source, *text;
        size_t length;
    } rows[] = {
        {"\"\"", "", 0},
        {"''", "", 0},
        {"\"plain\"", "plain", 5},
        {"\"\\b\\t\\n\\f\\r\\\"\\\\\"", "\b\t\n\f\r\"\\", 7},
        {"\"\\u00e9\\u0000\\U0001F600\"", "\xC3\xA9\0\xF0\x9F\x98\x80", 7},
        {"\"\\uD7FF\\uE000\\U0010FFFF\"", "\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", 10},
        {"\"caf\xC3\xA9 \xF0\x9F\x98\x80\"", "caf\xC3\xA9 \xF0\x9F\x98\x80", 10},
        {"'C:\\temp\\u0041'", "C:\\temp\\u0041", 13},
        {"'tab\there'", "tab\there", 8},
        {"\"\"\"\"\"\"", "", 0},
        {"''''''", "", 0},
        {"\"\"\"\nfirst newline goes\"\"\"", "first newline goes", 18},
        {"\"\"\"a\nb\r\nc\"\"\"", "a\nb\nc", 5},
        {"\"\"\"a \\\n   \n\t b\"\"\"", "a b", 3},
        {"\"\"\"a \\  \r\n   b\"\"\"", "a b", 3},
        {"\"\"\"\\\n\"\"\"", "", 0},
        {"\"\"\"one \" two \"\" end\"\"\"", "one \" two \"\" end", 16},
        {"\"\"\"\"quoted\"\"\"\"", "\"quoted\"", 8},
        {"\"\"\"\"\"quoted\"\"\"\"\"", "\"\"quoted\"\"", 10},
        {"\"\"\"\\\"\"\"\"", "\"", 1},
        {"'''''two'''''", "''two''", 7},
        {"'''a\n\\n'''", "a\n\\n", 4},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "a = %s # end\nb = 1\n", rows[i].source);
        toml_table_t* root = parse(text);
        const toml_value_t* value = at(root, "a");
        assert_int_equal(value->type, TOML_STRING);
        assert_int_equal(value->string.length, rows[i].length);
        assert_memory_equal(value->string.text, rows[i].text, rows[i].length + 1);
        assert_int_equal(at(root, "b")->integer, 1);
        toml_free(root);
    }
}

static void test_integers(void** state) {
    (void)state;
    static const struct {
        const char* source;
        int64_t number;
    } rows[] = {
        {"0", 0},
        {"+0", 0},
        {"-0", 0},
        {"42", 42},
        {"+99", 99},
        {"-17", -17},
        {"1_000", 1000},
        {"5_349_221", 5349221},
        {"1_2_3_4_5", 12345},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"0xDEADBEEF", 0xDEADBEEF},
        {"0xdead_beef", 0xDEADBEEF},
        {"0x7fffffffffffffff", INT64_MAX},
        {"0x00", 0},
        {"0o01234567", 01234567},
        {"0o755", 0755},
        {"0b11010110", 0xD6},
        {"0b0", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[100];
        snprintf(text, sizeof(text), "a=%s", rows[i].source);
        toml_table_t* root = parse(text);
        assert_int_equal(at(root, "a")->type, TOML_INT);
        assert_int_equal(at(root, "a")->integer, rows[i].number);
        toml_free(root);
    }
}

static void test_floats(void** state) {
    (void)state;
    static const struct {
        const char* source;
        double number;
    } rows[] = {
        {"1.0", 1},           {"+1.5", 1.5},    {"-0.01", -0.01},         {"5e+22", 5e22},
        {"1e06", 1e6},        {"-2E-2", -0.02}, {"6.626e-34", 6.626e-34}, {"0.0", 0},
        {"1_0.2_5", 10.25},   {"0e0", 0},       {"1e1_0", 1e10},          {"inf", 1.0 / 0.0},
        {"-inf", -1.0 / 0.0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[100];
        snprintf(text, sizeof(text), "a=%s", rows[i].source);
        toml_table_t* root = parse(text);
        assert_int_equal(at(root, "a")->type, TOML_FLOAT);
        assert_true(toml_float_value(at(root, "a")) == rows[i].number);
        toml_free(root);
    }
    toml_table_t* root = parse("a = nan\nb = +nan\nc = -nan");
    assert_true(toml_float_value(at(root, "a")) != toml_float_value(at(root, "a")));
    toml_free(root);
}

static void test_dates(void** state) {
    (void)state;
    static const struct {
        const char* source;
        int type;
        toml_datetime_t parts;
    } rows[] = {
        {"1979-05-27T07:32:00Z", TOML_DATETIME, {1979, 5, 27, 7, 32, 0, 0, 0}},
        {"1979-05-27t00:32:00.999999-07:00",
         TOML_DATETIME,
         {1979, 5, 27, 0, 32, 0, 999999000, -420}},
        {"1979-05-27 07:32:00z", TOML_DATETIME, {1979, 5, 27, 7, 32, 0, 0, 0}},
        {"2000-02-29 23:59:60+23:59", TOML_DATETIME, {2000, 2, 29, 23, 59, 60, 0, 1439}},
        {"1979-05-27T07:32:00.1234567891",
         TOML_DATETIME_LOCAL,
         {1979, 5, 27, 7, 32, 0, 123456789, 0}},
        {"1979-05-27", TOML_DATE_LOCAL, {1979, 5, 27, 0, 0, 0, 0, 0}},
        {"0000-01-01", TOML_DATE_LOCAL, {0, 1, 1, 0, 0, 0, 0, 0}},
        {"07:32:00", TOML_TIME_LOCAL, {0, 0, 0, 7, 32, 0, 0, 0}},
        {"00:32:00.5", TOML_TIME_LOCAL, {0, 0, 0, 0, 32, 0, 500000000, 0}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[100];
        snprintf(text, sizeof(text), "a = %s # date\n", rows[i].source);
        toml_table_t* root = parse(text);
        assert_int_equal(at(root, "a")->type, rows[i].type);
        const toml_datetime_t *have = at(root, "a")->datetime, *want = &rows[i].parts;
        assert_int_equal(have->year, want->year);
        assert_int_equal(have->month, want->month);
        assert_int_equal(have->day, want->day);
        assert_int_equal(have->hour, want->hour);
        assert_int_equal(have->minute, want->minute);
        assert_int_equal(have->second, want->second);
        assert_int_equal(have->nanosecond, want->nanosecond);
        assert_int_equal(have->offset, want->offset);
        toml_free(root);
    }
}

static void test_arrays(void** state) {
    (void)state;
    toml_table_t* root =
        parse("a = []\nb = [ 1, 2, ]\nc = [ # one\n 'x' # two\n , \n [1.5,true], {k=1}\n"
              "]\nd = [[], [[]]]\n");
    assert_int_equal(toml_array_count(at(root, "a")->array), 0);
    assert_int_equal(toml_array_count(at(root, "b")->array), 2);
    assert_null(toml_array_item(at(root, "b")->array, 2));
    const toml_array_t* c = at(root, "c")->array;
    assert_int_equal(toml_array_count(c), 3);
    assert_string_equal(toml_array_item(c, 0)->string.text, "x");
    assert_int_equal(toml_array_item(c, 0)->line, 4);
    assert_int_equal(toml_array_item(c, 1)->type, TOML_ARRAY);
    assert_int_equal(at(toml_array_item(c, 2)->table, "k")->integer, 1);
    toml_free(root);
}

static void test_keys(void** state) {
    (void)state;
    toml_table_t* root = parse("bare_key-1 = 1\n1234 = 2\n\"quoted \\u00e9\" = 3\n'lit.eral' = 4\n"
                               "\"\" = 5\na . b\t.\"c.d\" = 6\na.e = 7\n3.14 = 8\ntrue = 9\n");
    assert_int_equal(at(root, "bare_key-1")->integer, 1);
    assert_int_equal(at(root, "1234")->integer, 2);
    assert_int_equal(at(root, "quoted \xC3\xA9")->integer, 3);
    assert_int_equal(toml_get(root, "lit.eral")->integer, 4);
    assert_int_equal(toml_get(root, "")->integer, 5);
    assert_int_equal(toml_get(toml_get_table(root, "a.b"), "c.d")->integer, 6);
    assert_int_equal(at(root, "a.e")->integer, 7);
    assert_int_equal(at(root, "3.14")->integer, 8);
    assert_int_equal(at(root, "true")->integer, 9);
    assert_null(toml_get_path(root, "a.e.f"));
    assert_null(toml_get_path(root, "a.x"));
    assert_int_equal(toml_find(root, "1234", 4)->line, 2);
    assert_int_equal(toml_find(root, "3.14", 1) ? 1 : 0, 1); /* the table "3" */
    toml_free(root);
}

static void test_tables(void** state) {
    (void)state;
    toml_table_t* root = parse("top = 1\n[a.b.c]\nx = 1\n[a]\ny = 2\n[ a . b ]\nz = 3\n"
                               "[fruit]\napple.color = 'red'\napple.taste.sweet = true\n"
                               "[fruit.apple.texture]\nsmooth = true\n[empty]\n");
    assert_int_equal(at(root, "a.b.c.x")->integer, 1);
    assert_int_equal(at(root, "a.y")->integer, 2);
    assert_int_equal(at(root, "a.b.z")->integer, 3);
    assert_true(at(root, "fruit.apple.texture.smooth")->boolean);
    assert_int_equal(toml_table_line(toml_get_table(root, "a")), 4);
    assert_int_equal(toml_table_line(toml_get_table(root, "fruit.apple.texture")), 11);
    assert_int_equal(toml_table_count(toml_get_table(root, "empty")), 0);
    assert_string_equal(toml_table_entry(root, 0)->key, "top");
    assert_null(toml_table_entry(root, 99));
    toml_free(root);
}

static void test_inline_tables(void** state) {
    (void)state;
    toml_table_t* root =
        parse("a = {}\nb = { x = 1, y.z = 2, y.w = {q=[1,\n2]} }\n[t]\nc = {d = {e = 1}}");
    assert_int_equal(toml_table_count(at(root, "a")->table), 0);
    assert_int_equal(at(root, "b.y.z")->integer, 2);
    assert_int_equal(toml_array_count(at(root, "b.y.w.q")->array), 2);
    assert_int_equal(at(root, "t.c.d.e")->integer, 1);
    toml_free(root);
}

static void test_arrays_of_tables(void** state) {
    (void)state;
    toml_table_t* root =
        parse("[[m]]\nn='a'\n[m.s]\nk=1\n[[m.v]]\nq=1\n[[m.v]]\nq=2\n[[m]]\n[[m]]\nn='c'\n"
              "[m.s]\nk=3\n[[x.y]]\nz=1\n[x]\nw=1\n");
    const toml_array_t* m = at(root, "m")->array;
    assert_int_equal(toml_array_count(m), 3);
    assert_int_equal(toml_array_count(at(toml_array_item(m, 0)->table, "v")->array), 2);
    assert_int_equal(toml_table_count(toml_array_item(m, 1)->table), 0);
    assert_int_equal(at(toml_array_item(m, 2)->table, "s.k")->integer, 3);
    assert_int_equal(at(root, "x.w")->integer, 1);
    toml_free(root);
}

static void test_layout(void** state) {
    (void)state;
    static const char* const rows[] = {
        "",
        "\n",
        "# only a comment",
        "\xEF\xBB\xBF# mark\na = 1",
        "\t a = 1 \t# c\xC3\xA9\r\n\r\n",
        "a=1\r\nb=2",
        "a = 'x'#no blank",
        "[a]#c\n[b] # c\n[[c]]# c",
        "# tab \t in comment\n",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        toml_free(parse(rows[i]));
}

static void test_many_keys(void** state) {
    (void)state;
    char* text = malloc(200000);
    size_t used = 0;
    for (int i = 0; i < 5000; i++)
        used += (size_t)sprintf(text + used, "k%d.v = %d\n", i, i);
    toml_error_t error;
    toml_table_t* root = unit_parse(text, used, &error);
    assert_non_null(root);
    assert_int_equal(toml_table_count(root), 5000);
    for (int i = 0; i < 5000; i++) {
        char key[20];
        snprintf(key, sizeof(key), "k%d.v", i);
        assert_int_equal(at(root, key)->integer, i);
        assert_int_equal(toml_table_entry(root, (size_t)i)->line, i + 1);
    }
    assert_null(toml_get(root, "k5000"));
    toml_free(root);
    free(text);
}

/* Memory that ends after some pieces: an error, and nothing leaks. */
static int pieces_left;
static void* scarce_alloc(void* arg, size_t size) {
    (void)arg;
    return pieces_left-- > 0 ? malloc(size) : NULL;
}

static void test_out_of_memory(void** state) {
    (void)state;
    toml_memory_t memory = {scarce_alloc, unit_free, NULL};
    char* text = malloc(200000);
    size_t used = 0;
    for (int i = 0; i < 1500; i++)
        used += (size_t)sprintf(text + used, "[t%d]\nk = ['%040d', {a.b.c=1}]\n", i, i);
    toml_error_t error;
    toml_table_t* root = NULL;
    for (int pieces = 0; !root; pieces++) {
        assert_true(pieces < 40);
        pieces_left = pieces;
        root = toml_parse(text, used, &memory, &error);
        if (!root)
            assert_string_equal(error.message, "out of memory");
    }
    toml_free(root);
    toml_free(NULL);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),          cmocka_unit_test(test_integers),
        cmocka_unit_test(test_floats),           cmocka_unit_test(test_dates),
        cmocka_unit_test(test_arrays),           cmocka_unit_test(test_keys),
        cmocka_unit_test(test_tables),           cmocka_unit_test(test_inline_tables),
        cmocka_unit_test(test_arrays_of_tables), cmocka_unit_test(test_layout),
        cmocka_unit_test(test_many_keys),        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
