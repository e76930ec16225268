/*
 * The PAL host ABI: everything the LibOS may ask of a host, and nothing else.
 *
 * Conventions
 *  - A call returns 0 (or a count where said so) or a negative PAL_ERROR_*; values from
 * pal_error.h.
 *  - Sizes and offsets are bytes; times are nanoseconds unless the name ends in _us.
 *  - The caller owns every handle it was given and closes it with PalObjectClose().
 *  - All calls may be made by any thread at once, except where said otherwise. Calls on one handle
 *    at once are safe; closing a handle that another thread still uses is the caller's mistake.
 *  - Calls marked [blocking] return PAL_ERROR_INTERRUPTED when PalThreadResume() kicks the thread,
 *    also when the kick comes between the caller's last check and the blocking itself.
 *  - User buffers may be bad: a call that the host refuses to copy to or from returns
 *    PAL_ERROR_BADADDR; it never faults.
 *  - Strings are NUL-terminated. URIs are `scheme:rest`.
 */
#ifndef PAL_H
#define PAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <sys/uio.h> /* struct iovec */
#else
#include <linux/uio.h>
#endif

#include "pal/pal_error.h"

typedef uint64_t PAL_NUM;
typedef uint32_t PAL_FLG;
typedef void* PAL_PTR;
typedef const char* PAL_STR;
typedef uint32_t PAL_IDX;
typedef bool PAL_BOL;
#define PAL_TRUE  true
#define PAL_FALSE false

/* A handle: the common part; each host adds its own fields behind it. */
typedef union pal_handle {
    struct {
        PAL_IDX type; /* PAL_TYPE_* */
    } hdr;
} * PAL_HANDLE;

enum {
    PAL_TYPE_FILE = 1,
    PAL_TYPE_DIR,
    PAL_TYPE_DEV,
    PAL_TYPE_PIPE,    /* one end of a byte stream */
    PAL_TYPE_PIPESRV, /* listening end of a named pipe */
    PAL_TYPE_TCP,
    PAL_TYPE_TCPSRV,
    PAL_TYPE_UDP,
    PAL_TYPE_UDPSRV,
    PAL_TYPE_EVENTFD,
    PAL_TYPE_TIMER,   /* pollable timer */
    PAL_TYPE_WATCH,   /* file change notifications */
    PAL_TYPE_WAITSET, /* epoll-like */
    PAL_TYPE_MEMORY,  /* anonymous memory object */
    PAL_TYPE_SOCKET,  /* made by PalSocketCreate */
    PAL_TYPE_THREAD,
    PAL_TYPE_PROCESS,
    PAL_TYPE_MUTEX,
    PAL_TYPE_EVENT,
};

/* ---- Control block ----------------------------------------------------------------------------
 */

typedef struct PAL_PTR_RANGE_ {
    PAL_PTR start; /* first byte */
    PAL_PTR end;   /* one past the last byte */
} PAL_PTR_RANGE;

#define PAL_CPU_NAME_LEN 64

typedef struct PAL_CPU_INFO_ {
    char cpu_vendor[16];
    char cpu_brand[PAL_CPU_NAME_LEN];
    PAL_NUM cpu_family;
    PAL_NUM cpu_model;
    PAL_NUM cpu_stepping;
    PAL_NUM cpu_bogomips_x100;
    PAL_STR cpu_flags;  /* as in /proc/cpuinfo */
    PAL_NUM tsc_khz;    /* 0: unknown */
    PAL_NUM hwcap;      /* AT_HWCAP of the host */
    PAL_NUM hwcap2;     /* AT_HWCAP2 of the host; bit 1: FSGSBASE */
    PAL_NUM xsave_size; /* bytes of a full XSAVE area for the enabled features */
    PAL_NUM xfeatures;  /* XCR0 */
} PAL_CPU_INFO;

typedef struct PAL_MEM_INFO_ {
    PAL_NUM mem_total; /* bytes */
} PAL_MEM_INFO;

typedef struct PAL_CPU_THREAD_INFO_ {
    bool online;
    PAL_IDX core_id, socket_id, node_id;
} PAL_CPU_THREAD_INFO;

typedef struct PAL_CACHE_INFO_ {
    PAL_IDX type; /* 0 data, 1 instruction, 2 unified */
    PAL_IDX level;
    PAL_NUM size, line_size, sets, partitions, ways;
    PAL_IDX shared_by; /* hardware threads that share one such cache */
} PAL_CACHE_INFO;

#define PAL_MAX_CACHES 8

typedef struct PAL_TOPO_INFO_ {
    PAL_NUM thread_count; /* entries of threads[]: possible hardware threads */
    PAL_CPU_THREAD_INFO* threads;
    PAL_NUM core_count, socket_count, node_count;
    PAL_NUM cache_count;
    PAL_CACHE_INFO caches[PAL_MAX_CACHES];
} PAL_TOPO_INFO;

/* Host capabilities: each has a host-neutral way in the LibOS for hosts without it. */
enum {
    PAL_CAP_FORK = 1 << 0,       /* PalProcessFork */
    PAL_CAP_SHARED_MEM = 1 << 1, /* memory objects can be mapped by several processes */
    PAL_CAP_WAITSET = 1 << 2,    /* PalWaitSet* */
    PAL_CAP_REMAP = 1 << 3,      /* PalVirtualMemoryRemap */
    PAL_CAP_VDSO = 1 << 4,       /* vdso_clock_gettime and friends may be called by the guest */
};

typedef struct toml_table toml_table_t; /* common/include/toml.h */
struct PAL_CONTEXT;

