/*
 * Running a program: find what to load, pass the point of no return, load it, enter it.
 */
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include "../mm/libos_mm_calls.h"
#include "elf_internal.h"
#include "libos_coord_process.h"
#include "libos_aio.h"
#include "libos_mm.h"
#include "libos_posix_timer.h"
#include "libos_process.h"

#define ADDR_NO_RANDOMIZE 0x0040000
#define SECBIT_NOROOT     1
#define SECBIT_KEEP_CAPS  16

static void exec_free(struct exec* e) {
    exec_file_close(&e->prog);
    exec_file_close(&e->interp);
    exec_args_free(&e->args);
    libos_free(e->interp_path);
    libos_free(e->name);
    libos_free(e->filename);
    libos_free(e->path);
    libos_free(e);
}

/* ---- scripts
 * --------------------------------------------------------------------------------------- */

static bool is_space(char c) {
    return c == ' ' || c == '\t';
}

/* The #! line of head, cut up in place: interpreter and the one argument (or NULL). */
static int parse_script_line(char* head, char** interp, char** arg) {
    char* limit = head + EXEC_SCRIPT_MAX;
    char* end = memchr(head, '\n', EXEC_SCRIPT_MAX);
    if (!end) {
        /* A longer line is fine if it is the argument that is cut off, not the interpreter. */
        char* p = head + 2;
        while (p < limit && is_space(*p)) {
            p++;
        }
        while (p < limit && *p && !is_space(*p)) {
            p++;
        }
        if (p == limit) {
            return -ENOEXEC;
        }
        end = limit - 1;
    }
    while (end > head + 2 && is_space(end[-1])) {
        end--;
    }
    *end = 0;
    char* p = head + 2;
    while (is_space(*p)) {
        p++;
    }
    if (!*p) {
        return -ENOEXEC;
    }
    *interp = p;
    while (*p && !is_space(*p)) {
        p++;
    }
    *arg = NULL;
    if (*p) {
        *p++ = 0;
        while (p < end && is_space(*p)) {
            p++;
        }
        *arg = p < end ? p : NULL; /* may be empty: a NUL follows */
    }
    return 0;
}

/* e->prog is a script: put its interpreter in its place. */
static int follow_script(struct exec* e) {
    char *interp, *arg;
    int ret = parse_script_line(e->prog.head, &interp, &arg);
    if (ret < 0) {
        return ret;
    }
    if (e->hidden) {
        return -ENOENT;
    }
    ret = exec_args_prepend(&e->args, interp, arg, e->path);
    if (ret < 0) {
        return ret;
    }
    char* path = libos_strdup(interp);
    if (!path) {
        return -ENOMEM;
    }
    libos_free(e->path);
    e->path = path;
    e->failed = path;
    exec_file_close(&e->prog);
    return exec_file_open(&e->prog, AT_FDCWD, path, 0);
}

static int resolve(struct exec* e) {
    for (int depth = 0; depth <= EXEC_MAX_DEPTH; depth++) {
        if (e->prog.head[0] != '#' || e->prog.head[1] != '!') {
            return exec_parse_program(e);
        }
        int ret = follow_script(e);
        if (ret < 0) {
            return ret;
        }
    }
    return -ELOOP;
}

/* ---- past the point of no return
 * ------------------------------------------------------------------- */

static void set_identity(struct exec* e) {
    struct libos_thread* t = get_cur_thread();
    char* name = libos_malloc(PATH_MAX);
    long len = name ? libos_file_get_name(e->prog.file, name, PATH_MAX - 1) : -1;
    if (len >= 0) {
        name[MIN(len, PATH_MAX - 1)] = 0;
    }
    char* exe_path = libos_strdup(len >= 0 ? name : e->path);
    libos_free(name);
    /* A program named by a descriptor alone is called what its file is called. */
    const char* called = e->name && !*e->name && exe_path ? exe_path : e->filename;
    const char* slash = strrchr(called, '/');
    const char* base = slash ? slash + 1 : called;
    libos_file_get(e->prog.file);
    lock(&cur_process()->threads_lock);
    strlcpy(t->comm, base, sizeof(t->comm));
    struct libos_file* old_exe = cur_process()->exe;
    char* old_path = cur_process()->exe_path;
    cur_process()->exe = e->prog.file;
    cur_process()->exe_path = exe_path;
    unlock(&cur_process()->threads_lock);
    PalThreadSetName(t->host, base);
    if (old_exe) {
        libos_file_put(old_exe);
    }
    libos_free(old_path);
    cur_process()->dumpable = 1;
    coord_process_execed(t->comm, e->args.buf, e->args.arg_size);
}

