/*
 * AF_UNIX sockets: unix(7). What the host knows is in libos_unix.h; here names are translated both
 * ways.
 */
#include <asm/socket.h>
#include <linux/stat.h>

#include "libos_coord_process.h"
#include "libos_fs_calls.h"
#include "libos_unix.h"

#define CLIENT_DIGITS 40
#define CLIENT_SIZE   (UNIX_HEAD + 2 + CLIENT_DIGITS)
#define BOUND_SIZE    (UNIX_HEAD + 18)

struct libos_unix* libos_unix_alloc(void) {
    struct libos_unix* u = libos_calloc(1, sizeof(*u));
    if (u)
        u->peer_cred = UNIX_NOBODY;
    return u;
}

struct unix_cred libos_unix_own_cred(void) {
    const struct libos_thread* t = get_cur_thread();
    return (struct unix_cred){cur_process()->pid, t->euid, t->egid};
}

/* ---- names of the guest ------------------------------------------------------------------------
 */

static int check_addr(const struct sockaddr_un* un, PAL_NUM size) {
    if (size < sizeof(un->sun_family) || size > sizeof(*un) || un->sun_family != AF_UNIX)
        return -EINVAL;
    return 0;
}

/* The path in a name, ended by a NUL even if the name is not. */
static void path_of(const struct sockaddr_un* un, PAL_NUM size, char path[UNIX_PATH_MAX + 1]) {
    size_t n = strnlen(un->sun_path, size - UNIX_HEAD);
    memcpy(path, un->sun_path, n);
    path[n] = '\0';
}

/* What a name stands for. -ENOENT, -ECONNREFUSED (no socket), ... */
static int resolve(const struct sockaddr_un* un, PAL_NUM size, int type, struct unix_found* found) {
    int ret = check_addr(un, size);
    if (ret < 0 || size <= UNIX_HEAD)
        return ret ? ret : -EINVAL;
    struct unix_name key = {.size = (int)size};
    memcpy(&key.un, un, size);
    if (un->sun_path[0]) {
        char path[UNIX_PATH_MAX + 1];
        struct libos_stat st;
        path_of(un, size, path);
        ret = libos_stat_path(AT_FDCWD, path, 0, &st);
        if (ret == 0)
            ret = libos_permission(&st, 2);
        if (ret < 0)
            return ret;
        if ((st.mode & S_IFMT) != S_IFSOCK)
            return -ECONNREFUSED;
        key.dev = st.dev;
        key.ino = st.ino;
    }
    return libos_unix_names_find(&key, type, found) ? 0 : -ECONNREFUSED;
}

/* ---- names of the host -------------------------------------------------------------------------
 */

static void bound_name(uint64_t id, struct sockaddr_un* un, PAL_NUM* size) {
    *un = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(un->sun_path + 1, 18, "b%016llx", (unsigned long long)id);
    *size = BOUND_SIZE;
}

static bool parse_hex(const char* digits, int count, uint64_t* out) {
    *out = 0;
    for (int i = 0; i < count; i++) {
        char c = digits[i];
        int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (value < 0)
            return false;
        *out = *out << 4 | (unsigned int)value;
    }
    return true;
}

static bool parse_bound(const struct sockaddr_un* un, PAL_NUM size, uint64_t* id) {
    return size == BOUND_SIZE && un->sun_path[1] == 'b' && parse_hex(un->sun_path + 2, 16, id);
}

static bool parse_client(const struct sockaddr_un* un, PAL_NUM size, struct unix_cred* cred) {
    uint64_t pid, uid, gid;
    if (size != CLIENT_SIZE || un->sun_path[1] != 'c' || !parse_hex(un->sun_path + 2, 8, &pid) ||
        !parse_hex(un->sun_path + 10, 8, &uid) || !parse_hex(un->sun_path + 18, 8, &gid))
        return false;
    *cred = (struct unix_cred){(int32_t)pid, (uint32_t)uid, (uint32_t)gid};
    return true;
}

/* The host's name of f or of its peer: bytes, or -errno. */
static int ask_host(struct libos_file* f, bool peer, struct sockaddr_un* un, PAL_NUM* size) {
    *size = sizeof(*un);
    int ret = PalSocketName(f->host, peer, un, size);
    return ret == 0 && *size > sizeof(*un) ? -EIO : (int)pal_to_errno(ret);
}

