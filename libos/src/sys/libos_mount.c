/*
 * mount(2) and its kin: mounts come from the manifest, so the guest is refused as one without
 * CAP_SYS_ADMIN is. File handles: a file system without them.
 */
#include "libos_fs_calls.h"
#include "libos_table.h"

long libos_syscall_mount(char* dev_name, char* dir_name, char* type, unsigned long flags,
                         void* data) {
    (void)dev_name, (void)dir_name, (void)type, (void)flags, (void)data;
    return -EPERM;
}

long libos_syscall_umount2(char* name, int flags) {
    (void)name;
    return flags & ~0xf ? -EINVAL : -EPERM;
}

long libos_syscall_pivot_root(const char* new_root, const char* put_old) {
    (void)new_root, (void)put_old;
    return -EPERM;
}

long libos_syscall_fsopen(const char* fs_name, unsigned int flags) {
    (void)fs_name, (void)flags;
    return -EPERM;
}

long libos_syscall_fspick(int dfd, const char* path, unsigned int flags) {
    (void)dfd, (void)path, (void)flags;
    return -EPERM;
}

long libos_syscall_fsmount(int fs_fd, unsigned int flags, unsigned int attr_flags) {
    (void)fs_fd, (void)flags, (void)attr_flags;
    return -EPERM;
}

long libos_syscall_move_mount(int from_dfd, const char* from_pathname, int to_dfd,
                              const char* to_pathname, unsigned int flags) {
    (void)from_dfd, (void)from_pathname, (void)to_dfd, (void)to_pathname, (void)flags;
    return -EPERM;
}

long libos_syscall_name_to_handle_at(int dfd, const char* name, struct file_handle* handle,
                                     int* mnt_id, int flag) {
    (void)handle, (void)mnt_id;
    if (flag & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    struct libos_lookup l;
    struct libos_stat st;
    unsigned int how =
        (flag & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) | (flag & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
    long ret = libos_lookup_start_user(&l, dfd, name, how);
    if (!ret)
        ret = libos_lookup_stat(&l, &st);
    libos_lookup_end(&l);
    return ret ? ret : -EOPNOTSUPP;
}

long libos_syscall_open_by_handle_at(int mountdirfd, struct file_handle* handle, int flags) {
    (void)mountdirfd, (void)handle, (void)flags;
    return -EPERM;
}
