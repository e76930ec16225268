/*
 * Open files sent over an AF_UNIX socket: unix(7), SCM_RIGHTS.
 *
 * The host carries its own descriptors, so that their lives, the order of messages and what happens
 * to a message that no one receives are as the host has it. The first descriptor is a note: a
 * memory object that tells the receiver what the others are. A receiver in the process that sent
 * finds the very files again, if they are still open; elsewhere they are made anew around the
 * host's descriptors. Files that are nothing but private memory (a signalfd, ...) are kept for the
 * sender's own process; another one does not get them (MSG_CTRUNC).
 */
#include "../fs/dev_internal.h"
#include "../fs/tmpfs.h"
#include "libos_socket.h"

#define NOTE_MAGIC  0x45544f4e /* "NOTE" */
#define SCM_RIGHTS_ 1
#define SOL_SOCKET_ 1

/* What can be made anew; the same numbers in all processes. */
static const struct libos_file_ops* const g_kinds[] = {
    NULL,
    &libos_host_file_ops,
    &libos_host_dir_ops,
    &tmpfs_file_ops,
    &g_libos_null_ops,
    &g_libos_zero_ops,
    &g_libos_full_ops,
    &g_libos_random_ops,
    &g_libos_urandom_ops,
    &g_libos_pipe_ops,
    &g_libos_socket_ops,
    &g_libos_eventfd_ops,
    &g_libos_timerfd_ops,
    &g_libos_tty_ops,
};
#define KIND_COUNT (sizeof(g_kinds) / sizeof(g_kinds[0]))

struct note {
    uint32_t magic, size; /* bytes of all */
    int32_t pid;          /* of the sender */
    uint32_t has_cred;
    int32_t cred[3];
    uint32_t count, file_count;
    uint8_t which[LIBOS_RIGHTS_MAX]; /* descriptor -> file: one file may be sent under several */
};

enum { PATH_NONE, PATH_PLAIN, PATH_NAMED };
struct note_file {
    uint32_t size; /* of this, the name and the data */
    uint32_t kind; /* in g_kinds; 0: only in the sender's process */
    uint32_t flags, mode_type;
    int32_t handle; /* which of the handles behind the note; -1: none */
    uint32_t path, mount_id, name_size, data_size;
    uint64_t file, serial; /* in the sender's memory */
    uint64_t kept;         /* in the sender's g_kept; 0: not */
    uint64_t shared;       /* struct libos_file_shared, which counts the message as a process */
    PAL_HANDLE_RECORD record;
};
#define PART_ALIGN(n) (((n) + 7) & ~(size_t)7)

/* ---- files that stay in the sender's process ----------------------------------------------------
 */

struct kept {
    struct list_node node;
    uint64_t number;
    struct libos_file* file; /* referenced */
};
/* Messages with such files that nobody received: the oldest are forgotten. */
#define KEPT_MAX 1024
static libos_lock_t g_kept_lock; /* guards the three below */
static struct list_node g_kept = LIST_INIT(g_kept);
static uint64_t g_kept_last;
static unsigned int g_kept_count;

static uint64_t keep(struct libos_file* f) {
    struct kept *k = libos_malloc(sizeof(*k)), *old = NULL;
    if (!k)
        return 0;
    libos_file_get(f);
    k->file = f;
    lock(&g_kept_lock);
    k->number = ++g_kept_last;
    list_add_tail(&g_kept, &k->node);
    if (++g_kept_count > KEPT_MAX) {
        old = list_first(&g_kept, struct kept, node);
        list_del(&old->node);
        g_kept_count--;
    }
    unlock(&g_kept_lock);
    if (old) {
        libos_file_put(old->file);
        libos_free(old);
    }
    return k->number;
}

static struct libos_file* kept_file(uint64_t number) {
    struct libos_file* f = NULL;
    lock(&g_kept_lock);
    list_for_each(k, &g_kept, struct kept, node) {
        if (k->number == number) {
            f = k->file;
            libos_file_get(f);
            break;
        }
    }
    unlock(&g_kept_lock);
    return f;
}

/* ---- sending -----------------------------------------------------------------------------------
 */

struct pack { /* a note in the making */
    char* buf;
    size_t used, room;
};

