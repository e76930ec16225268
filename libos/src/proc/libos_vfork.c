/*
 * vfork(2), and clone(2) with CLONE_VM and CLONE_VFORK, as posix_spawn makes it.
 *
 * The child runs on its parent's host thread and in its memory, as a process of its own
 * (cur_process()), while the parent's thread stays where it called: on its LibOS stack, with no
 * TCB, so that nobody kicks it. When the child's execve can no longer fail, the host process forks
 * (libos_vfork_split()): the copy goes on as the child. The original, or a child that ends before,
 * goes back into the parent (libos_vfork_leave()).
 */
#include "libos_arch.h"
#include "libos_clone.h"
#include "libos_coord_process.h"
#include "libos_file.h"
#include "libos_fs_refs.h"
#include "libos_ipc.h"
#include "libos_proc_internal.h"
#include "libos_signal.h"
#include "libos_time.h"

struct vfork { /* on the parent's LibOS stack */
    struct libos_context context;
    struct libos_thread *parent, *child;
    uint64_t fs_base;
    void* fpu;
};

static struct libos_process* make_process(struct coord_process* entry) {
    struct libos_process* parent = cur_process();
    struct libos_process* p = libos_malloc(sizeof(*p));
    if (!p)
        return NULL;
    lock(&parent->signal_lock);
    lock(&parent->threads_lock);
    lock(&parent->limits_lock);
    *p = *parent;
    if (p->exe)
        libos_file_get(p->exe);
    p->exe_path = p->exe_path ? libos_strdup(p->exe_path) : NULL;
    unlock(&parent->limits_lock);
    unlock(&parent->threads_lock);
    unlock(&parent->signal_lock);
    p->coord = entry;
    p->pid = entry->pid;
    p->threads_lock = p->signal_lock = p->limits_lock = (libos_lock_t)LIBOS_LOCK_INIT;
    list_init(&p->threads);
    list_init(&p->signals.queue);
    list_init(&p->signal_watchers);
    p->signals.pending = 0;
    p->sigqueue_count = 0;
    p->thread_count = 1;
    p->exit_started = 0;
    p->ending_others = p->stop_taken = false;
    p->start_time_ns = libos_clock(PAL_CLOCK_MONOTONIC);
    memset(&p->ended_io, 0, sizeof(p->ended_io));
    p->vfork_parent = parent;
    p->vfork = NULL;
    return p;
}

static void free_process(struct libos_process* p) {
    if (p->exe)
        libos_file_put(p->exe);
    libos_free(p->exe_path);
    libos_free(p);
}

/* The calling host thread stops being t's. */
static void suspend(struct libos_thread* t) {
    struct libos_tcb* tcb = libos_get_tcb();
    libos_rseq_leave(t);
    lock(&t->process->threads_lock);
    t->start_work = __atomic_load_n(&tcb->work, __ATOMIC_SEQ_CST);
    t->start_gs = tcb->guest_gs;
    t->tcb = NULL;
    unlock(&t->process->threads_lock);
    __atomic_store_n(&tcb->work, 0, __ATOMIC_SEQ_CST);
}

static void run_child(struct vfork* v, const struct libos_clone_args* a, int pidfd) {
    struct libos_thread* child = v->child;
    suspend(v->parent);
    libos_thread_become(child);
    libos_set_fs_base(child->fs_base);
    if (pidfd >= 0 && !(a->flags & CLONE_FILES))
        libos_fd_close(pidfd);
    if (a->flags & CLONE_CLEAR_SIGHAND)
        libos_signal_clear_handlers();
    if (a->flags & CLONE_CHILD_SETTID) {
        uint32_t tid = child->tid;
        user_put(tid, a->child_tid);
    }
    libos_return_to_guest(child->regs);
}

static struct libos_thread* make_child(const struct libos_clone_args* a,
                                       struct coord_process* entry) {
    struct libos_thread* parent = get_cur_thread();
    struct libos_thread* child = libos_clone_thread(a, entry->pid);
    if (!child)
        return NULL;
    child->process = make_process(entry);
    if (!child->process) {
        libos_thread_put(child);
        return NULL;
    }
    child->is_leader = true;
    child->altstack = parent->altstack;
    list_add_tail(&child->process->threads, &child->node);
    return child;
}

long libos_vfork(const struct libos_clone_args* a, struct coord_process* entry, int pidfd) {
    struct vfork v = {.parent = get_cur_thread(), .fs_base = libos_get_fs_base()};
    int32_t pid = entry->pid;
    v.fpu = libos_fpu_keep();
    v.child = v.fpu ? make_child(a, entry) : NULL;
    if (!v.child) {
        libos_fpu_bring_back(v.fpu);
        return -ENOMEM;
    }
    v.child->process->vfork = &v;
    coord_process_started(entry, coord_process_current()->host_pid, true);
    if (a->flags & CLONE_PARENT_SETTID)
        user_put(pid, a->parent_tid);
    if (libos_context_save(&v.context) == 0)
        run_child(&v, a, pidfd);
    libos_set_fs_base(v.fs_base);
    libos_fpu_bring_back(v.fpu);
    free_process(v.child->process);
    libos_thread_put(v.child);
    return pid;
}

int libos_vfork_split(void) {
    struct libos_host_fork how = {.coord = cur_process()->coord};
    int ret = libos_fork_host(&how);
    if (ret == 1) {
        libos_files_process_moved(how.coord->pid);
        libos_ipc_thread_moved(get_cur_thread());
    }
    return ret;
}

void libos_vfork_leave(void) {
    struct libos_thread* child = get_cur_thread();
    struct vfork* v = child->process->vfork;
    libos_thread_clear_tid(child);
    if (child->files)
        libos_fd_table_put(child->files);
    if (child->fs)
        libos_fs_info_put(child->fs);
    child->files = NULL;
    child->fs = NULL;
    libos_sigqueue_flush(&child->signals);
    libos_sigqueue_flush(&child->process->signals);
    suspend(child);
    libos_thread_become(v->parent);
    libos_rseq_enter(v->parent);
    libos_context_resume(&v->context, 1);
}

static void move_list(struct list_node* to, struct list_node* from) {
    while (!list_empty(from)) {
        struct list_node* node = from->next;
        list_del(node);
        list_add_tail(to, node);
    }
}

/* In the host process that libos_vfork_split(), or a fork in the child, has made: the child's state
 * takes the place of the first process's. */
void libos_vfork_after_fork(void) {
    struct libos_thread* t = get_cur_thread();
    struct libos_process* p = t->process;
    if (p == &g_process)
        return;
    for (struct libos_process* up = p->vfork_parent; up; up = up->vfork_parent)
        libos_threads_drop(up);
    struct list_node signals, watchers;
    list_init(&signals);
    list_init(&watchers);
    move_list(&signals, &p->signals.queue);
    move_list(&watchers, &g_process.signal_watchers);
    move_list(&watchers, &p->signal_watchers);
    if (g_process.exe)
        libos_file_put(g_process.exe);
    libos_free(g_process.exe_path);
    g_process = *p;
    list_init(&g_process.threads);
    list_init(&g_process.signals.queue);
    list_init(&g_process.signal_watchers);
    move_list(&g_process.signals.queue, &signals);
    move_list(&g_process.signal_watchers, &watchers);
    list_del(&t->node);
    list_add_tail(&g_process.threads, &t->node);
    g_process.vfork_parent = NULL;
    g_process.vfork = NULL;
    t->process = &g_process;
    libos_free(p);
}