typedef struct PAL_CONTROL_ {
    PAL_NUM process_id; /* identifier of this PAL process; not a guest pid */
    toml_table_t* manifest_root;
    PAL_STR executable;        /* libos.entrypoint as given */
    PAL_HANDLE parent_process; /* NULL in the first process */
    PAL_HANDLE first_thread;
    int log_level;         /* PAL_LOG_* */
    PAL_HANDLE log_handle; /* where PalDebugLog goes; NULL: standard error */
    PAL_BOL disable_aslr;
    PAL_PTR_RANGE user_address; /* addresses the guest may have; the LibOS hands them out */
    PAL_PTR_RANGE
    libos_address; /* addresses for the LibOS's own memory; disjoint from the former */
    PAL_PTR_RANGE manifest_preload; /* text of the manifest */
    PAL_NUM alloc_align;            /* page size */
    PAL_NUM capabilities;           /* PAL_CAP_* */
    PAL_CPU_INFO cpu_info;
    PAL_MEM_INFO mem_info;
    PAL_TOPO_INFO topo_info;

    PAL_STR* host_argv; /* arguments for the guest program, NULL-terminated; [0] is its argv[0] */
    PAL_STR* host_envp; /* the host's environment, NULL-terminated */
    PAL_STR host_cwd;   /* host working directory */
    PAL_NUM host_uid, host_gid, host_euid, host_egid;
    PAL_NUM host_umask;
    PAL_STR host_release; /* kernel release, for `culm doctor` only */
    PAL_STR host_name;

    /* Host vDSO entry points (PAL_CAP_VDSO); 0 where the host has none. They run on the caller's
     * stack, use no system call for the common clocks, and may be called by guest code. */
    PAL_NUM vdso_clock_gettime, vdso_gettimeofday, vdso_time, vdso_getcpu, vdso_clock_getres;

    /* Signals that were ignored, and those that were blocked, when the PAL was started: bit n-1 is
     * signal n. A program started from a shell inherits both. */
    PAL_NUM host_signals_ignored, host_signals_blocked;
    PAL_NUM host_minsigstksz;              /* AT_MINSIGSTKSZ of the host; 0: not told */
    PAL_NUM rseq_feature_size, rseq_align; /* PalThreadRestartableSet(); 0: not there */
} PAL_CONTROL;

/* cpu_info (but hwcap, hwcap2, xsave_size, xfeatures), mem_info and topo_info are costly to learn,
 * so they are zero until the first PalTopologyQuery(), which fills them once. Returns 0 or an
 * error. */
int PalTopologyQuery(void);
PAL_CONTROL* PalGetPalControl(void);
PAL_CONTROL* pal_control_addr(void);

enum {
    PAL_LOG_NONE = 0,
    PAL_LOG_ERROR,
    PAL_LOG_WARNING,
    PAL_LOG_DEBUG,
    PAL_LOG_TRACE,
    PAL_LOG_ALL,
};

/* ---- Thread control block ---------------------------------------------------------------------
 * GS points at this block in every thread while LibOS or guest code runs. The first cache lines are
 * the LibOS's own (laid out by libos/include/libos_tcb.h); the host's part lies behind. */
#define PAL_LIBOS_TCB_SIZE 512

typedef struct PAL_TCB_ {
    struct PAL_TCB_* self;                 /* gs:0 */
    PAL_HANDLE thread;                     /* gs:8: handle of this thread */
    uint8_t libos_tcb[PAL_LIBOS_TCB_SIZE]; /* gs:16: zero at thread start */
    /* host part follows */
} PAL_TCB;
#define PAL_TCB_LIBOS_OFFSET 16

static inline PAL_TCB* pal_get_tcb(void) {
    PAL_TCB* tcb;
    __asm__("movq %%gs:0, %0" : "=r"(tcb));
    return tcb;
}

/* ---- Memory -----------------------------------------------------------------------------------
 */

enum {
    PAL_ALLOC_RESERVE = 0x1,   /* reserve only: no access, no commit charge */
    PAL_ALLOC_INTERNAL = 0x2,  /* for the LibOS: from libos_address */
    PAL_ALLOC_NORESERVE = 0x4, /* accessible, but no commit charge up front */
    PAL_ALLOC_POPULATE = 0x8,
    PAL_ALLOC_SHARED = 0x10, /* shared with processes forked later (PAL_CAP_SHARED_MEM) */
    /* On accesses just below, also by the host itself, the host extends it downwards, as far as
     * RLIMIT_STACK goes and nothing else is near. Or PAL_ERROR_NOTSUPPORT: then the LibOS does. */
    PAL_ALLOC_GROWSDOWN = 0x20,
    PAL_ALLOC_NOREPLACE = 0x40, /* PAL_ERROR_STREAMEXIST if anything is mapped there */
};

enum {
    PAL_PROT_NONE = 0x0,
    PAL_PROT_READ = 0x1,
    PAL_PROT_WRITE = 0x2,
    PAL_PROT_EXEC = 0x4,
    PAL_PROT_WRITECOPY = 0x8, /* copy on write: a private file mapping */
    PAL_PROT_MASK = 0xF,
};

/* *addr NULL: the host chooses within user_address (or libos_address with INTERNAL); else exactly
 * there, replacing what was there. Zeroed memory. size > 0; both aligned to alloc_align.
 * PAL_ERROR_NOMEM, PAL_ERROR_INVAL (alignment, flags), PAL_ERROR_DENIED (would overwrite the
 * PAL).*/
int PalVirtualMemoryAlloc(PAL_PTR* addr, PAL_NUM size, PAL_FLG alloc_type, PAL_FLG prot);
int PalVirtualMemoryFree(PAL_PTR addr, PAL_NUM size);
int PalVirtualMemoryProtect(PAL_PTR addr, PAL_NUM size, PAL_FLG prot);
/* Move or resize pages (PAL_CAP_REMAP). keep_old: the old range stays mapped, emptied
 * (MREMAP_DONTUNMAP). new_addr must be given; whatever was there is replaced. */
int PalVirtualMemoryRemap(PAL_PTR old_addr, PAL_NUM old_size, PAL_PTR new_addr, PAL_NUM new_size,
                          bool keep_old);
