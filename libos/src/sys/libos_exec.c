/*
 * execve(2), execveat(2).
 */
#include <linux/fcntl.h>
#include "../elf/elf_internal.h"
#include "libos_table.h"

long libos_syscall_execve(const char* filename, const char* const* argv, const char* const* envp) {
    return libos_exec(AT_FDCWD, filename, argv, envp, 0);
}

long libos_syscall_execveat(int dfd, const char* filename, const char* const* argv,
                            const char* const* envp, int flags) {
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_EXECVE_CHECK)) {
        return -EINVAL;
    }
    return libos_exec(dfd, filename, argv, envp, flags);
}
