/*
 * AF_UNIX sockets with names: unix(7). The names are the instance's own: nothing of the host can
 * connect to them, and they lead to nothing of the host.
 *
 * Each socket is made with a pair of the host: `host` of the file is its own end, `far` the other.
 * A connection gives the far end to whoever accepts; a datagram socket receives what others write
 * into its far end (so the sender's name is not told).
 */
#include <linux/stat.h>
#include <linux/un.h>

#include "libos_fs_calls.h"
#include "libos_unix.h"

#define HEAD offsetof(struct sockaddr_un, sun_path)

struct pending { /* a connection that waits for accept */
    struct list_node node;
    PAL_HANDLE host;
    struct unix_name client;
    struct libos_socket_pair* pair;
};

static libos_lock_t g_lock; /* guards the list and all of each struct libos_unix */
static struct list_node g_bound = LIST_INIT(g_bound);

/* ---- names ----------------------------------------------------------------------------------- */

static int check_addr(const struct sockaddr_un* un, PAL_NUM size) {
    if (size < sizeof(un->sun_family) || size > sizeof(*un) || un->sun_family != AF_UNIX)
        return -EINVAL;
    return 0;
}

/* The path in a name, ended by a NUL even if the name is not. */
static void path_of(const struct sockaddr_un* un, PAL_NUM size, char path[UNIX_PATH_MAX + 1]) {
    size_t n = strnlen(un->sun_path, size - HEAD);
    memcpy(path, un->sun_path, n);
    path[n] = '\0';
}

/* What a name stands for. -ENOENT, -ECONNREFUSED (no socket), ... */
static int resolve(const struct sockaddr_un* un, PAL_NUM size, struct unix_name* key) {
    int ret = check_addr(un, size);
    if (ret < 0 || size <= HEAD)
        return ret ? ret : -EINVAL;
    *key = (struct unix_name){.size = (int)size};
    memcpy(&key->un, un, size);
    if (un->sun_path[0] == '\0')
        return 0;
    char path[UNIX_PATH_MAX + 1];
    struct libos_stat st;
    path_of(un, size, path);
    ret = libos_stat_path(AT_FDCWD, path, 0, &st);
    if (ret == 0)
        ret = libos_permission(&st, 2);
    if (ret == 0 && (st.mode & S_IFMT) != S_IFSOCK)
        ret = -ECONNREFUSED;
    key->dev = st.dev;
    key->ino = st.ino;
    return ret;
}

static bool same_name(const struct unix_name* a, const struct unix_name* b) {
    if (!a->un.sun_path[0] != !b->un.sun_path[0])
        return false;
    if (a->un.sun_path[0])
        return a->dev == b->dev && a->ino == b->ino;
    return a->size == b->size && memcmp(&a->un, &b->un, (size_t)a->size) == 0;
}

/* Each type has abstract names of its own; a path is one for all. */
static struct libos_unix* find(const struct unix_name* key, int type) {
    list_for_each(u, &g_bound, struct libos_unix, node) {
        bool type_fits = key->un.sun_path[0] || libos_socket_of(u->file)->type == type;
        if (type_fits && same_name(&u->name, key))
            return u;
    }
    return NULL;
}

/* The node in the file system. */
static int make_node(struct unix_name* name) {
    char path[UNIX_PATH_MAX + 1];
    struct libos_stat st;
    path_of(&name->un, (PAL_NUM)name->size, path);
    name->size = (int)(HEAD + strlen(path) + 1);
    struct libos_lookup l;
    int ret = libos_lookup_start(&l, AT_FDCWD, path, LOOKUP_NAME);
    if (ret == 0)
        ret = libos_lookup_mknod(&l, S_IFSOCK | 0777, 0);
    libos_lookup_end(&l);
    if (ret == 0)
        ret = libos_stat_path(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &st);
    if (ret < 0)
        return ret == -EEXIST ? -EADDRINUSE : ret;
    name->dev = st.dev;
    name->ino = st.ino;
    return 0;
}

