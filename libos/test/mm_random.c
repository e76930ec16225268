/* Random memory calls on a small area, results and the protection of each page printed: natively
 * and under Culm they must be the same. Arguments: seeds. */
#define ORACLE_NO_MAIN
#include "oracle_mem.h"

#define N    32
#define BASE ((char*)0x200200000)

static unsigned seed;
static int file, readonly, writeonly;

static unsigned draw(unsigned below) {
    return rand_r(&seed) % below;
}
static char* address(void) {
    return BASE + draw(N) * PAGE + (draw(12) ? 0 : draw(4096));
}
/* Never beyond the area. */
static size_t length(char* at) {
    size_t len = draw(12) == 0 ? 0 : draw(12) == 0 ? draw(5 * 4096) : (1 + draw(6)) * PAGE;
    size_t room = BASE + N * PAGE - at;
    return len < room ? len : room;
}
static int protection(void) {
    static const int some[] = {0, 1, 3, 3, 3, 5, 2, 1, 7, 8, 16, PROT_GROWSDOWN | PROT_READ};
    return some[draw(12)];
}

static void do_map(void) {
    static const int types[] = {MAP_PRIVATE, MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE, 0};
    int fds[] = {file, readonly, writeonly, -1, 999, file, readonly, 0};
    char* at = address();
    size_t len = length(at);
    int flags = types[draw(5)] | MAP_FIXED, prot = protection() & 15;
    flags |= draw(3) ? MAP_ANONYMOUS : 0;
    flags |= draw(8) ? 0 : MAP_FIXED_NOREPLACE;
    flags |= draw(12) ? 0 : MAP_NORESERVE;
    flags |= draw(20) ? 0 : MAP_POPULATE;
    flags |= draw(30) ? 0 : 0x40000000;
    long offset = draw(10) * PAGE + (draw(10) ? 0 : 5), fd = fds[draw(8)];
    long ret = sc(SYS_mmap, at, len, prot, flags, fd, offset);
    say("mmap %#zx prot %d flags %#x offset %#lx: %s\n", len, prot, flags, offset,
        ret == (long)at ? "there"
        : ret < 0       ? errno_name(-ret)
                        : "elsewhere");
}

static void do_remap(void) {
    static const int flags[] = {0, MREMAP_MAYMOVE | MREMAP_FIXED, MREMAP_FIXED, 8,
                                MREMAP_MAYMOVE | MREMAP_FIXED};
    int f = flags[draw(5)];
    char *at = address(), *to = BASE + draw(N - 8) * PAGE;
    size_t old = length(at), new = draw(20) ? (1 + draw(6)) * PAGE : 0;
    if (!(f & MREMAP_FIXED) && at + new > BASE + N * PAGE)
        return;
    if ((old + PAGE - 1) / PAGE == new / PAGE) /* Linux 6.17 moves several mappings at once */
        return;
    long ret = sc(SYS_mremap, at, old, new, f, to);
    say("mremap %#zx -> %#zx flags %d: %s\n", old, new, f,
        ret == (long)at   ? "there"
        : ret == (long)to ? "moved"
        : ret < 0         ? errno_name(-ret)
                          : "elsewhere");
}

static void do_advise(void) {
    static const int advice[] = {0,  1,  2,  3,  4,  4,  4,  8,  10, 11, 14,
                                 15, 16, 17, 18, 19, 20, 22, 23, 5,  99};
    char* at = address();
    size_t len = length(at);
    int what = advice[draw(sizeof(advice) / sizeof(advice[0]))];
    say("madvise %d %#zx: %s\n", what, len, errno_name(-sc(SYS_madvise, at, len, what)));
}

static void do_lock(void) {
    char* at = address();
    size_t len = length(at);
    int how = draw(4), flags = draw(3);
    long ret = how == 0   ? sc(SYS_mlock, at, len)
               : how == 1 ? sc(SYS_mlock2, at, len, flags)
                          : sc(SYS_munlock, at, len);
    say("lock %d %#zx: %s\n", how, len, errno_name(-ret));
}

static void do_other(void) {
    char* at = address();
    size_t len = length(at);
    unsigned char vec[N + 1];
    int flags = draw(9), prot = protection();
    switch (draw(6)) {
        case 0:
            say("munmap %#zx: %s\n", len, errno_name(-sc(SYS_munmap, at, len)));
            break;
        case 1:
            say("mincore %#zx: %s\n", len, errno_name(-sc(SYS_mincore, at, len, vec)));
            break;
        case 2:
            say("msync %#zx %d: %s\n", len, flags, errno_name(-sc(SYS_msync, at, len, flags)));
            break;
        default:
            say("mprotect %#zx %#x: %s\n", len, prot, errno_name(-sc(SYS_mprotect, at, len, prot)));
            break;
    }
}

/* Reads and writes each page through the kernel. */
static void show(int step) {
    int fds[2];
    char page[N + 1] = {0}, value;
    if (pipe(fds) != 0)
        return;
    for (int i = 0; i < N; i++) {
        char* p = BASE + i * PAGE + 7;
        bool readable = write(fds[1], p, 1) == 1;
        if (readable)
            read(fds[0], &value, 1);
        else
            value = 0;
        value = readable ? value : (char)step;
        write(fds[1], &value, 1);
        bool writable = read(fds[0], p, 1) == 1;
        if (!writable)
            read(fds[0], &value, 1);
        page[i] = readable ? (writable ? 'w' : 'r') : writable ? '2' : '-';
        if (readable && value)
            page[i] += writable ? 'A' - 'a' : 'A' - 'a';
    }
    say("%s\n", page);
    for (int i = 0; i < N; i += 3) { /* what is writable gets contents */
        value = (char)(step + i) | 1;
        write(fds[1], &value, 1);
        if (read(fds[0], BASE + i * PAGE + 7, 1) != 1)
            read(fds[0], &value, 1);
    }
    close(fds[0]);
    close(fds[1]);
}

int main(int argc, char** argv) {
    file = open("mm_random_file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ftruncate(file, 20 * PAGE);
    readonly = open("mm_random_file", O_RDONLY);
    writeonly = open("mm_random_file", O_WRONLY);
    mmap(BASE - 512 * PAGE, (1024 + N) * PAGE, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    for (int i = 1; i < argc; i++) {
        munmap(BASE, N * PAGE);
        seed = atoi(argv[i]);
        for (int step = 0; step < 600; step++) {
            static void (*const calls[])(void) = {do_map,    do_map,  do_map,   do_remap, do_remap,
                                                  do_advise, do_lock, do_other, do_other, do_other};
            calls[draw(10)]();
            if (step % 5 == 4)
                show(step);
        }
    }
    unlink("mm_random_file");
    return 0;
}
