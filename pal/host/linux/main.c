/*
 * Start of the PAL: control block, manifest, LibOS. The command line is in options.c.
 *
 * Exit status when the start fails, whatever the reason: 125, as the culm command documents it.
 */
#include "host_internal.h"
#include "loader.h"

#include <linux/auxvec.h>
#include <linux/elf.h>
#include <linux/mman.h>

#define O_RDONLY_CLOEXEC 02000000

PAL_CONTROL g_control = {.log_level = PAL_LOG_ERROR};
int g_pid;

static PAL_NUM g_auxv[64]; /* by AT_* number */
static char g_cwd[4096];
static struct {
    char sysname[65], nodename[65], release[65], version[65], machine[65], domain[65];
} g_uname;

PAL_CONTROL* PalGetPalControl(void) {
    return &g_control;
}

PAL_CONTROL* pal_control_addr(void) {
    return &g_control;
}

/* ---- Control block --------------------------------------------------------------------------- */

static PAL_NUM mmap_min_addr(void) {
    char text[32];
    const char* at = text;
    /* 64 KiB is the default of the kernel and of every distribution; more is set by hand. */
    return host_read_file("/proc/sys/vm/mmap_min_addr", text, sizeof(text)) > 0
               ? host_parse_number(&at)
               : 65536;
}

static void fill_control(char** guest_argv, char** envp) {
    PAL_NUM low = PAGE_UP(mmap_min_addr());
    g_control.process_id = g_pid;
    g_control.user_address.start = (PAL_PTR)(low > 0x10000 ? low : 0x10000);
    g_control.user_address.end = (PAL_PTR)LIBOS_START;
    g_control.libos_address = (PAL_PTR_RANGE){(PAL_PTR)LIBOS_START, (PAL_PTR)LIBOS_END};
    g_control.alloc_align = PAGE_SIZE;
    g_control.capabilities = PAL_CAP_FORK | PAL_CAP_SHARED_MEM | PAL_CAP_WAITSET | PAL_CAP_REMAP;
    g_control.cpu_info.hwcap = g_auxv[AT_HWCAP];
    g_control.cpu_info.hwcap2 = g_auxv[AT_HWCAP2];
    g_control.host_minsigstksz = g_auxv[51 /* AT_MINSIGSTKSZ */];
    g_control.rseq_feature_size = g_auxv[27 /* AT_RSEQ_FEATURE_SIZE */];
    g_control.rseq_align = g_auxv[28 /* AT_RSEQ_ALIGN */];
    g_control.host_argv = (PAL_STR*)guest_argv;
    g_control.host_envp = (PAL_STR*)envp;
    g_control.host_uid = g_auxv[AT_UID];
    g_control.host_gid = g_auxv[AT_GID];
    g_control.host_euid = g_auxv[AT_EUID];
    g_control.host_egid = g_auxv[AT_EGID];
}

static void fill_host_names(void) {
    g_control.host_umask = host_syscall(__NR_umask, 0); /* stays 0: the LibOS applies the guest's */
    g_control.host_cwd = host_syscall(__NR_getcwd, g_cwd, sizeof(g_cwd)) > 0 ? g_cwd : "/";
    host_syscall(__NR_uname, &g_uname);
    g_control.host_release = g_uname.release;
    g_control.host_name = g_uname.nodename;
}

/* ---- Files at start -------------------------------------------------------------------------- */

long host_open_or_die(const char* path, const char* what) {
    long fd = host_syscall(__NR_open, path, O_RDONLY_CLOEXEC);
    if (fd < 0)
        host_die(HOST_START_FAILED, "cannot open %s %s: %s", what, path,
                 pal_strerror(host_error(fd)));
    return fd;
}