enum {
    PAL_ADVICE_NORMAL = 0,
    PAL_ADVICE_RANDOM,
    PAL_ADVICE_SEQUENTIAL,
    PAL_ADVICE_WILLNEED,
    PAL_ADVICE_DONTNEED, /* private anonymous pages read as zero afterwards */
    PAL_ADVICE_FREE,
    PAL_ADVICE_REMOVE,
    PAL_ADVICE_HUGEPAGE,
    PAL_ADVICE_NOHUGEPAGE,
    PAL_ADVICE_COLD,
    PAL_ADVICE_PAGEOUT,
    PAL_ADVICE_POPULATE_READ,
    PAL_ADVICE_POPULATE_WRITE,
    PAL_ADVICE_MERGEABLE,
    PAL_ADVICE_UNMERGEABLE,
    PAL_ADVICE_COLLAPSE,
    PAL_ADVICE_DONTNEED_LOCKED,
    PAL_ADVICE_GUARD_INSTALL, /* drops the pages; any access faults, until GUARD_REMOVE */
    PAL_ADVICE_GUARD_REMOVE,
};
int PalVirtualMemoryAdvise(PAL_PTR addr, PAL_NUM size, PAL_FLG advice);
enum {
    PAL_SYNC_ASYNC = 1,
    PAL_SYNC_INVALIDATE = 2,
    PAL_SYNC_SYNC = 4,
};
int PalVirtualMemorySync(PAL_PTR addr, PAL_NUM size, PAL_FLG flags);
/* vec[i] bit 0: page i is resident. */
int PalVirtualMemoryResident(PAL_PTR addr, PAL_NUM size, uint8_t* vec);
/* lock: 1 lock, 2 lock on fault, 0 unlock. */
int PalVirtualMemoryLock(PAL_PTR addr, PAL_NUM size, PAL_FLG lock);
PAL_NUM PalMemoryAvailableQuota(void);
/* A sealable anonymous memory object (memfd); works with the file calls and PalStreamMap. */
int PalMemoryObjectCreate(PAL_STR name, PAL_FLG flags, PAL_HANDLE* handle);

/* ---- Processes: pal_process.h -----------------------------------------------------------------
 */

#include "pal/pal_process.h"

/* ---- Streams ----------------------------------------------------------------------------------
 */

enum {
    PAL_ACCESS_RDONLY = 0,
    PAL_ACCESS_WRONLY = 1,
    PAL_ACCESS_RDWR = 2,
    PAL_ACCESS_APPEND = 4, /* the host appends */
    PAL_ACCESS_PATH = 8,   /* names the object only: no reading or writing (O_PATH) */
    PAL_ACCESS_MASK = 15,
};
enum { /* permission bits, octal as in chmod(2) */
       PAL_SHARE_OWNER_R = 0400,
       PAL_SHARE_OWNER_W = 0200,
       PAL_SHARE_OWNER_X = 0100,
       PAL_SHARE_GROUP_R = 0040,
       PAL_SHARE_GROUP_W = 0020,
       PAL_SHARE_GROUP_X = 0010,
       PAL_SHARE_GLOBAL_R = 0004,
       PAL_SHARE_GLOBAL_W = 0002,
       PAL_SHARE_GLOBAL_X = 0001,
       PAL_SHARE_STICKY = 01000,
       PAL_SHARE_SET_GID = 02000,
       PAL_SHARE_SET_UID = 04000,
       PAL_SHARE_MASK = 07777,
};
enum {
    PAL_CREATE_TRY = 1,       /* create if missing */
    PAL_CREATE_ALWAYS = 2,    /* create, fail if it exists */
    PAL_CREATE_DUALSTACK = 4, /* socket: opposite of IPV6_V6ONLY */
    PAL_CREATE_MASK = 7,
};
enum {
    PAL_OPTION_CLOEXEC = 1, /* accepted; host handles never survive a host exec */
    PAL_OPTION_EFD_SEMAPHORE = 2,
    PAL_OPTION_NONBLOCK = 4,
    PAL_OPTION_TRUNC = 8,
    PAL_OPTION_DIRECTORY = 0x10, /* must be a directory */
    PAL_OPTION_DIRECT = 0x20,    /* O_DIRECT: files, and packet mode of pipes */
    PAL_OPTION_SYNC = 0x40,
    PAL_OPTION_DSYNC = 0x80,
    PAL_OPTION_NOATIME = 0x100,
    PAL_OPTION_TMPFILE = 0x200, /* unnamed file in the directory named */
    PAL_OPTION_NOCTTY = 0x400,
    PAL_OPTION_EXCL = 0x800,         /* with TMPFILE: may not be linked in later */
    PAL_OPTION_FOLLOW_LAST = 0x1000, /* PalStreamOpen on file:/dev: only; At-calls never follow */
    PAL_OPTION_MASK = 0x1fff,
};

/* file: dir: dev: pipe: pipe.srv: tcp: tcp.srv: udp: udp.srv: eventfd: (see docs/pal-host-abi.md).
 * dev:tty is standard input and output; dev:stdin, dev:stdout, dev:stderr the single ones.
 * file: and dir: follow host symlinks (used for mount roots and by PAL programs); the LibOS opens
 * guest paths with PalStreamOpenAt only. pipe: (no name) is one handle on a bidirectional pipe
 * whose both directions lead back to it: see PalPipeCreate for two ends. */
int PalStreamOpen(PAL_STR uri, PAL_FLG access, PAL_FLG share_flags, PAL_FLG create, PAL_FLG options,
                  PAL_HANDLE* handle);
/* Open `path` below directory handle `dir`, never leaving it and never following a symlink in any
 * component. PAL_ERROR_SYMLINK if a symlink is met (also as the last component, unless
 * PAL_ACCESS_PATH, which then names the link itself); PAL_ERROR_CROSSED on "..": out of dir.
 * path "" or "." names dir itself. [blocking] for a FIFO or a device, and only then. */
