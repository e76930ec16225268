/* What a program finds at its start: auxiliary vector, stack layout, vDSO, /proc/self views. */
#define ORACLE_NO_MAIN
#include "oracle_mem.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <time.h>

extern char** environ;
static char** start_argv;
static int start_argc;

TEST(auxv_values) {
    CHECK_EQ(getauxval(AT_PAGESZ), 4096);
    CHECK_EQ(getauxval(AT_CLKTCK), 100);
    CHECK_EQ(getauxval(AT_UID), getuid());
    CHECK_EQ(getauxval(AT_EUID), geteuid());
    CHECK_EQ(getauxval(AT_GID), getgid());
    CHECK_EQ(getauxval(AT_EGID), getegid());
    CHECK_EQ(getauxval(AT_SECURE), 0);
    CHECK_EQ(getauxval(AT_PHENT), sizeof(Elf64_Phdr));
    CHECK_EQ(getauxval(AT_FLAGS), 0);
    CHECK_STR((char*)getauxval(AT_PLATFORM), "x86_64");
    CHECK(getauxval(AT_HWCAP) != 0);
    CHECK(getauxval(AT_MINSIGSTKSZ) >= 1000 && getauxval(AT_MINSIGSTKSZ) < 65536);
    const unsigned char* random = (void*)getauxval(AT_RANDOM);
    NEED(random);
    int zeros = 0;
    for (int i = 0; i < 16; i++)
        zeros += !random[i];
    CHECK(zeros < 8);
    CHECK(strstr((char*)getauxval(AT_EXECFN), "elf_start"));
    CHECK_STR((char*)getauxval(AT_EXECFN), start_argv[0]);
    CHECK(getauxval(AT_ENTRY) != 0);
    CHECK(getauxval(AT_SYSINFO_EHDR) != 0);
    CHECK_EQ(getauxval(AT_SYSINFO_EHDR) % PAGE, 0);
}

TEST(program_headers) {
    const Elf64_Phdr* ph = (void*)getauxval(AT_PHDR);
    size_t n = getauxval(AT_PHNUM);
    NEED(ph && n > 2);
    bool interp = false, stack = false;
    uintptr_t bias = 0;
    for (size_t i = 0; i < n; i++)
        if (ph[i].p_type == PT_PHDR)
            bias = (uintptr_t)ph - ph[i].p_vaddr;
    for (size_t i = 0; i < n; i++) {
        interp |= ph[i].p_type == PT_INTERP;
        if (ph[i].p_type == PT_GNU_STACK) {
            stack = true;
            CHECK_EQ(ph[i].p_flags & PF_X, 0);
        }
        if (ph[i].p_type == PT_LOAD) {
            struct map m;
            CHECK(map_of((void*)(bias + ph[i].p_vaddr), &m));
            CHECK(strstr(m.name, "elf_start") != NULL);
        }
    }
    CHECK(stack);
    CHECK_EQ(interp, getauxval(AT_BASE) != 0);
    struct map m;
    int local;
    CHECK(map_of(&local, &m));
    CHECK_STR(m.perms, "rw-p");
    CHECK_STR(m.name, "[stack]");
}

TEST(stack_layout) {
    /* argc, argv, NULL, envp, NULL, auxv up to AT_NULL; strings above, the file name last */
    char** p = start_argv + start_argc;
    CHECK_EQ(*p, 0);
    CHECK_EQ(((long*)start_argv)[-1], start_argc);
    CHECK_EQ((uintptr_t)(start_argv - 1) % 16, 0);
    p++;
    while (*p)
        p++;
    Elf64_auxv_t* aux = (void*)(p + 1);
    int count = 0;
    bool seen[64] = {0};
    for (; aux[count].a_type != AT_NULL && count < 60; count++) {
        CHECK(aux[count].a_type < 64);
        if (aux[count].a_type < 64) {
            CHECK(!seen[aux[count].a_type]);
            seen[aux[count].a_type] = true;
        }
    }
    static const int required[] = {
        AT_SYSINFO_EHDR, AT_HWCAP,  AT_PAGESZ, AT_CLKTCK, AT_PHDR,     AT_PHENT,      AT_PHNUM,
        AT_BASE,         AT_FLAGS,  AT_ENTRY,  AT_UID,    AT_EUID,     AT_GID,        AT_EGID,
        AT_SECURE,       AT_RANDOM, AT_HWCAP2, AT_EXECFN, AT_PLATFORM, AT_MINSIGSTKSZ};
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
        if (!seen[required[i]])
            CHECK_EQ(required[i], -1);
    char* fn = (char*)getauxval(AT_EXECFN);
    CHECK(fn > (char*)aux);
    CHECK(start_argv[0] > (char*)aux && start_argv[0] < fn);
    /* /proc/self/auxv is the same vector */
    static Elf64_auxv_t file[64];
    int fd = open("/proc/self/auxv", O_RDONLY);
    CHECK_EQ(read(fd, file, sizeof(file)), (count + 1) * 16);
    CHECK_MEM(file, aux, (count + 1) * 16);
    close(fd);
}

TEST(arguments_pass) {
    char text[4096];
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t n = read(fd, text, sizeof(text));
    close(fd);
    char* at = text;
    for (int i = 0; i < start_argc; i++) {
        CHECK_STR(at, start_argv[i]);
        at += strlen(at) + 1;
    }
    CHECK_EQ(at - text, n);
    for (int i = 1; i < start_argc; i++)
        say("argument %d: %s\n", i, start_argv[i]);
    for (char** e = environ; *e; e++)
        if (strncmp(*e, "CULM", 4) && strncmp(*e, "PWD=", 4))
            say("environment: %s\n", *e);
    fd = open("/proc/self/environ", O_RDONLY);
    n = read(fd, text, sizeof(text));
    close(fd);
    at = text;
    for (char** e = environ; *e; e++) {
        CHECK_STR(at, *e);
        at += strlen(at) + 1;
    }
    CHECK_EQ(at - text, n);
}

