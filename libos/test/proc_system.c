/* The shape of what /proc tells of the system and of a process, and what can be written there. */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "oracle.h"

static char text[1 << 18];

static const char* slurp(const char* path) {
    memset(text, 0, 64);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return strcpy(text, strerrorname_np(errno));
    size_t n = 0;
    ssize_t got;
    while (n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
        n += (size_t)got;
    int error = errno;
    bool failed = got < 0;
    close(fd);
    text[n] = '\0';
    return failed ? strcpy(text, strerrorname_np(error)) : text;
}

static long write_text(const char* path, const char* s) {
    int fd = open(path, O_WRONLY);
    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, s, strlen(s));
    long ret = n < 0 ? -errno : n;
    close(fd);
    return ret;
}

/* The line that begins with name; NULL: none. */
static char* line_of(const char* name) {
    static char line[4096];
    for (char* s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        if (!strncmp(s, name, strlen(name))) {
            snprintf(line, sizeof(line), "%.*s", (int)strcspn(s, "\n"), s);
            return line;
        }
    }
    return NULL;
}

static int count_numbers(const char* s) {
    int n = 0;
    for (; s && *s; n++) {
        s += strcspn(s, "0123456789");
        if (!*s)
            break;
        s += strspn(s, "0123456789");
    }
    return n;
}

TEST(stat_of_the_kernel) {
    CHECK(slurp("/proc/stat")[0] != 'E');
    CHECK_EQ(count_numbers(line_of("cpu ")), 10);
    CHECK_EQ(count_numbers(line_of("cpu0 ")), 11);
    unsigned long user = 0, nice = 0, system = 0, idle = 0;
    CHECK_EQ(sscanf(line_of("cpu "), "cpu %lu %lu %lu %lu", &user, &nice, &system, &idle), 4);
    CHECK(user + system > 0 && idle > 0);
    CHECK(line_of("intr ") && count_numbers(line_of("intr ")) >= 1);
    CHECK(line_of("ctxt ") && atol(line_of("ctxt ") + 5) > 0);
    CHECK(line_of("btime ") && atol(line_of("btime ") + 6) > 1000000000);
    CHECK(line_of("processes ") && atol(line_of("processes ") + 10) > 0);
    CHECK(line_of("procs_running ") && atol(line_of("procs_running ") + 14) > 0);
    CHECK(line_of("procs_blocked ") != NULL);
    CHECK_EQ(count_numbers(line_of("softirq ")), 11);
    int cpus = 0;
    for (char* s = text; (s = strstr(s, "\ncpu")); s++)
        cpus++;
    CHECK_EQ(cpus, sysconf(_SC_NPROCESSORS_ONLN));
}

TEST(memory_and_counters) {
    static const char* const fields[] = {
        "MemTotal:",     "MemFree:",        "MemAvailable:", "Buffers:",      "Cached:",
        "SwapCached:",   "Active:",         "Inactive:",     "Active(anon):", "Inactive(anon):",
        "Active(file):", "Inactive(file):", "Unevictable:",  "Mlocked:",      "SwapTotal:",
        "SwapFree:",     "Dirty:",          "Writeback:",    "AnonPages:",    "Mapped:",
        "Shmem:",        "KReclaimable:",   "Slab:",         "SReclaimable:", "SUnreclaim:",
        "KernelStack:",  "PageTables:",     "CommitLimit:",  "Committed_AS:", "VmallocTotal:",
        "VmallocUsed:",  "Percpu:"};
    slurp("/proc/meminfo");
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        if (!CHECK(line_of(fields[i]) != NULL))
            say("  %s\n", fields[i]);
    }
    slurp("/proc/vmstat");
    CHECK(line_of("nr_free_pages ") && line_of("pgfault ") && line_of("pgpgin "));
    CHECK(atol(line_of("pgfault ") + 8) > 0);
    CHECK(!strncmp(slurp("/proc/swaps"), "Filename", 8));
    CHECK(!strncmp(slurp("/proc/partitions"), "major minor  #blocks  name", 26));
    CHECK(slurp("/proc/diskstats")[0] != 'E');
    slurp("/proc/interrupts");
    CHECK(strstr(text, "CPU0") != NULL);
    slurp("/proc/softirqs");
    CHECK(strstr(text, "TIMER:") && strstr(text, "CPU0"));
    slurp("/proc/devices");
    CHECK(strstr(text, "Character devices:\n") && strstr(text, "Block devices:\n"));
    CHECK(strstr(text, "  1 mem\n") && strstr(text, "136 pts\n"));
    CHECK(slurp("/proc/misc")[0] != 'E');
    CHECK(slurp("/proc/consoles")[0] != 'E');
    CHECK(slurp("/proc/crypto")[0] != 'E');
    CHECK(!strncmp(slurp("/proc/execdomains"), "0-0\tLinux ", 10));
    CHECK(!strncmp(slurp("/proc/cgroups"), "#subsys_name", 12));
    double up, idle, load;
    int running, all, last;
    CHECK_EQ(sscanf(slurp("/proc/uptime"), "%lf %lf", &up, &idle), 2);
    CHECK(up > 0 && idle > 0);
    CHECK_EQ(sscanf(slurp("/proc/loadavg"), "%lf %lf %lf %d/%d %d", &load, &load, &load, &running,
                    &all, &last),
             6);
    CHECK(running >= 1 && all >= running && last >= 1);
}

