/*
 * Remembered directories: so that a path whose directory was looked up lately costs one host call.
 *
 * A remembered directory is a descriptor (O_PATH) for the first components of a path below a base
 * handle. It stands as long as walking there again would lead to it, and that is asked of the host
 * before each use, by one epoll_wait that takes no time:
 *   - a fanotify group marks the directory and all that lie on the way from the base: being moved
 * and changes of permission. Marks of the directory alone, not of what it holds, which inotify
 *     cannot do: reading and writing the files in it costs what it did, and no news come from
 * there;
 *   - /proc/self/mountinfo tells that something was mounted or unmounted.
 * Anything there: all is forgotten, and the path is walked. A directory that was removed answers
 * "no such file" to everything; so that answer, and "no permission", is believed only while the
 * directory has links. No mount and no symlink lies between the base and a remembered directory.
 * The names that were taken this way are single ones, and no link among them is followed.
 *
 * Asking consumes the news of mounts, so a thread asks with a slot (an epoll set and a mountinfo of
 * its own), which it keeps until the host call on the directory is over. That also tells when the
 * descriptor of a forgotten directory may be closed: when every slot that was in use has been given
 * back. News are acted upon before the slot is given back.
 *
 * Who reads the group's queue makes g_generation odd before, so that no other thread takes the
 * queue that it just emptied for a sign of peace.
 *
 * All this begins when a process has looked up some hundred paths, and stays off where fanotify
 * (Linux 5.13 without privilege), /proc or openat2 are missing or forbidden, on file systems that
 * change behind its back, and when the limits of the host are reached.
 */
#include <asm/statfs.h>
#include <linux/eventpoll.h>
#include <linux/fanotify.h>
#include <linux/openat2.h>

#include "socket.h"

#define START_AFTER     256 /* lookups in the process */
#define WORTH_IT        12  /* lookups in one directory */
#define TABLE_SIZE      256 /* a power of two */
#define MAX_ENTRIES     128
#define PROBES          8
#define MAX_SLOTS       16
#define MAX_PATH        183
#define FEW_DESCRIPTORS 1024 /* fewer than these are left to the program */
#define COUNTERS        1024
#define TRY_AGAIN       128 /* lookups until what could not be remembered is tried again */
#define MARK_EVENTS     (FAN_MOVE_SELF | FAN_ATTRIB | FAN_ONDIR)
#define EVENT_IN        1u /* EPOLLIN, EPOLLPRI: linux/eventpoll.h has them as __poll_t */
#define EVENT_PRI       2u

enum { STATE_COLD, STATE_ON, STATE_OFF };

struct slot {
    uint32_t ticket; /* odd: in use. One more each time it is taken or given back */
    int set, mounts;
    uint32_t pad[13];
};

struct entry {
    uint32_t seq;        /* odd: being written */
    uint32_t generation; /* when it was made; 0: free */
    const struct host_handle* base;
    int fd; /* of an entry for the base itself: the base's, not owned */
    uint32_t length;
    char path[MAX_PATH + 1];
};

static int g_state = STATE_COLD;
static uint32_t g_lookups;    /* counted until it is on */
static uint32_t g_generation; /* even and not 0: entries made in it stand */
static uint32_t g_slot_count;
static struct slot g_slots[MAX_SLOTS] __attribute__((aligned(64)));
static uint32_t g_keys[TABLE_SIZE]; /* hashes of the entries; 0: free */
static struct entry g_entries[TABLE_SIZE];
static uint8_t g_counters[COUNTERS]; /* lookups by hash; several threads may lose a count */

struct host_lock g_parents_lock = HOST_LOCK_INIT; /* guards changes of all above and below */
static int g_marks_fd = -1, g_mounts_fd = -1, g_holder_fd = -1;
static uint32_t g_entry_count;
static int g_limbo[MAX_ENTRIES]; /* descriptors that threads in g_limbo_tickets may still use */
static uint32_t g_limbo_count, g_limbo_tickets[MAX_SLOTS];

void parents_disable(void) {
    g_state = STATE_OFF;
}

/* ---- Paths ------------------------------------------------------------------------------------
 */

static inline bool is_dots(const char* s, uint32_t length) {
    return s[0] == '.' && (length == 1 || (length == 2 && s[1] == '.'));
}

