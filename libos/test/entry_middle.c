/* Instructions behind a system call are entered not only by falling through: by jumps from near and
 * far, through registers and tables, and by threads that come back while the code is first used.
 * Each must act as what stands there. */
#include "oracle_mem.h"
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

/* mov %edi, %eax; syscall; then one of these tails, all of which leave in rax: for the fall-through
 * the result + 5, for an entry at the i-th instruction what expect() says. */
struct tail {
    const char* name;
    const char* bytes;
    unsigned char size, starts[4]; /* offsets of its instructions, 0: no more but for the first */
};
#define RET5 "\x48\x83\xc0\x05\xc3" /* add $5, %rax; ret */
#define TAIL(name, bytes, ...)                                                                     \
    {                                                                                              \
        name, bytes RET5, sizeof(bytes RET5) - 1, {                                                \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
static const struct tail tails[] = {
    TAIL("cmp imm32", "\x48\x3d\x01\xf0\xff\xff", 0, 6),
    TAIL("cmp imm32, 32 bits", "\x3d\x01\xf0\xff\xff", 0, 5),
    TAIL("2 2 2", "\x89\xc2\x89\xd1\x85\xc9", 0, 2, 4, 6),
    TAIL("2 3", "\x89\xc2\x48\x85\xd2", 0, 2, 5),
    TAIL("3 3", "\x48\x89\xc2\x48\x85\xd2", 0, 3, 6),
    TAIL("3 2", "\x48\x89\xc2\x85\xd2", 0, 3, 5),
    TAIL("2 5", "\x89\xc2\xb9\x01\x02\x03\x04", 0, 2, 7),
    TAIL("load", "\x48\x8b\x4c\x24\xf8", 0, 5),
    TAIL("load far", "\x48\x8b\x8c\x24\x80\xff\xff\xff", 0, 8),
    TAIL("3 5", "\x48\x89\xc2\x48\x8b\x4c\x24\xf8", 0, 3, 8),
    TAIL("2 6", "\x89\xc2\x48\x3d\x01\xf0\xff\xff", 0, 2, 8),
    {"ret", "\xc3\x0f\x1f\x44\x00\x00\x66\x90", 8, {0}},
};
#define TAILS (sizeof(tails) / sizeof(tails[0]))

/* The code at `at`; returns the address behind the syscall. */
static unsigned char* make(unsigned char* at, const struct tail* t) {
    memcpy(at, "\x89\xf8\x0f\x05", 4);
    memcpy(at + 4, t->bytes, t->size);
    return at + 4;
}

static long call(const void* at, long nr) {
    return ((long (*)(long))at)(nr);
}

/* Enters at an address with rax given, as a jump from elsewhere does. */
static long enter(const void* at, long rax) {
    __asm__ volatile("sub $128, %%rsp; call *%1; add $128, %%rsp"
                     : "+a"(rax)
                     : "r"(at)
                     : "rcx", "rdx", "r11", "memory");
    return rax;
}

static long plus(const struct tail* t) {
    return t->bytes[0] == '\xc3' ? 0 : 5;
}

static bool enter_all(const unsigned char* behind, const struct tail* t) {
    bool good = true;
    for (int i = 0; i < 4 && (i == 0 || t->starts[i]); i++) {
        for (long v = -2; v < 3; v++) {
            long got = enter(behind + t->starts[i], v * 1000);
            if (got != v * 1000 + plus(t)) {
                say("  %s: entered at %d with %ld: %ld\n", t->name, t->starts[i], v * 1000, got);
                good = false;
            }
        }
    }
    return good;
}

TEST(each_instruction) {
    unsigned char* code = (void*)map_anon(4, PROT_READ | PROT_WRITE);
    unsigned char* behind[TAILS];
    for (size_t i = 0; i < TAILS; i++)
        behind[i] = make(code + 64 + i * 64, &tails[i]);
    NEED_OK(mprotect(code, 4 * PAGE, PROT_READ | PROT_EXEC));
    for (size_t i = 0; i < TAILS; i++) {
        for (int round = 0; round < 12; round++) {
            CHECK_EQ(call(behind[i] - 4, SYS_getpid), getpid() + plus(&tails[i]));
            CHECK(enter_all(behind[i], &tails[i]));
        }
        CHECK_EQ(call(behind[i] - 4, 99999), -ENOSYS + plus(&tails[i]));
    }
    munmap(code, 4 * PAGE);
}

/* Jumps of all kinds, from far beyond the function. */
TEST(from_far_away) {
    size_t pages = 3000;
    unsigned char* code = (void*)map_anon(pages, PROT_READ | PROT_WRITE);
    unsigned char* behind = make(code + 100, &tails[0]);
    unsigned char* far = code + (pages - 1) * PAGE;
    int rel = (int)(behind - (far + 5));
    far[0] = 0xe9; /* jmp */
    memcpy(far + 1, &rel, 4);
    unsigned char* conditional = far + 64;
    memcpy(conditional, "\x48\x39\xc0\x0f\x84", 5); /* cmp %rax, %rax; je */
    rel = (int)(behind - (conditional + 9));
    memcpy(conditional + 5, &rel, 4);
    unsigned char* table = far + 128; /* jmp *8(%rip) */
    memcpy(table, "\xff\x25\x02\0\0\0", 6);
    memcpy(table + 8, &behind, 8);
    unsigned char* returning = far + 192; /* push %rcx; ret, with rcx loaded */
    memcpy(returning, "\x48\xb9", 2);
    memcpy(returning + 2, &behind, 8);
    memcpy(returning + 10, "\x51\xc3", 2);
    NEED_OK(mprotect(code, pages * PAGE, PROT_READ | PROT_EXEC));
    for (int i = 0; i < 12; i++) {
        CHECK_EQ(call(behind - 4, SYS_getpid), getpid() + 5);
        CHECK_EQ(enter(far, 70), 75);
        CHECK_EQ(enter(conditional, 70), 75);
        CHECK_EQ(enter(table, 70), 75);
        CHECK_EQ(enter(returning, 70), 75);
    }
    munmap(code, pages * PAGE);
}

/* More sites than one page of anything holds, each its own. */
TEST(many_sites) {
    size_t pages = 24, count = pages * PAGE / 32;
    unsigned char* code = (void*)map_anon(pages, PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < count; i++)
        make(code + i * 32, &tails[i % TAILS]);
    NEED_OK(mprotect(code, pages * PAGE, PROT_READ | PROT_EXEC));
    pid_t pid = getpid();
    bool good = true;
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < count; i++) {
            const struct tail* t = &tails[i % TAILS];
            good = call(code + i * 32, SYS_getpid) == pid + plus(t) && good;
            if (round == 3)
                good = enter_all(code + i * 32 + 4, t) && good;
        }
    }
    CHECK(good);
    munmap(code, pages * PAGE);
}