static void* vdso_symbol(const char* name) {
    const Elf64_Ehdr* eh = (void*)getauxval(AT_SYSINFO_EHDR);
    const Elf64_Phdr* ph = (void*)((char*)eh + eh->e_phoff);
    uintptr_t bias = (uintptr_t)eh;
    const Elf64_Dyn* dyn = NULL;
    for (int i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type == PT_LOAD)
            bias = (uintptr_t)eh + ph[i].p_offset - ph[i].p_vaddr;
        if (ph[i].p_type == PT_DYNAMIC)
            dyn = (void*)((char*)eh + ph[i].p_offset);
    }
    const Elf64_Sym* symbols = NULL;
    const char* strings = NULL;
    const uint32_t* hash = NULL;
    for (; dyn && dyn->d_tag; dyn++) {
        void* p = (void*)(dyn->d_un.d_ptr + bias);
        symbols = dyn->d_tag == DT_SYMTAB ? p : symbols;
        strings = dyn->d_tag == DT_STRTAB ? p : strings;
        hash = dyn->d_tag == DT_HASH ? p : hash;
    }
    /* newer kernels have only DT_GNU_HASH: walk symbols up to the string table then */
    size_t n = hash ? hash[1] : ((uintptr_t)strings - (uintptr_t)symbols) / sizeof(Elf64_Sym);
    for (size_t i = 0; symbols && strings && i < n; i++)
        if (symbols[i].st_shndx && !strcmp(strings + symbols[i].st_name, name))
            return (void*)(symbols[i].st_value + bias);
    return NULL;
}

TEST(vdso) {
    const Elf64_Ehdr* eh = (void*)getauxval(AT_SYSINFO_EHDR);
    CHECK_MEM(eh->e_ident, ELFMAG, 4);
    CHECK_EQ(eh->e_type, ET_DYN);
    CHECK_EQ(eh->e_machine, EM_X86_64);
    struct map m;
    CHECK(map_of(eh, &m));
    CHECK_STR(m.name, "[vdso]");
    CHECK_STR(m.perms, "r-xp");
    int (*gettime)(int, struct timespec*) = vdso_symbol("__vdso_clock_gettime");
    int (*tod)(void*, void*) = vdso_symbol("__vdso_gettimeofday");
    long (*get_time)(long*) = vdso_symbol("__vdso_time");
    int (*getcpu)(unsigned*, unsigned*, void*) = vdso_symbol("__vdso_getcpu");
    NEED(gettime && tod && get_time && getcpu);
    struct timespec a, b, c;
    static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
                                 CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE};
    for (size_t i = 0; i < 5; i++) {
        bool coarse = clocks[i] == CLOCK_REALTIME_COARSE;
        CHECK_EQ(sc(SYS_clock_gettime, clocks[i], &a), 0);
        CHECK_EQ(gettime(clocks[i], &b), 0);
        CHECK_EQ(sc(SYS_clock_gettime, clocks[i], &c), 0);
        long long x = a.tv_sec * 1000000000LL + a.tv_nsec, y = b.tv_sec * 1000000000LL + b.tv_nsec,
                  z = c.tv_sec * 1000000000LL + c.tv_nsec;
        CHECK(coarse || (x <= y && y <= z));
    }
    CHECK_EQ(gettime(12345, &a), -EINVAL);
    CHECK_EQ(gettime(CLOCK_PROCESS_CPUTIME_ID, &a), 0);
    long tv[2];
    CHECK_EQ(tod(tv, NULL), 0);
    long now = get_time(NULL);
    CHECK(now - tv[0] <= 1 && now - tv[0] >= -1);
    unsigned cpu = 9999, node = 9999;
    CHECK_EQ(getcpu(&cpu, &node, NULL), 0);
    CHECK(cpu < 4096);
}

TEST(maps_of_a_program) {
    struct map m;
    CHECK(map_of((void*)&getauxval, &m));
    CHECK_STR(m.perms, "r-xp");
    CHECK(map_of((void*)start_argv, &m));
    CHECK_STR(m.name, "[stack]");
    /* no line may be writable and executable, addresses ascend, none overlap */
    char line[700], perms[5];
    unsigned long start, end, last = 0;
    FILE* f = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof(line), f)) {
        CHECK_EQ(sscanf(line, "%lx-%lx %4s", &start, &end, perms), 3);
        CHECK(start >= last && end > start);
        CHECK(!(perms[1] == 'w' && perms[2] == 'x'));
        CHECK(strstr(line, "culm") == NULL || strstr(line, "elf_start"));
        last = end;
    }
    fclose(f);
}

TEST(stack_grows) {
    struct rlimit limit;
    getrlimit(RLIMIT_STACK, &limit);
    if (limit.rlim_cur < (8UL << 20))
        SKIP("the stack limit is under 8 MiB");
    volatile char big[6 << 20];
    big[0] = 1;
    big[sizeof(big) - 1] = 2;
    CHECK_EQ(big[0] + big[sizeof(big) - 1], 3);
    struct map m;
    CHECK(map_of((void*)&big[0], &m));
    CHECK_STR(m.name, "[stack]");
}

int main(int argc, char** argv) {
    start_argv = argv;
    start_argc = argc;
    for (int i = 0; i < oracle_count; i++) {
        oracle_current = oracle_tests[i].name;
        int before = oracle_failures;
        if (!setjmp(oracle_next))
            oracle_tests[i].run();
        if (oracle_failures == before && !oracle_skipped)
            say("ok %s\n", oracle_current);
    }
    return oracle_failures ? oracle_first_failure : 0;
}