/* ---- the network ----------------------------------------------------------------------------- */

TEST(network) {
    int s = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    NEED(bind(s, (struct sockaddr*)&a, sizeof(a)) == 0 && listen(s, 5) == 0);
    CHECK_OK(getsockname(s, (struct sockaddr*)&a, &len));
    char want[64];
    snprintf(want, sizeof(want), ": 0100007F:%04X 00000000:0000 0A ", ntohs(a.sin_port));
    slurp("/proc/net/tcp");
    CHECK(strstr(text, "local_address rem_address   st tx_queue") != NULL);
    CHECK(strstr(text, want) != NULL);
    a.sin_port = 0;
    NEED(bind(u, (struct sockaddr*)&a, sizeof(a)) == 0);
    CHECK_OK(getsockname(u, (struct sockaddr*)&a, &len));
    snprintf(want, sizeof(want), ": 0100007F:%04X 00000000:0000 07 ", ntohs(a.sin_port));
    slurp("/proc/net/udp");
    CHECK(strstr(text, want) != NULL);
    close(s);
    close(u);
    slurp("/proc/self/net/dev");
    CHECK(strstr(text, "Inter-|   Receive") && strstr(text, "    lo: "));
    CHECK(!strncmp(slurp("/proc/net/route"), "Iface\tDestination\tGateway ", 26));
    slurp("/proc/net/snmp");
    CHECK(strstr(text, "Tcp: ") && strstr(text, "Udp: "));
    CHECK(line_of("TCP: inuse ") || strstr(slurp("/proc/net/sockstat"), "TCP: inuse ") != NULL);
    CHECK(strstr(slurp("/proc/net/arp"), "HW address") != NULL);
    CHECK(!strncmp(slurp("/proc/net/unix"), "Num       RefCount Protocol Flags", 33));
}

/* ---- of a process ---------------------------------------------------------------------------- */

TEST(rare_files) {
    int tid;
    unsigned threads;
    char name[64];
    CHECK_EQ(sscanf(slurp("/proc/self/sched"), "%63s (%d, #threads: %u)", name, &tid, &threads), 3);
    CHECK_EQ(tid, getpid());
    CHECK_EQ(threads, 1);
    CHECK(line_of("se.sum_exec_runtime") && line_of("nr_switches"));
    CHECK_STR(strrchr(line_of("prio  "), ' ') + 1, "120");
    CHECK_STR(strrchr(line_of("policy  "), ' ') + 1, "0");
    int nr = -1;
    unsigned long arg[6], sp = 0, pc = 0;
    CHECK_EQ(sscanf(slurp("/proc/self/syscall"), "%d %lx %lx %lx %lx %lx %lx %lx %lx", &nr, &arg[0],
                    &arg[1], &arg[2], &arg[3], &arg[4], &arg[5], &sp, &pc),
             9);
    CHECK_EQ(nr, SYS_read);
    CHECK(arg[1] == (unsigned long)text && sp && pc);
    CHECK_STR(slurp("/proc/self/attr/current"), "EINVAL");
    CHECK_STR(slurp("/proc/self/attr/exec"), "EINVAL");
    CHECK(slurp("/proc/self/cpuset")[0] != 'E');
    CHECK(text[0] == '/');
    slurp("/proc/self/mountstats");
    CHECK(strstr(text, " mounted on / with fstype ") != NULL);
    CHECK(strstr(slurp("/proc/self/timens_offsets"), "monotonic           0         0\n") != NULL);
    CHECK(slurp("/proc/self/projid_map")[0] != 'E');
    CHECK_EQ(count_numbers(slurp("/proc/self/projid_map")), 3);
    CHECK_STR(slurp("/proc/self/oom_adj"), "0\n");
    slurp("/proc/self/numa_maps");
    CHECK(strstr(text, " default file=") && strstr(text, " default stack ") &&
          strstr(text, " N0="));
    CHECK(!strncmp(slurp("/proc/self/arch_status"), "AVX512_elapsed_ms:", 18) || !text[0]);
}

