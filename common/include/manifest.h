/*
 * Manifests: the one table of keys that Culm knows, the check of a manifest against it, and typed
 * reading for PAL, LibOS and the culm command. docs/manifest.md is the page for people.
 *
 * A manifest is checked once, before anything runs; whoever reads it later may rely on types and
 * values being as the table says. Nothing here allocates; all strings belong to the toml tree.
 */
#ifndef MANIFEST_H
#define MANIFEST_H

#include "toml.h"

/* What a value may be; several bits mean "one of these". */
enum {
    MANIFEST_STRING = 1 << 0,
    MANIFEST_INT = 1 << 1,
    MANIFEST_BOOL = 1 << 2,
    MANIFEST_SIZE = 1 << 3, /* bytes: an integer, or "64", "256K", "1M", "2G" (powers of 1024) */
    MANIFEST_ARRAY = 1 << 4,
    MANIFEST_TABLE = 1 << 5,
    MANIFEST_ANY = 1 << 6, /* accepted whole, with all that lies below */
};

enum manifest_user {
    MANIFEST_BY_PAL,
    MANIFEST_BY_LIBOS,
    MANIFEST_BY_HOST, /* one PAL host only, such as the enclave's */
};

enum manifest_status {
    MANIFEST_WORKS,
    MANIFEST_NO_EFFECT, /* accepted for old manifests: what it asks for is always so */
    MANIFEST_LATER, /* known, not supported yet: using it is a warning or (see check) an error */
};

struct manifest_key {
    const char* path; /* dotted; a step `*` is any name, `[]` any item of an array */
    uint16_t types;
    uint8_t user;        /* enum manifest_user */
    uint8_t status;      /* enum manifest_status */
    const char* choices; /* the only values, parted by '|'; NULL: any */
    const char* meaning; /* one line, with the default */
};

extern const struct manifest_key manifest_keys[];
extern const size_t manifest_key_count;

/* One line of text for people, without file name and newline: `unknown key fs.foo (did you mean
 * fs.root?)`. line: of the manifest, from 1; 0 if it concerns no line. */
typedef void (*manifest_report_t)(void* arg, bool is_error, uint32_t line, const char* text);

/* Reports every fault; returns how many were errors. Errors: unknown keys, wrong types, values out
 * of range, contradictions, what is not supported yet and would change what the program sees.
 * need_entrypoint: libos.entrypoint must be there. */
unsigned manifest_check(const toml_table_t* root, bool need_entrypoint, manifest_report_t report,
                        void* arg);

/* Typed reading. The fallback is returned when the key is absent (or, in a manifest that was not
 * checked, of another type or out of range). */
const char* manifest_string(const toml_table_t* root, const char* path, const char* fallback);
bool manifest_bool(const toml_table_t* root, const char* path, bool fallback);
int64_t manifest_int(const toml_table_t* root, const char* path, int64_t fallback);
uint64_t manifest_size(const toml_table_t* root, const char* path, uint64_t fallback); /* bytes */
/* Position of a key's string value among '|'-parted names; the fallback if it is none of them. */
int manifest_choice(const toml_table_t* root, const char* path, const char* names, int fallback);
/* loader.log_level as PAL_LOG_*; default PAL_LOG_ERROR. */
int manifest_log_level(const toml_table_t* root);

/* "256K" and the like. False if it is no size or does not fit in 63 bits. */
bool manifest_parse_size(const char* text, uint64_t* size);

struct manifest_mount {
    const char* type;     /* "chroot", "tmpfs", "encrypted" */
    const char* path;     /* absolute, in the guest */
    const char* uri;      /* NULL for tmpfs */
    const char* key_name; /* encrypted only, or NULL */
    bool readonly;        /* Culm's addition: writing gives EROFS */
    uint32_t line;        /* 0: a default that no line states */
};
/* The mounts in the order in which they are to be made, later ones on top: 0 is the root (by
 * default the host's working directory), then fs.mounts, then the old fs.mount.NAME tables. False:
 * no more.*/
bool manifest_mount_at(const toml_table_t* root, size_t index, struct manifest_mount* mount);

struct manifest_env {
    const char* name;
    const char* value; /* NULL: take the host's variable of that name, if it has one */
};
/* Entries of loader.env in order. False: no more. */
bool manifest_env_at(const toml_table_t* root, size_t index, struct manifest_env* env);

#endif /* MANIFEST_H */