/* capabilities(7), "Transformation of capabilities during execve()"; files have none here. */
static void transform_credentials(struct libos_thread* t) {
    bool noroot = t->securebits & SECBIT_NOROOT;
    uint64_t permitted = t->cap_ambient;
    bool effective = t->cap_ambient != 0;
    if (!noroot && (t->uid == 0 || t->euid == 0)) {
        permitted = t->cap_inheritable | t->cap_bounding;
        effective = t->euid == 0;
    }
    t->cap_permitted = permitted;
    t->cap_effective = effective ? permitted : 0;
    t->suid = t->fsuid = t->euid;
    t->sgid = t->fsgid = t->egid;
    t->securebits &= ~(uint32_t)SECBIT_KEEP_CAPS;
}

/* What a new program does not inherit (execve(2), "Effect on process attributes"). */
static void reset_process(void) {
    struct libos_thread* t = get_cur_thread();
    t->clear_child_tid = NULL;
    t->robust_list = NULL;
    transform_credentials(t);
    coord_process_execing(t);
    libos_posix_timer_exec();
    libos_fd_close_on_exec();
    if (libos_signal_exec) {
        libos_signal_exec();
    }
    libos_membarrier_exec();
    libos_rseq_exec();
    libos_aio_exec();
    mm_set_randomise(!(cur_process()->personality & ADDR_NO_RANDOMIZE));
    libos_mm_unmap_all();
}

static int load(struct exec* e, uint64_t* entry, uint64_t* sp) {
    struct exec_image prog, interp = {0};
    bool pie = e->prog.ehdr.e_type == ET_DYN;
    uint64_t base = pie && e->interp_path ? mm_pie_base() : 0;
    exec_make_room(&e->prog);
    int ret = exec_map_image(&e->prog, base, &prog);
    if (ret < 0) {
        return ret;
    }
    cur_process()->start_code = prog.start_code;
    cur_process()->end_code = prog.end_code;
    cur_process()->start_data = prog.start_data;
    cur_process()->end_data = prog.end_data;
    /* A static PIE lies among the mappings: its heap gets a place of its own. */
    mm_brk_init(pie && !e->interp_path ? mm_pie_base() : prog.end, prog.start_data, prog.end_data);
    *entry = prog.entry;
    if (e->interp_path) {
        ret = exec_map_image(&e->interp, 0, &interp);
        *entry = interp.entry;
    }
    return ret < 0 ? ret : exec_build_stack(e, &prog, interp.bias, sp);
}

/* Returns only while the old program can still go on. Consumes e otherwise. */
static int run(struct exec* e) {
    int ret = resolve(e);
    if (!ret && cur_process() != &g_process) {
        ret = libos_vfork_split();
    }
    if (ret < 0) {
        return ret;
    }
    if (ret == 1) {
        exec_free(e);
        libos_vfork_leave();
    }
    if (libos_thread_kill_others) {
        ret = libos_thread_kill_others();
        if (ret < 0) {
            return ret;
        }
    }
    reset_process();
    set_identity(e);
    uint64_t entry, sp;
    ret = load(e, &entry, &sp);
    if (ret < 0) {
        log_debug("exec of %s failed after the old program was gone: error %d", e->filename, -ret);
        libos_process_exit(SIGSEGV);
    }
    log_debug("running %s", e->filename);
    exec_free(e);
    libos_enter_program(entry, sp);
}

/* ---- execve from the guest
 * --------------------------------------------------------------------------- */