static void* part(struct pack* p, size_t size) {
    size = PART_ALIGN(size);
    if (p->room - p->used < size) {
        size_t room = MAX(p->room * 2, p->used + size + 1024);
        char* buf = libos_realloc(p->buf, room);
        if (!buf)
            return NULL;
        p->buf = buf;
        p->room = room;
    }
    void* at = p->buf + p->used;
    p->used += size;
    return at;
}

static uint32_t kind_of(const struct libos_file* f) {
    for (uint32_t i = 1; i < KIND_COUNT; i++) {
        if (f->ops == g_kinds[i])
            return i;
    }
    return 0;
}

static int pack_file(struct pack* p, struct libos_file* f, int handle,
                     struct libos_file_shared** shared) {
    struct note_file n = {
        .kind = kind_of(f),
        .flags = f->flags,
        .mode_type = f->mode_type,
        .handle = -1,
        .file = (uint64_t)f,
        .serial = f->serial,
    };
    if (f->host && n.kind) {
        if (PalHandleRecordGet(f->host, &n.record) == 0)
            n.handle = handle;
        else
            n.kind = 0;
    }
    n.shared = n.kind ? (uint64_t)libos_file_sent(f) : 0;
    if (n.kind ? !n.shared : !(n.kept = keep(f)))
        return -ENOMEM;
    *shared = (struct libos_file_shared*)n.shared;
    if (f->path) {
        n.path = f->path->shared ? PATH_PLAIN : PATH_NAMED;
        n.mount_id = f->path->mount ? f->path->mount->id : 0;
        n.name_size = !f->path->shared && f->path->name ? (uint32_t)strlen(f->path->name) + 1 : 0;
    }
    size_t start = p->used;
    if (!part(p, sizeof(n)))
        return -ENOMEM;
    char* name = part(p, n.name_size);
    if (!name)
        return -ENOMEM;
    memcpy(name, n.name_size ? f->path->name : "", n.name_size);
    if (n.kind && f->ops->pack) {
        char* data = part(p, LIBOS_PACK_MAX);
        long size = data ? f->ops->pack(f, data, LIBOS_PACK_MAX) : -ENOMEM;
        if (size < 0)
            return (int)size;
        n.data_size = (uint32_t)size;
        p->used -= LIBOS_PACK_MAX - PART_ALIGN((size_t)size);
    }
    n.size = (uint32_t)(p->used - start);
    memcpy(p->buf + start, &n, sizeof(n));
    return n.handle >= 0;
}

/* The number of f in the record, which it joins if it is new. */
static size_t file_number(struct libos_rights_record* record, struct libos_file* f) {
    for (size_t i = 0; i < record->file_count; i++) {
        if (record->files[i] == f) {
            libos_file_put(f);
            return i;
        }
    }
    record->shared[record->file_count] = NULL;
    record->files[record->file_count] = f;
    return record->file_count++;
}

static int pack_files(struct pack* p, const struct libos_rights* rights,
                      struct libos_rights_record* record, size_t* handles) {
    struct note note = {.magic = NOTE_MAGIC,
                        .pid = cur_process()->pid,
                        .count = (uint32_t)rights->count,
                        .has_cred = rights->has_cred};
    memcpy(note.cred, rights->cred, sizeof(note.cred));
    for (size_t i = 0; i < rights->count; i++) {
        struct libos_file* f = libos_fd_get(rights->fds[i]);
        if (!f)
            return -EBADF;
        note.which[i] = (uint8_t)file_number(record, f);
    }
    note.file_count = (uint32_t)record->file_count;
    if (!part(p, sizeof(note)))
        return -ENOMEM;
    *handles = 1;
    for (size_t i = 0; i < record->file_count; i++) {
        int ret = *handles < LIBOS_RIGHTS_MAX
                      ? pack_file(p, record->files[i], (int)*handles - 1, &record->shared[i])
                      : -ETOOMANYREFS; /* the note needs a place, too */
        if (ret < 0)
            return ret;
        if (ret)
            record->handles[(*handles)++] = record->files[i]->host;
    }
    note.size = (uint32_t)p->used;
    memcpy(p->buf, &note, sizeof(note));
    return 0;
}

