/*
 * The names of AF_UNIX sockets of the instance, in the arena: guest name -> number of the host's
 * socket, and back.
 *
 * Whether a socket exists under a number only the host knows: an entry may outlive it (its process
 * was killed) and does no harm then, as the host refuses connections to it. The same abstract name
 * keeps its number; a path that is bound again gets a new one, so an old socket whose file was
 * removed keeps its own. Entries without a socket are swept when there are many.
 */
#include "libos_coord.h"
#include "libos_unix.h"

#define BUCKETS 512
#define FEW     64 /* entries: below this nothing is swept */

struct entry {
    struct entry *next_key, *next_id;
    uint64_t id, hash;
    int32_t type;
    bool current; /* found by its name; not so once a path was bound anew */
    struct unix_name name;
    struct unix_cred cred;
};

struct names {              /* COORD_ROOT_UNIX */
    struct coord_lock lock; /* guards all below */
    uint64_t last_id;
    uint32_t count, sweep_at;
    struct entry* by_key[BUCKETS];
    struct entry* by_id[BUCKETS];
};

static struct names* names(void) {
    static struct names* found;
    struct names* n = __atomic_load_n(&found, __ATOMIC_RELAXED);
    if (!n) {
        n = coord_root(COORD_ROOT_UNIX, sizeof(*n));
        __atomic_store_n(&found, n, __ATOMIC_RELAXED);
    }
    return n;
}

static uint64_t hash_of(const struct unix_name* name) {
    uint64_t h = 0xcbf29ce484222325ULL;
    if (name->un.sun_path[0]) {
        h = (name->dev * 0x9e3779b97f4a7c15ULL) ^ name->ino;
    } else {
        for (int i = (int)UNIX_HEAD; i < name->size; i++)
            h = (h ^ ((const unsigned char*)&name->un)[i]) * 0x100000001b3ULL;
    }
    h *= 0x9e3779b97f4a7c15ULL;
    return h ^ h >> 32;
}

static bool same_name(const struct unix_name* a, const struct unix_name* b) {
    if (!a->un.sun_path[0] != !b->un.sun_path[0])
        return false;
    if (a->un.sun_path[0])
        return a->dev == b->dev && a->ino == b->ino;
    return a->size == b->size && memcmp(&a->un, &b->un, (size_t)a->size) == 0;
}

/* Each type has abstract names of its own; a path is one for all. */
static struct entry* find(struct names* n, const struct unix_name* key, uint64_t hash, int type) {
    struct entry* e = n->by_key[hash % BUCKETS];
    for (; e; e = e->next_key) {
        if (e->current && e->hash == hash && (key->un.sun_path[0] || e->type == type) &&
            same_name(&e->name, key))
            return e;
    }
    return NULL;
}

static struct entry* find_id(struct names* n, uint64_t id) {
    struct entry* e = n->by_id[id % BUCKETS];
    while (e && e->id != id)
        e = e->next_id;
    return e;
}

static void tell(const struct entry* e, struct unix_found* out) {
    *out = (struct unix_found){.id = e->id, .type = e->type, .name = e->name, .cred = e->cred};
}

bool libos_unix_names_find(const struct unix_name* key, int type, struct unix_found* out) {
    struct names* n = names();
    uint64_t hash = hash_of(key);
    if (!n)
        return false;
    coord_lock(&n->lock);
    const struct entry* e = find(n, key, hash, type);
    if (e)
        tell(e, out);
    coord_unlock(&n->lock);
    return e;
}

bool libos_unix_names_by_id(uint64_t id, struct unix_found* out) {
    struct names* n = names();
    if (!n)
        return false;
    coord_lock(&n->lock);
    const struct entry* e = find_id(n, id);
    if (e)
        tell(e, out);
    coord_unlock(&n->lock);
    return e;
}

void libos_unix_names_set_cred(uint64_t id, struct unix_cred cred) {
    struct names* n = names();
    if (!n)
        return;
    coord_lock(&n->lock);
    struct entry* e = find_id(n, id);
    if (e)
        COORD_SET(e->cred, cred);
    coord_unlock(&n->lock);
}

/* ---- changes; under the lock -------------------------------------------------------------------
 */

static void unlink_entry(struct names* n, struct entry* e) {
    struct entry** p = &n->by_key[e->hash % BUCKETS];
    while (*p != e)
        p = &(*p)->next_key;
    COORD_SET(*p, e->next_key);
    p = &n->by_id[e->id % BUCKETS];
    while (*p != e)
        p = &(*p)->next_id;
    COORD_SET(*p, e->next_id);
    COORD_SET(n->count, n->count - 1);
    coord_free(e);
}

static void host_name(uint64_t id, struct sockaddr_un* un, PAL_NUM* size) {
    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(un->sun_path + 1, 18, "b%016llx", (unsigned long long)id);
    *size = UNIX_HEAD + 18;
}

/* Is there a socket? Another one of its kind can be bound if not. */
static bool alive(const struct entry* e) {
    struct sockaddr_un un;
    PAL_NUM size;
    PAL_HANDLE probe;
    if (PalSocketCreate(AF_UNIX, (PAL_FLG)e->type, 0, 0, &probe) < 0)
        return true;
    host_name(e->id, &un, &size);
    int ret = PalSocketBind(probe, &un, size);
    PalObjectClose(probe);
    return ret < 0;
}

static void sweep(struct names* n) {
    for (unsigned int i = 0; i < BUCKETS; i++) {
        for (struct entry *e = n->by_id[i], *next; e; e = next) {
            next = e->next_id;
            if (!alive(e)) {
                unlink_entry(n, e);
                coord_commit();
            }
        }
    }
    COORD_SET(n->sweep_at, n->count * 2 + FEW);
}

static struct entry* add(struct names* n, const struct unix_name* name, uint64_t hash, int type) {
    if (n->count >= n->sweep_at)
        sweep(n);
    struct entry* e = coord_alloc(sizeof(*e));
    if (!e)
        return NULL;
    COORD_SET(n->last_id, n->last_id + 1);
    e->id = n->last_id;
    e->hash = hash;
    e->type = type;
    e->current = true;
    e->name = *name;
    e->next_key = n->by_key[hash % BUCKETS];
    e->next_id = n->by_id[e->id % BUCKETS];
    COORD_SET(n->by_key[hash % BUCKETS], e);
    COORD_SET(n->by_id[e->id % BUCKETS], e);
    COORD_SET(n->count, n->count + 1);
    return e;
}

int libos_unix_names_bind(struct libos_file* f, const struct unix_name* name, uint64_t* id) {
    struct names* n = names();
    uint64_t hash = hash_of(name);
    int type = libos_socket_of(f)->type;
    if (!n)
        return -ENOMEM;
    coord_lock(&n->lock);
    struct entry* old = find(n, name, hash, type);
    bool path = name->un.sun_path[0] != '\0';
    /* A path's node was just made: whoever had the same inode before has lost its file. */
    struct entry* e = old && !path ? old : add(n, name, hash, type);
    int ret = -ENOMEM;
    if (e) {
        struct sockaddr_un un;
        PAL_NUM size;
        host_name(e->id, &un, &size);
        ret = (int)pal_to_errno(PalSocketBind(f->host, &un, size));
        *id = e->id;
    }
    if (ret < 0 && e && e != old)
        unlink_entry(n, e);
    else if (ret == 0 && old && e != old)
        COORD_SET(old->current, false);
    if (ret == 0)
        COORD_SET(e->cred, libos_unix_own_cred());
    coord_unlock(&n->lock);
    return ret;
}
