/*
 * The small files of /proc/[pid]: cmdline, environ, auxv, comm, limits, oom_*, ...
 */
#include <linux/capability.h>
#include <linux/prctl.h>

#include "proc_pid_internal.h"

/* ---- which thread ---------------------------------------------------------------------------- */

bool proc_is_task(const struct libos_pseudo_at* at) {
    if (at->id_count < 2)
        return false;
    for (unsigned int i = 0; i < at->depth; i++) {
        const char* name = at->parents[i]->name;
        if (name && strcmp(name, "task") == 0)
            return true;
    }
    return false;
}

struct libos_thread* proc_thread(const struct libos_pseudo_at* at) {
    uint64_t tid = proc_is_task(at) ? at->ids[1] : at->ids[0];
    struct libos_thread* t = libos_thread_find((int)tid);
    if (!t && (int)tid == cur_process()->pid && !proc_is_task(at)) {
        t = get_cur_thread(); /* the first thread has ended, the process has not */
        libos_thread_get(t);
    }
    return t;
}

int proc_stat_owner(const struct libos_pseudo_at* at, struct libos_stat* st) {
    struct libos_thread* t = proc_thread(at);
    if (!t)
        return -ENOENT;
    if (cur_process()->dumpable == 1 || S_ISDIR(st->mode)) {
        st->uid = t->euid;
        st->gid = t->egid;
    }
    libos_thread_put(t);
    return 0;
}

void proc_cpu_time(struct libos_thread* t, uint64_t* user_ns, uint64_t* system_ns) {
    PAL_NUM user = 0, system = 0;
    PalThreadCpuTime(t ? t->host : NULL, &user, &system);
    *user_ns = user;
    *system_ns = system;
}

/* ---- what the program was started with ------------------------------------------------------- */

/* Guest memory as text, as far as it is readable. */
static int show_memory(struct libos_text* out, uint64_t start, uint64_t end) {
    char chunk[512];
    while (start < end) {
        size_t n = MIN(sizeof(chunk), end - start);
        size_t left = user_copy_from_partial(chunk, (void*)start, n);
        libos_text_append(out, chunk, n - left);
        if (left)
            break;
        start += n;
    }
    return 0;
}

/* A program may have written a longer title over its arguments, on into the environment: then the
 * last byte of the arguments is no NUL, and the text ends at the first one (Linux does the same).
 */
PROC_SHOW(proc_show_cmdline) {
    (void)at;
    uint64_t start = cur_process()->arg_start, end = cur_process()->arg_end;
    char last = 0;
    if (end <= start)
        return 0;
    if (user_copy_from(&last, (void*)(end - 1), 1) < 0 || last == '\0')
        return show_memory(out, start, end);
    show_memory(out, start, cur_process()->env_end > end ? cur_process()->env_end : end);
    const char* nul = out->size ? memchr(out->buf, '\0', out->size) : NULL;
    if (nul)
        out->size = (size_t)(nul - out->buf) + 1;
    return 0;
}

PROC_SHOW(proc_show_environ) {
    (void)at;
    return show_memory(out, cur_process()->env_start, cur_process()->env_end);
}

PROC_SHOW(proc_show_auxv) {
    (void)at;
    return show_memory(out, cur_process()->auxv_start, cur_process()->auxv_end);
}

/* ---- comm ------------------------------------------------------------------------------------ */

PROC_SHOW(proc_show_comm) {
    struct libos_thread* t = proc_thread(at);
    if (!t)
        return -ESRCH;
    char comm[sizeof(t->comm)];
    lock(&cur_process()->threads_lock);
    memcpy(comm, t->comm, sizeof(comm));
    unlock(&cur_process()->threads_lock);
    comm[sizeof(comm) - 1] = '\0';
    libos_text_printf(out, "%s\n", comm);
    libos_thread_put(t);
    return 0;
}