int libos_rights_pack(const struct libos_rights* rights, struct libos_rights_record* record) {
    struct pack p = {NULL, 0, 0};
    size_t handles = 0;
    record->file_count = 0;
    record->handles[0] = NULL;
    int ret = pack_files(&p, rights, record, &handles);
    if (ret == 0)
        ret = (int)pal_to_errno(PalMemoryObjectCreate("culm-note", 0, &record->handles[0]));
    if (ret == 0) {
        PAL_NUM size = p.used;
        ret = (int)pal_to_errno(PalStreamWrite(record->handles[0], 0, &size, p.buf, NULL));
        if (ret == 0 && size != p.used)
            ret = -EIO;
    }
    libos_free(p.buf);
    record->header.level = SOL_SOCKET_;
    record->header.type = SCM_RIGHTS_;
    record->header.size = sizeof(record->header) + handles * sizeof(PAL_HANDLE);
    if (ret < 0)
        libos_rights_release(record, false);
    return ret;
}

void libos_rights_release(struct libos_rights_record* record, bool sent) {
    if (record->handles[0])
        PalObjectClose(record->handles[0]);
    record->handles[0] = NULL;
    for (size_t i = 0; i < record->file_count; i++) {
        if (!sent && record->shared[i])
            libos_file_not_sent(record->shared[i]);
        libos_file_put(record->files[i]);
    }
    record->file_count = 0;
}

/* ---- receiving ---------------------------------------------------------------------------------
 */

/* The note, whole: libos_free() it. NULL: there is none. */
static struct note* read_note(PAL_HANDLE handle) {
    PAL_HANDLE_RECORD record;
    PAL_HANDLE sample;
    static PAL_HANDLE_RECORD memory; /* what a memory object's record looks like */
    if (!__atomic_load_n(&memory.type, __ATOMIC_ACQUIRE)) {
        if (PalMemoryObjectCreate("culm-note", 0, &sample) < 0)
            return NULL;
        int ret = PalHandleRecordGet(sample, &record);
        PalObjectClose(sample);
        if (ret < 0)
            return NULL;
        memory.flags = record.flags;
        __atomic_store_n(&memory.type, record.type, __ATOMIC_RELEASE);
    }
    if (PalHandleRecordSet(handle, &memory) < 0)
        return NULL;
    PAL_NUM room = 4096;
    for (;;) {
        struct note* note = libos_malloc(room);
        PAL_NUM size = room;
        if (!note)
            return NULL;
        if (PalStreamRead(handle, 0, &size, note, NULL, 0) == 0 && size >= sizeof(*note) &&
            size <= room && note->magic == NOTE_MAGIC && note->count <= LIBOS_RIGHTS_MAX &&
            note->file_count <= LIBOS_RIGHTS_MAX && note->size >= sizeof(*note)) {
            if (note->size <= size)
                return note;
            if (note->size > room && note->size < (16u << 20)) {
                room = note->size;
                libos_free(note);
                continue;
            }
        }
        libos_free(note);
        return NULL;
    }
}

struct mount_search {
    uint32_t id;
    struct libos_mount* found;
};
static bool is_mount(void* arg, struct libos_mount* m) {
    struct mount_search* s = arg;
    if (m->id == s->id)
        s->found = m;
    return !s->found;
}

/* 0, with *out NULL for a file without a place. */
static int make_path(const struct note_file* n, const char* name, struct libos_path** out) {
    struct mount_search search = {n->mount_id, NULL};
    *out = NULL;
    if (n->path == PATH_NONE)
        return 0;
    if (n->mount_id)
        libos_mount_for_each(is_mount, &search);
    if (n->path == PATH_PLAIN) {
        *out = search.found ? &search.found->plain : NULL;
    } else if (n->name_size) {
        *out = libos_path_alloc(search.found, name);
        if (!*out)
            return -ENOMEM;
    }
    return 0;
}

