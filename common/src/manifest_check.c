/*
 * A manifest against the table of keys: unknown keys (with the nearest known one), wrong types and
 * values, contradictions.
 */
#include "culm_string.h"
#include "manifest.h"

#define LINE_SIZE 256

struct step {
    const char* key; /* NULL: an item of an array */
    size_t length;
    const struct step* up;
};

struct check {
    manifest_report_t report;
    void* arg;
    unsigned errors;
    char text[LINE_SIZE];
};

/* ---- messages ---------------------------------------------------------------------------------
 */

static void say(struct check* c, const char* text) {
    strlcat(c->text, text, sizeof(c->text));
}

static void say_key(struct check* c, const char* key, size_t length) {
    size_t used = strlen(c->text);
    for (size_t i = 0; i < length && used + 1 < sizeof(c->text); i++)
        c->text[used++] = (uint8_t)key[i] < ' ' || key[i] == 0x7f ? '?' : key[i];
    c->text[used] = 0;
}

static void say_path(struct check* c, const struct step* at) {
    if (!at)
        return;
    say_path(c, at->up);
    if (!at->key) {
        say(c, "[]");
        return;
    }
    if (at->up)
        say(c, ".");
    say_key(c, at->key, at->length);
}

static void start(struct check* c) {
    c->text[0] = 0;
}

static void error(struct check* c, uint32_t line) {
    c->errors++;
    c->report(c->arg, true, line, c->text);
}

static void error_text(struct check* c, uint32_t line, const char* text) {
    start(c);
    say(c, text);
    error(c, line);
}

/* ---- keys against rows ------------------------------------------------------------------------
 */

enum match { NO_MATCH, IS_PREFIX, IS_ROW };

/* Whether the row's path begins with the steps up to `at`; *rest is moved behind them. */
static bool match_steps(const struct step* at, const char** rest) {
    if (!at)
        return true;
    if (!match_steps(at->up, rest))
        return false;
    const char* s = *rest;
    if (!at->key) {
        if (s[0] != '[')
            return false;
        *rest = s + 2;
        return true;
    }
    if (at->up) {
        if (*s != '.')
            return false;
        s++;
    }
    size_t length = 0;
    while (s[length] && s[length] != '.' && s[length] != '[')
        length++;
    bool any = length == 1 && *s == '*';
    if (!any && (length != at->length || memcmp(s, at->key, length) != 0))
        return false;
    *rest = s + length;
    return true;
}

static enum match match_row(const struct step* at, const struct manifest_key* row) {
    const char* rest = row->path;
    if (!match_steps(at, &rest))
        return NO_MATCH;
    return *rest ? IS_PREFIX : IS_ROW;
}

/* Edits (insert, delete, replace) between two short words; more than 3 is far. */
static unsigned distance(const char* a, size_t a_length, const char* b, size_t b_length) {
    unsigned row[32];
    if (a_length >= 32 || b_length >= 32)
        return 4;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_length];
}

/* The known name nearest to the unknown last step. NULL if none is near. */
static const char* nearest(const struct step* at, size_t* length) {
    const char* found = NULL;
    unsigned best = at->length < 4 ? 2 : 3; /* less than this counts as near */
    for (size_t i = 0; i < manifest_key_count; i++) {
        const char* rest = manifest_keys[i].path;
        if (!match_steps(at->up, &rest) || *rest == '[')
            continue;
        rest += *rest == '.';
        size_t size = 0;
        while (rest[size] && rest[size] != '.' && rest[size] != '[')
            size++;
        unsigned edits = size ? distance(at->key, at->length, rest, size) : 4;
        if (edits < best) {
            best = edits;
            found = rest;
            *length = size;
        }
    }
    return found;
}

static void unknown_key(struct check* c, const struct step* at, uint32_t line) {
    size_t length = 0;
    const char* name = nearest(at, &length);
    start(c);
    say(c, "unknown key ");
    say_path(c, at);
    if (name) {
        say(c, " (did you mean ");
        say_path(c, at->up);
        if (at->up)
            say(c, ".");
        say_key(c, name, length);
        say(c, "?)");
    }
    error(c, line);
}

/* ---- values -----------------------------------------------------------------------------------
 */

static unsigned type_bits(const toml_value_t* value) {
    switch (value->type) {
        case TOML_STRING:
            return MANIFEST_STRING | MANIFEST_SIZE;
        case TOML_INT:
            return MANIFEST_INT | MANIFEST_SIZE;
        case TOML_BOOL:
            return MANIFEST_BOOL;
        case TOML_ARRAY:
            return MANIFEST_ARRAY;
        case TOML_TABLE:
            return MANIFEST_TABLE;
        default:
            return 0;
    }
}