int PalStreamOpenAt(PAL_HANDLE dir, PAL_STR path, PAL_FLG access, PAL_FLG share_flags,
                    PAL_FLG create, PAL_FLG options, PAL_HANDLE* handle);
/* The same open file again under new access (a /proc/self/fd reopen). [blocking] as
 * PalStreamOpenAt. */
int PalStreamReopen(PAL_HANDLE handle, PAL_FLG access, PAL_FLG options, PAL_HANDLE* out);
/* A name by which other processes of the same user can open the same object, while this process has
 * it open: for pipes, files and memory objects. */
typedef struct PAL_HANDLE_NAME_ {
    PAL_NUM process, number; /* the host's */
    PAL_NUM dev, ino;        /* what must be found under it */
} PAL_HANDLE_NAME;
int PalHandleName(PAL_HANDLE handle, PAL_HANDLE_NAME* name);
/* PAL_ERROR_STREAMNOTEXIST: that process no longer has it open. Otherwise as PalStreamReopen. */
int PalStreamOpenNamed(const PAL_HANDLE_NAME* name, PAL_FLG access, PAL_FLG options,
                       PAL_HANDLE* out);
int PalStreamWaitForClient(PAL_HANDLE handle, PAL_HANDLE* client, PAL_FLG options); /* [blocking] */

#define PAL_OFFSET_CURRENT ((PAL_NUM)-1) /* use and move the host's own file position */
/* Read or write: *count in: size, out: bytes moved. offset is used by files (always positioned, or
 * PAL_OFFSET_CURRENT); others ignore it. For UDP, source/dest is the peer's "udp:addr:port".
 * [blocking] End of file or stream: *count = 0. PAL_ERROR_TRYAGAIN on a non-blocking handle.
 * PAL_ERROR_CONNFAILED_PIPE: the reading end is gone (no host signal is raised). */
int PalStreamRead(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM* count, PAL_PTR buffer, PAL_PTR source,
                  PAL_NUM size);
int PalStreamWrite(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM* count, const void* buffer,
                   PAL_STR dest);
/* Vectored: one host call. Returns bytes moved or an error. flags: PAL_RW_*. [blocking] */
enum {
    PAL_RW_HIPRI = 1,
    PAL_RW_DSYNC = 2,
    PAL_RW_SYNC = 4,
    PAL_RW_NOWAIT = 8,
    PAL_RW_APPEND = 16,
};
int64_t PalStreamReadV(PAL_HANDLE handle, PAL_NUM offset, const struct iovec* iov,
                       PAL_NUM iov_count, PAL_FLG flags);
int64_t PalStreamWriteV(PAL_HANDLE handle, PAL_NUM offset, const struct iovec* iov,
                        PAL_NUM iov_count, PAL_FLG flags);
/* Host-side copy between two handles; *_offset NULL: the host's current position (or a stream),
 * else positioned, and moved on. Returns bytes moved. [blocking]
 * how: PAL_COPY_RANGE copy_file_range, PAL_COPY_SENDFILE, PAL_COPY_SPLICE, PAL_COPY_TEE. */
enum {
    PAL_COPY_RANGE = 0,
    PAL_COPY_SENDFILE,
    PAL_COPY_SPLICE,
    PAL_COPY_TEE,
};
enum {
    PAL_SPLICE_MOVE = 1,
    PAL_SPLICE_NONBLOCK = 2,
    PAL_SPLICE_MORE = 4,
    PAL_SPLICE_GIFT = 8,
};
int64_t PalStreamCopy(PAL_HANDLE in, PAL_NUM* in_offset, PAL_HANDLE out, PAL_NUM* out_offset,
                      PAL_NUM size, PAL_FLG how, PAL_FLG splice_flags);
int64_t PalStreamVmsplice(PAL_HANDLE pipe, const struct iovec* iov, PAL_NUM iov_count,
                          PAL_FLG splice_flags);

enum {
    PAL_DELETE_ALL = 0, /* delete the file or directory; shut down both directions */
    PAL_DELETE_RD = 1,
    PAL_DELETE_WR = 2,
};
int PalStreamDelete(PAL_HANDLE handle, PAL_FLG access);
/* *addr NULL: chosen within user_address. PAL_PROT_WRITECOPY: private, else shared. */
int PalStreamMap(PAL_HANDLE handle, PAL_PTR* addr, PAL_FLG prot, PAL_NUM offset, PAL_NUM size);
int PalStreamUnmap(PAL_PTR addr, PAL_NUM size);
int PalStreamSetLength(PAL_HANDLE handle, PAL_NUM length);
int PalStreamFlush(PAL_HANDLE handle); /* fsync */
enum {
    PAL_FLUSH_ALL = 0,
    PAL_FLUSH_DATA = 1,       /* fdatasync */
    PAL_FLUSH_FILESYSTEM = 2, /* syncfs */
};
int PalStreamFlushMode(PAL_HANDLE handle, PAL_FLG mode);

int PalSendHandle(PAL_HANDLE handle, PAL_HANDLE cargo);     /* over a process handle or pipe */
int PalReceiveHandle(PAL_HANDLE handle, PAL_HANDLE* cargo); /* [blocking] */
/* What a handle is, to travel beside it in control data (PalSocketSend); who receives it says so of
 * the handle he got. PAL_ERROR_NOTSUPPORT: such a handle cannot travel. PAL_ERROR_INCONSIST: it
 * cannot be that. */
typedef struct PAL_HANDLE_RECORD_ {
    uint32_t type, flags, family, socket_type;
} PAL_HANDLE_RECORD;
int PalHandleRecordGet(PAL_HANDLE handle, PAL_HANDLE_RECORD* record);
int PalHandleRecordSet(PAL_HANDLE handle, const PAL_HANDLE_RECORD* record);