long proc_store_comm(const struct libos_pseudo_at* at, const char* text, size_t size) {
    struct libos_thread* t = proc_thread(at);
    if (!t)
        return -ESRCH;
    char comm[sizeof(t->comm)] = {0};
    memcpy(comm, text, MIN(size, sizeof(comm) - 1));
    lock(&cur_process()->threads_lock);
    memcpy(t->comm, comm, sizeof(comm));
    unlock(&cur_process()->threads_lock);
    if (t->host)
        PalThreadSetName(t->host, comm);
    libos_thread_put(t);
    return (long)size;
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void show_limit(struct libos_text* out, uint64_t value) {
    if (value == RLIM64_INFINITY)
        libos_text_printf(out, "%-20s ", "unlimited");
    else
        libos_text_printf(out, "%-20llu ", (unsigned long long)value);
}

PROC_SHOW(proc_show_limits) {
    (void)at;
    static const struct {
        const char *name, *unit;
    } names[RLIM_NLIMITS] = {
        [RLIMIT_CPU] = {"Max cpu time", "seconds"},
        [RLIMIT_FSIZE] = {"Max file size", "bytes"},
        [RLIMIT_DATA] = {"Max data size", "bytes"},
        [RLIMIT_STACK] = {"Max stack size", "bytes"},
        [RLIMIT_CORE] = {"Max core file size", "bytes"},
        [RLIMIT_RSS] = {"Max resident set", "bytes"},
        [RLIMIT_NPROC] = {"Max processes", "processes"},
        [RLIMIT_NOFILE] = {"Max open files", "files"},
        [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
        [RLIMIT_AS] = {"Max address space", "bytes"},
        [RLIMIT_LOCKS] = {"Max file locks", "locks"},
        [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
        [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
        [RLIMIT_NICE] = {"Max nice priority", NULL},
        [RLIMIT_RTPRIO] = {"Max realtime priority", NULL},
        [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
    };
    struct rlimit64 limits[RLIM_NLIMITS];
    lock(&cur_process()->limits_lock);
    memcpy(limits, cur_process()->limits, sizeof(limits));
    unlock(&cur_process()->limits_lock);
    libos_text_printf(out, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit",
                      "Units");
    for (size_t i = 0; i < RLIM_NLIMITS; i++) {
        libos_text_printf(out, "%-25s ", names[i].name);
        show_limit(out, limits[i].rlim_cur);
        show_limit(out, limits[i].rlim_max);
        if (names[i].unit)
            libos_text_printf(out, "%-10s\n", names[i].unit);
        else
            text_literal(out, "\n");
    }
    return 0;
}

/* ---- the out-of-memory killer's view: kept for whoever reads it back ------------------------- */

static int32_t g_oom_score_adj; /* atomic */

/* Linux's arithmetic: pages in use as thousandths of all, moved by the adjustment. */
PROC_SHOW(proc_show_oom_score) {
    (void)at;
    PAL_SYSTEM_INFO info = {0};
    PAL_USAGE usage = {0};
    PalSystemInfoQuery(&info);
    PalProcessUsage(false, &usage);
    int64_t total = (int64_t)((info.total_ram + info.total_swap) / PAGE_SIZE);
    if (total == 0)
        total = 1;
    int64_t adj = __atomic_load_n(&g_oom_score_adj, __ATOMIC_RELAXED);
    int64_t points = (int64_t)(usage.resident / PAGE_SIZE) + adj * total / 1000;
    int64_t score = adj == -1000 ? 0 : (1000 + points * 1000 / total) * 2 / 3;
    libos_text_printf(out, "%lld\n", (long long)(score < 0 ? 0 : score));
    return 0;
}

/* The same on the scale of Linux before 2.6.36. */
PROC_SHOW(proc_show_oom_adj) {
    (void)at;
    int adj = __atomic_load_n(&g_oom_score_adj, __ATOMIC_RELAXED);
    libos_text_printf(out, "%d\n", adj == 1000 ? 15 : adj * 17 / 1000);
    return 0;
}

PROC_SHOW(proc_show_oom_score_adj) {
    (void)at;
    libos_text_printf(out, "%d\n", __atomic_load_n(&g_oom_score_adj, __ATOMIC_RELAXED));
    return 0;
}

long proc_store_oom_score_adj(const struct libos_pseudo_at* at, const char* text, size_t size) {
    (void)at;
    int64_t value;
    if (libos_parse_number(text, size, &value) < 0 || value < -1000 || value > 1000)
        return -EINVAL;
    int32_t old = __atomic_load_n(&g_oom_score_adj, __ATOMIC_RELAXED);
    if (value < old && !libos_capable(CAP_SYS_RESOURCE))
        return -EACCES;
    __atomic_store_n(&g_oom_score_adj, (int32_t)value, __ATOMIC_RELAXED);
    return (long)size;
}

/* ---- single values --------------------------------------------------------------------------- */

#define COREDUMP_MASK 0x1ff
static uint32_t g_coredump_filter = 0x33; /* atomic */

PROC_SHOW(proc_show_coredump_filter) {
    (void)at;
    libos_text_printf(out, "%08x\n", __atomic_load_n(&g_coredump_filter, __ATOMIC_RELAXED));
    return 0;
}

/* A number as C writes it. */
long proc_store_coredump_filter(const struct libos_pseudo_at* at, const char* text, size_t size) {
    (void)at;
    uint32_t value = 0;
    size_t i = 0, digits = 0;
    bool hex = size > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    for (i = hex ? 2 : 0; i < size; i++, digits++) {
        char c = text[i] | 0x20;
        if (c >= '0' && c <= '9' && text[i] >= '0')
            value = value * (hex ? 16 : 10) + (uint32_t)(c - '0');
        else if (hex && c >= 'a' && c <= 'f')
            value = value * 16 + (uint32_t)(c - 'a' + 10);
        else
            break;
    }
    if (!digits || (i < size && !(text[i] == '\n' && i + 1 == size)))
        return -EINVAL;
    __atomic_store_n(&g_coredump_filter, value & COREDUMP_MASK, __ATOMIC_RELAXED);
    return (long)size;
}

PROC_SHOW(proc_show_personality) {
    (void)at;
    libos_text_printf(out, "%08x\n", cur_process()->personality);
    return 0;
}

PROC_SHOW(proc_show_timerslack) {
    struct libos_thread* t = proc_thread(at);
    if (!t)
        return -ESRCH;
    libos_text_printf(out, "%llu\n", (unsigned long long)t->timer_slack_ns);
    libos_thread_put(t);
    return 0;
}

PROC_SHOW(proc_show_schedstat) {
    struct libos_thread* t = proc_thread(at);
    if (!t)
        return -ESRCH;
    uint64_t user, system;
    PAL_USAGE usage = {0};
    proc_cpu_time(t, &user, &system);
    PalProcessUsage(t == get_cur_thread(), &usage);
    libos_text_printf(out, "%llu 0 %llu\n", (unsigned long long)(user + system),
                      (unsigned long long)(usage.voluntary_switches + usage.involuntary_switches));
    libos_thread_put(t);
    return 0;
}

PROC_SHOW(proc_show_constant) {
    const char* text = at->node->data;
    libos_text_append(out, text, strlen(text));
    return 0;
}

/* ---- input and output ------------------------------------------------------------------------ */

static void add_io(struct libos_io_count* sum, const struct libos_io_count* more) {
    sum->read_bytes += more->read_bytes;
    sum->write_bytes += more->write_bytes;
    sum->reads += more->reads;
    sum->writes += more->writes;
}

/* What calls moved is counted here; what reached a disk, by the host, for the process as a whole.
 */
PROC_SHOW(proc_show_io) {
    struct libos_thread* self = proc_thread(at);
    if (!self)
        return -ESRCH;
    struct libos_io_count io = self->io;
    if (!proc_is_task(at)) {
        lock(&cur_process()->threads_lock);
        io = cur_process()->ended_io;
        list_for_each(t, &cur_process()->threads, struct libos_thread, node) {
            add_io(&io, &t->io);
        }
        unlock(&cur_process()->threads_lock);
    }
    libos_thread_put(self);
    PAL_USAGE usage = {0};
    PalProcessUsage(false, &usage);
    libos_text_printf(out,
                      "rchar: %llu\nwchar: %llu\nsyscr: %llu\nsyscw: %llu\nread_bytes: %llu\n"
                      "write_bytes: %llu\ncancelled_write_bytes: 0\n",
                      (unsigned long long)io.read_bytes, (unsigned long long)io.write_bytes,
                      (unsigned long long)io.reads, (unsigned long long)io.writes,
                      (unsigned long long)usage.in_blocks * 512,
                      (unsigned long long)usage.out_blocks * 512);
    return 0;
}

/* ---- links ----------------------------------------------------------------------------------- */

static long put_link(const char* text, size_t len, char* buf, size_t size) {
    len = MIN(len, size);
    memcpy(buf, text, len);
    return (long)len;
}

long proc_read_exe(const struct libos_pseudo_at* at, char* buf, size_t size) {
    (void)at;
    long ret = -ENOENT;
    lock(&cur_process()->threads_lock);
    if (cur_process()->exe_path)
        ret = put_link(cur_process()->exe_path, strlen(cur_process()->exe_path), buf, size);
    unlock(&cur_process()->threads_lock);
    return ret;
}

int proc_follow_exe(const struct libos_pseudo_at* at, struct libos_file** out) {
    (void)at;
    lock(&cur_process()->threads_lock);
    struct libos_file* f = cur_process()->exe;
    if (f)
        libos_file_get(f);
    unlock(&cur_process()->threads_lock);
    *out = f;
    return f ? 0 : -ENOENT;
}

long proc_read_cwd(const struct libos_pseudo_at* at, char* buf, size_t size) {
    (void)at;
    char name[PATH_MAX];
    long len = libos_fs_cwd_name(name, sizeof(name));
    return len < 0 ? len : put_link(name, (size_t)len, buf, size);
}

int proc_follow_cwd(const struct libos_pseudo_at* at, struct libos_file** out) {
    (void)at;
    *out = libos_fs_get_cwd();
    return *out ? 0 : -ENOENT;
}

long proc_read_root(const struct libos_pseudo_at* at, char* buf, size_t size) {
    (void)at;
    struct libos_file* root = libos_fs_get_root();
    if (!root)
        return -ENOENT;
    long len = libos_file_get_name(root, buf, size);
    libos_file_put(root);
    return len;
}

int proc_follow_root(const struct libos_pseudo_at* at, struct libos_file** out) {
    (void)at;
    *out = libos_fs_get_root();
    return *out ? 0 : -ENOENT;
}
