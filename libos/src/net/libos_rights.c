/*
 * Open files sent over an AF_UNIX pair: unix(7), SCM_RIGHTS.
 *
 * Order and boundaries of messages are the host's: it carries a token, an eventfd whose counter is
 * a random number. The files wait in a list under that number until the token is received, or until
 * both ends of the pair are closed.
 */
#include "libos_socket.h"

struct libos_rights {
    struct list_node node; /* in g_under_way; guarded by g_lock */
    uint64_t number;
    struct libos_socket_pair* pair; /* only compared */
    size_t count;
    struct libos_file* files[];
};

static libos_lock_t g_lock;
static struct list_node g_under_way = LIST_INIT(g_under_way);

static void drop(struct libos_rights* r) {
    for (size_t i = 0; i < r->count; i++)
        libos_file_put(r->files[i]);
    libos_free(r);
}

static int make_token(struct libos_rights_token* token) {
    int ret = PalRandomBitsRead(&token->number, sizeof(token->number));
    if (ret < 0)
        return (int)pal_to_errno(ret);
    token->number = (token->number >> 1) | 1; /* neither zero nor the highest value */
    ret = PalEventfdCreate(0, PAL_OPTION_NONBLOCK, &token->handle);
    if (ret < 0)
        return (int)pal_to_errno(ret);
    PAL_NUM size = sizeof(token->number);
    ret = PalStreamWrite(token->handle, 0, &size, &token->number, NULL);
    if (ret < 0)
        PalObjectClose(token->handle);
    return (int)pal_to_errno(ret);
}

int libos_rights_create(struct libos_socket_pair* pair, const int* fds, size_t count,
                        struct libos_rights_token* token) {
    struct libos_rights* r = libos_calloc(1, sizeof(*r) + count * sizeof(r->files[0]));
    if (!r)
        return -ENOMEM;
    r->pair = pair;
    int ret = 0;
    for (; r->count < count && ret == 0; r->count++) {
        r->files[r->count] = libos_fd_get(fds[r->count]);
        if (!r->files[r->count]) {
            ret = -EBADF;
            break;
        }
        libos_fd_keep(r->files[r->count]);
    }
    if (ret == 0)
        ret = make_token(token);
    if (ret < 0) {
        drop(r);
        return ret;
    }
    r->number = token->number;
    lock(&g_lock);
    list_add_tail(&g_under_way, &r->node);
    unlock(&g_lock);
    return 0;
}

/* Takes (or with peek, copies the references of) what a token stands for; NULL: nothing. */
static struct libos_rights* take(uint64_t number, bool peek) {
    struct libos_rights* found = NULL;
    lock(&g_lock);
    list_for_each(r, &g_under_way, struct libos_rights, node) {
        if (r->number == number) {
            found = r;
            break;
        }
    }
    if (found && peek) {
        size_t bytes = sizeof(*found) + found->count * sizeof(found->files[0]);
        struct libos_rights* copy = libos_malloc(bytes);
        if (copy) {
            memcpy(copy, found, bytes);
            for (size_t i = 0; i < copy->count; i++)
                libos_file_get(copy->files[i]);
        }
        found = copy;
    } else if (found) {
        list_del(&found->node);
    }
    unlock(&g_lock);
    return found;
}

void libos_rights_forget(uint64_t number) {
    struct libos_rights* r = take(number, false);
    if (r)
        drop(r);
}

size_t libos_rights_receive(PAL_HANDLE token, int* fds, size_t room, bool cloexec, bool peek,
                            size_t* total) {
    uint64_t number = 0;
    PAL_NUM size = sizeof(number);
    int ret = PalStreamRead(token, 0, &size, &number, NULL, 0);
    if (ret == 0 && peek) {
        size = sizeof(number);
        PalStreamWrite(token, 0, &size, &number, NULL);
    }
    PalObjectClose(token);
    struct libos_rights* r = ret == 0 ? take(number, peek) : NULL;
    *total = r ? r->count : 0;
    size_t done = 0;
    for (; r && done < r->count && done < room; done++) {
        fds[done] = libos_fd_install(r->files[done], cloexec, 0);
        if (fds[done] < 0)
            break;
    }
    if (r)
        drop(r);
    return done;
}

void libos_socket_pair_put(struct libos_socket_pair* pair) {
    if (!pair || !ref_put(&pair->ref))
        return;
    for (;;) {
        struct libos_rights* found = NULL;
        lock(&g_lock);
        list_for_each(r, &g_under_way, struct libos_rights, node) {
            if (r->pair == pair) {
                found = r;
                list_del(&r->node);
                break;
            }
        }
        unlock(&g_lock);
        if (!found)
            break;
        drop(found);
    }
    libos_free(pair);
}
