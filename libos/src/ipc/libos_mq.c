/*
 * POSIX message queues: names, opening, attributes. mq_open(3), mq_unlink(3). Follows Linux's
 * ipc/mqueue.c; the queues are not mounted anywhere.
 */
#include <asm/fcntl.h>
#include <asm/poll.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/limits.h>
#include <linux/stat.h>

#include "libos_event.h"
#include "libos_fs.h"
#include "libos_process.h"
#include "mq_internal.h"

/* /proc/sys/fs/mqueue, and what root may have. */
#define QUEUES_MAX       256
#define MESSAGES_MAX     10
#define SIZE_MAX_        8192
#define HARD_MESSAGES    65536
#define HARD_SIZE        (16 << 20)
#define PRIORITIES       32768
#define FILE_SIZE        80 /* what stat tells: FILENT_SIZE */
#define MESSAGE_OVERHEAD 48 /* Linux: of a message, and of a priority in use */

struct mq_root* mq_root(void) {
    return coord_root(COORD_ROOT_MQUEUE, sizeof(struct mq_root));
}

static int64_t now_ns(void) {
    PAL_NUM ns = 0;
    PalClockGet(PAL_CLOCK_REALTIME, &ns);
    return (int64_t)ns;
}

/* ---- making -------------------------------------------------------------------------------------
 */

static int check_attr(const struct mq_attr* a, uint64_t* charge) {
    bool privileged = libos_capable(CAP_SYS_RESOURCE);
    if (a->mq_maxmsg <= 0 || a->mq_msgsize <= 0)
        return -EINVAL;
    if (a->mq_maxmsg > (privileged ? HARD_MESSAGES : MESSAGES_MAX) ||
        a->mq_msgsize > (privileged ? HARD_SIZE : SIZE_MAX_))
        return -EINVAL;
    uint64_t count = (uint64_t)a->mq_maxmsg;
    *charge = count * (uint64_t)a->mq_msgsize + count * MESSAGE_OVERHEAD +
              MIN(count, (uint64_t)PRIORITIES) * MESSAGE_OVERHEAD;
    return 0;
}

static struct mq_charge* charge_of(struct mq_root* root, uint32_t uid) {
    struct mq_charge* c = root->charges;
    while (c && c->uid != uid)
        c = c->next;
    if (!c && (c = coord_alloc(sizeof(*c))) != NULL) {
        c->uid = uid;
        c->next = root->charges;
        COORD_SET(root->charges, c);
    }
    return c;
}

/* Under the root's lock. */
static int create(struct mq_root* root, const char* name, uint32_t mode, const struct mq_attr* attr,
                  struct mqueue** out) {
    static const struct mq_attr standard = {.mq_maxmsg = MESSAGES_MAX, .mq_msgsize = SIZE_MAX_};
    const struct libos_thread* t = get_cur_thread();
    const struct mq_attr* a = attr ? attr : &standard;
    uint64_t charge;
    if (root->count >= QUEUES_MAX && !libos_capable(CAP_SYS_RESOURCE))
        return -ENOSPC;
    int ret = check_attr(a, &charge);
    if (ret)
        return ret;
    struct mq_charge* c = charge_of(root, t->uid);
    struct mqueue* q = c ? coord_alloc(sizeof(*q)) : NULL;
    if (!q)
        return -ENOMEM;
    if (c->bytes + charge > libos_rlimit(RLIMIT_MSGQUEUE)) {
        coord_free(q);
        return -EMFILE;
    }
    COORD_SET(c->bytes, c->bytes + charge);
    COORD_SET(root->count, root->count + 1);
    COORD_SET(root->last_ino, root->last_ino + 1);
    strlcpy(q->name, name, sizeof(q->name));
    q->linked = true;
    q->ino = root->last_ino;
    q->mode = mode & ~__atomic_load_n(&t->fs->umask, __ATOMIC_RELAXED) & 07777;
    q->uid = t->fsuid;
    q->gid = t->fsgid;
    q->charged = charge;
    q->charged_uid = t->uid;
    q->atime = q->mtime = q->ctime = now_ns();
    q->max_messages = a->mq_maxmsg;
    q->max_size = a->mq_msgsize;
    list_init(&q->messages);
    list_init(&q->receivers);
    list_init(&q->senders);
    list_init(&q->ends);
    q->next = root->queues;
    COORD_SET(root->queues, q);
    *out = q;
    return 0;
}

static void drop_contents(struct mqueue* q) {
    while (!list_empty(&q->ends)) { /* of processes that were killed */
        struct mq_end* end = list_first(&q->ends, struct mq_end, node);
        coord_list_del(&end->node);
        coord_free(end);
    }
    while (!list_empty(&q->messages)) {
        struct mq_message* m = list_first(&q->messages, struct mq_message, node);
        coord_list_del(&m->node);
        coord_free(m);
        coord_commit();
    }
}

