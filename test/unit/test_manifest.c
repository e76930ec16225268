/*
 * Manifests: what is reported, with which line, and what the readers give.
 */
#include "manifest.h"
#include "unit.h"

static char report[4096];

static void collect(void* arg, bool is_error, uint32_t line, const char* text) {
    (void)arg;
    size_t used = strlen(report);
    snprintf(report + used, sizeof(report) - used, "%s%u: %s\n", is_error ? "" : "warning ", line,
             text);
}

static toml_table_t* parse(const char* text) {
    toml_error_t error;
    toml_table_t* root = unit_parse(text, strlen(text), &error);
    if (!root)
        fail_msg("%u:%u: %s", error.line, error.column, error.message);
    return root;
}

static const char* check(const char* text, bool need_entrypoint) {
    report[0] = 0;
    toml_table_t* root = parse(text);
    manifest_check(root, need_entrypoint, collect, NULL);
    toml_free(root);
    return report;
}

static void test_reports(void** state) {
    (void)state;
    static const struct {
        const char *text, *report;
    } rows[] = {
        {"", ""},
        {"foo = 1", "1: unknown key foo\n"},
        {"\n\n[fs]\nroot.uri = 'file:/'\nfoo = 1", "5: unknown key fs.foo\n"},
        {"loader.agrv = []", "1: unknown key loader.agrv (did you mean loader.argv?)\n"},
        {"[[fs.mounts]]\npath = '/a'\nurl = 'file:a'",
         "3: unknown key fs.mounts[].url (did you mean fs.mounts[].uri?)\n"},
        {"loder.argv = ['x']", "1: unknown key loder (did you mean loader?)\n"},
        {"sgx.what.ever = [1, {a = 2}]", ""},
        {"sgx = 1", ""},
        {"loader.uid = '0'", "1: loader.uid must be an integer, not string\n"},
        {"loader.argv = 'x'", "1: loader.argv must be an array, not string\n"},
        {"loader.argv = ['x', 1]", "1: loader.argv[] must be a string, not integer\n"},
        {"loader = 1", "1: loader must be a table, not integer\n"},
        {"loader.env = {A = 1}", "1: loader.env.A must be a string or a table, not integer\n"},
        {"loader.log_level = 'loud'", "1: loader.log_level cannot be \"loud\": one of none, error, "
                                      "warning, debug, trace, all\n"},
        {"sys.stack.size = '12X'",
         "1: sys.stack.size is not a size: digits, then nothing, K, M or G\n"},
        {"sys.stack.size = 1.5", "1: sys.stack.size must be a size such as \"64M\", not float\n"},
        {"sys.stack.size = -1",
         "1: sys.stack.size is not a size: digits, then nothing, K, M or G\n"},
        {"loader.uid = -1", "1: loader.uid must lie in 0 ... 4294967294\n"},
        {"loader.uid = 4294967295", "1: loader.uid must lie in 0 ... 4294967294\n"},
        {"sys.fds.limit = 0", "1: sys.fds.limit must lie in 1 ... 1048576\n"},
        {"libos.entrypoint = \"a\\u0000b\"", "1: libos.entrypoint cannot hold a NUL character\n"},
        {"loader.argv = []", "1: loader.argv needs at least the program's name\n"},
        {"loader.argv = ['a']\nloader.insecure__use_cmdline_argv = true",
         "1: only one of loader.argv, loader.argv_src_file and loader.insecure__use_cmdline_argv "
         "may be set\n"},
        {"loader.argv_src_file = 'argv'", "1: loader.argv_src_file must begin with file:\n"},
        {"loader.env.A = {}", "1: loader.env.A needs either value or passthrough\n"},
        {"loader.env.A = {value = 'x', passthrough = true}",
         "1: loader.env.A needs either value or passthrough\n"},
        {"loader.env.A = {passthrough = false}",
         "1: loader.env.A: passthrough can only be true (leave the key out instead)\n"},
        {"loader.env.'A=B' = 'x'", "1: loader.env.A=B is no name for a variable\n"},
        {"fs.mounts = [{path = 'rel', uri = 'file:x'}]",
         "1: mount of rel: its path must be absolute, such as path = \"/data\"\n"},
        {"fs.mounts = [\n{uri = 'file:x'}]",
         "2: mount of (no path): its path must be absolute, such as path = \"/data\"\n"},
        {"fs.mounts = [{path = '/a'}]",
         "1: mount of /a: it needs a uri, such as uri = \"file:/host/dir\"\n"},
        {"fs.mounts = [{path = '/a', uri = '/a'}]",
         "1: mount of /a: its uri must begin with file: or dev:\n"},
        {"fs.mounts = [{type = 'tmpfs', path = '/a'}]", ""},
        {"fs.mounts = [{type = 'ext4', path = '/a'}]",
         "1: fs.mounts[].type cannot be \"ext4\": one of chroot, tmpfs, encrypted\n"},
        {"fs.mounts = [{type = 'encrypted', path = '/a', uri = 'file:a'}]",
         "1: mount of /a: encrypted mounts are not supported yet\n"},
        {"fs.mounts = [1]", "1: fs.mounts[] must be a table, not integer\n"},
        {"fs.mount.lib.path = '/lib'\nfs.mount.lib.uri = 'file:/lib'", ""},
        {"sys.debug__mock_syscalls = [{return = 0}]",
         "1: sys.debug__mock_syscalls[] needs a name\n"},
        {"sys.allowed_ioctls = [{request_code = 1}]",
         "warning 1: sys.allowed_ioctls has no effect yet\n"},
        {"a = 1\nb = 2", "1: unknown key a\n2: unknown key b\n"},
    };
    unsigned bad = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!strcmp(check(rows[i].text, false), rows[i].report))
            continue;
        print_error("<<%s>> gave\n  %s  wanted\n  %s", rows[i].text, report, rows[i].report);
        bad++;
    }
    assert_int_equal(bad, 0);
}