int libos_unix_bind(struct libos_file* f, const void* addr, PAL_NUM size) {
    static uint32_t next_auto;
    struct libos_unix* u = libos_socket_of(f)->local;
    int ret = check_addr(addr, size);
    if (ret < 0 || !u)
        return ret ? ret : -EINVAL;
    struct unix_name name = {.size = (int)size};
    memcpy(&name.un, addr, size);
    bool automatic = size == sizeof(name.un.sun_family);
    if (!automatic && name.un.sun_path[0] && !u->name.size && (ret = make_node(&name)) < 0)
        return ret;
    lock(&g_lock);
    if (u->name.size) {
        ret = automatic ? 0 : -EINVAL;
    } else {
        do {
            if (automatic) {
                snprintf(&name.un.sun_path[1], 6, "%05x", next_auto++ & 0xfffff);
                name.size = (int)HEAD + 6;
            }
            ret = find(&name, libos_socket_of(f)->type) ? -EADDRINUSE : 0;
        } while (ret && automatic);
        if (ret == 0) {
            u->name = name;
            list_add_tail(&g_bound, &u->node);
        }
    }
    unlock(&g_lock);
    return ret;
}

int libos_unix_name(struct libos_file* f, bool peer, struct sockaddr_un* un, PAL_NUM* size) {
    struct libos_unix* u = libos_socket_of(f)->local;
    if (peer && libos_socket_alone(f))
        return -ENOTCONN;
    *size = sizeof(un->sun_family);
    un->sun_family = AF_UNIX;
    if (!u)
        return 0;
    lock(&g_lock);
    const struct unix_name* name = peer ? &u->peer : &u->name;
    int ret = peer && !name->size && libos_socket_of(f)->type == SOCK_DGRAM ? -ENOTCONN : 0;
    if (name->size) {
        memcpy(un, &name->un, (size_t)name->size);
        *size = (PAL_NUM)name->size;
    }
    unlock(&g_lock);
    return ret;
}

/* ---- life ------------------------------------------------------------------------------------ */

int libos_unix_create(int type, int protocol, bool nonblock, struct libos_file** out) {
    PAL_HANDLE ends[2];
    struct libos_unix* u = libos_calloc(1, sizeof(*u));
    if (!u)
        return -ENOMEM;
    int ret = PalSocketPair((PAL_FLG)type, 0, ends);
    if (ret < 0) {
        libos_free(u);
        return (int)pal_to_errno(ret);
    }
    struct libos_file* f = libos_socket_file(AF_UNIX, type, protocol, nonblock, ends[0]);
    if (!f) {
        PalObjectClose(ends[1]);
        libos_free(u);
        return -ENOMEM;
    }
    u->file = f;
    u->far = ends[1];
    list_init(&u->node);
    list_init(&u->queue);
    list_init(&u->connectors);
    libos_socket_of(f)->local = u;
    if (type != SOCK_DGRAM)
        libos_socket_set_alone(f);
    PAL_STREAM_ATTR attr = {.nonblocking = nonblock};
    if (nonblock && (ret = PalStreamAttributesSetByHandle(ends[0], &attr)) < 0) {
        libos_file_put(f);
        return (int)pal_to_errno(ret);
    }
    *out = f;
    return 0;
}

/* They are taken off the list: it may be gone when they run. */
static void wake_connectors(struct libos_unix* u) {
    while (!list_empty(&u->connectors)) {
        struct libos_waiter* w = list_first(&u->connectors, struct libos_waiter, node);
        list_del(&w->node);
        libos_wake(w);
    }
}

static void drop_pending(struct pending* p) {
    PalObjectClose(p->host);
    libos_socket_pair_put(p->pair);
    libos_free(p);
}

void libos_unix_release(struct libos_unix* u) {
    lock(&g_lock);
    list_del(&u->node);
    u->listening = false;
    wake_connectors(u);
    struct list_node queue = LIST_INIT(queue);
    while (!list_empty(&u->queue)) {
        struct list_node* n = u->queue.next;
        list_del(n);
        list_add_tail(&queue, n);
    }
    unlock(&g_lock);
    list_for_each_safe(p, &queue, struct pending, node) {
        drop_pending(p);
    }
    if (u->far)
        PalObjectClose(u->far);
    libos_free(u);
}

/* ---- connections ----------------------------------------------------------------------------- */