void mq_free_if_unused(struct mq_root* root, struct mqueue* q) {
    if (q->linked || q->users.total)
        return;
    coord_lock(&q->lock);
    drop_contents(q);
    coord_unlock(&q->lock);
    for (struct mqueue** at = &root->queues; *at; at = &(*at)->next) {
        if (*at == q) {
            COORD_SET(*at, q->next);
            break;
        }
    }
    struct mq_charge* c = charge_of(root, q->charged_uid);
    if (c)
        COORD_SET(c->bytes, c->bytes - MIN(q->charged, c->bytes));
    COORD_SET(root->count, root->count - 1);
    coord_free(q);
}

/* ---- names --------------------------------------------------------------------------------------
 */

static struct mqueue* find(struct mq_root* root, const char* name) {
    struct mqueue* q = root->queues;
    while (q && (!q->linked || strcmp(q->name, name) != 0))
        q = q->next;
    return q;
}

static int check_name(const char* name) {
    if (!name[0])
        return -ENOENT;
    if (strlen(name) > LIBOS_MQ_NAME_MAX)
        return -ENAMETOOLONG;
    bool dots = !strcmp(name, ".") || !strcmp(name, "..");
    return dots || strchr(name, '/') ? -EACCES : 0;
}

static int permitted(const struct mqueue* q, int flags) {
    static const int want[] = {4, 2, 6};
    struct libos_stat st = {.mode = S_IFREG | q->mode, .uid = q->uid, .gid = q->gid};
    if ((flags & O_ACCMODE) == O_ACCMODE)
        return -EINVAL;
    return libos_permission(&st, want[flags & O_ACCMODE]);
}

