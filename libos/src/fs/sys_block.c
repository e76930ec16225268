/*
 * /sys/block and /sys/dev/block: the host's disks, as far as its tables tell.
 */
#include "proc_host.h"
#include "sys_internal.h"

#define FIELDS 17

struct disk { /* a line of /proc/diskstats */
    uint64_t number;
    uint32_t major, minor;
    char name[32];
    uint64_t fields[FIELDS];
    unsigned int count; /* of fields */
};

struct words {
    const char *at, *end;
};

/* The next word of the line. */
static size_t next_word(struct words* w, const char** word) {
    while (w->at < w->end && *w->at == ' ')
        w->at++;
    *word = w->at;
    while (w->at < w->end && *w->at != ' ')
        w->at++;
    return (size_t)(w->at - *word);
}

static bool next_number(struct words* w, uint64_t* value) {
    const char* word;
    size_t len = next_word(w, &word);
    *value = 0;
    for (size_t i = 0; i < len; i++)
        *value = *value * 10 + (uint64_t)(word[i] - '0');
    return len != 0;
}

static bool parse(struct words w, struct disk* d) {
    uint64_t major, minor;
    const char* name;
    if (!next_number(&w, &major) || !next_number(&w, &minor))
        return false;
    size_t len = next_word(&w, &name);
    if (!len || len >= sizeof(d->name))
        return false;
    memcpy(d->name, name, len);
    d->name[len] = '\0';
    d->major = (uint32_t)major;
    d->minor = (uint32_t)minor;
    for (d->count = 0; d->count < FIELDS && next_number(&w, &d->fields[d->count]); d->count++)
        ;
    return true;
}

/* Calls fn with each disk until it returns false. */
static void for_each_disk(bool (*fn)(void* arg, const struct disk* d), void* arg) {
    struct libos_text text = {0};
    struct disk d = {0};
    if (libos_host_report(PAL_HOST_DISKSTATS, &text) == 0) {
        for (const char *s = text.buf, *end = text.buf + text.size; s < end;) {
            const char* next = memchr(s, '\n', (size_t)(end - s));
            next = next ? next : end;
            if (parse((struct words){s, next}, &d)) {
                if (!fn(arg, &d))
                    break;
                d.number++;
            }
            s = next + 1;
        }
    }
    libos_free(text.buf);
}

struct search {
    const char* name; /* or by number, or by device number */
    size_t len;
    uint64_t number;
    bool by_device, found;
    struct disk disk;
};

static bool look(void* arg, const struct disk* d) {
    struct search* s = arg;
    char device[32];
    snprintf(device, sizeof(device), "%u:%u", d->major, d->minor);
    const char* name = s->by_device ? device : d->name;
    if (s->name ? strlen(name) != s->len || memcmp(name, s->name, s->len) != 0
                : d->number != s->number)
        return true;
    s->found = true;
    s->disk = *d;
    return false;
}

static bool match(const char* name, size_t len, bool by_device, uint64_t* id) {
    struct search s = {.name = name, .len = len, .by_device = by_device};
    for_each_disk(look, &s);
    *id = s.disk.number;
    return s.found;
}

static bool match_name(const struct libos_pseudo_at* dir, const char* name, size_t len,
                       uint64_t* id) {
    (void)dir;
    return match(name, len, false, id);
}

static bool match_device(const struct libos_pseudo_at* dir, const char* name, size_t len,
                         uint64_t* id) {
    (void)dir;
    return match(name, len, true, id);
}

struct list_arg {
    libos_pseudo_emit_fn emit;
    void* arg;
    bool by_device;
};

static bool list_one(void* arg, const struct disk* d) {
    const struct list_arg* l = arg;
    char device[32];
    snprintf(device, sizeof(device), "%u:%u", d->major, d->minor);
    return l->emit(l->arg, l->by_device ? device : d->name, d->number);
}

static void list_names(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg) {
    (void)dir;
    struct list_arg l = {emit, arg, false};
    for_each_disk(list_one, &l);
}

static void list_devices(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg) {
    (void)dir;
    struct list_arg l = {emit, arg, true};
    for_each_disk(list_one, &l);
}

static bool find(const struct libos_pseudo_at* at, struct search* s) {
    *s = (struct search){.number = at->ids[0]};
    for_each_disk(look, s);
    return s->found;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static SYS_SHOW(show_device) {
    struct search s;
    if (!find(at, &s))
        return -ENODEV;
    libos_text_printf(out, "%u:%u\n", s.disk.major, s.disk.minor);
    return 0;
}

static SYS_SHOW(show_stat) {
    struct search s;
    if (!find(at, &s))
        return -ENODEV;
    for (unsigned int i = 0; i < s.disk.count; i++)
        libos_text_printf(out, " %8llu", (unsigned long long)s.disk.fields[i]);
    text_literal(out, "\n");
    return 0;
}

/* In sectors, from the blocks of 1024 bytes in /proc/partitions. */
static SYS_SHOW(show_size) {
    struct search s;
    struct libos_text text = {0};
    uint64_t blocks = 0;
    if (!find(at, &s))
        return -ENODEV;
    if (libos_host_report(PAL_HOST_PARTITIONS, &text) == 0) {
        for (const char *p = text.buf, *end = text.buf + text.size; p < end;) {
            const char* next = memchr(p, '\n', (size_t)(end - p));
            next = next ? next : end;
            struct words w = {p, next};
            uint64_t major = 0, minor = 0, size = 0;
            if (next_number(&w, &major) && next_number(&w, &minor) && next_number(&w, &size) &&
                major == s.disk.major && minor == s.disk.minor)
                blocks = size;
            p = next + 1;
        }
    }
    libos_free(text.buf);
    libos_text_printf(out, "%llu\n", (unsigned long long)blocks * 2);
    return 0;
}

static long read_device_link(const struct libos_pseudo_at* at, char* buf, size_t size) {
    struct search s;
    char target[64];
    if (!find(at, &s))
        return -ENOENT;
    snprintf(target, sizeof(target), "../../block/%s", s.disk.name);
    size_t len = MIN(strlen(target), size);
    memcpy(buf, target, len);
    return (long)len;
}

static const struct libos_pseudo_node g_queue[] = {
    SYS_CONST("hw_sector_size", "512"),
    SYS_CONST("logical_block_size", "512"),
    SYS_CONST("physical_block_size", "512"),
    SYS_CONST("rotational", "0"),
    {0},
};

static const struct libos_pseudo_node g_disk[] = {
    SYS_FILE("dev", show_device, 0),
    SYS_CONST("ext_range", "256"),
    SYS_CONST("hidden", "0"),
    SYS_DIR("queue", g_queue),
    SYS_CONST("range", "16"),
    SYS_CONST("removable", "0"),
    SYS_CONST("ro", "0"),
    SYS_FILE("size", show_size, 0),
    SYS_FILE("stat", show_stat, 0),
    {0},
};

const struct libos_pseudo_node g_sys_block_children[] = {
    {.mode = S_IFDIR | 0755, .match = match_name, .list = list_names, .children = g_disk},
    {0},
};

static const struct libos_pseudo_node g_dev_block[] = {
    {.mode = S_IFLNK | 0777,
     .match = match_device,
     .list = list_devices,
     .readlink = read_device_link},
    {0},
};
static const struct libos_pseudo_node g_dev_char[] = {{0}};

const struct libos_pseudo_node g_sys_dev_children[] = {
    SYS_DIR("block", g_dev_block),
    SYS_DIR("char", g_dev_char),
    {0},
};