typedef struct _PAL_STREAM_ATTR {
    PAL_IDX handle_type; /* PAL_TYPE_* */
    PAL_BOL nonblocking, readable, writable, disconnected;
    PAL_FLG share_flags;  /* permission bits */
    PAL_NUM pending_size; /* file: its size; stream: bytes that can be read now */
    /* Files and directories: */
    PAL_IDX file_mode; /* whole st_mode as Linux encodes it: type and permissions */
    PAL_NUM dev, ino, nlink, uid, gid, rdev, blksize, blocks;
    int64_t atime_ns, mtime_ns, ctime_ns, btime_ns; /* since the epoch; btime -1: unknown */
    PAL_NUM mount_id;
    PAL_NUM attributes, attributes_mask; /* STATX_ATTR_* */
} PAL_STREAM_ATTR;

int PalStreamAttributesQuery(PAL_STR uri, PAL_STREAM_ATTR* attr);
int PalStreamAttributesQueryByHandle(PAL_HANDLE handle, PAL_STREAM_ATTR* attr);
/* Like PalStreamOpenAt with PAL_ACCESS_PATH, then query, then close; one call. */
int PalStreamAttributesQueryAt(PAL_HANDLE dir, PAL_STR path, PAL_STREAM_ATTR* attr);
int PalStreamAttributesSetByHandle(PAL_HANDLE handle,
                                   PAL_STREAM_ATTR* attr); /* nonblocking, mode */
enum {
    PAL_SETATTR_MODE = 1,
    PAL_SETATTR_OWNER = 2, /* uid and gid; (PAL_NUM)-1: leave */
    PAL_SETATTR_ATIME = 4,
    PAL_SETATTR_MTIME = 8,
    PAL_SETATTR_ATIME_NOW = 16,
    PAL_SETATTR_MTIME_NOW = 32,
};
/* Change attributes of a file by handle (also a PAL_ACCESS_PATH one). */
int PalStreamAttributesChange(PAL_HANDLE handle, const PAL_STREAM_ATTR* attr, PAL_FLG which);
/* Current host path as URI. PAL_ERROR_STREAMNOTEXIST: the name was removed; the buffer then holds
 * the last one, with " (deleted)" behind it. */
int PalStreamGetName(PAL_HANDLE handle, PAL_PTR buffer, PAL_NUM size);
int PalStreamChangeName(PAL_HANDLE handle, PAL_STR uri);

/* Names below a directory handle: intermediate components as in PalStreamOpenAt; the last one is
 * never followed. */
int PalDirectoryCreateAt(PAL_HANDLE dir, PAL_STR path, PAL_FLG share_flags);
int PalDirectoryRemoveNameAt(PAL_HANDLE dir, PAL_STR path, bool is_directory);
/* flags: PAL_RENAME_*, as renameat2(2). */
enum {
    PAL_RENAME_NOREPLACE = 1,
    PAL_RENAME_EXCHANGE = 2,
    PAL_RENAME_WHITEOUT = 4,
};
int PalDirectoryRenameAt(PAL_HANDLE old_dir, PAL_STR old_path, PAL_HANDLE new_dir, PAL_STR new_path,
                         PAL_FLG flags);
int PalDirectoryLinkAt(PAL_HANDLE old_dir, PAL_STR old_path, PAL_HANDLE new_dir, PAL_STR new_path);
/* Give an unnamed (TMPFILE) or any open file a name. */
int PalDirectoryLinkHandle(PAL_HANDLE file, PAL_HANDLE new_dir, PAL_STR new_path);
int PalDirectorySymlinkAt(PAL_STR target, PAL_HANDLE dir, PAL_STR path);
/* mode: type (S_IFIFO, S_IFSOCK, S_IFREG, S_IFCHR, S_IFBLK) and permissions. */
int PalDirectoryMakeNodeAt(PAL_HANDLE dir, PAL_STR path, PAL_FLG mode, PAL_NUM rdev);
/* Returns the length of the target (not NUL-terminated, cut at size) or an error. */
int64_t PalDirectoryReadLinkAt(PAL_HANDLE dir, PAL_STR path, char* buffer, PAL_NUM size);
/* Records as struct linux_dirent64 (getdents64(2)); returns bytes filled, 0 at the end. The
 * position belongs to the handle and is moved with PalStreamSeek. */
int64_t PalDirectoryRead(PAL_HANDLE dir, PAL_PTR buffer, PAL_NUM size);
enum {
    PAL_SEEK_SET = 0,
    PAL_SEEK_CUR,
    PAL_SEEK_END,
    PAL_SEEK_DATA,
    PAL_SEEK_HOLE,
};
int64_t PalStreamSeek(PAL_HANDLE handle, int64_t offset, PAL_FLG whence);
/* mode: FALLOC_FL_* of fallocate(2). */
int PalStreamAllocate(PAL_HANDLE handle, PAL_FLG mode, PAL_NUM offset, PAL_NUM size);
int PalStreamAdvise(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM size,
                    PAL_FLG advice); /* POSIX_FADV_* */
int PalStreamSyncRange(PAL_HANDLE handle, PAL_NUM offset, PAL_NUM size, PAL_FLG flags);

typedef struct PAL_FS_STAT_ {
    PAL_NUM type, block_size, blocks, blocks_free, blocks_available, files, files_free;
    PAL_NUM fsid, name_max, fragment_size, flags;
} PAL_FS_STAT;
int PalStreamFilesystemQuery(PAL_HANDLE handle, PAL_FS_STAT* stat);

/* Extended attributes by handle (PAL_ACCESS_PATH ones too). Sizes as in getxattr(2): size 0 asks.
 */
int64_t PalStreamXattrGet(PAL_HANDLE handle, PAL_STR name, PAL_PTR value, PAL_NUM size);
int PalStreamXattrSet(PAL_HANDLE handle, PAL_STR name, const void* value, PAL_NUM size,
                      PAL_FLG flags);
int64_t PalStreamXattrList(PAL_HANDLE handle, char* list, PAL_NUM size);
int PalStreamXattrRemove(PAL_HANDLE handle, PAL_STR name);