/* The guest's name behind a host's; size 0: it has none. */
static void guest_name(const struct sockaddr_un* un, PAL_NUM size, struct unix_name* out) {
    struct unix_found found;
    uint64_t id;
    out->size = 0;
    if (parse_bound(un, size, &id) && libos_unix_names_by_id(id, &found))
        *out = found.name;
}

int libos_unix_name(struct libos_file* f, bool peer, struct sockaddr_un* un, PAL_NUM* size) {
    struct libos_socket* s = libos_socket_of(f);
    struct libos_unix* u = s->unix_data;
    bool stays = !peer || s->type != SOCK_DGRAM;
    struct unix_name name = {.size = 0};
    if (stays) {
        lock(&u->lock);
        name = peer ? u->peer : u->local;
        unlock(&u->lock);
    }
    if (!name.size) {
        int ret = ask_host(f, peer, un, size);
        if (ret < 0)
            return ret;
        guest_name(un, *size, &name);
        lock(&u->lock);
        if (stays && name.size)
            *(peer ? &u->peer : &u->local) = name;
        unlock(&u->lock);
    } else if (peer) { /* still connected? */
        struct sockaddr_un unused;
        PAL_NUM unused_size;
        int ret = ask_host(f, true, &unused, &unused_size);
        if (ret < 0)
            return ret;
    }
    un->sun_family = AF_UNIX;
    *size = sizeof(un->sun_family);
    if (name.size) {
        memcpy(un, &name.un, (size_t)name.size);
        *size = (PAL_NUM)name.size;
    }
    return 0;
}

void libos_unix_sender(struct libos_file* f, struct sockaddr_un* un, PAL_NUM* size) {
    struct libos_unix* u = libos_socket_of(f)->unix_data;
    struct unix_name name = {.size = 0};
    uint64_t id;
    if (*size <= sizeof(*un) && parse_bound(un, *size, &id)) {
        lock(&u->lock);
        if (u->from_id == id)
            name = u->from;
        unlock(&u->lock);
        if (!name.size)
            guest_name(un, *size, &name);
        lock(&u->lock);
        u->from_id = id;
        u->from = name;
        unlock(&u->lock);
    }
    *size = (PAL_NUM)name.size;
    if (name.size)
        memcpy(un, &name.un, (size_t)name.size);
}

/* ---- bind --------------------------------------------------------------------------------------
 */

static int remove_node(const char* path) {
    struct libos_lookup l;
    int ret = libos_lookup_start(&l, AT_FDCWD, path, LOOKUP_NAME);
    if (ret == 0)
        ret = libos_lookup_unlink(&l, false);
    libos_lookup_end(&l);
    return ret;
}

/* The node in the file system. */
static int make_node(struct unix_name* name, char path[UNIX_PATH_MAX + 1]) {
    struct libos_stat st;
    path_of(&name->un, (PAL_NUM)name->size, path);
    name->size = (int)(UNIX_HEAD + strlen(path) + 1);
    if (name->size > (int)sizeof(name->un))
        name->size = (int)sizeof(name->un);
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

static int bind_name(struct libos_file* f, const struct unix_name* name) {
    struct libos_unix* u = libos_socket_of(f)->unix_data;
    uint64_t id;
    int ret = libos_unix_names_bind(f, name, &id);
    if (ret == -EINVAL && u->client_name) {
        /* It bears the name of a client whose connecting failed. */
        struct sockaddr_un un;
        PAL_NUM size;
        int zero = 0;
        if (ask_host(f, true, &un, &size) == -ENOTCONN &&
            PalStreamControl(f->host, PAL_OP_SOCKET_RENEW, &zero, sizeof(zero)) == 0) {
            u->client_name = false;
            ret = libos_unix_names_bind(f, name, &id);
        }
    }
    if (ret == 0) {
        lock(&u->lock);
        u->local = *name;
        unlock(&u->lock);
    }
    return ret;
}

static int autobind(struct libos_file* f) {
    static uint32_t next;
    struct sockaddr_un un;
    PAL_NUM size;
    if (libos_socket_of(f)->unix_data->local.size)
        return 0;
    int ret = ask_host(f, false, &un, &size);
    if (ret < 0 || size > UNIX_HEAD)
        return ret;
    do {
        struct unix_name name = {.size = (int)UNIX_HEAD + 6, .un.sun_family = AF_UNIX};
        snprintf(&name.un.sun_path[1], 6, "%05x",
                 __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) & 0xfffff);
        ret = bind_name(f, &name);
    } while (ret == -EADDRINUSE);
    return ret;
}

