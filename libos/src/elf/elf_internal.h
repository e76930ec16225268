/*
 * Between the files of elf/ only.
 */
#ifndef ELF_INTERNAL_H
#define ELF_INTERNAL_H

#include <linux/elf.h>
#include "libos_elf.h"
#include "libos_file.h"
#include "libos_fs.h"

#define EXEC_HEAD       1024   /* read at once from the start of a file */
#define EXEC_SCRIPT_MAX 256    /* bytes in which a #! line must fit (Linux: BINPRM_BUF_SIZE) */
#define EXEC_MAX_DEPTH  5      /* scripts that run scripts */
#define MAX_ARG_STRLEN  131072 /* bytes of one argument, with its NUL */

#define ELIBBAD 80

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000 /* only say whether the file may be executed */
#endif

/* An opened program file. */
struct exec_file {
    struct libos_file* file; /* referenced */
    size_t head_size;
    char head[EXEC_HEAD]; /* zero behind head_size */
    struct elf64_hdr ehdr;
    struct elf64_phdr* phdrs;
};

/* Where a loaded image lies. */
struct exec_image {
    uint64_t bias, entry, phdr;                               /* user addresses */
    uint64_t start_code, end_code, start_data, end_data, end; /* end: of the highest segment */
};

/* Argument and environment strings, one after the other, each with its NUL. */
struct exec_args {
    char* buf;
    size_t used, capacity;
    size_t argc, envc;
    size_t arg_size; /* bytes of the argv part; the environment follows */
    size_t limit;    /* bytes for strings and pointers: RLIMIT_STACK / 4 and so on */
};

struct exec {
    char* name;         /* as it came from the guest */
    char* filename;     /* how it can be named again: AT_EXECFN */
    char* path;         /* of the file in `prog`: changes when a script names its interpreter */
    const char* failed; /* for messages: what could not be opened; NULL: the program itself */
    bool hidden;        /* opened through a close-on-exec descriptor: no script can name it again */
    struct exec_args args;
    struct exec_file prog, interp;
    char* interp_path; /* PT_INTERP; NULL: none */
    bool exec_stack;
};

/* ---- libos_elf.c: reading and checking --------------------------------------------------------
 */
/* Open for execution, with execve's checks; reads the head. -ENOENT, -EACCES, ... */
int exec_file_open(struct exec_file* f, int dirfd, const char* path, int flags);
void exec_file_close(struct exec_file* f);
/* Is it an ELF program for this machine? Fills ehdr and phdrs. -ENOEXEC if not. */
int exec_file_parse(struct exec_file* f);
/* PT_INTERP, PT_GNU_STACK; opens the interpreter. Last step before the point of no return. */
int exec_parse_program(struct exec* e);

/* ---- libos_elf_map.c ----------------------------------------------------------------------------
 */
/* Before the first image of a program: tell arch/ where it has to lie. */
void exec_make_room(const struct exec_file* f);
/* Map all segments. base: where an ET_DYN image goes; 0: anywhere. */
int exec_map_image(const struct exec_file* f, uint64_t base, struct exec_image* out);

/* ---- libos_exec_args.c
 * --------------------------------------------------------------------------- */
int exec_args_init(struct exec_args* a);
void exec_args_free(struct exec_args* a);
/* From guest memory (user) or LibOS memory. First all of argv, then all of envp. */
int exec_args_add(struct exec_args* a, const char* const* vector, bool user, bool is_env);
/* Replace argv[0] by the strings given (a script's interpreter, its argument or NULL, the script).
 */
int exec_args_prepend(struct exec_args* a, const char* interp, const char* arg, const char* script);

/* ---- libos_exec_stack.c
 * --------------------------------------------------------------------------- */
/* Map the stack and lay it out. *sp: the program's first stack pointer. */
int exec_build_stack(const struct exec* e, const struct exec_image* prog, uint64_t interp_base,
                     uint64_t* sp);

/* ---- libos_exec.c
 * ---------------------------------------------------------------------------------- */
/* execve from the guest: pointers are the guest's. Returns only on failure, or 0 with
 * AT_EXECVE_CHECK. */
long libos_exec(int dirfd, const char* filename, const char* const* argv, const char* const* envp,
                int flags);

#endif /* ELF_INTERNAL_H */
