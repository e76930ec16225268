/*
 * Rarer files of /proc/[pid]: sched, syscall, numa_maps, mountstats, map_files, attr, ...
 */
#include <linux/capability.h>

#include "libos_coord_process.h"
#include "libos_mm.h"
#include "proc_pid_internal.h"

#define ULL(x) ((unsigned long long)(x))

/* ---- scheduling ------------------------------------------------------------------------------ */

static void put_time(struct libos_text* out, const char* name, uint64_t ns) {
    libos_text_printf(out, "%-45s:%14llu.%06llu\n", name, ULL(ns / 1000000), ULL(ns % 1000000));
}

static void put_count(struct libos_text* out, const char* name, int64_t n) {
    libos_text_printf(out, "%-45s:%21lld\n", name, (long long)n);
}

/* The scheduler is the host's: what it alone knows is told as of a kernel that has just begun. */
PROC_SHOW(proc_show_sched) {
    struct libos_thread* t = proc_thread(at);
    if (!t)
        return -ESRCH;
    uint64_t user, system;
    PAL_USAGE usage = {0};
    PAL_NUM now = 0;
    char comm[sizeof(t->comm)];
    proc_cpu_time(t, &user, &system);
    PalProcessUsage(t == get_cur_thread(), &usage);
    PalClockGet(PAL_CLOCK_MONOTONIC, &now);
    lock(&cur_process()->threads_lock);
    memcpy(comm, t->comm, sizeof(comm));
    unlock(&cur_process()->threads_lock);
    comm[sizeof(comm) - 1] = '\0';
    bool realtime = t->sched_policy == 1 || t->sched_policy == 2;
    libos_text_printf(out,
                      "%s (%d, #threads: %u)\n"
                      "-------------------------------------------------------------------\n",
                      comm, t->tid,
                      __atomic_load_n(&cur_process()->thread_count, __ATOMIC_RELAXED));
    put_time(out, "se.exec_start", now);
    put_time(out, "se.vruntime", user + system);
    put_time(out, "se.sum_exec_runtime", user + system);
    put_count(out, "se.nr_migrations", 0);
    put_count(out, "nr_switches", (int64_t)(usage.voluntary_switches + usage.involuntary_switches));
    put_count(out, "nr_voluntary_switches", (int64_t)usage.voluntary_switches);
    put_count(out, "nr_involuntary_switches", (int64_t)usage.involuntary_switches);
    put_count(out, "se.load.weight", 1048576);
    put_count(out, "policy", t->sched_policy);
    put_count(out, "prio", realtime ? 99 - t->sched_priority : 120 + t->nice);
    libos_thread_put(t);
    return 0;
}

/* ---- the call it is in ----------------------------------------------------------------------- */

/* A thread of this process that is not in a call runs, as far as one can tell from outside. */
PROC_SHOW(proc_show_syscall) {
    struct libos_thread* t = proc_thread(at);
    if (!t)
        return -ESRCH;
    struct libos_regs regs = {.orig_rax = -1UL};
    bool inside = false;
    lock(&cur_process()->threads_lock);
    if (t->tcb && t->regs && __atomic_load_n(&t->tcb->in_libos, __ATOMIC_ACQUIRE)) {
        regs = *t->regs;
        inside = true;
    }
    unlock(&cur_process()->threads_lock);
    libos_thread_put(t);
    if (!inside)
        text_literal(out, "running\n");
    else if (regs.orig_rax == -1UL)
        libos_text_printf(out, "-1 0x%llx 0x%llx\n", ULL(regs.rsp), ULL(regs.rip));
    else
        libos_text_printf(out, "%d 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx\n",
                          (int)regs.orig_rax, ULL(regs.rdi), ULL(regs.rsi), ULL(regs.rdx),
                          ULL(regs.r10), ULL(regs.r8), ULL(regs.r9), ULL(regs.rsp), ULL(regs.rip));
    return 0;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void put_escaped_name(struct libos_text* out, struct libos_file* f) {
    char name[PATH_MAX];
    long len = libos_file_get_name(f, name, sizeof(name));
    for (long i = 0; i < len; i++) {
        if (name[i] == '\n' || name[i] == '\t' || name[i] == '=')
            libos_text_printf(out, "\\%03o", (unsigned char)name[i]);
        else
            libos_text_append(out, &name[i], 1);
    }
}

static uint64_t resident_pages(const struct libos_vma_info* v) {
    uint8_t vec[1024];
    uint64_t count = 0;
    for (uint64_t at = v->start; at < v->end;) {
        uint64_t size = MIN(v->end - at, sizeof(vec) * PAGE_SIZE);
        if (PalVirtualMemoryResident((PAL_PTR)at, size, vec) < 0)
            break;
        for (uint64_t i = 0; i < size / PAGE_SIZE; i++)
            count += vec[i] & 1;
        at += size;
    }
    return count;
}

PROC_SHOW(proc_show_numa_maps) {
    (void)at;
    struct libos_vma_info* vmas;
    size_t count;
    int ret = libos_mm_snapshot(&vmas, &count);
    if (ret < 0)
        return ret;
    for (size_t i = 0; i < count; i++) {
        const struct libos_vma_info* v = &vmas[i];
        uint64_t pages = resident_pages(v);
        libos_text_printf(out, "%08llx default", ULL(v->start));
        if (v->file) {
            text_literal(out, " file=");
            put_escaped_name(out, v->file);
        } else if (v->name && (strcmp(v->name, "[heap]") == 0 || strcmp(v->name, "[stack]") == 0)) {
            libos_text_printf(out, v->name[1] == 'h' ? " heap" : " stack");
        }
        if (pages)
            libos_text_printf(out,
                              v->file ? " mapped=%llu N0=%llu kernelpagesize_kB=4"
                                      : " anon=%llu dirty=%llu N0=%llu kernelpagesize_kB=4",
                              ULL(pages), ULL(pages), ULL(pages));
        text_literal(out, "\n");
    }
    libos_mm_snapshot_free(vmas, count);
    return 0;
}

/* ---- map_files ------------------------------------------------------------------------------- */

static bool parse_hex(const char** s, const char* end, uint64_t* value) {
    const char* first = *s;
    *value = 0;
    for (; *s < end; (*s)++) {
        char c = **s;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) || *s - first >= 16)
            break;
        *value = *value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return *s > first && (*first != '0' || *s == first + 1);
}