/* AT_EXECFN and argv[0] of scripts: how the file can be named again. */
static char* nameable_path(int dirfd, const char* filename) {
    if (filename[0] == '/' || dirfd == AT_FDCWD) {
        return libos_strdup(filename);
    }
    size_t size = strlen(filename) + 32;
    char* s = libos_malloc(size);
    if (s) {
        snprintf(s, size, filename[0] ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd, filename);
    }
    return s;
}

static int prepare(struct exec* e, int dirfd, const char* filename, int flags) {
    e->filename = nameable_path(dirfd, filename);
    e->path = e->filename ? libos_strdup(e->filename) : NULL;
    if (!e->path) {
        return -ENOMEM;
    }
    e->hidden = filename[0] != '/' && dirfd != AT_FDCWD && libos_fd_get_cloexec(dirfd) == 1;
    int ret = exec_file_open(&e->prog, dirfd, filename, flags);
    return ret < 0 ? ret : exec_args_init(&e->args);
}

static int copy_name(struct exec* e, const char* filename, int flags) {
    e->name = libos_malloc(PATH_MAX);
    if (!e->name) {
        return -ENOMEM;
    }
    long len = user_copy_string(e->name, filename, PATH_MAX);
    if (len < 0) {
        return (int)len;
    }
    if (len == PATH_MAX) {
        return -ENAMETOOLONG;
    }
    return len == 0 && !(flags & AT_EMPTY_PATH) ? -ENOENT : 0;
}

long libos_exec(int dirfd, const char* filename, const char* const* argv, const char* const* envp,
                int flags) {
    struct exec* e = libos_calloc(1, sizeof(*e));
    if (!e) {
        return -ENOMEM;
    }
    int ret = copy_name(e, filename, flags);
    if (!ret) {
        ret = prepare(e, dirfd, e->name, flags);
    }
    if (!ret) {
        ret = exec_args_add(&e->args, argv, true, false);
    }
    if (!ret) {
        ret = exec_args_add(&e->args, envp, true, true);
    }
    if (!ret && !(flags & AT_EXECVE_CHECK)) {
        ret = run(e);
    }
    exec_free(e);
    return ret;
}

/* ---- the first program
 * ---------------------------------------------------------------------------------- */

static const char* reason(int err, bool interpreter) {
    switch (err) {
        case -ENOENT:
            return interpreter ? "its interpreter does not exist" : "no such file";
        case -ENOTDIR:
            return "a part of the path is not a directory";
        case -EACCES:
            return "not executable (no permission, or not a regular file)";
        case -ENOEXEC:
            return "neither an x86-64 ELF program nor a script with #!";
        case -ELIBBAD:
            return "its interpreter is damaged or for another machine";
        case -ELOOP:
            return "too many symbolic links, or scripts that run scripts";
        case -E2BIG:
            return "arguments and environment are too long";
        case -ENOMEM:
            return "out of memory";
        case -ENAMETOOLONG:
            return "the name is too long";
        case -EIO:
            return "the file ends too early, or cannot be read";
        default:
            return "it cannot be opened or read";
    }
}

static int report(const struct exec* e, int err) {
    bool other = e->failed && strcmp(e->failed, e->filename ? e->filename : "") != 0;
    const char* name = e->filename ? e->filename : "the program";
    if (other) {
        log_error("cannot run %s: %s: %s (error %d)", name, e->failed, reason(err, true), -err);
    } else {
        log_error("cannot run %s: %s (error %d)", name, reason(err, false), -err);
    }
    return err == -ENOENT || err == -ENOTDIR ? 127 : 126;
}

int libos_exec_first(const char* path, char** argv, char** envp) {
    struct exec* e = libos_calloc(1, sizeof(*e));
    int ret = e ? prepare(e, AT_FDCWD, path, 0) : -ENOMEM;
    if (!ret) {
        ret = exec_args_add(&e->args, (const char* const*)argv, false, false);
    }
    if (!ret) {
        ret = exec_args_add(&e->args, (const char* const*)envp, false, true);
    }
    if (!ret) {
        ret = run(e);
    }
    if (!e) {
        return 126;
    }
    int code = report(e, ret);
    exec_free(e);
    return code;
}