static int open_queue(struct mq_root* root, const char* name, int flags, uint32_t mode,
                      const struct mq_attr* attr, struct mqueue** out) {
    struct mqueue* q = find(root, name);
    int ret = 0;
    if (q && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if (q)
        ret = permitted(q, flags);
    else
        ret = flags & O_CREAT ? create(root, name, mode, attr, &q) : -ENOENT;
    if (ret)
        return ret;
    if (!ipc_users_count(&q->users, g_process.pid, 1))
        return -ENOMEM;
    *out = q;
    return 0;
}

static void leave(struct mqueue* q) {
    struct mq_root* root = mq_root();
    coord_lock(&root->lock);
    ipc_users_count(&q->users, g_process.pid, -1);
    mq_free_if_unused(root, q);
    coord_unlock(&root->lock);
}

int libos_mq_open(const char* name, int flags, uint32_t mode, const struct mq_attr* attr,
                  struct libos_file** out) {
    struct mq_root* root = mq_root();
    int ret = root ? check_name(name) : -ENOMEM;
    if (ret)
        return ret;
    struct mqueue* q;
    coord_lock(&root->lock);
    ret = open_queue(root, name, flags, mode, attr, &q);
    coord_unlock(&root->lock);
    if (ret)
        return ret;
    char path[LIBOS_MQ_NAME_MAX + 2] = "/";
    strlcpy(path + 1, name, sizeof(path) - 1);
    struct mq_file* mf = libos_calloc(1, sizeof(*mf));
    struct libos_file* f = mf ? libos_file_alloc(&g_libos_mq_ops, flags & (O_ACCMODE | O_NONBLOCK),
                                                 NULL, libos_path_alloc(NULL, path))
                              : NULL;
    if (!f) {
        libos_free(mf);
        leave(q);
        return -ENOMEM;
    }
    mf->q = q;
    f->data = mf;
    f->mode_type = S_IFREG;
    *out = f;
    return 0;
}

int libos_mq_unlink(const char* name) {
    struct mq_root* root = mq_root();
    int ret = root ? check_name(name) : -ENOMEM;
    if (ret)
        return ret;
    coord_lock(&root->lock);
    struct mqueue* q = find(root, name);
    if (!q) {
        ret = -ENOENT;
    } else if (get_cur_thread()->fsuid != q->uid && get_cur_thread()->fsuid != 0 &&
               !libos_capable(CAP_FOWNER)) {
        ret = -EPERM; /* the directory of queues is sticky, and root's */
    } else {
        COORD_SET(q->linked, false);
        mq_free_if_unused(root, q);
    }
    coord_unlock(&root->lock);
    return ret;
}

/* ---- the open file ------------------------------------------------------------------------------
 */

bool libos_mq_is(const struct libos_file* f) {
    return f->ops == &g_libos_mq_ops;
}

void libos_mq_get_attr(struct libos_file* f, struct mq_attr* attr) {
    struct mqueue* q = mq_file_of(f)->q;
    memset(attr, 0, sizeof(*attr));
    coord_lock(&q->lock);
    attr->mq_flags = f->flags & O_NONBLOCK;
    attr->mq_maxmsg = q->max_messages;
    attr->mq_msgsize = q->max_size;
    attr->mq_curmsgs = q->count;
    coord_unlock(&q->lock);
}

static int mq_stat(struct libos_file* f, struct libos_stat* st) {
    struct mqueue* q = mq_file_of(f)->q;
    coord_lock(&q->lock);
    *st = (struct libos_stat){
        .dev = libos_makedev(0, 18),
        .ino = q->ino,
        .nlink = q->linked,
        .mode = S_IFREG | q->mode,
        .uid = q->uid,
        .gid = q->gid,
        .size = FILE_SIZE,
        .blksize = PAGE_SIZE,
        .atime_ns = q->atime,
        .mtime_ns = q->mtime,
        .ctime_ns = q->ctime,
        .btime_ns = -1,
    };
    coord_unlock(&q->lock);
    return 0;
}

static long mq_read(struct libos_file* f, const struct iovec* iov, int iov_count,
                    const int64_t* pos, int rwf) {
    struct mqueue* q = mq_file_of(f)->q;
    char text[128];
    (void)rwf;
    if ((f->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    coord_lock(&q->lock);
    const struct mq_notification* n = &q->notify;
    bool by_signal = n->pid && n->kind == SIGEV_SIGNAL;
    int size = snprintf(text, sizeof(text), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
                        q->bytes, n->pid ? n->kind : 0, by_signal ? n->signo : 0, n->pid);
    coord_unlock(&q->lock);
    int64_t from = pos ? *pos : libos_file_get_pos(f), done = 0;
    for (int i = 0; i < iov_count && from + done < size; i++) {
        size_t part = MIN((size_t)(size - from - done), iov[i].iov_len);
        if (user_copy_to(iov[i].iov_base, text + from + done, part) < 0)
            return done ? done : -EFAULT;
        done += (int64_t)part;
    }
    if (!pos)
        libos_file_set_pos(f, from + done);
    return done;
}

static long mq_seek(struct libos_file* f, int64_t offset, int whence) {
    if (whence == SEEK_CUR)
        offset += libos_file_get_pos(f);
    else if (whence == SEEK_END)
        offset += FILE_SIZE;
    else if (whence != SEEK_SET)
        return -EINVAL;
    if (offset < 0)
        return -EINVAL;
    libos_file_set_pos(f, offset);
    return offset;
}

static int mq_forking(struct libos_file* f) {
    (void)f; /* libos_ipc_fork() counts the child */
    return 0;
}

static void mq_forked(struct libos_file* f) {
    mq_forked_pipe(mq_file_of(f));
}

static void mq_close(struct libos_file* f) {
    struct mq_file* mf = mq_file_of(f);
    if (!mf)
        return;
    mq_close_pipe(mf);
    leave(mf->q);
    libos_free(mf);
}

static int mq_reopen(struct libos_file* f, int flags, struct libos_file** out) {
    struct mqueue* q = mq_file_of(f)->q;
    return q->linked ? libos_mq_open(q->name, flags & ~(O_CREAT | O_EXCL), 0, NULL, out) : -ENOENT;
}

const struct libos_file_ops g_libos_mq_ops = {
    .kind = "mqueue",
    .read = mq_read,
    .seek = mq_seek,
    .stat = mq_stat,
    .poll_handle = mq_poll_handle,
    .flush = mq_flush,
    .close = mq_close,
    .forking = mq_forking,
    .forked = mq_forked,
    .reopen = mq_reopen,
};

/* ---- processes ----------------------------------------------------------------------------------
 */

int ipc_mq_fork(int32_t pid) {
    struct mq_root* root = mq_root();
    bool ok = true;
    if (!root)
        return 0;
    coord_lock(&root->lock);
    for (struct mqueue* q = root->queues; q && ok; q = q->next) {
        uint64_t opens = ipc_users_of(&q->users, g_process.pid);
        ok = !opens || ipc_users_count(&q->users, pid, (int64_t)opens);
    }
    coord_unlock(&root->lock);
    return ok ? 0 : -ENOMEM;
}

static void forget_waits(struct list_node* waiters, int32_t pid) {
    list_for_each_safe(w, waiters, struct mq_waiter, node) {
        if (w->pid == pid) {
            coord_list_del(&w->node);
            coord_free(w->message);
            coord_free(w);
        }
    }
}

static void forget(struct mqueue* q, int32_t pid) {
    coord_lock(&q->lock);
    forget_waits(&q->receivers, pid);
    forget_waits(&q->senders, pid);
    if (q->notify.pid == pid)
        COORD_SET(q->notify.pid, 0);
    coord_unlock(&q->lock); /* its end of the pipe is dropped by whoever looks for one */
}

void ipc_mq_process_gone(int32_t pid) {
    struct mq_root* root = mq_root();
    struct mqueue* next;
    if (!root || !root->queues)
        return;
    coord_lock(&root->lock);
    for (struct mqueue* q = root->queues; q; q = next) {
        next = q->next;
        if (!ipc_users_of(&q->users, pid) && q->notify.pid != pid)
            continue;
        forget(q, pid);
        ipc_users_count(&q->users, pid, -INT64_MAX);
        mq_free_if_unused(root, q);
        coord_commit();
    }
    coord_unlock(&root->lock);
}