TEST(map_files) {
    int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
    NEED(fd >= 0 && ftruncate(fd, 8192) == 0);
    char* p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEED(p != MAP_FAILED);
    char path[128], target[4096] = {0}, want[4096];
    snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (long)p, (long)p + 8192);
    NEED(getcwd(want, sizeof(want) - 16) != NULL);
    strcat(want, "/mapped");
    CHECK(readlink(path, target, sizeof(target) - 1) > 0);
    CHECK_STR(target, want);
    struct stat st;
    CHECK_OK(lstat(path, &st));
    CHECK_EQ(st.st_mode, S_IFLNK | 0600);
    CHECK_EQ(st.st_size, 64);
    if (!geteuid()) {
        struct stat other;
        CHECK_OK(stat(path, &st));
        CHECK_OK(fstat(fd, &other));
        CHECK(st.st_ino == other.st_ino && st.st_dev == other.st_dev);
    } else {
        CHECK_ERRNO(open(path, O_RDONLY), EPERM);
    }
    int found = 0;
    DIR* d = opendir("/proc/self/map_files");
    NEED(d != NULL);
    for (struct dirent* e; (e = readdir(d));)
        found += !strcmp(e->d_name, strrchr(path, '/') + 1);
    CHECK_EQ(found, 1);
    closedir(d);
    munmap(p, 8192);
    CHECK_EQ(lstat(path, &st), -1);
    snprintf(path, sizeof(path), "/proc/self/map_files/0%lx-%lx", (long)p, (long)p + 8192);
    CHECK_ERRNO(lstat(path, &st), ENOENT);
    close(fd);
    unlink("mapped");
}

TEST(written) {
    CHECK(slurp("/proc/self/coredump_filter")[0] != 'E');
    CHECK_EQ(write_text("/proc/self/coredump_filter", "0x7f\n"), 5);
    CHECK_STR(slurp("/proc/self/coredump_filter"), "0000007f\n");
    CHECK_EQ(write_text("/proc/self/coredump_filter", "51"), 2);
    CHECK_STR(slurp("/proc/self/coredump_filter"), "00000033\n");
    CHECK_EQ(write_text("/proc/self/coredump_filter", "x"), -EINVAL);
    CHECK_EQ(write_text("/proc/self/coredump_filter", "1 2"), -EINVAL);
    CHECK_EQ(write_text("/proc/self/comm", "renamed"), 7);
    CHECK_STR(slurp("/proc/self/comm"), "renamed\n");
    CHECK_EQ(write_text("/proc/version", "x"), geteuid() ? -EACCES : -EIO);
    if (geteuid()) {
        CHECK_EQ(write_text("/proc/sys/kernel/hostname", "x"), -EACCES);
        CHECK_EQ(write_text("/proc/sys/vm/overcommit_memory", "1"), -EACCES);
        CHECK_EQ(write_text("/proc/sys/fs/aio-max-nr", "1"), -EACCES);
        return;
    }
    unshare(CLONE_NEWUTS); /* the machine's own name stays, where that works */
    struct utsname before, after;
    CHECK_OK(uname(&before));
    CHECK_EQ(write_text("/proc/sys/kernel/hostname", "culm-test\n"), 10);
    CHECK_OK(uname(&after));
    CHECK_STR(after.nodename, "culm-test");
    CHECK_STR(slurp("/proc/sys/kernel/hostname"), "culm-test\n");
    CHECK_EQ(write_text("/proc/sys/kernel/domainname", "d"), 1);
    CHECK_STR(slurp("/proc/sys/kernel/domainname"), "d\n");
    sethostname(before.nodename, strlen(before.nodename));
    setdomainname(before.domainname, strlen(before.domainname));
    char max[64];
    snprintf(max, sizeof(max), "%s", slurp("/proc/sys/fs/aio-max-nr"));
    CHECK_EQ(write_text("/proc/sys/fs/aio-max-nr", max), (long)strlen(max));
    CHECK_EQ(write_text("/proc/sys/fs/aio-max-nr", "x"), -EINVAL);
}

