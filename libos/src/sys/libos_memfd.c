/*
 * memfd_create(2). The object is the host's; seals are too (fcntl passes them on).
 */
#include <asm/fcntl.h>
#include <linux/memfd.h>
#include "libos_file.h"
#include "libos_fs.h"
#include "libos_table.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif
#define MFD_KNOWN (MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_NOEXEC_SEAL | MFD_EXEC)
#define MFD_HUGE  (MFD_HUGE_MASK << MFD_HUGE_SHIFT)

#define NAME_PREFIX "/memfd:"
#define NAME_SUFFIX " (deleted)"
#define NAME_ROOM   250 /* with the NUL: NAME_MAX less "memfd:" */

static int set_up_seals(PAL_HANDLE h, unsigned int flags) {
    uint32_t seals = 0;
    if (flags & MFD_NOEXEC_SEAL) {
        PAL_STREAM_ATTR attr = {.share_flags = 0666, .file_mode = 0666};
        int ret = PalStreamAttributesChange(h, &attr, PAL_SETATTR_MODE);
        if (ret < 0) {
            return ret;
        }
        seals |= F_SEAL_EXEC;
    } else if (!(flags & MFD_ALLOW_SEALING)) {
        seals |= F_SEAL_SEAL;
    }
    return seals ? PalStreamControl(h, PAL_OP_SEALS_ADD, &seals, sizeof(seals)) : 0;
}

long libos_syscall_memfd_create(const char* uname_ptr, unsigned int flags) {
    unsigned int known = MFD_KNOWN | (flags & MFD_HUGETLB ? MFD_HUGE : 0);
    if ((flags & ~known) || ((flags & MFD_EXEC) && (flags & MFD_NOEXEC_SEAL))) {
        return -EINVAL;
    }
    char name[sizeof(NAME_PREFIX) + NAME_ROOM + sizeof(NAME_SUFFIX)] = NAME_PREFIX;
    char* own = name + sizeof(NAME_PREFIX) - 1;
    long len = user_copy_string(own, uname_ptr, NAME_ROOM);
    if (len < 0) {
        return -EFAULT;
    }
    if (len >= NAME_ROOM) {
        return -EINVAL;
    }
    if (flags & MFD_HUGETLB) {
        return -ENOSYS; /* as a kernel without hugetlbfs */
    }
    PAL_HANDLE host;
    int ret = PalMemoryObjectCreate(own, 0, &host);
    if (ret < 0) {
        return pal_to_errno(ret);
    }
    ret = set_up_seals(host, flags);
    if (ret < 0) {
        PalObjectClose(host);
        return pal_to_errno(ret);
    }
    memcpy(own + len, NAME_SUFFIX, sizeof(NAME_SUFFIX));
    struct libos_file* f = libos_file_alloc(&libos_host_file_ops, O_RDWR | O_LARGEFILE, host,
                                            libos_path_alloc(NULL, name));
    if (!f) {
        return -ENOMEM;
    }
    int fd = libos_fd_install(f, flags & MFD_CLOEXEC, 0);
    libos_file_put(f);
    return fd;
}
