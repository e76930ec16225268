/*
 * uname, sethostname, setdomainname, sysinfo, getrandom, getcpu, personality: what the system is.
 */
#include <linux/capability.h>
#include <linux/random.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>
#include "libos_process.h"
#include "libos_table.h"
#include "libos_time.h"
#include "libos_uts.h"
#include "manifest.h"

struct libos_uts g_uts = {
    .release = "6.1.0-culm", .version = "#1 SMP PREEMPT_DYNAMIC Culm", .domainname = "(none)"};

int libos_uts_init(void) {
    const char* host = g_pal_control->host_name ? g_pal_control->host_name : "localhost";
    strlcpy(g_uts.nodename,
            manifest_string(g_pal_control->manifest_root, "sys.culm__hostname", host),
            sizeof(g_uts.nodename));
    return 0;
}

long libos_syscall_uname(struct new_utsname* user_name) {
    struct new_utsname name;
    memset(&name, 0, sizeof(name));
    strlcpy(name.sysname, "Linux", sizeof(name.sysname));
    strlcpy(name.release, g_uts.release, sizeof(name.release));
    strlcpy(name.version, g_uts.version, sizeof(name.version));
    strlcpy(name.machine, "x86_64", sizeof(name.machine));
    lock(&g_uts.lock);
    memcpy(name.nodename, g_uts.nodename, sizeof(name.nodename));
    memcpy(name.domainname, g_uts.domainname, sizeof(name.domainname));
    unlock(&g_uts.lock);
    return user_put(name, user_name);
}

static long set_name(char* field, const char* user_name, int len) {
    char name[LIBOS_UTS_LEN + 1];
    if (!(get_cur_thread()->cap_effective >> CAP_SYS_ADMIN & 1))
        return -EPERM;
    if (len < 0 || len > LIBOS_UTS_LEN)
        return -EINVAL;
    memset(name, 0, sizeof(name));
    if (user_copy_from(name, user_name, len) < 0)
        return -EFAULT;
    lock(&g_uts.lock);
    memcpy(field, name, sizeof(name));
    unlock(&g_uts.lock);
    return 0;
}

long libos_syscall_sethostname(char* name, int len) {
    return set_name(g_uts.nodename, name, len);
}

long libos_syscall_setdomainname(char* name, int len) {
    return set_name(g_uts.domainname, name, len);
}

long libos_syscall_sysinfo(struct sysinfo* user_info) {
    PAL_SYSTEM_INFO host;
    int ret = pal_to_errno(PalSystemInfoQuery(&host));
    if (ret < 0)
        return ret;
    struct sysinfo info;
    memset(&info, 0, sizeof(info));
    info.uptime = (host.uptime_ns + NSEC_PER_SEC - 1) / NSEC_PER_SEC;
    info.loads[0] = host.load_1;
    info.loads[1] = host.load_5;
    info.loads[2] = host.load_15;
    info.totalram = host.total_ram;
    info.freeram = host.free_ram;
    info.sharedram = host.shared_ram;
    info.bufferram = host.buffer_ram;
    info.totalswap = host.total_swap;
    info.freeswap = host.free_swap;
    info.procs = cur_process()->thread_count;
    info.mem_unit = 1;
    return user_put(info, user_info);
}

long libos_syscall_getrandom(char* user_buf, size_t size, unsigned int flags) {
    if (flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    size = MIN(size, (size_t)INT32_MAX);
    size_t done = 0;
    while (done < size) {
        uint8_t chunk[256];
        size_t n = MIN(size - done, sizeof(chunk));
        int ret = pal_to_errno(PalRandomBitsRead(chunk, n));
        if (ret < 0)
            return done ? (long)done : ret;
        size_t left = user_copy_to_partial(user_buf + done, chunk, n);
        done += n - left;
        if (left)
            return done ? (long)done : -EFAULT;
        if (done < size && (done & (PAGE_SIZE - 1)) == 0 && libos_signal_pending(get_cur_thread()))
            break;
    }
    return done;
}

long libos_syscall_getcpu(unsigned int* user_cpu, unsigned int* user_node, void* unused) {
    (void)unused; /* ignored by Linux too since 2.6.24 */
    PAL_IDX cpu = 0, node = 0;
    int ret = pal_to_errno(PalThreadGetCPU(&cpu, &node));
    if (ret < 0)
        return ret;
    if ((user_cpu && user_put(cpu, user_cpu) < 0) || (user_node && user_put(node, user_node) < 0))
        return -EFAULT;
    return 0;
}

#define PERSONALITY_QUERY      0xffffffff
#define ADDR_NO_RANDOMIZE_FLAG 0x0040000

long libos_syscall_personality(unsigned int persona) {
    uint32_t old = cur_process()->personality;
    if (persona == PERSONALITY_QUERY)
        return old;
    if (persona & ~ADDR_NO_RANDOMIZE_FLAG)
        return -EINVAL; /* Linux accepts more; none of it would act here */
    cur_process()->personality = persona;
    return old;
}