static void wrong_type(struct check* c, const struct step* at, const struct manifest_key* row,
                       const toml_value_t* value) {
    static const char* const names[] = {
        "a string", "an integer", "true or false", "a size such as \"64M\"", "an array", "a table"};
    const char* joint = " must be ";
    start(c);
    say_path(c, at);
    for (unsigned bit = 0; bit < sizeof(names) / sizeof(names[0]); bit++) {
        if (!(row->types & 1u << bit))
            continue;
        say(c, joint);
        say(c, names[bit]);
        joint = " or ";
    }
    say(c, ", not ");
    say(c, toml_type_name(value->type));
    error(c, value->line);
}

static bool is_choice(const char* choices, const char* text) {
    size_t length = strlen(text);
    for (const char* s = choices;; s++) {
        const char* bar = strchr(s, '|');
        size_t size = bar ? (size_t)(bar - s) : strlen(s);
        if (size == length && !memcmp(s, text, size))
            return true;
        if (!bar)
            return false;
        s = bar;
    }
}

static void wrong_choice(struct check* c, const struct step* at, const struct manifest_key* row,
                         const toml_value_t* value) {
    start(c);
    say_path(c, at);
    say(c, " cannot be \"");
    say_key(c, value->string.text, value->string.length);
    say(c, "\": one of ");
    for (const char* s = row->choices; *s; s++) {
        if (*s == '|')
            say(c, ", ");
        else
            say_key(c, s, 1);
    }
    error(c, value->line);
}

static void check_scalar(struct check* c, const struct step* at, const struct manifest_key* row,
                         const toml_value_t* value) {
    const char* complaint = NULL;
    uint64_t size;
    if (value->type == TOML_STRING && strlen(value->string.text) != value->string.length)
        complaint = " cannot hold a NUL character";
    else if (value->type == TOML_STRING && row->choices &&
             !is_choice(row->choices, value->string.text)) {
        wrong_choice(c, at, row, value);
    } else if (row->types & MANIFEST_SIZE) {
        if (value->type == TOML_STRING ? !manifest_parse_size(value->string.text, &size)
                                       : value->integer < 0)
            complaint = " is not a size: digits, then nothing, K, M or G";
    }
    if (!complaint)
        return;
    start(c);
    say_path(c, at);
    say(c, complaint);
    error(c, value->line);
}

static void check_table(struct check* c, const toml_table_t* table, const struct step* up);

static void check_value(struct check* c, const struct step* at, const toml_value_t* value,
                        uint32_t line) {
    const struct manifest_key* row = NULL;
    bool is_prefix = false;
    for (size_t i = 0; i < manifest_key_count; i++) {
        enum match match = match_row(at, &manifest_keys[i]);
        if (match == IS_ROW)
            row = &manifest_keys[i];
        is_prefix |= match == IS_PREFIX;
    }
    if (!row && !is_prefix) {
        unknown_key(c, at, line);
        return;
    }
    static const struct manifest_key section = {.types = MANIFEST_TABLE};
    if (!row)
        row = &section;
    if (row->types & MANIFEST_ANY)
        return;
    if (!(row->types & type_bits(value))) {
        wrong_type(c, at, row, value);
        return;
    }
    if (value->type == TOML_TABLE) {
        check_table(c, value->table, at);
    } else if (value->type == TOML_ARRAY) {
        struct step item = {.up = at};
        for (size_t i = 0; i < toml_array_count(value->array); i++) {
            const toml_value_t* v = toml_array_item(value->array, i);
            check_value(c, &item, v, v->line);
        }
    } else {
        check_scalar(c, at, row, value);
    }
}

static void check_table(struct check* c, const toml_table_t* table, const struct step* up) {
    for (size_t i = 0; i < toml_table_count(table); i++) {
        const toml_entry_t* entry = toml_table_entry(table, i);
        struct step at = {.key = entry->key, .length = entry->key_length, .up = up};
        if (strlen(entry->key) != entry->key_length) {
            error_text(c, entry->line, "a key cannot hold a NUL character");
            continue;
        }
        check_value(c, &at, &entry->value, entry->line);
    }
}

/* ---- rules over several keys (types are right by now) ------------------------------------------
 */

static void check_mount(struct check* c, const struct manifest_mount* mount) {
    start(c);
    say(c, "mount of ");
    say(c, mount->path ? mount->path : "(no path)");
    if (!mount->path || mount->path[0] != '/')
        say(c, ": its path must be absolute, such as path = \"/data\"");
    else if (!strcmp(mount->type, "encrypted"))
        say(c, ": encrypted mounts are not supported yet");
    else if (!strcmp(mount->type, "chroot") && !mount->uri)
        say(c, ": it needs a uri, such as uri = \"file:/host/dir\"");
    else if (!strcmp(mount->type, "chroot") && strncmp(mount->uri, "file:", 5) != 0 &&
             strncmp(mount->uri, "dev:", 4) != 0)
        say(c, ": its uri must begin with file: or dev:");
    else
        return;
    error(c, mount->line);
}