int libos_unix_bind(struct libos_file* f, const void* addr, PAL_NUM size) {
    char path[UNIX_PATH_MAX + 1];
    int ret = check_addr(addr, size);
    if (ret < 0)
        return ret;
    if (size == sizeof(((struct sockaddr_un*)0)->sun_family))
        return autobind(f);
    struct unix_name name = {.size = (int)size};
    memcpy(&name.un, addr, size);
    if (!name.un.sun_path[0])
        return bind_name(f, &name);
    ret = make_node(&name, path);
    if (ret == 0 && (ret = bind_name(f, &name)) < 0)
        remove_node(path);
    return ret;
}

/* ---- connections -------------------------------------------------------------------------------
 */

/* Who f is, for those it will be connected to. */
static void tell_own(struct libos_file* f) {
    struct sockaddr_un un;
    PAL_NUM size;
    uint64_t id;
    if (ask_host(f, false, &un, &size) == 0 && parse_bound(&un, size, &id))
        libos_unix_names_set_cred(id, libos_unix_own_cred());
}

int libos_unix_listen(struct libos_file* f, int backlog) {
    if (libos_socket_of(f)->type != SOCK_DGRAM)
        tell_own(f);
    return (int)pal_to_errno(PalSocketListen(f->host, (unsigned int)backlog));
}

/* A client without a name gets one that tells the server who he is. */
static int name_client(struct libos_file* f) {
    struct libos_unix* u = libos_socket_of(f)->unix_data;
    struct unix_cred cred = libos_unix_own_cred();
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    uint64_t random;
    if (__atomic_load_n(&u->pass_cred, __ATOMIC_RELAXED))
        autobind(f);
    if (u->client_name)
        return 0;
    if (u->local.size) {
        tell_own(f);
        return 0;
    }
    int ret = PalRandomBitsRead(&random, sizeof(random));
    if (ret < 0)
        return (int)pal_to_errno(ret);
    snprintf(un.sun_path + 1, CLIENT_DIGITS + 2, "c%08x%08x%08x%016llx", (unsigned int)cred.pid,
             cred.uid, cred.gid, (unsigned long long)random);
    ret = PalSocketBind(f->host, &un, CLIENT_SIZE);
    if (ret == 0)
        u->client_name = true;
    else if (ret == PAL_ERROR_INVAL)
        tell_own(f); /* another process has bound it */
    return ret == PAL_ERROR_INVAL ? 0 : (int)pal_to_errno(ret);
}

static int connected(struct libos_file* f, const struct unix_found* server) {
    struct libos_socket* s = libos_socket_of(f);
    struct libos_unix* u = s->unix_data;
    if (s->type == SOCK_DGRAM)
        return 0;
    lock(&u->lock);
    u->peer = server->name;
    u->peer_cred = server->cred;
    unlock(&u->lock);
    return 0;
}

int libos_unix_connect(struct libos_file* f, const void* addr, PAL_NUM size) {
    struct libos_socket* s = libos_socket_of(f);
    struct sockaddr_un host;
    PAL_NUM host_size;
    struct unix_found found;
    uint16_t family = 0;
    memcpy(&family, addr, MIN(sizeof(family), (size_t)size));
    if (s->type == SOCK_DGRAM && size >= sizeof(family) && family == 0)
        return (int)pal_to_errno(PalSocketConnect(f->host, addr, size));
    int ret = resolve(addr, size, s->type, &found);
    if (ret < 0)
        return ret;
    if (found.type != s->type)
        return -EPROTOTYPE;
    if (s->type != SOCK_DGRAM)
        ret = name_client(f);
    else if (__atomic_load_n(&s->unix_data->pass_cred, __ATOMIC_RELAXED))
        ret = autobind(f);
    if (ret < 0)
        return ret;
    bound_name(found.id, &host, &host_size);
    ret = PalSocketConnect(f->host, &host, host_size);
    if (ret == PAL_ERROR_INTERRUPTED && s->send_timeout)
        return (int)libos_interrupted();
    return ret < 0 ? (int)pal_to_errno(ret) : connected(f, &found);
}

