/*
 * The manifest of a run without one: docs/manifest.md, "What culm run writes".
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "culm.h"
#include "toml.h"

static char text[256 << 10]; /* pages are touched as they fill */
static size_t used;

static void put(const char* s, size_t length) {
    if (length >= sizeof(text) - used)
        die(STATUS_USAGE, "the options make too large a manifest");
    memcpy(text + used, s, length);
    used += length;
}

static void put_text(const char* s) {
    put(s, strlen(s));
}

/* A TOML basic string of prefix and s. */
static void put_string(const char* prefix, const char* s) {
    const char* end = s + strlen(s);
    put_text("\"");
    put_text(prefix);
    while (s < end) {
        size_t length = toml_utf8_length(s, end);
        if (!length)
            die(STATUS_USAGE, "not UTF-8, so it cannot be passed on: %s", s);
        if (*s == '"' || *s == '\\') {
            put_text("\\");
            put(s, 1);
        } else if ((uint8_t)*s < ' ' || *s == 0x7f) {
            char escape[8];
            put(escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04X", (uint8_t)*s));
        } else {
            put(s, length);
        }
        s += length;
    }
    put_text("\"");
}

static void put_pair(const char* key, const char* value) {
    put_text(key);
    put_text(" = ");
    put_string("", value);
    put_text("\n");
}

static void put_number(const char* key, int64_t value) {
    char line[96];
    put(line, (size_t)snprintf(line, sizeof(line), "%s = %lld\n", key, (long long)value));
}

static void put_groups(void) {
    gid_t groups[256];
    int count = getgroups(256, groups);
    if (count <= 0)
        return;
    put_text("loader.culm__groups = [");
    for (int i = 0; i < count; i++) {
        char number[24];
        put(number, (size_t)snprintf(number, sizeof(number), i ? ", %u" : "%u", groups[i]));
    }
    put_text("]\n");
}

static void put_mounts(const struct run* run) {
    const struct mount* root = &run->mounts[0];
    put_text("fs.root = { uri = ");
    put_string("file:", root->host);
    put_text(root->readonly ? ", readonly = true }\n" : " }\n");
    put_text("fs.mounts = [\n");
    for (size_t i = 1; i < run->mount_count; i++) {
        const struct mount* m = &run->mounts[i];
        put_text(m->host ? "  { path = " : "  { type = \"tmpfs\", path = ");
        put_string("", m->guest);
        if (m->host) {
            put_text(", uri = ");
            put_string("file:", m->host);
        }
        put_text(m->readonly ? ", readonly = true },\n" : " },\n");
    }
    put_text("]\n");
}

const char* make_manifest(const struct run* run, size_t* length) {
    put_pair("libos.entrypoint", run->entrypoint);
    put_text("loader.insecure__use_cmdline_argv = true\n"
             "loader.insecure__use_host_env = true\n");
    put_number("loader.uid", run->uid >= 0 ? run->uid : (int64_t)geteuid());
    put_number("loader.gid", run->uid >= 0 ? run->gid : (int64_t)getegid());
    if (run->uid < 0)
        put_groups();
    if (run->log_level)
        put_pair("loader.log_level", run->log_level);
    if (run->log_file)
        put_pair("loader.log_file", run->log_file);
    put_mounts(run);
    put_pair("fs.start_dir", start_directory(run));
    struct utsname host;
    if (run->hostname || uname(&host) == 0)
        put_pair("sys.culm__hostname", run->hostname ? run->hostname : host.nodename);
    if (run->net_none)
        put_pair("sys.culm__net", "none");
    if (run->strace)
        put_pair("sys.culm__strace", run->strace);
    if (run->stats)
        put_text("sys.culm__stats = true\n");
    *length = used;
    return text;
}