/* Splits off the last name; false if there is none, or one that is no plain name. */
static inline bool split(PAL_STR path, uint32_t* length) {
    size_t end = strlen(path), slash = end;
    while (slash && path[slash - 1] != '/')
        slash--;
    if (slash < 2 || slash == end || slash - 1 > MAX_PATH || is_dots(path + slash, end - slash))
        return false;
    *length = slash - 1;
    return true;
}

static inline uint64_t word_at(const char* s) {
    uint64_t word;
    __builtin_memcpy(&word, s, sizeof(word));
    return word;
}

static inline uint32_t hash_of(PAL_STR path, uint32_t length) {
    uint64_t h = length;
    uint32_t i = 0;
    for (; i + 8 <= length; i += 8)
        h = ((h ^ word_at(path + i)) * 0x9e3779b97f4a7c15UL) ^ (h >> 29);
    if (length >= 8)
        i = length - 8, h ^= word_at(path + i) << 1;
    else
        for (; i < length; i++)
            h = h << 8 ^ h >> 40 ^ (unsigned char)path[i];
    h *= 0x9e3779b97f4a7c15UL;
    return h >> 32;
}

static inline bool same(const char* a, const char* b, uint32_t length) {
    if (length < 8) {
        for (uint32_t i = 0; i < length; i++)
            if (a[i] != b[i])
                return false;
        return true;
    }
    for (uint32_t i = 0; i + 8 <= length; i += 8)
        if (word_at(a + i) != word_at(b + i))
            return false;
    return word_at(a + length - 8) == word_at(b + length - 8);
}

static inline uint32_t key_of(uint32_t hash, const struct host_handle* base) {
    hash ^= (uint32_t)((uintptr_t)base >> 6) * 2654435761u;
    hash ^= hash >> 15;
    return hash ? hash : 1;
}

/* ---- Forgetting: under the lock ---------------------------------------------------------------
 */

/* Every slot that was in use at the last change has been given back since: nobody knows these
 * descriptors any more. */
static bool drain_limbo(void) {
    if (!g_limbo_count)
        return true;
    for (uint32_t i = 0; i < g_slot_count; i++) {
        uint32_t before = g_limbo_tickets[i];
        if ((before & 1) && __atomic_load_n(&g_slots[i].ticket, __ATOMIC_ACQUIRE) == before)
            return false;
    }
    while (g_limbo_count)
        host_close(g_limbo[--g_limbo_count]);
    return true;
}

static void limbo_add(int fd) {
    g_limbo[g_limbo_count++] = fd; /* entries and these are MAX_ENTRIES at most, see remember() */
}

/* After the entries are unreachable. The exchange orders that before the look at the tickets. */
static void limbo_note(void) {
    static uint32_t fence;
    __atomic_exchange_n(&fence, 1, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < MAX_SLOTS; i++)
        g_limbo_tickets[i] = __atomic_load_n(&g_slots[i].ticket, __ATOMIC_SEQ_CST);
    drain_limbo();
}

static void kill_entry(uint32_t index) {
    struct entry* e = &g_entries[index];
    if (!g_keys[index])
        return;
    __atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    e->generation = 0;
    __atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&g_keys[index], 0, __ATOMIC_RELAXED);
    if (e->length)
        limbo_add(e->fd);
    g_entry_count--;
}

static void forget_all(void) {
    char buffer[4096] __attribute__((aligned(8)));
    uint32_t generation = g_generation | 1;
    __atomic_exchange_n(&g_generation, generation, __ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < TABLE_SIZE; i++)
        kill_entry(i);
    host_syscall(__NR_fanotify_mark, g_marks_fd, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL);
    while (host_syscall(__NR_read, g_marks_fd, buffer, sizeof(buffer)) > 0)
        ;
    limbo_note();
    __atomic_store_n(&g_generation, generation + 1, __ATOMIC_RELEASE);
}

static __attribute__((noinline)) void act_on_news(void) {
    host_lock(&g_parents_lock);
    forget_all();
    host_unlock(&g_parents_lock);
}

/* ---- Slots ------------------------------------------------------------------------------------
 */