/* Advisory locks taken on the host too, so that programs outside see them.
 * type: 0 unlock, 1 shared, 2 exclusive. whole: flock(2); else an OFD record lock. [blocking if
 * wait] PAL_ERROR_TRYAGAIN when held by another and !wait. */
int PalStreamLock(PAL_HANDLE handle, bool whole, PAL_FLG type, PAL_NUM start, PAL_NUM length,
                  bool wait);

/* Two ends of a one-way pipe: [0] reads, [1] writes. options: NONBLOCK, DIRECT. */
int PalPipeCreate(PAL_FLG options, PAL_HANDLE handles[2]);
int PalEventfdCreate(PAL_NUM initial, PAL_FLG options, PAL_HANDLE* handle);
/* Pollable timer; clock as PAL_CLOCK_*. Read yields a uint64_t count of expirations. */
int PalTimerCreate(PAL_FLG clock, PAL_FLG options, PAL_HANDLE* handle);
int PalTimerSet(PAL_HANDLE timer, bool absolute, bool cancel_on_set, PAL_NUM value_ns,
                PAL_NUM interval_ns, PAL_NUM* old_value_ns, PAL_NUM* old_interval_ns);
int PalTimerGet(PAL_HANDLE timer, PAL_NUM* value_ns, PAL_NUM* interval_ns);
/* Change notifications: read yields struct inotify_event records (inotify(7)). */
int PalWatchCreate(PAL_FLG options, PAL_HANDLE* handle);
int PalWatchAdd(PAL_HANDLE watch, PAL_HANDLE object, PAL_FLG mask, PAL_IDX* id);
int PalWatchRemove(PAL_HANDLE watch, PAL_IDX id);

/* Small typed operations that have no better home; arg is in/out, size its size; it is the LibOS's
 * own memory. PAL_ERROR_NOTIMPLEMENTED: not such an operation. What sets a terminal is [blocking].
 */
enum {
    PAL_OP_BYTES_READABLE = 1, /* int* */
    PAL_OP_PIPE_SIZE_GET,      /* int* */
    PAL_OP_PIPE_SIZE_SET,      /* int* in: bytes, out: granted */
    PAL_OP_TTY_ATTR_GET,       /* struct termios of the kernel (TCGETS) */
    PAL_OP_TTY_ATTR_SET,       /* TCSETS */
    PAL_OP_TTY_ATTR_SET_WAIT,  /* TCSETSW */
    PAL_OP_TTY_ATTR_SET_FLUSH, /* TCSETSF */
    PAL_OP_TTY_SIZE_GET,       /* struct winsize */
    PAL_OP_TTY_SIZE_SET,
    PAL_OP_TTY_FLUSH,        /* int*: TCIFLUSH ... */
    PAL_OP_TTY_DRAIN,        /* int*: TCSBRK argument */
    PAL_OP_TTY_FLOW,         /* int*: TCXONC argument */
    PAL_OP_TTY_BYTES_QUEUED, /* int*: TIOCOUTQ */
    PAL_OP_PTY_NUMBER,       /* uint32_t*: TIOCGPTN */
    PAL_OP_PTY_LOCK,         /* int*: TIOCSPTLCK */
    PAL_OP_PTY_PACKET_GET,   /* int*: TIOCGPKT */
    PAL_OP_PTY_PACKET_SET,   /* int*: TIOCPKT */
    PAL_OP_PTY_OPEN_PEER,    /* in: uint32_t open flags, out: PAL_HANDLE (size 8) */
    PAL_OP_SEALS_GET,        /* uint32_t*: F_GET_SEALS */
    PAL_OP_SEALS_ADD,        /* uint32_t* */
    PAL_OP_APPEND_SET,       /* int*: O_APPEND of the host's open file */
    PAL_OP_STATUS_SET,       /* int*: O_DIRECT and O_NOATIME of the same, both */
    PAL_OP_LOCK_TEST,        /* PAL_LOCK_TEST_REQUEST*: which record lock is in the way */
    PAL_OP_FLAGS_GET,      /* uint32_t*: O_* status flags and access mode of an inherited handle */
    PAL_OP_BLOCK_SIZE_GET, /* uint64_t*: BLKGETSIZE64 */
    PAL_OP_FILE_FLAGS_GET, /* int*: FS_IOC_GETFLAGS */
    PAL_OP_FILE_FLAGS_SET, /* int* */
    PAL_OP_FILE_XATTR_GET, /* struct fsxattr: FS_IOC_FSGETXATTR */
    PAL_OP_FILE_XATTR_SET, /* struct fsxattr */
    PAL_OP_CACHE_STAT,     /* uint64_t[7], in: offset, length; out: the five of cachestat(2) */
    PAL_OP_SOCKET_RENEW,   /* int*, 0: an AF_UNIX socket that is not connected loses its name */
    PAL_OP_INTERFACE_GET, /* PAL_INTERFACE_REQUEST*: what a network interface of the host is like */
};
typedef struct PAL_INTERFACE_REQUEST_ {
    PAL_NUM which;       /* SIOCGIF* of Linux */
    uint8_t request[40]; /* struct ifreq, in and out */
} PAL_INTERFACE_REQUEST;
typedef struct PAL_LOCK_TEST_REQUEST_ {
    PAL_NUM type, start, length; /* in: as PalStreamLock; out: the lock in the way; type 0: none */
    PAL_BOL by_process;          /* out: a process owns it; else an open file */
} PAL_LOCK_TEST_REQUEST;
int PalStreamControl(PAL_HANDLE handle, PAL_FLG op, PAL_PTR arg, PAL_NUM size);

/* ---- Sockets (address family, types, levels and options carry Linux's numbers) -----------------
 */
/* AF_UNIX names are the instance's own: sun_path holds a zero and up to 69 bytes, as an abstract
 * name has it, and only sockets of the same instance and user are met under it. */
int PalSocketCreate(PAL_FLG family, PAL_FLG type, PAL_FLG protocol, PAL_FLG options,
                    PAL_HANDLE* handle);
