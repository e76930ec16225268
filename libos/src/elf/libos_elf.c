/*
 * Reading program files and checking them, in the order and with the errors of Linux's
 * load_elf_binary().
 */
#include <asm/fcntl.h>
#include "elf_internal.h"
#include "libos_process.h"

#define PHDRS_MAX 65536 /* bytes of program headers */

static int check_executable(struct libos_file* f) {
    struct libos_stat st;
    int ret = libos_file_stat(f, &st);
    if (ret < 0) {
        return ret;
    }
    if ((st.mode & S_IFMT) != S_IFREG) {
        return -EACCES;
    }
    /* Even for the superuser some x bit must be set: libos_permission() says so. */
    return libos_permission(&st, 1);
}

static long read_whole(struct libos_file* f, void* buf, size_t size, uint64_t offset) {
    size_t done = 0;
    while (done < size) {
        long n = libos_file_read_kernel(f, (char*)buf + done, size - done, offset + done);
        if (n < 0) {
            return n;
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    return (long)done;
}

/* O_NONBLOCK: a FIFO must not hold us up before it is refused. */
#define OPEN_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY)

static int open_it(int dirfd, const char* path, int flags, struct libos_file** out) {
    if (*path || !(flags & AT_EMPTY_PATH)) {
        int open_flags = OPEN_FLAGS | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0);
        return libos_open_path(dirfd, path, open_flags, 0, out);
    }
    struct libos_file* named = libos_fd_get(dirfd);
    if (!named) {
        return -EBADF;
    }
    int ret = check_executable(named);
    if (!ret) {
        ret = libos_file_reopen(named, OPEN_FLAGS, out);
    }
    libos_file_put(named);
    return ret;
}

int exec_file_open(struct exec_file* f, int dirfd, const char* path, int flags) {
    int ret = open_it(dirfd, path, flags, &f->file);
    if (ret < 0) {
        f->file = NULL;
        return ret;
    }
    ret = check_executable(f->file);
    if (ret < 0) {
        return ret;
    }
    long n = read_whole(f->file, f->head, sizeof(f->head), 0);
    if (n < 0) {
        return (int)n;
    }
    f->head_size = (size_t)n;
    memset(f->head + n, 0, sizeof(f->head) - (size_t)n);
    return 0;
}

void exec_file_close(struct exec_file* f) {
    if (f->file) {
        libos_file_put(f->file);
    }
    libos_free(f->phdrs);
    f->file = NULL;
    f->phdrs = NULL;
}

int exec_file_parse(struct exec_file* f) {
    memcpy(&f->ehdr, f->head, sizeof(f->ehdr));
    const struct elf64_hdr* h = &f->ehdr;
    if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 || (h->e_type != ET_EXEC && h->e_type != ET_DYN) ||
        h->e_machine != EM_X86_64 || h->e_ident[EI_CLASS] != ELFCLASS64 || !f->file->ops->mmap) {
        return -ENOEXEC;
    }
    size_t size = (size_t)h->e_phnum * sizeof(struct elf64_phdr);
    if (h->e_phentsize != sizeof(struct elf64_phdr) || !size || size > PHDRS_MAX) {
        return -ENOEXEC;
    }
    f->phdrs = libos_malloc(size);
    if (!f->phdrs) {
        return -ENOEXEC; /* Linux cannot tell it apart either */
    }
    if (h->e_phoff <= f->head_size && size <= f->head_size - h->e_phoff) {
        memcpy(f->phdrs, f->head + h->e_phoff, size);
        return 0;
    }
    if ((int64_t)h->e_phoff < 0 || read_whole(f->file, f->phdrs, size, h->e_phoff) != (long)size) {
        return -ENOEXEC;
    }
    return 0;
}

static int read_interp_path(struct exec* e, const struct elf64_phdr* ph) {
    if (ph->p_filesz > PATH_MAX || ph->p_filesz < 2) {
        return -ENOEXEC;
    }
    e->interp_path = libos_malloc(ph->p_filesz);
    if (!e->interp_path) {
        return -ENOMEM;
    }
    size_t head = e->prog.head_size;
    if (ph->p_offset <= head && ph->p_filesz <= head - ph->p_offset) {
        memcpy(e->interp_path, e->prog.head + ph->p_offset, ph->p_filesz);
        return e->interp_path[ph->p_filesz - 1] ? -ENOEXEC : 0;
    }
    long n = (int64_t)ph->p_offset < 0
                 ? -EINVAL
                 : read_whole(e->prog.file, e->interp_path, ph->p_filesz, ph->p_offset);
    if (n < 0) {
        return (int)n;
    }
    if (n != (long)ph->p_filesz) {
        return -EIO;
    }
    return e->interp_path[ph->p_filesz - 1] ? -ENOEXEC : 0;
}

static int open_interp(struct exec* e) {
    e->failed = e->interp_path;
    if (!e->interp_path[0]) {
        return -EACCES; /* Linux takes it for the working directory */
    }
    int ret = exec_file_open(&e->interp, AT_FDCWD, e->interp_path, 0);
    if (ret < 0) {
        return ret;
    }
    return e->interp.head_size < sizeof(struct elf64_hdr) ? -EIO : 0;
}

static int check_interp(struct exec* e) {
    int type = ((const struct elf64_hdr*)e->interp.head)->e_type;
    /* load_elf_interp() refuses other types only after the point of no return. */
    if (type != ET_EXEC && type != ET_DYN) {
        ((struct elf64_hdr*)e->interp.head)->e_type = ET_DYN;
    }
    int ret = exec_file_parse(&e->interp);
    e->interp.ehdr.e_type = (uint16_t)type;
    return ret < 0 ? -ELIBBAD : 0;
}

int exec_parse_program(struct exec* e) {
    int ret = exec_file_parse(&e->prog);
    if (ret < 0) {
        return ret;
    }
    const struct elf64_phdr* ph = e->prog.phdrs;
    for (int i = 0; i < e->prog.ehdr.e_phnum; i++) {
        if (ph[i].p_type == PT_INTERP) {
            ret = read_interp_path(e, &ph[i]);
            if (!ret) {
                ret = open_interp(e);
            }
            if (ret < 0) {
                return ret;
            }
            break;
        }
    }
    e->exec_stack = false;
    for (int i = 0; i < e->prog.ehdr.e_phnum; i++) {
        if (ph[i].p_type == PT_GNU_STACK) {
            e->exec_stack = ph[i].p_flags & PF_X;
        }
    }
    return e->interp_path ? check_interp(e) : 0;
}
