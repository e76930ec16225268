/*
 * The operations of a node, wherever it lies: what is about another process, that process is asked.
 */
#include <linux/capability.h>

#include "libos_proc_answer.h"
#include "libos_pseudo.h"
#include "proc_ask.h"
#include "proc_host.h"
#include "proc_pid_internal.h"

/* Files whose permissions do not tell who may read them: ptrace(2) "access mode checking". */
static bool needs_ptrace(const struct libos_pseudo_at* at) {
    static const char* const names[] = {"maps", "smaps", "smaps_rollup", "numa_maps",
                                        "cwd",  "exe",   "root",         "mem"};
    const char* name = at->node->name;
    for (size_t i = 0; name && i < ARRAY_SIZE(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return !name && (at->node->mode & S_IFMT) == S_IFLNK;
}

static bool may_look(const struct coord_process* p) {
    const struct libos_thread* t = get_cur_thread();
    if (libos_capable(CAP_SYS_PTRACE))
        return true;
    return t->fsuid == p->uid && t->fsuid == p->euid && t->fsuid == p->suid && t->fsgid == p->gid &&
           t->fsgid == p->egid && t->fsgid == p->sgid;
}

long libos_question_ask(int32_t id, int cap, struct libos_question* q) {
    struct coord_process p;
    const struct coord_process* owner = id > 0 ? coord_id_owner(id) : NULL;
    if (!owner || owner == coord_process_current())
        return -ESRCH;
    int32_t pid = owner->pid;
    if (coord_process_next(pid, &p) != pid || !proc_entry_is_alive(&p))
        return -ESRCH;
    const struct libos_thread* t = get_cur_thread();
    q->privileged = libos_capable(cap);
    if ((q->set || q->what == QUESTION_LIMIT) && !q->privileged && t->euid != p.euid &&
        t->euid != p.uid)
        return -EPERM;
    q->tid = id;
    struct libos_text text = {0};
    long ret = proc_ask(pid, ASK_QUESTION, NULL, q, sizeof(*q), &text);
    if (ret >= 0 && text.size == sizeof(*q))
        memcpy(q, text.buf, sizeof(*q));
    libos_free(text.buf);
    return ret;
}

int32_t libos_proc_directory_pid(const struct libos_file* f) {
    if (f->ops != &libos_pseudo_dir_ops)
        return 0;
    const struct libos_pseudo_at* at = libos_pseudo_of(f);
    bool process = at->depth == 1 && at->parents[0] == &g_proc_root && !at->node->name;
    return process ? (int32_t)at->ids[0] : 0;
}

long libos_process_memory(int32_t pid, uint64_t addr, void* buf, size_t size, bool write) {
    struct coord_process p;
    if (pid <= 0 || coord_process_next(pid, &p) != pid || !proc_entry_is_alive(&p))
        return -ESRCH;
    if (!may_look(&p))
        return -EPERM;
    if (!write) {
        const uint64_t question[2] = {addr, size};
        struct libos_text text = {0};
        long ret = proc_ask(pid, ASK_MEM_READ, NULL, question, sizeof(question), &text);
        if (ret > 0)
            memcpy(buf, text.buf, MIN((size_t)ret, MIN(text.size, size)));
        libos_free(text.buf);
        return MIN(ret, (long)size);
    }
    char* question = libos_malloc(sizeof(addr) + size);
    if (!question)
        return -ENOMEM;
    memcpy(question, &addr, sizeof(addr));
    memcpy(question + sizeof(addr), buf, size);
    long ret = proc_ask(pid, ASK_MEM_WRITE, NULL, question, sizeof(addr) + size, NULL);
    libos_free(question);
    return MIN(ret, (long)size);
}

/* Is it the same for every process of the instance? */
static bool is_common(const struct libos_pseudo_at* at) {
    const struct libos_pseudo_node* node = at->node;
    if (node->show == proc_show_constant || node->show == proc_show_host ||
        node->show == proc_show_mounts || node->show == proc_show_mountinfo ||
        node->show == proc_show_mountstats || node->show == proc_show_attr)
        return true;
    const char* parent = at->depth ? at->parents[at->depth - 1]->name : NULL;
    return parent && (strcmp(parent, "ns") == 0 || strcmp(parent, "net") == 0);
}

/* About another process, which has to be asked? *ret is not 0 if it may not be. */
static bool is_to_ask(const struct libos_pseudo_at* at, struct coord_process* p, int* ret) {
    int32_t pid;
    *ret = 0;
    if (is_common(at) || !proc_is_remote(at, &pid))
        return false;
    if (coord_process_next(pid, p) != pid)
        *ret = -ESRCH;
    else if (needs_ptrace(at) && !may_look(p))
        *ret = -EACCES;
    return true;
}

int libos_pseudo_show(const struct libos_pseudo_at* at, struct libos_text* out) {
    struct coord_process p;
    int ret;
    if (!is_to_ask(at, &p, &ret))
        return at->node->show(at, out);
    if (ret < 0)
        return ret;
    long asked = proc_ask(p.pid, ASK_SHOW, at, NULL, 0, out);
    return asked == -ESRCH ? proc_entry_show(at, &p, out) : (int)MIN(asked, 0L);
}

long libos_pseudo_store(const struct libos_pseudo_at* at, const char* text, size_t size) {
    struct coord_process p;
    int ret;
    if (!is_to_ask(at, &p, &ret))
        return at->node->store(at, text, size);
    return ret < 0 ? ret : proc_ask(p.pid, ASK_STORE, at, text, size, NULL);
}

long libos_pseudo_readlink(const struct libos_pseudo_at* at, char* buf, size_t size) {
    struct coord_process p;
    int ret;
    if (!is_to_ask(at, &p, &ret))
        return at->node->readlink(at, buf, size);
    struct libos_text text = {0};
    long len = ret < 0 ? ret : proc_ask(p.pid, ASK_READLINK, at, NULL, 0, &text);
    if (len >= 0) {
        len = (long)MIN(text.size, size);
        memcpy(buf, text.buf, (size_t)len);
    }
    libos_free(text.buf);
    return len == -ESRCH ? -ENOENT : len;
}

/* By its name: what has none in the tree (pipes, sockets) cannot be had from another process. */
int libos_pseudo_follow(const struct libos_pseudo_at* at, struct libos_file** out) {
    struct coord_process p;
    int ret;
    if (!is_to_ask(at, &p, &ret))
        return at->node->follow(at, out);
    char name[PATH_MAX];
    long len = libos_pseudo_readlink(at, name, sizeof(name) - 1);
    if (len < 0)
        return (int)len;
    name[len] = '\0';
    return name[0] == '/' ? libos_open_path(AT_FDCWD, name, O_PATH, 0, out) : -ENXIO;
}

int libos_pseudo_node_stat(const struct libos_pseudo_at* at, struct libos_stat* st) {
    struct coord_process p;
    int32_t pid;
    if (!proc_is_remote(at, &pid))
        return at->node->stat(at, st);
    if (coord_process_next(pid, &p) != pid)
        return -ENOENT;
    if (at->node->stat != proc_stat_owner) { /* more than the owner */
        struct libos_text text = {0};
        long ret = proc_ask(pid, ASK_STAT, at, st, sizeof(*st), &text);
        if (ret == 0 && text.size == sizeof(*st)) {
            struct libos_stat got;
            memcpy(&got, text.buf, sizeof(got));
            st->mode = got.mode;
            st->size = got.size;
            st->nlink = got.nlink;
        }
        libos_free(text.buf);
        if (ret < 0 && !at->node->name)
            return -ENOENT;
    }
    st->uid = p.euid;
    st->gid = p.egid;
    return 0;
}

bool libos_pseudo_match(const struct libos_pseudo_at* dir, const struct libos_pseudo_node* child,
                        const char* name, size_t len, uint64_t* id) {
    int32_t pid;
    if (!proc_is_remote(dir, &pid))
        return child->match(dir, name, len, id);
    char in[sizeof(child) + 64];
    memcpy(in, &child, sizeof(child));
    if (len > sizeof(in) - sizeof(child))
        return false;
    memcpy(in + sizeof(child), name, len);
    struct libos_text text = {0};
    bool found = proc_ask(pid, ASK_MATCH, dir, in, sizeof(child) + len, &text) == 0 &&
                 text.size == sizeof(*id);
    if (found)
        memcpy(id, text.buf, sizeof(*id));
    libos_free(text.buf);
    return found;
}

void libos_pseudo_list(const struct libos_pseudo_at* dir, const struct libos_pseudo_node* child,
                       libos_pseudo_emit_fn emit, void* arg) {
    int32_t pid;
    if (!proc_is_remote(dir, &pid)) {
        child->list(dir, emit, arg);
        return;
    }
    struct libos_text text = {0};
    long ret = proc_ask(pid, ASK_LIST, dir, &child, sizeof(child), &text);
    struct proc_ask_entry e;
    for (size_t at = 0; ret == 0 && at + sizeof(e) <= text.size; at += sizeof(e)) {
        memcpy(&e, text.buf + at, sizeof(e));
        e.name[sizeof(e.name) - 1] = '\0';
        if (!emit(arg, e.name, e.id))
            break;
    }
    libos_free(text.buf);
}
