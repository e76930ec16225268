/*
 * Every manifest key that Culm knows. docs/manifest.md is checked against these rows.
 */
#include "manifest.h"

#define LOG_LEVELS "none|error|warning|debug|trace|all"

/* A row: path, types, user, status, choices, meaning. */
#define KEY(path, types, user, status, choices, meaning)                                           \
    { path, types, MANIFEST_BY_##user, MANIFEST_##status, choices, meaning }
#define STR   MANIFEST_STRING
#define INT   MANIFEST_INT
#define BOOL  MANIFEST_BOOL
#define SIZE  MANIFEST_SIZE
#define ARRAY MANIFEST_ARRAY
#define TABLE MANIFEST_TABLE
#define ANY   MANIFEST_ANY

/* clang-format off */
const struct manifest_key manifest_keys[] = {
    KEY("loader.entrypoint", STR | TABLE, PAL, NO_EFFECT, NULL,
        "the LibOS to load, as a URI; Culm always loads its own"),
    KEY("loader.entrypoint.uri", STR, PAL, NO_EFFECT, NULL, "the same, newer form"),
    KEY("loader.entrypoint.sha256", STR, HOST, NO_EFFECT, NULL, "hash of the LibOS (enclave host)"),
    KEY("loader.argv", ARRAY, LIBOS, WORKS, NULL,
        "all arguments of the program, its argv[0] first; default: the entry point alone"),
    KEY("loader.argv[]", STR, LIBOS, WORKS, NULL, "one argument"),
    KEY("loader.argv_src_file", STR, LIBOS, WORKS, NULL,
        "file: URI of a host file that holds the arguments, each ended by a NUL byte"),
    KEY("loader.insecure__use_cmdline_argv", BOOL, LIBOS, WORKS, NULL,
        "take the arguments from the command line; default false"),
    KEY("loader.env", TABLE, LIBOS, WORKS, NULL, "variables of the environment, by name"),
    KEY("loader.env.*", STR | TABLE, LIBOS, WORKS, NULL, "the variable's value"),
    KEY("loader.env.*.value", STR, LIBOS, WORKS, NULL, "the variable's value"),
    KEY("loader.env.*.passthrough", BOOL, LIBOS, WORKS, NULL,
        "true: take the host's variable of this name"),
    KEY("loader.env_src_file", STR, LIBOS, WORKS, NULL,
        "file: URI of a host file with NAME=VALUE entries, each ended by a NUL byte"),
    KEY("loader.insecure__use_host_env", BOOL, LIBOS, WORKS, NULL,
        "take the whole environment of the host; default false"),
    KEY("loader.log_level", STR, PAL, WORKS, LOG_LEVELS, "how much to log; default error"),
    KEY("loader.log_file", STR, PAL, WORKS, NULL,
        "host path that the log is appended to; default: standard error"),
    KEY("loader.uid", INT, LIBOS, WORKS, NULL, "user id of the program; default 0"),
    KEY("loader.gid", INT, LIBOS, WORKS, NULL, "group id of the program; default 0"),
    KEY("loader.culm__groups", ARRAY, LIBOS, WORKS, NULL,
        "supplementary group ids of the program; default none (Culm only)"),
    KEY("loader.culm__groups[]", INT, LIBOS, WORKS, NULL, "one group id"),
    KEY("loader.insecure__disable_aslr", BOOL, PAL, WORKS, NULL,
        "load everything at fixed addresses; default false"),
    KEY("loader.pal_internal_mem_size", SIZE, PAL, NO_EFFECT, NULL,
        "memory reserved for the PAL; Culm takes what it needs"),

    KEY("libos.entrypoint", STR, LIBOS, WORKS, NULL,
        "path of the program in the guest; relative ones begin at fs.start_dir"),
    KEY("libos.check_invalid_pointers", BOOL, LIBOS, NO_EFFECT, NULL,
        "check user pointers; Culm always does, at no cost"),

    KEY("fs.root", TABLE, LIBOS, WORKS, NULL, "the root mount"),
    KEY("fs.root.type", STR, LIBOS, WORKS, "chroot|tmpfs|encrypted", "default chroot"),
    KEY("fs.root.uri", STR, LIBOS, WORKS, NULL,
        "host directory, as a file: URI; default: the host's working directory"),
    KEY("fs.root.key_name", STR, LIBOS, LATER, NULL, "key of an encrypted root"),
    KEY("fs.root.readonly", BOOL, LIBOS, WORKS, NULL,
        "writing gives EROFS; default false (Culm only)"),
    KEY("fs.mounts", ARRAY, LIBOS, WORKS, NULL, "mounts, made in order; later ones lie on top"),
    KEY("fs.mounts[]", TABLE, LIBOS, WORKS, NULL, "one mount"),
    KEY("fs.mounts[].type", STR, LIBOS, WORKS, "chroot|tmpfs|encrypted", "default chroot"),
    KEY("fs.mounts[].path", STR, LIBOS, WORKS, NULL, "where, in the guest; absolute"),
    KEY("fs.mounts[].uri", STR, LIBOS, WORKS, NULL,
        "what: file:PATH of a host file or directory, or dev:PATH of a host device"),
    KEY("fs.mounts[].key_name", STR, LIBOS, LATER, NULL, "key of an encrypted mount"),
    KEY("fs.mounts[].enable_recovery", BOOL, LIBOS, LATER, NULL, "crash-safe encrypted files"),
    KEY("fs.mounts[].readonly", BOOL, LIBOS, WORKS, NULL,
        "writing gives EROFS; default false (Culm only)"),
    KEY("fs.mount", TABLE, LIBOS, WORKS, NULL, "mounts by name: the old form of fs.mounts"),
    KEY("fs.mount.*", TABLE, LIBOS, WORKS, NULL, "one mount"),
    KEY("fs.mount.*.type", STR, LIBOS, WORKS, "chroot|tmpfs|encrypted", "as in fs.mounts"),
    KEY("fs.mount.*.path", STR, LIBOS, WORKS, NULL, "as in fs.mounts"),
    KEY("fs.mount.*.uri", STR, LIBOS, WORKS, NULL, "as in fs.mounts"),
    KEY("fs.start_dir", STR, LIBOS, WORKS, NULL, "working directory of the program; default /"),
    KEY("fs.insecure__keys", TABLE, LIBOS, LATER, NULL, "keys of encrypted mounts, by name"),
    KEY("fs.insecure__keys.*", STR, LIBOS, LATER, NULL, "32 hexadecimal digits"),
    KEY("fs.insecure__protected_files_key", STR, LIBOS, LATER, NULL,
        "the default key, oldest form"),
    KEY("fs.experimental__enable_sysfs_topology", BOOL, LIBOS, NO_EFFECT, NULL,
        "show the machine's topology under /sys; Culm always does"),

    KEY("sys.stack.size", SIZE, LIBOS, WORKS, NULL,
        "soft RLIMIT_STACK, the first thread's stack; default: the host's limit"),
    KEY("sys.brk.max_size", SIZE, LIBOS, WORKS, NULL,
        "largest program break; default: as RLIMIT_DATA allows"),
    KEY("sys.fds.limit", INT, LIBOS, WORKS, NULL,
        "soft RLIMIT_NOFILE; default: the host's limit"),
    KEY("sys.enable_sigterm_injection", BOOL, LIBOS, NO_EFFECT, NULL,
        "let SIGTERM of the host reach the program; on this host it always does"),
    KEY("sys.insecure__allow_eventfd", BOOL, LIBOS, NO_EFFECT, NULL,
        "allow eventfd; on this host it is always allowed"),
    KEY("sys.enable_extra_runtime_domain_names_conf", BOOL, LIBOS, LATER, NULL,
        "take /etc/resolv.conf from the host; mount it instead"),
    KEY("sys.disallow_subprocesses", BOOL, LIBOS, WORKS, NULL,
        "fork and its kin fail with ENOSYS; default false"),
    KEY("sys.experimental__enable_flock", BOOL, LIBOS, NO_EFFECT, NULL,
        "allow flock; Culm always does"),
    KEY("sys.ioctl_structs", TABLE, LIBOS, LATER, NULL, "layouts of ioctl arguments, by name"),
    KEY("sys.ioctl_structs.*", ANY, LIBOS, LATER, NULL, "one layout"),
    KEY("sys.allowed_ioctls", ARRAY, LIBOS, LATER, NULL, "device ioctls passed to the host"),
    KEY("sys.allowed_ioctls[]", TABLE, LIBOS, LATER, NULL, "one ioctl"),
    KEY("sys.allowed_ioctls[].request_code", INT, LIBOS, LATER, NULL, "its number"),
    KEY("sys.allowed_ioctls[].struct", STR, LIBOS, LATER, NULL, "its layout's name"),
    KEY("sys.debug__mock_syscalls", ARRAY, LIBOS, WORKS, NULL,
        "system calls that only return a fixed value"),
    KEY("sys.debug__mock_syscalls[]", TABLE, LIBOS, WORKS, NULL, "one call"),
    KEY("sys.debug__mock_syscalls[].name", STR, LIBOS, WORKS, NULL, "its name"),
    KEY("sys.debug__mock_syscalls[].return", INT, LIBOS, WORKS, NULL,
        "what it returns (a negative errno for failure); default -38, ENOSYS"),
    KEY("sys.debug__host_trap", STR, PAL, WORKS, "auto|sud|seccomp",
        "how stray system calls are caught; default auto (Culm only)"),
    KEY("sys.debug__disable_capabilities", ARRAY, PAL, WORKS, NULL,
        "host capabilities to do without, for tests (Culm only)"),
    KEY("sys.debug__disable_capabilities[]", STR, PAL, WORKS,
        "fork|shared_mem|waitset|remap|vdso|remembered_directories", "one capability"),
    KEY("sys.culm__strace", STR, LIBOS, WORKS, NULL,
        "trace system calls into this host file; \"\" is standard error (Culm only)"),
    KEY("sys.culm__stats", BOOL, LIBOS, WORKS, NULL,
        "print counts per system call at the end; default false (Culm only)"),
    KEY("sys.culm__hostname", STR, LIBOS, WORKS, NULL, "host name of the guest (Culm only)"),
    KEY("sys.culm__net", STR, LIBOS, WORKS, "host|none",
        "none: no sockets but UNIX ones; default host (Culm only)"),

    KEY("sgx", ANY, HOST, NO_EFFECT, NULL, "options of the enclave host; no effect elsewhere"),
};
/* clang-format on */

const size_t manifest_key_count = sizeof(manifest_keys) / sizeof(manifest_keys[0]);