/* Fills in what is known of the client. */
static void meet_client(struct libos_unix* u, const struct sockaddr_un* un, PAL_NUM size) {
    struct unix_found found;
    uint64_t id;
    if (parse_client(un, size, &u->peer_cred))
        return;
    if (parse_bound(un, size, &id) && libos_unix_names_by_id(id, &found)) {
        u->peer = found.name;
        u->peer_cred = found.cred;
    }
}

int libos_unix_accept(struct libos_file* f, bool nonblock, struct libos_file** out,
                      struct sockaddr_un* un, PAL_NUM* size) {
    struct libos_socket* s = libos_socket_of(f);
    PAL_HANDLE client;
    *size = sizeof(*un);
    int ret = PalSocketAccept(f->host, nonblock ? PAL_OPTION_NONBLOCK : 0, &client, un, size);
    if (ret < 0)
        return (int)(ret == PAL_ERROR_INTERRUPTED && s->receive_timeout ? libos_interrupted()
                                                                        : pal_to_errno(ret));
    *out = libos_socket_file(AF_UNIX, s->type, s->protocol, nonblock, client);
    if (!*out)
        return -ENOMEM;
    struct libos_unix* u = libos_socket_of(*out)->unix_data;
    u->pass_cred = s->unix_data->pass_cred;
    meet_client(u, un, *size);
    struct sockaddr_un local;
    PAL_NUM local_size;
    if (libos_unix_name(f, false, &local, &local_size) == 0 && local_size > UNIX_HEAD) {
        memcpy(&u->local.un, &local, local_size);
        u->local.size = (int)local_size;
    }
    un->sun_family = AF_UNIX;
    *size = sizeof(un->sun_family);
    if (u->peer.size) {
        memcpy(un, &u->peer.un, (size_t)u->peer.size);
        *size = (PAL_NUM)u->peer.size;
    }
    return 0;
}

/* ---- messages ----------------------------------------------------------------------------------
 */

int libos_unix_target(struct libos_file* f, const void* addr, PAL_NUM size,
                      struct sockaddr_un* host, PAL_NUM* host_size) {
    struct libos_socket* s = libos_socket_of(f);
    struct unix_found found = {.id = 0};
    if (s->type == SOCK_DGRAM) {
        int ret = resolve(addr, size, s->type, &found);
        if (ret < 0)
            return ret;
        if (found.type != s->type)
            return -EPROTOTYPE;
        if (__atomic_load_n(&s->unix_data->pass_cred, __ATOMIC_RELAXED) && (ret = autobind(f)) < 0)
            return ret;
    }
    bound_name(found.id, host, host_size); /* of other types the host says what it thinks of it */
    return 0;
}

bool libos_unix_passes_cred(const struct libos_file* f) {
    return __atomic_load_n(&libos_socket_of((struct libos_file*)f)->unix_data->pass_cred,
                           __ATOMIC_RELAXED);
}

void libos_unix_sender_cred(int32_t cred[3]) {
    const struct libos_thread* t = get_cur_thread();
    if (cred[0] && (PAL_NUM)cred[0] != g_pal_control->process_id) {
        struct coord_ids ids = {0, 65534, 65534}; /* gone: as one of another name space */
        coord_process_by_host(cred[0], &ids);
        memcpy(cred, &ids, sizeof(ids));
        return;
    }
    cred[0] = cur_process()->pid;
    cred[1] = (int32_t)t->uid;
    cred[2] = (int32_t)t->gid;
}

size_t libos_unix_get_option(struct libos_file* f, int name, void* value) {
    struct libos_unix* u = libos_socket_of(f)->unix_data;
    if (name == SO_PEERCRED) {
        lock(&u->lock);
        memcpy(value, &u->peer_cred, sizeof(u->peer_cred));
        unlock(&u->lock);
        return sizeof(u->peer_cred);
    }
    if (name == SO_PASSCRED) {
        int on = libos_unix_passes_cred(f);
        memcpy(value, &on, sizeof(on));
        return sizeof(on);
    }
    return 0;
}

void libos_unix_set_passes_cred(struct libos_file* f, const void* value, size_t size) {
    struct libos_unix* u = libos_socket_of(f)->unix_data;
    int on = 0;
    memcpy(&on, value, MIN(size, sizeof(on)));
    if (u)
        __atomic_store_n(&u->pass_cred, on != 0, __ATOMIC_RELAXED);
}