static void test_entrypoint(void** state) {
    (void)state;
    assert_non_null(strstr(check("", true), "libos.entrypoint is missing"));
    assert_non_null(strstr(check("libos.entrypoint = ''", true), "libos.entrypoint is missing"));
    assert_string_equal(check("libos.entrypoint = 'x'", true), "");
}

static void test_long_keys(void** state) {
    (void)state;
    char text[2000] = "fs.";
    memset(text + 3, 'k', 1000);
    strcpy(text + 1003, " = 1");
    assert_true(strlen(check(text, false)) < 300);
}

static void test_readers(void** state) {
    (void)state;
    toml_table_t* root =
        parse("loader.log_level = 'trace'\nsys.stack.size = '2M'\nsys.brk.max_size = 4096\n"
              "loader.uid = 7\nsys.culm__stats = true\nlibos.entrypoint = 'p'\n"
              "sys.culm__net = 'none'\n");
    assert_int_equal(manifest_log_level(root), 4);
    assert_int_equal(manifest_size(root, "sys.stack.size", 0), 2 << 20);
    assert_int_equal(manifest_size(root, "sys.brk.max_size", 0), 4096);
    assert_int_equal(manifest_size(root, "sys.none", 5), 5);
    assert_int_equal(manifest_int(root, "loader.uid", 0), 7);
    assert_int_equal(manifest_int(root, "loader.gid", 9), 9);
    assert_true(manifest_bool(root, "sys.culm__stats", false));
    assert_true(manifest_bool(root, "sys.none", true));
    assert_string_equal(manifest_string(root, "libos.entrypoint", NULL), "p");
    assert_null(manifest_string(root, "loader.uid", NULL));
    assert_int_equal(manifest_choice(root, "sys.culm__net", "host|none", 0), 1);
    assert_int_equal(manifest_choice(root, "sys.culm__net", "host|nonet", 7), 7);
    toml_free(root);
    root = parse("");
    assert_int_equal(manifest_log_level(root), 1);
    toml_free(root);
}

static void test_sizes(void** state) {
    (void)state;
    static const struct {
        const char* text;
        bool good;
        uint64_t size;
    } rows[] = {
        {"0", true, 0},
        {"1", true, 1},
        {"1K", true, 1024},
        {"3M", true, 3 << 20},
        {"2G", true, 2ULL << 30},
        {"8589934591G", true, 8589934591ULL << 30},
        {"8589934592G", false, 0},
        {"", false, 0},
        {"K", false, 0},
        {"1k", false, 0},
        {"1KB", false, 0},
        {"-1", false, 0},
        {" 1", false, 0},
        {"1 K", false, 0},
        {"0x10", false, 0},
        {"99999999999999999999", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t size = 0;
        assert_int_equal(manifest_parse_size(rows[i].text, &size), rows[i].good);
        assert_int_equal(size, rows[i].size);
    }
}

static void test_mounts(void** state) {
    (void)state;
    struct manifest_mount mount;
    toml_table_t* root = parse("");
    assert_true(manifest_mount_at(root, 0, &mount));
    assert_string_equal(mount.uri, "file:.");
    assert_string_equal(mount.path, "/");
    assert_false(manifest_mount_at(root, 1, &mount));
    toml_free(root);

    root = parse(
        "fs.root = {uri = 'file:/', readonly = true}\nfs.mounts = [\n{type='tmpfs', path='/t'},\n"
        "{path='/a', uri='file:a'}]\nfs.mount.x = {path='/x', uri='dev:tty', type='chroot'}\n");
    assert_true(manifest_mount_at(root, 0, &mount) && mount.readonly);
    assert_string_equal(mount.uri, "file:/");
    assert_true(manifest_mount_at(root, 1, &mount) && !mount.uri && !mount.readonly);
    assert_string_equal(mount.type, "tmpfs");
    assert_int_equal(mount.line, 3);
    assert_true(manifest_mount_at(root, 2, &mount));
    assert_string_equal(mount.type, "chroot");
    assert_true(manifest_mount_at(root, 3, &mount));
    assert_string_equal(mount.path, "/x");
    assert_false(manifest_mount_at(root, 4, &mount));
    toml_free(root);
}

static void test_env(void** state) {
    (void)state;
    struct manifest_env env;
    toml_table_t* root =
        parse("loader.env = {A = 'x', B = {value = 'y'}, C = {passthrough = true}}");
    assert_true(manifest_env_at(root, 0, &env));
    assert_string_equal(env.value, "x");
    assert_true(manifest_env_at(root, 1, &env));
    assert_string_equal(env.value, "y");
    assert_true(manifest_env_at(root, 2, &env));
    assert_string_equal(env.name, "C");
    assert_null(env.value);
    assert_false(manifest_env_at(root, 3, &env));
    toml_free(root);
}

/* No row twice, each parent of a row is a row or only a section, and each row says what it means.
 */
static void test_rows(void** state) {
    (void)state;
    for (size_t i = 0; i < manifest_key_count; i++) {
        assert_true(manifest_keys[i].types && manifest_keys[i].meaning[0]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(manifest_keys[i].path, manifest_keys[j].path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reports),   cmocka_unit_test(test_entrypoint),
        cmocka_unit_test(test_long_keys), cmocka_unit_test(test_readers),
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_env),       cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