/* libculm.so beside this program. */
static void default_image_path(void) {
    static char path[4096];
    static const char name[] = "libculm.so";
    long n = host_syscall(__NR_readlink, "/proc/self/exe", path, sizeof(path) - sizeof(name));
    if (n < 0)
        host_die(HOST_START_FAILED, "cannot find the LibOS: give --libos FILE");
    path[n > 0 ? n : 0] = '\0';
    strlcpy(strrchr(path, '/') + 1, name, sizeof(name));
    g_image_path = path;
}

static void open_parent(void) {
    PAL_HANDLE handle;
    uint64_t salt[2];
    if (g_options.parent_fd < 0) {
        if (g_auxv[AT_RANDOM])
            host_instance_salt_set((const uint64_t*)g_auxv[AT_RANDOM]);
        return;
    }
    if (host_syscall(__NR_read, g_options.parent_fd, salt, sizeof(salt)) != sizeof(salt))
        host_die(HOST_START_FAILED, "descriptor %ld is no stream to the parent process",
                 g_options.parent_fd);
    host_instance_salt_set(salt);
    host_syscall(__NR_fcntl, g_options.parent_fd, 2 /* F_SETFD */, 1 /* FD_CLOEXEC */);
    if (host_handle_wrap(PAL_TYPE_PROCESS, g_options.parent_fd, HANDLE_READABLE | HANDLE_WRITABLE,
                         &handle))
        host_die(HOST_START_FAILED, "out of memory");
    g_control.parent_process = handle;
}

/* ---- Start ----------------------------------------------------------------------------------- */

static void enter_image(void* arg) {
    struct pal_image* image = arg;
    pal_entry_t entry = image->entry;
    host_thread_arm_first();
    entry(&g_control);
    host_die(HOST_START_FAILED, "%s: the entry point returned; it must end with PalProcessExit",
             g_image_path);
}

static void load_image(struct pal_image* image) {
    if (!g_image_path)
        default_image_path();
    long fd = host_open_or_die(g_image_path, g_image_option[2] == 'b' ? "program" : "LibOS");
    pal_load_image(g_image_path, fd, image);
    host_syscall(__NR_close, fd);
    host_protect_image(image->base, image->end);
}

static void keep_own_image(void) {
    const Elf64_Phdr* p = (const Elf64_Phdr*)g_auxv[AT_PHDR];
    for (PAL_NUM i = 0; p && i < g_auxv[AT_PHNUM]; i++) {
        PAL_NUM start = PAGE_DOWN(p[i].p_vaddr);
        PAL_NUM size = PAGE_UP(p[i].p_vaddr + p[i].p_memsz) - start;
        if (p[i].p_type != PT_LOAD || (p[i].p_flags & PF_W) || size <= PAGE_SIZE)
            continue;
        host_syscall(__NR_madvise, start, size, MADV_POPULATE_READ);
        host_keep_over_fork(start, size, PROT_READ | (p[i].p_flags & PF_X ? PROT_EXEC : 0));
    }
}

static void read_auxv(char** envp) {
    while (*envp)
        envp++;
    for (PAL_NUM* aux = (PAL_NUM*)(envp + 1); aux[0] != AT_NULL; aux += 2) {
        if (aux[0] < sizeof(g_auxv) / sizeof(g_auxv[0]))
            g_auxv[aux[0]] = aux[1];
    }
}

_Noreturn void host_main(PAL_NUM* sp) {
    static struct pal_image image;
    char** argv = (char**)(sp + 1);
    char** envp = argv + *sp + 1;
    read_auxv(envp);
    keep_own_image();
    g_pid = host_syscall(__NR_getpid);
    char** guest_argv = host_parse_options(argv);
    host_fill_standard();
    fill_control(guest_argv, envp);
    fill_host_names();
    host_clock_init(g_auxv[AT_SYSINFO_EHDR]);
    host_system_init();
    host_thread_init_first();
    host_exceptions_init();
    host_read_manifest();
    host_apply_options();
    open_parent();
    load_image(&image);
    host_call_on_stack(host_tcb()->stack_top, enter_image, &image);
}