static void check_env(struct check* c, const toml_entry_t* entry) {
    start(c);
    say(c, "loader.env.");
    say_key(c, entry->key, entry->key_length);
    if (!entry->key_length || strchr(entry->key, '=')) {
        say(c, " is no name for a variable");
        error(c, entry->line);
        return;
    }
    if (entry->value.type != TOML_TABLE)
        return;
    const toml_value_t* text = toml_get(entry->value.table, "value");
    const toml_value_t* pass = toml_get(entry->value.table, "passthrough");
    if (!text == !pass)
        say(c, " needs either value or passthrough");
    else if (pass && !pass->boolean)
        say(c, ": passthrough can only be true (leave the key out instead)");
    else
        return;
    error(c, entry->line);
}

static void check_range(struct check* c, const toml_table_t* root, const char* path, int64_t low,
                        int64_t high, const char* text) {
    const toml_value_t* value = toml_get_path(root, path);
    if (!value || (value->integer >= low && value->integer <= high))
        return;
    start(c);
    say(c, path);
    say(c, text);
    error(c, value->line);
}

static void check_argv(struct check* c, const toml_table_t* root) {
    const toml_value_t* argv = toml_get_path(root, "loader.argv");
    const toml_value_t* file = toml_get_path(root, "loader.argv_src_file");
    bool command_line = manifest_bool(root, "loader.insecure__use_cmdline_argv", false);
    if (!!argv + !!file + command_line > 1)
        error_text(c, file ? file->line : argv->line,
                   "only one of loader.argv, loader.argv_src_file and "
                   "loader.insecure__use_cmdline_argv may be set");
    if (argv && !toml_array_count(argv->array))
        error_text(c, argv->line, "loader.argv needs at least the program's name");
}

static void check_source_uri(struct check* c, const toml_table_t* root, const char* path) {
    const toml_value_t* value = toml_get_path(root, path);
    if (!value || !strncmp(value->string.text, "file:", 5))
        return;
    start(c);
    say(c, path);
    say(c, " must begin with file:");
    error(c, value->line);
}

static void check_mocks(struct check* c, const toml_table_t* root) {
    const toml_value_t* mocks = toml_get_path(root, "sys.debug__mock_syscalls");
    for (size_t i = 0; mocks && i < toml_array_count(mocks->array); i++) {
        const toml_value_t* item = toml_array_item(mocks->array, i);
        if (!toml_get(item->table, "name"))
            error_text(c, item->line, "sys.debug__mock_syscalls[] needs a name");
    }
}

static void check_rules(struct check* c, const toml_table_t* root, bool need_entrypoint) {
    struct manifest_mount mount;
    for (size_t i = 0; manifest_mount_at(root, i, &mount); i++)
        check_mount(c, &mount);
    const toml_table_t* env = toml_get_table(root, "loader.env");
    for (size_t i = 0; i < toml_table_count(env); i++)
        check_env(c, toml_table_entry(env, i));
    check_range(c, root, "loader.uid", 0, UINT32_MAX - 1LL, " must lie in 0 ... 4294967294");
    check_range(c, root, "loader.gid", 0, UINT32_MAX - 1LL, " must lie in 0 ... 4294967294");
    check_range(c, root, "sys.fds.limit", 1, 1 << 20, " must lie in 1 ... 1048576");
    check_argv(c, root);
    check_source_uri(c, root, "loader.argv_src_file");
    check_source_uri(c, root, "loader.env_src_file");
    check_mocks(c, root);
    const char* entry = manifest_string(root, "libos.entrypoint", NULL);
    if (need_entrypoint && (!entry || !*entry))
        error_text(c, 0,
                   "libos.entrypoint is missing: the path of the program, as the guest sees it");
}

/* What is accepted but does nothing yet is said, so that no one relies on it. */
static void warn_later(struct check* c, const toml_table_t* root) {
    static const char* const paths[] = {"sys.allowed_ioctls", "fs.insecure__keys",
                                        "fs.insecure__protected_files_key",
                                        "sys.enable_extra_runtime_domain_names_conf"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const toml_value_t* value = toml_get_path(root, paths[i]);
        if (!value || (value->type == TOML_BOOL && !value->boolean))
            continue;
        start(c);
        say(c, paths[i]);
        say(c, " has no effect yet");
        c->report(c->arg, false, value->line, c->text);
    }
}

unsigned manifest_check(const toml_table_t* root, bool need_entrypoint, manifest_report_t report,
                        void* arg) {
    struct check c = {.report = report, .arg = arg};
    check_table(&c, root, NULL);
    if (!c.errors)
        check_rules(&c, root, need_entrypoint);
    if (!c.errors)
        warn_later(&c, root);
    return c.errors;
}
