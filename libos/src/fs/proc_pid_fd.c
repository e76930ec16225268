/*
 * /proc/[pid]/fd and fdinfo: the open descriptors.
 */
#include <asm/fcntl.h>

#include "proc_internal.h"

#define FDINFO_SIZE 8192

static uint64_t fd_of(const struct libos_pseudo_at* at) {
    return at->ids[at->id_count - 1];
}

/* ---- finding --------------------------------------------------------------------------------- */

/* The descriptor table of the thread a node is about; referenced. */
static struct libos_fd_table* table_of(const struct libos_pseudo_at* at) {
    struct libos_thread* t = proc_thread(at);
    if (!t)
        return NULL;
    struct libos_fd_table* table = t->files;
    if (table)
        libos_fd_table_get(table);
    libos_thread_put(t);
    return table;
}

struct fd_search {
    int fd;
    struct libos_file* file; /* referenced */
    bool cloexec;
};

static bool look_for_fd(void* arg, int fd, struct libos_file* f, bool cloexec) {
    struct fd_search* s = arg;
    if (fd < s->fd)
        return true;
    if (fd == s->fd) {
        libos_file_get(f);
        s->file = f;
        s->cloexec = cloexec;
    }
    return false;
}

/* The open file, referenced; NULL: none. */
static struct libos_file* find_file(const struct libos_pseudo_at* at, int fd, bool* cloexec) {
    struct libos_fd_table* table = table_of(at);
    if (!table)
        return NULL;
    struct fd_search s = {.fd = fd};
    if (table == get_cur_thread()->files) {
        s.file = libos_fd_get(fd);
        s.cloexec = libos_fd_get_cloexec(fd) == 1;
    } else {
        libos_fd_for_each(table, look_for_fd, &s);
    }
    libos_fd_table_put(table);
    *cloexec = s.cloexec;
    return s.file;
}

bool proc_match_fd(const struct libos_pseudo_at* dir, const char* name, size_t len, uint64_t* id) {
    bool cloexec;
    if (!libos_pseudo_number(name, len, id) || *id > INT32_MAX)
        return false;
    struct libos_file* f = find_file(dir, (int)*id, &cloexec);
    if (f)
        libos_file_put(f);
    return f != NULL;
}

struct fd_listing {
    libos_pseudo_emit_fn emit;
    void* arg;
};

static bool list_fd(void* arg, int fd, struct libos_file* f, bool cloexec) {
    (void)f, (void)cloexec;
    const struct fd_listing* l = arg;
    char name[12];
    snprintf(name, sizeof(name), "%d", fd);
    return l->emit(l->arg, name, (uint64_t)fd);
}

void proc_list_fds(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg) {
    struct libos_fd_table* table = table_of(dir);
    if (!table)
        return;
    struct fd_listing l = {emit, arg};
    libos_fd_for_each(table, list_fd, &l);
    libos_fd_table_put(table);
}

/* ---- links ----------------------------------------------------------------------------------- */

long proc_read_fd_link(const struct libos_pseudo_at* at, char* buf, size_t size) {
    bool cloexec;
    struct libos_file* f = find_file(at, (int)fd_of(at), &cloexec);
    if (!f)
        return -ENOENT;
    long len = libos_file_get_name(f, buf, size);
    libos_file_put(f);
    return len;
}

int proc_follow_fd(const struct libos_pseudo_at* at, struct libos_file** out) {
    bool cloexec;
    *out = find_file(at, (int)fd_of(at), &cloexec);
    return *out ? 0 : -ENOENT;
}

/* The link's permissions tell how the descriptor is open. */
int proc_stat_fd(const struct libos_pseudo_at* at, struct libos_stat* st) {
    bool cloexec;
    struct libos_file* f = find_file(at, (int)fd_of(at), &cloexec);
    if (!f)
        return -ENOENT;
    uint32_t access = f->flags & O_ACCMODE;
    st->mode = S_IFLNK;
    if (!(f->flags & O_PATH)) {
        if (access != O_WRONLY)
            st->mode |= S_IRUSR | S_IXUSR;
        if (access != O_RDONLY)
            st->mode |= S_IWUSR | S_IXUSR;
    }
    st->size = 64;
    libos_file_put(f);
    return proc_stat_owner(at, st);
}

/* ---- fdinfo ---------------------------------------------------------------------------------- */

PROC_SHOW(proc_show_fdinfo) {
    bool cloexec;
    struct libos_file* f = find_file(at, (int)fd_of(at), &cloexec);
    if (!f)
        return -ENOENT;
    struct libos_stat st = {0};
    libos_file_stat(f, &st);
    long pos = libos_file_get_pos(f);
    if (f->ops->seek && libos_file_type(f) == S_IFREG) {
        long now = f->ops->seek(f, 0, PAL_SEEK_CUR);
        pos = now < 0 ? pos : now;
    }
    libos_text_printf(out, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%llu\nino:\t%llu\n", pos,
                      f->flags | (cloexec ? O_CLOEXEC : 0), (unsigned long long)st.mount_id,
                      (unsigned long long)st.ino);
    char* more = f->ops->fdinfo ? libos_malloc(FDINFO_SIZE) : NULL;
    if (more) {
        size_t n = f->ops->fdinfo(f, more, FDINFO_SIZE);
        libos_text_append(out, more, MIN(n, FDINFO_SIZE));
        libos_free(more);
    }
    libos_file_put(f);
    return 0;
}
