/*
 * Figures of the whole machine: memory, load, uptime. Read when asked, from sysinfo(2) and /proc.
 */
#include "host_internal.h"

struct host_sysinfo {
    int64_t uptime;
    uint64_t loads[3], total_ram, free_ram, shared_ram, buffer_ram, total_swap, free_swap;
    uint16_t procs, pad;
    uint64_t total_high, free_high;
    uint32_t mem_unit;
};

PAL_NUM host_parse_number(const char** at) {
    PAL_NUM n = 0;
    while (**at == ' ' || **at == '\t')
        (*at)++;
    while (**at >= '0' && **at <= '9')
        n = n * 10 + (*(*at)++ - '0');
    return n;
}

int64_t host_read_file(const char* path, char* buffer, PAL_NUM size) {
    long fd = host_syscall(__NR_open, path, 02000000 /* O_RDONLY | O_CLOEXEC */);
    if (fd < 0)
        return host_error(fd);
    PAL_NUM at = 0;
    while (at < size - 1) {
        long n = host_syscall(__NR_read, fd, buffer + at, size - 1 - at);
        if (n <= 0)
            break;
        at += n;
    }
    host_syscall(__NR_close, fd);
    buffer[at] = '\0';
    return at;
}

/* A line "Name:   123 kB", in bytes; 0 if absent. */
static PAL_NUM meminfo_field(const char* text, const char* name) {
    const char* at = strstr(text, name);
    if (!at)
        return 0;
    at += strlen(name);
    return host_parse_number(&at) * 1024;
}

int PalSystemInfoQuery(PAL_SYSTEM_INFO* info) {
    char text[4096];
    struct host_sysinfo si;
    long ret = host_syscall(__NR_sysinfo, &si);
    if (ret < 0)
        return host_error(ret);
    PAL_NUM now, unit = si.mem_unit ? si.mem_unit : 1;
    *info = (PAL_SYSTEM_INFO){
        .uptime_ns = si.uptime * NSEC_PER_SEC,
        .load_1 = si.loads[0],
        .load_5 = si.loads[1],
        .load_15 = si.loads[2],
        .total_ram = si.total_ram * unit,
        .free_ram = si.free_ram * unit,
        .shared_ram = si.shared_ram * unit,
        .buffer_ram = si.buffer_ram * unit,
        .total_swap = si.total_swap * unit,
        .free_swap = si.free_swap * unit,
        .available_ram = si.free_ram * unit,
        .processes = si.procs,
    };
    if (PalClockGet(PAL_CLOCK_BOOTTIME, &now) == 0)
        info->uptime_ns = now;
    if (host_read_file("/proc/meminfo", text, sizeof(text)) > 0) {
        info->cached_ram = meminfo_field(text, "\nCached:");
        PAL_NUM available = meminfo_field(text, "\nMemAvailable:");
        if (available)
            info->available_ram = available;
    }
    return 0;
}

PAL_NUM PalMemoryAvailableQuota(void) {
    PAL_SYSTEM_INFO info;
    return PalSystemInfoQuery(&info) ? 0 : info.available_ram + info.free_swap;
}