TEST(limits_of_the_kernel) {
    static const char* const numbers[] = {"fs/file-max",
                                          "fs/nr_open",
                                          "fs/pipe-max-size",
                                          "fs/inotify/max_user_watches",
                                          "fs/epoll/max_user_watches",
                                          "kernel/threads-max",
                                          "kernel/pid_max",
                                          "net/core/somaxconn",
                                          "net/core/rmem_max",
                                          "net/ipv4/tcp_keepalive_time",
                                          "net/unix/max_dgram_qlen",
                                          "vm/max_map_count",
                                          "vm/overcommit_memory",
                                          "vm/swappiness",
                                          "user/max_user_namespaces",
                                          "user/max_uts_namespaces",
                                          "kernel/dmesg_restrict",
                                          "kernel/seccomp/actions_avail"};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        char path[128];
        struct stat st;
        snprintf(path, sizeof(path), "/proc/sys/%s", numbers[i]);
        if (!CHECK(slurp(path) == text && text[0] && text[strlen(text) - 1] == '\n'))
            say("  %s\n", path);
        CHECK_OK(stat(path, &st));
        if (!CHECK(st.st_mode == (S_IFREG | 0644) || st.st_mode == (S_IFREG | 0444)))
            say("  %s %o\n", path, st.st_mode);
    }
    CHECK_EQ(count_numbers(slurp("/proc/sys/net/ipv4/tcp_rmem")), 3);
    CHECK_EQ(count_numbers(slurp("/proc/sys/net/ipv4/ip_local_port_range")), 2);
    CHECK_EQ(count_numbers(slurp("/proc/sys/fs/file-nr")), 3);
    CHECK_EQ(count_numbers(slurp("/proc/sys/fs/inode-nr")), 2);
}

/* ---- /sys ------------------------------------------------------------------------------------ */

TEST(interfaces) {
    struct ifreq r = {.ifr_name = "lo"};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    NEED(s >= 0);
    CHECK_OK(ioctl(s, SIOCGIFMTU, &r));
    CHECK_EQ(atoi(slurp("/sys/class/net/lo/mtu")), r.ifr_mtu);
    CHECK_OK(ioctl(s, SIOCGIFINDEX, &r));
    CHECK_EQ(atoi(slurp("/sys/class/net/lo/ifindex")), r.ifr_ifindex);
    CHECK_STR(slurp("/sys/class/net/lo/address"), "00:00:00:00:00:00\n");
    CHECK_STR(slurp("/sys/class/net/lo/type"), "772\n");
    CHECK_STR(slurp("/sys/class/net/lo/flags"), "0x9\n");
    CHECK_STR(slurp("/sys/class/net/lo/operstate"), "unknown\n");
    CHECK(atol(slurp("/sys/class/net/lo/statistics/rx_bytes")) >= 0);
    CHECK(atol(slurp("/sys/class/net/lo/statistics/tx_packets")) >= 0);
    CHECK_STR(slurp("/sys/class/net/nosuch/mtu"), "ENOENT");
    close(s);
    DIR* d = opendir("/sys/class/net");
    NEED(d != NULL);
    int found = 0;
    for (struct dirent* e; (e = readdir(d));)
        found += !strcmp(e->d_name, "lo");
    CHECK_EQ(found, 1);
    closedir(d);
}

TEST(disks) {
    char name[256], path[600], link[256];
    unsigned major, minor, disks = 0;
    DIR* d = opendir("/sys/block");
    NEED(d != NULL);
    for (struct dirent* e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s", e->d_name);
        snprintf(path, sizeof(path), "/sys/block/%s/dev", name);
        if (sscanf(slurp(path), "%u:%u", &major, &minor) != 2)
            continue; /* went away */
        disks++;
        snprintf(path, sizeof(path), "/sys/block/%s/size", name);
        CHECK(slurp(path)[0] >= '0' && text[0] <= '9');
        snprintf(path, sizeof(path), "/sys/block/%s/stat", name);
        CHECK(count_numbers(slurp(path)) >= 11);
        snprintf(path, sizeof(path), "/sys/block/%s/queue/logical_block_size", name);
        CHECK(atoi(slurp(path)) >= 512);
        snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major, minor);
        ssize_t n = readlink(path, link, sizeof(link) - 1);
        CHECK(n > 0);
        link[n > 0 ? n : 0] = '\0';
        CHECK_STR(strrchr(link, '/') ? strrchr(link, '/') + 1 : "", name);
        strcat(path, "/size");
        CHECK(slurp(path)[0] >= '0' && text[0] <= '9');
    }
    closedir(d);
    slurp("/proc/partitions");
    CHECK(disks > 0 || count_numbers(text) == 0);
}

TEST(control_group) {
    slurp("/sys/fs/cgroup/cgroup.controllers");
    if (!strcmp(text, "ENOENT"))
        return; /* another version */
    CHECK(atoi(slurp("/sys/fs/cgroup/cgroup.procs")) > 0 || !text[0]);
    slurp("/sys/fs/cgroup/memory.max"); /* not in the first group of all */
    CHECK(!strcmp(text, "ENOENT") || !strcmp(text, "max\n") || atol(text) > 0);
    slurp("/sys/fs/cgroup/cpu.stat");
    CHECK(line_of("usage_usec ") && line_of("user_usec "));
    CHECK(strstr(slurp("/proc/self/mountinfo"), " /sys/fs/cgroup ") != NULL);
    CHECK(strstr(slurp("/proc/self/cgroup"), "0::/") != NULL);
}
