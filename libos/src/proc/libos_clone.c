/*
 * New threads. clone(2), clone3(2). New processes: libos_fork.c, libos_vfork.c.
 */
#include "libos_clone.h"
#include "libos_arch.h"
#include "libos_coord_process.h"
#include "libos_file.h"
#include "libos_fs_refs.h"
#include "libos_ipc.h"
#include "libos_proc_internal.h"
#include "libos_seccomp.h"
#include "libos_time.h"

#define CLONE_NAMESPACES                                                                           \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

/* The checks of copy_process() in the order a caller can see them. */
static int check_flags(const struct libos_clone_args* a) {
    uint64_t f = a->flags;
    if ((f & CLONE_FS) && (f & (CLONE_NEWNS | CLONE_NEWUSER)))
        return -EINVAL;
    if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
        return -EINVAL;
    if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
        return -EINVAL;
    if ((f & CLONE_THREAD) && (f & (CLONE_NEWUSER | CLONE_NEWPID)))
        return -EINVAL;
    if (f & CLONE_NEWUSER)
        return -ENOSPC; /* /proc/sys/user/max_user_namespaces is 0, and so are the others */
    if (f & CLONE_NAMESPACES)
        return get_cur_thread()->cap_effective >> 21 & 1 ? -ENOSPC : -EPERM; /* CAP_SYS_ADMIN */
    if ((f & CLONE_THREAD) && (f & CLONE_PIDFD))
        return -EINVAL;
    return 0;
}

static int copy_credentials(struct libos_thread* t, const struct libos_thread* parent) {
    t->uid = parent->uid;
    t->euid = parent->euid;
    t->suid = parent->suid;
    t->fsuid = parent->fsuid;
    t->gid = parent->gid;
    t->egid = parent->egid;
    t->sgid = parent->sgid;
    t->fsgid = parent->fsgid;
    t->cap_effective = parent->cap_effective;
    t->cap_permitted = parent->cap_permitted;
    t->cap_inheritable = parent->cap_inheritable;
    t->cap_bounding = parent->cap_bounding;
    t->cap_ambient = parent->cap_ambient;
    t->securebits = parent->securebits;
    t->no_new_privs = parent->no_new_privs;
    if (!parent->group_count)
        return 0;
    t->groups = libos_malloc(parent->group_count * sizeof(*t->groups));
    if (!t->groups)
        return -ENOMEM;
    memcpy(t->groups, parent->groups, parent->group_count * sizeof(*t->groups));
    t->group_count = parent->group_count;
    return 0;
}

static void copy_scheduling(struct libos_thread* t, const struct libos_thread* parent) {
    if (!parent->sched_reset_on_fork) {
        t->sched_policy = parent->sched_policy;
        t->sched_priority = parent->sched_priority;
        t->nice = parent->nice;
    } else {
        t->nice = MAX(parent->nice, 0);
    }
    t->timer_slack_ns = t->timer_slack_default_ns = parent->timer_slack_ns;
    t->mempolicy = parent->mempolicy;
    t->io_priority = parent->io_priority;
}

struct libos_thread* libos_clone_thread(const struct libos_clone_args* a, int32_t tid) {
    struct libos_thread* parent = get_cur_thread();
    struct libos_thread* t = libos_thread_alloc(tid);
    if (!t)
        return NULL;
    t->blocked = parent->blocked;
    memcpy(t->comm, parent->comm, sizeof(t->comm));
    copy_scheduling(t, parent);
    t->fs_base = a->flags & CLONE_SETTLS ? a->tls : libos_get_fs_base();
    t->start_time_ns = libos_clock(PAL_CLOCK_MONOTONIC);
    t->start_work = libos_get_tcb()->work & (LIBOS_WORK_TRACE | LIBOS_WORK_GS);
    t->start_gs = libos_get_tcb()->guest_gs;
    libos_seccomp_inherit(t, parent);
    struct libos_regs* regs =
        (struct libos_regs*)((char*)t->libos_stack + t->libos_stack_size - sizeof(*regs));
    *regs = *parent->regs;
    regs->rax = 0;
    if (a->stack)
        regs->rsp = a->stack;
    t->regs = regs;
    if (a->flags & CLONE_CHILD_CLEARTID)
        t->clear_child_tid = a->child_tid;
    if (a->flags & CLONE_CHILD_SETTID)
        t->set_child_tid = a->child_tid;
    bool ok = copy_credentials(t, parent) == 0;
    if (a->flags & CLONE_FILES) {
        libos_fd_table_get(parent->files);
        t->files = parent->files;
    } else {
        ok = ok && (t->files = libos_fd_table_clone(parent->files)) != NULL;
    }
    if (a->flags & CLONE_FS) {
        libos_fs_info_get(parent->fs);
        t->fs = parent->fs;
    } else {
        ok = ok && (t->fs = libos_fs_info_clone(parent->fs)) != NULL;
    }
    if (ok && libos_ipc_clone_thread(t, a->flags & CLONE_SYSVSEM) == 0)
        return t;
    libos_thread_put(t);
    return NULL;
}

/* First code of the new host thread, on the PAL's stack. */
static int thread_main(void* arg) {
    struct libos_thread* t = arg;
    libos_barrier_join();
    libos_thread_become(t);
    libos_set_fs_base(t->fs_base);
    if (t->set_child_tid) {
        uint32_t tid = t->tid;
        user_put(tid, t->set_child_tid); /* a bad address is ignored, as in Linux */
    }
    libos_return_to_guest(t->regs);
}

static int start_thread(struct libos_thread* t) {
    lock(&cur_process()->threads_lock);
    if (libos_process_is_ending()) {
        unlock(&cur_process()->threads_lock);
        return -ERESTARTNOINTR; /* the caller itself is about to be ended */
    }
    libos_seccomp_inherit(t, get_cur_thread()); /* another thread may have added to it meanwhile */
    list_add_tail(&cur_process()->threads, &t->node);
    cur_process()->thread_count++;
    unlock(&cur_process()->threads_lock);
    PAL_HANDLE handle;
    int ret = PalThreadCreate(thread_main, t, &handle);
    if (ret == 0)
        return 0;
    lock(&cur_process()->threads_lock);
    list_del(&t->node);
    cur_process()->thread_count--;
    unlock(&cur_process()->threads_lock);
    PalFutexWake(&cur_process()->thread_count, 1, false);
    return ret == PAL_ERROR_NOMEM ? -ENOMEM : -EAGAIN;
}

long libos_clone(const struct libos_clone_args* a) {
    int ret = check_flags(a);
    if (ret < 0)
        return ret;
    if (!(a->flags & CLONE_THREAD))
        return libos_clone_process(a);
    if (cur_process() != &g_process)
        return -EAGAIN; /* a vfork child: its threads could not follow it to its host process */
    int32_t tid = coord_id_new(cur_process()->coord);
    if (tid < 0)
        return tid;
    struct libos_thread* t = libos_clone_thread(a, tid);
    if (!t) {
        coord_id_free(tid);
        return -ENOMEM;
    }
    if ((a->flags & CLONE_PARENT_SETTID))
        user_put(tid, a->parent_tid);
    ret = start_thread(t);
    if (ret < 0) {
        libos_ipc_thread_exit(t);
        libos_thread_put(t);
        coord_id_free(tid);
        return ret;
    }
    return tid;
}
