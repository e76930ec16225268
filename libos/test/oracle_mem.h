/* Helpers for tests about memory: faults caught, /proc/self/maps read, pages at an edge. */
#pragma once
#include "oracle.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#define PAGE 4096UL

struct fault {
    int signo, code;
    void* addr;
};

static sigjmp_buf fault_jump;
static struct fault fault_seen;

static void fault_handler(int signo, siginfo_t* info, void* context) {
    (void)context;
    fault_seen = (struct fault){signo, info->si_code, info->si_addr};
    siglongjmp(fault_jump, 1);
}

/* Runs fn(arg) and says which fault it took; signo 0 if none. */
UNUSED static struct fault fault_of(void (*fn)(void*), void* arg) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    struct sigaction sa = {.sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO}, old[5];
    for (int i = 0; i < 5; i++)
        sigaction(signals[i], &sa, &old[i]);
    fault_seen = (struct fault){0, 0, NULL};
    if (!sigsetjmp(fault_jump, 1))
        fn(arg);
    for (int i = 0; i < 5; i++)
        sigaction(signals[i], &old[i], NULL);
    return fault_seen;
}

static void fault_do_read(void* p) {
    (void)*(volatile char*)p;
}
static void fault_do_write(void* p) {
    *(volatile char*)p = 1;
}
/* The fault that one byte's read or write takes. */
UNUSED static struct fault read_fault(void* p) {
    return fault_of(fault_do_read, p);
}
UNUSED static struct fault write_fault(void* p) {
    return fault_of(fault_do_write, p);
}

struct map {
    uintptr_t start, end;
    char perms[5];
    unsigned long offset, inode;
    unsigned major, minor;
    char name[256];
};

/* The line of /proc/self/maps that holds addr. */
UNUSED static bool map_of(const void* addr, struct map* out) {
    char line[640];
    FILE* f = fopen("/proc/self/maps", "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof(line), f)) {
        struct map m = {0};
        int n = sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %255[^\n]", &m.start, &m.end, m.perms,
                       &m.offset, &m.major, &m.minor, &m.inode, m.name);
        if (n >= 7 && (uintptr_t)addr >= m.start && (uintptr_t)addr < m.end) {
            *out = m;
            found = true;
        }
    }
    if (f)
        fclose(f);
    return found;
}

/* [start, start + pages) is exactly one mapping with these permissions. */
#define CHECK_MAP(addr, first, pages, want_perms)                                                  \
    do {                                                                                           \
        struct map m_;                                                                             \
        if (CHECK(map_of((addr), &m_))) {                                                          \
            CHECK_EQ(m_.start, (uintptr_t)(first));                                                \
            CHECK_EQ(m_.end, (uintptr_t)(first) + (pages)*PAGE);                                   \
            CHECK_STR(m_.perms, want_perms);                                                       \
        }                                                                                          \
    } while (0)

UNUSED static char* map_anon(size_t pages, int prot) {
    void* p = mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* `pages` pages with an unmapped page on each side, so nothing merges with them. */
UNUSED static char* map_alone(size_t pages, int prot) {
    char* p = map_anon(pages + 2, PROT_NONE);
    if (!p)
        abort();
    munmap(p, PAGE);
    munmap(p + (pages + 1) * PAGE, PAGE);
    if (mprotect(p + PAGE, pages * PAGE, prot))
        abort();
    return p + PAGE;
}

/* A writable page followed by an unmapped one: the byte after the last good one. */
UNUSED static char* edge(void) {
    return map_alone(1, PROT_READ | PROT_WRITE) + PAGE;
}

UNUSED static bool is_mapped(const void* p) {
    unsigned char vec;
    return mincore((void*)((uintptr_t)p & ~(PAGE - 1)), PAGE, &vec) == 0;
}

UNUSED static int temp_file(const char* name, size_t size) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && ftruncate(fd, size))
        abort();
    return fd;
}