int libos_unix_listen(struct libos_file* f, int backlog) {
    struct libos_socket* s = libos_socket_of(f);
    struct libos_unix* u = s->local;
    if (s->type == SOCK_DGRAM)
        return -EOPNOTSUPP;
    if (!u || !libos_socket_alone(f))
        return -EINVAL;
    lock(&g_lock);
    int ret = u->name.size ? 0 : -EINVAL;
    if (ret == 0) {
        u->listening = true;
        u->backlog = (unsigned int)backlog > 4096 ? 4096 : backlog;
        wake_connectors(u);
    }
    unlock(&g_lock);
    return ret;
}

unsigned libos_unix_poll(struct libos_file* f) {
    struct libos_unix* u = libos_socket_of(f)->local;
    lock(&g_lock);
    unsigned events = POLLOUT | POLLWRNORM | POLLHUP; /* of a socket that leads nowhere */
    if (u && u->listening)
        events = u->queued ? POLLIN | POLLRDNORM : 0;
    unlock(&g_lock);
    return events;
}

/* Waits until the server has room, or changes. g_lock held before and after; the server may be gone
 * then. */
static int wait_for_room(struct libos_unix* server) {
    struct libos_waiter w;
    libos_waiter_init(&w);
    list_add_tail(&server->connectors, &w.node);
    unlock(&g_lock);
    long ret = libos_wait(&w, PAL_CLOCK_MONOTONIC, NO_TIMEOUT);
    lock(&g_lock);
    list_del(&w.node);
    return ret < 0 ? -ERESTARTSYS : 0;
}

/* Under g_lock: f becomes connected, its far end waits for accept. */
static int enqueue(struct libos_file* f, struct libos_unix* server) {
    struct libos_socket* s = libos_socket_of(f);
    struct libos_unix* u = s->local;
    struct pending* p = libos_malloc(sizeof(*p));
    struct libos_socket_pair* pair = libos_malloc(sizeof(*pair));
    if (!p || !pair) {
        libos_free(p);
        libos_free(pair);
        return -ENOMEM;
    }
    ref_set(&pair->ref, 2);
    s->pair = pair;
    *p = (struct pending){.host = u->far, .client = u->name, .pair = pair};
    u->far = NULL;
    u->peer = server->name;
    list_add_tail(&server->queue, &p->node);
    server->queued++;
    libos_socket_set_connected(f);
    libos_file_notify(server->file, POLLIN);
    return 0;
}

static int connect_stream(struct libos_file* f, const struct unix_name* key) {
    struct libos_unix* u = libos_socket_of(f)->local;
    int ret = 0;
    lock(&g_lock);
    for (;;) {
        struct libos_unix* server = find(key, libos_socket_of(f)->type);
        if (!libos_socket_alone(f))
            ret = -EISCONN;
        else if (u->listening)
            ret = -EINVAL;
        else if (server && libos_socket_of(server->file)->type != libos_socket_of(f)->type)
            ret = -EPROTOTYPE;
        else if (!server || !server->listening)
            ret = -ECONNREFUSED;
        else if (server->queued <= server->backlog)
            ret = enqueue(f, server);
        else if (f->flags & O_NONBLOCK)
            ret = -EAGAIN;
        else if ((ret = wait_for_room(server)) == 0)
            continue;
        break;
    }
    unlock(&g_lock);
    if (ret == 0)
        libos_file_notify(f, POLLOUT); /* who waits for it now waits in the host */
    return ret;
}

int libos_unix_connect(struct libos_file* f, const void* addr, PAL_NUM size) {
    struct libos_socket* s = libos_socket_of(f);
    struct unix_name key = {0};
    if (!s->local)
        return -EISCONN; /* one of a pair */
    uint16_t family;
    memcpy(&family, addr, sizeof(family));
    bool undo = s->type == SOCK_DGRAM && size >= sizeof(family) && family == 0;
    int ret = undo ? 0 : resolve(addr, size, &key);
    if (ret < 0)
        return ret;
    if (s->type != SOCK_DGRAM)
        return connect_stream(f, &key);
    lock(&g_lock);
    struct libos_unix* peer = undo ? NULL : find(&key, SOCK_DGRAM);
    if (!undo && !peer)
        ret = -ECONNREFUSED;
    else if (peer && libos_socket_of(peer->file)->type != SOCK_DGRAM)
        ret = -EPROTOTYPE;
    else
        s->local->peer = key;
    unlock(&g_lock);
    return ret;
}

