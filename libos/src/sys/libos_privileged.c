/*
 * Calls for which no guest has the capability, as in a container: the kernel's log is read with
 * CAP_SYSLOG, vhangup takes CAP_SYS_TTY_CONFIG, acct CAP_SYS_PACCT, reboot CAP_SYS_BOOT. Linux
 * looks at that before anything else.
 */
#include "libos_internal.h"
#include "libos_table.h"

long libos_syscall_syslog(int type, char* buf, int len) {
    (void)type, (void)buf, (void)len;
    return -EPERM; /* /proc/sys/kernel/dmesg_restrict is 1 */
}

long libos_syscall_vhangup(void) {
    return -EPERM;
}

long libos_syscall_acct(const char* name) {
    (void)name;
    return -EPERM;
}

long libos_syscall_reboot(int magic1, int magic2, unsigned int cmd, void* arg) {
    (void)magic1, (void)magic2, (void)cmd, (void)arg;
    return -EPERM;
}
