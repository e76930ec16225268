/* A guest that means harm, or is broken beyond hope: each case ends as on Linux, by the same signal
 * or status. One case per run, named by the argument. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long call(long nr, long a, long b, long c, long d, long e, long f) {
    long ret;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}

static int is(const char* a, const char* b) {
    return !strcmp(a, b);
}

static void* closer(void* arg) {
    (void)arg;
    unsigned x = 1;
    for (int i = 0; i < 20000; i++) {
        x = x * 1664525 + 1013904223;
        close(x >> 8 & 1023);
    }
    return NULL;
}

/* Where a fault of a bad access to a kernel-owned part goes. */
static void poke(volatile char* p) {
    *p = 1;
}

int main(int argc, char** argv) {
    const char* what = argc > 1 ? argv[1] : "";
    char* vdso = (char*)getauxval(AT_SYSINFO_EHDR);
    if (is(what, "numbers")) { /* beyond the table, negative, x32 */
        static const long nrs[] = {471,        500,         511,        512,        548,
                                   1000,       4096,        65536,      -1,         -2,
                                   0x40000000, 0x40000001,  0x40000027, 0x7fffffff, 0x80000000,
                                   -4096,      0x100000027, 0xffffffff, 470000,     423,
                                   INT64_MAX,  0x80000027L, 180};
        int bad = 0;
        for (unsigned i = 0; i < sizeof(nrs) / sizeof(nrs[0]); i++) {
            long r = call(nrs[i], -1, -1, -1, -1, -1, -1);
            if (r != -ENOSYS && r != getpid()) {
                printf("%lx: %ld\n", nrs[i], r);
                bad = 1;
            }
        }
        return bad;
    }
    if (is(what, "int80")) { /* 32-bit exit(7), if the kernel has it; SIGSEGV if not */
        __asm__ volatile("int $0x80" : : "a"(1), "b"(7));
        return 8;
    }
    if (is(what, "sysenter")) {
        __asm__ volatile("xor %%ebp,%%ebp; sysenter" : : "a"(1), "b"(7));
        return 8;
    }
    if (is(what, "far-jump")) { /* into 32-bit mode, where a null pointer is waiting */
        char* p = mmap((void*)0x20000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(p, "\x31\xc0\x89\x00\xf4", 5); /* xor %eax,%eax; mov %eax,(%eax); hlt */
        struct {
            uint32_t offset;
            uint16_t selector;
        } __attribute__((packed)) far = {(uint32_t)(uintptr_t)p, 0x23};
        __asm__ volatile("ljmp *%0" : : "m"(far) : "memory", "rax");
        return 8;
    }
    if (is(what, "close-all")) {
        pthread_t t[4];
        for (int i = 0; i < 4; i++)
            pthread_create(&t[i], NULL, closer, NULL);
        for (int i = 0; i < 4; i++)
            pthread_join(t[i], NULL);
        close_range(0, -1u, 0);
        return open("/dev/null", O_RDONLY) == 0 ? 7 : 8;
    }
    if (is(what, "unmap-code")) { /* this code too */
        call(SYS_munmap, (long)main & ~0xfffffL, 0x200000, 0, 0, 0, 0);
        return 8;
    }
    if (is(what, "unmap-low")) {
        call(SYS_munmap, 0x10000, (long)main & ~0xfffffffL, 0, 0, 0, 0);
        return 7;
    }
    if (is(what, "unmap-stack")) {
        uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
        call(SYS_munmap, (sp & ~0xfffffL), 0x200000, 0, 0, 0, 0);
        poke((char*)sp - 8);
        return 8;
    }
    if (is(what, "unmap-all")) { /* also what is not mapped, or not the program's */
        call(SYS_munmap, 0, 0x7ffffffff000, 0, 0, 0, 0);
        return 8;
    }
    if (is(what, "unmap-vdso")) {
        for (uintptr_t p = (uintptr_t)vdso - 0x10000; p < (uintptr_t)vdso + 0x10000; p += 0x1000)
            call(SYS_munmap, p, 0x1000, 0, 0, 0, 0);
        return call(SYS_getppid, 0, 0, 0, 0, 0, 0) > 0 || 1 ? 7 : 8;
    }
    if (is(what, "write-vdso")) {
        poke(vdso);
        return 8;
    }
    if (is(what, "protect-vdso")) {
        if (!mprotect(vdso, 4096, PROT_READ | PROT_WRITE | PROT_EXEC)) /* newer kernels seal it */
            memset(vdso, 0xcc, 4096);
        return call(SYS_getpid, 0, 0, 0, 0, 0, 0) > 0 ? 7 : 8;
    }
    if (is(what, "protect-none")) { /* all of this program's own code and data */
        call(SYS_mprotect, (long)main & ~0xfffL, 0x1000, PROT_NONE, 0, 0, 0);
        return 8;
    }
    if (is(what, "map-over")) { /* MAP_FIXED over everything below the stack, in steps */
        for (uintptr_t p = 0x10000; p < 0x7ff000000000; p += 0x1000000000)
            call(SYS_mmap, p & ~0xfffL, 0x1000, PROT_NONE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
        return 7;
    }
    if (is(what,
           "write-everywhere")) { /* process_vm_writev and read() into what is mapped elsewhere */
        char junk[64] = {0};
        unsigned long ok = 0;
        for (uintptr_t p = 0x0b0f0000; p < 0x0b100000; p += 0x1000) {
            struct iovec l = {junk, sizeof(junk)}, r = {(void*)p, sizeof(junk)};
            ok += call(SYS_process_vm_writev, getpid(), (long)&l, 1, (long)&r, 1, 0) > 0;
        }
        return ok || getppid() < 0 ? 8 : 7;
    }
    if (is(what, "jump-slots")) { /* lands where a call-site stub or nothing may be */
        void (*f)(void) = (void (*)(void))0x0b0f0b0f;
        f();
        return 8;
    }
    if (is(what, "write-slots")) {
        poke((char*)0x0b0f0000);
        return 8;
    }
    if (is(what, "gs")) {
        volatile char c;
        __asm__ volatile("movb %%gs:0x7fffffff,%0" : "=r"(c));
        return c ? 8 : 9;
    }
    if (is(what, "noncanonical")) {
        poke((char*)0x800000000000);
        return 8;
    }
    if (is(what, "jump-noncanonical")) {
        __asm__ volatile("movabs $0x8000000000001234,%%rax; push %%rax; ret" : : : "rax");
        return 8;
    }
    if (is(what, "kernel-address")) {
        poke((char*)0xffffffff81000000);
        return 8;
    }
    if (is(what, "bad-rsp-call")) { /* a call with a stack pointer that points nowhere, then exit */
        __asm__ volatile("xor %%esp,%%esp; mov $39,%%eax; syscall; mov $7,%%edi; mov $231,%%eax; "
                         "syscall"
                         :
                         :
                         : "rax", "rcx", "r11");
        __builtin_unreachable();
    }
    if (is(what, "bad-rsp-fault")) {
        __asm__ volatile("mov $0x1234,%%esp; push %%rax" : : : "memory");
        __builtin_unreachable();
    }
    if (is(what, "trap-flag")) { /* single step without a debugger: SIGTRAP */
        __asm__ volatile("pushf; orl $0x100,(%%rsp); popf; mov $39,%%eax; syscall; nop; nop"
                         :
                         :
                         : "rax", "rcx", "r11", "memory");
        return 8;
    }
    if (is(what, "alignment")) { /* EFLAGS.AC: an unaligned access is SIGBUS; calls work */
        __asm__ volatile("pushf; orl $0x40000,(%%rsp); popf; mov $39,%%eax; syscall; "
                         "lea 1(%%rsp),%%rax; mov (%%rax),%%rcx"
                         :
                         :
                         : "rax", "rcx", "r11", "memory");
        return 8;
    }
    if (is(what, "direction")) { /* the direction flag set across calls */
        long pid = getpid(), r;
        __asm__ volatile("std; mov $39,%%eax; syscall; cld" : "=a"(r) : : "rcx", "r11", "memory");
        char buf[64];
        long n;
        __asm__ volatile("std; syscall; cld"
                         : "=a"(n)
                         : "a"(SYS_getcwd), "D"(buf), "S"(64)
                         : "rcx", "r11", "memory");
        return r == pid && n > 0 && buf[0] == '/' ? 7 : 8;
    }
    if (is(what, "privileged")) {
        __asm__ volatile("cli");
        return 8;
    }
    if (is(what, "port")) {
        __asm__ volatile("outb %%al,$0x80" : : "a"(0));
        return 8;
    }
    if (is(what, "cr")) {
        __asm__ volatile("mov %%cr0,%%rax" : : : "rax");
        return 8;
    }
    if (is(what, "int3-range")) { /* every software interrupt that user mode may not raise */
        __asm__ volatile("int $0x70");
        return 8;
    }
    if (is(what, "into-vsyscall")) { /* gettimeofday of old */
        long (*f)(void*, void*) = (long (*)(void*, void*))0xffffffffff600000;
        f(NULL, NULL);
        return 0;
    }
    if (is(what, "gsbase")) { /* moving GS, then a call and a fault */
        unsigned long gs = 0x1000;
        __asm__ volatile("wrgsbase %0" : : "r"(gs));
        call(SYS_getpid, 0, 0, 0, 0, 0, 0);
        poke(NULL);
        return 8;
    }
    fprintf(stderr, "what?\n");
    return 2;
}