int PalSocketPair(PAL_FLG type, PAL_FLG options, PAL_HANDLE handles[2]);
int PalSocketBind(PAL_HANDLE handle, const void* addr, PAL_NUM addr_size);
int PalSocketListen(PAL_HANDLE handle, PAL_NUM backlog);
int PalSocketConnect(PAL_HANDLE handle, const void* addr, PAL_NUM addr_size); /* [blocking] */
int PalSocketAccept(PAL_HANDLE handle, PAL_FLG options, PAL_HANDLE* client, void* addr,
                    PAL_NUM* addr_size); /* [blocking] */
/* Return bytes moved; flags MSG_*. [blocking]
 * Over AF_UNIX, control data may carry handles in place of Linux's descriptors: a single record of
 * level SOL_SOCKET, type SCM_RIGHTS, holding PAL_HANDLEs. Who receives gets handles of his own on
 * the same objects, in such a record (NULL: no memory), of type PAL_TYPE_EVENTFD until
 * PalHandleRecordSet(); with too little room for them, none and MSG_CTRUNC. Records of type
 * SCM_CREDENTIALS hold the host's ids of the sender. */
int64_t PalSocketSend(PAL_HANDLE handle, const struct iovec* iov, PAL_NUM iov_count,
                      const void* addr, PAL_NUM addr_size, const void* control,
                      PAL_NUM control_size, PAL_FLG flags);
int64_t PalSocketReceive(PAL_HANDLE handle, const struct iovec* iov, PAL_NUM iov_count, void* addr,
                         PAL_NUM* addr_size, void* control, PAL_NUM* control_size, PAL_FLG flags,
                         PAL_FLG* out_flags);
int PalSocketName(PAL_HANDLE handle, bool peer, void* addr, PAL_NUM* addr_size);
int PalSocketOptionGet(PAL_HANDLE handle, PAL_FLG level, PAL_FLG name, void* value, PAL_NUM* size);
int PalSocketOptionSet(PAL_HANDLE handle, PAL_FLG level, PAL_FLG name, const void* value,
                       PAL_NUM size);
int PalSocketShutdown(PAL_HANDLE handle, PAL_FLG how); /* SHUT_* */

/* ---- Waiting ----------------------------------------------------------------------------------
 */

#define NO_TIMEOUT ((PAL_NUM)-1)

enum { /* as poll(2), whose other bits (POLLRDNORM, ...) may be used, too */
       PAL_WAIT_READ = 0x001,
       PAL_WAIT_PRIO = 0x002,
       PAL_WAIT_WRITE = 0x004,
       PAL_WAIT_ERROR = 0x008,
       PAL_WAIT_HANGUP = 0x010,
       PAL_WAIT_RDHUP = 0x2000,
};
/* Poll. Entries with a NULL handle are ignored. 0 if any event is in ret_events,
 * PAL_ERROR_TRYAGAIN at the timeout. [blocking] */
int PalStreamsWaitEvents(PAL_NUM count, PAL_HANDLE* handle_array, PAL_FLG* events,
                         PAL_FLG* ret_events, PAL_NUM timeout_us);
/* Wait sets (PAL_CAP_WAITSET). events: EPOLL* bits of epoll_ctl(2); data is returned as given. */
int PalWaitSetCreate(PAL_HANDLE* set);
int PalWaitSetAdd(PAL_HANDLE set, PAL_HANDLE object, PAL_FLG events, PAL_NUM data);
int PalWaitSetModify(PAL_HANDLE set, PAL_HANDLE object, PAL_FLG events, PAL_NUM data);
int PalWaitSetRemove(PAL_HANDLE set, PAL_HANDLE object);
typedef struct PAL_WAITSET_EVENT_ {
    PAL_FLG events;
    PAL_NUM data;
} __attribute__((packed)) PAL_WAITSET_EVENT; /* laid out as struct epoll_event */
/* Returns how many; 0 at the timeout (nanoseconds or NO_TIMEOUT). [blocking] */
int64_t PalWaitSetWait(PAL_HANDLE set, PAL_WAITSET_EVENT* events, PAL_NUM max, PAL_NUM timeout_ns);

/* ---- Threads ----------------------------------------------------------------------------------
 */

/* Starts `addr(param)` on a small stack of the PAL's own with a zeroed LibOS TCB area. */
int PalThreadCreate(int (*addr)(void*), PAL_PTR param, PAL_HANDLE* handle);
PAL_NUM PalThreadDelayExecution(PAL_NUM duration_us); /* [blocking]; returns microseconds slept */
void PalThreadYieldExecution(void);
/* Ends the calling thread. Afterwards, when nothing of the thread's stacks is in use any more,
 * *clear_child_tid becomes 0 and one PalFutexWait on it wakes (a
 * private one: shared false). */
_Noreturn void PalThreadExit(int* clear_child_tid);
/* Kick: the thread leaves whatever [blocking] call it is in or about to enter, or, if it runs guest
 * code, gets a PAL_EVENT_INTERRUPTED upcall. */
int PalThreadResume(PAL_HANDLE thread);
int PalThreadSetCPUAffinity(PAL_HANDLE thread, PAL_NUM cpu_num, PAL_IDX* cpu_indexes);
int PalThreadGetCPUAffinity(PAL_HANDLE thread, PAL_NUM size, uint8_t* mask); /* returns bytes */
int PalThreadGetCPU(PAL_IDX* cpu, PAL_IDX* node);
/* policy SCHED_*, nice -20..19, rt priority; get and set. */
int PalThreadSchedSet(PAL_HANDLE thread, PAL_FLG policy, int priority, int nice);
int PalThreadSchedGet(PAL_HANDLE thread, PAL_FLG* policy, int* priority, int* nice);
/* As ioprio_set(2) of Linux: class << 13 | level. */
int PalThreadIoPrioritySet(PAL_HANDLE thread, PAL_FLG value);
int PalThreadSetName(PAL_HANDLE thread, PAL_STR name); /* for host tools only */
/* User and system CPU time of one thread (NULL: the process), nanoseconds. */
int PalThreadCpuTime(PAL_HANDLE thread, PAL_NUM* user_ns, PAL_NUM* system_ns);
typedef struct PAL_USAGE_ {
    PAL_NUM user_ns, system_ns, max_rss, minor_faults, major_faults, in_blocks, out_blocks;
    PAL_NUM voluntary_switches, involuntary_switches;
    PAL_NUM resident, virtual_size; /* bytes */
} PAL_USAGE;
enum {
    PAL_USAGE_PROCESS = 0,
    PAL_USAGE_THREAD = 1, /* of the calling thread alone; no sizes */
    PAL_USAGE_TIMES = 2,  /* of the process, without the sizes: much cheaper */
};
int PalProcessUsage(PAL_FLG of, PAL_USAGE* usage);