static int open_mounts(void) {
    return host_syscall(__NR_open, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
}

/* True: mounts have not changed since the last time this one was asked. */
static bool mounts_quiet(int fd) {
    struct {
        int fd;
        short events, revents;
    } entry = {fd, EVENT_PRI, 0};
    return host_syscall(__NR_poll, &entry, 1, 0) == 0;
}

/* Under the lock. Directories may be remembered already, and mounts may have changed since then,
 * before the new slot began to listen: the common descriptor knows. */
static bool add_slot(void) {
    if (g_slot_count == MAX_SLOTS)
        return false;
    struct slot* s = &g_slots[g_slot_count];
    struct epoll_event marks = {.events = (__poll_t)EVENT_IN};
    struct epoll_event mounts = {.events = (__poll_t)EVENT_PRI};
    s->mounts = open_mounts();
    s->set = host_syscall(__NR_epoll_create1, EPOLL_CLOEXEC);
    if (s->mounts < 0 || s->set < 0 ||
        host_syscall(__NR_epoll_ctl, s->set, EPOLL_CTL_ADD, g_marks_fd, &marks) < 0 ||
        host_syscall(__NR_epoll_ctl, s->set, EPOLL_CTL_ADD, s->mounts, &mounts) < 0) {
        if (s->mounts >= 0)
            host_close(s->mounts);
        if (s->set >= 0)
            host_close(s->set);
        return false;
    }
    if (!mounts_quiet(g_mounts_fd))
        forget_all();
    __atomic_store_n(&g_slot_count, g_slot_count + 1, __ATOMIC_RELEASE);
    return true;
}

/* The last close of a group with marks lasts until the kernel has come to rest, often 10 ms, and so
 * would the end of this process. In the queue of a socket that lies in there too, and is open
 * nowhere else once the process has ended, the group is closed by the kernel's collector of such,
 * on a thread of the kernel's. Returns the socket. */
static int hold_group(int group) {
    int pair[2];
    if (host_syscall(__NR_socketpair, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    struct {
        struct host_cmsghdr header;
        int fds[2];
    } control = {{sizeof(control), SOL_SOCKET, SCM_RIGHTS}, {group, pair[1]}};
    struct iovec data = {"", 1};
    struct host_msghdr message = {
        .iov = &data, .iov_count = 1, .control = &control, .control_size = sizeof(control)};
    long sent = host_syscall(__NR_sendmsg, pair[0], &message, MSG_DONTWAIT);
    host_close(pair[0]);
    if (sent == 1)
        return pair[1];
    host_close(pair[1]);
    return -1;
}

static void close_all(void) {
    int* const fds[] = {&g_holder_fd, &g_marks_fd, &g_mounts_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (*fds[i] >= 0)
            host_close(*fds[i]);
        *fds[i] = -1;
    }
}

static bool start(void) {
    PAL_NUM soft, hard;
    if (PalResourceLimitGet(7 /* RLIMIT_NOFILE */, &soft, &hard) < 0 || hard < FEW_DESCRIPTORS)
        return false;
    g_generation = 2;
    g_marks_fd = host_syscall(__NR_fanotify_init,
                              FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC | FAN_NONBLOCK, 0);
    if (g_marks_fd >= 0 && (g_holder_fd = hold_group(g_marks_fd)) >= 0 &&
        (g_mounts_fd = open_mounts()) >= 0 && add_slot())
        return true;
    close_all();
    return false;
}

/* Not on, or no slot is free. Returns false: this time the path is walked. */
static __attribute__((noinline)) bool not_yet(void) {
    if (__atomic_load_n(&g_state, __ATOMIC_ACQUIRE) == STATE_COLD) {
        uint32_t lookups = __atomic_load_n(&g_lookups, __ATOMIC_RELAXED) + 1;
        __atomic_store_n(&g_lookups, lookups, __ATOMIC_RELAXED); /* may lose one */
        if (lookups < START_AFTER)
            return false;
    }
    host_lock(&g_parents_lock);
    if (g_state == STATE_COLD)
        __atomic_store_n(&g_state, start() ? STATE_ON : STATE_OFF, __ATOMIC_RELEASE);
    else if (g_state == STATE_ON)
        add_slot();
    host_unlock(&g_parents_lock);
    return false;
}

static inline struct slot* take_slot(void) {
    struct host_tcb* tcb = host_tcb();
    uint32_t count = __atomic_load_n(&g_slot_count, __ATOMIC_ACQUIRE), i = tcb->lookup_slot;
    for (uint32_t n = 0; n < count; n++, i++) {
        if (i >= count)
            i = 0;
        struct slot* s = &g_slots[i];
        uint32_t ticket = __atomic_load_n(&s->ticket, __ATOMIC_RELAXED);
        if ((ticket & 1) || !__atomic_compare_exchange_n(&s->ticket, &ticket, ticket + 1, false,
                                                         __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            continue;
        tcb->lookup_slot = i;
        return s;
    }
    return NULL;
}

static inline void give_slot(struct slot* s) {
    __atomic_store_n(&s->ticket, s->ticket + 1, __ATOMIC_RELEASE);
}

/* ---- Remembering: under the lock, with a slot -------------------------------------------------
 */

/* Index of the entry, or -1. Lock-free readers come here too: what they get is true if the slot
 * that they hold was quiet before. */
static inline int find(const struct host_handle* base, PAL_STR path, uint32_t length, uint32_t key,
                       uint32_t generation, int* fd) {
    for (uint32_t n = 0; n < PROBES; n++) {
        uint32_t i = (key + n) % TABLE_SIZE;
        if (__atomic_load_n(&g_keys[i], __ATOMIC_RELAXED) != key)
            continue;
        const struct entry* e = &g_entries[i];
        uint32_t seq = __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE);
        if ((seq & 1) || e->generation != generation || e->base != base || e->length != length ||
            !same(e->path, path, length))
            continue;
        *fd = e->fd;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&e->seq, __ATOMIC_RELAXED) == seq)
            return i;
    }
    return -1;
}

static bool put_entry(const struct host_handle* base, PAL_STR path, uint32_t length, uint32_t key,
                      int fd) {
    uint32_t i = 0, n = 0;
    while (n < PROBES && g_entries[i = (key + n) % TABLE_SIZE].generation)
        n++;
    if (n == PROBES)
        return false;
    struct entry* e = &g_entries[i];
    __atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    e->generation = g_generation;
    e->base = base;
    e->fd = fd;
    e->length = length;
    memcpy(e->path, path, length);
    __atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&g_keys[i], key, __ATOMIC_RELEASE);
    g_entry_count++;
    return true;
}

static bool mark(int fd) {
    return host_syscall(__NR_fanotify_mark, g_marks_fd, FAN_MARK_ADD | FAN_MARK_ONLYDIR,
                        MARK_EVENTS, fd, ".") == 0;
}

/* File systems whose every change passes this kernel, and whose directories show 0 links once they
 * are removed (or always 1: overlayfs). */
static bool good_file_system(int fd) {
    struct statfs64 st;
    if (host_syscall(__NR_fstatfs, fd, &st) < 0)
        return false;
    switch ((uint32_t)st.f_type) {
        case 0xef53:     /* ext2, ext3, ext4 */
        case 0x58465342: /* xfs */
        case 0x1021994:  /* tmpfs */
        case 0x794c7630: /* overlayfs */
            return true;
        default:
            return false;
    }
}

static bool remember_base(struct host_handle* base, int* fd) {
    uint32_t key = key_of(hash_of("", 0), base);
    if (find(base, "", 0, key, g_generation, fd) >= 0)
        return true;
    *fd = base->fd;
    if (!good_file_system(base->fd) || !mark(base->fd))
        return false;
    __atomic_or_fetch(&base->flags, HANDLE_REMEMBERED, __ATOMIC_RELAXED);
    return put_entry(base, "", 0, key, base->fd);
}

/* The name leads to this directory, now that it is marked. */
static bool still_there(int parent, const char* name, int fd) {
    struct stat a, b;
    return host_syscall(__NR_newfstatat, parent, name, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
           host_syscall(__NR_fstat, fd, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static int open_marked(int parent, const char* name) {
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    int fd = host_syscall(__NR_openat2, parent, name, &how, sizeof(how));
    if (fd >= 0 && mark(fd) && still_there(parent, name, fd))
        return fd;
    if (fd >= 0)
        host_close(fd);
    return -1;
}

/* The path's first `length` bytes and all directories on the way. Empty components and dots are not
 * remembered. */
static bool remember(struct host_handle* base, PAL_STR path, uint32_t length) {
    int parent, fd;
    if (!remember_base(base, &parent))
        return false;
    for (uint32_t start = 0, end; start < length; start = end + 1) {
        char name[MAX_PATH + 1];
        for (end = start; end < length && path[end] != '/'; end++)
            ;
        if (end == start || is_dots(path + start, end - start))
            return false;
        uint32_t key = key_of(hash_of(path, end), base);
        if (find(base, path, end, key, g_generation, &fd) < 0) {
            memcpy(name, path + start, end - start);
            name[end - start] = '\0';
            fd = open_marked(parent, name);
            if (fd < 0)
                return false;
            if (!put_entry(base, path, end, key, fd)) {
                host_close(fd);
                forget_all();
                return true; /* next time */
            }
        }
        parent = fd;
    }
    return true;
}

static __attribute__((noinline)) void missed(struct host_handle* base, PAL_STR path,
                                             uint32_t length, uint32_t key) {
    uint8_t* counter = &g_counters[key % COUNTERS];
    uint8_t count = __atomic_load_n(counter, __ATOMIC_RELAXED);
    __atomic_store_n(counter, count + 1, __ATOMIC_RELAXED);
    if (count % TRY_AGAIN != WORTH_IT)
        return;
    uint32_t most = 2; /* base and directories on the way */
    for (uint32_t i = 0; i < length; i++)
        most += path[i] == '/';
    uint32_t free = 0; /* another thread is at it: not worth waiting for */
    if (!__atomic_compare_exchange_n(&g_parents_lock.word, &free, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) {
        __atomic_store_n(counter, count, __ATOMIC_RELAXED);
        return;
    }
    if (drain_limbo()) {
        if (g_entry_count + most > MAX_ENTRIES)
            forget_all();
        if (drain_limbo() && remember(base, path, length))
            __atomic_store_n(counter, 0, __ATOMIC_RELAXED);
    }
    host_unlock(&g_parents_lock);
}

/* ---- Use --------------------------------------------------------------------------------------
 */

bool parent_enter(struct parent* p, struct host_handle* base, PAL_STR path) {
    uint32_t length;
    if (__atomic_load_n(&g_state, __ATOMIC_ACQUIRE) != STATE_ON)
        return g_state == STATE_COLD && not_yet();
    if (!split(path, &length))
        return false;
    struct slot* s = take_slot();
    if (!s)
        return not_yet();
    struct epoll_event news;
    if (host_syscall(__NR_epoll_wait, s->set, &news, 1, 0) == 0) {
        uint32_t generation = __atomic_load_n(&g_generation, __ATOMIC_ACQUIRE);
        uint32_t key = key_of(hash_of(path, length), base);
        p->index = generation & 1 ? -1 : find(base, path, length, key, generation, &p->fd);
        if (p->index >= 0) {
            p->slot = s;
            p->name = path + length + 1;
            return true;
        }
        missed(base, path, length, key);
    } else {
        act_on_news();
    }
    give_slot(s);
    return false;
}

/* The directory has been removed, or may have been. */
static __attribute__((noinline)) bool doubtful(struct parent* p) {
    struct stat st = {0};
    if (host_syscall(__NR_fstat, p->fd, &st) == 0 && st.st_nlink >= 2)
        return false;
    if (st.st_nlink == 1) /* overlayfs does not count them */
        return true;
    host_lock(&g_parents_lock);
    if (g_entries[p->index].fd == p->fd) /* at worst a wrong one is forgotten */
        kill_entry(p->index);
    limbo_note();
    host_unlock(&g_parents_lock);
    return true;
}

bool parent_leave(struct parent* p, int64_t result) {
    bool stands = true;
    if (result == PAL_ERROR_STREAMNOTEXIST || result == PAL_ERROR_DENIED)
        stands = !doubtful(p);
    give_slot(p->slot);
    return stands;
}

void parents_forget(const struct host_handle* base) {
    host_lock(&g_parents_lock);
    for (uint32_t i = 0; i < TABLE_SIZE; i++) {
        if (g_keys[i] && g_entries[i].base == base)
            kill_entry(i);
    }
    limbo_note();
    host_unlock(&g_parents_lock);
}

/* In a child all of it is the parent's: the queue of marks and the news of mounts are there once.
 * The lock is held; no other thread exists. */
void parents_after_fork(void) {
    if (g_state != STATE_ON)
        return;
    close_all();
    for (uint32_t i = 0; i < g_slot_count; i++) {
        host_close(g_slots[i].set);
        host_close(g_slots[i].mounts);
        g_slots[i].ticket = 0;
    }
    g_slot_count = 0;
    for (uint32_t i = 0; i < TABLE_SIZE; i++)
        kill_entry(i);
    while (g_limbo_count)
        host_close(g_limbo[--g_limbo_count]);
    g_lookups = 0;
    g_state = STATE_COLD;
}