/* Code that comes and goes at one address. */
TEST(code_again) {
    unsigned char* code = (void*)map_anon(1, PROT_READ | PROT_WRITE);
    for (int i = 0; i < 200; i++) {
        const struct tail* t = &tails[i % TAILS];
        unsigned char* p = mmap(code, PAGE, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        NEED(p == code);
        unsigned char* behind = make(code + 256, t);
        NEED_OK(mprotect(code, PAGE, PROT_READ | PROT_EXEC));
        for (int n = 0; n < 6; n++)
            CHECK_EQ(call(code + 256, SYS_getpid), getpid() + plus(t));
        CHECK(enter_all(behind, t));
    }
    munmap(code, PAGE);
}

static unsigned char* volatile site;
static const struct tail* volatile site_tail;
static volatile int turn, stop; /* turn is odd while the two change */
static volatile long bad;

/* Comes in behind the call over and over, while others make it for the first time. */
static void* jumper(void* arg) {
    (void)arg;
    while (!stop) {
        int now = turn;
        unsigned char* at = site;
        const struct tail* t = site_tail;
        if (now != turn || now % 2 || !at)
            continue;
        for (int i = 0; i < 4 && (i == 0 || t->starts[i]); i++) {
            if (enter(at + 4 + t->starts[i], 12345) != 12345 + plus(t))
                __atomic_add_fetch(&bad, 1, __ATOMIC_SEQ_CST);
        }
    }
    return NULL;
}

static void on_alarm(int signo) {
    (void)signo;
    getppid();
}

TEST(while_it_is_first_used) {
    size_t pages = 16, count = pages * PAGE / 64;
    pthread_t threads[3];
    pid_t pid = getpid();
    struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &act, NULL);
    struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    unsigned char* code = (void*)map_anon(pages, PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < count; i++)
        make(code + i * 64 + i % 23, &tails[i % TAILS]);
    NEED_OK(mprotect(code, pages * PAGE, PROT_READ | PROT_EXEC));
    for (int i = 0; i < 3; i++)
        NEED(pthread_create(&threads[i], NULL, jumper, NULL) == 0);
    setitimer(ITIMER_REAL, &often, NULL);
    for (size_t i = 0; i < count; i++) {
        turn++;
        site_tail = &tails[i % TAILS];
        site = code + i * 64 + i % 23;
        turn++;
        for (int n = 0; n < 8; n++) {
            if (call(site, SYS_getpid) != pid + plus(site_tail))
                bad++;
        }
    }
    setitimer(ITIMER_REAL, &never, NULL);
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(bad, 0);
    signal(SIGALRM, SIG_DFL);
    munmap(code, pages * PAGE);
}
