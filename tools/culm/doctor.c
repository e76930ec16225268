/*
 * culm doctor: what this machine offers a run, in words. Ends with 1 if nothing can run here.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "culm.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#define HWCAP2_BIT_FSGSBASE 2

static bool hopeless;

/* mark: "ok", "slow" (works, at a price), "note", "no" (something cannot run). */
static void line(const char* mark, const char* what, const char* words) {
    printf("%-5s %-22s %s\n", mark, what, words);
}

static bool read_text(const char* path, char* text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

static void trap(void) {
    bool sud = prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0) == 0;
    uint32_t action = SECCOMP_RET_TRAP;
    bool seccomp = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
    if (sud)
        line("ok", "stray system calls",
             "caught by Syscall User Dispatch, at no cost to host calls");
    else if (seccomp)
        line("slow", "stray system calls",
             "no Syscall User Dispatch (Linux 5.11, or a filter forbids it): seccomp catches them, "
             "about 30 ns per host call");
    else
        line("no", "stray system calls",
             "neither Syscall User Dispatch nor seccomp: nothing can run here");
    hopeless |= !sud && !seccomp;
    if (prctl(PR_GET_SECCOMP) == 2)
        line("note", "confinement", "this process already runs under a seccomp filter");
}

static void processor(void) {
    unsigned a, b = 0, c, d;
    bool fsgsbase = getauxval(AT_HWCAP2) & HWCAP2_BIT_FSGSBASE;
    line(fsgsbase ? "ok" : "slow", "FSGSBASE",
         fsgsbase ? "segment bases change without a host call"
                  : "absent (Linux 5.9 and the processor's feature): each change is a host call");
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        b = 0;
    bool sgx = b & 1u << 2;
    if (!sgx)
        line("note", "SGX", "the processor has none, or the firmware hides it: no enclaves here");
    else if (access("/dev/sgx_enclave", R_OK | W_OK) == 0)
        line("ok", "SGX", "/dev/sgx_enclave can be opened");
    else
        line("note", "SGX", "the processor has it, but /dev/sgx_enclave cannot be opened");
    if (access("/dev/kvm", R_OK | W_OK) == 0)
        line("ok", "KVM", "/dev/kvm can be opened");
    else
        line("note", "KVM", "/dev/kvm cannot be opened; not needed");
    static char info[65536];
    if (read_text("/proc/cpuinfo", info, sizeof(info)) && strstr(info, " la57"))
        line("note", "5-level paging",
             "on: guests still see 47-bit addresses, as Linux gives them");
    else
        line("ok", "5-level paging", "off: 47-bit addresses");
}

static void kernel(void) {
    struct utsname name;
    int major = 0, minor = 0;
    if (uname(&name) == 0 && sscanf(name.release, "%d.%d", &major, &minor) == 2)
        line(major > 5 || (major == 5 && minor >= 11) ? "ok" : "slow", "kernel", name.release);
    errno = 0;
    syscall(SYS_openat2, -1, "", NULL, 0);
    if (errno == ENOSYS || errno == EPERM)
        line("slow", "openat2",
             errno == ENOSYS ? "absent (Linux 5.6): paths are walked part by part"
                             : "forbidden by a filter: paths are walked part by part");
    else
        line("ok", "openat2", "a path below a mount costs one host call");
    long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    bool sync_core = commands > 0 && commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE;
    line(sync_core ? "ok" : "slow", "membarrier",
         sync_core ? "code is patched safely while other threads run it"
                   : "no core-serialising barrier: call sites are not patched, each call traps");
    int fd = (int)syscall(SYS_memfd_create, "doctor", 1u);
    if (fd >= 0) {
        line("ok", "memfd_create", "works");
        close(fd);
    } else {
        line("no", "memfd_create", strerror(errno));
        hopeless = true;
    }
}

static void memory(void) {
    char text[64];
    char words[160];
    if (read_text("/proc/sys/vm/mmap_min_addr", text, sizeof(text))) {
        snprintf(words, sizeof(words), "%lu: fine, Culm maps nothing that low",
                 strtoul(text, NULL, 10));
        line("ok", "vm.mmap_min_addr", words);
    }
    if (read_text("/proc/sys/vm/overcommit_memory", text, sizeof(text)))
        line(*text == '2' ? "note" : "ok", "vm.overcommit_memory",
             *text == '2' ? "2: large reservations count as used; Java and Go may fail to start"
                          : "large reservations cost nothing");
    if (read_text("/sys/fs/cgroup/memory.max", text, sizeof(text)) &&
        strncmp(text, "max", 3) != 0) {
        snprintf(words, sizeof(words), "this group may use %llu MiB",
                 strtoull(text, NULL, 10) >> 20);
        line("note", "memory limit", words);
    }
}

int command_doctor(int argc, char** argv) {
    if (argc > 1)
        die(STATUS_USAGE, "doctor: takes no arguments, but got '%s'", argv[1]);
    kernel();
    trap();
    processor();
    memory();
    if (geteuid() != 0)
        line("ok", "privilege", "none needed, none here");
    puts(hopeless ? "\nNothing can run here: see the lines marked `no`."
                  : "\nPrograms can run here.");
    fflush(stdout);
    return hopeless;
}
