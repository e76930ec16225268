/*
 * sysfs(2): names of file systems by number and back, as /proc/filesystems lists them.
 */
#include "libos_fs.h"
#include "libos_filesystems.h"
#include "libos_table.h"

static long find(const char* user_name) {
    char name[64];
    long len = user_copy_string(name, user_name, sizeof(name));
    if (len < 0)
        return len;
    for (unsigned int i = 0; i < g_filesystem_count && len < (long)sizeof(name); i++) {
        if (strcmp(g_filesystems[i].name, name) == 0)
            return i;
    }
    return -EINVAL;
}

long libos_syscall_sysfs(int option, unsigned long arg1, unsigned long arg2) {
    switch (option) {
        case 1:
            return find((const char*)arg1);
        case 2: {
            if ((unsigned int)arg1 >= g_filesystem_count)
                return -EINVAL;
            const char* name = g_filesystems[(unsigned int)arg1].name;
            return user_copy_to((void*)arg2, name, strlen(name) + 1);
        }
        case 3:
            return g_filesystem_count;
        default:
            return -EINVAL;
    }
}