static struct pending* dequeue(struct libos_unix* u, int* error) {
    struct pending* p = NULL;
    lock(&g_lock);
    if (!u->listening) {
        *error = -EINVAL;
    } else if (u->queued) {
        p = list_first(&u->queue, struct pending, node);
        list_del(&p->node);
        u->queued--;
        wake_connectors(u);
    }
    unlock(&g_lock);
    return p;
}

struct accepter {
    struct libos_file_waiter base;
    struct libos_waiter waiter;
};

static void accepter_wake(struct libos_file_waiter* base, unsigned events) {
    (void)events;
    libos_wake(&container_of(base, struct accepter, base)->waiter);
}

static struct pending* wait_for_client(struct libos_file* f, int* error) {
    struct libos_socket* s = libos_socket_of(f);
    struct accepter a = {.base.wake = accepter_wake};
    struct pending* p;
    libos_waiter_init(&a.waiter);
    libos_file_add_waiter(f, &a.base);
    while (!(p = dequeue(s->local, error)) && !*error) {
        if (libos_wait(&a.waiter, PAL_CLOCK_MONOTONIC, NO_TIMEOUT) < 0)
            *error = s->receive_timeout ? -EINTR : -ERESTARTSYS;
    }
    libos_file_remove_waiter(f, &a.base);
    return p;
}

int libos_unix_accept(struct libos_file* f, bool nonblock, struct libos_file** out,
                      struct sockaddr_un* un, PAL_NUM* size) {
    struct libos_socket* s = libos_socket_of(f);
    int ret = 0;
    if (!s->local)
        return s->type == SOCK_DGRAM ? -EOPNOTSUPP : -EINVAL;
    struct pending* p = dequeue(s->local, &ret);
    if (!p && ret == 0 && (f->flags & O_NONBLOCK))
        ret = -EAGAIN;
    if (!p && ret == 0)
        p = wait_for_client(f, &ret);
    if (!p)
        return ret;
    PAL_STREAM_ATTR attr = {.nonblocking = nonblock};
    struct libos_unix* u = libos_calloc(1, sizeof(*u));
    ret = u ? (int)pal_to_errno(PalStreamAttributesSetByHandle(p->host, &attr)) : -ENOMEM;
    struct libos_file* file =
        ret == 0 ? libos_socket_file(AF_UNIX, s->type, s->protocol, nonblock, p->host) : NULL;
    if (!file) {
        libos_free(u);
        if (ret < 0)
            PalObjectClose(p->host);
        libos_socket_pair_put(p->pair);
        libos_free(p);
        return ret < 0 ? ret : -ENOMEM;
    }
    u->file = file;
    list_init(&u->node);
    list_init(&u->queue);
    list_init(&u->connectors);
    lock(&g_lock);
    u->name = s->local->name;
    unlock(&g_lock);
    u->peer = p->client;
    libos_socket_of(file)->local = u;
    libos_socket_of(file)->pair = p->pair;
    un->sun_family = AF_UNIX;
    *size = sizeof(un->sun_family);
    if (p->client.size) {
        memcpy(un, &p->client.un, (size_t)p->client.size);
        *size = (PAL_NUM)p->client.size;
    }
    libos_free(p);
    *out = file;
    return 0;
}

/* ---- datagrams ------------------------------------------------------------------------------- */

int libos_unix_target(struct libos_file* f, const void* addr, PAL_NUM size,
                      struct libos_file** target, PAL_HANDLE* via) {
    struct libos_unix* u = libos_socket_of(f)->local;
    struct unix_name key = {0};
    int ret = addr ? resolve(addr, size, &key) : 0;
    if (ret < 0)
        return ret;
    lock(&g_lock);
    if (!addr)
        key = u->peer;
    struct libos_unix* peer = key.size ? find(&key, SOCK_DGRAM) : NULL;
    if (!key.size)
        ret = -ENOTCONN;
    else if (!peer || !ref_get_unless_zero(&peer->file->ref))
        ret = -ECONNREFUSED;
    else if (libos_socket_of(peer->file)->type != SOCK_DGRAM) {
        ret = -EPROTOTYPE;
        /* Under the lock its closing cannot run: only drop the count. */
        *target = peer->file;
    } else {
        *target = peer->file;
        *via = peer->far;
    }
    unlock(&g_lock);
    if (ret == -EPROTOTYPE)
        libos_file_put(*target);
    return ret;
}