/* The file made anew around the handle, which it takes (*handle NULL: it has none). */
static struct libos_file* rebuild(const struct note_file* n, PAL_HANDLE* handle, bool peeked) {
    const char* name = (const char*)(n + 1);
    const char* data = name + PART_ALIGN(n->name_size);
    struct libos_path* path;
    if (n->handle >= 0 && (!*handle || PalHandleRecordSet(*handle, &n->record) < 0))
        return NULL;
    if (make_path(n, name, &path) < 0)
        return NULL;
    const struct libos_file_ops* ops = g_kinds[n->kind];
    struct libos_file* f =
        libos_file_alloc(ops, (int)(n->flags & ~(uint32_t)FASYNC), *handle, path);
    *handle = NULL;
    if (!f)
        return NULL;
    f->mode_type = n->mode_type;
    if (ops->unpack && ops->unpack(f, data, n->data_size) < 0) {
        f->ops = &libos_host_file_ops; /* there is nothing of its own to close */
        libos_file_put(f);
        return NULL;
    }
    if (n->shared)
        libos_file_received(f, (struct libos_file_shared*)n->shared, peeked);
    return f;
}

static struct libos_file* same_process(const struct note_file* n) {
    struct libos_file* f = (struct libos_file*)n->file;
    if (n->kept)
        return kept_file(n->kept);
    if (!ref_get_unless_zero(&f->ref))
        return NULL;
    if (f->serial == n->serial)
        return f;
    libos_file_put(f);
    return NULL;
}

static bool note_file_holds(const struct note_file* n, size_t room, size_t handles) {
    if (room < sizeof(*n) || n->size < sizeof(*n) || n->size > room || n->kind >= KIND_COUNT ||
        n->name_size > PATH_MAX * 2 || n->data_size > LIBOS_PACK_MAX)
        return false;
    const char* name = (const char*)(n + 1);
    size_t size = sizeof(*n) + PART_ALIGN(n->name_size) + PART_ALIGN(n->data_size);
    return size <= n->size && (!n->name_size || !name[n->name_size - 1]) &&
           (n->handle < 0 || (size_t)n->handle < handles) && (n->kind || n->handle < 0);
}

/* All files of the note; NULL where one cannot be had here. Returns false: a bad note. */
static void find_files(const struct note* note, PAL_HANDLE* handles, size_t count, bool peeked,
                       struct libos_file** files) {
    size_t pos = PART_ALIGN(sizeof(*note));
    bool own = note->pid == cur_process()->pid;
    for (size_t i = 0; i < note->file_count && pos < note->size; i++) {
        const struct note_file* n = (const struct note_file*)((const char*)note + pos);
        if (!note_file_holds(n, note->size - pos, count))
            return;
        PAL_HANDLE none = NULL;
        files[i] = own ? same_process(n) : NULL;
        if (files[i] && n->shared && !peeked)
            libos_file_not_sent((struct libos_file_shared*)n->shared);
        if (!files[i] && n->kind)
            files[i] = rebuild(n, n->handle >= 0 ? &handles[n->handle] : &none, peeked);
        pos += n->size;
    }
}

void libos_rights_unpack(PAL_HANDLE* handles, size_t handle_count, size_t room, bool cloexec,
                         bool peeked, struct libos_rights* in, size_t* total) {
    struct libos_file* files[LIBOS_RIGHTS_MAX] = {NULL};
    struct note* note = handles[0] ? read_note(handles[0]) : NULL;
    in->count = 0;
    in->has_cred = false;
    *total = 0;
    if (note) {
        find_files(note, handles + 1, handle_count - 1, peeked, files);
        *total = note->count;
        in->has_cred = note->has_cred;
        memcpy(in->cred, note->cred, sizeof(in->cred));
        for (size_t i = 0; i < note->count && in->count < room; i++) {
            struct libos_file* f = note->which[i] < LIBOS_RIGHTS_MAX ? files[note->which[i]] : NULL;
            int fd = f ? libos_fd_install(f, cloexec, 0) : -EBADF;
            if (fd < 0)
                break;
            in->fds[in->count++] = fd;
        }
    }
    for (size_t i = 0; i < LIBOS_RIGHTS_MAX; i++) {
        if (files[i])
            libos_file_put(files[i]);
    }
    for (size_t i = 0; i < handle_count; i++) {
        if (handles[i])
            PalObjectClose(handles[i]);
    }
    libos_free(note);
}