/* "start-end" of a mapping of a file. */
bool proc_match_map(const struct libos_pseudo_at* dir, const char* name, size_t len, uint64_t* id) {
    (void)dir;
    const char* s = name;
    uint64_t end;
    struct libos_vma_info v;
    if (!parse_hex(&s, name + len, id) || s == name + len || *s++ != '-' ||
        !parse_hex(&s, name + len, &end) || s != name + len || !libos_mm_query(*id, &v))
        return false;
    bool found = v.file && v.start == *id && v.end == end;
    libos_vma_info_put(&v);
    return found;
}

void proc_list_maps(const struct libos_pseudo_at* dir, libos_pseudo_emit_fn emit, void* arg) {
    (void)dir;
    struct libos_vma_info* vmas;
    size_t count;
    if (libos_mm_snapshot(&vmas, &count) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        char name[40];
        if (!vmas[i].file)
            continue;
        snprintf(name, sizeof(name), "%llx-%llx", ULL(vmas[i].start), ULL(vmas[i].end));
        if (!emit(arg, name, vmas[i].start))
            break;
    }
    libos_mm_snapshot_free(vmas, count);
}

static struct libos_file* mapped_file(const struct libos_pseudo_at* at) {
    struct libos_vma_info v;
    if (!libos_mm_query(at->ids[at->id_count - 1], &v))
        return NULL;
    struct libos_file* f = v.file;
    if (f)
        libos_file_get(f);
    libos_vma_info_put(&v);
    return f;
}

long proc_read_map_link(const struct libos_pseudo_at* at, char* buf, size_t size) {
    struct libos_file* f = mapped_file(at);
    if (!f)
        return -ENOENT;
    long len = libos_file_get_name(f, buf, size);
    libos_file_put(f);
    return len;
}

int proc_follow_map(const struct libos_pseudo_at* at, struct libos_file** out) {
    if (!libos_capable(CAP_SYS_ADMIN) && !libos_capable(CAP_CHECKPOINT_RESTORE))
        return -EPERM;
    *out = mapped_file(at);
    return *out ? 0 : -ENOENT;
}

/* The link's permissions tell how the file is mapped. */
int proc_stat_map(const struct libos_pseudo_at* at, struct libos_stat* st) {
    int prot = libos_mm_get_prot(at->ids[at->id_count - 1]);
    if (prot < 0)
        return -ENOENT;
    st->mode = S_IFLNK | (prot & 1 ? S_IRUSR : 0) | (prot & 2 ? S_IWUSR : 0);
    st->size = 64;
    return proc_stat_owner(at, st);
}

/* ---- single values --------------------------------------------------------------------------- */

/* No security module keeps such an attribute. */
PROC_SHOW(proc_show_attr) {
    (void)at, (void)out;
    return -EINVAL;
}

long proc_store_attr(const struct libos_pseudo_at* at, const char* text, size_t size) {
    (void)at, (void)text, (void)size;
    return -EINVAL;
}

/* Those that this thread has made; the first thread has those of threads that are gone, too. */
PROC_SHOW(proc_show_children) {
    struct libos_thread* t = proc_thread(at);
    if (!t)
        return -ESRCH;
    struct coord_process p;
    for (int32_t pid = 1; (pid = coord_process_next(pid, &p)) != 0; pid++) {
        if (p.ppid != cur_process()->pid)
            continue;
        struct libos_thread* maker = libos_thread_find(p.maker_tid);
        if (maker == t || (!maker && t->is_leader))
            libos_text_printf(out, "%d ", pid);
        if (maker)
            libos_thread_put(maker);
    }
    libos_thread_put(t);
    return 0;
}