/* ---- Exceptions: pal_exception.h ----------------------------------------------------------------
 */

#include "pal/pal_exception.h"
#include "pal/pal_report.h"

/* ---- Synchronisation --------------------------------------------------------------------------
 */

int PalMutexCreate(PAL_NUM initial_count, PAL_HANDLE* handle); /* 0 unlocked, 1 locked */
void PalMutexRelease(PAL_HANDLE mutex);
int PalNotificationEventCreate(PAL_BOL initial_state, PAL_HANDLE* handle);
int PalSynchronizationEventCreate(PAL_BOL initial_state, PAL_HANDLE* handle);
int PalEventSet(PAL_HANDLE event);
int PalEventClear(PAL_HANDLE event);
/* Mutex, event, thread (ended) or process (ended). PAL_ERROR_TRYAGAIN at the timeout. [blocking] */
int PalSynchronizationObjectWait(PAL_HANDLE handle, PAL_NUM timeout_us);
/* Wait while *word == expected. 0 when woken (or spuriously), PAL_ERROR_TRYAGAIN if *word differs,
 * PAL_ERROR_TIMEDOUT, PAL_ERROR_INTERRUPTED. clock: the deadline's (absolute ns); NO_TIMEOUT.
 * shared: the word lies in memory shared between processes. [blocking] */
int PalFutexWait(uint32_t* word, uint32_t expected, PAL_FLG clock, PAL_NUM deadline_ns,
                 bool shared);
/* The same for LibOS locks: no deadline, and a kick neither ends it nor is used up by it. Returns
 * when woken, when *word differs, or spuriously. */
void PalFutexWaitUninterruptible(uint32_t* word, uint32_t expected);
/* Returns how many were woken. */
int PalFutexWake(uint32_t* word, PAL_NUM count, bool shared);
#include "pal/pal_futex.h"
#include "pal/pal_barrier.h"

void PalObjectClose(PAL_HANDLE handle);

/* ---- Miscellaneous ----------------------------------------------------------------------------
 */

int PalDebugLog(const void* buffer, PAL_NUM* size);
int PalSystemTimeQuery(PAL_NUM* time_us); /* since the epoch */
enum {                                    /* Linux's clock numbers */
       PAL_CLOCK_REALTIME = 0,
       PAL_CLOCK_MONOTONIC = 1,
       PAL_CLOCK_PROCESS_CPU = 2,
       PAL_CLOCK_THREAD_CPU = 3,
       PAL_CLOCK_MONOTONIC_RAW = 4,
       PAL_CLOCK_REALTIME_COARSE = 5,
       PAL_CLOCK_MONOTONIC_COARSE = 6,
       PAL_CLOCK_BOOTTIME = 7,
       PAL_CLOCK_REALTIME_ALARM = 8,
       PAL_CLOCK_BOOTTIME_ALARM = 9,
       PAL_CLOCK_TAI = 11,
};
int PalClockGet(PAL_FLG clock, PAL_NUM* time_ns);
int PalClockResolution(PAL_FLG clock, PAL_NUM* resolution_ns);
/* Sleep until `deadline_ns` on `clock`. 0 at the deadline. [blocking] */
int PalClockSleep(PAL_FLG clock, PAL_NUM deadline_ns);
int PalRandomBitsRead(PAL_PTR buffer, PAL_NUM size);
enum {
    PAL_SEGMENT_FS = 1,
    PAL_SEGMENT_GS = 2,
};
int PalSegmentRegisterGet(PAL_FLG reg, PAL_PTR* addr);
int PalSegmentRegisterSet(PAL_FLG reg, PAL_PTR addr);
enum {
    PAL_CPUID_WORD_EAX = 0,
    PAL_CPUID_WORD_EBX = 1,
    PAL_CPUID_WORD_ECX = 2,
    PAL_CPUID_WORD_EDX = 3,
    PAL_CPUID_WORD_NUM = 4,
};
int PalCpuIdRetrieve(PAL_IDX leaf, PAL_IDX subleaf, PAL_IDX values[PAL_CPUID_WORD_NUM]);
typedef struct PAL_SYSTEM_INFO_ {
    PAL_NUM uptime_ns, load_1, load_5, load_15; /* loads: 1/65536 */
    PAL_NUM total_ram, free_ram, shared_ram, buffer_ram, cached_ram, total_swap, free_swap;
    PAL_NUM available_ram;
    PAL_NUM processes;
} PAL_SYSTEM_INFO;
int PalSystemInfoQuery(PAL_SYSTEM_INFO* info);
#include "pal/pal_limits.h"

int PalAttestationReport(PAL_PTR user_report_data, PAL_NUM* user_report_data_size,
                         PAL_PTR target_info, PAL_NUM* target_info_size, PAL_PTR report,
                         PAL_NUM* report_size);
int PalAttestationQuote(PAL_PTR user_report_data, PAL_NUM user_report_data_size, PAL_PTR quote,
                        PAL_NUM* quote_size);
int PalSetProtectedFilesKey(PAL_PTR pf_key_hex);

#endif /* PAL_H */
